/* hlc.h: the hybrid logical clock. 48 bits of milliseconds, 16 of counter,
 * in one integer, so that comparing timestamps is comparing integers. The
 * counter carries into the milliseconds.
 * Source: S. Kulkarni et al., Logical Physical Clocks (2014). */
#ifndef COVE_CORE_HLC_H
#define COVE_CORE_HLC_H

#include "core/bytes.h"

/* The timestamp of a new event: greater than `last`, not before now_ms. */
uint64_t cove_hlc_next(uint64_t last, int64_t now_ms);
static inline int64_t cove_hlc_ms(uint64_t hlc)
{
    return (int64_t)(hlc >> 16);
}
static inline uint64_t cove_hlc_of_ms(int64_t ms)
{
    return (uint64_t)ms << 16;
}
/* How far (ms) the timestamp lies ahead of the clock; 0 where it does not. */
int64_t cove_hlc_ahead(uint64_t hlc, int64_t now_ms);

#endif
