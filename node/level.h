/* level.h: a session is not continued after a power cut at level group. */
#ifndef COVE_NODE_LEVEL_H
#define COVE_NODE_LEVEL_H

#include "node/node.h"

/* Before the first worker writes: has somebody left word of level group, and
 * must a new session begin? */
COVE_MUST_CHECK int node_level_look(struct cove *store,
                                    struct node_worker *worker, bool *left,
                                    bool *renew);
/* Then: say that this start of the machine uses level group, or take away what
 * was left where no one does. */
COVE_MUST_CHECK int node_level_open(struct cove *store,
                                    struct node_worker *worker, bool left);
/* At close, with nothing open any more. */
void node_level_close(struct cove *store);

#endif
