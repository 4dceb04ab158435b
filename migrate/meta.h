/* meta.h: what schema files and migration files are, as JSON Schemas that every
 * peer can read: two documents of each owner who publishes, "meta-schema" and
 * "migration-schema", derivable as the registries are, which link them under
 * the key "$schema". Their fields are `title` and `text`.
 *
 * They describe; who publishes is judged by them after the readers in
 * compile_file.c, which know more than a JSON Schema can say.
 */
#ifndef COVE_MIGRATE_META_H
#define COVE_MIGRATE_META_H

#include "migrate/publish.h"

/* Built in from the files of these names (tools/embed). */
extern const uint8_t cove_meta_schema[];
extern const size_t cove_meta_schema_len;
extern const uint8_t cove_migration_schema[];
extern const size_t cove_migration_schema_len;

/* The JSON text of the schema of schema files (SCHEMATA) or of migration files
 * (MIGRATIONS). */
struct cove_bytes cove_meta_text(enum cove_registry which);

/* Judge a file, as the checked CBOR of its JSON.
 * Errors: COVE_ESCHEMA, where diag has the path and the rule. */
COVE_MUST_CHECK int cove_meta_check(struct cove_arena *arena,
                                    enum cove_registry which,
                                    struct cove_bytes cbor,
                                    struct cove_diag *diag);

/* Make the document of an owner where it is not here, and link it from the
 * registry. What is there stays: another build may say more. */
struct cove_meta {
    struct cove_catalog *catalog;
    struct cove_store_txn *txn;
    struct cove_id owner;
    enum cove_registry which;
    cove_num registry;
};
COVE_MUST_CHECK int cove_meta_ensure(const struct cove_meta *meta,
                                     struct cove_diag *diag);

#endif
