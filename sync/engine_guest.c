/* engine_guest.c: devices that nobody named, where the store is open: relays
 * that accept anyone. docs/PROTOCOL.md "Guests".
 *
 * A guest is a peer in all but two: it has no record until something of it is
 * kept, and of the records of guests there are at most COVE_GUESTS; one more
 * takes the place of who was seen longest ago. Such a record is memory of how
 * far the two stores were, and no more: who lost its own compares again.
 */
#include "sync/engine_internal.h"

static bool guest_is_connected(const struct cove_engine *engine,
                               const struct cove_key *key)
{
    for (const struct engine_peer *peer = engine->peers; peer != NULL;
         peer = peer->next) {
        if (peer->conns > 0 && memcmp(&peer->key, key, sizeof(*key)) == 0) {
            return true;
        }
    }
    return false;
}

/* Room for the record of one more. */
static int guest_room(struct cove_engine *engine)
{
    struct cove_repo *repo = engine->opt.repo;
    struct cove_peer_record record, oldest = {.last_seen_ms = INT64_MAX};
    const struct cove_key *after = NULL;
    struct cove_key last;
    unsigned count = 0;
    int err;

    while ((err = cove_peer_next(repo, engine->txn, after, &record)) == 0) {
        last = record.key;
        after = &last;
        if (!cove_peer_is_guest(&record)) {
            continue;
        }
        count++;
        if (record.last_seen_ms < oldest.last_seen_ms &&
            !guest_is_connected(engine, &record.key)) {
            oldest = record;
        }
    }
    if (err != COVE_ENOTFOUND) {
        return err;
    }
    return count >= COVE_GUESTS && oldest.number != 0
               ? cove_peer_remove(repo, engine->txn, &oldest.key)
               : 0;
}

int engine_guest_number(struct cove_conn *conn, uint32_t *out)
{
    struct engine_peer *peer = conn->peer;
    int err = 0;

    if (peer->number == 0 && peer->reserved == 0) {
        err = cove_guest_number(conn->engine->opt.repo, conn->engine->txn,
                                &peer->reserved);
    }
    if (err == 0) {
        *out = peer->number != 0 ? peer->number : peer->reserved;
    }
    return err;
}

int engine_guest_record(struct cove_conn *conn)
{
    struct cove_engine *engine = conn->engine;
    struct engine_peer *peer = conn->peer;
    struct cove_peer_record record;
    int err;

    if (peer->number != 0) {
        return 0;
    }
    err = cove_peer_get(engine->opt.repo, engine->txn, &peer->key, &record);
    if (err == COVE_ENOTFOUND) {
        memset(&record, 0, sizeof(record));
        record.key = peer->key;
        record.state = COVE_PEER_OFFLINE; /* the edge knows better, soon */
        err = guest_room(engine);
        err = err != 0 ? err : engine_guest_number(conn, &record.number);
        err = err != 0 ? err
                       : cove_peer_put(engine->opt.repo, engine->txn, &record);
    }
    if (err != 0) {
        return err;
    }
    peer->number = record.number;
    /* What was true of it before it had a record is to be in it. */
    peer->here_changed = peer->there_changed = true;
    peer->theirs_changed = true;
    engine_peer_touch(peer, engine->now_ms, true);
    return 0;
}

bool engine_guest_fits(const struct cove_conn *conn)
{
    unsigned count = 0;

    for (const struct cove_conn *c = conn->engine->conns; c != NULL;
         c = c->next) {
        count += c->guest && c->peer != NULL && !c->done;
    }
    return count <= ENGINE_GUESTS;
}

/* Has somebody named it while it was connected? */
static int guest_look(struct cove_conn *conn)
{
    struct cove_engine *engine = conn->engine;
    struct cove_peer_record record;
    struct cove_store_txn *txn;
    int err = engine_read(engine, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_peer_get(engine->opt.repo, txn, &conn->peer->key, &record);
    engine_read_end(engine, txn);
    conn->guest =
        err == COVE_ENOTFOUND || (err == 0 && cove_peer_is_guest(&record));
    return err == COVE_ENOTFOUND ? 0 : err;
}

int cove_engine_open(struct cove_engine *engine, uint64_t now_ms, bool open)
{
    int err = 0;

    engine->now_ms = now_ms;
    engine->open = open;
    for (struct cove_conn *conn = engine->conns;
         conn != NULL && !open && err == 0; conn = conn->next) {
        if (!conn->guest || conn->done || conn->peer == NULL) {
            continue;
        }
        err = guest_look(conn);
        if (err == 0 && conn->guest) {
            (void)conn_fail(conn, COVE_ENOTFOUND,
                            "this store is no longer open to any device");
        }
    }
    return err;
}
