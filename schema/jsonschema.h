/* jsonschema.h: JSON Schema 2020-12, which judges what documents hold.
 *
 * All of its keywords are enforced but these, which are notes: title,
 * description, examples, deprecated, readOnly, writeOnly, $comment, content…,
 * and `format`, unless the reader asks for it. A word that is no keyword is a
 * note too. Cove's own words: x-ref, the name of the schema whose documents are
 * referred to; x-index, true where the app wants an index of the property;
 * x-unique, true where no two documents are meant to have the same in it, which
 * is reported and not refused, and an index as well. At the top also `version`,
 * the human version number, and x-index as a list of indexes, each a list of
 * paths to properties, and x-formats, true where every `format` in it is a
 * rule. At a property of the top x-type, where the field is a document of its
 * own (schema/child.h).
 *
 * The fields of documents are the `properties` at the top and nothing else:
 * properties inside allOf, if and the like are rules for fields, no fields. A
 * property that is written as a $ref, or an allOf of one, has the type and the
 * default that stand there, unless it has its own. A field is required where
 * the `required` at the top names it; one inside a $ref or an allOf of the
 * whole is a rule that a document keeps or breaks.
 *
 * A schema is read once into a graph that is never written again; judging
 * allocates nothing, but for patterns that need much to match, and takes a
 * bounded number of steps, so that no schema can hang who judges by it.
 *
 * Where values of Cove and JSON differ:
 *   - 3.0 is an integer, and equal to 3, as the standard says; integers and
 *     floats are compared exactly. But a register of type int does not hold a
 *     float: a field, or an item of a list that is a document, of the type
 *     "integer" is refused where it is judged alone (write 3).
 *   - A reference to a document passes where no type is given or the type is
 *     object; the members of the document it names are not judged.
 *   - Bytes pass only where no type is given. NaN breaks minimum and maximum.
 *   - null is a value of every register, but here it needs the type "null" (or
 *     none given).
 *   - A text is UTF-8; lengths and patterns count its code points.
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

/* How a schema is read, and judged by. All zero is the usual. */
struct cove_schema_options {
    /* Somebody is writing it: refuse what looks like a misspelt keyword, and
     * patterns that cannot be used. */
    bool authored;
    /* It was published already: one that cannot be read or understood here is
     * none the less a schema, without fields, and whatever is judged by it gets
     * COVE_EUNSUPPORTED, with the sentence that reading it would have. */
    bool tolerant;
    bool formats;   /* `format` is a rule and no note */
    uint64_t steps; /* that judging may take; 0: COVE_SCHEMA_STEPS */
    /* The schema that a $ref, $dynamicRef or $schema names by an absolute URI
     * without fragment, as checked CBOR that lives until the parse is done;
     * COVE_ENOTFOUND where there is none. NULL: there are none. Those of JSON
     * Schema itself are built in. */
    int (*find)(void *ctx, struct cove_bytes uri, struct cove_bytes *cbor);
    void *ctx;
};
#define COVE_SCHEMA_STEPS 2000000

/* Parse a schema, the checked CBOR that cove_json_read_plain made of its text.
 * Everything is copied into the arena.
 * Errors: COVE_EKEYWORD (another dialect; of an authored schema, a misspelt
 * keyword), COVE_EFORMAT (a keyword with a value it cannot have; a $ref that
 * leads nowhere, or back to itself for the same value), COVE_ENOTFOUND (a $ref
 * to a document that is not here), COVE_ELIMIT, COVE_ENOMEM; diag has the path.
 */
COVE_MUST_CHECK int cove_schema_compile(
    struct cove_arena *arena, struct cove_bytes cbor,
    const struct cove_schema_options *options, const struct cove_schema **out,
    struct cove_diag *diag);
/* The same in the usual way. */
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

/* Where a value breaks a rule, and which. */
struct cove_schema_fault {
    char value[256];    /* JSON pointers (RFC 6901): in the value; "" the top */
    char rule[256];     /* in the schema, through every $ref on the way */
    char sentence[768]; /* "the text has 0 characters" */
};

/* Judge a whole document, or one value, as checked CBOR.
 * Errors: COVE_ESCHEMA, diag has the path as a JSON pointer ("/maintainer",
 * "the document" at the top), the rule ("minLength 1") and why of the first
 * violation, and behind them the rule's own path where that is not plain;
 * COVE_ELIMIT (more steps than are allowed: neither right nor wrong),
 * COVE_EUNSUPPORTED (a pattern, and a build without them; a schema that was set
 * aside), COVE_EFORMAT (a pattern that is none), COVE_ENOMEM.
 * Threads: any number at once. */
COVE_MUST_CHECK int cove_schema_check(const struct cove_schema *schema,
                                      struct cove_bytes value,
                                      struct cove_diag *diag);
/* Has it rules that several fields keep together, which judging one field alone
 * does not see: anyOf, dependentRequired, maxProperties and the like? */
bool cove_schema_spans(const struct cove_schema *schema);
/* Do the rules of a document come to those of its fields, one by one, and to
 * which of them are required? Then who judged the fields has judged it. */
bool cove_schema_is_fields(const struct cove_schema *schema);
/* As check, with the places apart. fault is written where it is ESCHEMA. */
COVE_MUST_CHECK int cove_schema_judge(const struct cove_schema *schema,
                                      struct cove_bytes value,
                                      struct cove_schema_fault *fault,
                                      struct cove_diag *diag);
/* Judge one field alone; a name that is no property is judged by
 * patternProperties and additionalProperties. Errors: as above. */
COVE_MUST_CHECK int cove_schema_check_field(const struct cove_schema *schema,
                                            struct cove_bytes name,
                                            struct cove_bytes value,
                                            struct cove_diag *diag);
/* Judge one item of a child field, list or stream, or one field `member` of a
 * map child, by the schema inside. Errors: as above. */
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
