/* compile_schema.c: reads schema files: their form, what documents may be
 * called and have, and the one text that a content has.
 */
#include "core/crypto.h"
#include "core/json.h"
#include "migrate/compile_parts.h"

int cove_file_json(struct cove_arena *arena, struct cove_bytes text,
                   const char *file_name, struct cove_bytes *out,
                   struct cove_diag *diag)
{
    struct cove_buf buf;
    int rc;

    cove_buf_init(&buf, arena->alloc);
    rc = cove_json_read_plain(text, file_name, &buf, diag);
    if (rc == 0) {
        rc = cove_arena_copy(arena, cove_buf_bytes(&buf), out);
    }
    cove_buf_clear(&buf);
    return rc;
}

/* Judge a property as a field of documents. */
static int property_check(const struct cove_schema *schema,
                          const struct cove_property *property,
                          struct cove_diag *diag)
{
    int rc = cove_name_check(property->name, cove_bytes_text("schema"), diag);

    for (size_t i = 0; i < property->member_count && rc == 0; i++) {
        rc = cove_name_check(property->members[i].name,
                             cove_bytes_text("schema"), diag);
    }
    if (rc != 0 || !property->has_default ||
        cove_value_is_null(property->default_value)) {
        return rc;
    }
    rc = cove_schema_check_field(schema, property->name,
                                 property->default_value, diag);
    if (rc != 0) {
        cove_diag_context(diag, "schema: the default of \"%.*s\"",
                          SHOWN(property->name));
    }
    return rc;
}

/* A name must be one that people can say: beside a version (Name@2), apart from
 * a document's id, and after `new`. */
static int title_check(struct cove_bytes title, struct cove_diag *diag)
{
    bool control = false;

    if (title.len == 0) {
        return cove_fail(diag, COVE_EFORMAT,
                         "schema: give it a \"title\": the schema's name");
    }
    for (size_t i = 0; i < title.len; i++) {
        control = control || title.at[i] < 0x20 || title.at[i] == 0x7f;
    }
    if (title.len > COVE_MAX_KEY) {
        return cove_fail(diag, COVE_ELIMIT,
                         "schema: a title of %zu bytes; %d are the most",
                         title.len, COVE_MAX_KEY);
    }
    if (control || memchr(title.at, '@', title.len) != NULL ||
        (title.len >= 4 && memcmp(title.at, "co_z", 4) == 0) ||
        cove_bytes_equal(title, cove_bytes_text("group"))) {
        return cove_fail(diag, COVE_ERESERVED,
                         "schema: it cannot be called \"%.*s\": \"group\", "
                         "names with @ or control characters, and those that "
                         "begin with co_z are reserved",
                         SHOWN(title));
    }
    return 0;
}

/* Judge a schema as one of documents. */
static int schema_check(const struct cove_schema *schema,
                        struct cove_diag *diag)
{
    struct cove_bytes stray = cove_schema_stray(schema);
    int rc;

    if (!cove_schema_is_object(schema)) {
        return cove_fail(diag, COVE_EFORMAT,
                         "schema: a schema of documents has the type object");
    }
    rc = title_check(cove_schema_title(schema), diag);
    if (rc != 0) {
        return rc;
    }
    if (stray.at != NULL) {
        return cove_fail(diag, COVE_EFORMAT,
                         "schema: /required: there is no property \"%.*s\"",
                         SHOWN(stray));
    }
    for (size_t i = 0; i < cove_schema_count(schema); i++) {
        rc = property_check(schema, cove_schema_at(schema, i), diag);

        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int cove_content_text(struct cove_arena *arena, struct cove_bytes cbor,
                      struct cove_bytes *out)
{
    struct cove_buf buf;
    int rc;

    cove_buf_init(&buf, arena->alloc);
    rc = cove_json_write_plain(cbor, 0, &buf);
    if (rc == 0) {
        rc = buf.len > COVE_MAX_SCHEMA
                 ? COVE_ELIMIT
                 : cove_arena_copy(arena, cove_buf_bytes(&buf), out);
    }
    cove_buf_clear(&buf);
    return rc;
}

int cove_schema_content(struct cove_arena *arena, struct cove_bytes text,
                        struct cove_hash *out)
{
    struct cove_bytes cbor, plain;
    int rc = cove_file_json(arena, text, "schema", &cbor, NULL);

    if (rc == 0) {
        rc = cove_content_text(arena, cbor, &plain);
    }
    if (rc == 0) {
        *out = cove_hash("cove/schema", plain);
    }
    return rc;
}

static int file_read(struct cove_arena *arena, struct cove_bytes text,
                     const char *file_name,
                     const struct cove_schema_options *options,
                     struct cove_schema_file *out, struct cove_diag *diag)
{
    struct cove_schema_file file = {0};
    int rc;

    if (text.len > COVE_MAX_SCHEMA) {
        return cove_fail(diag, COVE_ELIMIT,
                         "%s: a schema has at most %d bytes, this one %zu",
                         file_name, COVE_MAX_SCHEMA, text.len);
    }
    if ((rc = cove_file_json(arena, text, file_name, &file.cbor, diag)) != 0) {
        return rc;
    }
    if ((rc = cove_content_text(arena, file.cbor, &file.text)) != 0) {
        return rc == COVE_ELIMIT
                   ? cove_fail(diag, rc,
                               "%s: a schema has at most %d bytes, written "
                               "without spaces and escapes",
                               file_name, COVE_MAX_SCHEMA)
                   : rc;
    }
    if ((rc = cove_schema_compile(arena, file.cbor, options, &file.schema,
                                  diag)) != 0 ||
        (rc = schema_check(file.schema, diag)) != 0) {
        cove_diag_context(diag, "%s", file_name);
        return rc;
    }
    file.hash = cove_hash("cove/schema", file.text);
    file.title = cove_schema_title(file.schema);
    file.version = cove_schema_version(file.schema);
    *out = file;
    return 0;
}

int cove_schema_file_read(struct cove_arena *arena, struct cove_bytes text,
                          const char *file_name, struct cove_schema_file *out,
                          struct cove_diag *diag)
{
    static const struct cove_schema_options authored = {.authored = true};

    return file_read(arena, text, file_name, &authored, out, diag);
}

int cove_schema_held_read(struct cove_arena *arena, struct cove_bytes text,
                          const char *file_name, struct cove_schema_file *out,
                          struct cove_diag *diag)
{
    return file_read(arena, text, file_name, NULL, out, diag);
}
