/* test_catalog.c: the cache of journals: what it keeps, and for how long. */
#include "tests/unit/schema_kit.h"

START_TEST(a_borrowed_plan_stays_while_the_journal_grows)
{
    struct stage s;
    struct cove_store_txn *txn;
    const struct cove_plan *before, *after;
    const struct cove_schema_doc *doc;
    const struct cove_journal *journal;

    stage_open(&s, 1);
    stage_group(&s, NULL, NULL);
    kit_take_header(&s.kit, &s.group, s.group_header);
    stage_publish(&s, stage_schema);
    txn = kit_begin(&s.kit, true);
    ck_assert_int_eq(
        cove_catalog_plan(s.catalog, txn, s.journal, &s.first, &before), 0);
    ck_assert_int_eq(cove_catalog_open(s.catalog, txn, s.journal, &doc), 0);
    journal = doc->journal;
    ck_assert_int_eq(stage_migration(&s, txn), 0);
    ck_assert_int_eq(
        cove_catalog_plan(s.catalog, txn, s.journal, &s.first, &after), 0);
    ck_assert_ptr_ne(before, after);
    ck_assert_uint_eq(before->register_count, 1);
    ck_assert_uint_eq(after->register_count, 2);
    ck_assert_uint_eq(cove_journal_count(journal), 1);
    ck_assert(cove_bytes_equal(before->fields[0].name, after->fields[0].name));
    kit_commit(txn);
    cove_catalog_settle(s.catalog);
    stage_close(&s);
}
END_TEST

START_TEST(steps_count_once_their_group_has_come)
{
    struct stage alice, bob;
    struct cove_store_txn *txn;
    const struct cove_schema_doc *doc, *again;
    cove_num num;

    stage_open(&alice, 1);
    stage_open(&bob, 2);
    stage_group(&alice, NULL, NULL);
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
    stage_publish(&alice, stage_schema);
    stage_give(&alice, &bob, &alice.journal_id);
    txn = kit_begin(&bob.kit, false);
    num = kit_num(&bob.kit, txn, &alice.journal_id);
    ck_assert_int_eq(cove_catalog_open(bob.catalog, txn, num, &doc), 0);
    ck_assert_uint_eq(cove_journal_count(doc->journal), 0);
    /* Nothing changed: what was borrowed is given again. */
    ck_assert_int_eq(cove_catalog_open(bob.catalog, txn, num, &again), 0);
    ck_assert_ptr_eq(doc, again);
    cove_store_abort(txn);

    kit_take_header(&bob.kit, &alice.group, alice.group_header);
    txn = kit_begin(&bob.kit, false);
    ck_assert_int_eq(cove_catalog_open(bob.catalog, txn, num, &again), 0);
    ck_assert_uint_eq(cove_journal_count(again->journal), 1);
    cove_store_abort(txn);
    stage_close(&bob);
    stage_close(&alice);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("catalog");
    TCase *tc = tcase_create("catalog");

    tcase_add_test(tc, a_borrowed_plan_stays_while_the_journal_grows);
    tcase_add_test(tc, steps_count_once_their_group_has_come);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
