/* engine_ingest.c: headers, batches and cuts that a peer sent.
 *
 * The repo judges each of them; this file says what its verdict means for the
 * peer. What is only early (no header yet, a gap) is asked for. What is wrong
 * is refused by name: it is told to the peer and kept on the list of what this
 * store lacks in spite of the position it acknowledges; all else goes on. What
 * no honest device would have relayed is a strike besides. A time too far
 * ahead is none, and neither is a fork: both are the author's doing.
 *
 * A batch behind the beginning of its session that does not verify may be the
 * other branch of a fork, whose earlier part we have never seen: the session
 * is asked for once more, from its beginning, before anybody is blamed.
 *
 * A document whose owner is not held cannot be served to anybody. It is noted
 * under its owner; when that arrives, the document is told as if it were new,
 * and asked for: a cut of it cannot be judged before.
 */
#include "core/planted.h"
#include "crdt/repo_cut.h"
#include "sync/engine_internal.h"

struct ingest {
    struct cove_conn *conn;
    struct cove_engine *engine;
    struct cove_diag diag;
    cove_num first_new;      /* of the documents that are new in this message */
    struct cove_id last;     /* document that was counted last */
    struct cove_group group; /* that stood last in the message; count 0: none */
    const struct cove_verify *verify; /* what was verified before, or NULL */
};

/* --- refusing */

bool ingest_suspects(const struct cove_conn *conn, const struct cove_id *id,
                     const struct cove_session_id *session)
{
    const struct conn_take *take = &conn->take;

    for (size_t i = 0; i < take->suspect_count; i++) {
        if (memcmp(&take->suspects[i].id, id, sizeof(*id)) == 0 &&
            memcmp(&take->suspects[i].session, session, sizeof(*session)) ==
                0) {
            return true;
        }
    }
    return false;
}

/* Note a session to be asked for from its beginning; false where that was done
 * already, or for too many. */
static bool ingest_suspect(struct ingest *in, const struct cove_batch *batch)
{
    struct conn_take *take = &in->conn->take;

    if (batch->start == 0 || COVE_PLANTED("fork-blamed") ||
        take->suspect_count == ENGINE_SUSPECTS ||
        ingest_suspects(in->conn, &batch->document, &batch->session)) {
        return false;
    }
    if (take->suspects == NULL) {
        take->suspects = cove_alloc_zero(in->engine->opt.alloc, ENGINE_SUSPECTS,
                                         sizeof(*take->suspects));
        if (take->suspects == NULL) {
            return false;
        }
    }
    take->suspects[take->suspect_count].id = batch->document;
    take->suspects[take->suspect_count++].session = batch->session;
    return true;
}

/* id is NULL where it could not even be read. */
static int ingest_refuse(struct ingest *in, const struct cove_id *id, int code,
                         bool strike)
{
    struct cove_conn *conn = in->conn;
    struct conn_take *take = &conn->take;
    struct engine_peer *peer = conn->peer;
    struct cove_refusal refusal = {.has_id = id != NULL, .code = code};
    char text[COVE_ID_TEXT_MAX] = "a batch";
    int err = 0;

    in->engine->refused++;

    if (id != NULL) {
        struct take_want *want = take_want_find(conn, id);

        refusal.id = *id;
        cove_id_text(id, text);
        if (want != NULL) {
            want->failed = true;
        }
        if (!cove_refused_has(&peer->here, id) &&
            !COVE_PLANTED("position-past-refused")) {
            take->stuck = !cove_refused_add(&peer->here, id) || take->stuck;
            peer->here_changed = take->ack_due = true;
        }
    } else {
        take->stuck = true; /* who knows what it was */
    }
    if (in->diag.code == 0) {
        (void)cove_fail(&in->diag, code, "%s", cove_error_text(code));
    }
    refusal.text = cove_bytes_text(in->diag.text);
    if (take->refusals.count < COVE_MESSAGE_MAX_REFUSED) {
        err = cove_message_add_refusal(&take->refusals, &refusal);
    }
    if (take->refused++ < ENGINE_STRIKES) {
        conn_event(conn, "refused %s: %s", text, in->diag.text);
    }
    if (strike && engine_strike(conn, 1)) {
        return conn_fail(conn, COVE_EPROTOCOL,
                         "%d times the peer sent what no honest device would, "
                         "the last: %s",
                         COVE_BAN_STRIKES, in->diag.text);
    }
    return err;
}

/* The transaction cannot go on. */
static int ingest_fatal(struct ingest *in, int code)
{
    return engine_abort(in->engine, code,
                        in->diag.code != 0 ? in->diag.text
                                           : "what came could not be kept");
}

static int ingest_step(struct ingest *in, struct cove_bytes bytes)
{
    int err = engine_write(in->engine, in->engine->now_ms);

    cove_diag_clear(&in->diag);
    if (err == 0) {
        cove_arena_reset(&in->engine->arena);
        in->engine->txn_bytes += bytes.len;
    }
    return err;
}

/* --- documents without their owner */

static const char ORPHAN[] = "orphan:";
#define ORPHAN_NAME (sizeof(ORPHAN) - 1)
#define ORPHAN_KEY  (ORPHAN_NAME + 2 * sizeof(struct cove_id))

static void orphan_key(const struct cove_id *owner, const struct cove_id *id,
                       uint8_t out[ORPHAN_KEY])
{
    memcpy(out, ORPHAN, ORPHAN_NAME);
    memcpy(out + ORPHAN_NAME, owner->b, sizeof(owner->b));
    memcpy(out + ORPHAN_NAME + sizeof(owner->b), id->b, sizeof(id->b));
}

static int orphan_note(struct ingest *in, const struct cove_id *owner,
                       const struct cove_id *id)
{
    uint8_t key[ORPHAN_KEY];

    orphan_key(owner, id, key);
    return cove_repo_record_put(in->engine->opt.repo, in->engine->txn,
                                COVE_RECORDS_META, cove_bytes(key, sizeof(key)),
                                cove_bytes("", 1));
}

/* One document whose owner has come: a load finds that out, judges what it
 * holds anew, and notes a change. */
static int orphan_adopt(struct ingest *in, const struct cove_id *id)
{
    struct cove_repo *repo = in->engine->opt.repo;
    struct cove_doc doc;
    cove_num num;
    int err = cove_repo_find(repo, in->engine->txn, id, &num);

    if (err == 0) {
        cove_arena_reset(&in->engine->arena);
        err = cove_repo_load(repo, in->engine->txn, num, &in->engine->arena,
                             &doc, NULL);
    }
    if (err == COVE_ENOTFOUND || err == COVE_EREMOVED) {
        return 0; /* it may turn out to have been removed */
    }
    return err != 0 || !cove_refused_has(&in->conn->peer->here, id)
               ? err
               : take_again(in->conn, id);
}

static int orphans_adopt(struct ingest *in, const struct cove_id *owner)
{
    struct cove_repo *repo = in->engine->opt.repo;
    struct cove_store_txn *txn = in->engine->txn;
    struct cove_entry entry;
    struct cove_id id = {.b = {0}};
    uint8_t key[ORPHAN_KEY];
    int err;

    orphan_key(owner, &id, key);
    while ((err = cove_repo_record_next(repo, txn, COVE_RECORDS_META,
                                        cove_bytes(key, sizeof(key)),
                                        &entry)) == 0) {
        if (entry.key.len != sizeof(key) ||
            memcmp(entry.key.at, key, sizeof(key) - sizeof(id)) != 0) {
            return 0;
        }
        memcpy(key, entry.key.at, sizeof(key));
        memcpy(id.b, key + sizeof(key) - sizeof(id), sizeof(id));
        err = cove_repo_record_del(repo, txn, COVE_RECORDS_META,
                                   cove_bytes(key, sizeof(key)));
        if (err == 0) {
            err = orphan_adopt(in, &id);
        }
        if (err != 0) {
            return err;
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* A header is new here: is its owner here, or is it somebody's owner? */
static int ingest_relate(struct ingest *in, const struct cove_id *id,
                         struct cove_bytes bytes)
{
    struct conn_take *take = &in->conn->take;
    struct cove_header header;
    cove_num num;
    int err = cove_header_decode(bytes, &header, NULL);

    if (err != 0) {
        return err;
    }
    if (!header.has_owner) {
        return COVE_PLANTED("orphans-left") ? 0 : orphans_adopt(in, id);
    }
    if (take->has_last_owner &&
        memcmp(&take->last_owner, &header.owner, sizeof(header.owner)) == 0) {
        return 0;
    }
    err = cove_repo_find(in->engine->opt.repo, in->engine->txn, &header.owner,
                         &num);
    if (err == 0) {
        take->last_owner = header.owner;
        take->has_last_owner = true;
        return 0;
    }
    if (err == COVE_ENOTFOUND) {
        err = orphan_note(in, &header.owner, id);
    }
    return err == 0 ? take_miss(in->conn, &header.owner) : err;
}

/* --- quotas */

void cove_engine_quota(struct cove_engine *engine, uint64_t documents,
                       uint64_t bytes)
{
    engine->quotas.documents = documents;
    engine->quotas.bytes = bytes;
}

void cove_engine_counts(const struct cove_engine *engine,
                        struct cove_engine_counts *out)
{
    out->strikes = engine->strikes;
    out->refused = engine->refused;
    out->over_quota = engine->quotas.refused;
}

/* May the peer bring so much more? Else it is refused by name, which is no
 * strike: an honest device may have much to bring. */
static bool ingest_fits(struct ingest *in, unsigned documents, size_t bytes)
{
    struct cove_quotas *quotas = &in->engine->quotas;

    if (cove_quota_fits(quotas, in->engine->now_ms, &in->conn->peer->key,
                        documents, bytes)) {
        return true;
    }
    (void)cove_fail(&in->diag, COVE_ELIMIT,
                    "this device has brought what one may in a day: its quota "
                    "here is %llu documents and %llu bytes (0: any number)",
                    (unsigned long long)quotas->documents,
                    (unsigned long long)quotas->bytes);
    return false;
}

static void ingest_use(struct ingest *in, unsigned documents, size_t bytes)
{
    cove_quota_use(&in->engine->quotas, in->engine->now_ms,
                   &in->conn->peer->key, documents, bytes);
}

/* --- one header, one batch */

static int ingest_header(struct ingest *in, struct cove_bytes bytes)
{
    struct cove_repo *repo = in->engine->opt.repo;
    struct cove_id id = cove_header_id(bytes);
    cove_num num;
    int err = ingest_step(in, bytes);

    if (err != 0) {
        return err;
    }
    err = cove_repo_find(repo, in->engine->txn, &id, &num);
    if (err == 0) {
        return 0;
    }
    if (err == COVE_ENOTFOUND && !ingest_fits(in, 1, bytes.len)) {
        return ingest_refuse(in, &id, COVE_ELIMIT, false);
    }
    if (err == COVE_ENOTFOUND) {
        err = cove_repo_ingest_header(repo, in->engine->txn, &id, bytes, &num,
                                      &in->diag);
    }
    switch (err) {
    case 0:
        in->conn->take.fresh = true;
        in->conn->documents_in++;
        ingest_use(in, 1, bytes.len);
        in->first_new = in->first_new == 0 ? num : in->first_new;
        err = engine_guest_record(in->conn);
        err = err != 0 ? err : ingest_relate(in, &id, bytes);
        return err == 0 || in->conn->done ? err : ingest_fatal(in, err);
    case COVE_EHASH:
    case COVE_EFORMAT:
    case COVE_ELIMIT:
    case COVE_ERESERVED:
        return ingest_refuse(in, &id, err, true);
    default:
        return ingest_fatal(in, err);
    }
}

/* So many bytes brought something new. */
static int ingest_added(struct ingest *in, const struct cove_id *id,
                        cove_num num, size_t bytes)
{
    struct cove_conn *conn = in->conn;
    int err = engine_guest_record(conn);

    if (err != 0) {
        return ingest_fatal(in, err);
    }
    ingest_use(in, 0, bytes); /* of its quota */
    conn->take.fresh = true;
    if ((in->first_new == 0 || num < in->first_new) &&
        memcmp(&in->last, id, sizeof(in->last)) != 0) {
        conn->documents_in++;
        in->last = *id;
    }
    return 0;
}

static int ingest_taken(struct ingest *in, const struct cove_batch *batch,
                        const struct cove_ingest_result *result)
{
    struct cove_conn *conn = in->conn;

    if (result->removed) {
        char text[COVE_ID_TEXT_MAX];

        cove_id_text(&batch->document, text);
        conn_event(conn, "%s was removed, and is no longer here", text);
    }
    /* Who relays what its author had no right to is not to blame; the author
     * is. */
    if (result->denied > 0 &&
        memcmp(&batch->device, &conn->peer->key, sizeof(batch->device)) == 0) {
        conn_event(conn, "%u transactions without the right to write",
                   (unsigned)result->denied);
        conn->take.strikes++;
        if (++conn->take.denied >= ENGINE_STRIKES) {
            conn->blameless = true; /* it may not know yet that it has none */
            return conn_fail(conn, COVE_EPROTOCOL,
                             "the peer keeps writing without the right to");
        }
    }
    return 0;
}

static int ingest_verdict(struct ingest *in, const struct cove_batch *batch,
                          int err)
{
    switch (err) {
    case COVE_ENOTFOUND:
    case COVE_EGAP:
        return take_miss(in->conn, &batch->document);
    case COVE_EREMOVED: /* its digest follows, which is answered */
        return 0;
    case COVE_ESIGNATURE:
        if (ingest_suspect(in, batch)) {
            return take_again(in->conn, &batch->document);
        }
        return ingest_refuse(in, &batch->document, err, true);
    case COVE_EHASH:
    case COVE_EFORMAT:
    case COVE_ELIMIT:
    case COVE_ERESERVED:
        return ingest_refuse(in, &batch->document, err, true);
    case COVE_ECLOCK:
    case COVE_EFORK:
    case COVE_EDENIED:
    case COVE_ENEWER:
    case COVE_ECUT:
        return ingest_refuse(in, &batch->document, err, false);
    default:
        return ingest_fatal(in, err);
    }
}

/* --- a cut */

/* Without the owner nobody can say who may cut: it is on the list of what this
 * store lacks until that comes. */
static int cut_verdict(struct ingest *in, const struct cove_id *id, int err)
{
    switch (err) {
    case COVE_ENOTFOUND:
        return take_miss(in->conn, id);
    case COVE_EREMOVED:
        return 0;
    case COVE_EDENIED:
    case COVE_EFORMAT:
    case COVE_EHASH:
    case COVE_ESIGNATURE:
    case COVE_ELIMIT:
    case COVE_ERESERVED:
        return ingest_refuse(in, id, err, true);
    case COVE_EGAP:
    case COVE_EFORK:
    case COVE_ECUT:
    case COVE_ECLOCK:
    case COVE_EUNSUPPORTED:
    case COVE_ENEWER:
        return ingest_refuse(in, id, err, false);
    default:
        return ingest_fatal(in, err);
    }
}

static int ingest_cut(struct ingest *in, struct cove_bytes bytes)
{
    struct cove_engine *engine = in->engine;
    struct cove_ingest_result result;
    struct cove_id id;
    uint32_t number = 0;

    if (!cove_cut_document(bytes, &id)) {
        return ingest_refuse(in, NULL, COVE_EFORMAT, true);
    }
    if (!ingest_fits(in, 0, bytes.len)) {
        return ingest_refuse(in, &id, COVE_ELIMIT, false);
    }

    int err = engine_guest_number(in->conn, &number);

    if (err != 0) {
        return ingest_fatal(in, err);
    }
    err = cove_repo_cut_take(engine->opt.repo, engine->txn, bytes, number,
                             &result, &in->diag);
    if (err != 0) {
        return cut_verdict(in, &id, err);
    }
    return result.added > 0 ? ingest_added(in, &id, result.num, bytes.len) : 0;
}

/* --- the others among the batches */

/* Item n, a group, is for the batches behind it; its bytes lie in the message.
 */
static int ingest_group(struct ingest *in, size_t n, struct cove_bytes bytes)
{
    struct cove_group group;
    int err = cove_group_decode(bytes, &group, &in->diag);

    in->group.count = 0;
    if (err == 0) {
        group.verified =
            in->verify != NULL && cove_verify_group_holds(in->verify, n);
        err = group.verified ? 0 : cove_group_verify(&group);
    }
    if (err != 0) {
        return ingest_refuse(in, NULL, err, true);
    }
    in->group = group;
    return 0;
}

static int ingest_batch(struct ingest *in, size_t n, struct cove_bytes bytes)
{
    struct cove_engine *engine = in->engine;
    struct cove_ingest_result result;
    struct cove_batch batch;
    uint32_t number = 0;
    int err = ingest_step(in, bytes);

    if (err != 0) {
        return err;
    }
    if (cove_group_is(bytes)) {
        return ingest_group(in, n, bytes);
    }
    if (cove_cut_is(bytes)) {
        return ingest_cut(in, bytes);
    }
    err = cove_batch_decode(bytes, &engine->arena, &batch, &in->diag);
    if (err != 0) {
        return err == COVE_ENOMEM ? err : ingest_refuse(in, NULL, err, true);
    }
    if (batch.proof.shared && in->group.count > 0) {
        batch.proof.group = &in->group;
    }
    if (!ingest_fits(in, 0, bytes.len)) {
        return ingest_refuse(in, &batch.document, COVE_ELIMIT, false);
    }
    batch.proof.proven =
        in->verify != NULL ? cove_verify_head(in->verify, n) : NULL;
    err = engine_guest_number(in->conn, &number);
    if (err != 0) {
        return ingest_fatal(in, err);
    }
    err = cove_repo_ingest(engine->opt.repo, engine->txn, &batch, number,
                           &result, &in->diag);
    if (err != 0) {
        return ingest_verdict(in, &batch, err);
    }
    err = ways_taken(in->conn, &batch.document, result.added > 0);
    if (err == 0 && result.added > 0) {
        err = ingest_added(in, &batch.document, result.num, bytes.len);
    }
    return err == 0 ? ingest_taken(in, &batch, &result) : err;
}

static int ingest_take(struct cove_conn *conn,
                       const struct cove_message *message,
                       const struct cove_verify *verify)
{
    struct ingest in = {.conn = conn, .engine = conn->engine, .verify = verify};
    struct cove_reader walk = cove_message_walk(&message->headers);
    struct cove_bytes bytes;
    struct cove_id id;
    int err = 0;

    for (size_t i = 0; i < message->headers.count && err == 0; i++) {
        (void)cove_message_next_bytes(&walk, &bytes);
        err = ingest_header(&in, bytes);
    }
    walk = cove_message_walk(&message->batches);
    for (size_t i = 0; i < message->batches.count && err == 0; i++) {
        (void)cove_message_next_bytes(&walk, &bytes);
        err = ingest_batch(&in, i, bytes);
    }
    walk = cove_message_walk(&message->done);
    for (size_t i = 0; i < message->done.count && err == 0; i++) {
        (void)cove_message_next_id(&walk, &id);
        err = take_done(conn, &id);
    }
    return err;
}

int ingest_content(struct cove_conn *conn, const struct cove_message *message)
{
    struct cove_engine *engine = conn->engine;
    struct cove_verify *verify;

    if (engine->verify == NULL ||
        !cove_verify_pays(message, engine->opt.verify_least) ||
        cove_verify_new(engine->opt.alloc, message, &verify) != 0) {
        return ingest_take(conn, message, NULL);
    }
    if (engine->verify(engine->verify_ctx, verify) != 0) {
        cove_verify_free(verify);
        return ingest_take(conn, message, NULL);
    }
    conn->take.verify = verify;
    return 0;
}

int ingest_verified(struct cove_conn *conn, const struct cove_verify *verify)
{
    return ingest_take(conn, cove_verify_message(verify), verify);
}
