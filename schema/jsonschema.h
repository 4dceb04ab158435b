/* jsonschema.h: the part of JSON Schema 2020-12 that judges local writes.
 *
 * Keywords: type, properties, required, enum, const, minimum, maximum,
 * minLength, maxLength (both count code points), items, additionalProperties,
 * default. Notes, carried and not judged: $schema, $id, $comment, title,
 * description, examples; and x-ref, the name of the schema whose documents are
 * referred to; x-index, true where the app wants an index of the property;
 * x-unique, true where no two documents are meant to have the same in it, which
 * is reported and not refused, and an index as well. At the top also Cove's own
 * `version`, the human version number, and x-index as a list of indexes, each a
 * list of paths to properties. At a property of the top
 * x-type, where the field is a document of its own (schema/child.h). Any other
 * keyword is refused by name: a rule that is not enforced must not look as if
 * it were.
 *
 * Where values of Cove and JSON differ:
 *   - 3.0 is a float. "integer" does not hold it (write 3), as a register of
 *     type int does not. In enum and const, 3.0 and 3 are equal, as the
 *     standard says; integers and floats are compared exactly.
 *   - A reference to a document passes where no type is given or the type is
 *     object; the members of the document it names are not judged.
 *   - Bytes pass only where no type is given. NaN breaks minimum and maximum.
 *   - null is a value of every register, but here it needs the type "null" (or
 *     none given).
 *   - A field with x-type holds a reference, whatever its type: that is what
 *     its document shows, and only its items are judged here.
 * Knows nothing of registers' ids, journals or documents.
 */
#ifndef COVE_SCHEMA_JSONSCHEMA_H
#define COVE_SCHEMA_JSONSCHEMA_H

#include "core/arena.h"
#include "core/diag.h"
#include "schema/child.h"
#include "schema/fn.h"

struct cove_schema; /* immutable; lives in the arena it was parsed into */

/* A property at the top of the schema: a field of a document. */
struct cove_property {
    struct cove_bytes name;
    /* What its register holds: "string" → text, "integer" → int, "boolean" →
     * bool, "array" → list, the others by their name; ["T","null"] → T; none
     * or several → any. A child's is any. */
    enum cove_type type;
    bool required;
    bool has_default;
    struct cove_bytes default_value; /* checked CBOR, as it stands there */
    enum cove_child_kind child;
    enum cove_type item_type;            /* of a list child: of its items */
    const struct cove_property *members; /* of a map child: its fields */
    size_t member_count;
};

/* Parse a schema, the checked CBOR that cove_json_read_plain made of its text.
 * Everything is copied into the arena.
 * Errors: COVE_EKEYWORD (a keyword that is not supported; diag has its path),
 * COVE_EFORMAT (a keyword with a value it cannot have), COVE_ELIMIT,
 * COVE_ENOMEM. */
COVE_MUST_CHECK int cove_schema_parse(struct cove_arena *arena,
                                      struct cove_bytes cbor,
                                      const struct cove_schema **out,
                                      struct cove_diag *diag);

/* The schema's name and human version number; empty and 0 where absent. */
struct cove_bytes cove_schema_title(const struct cove_schema *schema);
int64_t cove_schema_version(const struct cove_schema *schema);

/* Fields, in the order of deterministic CBOR keys: shorter names first, then
 * bytewise (the order in the file is not a part of JSON). */
size_t cove_schema_count(const struct cove_schema *schema);
const struct cove_property *cove_schema_at(const struct cove_schema *schema,
                                           size_t index);
/* NULL where there is none of that name. */
const struct cove_property *cove_schema_find(const struct cove_schema *schema,
                                             struct cove_bytes name);
/* Is it a schema of documents: no bare true or false, and either no type or
 * the type object? */
bool cove_schema_is_object(const struct cove_schema *schema);
/* The first name in `required` that is no property; empty where there is
 * none. */
struct cove_bytes cove_schema_stray(const struct cove_schema *schema);

#define COVE_SCHEMA_INDEXES 32 /* of a schema */
#define COVE_SCHEMA_PATHS   8  /* of an index */

/* An index that the schema wants. A path is the name of a field, and where a
 * value inside it is meant, the names down to that, with dots between: through
 * objects, through the items of lists, and into a field that is a map of its
 * own. */
struct cove_schema_index {
    const struct cove_bytes *paths;
    size_t path_count;
    bool unique;
};
size_t cove_schema_index_count(const struct cove_schema *schema);
const struct cove_schema_index *cove_schema_index_at(
    const struct cove_schema *schema, size_t index);

/* Judge a whole document, or one value, as checked CBOR.
 * Errors: COVE_ESCHEMA; diag has the path as a JSON pointer ("/maintainer",
 * "the document" at the top) and the rule ("minLength 1") of the first
 * violation. */
COVE_MUST_CHECK int cove_schema_check(const struct cove_schema *schema,
                                      struct cove_bytes value,
                                      struct cove_diag *diag);
/* Judge one field alone; a name that is no property is judged by
 * additionalProperties. Errors: COVE_ESCHEMA. */
COVE_MUST_CHECK int cove_schema_check_field(const struct cove_schema *schema,
                                            struct cove_bytes name,
                                            struct cove_bytes value,
                                            struct cove_diag *diag);
/* Judge one item of a child field, list or stream, or one field `member` of a
 * map child, by the schema inside. Errors: COVE_ESCHEMA. */
COVE_MUST_CHECK int cove_schema_check_item(const struct cove_schema *schema,
                                           struct cove_bytes name,
                                           struct cove_bytes value,
                                           struct cove_diag *diag);
COVE_MUST_CHECK int cove_schema_check_member(const struct cove_schema *schema,
                                             struct cove_bytes name,
                                             struct cove_bytes member,
                                             struct cove_bytes value,
                                             struct cove_diag *diag);

#endif
