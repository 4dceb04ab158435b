#include "core/env.h"

#include <time.h>

#include "core/crypto.h"

static int64_t env_now_ms(void *ctx)
{
    struct timespec now = {0, 0};

    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void env_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    cove_crypto_random(out, len);
}

const struct cove_env cove_env_system = {env_now_ms, env_random, NULL};
