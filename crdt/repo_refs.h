/* repo_refs.h: which documents does one refer to? Read from what its registers
 * and its list hold, without a schema. */
#ifndef COVE_CRDT_REPO_REFS_H
#define COVE_CRDT_REPO_REFS_H

#include "crdt/repo.h"

/* Every document that the values in one name, some more than once. An error of
 * visit ends it and is the result. */
typedef int cove_ref_visit(void *ctx, const struct cove_id *id);
COVE_MUST_CHECK int cove_repo_refs(struct cove_repo *repo,
                                   struct cove_store_txn *txn, cove_num num,
                                   struct cove_arena *arena,
                                   cove_ref_visit *visit, void *ctx);

#endif
