/* edge.h: the clock and the randomness of Cove in the hands of a test, so that
 * a store does the same twice when it is asked the same. The linker puts them
 * in the place of the real ones (--wrap). */
#ifndef COVE_TESTS_EDGE_H
#define COVE_TESTS_EDGE_H

#include <stdint.h>

/* From here on the clock begins at `ms` and goes on by one with each look, and
 * randomness follows from the seed. */
void edge_set(int64_t ms, uint64_t seed);
/* Which start of the machine this is: another one after a power cut. */
void edge_boot(int start);

#endif
