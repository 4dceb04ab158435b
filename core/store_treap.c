#include "core/store_treap.h"

struct treap_block {
    struct cove_treap_link link; /* unused while in a treap and not fresh */
    uint64_t stamp; /* the edit that made it, then the one that retired it */
    size_t size;
};

struct treap_entry {
    struct treap_block block;
    uint32_t key_len;
    uint32_t value_len;
    uint8_t bytes[]; /* key, value */
};

struct cove_treap_node {
    struct treap_block block;
    struct cove_treap_node *left;
    struct cove_treap_node *right;
    struct treap_entry *entry;
    uint64_t prefix;   /* of the key; most comparisons end here */
    uint32_t priority; /* no smaller than the children's */
};

/* A key on the way down. */
struct treap_key {
    struct cove_bytes bytes;
    uint64_t prefix;
};

void cove_treap_link_init(struct cove_treap_link *ring)
{
    ring->prev = ring;
    ring->next = ring;
}

void cove_treap_link_append(struct cove_treap_link *ring,
                            struct cove_treap_link *link)
{
    link->prev = ring->prev;
    link->next = ring;
    ring->prev->next = link;
    ring->prev = link;
}

void cove_treap_link_remove(struct cove_treap_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
}

void cove_treap_edit_init(struct cove_treap_edit *edit,
                          const struct cove_alloc *alloc, uint64_t id)
{
    edit->alloc = alloc;
    edit->id = id;
    cove_treap_link_init(&edit->fresh);
    cove_treap_link_init(&edit->retired);
}

void cove_treap_edit_undo(struct cove_treap_edit *edit)
{
    cove_treap_reclaim(edit->alloc, &edit->fresh, edit->id);
}

void cove_treap_edit_keep(struct cove_treap_edit *edit,
                          struct cove_treap_link *retired)
{
    struct cove_treap_link *from = &edit->retired;

    if (from->next != from) {
        from->next->prev = retired->prev;
        retired->prev->next = from->next;
        from->prev->next = retired;
        retired->prev = from->prev;
        cove_treap_link_init(from);
    }
}

void cove_treap_reclaim(const struct cove_alloc *alloc,
                        struct cove_treap_link *retired, uint64_t id)
{
    while (retired->next != retired) {
        struct treap_block *block = (struct treap_block *)retired->next;

        if (block->stamp > id) {
            break;
        }
        cove_treap_link_remove(&block->link);
        cove_alloc_free(alloc, block);
    }
}

static void *block_new(struct cove_treap_edit *edit, size_t size)
{
    struct treap_block *block = cove_alloc_new(edit->alloc, size);

    if (block == NULL) {
        return NULL;
    }
    block->stamp = edit->id;
    block->size = size;
    cove_treap_link_append(&edit->fresh, &block->link);
    edit->bytes += size;
    return block;
}

/* Take a block out of the treap. */
static void block_retire(struct cove_treap_edit *edit,
                         struct treap_block *block)
{
    edit->bytes -= block->size;
    if (block->stamp == edit->id) {
        cove_treap_link_remove(&block->link);
        cove_alloc_free(edit->alloc, block);
        return;
    }
    block->stamp = edit->id;
    cove_treap_link_append(&edit->retired, &block->link);
}

static struct cove_bytes entry_key(const struct treap_entry *entry)
{
    return cove_bytes(entry->bytes, entry->key_len);
}

/* The first eight bytes as a number, which orders as the bytes do; where two
 * are the same, all bytes decide. */
static struct treap_key key_of(struct cove_bytes bytes)
{
    struct treap_key key = {bytes, 0};
    uint8_t head[8] = {0};

    memcpy(head, bytes.len > 0 ? bytes.at : head,
           bytes.len < sizeof(head) ? bytes.len : sizeof(head));
    key.prefix = cove_get_be64(head);
    return key;
}

static int key_order(const struct treap_key *key,
                     const struct cove_treap_node *node)
{
    if (key->prefix != node->prefix) {
        return key->prefix < node->prefix ? -1 : 1;
    }
    return cove_bytes_compare(key->bytes, entry_key(node->entry));
}

/* The node itself where the edit made it, otherwise a copy that takes its
 * place. NULL when memory is out. */
static struct cove_treap_node *node_own(struct cove_treap_edit *edit,
                                        struct cove_treap_node *node)
{
    if (node->block.stamp == edit->id) {
        return node;
    }

    struct cove_treap_node *copy = block_new(edit, sizeof(*copy));

    if (copy == NULL) {
        return NULL;
    }
    copy->left = node->left;
    copy->right = node->right;
    copy->entry = node->entry;
    copy->prefix = node->prefix;
    copy->priority = node->priority;
    block_retire(edit, &node->block);
    return copy;
}

static struct cove_treap_node *node_new(struct cove_treap_edit *edit,
                                        struct treap_entry *entry)
{
    struct cove_treap_node *node = block_new(edit, sizeof(*node));

    if (node == NULL) {
        return NULL;
    }
    /* Marsaglia's xorshift: repeatable, and independent of the keys. */
    edit->random ^= edit->random << 13;
    edit->random ^= edit->random >> 17;
    edit->random ^= edit->random << 5;
    node->left = NULL;
    node->right = NULL;
    node->entry = entry;
    node->prefix = key_of(entry_key(entry)).prefix;
    node->priority = edit->random;
    return node;
}

static void node_rotate_up(struct cove_treap_node **link, bool from_left)
{
    struct cove_treap_node *node = *link;
    struct cove_treap_node *up = from_left ? node->left : node->right;

    if (from_left) {
        node->left = up->right;
        up->right = node;
    } else {
        node->right = up->left;
        up->left = node;
    }
    *link = up;
}

/* Put an entry below *link. On failure the treap is whole enough to be undone,
 * and no more. */
static int node_put(struct cove_treap_edit *edit, struct cove_treap_node **link,
                    struct treap_entry *entry, const struct treap_key *key,
                    bool *replaced)
{
    if (*link == NULL) {
        *link = node_new(edit, entry);
        return *link == NULL ? COVE_ENOMEM : 0;
    }

    struct cove_treap_node *node = node_own(edit, *link);

    if (node == NULL) {
        return COVE_ENOMEM;
    }
    *link = node;

    int order = key_order(key, node);

    if (order == 0) {
        block_retire(edit, &node->entry->block);
        node->entry = entry;
        *replaced = true;
        return 0;
    }

    struct cove_treap_node **below = order < 0 ? &node->left : &node->right;
    int err = node_put(edit, below, entry, key, replaced);

    if (err == 0 && (*below)->priority > node->priority) {
        node_rotate_up(link, order < 0); /* the edit owns both */
    }
    return err;
}

int cove_treap_put(struct cove_treap_edit *edit, struct cove_treap *treap,
                   const struct cove_entry *entry)
{
    struct treap_entry *copy =
        block_new(edit, sizeof(*copy) + entry->key.len + entry->value.len);
    bool replaced = false;

    if (copy == NULL) {
        return COVE_ENOMEM;
    }
    copy->key_len = (uint32_t)entry->key.len;
    copy->value_len = (uint32_t)entry->value.len;
    memcpy(copy->bytes, entry->key.at, entry->key.len);
    if (entry->value.len > 0) {
        memcpy(copy->bytes + entry->key.len, entry->value.at, entry->value.len);
    }

    struct treap_key key = key_of(entry_key(copy));
    int err = node_put(edit, &treap->root, copy, &key, &replaced);

    if (err == 0 && !replaced) {
        treap->entries++;
    }
    return err;
}

/* Join two treaps, all keys of `a` before those of `b`. */
static int node_join(struct cove_treap_edit *edit, struct cove_treap_node *a,
                     struct cove_treap_node *b, struct cove_treap_node **out)
{
    if (a == NULL || b == NULL) {
        *out = a != NULL ? a : b;
        return 0;
    }

    bool left = a->priority > b->priority;
    struct cove_treap_node *top = node_own(edit, left ? a : b);

    if (top == NULL) {
        return COVE_ENOMEM;
    }
    *out = top;
    return left ? node_join(edit, top->right, b, &top->right)
                : node_join(edit, a, top->left, &top->left);
}

int cove_treap_del(struct cove_treap_edit *edit, struct cove_treap *treap,
                   struct cove_bytes key)
{
    const struct cove_treap_node *found = cove_treap_find(treap, key, true);
    struct treap_key sought = key_of(key);
    struct cove_treap_node **link = &treap->root;
    int order;

    if (found == NULL || key_order(&sought, found) != 0) {
        return COVE_ENOTFOUND;
    }
    while ((order = key_order(&sought, *link)) != 0) {
        struct cove_treap_node *node = node_own(edit, *link);

        if (node == NULL) {
            return COVE_ENOMEM;
        }
        *link = node;
        link = order < 0 ? &node->left : &node->right;
    }

    struct cove_treap_node *gone = *link;
    int err = node_join(edit, gone->left, gone->right, link);

    if (err == 0) {
        block_retire(edit, &gone->entry->block);
        block_retire(edit, &gone->block);
        treap->entries--;
    }
    return err;
}

static void node_free_all(const struct cove_alloc *alloc,
                          struct cove_treap_node *node)
{
    if (node != NULL) {
        node_free_all(alloc, node->left);
        node_free_all(alloc, node->right);
        cove_alloc_free(alloc, node->entry);
        cove_alloc_free(alloc, node);
    }
}

void cove_treap_free(const struct cove_alloc *alloc, struct cove_treap *treap)
{
    node_free_all(alloc, treap->root);
    *treap = (struct cove_treap){NULL, 0};
}

const struct cove_treap_node *cove_treap_find(const struct cove_treap *treap,
                                              struct cove_bytes key, bool equal)
{
    const struct cove_treap_node *node = treap->root;
    const struct cove_treap_node *found = NULL;
    struct treap_key sought = key_of(key);

    while (node != NULL) {
        int order = key_order(&sought, node);

        if (order == 0 && equal) {
            return node;
        }
        if (order < 0) {
            found = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return found;
}

const struct cove_treap_node *cove_treap_before(const struct cove_treap *treap,
                                                struct cove_bytes key)
{
    const struct cove_treap_node *node = treap->root;
    const struct cove_treap_node *found = NULL;
    struct treap_key sought = key_of(key);

    while (node != NULL) {
        if (key_order(&sought, node) > 0) {
            found = node;
            node = node->right;
        } else {
            node = node->left;
        }
    }
    return found;
}

const struct cove_treap_node *cove_treap_last(const struct cove_treap *treap)
{
    const struct cove_treap_node *node = treap->root;

    while (node != NULL && node->right != NULL) {
        node = node->right;
    }
    return node;
}

struct cove_entry cove_treap_entry(const struct cove_treap_node *node)
{
    const struct treap_entry *entry = node->entry;
    struct cove_entry out = {
        entry_key(entry),
        cove_bytes(entry->bytes + entry->key_len, entry->value_len),
    };

    return out;
}
