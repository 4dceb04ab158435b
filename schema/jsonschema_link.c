/* jsonschema_link.c: references to the schemas they name.
 *
 * A reference is resolved against the base of the schema it stands in; what is
 * left of '#' names a resource, which may have to be read first, and what is
 * right of it a place there: nothing, an anchor, or a JSON pointer. A pointer
 * may lead to what was no schema so far, under a word that is not known: then
 * it is read as one. Both may bring further references, so the list is worked
 * off until it is empty. Source: JSON Schema 2020-12, Core, section 8.2; RFC
 * 6901.
 */
#include <assert.h>

#include "core/cbor.h"
#include "schema/jsonschema_build.h"
#include "schema/jsonschema_uri.h"

static int ref_fail(struct schema_parse *p, const struct schema_ref *ref,
                    int code, const char *what)
{
    return cove_fail(p->diag, code, "schema: %s: \"%.*s\" %s", ref->where,
                     SHOWN(ref->text), what);
}

/* --- places in a resource ----------------------------------------------- */

/* One token of a pointer: "~1" is '/', "~0" is '~'. */
static struct cove_bytes token_decode(uint8_t *room, struct cove_bytes token)
{
    size_t len = 0;

    for (size_t i = 0; i < token.len; i++) {
        uint8_t c = token.at[i];

        if (c == '~' && i + 1 < token.len) {
            c = token.at[++i] == '1' ? '/' : '~';
        }
        room[len++] = c;
    }
    return cove_bytes(room, len);
}

/* The index that a token writes; SIZE_MAX of what is none. */
static size_t token_index(struct cove_bytes token)
{
    size_t index = 0;

    if (token.len == 0 || token.len > 6 ||
        (token.at[0] == '0' && token.len > 1)) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i < token.len; i++) {
        if (token.at[i] < '0' || token.at[i] > '9') {
            return SIZE_MAX;
        }
        index = index * 10 + (size_t)(token.at[i] - '0');
    }
    return index;
}

/* Step into a map or a list; false where there is no such place. */
static bool token_follow(struct cove_bytes *item, struct cove_bytes token)
{
    struct cove_reader r;
    size_t left;

    cove_reader_init(&r, *item);
    if (cove_reader_peek(&r) == COVE_CBOR_LIST) {
        size_t index = token_index(token);

        left = cove_reader_list(&r);
        if (index >= left) {
            return false;
        }
        for (size_t i = 0; i <= index; i++) {
            *item = cove_reader_item(&r);
        }
        return true;
    }
    left = cove_reader_peek(&r) == COVE_CBOR_MAP ? cove_reader_map(&r) : 0;
    for (; left > 0; left--) {
        bool found = cove_bytes_equal(cove_reader_text(&r), token);

        *item = cove_reader_item(&r);
        if (found) {
            return true;
        }
    }
    return false;
}

/* A schema under a word that is not known. */
static int pointer_parse(struct schema_parse *p, const struct schema_ref *ref,
                         const struct schema_resource *resource,
                         struct cove_bytes item, struct cove_bytes pointer,
                         const struct schema_node **out)
{
    struct schema_path root = {NULL, {NULL, 0}, 0};
    struct schema_path path = {&root, pointer, 0};
    struct schema_place at = {&path, COVE_SCHEMA_DEPTH, resource};
    enum cove_cbor_type type = cove_cbor_type_of(item);

    if (type != COVE_CBOR_MAP && type != COVE_CBOR_BOOL) {
        return ref_fail(p, ref, COVE_EFORMAT, "leads to what is no schema");
    }
    return cove_schema_node_parse(p, item, at, out);
}

static int pointer_find(struct schema_parse *p, const struct schema_ref *ref,
                        const struct schema_resource *resource,
                        struct cove_bytes pointer,
                        const struct schema_node **out)
{
    struct cove_bytes item = resource->node->item;
    uint8_t *room = cove_arena_new(p->arena, pointer.len + 1);
    size_t begin = 1;

    if (room == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 1; i <= pointer.len; i++) {
        const struct schema_node *node;

        if (i < pointer.len && pointer.at[i] != '/') {
            continue;
        }
        if (!token_follow(&item,
                          token_decode(room, cove_bytes(pointer.at + begin,
                                                        i - begin)))) {
            return ref_fail(p, ref, COVE_EFORMAT, "leads to no place");
        }
        node = cove_schema_node_at(p, item);
        resource =
            node != NULL && node->resource != NULL ? node->resource : resource;
        begin = i + 1;
    }
    *out = cove_schema_node_at(p, item);
    return *out != NULL ? 0
                        : pointer_parse(p, ref, resource, item, pointer, out);
}

static const struct schema_named *named_find(
    const struct schema_parse *p, const struct schema_resource *resource,
    struct cove_bytes name)
{
    const struct schema_named *found = NULL;

    for (const struct schema_named *n = p->names; n != NULL; n = n->next) {
        if (n->resource == resource && cove_bytes_equal(n->name, name) &&
            (found == NULL || n->dynamic)) {
            found = n;
        }
    }
    return found;
}

/* --- documents ---------------------------------------------------------- */

static const struct schema_resource *resource_find(const struct schema_parse *p,
                                                   struct cove_bytes uri)
{
    for (const struct schema_resource *r = p->resources; r != NULL;
         r = r->next) {
        if (cove_bytes_equal(r->uri, uri) ||
            (r->known_as.len > 0 && cove_bytes_equal(r->known_as, uri))) {
            return r;
        }
    }
    return NULL;
}

static int document_read(struct schema_parse *p, const struct schema_ref *ref,
                         struct cove_bytes uri,
                         const struct schema_resource **out)
{
    const struct schema_node *node;
    struct cove_bytes cbor;
    int rc;

    if (p->documents == COVE_SCHEMA_DOCUMENTS) {
        return ref_fail(p, ref, COVE_ELIMIT,
                        "is one document too many: a schema may lead to 64");
    }
    rc = cove_schema_fetch(p, uri, &cbor);
    if (rc == COVE_ENOTFOUND) {
        return ref_fail(p, ref, rc,
                        "is not here, and the network is never asked; put that "
                        "schema under \"$defs\" with its \"$id\"");
    }
    if (rc == 0) {
        rc = cove_schema_document_parse(p, cbor, uri, &node);
    }
    if (rc == 0) {
        *out = resource_find(p, uri); /* known as this, whatever its $id */
    }
    return rc;
}

/* --- references --------------------------------------------------------- */

/* All places that a dynamic anchor of this name has. */
static int anchors_gather(struct schema_parse *p, struct schema_also *also,
                          struct cove_bytes name)
{
    size_t count = 0;

    for (const struct schema_named *n = p->names; n != NULL; n = n->next) {
        count += n->dynamic && cove_bytes_equal(n->name, name);
    }
    also->anchors = cove_arena_array(p->arena, count, sizeof *also->anchors);
    if (also->anchors == NULL) {
        return COVE_ENOMEM;
    }
    for (const struct schema_named *n = p->names; n != NULL; n = n->next) {
        if (n->dynamic && cove_bytes_equal(n->name, name)) {
            struct schema_anchor one = {n->resource, n->node};

            also->anchors[also->anchor_count++] = one;
        }
    }
    return 0;
}

static int ref_place(struct schema_parse *p, const struct schema_ref *ref,
                     const struct schema_resource *resource,
                     struct cove_bytes fragment, const struct schema_node **out,
                     bool *dynamic)
{
    const struct schema_named *named;

    *dynamic = false;
    *out = resource->node;
    if (fragment.len == 0) {
        return 0;
    }
    if (fragment.at[0] == '/') {
        return pointer_find(p, ref, resource, fragment, out);
    }
    named = named_find(p, resource, fragment);
    if (named == NULL) {
        return ref_fail(p, ref, COVE_EFORMAT,
                        "names an anchor that is nowhere");
    }
    *out = named->node;
    *dynamic = named->dynamic;
    return 0;
}

static int ref_link(struct schema_parse *p, struct schema_ref *ref)
{
    const struct schema_resource *resource = NULL;
    const struct schema_node *node = NULL;
    struct schema_also *also = ref->node->also;
    struct cove_bytes uri;
    struct cove_bytes fragment;
    bool dynamic = false;
    int rc = cove_uri_resolve(p->arena, ref->base->uri, ref->text, &uri);

    if (rc == 0) {
        rc = cove_uri_decode(p->arena, cove_uri_fragment(uri), &fragment);
    }
    if (rc == COVE_EFORMAT) {
        return ref_fail(p, ref, rc, "has a '%' without two digits");
    }
    if (rc != 0) {
        return rc;
    }
    uri = cove_uri_document(uri);
    /* Its own schema may have no URI, or one that another has too. */
    resource = cove_bytes_equal(uri, ref->base->uri) ? ref->base
                                                     : resource_find(p, uri);
    if (resource == NULL) {
        rc = document_read(p, ref, uri, &resource);
    }
    if (rc != 0) {
        return rc;
    }
    assert(resource != NULL);
    rc = ref_place(p, ref, resource, fragment, &node, &dynamic);
    if (rc == 0 && ref->dynamic) {
        also->dynamic = node;
        also->anchors = NULL;
        rc = dynamic ? anchors_gather(p, also, fragment) : 0;
    } else if (rc == 0) {
        also->ref = node;
    }
    return rc;
}

int cove_schema_link(struct schema_parse *p)
{
    struct schema_ref *all = NULL;
    int rc = 0;

    while (rc == 0 && p->refs != NULL) { /* each may bring others */
        struct schema_ref *ref = p->refs;

        p->refs = ref->next;
        ref->next = all;
        all = ref;
        rc = ref_link(p, ref);
    }
    /* What is entered later may have the anchor as well: once more, when all
     * documents are read. */
    for (struct schema_ref *ref = all; ref != NULL && rc == 0;
         ref = ref->next) {
        if (ref->node->also->anchors != NULL && ref->dynamic) {
            ref->node->also->anchor_count = 0;
            rc = ref_link(p, ref);
        }
    }
    p->refs = all;
    return rc;
}
