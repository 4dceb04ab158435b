/* once.h: a change of data that is made once, apart from any version: users'
 * writes to the documents that a condition holds for.
 *
 * It has a name. This store keeps how far it is, committed with what it wrote,
 * so that one that was interrupted goes on; the activity record says on every
 * device that it was done, so that it is not done again.
 */
#ifndef COVE_MIGRATE_ONCE_H
#define COVE_MIGRATE_ONCE_H

#include "migrate/once_script.h"
#include "migrate/where.h"

#define COVE_ONCE_NAME 64 /* bytes */

struct cove_once {
    cove_num schema;
    struct cove_step_id head; /* whose names the fields have */
    struct cove_bytes name;
    const struct cove_edit *edits; /* the same for all … */
    size_t edit_count;
    const struct cove_once_script *script; /* … or NULL, else what it says */
    const struct cove_where *where;        /* NULL: all documents */
    struct cove_hash change; /* of the request: another is refused */
    uint32_t batch;          /* documents a commit */

    cove_num cursor;
    bool finished;
    uint64_t done, matched, changed, failed;
    uint64_t started_ms, ended_ms;
    char error[256]; /* the first that failed, and why */
};

struct cove_once_before { /* when it was done, and by whom */
    uint64_t hlc;
    struct cove_key author;
};
/* Was it done, here or elsewhere? Errors: COVE_ENOTFOUND where not. */
COVE_MUST_CHECK int cove_once_before(struct cove_catalog *catalog,
                                     struct cove_store_txn *txn,
                                     cove_num schema, struct cove_bytes name,
                                     struct cove_once_before *out);
/* The next batch, from where the record says, in the caller's commit; the last
 * one notes it. A document that refuses the write is counted and does not stop
 * the rest. Errors: COVE_ECONFLICT (an unfinished change of that name is
 * another), COVE_ENOTFOUND (a field that the version does not have),
 * COVE_EBLOCKED (the version is retired). */
COVE_MUST_CHECK int cove_once_step(struct cove_catalog *catalog,
                                   struct cove_store_txn *txn,
                                   struct cove_once *once,
                                   struct cove_diag *diag);

/* What it would do to a document: edits, or (error not NULL) why nothing. */
typedef void cove_once_shown(void *ctx, const struct cove_id *id,
                             const struct cove_edit *edits, size_t count,
                             const char *error);
/* Look at the next batch behind once->cursor as if it were made. Nothing is
 * written, and no record is kept; a document that would change or fail is
 * shown. Errors: COVE_ENOTFOUND (a field that the version does not have),
 * COVE_EBLOCKED. */
COVE_MUST_CHECK int cove_once_try(struct cove_catalog *catalog,
                                  struct cove_store_txn *txn,
                                  struct cove_once *once,
                                  cove_once_shown *shown, void *ctx,
                                  struct cove_diag *diag);

#endif
