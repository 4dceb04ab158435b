/* path.h: the values that a path leads to in a loaded document.
 *
 * A path is a field of the version that looks, and where a value inside it is
 * meant, the keys down to that, with dots between: "address.city". A name that
 * has a dot itself is tried first, whole. A list on the way stands for its
 * items, and one at the end for itself and for its items: "items.price" leads
 * to the price of each item. A list right inside a list is not looked into. A
 * field that is a map of its own leads on to its fields; any other document of
 * its own is a reference and leads no further.
 */
#ifndef COVE_MIGRATE_PATH_H
#define COVE_MIGRATE_PATH_H

#include "migrate/load.h"

/* One value: present, or invalid (then what is inside is invalid too).
 * False: enough. */
typedef bool cove_path_visit(void *ctx, const struct cove_cell *cell);
/* Visit what the path leads to; nothing where that is missing. The first value
 * is the one that the document sorts by. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_path_walk(struct cove_loaded *loaded,
                                   struct cove_bytes path,
                                   cove_path_visit *visit, void *ctx);

/* The first value, the one that the document sorts by; absent where the path
 * leads to none. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_path_value(struct cove_loaded *loaded,
                                    struct cove_bytes path,
                                    struct cove_cell *out);

/* Does this version have the field that the path begins with, and where that
 * is a map of its own, the field in it? *reg is the register that is meant, and
 * *whole says whether the path ends there. Errors: COVE_ENOTFOUND, naming what
 * there is, and the name that was probably meant. */
COVE_MUST_CHECK int cove_path_check(const struct cove_plan *plan,
                                    struct cove_bytes path, uint32_t *reg,
                                    bool *whole, struct cove_diag *diag);

#endif
