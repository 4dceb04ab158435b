/* engine_interest.c: what either side wants to be told of.
 *
 * A position says "all up to here that you want", so it stands for one wish.
 * When the wish changes the position is 0 again, on both sides: sums and
 * digests find what is there already. A change during a connection is said in
 * a message, and what was told before the peer has answered it counts for
 * nothing.
 */
#include "core/planted.h"
#include "sync/engine_internal.h"

#define INTERESTS    32    /* changes in … */
#define INTERESTS_MS 60000 /* … so long, on a connection */

static struct cove_hash interest_hash(struct cove_bytes encoded)
{
    return cove_hash("sync/interest", encoded);
}

/* --- ours */

int interest_load(struct cove_engine *engine, struct cove_store_txn *txn,
                  struct engine_peer *peer)
{
    struct cove_repo *repo = engine->opt.repo;
    struct cove_buf held;
    int err;

    cove_buf_init(&held, engine->opt.alloc);
    peer->wish.len = peer->theirs.len = 0;
    err = cove_interest_get(repo, txn, COVE_INTEREST_WANTED, &peer->key,
                            &peer->wish);
    if (err == 0) {
        err =
            cove_interest_get(repo, txn, COVE_INTEREST_HELD, &peer->key, &held);
    }
    if (err == 0) {
        err = cove_interest_get(repo, txn, COVE_INTEREST_THEIRS, &peer->key,
                                &peer->theirs);
    }
    peer->theirs_hash = interest_hash(cove_buf_bytes(&peer->theirs));
    if (err == 0 &&
        !cove_bytes_equal(cove_buf_bytes(&held), cove_buf_bytes(&peer->wish))) {
        peer->have = peer->saved_have = 0;
        peer->wish_changed = true;
    }
    cove_buf_clear(&held);
    return err;
}

int interest_write(struct cove_engine *engine, struct engine_peer *peer)
{
    int err = 0;

    if (peer->wish_changed) {
        err =
            cove_interest_put(engine->opt.repo, engine->txn, COVE_INTEREST_HELD,
                              &peer->key, cove_buf_bytes(&peer->wish));
    }
    if (err == 0 && peer->theirs_changed) {
        err = cove_interest_put(engine->opt.repo, engine->txn,
                                COVE_INTEREST_THEIRS, &peer->key,
                                cove_buf_bytes(&peer->theirs));
    }
    return err;
}

/* Say it on a connection: what was told there before counts for nothing. */
static int wish_say_on(struct cove_conn *conn)
{
    struct engine_peer *peer = conn->peer;
    int err;

    take_restart(&conn->take);
    conn->take.interests++;
    conn->wish_said = peer->wish_serial;
    err = cove_message_put_interest(&conn->engine->message,
                                    cove_buf_bytes(&peer->wish));
    return err != 0 ? err : conn_send(conn, COVE_LANE_CONTROL);
}

/* Say it on every connection with the peer, and begin at 0 again. */
static int wish_say(struct cove_conn *conn, uint64_t now_ms)
{
    struct cove_engine *engine = conn->engine;
    struct engine_peer *peer = conn->peer;
    int err = 0;

    peer->have = peer->saved_have = 0;
    peer->wish_changed = true;
    peer->wish_serial++;
    engine_peer_touch(peer, now_ms, true);
    for (struct cove_conn *c = engine->conns; c != NULL && err == 0;
         c = c->next) {
        if (c->peer == peer && c->greeted && !c->done) {
            err = wish_say_on(c);
        }
    }
    return err;
}

int interest_look(struct cove_conn *conn, uint64_t now_ms)
{
    struct cove_engine *engine = conn->engine;
    struct cove_store_txn *txn;
    struct cove_buf now;
    int err = engine_read(engine, &txn);

    if (err != 0) {
        return err;
    }
    cove_buf_init(&now, engine->opt.alloc);
    err = cove_interest_get(engine->opt.repo, txn, COVE_INTEREST_WANTED,
                            &conn->peer->key, &now);
    engine_read_end(engine, txn);
    if (err == 0 && !COVE_PLANTED("interest-not-said") &&
        !cove_bytes_equal(cove_buf_bytes(&now),
                          cove_buf_bytes(&conn->peer->wish))) {
        conn->peer->wish.len = 0;
        err = cove_buf_append(&conn->peer->wish, cove_buf_bytes(&now));
        err = err != 0 ? err : wish_say(conn, now_ms);
    }
    cove_buf_clear(&now);
    return err;
}

int interest_greet(struct cove_conn *conn, uint64_t now_ms)
{
    int err = interest_look(conn, now_ms);

    return err != 0 || conn->wish_said == conn->peer->wish_serial
               ? err
               : wish_say_on(conn);
}

int interest_heard(struct cove_conn *conn)
{
    if (conn->take.interests == 0) {
        return conn_fail(conn, COVE_EPROTOCOL,
                         "an answer to an interest that was not said");
    }
    conn->take.interests--;
    return 0;
}

/* --- the peer's */

bool interest_is_current(const struct cove_conn *conn)
{
    return memcmp(&conn->interest_hash, &conn->peer->theirs_hash,
                  sizeof(conn->interest_hash)) == 0;
}

int interest_take(struct cove_conn *conn, uint64_t now_ms,
                  struct cove_bytes encoded)
{
    struct engine_peer *peer = conn->peer;
    int err = cove_interest_decode(&conn->interest, encoded, &conn->diag);

    if (err == COVE_EPROTOCOL) {
        return conn_fail(conn, err, "%s", conn->diag.text);
    }
    if (err == 0 && !cove_bytes_equal(encoded, cove_buf_bytes(&peer->theirs))) {
        peer->theirs.len = 0;
        err = cove_buf_append(&peer->theirs, encoded);
        peer->theirs_hash = interest_hash(encoded);
        peer->theirs_changed = true;
        /* It was of what it wanted before. */
        peer->acked = COVE_PLANTED("unsent-of-old-interest") ? peer->acked : 0;
        engine_peer_touch(peer, now_ms, false);
    }
    conn->interest_hash = interest_hash(encoded);
    return err;
}

int interest_hear(struct cove_conn *conn, uint64_t now_ms,
                  struct cove_bytes encoded)
{
    int err;

    if (now_ms - conn->interests_ms >= INTERESTS_MS) {
        conn->interests_ms = now_ms;
        conn->interests = 0;
    }
    if (++conn->interests > INTERESTS) {
        (void)engine_strike(conn, COVE_BAN_BREACH);
        return conn_fail(conn, COVE_ELIMIT,
                         "the peer changes its interest too often");
    }
    err = interest_take(conn, now_ms, encoded);
    if (err != 0) {
        return err;
    }
    tell_restart(conn);
    err = cove_message_put_interested(&conn->engine->message);
    return err != 0 ? err : conn_send(conn, COVE_LANE_CONTENT);
}
