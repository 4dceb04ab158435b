/* child.h: what fields show that are documents of their own.
 *
 * A document and its children are one family. At a head
 *   - the fields of an extracted document are registers of the same journal:
 *     the ops of the document and of its maps are viewed together;
 *   - a text or list that was a scalar shows the scalar's winning write as
 *     elements ("seeds") among those of users, which show always;
 *   - the scalar, at every version that has it, reads what the child has, while
 *     users have done anything to the child;
 *   - an item of a list is a small document: what was inserted, and what was
 *     set in its place, are writes to registers of items, and the head's own
 *     is read.
 * A pure function of (states, plan); nothing is written. docs/FORMAT.md
 * "Children"; tests/oracle/children.py says the same, slowly.
 *
 *   own state + maps ──▶ base view ──seeds──▶ lists, texts
 *                            └────── overlays ◀──┘──▶ view
 */
#ifndef COVE_MIGRATE_CHILD_H
#define COVE_MIGRATE_CHILD_H

#include "crdt/header.h"
#include "crdt/seq.h"
#include "migrate/view.h"

/* Most seeds of one write. */
#define COVE_CHILD_SEEDS 65536

/* The header of the child of a field, and its id: the same on every device.
 * `owner` is the owner of `parent`; `reg` the field's register.
 * Errors: COVE_ENOMEM, COVE_ELIMIT. */
struct cove_child_name {
    enum cove_child_kind kind;
    struct cove_id owner;
    struct cove_id parent;
    struct cove_bytes reg;
};
COVE_MUST_CHECK int cove_child_header(const struct cove_child_name *name,
                                      struct cove_buf *out, struct cove_id *id,
                                      struct cove_diag *diag);
/* The document and the field's register that a header says it is the child of;
 * false where it says none. Whether it is so, its id says. */
bool cove_child_parent(const struct cove_header *header, struct cove_id *parent,
                       struct cove_bytes *reg);
enum cove_doc_type cove_child_type(enum cove_child_kind kind);
/* COVE_CHILD_NONE where documents of that type are nobody's children. */
enum cove_child_kind cove_child_kind(enum cove_doc_type type);

struct cove_child_doc {             /* a child that is held here */
    uint32_t reg;                   /* its field, in the plan */
    const struct cove_state *state; /* settled; borrowed */
};

struct family_shown; /* a list or text with its seeds */

struct cove_family {
    struct cove_arena *arena;
    const struct cove_plan *plan;
    const struct cove_state *own;
    const struct cove_child_doc *docs;
    size_t doc_count;
    struct cove_state all; /* of the document and its maps */
    struct cove_view base; /* of `all`, before the children have their say */
    struct family_shown *shown; /* one for each list and text made ready */
    size_t shown_count;
    struct cove_alloc alloc; /* of sequences: the arena's memory */
};

/* Which children does a view of the document need: the maps of the plan, and
 * what is seeded. Others need not be given.
 * Ownership: arena, plan, states and docs outlive it; all else is the arena's.
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_family_init(struct cove_family *family,
                                     struct cove_arena *arena,
                                     const struct cove_plan *plan,
                                     const struct cove_state *own,
                                     const struct cove_child_doc *docs,
                                     size_t count);

/* The view of one document of the family, `of` being its state, the own or a
 * map's: what is due is due there. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_family_view(struct cove_family *family,
                                     const struct cove_state *of,
                                     struct cove_view *out);

/* The elements that the list or text of a field shows, seeds among them, also
 * where there is no child yet. *copied: it is no child's own, and a change to
 * it changes nothing else: who edits appends to the child. Errors: COVE_ENOMEM.
 */
COVE_MUST_CHECK int cove_family_elements(struct cove_family *family,
                                         uint32_t reg, bool list,
                                         struct cove_seq **out, bool *copied);

/* How many elements of an author are what the winning write says, in a sequence
 * that cove_family_elements gave; 0 where it is another write. */
uint32_t cove_family_seeds(const struct cove_family *family,
                           const struct cove_seq *seq, uint32_t author);

/* The first item of a piece of a list's elements, as the head reads it:
 * present, or invalid with the raw value; never absent.
 * Errors: COVE_ENOMEM. Cost: O(1) where the item
 * is of the head's type and nothing was set in its place. */
COVE_MUST_CHECK int cove_family_item(struct cove_family *family, uint32_t reg,
                                     const struct cove_seq_piece *piece,
                                     struct cove_cell *out);

/* The copy that would let a reader without the engine read the same item, to
 * be written in the list under the item's register of this type; *is_due says
 * whether there is one. Seeds have none. Errors: as above. */
COVE_MUST_CHECK int cove_family_item_due(struct cove_family *family,
                                         uint32_t reg,
                                         const struct cove_seq_piece *piece,
                                         struct cove_due *due, bool *is_due);

#endif
