/* jsonschema_keyword.c: what each keyword of a schema may say.
 *
 * Each keyword has a row in one table: its name and the function that reads
 * its value into the node. What has no row is refused with its path.
 * Source: JSON Schema 2020-12, Core and Validation.
 */
#include <stdlib.h>

#include "core/cbor.h"
#include "schema/jsonschema_node.h"

static int name_order(const void *a, const void *b)
{
    return cove_schema_name_compare(*(const struct cove_bytes *)a,
                                    *(const struct cove_bytes *)b);
}

static struct cove_bytes item_text(struct cove_bytes item)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    return cove_reader_text(&r);
}

/* Read a list of encoded items into the arena. */
static int list_items(struct schema_parse *p, struct cove_bytes item,
                      struct cove_bytes **out, size_t *count)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    *count = cove_reader_list(&r);
    *out = cove_arena_array(p->arena, *count + 1, sizeof **out);
    if (*out == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < *count; i++) {
        (*out)[i] = cove_reader_item(&r);
    }
    return 0;
}

/* Every keyword function: `at` is the place of the keyword's value. */
typedef int schema_keyword(struct schema_parse *p, struct schema_node *node,
                           struct cove_bytes item, struct schema_place at);

static int keyword_note(struct schema_parse *p, struct schema_node *node,
                        struct cove_bytes item, struct schema_place at)
{
    (void)node;
    if (cove_cbor_type_of(item) != COVE_CBOR_TEXT) {
        return cove_schema_malformed(p, at, "must be a text");
    }
    return 0;
}

/* Another dialect may give the same keywords another meaning. */
static int keyword_schema(struct schema_parse *p, struct schema_node *node,
                          struct cove_bytes item, struct schema_place at)
{
    static const char *const homes[] = {"https://json-schema.org/",
                                        "http://json-schema.org/"};
    int rc = keyword_note(p, node, item, at);

    for (size_t i = 0; rc == 0 && i < COVE_ARRAY_LEN(homes); i++) {
        struct cove_bytes home = cove_bytes_text(homes[i]);
        struct cove_bytes text = item_text(item);

        if (text.len >= home.len && memcmp(text.at, home.at, home.len) == 0) {
            return 0;
        }
    }
    if (rc == 0) {
        char path[COVE_SCHEMA_PATH_MAX];

        cove_schema_path_text(at.path, "", path);
        rc = cove_fail(p->diag, COVE_EKEYWORD,
                       "schema: %s: names another dialect than JSON Schema's "
                       "own; write "
                       "\"https://json-schema.org/draft/2020-12/schema\"",
                       path);
    }
    return rc;
}

static int keyword_title(struct schema_parse *p, struct schema_node *node,
                         struct cove_bytes item, struct schema_place at)
{
    int rc = keyword_note(p, node, item, at);

    if (rc == 0) {
        node->title = item_text(item);
    }
    return rc;
}

static int keyword_examples(struct schema_parse *p, struct schema_node *node,
                            struct cove_bytes item, struct schema_place at)
{
    (void)node;
    if (cove_cbor_type_of(item) != COVE_CBOR_LIST) {
        return cove_schema_malformed(p, at, "must be a list");
    }
    return 0;
}

static int keyword_version(struct schema_parse *p, struct schema_node *node,
                           struct cove_bytes item, struct schema_place at)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    node->version = cove_reader_int(&r);
    if (cove_reader_done(&r) != 0 || node->version < 1) {
        return cove_schema_malformed(p, at, "must be an integer of 1 or more");
    }
    return 0;
}

/* Kept for those who read the schema: which documents are referred to. */
static int keyword_reference(struct schema_parse *p, struct schema_node *node,
                             struct cove_bytes item, struct schema_place at)
{
    (void)node;
    if (cove_cbor_type_of(item) != COVE_CBOR_TEXT || item_text(item).len == 0) {
        return cove_schema_malformed(p, at, "must be a schema's name");
    }
    return 0;
}

static int keyword_true(struct schema_parse *p, struct cove_bytes item,
                        struct schema_place at)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    if (cove_cbor_type_of(item) != COVE_CBOR_BOOL || !cove_reader_bool(&r)) {
        return cove_schema_malformed(p, at, "must be true");
    }
    return 0;
}

/* At the top a list of indexes, whose paths are looked at when all properties
 * are known. */
static int keyword_index(struct schema_parse *p, struct schema_node *node,
                         struct cove_bytes item, struct schema_place at)
{
    if (at.path->up->up != NULL) {
        node->index = true;
        return keyword_true(p, item, at);
    }
    if (cove_cbor_type_of(item) != COVE_CBOR_LIST) {
        return cove_schema_malformed(
            p, at, "must be a list of indexes, each a list of paths");
    }
    node->indexes = item;
    return 0;
}

static int keyword_unique(struct schema_parse *p, struct schema_node *node,
                          struct cove_bytes item, struct schema_place at)
{
    if (at.path->up->up == NULL) {
        return cove_schema_malformed(p, at, "stands at a property");
    }
    node->unique = true;
    return keyword_true(p, item, at);
}

/* Is it the place of a field: /properties/NAME/x-type? */
static bool place_is_field(struct schema_place at)
{
    const struct schema_path *up = at.path->up;

    return up != NULL && up->up != NULL && up->up->up != NULL &&
           up->up->up->up == NULL;
}

static int keyword_child(struct schema_parse *p, struct schema_node *node,
                         struct cove_bytes item, struct schema_place at)
{
    if (!place_is_field(at)) {
        return cove_schema_malformed(
            p, at, "only a field of the document may be one of its own");
    }
    if (cove_cbor_type_of(item) != COVE_CBOR_TEXT ||
        !cove_child_kind_of(item_text(item), &node->child)) {
        return cove_schema_malformed(
            p, at, "must be text, list, stream, blob, counter or map");
    }
    return 0;
}

static int type_add(struct schema_parse *p, struct schema_node *node,
                    struct cove_bytes item, struct schema_place at)
{
    struct cove_bytes name = item_text(item);

    for (unsigned i = 0; name.at != NULL && i < COVE_SCHEMA_TYPES; i++) {
        if (!cove_bytes_equal(name,
                              cove_bytes_text(cove_schema_type_names[i]))) {
            continue;
        }
        if ((node->types & 1U << i) != 0) {
            return cove_schema_malformed(p, at, "names a type twice");
        }
        node->types |= 1U << i;
        return 0;
    }
    return cove_schema_malformed(
        p, at,
        "must be null, boolean, integer, number, string, array, "
        "object, or a list of these");
}

static int keyword_type(struct schema_parse *p, struct schema_node *node,
                        struct cove_bytes item, struct schema_place at)
{
    struct cove_reader r;

    if (cove_cbor_type_of(item) != COVE_CBOR_LIST) {
        return type_add(p, node, item, at);
    }
    cove_reader_init(&r, item);

    size_t count = cove_reader_list(&r);

    if (count == 0) {
        return cove_schema_malformed(p, at, "must name at least one type");
    }
    for (size_t i = 0; i < count; i++) {
        int rc = type_add(p, node, cove_reader_item(&r), at);

        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int keyword_enum(struct schema_parse *p, struct schema_node *node,
                        struct cove_bytes item, struct schema_place at)
{
    if (cove_cbor_type_of(item) != COVE_CBOR_LIST) {
        return cove_schema_malformed(p, at, "must be a list of values");
    }

    node->has_enum = true; /* an empty list lets nothing pass */
    return list_items(p, item, &node->choices, &node->choice_count);
}

static int keyword_const(struct schema_parse *p, struct schema_node *node,
                         struct cove_bytes item, struct schema_place at)
{
    (void)p;
    (void)at;
    node->constant = item;
    return 0;
}

static int keyword_default(struct schema_parse *p, struct schema_node *node,
                           struct cove_bytes item, struct schema_place at)
{
    (void)p;
    (void)at;
    node->default_value = item;
    return 0;
}

static int number_parse(struct schema_parse *p, struct cove_bytes item,
                        struct schema_place at, struct cove_bytes *out)
{
    enum cove_cbor_type type = cove_cbor_type_of(item);

    if (type != COVE_CBOR_UINT && type != COVE_CBOR_NINT &&
        type != COVE_CBOR_FLOAT) {
        return cove_schema_malformed(p, at, "must be a number");
    }
    *out = item;
    return 0;
}

static int keyword_minimum(struct schema_parse *p, struct schema_node *node,
                           struct cove_bytes item, struct schema_place at)
{
    return number_parse(p, item, at, &node->minimum);
}

static int keyword_maximum(struct schema_parse *p, struct schema_node *node,
                           struct cove_bytes item, struct schema_place at)
{
    return number_parse(p, item, at, &node->maximum);
}

/* A count; the standard lets it be written as a float (2.0). */
static int length_parse(struct schema_parse *p, struct cove_bytes item,
                        struct schema_place at, uint64_t *out)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    if (cove_reader_peek(&r) == COVE_CBOR_FLOAT) {
        double f = cove_reader_float(&r);

        if (f >= 0 && f <= 9007199254740992.0 && (double)(uint64_t)f == f) {
            *out = (uint64_t)f;
            return 0;
        }
        return cove_schema_malformed(p, at, "must be an integer of 0 or more");
    }
    *out = cove_reader_uint(&r);
    if (cove_reader_done(&r) != 0) {
        return cove_schema_malformed(p, at, "must be an integer of 0 or more");
    }
    return 0;
}

static int keyword_min_length(struct schema_parse *p, struct schema_node *node,
                              struct cove_bytes item, struct schema_place at)
{
    node->has_min_length = true;
    return length_parse(p, item, at, &node->min_length);
}

static int keyword_max_length(struct schema_parse *p, struct schema_node *node,
                              struct cove_bytes item, struct schema_place at)
{
    node->has_max_length = true;
    return length_parse(p, item, at, &node->max_length);
}

static int keyword_required(struct schema_parse *p, struct schema_node *node,
                            struct cove_bytes item, struct schema_place at)
{
    if (cove_cbor_type_of(item) != COVE_CBOR_LIST) {
        return cove_schema_malformed(p, at, "must be a list of names");
    }

    int rc = list_items(p, item, &node->required, &node->required_count);

    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < node->required_count; i++) {
        if (cove_cbor_type_of(node->required[i]) != COVE_CBOR_TEXT) {
            return cove_schema_malformed(p, at, "must be a list of names");
        }
        node->required[i] = item_text(node->required[i]);
    }
    qsort(node->required, node->required_count, sizeof *node->required,
          name_order);
    for (size_t i = 1; i < node->required_count; i++) {
        if (cove_bytes_equal(node->required[i - 1], node->required[i])) {
            return cove_schema_malformed(p, at, "names a property twice");
        }
    }
    return 0;
}

static int keyword_properties(struct schema_parse *p, struct schema_node *node,
                              struct cove_bytes item, struct schema_place at)
{
    struct cove_reader r;

    if (cove_cbor_type_of(item) != COVE_CBOR_MAP) {
        return cove_schema_malformed(p, at, "must be an object of schemas");
    }
    cove_reader_init(&r, item);

    size_t count = cove_reader_map(&r);

    node->members =
        cove_arena_array(p->arena, count + 1, sizeof *node->members);
    if (node->members == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct cove_bytes name = cove_reader_text(&r);
        struct schema_path path = {at.path, name, 0};
        struct schema_place place = {&path, at.depth};
        struct schema_node *child;
        int rc = cove_schema_node_parse(p, cove_reader_item(&r), place, &child);

        if (rc != 0) {
            return rc;
        }
        node->members[i].name = name;
        node->members[i].node = child;
    }
    node->member_count = count;
    return 0;
}

static int keyword_items(struct schema_parse *p, struct schema_node *node,
                         struct cove_bytes item, struct schema_place at)
{
    struct schema_node *child;
    int rc = cove_schema_node_parse(p, item, at, &child);

    if (rc == 0) {
        node->items = child;
    }
    return rc;
}

static int keyword_additional(struct schema_parse *p, struct schema_node *node,
                              struct cove_bytes item, struct schema_place at)
{
    struct schema_node *child;
    int rc = cove_schema_node_parse(p, item, at, &child);

    if (rc == 0) {
        node->additional = child;
    }
    return rc;
}

static const struct {
    const char *name;
    schema_keyword *parse;
    bool top_only;
} keywords[] = {
    {"type", keyword_type, false},
    {"properties", keyword_properties, false},
    {"required", keyword_required, false},
    {"enum", keyword_enum, false},
    {"const", keyword_const, false},
    {"minimum", keyword_minimum, false},
    {"maximum", keyword_maximum, false},
    {"minLength", keyword_min_length, false},
    {"maxLength", keyword_max_length, false},
    {"items", keyword_items, false},
    {"additionalProperties", keyword_additional, false},
    {"default", keyword_default, false},
    {"$schema", keyword_schema, false},
    {"$id", keyword_note, false},
    {"$comment", keyword_note, false},
    {"title", keyword_title, false},
    {"description", keyword_note, false},
    {"examples", keyword_examples, false},
    {"x-ref", keyword_reference, false},
    {"x-index", keyword_index, false},
    {"x-unique", keyword_unique, false},
    {"x-type", keyword_child, false},
    {"version", keyword_version, true},
};

int cove_schema_keyword_parse(struct schema_parse *p, struct schema_node *node,
                              struct cove_bytes name, struct cove_bytes item,
                              struct schema_place in)
{
    struct schema_path path = {in.path, name, 0};
    struct schema_place at = {&path, in.depth};
    char text[COVE_SCHEMA_PATH_MAX];

    for (size_t i = 0; i < COVE_ARRAY_LEN(keywords); i++) {
        if (cove_bytes_equal(name, cove_bytes_text(keywords[i].name)) &&
            (!keywords[i].top_only || in.path->up == NULL)) {
            return keywords[i].parse(p, node, item, at);
        }
    }
    cove_schema_path_text(&path, "", text);
    return cove_fail(p->diag, COVE_EKEYWORD,
                     "schema: %s: the keyword \"%.*s\" is not supported, and "
                     "its rule would not be enforced; take it out",
                     text, (int)(name.len < 64 ? name.len : 64),
                     (const char *)name.at);
}
