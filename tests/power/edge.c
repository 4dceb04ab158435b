#include "tests/power/edge.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t edge_ms = 1790000000000;
static uint64_t edge_seed = 1;

void edge_set(int64_t ms, uint64_t seed)
{
    edge_ms = ms;
    edge_seed = seed * 2654435761U + 88172645463325252U;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
void __wrap_cove_crypto_random(void *out, size_t len);

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    if (clock != CLOCK_REALTIME) {
        return (int)syscall(SYS_clock_gettime, clock, out);
    }
    edge_ms++;
    out->tv_sec = edge_ms / 1000;
    out->tv_nsec = edge_ms % 1000 * 1000000;
    return 0;
}

void __wrap_cove_crypto_random(void *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        edge_seed ^= edge_seed << 13;
        edge_seed ^= edge_seed >> 7;
        edge_seed ^= edge_seed << 17;
        ((uint8_t *)out)[i] = (uint8_t)(edge_seed >> 32);
    }
}

static int edge_start = 1;

void edge_boot(int start)
{
    edge_start = start;
}

int __real_node_file_read(const char *path, char *out, size_t cap, size_t *len);
int __wrap_node_file_read(const char *path, char *out, size_t cap, size_t *len);

int __wrap_node_file_read(const char *path, char *out, size_t cap, size_t *len)
{
    if (strstr(path, "/boot_id") == NULL) {
        return __real_node_file_read(path, out, cap, len);
    }
    *len = (size_t)snprintf(out, cap, "start-%d\n", edge_start);
    return 0;
}
