/* ban.h: who is refused for a while, since it sent what no honest device would.
 *
 * A strike is one such thing. Strikes are forgiven with time, so that what goes
 * wrong now and then never adds up; whoever reaches the bound all the same is
 * refused for a minute, the next time for two, and so on to an hour, each drawn
 * from the upper quarter so that nobody can tell the moment. The table has a
 * fixed size, lives in memory alone, and knows neither clock nor randomness but
 * what is passed in. docs/PROTOCOL.md "Strikes".
 *
 *   strike · strike … 64 → refused → strike … 64 → refused for twice as long
 */
#ifndef COVE_SYNC_BAN_H
#define COVE_SYNC_BAN_H

#include "core/env.h"

#define COVE_BAN_STRIKES    64
#define COVE_BAN_BREACH     8        /* strikes for breaking the protocol */
#define COVE_BAN_FORGIVE_MS 30000    /* one is forgiven in this time */
#define COVE_BAN_MIN_MS     60000    /* the first time */
#define COVE_BAN_MAX_MS     3600000  /* and at most */
#define COVE_BAN_MEMORY_MS  86400000 /* then it is the first time again */
#define COVE_BANS           256      /* in a table */
#define COVE_BAN_WHO        32

struct cove_ban {
    uint8_t who[COVE_BAN_WHO]; /* a device key, or an address and zeros */
    unsigned strikes;          /* as of struck_ms */
    unsigned times;            /* refused so often, lately */
    uint64_t struck_ms;
    uint64_t until_ms; /* refused until then; 0 where it never was */
};

struct cove_bans { /* zero at first */
    struct cove_ban at[COVE_BANS];
    size_t count;
    uint64_t begun; /* bans, ever */
};

/* Count strikes against `who`. For how long it is refused from now on, in ms,
 * where that brought it to the bound; else 0. Who is refused already gets no
 * more. Cost: linear in the table. */
uint64_t cove_bans_strike(struct cove_bans *bans, const struct cove_env *env,
                          uint64_t now_ms, const uint8_t who[COVE_BAN_WHO],
                          unsigned strikes);
/* For how long it is still refused, in ms; 0: it is not. */
uint64_t cove_bans_left(const struct cove_bans *bans, uint64_t now_ms,
                        const uint8_t who[COVE_BAN_WHO]);
/* Forget all that is held against it. Was there something? */
bool cove_bans_forgive(struct cove_bans *bans, const uint8_t who[COVE_BAN_WHO]);

#endif
