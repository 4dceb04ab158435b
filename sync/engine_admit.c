/* engine_admit.c: which device may come in, and the secret with which this one
 * asks to be let in elsewhere. docs/PROTOCOL.md "Invites".
 */
#include "core/planted.h"
#include "sync/engine_internal.h"

/* Is it a peer that somebody named, or does it know a secret? COVE_ENOTFOUND:
 * neither. */
static int admit_look(struct cove_engine *engine, const struct cove_key *key,
                      const uint8_t *secret, bool *known)
{
    struct cove_repo *repo = engine->opt.repo;
    struct cove_peer_record record;
    struct cove_invite invite;
    struct cove_store_txn *txn;
    int err = engine_read(engine, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_peer_get(repo, txn, key, &record);
    *known = err == 0 && !cove_peer_is_guest(&record);
    err = err == 0 && !*known ? COVE_ENOTFOUND : err;
    if (err == COVE_ENOTFOUND && secret != NULL) {
        err = cove_invite_find(repo, txn,
                               engine->opt.env->now_ms(engine->opt.env->ctx),
                               secret, &invite);
    }
    engine_read_end(engine, txn);
    return err;
}

/* It knows a secret, or did a moment ago: it is a peer from here on. Only who
 * does makes this store write. */
static int admit_invited(struct cove_conn *conn, const struct cove_key *key,
                         const uint8_t *secret)
{
    struct cove_engine *engine = conn->engine;
    struct cove_invite invite;
    int err = engine_write(engine, engine->now_ms);

    if (err != 0) {
        return err;
    }
    err = cove_invite_find(engine->opt.repo, engine->txn,
                           engine->opt.env->now_ms(engine->opt.env->ctx),
                           secret, &invite);
    if (err != 0) {
        return err;
    }
    err = cove_invite_use(engine->opt.repo, engine->txn, &invite, key);
    if (err != 0) { /* half of it is in the transaction */
        return engine_abort(engine, err, "an invite could not be counted");
    }
    conn->invited_by = invite.number;
    return 0;
}

int engine_admit(void *ctx, const struct cove_key *key, const uint8_t *secret)
{
    struct cove_conn *conn = ctx;
    bool known = false;
    int err;

    if (cove_bans_left(&conn->engine->bans, conn->engine->now_ms, key->b) > 0) {
        return COVE_ELIMIT;
    }
    if (conn->expected || COVE_PLANTED("anybody-admitted")) {
        return 0;
    }
    err = admit_look(conn->engine, key, secret, &known);
    if (err == 0 && !known) {
        err = admit_invited(conn, key, secret);
    }
    conn->guest = err == COVE_ENOTFOUND && conn->engine->open;
    err = conn->guest ? 0 : err;
    conn->known = err == 0;
    return err == COVE_ENOTFOUND ? COVE_EPEER : err;
}

int engine_join_load(struct cove_conn *conn, const struct cove_key *peer,
                     uint8_t secret[COVE_INVITE_SECRET])
{
    struct cove_engine *engine = conn->engine;
    struct cove_peer_record record;
    struct cove_store_txn *txn;
    int err = engine_read(engine, &txn);

    if (err != 0) {
        return err;
    }
    conn->known = cove_peer_get(engine->opt.repo, txn, peer, &record) == 0;
    err = cove_join_get(engine->opt.repo, txn, peer, secret);
    engine_read_end(engine, txn);
    conn->joins = err == 0;
    return err == COVE_ENOTFOUND ? 0 : err;
}

int engine_joined(struct cove_conn *conn, uint64_t now_ms)
{
    struct cove_engine *engine = conn->engine;
    int err;

    if (!conn->joins) {
        return 0;
    }
    conn->joins = false;
    err = engine_write(engine, now_ms);
    if (err == 0) {
        err = cove_join_drop(engine->opt.repo, engine->txn, &conn->peer->key);
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}
