/* jsonschema.c: reads a schema once, so that judging a value is a walk over
 * nodes and not over text; and says what it read.
 *
 * The whole schema is copied into the arena first; names and values borrow
 * from that copy. Source: JSON Schema 2020-12, Core; RFC 6901 (paths).
 */
#include <stdio.h>

#include "core/cbor.h"
#include "schema/jsonschema_node.h"

const char *const cove_schema_type_names[COVE_SCHEMA_TYPES] = {
    "null", "boolean", "integer", "number", "string", "array", "object"};

/* --- paths and names ---------------------------------------------------- */

/* What stands behind '~' for '~' and '/'. */
static uint8_t path_escape(uint8_t byte)
{
    return byte == '~' ? '0' : '1';
}

/* Append a key to out, escaped; false when it does not fit. */
static bool path_put(char *out, size_t *len, struct cove_bytes key)
{
    for (size_t i = 0; i < key.len; i++) {
        bool escape = key.at[i] == '~' || key.at[i] == '/';

        if (*len + 2 >= COVE_SCHEMA_PATH_MAX) {
            return false;
        }
        if (escape) {
            out[(*len)++] = '~';
        }
        out[(*len)++] = (char)(escape ? path_escape(key.at[i]) : key.at[i]);
    }
    return true;
}

static bool path_write(const struct schema_path *path, char *out, size_t *len)
{
    char digits[24];

    if (path == NULL || path->up == NULL) {
        return true;
    }
    if (!path_write(path->up, out, len) || *len + 1 >= COVE_SCHEMA_PATH_MAX) {
        return false;
    }
    out[(*len)++] = '/';
    if (path->key.at != NULL) {
        return path_put(out, len, path->key);
    }
    snprintf(digits, sizeof digits, "%zu", path->index);
    return path_put(out, len, cove_bytes_text(digits));
}

void cove_schema_path_text(const struct schema_path *path, const char *root,
                           char out[COVE_SCHEMA_PATH_MAX])
{
    static const char more[] = "…";
    size_t len = 0;

    if (path == NULL || path->up == NULL) {
        snprintf(out, COVE_SCHEMA_PATH_MAX, "%s", root);
        return;
    }
    if (path_write(path, out, &len)) {
        out[len] = '\0';
        return;
    }
    /* Too long: the start of it says where to look; cut between characters. */
    len = COVE_SCHEMA_PATH_MAX - sizeof more;
    while (len > 0 && ((unsigned char)out[len] & 0xc0) == 0x80) {
        len--;
    }
    memcpy(out + len, more, sizeof more);
}

int cove_schema_name_compare(struct cove_bytes a, struct cove_bytes b)
{
    if (a.len != b.len) {
        return a.len < b.len ? -1 : 1;
    }
    return cove_bytes_compare(a, b);
}

const struct schema_member *cove_schema_member(const struct schema_node *node,
                                               struct cove_bytes name)
{
    size_t begin = 0;
    size_t end = node->member_count;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        int order = cove_schema_name_compare(node->members[middle].name, name);

        if (order == 0) {
            return &node->members[middle];
        }
        if (order < 0) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return NULL;
}

int cove_schema_malformed(struct schema_parse *p, struct schema_place at,
                          const char *what)
{
    char path[COVE_SCHEMA_PATH_MAX];

    cove_schema_path_text(at.path, "the schema", path);
    return cove_fail(p->diag, COVE_EFORMAT, "schema: %s: %s", path, what);
}

/* --- nodes -------------------------------------------------------------- */

int cove_schema_node_parse(struct schema_parse *p, struct cove_bytes item,
                           struct schema_place at, struct schema_node **out)
{
    struct schema_node *node = cove_arena_new(p->arena, sizeof *node);
    struct cove_reader r;

    if (node == NULL) {
        return COVE_ENOMEM;
    }
    cove_reader_init(&r, item);
    if (cove_reader_peek(&r) == COVE_CBOR_BOOL) {
        node->boolean = true;
        node->never = !cove_reader_bool(&r);
        *out = node;
        return 0;
    }
    if (cove_reader_peek(&r) != COVE_CBOR_MAP) {
        return cove_schema_malformed(
            p, at, "must be a schema: an object, true or false");
    }
    if (at.depth == 0) {
        char path[COVE_SCHEMA_PATH_MAX];

        cove_schema_path_text(at.path, "the schema", path);
        return cove_fail(p->diag, COVE_ELIMIT,
                         "schema: %s: nested deeper than %d schemas", path,
                         COVE_SCHEMA_DEPTH);
    }
    at.depth--;
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes name = cove_reader_text(&r);
        int rc =
            cove_schema_keyword_parse(p, node, name, cove_reader_item(&r), at);

        if (rc != 0) {
            return rc;
        }
    }
    *out = node;
    return 0;
}

static enum cove_type node_register_type(const struct schema_node *node)
{
    switch (node->types & ~(unsigned)SCHEMA_NULL) {
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

static bool node_requires(const struct schema_node *node,
                          struct cove_bytes name)
{
    for (size_t i = 0; i < node->required_count; i++) {
        if (cove_bytes_equal(node->required[i], name)) {
            return true;
        }
    }
    return false;
}

static int node_properties(struct schema_parse *p,
                           const struct schema_node *node,
                           struct cove_property **out)
{
    struct cove_property *made =
        cove_arena_array(p->arena, node->member_count + 1, sizeof *made);

    if (made == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < node->member_count; i++) {
        const struct schema_node *member = node->members[i].node;

        made[i].name = node->members[i].name;
        made[i].type = node_register_type(member);
        made[i].required = node_requires(node, made[i].name);
        made[i].has_default = member->default_value.len > 0;
        made[i].default_value = member->default_value;
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
    struct schema_place at = {&path, 0};
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
    property->item_type =
        node->items != NULL ? node_register_type(node->items) : COVE_TYPE_ANY;
    property->members = members;
    property->member_count = node->member_count;
    return 0;
}

static int schema_properties(struct schema_parse *p, struct cove_schema *schema)
{
    const struct schema_node *top = schema->top;
    int rc = node_properties(p, top, &schema->properties);

    for (size_t i = 0; i < top->member_count && rc == 0; i++) {
        if (top->members[i].node->child != COVE_CHILD_NONE) {
            rc =
                property_child(p, top->members[i].node, &schema->properties[i]);
        }
    }
    return rc;
}

int cove_schema_parse(struct cove_arena *arena, struct cove_bytes cbor,
                      const struct cove_schema **out, struct cove_diag *diag)
{
    struct schema_parse p = {arena, diag};
    struct schema_path root = {NULL, {NULL, 0}, 0};
    struct schema_place at = {&root, COVE_SCHEMA_DEPTH};
    struct cove_schema *schema = cove_arena_new(arena, sizeof *schema);
    struct cove_bytes copy;
    int rc;

    if (schema == NULL) {
        return COVE_ENOMEM;
    }
    if ((rc = cove_arena_copy(arena, cbor, &copy)) != 0 ||
        (rc = cove_schema_node_parse(&p, copy, at, &schema->top)) != 0 ||
        (rc = schema_properties(&p, schema)) != 0 ||
        (rc = cove_schema_indexes_find(&p, schema)) != 0) {
        return rc;
    }
    *out = schema;
    return 0;
}

/* --- what a schema says ------------------------------------------------- */

struct cove_bytes cove_schema_title(const struct cove_schema *schema)
{
    return schema->top->title;
}

int64_t cove_schema_version(const struct cove_schema *schema)
{
    return schema->top->version;
}

size_t cove_schema_count(const struct cove_schema *schema)
{
    return schema->top->member_count;
}

const struct cove_property *cove_schema_at(const struct cove_schema *schema,
                                           size_t index)
{
    return &schema->properties[index];
}

const struct cove_property *cove_schema_find(const struct cove_schema *schema,
                                             struct cove_bytes name)
{
    const struct schema_member *member = cove_schema_member(schema->top, name);

    if (member == NULL) {
        return NULL;
    }
    return &schema->properties[member - schema->top->members];
}

bool cove_schema_is_object(const struct cove_schema *schema)
{
    const struct schema_node *top = schema->top;

    return !top->boolean && (top->types == 0 || top->types == SCHEMA_OBJECT);
}

struct cove_bytes cove_schema_stray(const struct cove_schema *schema)
{
    const struct schema_node *top = schema->top;

    for (size_t i = 0; i < top->required_count; i++) {
        if (cove_schema_member(top, top->required[i]) == NULL) {
            return top->required[i];
        }
    }
    return cove_bytes(NULL, 0);
}
