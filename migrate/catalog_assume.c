/* catalog_assume.c: a journal with steps that nobody published. The entry is
 * made like any other, from the document and from them, and stands in the same
 * cache; but it never follows the document, so that what is computed through
 * it, transaction after transaction, is of one journal.
 */
#include "migrate/catalog_internal.h"

int cove_catalog_assume(struct cove_catalog *catalog,
                        struct cove_store_txn *txn, cove_num num,
                        const struct cove_assumed *steps, size_t count)
{
    struct catalog_entry *e;

    if (count == 0) {
        return COVE_EUSAGE;
    }
    e = cove_catalog_entry_new(catalog);
    if (e == NULL) {
        return COVE_ENOMEM;
    }
    e->assumed = steps;
    e->assumed_count = count;
    int err = cove_catalog_build(catalog, txn, e, num);

    if (err != 0) {
        cove_catalog_entry_free(catalog, e);
        return err;
    }
    e->assumed = NULL; /* the caller's */
    cove_catalog_entry_put(catalog, e);
    return 0;
}
