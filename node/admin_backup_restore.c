/* admin_backup_restore.c: backup.restore: a backup as a store again.
 *
 *     TO.restore/     the copy, whole and verified
 *     TO/             what was there changes places with it in one step …
 *     TO.replaced-…/  … and is kept under the moment's name
 *
 * The copy has no side file with the nonce, so opening it begins a session and
 * a history of sequence numbers of its own: what the lost store had sent stays
 * what it was, and comes back from peers.
 */
#include "node/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RESTORE_PART ".restore"

struct backup_restore {
    struct admin *a;
    const char *from, *to;
    char part[BACKUP_PATH], old[BACKUP_PATH];
    bool replace;  /* by consent */
    bool replaces; /* there is a store at `to` */
    bool verified; /* each signature; else it is byte for byte as it was made */
    int hold;      /* of the store that is replaced; -1 */
    uint64_t bytes;
    struct backup_manifest made; /* time_ms 0: there is none */
};

/* ------------------------------------------------------------------ the place
 */

static bool place_is_empty(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *one;
    bool empty = dir != NULL;

    while (empty && (one = readdir(dir)) != NULL) {
        empty = strcmp(one->d_name, ".") == 0 || strcmp(one->d_name, "..") == 0;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return empty;
}

/* The name that what is there gets, which says when that was. */
static int place_old(struct backup_restore *r)
{
    const struct cove_env *env = r->a->store->env;
    time_t now = (time_t)(env->now_ms(env->ctx) / 1000);
    char stamp[32];
    struct tm tm;

    if (gmtime_r(&now, &tm) == NULL ||
        strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm) == 0) {
        snprintf(stamp, sizeof(stamp), "%lld", (long long)now);
    }
    for (int n = 0; n < 100; n++) {
        char more[8] = "";

        if (n > 0) {
            snprintf(more, sizeof(more), "-%d", n);
        }
        if (snprintf(r->old, sizeof(r->old), "%s.replaced-%s%s", r->to, stamp,
                     more) >= (int)sizeof(r->old)) {
            return COVE_ELIMIT;
        }
        if (!backup_exists(r->old)) {
            return 0;
        }
    }
    return COVE_EEXIST;
}

static int place_store(struct backup_restore *r)
{
    int err = place_old(r);

    if (err == 0 && !r->replace) {
        err = cove_fail(&r->a->diag, COVE_EDESTRUCTIVE,
                        "%s: there is a store; -y puts the backup in its "
                        "place, and keeps what is there as %s; or name a new "
                        "directory with --to",
                        r->to, r->old);
    }
    r->replaces = true;
    return err != 0 ? err : cove_store_hold(r->to, &r->hold, &r->a->diag);
}

static int place_check(struct backup_restore *r)
{
    char data[BACKUP_PATH];

    if (strlen(r->to) + sizeof(RESTORE_PART) > sizeof(r->part)) {
        return cove_fail(&r->a->diag, COVE_EUSAGE,
                         "\"to\" is no directory's name");
    }
    snprintf(r->part, sizeof(r->part), "%s" RESTORE_PART, r->to);
    if (backup_exists(r->part)) {
        return cove_fail(&r->a->diag, COVE_EEXIST,
                         "%s: is what a restore left that did not come to its "
                         "end; look into it, and remove it",
                         r->part);
    }
    if (!backup_exists(r->to) || place_is_empty(r->to)) {
        return 0;
    }
    if (backup_path(data, r->to, BACKUP_DATA) && backup_exists(data)) {
        return place_store(r);
    }
    return cove_fail(&r->a->diag, COVE_EEXIST,
                     "%s: holds something that is no store, and nothing is "
                     "written over; name a new directory",
                     r->to);
}

/* A backup is not restored from or to itself. */
static int place_from(struct backup_restore *r)
{
    char data[BACKUP_PATH], from[PATH_MAX], to[PATH_MAX];

    if (!backup_path(data, r->from, BACKUP_DATA) || !backup_exists(data)) {
        return cove_fail(&r->a->diag, COVE_ENOTFOUND,
                         "%s: is no backup; `cove backup list` has those that "
                         "were made, `cove backup list DIR` those that lie in "
                         "a directory",
                         r->from);
    }
    if (realpath(r->from, from) != NULL && realpath(r->to, to) != NULL &&
        strcmp(from, to) == 0) {
        return cove_fail(&r->a->diag, COVE_EUSAGE,
                         "%s: is the backup itself; it opens as it is, or name "
                         "another directory",
                         r->to);
    }
    return 0;
}

/* ------------------------------------------------------------------- the copy
 */

static void copy_damage(void *ctx, const struct cove_id *id, const char *why)
{
    struct backup_restore *r = ctx;
    char text[COVE_ID_TEXT_MAX] = "the store";

    if (id != NULL) {
        cove_id_text(id, text);
    }
    cove_fail(&r->a->diag, COVE_ECORRUPT,
              "%s: is damaged: %s: %s; `cove backup verify` has all of it; "
              "restore another, or copy this one and run `cove recover` on the "
              "copy",
              r->from, text, why);
}

/* What is not byte for byte as it was made may have been opened since, and be
 * as good: all of it is verified. */
static int copy_verify(struct backup_restore *r)
{
    struct node_survey s = {
        .arena = &r->a->arena, .verify = true, .damage = copy_damage, .ctx = r};
    struct cove_secret secret;
    struct cove_key device;
    int err = backup_key(r->part, &secret, &device, &r->a->diag);

    if (err == 0) {
        err = node_survey_dir(r->a->store, r->part, &secret, &device, &s,
                              &r->a->diag);
        cove_crypto_wipe(&secret, sizeof(secret));
    }
    r->verified = err == 0;
    return err == 0 && s.damaged > 0 ? COVE_ECORRUPT : err;
}

static int copy_one(struct backup_restore *r, const char *name,
                    struct cove_hash *hash, uint64_t *bytes)
{
    char from[BACKUP_PATH], to[BACKUP_PATH];
    int err = backup_path(from, r->from, name) && backup_path(to, r->part, name)
                  ? backup_copy_file(r->a->store->alloc, from, to, hash, bytes)
                  : COVE_ELIMIT;

    return err == 0 ? 0
                    : cove_fail(&r->a->diag, err,
                                "%s/%s: cannot be copied to %s: %s; nothing "
                                "was left there",
                                r->from, name, r->part, cove_error_text(err));
}

static int copy_all(struct backup_restore *r)
{
    struct cove_hash hash, key;
    uint64_t bytes;
    int err =
        mkdir(r->part, 0700) == 0
            ? 0
            : cove_fail(&r->a->diag,
                        errno == ENOENT   ? COVE_ENOTFOUND
                        : errno == EACCES ? COVE_EACCES
                                          : COVE_EIO,
                        "%s: cannot be made: %s", r->part, strerror(errno));

    err = err != 0 ? err : copy_one(r, BACKUP_KEY, &key, &bytes);
    err = err != 0 ? err : copy_one(r, BACKUP_DATA, &hash, &r->bytes);
    if (err == 0 &&
        (backup_manifest_read(&r->a->arena, r->from, &r->made) != 0 ||
         memcmp(hash.b, r->made.hash.b, sizeof(hash.b)) != 0)) {
        err = copy_verify(r);
    }
    return err != 0 ? err : backup_sync_dir(r->part);
}

/* ------------------------------------------------------------------- in place
 */

/* The two change places in one step, so that there is a store of that name at
 * any moment; where the file system cannot, one after the other. */
static int place_replace(struct backup_restore *r)
{
    int err = 0;

    if (renameat2(AT_FDCWD, r->part, AT_FDCWD, r->to, RENAME_EXCHANGE) == 0) {
        err = backup_rename(r->part, r->old);
        return err != 0 ? err : backup_sync_above(r->to);
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return COVE_EIO;
    }
    err = backup_rename(r->to, r->old);
    if (err == 0) {
        err = backup_rename(r->part, r->to);
        if (err != 0) {
            (void)rename(r->old, r->to);
        }
    }
    return err != 0 ? err : backup_sync_above(r->to);
}

static int place_take(struct backup_restore *r)
{
    int err;

    if (r->replaces) {
        err = place_replace(r);
    } else {
        /* An empty directory gives its place up. */
        err = rename(r->part, r->to) == 0 ? backup_sync_above(r->to) : COVE_EIO;
    }
    return err == 0 ? 0
                    : cove_fail(&r->a->diag, err,
                                "%s: cannot take the place of %s: %s; the copy "
                                "is whole and was left there",
                                r->part, r->to, cove_error_text(err));
}

/* The store that was copied could not know of this copy yet. */
static void restore_note(struct backup_restore *r, struct cove *store)
{
    char whole[PATH_MAX];
    struct backup_note note = {.time_ms = r->made.time_ms,
                               .sequence = r->made.sequence,
                               .documents = r->made.documents,
                               .bytes = r->made.bytes,
                               .hash = r->made.hash};

    if (r->made.time_ms != 0 && realpath(r->from, whole) != NULL) {
        note.path = cove_bytes_text(whole);
        (void)backup_note(store, &note); /* it is no worse without */
    }
}

/* Opened once, so that its own session begins here, and what does not open is
 * known now. */
static int restore_open(struct backup_restore *r)
{
    struct cove_options options = {.size = sizeof(options),
                                   .flags = COVE_OPEN_NO_BACKUP};
    struct cove *store = NULL;
    struct node_json *j = &r->a->reply;
    uint8_t key[32];
    int err = cove_open(r->to, &options, &store);

    if (err != 0) {
        err = cove_fail(&r->a->diag, err, "%s", cove_errmsg(store));
    } else {
        memcpy(key, cove_device(store).b, sizeof(key));
        node_json_key(j, "device");
        node_json_hex(j, key, sizeof(key));
        restore_note(r, store);
    }
    cove_close(store);
    return err;
}

static int restore_run(struct backup_restore *r)
{
    struct node_json *j = &r->a->reply;
    int err = place_from(r);

    err = err != 0 ? err : place_check(r);
    if (err != 0) {
        return err;
    }
    err = copy_all(r);
    if (err != 0) {
        backup_undo(r->part);
        return err;
    }
    err = place_take(r);
    if (r->hold >= 0) { /* it has another name now */
        cove_store_let(r->hold);
        r->hold = -1;
    }
    err = err != 0 ? err : restore_open(r);
    if (err == 0) {
        node_json_key(j, "path");
        node_json_cstr(j, r->from);
        node_json_key(j, "to");
        node_json_cstr(j, r->to);
        node_json_key(j, "bytes");
        node_json_int(j, (int64_t)r->bytes);
        node_json_key(j, "verified");
        node_json_bool(j, r->verified);
    }
    if (err == 0 && r->replaces) {
        node_json_key(j, "replaced");
        node_json_cstr(j, r->old);
    }
    return err;
}

static int verb_backup_restore(struct admin *a)
{
    struct backup_restore *r = cove_arena_new(&a->arena, sizeof(*r));
    int err = r == NULL ? COVE_ENOMEM : backup_place(a, "path", &r->from);

    if (err != 0) {
        return err;
    }
    r->a = a;
    r->hold = -1;
    err = backup_place(a, "to", &r->to);
    err = err != 0 ? err : admin_flag(a, "yes", &r->replace);
    err = err != 0 ? err : restore_run(r);
    if (r->hold >= 0) {
        cove_store_let(r->hold);
    }
    return err;
}

const struct admin_verb admin_backup_restore_verbs[] = {
    {"backup.restore", "path to yes", verb_backup_restore},
    {NULL, NULL, NULL},
};
