/* edge_uv.h: the sockets around the sync engine, on a libuv loop.
 *
 * The one place of sync that knows libuv. It listens, dials the peers that
 * have an address, carries bytes, gives the engine time, tells it once a turn
 * of the loop to commit, and writes into the peers' records how they are. It
 * decides nothing about documents; what it does decide is who gets a socket.
 *
 *   socket ⇄ edge ⇄ cove_conn ⇄ engine
 *
 * Threads: everything here is called on the loop's thread, but for
 * cove_edge_wake, cove_edge_redial, cove_edge_stop_within, cove_edge_open and
 * cove_edge_look.
 * The engine, and the repo it was made with, belong to that thread while the
 * edge lives. The loop may be the caller's or run in a thread of its own; only
 * the edge's own handles are touched.
 */
#ifndef COVE_SYNC_EDGE_UV_H
#define COVE_SYNC_EDGE_UV_H

#include "sync/engine.h"

#define COVE_EDGE_CONNS        256 /* connections, ours and theirs */
#define COVE_EDGE_HALF_OPEN    128 /* accepted, the handshake not done */
#define COVE_EDGE_HALF_OPEN_IP 8   /* of them from one address */
#define COVE_EDGE_RETRY_MS     200 /* the first retry, about; then doubled */
#define COVE_EDGE_RETRY_MAX_MS 60000
#define COVE_EDGE_POLL_MS      1000 /* looks at the store at least so often */
#define COVE_EDGE_LISTEN       8    /* addresses to listen on */
#define COVE_EDGE_ADDRESS      64   /* bytes of one as text, with the NUL */

struct uv_loop_s;
struct cove_edge;

struct cove_edge_options {
    const struct cove_alloc *alloc;
    const struct cove_env *env; /* jitter, wall clock */
    struct cove_repo *repo;     /* the engine's */
    struct cove_store *store;
    const char *notify_path; /* whoever commits touches it; NULL = no file */
    void (*announce)(void *ctx); /* it wrote how a peer is; may be NULL */
    /* Something of the store or the machine failed; sync goes on trying. May
     * be NULL, as the next. */
    void (*on_error)(void *ctx, int code, const char *sentence);
    /* One line of what happened to a peer or a socket, for the log. */
    void (*event)(void *ctx, const char *line);
    void *ctx;
};

/* Errors: COVE_ENOMEM, COVE_EIO (no more descriptors). */
COVE_MUST_CHECK int cove_edge_new(struct uv_loop_s *loop,
                                  struct cove_engine *engine,
                                  const struct cove_edge_options *opt,
                                  struct cove_edge **out);
/* Listen on "host:port", "[v6]:port" or ":port", both families; port 0 picks
 * one. Again for another address. Errors: COVE_EUSAGE (no such form),
 * COVE_EADDRINUSE, COVE_EACCES, COVE_ENET, COVE_ELIMIT (on too many),
 * COVE_ENOMEM; diag names the address. */
COVE_MUST_CHECK int cove_edge_listen(struct cove_edge *edge,
                                     const char *address,
                                     struct cove_diag *diag);
/* "127.0.0.1:40213", the first, as bound; "" where it does not listen. */
const char *cove_edge_address(const struct cove_edge *edge);
/* Accept, dial and watch from now on. */
COVE_MUST_CHECK int cove_edge_start(struct cove_edge *edge);
/* Say goodbye to all, close everything (within 1.5 s, or what stop_within
 * said), free the edge, then call done on the loop. The engine stays. */
void cove_edge_stop(struct cove_edge *edge, void (*done)(void *ctx), void *ctx);
/* The store changed, or the peers did. Threads: any, until stop is called. */
void cove_edge_wake(struct cove_edge *edge);
/* Call now whoever is away, whatever the pause. Threads: as wake. */
void cove_edge_redial(struct cove_edge *edge);
/* Take in again who is refused for a while, by its `who`, and call whoever is
 * away. Errors: COVE_EBUSY (another is not done yet). Threads: as wake. */
COVE_MUST_CHECK int cove_edge_forgive(struct cove_edge *edge, const char *who);
/* How much a device may bring in a day (cove_engine_quota). Threads: as wake.
 */
void cove_edge_quota(struct cove_edge *edge, uint64_t documents,
                     uint64_t bytes);
/* How long a stop may take to say goodbye. Threads: as wake. */
void cove_edge_stop_within(struct cove_edge *edge, unsigned within_ms);

/* May any device connect from now on (cove_engine_open)? Threads: as wake. */
void cove_edge_open(struct cove_edge *edge, bool open);

/* A connection, as it was a moment ago. */
struct cove_edge_seen {
    struct cove_conn_stats stats;
    char address[COVE_EDGE_ADDRESS]; /* the other end; "" while looked for */
    bool dialled;                    /* by this side */
    bool open;                       /* the handshake is done */
    uint64_t age_ms;                 /* since it was opened; 0 before */
};
/* A device that called and is no peer here. */
#define COVE_EDGE_STRANGERS 16 /* the last ones are remembered, in memory */
struct cove_edge_stranger {
    struct cove_key key;
    int64_t time_ms;                 /* wall clock, of its last call */
    uint64_t calls;                  /* since it is remembered */
    char address[COVE_EDGE_ADDRESS]; /* of that call */
};
/* A device or an address that is refused for a while. */
#define COVE_EDGE_BANS 32 /* that are shown; docs/PROTOCOL.md "Strikes" */
struct cove_edge_ban {
    bool device;                     /* else an address */
    char who[COVE_EDGE_ADDRESS + 1]; /* its key in hex, "192.0.2.7", or
                                        "2001:db8::/64" */
    uint64_t left_ms;
    unsigned times; /* refused so often, lately */
};
struct cove_edge_state {
    uint64_t turned_ms;                 /* so long ago the loop last turned */
    uint64_t accepted, dialled, opened; /* connections, ever */
    uint64_t failed;                    /* that did not end well */
    uint64_t turned_away;               /* accepted, and no room for them */
    uint64_t refused;                   /* accepted from a refused address */
    uint64_t banned;                    /* devices and addresses, ever */
    struct cove_engine_counts counts;   /* ever */
    int error; /* of its last look at the store; 0: it could be read */
    bool open; /* any device may connect */
    size_t listening;
    char addresses[COVE_EDGE_LISTEN][COVE_EDGE_ADDRESS];
    size_t conns;
    size_t stranger_count;
    struct cove_edge_stranger strangers[COVE_EDGE_STRANGERS]; /* any order */
    size_t ban_count;
    struct cove_edge_ban bans[COVE_EDGE_BANS]; /* any order */
};
/* How all is, at most a second old; each, which may be NULL, is told of every
 * connection and must not call back. Threads: as wake. */
void cove_edge_look(struct cove_edge *edge, struct cove_edge_state *out,
                    void (*each)(void *ctx, const struct cove_edge_seen *seen),
                    void *ctx);

#endif
