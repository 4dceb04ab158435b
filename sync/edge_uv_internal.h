/* edge_uv_internal.h: what the edge's files share.
 *
 *   edge_uv.c          the edge: turns of the loop, stopping
 *   edge_uv_listen.c   where it listens
 *   edge_uv_conn.c     one socket, from accept or dial to its end
 *   edge_uv_peer.c     whom to dial, when, and what their records say
 *   edge_uv_state.c    how all is, for other threads to ask
 *   edge_uv_verify.c   signatures, in libuv's threads
 *   edge_uv_ban.c      addresses that are refused for a while
 *   edge_uv_address.c  "host:port" and socket addresses
 */
#ifndef COVE_SYNC_EDGE_UV_INTERNAL_H
#define COVE_SYNC_EDGE_UV_INTERNAL_H

#include <stdatomic.h>
#include <uv.h>

#include "sync/edge_uv.h"

#define EDGE_READ         65536 /* bytes taken from a socket at once */
#define EDGE_WRITE        65536 /* bytes under way in one write */
#define EDGE_BURST        16    /* writes to one socket in one turn */
#define EDGE_CONNECT_MS   10000
#define EDGE_STALL_MS     30000 /* one write may take */
#define EDGE_LINGER_MS    1000  /* for the peer's end after ours */
#define EDGE_STOP_MS      1500  /* where nobody said */
#define EDGE_VIEW_MS      100   /* how all is is copied at most so often */
#define EDGE_REAP_MS      60000 /* from one look for dead readers to the next */
#define EDGE_PEERS_MS     250   /* peers are read again, at most so often */
#define EDGE_LOOK_MS      100   /* how the peers are is looked at, likewise */
#define EDGE_STEADY_MS    10000 /* open so long: failures are forgotten */
#define EDGE_ADDRESS_MAX  128
#define EDGE_SENTENCE_MAX COVE_PEER_SENTENCE

enum edge_stage {
    EDGE_RESOLVING,
    EDGE_CONNECTING,
    EDGE_OPEN,      /* bytes go both ways */
    EDGE_LINGERING, /* ours has ended; the peer's end is awaited */
    EDGE_CLOSING
};

struct edge_peer {
    struct edge_peer *next;
    struct cove_key key;
    char address[EDGE_ADDRESS_MAX]; /* "" where it only calls us */
    bool listed;                    /* seen in this reading of the records */
    struct edge_conn *dialled;      /* ours, from the first attempt on */
    unsigned open;                  /* connections whose handshake is done */
    unsigned failures;              /* since it was last well */
    uint64_t next_dial_ms;
    /* What is known of it, and what its record says. */
    enum cove_peer_state state, recorded;
    char error[EDGE_SENTENCE_MAX];
    char recorded_error[EDGE_SENTENCE_MAX];
    bool busy;         /* as last looked at */
    unsigned wavering; /* looks at which it was busy but not yet said so */
};

struct edge_conn {
    struct cove_edge *edge;
    struct edge_conn *next, *previous; /* newest first */
    enum edge_stage stage;
    struct cove_conn *conn; /* NULL once the engine's side is gone */
    struct edge_peer *peer; /* dialled, or proven by the handshake; or NULL */
    bool dialled;
    bool open;  /* the handshake is done */
    bool spoke; /* something was written */
    bool writing;
    bool deaf; /* the engine takes no more now: the socket is not read */
    bool resolving;
    unsigned holds;       /* callbacks of libuv that will still look at this */
    uint64_t deadline_ms; /* of resolving, connecting, lingering */
    uint64_t opened_ms, write_ms;
    uint8_t ip[16];                  /* of who called; v4 as mapped v6 */
    char address[COVE_EDGE_ADDRESS]; /* of the other end, "" while looked for */
    uint8_t *out;                    /* under way */
    uv_tcp_t tcp;
    uv_write_t write;
    uv_connect_t connect;
    uv_shutdown_t shutdown;
    uv_getaddrinfo_t resolve;
};

struct edge_listener {
    struct edge_listener *next; /* in the order of cove_edge_listen */
    struct cove_edge *edge;
    uv_tcp_t tcp;
    char address[COVE_EDGE_ADDRESS]; /* as bound */
};

/* What other threads see: a copy, made now and then, under a lock. */
struct edge_view {
    uv_mutex_t lock;
    struct cove_edge_seen *seen; /* cap of them */
    size_t cap;
    struct cove_edge_state state; /* but for what is atomic */
    uint64_t copied_ms;
    atomic_uint_fast64_t turned_ns; /* uv_hrtime of the last turn */
    atomic_uint stop_ms;
    atomic_bool redial;
    atomic_bool open; /* any device may connect */
    atomic_uint_fast64_t quota_documents, quota_bytes;
    atomic_bool forgives;                /* whom to take in again is … */
    char forgive[COVE_EDGE_ADDRESS + 1]; /* … here, under the lock */
};

struct cove_edge {
    struct cove_edge_options opt;
    struct cove_engine *engine;
    uv_loop_t *loop;
    struct edge_listener *listeners;
    unsigned listener_count;
    uv_timer_t timer;
    uv_check_t check;
    uv_async_t async;
    uv_fs_event_t watch;
    unsigned handles; /* not closed yet */
    bool started, stopping, closing;
    bool dirty;   /* the engine was given something in this turn */
    bool changed; /* the store, as we hear */
    bool open;    /* as the engine was told */
    struct edge_view view;
    struct cove_bans bans; /* addresses */
    struct {
        uint64_t accepted, dialled, opened, failed, turned_away, refused;
    } counts;       /* of connections, ever */
    int look_error; /* of the last look at the store, or 0 */
    struct edge_conn *conns;
    size_t conn_count;
    struct edge_peer *peers;
    uint64_t polled_ms, peers_ms, looked_ms, reaped_ms, stop_ms;
    bool peers_due; /* to be read */
    bool look_due;  /* something happened since the last look */
    void (*done)(void *ctx);
    void *done_ctx;
    char read[EDGE_READ];
};

/* edge_uv.c */
void edge_error(struct cove_edge *edge, int code, const char *what);
void edge_event(const struct cove_edge *edge, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
uint64_t edge_now(const struct cove_edge *edge);
/* Something is to be done before the loop sleeps. */
void edge_touch(struct cove_edge *edge);
/* One handle or connection less: is that the end? */
void edge_closed(struct cove_edge *edge);

/* edge_uv_listen.c */
void edge_listeners_close(struct cove_edge *edge);

/* edge_uv_state.c */
COVE_MUST_CHECK int edge_view_init(struct cove_edge *edge);
void edge_view_clear(struct cove_edge *edge);
/* This device called and is no peer here. */
void edge_view_stranger(struct cove_edge *edge, const struct cove_key *key,
                        const char *address);
/* It listens, or no longer: seen at once. */
void edge_view_listening(struct cove_edge *edge);
/* A turn is over: let others see how all is, at most so often. */
void edge_view_turn(struct cove_edge *edge, uint64_t now_ms);

/* edge_uv_conn.c */
void edge_conn_accept(struct cove_edge *edge, uv_stream_t *listener);
/* Begin to dial; what goes wrong later reaches edge_peer_ended. */
COVE_MUST_CHECK int edge_conn_dial(struct cove_edge *edge,
                                   struct edge_peer *peer);
/* Write what the socket takes; goes on to the end where the engine is done. */
void edge_conn_pump(struct edge_conn *c);
void edge_conn_bye(struct edge_conn *c);
void edge_conn_close(struct edge_conn *c);
/* Enforce the deadlines of all; the earliest that is left. */
uint64_t edge_conns_tick(struct cove_edge *edge, uint64_t now_ms);

/* edge_uv_verify.c; ctx: the edge */
struct cove_verify;
COVE_MUST_CHECK int edge_verify(void *ctx, struct cove_verify *verify);

/* edge_uv_peer.c */
/* Read the records again: dial who is new, part from who is gone. */
void edge_peers_read(struct cove_edge *edge, uint64_t now_ms);
/* Dial who is due, look how all are, write what changed. When to come back. */
uint64_t edge_peers_tick(struct cove_edge *edge, uint64_t now_ms);
/* Record that all are stopped. */
void edge_peers_stop(struct cove_edge *edge);
/* Forget how often calls failed: who is away is called now. */
void edge_peers_redial(struct cove_edge *edge);
void edge_peers_free(struct cove_edge *edge);
/* The handshake is done: whose connection is it? */
void edge_peer_opened(struct edge_conn *c, const struct cove_key *key);
/* A connection of the peer ended; code 0 or COVE_ECLOSED where well. */
void edge_peer_ended(struct edge_conn *c, int code, const char *sentence);

/* edge_uv_ban.c */
/* Is a caller from there refused? Counts it. */
bool edge_ban_refuses(struct cove_edge *edge, const uint8_t ip[16]);
/* A connection ends, its engine's side is still there: is it a strike against
 * the address? */
void edge_ban_ended(const struct edge_conn *c);
/* Who is refused, into `state`. */
void edge_ban_view(const struct cove_edge *edge, uint64_t now_ms,
                   struct cove_edge_state *state);
/* Take in again, by what edge_ban_view says of it. */
void edge_ban_forgive(struct cove_edge *edge, const char *who);

/* edge_uv_address.c */
struct edge_address {
    char host[EDGE_ADDRESS_MAX]; /* "" = any */
    char port[8];
};
/* Errors: COVE_EUSAGE. */
COVE_MUST_CHECK int edge_address_parse(const char *text,
                                       struct edge_address *out);
/* False where the host is a name, to be resolved. */
bool edge_address_numeric(const struct edge_address *address,
                          struct sockaddr_storage *out);
void edge_address_text(const struct sockaddr *address, char *out, size_t len);
void edge_address_ip(const struct sockaddr *address, uint8_t out[16]);

#endif
