/* store_copy.c: a live copy of a store on disk.
 *
 * The copy is written beside its name and takes it when it is whole and on
 * disk, so that what a crash leaves is no store, and says so when opened. The
 * read transaction around it keeps the map from moving under the copying.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/store_dir.h"
#include "core/store_table.h"

#define COPY_FILE "data.mdb"
#define COPY_PART "data.mdb.part"

/* The sentence for a code, and for what stopped us. */
static int copy_fail(const char *path, int err, struct cove_diag *diag)
{
    switch (err) {
    case COVE_EEXIST:
        return cove_fail(diag, err,
                         "%s: is there already, and a copy never writes over "
                         "anything; name a new directory",
                         path);
    case COVE_ENOTFOUND:
        return cove_fail(diag, err,
                         "%s: the directory above it is not there; make it "
                         "first",
                         path);
    case COVE_ENOSPC:
        return cove_fail(diag, err,
                         "%s: the disk is full, no copy was left; make room "
                         "or name another disk",
                         path);
    case COVE_EACCES:
        return cove_fail(diag, err,
                         "%s: cannot be written; name a directory that this "
                         "user may write to",
                         path);
    case COVE_EBUSY:
        return cove_fail(diag, err,
                         "%s: the store grows or has too many readers now, no "
                         "copy was left; try again",
                         path);
    default:
        return cove_fail(diag, err,
                         "%s: the store cannot be copied: %s; check the disk",
                         path, cove_error_text(err));
    }
}

static int copy_code(int number)
{
    return number == EEXIST ? COVE_EEXIST : cove_store_errno(number);
}

static int copy_write(struct cove_store *store, int dir)
{
    int err = cove_store_ask(store, "copy_open");
    int fd = -1;

    if (err == 0) {
        fd = openat(dir, COPY_PART, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                    0600);
        err = fd < 0 ? copy_code(errno) : 0;
    }
    if (err == 0) {
        err = cove_store_ask(store, "copy");
    }
    if (err == 0) {
        err = store->table->copy(store, fd);
    }
    if (err == 0) {
        err = cove_store_ask(store, "copy_sync");
    }
    if (err == 0 && fsync(fd) != 0) {
        err = copy_code(errno);
    }
    if (fd >= 0 && close(fd) != 0 && err == 0) {
        err = copy_code(errno);
    }
    if (err == 0 && renameat(dir, COPY_PART, dir, COPY_FILE) != 0) {
        err = copy_code(errno);
    }
    if (err == 0 && fsync(dir) != 0) {
        err = copy_code(errno);
    }
    return err;
}

static int copy_into(struct cove_store *store, const char *path)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err;

    if (dir < 0) {
        return copy_code(errno);
    }
    err = copy_write(store, dir);
    if (err == 0) {
        err = copy_code(cove_store_dir_above(dir));
    }
    if (err != 0) {
        (void)unlinkat(dir, COPY_PART, 0);
        (void)unlinkat(dir, COPY_FILE, 0);
    }
    close(dir);
    return err;
}

int cove_store_copy(struct cove_store *store, const char *path,
                    struct cove_diag *diag)
{
    struct cove_store_txn *txn;
    int err;

    if (store->table->copy == NULL) {
        return cove_fail(diag, COVE_EUNSUPPORTED,
                         "%s: a store in memory is not copied; open one in a "
                         "directory",
                         path);
    }
    err = cove_store_begin(store, false, &txn);
    if (err != 0) {
        return copy_fail(path, err, diag);
    }
    err = mkdir(path, 0700) == 0 ? 0 : copy_code(errno);
    if (err == 0) {
        err = copy_into(store, path);
        if (err != 0) {
            (void)rmdir(path);
        }
    }
    cove_store_abort(txn);
    return err != 0 ? copy_fail(path, err, diag) : 0;
}
