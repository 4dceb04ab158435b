/* index.h: indexes kept up with every commit, and worked on beside them. */
#ifndef COVE_NODE_INDEX_H
#define COVE_NODE_INDEX_H

#include "migrate/index.h"
#include "node/node.h"

/* Documents of one piece of work: it holds the store's one writer so long. */
#define NODE_INDEX_PIECE 1024

/* In a write transaction, before its commit. */
int node_index_keep(struct cove_txn *txn);
/* Is there an index that is behind, not built, or to be made? */
int node_index_due(struct cove *store, bool *due);
/* Do one piece of that, in a transaction of its own; *left: there is more. */
int node_index_work(struct cove *store, size_t max, bool *left);

#endif
