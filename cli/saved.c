/* saved.c: a file of bytes, written beside its place and then put there. */
#include "cli/covalue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int saved_failed(const struct cli_saved *saved)
{
    return cli_fail(CLI_ERROR, "%s: cannot be written: %s", saved->path,
                    strerror(errno));
}

static int saved_taken(const char *path)
{
    return cli_fail(CLI_DESTRUCTIVE, "%s is there already; -y writes over it",
                    path);
}

int cli_saved_open(struct cli_saved *saved, const char *path, bool over)
{
    struct stat st;

    *saved = (struct cli_saved){.path = path, .fd = -1};
    if (stat(path, &st) == 0) {
        if (!S_ISREG(st.st_mode)) {
            return cli_fail(CLI_USAGE,
                            S_ISDIR(st.st_mode)
                                ? "%s is a directory: name a file in it"
                                : "%s is no plain file: name another",
                            path);
        }
        if (!over) {
            return saved_taken(path);
        }
    }
    if (asprintf(&saved->beside, "%s.%ld.part", path, (long)getpid()) < 0) {
        saved->beside = NULL;
        return cli_fail(CLI_ERROR, "out of memory");
    }
    saved->fd =
        open(saved->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return saved->fd >= 0 ? CLI_OK : saved_failed(saved);
}

int cli_saved_write(struct cli_saved *saved, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = write(saved->fd, at, len);

        if (n < 0 && errno != EINTR) {
            return saved_failed(saved);
        }
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return CLI_OK;
}

/* In its place; one that another wrote there meanwhile stays. */
static int saved_place(const struct cli_saved *saved, bool over)
{
    if (over) {
        return rename(saved->beside, saved->path) == 0 ? CLI_OK
                                                       : saved_failed(saved);
    }
    if (link(saved->beside, saved->path) != 0) {
        return errno == EEXIST ? saved_taken(saved->path) : saved_failed(saved);
    }
    unlink(saved->beside);
    return CLI_OK;
}

int cli_saved_end(struct cli_saved *saved, bool over, int code)
{
    if (code == CLI_OK && fsync(saved->fd) != 0 && errno != EINVAL) {
        code = saved_failed(saved);
    }
    if (saved->fd >= 0 && close(saved->fd) != 0 && code == CLI_OK) {
        code = saved_failed(saved);
    }
    code = code == CLI_OK ? saved_place(saved, over) : code;
    if (code != CLI_OK && saved->beside != NULL) {
        unlink(saved->beside);
    }
    free(saved->beside);
    return code;
}
