/* reissue.h: own writes whose time has not come, written again now. */
#ifndef COVE_NODE_REISSUE_H
#define COVE_NODE_REISSUE_H

#include "node/node.h"

struct node_reissued {
    uint64_t documents, fields; /* written again, of so many documents */
    uint64_t left_count;
    struct node_json left; /* items: {id, time, why}, the first of them */
};

/* In a store that nobody else has open, whose session begins in the present.
 * Errors: store errors, COVE_ENOMEM; what was committed until then stays. */
COVE_MUST_CHECK int node_reissue(struct cove_repo *repo,
                                 struct cove_store *store, int64_t now_ms,
                                 struct node_reissued *out,
                                 struct cove_diag *diag);
/* Of which sessions that was done, from a store that is recovered. */
COVE_MUST_CHECK int node_reissued_copy(struct cove_repo *from,
                                       struct cove_store_txn *read,
                                       struct cove_repo *to,
                                       struct cove_store_txn *write);

#endif
