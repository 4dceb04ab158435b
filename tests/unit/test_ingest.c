/* test_ingest.c: what peers send is refused by name, and never taken half. */
#include "crdt/repo_internal.h"
#include "tests/unit/repo_world.h"

/* --- refused, the document unchanged */

START_TEST(a_batch_for_an_unknown_document_is_refused)
{
    struct world w;
    struct author a;
    struct cove_batch batch;

    world_open(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    author_set(&a, T(0), "a", 1);
    batch = author_batch(&a, 0, 1);
    assert_batch_refused(&w.alice, &batch, COVE_ENOTFOUND);
    /* Also where it is named by another document only. */
    kit_take_header(&w.alice, &w.doc, w.header);
    batch.document = w.group;
    assert_batch_refused(&w.alice, &batch, COVE_ENOTFOUND);
    world_close(&w);
}
END_TEST

START_TEST(a_wrong_signature_is_refused)
{
    struct world w;
    struct author a;
    struct cove_batch batch;

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    author_set(&a, T(0), "a", 1);
    author_set(&a, T(1), "a", 2);
    batch = author_batch(&a, 0, 2);
    batch.proof.signature.b[10] ^= 1;
    assert_batch_refused(&w.alice, &batch, COVE_ESIGNATURE);
    batch = author_batch(&a, 0, 2);
    assert_batch_taken(&w.alice, &batch, 2);
    author_set(&a, T(2), "a", 3);
    batch = author_batch(&a, 2, 3);
    batch.proof.signature.b[40] ^= 1;
    assert_batch_refused(&w.alice, &batch, COVE_ESIGNATURE);
    world_close(&w);
}
END_TEST

START_TEST(a_signature_for_another_place_or_device_is_refused)
{
    struct world w;
    struct author a;
    struct author mallory;
    struct cove_batch batch;

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    author_init(&mallory, &w.carol, &w.alice, &w.doc, 1);
    author_set(&a, T(0), "a", 1);
    author_set(&a, T(1), "a", 2);
    author_set(&mallory, T(0), "a", 1);
    batch = author_batch(&a, 0, 2);
    batch.proof = author_batch(&a, 0, 1).proof;
    assert_batch_refused(&w.alice, &batch, COVE_ESIGNATURE);
    batch = author_batch(&a, 0, 1);
    batch.proof = author_batch(&mallory, 0, 1).proof;
    assert_batch_refused(&w.alice, &batch, COVE_ESIGNATURE);
    /* The session of another device: its id says whose it is. */
    batch = author_batch(&a, 0, 1);
    batch.device = w.carol.device;
    assert_batch_refused(&w.alice, &batch, COVE_EHASH);
    batch = author_batch(&a, 0, 1);
    assert_batch_taken(&w.alice, &batch, 1);
    batch = author_batch(&a, 1, 2);
    batch.device = w.carol.device;
    assert_batch_refused(&w.alice, &batch, COVE_EHASH);
    world_close(&w);
}
END_TEST

START_TEST(a_truncated_or_reordered_log_is_refused)
{
    struct world w;
    struct author a;
    struct cove_batch batch;
    struct cove_bytes swapped[3];

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    for (int i = 0; i < 3; i++) {
        author_set(&a, T(i), "a", i);
    }
    batch = author_batch(&a, 0, 3);
    batch.tx_count = 2;
    assert_batch_refused(&w.alice, &batch, COVE_ESIGNATURE);
    batch = author_batch(&a, 0, 3);
    swapped[0] = a.txs[0];
    swapped[1] = a.txs[2];
    swapped[2] = a.txs[1];
    batch.txs = swapped;
    assert_batch_refused(&w.alice, &batch, COVE_ESIGNATURE);
    batch.txs = a.txs;
    batch.tx_count = 0;
    assert_batch_refused(&w.alice, &batch, COVE_EFORMAT);
    world_close(&w);
}
END_TEST

START_TEST(a_gap_is_refused)
{
    struct world w;
    struct author a;
    struct cove_batch batch;

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    for (int i = 0; i < 4; i++) {
        author_set(&a, T(i), "a", i);
    }
    batch = author_batch(&a, 1, 2);
    assert_batch_refused(&w.alice, &batch, COVE_EGAP);
    batch = author_batch(&a, 0, 1);
    assert_batch_taken(&w.alice, &batch, 1);
    batch = author_batch(&a, 2, 4);
    assert_batch_refused(&w.alice, &batch, COVE_EGAP);
    world_close(&w);
}
END_TEST

START_TEST(a_wrong_salt_is_refused)
{
    struct world w;
    struct author a;
    struct cove_batch batch;

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    author_set(&a, T(0), "a", 1);
    batch = author_batch(&a, 0, 1);
    batch.salt[3] ^= 1;
    assert_batch_refused(&w.alice, &batch, COVE_EHASH);
    batch.has_salt = false;
    assert_batch_refused(&w.alice, &batch, COVE_EFORMAT);
    world_close(&w);
}
END_TEST

/* A15 */
START_TEST(a_time_that_does_not_increase_is_refused)
{
    struct world w;
    struct author a;
    struct cove_batch batch;

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    author_set(&a, T(0), "a", 1);
    author_set(&a, T(0), "a", 2);
    batch = author_batch(&a, 0, 2);
    assert_batch_refused(&w.alice, &batch, COVE_ECLOCK);
    batch = author_batch(&a, 0, 1);
    assert_batch_taken(&w.alice, &batch, 1);
    batch = author_batch(&a, 1, 2);
    assert_batch_refused(&w.alice, &batch, COVE_ECLOCK);
    world_close(&w);
}
END_TEST

START_TEST(bytes_that_are_no_transaction_are_refused)
{
    struct world w;
    struct author a;
    struct cove_batch batch;

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    author_push(&a, cove_bytes("\xa0", 1));
    batch = author_batch(&a, 0, 1);
    assert_batch_refused(&w.alice, &batch, COVE_EFORMAT);
    world_close(&w);
}
END_TEST

START_TEST(a_batch_beyond_the_limits_is_refused)
{
    struct world w;
    struct author a;
    struct cove_batch batch;
    struct cove_bytes heavy[2];
    uint8_t *junk = calloc(1, COVE_MAX_TX + 1);

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    for (int i = 0; i < COVE_MAX_BATCH_TX + 1; i++) {
        author_set(&a, T(0) + (uint64_t)i, "a", i);
    }
    batch = author_batch(&a, 0, COVE_MAX_BATCH_TX + 1);
    assert_batch_refused(&w.alice, &batch, COVE_ELIMIT);
    batch = author_batch(&a, 0, COVE_MAX_BATCH_TX);
    assert_batch_taken(&w.alice, &batch, COVE_MAX_BATCH_TX);
    heavy[0] = cove_bytes(junk, COVE_MAX_TX + 1);
    batch = author_batch(&a, COVE_MAX_BATCH_TX, COVE_MAX_BATCH_TX + 1);
    batch.txs = heavy;
    assert_batch_refused(&w.alice, &batch, COVE_ELIMIT);
    heavy[0] = heavy[1] = cove_bytes(junk, COVE_MAX_BATCH / 2 + 1);
    batch.tx_count = 2;
    assert_batch_refused(&w.alice, &batch, COVE_ELIMIT);
    free(junk);
    world_close(&w);
}
END_TEST

/* A26 */
START_TEST(a_header_must_hash_to_its_id)
{
    struct world w;
    struct cove_id wrong;
    cove_num num;

    world_open(&w, _i);
    wrong = w.doc;
    wrong.b[5] ^= 1;

    struct cove_store_txn *txn = kit_begin(&w.alice, true);

    ck_assert_int_eq(cove_repo_ingest_header(w.alice.repo, txn, &wrong,
                                             w.header, &num, &w.alice.diag),
                     COVE_EHASH);
    cove_store_abort(txn);
    world_close(&w);
}
END_TEST

/* --- faults */

START_TEST(a_failed_ingest_changes_nothing)
{
    struct world w;
    struct author a;

    world_open_full(&w, FIXTURE_MEMORY);
    author_init(&a, &w.bob, &w.carol, &w.doc, 1);
    for (int i = 0; i < 60; i++) {
        author_set(&a, T(i), "abcdefgh", i);
    }

    struct cove_batch start = author_batch(&a, 0, 20);
    struct cove_batch batch = author_batch(&a, 10, 60);

    assert_batch_taken(&w.alice, &start, 20);

    struct cove_hash before = world_dump(&w.alice);

    for (int of_store = 0; of_store < 2; of_store++) {
        for (long n = 1;; n++) {
            struct fixture_fault fault = {.fail_at = n, .code = COVE_ENOSPC};
            struct cove_store_txn *txn = kit_begin(&w.alice, true);
            struct cove_ingest_result result = {.added = 77};

            /* A repo whose scratch is warm asks for less. */
            cove_arena_clear(&w.alice.repo->scratch);
            w.alice.heap.calls = 0;
            w.alice.heap.fail_at = of_store ? 0 : n;
            if (of_store) {
                cove_store_set_fault(w.alice.store.store, fixture_hook, &fault);
            }

            int err =
                cove_repo_ingest(w.alice.repo, txn, &batch, 1, &result, NULL);

            w.alice.heap.fail_at = 0;
            cove_store_set_fault(w.alice.store.store, NULL, NULL);
            cove_store_abort(txn);

            struct cove_hash after = world_dump(&w.alice);

            ck_assert_mem_eq(&before, &after, sizeof(before));
            if (err == 0) {
                ck_assert_uint_eq(result.added, 40);
                if ((of_store ? fault.calls : w.alice.heap.calls) < n) {
                    ck_assert_int_gt(n, 5);
                    break;
                }
                continue; /* it could do without */
            }
            ck_assert_uint_eq(result.added, 77);
            ck_assert_int_eq(err, of_store ? COVE_ENOSPC : COVE_ENOMEM);
        }
    }
    assert_batch_taken(&w.alice, &batch, 40);
    world_close(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ingest");
    TCase *both = tcase_create("both stores");
    TCase *one = tcase_create("one store");

    tcase_set_timeout(both, 60);
    tcase_set_timeout(one, 60);
#define BOTH(name) tcase_add_loop_test(both, name, 0, FIXTURE_KINDS)
    BOTH(a_batch_for_an_unknown_document_is_refused);
    BOTH(a_wrong_signature_is_refused);
    BOTH(a_signature_for_another_place_or_device_is_refused);
    BOTH(a_truncated_or_reordered_log_is_refused);
    BOTH(a_gap_is_refused);
    BOTH(a_wrong_salt_is_refused);
    BOTH(a_time_that_does_not_increase_is_refused);
    BOTH(bytes_that_are_no_transaction_are_refused);
    BOTH(a_batch_beyond_the_limits_is_refused);
    BOTH(a_header_must_hash_to_its_id);
#undef BOTH
    tcase_add_test(one, a_failed_ingest_changes_nothing);
    suite_add_tcase(suite, both);
    suite_add_tcase(suite, one);
    return harness_run(suite);
}
