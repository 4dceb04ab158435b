/* test_laws.c: a step that says nothing is lost is tried on values. */
#include "migrate/compile_parts.h"
#include "migrate/laws.h"
#include "tests/unit/compile_kit.h"

#define TEXT "'a':{'type':'string'}"

/* A migration of {a: text}, judged; 0 or what is said. */
static int judge_file(const char *file_text, const char *properties)
{
    struct cove_migration m;
    struct cove_laws laws = {.seed = 7};
    struct cove_law_break broken;

    publish("{'title':'T','version':1,'properties':{" TEXT "}}");
    ck_assert_msg(migrate(file_text, target_text(properties, "")) == 0, "%s",
                  diag.text);
    ck_assert_int_eq(
        cove_migration_read(&arena, json(file_text), "m.json", &m, &diag), 0);
    laws.body = made.body;
    laws.journal = journal;
    laws.words = m.words;
    laws.word_count = m.word_count;
    return cove_laws_judge(&arena, &laws, &broken, &diag);
}

/* By this one word. */
static int judge(const char *word, const char *properties)
{
    return judge_file(migration_text(word), properties);
}

START_TEST(s31_a_step_that_says_lossless_and_is_not_is_refused_by_example)
{
    ck_assert_int_eq(
        judge("{'convert':{'field':'a','forward':['lower'],'back':[]}}", TEXT),
        COVE_ECONDITION);
    ck_assert_ptr_nonnull(strstr(said(), "'a': lower is not lossless: 'Ada' "
                                         "becomes 'ada' and comes back as "
                                         "'ada'; mark it lossy"));
}
END_TEST

START_TEST(what_is_marked_lossy_is_let_pass)
{
    ck_assert_int_eq(judge("{'convert':{'field':'a','forward':['lower'],"
                           "'back':[],'lossy':true}}",
                           TEXT),
                     0);
    ck_assert_int_eq(judge("{'convert':{'field':'a','forward':['lower'],"
                           "'back':[],'lossy':false}}",
                           TEXT),
                     COVE_ECONDITION);
}
END_TEST

START_TEST(the_older_form_is_judged_and_marked_alike)
{
    static const char form[] =
        "{'fromVersion':1,'toVersion':2,'targetSchema':'T','script':"
        "{'transformFields':{'a':{'forward':['lower'],'back':[]%s}}}}";
    static const char pipe[] =
        "{'fromVersion':1,'toVersion':2,'targetSchema':'T','script':"
        "{'transformFields':{'a':['lower']}}}";

    ck_assert_int_eq(judge_file(cove_arena_printf(&arena, form, ""), TEXT),
                     COVE_ECONDITION);
    ck_assert_int_eq(
        judge_file(cove_arena_printf(&arena, form, ",'lossy':true"), TEXT), 0);
    /* nothing undoes it, so there is no way back, and no law */
    ck_assert_int_eq(judge_file(pipe, TEXT), 0);
}
END_TEST

START_TEST(what_does_not_convert_breaks_no_law)
{
    ck_assert_int_eq(judge("{'convert':{'field':'a','to':{'type':'integer'},"
                           "'forward':['int_of_text']}}",
                           "'a':{'type':'integer'}"),
                     0);
    ck_assert_int_eq(judge("{'convert':{'field':'a','forward':['lower'],"
                           "'back':null}}",
                           TEXT),
                     0);
}
END_TEST

START_TEST(a_table_that_puts_two_values_into_one_is_refused)
{
    ck_assert_int_eq(judge("{'convert':{'field':'a','forward':[{'table':[['blu'"
                           ",'blue'],['blue','blue']]}],'back':[{'table':[["
                           "'blue','blue']]}]}}",
                           TEXT),
                     COVE_ECONDITION);
    ck_assert_ptr_nonnull(
        strstr(said(), "'blu' becomes 'blue' and comes back as 'blue'"));
}
END_TEST

START_TEST(a_split_joins_to_the_text_again)
{
    ck_assert_int_eq(judge("{'split':{'field':'a','into':['b','c'],"
                           "'pattern':['',' ','']}}",
                           "'b':{'type':'string'},'c':{'type':'string'}"),
                     0);
    ck_assert_int_eq(judge("{'split':{'field':'a','into':['b','c'],"
                           "'pattern':['',' <','>'],'lenient':true}}",
                           "'b':{'type':'string'},'c':{'type':'string'}"),
                     0);
    /* one part in brackets that may be missing: which were there is lost */
    ck_assert_int_eq(judge("{'split':{'field':'a','into':['b'],"
                           "'pattern':['<','>'],'lenient':true}}",
                           "'b':{'type':'string'}"),
                     COVE_ECONDITION);
}
END_TEST

START_TEST(functions_that_forget_are_refused_by_example)
{
    static const char *const rows[][3] = {
        /* functions, the way back, and what is said */
        {"['ms_of_iso','iso_of_ms']", "[]",
         "comes back as '2024-05-01T10:30:00.000Z'"},
        {"[{'int_of_decimal':2},{'decimal_of_int':2}]", "[]",
         "is not lossless"},
        {"[{'replace':['-','_']}]", "[{'replace':['_','-']}]",
         "is not lossless"},
        {"[{'split_list':','},{'each':['lower']}]", "[{'join_list':','}]",
         "split_list, each is not lossless"},
        {"[{'wrap':'k'},{'update':[['k'],['upper']]}]", "[{'pick':'k'}]",
         "wrap, update is not lossless"},
        {"[{'split_list':','},'unique']", "[{'join_list':','}]",
         "is not lossless"},
        {"[{'when':[[{'starts':'b'},['upper']],['else',[]]]}]", "[]",
         "is not lossless: 'b'"},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(rows); i++) {
        char *word = cove_arena_printf(
            &arena, "{'convert':{'field':'a','forward':%s,'back':%s}}",
            rows[i][0], rows[i][1]);

        ck_assert_msg(judge(word, "'a':{}") == COVE_ECONDITION, "%s", word);
        ck_assert_msg(strstr(said(), rows[i][2]) != NULL, "%s", said());
    }
    ck_assert_int_eq(judge("{'convert':{'field':'a','forward':[{'prefix':'#'},"
                           "{'suffix':';'},{'wrap':'k'},{'rename':['k','v']}]"
                           "}}",
                           "'a':{}"),
                     0);
}
END_TEST

#define JOINED(sep)                                                            \
    "{'parents':[],'ops':[{'op':'add','reg':'l','name':'l','type':'list'},"    \
    "{'op':'add','reg':'t','name':'t','type':'text'},{'op':'conv','from':'l'," \
    "'to':'t','fwd':[{'join_list':'" sep "'}],'bwd':[{'split_list':'" sep      \
    "'}]}]}"

static int judge_body(const char *body)
{
    struct cove_law_break broken;
    struct cove_bytes item;

    ck_assert_int_eq(cove_file_json(&arena, json(body), "body", &item, &diag),
                     0);
    return cove_laws_check(&arena, item, 7, &broken, &diag);
}

/* ["a-", "c"] by "--" is "a---c", which is split behind the a. */
START_TEST(a_separator_that_overlaps_itself_is_tried_where_it_does)
{
    ck_assert_int_eq(judge_body(JOINED("--")), COVE_ECONDITION);
    ck_assert_int_eq(judge_body(JOINED("-;")), 0);
    ck_assert_int_eq(judge_body(JOINED(",")), 0);
}
END_TEST

START_TEST(a_body_alone_is_judged_for_values_of_every_type)
{
    struct cove_law_break broken;

    ck_assert_int_eq(judge("{'convert':{'field':'a','forward':['upper'],"
                           "'back':[],'lossy':true}}",
                           TEXT),
                     0);
    ck_assert_int_eq(cove_laws_check(&arena, made.body, 1, &broken, &diag),
                     COVE_ECONDITION);
    ck_assert_str_eq(broken.law, "forward then back");
    ck_assert_uint_gt(broken.value.len, 0);
}
END_TEST

START_TEST(out_of_memory_at_any_call_is_said)
{
    struct cove_laws laws = {.seed = 1};

    ck_assert_int_eq(judge("{'split':{'field':'a','into':['b','c'],"
                           "'pattern':['',' <','>'],'lenient':true}}",
                           "'b':{'type':'string'},'c':{'type':'string'}"),
                     0);
    laws.body = made.body;
    laws.journal = journal;
    /* hundreds of values: every call near the start, then one in seven */
    for (long fail = 1;; fail += fail < 64 ? 1 : 7) {
        struct harness_alloc heap;
        struct cove_law_break broken;
        struct cove_arena lean;
        int rc;

        harness_alloc_init(&heap, fail);
        cove_arena_init(&lean, &heap.alloc);
        rc = cove_laws_judge(&lean, &laws, &broken, &diag);
        cove_arena_clear(&lean);
        ck_assert_int_eq(heap.alive, 0);
        if (rc == 0) {
            break;
        }
        ck_assert_int_eq(rc, COVE_ENOMEM);
    }
}
END_TEST

int main(void)
{
    const TTest *const all[] = {
        s31_a_step_that_says_lossless_and_is_not_is_refused_by_example,
        what_is_marked_lossy_is_let_pass,
        the_older_form_is_judged_and_marked_alike,
        what_does_not_convert_breaks_no_law,
        a_table_that_puts_two_values_into_one_is_refused,
        a_split_joins_to_the_text_again,
        functions_that_forget_are_refused_by_example,
        a_separator_that_overlaps_itself_is_tried_where_it_does,
        a_body_alone_is_judged_for_values_of_every_type,
        out_of_memory_at_any_call_is_said,
    };
    Suite *suite = suite_create("laws");
    TCase *tests = tcase_create("laws");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        tcase_add_test(tests, all[i]);
    }
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
