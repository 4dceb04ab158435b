/* random.h: randomness that follows from a seed.
 * Source: S. Vigna, splitmix64 (public domain). */
#ifndef COVE_TESTS_SIM_RANDOM_H
#define COVE_TESTS_SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_random {
    uint64_t state;
};

static inline uint64_t random_next(struct sim_random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* From 0 to below - 1. */
static inline unsigned random_below(struct sim_random *r, unsigned below)
{
    return (unsigned)(random_next(r) % below);
}

static inline bool random_chance(struct sim_random *r, unsigned percent)
{
    return random_below(r, 100) < percent;
}

#endif
