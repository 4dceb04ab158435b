/* repo_sums_grow.c: what changed is taken into the tree of sums.
 *
 * A slice of the changes is read, sorted by group and id, and let down the tree
 * at once, so that a node that several of them lie under is written once. What
 * a leaf holds too much of goes into leaves below it; a tree made of many
 * changes at once is built from its top without writing any leaf twice.
 */
#include "core/planted.h"
#include "crdt/repo_index.h"
#include "crdt/repo_sums_parts.h"

#include <stdlib.h>

struct sum_item { /* a document as it is now */
    struct cove_sum_group group;
    struct cove_id id;
    cove_num num;
    uint8_t mark[COVE_SUM_MARK];
};

struct sum_growth {
    struct repo_work work;
    struct cove_sum_group group; /* the one that grows */
};

static int item_order(const void *a, const void *b)
{
    const struct sum_item *x = a;
    const struct sum_item *y = b;

    int order = cove_sum_group_order(&x->group, &y->group);

    return order != 0 ? order : memcmp(&x->id, &y->id, sizeof(x->id));
}

static unsigned id_way(const struct cove_id *id, unsigned depth)
{
    return depth % 2 == 0 ? id->b[depth / 2] >> 4 : id->b[depth / 2] & 0xf;
}

/* How many from the first on go the same way at this depth. */
static size_t items_alike(const struct sum_item *items, size_t count,
                          unsigned depth)
{
    size_t n = 1;

    while (n < count &&
           id_way(&items[n].id, depth) == id_way(&items[0].id, depth)) {
        n++;
    }
    return n;
}

static int node_keep(struct sum_growth *g, const struct cove_sum_path *path,
                     const struct cove_sum_node *node, struct cove_hash *out)
{
    *out = sums_node_hash(node);
    return sums_node_write(&g->work, &g->group, path, node);
}

typedef int grow_fn(struct sum_growth *g, const struct cove_sum_path *path,
                    const struct sum_item *items, size_t count,
                    struct cove_hash *out);

/* Let the items down the ways that they go, and the node know what came of it.
 */
static int grow_below(struct sum_growth *g, const struct cove_sum_path *path,
                      const struct sum_item *items, size_t count,
                      grow_fn *below, struct cove_sum_node *node)
{
    int err = 0;

    for (size_t at = 0, n; at < count && err == 0; at += n) {
        unsigned way = id_way(&items[at].id, path->depth);
        struct cove_sum_path down = *path;

        n = items_alike(items + at, count - at, path->depth);
        cove_sum_path_down(&down, way);
        node->mask |= (uint16_t)(1u << way);
        err = below(g, &down, items + at, n, &node->child[way]);
    }
    return err;
}

/* A node for these, where there was none, or a leaf that is too small. */
static int grow_new(struct sum_growth *g, const struct cove_sum_path *path,
                    const struct sum_item *items, size_t count,
                    struct cove_hash *out)
{
    struct cove_sum_node node = {.leaf = count <= COVE_SUM_LEAF};
    int err = 0;

    for (size_t i = 0; node.leaf && i < count; i++) {
        sums_leaf_add(&node, items[i].mark, items[i].num);
    }
    if (!node.leaf && path->depth == COVE_SUM_DEPTH) {
        return COVE_ELIMIT; /* 33 ids that begin with the same 128 bits */
    }
    if (!node.leaf) {
        err = grow_below(g, path, items, count, grow_new, &node);
    }
    return err != 0 ? err : node_keep(g, path, &node, out);
}

static bool items_have(const struct sum_item *items, size_t count, cove_num num)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i].num == num) {
            return true;
        }
    }
    return false;
}

/* What the leaf has beside the new ones joins them; one that is gone from the
 * store is left out. */
static int leaf_join(struct sum_growth *g, const struct cove_sum_node *leaf,
                     const struct sum_item *items, size_t *count,
                     struct sum_item **out)
{
    struct sum_item *all =
        cove_arena_array(g->work.arena, *count + leaf->count, sizeof(*all));
    size_t n = *count;

    if (all == NULL) {
        return COVE_ENOMEM;
    }
    memcpy(all, items, n * sizeof(*all));
    for (size_t i = 0; i < leaf->count; i++) {
        int err = 0;

        if (items_have(items, *count, leaf->num[i])) {
            continue;
        }
        err = cove_repo_id(g->work.repo, g->work.txn, leaf->num[i], &all[n].id);
        if (err != 0 && err != COVE_ENOTFOUND) {
            return err;
        }
        if (err == 0) {
            all[n].group = g->group;
            all[n].num = leaf->num[i];
            memcpy(all[n++].mark, leaf->mark[i], COVE_SUM_MARK);
        }
    }
    qsort(all, n, sizeof(*all), item_order);
    *count = n;
    *out = all;
    return 0;
}

static int grow_leaf(struct sum_growth *g, const struct cove_sum_path *path,
                     struct cove_sum_node *leaf, const struct sum_item *items,
                     size_t count, struct cove_hash *out)
{
    struct cove_sum_node next = {.leaf = true};
    struct sum_item *all;

    for (size_t i = 0; i < leaf->count; i++) {
        if (!items_have(items, count, leaf->num[i]) ||
            COVE_PLANTED("sum-keeps-what-was")) {
            sums_leaf_add(&next, leaf->mark[i], leaf->num[i]);
        }
    }
    if (next.count + count <= COVE_SUM_LEAF) {
        for (size_t i = 0; i < count; i++) {
            sums_leaf_add(&next, items[i].mark, items[i].num);
        }
        return node_keep(g, path, &next, out);
    }

    int err = leaf_join(g, leaf, items, &count, &all);

    return err != 0 ? err : grow_new(g, path, all, count, out);
}

/* Let sorted items of one group, all under `path`, down into the tree. */
static int grow(struct sum_growth *g, const struct cove_sum_path *path,
                const struct sum_item *items, size_t count,
                struct cove_hash *out)
{
    struct cove_sum_node node;
    int err =
        cove_repo_sums_read(g->work.repo, g->work.txn, &g->group, path, &node);

    if (err == COVE_ENOTFOUND) {
        return grow_new(g, path, items, count, out);
    }
    if (err == 0 && node.leaf) {
        return grow_leaf(g, path, &node, items, count, out);
    }
    if (err == 0 && path->depth == COVE_SUM_DEPTH) {
        err = COVE_ECORRUPT;
    }
    if (err == 0) {
        err = grow_below(g, path, items, count, grow, &node);
    }
    return err != 0 ? err : node_keep(g, path, &node, out);
}

/* --- slices of the changes */

static int item_read(struct repo_work *work, cove_num num, struct sum_item *out)
{
    struct repo_record record;
    struct cove_hash digest;
    int err = repo_record_read(work, num, &record);

    if (err == 0) {
        err = repo_record_digest(&record, work->arena, &digest);
    }
    if (err != 0) {
        return err;
    }
    sums_group_of(&record, &out->group);
    out->id = record.id;
    out->num = record.num;
    sums_mark(&record.id, &digest, out->mark);
    return 0;
}

/* The next changes. Errors: COVE_ENOTFOUND where they are the last. */
static int items_read(struct repo_work *work, uint64_t *position, size_t max,
                      struct sum_item *items, size_t *count)
{
    struct repo_work each = *work;
    struct cove_change change;
    struct cove_arena arena;
    int err = 0;

    *count = 0;
    cove_arena_init(&arena, work->repo->opt.alloc);
    each.arena = &arena;
    for (size_t i = 0; i < max && err == 0; i++) {
        cove_arena_reset(&arena);
        err = cove_repo_change_after(work->repo, work->txn, *position, &change);
        if (err == 0) {
            *position = change.sequence;
            err = item_read(&each, change.num, &items[*count]);
            err = err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
            *count += err == 0;
        }
    }
    cove_arena_clear(&arena);
    return err;
}

static int grow_all(struct repo_work *work, struct sum_item *items,
                    size_t count)
{
    const struct cove_sum_path top = {.depth = 0};
    int err = 0;

    qsort(items, count, sizeof(*items), item_order);
    for (size_t at = 0, n = 1; at < count && err == 0; at += n, n = 1) {
        struct sum_growth g = {.work = *work, .group = items[at].group};
        struct cove_hash hash;

        while (at + n < count &&
               cove_sum_group_order(&items[at + n].group, &g.group) == 0) {
            n++;
        }
        err = grow(&g, &top, items + at, n, &hash);
    }
    return err;
}

int cove_repo_sums_step(struct cove_repo *repo, struct cove_store_txn *txn,
                        size_t max, bool *over)
{
    struct cove_arena arena;
    struct sum_item *items;
    struct repo_work work;
    uint64_t before, position;
    size_t count = 0;

    *over = false;
    cove_arena_init(&arena, repo->opt.alloc);

    int err = repo_work_begin(&work, repo, txn, &arena, NULL);

    err = err != 0 ? err : cove_repo_sums_position(repo, txn, &before);
    items = cove_arena_array(&arena, max, sizeof(*items));
    if (err == 0 && items == NULL) {
        err = COVE_ENOMEM;
    }
    if (err == 0) {
        position = before;
        err = items_read(&work, &position, max, items, &count);
        *over = err == COVE_ENOTFOUND;
        err = err == COVE_ENOTFOUND ? 0 : err;
    }
    if (err == 0) {
        err = grow_all(&work, items, count);
        if (err == COVE_ECORRUPT) { /* of the tree: begin it again */
            err = cove_repo_sums_drop(repo, txn);
            position = before;
            *over = false;
        }
    }
    if (err == 0 && position != before) {
        err = sums_position_put(&work, position);
    }
    cove_arena_clear(&arena);
    return err;
}
