/* A turn: whatever sockets, timers and other processes brought in one round of
 * the loop has been given to the engine; then, once, it commits, looks at the
 * store if that changed, and is asked what it wants to send and when it wants
 * to be woken. So one commit serves all that arrived together.
 *
 *   read … read … read → check → flush · changed · tick → write … write
 *
 * One timer serves everything that waits for a time; nothing polls but the look
 * at the store once a second, for file systems without notification.
 */
#include "sync/edge_uv_internal.h"

#include <assert.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

static void edge_on_timer(uv_timer_t *timer);

uint64_t edge_now(const struct cove_edge *edge)
{
    return uv_now(edge->loop);
}

void edge_error(struct cove_edge *edge, int code, const char *what)
{
    char sentence[2 * EDGE_SENTENCE_MAX];

    if (edge->opt.on_error != NULL) {
        snprintf(sentence, sizeof(sentence), "%s: %s", what,
                 cove_error_text(code));
        edge->opt.on_error(edge->opt.ctx, code, sentence);
    }
}

void edge_event(const struct cove_edge *edge, const char *format, ...)
{
    char line[1280]; /* a whole sentence of the engine, and who */
    va_list args;

    if (edge->opt.event == NULL) {
        return;
    }
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    edge->opt.event(edge->opt.ctx, line);
}

void edge_touch(struct cove_edge *edge)
{
    if (!edge->dirty && !edge->closing) {
        edge->dirty = true;
        (void)uv_timer_start(&edge->timer, edge_on_timer, 0, 0);
    }
}

/* --- the end */

void edge_closed(struct cove_edge *edge)
{
    edge->handles--;
    if (edge->handles > 0 || !edge->closing) {
        return;
    }

    void (*done)(void *ctx) = edge->done;
    void *ctx = edge->done_ctx;

    cove_engine_verify_by(edge->engine, NULL, NULL);
    edge_peers_free(edge);
    edge_view_clear(edge);
    cove_alloc_free(edge->opt.alloc, edge);
    if (done != NULL) {
        done(ctx);
    }
}

static void edge_on_close(uv_handle_t *handle)
{
    edge_closed(handle->data);
}

/* Everybody has heard the goodbye, or the time is over. */
static void edge_close(struct cove_edge *edge)
{
    edge->closing = true;
    while (edge->conns != NULL) {
        edge_conn_close(edge->conns);
    }

    int err = cove_engine_flush(edge->engine, edge_now(edge));

    if (err != 0) {
        edge_error(edge, err, "cannot commit what arrived");
    }
    edge_peers_stop(edge);
    uv_close((uv_handle_t *)&edge->timer, edge_on_close);
    uv_close((uv_handle_t *)&edge->check, edge_on_close);
    uv_close((uv_handle_t *)&edge->watch, edge_on_close);
    uv_close((uv_handle_t *)&edge->async, edge_on_close);
}

void cove_edge_stop(struct cove_edge *edge, void (*done)(void *ctx), void *ctx)
{
    struct edge_conn *next;

    assert(!edge->stopping);
    edge->done = done;
    edge->done_ctx = ctx;
    edge->stopping = true;
    edge->stop_ms = edge_now(edge);
    edge_listeners_close(edge);
    for (struct edge_conn *c = edge->conns; c != NULL; c = next) {
        next = c->next;
        edge_conn_bye(c);
    }
    edge_touch(edge);
}

/* --- a turn */

static void edge_pump(struct cove_edge *edge)
{
    struct edge_conn *next;

    for (struct edge_conn *c = edge->conns; c != NULL; c = next) {
        next = c->next;
        edge_conn_pump(c);
    }
}

/* A reader that died without an end keeps pages from being used again. */
static void edge_reap(struct cove_edge *edge, uint64_t now_ms)
{
    int dead = 0;
    int err;

    if (now_ms - edge->reaped_ms < EDGE_REAP_MS) {
        return;
    }
    edge->reaped_ms = now_ms;
    err = cove_store_reap(edge->opt.store, &dead);
    if (err != 0) {
        edge_error(edge, err, "cannot look for readers that died");
    } else if (dead > 0) {
        edge_event(edge, "%d readers of dead processes cleared away", dead);
    }
}

static void edge_look(struct cove_edge *edge, uint64_t now_ms)
{
    int err;

    edge->changed = false;
    edge->polled_ms = now_ms;
    edge->peers_due = true;
    edge->look_due = true;
    err = cove_engine_changed(edge->engine, now_ms);
    edge->look_error = err;
    if (err != 0) {
        edge_error(edge, err, "cannot look what changed");
    }
    edge_reap(edge, now_ms);
}

static uint64_t edge_tick(struct cove_edge *edge, uint64_t now_ms)
{
    uint64_t next = UINT64_MAX;
    int err = cove_engine_tick(edge->engine, now_ms, &next);

    if (err != 0) {
        edge_error(edge, err, "cannot go on with sync");
        return now_ms + COVE_EDGE_POLL_MS;
    }
    return next;
}

static uint64_t edge_least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void edge_turn(struct cove_edge *edge)
{
    uint64_t now_ms = edge_now(edge);
    int err;

    if (edge->closing) {
        return;
    }
    edge->look_due = edge->look_due || edge->dirty;
    edge->dirty = false;
    err = cove_engine_flush(edge->engine, now_ms);
    if (err != 0) {
        edge_error(edge, err, "cannot commit what arrived");
    }
    if (edge->started &&
        (edge->changed || now_ms - edge->polled_ms >= COVE_EDGE_POLL_MS)) {
        edge_look(edge, now_ms);
    }

    uint64_t next = edge_tick(edge, now_ms);

    edge_view_turn(edge, now_ms);
    edge_pump(edge);
    next = edge_least(next, edge_conns_tick(edge, now_ms));
    if (edge->stopping) {
        uint64_t end_ms = edge->stop_ms + atomic_load(&edge->view.stop_ms);

        if (edge->conns == NULL || now_ms >= end_ms) {
            edge_close(edge);
            return;
        }
        next = edge_least(next, end_ms);
    } else if (edge->started) {
        next = edge_least(next, edge_peers_tick(edge, now_ms));
        next = edge_least(next, edge->polled_ms + COVE_EDGE_POLL_MS);
    }
    if (next != UINT64_MAX || edge->dirty) {
        (void)uv_timer_start(&edge->timer, edge_on_timer,
                             edge->dirty || next <= now_ms ? 0 : next - now_ms,
                             0);
    }
}

static void edge_on_timer(uv_timer_t *timer)
{
    edge_turn(timer->data);
}

static void edge_on_check(uv_check_t *check)
{
    struct cove_edge *edge = check->data;

    if (edge->dirty || edge->changed) {
        edge_turn(edge);
    }
}

static void edge_on_async(uv_async_t *async)
{
    struct cove_edge *edge = async->data;

    edge->changed = true;
}

static void edge_on_watch(uv_fs_event_t *watch, const char *name, int events,
                          int status)
{
    struct cove_edge *edge = watch->data;

    (void)name;
    (void)events;
    (void)status;
    edge->changed = true;
}

void cove_edge_wake(struct cove_edge *edge)
{
    (void)uv_async_send(&edge->async);
}

/* --- the beginning */

int cove_edge_new(struct uv_loop_s *loop, struct cove_engine *engine,
                  const struct cove_edge_options *opt, struct cove_edge **out)
{
    struct cove_edge *edge = cove_alloc_zero(opt->alloc, 1, sizeof(*edge));

    if (edge == NULL) {
        return COVE_ENOMEM;
    }
    edge->opt = *opt;
    edge->engine = engine;
    edge->loop = loop;
    if (edge_view_init(edge) != 0) {
        cove_alloc_free(opt->alloc, edge);
        return COVE_ENOMEM;
    }
    /* The only one of the four that can fail. */
    if (uv_async_init(loop, &edge->async, edge_on_async) != 0) {
        edge_view_clear(edge);
        cove_alloc_free(opt->alloc, edge);
        return COVE_EIO;
    }
    (void)uv_timer_init(loop, &edge->timer);
    (void)uv_check_init(loop, &edge->check);
    (void)uv_fs_event_init(loop, &edge->watch);
    edge->async.data = edge;
    edge->timer.data = edge;
    edge->check.data = edge;
    edge->watch.data = edge;
    edge->handles = 4;
    cove_engine_verify_by(engine, edge_verify, edge);
    (void)uv_check_start(&edge->check, edge_on_check);
    *out = edge;
    return 0;
}

/* Watch the file that every process touches after a commit. Without it the
 * look once a second remains. */
static void edge_watch(struct cove_edge *edge)
{
    const char *path = edge->opt.notify_path;
    uv_fs_t req;
    int fd;

    if (path == NULL) {
        return;
    }
    fd = uv_fs_open(NULL, &req, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600,
                    NULL);
    uv_fs_req_cleanup(&req);
    if (fd >= 0) {
        (void)uv_fs_close(NULL, &req, fd, NULL);
        uv_fs_req_cleanup(&req);
    }

    int err = uv_fs_event_start(&edge->watch, edge_on_watch, path, 0);

    if (err != 0) {
        edge_event(edge, "cannot watch %s (%s): looking once a second", path,
                   uv_strerror(err));
    }
}

int cove_edge_start(struct cove_edge *edge)
{
    if (edge->started) {
        return COVE_EBUSY;
    }
    edge->started = true;
    edge->polled_ms = edge_now(edge);
    edge->reaped_ms = edge->polled_ms;
    edge_watch(edge);
    edge_peers_read(edge, edge->polled_ms);
    edge->changed = true;
    edge_touch(edge);
    return 0;
}
