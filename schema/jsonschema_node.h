/* jsonschema_node.h: the parsed form of a schema, shared by the files that read
 * and apply it; nobody else includes it.
 *
 * A node is one (sub)schema. Every pointer and every byte lives in the arena
 * of the parse. Depth is bounded there, so that applying may recurse.
 */
#ifndef COVE_SCHEMA_JSONSCHEMA_NODE_H
#define COVE_SCHEMA_JSONSCHEMA_NODE_H

#include "schema/jsonschema.h"

#define COVE_SCHEMA_DEPTH 24 /* nested subschemas; a value is no deeper */

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

struct schema_node {
    bool boolean; /* written as true or false */
    bool never;   /* the schema false: nothing passes */
    bool has_enum;
    bool has_min_length;
    bool has_max_length;
    bool index;                 /* x-index at a property */
    bool unique;                /* x-unique */
    enum cove_child_kind child; /* x-type */
    unsigned types;             /* bits; 0 where no type is given */
    uint64_t min_length;
    uint64_t max_length;
    struct cove_bytes *choices; /* enum */
    size_t choice_count;
    /* Encoded, empty where absent. */
    struct cove_bytes constant;
    struct cove_bytes minimum;
    struct cove_bytes maximum;
    struct cove_bytes default_value;
    struct cove_bytes title;
    struct cove_bytes *required; /* sorted as CBOR keys are */
    size_t required_count;
    struct schema_member *members; /* properties, sorted as CBOR keys are */
    size_t member_count;
    const struct schema_node *items;      /* NULL where absent */
    const struct schema_node *additional; /* NULL where absent */
    int64_t version;                      /* at the top only */
    struct cove_bytes indexes;            /* x-index at the top, or empty */
};

struct cove_schema {
    struct schema_node *top;
    struct cove_property *properties; /* one for each member of top */
    struct cove_schema_index *indexes;
    size_t index_count;
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
 * cut in front, with "…". The root is `root`. */
void cove_schema_path_text(const struct schema_path *path, const char *root,
                           char out[COVE_SCHEMA_PATH_MAX]);

/* Compare names as deterministic CBOR orders keys: shorter first. */
int cove_schema_name_compare(struct cove_bytes a, struct cove_bytes b);

/* NULL where there is none of that name. */
const struct schema_member *cove_schema_member(const struct schema_node *node,
                                               struct cove_bytes name);

/* --- reading: jsonschema.c walks nodes, jsonschema_keyword.c reads each
 * keyword's value, and calls back for the schemas inside it. */
struct schema_parse {
    struct cove_arena *arena;
    struct cove_diag *diag;
};

struct schema_place { /* what is read, and how many schemas may nest in it */
    const struct schema_path *path;
    unsigned depth;
};

/* Errors: as cove_schema_parse. */
COVE_MUST_CHECK int cove_schema_node_parse(struct schema_parse *p,
                                           struct cove_bytes item,
                                           struct schema_place at,
                                           struct schema_node **out);
COVE_MUST_CHECK int cove_schema_keyword_parse(struct schema_parse *p,
                                              struct schema_node *node,
                                              struct cove_bytes name,
                                              struct cove_bytes item,
                                              struct schema_place in);
/* A property's x-type beside the rest of it. Errors: COVE_EFORMAT,
 * COVE_EKEYWORD. */
COVE_MUST_CHECK int cove_schema_child_check(struct schema_parse *p,
                                            const struct schema_node *node,
                                            struct schema_place at);
/* jsonschema_index.c: what x-index and x-unique ask for, gathered. Errors:
 * COVE_EFORMAT, COVE_ELIMIT. */
COVE_MUST_CHECK int cove_schema_indexes_find(struct schema_parse *p,
                                             struct cove_schema *schema);
/* Errors: COVE_EFORMAT, always: "schema: /path: what". */
int cove_schema_malformed(struct schema_parse *p, struct schema_place at,
                          const char *what);

#endif
