/* fuzz_channel.h: two devices with fixed keys, for the fuzz targets of the
 * channel. */
#ifndef COVE_TESTS_FUZZ_CHANNEL_H
#define COVE_TESTS_FUZZ_CHANNEL_H

#include <assert.h>
#include <stdlib.h>

#include "core/crypto.h"
#include "sync/channel_internal.h"

struct fuzz_side {
    struct cove_secret secret;
    struct cove_key device;
    struct cove_identity identity;
    struct cove_channel_options opt;
    struct cove_channel *ch;
};

static const uint8_t fuzz_network_key[32] = {'k', 'e', 'y'};

static inline int64_t fuzz_now(void *ctx)
{
    (void)ctx;
    return 1750000000000;
}

static inline void fuzz_random(void *ctx, void *out, size_t len)
{
    static const uint8_t bytes[32] = {1, 2, 3, 5, 8, 13, 21, 34};

    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)out)[i] = bytes[i % sizeof(bytes)];
    }
}

static const struct cove_env fuzz_env = {fuzz_now, fuzz_random, NULL};

/* side 0 is the initiator */
static inline void fuzz_side_init(struct fuzz_side *side, unsigned i,
                                  bool network)
{
    uint8_t seed[32];

    memset(side, 0, sizeof(*side));
    memset(seed, (int)(i + 1), sizeof(seed));
    cove_key_of_seed(seed, &side->secret, &side->device);
    cove_identity_make(&side->secret, &side->device, &fuzz_env, 30,
                       &side->identity);
    side->opt.alloc = &cove_alloc_libc;
    side->opt.env = &fuzz_env;
    side->opt.identity = &side->identity;
    side->opt.role = i == 0 ? COVE_CHANNEL_INITIATOR : COVE_CHANNEL_RESPONDER;
    side->opt.network_key = network ? fuzz_network_key : NULL;

    int err = cove_channel_new(&side->opt, &side->ch);

    assert(err == 0);
}

/* What must be so after any input. */
static inline void fuzz_side_check(const struct fuzz_side *side, int err)
{
    const struct cove_diag *diag = cove_channel_diag(side->ch);
    bool failed = cove_channel_state(side->ch) == COVE_CHANNEL_FAILED;

    assert(failed == (err != 0));
    assert(!failed || (diag->code == err && diag->text[0] != '\0'));
    assert(cove_channel_state(side->ch) != COVE_CHANNEL_OPEN ||
           cove_channel_peer(side->ch) != NULL);
}

/* Give bytes to a side from a block of exactly their size. */
static inline int fuzz_side_input(struct fuzz_side *side, const uint8_t *at,
                                  size_t len)
{
    uint8_t *copy = malloc(len + 1);

    if (len > 0) {
        memcpy(copy, at, len);
    }

    int err = cove_channel_input(side->ch, 0, cove_bytes(copy, len));

    free(copy);
    fuzz_side_check(side, err);
    return err;
}

#endif
