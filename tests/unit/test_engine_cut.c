/* The wire is cut after each byte of a session, in either direction: both sides
 * call it a lost connection, nothing passes for acknowledged that is not held,
 * and the next connection brings the rest. */
#include "tests/unit/engine_fixture.h"

static struct cove_id near_doc, own_doc;

static void setup(void)
{
    alice_open();
    bob_joins();
    near_doc = make(&alice, 1);
    own_doc = make(&bob, 2);
}

static void teardown(void)
{
    alice_close();
}

/* Carry what side i has, at most *left bytes; false where the wire is cut. */
static bool cut_carry(unsigned i, size_t *left)
{
    struct cove_bytes out = cove_conn_output(wire.conn[i]);
    size_t len = out.len < *left ? out.len : *left;
    uint8_t *copy = malloc(len + 1);

    if (len > 0) {
        memcpy(copy, out.at, len);
        if (wire.err[!i] == 0) {
            wire.err[!i] =
                cove_conn_input(wire.conn[!i], node_now, cove_bytes(copy, len));
        }
        cove_conn_written(wire.conn[i], node_now, len);
        *left -= len;
    }
    free(copy);
    return *left > 0;
}

/* The wire was cut: both hear it, or, where one of them died with it, the
 * other. */
static void cut_end(int victim)
{
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(wire.err[i], 0); /* no byte of it was wrong */
        if (i != victim) {
            ck_assert_int_eq(cove_conn_end(wire.conn[i]), COVE_ENET);
            continue;
        }
        /* All that was not committed is gone with it. */
        cove_engine_free(wire.node[i]->engine);
        wire.conn[i] = NULL;
        kit_reopen(&wire.node[i]->kit);
        ck_assert_int_eq(node_start_with(wire.node[i], 0), 0);
    }
    link_cut(&wire);
}

/* A session that is cut when side d has sent n bytes; true where it was. Side
 * `victim` dies then, -1: neither does. */
static bool cut_session(unsigned d, size_t n, int victim)
{
    size_t left[2] = {SIZE_MAX, SIZE_MAX};
    bool whole = n > 0, moves = true;

    left[d] = n;
    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    while (whole && moves) {
        size_t before = left[0] + left[1];

        for (unsigned i = 0; i < 2 && whole; i++) {
            whole = cut_carry(i, &left[i]);
            for (unsigned k = 0; k < 2; k++) {
                ck_assert_int_eq(
                    cove_engine_flush(wire.node[k]->engine, node_now), 0);
            }
        }
        moves = before != left[0] + left[1];
        node_now += 60; /* what is lazy is written */
        for (unsigned k = 0; k < 2 && !moves; k++) {
            uint64_t next;

            ck_assert_int_eq(
                cove_engine_tick(wire.node[k]->engine, node_now, &next), 0);
            moves = moves || cove_conn_output(wire.conn[k]).len > 0;
        }
    }
    cut_end(victim);
    return !whole;
}

/* What either believes of the other is true: where all is acknowledged the
 * other has it. */
static void nothing_is_believed_that_is_not_so(int64_t a, int64_t b)
{
    if (node_unsent(&alice, &bob.kit.device) == 0) {
        ck_assert_int_eq(kit_get(&bob.kit, &near_doc, "a"), a);
    }
    if (node_unsent(&bob, &alice.kit.device) == 0) {
        ck_assert_int_eq(kit_get(&alice.kit, &own_doc, "a"), b);
    }
}

static void meet(void)
{
    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    link_run(&wire);
    ck_assert(link_stats(&wire, 0).in_sync && link_stats(&wire, 1).in_sync);
    link_cut(&wire);
}

static void both_are_equal(void)
{
    const struct cove_id *docs[] = {&near_doc, &own_doc};

    for (size_t i = 0; i < 2; i++) {
        struct cove_hash a = kit_digest(&alice.kit, docs[i]);
        struct cove_hash b = kit_digest(&bob.kit, docs[i]);

        ck_assert_mem_eq(&a, &b, sizeof(a));
    }
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
    ck_assert_uint_eq(node_unsent(&bob, &alice.kit.device), 0);
}

/* Each byte, or each one in so many. */
static void each_byte(unsigned d, int victim, size_t step)
{
    int64_t value = 1000;
    size_t n = 0;

    meet();
    for (;; n += step) {
        bool cut;

        kit_set(&alice.kit, &near_doc, "a", ++value);
        kit_set(&bob.kit, &own_doc, "a", -value);
        cut = cut_session(d, n, victim);
        nothing_is_believed_that_is_not_so(value, -value);
        if (!cut) {
            break;
        }
        if (n / step % 8 == 7) { /* else the next session begins so */
            meet();
            both_are_equal();
        }
    }
    ck_assert_uint_gt(n, 500);
    meet();
    both_are_equal();
}

/* A3 */
START_TEST(a_reconnect_is_cut_at_each_byte_of_who_called)
{
    each_byte(0, -1, 1);
}
END_TEST

/* A3 */
START_TEST(a_reconnect_is_cut_at_each_byte_of_who_was_called)
{
    each_byte(1, -1, 1);
}
END_TEST

/* A38: in the handshake, while what came is taken in, while it is acknowledged;
 * what was not committed is lost and comes again. */
START_TEST(either_side_dies_all_over_a_session)
{
    for (unsigned d = 0; d < 2; d++) {
        for (int victim = 0; victim < 2; victim++) {
            each_byte(d, victim, 5);
        }
    }
}
END_TEST

/* Bob as he was: new to alice, his store too, with a document of its own. */
static void bob_again(void)
{
    struct cove_store_txn *txn;

    node_now += 1000; /* what was lazy is written */
    ck_assert_int_eq(cove_engine_flush(alice.engine, node_now), 0);
    txn = kit_begin(&alice.kit, true);
    ck_assert_int_eq(cove_peer_remove(alice.kit.repo, txn, &bob.kit.device), 0);
    kit_commit(txn);
    node_know(&alice, &bob.kit.device);
    node_close(&bob);
    node_open(&bob, 2);
    node_know(&bob, &alice.kit.device);
    bob_joins();
    own_doc = make(&bob, 2);
}

/* A3, at each third byte, for time. */
START_TEST(a_first_sync_is_cut_all_over)
{
    int64_t value = kit_get(&alice.kit, &near_doc, "a");

    for (unsigned d = 0; d < 2; d++) {
        for (size_t n = 0;; n += 3) {
            bool cut = cut_session(d, n, -1);
            struct cove_store_txn *txn = kit_begin(&bob.kit, false);
            cove_num num;
            bool has = cove_repo_find(bob.kit.repo, txn, &near_doc, &num) == 0;

            cove_store_abort(txn);
            if (has) {
                nothing_is_believed_that_is_not_so(value, 2);
            } else {
                ck_assert_uint_gt(node_unsent(&alice, &bob.kit.device), 0);
            }
            meet();
            both_are_equal();
            bob_again();
            if (!cut) {
                ck_assert_uint_gt(n, 500);
                break;
            }
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_cut");
    TCase *tcase = tcase_create("cut");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 600);
    tcase_add_test(tcase, a_reconnect_is_cut_at_each_byte_of_who_called);
    tcase_add_test(tcase, a_reconnect_is_cut_at_each_byte_of_who_was_called);
    tcase_add_test(tcase, a_first_sync_is_cut_all_over);
    tcase_add_test(tcase, either_side_dies_all_over_a_session);
    suite_add_tcase(suite, tcase);
    return harness_run(suite);
}
