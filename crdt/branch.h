/* branch.h: branches of a document: beginning, finding and merging them.
 *
 * A branch is a handful of sessions of its document (crdt/repo_branch.c says
 * how they are shown), so it shares the past and travels with the document.
 *
 *   main    a1 a2 ──── a3 ── M ── a4       M: shows b1 and b2 from here on
 *              └─ b1 ── b2 ──┘── b3        b3: shows when it is merged, too
 *
 * A merge only says how far others are shown, never what they wrote: merged
 * twice, by two devices or before its transactions arrive, it comes to the
 * same.
 */
#ifndef COVE_CRDT_BRANCH_H
#define COVE_CRDT_BRANCH_H

#include "crdt/repo.h"

struct cove_doc_branch {
    struct cove_session_id id;
    struct cove_bytes name;
    struct cove_key author; /* who began it, and when */
    uint64_t hlc;
    uint64_t ahead;  /* its transactions that the document does not show */
    uint64_t behind; /* the document's that it does not show */
};

/* Is it a branch that was loaded, and not the document itself? */
bool cove_doc_on_branch(const struct cove_doc *doc);

/* A name that a branch may have: valid UTF-8 of 1 to 255 bytes without control
 * characters, and no '#' in front, which begins an id. Errors: COVE_EUSAGE. */
COVE_MUST_CHECK int cove_branch_name(struct cove_bytes name,
                                     struct cove_diag *diag);

/* All branches, by name, those of one name by age; in the arena. Ahead and
 * behind are counted against what `doc` shows.
 * Cost: that of loading each of them. */
COVE_MUST_CHECK int cove_repo_branches(struct cove_repo *repo,
                                       struct cove_store_txn *txn,
                                       const struct cove_doc *doc,
                                       struct cove_arena *arena,
                                       struct cove_doc_branch **out,
                                       size_t *count);

/* The branch that a person names: its name, or "#" and the first digits of its
 * id. Errors: COVE_ENOTFOUND; COVE_EAMBIGUOUS (diag has the ids). */
COVE_MUST_CHECK int cove_repo_branch_find(struct cove_repo *repo,
                                          struct cove_store_txn *txn,
                                          const struct cove_doc *doc,
                                          struct cove_bytes name,
                                          struct cove_session_id *out,
                                          struct cove_diag *diag);

/* Begin a branch that shows what `doc` shows now: one transaction. What is
 * loaded stays what it is; to write to it the branch is loaded.
 * Errors: COVE_EEXIST (a branch of that name), COVE_EUSAGE (the name),
 * COVE_ETYPE (rules have no branches), those of cove_repo_append. */
COVE_MUST_CHECK int cove_repo_branch(struct cove_repo *repo,
                                     struct cove_store_txn *txn,
                                     struct cove_doc *doc,
                                     struct cove_bytes name,
                                     struct cove_session_id *out,
                                     struct cove_diag *diag);

/* Let what is loaded show what a branch, or where `from` is zero the document
 * itself, shows now. *merged: so many transactions are shown that were not;
 * where there are none, nothing is written. Then `doc` is loaded anew.
 * Errors: COVE_ENOTFOUND, COVE_EUSAGE (into itself), COVE_ELIMIT, those of
 * cove_repo_append. */
COVE_MUST_CHECK int cove_repo_merge(struct cove_repo *repo,
                                    struct cove_store_txn *txn,
                                    struct cove_doc *doc,
                                    const struct cove_session_id *from,
                                    uint64_t *merged, struct cove_diag *diag);

/* What of each session is shown, sorted, those of which nothing is left out;
 * in the arena. cove_repo_state_of shows the same again. */
COVE_MUST_CHECK int cove_repo_frontier(struct cove_repo *repo,
                                       struct cove_store_txn *txn,
                                       const struct cove_doc *doc,
                                       struct cove_arena *arena,
                                       struct cove_reach **out, size_t *count);

#endif
