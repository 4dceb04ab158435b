/* Looking again: two stores that believe to be equal, on a connection that
 * stays up. */
#include "sync/interest.h"
#include "tests/unit/client_kit.h"

#define DOCS   200
#define MINUTE UINT64_C(60000)

static struct node alice, bob;
static struct link wire;
static struct cove_id group, other, ids[DOCS + 100];
static uint64_t opened;

static struct cove_bytes header_of(uint8_t nonce, struct cove_id *id)
{
    struct kit_member members[] = {{&alice.kit, "admin"}, {&bob.kit, "writer"}};
    struct kit_member alone[] = {{&alice.kit, "admin"}, {&bob.kit, "reader"}};

    return kit_group(&alice.kit, nonce == 0 ? members : alone, 2, id);
}

static void groups_take(struct node *node)
{
    struct cove_bytes header = header_of(0, &group);

    kit_take_header(&node->kit, &group, header);
    header = header_of(1, &other);
    kit_take_header(&node->kit, &other, header);
}

static void docs_take(struct node *node, uint32_t from, uint32_t to)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, true);

    for (uint32_t n = from; n < to; n++) {
        struct cove_bytes header;
        cove_num num;

        cove_arena_reset(&alice.kit.arena);
        header = kit_header(&alice.kit, COVE_DOC_COMAP,
                            n % 4 == 0 ? &other : &group, n, &ids[n]);
        ck_assert_int_eq(cove_repo_ingest_header(node->kit.repo, txn, &ids[n],
                                                 header, &num, NULL),
                         0);
    }
    kit_commit(txn);
}

static void open_with(uint32_t docs)
{
    node_open(&alice, 1);
    node_open(&bob, 2);
    node_know(&alice, &bob.kit.device);
    node_know(&bob, &alice.kit.device);
    groups_take(&alice);
    groups_take(&bob);
    docs_take(&alice, 0, docs);
    docs_take(&bob, 0, docs);
    memset(&wire, 0, sizeof(wire));
}

static void setup(void)
{
    open_with(DOCS);
}

static void teardown(void)
{
    link_cut(&wire);
    node_close(&alice);
    node_close(&bob);
}

static void meet(void)
{
    opened = node_now;
    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    link_run(&wire);
    ck_assert(link_stats(&wire, 0).in_sync && link_stats(&wire, 1).in_sync);
}

static uint64_t sequence_of(struct node *node)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, false);
    uint64_t sequence = 0;

    ck_assert_int_eq(cove_repo_sequence(node->kit.repo, txn, &sequence), 0);
    cove_store_abort(txn);
    return sequence;
}

/* In the records of both it says: all is there, on both sides. */
static void forge(struct node *node, struct node *peer)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, true);
    struct cove_peer_record record;

    ck_assert_int_eq(
        cove_peer_get(node->kit.repo, txn, &peer->kit.device, &record), 0);
    cove_repo_store_id(peer->kit.repo, record.store_id);
    cove_repo_store_id(node->kit.repo, record.acked_store);
    record.have = sequence_of(peer);
    record.acked = sequence_of(node);
    ck_assert_int_eq(cove_peer_put(node->kit.repo, txn, &record), 0);
    kit_commit(txn);
}

static bool has(struct node *node, uint32_t n)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, false);
    cove_num num;
    int err = cove_repo_find(node->kit.repo, txn, &ids[n], &num);

    cove_store_abort(txn);
    return err == 0;
}

/* Time passes, to so long behind the beginning. */
static void pass_to(uint64_t ms)
{
    while (node_now < opened + ms) {
        uint64_t left = opened + ms - node_now;

        node_now += left < 10000 ? left : 10000;
        link_run(&wire);
    }
}

static void plant(void)
{
    docs_take(&alice, DOCS, DOCS + 3);
    docs_take(&bob, DOCS + 3, DOCS + 5);
    forge(&alice, &bob);
    forge(&bob, &alice);
    meet();
    ck_assert(!has(&bob, DOCS) && !has(&alice, DOCS + 3));
}

START_TEST(what_differs_behind_both_backs_is_found_after_ten_minutes)
{
    plant();
    pass_to(10 * MINUTE - 1000);
    ck_assert(!has(&bob, DOCS) && !has(&alice, DOCS + 3));
    pass_to(10 * MINUTE + 1000);
    for (uint32_t n = 0; n < DOCS + 5; n++) {
        ck_assert(has(&alice, n) && has(&bob, n));
    }
    ck_assert(node_saw(&bob, "differ, though all was told"));
    ck_assert(link_stats(&wire, 0).in_sync && link_stats(&wire, 1).in_sync);
}
END_TEST

START_TEST(equal_stores_say_one_sum_and_no_more)
{
    uint64_t before[2], begun;

    meet();
    begun = wire.bytes[0] + wire.bytes[1];
    for (unsigned round = 1; round <= 3; round++) {
        pass_to(round * (10 * MINUTE + 2000) - 3000);
        before[0] = wire.bytes[0];
        before[1] = wire.bytes[1];
        pass_to(round * (10 * MINUTE + 2000) + 3000);
        /* A sum of 16 bytes, and perhaps the pings and clocks of a minute. */
        ck_assert_uint_ge(wire.bytes[0] - before[0], 39);
        ck_assert_uint_lt(wire.bytes[0] - before[0] + wire.bytes[1] - before[1],
                          250);
    }
    pass_to(40 * MINUTE); /* nor at any other time: pings and clocks */
    ck_assert_uint_lt(wire.bytes[0] + wire.bytes[1] - begun,
                      40 * 2 * 2 * 90 + 3 * 250);
    ck_assert(!node_saw(&alice, "differ") && !node_saw(&bob, "differ"));
}
END_TEST

START_TEST(what_changes_meanwhile_is_no_difference)
{
    meet();
    for (uint32_t minute = 0; minute < 25; minute++) {
        pass_to(minute * MINUTE);
        docs_take(&alice, DOCS + minute, DOCS + minute + 1);
        link_changed(&wire, 0);
        link_run(&wire);
    }
    ck_assert(has(&bob, DOCS + 24));
    ck_assert(!node_saw(&alice, "differ") && !node_saw(&bob, "differ"));
}
END_TEST

/* A group that only one of them may read is in no sum. */
START_TEST(what_the_other_may_not_read_is_no_difference)
{
    struct kit_member alone[] = {{&alice.kit, "admin"}};
    struct cove_id own, id;
    struct cove_bytes header = kit_group(&alice.kit, alone, 1, &own);

    kit_take_header(&alice.kit, &own, header);
    header = kit_header(&alice.kit, COVE_DOC_COMAP, &own, 900, &id);
    kit_take_header(&alice.kit, &id, header);
    meet();
    pass_to(31 * MINUTE);
    ck_assert(!node_saw(&alice, "differ") && !node_saw(&bob, "differ"));
}
END_TEST

/* Nothing is said of a sum; the groups are gone through. */
START_TEST(a_partial_interest_is_looked_at_again_too)
{
    struct cove_interest want;
    struct cove_buf encoded;
    struct cove_store_txn *txn;
    struct cove_id groups[] = {group};

    cove_interest_init(&want, &cove_alloc_libc);
    cove_buf_init(&encoded, &cove_alloc_libc);
    want.all = false;
    want.groups = groups;
    want.group_count = 1;
    ck_assert_int_eq(cove_interest_encode(&want, &encoded), 0);
    txn = kit_begin(&bob.kit, true);
    ck_assert_int_eq(cove_interest_put(bob.kit.repo, txn, COVE_INTEREST_WANTED,
                                       &alice.kit.device,
                                       cove_buf_bytes(&encoded)),
                     0);
    ck_assert_int_eq(cove_interest_put(bob.kit.repo, txn, COVE_INTEREST_HELD,
                                       &alice.kit.device,
                                       cove_buf_bytes(&encoded)),
                     0);
    kit_commit(txn);
    txn = kit_begin(&alice.kit, true);
    ck_assert_int_eq(cove_interest_put(alice.kit.repo, txn,
                                       COVE_INTEREST_THEIRS, &bob.kit.device,
                                       cove_buf_bytes(&encoded)),
                     0);
    kit_commit(txn);
    cove_buf_clear(&encoded);
    plant(); /* DOCS is of the other group, DOCS + 1 and + 2 are of this */
    pass_to(10 * MINUTE + 1000);
    ck_assert(!has(&bob, DOCS) && has(&bob, DOCS + 1) && has(&bob, DOCS + 2));
    pass_to(10 * MINUTE + 17000); /* who was called is due, too */
    ck_assert(has(&alice, DOCS + 3));
}
END_TEST

/* --- a peer that says what it likes */

static struct client client;

static void client_meets(void)
{
    uint8_t store[16];

    client_init(&client, &alice, 2);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    cove_repo_store_id(alice.kit.repo, store);
    client_say_hello(&client, 0, sequence_of(&alice), store, 1 << 20);
    client_expect_silence(&client);
}

static void client_says_whole(uint8_t with)
{
    uint8_t whole[COVE_MESSAGE_WHOLE_LEN];

    memset(whole, with, sizeof(whole));
    ck_assert_int_eq(cove_message_put_whole(&client.out, whole), 0);
    client_say(&client, COVE_LANE_CONTROL);
}

START_TEST(a_wrong_sum_costs_one_round_and_not_again_at_once)
{
    unsigned sums = 0;

    client_meets();
    client_says_whole(1);
    client_expect(&client, COVE_MESSAGE_UNLIKE);
    while (client_hear(&client)) {
        sums += client.message.kind == COVE_MESSAGE_SUMS;
        ck_assert(client.message.kind != COVE_MESSAGE_UNLIKE);
    }
    ck_assert_uint_gt(sums, 0);
    for (uint8_t i = 0; i < 100; i++) {
        client_says_whole(i);
    }
    client_expect_silence(&client);
    ck_assert(!cove_conn_done(client.conn));
    client_clear(&client);
}
END_TEST

START_TEST(an_unlike_that_answers_nothing_ends_the_connection)
{
    client_meets();
    ck_assert_int_eq(cove_message_put_unlike(&client.out), 0);
    client_say(&client, COVE_LANE_CONTROL);
    ck_assert(cove_conn_done(client.conn));
    ck_assert_int_eq(cove_conn_diag(client.conn)->code, COVE_EPROTOCOL);
    client_clear(&client);
}
END_TEST

/* It holds nothing and acknowledges nothing: never in sync. Ten minutes after
 * the time that is gone through all the same. */
START_TEST(a_connection_that_is_never_quiet_is_looked_at_after_twenty_minutes)
{
    uint64_t next, begun = node_now, at = 0;

    client_init(&client, &alice, 2);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    client_say_hello(&client, 100000, 0, NULL, 1 << 20);
    while (node_now < begun + 21 * MINUTE && at == 0) {
        node_now += 5000;
        ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
        client_carry(&client);
        while (client_hear(&client)) {
            ck_assert(client.message.kind != COVE_MESSAGE_WHOLE);
            at = client.message.kind == COVE_MESSAGE_SUMS ? node_now - begun
                                                          : at;
        }
        client_say_number(&client, COVE_MESSAGE_PING, 1);
    }
    ck_assert_uint_ge(at, 20 * MINUTE);
    client_clear(&client);
}
END_TEST

/* --- what may fail */

static void assert_found(void)
{
    if (wire.err[0] != 0 || wire.err[1] != 0 || wire.conn[0] == NULL ||
        cove_conn_done(wire.conn[0]) || cove_conn_done(wire.conn[1])) {
        link_cut(&wire);
        meet();
    }
    pass_to(node_now - opened + 25 * MINUTE);
    for (uint32_t n = 0; n < DOCS + 5; n++) {
        ck_assert(n >= 40 && n < DOCS ? true : has(&alice, n) && has(&bob, n));
    }
}

static void open_small(void)
{
    teardown();
    open_with(40);
    plant();
    pass_to(10 * MINUTE - 500);
}

START_TEST(every_allocation_of_looking_again_may_fail)
{
    bool over = false;

    for (long fail = 1; !over; fail += 3) {
        open_small();
        bob.kit.heap.calls = 0;
        bob.kit.heap.fail_at = fail;
        for (unsigned i = 0; i < 4; i++) {
            node_now += 500;
            (void)link_settle(&wire);
        }
        over = bob.kit.heap.calls < fail;
        bob.kit.heap.fail_at = 0;
        assert_found();
    }
}
END_TEST

START_TEST(every_call_of_the_store_in_looking_again_may_fail)
{
    static const int codes[] = {COVE_EIO, COVE_ENOSPC, COVE_ENOMEM};
    bool over = false;

    for (long fail = 1; !over; fail += 3) {
        struct fixture_fault fault = {.fail_at = fail, .code = codes[fail % 3]};

        open_small();
        cove_store_set_fault(bob.kit.store.store, fixture_hook, &fault);
        for (unsigned i = 0; i < 4; i++) {
            node_now += 500;
            (void)link_settle(&wire);
        }
        cove_store_set_fault(bob.kit.store.store, NULL, NULL);
        over = fault.calls < fail;
        assert_found();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sweep");
    TCase *tc = tcase_create("sweep");

    if (cove_crypto_init() != 0) {
        return EXIT_FAILURE;
    }
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
#define ADD(test) tcase_add_test(tc, test)
    ADD(what_differs_behind_both_backs_is_found_after_ten_minutes);
    ADD(equal_stores_say_one_sum_and_no_more);
    ADD(what_changes_meanwhile_is_no_difference);
    ADD(what_the_other_may_not_read_is_no_difference);
    ADD(a_partial_interest_is_looked_at_again_too);
    ADD(a_wrong_sum_costs_one_round_and_not_again_at_once);
    ADD(an_unlike_that_answers_nothing_ends_the_connection);
    ADD(a_connection_that_is_never_quiet_is_looked_at_after_twenty_minutes);
    ADD(every_allocation_of_looking_again_may_fail);
    ADD(every_call_of_the_store_in_looking_again_may_fail);
#undef ADD
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
