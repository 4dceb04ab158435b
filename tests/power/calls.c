/* calls.c: see calls.h. The calls themselves go straight to the kernel: under
 * a sanitizer libc's names are somebody else's already. */
#undef _FILE_OFFSET_BITS /* else `open` here would be called open64 */
#include "tests/power/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static const struct calls_hook *calls_hook;
static pthread_mutex_t calls_lock = PTHREAD_MUTEX_INITIALIZER;

void calls_watch(const struct calls_hook *hook)
{
    calls_hook = hook;
}

void calls_path(int fd, char out[256])
{
    char link[40];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);

    ssize_t len = readlink(link, out, 255);

    out[len > 0 ? len : 0] = '\0';
}

/* The path that a call names, beside the directory that it is in. */
static void call_path(int dir, const char *name, char out[256])
{
    char above[256] = "";

    if (name[0] != '/') {
        if (dir == AT_FDCWD) {
            (void)!syscall(SYS_getcwd, above, sizeof(above));
        } else {
            calls_path(dir, above);
        }
    }
    (void)snprintf(out, 256, "%.120s%s%.120s", above,
                   above[0] != '\0' ? "/" : "", name);
}

/* ------------------------------------------------------- through the hook */

/* How to make a call; -1 with errno, as the kernel says it. */
typedef long call_make(const struct call *call, const void *more);

static long call_ask(struct call *call, call_make *make, const void *more)
{
    const struct calls_hook *hook = calls_hook;
    int failed = hook->before(hook->ctx, call);
    long made = call->kind == CALL_WRITE ? (long)call->len : 0;

    if (failed == 0) {
        made = make(call, more);
        failed = made < 0 ? errno : 0;
    }
    if (failed == CALL_SKIP) {
        return made;
    }
    if (call->kind == CALL_OPEN && failed == 0) {
        call->fd = (int)made;
    }
    hook->after(hook->ctx, call, failed);
    errno = failed != 0 ? failed : errno;
    return failed != 0 ? -1 : made;
}

static long call_do(struct call *call, call_make *make, const void *more)
{
    int before = errno;

    call->most = call->len;
    if (calls_hook == NULL) {
        return make(call, more);
    }
    pthread_mutex_lock(&calls_lock);
    errno = before;

    long made =
        calls_hook != NULL ? call_ask(call, make, more) : make(call, more);
    int failed = errno;

    pthread_mutex_unlock(&calls_lock);
    errno = failed;
    return made;
}

/* ---------------------------------------------------------------- writing */

static long make_write(const struct call *call, const void *more)
{
    const struct iovec *part = call->parts;
    size_t left = call->most;
    long made = 0;

    /* Part by part where it is cut short, else as one call. */
    if (call->most == call->len) {
        return more != NULL ? syscall(SYS_pwritev, call->fd, part,
                                      (long)call->part_count, (long)call->at, 0)
                            : syscall(SYS_writev, call->fd, part,
                                      (long)call->part_count);
    }
    for (; left > 0; part++) {
        size_t len = part->iov_len < left ? part->iov_len : left;
        long put = more != NULL
                       ? syscall(SYS_pwrite64, call->fd, part->iov_base, len,
                                 (long)call->at + made)
                       : syscall(SYS_write, call->fd, part->iov_base, len);

        if (put < 0) {
            return made > 0 ? made : -1;
        }
        made += put;
        left -= (size_t)put;
    }
    return made;
}

static ssize_t call_write(const char *name, int fd, const struct iovec *parts,
                          int count, const off_t *at)
{
    struct call call = {.kind = CALL_WRITE,
                        .name = name,
                        .fd = fd,
                        .parts = parts,
                        .part_count = count};

    if (calls_hook != NULL) {
        int before = errno;

        call.at = at != NULL ? *at : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
        call.through = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
        errno = before;
    } else if (at != NULL) {
        call.at = *at;
    }
    for (int i = 0; i < count; i++) {
        call.len += parts[i].iov_len;
    }
    return call_do(&call, make_write, at);
}

EXPORT ssize_t write(int fd, const void *bytes, size_t len)
{
    struct iovec part = {(void *)(uintptr_t)bytes, len};

    return call_write("write", fd, &part, 1, NULL);
}

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return call_write("writev", fd, parts, count, NULL);
}

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    struct iovec part = {(void *)(uintptr_t)bytes, len};

    return call_write("pwrite", fd, &part, 1, &at);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    return call_write("pwritev", fd, parts, count, &at);
}

EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    return pwrite(fd, bytes, len, at);
}

/* ------------------------------------------------------------- the length */

static long make_size(const struct call *call, const void *more)
{
    (void)more;
    return syscall(SYS_ftruncate, call->fd, (long)call->at);
}

EXPORT int ftruncate(int fd, off_t len)
{
    struct call call = {
        .kind = CALL_SIZE, .name = "ftruncate", .fd = fd, .at = len};

    return (int)call_do(&call, make_size, NULL);
}

EXPORT int ftruncate64(int fd, off64_t len)
{
    return ftruncate(fd, len);
}

static long make_reserve(const struct call *call, const void *more)
{
    const off_t *range = more;

    return syscall(SYS_fallocate, call->fd, (long)call->flags, range[0],
                   range[1]);
}

EXPORT int fallocate(int fd, int mode, off_t at, off_t len)
{
    off_t range[2] = {at, len};
    struct call call = {
        .kind = CALL_RESERVE, .name = "fallocate", .fd = fd, .flags = mode};

    return (int)call_do(&call, make_reserve, range);
}

EXPORT int fallocate64(int fd, int mode, off64_t at, off64_t len)
{
    return fallocate(fd, mode, at, len);
}

/* --------------------------------------------------------------- barriers */

static long make_sync(const struct call *call, const void *number)
{
    return syscall(*(const long *)number, call->fd);
}

EXPORT int fsync(int fd)
{
    static const long number = SYS_fsync;
    struct call call = {.kind = CALL_SYNC, .name = "fsync", .fd = fd};

    return (int)call_do(&call, make_sync, &number);
}

EXPORT int fdatasync(int fd)
{
    static const long number = SYS_fdatasync;
    struct call call = {.kind = CALL_SYNC, .name = "fdatasync", .fd = fd};

    return (int)call_do(&call, make_sync, &number);
}

/* ------------------------------------------------------------------ names */

struct names { /* as the caller gave them */
    int dir, to_dir;
    const char *path, *to;
    int flags;
    mode_t mode;
};

static long make_open(const struct call *call, const void *more)
{
    const struct names *n = more;

    (void)call;
    return syscall(SYS_openat, n->dir, n->path, (long)n->flags, (long)n->mode);
}

static int call_open(const char *name, const struct names *n)
{
    struct call call = {
        .kind = CALL_OPEN, .name = name, .fd = -1, .flags = n->flags};

    if (calls_hook != NULL) {
        call_path(n->dir, n->path, call.path);
    }
    return (int)call_do(&call, make_open, n);
}

#define TAKE_MODE(flags, mode) /* open takes one where it may make a file */   \
    do {                                                                       \
        if (((flags) & (O_CREAT | O_TMPFILE)) != 0) {                          \
            va_list args;                                                      \
                                                                               \
            va_start(args, flags);                                             \
            (mode) = va_arg(args, mode_t);                                     \
            va_end(args);                                                      \
        }                                                                      \
    } while (0)

EXPORT int open(const char *path, int flags, ...)
{
    struct names n = {.dir = AT_FDCWD, .path = path, .flags = flags};

    TAKE_MODE(flags, n.mode);
    return call_open("open", &n);
}

EXPORT int open64(const char *path, int flags, ...)
{
    struct names n = {.dir = AT_FDCWD, .path = path, .flags = flags};

    TAKE_MODE(flags, n.mode);
    return call_open("open", &n);
}

EXPORT int openat(int dir, const char *path, int flags, ...)
{
    struct names n = {.dir = dir, .path = path, .flags = flags};

    TAKE_MODE(flags, n.mode);
    return call_open("openat", &n);
}

EXPORT int openat64(int dir, const char *path, int flags, ...)
{
    struct names n = {.dir = dir, .path = path, .flags = flags};

    TAKE_MODE(flags, n.mode);
    return call_open("openat", &n);
}

static long make_rename(const struct call *call, const void *more)
{
    const struct names *n = more;

    (void)call;
    return syscall(SYS_renameat2, n->dir, n->path, n->to_dir, n->to,
                   (long)n->flags);
}

static int call_rename(const struct names *n)
{
    struct call call = {
        .kind = CALL_RENAME, .name = "rename", .fd = -1, .flags = n->flags};

    if (calls_hook != NULL) {
        call_path(n->dir, n->path, call.path);
        call_path(n->to_dir, n->to, call.to);
    }
    return (int)call_do(&call, make_rename, n);
}

EXPORT int rename(const char *path, const char *to)
{
    struct names n = {AT_FDCWD, AT_FDCWD, path, to, 0, 0};

    return call_rename(&n);
}

EXPORT int renameat(int dir, const char *path, int to_dir, const char *to)
{
    struct names n = {dir, to_dir, path, to, 0, 0};

    return call_rename(&n);
}

EXPORT int renameat2(int dir, const char *path, int to_dir, const char *to,
                     unsigned flags)
{
    struct names n = {dir, to_dir, path, to, (int)flags, 0};

    return call_rename(&n);
}

static long make_remove(const struct call *call, const void *more)
{
    const struct names *n = more;

    (void)call;
    return syscall(SYS_unlinkat, n->dir, n->path, (long)n->flags);
}

static int call_remove(const char *name, const struct names *n)
{
    struct call call = {.kind = CALL_REMOVE, .name = name, .fd = -1};

    if (calls_hook != NULL) {
        call_path(n->dir, n->path, call.path);
    }
    return (int)call_do(&call, make_remove, n);
}

EXPORT int unlink(const char *path)
{
    struct names n = {.dir = AT_FDCWD, .path = path};

    return call_remove("unlink", &n);
}

EXPORT int unlinkat(int dir, const char *path, int flags)
{
    struct names n = {.dir = dir, .path = path, .flags = flags};

    return call_remove("unlinkat", &n);
}

EXPORT int rmdir(const char *path)
{
    struct names n = {.dir = AT_FDCWD, .path = path, .flags = AT_REMOVEDIR};

    return call_remove("rmdir", &n);
}

static long make_directory(const struct call *call, const void *more)
{
    const struct names *n = more;

    (void)call;
    return syscall(SYS_mkdirat, n->dir, n->path, (long)n->mode);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
    struct names n = {.dir = AT_FDCWD, .path = path, .mode = mode};
    struct call call = {.kind = CALL_DIRECTORY, .name = "mkdir", .fd = -1};

    if (calls_hook != NULL) {
        call_path(n.dir, n.path, call.path);
    }
    return (int)call_do(&call, make_directory, &n);
}
