/* publish_same.h: is what a file says what was published?
 *
 * Layout is no content. A store may hold schema texts that were published as
 * they were laid out; those are compared by what they say.
 */
#ifndef COVE_MIGRATE_PUBLISH_SAME_H
#define COVE_MIGRATE_PUBLISH_SAME_H

#include "migrate/publish.h"

struct publish_same {
    struct cove_catalog *catalog;
    struct cove_store_txn *txn;
    struct cove_arena *arena;
    const struct cove_schema_doc *schema; /* the journal */
};

/* The hash of the content of the schema that a step names.
 * Errors: COVE_ENOTFOUND where its text is not held. */
COVE_MUST_CHECK int cove_same_hash(const struct publish_same *s,
                                   const struct cove_step *step,
                                   struct cove_hash *out);
/* Has this step that schema? */
COVE_MUST_CHECK int cove_same_schema(const struct publish_same *s,
                                     const struct cove_step *step,
                                     const struct cove_schema_file *file,
                                     bool *out);
/* Are the two alike but for the layout of their schema's text? */
COVE_MUST_CHECK int cove_same_step(const struct publish_same *s,
                                   const struct cove_step *step,
                                   const struct cove_prepared *made, bool *out);
/* Are the schemas those that the file says it was made for?
 * Errors: COVE_EDRIFT, naming which. */
COVE_MUST_CHECK int cove_same_hashes(const struct publish_same *s,
                                     const struct cove_prepared *made,
                                     const char *file_name,
                                     struct cove_diag *diag);

/* "device a1b2c3d4… on 2026-11-20 14:05:09 UTC", for the first write of a step
 * in its journal. */
void cove_publish_who(struct cove_catalog *catalog, struct cove_store_txn *txn,
                      cove_num num, const struct cove_step_id *step,
                      char out[96]);

#endif
