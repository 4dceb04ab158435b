/* index_check.h: do indexes say what the documents do? Each document of each
 * schema that has a complete index is loaded and its entries are compared with
 * those that it should have; and entries are looked for of indexes that there
 * are not. That an index's two trees agree is asked before (crdt/repo_check.h).
 *
 * Documents that changed since the index was brought up to date are left out:
 * whoever searches looks at them, so nothing of the index is believed. An index
 * that is being built is compared once it is complete.
 *
 * Works in slices, each in a transaction of the caller's: one that reads, or
 * with `repair` one that writes.
 */
#ifndef COVE_MIGRATE_INDEX_CHECK_H
#define COVE_MIGRATE_INDEX_CHECK_H

#include "migrate/index.h"

struct cove_index_fault {           /* borrowed until the callback returns */
    uint32_t number;                /* of the index */
    const struct cove_index *index; /* NULL: there is none of that number */
    const struct cove_id *id;       /* of the document; NULL: of none */
    const char *text;
};
struct cove_index_check_options {
    bool repair;
    /* An error ends the check and is its result. */
    int (*fault)(void *ctx, const struct cove_index_fault *fault);
    void *ctx;
};

struct cove_index_check;
/* Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_index_check_new(
    struct cove_indexes *indexes, const struct cove_index_check_options *opt,
    struct cove_index_check **out);
void cove_index_check_free(struct cove_index_check *check);
/* One slice; *over when there is nothing left. Errors: of the callback, store
 * errors, COVE_ENOMEM; the transaction can then only be aborted. */
COVE_MUST_CHECK int cove_index_check_step(struct cove_index_check *check,
                                          struct cove_store_txn *txn,
                                          bool *over);

#endif
