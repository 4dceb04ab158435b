/* backup_make.c: one copy of the store.
 *
 *     PATH.part/   data.mdb, copied while others write
 *                  device.key
 *                  backup.json, from what the copy holds
 *     PATH/        the same, once all of it is on disk
 *
 * What a crash leaves is called PATH.part, and says so to the next one.
 */
#include "node/backup.h"

#include "crdt/repo_upkeep.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define MAKE_SEED ((size_t)32)

int backup_key(const char *dir, struct cove_secret *secret,
               struct cove_key *device, struct cove_diag *diag)
{
    uint8_t seed[MAKE_SEED];
    char path[BACKUP_PATH];
    char text[MAKE_SEED * 2 + 2] = {0};
    size_t len = 0;
    int err = backup_path(path, dir, BACKUP_KEY)
                  ? node_file_read(path, text, sizeof(text) - 1, &len)
                  : COVE_ELIMIT;

    if (err == 0) {
        text[MAKE_SEED * 2] = '\0';
        err = cove_hex_parse(text, seed, sizeof(seed));
    }
    if (err == 0) {
        cove_key_of_seed(seed, secret, device);
    }
    cove_crypto_wipe(seed, sizeof(seed));
    cove_crypto_wipe(text, sizeof(text));
    return err == 0 ? 0
                    : cove_fail(diag, COVE_EACCES,
                                "%s/" BACKUP_KEY ": the device key cannot be "
                                "read: %s; without it nobody can open the "
                                "store: put it there from another backup",
                                dir, cove_error_text(err));
}

/* --- where */

/* A backup in the directory of its own store would go with it. */
static bool place_inside(const char *store, const char *path)
{
    char above[BACKUP_PATH], here[PATH_MAX], there[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);

    if (len >= sizeof(above) || realpath(store, here) == NULL) {
        return false;
    }
    memcpy(above, path, len);
    above[len] = '\0';
    if (realpath(slash == NULL ? "." : len == 0 ? "/" : above, there) == NULL) {
        return false;
    }
    len = strlen(here);
    return strncmp(here, there, len) == 0 &&
           (there[len] == '\0' || there[len] == '/');
}

static int place_check(const struct cove *store, const char *path,
                       const char *part, struct cove_diag *diag)
{
    if (backup_exists(path)) {
        return cove_fail(diag, COVE_EEXIST,
                         "%s: is there already, and a copy never writes over "
                         "anything; name a new directory",
                         path);
    }
    if (backup_exists(part)) {
        return cove_fail(diag, COVE_EEXIST,
                         "%s: is what a backup left that did not come to its "
                         "end, or one that another process makes now; remove "
                         "it, or name another directory",
                         part);
    }
    if (place_inside(store->dir, path)) {
        return cove_fail(diag, COVE_EUSAGE,
                         "%s: lies in the store's own directory, and would go "
                         "with it; name one elsewhere, on another disk best",
                         path);
    }
    return 0;
}

/* --- what was copied */

static int make_survey(struct cove *store, const char *part,
                       struct node_survey *s, struct backup_manifest *m,
                       struct cove_diag *diag)
{
    int err =
        node_survey_dir(store, part, &store->secret, &store->device, s, diag);

    if (err == 0) {
        m->surveyed = true;
        m->sequence = s->sequence;
        m->documents = s->documents;
        m->local = s->local;
        m->sessions = s->sessions;
        m->transactions = s->transactions;
        m->digest = node_digests_all(&s->digests);
    }
    return err;
}

/* The manifest of what lies in the directory. */
static int make_manifest(struct cove *store, const char *part, bool survey,
                         struct backup_manifest *m, struct cove_diag *diag)
{
    char data[BACKUP_PATH];
    struct cove_arena arena;
    struct node_survey s = {.arena = &arena};
    int err = 0;

    cove_arena_init(&arena, store->alloc);
    if (survey) {
        err = make_survey(store, part, &s, m, diag);
    }
    if (err == 0) {
        err = backup_path(data, part, BACKUP_DATA)
                  ? backup_hash(store->alloc, data, &m->hash, &m->bytes)
                  : COVE_ELIMIT;
    }
    if (err == 0) {
        err = backup_manifest_write(store->alloc, part, m,
                                    survey ? &s.digests : NULL);
    }
    cove_arena_clear(&arena);
    return err;
}

static int make_settle(const char *part, const char *path)
{
    int err = backup_sync_dir(part);

    if (err == 0) {
        err = backup_rename(part, path);
    }
    if (err != 0) {
        return err;
    }
    err = backup_sync_above(path);
    if (err != 0) { /* its name may not last: it was not made */
        backup_undo(path);
    }
    return err;
}

static int make_part(struct cove *store, const char *part, bool survey,
                     struct backup_manifest *m, struct cove_diag *diag)
{
    int err = cove_store_copy(store->store, part, diag);

    if (err != 0) {
        return err;
    }
    err = node_key_copy(store, part, diag);
    return err != 0 ? err : make_manifest(store, part, survey, m, diag);
}

static int make_all(struct cove *store, const char *path, const char *part,
                    bool survey, struct backup_manifest *m,
                    struct cove_diag *diag)
{
    struct cove_repo_peek peek;
    int err = cove_repo_peek(store->store, &peek);

    if (err != 0) {
        return err;
    }
    m->format = peek.format;
    m->sequence = peek.sequence;
    memcpy(m->store_id, peek.store_id, sizeof(m->store_id));
    m->time_ms = store->env->now_ms(store->env->ctx);
    m->device = store->device;
    err = make_part(store, part, survey, m, diag);
    if (err == 0) {
        err = make_settle(part, path);
    }
    if (err != 0) {
        backup_undo(part);
        return cove_fail(diag, err,
                         "%s: the backup failed: %s; nothing was left there",
                         path, cove_error_text(err));
    }
    return 0;
}

int backup_make(struct cove *store, const char *path, bool survey,
                struct backup_manifest *out, struct cove_diag *diag)
{
    struct backup_manifest m = {0};
    char part[BACKUP_PATH];
    int err = store->dir == NULL
                  ? cove_fail(diag, COVE_EUNSUPPORTED,
                              "a store in memory is not copied; open one in a "
                              "directory")
              : strlen(path) + sizeof(BACKUP_PART) > sizeof(part) ? COVE_ELIMIT
                                                                  : 0;

    if (err != 0) {
        return err;
    }
    snprintf(part, sizeof(part), "%s" BACKUP_PART, path);
    err = place_check(store, path, part, diag);
    if (err != 0) {
        return err;
    }
    err = node_hold(store);
    if (err != 0) {
        return err;
    }
    err = make_all(store, path, part, survey, &m, diag);
    node_let(store);
    if (err == 0) {
        *out = m;
    }
    return err;
}
