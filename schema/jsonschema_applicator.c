/* jsonschema_applicator.c: the keywords that hold schemas, and the references
 * to schemas elsewhere.
 *
 * if, then and else are kept apart here and put together when a value is
 * judged; then and else mean nothing without if, but are schemas all the same.
 * Source: JSON Schema 2020-12, Core, sections 8 to 11.
 */
#include "core/cbor.h"
#include "schema/jsonschema_build.h"

/* --- shapes ------------------------------------------------------------- */

/* An object of schemas, by name. */
static int members_parse(struct schema_parse *p, struct cove_bytes item,
                         struct schema_place at, struct schema_member **out,
                         size_t *count)
{
    struct cove_reader r;

    if (cove_cbor_type_of(item) != COVE_CBOR_MAP) {
        return cove_schema_malformed(p, at, "must be an object of schemas");
    }
    cove_reader_init(&r, item);

    size_t n = cove_reader_map(&r);
    struct schema_member *members =
        cove_arena_array(p->arena, n + 1, sizeof *members);

    if (members == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        members[i].name = cove_reader_text(&r);

        struct schema_path path = {at.path, members[i].name, 0};
        struct schema_place place = {&path, at.depth, at.resource};
        int rc = cove_schema_node_parse(p, cove_reader_item(&r), place,
                                        &members[i].node);

        if (rc != 0) {
            return rc;
        }
    }
    *out = members;
    *count = n;
    return 0;
}

/* A list of schemas, at least one. */
static int nodes_parse(struct schema_parse *p, struct cove_bytes item,
                       struct schema_place at, struct schema_nodes *out)
{
    struct cove_reader r;
    size_t n = 0;

    if (cove_cbor_type_of(item) == COVE_CBOR_LIST) {
        cove_reader_init(&r, item);
        n = cove_reader_list(&r);
    }
    if (n == 0) {
        return cove_schema_malformed(p, at,
                                     "must be a list of at least one schema");
    }

    const struct schema_node **nodes =
        cove_arena_array(p->arena, n, sizeof(const struct schema_node *));

    if (nodes == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        struct schema_path path = {at.path, cove_bytes(NULL, 0), i};
        struct schema_place place = {&path, at.depth, at.resource};
        int rc =
            cove_schema_node_parse(p, cove_reader_item(&r), place, &nodes[i]);

        if (rc != 0) {
            return rc;
        }
    }
    out->at = nodes;
    out->count = n;
    return 0;
}

/* --- keywords ----------------------------------------------------------- */

#define KEYWORD(name)                                                          \
    static int keyword_##name(struct schema_parse *p,                          \
                              struct schema_node *node,                        \
                              struct cove_bytes item, struct schema_place at)

#define KEYWORD_SCHEMA(name, kind, field)                                      \
    KEYWORD(name)                                                              \
    {                                                                          \
        struct schema_##kind *rules = cove_schema_##kind(p, node);             \
                                                                               \
        return rules == NULL                                                   \
                   ? COVE_ENOMEM                                               \
                   : cove_schema_node_parse(p, item, at, &rules->field);       \
    }
KEYWORD_SCHEMA(items, lists, items)
KEYWORD_SCHEMA(contains, lists, contains)
KEYWORD_SCHEMA(unevaluated_items, lists, unevaluated)
KEYWORD_SCHEMA(additional, maps, additional)
KEYWORD_SCHEMA(names, maps, names)
KEYWORD_SCHEMA(unevaluated_properties, maps, unevaluated)
KEYWORD_SCHEMA(not, also, never)
KEYWORD_SCHEMA(if, also, when)
KEYWORD_SCHEMA(then, also, then)
KEYWORD_SCHEMA(else, also, otherwise)

#define KEYWORD_NODES(name, kind, field)                                       \
    KEYWORD(name)                                                              \
    {                                                                          \
        struct schema_##kind *rules = cove_schema_##kind(p, node);             \
                                                                               \
        return rules == NULL ? COVE_ENOMEM                                     \
                             : nodes_parse(p, item, at, &rules->field);        \
    }
KEYWORD_NODES(prefix, lists, prefix)
KEYWORD_NODES(all, also, all)
KEYWORD_NODES(any, also, any)
KEYWORD_NODES(one, also, one)

KEYWORD(properties)
{
    struct schema_maps *maps = cove_schema_maps(p, node);

    return maps == NULL ? COVE_ENOMEM
                        : members_parse(p, item, at, &maps->members,
                                        &maps->member_count);
}

KEYWORD(dependents)
{
    struct schema_maps *maps = cove_schema_maps(p, node);

    return maps == NULL ? COVE_ENOMEM
                        : members_parse(p, item, at, &maps->dependents,
                                        &maps->dependent_count);
}

KEYWORD(patterns)
{
    struct schema_maps *maps = cove_schema_maps(p, node);
    struct schema_member *members;
    size_t count;
    int rc = maps == NULL ? COVE_ENOMEM
                          : members_parse(p, item, at, &members, &count);

    if (rc != 0) {
        return rc;
    }
    maps->patterns =
        cove_arena_array(p->arena, count + 1, sizeof *maps->patterns);
    if (maps->patterns == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct schema_path path = {at.path, members[i].name, 0};
        struct schema_place place = {&path, at.depth, at.resource};

        maps->patterns[i].node = members[i].node;
        rc = cove_schema_pattern_parse(p, members[i].name, place,
                                       &maps->patterns[i].pattern);
    }
    maps->pattern_count = count;
    return rc;
}

/* Schemas that only stand here, for others to refer to. */
KEYWORD(definitions)
{
    struct schema_member *members;
    size_t count;

    (void)node;
    return members_parse(p, item, at, &members, &count);
}

/* What a text holds when it is decoded is not judged; its schema is read, as
 * others may refer to it. */
KEYWORD(content)
{
    const struct schema_node *inside;

    (void)node;
    return cove_schema_node_parse(p, item, at, &inside);
}

static int reference(struct schema_parse *p, struct schema_node *node,
                     struct cove_bytes item, struct schema_place at,
                     bool dynamic)
{
    struct schema_ref *ref = cove_arena_new(p->arena, sizeof *ref);
    char text[COVE_SCHEMA_PATH_MAX];

    if (ref == NULL || cove_schema_also(p, node) == NULL) {
        return COVE_ENOMEM;
    }
    if (cove_cbor_type_of(item) != COVE_CBOR_TEXT) {
        return cove_schema_malformed(p, at, "must be a URI reference");
    }
    ref->where =
        cove_arena_printf(p->arena, "%s", cove_schema_where(&at, "", text));
    if (ref->where == NULL) {
        return COVE_ENOMEM;
    }
    ref->text = cove_schema_text(item);
    ref->dynamic = dynamic;
    ref->node = node;
    ref->base = at.resource;
    ref->next = p->refs;
    p->refs = ref;
    return 0;
}

KEYWORD(ref)
{
    return reference(p, node, item, at, false);
}

KEYWORD(dynamic_ref)
{
    return reference(p, node, item, at, true);
}

const struct schema_keyword_row cove_schema_applicators[] = {
    {"$ref", keyword_ref, SCHEMA_CORE, true},
    {"$dynamicRef", keyword_dynamic_ref, SCHEMA_CORE, true},
    {"$defs", keyword_definitions, SCHEMA_CORE, false},
    {"definitions", keyword_definitions, SCHEMA_CORE, false},
    {"properties", keyword_properties, SCHEMA_APPLICATOR, true},
    {"patternProperties", keyword_patterns, SCHEMA_APPLICATOR, true},
    {"additionalProperties", keyword_additional, SCHEMA_APPLICATOR, true},
    {"propertyNames", keyword_names, SCHEMA_APPLICATOR, true},
    {"dependentSchemas", keyword_dependents, SCHEMA_APPLICATOR, true},
    {"items", keyword_items, SCHEMA_APPLICATOR, true},
    {"prefixItems", keyword_prefix, SCHEMA_APPLICATOR, true},
    {"contains", keyword_contains, SCHEMA_APPLICATOR, true},
    {"allOf", keyword_all, SCHEMA_APPLICATOR, true},
    {"anyOf", keyword_any, SCHEMA_APPLICATOR, true},
    {"oneOf", keyword_one, SCHEMA_APPLICATOR, true},
    {"not", keyword_not, SCHEMA_APPLICATOR, true},
    {"if", keyword_if, SCHEMA_APPLICATOR, true},
    {"then", keyword_then, SCHEMA_APPLICATOR, true},
    {"else", keyword_else, SCHEMA_APPLICATOR, true},
    {"unevaluatedItems", keyword_unevaluated_items, SCHEMA_UNEVALUATED, true},
    {"unevaluatedProperties", keyword_unevaluated_properties,
     SCHEMA_UNEVALUATED, true},
    {"contentSchema", keyword_content, SCHEMA_CONTENT, false},
};
const size_t cove_schema_applicator_count =
    COVE_ARRAY_LEN(cove_schema_applicators);
