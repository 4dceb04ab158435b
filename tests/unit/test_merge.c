/* test_merge.c: forks ended by the file that a person could have written: one
 * field where both sides meant one, names of their own where not, and the same
 * step wherever it is made. */
#include "migrate/merge.h"

#include "tests/unit/version_kit.h"

#define TEXT(name) "'" name "':{'type':'string'}"
#define INT(name)  "'" name "':{'type':'integer'}"

static struct stage bob;

/* The other admin's version 2, published without knowing alice's, and both
 * then in one journal. */
static struct cove_step_id both_publish(const char *alices[2],
                                        const char *bobs[2])
{
    struct cove_store_txn *txn;
    struct cove_published p;
    char *text;

    stage_give(&alice, &bob, &alice.journal_id);
    next_version("1", 2, alices[0], alices[1], "", "");
    text = cove_arena_printf(
        &alice.kit.arena,
        "{'schema':'T','from':1,'to':2,'steps':[%s],'targetSchema':{'title':"
        "'T','version':2,'properties':{%s},'required':[]}}",
        bobs[0], bobs[1]);

    struct cove_migration_files files = {
        .migration = cove_bytes_text(json_text(text)), .name = "bob's"};

    txn = kit_begin(&bob.kit, true);
    int err =
        cove_publish_migration(bob.catalog, txn, &files, &p, &bob.kit.diag);

    ck_assert_msg(err == 0, "bob: %d %s", err, bob.kit.diag.text);
    kit_commit(txn);
    cove_catalog_settle(bob.catalog);
    kit_sync(&bob.kit, &alice.kit, &alice.journal_id);
    kit_sync(&alice.kit, &bob.kit, &alice.journal_id);
    return p.step;
}

static void fork_open(const char *properties)
{
    stage_open(&alice, 1);
    stage_open(&bob, 2);
    stage_group(&alice, &bob, "admin");
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
    kit_take_header(&bob.kit, &alice.group, alice.group_header);
    first_version(properties, "");
}

static void fork_close(void)
{
    stage_close(&bob);
    versions_close();
}

static int merge(struct stage *s, struct cove_merge *out,
                 struct cove_step_id *step)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, true);
    cove_num num = kit_num(&s->kit, txn, &alice.journal_id);
    struct cove_published p = {0};
    int err = cove_merge_write(s->catalog, txn, num, &s->kit.arena, out,
                               &s->kit.diag);

    if (err == 0) {
        struct cove_migration_files files = {.migration = out->file,
                                             .name = "merge"};

        err = cove_publish_migration(s->catalog, txn, &files, &p, &s->kit.diag);
    }
    *step = p.step;
    if (err == 0) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    cove_catalog_settle(s->catalog);
    return err;
}

static struct cove_merge merged(void)
{
    struct cove_merge out;
    struct cove_step_id step;
    int err = merge(&alice, &out, &step);

    ck_assert_msg(err == 0, "merge: %d %s\n%.*s", err, alice.kit.diag.text,
                  (int)out.file.len, (const char *)out.file.at);
    return out;
}

static bool forked(void)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    const struct cove_schema_doc *doc;
    bool is;

    ck_assert_int_eq(cove_catalog_open(alice.catalog, txn, alice.journal, &doc),
                     0);
    is = cove_schema_doc_forked(doc);
    cove_store_abort(txn);
    return is;
}

START_TEST(s22_two_branches_become_one_version_with_the_fields_of_both)
{
    const char *alices[] = {"{'add':'x'}", TEXT("a") "," INT("x")};
    const char *bobs[] = {"{'rename':{'from':'a','to':'b'}},{'add':'y'}",
                          TEXT("b") ",'y':{'type':'string','default':'d'}"};

    fork_open(TEXT("a"));
    both_publish(alices, bobs);
    ck_assert(forked());

    struct cove_merge m = merged();

    ck_assert_uint_eq(m.head_count, 2);
    ck_assert_int_eq(m.version, 3);
    ck_assert_uint_eq(m.field_count, 0);
    ck_assert(!forked());
    ck_assert_str_eq(fields_at(0), "b:text x:int y:text=\"d\"");
    fork_close();
}
END_TEST

/* A document of alice's, with a field at a step. */
static struct cove_id document_at(const struct cove_step_id *head,
                                  const char *field, const char *value)
{
    struct cove_edit edit = edit_of(field, value);
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_new_request request = {.type = COVE_DOC_COMAP,
                                       .owner = alice.group,
                                       .schema = alice.journal,
                                       .head = head,
                                       .edits = &edit,
                                       .edit_count = 1};
    struct cove_loaded loaded;

    ck_assert_int_eq(cove_new_document(alice.catalog, txn, &request,
                                       &alice.kit.arena, &loaded,
                                       &alice.kit.diag),
                     0);
    kit_commit(txn);
    cove_catalog_settle(alice.catalog);
    return loaded.doc.id;
}

START_TEST(a_field_that_both_added_is_one_field_with_the_newest_value)
{
    const char *alices[] = {"{'add':'p'}", TEXT("a") "," TEXT("p")};
    const char *bobs[] = {"{'add':'p'},{'add':'q'}",
                          TEXT("a") "," TEXT("p") "," TEXT("q")};

    fork_open(TEXT("a"));

    struct cove_step_id bobs_head = both_publish(alices, bobs);
    struct cove_id id = document_at(&bobs_head, "p", "'by bob'");
    struct cove_merge m = merged();

    ck_assert_uint_eq(m.field_count, 1);
    ck_assert_uint_eq(m.fields[0].as.len, 0);
    ck_assert_str_eq(fields_at(0), "a:text p:text q:text");
    ck_assert_str_eq(shown_at(&id, 3, "p"), "'by bob'");
    set(&id, 3, "p", "'newest'");
    ck_assert_str_eq(shown_at(&id, 3, "p"), "'newest'");
    fork_close();
}
END_TEST

START_TEST(fields_of_two_types_keep_a_name_each)
{
    const char *alices[] = {"{'add':'p'}", TEXT("a") "," TEXT("p")};
    const char *bobs[] = {"{'add':{'field':'p','type':'integer'}}",
                          TEXT("a") "," INT("p")};

    fork_open(TEXT("a"));
    both_publish(alices, bobs);

    struct cove_merge m = merged();
    char *fields = fields_at(0);

    ck_assert_uint_eq(m.field_count, 1);
    ck_assert_uint_gt(m.fields[0].as.len, 0);
    ck_assert_msg(strcmp(fields, "a:text p:text p_integer:int") == 0 ||
                      strcmp(fields, "a:text p:int p_string:text") == 0,
                  "%s", fields);
    fork_close();
}
END_TEST

START_TEST(one_register_with_two_types_has_the_first)
{
    /* the same words, so the same register */
    const char *alices[] = {"{'add':'p'}", TEXT("a") "," TEXT("p")};
    const char *bobs[] = {"{'add':'p'}", TEXT("a") "," INT("p")};

    fork_open(TEXT("a"));
    both_publish(alices, bobs);
    merged();

    char *fields = fields_at(0);

    ck_assert_msg(strcmp(fields, "a:text p:text") == 0 ||
                      strcmp(fields, "a:text p:int") == 0,
                  "%s", fields);
    fork_close();
}
END_TEST

START_TEST(one_field_that_both_converted_stays_one_value)
{
    const char *convert =
        "{'convert':{'field':'n','forward':['int_of_text'],'back':["
        "'text_of_int']}}";
    const char *other = "{'add':'z'},{'convert':{'field':'n','forward':["
                        "'int_of_text'],'back':['text_of_int']}}";
    const char *alices[] = {convert, INT("n")};
    const char *bobs[] = {other, INT("n") "," TEXT("z")};

    fork_open(TEXT("n"));

    struct cove_step_id bobs_head = both_publish(alices, bobs);
    struct cove_id id = document_at(&bobs_head, "n", "7");
    struct cove_merge m = merged();

    ck_assert_uint_eq(m.field_count, 1);
    ck_assert_uint_eq(m.fields[0].as.len, 0);
    ck_assert_str_eq(fields_at(0), "n:int z:text");
    ck_assert_str_eq(shown_at(&id, 3, "n"), "7");
    fork_close();
}
END_TEST

START_TEST(what_one_branch_hid_is_hidden)
{
    const char *alices[] = {"{'hide':'b'}", TEXT("a")};
    const char *bobs[] = {"{'add':'c'}", TEXT("a") "," TEXT("b") "," INT("c")};

    fork_open(TEXT("a") "," TEXT("b"));
    both_publish(alices, bobs);
    merged();
    ck_assert_str_eq(fields_at(0), "a:text c:int");
    fork_close();
}
END_TEST

START_TEST(the_rules_of_the_branch_that_changed_them_stand)
{
    const char *alices[] = {"{'add':'x'}", TEXT("a") "," INT("x")};
    const char *bobs[] = {"{'add':'y'}",
                          "'a':{'type':'string','maxLength':3}," INT("y")};
    struct cove_id id;

    fork_open(TEXT("a"));
    both_publish(alices, bobs);
    merged();
    id = document(3, "a", "'abc'");
    ck_assert_int_eq(try_set(&id, 3, "a", "'abcd'"), COVE_ESCHEMA);
    fork_close();
}
END_TEST

/* A21 */
START_TEST(two_admins_who_join_apart_publish_the_same_step)
{
    const char *alices[] = {"{'add':'p'}", TEXT("a") "," TEXT("p")};
    const char *bobs[] = {"{'add':'p'}", TEXT("a") "," INT("p")};
    struct cove_merge m;
    struct cove_step_id one, other;

    fork_open(TEXT("a"));
    both_publish(alices, bobs);
    ck_assert_int_eq(merge(&alice, &m, &one), 0);
    ck_assert_int_eq(merge(&bob, &m, &other), 0);
    ck_assert_mem_eq(&one, &other, sizeof(one));
    kit_sync(&bob.kit, &alice.kit, &alice.journal_id);
    ck_assert(!forked());
    fork_close();
}
END_TEST

START_TEST(without_a_fork_there_is_nothing_to_join)
{
    struct cove_merge m;
    struct cove_step_id step;

    versions_open();
    first_version(TEXT("a"), "");
    ck_assert_int_eq(merge(&alice, &m, &step), COVE_ENOTFOUND);
    ck_assert(strstr(alice.kit.diag.text, "no fork") != NULL);
    next_version("1", 2, "{'add':'b'}", TEXT("a") "," TEXT("b"), "", "");
    ck_assert_int_eq(merge(&alice, &m, &step), COVE_ENOTFOUND);
    versions_close();
}
END_TEST

START_TEST(nothing_goes_back_over_a_fork_and_a_merge_asks_where_to)
{
    const char *alices[] = {"{'add':'x'}", TEXT("a") "," INT("x")};
    const char *bobs[] = {"{'add':'y'}", TEXT("a") "," INT("y")};

    fork_open(TEXT("a"));
    both_publish(alices, bobs);
    down_refused((struct cove_retreat_request){.steps = 1}, COVE_ECONFLICT,
                 "migrate merge");
    merged();
    down_refused((struct cove_retreat_request){.steps = 1}, COVE_EAMBIGUOUS,
                 "joins 2 branches");
    down_to("1");
    ck_assert_str_eq(fields_at(0), "a:text");
    fork_close();
}
END_TEST

START_TEST(behind_the_last_number_there_is_no_version)
{
    struct cove_migration_files files = {.name = "m"};
    struct cove_published p;

    versions_open();
    first_version("'a':{'type':'string'}", "");
    files.migration = cove_bytes_text(json_text(
        "{'schema':'T','from':1,'to':9223372036854775807,'steps':[{'add':'b'}],"
        "'targetSchema':{'title':'T','version':9223372036854775807,"
        "'properties':{'a':{'type':'string'},'b':{'type':'string'}}}}"));

    struct cove_store_txn *txn = kit_begin(&alice.kit, true);

    ck_assert_int_eq(
        cove_publish_migration(alice.catalog, txn, &files, &p, &alice.kit.diag),
        0);
    kit_commit(txn);
    cove_catalog_settle(alice.catalog);
    down_refused(((struct cove_retreat_request){.steps = 1}), COVE_ELIMIT,
                 "no later version");
    versions_close();
}
END_TEST

START_TEST(out_of_memory_at_any_call_leaks_nothing)
{
    const char *alices[] = {"{'add':'p'}", TEXT("a") "," TEXT("p")};
    const char *bobs[] = {"{'add':'p'}", TEXT("a") "," TEXT("p")};
    int err = COVE_ENOMEM;

    fork_open(TEXT("a"));
    /* not the same file: it says why */
    bobs[0] = "{'add':{'field':'p','type':'string'}}";
    both_publish(alices, bobs);
    for (long n = 1; err == COVE_ENOMEM; n++) {
        struct cove_store_txn *txn = kit_begin(&alice.kit, false);
        struct cove_merge m = {.version = -1};
        struct cove_arena arena;

        cove_arena_init(&arena, &alice.kit.heap.alloc);
        alice.kit.heap.calls = 0;
        alice.kit.heap.fail_at = n;
        err = cove_merge_write(alice.catalog, txn, alice.journal, &arena, &m,
                               &alice.kit.diag);
        alice.kit.heap.fail_at = 0;
        ck_assert_int_eq(m.version, err == 0 ? 3 : -1);
        cove_arena_clear(&arena);
        cove_store_abort(txn);
        ck_assert_int_lt(n, 20000);
    }
    ck_assert_msg(err == 0, "%d %s", err, alice.kit.diag.text);
    fork_close(); /* asserts that nothing leaked */
}
END_TEST

int main(void)
{
    const TTest *const all[] = {
        s22_two_branches_become_one_version_with_the_fields_of_both,
        a_field_that_both_added_is_one_field_with_the_newest_value,
        fields_of_two_types_keep_a_name_each,
        one_register_with_two_types_has_the_first,
        one_field_that_both_converted_stays_one_value,
        what_one_branch_hid_is_hidden,
        the_rules_of_the_branch_that_changed_them_stand,
        two_admins_who_join_apart_publish_the_same_step,
        without_a_fork_there_is_nothing_to_join,
        nothing_goes_back_over_a_fork_and_a_merge_asks_where_to,
        behind_the_last_number_there_is_no_version,
        out_of_memory_at_any_call_leaks_nothing,
    };
    Suite *suite = suite_create("merge");
    TCase *tests = tcase_create("merge");

    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        tcase_add_test(tests, all[i]);
    }
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
