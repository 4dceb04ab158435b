/* repo_check_index.c: do the two trees of indexes agree, the entries and what
 * each document stands under? Whose values these are, and whether they are
 * right, is asked where that is known (migrate/index_check.h). */
#include "crdt/repo_check_internal.h"

#include <stdio.h>

static int index_say(struct cove_check *c, uint32_t index, cove_num num,
                     const char *what)
{
    char text[120];
    struct cove_finding f = {.kind = "index-entry",
                             .derived = true,
                             .fixed = true,
                             .index = index,
                             .text = text};
    const struct repo_record *record;
    bool there = false;
    int err = num != 0 ? check_record(c, num, &record, &there) : 0;

    snprintf(text, sizeof(text), "index %u: %s", (unsigned)index, what);
    return err != 0 ? err : check_say(c, &f, there ? record : NULL);
}

static int index_extra(struct cove_check *c, unsigned tree,
                       const struct cove_entry *entry, uint32_t index,
                       cove_num num, const char *what)
{
    int err = index_say(c, index, num, what);

    return err != 0 ? err : check_delete(c, tree, entry->key);
}

/* --- what documents stand under */

static int indexed_key(struct cove_check *c, uint32_t index, cove_num num,
                       const struct cove_index_key *key)
{
    struct cove_bytes note;
    const char *what = NULL;
    int err = repo_index_get(c->work.txn, index, num, key->values, &note);

    if (err == COVE_ENOTFOUND) {
        what = "the entry of a document is missing";
    } else if (err == 0 && (note.len != 1 || note.at[0] != key->note)) {
        what = "the entry of a document says wrongly whether it sorts by it";
    }
    if (what == NULL) {
        return err;
    }
    err = index_say(c, index, num, what);
    if (err == 0 && c->opt.repair) {
        c->wrote = true;
        err = repo_index_put(c->work.txn, index, num, key);
    }
    return err;
}

int check_indexed_entry(struct cove_check *c, const struct cove_entry *entry)
{
    const struct repo_record *record;
    struct cove_bytes key = entry->key;
    struct cove_unpacker u;
    uint64_t num = 0, index = 0;
    bool there = false;
    int err = cove_place_take(&key, &num);

    if (err == 0) {
        err = cove_place_take(&key, &index);
    }
    if (err != 0 || key.len > 0 || index > UINT32_MAX) {
        return index_extra(c, REPO_INDEXED, entry, 0, 0,
                           "what a document stands under has no key");
    }
    err = check_record(c, num, &record, &there);
    if (err != 0) {
        return err;
    }
    if (!there || (record->flags & COVE_DOC_REMOVED) != 0) {
        return index_extra(c, REPO_INDEXED, entry, (uint32_t)index, num,
                           "it has a document that is not here");
    }
    if (!repo_index_whole(entry->value)) {
        return index_extra(c, REPO_INDEXED, entry, (uint32_t)index, num,
                           "what a document stands under is damaged");
    }
    cove_unpacker_init(&u, entry->value);
    while (err == 0 && u.at < u.end) {
        struct cove_index_key one;

        err = repo_index_take(&u, &one);
        err = err != 0 ? err : indexed_key(c, (uint32_t)index, num, &one);
    }
    return err;
}

/* --- entries */

static bool indexed_has(struct cove_bytes packed, struct cove_bytes values)
{
    struct cove_index_key key;
    struct cove_unpacker u;

    cove_unpacker_init(&u, packed);
    while (u.at < u.end && repo_index_take(&u, &key) == 0) {
        if (cove_bytes_equal(key.values, values)) {
            return true;
        }
    }
    return false;
}

int check_index_entry(struct cove_check *c, const struct cove_entry *entry)
{
    struct cove_bytes values, held;
    uint32_t index = 0;
    cove_num num = 0;
    int err = repo_index_key(entry->key, &index, &values, &num);

    if (err == 0) {
        err = repo_indexed_get(c->work.txn, index, num, &held);
        if (err == 0 && indexed_has(held, values)) {
            return 0;
        }
    }
    if (err != 0 && !check_is_damage(err)) {
        return err;
    }
    return index_extra(c, REPO_INDEX, entry, index, num,
                       "it has an entry that no document stands under");
}
