/* test_fn_vectors.c: every function answers as tests/vectors/functions.json
 * says: {name: [[pipeline, value, result] or [pipeline, value]: no result]}. */
#include "core/cbor.h"
#include "core/json.h"
#include "core/value.h"
#include "schema/fn.h"
#include "tests/unit/harness.h"
#include "tests/unit/vectors.h"

static struct cove_arena arena;
static struct cove_bytes vectors;

static void setup(void)
{
    char *text = vectors_file("tests/vectors/functions.json");
    struct cove_buf buf;
    struct cove_diag diag = {0};

    cove_arena_init(&arena, &cove_alloc_libc);
    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_msg(cove_json_read(cove_bytes_text(text), "functions.json", &buf,
                                 &diag) == 0,
                  "%s", diag.text);
    ck_assert_int_eq(cove_arena_copy(&arena, cove_buf_bytes(&buf), &vectors),
                     0);
    cove_buf_clear(&buf);
    free(text);
}

static void teardown(void)
{
    cove_arena_clear(&arena);
}

static const char *shown(struct cove_bytes item)
{
    struct cove_buf buf;
    struct cove_bytes text;

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_json_write(item, 0, &buf), 0);
    ck_assert_int_eq(cove_arena_copy(&arena, cove_buf_bytes(&buf), &text), 0);
    cove_buf_clear(&buf);
    return (const char *)text.at;
}

/* One vector; the inputs are copied, so that a sanitizer sees what is read
 * beyond them. */
static void ck_vector(struct cove_bytes vector)
{
    struct cove_cell out;
    struct cove_reader r;
    size_t members;

    cove_reader_init(&r, vector);
    members = cove_reader_list(&r);
    ck_assert(members == 2 || members == 3);

    struct cove_bytes pipe = vectors_exact(cove_reader_item(&r));
    struct cove_cell in = {COVE_PRESENT, vectors_exact(cove_reader_item(&r))};
    struct cove_bytes want = cove_bytes(NULL, 0);

    if (members == 3) {
        want = cove_reader_item(&r);
    }
    ck_assert_msg(cove_fn_known(pipe), "%s", shown(vector));
    ck_assert_int_eq(cove_fn_call(&arena, pipe, in, &out), 0);
    ck_assert_msg((out.kind == COVE_PRESENT) == (members == 3), "%s",
                  shown(vector));
    ck_assert_msg(cove_bytes_equal(out.bytes, members == 3 ? want : in.bytes),
                  "%s gives %s", shown(vector), shown(out.bytes));
    vectors_free(pipe);
    vectors_free(in.bytes);
}

START_TEST(every_vector_gives_what_it_says)
{
    struct cove_reader r;

    cove_reader_init(&r, vectors);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_reader list;

        (void)cove_reader_item(&r);
        cove_reader_init(&list, cove_reader_item(&r));
        for (size_t n = cove_reader_list(&list); n > 0; n--) {
            ck_vector(cove_reader_item(&list));
        }
    }
}
END_TEST

START_TEST(every_function_has_ten_vectors)
{
    struct cove_bytes list;
    struct cove_reader r;

    for (size_t i = 0; cove_fn_name(i) != NULL; i++) {
        ck_assert_msg(cove_value_member(vectors, cove_fn_name(i), &list), "%s",
                      cove_fn_name(i));
        cove_reader_init(&r, list);
        ck_assert_msg(cove_reader_list(&r) >= 10, "%s", cove_fn_name(i));
    }
}
END_TEST

/* They are found by bisection. */
START_TEST(the_names_are_in_order)
{
    for (size_t i = 1; cove_fn_name(i) != NULL; i++) {
        ck_assert_int_lt(
            cove_bytes_compare(cove_bytes_text(cove_fn_name(i - 1)),
                               cove_bytes_text(cove_fn_name(i))),
            0);
        ck_assert_ptr_nonnull(cove_fn_form(cove_bytes_text(cove_fn_name(i))));
    }
    ck_assert_ptr_null(cove_fn_form(cove_bytes_text("nosuch")));
}
END_TEST

/* The form that an error shows is one that would be taken. */
START_TEST(every_form_is_known)
{
    for (size_t i = 0; cove_fn_name(i) != NULL; i++) {
        const char *form = cove_fn_form(cove_bytes_text(cove_fn_name(i)));
        char *pipe = cove_arena_printf(&arena, "[%s]", form);
        struct cove_buf buf;

        cove_buf_init(&buf, &cove_alloc_libc);
        ck_assert_int_eq(
            cove_json_read_plain(cove_bytes_text(pipe), "form", &buf, NULL), 0);
        ck_assert_msg(cove_fn_known(cove_buf_bytes(&buf)), "%s", form);
        cove_buf_clear(&buf);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fn_vectors");
    TCase *tc = tcase_create("fn_vectors");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, every_vector_gives_what_it_says);
    tcase_add_test(tc, every_function_has_ten_vectors);
    tcase_add_test(tc, the_names_are_in_order);
    tcase_add_test(tc, every_form_is_known);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
