/* index.c: the records of indexes. docs/FORMAT.md "Index".
 *
 * Two records: what the indexes are, which seldom changes, and up to where
 * those that are ready are complete, which changes with every commit.
 */
#include "migrate/index_internal.h"

#include "crdt/pack.h"

static const char META_INDEXES[] = "indexes";
static const char META_INDEXED[] = "indexed";

enum index_bits { INDEX_UNIQUE = 1, INDEX_MULTI = 2, INDEX_CUT = 4 };

int cove_indexes_new(struct cove_catalog *catalog, struct cove_indexes **out)
{
    const struct cove_alloc *alloc = cove_catalog_alloc(catalog);
    struct cove_indexes *ix = cove_alloc_zero(alloc, 1, sizeof(*ix));

    if (ix == NULL) {
        return COVE_ENOMEM;
    }
    ix->alloc = alloc;
    ix->catalog = catalog;
    ix->repo = cove_catalog_repo(catalog);
    cove_arena_init(&ix->arena, alloc);
    cove_arena_init(&ix->scratch, alloc);
    *out = ix;
    return 0;
}

void cove_indexes_free(struct cove_indexes *ix)
{
    if (ix != NULL) {
        cove_arena_clear(&ix->arena);
        cove_arena_clear(&ix->scratch);
        cove_alloc_free(ix->alloc, ix);
    }
}

/* --- reading */

static int index_unpack(struct cove_unpacker *u, struct cove_arena *arena,
                        struct cove_index *out)
{
    struct cove_bytes *paths;
    unsigned bits, state;
    uint64_t count;

    out->number = cove_unpack_u32(u);
    out->journal = cove_unpack_varint(u);
    cove_unpack_raw(u, out->head.b, sizeof(out->head.b));
    cove_unpack_raw(u, out->plan.b, sizeof(out->plan.b));
    state = cove_unpack_byte(u);
    bits = cove_unpack_byte(u);
    out->covered = cove_unpack_varint(u);
    out->documents = cove_unpack_varint(u);
    out->asked_ms = (int64_t)cove_unpack_varint(u);
    count = cove_unpack_varint(u);
    if (u->err != 0 || state > COVE_INDEX_DROPPING || count == 0 ||
        count > COVE_SCHEMA_PATHS) {
        return COVE_ECORRUPT;
    }
    out->state = (enum cove_index_state)state;
    out->unique = (bits & INDEX_UNIQUE) != 0;
    out->multi = (bits & INDEX_MULTI) != 0;
    out->cut = (bits & INDEX_CUT) != 0;
    paths = cove_arena_array(arena, (size_t)count, sizeof(*paths));
    if (paths == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < (size_t)count; i++) {
        int err = cove_arena_copy(arena, cove_unpack_bytes(u), &paths[i]);

        if (err != 0) {
            return err;
        }
    }
    out->paths = paths;
    out->path_count = (size_t)count;
    return u->err;
}

static int indexes_unpack(struct cove_indexes *ix, struct cove_unpacker *u)
{
    uint64_t count;
    int err = 0;

    cove_arena_reset(&ix->arena);
    ix->count = ix->cap = 0;
    ix->items = NULL;
    ix->rules = cove_unpack_varint(u);
    ix->next = cove_unpack_u32(u);
    count = cove_unpack_varint(u);
    if (u->err != 0 || count > COVE_INDEX_MAX) {
        return COVE_ECORRUPT;
    }
    ix->items =
        cove_arena_array(&ix->arena, (size_t)count + 1, sizeof(*ix->items));
    if (ix->items == NULL) {
        return COVE_ENOMEM;
    }
    ix->cap = (size_t)count + 1;
    for (; err == 0 && ix->count < (size_t)count; ix->count++) {
        err = index_unpack(u, &ix->arena, &ix->items[ix->count]);
    }
    return err != 0 ? err : cove_unpacker_done(u);
}

/* There is no record, or it is damaged: no index is known, and those to be made
 * get numbers that no entry has. What is derived is no reason to refuse. */
static int record_none(struct cove_indexes *ix, struct cove_store_txn *txn)
{
    uint32_t last;
    int err = cove_repo_index_last(ix->repo, txn, &last);

    cove_arena_reset(&ix->arena);
    ix->items = NULL;
    ix->count = ix->cap = 0;
    ix->edition = ix->rules = 0;
    ix->next = err == 0 ? last + 1 : 1;
    return err;
}

static int covered_read(struct cove_indexes *ix, struct cove_store_txn *txn)
{
    struct cove_unpacker u;
    struct cove_bytes value;
    int err = cove_repo_record_get(ix->repo, txn, COVE_RECORDS_META,
                                   cove_bytes_text(META_INDEXED), &value);

    ix->covered = 0;
    if (err != 0) {
        return err == COVE_ENOTFOUND ? 0 : err;
    }
    cove_unpacker_init(&u, value);
    ix->covered = cove_unpack_varint(&u);
    if (cove_unpacker_done(&u) != 0) {
        ix->covered = 0; /* then all is looked at again */
    }
    return 0;
}

static int record_read(struct cove_indexes *ix, struct cove_store_txn *txn)
{
    struct cove_unpacker u;
    struct cove_bytes value;
    uint64_t edition;
    int err = cove_repo_record_get(ix->repo, txn, COVE_RECORDS_META,
                                   cove_bytes_text(META_INDEXES), &value);

    if (err == COVE_ENOTFOUND) {
        return record_none(ix, txn);
    }
    if (err != 0) {
        return err;
    }
    cove_unpacker_init(&u, value);
    edition = cove_unpack_varint(&u);
    if (u.err == 0 && edition == ix->edition) {
        return 0;
    }
    ix->edition = 0; /* until all of it is read */
    err = u.err != 0 ? u.err : indexes_unpack(ix, &u);
    if (err == COVE_ECORRUPT) {
        return record_none(ix, txn);
    }
    if (err == 0) {
        ix->edition = edition;
    }
    return err;
}

int indexes_read(struct cove_indexes *ix, struct cove_store_txn *txn)
{
    int err;

    ix->edition = ix->dirty ? 0 : ix->edition;
    ix->dirty = false;
    err = record_read(ix, txn);
    if (err == 0) {
        err = covered_read(ix, txn);
    }
    for (size_t i = 0; err == 0 && i < ix->count; i++) {
        if (ix->items[i].state == COVE_INDEX_READY) {
            ix->items[i].covered = ix->covered;
        }
    }
    return err;
}

int cove_indexes_look(struct cove_indexes *ix, struct cove_store_txn *txn,
                      const struct cove_index **out, size_t *count)
{
    int err = indexes_read(ix, txn);

    if (err == 0) {
        *out = ix->items;
        *count = ix->count;
    }
    return err;
}

/* --- writing */

static void index_pack(struct cove_packer *p, const struct cove_index *index)
{
    unsigned bits = index->unique ? INDEX_UNIQUE : 0;

    bits |= index->multi ? INDEX_MULTI : 0;
    bits |= index->cut ? INDEX_CUT : 0;
    cove_pack_varint(p, index->number);
    cove_pack_varint(p, index->journal);
    cove_pack_raw(p, index->head.b, sizeof(index->head.b));
    cove_pack_raw(p, index->plan.b, sizeof(index->plan.b));
    cove_pack_byte(p, (uint8_t)index->state);
    cove_pack_byte(p, (uint8_t)bits);
    cove_pack_varint(p, index->covered);
    cove_pack_varint(p, index->documents);
    cove_pack_varint(p, (uint64_t)index->asked_ms);
    cove_pack_varint(p, index->path_count);
    for (size_t i = 0; i < index->path_count; i++) {
        cove_pack_bytes(p, index->paths[i]);
    }
}

static int record_put(struct cove_indexes *ix, struct cove_store_txn *txn,
                      const char *name, const struct cove_packer *p)
{
    return p->err != 0 ? p->err
                       : cove_repo_record_put(ix->repo, txn, COVE_RECORDS_META,
                                              cove_bytes_text(name),
                                              cove_buf_bytes(p->out));
}

int indexes_put(struct cove_indexes *ix, struct cove_store_txn *txn)
{
    struct cove_packer p;
    struct cove_buf buf;
    uint64_t edition, sequence;
    int err;

    if (!ix->dirty) {
        return 0;
    }
    err = cove_repo_sequence(ix->repo, txn, &sequence);
    if (err != 0) {
        return err;
    }
    /* None that another process may remember of a record that was lost. */
    edition = ix->edition < sequence ? sequence : ix->edition + 1;
    cove_buf_init(&buf, ix->alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, edition);
    cove_pack_varint(&p, ix->rules);
    cove_pack_varint(&p, ix->next);
    cove_pack_varint(&p, ix->count);
    for (size_t i = 0; i < ix->count; i++) {
        index_pack(&p, &ix->items[i]);
    }
    err = record_put(ix, txn, META_INDEXES, &p);
    cove_buf_clear(&buf);
    if (err == 0) {
        ix->edition = edition;
        ix->dirty = false;
    }
    return err;
}

int indexes_put_covered(struct cove_indexes *ix, struct cove_store_txn *txn,
                        uint64_t covered)
{
    struct cove_packer p;
    struct cove_buf buf;
    int err;

    if (covered == ix->covered) {
        return 0;
    }
    cove_buf_init(&buf, ix->alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, covered);
    err = record_put(ix, txn, META_INDEXED, &p);
    cove_buf_clear(&buf);
    if (err == 0) {
        ix->covered = covered;
    }
    return err;
}

int indexes_add(struct cove_indexes *ix, struct cove_index **out)
{
    void *items = ix->items;
    int err;

    if (ix->count == COVE_INDEX_MAX) {
        return COVE_ELIMIT;
    }
    err = cove_arena_grow(&ix->arena, &items, sizeof(*ix->items), ix->count,
                          &ix->cap);
    if (err != 0) {
        return err;
    }
    ix->items = items;
    *out = &ix->items[ix->count++];
    memset(*out, 0, sizeof(**out));
    (*out)->number = ix->next++;
    ix->dirty = true;
    return 0;
}
