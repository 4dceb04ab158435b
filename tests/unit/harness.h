/* harness.h: what every unit test shares: a runner with TAP output, an
 * allocator that fails at the nth call and counts what is alive, and a clock
 * and randomness that repeat. */
#ifndef COVE_TESTS_HARNESS_H
#define COVE_TESTS_HARNESS_H

#include <check.h>
#include <stdlib.h>

#include "core/bytes.h"
#include "core/env.h"

/* Allocator: the call number `fail_at` (from 1) fails; 0 never. */
struct harness_alloc {
    struct cove_alloc alloc; /* first, so that ctx can point at the whole */
    long calls;
    long fail_at;
    long alive; /* blocks not freed */
};

static inline void *harness_resize(void *ctx, void *old, size_t len)
{
    struct harness_alloc *h = ctx;

    if (len == 0) {
        h->alive -= old != NULL;
        free(old);
        return NULL;
    }
    h->calls++;
    if (h->calls == h->fail_at) {
        return NULL;
    }
    void *at = realloc(old, len);

    h->alive += at != NULL && old == NULL;
    return at;
}

static inline void harness_alloc_init(struct harness_alloc *h, long fail_at)
{
    h->alloc.resize = harness_resize;
    h->alloc.ctx = h;
    h->calls = 0;
    h->fail_at = fail_at;
    h->alive = 0;
}

/* Environment: the clock stands where it is set, randomness is xorshift. */
struct harness_env {
    struct cove_env env;
    int64_t now_ms;
    uint64_t seed; /* never 0 */
};

static inline int64_t harness_now(void *ctx)
{
    return ((struct harness_env *)ctx)->now_ms;
}

static inline void harness_random(void *ctx, void *out, size_t len)
{
    struct harness_env *h = ctx;

    for (size_t i = 0; i < len; i++) {
        h->seed ^= h->seed << 13;
        h->seed ^= h->seed >> 7;
        h->seed ^= h->seed << 17;
        ((uint8_t *)out)[i] = (uint8_t)(h->seed >> 32);
    }
}

static inline void harness_env_init(struct harness_env *h, uint64_t seed)
{
    h->env.now_ms = harness_now;
    h->env.random = harness_random;
    h->env.ctx = h;
    h->now_ms = 1750000000000;
    h->seed = seed * 2654435761u + 88172645463325252u;
}

/* Run one suite; the exit status of the program. */
static inline int harness_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
