/* naive.h: what a document must show, worked out slowly and in plain sight.
 *
 * Whoever writes in a test tells the evaluator too. It keeps every transaction
 * and knows nothing of logs, stores, checkpoints or trees: a view is worked out
 * from the whole list each time. Of the code under test it uses nothing but
 * bytes and the names of things; an insertion's values are taken apart here.
 *
 *   text     the in-order walk over the elements that hang on the root
 *   list     the same, each item with its type
 *   counter  the sum of what was added
 *   stream   the entries, by time, device, session, place
 *   map      the newest write of each register
 */
#ifndef COVE_TESTS_NAIVE_H
#define COVE_TESTS_NAIVE_H

#include "core/arena.h"
#include "crdt/header.h"
#include "crdt/tx.h"

/* The program that links this says what happens where something is not so. */
void naive_fail(const char *what);
#define SURE(condition)                                                        \
    do {                                                                       \
        if (!(condition)) {                                                    \
            naive_fail(#condition);                                            \
        }                                                                      \
    } while (0)

#define NAIVE_HELD_MS  300000
#define NAIVE_SESSIONS 64
#define NAIVE_ROOT     (-1)
#define NAIVE_NOWHERE  (-2) /* no session of the document */

struct naive_op {
    enum cove_op_kind kind;
    int session; /* of the parent, or of what is removed; or as above */
    uint32_t n, first, count;
    bool left, deleted;
    struct cove_bytes value;
    struct cove_bytes name; /* register, or type of items */
    int64_t amount;
};

struct naive_tx {
    int session;
    uint32_t index;
    uint64_t hlc;
    struct naive_op *ops;
    size_t op_count;
};

struct naive_session {
    struct cove_session_id id;
    struct cove_key device; /* once it has written */
    uint32_t len;           /* transactions told */
};

struct naive {
    struct cove_arena arena;
    enum cove_doc_type type;
    struct naive_session sessions[NAIVE_SESSIONS];
    int session_count;
    struct naive_tx *txs; /* in the order told */
    size_t count, cap;
};

void naive_init(struct naive *n, const struct cove_alloc *alloc,
                enum cove_doc_type type);
void naive_clear(struct naive *n);

/* The number of a session, given when it is first named. */
int naive_session(struct naive *n, const struct cove_session_id *id);
/* A transaction was written: its session's next. */
void naive_note(struct naive *n, const struct cove_session_id *session,
                const struct cove_key *device, const struct cove_tx *tx);
/* The last transactions, down to `count`, were never committed. */
void naive_forget(struct naive *n, size_t count);

/* What a device has of it: of each session so many transactions, at a time of
 * its clock, and who may not write. */
struct naive_view {
    uint32_t len[NAIVE_SESSIONS];
    int64_t now_ms;
    bool owner_missing;
    const struct cove_key *denied;
    size_t denied_count;
};
/* Everything that was told, shown to someone whose clock is far ahead. */
void naive_all(const struct naive *n, struct naive_view *out);

/* The view as a line of text, the same as shown_line makes of a document. */
void naive_line(struct naive *n, const struct naive_view *view,
                struct cove_buf *out);

/* Parts of such lines, for both sides. */
void line_bytes(struct cove_buf *out, const char *word, struct cove_bytes b);
void line_sum(struct cove_buf *out, cove_wide sum);

#endif
