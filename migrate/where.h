/* where.h: a condition on a document's fields, as a view shows them.
 *
 *   {"status": "open", "size": {"$gte": 10, "$lt": 20}, "$or": [{…}, {…}]}
 *
 * Several members all have to hold. A member is a field with a value (equal)
 * or with operators: $eq $ne $lt $lte $gt $gte $in $beginsWith $exists
 * $null $invalid; or $and, $or (lists), $not (one condition). Values of
 * different types are unequal and not ordered; integers and floats compare by
 * number. Missing and null differ: {"$exists": false} is missing, and so is
 * what was deleted. $ne is the opposite of $eq: a field that is missing, or
 * did not convert, is unequal to everything. A value that is an object with
 * names that begin with '$' stands behind $eq. A field may be a path to values
 * inside it, "address.city"; where it leads through a list, or to one, a
 * condition holds if some item meets it (path.h).
 * Source: the selector language of CouchDB's _find, of which this is a part.
 */
#ifndef COVE_MIGRATE_WHERE_H
#define COVE_MIGRATE_WHERE_H

#include "migrate/load.h"

#define COVE_WHERE_DEPTH 16
#define COVE_WHERE_TERMS 256

struct cove_where;

/* Ownership: in the arena; `map` is borrowed. Errors: COVE_EUSAGE (names the
 * operator or the place), COVE_ELIMIT. */
COVE_MUST_CHECK int cove_where_parse(struct cove_arena *arena,
                                     struct cove_bytes map,
                                     const struct cove_where **out,
                                     struct cove_diag *diag);
/* Of one document, in whatever way it was loaded. A field that the version does
 * not have is missing; cove_where_check refuses it. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_where_match(const struct cove_where *where,
                                     struct cove_loaded *loaded, bool *out);
/* Does the plan have every field that the condition names, of a type that can
 * be compared so? Errors: COVE_ENOTFOUND, naming the first that it has not and
 * those there are; COVE_ETYPE. */
COVE_MUST_CHECK int cove_where_check(const struct cove_where *where,
                                     const struct cove_plan *plan,
                                     struct cove_diag *diag);

#endif
