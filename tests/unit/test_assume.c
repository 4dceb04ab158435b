/* test_assume.c: steps that nobody published: what documents would show, in
 * transactions that only read; and trials of many documents at such a head. */
#include "tests/unit/schema_kit.h"

#include "core/json.h"
#include "migrate/trial.h"

/* Alice is admin, bob a reader; documents and journal are alice's. */
static struct stage alice, bob;

static void setup(void)
{
    stage_open(&alice, 1);
    stage_open(&bob, 2);
    stage_group(&alice, &bob, "reader");
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
    kit_take_header(&bob.kit, &alice.group, alice.group_header);
    stage_publish(&alice, stage_schema);
}

static void teardown(void)
{
    stage_close(&bob);
    stage_close(&alice);
}

/* A Note with a size, written at version 1. */
static struct cove_id note(const char *size)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_edit edit = {.name = cove_bytes_text("size")};
    struct cove_new_request request = {.type = COVE_DOC_COMAP,
                                       .owner = alice.group,
                                       .schema = alice.journal,
                                       .head = &alice.first,
                                       .edits = &edit,
                                       .edit_count = 1};
    struct cove_loaded loaded;

    ck_assert_int_eq(cove_value_of_text(&alice.kit.arena, cove_bytes_text(size),
                                        &edit.value),
                     0);
    ck_assert_int_eq(cove_new_document(alice.catalog, txn, &request,
                                       &alice.kit.arena, &loaded,
                                       &alice.kit.diag),
                     0);
    kit_commit(txn);
    cove_catalog_settle(alice.catalog);
    return loaded.doc.id;
}

static void set_size(const struct cove_id *id, const char *size)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_load_request request = {.num = kit_num(&alice.kit, txn, id),
                                        .head = &alice.first,
                                        .mode = COVE_LOAD_VIEW};
    struct cove_edit edit = {.name = cove_bytes_text("size")};
    struct cove_loaded loaded;

    ck_assert_int_eq(cove_value_of_text(&alice.kit.arena, cove_bytes_text(size),
                                        &edit.value),
                     0);
    ck_assert_int_eq(cove_load(alice.catalog, txn, &request, &alice.kit.arena,
                               &loaded, &alice.kit.diag),
                     0);
    ck_assert_int_eq(
        cove_write(alice.catalog, txn, &loaded, &edit, 1, &alice.kit.diag), 0);
    kit_commit(txn);
}

static const char v2[] = "{\"title\":\"Note\",\"version\":2,\"properties\":"
                         "{\"size\":{\"type\":\"integer\"}}}";
static const char to2[] =
    "{\"schema\":\"Note\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":"
    "{\"field\":\"size\",\"to\":{\"type\":\"integer\"},"
    "\"forward\":[\"int_of_text\"]}}]}";
static const char v3[] = "{\"title\":\"Note\",\"version\":3,\"properties\":"
                         "{\"bytes\":{\"type\":\"integer\",\"minimum\":3}}}";
static const char to3[] =
    "{\"schema\":\"Note\",\"from\":2,\"to\":3,\"steps\":[{\"rename\":"
    "{\"from\":\"size\",\"to\":\"bytes\"}}]}";

/* Compile a migration on what the catalog takes for the journal. */
static struct cove_assumed prepare(struct stage *s, struct cove_store_txn *txn,
                                   const char *migration, const char *schema,
                                   struct cove_step_id *step)
{
    struct cove_migration_files files = {.migration =
                                             cove_bytes_text(migration),
                                         .schema = cove_bytes_text(schema),
                                         .name = "migration"};
    struct cove_prepared p = {0};
    int err = cove_prepare_migration(s->catalog, txn, &files, &s->kit.arena, &p,
                                     &s->kit.diag);

    ck_assert_msg(err == 0, "prepare: %d %s", err, s->kit.diag.text);
    *step = p.step.step;
    return (struct cove_assumed){p.step.body, p.file.text};
}

/* Assume version 2, and version 3 where `three` is not NULL. */
static void assume(struct stage *s, struct cove_store_txn *txn,
                   struct cove_step_id *two, struct cove_step_id *three)
{
    struct cove_assumed steps[2];

    steps[0] = prepare(s, txn, to2, v2, two);
    ck_assert_int_eq(cove_catalog_assume(s->catalog, txn, s->journal, steps, 1),
                     0);
    if (three != NULL) {
        steps[1] = prepare(s, txn, to3, v3, three);
        ck_assert_int_eq(
            cove_catalog_assume(s->catalog, txn, s->journal, steps, 2), 0);
    }
}

static struct cove_cell see(struct stage *s, struct cove_store_txn *txn,
                            const struct cove_id *id,
                            const struct cove_step_id *head, const char *field)
{
    struct cove_load_request request = {
        .num = kit_num(&s->kit, txn, id), .head = head, .mode = COVE_LOAD_VIEW};
    struct cove_loaded loaded;
    struct cove_cell cell;
    int err = cove_load(s->catalog, txn, &request, &s->kit.arena, &loaded,
                        &s->kit.diag);

    ck_assert_msg(err == 0, "load: %d %s", err, s->kit.diag.text);
    ck_assert_int_eq(
        cove_loaded_get(&loaded, cove_bytes_text(field), &cell, &s->kit.diag),
        0);
    return cell;
}

static uint64_t sequence(struct stage *s)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, false);
    uint64_t at = 0;

    ck_assert_int_eq(cove_repo_sequence(s->kit.repo, txn, &at), 0);
    cove_store_abort(txn);
    return at;
}

START_TEST(documents_are_seen_through_steps_that_nobody_published)
{
    struct cove_id id = note("120");
    uint64_t before = sequence(&alice);
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    struct cove_step_id two, three;
    struct cove_cell cell;

    assume(&alice, txn, &two, &three);
    cell = see(&alice, txn, &id, &two, "size");
    ck_assert_int_eq(cell.kind, COVE_PRESENT);
    ck_assert_int_eq(cove_value_int(cell.bytes), 120);
    cell = see(&alice, txn, &id, &three, "bytes");
    ck_assert_int_eq(cell.kind, COVE_PRESENT);
    ck_assert_int_eq(cove_value_int(cell.bytes), 120);
    cove_store_abort(txn);
    ck_assert_uint_eq(sequence(&alice), before);
}
END_TEST

START_TEST(what_is_assumed_is_what_publishing_makes)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    struct cove_step_id two;

    assume(&alice, txn, &two, NULL);
    cove_store_abort(txn);
    cove_catalog_free(alice.catalog);
    ck_assert_int_eq(
        cove_catalog_new(&alice.kit.heap.alloc, alice.kit.repo, &alice.catalog),
        0);
    stage_publish(&alice, stage_migration);
    ck_assert_mem_eq(two.b, alice.second.b, sizeof(two.b));
}
END_TEST

START_TEST(a_reader_may_assume_what_he_may_not_publish)
{
    struct cove_id id = note("120");
    struct cove_migration_files files = {.migration = cove_bytes_text(to2),
                                         .schema = cove_bytes_text(v2),
                                         .name = "migration"};
    struct cove_published p;
    struct cove_store_txn *txn;
    struct cove_step_id two;

    stage_give(&alice, &bob, &alice.journal_id);
    stage_give(&alice, &bob, &id);
    txn = kit_begin(&bob.kit, true);
    bob.journal = kit_num(&bob.kit, txn, &alice.journal_id);
    ck_assert_int_eq(
        cove_publish_migration(bob.catalog, txn, &files, &p, &bob.kit.diag),
        COVE_EDENIED);
    cove_store_abort(txn);
    txn = kit_begin(&bob.kit, false);
    assume(&bob, txn, &two, NULL);
    ck_assert_int_eq(cove_value_int(see(&bob, txn, &id, &two, "size").bytes),
                     120);
    cove_store_abort(txn);
}
END_TEST

START_TEST(an_assumption_stays_as_it_was_made_while_the_journal_grows)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    const struct cove_schema_doc *doc;
    struct cove_step_id two;

    assume(&alice, txn, &two, NULL);
    ck_assert_int_eq(cove_catalog_open(alice.catalog, txn, alice.journal, &doc),
                     0);
    cove_store_abort(txn);

    size_t count = cove_journal_count(doc->journal);
    struct stage other = alice; /* another catalog of the same store */

    ck_assert_int_eq(
        cove_catalog_new(&alice.kit.heap.alloc, alice.kit.repo, &other.catalog),
        0);
    stage_publish(&other, stage_migration);
    cove_catalog_free(other.catalog);
    alice.kit.diag = other.kit.diag;
    txn = kit_begin(&alice.kit, false);

    const struct cove_schema_doc *again;

    ck_assert_int_eq(
        cove_catalog_open(alice.catalog, txn, alice.journal, &again), 0);
    ck_assert_ptr_eq(again, doc);
    ck_assert(cove_journal_count(again->journal) == count);
    cove_store_abort(txn);
}
END_TEST

START_TEST(a_step_without_its_parent_waits_even_where_it_is_assumed)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    struct cove_step_id two, three;
    const struct cove_plan *plan;
    struct cove_assumed steps[2];

    steps[0] = prepare(&alice, txn, to2, v2, &two);
    ck_assert_int_eq(
        cove_catalog_assume(alice.catalog, txn, alice.journal, steps, 1), 0);
    steps[1] = prepare(&alice, txn, to3, v3, &three);
    ck_assert_int_eq(
        cove_catalog_assume(alice.catalog, txn, alice.journal, steps + 1, 1),
        0);
    ck_assert_int_eq(
        cove_catalog_plan(alice.catalog, txn, alice.journal, &three, &plan),
        COVE_EBLOCKED);
    cove_store_abort(txn);
}
END_TEST

START_TEST(an_assumption_of_nothing_or_of_no_journal_is_refused)
{
    struct cove_id id = note("1");
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    static const uint8_t body[] = {0xa0};
    struct cove_assumed step = {cove_bytes(body, 1), {NULL, 0}};

    ck_assert_int_eq(
        cove_catalog_assume(alice.catalog, txn, alice.journal, &step, 0),
        COVE_EUSAGE);
    ck_assert_int_eq(cove_catalog_assume(alice.catalog, txn, 9999, &step, 1),
                     COVE_ENOTFOUND);
    ck_assert_int_eq(cove_catalog_assume(alice.catalog, txn,
                                         kit_num(&alice.kit, txn, &id), &step,
                                         1),
                     COVE_ETYPE);
    cove_store_abort(txn);
}
END_TEST

START_TEST(an_assumption_without_memory_changes_nothing)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    const struct cove_schema_doc *doc;
    struct cove_step_id two;
    struct cove_assumed step = prepare(&alice, txn, to2, v2, &two);
    int err = COVE_ENOMEM;

    ck_assert_int_eq(cove_catalog_open(alice.catalog, txn, alice.journal, &doc),
                     0);

    long alive = alice.kit.heap.alive;

    for (long at = 1; err == COVE_ENOMEM; at++) {
        alice.kit.heap.fail_at = alice.kit.heap.calls + at;
        err = cove_catalog_assume(alice.catalog, txn, alice.journal, &step, 1);
        alice.kit.heap.fail_at = 0;
        if (err != 0) {
            ck_assert_int_eq(alice.kit.heap.alive, alive);
            ck_assert_uint_eq(cove_journal_count(doc->journal), 1);
        }
    }
    ck_assert_int_eq(err, 0);
    cove_store_abort(txn);
}
END_TEST

/* --- trials */

struct tried {
    size_t count;
    char sizes[64][16]; /* what version 1 shows, in order */
};

static int tried_note(void *ctx, const struct cove_trial_document *doc)
{
    struct tried *t = ctx;
    struct cove_cell cell;
    int err = cove_loaded_get(doc->before, cove_bytes_text("size"), &cell,
                              &alice.kit.diag);

    if (err == 0 && t->count < COVE_ARRAY_LEN(t->sizes)) {
        struct cove_bytes text = cove_value_text(cell.bytes);

        memcpy(t->sizes[t->count], text.at, text.len < 15 ? text.len : 15);
        t->count++;
    }
    return err;
}

/* Begin a trial of version 2 (3 where `three`), at the end of which the
 * transaction is ended. */
static struct cove_trial trial_begin(bool three, uint64_t sample)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    struct cove_trial t = {.schema = alice.journal,
                           .before = alice.first,
                           .sample = sample,
                           .arena = &alice.kit.arena};
    struct cove_step_id two;

    assume(&alice, txn, &two, three ? &t.after : NULL);
    if (!three) {
        t.after = two;
    }
    ck_assert_int_eq(cove_trial_begin(alice.catalog, txn, &t), 0);
    cove_store_abort(txn);
    return t;
}

static void trial_slice(struct cove_trial *t, uint32_t documents,
                        struct tried *tried)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    struct cove_trial_slice slice = {documents, tried_note, tried};
    int err = cove_trial_go(alice.catalog, txn, t, &slice, &alice.kit.diag);

    ck_assert_msg(err == 0, "trial: %d %s", err, alice.kit.diag.text);
    cove_store_abort(txn);
}

static void trial_finish(struct cove_trial *t, struct tried *tried)
{
    for (int i = 0; i < 100 && !t->finished; i++) {
        trial_slice(t, 3, tried);
    }
    ck_assert(t->finished);
}

static void notes(int count)
{
    for (int i = 0; i < count; i++) {
        char size[16];

        snprintf(size, sizeof(size), "%d", i);
        note(size);
    }
}

START_TEST(a_trial_judges_every_document_at_both_versions)
{
    struct tried tried = {0};
    struct cove_trial t;

    note("120");
    struct cove_id word = note("about 150");

    note("2");
    note("1");
    t = trial_begin(true, 0);
    trial_finish(&t, &tried);
    ck_assert_uint_eq(t.documents, 4);
    ck_assert_uint_eq(t.evaluated, 4);
    ck_assert_uint_eq(t.moved, 0);
    ck_assert_uint_eq(t.copies, 3);
    ck_assert_uint_eq(t.due, 3);
    ck_assert_uint_gt(t.bytes, 0);
    ck_assert_uint_eq(t.invalid_before, 0);
    ck_assert_uint_eq(t.newly_invalid, 3);
    ck_assert_uint_eq(t.reason_count, 2);
    ck_assert(cove_bytes_equal(t.reasons[0].field, cove_bytes_text("bytes")));
    ck_assert(cove_bytes_equal(
        t.reasons[0].text,
        cove_bytes_text("the value did not convert to this version")));
    ck_assert_uint_eq(t.reasons[0].count, 1);
    ck_assert_uint_eq(t.reasons[0].example_count, 1);
    ck_assert_mem_eq(t.reasons[0].examples[0].b, word.b, sizeof(word.b));
    ck_assert(cove_bytes_equal(
        t.reasons[1].text, cove_bytes_text("breaks the rule \"minimum 3\"")));
    ck_assert_uint_eq(t.reasons[1].count, 2);
    ck_assert_uint_eq(tried.count, 4);
    ck_assert_str_eq(tried.sizes[1], "about 150");
}
END_TEST

START_TEST(what_a_trial_says_is_due_is_what_a_run_writes)
{
    struct tried tried = {0};
    struct cove_trial t;
    struct cove_store_txn *txn;
    struct cove_load_request request = {.mode = COVE_LOAD_MIGRATE};
    uint64_t copies = 0;

    notes(10);
    note("x");
    t = trial_begin(false, 0);
    trial_finish(&t, &tried);
    cove_catalog_free(alice.catalog);
    ck_assert_int_eq(
        cove_catalog_new(&alice.kit.heap.alloc, alice.kit.repo, &alice.catalog),
        0);
    stage_publish(&alice, stage_migration);
    txn = kit_begin(&alice.kit, true);
    while (cove_repo_next(alice.kit.repo, txn, alice.journal, request.num,
                          &request.num) == 0) {
        struct cove_loaded loaded;

        ck_assert_int_eq(cove_load(alice.catalog, txn, &request,
                                   &alice.kit.arena, &loaded, &alice.kit.diag),
                         0);
        copies += loaded.copies_written;
    }
    kit_commit(txn);
    ck_assert_uint_eq(copies, t.copies);
    ck_assert_uint_eq(copies, 10);
}
END_TEST

START_TEST(a_sample_is_spread_evenly_over_the_documents)
{
    static const char *const expected[] = {"2", "5", "8", "11"};
    struct tried tried = {0};
    struct cove_trial t;

    notes(12);
    t = trial_begin(false, 4);
    trial_finish(&t, &tried);
    ck_assert_uint_eq(t.documents, 12);
    ck_assert_uint_eq(t.evaluated, 4);
    ck_assert_uint_eq(tried.count, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_str_eq(tried.sizes[i], expected[i]);
    }
}
END_TEST

START_TEST(a_sample_of_more_than_there_are_is_all_of_them)
{
    for (uint64_t sample = 5; sample < 8; sample++) {
        struct tried tried = {0};
        struct cove_trial t;

        if (sample == 5) {
            notes(5);
        }
        t = trial_begin(false, sample);
        trial_finish(&t, &tried);
        ck_assert_uint_eq(t.evaluated, 5);
    }
}
END_TEST

START_TEST(a_condition_is_asked_before_a_document_is_sampled)
{
    static const uint8_t map[] = "\xa1\x64size\xa1\x64$gte\x61"
                                 "5"; /* {"size": {"$gte": "5"}} */
    struct tried tried = {0};
    struct cove_trial t;

    notes(10);
    t = trial_begin(false, 2);
    ck_assert_int_eq(cove_where_parse(&alice.kit.arena,
                                      cove_bytes(map, sizeof(map) - 1),
                                      &t.where, &alice.kit.diag),
                     0);
    trial_finish(&t, &tried);
    ck_assert_uint_eq(t.documents, 10);
    ck_assert_uint_eq(t.matching, 5);
    ck_assert_uint_eq(t.evaluated, 2);
    ck_assert_str_eq(tried.sizes[0], "7");
    ck_assert_str_eq(tried.sizes[1], "9");
}
END_TEST

START_TEST(what_changes_while_a_trial_runs_is_left_out_and_counted)
{
    struct tried tried = {0};
    struct cove_id last;
    struct cove_trial t;

    notes(5);
    last = note("9");
    t = trial_begin(false, 0);
    trial_slice(&t, 2, &tried);
    set_size(&last, "10");
    note("11"); /* new, after the trial began */
    trial_finish(&t, &tried);
    ck_assert_uint_eq(t.moved, 2);
    ck_assert_uint_eq(t.evaluated, 5);
    ck_assert_uint_eq(t.documents, 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("assume");
    TCase *tc = tcase_create("assume");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, documents_are_seen_through_steps_that_nobody_published);
    tcase_add_test(tc, what_is_assumed_is_what_publishing_makes);
    tcase_add_test(tc, a_reader_may_assume_what_he_may_not_publish);
    tcase_add_test(tc,
                   an_assumption_stays_as_it_was_made_while_the_journal_grows);
    tcase_add_test(tc,
                   a_step_without_its_parent_waits_even_where_it_is_assumed);
    tcase_add_test(tc, an_assumption_of_nothing_or_of_no_journal_is_refused);
    tcase_add_test(tc, an_assumption_without_memory_changes_nothing);
    tcase_add_test(tc, a_trial_judges_every_document_at_both_versions);
    tcase_add_test(tc, what_a_trial_says_is_due_is_what_a_run_writes);
    tcase_add_test(tc, a_sample_is_spread_evenly_over_the_documents);
    tcase_add_test(tc, a_sample_of_more_than_there_are_is_all_of_them);
    tcase_add_test(tc, a_condition_is_asked_before_a_document_is_sampled);
    tcase_add_test(tc, what_changes_while_a_trial_runs_is_left_out_and_counted);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
