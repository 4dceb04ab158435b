/* jsonschema_node.h: the compiled form of a schema, a graph, shared by the
 * files that build it and those that judge by it; nobody else includes it.
 *
 *   cove_schema ── top ─▶ node ── map ── properties ─▶ node
 *                          │ └─── list ── items ─▶ node
 *                          └──── also ── $ref ─▶ a node anywhere, also above
 *
 * A node is one (sub)schema; the rules for one kind of value are apart, so that
 * a node that has none of them stays small and a value passes them with one
 * comparison. All of it lies in the arena of the parse and is never written
 * again once the parse is done: any number of threads may judge by it.
 */
#ifndef COVE_SCHEMA_JSONSCHEMA_NODE_H
#define COVE_SCHEMA_JSONSCHEMA_NODE_H

#include "schema/jsonschema.h"
#include "schema/jsonschema_number.h"
#include "schema/pattern.h"

#define COVE_SCHEMA_DEPTH 24 /* nested subschemas; a value is no deeper */
#define COVE_SCHEMA_CHAIN                                                      \
    128 /* schemas on one value, each leading to the next */

/* Bits of schema_node.types, in the order of cove_schema_type_names. */
enum schema_type_bit {
    SCHEMA_NULL = 1,
    SCHEMA_BOOLEAN = 2,
    SCHEMA_INTEGER = 4,
    SCHEMA_NUMBER = 8,
    SCHEMA_STRING = 16,
    SCHEMA_ARRAY = 32,
    SCHEMA_OBJECT = 64
};
#define COVE_SCHEMA_TYPES 7
extern const char *const cove_schema_type_names[COVE_SCHEMA_TYPES];

struct schema_node;

struct schema_member {
    struct cove_bytes name;
    const struct schema_node *node;
};

struct schema_nodes {
    const struct schema_node **at;
    size_t count;
};

struct schema_range { /* of a count; a pair such as minLength, maxLength */
    bool has_min;
    bool has_max;
    uint64_t min;
    uint64_t max;
};

struct schema_choices { /* enum and const */
    bool has_enum;
    struct cove_bytes *values; /* encoded, as all below */
    size_t count;
    struct cove_bytes constant; /* empty where absent */
};

struct schema_numbers { /* rules for numbers; empty where absent */
    struct cove_bytes minimum;
    struct cove_bytes maximum;
    struct cove_bytes above; /* exclusiveMinimum */
    struct cove_bytes below; /* exclusiveMaximum */
    struct cove_bytes multiple;
    struct schema_decimal divisor; /* the same, read */
};

struct schema_pattern {
    struct cove_bytes text;
    const struct cove_pattern *code;
};

struct schema_format {
    const char *name;
    bool (*fits)(struct cove_bytes text);
};

struct schema_texts { /* rules for texts */
    struct schema_range length;
    const struct schema_pattern *pattern; /* NULL where absent, as all below */
    const struct schema_format *format;   /* only where it is a rule */
};

struct schema_lists { /* rules for lists */
    struct schema_range count;
    bool unique;
    struct schema_nodes prefix;
    const struct schema_node *items;
    const struct schema_node *contains;
    struct schema_range contained;
    const struct schema_node *unevaluated;
};

struct schema_pattern_member {
    struct schema_pattern pattern;
    const struct schema_node *node;
};

struct schema_dependency { /* of dependentRequired */
    struct cove_bytes name;
    struct cove_bytes *needs;
    size_t count;
};

struct schema_maps { /* rules for objects; all names sorted as CBOR keys are */
    struct schema_range count;
    struct cove_bytes *required;
    size_t required_count;
    struct schema_member *members; /* properties */
    size_t member_count;
    struct schema_pattern_member *patterns;
    size_t pattern_count;
    const struct schema_node *additional;
    const struct schema_node *names; /* propertyNames */
    struct schema_dependency *dependencies;
    size_t dependency_count;
    struct schema_member *dependents; /* dependentSchemas */
    size_t dependent_count;
    const struct schema_node *unevaluated;
};

/* A place that a $dynamicRef may lead to: in which resource, and where. */
struct schema_anchor {
    const struct schema_resource *resource;
    const struct schema_node *node;
};

struct schema_also { /* schemas for the same value */
    const struct schema_node *ref;
    const struct schema_node *dynamic; /* where nothing else was entered */
    struct schema_anchor *anchors;     /* of the same name, elsewhere */
    size_t anchor_count;
    struct schema_nodes all;
    struct schema_nodes any;
    struct schema_nodes one;
    const struct schema_node *never; /* not */
    const struct schema_node *when;  /* if */
    const struct schema_node *then;
    const struct schema_node *otherwise; /* else */
};

struct schema_node {
    bool boolean;               /* written as true or false */
    bool never;                 /* the schema false: nothing passes */
    bool index;                 /* x-index at a property */
    bool unique;                /* x-unique */
    bool reached;               /* by the search for indexes */
    unsigned char turn;         /* in the search for cycles */
    enum cove_child_kind child; /* x-type */
    unsigned types;             /* bits; 0 where no type is given */
    struct cove_bytes item;     /* as it was written */
    const struct schema_resource *resource;
    const char *where;          /* the place of x-index or x-unique, and … */
    struct schema_node *marked; /* … the next that has one */
    struct cove_bytes default_value;
    struct cove_bytes title;
    /* Each NULL where there is no such rule. */
    struct schema_choices *choices;
    struct schema_numbers *numbers;
    struct schema_texts *texts;
    struct schema_lists *lists;
    struct schema_maps *maps;
    struct schema_also *also;
};

struct cove_schema {
    const struct schema_node *top;
    struct cove_property *properties; /* one for each member of top */
    struct cove_schema_index *indexes;
    size_t index_count;
    int64_t version;
    uint64_t steps;
    const struct cove_alloc *alloc; /* for what a pattern needs beside */
    const char *why;                /* NULL, or why nothing is judged by it */
};

/* A place in a schema or a value: a list from the leaf up to the root, on the
 * stack of whoever walks. */
struct schema_path {
    const struct schema_path *up; /* NULL at the root, which has no key */
    struct cove_bytes key;
    size_t index; /* where key.at is NULL */
};
#define COVE_SCHEMA_PATH_MAX 256

/* Write a path as a JSON pointer (RFC 6901), NUL-terminated; a longer one is
 * cut at its end, with "…". The root is `root`. */
void cove_schema_path_text(const struct schema_path *path, const char *root,
                           char out[COVE_SCHEMA_PATH_MAX]);

/* Compare names as deterministic CBOR orders keys: shorter first. */
int cove_schema_name_compare(struct cove_bytes a, struct cove_bytes b);

/* Of a sorted list. NULL where there is none of that name. */
const struct schema_member *cove_schema_member(const struct schema_member *list,
                                               size_t count,
                                               struct cove_bytes name);
/* The same of the properties of a node. */
const struct schema_member *cove_schema_property(const struct schema_node *node,
                                                 struct cove_bytes name);

/* A node as a field's reader wants it: $ref and an allOf of one are followed
 * from here, at most COVE_SCHEMA_CHAIN times; NULL behind the last. */
const struct schema_node *cove_schema_next(const struct schema_node *node);
/* The types of a node, its own or those of the next that has any. */
unsigned cove_schema_types(const struct schema_node *node);

#endif
