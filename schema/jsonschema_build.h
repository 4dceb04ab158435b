/* jsonschema_build.h: how a schema's text becomes its graph; included by the
 * files that do it and by nobody else.
 *
 *   read   jsonschema_keyword.c, _applicator.c: each keyword into its node;
 *          $id and anchors are written down, references put aside
 *   link   jsonschema_link.c: references to nodes; may read further documents,
 *          which have references of their own, until none is left
 *   check  jsonschema_cycle.c, _child.c, _index.c: what only the whole shows
 *
 * A resource is a schema with a URI of its own: a document, or what stands
 * under an $id inside one.
 */
#ifndef COVE_SCHEMA_JSONSCHEMA_BUILD_H
#define COVE_SCHEMA_JSONSCHEMA_BUILD_H

#include "schema/jsonschema_node.h"

/* The vocabularies of JSON Schema 2020-12 that a schema may go without. */
enum schema_vocabulary {
    SCHEMA_CORE = 1,
    SCHEMA_APPLICATOR = 2,
    SCHEMA_UNEVALUATED = 4,
    SCHEMA_VALIDATION = 8,
    SCHEMA_META_DATA = 16,
    SCHEMA_CONTENT = 32,
    SCHEMA_FORMAT = 64,
    SCHEMA_FORMAT_RULE = 128, /* format is judged */
    SCHEMA_USUAL = 127
};

struct schema_resource {
    struct cove_bytes uri;      /* absolute without fragment, or empty */
    struct cove_bytes known_as; /* by what it was asked for, where other */
    struct schema_node *node;
    const char *label; /* in front of paths in sentences; "" for the first */
    unsigned vocabularies;
    struct schema_resource *next;
};

struct schema_named { /* $anchor and $dynamicAnchor */
    struct cove_bytes name;
    bool dynamic;
    const struct schema_resource *resource;
    const struct schema_node *node;
    struct schema_named *next;
};

struct schema_ref { /* $ref and $dynamicRef, until they are linked */
    struct cove_bytes text;
    bool dynamic;
    struct schema_node *node;
    const struct schema_resource *base;
    const char *where; /* its path */
    struct schema_ref *next;
};

struct schema_parse {
    struct cove_arena *arena;
    struct cove_diag *diag;
    struct cove_schema *schema;
    const struct cove_schema_options *options;
    struct schema_resource *resources;
    struct schema_named *names;
    struct schema_ref *refs;
    struct schema_node *marked; /* with x-index or x-unique */
    unsigned documents;
    /* Nodes by the place of their text: open addressing, a power of two. */
    struct schema_node **table;
    size_t node_count;
    size_t table_size;
};
#define COVE_SCHEMA_DOCUMENTS 64 /* that one schema may lead to */

struct schema_place { /* what is read, and how many schemas may nest in it */
    const struct schema_path *path;
    unsigned depth;
    const struct schema_resource *resource;
};

/* Errors: as cove_schema_parse. */
COVE_MUST_CHECK int cove_schema_node_parse(struct schema_parse *p,
                                           struct cove_bytes item,
                                           struct schema_place at,
                                           const struct schema_node **out);
/* A whole document, found under `uri`. */
COVE_MUST_CHECK int cove_schema_document_parse(struct schema_parse *p,
                                               struct cove_bytes cbor,
                                               struct cove_bytes uri,
                                               const struct schema_node **out);
/* The node whose text begins at item; NULL where that is no schema so far. */
struct schema_node *cove_schema_node_at(const struct schema_parse *p,
                                        struct cove_bytes item);

/* Every keyword function: `at` is the place of the keyword's value. */
typedef int schema_keyword(struct schema_parse *p, struct schema_node *node,
                           struct cove_bytes item, struct schema_place at);
struct schema_keyword_row {
    const char *name;
    schema_keyword *parse;
    unsigned vocabulary;
    bool rule; /* something breaks it */
};
/* NULL where the word is no keyword. */
const struct schema_keyword_row *cove_schema_keyword_find(
    struct cove_bytes name);
/* The one that a misspelt word looks like, or NULL. */
const char *cove_schema_keyword_near(struct cove_bytes name);
COVE_MUST_CHECK int cove_schema_keyword_parse(struct schema_parse *p,
                                              struct schema_node *node,
                                              struct cove_bytes name,
                                              struct cove_bytes item,
                                              struct schema_place in);

/* jsonschema_applicator.c: keywords that hold schemas. */
extern const struct schema_keyword_row cove_schema_applicators[];
extern const size_t cove_schema_applicator_count;
/* jsonschema_words.c: those for people and Cove's own, and the words about the
 * schema itself. */
extern const struct schema_keyword_row cove_schema_words[];
extern const size_t cove_schema_word_count;
extern const struct schema_keyword_row cove_schema_core[];
extern const size_t cove_schema_core_count;

/* The rules of one kind, made where there are none yet; NULL when memory is
 * out. */
struct schema_choices *cove_schema_choices(struct schema_parse *p,
                                           struct schema_node *node);
struct schema_numbers *cove_schema_numbers(struct schema_parse *p,
                                           struct schema_node *node);
struct schema_texts *cove_schema_texts(struct schema_parse *p,
                                       struct schema_node *node);
struct schema_lists *cove_schema_lists(struct schema_parse *p,
                                       struct schema_node *node);
struct schema_maps *cove_schema_maps(struct schema_parse *p,
                                     struct schema_node *node);
struct schema_also *cove_schema_also(struct schema_parse *p,
                                     struct schema_node *node);

/* A list of different texts, sorted as CBOR keys are. `what` says what a wrong
 * one must be. Errors: COVE_EFORMAT, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_schema_names_parse(struct schema_parse *p,
                                            struct cove_bytes item,
                                            struct schema_place at,
                                            struct cove_bytes **out,
                                            size_t *count);
/* A regular expression, compiled. Errors: COVE_EFORMAT (of an authored one),
 * COVE_ENOMEM. */
COVE_MUST_CHECK int cove_schema_pattern_parse(struct schema_parse *p,
                                              struct cove_bytes text,
                                              struct schema_place at,
                                              struct schema_pattern *out);

/* jsonschema_resource.c: what a schema is called and by which words it is
 * read: $id and $schema, before any other keyword. Errors: COVE_EFORMAT,
 * COVE_EKEYWORD (a dialect or vocabulary that is not known), COVE_ENOMEM. */
COVE_MUST_CHECK int cove_schema_resource_open(
    struct schema_parse *p, struct cove_bytes item, struct schema_place at,
    struct schema_node *node, const struct schema_resource **out);
/* jsonschema_link.c. Errors: COVE_EFORMAT, COVE_ENOTFOUND (no such document),
 * COVE_ELIMIT, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_schema_link(struct schema_parse *p);
/* A document by its URI, built in or the caller's. Errors: COVE_ENOTFOUND, and
 * the caller's. */
COVE_MUST_CHECK int cove_schema_fetch(const struct schema_parse *p,
                                      struct cove_bytes uri,
                                      struct cove_bytes *cbor);
/* jsonschema_cycle.c: schemas that lead to themselves for the same value.
 * Errors: COVE_EFORMAT, COVE_ELIMIT. */
COVE_MUST_CHECK int cove_schema_cycles_check(struct schema_parse *p);
/* A property's x-type beside the rest of it. Errors: COVE_EFORMAT,
 * COVE_EKEYWORD. */
COVE_MUST_CHECK int cove_schema_child_check(struct schema_parse *p,
                                            const struct schema_node *node,
                                            struct schema_place at);
/* jsonschema_index.c: what x-index and x-unique ask for, gathered. Errors:
 * COVE_EFORMAT, COVE_ELIMIT. */
COVE_MUST_CHECK int cove_schema_indexes_find(struct schema_parse *p,
                                             struct cove_schema *schema);

/* The text of an encoded text; at is NULL where it is none. */
struct cove_bytes cove_schema_text(struct cove_bytes item);
/* The path as a sentence has it, behind the label of its document. */
const char *cove_schema_where(const struct schema_place *at, const char *root,
                              char out[COVE_SCHEMA_PATH_MAX]);
/* Errors: COVE_EFORMAT, always: "schema: /path: what". */
int cove_schema_malformed(struct schema_parse *p, struct schema_place at,
                          const char *what);

#endif
