/* Journals and documents made to hurt. */
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

/* calc i depends twice on calc i + 1, added before those are calculations:
 * no link in the chain is deeper than one when it is added. */
static const char *long_chain(int from, int count)
{
    const char *ops = "";

    for (int i = from; i < from + count; i++) {
        ops = cove_arena_printf(
            &w.arena,
            "%s%s{'op':'calc','out':'c%d','deps':['c%d','c%d'],"
            "'lits':['','','']}",
            ops, *ops == '\0' ? "" : ",", i, i + 1, i + 1);
    }
    return cove_arena_printf(&w.arena, "[%s]", ops);
}

/* A19 */
START_TEST(a_long_chain_of_calculations_is_read_without_blowing_up)
{
    enum { LINKS = 1000, STEP = 250 };
    int at = world_step(&w, -1, "[]");
    struct world_head h;
    struct cove_due *due;
    size_t count = 0;

    for (int i = 0; i <= LINKS; i += STEP) {
        const char *ops = "";

        for (int k = i; k < i + STEP; k++) {
            ops = cove_arena_printf(&w.arena,
                                    "%s%s{'op':'add','reg':'c%d',"
                                    "'name':'c%d','type':'text'}",
                                    ops, *ops == '\0' ? "" : ",", k, k);
        }
        at = world_step(&w, at, cove_arena_printf(&w.arena, "[%s]", ops));
    }
    for (int i = 0; i < LINKS; i += STEP) {
        at = world_step(&w, at, long_chain(i, STEP));
    }
    world_write(&w, at, 1, cove_arena_printf(&w.arena, "c%d", LINKS), "''");
    world_look(&w, at, &h);
    ck_assert_uint_eq(h.plan->calc_count, LINKS);
    ck_assert_uint_eq(h.plan->conflict_count, 0);
    /* what has more origins than a transaction holds is not due */
    ck_assert_int_eq(cove_view_due(&h.view, &due, &count), 0);
    ck_assert_uint_eq(count, 12);
    ck_assert_uint_eq(due[0].origin_count, COVE_VIEW_ORIGINS);
    ck_assert_uint_eq(due[11].origin_count, 2);
    world_look_away(&h);
}
END_TEST

/* A19 */
START_TEST(cells_that_share_parts_are_judged_without_blowing_up)
{
    enum { LEVELS = 200 };
    const char *ops = "";
    int v1;
    int v2;
    struct world_head h;

    for (int i = 0; i <= LEVELS; i++) {
        ops = cove_arena_printf(&w.arena,
                                "%s%s{'op':'add','reg':'w%d','name':'w%d',"
                                "'type':'text'}",
                                ops, *ops == '\0' ? "" : ",", i, i);
    }
    v1 = world_step(&w, -1, cove_arena_printf(&w.arena, "[%s]", ops));
    ops = "";
    for (int i = 0; i < LEVELS; i++) {
        ops = cove_arena_printf(&w.arena,
                                "%s%s{'op':'comp','whole':'w%d','parts':"
                                "['w%d'],'lits':['','']}",
                                ops, *ops == '\0' ? "" : ",", i, i + 1);
    }
    v2 = world_step(&w, v1, cove_arena_printf(&w.arena, "[%s]", ops));
    world_look(&w, v2, &h);
    /* 16 levels hold, every seventeenth op does not fit */
    ck_assert_uint_eq(h.plan->conflict_count, LEVELS / 17);
    world_look_away(&h);
}
END_TEST

START_TEST(a_long_chain_of_conversions_is_one_path)
{
    enum { LINKS = 120 };
    const char *ops = "";
    int v1 = -1;

    for (int i = 0; i < LINKS; i++) {
        ops = cove_arena_printf(
            &w.arena,
            "%s%s{'op':'add','reg':'n%03d','name':'n%03d','type':'int'}", ops,
            i == 0 ? "" : ",", i, i);
        if (i > 0) {
            ops = cove_arena_printf(&w.arena,
                                    "%s,{'op':'conv','from':'n%03d','to':"
                                    "'n%03d','fwd':[{'add':1}],'bwd':"
                                    "[{'add':-1}]},{'op':'hide','reg':"
                                    "'n%03d'}",
                                    ops, i - 1, i, i - 1);
        }
        if (i == 60) { /* a step holds 256 ops */
            v1 = world_step(&w, -1, cove_arena_printf(&w.arena, "[%s]", ops));
            ops = "";
        }
    }
    int v2 = world_step(
        &w, v1,
        cove_arena_printf(&w.arena, "[%s]", *ops == ',' ? ops + 1 : ops));

    world_write(&w, v1, 1, "n000", "1");
    ck_shows(&w, v1, "n060=61");
    ck_shows(&w, v2, "n119=120");
    world_write(&w, v2, 2, "n119", "219");
    ck_shows(&w, v1, "n060=160");
    world_copy(&w, 50, "n000", "201", "n000", UINT64_C(3), NULL);
    ck_shows(&w, v2, "n119=320"); /* and so for a copy that stands in */
}
END_TEST

/* A text of so many letters. */
static const char *letters(size_t count)
{
    char *text = cove_arena_new(&w.arena, count + 3);

    ck_assert_ptr_nonnull(text);
    memset(text, 'a', count + 2);
    text[0] = text[count + 1] = '\'';
    return text;
}

START_TEST(a_joined_text_beyond_the_limit_is_invalid_without_a_raw_value)
{
    int v1 = world_step(&w, -1, FULL_NAME);
    int v2 = world_step(&w, v1, TWO_NAMES);

    world_write(&w, v2, 1, "given", letters(30000));
    world_write(&w, v2, 2, "family", letters(29999));
    ck_assert_int_eq(world_shown(&w, v1)[5], '\''); /* full='aaa… */
    world_write(&w, v2, 3, "family", letters(30000));
    ck_shows(&w, v1, "full=!null");
    ck_due(&w, v1, "");
}
END_TEST

START_TEST(raw_parts_beyond_the_limit_are_not_shown)
{
    enum { PARTS = 20 };
    const char *ops = "{'op':'add','reg':'w','name':'w','type':'text'}";
    const char *parts = "";
    const char *lits = "''";
    int v1;

    for (int i = 0; i < PARTS; i++) {
        ops = cove_arena_printf(&w.arena,
                                "%s,{'op':'add','reg':'p%02d','name':'p',"
                                "'type':'text'},{'op':'hide','reg':'p%02d'}",
                                ops, i, i);
        parts = cove_arena_printf(&w.arena, "%s%s'p%02d'", parts,
                                  i == 0 ? "" : ",", i);
        lits = cove_arena_printf(&w.arena, "%s,'-'", lits);
    }
    v1 = world_step(&w, -1,
                    cove_arena_printf(&w.arena,
                                      "[%s,{'op':'comp','whole':'w','parts':"
                                      "[%s],'lits':[%s]}]",
                                      ops, parts, lits));
    world_write(&w, v1, 1, "p00", "5"); /* no text: the join fails */
    ck_shows(&w, v1,
             "w=![5,null,null,null,null,null,null,null,null,null,null,null,"
             "null,null,null,null,null,null,null,null]");
    for (int i = 1; i < PARTS; i++) {
        world_write(&w, v1, 2, cove_arena_printf(&w.arena, "p%02d", i),
                    letters(60000));
        w.natives[w.native_count - 1].id.op = (uint32_t)i;
    }
    ck_shows(&w, v1, "w=!null");
}
END_TEST

/* A19 */
START_TEST(a_cell_that_would_hold_an_atom_twice_is_refused)
{
    int v1 = world_step(
        &w, -1,
        "[{'op':'add','reg':'a','name':'a','type':'text'},"
        "{'op':'add','reg':'b','name':'b','type':'text'},"
        "{'op':'add','reg':'w','name':'w','type':'text'},"
        "{'op':'add','reg':'v','name':'v','type':'text'},"
        "{'op':'comp','whole':'w','parts':['a','b'],'lits':['','-','']},"
        "{'op':'comp','whole':'v','parts':['a'],'lits':['','']},"
        "{'op':'alias','from':'a','to':'b'},"   /* 6 */
        "{'op':'alias','from':'b','to':'v'},"   /* 7: w would have a twice */
        "{'op':'alias','from':'v','to':'w'},"   /* 8: divided both */
        "{'op':'alias','from':'w','to':'a'}]"); /* 9: w inside itself */
    struct world_head h;

    world_look(&w, v1, &h);
    ck_assert_uint_eq(h.plan->conflict_count, 4);
    world_look_away(&h);
    world_write(&w, v1, 1, "w", "'x-y'");
    ck_shows(&w, v1, "a='x' b='y' v='x' w='x-y'");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("view_hostile");
    TCase *tc = tcase_create("view_hostile");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_long_chain_of_calculations_is_read_without_blowing_up);
    tcase_add_test(tc, cells_that_share_parts_are_judged_without_blowing_up);
    tcase_add_test(tc, a_long_chain_of_conversions_is_one_path);
    tcase_add_test(
        tc, a_joined_text_beyond_the_limit_is_invalid_without_a_raw_value);
    tcase_add_test(tc, raw_parts_beyond_the_limit_are_not_shown);
    tcase_add_test(tc, a_cell_that_would_hold_an_atom_twice_is_refused);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
