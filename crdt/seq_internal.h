/* seq_internal.h: what the parts of a sequence share.
 *
 * Every element has a local number, its LV, in order of arrival: a parent's is
 * smaller than its children's. By LV there are
 *
 *   runs      who inserted it, its parent and side: an entry for each stretch
 *             whose elements are each the right child of the one before
 *   hlcs      when: an entry for each stretch of equal ones
 *   content   the bytes, in this order; marks[] finds a place in it
 *   leaf_of   the leaf that holds it
 *
 * The tree holds spans in document order. A span is up to SEQ_SPAN_MAX
 * elements with ascending LVs, each the right child of the one before, all
 * visible or all deleted. Nodes are numbers in two pools.
 *
 * A change first makes sure of all memory that it can need, then happens: so
 * nothing is ever half done.
 */
#ifndef COVE_CRDT_SEQ_INTERNAL_H
#define COVE_CRDT_SEQ_INTERNAL_H

#include <assert.h>

#include "cove/error.h"
#include "crdt/seq.h"

#define SEQ_NONE      UINT32_MAX  /* no LV: the root; no node */
#define SEQ_TOTAL_MAX 0x80000000u /* elements, and bytes of content */
#define SEQ_SPAN_MAX  1024        /* so that moving one costs little */
#define SEQ_SPANS     32          /* of a leaf */
#define SEQ_FAN       16          /* children of an inner node */
#define SEQ_MARK      64          /* elements from mark to mark */
#define SEQ_HEIGHT    16          /* more than 2^31 elements can need */

enum { SEQ_DELETED = 1, SEQ_HAS_RIGHT = 2, SEQ_HAS_LEFT = 4 };

struct seq_span {
    uint32_t lv;
    uint16_t count;
    uint16_t flags; /* HAS_RIGHT: its last element has a right child;
                       HAS_LEFT: its first one has a left child */
};

struct seq_leaf {
    uint32_t parent;
    uint32_t next, prev; /* in document order */
    uint32_t elems;      /* visible ones; true at any time */
    uint32_t bytes;
    uint32_t count;
    struct seq_span span[SEQ_SPANS];
};

struct seq_inner {
    uint32_t parent;
    uint32_t count;
    uint32_t level; /* 1: its children are leaves */
    uint32_t child[SEQ_FAN];
    uint32_t elems[SEQ_FAN]; /* true but for what seq->late holds */
    uint32_t bytes[SEQ_FAN];
};

/* A place between elements: before the one at `off` of a span, or behind the
 * span's last where off is its count. In an empty leaf: slot and off 0. */
struct seq_spot {
    uint32_t leaf, slot, off;
};

struct seq_run {
    uint32_t lv;
    uint32_t author, n; /* of the first element */
    uint32_t parent;    /* LV; SEQ_NONE: the root */
    uint32_t type_side; /* index of the type << 1 | side */
};

struct seq_piece { /* consecutive n of one author with consecutive LVs */
    uint32_t n, lv, count;
};

struct seq_range { /* of one author's n: deleted before they came */
    uint32_t n, count;
};

struct seq_author {
    struct cove_seq_author who;
    struct seq_piece *piece; /* by n */
    uint32_t piece_len, piece_cap;
    struct seq_range *gone; /* by n; disjoint, never adjacent */
    uint32_t gone_len, gone_cap;
    uint32_t waited; /* runs that wait for an element of this author */
};

/* The children of an element on one side, by id, but for the implicit one: the
 * next element of its run. */
struct seq_kids {
    uint64_t key; /* LV << 1 | side, + 1; 0: free */
    uint32_t count, cap;
    uint32_t one;   /* where cap is 0 */
    uint32_t *many; /* else */
};

struct seq_wait { /* a run whose parent is not here */
    struct cove_elem parent, first;
    uint32_t count;
    uint32_t type;
    uint64_t hlc;
    uint8_t *content; /* owned; NULL: the entry is free */
    uint32_t len;
    uint32_t next;    /* that waits for the like, is ready, or is free */
    uint32_t next_id; /* of the same bucket by its first element */
    enum cove_seq_side side;
};

struct cove_seq {
    const struct cove_alloc *alloc;
    /* Itself: reading may have to build what a checkpoint holds, or to hand
     * late counts up, which is no change that anybody sees. */
    struct cove_seq *self;
    enum cove_seq_kind kind;

    /* At rest, until the tree is built: the checkpoint, and its text. */
    struct cove_buf saved;
    struct cove_buf text;
    uint32_t saved_waiting;
    uint32_t saved_total;
    uint32_t saved_elems;

    uint32_t total;
    uint32_t lv_cap; /* of leaf_of, and values */
    uint32_t *leaf_of;
    uint32_t *values; /* list: where each value starts in content */

    uint8_t *content;
    uint32_t content_len, content_cap;
    bool wide;      /* text: not all of it is ASCII, and there are marks */
    uint32_t *mark; /* where LV i * SEQ_MARK starts */
    uint32_t mark_len, mark_cap;

    struct seq_run *run;
    uint32_t run_len, run_cap;
    uint32_t *hlc_lv; /* first LV of each stretch, and its hlc */
    uint64_t *hlc;
    uint32_t hlc_len, hlc_cap;

    struct seq_author *author;
    uint32_t author_len, author_cap;
    uint32_t *author_bucket; /* number + 1; 0: free */
    uint32_t author_buckets;

    struct cove_buf *type; /* [0] is the empty one, not held */
    uint32_t type_len, type_cap;

    struct seq_leaf *leaf;
    uint32_t leaf_len, leaf_cap;
    struct seq_inner *inner;
    uint32_t inner_len, inner_cap;
    uint32_t top; /* the inner node above all others */
    uint32_t elems, bytes;

    struct { /* what one leaf's ancestors do not count yet */
        uint32_t leaf;
        uint32_t elems, bytes; /* modulo 2^32 */
    } late;
    struct { /* where the last edit was; leaf SEQ_NONE: unknown */
        uint32_t leaf, slot;
        uint32_t at;      /* visible elements before the slot */
        uint32_t leaf_at; /* and before the leaf */
    } cursor;

    struct seq_kids *kids; /* NULL until two siblings meet */
    uint32_t kids_len, kids_cap;
    uint64_t *forks;    /* by LV, a bit: has a right child that is not the next
                           of its run */
    uint32_t forks_cap; /* in words */

    struct seq_wait *wait;
    uint32_t wait_len, wait_cap; /* entries, the free ones too */
    uint32_t wait_free, ready;   /* heads of lists */
    uint32_t wait_count, gone_count;
    size_t wait_bytes;
    uint32_t *wait_for; /* buckets by parent */
    uint32_t *wait_id;  /* and by first element */
    uint32_t wait_buckets;
};

/* Make room for `need` things of `size` in an array. */
COVE_MUST_CHECK int cove_seq_grow(const struct cove_seq *seq, void *array,
                                  uint32_t *cap, size_t need, size_t size);

/* --- seq_index.c: by LV, and by id */

/* The entry that holds an LV. */
const struct seq_run *cove_seq_run_of(const struct cove_seq *seq, uint32_t lv);
uint32_t cove_seq_run_end(const struct cove_seq *seq,
                          const struct seq_run *run);
struct cove_elem cove_seq_elem_of(const struct cove_seq *seq, uint32_t lv);
/* The index of the stretch that an LV is in. */
uint32_t cove_seq_hlc_of(const struct cove_seq *seq, uint32_t lv);
/* The LV of an element, SEQ_NONE where it is not here; *span: how many from it
 * on are here with the LVs that follow, or are missing. */
uint32_t cove_seq_lv_of(const struct cove_seq *seq, struct cove_elem elem,
                        uint32_t *span);
/* Where the content of an LV starts. */
uint32_t cove_seq_wide_byte(const struct cove_seq *seq, uint32_t lv);
/* An element's id against another's: <0, >0; 0 only where they are the same. */
int cove_seq_compare(const struct cove_seq *seq, struct cove_elem a,
                     uint64_t a_hlc, struct cove_elem b, uint64_t b_hlc);
/* Does the content hold exactly count elements? Errors: COVE_EFORMAT. */
COVE_MUST_CHECK int cove_seq_check_content(const struct cove_seq *seq,
                                           struct cove_bytes content,
                                           uint32_t count);
/* How many code points start in it. */
uint32_t cove_seq_utf8_count(struct cove_bytes text);
/* How many bytes the first `count` elements of checked content take. */
size_t cove_seq_prefix(const struct cove_seq *seq, struct cove_bytes content,
                       uint32_t count);
COVE_MUST_CHECK int cove_seq_type_add(struct cove_seq *seq,
                                      struct cove_bytes type, uint32_t *out);

/* One stretch to be inserted, with what is known of it. */
struct seq_new {
    struct cove_elem first;
    uint32_t count;
    uint32_t parent; /* LV */
    enum cove_seq_side side;
    uint32_t type;
    uint64_t hlc;
    struct cove_bytes content; /* checked */
    bool bare; /* of a checkpoint: content and hlcs have places of their own */
};
/* Make room in everything. Errors: COVE_ENOMEM, COVE_ELIMIT. */
COVE_MUST_CHECK int cove_seq_reserve(struct cove_seq *seq,
                                     const struct seq_new *x);
/* Enter it in all that goes by LV or id; the tree follows. Gives its LV. */
uint32_t cove_seq_enter(struct cove_seq *seq, const struct seq_new *x);

/* Bytes of visible text, as the tree counts them. */
static inline uint32_t cove_seq_byte_of(const struct cove_seq *seq, uint32_t lv)
{
    return seq->wide ? cove_seq_wide_byte(seq, lv) : lv;
}
static inline uint32_t cove_seq_bytes_of(const struct cove_seq *seq,
                                         uint32_t lv, uint32_t count)
{
    if (!seq->wide) {
        return count;
    }
    return cove_seq_wide_byte(seq, lv + count) - cove_seq_wide_byte(seq, lv);
}
/* The content of some LVs that follow each other. */
struct cove_bytes cove_seq_content_of(const struct cove_seq *seq, uint32_t lv,
                                      uint32_t count);

/* --- seq_tree.c: spans in document order */

COVE_MUST_CHECK int cove_seq_tree_init(struct cove_seq *seq);
/* Make sure that `spans` more can be put in. */
COVE_MUST_CHECK int cove_seq_tree_reserve(struct cove_seq *seq, size_t spans);
/* Hand late counts up. */
void cove_seq_tree_settle(struct cove_seq *seq);
/* The element with this LV. */
struct seq_spot cove_seq_tree_find(const struct cove_seq *seq, uint32_t lv);
/* What is visible before a spot. */
uint32_t cove_seq_tree_position(const struct cove_seq *seq,
                                enum cove_seq_unit unit,
                                const struct seq_spot *spot);
/* The visible element number `at` of the unit, which there is; *rest: how far
 * in the unit it is into its span. */
struct seq_spot cove_seq_tree_seek(const struct cove_seq *seq,
                                   enum cove_seq_unit unit, uint32_t at,
                                   uint32_t *leaf_at, uint32_t *rest);
/* As above in elements, over the cursor, which is then there. */
struct seq_spot cove_seq_tree_move(struct cove_seq *seq, uint32_t at);
/* The span that follows a spot at the end of one. False at the very end. */
bool cove_seq_tree_next(const struct cove_seq *seq, struct seq_spot *spot);
/* Put `count` new elements from `lv` on at a spot. chained: they are the right
 * child of the element before the spot, which has the LV before theirs. */
void cove_seq_tree_put(struct cove_seq *seq, struct seq_spot spot, uint32_t lv,
                       uint32_t count, bool chained);
/* The element behind the spot gets a left child: make it a span's first. */
void cove_seq_tree_mark_left(struct cove_seq *seq, struct seq_spot *spot);
/* Delete `len` elements of one span from the spot on. */
void cove_seq_tree_delete(struct cove_seq *seq, struct seq_spot spot,
                          uint32_t len);

static inline struct seq_span *cove_seq_span_at(const struct cove_seq *seq,
                                                const struct seq_spot *spot)
{
    return &seq->leaf[spot->leaf].span[spot->slot];
}
static inline uint32_t cove_seq_visible(const struct seq_span *span)
{
    return (span->flags & SEQ_DELETED) != 0 ? 0 : span->count;
}

/* --- seq_merge.c */

/* Insert what is not here of a run, or let it wait. Errors: as
 * cove_seq_insert. */
COVE_MUST_CHECK int cove_seq_insert_parts(struct cove_seq *seq,
                                          struct cove_elem parent,
                                          const struct seq_new *whole);
/* Insert something whose parent is here. Errors: as cove_seq_reserve. */
COVE_MUST_CHECK int cove_seq_integrate(struct cove_seq *seq,
                                       const struct seq_new *x);
/* Delete, of elements that have just come, those that were to be deleted. */
void cove_seq_delete_gone(struct cove_seq *seq, const struct seq_new *x,
                          uint32_t lv);
/* Delete what is here of these LVs. Errors: COVE_ENOMEM, in part. */
COVE_MUST_CHECK int cove_seq_delete_lvs(struct cove_seq *seq, uint32_t lv,
                                        uint32_t count);
/* An inserted run is made of checked parts. Errors: COVE_EUSAGE, COVE_EFORMAT,
 * COVE_ENOMEM. */
COVE_MUST_CHECK int cove_seq_check_run(struct cove_seq *seq,
                                       const struct cove_seq_run *run);

/* --- seq_kids.c */

/* Make room for a child, where children are kept track of. */
COVE_MUST_CHECK int cove_seq_kids_reserve(struct cove_seq *seq,
                                          const struct seq_new *x);
/* Begin to keep track of them. */
COVE_MUST_CHECK int cove_seq_kids_build(struct cove_seq *seq);
/* Note a child that cove_seq_enter made. */
void cove_seq_kids_add(struct cove_seq *seq, const struct seq_new *x,
                       uint32_t lv);
/* Where it goes among its siblings, of which there are. */
struct seq_spot cove_seq_kids_place(const struct cove_seq *seq,
                                    const struct seq_new *x);
void cove_seq_kids_free(struct cove_seq *seq);

/* --- seq_wait.c */

/* Let a run wait for its parent. Errors: COVE_ENOMEM, COVE_ELIMIT. */
COVE_MUST_CHECK int cove_seq_wait_add(struct cove_seq *seq,
                                      struct cove_elem parent,
                                      const struct seq_new *x);
/* These have come: what waits for them is ready. */
void cove_seq_wait_release(struct cove_seq *seq, struct cove_elem first,
                           uint32_t count);
/* Insert what is ready. Errors: as cove_seq_reserve; the rest stays ready. */
COVE_MUST_CHECK int cove_seq_wait_drain(struct cove_seq *seq);
/* Note that elements which are not here are deleted. */
COVE_MUST_CHECK int cove_seq_gone_add(struct cove_seq *seq,
                                      struct cove_elem first, uint32_t count);
/* Make room for taking some of an author's away; how many ranges it meets. */
COVE_MUST_CHECK int cove_seq_gone_reserve(struct cove_seq *seq,
                                          struct cove_elem first,
                                          uint32_t count, size_t *met);
/* The first range of these that is to be deleted, taken off the list. */
bool cove_seq_gone_take(struct cove_seq *seq, struct cove_elem first,
                        uint32_t count, struct seq_range *out);
void cove_seq_wait_free(struct cove_seq *seq);

/* --- seq_save.c, seq_load.c */

/* Build what a checkpoint holds. Errors: COVE_ECORRUPT, COVE_ENOMEM, still as
 * it was loaded. */
COVE_MUST_CHECK int cove_seq_build(struct cove_seq *seq);
static inline int cove_seq_ready(const struct cove_seq *seq)
{
    return seq->saved.at == NULL ? 0 : cove_seq_build(seq->self);
}

#endif
