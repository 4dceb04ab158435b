/* engine_sweep.h: looking again, on a connection that stays up, whether the two
 * stores are equal. docs/PROTOCOL.md "Looking again". */
#ifndef COVE_SYNC_ENGINE_SWEEP_H
#define COVE_SYNC_ENGINE_SWEEP_H

#include "crdt/repo_sums.h"
#include "sync/engine.h"
#include "sync/message.h"

#define ENGINE_SWEEP_MS 600000 /* from one time to the next */
#define ENGINE_SWEEP_AFTER_MS                                                  \
    15000                           /* who was called leaves it to who calls   \
                                     */
#define ENGINE_SWEEP_SOON_MS  10000 /* where the store is busy */
#define ENGINE_SWEEP_LEAST_MS 30000 /* between two that the peer begins */
#define ENGINE_SWEEP_GROUPS   256   /* summed up at a time */

struct conn_sweep {
    uint64_t due_ms, late_ms; /* when; and when however busy it is */
    uint64_t heard_ms;        /* when the peer began one; 0: never */
    /* The sum that is being made: of the groups up to `group`, … */
    bool summing, begun;
    struct cove_sum_group group;
    struct cove_hash sum;
    uint64_t sequence; /* … and of the store at that point */
    bool tell;         /* say it then … */
    bool compare;      /* … or compare it with the peer's */
    uint8_t theirs[COVE_MESSAGE_WHOLE_LEN];
    bool told; /* an answer may come */
    bool walk; /* something differs: a round over all is due */
};

/* The peer has said hello: in 10 minutes. */
void sweep_init(struct cove_conn *conn, uint64_t now_ms);
/* When to come back. */
uint64_t sweep_tick(struct cove_conn *conn, uint64_t now_ms);
void sweep_whole(struct cove_conn *conn, uint64_t now_ms,
                 const uint8_t theirs[COVE_MESSAGE_WHOLE_LEN]);
COVE_MUST_CHECK int sweep_unlike(struct cove_conn *conn);
/* Go on with what is begun. No write transaction is open. */
COVE_MUST_CHECK int sweep_step(struct cove_conn *conn);
/* Is there any that could go on at once? */
bool engine_sweeps(const struct cove_engine *engine);

#endif
