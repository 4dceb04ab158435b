/* repo_open.h: what the repo keeps in memory of the transaction under way,
 * until its end: counters, tallies, heads to be signed. A part of
 * repo_internal.h, which includes it.
 */
#ifndef COVE_CRDT_REPO_OPEN_H
#define COVE_CRDT_REPO_OPEN_H

#include "crdt/repo_internal.h"

#include "crdt/repo_hot.h"
#include "crdt/repo_make.h"

struct repo_work;

/* repo_group.c: what the write transaction under way has appended and not
 * signed. */
struct repo_group {
    uint64_t num;           /* while there are leaves */
    struct cove_buf leaves; /* hashes */
    cove_num first;         /* document and session of the first leaf */
    struct cove_session_id first_session;
    struct cove_buf shifts; /* struct repo_group_shift */
    uint64_t taken;         /* a peer's group that was kept last, or 0 */
    struct cove_signature taken_signature;
};
struct repo_group_shift { /* so many more, or fewer, chunks name it */
    uint64_t group;
    int64_t by;
};
/* The tree that paths were last made from. */
struct repo_group_tree {
    uint64_t num; /* 0 = none */
    struct cove_signature signature;
    struct cove_merkle merkle;
    struct cove_arena arena;
};

/* A group, account or journal by its id, and what this device is in it. */
struct repo_known {
    cove_num num; /* 0 = none */
    struct cove_id id;
    enum cove_role mine;
};

/* What a transaction that only reads has found, which stays so in it. */
struct repo_glance {
    const struct cove_store_txn *txn; /* while cove_store_owner says so, too */
    struct repo_counters counters;
};

/* repo_open.c */
#define REPO_TALLY_KEY (9 + 32 + 8 + 1)
struct repo_tally_key {
    uint8_t b[REPO_TALLY_KEY];
    size_t len;
};
struct repo_tally_shift { /* so many more documents, or fewer */
    uint8_t key[REPO_TALLY_KEY];
    size_t key_len;
    int64_t by;
};
#define REPO_NONCES 64
struct repo_nonces {      /* drawn for documents that are still to be made */
    unsigned left, drawn; /* of the last draw: the next one is larger */
    uint8_t b[REPO_NONCES][COVE_NONCE];
};
struct repo_open {
    struct cove_store_ending ending;
    struct cove_repo *repo;
    struct cove_store_txn *txn; /* NULL: none is open */
    struct repo_counters counters;
    bool counted;              /* they are others than the store's */
    uint64_t began;            /* the sequence that it began with */
    uint64_t writes;           /* of records, ever: when a copy is current */
    struct cove_buf shifts;    /* struct repo_tally_shift, each key once */
    struct repo_seen seen;     /* the one looked at last */
    struct cove_spoken spoken; /* as it is held; schema 0: not looked at */
    struct repo_known owner;   /* of the document made last, … */
    struct repo_known schema;  /* … its schema, and … */
    uint32_t shape;            /* … the shape of its header; 0 = none */
    struct repo_nonces nonces;
    struct repo_hot hot;
};

/* repo_open.c. The state of a write transaction, NULL in others. */
void repo_open_init(struct cove_repo *repo);
void repo_open_clear(struct cove_repo *repo);
struct repo_open *repo_open_of(struct cove_repo *repo,
                               const struct cove_store_txn *txn);
void repo_open_begin(struct cove_repo *repo, struct cove_store_txn *txn,
                     const struct repo_counters *counters);
COVE_MUST_CHECK int repo_open_tally(struct repo_work *work,
                                    struct cove_bytes key, int by);
/* Put the tallies gathered, before they are read. */
COVE_MUST_CHECK int repo_open_settle(struct repo_work *work);
/* repo_tally.c. Errors: COVE_ECORRUPT where fewer than none would be left. */
COVE_MUST_CHECK int repo_tally_put(struct repo_work *work,
                                   const struct repo_tally_shift *shift);
void repo_tally_key(struct repo_tally_key *key, const struct cove_tally *tally);
/* repo_recount.c. Count all documents anew, in place of what is counted. */
COVE_MUST_CHECK int repo_tally_again(struct repo_work *work);

#endif
