/* test_ingest_kept.c: what peers send is kept as it came, and shown where and
 * when it may be. */
#include "crdt/merkle.h"
#include "crdt/repo_internal.h"
#include "tests/unit/repo_world.h"

/* --- taken */

/* A1 */
START_TEST(what_is_held_already_is_no_change)
{
    struct world w;
    struct author a;
    struct cove_batch batch;

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    for (int i = 0; i < 6; i++) {
        author_set(&a, T(i), "a", i);
    }
    batch = author_batch(&a, 0, 4);
    assert_batch_taken(&w.alice, &batch, 4);
    assert_batch_refused(&w.alice, &batch, 0);
    batch = author_batch(&a, 1, 3);
    assert_batch_refused(&w.alice, &batch, 0);
    batch = author_batch(&a, 2, 6);
    assert_batch_taken(&w.alice, &batch, 2);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "a"), 5);
    world_close(&w);
}
END_TEST

START_TEST(a_document_that_grew_is_not_clean)
{
    static const struct cove_hash none;
    struct cove_hash key = {{1, 2, 3}};
    struct world w;
    struct author a;
    struct cove_batch batch;
    struct cove_doc doc;

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    author_set(&a, T(0), "a", 1);
    author_set(&a, T(1), "a", 2);
    batch = author_batch(&a, 0, 1);
    assert_batch_taken(&w.alice, &batch, 1);

    struct cove_store_txn *txn = kit_begin(&w.alice, true);

    doc = kit_load(&w.alice, txn, &w.doc);
    ck_assert_int_eq(cove_repo_set_clean(w.alice.repo, txn, &doc, &key), 0);
    kit_commit(txn);
    assert_batch_taken(&w.alice, &batch, 0);
    doc = world_look(&w, &w.alice);
    ck_assert_mem_eq(&doc.clean, &key, sizeof(key));
    batch = author_batch(&a, 1, 2);
    assert_batch_taken(&w.alice, &batch, 1);
    doc = world_look(&w, &w.alice);
    ck_assert_mem_eq(&doc.clean, &none, sizeof(none));
    world_close(&w);
}
END_TEST

START_TEST(a_log_reads_back_as_it_came_from_any_index)
{
    struct world w;
    struct author a;
    struct cove_batch batch;
    struct cove_tx tx;

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.carol, &w.doc, 1);
    for (uint32_t i = 0; i < 300; i++) {
        struct cove_tx_op op = kit_op(&w.carol, "field", i);

        memset(&tx, 0, sizeof(tx));
        tx.hlc = T(0) + i;
        tx.ops = &op;
        tx.op_count = 1;
        tx.has_epoch = i % 5 == 0;
        tx.epoch.b[0] = (uint8_t)(i / 50);
        tx.has_seen = i % 7 == 3;
        author_push_tx(&a, &tx);
    }
    for (uint32_t at = 0; at < 300;) {
        uint32_t end = at + 1 + at % 61;

        end = end > 300 ? 300 : end;
        batch = author_batch(&a, at, end);
        assert_batch_taken(&w.alice, &batch, end - at);
        at = end;
    }
    kit_reopen(&w.alice);
    for (uint32_t from = 0; from < 300; from++) {
        for (size_t max = 1; max < 100000; max *= 30) {
            ck_assert_int_eq(
                kit_read(&w.alice, &w.doc, &a.session, from, max, &batch), 0);
            ck_assert_uint_eq(batch.start, from);
            ck_assert_uint_ge(batch.tx_count, 1);
            ck_assert_int_eq(batch.has_salt, from == 0);
            for (uint32_t i = 0; i < batch.tx_count; i++) {
                ck_assert_uint_eq(batch.txs[i].len, a.txs[from + i].len);
                ck_assert_mem_eq(batch.txs[i].at, a.txs[from + i].at,
                                 batch.txs[i].len);
            }
            ck_assert_int_eq(
                cove_head_verify(&batch.device, &batch.document, &batch.session,
                                 from + (uint32_t)batch.tx_count,
                                 &a.heads[from + batch.tx_count], &batch.proof),
                0);
        }
    }
    ck_assert_int_eq(kit_read(&w.alice, &w.doc, &a.session, 300, 1000, &batch),
                     COVE_ENOTFOUND);
    world_close(&w);
}
END_TEST

START_TEST(a_group_signature_is_taken_and_relayed)
{
    struct world w;
    struct author a;
    struct cove_batch batch;
    struct cove_hash leaves[5];
    struct cove_hash path[COVE_MAX_MERKLE];
    struct cove_merkle tree;

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    author_set(&a, T(0), "a", 1);
    memset(leaves, 7, sizeof(leaves));
    leaves[3] =
        cove_merkle_leaf(&w.doc, &a.session, &w.bob.device, 1, &a.heads[1]);
    ck_assert_int_eq(cove_merkle_build(leaves, 5, &w.alice.arena, &tree), 0);
    batch = author_batch(&a, 0, 1);
    batch.proof.grouped = true;
    batch.proof.leaf = 3;
    batch.proof.leaves = 5;
    batch.proof.path = path;
    batch.proof.path_len = cove_merkle_path(&tree, 3, path);
    cove_group_sign(&w.bob.secret, 5, cove_merkle_root(&tree),
                    &batch.proof.signature);
    assert_batch_taken(&w.alice, &batch, 1);
    kit_sync(&w.alice, &w.carol, &w.doc);
    ck_assert_int_eq(kit_get(&w.carol, &w.doc, "a"), 1);
    path[1].b[0] ^= 1;
    kit_reopen(&w.bob);
    assert_batch_refused(&w.bob, &batch, COVE_ESIGNATURE);
    world_close(&w);
}
END_TEST

/* A17 */
START_TEST(a_readers_writes_are_relayed_and_never_shown)
{
    struct world w;
    struct author a;
    struct cove_batch batch;
    struct cove_ingest_result result;

    world_open_full(&w, _i);
    author_init(&a, &w.carol, &w.alice, &w.doc, 1);
    author_set(&a, T(100), "a", 1);
    author_set(&a, T(101), "a", 2);
    batch = author_batch(&a, 0, 2);
    ck_assert_int_eq(kit_ingest(&w.alice, &batch, 1, &result), 0);
    ck_assert_uint_eq(result.added, 2);
    ck_assert_uint_eq(result.denied, 2);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "a"), ABSENT);
    ck_assert_uint_eq(world_look(&w, &w.alice).flags, COVE_DOC_HAS_DENIED);
    kit_sync(&w.alice, &w.bob, &w.doc);

    struct cove_hash here = kit_digest(&w.alice, &w.doc);
    struct cove_hash there = kit_digest(&w.bob, &w.doc);

    ck_assert_mem_eq(&here, &there, sizeof(here));
    ck_assert_int_eq(kit_get(&w.bob, &w.doc, "a"), ABSENT);
    /* Its clock counts for nothing either. */
    kit_set(&w.alice, &w.doc, "b", 1);
    ck_assert_uint_lt(world_look(&w, &w.alice).state.natives[0].id.hlc, T(1));
    world_close(&w);
}
END_TEST

START_TEST(nothing_is_shown_before_the_owner_is_here)
{
    struct world w;
    struct author good;
    struct author bad;
    struct cove_batch batch;
    struct cove_doc doc;

    world_open(&w, _i);
    author_init(&good, &w.bob, &w.alice, &w.doc, 1);
    author_init(&bad, &w.carol, &w.alice, &w.doc, 1);
    author_set(&good, T(0), "a", 1);
    author_set(&good, T(3600), "a", 9);
    author_set(&bad, T(1), "a", 2);
    kit_take_header(&w.alice, &w.doc, w.header);
    batch = author_batch(&good, 0, 2);
    assert_batch_taken(&w.alice, &batch, 2);
    batch = author_batch(&bad, 0, 1);
    assert_batch_taken(&w.alice, &batch, 1);
    doc = world_look(&w, &w.alice);
    ck_assert_uint_eq(doc.flags, COVE_DOC_OWNER_MISSING);
    ck_assert_int_eq(doc.my_role, COVE_ROLE_NONE);
    ck_assert_int_eq(kit_value(&doc, "a"), ABSENT);
    ck_assert_int_eq(kit_try_set(&w.alice, &w.doc, "a", 3), COVE_EDENIED);
    kit_take_header(&w.alice, &w.group, w.group_header);
    for (int round = 0; round < 2; round++) {
        doc = world_look(&w, &w.alice);
        ck_assert_uint_eq(doc.flags, COVE_DOC_HAS_DENIED | COVE_DOC_HAS_HELD);
        ck_assert_int_eq(doc.my_role, COVE_ROLE_ADMIN);
        ck_assert_int_eq(kit_value(&doc, "a"), 1);
        ck_assert_uint_eq(doc.next_held_hlc, T(3600));

        /* A load that may write keeps what it found. */
        struct cove_store_txn *txn = kit_begin(&w.alice, true);

        doc = kit_load(&w.alice, txn, &w.doc);
        kit_commit(txn);
    }
    kit_set(&w.alice, &w.doc, "a", 3);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "a"), 3);
    world_close(&w);
}
END_TEST

/* A26 */
START_TEST(what_this_build_does_not_know_survives_byte_for_byte)
{
    struct world w;
    struct author a;
    struct cove_batch batch;
    struct cove_doc doc;
    /* [0, hlc, kind 7, none, [], null, [], {"new": 1}] */
    uint8_t ahead[] = {0x88, 0,    0x1b, 0,   0,    0,    0,    0,
                       0,    0,    0,    7,   0x40, 0x80, 0xf6, 0x80,
                       0xa1, 0x63, 'n',  'e', 'w',  1};

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.carol, &w.doc, 1);
    author_set(&a, T(0), "a", 1);
    cove_put_be64(ahead + 3, T(1));
    author_push(&a, cove_bytes(ahead, sizeof(ahead)));
    author_set(&a, T(2), "b", 2);
    batch = author_batch(&a, 0, 3);
    assert_batch_taken(&w.alice, &batch, 3);
    doc = world_look(&w, &w.alice);
    ck_assert_uint_eq(doc.flags, COVE_DOC_HAS_AHEAD);
    ck_assert_int_eq(kit_value(&doc, "a"), 1);
    ck_assert_int_eq(kit_value(&doc, "b"), 2);
    kit_reopen(&w.alice);
    kit_sync(&w.alice, &w.carol, &w.doc);
    ck_assert_int_eq(kit_read(&w.carol, &w.doc, &a.session, 1, 1, &batch), 0);
    ck_assert_uint_eq(batch.txs[0].len, sizeof(ahead));
    ck_assert_mem_eq(batch.txs[0].at, ahead, sizeof(ahead));
    world_close(&w);
}
END_TEST

/* --- time */

/* A15 */
START_TEST(a_clock_in_the_year_3000_is_refused_and_moves_nothing)
{
    struct world w;
    struct author a;
    struct cove_batch batch;
    struct cove_ingest_result result = {.refused_time = false};

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    author_set(&a, T(0), "a", 1);
    author_set(&a, cove_hlc_of_ms(32503680000000), "a", 2);
    batch = author_batch(&a, 0, 2);
    assert_batch_refused(&w.alice, &batch, COVE_ECLOCK);

    struct cove_store_txn *txn = kit_begin(&w.alice, true);

    ck_assert_int_eq(
        cove_repo_ingest(w.alice.repo, txn, &batch, 1, &result, &w.alice.diag),
        COVE_ECLOCK);
    ck_assert(result.refused_time);
    kit_commit(txn);
    /* What stands before it can still come. */
    batch = author_batch(&a, 0, 1);
    assert_batch_taken(&w.alice, &batch, 1);
    kit_set(&w.alice, &w.doc, "a", 3);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "a"), 3);
    ck_assert_uint_lt(world_look(&w, &w.alice).state.natives[0].id.hlc, T(1));
    world_close(&w);
}
END_TEST

/* A15 */
START_TEST(a_tx_ahead_of_the_clock_is_held_until_its_time)
{
    struct world w;
    struct author a;
    struct cove_batch batch;
    struct cove_ingest_result result;
    struct cove_doc doc;

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    author_set(&a, T(0), "a", 1);
    author_set(&a, T(300), "a", 2); /* just in time */
    author_set(&a, T(600), "a", 3);
    author_set(&a, T(900), "a", 4);
    batch = author_batch(&a, 0, 4);
    ck_assert_int_eq(kit_ingest(&w.alice, &batch, 1, &result), 0);
    ck_assert_uint_eq(result.added, 4);
    ck_assert_uint_eq(result.held, 2);
    doc = world_look(&w, &w.alice);
    ck_assert_uint_eq(doc.flags, COVE_DOC_HAS_HELD);
    ck_assert_uint_eq(doc.next_held_hlc, T(600));
    ck_assert_uint_eq(doc.sessions[0].len, 4);
    ck_assert_uint_eq(doc.sessions[0].folded, 2);
    ck_assert_int_eq(kit_value(&doc, "a"), 2);
    /* It is relayed, and the digest counts it. */
    kit_sync(&w.alice, &w.carol, &w.doc);

    struct cove_hash here = kit_digest(&w.alice, &w.doc);
    struct cove_hash there = kit_digest(&w.carol, &w.doc);

    ck_assert_mem_eq(&here, &there, sizeof(here));
    /* Our clock went as far as what we show and no further. */
    kit_set(&w.alice, &w.doc, "b", 1);
    ck_assert_uint_eq(world_look(&w, &w.alice).state.natives[1].id.hlc,
                      T(300) + 1);
    kit_set(&w.alice, &w.doc, "a", 5);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "a"), 5);
    /* Its time comes, first for a load that cannot write. */
    w.alice.env.now_ms = NOW + 310000;
    doc = world_look(&w, &w.alice);
    ck_assert_int_eq(kit_value(&doc, "a"), 3);
    ck_assert_uint_eq(doc.next_held_hlc, T(900));

    uint64_t changed = doc.changed;
    struct cove_store_txn *txn = kit_begin(&w.alice, true);

    doc = kit_load(&w.alice, txn, &w.doc);
    ck_assert_int_eq(kit_value(&doc, "a"), 3);
    ck_assert_uint_gt(doc.changed, changed);
    kit_commit(txn);
    w.alice.env.now_ms = NOW + 900000;
    doc = world_look(&w, &w.alice);
    ck_assert_uint_eq(doc.flags, 0);
    ck_assert_uint_eq(doc.next_held_hlc, 0);
    ck_assert_int_eq(kit_value(&doc, "a"), 4);
    ck_assert_uint_eq(doc.sessions[0].folded + doc.sessions[1].folded, 6);
    world_close(&w);
}
END_TEST

START_TEST(equal_timestamps_are_never_settled_by_arrival)
{
    struct world w;
    struct author bob;
    struct author alice;
    struct cove_batch first;
    struct cove_batch second;
    int64_t here;
    int64_t there;

    world_open_full(&w, _i);
    author_init(&bob, &w.bob, &w.carol, &w.doc, 1);
    author_init(&alice, &w.alice, &w.carol, &w.doc, 1);
    author_set(&bob, T(0), "a", 1);
    author_set(&alice, T(0), "a", 2);
    first = author_batch(&bob, 0, 1);
    second = author_batch(&alice, 0, 1);
    assert_batch_taken(&w.alice, &first, 1);
    assert_batch_taken(&w.alice, &second, 1);
    assert_batch_taken(&w.bob, &second, 1);
    assert_batch_taken(&w.bob, &first, 1);
    here = kit_get(&w.alice, &w.doc, "a");
    there = kit_get(&w.bob, &w.doc, "a");
    ck_assert_int_eq(here, there);
    ck_assert_int_eq(here,
                     memcmp(&w.bob.device, &w.alice.device, 32) > 0 ? 1 : 2);
    world_close(&w);
}
END_TEST

/* --- our own session, elsewhere */

/* A14 */
START_TEST(a_peer_that_knows_more_of_our_session_ends_it)
{
    struct world w;
    struct cove_doc doc;
    struct author twin;
    struct cove_batch batch;

    world_open_full(&w, _i);
    kit_set(&w.alice, &w.doc, "a", 1);
    doc = world_look(&w, &w.alice);
    /* What we wrote before we were restored comes back from a peer. */
    ck_assert_int_eq(
        kit_read(&w.alice, &w.doc, &doc.sessions[0].session, 0, 1000, &batch),
        0);
    author_init(&twin, &w.alice, &w.bob, &w.doc, 0);
    memcpy(twin.salt, batch.salt, 16);
    twin.session = batch.session;
    twin.heads[0] = cove_chain_start(&w.doc, &twin.session, &w.alice.device);
    author_push(&twin, batch.txs[0]);
    author_set(&twin, T(10), "a", 2);
    batch = author_batch(&twin, 0, 2);
    assert_batch_taken(&w.alice, &batch, 1);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "a"), 2);
    kit_set(&w.alice, &w.doc, "a", 3);
    doc = world_look(&w, &w.alice);
    ck_assert_uint_eq(doc.session_count, 2);
    ck_assert_int_eq(kit_value(&doc, "a"), 3);
    world_close(&w);
}
END_TEST

/* A13 */
START_TEST(two_logs_for_one_place_leave_what_was_held_and_a_proof)
{
    struct world w;
    struct author one;
    struct author two;
    struct cove_batch batch;
    struct cove_doc doc;
    struct cove_hash before;

    world_open_full(&w, _i);
    author_init(&one, &w.bob, &w.alice, &w.doc, 1);
    author_init(&two, &w.bob, &w.alice, &w.doc, 1);
    author_set(&one, T(0), "a", 1);
    author_set(&one, T(1), "a", 2);
    author_push(&two, one.txs[0]);
    author_set(&two, T(1), "a", 3);
    author_set(&two, T(2), "a", 4);
    batch = author_batch(&one, 0, 2);
    assert_batch_taken(&w.alice, &batch, 2);
    before = kit_digest(&w.alice, &w.doc);
    /* Unsigned it is nobody's fork. */
    batch = author_batch(&two, 0, 3);
    batch.proof.signature.b[0] ^= 1;
    assert_batch_refused(&w.alice, &batch, COVE_ESIGNATURE);
    for (int i = 0; i < 2; i++) {
        struct cove_ingest_result result;

        batch = author_batch(&two, (uint32_t)i, 3);
        ck_assert_int_eq(kit_ingest(&w.alice, &batch, 1, &result), COVE_EFORK);
    }
    doc = world_look(&w, &w.alice);
    ck_assert_uint_eq(doc.flags, COVE_DOC_HAS_FORK);
    ck_assert_int_eq(kit_value(&doc, "a"), 2);

    struct cove_hash after = kit_digest(&w.alice, &w.doc);

    ck_assert_mem_eq(&before, &after, sizeof(before));
    /* The held log goes on. */
    author_set(&one, T(3), "a", 5);
    batch = author_batch(&one, 2, 3);
    assert_batch_taken(&w.alice, &batch, 1);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "a"), 5);
    /* The same branch again is no news, and no more than four are kept. */
    batch = author_batch(&two, 0, 3);
    assert_batch_refused(&w.alice, &batch, COVE_EFORK);
    for (int i = 0; i < 6; i++) {
        struct cove_ingest_result result;

        author_init(&two, &w.bob, &w.alice, &w.doc, 1);
        author_set(&two, T(20 + i), "a", 100 + i);
        batch = author_batch(&two, 0, 1);
        ck_assert_int_eq(kit_ingest(&w.alice, &batch, 1, &result), COVE_EFORK);
    }

    struct cove_store_usage usage;

    ck_assert_int_eq(cove_store_usage(w.alice.store.store, &usage), 0);
    ck_assert_uint_eq(usage.entries[REPO_FORK_PROOFS], REPO_FORKS);
    world_close(&w);
}
END_TEST

/* A14 */
START_TEST(a_fork_of_our_own_session_ends_it)
{
    struct world w;
    struct author twin;
    struct cove_batch batch;
    struct cove_ingest_result result;
    struct cove_doc doc;

    world_open_full(&w, _i);
    kit_set(&w.alice, &w.doc, "a", 1);
    kit_set(&w.alice, &w.doc, "a", 2);
    doc = world_look(&w, &w.alice);
    ck_assert_int_eq(
        kit_read(&w.alice, &w.doc, &doc.sessions[0].session, 0, 1000, &batch),
        0);
    author_init(&twin, &w.alice, &w.bob, &w.doc, 0);
    memcpy(twin.salt, batch.salt, 16);
    twin.session = batch.session;
    twin.heads[0] = cove_chain_start(&w.doc, &twin.session, &w.alice.device);
    author_set(&twin, T(10), "a", 9);
    batch = author_batch(&twin, 0, 1);
    ck_assert_int_eq(kit_ingest(&w.alice, &batch, 1, &result), COVE_EFORK);
    kit_set(&w.alice, &w.doc, "a", 3);
    doc = world_look(&w, &w.alice);
    ck_assert_uint_eq(doc.session_count, 2);
    ck_assert_int_eq(kit_value(&doc, "a"), 3);
    world_close(&w);
}
END_TEST

/* --- copies */

/* A24 */
START_TEST(a_forged_copy_is_ignored_once_its_origin_can_be_checked)
{
    struct world w;
    struct author bob;
    struct author liar;
    struct cove_batch batch;
    struct cove_origin origin;
    struct cove_doc doc;

    world_open_full(&w, _i);
    author_init(&bob, &w.bob, &w.alice, &w.doc, 1);
    author_init(&liar, &w.bob, &w.alice, &w.doc, 2);
    author_set(&bob, T(0), "old", 1);
    author_set(&bob, T(1), "old", 2);
    /* Another hash; an op that is not there; another time. */
    origin = author_origin(&bob, 0, "old", T(0));
    origin.tx_hash[0] ^= 1;
    author_copy(&liar, T(5), "new", 66, &origin);
    origin = author_origin(&bob, 1, "old", T(1));
    origin.id.op = 1;
    author_copy(&liar, T(6), "new", 67, &origin);
    origin = author_origin(&bob, 1, "old", T(2));
    author_copy(&liar, T(7), "new", 68, &origin);
    /* Before the origin is here a copy stands in for it. */
    batch = author_batch(&liar, 0, 3);
    assert_batch_taken(&w.alice, &batch, 3);
    doc = world_look(&w, &w.alice);
    ck_assert_uint_eq(doc.state.copy_count, 3);
    ck_assert_int_ne(kit_value(&doc, "new"), ABSENT);
    batch = author_batch(&bob, 0, 2);
    assert_batch_taken(&w.alice, &batch, 2);
    doc = world_look(&w, &w.alice);
    ck_assert_uint_eq(doc.state.copy_count, 0);
    ck_assert_uint_eq(doc.state.false_copies, 3);
    ck_assert_int_eq(kit_value(&doc, "new"), ABSENT);
    /* The other way round is the same. */
    assert_batch_taken(&w.carol, &batch, 2);
    batch = author_batch(&liar, 0, 3);
    assert_batch_taken(&w.carol, &batch, 3);
    doc = world_look(&w, &w.carol);
    ck_assert_uint_eq(doc.state.copy_count, 0);
    world_close(&w);
}
END_TEST

START_TEST(a_true_copy_is_held_in_whatever_order_it_comes)
{
    struct world w;
    struct author bob;
    struct author engine;
    struct cove_batch batch;
    struct cove_origin origin;
    struct cove_doc doc;

    world_open_full(&w, _i);
    author_init(&bob, &w.bob, &w.alice, &w.doc, 1);
    author_init(&engine, &w.alice, &w.alice, &w.doc, 2);
    author_set(&bob, T(0), "old", 1);
    origin = author_origin(&bob, 0, "old", T(0));
    author_copy(&engine, T(5), "new", 10, &origin);
    batch = author_batch(&engine, 0, 1);
    assert_batch_taken(&w.alice, &batch, 1);
    doc = world_look(&w, &w.alice);
    ck_assert_uint_eq(doc.state.copy_count, 1);
    ck_assert(!doc.state.copies[0].origins[0].held);
    batch = author_batch(&bob, 0, 1);
    assert_batch_taken(&w.alice, &batch, 1);
    doc = world_look(&w, &w.alice);
    ck_assert_uint_eq(doc.state.copy_count, 1);
    ck_assert(doc.state.copies[0].origins[0].held);
    ck_assert_int_eq(kit_value(&doc, "new"), 10);
    /* Also after the origin lost its place in the state to a newer write. */
    author_set(&bob, T(6), "old", 2);
    batch = author_batch(&bob, 1, 2);
    assert_batch_taken(&w.alice, &batch, 1);
    kit_sync(&w.alice, &w.carol, &w.doc);
    doc = world_look(&w, &w.carol);
    ck_assert_uint_eq(doc.state.copy_count, 1);
    ck_assert(doc.state.copies[0].origins[0].held);
    world_close(&w);
}
END_TEST

/* --- changes */

START_TEST(a_change_remembers_the_one_peer_it_came_from)
{
    struct world w;
    struct author a;
    struct cove_batch batch;
    struct cove_ingest_result result;
    struct cove_change change;
    uint64_t sequence = 0;

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    for (int i = 0; i < 3; i++) {
        author_set(&a, T(i), "a", i);
    }
    for (uint32_t i = 0; i < 3; i++) {
        static const uint32_t peers[] = {7, 7, 8};
        static const bool by_peer[] = {true, true, false};
        struct cove_store_txn *txn;

        batch = author_batch(&a, i, i + 1);
        ck_assert_int_eq(kit_ingest(&w.alice, &batch, peers[i], &result), 0);
        txn = kit_begin(&w.alice, false);
        ck_assert_int_eq(
            cove_repo_change_after(w.alice.repo, txn, sequence, &change), 0);
        while (change.num != kit_num(&w.alice, txn, &w.doc)) {
            ck_assert_int_eq(cove_repo_change_after(w.alice.repo, txn,
                                                    change.sequence, &change),
                             0);
        }
        ck_assert_int_eq(change.by_peer, by_peer[i]);
        if (by_peer[i]) {
            ck_assert_uint_eq(change.peer, 7);
        }
        ck_assert_uint_eq(change.from, i);
        ck_assert_mem_eq(&change.session, &a.session, sizeof(a.session));
        cove_store_abort(txn);
    }
    world_close(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ingest_kept");
    TCase *both = tcase_create("both stores");

    tcase_set_timeout(both, 60);
#define BOTH(name) tcase_add_loop_test(both, name, 0, FIXTURE_KINDS)
    BOTH(what_is_held_already_is_no_change);
    BOTH(a_document_that_grew_is_not_clean);
    BOTH(a_log_reads_back_as_it_came_from_any_index);
    BOTH(a_group_signature_is_taken_and_relayed);
    BOTH(a_readers_writes_are_relayed_and_never_shown);
    BOTH(nothing_is_shown_before_the_owner_is_here);
    BOTH(what_this_build_does_not_know_survives_byte_for_byte);
    BOTH(a_clock_in_the_year_3000_is_refused_and_moves_nothing);
    BOTH(a_tx_ahead_of_the_clock_is_held_until_its_time);
    BOTH(equal_timestamps_are_never_settled_by_arrival);
    BOTH(a_peer_that_knows_more_of_our_session_ends_it);
    BOTH(two_logs_for_one_place_leave_what_was_held_and_a_proof);
    BOTH(a_fork_of_our_own_session_ends_it);
    BOTH(a_forged_copy_is_ignored_once_its_origin_can_be_checked);
    BOTH(a_true_copy_is_held_in_whatever_order_it_comes);
    BOTH(a_change_remembers_the_one_peer_it_came_from);
#undef BOTH
    suite_add_tcase(suite, both);
    return harness_run(suite);
}
