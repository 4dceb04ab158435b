/* store_mem.c: the store in memory.
 *
 * Each tree is a treap (a search tree by key that is a heap by random
 * priorities, so its expected depth is O(log n)) changed by copying the path
 * from the root. A write transaction works on its own roots; what it made
 * itself it changes in place, what it found it copies. So a reader keeps what
 * it began with, an abort frees what was made, and a commit is the exchange
 * of the roots.
 *
 * What a commit took out of the trees may still be seen by readers that began
 * before. It waits in `retired`, oldest first, stamped with the transaction
 * that took it out, until no older reader is left.
 *
 *     fresh    blocks made by the write transaction, stamped with its id
 *     retired  blocks it took out, likewise; joined to the store's at commit
 *
 * A cursor walks by looking up the successor of its key: O(log n) a step, and
 * no stack to keep.
 *
 * Source: Seidel and Aragon, Randomized Search Trees (1996); Driscoll et al.,
 * Making Data Structures Persistent (1989).
 */
#include "core/store.h"

#include <assert.h>

#include "core/store_table.h"

struct mem_link {
    struct mem_link *prev;
    struct mem_link *next;
};

struct mem_block {
    struct mem_link link; /* in fresh or retired; unused while committed */
    uint64_t stamp; /* the transaction that made it, then that retired it */
    size_t size;
};

struct mem_entry {
    struct mem_block block;
    uint32_t key_len;
    uint32_t value_len;
    uint8_t bytes[]; /* key, value */
};

struct mem_node {
    struct mem_block block;
    struct mem_node *left;
    struct mem_node *right;
    struct mem_entry *entry;
    uint32_t priority; /* no smaller than the children's */
};

struct mem_tree {
    struct mem_node *root;
    uint64_t entries;
};

struct mem_txn {
    struct cove_store_txn base;
    struct mem_link link; /* in the store's readers */
    uint64_t id;          /* reader: the newest transaction that it sees */
    uint64_t bytes;
    struct mem_link fresh;
    struct mem_link retired;
    struct mem_tree trees[];
};

struct mem_store {
    struct cove_store base;
    struct mem_link readers; /* oldest first */
    struct mem_link retired;
    uint64_t begun;     /* id of the newest write transaction */
    uint64_t committed; /* id of the one that made `trees` */
    uint64_t bytes;
    uint32_t random;
    struct mem_tree trees[];
};

struct mem_cursor {
    struct cove_store_cursor base;
    const struct mem_node *at;
};

static void link_init(struct mem_link *head)
{
    head->prev = head;
    head->next = head;
}

static void link_remove(struct mem_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
}

static void link_append(struct mem_link *head, struct mem_link *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

/* Move all of `from` behind `head`. */
static void link_join(struct mem_link *head, struct mem_link *from)
{
    if (from->next == from) {
        return;
    }
    from->next->prev = head->prev;
    head->prev->next = from->next;
    from->prev->next = head;
    head->prev = from->prev;
    link_init(from);
}

static struct mem_store *mem_store(struct cove_store_txn *txn)
{
    return (struct mem_store *)txn->store;
}

static struct cove_bytes entry_key(const struct mem_entry *entry)
{
    return cove_bytes(entry->bytes, entry->key_len);
}

static struct cove_bytes entry_value(const struct mem_entry *entry)
{
    return cove_bytes(entry->bytes + entry->key_len, entry->value_len);
}

static void *block_new(struct mem_txn *txn, size_t size)
{
    struct mem_block *block = cove_alloc_new(txn->base.store->alloc, size);

    if (block == NULL) {
        return NULL;
    }
    block->stamp = txn->id;
    block->size = size;
    link_append(&txn->fresh, &block->link);
    txn->bytes += size;
    return block;
}

/* Take a block out of the transaction's trees. */
static void block_retire(struct mem_txn *txn, struct mem_block *block)
{
    txn->bytes -= block->size;
    if (block->stamp == txn->id) {
        link_remove(&block->link);
        cove_alloc_free(txn->base.store->alloc, block);
        return;
    }
    block->stamp = txn->id;
    link_append(&txn->retired, &block->link);
}

static void block_free_all(const struct cove_alloc *alloc,
                           struct mem_link *head)
{
    struct mem_link *link = head->next;

    while (link != head) {
        struct mem_link *next = link->next;

        cove_alloc_free(alloc, link); /* the first member of a block */
        link = next;
    }
    link_init(head);
}

/* The node itself where the transaction made it, otherwise a copy that takes
 * its place. NULL when memory is out. */
static struct mem_node *node_own(struct mem_txn *txn, struct mem_node *node)
{
    if (node->block.stamp == txn->id) {
        return node;
    }

    struct mem_node *copy = block_new(txn, sizeof(*copy));

    if (copy == NULL) {
        return NULL;
    }
    copy->left = node->left;
    copy->right = node->right;
    copy->entry = node->entry;
    copy->priority = node->priority;
    block_retire(txn, &node->block);
    return copy;
}

static struct mem_node *node_new(struct mem_txn *txn, struct mem_entry *entry)
{
    struct mem_store *store = mem_store(&txn->base);
    struct mem_node *node = block_new(txn, sizeof(*node));

    if (node == NULL) {
        return NULL;
    }
    /* Marsaglia's xorshift: repeatable, and independent of the keys. */
    store->random ^= store->random << 13;
    store->random ^= store->random >> 17;
    store->random ^= store->random << 5;
    node->left = NULL;
    node->right = NULL;
    node->entry = entry;
    node->priority = store->random;
    return node;
}

/* Put an entry below *link. On failure *link is as it was, but nodes below it
 * may be lost to the transaction, which can only abort. */
static int node_put(struct mem_txn *txn, struct mem_node **link,
                    struct mem_entry *entry, bool *replaced)
{
    if (*link == NULL) {
        *link = node_new(txn, entry);
        return *link == NULL ? COVE_ENOMEM : 0;
    }

    struct mem_node *node = node_own(txn, *link);

    if (node == NULL) {
        return COVE_ENOMEM;
    }
    *link = node;

    int order = cove_bytes_compare(entry_key(entry), entry_key(node->entry));

    if (order == 0) {
        block_retire(txn, &node->entry->block);
        node->entry = entry;
        *replaced = true;
        return 0;
    }

    struct mem_node **below = order < 0 ? &node->left : &node->right;
    int err = node_put(txn, below, entry, replaced);

    if (err != 0 || (*below)->priority <= node->priority) {
        return err;
    }

    /* Rotate the child up; the transaction owns both. */
    struct mem_node *up = *below;

    if (order < 0) {
        node->left = up->right;
        up->right = node;
    } else {
        node->right = up->left;
        up->left = node;
    }
    *link = up;
    return 0;
}

/* Join two treaps, all keys of `a` before those of `b`. */
static int node_join(struct mem_txn *txn, struct mem_node *a,
                     struct mem_node *b, struct mem_node **out)
{
    if (a == NULL || b == NULL) {
        *out = a != NULL ? a : b;
        return 0;
    }

    bool left = a->priority > b->priority;
    struct mem_node *top = node_own(txn, left ? a : b);

    if (top == NULL) {
        return COVE_ENOMEM;
    }
    *out = top;
    return left ? node_join(txn, top->right, b, &top->right)
                : node_join(txn, a, top->left, &top->left);
}

/* Take the key, which is there, out from below *link. Fails as node_put. */
static int node_del(struct mem_txn *txn, struct mem_node **link,
                    struct cove_bytes key)
{
    for (;;) {
        struct mem_node *node = *link;
        int order = cove_bytes_compare(key, entry_key(node->entry));

        if (order == 0) {
            break;
        }
        node = node_own(txn, node);
        if (node == NULL) {
            return COVE_ENOMEM;
        }
        *link = node;
        link = order < 0 ? &node->left : &node->right;
    }

    struct mem_node *gone = *link;
    int err = node_join(txn, gone->left, gone->right, link);

    if (err == 0) {
        block_retire(txn, &gone->entry->block);
        block_retire(txn, &gone->block);
    }
    return err;
}

static void node_free_all(const struct cove_alloc *alloc, struct mem_node *node)
{
    if (node != NULL) {
        node_free_all(alloc, node->left);
        node_free_all(alloc, node->right);
        cove_alloc_free(alloc, node->entry);
        cove_alloc_free(alloc, node);
    }
}

/* The first node whose key is beyond `key`, or at it where `equal`. */
static const struct mem_node *node_find(const struct mem_node *node,
                                        struct cove_bytes key, bool equal)
{
    const struct mem_node *found = NULL;

    while (node != NULL) {
        int order = cove_bytes_compare(entry_key(node->entry), key);

        if (order == 0 && equal) {
            return node;
        }
        if (order > 0) {
            found = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return found;
}

static int mem_get(struct cove_store_txn *base, unsigned tree,
                   struct cove_bytes key, struct cove_bytes *value)
{
    struct mem_txn *txn = (struct mem_txn *)base;
    const struct mem_node *node = node_find(txn->trees[tree].root, key, true);

    if (node == NULL || !cove_bytes_equal(key, entry_key(node->entry))) {
        return COVE_ENOTFOUND;
    }
    *value = entry_value(node->entry);
    return 0;
}

static int mem_put(struct cove_store_txn *base, unsigned tree,
                   struct cove_bytes key, struct cove_bytes value)
{
    struct mem_txn *txn = (struct mem_txn *)base;
    struct mem_entry *entry =
        block_new(txn, sizeof(*entry) + key.len + value.len);
    bool replaced = false;

    if (entry == NULL) {
        return COVE_ENOMEM;
    }
    entry->key_len = (uint32_t)key.len;
    entry->value_len = (uint32_t)value.len;
    memcpy(entry->bytes, key.at, key.len);
    if (value.len > 0) {
        memcpy(entry->bytes + key.len, value.at, value.len);
    }

    int err = node_put(txn, &txn->trees[tree].root, entry, &replaced);

    if (err == 0 && !replaced) {
        txn->trees[tree].entries++;
    }
    return err;
}

static int mem_del(struct cove_store_txn *base, unsigned tree,
                   struct cove_bytes key)
{
    struct mem_txn *txn = (struct mem_txn *)base;
    struct cove_bytes value;
    int err = mem_get(base, tree, key, &value);

    if (err == 0) {
        err = node_del(txn, &txn->trees[tree].root, key);
    }
    if (err == 0) {
        txn->trees[tree].entries--;
    }
    return err;
}

static int mem_begin(struct cove_store *base, bool write,
                     struct cove_store_txn **out)
{
    struct mem_store *store = (struct mem_store *)base;
    size_t roots = base->trees * sizeof(struct mem_tree);
    struct mem_txn *txn = cove_alloc_new(base->alloc, sizeof(*txn) + roots);

    if (txn == NULL) {
        return COVE_ENOMEM;
    }
    link_init(&txn->link);
    link_init(&txn->fresh);
    link_init(&txn->retired);
    pthread_mutex_lock(&base->lock);
    memcpy(txn->trees, store->trees, roots);
    txn->bytes = store->bytes;
    if (write) {
        txn->id = ++store->begun;
    } else {
        txn->id = store->committed;
        link_append(&store->readers, &txn->link);
    }
    pthread_mutex_unlock(&base->lock);
    *out = &txn->base;
    return 0;
}

/* Free what no reader sees any more. With the lock held. */
static void mem_reclaim(struct mem_store *store)
{
    struct mem_link *first = store->readers.next;
    uint64_t oldest = store->committed;

    if (first != &store->readers) {
        /* Readers stand in the order of their begin, so also of their ids. */
        char *at = (char *)first - offsetof(struct mem_txn, link);

        oldest = ((const struct mem_txn *)at)->id;
    }
    while (store->retired.next != &store->retired) {
        struct mem_block *block = (struct mem_block *)store->retired.next;

        if (block->stamp > oldest) {
            break;
        }
        link_remove(&block->link);
        cove_alloc_free(store->base.alloc, block);
    }
}

static int mem_commit(struct cove_store_txn *base)
{
    struct mem_store *store = mem_store(base);
    struct mem_txn *txn = (struct mem_txn *)base;

    pthread_mutex_lock(&store->base.lock);
    if (base->write) {
        memcpy(store->trees, txn->trees,
               store->base.trees * sizeof(struct mem_tree));
        store->bytes = txn->bytes;
        store->committed = txn->id;
        link_join(&store->retired, &txn->retired);
    }
    link_remove(&txn->link);
    mem_reclaim(store);
    pthread_mutex_unlock(&store->base.lock);
    cove_alloc_free(store->base.alloc, txn);
    return 0;
}

static void mem_abort(struct cove_store_txn *base)
{
    struct mem_store *store = mem_store(base);
    struct mem_txn *txn = (struct mem_txn *)base;

    block_free_all(store->base.alloc, &txn->fresh);
    pthread_mutex_lock(&store->base.lock);
    link_remove(&txn->link);
    mem_reclaim(store);
    pthread_mutex_unlock(&store->base.lock);
    cove_alloc_free(store->base.alloc, txn);
}

static const struct mem_node *cursor_root(const struct cove_store_cursor *base)
{
    return ((const struct mem_txn *)base->txn)->trees[base->tree].root;
}

static int cursor_give(struct cove_store_cursor *base,
                       const struct mem_node *node, struct cove_entry *out)
{
    if (node == NULL) {
        return COVE_ENOTFOUND;
    }
    ((struct mem_cursor *)base)->at = node;
    out->key = entry_key(node->entry);
    out->value = entry_value(node->entry);
    return 0;
}

static int mem_cursor_seek(struct cove_store_cursor *base,
                           struct cove_bytes key, struct cove_entry *out)
{
    return cursor_give(base, node_find(cursor_root(base), key, true), out);
}

static int mem_cursor_next(struct cove_store_cursor *base,
                           struct cove_entry *out)
{
    struct mem_cursor *cursor = (struct mem_cursor *)base;
    struct cove_bytes key = entry_key(cursor->at->entry);

    return cursor_give(base, node_find(cursor_root(base), key, false), out);
}

static int mem_cursor_last(struct cove_store_cursor *base,
                           struct cove_entry *out)
{
    const struct mem_node *node = cursor_root(base);

    while (node != NULL && node->right != NULL) {
        node = node->right;
    }
    return cursor_give(base, node, out);
}

static void mem_cursor_detach(struct cove_store_cursor *base)
{
    ((struct mem_cursor *)base)->at = NULL;
}

static int mem_usage(struct cove_store_txn *base, struct cove_store_usage *out)
{
    const struct mem_txn *txn = (const struct mem_txn *)base;

    out->bytes_used = txn->bytes;
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

    assert(!base->writing && store->readers.next == &store->readers);
    for (unsigned i = 0; i < base->trees; i++) {
        node_free_all(base->alloc, store->trees[i].root);
    }
    block_free_all(base->alloc, &store->retired);
    cove_store_clear(base);
    cove_alloc_free(base->alloc, store);
}

static const struct cove_store_table mem_table = {
    .cursor_size = sizeof(struct mem_cursor),
    .durable = false,
    .close = mem_close,
    .begin = mem_begin,
    .commit = mem_commit,
    .abort = mem_abort,
    .get = mem_get,
    .put = mem_put,
    .del = mem_del,
    .cursor_detach = mem_cursor_detach,
    .cursor_seek = mem_cursor_seek,
    .cursor_next = mem_cursor_next,
    .cursor_last = mem_cursor_last,
    .usage = mem_usage,
    .reap = mem_reap,
};

int cove_store_open_memory(const struct cove_store_options *opt,
                           struct cove_store **out)
{
    struct mem_store *store = cove_alloc_zero(
        opt->alloc, 1, sizeof(*store) + opt->trees * sizeof(struct mem_tree));

    if (store == NULL) {
        return COVE_ENOMEM;
    }

    int err = cove_store_init(&store->base, &mem_table, opt);

    if (err != 0) {
        cove_alloc_free(opt->alloc, store);
        return err;
    }
    link_init(&store->readers);
    link_init(&store->retired);
    store->random = 2463534242;
    *out = &store->base;
    return 0;
}
