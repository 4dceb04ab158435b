/* repo_upkeep.h: what the repo can do besides reading and writing documents:
 * counts that are kept and not scanned, the past of a document, and taking a
 * document out of this store.
 */
#ifndef COVE_CRDT_REPO_UPKEEP_H
#define COVE_CRDT_REPO_UPKEEP_H

#include "crdt/repo.h"

/* --- what a store is, read without opening it as a repo. Errors:
 * COVE_ENOTFOUND (it is new), COVE_ECORRUPT. */
struct cove_repo_peek {
    uint64_t format;  /* that it has */
    uint64_t current; /* that this build writes; opening takes it there */
    uint64_t sequence;
    struct cove_key device;
    uint8_t store_id[16];
};
COVE_MUST_CHECK int cove_repo_peek(struct cove_store *store,
                                   struct cove_repo_peek *out);

/* --- kept counts: documents of a schema by the epoch of their newest user
 * write and by how they were last judged. A write or an arrival takes a
 * document's judgement away; a load or a run gives it one again. They are kept
 * up in the transaction that changes the document, so they never disagree with
 * the documents. */
struct cove_tally {
    cove_num schema;
    struct cove_step_id epoch; /* zero: none, or no epoch */
    uint8_t plan[8]; /* first bytes of what it was judged by; zero: it is not
                        judged since its last change */
    uint8_t state;   /* opaque here; 0 where not judged */
    uint64_t count;
};
/* The first tally behind *after in key order (all zero but the schema: the
 * first of that schema; schema 0: documents without one).
 * Errors: COVE_ENOTFOUND behind the last one of that schema. */
COVE_MUST_CHECK int cove_repo_tally_next(struct cove_repo *repo,
                                         struct cove_store_txn *txn,
                                         const struct cove_tally *after,
                                         struct cove_tally *out);
/* Remember how a loaded document was judged; no write where it is the same. */
COVE_MUST_CHECK int cove_repo_judge(struct cove_repo *repo,
                                    struct cove_store_txn *txn,
                                    struct cove_doc *doc, const uint8_t plan[8],
                                    uint8_t state);
/* The same together with cove_repo_set_clean, in one write. */
COVE_MUST_CHECK int cove_repo_settle(struct cove_repo *repo,
                                     struct cove_store_txn *txn,
                                     struct cove_doc *doc,
                                     const struct cove_hash *clean,
                                     const uint8_t plan[8], uint8_t state);

/* Count all documents again, in a read transaction, and compare: for `check`.
 * Errors: COVE_ECORRUPT where the counts are others. Cost: reads every record.
 */
COVE_MUST_CHECK int cove_repo_recount(struct cove_repo *repo,
                                      struct cove_store_txn *txn,
                                      struct cove_diag *diag);

/* Which versions a device speaks: the epoch of its newest user write in
 * documents of a schema, and when that was. Kept like the tallies. */
struct cove_spoken {
    cove_num schema;
    struct cove_key device;
    struct cove_step_id epoch;
    uint64_t hlc;
};
/* The first behind (schema, device) of *after. Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_repo_spoken_next(struct cove_repo *repo,
                                          struct cove_store_txn *txn,
                                          const struct cove_spoken *after,
                                          struct cove_spoken *out);

/* --- the past: a time behind all that is shown and before all that this
 * device will write. */
COVE_MUST_CHECK int cove_repo_hlc(struct cove_repo *repo,
                                  struct cove_store_txn *txn, uint64_t *out);
/* The state as of a time, from the transactions that have a time
 * up to it (whatever order they arrived in). In the arena, but for the
 * elements of a list or text: cove_repo_state_done frees them. */
COVE_MUST_CHECK int cove_repo_state_at(struct cove_repo *repo,
                                       struct cove_store_txn *txn,
                                       const struct cove_doc *doc, uint64_t hlc,
                                       struct cove_arena *arena,
                                       struct cove_state *out,
                                       struct cove_diag *diag);

/* The state as of a frontier: of each session so many transactions, and nothing
 * of those that are not named; sorted by session. */
COVE_MUST_CHECK int cove_repo_state_of(
    struct cove_repo *repo, struct cove_store_txn *txn,
    const struct cove_doc *doc, const struct cove_reach *points, size_t count,
    struct cove_arena *arena, struct cove_state *out, struct cove_diag *diag);
/* Free what such a state holds beside the arena. */
void cove_repo_state_done(struct cove_repo *repo, struct cove_state *state);

/* --- sessions whose transactions are here. */
struct cove_session_counts {
    uint64_t ours;  /* of this device … */
    uint64_t ended; /* … of them, not gone on with */
    uint64_t others;
};
/* Cost: reads one entry a session. Errors: COVE_ECORRUPT, store errors. */
COVE_MUST_CHECK int cove_repo_sessions(struct cove_repo *repo,
                                       struct cove_store_txn *txn,
                                       struct cove_session_counts *out);

/* --- taking a document out of this store, wholly: for local drafts and for
 * `reset`. A peer that has it would bring it back: the caller looks first.
 * Errors: COVE_EIMMUTABLE (a group, account or journal that documents name). */
COVE_MUST_CHECK int cove_repo_remove(struct cove_repo *repo,
                                     struct cove_store_txn *txn, cove_num num,
                                     struct cove_diag *diag);

/* What was taken out last is remembered, for whoever keeps what it read of the
 * documents that changed: a removal has a sequence number among the changes. */
#define COVE_REPO_REMOVALS 4096
struct cove_removal {
    uint64_t sequence;
    uint64_t before; /* the sequence of the one before it; 0 = none */
    cove_num num;    /* that it had: no other document gets it */
    struct cove_id id;
    struct cove_id schema; /* of its header; zero: none */
    enum cove_doc_class class;
    bool local; /* it was never in a list, nor elsewhere */
};
/* The first removal with sequence > after. Where it has a `before` that is
 * greater than `after`, those between are forgotten.
 * Errors: COVE_ENOTFOUND, COVE_ECORRUPT. */
COVE_MUST_CHECK int cove_repo_removal_after(struct cove_repo *repo,
                                            struct cove_store_txn *txn,
                                            uint64_t after,
                                            struct cove_removal *out);

#endif
