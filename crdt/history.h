/* history.h: who wrote what and when, and which concurrent writes lost.
 *
 * Reads the log; keeps nothing. Order is the total order of ops.
 */
#ifndef COVE_CRDT_HISTORY_H
#define COVE_CRDT_HISTORY_H

#include "crdt/repo.h"

struct cove_event {
    struct cove_op_id id;
    enum cove_tx_kind kind;
    bool has_epoch;
    struct cove_step_id epoch;
    bool deleted;
    bool shown; /* false: held for its time, or by an author without right */
    struct cove_bytes reg;
    struct cove_bytes value;
    const struct cove_origin *origins; /* of a copy */
    size_t origin_count;
};

/* All ops of a document in total order, oldest first; in the arena. */
COVE_MUST_CHECK int cove_history(struct cove_repo *repo,
                                 struct cove_store_txn *txn,
                                 const struct cove_doc *doc,
                                 struct cove_arena *arena,
                                 struct cove_event **out, size_t *count);

/* Of native, shown writes that vie for one value, given in total order, those
 * that lost although the author of the winner, the last, had not seen them
 * (judged by `seen`; by time where a frontier cannot be found within 4,096
 * tries). Newest first, from the array's beginning. */
COVE_MUST_CHECK int cove_history_lost(struct cove_repo *repo,
                                      struct cove_store_txn *txn,
                                      const struct cove_doc *doc,
                                      struct cove_arena *arena,
                                      struct cove_event *events, size_t *count);
/* The same of all that was ever written to one register. */
COVE_MUST_CHECK int cove_history_conflicts(
    struct cove_repo *repo, struct cove_store_txn *txn,
    const struct cove_doc *doc, struct cove_bytes reg, struct cove_arena *arena,
    struct cove_event **out, size_t *count);

#endif
