/* state.h: the folded state of a document, independent of any journal.
 *
 * A log is long, what a view needs is small: per register and epoch the newest
 * native op, per register the greatest stored copy, and every copy that names
 * an origin which is not held. Natives of different epochs stay apart because
 * an epoch may be unknown today and known tomorrow. Folding the same ops in
 * any order gives the same state. Knows nothing of schemas, journals or views;
 * docs/FORMAT.md "State", and 20-evolution's "sufficient folded state".
 *
 *   log ──fold──▶ natives (register, epoch) → newest op
 *                 copies  register → stored winner, and stand-ins
 *                 seq, sum, entries, runs: what else a type has
 */
#ifndef COVE_CRDT_STATE_H
#define COVE_CRDT_STATE_H

#include "core/arena.h"
#include "core/id.h"

/* A user's write. value is checked CBOR; deleted: no value. */
struct cove_native {
    struct cove_bytes
        reg; /* register id, or the key where there is no schema */
    bool has_epoch;
    struct cove_step_id epoch; /* zero where has_epoch is false */
    struct cove_op_id id;
    bool deleted;
    struct cove_bytes value;
};

/* Where one part of a copied value came from. id none: that part was never
 * written. */
struct cove_origin {
    struct cove_bytes reg;
    struct cove_op_id id;
    uint8_t tx_hash[8]; /* first bytes of the origin's transaction hash */
    bool held;          /* the native op is held here */
};

/* A write made by a migration. */
struct cove_copy {
    struct cove_bytes reg;
    struct cove_op_id id;
    bool deleted;
    struct cove_bytes value;
    struct cove_origin *origins; /* as written, duplicates kept */
    size_t origin_count;
    const struct cove_origin **ranked; /* by id, greatest first; made by add */
};

enum cove_held {
    COVE_HELD_NO, /* not held so far */
    COVE_HELD_YES,
    COVE_HELD_FALSE /* held beyond it, and no such op: the copy is proven false
                     */
};

/* Answers whether a native op is in the document's history, the ops folded in
 * included. NULL fn: only the state's own natives count. */
struct cove_state_history {
    enum cove_held (*held)(void *ctx, const struct cove_origin *origin);
    void *ctx;
};

/* How far a view shows a session that it does not show whole: one of a branch
 * that was merged, or of the document as a branch left it. */
struct cove_reach {
    struct cove_session_id session;
    uint32_t len;
};

/* Sums of int64 that never overflow: a session has fewer than 2^32
 * transactions of 1,024 ops, a document fewer than 2^32 sessions. */
__extension__ typedef __int128 cove_wide;

struct cove_seq;
struct cove_blob_run;
struct repo_live;

struct cove_state {
    struct cove_arena *arena; /* everything below lives in it */
    struct cove_state_history history;
    /* A settled state that was stored may be filled directly: sorted, tails
     * 0, each copy's `ranked` set. */
    struct cove_native *natives; /* sorted by (reg, epoch); one for each pair */
    size_t native_count, native_cap;
    size_t native_tail;       /* how many at the end are not sorted yet */
    struct cove_copy *copies; /* sorted by (reg, id) */
    size_t copy_count, copy_cap;
    size_t copy_tail;
    uint64_t false_copies; /* how many were proven false, for reports */
    struct cove_seq *seq;  /* elements of a list or text; borrowed, else NULL */
    cove_wide sum;         /* of a counter */
    uint64_t entries;      /* of a stream */
    struct cove_blob_run *runs; /* of a blob's chunks, sorted: crdt/blob.h */
    size_t run_count, run_cap;
    struct cove_reach *reaches; /* sorted by session, each once */
    size_t reach_count, reach_cap;
    uint64_t reach_changes; /* how often one was added or grew */
    struct repo_live *live; /* the repo's own */
};

void cove_state_init(struct cove_state *state, struct cove_arena *arena,
                     const struct cove_state_history *history);

/* Fold one op in. Bytes are copied into the arena. An op that is older than
 * what stands, or stands already, changes nothing. A native marks the origins
 * that name it as held. A copy that names no origin, or one not older than
 * itself, is ignored; an origin given as held stays so, the others are asked
 * about. What is new may stand unsorted until cove_state_settle: settle after
 * the last add and before the state is read.
 * Errors: COVE_ENOMEM. Cost: O(log n), amortised. */
COVE_MUST_CHECK int cove_state_add_native(struct cove_state *state,
                                          const struct cove_native *op);
COVE_MUST_CHECK int cove_state_add_copy(struct cove_state *state,
                                        const struct cove_copy *op);

/* How far a session is reached at least. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_state_reach(struct cove_state *state,
                                     const struct cove_reach *reach);
/* How far it is; 0 where nothing says so. */
uint32_t cove_state_reached(const struct cove_state *state,
                            const struct cove_session_id *session);

/* Ask the history again about every origin that is not held: mark what has
 * come, drop copies that are now proven false or no longer needed; sort. What
 * stays of the copies of a register: each with an origin that is not held, and
 * the greatest of the others. */
void cove_state_settle(struct cove_state *state);

/* The half-open range [*begin, *end) of natives of one register. The state is
 * settled, here and below. */
void cove_state_natives(const struct cove_state *state, struct cove_bytes reg,
                        size_t *begin, size_t *end);
/* The half-open range of copies of one register. */
void cove_state_copies(const struct cove_state *state, struct cove_bytes reg,
                       size_t *begin, size_t *end);

/* Order of stored writes of one register for readers without the engine:
 * origins greatest first, then the op id (a native is its own origin).
 * <0, 0, >0. Either side may be a native or a copy (the other NULL). */
int cove_state_stored_compare(const struct cove_native *na,
                              const struct cove_copy *ca,
                              const struct cove_native *nb,
                              const struct cove_copy *cb);

/* What a reader without the engine reads: the greatest stored write of a
 * register over all epochs. Exactly one of the outputs is set; COVE_ENOTFOUND
 * where the register was never written. */
COVE_MUST_CHECK int cove_state_winner(const struct cove_state *state,
                                      struct cove_bytes reg,
                                      const struct cove_native **native,
                                      const struct cove_copy **copy);

#endif
