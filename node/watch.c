/* watch.c: subscriptions: see include/cove/watch.h, and node/watch.h for the
 * parts.
 *
 * A turn takes what has woken us, looks (which begins and ends a transaction),
 * and then calls back. What is committed after the look wakes again.
 */
#include "node/watch.h"

static void sub_free(struct cove *store, struct watch_sub *sub)
{
    watch_told_free(store->alloc, sub);
    watch_set_clear(&sub->set);
    cove_arena_clear(&sub->arena);
    cove_alloc_free(store->alloc, sub);
}

/* ------------------------------------------------------------ make and free */

static struct node_watch *watch_held(struct cove *store)
{
    struct node_watch *watch;

    pthread_mutex_lock(&store->lock);
    watch = store->watch;
    pthread_mutex_unlock(&store->lock);
    return watch;
}

static void watch_destroy(struct cove *store, struct node_watch *watch)
{
    pthread_mutex_destroy(&watch->lock);
    cove_alloc_free(store->alloc, watch);
}

static int watch_make(struct cove *store, struct node_watch **out)
{
    struct node_watch *watch = watch_held(store);
    pthread_mutexattr_t attr;

    if (watch != NULL) {
        *out = watch;
        return 0;
    }
    watch = cove_alloc_zero(store->alloc, 1, sizeof(*watch));
    if (watch == NULL) {
        return COVE_ENOMEM;
    }
    watch->store = store;
    watch->last = &watch->subs;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&watch->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    pthread_mutex_lock(&store->lock);
    if (store->watch == NULL) {
        store->watch = watch;
        watch = NULL;
    }
    *out = store->watch;
    pthread_mutex_unlock(&store->lock);
    if (watch != NULL) { /* another thread was faster */
        watch_destroy(store, watch);
    }
    return 0;
}

void node_watch_free(struct cove *store)
{
    struct node_watch *watch = store->watch;

    while (watch != NULL && watch->subs != NULL) {
        struct watch_sub *sub = watch->subs;

        watch->subs = sub->next;
        sub_free(store, sub);
    }
    if (watch != NULL) {
        watch_held_free(watch);
        watch_destroy(store, watch);
        store->watch = NULL;
    }
    node_wake_close(store);
}

/* -------------------------------------------------- subscribe, unsubscribe */

static int sub_new(struct cove *store, const char *request,
                   struct watch_sub **out, struct cove_diag *diag)
{
    struct watch_sub *sub = cove_alloc_zero(store->alloc, 1, sizeof(*sub));
    int err;

    if (sub == NULL) {
        return COVE_ENOMEM;
    }
    cove_arena_init(&sub->arena, store->alloc);
    watch_set_init(&sub->set, store->alloc);
    sub->first = true;
    sub->ready_due = true;
    err = watch_ask(store, request, sub, diag);
    if (err != 0) {
        sub_free(store, sub);
        return err;
    }
    *out = sub;
    return 0;
}

int cove_subscribe(struct cove *store, const char *request, cove_watch_fn *fn,
                   void *ctx, uint64_t *out)
{
    struct node_watch *watch = NULL;
    struct watch_sub *sub = NULL;
    struct node_wake *wake = NULL;
    struct cove_diag diag = {0};
    int err = node_wake_open(store, &wake);

    if (err == COVE_EIO) {
        cove_fail(&diag, err,
                  "the system has no descriptor or inotify watch left for a "
                  "subscription (see fs.inotify.max_user_instances)");
    }
    err = err != 0 ? err : watch_make(store, &watch);
    if (err != 0) {
        return node_failed(store, err, &diag);
    }
    pthread_mutex_lock(&watch->lock);
    if (watch->count == WATCH_MOST) {
        err = cove_fail(&diag, COVE_ELIMIT, "more than %d subscriptions",
                        WATCH_MOST);
    }
    err = err != 0 ? err : sub_new(store, request, &sub, &diag);
    if (err == 0) {
        sub->number = ++watch->numbers;
        sub->fn = fn;
        sub->ctx = ctx;
        *watch->last = sub;
        watch->last = &sub->next;
        watch->count++;
        *out = sub->number;
        node_wake_raise(wake);
    }
    pthread_mutex_unlock(&watch->lock);
    return node_failed(store, err, &diag);
}

/* Free those that are gone, when no event names them any longer. */
static void watch_sweep(struct node_watch *watch)
{
    struct watch_sub **at = &watch->subs;

    while (*at != NULL) {
        struct watch_sub *sub = *at;

        if (sub->gone) {
            *at = sub->next;
            sub_free(watch->store, sub);
        } else {
            at = &sub->next;
        }
    }
    watch->last = at;
}

int cove_unsubscribe(struct cove *store, uint64_t subscription)
{
    struct node_watch *watch = watch_held(store);
    struct cove_diag diag = {0};
    struct watch_sub *sub = NULL;

    if (watch != NULL) {
        pthread_mutex_lock(&watch->lock);
        sub = watch->subs;
        while (sub != NULL && (sub->number != subscription || sub->gone)) {
            sub = sub->next;
        }
        if (sub != NULL) {
            sub->gone = true;
            watch->count--;
            if (!watch->telling) {
                watch_sweep(watch);
            }
        }
        pthread_mutex_unlock(&watch->lock);
    }
    if (sub == NULL) {
        cove_fail(&diag, COVE_ENOTFOUND, "no subscription %llu",
                  (unsigned long long)subscription);
        return node_failed(store, COVE_ENOTFOUND, &diag);
    }
    return 0;
}

/* ------------------------------------------------------------------- a turn */

static int turn_look(struct node_watch *watch, struct watch_look *look,
                     struct cove_diag *diag)
{
    struct cove *store = watch->store;
    int err = node_begin(store, COVE_READ | COVE_VIEW, &look->txn);

    if (err == 0) {
        err = watch_look(look);
        *diag = look->txn->diag;
        cove_abort(look->txn);
    }
    return err;
}

static void turn_tell(struct node_watch *watch, const struct watch_look *look)
{
    watch->telling = true;
    for (const struct watch_event *e = look->first; e != NULL; e = e->next) {
        if (!e->sub->gone) {
            e->sub->fn(e->sub->ctx, &e->said);
        }
    }
    watch->telling = false;
    watch_sweep(watch);
}

/* What was found before an error is told all the same: it is remembered. */
static int turn(struct node_watch *watch, struct node_wake *wake,
                struct cove_diag *diag)
{
    struct cove *store = watch->store;
    struct watch_look look = {.watch = watch};
    int err;

    look.tail = &look.first;
    cove_arena_init(&look.events, store->alloc);
    cove_arena_init(&look.load, store->alloc);
    node_wake_drain(wake);
    watch->more = false;
    err = watch->subs != NULL ? turn_look(watch, &look, diag) : 0;
    cove_arena_clear(&look.load);
    turn_tell(watch, &look);
    cove_arena_clear(&look.events);
    watch->failed = err != 0;
    if (watch->more) {
        node_wake_raise(wake);
    }
    return err;
}

int node_watch_turn(struct cove *store)
{
    struct node_watch *watch = watch_held(store);
    struct node_wake *wake = NULL;
    struct cove_diag diag = {0};
    int err = node_wake_open(store, &wake);

    if (err == 0 && watch == NULL) { /* commits are nobody's business here */
        node_wake_drain(wake);
    } else if (err == 0) {
        pthread_mutex_lock(&watch->lock);
        err = watch->telling ? cove_fail(&diag, COVE_EUSAGE,
                                         "cove_dispatch in a callback: what is "
                                         "new comes in the next one")
                             : turn(watch, wake, &diag);
        pthread_mutex_unlock(&watch->lock);
    }
    return node_failed(store, err, &diag);
}

bool node_watch_telling(struct cove *store)
{
    struct node_watch *watch = watch_held(store);
    bool telling = false;

    if (watch != NULL) { /* another thread's dispatch is waited for */
        pthread_mutex_lock(&watch->lock);
        telling = watch->telling;
        pthread_mutex_unlock(&watch->lock);
    }
    return telling;
}

int node_watch_timeout(struct cove *store)
{
    struct node_watch *watch = watch_held(store);
    int timeout = -1;

    if (watch != NULL) {
        pthread_mutex_lock(&watch->lock);
        timeout = watch_held_timeout(watch);
        if (watch->failed && (timeout < 0 || timeout > WATCH_RETRY_MS)) {
            timeout = WATCH_RETRY_MS;
        }
        pthread_mutex_unlock(&watch->lock);
    }
    return timeout;
}
