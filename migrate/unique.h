/* unique.h: the documents that an owner has one of: registries, the record of
 * what was done, the meta-schemas. Their ids follow from owner and name, so
 * that two devices that make one offline make the same.
 */
#ifndef COVE_MIGRATE_UNIQUE_H
#define COVE_MIGRATE_UNIQUE_H

#include "migrate/catalog.h"

struct cove_unique {
    const struct cove_id *owner;
    const char *name;
    bool create; /* where it is missing and this device may */
};

/* *id may be NULL. Errors: COVE_ENOTFOUND where absent and not to be made,
 * COVE_EDENIED, store errors. */
COVE_MUST_CHECK int cove_unique_open(struct cove_catalog *catalog,
                                     struct cove_store_txn *txn,
                                     const struct cove_unique *unique,
                                     cove_num *num, struct cove_id *id,
                                     struct cove_diag *diag);

#endif
