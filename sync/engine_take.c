/* engine_take.c: what the peer says, but for content (engine_ingest.c).
 *
 * A have that differs from what is here, or content that does not fit, becomes
 * a want: the peer is told what we know of the document and answers with the
 * rest and "done". Positions are marks in that stream: a position is reached
 * when all haves told before it are looked at and all wants that came of them
 * are done. Instead of keeping a place in a queue for each mark, every open
 * have and want carries the epoch it was told in; a mark ends an epoch; and
 * open[] counts how many stand before each of the (at most two) marks. With
 * two marks waiting, a third moves the second: it says at least as much.
 *
 *   told ──▶ haves ──▶ (equal: closed) ──▶ wants ──▶ done: closed
 *
 * docs/PROTOCOL.md "Dialogue", "Positions and acknowledgements".
 */
#include "core/planted.h"
#include "sync/engine_internal.h"

#include <assert.h>

void conn_take_init(struct cove_conn *conn)
{
    const struct cove_alloc *alloc = conn->engine->opt.alloc;

    conn->take.credit = (int64_t)conn->engine->opt.credit_bytes;
    cove_message_list_init(&conn->take.know, alloc);
    cove_message_list_init(&conn->take.refusals, alloc);
    cove_message_list_init(&conn->take.sums, alloc);
}

void conn_take_clear(struct cove_conn *conn)
{
    const struct cove_alloc *alloc = conn->engine->opt.alloc;
    struct conn_take *take = &conn->take;

    cove_message_list_clear(&take->know);
    cove_message_list_clear(&take->refusals);
    cove_message_list_clear(&take->sums);
    cove_alloc_free(alloc, take->haves);
    cove_alloc_free(alloc, take->wants);
    cove_alloc_free(alloc, take->suspects);
}

/* --- marks */

/* Something that belongs to the present epoch is open. */
static void mark_open(struct conn_take *take)
{
    take->open[take->mark_count]++;
}

static void mark_close(struct conn_take *take, uint64_t epoch)
{
    unsigned before = 0;

    while (before < take->mark_count && epoch > take->marks[before].epoch) {
        before++;
    }
    take->open[before]--;
}

void take_position(struct conn_take *take, uint64_t position)
{
    unsigned at = take->mark_count;

    if (at == COVE_ARRAY_LEN(take->marks)) {
        at--;
        take->open[at] += take->open[at + 1];
        take->open[at + 1] = 0;
    } else {
        take->mark_count++;
    }
    take->marks[at].position = position;
    take->marks[at].epoch = take->epoch++;
}

void take_restart(struct conn_take *take)
{
    take->open[0] += take->open[1] + take->open[2];
    take->open[1] = take->open[2] = 0;
    take->mark_count = 0;
    take->told = take->reached = take->acked =
        COVE_PLANTED("position-of-former-store") ? take->reached : 0;
}

static void mark_advance(struct conn_take *take)
{
    while (take->mark_count > 0 &&
           (take->open[0] == 0 || COVE_PLANTED("position-before-answers"))) {
        if (!take->stuck) {
            take->reached = take->marks[0].position;
        }
        take->marks[0] = take->marks[1];
        take->open[0] = take->open[1];
        take->open[1] = take->open[2];
        take->open[2] = 0;
        take->mark_count--;
    }
}

/* --- haves: a ring */

static int have_grow(struct cove_conn *conn)
{
    const struct cove_alloc *alloc = conn->engine->opt.alloc;
    struct conn_take *take = &conn->take;
    size_t cap = take->have_cap == 0 ? 16 : take->have_cap * 2;
    struct take_have *haves;

    if (take->have_count < take->have_cap) {
        return 0;
    }
    if (cap > ENGINE_TAKE_HAVES) {
        return conn_fail(conn, COVE_EPROTOCOL,
                         "the peer tells more than is settled");
    }
    haves = cove_alloc_zero(alloc, cap, sizeof(*haves));
    if (haves == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < take->have_count && take->have_cap > 0; i++) {
        haves[i] = take->haves[(take->have_first + i) % take->have_cap];
    }
    cove_alloc_free(alloc, take->haves);
    take->haves = haves;
    take->have_cap = cap;
    take->have_first = 0;
    return 0;
}

static int have_push(struct cove_conn *conn, const struct take_have *have)
{
    struct conn_take *take = &conn->take;
    int err = have_grow(conn);

    if (err == 0) {
        take->haves[(take->have_first + take->have_count) % take->have_cap] =
            *have;
        take->have_count++;
    }
    return err;
}

static void have_shift(struct cove_conn *conn)
{
    struct conn_take *take = &conn->take;

    take->have_first = (take->have_first + 1) % take->have_cap;
    if (--take->have_count == 0) {
        cove_alloc_free(conn->engine->opt.alloc, take->haves);
        take->haves = NULL;
        take->have_cap = take->have_first = 0;
    }
}

int take_haves(struct cove_conn *conn, const struct cove_message_items *items)
{
    struct cove_reader walk = cove_message_walk(items);
    struct take_have have = {.counts = true};
    int err = 0;

    for (size_t i = 0; i < items->count && err == 0; i++) {
        (void)cove_message_next_have(&walk, &have.id, &have.digest);
        have.epoch = conn->take.epoch;
        have.due_ms = ways_patience(conn);
        err = have_push(conn, &have);
        if (err == 0) {
            mark_open(&conn->take);
        }
    }
    return err;
}

int take_miss(struct cove_conn *conn, const struct cove_id *id)
{
    struct take_want *want = take_want_find(conn, id);
    struct take_have have = {.id = *id, .ask = true};
    int err;

    if (want != NULL) {
        return 0; /* asked for already: the answer holds it */
    }
    have.epoch = conn->take.epoch;
    err = have_push(conn, &have);
    if (err == 0) {
        mark_open(&conn->take);
    }
    return err;
}

int take_again(struct cove_conn *conn, const struct cove_id *id)
{
    struct take_want *want = take_want_find(conn, id);

    if (want == NULL) {
        return take_miss(conn, id);
    }
    want->again = want->ask_again = true;
    return 0;
}

/* --- wants */

struct take_want *take_want_find(struct cove_conn *conn,
                                 const struct cove_id *id)
{
    struct conn_take *take = &conn->take;

    for (size_t i = 0; i < take->want_count; i++) {
        if (memcmp(&take->wants[i].id, id, sizeof(*id)) == 0) {
            return &take->wants[i];
        }
    }
    return NULL;
}

static int want_grow(struct cove_conn *conn)
{
    const struct cove_alloc *alloc = conn->engine->opt.alloc;
    struct conn_take *take = &conn->take;
    size_t cap = take->want_cap == 0 ? 16 : take->want_cap * 2;
    struct take_want *wants;

    if (take->want_count < take->want_cap) {
        return 0;
    }
    wants = alloc->resize(alloc->ctx, take->wants, cap * sizeof(*wants));
    if (wants == NULL) {
        return COVE_ENOMEM;
    }
    take->wants = wants;
    take->want_cap = cap;
    return 0;
}

/* Ask for a document, saying what is known of it. */
static int want_ask(struct cove_conn *conn, const struct take_have *have,
                    const struct cove_doc_outline *outline)
{
    struct conn_take *take = &conn->take;
    size_t count = outline == NULL ? 0 : outline->session_count;
    size_t before = take->know.items.len;
    struct cove_message_row *rows;
    size_t known = 0;
    int err = want_grow(conn);

    if (err != 0) {
        return err;
    }
    /* What is left out comes whole, and what of it is held changes nothing. */
    count = count < COVE_MESSAGE_MAX_ROWS ? count : COVE_MESSAGE_MAX_ROWS;
    rows = cove_arena_array(&conn->engine->arena, count + 1, sizeof(*rows));
    if (rows == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct cove_doc_session *session = &outline->sessions[i];

        if (session->len > 0 &&
            !ingest_suspects(conn, &have->id, &session->session)) {
            rows[known].session = session->session;
            rows[known].len = session->len;
            memcpy(rows[known].head, session->head.b, sizeof(rows->head));
            known++;
        }
    }
    err = cove_message_add_know(&take->know, &have->id, rows, known);
    if (err == 0) {
        struct take_want *want = &take->wants[take->want_count++];

        memset(want, 0, sizeof(*want));
        want->id = have->id;
        want->epoch = have->epoch;
        want->bytes = take->know.items.len - before;
        take->want_bytes += want->bytes;
    }
    return err;
}

int take_done(struct cove_conn *conn, const struct cove_id *id)
{
    struct conn_take *take = &conn->take;
    struct take_want *found = take_want_find(conn, id);
    struct take_want want;

    if (found == NULL) {
        return 0;
    }
    want = *found;
    take->want_bytes -= want.bytes;
    *found = take->wants[--take->want_count];
    if (want.again && !COVE_PLANTED("told-meanwhile-forgotten")) {
        struct take_have have = {.id = want.id,
                                 .digest = want.digest,
                                 .epoch = want.epoch,
                                 .ask = want.ask_again};

        return have_push(conn, &have);
    }
    mark_close(take, want.epoch);
    if (!want.failed && cove_refused_drop(&conn->peer->here, id)) {
        conn->peer->here_changed = true;
        take->ack_due = true;
    }
    return 0;
}

/* --- looking at what was told */

static void have_close(struct cove_conn *conn, const struct take_have *have)
{
    mark_close(&conn->take, have->epoch);
    if (cove_refused_drop(&conn->peer->here, &have->id)) {
        conn->peer->here_changed = true;
        conn->take.ack_due = true;
    }
}

/* Ask, or, where it may come by itself, later: *later. */
static int have_ask(struct cove_conn *conn, const struct take_have *have,
                    const struct cove_doc_outline *outline, bool *later)
{
    *later = have->due_ms > conn->engine->now_ms;
    return *later ? 0 : want_ask(conn, have, outline);
}

static int have_look(struct cove_conn *conn, struct cove_store_txn *txn,
                     const struct take_have *have, bool *later)
{
    struct cove_engine *engine = conn->engine;
    struct take_want *want = take_want_find(conn, &have->id);
    struct cove_doc_outline outline;
    cove_num num;

    if (want != NULL) { /* look again when the answer is here */
        want->again = true;
        want->ask_again = want->ask_again || have->ask;
        want->digest = have->digest;
        mark_close(&conn->take, have->epoch);
        /* The later of the two epochs would do for the later have; the earlier
         * one keeps the position of the first where it is until then. */
        return 0;
    }
    cove_arena_reset(&engine->arena);

    int err = cove_repo_find(engine->opt.repo, txn, &have->id, &num);

    if (err == COVE_ENOTFOUND) {
        return have_ask(conn, have, NULL, later);
    }
    if (err == 0) {
        err = cove_repo_outline(engine->opt.repo, txn, num, &engine->arena,
                                &outline);
    }
    if (err != 0) {
        return err;
    }
    if (outline.local) { /* the peer learns nothing of it */
        return want_ask(conn, have, NULL);
    }
    if (outline.removed) { /* whatever the peer has of it is not wanted */
        have_close(conn, have);
        return memcmp(&outline.digest, &have->digest, sizeof(have->digest)) == 0
                   ? 0
                   : give_unasked(conn, &have->id);
    }
    if (!have->ask &&
        memcmp(&outline.digest, &have->digest, sizeof(have->digest)) == 0) {
        have_close(conn, have);
        return 0;
    }
    return have_ask(conn, have, &outline, later);
}

static bool take_may_ask(const struct conn_take *take)
{
    return take->have_count > 0 && take->want_count < ENGINE_WANTS &&
           take->want_bytes < ENGINE_WANT_BYTES;
}

static int take_send_know(struct cove_conn *conn)
{
    struct conn_take *take = &conn->take;
    int err = cove_message_put_know(&conn->engine->message, take->settled,
                                    &take->know);

    if (err == 0) {
        take->settled = 0;
        cove_message_list_reset(&take->know);
        err = conn_send(conn, COVE_LANE_CONTROL);
    }
    return err;
}

static int take_look(struct cove_conn *conn)
{
    struct cove_engine *engine = conn->engine;
    struct cove_store_txn *txn;
    struct conn_take *take = &conn->take;
    bool later = false;
    int err = engine_read(engine, &txn);

    if (err != 0) {
        return err;
    }
    while (err == 0 && !later && take_may_ask(take)) {
        struct take_have have = take->haves[take->have_first];

        err = have_look(conn, txn, &have, &later);
        if (err == 0 && !later) {
            have_shift(conn);
            take->settled += have.counts;
        }
        if (err == 0 && take->know.count == COVE_MESSAGE_MAX_KNOW) {
            err = take_send_know(conn);
        }
    }
    engine_read_end(engine, txn);
    return err;
}

bool take_is_patient(const struct conn_take *take)
{
    return take->sparing && take_may_ask(take);
}

int take_settle(struct cove_conn *conn, uint64_t now_ms)
{
    struct conn_take *take = &conn->take;
    struct engine_peer *peer = conn->peer;
    int err = take_may_ask(take) ? take_look(conn) : 0;

    if (err == 0 && (take->know.count > 0 || take->settled >= ENGINE_SETTLE)) {
        err = take_send_know(conn);
    }
    if (err != 0) {
        return err;
    }
    mark_advance(take);
    if (take->reached > peer->have) {
        peer->have = take->reached;
        engine_peer_touch(peer, now_ms, take->fresh);
    }
    if (take->ack_due) {
        engine_peer_touch(peer, now_ms, false);
    }
    return COVE_PLANTED("ack-before-commit") ? take_acknowledge(conn) : 0;
}

int take_acknowledge(struct cove_conn *conn)
{
    struct cove_engine *engine = conn->engine;
    struct engine_peer *peer = conn->peer;
    struct conn_take *take = &conn->take;
    int err = 0;

    if ((!peer->dirty || COVE_PLANTED("ack-before-commit")) &&
        (take->reached > take->acked || take->ack_due)) {
        struct cove_message_list refused;

        cove_message_list_init(&refused, engine->opt.alloc);
        for (size_t i = 0; i < peer->here.count && err == 0; i++) {
            err = cove_message_add_id(&refused, &peer->here.ids[i]);
        }
        if (err == 0) {
            err =
                cove_message_put_ack(&engine->message, take->reached, &refused);
        }
        cove_message_list_clear(&refused);
        if (err == 0) {
            take->acked = take->reached;
            take->ack_due = take->fresh = false;
            err = conn_send(conn, COVE_LANE_CONTROL);
        }
    }
    if (err == 0 && take->spent > 0 && !COVE_PLANTED("credit-kept") &&
        take->spent * 2 >= engine->opt.credit_bytes) {
        err = cove_message_put_number(&engine->message, COVE_MESSAGE_CREDIT,
                                      take->spent);
        if (err == 0) {
            take->credit += (int64_t)take->spent;
            take->spent = 0;
            err = conn_send(conn, COVE_LANE_CONTROL);
        }
    }
    return err == 0 ? 0 : conn_fail(conn, err, "%s", cove_error_text(err));
}
