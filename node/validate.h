/* validate.h: what breaks a schema's rules, as JSON.
 */
#ifndef COVE_NODE_VALIDATE_H
#define COVE_NODE_VALIDATE_H

#include "migrate/judge.h"
#include "node/json_out.h"

/* "path", "rule" and "why" of an object that is open. */
void node_flaw_json(struct node_json *j, const struct cove_flaw *flaw);

#endif
