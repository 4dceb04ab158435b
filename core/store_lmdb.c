/* store_lmdb.c: LMDB with Cove's codes, and the one home of lmdb.h.
 *
 * Trees are named databases 'A', 'B', …; a plain record "cove" beside them
 * says whose file it is: {format version, LMDB major, minor, patch}.
 *
 * Flags: MDB_NOTLS, since a reader belongs to a transaction and not to a
 * thread. None of those that trade safety for speed; not even MDB_NOMETASYNC at
 * level group, where a power cut would take a group that has landed besides the
 * one under way, for one barrier in 20 ms.
 *
 * Source: lmdb.h, and mdb.c of LMDB 0.9.24 on what its failures leave.
 */
#include "core/store_lmdb.h"

#include "core/store_agree.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_FIRST    (UINT64_C(16) << 30)
#define MAP_LEAST    (UINT64_C(64) << 10)
#define MARK_KEY     "cove"
#define MARK_VERSION 1

/* Translate LMDB's code. */
static int lmdb_code(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return 0;
    case MDB_NOTFOUND:
        return COVE_ENOTFOUND;
    case MDB_MAP_FULL:
        return COVE_LMDB_FULL;
    case MDB_MAP_RESIZED:
        return COVE_LMDB_RESIZED;
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
static int lmdb_write_code(const struct cove_lmdb *lmdb, int rc)
{
    if (rc == EIO && cove_store_disk_full(lmdb->fd)) {
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

void cove_lmdb_map(const struct cove_lmdb *lmdb, struct cove_lmdb_map *out)
{
    MDB_envinfo info;
    MDB_stat stat;

    mdb_env_info(lmdb->env, &info);
    mdb_env_stat(lmdb->env, &stat);
    out->size = info.me_mapsize;
    out->used = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}

int cove_lmdb_set_map(struct cove_lmdb *lmdb, uint64_t size, bool *lost)
{
    /* There is no way back from a map that cannot be made: try the room. */
    if (size > 0) {
        void *room = mmap(NULL, size, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (room == MAP_FAILED) {
            return COVE_ENOMEM;
        }
        munmap(room, size);
    }
    *lost = mdb_env_set_mapsize(lmdb->env, size) != MDB_SUCCESS;
    return *lost ? COVE_ENOMEM : 0;
}

int cove_lmdb_begin(struct cove_lmdb *lmdb, bool write, struct MDB_txn **txn)
{
    int dead;
    int rc;

    if (*txn != NULL) {
        return lmdb_code(mdb_txn_renew(*txn));
    }
    if (write) {
        memset(lmdb->pens, 0, sizeof(lmdb->pens));
    }
    rc = mdb_txn_begin(lmdb->env, NULL, write ? 0 : MDB_RDONLY, txn);
    if (rc == MDB_READERS_FULL && mdb_reader_check(lmdb->env, &dead) == 0 &&
        dead > 0) {
        rc = mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, txn);
    }
    return lmdb_code(rc);
}

void cove_lmdb_reset(struct MDB_txn *txn)
{
    mdb_txn_reset(txn);
}

void cove_lmdb_abort(struct MDB_txn *txn)
{
    mdb_txn_abort(txn);
}

int cove_lmdb_commit(struct cove_lmdb *lmdb, struct MDB_txn *txn)
{
    return lmdb_write_code(lmdb, mdb_txn_commit(txn));
}

uint64_t cove_lmdb_number(struct MDB_txn *txn)
{
    return mdb_txn_id(txn);
}

int cove_lmdb_get(const struct cove_lmdb *lmdb, struct MDB_txn *txn,
                  unsigned tree, struct cove_bytes key,
                  struct cove_bytes *value)
{
    MDB_val mdb_key = lmdb_val(key);
    MDB_val found;
    int rc = mdb_get(txn, lmdb->dbi[tree], &mdb_key, &found);

    if (rc != MDB_SUCCESS) {
        return lmdb_code(rc);
    }
    *value = lmdb_bytes(&found);
    return 0;
}

/* LMDB closes it with the transaction. */
static int lmdb_pen(struct cove_lmdb *lmdb, struct MDB_txn *txn, unsigned tree)
{
    return lmdb->pens[tree] != NULL
               ? MDB_SUCCESS
               : mdb_cursor_open(txn, lmdb->dbi[tree], &lmdb->pens[tree]);
}

static int pen_move(struct cove_lmdb *lmdb, struct MDB_txn *txn, unsigned tree,
                    struct cove_bytes key, MDB_val *found)
{
    MDB_val at = lmdb_val(key);
    int rc = lmdb_pen(lmdb, txn, tree);

    return rc != MDB_SUCCESS
               ? rc
               : mdb_cursor_get(lmdb->pens[tree], &at, found, MDB_SET);
}

int cove_lmdb_look(struct cove_lmdb *lmdb, struct MDB_txn *txn, unsigned tree,
                   struct cove_bytes key, struct cove_bytes *value)
{
    MDB_val found;
    int rc = pen_move(lmdb, txn, tree, key, &found);

    if (rc != MDB_SUCCESS) {
        return lmdb_code(rc);
    }
    *value = lmdb_bytes(&found);
    return 0;
}

/* Appending has a cursor of its own each time: one that has been at the end
 * keeps a note of it, which LMDB does not take back wherever it should. */
int cove_lmdb_put(struct cove_lmdb *lmdb, struct MDB_txn *txn, unsigned tree,
                  const struct cove_entry *entry, bool append)
{
    MDB_val key = lmdb_val(entry->key);
    MDB_val value = lmdb_val(entry->value);
    int rc;

    if (append) {
        rc = mdb_put(txn, lmdb->dbi[tree], &key, &value, MDB_APPEND);
    } else {
        rc = lmdb_pen(lmdb, txn, tree);
        rc = rc != MDB_SUCCESS
                 ? rc
                 : mdb_cursor_put(lmdb->pens[tree], &key, &value, 0);
    }
    return lmdb_write_code(lmdb, rc);
}

int cove_lmdb_del(struct cove_lmdb *lmdb, struct MDB_txn *txn, unsigned tree,
                  struct cove_bytes key)
{
    MDB_val found;
    int rc = pen_move(lmdb, txn, tree, key, &found);

    rc = rc != MDB_SUCCESS ? rc : mdb_cursor_del(lmdb->pens[tree], 0);
    return lmdb_write_code(lmdb, rc);
}

int cove_lmdb_cursor_open(const struct cove_lmdb *lmdb, struct MDB_txn *txn,
                          unsigned tree, struct MDB_cursor **out)
{
    return lmdb_code(mdb_cursor_open(txn, lmdb->dbi[tree], out));
}

void cove_lmdb_cursor_close(struct MDB_cursor *cursor)
{
    mdb_cursor_close(cursor);
}

static int cursor_move(struct MDB_cursor *cursor, MDB_val key, MDB_cursor_op op,
                       struct cove_entry *out)
{
    MDB_val value;
    int rc = mdb_cursor_get(cursor, &key, &value, op);

    if (rc != MDB_SUCCESS) {
        return lmdb_code(rc);
    }
    out->key = lmdb_bytes(&key);
    out->value = lmdb_bytes(&value);
    return 0;
}

int cove_lmdb_cursor_seek(struct MDB_cursor *cursor, struct cove_bytes key,
                          struct cove_entry *out)
{
    return cursor_move(cursor, lmdb_val(key),
                       key.len > 0 ? MDB_SET_RANGE : MDB_FIRST, out);
}

int cove_lmdb_cursor_step(struct MDB_cursor *cursor, bool back,
                          struct cove_entry *out)
{
    return cursor_move(cursor, (MDB_val){0, NULL}, back ? MDB_PREV : MDB_NEXT,
                       out);
}

int cove_lmdb_cursor_last(struct MDB_cursor *cursor, struct cove_entry *out)
{
    return cursor_move(cursor, (MDB_val){0, NULL}, MDB_LAST, out);
}

static uint64_t stat_bytes(const MDB_stat *stat)
{
    return (stat->ms_branch_pages + stat->ms_leaf_pages +
            stat->ms_overflow_pages) *
           (uint64_t)stat->ms_psize;
}

struct usage_readers {
    struct cove_store_usage *out;
    uint64_t last; /* the newest transaction */
};

/* A line a reader, after one that heads them: its process, its thread, and its
 * transaction, or "-". */
static int usage_reader(const char *line, void *ctx)
{
    struct usage_readers *r = ctx;
    const char *last = strrchr(line, ' ');
    long pid = strtol(line, NULL, 10);

    if (last == NULL || last[1] < '0' || last[1] > '9') {
        return 0;
    }

    uint64_t txn = strtoull(last + 1, NULL, 10);
    uint64_t behind = r->last > txn ? r->last - txn : 0;

    r->out->readers++;
    if (pid > 0 && pid != (long)getpid()) {
        bool dead = kill((pid_t)pid, 0) != 0 && errno == ESRCH;

        r->out->readers_stale += dead;
        r->out->readers_others += !dead;
    }
    if (behind > r->out->readers_behind) {
        r->out->readers_behind = behind;
    }
    return 0;
}

static void usage_env(const struct cove_lmdb *lmdb,
                      struct cove_store_usage *out)
{
    struct usage_readers readers = {.out = out};
    struct cove_lmdb_map map;
    unsigned most = 0;
    MDB_envinfo info;

    cove_lmdb_map(lmdb, &map);
    if (mdb_env_info(lmdb->env, &info) == MDB_SUCCESS) {
        readers.last = info.me_last_txnid;
    }
    out->bytes_map = map.size;
    out->bytes_free =
        map.used > out->bytes_used ? map.used - out->bytes_used : 0;
    if (mdb_env_get_maxreaders(lmdb->env, &most) == MDB_SUCCESS) {
        out->readers_max = most;
    }
    (void)mdb_reader_list(lmdb->env, usage_reader, &readers);
    out->version[0] = MDB_VERSION_MAJOR;
    out->version[1] = MDB_VERSION_MINOR;
    out->version[2] = MDB_VERSION_PATCH;
}

int cove_lmdb_usage(const struct cove_lmdb *lmdb, struct MDB_txn *txn,
                    struct cove_store_usage *out)
{
    struct stat file;
    MDB_stat stat;
    int rc = mdb_env_stat(lmdb->env, &stat); /* of the names of the trees */

    if (fstat(lmdb->fd, &file) != 0) {
        return cove_store_errno(errno);
    }
    out->bytes_file = (uint64_t)file.st_size;
    out->bytes_used = stat_bytes(&stat) + 2 * (uint64_t)stat.ms_psize;
    for (unsigned i = 0; rc == MDB_SUCCESS && i < lmdb->trees; i++) {
        rc = mdb_stat(txn, lmdb->dbi[i], &stat);
        if (rc == MDB_SUCCESS) {
            out->bytes[i] = stat_bytes(&stat);
            out->bytes_used += out->bytes[i];
            out->entries[i] = stat.ms_entries;
        }
    }
    if (rc == MDB_SUCCESS) {
        out->bytes_page = stat.ms_psize;
        usage_env(lmdb, out);
    }
    return lmdb_code(rc);
}

int cove_lmdb_reap(struct cove_lmdb *lmdb, int *dead)
{
    return lmdb_code(mdb_reader_check(lmdb->env, dead));
}

int cove_lmdb_copy(struct cove_lmdb *lmdb, int fd)
{
    int rc = mdb_env_copyfd2(lmdb->env, fd, MDB_CP_COMPACT);

    /* LMDB may leak a page, which does no harm, and does not compact then. */
    if (rc == MDB_INCOMPATIBLE) {
        rc = ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0
                 ? mdb_env_copyfd2(lmdb->env, fd, 0)
                 : errno;
    }

    int err = lmdb_code(rc);

    return err == COVE_LMDB_RESIZED ? COVE_EBUSY : err;
}

/* Open LMDB's environment; LMDB's code. */
static int open_once(struct cove_lmdb *lmdb, const struct cove_store_dir *dir,
                     const struct cove_store_options *opt)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t size = opt->map_bytes > 0 ? opt->map_bytes : MAP_FIRST;
    unsigned flags =
        MDB_NOTLS | (opt->read_only ? (unsigned)MDB_RDONLY | MDB_NOLOCK : 0);
    int rc = size > SIZE_MAX / 2 ? ENOMEM : mdb_env_create(&lmdb->env);

    size = size < MAP_LEAST ? MAP_LEAST : (size + page - 1) / page * page;
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_set_maxdbs(lmdb->env, opt->trees);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_set_mapsize(lmdb->env, (size_t)size);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_open(lmdb->env, dir->path, flags, 0600);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_get_fd(lmdb->env, &lmdb->fd);
    }
    if (rc == MDB_SUCCESS && fcntl(lmdb->fd, F_SETFD, FD_CLOEXEC) != 0) {
        rc = errno;
    }
    return rc;
}

/* The same, alone, and with the last commit as it should be. */
static int open_env(struct cove_lmdb *lmdb, const struct cove_store_dir *dir,
                    const struct cove_store_options *opt)
{
    bool agrees = false;
    int rc;

    if (opt->read_only) { /* there is no table then */
        return open_once(lmdb, dir, opt);
    }
    rc = cove_store_dir_opening(dir, true);
    for (int tries = 0; rc == MDB_SUCCESS && !agrees && tries < 2; tries++) {
        cove_lmdb_close(lmdb);
        rc = open_once(lmdb, dir, opt);
        if (rc == MDB_SUCCESS) {
            rc = cove_lmdb_agrees(lmdb->env, &agrees);
        }
    }
    (void)cove_store_dir_opening(dir, false);
    return rc == MDB_SUCCESS && !agrees ? MDB_READERS_FULL : rc;
}

/* Does the file end before its last page? */
static bool file_is_short(const struct cove_lmdb *lmdb, off_t *whole)
{
    struct cove_lmdb_map map;
    struct stat file;

    cove_lmdb_map(lmdb, &map);
    *whole = (off_t)map.used;
    return fstat(lmdb->fd, &file) == 0 && file.st_size < *whole;
}

/* Reading behind the end of a file that was cut short would kill the process;
 * zeros there LMDB finds out as damage. A short file alone is none: LMDB may
 * leave its last pages unwritten when nothing is in them. Lengthened in a
 * write transaction, since another process may be appending. */
static int open_extend(struct cove_lmdb *lmdb, bool read_only)
{
    MDB_txn *txn;
    off_t whole;
    int rc;

    if (!file_is_short(lmdb, &whole)) {
        return MDB_SUCCESS;
    }
    if (read_only) {
        return MDB_CORRUPTED; /* a copy has all its pages */
    }
    rc = cove_lmdb_open_begin(lmdb->env, true, &txn);
    if (rc != MDB_SUCCESS) {
        return rc;
    }
    if (file_is_short(lmdb, &whole) && ftruncate(lmdb->fd, whole) != 0) {
        rc = errno;
    }
    mdb_txn_abort(txn);
    return rc;
}

/* Is the file ours, and of a version that we know? An empty one is marked as
 * ours where `make`, and is MDB_NOTFOUND otherwise. */
static int open_mark(const struct cove_store_dir *dir, MDB_txn *txn, bool make,
                     struct cove_diag *diag)
{
    static const uint8_t mark[] = {MARK_VERSION, MDB_VERSION_MAJOR,
                                   MDB_VERSION_MINOR, MDB_VERSION_PATCH};
    MDB_val key = lmdb_val(cove_bytes_text(MARK_KEY));
    MDB_val value;
    MDB_stat stat = {0};
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
        return make ? mdb_put(txn, names, &key, &value, 0) : MDB_NOTFOUND;
    }
    if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND) {
        return rc;
    }
    if (rc == MDB_NOTFOUND || value.mv_size < sizeof(mark)) {
        (void)cove_fail(diag, COVE_ENOTSTORE,
                        "%s: data.mdb in it belongs to another program; "
                        "choose another directory",
                        dir->path);
        return MDB_INVALID;
    }

    uint8_t version = *(const uint8_t *)value.mv_data;

    if (version != MARK_VERSION) {
        (void)cove_fail(diag, COVE_ENEWER,
                        "%s: has format %u, and this version of Cove knows "
                        "format %u; open it with a newer Cove",
                        dir->path, version, MARK_VERSION);
        return MDB_VERSION_MISMATCH;
    }
    return MDB_SUCCESS;
}

/* Open the trees, making those that are absent where `write`; LMDB's code,
 * MDB_NOTFOUND where there is something to make. */
static int open_trees(struct cove_lmdb *lmdb, const struct cove_store_dir *dir,
                      const struct cove_store_options *opt, bool write,
                      struct cove_diag *diag)
{
    MDB_txn *txn;
    int rc = cove_lmdb_open_begin(lmdb->env, write, &txn);

    if (rc != MDB_SUCCESS) {
        return rc;
    }
    rc = open_mark(dir, txn, write && opt->create, diag);
    for (unsigned i = 0; rc == MDB_SUCCESS && i < lmdb->trees; i++) {
        const char name[] = {(char)('A' + i), '\0'};

        rc = mdb_dbi_open(txn, name, write ? MDB_CREATE : 0, &lmdb->dbi[i]);
    }
    if (rc == MDB_SUCCESS) {
        return mdb_txn_commit(txn);
    }
    mdb_txn_abort(txn);
    return rc;
}

/* The sentence for LMDB's code. */
static int open_fail(const struct cove_lmdb *lmdb,
                     const struct cove_store_dir *dir, int rc,
                     struct cove_diag *diag)
{
    int code = rc == MDB_MAP_FULL ? COVE_ENOSPC : lmdb_write_code(lmdb, rc);
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
    } else if (code == COVE_ENOTFOUND) {
        advice = "nothing is in it; create a store there";
    } else if (code == COVE_EBUSY) {
        advice = "close one of the programs that have it open";
    }
    return cove_fail(diag, code, "%s: cannot open the store: %s; %s", dir->path,
                     mdb_strerror(rc), advice);
}

int cove_lmdb_open(struct cove_lmdb *lmdb, const struct cove_store_dir *dir,
                   const struct cove_store_options *opt, struct cove_diag *diag)
{
    int dead;
    int rc = open_env(lmdb, dir, opt);

    lmdb->trees = opt->trees;
    if (rc == MDB_SUCCESS) {
        rc = open_extend(lmdb, opt->read_only);
    }
    if (rc == MDB_SUCCESS) {
        rc = open_trees(lmdb, dir, opt, false, diag);
    }
    if (rc == MDB_NOTFOUND && !opt->read_only) {
        rc = open_trees(lmdb, dir, opt, true, diag);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_reader_check(lmdb->env, &dead);
    }
    return rc == MDB_SUCCESS ? 0 : open_fail(lmdb, dir, rc, diag);
}

void cove_lmdb_close(struct cove_lmdb *lmdb)
{
    if (lmdb->env != NULL) {
        mdb_env_close(lmdb->env);
        lmdb->env = NULL;
    }
}
