/* calls.h: the system calls by which a program changes a disk, in the hands of
 * a test.
 *
 * calls.c defines them under the names of libc, so that whatever is linked
 * with it, LMDB in its shared library too, comes through here. Each call is
 * shown to a hook before it is made, and again when it was made; the hook may
 * let it fail, cut a write short, say that it was made when it was not, or
 * end the process. Without a hook they are what they always are.
 *
 * Not seen: changes of mapped memory. Cove maps its store for reading only;
 * LMDB's table of readers is written that way, but means nothing after a boot.
 */
#ifndef COVE_TESTS_CALLS_H
#define COVE_TESTS_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

enum call_kind {
    CALL_OPEN,     /* path, flags; fd afterwards */
    CALL_WRITE,    /* fd, at, parts; through: on disk when it returns */
    CALL_SIZE,     /* fd, at: the new length of the file */
    CALL_RESERVE,  /* fd: room that is asked for */
    CALL_SYNC,     /* fd */
    CALL_RENAME,   /* path, to; flags as of renameat2 */
    CALL_REMOVE,   /* path: a file or a directory */
    CALL_DIRECTORY /* path: it is made */
};

struct call {
    enum call_kind kind;
    const char *name; /* libc's */
    int fd;
    int flags;
    bool through;
    off_t at;
    const struct iovec *parts;
    int part_count;
    size_t len;  /* of all parts */
    size_t most; /* a hook may make it less than len: a write cut short */
    char path[256];
    char to[256];
};

#define CALL_SKIP (-1) /* say that it was made, and make it not */

struct calls_hook {
    /* 0, CALL_SKIP, or the errno to fail with. */
    int (*before)(void *ctx, struct call *call);
    /* The call was made; `failed` is an errno, or 0. */
    void (*after)(void *ctx, const struct call *call, int failed);
    void *ctx;
};

/* Take calls from here on; NULL: let them pass. One hook at a time, and calls
 * of all threads one after the other. A forked child keeps the hook. */
void calls_watch(const struct calls_hook *hook);
/* The absolute path of an open file; "" where it has none. */
void calls_path(int fd, char out[256]);

#endif
