/* files_compose.h: migration files made, not read. */
#ifndef COVE_NODE_FILES_COMPOSE_H
#define COVE_NODE_FILES_COMPOSE_H

#include "node/files.h"

struct files_compose {
    struct cove_bytes schema; /* its name */
    int64_t from, to;
    struct cove_bytes note;            /* empty: none */
    struct cove_bytes steps, down;     /* encoded lists; down may be empty */
    const struct cove_hash *hash_from; /* NULL: none */
    const struct cove_schema_file *target; /* as targetSchema, and its hash */
};
/* The file as people want to read it: a word a line. Errors: COVE_ENOMEM. */
int files_compose(struct cove_arena *arena, const struct files_compose *what,
                  struct cove_bytes *out);
/* A schema's text, laid out. */
int files_compose_schema(struct cove_arena *arena, struct cove_bytes cbor,
                         struct cove_bytes *out);
/* Do two schemas say the same but for their version? */
int files_same_but_version(struct cove_arena *arena, struct cove_bytes left,
                           struct cove_bytes right, bool *out);
/* Try what the words of a compiled step claim to lose nothing.
 * Errors: COVE_ECONDITION, with the counter-example. */
int files_laws(struct cove_arena *arena, struct cove_bytes body,
               const struct cove_journal *journal,
               const struct cove_migration *migration, struct cove_diag *diag);

#endif
