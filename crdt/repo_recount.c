/* repo_recount.c: the tallies counted again from the documents, to compare them
 * or to set them right. */
#include "crdt/repo_upkeep.h"

#include "crdt/repo_internal.h"

static struct cove_bytes key_bytes(const struct repo_tally_key *key)
{
    return cove_bytes(key->b, key->len);
}

struct recount_row {
    struct repo_tally_key key;
    uint64_t count;
};

struct recount {
    struct repo_work work;
    struct cove_arena rows_arena;
    struct recount_row *rows; /* sorted by key */
    size_t count, cap;
};

static int recount_add(struct recount *r, const struct repo_tally_key *key)
{
    size_t low = 0;
    size_t high = r->count;
    void *rows = r->rows;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order =
            cove_bytes_compare(key_bytes(&r->rows[mid].key), key_bytes(key));

        if (order == 0) {
            r->rows[mid].count++;
            return 0;
        }
        low = order < 0 ? mid + 1 : low;
        high = order < 0 ? high : mid;
    }

    int err = cove_arena_grow(&r->rows_arena, &rows, sizeof(*r->rows), r->count,
                              &r->cap);

    if (err == 0) {
        r->rows = rows;
        memmove(&r->rows[low + 1], &r->rows[low],
                (r->count - low) * sizeof(*r->rows));
        r->rows[low].key = *key;
        r->rows[low].count = 1;
        r->count++;
    }
    return err;
}

static int recount_document(struct recount *r, cove_num num)
{
    struct repo_record record;
    struct cove_tally tally;
    struct repo_tally_key key;

    cove_arena_reset(r->work.arena);

    int err = repo_record_read(&r->work, num, &record);

    if (err != 0 || !record.is_counted) {
        return err;
    }
    memset(&tally, 0, sizeof(tally));
    tally.schema = record.schema;
    tally.state = record.counted.state;
    memcpy(tally.plan, record.counted.plan, sizeof(tally.plan));
    if (record.counted.epoch != 0) {
        err =
            repo_intern_epoch_of(&r->work, record.counted.epoch, &tally.epoch);
    }
    repo_tally_key(&key, &tally);
    return err != 0 ? err : recount_add(r, &key);
}

/* Are the tree's entries the rows, each with its count? */
static int recount_compare(struct recount *r)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    struct cove_unpacker u;
    size_t at = 0;
    bool same = true;
    int err = cove_store_cursor_open(r->work.txn, REPO_TALLIES, &cursor);

    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
    while (err == 0 && same) {
        cove_unpacker_init(&u, entry.value);
        same = at < r->count &&
               cove_bytes_equal(entry.key, key_bytes(&r->rows[at].key)) &&
               cove_unpack_varint(&u) == r->rows[at].count;
        at++;
        err = cove_store_cursor_next(cursor, &entry);
    }
    cove_store_cursor_close(cursor);
    if (err != 0 && err != COVE_ENOTFOUND) {
        return err;
    }
    return same && at == r->count
               ? 0
               : cove_fail(r->work.diag, COVE_ECORRUPT,
                           "the counts of documents by version and state are "
                           "not those of the documents");
}

/* Count all documents. One that cannot be read is in no count where `anyhow`.
 */
static int recount_all(struct recount *r, bool anyhow)
{
    cove_num num = 0;
    int err = 0;

    while (err == 0) {
        err = cove_repo_next(r->work.repo, r->work.txn, 0, num, &num);
        if (err == 0) {
            err = recount_document(r, num);
            err = err == COVE_ECORRUPT && anyhow ? 0 : err;
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

int cove_repo_recount(struct cove_repo *repo, struct cove_store_txn *txn,
                      struct cove_diag *diag)
{
    struct recount r = {.count = 0};
    struct cove_arena arena;
    int err;

    cove_arena_init(&arena, repo->opt.alloc);
    cove_arena_init(&r.rows_arena, repo->opt.alloc);
    err = repo_work_begin(&r.work, repo, txn, &arena, diag);
    if (err == 0) {
        err = recount_all(&r, false);
    }
    if (err == 0) {
        err = recount_compare(&r);
    }
    cove_arena_clear(&arena);
    cove_arena_clear(&r.rows_arena);
    return err;
}

static int recount_drop(struct repo_work *work)
{
    for (;;) {
        struct cove_store_cursor *cursor;
        struct cove_entry entry;
        uint8_t key[COVE_STORE_MAX_KEY];
        size_t len = 0;
        int err = cove_store_cursor_open(work->txn, REPO_TALLIES, &cursor);

        if (err != 0) {
            return err;
        }
        err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
        if (err == 0) {
            len = entry.key.len;
            memcpy(key, entry.key.at, len);
        }
        cove_store_cursor_close(cursor);
        if (err == 0) {
            err = cove_store_del(work->txn, REPO_TALLIES, cove_bytes(key, len));
        }
        if (err != 0) {
            return err == COVE_ENOTFOUND ? 0 : err;
        }
    }
}

int repo_tally_again(struct repo_work *work)
{
    struct recount r = {.work = *work};
    struct cove_arena arena;
    int err = repo_open_settle(work);

    cove_arena_init(&arena, work->repo->opt.alloc);
    cove_arena_init(&r.rows_arena, work->repo->opt.alloc);
    r.work.arena = &arena;
    if (err == 0) {
        err = recount_all(&r, true);
    }
    if (err == 0) {
        err = recount_drop(work);
    }
    for (size_t i = 0; i < r.count && err == 0; i++) {
        struct repo_tally_shift shift = {.key_len = r.rows[i].key.len,
                                         .by = (int64_t)r.rows[i].count};

        memcpy(shift.key, r.rows[i].key.b, shift.key_len);
        err = repo_tally_put(work, &shift);
    }
    cove_arena_clear(&arena);
    cove_arena_clear(&r.rows_arena);
    return err;
}
