/* store_shrink.c: see store_shrink.h.
 *
 *     compact.new/         a store of its own, made anew each time
 *         data.mdb         … becomes data.mdb beside it
 *
 * The entries are put in the order of their keys, so that pages are filled, and
 * committed in slices, since nobody but us looks at them before the end.
 *
 * To be alone: who has a store open locks the byte at its pid in open.lock.
 * We lock all the others, and keep them until the end.
 */
#include "core/store_shrink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/store_dir.h"

#define SHRINK_DIR   "compact.new"
#define SHRINK_SLICE ((size_t)16 << 20) /* bytes a commit */
#define LOCK_FILE    "open.lock"
#define DATA_FILE    "data.mdb"

static const char *const parts[] = {DATA_FILE, "lock.mdb", LOCK_FILE};

struct shrinker {
    const char *dir;
    const struct cove_shrink *opt;
    struct cove_store *from, *to;
    char beside[4096]; /* the new store's directory */
    int fd;            /* of the old one's */
    int lock_fd;
    bool alone;
    bool placed; /* the new file has the old one's name */
    uint64_t done;
};

static int shrink_ask(const struct shrinker *s, const char *call)
{
    return s->opt->opt.fault == NULL
               ? 0
               : s->opt->opt.fault(s->opt->opt.fault_ctx, call);
}

/* --- alone */

static int shrink_lock(const struct shrinker *s, off_t from, off_t len)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = from, .l_len = len};

    if (fcntl(s->lock_fd, F_OFD_SETLK, &lock) == 0) {
        return 0;
    }
    return errno == EACCES ? COVE_EBUSY : cove_store_errno(errno);
}

/* All bytes but our own, from the first pid on; the last is for openings, ours
 * among them, and nobody gets there without one of the others. */
static int shrink_alone(struct shrinker *s)
{
    off_t own = getpid();
    int err = 0;

    s->fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->fd < 0) {
        return cove_store_errno(errno);
    }
    s->lock_fd = openat(s->fd, LOCK_FILE,
                        O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock_fd < 0) {
        return cove_store_errno(errno);
    }
    if (own > 1) {
        err = shrink_lock(s, 1, own - 1);
    }
    if (err == 0) {
        err = shrink_lock(s, own + 1, COVE_STORE_OPEN_BYTE - own - 1);
    }
    s->alone = err == 0;
    return err;
}

/* --- the new file */

static void shrink_remove(const struct shrinker *s)
{
    int dir = openat(s->fd, SHRINK_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir >= 0) {
        for (size_t i = 0; i < COVE_ARRAY_LEN(parts); i++) {
            (void)unlinkat(dir, parts[i], 0);
        }
        close(dir);
        (void)unlinkat(s->fd, SHRINK_DIR, AT_REMOVEDIR);
    }
}

static int shrink_open(struct shrinker *s, struct cove_diag *diag)
{
    struct cove_store_options opt = s->opt->opt;
    int len =
        snprintf(s->beside, sizeof(s->beside), "%s/%s", s->dir, SHRINK_DIR);
    int err = 0;

    if (len < 0 || (size_t)len >= sizeof(s->beside)) {
        return COVE_ELIMIT;
    }
    shrink_remove(s);
    /* Level group shares a lock that is held here against all others. */
    opt.level = COVE_LEVEL_FULL;
    opt.landed = NULL;
    opt.create = false;
    err = cove_store_open_lmdb(s->dir, &opt, &s->from, diag);
    if (err != 0) {
        return err;
    }
    opt.create = true;
    opt.map_bytes_max = 0;
    return cove_store_open_lmdb(s->beside, &opt, &s->to, diag);
}

/* One tree, from a cursor of the old store into transactions of the new. */
static int shrink_tree(struct shrinker *s, struct cove_store_txn *from,
                       unsigned tree, struct cove_store_txn **to, size_t *held)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    int err = cove_store_cursor_open(from, tree, &cursor);

    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
    while (err == 0) {
        err = cove_store_put(*to, tree, entry.key, entry.value);
        *held += entry.key.len + entry.value.len;
        s->done += entry.key.len + entry.value.len;
        if (err == 0 && *held >= SHRINK_SLICE) {
            err = cove_store_commit(*to);
            *to = NULL;
            *held = 0;
            if (err == 0) {
                err = cove_store_begin(s->to, true, to);
            }
            if (s->opt->progress != NULL) {
                s->opt->progress(s->opt->ctx, s->done);
            }
        }
        if (err == 0) {
            err = cove_store_cursor_next(cursor, &entry);
        }
    }
    cove_store_cursor_close(cursor);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int shrink_copy(struct shrinker *s)
{
    struct cove_store_txn *from = NULL;
    struct cove_store_txn *to = NULL;
    size_t held = 0;
    int err = cove_store_begin(s->from, false, &from);

    if (err == 0) {
        err = cove_store_begin(s->to, true, &to);
    }
    for (unsigned tree = 0; tree < s->opt->opt.trees && err == 0; tree++) {
        err = shrink_tree(s, from, tree, &to, &held);
    }
    if (to != NULL && err == 0) {
        err = cove_store_commit(to);
    } else if (to != NULL) {
        cove_store_abort(to);
    }
    if (from != NULL) {
        cove_store_abort(from);
    }
    return err;
}

/* --- in its place */

static int shrink_swap(struct shrinker *s)
{
    char path[sizeof(s->beside) + sizeof(DATA_FILE) + 1];
    int err = shrink_ask(s, "shrink_sync");
    int fd;

    snprintf(path, sizeof(path), "%s/" DATA_FILE, s->beside);
    fd = err == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (err == 0) {
        err = fd < 0 || fsync(fd) != 0 ? cove_store_errno(errno) : 0;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (err == 0 && s->opt->ready != NULL) {
        err = s->opt->ready(s->opt->ctx, path);
    }
    if (err == 0) {
        err = shrink_ask(s, "shrink_rename");
    }
    if (err == 0 &&
        renameat(s->fd, SHRINK_DIR "/" DATA_FILE, s->fd, DATA_FILE) != 0) {
        err = cove_store_errno(errno);
    }
    if (err == 0) {
        s->placed = true;
        err = shrink_ask(s, "shrink_keep");
    }
    if (err == 0) {
        err = fsync(s->fd) == 0 ? 0 : COVE_EIO;
    }
    return err;
}

static int shrink_fail(const struct shrinker *s, int err,
                       struct cove_diag *diag)
{
    if (err != 0 && s->placed) {
        return cove_fail(diag, err,
                         "%s: the new file is whole and in its place, but the "
                         "disk could not be made to keep it there: a power cut "
                         "may bring the old one back; nothing is written until "
                         "the store is opened again: look at the disk first",
                         s->dir);
    }
    switch (err) {
    case 0:
        return 0;
    case COVE_EBUSY:
        return cove_fail(diag, err,
                         "%s: another process has the store open, so its file "
                         "cannot be made anew; end it and try again",
                         s->dir);
    case COVE_ENOSPC:
        return cove_fail(diag, err,
                         "%s: there is no room for the new file beside the "
                         "old one, which stays; make room on the disk",
                         s->dir);
    default:
        return cove_fail(diag, err,
                         "%s: the file cannot be made anew: %s; it stays as it "
                         "was",
                         s->dir, cove_error_text(err));
    }
}

int cove_store_shrink(const char *dir, const struct cove_shrink *shrink,
                      struct cove_diag *diag)
{
    struct shrinker s = {.dir = dir, .opt = shrink, .fd = -1, .lock_fd = -1};
    int err = shrink_alone(&s);

    if (err == 0) {
        err = shrink_open(&s, diag);
    }
    if (err == 0) {
        err = shrink_copy(&s);
    }
    if (s.to != NULL) {
        cove_store_close(s.to);
    }
    if (s.from != NULL) {
        cove_store_close(s.from);
    }
    if (err == 0) {
        err = shrink_swap(&s);
    }
    if (s.alone) {
        shrink_remove(&s);
    }
    if (s.lock_fd >= 0) {
        close(s.lock_fd);
    }
    if (s.fd >= 0) {
        close(s.fd);
    }
    if (err != 0 && s.placed && shrink->unsure != NULL) {
        *shrink->unsure = true;
    }
    return shrink_fail(&s, err, diag);
}
