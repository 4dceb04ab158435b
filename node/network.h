/* network.h: the key of the network that a store syncs in. */
#ifndef COVE_NODE_NETWORK_H
#define COVE_NODE_NETWORK_H

#include "node/node.h"

#define NODE_NETWORK_KEY 32

/* *has is false where the store has none. Errors: COVE_ECORRUPT. */
int node_network_load(struct cove_txn *txn, uint8_t key[NODE_NETWORK_KEY],
                      bool *has);
/* Has it one? Errors: as above. */
int node_network_has(struct cove_txn *txn, bool *has);

#endif
