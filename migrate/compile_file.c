/* compile_file.c: reads schema and migration files: their form and what is in
 * them, nothing that needs the journal.
 */
#include <stdlib.h>

#include "core/crypto.h"
#include "core/json.h"
#include "migrate/compile_parts.h"

/* Read JSON into the arena. Errors: COVE_EJSON, COVE_ELIMIT, COVE_ENOMEM. */
static int file_json(struct cove_arena *arena, struct cove_bytes text,
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

static enum cove_cbor_type item_type(struct cove_bytes item)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    return cove_reader_peek(&r);
}

/* --- schemas ------------------------------------------------------------ */

/* Judge a property as a field of documents. */
static int property_check(const struct cove_schema *schema,
                          const struct cove_property *property,
                          struct cove_diag *diag)
{
    int rc = cove_name_check(property->name, cove_bytes_text("schema"), diag);

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

int cove_schema_file_read(struct cove_arena *arena, struct cove_bytes text,
                          const char *file_name, struct cove_schema_file *out,
                          struct cove_diag *diag)
{
    struct cove_schema_file file = {0};
    int rc;

    if (text.len > COVE_MAX_SCHEMA) {
        return cove_fail(diag, COVE_ELIMIT,
                         "%s: a schema has at most %d bytes, this one %zu",
                         file_name, COVE_MAX_SCHEMA, text.len);
    }
    if ((rc = cove_arena_copy(arena, text, &file.text)) != 0 ||
        (rc = file_json(arena, text, file_name, &file.cbor, diag)) != 0) {
        return rc;
    }
    if ((rc = cove_schema_parse(arena, file.cbor, &file.schema, diag)) != 0 ||
        (rc = schema_check(file.schema, diag)) != 0) {
        cove_diag_context(diag, "%s", file_name);
        return rc;
    }
    file.hash = cove_hash("cove/schema", text);
    file.title = cove_schema_title(file.schema);
    file.version = cove_schema_version(file.schema);
    *out = file;
    return 0;
}

/* --- migrations: the members -------------------------------------------- */

static int file_fail(struct cove_diag *diag, const char *what)
{
    return cove_fail(diag, COVE_ESTEP, "migration: %s", what);
}

/* Refuse members that are not in `known`, a list ended by NULL. */
static int members_check(struct cove_bytes map, const char *const *known,
                         struct cove_diag *diag)
{
    struct cove_reader r;

    cove_reader_init(&r, map);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes name = cove_reader_text(&r);
        size_t i = 0;

        cove_reader_item(&r);
        while (known[i] != NULL &&
               !cove_bytes_equal(name, cove_bytes_text(known[i]))) {
            i++;
        }
        if (known[i] == NULL) {
            return cove_fail(diag, COVE_ESTEP,
                             "migration: unknown member \"%.*s\"; it has "
                             "{schema, from, to, steps, down, note} or "
                             "{fromVersion, toVersion, targetSchema, script}",
                             SHOWN(name));
        }
    }
    return 0;
}

static int member_text(struct cove_bytes map, const char *key,
                       struct cove_bytes *out, struct cove_diag *diag)
{
    struct cove_bytes item;

    if (!cove_value_member(map, key, &item)) {
        return 0;
    }
    if (item_type(item) != COVE_CBOR_TEXT) {
        return cove_fail(diag, COVE_ESTEP, "migration: \"%s\" must be a text",
                         key);
    }
    *out = cove_value_text(item);
    return 0;
}

static int member_version(struct cove_bytes map, const char *key, int64_t *out,
                          struct cove_diag *diag)
{
    struct cove_bytes item;

    if (!cove_value_member(map, key, &item) ||
        item_type(item) != COVE_CBOR_UINT || cove_value_int(item) < 1) {
        return cove_fail(diag, COVE_ESTEP,
                         "migration: \"%s\" must be a version: an integer of 1 "
                         "or more",
                         key);
    }
    *out = cove_value_int(item);
    return 0;
}

/* One place to start from: a version, or a step where a version has two. */
static int from_one(struct cove_arena *arena, struct cove_bytes item,
                    struct cove_bytes *out, struct cove_diag *diag)
{
    if (item_type(item) == COVE_CBOR_UINT && cove_value_int(item) > 0) {
        char *text =
            cove_arena_printf(arena, "%lld", (long long)cove_value_int(item));

        if (text == NULL) {
            return COVE_ENOMEM;
        }
        *out = cove_bytes_text(text);
        return 0;
    }
    if (item_type(item) == COVE_CBOR_TEXT && cove_value_text(item).len >= 8) {
        *out = cove_value_text(item);
        return 0;
    }
    return file_fail(diag, "\"from\" must be a version, or a list of versions "
                           "and steps (at least 8 hex digits) to merge");
}

static int from_read(struct cove_arena *arena, struct cove_bytes item,
                     struct cove_migration *m, struct cove_diag *diag)
{
    struct cove_reader r;
    bool list = item_type(item) == COVE_CBOR_LIST;
    int rc;

    cove_reader_init(&r, item);
    m->from_count = list ? cove_reader_list(&r) : 1;
    m->from = cove_arena_array(arena, m->from_count + 1, sizeof *m->from);
    if (m->from == NULL) {
        return COVE_ENOMEM;
    }
    if (m->from_count == 0) {
        return file_fail(diag, "\"from\" names nothing");
    }
    for (size_t i = 0; i < m->from_count; i++) {
        rc = from_one(arena, cove_reader_item(&r), &m->from[i], diag);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* A version number only grows, also where a step takes something back. */
static int versions_check(const struct cove_migration *m,
                          struct cove_diag *diag)
{
    for (size_t i = 0; i < m->from_count; i++) {
        char *end = NULL;
        char text[24] = "";

        if (m->from[i].len < sizeof text) {
            memcpy(text, m->from[i].at, m->from[i].len);
        }

        long long from = strtoll(text, &end, 10);

        if (*text != '\0' && *end == '\0' && from >= m->to &&
            m->from[i].len < 8) {
            return cove_fail(diag, COVE_ESTEP,
                             "migration: from %lld to %lld: a version number "
                             "only grows; what takes a version back is a later "
                             "version, see \"down\"",
                             from, (long long)m->to);
        }
    }
    return 0;
}

/* --- migrations: the words ---------------------------------------------- */

/* Read a list of words: [{word: members}, …]. */
static int words_read(struct cove_arena *arena, struct cove_bytes list,
                      const char *what, struct cove_word **out, size_t *count,
                      struct cove_diag *diag)
{
    struct cove_reader r;
    struct cove_word *words;

    if (item_type(list) != COVE_CBOR_LIST) {
        return cove_fail(diag, COVE_ESTEP,
                         "migration: \"%s\" must be a list of words such as "
                         "{\"rename\":{\"from\":\"a\",\"to\":\"b\"}}",
                         what);
    }
    cove_reader_init(&r, list);
    *count = cove_reader_list(&r);
    words = cove_arena_array(arena, *count + 1, sizeof *words);
    if (words == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < *count; i++) {
        struct cove_bytes item = cove_reader_item(&r);
        struct cove_reader one;
        char *label;
        int rc;

        cove_reader_init(&one, item);
        if (item_type(item) != COVE_CBOR_MAP || cove_reader_map(&one) != 1) {
            return cove_fail(diag, COVE_ESTEP,
                             "%s %zu: must be an object of one word, such as "
                             "{\"hide\":\"notes\"}",
                             what, i + 1);
        }
        words[i].word = cove_reader_text(&one);
        words[i].members = cove_reader_item(&one);
        label = cove_arena_printf(arena, "%s %zu (%.*s)", what, i + 1,
                                  SHOWN(words[i].word));
        if (label == NULL) {
            return COVE_ENOMEM;
        }
        words[i].label = cove_bytes_text(label);
        if ((rc = cove_word_read(arena, &words[i], diag)) != 0) {
            return rc;
        }
    }
    *out = words;
    return 0;
}

static int vocabulary_read(struct cove_arena *arena, struct cove_migration *m,
                           struct cove_diag *diag)
{
    static const char *const known[] = {"schema", "from", "to", "steps",
                                        "down",   "note", NULL};
    struct cove_bytes from;
    struct cove_bytes steps;
    struct cove_bytes down;
    int rc;

    if ((rc = members_check(m->cbor, known, diag)) != 0 ||
        (rc = member_version(m->cbor, "to", &m->to, diag)) != 0) {
        return rc;
    }
    if (m->schema.len == 0) {
        return file_fail(diag, "\"schema\" must name the schema");
    }
    if (!cove_value_member(m->cbor, "from", &from)) {
        return file_fail(diag, "\"from\" is missing: the version it starts at");
    }
    if (!cove_value_member(m->cbor, "steps", &steps)) {
        return file_fail(diag, "\"steps\" is missing: the list of words");
    }
    if ((rc = from_read(arena, from, m, diag)) != 0 ||
        (rc = words_read(arena, steps, "step", &m->words, &m->word_count,
                         diag)) != 0) {
        return rc;
    }
    if (cove_value_member(m->cbor, "down", &down)) {
        return words_read(arena, down, "down", &m->down, &m->down_count, diag);
    }
    return 0;
}

/* The target schema: a text is the schema's name, an object is the schema. */
static int target_read(struct cove_arena *arena, struct cove_bytes item,
                       struct cove_migration *m, struct cove_diag *diag)
{
    struct cove_buf buf;
    int rc;

    if (item_type(item) == COVE_CBOR_TEXT) {
        if (m->schema.len == 0) {
            m->schema = cove_value_text(item);
        }
        return 0;
    }
    if (item_type(item) != COVE_CBOR_MAP) {
        return file_fail(diag, "\"targetSchema\" must be the schema that "
                               "documents have afterwards, or its name");
    }
    cove_buf_init(&buf, arena->alloc);
    rc = cove_json_write_plain(item, 0, &buf);
    if (rc == 0) {
        rc = cove_arena_copy(arena, cove_buf_bytes(&buf), &m->target);
    }
    cove_buf_clear(&buf);
    return rc;
}

static int recipe_read(struct cove_arena *arena, struct cove_migration *m,
                       struct cove_diag *diag)
{
    static const char *const known[] = {
        "fromVersion", "toVersion", "targetSchema", "script", "schema",
        "note",        NULL};
    struct cove_bytes from;
    struct cove_bytes script;
    struct cove_bytes target;
    int64_t version;
    int rc;

    if ((rc = members_check(m->cbor, known, diag)) != 0 ||
        (rc = member_version(m->cbor, "fromVersion", &version, diag)) != 0 ||
        (rc = member_version(m->cbor, "toVersion", &m->to, diag)) != 0) {
        return rc;
    }
    if (!cove_value_member(m->cbor, "targetSchema", &target)) {
        return file_fail(diag, "\"targetSchema\" is missing: the schema that "
                               "documents have afterwards, or its name");
    }
    if (!cove_value_member(m->cbor, "script", &script)) {
        return file_fail(diag, "\"script\" is missing: {addFields, "
                               "removeFields, transformFields}");
    }
    if (!cove_value_member(m->cbor, "fromVersion", &from) ||
        (rc = from_read(arena, from, m, diag)) != 0 ||
        (rc = target_read(arena, target, m, diag)) != 0) {
        return rc;
    }
    return cove_recipe_read(arena, script, m, diag);
}

int cove_migration_read(struct cove_arena *arena, struct cove_bytes text,
                        const char *file_name, struct cove_migration *out,
                        struct cove_diag *diag)
{
    struct cove_migration m = {0};
    struct cove_bytes ignored;
    bool recipe;
    int rc;

    if (text.len > COVE_MAX_STEP + COVE_MAX_SCHEMA) {
        return cove_fail(diag, COVE_ELIMIT,
                         "%s: a migration has at most %d bytes, this one %zu",
                         file_name, COVE_MAX_STEP + COVE_MAX_SCHEMA, text.len);
    }
    if ((rc = file_json(arena, text, file_name, &m.cbor, diag)) != 0) {
        return rc;
    }
    if (item_type(m.cbor) != COVE_CBOR_MAP) {
        rc = file_fail(diag, "must be an object: {schema, from, to, steps}");
    } else {
        recipe = cove_value_member(m.cbor, "script", &ignored) ||
                 cove_value_member(m.cbor, "fromVersion", &ignored);
        if ((rc = member_text(m.cbor, "schema", &m.schema, diag)) == 0 &&
            (rc = member_text(m.cbor, "note", &m.note, diag)) == 0 &&
            (rc = recipe ? recipe_read(arena, &m, diag)
                         : vocabulary_read(arena, &m, diag)) == 0) {
            rc = versions_check(&m, diag);
        }
    }
    if (rc != 0) {
        cove_diag_context(diag, "%s", file_name);
        return rc;
    }
    *out = m;
    return 0;
}
