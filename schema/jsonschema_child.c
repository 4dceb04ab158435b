/* jsonschema_child.c: what may stand beside x-type.
 *
 * Several people edit such a field at once, and what comes of it nobody can
 * refuse. So rules for the whole of it are refused here: they could not be
 * enforced. What one person writes at a time is judged as ever: an item, a
 * field of a map.
 */
#include <stdio.h>

#include "schema/jsonschema_node.h"

static const struct {
    unsigned type; /* that the property must have */
    bool items;    /* may have: items */
    bool members;  /* may have: properties, required, additionalProperties */
} kinds[] = {
    [COVE_CHILD_NONE] = {0, false, false},
    [COVE_CHILD_TEXT] = {SCHEMA_STRING, false, false},
    [COVE_CHILD_LIST] = {SCHEMA_ARRAY, true, false},
    [COVE_CHILD_STREAM] = {SCHEMA_ARRAY, true, false},
    [COVE_CHILD_BLOB] = {SCHEMA_STRING, false, false},
    [COVE_CHILD_COUNTER] = {SCHEMA_INTEGER, false, false},
    [COVE_CHILD_MAP] = {SCHEMA_OBJECT, false, true},
};

static int child_type(struct schema_parse *p, const struct schema_node *node,
                      struct schema_place at)
{
    char what[96];
    unsigned bit = 0;

    if (node->types == kinds[node->child].type) {
        return 0;
    }
    while (1U << bit != kinds[node->child].type) {
        bit++;
    }
    snprintf(what, sizeof what, "\"x-type\": \"%s\" needs \"type\": \"%s\"",
             cove_child_kind_name(node->child), cove_schema_type_names[bit]);
    return cove_schema_malformed(p, at, what);
}

/* The first keyword beside it that would not be enforced, or NULL. */
static const char *child_unenforced(const struct schema_node *node)
{
    return node->default_value.len > 0                        ? "default"
           : node->has_enum                                   ? "enum"
           : node->constant.len > 0                           ? "const"
           : node->minimum.len > 0                            ? "minimum"
           : node->maximum.len > 0                            ? "maximum"
           : node->has_min_length                             ? "minLength"
           : node->has_max_length                             ? "maxLength"
           : node->items != NULL && !kinds[node->child].items ? "items"
           : node->member_count > 0 && !kinds[node->child].members
               ? "properties"
           : node->required_count > 0 && !kinds[node->child].members
               ? "required"
           : node->additional != NULL && !kinds[node->child].members
               ? "additionalProperties"
               : NULL;
}

int cove_schema_child_check(struct schema_parse *p,
                            const struct schema_node *node,
                            struct schema_place at)
{
    const char *keyword;
    int rc = child_type(p, node, at);

    if (rc != 0 || (keyword = child_unenforced(node)) == NULL) {
        return rc;
    }
    char path[COVE_SCHEMA_PATH_MAX];

    cove_schema_path_text(at.path, "", path);
    return cove_fail(p->diag, COVE_EKEYWORD,
                     "schema: %s/%s: is not enforced beside \"x-type\": "
                     "\"%s\", where several may edit at once; take it out",
                     path, keyword, cove_child_kind_name(node->child));
}
