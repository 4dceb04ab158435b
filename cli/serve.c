/* serve.c: the daemon's main thread: a libuv loop that starts the worker, hears
 * signals, and ends it all within the time that is set.
 *
 *   OPENING ──▶ READY ──signal──▶ ENDING ──▶ ENDED
 *
 * The worker alone touches the store, but for reading verbs that the socket and
 * the HTTP port ask; those are let go before it closes the store.
 */
#include "cli/serve.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SERVE_BEAT_MS   10000 /* while it opens: it is not dead */
#define SERVE_MARGIN_MS 400   /* of the end, beyond the goodbyes */
#define SERVE_STUCK_MS  10000 /* sync's loop turns once a second */

static void serve_tell(void *ctx, const char *sentence)
{
    (void)ctx;
    (void)cli_fail(CLI_OK, "%s", sentence);
}

static void serve_tell_log(void *ctx, const char *sentence)
{
    serve_say(ctx, SERVE_ERROR, "reload", "%s", sentence);
}

/* --------------------------------------------------------------- how it is */

enum serve_phase serve_phase_now(struct serve *serve)
{
    enum serve_phase phase;

    uv_mutex_lock(&serve->lock);
    phase = serve->phase;
    uv_mutex_unlock(&serve->lock);
    return serve->ending && phase != SERVE_ENDED ? SERVE_ENDING : phase;
}

json_t *serve_ask(struct serve *serve, json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT), *out = NULL;
    json_t *reply = NULL;

    json_decref(request);
    if (text != NULL && cove_admin(serve->cli->store, text, &out) == 0) {
        reply = json_loads(out, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        cove_free(out);
    }
    free(text);
    return reply;
}

/* The state of sync, while there is one. */
static json_t *serve_sync(struct serve *serve)
{
    return serve_phase_now(serve) == SERVE_READY
               ? serve_ask(serve, json_pack("{s:s}", "do", "sync.state"))
               : NULL;
}

static bool serve_is_stuck(const json_t *sync)
{
    return sync != NULL && cli_int(sync, "turnedMs") > SERVE_STUCK_MS;
}

const char *serve_unready(struct serve *serve, char *room)
{
    enum serve_phase phase = serve_phase_now(serve);
    const char *why = NULL;

    if (phase != SERVE_READY) {
        return phase == SERVE_OPENING ? "the store is being opened"
                                      : "the daemon is ending";
    }
    uv_mutex_lock(&serve->lock);
    if (serve->blocked[0] != '\0') {
        memcpy(room, serve->blocked, sizeof(serve->blocked));
        why = room;
    }
    uv_mutex_unlock(&serve->lock);
    if (why == NULL) {
        json_t *sync = serve_sync(serve);

        if (serve_is_stuck(sync)) {
            why = "sync does not go on";
        } else if (cli_text(sync, "error")[0] != '\0') {
            snprintf(room, SERVE_VALUE, "sync cannot read the store: %s",
                     cli_text(sync, "error"));
            why = room;
        }
        json_decref(sync);
    }
    return why;
}

json_t *serve_state(struct serve *serve)
{
    static const char *const phases[] = {"opening", "ready", "ending", "ended"};
    char room[SERVE_VALUE];
    const char *why = serve_unready(serve, room);
    json_t *sync = serve_sync(serve);
    json_t *state = json_pack(
        "{s:i s:s s:I s:s s:b}", "pid", (int)getpid(), "version",
        cove_version(), "since", (json_int_t)serve->since * 1000, "phase",
        phases[serve_phase_now(serve)], "ready", (int)(why == NULL));

    if (why != NULL) {
        json_object_set_new(state, "why", json_string(why));
    }
    if (serve->http != NULL) {
        json_object_set_new(state, "http",
                            json_string(serve_http_address(serve->http)));
    }
    if (sync != NULL) {
        json_object_update(state, sync);
        json_decref(sync);
    }
    return state;
}

/* ------------------------------------------------------------------- the end
 */

/* Close all that the loop has; then it ends. */
static void serve_shut(struct serve *serve)
{
    serve_socket_close(serve->socket);
    serve_http_close(serve->http);
    for (size_t i = 0; i < 3; i++) {
        uv_close((uv_handle_t *)&serve->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&serve->moved, NULL);
    uv_close((uv_handle_t *)&serve->beat, NULL);
    uv_close((uv_handle_t *)&serve->limit, NULL);
}

/* The worker is told once nobody else reads the store. */
static void serve_try_end(struct serve *serve)
{
    if (!serve->ending || serve->jobs > 0) {
        return;
    }
    uv_mutex_lock(&serve->lock);
    serve->stop = true;
    uv_cond_signal(&serve->wake);
    uv_mutex_unlock(&serve->lock);
}

bool serve_job_begin(struct serve *serve)
{
    if (serve_phase_now(serve) != SERVE_READY) {
        return false;
    }
    serve->jobs++;
    return true;
}

void serve_job_end(struct serve *serve)
{
    serve->jobs--;
    serve_try_end(serve);
}

/* Nothing that was acknowledged is lost: a store stands any end. */
static void serve_on_limit(uv_timer_t *timer)
{
    struct serve *serve = timer->data;

    serve_say(&serve->log, SERVE_WARN, "ended",
              "the end took too long and was not waited for");
    _exit(CLI_ERROR);
}

static void serve_end(struct serve *serve, int number)
{
    long drain_ms = atomic_load(&serve->drain_ms);

    if (serve->ending) {
        serve_say(&serve->log, SERVE_WARN, "ended",
                  "a second signal: not waiting for goodbyes");
        _exit(128 + number);
    }
    serve->ending = true;
    serve->ended_ms = uv_now(&serve->loop);
    serve_say(&serve->log, SERVE_INFO, "ending", "%s: saying goodbye",
              number == SIGINT ? "SIGINT" : "SIGTERM");
    serve_notify_send(&serve->notify, "STOPPING=1\nSTATUS=saying goodbye");
    (void)uv_timer_start(&serve->limit, serve_on_limit,
                         (uint64_t)drain_ms + SERVE_MARGIN_MS, 0);
    serve_try_end(serve);
}

/* ------------------------------------------------------------------- reload
 */

/* Sync is told whether any device may connect; once it is ready. */
static void serve_open(struct serve *serve)
{
    bool open = serve_is(&serve->config, SERVE_OPEN, "yes");

    if (serve_phase_now(serve) != SERVE_READY || open == serve->open) {
        return;
    }
    serve->open = open;
    json_decref(serve_ask(
        serve, json_pack("{s:s s:b}", "do", "sync.open", "open", (int)open)));
}

/* Sync is told how much a device may bring; once it is ready. */
static void serve_quota(struct serve *serve)
{
    const struct serve_config *config = &serve->config;

    if (serve_phase_now(serve) == SERVE_READY) {
        json_decref(serve_ask(
            serve, json_pack("{s:s s:I s:I}", "do", "sync.quota", "documents",
                             (json_int_t)serve_number(config, SERVE_QUOTA_DOCS),
                             "bytes",
                             (json_int_t)serve_number(config, SERVE_QUOTA_MIB) *
                                 1048576)));
    }
}

static void serve_apply(struct serve *serve)
{
    atomic_store(&serve->log.level,
                 serve_level_of(serve->config.of[SERVE_LOG_LEVEL].value));
    atomic_store(&serve->log.json,
                 serve_is(&serve->config, SERVE_LOG_FORMAT, "json"));
    atomic_store(&serve->compact_days,
                 serve_number(&serve->config, SERVE_COMPACT_DAYS));
    atomic_store(&serve->scrub, serve_number(&serve->config, SERVE_SCRUB));
    atomic_store(&serve->history_days,
                 serve_number(&serve->config, SERVE_HISTORY_DAYS));
    atomic_store(&serve->history_bytes,
                 serve_number(&serve->config, SERVE_HISTORY_BYTES));
    atomic_store(&serve->drain_ms, serve_number(&serve->config, SERVE_DRAIN));
    serve_quota(serve);
    serve_open(serve);
}

/* Take over what may change now; say what waits for the next start. */
static void serve_take(struct serve *serve, const struct serve_config *new)
{
    unsigned changed = 0;

    for (enum serve_key key = SERVE_LISTEN; key < SERVE_KEYS; key++) {
        if (serve_is(new, key, serve->config.of[key].value)) {
            continue;
        }
        changed++;
        if (serve_is_live(key)) {
            serve->config.of[key] = new->of[key];
        } else {
            serve_say(&serve->log, SERVE_WARN, "reload",
                      "%s: %s changes at the next start, and is %s until then",
                      new->of[key].place, serve_name(key),
                      serve->config.of[key].value);
        }
    }
    serve_apply(serve);
    serve_say(&serve->log, SERVE_INFO, "reload", "settings read, %u changed",
              changed);
}

static void serve_reload(struct serve *serve)
{
    struct serve_complain complain = {serve_tell_log, &serve->log};
    struct serve_config *new = malloc(sizeof(*new));

    serve_notify_send(&serve->notify, "RELOADING=1\nMONOTONIC_USEC=%llu",
                      (unsigned long long)(uv_hrtime() / 1000));
    if (new == NULL || serve_config_read(serve->cli->dir, &serve->flags,
                                         &complain, new) != CLI_OK) {
        serve_say(&serve->log, SERVE_ERROR, "reload",
                  "the settings stay as they were");
    } else {
        serve_take(serve, new);
    }
    free(new);
    if (serve_phase_now(serve) == SERVE_READY) {
        serve_notify_send(&serve->notify, "READY=1");
    }
}

static void serve_on_signal(uv_signal_t *handle, int number)
{
    struct serve *serve = handle->data;

    if (number == SIGHUP) {
        serve_reload(serve);
    } else {
        serve_end(serve, number);
    }
}

/* ---------------------------------------------------------------- the start
 */

/* The addresses, on standard output: whoever started it waits for them. */
static void serve_announce(struct serve *serve)
{
    json_t *sync = serve_sync(serve), *address;
    const json_t *listening = json_object_get(sync, "listening");
    const char *first = cove_address(serve->cli->store);
    const char *http =
        serve->http != NULL ? serve_http_address(serve->http) : "";
    size_t i;

    if (serve->cli->json) {
        json_t *reply =
            json_pack("{s:s s:O? s:b}", "listening", first, "addresses",
                      listening, "open", (int)serve->open);

        if (http[0] != '\0') {
            json_object_set_new(reply, "http", json_string(http));
        }
        cli_print_json(reply);
        json_decref(reply);
    } else {
        json_array_foreach(listening, i, address)
        {
            printf("listening on %s\n", json_string_value(address));
        }
        if (http[0] != '\0') {
            printf("http on %s\n", http);
        }
        if (serve->open) {
            puts("OPEN: any device that can reach this may connect and leave "
                 "documents here; open = no ends that");
        }
    }
    fflush(stdout);
    serve_notify_send(&serve->notify, "READY=1\nSTATUS=listening on %s%s",
                      first, serve->open ? ", OPEN to any device" : "");
    json_decref(sync);
}

static void serve_on_moved(uv_async_t *moved)
{
    struct serve *serve = moved->data;
    enum serve_phase phase = serve_phase_now(serve);

    if (phase == SERVE_READY) {
        if (serve_is(&serve->config, SERVE_SOCKET, "on")) {
            serve->socket = serve_socket_open(serve);
        }
        serve_quota(serve);
        serve_open(serve);
        serve_announce(serve);
    } else if (phase == SERVE_ENDED) {
        serve_shut(serve);
    }
}

/* The service manager hears that it lives while both loops turn. */
static void serve_on_beat(uv_timer_t *timer)
{
    struct serve *serve = timer->data;
    json_t *sync = serve_sync(serve);

    if (serve_phase_now(serve) == SERVE_OPENING) {
        serve_notify_send(&serve->notify, "EXTEND_TIMEOUT_USEC=%d",
                          3 * SERVE_BEAT_MS * 1000);
    }
    if (serve->notify.watchdog_ms > 0 && !serve_is_stuck(sync)) {
        serve_notify_send(&serve->notify, "WATCHDOG=1");
    }
    json_decref(sync);
}

static int serve_init(struct serve *serve)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    uint64_t beat_ms = SERVE_BEAT_MS;

    if (uv_loop_init(&serve->loop) != 0 ||
        uv_async_init(&serve->loop, &serve->moved, serve_on_moved) != 0 ||
        uv_mutex_init(&serve->lock) != 0 || uv_cond_init(&serve->wake) != 0) {
        return cli_fail(CLI_ERROR, "no memory or descriptors are left");
    }
    serve->moved.data = serve;
    for (size_t i = 0; i < 3; i++) {
        (void)uv_signal_init(&serve->loop, &serve->signals[i]);
        serve->signals[i].data = serve;
        if (uv_signal_start(&serve->signals[i], serve_on_signal, numbers[i]) !=
            0) {
            return cli_fail(CLI_ERROR, "cannot wait for signals");
        }
    }
    (void)uv_timer_init(&serve->loop, &serve->limit);
    (void)uv_timer_init(&serve->loop, &serve->beat);
    serve->limit.data = serve;
    serve->beat.data = serve;
    if (serve->notify.watchdog_ms > 0 &&
        serve->notify.watchdog_ms / 3 < beat_ms) {
        beat_ms = serve->notify.watchdog_ms / 3 + 1;
    }
    if (serve->notify.fd >= 0) {
        (void)uv_timer_start(&serve->beat, serve_on_beat, 0, beat_ms);
    }
    return CLI_OK;
}

static int serve_run(struct serve *serve)
{
    struct cli *cli = serve->cli;
    int code = serve_init(serve);
    bool works = false;

    if (code != CLI_OK) {
        return code;
    }
    cli->level =
        serve_is(&serve->config, SERVE_LEVEL, "group") ? COVE_GROUP : COVE_FULL;
    if (!serve_is(&serve->config, SERVE_HTTP, "off")) {
        code = serve_http_open(serve, &serve->http);
    }
    if (code == CLI_OK) {
        works = uv_thread_create(&serve->thread, serve_work, serve) == 0;
        code = works ? CLI_OK : cli_fail(CLI_ERROR, "cannot start a thread");
    }
    if (!works) {
        serve_shut(serve);
    }
    uv_run(&serve->loop, UV_RUN_DEFAULT);
    if (works) {
        uv_thread_join(&serve->thread);
        code = serve->code;
    }
    if (serve->ending) {
        serve_say(&serve->log, SERVE_INFO, "ended", "ended in %llu ms",
                  (unsigned long long)(uv_now(&serve->loop) - serve->ended_ms));
    }
    uv_mutex_destroy(&serve->lock);
    uv_cond_destroy(&serve->wake);
    uv_loop_close(&serve->loop);
    return code;
}

int cli_serve(struct cli *cli)
{
    struct serve_complain complain = {serve_tell, NULL};
    struct serve *serve = calloc(1, sizeof(*serve));
    bool check = cli_flag(cli, "--check-config");
    int code;

    if (serve == NULL) {
        return cli_fail(CLI_ERROR, "out of memory");
    }
    code = serve_flags_take(cli, &serve->flags);
    if (code == CLI_OK) {
        code = serve_config_read(cli->dir, &serve->flags, &complain,
                                 &serve->config);
    }
    if (code == CLI_OK && check) {
        serve_config_print(cli, &serve->config);
    } else if (code == CLI_OK) {
        signal(SIGPIPE, SIG_IGN);
        serve->cli = cli;
        serve->since = time(NULL);
        serve_apply(serve);
        serve_notify_init(&serve->notify);
        code = serve_run(serve);
        serve_notify_clear(&serve->notify);
    }
    free(serve);
    return code;
}
