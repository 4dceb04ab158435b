/* publish.h: putting schemas and migrations into a journal.
 *
 * A published step can never change: the same file published again is the same
 * step (no-op), an edited one is drift (COVE_EDRIFT) and names who published
 * the first and when. What cannot become active here is refused.
 */
#ifndef COVE_MIGRATE_PUBLISH_H
#define COVE_MIGRATE_PUBLISH_H

#include "migrate/compile.h"
#include "migrate/load.h"

struct cove_published {
    cove_num num; /* journal */
    struct cove_step_id step;
    int64_t version;
    bool existed; /* published before, nothing written */
};

/* Publish a schema's version 1: the journal document (derivable from owner,
 * name and root step), its root step, the schema text, and the registry
 * entries. A later version needs a migration, except where the two differ by
 * nothing that documents can notice.
 * Errors: COVE_EJSON, COVE_EKEYWORD, COVE_EDRIFT (the version exists with
 * another text), COVE_EDENIED (not an admin of owner), COVE_EBLOCKED (needs a
 * migration: names the command). */
COVE_MUST_CHECK int cove_publish_schema(
    struct cove_catalog *catalog, struct cove_store_txn *txn,
    const struct cove_id *owner, struct cove_bytes schema_json,
    const char *file_name, struct cove_published *out, struct cove_diag *diag);
/* The files of a migration: its own text, the schema it leads to (empty where
 * the file holds targetSchema), and what messages call it. */
struct cove_migration_files {
    struct cove_bytes migration;
    struct cove_bytes schema;
    const char *name;
};

/* A migration as it would be published: nothing is written. */
struct cove_prepared {
    cove_num num; /* journal */
    struct cove_migration migration;
    struct cove_schema_file file;
    struct cove_compiled step;
    struct cove_bytes parents; /* struct cove_step_id one after the other */
    const char *what; /* for the record of who did what; NULL: "publish" */
    int64_t about;    /* there, the version that an annotation is about */
};
/* Errors: COVE_EJSON, COVE_ESTEP, COVE_ENOTFOUND, COVE_EEXIST, COVE_ECONFLICT,
 * COVE_EBLOCKED, COVE_EUSAGE, with each difference listed; COVE_ECONDITION
 * where a conversion changes values in silence and is not marked lossy
 * (laws.h). */
COVE_MUST_CHECK int cove_prepare_migration(
    struct cove_catalog *catalog, struct cove_store_txn *txn,
    const struct cove_migration_files *files, struct cove_arena *arena,
    struct cove_prepared *out, struct cove_diag *diag);
/* Is it published already, and as which step? If not, would history take it,
 * whoever published it? Nothing is written.
 * Errors: COVE_EDRIFT, COVE_ELIMIT, as below. */
COVE_MUST_CHECK int cove_prepared_fits(struct cove_catalog *catalog,
                                       struct cove_store_txn *txn,
                                       const struct cove_prepared *prepared,
                                       const char *file_name,
                                       struct cove_published *out,
                                       struct cove_diag *diag);
/* Publish what was prepared, here or by retreat.h and retire.h (a step without
 * a version: an annotation, which has no schema either). `name` is what
 * messages call it. Errors: COVE_EDENIED, COVE_EDRIFT, COVE_ELIMIT. */
COVE_MUST_CHECK int cove_publish_prepared(struct cove_catalog *catalog,
                                          struct cove_store_txn *txn,
                                          const struct cove_prepared *prepared,
                                          const char *name,
                                          struct cove_published *out,
                                          struct cove_diag *diag);
/* Prepare and publish. Errors: as above, and COVE_EDENIED, COVE_EDRIFT (the
 * version is published already, as another step: says by whom and when),
 * COVE_ELIMIT. */
COVE_MUST_CHECK int cove_publish_migration(
    struct cove_catalog *catalog, struct cove_store_txn *txn,
    const struct cove_migration_files *files, struct cove_published *out,
    struct cove_diag *diag);

/* The registry documents of an owner, derivable: schema name → journal
 * reference; "Name_1_to_2" → step as hex text. Created when missing and where
 * this device may. COVE_ENOTFOUND where absent and not to be made. */
enum cove_registry { COVE_REGISTRY_SCHEMATA, COVE_REGISTRY_MIGRATIONS };
COVE_MUST_CHECK int cove_registry_open(struct cove_catalog *catalog,
                                       struct cove_store_txn *txn,
                                       const struct cove_id *owner,
                                       enum cove_registry which, bool create,
                                       cove_num *out);

#endif
