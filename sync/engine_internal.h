/* engine_internal.h: what the engine's files share.
 *
 *   engine.c         the engine: one write transaction a turn, time, pumping
 *   engine_peer.c    what all connections of one device share, and its record
 *   engine_conn.c    a connection from its first byte to its end
 *   engine_hear.c    hello, and where each message goes
 *   engine_take.c    messages that come: positions, haves, wants
 *   engine_ingest.c  headers and batches that come
 *   engine_give.c    messages that go: credit, building, answering knows
 *   engine_tell.c    what changed here, in rounds
 *   engine_sums.c    the same by sums, where very much changed
 *   engine_sums_take.c  sums that come
 *   engine_sweep.c   the same now and then, where nothing seems to differ
 *   engine_ways.c    who gets what by another way
 *   engine_interest.c  what a peer wants to be told of
 *   engine_aside.c   what is damaged here
 *   engine_clock.c   how the clocks of peers stand
 *   engine_admit.c   which device may come in
 *   engine_guest.c   devices that nobody named, where the store is open
 *   engine_ban.c     strikes, and who is refused for a while
 *
 * Taking happens in cove_conn_input and writes; giving happens in the pump,
 * never while a write transaction is open, and so reads only what is durable.
 */
#ifndef COVE_SYNC_ENGINE_INTERNAL_H
#define COVE_SYNC_ENGINE_INTERNAL_H

#include "core/arena.h"
#include "sync/ban.h"
#include "sync/engine_give.h"
#include "sync/engine_peer.h"
#include "sync/engine_sweep.h"
#include "sync/engine_take.h"
#include "sync/invite.h"
#include "sync/quota.h"
#include "sync/verify.h"

#define ENGINE_CREDIT         (1u << 20) /* first credit to a peer */
#define ENGINE_TXN_BYTES      (4u << 20)
#define ENGINE_TXN_MS         20
#define ENGINE_PING_MS        30000
#define ENGINE_DEAD_MS        90000
#define ENGINE_DOUBT_MS       5000
#define ENGINE_CLOCK_FIRST_MS 1000   /* not on one that comes and goes */
#define ENGINE_CLOCK_MS       600000 /* clocks are compared at least so often */
#define ENGINE_CONNS          4      /* of one device */
#define ENGINE_GUESTS         192 /* connections of guests; the rest is kept */
#define ENGINE_IDENTITY_DAYS  30
#define ENGINE_IDENTITY_MS    (15ll * 86400 * 1000) /* then a new certificate */

struct cove_conn {
    struct cove_engine *engine;
    struct cove_conn *next; /* older */
    struct cove_channel *channel;
    struct cove_identity identity;
    struct engine_peer *peer; /* from the handshake's end on */
    bool expected;            /* it was dialled */
    bool known;               /* its device has a record, or had */
    bool guest;               /* nobody named it: the store is open */
    bool joins;               /* it presents the secret of an invite */
    uint32_t invited_by;      /* the number of the one it came by, or 0 */
    bool greeted;             /* the peer's hello came */
    bool done;
    bool blameless; /* what it ends by may be the wire's fault */
    bool at_fault;  /* it ended since the peer broke the protocol */
    bool was_in_sync;
    bool ping_due, pong_due;
    bool clock_asked; /* a ping is under way */
    bool clock_known;
    bool clock_warned;
    bool doubted; /* since doubted_ms it may be dead: see hello_is_double */
    unsigned refusals_heard;
    struct cove_diag diag;
    uint64_t opened_ms, heard_ms, pinged_ms, doubted_ms;
    uint64_t clock_due_ms; /* ask for its clock then, at the latest */
    int64_t clock_ms;      /* the peer's before ours, where that is known */
    uint64_t pong;
    uint64_t aside; /* a sum over what was asked for again */
    uint64_t documents_in, documents_out;
    struct cove_conn_stats counted; /* of it the peer's record has that */
    struct cove_interest interest;  /* of the peer */
    struct cove_hash interest_hash; /* of that, encoded */
    unsigned wish_said;             /* the serial of our wish, as said here */
    unsigned interests;             /* how often it changed since … */
    uint64_t interests_ms;
    struct conn_sweep sweep;
    struct conn_give give;
    struct conn_take take;
};

struct cove_engine {
    struct cove_engine_options opt;
    int (*verify)(void *ctx, struct cove_verify *verify); /* or NULL */
    void *verify_ctx;
    int64_t identity_ms;
    uint64_t now_ms; /* as last told */
    uint8_t store_id[16];
    struct cove_arena arena;    /* of one step */
    struct cove_buf message;    /* the one being built */
    struct cove_store_txn *txn; /* the write transaction, or NULL */
    uint64_t txn_ms;
    size_t txn_bytes;
    uint64_t sequence;       /* of the store, committed, as last looked at */
    struct cove_conn *conns; /* newest first */
    struct engine_peer *peers;
    uint64_t wishes;   /* how often what is wanted was changed, as looked at */
    bool open;         /* any device may connect */
    bool more;         /* the pump left something to do */
    uint64_t sums;     /* up to where the store is summed up */
    bool sums_due;     /* somebody waits for the rest */
    bool sums_damaged; /* go by changes */
    struct cove_bans bans; /* devices */
    struct cove_quotas quotas;
    uint64_t strikes, refused; /* see cove_engine_counts */
};

/* engine.c */
/* The certificate for a new connection, a fresh one when it has aged. */
void engine_identity(struct cove_engine *engine, struct cove_identity *out);
/* A transaction to read in: the turn's, or one of its own; ended where that
 * began well. */
COVE_MUST_CHECK int engine_read(struct cove_engine *engine,
                                struct cove_store_txn **txn);
void engine_read_end(const struct cove_engine *engine,
                     struct cove_store_txn *txn);
/* Look at how far the store has come. */
COVE_MUST_CHECK int engine_look(struct cove_engine *engine);
/* Commit the turn's transaction, records of peers included. */
COVE_MUST_CHECK int engine_commit(struct cove_engine *engine);
/* Begin the turn's write transaction where there is none. */
COVE_MUST_CHECK int engine_write(struct cove_engine *engine, uint64_t now_ms);
/* The store failed: what the transaction held is lost, and with it what the
 * connections believe to hold, so all of them end. Returns code. */
int engine_abort(struct cove_engine *engine, int code, const char *what);

/* engine_interest.c */
/* Load what this store wants of the peer, and under which wish it holds what it
 * does: where they are not the same its position counts for nothing. */
COVE_MUST_CHECK int interest_load(struct cove_engine *engine,
                                  struct cove_store_txn *txn,
                                  struct engine_peer *peer);
COVE_MUST_CHECK int interest_write(struct cove_engine *engine,
                                   struct engine_peer *peer);
/* Has the user changed it? Then the peer is told. */
COVE_MUST_CHECK int interest_look(struct cove_conn *conn, uint64_t now_ms);
/* As above when the peer's hello has come: ours may have been written before
 * the wish changed. */
COVE_MUST_CHECK int interest_greet(struct cove_conn *conn, uint64_t now_ms);
/* The peer says what it wants, in its hello or later. */
COVE_MUST_CHECK int interest_take(struct cove_conn *conn, uint64_t now_ms,
                                  struct cove_bytes encoded);
COVE_MUST_CHECK int interest_hear(struct cove_conn *conn, uint64_t now_ms,
                                  struct cove_bytes encoded);
/* The peer has heard ours: what it tells from now on follows from it. */
COVE_MUST_CHECK int interest_heard(struct cove_conn *conn);
/* Has the peer said its interest on this connection as on its others? */
bool interest_is_current(const struct cove_conn *conn);

/* engine_aside.c: ask for what is put aside here, where that was not done yet.
 */
COVE_MUST_CHECK int engine_ask_aside(struct cove_conn *conn);
/* A sum over what is put aside, to compare with conn->aside. */
COVE_MUST_CHECK int engine_aside_sum(struct cove_engine *engine,
                                     struct cove_store_txn *txn, uint64_t *out);

/* engine_clock.c */
/* The peer says what its clock shows, behind the answer to a ping. */
void clock_heard(struct cove_conn *conn, uint64_t now_ms, uint64_t wall_ms);
/* Say what ours shows. */
COVE_MUST_CHECK int clock_say(struct cove_conn *conn);

/* engine_admit.c */
/* May this device connect? Its key is proven, `secret` is what it presents, or
 * NULL. ctx: the connection. */
int engine_admit(void *ctx, const struct cove_key *key, const uint8_t *secret);
/* The secret to present to the peer, where there is one: conn->joins. */
COVE_MUST_CHECK int engine_join_load(struct cove_conn *conn,
                                     const struct cove_key *peer,
                                     uint8_t secret[COVE_INVITE_SECRET]);
/* The peer has said hello, so it has let us in: the secret is of no more use.
 */
COVE_MUST_CHECK int engine_joined(struct cove_conn *conn, uint64_t now_ms);

/* engine_guest.c */
/* The number under which a change that the peer brings is noted. */
COVE_MUST_CHECK int engine_guest_number(struct cove_conn *conn, uint32_t *out);
/* Something of the peer is kept: a guest gets its record, where it has none. */
COVE_MUST_CHECK int engine_guest_record(struct cove_conn *conn);
/* Is there room for one more of them? */
bool engine_guest_fits(const struct cove_conn *conn);

/* engine_ban.c: the device has sent what no honest one would. True where that
 * is enough: it is refused for a while, and the caller ends the connection. */
bool engine_strike(struct cove_conn *conn, unsigned strikes);

/* engine_conn.c */
/* End a connection; the peer is told why. Returns code. */
int conn_fail(struct cove_conn *conn, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void conn_event(struct cove_conn *conn, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
COVE_MUST_CHECK int conn_send(struct cove_conn *conn,
                              enum cove_channel_lane lane);
void conn_free(struct cove_conn *conn);
void conn_tick(struct cove_conn *conn, uint64_t now_ms, uint64_t *next_ms);
/* Is all done that was told and wanted on both sides? */
bool conn_in_sync(const struct cove_conn *conn);
void conn_watch_sync(struct cove_conn *conn);

#endif
