/* test_diff_child.c: fields that become documents of their own, in a diff. */
#include "tests/unit/diff_kit.h"

#define TEXT  "{'type':'string','x-type':'text'}"
#define TEXTS "{'type':'array','x-type':'list','items':{'type':'string'}}"
#define INTS  "{'type':'array','x-type':'list','items':{'type':'integer'}}"

START_TEST(a_text_field_becomes_a_text_without_loss)
{
    changes("'a':{'type':'string'}", "'a':" TEXT, "",
            "a retyped LOSSLESS FULL");
    words("'a':{'type':'string'}", "'a':" TEXT, "", "[{'text':'a'}]",
          "[{'hide':'a'},{'show':{'type':'string','field':'a'}}]");
}
END_TEST

START_TEST(a_scalar_becomes_a_list_of_which_the_old_version_reads_one)
{
    changes("'a':{'type':'string'}", "'a':" TEXTS, "",
            "a retyped LOSSY< BACKWARD");
    words("'a':{'type':'string'}", "'a':" TEXTS, "",
          "[{'to_list':{'to':{'type':'string'},'field':'a'}}]",
          "[{'hide':'a'},{'show':{'type':'string','field':'a'}}]");
    words("'a':{'type':'integer'}", "'b':" TEXTS, "{'rename':{'a':'b'}}",
          "[{'rename':{'to':'b','from':'a'}},{'to_list':{'to':{'type':"
          "'string'},'back':['int_of_text'],'field':'b','forward':"
          "['text_of_int']}}]",
          "[{'hide':'b'},{'show':{'type':'integer','field':'b'}},{'rename':{"
          "'to':'a','from':'b'}}]");
}
END_TEST

START_TEST(items_are_converted_one_by_one)
{
    changes("'a':" TEXTS, "'a':" INTS, "", "a retyped LOSSY> FORWARD");
    words("'a':" TEXTS, "'a':" INTS, "",
          "[{'each':{'to':'integer','back':['text_of_int'],'field':'a',"
          "'forward':['int_of_text']}}]",
          "");
}
END_TEST

START_TEST(what_no_word_does_is_said)
{
    changes("'a':" TEXT, "'a':" TEXTS, "", "a retyped ONE-WAY NONE ?");
    changes("'a':{'type':'integer'}", "'a':" TEXT, "",
            "a retyped ONE-WAY NONE ?");
    changes("'a':" TEXT, "'a':" TEXT, "", "");
    changes("", "'a':" TEXT, "", "a added ADD FULL");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("diff_child");
    TCase *tests = tcase_create("diff_child");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_text_field_becomes_a_text_without_loss);
    tcase_add_test(tests,
                   a_scalar_becomes_a_list_of_which_the_old_version_reads_one);
    tcase_add_test(tests, items_are_converted_one_by_one);
    tcase_add_test(tests, what_no_word_does_is_said);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
