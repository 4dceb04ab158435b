/* seq_internal.h: what the parts of a sequence share.
 *
 * Every element has a local number, its LV, in order of arrival: a parent's is
 * smaller than its children's. By LV there are
 *
 *   runs      who inserted it, its parent and side: an entry for each stretch
 *             whose elements are each the right child of the one before
 *   ticks     when: an entry for each stretch of equal hlcs, or of ones that
 *             count up, as when every keystroke is a transaction
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

#include "crdt/seq.h"

#define SEQ_NONE      UINT32_MAX  /* no LV: the root; no node */
#define SEQ_TOTAL_MAX 0x80000000u /* elements, and bytes of content */
#define SEQ_HEIGHT    16          /* more than 2^31 elements can need */
#ifndef SEQ_SPAN_MAX              /* the tests make them small */
#define SEQ_SPAN_MAX 1024         /* so that moving one costs little */
#define SEQ_SPANS    32           /* of a leaf; at least 4 */
#define SEQ_FAN      32           /* children of an inner node; at least 4 */
#define SEQ_MARK     64           /* LVs from mark to mark */
#endif

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

struct seq_tick { /* a stretch of LVs */
    uint64_t hlc; /* of the first */
    uint32_t lv;
    bool counts; /* each one's is one more than the one's before; else equal */
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
    uint32_t *run_mark; /* the entry that holds LV i * SEQ_MARK */
    uint32_t run_mark_len, run_mark_cap;
    struct seq_tick *tick;
    uint32_t tick_len, tick_cap;

    uint8_t hash_key[16]; /* of the tables below */
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
    uint32_t top; /* the inner node above all others, and its level */
    uint32_t height;
    uint32_t elems, bytes;

    struct { /* what one leaf's ancestors do not count yet */
        uint32_t leaf;
        uint32_t elems, bytes; /* modulo 2^32 */
    } late;
    struct {           /* the last descent: which child, by level */
        uint32_t leaf; /* SEQ_NONE: nodes were split since */
        uint32_t child[SEQ_HEIGHT];
    } path;
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

#endif
