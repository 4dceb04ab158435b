/* engine_ways.c: when a peer gets by another way what would be pushed to it.
 *
 * In a ring what one device writes comes to the next by two links, and whoever
 * relays it pushes it on: it would cross the last link twice. So a taker that
 * was pushed nothing new so many times in a row says *spare*, and names the
 * document. The teller looks through whom the document last changed here. From
 * then on it tells this taker by their digest alone of changes that come from
 * there; until the taker lacks one and asks: then the other way is gone. What
 * this device itself writes is pushed in any case.
 *
 *   a ──▶ b ──▶ d        d to c: spare, of a document that c has from a
 *   a ──▶ c ──▷ d        c tells d of what comes from a by its digest
 *
 * The digest may be faster than the other way. So who said *spare* waits for a
 * moment before it asks for what was told. docs/PROTOCOL.md "Dialogue".
 */
#include "sync/engine_internal.h"

int ways_taken(struct cove_conn *conn, const struct cove_id *id, bool new)
{
    struct conn_take *take = &conn->take;
    int err;

    if (new) {
        take->spares = 0;
    }
    /* What was asked for was asked for on purpose. */
    if (new || take_want_find(conn, id) != NULL ||
        ++take->spares < ENGINE_SPARES) {
        return 0;
    }
    take->spares = 0;
    take->sparing = true;
    err = cove_message_put_spare(&conn->engine->message, id);
    return err != 0 ? err : conn_send(conn, COVE_LANE_CONTROL);
}

uint64_t ways_patience(const struct cove_conn *conn)
{
    return conn->take.sparing ? conn->engine->now_ms + ENGINE_PATIENCE_MS : 0;
}

/* From whom did the document's last change come? 0: it is this device's own. */
static int ways_from(struct cove_conn *conn, struct cove_store_txn *txn,
                     const struct cove_doc_outline *outline, uint32_t *out)
{
    struct cove_change change;
    int err = outline->changed == 0
                  ? COVE_ENOTFOUND
                  : cove_repo_change_after(conn->engine->opt.repo, txn,
                                           outline->changed - 1, &change);

    *out = 0;
    if (err == 0 && change.sequence == outline->changed) {
        *out = change.peer;
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

int ways_spare(struct cove_conn *conn, const struct cove_id *id)
{
    struct cove_engine *engine = conn->engine;
    struct cove_doc_outline outline;
    struct cove_store_txn *txn;
    uint32_t from = 0;
    cove_num num;
    int err = engine_read(engine, &txn);

    if (err != 0) {
        return err;
    }
    cove_arena_reset(&engine->arena);
    err = cove_repo_find(engine->opt.repo, txn, id, &num);
    if (err == 0) {
        err = cove_repo_outline(engine->opt.repo, txn, num, &engine->arena,
                                &outline);
    }
    if (err == 0) {
        err = ways_from(conn, txn, &outline, &from);
    }
    engine_read_end(engine, txn);
    if (err == 0 && from != 0 && from != conn->peer->number) {
        conn->give.spared[from % ENGINE_WAYS] = from;
    }
    return err == COVE_ENOTFOUND || err == COVE_ECORRUPT ? 0 : err;
}

bool ways_are_two(const struct cove_conn *conn,
                  const struct cove_change *change)
{
    return change->peer != 0 &&
           conn->give.spared[change->peer % ENGINE_WAYS] == change->peer;
}

int ways_lacked(struct cove_conn *conn, struct cove_store_txn *txn,
                const struct cove_doc_outline *outline)
{
    uint32_t *spared = conn->give.spared;
    uint32_t from = 0;
    bool any = false;
    int err = 0;

    for (size_t i = 0; i < ENGINE_WAYS; i++) {
        any = any || spared[i] != 0;
    }
    if (any) {
        err = ways_from(conn, txn, outline, &from);
    }
    if (from != 0 && spared[from % ENGINE_WAYS] == from) {
        spared[from % ENGINE_WAYS] = 0;
    }
    return err;
}
