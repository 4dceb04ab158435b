/* conform_cut.h: what a document shows whose history was cut off. */
#ifndef COVE_TESTS_CONFORM_CUT_H
#define COVE_TESTS_CONFORM_CUT_H

#include "crdt/state.h"

/* An op of the line protocol; all it points at lives as long as the history. */
struct conform_op {
    struct cove_native native; /* of a copy: but for the epoch */
    struct cove_origin *origins;
    size_t origin_count; /* 0: it is no copy */
};

/* The state of a store that got these ops as signed sessions, some of them
 * late, cut the beginning off somewhere, and perhaps gave the cut to another
 * one whose state it is then. `random` goes on. In the arena. */
void conform_cut_fold(const struct conform_op *ops, size_t count,
                      uint64_t *random, struct cove_arena *arena,
                      struct cove_state *out);
/* How often something was cut off, and taken. */
void conform_cut_counts(unsigned *cuts, unsigned *taken);

#endif
