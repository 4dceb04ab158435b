/* repo_records.h: small records of upper layers; repo.h includes it. */
#ifndef COVE_CRDT_REPO_RECORDS_H
#define COVE_CRDT_REPO_RECORDS_H

#include "core/store.h"

struct cove_repo;

/* Records of upper layers, by name, in trees of their own: `meta` for one-off
 * records, `peers` for peers. Values ≤ 64 KiB. */
enum cove_record_tree {
    COVE_RECORDS_META,
    COVE_RECORDS_PEERS,
    COVE_RECORDS_RUNS
};
COVE_MUST_CHECK int cove_repo_record_get(struct cove_repo *repo,
                                         struct cove_store_txn *txn,
                                         enum cove_record_tree tree,
                                         struct cove_bytes key,
                                         struct cove_bytes *out);
COVE_MUST_CHECK int cove_repo_record_put(struct cove_repo *repo,
                                         struct cove_store_txn *txn,
                                         enum cove_record_tree tree,
                                         struct cove_bytes key,
                                         struct cove_bytes value);
COVE_MUST_CHECK int cove_repo_record_del(struct cove_repo *repo,
                                         struct cove_store_txn *txn,
                                         enum cove_record_tree tree,
                                         struct cove_bytes key);
/* The first record with key > after. Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_repo_record_next(struct cove_repo *repo,
                                          struct cove_store_txn *txn,
                                          enum cove_record_tree tree,
                                          struct cove_bytes after,
                                          struct cove_entry *out);

#endif
