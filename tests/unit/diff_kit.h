/* diff_kit.h: two schemas, answers, and what the diff says of them. JSON is
 * written with ' in place of ", as in compile_kit.h. */
#ifndef COVE_TESTS_DIFF_KIT_H
#define COVE_TESTS_DIFF_KIT_H

#include "migrate/diff.h"
#include "tests/unit/compile_kit.h"

static struct cove_diff got;

static inline struct cove_bytes cbor_of(const char *text)
{
    struct cove_buf buf;
    struct cove_bytes out = {NULL, 0};

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_json_read_plain(json(text), "answers", &buf, &diag),
                     0);
    ck_assert_int_eq(cove_arena_copy(&arena, cove_buf_bytes(&buf), &out), 0);
    cove_buf_clear(&buf);
    return out;
}

static inline struct cove_schema_file *schema_of(const char *text)
{
    struct cove_schema_file *out = cove_arena_new(&arena, sizeof *out);

    ck_assert_msg(
        cove_schema_file_read(&arena, json(text), "schema", out, &diag) == 0,
        "%s: %s", text, diag.text);
    return out;
}

/* {properties}, {required} → a schema T of this version. */
static inline struct cove_schema_file *version(int number,
                                               const char *properties,
                                               const char *required)
{
    return schema_of(cove_arena_printf(
        &arena, "{'title':'T','version':%d,'properties':{%s},'required':[%s]}",
        number, properties, required));
}

static inline int differ(const char *before, const char *after,
                         const char *answers)
{
    struct cove_diff_request request = {.before = version(1, before, ""),
                                        .after = version(2, after, "")};

    cove_diag_clear(&diag);
    if (*answers != '\0') {
        request.answers = cbor_of(answers);
    }
    return cove_diff(&arena, &request, &got, &diag);
}

static inline const char *text_of(struct cove_bytes item)
{
    struct cove_buf buf;
    char *text;

    if (item.len == 0) {
        return "";
    }
    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_json_write_plain(item, 0, &buf), 0);
    text =
        cove_arena_printf(&arena, "%.*s", (int)buf.len, (const char *)buf.at);
    cove_buf_clear(&buf);
    return shown(text);
}

/* "kind class compat field; …" of all changes, with what is open or lost. */
static inline const char *changes_text(void)
{
    char *text = cove_arena_printf(&arena, "%s", "");

    for (size_t i = 0; i < got.change_count; i++) {
        const struct cove_diff_change *c = &got.changes[i];

        text = cove_arena_printf(
            &arena, "%s%s%.*s %s %s%s%s %s%s%s", text, i > 0 ? "; " : "",
            (int)c->field.len, (const char *)c->field.at,
            cove_diff_kind_name(c->kind), cove_diff_class_name(c->class),
            c->lossy_forward ? ">" : "", c->lossy_back ? "<" : "",
            cove_diff_compat_name(c->compat), c->ambiguous ? " ?" : "",
            c->destructive ? " !" : "");
    }
    return text;
}

/* Fields of `before` and `after` differ by these changes. */
static inline void changes(const char *before, const char *after,
                           const char *answers, const char *want)
{
    ck_assert_msg(differ(before, after, answers) == 0, "%s", diag.text);
    ck_assert_str_eq(changes_text(), want);
}

static inline void words(const char *before, const char *after,
                         const char *answers, const char *up, const char *down)
{
    ck_assert_msg(differ(before, after, answers) == 0, "%s", diag.text);
    ck_assert_str_eq(text_of(got.words), up);
    ck_assert_str_eq(text_of(got.down), down);
}

#endif
