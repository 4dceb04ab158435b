/* loop.c: sync and subscriptions on the caller's loop: through one descriptor
 * (cove_fd, cove_timeout, cove_dispatch), or as handles of libuv.
 *
 * The descriptor is that of node_wake, and where sync is driven by it too, the
 * backend of sync's own loop is one of the things that make it readable.
 */
#include "cove/uv.h"
#include "node/node.h"
#include "node/sync.h"
#include "node/watch.h"

#include <signal.h>
#include <sys/epoll.h>
#include <time.h>

/* libuv writes to sockets without MSG_NOSIGNAL: one whose peer is gone raises
 * SIGPIPE, which by default ends the program. It is blocked meanwhile; one that
 * was pending before stays. */
void node_loop_turn(uv_loop_t *loop, bool once)
{
    static const struct timespec now = {0, 0};
    sigset_t broken, before, pending;
    bool was;

    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    (void)sigpending(&pending);
    was = sigismember(&pending, SIGPIPE) == 1;
    (void)pthread_sigmask(SIG_BLOCK, &broken, &before);
    uv_run(loop, once ? UV_RUN_NOWAIT : UV_RUN_DEFAULT);
    while (!was && sigtimedwait(&broken, NULL, &now) > 0) {
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ----------------------------------------------------------- a descriptor */

/* Sync's own loop, unless a thread turns it, wakes through the descriptor. */
static int loop_join(struct cove *store, const struct node_wake *wake)
{
    uv_loop_t *loop = node_sync_turns(store);
    struct epoll_event event = {.events = EPOLLIN};

    if (loop == NULL) {
        return 0;
    }
    event.data.fd = uv_backend_fd(loop);
    /* To modify what is there costs nothing, and tells whether it is. */
    return epoll_ctl(wake->fd, EPOLL_CTL_MOD, event.data.fd, &event) == 0 ||
                   epoll_ctl(wake->fd, EPOLL_CTL_ADD, event.data.fd, &event) ==
                       0
               ? 0
               : COVE_EIO;
}

void node_loop_leave(struct cove *store)
{
    const uv_loop_t *loop = node_sync_turns(store);

    if (loop != NULL && store->wake != NULL) {
        (void)epoll_ctl(store->wake->fd, EPOLL_CTL_DEL, uv_backend_fd(loop),
                        NULL);
    }
}

int cove_fd(struct cove *store)
{
    struct node_wake *wake = NULL;
    int err = node_sync_start(store, NULL);

    err = err != 0 ? err : node_wake_open(store, &wake);
    err = err != 0 ? err : loop_join(store, wake);
    return err != 0 ? node_failed(store, err, NULL) : wake->fd;
}

int cove_timeout(struct cove *store)
{
    uv_loop_t *loop = node_sync_turns(store);
    int sync = loop != NULL ? uv_backend_timeout(loop) : -1;
    int watch = node_watch_timeout(store);

    return sync < 0 || (watch >= 0 && watch < sync) ? watch : sync;
}

int cove_dispatch(struct cove *store)
{
    struct node_wake *wake = NULL;
    int err = node_sync_start(store, NULL);

    err = err != 0 ? err : node_wake_open(store, &wake);
    err = err != 0 ? err : loop_join(store, wake);
    if (err != 0) {
        return node_failed(store, err, NULL);
    }

    uv_loop_t *loop = node_watch_telling(store) ? NULL : node_sync_turns(store);

    if (loop != NULL) {
        node_loop_turn(loop, true);
    }
    return node_watch_turn(store);
}

/* -------------------------------------------------------------------- libuv */

struct node_uv {
    struct cove *store;
    uv_poll_t poll;
    uv_timer_t retry;
    unsigned parts; /* that have not ended: two handles, and sync */
    void (*done)(void *ctx);
    void *ctx;
};

static void loop_on_retry(uv_timer_t *retry);

static void loop_turn(struct node_uv *u)
{
    struct cove *store = u->store;
    int timeout;

    /* Its sentence is kept for cove_errmsg; the turn is made again. */
    if (node_watch_turn(store) != 0 && store->log != NULL) {
        store->log(store->log_ctx, cove_errmsg(store));
    }
    timeout = node_watch_timeout(store);
    if (timeout >= 0) {
        (void)uv_timer_start(&u->retry, loop_on_retry, (uint64_t)timeout, 0);
    }
}

static void loop_on_retry(uv_timer_t *retry)
{
    loop_turn(retry->data);
}

static void loop_on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    loop_turn(poll->data);
}

static int loop_attach(struct cove *store, const struct node_wake *wake,
                       uv_loop_t *loop)
{
    struct node_uv *u = cove_alloc_zero(store->alloc, 1, sizeof(*u));

    if (u == NULL) {
        return COVE_ENOMEM;
    }
    if (uv_poll_init(loop, &u->poll, wake->fd) != 0) {
        cove_alloc_free(store->alloc, u);
        return COVE_EIO;
    }
    (void)uv_timer_init(loop, &u->retry);
    (void)uv_poll_start(&u->poll, UV_READABLE, loop_on_poll);
    u->store = store;
    u->poll.data = u;
    u->retry.data = u;
    store->uv = u;
    return 0;
}

int cove_uv_attach(struct cove *store, uv_loop_t *loop)
{
    struct node_wake *wake = NULL;
    struct cove_diag diag = {0};
    int err = 0;

    if (store->sync != NULL || store->uv != NULL) {
        err = cove_fail(&diag, COVE_EBUSY, "sync is attached or running");
    }
    err = err != 0 ? err : node_wake_open(store, &wake);
    err = err != 0 ? err : node_sync_start(store, loop);
    err = err != 0 ? err : loop_attach(store, wake, loop);
    return node_failed(store, err, &diag);
}

/* Two handles and sync: the last that ends takes the rest with it. */
static void loop_ended(void *ctx)
{
    struct node_uv *u = ctx;
    void (*done)(void *) = u->done;
    void *done_ctx = u->ctx;

    u->parts--;
    if (u->parts > 0) {
        return;
    }
    u->store->uv = NULL;
    cove_alloc_free(u->store->alloc, u);
    if (done != NULL) {
        done(done_ctx);
    }
}

static void loop_on_close(uv_handle_t *handle)
{
    loop_ended(handle->data);
}

void cove_uv_detach(struct cove *store, void (*done)(void *ctx), void *ctx)
{
    struct node_uv *u = store->uv;

    if (u == NULL) {
        if (done != NULL) {
            done(ctx);
        }
        return;
    }
    u->done = done;
    u->ctx = ctx;
    u->parts = 3;
    uv_close((uv_handle_t *)&u->poll, loop_on_close);
    uv_close((uv_handle_t *)&u->retry, loop_on_close);
    node_sync_detach(store, loop_ended, u);
}
