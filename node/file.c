/* file.c: the small files beside a store. */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int file_code(int number)
{
    switch (number) {
    case ENOENT:
        return COVE_ENOTFOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return COVE_EACCES;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return COVE_ENOSPC;
    default:
        return COVE_EIO;
    }
}

int node_file_read(const char *path, char *out, size_t cap, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return file_code(errno);
    }
    ssize_t got = read(fd, out, cap);

    close(fd);
    if (got < 0) {
        return COVE_EIO;
    }
    *len = (size_t)got;
    return 0;
}

/* A new name is on the disk when its directory is: without this a power cut
 * may take the device's key and leave the store that it signs. */
static int file_settle(const char *path)
{
    const char *slash = strrchr(path, '/');
    char above[4096] = ".";

    if (slash != NULL) {
        snprintf(above, sizeof(above), "%.*s/", (int)(slash - path), path);
    }
    int dir = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = dir >= 0 && fsync(dir) == 0 ? 0 : COVE_EIO;

    if (dir >= 0) {
        close(dir);
    }
    return err;
}

/* All of it, on the disk; an errno. */
static int file_fill(int fd, const char *at, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, at, len);

        if (put < 0 && errno != EINTR) {
            return errno;
        }
        at += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
    return fsync(fd) == 0 ? 0 : errno;
}

int node_file_write(const char *path, const char *at, size_t len)
{
    char fresh[4096];

    if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh)) {
        return COVE_ELIMIT;
    }
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0) {
        return file_code(errno);
    }
    int failed = file_fill(fd, at, len);

    if (close(fd) != 0 && failed == 0) {
        failed = errno;
    }
    if (failed == 0 && rename(fresh, path) != 0) {
        failed = errno;
    }
    if (failed != 0) {
        unlink(fresh);
        return file_code(failed);
    }
    return file_settle(path);
}

int node_key_copy(struct cove *store, const char *dir, struct cove_diag *diag)
{
    char from[4096];
    char to[4096];
    char text[128];
    size_t len = 0;
    int err = 0;

    if (snprintf(from, sizeof(from), "%s/device.key", store->dir) >=
            (int)sizeof(from) ||
        snprintf(to, sizeof(to), "%s/device.key", dir) >= (int)sizeof(to)) {
        err = COVE_ELIMIT;
    }
    if (err == 0) {
        err = node_file_read(from, text, sizeof(text), &len);
    }
    if (err == 0) {
        err = node_file_write(to, text, len);
    }
    cove_crypto_wipe(text, sizeof(text));
    return err == 0 ? 0
                    : cove_fail(diag, err,
                                "%s/device.key: the device key cannot be "
                                "copied: %s; nothing was left there",
                                dir, cove_error_text(err));
}
