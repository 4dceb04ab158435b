#include "schema/fn.h"

#include "core/limits.h"
#include "cove/error.h"
#include "tests/unit/world.h"

static struct world w;

static void set_up(void)
{
    world_init(&w);
}

static void tear_down(void)
{
    world_clear(&w);
}

/* What a pipeline makes of a value: "value", or "!raw". */
static const char *call(const char *pipe, const char *value)
{
    struct cove_cell in = {COVE_PRESENT, world_json(&w, value)};
    struct cove_bytes fns =
        pipe == NULL ? cove_bytes(NULL, 0) : world_json(&w, pipe);
    struct cove_cell out;

    ck_assert(pipe == NULL || cove_fn_known(fns));
    ck_assert_int_eq(cove_fn_call(&w.arena, fns, in, &out), 0);
    ck_assert_int_ne(out.kind, COVE_ABSENT);
    return out.kind == COVE_PRESENT
               ? world_text(&w, out.bytes)
               : cove_arena_printf(&w.arena, "!%s", world_text(&w, out.bytes));
}

#define ck_call(pipe, in, out) ck_assert_str_eq(call(pipe, in), out)
/* fails, and the raw value is the input */
#define ck_bad(pipe, in) ck_assert_str_eq(call(pipe, in) + 1, in)

START_TEST(a_text_becomes_an_integer_only_in_its_one_form)
{
    ck_call("['int_of_text']", "'0'", "0");
    ck_call("['int_of_text']", "'-12'", "-12");
    ck_call("['int_of_text']", "'9223372036854775807'", "9223372036854775807");
    ck_call("['int_of_text']", "'-9223372036854775808'",
            "-9223372036854775808");
    ck_bad("['int_of_text']", "'9223372036854775808'");
    ck_bad("['int_of_text']", "'-9223372036854775809'");
    ck_bad("['int_of_text']", "'10000000000000000000'");
    ck_bad("['int_of_text']", "''");
    ck_bad("['int_of_text']", "'-'");
    ck_bad("['int_of_text']", "'-0'");
    ck_bad("['int_of_text']", "'007'");
    ck_bad("['int_of_text']", "'-07'");
    ck_bad("['int_of_text']", "'+1'");
    ck_bad("['int_of_text']", "' 1'");
    ck_bad("['int_of_text']", "'1a'");
    ck_bad("['int_of_text']", "'١'"); /* a digit, but not of ASCII */
    ck_bad("['int_of_text']", "5");
}
END_TEST

START_TEST(an_integer_becomes_its_decimal_text)
{
    ck_call("['text_of_int']", "0", "'0'");
    ck_call("['text_of_int']", "-9223372036854775808",
            "'-9223372036854775808'");
    ck_bad("['text_of_int']", "true");
    ck_bad("['text_of_int']", "1.5");
}
END_TEST

START_TEST(bools_and_the_integers_0_and_1_are_each_others_forms)
{
    ck_call("['int_of_bool']", "false", "0");
    ck_call("['int_of_bool']", "true", "1");
    ck_bad("['int_of_bool']", "1");
    ck_call("['bool_of_int']", "0", "false");
    ck_call("['bool_of_int']", "1", "true");
    ck_bad("['bool_of_int']", "2");
    ck_bad("['bool_of_int']", "true");
}
END_TEST

START_TEST(case_and_trim_know_ascii_only)
{
    ck_call("['lower']", "'AZaz[@Ü'", "'azaz[@Ü'");
    ck_call("['upper']", "'AZaz`{ü'", "'AZAZ`{ü'");
    ck_bad("['lower']", "1");
    ck_bad("['upper']", "[]");
    ck_call("['trim']", "' \\t\\r\\n a b \\n'", "'a b'");
    ck_call("['trim']", "'  '", "''");
    ck_call("['trim']", "' a'", "' a'");
    ck_bad("['trim']", "{}");
}
END_TEST

START_TEST(a_table_takes_the_first_row_with_equal_bytes)
{
    const char *table = "[{'table':[['a',1],['a',2],[1,'x'],[null,3]]}]";

    ck_call(table, "'a'", "1");
    ck_call(table, "1", "'x'");
    ck_bad(table, "1.0");
    ck_bad(table, "'b'");
    ck_call(table, "null", "null"); /* null stays null */
    ck_bad("[{'table':[]}]", "1");
}
END_TEST

START_TEST(arithmetic_is_exact_or_fails)
{
    ck_call("[{'add':3}]", "4", "7");
    ck_bad("[{'add':1}]", "9223372036854775807");
    ck_bad("[{'add':-1}]", "-9223372036854775808");
    ck_call("[{'mul':100}]", "-7", "-700");
    ck_bad("[{'mul':2}]", "9223372036854775807");
    ck_bad("[{'mul':-1}]", "-9223372036854775808");
    ck_bad("[{'mul':9223372036854775807}]", "9223372036854775807");
    ck_call("[{'div':100}]", "-700", "-7");
    ck_call("[{'div':-7}]", "0", "0");
    ck_bad("[{'div':2}]", "7");
    ck_bad("[{'div':2}]", "-7");
    ck_bad("[{'add':1}]", "1.0");
    ck_bad("[{'mul':1}]", "true");
    ck_bad("[{'div':1}]", "'1'");
}
END_TEST

START_TEST(a_text_is_split_into_a_list_and_joined_again)
{
    ck_call("[{'split_list':','}]", "'a,b,,c'", "['a','b','','c']");
    ck_call("[{'split_list':','}]", "','", "['','']");
    ck_call("[{'split_list':', '}]", "'a, b,c'", "['a','b,c']");
    ck_call("[{'split_list':'aa'}]", "'aaa'", "['','a']");
    ck_call("[{'split_list':','}]", "''", "[]");
    ck_bad("[{'split_list':','}]", "['a']");
    ck_call("[{'join_list':', '}]", "['a','b']", "'a, b'");
    ck_call("[{'join_list':','}]", "[]", "''");
    ck_bad("[{'join_list':','}]", "['a','b,c']");
    ck_bad("[{'join_list':','}]", "['a','']");
    ck_bad("[{'join_list':','}]", "['a',1]");
    ck_bad("[{'join_list':','}]", "'a'");
}
END_TEST

START_TEST(a_value_is_wrapped_into_an_object_and_picked_from_one)
{
    ck_call("[{'wrap':'v'}]", "5", "{'v':5}");
    ck_call("[{'pick':'v'}]", "{'u':1,'v':[2]}", "[2]");
    ck_bad("[{'pick':'v'}]", "{'u':1}");
    ck_bad("[{'pick':'v'}]", "5");
    ck_call("[{'const':{'a':[1]}}]", "5", "{'a':[1]}");
}
END_TEST

START_TEST(a_pipeline_runs_in_order_and_fails_with_its_own_input)
{
    ck_call("[]", "5", "5");
    ck_call("['trim','int_of_text',{'mul':2}]", "' 4 '", "8");
    ck_bad("['trim','int_of_text',{'mul':2}]", "' x '");
    ck_bad("[{'pick':'v'},'lower']", "{'v':null}"); /* null on the way fails */
    ck_call("[{'pick':'v'},{'wrap':'u'}]", "{'v':null}", "{'u':null}");
}
END_TEST

START_TEST(absent_null_and_invalid_stay_what_they_are)
{
    struct cove_bytes pipe = world_json(&w, "[{'const':1}]");
    struct cove_cell cell = {COVE_ABSENT, {NULL, 0}};
    struct cove_cell out;

    ck_assert_int_eq(cove_fn_call(&w.arena, pipe, cell, &out), 0);
    ck_assert_int_eq(out.kind, COVE_ABSENT);
    cell.kind = COVE_INVALID;
    cell.bytes = world_json(&w, "'raw'");
    ck_assert_int_eq(cove_fn_call(&w.arena, pipe, cell, &out), 0);
    ck_assert_int_eq(out.kind, COVE_INVALID);
    ck_assert(cove_bytes_equal(out.bytes, cell.bytes));
    ck_call("[{'const':1}]", "null", "null");
    ck_call(NULL, "null", "null");
}
END_TEST

START_TEST(without_a_way_back_a_value_is_invalid)
{
    ck_bad(NULL, "5");
}
END_TEST

/* A text value of so many letters. */
static const char *long_text(size_t len)
{
    char *text = cove_arena_new(&w.arena, len + 3);

    ck_assert_ptr_nonnull(text);
    memset(text, 'a', len + 2);
    text[0] = text[len + 1] = '\'';
    return text;
}

START_TEST(a_result_beyond_the_limits_of_a_value_fails)
{
    const char *fits = long_text(COVE_MAX_TEXT);
    const char *deep = "1";

    ck_call("['upper','lower']", fits, fits);
    ck_bad("['upper','lower']", long_text(COVE_MAX_TEXT + 1));
    ck_call("[]", long_text(COVE_MAX_TEXT + 1), long_text(COVE_MAX_TEXT + 1));
    ck_bad("[{'wrap':'v'}]", long_text(COVE_MAX_TEXT + 1));
    ck_call("[{'split_list':'b'}]", fits,
            cove_arena_printf(&w.arena, "[%s]", fits));
    for (int i = 0; i < COVE_MAX_VALUE_DEPTH - 1; i++) {
        deep = cove_arena_printf(&w.arena, "[%s]", deep);
    }
    ck_assert_int_ne(call("[{'wrap':'v'}]", deep)[0], '!');
    ck_bad("[{'wrap':'v'}]", cove_arena_printf(&w.arena, "[%s]", deep));
    /* joined, two texts are too long together */
    ck_bad("[{'join_list':','}]",
           cove_arena_printf(&w.arena, "[%s,'b']", fits));
}
END_TEST

/* A19 */
START_TEST(what_this_build_does_not_know_is_unknown)
{
    static const char *const pipes[] = {
        "'lower'",
        "{}",
        "['nosuch']",
        "[5]",
        "[null]",
        "['add']",
        "[{'lower':1}]",
        "[{'add':1,'mul':2}]",
        "[{}]",
        "[{'add':1.0}]",
        "[{'add':true}]",
        "[{'mul':'1'}]",
        "[{'div':0}]",
        "[{'split_list':''}]",
        "[{'join_list':5}]",
        "[{'pick':''}]",
        "[{'wrap':null}]",
        "[{'table':{}}]",
        "[{'table':[1]}]",
        "[{'table':[[1]]}]",
        "['lower',5]",
        "[{'table':[[1,2,3]]}]",
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(pipes); i++) {
        ck_assert_msg(!cove_fn_known(world_json(&w, pipes[i])), "%s", pipes[i]);
    }
    ck_assert(!cove_fn_known(cove_bytes(NULL, 0)));
    ck_assert(cove_fn_known(world_json(&w, "[]")));
}
END_TEST

START_TEST(a_type_holds_its_own_values)
{
    static const struct {
        const char *type;
        const char *holds;
    } rows[] = {
        /* text int bool float list object null */
        {"text", "1000000"},   {"int", "0100000"},  {"bool", "0010000"},
        {"number", "0101000"}, {"list", "0000100"}, {"object", "0000010"},
        {"any", "1111111"},
    };
    static const char *const values[] = {"'a'", "1",  "true", "1.5",
                                         "[]",  "{}", "null"};

    for (size_t t = 0; t < COVE_ARRAY_LEN(rows); t++) {
        enum cove_type type;

        ck_assert(cove_type_parse(cove_bytes_text(rows[t].type), &type));
        ck_assert_str_eq(cove_type_name(type), rows[t].type);
        for (size_t v = 0; v < COVE_ARRAY_LEN(values); v++) {
            ck_assert_int_eq(cove_type_holds(type, world_json(&w, values[v])),
                             rows[t].holds[v] == '1');
        }
    }
    enum cove_type none;

    ck_assert(!cove_type_parse(cove_bytes_text("texts"), &none));
}
END_TEST

START_TEST(a_call_without_memory_says_so)
{
    static const char *const pipes[] = {"['lower']", "[{'split_list':','}]",
                                        "[{'wrap':'a'}]", "['trim']"};
    struct cove_cell in = {COVE_PRESENT, world_json(&w, "'A,B'")};

    for (size_t i = 0; i < COVE_ARRAY_LEN(pipes); i++) {
        struct cove_bytes pipe = world_json(&w, pipes[i]);
        long fail_at = 0;
        int err;

        do {
            struct harness_alloc heap;
            struct cove_arena arena;
            struct cove_cell out;

            harness_alloc_init(&heap, ++fail_at);
            cove_arena_init(&arena, &heap.alloc);
            err = cove_fn_call(&arena, pipe, in, &out);
            ck_assert(err == 0 || err == COVE_ENOMEM);
            cove_arena_clear(&arena);
            ck_assert_int_eq(heap.alive, 0);
        } while (err != 0);
        ck_assert_int_gt(fail_at, 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fn");
    TCase *tc = tcase_create("fn");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_text_becomes_an_integer_only_in_its_one_form);
    tcase_add_test(tc, an_integer_becomes_its_decimal_text);
    tcase_add_test(tc, bools_and_the_integers_0_and_1_are_each_others_forms);
    tcase_add_test(tc, case_and_trim_know_ascii_only);
    tcase_add_test(tc, a_table_takes_the_first_row_with_equal_bytes);
    tcase_add_test(tc, arithmetic_is_exact_or_fails);
    tcase_add_test(tc, a_text_is_split_into_a_list_and_joined_again);
    tcase_add_test(tc, a_value_is_wrapped_into_an_object_and_picked_from_one);
    tcase_add_test(tc, a_pipeline_runs_in_order_and_fails_with_its_own_input);
    tcase_add_test(tc, absent_null_and_invalid_stay_what_they_are);
    tcase_add_test(tc, without_a_way_back_a_value_is_invalid);
    tcase_add_test(tc, a_result_beyond_the_limits_of_a_value_fails);
    tcase_add_test(tc, what_this_build_does_not_know_is_unknown);
    tcase_add_test(tc, a_type_holds_its_own_values);
    tcase_add_test(tc, a_call_without_memory_says_so);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
