/* engine_ban.c: strikes against a device, which count over all its connections
 * and outlive them, and what follows when there are too many.
 *
 * Only what came in a record that authenticated is held against a device: no
 * link, however bad, and nobody on the way can make one look hostile. What an
 * honest device may do by mistake is no strike: to write where it had a right
 * until a moment ago, to be far ahead with its clock, to be slow, to be newer.
 */
#include "sync/engine_internal.h"

/* Its other connections end with it. */
static void ban_others(const struct cove_conn *conn)
{
    for (struct cove_conn *c = conn->engine->conns; c != NULL; c = c->next) {
        if (c != conn && c->peer == conn->peer && !c->done) {
            (void)conn_fail(c, COVE_EPROTOCOL,
                            "the device broke the protocol on another "
                            "connection");
        }
    }
}

bool engine_strike(struct cove_conn *conn, unsigned strikes)
{
    struct cove_engine *engine = conn->engine;
    uint64_t ms;

    if (cove_bans_left(&engine->bans, engine->now_ms, conn->peer->key.b) > 0) {
        return false;
    }
    conn->take.strikes += strikes;
    engine->strikes += strikes;
    ms = cove_bans_strike(&engine->bans, engine->opt.env, engine->now_ms,
                          conn->peer->key.b, strikes);
    if (ms == 0) {
        return false;
    }
    conn_event(conn, "the device is refused for %llu s: %d strikes",
               (unsigned long long)(ms / 1000), COVE_BAN_STRIKES);
    ban_others(conn);
    return true;
}

const struct cove_bans *cove_engine_bans(const struct cove_engine *engine)
{
    return &engine->bans;
}

bool cove_engine_forgive(struct cove_engine *engine,
                         const struct cove_key *device)
{
    return cove_bans_forgive(&engine->bans, device->b);
}
