/* engine_aside.c: what is damaged here and put aside is asked for again.
 *
 * A check that cut a log back left a note of the document (crdt/repo_check.h).
 * The peer told of it long ago and would not again: so it is asked, as for a
 * document of which a piece did not fit; once on a connection, and again when
 * there are other notes. */
#include "crdt/repo_check.h"
#include "sync/engine_internal.h"

#define ASIDE_MOST 256 /* documents that are asked for at once */

static uint64_t aside_mix(const struct cove_aside *aside)
{
    uint64_t v;

    memcpy(&v, aside->id.b, sizeof(v));
    return v * UINT64_C(0x9E3779B97F4A7C15) + aside->from + 1;
}

/* conn: who is asked, or NULL. */
static int aside_each(struct cove_engine *engine, struct cove_store_txn *txn,
                      struct cove_conn *conn, uint64_t *sum)
{
    static const struct cove_id nameless;
    const struct cove_aside *after = NULL;
    struct cove_aside aside;
    int err = 0;

    *sum = 0;
    for (int i = 0; i < ASIDE_MOST && err == 0; i++) {
        err = cove_aside_next(engine->opt.repo, txn, after, &aside);
        after = &aside;
        if (err != 0 || memcmp(&aside.id, &nameless, sizeof(nameless)) == 0) {
            continue;
        }
        *sum += aside_mix(&aside);
        if (conn != NULL) {
            err = take_miss(conn, &aside.id);
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

int engine_aside_sum(struct cove_engine *engine, struct cove_store_txn *txn,
                     uint64_t *out)
{
    return aside_each(engine, txn, NULL, out);
}

int engine_ask_aside(struct cove_conn *conn)
{
    struct cove_engine *engine = conn->engine;
    struct cove_store_txn *txn;
    uint64_t sum = 0;
    int err = engine_read(engine, &txn);

    if (err != 0) {
        return err;
    }
    err = aside_each(engine, txn, NULL, &sum);
    if (err == 0 && sum != conn->aside) {
        conn->aside = sum;
        err = sum != 0 ? aside_each(engine, txn, conn, &sum) : 0;
    }
    engine_read_end(engine, txn);
    return err;
}
