/* engine_give.c: what goes to the peer.
 *
 * Lists of headers, batches, answers and haves fill up to about 256 KiB, then
 * they go as messages: content first, then the haves that follow from it, then
 * the position that follows from both, all in the content lane and so in this
 * order. A message goes only while there is credit (the last one may overdraw
 * it) and while little enough is queued. Answers to knows go before what is
 * told. A job remembers where in a document it stands, so that a document of
 * any size goes piece by piece, each read in a transaction of its own.
 *
 * Of a session whose beginning was cut off, who lacks a part of that gets the
 * document's cut in its place, and then the batches from there on.
 */
#include "core/limits.h"
#include "core/planted.h"
#include "crdt/repo_cut.h"
#include "sync/engine_internal.h"

/* What is nearly full, the longest that may come to it, and some more. */
_Static_assert(ENGINE_MESSAGE + COVE_MAX_CUT + 2 * COVE_MAX_BATCH <=
                   COVE_MAX_MESSAGE,
               "a cut fits a message that is not full");

void conn_give_init(struct cove_conn *conn)
{
    const struct cove_alloc *alloc = conn->engine->opt.alloc;

    conn->give.skip_from = UINT64_MAX;
    cove_message_list_init(&conn->give.headers, alloc);
    cove_message_list_init(&conn->give.batches, alloc);
    cove_message_list_init(&conn->give.done, alloc);
    cove_message_list_init(&conn->give.haves, alloc);
}

void conn_give_clear(struct cove_conn *conn)
{
    const struct cove_alloc *alloc = conn->engine->opt.alloc;
    struct conn_give *give = &conn->give;

    cove_message_list_clear(&give->headers);
    cove_message_list_clear(&give->batches);
    cove_message_list_clear(&give->done);
    cove_message_list_clear(&give->haves);
    sums_end(conn);
    cove_alloc_free(alloc, give->telling);
    while (give->jobs != NULL) {
        struct give_job *job = give->jobs;

        give->jobs = job->next;
        cove_alloc_free(alloc, job);
    }
}

/* --- one document */

bool give_is_full(const struct cove_conn *conn)
{
    const struct conn_give *give = &conn->give;

    return give->headers.items.len + give->batches.items.len >=
               conn->engine->opt.message_bytes ||
           give->headers.count >= COVE_MESSAGE_MAX_ITEMS ||
           give->batches.count + 1 >= COVE_MESSAGE_MAX_ITEMS ||
           give->done.count >= COVE_MESSAGE_MAX_DONE;
}

int give_header(struct cove_conn *conn, struct cove_bytes header)
{
    return cove_message_add_bytes(&conn->give.headers, header);
}

/* Batches of one group stand one after another where they were written in one
 * commit: the group is then said once for all of them. */
static int give_share(struct cove_conn *conn, struct cove_store_txn *txn,
                      struct cove_batch *batch)
{
    struct cove_engine *engine = conn->engine;
    struct conn_give *give = &conn->give;
    struct cove_group group = {.device = batch->device};
    int err = 0;

    if (cove_sharing_due(&give->sharing, &batch->proof, give->direct)) {
        err = cove_repo_group(engine->opt.repo, txn, give->sharing.group,
                              &engine->arena, &group);
        if (err == 0) {
            err = cove_group_encode(&group, &engine->message);
        }
        if (err == 0) {
            err = cove_message_add_bytes(&give->batches,
                                         cove_buf_bytes(&engine->message));
        }
        engine->message.len = 0;
        give->sharing.shared = err == 0;
    }
    cove_sharing_take(&give->sharing, &batch->proof);
    return err;
}

int give_session(struct cove_conn *conn, struct cove_store_txn *txn,
                 cove_num num, const struct cove_doc_session *session,
                 uint32_t *from)
{
    struct cove_engine *engine = conn->engine;
    struct cove_buf *encoded = &engine->message;
    int err = 0;

    while (err == 0 && *from < session->len && !give_is_full(conn)) {
        struct cove_batch batch;

        err = cove_repo_read(engine->opt.repo, txn, num, &session->session,
                             *from, COVE_MAX_BATCH, &engine->arena, &batch);
        if (err == COVE_ENOTFOUND ||
            (err == 0 && batch.start + batch.tx_count <= *from)) {
            err = COVE_ECORRUPT;
        }
        if (err == 0) {
            err = give_share(conn, txn, &batch);
        }
        if (err == 0) {
            err = cove_batch_encode(&batch, encoded);
        }
        if (err == 0) {
            err = cove_message_add_bytes(&conn->give.batches,
                                         cove_buf_bytes(encoded));
        }
        if (err == 0) {
            *from = batch.start + (uint32_t)batch.tx_count;
        }
        encoded->len = 0;
    }
    return err;
}

/* Who may read a document follows from its owner's header, which never
 * changes; so the last answer is kept. */
int give_role(struct cove_conn *conn, struct cove_store_txn *txn,
              cove_num owner, enum cove_role *out)
{
    struct cove_engine *engine = conn->engine;
    struct conn_give *give = &conn->give;
    int err = 0;

    if (give->owner != owner &&
        !(COVE_PLANTED("role-of-another") && give->owner != 0)) {
        err =
            cove_repo_role(engine->opt.repo, txn, owner, &conn->peer->key, out);
        if (err == COVE_ENOTFOUND) { /* it may come yet */
            *out = COVE_ROLE_NONE;
            return 0;
        }
        if (err == 0) {
            give->owner = owner;
            give->role = *out;
        }
        return err;
    }
    *out = give->role;
    return 0;
}

int give_outline(struct cove_conn *conn, struct cove_store_txn *txn,
                 cove_num num, struct cove_doc_outline *out, bool *may)
{
    struct cove_engine *engine = conn->engine;
    enum cove_role role = COVE_ROLE_NONE;

    cove_arena_reset(&engine->arena);

    int err =
        cove_repo_outline(engine->opt.repo, txn, num, &engine->arena, out);

    if (err == 0) {
        err = give_role(conn, txn, out->owner != 0 ? out->owner : num, &role);
    }
    *may = role >= COVE_ROLE_READER && !out->local;
    return err;
}

/* --- jobs */

int give_job_new(struct cove_conn *conn, const struct cove_id *id,
                 const struct cove_message_items *rows, struct give_job **out)
{
    size_t len = rows == NULL ? 0 : rows->bytes.len;
    struct give_job *job =
        cove_alloc_new(conn->engine->opt.alloc, sizeof(*job) + len);

    if (job == NULL) {
        return COVE_ENOMEM;
    }
    memset(job, 0, sizeof(*job));
    job->id = *id;
    job->rows.bytes = cove_bytes(job + 1, len);
    if (len > 0) {
        memcpy(job + 1, rows->bytes.at, len);
        job->rows.count = rows->count;
    }
    job->header_due = job->rows.count == 0;
    *out = job;
    return 0;
}

static void give_job_add(struct conn_give *give, struct give_job *job)
{
    if (give->jobs == NULL) {
        give->jobs = job;
    } else {
        give->last_job->next = job;
    }
    give->last_job = job;
}

int give_unasked(struct cove_conn *conn, const struct cove_id *id)
{
    struct conn_give *give = &conn->give;
    struct give_job *job;

    if (give->job_bytes > ENGINE_JOB_BYTES / 2) {
        return 0;
    }

    int err = give_job_new(conn, id, NULL, &job);

    if (err == 0) {
        give->job_bytes += sizeof(*job);
        give_job_add(give, job);
    }
    return err;
}

int give_know(struct cove_conn *conn, const struct cove_message *message)
{
    struct cove_reader walk = cove_message_walk(&message->know);
    struct conn_give *give = &conn->give;
    struct cove_message_items rows;
    struct give_job *job;
    struct cove_id id;

    if (message->settled > give->haves_open) {
        return conn_fail(conn, COVE_EPROTOCOL, "more is settled than was told");
    }
    give->haves_open -= message->settled;
    for (size_t i = 0; i < message->know.count; i++) {
        (void)cove_message_next_know(&walk, &id, &rows);
        give->job_bytes += sizeof(*job) + rows.bytes.len;
        if (give->job_bytes > ENGINE_JOB_BYTES) {
            (void)engine_strike(conn, COVE_BAN_BREACH);
            return conn_fail(conn, COVE_ELIMIT,
                             "the peer asks for too much at once");
        }

        int err = give_job_new(conn, &id, &rows, &job);

        if (err != 0) {
            return err;
        }
        job->reply = true;
        give_job_add(give, job);
    }
    return 0;
}

static void give_job_end(struct cove_conn *conn)
{
    struct conn_give *give = &conn->give;
    struct give_job *job = give->jobs;

    give->jobs = job->next;
    give->job_bytes -= sizeof(*job) + job->rows.bytes.len;
    cove_alloc_free(conn->engine->opt.alloc, job);
}

/* From which index on does the peer lack our session? Rows stand in order, and
 * `walk` has passed those before it. */
static uint32_t job_lack(struct cove_reader *walk,
                         const struct cove_doc_session *ours)
{
    struct cove_reader next = *walk;
    struct cove_message_row row;

    while (cove_message_next_row(&next, &row)) {
        int order = memcmp(&row.session, &ours->session, sizeof(row.session));

        if (order > 0) {
            break;
        }
        *walk = next;
        if (order == 0 && row.len == ours->len &&
            !COVE_PLANTED("head-not-compared") &&
            memcmp(row.head, ours->head.b, sizeof(row.head)) != 0) {
            return 0; /* another branch: let it see where they part */
        }
        if (order == 0) {
            return row.len;
        }
    }
    return 0;
}

/* The document's cut goes once in an answer, and again where it was cut
 * further meanwhile. */
static int job_cut(struct cove_conn *conn, struct cove_store_txn *txn,
                   struct give_job *job, cove_num num,
                   const struct cove_doc_outline *outline)
{
    struct cove_engine *engine = conn->engine;
    struct cove_bytes cut;
    uint64_t txs = 0;
    int err;

    for (size_t i = 0; i < outline->session_count; i++) {
        txs += outline->sessions[i].base;
    }
    if ((txs == job->cut && !COVE_PLANTED("cut-sent-again")) ||
        COVE_PLANTED("cut-left-out")) {
        return 0;
    }
    if (give_is_full(conn)) {
        return COVE_EGAP;
    }
    err = cove_repo_cut_read(engine->opt.repo, txn, num, &engine->arena, &cut);
    if (err == 0) {
        err = cove_message_add_bytes(&conn->give.batches, cut);
    }
    if (err == 0) {
        job->cut = txs;
        job->sent = true;
    }
    return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
}

static int job_sessions(struct cove_conn *conn, struct cove_store_txn *txn,
                        struct give_job *job, cove_num num,
                        const struct cove_doc_outline *outline)
{
    struct cove_reader walk = cove_message_walk(&job->rows);

    for (size_t i = 0; i < outline->session_count; i++) {
        const struct cove_doc_session *session = &outline->sessions[i];
        uint32_t from = job_lack(&walk, session);

        if (job->started) {
            int order =
                memcmp(&session->session, &job->session, sizeof(job->session));

            if (order < 0) {
                continue;
            }
            from = order == 0 ? job->from : from;
        }

        int err = 0;

        if (from < session->base) {
            err = job_cut(conn, txn, job, num, outline);
            from = session->base;
        }
        if (err == 0 && from >= session->len) {
            continue;
        }
        if (err == 0) {
            job->started = job->sent = true;
            job->session = session->session;
            err = give_session(conn, txn, num, session, &from);
            job->from = from;
        }
        if (err != 0 ||
            (from < session->len && !COVE_PLANTED("answer-cut-short"))) {
            return err != 0 ? err : COVE_EGAP; /* the rest comes later */
        }
    }
    return 0;
}

int give_job_step(struct cove_conn *conn, struct cove_store_txn *txn,
                  struct give_job *job, bool *over)
{
    struct cove_doc_outline outline;
    bool may = false;
    cove_num num = 0;
    size_t before = conn->give.batches.items.len;
    int err = cove_repo_find(conn->engine->opt.repo, txn, &job->id, &num);

    if (err == 0) {
        err = give_outline(conn, txn, num, &outline, &may);
    }
    if (err == 0 && may && job->header_due) {
        err = give_header(conn, outline.header_bytes);
        job->header_due = false;
        job->sent = true;
    }
    if (err == 0 && may) {
        err = job_sessions(conn, txn, job, num, &outline);
    }
    if (err == 0 && may && job->reply && job->sent) {
        err = ways_lacked(conn, txn, &outline);
    }
    job->bytes += conn->give.batches.items.len - before;
    if (err == COVE_EGAP) {
        *over = false;
        return 0;
    }
    if (err == COVE_ECORRUPT) {
        conn_event(conn, "a document is damaged and cannot be sent; run check");
        conn->give.damaged = true;
        err = 0;
    }
    if (err != 0 && err != COVE_ENOTFOUND) {
        return err;
    }
    *over = true;
    conn->documents_out += job->sent;
    return job->reply ? cove_message_add_id(&conn->give.done, &job->id) : 0;
}

/* --- sending */

static bool give_may_send(struct cove_conn *conn)
{
    struct conn_give *give = &conn->give;
    size_t queued = cove_channel_queued(conn->channel);

    give->stopped = give->stopped ? queued > COVE_CHANNEL_QUEUE_RESUME
                                  : queued >= COVE_CHANNEL_QUEUE_STOP;
    return give->credit > 0 && !give->stopped && !conn->done;
}

static int give_send(struct cove_conn *conn)
{
    conn->give.credit -= COVE_PLANTED("credit-not-counted")
                             ? 0
                             : (int64_t)conn->engine->message.len;
    return conn_send(conn, COVE_LANE_CONTENT);
}

static int give_send_content(struct cove_conn *conn)
{
    struct conn_give *give = &conn->give;
    int err = cove_message_put_content(&conn->engine->message, &give->headers,
                                       &give->batches, &give->done);

    if (err == 0) {
        cove_message_list_reset(&give->headers);
        cove_message_list_reset(&give->batches);
        cove_message_list_reset(&give->done);
        give->sharing.group = 0;
        err = give_send(conn);
    }
    return err;
}

static int give_send_haves(struct cove_conn *conn)
{
    struct conn_give *give = &conn->give;
    int err = cove_message_put_have(&conn->engine->message, &give->haves);

    if (err == 0) {
        give->haves_open += give->haves.count;
        cove_message_list_reset(&give->haves);
        err = give_send(conn);
    }
    return err;
}

static int give_send_sums(struct cove_conn *conn)
{
    int err = sums_message(conn);

    return err != 0 ? err : give_send(conn);
}

static int give_send_position(struct cove_conn *conn)
{
    struct conn_give *give = &conn->give;
    int err = cove_message_put_number(&conn->engine->message,
                                      COVE_MESSAGE_POSITION, give->told);

    if (err == 0) {
        give->stated = give->told;
        give->state_due = false;
        err = give_send(conn);
    }
    return err;
}

/* Send what is ready, in its order; *sent: nothing is left of it. */
static int give_send_ready(struct cove_conn *conn, bool *sent)
{
    struct conn_give *give = &conn->give;
    int err = 0;

    *sent = false;
    while (err == 0) {
        bool content = give->headers.count > 0 || give->batches.count > 0 ||
                       give->done.count > 0;

        bool sums = give->walk != NULL && give->walk->nodes.count > 0;

        if (!content && give->haves.count == 0 && !sums && !give->state_due) {
            *sent = true;
            return 0;
        }
        if (!give_may_send(conn)) {
            return 0;
        }
        err = content                 ? give_send_content(conn)
              : give->haves.count > 0 ? give_send_haves(conn)
              : sums                  ? give_send_sums(conn)
                                      : give_send_position(conn);
    }
    return err;
}

/* Make the next messages. */
static int give_fill(struct cove_conn *conn)
{
    struct conn_give *give = &conn->give;
    struct cove_store_txn *txn;
    bool over;
    int err = cove_store_begin(conn->engine->opt.store, false, &txn);

    if (err != 0) {
        return err;
    }
    while (err == 0 && give->jobs != NULL && !give_is_full(conn)) {
        err = give_job_step(conn, txn, give->jobs, &over);
        if (err == 0 && over) {
            give_job_end(conn);
        }
    }
    if (err == 0 && give->jobs == NULL) {
        err = tell(conn, txn);
    }
    cove_store_abort(txn);
    return err;
}

/* Nothing waits and nothing comes soon: keep no memory for it. */
static void give_trim(struct conn_give *give)
{
    cove_message_list_clear(&give->headers);
    cove_message_list_clear(&give->batches);
    cove_message_list_clear(&give->done);
    cove_message_list_clear(&give->haves);
}

int conn_pump(struct cove_conn *conn)
{
    struct conn_give *give = &conn->give;
    bool worked = false;
    bool sent = false;
    int err = 0;

    give->scan = ENGINE_SCAN;
    tell_skip(conn);
    for (unsigned i = 0; err == 0 && i <= ENGINE_PUMP; i++) {
        err = give_send_ready(conn, &sent);
        if (err != 0 || !sent || (give->jobs == NULL && !tell_is_due(conn))) {
            break;
        }
        if (i == ENGINE_PUMP || give->scan == 0) {
            conn->engine->more = true;
            break;
        }
        worked = true;
        err = give_fill(conn);
    }
    if (err == 0 && sent && worked && !conn->engine->more) {
        give_trim(give);
    }
    return err == 0 ? 0 : conn_fail(conn, err, "%s", cove_error_text(err));
}
