/* store_disk.c: the store on disk, on top of LMDB.
 *
 * The map. LMDB maps the whole file at a size fixed before; a write that does
 * not fit fails and spoils its transaction. So each write goes to a journal
 * first. When the map is full the spoilt transaction is thrown away, the map
 * doubled, and the journal replayed in a new one. Between the two another
 * process may get in and commit; then what the caller has read no longer
 * holds, and the transaction fails with COVE_EBUSY rather than lose an
 * update. Doubling at begin, from 75 % on, keeps all of this rare.
 *
 * Appending. LMDB looks for the place of each key, and splits a full page so
 * that ascending keys with large values leave it half empty, unless the write
 * is said to append: half as fast again, and up to half the file. So the last
 * key of each tree written to is remembered, and a key beyond it is appended.
 *
 * Readers. An ended reader keeps its place in LMDB's table and begins again
 * without a search for one; a few are kept.
 */
#include "core/store.h"

#include <assert.h>

#include "core/store_dir.h"
#include "core/store_gate.h"
#include "core/store_journal.h"
#include "core/store_lmdb.h"
#include "core/store_table.h"

#define READERS_KEPT 2

/* A key that no key of the tree is beyond, as the write transaction sees it:
 * the last, or the last until it was deleted. */
struct disk_tail {
    bool known;
    uint8_t len; /* 0: the tree is empty */
    uint8_t key[COVE_STORE_MAX_KEY];
};

struct disk_txn {
    struct cove_store_txn base;
    struct cove_store_guest guest;
    struct disk_txn *next_idle;
    struct MDB_txn *mdb;
    uint64_t number; /* of the write transaction */
};

struct disk_store {
    struct cove_store base;
    struct cove_store_dir dir;
    struct cove_lmdb lmdb;
    uint64_t map_max;
    struct cove_store_gate gate;
    bool unmapped;         /* moving the map failed; under the lock */
    struct disk_txn *idle; /* ended readers; under the lock */
    unsigned idle_count;
    /* The one write transaction. */
    struct disk_txn writer;
    struct cove_store_journal journal;
    struct disk_tail tails[COVE_STORE_MAX_TREES];
};

struct disk_cursor {
    struct cove_store_cursor base;
    struct MDB_cursor *mdb; /* opened when needed; a replay closes it */
};

static struct disk_store *txn_store(const struct disk_txn *txn)
{
    return (struct disk_store *)txn->base.store;
}

/* Twice the map, within the limit; 0 where there is no more. */
static uint64_t map_next(const struct disk_store *store,
                         const struct cove_lmdb_map *map)
{
    uint64_t most = store->map_max > 0 ? store->map_max : SIZE_MAX / 2;
    uint64_t next = map->size > most / 2 ? most : map->size * 2;

    return next > map->size ? next : 0;
}

/* With the gate shut. */
static int map_set(struct disk_store *store, uint64_t size)
{
    int err = cove_store_ask(&store->base, "map");

    return err != 0 ? err
                    : cove_lmdb_set_map(&store->lmdb, size, &store->unmapped);
}

/* Move the map as soon as no transaction of this process is in it: make it
 * larger, or take over what another process did. */
static int map_move(struct disk_store *store, bool grow)
{
    bool free = cove_store_gate_shut(&store->gate);
    struct cove_lmdb_map map;
    uint64_t size = 0;
    int err;

    if (store->unmapped) {
        err = COVE_ENOMEM;
    } else {
        cove_lmdb_map(&store->lmdb, &map);
        size = grow ? map_next(store, &map) : 0;
        err = grow && size == 0 ? COVE_ENOSPC
              : free            ? map_set(store, size)
                                : COVE_EBUSY;
    }
    cove_store_gate_open(&store->gate);
    return err;
}

/* Double the map in good time, where nobody is in it just now. */
static void map_make_room(struct disk_store *store)
{
    struct cove_lmdb_map map;

    if (!cove_store_gate_try_shut(&store->gate)) {
        return;
    }
    if (!store->unmapped) {
        cove_lmdb_map(&store->lmdb, &map);

        uint64_t next = map_next(store, &map);

        if (map.used > map.size / 4 * 3 && next > 0) {
            /* That it fails is no failure yet: the map may do. */
            (void)map_set(store, next);
        }
    }
    cove_store_gate_open(&store->gate);
}

static int txn_start(struct disk_store *store, struct disk_txn *txn, bool write)
{
    int err = cove_store_ask(&store->base, "txn_begin");

    while (err == 0) {
        cove_store_gate_enter(&store->gate, &txn->guest);
        err = store->unmapped ? COVE_ENOMEM
                              : cove_lmdb_begin(&store->lmdb, write, &txn->mdb);
        if (err == 0) {
            return 0;
        }
        cove_store_gate_leave(&store->gate, &txn->guest);
        if (err == COVE_LMDB_RESIZED) {
            err = map_move(store, false);
        }
    }
    return err;
}

static void tails_forget(struct disk_store *store)
{
    for (unsigned i = 0; i < store->base.trees; i++) {
        store->tails[i].known = false;
    }
}

static int writer_begin(struct disk_store *store, struct cove_store_txn **out)
{
    struct disk_txn *txn = &store->writer;

    map_make_room(store);
    cove_store_journal_reset(&store->journal);
    tails_forget(store);
    txn->mdb = NULL;

    int err = txn_start(store, txn, true);

    if (err == 0) {
        txn->number = cove_lmdb_number(txn->mdb);
        *out = &txn->base;
    }
    return err;
}

/* End the writer where it stands; a failed replay has ended it already. */
static void writer_drop(struct disk_store *store)
{
    struct disk_txn *txn = &store->writer;

    if (txn->mdb != NULL) {
        cove_lmdb_abort(txn->mdb);
        txn->mdb = NULL;
        cove_store_gate_leave(&store->gate, &txn->guest);
    }
}

static void reader_free(struct disk_store *store, struct disk_txn *txn)
{
    if (txn->mdb != NULL) {
        cove_lmdb_abort(txn->mdb);
    }
    cove_alloc_free(store->base.alloc, txn);
}

static int reader_begin(struct disk_store *store, struct cove_store_txn **out)
{
    struct disk_txn *txn;

    pthread_mutex_lock(&store->base.lock);
    txn = store->idle;
    if (txn != NULL) {
        store->idle = txn->next_idle;
        store->idle_count--;
    }
    pthread_mutex_unlock(&store->base.lock);
    if (txn == NULL) {
        txn = cove_alloc_zero(store->base.alloc, 1, sizeof(*txn));
        if (txn == NULL) {
            return COVE_ENOMEM;
        }
    }

    int err = txn_start(store, txn, false);

    if (err != 0) {
        reader_free(store, txn);
        return err;
    }
    *out = &txn->base;
    return 0;
}

static void reader_end(struct disk_store *store, struct disk_txn *txn)
{
    bool keep;

    cove_lmdb_reset(txn->mdb);
    cove_store_gate_leave(&store->gate, &txn->guest);
    pthread_mutex_lock(&store->base.lock);
    keep = store->idle_count < READERS_KEPT;
    if (keep) {
        txn->next_idle = store->idle;
        store->idle = txn;
        store->idle_count++;
    }
    pthread_mutex_unlock(&store->base.lock);
    if (!keep) {
        reader_free(store, txn);
    }
}

static int disk_begin(struct cove_store *base, bool write,
                      struct cove_store_txn **out)
{
    struct disk_store *store = (struct disk_store *)base;

    /* A forked child shares the map but owns none of the locks. */
    if (!cove_store_dir_ours(&store->dir)) {
        return COVE_EBUSY;
    }
    return write ? writer_begin(store, out) : reader_begin(store, out);
}

static void disk_abort(struct cove_store_txn *base)
{
    struct disk_txn *txn = (struct disk_txn *)base;

    if (base->write) {
        writer_drop(txn_store(txn));
    } else {
        reader_end(txn_store(txn), txn);
    }
}

/* Learn the last key of a tree from the tree. */
static void tail_learn(struct disk_store *store, unsigned tree)
{
    struct disk_tail *tail = &store->tails[tree];
    struct MDB_cursor *cursor;
    struct cove_entry last = {{NULL, 0}, {NULL, 0}};
    int err =
        cove_lmdb_cursor_open(&store->lmdb, store->writer.mdb, tree, &cursor);

    if (err != 0) {
        return;
    }
    err = cove_lmdb_cursor_last(cursor, &last);
    if ((err == 0 || err == COVE_ENOTFOUND) &&
        last.key.len <= sizeof(tail->key)) {
        tail->known = true;
        tail->len = (uint8_t)last.key.len;
        if (err == 0) {
            memcpy(tail->key, last.key.at, last.key.len);
        }
    }
    cove_lmdb_cursor_close(cursor);
}

/* Is the key beyond the last of its tree? It is the last then. */
static bool tail_passed(struct disk_store *store, unsigned tree,
                        struct cove_bytes key)
{
    struct disk_tail *tail = &store->tails[tree];

    if (!tail->known) {
        tail_learn(store, tree);
    }
    if (!tail->known ||
        cove_bytes_compare(key, cove_bytes(tail->key, tail->len)) <= 0) {
        return false;
    }
    tail->len = (uint8_t)key.len;
    memcpy(tail->key, key.at, key.len);
    return true;
}

/* Carry out one write. Where that takes the last key away, the tail stays: it
 * still has no key beyond it. */
static int writer_apply(struct disk_store *store,
                        const struct cove_store_change *change)
{
    struct cove_entry entry = {change->key, change->value};

    if (change->gone) {
        return cove_lmdb_del(&store->lmdb, store->writer.mdb, change->tree,
                             change->key);
    }
    return cove_lmdb_put(&store->lmdb, store->writer.mdb, change->tree, &entry,
                         tail_passed(store, change->tree, change->key));
}

/* Do the whole transaction again in a larger map. */
static int writer_replay(struct disk_store *store)
{
    struct disk_txn *txn = &store->writer;
    int err;

    do {
        struct cove_store_cursor *cursor = txn->base.cursors;
        struct cove_store_change change;
        size_t at = 0;

        for (; cursor != NULL; cursor = cursor->next) {
            store->base.table->cursor_detach(cursor);
        }
        writer_drop(store);
        err = map_move(store, true);
        if (err == 0) {
            err = txn_start(store, txn, true);
        }
        if (err != 0) {
            return err;
        }
        if (cove_lmdb_number(txn->mdb) != txn->number) {
            return COVE_EBUSY; /* another process wrote in between */
        }
        tails_forget(store);
        while (err == 0 &&
               cove_store_journal_next(&store->journal, &at, &change)) {
            err = writer_apply(store, &change);
        }
    } while (err == COVE_LMDB_FULL);
    return err;
}

/* Journal a write and carry it out from there: the caller's bytes may be
 * LMDB's own, which a write may move. */
static int writer_change(struct disk_store *store,
                         const struct cove_store_change *change)
{
    struct cove_store_change kept;
    size_t at = store->journal.buf.len;
    size_t end = at;
    int err = cove_store_journal_append(&store->journal, change);

    if (err != 0) {
        return err;
    }
    (void)cove_store_journal_next(&store->journal, &end, &kept);
    err = writer_apply(store, &kept);
    if (err == COVE_ENOTFOUND) {
        store->journal.buf.len = at;
    }
    return err == COVE_LMDB_FULL ? writer_replay(store) : err;
}

static int disk_put(struct cove_store_txn *base, unsigned tree,
                    struct cove_bytes key, struct cove_bytes value)
{
    struct cove_store_change change = {
        .tree = tree, .key = key, .value = value};

    return writer_change((struct disk_store *)base->store, &change);
}

static int disk_del(struct cove_store_txn *base, unsigned tree,
                    struct cove_bytes key)
{
    struct cove_store_change change = {.tree = tree, .gone = true, .key = key};

    return writer_change((struct disk_store *)base->store, &change);
}

/* LMDB writes the roots and its list of free pages at commit, so that may
 * find the map full too. */
static int writer_commit(struct disk_store *store)
{
    struct disk_txn *txn = &store->writer;
    int err;

    do {
        err = cove_store_ask(&store->base, "txn_commit");
        if (err != 0) {
            return err;
        }
        err = cove_lmdb_commit(&store->lmdb, txn->mdb);
        txn->mdb = NULL;
        cove_store_gate_leave(&store->gate, &txn->guest);
        if (err != COVE_LMDB_FULL) {
            return err;
        }
        err = writer_replay(store);
    } while (err == 0);
    return err;
}

static int disk_commit(struct cove_store_txn *base)
{
    struct disk_txn *txn = (struct disk_txn *)base;
    struct disk_store *store = txn_store(txn);
    int err = 0;

    if (base->write) {
        err = writer_commit(store);
        writer_drop(store); /* what a failure has left of it */
    } else {
        reader_end(store, txn);
    }
    return err;
}

static int disk_get(struct cove_store_txn *base, unsigned tree,
                    struct cove_bytes key, struct cove_bytes *value)
{
    const struct disk_txn *txn = (const struct disk_txn *)base;

    return cove_lmdb_get(&txn_store(txn)->lmdb, txn->mdb, tree, key, value);
}

/* LMDB's cursor, which a replay may have closed. */
static int cursor_ready(struct cove_store_cursor *base, struct MDB_cursor **out)
{
    struct disk_cursor *cursor = (struct disk_cursor *)base;
    const struct disk_txn *txn = (const struct disk_txn *)base->txn;
    int err = 0;

    if (cursor->mdb == NULL) {
        err = cove_lmdb_cursor_open(&txn_store(txn)->lmdb, txn->mdb, base->tree,
                                    &cursor->mdb);
    }
    *out = cursor->mdb;
    return err;
}

static int disk_cursor_seek(struct cove_store_cursor *base,
                            struct cove_bytes key, struct cove_entry *out)
{
    struct MDB_cursor *cursor;
    int err = cursor_ready(base, &cursor);

    return err != 0 ? err : cove_lmdb_cursor_seek(cursor, key, out);
}

static int disk_cursor_last(struct cove_store_cursor *base,
                            struct cove_entry *out)
{
    struct MDB_cursor *cursor;
    int err = cursor_ready(base, &cursor);

    return err != 0 ? err : cove_lmdb_cursor_last(cursor, out);
}

/* It stands somewhere, so it is open. */
static int disk_cursor_step(struct cove_store_cursor *base, bool back,
                            struct cove_entry *out)
{
    return cove_lmdb_cursor_step(((struct disk_cursor *)base)->mdb, back, out);
}

static void disk_cursor_detach(struct cove_store_cursor *base)
{
    struct disk_cursor *cursor = (struct disk_cursor *)base;

    if (cursor->mdb != NULL) {
        cove_lmdb_cursor_close(cursor->mdb);
        cursor->mdb = NULL;
    }
}

static int disk_usage(struct cove_store_txn *base, struct cove_store_usage *out)
{
    const struct disk_txn *txn = (const struct disk_txn *)base;

    return cove_lmdb_usage(&txn_store(txn)->lmdb, txn->mdb, out);
}

static int disk_reap(struct cove_store *base, int *dead)
{
    return cove_lmdb_reap(&((struct disk_store *)base)->lmdb, dead);
}

static int disk_copy(struct cove_store *base, int fd)
{
    return cove_lmdb_copy(&((struct disk_store *)base)->lmdb, fd);
}

static void disk_close(struct cove_store *base)
{
    struct disk_store *store = (struct disk_store *)base;
    bool ours = cove_store_dir_ours(&store->dir);

    assert(!ours || store->gate.guests == NULL);
    while (store->idle != NULL) {
        struct disk_txn *txn = store->idle;

        store->idle = txn->next_idle;
        if (!ours) {
            txn->mdb = NULL;
        }
        reader_free(store, txn);
    }
    /* What a forked child inherited stays until it ends: to close it would
     * meddle with the parent's readers. */
    if (ours) {
        cove_lmdb_close(&store->lmdb);
    }
    cove_store_dir_close(&store->dir);
    cove_store_journal_clear(&store->journal);
    cove_store_clear(base);
    cove_alloc_free(base->alloc, store);
}

static const struct cove_store_table disk_table = {
    .cursor_size = sizeof(struct disk_cursor),
    .durable = true,
    .close = disk_close,
    .begin = disk_begin,
    .commit = disk_commit,
    .abort = disk_abort,
    .get = disk_get,
    .put = disk_put,
    .del = disk_del,
    .cursor_detach = disk_cursor_detach,
    .cursor_seek = disk_cursor_seek,
    .cursor_step = disk_cursor_step,
    .cursor_last = disk_cursor_last,
    .usage = disk_usage,
    .reap = disk_reap,
    .copy = disk_copy,
};

static int disk_open(struct disk_store *store, const char *dir,
                     const struct cove_store_options *opt,
                     struct cove_diag *diag)
{
    int err = cove_store_dir_open(&store->dir, dir, opt, diag);

    if (err != 0) {
        return err;
    }
    err = cove_store_ask(&store->base, "open");
    if (err == 0) {
        err = cove_lmdb_open(&store->lmdb, &store->dir, opt, diag);
    }
    if (err == 0) {
        err = cove_store_dir_finish(&store->dir);
    }
    return err != 0 ? cove_fail(diag, err,
                                "%s: cannot open the store: %s; check the disk",
                                dir, cove_error_text(err))
                    : 0;
}

int cove_store_open_lmdb(const char *dir, const struct cove_store_options *opt,
                         struct cove_store **out, struct cove_diag *diag)
{
    struct disk_store *store = cove_alloc_zero(opt->alloc, 1, sizeof(*store));
    int err = store == NULL ? COVE_ENOMEM
                            : cove_store_init(&store->base, &disk_table, opt);

    if (err != 0) {
        cove_alloc_free(opt->alloc, store);
        return cove_fail(diag, err,
                         "%s: out of memory; try again when some is free", dir);
    }
    store->map_max = opt->map_bytes_max;
    store->writer.base.store = &store->base;
    cove_store_journal_init(&store->journal, opt->alloc);
    cove_store_gate_init(&store->gate, &store->base.lock, &store->base.changed);
    err = disk_open(store, dir, opt, diag);
    if (err != 0) {
        disk_close(&store->base);
        return err;
    }
    *out = &store->base;
    return 0;
}
