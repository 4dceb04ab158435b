/* engine_internal.h: what the engine's files share.
 *
 *   engine.c         the engine: one write transaction a turn, time, pumping
 *   engine_peer.c    what all connections of one device share, and its record
 *   engine_conn.c    a connection from its first byte to its end
 *   engine_take.c    messages that come: positions, haves, wants
 *   engine_ingest.c  headers and batches that come
 *   engine_give.c    messages that go: credit, building, answering knows
 *   engine_tell.c    what changed here, in rounds
 *
 * Taking happens in cove_conn_input and writes; giving happens in the pump,
 * never while a write transaction is open, and so reads only what is durable.
 */
#ifndef COVE_SYNC_ENGINE_INTERNAL_H
#define COVE_SYNC_ENGINE_INTERNAL_H

#include "core/arena.h"
#include "sync/engine.h"
#include "sync/message.h"
#include "sync/peer.h"

#define ENGINE_CREDIT        (1u << 20) /* first credit to a peer */
#define ENGINE_CREDIT_MAX    (16u << 20)
#define ENGINE_MESSAGE       (256u << 10) /* a content message, about */
#define ENGINE_PUMP          4 /* content messages a pump and connection */
#define ENGINE_FEW           64 /* a peer with so few changes has nothing to speak of */
#define ENGINE_SCAN          10000        /* changes looked at a pump */
#define ENGINE_HAVES         8192         /* told and not settled */
#define ENGINE_WANTS         1024         /* asked for and not answered */
#define ENGINE_WANT_BYTES    (256u << 10) /* of knows that are not answered */
#define ENGINE_JOB_BYTES     (2u << 20)   /* of knows to answer; beyond: drop */
#define ENGINE_TXN_BYTES     (4u << 20)
#define ENGINE_TXN_MS        20
#define ENGINE_LAZY_MS       50 /* a position alone waits so long for a commit */
#define ENGINE_PING_MS       30000
#define ENGINE_DEAD_MS       90000
#define ENGINE_DOUBT_MS      5000
#define ENGINE_STRIKES       64
#define ENGINE_CONNS         4 /* of one device */
#define ENGINE_SUSPECTS      64
#define ENGINE_SETTLE        1024  /* haves settled, said without a question */
#define ENGINE_TAKE_HAVES    16384 /* told and not looked at; beyond: drop */
#define ENGINE_IDENTITY_DAYS 30
#define ENGINE_IDENTITY_MS   (15ll * 86400 * 1000) /* then a new certificate */

struct engine_peer { /* one device, however many connections it has */
    struct engine_peer *next;
    struct cove_key key;
    unsigned conns;
    uint32_t number;
    uint8_t store_id[16];
    uint64_t have, saved_have;   /* its position that we hold; as recorded */
    uint64_t acked, saved_acked; /* our position that it holds */
    uint64_t announced;          /* its own position, as last heard */
    struct cove_refused here, there;
    bool here_changed, there_changed; /* since they were recorded */
    bool dirty;                       /* the record is to be written … */
    bool owed;                        /* … at the next flush … */
    uint64_t dirty_ms;                /* … or some time after this */
    bool gone;                        /* the record was removed */
    bool lost; /* what it believes was aborted: only counters are true */
    uint64_t bytes_in, bytes_out, documents_in, documents_out; /* unrecorded */
};

struct give_job { /* a document on its way out */
    struct give_job *next;
    struct cove_id id;
    struct cove_message_items rows; /* what the peer has; behind the job */
    bool reply;                     /* it was asked for: say when done */
    bool header_due;
    bool started;                   /* cursor: */
    struct cove_session_id session; /* at this session … */
    uint32_t from;                  /* … from this index on */
    bool sent;
};

struct conn_give {
    int64_t credit;
    bool stopped; /* enough is queued */
    /* the round */
    uint64_t live_from; /* our position when the connection began */
    uint64_t skip_from; /* behind it the peer's own changes are not told */
    uint64_t told;      /* up to here all was told */
    uint64_t stated;    /* and was said to be */
    bool round;
    uint64_t end, cursor;
    unsigned pass, classes;
    bool direct;   /* the peer has nothing: do not ask first */
    size_t retold; /* of peer->there, which are told again first */
    uint64_t haves_open;
    struct give_job *jobs, *last_job, *telling;
    size_t job_bytes;
    /* what the next messages will hold */
    struct cove_message_list headers, batches, done, haves;
    bool state_due; /* a position message */
    bool damaged;   /* something could not be read: no position any more */
    size_t scan;    /* changes that may still be looked at in this pump */
    /* role in the owner last looked at */
    cove_num owner;
    enum cove_role role;
};

struct take_have { /* told, or known to be missing: to be looked at */
    struct cove_id id;
    struct cove_hash digest;
    uint64_t epoch;
    bool ask;    /* whatever the digest */
    bool counts; /* it is to be settled */
};

struct take_want { /* asked for */
    struct cove_id id;
    struct cove_hash digest; /* told meanwhile */
    uint64_t epoch;
    size_t bytes;
    bool again, ask_again, failed;
};

struct take_mark { /* a position that was told, and the last epoch before it */
    uint64_t position;
    uint64_t epoch;
};

struct take_suspect {
    struct cove_id id;
    struct cove_session_id session;
};

struct conn_take {
    int64_t credit;          /* what the peer may still send */
    uint64_t spent;          /* what it sent since it was last given more */
    struct take_have *haves; /* a ring */
    size_t have_first, have_count, have_cap;
    struct take_want *wants; /* oldest first */
    size_t want_count, want_cap, want_bytes;
    uint64_t settled;
    struct cove_message_list know, refusals; /* to be sent */
    /* Everything that is open carries the epoch in which it was told. */
    uint64_t epoch;
    struct take_mark marks[2];
    unsigned mark_count;
    size_t open[3]; /* before marks[0], before marks[1], later */
    uint64_t told;  /* the peer's last position */
    uint64_t
        reached;    /* all up to here is held, durably or in the transaction */
    uint64_t acked; /* said to be durable */
    bool ack_due;
    bool fresh; /* something came since the last acknowledgement */
    bool stuck; /* too much was refused: no position is reached any more */
    struct take_suspect *suspects;
    size_t suspect_count;
    unsigned strikes, refused;
    struct cove_id last_owner; /* known to be held */
    bool has_last_owner;
};

struct cove_conn {
    struct cove_engine *engine;
    struct cove_conn *next; /* older */
    struct cove_channel *channel;
    struct cove_identity identity;
    enum cove_channel_role role;
    bool expected;            /* it was dialled */
    struct engine_peer *peer; /* from the handshake's end on */
    bool greeted;             /* the peer's hello came */
    bool done;
    bool was_in_sync;
    struct cove_diag diag;
    uint64_t opened_ms, heard_ms, pinged_ms;
    bool ping_due;
    bool doubted; /* since then it may be dead: see hello_is_double */
    uint64_t doubted_ms;
    uint64_t pong;
    bool pong_due;
    unsigned refusals_heard;
    uint64_t documents_in, documents_out;
    struct cove_conn_stats counted; /* of it the peer's record has that */
    struct conn_give give;
    struct conn_take take;
};

struct cove_engine {
    struct cove_engine_options opt;
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
    bool more; /* the pump left something to do */
};

/* engine.c */
/* The certificate for a new connection, a fresh one when it has aged. */
void engine_identity(struct cove_engine *engine, struct cove_identity *out);
/* Look at how far the store has come. */
COVE_MUST_CHECK int engine_look(struct cove_engine *engine);
/* Commit the turn's transaction, records of peers included. */
COVE_MUST_CHECK int engine_commit(struct cove_engine *engine);
/* Begin the turn's write transaction where there is none. */
COVE_MUST_CHECK int engine_write(struct cove_engine *engine, uint64_t now_ms);
/* The store failed: what the transaction held is lost, and with it what the
 * connections believe to hold, so all of them end. Returns code. */
int engine_abort(struct cove_engine *engine, int code, const char *what);

/* engine_peer.c */
COVE_MUST_CHECK int engine_peer_attach(struct cove_engine *engine,
                                       uint64_t now_ms, struct cove_conn *conn);
void engine_peer_detach(struct cove_conn *conn);
void engine_peer_touch(struct engine_peer *peer, uint64_t now_ms, bool owed);
/* Write all records that are dirty, in the open transaction. */
COVE_MUST_CHECK int engine_peers_write(struct cove_engine *engine);
/* They are durable. Frees peers without connections. */
void engine_peers_written(struct cove_engine *engine);
/* The transaction was aborted: what they believe to hold is not held. */
void engine_peers_forget(struct cove_engine *engine);
/* Is a record to be written now; when is the next one? */
bool engine_peers_due(const struct cove_engine *engine, uint64_t now_ms);
uint64_t engine_peers_next(const struct cove_engine *engine);
void engine_peers_free(struct cove_engine *engine);

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
void conn_watch_sync(struct cove_conn *conn);

/* engine_hear.c */
COVE_MUST_CHECK int take_hello(struct cove_conn *conn, uint64_t now_ms,
                               const struct cove_hello *hello);
COVE_MUST_CHECK int take_message(struct cove_conn *conn, uint64_t now_ms,
                                 const struct cove_message *message,
                                 size_t len);

/* engine_take.c */
void conn_take_init(struct cove_conn *conn);
void conn_take_clear(struct cove_conn *conn);
COVE_MUST_CHECK int take_haves(struct cove_conn *conn,
                               const struct cove_message_items *items);
/* All that was told so far is everything up to this position. */
void take_position(struct conn_take *take, uint64_t position);
/* Look at what was told, ask for what is missing, move the position on. */
COVE_MUST_CHECK int take_settle(struct cove_conn *conn, uint64_t now_ms);
/* Note that something of a document is missing. */
COVE_MUST_CHECK int take_miss(struct cove_conn *conn, const struct cove_id *id);
/* As above, even where it was asked for already. */
COVE_MUST_CHECK int take_again(struct cove_conn *conn,
                               const struct cove_id *id);
COVE_MUST_CHECK int take_done(struct cove_conn *conn, const struct cove_id *id);
struct take_want *take_want_find(struct cove_conn *conn,
                                 const struct cove_id *id);
/* After a commit: say what is durable, and let the peer send more. */
COVE_MUST_CHECK int take_acknowledge(struct cove_conn *conn);

/* engine_ingest.c */
bool ingest_suspects(const struct cove_conn *conn, const struct cove_id *id,
                     const struct cove_session_id *session);
COVE_MUST_CHECK int ingest_content(struct cove_conn *conn,
                                   const struct cove_message *message);

/* engine_give.c */
void conn_give_init(struct cove_conn *conn);
void conn_give_clear(struct cove_conn *conn);
COVE_MUST_CHECK int give_know(struct cove_conn *conn,
                              const struct cove_message *message);
/* Send what can be sent. */
COVE_MUST_CHECK int conn_pump(struct cove_conn *conn);
bool give_is_full(const struct cove_conn *conn);
COVE_MUST_CHECK int give_header(struct cove_conn *conn,
                                struct cove_bytes header);
/* Add a session's log from *from on, until its end or until it is enough. */
COVE_MUST_CHECK int give_session(struct cove_conn *conn,
                                 struct cove_store_txn *txn, cove_num num,
                                 const struct cove_doc_session *session,
                                 uint32_t *from);
/* Read a document's outline into the engine's arena; *may: is the peer one of
 * its readers? Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int give_outline(struct cove_conn *conn,
                                 struct cove_store_txn *txn, cove_num num,
                                 struct cove_doc_outline *out, bool *may);
/* rows may be NULL: the peer has nothing of it. */
COVE_MUST_CHECK int give_job_new(struct cove_conn *conn,
                                 const struct cove_id *id,
                                 const struct cove_message_items *rows,
                                 struct give_job **out);
/* Add as much of a document as fits; *over: it was all. */
COVE_MUST_CHECK int give_job_step(struct cove_conn *conn,
                                  struct cove_store_txn *txn,
                                  struct give_job *job, bool *over);

/* engine_tell.c */
COVE_MUST_CHECK int tell(struct cove_conn *conn, struct cove_store_txn *txn);
/* What the peer acknowledged on another connection need not be told here. */
void tell_skip(struct cove_conn *conn);
bool tell_is_due(const struct cove_conn *conn);

#endif
