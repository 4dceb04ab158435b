/* query.h: a query as an app and as a verb ask it, for migrate/search.h. */
#ifndef COVE_NODE_QUERY_H
#define COVE_NODE_QUERY_H

#include "migrate/search.h"
#include "node/node.h"

struct node_query {
    struct cove_search_request request;
    struct cove_search_order order[COVE_SEARCH_ORDER];
};

struct node_asked {          /* members as they came; empty: not given */
    struct cove_bytes where; /* a map */
    struct cove_bytes order; /* a list of texts, or one */
    struct cove_bytes cursor;
    int64_t limit; /* INT64_MAX: none */
};

/* In the arena; what came is borrowed. Errors: COVE_EUSAGE, COVE_ELIMIT. */
int node_query_read(struct cove_arena *arena, const struct node_asked *asked,
                    struct node_query *out, struct cove_diag *diag);
/* At which version of which schema. Errors: COVE_ENOTFOUND (a field, too),
 * COVE_EBLOCKED, COVE_ETYPE. */
int node_query_aim(struct cove_txn *txn, const char *schema,
                   const char *version, struct node_query *query);

#endif
