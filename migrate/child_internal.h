/* child_internal.h: what a family remembers of a list or text; the files of
 * child.h only.
 *
 *   child.c       families; seeds among elements
 *   child_item.c  items of lists
 *   child_view.c  what children say of the registers they came from
 */
#ifndef COVE_MIGRATE_CHILD_INTERNAL_H
#define COVE_MIGRATE_CHILD_INTERNAL_H

#include "migrate/child.h"

struct family_shown {
    uint32_t reg;
    bool list;
    bool copied; /* the sequence is not the child's own */
    struct cove_seq *seq;
    const struct cove_state *state;    /* of the child; NULL: there is none */
    const struct cove_plan_seed *from; /* NULL: nothing seeds it */
    const struct cove_op_id *write;    /* that wins there; NULL: none */
    struct cove_cell value;            /* what it says, as `from` has it */
    uint32_t author;                   /* of the seeds, where there are any */
    uint32_t count;                    /* of seeds */
    uint32_t item; /* register of the head's items, or NONE */
};

/* Make a list or text ready, once. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_family_show(struct cove_family *family, uint32_t reg,
                                     bool list, struct family_shown **out);
/* Is it an element that the winning write stands for? */
bool cove_shown_is_seed(const struct family_shown *shown,
                        struct cove_elem elem);
/* The register that a type id names; NONE where no active step adds it. */
uint32_t cove_shown_type(const struct cove_family *family,
                         const struct family_shown *shown,
                         struct cove_bytes type);

/* The known writes of an item: what was inserted, but for a seed, and what was
 * set in its place; in the arena. Errors: COVE_ENOMEM. */
struct family_writes {
    struct cove_native *items;
    size_t count;
};
COVE_MUST_CHECK int cove_item_writes(struct cove_family *family,
                                     const struct family_shown *shown,
                                     const struct cove_seq_piece *piece,
                                     struct family_writes *out);

#endif
