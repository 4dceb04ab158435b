/* text_tokens.h: a text cut into what a difference compares.
 *
 *   text      the cat the        by words
 *   begin     0  3 4  7 8  11
 *   symbols   0  1 2  1 0
 *
 * Only crdt/text_diff.c needs it.
 */
#ifndef COVE_CRDT_TEXT_TOKENS_H
#define COVE_CRDT_TEXT_TOKENS_H

#include "crdt/text_diff.h"

struct cove_tokens {
    struct cove_bytes text; /* borrowed */
    uint32_t *symbols;      /* equal tokens, equal symbols; of the arena */
    uint32_t *begin;        /* bytes; count + 1 of them, the last is the end */
    size_t count;
};

/* Make room for `most` tokens of a text: none yet.
 * Shape: valid UTF-8 of less than 2^32 bytes. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_tokens_init(struct cove_tokens *tokens,
                                     struct cove_arena *arena,
                                     struct cove_bytes text, size_t most);

/* Cut [begin, end) of the text, between code points, instead of what was cut
 * before. By code points these are the symbols, else there are none yet. */
void cove_tokens_split(struct cove_tokens *tokens, size_t begin, size_t end,
                       enum cove_diff_grain grain);

/* Give the tokens of two texts symbols. Who makes tokens that collide gets
 * other symbols for equal tokens, a coarser answer and not a slower one.
 * Errors: COVE_ENOMEM. Cost: O(bytes). */
COVE_MUST_CHECK int cove_tokens_number(struct cove_tokens *a,
                                       struct cove_tokens *b,
                                       struct cove_arena *scratch);

#endif
