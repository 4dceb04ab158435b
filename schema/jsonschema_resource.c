/* jsonschema_resource.c: what schemas are called, by which vocabularies they
 * are read, and the documents that are built in: those of JSON Schema itself.
 * Source: JSON Schema 2020-12, Core, sections 8.1 and 8.2.
 */
#include "core/cbor.h"
#include "core/json.h"
#include "core/value.h"
#include "schema/jsonschema_build.h"
#include "schema/jsonschema_uri.h"
#include "schema/metaschema.h"

static bool begins(struct cove_bytes text, const char *with)
{
    size_t len = strlen(with);

    return text.len >= len && memcmp(text.at, with, len) == 0;
}

int cove_schema_fetch(const struct schema_parse *p, struct cove_bytes uri,
                      struct cove_bytes *cbor)
{
    const struct cove_schema_options *options = p->options;
    struct cove_bytes key = {NULL, 0};
    struct cove_buf buf;
    struct cove_reader r;
    int rc = COVE_ENOTFOUND;

    if (!begins(uri, "https://json-schema.org/draft/2020-12/")) {
        return options->find != NULL ? options->find(options->ctx, uri, cbor)
                                     : rc;
    }
    cove_buf_init(&buf, p->arena->alloc);
    if (cove_json_read_plain(cove_bytes(cove_metaschema, cove_metaschema_len),
                             "metaschema", &buf, NULL) != 0) {
        cove_buf_clear(&buf);
        return COVE_ENOMEM;
    }
    cove_reader_init(&r, cove_buf_bytes(&buf));
    for (size_t left = cove_reader_map(&r); left > 0 && rc != 0; left--) {
        key = cove_reader_text(&r);
        *cbor = cove_reader_item(&r);
        rc = cove_bytes_equal(key, uri) ? 0 : COVE_ENOTFOUND;
    }
    if (rc == 0) {
        rc = cove_arena_copy(p->arena, *cbor, cbor);
    }
    cove_buf_clear(&buf);
    return rc;
}

/* --- $schema ------------------------------------------------------------ */

static unsigned vocabulary_of(struct cove_bytes uri)
{
    static const struct {
        const char *uri;
        unsigned bits;
    } all[] = {
        {"https://json-schema.org/draft/2020-12/vocab/core", SCHEMA_CORE},
        {"https://json-schema.org/draft/2020-12/vocab/applicator",
         SCHEMA_APPLICATOR},
        {"https://json-schema.org/draft/2020-12/vocab/unevaluated",
         SCHEMA_UNEVALUATED},
        {"https://json-schema.org/draft/2020-12/vocab/validation",
         SCHEMA_VALIDATION},
        {"https://json-schema.org/draft/2020-12/vocab/meta-data",
         SCHEMA_META_DATA},
        {"https://json-schema.org/draft/2020-12/vocab/content", SCHEMA_CONTENT},
        {"https://json-schema.org/draft/2020-12/vocab/format-annotation",
         SCHEMA_FORMAT},
        {"https://json-schema.org/draft/2020-12/vocab/format-assertion",
         SCHEMA_FORMAT_RULE},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        if (cove_bytes_equal(uri, cove_bytes_text(all[i].uri))) {
            return all[i].bits;
        }
    }
    return 0;
}

static int dialect_fail(struct schema_parse *p, struct schema_place at,
                        struct cove_bytes name, const char *what)
{
    char path[COVE_SCHEMA_PATH_MAX];

    return cove_fail(p->diag, COVE_EKEYWORD,
                     "schema: %s: %s%.*s; write "
                     "\"https://json-schema.org/draft/2020-12/schema\"",
                     cove_schema_where(&at, "", path), what, SHOWN(name));
}

/* What a dialect's own schema says that its schemas are read by. */
static int vocabularies_read(struct schema_parse *p, struct cove_bytes meta,
                             struct schema_place at, unsigned *out)
{
    struct cove_bytes list;
    struct cove_reader r;
    unsigned bits = SCHEMA_CORE;

    if (cove_cbor_type_of(meta) != COVE_CBOR_MAP ||
        !cove_value_member(meta, "$vocabulary", &list) ||
        cove_cbor_type_of(list) != COVE_CBOR_MAP) {
        *out = SCHEMA_USUAL;
        return 0;
    }
    cove_reader_init(&r, list);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes uri = cove_reader_text(&r);
        struct cove_bytes needed = cove_reader_item(&r);
        struct cove_reader flag;

        cove_reader_init(&flag, needed);
        bits |= vocabulary_of(uri);
        if (vocabulary_of(uri) == 0 && cove_reader_bool(&flag)) {
            return dialect_fail(
                p, at, uri, "the dialect needs a vocabulary not known here: ");
        }
    }
    *out = bits;
    return 0;
}

/* Another dialect may give the same keywords another meaning: it must be known.
 */
static int dialect_read(struct schema_parse *p, struct cove_bytes item,
                        struct schema_place in, unsigned *out)
{
    struct schema_path path = {in.path, cove_bytes_text("$schema"), 0};
    struct schema_place at = {&path, in.depth, in.resource};
    struct cove_bytes uri = cove_schema_text(item);
    struct cove_bytes meta;
    int rc;

    if (uri.at == NULL) {
        return cove_schema_malformed(p, at, "must be a text");
    }
    if (begins(uri, "https://json-schema.org/") ||
        begins(uri, "http://json-schema.org/")) {
        *out = SCHEMA_USUAL;
        return 0;
    }
    rc = cove_schema_fetch(p, cove_uri_document(uri), &meta);
    if (rc == COVE_ENOTFOUND) {
        return dialect_fail(p, at, cove_bytes("", 0),
                            "names another dialect than JSON Schema's own");
    }
    return rc != 0 ? rc : vocabularies_read(p, meta, at, out);
}

/* --- $id ---------------------------------------------------------------- */

static int id_read(struct schema_parse *p, struct cove_bytes item,
                   struct schema_place in, struct cove_bytes *out)
{
    struct schema_path path = {in.path, cove_bytes_text("$id"), 0};
    struct schema_place at = {&path, in.depth, in.resource};
    struct cove_bytes id = cove_schema_text(item);
    int rc;

    if (id.at == NULL) {
        return cove_schema_malformed(p, at, "must be a URI reference");
    }
    if (cove_uri_fragment(id).len > 0) {
        return cove_schema_malformed(
            p, at, "must have nothing behind '#'; write \"$anchor\" for that");
    }
    rc = cove_uri_resolve(p->arena, in.resource->uri, cove_uri_document(id),
                          out);
    for (const struct schema_resource *r = p->resources; r != NULL && rc == 0;
         r = r->next) {
        if (r->node != NULL && r->label == in.resource->label &&
            cove_bytes_equal(r->uri, *out)) {
            rc = cove_schema_malformed(p, at, "another schema has this $id");
        }
    }
    return rc;
}

static int resource_new(struct schema_parse *p, struct schema_place at,
                        struct schema_resource **out)
{
    struct schema_resource *made = cove_arena_new(p->arena, sizeof *made);

    if (made == NULL) {
        return COVE_ENOMEM;
    }
    made->label = at.resource->label;
    made->vocabularies = at.resource->vocabularies;
    made->next = p->resources;
    *out = made;
    return 0;
}

int cove_schema_resource_open(struct schema_parse *p, struct cove_bytes item,
                              struct schema_place at, struct schema_node *node,
                              const struct schema_resource **out)
{
    struct schema_resource *first = p->resources; /* perhaps just begun */
    bool document = first == at.resource && first->node == NULL;
    struct schema_resource *r = first;
    struct cove_bytes id;
    struct cove_bytes dialect;
    struct cove_bytes formats;
    bool has_id = cove_value_member(item, "$id", &id);
    int rc = 0;

    *out = at.resource;
    if (has_id) {
        rc = id_read(p, id, at, &id);
    }
    if (rc == 0 && has_id && !document) {
        rc = resource_new(p, at, &r);
    }
    if (rc != 0 || (!has_id && !document)) {
        return rc;
    }
    r->node = node;
    r->uri = has_id ? id : r->uri;
    if (cove_value_member(item, "$schema", &dialect)) {
        rc = dialect_read(p, dialect, at, &r->vocabularies);
    }
    if (cove_value_member(item, "x-formats", &formats) &&
        cove_bytes_equal(formats, cove_bytes("\xf5", 1))) { /* true */
        r->vocabularies |= SCHEMA_FORMAT_RULE;
    }
    if (rc == 0 && !document) {
        p->resources = r;
    }
    *out = r;
    return rc;
}
