/* repo_index.c: see repo_index.h. */
#include "crdt/repo_index.h"

#include "crdt/repo_internal.h"

#define INDEX_HEAD 4 /* bytes of the index's number, in front */
#define INDEX_TAIL 8 /* and of the document's, behind */

struct index_place {
    uint8_t b[COVE_STORE_MAX_KEY];
    size_t len;
};

static void index_place(struct index_place *place, uint32_t index,
                        struct cove_bytes values, cove_num num)
{
    size_t len =
        values.len < COVE_INDEX_VALUES ? values.len : COVE_INDEX_VALUES;

    cove_put_be32(place->b, index);
    if (len > 0) {
        memcpy(place->b + INDEX_HEAD, values.at, len);
    }
    cove_put_be64(place->b + INDEX_HEAD + len, num);
    place->len = INDEX_HEAD + len + INDEX_TAIL;
}

static struct cove_bytes index_bytes(const struct index_place *place)
{
    return cove_bytes(place->b, place->len);
}

static void indexed_place(struct cove_place *place, cove_num num,
                          uint32_t index)
{
    cove_place_start(place);
    cove_place_number(place, num);
    cove_place_number(place, index);
}

/* --- what a document stands under */

static int keys_pack(const struct cove_alloc *alloc,
                     const struct cove_index_key *keys, size_t count,
                     struct cove_buf *out)
{
    struct cove_packer p;

    cove_buf_init(out, alloc);
    cove_packer_init(&p, out);
    for (size_t i = 0; i < count; i++) {
        if (keys[i].values.len > COVE_INDEX_VALUES) {
            return COVE_ELIMIT;
        }
        cove_pack_byte(&p, keys[i].note);
        cove_pack_bytes(&p, keys[i].values);
    }
    if (p.err != 0) {
        return p.err;
    }
    return count > COVE_INDEX_KEYS || out->len > COVE_INDEX_BYTES ? COVE_ELIMIT
                                                                  : 0;
}

static int keys_take(struct cove_unpacker *u, struct cove_index_key *out)
{
    out->note = cove_unpack_byte(u);
    out->values = cove_unpack_bytes(u);
    return u->err != 0 || out->values.len > COVE_INDEX_VALUES ? COVE_ECORRUPT
                                                              : 0;
}

/* Its keys as they are packed, copied: writes follow. Empty where it has none.
 */
static int keys_held(struct cove_repo *repo, struct cove_store_txn *txn,
                     const struct cove_place *place, struct cove_buf *out)
{
    struct cove_bytes value;
    int err =
        cove_store_get(txn, REPO_INDEXED, cove_place_bytes(place), &value);

    cove_buf_init(out, repo->opt.alloc);
    if (err == COVE_ENOTFOUND) {
        return 0;
    }
    return err != 0 ? err : cove_buf_append(out, value);
}

/* --- set */

struct index_set {
    struct cove_store_txn *txn;
    uint32_t index;
    cove_num num;
};

static int set_del(const struct index_set *s, struct cove_bytes values)
{
    struct index_place place;
    int err;

    index_place(&place, s->index, values, s->num);
    err = cove_store_del(s->txn, REPO_INDEX, index_bytes(&place));
    return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
}

static int set_put(const struct index_set *s, const struct cove_index_key *key)
{
    struct index_place place;

    index_place(&place, s->index, key->values, s->num);
    return cove_store_put(s->txn, REPO_INDEX, index_bytes(&place),
                          cove_bytes(&key->note, 1));
}

/* Both sorted: what is in one only goes or comes. */
static int set_merge(const struct index_set *s, struct cove_unpacker *old,
                     const struct cove_index_key *keys, size_t count)
{
    size_t at = 0;
    int err = 0;

    while (err == 0 && old->at < old->end) {
        struct cove_index_key was;
        int order = 1;

        err = keys_take(old, &was);
        while (err == 0 && at < count &&
               (order = cove_bytes_compare(keys[at].values, was.values)) < 0) {
            err = set_put(s, &keys[at++]);
        }
        if (err != 0) {
            break;
        }
        if (at == count || order != 0) {
            err = set_del(s, was.values);
            continue;
        }
        if (keys[at].note != was.note) {
            err = set_put(s, &keys[at]);
        }
        at++;
    }
    for (; err == 0 && at < count; at++) {
        err = set_put(s, &keys[at]);
    }
    return err;
}

int cove_repo_index_set(struct cove_repo *repo, struct cove_store_txn *txn,
                        uint32_t index, cove_num num,
                        const struct cove_index_key *keys, size_t count,
                        bool *moved)
{
    const struct index_set set = {txn, index, num};
    struct cove_unpacker u;
    struct cove_place place;
    struct cove_buf now, old;
    int err;

    indexed_place(&place, num, index);
    err = keys_held(repo, txn, &place, &old);
    cove_buf_init(&now, repo->opt.alloc);
    if (err == 0) {
        err = keys_pack(repo->opt.alloc, keys, count, &now);
    }
    *moved = err == 0 &&
             !cove_bytes_equal(cove_buf_bytes(&old), cove_buf_bytes(&now));
    if (*moved) {
        cove_unpacker_init(&u, cove_buf_bytes(&old));
        err = set_merge(&set, &u, keys, count);
    }
    if (*moved && err == 0) {
        err = count > 0
                  ? cove_store_put(txn, REPO_INDEXED, cove_place_bytes(&place),
                                   cove_buf_bytes(&now))
                  : cove_store_del(txn, REPO_INDEXED, cove_place_bytes(&place));
    }
    cove_buf_clear(&now);
    cove_buf_clear(&old);
    return err;
}

int cove_repo_index_of(struct cove_repo *repo, struct cove_store_txn *txn,
                       uint32_t index, cove_num num, struct cove_arena *arena,
                       struct cove_index_key **keys, size_t *count)
{
    struct cove_unpacker u;
    struct cove_place place;
    struct cove_bytes value;
    void *made = NULL;
    size_t cap = 0, have = 0;
    int err;

    (void)repo;
    indexed_place(&place, num, index);
    err = cove_store_get(txn, REPO_INDEXED, cove_place_bytes(&place), &value);
    err = err != 0 ? err : cove_arena_copy(arena, value, &value);
    cove_unpacker_init(&u, err == 0 ? value : cove_bytes(NULL, 0));
    while (err == 0 && u.at < u.end) {
        err = cove_arena_grow(arena, &made, sizeof(**keys), have, &cap);
        err = err != 0 ? err
                       : keys_take(&u, &((struct cove_index_key *)made)[have]);
        have++;
    }
    if (err == 0) {
        *keys = made;
        *count = have;
    }
    return err;
}

/* --- taking away */

int cove_repo_index_drop(struct cove_repo *repo, struct cove_store_txn *txn,
                         uint32_t index, size_t max, bool *left)
{
    const struct cove_bytes start = {NULL, 0};
    struct index_place key;
    int err = 0;

    (void)repo;
    *left = true;
    for (size_t i = 0; i < max && err == 0; i++) {
        struct cove_index_walk walk;
        struct cove_index_entry entry;
        struct cove_place place;

        err = cove_index_walk_open(txn, index, false, &walk);
        if (err != 0) {
            return err;
        }
        err = cove_index_walk_seek(&walk, start, 0, &entry);
        if (err == 0) {
            index_place(&key, index, entry.values, entry.num);
            indexed_place(&place, entry.num, index);
        }
        cove_index_walk_close(&walk);
        if (err == COVE_ENOTFOUND) {
            *left = false;
            return 0;
        }
        if (err == 0) {
            err = cove_store_del(txn, REPO_INDEX, index_bytes(&key));
        }
        if (err == 0) { /* its other entries have lost it: nobody reads it */
            err = cove_store_del(txn, REPO_INDEXED, cove_place_bytes(&place));
            err = err == COVE_ENOTFOUND ? 0 : err;
        }
    }
    return err;
}

int cove_repo_index_last(struct cove_repo *repo, struct cove_store_txn *txn,
                         uint32_t *out)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    int err = cove_store_cursor_open(txn, REPO_INDEX, &cursor);

    (void)repo;
    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_last(cursor, &entry);
    if (err == 0 || err == COVE_ENOTFOUND) {
        *out = err == 0 && entry.key.len >= INDEX_HEAD
                   ? cove_get_be32(entry.key.at)
                   : 0;
        err = 0;
    }
    cove_store_cursor_close(cursor);
    return err;
}

/* What one index has of it; its record goes with the others'. */
static int remove_keys(struct repo_work *work, cove_num num, uint32_t index,
                       struct cove_bytes value)
{
    const struct index_set set = {work->txn, index, num};
    struct cove_unpacker u;
    int err = 0;

    cove_unpacker_init(&u, value);
    while (err == 0 && u.at < u.end) {
        struct cove_index_key key;
        struct index_place place;

        err = keys_take(&u, &key);
        if (err == 0) {
            index_place(&place, set.index, key.values, set.num);
            err = cove_store_del(set.txn, REPO_INDEX, index_bytes(&place));
            err = err == COVE_ENOTFOUND ? 0 : err; /* dropped half-way */
        }
    }
    return err;
}

int repo_index_remove(struct repo_work *work, cove_num num)
{
    struct cove_place place;
    int err;

    cove_place_start(&place);
    cove_place_number(&place, num);
    for (;;) {
        struct cove_store_cursor *cursor;
        struct cove_entry entry;
        struct cove_bytes value = {NULL, 0}, key = {NULL, 0}, rest;
        uint64_t under = 0, index = 0;

        err = cove_store_cursor_open(work->txn, REPO_INDEXED, &cursor);
        if (err != 0) {
            return err;
        }
        err = cove_store_cursor_seek(cursor, cove_place_bytes(&place), &entry);
        if (err == 0) {
            err = cove_arena_copy(work->arena, entry.key, &key);
        }
        if (err == 0) {
            err = cove_arena_copy(work->arena, entry.value, &value);
        }
        cove_store_cursor_close(cursor);
        rest = key;
        if (err == 0) {
            err = cove_place_take(&rest, &under);
        }
        if (err == 0 && under == num) {
            err = cove_place_take(&rest, &index);
        }
        if (err != 0 || under != num) {
            return err == COVE_ENOTFOUND ? 0 : err;
        }
        err = remove_keys(work, num, (uint32_t)index, value);
        if (err == 0) {
            err = cove_store_del(work->txn, REPO_INDEXED, key);
        }
        if (err != 0) {
            return err;
        }
    }
}

/* --- walking */

int cove_index_walk_open(struct cove_store_txn *txn, uint32_t index, bool back,
                         struct cove_index_walk *out)
{
    struct cove_store_cursor *cursor;
    int err = cove_store_cursor_open(txn, REPO_INDEX, &cursor);

    if (err == 0) {
        *out = (struct cove_index_walk){cursor, index, back};
    }
    return err;
}

void cove_index_walk_close(struct cove_index_walk *walk)
{
    cove_store_cursor_close(walk->cursor);
    walk->cursor = NULL;
}

static int walk_give(const struct cove_index_walk *walk,
                     const struct cove_entry *entry,
                     struct cove_index_entry *out)
{
    struct cove_bytes key = entry->key;

    if (key.len < INDEX_HEAD || cove_get_be32(key.at) != walk->index) {
        return COVE_ENOTFOUND;
    }
    if (key.len < INDEX_HEAD + INDEX_TAIL || entry->value.len != 1) {
        return COVE_ECORRUPT;
    }
    out->values =
        cove_bytes(key.at + INDEX_HEAD, key.len - INDEX_HEAD - INDEX_TAIL);
    out->num = cove_get_be64(key.at + key.len - INDEX_TAIL);
    out->note = entry->value.at[0];
    return 0;
}

int cove_index_walk_seek(struct cove_index_walk *walk, struct cove_bytes values,
                         cove_num num, struct cove_index_entry *out)
{
    struct index_place place;
    struct cove_entry entry;
    int err;

    index_place(&place, walk->index, values, num);
    err = cove_store_cursor_seek(walk->cursor, index_bytes(&place), &entry);
    if (walk->back && (err == 0 || err == COVE_ENOTFOUND)) {
        err = cove_store_cursor_prev(walk->cursor, &entry);
    }
    return err != 0 ? err : walk_give(walk, &entry, out);
}

int cove_index_walk_next(struct cove_index_walk *walk,
                         struct cove_index_entry *out)
{
    struct cove_entry entry;
    int err = walk->back ? cove_store_cursor_prev(walk->cursor, &entry)
                         : cove_store_cursor_next(walk->cursor, &entry);

    return err != 0 ? err : walk_give(walk, &entry, out);
}

/* --- what whoever indexes asks of a document */

int cove_repo_in_schema(struct cove_repo *repo, struct cove_store_txn *txn,
                        cove_num schema, cove_num num, bool *out)
{
    struct cove_place place;
    struct cove_bytes value;
    int err;

    (void)repo;
    cove_place_start(&place);
    cove_place_number(&place, schema);
    cove_place_number(&place, num);
    err = cove_store_get(txn, REPO_SCHEMAS, cove_place_bytes(&place), &value);
    if (err == 0 || err == COVE_ENOTFOUND) {
        *out = err == 0;
        err = 0;
    }
    return err;
}

int cove_repo_id(struct cove_repo *repo, struct cove_store_txn *txn,
                 cove_num num, struct cove_id *out)
{
    struct cove_unpacker u;
    struct cove_place place;
    struct cove_bytes value;
    struct cove_id id;
    int err;

    (void)repo;
    cove_place_start(&place);
    cove_place_number(&place, num);
    err = cove_store_get(txn, REPO_DOCS, cove_place_bytes(&place), &value);
    if (err != 0) {
        return err;
    }
    cove_unpacker_init(&u, value);
    cove_unpack_varint(&u); /* how many parts follow; bits */
    cove_unpack_varint(&u);
    cove_unpack_raw(&u, id.b, sizeof(id.b));
    if (u.err == 0) {
        *out = id;
    }
    return u.err;
}

int cove_repo_began(struct cove_repo *repo, struct cove_store_txn *txn,
                    uint64_t *out)
{
    struct repo_work work;
    const struct repo_open *open;
    int err = repo_work_begin(&work, repo, txn, NULL, NULL);

    if (err == 0) {
        open = repo_open_of(repo, txn);
        *out = open != NULL ? open->began : work.counters.sequence;
    }
    return err;
}
