/* test_diff.c: what changed between two schemas, and the words for it. */
#include "tests/unit/diff_kit.h"

#define TEXT "{'type':'string'}"
#define INT  "{'type':'integer'}"

/* --- fields that come and go -------------------------------------------- */

START_TEST(an_added_field_is_an_add)
{
    changes("'a':" TEXT, "'a':" TEXT ",'b':" INT, "", "b added ADD FULL");
    ck_assert_int_eq(got.class, COVE_DIFF_ADD);
    ck_assert_uint_eq(got.compat, COVE_COMPAT_FULL);
    words("'a':" TEXT, "'a':" TEXT ",'b':" INT, "", "[{'add':'b'}]",
          "[{'hide':'b'}]");
}
END_TEST

START_TEST(a_lone_removal_is_destructive_until_it_is_dropped_with_consent)
{
    const char *before = "'a':" TEXT ",'b':" INT;

    changes(before, "'a':" TEXT, "", "b removed LOSSY> FULL !");
    ck_assert_uint_eq(got.destructive_count, 1);
    changes(before, "'a':" TEXT, "{'drop':['b']}", "b removed LOSSY> FULL !");
    changes(before, "'a':" TEXT, "{'drop':['b'],'acceptDataLoss':true}",
            "b removed LOSSY> FULL");
    ck_assert_uint_eq(got.destructive_count, 0);
    words(before, "'a':" TEXT, "{'drop':['b'],'acceptDataLoss':true}",
          "[{'remove':'b'}]", "[{'show':{'type':'integer','field':'b'}}]");
    changes(before, "'a':" TEXT, "{'hide':['b']}", "b removed ALIAS FULL");
    words(before, "'a':" TEXT, "{'hide':['b']}", "[{'hide':'b'}]",
          "[{'show':{'type':'integer','field':'b'}}]");
}
END_TEST

START_TEST(a_removal_beside_an_addition_is_ambiguous_until_answered)
{
    const char *before = "'first':" TEXT ",'note':" TEXT;
    const char *after = "'givenName':" TEXT ",'note':" TEXT;

    changes(before, after, "",
            "first removed LOSSY> FULL ?; givenName added ADD FULL");
    ck_assert_uint_eq(got.ambiguous_count, 1);
    ck_assert_uint_eq(got.words.len, 0);
    changes(before, after, "{'rename':{'first':'givenName'}}",
            "first renamed ALIAS FULL");
    words(before, after, "{'rename':{'first':'givenName'}}",
          "[{'rename':{'to':'givenName','from':'first'}}]",
          "[{'rename':{'to':'first','from':'givenName'}}]");
    changes(before, after, "{'drop':['first']}",
            "first removed LOSSY> FULL !; givenName added ADD FULL");
}
END_TEST

START_TEST(candidates_are_ordered_by_likeliness)
{
    ck_assert_int_eq(differ("'size':" TEXT,
                            "'colour':" TEXT ",'sizeText':" TEXT ",'sizes':" INT
                            ",'o':{'type':'object'}",
                            ""),
                     0);

    const struct cove_diff_change *c = NULL;

    for (size_t i = 0; i < got.change_count; i++) {
        c = got.changes[i].ambiguous ? &got.changes[i] : c;
    }
    ck_assert_ptr_nonnull(c);
    ck_assert_uint_eq(c->maybe_count, 3); /* no text becomes an object */
    ck_assert(cove_bytes_equal(c->maybe[0], cove_bytes_text("sizeText")));
    ck_assert(cove_bytes_equal(c->maybe[1], cove_bytes_text("sizes")));
    ck_assert(cove_bytes_equal(c->maybe[2], cove_bytes_text("colour")));
}
END_TEST

START_TEST(names_that_change_places_go_over_a_third)
{
    words("'a':" TEXT ",'b':" TEXT ",'c':" TEXT,
          "'a':" TEXT ",'b':" TEXT ",'d':" TEXT,
          "{'rename':{'a':'b','b':'a','c':'d'}}",
          "[{'rename':{'to':'d','from':'c'}},{'rename':{'to':'renamed_1','from'"
          ":'a'}},{'rename':{'to':'a','from':'b'}},{'rename':{'to':'b','from':'"
          "renamed_1'}}]",
          "[{'rename':{'to':'renamed_1','from':'b'}},{'rename':{'to':'b','from'"
          ":'a'}},{'rename':{'to':'a','from':'renamed_1'}},{'rename':{'to':'c'"
          ",'from':'d'}}]");
}
END_TEST

/* --- types -------------------------------------------------------------- */

START_TEST(a_retype_says_which_way_it_loses)
{
    changes("'a':" TEXT, "'a':" INT, "", "a retyped LOSSY> FORWARD");
    changes("'a':" INT, "'a':" TEXT, "", "a retyped LOSSY< BACKWARD");
    changes("'a':{'type':'boolean'}", "'a':" INT, "",
            "a retyped LOSSY< BACKWARD");
    changes("'a':{'type':'boolean'}", "'a':" TEXT, "",
            "a retyped LOSSY< BACKWARD");
    changes("'a':" INT, "'a':{'type':'boolean'}", "",
            "a retyped LOSSY> FORWARD");
    changes("'a':" INT, "'a':{'type':'number'}", "",
            "a retyped LOSSY< BACKWARD");
    changes("'a':{'type':'number'}", "'a':" INT, "",
            "a retyped LOSSY> FORWARD");
    changes("'a':" TEXT, "'a':{'type':['string','integer']}", "",
            "a retyped LOSSY< BACKWARD");
    words("'a':" TEXT, "'a':" INT, "",
          "[{'convert':{'to':{'type':'integer'},'back':['text_of_int'],'field':"
          "'a','forward':['int_of_text']}}]",
          "[{'hide':'a'},{'show':{'type':'string','field':'a'}}]");
}
END_TEST

START_TEST(a_retype_with_no_known_way_needs_an_answer)
{
    const char *before = "'a':" TEXT;
    const char *after = "'a':{'type':'array'}";

    changes(before, after, "", "a retyped ONE-WAY NONE ?");
    ck_assert_uint_eq(got.changes[0].maybe_count, 0);
    changes(before, after, "{'convert':{'a':{'forward':[{'split_list':','}]}}}",
            "a retyped LOSSY< BACKWARD");
}
END_TEST

int main(void)
{
    const TTest *const all[] = {
        an_added_field_is_an_add,
        a_lone_removal_is_destructive_until_it_is_dropped_with_consent,
        a_removal_beside_an_addition_is_ambiguous_until_answered,
        candidates_are_ordered_by_likeliness,
        names_that_change_places_go_over_a_third,
        a_retype_says_which_way_it_loses,
        a_retype_with_no_known_way_needs_an_answer,
    };
    Suite *suite = suite_create("diff");
    TCase *tests = tcase_create("diff");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        tcase_add_test(tests, all[i]);
    }
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
