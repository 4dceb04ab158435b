/* validate.h: what breaks a schema's rules, as JSON.
 */
#ifndef COVE_NODE_VALIDATE_H
#define COVE_NODE_VALIDATE_H

#include "migrate/judge.h"
#include "node/json_out.h"

/* "path", "rule" and "why" of an object that is open. */
void node_flaw_json(struct node_json *j, const struct cove_flaw *flaw);

struct cove_txn;

/* What is wrong with a document as a version shows it, and which writes behind
 * it broke the rules of their own versions. */
struct node_wrong {
    struct cove_flaws flaws;
    struct cove_misfits misfits;
    bool any;
};
/* "broken", where anything is: what is shown and breaks a rule. Errors: of
 * loading. */
int node_broken_json(struct cove_txn *txn, struct cove_loaded *loaded,
                     struct node_json *j);
/* In the arena. Errors: of loading. */
int node_wrong_find(struct cove_txn *txn, struct cove_loaded *loaded,
                    struct cove_arena *arena, struct node_wrong *out);
/* "why", the first of it; "broken" and "writes", all of it. */
void node_wrong_json(struct node_json *j, const struct node_wrong *wrong);

#endif
