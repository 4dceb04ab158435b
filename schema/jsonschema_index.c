/* jsonschema_index.c: the indexes that a schema wants: of single properties,
 * wherever they stand, and at the top of several together.
 *
 * A $ref, and an allOf of one, is followed as it is for fields; where it leads
 * back into itself, no further.
 *
 * An index that could hold nothing is a mistake of who wrote it, so it is
 * refused with its place: one of a path that leads to no property, or to what
 * is in no value of the document.
 */
#include "core/cbor.h"
#include "core/value.h"
#include "schema/jsonschema_build.h"

#define INDEX_STEPS                                                            \
    100000 /* nodes that are looked at, each as often as it is                 \
            * reached */

struct index_walk {
    struct schema_parse *p;
    struct cove_schema *schema;
    unsigned steps;
};

/* A property on the way down. */
struct index_place {
    struct schema_path path;  /* in the schema */
    struct cove_bytes values; /* of what the documents hold */
    bool inside;              /* not at the top */
};

static int index_add(struct index_walk *w, struct schema_place at,
                     const struct cove_schema_index *index)
{
    struct cove_schema *schema = w->schema;

    for (size_t i = 0; i < schema->index_count; i++) {
        struct cove_schema_index *have = &schema->indexes[i];
        bool same = have->path_count == index->path_count;

        for (size_t k = 0; k < index->path_count && same; k++) {
            same = cove_bytes_equal(have->paths[k], index->paths[k]);
        }
        if (same) {
            have->unique = have->unique || index->unique;
            return 0;
        }
    }
    if (schema->index_count == COVE_SCHEMA_INDEXES) {
        char path[COVE_SCHEMA_PATH_MAX];

        cove_schema_path_text(at.path, "", path);
        return cove_fail(w->p->diag, COVE_ELIMIT,
                         "schema: %s: is one index too many: there may be %d",
                         path, COVE_SCHEMA_INDEXES);
    }
    schema->indexes[schema->index_count++] = *index;
    return 0;
}

/* --- of single properties */

static int node_walk(struct index_walk *w, const struct schema_node *node,
                     const struct index_place *place);

static int index_single(struct index_walk *w, const struct schema_node *node,
                        const struct index_place *place)
{
    struct schema_path path = {
        &place->path, cove_bytes_text(node->index ? "x-index" : "x-unique"), 0};
    struct schema_place at = {&path, 0, NULL};
    struct cove_bytes *paths;

    if (node->where == NULL) {
        return 0;
    }
    cove_schema_node_at(w->p, node->item)->reached = true;
    if (place->values.len == 0) {
        return cove_schema_malformed(w->p, at, "no path leads here");
    }
    if (node->child != COVE_CHILD_NONE) {
        return cove_schema_malformed(
            w->p, at, "a field that is a document of its own is in no index");
    }
    paths = cove_arena_array(w->p->arena, 1, sizeof(*paths));
    if (paths == NULL) {
        return COVE_ENOMEM;
    }
    paths[0] = place->values;

    struct cove_schema_index index = {paths, 1, node->unique};

    return index_add(w, at, &index);
}

static int member_walk(struct index_walk *w, const struct schema_member *member,
                       const struct index_place *place)
{
    struct schema_path properties = {&place->path,
                                     cove_bytes_text("properties"), 0};
    struct index_place inner = {
        {&properties, member->name, 0}, member->name, true};
    struct cove_bytes above = place->values;

    if (place->inside && (above.len == 0 || memchr(member->name.at, '.',
                                                   member->name.len) != NULL)) {
        inner.values = cove_bytes(NULL, 0);
    } else if (place->inside) {
        char *joined = cove_arena_printf(
            w->p->arena, "%.*s.%.*s", (int)above.len, (const char *)above.at,
            (int)member->name.len, (const char *)member->name.at);

        if (joined == NULL) {
            return COVE_ENOMEM;
        }
        inner.values = cove_bytes_text(joined);
    }
    return node_walk(w, member->node, &inner);
}

/* What a node holds itself. */
static int inside_walk(struct index_walk *w, const struct schema_node *node,
                       const struct index_place *place)
{
    bool apart =
        node->child != COVE_CHILD_NONE && node->child != COVE_CHILD_MAP;
    const struct schema_maps *maps = node->maps;
    int rc = place->path.up != NULL ? index_single(w, node, place) : 0;

    for (size_t i = 0; maps != NULL && i < maps->member_count && rc == 0; i++) {
        rc = member_walk(w, &maps->members[i], place);
    }
    if (rc == 0 && node->lists != NULL && node->lists->items != NULL) {
        struct index_place items = {{&place->path, cove_bytes_text("items"), 0},
                                    apart ? cove_bytes(NULL, 0) : place->values,
                                    true};

        rc = node_walk(w, node->lists->items, &items);
    }
    if (rc == 0 && maps != NULL && maps->additional != NULL) {
        struct index_place other = {
            {&place->path, cove_bytes_text("additionalProperties"), 0},
            cove_bytes(NULL, 0),
            true};

        rc = node_walk(w, maps->additional, &other);
    }
    return rc;
}

enum turn { TURN_NONE = 0, TURN_WALKED = 4 }; /* beside those of cycles */

static int node_walk(struct index_walk *w, const struct schema_node *node,
                     const struct index_place *place)
{
    unsigned char *turn = &cove_schema_node_at(w->p, node->item)->turn;
    const struct schema_node *next = cove_schema_next(node);
    int rc;

    if (*turn == TURN_WALKED) {
        return 0;
    }
    if (w->steps-- == 0) {
        return cove_fail(w->p->diag, COVE_ELIMIT,
                         "schema: \"x-index\" is looked for along more than "
                         "%d ways through \"$ref\"",
                         INDEX_STEPS);
    }
    *turn = TURN_WALKED;
    rc = inside_walk(w, node, place);
    if (rc == 0 && next != NULL) {
        bool ref = node->also->ref == next;
        struct index_place there = *place;

        there.path.up = &place->path;
        there.path.key = cove_bytes_text(ref ? "$ref" : "allOf");
        rc = node_walk(w, next, &there);
    }
    *turn = TURN_NONE;
    return rc;
}

/* --- of several together */

/* A property of a node or of those it leads to; items are passed. */
static const struct schema_node *property_find(const struct schema_node *node,
                                               struct cove_bytes name)
{
    for (int i = 0; i < COVE_SCHEMA_CHAIN && node != NULL; i++) {
        const struct schema_member *member = cove_schema_property(node, name);

        if (member != NULL) {
            return member->node;
        }
        node = node->lists != NULL && node->lists->items != NULL
                   ? node->lists->items
                   : cove_schema_next(node);
    }
    return NULL;
}

/* The property at the end of a path; NULL where there is none. */
static const struct schema_node *path_node(const struct schema_node *node,
                                           struct cove_bytes path)
{
    const struct schema_node *whole = property_find(node, path);

    if (whole != NULL) {
        return whole;
    }
    for (size_t i = path.len; i-- > 0;) {
        const struct schema_node *inner =
            path.at[i] == '.' ? property_find(node, cove_bytes(path.at, i))
                              : NULL;

        if (inner != NULL) {
            return path_node(inner,
                             cove_bytes(path.at + i + 1, path.len - i - 1));
        }
    }
    return NULL;
}

static int index_path(struct index_walk *w, struct cove_bytes item,
                      struct schema_place at, struct cove_bytes *out)
{
    const struct schema_node *node;
    struct cove_reader r;

    if (cove_cbor_type_of(item) != COVE_CBOR_TEXT) {
        return cove_schema_malformed(w->p, at, "must be a property's path");
    }
    cove_reader_init(&r, item);
    *out = cove_reader_text(&r);
    node = path_node(w->schema->top, *out);
    if (node == NULL) {
        return cove_schema_malformed(w->p, at, "is the path of no property");
    }
    return node->child == COVE_CHILD_NONE
               ? 0
               : cove_schema_malformed(
                     w->p, at,
                     "a field that is a document of its own is in no index");
}

static int index_several(struct index_walk *w, struct cove_bytes list,
                         struct schema_place at)
{
    struct cove_bytes *paths;
    struct cove_reader r;
    size_t count = 0;
    int rc = 0;

    if (cove_cbor_type_of(list) == COVE_CBOR_LIST) {
        cove_reader_init(&r, list);
        count = cove_reader_list(&r);
    }
    if (count == 0 || count > COVE_SCHEMA_PATHS) {
        return cove_schema_malformed(w->p, at,
                                     "must be a list of 1 to 8 paths");
    }
    paths = cove_arena_array(w->p->arena, count, sizeof(*paths));
    if (paths == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct schema_path path = {at.path, cove_bytes(NULL, 0), i};
        struct schema_place one = {&path, 0, NULL};

        rc = index_path(w, cove_reader_item(&r), one, &paths[i]);
        for (size_t k = 0; k < i && rc == 0; k++) {
            if (cove_bytes_equal(paths[k], paths[i])) {
                rc = cove_schema_malformed(w->p, one, "names a path twice");
            }
        }
    }

    struct cove_schema_index index = {paths, count, false};

    return rc != 0 ? rc : index_add(w, at, &index);
}

/* A mark that no value is under, or nothing: 0. */
static int marks_check(struct schema_parse *p)
{
    for (const struct schema_node *n = p->marked; n != NULL; n = n->marked) {
        if (!n->reached) {
            return cove_fail(p->diag, COVE_EFORMAT,
                             "schema: %s: no path leads here", n->where);
        }
    }
    return 0;
}

int cove_schema_indexes_find(struct schema_parse *p, struct cove_schema *schema)
{
    struct index_walk w = {p, schema, INDEX_STEPS};
    struct index_place top = {{NULL, {NULL, 0}, 0}, {NULL, 0}, false};
    struct schema_path root = {NULL, {NULL, 0}, 0};
    struct schema_path path = {&root, cove_bytes_text("x-index"), 0};
    struct cove_bytes list = {NULL, 0};
    struct cove_reader r;
    size_t count = 0;
    int rc = 0;

    schema->indexes = cove_arena_array(p->arena, COVE_SCHEMA_INDEXES,
                                       sizeof(*schema->indexes));
    if (schema->indexes == NULL) {
        return COVE_ENOMEM;
    }
    if (p->marked != NULL && (rc = node_walk(&w, schema->top, &top)) == 0) {
        rc = marks_check(p);
    }
    if (rc == 0 && !schema->top->boolean &&
        cove_value_member(schema->top->item, "x-index", &list)) {
        cove_reader_init(&r, list);
        count = cove_reader_list(&r);
    }
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct schema_path one = {&path, cove_bytes(NULL, 0), i};
        struct schema_place at = {&one, 0, NULL};

        rc = index_several(&w, cove_reader_item(&r), at);
    }
    return rc;
}

size_t cove_schema_index_count(const struct cove_schema *schema)
{
    return schema->index_count;
}

const struct cove_schema_index *cove_schema_index_at(
    const struct cove_schema *schema, size_t index)
{
    return &schema->indexes[index];
}
