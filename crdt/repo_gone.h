/* repo_gone.h: documents that were removed, for everybody who has them.
 *
 * Who may write a document may remove it, with a tombstone: the one transaction
 * of a session of its own. A store that has one by such a device keeps of the
 * document the header and the tombstone, and nothing else; what comes of it
 * later is not taken. docs/FORMAT.md "Removed
 * documents".
 */
#ifndef COVE_CRDT_REPO_GONE_H
#define COVE_CRDT_REPO_GONE_H

#include "crdt/repo.h"

struct cove_gone {
    struct cove_key device; /* who removed it */
    struct cove_session_id session;
    uint64_t hlc;
};
/* By whom a document was removed. Errors: COVE_ENOTFOUND where it was not. */
COVE_MUST_CHECK int cove_repo_gone(struct cove_repo *repo,
                                   struct cove_store_txn *txn, cove_num num,
                                   struct cove_gone *out);
/* Remove a document. A local one is taken out of this store, there is nobody to
 * tell. Errors: COVE_EREMOVED, COVE_EDENIED, COVE_EIMMUTABLE (a group, account
 * or journal), COVE_ENEWER, COVE_ECLOCK, store errors. */
COVE_MUST_CHECK int cove_repo_tombstone(struct cove_repo *repo,
                                        struct cove_store_txn *txn,
                                        cove_num num, struct cove_diag *diag);

/* What this device wrote and whoever removed the document had not seen: kept
 * so that it can be told. In the order of documents' ids. */
struct cove_gone_late {
    struct cove_id id;
    struct cove_gone by;
    uint64_t own; /* transactions of this device that went with it */
};
/* The first behind `after`; NULL: the first of all. Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_repo_gone_late(struct cove_repo *repo,
                                        struct cove_store_txn *txn,
                                        const struct cove_id *after,
                                        struct cove_gone_late *out);

#endif
