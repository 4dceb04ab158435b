/* test_hazards_field.c: what users of other systems were bitten by: one named
 * test each, on signed logs in stores.
 *
 * Each was seen red; one line that does it, in the product:
 *   f01 f04 f10  view.c, view_take_natives: only the head's own epoch counts
 *   f02          view_due.c, due_judge: equal rank and value does not stop it
 *   f03          write.c, new_header: `created` also beside `unique`
 *   f05 f06 f16 f18  repo_append.c, append_context: epoch always inherited
 *   f07          run.c, cove_run_save: 0 for the cursor
 *   f08          load.c, cove_loaded_state: a missing owner is not looked at
 *   f12          journal.c: a step waits for no parent (*left = 0)
 *   f15          view.c, view_take_natives: only epochs before the head count
 *   f17          repo_fold.c, fold_op_id: the session's local number decides
 */
#include "cove/error.h"
#include "migrate/run.h"
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

/* Version 1 and a document that everybody has. */
static void stage(const char *fields)
{
    story_schema(&s, ALICE, T1);
    story_new(&s, ALICE, 0, "1", fields);
    story_settle(&s);
}

START_TEST(f01_a_migration_of_today_never_beats_an_earlier_user)
{
    stage("{'size':'1','name':'Ada Byron'}");
    story_migration(&s, ALICE, M12, T2);
    story_write(&s, BOB, 5, "1", "{'size':'2','name':'Grace Hopper'}");
    story_clock(&s, ALICE, 200);
    ck_assert_uint_eq(story_load(&s, ALICE, "2"), 3);
    story_settle(&s);
    ck_views(&s, ALICE, "2",
             "first='Grace' last='Hopper' priority='low' size=2");
    ck_views(&s, BOB, "1", "name='Grace Hopper' size='2'");
}
END_TEST

START_TEST(f02_the_same_migration_on_two_peers_does_not_double)
{
    stage("{'tags':'a,b,c','size':'7'}");
    story_write(&s, BOB, 1, "1", "{'section':'s'}");
    story_settle(&s);

    const char *step = story_migration(&s, ALICE, M12, T2);

    ck_assert_str_eq(story_migration(&s, DAN, M12, T2), step);
    story_load(&s, ALICE, "2");
    story_load(&s, DAN, "2");
    story_settle(&s);
    ck_assert(!story_forked(&s, BOB));
    ck_views(&s, BOB, "2",
             "category='s' priority='low' size=7 tags=['a','b','c']");
    ck_assert_str_eq(story_stored(&s, BOB, "2"),
                     "category='s' size=7 tags=['a','b','c']");
    ck_assert_uint_eq(story_load(&s, BOB, "2"), 0);
}
END_TEST

START_TEST(f03_the_same_identity_never_has_other_content)
{
    struct cove_id mine, journal;

    /* two devices publish one file, and make one thing, apart */
    story_clock(&s, DAN, 50);
    story_schema(&s, DAN, T1);
    journal = s.journal;
    story_schema(&s, ALICE, T1);
    ck_assert_mem_eq(&journal, &s.journal, sizeof(journal));
    story_migration(&s, DAN, M12, T2);
    ck_assert_int_eq(
        story_try_new(&s, ALICE, 1, "1", "{'size':'1'}", "'settings'"), 0);
    mine = s.doc;
    /* dan's app is newer, his clock another */
    ck_assert_int_eq(
        story_try_new(&s, DAN, 99, "2", "{'category':'c'}", "'settings'"), 0);
    ck_assert_mem_eq(&mine, &s.doc, sizeof(mine));
    story_settle(&s);
    story_agreed(&s);
    ck_views(&s, BOB, "1", "section='c' size='1'");
    ck_views(&s, BOB, "2", "category='c' priority='low' size=1");
}
END_TEST

START_TEST(f04_a_late_old_write_is_migrated_too)
{
    stage("{'size':'1'}");
    story_migration(&s, ALICE, M12, T2);
    ck_assert_uint_eq(story_load(&s, ALICE, "2"), 1);
    ck_assert_uint_eq(story_load(&s, ALICE, "2"), 0);
    story_write(&s, BOB, 9, "1", "{'size':'2'}");
    story_give(&s, BOB, ALICE);
    ck_assert_int_eq(story_look(&s, ALICE, "2", COVE_LOAD_VIEW).due, 1);
    ck_views(&s, ALICE, "2", "priority='low' size=2");
    ck_assert_uint_eq(story_load(&s, ALICE, "2"), 1);
    ck_assert_str_eq(story_stored(&s, ALICE, "2"), "size=2");
}
END_TEST

START_TEST(f05_an_old_client_never_erases_fields_it_cannot_see)
{
    stage("{'size':'1','section':'s','note':'n'}");
    story_migration(&s, ALICE, M12, T2);
    story_write(&s, ALICE, 1, "2", "{'priority':'high','status':'doing'}");
    story_settle(&s);
    /* the old app saves the whole object as it sees it */
    story_write(&s, BOB, 2, "1", "{'size':'1','section':'s','note':'n'}");
    story_settle(&s);
    ck_views(&s, ALICE, "2",
             "category='s' priority='high' size=1 status='doing'");
    /* and the new one, which does not see the note */
    story_write(&s, ALICE, 3, "2",
                "{'category':'t','priority':'high','size':1}");
    story_settle(&s);
    ck_assert_str_eq(story_field(&s, BOB, "1", "note"), "'n'");
}
END_TEST

START_TEST(f06_a_write_keeps_the_version_it_was_written_at)
{
    struct story_newest newest;

    stage("{'section':'s'}");

    const char *two = story_migration(&s, ALICE, M12, T2);

    story_write(&s, BOB, 1, "1", "{'section':'t'}"); /* offline, at 1 */
    story_settle(&s);
    story_load(&s, ALICE, "2"); /* received, loaded and relayed at 2 */
    story_load(&s, DAN, "2");
    story_give(&s, DAN, CAROL);

    const char *regs[] = {story_register(&s, CAROL, "1", "section"), NULL};

    ck_assert(story_newest(&s, CAROL, regs, &newest));
    ck_assert_str_eq(newest.value, "'t'");
    ck_assert_str_ne(newest.epoch, two);
    ck_assert_str_ne(newest.epoch, "");
    story_write(&s, BOB, 2, "2", "{'category':'u'}");
    ck_assert(story_newest(&s, BOB, regs, &newest));
    ck_assert_str_eq(newest.epoch, two);
    story_write(&s, BOB, 3, "1", "{'section':'v'}"); /* both apps, one store */
    ck_assert(story_newest(&s, BOB, regs, &newest));
    ck_assert_str_ne(newest.epoch, two);
}
END_TEST

#define F07_DOCS 12

START_TEST(f07_an_interrupted_run_goes_on_and_ends)
{
    struct kit *k = story_kit(&s, BOB);
    struct cove_run run = {.batch = 5, .total = F07_DOCS, .head_given = true};
    struct cove_store_txn *txn;
    int tries = 0;

    story_end(&s);
    story_begin(&s, FIXTURE_LMDB);
    stage("{'size':'1'}");
    for (int i = 1; i < F07_DOCS; i++) {
        story_new(&s, ALICE, i, "1", "{'size':'2'}");
    }
    run.head = story_step_id(story_migration(&s, ALICE, M12, T2));
    story_settle(&s);
    txn = kit_begin(k, true);
    run.schema = kit_num(k, txn, &s.journal);
    ck_assert_int_eq(cove_run_save(k->repo, txn, &run), 0);
    kit_commit(txn);
    for (; !run.finished; tries++) {
        txn = kit_begin(k, true);
        ck_assert_int_eq(cove_run_restore(k->repo, txn, run.schema, &run), 0);
        run.batch = 5;
        ck_assert_int_eq(cove_run_batch(s.peer[BOB].catalog, txn, &run, NULL,
                                        NULL, &k->diag),
                         0);
        ck_assert_int_eq(cove_run_save(k->repo, txn, &run), 0);
        if (tries % 2 == 0) { /* dies before its commit */
            cove_store_abort(txn);
            story_reopen(&s, BOB);
            run.finished = false;
        } else {
            kit_commit(txn);
        }
        ck_assert_int_lt(tries, 20);
    }
    ck_assert_uint_eq(run.done, F07_DOCS);
    ck_assert_uint_eq(run.migrated, F07_DOCS);
    /* and it blocks no later one */
    run = (struct cove_run){.schema = run.schema, .head_given = false};
    txn = kit_begin(k, true);
    ck_assert_int_eq(
        cove_run_batch(s.peer[BOB].catalog, txn, &run, NULL, NULL, &k->diag),
        0);
    kit_commit(txn);
    ck_assert_uint_eq(run.done, F07_DOCS);
    ck_assert_uint_eq(run.migrated, 0);
    ck_assert(run.finished);
}
END_TEST

START_TEST(f08_nothing_is_migrated_before_what_it_needs_has_arrived)
{
    struct cove_id group = s.group, family;
    struct kit_member members[] = {{story_kit(&s, ALICE), "admin"},
                                   {story_kit(&s, BOB), "writer"}};
    struct cove_bytes header =
        kit_group(story_kit(&s, ALICE), members, 2, &family);

    story_schema(&s, ALICE, T1);
    kit_take_header(story_kit(&s, ALICE), &family, header);
    s.group = family;
    story_new(&s, ALICE, 0, "1", "{'size':'1'}");
    s.group = group;
    story_migration(&s, ALICE, M12, T2);
    /* the document alone: no journal, no owner */
    story_give_doc(&s, ALICE, BOB, &s.doc);

    uint32_t held = story_txs(&s, BOB);

    ck_assert_int_eq(story_look(&s, BOB, NULL, COVE_LOAD_MIGRATE).err,
                     COVE_EBLOCKED);
    story_give_doc(&s, ALICE, BOB, &s.journal);
    ck_assert_uint_eq(story_load(&s, BOB, "2"), 0); /* whose is it? */
    ck_assert_int_eq(story_look(&s, BOB, "2", COVE_LOAD_VIEW).state,
                     COVE_STATE_BLOCKED);
    ck_assert_uint_eq(story_txs(&s, BOB), held);
    kit_take_header(story_kit(&s, BOB), &family, header);
    ck_assert_uint_eq(story_load(&s, BOB, "2"), 1);
    ck_views(&s, BOB, "2", "priority='low' size=1");
}
END_TEST

START_TEST(f10_nothing_of_the_machine_is_in_what_a_migration_writes)
{
    stage("{'size':'1','tags':'b,a','name':'Ada Byron','done':true}");
    story_write(&s, BOB, 1, "1", "{'size':'2'}");
    story_write(&s, DAN, 2, "1", "{'tags':'c'}");
    story_give(&s, BOB, ALICE); /* another order of arrival on each */
    story_give(&s, DAN, ALICE);
    story_give(&s, DAN, BOB);
    story_give(&s, ALICE, BOB);
    story_give(&s, ALICE, DAN);
    story_migration(&s, ALICE, M12, T2);
    story_give_doc(&s, ALICE, BOB, &s.journal);
    story_give_doc(&s, ALICE, DAN, &s.journal);
    story_clock(&s, ALICE, 10);
    story_clock(&s, BOB, 20);
    ck_assert_uint_eq(story_load(&s, ALICE, "2"), 5);
    ck_assert_uint_eq(story_load(&s, BOB, "2"), 5);
    story_reopen(&s, DAN);
    ck_assert_uint_eq(story_load(&s, DAN, "2"), 5);
    ck_assert_str_eq(story_copies(&s, BOB), story_copies(&s, ALICE));
    ck_assert_str_eq(story_copies(&s, DAN), story_copies(&s, ALICE));
}
END_TEST

START_TEST(f12_a_missing_step_is_waited_for_by_name)
{
    stage("{'size':'1'}");
    story_migration(&s, ALICE, M12, T2);
    story_give(&s, ALICE, DAN);
    story_migration(&s, DAN, M23, T3);
    story_write(&s, DAN, 1, "3", "{'bytes':2048}");
    story_give_part(&s, DAN, BOB, &s.journal, DAN, UINT32_MAX);
    story_give_doc(&s, DAN, BOB, &s.doc);
    ck_assert_int_eq(story_try_load(&s, BOB, "3"), COVE_EBLOCKED);
    ck_assert_ptr_nonnull(strstr(story_why(&s, BOB), "waits for a step"));
    ck_views(&s, BOB, "1", "size='1'");
    ck_assert_int_eq(story_look(&s, BOB, "1", COVE_LOAD_VIEW).state,
                     COVE_STATE_AHEAD);
    story_give_doc(&s, ALICE, BOB, &s.journal);
    ck_views(&s, BOB, "1", "size='2'");
    ck_assert_int_eq(story_try_load(&s, BOB, "3"), 0);
}
END_TEST

START_TEST(f15_a_device_that_was_offline_at_publication_opens)
{
    stage("{'section':'s'}");
    story_migration(&s, ALICE, M12, T2);
    story_new(&s, ALICE, 1, "2", "{'category':'c','size':5}");
    story_give_doc(&s, ALICE, BOB, &s.doc);
    /* a version that it has not heard of: it says so, and reads its own */
    ck_assert_int_eq(story_try_load(&s, BOB, "2"), COVE_EBLOCKED);
    ck_assert_ptr_nonnull(strstr(story_why(&s, BOB), "no version 2 here"));
    ck_assert_int_eq(story_try_load(&s, BOB, "1"), 0);
    story_write(&s, BOB, 2, "1", "{'note':'n'}");
    story_sync(&s, ALICE, BOB);
    ck_views(&s, BOB, "1", "note='n' section='c' size='5'");
    ck_views(&s, BOB, "2", "category='c' priority='low' size=5");
}
END_TEST

START_TEST(f16_writes_not_yet_synced_survive_the_upgrade)
{
    story_end(&s);
    story_begin(&s, FIXTURE_LMDB);
    stage("{'section':'s','size':'1'}");
    story_write(&s, BOB, 1, "1", "{'section':'mine','size':'2','note':'x'}");
    story_migration(&s, ALICE, M12, T2);
    story_write(&s, ALICE, 2, "2", "{'priority':'high'}");
    /* the app is replaced, hears of version 2 and loads at it, then syncs */
    story_reopen(&s, BOB);
    story_give(&s, ALICE, BOB);
    story_load(&s, BOB, "2");
    story_reopen(&s, BOB);
    ck_views(&s, BOB, "2", "category='mine' priority='high' size=2");
    story_give(&s, BOB, ALICE);
    ck_views(&s, ALICE, "2", "category='mine' priority='high' size=2");
    ck_views(&s, ALICE, "1", "note='x' section='mine' size='2'");
}
END_TEST

START_TEST(f17_equal_timestamps_are_not_settled_by_arrival)
{
    /* alice and bob are new to the others, who hear of them in either order */
    story_schema(&s, DAN, T1);
    story_new(&s, DAN, 0, "1", "{'section':'s'}");
    story_settle(&s);
    for (int i = 1; i <= 10; i++) {
        char *a = cove_arena_printf(&s.arena, "{'section':'a%d'}", i);
        char *b = cove_arena_printf(&s.arena, "{'section':'b%d'}", i);

        story_write(&s, ALICE, i, "1", a);
        story_write(&s, BOB, i, "1", b);
        story_give(&s, ALICE, CAROL);
        story_load(&s, CAROL, "1"); /* what came first is folded first */
        story_give(&s, BOB, CAROL);
        story_give(&s, BOB, DAN);
        story_load(&s, DAN, "1");
        story_give(&s, ALICE, DAN);
        ck_views(&s, CAROL, "1", story_view(&s, DAN, "1"));
        story_sync(&s, ALICE, BOB);
        ck_views(&s, ALICE, "1", story_view(&s, DAN, "1"));
        ck_views(&s, BOB, "1", story_view(&s, DAN, "1"));
    }
}
END_TEST

START_TEST(f18_a_client_that_ignored_a_field_has_no_hole_after_updating)
{
    stage("{'section':'s'}");
    story_migration(&s, ALICE, M12, T2);
    story_write(&s, ALICE, 1, "2", "{'priority':'high','size':7}");
    story_give_doc(&s, ALICE, BOB, &s.doc);
    ck_views(&s, BOB, "1", "section='s'");
    story_write(&s, BOB, 2, "1", "{'section':'t'}");
    story_load(&s, BOB, "1");
    story_reopen(&s, BOB);
    /* bob updates; nothing but the journal is fetched */
    story_give_doc(&s, ALICE, BOB, &s.journal);
    ck_views(&s, BOB, "2", "category='t' priority='high' size=7");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        f01_a_migration_of_today_never_beats_an_earlier_user,
        f02_the_same_migration_on_two_peers_does_not_double,
        f03_the_same_identity_never_has_other_content,
        f04_a_late_old_write_is_migrated_too,
        f05_an_old_client_never_erases_fields_it_cannot_see,
        f06_a_write_keeps_the_version_it_was_written_at,
        f07_an_interrupted_run_goes_on_and_ends,
        f08_nothing_is_migrated_before_what_it_needs_has_arrived,
        f10_nothing_of_the_machine_is_in_what_a_migration_writes,
        f12_a_missing_step_is_waited_for_by_name,
        f15_a_device_that_was_offline_at_publication_opens,
        f16_writes_not_yet_synced_survive_the_upgrade,
        f17_equal_timestamps_are_not_settled_by_arrival,
        f18_a_client_that_ignored_a_field_has_no_hole_after_updating,
    };
    Suite *suite = suite_create("hazards from the field");
    TCase *tc = tcase_create("hazards");

    tcase_set_timeout(tc, 0);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    for (size_t i = 0; i < COVE_ARRAY_LEN(tests); i++) {
        tcase_add_test(tc, tests[i]);
    }
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
