/* history.h: who did what and when, and which concurrent writes lost.
 *
 * Reads the log; keeps nothing. Order is the total order of ops.
 */
#ifndef COVE_CRDT_HISTORY_H
#define COVE_CRDT_HISTORY_H

#include "crdt/repo.h"

enum cove_event_what {
    COVE_EVENT_REGISTER,
    COVE_EVENT_TEXT,   /* inserted: value, the UTF-8 itself; count, first */
    COVE_EVENT_ITEMS,  /* inserted: value, one behind another; reg: the type */
    COVE_EVENT_REMOVE, /* `count` elements from `at` on */
    COVE_EVENT_APPEND, /* value */
    COVE_EVENT_CHUNK,  /* value, the bytes themselves; offset */
    COVE_EVENT_ADD,    /* amount */
    COVE_EVENT_NONE    /* a transaction without ops: it begins a branch, merges
                          one, or takes back what others took back already */
};

struct cove_event {
    struct cove_op_id id;
    enum cove_event_what what;
    enum cove_tx_kind kind;
    bool has_epoch;
    struct cove_step_id epoch;
    bool deleted;
    bool shown; /* false: held for its time, by an author without right, or on
                   a branch that is not merged */
    struct cove_session_id branch; /* that it was written to; zero: none */
    struct cove_bytes reg;
    struct cove_bytes value;
    const struct cove_origin *origins; /* of a copy */
    size_t origin_count;
    struct cove_tx_agent by; /* whose element `at` is; zero: the author's */
    uint32_t at, first, count;
    uint64_t offset;
    int64_t amount;
    /* What the whole transaction is, at each of its events; or NULL. */
    const struct cove_tx_point *undo;
    const struct cove_tx_branch *begins;
    const struct cove_tx_merge *merges;
};

/* All writes to registers of a document in total order, oldest first; in the
 * arena. */
COVE_MUST_CHECK int cove_history(struct cove_repo *repo,
                                 struct cove_store_txn *txn,
                                 const struct cove_doc *doc,
                                 struct cove_arena *arena,
                                 struct cove_event **out, size_t *count);

struct cove_history_page {
    size_t limit; /* at most so many transactions, the newest; 0: all */
    const struct cove_op_id *before; /* that are older than its; NULL: any */
    bool more;                       /* out: there are older ones */
};
/* Everything that was ever done to a document, so much of it as the page says:
 * whole transactions, in total order, oldest first; in the arena.
 * Cost: a step for each transaction of the log, memory for those of the page.
 */
COVE_MUST_CHECK int cove_history_page(struct cove_repo *repo,
                                      struct cove_store_txn *txn,
                                      const struct cove_doc *doc,
                                      struct cove_history_page *page,
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
