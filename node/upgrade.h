/* upgrade.h: what happens to a store of a former format when it is opened. */
#ifndef COVE_NODE_UPGRADE_H
#define COVE_NODE_UPGRADE_H

#include "node/node.h"

/* Before the store is opened as a repo: a copy of it where it is of a former
 * format. Errors: of copying; the store's sentence says what to do. */
int node_upgrade(struct cove *store, unsigned flags);
/* When it is open: note that copy, and leave a sentence about it. */
void node_upgraded(struct cove *store);

#endif
