/* repo_make.h: a new document that is written to at once. */
#ifndef COVE_CRDT_REPO_MAKE_H
#define COVE_CRDT_REPO_MAKE_H

#include "crdt/repo.h"

/* As cove_repo_create, of a map: the document as if loaded.
 * Where it is not held, nothing of it is in the store before its first append,
 * which is to come before anything else is created. Errors: as above, and
 * header_encode's. */
COVE_MUST_CHECK int cove_repo_make(struct cove_repo *repo,
                                   struct cove_store_txn *txn,
                                   const struct cove_header *header,
                                   struct cove_arena *arena,
                                   struct cove_doc *out,
                                   struct cove_diag *diag);

/* The nonce of a new document: random bytes. Those of a transaction that makes
 * many are drawn some at a time, since each draw asks the system. */
#define COVE_NONCE COVE_HEADER_NONCE
void cove_repo_nonce(struct cove_repo *repo, uint8_t out[COVE_NONCE]);

#endif
