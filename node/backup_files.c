/* backup_files.c: files and directories of backups. What is written is on disk
 * before anything says that it is there. */
#include "node/backup.h"

#include "core/store_dir.h"
#include "node/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_PIECE ((size_t)1 << 18)

static int files_error(int number)
{
    return number == EEXIST || number == ENOTEMPTY ? COVE_EEXIST
                                                   : cove_store_errno(number);
}

bool backup_path(char out[BACKUP_PATH], const char *dir, const char *name)
{
    return snprintf(out, BACKUP_PATH, "%s/%s", dir, name) < BACKUP_PATH;
}

int backup_place(struct admin *a, const char *key, const char **out)
{
    const char *text = NULL;
    char *copy;
    int err = admin_text(a, key, &text);
    size_t len;

    err = err != 0 ? err : admin_need(a, key, text);
    if (err != 0) {
        return err;
    }
    copy = cove_arena_printf(&a->arena, "%s", text);
    if (copy == NULL) {
        return COVE_ENOMEM;
    }
    len = strlen(copy);
    while (len > 1 && copy[len - 1] == '/') {
        copy[--len] = '\0';
    }
    *out = copy;
    return len > 0 ? 0
                   : cove_fail(&a->diag, COVE_EUSAGE, "\"%s\" is empty", key);
}

bool backup_exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* --- reading and copying */

/* Read to the end; to: -1, or where it is written as well. */
static int files_pass(int from, int to, uint8_t *piece, struct cove_hash *hash,
                      uint64_t *bytes)
{
    struct cove_hasher hasher;
    uint64_t all = 0;

    cove_hasher_init(&hasher, "cove/backup");
    for (;;) {
        ssize_t got = read(from, piece, FILES_PIECE);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return files_error(errno);
        }
        if (got == 0) {
            break;
        }
        cove_hasher_add(&hasher, cove_bytes(piece, (size_t)got));
        all += (uint64_t)got;

        int err = to < 0 ? 0 : dump_write(to, cove_bytes(piece, (size_t)got));

        if (err != 0) {
            return err;
        }
    }
    *hash = cove_hasher_end(&hasher);
    *bytes = all;
    return 0;
}

int backup_hash(const struct cove_alloc *alloc, const char *path,
                struct cove_hash *hash, uint64_t *bytes)
{
    uint8_t *piece = cove_alloc_new(alloc, FILES_PIECE);
    int fd = piece == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    int err = piece == NULL ? COVE_ENOMEM
              : fd < 0      ? files_error(errno)
                            : files_pass(fd, -1, piece, hash, bytes);

    if (fd >= 0) {
        close(fd);
    }
    cove_alloc_free(alloc, piece);
    return err;
}

static int files_copy(int from, const char *to, uint8_t *piece,
                      struct cove_hash *hash, uint64_t *bytes)
{
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int err =
        fd < 0 ? files_error(errno) : files_pass(from, fd, piece, hash, bytes);

    if (err == 0 && fsync(fd) != 0) {
        err = files_error(errno);
    }
    if (fd >= 0 && close(fd) != 0 && err == 0) {
        err = files_error(errno);
    }
    return err;
}

int backup_copy_file(const struct cove_alloc *alloc, const char *from,
                     const char *to, struct cove_hash *hash, uint64_t *bytes)
{
    uint8_t *piece = cove_alloc_new(alloc, FILES_PIECE);
    int fd = piece == NULL ? -1 : open(from, O_RDONLY | O_CLOEXEC);
    int err = piece == NULL ? COVE_ENOMEM
              : fd < 0      ? files_error(errno)
                            : files_copy(fd, to, piece, hash, bytes);

    if (fd >= 0) {
        close(fd);
    }
    if (piece != NULL) {
        cove_crypto_wipe(piece, FILES_PIECE); /* it may have been a key */
    }
    cove_alloc_free(alloc, piece);
    return err;
}

/* --- directories */

int backup_sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = 0;

    /* One may write to a place that one cannot list. */
    if (fd >= 0) {
        err = fsync(fd) == 0 ? 0 : files_error(errno);
        close(fd);
    }
    return err;
}

int backup_sync_above(const char *path)
{
    char above[BACKUP_PATH];
    size_t len = strlen(path);

    if (len >= sizeof(above)) {
        return COVE_ELIMIT;
    }
    memcpy(above, path, len + 1);
    while (len > 1 && above[len - 1] == '/') {
        above[--len] = '\0';
    }
    while (len > 0 && above[len - 1] != '/') {
        above[--len] = '\0';
    }
    return backup_sync_dir(len == 0 ? "." : above);
}

int backup_rename(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return files_error(errno);
    }
    /* A file system that cannot: a directory takes no place but an empty
     * directory's all the same. */
    if (backup_exists(to)) {
        return COVE_EEXIST;
    }
    return rename(from, to) == 0 ? 0 : files_error(errno);
}

void backup_undo(const char *dir)
{
    static const char *const files[] = {
        BACKUP_DATA,     BACKUP_DATA BACKUP_PART, BACKUP_KEY, BACKUP_KEY ".new",
        BACKUP_MANIFEST, BACKUP_MANIFEST ".new",  "lock.mdb", "open.lock"};

    for (size_t i = 0; i < COVE_ARRAY_LEN(files); i++) {
        char path[BACKUP_PATH];

        if (backup_path(path, dir, files[i])) {
            (void)unlink(path);
        }
    }
    (void)rmdir(dir);
}
