/* symbol_diff.h: the shortest way from one row of symbols to another.
 *
 *   a  1 2 3 4 5        {at 1, removed 1, from 1, inserted 2}
 *   b  1 8 9 3 4        {at 4, removed 1, from 5, inserted 0}
 *
 * A symbol is a number that stands for an item: equal items have equal numbers.
 * Who has a whole new list or text, and no record of what was done to it, asks
 * here what to remove and insert so that all that stayed keeps its identity,
 * and with it what others do to it meanwhile.
 *
 * The script is a shortest one where the two are alike; how dear that is grows
 * with the square of the changes, so it has a bound, counted in steps and not
 * by a clock: equal input gives equal edits on every machine.
 * Source: E. Myers, An O(ND) Difference Algorithm and Its Variations (1986).
 */
#ifndef COVE_CRDT_SYMBOL_DIFF_H
#define COVE_CRDT_SYMBOL_DIFF_H

#include "core/arena.h"

struct cove_diff_edit {
    size_t at;       /* in the old row, before any edit */
    size_t removed;  /* old symbols from `at` on */
    size_t from;     /* in the new row */
    size_t inserted; /* new symbols from `from` on, in their place */
};

/* Steps, a comparison or a diagonal each, that one search may take; and all
 * that belongs to one question. */
#define COVE_DIFF_SEARCH_MAX 500000
#define COVE_DIFF_STEPS_MAX  3000000
/* A search of so many steps is always allowed, however many there are. */
#define COVE_DIFF_SEARCH_MIN 4096
/* Most symbols of a row. */
#define COVE_DIFF_SYMBOLS_MAX 0x3fffffff

/* Find the edits that make a of n symbols into b of m, ascending; between two
 * there is at least one symbol that stays. What would exceed the bounds is
 * aligned by the symbols which both sides have once, and replaced where there
 * are none.
 * Ownership: *out lives in the arena.
 * Errors: COVE_ENOMEM, COVE_ELIMIT (a row is too long).
 * Cost: O(n + m) where little changed, at most COVE_DIFF_STEPS_MAX steps and
 * O((n + m) log (n + m)). */
COVE_MUST_CHECK int cove_diff_symbols(struct cove_arena *arena,
                                      const uint32_t *a, size_t n,
                                      const uint32_t *b, size_t m,
                                      struct cove_diff_edit **out,
                                      size_t *count);

struct cove_diff_row {
    const uint32_t *at;
    size_t len;
};

/* What many questions share that are parts of one. */
struct cove_diff_work {
    struct cove_arena scratch; /* of who asks: initialised, cleared at last */
    uint64_t steps;            /* taken so far, on failure too */
    uint64_t search;           /* what the search for whole rows may take */
    bool refuse; /* what would exceed that is COVE_ELIMIT, not coarser */
};

/* As above, as a part of a larger work. */
COVE_MUST_CHECK int cove_diff_rows(struct cove_arena *arena,
                                   struct cove_diff_row a,
                                   struct cove_diff_row b,
                                   struct cove_diff_work *work,
                                   struct cove_diff_edit **out, size_t *count);

/* A fair share of COVE_DIFF_SEARCH_MAX for a part of the whole. */
uint64_t cove_diff_share(size_t part, size_t whole);

#endif
