/* backup_schema.c: a backup of one schema: a dump of its documents, exactly as
 * they were signed, and of what they need. */
#include "node/backup.h"

#include "node/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int schema_fail(const char *path, int err, struct cove_diag *diag)
{
    return cove_fail(diag, err, "%s: the backup failed: %s; nothing was left",
                     path, cove_error_text(err));
}

static int schema_write(struct admin *a, const char *part, const char *schema,
                        struct dump_made *made)
{
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int err = fd >= 0           ? dump_schema(a, fd, schema, made)
              : errno == EEXIST ? COVE_EEXIST
              : errno == ENOENT ? COVE_ENOTFOUND
              : errno == EACCES ? COVE_EACCES
                                : COVE_EIO;

    if (err == 0 && fsync(fd) != 0) {
        err = COVE_EIO;
    }
    if (fd >= 0 && close(fd) != 0 && err == 0) {
        err = COVE_EIO;
    }
    if (fd >= 0 && err != 0) {
        (void)unlink(part);
    }
    return err;
}

int backup_schema(struct admin *a, const char *path, const char *schema,
                  struct backup_note *out)
{
    const struct cove_env *env = a->store->env;
    struct dump_made made = {0};
    char part[BACKUP_PATH];
    int err;

    if (strlen(path) + sizeof(BACKUP_PART) > sizeof(part)) {
        return COVE_ELIMIT;
    }
    snprintf(part, sizeof(part), "%s" BACKUP_PART, path);
    if (backup_exists(path) || backup_exists(part)) {
        return cove_fail(&a->diag, COVE_EEXIST,
                         "%s: is there already, and a backup never writes over "
                         "anything; name a new file",
                         backup_exists(path) ? path : part);
    }
    err = schema_write(a, part, schema, &made);
    if (err == 0) {
        err = backup_rename(part, path);
        if (err != 0) {
            (void)unlink(part);
        }
    }
    err = err != 0 ? err : backup_sync_above(path);
    if (err != 0) {
        return schema_fail(path, err, &a->diag);
    }
    out->time_ms = env->now_ms(env->ctx);
    out->schema = cove_bytes_text(schema);
    out->sequence = made.sequence;
    out->documents = made.documents;
    out->bytes = made.bytes;
    out->hash = made.sum;
    return 0;
}
