/* counter.h: what additions to a counter may do to its sum.
 *
 * Each device adds by itself; the sum is that of all additions, whatever their
 * order, and is kept wider than any of them (crdt/state.h). What one device
 * writes never takes it out of 64 bits; what several do at the same time may.
 */
#ifndef COVE_CRDT_COUNTER_H
#define COVE_CRDT_COUNTER_H

#include "crdt/state.h"

/* The sum as an app reads it. Errors: COVE_ELIMIT: it does not fit into 64
 * bits, *out is the nearest that does. */
COVE_MUST_CHECK int cove_counter_read(cove_wide sum, int64_t *out);
/* May this be added? Errors: COVE_ELIMIT: the sum would leave 64 bits, or go on
 * away from them. */
COVE_MUST_CHECK int cove_counter_check(cove_wide sum, int64_t amount);
/* Make one addition of two; false where they need two. */
bool cove_counter_join(int64_t *amount, int64_t more);

#endif
