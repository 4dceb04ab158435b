#include "tests/unit/world.h"

#include "cove/error.h"

static struct world w;

static void set_up(void)
{
    world_init(&w);
}

static void tear_down(void)
{
    world_clear(&w);
}

/* --- the table of the design */

START_TEST(every_version_reads_the_newest_write_in_its_own_form)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(&w, v1, INT_SIZE);

    world_write(&w, v1, 1, "size", "'120'");
    ck_shows(&w, v1, "size='120'");
    ck_shows(&w, v2, "size=120");
    world_write(&w, v2, 3, "size~2", "130");
    ck_shows(&w, v1, "size='130'");
    ck_shows(&w, v2, "size=130");
    ck_assert_uint_eq(world_migrate(&w, v2, 100), 0);
    ck_assert_uint_eq(world_migrate(&w, v1, 110), 1);
    world_write(&w, v1, 4, "size", "'140'"); /* offline, synced late */
    ck_shows(&w, v1, "size='140'");
    ck_shows(&w, v2, "size=140");
    world_write(&w, v1, 5, "size", "'about 150'");
    ck_shows(&w, v1, "size='about 150'");
    ck_shows(&w, v2, "size=!'about 150'");
}
END_TEST

START_TEST(i1_the_order_of_arrival_changes_no_view)
{
    struct world other;
    int v1 = world_step(&w, -1, FULL_NAME);
    int v2 = world_step(&w, v1, TWO_NAMES);

    world_write(&w, v1, 1, "full", "'Ada Byron'");
    world_write(&w, v2, 2, "family", "'Lovelace'");
    world_write(&w, v1, 3, "full", NULL);
    world_write(&w, v2, 4, "given", "'Augusta'");
    world_init(&other);
    other.bodies[0] = w.bodies[1];
    other.bodies[1] = w.bodies[0];
    other.ids[0] = w.ids[0];
    other.ids[1] = w.ids[1];
    other.steps = w.steps;
    for (size_t i = w.native_count; i > 0; i--) {
        other.natives[other.native_count++] = w.natives[i - 1];
    }
    ck_shows(&other, v1, world_shown(&w, v1));
    ck_shows(&other, v2, world_shown(&w, v2));
    ck_shows(&w, v2, "given='Augusta'");
    world_clear(&other);
}
END_TEST

START_TEST(i2_i3_writing_back_changes_no_view_and_a_second_time_writes_nothing)
{
    int v1 = world_step(&w, -1, FULL_NAME);
    int v2 = world_step(&w, v1, TWO_NAMES);

    world_write(&w, v1, 1, "full", "'Ada Byron'");
    world_write(&w, v2, 2, "family", "'Lovelace'");

    const char *old = world_shown(&w, v1);
    const char *new = world_shown(&w, v2);

    ck_assert_str_eq(old, "full='Ada Lovelace'");
    ck_due(&w, v1, "full='Ada Lovelace'<family@2,given@1");
    ck_due(&w, v2, "given='Ada'<given@1");
    ck_assert_uint_eq(world_migrate(&w, v1, 100), 1);
    ck_assert_uint_eq(world_migrate(&w, v2, 110), 1);
    ck_assert_uint_eq(world_migrate(&w, v1, 120), 0);
    ck_assert_uint_eq(world_migrate(&w, v2, 120), 0);
    ck_shows(&w, v1, old);
    ck_shows(&w, v2, new);
    ck_due(&w, v1, "");
    ck_due(&w, v2, "");
}
END_TEST

/* --- more of the promises */

START_TEST(h2_false_zero_empty_and_null_are_not_missing)
{
    int v1 = world_step(&w, -1,
                        "[{'op':'add','reg':'a','name':'a','type':'any'},"
                        "{'op':'limit','reg':'a','default':'d'}]");

    ck_shows(&w, v1, "a='d'");
    world_write(&w, v1, 1, "a", "false");
    ck_shows(&w, v1, "a=false");
    world_write(&w, v1, 2, "a", "0");
    ck_shows(&w, v1, "a=0");
    world_write(&w, v1, 3, "a", "''");
    ck_shows(&w, v1, "a=''");
    world_write(&w, v1, 4, "a", "null");
    ck_shows(&w, v1, "a=null");
    world_write(&w, v1, 5, "a", NULL);
    ck_shows(&w, v1, ""); /* deleted, not missing */
}
END_TEST

START_TEST(a_required_field_shows_its_default_where_it_was_deleted)
{
    int v1 = world_step(&w, -1,
                        "[{'op':'add','reg':'a','name':'a','type':'int'},"
                        "{'op':'limit','reg':'a','default':7,"
                        "'required':true}]");
    struct world_head h;
    struct cove_field field;

    world_write(&w, v1, 1, "a", NULL);
    ck_shows(&w, v1, "a=7");
    world_look(&w, v1, &h);
    ck_assert_int_eq(cove_view_field(&h.view, 0, &field), 0);
    ck_assert(field.from_default);
    world_look_away(&h);
}
END_TEST

START_TEST(i9_a_one_way_step_shows_the_old_side_the_new_raw_value)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(&w, v1,
                        "[{'op':'add','reg':'n','name':'n','type':'int'},"
                        "{'op':'conv','from':'size','to':'n',"
                        "'fwd':['int_of_text'],'bwd':null},"
                        "{'op':'hide','reg':'size'}]");

    world_write(&w, v2, 1, "n", "5");
    ck_shows(&w, v1, "size=!5");
    ck_due(&w, v1, "");
}
END_TEST

START_TEST(i18_a_step_of_another_branch_takes_nothing_away)
{
    int v1 = world_step(&w, -1, FULL_NAME);
    int mine = world_step(&w, v1, TWO_NAMES);

    world_write(&w, v1, 1, "full", "'Ada Byron'");

    const char *before = world_shown(&w, mine);

    (void)world_step(&w, v1,
                     "[{'op':'add','reg':'x','name':'x','type':'text'},"
                     "{'op':'add','reg':'y','name':'y','type':'text'},"
                     "{'op':'comp','whole':'full','parts':['x','y'],"
                     "'lits':['',', ','']},{'op':'hide','reg':'full'},"
                     "{'op':'limit','reg':'full','default':'z'}]");
    ck_shows(&w, mine, before);
    ck_shows(&w, v1, "full='Ada Byron'");
}
END_TEST

START_TEST(i11_a_copy_stands_in_for_a_write_that_is_not_held)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(&w, v1, INT_SIZE);
    struct world_head h;
    struct cove_origin *origins;
    size_t count = 0;

    world_write(&w, v1, 1, "size", "'1'");
    world_copy(&w, 50, "size~2", "30", "size~2", UINT64_C(3), NULL);
    ck_shows(&w, v1, "size='30'");
    ck_shows(&w, v2, "size=30");
    ck_due(&w, v1, ""); /* never from stand-ins */
    world_look(&w, v1, &h);
    ck_assert_int_eq(cove_view_origins(&h.view, 0, &origins, &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(origins[0].id.hlc, 3);
    ck_assert(!origins[0].held);
    world_look_away(&h);
    world_write(&w, v1, 3, "size", "'31'"); /* and then it comes */
    ck_shows(&w, v1, "size='31'");
    ck_shows(&w, v2, "size=31");
}
END_TEST

START_TEST(a_whole_stands_as_its_copy_had_it_while_a_part_is_missing)
{
    int v1 = world_step(&w, -1, FULL_NAME);
    int v2 = world_step(&w, v1, TWO_NAMES);

    world_write(&w, v2, 1, "given", "'Ada'");
    world_copy(&w, 50, "full", "'Ada Byron'", "given", UINT64_C(1), "family",
               UINT64_C(2), NULL);
    ck_shows(&w, v1, "full='Ada Byron'");
    ck_shows(&w, v2, "family='Byron' given='Ada'");
}
END_TEST

START_TEST(a_calculated_field_shows_the_newer_of_itself_and_its_sources)
{
    int v1 = world_step(&w, -1,
                        "[{'op':'add','reg':'n','name':'n','type':'int'},"
                        "{'op':'add','reg':'u','name':'u','type':'text'},"
                        "{'op':'add','reg':'s','name':'s','type':'text'},"
                        "{'op':'calc','out':'s','deps':['n','u','n'],"
                        "'lits':['<',' ','/','>']}]");

    ck_shows(&w, v1, "");
    world_write(&w, v1, 1, "n", "12");
    ck_shows(&w, v1, "n=12 s='<12 /12>'");
    ck_due(&w, v1, "s='<12 /12>'<n@1,n@1,u@0");
    world_write(&w, v1, 2, "s", "'mine'");
    ck_shows(&w, v1, "n=12 s='mine'");
    world_write(&w, v1, 3, "u", "'kg'");
    ck_shows(&w, v1, "n=12 s='<12 kg/12>' u='kg'");
    world_write(&w, v1, 4, "u", "true");
    ck_shows(&w, v1, "n=12 s=![12,true,12] u=!true");
}
END_TEST

START_TEST(a_derived_field_is_made_by_functions_of_what_is_there)
{
    int v1 = world_step(&w, -1,
                        "[{'op':'add','reg':'n','name':'n','type':'int'},"
                        "{'op':'add','reg':'u','name':'u','type':'text'},"
                        "{'op':'add','reg':'o','name':'o','type':'object'},"
                        "{'op':'derive','out':'o','deps':['n','u','n'],"
                        "'names':['count','in','b'],'fn':[]},"
                        "{'op':'add','reg':'d','name':'d','type':'int'},"
                        "{'op':'derive','out':'d','deps':['o'],'names':['o'],"
                        "'fn':[{'pick':'o'},{'pick':'count'},{'mul':2}]}]");

    ck_shows(&w, v1, "");
    world_write(&w, v1, 1, "n", "12");
    ck_shows(&w, v1, "d=24 n=12 o={'b':12,'count':12}");
    ck_due(&w, v1, "d=24<n@1,n@1,u@0 o={'b':12,'count':12}<n@1,n@1,u@0");
    world_write(&w, v1, 2, "o", "{'count':1}");
    ck_shows(&w, v1, "d=2 n=12 o={'count':1}");
    world_write(&w, v1, 3, "u", "null");
    ck_shows(&w, v1, "d=24 n=12 o={'b':12,'in':null,'count':12} u=null");
    world_write(&w, v1, 4, "n",
                "null"); /* pick gives null, and mul takes none */
    ck_shows(&w, v1,
             "d=!{'o':{'b':null,'in':null,'count':null}} n=null "
             "o={'b':null,'in':null,'count':null} u=null");
    world_write(&w, v1, 5, "u", "true");
    ck_shows(&w, v1,
             "d=![[null,true,null]] n=null o=![null,true,null] u=!true");
    world_write(&w, v1, 6, "d", "5"); /* a user's, until a source is newer */
    ck_shows(&w, v1, "d=5 n=null o=![null,true,null] u=!true");
}
END_TEST

START_TEST(a_derived_value_of_another_type_than_its_field_is_invalid)
{
    int v1 = world_step(&w, -1,
                        "[{'op':'add','reg':'n','name':'n','type':'int'},"
                        "{'op':'add','reg':'t','name':'t','type':'text'},"
                        "{'op':'derive','out':'t','deps':['n'],'names':['n'],"
                        "'fn':[{'pick':'n'}]}]");

    world_write(&w, v1, 1, "n", "1");
    ck_shows(&w, v1, "n=1 t=!1");
}
END_TEST

START_TEST(a_lenient_split_takes_what_has_no_separator_as_the_first_part)
{
    int v1 = world_step(&w, -1, FULL_NAME);
    int v2 = world_step(&w, v1,
                        "[{'op':'add','reg':'g','name':'g','type':'text'},"
                        "{'op':'add','reg':'f','name':'f','type':'text'},"
                        "{'op':'comp','whole':'full','parts':['g','f'],"
                        "'lits':['',' ',''],'lenient':true},"
                        "{'op':'hide','reg':'full'}]");

    world_write(&w, v1, 1, "full", "'Ada'");
    ck_shows(&w, v2, "f='' g='Ada'");
    world_write(&w, v2, 2, "g", "'Eve'");
    ck_shows(&w, v1, "full='Eve'");
}
END_TEST

START_TEST(a_merge_step_joins_two_branches_and_alias_mends)
{
    int v1 = world_step(&w, -1, "[]");
    int a = world_step(&w, v1,
                       "[{'op':'add','reg':'a','name':'mail','type':'text'}]");
    int b = world_step(&w, v1,
                       "[{'op':'add','reg':'b','name':'mail','type':'text'}]");
    char hex_a[COVE_HEX_LEN(32)];
    char hex_b[COVE_HEX_LEN(32)];
    int merge = (int)w.steps;

    cove_hex(cove_bytes(w.ids[a].b, 32), hex_a);
    cove_hex(cove_bytes(w.ids[b].b, 32), hex_b);
    w.bodies[merge] = world_json(
        &w, cove_arena_printf(&w.arena,
                              "{'parents':['%s','%s'],'ops':[{'op':'alias',"
                              "'from':'a','to':'b'},{'op':'hide','reg':'b'}]}",
                              hex_a, hex_b));
    w.ids[merge] = cove_step_id_of(w.bodies[merge]);
    w.steps++;
    world_write(&w, a, 1, "a", "'x'");
    world_write(&w, b, 2, "b", "'y'");
    ck_shows(&w, a, "mail='y'"); /* linked: one value */
    ck_shows(&w, b, "mail='y'");
    ck_assert_ptr_nonnull(strstr(world_shown(&w, merge), "='y'"));
}
END_TEST

/* --- memory */

/* Everything from bodies to due copies, with an allocator that may fail. */
static int whole_run(const struct cove_alloc *alloc,
                     const struct cove_step_id *head)
{
    struct cove_journal *journal = NULL;
    struct cove_plan *plan = NULL;
    struct cove_arena arena;
    struct cove_state state;
    struct cove_view view;
    struct cove_field field;
    struct cove_due *due;
    size_t count;
    int err;

    cove_arena_init(&arena, alloc);
    cove_state_init(&state, &arena, NULL);
    err = cove_journal_new(alloc, w.bodies, w.steps, &journal);
    if (err == 0) {
        err = cove_plan_new(alloc, journal, head, &plan);
    }
    for (size_t i = 0; err == 0 && i < w.native_count; i++) {
        err = cove_state_add_native(&state, &w.natives[i]);
    }
    for (size_t i = 0; err == 0 && i < w.copy_count; i++) {
        err = cove_state_add_copy(&state, &w.copies[i]);
    }
    cove_state_settle(&state);
    if (err == 0) {
        err = cove_view_init(&view, &arena, plan, &state);
    }
    for (size_t i = 0; err == 0 && i < plan->field_count; i++) {
        err = cove_view_field(&view, i, &field);
    }
    if (err == 0) {
        err = cove_view_due(&view, &due, &count);
    }
    cove_plan_free(plan);
    cove_journal_free(journal);
    cove_arena_clear(&arena);
    return err;
}

START_TEST(memory_that_runs_out_anywhere_is_an_error_and_no_leak)
{
    int v1 = world_step(&w, -1, FULL_NAME);
    int v2 = world_step(&w, v1, TWO_NAMES);
    int v3 = world_step(
        &w, v2,
        "[{'op':'add','reg':'n','name':'n','type':'list'},"
        "{'op':'conv','from':'full','to':'n','fwd':[{'split_list':' '}],"
        "'bwd':[{'join_list':' '}]},"
        "{'op':'add','reg':'c','name':'c','type':'text'},"
        "{'op':'calc','out':'c','deps':['n','given'],'lits':['','','']},"
        "{'op':'name','reg':'c','name':'n'},{'op':'hide','reg':'zz'},"
        "{'op':'add','reg':'d','name':'d','type':'any'},"
        "{'op':'derive','out':'d','deps':['n','given'],'names':['n','g'],"
        "'fn':[{'set':['x',[{'pick':'g'},'upper']]}]},"
        "{'op':'add','reg':'e','name':'e','type':'any'},"
        "{'op':'derive','out':'e','deps':['d'],'names':['d'],"
        "'fn':[{'pick':'d'},{'pick':'n'},{'each':['lower']}]}]");
    long fail_at = 0;
    int err;

    world_write(&w, v1, 1, "full", "'Ada Byron'");
    world_write(&w, v2, 2, "family", "'Lovelace'");
    world_copy(&w, 50, "full", "'Eve Byron'", "given", UINT64_C(3), "family",
               UINT64_C(2), NULL);
    do {
        struct harness_alloc heap;

        harness_alloc_init(&heap, ++fail_at);
        err = whole_run(&heap.alloc, &w.ids[v3]);
        ck_assert(err == 0 || err == COVE_ENOMEM);
        ck_assert_int_eq(heap.alive, 0);
    } while (err != 0);
    ck_assert_int_gt(fail_at, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("view");
    TCase *tc = tcase_create("view");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, every_version_reads_the_newest_write_in_its_own_form);
    tcase_add_test(tc, i1_the_order_of_arrival_changes_no_view);
    tcase_add_test(
        tc,
        i2_i3_writing_back_changes_no_view_and_a_second_time_writes_nothing);
    tcase_add_test(tc, h2_false_zero_empty_and_null_are_not_missing);
    tcase_add_test(tc, a_required_field_shows_its_default_where_it_was_deleted);
    tcase_add_test(tc, i9_a_one_way_step_shows_the_old_side_the_new_raw_value);
    tcase_add_test(tc, i18_a_step_of_another_branch_takes_nothing_away);
    tcase_add_test(tc, i11_a_copy_stands_in_for_a_write_that_is_not_held);
    tcase_add_test(tc,
                   a_whole_stands_as_its_copy_had_it_while_a_part_is_missing);
    tcase_add_test(
        tc, a_calculated_field_shows_the_newer_of_itself_and_its_sources);
    tcase_add_test(tc, a_derived_field_is_made_by_functions_of_what_is_there);
    tcase_add_test(tc,
                   a_derived_value_of_another_type_than_its_field_is_invalid);
    tcase_add_test(
        tc, a_lenient_split_takes_what_has_no_separator_as_the_first_part);
    tcase_add_test(tc, a_merge_step_joins_two_branches_and_alias_mends);
    tcase_add_test(tc, memory_that_runs_out_anywhere_is_an_error_and_no_leak);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
