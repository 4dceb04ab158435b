/* test_once.c: a change of data under a name: goes on where it was interrupted,
 * and is made once. */
#include "tests/unit/run_kit.h"

#include "migrate/once.h"
#include "migrate/retire.h"

static struct stage s;
static struct cove_edit edit;

static struct cove_once once_request(const char *value)
{
    struct cove_once once = {.schema = s.journal,
                             .head = s.first,
                             .name = cove_bytes_text("tidy"),
                             .edits = &edit,
                             .edit_count = 1,
                             .batch = 4};

    edit.name = cove_bytes_text("size");
    ck_assert_int_eq(
        cove_value_of_text(&s.kit.arena, cove_bytes_text(value), &edit.value),
        0);
    once.change = cove_hash("cove/once", edit.value);
    return once;
}

static int once_step(struct cove_once *once, bool commit)
{
    struct cove_store_txn *txn = kit_begin(&s.kit, true);
    int err = cove_once_step(s.catalog, txn, once, &s.kit.diag);

    if (err == 0 && commit) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    cove_catalog_settle(s.catalog);
    return err;
}

static int once_before(void)
{
    struct cove_store_txn *txn = kit_begin(&s.kit, false);
    struct cove_once_before before;
    int err = cove_once_before(s.catalog, txn, s.journal,
                               cove_bytes_text("tidy"), &before);

    cove_store_abort(txn);
    cove_catalog_settle(s.catalog);
    return err;
}

START_TEST(an_interrupted_change_goes_on_behind_its_last_commit)
{
    struct cove_once once;

    run_stage(&s, FIXTURE_MEMORY, 10, 0);
    once = once_request("9");
    ck_assert_int_eq(once_step(&once, true), 0);
    once = once_request("9");
    ck_assert_int_eq(once_step(&once, false), 0); /* died before its commit */
    ck_assert_int_eq(once_before(), COVE_ENOTFOUND);
    once = once_request("9");
    for (int steps = 0; !once.finished; steps++) {
        ck_assert_int_lt(steps, 3);
        ck_assert_int_eq(once_step(&once, true), 0);
    }
    ck_assert_uint_eq(once.done, 10);
    ck_assert_uint_eq(once.changed, 10);
    ck_assert_int_eq(once_before(), 0);
    once = once_request("9");
    ck_assert_int_eq(once_step(&once, true), 0);
    ck_assert(once.finished);
    ck_assert_uint_eq(once.changed, 10); /* as it was, nothing more */
    stage_close(&s);
}
END_TEST

START_TEST(another_change_under_the_name_of_an_unfinished_one_is_refused)
{
    struct cove_once once;

    run_stage(&s, FIXTURE_MEMORY, 10, 0);
    once = once_request("9");
    ck_assert_int_eq(once_step(&once, true), 0);
    once = once_request("8");
    ck_assert_int_eq(once_step(&once, true), COVE_ECONFLICT);
    stage_close(&s);
}
END_TEST

START_TEST(what_is_so_already_is_not_written_again)
{
    struct cove_once once;

    run_stage(&s, FIXTURE_MEMORY, 3, 0);
    once = once_request("12");
    ck_assert_int_eq(once_step(&once, true), 0);
    ck_assert(once.finished);
    ck_assert_uint_eq(once.matched, 3);
    ck_assert_uint_eq(once.changed, 0);
    stage_close(&s);
}
END_TEST

START_TEST(a_change_at_a_retired_version_is_refused_before_it_begins)
{
    struct cove_retire_request request = {.version = "1"};
    struct cove_retire retire;
    struct cove_published p;
    struct cove_once once;

    run_stage(&s, FIXTURE_MEMORY, 3, 0);
    request.num = s.journal;

    struct cove_store_txn *txn = kit_begin(&s.kit, true);

    ck_assert_int_eq(cove_retire_prepare(s.catalog, txn, &request, &s.kit.arena,
                                         &retire, &s.kit.diag),
                     0);
    ck_assert_int_eq(cove_publish_prepared(s.catalog, txn, &retire.step,
                                           "retire", &p, &s.kit.diag),
                     0);
    kit_commit(txn);
    cove_catalog_settle(s.catalog);
    once = once_request("9");
    ck_assert_int_eq(once_step(&once, true), COVE_EBLOCKED);
    ck_assert_int_eq(once_before(), COVE_ENOTFOUND);
    once = once_request("9");
    once.head = s.second;
    ck_assert_int_eq(cove_value_of_int(&s.kit.arena, 9, &edit.value), 0);
    ck_assert_int_eq(once_step(&once, true), 0);
    ck_assert_uint_eq(once.changed, 3);
    stage_close(&s);
}
END_TEST

static Suite *once_suite(void)
{
    Suite *suite = suite_create("once");
    TCase *tcase = tcase_create("once");

    tcase_add_test(tcase, an_interrupted_change_goes_on_behind_its_last_commit);
    tcase_add_test(
        tcase, another_change_under_the_name_of_an_unfinished_one_is_refused);
    tcase_add_test(tcase, what_is_so_already_is_not_written_again);
    tcase_add_test(tcase,
                   a_change_at_a_retired_version_is_refused_before_it_begins);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return harness_run(once_suite());
}
