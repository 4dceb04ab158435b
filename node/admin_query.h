/* admin_query.h: find, where it is a query (admin_query.c), and the verbs about
 * indexes (admin_index.c). */
#ifndef COVE_NODE_ADMIN_QUERY_H
#define COVE_NODE_ADMIN_QUERY_H

#include "node/admin.h"
#include "node/query.h"

struct find_query {
    struct admin *a;
    const char *schema;
    const char *version;
    unsigned flags; /* of the transactions that show the documents */
    struct node_asked asked;
    bool local;
    cove_num after; /* without order: the last one's number */
    bool count;     /* how many, and no documents */
    bool explain;
    const char *duplicates; /* a field; or NULL */
    const struct node_show *show;
    int64_t depth;
};
int admin_find_query(struct find_query *q);
/* A document that no version can show yet: which, and why. */
void admin_find_blocked(struct admin *a, struct cove_txn *txn,
                        const struct cove_id *id);

int admin_index_list(struct admin *a);
int admin_index_work(struct admin *a);
int admin_index_rebuild(struct admin *a);

/* "index": what it is and how far, as an object. */
void admin_index_json(struct node_json *j, const struct cove_index *index,
                      uint64_t sequence);

#endif
