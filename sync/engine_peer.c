/* engine_peer.c: one device as all its connections see it.
 *
 * Positions belong to the pair of stores, not to a connection: they are kept
 * here while there are connections, and in the peer's record. The record is
 * read again before it is written, since the edge and other processes keep
 * their own fields in it.
 */
#include "core/planted.h"
#include "sync/engine_internal.h"

#include <assert.h>

static struct engine_peer *peer_find(const struct cove_engine *engine,
                                     const struct cove_key *key)
{
    for (struct engine_peer *peer = engine->peers; peer != NULL;
         peer = peer->next) {
        if (!peer->lost && memcmp(&peer->key, key, sizeof(*key)) == 0) {
            return peer;
        }
    }
    return NULL;
}

static void peer_free(struct cove_engine *engine, struct engine_peer *peer)
{
    cove_buf_clear(&peer->wish);
    cove_buf_clear(&peer->theirs);
    cove_alloc_free(engine->opt.alloc, peer);
}

/* Take over what is recorded; a peer that was dialled gets a record, but for
 * one that had one (`known`): it was removed since. A guest has none at first.
 */
static int peer_load(struct cove_engine *engine, uint64_t now_ms,
                     struct engine_peer *peer, const struct cove_conn *conn)
{
    struct cove_repo *repo = engine->opt.repo;
    struct cove_peer_record record;
    struct cove_store_txn *txn;
    int err = engine_read(engine, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_peer_get(repo, txn, &peer->key, &record);
    if (err == COVE_ENOTFOUND && (conn->guest || !conn->known)) {
        memset(&record, 0, sizeof(record));
        record.key = peer->key;
        err = 0;
    }
    if (err == 0) {
        err = cove_refused_get(repo, txn, COVE_REFUSED_HERE, &peer->key,
                               &peer->here);
    }
    if (err == 0) {
        err = cove_refused_get(repo, txn, COVE_REFUSED_THERE, &peer->key,
                               &peer->there);
    }
    if (err == 0) {
        peer->have = peer->saved_have = record.have;
        err = interest_load(engine, txn, peer);
    }
    engine_read_end(engine, txn);
    if (err == 0 && record.number == 0 && !conn->guest) {
        err = engine_write(engine, now_ms);
        if (err == 0) {
            err = cove_peer_put(repo, engine->txn, &record);
        }
    }
    if (err != 0) {
        return err;
    }
    peer->number = record.number;
    memcpy(peer->store_id, record.store_id, sizeof(peer->store_id));
    if (memcmp(record.acked_store, engine->store_id, 16) == 0) {
        peer->acked = record.acked;
    }
    return 0;
}

int engine_peer_attach(struct cove_engine *engine, uint64_t now_ms,
                       struct cove_conn *conn)
{
    const struct cove_key *key = cove_channel_peer(conn->channel);
    struct engine_peer *peer = peer_find(engine, key);

    if (peer == NULL) {
        peer = cove_alloc_zero(engine->opt.alloc, 1, sizeof(*peer));
        if (peer == NULL) {
            return COVE_ENOMEM;
        }
        peer->key = *key;
        cove_buf_init(&peer->wish, engine->opt.alloc);
        cove_buf_init(&peer->theirs, engine->opt.alloc);

        int err = peer_load(engine, now_ms, peer, conn);

        if (err != 0) {
            peer_free(engine, peer);
            return err;
        }
        peer->next = engine->peers;
        engine->peers = peer;
    }
    peer->conns++;
    conn->peer = peer;
    return 0;
}

void engine_peer_touch(struct engine_peer *peer, uint64_t now_ms, bool owed)
{
    if (!peer->dirty) {
        peer->dirty_ms = now_ms;
    }
    peer->dirty = true;
    peer->owed = peer->owed || owed;
}

/* Move a connection's counters over to its peer. */
static void peer_count(struct cove_conn *conn)
{
    struct engine_peer *peer = conn->peer;
    struct cove_channel_stats stats;

    cove_channel_stats(conn->channel, &stats);
    peer->bytes_in += stats.bytes_in - conn->counted.bytes_in;
    peer->bytes_out += stats.bytes_out - conn->counted.bytes_out;
    peer->documents_in += conn->documents_in - conn->counted.documents_in;
    peer->documents_out += conn->documents_out - conn->counted.documents_out;
    conn->counted.bytes_in = stats.bytes_in;
    conn->counted.bytes_out = stats.bytes_out;
    conn->counted.documents_in = conn->documents_in;
    conn->counted.documents_out = conn->documents_out;
}

void engine_peer_detach(struct cove_conn *conn)
{
    if (conn->peer != NULL) {
        peer_count(conn);
        conn->peer->conns--;
        /* The last one: there may be no turn in which it would be due. */
        engine_peer_touch(conn->peer, conn->engine->now_ms,
                          conn->peer->conns == 0);
        conn->peer = NULL;
    }
}

/* --- the record */

static int peer_write(struct cove_engine *engine, struct engine_peer *peer)
{
    struct cove_repo *repo = engine->opt.repo;
    struct cove_peer_record record;
    int err;

    if (peer->number == 0) {
        return 0; /* a guest: see engine_guest_record */
    }
    err = cove_peer_get(repo, engine->txn, &peer->key, &record);
    if (err == COVE_ENOTFOUND) {
        peer->gone = true; /* removed meanwhile: not to be brought back */
        return 0;
    }
    if (err != 0) {
        return err;
    }
    if (!peer->lost) {
        memcpy(record.store_id, peer->store_id, sizeof(record.store_id));
        memcpy(record.acked_store, engine->store_id,
               sizeof(record.acked_store));
        record.have = COVE_PLANTED("resume-from-announced") ? peer->announced
                                                            : peer->have;
        record.acked = peer->acked;
    }
    record.bytes_in += peer->bytes_in;
    record.bytes_out += peer->bytes_out;
    record.documents_in += peer->documents_in;
    record.documents_out += peer->documents_out;
    record.last_seen_ms = engine->opt.env->now_ms(engine->opt.env->ctx);
    err = cove_peer_put(repo, engine->txn, &record);
    if (err != 0 || peer->lost) {
        return err;
    }
    if (peer->here_changed && !COVE_PLANTED("refused-forgotten")) {
        err = cove_refused_put(repo, engine->txn, COVE_REFUSED_HERE, &peer->key,
                               &peer->here);
    }
    if (err == 0) {
        err = interest_write(engine, peer);
    }
    if (err == 0 && peer->there_changed) {
        err = cove_refused_put(repo, engine->txn, COVE_REFUSED_THERE,
                               &peer->key, &peer->there);
    }
    return err;
}

int engine_peers_write(struct cove_engine *engine)
{
    int err = 0;

    for (struct cove_conn *conn = engine->conns; conn != NULL;
         conn = conn->next) {
        if (conn->peer != NULL && conn->peer->dirty) {
            peer_count(conn);
        }
    }
    for (struct engine_peer *peer = engine->peers; peer != NULL && err == 0;
         peer = peer->next) {
        if (peer->dirty) {
            err = peer_write(engine, peer);
        }
    }
    return err;
}

/* The user removed this peer: whoever still speaks for it is sent away. */
static void peer_dismiss(struct cove_engine *engine,
                         const struct engine_peer *peer)
{
    for (struct cove_conn *conn = engine->conns; conn != NULL;
         conn = conn->next) {
        if (conn->peer == peer) {
            conn_fail(conn, COVE_ENOTFOUND, "the peer was removed");
        }
    }
}

static void peer_written(struct engine_peer *peer)
{
    peer->saved_have = peer->have;
    peer->bytes_in = peer->bytes_out = 0;
    peer->documents_in = peer->documents_out = 0;
    peer->here_changed = peer->there_changed = false;
    peer->wish_changed = peer->theirs_changed = false;
    peer->dirty = peer->owed = false;
}

/* Is the record there still, and the same? One that was removed and added again
 * is of another number. */
static int peer_is_known(struct cove_engine *engine, struct cove_store_txn *txn,
                         const struct engine_peer *peer, bool *known)
{
    struct cove_peer_record record;
    int err = cove_peer_get(engine->opt.repo, txn, &peer->key, &record);

    *known = err == 0 && record.number == peer->number;
    return err == COVE_ENOTFOUND ? 0 : err;
}

int engine_peers_look(struct cove_engine *engine)
{
    struct cove_store_txn *txn;
    int err = engine_read(engine, &txn);

    if (err != 0) {
        return err;
    }
    for (struct engine_peer *peer = engine->peers; peer != NULL && err == 0;
         peer = peer->next) {
        bool known = true;

        if (!peer->lost && !peer->gone && peer->number != 0 &&
            peer->number < COVE_GUESTS_FROM) {
            err = peer_is_known(engine, txn, peer, &known);
        }
        if (err == 0 && !known) { /* what was remembered of it is forgotten */
            peer->lost = true;
            peer_dismiss(engine, peer);
        }
    }
    engine_read_end(engine, txn);
    return err;
}

void engine_peers_written(struct cove_engine *engine)
{
    struct engine_peer **link = &engine->peers;

    while (*link != NULL) {
        struct engine_peer *peer = *link;

        if (peer->dirty && peer->gone) {
            peer_dismiss(engine, peer);
        }
        if (peer->dirty) {
            peer_written(peer);
        }
        if (peer->conns == 0) {
            *link = peer->next;
            peer_free(engine, peer);
        } else {
            link = &peer->next;
        }
    }
}

void engine_peers_settle(struct cove_engine *engine)
{
    struct engine_peer **link = &engine->peers;

    assert(engine->txn == NULL);
    while (*link != NULL) {
        struct engine_peer *peer = *link;

        if (peer->number == 0 && peer->dirty) {
            peer_written(peer);
        }
        if (peer->number == 0 && peer->conns == 0) {
            *link = peer->next;
            peer_free(engine, peer);
        } else {
            link = &peer->next;
        }
    }
}

bool engine_peers_due(const struct cove_engine *engine, uint64_t now_ms)
{
    return engine_peers_next(engine) <= now_ms;
}

uint64_t engine_peers_next(const struct cove_engine *engine)
{
    uint64_t next = UINT64_MAX;

    for (const struct engine_peer *peer = engine->peers; peer != NULL;
         peer = peer->next) {
        uint64_t due =
            peer->owed ? peer->dirty_ms : peer->dirty_ms + ENGINE_LAZY_MS;

        if (peer->dirty && peer->number != 0 && due < next) {
            next = due;
        }
    }
    return next;
}

void engine_peers_forget(struct cove_engine *engine)
{
    struct engine_peer **link = &engine->peers;

    while (*link != NULL) {
        struct engine_peer *peer = *link;

        peer->dirty = peer->owed = false;
        peer->lost = !COVE_PLANTED("aborted-is-held");
        if (peer->conns == 0) {
            *link = peer->next;
            peer_free(engine, peer);
        } else {
            link = &peer->next;
        }
    }
}

void engine_peers_free(struct cove_engine *engine)
{
    while (engine->peers != NULL) {
        struct engine_peer *peer = engine->peers;

        engine->peers = peer->next;
        peer_free(engine, peer);
    }
}
