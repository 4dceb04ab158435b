/* index_keys.c: the entries of a document in an index, and what it sorts by.
 *
 * A path may lead to several values; the document then has an entry for each,
 * and of an index of several paths for each combination. The first values, one
 * of each path, are those that it sorts by, and their entry says so.
 */
#include <stdlib.h>

#include "core/order.h"
#include "migrate/index_internal.h"
#include "migrate/path.h"

struct key_values { /* of one path, encoded */
    struct cove_bytes *at;
    size_t count, cap;
};

struct keys {
    struct cove_arena *arena;
    struct key_values paths[COVE_SCHEMA_PATHS];
    struct key_values *path; /* that is walked */
    int err;
};

/* Longer than a key: then it is certain to be cut. */
#define KEYS_ROOM (COVE_INDEX_VALUES + 1)

int index_cell_encode(struct cove_buf *out, const struct cove_cell *cell,
                      size_t max)
{
    return cell->kind == COVE_PRESENT
               ? cove_order_value(out, cell->bytes, max)
               : cove_order_tag(out, cell->kind == COVE_INVALID
                                         ? COVE_ORDER_INVALID
                                         : COVE_ORDER_MISSING);
}

static int values_add(struct keys *k, const struct cove_cell *cell)
{
    void *at = k->path->at;
    struct cove_buf buf;
    int err = cove_arena_grow(k->arena, &at, sizeof(*k->path->at),
                              k->path->count, &k->path->cap);

    if (err != 0) {
        return err;
    }
    k->path->at = at;
    cove_buf_init(&buf, k->arena->alloc);
    err = index_cell_encode(&buf, cell, KEYS_ROOM);
    if (err == 0) {
        err = cove_arena_copy(k->arena, cove_buf_bytes(&buf),
                              &k->path->at[k->path->count]);
    }
    cove_buf_clear(&buf);
    k->path->count += err == 0;
    return err;
}

static bool values_visit(void *ctx, const struct cove_cell *cell)
{
    struct keys *k = ctx;

    if (k->path->count > COVE_INDEX_KEYS) {
        return false; /* more than there may be */
    }
    k->err = values_add(k, cell);
    return k->err == 0;
}

static int values_find(struct keys *k, const struct cove_index *index,
                       struct cove_loaded *loaded, size_t *combinations)
{
    const struct cove_cell missing = {.kind = COVE_ABSENT};
    int err = 0;

    *combinations = 1;
    for (size_t i = 0; i < index->path_count && err == 0; i++) {
        k->path = &k->paths[i];
        err = cove_path_walk(loaded, index->paths[i], values_visit, k);
        err = err != 0 ? err : k->err;
        if (err == 0 && k->path->count == 0) {
            err = values_add(k, &missing);
        }
        if (*combinations <= COVE_INDEX_KEYS) {
            *combinations *= k->path->count;
        }
    }
    return err;
}

/* The values of one combination behind each other, cut where a key ends. */
static int key_join(const struct keys *k, size_t path_count, size_t which,
                    struct cove_index_key *out, bool *cut)
{
    uint8_t *room = cove_arena_new(k->arena, COVE_INDEX_VALUES);
    size_t len = 0;

    if (room == NULL) {
        return COVE_ENOMEM;
    }
    out->note = which == 0 ? COVE_INDEX_MAIN : 0;
    for (size_t i = 0; i < path_count && len < COVE_INDEX_VALUES; i++) {
        const struct key_values *path = &k->paths[i];
        struct cove_bytes value = path->at[which % path->count];
        size_t left = COVE_INDEX_VALUES - len;
        size_t take = value.len < left ? value.len : left;

        memcpy(room + len, value.at, take);
        len += take;
        which /= path->count;
    }
    *cut = *cut || len == COVE_INDEX_VALUES;
    out->values = cove_bytes(room, len);
    return 0;
}

static int key_order(const void *left, const void *right)
{
    const struct cove_index_key *a = left, *b = right;
    int order = cove_bytes_compare(a->values, b->values);

    return order != 0 ? order : (int)b->note - (int)a->note;
}

/* Sorted, each once; what a main entry repeats is main. */
static size_t keys_sort(struct cove_index_key *keys, size_t count)
{
    size_t kept = 0;

    qsort(keys, count, sizeof(*keys), key_order);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 ||
            !cove_bytes_equal(keys[kept - 1].values, keys[i].values)) {
            keys[kept++] = keys[i];
        }
    }
    return kept;
}

static size_t keys_bytes(const struct cove_index_key *keys, size_t count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        bytes += keys[i].values.len + 3;
    }
    return bytes;
}

struct cove_index_key index_key_loose(void)
{
    static const uint8_t loose[] = {COVE_INDEX_LOOSE};

    return (struct cove_index_key){cove_bytes(loose, sizeof(loose)), 0};
}

int cove_index_keys(const struct cove_index *index, struct cove_loaded *loaded,
                    struct cove_arena *arena, struct cove_index_key **keys,
                    size_t *count, bool *multi, bool *cut)
{
    struct keys k = {.arena = arena};
    struct cove_index_key *made;
    size_t combinations = 0, kept = 1;
    bool several, some_cut = *cut;
    int err = 0;

    if (!cove_loaded_is_loose(loaded)) {
        err = values_find(&k, index, loaded, &combinations);
    }
    if (combinations > COVE_INDEX_KEYS) {
        combinations = 0; /* too many: looked at like what is loose */
    }
    several = combinations > 1;
    made = err == 0 ? cove_arena_array(arena, combinations + 1, sizeof(*made))
                    : NULL;
    if (made == NULL) {
        return err != 0 ? err : COVE_ENOMEM;
    }
    for (size_t i = 0; i < combinations && err == 0; i++) {
        err = key_join(&k, index->path_count, i, &made[i], &some_cut);
    }
    if (err != 0) {
        return err;
    }
    kept = keys_sort(made, combinations);
    if (combinations == 0 || keys_bytes(made, kept) > COVE_INDEX_BYTES) {
        made[0] = index_key_loose();
        kept = 1;
        several = false;
        some_cut = *cut;
    }
    *multi = *multi || several;
    *cut = some_cut;
    *keys = made;
    *count = kept;
    return 0;
}
