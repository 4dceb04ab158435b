/* repo_index.c: see repo_index.h. */
#include "crdt/repo_index.h"

#include "crdt/repo_check_internal.h"

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

int repo_index_take(struct cove_unpacker *u, struct cove_index_key *out)
{
    out->note = cove_unpack_byte(u);
    out->values = cove_unpack_bytes(u);
    return u->err != 0 || out->values.len > COVE_INDEX_VALUES ? COVE_ECORRUPT
                                                              : 0;
}

/* Can they be read, and does each come behind the one before? */
bool repo_index_whole(struct cove_bytes packed)
{
    struct cove_index_key key, last = {.note = 0};
    struct cove_unpacker u;
    bool first = true;

    cove_unpacker_init(&u, packed);
    while (u.at < u.end) {
        if (repo_index_take(&u, &key) != 0 ||
            (!first && cove_bytes_compare(last.values, key.values) >= 0)) {
            return false;
        }
        last = key;
        first = false;
    }
    return true;
}

/* --- one entry */

struct index_set {
    struct cove_store_txn *txn;
    uint32_t index;
    cove_num num;
};

/* One that is gone already was damaged, and is what was wanted. */
static int set_del(const struct index_set *s, struct cove_bytes values)
{
    struct index_place place;
    int err;

    index_place(&place, s->index, values, s->num);
    err = cove_store_del(s->txn, REPO_INDEX, index_bytes(&place));
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int set_put(const struct index_set *s, const struct cove_index_key *key)
{
    struct index_place place;

    index_place(&place, s->index, key->values, s->num);
    return cove_store_put(s->txn, REPO_INDEX, index_bytes(&place),
                          cove_bytes(&key->note, 1));
}

int repo_index_put(struct cove_store_txn *txn, uint32_t index, cove_num num,
                   const struct cove_index_key *key)
{
    const struct index_set set = {txn, index, num};

    return set_put(&set, key);
}

int repo_index_get(struct cove_store_txn *txn, uint32_t index, cove_num num,
                   struct cove_bytes values, struct cove_bytes *out)
{
    struct index_place place;

    index_place(&place, index, values, num);
    return cove_store_get(txn, REPO_INDEX, index_bytes(&place), out);
}

int repo_index_key(struct cove_bytes key, uint32_t *index,
                   struct cove_bytes *values, cove_num *num)
{
    if (key.len < INDEX_HEAD + INDEX_TAIL) {
        return COVE_ECORRUPT;
    }
    *index = cove_get_be32(key.at);
    *values =
        cove_bytes(key.at + INDEX_HEAD, key.len - INDEX_HEAD - INDEX_TAIL);
    *num = cove_get_be64(key.at + key.len - INDEX_TAIL);
    return 0;
}

int repo_indexed_get(struct cove_store_txn *txn, uint32_t index, cove_num num,
                     struct cove_bytes *out)
{
    struct cove_place place;

    indexed_place(&place, num, index);
    return cove_store_get(txn, REPO_INDEXED, cove_place_bytes(&place), out);
}

/* --- set */

/* Its keys as they are packed, copied: writes follow. Empty where it has none,
 * or damaged ones: what is derived is no reason to refuse a commit. */
static int keys_held(struct cove_repo *repo, const struct index_set *set,
                     struct cove_buf *out)
{
    struct cove_bytes value;
    int err = repo_indexed_get(set->txn, set->index, set->num, &value);

    cove_buf_init(out, repo->opt.alloc);
    if (err == COVE_ENOTFOUND || (err == 0 && !repo_index_whole(value))) {
        return 0;
    }
    return err != 0 ? err : cove_buf_append(out, value);
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

        err = repo_index_take(old, &was);
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
                        const struct cove_index_key *keys, size_t count)
{
    const struct index_set set = {txn, index, num};
    struct cove_unpacker u;
    struct cove_place place;
    struct cove_buf now, old;
    bool moved;
    int err;

    indexed_place(&place, num, index);
    err = keys_held(repo, &set, &old);
    cove_buf_init(&now, repo->opt.alloc);
    if (err == 0) {
        err = keys_pack(repo->opt.alloc, keys, count, &now);
    }
    moved = err == 0 &&
            !cove_bytes_equal(cove_buf_bytes(&old), cove_buf_bytes(&now));
    if (moved) {
        cove_unpacker_init(&u, cove_buf_bytes(&old));
        err = set_merge(&set, &u, keys, count);
    }
    if (moved && err == 0) {
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
    struct cove_bytes value;
    void *made = NULL;
    size_t cap = 0, have = 0;
    int err = repo_indexed_get(txn, index, num, &value);

    (void)repo;
    err = err != 0 ? err : cove_arena_copy(arena, value, &value);
    cove_unpacker_init(&u, err == 0 ? value : cove_bytes(NULL, 0));
    while (err == 0 && u.at < u.end) {
        err = cove_arena_grow(arena, &made, sizeof(**keys), have, &cap);
        err = err != 0
                  ? err
                  : repo_index_take(&u, &((struct cove_index_key *)made)[have]);
        have++;
    }
    if (err == 0) {
        *keys = made;
        *count = have;
    }
    return err;
}

/* --- taking away */

/* All entries of a document in an index, and what it stands under. */
static int drop_document(struct cove_repo *repo, const struct index_set *set,
                         size_t *entries)
{
    struct cove_unpacker u;
    struct cove_place place;
    struct cove_buf held;
    int err;

    indexed_place(&place, set->num, set->index);
    err = keys_held(repo, set, &held);
    cove_unpacker_init(&u, cove_buf_bytes(&held));
    while (err == 0 && u.at < u.end) {
        struct cove_index_key key;

        err = repo_index_take(&u, &key);
        err = err != 0 ? err : set_del(set, key.values);
        ++*entries;
    }
    cove_buf_clear(&held);
    if (err == 0) {
        err = cove_store_del(set->txn, REPO_INDEXED, cove_place_bytes(&place));
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* The document of the first entry, and the entry, which may be one that no
 * document stands under. */
static int drop_first(struct cove_repo *repo, struct cove_store_txn *txn,
                      uint32_t index, size_t *entries)
{
    const struct cove_bytes start = {NULL, 0};
    struct index_set set = {txn, index, 0};
    struct cove_index_walk walk;
    struct cove_index_entry entry;
    struct index_place key;
    int err = cove_index_walk_open(txn, index, false, &walk);

    if (err != 0) {
        return err;
    }
    err = cove_index_walk_seek(&walk, start, 0, &entry);
    if (err == 0) {
        index_place(&key, index, entry.values, entry.num);
        set.num = entry.num;
    }
    cove_index_walk_close(&walk);
    if (err == 0) {
        err = drop_document(repo, &set, entries);
    }
    if (err == 0) {
        err = cove_store_del(txn, REPO_INDEX, index_bytes(&key));
        err = err == COVE_ENOTFOUND ? 0 : err;
        ++*entries;
    }
    return err;
}

int cove_repo_index_drop(struct cove_repo *repo, struct cove_store_txn *txn,
                         uint32_t index, size_t max, bool *left)
{
    size_t entries = 0;
    int err = 0;

    while (err == 0 && entries < max) {
        err = drop_first(repo, txn, index, &entries);
    }
    *left = err == 0;
    return err == COVE_ENOTFOUND ? 0 : err;
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

int cove_repo_index_next(struct cove_repo *repo, struct cove_store_txn *txn,
                         uint32_t after, uint32_t *out)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    uint8_t key[INDEX_HEAD];
    int err;

    (void)repo;
    if (after == UINT32_MAX) {
        return COVE_ENOTFOUND;
    }
    cove_put_be32(key, after + 1);
    err = cove_store_cursor_open(txn, REPO_INDEX, &cursor);
    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_bytes(key, sizeof(key)), &entry);
    if (err == 0) {
        *out = entry.key.len >= INDEX_HEAD ? cove_get_be32(entry.key.at)
                                           : UINT32_MAX;
    }
    cove_store_cursor_close(cursor);
    return err;
}

int repo_index_remove(struct repo_work *work, cove_num num)
{
    struct cove_place place;
    int err;

    cove_place_start(&place);
    cove_place_number(&place, num);
    for (;;) {
        struct index_set set = {work->txn, 0, num};
        struct cove_store_cursor *cursor;
        struct cove_entry entry;
        uint64_t under = 0, index = 0;
        uint8_t key[COVE_STORE_MAX_KEY];
        size_t entries = 0, len = 0;

        err = cove_store_cursor_open(work->txn, REPO_INDEXED, &cursor);
        if (err != 0) {
            return err;
        }
        err = cove_store_cursor_seek(cursor, cove_place_bytes(&place), &entry);
        if (err == 0) {
            len = entry.key.len;
            memcpy(key, entry.key.at, len);
            err = cove_place_take(&entry.key, &under);
        }
        if (err == 0 && under == num) {
            err = cove_place_take(&entry.key, &index);
        }
        cove_store_cursor_close(cursor);
        if (err != 0 || under != num) {
            return err == COVE_ENOTFOUND ? 0 : err;
        }
        set.index = (uint32_t)index;
        err = drop_document(work->repo, &set, &entries);
        if (err == 0) { /* its key, if that was damaged */
            err = cove_store_del(work->txn, REPO_INDEXED, cove_bytes(key, len));
            err = err == COVE_ENOTFOUND ? 0 : err;
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
    uint32_t index;

    if (key.len < INDEX_HEAD || cove_get_be32(key.at) != walk->index) {
        return COVE_ENOTFOUND;
    }
    if (entry->value.len != 1) {
        return COVE_ECORRUPT;
    }
    out->note = entry->value.at[0];
    return repo_index_key(key, &index, &out->values, &out->num);
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
