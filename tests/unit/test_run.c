/* test_run.c: runs: who works on one, how large its batches are, what stops it,
 * and what people order it to do. The clock is set by hand. */
#include "tests/unit/run_kit.h"

static struct stage s;

static void finish(struct cove_run *run, struct cove_run_worker *worker)
{
    for (int i = 0; run->state == COVE_RUN_RUNNING; i++) {
        ck_assert_int_lt(i, 200);
        ck_assert_int_eq(run_step(&s, run, worker), 0);
        s.kit.env.now_ms +=
            (int64_t)cove_run_wait_ms(run, (uint64_t)s.kit.env.now_ms);
    }
}

START_TEST(a_run_migrates_all_and_a_second_is_a_noop_noted_never)
{
    struct cove_run_worker worker = run_worker(1);
    struct cove_run run;

    run_stage(&s, FIXTURE_MEMORY, 40, 0);
    run = run_request(&s);
    ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
    ck_assert_uint_eq(run.total, 40);
    finish(&run, &worker);
    ck_assert_int_eq(run.state, COVE_RUN_COMPLETED);
    ck_assert_uint_eq(run.migrated, 40);
    ck_assert_uint_eq(run.valid, 40);
    ck_assert_uint_eq(run.invalid, 0);
    ck_assert_uint_eq(run_noted(&s), 1);
    for (uint64_t i = 2; i < 4; i++) {
        run = run_request(&s);
        ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
        ck_assert_uint_eq(run.number, i);
        finish(&run, &worker);
        ck_assert_int_eq(run.state, COVE_RUN_NOOP);
        ck_assert_uint_eq(run_noted(&s), 1);
    }
    stage_close(&s);
}
END_TEST

START_TEST(a_run_over_nothing_is_noted_once)
{
    struct cove_run_worker worker = run_worker(1);
    struct cove_run run;

    run_stage(&s, FIXTURE_MEMORY, 0, 0);
    for (int i = 0; i < 3; i++) {
        run = run_request(&s);
        ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
        finish(&run, &worker);
        ck_assert_int_eq(run.state, COVE_RUN_NOOP);
    }
    ck_assert_uint_eq(run_noted(&s), 1);
    stage_close(&s);
}
END_TEST

/* ------------------------------------------------------------------- lease */

START_TEST(one_works_on_a_run_and_another_is_told_who_and_until_when)
{
    struct cove_run_worker one = run_worker(1), two = run_worker(2);
    struct cove_run mine, theirs;

    run_stage(&s, FIXTURE_MEMORY, 40, 0);
    mine = run_request(&s);
    mine.batch = 10;
    theirs = mine;
    ck_assert_int_eq(run_begin(&s, &mine, &one), 0);
    ck_assert_int_eq(run_begin(&s, &theirs, &two), COVE_EBUSY);
    ck_assert_ptr_nonnull(strstr(s.kit.diag.text, "process 1 "));
    ck_assert_ptr_nonnull(strstr(s.kit.diag.text, "UTC"));
    ck_assert_int_eq(run_step(&s, &theirs, &two), COVE_EBUSY);
    ck_assert_int_eq(run_step(&s, &mine, &one), 0);
    ck_assert_uint_eq(run_look(&s).done, 10);
    stage_close(&s);
}
END_TEST

START_TEST(a_dead_holders_run_frees_itself_and_goes_on_where_it_was)
{
    struct cove_run_worker one = run_worker(1), two = run_worker(2);
    struct cove_run mine, theirs;

    run_stage(&s, FIXTURE_MEMORY, 40, 0);
    mine = run_request(&s);
    mine.batch = 10;
    theirs = mine;
    ck_assert_int_eq(run_begin(&s, &mine, &one), 0);
    ck_assert_int_eq(run_step(&s, &mine, &one), 0);
    s.kit.env.now_ms += COVE_RUN_LEASE_MS - 1;
    ck_assert_int_eq(run_begin(&s, &theirs, &two), COVE_EBUSY);
    s.kit.env.now_ms += 1;
    ck_assert_int_eq(run_begin(&s, &theirs, &two), 0);
    ck_assert_uint_eq(theirs.lease.fence, mine.lease.fence + 1);
    ck_assert_uint_eq(theirs.done, 10);
    finish(&theirs, &two);
    ck_assert_uint_eq(theirs.done, 40);
    ck_assert_uint_eq(theirs.migrated, 40);
    stage_close(&s);
}
END_TEST

START_TEST(who_was_taken_over_is_refused_though_the_other_died_too)
{
    struct cove_run_worker one = run_worker(1), two = run_worker(2);
    struct cove_run mine, theirs;
    struct cove_catalog *other;

    run_stage(&s, FIXTURE_MEMORY, 40, 0);
    ck_assert_int_eq(cove_catalog_new(&s.kit.heap.alloc, s.kit.repo, &other),
                     0);
    mine = run_request(&s);
    mine.batch = 10;
    theirs = mine;
    ck_assert_int_eq(run_begin(&s, &mine, &one), 0);
    s.kit.env.now_ms += COVE_RUN_LEASE_MS;

    struct cove_store_txn *txn = kit_begin(&s.kit, true);

    ck_assert_int_eq(
        cove_run_begin(other, txn, &theirs, false, &two, &s.kit.diag), 0);
    ck_assert_int_eq(cove_run_step(other, txn, &theirs, 10, &two, NULL), 0);
    kit_commit(txn);
    ck_assert_int_eq(run_step(&s, &mine, &one), COVE_EBUSY);
    s.kit.env.now_ms += COVE_RUN_LEASE_MS; /* the other is gone as well */
    cove_diag_clear(&s.kit.diag);
    ck_assert_int_eq(run_step(&s, &mine, &one), COVE_EBUSY);
    ck_assert_ptr_nonnull(strstr(s.kit.diag.text, "taken over"));
    ck_assert_uint_eq(run_look(&s).done, 10);
    ck_assert_int_eq(run_begin(&s, &mine, &one), 0); /* it asks anew */
    finish(&mine, &one);
    ck_assert_uint_eq(mine.done, 40);
    cove_catalog_free(other);
    stage_close(&s);
}
END_TEST

START_TEST(who_lost_its_own_commit_goes_on_and_is_not_told_of_another)
{
    struct cove_run_worker worker = run_worker(1);
    struct cove_run run;

    run_stage(&s, FIXTURE_MEMORY, 40, 0);
    run = run_request(&s);
    ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
    s.kit.env.now_ms += COVE_RUN_LEASE_MS;
    worker = run_worker(2);

    struct cove_store_txn *txn = kit_begin(&s.kit, true);

    /* it takes the run up, and its commit fails */
    ck_assert_int_eq(
        cove_run_step(s.catalog, txn, &run, 10, &worker, &s.kit.diag), 0);
    cove_store_abort(txn);
    cove_catalog_settle(s.catalog);
    ck_assert_uint_eq(run_look(&s).done, 0);
    ck_assert_int_eq(run_step(&s, &run, &worker), 0);
    finish(&run, &worker);
    ck_assert_uint_eq(run.done, 40);
    stage_close(&s);
}
END_TEST

START_TEST(who_may_write_none_of_the_documents_is_refused_with_the_reason)
{
    struct cove_run_worker worker = run_worker(1);
    struct stage reader;
    struct cove_run run;

    stage_open(&s, 1);
    stage_open(&reader, 2);
    stage_group(&s, &reader, "reader");
    kit_take_header(&s.kit, &s.group, s.group_header);
    kit_take_header(&reader.kit, &s.group, s.group_header);
    stage_publish(&s, stage_schema);
    stage_give(&s, &reader, &s.journal_id);
    reader.journal = s.journal;
    reader.second = s.first;
    run = run_request(&reader);

    struct cove_store_txn *txn = kit_begin(&reader.kit, false);

    run.schema = kit_num(&reader.kit, txn, &s.journal_id);
    cove_store_abort(txn);
    ck_assert_int_eq(run_begin(&reader, &run, &worker), COVE_EDENIED);
    ck_assert_ptr_nonnull(strstr(reader.kit.diag.text, "reader"));
    stage_close(&reader);
    stage_close(&s);
}
END_TEST

START_TEST(a_strict_run_is_blocked_by_a_journal_that_is_not_in_order)
{
    struct cove_run_worker worker = run_worker(1);
    struct cove_run run;

    run_stage(&s, FIXTURE_MEMORY, 4, 0);
    kit_set(&s.kit, &s.journal_id, "no hash", 1);
    run = run_request(&s);
    run.strict = true;
    ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
    ck_assert_int_eq(run.state, COVE_RUN_DRIFT_BLOCKED);
    ck_assert_ptr_nonnull(strstr(run.error, "cove migrate status"));
    ck_assert_int_eq(run_look(&s).state, COVE_RUN_DRIFT_BLOCKED);
    ck_assert_uint_eq(run_look(&s).done, 0);
    run = run_request(&s);
    ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
    finish(&run, &worker);
    ck_assert_int_eq(run.state, COVE_RUN_COMPLETED);
    stage_close(&s);
}
END_TEST

/* ----------------------------------------------------------------- batches */

START_TEST(batches_grow_and_shrink_towards_twenty_to_fifty_milliseconds)
{
    struct cove_run run = {.size = 0};
    const struct {
        uint64_t took_ms;
        uint32_t size;
    } commits[] = {{1, 256},  {19, 512},  {20, 512}, {50, 512},
                   {51, 256}, {900, 128}, {900, 64}, {900, 32},
                   {900, 16}, {900, 16},  {0, 32},   {30, 32}};

    for (size_t i = 0; i < COVE_ARRAY_LEN(commits); i++) {
        cove_run_adapt(&run, commits[i].took_ms, 0);
        ck_assert_uint_eq(run.size, commits[i].size);
    }
    for (int i = 0; i < 20; i++) {
        cove_run_adapt(&run, 0, 0);
    }
    ck_assert_uint_eq(run.size, COVE_RUN_BATCH_MAX);
    cove_run_adapt(&run, 11, 10);
    ck_assert_uint_eq(run.size, COVE_RUN_BATCH_MAX / 2);
}
END_TEST

START_TEST(a_fixed_batch_stays_and_its_cursor_is_committed_with_it)
{
    struct cove_run_worker worker = run_worker(1);
    struct cove_run run;

    run_stage(&s, FIXTURE_MEMORY, 40, 0);
    run = run_request(&s);
    run.batch = 7;
    ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
    for (uint64_t done = 7; done < 40; done += 7) {
        cove_run_adapt(&run, 0, 0);
        ck_assert_int_eq(run_step(&s, &run, &worker), 0);
        ck_assert_uint_eq(run_look(&s).done, done);
        ck_assert_uint_eq(run_look(&s).migrated, done);
    }
    stage_close(&s);
}
END_TEST

START_TEST(a_rate_says_how_long_to_wait_and_nothing_is_done_before)
{
    struct cove_run_worker worker = run_worker(1);
    int64_t began;
    struct cove_run run;

    run_stage(&s, FIXTURE_MEMORY, 40, 0);
    run = run_request(&s);
    run.rate = 20;
    ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
    began = s.kit.env.now_ms;
    ck_assert_int_eq(run_step(&s, &run, &worker), 0);
    ck_assert_uint_eq(run.done, 2); /* a tenth of a second's worth */
    ck_assert_uint_eq(cove_run_wait_ms(&run, (uint64_t)began), 100);
    s.kit.env.now_ms += 99;
    ck_assert_int_eq(run_step(&s, &run, &worker), 0);
    ck_assert_uint_eq(run.done, 2);
    finish(&run, &worker);
    ck_assert_uint_eq(run.done, 40);
    ck_assert_int_ge(s.kit.env.now_ms - began, 1900);
    stage_close(&s);
}
END_TEST

/* ------------------------------------------------- threshold and quarantine */

START_TEST(what_does_not_convert_is_quarantined_and_does_not_stop_the_rest)
{
    struct cove_run_worker worker = run_worker(1);
    struct cove_run run;

    run_stage(&s, FIXTURE_MEMORY, 40, 40);
    run = run_request(&s);
    ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
    finish(&run, &worker);
    ck_assert_int_eq(run.state, COVE_RUN_COMPLETED);
    ck_assert_uint_eq(run.migrated, 39);
    ck_assert_uint_eq(run.quarantined, 1);
    ck_assert_uint_eq(run.invalid, 1);
    ck_assert_uint_eq(run_quarantined(&s), 1);
    stage_close(&s);
}
END_TEST

START_TEST(above_the_threshold_the_run_stops_and_says_so)
{
    struct cove_run_worker worker = run_worker(1);
    struct cove_run run;

    run_stage(&s, FIXTURE_MEMORY, 240, 20);
    run = run_request(&s);
    run.batch = 20;
    ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
    finish(&run, &worker);
    ck_assert_int_eq(run.state, COVE_RUN_FAILED);
    ck_assert_uint_eq(run.done, COVE_RUN_JUDGED); /* 5 of 100, 2 are allowed */
    ck_assert_uint_eq(run_quarantined(&s), 5);
    ck_assert_ptr_nonnull(strstr(run.error, "5 of 100"));
    ck_assert_ptr_nonnull(strstr(run.error, "/size"));
    ck_assert_uint_eq(run_noted(&s), 1);

    bool changed;

    ck_assert_int_eq(run_order(&s, COVE_RUN_RESUME, &run, &changed), 0);
    run = run_request(&s);
    run.threshold = COVE_RUN_WHOLE / 10;
    ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
    finish(&run, &worker);
    ck_assert_int_eq(run.state, COVE_RUN_COMPLETED);
    ck_assert_uint_eq(run.done, 240);
    ck_assert_uint_eq(run_quarantined(&s), 12);
    stage_close(&s);
}
END_TEST

START_TEST(a_retry_does_what_failed_and_only_that)
{
    struct cove_run_worker worker = run_worker(1);
    struct cove_quarantined q = {.num = 0};
    struct cove_run run;
    bool changed;

    run_stage(&s, FIXTURE_MEMORY, 40, 20);
    run = run_request(&s);
    run.threshold = COVE_RUN_WHOLE;
    ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
    finish(&run, &worker);
    ck_assert_uint_eq(run_quarantined(&s), 2);

    struct cove_store_txn *txn = kit_begin(&s.kit, true);

    ck_assert_int_eq(cove_quarantine_next(s.kit.repo, txn, s.journal, 0, &q),
                     0);

    struct cove_load_request request = {
        .num = q.num, .head = &s.first, .mode = COVE_LOAD_VIEW};
    struct cove_edit edit = {.name = cove_bytes_text("size")};
    struct cove_loaded loaded;

    ck_assert_int_eq(
        cove_value_of_text(&s.kit.arena, cove_bytes_text("9"), &edit.value), 0);
    ck_assert_int_eq(
        cove_load(s.catalog, txn, &request, &s.kit.arena, &loaded, NULL), 0);
    ck_assert_int_eq(cove_write(s.catalog, txn, &loaded, &edit, 1, &s.kit.diag),
                     0);
    kit_commit(txn);
    ck_assert_int_eq(run_order(&s, COVE_RUN_RETRY, &run, &changed), 0);
    ck_assert(changed);
    ck_assert_uint_eq(run.total, 2);
    run = run_request(&s);
    run.threshold = COVE_RUN_WHOLE;
    ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
    finish(&run, &worker);
    ck_assert_uint_eq(run.done, 2);
    ck_assert_uint_eq(run.migrated, 1);
    ck_assert_uint_eq(run_quarantined(&s), 1);
    stage_close(&s);
}
END_TEST

START_TEST(all_or_nothing_is_nothing_where_one_fails)
{
    struct cove_run_worker worker = run_worker(1);
    struct cove_run run;
    struct cove_hash before;

    for (int bad = 0; bad <= 40; bad += 40) {
        run_stage(&s, FIXTURE_MEMORY, 40, bad);
        run = run_request(&s);

        struct cove_store_txn *txn = kit_begin(&s.kit, true);

        ck_assert_int_eq(
            cove_run_atomic(s.catalog, txn, &run, 39, &worker, &s.kit.diag),
            COVE_ELIMIT);
        ck_assert_ptr_nonnull(strstr(s.kit.diag.text, "40 documents"));
        cove_store_abort(txn);
        before = kit_digest(&s.kit, &s.journal_id);
        txn = kit_begin(&s.kit, true);
        run = run_request(&s);
        ck_assert_int_eq(
            cove_run_atomic(s.catalog, txn, &run, 40, &worker, &s.kit.diag),
            bad == 0 ? 0 : COVE_EINVALID);
        if (bad == 0) {
            kit_commit(txn);
            ck_assert_int_eq(run.state, COVE_RUN_COMPLETED);
            ck_assert_uint_eq(run.migrated, 40);
        } else {
            cove_store_abort(txn);
            ck_assert_uint_eq(run_quarantined(&s), 0);
        }
        struct cove_hash after = kit_digest(&s.kit, &s.journal_id);

        ck_assert_mem_eq(&before, &after, sizeof(before));
        stage_close(&s);
    }
}
END_TEST

START_TEST(a_failure_is_put_on_record_unless_somebody_else_went_on)
{
    for (int other = 0; other < 2; other++) {
        struct cove_run_worker one = run_worker(1), two = run_worker(2);
        struct cove_run run, theirs;

        run_stage(&s, FIXTURE_MEMORY, 40, 40);
        run = run_request(&s);
        theirs = run;

        struct cove_store_txn *txn = kit_begin(&s.kit, true);

        ck_assert_int_eq(
            cove_run_atomic(s.catalog, txn, &run, 40, &one, &s.kit.diag),
            COVE_EINVALID);
        cove_store_abort(txn);
        cove_catalog_settle(s.catalog);
        if (other == 1) {
            ck_assert_int_eq(run_begin(&s, &theirs, &two), 0);
        }
        txn = kit_begin(&s.kit, true);
        ck_assert_int_eq(cove_run_fail(s.catalog, txn, &run, "why", NULL), 0);
        kit_commit(txn);
        cove_catalog_settle(s.catalog);
        ck_assert_int_eq(run.state,
                         other == 1 ? COVE_RUN_RUNNING : COVE_RUN_FAILED);
        ck_assert_int_eq(run_look(&s).state, run.state);
        ck_assert_uint_eq(run_noted(&s), other == 1 ? 0 : 1);
        if (other == 1) {
            finish(&theirs, &two);
            ck_assert_uint_eq(theirs.done, 40);
        }
        stage_close(&s);
    }
}
END_TEST

/* ------------------------------------------------------------------ orders */

START_TEST(orders_take_effect_between_batches_and_lose_none)
{
    struct cove_run_worker worker = run_worker(1);
    struct cove_run run, other;
    bool changed;

    run_stage(&s, FIXTURE_MEMORY, 40, 0);
    run = run_request(&s);
    run.batch = 10;
    ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
    ck_assert_int_eq(run_step(&s, &run, &worker), 0);
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(run_order(&s, COVE_RUN_PAUSE, &other, &changed), 0);
        ck_assert_int_eq(changed, again == 0);
    }
    ck_assert_int_eq(run_step(&s, &run, &worker), 0);
    ck_assert_int_eq(run.state, COVE_RUN_PAUSED);
    ck_assert_uint_eq(run.done, 10);
    run = run_request(&s);
    ck_assert_int_eq(run_begin(&s, &run, &worker), COVE_ECONDITION);
    ck_assert_ptr_nonnull(strstr(s.kit.diag.text, "cove migrate resume"));
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(run_order(&s, COVE_RUN_RESUME, &other, &changed), 0);
        ck_assert_int_eq(changed, again == 0);
    }
    run.batch = 10;
    ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
    ck_assert_int_eq(run_step(&s, &run, &worker), 0);
    ck_assert_uint_eq(run.done, 20);
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(run_order(&s, COVE_RUN_CANCEL, &other, &changed), 0);
        ck_assert_int_eq(changed, again == 0);
    }
    ck_assert_int_eq(run_step(&s, &run, &worker), 0);
    ck_assert_int_eq(run.state, COVE_RUN_CANCELED);
    ck_assert_uint_eq(run.migrated, 20);
    ck_assert_uint_eq(run_noted(&s), 1);
    ck_assert_int_eq(run_order(&s, COVE_RUN_PAUSE, &other, &changed),
                     COVE_ECONDITION);
    ck_assert_int_eq(run_order(&s, COVE_RUN_RESUME, &other, &changed), 0);
    run = run_request(&s);
    ck_assert_int_eq(run_begin(&s, &run, &worker), 0);
    finish(&run, &worker);
    ck_assert_int_eq(run.state, COVE_RUN_COMPLETED);
    ck_assert_uint_eq(run.migrated, 40);
    ck_assert_int_eq(run_order(&s, COVE_RUN_CANCEL, &other, &changed),
                     COVE_ECONDITION);
    ck_assert_int_eq(run_order(&s, COVE_RUN_RESUME, &other, &changed),
                     COVE_ECONDITION);
    ck_assert_int_eq(run_order(&s, COVE_RUN_RETRY, &other, &changed), 0);
    ck_assert(!changed);
    stage_close(&s);
}
END_TEST

START_TEST(an_order_without_a_run_says_how_to_begin_one)
{
    struct cove_run run;
    bool changed;

    run_stage(&s, FIXTURE_MEMORY, 1, 0);
    for (int order = COVE_RUN_PAUSE; order <= COVE_RUN_RETRY; order++) {
        ck_assert_int_eq(
            run_order(&s, (enum cove_run_order)order, &run, &changed),
            COVE_ENOTFOUND);
        ck_assert_ptr_nonnull(strstr(s.kit.diag.text, "cove migrate run"));
    }
    stage_close(&s);
}
END_TEST

static Suite *run_suite(void)
{
    const TTest *const tests[] = {
        a_run_migrates_all_and_a_second_is_a_noop_noted_never,
        a_run_over_nothing_is_noted_once,
        one_works_on_a_run_and_another_is_told_who_and_until_when,
        a_dead_holders_run_frees_itself_and_goes_on_where_it_was,
        who_was_taken_over_is_refused_though_the_other_died_too,
        who_lost_its_own_commit_goes_on_and_is_not_told_of_another,
        who_may_write_none_of_the_documents_is_refused_with_the_reason,
        a_strict_run_is_blocked_by_a_journal_that_is_not_in_order,
        batches_grow_and_shrink_towards_twenty_to_fifty_milliseconds,
        a_fixed_batch_stays_and_its_cursor_is_committed_with_it,
        a_rate_says_how_long_to_wait_and_nothing_is_done_before,
        what_does_not_convert_is_quarantined_and_does_not_stop_the_rest,
        above_the_threshold_the_run_stops_and_says_so,
        a_retry_does_what_failed_and_only_that,
        all_or_nothing_is_nothing_where_one_fails,
        a_failure_is_put_on_record_unless_somebody_else_went_on,
        orders_take_effect_between_batches_and_lose_none,
        an_order_without_a_run_says_how_to_begin_one,
    };
    Suite *suite = suite_create("run");
    TCase *tcase = tcase_create("run");

    for (size_t i = 0; i < COVE_ARRAY_LEN(tests); i++) {
        tcase_add_test(tcase, tests[i]);
    }
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return harness_run(run_suite());
}
