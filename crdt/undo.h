/* undo.h: taking back what this device did last in a document, and doing it
 * again.
 *
 * A transaction that takes another back says so in the log, so what can be
 * taken back follows from the log alone and outlives every process:
 *
 *   e1   e2   u(e2)   u(e1)   r(u(e1))        e1 stands again, by r
 *
 * Named transactions are done with. What is not named, and does not take back
 * itself, can be taken back; what takes back and is not named can be done
 * again, up to the next edit. Others' writes are nobody's to take back, and
 * stay: of a list or text elements are compared, never places or texts.
 */
#ifndef COVE_CRDT_UNDO_H
#define COVE_CRDT_UNDO_H

#include "crdt/repo.h"
#include "crdt/seq_diff.h"

struct cove_undo {
    struct cove_tx_point of; /* the transaction (len: its index) */
    struct cove_tx tx;
    bool again; /* it took back itself: do that again */
};

/* The newest of this device's transactions, on what `doc` shows, that can be
 * taken back, or done again; in the arena.
 * Errors: COVE_ECONDITION (there is none), COVE_ECUT (there may have been some
 * before what is left of the history), store errors.
 * Cost: what lies behind it in this device's sessions. */
COVE_MUST_CHECK int cove_undo_find(struct cove_repo *repo,
                                   struct cove_store_txn *txn,
                                   const struct cove_doc *doc, bool again,
                                   struct cove_arena *arena,
                                   struct cove_undo *out,
                                   struct cove_diag *diag);

/* Of a list or text: what changes. What it inserted goes, as far as it stands,
 * and copies of it that an undo since put back; what it removed comes again,
 * but for what others removed, too. Errors: COVE_ENOMEM, store errors.
 * Cost: O(n), and reading the other sessions where it removed something. */
COVE_MUST_CHECK int cove_undo_changes(struct cove_repo *repo,
                                      struct cove_store_txn *txn,
                                      const struct cove_doc *doc,
                                      const struct cove_undo *undo,
                                      struct cove_arena *arena,
                                      struct cove_seq_changes *out);

/* Of registers: the state that counts, in which what was taken back never was,
 * with and without it. Where they differ its write still stands, and the second
 * says what stood before. cove_repo_state_done frees each.
 * Errors: COVE_ENOMEM, store errors. Cost: folds the log twice. */
COVE_MUST_CHECK int cove_undo_states(
    struct cove_repo *repo, struct cove_store_txn *txn,
    const struct cove_doc *doc, const struct cove_undo *undo,
    struct cove_arena *arena, struct cove_state *with,
    struct cove_state *without, struct cove_diag *diag);

/* Of a counter: what it added. */
cove_wide cove_undo_sum(const struct cove_undo *undo);

#endif
