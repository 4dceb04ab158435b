/* worker.c: the workers of a store: a repo and a catalog for each transaction
 * at a time, kept between transactions.
 *
 * A worker that is free lies in a seat. A thread looks into the same seat each
 * time, as a rule, and finds what it left there: with one exchange, no lock,
 * and nothing that another thread writes to as well. Who uses the store counts
 * itself in its seat; who must have the store alone, to make its file anew or
 * to open it again, shuts it first and counts then. That each sees the other
 * rests on the order of the two, which C's atomics keep unless told otherwise.
 */
#include "core/store_shrink.h"
#include "migrate/index.h"
#include "node/node.h"

#include <sched.h>
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

static struct node_seat *worker_seat(struct cove *store)
{
    uint64_t first =
        ((uint64_t)pthread_self() * UINT64_C(0x9E3779B97F4A7C15)) >> 32;

    return &store->seats[first % NODE_SEATS];
}

/* Count this thread in; it waits while the store is shut. */
static struct node_seat *worker_enter(struct cove *store)
{
    struct node_seat *seat = worker_seat(store);

    atomic_fetch_add(&seat->busy, 1);
    while (atomic_load(&store->shut)) {
        atomic_fetch_sub(&seat->busy, 1);
        pthread_mutex_lock(&store->lock);
        pthread_mutex_unlock(&store->lock);
        atomic_fetch_add(&seat->busy, 1);
    }
    return seat;
}

static void worker_leave(struct node_seat *seat)
{
    atomic_fetch_sub(&seat->busy, 1);
}

static bool workers_are_free(struct cove *store)
{
    unsigned busy = 0;

    for (size_t i = 0; i < NODE_SEATS; i++) {
        busy += atomic_load(&store->seats[i].busy);
    }
    return busy == 0;
}

/* Under the lock, and alone: once more, after its file was to be made anew. */
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
    atomic_store(&store->lost, err != 0);
    atomic_store(&store->losses, 0); /* those before were told of */
    return err;
}

/* It could not be opened again: try once more. Whoever comes meanwhile finds
 * it lost or shut, and has no worker. */
static int worker_find_again(struct cove *store)
{
    int err = 0;

    pthread_mutex_lock(&store->lock);
    if (atomic_load(&store->lost)) {
        atomic_store(&store->shut, true);
        while (!workers_are_free(store)) {
            sched_yield();
        }
        err = store->opened ? worker_reopen(store, NULL) : COVE_EIO;
        atomic_store(&store->shut, false);
    }
    pthread_mutex_unlock(&store->lock);
    return err;
}

/* Count this thread in where there is a store. */
static int worker_join(struct cove *store, struct node_seat **out)
{
    int err = 0;

    for (;;) {
        *out = worker_enter(store);
        if (!atomic_load(&store->lost)) {
            return 0;
        }
        worker_leave(*out);
        err = worker_find_again(store);
        if (err != 0) {
            return err;
        }
    }
}

int node_hold(struct cove *store)
{
    struct node_seat *seat;

    return worker_join(store, &seat);
}

void node_let(struct cove *store)
{
    worker_leave(worker_seat(store));
}

/* Since when a worker is taken; never 0. */
static int64_t worker_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + 1;
}

/* ---------------------------------------------------- making and freeing */

static int worker_fill(struct cove *store, bool new_session,
                       struct node_worker *w, struct cove_diag *diag)
{
    struct cove_repo_options opt = {
        .alloc = store->alloc,
        .env = store->env,
        .store = store->store,
        .secret = store->secret,
        .device = store->device,
        .new_session = new_session,
    };
    int err = cove_repo_open(&opt, &w->repo, diag);

    cove_crypto_wipe(&opt.secret, sizeof(opt.secret));
    if (err == 0) {
        err = cove_catalog_new(store->alloc, w->repo, &w->catalog);
    }
    if (err == 0) {
        cove_catalog_judging(w->catalog)->mode =
            store->asked.validate == COVE_VALIDATE_OFF      ? COVE_JUDGE_OFF
            : store->asked.validate == COVE_VALIDATE_REPORT ? COVE_JUDGE_REPORT
                                                            : COVE_JUDGE_STRICT;
    }
    return err != 0 ? err : cove_indexes_new(w->catalog, &w->indexes);
}

static void worker_list(struct cove *store, struct node_worker *w)
{
    pthread_mutex_lock(&store->workers_lock);
    w->next = store->workers;
    if (store->workers != NULL) {
        store->workers->prev = w;
    }
    store->workers = w;
    pthread_mutex_unlock(&store->workers_lock);
}

void node_workers_cached(struct cove *store, uint64_t *hits, uint64_t *misses)
{
    pthread_mutex_lock(&store->workers_lock);
    *hits = store->hits;
    *misses = store->misses;
    for (struct node_worker *w = store->workers; w != NULL; w = w->next) {
        *hits += atomic_load_explicit(&w->hits, memory_order_relaxed);
        *misses += atomic_load_explicit(&w->misses, memory_order_relaxed);
    }
    pthread_mutex_unlock(&store->workers_lock);
}

static void worker_unlist(struct cove *store, struct node_worker *w)
{
    pthread_mutex_lock(&store->workers_lock);
    store->hits += atomic_load_explicit(&w->hits, memory_order_relaxed);
    store->misses += atomic_load_explicit(&w->misses, memory_order_relaxed);
    if (w->next != NULL) {
        w->next->prev = w->prev;
    }
    if (w->prev != NULL) {
        w->prev->next = w->next;
    } else {
        store->workers = w->next;
    }
    pthread_mutex_unlock(&store->workers_lock);
}

static void worker_free(struct cove *store, struct node_worker *w)
{
    worker_unlist(store, w);
    node_cache_free(store, w);
    cove_arena_clear(&w->arena);
    cove_indexes_free(w->indexes);
    cove_catalog_free(w->catalog);
    cove_repo_close(w->repo);
    cove_alloc_free(store->alloc, w->uses);
    cove_alloc_free(store->alloc, w);
}

static int worker_make(struct cove *store, bool new_session,
                       struct cove_diag *diag, struct node_worker **out)
{
    struct node_worker *w = cove_alloc_zero(store->alloc, 1, sizeof(*w));

    if (w == NULL) {
        return COVE_ENOMEM;
    }
    cove_arena_init(&w->arena, store->alloc);
    worker_list(store, w);
    int err = worker_fill(store, new_session, w, diag);

    if (err != 0) {
        worker_free(store, w);
        return err;
    }
    *out = w;
    return 0;
}

static void worker_began(struct node_worker *w, struct node_seat *seat)
{
    w->seat = seat;
    atomic_store(&w->stays, false);
    atomic_store(&w->began_ms, worker_now_ms());
}

int node_worker_new(struct cove *store, bool new_session,
                    struct cove_diag *diag, struct node_worker **out)
{
    struct node_seat *seat = worker_enter(store);
    int err = worker_make(store, new_session, diag, out);

    if (err != 0) {
        worker_leave(seat);
    } else {
        worker_began(*out, seat);
    }
    return err;
}

/* ------------------------------------------------------ taking and giving */

static struct node_worker *worker_free_one(struct cove *store,
                                           struct node_seat *seat)
{
    size_t first = (size_t)(seat - store->seats);

    for (size_t i = 0; i < NODE_SEATS; i++) {
        struct node_seat *at = &store->seats[(first + i) % NODE_SEATS];
        struct node_worker *w = atomic_load(&at->idle);

        if (w != NULL && (w = atomic_exchange(&at->idle, NULL)) != NULL) {
            return w;
        }
    }
    return NULL;
}

/* Back into its seat, or the next one that is empty; gone where none is. */
static void worker_put(struct cove *store, struct node_worker *worker)
{
    size_t first = (size_t)(worker->seat - store->seats);

    for (size_t i = 0; i < NODE_SEATS; i++) {
        struct node_seat *at = &store->seats[(first + i) % NODE_SEATS];
        struct node_worker *none = NULL;

        if (atomic_compare_exchange_strong(&at->idle, &none, worker)) {
            return;
        }
    }
    worker_free(store, worker);
}

int node_worker_take(struct cove *store, struct node_worker **out)
{
    struct node_seat *seat;
    struct node_worker *w;
    int err = worker_join(store, &seat);

    if (err != 0) {
        return err;
    }
    w = worker_free_one(store, seat);
    if (w == NULL) {
        err = worker_make(store, false, NULL, &w);
    }
    if (err != 0) {
        worker_leave(seat);
        return err;
    }
    worker_began(w, seat);
    node_cache_trim(store, w);
    err = node_uses_see(store, w);
    if (err != 0) {
        node_worker_give(store, w);
        return err;
    }
    *out = w;
    return 0;
}

void node_worker_give(struct cove *store, struct node_worker *worker)
{
    struct node_seat *seat = worker->seat;

    cove_catalog_settle(worker->catalog);
    atomic_store(&worker->began_ms, 0);
    worker_put(store, worker);
    worker_leave(seat);
}

void node_worker_drop(struct cove *store, struct node_worker *worker)
{
    struct node_seat *seat = worker->seat;

    worker_free(store, worker);
    worker_leave(seat);
}

void node_worker_stays(struct node_worker *worker)
{
    atomic_store(&worker->stays, true);
}

void node_workers_taken(struct cove *store, const struct node_worker *but,
                        unsigned *count, int64_t *oldest_ms)
{
    int64_t now = worker_now_ms();

    *count = 0;
    *oldest_ms = 0;
    pthread_mutex_lock(&store->workers_lock);
    for (struct node_worker *w = store->workers; w != NULL; w = w->next) {
        int64_t began = atomic_load(&w->began_ms);

        if (w != but && began != 0 && !atomic_load(&w->stays)) {
            ++*count;
            *oldest_ms = now - began > *oldest_ms ? now - began : *oldest_ms;
        }
    }
    pthread_mutex_unlock(&store->workers_lock);
}

struct node_worker *node_worker_idle(struct cove *store)
{
    struct node_worker *w = NULL;

    for (size_t i = 0; i < NODE_SEATS && w == NULL; i++) {
        w = atomic_load(&store->seats[i].idle);
    }
    return w;
}

void node_workers_free(struct cove *store)
{
    struct node_worker *w;

    while ((w = worker_free_one(store, store->seats)) != NULL) {
        worker_free(store, w);
    }
}

/* ----------------------------------------------------- having it alone */

int node_shrink(struct cove *store, const struct cove_shrink *how,
                struct cove_diag *diag)
{
    struct cove_shrink shrink = *how;
    struct cove_diag why = {0};
    int err = 0;

    pthread_mutex_lock(&store->lock);
    atomic_store(&store->shut, true);
    if (!workers_are_free(store) || store->sync != NULL || store->dir == NULL) {
        err = COVE_EBUSY;
    }
    if (err == 0 && store->store == NULL) {
        err = worker_reopen(store, diag);
    }
    if (err == 0) { /* to hear whether all of it is on the disk */
        err = cove_store_flush(store->store);
    }
    if (err == 0) {
        node_workers_free(store);
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
    atomic_store(&store->shut, false);
    pthread_mutex_unlock(&store->lock);
    return err;
}
