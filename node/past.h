/* past.h: documents as they were: points in the past that a person names, what
 * differs, and going back as new writes.
 */
#ifndef COVE_NODE_PAST_H
#define COVE_NODE_PAST_H

#include "crdt/seq_diff.h"
#include "node/node.h"

/* --- points */

enum node_point_kind {
    NODE_POINT_NOW,
    NODE_POINT_TIME,
    NODE_POINT_FRONTIER,
    NODE_POINT_BRANCH
};
struct node_point {
    enum node_point_kind kind;
    uint64_t hlc; /* all up to it */
    struct cove_reach *points;
    size_t count;
    struct cove_session_id branch;
};

/* What a text names, of a document that is loaded: "now"; milliseconds since
 * 1970, or a date in UTC; "@" and the hex digits of a frontier; the name of a
 * mark or of a branch, with "mark:" or "branch:" before it where both are. In
 * the transaction's arena. Errors: COVE_EUSAGE, COVE_EFORMAT (a frontier),
 * COVE_ENOTFOUND, COVE_EAMBIGUOUS. */
int node_point(struct cove_txn *txn, const struct cove_doc *doc,
               const char *text, struct node_point *out);
/* The text of what a document shows now, as a frontier: "@…". */
int node_frontier_json(struct cove_txn *txn, const struct cove_doc *doc,
                       struct node_json *j);

/* A document as of a point: read it as one that is loaded, but write nothing.
 */
struct node_past {
    struct cove_loaded loaded;
    bool owned; /* its state is to be freed */
};
int node_past(struct cove_txn *txn, const struct cove_loaded *now,
              const struct node_point *point, struct cove_arena *arena,
              struct node_past *out);
void node_past_done(struct cove_txn *txn, struct node_past *past);

/* --- fields */

/* What an app writes to make what it sees in `from` what it sees in `to`, two
 * states of one document. */
struct node_differences {
    struct cove_arena *arena;
    struct cove_edit *edits;
    size_t count, cap;
    /* A field whose value in `to` did not convert stays; may be NULL. */
    int (*stays)(void *ctx, struct cove_bytes name);
    void *ctx;
};
int node_differences(struct cove_loaded *loaded, const struct cove_state *from,
                     const struct cove_state *to, struct node_differences *d);

/* --- lists and texts */

/* Apply fixes; it is composed already. */
int node_fix(struct cove_txn *txn, struct node_doc *d,
             const struct cove_seq_fix *fixes, size_t count);

/* --- what is no map */

struct node_restored {
    bool changed;
    int64_t removed, inserted; /* elements; of a counter: what was added */
};
/* Write what makes a document, loaded in a transaction that writes, what it was
 * in a state of its past. Errors: COVE_EUNSUPPORTED (a stream, a blob). */
int node_restore(struct cove_txn *txn, struct cove_loaded *loaded,
                 const struct cove_state *past, struct cove_arena *arena,
                 struct node_restored *out);

/* --- counters */

/* Add an amount that may be more than one op can hold. */
int node_add(struct cove_txn *txn, struct cove_doc *doc, cove_wide amount);

#endif
