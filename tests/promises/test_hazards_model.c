/* test_hazards_model.c: designs of schema evolution that lost writes in the
 * reference model: one named test each, on signed logs in stores.
 *
 * Each was seen red; one line that does it, in the product:
 *   c01 c03      load.c, copies_write: copies as native transactions
 *   c02          state.c, stored_compare: only the greatest origin counts
 *   c04          id.c, cove_op_id_compare: equal times are equal
 *   c05          view_due.c, due_judge: equal rank and value does not stop it
 *   c06          load.c, heads_find: epochs of writes are not live
 *   c07          state.c, state_place_compare: all epochs share one place
 *   c08          view_due.c, due_judge: what nobody wrote is due as well
 *   c09          fn.c, cove_fn_call: a failure is absent
 *   c10          plan.c, plan_label: hide shows
 *   c11          plan.c, plan_add: another type is taken
 *   c12          project.c, project_part_text: an absent part fails
 *   c13          view_due.c, due_judge: equal values stop it at any rank
 *   c14          repo_fold.c, history_held: the origin's hash is not checked
 */
#include "cove/error.h"
#include "tests/promises/shapes.h"
#include "tests/promises/story.h"

static struct story s;

static void set_up(void)
{
    story_begin(&s, FIXTURE_MEMORY);
}

static void tear_down(void)
{
    story_end(&s);
}

/* Both versions, and a document that everybody has, written at second 1. */
static void stage(const char *version, const char *fields)
{
    story_schema(&s, ALICE, T1);
    story_migration(&s, ALICE, M12, T2);
    story_new(&s, ALICE, 1, version, fields);
    story_settle(&s);
}

START_TEST(c01_a_joined_copy_never_beats_a_later_edit_of_a_part)
{
    stage("2", "{'first':'Ada'}");
    story_write(&s, BOB, 3, "2", "{'first':'Augusta'}"); /* offline */
    story_write(&s, ALICE, 5, "2", "{'last':'Byron'}");
    ck_assert_uint_eq(story_load(&s, ALICE, "1"), 1); /* its newest part: 5 */
    ck_views(&s, ALICE, "1", "name='Ada Byron'");
    story_settle(&s);
    ck_views(&s, CAROL, "1", "name='Augusta Byron'");
    ck_assert_uint_eq(story_load(&s, ALICE, "1"), 1);
    ck_assert_str_eq(story_stored(&s, ALICE, "1"), "name='Augusta Byron'");
}
END_TEST

START_TEST(c02_copies_with_the_same_greatest_origin_are_told_apart)
{
    stage("2", "{'first':'Ada'}");
    story_write(&s, ALICE, 5, "2", "{'last':'Byron'}");
    story_give(&s, ALICE, BOB);
    story_write(&s, DAN, 3, "2", "{'first':'Augusta'}");
    story_give(&s, DAN, ALICE);
    story_clock(&s, ALICE, 6);
    ck_assert_uint_eq(story_load(&s, ALICE, "1"), 1);
    /* bob lacks the write of 3; his copy is made from less, and later */
    story_clock(&s, BOB, 60);
    ck_assert_uint_eq(story_load(&s, BOB, "1"), 1);
    story_settle(&s);
    ck_assert_str_eq(story_stored(&s, CAROL, "1"), "name='Augusta Byron'");
    ck_views(&s, CAROL, "1", "name='Augusta Byron'");
    ck_assert_uint_eq(story_load(&s, DAN, "1"), 0);
}
END_TEST

START_TEST(c03_editing_one_part_leaves_the_origin_of_the_others)
{
    stage("1", "{'name':'Ada Byron'}");
    ck_assert_uint_eq(story_load(&s, ALICE, "2"), 2);
    story_write(&s, BOB, 5, "2", "{'first':'Augusta'}"); /* offline, earlier */
    story_write(&s, ALICE, 7, "2", "{'last':'Lovelace'}");
    story_load(&s, ALICE, "2");
    story_settle(&s);
    ck_views(&s, CAROL, "2", "first='Augusta' last='Lovelace' priority='low'");
    ck_views(&s, CAROL, "1", "name='Augusta Lovelace'");
}
END_TEST

START_TEST(c04_old_and_new_readers_follow_the_same_write)
{
    stage("1", "{'size':'0'}");
    for (int i = 1; i <= 8; i++) { /* both at one time */
        char *old = cove_arena_printf(&s.arena, "{'size':'1%d'}", i);
        char *new = cove_arena_printf(&s.arena, "{'size':2%d}", i);

        story_write(&s, i % 2 == 0 ? ALICE : BOB, 10 * i, "1", old);
        story_write(&s, i % 2 == 0 ? BOB : ALICE, 10 * i, "2", new);
        story_settle(&s);
        story_load(&s, DAN, "2");
        story_load(&s, ALICE, "1");
        story_settle(&s);

        const char *number = story_field(&s, CAROL, "2", "size");
        char *text = cove_arena_printf(&s.arena, "size='%s'", number);

        ck_views(&s, CAROL, "1", text);
        ck_assert_str_eq(story_stored(&s, CAROL, "1"), text);
        ck_assert_str_eq(story_stored(&s, CAROL, "2"),
                         cove_arena_printf(&s.arena, "size=%s", number));
    }
}
END_TEST

START_TEST(c05_a_copy_is_never_the_source_of_another)
{
    stage("1", "{'size':'7','tags':'a,b','name':'Ada Byron'}");
    ck_assert_uint_eq(story_load(&s, ALICE, "2"), 4);

    uint32_t held = story_txs(&s, ALICE);

    for (int i = 0; i < 10; i++) { /* no echo between versions or devices */
        static const enum story_who who[] = {ALICE, BOB, DAN};

        story_settle(&s);
        story_clock(&s, who[i % 3], 10 + i);
        ck_assert_uint_eq(story_load(&s, who[i % 3], i % 2 == 0 ? "1" : "2"),
                          0);
    }
    ck_assert_uint_eq(story_txs(&s, ALICE), held);
    /* the user's write behind the copy moves on, the copy does not hold it */
    story_write(&s, BOB, 30, "1", "{'size':'8'}");
    ck_assert_str_eq(story_field(&s, BOB, "2", "size"), "8");
}
END_TEST

START_TEST(c06_a_new_write_reaches_old_readers_without_the_engine)
{
    stage("1", "{'size':'1'}");
    story_write(&s, ALICE, 2, "2", "{'size':2}");
    ck_assert_str_eq(story_stored(&s, ALICE, "1"), "size='1'");
    ck_assert_uint_eq(story_load(&s, ALICE, "2"), 1);
    story_settle(&s);
    ck_assert_str_eq(story_stored(&s, CAROL, "1"), "size='2'");
}
END_TEST

START_TEST(c07_what_lost_to_an_unknown_write_is_not_forgotten)
{
    story_schema(&s, ALICE, T1);
    story_new(&s, ALICE, 1, "1", "{'section':'a'}");
    story_settle(&s);
    story_migration(&s, ALICE, M12, T2);
    story_write(&s, ALICE, 9, "2", "{'category':'b'}");
    story_write(&s, BOB, 3, "1", "{'section':'c'}");
    story_give_doc(&s, ALICE, BOB, &s.doc); /* without its step */
    ck_views(&s, BOB, "1", "section='c'");
    story_load(&s, BOB, "1");
    story_reopen(&s, BOB);
    story_give_doc(&s, ALICE, BOB, &s.journal);
    ck_views(&s, BOB, "1", "section='b'");
    ck_views(&s, BOB, "2", "category='b' priority='low'");
}
END_TEST

START_TEST(c08_a_default_is_never_written)
{
    stage("1", "{'section':'a'}");
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(story_load(&s, BOB, i % 2 == 0 ? "2" : "1"), 0);
    }
    ck_assert_str_eq(story_field(&s, BOB, "2", "priority"), "'low'");
    ck_assert_str_eq(story_stored(&s, BOB, "2"), "category='a'");
    ck_assert_str_eq(story_copies(&s, BOB), "");
}
END_TEST

START_TEST(c09_a_failed_conversion_never_shows_an_older_value)
{
    stage("2", "{'size':1}");
    story_load(&s, ALICE, "1");
    story_write(&s, BOB, 5, "1", "{'size':'many'}");
    story_settle(&s);
    ck_assert_str_eq(story_field(&s, ALICE, "2", "size"), "!'many'");
    ck_assert_uint_eq(story_load(&s, ALICE, "2"), 0);
    story_delete(&s, BOB, 6, "1", "size");
    story_settle(&s);
    ck_assert_str_eq(story_field(&s, ALICE, "2", "size"), "absent");
}
END_TEST

#define C10_1 "[{'op':'add','reg':'size','name':'size','type':'text'}]"
#define C10_2                                                                  \
    "[{'op':'hide','reg':'size'},{'op':'add','reg':'other','name':'size',"     \
    "'type':'text'}]"

START_TEST(c10_a_reused_name_never_mixes_two_fields)
{
    const char *one = story_root(&s, ALICE, C10_1);
    const char *two =
        story_step(&s, ALICE, cove_arena_printf(&s.arena, "'%s'", one), C10_2);

    story_new(&s, ALICE, 1, one, "{'size':'a'}");
    story_settle(&s);
    story_write(&s, ALICE, 2, two, "{'size':'b'}");
    story_write(&s, BOB, 3, one, "{'size':'late'}");
    story_settle(&s);
    story_load(&s, ALICE, two);
    ck_views(&s, ALICE, one, "size='late'");
    ck_views(&s, ALICE, two, "size='b'");
}
END_TEST

START_TEST(c11_a_type_changed_in_place_is_a_conflict)
{
    const char *one = story_root(&s, ALICE, C10_1);
    const char *two =
        story_step(&s, ALICE, cove_arena_printf(&s.arena, "'%s'", one),
                   "[{'op':'add','reg':'size','name':'length','type':'int'}]");

    story_new(&s, ALICE, 1, one, "{'size':'a'}");
    story_settle(&s);
    ck_views(&s, BOB, two, "size='a'");
    ck_assert_uint_eq(story_look(&s, BOB, two, COVE_LOAD_VIEW).conflicts, 1);
    ck_assert_uint_eq(story_look(&s, BOB, one, COVE_LOAD_VIEW).invalid, 0);
    /* A write of the other type wins, and reads as what it is: invalid. */
    ck_assert_int_eq(story_try_write(&s, BOB, 2, two, "{'size':5}"),
                     COVE_ESCHEMA);
    story_raw_write(&s, BOB, 3, two, "size", "5");
    ck_views(&s, BOB, one, "size=!5");
}
END_TEST

START_TEST(c12_an_absent_whole_has_absent_parts_and_a_half_is_joined)
{
    stage("1", "{'section':'s'}");
    ck_assert_str_eq(story_field(&s, BOB, "2", "first"), "absent");
    ck_assert_uint_eq(story_load(&s, BOB, "2"), 0);
    story_write(&s, BOB, 2, "2", "{'last':'Byron'}");
    ck_assert_str_eq(story_field(&s, BOB, "1", "name"), "' Byron'");
    ck_assert_str_eq(story_field(&s, BOB, "2", "first"), "absent");
    story_delete(&s, BOB, 3, "1", "name");
    ck_assert_str_eq(story_field(&s, BOB, "2", "last"), "absent");
    story_load(&s, BOB, "2");
    story_settle(&s);
    ck_assert_str_eq(story_field(&s, CAROL, "1", "name"), "absent");
    ck_assert_str_eq(story_stored(&s, CAROL, "2"), "category='s'");
}
END_TEST

START_TEST(c13_an_equal_value_from_another_write_is_not_skipped)
{
    stage("1", "{'size':'5'}");
    story_write(&s, BOB, 2, "1", "{'size':'4'}"); /* offline */
    story_write(&s, ALICE, 3, "2", "{'size':5}"); /* as it shows already */
    ck_assert_uint_eq(story_load(&s, ALICE, "1"), 1);
    story_settle(&s);
    ck_views(&s, CAROL, "1", "size='5'");
    ck_assert_str_eq(story_stored(&s, CAROL, "1"), "size='5'");
    ck_assert_str_eq(story_field(&s, CAROL, "2", "size"), "5");
}
END_TEST

/* A24 */
START_TEST(c14_a_forged_copy_is_not_trusted)
{
    struct author bob;
    struct cove_origin origin;

    stage("1", "{'size':'4'}");

    const char *text = story_register(&s, ALICE, "1", "size");
    const char *number = story_register(&s, ALICE, "2", "size");

    origin = story_origin(&s, ALICE, text);
    bob = story_author(&s, BOB);
    /* a true origin, and another value */
    story_forge(&s, &bob, 50, text, "'evil'", &origin);
    origin.reg = cove_bytes_text(number);
    story_forge(&s, &bob, 51, number, "666", &origin);
    /* an origin that never was: another transaction, another op */
    origin.tx_hash[0] ^= 1;
    story_forge(&s, &bob, 52, number, "667", &origin);
    origin.tx_hash[0] ^= 1;
    origin.id.op = 9;
    story_forge(&s, &bob, 53, number, "668", &origin);
    /* one from the future of its own copy */
    origin.id.op = 0;
    origin.id.hlc += 1u << 30;
    story_forge(&s, &bob, 54, number, "669", &origin);
    story_hand(&s, &bob, ALICE);
    ck_views(&s, ALICE, "1", "size='4'");
    ck_assert_str_eq(story_field(&s, ALICE, "2", "size"), "4");
    story_settle(&s);
    ck_views(&s, CAROL, "1", "size='4'");
    ck_assert_str_eq(story_field(&s, CAROL, "2", "size"), "4");
    /* and what readers without the engine see is mended */
    story_clock(&s, DAN, 60);
    story_load(&s, DAN, "2");
    ck_assert_str_eq(story_stored(&s, DAN, "2"), "size=4");
    ck_assert_str_eq(story_stored(&s, DAN, "1"), "size='4'");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        c01_a_joined_copy_never_beats_a_later_edit_of_a_part,
        c02_copies_with_the_same_greatest_origin_are_told_apart,
        c03_editing_one_part_leaves_the_origin_of_the_others,
        c04_old_and_new_readers_follow_the_same_write,
        c05_a_copy_is_never_the_source_of_another,
        c06_a_new_write_reaches_old_readers_without_the_engine,
        c07_what_lost_to_an_unknown_write_is_not_forgotten,
        c08_a_default_is_never_written,
        c09_a_failed_conversion_never_shows_an_older_value,
        c10_a_reused_name_never_mixes_two_fields,
        c11_a_type_changed_in_place_is_a_conflict,
        c12_an_absent_whole_has_absent_parts_and_a_half_is_joined,
        c13_an_equal_value_from_another_write_is_not_skipped,
        c14_a_forged_copy_is_not_trusted,
    };
    Suite *suite = suite_create("hazards of the model");
    TCase *tc = tcase_create("hazards");

    tcase_set_timeout(tc, 0);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    for (size_t i = 0; i < COVE_ARRAY_LEN(tests); i++) {
        tcase_add_test(tc, tests[i]);
    }
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
