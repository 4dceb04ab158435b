/* test_fn_vectors.c: every function answers as tests/vectors/functions.json
 * says: {name: [[pipeline, value, result] or [pipeline, value]: no result]}. */
#include "core/cbor.h"
#include "core/json.h"
#include "core/value.h"
#include "cove/error.h"
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

/* A script does what it says, where this build runs any: it has tests of its
 * own. */
static bool is_script(size_t index)
{
    return strcmp(cove_fn_name(index), "lua") == 0;
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
        if (is_script(i)) {
            continue;
        }
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
        ck_assert_msg(is_script(i) || cove_fn_known(cove_buf_bytes(&buf)), "%s",
                      form);
        cove_buf_clear(&buf);
    }
}
END_TEST

/* JSON with ' for ". */
static struct cove_bytes json(const char *text)
{
    char *quoted = cove_arena_printf(&arena, "%s", text);
    struct cove_buf buf;
    struct cove_bytes out;

    ck_assert_ptr_nonnull(quoted);
    for (char *c = quoted; *c != '\0'; c++) {
        if (*c == '\'') {
            *c = '"';
        }
    }
    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_msg(
        cove_json_read_plain(cove_bytes_text(quoted), "test", &buf, NULL) == 0,
        "%s", text);
    ck_assert_int_eq(cove_arena_copy(&arena, cove_buf_bytes(&buf), &out), 0);
    cove_buf_clear(&buf);
    return out;
}

/* A19: what is not exactly of the form is unknown, and its step pending. */
START_TEST(an_argument_of_another_form_is_unknown)
{
    static const char *const items[] = {
        "'slice'",
        "{'length':1}",
        "{'int_of_decimal':-1}",
        "{'int_of_decimal':19}",
        "{'int_of_decimal':2.0}",
        "{'decimal_of_int':'2'}",
        "{'slice':[]}",
        "{'slice':[1,2,3]}",
        "{'slice':['a']}",
        "{'slice':[1,null]}",
        "{'slice':1}",
        "{'before':''}",
        "{'after':1}",
        "{'before_last':null}",
        "{'after_last':['.']}",
        "{'replace':['','a']}",
        "{'replace':['a']}",
        "{'replace':['a',1]}",
        "{'replace':'a'}",
        "{'prefix':''}",
        "{'suffix':1}",
        "{'drop_prefix':''}",
        "{'drop_suffix':[]}",
        "{'pad':[0,'0']}",
        "{'pad':[1001,'0']}",
        "{'pad':[4,'']}",
        "{'pad':[4,'00']}",
        "{'pad':[4]}",
        "{'pad':['4','0']}",
        "{'template':1}",
        "{'template':'{a'}",
        "{'template':'a}'}",
        "{'template':'{a{b}}'}",
        "{'template':'{'}",
        "{'template':'}'}",
        "{'template':'{{}'}",
        "{'map_or':[[]]}",
        "{'map_or':[[1],2]}",
        "{'map_or':[{},2]}",
        "{'map_or':[[[1,2,3]],2]}",
        "{'when':[]}",
        "{'when':{}}",
        "{'when':[[{'eq':1}]]}",
        "{'when':[[{'eq':1},'trim']]}",
        "{'when':[['else',[]],[{'eq':1},[]]]}",
        "{'when':[['otherwise',[]]]}",
        "{'when':[[{'eq':1},['nosuch']]]}",
        "{'is':[]}",
        "{'is':{}}",
        "{'is':{'eq':1,'lt':2}}",
        "{'is':{'nosuch':1}}",
        "{'is':{'in':'ab'}}",
        "{'is':{'type':'string'}}",
        "{'is':{'type':''}}",
        "{'is':{'lt':'1'}}",
        "{'is':{'gt':null}}",
        "{'is':{'has':''}}",
        "{'is':{'has':1}}",
        "{'is':{'starts':''}}",
        "{'is':{'ends':1}}",
        "{'is':{'contains':''}}",
        "{'is':{'at':[[],{'eq':1}]}}",
        "{'is':{'at':[['a'],1]}}",
        "{'is':{'at':['a',{'eq':1}]}}",
        "{'is':{'not':[]}}",
        "{'is':{'all':[]}}",
        "{'is':{'any':{'eq':1}}}",
        "{'is':{'all':[{'eq':1},{'x':1}]}}",
        "{'each':'trim'}",
        "{'each':['nosuch']}",
        "{'each':null}",
        "{'filter':[]}",
        "{'filter':{'nosuch':1}}",
        "{'list':[]}",
        "{'list':['trim']}",
        "{'list':{}}",
        "{'sort_by':[]}",
        "{'sort_by':'a'}",
        "{'sort_by':[1.5]}",
        "{'get':[]}",
        "{'get':['']}",
        "{'get':[null]}",
        "{'get':'a'}",
        "{'get_or':[['a']]}",
        "{'get_or':[[],1]}",
        "{'pick_keys':'a'}",
        "{'pick_keys':['']}",
        "{'omit':[1]}",
        "{'merge':[]}",
        "{'merge':{'':1}}",
        "{'defaults':1}",
        "{'set':['',[]]}",
        "{'set':['a']}",
        "{'set':['a','trim']}",
        "{'set':[1,[]]}",
        "{'update':['a',[]]}",
        "{'update':[[],[]]}",
        "{'update':[['a'],['nosuch']]}",
        "{'rename':['a','a']}",
        "{'rename':['a','']}",
        "{'rename':['a']}",
        "{'rename':{'a':'b'}}",
        "{'object':[]}",
        "{'object':{'':[]}}",
        "{'object':{'a':'trim'}}",
        "{'object':{'a':['nosuch']}}",
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(items); i++) {
        char *pipe = cove_arena_printf(&arena, "[%s]", items[i]);

        ck_assert_msg(!cove_fn_known(json(pipe)), "%s", items[i]);
    }
}
END_TEST

START_TEST(the_innermost_function_that_is_wrong_is_named)
{
    struct cove_bytes fault;

    ck_assert(!cove_fn_check(json("['trim',{'each':[{'object':{'a':["
                                  "{'pad':[0,'0']}]}}]}]"),
                             &fault));
    ck_assert_str_eq(shown(fault), "{\"pad\":[0,\"0\"]}");
    ck_assert(!cove_fn_check(json("5"), &fault));
    ck_assert_uint_eq(fault.len, 0);
}
END_TEST

/* A pipeline of so many, one inside the other. */
static struct cove_bytes nested(const char *begin, const char *inside,
                                const char *end, int count)
{
    const char *pipe = inside;

    for (int i = 0; i < count; i++) {
        pipe = cove_arena_printf(&arena, "%s%s%s", begin, pipe, end);
        ck_assert_ptr_nonnull(pipe);
    }
    return json(pipe);
}

START_TEST(pipelines_and_conditions_are_nested_eight_deep_at_most)
{
    ck_assert(cove_fn_known(nested("[{'each':", "[]", "}]", 7)));
    ck_assert(!cove_fn_known(nested("[{'each':", "[]", "}]", 8)));
    ck_assert(cove_fn_known(
        json("[{'is':{'not':{'not':{'not':{'not':{'not':{'not':{'eq':1}"
             "}}}}}}}]")));
    ck_assert(!cove_fn_known(
        json("[{'is':{'not':{'not':{'not':{'not':{'not':{'not':{'not':{'eq':1}"
             "}}}}}}}}]")));
}
END_TEST

/* [1, 1, …] */
static struct cove_bytes ones(size_t count)
{
    struct cove_buf buf;
    struct cove_writer w;
    struct cove_bytes out;

    cove_buf_init(&buf, &cove_alloc_libc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_int(&w, 1);
    }
    ck_assert_int_eq(w.err, 0);
    ck_assert_int_eq(cove_arena_copy(&arena, cove_buf_bytes(&buf), &out), 0);
    cove_buf_clear(&buf);
    return out;
}

static enum cove_cell_kind made_of(const char *pipe, struct cove_bytes value)
{
    struct cove_cell in = {COVE_PRESENT, value};
    struct cove_cell out;

    ck_assert_msg(cove_fn_known(json(pipe)), "%s", pipe);
    ck_assert_int_eq(cove_fn_call(&arena, json(pipe), in, &out), 0);
    return out.kind;
}

/* 15 functions and the pipeline itself for each of 16,384 items are 262,144. */
START_TEST(a_call_does_so_much_inside_and_no_more)
{
    struct cove_bytes list = ones(COVE_FN_WORK / 16);

    ck_assert_int_eq(made_of("[{'each':['round','round','round','round','round'"
                             ",'round','round','round','round','round','round',"
                             "'round','round','round','round']}]",
                             list),
                     COVE_PRESENT);
    ck_assert_int_eq(made_of("[{'each':['round','round','round','round','round'"
                             ",'round','round','round','round','round','round',"
                             "'round','round','round','round','round']}]",
                             list),
                     COVE_INVALID);
    ck_assert_int_eq(made_of("[{'each':['round','round','round','round','round'"
                             ",'round','round','round','round','round','round',"
                             "'round','round','round','round']},{'is':{'eq':1}}"
                             "]",
                             list),
                     COVE_INVALID);
}
END_TEST

/* A19: without the count this would be 60,000 values of 60,000 bytes. */
START_TEST(what_multiplies_is_stopped)
{
    const char *doubled = "[]";
    struct cove_cell in = {COVE_PRESENT, ones(60000)};
    struct cove_cell out;

    ck_assert_int_eq(
        made_of("[{'each':[{'list':[[],[],[],[],[],[],[],[]]}]}]", in.bytes),
        COVE_INVALID);
    for (int i = 0; i < 7; i++) {
        doubled =
            cove_arena_printf(&arena, "[{'list':[%s,%s]}]", doubled, doubled);
    }
    ck_assert_int_eq(cove_fn_call(&arena, json(doubled),
                                  (struct cove_cell){COVE_PRESENT, ones(20000)},
                                  &out),
                     0);
    ck_assert_int_eq(out.kind, COVE_INVALID);
    ck_assert_int_eq(made_of("[{'replace':['a','bbbbbbbbbbbbbbbb']}]",
                             json(cove_arena_printf(
                                 &arena, "'%s'",
                                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))),
                     COVE_PRESENT);
}
END_TEST

/* Every vector, with each allocation failing in turn. */
START_TEST(a_function_without_memory_says_so)
{
    struct cove_reader r;

    cove_reader_init(&r, vectors);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_reader list;

        (void)cove_reader_item(&r);
        cove_reader_init(&list, cove_reader_item(&r));
        for (size_t n = cove_reader_list(&list); n > 0; n--) {
            struct cove_reader one;
            struct cove_bytes pipe;
            struct cove_cell in = {.kind = COVE_PRESENT};
            long fail_at = 0;
            int err;

            cove_reader_init(&one, cove_reader_item(&list));
            (void)cove_reader_list(&one);
            pipe = cove_reader_item(&one);
            in.bytes = cove_reader_item(&one);
            do {
                struct harness_alloc heap;
                struct cove_arena small;
                struct cove_cell out;

                harness_alloc_init(&heap, ++fail_at);
                cove_arena_init(&small, &heap.alloc);
                err = cove_fn_call(&small, pipe, in, &out);
                ck_assert(err == 0 || err == COVE_ENOMEM);
                cove_arena_clear(&small);
                ck_assert_int_eq(heap.alive, 0);
            } while (err != 0);
        }
    }
}
END_TEST

/* --- the documentation */

/* What stands between the first two ` from *at on; *at then behind it. */
static char *take_code(char **at)
{
    char *begin = *at != NULL ? strchr(*at, '`') : NULL;
    char *end = begin != NULL ? strchr(begin + 1, '`') : NULL;

    ck_assert_msg(end != NULL, "%.200s", *at != NULL ? *at : "");
    *end = '\0';
    *at = end + 1;
    return begin + 1;
}

/* | `function` | what it gives | `value` | `result`, or invalid | undone by |
 */
static void ck_row(char *line)
{
    char *cells[3];
    char *at = line + 2;
    bool invalid;
    struct cove_cell in = {.kind = COVE_PRESENT};
    struct cove_cell out;
    struct cove_bytes pipe;

    cells[0] = take_code(&at);
    at = strstr(at, " | ");
    at = at != NULL ? strstr(at + 3, " | ") : NULL;
    cells[1] = take_code(&at);
    invalid = strncmp(at, " | invalid |", 12) == 0;
    cells[2] = invalid ? cells[1] : take_code(&at);
    pipe = json(cove_arena_printf(&arena, "[%s]", cells[0]));
    in.bytes = json(cells[1]);
    ck_assert_msg(cove_fn_known(pipe), "%s", cells[0]);
    ck_assert_int_eq(cove_fn_call(&arena, pipe, in, &out), 0);
    ck_assert_msg((out.kind == COVE_INVALID) == invalid, "%s", cells[0]);
    ck_assert_msg(cove_bytes_equal(out.bytes, json(cells[2])), "%s gives %s",
                  cells[0], shown(out.bytes));
}

START_TEST(every_row_of_the_documentation_is_so)
{
    char *text = vectors_file("docs/MIGRATIONS.md");
    char *at = strstr(text, "\n## Functions\n");
    char *end = at != NULL ? strstr(at + 1, "\n## ") : NULL;
    bool told[128] = {false};

    ck_assert(end != NULL);
    *end = '\0';
    for (char *line = at + 1; line != NULL;) {
        char *next = strchr(line, '\n');

        if (next != NULL) {
            *next++ = '\0';
        }
        for (size_t i = 0; cove_fn_name(i) != NULL; i++) {
            char *plain =
                cove_arena_printf(&arena, "| `\"%s\"` |", cove_fn_name(i));
            char *with =
                cove_arena_printf(&arena, "| `{\"%s\": ", cove_fn_name(i));

            if (strncmp(line, plain, strlen(plain)) == 0 ||
                strncmp(line, with, strlen(with)) == 0) {
                ck_row(line);
                told[i] = true;
                break;
            }
        }
        line = next;
    }
    for (size_t i = 0; cove_fn_name(i) != NULL; i++) {
        ck_assert_msg(told[i] || is_script(i), "%s", cove_fn_name(i));
    }
    free(text);
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
    tcase_add_test(tc, an_argument_of_another_form_is_unknown);
    tcase_add_test(tc, the_innermost_function_that_is_wrong_is_named);
    tcase_add_test(tc, pipelines_and_conditions_are_nested_eight_deep_at_most);
    tcase_add_test(tc, a_call_does_so_much_inside_and_no_more);
    tcase_add_test(tc, what_multiplies_is_stopped);
    tcase_add_test(tc, a_function_without_memory_says_so);
    tcase_add_test(tc, every_row_of_the_documentation_is_so);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
