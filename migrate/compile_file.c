/* compile_file.c: reads migration files: their form and what is in them,
 * nothing that needs the journal.
 */
#include <stdlib.h>

#include "migrate/compile_parts.h"

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
                             "{schema, from, to, steps, down, note, "
                             "targetSchema, hashes} or {fromVersion, "
                             "toVersion, targetSchema, script}",
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
    if (cove_cbor_type_of(item) != COVE_CBOR_TEXT) {
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
        cove_cbor_type_of(item) != COVE_CBOR_UINT || cove_value_int(item) < 1) {
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
    if (cove_cbor_type_of(item) == COVE_CBOR_UINT && cove_value_int(item) > 0) {
        char *text =
            cove_arena_printf(arena, "%lld", (long long)cove_value_int(item));

        if (text == NULL) {
            return COVE_ENOMEM;
        }
        *out = cove_bytes_text(text);
        return 0;
    }
    if (cove_cbor_type_of(item) == COVE_CBOR_TEXT &&
        cove_value_text(item).len >= 8) {
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
    bool list = cove_cbor_type_of(item) == COVE_CBOR_LIST;
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
int cove_words_read(struct cove_arena *arena, struct cove_bytes list,
                    const char *what, struct cove_word **out, size_t *count,
                    struct cove_diag *diag)
{
    struct cove_reader r;
    struct cove_word *words;

    if (cove_cbor_type_of(list) != COVE_CBOR_LIST) {
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
        if (cove_cbor_type_of(item) != COVE_CBOR_MAP ||
            cove_reader_map(&one) != 1) {
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

int cove_words_list(struct cove_arena *arena, const struct cove_word *words,
                    size_t count, struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer w;
    int rc;

    cove_buf_init(&buf, arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_map(&w, 1);
        cove_writer_text(&w, words[i].word);
        cove_writer_item(&w, words[i].members);
    }
    rc = w.err != 0 ? w.err : cove_arena_copy(arena, cove_buf_bytes(&buf), out);
    cove_buf_clear(&buf);
    return rc;
}

/* The target schema: a text is the schema's name, an object is the schema. */
static int target_read(struct cove_arena *arena, struct cove_bytes item,
                       struct cove_migration *m, struct cove_diag *diag)
{
    int rc;

    if (cove_cbor_type_of(item) == COVE_CBOR_TEXT) {
        if (m->schema.len == 0) {
            m->schema = cove_value_text(item);
        }
        return 0;
    }
    if (cove_cbor_type_of(item) != COVE_CBOR_MAP) {
        return file_fail(diag, "\"targetSchema\" must be the schema that "
                               "documents have afterwards, or its name");
    }
    rc = cove_content_text(arena, item, &m->target);
    return rc == COVE_ELIMIT
               ? cove_fail(diag, rc,
                           "migration: \"targetSchema\" has more than %d bytes",
                           COVE_MAX_SCHEMA)
               : rc;
}

/* {"from": HEX, "to": HEX}, or one of them. */
static int hash_read(struct cove_bytes hashes, const char *key,
                     struct cove_hash *out, bool *has, struct cove_diag *diag)
{
    char text[COVE_HEX_LEN(sizeof out->b)] = "";
    struct cove_bytes item;

    if (!cove_value_member(hashes, key, &item)) {
        return 0;
    }
    if (cove_cbor_type_of(item) == COVE_CBOR_TEXT &&
        cove_value_text(item).len < sizeof text) {
        memcpy(text, cove_value_text(item).at, cove_value_text(item).len);
    }
    if (cove_hex_parse(text, out->b, sizeof out->b) != 0) {
        return cove_fail(diag, COVE_ESTEP,
                         "migration: \"hashes\": \"%s\" must be the hash of a "
                         "schema, 64 hex digits",
                         key);
    }
    *has = true;
    return 0;
}

static int hashes_read(struct cove_bytes item, struct cove_migration *m,
                       struct cove_diag *diag)
{
    struct cove_reader r;
    size_t known = 0;
    int rc;

    if (cove_cbor_type_of(item) != COVE_CBOR_MAP) {
        return file_fail(diag, "\"hashes\" must be an object: {from, to}");
    }
    rc = hash_read(item, "from", &m->hash_from, &m->has_hash_from, diag);
    if (rc == 0) {
        rc = hash_read(item, "to", &m->hash_to, &m->has_hash_to, diag);
    }
    known += m->has_hash_from;
    known += m->has_hash_to;
    cove_reader_init(&r, item);
    if (rc == 0 && cove_reader_map(&r) != known) {
        rc = file_fail(diag, "\"hashes\" has \"from\" and \"to\", no other "
                             "member");
    }
    if (rc == 0 && m->has_hash_from && m->from_count > 1) {
        rc = file_fail(diag, "\"hashes\": a merge has no one schema to come "
                             "from: leave \"from\" out");
    }
    return rc;
}

/* The file without the members that only say again what words lead to. */
static int seed_read(struct cove_arena *arena, struct cove_migration *m)
{
    struct cove_pair pairs[8];
    struct cove_reader r;
    struct cove_writer w;
    struct cove_buf buf;
    size_t count = 0;
    int rc;

    cove_reader_init(&r, m->cbor);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_reader key = r;
        struct cove_bytes name = cove_reader_text(&key);
        struct cove_pair pair;

        pair.key = cove_reader_item(&r);
        pair.value = cove_reader_item(&r);

        if (!cove_bytes_equal(name, cove_bytes_text("targetSchema")) &&
            !cove_bytes_equal(name, cove_bytes_text("hashes")) &&
            count < COVE_ARRAY_LEN(pairs)) {
            pairs[count++] = pair;
        }
    }
    cove_buf_init(&buf, arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_map_sorted(&w, pairs, count);
    rc = w.err != 0 ? w.err
                    : cove_arena_copy(arena, cove_buf_bytes(&buf), &m->seed);
    cove_buf_clear(&buf);
    return rc;
}

static int vocabulary_read(struct cove_arena *arena, struct cove_migration *m,
                           struct cove_diag *diag)
{
    static const char *const known[] = {"schema",       "from",   "to",
                                        "steps",        "down",   "note",
                                        "targetSchema", "hashes", NULL};
    struct cove_bytes from;
    struct cove_bytes steps;
    struct cove_bytes more;
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
        (rc = cove_words_read(arena, steps, "step", &m->words, &m->word_count,
                              diag)) != 0) {
        return rc;
    }
    if (cove_value_member(m->cbor, "down", &more)) {
        rc = cove_words_read(arena, more, "down", &m->down, &m->down_count,
                             diag);
    }
    if (rc == 0 && cove_value_member(m->cbor, "targetSchema", &more)) {
        rc = target_read(arena, more, m, diag);
    }
    if (rc == 0 && cove_value_member(m->cbor, "hashes", &more)) {
        rc = hashes_read(more, m, diag);
    }
    return rc != 0 ? rc : seed_read(arena, m);
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
    m->seed = m->cbor;
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
    if ((rc = cove_file_json(arena, text, file_name, &m.cbor, diag)) != 0) {
        return rc;
    }
    if (cove_cbor_type_of(m.cbor) != COVE_CBOR_MAP) {
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
