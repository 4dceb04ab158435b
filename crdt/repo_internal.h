/* repo_internal.h: what the files of the repo share, and nobody else sees.
 *
 * A document is one record (header, one row per session, short logs inline),
 * its log chunks, and where the log is longer a checkpoint of the folded
 * state. docs/FORMAT.md "Trees" has every byte.
 *
 *   repo.c         open, counters, small records; repo_parts.c long ones
 *   repo_intern.c  sessions, epochs and header shapes as small numbers
 *   repo_find.c    find, resolve, roles; repo_create.c
 *   repo_shape.c   headers, by what documents of one kind have in common
 *   repo_record.c  the document record
 *   repo_state.c   the checkpoint of a folded state
 *   repo_fold.c    which transactions are shown, and folding them
 *   repo_doc.c     load, brief, digest
 *   repo_chunk.c   one chunk of a log; repo_tx.c one transaction in it
 *   repo_log.c     chunks in the store, reading, iteration
 *   repo_pack.c    many chunks in one record
 *   repo_compact.c which chunks; repo_remove.c, repo_removal.c, repo_gone.c
 *   repo_open.c    what a write transaction keeps in memory until its end
 *   repo_hot.c     the document that it appends to again and again
 *   repo_group.c   one signature for all that a transaction appends
 *   repo_append.c, repo_ingest.c, repo_fork.c, repo_changes.c, repo_at.c
 *   repo_live.c    sequences that stay in memory between transactions
 *   repo_cut.c     beginning behind the beginning; repo_cut_adopt.c, _state.c
 *   repo_branch.c  which sessions a view shows, and how far
 *   repo_tally.c   counts of documents, kept up by repo_record_write
 *   repo_index.c   sorted bytes that lead to documents
 *   repo_sums.c    hashes by which stores find what differs
 */
#ifndef COVE_CRDT_REPO_INTERNAL_H
#define COVE_CRDT_REPO_INTERNAL_H

#include "core/arena.h"
#include "core/hlc.h"
#include "core/limits.h"
#include "crdt/merkle.h"
#include "crdt/pack.h"
#include "crdt/repo.h"
#include "crdt/repo_upkeep.h"

#define REPO_FORMAT      4u    /* of the store's records, … */
#define REPO_FORMAT_CUT  5u    /* … and with a history that was cut off */
#define REPO_FORMER      2u    /* the oldest that is taken over */
#define REPO_PART        60000 /* bytes of a part of a long record */
#define REPO_CHUNK_BYTES 4000  /* a tail chunk grows up to one page */
#define REPO_INLINE      1024  /* a first chunk this short lies in the record */
#define REPO_INLINE_MAX  1400  /* and all inline chunks together */
#define REPO_PENDING     2048 /* log bytes a load may fold without asking … */
#define REPO_PENDING_TXS 16   /* … and transactions, of short documents */
#define REPO_CACHE       512  /* slots of the intern cache, a power of two */
#define REPO_SHAPES      64   /* header shapes in memory */
#define REPO_FORKS       4    /* proofs kept per session */
/* Leaves of a group: a signature costs little then, its record fills two pages
 * and a path has at most eight hashes. */
#define REPO_GROUP_LEAVES 252

enum repo_tree {
    REPO_META,        /* name → record of the repo itself */
    REPO_IDS,         /* document id → number */
    REPO_DOCS,        /* number [part] → document record */
    REPO_LOG,         /* number, session, ~start → chunk, stub, pack */
    REPO_STATES,      /* number [part] → checkpoint */
    REPO_INTERN,      /* small number → kind, bytes */
    REPO_INTERN_KEYS, /* kind, key → small number */
    REPO_SCHEMAS,     /* journal number, number → "" */
    REPO_CHANGES,     /* sequence → change */
    REPO_FORK_PROOFS, /* number, session, n → proof */
    REPO_RECORDS,     /* records of upper layers */
    REPO_PEERS,
    REPO_RUNS,
    REPO_TALLIES, /* schema, epoch, plan, state → count */
    REPO_SPOKEN,  /* schema, device → epoch, hlc */
    REPO_GROUPS,  /* number [1] → group signature, leaves */
    REPO_INDEX,   /* index, values, number → note */
    REPO_INDEXED, /* number, index → its keys in the tree before */
    REPO_SUMS,    /* class, owner, schema, depth, bits → node of sums */
    REPO_CUTS     /* number [part] → cut */
};

/* What every operation reads first and a writing one writes last. */
struct repo_counters {
    uint64_t sequence; /* of the last change */
    uint64_t rules;    /* of the last of a group, account or journal */
    cove_num next_num; /* of documents */
    uint32_t next_intern;
    uint8_t stamp[8];     /* random, new with each interned thing */
    uint64_t last_hlc;    /* greatest own or accepted */
    uint64_t own_hlc;     /* of the last own transaction */
    uint32_t own_session; /* interned; 0 = make one at the next append */
};

struct repo_session { /* interned */
    struct cove_session_id session;
    struct cove_key device;
    uint8_t salt[16];
};

enum repo_intern_kind {
    REPO_INTERN_SESSION = 's',
    REPO_INTERN_EPOCH = 'e',
    REPO_INTERN_REGISTER = 'r',
    REPO_INTERN_SHAPE = 'h'
};

struct repo_slot { /* num 0, or another round's: empty */
    uint32_t num;
    uint32_t round;
    uint8_t kind;
    uint8_t key_len;
    uint8_t value_len;
    uint8_t key[64];   /* session id, epoch, register */
    uint8_t value[64]; /* struct repo_session, epoch, register */
};

struct repo_shape;

/* One operation under way. */
struct repo_work {
    struct cove_repo *repo;
    struct cove_store_txn *txn;
    struct cove_arena *arena;
    struct cove_diag *diag; /* may be NULL */
    bool spelled; /* states name sessions and epochs in full: for cuts */
    struct repo_counters counters;
};

#include "crdt/repo_open.h"
#include "crdt/repo_pack.h"
#include "crdt/repo_record.h"

struct cove_repo {
    struct cove_repo_options opt;
    uint8_t store_id[16];
    bool has_cuts;        /* as the store's format said when it was opened */
    bool mending;         /* counts may be wrong; what comes may be one's own */
    struct cove_id local; /* this device's group of local documents */
    struct cove_arena scratch; /* of write transactions: one at a time */
    struct cove_arena decoded; /* of one log that is folded */
    struct repo_open open;
    struct repo_group group;
    struct repo_live *lives; /* the one used last first; repo_live.h */
    size_t live_count;
    struct cove_header_last made; /* by a write transaction */
    struct cove_roots roots;      /* of the write transactions, too */
    struct repo_glance glance;
    struct repo_group_tree tree;
    struct repo_opened_pack pack;
    uint8_t cache_stamp[8];
    uint32_t cache_round;
    struct repo_slot by_num[REPO_CACHE];
    struct repo_slot by_key[REPO_CACHE];
    struct repo_shape *shapes[REPO_SHAPES];
};

/* repo.c */
COVE_MUST_CHECK int repo_work_begin(struct repo_work *work,
                                    struct cove_repo *repo,
                                    struct cove_store_txn *txn,
                                    struct cove_arena *arena,
                                    struct cove_diag *diag);
/* As above for a write transaction, with the repo's scratch arena. */
COVE_MUST_CHECK int repo_work_write(struct repo_work *work,
                                    struct cove_repo *repo,
                                    struct cove_store_txn *txn,
                                    struct cove_diag *diag);
COVE_MUST_CHECK int repo_work_end(struct repo_work *work); /* sets counters */
COVE_MUST_CHECK int repo_counters_put(struct repo_work *work);
/* The store has a cut: builds that know none refuse it from now on. */
COVE_MUST_CHECK int repo_format_cut(struct repo_work *work);
int64_t repo_now(const struct cove_repo *repo);

/* A value of any length under a number, cut into parts. `parts`: how many the
 * store has now, updated. Reading borrows from the store where one part
 * holds it, else assembles in the arena. Errors of read: COVE_ENOTFOUND. */
COVE_MUST_CHECK int repo_blob_write(struct repo_work *work, unsigned tree,
                                    uint64_t num, struct cove_bytes bytes,
                                    size_t *parts);
/* All of it goes, and what stands where it might have been longer. */
COVE_MUST_CHECK int repo_blob_drop(struct repo_work *work, unsigned tree,
                                   uint64_t num, size_t *parts);
COVE_MUST_CHECK int repo_blob_read(struct repo_work *work, unsigned tree,
                                   uint64_t num, struct cove_bytes *out,
                                   size_t *parts);

/* repo_tally.c */
/* Count the document as its record says now; for repo_record_write. */
COVE_MUST_CHECK int repo_tally_move(struct repo_work *work,
                                    struct repo_record *record);
/* Count it no longer. */
COVE_MUST_CHECK int repo_tally_leave(struct repo_work *work,
                                     struct repo_record *record);
/* Something changed: what was found out about the document no longer holds. */
void repo_tally_unjudge(struct repo_record *record);
/* Is it a user's write that is folded into the state? */
bool repo_tally_counts(const struct cove_tx *tx);
/* Such a transaction is shown, the last one of its session. epoch
 * is interned, 0 = none. Only the record is changed, but for what the device
 * speaks. */
COVE_MUST_CHECK int repo_tally_native(struct repo_work *work,
                                      struct repo_record *record,
                                      const struct cove_key *device,
                                      uint64_t hlc, uint32_t epoch);

/* repo_doc.c */
/* Make doc say what the record says, but for its state. */
COVE_MUST_CHECK int repo_doc_update(const struct repo_record *record,
                                    struct cove_doc *doc);
/* A document of a record that the store does not have. */
COVE_MUST_CHECK int repo_doc_make(struct repo_work *work,
                                  struct repo_record *record,
                                  struct cove_doc *doc);
/* Its record: the one held with it where that is as it was, else read. */
COVE_MUST_CHECK int repo_doc_record(struct repo_work *work,
                                    const struct cove_doc *doc,
                                    struct repo_record *out);
/* Its state where that is the document's own and no branch's, else NULL. */
const struct cove_state *repo_doc_own(const struct cove_doc *doc);
bool repo_doc_is_current(const struct repo_record *record,
                         const struct cove_doc *doc);

/* repo_changes.c */
/* Note a change in its tree and in the record. A header alone does not say who
 * the change is from: REPO_PEER_OPEN, the next one decides. `copies`: nothing
 * but copies that migrations wrote. */
#define REPO_PEER_OPEN UINT32_MAX
COVE_MUST_CHECK int repo_change_note(struct repo_work *work,
                                     struct repo_record *record, uint32_t peer,
                                     uint32_t session, uint32_t from,
                                     bool copies);
/* Put a change of this device's where the record says it is by now, in place of
 * the one that the store has. */
COVE_MUST_CHECK int repo_change_move(struct repo_work *work,
                                     const struct repo_record *record,
                                     uint64_t noted, uint32_t session,
                                     uint32_t from);
/* Which document's change that is. Errors: COVE_ENOTFOUND, COVE_ECORRUPT. */
COVE_MUST_CHECK int repo_change_num(struct repo_work *work, uint64_t sequence,
                                    cove_num *out);
/* Take the document's change away. */
COVE_MUST_CHECK int repo_change_drop(struct repo_work *work,
                                     const struct repo_record *record);

/* repo_removal.c: remember the removal that has just got its sequence. */
COVE_MUST_CHECK int repo_removal_note(struct repo_work *work,
                                      const struct repo_record *record);
/* repo_index.c: take a document out of all indexes. */
COVE_MUST_CHECK int repo_index_remove(struct repo_work *work, cove_num num);

/* repo_remove.c: the first entry under a prefix; its value is borrowed until
 * the next write. Errors: COVE_ENOTFOUND. */
struct repo_first {
    uint8_t key[COVE_STORE_MAX_KEY];
    size_t len;
    struct cove_bytes value;
};
COVE_MUST_CHECK int repo_first_under(struct cove_store_txn *txn, unsigned tree,
                                     struct cove_bytes prefix,
                                     struct repo_first *out);
/* repo_remove.c: all of a document's logs; its rows are the caller's to change.
 */
COVE_MUST_CHECK int repo_remove_logs(struct repo_work *work,
                                     const struct repo_record *record);
/* repo_remove.c: all that is kept of a document beside its record, its number
 * and its change. */
COVE_MUST_CHECK int repo_remove_content(struct repo_work *work,
                                        struct repo_record *record);

/* repo_fork.c */
COVE_MUST_CHECK int repo_fork_keep(struct repo_work *work,
                                   struct repo_record *record,
                                   struct repo_row *row,
                                   const struct cove_batch *batch,
                                   uint32_t first);

#include "crdt/repo_cut_parts.h"
#include "crdt/repo_find_parts.h"
#include "crdt/repo_gone_parts.h"
#include "crdt/repo_intern.h"
#include "crdt/repo_live.h"

#endif
