/* open.c: opening and closing a store's directory.
 *
 *   data.mdb, lock.mdb   the store            device.key   the device's seed
 *   nonce                which file this is   changed      touched per commit
 *   sync.lock            held by who syncs
 */
#include "node/level.h"
#include "node/sync.h"
#include "node/upgrade.h"
#include "node/watch.h"
#include "sync/edge_uv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_SEED ((size_t)32)

/* What to do about an error that came from below without a sentence. */
static const char *failed_advice(int err)
{
    switch (err) {
    case COVE_ENOSPC:
        return "; nothing of this call was written: make room on the disk, or "
               "allow a larger map, and do it again";
    case COVE_EIO:
        return "; nothing of this call was written: look at the disk, then run "
               "`cove check`";
    case COVE_ECORRUPT:
        return "; `cove check` shows where";
    case COVE_ENOMEM:
        return "; nothing of this call was written";
    case COVE_EBUSY:
        return "; do it again when the other transaction has ended";
    case COVE_ELOST:
        return ": what had returned and was not on the disk yet; look at the "
               "disk, then do it again";
    default:
        return "";
    }
}

int node_failed(struct cove *store, int err, const struct cove_diag *diag)
{
    if (err == 0) {
        return 0;
    }
    if (!cove_fork_ours(&store->fork)) {
        /* Another thread may have had the lock at the fork. */
        cove_diag_clear(&store->diag);
        return cove_fail(&store->diag, err,
                         "%s: this store was opened before a fork, by the "
                         "parent; open it anew in the child",
                         store->dir);
    }
    pthread_mutex_lock(&store->lock);
    cove_diag_clear(&store->diag);
    if (diag != NULL && diag->text[0] != '\0') {
        cove_fail(&store->diag, err, "%s", diag->text);
    } else if (store->opened && store->store == NULL) {
        cove_fail(&store->diag, err,
                  "%s: the store was closed for its file to be made anew, and "
                  "cannot be opened again: %s; each call tries to",
                  store->dir, cove_error_text(err));
    } else {
        cove_fail(&store->diag, err, "%s%s%s%s",
                  store->dir != NULL ? store->dir : "",
                  store->dir != NULL ? ": " : "", cove_error_text(err),
                  failed_advice(err));
    }
    pthread_mutex_unlock(&store->lock);
    return err;
}

char *node_path(const struct cove *store, const char *name)
{
    size_t len = strlen(store->dir) + strlen(name) + 2;
    char *path = cove_alloc_new(store->alloc, len);

    if (path != NULL) {
        snprintf(path, len, "%s/%s", store->dir, name);
    }
    return path;
}

/* ------------------------------------------------------------ identity */

/* COVE_ENOTFOUND where there is nothing yet that a device key has signed, else
 * COVE_EACCES: the key is lost. */
static int identity_lacking(const struct cove *store)
{
    struct cove_store_usage usage;
    int err = cove_store_usage(store->store, &usage);

    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < COVE_REPO_TREES; i++) {
        if (usage.entries[i] > 0) {
            return COVE_EACCES;
        }
    }
    return COVE_ENOTFOUND;
}

static int identity_open(struct cove *store, bool create)
{
    uint8_t seed[OPEN_SEED];
    char text[OPEN_SEED * 2 + 2];
    size_t len = 0;
    bool lost = false;
    char *path = node_path(store, "device.key");
    int err = path == NULL ? COVE_ENOMEM
                           : node_file_read(path, text, sizeof(text), &len);

    if (err == COVE_ENOTFOUND) {
        err = identity_lacking(store);
        lost = err == COVE_EACCES;
    }
    if (lost) {
        err = cove_fail(&store->diag, COVE_EACCES,
                        "%s: the store's device key is missing; put the file "
                        "back from a backup",
                        path);
    }
    if (err == COVE_ENOTFOUND && create) {
        store->env->random(store->env->ctx, seed, sizeof(seed));
        cove_hex(cove_bytes(seed, sizeof(seed)), text);
        text[OPEN_SEED * 2] = '\n';
        err = node_file_write(path, text, OPEN_SEED * 2 + 1);
    } else if (err == 0) {
        text[len < OPEN_SEED * 2 ? len : OPEN_SEED * 2] = '\0';
        err = cove_hex_parse(text, seed, sizeof(seed));
    }
    if (err != 0 && path != NULL) {
        err =
            cove_fail(&store->diag, err == COVE_EFORMAT ? COVE_ENOTSTORE : err,
                      "%s: the device key cannot be %s: %s", path,
                      create ? "made" : "read", cove_error_text(err));
    }
    if (err == 0) {
        cove_key_of_seed(seed, &store->secret, &store->device);
    }
    cove_crypto_wipe(seed, sizeof(seed));
    cove_crypto_wipe(text, sizeof(text));
    cove_alloc_free(store->alloc, path);
    return err;
}

/* --------------------------------------------------------------- notices */

static void notify_sync(void *ctx, struct cove_edge *edge)
{
    (void)ctx;
    cove_edge_wake(edge);
}

void node_notify(void *ctx)
{
    struct cove *store = ctx;
    int fd;

    if (store->notify_path == NULL) { /* in memory: it is all in here */
        pthread_mutex_lock(&store->lock);
        if (store->wake != NULL) {
            node_wake_raise(store->wake);
        }
        pthread_mutex_unlock(&store->lock);
        (void)node_sync_ask(store, notify_sync, NULL);
        return;
    }
    /* By its name, which needs no descriptor. */
    if (utimensat(AT_FDCWD, store->notify_path, NULL, 0) == 0) {
        return;
    }
    fd = open(store->notify_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)futimens(fd, NULL);
        close(fd);
    }
}

/* ----------------------------------------------------------- open, close */

static int open_store(struct cove *store, const struct cove_options *o)
{
    struct cove_store_options opt;

    node_store_options(store, o, &opt);
    if (o->flags & COVE_OPEN_MEMORY) {
        return cove_store_open_memory(&opt, &store->store);
    }
    return cove_store_open_lmdb(store->dir, &opt, &store->store, &store->diag);
}

static int open_identity(struct cove *store, const struct cove_options *o)
{
    if (o->flags & COVE_OPEN_MEMORY) {
        uint8_t seed[OPEN_SEED];

        store->env->random(store->env->ctx, seed, sizeof(seed));
        cove_key_of_seed(seed, &store->secret, &store->device);
        cove_crypto_wipe(seed, sizeof(seed));
        return 0;
    }
    store->notify_path = node_path(store, "changed");
    if (store->notify_path == NULL) {
        return COVE_ENOMEM;
    }
    return identity_open(store, (o->flags & COVE_OPEN_CREATE) != 0);
}

/* What the records say does not name the directory: add it. */
static void open_where(struct cove *store, int err)
{
    struct cove_diag said = store->diag;

    if (err != 0 && store->dir != NULL && said.text[0] != '\0') {
        cove_diag_clear(&store->diag);
        cove_fail(&store->diag, err, "%s: %s%s", store->dir, said.text,
                  err == COVE_ENEWER ? "; open it with a newer Cove"
                                     : failed_advice(err));
    }
}

static int open_all(struct cove *store, const struct cove_options *o)
{
    struct node_worker *worker = NULL;
    bool on_disk = (o->flags & COVE_OPEN_MEMORY) == 0;
    bool due = false;
    bool left = false;
    bool renew = false;
    int err = cove_crypto_init();

    if (err == 0) {
        err = open_store(store, o);
        atomic_store(&store->lost, err != 0);
    }
    if (err == 0) {
        err = open_identity(store, o);
    }
    if (err == 0 && on_disk) {
        err = node_upgrade(store, o->flags);
    }
    if (err == 0) {
        err = node_worker_new(store, false, &store->diag, &worker);
        open_where(store, err);
    }
    if (err == 0 && on_disk) {
        err = node_nonce_check(store, worker, &due);
    }
    if (err == 0 && on_disk) {
        err = node_level_look(store, worker, &left, &renew);
    }
    /* The session ends before the nonces agree: a crash between the two ends
     * it once more, and never goes on with it. */
    if (err == 0 && (store->new_session || renew)) {
        node_worker_drop(store, worker);
        worker = NULL;
        err = node_worker_new(store, true, &store->diag, &worker);
    }
    if (err == 0 && on_disk) {
        err = node_level_open(store, worker, left);
    }
    if (err == 0 && due) {
        err = node_nonce_renew(store, worker);
    }
    if (err == 0) {
        err = node_account_open(store, worker);
    }
    if (err == 0) {
        err = cove_store_flush(store->store);
    }
    if (worker != NULL) {
        node_worker_give(store, worker);
    }
    return err;
}

int cove_open(const char *dir, const struct cove_options *options,
              struct cove **out)
{
    struct cove_options o = {.size = sizeof(o), .flags = COVE_OPEN_CREATE};
    struct cove *store = cove_alloc_zero(&cove_alloc_libc, 1, sizeof(*store));

    *out = store;
    if (store == NULL) {
        return COVE_ENOMEM;
    }
    store->alloc = &cove_alloc_libc;
    store->env = &cove_env_system;
    pthread_mutex_init(&store->lock, NULL);
    pthread_mutex_init(&store->workers_lock, NULL);
    atomic_store(&store->lost, true); /* until it is open */
    if (options != NULL) {
        size_t size = options->size < sizeof(o) ? options->size : sizeof(o);

        if (options->size > sizeof(o) || size < sizeof(o.size)) {
            return cove_fail(&store->diag, COVE_EUSAGE,
                             "options.size is %zu; this library knows %zu",
                             options->size, sizeof(o));
        }
        memset(&o, 0, sizeof(o));
        memcpy(&o, options, size);
    }
    if (o.level > COVE_GROUP) {
        return cove_fail(&store->diag, COVE_EUSAGE,
                         "options.level is %u; COVE_FULL and COVE_GROUP are "
                         "what there is",
                         o.level);
    }
    if (o.validate > COVE_VALIDATE_OFF) {
        return cove_fail(&store->diag, COVE_EUSAGE,
                         "options.validate is %u; COVE_VALIDATE_STRICT, "
                         "COVE_VALIDATE_REPORT and COVE_VALIDATE_OFF are what "
                         "there is",
                         o.validate);
    }
    store->live_days = o.live_days;
    store->cache_most = o.cache_bytes == 0  ? NODE_CACHE_BYTES
                        : o.cache_bytes < 0 ? 0
                                            : (size_t)o.cache_bytes;
    store->no_sync = (o.flags & COVE_OPEN_NO_SYNC) != 0;
    store->asked = o;
    store->group = o.level == COVE_GROUP && (o.flags & COVE_OPEN_MEMORY) == 0;
    store->env->random(store->env->ctx, store->runner, sizeof(store->runner));
    if ((o.flags & COVE_OPEN_MEMORY) == 0) {
        cove_fork_note(&store->fork);
        if (dir == NULL || dir[0] == '\0') {
            return cove_fail(&store->diag, COVE_EUSAGE,
                             "the store's directory is not named");
        }
        store->dir = cove_alloc_new(store->alloc, strlen(dir) + 1);
        if (store->dir == NULL) {
            return cove_fail(&store->diag, COVE_ENOMEM, "%s: %s", dir,
                             cove_error_text(COVE_ENOMEM));
        }
        memcpy(store->dir, dir, strlen(dir) + 1);
    }
    int err = open_all(store, &o);

    store->opened = err == 0;
    if (err == 0) {
        node_upgraded(store);
    }
    if (err != 0 && store->diag.text[0] == '\0') {
        cove_fail(&store->diag, err, "%s: %s", dir != NULL ? dir : "store",
                  cove_error_text(err));
    }
    return err;
}

void cove_close(struct cove *store)
{
    if (store == NULL) {
        return;
    }
    const struct cove_alloc *alloc = store->alloc;

    if (cove_fork_ours(&store->fork)) {
        node_sync_free(store);
        node_watch_free(store);
        node_level_close(store);
    }
    node_workers_free(store);
    while (store->uses != NULL) {
        struct node_use *use = store->uses;

        store->uses = use->next;
        cove_alloc_free(alloc, use);
    }
    if (store->store != NULL) {
        cove_store_close(store->store);
    }
    cove_fork_forget(&store->fork);
    cove_crypto_wipe(&store->secret, sizeof(store->secret));
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->workers_lock);
    cove_alloc_free(alloc, store->dir);
    cove_alloc_free(alloc, store->notify_path);
    cove_alloc_free(alloc, store);
}

const char *cove_errmsg(const struct cove *store)
{
    return store != NULL ? store->diag.text : "out of memory";
}

const char *cove_strerror(int code)
{
    return cove_error_text(code);
}

const char *cove_version(void)
{
    return COVE_VERSION;
}

struct cove_key cove_device(const struct cove *store)
{
    return store->device;
}

struct cove_id cove_account(const struct cove *store)
{
    return store->account;
}

void cove_free(void *memory)
{
    cove_alloc_free(&cove_alloc_libc, memory);
}
