/* cache.h: fields of documents that are read again and again, as a version
 * shows them; for node.h, which includes it.
 *
 * Each worker has its own, so readers share neither a lock nor a line with one
 * another or with who writes; what all of them hold together is bounded. An
 * entry is as good as what it was made of: the record of its document, by a sum
 * of its bytes, and the journal of its schema. Both are looked at again once
 * for each commit that a reader sees, whoever made it; so an entry is never
 * told that it is out of date. Only who reads and nothing else uses it.
 *
 *   id ─▶ entry: record as it was, schema's serial, fields  ─▶ value
 *           │ another commit is seen
 *           └▶ record in the store the same? journal the same? else dropped
 *
 * What may come to show by itself, or depends on other documents, is not kept.
 */
#ifndef COVE_NODE_CACHE_H
#define COVE_NODE_CACHE_H

#include "core/bytes.h"

#include <stdint.h>

#define NODE_CACHE_BYTES ((size_t)8 << 20) /* unless asked otherwise */

struct cove;
struct cove_id;
struct cove_txn;
struct node_doc;
struct node_worker;

/* The schema that a transaction asked for last: it is the same to its end. */
struct node_cache_schema {
    uint64_t num; /* 0: none */
    uint64_t serial;
};

/* A field that has a value: its CBOR, borrowed until the next call that has to
 * do with the cache. False: read the document. */
bool node_cache_get(struct cove_txn *txn, const struct cove_id *id,
                    struct cove_bytes field, struct cove_bytes *out);
/* A document was loaded, and a field of it is asked for: keep it where it was
 * lately so before and may be kept. It is no failure where that is not
 * possible. */
void node_cache_offer(struct cove_txn *txn, struct node_doc *d);
/* Give back what is more than a worker's share by now. */
void node_cache_trim(struct cove *store, struct node_worker *worker);
void node_cache_free(struct cove *store, struct node_worker *worker);

#endif
