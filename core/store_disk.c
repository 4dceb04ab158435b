/* store_disk.c: the store on disk, on top of LMDB.
 *
 * The map. LMDB maps the whole file at a size fixed before, in each process
 * for itself. To take another size it must be free of transactions, which the
 * gate sees to.
 *
 * Readers. A few seats are kept for them. A thread takes a free one, as a rule
 * the one that it had before, with one exchange and no lock; who had it last
 * has left its place in LMDB's table there, so that beginning does not search
 * for one. More readers than seats are made one by one.
 */
#include "core/store.h"

#include <assert.h>

#include "core/store_disk.h"

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

int disk_map_move(struct disk_store *store, bool grow)
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

static bool map_is_roomy(const struct cove_lmdb_map *map)
{
    return map->used <= map->size / 4 * 3;
}

bool disk_map_make_room(struct disk_store *store)
{
    struct cove_lmdb_map map = {0, 0};
    bool roomy = true;

    pthread_mutex_lock(&store->base.lock);
    if (!store->unmapped) {
        cove_lmdb_map(&store->lmdb, &map);
        roomy = map_is_roomy(&map);
    }
    pthread_mutex_unlock(&store->base.lock);
    if (roomy || !cove_store_gate_try_shut(&store->gate)) {
        return roomy;
    }
    if (!store->unmapped) {
        cove_lmdb_map(&store->lmdb, &map);

        uint64_t next = map_next(store, &map);

        /* That it fails is no failure yet: the map may do. */
        roomy = map_is_roomy(&map) || (next > 0 && map_set(store, next) == 0);
    }
    cove_store_gate_open(&store->gate);
    return roomy;
}

int disk_txn_start(struct disk_store *store, struct disk_txn *txn, bool write)
{
    int err = cove_store_ask(&store->base, "txn_begin");

    while (err == 0) {
        cove_store_gate_enter(&store->gate, &txn->guest, txn->seated);
        err = store->unmapped ? COVE_ENOMEM
                              : cove_lmdb_begin(&store->lmdb, write, &txn->mdb);
        if (err == 0) {
            return 0;
        }
        cove_store_gate_leave(&store->gate, &txn->guest, txn->seated);
        if (err == COVE_LMDB_RESIZED) {
            err = disk_map_move(store, false);
        }
    }
    return err;
}

/* --- readers */

/* The first free seat from the thread's own on, else a place made for it. */
static struct disk_txn *reader_take(struct disk_store *store)
{
    uint64_t first =
        ((uint64_t)pthread_self() * UINT64_C(0x9E3779B97F4A7C15)) >> 32;

    for (size_t i = 0; i < COVE_STORE_SEATS; i++) {
        struct disk_txn *txn = &store->seats[(first + i) % COVE_STORE_SEATS];

        if (!atomic_load(&txn->taken) && !atomic_exchange(&txn->taken, true)) {
            return txn;
        }
    }
    return cove_alloc_zero(store->base.alloc, 1, sizeof(struct disk_txn));
}

static void reader_give(struct disk_store *store, struct disk_txn *txn)
{
    if (txn->seated) {
        atomic_store(&txn->taken, false);
        return;
    }
    if (txn->mdb != NULL) {
        cove_lmdb_abort(txn->mdb);
    }
    cove_alloc_free(store->base.alloc, txn);
}

static int disk_begin(struct cove_store *base, struct cove_store_txn **out)
{
    struct disk_store *store = (struct disk_store *)base;
    struct disk_txn *txn = reader_take(store);

    if (txn == NULL) {
        return COVE_ENOMEM;
    }

    int err = disk_txn_start(store, txn, false);

    if (err != 0) {
        reader_give(store, txn);
        return err;
    }
    *out = &txn->base;
    return 0;
}

static uint64_t disk_seen(const struct cove_store_txn *txn)
{
    return cove_lmdb_number(((const struct disk_txn *)txn)->mdb);
}

static void disk_end(struct cove_store_txn *base)
{
    struct disk_txn *txn = (struct disk_txn *)base;
    struct disk_store *store = txn_store(txn);

    cove_lmdb_reset(txn->mdb);
    cove_store_gate_leave(&store->gate, &txn->guest, txn->seated);
    reader_give(store, txn);
}

static struct cove_store_txn *disk_writer(struct cove_store *base)
{
    return &((struct disk_store *)base)->writer.base;
}

static int disk_get(struct cove_store_txn *base, unsigned tree,
                    struct cove_bytes key, struct cove_bytes *value)
{
    const struct disk_txn *txn = (const struct disk_txn *)base;
    struct cove_lmdb *lmdb = &txn_store(txn)->lmdb;

    return base->write ? cove_lmdb_look(lmdb, txn->mdb, tree, key, value)
                       : cove_lmdb_get(lmdb, txn->mdb, tree, key, value);
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

static bool disk_alone(struct cove_store *base, bool alone)
{
    return cove_store_dir_alone(&((struct disk_store *)base)->dir, alone);
}

static void disk_close(struct cove_store *base)
{
    struct disk_store *store = (struct disk_store *)base;

    /* What a forked child inherited stays until it ends: to close it would
     * meddle with the parent's readers. */
    if (cove_store_dir_ours(&store->dir)) {
        assert(cove_store_gate_empty(&store->gate));
        for (size_t i = 0; i < COVE_STORE_SEATS; i++) {
            if (store->seats[i].mdb != NULL) {
                cove_lmdb_abort(store->seats[i].mdb);
            }
        }
        cove_lmdb_close(&store->lmdb);
    }
    cove_store_dir_close(&store->dir);
    disk_write_clear(store);
    cove_store_clear(base);
    cove_alloc_free(base->alloc, store);
}

static const struct cove_store_table disk_table = {
    .cursor_size = sizeof(struct disk_cursor),
    .durable = true,
    .close = disk_close,
    .begin = disk_begin,
    .seen = disk_seen,
    .end = disk_end,
    .writer = disk_writer,
    .get = disk_get,
    .put = disk_put,
    .del = disk_del,
    .cursor_detach = disk_cursor_detach,
    .cursor_seek = disk_cursor_seek,
    .cursor_step = disk_cursor_step,
    .cursor_last = disk_cursor_last,
    .usage = disk_usage,
    .reap = disk_reap,
    .alone = disk_alone,
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
    store->base.fork = store->dir.fork;
    err = cove_store_ask(&store->base, "open");
    if (err == 0) {
        err = cove_lmdb_open(&store->lmdb, &store->dir, opt, diag);
    }
    if (err == 0) {
        cove_store_dir_finish(&store->dir);
    }
    if (err == 0) {
        err = cove_store_group_init(&store->base, &disk_group_table, opt);
    }
    return err != 0 ? cove_fail(diag, err,
                                "%s: cannot open the store: %s; check the disk",
                                dir, cove_error_text(err))
                    : 0;
}

static bool disk_blocks(const void *ctx, pthread_t thread)
{
    return cove_store_group_blocks(ctx, thread);
}

static void disk_init(struct disk_store *store,
                      const struct cove_store_options *opt)
{
    store->map_max = opt->map_bytes_max;
    store->gate.lock = &store->base.lock;
    store->gate.changed = &store->base.changed;
    store->gate.blocks = disk_blocks;
    store->gate.ctx = &store->base;
    for (size_t i = 0; i < COVE_STORE_SEATS; i++) {
        store->seats[i].seated = true;
        store->gate.seats[i] = &store->seats[i].guest;
    }
    store->writer.seated = true;
    store->gate.seats[COVE_STORE_SEATS] = &store->writer.guest;
    disk_write_init(store, opt->alloc);
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
    disk_init(store, opt);
    err = disk_open(store, dir, opt, diag);
    if (err != 0) {
        disk_close(&store->base);
        return err;
    }
    *out = &store->base;
    return 0;
}
