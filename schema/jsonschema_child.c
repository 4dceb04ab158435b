/* jsonschema_child.c: what may stand beside x-type.
 *
 * Several people edit such a field at once, and what comes of it nobody can
 * refuse. So rules for the whole of it are refused here: they could not be
 * enforced. What one person writes at a time is judged as ever: an item, a
 * field of a map.
 */
#include <stdio.h>

#include "core/cbor.h"
#include "schema/jsonschema_build.h"

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

/* May the word stand beside it? What is no rule may. */
static bool child_allows(enum cove_child_kind kind, struct cove_bytes name)
{
    static const char *const members[] = {"properties", "required",
                                          "additionalProperties"};
    const struct schema_keyword_row *row = cove_schema_keyword_find(name);
    bool allowed =
        kinds[kind].items && cove_bytes_equal(name, cove_bytes_text("items"));

    for (size_t i = 0; i < COVE_ARRAY_LEN(members); i++) {
        allowed =
            allowed || (kinds[kind].members &&
                        cove_bytes_equal(name, cove_bytes_text(members[i])));
    }
    return allowed || cove_bytes_equal(name, cove_bytes_text("type")) ||
           ((row == NULL || !row->rule) &&
            !cove_bytes_equal(name, cove_bytes_text("default")));
}

/* The first keyword beside it that would not be enforced, or nothing. */
static struct cove_bytes child_unenforced(const struct schema_node *node)
{
    struct cove_reader r;

    cove_reader_init(&r, node->item);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes name = cove_reader_text(&r);

        cove_reader_item(&r);
        if (!child_allows(node->child, name)) {
            return name;
        }
    }
    return cove_bytes(NULL, 0);
}

int cove_schema_child_check(struct schema_parse *p,
                            const struct schema_node *node,
                            struct schema_place at)
{
    struct cove_bytes keyword;
    int rc = child_type(p, node, at);

    if (rc != 0) {
        return rc;
    }
    keyword = child_unenforced(node);
    if (keyword.at == NULL) {
        return 0;
    }
    char path[COVE_SCHEMA_PATH_MAX];

    cove_schema_path_text(at.path, "", path);
    return cove_fail(p->diag, COVE_EKEYWORD,
                     "schema: %s/%.*s: is not enforced beside \"x-type\": "
                     "\"%s\", where several may edit at once; take it out",
                     path, SHOWN(keyword), cove_child_kind_name(node->child));
}
