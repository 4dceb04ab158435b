/* test_hazards_seed.c: what went wrong in the engine this project started
 * from, and does not here: one named test each, on signed logs in stores.
 *
 * Each was seen red; one line that does it, in the product:
 *   h01      load.c, load_copies: the clean mark's key has the clock in it
 *   h02      view_read.c, cove_view_field: defaults where deleted
 *   h03      view_read.c, cove_view_field: a default wherever there is one
 *   h04      view_due.c, due_judge: equal rank and value does not stop it
 *   h05      load.c, load_copies: a reader may
 *   h06      plan.c, plan_label: names are ignored
 *   h07 h38  fn.c, cove_fn_call: a failure is absent
 *   h08      journal.c: a step waits for no parent (*left = 0)
 *   h09      cells.c, cove_cells_join: an edge inside a cell
 *   h10      catalog_find.c, cove_schema_doc_forked: false
 *   h11      catalog_build.c, build_entry: the key need not be the hash
 *   h14      fn.c, cove_fn_known: true
 *   h15      load.c, copies_write: one copy a transaction
 *   h16      write.c, cove_loaded_validate: 0; load.c: invalid is current
 *   h17      view.c, view_take_natives: an unknown epoch is not ahead
 *   h18      view.c, view_take_natives: only the head's own epoch counts
 *   h20      view_due.c, due_judge: what nobody wrote is due as well
 *   h21      plan.c, plan_label: show hides
 *   h22      state.c, state_native_age: at equal times the later arrival
 *   h23      repo_ingest.c: no limit; repo_fold.c, repo_in_time: true;
 *            catalog.c, entry_fresh: held steps are forgotten
 *   h33      run.c, cove_run_save: 0 for the cursor
 *   h40      run.c, run_count: what is ahead is not counted
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

/* Version 1 with a document that everybody has. */
static void stage(const char *fields)
{
    story_schema(&s, ALICE, T1);
    story_new(&s, ALICE, 0, "1", fields);
    story_settle(&s);
}

static void stage_two(const char *fields)
{
    stage(fields);
    story_migration(&s, ALICE, M12, T2);
    story_settle(&s);
}

START_TEST(h01_a_thousand_loads_write_nothing)
{
    story_schema(&s, ALICE, P1);
    story_new(&s, ALICE, 0, "1", "{'price':3}");
    story_migration(&s, ALICE, MP, P2);
    story_settle(&s);
    ck_assert_uint_eq(story_load(&s, BOB, "2"), 1);

    struct cove_hash dump = story_dump(&s, BOB);

    for (int i = 1; i <= 1000; i++) {
        story_clock(&s, BOB, i);
        ck_assert_uint_eq(story_load(&s, BOB, i % 3 == 0 ? "1" : "2"), 0);
    }
    ck_same_hash(story_dump(&s, BOB), dump);
    ck_views(&s, BOB, "2", "cents=300");
    ck_views(&s, BOB, "1", "price=3");
}
END_TEST

#define FLAGS(version, more)                                                   \
    "{'title':'F','version':" version ",'properties':{'a':{" more              \
    "},'b':{" more "},'c':{" more "},'d':{" more "},'e':{" more "},'f':{" more \
    "}}}"

START_TEST(h02_false_zero_empty_and_null_are_not_missing)
{
    story_schema(&s, ALICE, FLAGS("1", ""));
    story_new(&s, ALICE, 0, "1", "{'a':false,'b':0,'c':'','d':null,'e':1}");
    story_delete(&s, ALICE, 1, "1", "e");
    story_migration(
        &s, ALICE,
        "{'schema':'F','from':1,'to':2,'steps':["
        "{'default':{'field':'a','value':9}},{'default':{'field':'b','value':9}"
        "},{'default':{'field':'c','value':9}},{'default':{'field':'d','value':"
        "9}},{'default':{'field':'e','value':9}},{'default':{'field':'f',"
        "'value':9}}]}",
        FLAGS("2", "'default':9"));
    ck_assert_uint_eq(story_load(&s, ALICE, "2"), 0);
    story_settle(&s);
    /* e was deleted, f never written */
    ck_views(&s, BOB, "2", "a=false b=0 c='' d=null f=9");
    ck_views(&s, BOB, "1", "a=false b=0 c='' d=null");
}
END_TEST

START_TEST(h03_a_default_never_beats_an_earlier_value_from_another_device)
{
    stage_two("{}");
    story_write(&s, BOB, 1, "2", "{'priority':'high'}");
    story_clock(&s, ALICE, 100);
    ck_views(&s, ALICE, "2", "priority='low'");
    ck_assert_uint_eq(story_load(&s, ALICE, "2"), 0);
    story_settle(&s);
    ck_views(&s, ALICE, "2", "priority='high'");
    ck_views(&s, DAN, "2", "priority='high'");
}
END_TEST

/* A21 */
START_TEST(h04_two_peers_that_migrate_at_once_count_once)
{
    stage_two("{'tags':'a,b,c','size':'7','name':'Ada Byron'}");

    const char *want = "first='Ada' last='Byron' priority='low' size=7 "
                       "tags=['a','b','c']";
    uint32_t copies = story_load(&s, ALICE, "2");

    ck_assert_uint_eq(copies, 4);
    ck_assert_uint_eq(story_load(&s, BOB, "2"), copies);
    story_settle(&s);
    story_agreed(&s);
    ck_views(&s, CAROL, "2", want);
    ck_assert_str_eq(story_stored(&s, CAROL, "2"),
                     "first='Ada' last='Byron' size=7 tags=['a','b','c']");
    ck_assert_uint_eq(story_load(&s, ALICE, "2"), 0);
    ck_assert_uint_eq(story_load(&s, BOB, "2"), 0);
    ck_assert_uint_eq(story_load(&s, DAN, "2"), 0);
}
END_TEST

START_TEST(h05_a_readers_load_writes_nothing)
{
    stage_two("{'size':'7'}");

    uint32_t held = story_txs(&s, CAROL);

    for (int i = 0; i < 10; i++) {
        struct story_look look = story_look(&s, CAROL, "2", COVE_LOAD_MIGRATE);

        ck_assert_int_eq(look.err, 0);
        ck_assert_uint_eq(look.written, 0);
        ck_assert_int_eq(look.state, COVE_STATE_LOCAL_ONLY);
    }
    ck_assert_uint_eq(story_txs(&s, CAROL), held);
    ck_views(&s, CAROL, "2", "priority='low' size=7");
}
END_TEST

START_TEST(h06_an_edit_under_the_old_name_is_seen_under_the_new)
{
    stage_two("{'section':'a'}");
    story_write(&s, ALICE, 1, "2", "{'category':'b'}");
    story_write(&s, BOB, 2, "1", "{'section':'c'}");
    story_settle(&s);
    ck_views(&s, ALICE, "2", "category='c' priority='low'");
    /* It is one register: nothing was written for the new name. */
    ck_assert_str_eq(story_register(&s, ALICE, "1", "section"),
                     story_register(&s, ALICE, "2", "category"));
    ck_assert_uint_eq(story_load(&s, ALICE, "2"), 0);
}
END_TEST

START_TEST(h07_a_new_edit_reaches_an_old_reader_or_is_shown_as_invalid)
{
    stage_two("{'done':false,'size':'1'}");
    story_write(&s, ALICE, 1, "2", "{'size':2,'status':'done'}");
    story_settle(&s);
    ck_views(&s, BOB, "1", "done=true size='2'");
    /* what version 1 has no word for is not shown as something else */
    story_write(&s, ALICE, 2, "2", "{'status':'doing'}");
    story_settle(&s);
    ck_views(&s, BOB, "1", "done=!'doing' size='2'");
    ck_assert_int_eq(story_look(&s, BOB, "1", COVE_LOAD_VIEW).invalid, 1);
    story_write(&s, BOB, 3, "1", "{'done':true}");
    story_settle(&s);
    ck_assert_str_eq(story_field(&s, ALICE, "2", "status"), "'done'");
}
END_TEST

START_TEST(h08_a_gap_blocks_a_version_and_never_shows_half)
{
    stage("{'size':'2','section':'s'}");
    story_migration(&s, ALICE, M12, T2);
    story_give(&s, ALICE, DAN);
    story_migration(&s, DAN, M23, T3);
    /* carol hears of 2 → 3 and not of 1 → 2 */
    story_give_part(&s, DAN, CAROL, &s.journal, DAN, UINT32_MAX);
    ck_views(&s, CAROL, "3", "blocked");
    ck_assert_ptr_nonnull(strstr(story_why(&s, CAROL), "waits for a step"));
    ck_views(&s, CAROL, "2", "blocked");
    ck_views(&s, CAROL, "1", "section='s' size='2'");
    ck_views(&s, CAROL, "", "section='s' size='2'");
    /* bob jumps from 1 to 3 and goes through both */
    story_give(&s, DAN, BOB);
    ck_views(&s, BOB, "3", "bytes=2048 kind='s' label='/s' priority='low'");
    story_give(&s, ALICE, CAROL);
    ck_views(&s, CAROL, "3", "bytes=2048 kind='s' label='/s' priority='low'");
}
END_TEST

#define H09_ROOT "[{'op':'add','reg':'x','name':'x','type':'int'}]"
#define H09_STEP(by)                                                           \
    "[{'op':'add','reg':'y','name':'y','type':'int'},{'op':'conv','from':'x'," \
    "'to':'y','fwd':[{'mul':" by "}],'bwd':[{'div':" by "}]}]"

START_TEST(h09_two_paths_between_versions_are_one_path)
{
    const char *root = story_root(&s, ALICE, H09_ROOT);
    char *parent = cove_arena_printf(&s.arena, "'%s'", root);

    story_new(&s, ALICE, 0, root, "{'x':5}");
    story_settle(&s);

    const char *two = story_step(&s, ALICE, parent, H09_STEP("2"));
    const char *three = story_step(&s, DAN, parent, H09_STEP("3"));

    story_give(&s, ALICE, BOB); /* in one order … */
    story_give(&s, DAN, BOB);
    story_give(&s, DAN, CAROL); /* … and in the other */
    story_give(&s, ALICE, CAROL);
    story_settle(&s);

    char *both = cove_arena_printf(&s.arena, "'%s','%s'", two, three);
    const char *merge = story_step(&s, ALICE, both, "[]");

    story_settle(&s);
    /* each branch keeps its own; joined, one edge counts, the other is told */
    ck_views(&s, BOB, two, "x=5 y=10");
    ck_views(&s, BOB, three, "x=5 y=15");
    ck_views(&s, CAROL, two, "x=5 y=10");
    ck_views(&s, BOB, merge, strcmp(two, three) < 0 ? "x=5 y=10" : "x=5 y=15");
    ck_views(&s, CAROL, merge, story_view(&s, BOB, merge));
    ck_assert_uint_eq(story_look(&s, BOB, merge, COVE_LOAD_VIEW).conflicts, 1);
}
END_TEST

#define H10_OTHER                                                              \
    "{'schema':'P','from':1,'to':2,'steps':[{'rename':{'from':'price','to':"   \
    "'cents'}}]}"

START_TEST(h10_two_next_versions_are_a_fork_that_everybody_sees)
{
    story_schema(&s, ALICE, P1);
    story_schema(&s, DAN, P1); /* the same file is the same journal */
    story_settle(&s);
    ck_assert(!story_forked(&s, BOB));

    const char *a = story_migration(&s, ALICE, MP, P2);

    ck_assert_str_eq(story_migration(&s, DAN, MP, P2), a);
    story_settle(&s);
    ck_assert(!story_forked(&s, BOB)); /* the same step twice is none */
    story_new(&s, ALICE, 0, "2", "{'cents':100}");
    story_settle(&s);
    ck_views(&s, DAN, "1", "price=1");
    ck_assert_int_eq(story_try_migration(&s, DAN, H10_OTHER, P2), COVE_EDRIFT);
}
END_TEST

START_TEST(h10_a_fork_published_offline_is_told_and_mended_by_a_merge)
{
    story_schema(&s, ALICE, P1);
    story_new(&s, ALICE, 0, "1", "{'price':1}");
    story_settle(&s);

    const char *a = story_migration(&s, ALICE, MP, P2);
    const char *b = story_migration(&s, DAN, H10_OTHER, P2);

    ck_assert_str_ne(a, b);
    story_settle(&s);
    ck_assert(story_forked(&s, ALICE));
    ck_assert(story_forked(&s, DAN));
    ck_assert_int_eq(story_look(&s, BOB, "2", COVE_LOAD_VIEW).err,
                     COVE_EAMBIGUOUS);
    ck_assert_ptr_nonnull(strstr(story_why(&s, BOB), "a fork"));
    ck_views(&s, BOB, a, "cents=100");
    ck_views(&s, BOB, b, "cents=1");
    (void)story_step(&s, ALICE, cove_arena_printf(&s.arena, "'%s','%s'", a, b),
                     "[{'op':'x-merge'}]");
    story_settle(&s);
    ck_views(&s, BOB, a, "cents=100");
    ck_views(&s, BOB, b, "cents=1");
}
END_TEST

START_TEST(h11_an_edited_step_is_another_and_drift_is_reported)
{
    struct cove_id doc;
    struct cove_key author;

    stage_two("{'size':'7','section':'s'}");
    /* through the front door: refused, with who and when */
    ck_assert_int_eq(
        story_try_migration(
            &s, ALICE, "{'schema':'T','from':1,'to':2,'steps':[" SIZE_STEP "]}",
            "{'title':'T','version':2,'properties':{" TEXT("name") "," TEXT(
                "ta"
                "g"
                "s") "," TEXT("section") ",'done':{'type':'"
                                         "boolean'}," TEXT("no"
                                                           "t"
                                                           "e") ","
                                                                "'"
                                                                "s"
                                                                "i"
                                                                "z"
                                                                "e"
                                                                "'"
                                                                ":"
                                                                "{"
                                                                "'"
                                                                "t"
                                                                "y"
                                                                "p"
                                                                "e"
                                                                "'"
                                                                ":"
                                                                "'"
                                                                "i"
                                                                "n"
                                                                "t"
                                                                "e"
                                                                "g"
                                                                "e"
                                                                "r"
                                                                "'"
                                                                "}"
                                                                "}"
                                                                "}"),
        COVE_EDRIFT);
    ck_assert_ptr_nonnull(strstr(story_why(&s, ALICE), "published by device"));
    ck_assert_ptr_nonnull(strstr(story_why(&s, ALICE), "2025-06-15"));
    /* past it: what stands under a key that is not its hash has no effect */
    const char *want = story_view(&s, BOB, "2");

    doc = s.doc;
    s.doc = s.journal;
    story_raw_write(&s, DAN, 5, NULL,
                    "00112233445566778899aabbccddeeff0011223344556677889"
                    "9aabbccddeeff",
                    "{'parents':[],'ops':[]}");
    s.doc = doc;
    story_settle(&s);
    ck_assert_uint_eq(story_drift(&s, BOB, &author), 1);
    ck_assert_mem_eq(&author, &story_kit(&s, DAN)->device, sizeof(author));
    ck_views(&s, BOB, "2", want);
}
END_TEST

/* A19 */
START_TEST(h14_steps_have_one_grammar_and_what_breaks_it_is_never_active)
{
    stage("{'size':'7'}");
    ck_assert_int_eq(
        story_try_migration(
            &s, ALICE,
            "{'schema':'T','from':1,'to':2,'steps':[{'convert':{'field':'size',"
            "'forward':['x => x * 2'],'back':null}}]}",
            T2),
        COVE_ESTEP);
    ck_assert_ptr_nonnull(strstr(story_why(&s, ALICE), "x => x * 2"));
    ck_assert_int_eq(story_try_migration(&s, ALICE,
                                         "{'schema':'T','from':1,'to':2,"
                                         "'steps':[{'evaluate':'1+1'}]}",
                                         T2),
                     COVE_ESTEP);

    /* From a peer that lets it through: kept, and never applied. */
    struct cove_id doc = s.doc;
    const char *bad = story_root(
        &s, ALICE,
        "[{'op':'add','reg':'x','name':'x','type':'int'},{'op':'conv',"
        "'from':'x','to':'x','fwd':['eval'],'bwd':null}]");

    story_settle(&s);
    s.doc = doc;
    ck_views(&s, BOB, bad, "blocked");
}
END_TEST

START_TEST(h15_all_copies_of_a_load_are_one_transaction)
{
    stage_two("{'tags':'a,b','size':'7','name':'Ada Byron','done':true}");

    uint32_t held = story_txs(&s, BOB);
    struct fixture_fault fault = {.code = COVE_ENOSPC};

    for (fault.fail_at = 1;; fault.fail_at++) {
        fault.calls = 0;
        cove_store_set_fault(story_kit(&s, BOB)->store.store, fixture_hook,
                             &fault);

        int err = story_try_load(&s, BOB, "2");

        cove_store_set_fault(story_kit(&s, BOB)->store.store, NULL, NULL);
        if (err == 0) {
            break;
        }
        story_reopen(&s, BOB);
        ck_assert_uint_eq(story_txs(&s, BOB), held);
    }
    ck_assert_int_gt(fault.fail_at, 10);
    ck_assert_uint_eq(story_txs(&s, BOB), held + 1);
    ck_assert_str_eq(
        story_stored(&s, BOB, "2"),
        "first='Ada' last='Byron' size=7 status='done' tags=['a','b']");
}
END_TEST

#define H16_2                                                                  \
    "{'title':'P','version':2,'properties':{'price':{'type':'integer',"        \
    "'maximum':10}}}"

START_TEST(h16_a_result_that_breaks_the_schema_is_named_and_hides_nothing)
{
    story_schema(&s, ALICE, P1);
    story_new(&s, ALICE, 0, "1", "{'price':50}");
    story_migration(&s, ALICE, "{'schema':'P','from':1,'to':2,'steps':[]}",
                    H16_2);
    story_settle(&s);
    ck_assert_int_eq(story_look(&s, BOB, "1", COVE_LOAD_VIEW).valid, 0);
    ck_assert_int_eq(story_look(&s, BOB, "2", COVE_LOAD_VIEW).valid,
                     COVE_ESCHEMA);
    ck_assert_ptr_nonnull(strstr(story_why(&s, BOB), "/price"));
    ck_views(&s, BOB, "1", "price=50");
    ck_views(&s, BOB, "2", "price=50");
    ck_assert_int_eq(story_try_write(&s, BOB, 1, "2", "{'price':11}"),
                     COVE_ESCHEMA);
    story_write(&s, BOB, 2, "2", "{'price':9}");
    ck_assert_int_eq(story_look(&s, BOB, "2", COVE_LOAD_VIEW).valid, 0);
}
END_TEST

START_TEST(h16_a_value_that_does_not_convert_quarantines_its_document)
{
    stage_two("{'size':'many','section':'s'}");
    story_load(&s, BOB, "2");

    struct story_look look = story_look(&s, BOB, "2", COVE_LOAD_VIEW);

    ck_assert_int_eq(look.state, COVE_STATE_QUARANTINED);
    ck_assert_int_eq(look.valid, COVE_EINVALID);
    ck_assert_uint_eq(look.invalid, 1);
    ck_views(&s, BOB, "1", "section='s' size='many'");
}
END_TEST

START_TEST(h17_what_a_newer_app_wrote_is_kept_and_never_damaged)
{
    stage("{'size':'1','section':'s'}");
    story_migration(&s, ALICE, M12, T2);
    story_write(&s, ALICE, 1, "2", "{'priority':'high','size':2}");
    story_give_doc(&s, ALICE, BOB, &s.doc); /* the data, not the step */
    ck_assert_int_eq(story_look(&s, BOB, "1", COVE_LOAD_VIEW).state,
                     COVE_STATE_AHEAD);
    ck_views(&s, BOB, "1", "section='s' size='1'");
    ck_assert_uint_eq(story_load(&s, BOB, "1"), 0);
    story_write(&s, BOB, 2, "1", "{'section':'t'}");
    story_give_doc(&s, BOB, DAN, &s.doc); /* relayed by the old app */
    story_give_doc(&s, ALICE, DAN, &s.journal);
    ck_views(&s, DAN, "2", "category='t' priority='high' size=2");
    story_give(&s, ALICE, BOB);
    ck_views(&s, BOB, "1", "section='t' size='2'");
    ck_assert_int_ne(story_look(&s, BOB, "1", COVE_LOAD_VIEW).state,
                     COVE_STATE_AHEAD);
}
END_TEST

/* A migration is two entries, which come in any order: the step without the
 * text of its schema, or the text without the step. */
START_TEST(h18_the_view_stays_at_the_last_complete_version)
{
    char text[sizeof(T2)] = T2;
    char key[COVE_HEX_LEN(32)];

    stage("{'size':'1'}");
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }

    struct cove_arena arena;
    struct cove_hash hash;

    cove_arena_init(&arena, &cove_alloc_libc);
    ck_assert_int_eq(cove_schema_content(&arena, cove_bytes_text(text), &hash),
                     0);
    cove_arena_clear(&arena);

    const char *step = story_migration(&s, ALICE, M12, T2);

    cove_hex(cove_bytes(hash.b, sizeof(hash.b)), key);
    for (int i = 0; i < 2; i++) {
        story_pass_entry(&s, ALICE, DAN, i == _i ? key : step);
        story_give_doc(&s, DAN, BOB, &s.journal);

        bool complete = i == 1 || _i == 1;

        ck_views(&s, BOB, "1", "size='1'");
        ck_views(&s, BOB, "2", complete ? "priority='low' size=1" : "blocked");
        ck_views(&s, BOB, "", complete ? "priority='low' size=1" : "size='1'");
        ck_assert_int_eq(story_try_load(&s, BOB, ""), 0);
    }
    /* and writes are judged by that version as soon as its text is here */
    story_settle(&s);
    ck_assert_int_eq(story_try_write(&s, BOB, 9, "2", "{'size':'x'}"),
                     COVE_ESCHEMA);
}
END_TEST

START_TEST(h20_a_removal_writes_nothing_however_often_it_is_loaded)
{
    stage_two("{'note':'n','section':'s'}");

    uint32_t held = story_txs(&s, BOB);

    for (int i = 0; i < 20; i++) {
        story_clock(&s, BOB, i);
        ck_assert_uint_eq(story_load(&s, BOB, "2"), 0);
    }
    ck_assert_uint_eq(story_txs(&s, BOB), held);
    ck_views(&s, BOB, "2", "category='s' priority='low'");
    ck_views(&s, BOB, "1", "note='n' section='s'");
}
END_TEST

#define H21_BACK "{'schema':'T','from':2,'to':3,'steps':[{'show':'note'}]}"
#define H21_3                                                                  \
    "{'title':'T','version':3,'properties':{" TEXT("first") "," TEXT(          \
        "last") ",'size':{'type':'integer'},'tags':{'type':"                   \
                "'array'}," TEXT("category") "," TEXT(                         \
                    "stat"                                                     \
                    "us") ",'priority':{'type':'string',"                      \
                          "'default':'low'}," TEXT("note") "}}"

/* A20 */
START_TEST(h21_an_edit_of_a_removed_field_is_kept_and_comes_back)
{
    stage("{'note':'n'}");
    story_migration(&s, ALICE, M12, T2);
    story_load(&s, ALICE, "2");
    story_write(&s, BOB, 1, "1", "{'note':'late'}"); /* beside the removal */
    story_settle(&s);
    ck_views(&s, ALICE, "2", "priority='low'");
    ck_views(&s, BOB, "1", "note='late'");
    story_migration(&s, ALICE, H21_BACK, H21_3);
    ck_views(&s, ALICE, "3", "note='late' priority='low'");
}
END_TEST

START_TEST(h22_equal_timestamps_end_the_same_on_every_device)
{
    stage_two("{'section':'s'}");
    for (int i = 1; i <= 20; i++) {
        char *a = cove_arena_printf(&s.arena, "{'section':'a%d'}", i);
        char *b = cove_arena_printf(&s.arena, "{'category':'b%d'}", i);
        char *d = cove_arena_printf(&s.arena, "{'section':'d%d'}", i);

        story_write(&s, ALICE, i, "1", a);
        story_write(&s, BOB, i, "2", b);
        story_write(&s, DAN, i, "1", d);
        for (int k = 0; k < 3; k++) { /* carol and bob in other orders */
            static const enum story_who from[] = {ALICE, BOB, DAN};

            story_give(&s, from[(k + i) % 3], CAROL);
            if (from[2 - k] != BOB) {
                story_give(&s, from[2 - k], BOB);
            }
        }
        ck_assert_str_eq(story_field(&s, CAROL, "1", "section"),
                         story_field(&s, BOB, "2", "category"));
        story_settle(&s);
        story_agreed(&s);
        ck_assert_str_eq(story_field(&s, ALICE, "1", "section"),
                         story_field(&s, DAN, "1", "section"));
    }
}
END_TEST

#define YEAR_3000 ((int64_t)32503680000 - STORY_START / 1000)

START_TEST(h23_a_clock_in_the_year_3000_wins_nothing)
{
    stage("{'section':'s'}");
    story_write(&s, BOB, YEAR_3000, "1", "{'section':'future'}");
    ck_assert_int_eq(story_try_give(&s, BOB, ALICE), COVE_ECLOCK);
    ck_views(&s, ALICE, "1", "section='s'");
    story_write(&s, ALICE, 2, "1", "{'section':'now'}");
    story_give(&s, ALICE, CAROL);
    ck_views(&s, CAROL, "1", "section='now'");
}
END_TEST

START_TEST(h23_a_write_ahead_of_the_clock_is_held_until_its_time)
{
    stage("{'section':'s'}");
    story_write(&s, DAN, 3600, "1", "{'section':'later'}");
    story_give(&s, DAN, ALICE);
    story_give(&s, ALICE, CAROL); /* held, and relayed */
    ck_views(&s, ALICE, "1", "section='s'");
    ck_views(&s, CAROL, "1", "section='s'");
    story_write(&s, ALICE, 5, "1", "{'section':'now'}");
    ck_views(&s, ALICE, "1", "section='now'");
    story_clock(&s, ALICE, 3600);
    ck_views(&s, ALICE, "1", "section='later'");
}
END_TEST

START_TEST(h23_a_step_ahead_of_the_clock_is_active_at_its_time)
{
    stage("{'section':'s'}");
    story_clock(&s, DAN, 3600);
    story_migration(&s, DAN, M12, T2);
    story_give(&s, DAN, ALICE);
    ck_views(&s, ALICE, "2", "blocked");
    ck_views(&s, ALICE, "", "section='s'");
    story_clock(&s, ALICE, 3600);
    ck_views(&s, ALICE, "2", "category='s' priority='low'");
}
END_TEST

/* --- runs */

#define RUN_DOCS 30

static struct cove_store_txn *run_open(struct cove_run *run, bool restore)
{
    struct kit *k = story_kit(&s, BOB);
    struct cove_store_txn *txn = kit_begin(k, true);

    if (restore) {
        cove_num schema = kit_num(k, txn, &s.journal);

        ck_assert_int_eq(cove_run_restore(k->repo, txn, schema, run), 0);
        run->batch = 7;
    }
    return txn;
}

static void run_batch(struct cove_run *run, struct cove_store_txn *txn)
{
    struct kit *k = story_kit(&s, BOB);

    ck_assert_int_eq(
        cove_run_batch(s.peer[BOB].catalog, txn, run, NULL, NULL, &k->diag), 0);
    ck_assert_int_eq(cove_run_save(k->repo, txn, run), 0);
    kit_commit(txn);
}

/* Thirty documents, every third of which does not convert. */
static void run_stage(struct cove_run *run)
{
    struct kit *k = story_kit(&s, BOB);

    stage("{'size':'0'}");
    for (int i = 1; i < RUN_DOCS; i++) {
        story_new(&s, ALICE, i, "1",
                  i % 3 == 0 ? "{'size':'x'}" : "{'size':'1'}");
    }
    story_migration(&s, ALICE, M12, T2);
    story_settle(&s);
    memset(run, 0, sizeof(*run));

    struct cove_store_txn *txn = run_open(run, false);

    run->schema = kit_num(k, txn, &s.journal);
    run->head_given = true;
    run->batch = 7;
    run->total = RUN_DOCS;
    ck_assert_int_eq(cove_catalog_head(s.peer[BOB].catalog, txn, run->schema,
                                       "2", &run->head, &k->diag),
                     0);
    ck_assert_int_eq(cove_run_save(k->repo, txn, run), 0);
    kit_commit(txn);
}

START_TEST(h33_a_run_says_in_its_middle_how_far_it_is)
{
    struct cove_run run;
    int batches = 0;

    story_end(&s);
    story_begin(&s, FIXTURE_LMDB);
    run_stage(&run);
    for (; !run.finished; batches++) {
        ck_assert_int_lt(batches, RUN_DOCS);
        run_batch(&run, run_open(&run, batches > 0));
        if (batches == 2) {
            story_reopen(&s, BOB); /* the process died here */
        }

        struct cove_run seen = {.done = 0};
        struct cove_store_txn *txn = run_open(&seen, true);

        cove_store_abort(txn);
        ck_assert_uint_eq(seen.done, run.done);
        ck_assert_uint_eq(seen.total - seen.done, RUN_DOCS - run.done);
        ck_assert_uint_eq(seen.invalid, run.invalid);
        ck_assert_uint_eq(seen.failed, 0);
        ck_assert_uint_eq(seen.migrated + seen.invalid, seen.done);
        ck_assert_mem_eq(&seen.head, &run.head, sizeof(run.head));
    }
    ck_assert_int_eq(batches, RUN_DOCS / 7 + 1);
    ck_assert_uint_eq(run.done, RUN_DOCS);
    ck_assert_uint_eq(run.migrated, RUN_DOCS - 9);
    ck_assert_uint_eq(run.invalid, 9);
}
END_TEST

START_TEST(h38_a_text_that_is_no_number_is_invalid_and_zero_stays_zero)
{
    stage_two("{'size':'abc'}");
    ck_views(&s, BOB, "2", "priority='low' size=!'abc'");
    story_load(&s, BOB, "2");
    story_settle(&s);
    ck_views(&s, CAROL, "2", "priority='low' size=!'abc'");
    story_write(&s, BOB, 1, "1", "{'size':'0'}");
    ck_assert_uint_eq(story_load(&s, BOB, "2"), 1);
    ck_views(&s, BOB, "2", "priority='low' size=0");
    ck_assert_str_eq(story_stored(&s, BOB, "2"), "size=0");
}
END_TEST

static void run_said(void *ctx, const struct cove_loaded *loaded,
                     const char *why)
{
    (void)why;
    *(uint32_t *)ctx += loaded != NULL ? 1 : 1000;
}

START_TEST(h40_each_document_is_in_exactly_one_state)
{
    struct cove_run run;
    struct kit *k = story_kit(&s, BOB);
    uint32_t told = 0;
    uint64_t sum = 0;

    run_stage(&run);

    /* one is written at a version that bob does not know */
    story_migration(&s, DAN, M23, T3);
    story_write(&s, DAN, 100, "3", "{'bytes':1024}");
    story_give_doc(&s, DAN, BOB, &s.doc);

    struct cove_store_txn *txn = run_open(&run, true);

    run.batch = 1000;
    run.dry = true;
    ck_assert_int_eq(cove_run_batch(s.peer[BOB].catalog, txn, &run, run_said,
                                    &told, &k->diag),
                     0);
    cove_store_abort(txn);
    ck_assert_uint_eq(told, RUN_DOCS); /* nobody is left out */
    for (size_t i = 0; i <= COVE_STATE_LOCAL_ONLY; i++) {
        sum += run.by_state[i];
    }
    ck_assert_uint_eq(sum, RUN_DOCS);
    ck_assert_uint_eq(run.done, RUN_DOCS);
    ck_assert_uint_eq(run.by_state[COVE_STATE_AHEAD], 1);
    ck_assert_uint_eq(run.by_state[COVE_STATE_QUARANTINED], 9);
    ck_assert_uint_eq(run.by_state[COVE_STATE_DUE], RUN_DOCS - 10);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        h01_a_thousand_loads_write_nothing,
        h02_false_zero_empty_and_null_are_not_missing,
        h03_a_default_never_beats_an_earlier_value_from_another_device,
        h04_two_peers_that_migrate_at_once_count_once,
        h05_a_readers_load_writes_nothing,
        h06_an_edit_under_the_old_name_is_seen_under_the_new,
        h07_a_new_edit_reaches_an_old_reader_or_is_shown_as_invalid,
        h08_a_gap_blocks_a_version_and_never_shows_half,
        h09_two_paths_between_versions_are_one_path,
        h10_two_next_versions_are_a_fork_that_everybody_sees,
        h10_a_fork_published_offline_is_told_and_mended_by_a_merge,
        h11_an_edited_step_is_another_and_drift_is_reported,
        h14_steps_have_one_grammar_and_what_breaks_it_is_never_active,
        h15_all_copies_of_a_load_are_one_transaction,
        h16_a_result_that_breaks_the_schema_is_named_and_hides_nothing,
        h16_a_value_that_does_not_convert_quarantines_its_document,
        h17_what_a_newer_app_wrote_is_kept_and_never_damaged,
        h20_a_removal_writes_nothing_however_often_it_is_loaded,
        h21_an_edit_of_a_removed_field_is_kept_and_comes_back,
        h22_equal_timestamps_end_the_same_on_every_device,
        h23_a_clock_in_the_year_3000_wins_nothing,
        h23_a_write_ahead_of_the_clock_is_held_until_its_time,
        h23_a_step_ahead_of_the_clock_is_active_at_its_time,
        h33_a_run_says_in_its_middle_how_far_it_is,
        h38_a_text_that_is_no_number_is_invalid_and_zero_stays_zero,
        h40_each_document_is_in_exactly_one_state,
    };
    Suite *suite = suite_create("hazards of the seed");
    TCase *tc = tcase_create("hazards");

    tcase_set_timeout(tc, 0);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    for (size_t i = 0; i < COVE_ARRAY_LEN(tests); i++) {
        tcase_add_test(tc, tests[i]);
    }
    tcase_add_loop_test(tc, h18_the_view_stays_at_the_last_complete_version, 0,
                        2);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
