/* text_diff.h: what was edited between an old text and a new one.
 *
 *   old   The cat sat here.        {at 4, removed 3, "dog"}
 *   new   The dog sat there.       {at 12, removed 0, "t"}
 *
 * For apps that only have the whole new text: replaced as a whole, everything
 * that others wrote into it meanwhile would be lost. For people too, who read
 * what changed by words or by lines.
 *
 * The grain says where an edit may begin and end. By code points the script is
 * a shortest one first; where the two differ so much that this would be dear,
 * lines are aligned, then words, then the code points inside. Then edits that
 * only a chance match of one or two characters keeps apart are joined, so that
 * a rewritten word is one edit and not a sieve. The same texts give the same
 * edits on every machine.
 */
#ifndef COVE_CRDT_TEXT_DIFF_H
#define COVE_CRDT_TEXT_DIFF_H

#include "core/arena.h"

enum cove_diff_grain {
    COVE_DIFF_CODE_POINTS,
    COVE_DIFF_WORDS, /* letters and digits in a row, blanks in a row, else one
                        code point each */
    COVE_DIFF_LINES  /* with the \n that ends them */
};

struct cove_text_edit {
    size_t at;      /* code points of the old text, before any edit */
    size_t removed; /* code points from `at` on */
    struct cove_bytes inserted; /* UTF-8, in their place */
};

struct cove_text_edits {
    struct cove_text_edit *at; /* ascending; something stays between two */
    size_t count;
    uint64_t steps; /* what finding them took, crdt/symbol_diff.h */
};

/* Find the edits that make the old text into the new one.
 * Ownership: the array lives in the arena; what is inserted is a part of
 * new_text, borrowed.
 * Errors: COVE_EFORMAT (a text is not UTF-8), COVE_ENOMEM, COVE_ELIMIT (more
 * than COVE_DIFF_SYMBOLS_MAX bytes).
 * Cost: that of comparing the bytes where there is one edit; else, linear work
 * aside, what was changed, squared, at most COVE_DIFF_STEPS_MAX steps. */
COVE_MUST_CHECK int cove_diff_texts(struct cove_arena *arena,
                                    struct cove_bytes old_text,
                                    struct cove_bytes new_text,
                                    enum cove_diff_grain grain,
                                    struct cove_text_edits *out);

#endif
