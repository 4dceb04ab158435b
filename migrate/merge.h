/* merge.h: ending a fork: the migration that joins the branches.
 *
 *        ┌ v2 (a) ┐
 *   v1 ──┤        ├── v3 = what both show
 *        └ v2 (b) ┘
 *
 * Two admins who were apart published different next versions. The file that
 * is written here is one that a person could have written: its words join
 * fields that both sides added under one name, and its schema is what both
 * show together. It follows from the journal alone, so two admins who join the
 * same branches while they are apart publish the same step.
 */
#ifndef COVE_MIGRATE_MERGE_H
#define COVE_MIGRATE_MERGE_H

#include "migrate/publish.h"

struct cove_merge_field {
    struct cove_bytes name; /* in both branches */
    struct cove_bytes as;   /* in the joined version, of the one displaced;
                               empty: it is the same field now */
};

struct cove_merge {
    struct cove_bytes file;         /* JSON, its schema inside */
    const struct cove_step **heads; /* joined; borrowed from the journal */
    size_t head_count;
    int64_t version;
    struct cove_merge_field *fields; /* that had one name */
    size_t field_count;
};

/* Write the file; nothing is published. In the arena.
 * Errors: COVE_ENOTFOUND (there is no fork), COVE_EBLOCKED (a branch's schema
 * is not held), COVE_ELIMIT. */
COVE_MUST_CHECK int cove_merge_write(struct cove_catalog *catalog,
                                     struct cove_store_txn *txn, cove_num num,
                                     struct cove_arena *arena,
                                     struct cove_merge *out,
                                     struct cove_diag *diag);

/* --- merge_schema.c */

struct merge_branch { /* one of those to join; the merge's own */
    const struct cove_step *head;
    const struct cove_plan *plan;
    struct cove_bytes schema; /* its JSON Schema as CBOR */
};
struct merge_schema {
    struct cove_arena *arena;
    const struct merge_branch *branches;
    size_t branch_count;
    const struct merge_branch *base; /* a version that all stand on, or NULL */
    const struct cove_plan *joined;
    int64_t version;
};
/* A field of the joined version. */
struct merge_shown {
    uint32_t reg; /* in the joined plan */
    struct cove_bytes name;
};
/* The schema of the joined version, as CBOR: of each field the rules that a
 * branch gave it; of a branch that changed them, where only one did. */
COVE_MUST_CHECK int cove_merge_schema(const struct merge_schema *m,
                                      const struct merge_shown *fields,
                                      size_t count, struct cove_bytes *out);
/* The name under which a branch shows a register; false where it does not. */
bool cove_merge_name(const struct merge_branch *branch, struct cove_bytes reg,
                     struct cove_bytes *out);

#endif
