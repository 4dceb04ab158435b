/* test_compile_script.c: scripts in migration files: what a step holds of them,
 * and what is refused, with its line. */
#include "tests/unit/compile_kit.h"

START_TEST(a_script_is_one_text_with_its_limits_in_the_step)
{
    gives("{'convert':{'field':'a','forward':[{'lua':'return value'}],"
          "'back':[{'lua':['local v = value','','return v']}]}}",
          A "," B "," N "," R, "'r'",
          "[{'op':'add','reg':'a~2','name':'a','type':'text'},{'op':'conv','to'"
          ":'a~2','bwd':[{'lua':{'fuel':100000,'memory':4194304,'source':'local"
          " v = value\\n\\nreturn v'}}],'fwd':[{'lua':{'fuel':100000,'memory':"
          "4194304,'source':'return value'}}],'from':'a~1'},{'op':'hide','reg':"
          "'a~1'}]");
    gives("{'compute':{'field':'label','from':['a','n'],'type':'string','fn':"
          "[{'lua':{'source':['return value.a'],'fuel':500}}]}}",
          A "," B "," N "," R ",'label':{'type':'string'}", "'r'",
          "[{'op':'add','reg':'label~2','name':'label','type':'text'},{'fn':[{"
          "'lua':{'fuel':500,'memory':4194304,'source':'return value.a'}}],'op'"
          ":'derive','out':'label~2','deps':['a~1','n~1'],'names':['a','n']}]");
}
END_TEST

START_TEST(a_script_that_is_none_is_refused_with_its_line)
{
    refuses("{'convert':{'field':'a','forward':[{'lua':['return','',"
            "'return']}],'back':[]}}",
            ALL, COVE_ESTEP,
            "step 1 (convert): the script does not compile: line 3: ");
    refuses("{'convert':{'field':'a','forward':[{'lua':['','return 2 ^ 3']}],"
            "'back':[]}}",
            ALL, COVE_ESTEP, "step 1 (convert): line 2: a script has no `^`");
    refuses("{'convert':{'field':'a','forward':[],'back':[{'lua':5}]}}", ALL,
            COVE_ESTEP,
            "step 1 (convert): write a script like {'lua':'return value'}");
    refuses("{'convert':{'field':'a','forward':[{'lua':{'source':'return 1',"
            "'fule':5}}],'back':[]}}",
            ALL, COVE_ESTEP, "write a script like");
    refuses("{'convert':{'field':'a','forward':[{'lua':{'source':'return 1',"
            "'fuel':0}}],'back':[]}}",
            ALL, COVE_ESTEP, "no function 'lua' of this form");
    refuses("{'convert':{'field':'a','forward':[{'each':[{'lua':'return 1'}]}],"
            "'back':[]}}",
            ALL, COVE_ESTEP, "no function 'lua' of this form");
    refuses("{'convert':{'field':'a','forward':[{'lua':'return value'}]}}", ALL,
            COVE_ESTEP, "say 'back'");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("compile script");
    TCase *t = tcase_create("compile script");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_script_is_one_text_with_its_limits_in_the_step);
    tcase_add_test(t, a_script_that_is_none_is_refused_with_its_line);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return harness_run(suite());
}
