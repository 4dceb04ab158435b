/* store_hold.c: keeping others from opening a store while its directory is put
 * elsewhere. Who has a store open locks one byte of open.lock (store_dir.h):
 * to lock them all is to be alone, and whoever comes meanwhile is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/store_dir.h"

#define HOLD_FILE "open.lock"

int cove_store_hold(const char *path, int *hold, struct cove_diag *diag)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = dir < 0 ? -1
                     : openat(dir, HOLD_FILE,
                              O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int number = errno;

    if (dir >= 0) {
        close(dir);
    }
    if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0) {
        *hold = fd;
        return 0;
    }
    if (fd < 0) {
        return cove_fail(diag, cove_store_errno(number),
                         "%s: cannot lock the store: %s; run as the user that "
                         "owns it",
                         path, strerror(number));
    }
    /* The byte that is locked is the number of who has it open. */
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) {
        lock.l_start = 0;
    }
    close(fd);
    return cove_fail(diag, COVE_EBUSY,
                     "%s: process %lld has the store open; stop it first", path,
                     (long long)lock.l_start);
}

void cove_store_let(int hold)
{
    close(hold);
}
