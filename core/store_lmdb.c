/* store_lmdb.c: the store on LMDB, and the one home of lmdb.h.
 *
 * Trees are named databases 'A', 'B', …; a plain record "cove" beside them
 * says whose file it is: {format version, LMDB major, minor, patch}.
 *
 * The map. LMDB maps the whole file at a size fixed before; a write that does
 * not fit fails and spoils its transaction. So each write goes to a journal
 * first. When the map is full the spoilt transaction is thrown away, the map
 * doubled, and the journal replayed in a new one. Between the two another
 * process may get in and commit; then what the caller has read no longer
 * holds, and the transaction fails with COVE_EBUSY rather than lose an
 * update. Doubling at begin, from 75 % on, keeps all of this rare.
 *
 * Appending. LMDB splits a full page in the middle, so ascending keys leave
 * pages half empty unless a write says MDB_APPEND. The last key of each tree
 * written to is remembered, and a key beyond it is appended.
 *
 * Source: lmdb.h; the caveats there on MDB_MAP_RESIZED and on opening twice.
 */
#include "core/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/store_dir.h"
#include "core/store_gate.h"
#include "core/store_journal.h"
#include "core/store_table.h"

#define MAP_FIRST    (UINT64_C(16) << 30)
#define MAP_LEAST    (UINT64_C(64) << 10)
#define MARK_KEY     "cove"
#define MARK_VERSION 1
#define READERS_KEPT 2 /* ended readers kept for reuse */

/* The last key of a tree, as the write transaction sees it. */
struct lmdb_tail {
    bool known;
    uint8_t len; /* 0: the tree is empty */
    uint8_t key[COVE_STORE_MAX_KEY];
};

struct lmdb_txn {
    struct cove_store_txn base;
    struct cove_store_guest guest;
    struct lmdb_txn *next_idle;
    MDB_txn *mdb;
    size_t id; /* of the write transaction */
};

struct lmdb_store {
    struct cove_store base;
    struct cove_store_dir dir;
    MDB_env *env;
    int fd; /* of data.mdb; the environment's */
    uint64_t map_max;
    MDB_dbi dbi[COVE_STORE_MAX_TREES];
    struct cove_store_gate gate;
    bool unmapped;         /* moving the map failed; under the lock */
    struct lmdb_txn *idle; /* ended readers; under the lock */
    unsigned idle_count;
    /* The one write transaction. */
    struct lmdb_txn writer;
    struct cove_store_journal journal;
    struct lmdb_tail tails[COVE_STORE_MAX_TREES];
};

struct lmdb_cursor {
    struct cove_store_cursor base;
    MDB_cursor *mdb; /* opened when needed; a replay closes it */
};

static struct lmdb_store *txn_store(const struct lmdb_txn *txn)
{
    return (struct lmdb_store *)txn->base.store;
}

/* Translate LMDB's code. */
static int lmdb_code(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return 0;
    case MDB_NOTFOUND:
        return COVE_ENOTFOUND;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
        return COVE_ENOSPC;
    case MDB_READERS_FULL:
        return COVE_EBUSY;
    case MDB_INVALID:
        return COVE_ENOTSTORE;
    case MDB_VERSION_MISMATCH:
        return COVE_ENEWER;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INCOMPATIBLE:
        return COVE_ECORRUPT;
    default:
        return rc > 0 ? cove_store_errno(rc) : COVE_EIO;
    }
}

/* Translate the code of a write. LMDB calls a write cut short by a full disk
 * an I/O error, and a store that is merely full must not stop for good. */
static int lmdb_write_code(const struct lmdb_store *store, int rc)
{
    if (rc == EIO && cove_store_disk_full(store->fd)) {
        return COVE_ENOSPC;
    }
    return lmdb_code(rc);
}

static MDB_val lmdb_val(struct cove_bytes b)
{
    /* LMDB only reads through it; it copies from a NULL of length 0. */
    MDB_val val = {b.len, b.len > 0 ? (void *)(uintptr_t)b.at : (void *)""};

    return val;
}

static struct cove_bytes lmdb_bytes(const MDB_val *val)
{
    return cove_bytes(val->mv_data, val->mv_size);
}

/* Twice the map, within the limit; 0 where there is no more. */
static uint64_t map_next(const struct lmdb_store *store)
{
    uint64_t most = store->map_max > 0 ? store->map_max : SIZE_MAX / 2;
    MDB_envinfo info;

    mdb_env_info(store->env, &info);

    uint64_t next = info.me_mapsize > most / 2 ? most : info.me_mapsize * 2;

    return next > info.me_mapsize ? next : 0;
}

/* Move the map, to `size` or with 0 to the size that another process gave
 * the store. LMDB takes the old map away before it makes the new one and
 * cannot go back, so see first whether there is room. With the gate shut. */
static int map_set(struct lmdb_store *store, uint64_t size)
{
    int err = cove_store_ask(&store->base, "map");

    if (err != 0) {
        return err;
    }
    if (size > 0) {
        void *room = mmap(NULL, size, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (room == MAP_FAILED) {
            return COVE_ENOMEM;
        }
        munmap(room, size);
    }

    int rc = mdb_env_set_mapsize(store->env, size);

    store->unmapped = rc != MDB_SUCCESS;
    return lmdb_code(rc);
}

/* Move the map as soon as no transaction of this process is in it: make it
 * larger, or take over what another process did. */
static int map_move(struct lmdb_store *store, bool grow)
{
    bool free = cove_store_gate_shut(&store->gate);
    uint64_t size = 0;
    int err;

    if (store->unmapped) {
        err = COVE_ENOMEM;
    } else if (grow && (size = map_next(store)) == 0) {
        err = COVE_ENOSPC;
    } else {
        err = free ? map_set(store, size) : COVE_EBUSY;
    }
    cove_store_gate_open(&store->gate);
    return err;
}

/* Double the map in good time, where nobody is in it just now. */
static void map_make_room(struct lmdb_store *store)
{
    MDB_envinfo info;
    MDB_stat stat;

    if (!cove_store_gate_try_shut(&store->gate)) {
        return;
    }
    if (!store->unmapped) {
        mdb_env_info(store->env, &info);
        mdb_env_stat(store->env, &stat);

        uint64_t used = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
        uint64_t next = map_next(store);

        if (used > info.me_mapsize / 4 * 3 && next > 0) {
            /* That it fails is no failure yet: the map may do. */
            (void)map_set(store, next);
        }
    }
    cove_store_gate_open(&store->gate);
}

/* Begin in LMDB, or begin again with an ended reader, without the gate. */
static int txn_try(struct lmdb_store *store, struct lmdb_txn *txn, bool write)
{
    if (txn->mdb != NULL) {
        return mdb_txn_renew(txn->mdb);
    }
    return mdb_txn_begin(store->env, NULL, write ? 0 : MDB_RDONLY, &txn->mdb);
}

static int txn_start(struct lmdb_store *store, struct lmdb_txn *txn, bool write)
{
    int err = cove_store_ask(&store->base, "txn_begin");
    int rc = MDB_MAP_RESIZED;

    while (err == 0 && rc == MDB_MAP_RESIZED) {
        cove_store_gate_enter(&store->gate, &txn->guest);
        rc = store->unmapped ? ENOMEM : txn_try(store, txn, write);
        if (rc == MDB_SUCCESS) {
            return 0;
        }
        cove_store_gate_leave(&store->gate, &txn->guest);
        err = rc == MDB_MAP_RESIZED ? map_move(store, false) : lmdb_code(rc);
    }
    return err;
}

static void tails_forget(struct lmdb_store *store)
{
    for (unsigned i = 0; i < store->base.trees; i++) {
        store->tails[i].known = false;
    }
}

static int writer_begin(struct lmdb_store *store, struct cove_store_txn **out)
{
    struct lmdb_txn *txn = &store->writer;

    map_make_room(store);
    cove_store_journal_reset(&store->journal);
    tails_forget(store);
    txn->mdb = NULL;

    int err = txn_start(store, txn, true);

    if (err == 0) {
        txn->id = mdb_txn_id(txn->mdb);
        *out = &txn->base;
    }
    return err;
}

/* End the writer where it stands; a failed replay has ended it already. */
static void writer_drop(struct lmdb_store *store)
{
    struct lmdb_txn *txn = &store->writer;

    if (txn->mdb != NULL) {
        mdb_txn_abort(txn->mdb);
        txn->mdb = NULL;
        cove_store_gate_leave(&store->gate, &txn->guest);
    }
}

static void reader_free(struct lmdb_store *store, struct lmdb_txn *txn)
{
    if (txn->mdb != NULL) {
        mdb_txn_abort(txn->mdb);
    }
    cove_alloc_free(store->base.alloc, txn);
}

static int reader_begin(struct lmdb_store *store, struct cove_store_txn **out)
{
    struct lmdb_txn *txn;

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

static void reader_end(struct lmdb_store *store, struct lmdb_txn *txn)
{
    bool keep;

    mdb_txn_reset(txn->mdb);
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

static int lmdb_begin(struct cove_store *base, bool write,
                      struct cove_store_txn **out)
{
    struct lmdb_store *store = (struct lmdb_store *)base;

    /* A forked child shares the map but owns none of the locks. */
    if (getpid() != store->dir.pid) {
        return COVE_EBUSY;
    }
    return write ? writer_begin(store, out) : reader_begin(store, out);
}

static void lmdb_abort(struct cove_store_txn *base)
{
    struct lmdb_txn *txn = (struct lmdb_txn *)base;

    if (base->write) {
        writer_drop(txn_store(txn));
    } else {
        reader_end(txn_store(txn), txn);
    }
}

/* Learn the last key of a tree from the tree. */
static void tail_learn(struct lmdb_store *store, unsigned tree)
{
    struct lmdb_tail *tail = &store->tails[tree];
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int rc = mdb_cursor_open(store->writer.mdb, store->dbi[tree], &cursor);

    if (rc != MDB_SUCCESS) {
        return;
    }
    rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    if (rc == MDB_SUCCESS && key.mv_size <= sizeof(tail->key)) {
        tail->known = true;
        tail->len = (uint8_t)key.mv_size;
        memcpy(tail->key, key.mv_data, key.mv_size);
    } else if (rc == MDB_NOTFOUND) {
        tail->known = true;
        tail->len = 0;
    }
    mdb_cursor_close(cursor);
}

/* Is the key beyond the last of its tree? It is the last then. */
static bool tail_passed(struct lmdb_store *store, unsigned tree,
                        struct cove_bytes key)
{
    struct lmdb_tail *tail = &store->tails[tree];

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

/* Carry out one write; LMDB's code. */
static int writer_apply(struct lmdb_store *store,
                        const struct cove_store_change *change)
{
    MDB_txn *mdb = store->writer.mdb;
    MDB_dbi dbi = store->dbi[change->tree];
    MDB_val key = lmdb_val(change->key);
    MDB_val value = lmdb_val(change->value);

    if (change->gone) {
        struct lmdb_tail *tail = &store->tails[change->tree];

        if (cove_bytes_equal(change->key, cove_bytes(tail->key, tail->len))) {
            tail->known = false;
        }
        return mdb_del(mdb, dbi, &key, NULL);
    }
    return mdb_put(mdb, dbi, &key, &value,
                   tail_passed(store, change->tree, change->key) ? MDB_APPEND
                                                                 : 0);
}

/* Do the whole transaction again in a larger map. */
static int writer_replay(struct lmdb_store *store)
{
    struct lmdb_txn *txn = &store->writer;
    int rc;

    do {
        struct cove_store_cursor *cursor = txn->base.cursors;
        struct cove_store_change change;
        size_t at = 0;

        for (; cursor != NULL; cursor = cursor->next) {
            store->base.table->cursor_detach(cursor);
        }
        writer_drop(store);

        int err = map_move(store, true);

        if (err == 0) {
            err = txn_start(store, txn, true);
        }
        if (err != 0) {
            return err;
        }
        if (mdb_txn_id(txn->mdb) != txn->id) {
            return COVE_EBUSY; /* another process wrote in between */
        }
        tails_forget(store);
        rc = MDB_SUCCESS;
        while (rc == MDB_SUCCESS &&
               cove_store_journal_next(&store->journal, &at, &change)) {
            rc = writer_apply(store, &change);
        }
    } while (rc == MDB_MAP_FULL);
    return lmdb_write_code(store, rc);
}

/* Journal a write and carry it out from there: the caller's bytes may be
 * LMDB's own, which a write may move. */
static int writer_change(struct lmdb_store *store,
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

    int rc = writer_apply(store, &kept);

    if (rc == MDB_MAP_FULL) {
        return writer_replay(store);
    }
    if (rc == MDB_NOTFOUND) {
        store->journal.buf.len = at;
    }
    return lmdb_write_code(store, rc);
}

static int lmdb_put(struct cove_store_txn *base, unsigned tree,
                    struct cove_bytes key, struct cove_bytes value)
{
    struct cove_store_change change = {
        .tree = tree, .key = key, .value = value};

    return writer_change((struct lmdb_store *)base->store, &change);
}

static int lmdb_del(struct cove_store_txn *base, unsigned tree,
                    struct cove_bytes key)
{
    struct cove_store_change change = {.tree = tree, .gone = true, .key = key};

    return writer_change((struct lmdb_store *)base->store, &change);
}

/* LMDB writes the roots and its list of free pages at commit, so that may
 * find the map full too. */
static int writer_commit(struct lmdb_store *store)
{
    struct lmdb_txn *txn = &store->writer;

    for (;;) {
        int err = cove_store_ask(&store->base, "txn_commit");

        if (err != 0) {
            return err;
        }

        int rc = mdb_txn_commit(txn->mdb);

        txn->mdb = NULL;
        cove_store_gate_leave(&store->gate, &txn->guest);
        if (rc != MDB_MAP_FULL) {
            return lmdb_write_code(store, rc);
        }
        err = writer_replay(store);
        if (err != 0) {
            return err;
        }
    }
}

static int lmdb_commit(struct cove_store_txn *base)
{
    struct lmdb_txn *txn = (struct lmdb_txn *)base;
    struct lmdb_store *store = txn_store(txn);
    int err = 0;

    if (base->write) {
        err = writer_commit(store);
        writer_drop(store); /* what a failure has left of it */
    } else {
        reader_end(store, txn);
    }
    return err;
}

static int lmdb_get(struct cove_store_txn *base, unsigned tree,
                    struct cove_bytes key, struct cove_bytes *value)
{
    const struct lmdb_txn *txn = (const struct lmdb_txn *)base;
    MDB_val mdb_key = lmdb_val(key);
    MDB_val found;
    int rc = mdb_get(txn->mdb, txn_store(txn)->dbi[tree], &mdb_key, &found);

    if (rc != MDB_SUCCESS) {
        return lmdb_code(rc);
    }
    *value = lmdb_bytes(&found);
    return 0;
}

static int cursor_move(struct cove_store_cursor *base, MDB_val key,
                       MDB_cursor_op op, struct cove_entry *out)
{
    struct lmdb_cursor *cursor = (struct lmdb_cursor *)base;
    const struct lmdb_txn *txn = (const struct lmdb_txn *)base->txn;
    MDB_val value;
    int rc = MDB_SUCCESS;

    if (cursor->mdb == NULL) {
        rc = mdb_cursor_open(txn->mdb, txn_store(txn)->dbi[base->tree],
                             &cursor->mdb);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_cursor_get(cursor->mdb, &key, &value, op);
    }
    if (rc != MDB_SUCCESS) {
        return lmdb_code(rc);
    }
    out->key = lmdb_bytes(&key);
    out->value = lmdb_bytes(&value);
    return 0;
}

static int lmdb_cursor_seek(struct cove_store_cursor *base,
                            struct cove_bytes key, struct cove_entry *out)
{
    return cursor_move(base, lmdb_val(key),
                       key.len > 0 ? MDB_SET_RANGE : MDB_FIRST, out);
}

static int lmdb_cursor_next(struct cove_store_cursor *base,
                            struct cove_entry *out)
{
    return cursor_move(base, (MDB_val){0, NULL}, MDB_NEXT, out);
}

static int lmdb_cursor_last(struct cove_store_cursor *base,
                            struct cove_entry *out)
{
    return cursor_move(base, (MDB_val){0, NULL}, MDB_LAST, out);
}

static void lmdb_cursor_detach(struct cove_store_cursor *base)
{
    struct lmdb_cursor *cursor = (struct lmdb_cursor *)base;

    if (cursor->mdb != NULL) {
        mdb_cursor_close(cursor->mdb);
        cursor->mdb = NULL;
    }
}

static uint64_t stat_bytes(const MDB_stat *stat)
{
    return (stat->ms_branch_pages + stat->ms_leaf_pages +
            stat->ms_overflow_pages) *
           (uint64_t)stat->ms_psize;
}

static int lmdb_usage(struct cove_store_txn *base, struct cove_store_usage *out)
{
    const struct lmdb_txn *txn = (const struct lmdb_txn *)base;
    const struct lmdb_store *store = txn_store(txn);
    struct stat file;
    MDB_stat stat;
    int rc = mdb_env_stat(store->env, &stat); /* of the names of the trees */

    if (fstat(store->fd, &file) != 0) {
        return cove_store_errno(errno);
    }
    out->bytes_file = (uint64_t)file.st_size;
    out->bytes_used = stat_bytes(&stat) + 2 * (uint64_t)stat.ms_psize;
    for (unsigned i = 0; rc == MDB_SUCCESS && i < base->store->trees; i++) {
        rc = mdb_stat(txn->mdb, store->dbi[i], &stat);
        if (rc == MDB_SUCCESS) {
            out->bytes_used += stat_bytes(&stat);
            out->entries[i] = stat.ms_entries;
        }
    }
    return lmdb_code(rc);
}

static int lmdb_reap(struct cove_store *base, int *dead)
{
    struct lmdb_store *store = (struct lmdb_store *)base;

    return lmdb_code(mdb_reader_check(store->env, dead));
}

static void lmdb_close(struct cove_store *base)
{
    struct lmdb_store *store = (struct lmdb_store *)base;
    bool ours = getpid() == store->dir.pid;

    assert(!ours || store->gate.guests == NULL);
    while (store->idle != NULL) {
        struct lmdb_txn *txn = store->idle;

        store->idle = txn->next_idle;
        if (!ours) {
            txn->mdb = NULL;
        }
        reader_free(store, txn);
    }
    /* What a forked child inherited stays until it ends: to close it would
     * meddle with the parent's readers. */
    if (ours && store->env != NULL) {
        mdb_env_close(store->env);
    }
    cove_store_dir_close(&store->dir);
    cove_store_journal_clear(&store->journal);
    cove_store_clear(base);
    cove_alloc_free(base->alloc, store);
}

static const struct cove_store_table lmdb_table = {
    .cursor_size = sizeof(struct lmdb_cursor),
    .durable = true,
    .close = lmdb_close,
    .begin = lmdb_begin,
    .commit = lmdb_commit,
    .abort = lmdb_abort,
    .get = lmdb_get,
    .put = lmdb_put,
    .del = lmdb_del,
    .cursor_detach = lmdb_cursor_detach,
    .cursor_seek = lmdb_cursor_seek,
    .cursor_next = lmdb_cursor_next,
    .cursor_last = lmdb_cursor_last,
    .usage = lmdb_usage,
    .reap = lmdb_reap,
};

/* Open LMDB's environment; LMDB's code. */
static int open_env(struct lmdb_store *store,
                    const struct cove_store_options *opt)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t size = opt->map_bytes > 0 ? opt->map_bytes : MAP_FIRST;
    int rc = size > SIZE_MAX / 2 ? ENOMEM : mdb_env_create(&store->env);

    size = size < MAP_LEAST ? MAP_LEAST : (size + page - 1) / page * page;
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_set_maxdbs(store->env, opt->trees);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_set_mapsize(store->env, (size_t)size);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_open(store->env, store->dir.path, MDB_NOTLS, 0600);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_get_fd(store->env, &store->fd);
    }
    if (rc == MDB_SUCCESS && fcntl(store->fd, F_SETFD, FD_CLOEXEC) != 0) {
        rc = errno;
    }
    return rc;
}

/* Reading behind the end of a file that was cut short would kill the process;
 * zeros there LMDB finds out as damage. A short file alone is none: LMDB may
 * leave its last pages unwritten when nothing is in them. Lengthened in a
 * write transaction, since another process may be appending. */
static int open_extend(struct lmdb_store *store)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file;
    MDB_txn *txn = NULL;
    int rc = MDB_SUCCESS;

    for (;;) {
        mdb_env_info(store->env, &info);
        mdb_env_stat(store->env, &stat);

        off_t size = (off_t)(info.me_last_pgno + 1) * (off_t)stat.ms_psize;

        if (fstat(store->fd, &file) != 0) {
            rc = errno;
            break;
        }
        if (file.st_size >= size) {
            break;
        }
        if (txn == NULL) {
            rc = mdb_txn_begin(store->env, NULL, 0, &txn);
        } else {
            rc = ftruncate(store->fd, size) == 0 ? MDB_SUCCESS : errno;
        }
        if (rc != MDB_SUCCESS) {
            break;
        }
    }
    if (txn != NULL) {
        mdb_txn_abort(txn);
    }
    return rc;
}

/* Is the file ours, and of a version that we know? Marks an empty one as ours
 * where `write`, and says MDB_NOTFOUND otherwise. */
static int open_mark(const struct lmdb_store *store, MDB_txn *txn, bool write,
                     struct cove_diag *diag)
{
    static const uint8_t mark[] = {MARK_VERSION, MDB_VERSION_MAJOR,
                                   MDB_VERSION_MINOR, MDB_VERSION_PATCH};
    MDB_val key = lmdb_val(cove_bytes_text(MARK_KEY));
    MDB_val value;
    MDB_stat stat;
    MDB_dbi names;
    int rc = mdb_dbi_open(txn, NULL, 0, &names);

    if (rc == MDB_SUCCESS) {
        rc = mdb_stat(txn, names, &stat);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_get(txn, names, &key, &value);
    }
    if (rc == MDB_NOTFOUND && stat.ms_entries == 0) {
        value = lmdb_val(cove_bytes(mark, sizeof(mark)));
        return write ? mdb_put(txn, names, &key, &value, 0) : MDB_NOTFOUND;
    }
    if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND) {
        return rc;
    }
    if (rc == MDB_NOTFOUND || value.mv_size < sizeof(mark)) {
        (void)cove_fail(diag, COVE_ENOTSTORE,
                        "%s: data.mdb in it belongs to another program; "
                        "choose another directory",
                        store->dir.path);
        return MDB_INVALID;
    }

    uint8_t version = *(const uint8_t *)value.mv_data;

    if (version != MARK_VERSION) {
        (void)cove_fail(diag, COVE_ENEWER,
                        "%s: has format %u, and this version of Cove knows "
                        "format %u; open it with a newer Cove",
                        store->dir.path, version, MARK_VERSION);
        return MDB_VERSION_MISMATCH;
    }
    return MDB_SUCCESS;
}

/* Open the trees, and make them where `write`; LMDB's code, MDB_NOTFOUND
 * where there is something to make. */
static int open_trees(struct lmdb_store *store, bool write,
                      struct cove_diag *diag)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->env, NULL, write ? 0 : MDB_RDONLY, &txn);

    if (rc == MDB_MAP_RESIZED) {
        /* Another process made it larger since we mapped it. */
        rc = mdb_env_set_mapsize(store->env, 0);
        return rc == MDB_SUCCESS ? open_trees(store, write, diag) : rc;
    }
    if (rc != MDB_SUCCESS) {
        return rc;
    }
    rc = open_mark(store, txn, write, diag);
    for (unsigned i = 0; rc == MDB_SUCCESS && i < store->base.trees; i++) {
        const char name[] = {(char)('A' + i), '\0'};

        rc = mdb_dbi_open(txn, name, write ? MDB_CREATE : 0, &store->dbi[i]);
    }
    if (rc == MDB_SUCCESS) {
        return mdb_txn_commit(txn);
    }
    mdb_txn_abort(txn);
    return rc;
}

/* The sentence for LMDB's code. */
static int open_fail(const struct lmdb_store *store, int rc,
                     struct cove_diag *diag)
{
    int code = lmdb_write_code(store, rc);
    const char *advice = "check the disk, then the store";

    if (code == COVE_EACCES) {
        advice = "run as the user that owns the store, or let this user read "
                 "and write there";
    } else if (code == COVE_ENOSPC) {
        advice = "make room on the disk, or allow a larger map";
    } else if (code == COVE_ENOMEM) {
        advice = "allow the process more address space, or a smaller map";
    } else if (code == COVE_ENEWER) {
        advice = "export it with the version of LMDB that wrote it and "
                 "import it here";
    } else if (code == COVE_ENOTSTORE) {
        advice = "choose another directory";
    } else if (code == COVE_EBUSY) {
        advice = "close one of the programs that have it open";
    }
    return cove_fail(diag, code, "%s: cannot open the store: %s; %s",
                     store->dir.path, mdb_strerror(rc), advice);
}

static int open_store(struct lmdb_store *store,
                      const struct cove_store_options *opt,
                      struct cove_diag *diag)
{
    int dead;
    int err = cove_store_ask(&store->base, "open");

    if (err != 0) {
        return cove_fail(diag, err, "%s: cannot open the store",
                         store->dir.path);
    }

    int rc = open_env(store, opt);

    if (rc == MDB_SUCCESS) {
        rc = open_extend(store);
    }
    if (rc == MDB_SUCCESS) {
        rc = open_trees(store, false, diag);
    }
    if (rc == MDB_NOTFOUND) {
        rc = open_trees(store, true, diag);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_reader_check(store->env, &dead);
    }
    if (rc == MDB_SUCCESS && store->dir.fresh &&
        cove_store_dir_sync(&store->dir) != 0) {
        rc = EIO;
    }
    return rc == MDB_SUCCESS ? 0 : open_fail(store, rc, diag);
}

int cove_store_open_lmdb(const char *dir, const struct cove_store_options *opt,
                         struct cove_store **out, struct cove_diag *diag)
{
    struct lmdb_store *store = cove_alloc_zero(opt->alloc, 1, sizeof(*store));

    if (store == NULL) {
        return cove_fail(diag, COVE_ENOMEM, "%s: out of memory", dir);
    }

    int err = cove_store_init(&store->base, &lmdb_table, opt);

    if (err != 0) {
        cove_alloc_free(opt->alloc, store);
        return cove_fail(diag, err, "%s: out of memory", dir);
    }
    store->fd = -1;
    store->map_max = opt->map_bytes_max;
    store->writer.base.store = &store->base;
    cove_store_journal_init(&store->journal, opt->alloc);
    cove_store_gate_init(&store->gate, &store->base.lock, &store->base.changed);
    err = cove_store_dir_open(&store->dir, dir, opt, diag);
    if (err == 0) {
        err = open_store(store, opt, diag);
    }
    if (err != 0) {
        lmdb_close(&store->base);
        return err;
    }
    *out = &store->base;
    return 0;
}
