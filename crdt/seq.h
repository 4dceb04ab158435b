/* seq.h: the sequence CRDT behind lists and texts: Fugue over a counted B+tree.
 *
 * An element names its parent and the side it hangs on; siblings on one side
 * are ordered by op id; reading is the in-order walk. A deletion leaves a
 * tombstone. Elements that one author typed behind each other, each the right
 * child of the one before, are one run, here and in the log.
 * Source: M. Weidner, M. Kleppmann, The Art of the Fugue (2023).
 *
 *   spans, in document order, in the leaves of a tree that counts
 *   [alice 0-11][alice 12-13 gone][bob 0-4][alice 14-40] …
 *
 * A text's elements are code points, a list's are encoded values, each with
 * the type id of its run. The module knows nothing of transactions, stores or
 * rights: who calls gives every author its number, every element its number
 * among all that this author ever inserted here, and its hlc. Equal ops give
 * an equal sequence, whatever the order and however often they come.
 */
#ifndef COVE_CRDT_SEQ_H
#define COVE_CRDT_SEQ_H

#include "core/bytes.h"
#include "core/id.h"

struct cove_seq;

enum cove_seq_kind { COVE_SEQ_TEXT, COVE_SEQ_LIST };

/* In what places of a sequence are counted. A list has only elements. */
enum cove_seq_unit {
    COVE_SEQ_ELEMENTS, /* items; code points */
    COVE_SEQ_BYTES     /* of UTF-8 */
};

enum cove_seq_side { COVE_SEQ_LEFT = 0, COVE_SEQ_RIGHT = 1 };

/* An element: the `n`-th that this author inserted. The root, which every
 * sequence hangs on, is no element and sorts before all of them. */
struct cove_elem {
    uint32_t author; /* COVE_SEQ_ROOT: the root */
    uint32_t n;
};
#define COVE_SEQ_ROOT UINT32_MAX

/* Who may have inserted: a session, or a write elsewhere whose characters are
 * elements here. Siblings are compared by hlc, then by device, session, tx, op,
 * bytewise, then by n. */
struct cove_seq_author {
    struct cove_key device; /* zero: not known yet */
    struct cove_session_id session;
    uint64_t hlc;    /* of such a write; 0: it is a session */
    uint32_t tx, op; /* of such a write; else 0 */
};

/* Ownership: freed by cove_seq_free. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_seq_new(const struct cove_alloc *alloc,
                                 enum cove_seq_kind kind,
                                 struct cove_seq **out);
void cove_seq_free(struct cove_seq *seq); /* NULL is allowed */
enum cove_seq_kind cove_seq_kind(const struct cove_seq *seq);

/* The number of an author, given when it is first named; from 0. All but the
 * device say who it is; a device that was zero is taken from a later call: an
 * author must have one before it inserts.
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_seq_author_add(struct cove_seq *seq,
                                        const struct cove_seq_author *author,
                                        uint32_t *out);
/* The number of one that was named before; false where none was. */
bool cove_seq_author_find(const struct cove_seq *seq,
                          const struct cove_seq_author *author, uint32_t *out);
/* How many there are; and one of them, borrowed until the next author is added,
 * as given: NULL behind the last. */
uint32_t cove_seq_author_count(const struct cove_seq *seq);
const struct cove_seq_author *cove_seq_author_of(const struct cove_seq *seq,
                                                 uint32_t author);

/* --- ops of any author, in any order, any number of times */

struct cove_seq_run {
    struct cove_elem first; /* count elements from it on, by one author */
    uint32_t count;         /* each but the first the right child of the one
                               before it */
    uint64_t hlc;
    struct cove_elem parent; /* of the first one */
    enum cove_seq_side side;
    /* Text: valid UTF-8 of exactly count code points. List: count encoded
     * values, one behind another. Copied; no part of this sequence. */
    struct cove_bytes content;
    struct cove_bytes
        type; /* list: the type id of these values, may be empty */
};

/* Most ops that wait for a parent, or for what they delete, and their bytes. */
#define COVE_SEQ_WAITING_MAX   65536
#define COVE_SEQ_WAITING_BYTES 4194304

/* Insert a run, or what of it is not here yet. One whose parent is not here
 * waits for it. What contradicts what is held (other content for an element) is
 * ignored: who came first stands, and a session's log cannot do that.
 * Errors: COVE_EUSAGE (an author without a number, no elements), COVE_EFORMAT
 * (the content is not that many, numbers overflow, left of the root), each of
 * them unchanged; COVE_ENOMEM: some of it, or of what waited for it, may be in:
 * asked again it goes on there; COVE_ELIMIT where too much waits already, or
 * would exceed 2^31 elements: to be tried again when the parent has come. */
COVE_MUST_CHECK int cove_seq_insert(struct cove_seq *seq,
                                    const struct cove_seq_run *run);
/* Delete `count` elements of one author from `first` on. Those that are not
 * here yet are deleted when they come (they wait; a range counts as one).
 * Errors: as above. */
COVE_MUST_CHECK int cove_seq_remove(struct cove_seq *seq,
                                    struct cove_elem first, uint32_t count);
/* How many runs and deletions wait. */
size_t cove_seq_waiting(const struct cove_seq *seq);
/* One more than the greatest number below `limit` of an element of this author
 * that a waiting run hangs on; 0: none does. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_seq_wanted(const struct cove_seq *seq, uint32_t author,
                                    uint32_t limit, uint32_t *out);

/* --- own edits: places are those of what is visible */

struct cove_seq_edit { /* what an insertion came to, for the transaction */
    struct cove_elem parent;
    enum cove_seq_side side;
};
/* Insert before the element at `at` (== the length: at the end). run->parent
 * and side are ignored and given in *out.
 * Errors: COVE_EUSAGE (`at` is beyond the end, or inside a code point where the
 * unit is bytes; an element is here already), COVE_EFORMAT, COVE_ENOMEM,
 * COVE_ELIMIT; unchanged. Cost: O(1) next to the edit before, else O(log n). */
COVE_MUST_CHECK int cove_seq_insert_at(struct cove_seq *seq,
                                       enum cove_seq_unit unit, size_t at,
                                       const struct cove_seq_run *run,
                                       struct cove_seq_edit *out);
/* Delete `len` (elements or bytes) from `at` on. What it comes to is visited
 * first, in document order, as ranges of one author with ascending n; the
 * visitor must not touch the sequence.
 * Errors: COVE_EUSAGE as above, COVE_ENOMEM, and what the visitor returns; then
 * nothing is deleted. */
typedef int cove_seq_range(void *ctx, struct cove_elem first, uint32_t count);
COVE_MUST_CHECK int cove_seq_remove_at(struct cove_seq *seq,
                                       enum cove_seq_unit unit, size_t at,
                                       size_t len, cove_seq_range *visit,
                                       void *ctx);

/* --- reading. What is asked of a sequence that was loaded and is not built yet
 * gives the errors of cove_seq_load too, where it needs the tree. */

/* How long the visible sequence is. Cost: O(1). */
size_t cove_seq_length(const struct cove_seq *seq, enum cove_seq_unit unit);
/* Elements ever inserted, tombstones too. */
size_t cove_seq_total(const struct cove_seq *seq);

/* A piece of the visible sequence, or of all of it. Borrowed until the next
 * change. */
struct cove_seq_piece {
    struct cove_elem first;
    uint32_t count;
    bool deleted;
    uint64_t hlc;              /* of the first; the piece has one hlc */
    struct cove_bytes content; /* as in a run */
    struct cove_bytes type;
};
/* A walk. What it gives lies in document order. */
struct cove_seq_walk {
    const struct cove_seq *seq;
    bool deleted_too;
    uint32_t leaf; /* the walk's own, here and below */
    uint32_t slot, skip;
    uint32_t run, tick;
    size_t left;
};
/* Visit `len` visible elements from `at` on. Errors: COVE_EUSAGE. */
COVE_MUST_CHECK int cove_seq_walk(const struct cove_seq *seq, size_t at,
                                  size_t len, struct cove_seq_walk *out);
/* Visit everything, tombstones too. Errors: those of loading. */
COVE_MUST_CHECK int cove_seq_walk_all(const struct cove_seq *seq,
                                      struct cove_seq_walk *out);
/* False at the end. */
bool cove_seq_next(struct cove_seq_walk *walk, struct cove_seq_piece *out);

/* Append the visible text [at, at + len) to out. Errors: COVE_EUSAGE,
 * COVE_ENOMEM; unchanged. */
COVE_MUST_CHECK int cove_seq_text(const struct cove_seq *seq,
                                  enum cove_seq_unit unit, size_t at,
                                  size_t len, struct cove_buf *out);
/* The same place in the other unit. Errors: COVE_EUSAGE (beyond the end, inside
 * a code point). Cost: O(log n). */
COVE_MUST_CHECK int cove_seq_convert(const struct cove_seq *seq,
                                     enum cove_seq_unit from, size_t at,
                                     enum cove_seq_unit to, size_t *out);

/* The visible element at a place, and its value. Errors: COVE_EUSAGE. */
COVE_MUST_CHECK int cove_seq_at(const struct cove_seq *seq, size_t at,
                                struct cove_seq_piece *out);
/* Where an element stands: how many visible ones are before it, and whether it
 * is visible itself. Errors: COVE_ENOTFOUND (not here, or waiting).
 * Cost: O(log n). */
COVE_MUST_CHECK int cove_seq_find(const struct cove_seq *seq,
                                  struct cove_elem elem, size_t *at,
                                  bool *visible);
/* Its neighbour in document order, tombstones included; the root before the
 * first and behind the last. Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_seq_after(const struct cove_seq *seq,
                                   struct cove_elem elem,
                                   struct cove_elem *out);

/* --- at rest */

/* Append a checkpoint: everything, tombstones, waiting ops and their content
 * too. Equal sequences need not give equal bytes.
 * Errors: COVE_ENOMEM. docs/FORMAT.md "Sequence". */
COVE_MUST_CHECK int cove_seq_save(const struct cove_seq *seq,
                                  struct cove_buf *out);
/* Read one. Nothing but the text is made ready: the tree is built when the
 * sequence is first changed or asked for elements, so that a loaded text costs
 * its bytes and little more. `saved` is copied.
 * Errors: COVE_ECORRUPT where the frame or the text is damaged (what else is
 * damaged shows when the tree is built), COVE_ENOMEM. */
COVE_MUST_CHECK int cove_seq_load(const struct cove_alloc *alloc,
                                  struct cove_bytes saved,
                                  struct cove_seq **out);
/* Bytes of memory that it holds. */
size_t cove_seq_memory(const struct cove_seq *seq);

#endif
