/* serve_socket.c: DIR/serve.sock, where commands on this machine ask the daemon
 * what only its memory has, and nudge it: one JSON object a line, one reply.
 *
 *     {"do":"state"}    how it is: phase, addresses, connections
 *     {"do":"redial"}   call the peers that are away now
 *     {"do":"forgive","who":…}  take in again who is refused for a while
 *
 * Only the user who runs the daemon, and root, are answered: the file's mode
 * says so, and the kernel's word on who called is asked as well. Whoever
 * dawdles is closed; there is room for a few, and for a short line from each.
 */
#include "cli/serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME    "serve.sock"
#define SOCKET_CLIENTS 8
#define SOCKET_BACKLOG 64 /* who waits for a place; then connecting waits */
#define SOCKET_LINE    1024
#define SOCKET_MS      2000 /* for a question and its answer */

struct socket_client {
    uv_pipe_t pipe;
    uv_write_t write;
    struct serve_socket *socket;
    bool used;
    uint64_t until_ms;
    char *reply;
    size_t len;
    char line[SOCKET_LINE];
};

struct serve_socket {
    struct serve *serve;
    uv_pipe_t listener;
    uv_timer_t timer;
    unsigned handles; /* not closed yet; the last frees it */
    bool waiting;     /* somebody calls for whom there was no room */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    struct socket_client clients[SOCKET_CLIENTS];
};

/* -------------------------------------------------------------------- a call
 */

static void socket_on_call(uv_stream_t *listener, int status);

static void socket_closed(uv_handle_t *handle)
{
    struct serve_socket *socket = handle->data;

    socket->handles--;
    if (socket->handles == 0) {
        free(socket);
    }
}

/* The place is free, and whoever waits for one gets it. */
static void client_closed(uv_handle_t *handle)
{
    struct socket_client *client = handle->data;
    struct serve_socket *socket = client->socket;

    free(client->reply);
    client->reply = NULL;
    client->used = false;
    socket->handles--;
    if (socket->waiting && !uv_is_closing((uv_handle_t *)&socket->listener)) {
        socket->waiting = false;
        socket_on_call((uv_stream_t *)&socket->listener, 0);
    }
    if (socket->handles == 0) {
        free(socket);
    }
}

static void client_close(struct socket_client *client)
{
    if (!uv_is_closing((uv_handle_t *)&client->pipe)) {
        uv_close((uv_handle_t *)&client->pipe, client_closed);
    }
}

static void client_written(uv_write_t *write, int status)
{
    (void)status;
    client_close(write->data);
}

/* The answer to a line; NULL where there is no memory. */
static json_t *client_answer(struct serve *serve, const char *line)
{
    json_t *request = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    const char *verb = cli_text(request, "do");
    json_t *reply = NULL;

    if (strcmp(verb, "state") == 0) {
        reply = serve_state(serve);
    } else if (strcmp(verb, "redial") == 0 &&
               serve_phase_now(serve) == SERVE_READY) {
        reply = serve_ask(serve, json_pack("{s:s}", "do", "sync.redial"));
    } else if (strcmp(verb, "forgive") == 0 &&
               serve_phase_now(serve) == SERVE_READY) {
        reply = serve_ask(serve, json_pack("{s:s s:s}", "do", "sync.forgive",
                                           "who", cli_text(request, "who")));
    } else {
        reply = json_pack("{s:s}", "refused",
                          "the daemon takes {\"do\": \"state\"} and, once it "
                          "is ready, {\"do\": \"redial\"} and {\"do\": "
                          "\"forgive\", \"who\": …}");
    }
    json_decref(request);
    return reply;
}

static void client_reply(struct socket_client *client)
{
    json_t *reply = client_answer(client->socket->serve, client->line);
    char *text = json_dumps(reply, JSON_COMPACT);
    size_t len = text != NULL ? strlen(text) : 0;
    uv_buf_t buf;

    json_decref(reply);
    client->reply = text;
    (void)uv_read_stop((uv_stream_t *)&client->pipe);
    if (text == NULL) {
        client_close(client);
        return;
    }
    text[len] = '\n'; /* in the place of the NUL */
    buf = uv_buf_init(text, (unsigned)len + 1);
    client->write.data = client;
    if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &buf, 1,
                 client_written) != 0) {
        client_close(client);
    }
}

static void client_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct socket_client *client = handle->data;

    (void)suggested;
    *buf = uv_buf_init(client->line + client->len,
                       (unsigned)(sizeof(client->line) - 1 - client->len));
}

static void client_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct socket_client *client = stream->data;
    char *end;

    (void)buf;
    if (n < 0) {
        client_close(client);
        return;
    }
    client->len += (size_t)n;
    client->line[client->len] = '\0';
    end = memchr(client->line, '\n', client->len);
    if (end != NULL) {
        *end = '\0';
        client_reply(client);
    } else if (client->len == sizeof(client->line) - 1) {
        client_close(client); /* no question is so long */
    }
}

/* Who calls, as the kernel knows; (uid_t)-1 where it does not. */
static uid_t client_user(const struct socket_client *client)
{
    struct ucred who = {.uid = (uid_t)-1};
    socklen_t len = sizeof(who);
    int fd = -1;

    if (uv_fileno((const uv_handle_t *)&client->pipe, &fd) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0) {
        return (uid_t)-1;
    }
    return who.uid;
}

static void socket_on_call(uv_stream_t *listener, int status)
{
    struct serve_socket *socket = listener->data;
    struct socket_client *client = NULL;
    uid_t user;

    for (size_t i = 0; i < SOCKET_CLIENTS && client == NULL; i++) {
        client = socket->clients[i].used ? NULL : &socket->clients[i];
    }
    if (status != 0 || client == NULL) {
        socket->waiting = status == 0;
        return;
    }
    (void)uv_pipe_init(listener->loop, &client->pipe, 0);
    client->pipe.data = client;
    client->socket = socket;
    client->used = true;
    client->len = 0;
    client->until_ms = uv_now(listener->loop) + SOCKET_MS;
    socket->handles++;
    if (uv_accept(listener, (uv_stream_t *)&client->pipe) != 0) {
        client_close(client);
        return;
    }
    user = client_user(client);
    if (user != geteuid() && user != 0) {
        serve_say(&socket->serve->log, SERVE_WARN, "refused",
                  "user %u asks at %s, and is not answered", (unsigned)user,
                  socket->path);
        client_close(client);
        return;
    }
    (void)uv_read_start((uv_stream_t *)&client->pipe, client_alloc,
                        client_read);
}

/* Once a second: who dawdles? */
static void socket_on_timer(uv_timer_t *timer)
{
    struct serve_socket *socket = timer->data;
    uint64_t now_ms = uv_now(timer->loop);

    for (size_t i = 0; i < SOCKET_CLIENTS; i++) {
        struct socket_client *client = &socket->clients[i];

        if (client->used && now_ms >= client->until_ms) {
            client_close(client);
        }
    }
}

/* ---------------------------------------------------------------- the socket
 */

/* Does somebody answer there? Else what lies there is left over. */
static bool socket_is_alive(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive;

    memcpy(to.sun_path, path, strlen(path) + 1);
    alive = fd >= 0 &&
            (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 ||
             errno == EAGAIN);
    if (fd >= 0) {
        close(fd);
    }
    return alive;
}

/* What a daemon left that was killed, and nothing else, is removed. */
static const char *socket_clear(const char *path)
{
    struct stat st;

    if (lstat(path, &st) != 0) {
        return NULL;
    }
    if (!S_ISSOCK(st.st_mode)) {
        return "something else is there";
    }
    if (socket_is_alive(path)) {
        return "another daemon on this store answers there";
    }
    return unlink(path) == 0 ? NULL : strerror(errno);
}

static const char *socket_listen(struct serve_socket *socket)
{
    const char *why = socket_clear(socket->path);
    mode_t mask;
    int err;

    if (why != NULL) {
        return why;
    }
    mask = umask(0177); /* before anybody can see it */
    err = uv_pipe_bind(&socket->listener, socket->path);
    (void)umask(mask);
    if (err == 0) {
        err = uv_listen((uv_stream_t *)&socket->listener, SOCKET_BACKLOG,
                        socket_on_call);
    }
    return err == 0 ? NULL : uv_strerror(err);
}

struct serve_socket *serve_socket_open(struct serve *serve)
{
    struct serve_socket *socket = calloc(1, sizeof(*socket));
    const char *why = "out of memory";

    if (socket != NULL) {
        int len = snprintf(socket->path, sizeof(socket->path),
                           "%s/" SOCKET_NAME, serve->cli->dir);

        socket->serve = serve;
        (void)uv_pipe_init(&serve->loop, &socket->listener, 0);
        (void)uv_timer_init(&serve->loop, &socket->timer);
        socket->listener.data = socket;
        socket->timer.data = socket;
        socket->handles = 2;
        why = len < 0 || len >= (int)sizeof(socket->path)
                  ? "its path would be too long for a socket"
                  : socket_listen(socket);
    }
    if (why == NULL) {
        (void)uv_timer_start(&socket->timer, socket_on_timer, 1000, 1000);
        return socket;
    }
    serve_say(&serve->log, SERVE_WARN, "socket", "no %s/" SOCKET_NAME ": %s",
              serve->cli->dir, why);
    if (socket != NULL) {
        uv_close((uv_handle_t *)&socket->listener, socket_closed);
        uv_close((uv_handle_t *)&socket->timer, socket_closed);
    }
    return NULL;
}

void serve_socket_close(struct serve_socket *socket)
{
    if (socket == NULL) {
        return;
    }
    for (size_t i = 0; i < SOCKET_CLIENTS; i++) {
        if (socket->clients[i].used) {
            client_close(&socket->clients[i]);
        }
    }
    uv_close((uv_handle_t *)&socket->listener, socket_closed);
    uv_close((uv_handle_t *)&socket->timer, socket_closed);
}
