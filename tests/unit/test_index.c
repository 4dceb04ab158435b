/* test_index.c: indexes by themselves: which there are, what is in them, and
 * what is left of them. Searches are tests/promises/test_search_random.c. */
#include "tests/unit/index_kit.h"

START_TEST(a_commit_makes_the_indexes_that_a_schema_asks_for)
{
    struct cove_search_explain e;

    note_new("{'size':3,'kind':'a','tags':['x','y']}");
    ck_assert_ptr_nonnull(index_of("size"));
    ck_assert_int_eq(index_of("size")->state, COVE_INDEX_READY);
    ck_assert_ptr_nonnull(index_of("tags"));
    ck_assert_ptr_nonnull(index_of("size,kind"));
    ck_assert(!index_of("size")->multi);
    ck_assert(index_of("tags")->multi);
    ck_assert_uint_eq(entries(REPO_INDEX), 1 + 3 + 1);
    ck_assert_uint_eq(entries(REPO_INDEXED), 3);
    ck_assert_uint_eq(finds("{'where':{'size':3}}", &e), 1);
    ck_assert_ptr_nonnull(e.index);
    ck_assert(e.exact);
    ck_assert_uint_eq(e.looked, 0);
}
END_TEST

START_TEST(H37_an_index_changes_no_digest_and_is_not_sent)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_id id = note(&alice, txn, "{'size':3}");
    struct cove_hash before, after;
    uint64_t sequence, later;

    kit_commit(txn); /* nobody kept it up */
    cove_catalog_settle(alice.catalog);
    before = kit_digest(&alice.kit, &id);
    txn = kit_begin(&alice.kit, true);
    ck_assert_int_eq(cove_repo_sequence(alice.kit.repo, txn, &sequence), 0);
    commit(txn);
    work();
    after = kit_digest(&alice.kit, &id);
    ck_assert_mem_eq(before.b, after.b, sizeof(before.b));
    ck_assert_uint_gt(entries(REPO_INDEX), 0);
    /* Peers are told of changes: there is none. */
    txn = kit_begin(&alice.kit, false);
    ck_assert_int_eq(cove_repo_sequence(alice.kit.repo, txn, &later), 0);
    cove_store_abort(txn);
    ck_assert_uint_eq(sequence, later);
}
END_TEST

START_TEST(a_removed_document_leaves_nothing_in_any_index)
{
    struct cove_id one = note_new("{'size':3,'tags':['x','y']}");
    struct cove_id two = note_new("{'size':4,'tags':['x']}");
    struct cove_store_txn *txn;

    txn = kit_begin(&alice.kit, true);
    ck_assert_int_eq(cove_repo_remove(alice.kit.repo, txn,
                                      kit_num(&alice.kit, txn, &one), NULL),
                     0);
    ck_assert_int_eq(cove_repo_remove(alice.kit.repo, txn,
                                      kit_num(&alice.kit, txn, &two), NULL),
                     0);
    kit_commit(txn); /* whoever commits, and keeps nothing up */
    ck_assert_uint_eq(entries(REPO_INDEX), 0);
    ck_assert_uint_eq(entries(REPO_INDEXED), 0);
}
END_TEST

START_TEST(what_a_peer_brought_is_found_and_caught_up_with)
{
    struct cove_store_txn *txn;
    struct cove_search_explain e;
    struct cove_id id;

    note_new("{'size':1}");
    txn = kit_begin(&bob.kit, true);
    id = note(&bob, txn, "{'size':1}");
    kit_commit(txn);
    cove_catalog_settle(bob.catalog);
    stage_give(&bob, &alice, &id);
    ck_assert_uint_eq(finds("{'where':{'size':1}}", &e), 2);
    ck_assert_uint_eq(e.tail, 1);
    work();
    ck_assert_uint_eq(finds("{'where':{'size':1}}", &e), 2);
    ck_assert_uint_eq(e.tail, 0);
    ck_assert_uint_eq(e.looked, 0);
}
END_TEST

START_TEST(a_later_version_declares_others_and_the_former_stay_a_while)
{
    struct cove_store_txn *txn;
    uint32_t size;

    note_new("{'size':1,'kind':'a','tags':['x']}");
    size = index_of("size")->number;
    txn = kit_begin(&alice.kit, true);
    ck_assert_int_eq(publish_second(&alice, txn), 0);
    commit(txn);
    ck_assert_ptr_nonnull(index_of("kind"));
    ck_assert(index_of("kind")->unique);
    ck_assert_uint_gt(index_of("size")->number, size);
    ck_assert_ptr_nonnull(index_of("tags")); /* of version 1 */
    work();
    /* Nobody asks for those of version 1 for a quarter of a year. */
    alice.kit.env.now_ms += (int64_t)91 * 86400000;
    txn = kit_begin(&alice.kit, true);

    struct cove_index_wants again = {.again = true};

    ck_assert_int_eq(cove_indexes_keep(ix, txn, &again, &alice.kit.diag), 0);
    kit_commit(txn);
    cove_catalog_settle(alice.catalog);
    ck_assert_int_eq(index_of("tags")->state, COVE_INDEX_DROPPING);
    work();
    ck_assert_ptr_null(index_of("tags"));
    ck_assert_uint_eq(entries(REPO_INDEX), 2);
    ck_assert_uint_eq(entries(REPO_INDEXED), 2);
}
END_TEST

START_TEST(a_field_with_other_types_and_long_values_is_indexed_all_the_same)
{
    char json[1200], tail[900];
    struct cove_search_explain e;

    memset(tail, 'x', sizeof(tail) - 1);
    tail[sizeof(tail) - 1] = '\0';
    for (int i = 0; i < 3; i++) {
        snprintf(json, sizeof(json), "{'size':%d,'kind':'%s%d'}", 7, tail, i);
        note_new(json);
    }
    ck_assert(index_of("size,kind")->cut);
    snprintf(json, sizeof(json), "{'where':{'size':7,'kind':'%s1'}}", tail);
    ck_assert_uint_eq(finds(json, &e), 1);
    ck_assert_ptr_nonnull(e.index);
    ck_assert(!e.exact);
    snprintf(json, sizeof(json), "{'where':{'size':7,'kind':{'$gt':'%s0'}}}",
             tail);
    ck_assert_uint_eq(finds(json, &e), 2);
    note_new("{'tags':[1,1.0,null,'a',{'k':[1]},[2]]}");
    ck_assert_uint_eq(finds("{'where':{'tags':{'k':[1]}}}", &e), 1);
    ck_assert_uint_eq(finds("{'where':{'tags':null}}", &e), 1);
    ck_assert_uint_eq(finds("{'where':{'tags':{'$lte':1}}}", &e), 1);
}
END_TEST

START_TEST(more_items_than_an_index_takes_are_looked_at_and_found)
{
    char *json = cove_arena_new(&alice.kit.arena, 65536);
    size_t len = (size_t)snprintf(json, 64, "{'tags':[");
    struct cove_search_explain e;

    for (int i = 0; i < COVE_INDEX_KEYS + 100; i++) {
        len += (size_t)snprintf(json + len, 16, "%s%d", i > 0 ? "," : "", i);
    }
    snprintf(json + len, 16, "]}");
    note_new(json);
    ck_assert_uint_eq(finds("{'where':{'tags':1100}}", &e), 1);
    ck_assert_uint_eq(e.tail, 1);
}
END_TEST

START_TEST(a_document_that_is_held_for_its_time_is_looked_at_until_then)
{
    struct cove_search_explain e;
    struct cove_store_txn *txn;
    struct cove_id id;

    note_new("{'size':1}");
    bob.kit.env.now_ms += 600000;
    txn = kit_begin(&bob.kit, true);
    id = note(&bob, txn, "{'size':5}");
    kit_commit(txn);
    cove_catalog_settle(bob.catalog);
    stage_give(&bob, &alice, &id);
    work();
    ck_assert_uint_eq(finds("{'where':{'size':5}}", &e), 0);
    ck_assert_uint_eq(e.tail, 1);
    alice.kit.env.now_ms += 601000;
    ck_assert_uint_eq(finds("{'where':{'size':5}}", &e), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index");
    TCase *tests = tcase_create("index");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_commit_makes_the_indexes_that_a_schema_asks_for);
    tcase_add_test(tests, H37_an_index_changes_no_digest_and_is_not_sent);
    tcase_add_test(tests, a_removed_document_leaves_nothing_in_any_index);
    tcase_add_test(tests, what_a_peer_brought_is_found_and_caught_up_with);
    tcase_add_test(tests,
                   a_later_version_declares_others_and_the_former_stay_a_while);
    tcase_add_test(
        tests,
        a_field_with_other_types_and_long_values_is_indexed_all_the_same);
    tcase_add_test(tests,
                   more_items_than_an_index_takes_are_looked_at_and_found);
    tcase_add_test(
        tests, a_document_that_is_held_for_its_time_is_looked_at_until_then);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
