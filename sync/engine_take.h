/* engine_take.h: the half of a connection that receives: what was told and is
 * to be looked at, what is asked for, and which position is reached. */
#ifndef COVE_SYNC_ENGINE_TAKE_H
#define COVE_SYNC_ENGINE_TAKE_H

#include "sync/peer.h"

#define ENGINE_WANTS       1024         /* asked for and not answered */
#define ENGINE_WANT_BYTES  (256u << 10) /* of knows that are not answered */
#define ENGINE_SETTLE      1024  /* haves settled, said without a question */
#define ENGINE_TAKE_HAVES  16384 /* told and not looked at; beyond: drop */
#define ENGINE_STRIKES     64
#define ENGINE_SUSPECTS    64
#define ENGINE_SPARES      8   /* batches pushed in a row that were not new */
#define ENGINE_PATIENCE_MS 100 /* for what may come by another way */

struct take_have { /* told, or known to be missing: to be looked at */
    struct cove_id id;
    struct cove_hash digest;
    uint64_t epoch;
    uint64_t due_ms; /* it is not asked for before */
    bool ask;        /* whatever the digest */
    bool counts;     /* it is to be settled */
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
    struct take_want *wants; /* in no order */
    size_t want_count, want_cap, want_bytes;
    uint64_t settled;
    struct cove_message_list know, refusals; /* to be sent */
    struct cove_message_list sums;           /* messages to be answered */
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
    bool fresh;         /* something came since the last acknowledgement */
    unsigned interests; /* said and not answered: no position counts */
    bool stuck; /* too much was refused: no position is reached any more */
    struct cove_verify *verify; /* a message whose signatures are verified;
                                   nothing behind it is taken until then */
    struct take_suspect *suspects;
    size_t suspect_count;
    unsigned strikes, refused, denied;
    unsigned spares;           /* batches pushed in a row that were not new */
    bool sparing;              /* and this was said */
    struct cove_id last_owner; /* known to be held */
    bool has_last_owner;
};

/* engine_hear.c */
COVE_MUST_CHECK int take_hello(struct cove_conn *conn, uint64_t now_ms,
                               const struct cove_hello *hello);
COVE_MUST_CHECK int take_message(struct cove_conn *conn, uint64_t now_ms,
                                 const struct cove_message *message,
                                 struct cove_bytes bytes);

/* engine_take.c */
void conn_take_init(struct cove_conn *conn);
void conn_take_clear(struct cove_conn *conn);
COVE_MUST_CHECK int take_haves(struct cove_conn *conn,
                               const struct cove_message_items *items);
/* All that was told so far is everything up to this position. */
void take_position(struct conn_take *take, uint64_t position);
/* Is something told that is not asked for yet, though it could be? */
bool take_is_patient(const struct conn_take *take);
/* Look at what was told, ask for what is missing, move the position on. */
COVE_MUST_CHECK int take_settle(struct cove_conn *conn, uint64_t now_ms);
/* Begin at position 0 again: all that is open stays open. */
void take_restart(struct conn_take *take);
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
/* Take a message of content, now or when its signatures are verified. */
COVE_MUST_CHECK int ingest_content(struct cove_conn *conn,
                                   const struct cove_message *message);
/* They are: take it. */
COVE_MUST_CHECK int ingest_verified(struct cove_conn *conn,
                                    const struct cove_verify *verify);

/* engine_ways.c */
/* A batch came; was any of it new? */
COVE_MUST_CHECK int ways_taken(struct cove_conn *conn, const struct cove_id *id,
                               bool new);
/* Until when what is told now should not be asked for. */
uint64_t ways_patience(const struct cove_conn *conn);

#endif
