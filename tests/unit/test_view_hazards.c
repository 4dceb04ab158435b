/* Designs that failed in the model, C1 to C15: what each of them lost is kept
 * here. */
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

START_TEST(c1_a_joined_copy_never_overrides_a_later_edit_of_a_part)
{
    int v1 = world_step(&w, -1, FULL_NAME);
    int v2 = world_step(&w, v1, TWO_NAMES);

    world_write(&w, v2, 1, "given", "'Ada'");
    world_write(&w, v2, 5, "family", "'Byron'");
    ck_assert_uint_eq(world_migrate(&w, v1, 100), 1); /* greatest part: 5 */
    world_write(&w, v2, 3, "given", "'Augusta'");     /* arrives late */
    ck_shows(&w, v1, "full='Augusta Byron'");
    ck_shows(&w, v2, "family='Byron' given='Augusta'");
    ck_due(&w, v1, "full='Augusta Byron'<family@5,given@3");
}
END_TEST

START_TEST(c2_copies_with_the_same_greatest_origin_are_told_apart)
{
    int v1 = world_step(&w, -1, FULL_NAME);
    int v2 = world_step(&w, v1, TWO_NAMES);

    world_write(&w, v2, 1, "given", "'Ada'");
    world_write(&w, v2, 3, "given", "'Augusta'");
    world_write(&w, v2, 5, "family", "'Byron'");
    world_copy(&w, 100, "full", "'Augusta Byron'", "family", UINT64_C(5),
               "given", UINT64_C(3), NULL);
    /* made from less, written later */
    world_copy(&w, 200, "full", "'Ada Byron'", "family", UINT64_C(5), "given",
               UINT64_C(1), NULL);
    ck_due(&w, v1, "");
    ck_shows(&w, v1, "full='Augusta Byron'");
}
END_TEST

START_TEST(c3_editing_one_part_leaves_the_other_parts_origin)
{
    int v1 = world_step(&w, -1, FULL_NAME);
    int v2 = world_step(&w, v1, TWO_NAMES);

    world_write(&w, v1, 1, "full", "'Ada Byron'");
    ck_assert_uint_eq(world_migrate(&w, v2, 100), 2);
    world_write(&w, v2, 7, "family", "'Lovelace'");
    world_write(&w, v2, 5, "given", "'Augusta'"); /* older than 7, still wins */
    ck_shows(&w, v2, "family='Lovelace' given='Augusta'");
    ck_shows(&w, v1, "full='Augusta Lovelace'");
}
END_TEST

START_TEST(c4_old_and_new_readers_follow_the_same_write)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(&w, v1, INT_SIZE);

    world_write(&w, v1, 1, "size", "'1'");
    world_write(&w, v2, 2, "size~2", "2");
    ck_assert_uint_eq(world_migrate(&w, v1, 100), 1);
    ck_assert_uint_eq(world_migrate(&w, v2, 110), 0);
    ck_shows(&w, v1, "size='2'");
    ck_shows(&w, v2, "size=2");
}
END_TEST

START_TEST(c5_a_copy_is_never_the_source_of_another)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(&w, v1, INT_SIZE);

    world_write(&w, v1, 1, "size", "'007'"); /* no form that goes back */
    ck_shows(&w, v2, "size=!'007'");
    world_write(&w, v1, 2, "size", "'7'");
    ck_assert_uint_eq(world_migrate(&w, v2, 100), 1);
    ck_assert_uint_eq(world_migrate(&w, v1, 110), 0);
    world_write(&w, v1, 3, "size", "'8'");
    ck_shows(&w, v2, "size=8");
    ck_due(&w, v2, "size~2=8<size~2@3");
    ck_due(&w, v1, "");
}
END_TEST

START_TEST(c6_a_new_write_reaches_old_readers_without_an_engine_too)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(&w, v1, INT_SIZE);
    const struct cove_native *native = NULL;
    struct world_head h;
    const struct cove_copy *copy = NULL;

    world_write(&w, v1, 1, "size", "'1'");
    world_write(&w, v2, 2, "size~2", "2");
    ck_due(&w, v1, "size='2'<size@2");
    ck_assert_uint_eq(world_migrate(&w, v1, 100), 1);
    world_look(&w, v1, &h);
    ck_assert_int_eq(
        cove_state_winner(&h.state, cove_bytes_text("size"), &native, &copy),
        0);
    ck_assert_ptr_null(native);
    ck_assert_str_eq(world_text(&w, copy->value), "'2'");
    world_look_away(&h);
}
END_TEST

START_TEST(c7_a_write_of_an_unknown_epoch_wins_when_its_step_arrives)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(&w, v1, INT_SIZE);
    struct world_head h;

    world_write(&w, v1, 1, "size", "'1'");
    world_write(&w, v2, 9, "size", "'9'");
    w.steps = 1; /* v2 has not come yet */
    ck_shows(&w, v1, "size='1'");
    world_look(&w, v1, &h);
    ck_assert(h.view.ahead);
    world_look_away(&h);
    w.steps = 2;
    ck_shows(&w, v1, "size='9'");
    world_look(&w, v1, &h);
    ck_assert(!h.view.ahead);
    world_look_away(&h);
}
END_TEST

START_TEST(c8_a_default_is_never_written)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(&w, v1,
                        "[{'op':'add','reg':'on','name':'on','type':'bool'},"
                        "{'op':'limit','reg':'on','default':true}]");

    world_write(&w, v1, 1, "size", "'1'");
    ck_shows(&w, v2, "on=true size='1'");
    ck_due(&w, v2, "");
    world_write(&w, v2, 2, "on", "false");
    ck_shows(&w, v2, "on=false size='1'");
}
END_TEST

START_TEST(c9_a_failed_conversion_never_shows_an_older_value)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(&w, v1, INT_SIZE);

    world_write(&w, v2, 1, "size~2", "1");
    world_write(&w, v1, 2, "size", "'many'");
    ck_shows(&w, v2, "size=!'many'");
    ck_due(&w, v2, ""); /* and nothing is written for it */
    world_write(&w, v1, 3, "size", NULL);
    ck_shows(&w, v2, "");
}
END_TEST

START_TEST(c10_a_reused_name_never_mixes_two_registers)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(&w, v1,
                        "[{'op':'hide','reg':'size'},"
                        "{'op':'add','reg':'other','name':'size',"
                        "'type':'text'}]");
    int v3 = world_step(&w, v2, "[{'op':'show','reg':'size'}]");

    world_write(&w, v1, 1, "size", "'a'");
    world_write(&w, v2, 2, "other", "'b'");
    ck_shows(&w, v1, "size='a'");
    ck_shows(&w, v2, "size='b'");
    ck_shows(&w, v3, "#size='a' size='b'");
}
END_TEST

START_TEST(c11_a_type_changed_in_place_is_a_conflict)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(
        &w, v1, "[{'op':'add','reg':'size','name':'length','type':'int'}]");
    struct world_head h;

    world_write(&w, v1, 1, "size", "'a'");
    ck_shows(&w, v2, "size='a'");
    world_look(&w, v2, &h);
    ck_assert_uint_eq(h.plan->conflict_count, 1);
    ck_assert_mem_eq(h.plan->conflicts[0].step.b, w.ids[v2].b, 32);
    ck_assert_uint_eq(h.plan->conflicts[0].op, 0);
    world_look_away(&h);
    world_write(&w, v2, 2, "size", "5"); /* wins, and reads as invalid */
    ck_shows(&w, v2, "size=!5");
}
END_TEST

START_TEST(c12_an_absent_whole_has_absent_parts_and_a_half_is_joined)
{
    int v1 = world_step(&w, -1, FULL_NAME);
    int v2 = world_step(&w, v1, TWO_NAMES);

    ck_shows(&w, v1, "");
    ck_shows(&w, v2, "");
    world_write(&w, v2, 1, "given", "'Ada'");
    ck_shows(&w, v1, "full='Ada '");
    ck_shows(&w, v2, "given='Ada'");
    world_write(&w, v1, 2, "full", NULL);
    ck_shows(&w, v2, "");
    world_write(&w, v1, 3, "full", "null");
    ck_shows(&w, v2, "family=null given=null");
}
END_TEST

START_TEST(c13_an_equal_value_from_another_write_is_not_skipped)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(&w, v1, INT_SIZE);

    world_write(&w, v1, 1, "size", "'5'");
    world_write(&w, v2, 3, "size~2", "5");
    ck_due(&w, v1, "size='5'<size@3");
    ck_assert_uint_eq(world_migrate(&w, v1, 100), 1);
    world_write(&w, v1, 2, "size", "'4'"); /* between the two: it must lose */
    ck_shows(&w, v1, "size='5'");
    ck_due(&w, v1, "");
}
END_TEST

START_TEST(c14_a_forged_copy_changes_nothing_where_its_origins_are_held)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(&w, v1, INT_SIZE);

    world_write(&w, v1, 4, "size", "'4'");
    world_copy(&w, 900, "size", "'evil'", "size", UINT64_C(4), NULL);
    world_copy(&w, 900, "size~2", "666", "size~2", UINT64_C(4), NULL);
    world_copy(&w, 900, "size~2", "667", "size~2", UINT64_C(901), NULL);
    world_copy(&w, 901, "size~2", "668", "size~2", UINT64_C(0), NULL);
    ck_shows(&w, v1, "size='4'");
    ck_shows(&w, v2, "size=4");
    ck_due(&w, v2, "size~2=4<size~2@4"); /* and it is mended */
}
END_TEST

START_TEST(c15_a_write_to_the_whole_owns_every_part)
{
    int v1 = world_step(&w, -1, FULL_NAME);
    int v2 = world_step(&w, v1, TWO_NAMES);

    world_write(&w, v2, 1, "given", "'Ada'");
    world_write(&w, v2, 2, "family", "'Byron'");
    world_write(&w, v1, 3, "full", "'Ada  Lovelace'");
    ck_shows(&w, v1, "full='Ada  Lovelace'"); /* verbatim */
    ck_shows(&w, v2, "family=' Lovelace' given='Ada'");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("view_hazards");
    TCase *tc = tcase_create("view_hazards");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, c1_a_joined_copy_never_overrides_a_later_edit_of_a_part);
    tcase_add_test(tc, c2_copies_with_the_same_greatest_origin_are_told_apart);
    tcase_add_test(tc, c3_editing_one_part_leaves_the_other_parts_origin);
    tcase_add_test(tc, c4_old_and_new_readers_follow_the_same_write);
    tcase_add_test(tc, c5_a_copy_is_never_the_source_of_another);
    tcase_add_test(tc,
                   c6_a_new_write_reaches_old_readers_without_an_engine_too);
    tcase_add_test(tc,
                   c7_a_write_of_an_unknown_epoch_wins_when_its_step_arrives);
    tcase_add_test(tc, c8_a_default_is_never_written);
    tcase_add_test(tc, c9_a_failed_conversion_never_shows_an_older_value);
    tcase_add_test(tc, c10_a_reused_name_never_mixes_two_registers);
    tcase_add_test(tc, c11_a_type_changed_in_place_is_a_conflict);
    tcase_add_test(tc,
                   c12_an_absent_whole_has_absent_parts_and_a_half_is_joined);
    tcase_add_test(tc, c13_an_equal_value_from_another_write_is_not_skipped);
    tcase_add_test(
        tc, c14_a_forged_copy_changes_nothing_where_its_origins_are_held);
    tcase_add_test(tc, c15_a_write_to_the_whole_owns_every_part);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
