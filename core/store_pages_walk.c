/* store_pages_walk.c: the trees of a file, page by page, and what lies beside
 * them.
 *
 * A page that the walk comes to is looked at whole before anything in it is
 * given: is it where it should be, of its kind, its entries inside of it and in
 * order, and within the keys that the branch above it names? No page may be
 * reached twice, so a walk ends whatever the file says.
 */
#include "core/store_pages_internal.h"

#define STEP_PAGES  256u /* between two steps */
#define FREE_BYTES  ((size_t)64 << 20)
#define FREE_RECORD 8u

struct walk {
    struct cove_pages *pages;
    const struct cove_pages_visit *visit;
    unsigned tree;
    uint64_t done;
    uint8_t *free; /* a bit a page, as the list of free pages says */
    struct walk_tree {
        bool there;
        struct pages_db db;
    } trees[COVE_STORE_MAX_TREES];
};

static size_t walk_size(const struct walk *w)
{
    return (size_t)w->pages->sum.page_bytes;
}

static int walk_fault(struct walk *w, uint64_t page, const char *what,
                      const struct cove_bytes bounds[2])
{
    struct cove_page_fault fault = {
        .page = page, .tree = w->tree, .what = what};

    w->pages->sum.faults++;
    w->pages->sum.tree[w->tree].faults++;
    if (bounds != NULL) {
        fault.from = bounds[0];
        fault.to = bounds[1];
    }
    return w->visit->fault != NULL ? w->visit->fault(w->visit->ctx, &fault) : 0;
}

static int walk_step(struct walk *w)
{
    if (++w->done % STEP_PAGES != 0 || w->visit->step == NULL) {
        return 0;
    }
    return w->visit->step(w->visit->ctx, w->done, w->pages->sum.pages);
}

/* Integers are what the list of free pages is ordered by. */
static int walk_order(const struct walk *w, struct cove_bytes a,
                      struct cove_bytes b)
{
    if (w->tree == COVE_PAGES_FREE && a.len == FREE_RECORD &&
        b.len == FREE_RECORD) {
        uint64_t x = pages_u64(a.at);
        uint64_t y = pages_u64(b.at);

        return (x > y) - (x < y);
    }
    return cove_bytes_compare(a, b);
}

/* --- values that lie elsewhere */

/* The pages of a value; NULL where they are as they should be. A value that
 * was written over by a shorter one keeps its pages. */
static const char *big_check(struct walk *w, const struct pages_node *node,
                             uint64_t *count)
{
    struct cove_pages *pages = w->pages;
    uint64_t need = pages_overflow(node->size, walk_size(w));
    uint8_t head[PAGE_HEAD];
    uint64_t held;

    *count = 0;
    if (node->child < 2 || node->child >= pages->sum.pages) {
        return "is not one that a tree may have";
    }
    if (!pages_read_at(pages->fd, node->child * walk_size(w), head,
                       sizeof(head))) {
        return "is behind the end of the file";
    }
    if (pages_u64(head) != node->child || pages_flags(head) != PAGE_OVERFLOW) {
        return pages_u64(head) == 0 ? "is empty" : "is another page";
    }
    held = pages_u32(head + 12);
    if (held < need) {
        return "says another length than its leaf";
    }
    if (held > pages->sum.pages - node->child ||
        node->child + need > pages->sum.file_pages) {
        return "is behind the end of the file";
    }
    for (uint64_t i = 0; i < held; i++) {
        if (pages_bit(pages->seen, node->child + i)) {
            return "is in two places";
        }
    }
    *count = held;
    return NULL;
}

/* Read a value that lies elsewhere. False where the file does not have it. */
static bool big_read(struct cove_pages *pages, const struct pages_node *node,
                     size_t most)
{
    uint64_t at = node->child * pages->sum.page_bytes + PAGE_HEAD;

    pages->value.len = 0;
    if (node->size > most || cove_buf_reserve(&pages->value, node->size) != 0 ||
        !pages_read_at(pages->fd, at, pages->value.at, node->size)) {
        return false;
    }
    pages->value.len = node->size;
    return true;
}

/* --- the list of free pages */

/* MDB_IDL: a count, then numbers. */
static int free_entry(struct walk *w, struct cove_bytes value, uint64_t page,
                      const struct cove_bytes bounds[2])
{
    uint64_t count = value.len >= 8 ? pages_u64(value.at) : UINT64_MAX;

    if (count > value.len / 8 - (value.len >= 8)) {
        return walk_fault(w, page, "lists more free pages than it has", bounds);
    }
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t number = pages_u64(value.at + 8 * i);

        if (number < 2 || number >= w->pages->sum.pages) {
            return walk_fault(w, page, "lists a free page that there is not",
                              bounds);
        }
        if (pages_bit(w->free, number)) {
            return walk_fault(w, page, "lists a free page twice", bounds);
        }
        pages_mark(w->free, number);
        w->pages->sum.free++;
    }
    return 0;
}

/* Pages that are free and in a tree: whoever writes next would write over
 * them. */
static int free_compare(struct walk *w)
{
    int err = 0;

    w->tree = COVE_PAGES_FREE;
    for (uint64_t i = 2; i < w->pages->sum.pages && err == 0; i++) {
        if (pages_bit(w->free, i) && pages_bit(w->pages->seen, i)) {
            w->pages->sum.stale++;
            err = walk_fault(w, i, "is in use and listed as free", NULL);
        }
    }
    return err;
}

/* --- leaves */

static int leaf_give(struct walk *w, const struct cove_entry *entry,
                     uint64_t page, const struct cove_bytes bounds[2])
{
    struct cove_pages_tree *sum = &w->pages->sum.tree[w->tree];

    sum->entries++;
    sum->bytes += entry->key.len + entry->value.len;
    if (w->tree == COVE_PAGES_FREE) {
        return free_entry(w, entry->value, page, bounds);
    }
    return w->visit->entry != NULL && w->tree != COVE_PAGES_NAMES
               ? w->visit->entry(w->visit->ctx, w->tree, entry)
               : 0;
}

static int leaf_big(struct walk *w, const struct pages_node *node,
                    const struct cove_bytes bounds[2])
{
    struct cove_pages *pages = w->pages;
    size_t most =
        w->tree == COVE_PAGES_FREE ? FREE_BYTES : COVE_STORE_MAX_VALUE;
    uint64_t count;
    const char *what = big_check(w, node, &count);

    for (uint64_t i = 0; i < count; i++) {
        pages_mark(pages->seen, node->child + i);
        pages_mark(pages->whole, node->child + i);
    }
    pages->sum.tree[w->tree].overflow += count;
    if (what == NULL && !big_read(pages, node, most)) {
        what = "cannot be read";
    }
    if (what != NULL) {
        const struct cove_bytes at[2] = {node->key, node->key};

        return walk_fault(w, node->child, what, at);
    }
    struct cove_entry entry = {node->key, cove_buf_bytes(&pages->value)};

    return leaf_give(w, &entry, node->child, bounds);
}

/* Note where a tree begins. */
static void leaf_tree(struct walk *w, const struct pages_node *node)
{
    unsigned tree =
        node->key.len == 1 ? (unsigned)(node->key.at[0] - 'A') : UINT32_MAX;

    if (tree < COVE_STORE_MAX_TREES && node->size == TREE_RECORD &&
        node->value != NULL) {
        w->trees[tree].there = true;
        w->trees[tree].db = pages_db_read(node->value, false);
    }
}

static int leaf_entries(struct walk *w, const uint8_t *page, uint64_t number,
                        const struct cove_bytes bounds[2])
{
    int err = 0;

    for (size_t i = 0; i < pages_count(page) && err == 0; i++) {
        struct pages_node node;

        (void)pages_node(page, walk_size(w), i, &node);
        if (node.flags & NODE_TREE) {
            leaf_tree(w, &node);
        }
        if (node.flags & NODE_BIG) {
            err = leaf_big(w, &node, bounds);
        } else {
            struct cove_entry entry = {node.key,
                                       cove_bytes(node.value, node.size)};

            err = leaf_give(w, &entry, number, bounds);
        }
    }
    return err;
}

/* --- pages */

/* Are the keys in order, and within what the branch above says? A branch's
 * first key says nothing. */
static bool page_ordered(const struct walk *w, const uint8_t *page,
                         const struct cove_bytes bounds[2])
{
    struct pages_node node, before = {.flags = 0};
    size_t first = pages_flags(page) == PAGE_BRANCH ? 1 : 0;
    unsigned known = w->tree == COVE_PAGES_NAMES ? NODE_TREE : NODE_BIG;

    for (size_t i = first; i < pages_count(page); i++) {
        (void)pages_node(page, walk_size(w), i, &node);
        if ((node.flags & ~known) != 0 || node.key.len == 0 ||
            (i > first && walk_order(w, before.key, node.key) >= 0) ||
            (bounds[0].len > 0 && walk_order(w, node.key, bounds[0]) < 0) ||
            (bounds[1].len > 0 && walk_order(w, node.key, bounds[1]) >= 0)) {
            return false;
        }
        before = node;
    }
    return true;
}

static const char *page_look(struct walk *w, uint64_t number, unsigned depth,
                             const struct cove_bytes bounds[2])
{
    struct cove_pages *pages = w->pages;
    const char *what;

    if (number < 2 || number >= pages->sum.pages) {
        return "is not one that a tree may have";
    }
    if (pages_bit(pages->seen, number)) {
        return "is in two places";
    }
    pages_mark(pages->seen, number);
    if (!pages_read(pages->fd, number, walk_size(w), pages->room[depth])) {
        return number >= pages->sum.file_pages ? "is behind the end of the file"
                                               : "cannot be read";
    }
    what = pages_check(pages->room[depth], number, walk_size(w));
    if (what == NULL && w->tree == COVE_PAGES_NAMES &&
        !pages_names_good(pages->room[depth], walk_size(w))) {
        what = "names other trees than a store has";
    }
    if (what == NULL && !page_ordered(w, pages->room[depth], bounds)) {
        what = "has keys that do not belong there";
    }
    return what;
}

static int page_walk(struct walk *w, uint64_t number, unsigned depth,
                     const struct cove_bytes bounds[2])
{
    struct cove_pages *pages = w->pages;
    struct cove_pages_tree *sum = &pages->sum.tree[w->tree];
    const char *what;
    int err = walk_step(w);

    if (err != 0) {
        return err;
    }
    if (depth >= PAGE_DEPTH) {
        return walk_fault(w, number, "is too deep", bounds);
    }
    if (pages->room[depth] == NULL) {
        pages->room[depth] = cove_alloc_new(pages->alloc, walk_size(w));
        if (pages->room[depth] == NULL) {
            return COVE_ENOMEM;
        }
    }
    what = page_look(w, number, depth, bounds);
    if (what != NULL) {
        return walk_fault(w, number, what, bounds);
    }

    const uint8_t *page = pages->room[depth];

    pages_mark(pages->whole, number);
    pages->sum.used++;
    if (pages_flags(page) == PAGE_LEAF) {
        sum->leaves++;
        return leaf_entries(w, page, number, bounds);
    }
    sum->branches++;
    for (size_t i = 0; i < pages_count(page) && err == 0; i++) {
        struct cove_bytes below[2] = {bounds[0], bounds[1]};
        struct pages_node node;

        if (i + 1 < pages_count(page)) {
            (void)pages_node(page, walk_size(w), i + 1, &node);
            below[1] = node.key;
        }
        (void)pages_node(page, walk_size(w), i, &node);
        if (i > 0) {
            below[0] = node.key;
        }
        err = page_walk(w, node.child, depth + 1, below);
    }
    return err;
}

static int tree_walk(struct walk *w, unsigned tree, const struct pages_db *db)
{
    const struct cove_bytes none[2] = {{NULL, 0}, {NULL, 0}};
    const struct cove_pages_tree *sum = &w->pages->sum.tree[tree];
    uint64_t before = sum->faults;
    int err;

    w->tree = tree;
    if (!db->plain) {
        return walk_fault(w, db->root, "is the root of a tree of another kind",
                          none);
    }
    if (db->root == PAGE_NONE) {
        return 0;
    }
    err = page_walk(w, db->root, 0, none);
    if (err == 0 && sum->faults == before && sum->entries != db->entries) {
        err = walk_fault(w, db->root, "counts other entries than its tree has",
                         none);
    }
    return err;
}

static void walk_count(struct cove_pages *pages)
{
    struct cove_pages_sum *sum = &pages->sum;

    sum->used += 2;
    for (unsigned i = 0; i < COVE_PAGES_TREES; i++) {
        sum->used += sum->tree[i].overflow;
    }
    sum->lost = sum->pages > sum->used + sum->free
                    ? sum->pages - sum->used - sum->free
                    : 0;
}

static int walk_roots(struct walk *w)
{
    static const char *const torn =
        "is not one that a store begins with, or is torn";
    struct pages_meta metas[2];
    int err = 0;

    w->tree = COVE_PAGES_NAMES;
    w->pages->sum.faults = 0; /* those of opening are told now */
    for (unsigned i = 0; i < 2; i++) {
        pages_meta_read(w->pages->fd, i, walk_size(w), &metas[i]);
    }
    for (unsigned i = 0; i < 2 && err == 0; i++) {
        if (!metas[i].whole ||
            (!metas[i].sane && metas[i].txn >= metas[!i].txn)) {
            err = walk_fault(w, i, torn, NULL);
        }
    }
    if (err == 0 && metas[0].whole && metas[1].whole &&
        !pages_metas_follow(metas)) {
        err = walk_fault(w, 1, "and page 0 are not of two transactions in turn",
                         NULL);
    }
    return err;
}

int cove_pages_walk(struct cove_pages *pages,
                    const struct cove_pages_visit *visit)
{
    struct walk *w = cove_alloc_zero(pages->alloc, 1, sizeof(*w));
    int err = w == NULL ? COVE_ENOMEM : 0;

    if (err == 0) {
        w->pages = pages;
        w->visit = visit;
        w->free = cove_alloc_zero(pages->alloc,
                                  (size_t)(pages->sum.pages / 8) + 1, 1);
        err = w->free == NULL ? COVE_ENOMEM : walk_roots(w);
    }
    if (err == 0 && pages->meta.sane) {
        err = tree_walk(w, COVE_PAGES_NAMES, &pages->meta.names);
        for (unsigned i = 0; i < COVE_STORE_MAX_TREES && err == 0; i++) {
            if (w->trees[i].there) {
                err = tree_walk(w, i, &w->trees[i].db);
            }
        }
        if (err == 0) {
            err = tree_walk(w, COVE_PAGES_FREE, &pages->meta.free);
        }
        if (err == 0) {
            err = free_compare(w);
        }
        walk_count(pages);
        pages->sum.newest = pages->sum.stale == 0 &&
                            pages->sum.tree[COVE_PAGES_NAMES].faults == 0;
    }
    if (w != NULL) {
        cove_alloc_free(pages->alloc, w->free);
    }
    cove_alloc_free(pages->alloc, w);
    return err;
}

/* --- the rest */

/* Two of three signs of a leaf make one. */
static bool rest_is_leaf(const uint8_t *page, uint64_t number,
                         size_t page_bytes)
{
    size_t lower = pages_u16(page + 12);
    size_t upper = pages_u16(page + 14);
    int signs = pages_u64(page) == number;

    signs += pages_flags(page) == PAGE_LEAF;
    signs += lower > PAGE_HEAD && lower % 2 == 0 && lower <= upper &&
             upper <= page_bytes;
    return signs >= 2 && pages_flags(page) != PAGE_BRANCH &&
           pages_flags(page) != PAGE_OVERFLOW && pages_flags(page) != PAGE_META;
}

static int rest_node(struct cove_pages *pages, struct pages_node *node,
                     const struct cove_pages_visit *visit)
{
    struct cove_entry entry = {node->key, cove_bytes(node->value, node->size)};

    if (node->flags & NODE_TREE || node->key.len == 0 ||
        node->key.len > COVE_STORE_MAX_KEY) {
        return 0;
    }
    if (node->flags & NODE_BIG) {
        if (node->child >= pages->sum.file_pages ||
            !big_read(pages, node, COVE_STORE_MAX_VALUE)) {
            return 0;
        }
        entry.value = cove_buf_bytes(&pages->value);
    }
    return visit->entry(visit->ctx, COVE_PAGES_LOOSE, &entry);
}

static int rest_page(struct cove_pages *pages, uint64_t number,
                     const struct cove_pages_visit *visit)
{
    size_t page_bytes = (size_t)pages->sum.page_bytes;
    uint8_t *page = pages->room[0];
    struct pages_node node;
    size_t count;
    int err = 0;

    if (!pages_read(pages->fd, number, page_bytes, page) ||
        !rest_is_leaf(page, number, page_bytes)) {
        return 0;
    }
    count = pages_u16(page + 12) >= PAGE_HEAD ? pages_count(page) : page_bytes;
    for (size_t i = 0; i < count && PAGE_HEAD + 2 * i < page_bytes && err == 0;
         i++) {
        if (pages_node(page, page_bytes, i, &node)) {
            err = rest_node(pages, &node, visit);
        }
    }
    return err;
}

int cove_pages_rest(struct cove_pages *pages,
                    const struct cove_pages_visit *visit)
{
    int err = 0;

    if (pages->room[0] == NULL) {
        pages->room[0] =
            cove_alloc_new(pages->alloc, (size_t)pages->sum.page_bytes);
    }
    if (pages->room[0] == NULL) {
        return COVE_ENOMEM;
    }
    for (uint64_t i = 2; i < pages->sum.file_pages && err == 0; i++) {
        if (!pages_bit(pages->whole, i)) {
            err = rest_page(pages, i, visit);
        }
        if (err == 0 && i % STEP_PAGES == 0 && visit->step != NULL) {
            err = visit->step(visit->ctx, i, pages->sum.file_pages);
        }
    }
    return err;
}
