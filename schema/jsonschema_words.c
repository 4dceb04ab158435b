/* jsonschema_words.c: the keywords that break no value: those about the schema
 * itself, those for people, and Cove's own.
 */
#include "core/cbor.h"
#include "schema/jsonschema_build.h"

#define KEYWORD(name)                                                          \
    static int keyword_##name(struct schema_parse *p,                          \
                              struct schema_node *node,                        \
                              struct cove_bytes item, struct schema_place at)

KEYWORD(note)
{
    (void)node;
    return cove_cbor_type_of(item) == COVE_CBOR_TEXT
               ? 0
               : cove_schema_malformed(p, at, "must be a text");
}

KEYWORD(flag)
{
    (void)node;
    return cove_cbor_type_of(item) == COVE_CBOR_BOOL
               ? 0
               : cove_schema_malformed(p, at, "must be true or false");
}

/* --- about the schema itself -------------------------------------------- */

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_anchor(struct cove_bytes name)
{
    if (name.len == 0 || !is_letter(name.at[0])) {
        return false;
    }
    for (size_t i = 1; i < name.len; i++) {
        uint8_t c = name.at[i];

        if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '-' && c != '.') {
            return false;
        }
    }
    return true;
}

static int anchor(struct schema_parse *p, struct schema_node *node,
                  struct cove_bytes item, struct schema_place at, bool dynamic)
{
    struct cove_bytes name = cove_schema_text(item);
    struct schema_named *named;

    if (!is_anchor(name)) {
        return cove_schema_malformed(
            p, at, "must be a name of letters, digits, '-', '_' and '.'");
    }
    for (named = p->names; named != NULL; named = named->next) {
        if (named->resource == at.resource && named->node != node &&
            cove_bytes_equal(named->name, name)) {
            return cove_schema_malformed(p, at,
                                         "another schema has this anchor");
        }
    }
    named = cove_arena_new(p->arena, sizeof *named);
    if (named == NULL) {
        return COVE_ENOMEM;
    }
    named->name = name;
    named->dynamic = dynamic;
    named->resource = at.resource;
    named->node = node;
    named->next = p->names;
    p->names = named;
    return 0;
}

KEYWORD(anchor)
{
    return anchor(p, node, item, at, false);
}

KEYWORD(dynamic_anchor)
{
    return anchor(p, node, item, at, true);
}

/* What they say was looked at when the resource was opened. */
KEYWORD(opened)
{
    (void)p;
    (void)node;
    (void)item;
    (void)at;
    return 0;
}

KEYWORD(vocabulary)
{
    struct cove_reader r;

    (void)node;
    if (cove_cbor_type_of(item) != COVE_CBOR_MAP) {
        return cove_schema_malformed(
            p, at, "must be an object of vocabularies, true or false");
    }
    cove_reader_init(&r, item);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        cove_reader_text(&r);
        if (cove_cbor_type_of(cove_reader_item(&r)) != COVE_CBOR_BOOL) {
            return cove_schema_malformed(
                p, at, "must be an object of vocabularies, true or false");
        }
    }
    return 0;
}

const struct schema_keyword_row cove_schema_core[] = {
    {"$schema", keyword_opened, SCHEMA_CORE, false},
    {"$id", keyword_opened, SCHEMA_CORE, false},
    {"$anchor", keyword_anchor, SCHEMA_CORE, false},
    {"$dynamicAnchor", keyword_dynamic_anchor, SCHEMA_CORE, false},
    {"$vocabulary", keyword_vocabulary, SCHEMA_CORE, false},
    {"$comment", keyword_note, SCHEMA_CORE, false},
    {"contentEncoding", keyword_note, SCHEMA_CONTENT, false},
    {"contentMediaType", keyword_note, SCHEMA_CONTENT, false},
};
const size_t cove_schema_core_count = COVE_ARRAY_LEN(cove_schema_core);

/* --- for people --------------------------------------------------------- */

KEYWORD(title)
{
    int rc = keyword_note(p, node, item, at);

    if (rc == 0) {
        node->title = cove_schema_text(item);
    }
    return rc;
}

KEYWORD(examples)
{
    (void)node;
    return cove_cbor_type_of(item) == COVE_CBOR_LIST
               ? 0
               : cove_schema_malformed(p, at, "must be a list");
}

KEYWORD(default)
{
    (void)p;
    (void)at;
    node->default_value = item;
    return 0;
}

/* --- Cove's own --------------------------------------------------------- */

static bool at_top(struct schema_place at)
{
    return at.path->up->up == NULL && at.resource->label[0] == '\0';
}

/* The human version number, at the top; elsewhere a note. */
KEYWORD(version)
{
    struct cove_reader r;

    (void)node;
    if (!at_top(at)) {
        return 0;
    }
    cove_reader_init(&r, item);
    p->schema->version = cove_reader_int(&r);
    if (cove_reader_done(&r) != 0 || p->schema->version < 1) {
        return cove_schema_malformed(p, at, "must be an integer of 1 or more");
    }
    return 0;
}

/* Was looked at when the resource was opened, for all that is inside. */
KEYWORD(formats)
{
    if (at.path->up->up != NULL) {
        return cove_schema_malformed(p, at, "stands at the top");
    }
    return keyword_flag(p, node, item, at);
}

/* Kept for those who read the schema: which documents are referred to. */
KEYWORD(reference)
{
    (void)node;
    if (cove_schema_text(item).len == 0) {
        return cove_schema_malformed(p, at, "must be a schema's name");
    }
    return 0;
}

/* x-index or x-unique at a property. */
static int property_mark(struct schema_parse *p, struct schema_node *node,
                         struct cove_bytes item, struct schema_place at)
{
    char text[COVE_SCHEMA_PATH_MAX];
    struct cove_reader r;

    cove_reader_init(&r, item);
    if (cove_cbor_type_of(item) != COVE_CBOR_BOOL || !cove_reader_bool(&r)) {
        return cove_schema_malformed(p, at, "must be true");
    }
    if (node->where == NULL) {
        node->marked = p->marked;
        p->marked = node;
    }
    node->where =
        cove_arena_printf(p->arena, "%s", cove_schema_where(&at, "", text));
    return node->where == NULL ? COVE_ENOMEM : 0;
}

/* At the top a list of indexes, whose paths are looked at when all properties
 * are known. */
KEYWORD(index)
{
    if (at.path->up->up != NULL) {
        node->index = true;
        return property_mark(p, node, item, at);
    }
    if (cove_cbor_type_of(item) != COVE_CBOR_LIST) {
        return cove_schema_malformed(
            p, at, "must be a list of indexes, each a list of paths");
    }
    return 0;
}

KEYWORD(unique)
{
    if (at.path->up->up == NULL) {
        return cove_schema_malformed(p, at, "stands at a property");
    }
    node->unique = true;
    return property_mark(p, node, item, at);
}

/* Is it the place of a field: /properties/NAME/x-type? */
static bool place_is_field(struct schema_place at)
{
    const struct schema_path *up = at.path->up;

    return up != NULL && up->up != NULL && up->up->up != NULL &&
           up->up->up->up == NULL &&
           cove_bytes_equal(up->up->key, cove_bytes_text("properties"));
}

KEYWORD(child)
{
    if (!place_is_field(at)) {
        return cove_schema_malformed(
            p, at, "only a field of the document may be one of its own");
    }
    if (cove_cbor_type_of(item) != COVE_CBOR_TEXT ||
        !cove_child_kind_of(cove_schema_text(item), &node->child)) {
        return cove_schema_malformed(
            p, at, "must be text, list, stream, blob, counter or map");
    }
    return 0;
}

const struct schema_keyword_row cove_schema_words[] = {
    {"title", keyword_title, SCHEMA_META_DATA, false},
    {"description", keyword_note, SCHEMA_META_DATA, false},
    {"default", keyword_default, SCHEMA_META_DATA, false},
    {"examples", keyword_examples, SCHEMA_META_DATA, false},
    {"deprecated", keyword_flag, SCHEMA_META_DATA, false},
    {"readOnly", keyword_flag, SCHEMA_META_DATA, false},
    {"writeOnly", keyword_flag, SCHEMA_META_DATA, false},
    {"x-ref", keyword_reference, SCHEMA_CORE, false},
    {"x-index", keyword_index, SCHEMA_CORE, false},
    {"x-unique", keyword_unique, SCHEMA_CORE, false},
    {"x-formats", keyword_formats, SCHEMA_CORE, false},
    {"x-type", keyword_child, SCHEMA_CORE, false},
    {"version", keyword_version, SCHEMA_CORE, false},
};
const size_t cove_schema_word_count = COVE_ARRAY_LEN(cove_schema_words);
