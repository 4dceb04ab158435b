/* child.h: fields that are documents of their own, as schema files and steps
 * name them.
 *
 *   "x-type": "text" beside a property         a schema file
 *   {"op": "x-child", "reg": R, "type": "list", "item"?: I, "fields"?: {…}}
 *       from this step on the field R is a document of that kind; the items of
 *       a list are values of register I, the fields of a map of the registers
 *       named
 *   {"op": "x-seed", "from": F, "to": R, "how": "text" | "list"}
 *       the child of R shows what was written to F, where F's write wins
 *
 * A build that knows none of this carries the ops and sees a field that nobody
 * wrote. docs/FORMAT.md "Children"; what it shows: docs/MIGRATIONS.md.
 */
#ifndef COVE_SCHEMA_CHILD_H
#define COVE_SCHEMA_CHILD_H

#include "core/bytes.h"

#define COVE_EXTRA_CHILD "x-child"
#define COVE_EXTRA_SEED  "x-seed"

enum cove_child_kind {
    COVE_CHILD_NONE, /* a value in a register */
    COVE_CHILD_TEXT,
    COVE_CHILD_LIST,
    COVE_CHILD_STREAM,
    COVE_CHILD_BLOB,
    COVE_CHILD_COUNTER,
    COVE_CHILD_MAP
};

/* "text", "list" …; of COVE_CHILD_NONE "value". */
const char *cove_child_kind_name(enum cove_child_kind kind);
/* False where there is no such kind. */
bool cove_child_kind_of(struct cove_bytes name, enum cove_child_kind *out);

/* What an op says; bytes are borrowed from it. */
struct cove_step_child {
    struct cove_bytes reg;
    enum cove_child_kind kind;
    struct cove_bytes item;   /* a register, or empty */
    struct cove_bytes fields; /* encoded map of names to registers, or empty */
};
struct cove_step_seed {
    struct cove_bytes from, to;
    bool list;
};
/* False where the op (checked CBOR) is another one, or says none of this. */
bool cove_step_child_read(struct cove_bytes op, struct cove_step_child *out);
bool cove_step_seed_read(struct cove_bytes op, struct cove_step_seed *out);

#endif
