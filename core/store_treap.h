/* store_treap.h: an ordered map that keeps its past; for store_mem.c only.
 *
 * A treap is a search tree by key that is a heap by random priorities, so its
 * expected depth is O(log n). It is changed by copying the path from the
 * root, in an edit: what the edit made itself it changes in place, what it
 * found it copies. Who holds a struct cove_treap from before the edit goes on
 * reading that.
 *
 *     fresh    blocks made by the edit; freed when it is undone
 *     retired  blocks it took out; freed when nobody reads the past of it
 *
 * Knows nothing of transactions and threads.
 *
 * Source: Seidel and Aragon, Randomized Search Trees (1996); Driscoll et al.,
 * Making Data Structures Persistent (1989).
 */
#ifndef COVE_CORE_STORE_TREAP_H
#define COVE_CORE_STORE_TREAP_H

#include "core/store.h"

/* A ring of blocks, or a block's place in one. */
struct cove_treap_link {
    struct cove_treap_link *prev;
    struct cove_treap_link *next;
};

struct cove_treap_node;

struct cove_treap { /* zeroed: empty */
    struct cove_treap_node *root;
    uint64_t entries;
};

struct cove_treap_edit {
    const struct cove_alloc *alloc;
    uint64_t id;     /* larger than those of all edits before */
    uint64_t bytes;  /* of all blocks of all treaps edited */
    uint32_t random; /* not 0 */
    struct cove_treap_link fresh;
    struct cove_treap_link retired;
};

void cove_treap_link_init(struct cove_treap_link *ring);
void cove_treap_link_append(struct cove_treap_link *ring,
                            struct cove_treap_link *link);
void cove_treap_link_remove(struct cove_treap_link *link);

/* Starts as `edit` with bytes and random taken over from the edit before. */
void cove_treap_edit_init(struct cove_treap_edit *edit,
                          const struct cove_alloc *alloc, uint64_t id);
/* Free what the edit made; the treaps from before it stand. */
void cove_treap_edit_undo(struct cove_treap_edit *edit);
/* Move what the edit took out behind `retired`. */
void cove_treap_edit_keep(struct cove_treap_edit *edit,
                          struct cove_treap_link *retired);
/* Free what edits up to `id` have taken out. */
void cove_treap_reclaim(const struct cove_alloc *alloc,
                        struct cove_treap_link *retired, uint64_t id);

/* Insert or replace. Errors: COVE_ENOMEM, then the edit can only be undone. */
COVE_MUST_CHECK int cove_treap_put(struct cove_treap_edit *edit,
                                   struct cove_treap *treap,
                                   const struct cove_entry *entry);
/* Errors: COVE_ENOTFOUND, and that of put. */
COVE_MUST_CHECK int cove_treap_del(struct cove_treap_edit *edit,
                                   struct cove_treap *treap,
                                   struct cove_bytes key);
void cove_treap_free(const struct cove_alloc *alloc, struct cove_treap *treap);

/* The first node whose key is beyond `key`, or at it where `equal`; the last
 * one before it; the last node. NULL where there is none. Cost: O(log n),
 * expected. */
const struct cove_treap_node *cove_treap_find(const struct cove_treap *treap,
                                              struct cove_bytes key,
                                              bool equal);
const struct cove_treap_node *cove_treap_before(const struct cove_treap *treap,
                                                struct cove_bytes key);
const struct cove_treap_node *cove_treap_last(const struct cove_treap *treap);
struct cove_entry cove_treap_entry(const struct cove_treap_node *node);

#endif
