/* repo_check_sums.c: do the hashes over documents fit them? One that does not
 * is no reason to doubt a document: the tree is dropped and made anew. */
#include "crdt/repo_check_internal.h"

#include "crdt/repo_sums_parts.h"

static int sums_bad(struct cove_check *c)
{
    int err =
        c->sums_bad
            ? 0
            : check_derived(c, "sums", NULL,
                            "the hashes by which peers find what differs do "
                            "not fit the documents");

    if (err == 0 && c->opt.repair) {
        c->wrote = true;
        err = cove_repo_sums_drop(c->repo, c->work.txn);
    }
    c->sums_bad = true;
    return err;
}

/* What the record says, where it is not newer than the sums. */
static int leaf_fits(struct cove_check *c, const struct cove_sum_group *group,
                     const struct cove_sum_path *path,
                     const struct cove_sum_node *leaf, bool *fits)
{
    uint64_t position;
    int err = cove_repo_sums_position(c->repo, c->work.txn, &position);

    for (size_t i = 0; i < leaf->count && *fits && err == 0; i++) {
        const struct repo_record *record;
        struct cove_sum_group is = {.owner = 0};
        uint8_t mark[COVE_SUM_MARK];
        struct cove_hash digest;
        bool there = false;

        err = check_record(c, leaf->num[i], &record, &there);
        if (err != 0 || !there) {
            *fits = false;
            return err;
        }
        err = repo_record_digest(record, &c->arena, &digest);
        if (err != 0) {
            return err;
        }
        sums_group_of(record, &is);
        sums_mark(&record->id, &digest, mark);
        *fits = cove_sum_group_order(&is, group) == 0 &&
                sums_path_leads(path, &record->id) &&
                (record->changed > position ||
                 memcmp(mark, leaf->mark[i], sizeof(mark)) == 0);
    }
    c->summed += leaf->count;
    return err;
}

static int children_fit(struct cove_check *c,
                        const struct cove_sum_group *group,
                        const struct cove_sum_path *path,
                        const struct cove_sum_node *node, bool *fits)
{
    for (unsigned way = 0; way < COVE_SUM_WAYS && *fits; way++) {
        struct cove_sum_path down = *path;
        struct cove_sum_node child;
        struct cove_hash hash;
        int err;

        if ((node->mask >> way & 1) == 0) {
            continue;
        }
        cove_sum_path_down(&down, way);
        err = cove_repo_sums_read(c->repo, c->work.txn, group, &down, &child);
        if (err == COVE_ENOTFOUND || err == COVE_ECORRUPT) {
            *fits = false;
            return 0;
        }
        if (err != 0) {
            return err;
        }
        hash = sums_node_hash(&child);
        *fits = memcmp(&hash, &node->child[way], sizeof(hash)) == 0;
    }
    return 0;
}

/* A node that no other leads to would not be compared. */
static int parent_has(struct cove_check *c, const struct cove_sum_group *group,
                      const struct cove_sum_path *path, bool *fits)
{
    struct cove_sum_path up = *path;
    struct cove_sum_node parent;
    unsigned way;

    up.depth--;
    way = up.depth % 2 == 0 ? up.bits[up.depth / 2] >> 4
                            : up.bits[up.depth / 2] & 0xfu;
    up.bits[up.depth / 2] &= up.depth % 2 == 0 ? 0 : 0xf0;

    int err = cove_repo_sums_read(c->repo, c->work.txn, group, &up, &parent);

    *fits = err == 0 && !parent.leaf && (parent.mask >> way & 1);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int node_fits(struct cove_check *c, struct cove_bytes key, bool *fits)
{
    struct cove_sum_group group;
    struct cove_sum_path path;
    struct cove_sum_node node;
    int err = sums_key_take(key, &group, &path);

    if (err == 0) {
        err = cove_repo_sums_read(c->repo, c->work.txn, &group, &path, &node);
    }
    if (err != 0) {
        *fits = false;
        return err == COVE_ECORRUPT ? 0 : err;
    }
    if (!node.leaf && path.depth == COVE_SUM_DEPTH) {
        *fits = false;
        return 0;
    }
    if (path.depth > 0) {
        err = parent_has(c, &group, &path, fits);
    }
    if (err != 0 || !*fits) {
        return err;
    }
    return node.leaf ? leaf_fits(c, &group, &path, &node, fits)
                     : children_fit(c, &group, &path, &node, fits);
}

/* All documents up to the position are in it, each once. */
static int sums_count(struct cove_check *c, bool *fits)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    uint64_t position, changes = 0;
    int err = cove_repo_sums_position(c->repo, c->work.txn, &position);

    if (err != 0 || position != c->sums_position) {
        return err; /* it went on meanwhile: what was counted is of before */
    }
    err = cove_store_cursor_open(c->work.txn, REPO_CHANGES, &cursor);
    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
    while (err == 0) {
        uint64_t sequence = 0;

        err = cove_place_take(&entry.key, &sequence);
        if (err != 0 || sequence > position) {
            break;
        }
        changes++;
        err = cove_store_cursor_next(cursor, &entry);
    }
    cove_store_cursor_close(cursor);
    *fits = changes <= c->summed;
    return err == COVE_ENOTFOUND ? 0 : err;
}

int check_sum_entry(struct cove_check *c, const struct cove_entry *entry)
{
    bool fits = true;
    int err = 0;

    if (!c->sums_begun) {
        c->sums_begun = true;
        err = cove_repo_sums_position(c->repo, c->work.txn, &c->sums_position);
    }
    if (err == 0) {
        err = sums_key_is_position(entry->key)
                  ? sums_count(c, &fits)
                  : node_fits(c, entry->key, &fits);
    }
    if (err == COVE_ECORRUPT) {
        fits = false;
        err = 0;
    }
    return err != 0 || fits ? err : sums_bad(c);
}
