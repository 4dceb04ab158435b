/* once_script.h: what a script makes of one document in a change that is made
 * once: a patch. Only here a script may read other documents, and what it read
 * is remembered, since it says what no other device can find out again.
 */
#ifndef COVE_MIGRATE_ONCE_SCRIPT_H
#define COVE_MIGRATE_ONCE_SCRIPT_H

#include "migrate/load.h"
#include "schema/script.h"

#define COVE_ONCE_READS 256 /* documents whose state is noted */

struct cove_once_read {
    struct cove_id id;
    struct cove_hash digest; /* of its sessions, when it was first read */
};

/* Documents that scripts have read. */
struct cove_once_reads {
    uint64_t count; /* all calls of ctx.load that found one */
    struct cove_once_read first[COVE_ONCE_READS]; /* each document once */
    size_t first_count;
};

struct cove_once_script {
    struct cove_bytes source; /* defines migrateOne(doc, ctx) */
    struct cove_script_limits limits;
    bool dry;
};

struct cove_once_patch {
    struct cove_catalog *catalog;
    struct cove_store_txn *txn;
    struct cove_script *script;
    const struct cove_once_script *asked;
    struct cove_once_reads *reads; /* NULL: not noted */
    struct cove_arena *arena;
};

/* Ask the script about a loaded document. The edits live in the arena.
 * Errors: COVE_EINVALID (the script failed: diag says why), COVE_ELIMIT, those
 * of loading another document, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_once_patch(const struct cove_once_patch *patch,
                                    struct cove_loaded *loaded,
                                    struct cove_edit **out, size_t *count,
                                    struct cove_diag *diag);

/* Encoded, as records and activity have it: {count, read: [[id, digest]…]}. */
COVE_MUST_CHECK int cove_once_reads_write(const struct cove_once_reads *reads,
                                          struct cove_buf *out);
/* Errors: COVE_ECORRUPT. */
COVE_MUST_CHECK int cove_once_reads_read(struct cove_bytes in,
                                         struct cove_once_reads *out);

#endif
