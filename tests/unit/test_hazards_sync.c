/* What went wrong elsewhere, in sync: each test has the name of its hazard. */
#include "core/zip.h"
#include "crdt/repo_sums_parts.h"
#include "tests/unit/author.h"
#include "tests/unit/engine_fixture.h"

/* A peer must not have what a crash takes back: the next write would be another
 * one at the same place. */
START_TEST(send_before_commit_forks_your_own_log_after_a_crash)
{
    struct cove_id id = make(&alice, 1);
    struct cove_store_txn *txn;
    struct cove_reader walk;
    struct cove_bytes bytes;
    struct cove_batch batch;
    struct cove_doc doc;
    uint64_t next;

    client_is_up_to_date();
    txn = kit_begin(&alice.kit, true);
    doc = kit_load(&alice.kit, txn, &id);
    ck_assert_int_eq(kit_append(&alice.kit, txn, &doc, "a", 7), 0);
    (void)!cove_engine_changed(alice.engine, node_now);
    ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
    client_carry(&client);
    client_expect_silence(&client);
    cove_store_abort(txn); /* the crash */

    kit_set(&alice.kit, &id, "a", 8);
    alice_changed();
    client_expect_content(&client, 0, 1, 0);
    walk = cove_message_walk(&client.message.batches);
    ck_assert(cove_message_next_bytes(&walk, &bytes));
    ck_assert_int_eq(
        cove_batch_decode(bytes, &alice.kit.arena, &batch, &alice.kit.diag), 0);
    ck_assert_uint_eq(batch.start, 1);
    ck_assert_uint_eq(batch.tx_count, 1);
}
END_TEST

START_TEST(one_bad_transaction_marked_the_whole_document_as_broken)
{
    struct cove_id id = make(&alice, 1);
    struct cove_batch batch;
    struct author author;

    author_init(&author, &bob.kit, &alice.kit, &id, 1);
    for (unsigned i = 0; i < 3; i++) {
        author_set(&author,
                   cove_hlc_of_ms(alice.kit.env.now_ms) + 1000u * (i + 1), "b",
                   i);
    }
    client_is_up_to_date();
    batch = author_batch(&author, 0, 2);
    client_add_batch(&client, &batch);
    batch = author_batch(&author, 2, 3);
    batch.proof.signature.b[0] ^= 1;
    client_add_batch(&client, &batch);
    client_say_content(&client);
    ck_assert_int_eq(kit_get(&alice.kit, &id, "b"), 1);
    kit_set(&alice.kit, &id, "a", 6); /* it is read and written as before */
    ck_assert_int_eq(kit_get(&alice.kit, &id, "a"), 6);
    batch = author_batch(&author, 2, 3);
    client_add_batch(&client, &batch);
    client_say_content(&client);
    ck_assert_int_eq(kit_get(&alice.kit, &id, "b"), 2);
}
END_TEST

/* Who may choose ids finds two sets of documents whose marks have the same XOR,
 * or the same sum, by solving an equation. Here such marks are made by hand. */
START_TEST(xor_fingerprints_broken_in_5_ms)
{
    struct cove_sum_node one = {.leaf = true}, two = {.leaf = true};
    uint8_t marks[4][COVE_SUM_MARK] = {{1}, {6}, {2}, {5}};
    struct cove_hash hashes[2];

    ck_assert_uint_eq(marks[0][0] ^ marks[1][0], marks[2][0] ^ marks[3][0]);
    ck_assert_uint_eq(marks[0][0] + marks[1][0], marks[2][0] + marks[3][0]);
    for (cove_num i = 0; i < 2; i++) {
        sums_leaf_add(&one, marks[i], i);
        sums_leaf_add(&two, marks[2 + i], i);
    }
    hashes[0] = sums_node_hash(&one);
    hashes[1] = sums_node_hash(&two);
    ck_assert_mem_ne(&hashes[0], &hashes[1], sizeof(hashes[0]));
    /* and a node above is no sum of what is below, either */
    one = (struct cove_sum_node){.mask = 3, .child = {hashes[0], hashes[1]}};
    two = (struct cove_sum_node){.mask = 3, .child = {hashes[1], hashes[0]}};
    hashes[0] = sums_node_hash(&one);
    hashes[1] = sums_node_hash(&two);
    ck_assert_mem_ne(&hashes[0], &hashes[1], sizeof(hashes[0]));
}
END_TEST

static size_t greatest;
static void *(*resize_below)(void *ctx, void *old, size_t len);

static void *resize_seen(void *ctx, void *old, size_t len)
{
    greatest = len > greatest ? len : greatest;
    return resize_below(ctx, old, len);
}

/* What comes is never unpacked: of a frame that stands for 64 MiB of zeros the
 * few bytes are judged, and refused. */
START_TEST(a_64_kb_chunk_that_takes_267_mib)
{
    size_t len = 64u << 20;
    uint8_t *zeros = calloc(1, len);
    struct cove_buf frame;

    ck_assert_ptr_nonnull(zeros);
    cove_buf_init(&frame, &cove_alloc_libc);
    ck_assert_int_eq(cove_zip(cove_bytes(zeros, len), &frame), 0);
    free(zeros);
    ck_assert_uint_lt(frame.len, 64u << 10);
    client_is_up_to_date();
    resize_below = alice.kit.heap.alloc.resize;
    alice.kit.heap.alloc.resize = resize_seen;
    ck_assert_int_eq(
        cove_message_add_bytes(&client.list[1], cove_buf_bytes(&frame)), 0);
    client_say_content(&client);
    client_expect(&client, COVE_MESSAGE_REFUSED);
    ck_assert_uint_gt(greatest, 0);
    ck_assert_uint_lt(greatest, 2u << 20);
    alice.kit.heap.alloc.resize = resize_below;
    cove_buf_clear(&frame);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hazards_sync");
    TCase *c = tcase_create("hazards");

    tcase_add_checked_fixture(c, alice_open, alice_close);
    tcase_add_test(c, send_before_commit_forks_your_own_log_after_a_crash);
    tcase_add_test(c, one_bad_transaction_marked_the_whole_document_as_broken);
    tcase_add_test(c, xor_fingerprints_broken_in_5_ms);
    tcase_add_test(c, a_64_kb_chunk_that_takes_267_mib);
    suite_add_tcase(suite, c);
    return harness_run(suite);
}
