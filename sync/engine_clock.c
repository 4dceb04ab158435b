/* engine_clock.c: how far the clocks of peers are from this one's.
 *
 * Who answers a ping says behind the answer what its clock shows. That is now,
 * but for the way back, half of the time that ping and answer took. What comes
 * of it is shown and warned of, and nothing else follows from it: a peer may
 * say what it likes.
 */
#include "sync/engine_internal.h"

#define CLOCK_WRONG_MS 60000
#define CLOCK_MOST_MS  (INT64_MAX / 4) /* what is said beyond it is as wrong */

static int64_t clock_wall(const struct cove_engine *engine)
{
    return engine->opt.env->now_ms(engine->opt.env->ctx);
}

/* Are most of those whose clocks we know ahead of ours, or most behind, and at
 * least two? Then it may be ours that is wrong. */
static void clock_suspect(struct cove_conn *conn)
{
    bool ahead = conn->clock_ms > 0;
    unsigned known = 0, same = 0;

    for (const struct cove_conn *c = conn->engine->conns; c != NULL;
         c = c->next) {
        if (c->clock_known && !c->done && !c->guest) {
            known++;
            same += c->clock_warned && (c->clock_ms > 0) == ahead;
        }
    }
    if (same >= 2 && same * 2 > known) {
        conn_event(conn,
                   "the clock here is suspect: %u of %u peers are %s of it",
                   same, known, ahead ? "ahead" : "behind");
    }
}

void clock_heard(struct cove_conn *conn, uint64_t now_ms, uint64_t wall_ms)
{
    int64_t way_ms = (int64_t)(now_ms - conn->pinged_ms) / 2;
    int64_t said_ms =
        wall_ms < (uint64_t)CLOCK_MOST_MS ? (int64_t)wall_ms : CLOCK_MOST_MS;
    bool wrong;

    if (!conn->clock_asked) {
        return;
    }
    conn->clock_asked = false;
    conn->clock_known = true;
    conn->clock_ms = said_ms - clock_wall(conn->engine) + way_ms;
    wrong = conn->clock_ms > CLOCK_WRONG_MS || conn->clock_ms < -CLOCK_WRONG_MS;
    if (wrong && !conn->clock_warned) {
        int64_t off_ms = conn->clock_ms > 0 ? conn->clock_ms : -conn->clock_ms;

        conn->clock_warned = true;
        conn_event(conn, "its clock is %lld s %s the one here",
                   (long long)(off_ms / 1000),
                   conn->clock_ms > 0 ? "ahead of" : "behind");
        clock_suspect(conn);
    }
    conn->clock_warned = wrong;
}

int clock_say(struct cove_conn *conn)
{
    int64_t now = clock_wall(conn->engine);
    int err =
        cove_message_put_number(&conn->engine->message, COVE_MESSAGE_CLOCK,
                                now > 0 ? (uint64_t)now : 0);

    return err == 0 ? conn_send(conn, COVE_LANE_CONTROL) : err;
}
