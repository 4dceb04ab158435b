/* jsonschema.c: reads a schema once, so that judging a value is a walk over a
 * graph and not over text; and says what it read.
 *
 * The whole schema is copied into the arena first; names and values borrow
 * from that copy. Source: JSON Schema 2020-12, Core.
 */
#include <stdio.h>

#include "core/cbor.h"
#include "schema/jsonschema_build.h"

const char *const cove_schema_type_names[COVE_SCHEMA_TYPES] = {
    "null", "boolean", "integer", "number", "string", "array", "object"};

const char *cove_schema_where(const struct schema_place *at, const char *root,
                              char out[COVE_SCHEMA_PATH_MAX])
{
    const char *label = at->resource != NULL ? at->resource->label : "";
    char path[COVE_SCHEMA_PATH_MAX];

    cove_schema_path_text(at->path, label[0] == '\0' ? root : "", path);
    snprintf(out, COVE_SCHEMA_PATH_MAX, "%.100s%.150s", label, path);
    if (label[0] == '\0') {
        snprintf(out, COVE_SCHEMA_PATH_MAX, "%s", path);
    }
    return out;
}

int cove_schema_malformed(struct schema_parse *p, struct schema_place at,
                          const char *what)
{
    char path[COVE_SCHEMA_PATH_MAX];

    return cove_fail(p->diag, COVE_EFORMAT, "schema: %s: %s",
                     cove_schema_where(&at, "the schema", path), what);
}

/* --- nodes, and where to find them again -------------------------------- */

static size_t table_slot(const struct schema_parse *p, const uint8_t *at)
{
    uint64_t key = (uint64_t)(uintptr_t)at * UINT64_C(0x9e3779b97f4a7c15);
    size_t slot = (size_t)(key >> 32) & (p->table_size - 1);

    while (p->table[slot] != NULL && p->table[slot]->item.at != at) {
        slot = (slot + 1) & (p->table_size - 1);
    }
    return slot;
}

struct schema_node *cove_schema_node_at(const struct schema_parse *p,
                                        struct cove_bytes item)
{
    return p->table_size == 0 ? NULL : p->table[table_slot(p, item.at)];
}

static int table_put(struct schema_parse *p, struct schema_node *node)
{
    if (2 * (p->node_count + 1) > p->table_size) {
        struct schema_node **old = p->table;
        size_t size = p->table_size;

        p->table_size = size == 0 ? 64 : 4 * size;
        p->table = cove_arena_array(p->arena, p->table_size,
                                    sizeof(struct schema_node *));
        if (p->table == NULL) {
            p->table_size = 0;
            return COVE_ENOMEM;
        }
        for (size_t i = 0; i < size; i++) {
            if (old[i] != NULL) {
                p->table[table_slot(p, old[i]->item.at)] = old[i];
            }
        }
    }
    p->table[table_slot(p, node->item.at)] = node;
    p->node_count++;
    return 0;
}

static int keywords_parse(struct schema_parse *p, struct schema_node *node,
                          struct cove_reader *r, struct schema_place at)
{
    int rc = 0;

    if (at.depth == 0) {
        char path[COVE_SCHEMA_PATH_MAX];

        return cove_fail(
            p->diag, COVE_ELIMIT, "schema: %s: nested deeper than %d schemas",
            cove_schema_where(&at, "the schema", path), COVE_SCHEMA_DEPTH);
    }
    at.depth--;
    for (size_t left = cove_reader_map(r); left > 0 && rc == 0; left--) {
        struct cove_bytes name = cove_reader_text(r);

        rc = cove_schema_keyword_parse(p, node, name, cove_reader_item(r), at);
    }
    return rc;
}

int cove_schema_node_parse(struct schema_parse *p, struct cove_bytes item,
                           struct schema_place at,
                           const struct schema_node **out)
{
    struct schema_node *node = cove_arena_new(p->arena, sizeof *node);
    struct cove_reader r;
    int rc;

    if (node == NULL) {
        return COVE_ENOMEM;
    }
    node->item = item;
    node->resource = at.resource;
    cove_reader_init(&r, item);

    enum cove_cbor_type type = cove_reader_peek(&r);

    if (type != COVE_CBOR_BOOL && type != COVE_CBOR_MAP) {
        return cove_schema_malformed(
            p, at, "must be a schema: an object, true or false");
    }
    if ((rc = table_put(p, node)) != 0 ||
        (type == COVE_CBOR_MAP &&
         (rc = cove_schema_resource_open(p, item, at, node, &at.resource)) !=
             0)) {
        return rc;
    }
    node->resource = at.resource;
    if (type == COVE_CBOR_BOOL) {
        node->boolean = true;
        node->never = !cove_reader_bool(&r);
    } else {
        rc = keywords_parse(p, node, &r, at);
    }
    *out = node;
    return rc;
}

int cove_schema_document_parse(struct schema_parse *p, struct cove_bytes cbor,
                               struct cove_bytes uri,
                               const struct schema_node **out)
{
    struct schema_path root = {NULL, {NULL, 0}, 0};
    struct schema_resource *r = cove_arena_new(p->arena, sizeof *r);
    struct schema_place at = {&root, COVE_SCHEMA_DEPTH, r};
    struct cove_bytes copy;
    int rc;

    if (r == NULL) {
        return COVE_ENOMEM;
    }
    r->uri = uri;
    r->known_as = uri;
    r->vocabularies = SCHEMA_USUAL;
    r->label = uri.len == 0 ? ""
                            : cove_arena_printf(p->arena, "%.*s#", (int)uri.len,
                                                (const char *)uri.at);
    if (r->label == NULL) {
        return COVE_ENOMEM;
    }
    r->next = p->resources;
    p->resources = r;
    p->documents++;
    if ((rc = cove_arena_copy(p->arena, cbor, &copy)) == 0) {
        rc = cove_schema_node_parse(p, copy, at, out);
    }
    if (rc == 0 && r->node == NULL) { /* true or false */
        r->node = cove_schema_node_at(p, copy);
    }
    return rc;
}

/* --- fields ------------------------------------------------------------- */

const struct schema_node *cove_schema_next(const struct schema_node *node)
{
    const struct schema_also *also = node->also;

    return also == NULL           ? NULL
           : also->ref != NULL    ? also->ref
           : also->all.count == 1 ? also->all.at[0]
                                  : NULL;
}

unsigned cove_schema_types(const struct schema_node *node)
{
    for (int i = 0; i < COVE_SCHEMA_CHAIN && node != NULL; i++) {
        if (node->types != 0) {
            return node->types;
        }
        node = cove_schema_next(node);
    }
    return 0;
}

static enum cove_type node_register_type(const struct schema_node *node)
{
    switch (cove_schema_types(node) & ~(unsigned)SCHEMA_NULL) {
    case SCHEMA_STRING:
        return COVE_TYPE_TEXT;
    case SCHEMA_INTEGER:
        return COVE_TYPE_INT;
    case SCHEMA_BOOLEAN:
        return COVE_TYPE_BOOL;
    case SCHEMA_NUMBER:
        return COVE_TYPE_NUMBER;
    case SCHEMA_ARRAY:
        return COVE_TYPE_LIST;
    case SCHEMA_OBJECT:
        return COVE_TYPE_OBJECT;
    default:
        return COVE_TYPE_ANY;
    }
}

static struct cove_bytes node_default(const struct schema_node *node)
{
    for (int i = 0; i < COVE_SCHEMA_CHAIN && node != NULL; i++) {
        if (node->default_value.len > 0) {
            return node->default_value;
        }
        node = cove_schema_next(node);
    }
    return cove_bytes(NULL, 0);
}

static bool node_requires(const struct schema_node *node,
                          struct cove_bytes name)
{
    for (size_t i = 0; i < node->maps->required_count; i++) {
        if (cove_bytes_equal(node->maps->required[i], name)) {
            return true;
        }
    }
    return false;
}

static size_t node_member_count(const struct schema_node *node)
{
    return node->maps == NULL ? 0 : node->maps->member_count;
}

static int node_properties(struct schema_parse *p,
                           const struct schema_node *node,
                           struct cove_property **out)
{
    size_t count = node_member_count(node);
    struct cove_property *made =
        cove_arena_array(p->arena, count + 1, sizeof *made);

    if (made == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct schema_member *member = &node->maps->members[i];

        made[i].name = member->name;
        made[i].type = node_register_type(member->node);
        made[i].required = node_requires(node, member->name);
        made[i].default_value = node_default(member->node);
        made[i].has_default = made[i].default_value.len > 0;
    }
    *out = made;
    return 0;
}

/* What a property is as a document of its own. */
static int property_child(struct schema_parse *p,
                          const struct schema_node *node,
                          struct cove_property *property)
{
    struct schema_path root = {NULL, {NULL, 0}, 0};
    struct schema_path properties = {&root, cove_bytes_text("properties"), 0};
    struct schema_path path = {&properties, property->name, 0};
    struct schema_place at = {&path, 0, NULL};
    struct cove_property *members = NULL;
    int rc;

    if (property->required) {
        return cove_schema_malformed(
            p, at,
            "is always there, being a document: take it out of "
            "\"required\"");
    }
    if ((rc = cove_schema_child_check(p, node, at)) != 0 ||
        (rc = node_properties(p, node, &members)) != 0) {
        return rc;
    }
    property->type = COVE_TYPE_ANY;
    property->child = node->child;
    property->item_type = node->lists != NULL && node->lists->items != NULL
                              ? node_register_type(node->lists->items)
                              : COVE_TYPE_ANY;
    property->members = members;
    property->member_count = node_member_count(node);
    return 0;
}

static int schema_properties(struct schema_parse *p, struct cove_schema *schema)
{
    const struct schema_node *top = schema->top;
    int rc = node_properties(p, top, &schema->properties);

    for (size_t i = 0; i < node_member_count(top) && rc == 0; i++) {
        const struct schema_node *node = top->maps->members[i].node;

        if (node->child != COVE_CHILD_NONE) {
            rc = property_child(p, node, &schema->properties[i]);
        }
    }
    return rc;
}

/* --- the whole ---------------------------------------------------------- */

static int schema_build(struct schema_parse *p, struct cove_bytes cbor)
{
    struct cove_schema *schema = p->schema;
    int rc;

    if ((rc = cove_schema_document_parse(p, cbor, cove_bytes(NULL, 0),
                                         &schema->top)) != 0 ||
        (rc = cove_schema_link(p)) != 0 ||
        (rc = cove_schema_cycles_check(p)) != 0 ||
        (rc = schema_properties(p, schema)) != 0) {
        return rc;
    }
    return cove_schema_indexes_find(p, schema);
}

/* A schema that somebody published and this program cannot read: documents are
 * read without it, and what would be judged by it gets the sentence. */
static int schema_set_aside(struct schema_parse *p,
                            const struct cove_diag *diag)
{
    struct cove_schema *schema = p->schema;
    struct schema_node *top = cove_arena_new(p->arena, sizeof *top);

    schema->why = cove_arena_printf(p->arena, "%s", diag->text);
    if (top == NULL || schema->why == NULL) {
        return COVE_ENOMEM;
    }
    schema->top = top;
    schema->properties = NULL;
    schema->index_count = 0;
    return 0;
}

int cove_schema_compile(struct cove_arena *arena, struct cove_bytes cbor,
                        const struct cove_schema_options *options,
                        const struct cove_schema **out, struct cove_diag *diag)
{
    static const struct cove_schema_options usual;
    struct cove_diag why = {0};
    struct schema_parse p = {.arena = arena, .diag = diag};
    int rc;

    p.options = options != NULL ? options : &usual;
    p.diag = p.options->tolerant ? &why : diag;
    p.schema = cove_arena_new(arena, sizeof *p.schema);
    if (p.schema == NULL) {
        return COVE_ENOMEM;
    }
    p.schema->alloc = arena->alloc;
    p.schema->steps =
        p.options->steps > 0 ? p.options->steps : COVE_SCHEMA_STEPS;
    rc = schema_build(&p, cbor);
    if (rc != 0 && rc != COVE_ENOMEM && p.options->tolerant) {
        rc = schema_set_aside(&p, &why);
    }
    if (rc == 0) {
        *out = p.schema;
    }
    return rc;
}

int cove_schema_parse(struct cove_arena *arena, struct cove_bytes cbor,
                      const struct cove_schema **out, struct cove_diag *diag)
{
    return cove_schema_compile(arena, cbor, NULL, out, diag);
}

/* --- what a schema says ------------------------------------------------- */

struct cove_bytes cove_schema_title(const struct cove_schema *schema)
{
    return schema->top->title;
}

int64_t cove_schema_version(const struct cove_schema *schema)
{
    return schema->version;
}

size_t cove_schema_count(const struct cove_schema *schema)
{
    return node_member_count(schema->top);
}

const struct cove_property *cove_schema_at(const struct cove_schema *schema,
                                           size_t index)
{
    return &schema->properties[index];
}

const struct cove_property *cove_schema_find(const struct cove_schema *schema,
                                             struct cove_bytes name)
{
    const struct schema_member *member =
        cove_schema_property(schema->top, name);

    if (member == NULL) {
        return NULL;
    }
    return &schema->properties[member - schema->top->maps->members];
}

bool cove_schema_is_object(const struct cove_schema *schema)
{
    const struct schema_node *top = schema->top;

    return !top->boolean && (top->types == 0 || top->types == SCHEMA_OBJECT);
}

struct cove_bytes cove_schema_stray(const struct cove_schema *schema)
{
    const struct schema_maps *maps = schema->top->maps;

    for (size_t i = 0; maps != NULL && i < maps->required_count; i++) {
        if (cove_schema_property(schema->top, maps->required[i]) == NULL) {
            return maps->required[i];
        }
    }
    return cove_bytes(NULL, 0);
}
