/* Where the edge listens: any number of addresses up to a limit, of both
 * families. ":port" is every address of this machine, v4 and v6; "[::]:port" is
 * v6 alone, so that it can stand beside "0.0.0.0:port".
 */
#include "sync/edge_uv_internal.h"

#include <stdlib.h>

static void edge_on_listener_close(uv_handle_t *handle)
{
    struct edge_listener *listener = handle->data;
    struct cove_edge *edge = listener->edge;

    cove_alloc_free(edge->opt.alloc, listener);
    edge_closed(edge);
}

/* Out of the list, which it stands at the end of or not, and closed. */
static void listener_close(struct edge_listener **at)
{
    struct edge_listener *listener = *at;

    *at = listener->next;
    listener->edge->listener_count--;
    uv_close((uv_handle_t *)&listener->tcp, edge_on_listener_close);
}

void edge_listeners_close(struct cove_edge *edge)
{
    while (edge->listeners != NULL) {
        listener_close(&edge->listeners);
    }
    edge_view_listening(edge);
}

static void edge_on_connection(uv_stream_t *stream, int status)
{
    const struct edge_listener *listener = stream->data;

    if (status != 0) {
        edge_error(listener->edge, COVE_ENET, "cannot accept a connection");
        return;
    }
    edge_conn_accept(listener->edge, stream);
}

static int edge_listen_error(int status, const char *address,
                             struct cove_diag *diag)
{
    int code = status == UV_EADDRINUSE ? COVE_EADDRINUSE
               : status == UV_EACCES   ? COVE_EACCES
               : status == UV_ENOMEM   ? COVE_ENOMEM
                                       : COVE_ENET;

    return cove_fail(diag, code, "cannot listen on %s: %s", address,
                     uv_strerror(status));
}

/* Bind, listen and note the address; 0 or libuv's error. */
static int edge_listen_at(struct cove_edge *edge, const struct sockaddr *at,
                          unsigned flags)
{
    struct edge_listener *listener =
        cove_alloc_zero(edge->opt.alloc, 1, sizeof(*listener));
    struct edge_listener **end = &edge->listeners;
    struct sockaddr_storage bound;
    int len = sizeof(bound);
    int status;

    if (listener == NULL) {
        return UV_ENOMEM;
    }
    status = uv_tcp_init(edge->loop, &listener->tcp);
    if (status != 0) {
        cove_alloc_free(edge->opt.alloc, listener);
        return status;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = listener;
    listener->edge = edge;
    listener->tcp.data = listener;
    edge->listener_count++;
    edge->handles++;
    status = uv_tcp_bind(&listener->tcp, at, flags);
    if (status == 0) {
        status = uv_listen((uv_stream_t *)&listener->tcp, COVE_EDGE_HALF_OPEN,
                           edge_on_connection);
    }
    if (status == 0) {
        status =
            uv_tcp_getsockname(&listener->tcp, (struct sockaddr *)&bound, &len);
    }
    if (status != 0) {
        listener_close(end);
        return status;
    }
    edge_address_text((struct sockaddr *)&bound, listener->address,
                      sizeof(listener->address));
    edge_view_listening(edge);
    edge_event(edge, "listening on %s", listener->address);
    return 0;
}

/* The first of a name's addresses that can be listened on; 0 or libuv's
 * error. Blocks: it is done once, before the loop turns. */
static int edge_listen_name(struct cove_edge *edge,
                            const struct edge_address *address)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE};
    uv_getaddrinfo_t req;
    int status = uv_getaddrinfo(edge->loop, &req, NULL, address->host,
                                address->port, &hints);

    if (status != 0) {
        return status;
    }
    status = UV_EADDRNOTAVAIL;
    for (const struct addrinfo *at = req.addrinfo; at != NULL && status != 0;
         at = at->ai_next) {
        status = edge_listen_at(edge, at->ai_addr, 0);
    }
    uv_freeaddrinfo(req.addrinfo);
    return status;
}

int cove_edge_listen(struct cove_edge *edge, const char *address,
                     struct cove_diag *diag)
{
    struct edge_address parsed;
    struct sockaddr_storage at;
    struct sockaddr_in any;
    int status;

    if (edge->listener_count == COVE_EDGE_LISTEN) {
        return cove_fail(diag, COVE_ELIMIT,
                         "cannot listen on %s: on %d addresses it does already",
                         address, COVE_EDGE_LISTEN);
    }
    if (edge_address_parse(address, &parsed) != 0) {
        return cove_fail(diag, COVE_EUSAGE,
                         "cannot listen on %s: the form is host:port, "
                         "[v6]:port or :port",
                         address);
    }
    if (edge_address_numeric(&parsed, &at)) {
        bool only = parsed.host[0] != '\0' && at.ss_family == AF_INET6;

        status = edge_listen_at(edge, (struct sockaddr *)&at,
                                only ? UV_TCP_IPV6ONLY : 0);
        if (status == UV_EAFNOSUPPORT && parsed.host[0] == '\0') {
            (void)uv_ip4_addr("0.0.0.0", (int)strtol(parsed.port, NULL, 10),
                              &any);
            status = edge_listen_at(edge, (struct sockaddr *)&any, 0);
        }
    } else {
        status = edge_listen_name(edge, &parsed);
    }
    return status == 0 ? 0 : edge_listen_error(status, address, diag);
}

const char *cove_edge_address(const struct cove_edge *edge)
{
    return edge->listeners != NULL ? edge->listeners->address : "";
}
