/* serve_http.c: /metrics, /healthz and /readyz on a port of this machine, by
 * libmicrohttpd: it has one epoll descriptor for all its sockets, which libuv
 * polls; nothing of it runs on another thread.
 *
 *     readable ─▶ MHD_run ─▶ http_request ─▶ a response, at once
 *                                         └▶ /metrics: suspended; the text is
 *                                            made in the thread pool, since the
 *                                            store is read for it; resumed
 *
 * What is not GET or HEAD, has another Host (a web page that had its name point
 * here), or no token where one is set, gets no further. Memory, connections and
 * the time that one may last are bounded.
 */
#include "cli/serve.h"
#include "cli/serve_mhd.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HTTP_CONNECTIONS 16
#define HTTP_MEMORY      16384 /* of one: the request's lines, the head back */
#define HTTP_IDLE_S      5
#define HTTP_LIFE_MS     5000 /* of a connection, whatever it does */
#define HTTP_LOOK_MS     1000

struct http_conn { /* a place; MHD's connections point to theirs */
    struct serve_http *http;
    struct MHD_Connection *connection; /* NULL: free */
    uint64_t until_ms;
    bool waits; /* suspended, for the metrics */
};

struct http_job { /* the metrics, on their way */
    uv_work_t work;
    struct serve_http *http;
    struct serve_metrics metrics;
    char *text;
    size_t len;
};

struct serve_http {
    struct serve *serve;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer; /* MHD's own deadlines */
    uv_timer_t look;  /* ours */
    unsigned handles; /* not closed yet; the last frees it */
    bool making;      /* a job is on its way */
    bool left;        /* a connection ended, so that there is room */
    struct http_job job;
    struct http_conn conns[HTTP_CONNECTIONS];
    char address[SERVE_VALUE];
    char host[SERVE_VALUE]; /* of the address, as configured */
};

/* The library, from when a port is opened. */
static const struct serve_mhd *mhd;

/* ------------------------------------------------------------------- replies
 */

static enum MHD_Result http_give(struct MHD_Connection *connection,
                                 unsigned status, struct MHD_Response *response)
{
    enum MHD_Result result;

    if (response == NULL) {
        return MHD_NO;
    }
    (void)mhd->add_response_header(response, "Connection", "close");
    (void)mhd->add_response_header(response, "Cache-Control", "no-store");
    (void)mhd->add_response_header(response, "X-Content-Type-Options",
                                   "nosniff");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        (void)mhd->add_response_header(response, "Allow", "GET, HEAD");
    } else if (status == MHD_HTTP_UNAUTHORIZED) {
        (void)mhd->add_response_header(response, "WWW-Authenticate",
                                       "Bearer realm=\"cove\"");
    }
    result = mhd->queue_response(connection, status, response);
    mhd->destroy_response(response);
    return result;
}

/* A line of text. */
static enum MHD_Result http_say(struct MHD_Connection *connection,
                                unsigned status, const char *text)
{
    char line[SERVE_VALUE + 2];
    int len = snprintf(line, sizeof(line), "%s\n", text);
    struct MHD_Response *response = mhd->create_response_from_buffer(
        (size_t)len, line, MHD_RESPMEM_MUST_COPY);

    if (response != NULL) {
        (void)mhd->add_response_header(response, "Content-Type",
                                       "text/plain; charset=utf-8");
    }
    return http_give(connection, status, response);
}

/* ------------------------------------------------------------------- metrics
 */

/* In the thread pool. */
static void job_work(uv_work_t *work)
{
    struct http_job *job = work->data;
    struct serve *serve = job->http->serve;
    json_t *stats = serve_ask(serve, json_pack("{s:s}", "do", "stats"));
    json_t *peers = serve_ask(serve, json_pack("{s:s}", "do", "peer.list"));
    json_t *state = serve_ask(serve, json_pack("{s:s}", "do", "sync.state"));

    job->metrics.stats = stats;
    job->metrics.peers = peers;
    job->metrics.state = state;
    job->text = stats != NULL && peers != NULL
                    ? serve_metrics_text(&job->metrics, &job->len)
                    : NULL;
    json_decref(stats);
    json_decref(peers);
    json_decref(state);
}

static void http_run(struct serve_http *http);

/* All who waited get it: their requests are handled once more. */
static void job_after(uv_work_t *work, int status)
{
    struct http_job *job = work->data;
    struct serve_http *http = job->http;

    (void)status;
    for (size_t i = 0; i < HTTP_CONNECTIONS; i++) {
        if (http->conns[i].waits) {
            mhd->resume_connection(http->conns[i].connection);
        }
    }
    http_run(http);
    free(job->text);
    job->text = NULL;
    http->making = false;
    serve_job_end(http->serve);
}

static enum MHD_Result http_metrics(struct serve_http *http,
                                    struct http_conn *conn)
{
    struct http_job *job = &http->job;
    struct MHD_Response *response;
    char room[SERVE_VALUE];

    if (conn->waits) { /* it was resumed */
        conn->waits = false;
        if (job->text == NULL) {
            return http_say(conn->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                            "the store cannot be read; the log says why");
        }
        response = mhd->create_response_from_buffer(job->len, job->text,
                                                    MHD_RESPMEM_MUST_COPY);
        if (response != NULL) {
            (void)mhd->add_response_header(
                response, "Content-Type",
                "text/plain; version=0.0.4; charset=utf-8");
        }
        return http_give(conn->connection, MHD_HTTP_OK, response);
    }
    if (!http->making) {
        if (!serve_job_begin(http->serve)) {
            return http_say(conn->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                            serve_unready(http->serve, room));
        }
        job->http = http;
        job->work.data = job;
        job->metrics.ready = serve_unready(http->serve, room) == NULL;
        job->metrics.since = http->serve->since;
        http->making = true;
        (void)uv_queue_work(&http->serve->loop, &job->work, job_work,
                            job_after);
    }
    conn->waits = true;
    mhd->suspend_connection(conn->connection);
    return MHD_YES;
}

/* ------------------------------------------------------------------ requests
 */

struct http_hosts { /* the Host headers of a request */
    unsigned count;
    const char *last;
};

static enum MHD_Result http_host(void *ctx, enum MHD_ValueKind kind,
                                 const char *key, const char *value)
{
    struct http_hosts *hosts = ctx;

    (void)kind;
    if (strcasecmp(key, "Host") == 0) {
        hosts->count++;
        hosts->last = value;
    }
    return MHD_YES;
}

/* Is the name in Host one of ours, with a port or without? */
static bool http_host_is_ours(const struct serve_http *http,
                              struct MHD_Connection *connection)
{
    static const char *const always[] = {"localhost", "127.0.0.1", "::1"};
    const char *name =
        http->serve->config.of[SERVE_HTTP_NAME].value; /* may be "" */
    struct http_hosts hosts = {0};
    char whole[SERVE_VALUE], host[SERVE_VALUE];
    size_t len;
    int port;

    (void)mhd->get_connection_values(connection, MHD_HEADER_KIND, http_host,
                                     &hosts);
    len = hosts.last != NULL ? strlen(hosts.last) : 0;
    if (hosts.count != 1 || len == 0 || len > 300) {
        return false;
    }
    /* A port that is not there is put there. */
    snprintf(whole, sizeof(whole), "%s%s", hosts.last,
             hosts.last[len - 1] == ']' || strchr(hosts.last, ':') == NULL
                 ? ":80"
                 : "");
    if (!serve_address(whole, host, &port)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        if (strcasecmp(host, always[i]) == 0) {
            return true;
        }
    }
    return strcasecmp(host, http->host) == 0 ||
           (name[0] != '\0' && strcasecmp(host, name) == 0);
}

/* Takes as long wherever it differs. */
static bool http_token_is_right(const struct serve_http *http,
                                struct MHD_Connection *connection)
{
    const char *token = http->serve->config.of[SERVE_HTTP_TOKEN].value;
    const char *given = mhd->lookup_connection_value(
        connection, MHD_HEADER_KIND, "Authorization");
    size_t len = strlen(token);
    unsigned differs = 0;

    if (len == 0) {
        return true;
    }
    if (given == NULL || strncasecmp(given, "Bearer ", 7) != 0 ||
        strlen(given + 7) != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        differs |= (unsigned)(given[7 + i] ^ token[i]);
    }
    return differs == 0;
}

static bool http_has_body(struct MHD_Connection *connection)
{
    const char *len = mhd->lookup_connection_value(connection, MHD_HEADER_KIND,
                                                   "Content-Length");

    return (len != NULL && strcmp(len, "0") != 0) ||
           mhd->lookup_connection_value(connection, MHD_HEADER_KIND,
                                        "Transfer-Encoding") != NULL;
}

static enum MHD_Result http_page(struct serve_http *http,
                                 struct http_conn *conn, const char *url)
{
    char room[SERVE_VALUE];

    if (strcmp(url, "/healthz") == 0) {
        return http_say(conn->connection, MHD_HTTP_OK, "ok");
    }
    if (strcmp(url, "/readyz") == 0) {
        const char *why = serve_unready(http->serve, room);

        return http_say(conn->connection,
                        why == NULL ? MHD_HTTP_OK
                                    : MHD_HTTP_SERVICE_UNAVAILABLE,
                        why == NULL ? "ready" : why);
    }
    if (strcmp(url, "/metrics") == 0) {
        return http_metrics(http, conn);
    }
    return http_say(conn->connection, MHD_HTTP_NOT_FOUND,
                    "there are /metrics, /healthz and /readyz");
}

/* The place of a connection; a new one takes the first that is free. */
static struct http_conn *http_place(struct serve_http *http,
                                    struct MHD_Connection *connection)
{
    for (size_t i = 0; i < HTTP_CONNECTIONS; i++) {
        if (http->conns[i].connection == connection) {
            return &http->conns[i];
        }
    }
    return NULL;
}

static enum MHD_Result http_request(void *ctx,
                                    struct MHD_Connection *connection,
                                    const char *url, const char *method,
                                    const char *version, const char *data,
                                    size_t *data_len, void **seen)
{
    struct serve_http *http = ctx;
    struct http_conn *conn = http_place(http, connection);
    bool first = *seen == NULL;

    (void)version;
    (void)data;
    if (conn == NULL || *data_len != 0) {
        return MHD_NO;
    }
    *seen = conn;
    if (!first) {
        return http_page(http, conn, url);
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        return http_say(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                        "GET and HEAD are what there is");
    }
    if (http_has_body(connection)) {
        return http_say(connection, MHD_HTTP_CONTENT_TOO_LARGE,
                        "a body is not taken");
    }
    if (!http_host_is_ours(http, connection)) {
        return http_say(connection, MHD_HTTP_FORBIDDEN,
                        "this Host is not served; http-name sets one");
    }
    if (!http_token_is_right(http, connection)) {
        return http_say(connection, MHD_HTTP_UNAUTHORIZED,
                        "a token is wanted: Authorization: Bearer TOKEN");
    }
    return MHD_YES;
}

static void http_on_connection(void *ctx, struct MHD_Connection *connection,
                               void **own,
                               enum MHD_ConnectionNotificationCode what)
{
    struct serve_http *http = ctx;
    struct http_conn *conn = http_place(
        http, what == MHD_CONNECTION_NOTIFY_STARTED ? NULL : connection);

    (void)own;
    http->left = what == MHD_CONNECTION_NOTIFY_CLOSED || http->left;
    if (conn == NULL) {
        return; /* it is closed as soon as it asks */
    }
    conn->http = http;
    conn->waits = false;
    conn->connection =
        what == MHD_CONNECTION_NOTIFY_STARTED ? connection : NULL;
    conn->until_ms = uv_now(&http->serve->loop) + HTTP_LIFE_MS;
}

/* ---------------------------------------------------------------- the loop */

static void http_on_timer(uv_timer_t *timer)
{
    http_run(timer->data);
}

static void http_run(struct serve_http *http)
{
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    unsigned runs = 0;

    /* Where all places were taken it listens again at the begin of a run. */
    do {
        http->left = false;
        (void)mhd->run(http->daemon);
    } while (http->left && ++runs < HTTP_CONNECTIONS);
    if (http->left) { /* others first */
        (void)uv_timer_start(&http->timer, http_on_timer, 0, 0);
    } else if (mhd->get_timeout(http->daemon, &wait_ms) == MHD_YES) {
        (void)uv_timer_start(&http->timer, http_on_timer, wait_ms, 0);
    } else {
        (void)uv_timer_stop(&http->timer);
    }
}

static void http_on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    http_run(poll->data);
}

/* Who drips has no longer than who says nothing. */
static void http_on_look(uv_timer_t *timer)
{
    struct serve_http *http = timer->data;
    uint64_t now_ms = uv_now(timer->loop);

    for (size_t i = 0; i < HTTP_CONNECTIONS; i++) {
        const struct http_conn *conn = &http->conns[i];
        const union MHD_ConnectionInfo *fd =
            conn->connection == NULL || conn->waits || now_ms < conn->until_ms
                ? NULL
                : mhd->get_connection_info(conn->connection,
                                           MHD_CONNECTION_INFO_CONNECTION_FD);

        if (fd != NULL) {
            (void)shutdown(fd->connect_fd, SHUT_RDWR);
        }
    }
}

/* ---------------------------------------------------------------- the start
 */

/* A socket that listens at the address; -1. The bound address goes to `http`.
 */
static int http_listen(struct serve_http *http, const char *host, int port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)port)};
    bool six = inet_pton(AF_INET6, host, &v6.sin6_addr) == 1;
    struct sockaddr *at = six ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    socklen_t len = six ? sizeof(v6) : sizeof(v4);
    const int one = 1;
    int fd;

    if (!six &&
        inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
                  &v4.sin_addr) != 1) {
        return -1;
    }
    fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, at, len) != 0 || listen(fd, HTTP_CONNECTIONS) != 0 ||
        getsockname(fd, at, &len) != 0) {
        int error = uv_translate_sys_error(errno);

        (void)cli_fail(error == UV_EADDRINUSE ? CLI_BUSY : CLI_ERROR,
                       "http: cannot listen on %s: %s",
                       http->serve->config.of[SERVE_HTTP].value,
                       uv_strerror(error));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    snprintf(http->host, sizeof(http->host), "%s", host);
    snprintf(http->address, sizeof(http->address),
             six ? "[%.64s]:%d" : "%.64s:%d", host,
             ntohs(six ? v6.sin6_port : v4.sin_port));
    return fd;
}

static bool http_start(struct serve_http *http, int fd)
{
    uv_loop_t *loop = &http->serve->loop;
    const union MHD_DaemonInfo *epoll;

    http->daemon = mhd->start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, http_request,
        http, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HTTP_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)HTTP_IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_CONNECTION, http_on_connection, http, MHD_OPTION_END);
    if (http->daemon == NULL) {
        return false;
    }
    epoll = mhd->get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (epoll == NULL ||
        uv_poll_init(loop, &http->poll, epoll->epoll_fd) != 0) {
        mhd->stop_daemon(http->daemon);
        return false;
    }
    (void)uv_timer_init(loop, &http->timer);
    (void)uv_timer_init(loop, &http->look);
    http->poll.data = http;
    http->timer.data = http;
    http->look.data = http;
    http->handles = 3;
    (void)uv_timer_start(&http->look, http_on_look, HTTP_LOOK_MS, HTTP_LOOK_MS);
    (void)uv_poll_start(&http->poll, UV_READABLE, http_on_poll);
    return true;
}

int serve_http_open(struct serve *serve, struct serve_http **out)
{
    const char *text = serve->config.of[SERVE_HTTP].value;
    char host[SERVE_VALUE];
    int port = 0, fd = -1;
    const char *why;
    struct serve_http *http;

    mhd = serve_mhd_load(&why);
    if (mhd == NULL) {
        return cli_fail(CLI_INVALID,
                        "%s: http = %s: libmicrohttpd is not installed (%s); "
                        "Debian has it in libmicrohttpd12",
                        serve->config.of[SERVE_HTTP].place, text, why);
    }
    http = calloc(1, sizeof(*http));
    if (http == NULL) {
        return cli_fail(CLI_ERROR, "out of memory");
    }
    http->serve = serve;
    if (serve_address(text, host, &port)) {
        fd = http_listen(http, host, port);
    }
    if (fd < 0) {
        free(http);
        return CLI_BUSY; /* it was said */
    }
    if (!http_start(http, fd)) {
        close(fd);
        free(http);
        return cli_fail(CLI_ERROR, "http: the library does not start");
    }
    *out = http;
    serve_say(&serve->log, SERVE_INFO, "http", "metrics and health on %s",
              http->address);
    if (!serve_is_loopback(host)) {
        serve_say(&serve->log, SERVE_WARN, "http",
                  "%s: OTHER MACHINES REACH THIS PORT, in clear, with the "
                  "token alone between them and what it says",
                  http->address);
    }
    return CLI_OK;
}

const char *serve_http_address(const struct serve_http *http)
{
    return http->address;
}

static void http_on_close(uv_handle_t *handle)
{
    struct serve_http *http = handle->data;

    http->handles--;
    if (http->handles == 0) {
        mhd->stop_daemon(http->daemon);
        free(http);
    }
}

void serve_http_close(struct serve_http *http)
{
    if (http != NULL) {
        uv_close((uv_handle_t *)&http->poll, http_on_close);
        uv_close((uv_handle_t *)&http->timer, http_on_close);
        uv_close((uv_handle_t *)&http->look, http_on_close);
    }
}
