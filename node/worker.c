/* worker.c: who works on an open store: repos with their catalogs, each of one
 * thread at a time; and the store itself, which is closed and opened again for
 * its file to be made anew, when nobody works on it. */
#include "core/store_shrink.h"
#include "migrate/index.h"
#include "node/node.h"

#include <time.h>

void node_store_options(struct cove *store, const struct cove_options *o,
                        struct cove_store_options *out)
{
    memset(out, 0, sizeof(*out));
    out->alloc = store->alloc;
    out->trees = COVE_REPO_TREES;
    out->map_bytes = o->map_bytes;
    out->map_bytes_max = o->map_bytes_max;
    out->create = (o->flags & COVE_OPEN_CREATE) != 0;
    out->force_network = (o->flags & COVE_OPEN_FORCE_NETWORK) != 0;
    out->level = o->level == COVE_GROUP ? COVE_LEVEL_GROUP : COVE_LEVEL_FULL;
    out->landed = node_notify;
    out->landed_ctx = store;
}

int node_worker_new(struct cove *store, bool new_session,
                    struct cove_diag *diag, struct node_worker **out)
{
    struct cove_repo_options opt = {
        .alloc = store->alloc,
        .env = store->env,
        .store = store->store,
        .secret = store->secret,
        .device = store->device,
        .new_session = new_session,
    };
    struct node_worker *w = cove_alloc_zero(store->alloc, 1, sizeof(*w));

    if (w == NULL) {
        return COVE_ENOMEM;
    }
    int err = cove_repo_open(&opt, &w->repo, diag);

    cove_arena_init(&w->arena, store->alloc);
    if (err == 0) {
        err = cove_catalog_new(store->alloc, w->repo, &w->catalog);
        if (err == 0) {
            err = cove_indexes_new(w->catalog, &w->indexes);
            if (err != 0) {
                cove_catalog_free(w->catalog);
            }
        }
        if (err != 0) {
            cove_repo_close(w->repo);
        }
    }
    if (err != 0) {
        cove_alloc_free(store->alloc, w);
        return err;
    }
    *out = w;
    return 0;
}

void node_worker_free(struct cove *store, struct node_worker *w)
{
    cove_arena_clear(&w->arena);
    cove_indexes_free(w->indexes);
    cove_catalog_free(w->catalog);
    cove_repo_close(w->repo);
    cove_alloc_free(store->alloc, w);
}

/* Under the lock: once more, after its file was to be made anew. */
static int worker_reopen(struct cove *store, struct cove_diag *diag)
{
    struct cove_store_options opt;
    int err;

    node_store_options(store, &store->asked, &opt);
    opt.create = false;
    err = cove_store_open_lmdb(store->dir, &opt, &store->store, diag);
    if (err != 0) {
        store->store = NULL;
    } else if (store->unsure) {
        cove_store_refuse(store->store);
    }
    store->losses = 0; /* those of the one before were told of */
    return err;
}

/* Under the lock. */
static int worker_hold(struct cove *store)
{
    int err = 0;

    if (store->store == NULL) {
        err = store->opened ? worker_reopen(store, NULL) : COVE_EIO;
    }
    store->busy += err == 0;
    return err;
}

int node_hold(struct cove *store)
{
    pthread_mutex_lock(&store->lock);

    int err = worker_hold(store);

    pthread_mutex_unlock(&store->lock);
    return err;
}

void node_let(struct cove *store)
{
    pthread_mutex_lock(&store->lock);
    store->busy--;
    pthread_mutex_unlock(&store->lock);
}

static int64_t worker_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Under the lock. */
static void worker_join(struct cove *store, struct node_worker *worker)
{
    worker->began_ms = worker_now_ms();
    worker->stays = false;
    worker->prev = NULL;
    worker->next = store->taken;
    if (store->taken != NULL) {
        store->taken->prev = worker;
    }
    store->taken = worker;
}

static void worker_leave(struct cove *store, struct node_worker *worker)
{
    if (worker->next != NULL) {
        worker->next->prev = worker->prev;
    }
    if (worker->prev != NULL) {
        worker->prev->next = worker->next;
    } else {
        store->taken = worker->next;
    }
}

void node_worker_stays(struct cove *store, struct node_worker *worker)
{
    pthread_mutex_lock(&store->lock);
    worker->stays = true;
    pthread_mutex_unlock(&store->lock);
}

void node_workers_taken(struct cove *store, const struct node_worker *but,
                        unsigned *count, int64_t *oldest_ms)
{
    int64_t now = worker_now_ms();

    *count = 0;
    *oldest_ms = 0;
    pthread_mutex_lock(&store->lock);
    for (const struct node_worker *w = store->taken; w != NULL; w = w->next) {
        if (w != but && !w->stays) {
            ++*count;
            *oldest_ms =
                now - w->began_ms > *oldest_ms ? now - w->began_ms : *oldest_ms;
        }
    }
    pthread_mutex_unlock(&store->lock);
}

int node_worker_take(struct cove *store, struct node_worker **out)
{
    struct node_worker *idle = NULL;
    int err;

    pthread_mutex_lock(&store->lock);
    err = worker_hold(store);
    if (err == 0) {
        idle = store->idle;
        store->idle = idle != NULL ? idle->next : NULL;
    }
    if (idle != NULL) {
        worker_join(store, idle);
    }
    pthread_mutex_unlock(&store->lock);
    *out = idle;
    if (err != 0 || idle != NULL) {
        return err;
    }
    /* Without the lock: it reads, which at level group waits for writers. */
    err = node_worker_new(store, false, NULL, out);
    if (err != 0) {
        node_let(store);
        return err;
    }
    pthread_mutex_lock(&store->lock);
    worker_join(store, *out);
    pthread_mutex_unlock(&store->lock);
    return 0;
}

void node_worker_give(struct cove *store, struct node_worker *worker)
{
    cove_catalog_settle(worker->catalog);
    pthread_mutex_lock(&store->lock);
    worker_leave(store, worker);
    worker->next = store->idle;
    store->idle = worker;
    store->busy--;
    pthread_mutex_unlock(&store->lock);
}

void node_worker_drop(struct cove *store, struct node_worker *worker)
{
    pthread_mutex_lock(&store->lock);
    worker_leave(store, worker);
    pthread_mutex_unlock(&store->lock);
    node_worker_free(store, worker);
    node_let(store);
}

int node_shrink(struct cove *store, const struct cove_shrink *how,
                struct cove_diag *diag)
{
    struct cove_shrink shrink = *how;
    struct cove_diag why = {0};
    int err = 0;

    pthread_mutex_lock(&store->lock);
    if (store->busy > 0 || store->sync != NULL || store->dir == NULL) {
        err = COVE_EBUSY;
    }
    if (err == 0 && store->store == NULL) {
        err = worker_reopen(store, diag);
    }
    if (err == 0) { /* to hear whether all of it is on the disk */
        err = cove_store_flush(store->store);
    }
    while (err == 0 && store->idle != NULL) {
        struct node_worker *w = store->idle;

        store->idle = w->next;
        node_worker_free(store, w);
    }
    if (err == 0) {
        node_store_options(store, &store->asked, &shrink.opt);
        shrink.opt.create = false;
        shrink.opt.fault = how->opt.fault;
        shrink.opt.fault_ctx = how->opt.fault_ctx;
        shrink.unsure = &store->unsure;
        cove_store_close(store->store);
        store->store = NULL;
        err = cove_store_shrink(store->dir, &shrink, diag);

        /* Whatever became of it, there is a whole store. */
        int again = worker_reopen(store, &why);

        if (again != 0) {
            cove_diag_clear(diag);
            err = cove_fail(diag, err != 0 ? err : again,
                            "%s: the file %s, and the store cannot be opened "
                            "again: %s; each call tries to",
                            store->dir,
                            err == 0 ? "was made anew" : "stays as it was",
                            why.text);
        }
    }
    pthread_mutex_unlock(&store->lock);
    return err;
}
