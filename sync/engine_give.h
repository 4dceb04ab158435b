/* engine_give.h: the half of a connection that sends: what is told, what is
 * answered, what was built and waits for credit. */
#ifndef COVE_SYNC_ENGINE_GIVE_H
#define COVE_SYNC_ENGINE_GIVE_H

#include "sync/engine_sums.h"
#include "sync/peer.h"

#define ENGINE_CREDIT_MAX (16u << 20)
#define ENGINE_MESSAGE    (256u << 10) /* a content message, about */
#define ENGINE_PUMP       4            /* of them a pump and connection */
#define ENGINE_SCAN       10000        /* changes looked at a pump */
#define ENGINE_FEW        64           /* changes of a store as good as empty */
#define ENGINE_HAVES      8192         /* told and not settled */
#define ENGINE_LOOKS      64           /* changes, to see whether most may go */
#define ENGINE_WAYS       8            /* that are remembered as spare */
#define ENGINE_JOB_BYTES  (2u << 20)   /* of knows to answer; beyond: drop */

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
    uint64_t cut; /* so many transactions does the cut that was sent stand for
                   */
    size_t bytes; /* of batches, so far */
};

struct conn_give {
    int64_t credit;
    bool stopped; /* enough is queued */
    bool direct;  /* the peer has nothing: do not ask first */
    bool round;
    /* of the first changes of the round, looked at to see … */
    unsigned readable; /* … whether the peer may read them: so many */
    uint64_t looked;
    uint64_t live_from; /* our position when the connection began */
    uint64_t skip_from; /* behind it the peer's own changes are not told */
    uint64_t told;      /* up to here all was told */
    uint64_t stated;    /* and was said to be */
    uint64_t end, cursor;
    unsigned pass, classes;
    struct sums_walk *walk; /* the round goes by sums; or NULL */
    size_t void_sums;       /* told in one that was given up */
    size_t wish_next; /* of the peer's interest: told are those before it */
    size_t retold;    /* of peer->there, which are told again first */
    uint64_t haves_open;
    struct give_job *jobs, *last_job, *telling;
    size_t job_bytes;
    /* what the next messages will hold */
    struct cove_message_list headers, batches, done, haves;
    struct cove_sharing sharing; /* among the batches */
    bool state_due;              /* a position message */
    bool damaged; /* something could not be read: no position any more */
    uint32_t spared[ENGINE_WAYS]; /* peers whose changes it gets otherwise */
    size_t scan; /* changes that may still be looked at in this pump */
    /* role in the owner last looked at */
    cove_num owner;
    enum cove_role role;
};

/* engine_give.c */
void conn_give_init(struct cove_conn *conn);
void conn_give_clear(struct cove_conn *conn);
/* Send a document that nobody asked for, soon; left out where the peer asks for
 * too much already. */
COVE_MUST_CHECK int give_unasked(struct cove_conn *conn,
                                 const struct cove_id *id);
COVE_MUST_CHECK int give_know(struct cove_conn *conn,
                              const struct cove_message *message);
/* Send what can be sent. */
COVE_MUST_CHECK int conn_pump(struct cove_conn *conn);
bool give_is_full(const struct cove_conn *conn);
COVE_MUST_CHECK int give_header(struct cove_conn *conn,
                                struct cove_bytes header);
/* Add a session's log from *from on, until its end or until it is enough. From
 * no earlier than where it begins here: session->base. */
COVE_MUST_CHECK int give_session(struct cove_conn *conn,
                                 struct cove_store_txn *txn, cove_num num,
                                 const struct cove_doc_session *session,
                                 uint32_t *from);
/* Read a document's outline into the engine's arena; *may: is the peer one of
 * its readers? Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int give_outline(struct cove_conn *conn,
                                 struct cove_store_txn *txn, cove_num num,
                                 struct cove_doc_outline *out, bool *may);
/* The peer's role in an owner; COVE_ROLE_NONE where that is not here. */
COVE_MUST_CHECK int give_role(struct cove_conn *conn,
                              struct cove_store_txn *txn, cove_num owner,
                              enum cove_role *out);
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
/* Tell a document by its digest, where the peer may read it. */
COVE_MUST_CHECK int tell_have(struct cove_conn *conn,
                              struct cove_store_txn *txn, cove_num num);
/* Tell everything again that the peer wants, from the beginning. */
void tell_restart(struct cove_conn *conn);
/* What the peer acknowledged on another connection need not be told here. */
void tell_skip(struct cove_conn *conn);
bool tell_is_due(const struct cove_conn *conn);
/* Is it the connection on which the peer is told what is new? */
bool tell_is_newest(const struct cove_conn *conn);
/* Go through all that there is again, by sums; false while it is busy. */
COVE_MUST_CHECK int tell_again(struct cove_conn *conn, bool *begun);

/* engine_ways.c */
/* The peer says that it had what was pushed to it of this document. */
COVE_MUST_CHECK int ways_spare(struct cove_conn *conn,
                               const struct cove_id *id);
/* Does the peer get what this change came from by another way? */
bool ways_are_two(const struct cove_conn *conn,
                  const struct cove_change *change);
/* The peer lacked what it asked for: it does not get it by another way. */
COVE_MUST_CHECK int ways_lacked(struct cove_conn *conn,
                                struct cove_store_txn *txn,
                                const struct cove_doc_outline *outline);

#endif
