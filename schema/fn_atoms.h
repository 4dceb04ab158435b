/* fn_atoms.h: the single functions that pipelines are made of. Internal to
 * schema; fn.h is what others use. */
#ifndef COVE_SCHEMA_FN_ATOMS_H
#define COVE_SCHEMA_FN_ATOMS_H

#include "core/arena.h"

struct cove_fn_atom {
    bool has_arg;
    size_t index; /* in the table of its kind */
    struct cove_bytes arg;
};

/* Read one item of a pipeline: "name" or {"name": argument}. False where this
 * build does not know it, or the argument has not the right form. */
bool cove_fn_atom_find(struct cove_bytes item, struct cove_fn_atom *out);

/* Run it on one value, which is not checked against any limit here.
 * Errors: COVE_EINVALID where the value does not convert, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_fn_atom_run(const struct cove_fn_atom *atom,
                                     struct cove_arena *arena,
                                     struct cove_bytes in,
                                     struct cove_bytes *out);

#endif
