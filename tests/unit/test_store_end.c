/* What is to be done at the end of a store's transaction. */
#include "tests/unit/store_fixture.h"

/* Puts "end" before a commit, or fails with `err`, and counts. */
struct last {
    struct cove_store_ending ending;
    int before, after;
    bool committed;
    int err;
};

static int last_before(struct cove_store_ending *ending,
                       struct cove_store_txn *txn)
{
    struct last *last = (struct last *)(void *)ending;

    last->before++;
    return last->err != 0 ? last->err : put_text(txn, 0, "end", "done");
}

static void last_after(struct cove_store_ending *ending, bool committed)
{
    struct last *last = (struct last *)(void *)ending;

    last->after++;
    last->committed = committed;
}

static void last_init(struct last *last, int err)
{
    memset(last, 0, sizeof(*last));
    last->ending.before = last_before;
    last->ending.after = last_after;
    last->err = err;
}

START_TEST(what_is_written_before_a_commit_is_committed)
{
    struct fixture f;
    struct last last;
    struct cove_store_txn *txn;

    fixture_setup(&f, _i);
    last_init(&last, 0);
    txn = fixture_begin(&f, true);
    cove_store_at_end(txn, &last.ending);
    ck_assert_int_eq(last.before + last.after, 0);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    ck_assert_int_eq(last.before, 1);
    ck_assert_int_eq(last.after, 1);
    fixture_assert(&f, 0, "end", "done");

    /* It was for that transaction alone. */
    fixture_put(&f, 0, "a", "1");
    ck_assert_int_eq(last.before, 1);
    fixture_teardown(&f);
}
END_TEST

START_TEST(an_abort_is_heard_of_and_nothing_is_written)
{
    struct fixture f;
    struct last last;
    struct cove_store_txn *txn;

    fixture_setup(&f, _i);
    last_init(&last, 0);
    txn = fixture_begin(&f, true);
    cove_store_at_end(txn, &last.ending);
    cove_store_abort(txn);
    ck_assert_int_eq(last.before, 0);
    ck_assert_int_eq(last.after, 1);
    fixture_assert(&f, 0, "end", NULL);
    fixture_teardown(&f);
}
END_TEST

START_TEST(an_error_before_a_commit_makes_it_an_abort)
{
    struct fixture f;
    struct last good, bad;
    struct cove_store_txn *txn;

    fixture_setup(&f, _i);
    last_init(&good, 0);
    last_init(&bad, COVE_ENOMEM);
    txn = fixture_begin(&f, true);
    ck_assert_int_eq(put_text(txn, 0, "a", "1"), 0);
    cove_store_at_end(txn, &bad.ending);
    cove_store_at_end(txn, &good.ending);
    ck_assert_int_eq(cove_store_commit(txn), COVE_ENOMEM);
    ck_assert_int_eq(bad.before, 1);
    ck_assert_int_eq(bad.after, 1);
    ck_assert_int_eq(good.after, 1);
    fixture_assert(&f, 0, "a", NULL);
    fixture_assert(&f, 0, "end", NULL);
    fixture_put(&f, 0, "a", "2"); /* and the store goes on */
    fixture_teardown(&f);
}
END_TEST

/* A write that fails, the commit itself that fails: nothing is done before,
 * or all for nothing, and the end is heard of. */
START_TEST(a_commit_that_fails_is_an_end_too)
{
    for (long at = 1; at <= 3; at++) {
        struct fixture_fault fault = {.fail_at = at, .code = COVE_ENOSPC};
        struct fixture f;
        struct last last;
        struct cove_store_txn *txn;

        fixture_setup(&f, _i);
        last_init(&last, 0);
        txn = fixture_begin(&f, true);
        cove_store_at_end(txn, &last.ending);
        cove_store_set_fault(f.store, fixture_hook, &fault);
        /* put, the put before the commit, the commit */
        ck_assert_int_eq(put_text(txn, 0, "a", "1"), at == 1 ? COVE_ENOSPC : 0);
        ck_assert_int_eq(cove_store_commit(txn), COVE_ENOSPC);
        cove_store_set_fault(f.store, NULL, NULL);
        ck_assert_int_eq(last.before, at > 1);
        ck_assert_int_eq(last.after, 1);
        fixture_assert(&f, 0, "a", NULL);
        fixture_teardown(&f);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_end");
    TCase *both = tcase_create("both stores");

    tcase_add_loop_test(both, what_is_written_before_a_commit_is_committed, 0,
                        FIXTURE_KINDS);
    tcase_add_loop_test(both, an_abort_is_heard_of_and_nothing_is_written, 0,
                        FIXTURE_KINDS);
    tcase_add_loop_test(both, an_error_before_a_commit_makes_it_an_abort, 0,
                        FIXTURE_KINDS);
    tcase_add_loop_test(both, a_commit_that_fails_is_an_end_too, 0,
                        FIXTURE_KINDS);
    suite_add_tcase(suite, both);
    return harness_run(suite);
}
