/* upgrade.c: a store of a former format is copied before it is taken over.
 *
 *     DIR                          format 3; the number alone is written anew,
 *                                  in one commit, once the copy is whole
 *     DIR.format-3-backup          the copy, with its manifest (backup.h)
 *     DIR.format-3-backup-2 …      of another past of the store, if there is
 * one
 *
 * What a crash leaves is the former store, or the new one with the copy beside
 * it. A copy of just this state is not made twice, so a crash between the two
 * costs nothing; two processes that open it at once make one each, and the one
 * that is later throws its own away.
 */
#include "node/upgrade.h"

#include "crdt/repo_upkeep.h"
#include "node/backup.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UPGRADE_NAMES 100

/* Is this a copy of the store as it is? */
static bool upgrade_has(const struct cove *store, const char *path,
                        const struct cove_repo_peek *peek)
{
    struct backup_manifest m = {0};
    struct cove_arena arena;
    int err;

    cove_arena_init(&arena, store->alloc);
    err = backup_manifest_read(&arena, path, &m);
    cove_arena_clear(&arena);
    return err == 0 && m.format == peek->format &&
           m.sequence == peek->sequence &&
           memcmp(m.store_id, peek->store_id, sizeof(m.store_id)) == 0;
}

/* Give the copy its name, or throw it away where there is one. */
static int upgrade_name(struct cove *store, const char *made,
                        const struct cove_repo_peek *peek,
                        char out[BACKUP_PATH])
{
    char dir[PATH_MAX];

    if (realpath(store->dir, dir) == NULL) {
        return COVE_EIO;
    }
    for (int n = 1; n < UPGRADE_NAMES; n++) {
        char more[8] = "";
        int err;

        if (n > 1) {
            snprintf(more, sizeof(more), "-%d", n);
        }
        if (snprintf(out, BACKUP_PATH, "%s.format-%llu-backup%s", dir,
                     (unsigned long long)peek->format, more) >= BACKUP_PATH) {
            return COVE_ELIMIT;
        }
        if (upgrade_has(store, out, peek)) {
            if (made != NULL) {
                backup_undo(made);
            }
            return 0;
        }
        err = made == NULL         ? COVE_EEXIST
              : backup_exists(out) ? COVE_EEXIST
                                   : backup_rename(made, out);
        if (err == 0) {
            return backup_sync_above(out);
        }
        if (err != COVE_EEXIST) {
            return err;
        }
    }
    return COVE_EEXIST;
}

static int upgrade_copy(struct cove *store, const struct cove_repo_peek *peek,
                        char out[BACKUP_PATH], struct cove_diag *why)
{
    char made[BACKUP_PATH], dir[PATH_MAX];
    struct backup_manifest m = {0};
    struct cove_repo_peek now;
    int err;

    if (upgrade_name(store, NULL, peek, out) == 0) {
        return 0;
    }
    if (realpath(store->dir, dir) == NULL) {
        return COVE_EIO;
    }
    if (snprintf(made, sizeof(made), "%s.format-%llu-backup.%ld", dir,
                 (unsigned long long)peek->format,
                 (long)getpid()) >= (int)sizeof(made)) {
        return COVE_ELIMIT;
    }
    err = backup_make(store, made, false, &m, why);
    err = err != 0 ? err : cove_repo_peek(store->store, &now);
    if (err == 0 && now.format != peek->format) { /* another was faster */
        backup_undo(made);
        out[0] = '\0';
        return 0;
    }
    if (err == 0) {
        err = upgrade_name(store, made, peek, out);
        if (err != 0) {
            backup_undo(made);
        }
    }
    return err;
}

static int upgrade_refuse(struct cove *store, const struct cove_repo_peek *peek,
                          int err, const char *why)
{
    cove_diag_clear(&store->diag);
    return cove_fail(&store->diag, err,
                     "%s: has store format %llu, which this Cove takes over to "
                     "%llu, but not before there is a backup: %s; nothing was "
                     "changed: make room, or set COVE_UPGRADE=no-backup (in an "
                     "app: COVE_OPEN_NO_BACKUP) where there is one already",
                     store->dir, (unsigned long long)peek->format,
                     (unsigned long long)peek->current, why);
}

int node_upgrade(struct cove *store, unsigned flags)
{
    char path[BACKUP_PATH] = "";
    struct cove_repo_peek peek;
    struct cove_diag why = {0};
    int err = cove_repo_peek(store->store, &peek);

    if (err != 0 || peek.format >= peek.current) {
        return 0; /* new, or what opening it as a repo has a word for */
    }
    if (flags & COVE_OPEN_NO_UPGRADE) {
        return cove_fail(&store->diag, COVE_ECONDITION,
                         "%s: has store format %llu, and was not to be taken "
                         "over to %llu; open it with the Cove that wrote it, "
                         "or without COVE_UPGRADE=no (COVE_OPEN_NO_UPGRADE)",
                         store->dir, (unsigned long long)peek.format,
                         (unsigned long long)peek.current);
    }
    if (flags & COVE_OPEN_NO_BACKUP) {
        return 0;
    }
    err = upgrade_copy(store, &peek, path, &why);
    if (err != 0) {
        return upgrade_refuse(store, &peek, err,
                              why.text[0] != '\0' ? why.text
                                                  : cove_error_text(err));
    }
    if (path[0] != '\0') {
        snprintf(store->upgraded, sizeof(store->upgraded), "%s", path);
    }
    return 0;
}

/* The copy has the store's nonce; see admin_backup.c. Where it cannot be
 * renewed, the copy is as good, if nobody puts it in place by hand. */
static void upgraded_apart(struct cove *store)
{
    struct node_worker *worker;

    if (node_worker_take(store, &worker) == 0) {
        (void)node_nonce_renew(store, worker);
        node_worker_give(store, worker);
    }
}

void node_upgraded(struct cove *store)
{
    struct backup_manifest m = {0};
    struct backup_note note = {.time_ms = 0};
    struct cove_arena arena;

    if (store->upgraded[0] == '\0') {
        return;
    }
    cove_arena_init(&arena, store->alloc);
    if (backup_manifest_read(&arena, store->upgraded, &m) == 0) {
        char whole[PATH_MAX];

        note.path = cove_bytes_text(
            realpath(store->upgraded, whole) != NULL ? whole : store->upgraded);
        note.time_ms = m.time_ms;
        note.sequence = m.sequence;
        note.bytes = m.bytes;
        note.hash = m.hash;
        (void)backup_note(store, &note); /* it is there all the same */
    }
    upgraded_apart(store);
    cove_arena_clear(&arena);
    cove_diag_clear(&store->diag);
    cove_fail(&store->diag, 0,
              "%s: had a former store format and was taken over; as it was it "
              "is %s: remove that when all is well",
              store->dir, store->upgraded);
}
