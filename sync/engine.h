/* engine.h: the sync protocol over one store and any number of connections,
 * as a pure machine: bytes, time and "the store changed" come in, bytes and
 * deadlines go out. The same engine runs behind libuv and in the simulator.
 *
 * Each side keeps a position: the change sequence of its store. On connect a
 * side says up to which position of the peer it has everything, durably; the
 * peer tells what changed since, in the order rights, journals, registries,
 * content: (document, digest). Where a digest differs the receiver answers
 * with what it knows per session, and gets exactly what is missing. New
 * changes are pushed as they are committed. A position is acknowledged when
 * everything told before it is durable here; `unsent` is what lies behind the
 * peer's last acknowledgement. docs/PROTOCOL.md is normative.
 *
 * A document is served only to peers whose device has at least the reader's
 * role in its owner (or in itself), and taken from any admitted peer.
 */
#ifndef COVE_SYNC_ENGINE_H
#define COVE_SYNC_ENGINE_H

#include "crdt/repo.h"
#include "sync/ban.h"
#include "sync/channel.h"

struct cove_engine;
struct cove_conn;
struct cove_verify;

struct cove_engine_options {
    const struct cove_alloc *alloc;
    const struct cove_env *env;
    struct cove_repo *repo;
    struct cove_store *store;
    struct cove_identity identity;
    const uint8_t *network_key; /* 32 bytes, or NULL */
    uint64_t credit_bytes;      /* first credit to a peer; 0 = 1 MiB */
    size_t message_bytes;       /* content in a message, about; 0 = 256 KiB */
    uint64_t sums_least; /* changes from which on sums are compared instead of
                            telling each; 0 = 1,024 */
    size_t
        verify_least; /* signatures from which on others verify them; 0 = 16 */
    /* Called after each commit made here, so that the edge can tell other
     * processes; may be NULL. */
    void (*committed)(void *ctx);
    /* One line of what happened, for the log; may be NULL. */
    void (*event)(void *ctx, const struct cove_conn *conn, const char *line);
    void *ctx;
};

COVE_MUST_CHECK int cove_engine_new(const struct cove_engine_options *opt,
                                    struct cove_engine **out);
void cove_engine_free(struct cove_engine *engine); /* and all connections */

/* A connection begins. expect: the peer that was dialled, or NULL: then any
 * peer with a record in COVE_RECORDS_PEERS is admitted, and who presents the
 * secret of a living invite, which gives it one; where it is open anybody. */
COVE_MUST_CHECK int cove_engine_connect(struct cove_engine *engine,
                                        uint64_t now_ms,
                                        enum cove_channel_role role,
                                        const struct cove_key *expect,
                                        struct cove_conn **out);
/* Bytes came. On error the connection is dead: write out what
 * cove_conn_output still has, then close. */
COVE_MUST_CHECK int cove_conn_input(struct cove_conn *conn, uint64_t now_ms,
                                    struct cove_bytes in);
struct cove_bytes cove_conn_output(struct cove_conn *conn);
void cove_conn_written(struct cove_conn *conn, uint64_t now_ms, size_t len);
/* Say goodbye; the connection closes when its output is written. */
void cove_conn_bye(struct cove_conn *conn);
/* Should the socket be closed when the output is empty? */
bool cove_conn_done(const struct cove_conn *conn);
/* The socket ended, or failed. COVE_ECLOSED after a goodbye, the code of the
 * failure where there was one, else COVE_ENET: "connection lost". */
int cove_conn_end(struct cove_conn *conn);
/* Why the connection ended; the code is 0 while it has not, and where it ended
 * well. */
const struct cove_diag *cove_conn_diag(const struct cove_conn *conn);
/* The device that called, proved its key and is no peer here, or NULL. */
const struct cove_key *cove_conn_stranger(const struct cove_conn *conn);
/* Did it end by bytes that no honest device sends, whoever sent them? */
bool cove_conn_at_fault(const struct cove_conn *conn);
/* The socket is gone: free the connection. */
void cove_conn_closed(struct cove_conn *conn);

/* Let signatures be verified elsewhere, where a message has many
 * (sync/verify.h). begin is given a message, has its parts run, in any thread,
 * and then calls cove_engine_verified in this one; always, and before the
 * engine is freed. Where it gives an error it does not. NULL: they are verified
 * here. */
void cove_engine_verify_by(struct cove_engine *engine,
                           int (*begin)(void *ctx, struct cove_verify *verify),
                           void *ctx);
void cove_engine_verified(struct cove_engine *engine, uint64_t now_ms,
                          struct cove_verify *verify);
/* Does the connection wait for that? What else comes from its socket should
 * stay there. */
bool cove_conn_waits(const struct cove_conn *conn);

/* Is the store open: may any device connect? Each that nobody named is a
 * *guest*: it may read and write what its groups let it, and gets a record when
 * the first thing of it is kept, so that who only knocks leaves nothing. Closed
 * again, which it is at first, guests are sent away. */
COVE_MUST_CHECK int cove_engine_open(struct cove_engine *engine,
                                     uint64_t now_ms, bool open);

/* The store changed, by this process or another. */
COVE_MUST_CHECK int cove_engine_changed(struct cove_engine *engine,
                                        uint64_t now_ms);
/* Time passed; when to call again at the latest, in *next_ms: at once where
 * there is more to send than one turn should. Flushes too. */
COVE_MUST_CHECK int cove_engine_tick(struct cove_engine *engine,
                                     uint64_t now_ms, uint64_t *next_ms);
/* Commit what was ingested, acknowledge it, and let every connection send. The
 * edge calls it once per turn of its loop, so that one commit serves all that
 * arrived together; and before anybody else writes the store in this thread,
 * since what was ingested is still in a write transaction. */
COVE_MUST_CHECK int cove_engine_flush(struct cove_engine *engine,
                                      uint64_t now_ms);

/* The devices that have strikes, and those that are refused for a while. Of the
 * engine's time. */
const struct cove_bans *cove_engine_bans(const struct cove_engine *engine);
/* Take a device in again. Was there something against it? */
bool cove_engine_forgive(struct cove_engine *engine,
                         const struct cove_key *device);

/* How much one device may bring in a day: new documents, and bytes of them; 0:
 * any number, as at first. What is beyond is refused by name, and comes again
 * when the day is over. */
void cove_engine_quota(struct cove_engine *engine, uint64_t documents,
                       uint64_t bytes);
/* What peers sent that was not taken, ever. */
struct cove_engine_counts {
    uint64_t strikes;    /* that no honest device would have sent */
    uint64_t refused;    /* headers and batches, for whatever reason */
    uint64_t over_quota; /* those of them that were beyond a quota */
};
void cove_engine_counts(const struct cove_engine *engine,
                        struct cove_engine_counts *out);

/* The record of a peer, kept in COVE_RECORDS_PEERS under its device key. */
enum cove_peer_state {
    COVE_PEER_STOPPED,
    COVE_PEER_OFFLINE,
    COVE_PEER_CONNECTING,
    COVE_PEER_IDLE,
    COVE_PEER_BUSY,
    COVE_PEER_CRASHING,
    COVE_PEER_FAILED
};
#define COVE_PEER_SENTENCE 256                 /* bytes of it, with the NUL */
#define COVE_GUESTS_FROM   (UINT32_C(1) << 31) /* numbers of guests */
#define COVE_GUESTS        1024 /* records of them; one more ends the oldest */
struct cove_peer_record {
    struct cove_key key;
    uint32_t number;         /* local, from 1; guests: from 2^31 */
    char name[64];           /* the user's word for it, "" */
    char address[128];       /* host:port, "" where it only calls us */
    uint8_t store_id[16];    /* of its store, as last seen */
    uint64_t have;           /* its position up to which we have all, durably */
    uint64_t acked;          /* our position that it acknowledged */
    uint8_t acked_store[16]; /* our store id when it did */
    uint64_t bytes_in, bytes_out, documents_in, documents_out; /* ever */
    int64_t last_seen_ms;       /* wall clock, 0 = never */
    enum cove_peer_state state; /* as the daemon last wrote it */
    int64_t state_since_ms;
    char error[COVE_PEER_SENTENCE]; /* why the last connection ended, "" */
};
COVE_MUST_CHECK int cove_peer_get(struct cove_repo *repo,
                                  struct cove_store_txn *txn,
                                  const struct cove_key *key,
                                  struct cove_peer_record *out);
/* Did it come because the store was open, and nobody named it since? */
bool cove_peer_is_guest(const struct cove_peer_record *peer);
/* Adds or replaces; gives a new peer its number, and where number is 0 a guest
 * that of a peer. */
COVE_MUST_CHECK int cove_peer_put(struct cove_repo *repo,
                                  struct cove_store_txn *txn,
                                  struct cove_peer_record *peer);
/* With all that is remembered of it; invites by which it came and that have
 * uses left are revoked, since it knows their secret. */
COVE_MUST_CHECK int cove_peer_remove(struct cove_repo *repo,
                                     struct cove_store_txn *txn,
                                     const struct cove_key *key);
/* The first peer with key > after (NULL: the first). COVE_ENOTFOUND at the
 * end. */
COVE_MUST_CHECK int cove_peer_next(struct cove_repo *repo,
                                   struct cove_store_txn *txn,
                                   const struct cove_key *after,
                                   struct cove_peer_record *out);
/* How many documents the peer may read and has not acknowledged: a call goes
 * over some of the changes, so that many need no long transaction. */
struct cove_interest;
struct cove_unsent { /* zero at first */
    uint64_t documents;
    int64_t since_ms; /* when the oldest of them was written; 0: not known */
    uint64_t after;   /* the change that was looked at last */
    bool begun, over;
    bool timeless; /* none of the changes had a time yet */
    struct cove_interest *wanted;
};
COVE_MUST_CHECK int cove_peer_unsent(struct cove_repo *repo,
                                     struct cove_store_txn *txn,
                                     const struct cove_peer_record *peer,
                                     struct cove_unsent *unsent);
void cove_unsent_clear(struct cove_unsent *unsent); /* over, or given up */
const char *cove_peer_state_name(enum cove_peer_state state);

struct cove_conn_stats {
    struct cove_key peer;
    bool open;
    bool guest;
    bool in_sync; /* all told and wanted on both sides is done */
    uint64_t bytes_in, bytes_out, documents_in, documents_out;
    unsigned strikes; /* what it sent that no honest device would */
    bool clock_known; /* its wall clock was compared with ours … */
    int64_t clock_ms; /* … and is so far ahead; a few ms may be the way's */
};
void cove_conn_stats(const struct cove_conn *conn, struct cove_conn_stats *out);

#endif
