/* A table without order. Where it is full whoever is refused stays, as long as
 * there is somebody who is not: a flood of new names, each with a strike or
 * two, frees nobody.
 */
#include "sync/ban.h"

static struct cove_ban *ban_find(const struct cove_bans *bans,
                                 const uint8_t who[COVE_BAN_WHO])
{
    for (size_t i = 0; i < bans->count; i++) {
        if (memcmp(bans->at[i].who, who, COVE_BAN_WHO) == 0) {
            return (struct cove_ban *)(uintptr_t)&bans->at[i];
        }
    }
    return NULL;
}

/* What of its strikes is left by now. */
static unsigned ban_strikes(const struct cove_ban *ban, uint64_t now_ms)
{
    uint64_t forgiven = (now_ms - ban->struck_ms) / COVE_BAN_FORGIVE_MS;

    return forgiven < ban->strikes ? ban->strikes - (unsigned)forgiven : 0;
}

/* Which of the two is missed less? One that is not refused; of those the one
 * that was struck longer ago; else the one that is free sooner. */
static bool ban_matters_less(const struct cove_ban *a, const struct cove_ban *b,
                             uint64_t now_ms)
{
    bool refused = a->until_ms > now_ms;

    if (refused != (b->until_ms > now_ms)) {
        return !refused;
    }
    return refused ? a->until_ms < b->until_ms : a->struck_ms < b->struck_ms;
}

static struct cove_ban *ban_take(struct cove_bans *bans, uint64_t now_ms,
                                 const uint8_t who[COVE_BAN_WHO])
{
    struct cove_ban *ban = ban_find(bans, who);

    if (ban != NULL) {
        return ban;
    }
    if (bans->count < COVE_BANS) {
        ban = &bans->at[bans->count++];
    } else {
        ban = &bans->at[0];
        for (size_t i = 1; i < bans->count; i++) {
            if (ban_matters_less(&bans->at[i], ban, now_ms)) {
                ban = &bans->at[i];
            }
        }
    }
    memset(ban, 0, sizeof(*ban));
    memcpy(ban->who, who, COVE_BAN_WHO);
    ban->struck_ms = now_ms;
    return ban;
}

static uint64_t ban_length(const struct cove_env *env, unsigned times)
{
    uint64_t most = COVE_BAN_MIN_MS;
    uint32_t draw;

    while (times-- > 0 && most < COVE_BAN_MAX_MS) {
        most *= 2;
    }
    if (most > COVE_BAN_MAX_MS) {
        most = COVE_BAN_MAX_MS;
    }
    env->random(env->ctx, &draw, sizeof(draw));
    return most - most / 4 + draw % (most / 4 + 1);
}

uint64_t cove_bans_strike(struct cove_bans *bans, const struct cove_env *env,
                          uint64_t now_ms, const uint8_t who[COVE_BAN_WHO],
                          unsigned strikes)
{
    struct cove_ban *ban = ban_take(bans, now_ms, who);
    unsigned before = ban_strikes(ban, now_ms);
    uint64_t length;

    if (ban->until_ms > now_ms) {
        return 0;
    }
    if (before == 0 || before < ban->strikes) {
        /* What is left of a strike's time counts on. */
        ban->struck_ms =
            before == 0 ? now_ms
                        : ban->struck_ms + (uint64_t)(ban->strikes - before) *
                                               COVE_BAN_FORGIVE_MS;
    }
    ban->strikes = before + strikes;
    if (ban->strikes < COVE_BAN_STRIKES) {
        return 0;
    }
    if (now_ms - ban->until_ms >= COVE_BAN_MEMORY_MS) {
        ban->times = 0;
    }
    length = ban_length(env, ban->times);
    ban->times++;
    ban->strikes = 0;
    ban->struck_ms = now_ms;
    ban->until_ms = now_ms + length;
    bans->begun++;
    return length;
}

uint64_t cove_bans_left(const struct cove_bans *bans, uint64_t now_ms,
                        const uint8_t who[COVE_BAN_WHO])
{
    const struct cove_ban *ban = ban_find(bans, who);

    return ban != NULL && ban->until_ms > now_ms ? ban->until_ms - now_ms : 0;
}

bool cove_bans_forgive(struct cove_bans *bans, const uint8_t who[COVE_BAN_WHO])
{
    struct cove_ban *ban = ban_find(bans, who);

    if (ban == NULL) {
        return false;
    }
    *ban = bans->at[--bans->count];
    return true;
}
