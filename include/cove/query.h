/* query.h: documents by what is in them. Included by <cove/cove.h>.
 *
 *     cove_query(txn, "Task", "{\"where\": {\"status\": \"open\"},"
 *                             " \"order\": [\"-due\"], \"limit\": 10}", &q);
 *     while (cove_query_next(q, &id) == 0) { … }
 *     cove_query_end(q, &cursor);
 *
 * A query sees each document as the version that the app speaks shows it, also
 * one that nobody has migrated yet, and misses none. It uses the indexes that
 * the schema asks for (docs/ADMIN.md "Queries"), and reads through all
 * documents where none helps.
 */
#ifndef COVE_QUERY_H
#define COVE_QUERY_H

#include "cove/cove.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cove_query;

/* Ask for documents of a schema. `json` is an object or NULL, all members of it
 * may be left out: "where", a condition; "order", a list of fields, with '-'
 * before those that descend; "limit", how many at most; "cursor", to go on
 * behind the last row of a query that asked the same. Without an order rows
 * come in that of cove_next. End it before the transaction ends. Errors:
 * COVE_EJSON, COVE_ENOTFOUND (the schema, a field: named, with what there is),
 * COVE_ETYPE (compared with a value of another type), COVE_EUSAGE (an operator,
 * the cursor), COVE_ELIMIT (more to sort than there may be), COVE_EBLOCKED. */
COVE_API int cove_query(struct cove_txn *txn, const char *schema,
                        const char *json, struct cove_query **out);
/* The next document. Errors: COVE_ENOTFOUND behind the last one. */
COVE_API int cove_query_next(struct cove_query *query, struct cove_id *out);
/* End it; NULL is allowed. *cursor (may be NULL) goes on behind the last
 * document that was given, or is NULL where none was; freed by cove_free. */
COVE_API void cove_query_end(struct cove_query *query, char **cursor);

#ifdef __cplusplus
}
#endif

#endif
