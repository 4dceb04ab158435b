/* One socket. The engine's side of a connection (c->conn) and the socket have
 * lives of their own: the engine's begins when TCP is connected and is freed
 * as soon as either end is known; the socket then lingers until the peer has
 * read our goodbye and closed too, since closing with unread bytes in it would
 * reset the stream and take the goodbye away from the peer.
 *
 *   RESOLVING → CONNECTING → OPEN → LINGERING → CLOSING
 *
 * At most one write is under way; what it carries is a copy, so the engine may
 * drop the connection at any time.
 */
#include "sync/edge_uv_internal.h"

#include <assert.h>
#include <stdio.h>

static void conn_release(struct edge_conn *c)
{
    struct cove_edge *edge = c->edge;

    assert(c->holds > 0);
    c->holds--;
    if (c->holds > 0) {
        return;
    }
    assert(c->conn == NULL && c->peer == NULL);
    cove_alloc_free(edge->opt.alloc, c->out);
    cove_alloc_free(edge->opt.alloc, c);
    edge_closed(edge);
}

static struct edge_conn *conn_new(struct cove_edge *edge)
{
    struct edge_conn *c = cove_alloc_zero(edge->opt.alloc, 1, sizeof(*c));

    if (c == NULL) {
        return NULL;
    }
    if (uv_tcp_init(edge->loop, &c->tcp) != 0) {
        cove_alloc_free(edge->opt.alloc, c);
        return NULL;
    }
    c->edge = edge;
    c->holds = 1;
    c->tcp.data = c;
    c->deadline_ms = UINT64_MAX;
    c->next = edge->conns;
    if (c->next != NULL) {
        c->next->previous = c;
    }
    edge->conns = c;
    edge->conn_count++;
    edge->handles++;
    return c;
}

static void conn_on_close(uv_handle_t *handle)
{
    conn_release(handle->data);
}

/* The engine's side ends, for this reason; the peer is looked after. */
static void conn_end(struct edge_conn *c, int code, const char *sentence)
{
    if (code != 0 && code != COVE_ECLOSED &&
        (c->peer != NULL || c->conn != NULL)) {
        c->edge->counts.failed++;
    }
    if (c->peer != NULL) {
        edge_peer_ended(c, code, sentence);
        c->peer = NULL;
    } else if (c->conn != NULL && code != COVE_ECLOSED) {
        edge_event(c->edge, "connection from %s ended: %s", c->address,
                   sentence);
    }
    if (c->conn != NULL) {
        const struct cove_key *key = cove_conn_stranger(c->conn);

        if (key != NULL) {
            edge_view_stranger(c->edge, key, c->address);
        }
        edge_ban_ended(c);
        cove_conn_closed(c->conn);
        c->conn = NULL;
    }
    edge_touch(c->edge);
}

void edge_conn_close(struct edge_conn *c)
{
    struct cove_edge *edge = c->edge;

    if (c->stage == EDGE_CLOSING) {
        return;
    }
    c->stage = EDGE_CLOSING;
    conn_end(c, COVE_ECLOSED, "closed");
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        edge->conns = c->next;
    }
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    edge->conn_count--;
    if (c->resolving) {
        (void)uv_cancel((uv_req_t *)&c->resolve);
    }
    uv_close((uv_handle_t *)&c->tcp, conn_on_close);
}

/* End both sides at once, with the engine's reason where it has one. */
static void conn_drop(struct edge_conn *c, int code, const char *sentence)
{
    const struct cove_diag *diag =
        c->conn != NULL ? cove_conn_diag(c->conn) : NULL;

    if (diag != NULL && diag->code != 0) {
        code = diag->code;
        sentence = diag->text;
    }
    conn_end(c, code, sentence);
    edge_conn_close(c);
}

/* --- reading */

static void conn_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct edge_conn *c = handle->data;

    (void)suggested;
    *buf = uv_buf_init(c->edge->read, sizeof(c->edge->read));
}

static void conn_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

/* Read, or do not, as the engine would have it. */
static void conn_listen(struct edge_conn *c)
{
    bool deaf = c->conn != NULL && cove_conn_waits(c->conn);

    if (deaf != c->deaf && c->stage != EDGE_CLOSING) {
        c->deaf = deaf;
        if (deaf) {
            (void)uv_read_stop((uv_stream_t *)&c->tcp);
        } else {
            /* Of a socket that was read before: it can only be closed. */
            (void)uv_read_start((uv_stream_t *)&c->tcp, conn_on_alloc,
                                conn_on_read);
        }
    }
}

static void conn_input(struct edge_conn *c, size_t len)
{
    struct cove_conn_stats stats;

    /* An error ends the connection; the pump sees that it is done. */
    (void)!cove_conn_input(c->conn, edge_now(c->edge),
                           cove_bytes(c->edge->read, len));
    edge_touch(c->edge);
    if (!c->open) {
        cove_conn_stats(c->conn, &stats);
        c->open = stats.open;
        if (c->open) {
            c->opened_ms = edge_now(c->edge);
            c->edge->counts.opened++;
            edge_peer_opened(c, &stats.peer);
        }
    }
    conn_listen(c);
}

static void conn_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct edge_conn *c = stream->data;

    (void)buf;
    if (n > 0 && c->conn != NULL) {
        conn_input(c, (size_t)n);
    } else if (n < 0 && c->conn != NULL) {
        int code = cove_conn_end(c->conn);

        conn_drop(c, code,
                  n == UV_EOF ? cove_error_text(code) : uv_strerror((int)n));
    } else if (n < 0) {
        edge_conn_close(c);
    }
}

/* --- writing */

static void conn_on_shutdown(uv_shutdown_t *req, int status)
{
    struct edge_conn *c = req->handle->data;

    if (status != 0) {
        edge_conn_close(c);
    }
}

/* All is said: end our side, and wait a little for the peer's end. Who was
 * told nothing need not be waited for. */
static void conn_linger(struct edge_conn *c)
{
    const struct cove_diag *diag = cove_conn_diag(c->conn);
    int code = diag->code != 0 ? diag->code : COVE_ECLOSED;

    conn_end(c, code, diag->code != 0 ? diag->text : "closed");
    if (!c->spoke) {
        edge_conn_close(c);
        return;
    }
    c->stage = EDGE_LINGERING;
    conn_listen(c);
    c->deadline_ms = edge_now(c->edge) + EDGE_LINGER_MS;
    if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, conn_on_shutdown) !=
        0) {
        edge_conn_close(c);
    }
}

static void conn_on_write(uv_write_t *req, int status)
{
    struct edge_conn *c = req->handle->data;

    c->writing = false;
    cove_alloc_free(c->edge->opt.alloc, c->out);
    c->out = NULL;
    if (c->stage != EDGE_OPEN) {
        return;
    }
    if (status != 0) {
        (void)cove_conn_end(c->conn);
        conn_drop(c, COVE_ENET, uv_strerror(status));
        return;
    }
    edge_touch(c->edge);
    edge_conn_pump(c);
}

/* The socket takes no more now: leave a piece of `out` with libuv. */
static void conn_write_later(struct edge_conn *c, struct cove_bytes out)
{
    size_t len = out.len < EDGE_WRITE ? out.len : EDGE_WRITE;
    uv_buf_t buf;

    c->out = cove_alloc_new(c->edge->opt.alloc, len);
    if (c->out == NULL) {
        return; /* the next turn tries again */
    }
    memcpy(c->out, out.at, len);
    buf = uv_buf_init((char *)c->out, (unsigned)len);
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &buf, 1, conn_on_write) !=
        0) {
        cove_alloc_free(c->edge->opt.alloc, c->out);
        c->out = NULL;
        conn_drop(c, COVE_ENET, "the socket takes no bytes");
        return;
    }
    c->writing = true;
    c->write_ms = edge_now(c->edge);
    c->spoke = true;
    cove_conn_written(c->conn, c->write_ms, len);
}

void edge_conn_pump(struct edge_conn *c)
{
    conn_listen(c);
    for (int i = 0; c->stage == EDGE_OPEN && !c->writing; i++) {
        struct cove_bytes out = cove_conn_output(c->conn);

        if (out.len == 0) {
            if (cove_conn_done(c->conn)) {
                conn_linger(c);
            }
            return;
        }
        if (i == EDGE_BURST) {
            edge_touch(c->edge); /* others first */
            return;
        }

        uv_buf_t buf =
            uv_buf_init((char *)(uintptr_t)out.at, (unsigned)out.len);
        int n = uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);

        if (n > 0) {
            c->spoke = true;
            cove_conn_written(c->conn, edge_now(c->edge), (size_t)n);
            if (n >= EDGE_WRITE / 2) {
                edge_touch(c->edge); /* the engine may go on with more */
            }
        } else if (n == UV_EAGAIN || n == UV_ENOSYS) {
            conn_write_later(c, out);
            return;
        } else {
            (void)cove_conn_end(c->conn);
            conn_drop(c, COVE_ENET, uv_strerror(n));
        }
    }
}

void edge_conn_bye(struct edge_conn *c)
{
    if (c->stage == EDGE_OPEN) {
        cove_conn_bye(c->conn);
        edge_touch(c->edge);
    } else if (c->stage != EDGE_LINGERING) {
        edge_conn_close(c);
    }
}

/* --- beginning */

/* TCP is connected: the engine takes over. */
static int conn_begin(struct edge_conn *c, enum cove_channel_role role,
                      const struct cove_key *expect)
{
    int err = cove_engine_connect(c->edge->engine, edge_now(c->edge), role,
                                  expect, &c->conn);

    if (err != 0) {
        return err;
    }
    (void)uv_tcp_nodelay(&c->tcp, 1);
    c->stage = EDGE_OPEN;
    c->deadline_ms = UINT64_MAX;
    if (uv_read_start((uv_stream_t *)&c->tcp, conn_on_alloc, conn_on_read) !=
        0) {
        return COVE_EIO;
    }
    edge_touch(c->edge);
    return 0;
}

/* Room for one more that has still to prove itself: where there are too many,
 * the oldest of its address, or of all, makes it. So who opens a thousand and
 * says nothing keeps nobody out. */
static void conn_make_room(struct cove_edge *edge, const uint8_t ip[16])
{
    struct edge_conn *oldest = NULL, *oldest_ip = NULL;
    unsigned count = 0, count_ip = 0;

    for (struct edge_conn *c = edge->conns; c != NULL; c = c->next) {
        if (c->dialled || c->open || c->stage != EDGE_OPEN) {
            continue;
        }
        count++;
        oldest = c;
        if (memcmp(c->ip, ip, 16) == 0) {
            count_ip++;
            oldest_ip = c;
        }
    }
    if (count_ip >= COVE_EDGE_HALF_OPEN_IP) {
        edge->counts.turned_away++;
        edge_conn_close(oldest_ip);
    } else if (count >= COVE_EDGE_HALF_OPEN) {
        edge->counts.turned_away++;
        edge_conn_close(oldest);
    }
}

void edge_conn_accept(struct cove_edge *edge, uv_stream_t *listener)
{
    struct edge_conn *c = conn_new(edge);
    struct sockaddr_storage from;
    int len = sizeof(from);

    if (c == NULL) {
        edge_error(edge, COVE_ENOMEM, "cannot accept a connection");
        return;
    }
    /* Until the engine has it, it counts as no half-open one. */
    c->stage = EDGE_CONNECTING;
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0 ||
        uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&from, &len) != 0) {
        edge_conn_close(c);
        return;
    }
    edge->counts.accepted++;
    edge_address_ip((struct sockaddr *)&from, c->ip);
    edge_address_text((struct sockaddr *)&from, c->address, sizeof(c->address));
    if (edge_ban_refuses(edge, c->ip)) {
        edge_conn_close(c);
        return;
    }
    conn_make_room(edge, c->ip);
    if (edge->stopping || edge->conn_count > COVE_EDGE_CONNS) {
        edge->counts.turned_away++;
        edge_conn_close(c);
        return;
    }

    int err = conn_begin(c, COVE_CHANNEL_RESPONDER, NULL);

    if (err != 0) {
        edge_error(edge, err, "cannot begin a connection");
        edge_conn_close(c);
    }
}

static void conn_on_connect(uv_connect_t *req, int status)
{
    struct edge_conn *c = req->handle->data;
    char sentence[2 * EDGE_ADDRESS_MAX];

    if (c->stage != EDGE_CONNECTING) {
        return;
    }
    if (status == 0) {
        int err = conn_begin(c, COVE_CHANNEL_INITIATOR, &c->peer->key);

        if (err != 0) {
            conn_drop(c, err, cove_error_text(err));
        }
        return;
    }
    snprintf(sentence, sizeof(sentence), "%s: cannot connect to %s",
             uv_strerror(status), c->peer->address);
    conn_drop(c, COVE_ENET, sentence);
}

static void conn_connect(struct edge_conn *c, const struct sockaddr *to)
{
    int err = uv_tcp_connect(&c->connect, &c->tcp, to, conn_on_connect);

    edge_address_text(to, c->address, sizeof(c->address));
    c->stage = EDGE_CONNECTING;
    if (err != 0) {
        conn_drop(c, COVE_ENET, uv_strerror(err));
    }
}

/* A name may have several addresses; each attempt takes the next. */
static const struct addrinfo *conn_pick(const struct addrinfo *list,
                                        unsigned attempt)
{
    const struct addrinfo *at = list;

    /* One after the other, and from the first again. */
    for (; attempt > 0; attempt--) {
        at = at->ai_next != NULL ? at->ai_next : list;
    }
    return at;
}

static void conn_on_resolve(uv_getaddrinfo_t *req, int status,
                            struct addrinfo *list)
{
    struct edge_conn *c = req->data;

    c->resolving = false;
    if (c->stage == EDGE_RESOLVING && (status != 0 || list == NULL)) {
        char sentence[2 * EDGE_ADDRESS_MAX];

        snprintf(sentence, sizeof(sentence), "%s: cannot find %s",
                 status != 0 ? uv_strerror(status) : "no address",
                 c->peer->address);
        conn_drop(c, COVE_ENET, sentence);
    } else if (c->stage == EDGE_RESOLVING) {
        conn_connect(c, conn_pick(list, c->peer->failures)->ai_addr);
    }
    uv_freeaddrinfo(list);
    conn_release(c);
}

int edge_conn_dial(struct cove_edge *edge, struct edge_peer *peer)
{
    struct edge_address address;
    struct sockaddr_storage to;
    struct edge_conn *c;

    if (edge_address_parse(peer->address, &address) != 0 ||
        address.host[0] == '\0') {
        return COVE_EUSAGE;
    }
    c = conn_new(edge);
    if (c == NULL) {
        return COVE_ENOMEM;
    }
    edge->counts.dialled++;
    c->dialled = true;
    c->peer = peer;
    peer->dialled = c;
    c->deadline_ms = edge_now(edge) + EDGE_CONNECT_MS;
    if (edge_address_numeric(&address, &to)) {
        conn_connect(c, (struct sockaddr *)&to);
        return 0;
    }

    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int err = uv_getaddrinfo(edge->loop, &c->resolve, conn_on_resolve,
                             address.host, address.port, &hints);

    c->resolve.data = c;
    if (err != 0) {
        conn_drop(c, COVE_ENET, uv_strerror(err));
        return 0;
    }
    c->resolving = true;
    c->holds++;
    return 0;
}

/* --- time */

static uint64_t conn_tick(struct edge_conn *c, uint64_t now_ms)
{
    uint64_t due = c->writing ? c->write_ms + EDGE_STALL_MS : UINT64_MAX;

    if (c->deadline_ms < due) {
        due = c->deadline_ms;
    }
    if (now_ms < due) {
        return due;
    }
    if (c->stage == EDGE_LINGERING) {
        edge_conn_close(c);
    } else {
        conn_drop(c, COVE_ETIMEOUT,
                  c->stage == EDGE_OPEN ? "the peer took nothing for 30 s"
                                        : "no answer to the call for 10 s");
    }
    return UINT64_MAX;
}

uint64_t edge_conns_tick(struct cove_edge *edge, uint64_t now_ms)
{
    uint64_t first = UINT64_MAX;
    struct edge_conn *next;

    for (struct edge_conn *c = edge->conns; c != NULL; c = next) {
        uint64_t due;

        next = c->next; /* c may close; the others stay */
        due = conn_tick(c, now_ms);
        first = due < first ? due : first;
    }
    return first;
}
