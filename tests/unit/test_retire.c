/* test_retire.c: versions that are no longer supported: what stays, who still
 * needs them, who may still write, and what arrives all the same. */
#include "migrate/retire.h"

#include "core/hlc.h"
#include "tests/unit/version_kit.h"

#define TEXT(name) "'" name "':{'type':'string'}"

static struct stage bob;

/* a; a and b; a, b and c. */
static void three_versions(void)
{
    first_version(TEXT("a"), "");
    next_version("1", 2, "{'add':'b'}", TEXT("a") "," TEXT("b"), "", "");
    next_version("2", 3, "{'add':'c'}", TEXT("a") "," TEXT("b") "," TEXT("c"),
                 "", "");
}

static int retire(struct stage *s, const char *version, struct cove_retire *out,
                  bool publish)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, true);
    struct cove_retire_request request = {
        .num = kit_num(&s->kit, txn, &alice.journal_id), .version = version};
    struct cove_published p;
    int err = cove_retire_prepare(s->catalog, txn, &request, &s->kit.arena, out,
                                  &s->kit.diag);

    if (err == 0 && publish) {
        err = cove_publish_prepared(s->catalog, txn, &out->step, "retire", &p,
                                    &s->kit.diag);
    }
    if (err == 0) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    return err; /* what *out borrows stays until the next settle */
}

static void retired(const char *version)
{
    struct cove_retire out;
    int err = retire(&alice, version, &out, true);

    ck_assert_msg(err == 0, "retire: %d %s", err, alice.kit.diag.text);
    cove_catalog_settle(alice.catalog);
}

static void refused(const char *version, int code, const char *words)
{
    struct cove_retire out;

    ck_assert_int_eq(retire(&alice, version, &out, true), code);
    ck_assert_int_eq(alice.kit.diag.code, code);
    ck_assert_msg(strstr(alice.kit.diag.text, words) != NULL,
                  "'%s' not in '%s'", words, alice.kit.diag.text);
    cove_catalog_settle(alice.catalog);
}

START_TEST(an_annotation_is_no_head_and_makes_no_fork)
{
    struct cove_step_id before, after, found;
    struct cove_retire out;
    const struct cove_schema_doc *doc;
    struct cove_store_txn *txn;
    char hex[COVE_HEX_LEN(32)];

    versions_open();
    three_versions();
    before = step_of(0);
    ck_assert_int_eq(retire(&alice, "1", &out, true), 0);
    cove_hex(cove_bytes(out.step.step.step.b, 32), hex);
    cove_catalog_settle(alice.catalog);
    after = step_of(0);
    ck_assert_mem_eq(&before, &after, sizeof(before));

    txn = kit_begin(&alice.kit, false);
    ck_assert_int_eq(cove_catalog_open(alice.catalog, txn, alice.journal, &doc),
                     0);
    ck_assert(!cove_schema_doc_forked(doc));
    ck_assert_uint_eq(cove_journal_count(doc->journal), 4);
    ck_assert(cove_journal_leaf(doc->journal,
                                cove_journal_find(doc->journal, &after)));
    ck_assert(!cove_journal_leaf(
        doc->journal, cove_journal_find(doc->journal, &out.step.step.step)));
    ck_assert_int_eq(cove_schema_doc_head(doc, hex, &found, &alice.kit.diag),
                     COVE_ENOTFOUND);
    cove_store_abort(txn);

    /* and the next version stands on the newest one as ever */
    next_version("3", 4, "{'hide':'c'}", TEXT("a") "," TEXT("b"), "", "");
    ck_assert_str_eq(fields_at(0), "a:text b:text");
    versions_close();
}
END_TEST

START_TEST(a_retired_version_is_read_and_not_written)
{
    versions_open();
    three_versions();

    struct cove_id id = document(1, "a", "'old'"), other;

    retired("2");
    ck_assert_str_eq(shown_at(&id, 1, "a"), "'old'");
    ck_assert_int_eq(try_set(&id, 1, "a", "'new'"), COVE_EBLOCKED);
    ck_assert(strstr(alice.kit.diag.text, "version 1 of T is retired") != NULL);
    ck_assert_int_eq(try_set(&id, 2, "a", "'new'"), COVE_EBLOCKED);
    ck_assert_int_eq(try_document(1, "a", "'new'", &other), COVE_EBLOCKED);
    set(&id, 3, "a", "'new'");
    ck_assert_str_eq(shown_at(&id, 1, "a"), "'new'");
    versions_close();
}
END_TEST

START_TEST(a_document_is_judged_at_a_retired_version_as_before)
{
    struct cove_loaded loaded;
    struct cove_diag why = {0};
    cove_num num;

    versions_open();
    three_versions();

    struct cove_id id = document(1, "a", "'old'");
    struct cove_step_id first = step_of(1);

    retired("2");

    struct cove_store_txn *txn = kit_begin(&alice.kit, false);

    ck_assert_int_eq(cove_repo_find(alice.kit.repo, txn, &id, &num), 0);
    struct cove_load_request request = {
        .num = num, .head = &first, .mode = COVE_LOAD_VIEW};

    ck_assert_int_eq(cove_load(alice.catalog, txn, &request, &alice.kit.arena,
                               &loaded, &why),
                     0);
    ck_assert_msg(cove_loaded_validate(alice.catalog, txn, &loaded, &why) == 0,
                  "%s", why.text);
    cove_store_abort(txn);
    versions_close();
}
END_TEST

START_TEST(retiring_the_second_retires_the_first_too_and_no_later_one)
{
    struct cove_retire out;

    versions_open();
    three_versions();
    ck_assert_int_eq(retire(&alice, "2", &out, true), 0);
    ck_assert_uint_eq(out.version_count, 2);
    ck_assert_int_eq(out.stays->version, 3);
    cove_catalog_settle(alice.catalog);
    refused("1", COVE_EEXIST, "retired already");
    refused("2", COVE_EEXIST, "retired already");
    versions_close();
}
END_TEST

START_TEST(h36_it_says_what_still_needs_the_version)
{
    struct cove_retire out;
    struct cove_id id;

    versions_open();
    three_versions();
    document(1, "a", "'one'");
    document(1, "a", "'two'");
    id = document(1, "a", "'three'");
    ck_assert_int_eq(retire(&alice, "1", &out, false), 0);
    ck_assert(out.needed);
    ck_assert_uint_eq(out.version_count, 1);
    ck_assert_uint_eq(out.versions[0].documents, 3);
    ck_assert_uint_eq(out.device_count, 1);
    ck_assert_mem_eq(&out.devices[0].device, &alice.kit.device, 32);
    ck_assert(out.devices[0].live);
    cove_catalog_settle(alice.catalog);

    set(&id, 3, "a", "'newer'");
    ck_assert_int_eq(retire(&alice, "1", &out, false), 0);
    ck_assert_uint_eq(out.versions[0].documents, 2);
    ck_assert_uint_eq(out.device_count, 0); /* it speaks 3 now */
    ck_assert(out.needed);
    cove_catalog_settle(alice.catalog);

    alice.kit.env.now_ms += (int64_t)100 * 86400000;
    ck_assert_int_eq(retire(&alice, "2", &out, false), 0);
    ck_assert_uint_eq(out.version_count, 2);
    cove_catalog_settle(alice.catalog);
    versions_close();
}
END_TEST

START_TEST(a_version_that_nobody_needs_is_said_so)
{
    struct cove_retire out;

    versions_open();
    three_versions();
    document(3, "a", "'one'");
    ck_assert_int_eq(retire(&alice, "2", &out, false), 0);
    ck_assert(!out.needed);
    cove_catalog_settle(alice.catalog);
    versions_close();
}
END_TEST

START_TEST(wrong_versions_are_refused_by_name)
{
    versions_open();
    three_versions();
    refused("3", COVE_EUSAGE, "is the newest");
    refused("9", COVE_ENOTFOUND, "has no version 9");
    retired("1");
    refused("1", COVE_EEXIST, "retired already");
    versions_close();
}
END_TEST

static void two_devices(void)
{
    stage_open(&alice, 1);
    stage_open(&bob, 2);
    stage_group(&alice, &bob, "writer");
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
    kit_take_header(&bob.kit, &alice.group, alice.group_header);
    three_versions();
    stage_give(&alice, &bob, &alice.journal_id);
}

START_TEST(only_an_admin_retires)
{
    struct cove_retire out;

    two_devices();
    ck_assert_int_eq(retire(&bob, "1", &out, true), COVE_EDENIED);
    stage_close(&bob);
    versions_close();
}
END_TEST

/* Bob writes `a` at a step, without knowing what alice published since. */
static void bob_writes(const struct cove_id *id, const struct cove_step_id *at,
                       const char *value)
{
    struct cove_edit edit = edit_of("a", value);
    struct cove_store_txn *txn = kit_begin(&bob.kit, true);
    struct cove_load_request request = {.num = kit_num(&bob.kit, txn, id),
                                        .head = at};
    struct cove_loaded loaded;

    bob.kit.env.now_ms = alice.kit.env.now_ms + 1000;
    ck_assert_int_eq(cove_load(bob.catalog, txn, &request, &bob.kit.arena,
                               &loaded, &bob.kit.diag),
                     0);
    ck_assert_int_eq(
        cove_write(bob.catalog, txn, &loaded, &edit, 1, &bob.kit.diag), 0);
    kit_commit(txn);
    cove_catalog_settle(bob.catalog);
}

START_TEST(s40_what_others_write_at_a_retired_version_lands_and_shows)
{
    two_devices();

    struct cove_id id = document(1, "a", "'old'");

    stage_give(&alice, &bob, &id);
    retired("1");
    bob_writes(&id, &alice.first, "'from afar'");
    kit_sync(&bob.kit, &alice.kit, &id);
    alice.kit.env.now_ms += 5000;
    ck_assert_str_eq(shown_at(&id, 3, "a"), "'from afar'");
    ck_assert_str_eq(shown_at(&id, 1, "a"), "'from afar'");
    stage_close(&bob);
    versions_close();
}
END_TEST

START_TEST(no_copies_are_written_for_a_retired_version)
{
    struct cove_store_txn *txn;
    struct cove_loaded loaded;
    struct cove_load_request request = {.mode = COVE_LOAD_MIGRATE};

    versions_open();
    first_version("'n':{'type':'string'}", "");
    next_version("1", 2, "{'convert':{'field':'n','forward':['int_of_text']}}",
                 "'n':{'type':'integer'}", "", "");

    struct cove_id id = document(1, "n", "'1'");

    set(&id, 2, "n", "7");
    retired("1");
    txn = kit_begin(&alice.kit, true);
    request.num = kit_num(&alice.kit, txn, &id);
    request.head = &alice.first; /* asked for, and not live all the same */
    ck_assert_int_eq(cove_load(alice.catalog, txn, &request, &alice.kit.arena,
                               &loaded, &alice.kit.diag),
                     0);
    ck_assert_uint_eq(loaded.copies_written, 0);
    ck_assert_uint_eq(loaded.copies_due, 0);
    kit_commit(txn);
    cove_catalog_settle(alice.catalog);
    ck_assert_str_eq(shown_at(&id, 1, "n"), "'7'");
    versions_close();
}
END_TEST

START_TEST(out_of_memory_at_any_call_leaks_nothing)
{
    int err = COVE_ENOMEM;

    versions_open();
    three_versions();
    document(1, "a", "'one'");
    for (long n = 1; err == COVE_ENOMEM; n++) {
        struct cove_store_txn *txn = kit_begin(&alice.kit, false);
        struct cove_retire_request request = {.num = alice.journal,
                                              .version = "1"};
        struct cove_retire out = {.version_count = 99};
        struct cove_arena arena;

        cove_arena_init(&arena, &alice.kit.heap.alloc);
        alice.kit.heap.calls = 0;
        alice.kit.heap.fail_at = n;
        err = cove_retire_prepare(alice.catalog, txn, &request, &arena, &out,
                                  &alice.kit.diag);
        alice.kit.heap.fail_at = 0;
        ck_assert_uint_eq(out.version_count, err == 0 ? 1 : 99);
        cove_arena_clear(&arena);
        cove_store_abort(txn);
        ck_assert_int_lt(n, 20000);
    }
    ck_assert_int_eq(err, 0);
    versions_close(); /* asserts that nothing leaked */
}
END_TEST

START_TEST(a_note_that_names_no_version_retires_nothing)
{
    struct cove_journal *journal = NULL;
    struct cove_arena arena;
    struct cove_bytes bodies[3] = {{NULL, 0}};
    struct cove_buf buf;
    char hex[2][COVE_HEX_LEN(32)] = {"", ""};

    ck_assert_int_eq(cove_crypto_init(), 0);
    cove_arena_init(&arena, &cove_alloc_libc);
    for (size_t i = 0; i < 3; i++) {
        /* the second retires what is before the root, the third what is
         * before the second, which is no version */
        char *text =
            i == 0 ? cove_arena_printf(&arena, "%s",
                                       "{'parents':[],'ops':[],'name':'T',"
                                       "'version':1}")
                   : cove_arena_printf(
                         &arena,
                         "{'parents':['%s'],'ops':[{'op':'x-retire','step':"
                         "'77'},{'op':'x-retire'},{'op':'x-retire','step':"
                         "'%s'}]}",
                         hex[0], hex[i - 1]);

        for (char *at = text; (at = strchr(at, '\'')) != NULL;) {
            *at = '"';
        }
        cove_buf_init(&buf, &cove_alloc_libc);
        ck_assert_int_eq(
            cove_json_read(cove_bytes_text(text), "body", &buf, NULL), 0);
        ck_assert_int_eq(
            cove_arena_copy(&arena, cove_buf_bytes(&buf), &bodies[i]), 0);
        cove_buf_clear(&buf);
        if (i < 2) {
            struct cove_step_id id = cove_step_id_of(bodies[i]);

            cove_hex(cove_bytes(id.b, 32), hex[i]);
        }
    }
    ck_assert_int_eq(cove_journal_new(&cove_alloc_libc, bodies, 3, &journal),
                     0);
    for (size_t i = 0; i < 3; i++) {
        const struct cove_step *s = cove_journal_at(journal, i);

        ck_assert_int_eq(s->state, COVE_STEP_ACTIVE);
        ck_assert(!s->retired);
        ck_assert_int_eq(s->annotation, !s->has_version);
    }
    cove_journal_free(journal);
    cove_arena_clear(&arena);
}
END_TEST

/* A step as it would come from a peer, and its id in hex. */
static struct cove_bytes step_body(const char *text, char hex[COVE_HEX_LEN(32)])
{
    struct cove_bytes body;
    struct cove_step_id id;
    struct cove_buf buf;

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(
        cove_json_read(cove_bytes_text(json_text(text)), "body", &buf, NULL),
        0);
    ck_assert_int_eq(
        cove_arena_copy(&alice.kit.arena, cove_buf_bytes(&buf), &body), 0);
    cove_buf_clear(&buf);
    id = cove_step_id_of(body);
    cove_hex(cove_bytes(id.b, 32), hex);
    return body;
}

START_TEST(a_step_stands_for_a_version_and_never_for_a_note)
{
    char root[COVE_HEX_LEN(32)], note[COVE_HEX_LEN(32)], own[COVE_HEX_LEN(32)];
    struct cove_arena *arena = &alice.kit.arena;

    versions_open();
    for (size_t i = 0; i < 3; i++) {
        struct cove_bytes bodies[3];
        struct cove_journal *journal = NULL;
        struct cove_step_id id;
        const struct cove_step *step, *stands;

        bodies[0] =
            step_body("{'parents':[],'ops':[],'name':'T','version':1}", root);
        bodies[1] = step_body(
            cove_arena_printf(arena, "{'parents':['%s'],'ops':[{'op':'x-a'}]}",
                              root),
            note);
        bodies[2] = step_body(
            cove_arena_printf(arena,
                              "{'parents':['%s'],'version':2,'ops':[{'op':"
                              "'x-back','step':'%s'}]}",
                              note,
                              i == 0   ? "77"
                              : i == 1 ? note
                                       : root),
            own);
        id = cove_step_id_of(bodies[2]);
        ck_assert_int_eq(
            cove_journal_new(&cove_alloc_libc, bodies, 3, &journal), 0);
        step = cove_journal_find(journal, &id);
        ck_assert_int_eq(step->state, COVE_STEP_ACTIVE);
        stands = cove_step_stands_for(journal, step);
        ck_assert_int_eq(stands->version, i == 2 ? 1 : 2);
        cove_journal_free(journal);
    }
    versions_close();
}
END_TEST

int main(void)
{
    const TTest *const all[] = {
        an_annotation_is_no_head_and_makes_no_fork,
        a_retired_version_is_read_and_not_written,
        a_document_is_judged_at_a_retired_version_as_before,
        retiring_the_second_retires_the_first_too_and_no_later_one,
        h36_it_says_what_still_needs_the_version,
        a_version_that_nobody_needs_is_said_so,
        wrong_versions_are_refused_by_name,
        only_an_admin_retires,
        s40_what_others_write_at_a_retired_version_lands_and_shows,
        no_copies_are_written_for_a_retired_version,
        out_of_memory_at_any_call_leaks_nothing,
        a_note_that_names_no_version_retires_nothing,
        a_step_stands_for_a_version_and_never_for_a_note,
    };
    Suite *suite = suite_create("retire");
    TCase *tests = tcase_create("retire");

    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        tcase_add_test(tests, all[i]);
    }
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
