/* test_hazards_work.c: what goes wrong in the daily work on schemas: authoring,
 * publishing, trying, taking back: one named test each, on signed logs in
 * stores. Runs are in test_hazards_seed.c (h33, h40); C15 is in
 * tests/unit/test_view_hazards.c.
 */
#include "cove/error.h"
#include "migrate/retire.h"
#include "migrate/retreat.h"
#include "migrate/trial.h"
#include "tests/promises/shapes.h"
#include "tests/promises/story.h"
#include "tests/promises/story_word.h"

static struct story s;

static void set_up(void)
{
    story_begin(&s, FIXTURE_MEMORY);
}

static void tear_down(void)
{
    story_end(&s);
}

/* Version 1 with a document that everybody has. */
static void stage(const char *fields)
{
    story_schema(&s, ALICE, T1);
    story_new(&s, ALICE, 0, "1", fields);
    story_settle(&s);
}

#define H12_OTHER                                                              \
    "{'title':'T','version':1,'properties':{'weight':{'type':'number'}}}"

START_TEST(h12_one_schema_name_may_mean_different_things)
{
    struct cove_id journal[2], doc[2];
    struct word w;
    cove_num num;

    story_schema(&s, ALICE, T1); /* neither has heard of the other */
    story_new(&s, ALICE, 1, "1", "{'size':'1'}");
    journal[0] = s.journal;
    doc[0] = s.doc;
    story_schema(&s, DAN, H12_OTHER);
    story_new(&s, DAN, 2, "1", "{'weight':1.5}");
    journal[1] = s.journal;
    doc[1] = s.doc;
    ck_assert_mem_ne(&journal[0], &journal[1], sizeof(journal[0]));
    story_settle(&s);

    word_open(&w, &s, BOB, false);
    ck_assert_int_eq(
        cove_catalog_find(w.peer->catalog, w.txn, "T", &num, &w.diag),
        COVE_EAMBIGUOUS);
    ck_assert_int_eq(word_close(&w, COVE_EAMBIGUOUS), COVE_EAMBIGUOUS);

    /* Each document says by an id which of them it is of. */
    for (int i = 0; i < 2; i++) {
        s.journal = journal[i];
        s.doc = doc[i];
        ck_views(&s, BOB, "1", i == 0 ? "size='1'" : "weight=1.5");
    }
}
END_TEST

START_TEST(h13_nothing_in_a_step_reads_the_clock_chance_or_other_documents)
{
    /* What a script could reach is in tests/unit/test_script_attacks.c. */
    static const char *const outside[] = {"'now'",   "'random'",
                                          "'fetch'", "{'lookup':'T'}",
                                          "'eval'",  "{'python':'1'}"};

    stage("{'size':'1'}");
    for (size_t i = 0; i < COVE_ARRAY_LEN(outside); i++) {
        const char *file = cove_arena_printf(
            &s.arena,
            "{'schema':'P','from':1,'to':2,'steps':[{'convert':{'field':"
            "'price','to':{'name':'cents','type':'integer'},'forward':[%s],"
            "'back':null}}]}",
            outside[i]);

        if (i == 0) {
            story_schema(&s, ALICE, P1);
        }
        ck_assert_int_eq(story_try_migration(&s, ALICE, file, P2), COVE_ESTEP);
        ck_assert_ptr_nonnull(strstr(story_why(&s, ALICE), "int_of_text"));
    }
}
END_TEST

START_TEST(h24_edits_of_two_fields_beside_each_other_are_both_kept)
{
    story_schema(&s, ALICE, T1);
    story_migration(&s, ALICE, M12, T2);
    story_new(&s, ALICE, 0, "1", "{'name':'Ada King','size':'1'}");
    story_settle(&s);
    story_load(&s, ALICE, "2"); /* each whole is also stored as its parts */
    story_write(&s, ALICE, 5, "2", "{'first':'Augusta'}");
    story_write(&s, BOB, 4, "2", "{'last':'Byron'}");
    story_write(&s, BOB, 6, "1", "{'size':'2'}");
    story_settle(&s);
    ck_views(&s, CAROL, "1", "name='Augusta Byron' size='2'");
    ck_views(&s, CAROL, "2",
             "first='Augusta' last='Byron' priority='low' size=2");
}
END_TEST

START_TEST(h25_a_text_migrated_to_a_list_on_two_devices_doubles_nothing)
{
    stage("{'tags':'a,b,c'}");
    story_migration(&s, ALICE, M12, T2);
    story_give(&s, ALICE, BOB);
    story_clock(&s, ALICE, 50);
    story_clock(&s, BOB, 60);
    ck_assert_uint_eq(story_load(&s, ALICE, "2"), 1);
    ck_assert_uint_eq(story_load(&s, BOB, "2"), 1);
    story_settle(&s);
    ck_views(&s, CAROL, "2", "priority='low' tags=['a','b','c']");
    ck_assert_str_eq(story_stored(&s, CAROL, "2"), "tags=['a','b','c']");
    story_write(&s, BOB, 70, "1", "{'tags':'a,c'}");
    story_settle(&s);
    ck_views(&s, CAROL, "2", "priority='low' tags=['a','c']");
}
END_TEST

START_TEST(h26_two_devices_that_extract_a_child_make_one)
{
    stage("{'section':'x'}");
    story_clock(&s, BOB, 77);

    struct cove_id one = story_extract(&s, ALICE, "address");
    struct cove_id two = story_extract(&s, BOB, "address");

    ck_assert_mem_eq(&one, &two, sizeof(one));
    s.doc = one;
    story_raw_write(&s, ALICE, 100, NULL, "street", "'x'");
    story_raw_write(&s, BOB, 101, NULL, "town", "'y'");
    story_settle(&s);
    story_agreed(&s);
    ck_assert_str_eq(story_view(&s, CAROL, NULL), "street='x' town='y'");
}
END_TEST

START_TEST(h27_two_devices_that_begin_at_once_begin_the_same)
{
    struct cove_id first;

    story_schema(&s, ALICE, T1); /* neither has heard of the other */
    first = s.journal;
    story_schema(&s, DAN, T1);
    ck_assert_mem_eq(&s.journal, &first, sizeof(first));
    ck_assert_str_eq(story_migration(&s, ALICE, M12, T2),
                     story_migration(&s, DAN, M12, T2));
    story_new(&s, ALICE, 1, "1", "{'size':'1'}");
    story_settle(&s);
    ck_assert(!story_forked(&s, BOB));
    ck_views(&s, DAN, "2", "priority='low' size=1");
}
END_TEST

/* A17 */
START_TEST(h28_who_may_only_write_cannot_publish)
{
    stage("{'size':'1'}");
    ck_assert_int_eq(story_try_migration(&s, BOB, M12, T2), COVE_EDENIED);
    ck_assert_int_eq(story_try_migration(&s, CAROL, M12, T2), COVE_EDENIED);
    ck_assert_int_eq(story_look(&s, BOB, "2", COVE_LOAD_VIEW).err,
                     COVE_EBLOCKED);
    story_migration(&s, DAN, M12, T2); /* an admin may */
    story_settle(&s);
    ck_views(&s, BOB, "2", "priority='low' size=1");
}
END_TEST

START_TEST(h29_a_view_needs_nobody_who_may_write)
{
    stage("{'size':'1','name':'Ada Byron','tags':'a,b'}");
    story_migration(&s, ALICE, M12, T2);
    story_give(&s, ALICE, CAROL); /* nobody ever loaded it at version 2 */
    ck_assert_str_eq(story_copies(&s, CAROL), "");
    for (int i = 0; i < 10; i++) {
        ck_assert_uint_eq(story_load(&s, CAROL, "2"), 0);
        ck_views(&s, CAROL, "2",
                 "first='Ada' last='Byron' priority='low' size=1 "
                 "tags=['a','b']");
    }
}
END_TEST

/* The version before, as a later one; its number. */
static int64_t take_back(enum story_who who, bool undo)
{
    struct cove_retreat_request request = {.steps = undo ? 0 : 1, .undo = undo};
    struct cove_retreat retreat;
    struct cove_published out;
    struct word w;

    word_open(&w, &s, who, true);
    word_must(
        &w, cove_repo_find(w.peer->kit.repo, w.txn, &s.journal, &request.num));
    word_must(&w, cove_retreat_prepare(w.peer->catalog, w.txn, &request,
                                       &w.arena, &retreat, &w.diag));
    word_must(&w, cove_publish_prepared(w.peer->catalog, w.txn, &retreat.step,
                                        "the way back", &out, &w.diag));
    word_must(&w, word_close(&w, 0));
    return out.version;
}

START_TEST(h31_a_rollback_keeps_the_edits_made_since)
{
    stage("{'size':'1','note':'n'}");
    story_migration(&s, ALICE, M12, T2);
    story_settle(&s);
    story_write(&s, BOB, 10, "2", "{'size':2,'first':'Ada'}");
    ck_assert_int_eq(take_back(ALICE, false), 3);
    story_write(&s, BOB, 11, "2", "{'last':'Byron'}"); /* not heard of it */
    story_settle(&s);
    ck_views(&s, CAROL, "3", "name='Ada Byron' note='n' size='2'");
    ck_views(&s, CAROL, "1", "name='Ada Byron' note='n' size='2'");
    story_write(&s, BOB, 12, "3", "{'size':'3'}");
    ck_assert_int_eq(take_back(ALICE, true), 4);
    story_settle(&s);
    ck_views(&s, CAROL, "4", "first='Ada' last='Byron' priority='low' size=3");
    ck_views(&s, CAROL, "2", "first='Ada' last='Byron' priority='low' size=3");
}
END_TEST

/* JSON written with ' for ". */
static struct cove_bytes quoted(struct word *w, const char *text)
{
    char *copy = cove_arena_printf(&w->arena, "%s", text);

    for (char *c = copy; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return cove_bytes_text(copy);
}

START_TEST(h32_a_migration_that_is_tried_leaves_nothing_behind)
{
    struct cove_migration_files files = {.name = "migration.json"};
    struct cove_trial trial = {.live_days = 90};
    struct cove_trial_slice slice = {.documents = 100};
    struct cove_prepared prepared;
    struct word w;

    story_end(&s);
    story_begin(&s, FIXTURE_LMDB);
    stage("{'size':'x','name':'Ada Byron'}");

    struct cove_hash before = story_dump(&s, ALICE);

    word_open(&w, &s, ALICE, true); /* it could write */
    files.migration = quoted(&w, M12);
    files.schema = quoted(&w, T2);
    word_must(&w, cove_prepare_migration(w.peer->catalog, w.txn, &files,
                                         &w.arena, &prepared, &w.diag));
    struct cove_assumed step = {prepared.step.body, prepared.file.text};

    word_must(&w, cove_catalog_assume(w.peer->catalog, w.txn, prepared.num,
                                      &step, 1));
    trial.schema = prepared.num;
    memcpy(&trial.before, prepared.parents.at, sizeof(trial.before));
    trial.after = prepared.step.step;
    trial.arena = &w.arena;
    word_must(&w, cove_trial_begin(w.peer->catalog, w.txn, &trial));
    while (!trial.finished) {
        word_must(
            &w, cove_trial_go(w.peer->catalog, w.txn, &trial, &slice, &w.diag));
    }
    ck_assert_uint_eq(trial.evaluated, 1);
    ck_assert_uint_eq(trial.copies, 2);
    ck_assert_uint_eq(trial.newly_invalid, 1);
    word_must(&w, word_close(&w, 0)); /* committed, whatever it holds */
    ck_same_hash(before, story_dump(&s, ALICE));

    story_reopen(&s, ALICE); /* nothing is assumed any longer */
    ck_assert_int_eq(story_look(&s, ALICE, "2", COVE_LOAD_VIEW).err,
                     COVE_EBLOCKED);
    ck_views(&s, ALICE, "1", "name='Ada Byron' size='x'");
}
END_TEST

/* What of version 1 is still needed, at alice; published where `publish`. */
static struct cove_retire retire_1(struct word *w, bool publish)
{
    struct cove_retire_request request = {.version = "1"};
    struct cove_published out;
    struct cove_retire retire;

    word_open(w, &s, ALICE, true);
    word_must(
        w, cove_repo_find(w->peer->kit.repo, w->txn, &s.journal, &request.num));
    word_must(w, cove_retire_prepare(w->peer->catalog, w->txn, &request,
                                     &w->arena, &retire, &w->diag));
    if (publish) {
        word_must(w,
                  cove_publish_prepared(w->peer->catalog, w->txn, &retire.step,
                                        "retire", &out, &w->diag));
    }
    return retire;
}

START_TEST(h36_retire_says_what_still_needs_the_old_version)
{
    struct cove_retire retire;
    struct word w;

    stage("{'size':'1'}");
    story_migration(&s, ALICE, M12, T2);
    story_settle(&s);
    story_write(&s, BOB, 10, "1", "{'size':'2'}");
    story_settle(&s);
    retire = retire_1(&w, false);
    ck_assert(retire.needed);
    ck_assert_uint_eq(retire.version_count, 1);
    ck_assert_uint_eq(retire.versions[0].documents, 1);
    ck_assert_uint_eq(retire.device_count, 2); /* alice made it at 1 */
    word_must(&w, word_close(&w, 0));

    story_write(&s, ALICE, 11, "2", "{'size':3}");
    story_write(&s, BOB, 12, "2", "{'size':4}");
    story_settle(&s);
    retire = retire_1(&w, true);
    ck_assert(!retire.needed);
    ck_assert_uint_eq(retire.versions[0].documents, 0);
    ck_assert_uint_eq(retire.device_count, 0);
    word_must(&w, word_close(&w, 0));

    /* Bob has not heard of it: what he writes still lands. */
    story_write(&s, BOB, 20, "1", "{'size':'5'}");
    story_settle(&s);
    ck_views(&s, ALICE, "2", "priority='low' size=5");
    ck_views(&s, BOB, "1", "size='5'");
    ck_assert_int_eq(story_try_write(&s, BOB, 21, "1", "{'size':'6'}"),
                     COVE_EBLOCKED);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        h12_one_schema_name_may_mean_different_things,
        h13_nothing_in_a_step_reads_the_clock_chance_or_other_documents,
        h24_edits_of_two_fields_beside_each_other_are_both_kept,
        h25_a_text_migrated_to_a_list_on_two_devices_doubles_nothing,
        h26_two_devices_that_extract_a_child_make_one,
        h27_two_devices_that_begin_at_once_begin_the_same,
        h28_who_may_only_write_cannot_publish,
        h29_a_view_needs_nobody_who_may_write,
        h31_a_rollback_keeps_the_edits_made_since,
        h32_a_migration_that_is_tried_leaves_nothing_behind,
        h36_retire_says_what_still_needs_the_old_version,
    };
    Suite *suite = suite_create("hazards of daily work");
    TCase *tc = tcase_create("hazards");

    tcase_set_timeout(tc, 0);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    for (size_t i = 0; i < COVE_ARRAY_LEN(tests); i++) {
        tcase_add_test(tc, tests[i]);
    }
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
