/* test_retreat.c: schemas taken back: the fields are the earlier version's,
 * what was written stays and shows in both, and what cannot come back is
 * refused by name. */
#include "tests/unit/version_kit.h"

#define TEXT(name)    "'" name "':{'type':'string'}"
#define INT(name)     "'" name "':{'type':'integer'}"
#define BOOL(name)    "'" name "':{'type':'boolean'}"
#define BACK(version) ((struct cove_retreat_request){.to = (version)})
#define STEPS(n)      ((struct cove_retreat_request){.steps = (n)})
#define UNDO          ((struct cove_retreat_request){.undo = true})
#define ACCEPT(version)                                                        \
    ((struct cove_retreat_request){.to = (version), .accept_loss = true})

/* Title renamed, size converted, done given a default and made required, tag
 * added. */
static void two_versions(const char *more)
{
    first_version(TEXT("title") "," TEXT("size") "," BOOL("done"), "'title'");
    next_version("1", 2,
                 "{'rename':{'from':'title','to':'heading'}},"
                 "{'convert':{'field':'size','forward':['int_of_text']}},"
                 "{'require':{'field':'done','default':false}},{'add':'tag'}",
                 TEXT("heading") "," INT(
                     "size") ",'done':{'type':'boolean','default':false}"
                             ",'tag':{'type':'string','default':'x'}",
                 "'heading','done'", more);
}

START_TEST(a_way_back_shows_the_fields_of_the_earlier_version)
{
    versions_open();
    two_versions("");

    char *one = fields_at(1), *two = fields_at(2);
    struct cove_retreat r = down_to("1");

    ck_assert_int_eq(r.from, 2);
    ck_assert_int_eq(r.to, 1);
    ck_assert_int_eq(r.step.step.version, 3);
    ck_assert(!r.words);
    ck_assert_uint_eq(r.shown_count, 1);
    ck_assert_uint_eq(r.hidden_count, 2);
    ck_assert_uint_eq(r.renamed_count, 1);
    ck_assert_uint_eq(r.limited_count, 1);
    ck_assert_uint_eq(r.lost_count, 0);
    ck_assert_str_eq(fields_at(3), one);
    ck_assert_str_eq(fields_at(2), two); /* I18 */
    ck_assert_str_eq(fields_at(1), one);
    versions_close();
}
END_TEST

/* A21 */
START_TEST(an_undone_way_back_shows_the_later_version_again)
{
    struct cove_retreat r;

    versions_open();
    two_versions("");

    char *two = fields_at(2);

    down_to("1");
    ck_assert_int_eq(down(UNDO, &r), 0);
    ck_assert_int_eq(r.to, 2);
    ck_assert_str_eq(fields_at(4), two);
    /* and that undone is back at version 1 */
    ck_assert_int_eq(down(UNDO, &r), 0);
    ck_assert_str_eq(fields_at(5), fields_at(1));
    versions_close();
}
END_TEST

/* A20 */
START_TEST(s24_h31_edits_made_since_show_in_both)
{
    struct cove_retreat r;

    versions_open();
    two_versions("");

    struct cove_id id = document(1, "title", "'Hello'");

    set(&id, 1, "size", "'12'");
    set(&id, 2, "size", "13");
    set(&id, 2, "heading", "'From two'");
    set(&id, 2, "tag", "'kept'");
    down_to("1");
    ck_assert_str_eq(shown_at(&id, 3, "size"), "'13'");
    ck_assert_str_eq(shown_at(&id, 3, "title"), "'From two'");
    set(&id, 3, "size", "'14'");
    set(&id, 2, "heading", "'Late at two'");
    ck_assert_str_eq(shown_at(&id, 1, "size"), "'14'");
    ck_assert_str_eq(shown_at(&id, 2, "size"), "14");
    ck_assert_str_eq(shown_at(&id, 3, "title"), "'Late at two'");
    ck_assert_int_eq(down(UNDO, &r), 0);
    ck_assert_str_eq(shown_at(&id, 4, "size"), "14");
    ck_assert_str_eq(shown_at(&id, 4, "heading"), "'Late at two'");
    ck_assert_str_eq(shown_at(&id, 4, "tag"), "'kept'");
    versions_close();
}
END_TEST

/* A20 */
START_TEST(s17_a_removed_field_is_back_with_its_newest_write)
{
    versions_open();
    first_version(TEXT("notes") "," TEXT("secret"), "");
    next_version("1", 2, "{'remove':'secret'}", TEXT("notes"), "", "");

    struct cove_id id = document(1, "secret", "'old'");

    set(&id, 1, "secret", "'late'");
    down_to("1");
    ck_assert_str_eq(shown_at(&id, 3, "secret"), "'late'");
    versions_close();
}
END_TEST

START_TEST(steps_count_from_the_version_that_a_way_back_stands_for)
{
    struct cove_retreat r;

    versions_open();
    first_version(TEXT("a"), "");
    next_version("1", 2, "{'add':'b'}", TEXT("a") "," TEXT("b"), "", "");
    next_version("2", 3, "{'add':'c'}", TEXT("a") "," TEXT("b") "," TEXT("c"),
                 "", "");
    ck_assert_int_eq(down(STEPS(1), &r), 0);
    ck_assert_str_eq(fields_at(4), "a:text b:text");
    ck_assert_int_eq(down(STEPS(1), &r), 0); /* not 3 again */
    ck_assert_str_eq(fields_at(5), "a:text");
    down_refused(STEPS(1), COVE_EUSAGE, "nothing to go back to");
    ck_assert_int_eq(down(UNDO, &r), 0);
    ck_assert_str_eq(fields_at(6), "a:text b:text");
    down_refused(STEPS(2), COVE_EUSAGE, "so many steps back there is none");
    ck_assert_int_eq(down(BACK("3"), &r), 0);
    ck_assert_int_eq(down(STEPS(2), &r), 0);
    ck_assert_str_eq(fields_at(8), "a:text");
    versions_close();
}
END_TEST

START_TEST(a_name_that_changed_hands_goes_back_to_its_field)
{
    versions_open();
    first_version(TEXT("a") "," INT("b"), "");
    next_version("1", 2,
                 "{'rename':{'from':'a','to':'x'}},{'rename':{'from':'b','to':"
                 "'a'}},{'rename':{'from':'x','to':'b'}}",
                 INT("a") "," TEXT("b"), "", "");
    down_to("1");
    ck_assert_str_eq(fields_at(3), "a:text b:int");
    versions_close();
}
END_TEST

START_TEST(a_default_of_which_the_schema_is_silent_comes_back)
{
    versions_open();
    first_version(TEXT("a"), "");
    next_version("1", 2,
                 "{'add':{'field':'b','type':'string','default':'silent'}}",
                 TEXT("a") "," TEXT("b"), "", "");
    next_version("2", 3, "{'hide':'b'}", TEXT("a"), "", "");
    down_to("2");
    ck_assert_str_eq(fields_at(4), "a:text b:text=\"silent\"");
    versions_close();
}
END_TEST

/* ------------------------------------------------------------------ own words
 */

START_TEST(the_words_of_every_version_on_the_way_are_used)
{
    versions_open();
    first_version(TEXT("a"), "");
    next_version("1", 2, "{'rename':{'from':'a','to':'b'}}", TEXT("b"), "",
                 ",'down':[{'rename':{'from':'b','to':'a'}}]");
    next_version("2", 3, "{'add':'c'}", TEXT("b") "," TEXT("c"), "",
                 ",'down':[{'hide':'c'}]");

    struct cove_retreat r = down_to("1");

    ck_assert(r.words);
    ck_assert_ptr_null(r.why);
    ck_assert_uint_eq(r.renamed_count, 1);
    ck_assert_uint_eq(r.hidden_count, 1);
    ck_assert_str_eq(fields_at(4), "a:text");
    versions_close();
}
END_TEST

/* The body of a step without its last op. */
static struct cove_bytes body_without_last(struct cove_bytes body)
{
    struct cove_bytes ops, out;
    struct cove_reader r;
    struct cove_writer w;
    struct cove_pair pairs[8];
    struct cove_buf list, map;
    size_t count, n = 0;

    ck_assert(cove_value_member(body, "ops", &ops));
    cove_buf_init(&list, &cove_alloc_libc);
    cove_writer_init(&w, &list);
    cove_reader_init(&r, ops);
    count = cove_reader_list(&r);
    cove_writer_list(&w, count - 1);
    for (size_t i = 0; i + 1 < count; i++) {
        cove_writer_item(&w, cove_reader_item(&r));
    }
    cove_reader_init(&r, body);
    count = cove_reader_map(&r);
    for (; n < count; n++) {
        struct cove_reader key = r;
        bool is_ops =
            cove_bytes_equal(cove_reader_text(&key), cove_bytes_text("ops"));

        pairs[n].key = cove_reader_item(&r);
        pairs[n].value = cove_reader_item(&r);
        if (is_ops) {
            pairs[n].value = cove_buf_bytes(&list);
        }
    }
    cove_buf_init(&map, &cove_alloc_libc);
    cove_writer_init(&w, &map);
    cove_writer_map_sorted(&w, pairs, n);
    ck_assert_int_eq(w.err, 0);
    ck_assert_int_eq(
        cove_arena_copy(&alice.kit.arena, cove_buf_bytes(&map), &out), 0);
    cove_buf_clear(&map);
    cove_buf_clear(&list);
    return out;
}

START_TEST(a_step_from_before_there_were_words_is_still_its_file)
{
    struct cove_store_txn *txn;
    struct cove_prepared m = {0};
    struct cove_published p, again;
    struct cove_migration_files files = {.name = "m"};

    versions_open();
    first_version(TEXT("a"), "");
    txn = kit_begin(&alice.kit, true);
    files.migration = cove_bytes_text(json_text(
        "{'schema':'T','from':1,'to':2,'steps':[{'rename':{'from':'a','to':'b'"
        "}}],'down':[{'rename':{'from':'b','to':'a'}}],'targetSchema':{'title'"
        ":'T','version':2,'properties':{'b':{'type':'string'}}}}"));
    ck_assert_int_eq(cove_prepare_migration(alice.catalog, txn, &files,
                                            &alice.kit.arena, &m,
                                            &alice.kit.diag),
                     0);
    m.step.body = body_without_last(m.step.body);
    m.step.step = cove_step_id_of(m.step.body);
    ck_assert_int_eq(cove_publish_prepared(alice.catalog, txn, &m, "older", &p,
                                           &alice.kit.diag),
                     0);
    ck_assert(!p.existed);

    int err = cove_publish_migration(alice.catalog, txn, &files, &again,
                                     &alice.kit.diag);

    ck_assert_msg(err == 0, "again: %d %s", err, alice.kit.diag.text);
    ck_assert(again.existed);
    ck_assert_mem_eq(&again.step, &p.step, sizeof(p.step));
    /* with other words it is another file */
    files.migration = cove_bytes_text(json_text(
        "{'schema':'T','from':1,'to':2,'steps':[{'rename':{'from':'a','to':'b'"
        "}},{'optional':'b'}],'targetSchema':{'title':'T','version':2,"
        "'properties':{'b':{'type':'string'}}}}"));
    ck_assert_int_eq(cove_publish_migration(alice.catalog, txn, &files, &again,
                                            &alice.kit.diag),
                     COVE_EDRIFT);
    kit_commit(txn);
    cove_catalog_settle(alice.catalog);
    versions_close();
}
END_TEST

START_TEST(words_may_convert_on_the_way_back)
{
    versions_open();
    first_version(BOOL("done"), "");
    next_version(
        "1", 2,
        "{'convert':{'field':'done','to':{'name':'status','type':'string'},"
        "'forward':[{'table':[[false,'todo'],[true,'done']]}],'back':null}}",
        TEXT("status"), "",
        ",'down':[{'convert':{'field':'status','to':{'name':'done','type':"
        "'boolean'},'forward':[{'table':[['todo',false],['doing',false],"
        "['done',true]]}],'back':[{'table':[[false,'todo'],[true,'done']]}]}}"
        "]");

    struct cove_id id = document(2, "status", "'doing'");
    struct cove_retreat r = down_to("1");

    ck_assert(r.words);
    ck_assert_uint_eq(r.lost_count, 0);
    ck_assert_str_eq(fields_at(3), "done:bool");
    ck_assert_str_eq(shown_at(&id, 3, "done"), "false");
    versions_close();
}
END_TEST

/* Both forms of a field are hidden then, and have one name and one type: the
 * one meant is the one that the earlier version shows. */
START_TEST(words_show_the_form_that_the_earlier_version_has)
{
    versions_open();
    first_version(TEXT("state"), "");
    next_version("1", 2,
                 "{'convert':{'field':'state','to':{'type':'string'},"
                 "'forward':[{'table':[['open','open'],['done','closed']]}]}}",
                 TEXT("state"), "",
                 ",'down':[{'hide':'state'},{'show':{'field':'state',"
                 "'type':'string'}}]");

    struct cove_id id = document(2, "state", "'closed'");
    struct cove_retreat r = down_to("1");

    ck_assert_msg(r.words, "%s", r.why);
    ck_assert_str_eq(fields_at(3), "state:text");
    ck_assert_str_eq(shown_at(&id, 3, "state"), "'done'");
    versions_close();
}
END_TEST

START_TEST(one_version_without_words_and_the_fields_are_compared)
{
    versions_open();
    first_version(TEXT("a"), "");
    next_version("1", 2, "{'add':'b'}", TEXT("a") "," TEXT("b"), "", "");
    next_version("2", 3, "{'add':'c'}", TEXT("a") "," TEXT("b") "," TEXT("c"),
                 "", ",'down':[{'hide':'c'}]");

    struct cove_retreat r = down_to("1");

    ck_assert(!r.words);
    ck_assert_str_eq(fields_at(4), "a:text");
    versions_close();
}
END_TEST

START_TEST(words_that_no_longer_fit_are_said_and_the_fields_compared)
{
    versions_open();
    first_version(TEXT("a"), "");
    /* each hides an `a`, so that two hidden ones bear the name in the end */
    next_version("1", 2, "{'hide':'a'},{'add':{'field':'b','type':'string'}}",
                 TEXT("b"), "", ",'down':[{'hide':'b'},{'show':'a'}]");
    next_version("2", 3, "{'hide':'b'},{'add':{'field':'a','type':'string'}}",
                 TEXT("a"), "", ",'down':[{'hide':'a'},{'show':'b'}]");

    struct cove_retreat r = down_to("1");

    ck_assert(!r.words);
    ck_assert_ptr_nonnull(r.why);
    ck_assert(strstr(r.why, "several hidden fields") != NULL);
    ck_assert_str_eq(fields_at(4), "a:text");
    versions_close();
}
END_TEST

/* ----------------------------------------------------------------- what is
 * lost
 */

START_TEST(a_one_way_step_refuses_with_the_fields_names)
{
    struct cove_retreat r;

    versions_open();
    first_version(BOOL("done"), "");
    next_version(
        "1", 2,
        "{'convert':{'field':'done','to':{'name':'status','type':'string'},"
        "'forward':[{'table':[[false,'todo'],[true,'done']]}],'back':null}}",
        TEXT("status"), "", "");

    struct cove_id id = document(1, "done", "true");

    down_refused(BACK("1"), COVE_EDESTRUCTIVE, "\"status\" to \"done\"");
    set(&id, 2, "status", "'doing'");
    ck_assert_int_eq(down(ACCEPT("1"), &r), 0);
    ck_assert_uint_eq(r.lost_count, 1);
    ck_assert_str_eq(shown_at(&id, 3, "done"), "invalid 'doing'");
    ck_assert_int_eq(down(UNDO, &r), 0); /* forward there is a way */
    ck_assert_str_eq(shown_at(&id, 4, "status"), "'doing'");
    versions_close();
}
END_TEST

START_TEST(a_one_way_step_inside_a_part_closes_the_way_to_the_whole)
{
    versions_open();
    first_version(TEXT("name"), "");
    next_version("1", 2,
                 "{'split':{'field':'name','into':['first','last'],'pattern':["
                 "'',' ',''],'lenient':true}}",
                 TEXT("first") "," TEXT("last"), "", "");
    next_version("2", 3,
                 "{'convert':{'field':'last','to':'surname','forward':['upper'"
                 "],'back':null}}",
                 TEXT("first") "," TEXT("surname"), "", "");
    down_refused(BACK("2"), COVE_EDESTRUCTIVE, "\"surname\" to \"last\"");
    down_refused(BACK("1"), COVE_EDESTRUCTIVE, "\"surname\" to \"name\"");
    ck_assert(strstr(alice.kit.diag.text, "first") == NULL);
    versions_close();
}
END_TEST

START_TEST(splits_and_joins_come_back)
{
    versions_open();
    first_version(TEXT("name"), "");
    next_version("1", 2,
                 "{'split':{'field':'name','into':['first','last'],'pattern':["
                 "'',' ',''],'lenient':true}}",
                 TEXT("first") "," TEXT("last"), "", "");

    struct cove_id id = document(1, "name", "'Ada King'");

    set(&id, 2, "last", "'Lovelace'");
    down_to("1");
    ck_assert_str_eq(shown_at(&id, 3, "name"), "'Ada Lovelace'");
    set(&id, 3, "name", "'Mary Ann Lee'");
    ck_assert_str_eq(shown_at(&id, 2, "first"), "'Mary'");
    versions_close();
}
END_TEST

/* ------------------------------------------------------------- wrong requests
 */

START_TEST(wrong_requests_are_refused_by_name)
{
    versions_open();
    first_version(TEXT("a"), "");
    down_refused(STEPS(1), COVE_EUSAGE, "nothing to go back to");
    down_refused(UNDO, COVE_ENOTFOUND, "nothing to undo");
    next_version("1", 2, "{'add':'b'}", TEXT("a") "," TEXT("b"), "", "");
    down_refused(BACK("7"), COVE_ENOTFOUND, "has no version 7");
    down_refused(BACK("2"), COVE_EUSAGE, "is the newest");
    down_refused(UNDO, COVE_ENOTFOUND, "nothing to undo");
    down_to("1");
    down_refused(BACK("1"), COVE_EUSAGE, "shows already");
    versions_close();
}
END_TEST

START_TEST(who_is_no_admin_takes_nothing_back)
{
    struct stage bob;
    struct cove_store_txn *txn;
    struct cove_retreat_request request = {.steps = 1};
    struct cove_retreat r;
    struct cove_published p;

    stage_open(&alice, 1);
    stage_open(&bob, 2);
    stage_group(&alice, &bob, "writer");
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
    kit_take_header(&bob.kit, &alice.group, alice.group_header);
    first_version(TEXT("a"), "");
    next_version("1", 2, "{'add':'b'}", TEXT("a") "," TEXT("b"), "", "");
    stage_give(&alice, &bob, &alice.journal_id);
    txn = kit_begin(&bob.kit, true);
    request.num = kit_num(&bob.kit, txn, &alice.journal_id);
    ck_assert_int_eq(cove_retreat_prepare(bob.catalog, txn, &request,
                                          &bob.kit.arena, &r, &bob.kit.diag),
                     0);
    ck_assert_int_eq(cove_publish_prepared(bob.catalog, txn, &r.step, "down",
                                           &p, &bob.kit.diag),
                     COVE_EDENIED);
    cove_store_abort(txn);
    stage_close(&bob);
    versions_close();
}
END_TEST

START_TEST(out_of_memory_at_any_call_writes_nothing)
{
    const char *words = "";
    int err = COVE_ENOMEM;

    versions_open();
    /* there and back, so that reading the words takes memory of its own */
    for (int i = 0; i < 40; i++) {
        words = cove_arena_printf(
            &alice.kit.arena,
            "%s{'rename':{'from':'heading','to':'title'}},{'rename':{'from':"
            "'title','to':'heading'}},",
            words);
    }
    two_versions(cove_arena_printf(
        &alice.kit.arena,
        ",'down':[%s{'rename':{'from':'heading','to':'title'}},{'hide':'size'},"
        "{'show':{'field':'size','type':'string'}},{'optional':'done'},"
        "{'default':{'field':'done','drop':true}},{'hide':'tag'}]",
        words));
    for (long n = 1; err == COVE_ENOMEM; n++) {
        struct cove_store_txn *txn = kit_begin(&alice.kit, true);
        struct cove_retreat_request request = {.num = alice.journal,
                                               .steps = 1};
        struct cove_retreat r = {.from = -1};
        struct cove_published p;
        struct cove_arena arena;

        /* what the cache saw of a write that was thrown away is forgotten */
        cove_catalog_free(alice.catalog);
        ck_assert_int_eq(cove_catalog_new(&alice.kit.heap.alloc, alice.kit.repo,
                                          &alice.catalog),
                         0);
        cove_arena_init(&arena, &alice.kit.heap.alloc);
        alice.kit.heap.calls = 0;
        alice.kit.heap.fail_at = n;
        err = cove_retreat_prepare(alice.catalog, txn, &request, &arena, &r,
                                   &alice.kit.diag);
        if (err != 0) {
            ck_assert_int_eq(r.from, -1); /* written only on success */
        } else {
            err = cove_publish_prepared(alice.catalog, txn, &r.step, "down", &p,
                                        &alice.kit.diag);
        }
        alice.kit.heap.fail_at = 0;
        if (err == 0) {
            ck_assert(r.words);
        }
        cove_arena_clear(&arena);
        cove_store_abort(txn);

        ck_assert_int_lt(n, 20000);
    }
    ck_assert_int_eq(err, 0);
    versions_close(); /* asserts that nothing leaked */
}
END_TEST

int main(void)
{
    const TTest *const all[] = {
        a_way_back_shows_the_fields_of_the_earlier_version,
        an_undone_way_back_shows_the_later_version_again,
        s24_h31_edits_made_since_show_in_both,
        s17_a_removed_field_is_back_with_its_newest_write,
        steps_count_from_the_version_that_a_way_back_stands_for,
        a_name_that_changed_hands_goes_back_to_its_field,
        a_default_of_which_the_schema_is_silent_comes_back,
        the_words_of_every_version_on_the_way_are_used,
        a_step_from_before_there_were_words_is_still_its_file,
        words_may_convert_on_the_way_back,
        words_show_the_form_that_the_earlier_version_has,
        one_version_without_words_and_the_fields_are_compared,
        words_that_no_longer_fit_are_said_and_the_fields_compared,
        a_one_way_step_refuses_with_the_fields_names,
        a_one_way_step_inside_a_part_closes_the_way_to_the_whole,
        splits_and_joins_come_back,
        wrong_requests_are_refused_by_name,
        who_is_no_admin_takes_nothing_back,
        out_of_memory_at_any_call_writes_nothing,
    };
    Suite *suite = suite_create("retreat");
    TCase *tests = tcase_create("retreat");

    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        tcase_add_test(tests, all[i]);
    }
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
