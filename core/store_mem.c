/* store_mem.c: the store in memory.
 *
 * Each tree is a treap that keeps its past (store_treap.h). A transaction
 * holds the roots it began with: a writer edits them, an abort undoes the
 * edit, and a commit is the exchange of the store's roots for its own.
 *
 * What a commit took out of the trees may still be seen by readers that began
 * before. It waits in `retired`, oldest first, until no older reader is left.
 *
 * A cursor walks by looking up the successor of its key: O(log n) a step, and
 * no stack to keep.
 */
#include "core/store.h"

#include <assert.h>

#include "core/store_table.h"
#include "core/store_treap.h"

struct mem_txn {
    struct cove_store_txn base;
    struct cove_treap_link link; /* in the store's readers */
    uint64_t seen;               /* reader: the newest edit that it sees */
    struct cove_treap_edit edit;
    struct cove_treap trees[];
};

struct mem_store {
    struct cove_store base;
    struct cove_treap_link readers; /* oldest first */
    struct cove_treap_link retired; /* oldest first */
    uint64_t begun;                 /* id of the newest edit */
    uint64_t committed;             /* id of the one that made `trees` */
    uint64_t bytes;
    uint32_t random;
    struct mem_txn *writer;
    struct cove_treap trees[];
};

struct mem_cursor {
    struct cove_store_cursor base;
    const struct cove_treap_node *at;
};

static struct mem_store *mem_store(struct cove_store_txn *txn)
{
    return (struct mem_store *)txn->store;
}

static int mem_make(struct cove_store *base, bool write, struct mem_txn **out)
{
    struct mem_store *store = (struct mem_store *)base;
    size_t roots = base->trees * sizeof(struct cove_treap);
    struct mem_txn *txn = cove_alloc_new(base->alloc, sizeof(*txn) + roots);

    if (txn == NULL) {
        return COVE_ENOMEM;
    }
    pthread_mutex_lock(&base->lock);
    memcpy(txn->trees, store->trees, roots);
    txn->seen = store->committed;
    txn->edit.bytes = store->bytes;
    txn->edit.random = store->random;
    cove_treap_link_init(&txn->link);
    if (write) {
        cove_treap_edit_init(&txn->edit, base->alloc, ++store->begun);
    } else {
        cove_treap_link_append(&store->readers, &txn->link);
    }
    pthread_mutex_unlock(&base->lock);
    txn->base.store = base;
    *out = txn;
    return 0;
}

static int mem_begin(struct cove_store *base, struct cove_store_txn **out)
{
    struct mem_txn *txn;
    int err = mem_make(base, false, &txn);

    if (err == 0) {
        *out = &txn->base;
    }
    return err;
}

/* Leave the readers, and free what none of them sees any more. With the lock
 * held. */
static void mem_leave(struct mem_store *store, struct mem_txn *txn)
{
    uint64_t oldest = store->committed;

    cove_treap_link_remove(&txn->link);
    if (store->readers.next != &store->readers) {
        /* Readers stand in the order of their begin, so also of what they
         * see. */
        char *at = (char *)store->readers.next - offsetof(struct mem_txn, link);

        oldest = ((const struct mem_txn *)at)->seen;
    }
    cove_treap_reclaim(store->base.alloc, &store->retired, oldest);
}

static uint64_t mem_seen(const struct cove_store_txn *txn)
{
    return ((const struct mem_txn *)txn)->seen;
}

static void mem_end(struct cove_store_txn *base)
{
    struct mem_store *store = mem_store(base);

    pthread_mutex_lock(&store->base.lock);
    mem_leave(store, (struct mem_txn *)base);
    pthread_mutex_unlock(&store->base.lock);
    cove_alloc_free(store->base.alloc, base);
}

/* --- writing; each transaction is a group of its own */

static int mem_open(struct cove_store *base, bool *roomy)
{
    *roomy = false;
    return mem_make(base, true, &((struct mem_store *)base)->writer);
}

static struct cove_store_txn *mem_writer(struct cove_store *base)
{
    return &((struct mem_store *)base)->writer->base;
}

static int mem_close_writer(struct cove_store *base)
{
    struct mem_store *store = (struct mem_store *)base;
    struct mem_txn *txn = store->writer;

    pthread_mutex_lock(&base->lock);
    memcpy(store->trees, txn->trees, base->trees * sizeof(struct cove_treap));
    store->bytes = txn->edit.bytes;
    store->random = txn->edit.random;
    store->committed = txn->edit.id;
    cove_treap_edit_keep(&txn->edit, &store->retired);
    mem_leave(store, txn);
    pthread_mutex_unlock(&base->lock);
    cove_alloc_free(base->alloc, txn);
    return 0;
}

static void mem_drop(struct cove_store *base)
{
    struct mem_txn *txn = ((struct mem_store *)base)->writer;

    cove_treap_edit_undo(&txn->edit);
    mem_end(&txn->base);
}

static const struct cove_store_group_table mem_group_table = {
    .open = mem_open,
    .close = mem_close_writer,
    .drop = mem_drop,
};

static int mem_get(struct cove_store_txn *base, unsigned tree,
                   struct cove_bytes key, struct cove_bytes *value)
{
    const struct mem_txn *txn = (const struct mem_txn *)base;
    const struct cove_treap_node *node =
        cove_treap_find(&txn->trees[tree], key, true);

    if (node == NULL) {
        return COVE_ENOTFOUND;
    }

    struct cove_entry entry = cove_treap_entry(node);

    if (!cove_bytes_equal(key, entry.key)) {
        return COVE_ENOTFOUND;
    }
    *value = entry.value;
    return 0;
}

static int mem_put(struct cove_store_txn *base, unsigned tree,
                   struct cove_bytes key, struct cove_bytes value)
{
    struct mem_txn *txn = (struct mem_txn *)base;
    struct cove_entry entry = {key, value};

    return cove_treap_put(&txn->edit, &txn->trees[tree], &entry);
}

static int mem_del(struct cove_store_txn *base, unsigned tree,
                   struct cove_bytes key)
{
    struct mem_txn *txn = (struct mem_txn *)base;

    return cove_treap_del(&txn->edit, &txn->trees[tree], key);
}

static const struct cove_treap *cursor_tree(
    const struct cove_store_cursor *base)
{
    return &((const struct mem_txn *)base->txn)->trees[base->tree];
}

static int cursor_give(struct cove_store_cursor *base,
                       const struct cove_treap_node *node,
                       struct cove_entry *out)
{
    if (node == NULL) {
        return COVE_ENOTFOUND;
    }
    ((struct mem_cursor *)base)->at = node;
    *out = cove_treap_entry(node);
    return 0;
}

static int mem_cursor_seek(struct cove_store_cursor *base,
                           struct cove_bytes key, struct cove_entry *out)
{
    return cursor_give(base, cove_treap_find(cursor_tree(base), key, true),
                       out);
}

static int mem_cursor_step(struct cove_store_cursor *base, bool back,
                           struct cove_entry *out)
{
    const struct cove_treap *tree = cursor_tree(base);
    const struct mem_cursor *cursor = (const struct mem_cursor *)base;
    struct cove_bytes key = cove_treap_entry(cursor->at).key;

    return cursor_give(base,
                       back ? cove_treap_before(tree, key)
                            : cove_treap_find(tree, key, false),
                       out);
}

static int mem_cursor_last(struct cove_store_cursor *base,
                           struct cove_entry *out)
{
    return cursor_give(base, cove_treap_last(cursor_tree(base)), out);
}

static void mem_cursor_detach(struct cove_store_cursor *base)
{
    ((struct mem_cursor *)base)->at = NULL;
}

static int mem_usage(struct cove_store_txn *base, struct cove_store_usage *out)
{
    const struct mem_txn *txn = (const struct mem_txn *)base;

    out->bytes_used = txn->edit.bytes;
    for (unsigned i = 0; i < base->store->trees; i++) {
        out->entries[i] = txn->trees[i].entries;
    }
    return 0;
}

static int mem_reap(struct cove_store *base, int *dead)
{
    (void)base; /* nobody else has it open */
    *dead = 0;
    return 0;
}

static void mem_close(struct cove_store *base)
{
    struct mem_store *store = (struct mem_store *)base;

    assert(store->readers.next == &store->readers);
    for (unsigned i = 0; i < base->trees; i++) {
        cove_treap_free(base->alloc, &store->trees[i]);
    }
    cove_treap_reclaim(base->alloc, &store->retired, store->committed);
    cove_store_clear(base);
    cove_alloc_free(base->alloc, store);
}

static const struct cove_store_table mem_table = {
    .cursor_size = sizeof(struct mem_cursor),
    .durable = false,
    .close = mem_close,
    .begin = mem_begin,
    .seen = mem_seen,
    .end = mem_end,
    .writer = mem_writer,
    .get = mem_get,
    .put = mem_put,
    .del = mem_del,
    .cursor_detach = mem_cursor_detach,
    .cursor_seek = mem_cursor_seek,
    .cursor_step = mem_cursor_step,
    .cursor_last = mem_cursor_last,
    .usage = mem_usage,
    .reap = mem_reap,
};

int cove_store_open_memory(const struct cove_store_options *opt,
                           struct cove_store **out)
{
    struct mem_store *store = cove_alloc_zero(
        opt->alloc, 1, sizeof(*store) + opt->trees * sizeof(struct cove_treap));

    if (store == NULL) {
        return COVE_ENOMEM;
    }

    int err = cove_store_init(&store->base, &mem_table, opt);

    if (err == 0) {
        err = cove_store_group_init(&store->base, &mem_group_table, opt);
        if (err != 0) {
            cove_store_clear(&store->base);
        }
    }
    if (err != 0) {
        cove_alloc_free(opt->alloc, store);
        return err;
    }
    cove_treap_link_init(&store->readers);
    cove_treap_link_init(&store->retired);
    store->random = 2463534242;
    *out = &store->base;
    return 0;
}
