/* env.h: time and randomness, the only way below the edge to get either. */
#ifndef COVE_CORE_ENV_H
#define COVE_CORE_ENV_H

#include "core/bytes.h"

struct cove_env {
    int64_t (*now_ms)(void *ctx); /* wall clock, ms since 1970 */
    void (*random)(void *ctx, void *out, size_t len);
    void *ctx;
};

/* The operating system's clock and libsodium's randomness. */
extern const struct cove_env cove_env_system;

#endif
