/* jsonschema_kit.h: what the tests of schemas share: an arena, a diag, and
 * schemas and values as JSON texts, in which ' stands for ". */
#ifndef COVE_TESTS_JSONSCHEMA_KIT_H
#define COVE_TESTS_JSONSCHEMA_KIT_H

#include <stdio.h>

#include "core/json.h"
#include "schema/jsonschema.h"
#include "tests/unit/harness.h"

static struct cove_arena arena;
static struct cove_diag diag;

static inline void kit_setup(void)
{
    cove_arena_init(&arena, &cove_alloc_libc);
    cove_diag_clear(&diag);
}

static inline void kit_teardown(void)
{
    cove_arena_clear(&arena);
}

/* The CBOR of a JSON text, in the arena. */
static inline struct cove_bytes kit_json(struct cove_bytes text)
{
    struct cove_buf buf;
    struct cove_bytes out;
    struct cove_diag why = {0};

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_msg(cove_json_read_plain(text, "test", &buf, &why) == 0,
                  "%.*s: %s", (int)text.len, (const char *)text.at, why.text);
    ck_assert_int_eq(cove_arena_copy(&arena, cove_buf_bytes(&buf), &out), 0);
    cove_buf_clear(&buf);
    return out;
}

/* A text with ' for ", in the arena. */
static inline const char *quoted(const char *text)
{
    size_t len = strlen(text);
    char *out = cove_arena_new(&arena, len + 1);

    ck_assert_ptr_nonnull(out);
    for (size_t i = 0; i < len; i++) {
        out[i] = '"';
        if (text[i] != '\'') {
            out[i] = text[i];
        }
    }
    return out;
}

static inline struct cove_bytes json(const char *text)
{
    return kit_json(cove_bytes_text(quoted(text)));
}

static inline const struct cove_schema *compiled(
    const char *text, const struct cove_schema_options *options)
{
    const struct cove_schema *schema = NULL;

    cove_diag_clear(&diag);
    ck_assert_msg(
        cove_schema_compile(&arena, json(text), options, &schema, &diag) == 0,
        "%s: %s", text, diag.text);
    return schema;
}

static inline const struct cove_schema *parsed(const char *text)
{
    return compiled(text, NULL);
}

static inline void refused_by(const char *text,
                              const struct cove_schema_options *options,
                              int code, const char *word)
{
    const struct cove_schema *schema = NULL;
    int rc;

    cove_diag_clear(&diag);
    rc = cove_schema_compile(&arena, json(text), options, &schema, &diag);
    ck_assert_msg(rc == code, "%s: %d, not %d: %s", text, rc, code, diag.text);
    ck_assert_ptr_null(schema);
    ck_assert_msg(strstr(diag.text, word) != NULL, "\"%s\" not in \"%s\"", word,
                  diag.text);
}

static inline void refused(const char *text, int code, const char *word)
{
    refused_by(text, NULL, code, word);
}

static inline void passes(const char *schema, const char *value)
{
    const struct cove_schema *s = parsed(schema);

    cove_diag_clear(&diag);
    ck_assert_msg(cove_schema_check(s, json(value), &diag) == 0,
                  "%s against %s: %s", value, schema, diag.text);
}

static inline void breaks(const char *schema, const char *value,
                          const char *sentence)
{
    const struct cove_schema *s = parsed(schema);

    cove_diag_clear(&diag);
    ck_assert_int_eq(cove_schema_check(s, json(value), &diag), COVE_ESCHEMA);
    ck_assert_str_eq(diag.text, quoted(sentence));
}

#endif
