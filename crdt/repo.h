/* repo.h: documents and their session logs, kept in a store.
 *
 * The repo verifies all that comes in, keeps logs as received, folds them into
 * a state (crdt/state.h), and remembers in which order documents changed. It
 * decides who may write by headers alone. It knows nothing of journals, views
 * or connections. All functions work inside a transaction of the store; the
 * writer lock of the store is what leases this store's session to a process,
 * so a loop of 5,000 writers uses one session.
 *
 *   ids      document id → number      changes  sequence → (doc, who, what)
 *   docs     number → header, one row   schemas  (journal's number, doc) → ""
 *            per session, short logs    peers    device key → record
 *   log      (doc, session, start)      states   number → checkpoint of the
 *            → chunk                             folded state
 *   groups   number → what signs many heads
 *
 * A function that fails with an error of the store or of memory may have
 * written some of what it was to write: the transaction can only be aborted. A
 * refusal (COVE_EDENIED, COVE_ELIMIT, COVE_ECLOCK, and all codes that ingest
 * lists) has written nothing, and what else is in the transaction may be
 * committed.
 *
 * Threads: one at a time, since what the repo keeps in memory is guarded by
 * nothing; who reads on several threads opens a repo for each. Who loads lists
 * and texts, which stay in memory (repo_live.h), has one transaction at a time.
 *
 * docs/FORMAT.md "Trees" describes every record.
 */
#ifndef COVE_CRDT_REPO_H
#define COVE_CRDT_REPO_H

#include "core/env.h"
#include "core/limits.h"
#include "core/store.h"
#include "crdt/batch.h"
#include "crdt/compose.h"
#include "crdt/doc.h"

struct cove_repo_options {
    const struct cove_alloc *alloc;
    const struct cove_env *env;
    struct cove_store *store;  /* borrowed; opened with COVE_REPO_TREES */
    struct cove_secret secret; /* this device */
    struct cove_key device;
    bool new_session; /* the store was restored or cloned: do not go on with
                         its session */
    unsigned group_leaves; /* most documents that one signature is for;
                              0 = as is usual */
};
#define COVE_REPO_TREES 20

/* Errors: COVE_ENEWER, COVE_ENOTSTORE, COVE_EACCES (another device's store),
 * store errors. */
COVE_MUST_CHECK int cove_repo_open(const struct cove_repo_options *opt,
                                   struct cove_repo **out,
                                   struct cove_diag *diag);
void cove_repo_close(struct cove_repo *repo);

/* --- documents */

/* Create a document from a header; an existing one is found again.
 * Errors: header_decode's, COVE_EREMOVED (it was there, and was removed),
 * COVE_EDENIED where this device has no writer's role in a held owner,
 * COVE_ENOTFOUND where the owner is not held. */
COVE_MUST_CHECK int cove_repo_create(struct cove_repo *repo,
                                     struct cove_store_txn *txn,
                                     struct cove_bytes header, cove_num *out,
                                     struct cove_diag *diag);
/* The number of a document that may not be held but named by another: a load
 * finds that out. Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_repo_number(struct cove_repo *repo,
                                     struct cove_store_txn *txn,
                                     const struct cove_id *id, cove_num *out);
/* Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_repo_find(struct cove_repo *repo,
                                   struct cove_store_txn *txn,
                                   const struct cove_id *id, cove_num *out);
/* A unique prefix of the text form. Errors: COVE_ENOTFOUND, COVE_EAMBIGUOUS
 * (diag lists up to 5), COVE_EFORMAT. */
COVE_MUST_CHECK int cove_repo_resolve(struct cove_repo *repo,
                                      struct cove_store_txn *txn,
                                      const char *prefix, struct cove_id *out,
                                      struct cove_diag *diag);
/* Load header, sessions and state. Errors: COVE_EREMOVED, with who did it. The
 * state comes from its checkpoint, or from the log where that is missing or
 * stale (owner arrived, held time came); a write transaction then stores it
 * again. */
COVE_MUST_CHECK int cove_repo_load(struct cove_repo *repo,
                                   struct cove_store_txn *txn, cove_num num,
                                   struct cove_arena *arena,
                                   struct cove_doc *out,
                                   struct cove_diag *diag);
/* The record of a document as it lies in the store, borrowed: what changes in a
 * document changes these bytes, but for what its flags say may come by itself
 * (held, owner missing). Errors: COVE_ENOTFOUND, COVE_ELIMIT where it is of
 * several parts. */
COVE_MUST_CHECK int cove_repo_record(struct cove_store_txn *txn, cove_num num,
                                     struct cove_bytes *out);
/* As load, what a branch of it shows and writes; crdt/branch.h makes them.
 * Errors: COVE_ENOTFOUND (no such branch). */
COVE_MUST_CHECK int cove_repo_load_branch(
    struct cove_repo *repo, struct cove_store_txn *txn, cove_num num,
    const struct cove_session_id *branch, struct cove_arena *arena,
    struct cove_doc *out, struct cove_diag *diag);
struct cove_hash cove_doc_digest(const struct cove_doc *doc,
                                 struct cove_arena *arena);
/* Just the header and the digest, for sync: no state is decoded. */
struct cove_doc_brief {
    struct cove_id id;
    struct cove_bytes header_bytes; /* lies in header_room: do not copy */
    struct cove_hash digest;
    bool local;         /* nobody but this device may read */
    bool removed;       /* crdt/repo_gone.h */
    uint64_t next_held; /* smallest hlc that is held for its time, or 0 */
    uint8_t header_room[COVE_MAX_HEADER];
};
COVE_MUST_CHECK int cove_repo_brief(struct cove_repo *repo,
                                    struct cove_store_txn *txn, cove_num num,
                                    struct cove_doc_brief *out);
/* As above with the sessions; everything in the arena, and no state decoded. */
struct cove_doc_outline {
    struct cove_id id;
    struct cove_bytes header_bytes;
    enum cove_doc_class class;
    cove_num owner;          /* whose members may read; 0 = itself */
    struct cove_id owner_id; /* the same; its own where it has none */
    bool has_schema;
    struct cove_id schema;             /* its journal's id, or zeros */
    bool local;                        /* nobody but this device may read */
    bool removed;                      /* crdt/repo_gone.h */
    struct cove_doc_session *sessions; /* sorted by session id */
    size_t session_count;
    struct cove_hash digest;
    uint64_t changed; /* the sequence of its last change; 0: none yet */
};
COVE_MUST_CHECK int cove_repo_outline(struct cove_repo *repo,
                                      struct cove_store_txn *txn, cove_num num,
                                      struct cove_arena *arena,
                                      struct cove_doc_outline *out);

/* --- own writes */

/* Append one transaction of this device: hlc, seen, auth, chain and fold are
 * made here; tx gives kind, epoch, ops. Several appends in one store
 * transaction are one commit and, by whoever ends it, are signed at once
 * before it. The repo must not be closed before. `doc` is brought up to date.
 * Errors: COVE_EDENIED, COVE_ELIMIT, COVE_ECLOCK, store errors. */
COVE_MUST_CHECK int cove_repo_append(struct cove_repo *repo,
                                     struct cove_store_txn *txn,
                                     struct cove_doc *doc, struct cove_tx *tx,
                                     struct cove_diag *diag);
/* Who this device is in the document's sequence, the number of the element
 * that it inserts next, and a time for the transaction: append takes it where
 * tx.applied says so. In a write transaction; begins the store's session
 * where it has none. Errors: COVE_EUSAGE (no list or text), store errors. */
COVE_MUST_CHECK int cove_repo_self(struct cove_repo *repo,
                                   struct cove_store_txn *txn,
                                   const struct cove_doc *doc,
                                   struct cove_compose_self *out);
/* The session that this device writes the document with, and the index of the
 * transaction that it appends next. In a write transaction; begins the store's
 * session where it has none. Errors: store errors. */
COVE_MUST_CHECK int cove_repo_place(struct cove_repo *repo,
                                    struct cove_store_txn *txn,
                                    const struct cove_doc *doc,
                                    struct cove_session_id *session,
                                    uint32_t *next);
/* May this device write here? What append would say. Errors: COVE_EDENIED,
 * COVE_ENEWER, store errors. */
COVE_MUST_CHECK int cove_repo_may_write(struct cove_repo *repo,
                                        struct cove_store_txn *txn,
                                        const struct cove_doc *doc,
                                        struct cove_diag *diag);
/* Remember that nothing is due under this key; cleared by any new op, but for
 * an append that doc.clean_next says it of beforehand. */
COVE_MUST_CHECK int cove_repo_set_clean(struct cove_repo *repo,
                                        struct cove_store_txn *txn,
                                        struct cove_doc *doc,
                                        const struct cove_hash *key);

/* --- other peers' writes */

struct cove_ingest_result {
    cove_num num;
    uint32_t added;    /* transactions that are new here */
    uint32_t held;     /* of them: ahead of the clock */
    uint32_t denied;   /* of them: by authors without the right, never shown */
    uint32_t have;     /* the session's length afterwards */
    bool refused_time; /* cut where the clock would be over 24 h ahead */
    bool removed;      /* it was a tombstone: the document is gone now */
};

/* Take a header from a peer; existing: no-op.
 * Errors: COVE_EHASH, COVE_EFORMAT, COVE_ELIMIT. */
COVE_MUST_CHECK int cove_repo_ingest_header(struct cove_repo *repo,
                                            struct cove_store_txn *txn,
                                            const struct cove_id *id,
                                            struct cove_bytes header,
                                            cove_num *out,
                                            struct cove_diag *diag);
/* Verify a batch wholly, then append what is new. `peer` is the local number
 * of the peer it came from (changes remember it), 0 = this device.
 * The batch may overlap what is held; it must not leave a gap. Where all of it
 * is held already it is compared, and not verified again.
 * Errors, the document unchanged: COVE_ENOTFOUND (document: ask for its
 * header), COVE_EGAP, COVE_ESIGNATURE, COVE_EHASH (salt), COVE_EFORMAT,
 * COVE_ELIMIT, COVE_ECLOCK (hlc not increasing, or a removal ahead of the
 * clock), COVE_EREMOVED (the document was removed), COVE_EDENIED (more in the
 * session of a removal), COVE_EFORK (proof kept: that one write stays). */
COVE_MUST_CHECK int cove_repo_ingest(struct cove_repo *repo,
                                     struct cove_store_txn *txn,
                                     const struct cove_batch *batch,
                                     uint32_t peer,
                                     struct cove_ingest_result *out,
                                     struct cove_diag *diag);
/* Read a piece of a session's log for sending: whole chunks from `from` on, up
 * to max_bytes of transactions, ending at a signed head; batch in the arena.
 * Errors: COVE_ENOTFOUND where nothing is held from there. */
COVE_MUST_CHECK int cove_repo_read(struct cove_repo *repo,
                                   struct cove_store_txn *txn, cove_num num,
                                   const struct cove_session_id *session,
                                   uint32_t from, size_t max_bytes,
                                   struct cove_arena *arena,
                                   struct cove_batch *out);

/* What a batch's proof.kept names, with all leaves, in the arena; its device is
 * the batch's. Errors: COVE_ECORRUPT. */
COVE_MUST_CHECK int cove_repo_group(struct cove_repo *repo,
                                    struct cove_store_txn *txn, uint64_t kept,
                                    struct cove_arena *arena,
                                    struct cove_group *out);

/* The proofs kept of a document's sessions that parted: batches, encoded.
 * Errors: what visit gives. */
COVE_MUST_CHECK int cove_repo_forks(
    struct cove_repo *repo, struct cove_store_txn *txn, cove_num num,
    int (*visit)(void *ctx, struct cove_bytes batch), void *ctx);

/* --- iteration */

/* Every transaction of a document, session by session, in log order. */
struct cove_log_entry {
    const struct cove_doc_session *session;
    uint32_t index;
    struct cove_bytes bytes; /* borrowed until the callback returns */
    bool shown;              /* folded into the document's state */
};
typedef int cove_log_visit(void *ctx, const struct cove_log_entry *entry);
COVE_MUST_CHECK int cove_repo_log(struct cove_repo *repo,
                                  struct cove_store_txn *txn,
                                  const struct cove_doc *doc,
                                  cove_log_visit *visit, void *ctx);

/* The first bytes of the hash of the transaction that holds an op of this
 * document. Errors: COVE_ENOTFOUND where it is not held. */
COVE_MUST_CHECK int cove_repo_tx_hash(struct cove_repo *repo,
                                      struct cove_store_txn *txn,
                                      const struct cove_doc *doc,
                                      const struct cove_op_id *op,
                                      uint8_t out[8]);

/* Documents of a schema (its journal's number) after `after`, in order of
 * their numbers; 0 = all documents, COVE_NUM_JOURNALS = the journals,
 * COVE_NUM_LOCALS = the local documents, which are in no schema's list.
 * Errors: COVE_ENOTFOUND at the end. */
#define COVE_NUM_JOURNALS UINT64_MAX
#define COVE_NUM_LOCALS   (UINT64_MAX - 1)
COVE_MUST_CHECK int cove_repo_next(struct cove_repo *repo,
                                   struct cove_store_txn *txn, cove_num schema,
                                   cove_num after, cove_num *out);

/* What changed since a sequence number; a document appears once, at its last
 * change. */
struct cove_change {
    uint64_t sequence;
    cove_num num;
    enum cove_doc_class class;
    bool by_peer;  /* all changes so far came from … */
    uint32_t peer; /* … this peer, 0 = this device; else the last one did */
    struct cove_session_id session; /* the last change: which session … */
    uint32_t from;                  /* … from which index on */
    /* The sequences of the last changes by users of this device, by others, and
     * of nothing but copies; 0 = none. One of them is `sequence`. */
    uint64_t own, others, copies;
    uint32_t others_peer; /* that the last of others came from, or 0 */
};
/* The first change with sequence > after. Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_repo_change_after(struct cove_repo *repo,
                                           struct cove_store_txn *txn,
                                           uint64_t after,
                                           struct cove_change *out);
/* The sequence number of the last change or removal of a group, account or
 * journal: what follows from them is what it was while this is. */
COVE_MUST_CHECK int cove_repo_rules(struct cove_repo *repo,
                                    struct cove_store_txn *txn, uint64_t *out);
COVE_MUST_CHECK int cove_repo_sequence(struct cove_repo *repo,
                                       struct cove_store_txn *txn,
                                       uint64_t *out);

/* --- rights, identity, small records */

/* COVE_ROLE_NONE where the owner is missing (flag in doc says so). */
COVE_MUST_CHECK int cove_repo_role(struct cove_repo *repo,
                                   struct cove_store_txn *txn, cove_num num,
                                   const struct cove_key *device,
                                   enum cove_role *out);
/* The number of the store's format, as its record has it. */
COVE_MUST_CHECK int cove_repo_format(struct cove_store_txn *txn, unsigned *out);
const struct cove_key *cove_repo_device(const struct cove_repo *repo);
const struct cove_secret *cove_repo_secret(const struct cove_repo *repo);
const struct cove_env *cove_repo_env(const struct cove_repo *repo);
const struct cove_alloc *cove_repo_alloc(const struct cove_repo *repo);
/* 16 random bytes that name this store's history of sequence numbers. */
void cove_repo_store_id(const struct cove_repo *repo, uint8_t out[16]);

#include "crdt/repo_records.h"

#endif
