/* sync.c: the sync engine of a store and its edge, on an own thread, on the
 * caller's libuv loop, or driven by any other loop through a descriptor.
 *
 *   cove_thread_start   own loop, own thread
 *   cove_fd/dispatch    own loop, the caller polls it: loop.c
 *   cove_uv_attach      the caller's loop: loop.c
 */
#include <uv.h>

#include "node/network.h"
#include "node/sync.h"
#include "sync/edge_uv.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#define SYNC_CERTIFICATE_DAYS 30
#define SYNC_POLL_MS          250 /* wait looks by itself so often */
#define SYNC_LOCK             "sync.lock"

struct node_sync {
    struct cove *store;
    struct node_worker *worker;
    struct cove_engine *engine;
    struct cove_edge *edge;
    uv_loop_t own;
    uv_loop_t *loop; /* &own, or the caller's */
    uv_async_t stop; /* own loop only: ends the thread */
    pthread_t thread;
    bool started, threaded;
    bool has_network;
    uint8_t network[NODE_NETWORK_KEY];
    bool ending; /* under the store's lock: the edge is asked no longer */
    int lock_fd; /* on SYNC_LOCK while it runs; -1 before, and in memory */
    void (*detached)(void *ctx);
    void *detached_ctx;
};

/* ------------------------------------------------------------ make and free */

static void sync_event(void *ctx, const char *line)
{
    const struct cove *store = ctx;

    if (store->log != NULL) {
        store->log(store->log_ctx, line);
    }
}

static void sync_error(void *ctx, int code, const char *sentence)
{
    (void)code;
    sync_event(ctx, sentence);
}

static void sync_engine_event(void *ctx, const struct cove_conn *conn,
                              const char *line)
{
    static const struct cove_key nobody;
    struct cove_conn_stats stats;
    char text[256], key[COVE_HEX_LEN(32)];

    if (conn == NULL) {
        sync_event(ctx, line);
        return;
    }
    cove_conn_stats(conn, &stats);
    if (memcmp(&stats.peer, &nobody, sizeof(nobody)) == 0) {
        return; /* the edge tells of it, by its address */
    }
    cove_hex(cove_bytes(stats.peer.b, sizeof(stats.peer.b)), key);
    snprintf(text, sizeof(text), "peer %.16s: %.200s", key, line);
    sync_event(ctx, text);
}

/* The network's key, as it is now; another is of the next start. */
static int sync_network(struct node_sync *s)
{
    struct cove_txn *txn;
    int err = node_begin(s->store, COVE_READ, &txn);

    if (err == 0) {
        err = node_network_load(txn, s->network, &s->has_network);
        if (err != 0) {
            sync_event(s->store, txn->diag.text);
        }
        cove_abort(txn);
    }
    return err;
}

static int sync_engine(struct node_sync *s)
{
    struct cove *store = s->store;
    struct cove_engine_options engine = {
        .alloc = store->alloc,
        .env = store->env,
        .repo = s->worker->repo,
        .store = store->store,
        .event = sync_engine_event,
        .ctx = store,
        .network_key = s->has_network ? s->network : NULL,
    };
    struct cove_edge_options edge = {
        .alloc = store->alloc,
        .env = store->env,
        .repo = s->worker->repo,
        .store = store->store,
        .notify_path = store->notify_path,
        .announce = node_notify,
        .on_error = sync_error,
        .event = sync_event,
        .ctx = store,
    };

    cove_identity_make(&store->secret, &store->device, store->env,
                       SYNC_CERTIFICATE_DAYS, &engine.identity);
    int err = cove_engine_new(&engine, &s->engine);

    cove_crypto_wipe(&engine.identity, sizeof(engine.identity));
    if (err == 0) {
        err = cove_edge_new(s->loop, s->engine, &edge, &s->edge);
    }
    return err;
}

/* --- who syncs
 *
 * Every process that syncs the store holds a shared lock on a file beside it,
 * which goes with the process however that ends. */

static int sync_lock_open(const struct cove *store, int flags)
{
    char path[4096];
    int len = store->dir == NULL
                  ? -1
                  : snprintf(path, sizeof(path), "%s/" SYNC_LOCK, store->dir);

    return len < 0 || len >= (int)sizeof(path)
               ? -1
               : open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* Without the lock sync works as well; only others do not know. */
static void sync_lock(struct node_sync *s)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

    s->lock_fd = sync_lock_open(s->store, O_RDWR | O_CREAT);
    if (s->lock_fd >= 0) {
        (void)fcntl(s->lock_fd, F_OFD_SETLK, &lock);
    }
}

bool node_sync_runs(struct cove *store)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd;
    bool runs;

    if (store->sync != NULL && store->sync->started) {
        return true;
    }
    fd = sync_lock_open(store, O_RDONLY); /* to close it wakes nobody */
    runs =
        fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (fd >= 0) {
        close(fd);
    }
    return runs;
}

/* Free what stands beside the loop; the edge is gone already. */
static void sync_parts_free(struct node_sync *s)
{
    if (s->lock_fd >= 0) {
        close(s->lock_fd);
    }
    if (s->engine != NULL) {
        cove_engine_free(s->engine);
    }
    if (s->worker != NULL) {
        node_worker_give(s->store, s->worker);
    }
    if (s->loop == &s->own) {
        node_loop_turn(&s->own, true);
        uv_loop_close(&s->own);
    }
    cove_crypto_wipe(s->network, sizeof(s->network));
    cove_alloc_free(s->store->alloc, s);
}

static void sync_stop_close(void *ctx)
{
    struct node_sync *s = ctx;

    s->edge = NULL;
    uv_close((uv_handle_t *)&s->stop, NULL);
}

static void sync_stop_async(uv_async_t *async)
{
    struct node_sync *s = async->data;

    if (s->edge != NULL) {
        cove_edge_stop(s->edge, sync_stop_close, s);
    } else {
        uv_close((uv_handle_t *)async, NULL);
    }
}

/* The store's sync, made on first use; loop NULL: on a loop of its own. */
static int sync_make(struct cove *store, uv_loop_t *loop,
                     struct node_sync **out)
{
    if (store->sync != NULL) {
        *out = store->sync;
        return 0;
    }
    struct node_sync *s = cove_alloc_zero(store->alloc, 1, sizeof(*s));

    if (s == NULL) {
        return COVE_ENOMEM;
    }
    s->store = store;
    s->lock_fd = -1;
    s->loop = loop != NULL ? loop : &s->own;
    if (loop == NULL &&
        (uv_loop_init(&s->own) != 0 ||
         uv_async_init(&s->own, &s->stop, sync_stop_async) != 0)) {
        cove_alloc_free(store->alloc, s);
        return COVE_EIO;
    }
    s->stop.data = s;
    int err = node_worker_take(store, &s->worker);

    if (err == 0) {
        node_worker_stays(s->worker);
        err = sync_network(s);
        err = err != 0 ? err : sync_engine(s);
    }
    if (err != 0) {
        if (loop == NULL) {
            uv_close((uv_handle_t *)&s->stop, NULL);
        }
        sync_parts_free(s);
        return err;
    }
    pthread_mutex_lock(&store->lock);
    store->sync = s;
    pthread_mutex_unlock(&store->lock);
    *out = s;
    return 0;
}

/* From here on no other thread touches the edge. */
static void sync_ends(struct node_sync *s)
{
    pthread_mutex_lock(&s->store->lock);
    s->ending = true;
    pthread_mutex_unlock(&s->store->lock);
}

static void sync_gone(struct node_sync *s)
{
    pthread_mutex_lock(&s->store->lock);
    s->store->sync = NULL;
    pthread_mutex_unlock(&s->store->lock);
}

bool node_sync_ask(struct cove *store,
                   void (*ask)(void *ctx, struct cove_edge *edge), void *ctx)
{
    bool runs;

    pthread_mutex_lock(&store->lock);
    runs = store->sync != NULL && store->sync->started && !store->sync->ending;
    if (runs) {
        ask(ctx, store->sync->edge);
    }
    pthread_mutex_unlock(&store->lock);
    return runs;
}

void node_sync_free(struct cove *store)
{
    struct node_sync *s = store->sync;

    if (s == NULL || s->loop != &s->own) {
        return; /* the caller's loop: detach is the caller's to call */
    }
    sync_ends(s);
    uv_async_send(&s->stop);
    if (s->threaded) {
        pthread_join(s->thread, NULL);
    } else {
        node_loop_turn(&s->own, false);
    }
    sync_gone(s);
    sync_parts_free(s);
}

static int sync_start(struct node_sync *s)
{
    int err = 0;

    if (!s->started) {
        sync_lock(s);
        err = cove_edge_start(s->edge);
        pthread_mutex_lock(&s->store->lock);
        s->started = err == 0;
        pthread_mutex_unlock(&s->store->lock);
    }
    return err;
}

int node_sync_start(struct cove *store, uv_loop_t *loop)
{
    struct node_sync *s = NULL;
    int err = store->no_sync ? 0 : sync_make(store, loop, &s);

    return err != 0 || s == NULL ? err : sync_start(s);
}

uv_loop_t *node_sync_turns(const struct cove *store)
{
    struct node_sync *s = store->sync;

    return s != NULL && !s->threaded && s->loop == &s->own ? s->loop : NULL;
}

/* It was opened so that another process syncs it. */
static int sync_refuse(const struct cove *store, const char *call,
                       struct cove_diag *diag)
{
    return store->no_sync
               ? cove_fail(diag, COVE_EUSAGE,
                           "%s: the store was opened with COVE_OPEN_NO_SYNC",
                           call)
               : 0;
}

/* -------------------------------------------------------------------- the API
 */

void cove_set_log(struct cove *store, void (*line)(void *ctx, const char *text),
                  void *ctx)
{
    store->log = line;
    store->log_ctx = ctx;
}

int cove_listen(struct cove *store, const char *address)
{
    struct node_sync *s = NULL;
    struct cove_diag diag = {0};
    int err = sync_refuse(store, "cove_listen", &diag);

    err = err != 0 ? err : sync_make(store, NULL, &s);
    if (err == 0 && s->threaded) {
        err = cove_fail(&diag, COVE_EBUSY, "listen before cove_thread_start");
    }
    if (err == 0) {
        err = cove_edge_listen(s->edge, address, &diag);
    }
    return node_failed(store, err, &diag);
}

const char *cove_address(const struct cove *store)
{
    return store->sync != NULL ? cove_edge_address(store->sync->edge) : "";
}

static void *sync_thread(void *arg)
{
    struct node_sync *s = arg;

    node_loop_turn(&s->own, false);
    return NULL;
}

int cove_thread_start(struct cove *store)
{
    struct node_sync *s = NULL;
    struct cove_diag diag = {0};
    int err = sync_refuse(store, "cove_thread_start", &diag);

    err = err != 0 ? err : sync_make(store, NULL, &s);
    if (err == 0 && (s->threaded || s->loop != &s->own)) {
        err = cove_fail(&diag, COVE_EBUSY, "sync runs already");
    }
    if (err == 0) {
        err = sync_start(s);
    }
    if (err == 0) {
        node_loop_leave(store); /* the thread turns it from here on */
        s->threaded = pthread_create(&s->thread, NULL, sync_thread, s) == 0;
        err = s->threaded ? 0 : COVE_ENOMEM;
    }
    return node_failed(store, err, &diag);
}

void cove_thread_stop(struct cove *store)
{
    node_sync_free(store);
}

static void sync_detached(void *ctx)
{
    struct node_sync *s = ctx;
    void (*done)(void *) = s->detached;
    void *done_ctx = s->detached_ctx;

    sync_gone(s);
    sync_parts_free(s);
    done(done_ctx);
}

void node_sync_detach(struct cove *store, void (*done)(void *ctx), void *ctx)
{
    struct node_sync *s = store->sync;

    if (s == NULL || s->loop == &s->own) {
        done(ctx);
        return;
    }
    s->detached = done;
    s->detached_ctx = ctx;
    sync_ends(s);
    cove_edge_stop(s->edge, sync_detached, s);
}

/* ----------------------------------------------------------------------- wait
 */

struct wait {
    struct cove *store;
    struct cove_key key;
    bool one;      /* only that peer */
    bool last;     /* say what is missing */
    char why[512]; /* that */
};

/* Has this peer acknowledged all, and do we have all it told us? */
static int wait_peer(struct wait *w, struct cove_txn *txn,
                     const struct cove_peer_record *peer, bool *done)
{
    enum cove_peer_state state = node_peer_state(txn, peer);
    bool lacks = true;
    uint64_t unsent = 0;
    int err = 0;

    if (state == COVE_PEER_IDLE) {
        err = node_peer_lacks(txn, peer, &lacks);
    }
    if (err == 0 && lacks && w->last) {
        err = node_peer_unsent(txn, peer, &unsent);
    }
    if (err == 0 && lacks) {
        char key[COVE_HEX_LEN(32)];

        cove_hex(cove_bytes(peer->key.b, sizeof(peer->key.b)), key);
        snprintf(w->why, sizeof(w->why),
                 "peer %.16s%s%s is %s, %llu unsent%s%s", key,
                 peer->name[0] != '\0' ? " " : "", peer->name,
                 cove_peer_state_name(state), (unsigned long long)unsent,
                 peer->error[0] != '\0' ? ": " : "", peer->error);
        *done = false;
    }
    return err;
}

static int wait_look(struct wait *w, bool *done)
{
    struct cove_peer_record peer;
    const struct cove_key *after = NULL;
    struct cove_key last;
    struct cove_txn *txn;
    bool any = false;
    int err = node_begin(w->store, COVE_READ, &txn);

    if (err != 0) {
        return err;
    }
    *done = true;
    while (err == 0) {
        err = w->one && any ? COVE_ENOTFOUND
              : w->one
                  ? cove_peer_get(txn->worker->repo, txn->txn, &w->key, &peer)
                  : cove_peer_next(txn->worker->repo, txn->txn, after, &peer);
        if (err != 0) {
            break;
        }
        last = peer.key;
        after = &last;
        if (w->one || !cove_peer_is_guest(&peer)) { /* those come and go */
            any = true;
            err = wait_peer(w, txn, &peer, done);
        }
    }
    cove_abort(txn);
    if (err == COVE_ENOTFOUND && !any) {
        snprintf(w->why, sizeof(w->why),
                 w->one ? "no such peer; `cove peer list` shows them"
                        : "no peer is known here; `cove peer add` adds one");
    }
    return err == COVE_ENOTFOUND && any ? 0 : err;
}

static int64_t wait_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Sleep until somebody commits, or a while. */
static void wait_sleep(int watch, int64_t left_ms)
{
    struct pollfd fd = {.fd = watch, .events = POLLIN};
    char room[4096];

    if (poll(&fd, watch >= 0 ? 1 : 0,
             left_ms < SYNC_POLL_MS ? (int)left_ms : SYNC_POLL_MS) > 0) {
        while (read(watch, room, sizeof(room)) > 0) {
        }
    }
}

int cove_wait(struct cove *store, const char *peer, int timeout_ms)
{
    struct wait w = {.store = store, .one = peer != NULL};
    struct cove_diag diag = {0};
    int64_t until = wait_now() + timeout_ms;
    int watch = -1, err = 0;
    bool done = false;

    if (peer != NULL && cove_hex_parse(peer, w.key.b, sizeof(w.key.b)) != 0) {
        err = cove_fail(&diag, COVE_EUSAGE,
                        "\"%s\" is no device key: 64 hex digits", peer);
        return node_failed(store, err, &diag);
    }
    if (store->notify_path != NULL) {
        node_notify(store);
        watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (watch >= 0) {
            inotify_add_watch(watch, store->notify_path, IN_ATTRIB | IN_MODIFY);
        }
    }
    for (;;) {
        int64_t left;

        left = until - wait_now();
        w.last = left <= 0;
        err = wait_look(&w, &done);
        if (err != 0 || done || w.last) {
            break;
        }
        wait_sleep(watch, left);
    }
    if (watch >= 0) {
        close(watch);
    }
    if (err == 0 && !done) {
        err = COVE_ETIMEOUT;
    }
    if (err != 0) {
        cove_fail(&diag, err, "%s", w.why);
    }
    return node_failed(store, err, &diag);
}
