/* test_mend.c: the word mend: what a narrower rule leaves out, by one table. */
#include "migrate/laws.h"
#include "tests/unit/compile_kit.h"

#define ENUM   "'a':{'type':'string','enum':['red','blue']}"
#define DOORS  "'n':{'type':'integer','minimum':2,'maximum':4}"
#define ADD_A  "[{'op':'add','reg':'a~2','name':'a','type':'text'},"
#define HIDE_A "'from':'a~1'},{'op':'hide','reg':'a~1'}]"

START_TEST(what_is_allowed_stands_for_itself_and_the_rest_for_what_is_said)
{
    gives("{'mend':{'field':'a','map':[['blu','blue'],['rot','red']]}}",
          ENUM "," B "," N "," R, "'r'",
          ADD_A "{'op':'conv','to':'a~2','bwd':[],'fwd':[{'table':[['red','red'"
                "],['blue','blue'],['blu','blue'],['rot','red']]}]," HIDE_A);
    gives("{'mend':{'field':'n','map':[[0,2]],'back':null}}",
          A "," B "," DOORS "," R, "'r'",
          "[{'op':'add','reg':'n~2','name':'n','type':'int'},{'op':'conv','to':"
          "'n~2','bwd':null,'fwd':[{'table':[[2,2],[3,3],[4,4],[0,2]]}],'from':"
          "'n~1'},{'op':'hide','reg':'n~1'}]");
    gives("{'mend':{'field':'a','map':[['rot','red']]}}",
          "'a':{'type':'string','const':'red'}," B "," N "," R, "'r'",
          ADD_A "{'op':'conv','to':'a~2','bwd':[],'fwd':[{'table':[['red','red'"
                "],['rot','red']]}]," HIDE_A);
}
END_TEST

START_TEST(all_others_read_as_what_else_says)
{
    gives("{'mend':{'field':'a','map':[['rot','red']],'else':'blue'}}",
          ENUM "," B "," N "," R, "'r'",
          ADD_A "{'op':'conv','to':'a~2','bwd':[],'fwd':[{'map_or':[[['red','"
                "red'],['blue','blue'],['rot','red']],'blue']}]," HIDE_A);
    gives("{'mend':{'field':'n','else':4}}", A "," B "," DOORS "," R, "'r'",
          "[{'op':'add','reg':'n~2','name':'n','type':'int'},{'op':'conv','to':"
          "'n~2','bwd':[],'fwd':[{'map_or':[[[2,2],[3,3],[4,4]],4]}],'from':"
          "'n~1'},{'op':'hide','reg':'n~1'}]");
}
END_TEST

START_TEST(what_an_enum_lists_and_another_rule_forbids_is_not_allowed)
{
    gives("{'mend':{'field':'a','map':[['blu','red']]}}",
          "'a':{'type':'string','maxLength':3,'enum':['red','blue',null,7]}," B
          "," N "," R,
          "'r'",
          ADD_A "{'op':'conv','to':'a~2','bwd':[],'fwd':[{'table':[['red','red'"
                "],['blu','red']]}]," HIDE_A);
}
END_TEST

START_TEST(a_mend_may_follow_other_words)
{
    publish(V1);
    ck_assert_int_eq(
        migrate(migration_text("{'rename':{'from':'a','to':'c'}},{'mend':{'"
                               "field':'c','map':[['blu','blue']]}}"),
                target_text("'c':{'type':'string','enum':['blue']}," B "," N
                            "," R,
                            "'r'")),
        0);
}
END_TEST

START_TEST(what_cannot_be_mended_is_refused_and_says_why)
{
    static const struct {
        const char *word, *field;
        int code;
        const char *says;
    } rows[] = {
        {"{'field':'a'}", ENUM, COVE_ESTEP, "say 'map'"},
        {"'a'", ENUM, COVE_ESTEP, "say 'map'"},
        {"{'map':[]}", ENUM, COVE_ESTEP, "'field'"},
        {"{'field':'a','map':[['blu','blue']],'lossy':true}", ENUM, COVE_ESTEP,
         "'lossy'"},
        {"{'field':'x','map':[['blu','blue']]}", ENUM, COVE_ENOTFOUND, "'x'"},
        {"{'field':'a','map':{'blu':'blue'}}", ENUM, COVE_ESTEP, "pairs"},
        {"{'field':'a','map':['blu']}", ENUM, COVE_ESTEP, "pairs"},
        {"{'field':'a','map':[['blu','blue','red']]}", ENUM, COVE_ESTEP,
         "pairs"},
        {"{'field':'a','map':[['blu','teal']]}", ENUM, COVE_ESCHEMA, "'enum'"},
        {"{'field':'a','map':[['red','blue']]}", ENUM, COVE_ESTEP,
         "what is right stays"},
        {"{'field':'a','map':[[null,'blue']]}", ENUM, COVE_ESTEP,
         "what is right stays"},
        {"{'field':'a','map':[['blu','b']]}", "'a':{'type':'string'}",
         COVE_ESTEP, "does not list"},
        {"{'field':'a','map':[['blue','b']]}",
         "'a':{'type':'string','maxLength':3}", COVE_ESTEP,
         "does not list what 'a' may be"},
        {"{'field':'n','map':[[-1,0]]}",
         A ",'n':{'type':'integer','minimum':0,'maximum':255}", COVE_ESTEP,
         "more than 256"},
        {"{'field':'n','map':[[-1,0]]}",
         A ",'n':{'type':'integer','minimum':0,'maximum':9223372036854775807}",
         COVE_ESTEP, "more than 256"},
        {"{'field':'a','else':'teal'}", ENUM, COVE_ESCHEMA, "'else'"},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(rows); i++) {
        refuses(cove_arena_printf(&arena, "{'mend':%s}", rows[i].word),
                cove_arena_printf(&arena, "%s," B "%s," R, rows[i].field,
                                  strstr(rows[i].field, "'n'") != NULL ? ""
                                                                       : "," N),
                rows[i].code, rows[i].says);
    }
}
END_TEST

START_TEST(a_document_of_its_own_and_a_way_back_take_no_mend)
{
    refuses("{'text':'a'},{'mend':{'field':'a','map':[['blu','blue']]}}",
            "'a':{'type':'string','x-type':'text'}," B "," N "," R, COVE_ESTEP,
            "document");
    publish(V1);
    ck_assert_int_eq(
        migrate("{'schema':'T','from':1,'to':2,'steps':[],'down':[{'mend':{'"
                "field':'a','map':[['blu','blue']]}}]}",
                target_text(ENUM "," B "," N "," R, "'r'")),
        COVE_ESTEP);
    ck_assert_ptr_nonnull(strstr(said(), "`down` needs none"));
}
END_TEST

START_TEST(a_mend_need_not_be_marked_lossy)
{
    static const char file_text[] =
        "{'schema':'T','from':1,'to':2,'steps':[{'mend':{'field':'a','map':"
        "[['blu','blue']]}}]}";
    struct cove_law_break broken;
    struct cove_migration m;
    struct cove_laws laws = {.seed = 7};

    publish(V1);
    ck_assert_int_eq(
        migrate(file_text, target_text(ENUM "," B "," N "," R, "'r'")), 0);
    ck_assert_int_eq(
        cove_migration_read(&arena, json(file_text), "m.json", &m, &diag), 0);
    laws.body = made.body;
    laws.journal = journal;
    laws.words = m.words;
    laws.word_count = m.word_count;
    ck_assert_int_eq(cove_laws_judge(&arena, &laws, &broken, &diag), 0);
}
END_TEST

/* All that compiling a file takes, from this allocator. */
static int compile_with(const struct cove_alloc *alloc, struct cove_bytes steps,
                        struct cove_bytes target)
{
    struct cove_arena own;
    struct cove_migration m;
    struct cove_schema_file to;
    struct cove_compiled out;
    struct cove_compile_request request = {&m, &to, journal, &root.step, 1};
    int rc;

    cove_arena_init(&own, alloc);
    rc = cove_migration_read(&own, steps, "m.json", &m, NULL);
    rc =
        rc != 0 ? rc : cove_schema_file_read(&own, target, "s.json", &to, NULL);
    rc = rc != 0 ? rc : cove_compile_migration(&own, &request, &out, NULL);
    cove_arena_clear(&own);
    return rc;
}

START_TEST(memory_that_runs_out_leaves_nothing_behind)
{
    struct cove_bytes steps = json(migration_text(
        "{'mend':{'field':'a','map':[['blu','blue'],['rot','red']]}}"));
    struct cove_bytes target = json(target_text(ENUM "," B "," N "," R, "'r'"));
    int rc = COVE_ENOMEM;

    publish(V1);
    for (long step = 1; rc != 0; step++) {
        struct harness_alloc failing;

        harness_alloc_init(&failing, step);
        rc = compile_with(&failing.alloc, steps, target);
        ck_assert_int_eq(failing.alive, 0);
        ck_assert(rc == 0 || rc == COVE_ENOMEM);
        ck_assert(rc != 0 || step > 5);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mend");
    TCase *tests = tcase_create("mend");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(
        tests, what_is_allowed_stands_for_itself_and_the_rest_for_what_is_said);
    tcase_add_test(tests,
                   what_an_enum_lists_and_another_rule_forbids_is_not_allowed);
    tcase_add_test(tests, all_others_read_as_what_else_says);
    tcase_add_test(tests, a_mend_may_follow_other_words);
    tcase_add_test(tests, what_cannot_be_mended_is_refused_and_says_why);
    tcase_add_test(tests, a_document_of_its_own_and_a_way_back_take_no_mend);
    tcase_add_test(tests, a_mend_need_not_be_marked_lossy);
    tcase_add_test(tests, memory_that_runs_out_leaves_nothing_behind);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
