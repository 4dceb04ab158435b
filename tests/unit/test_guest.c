/* Guests: devices that nobody named, at a store that is open to any. */
#include "sync/invite.h"
#include "tests/unit/engine_kit.h"

#define CROWD 49 /* devices; of each four connections */

static struct node relay, bob, carol, dave;
static struct link wire, other, third;
static struct cove_id group;
static const uint8_t secret[COVE_INVITE_SECRET] = {5, 6, 7, 8};

/* Bob's group, in which the relay and carol read and dave is nobody. */
static struct cove_bytes group_header(struct node *node)
{
    struct kit_member members[] = {
        {&bob.kit, "admin"}, {&relay.kit, "reader"}, {&carol.kit, "reader"}};

    return kit_group(&node->kit, members, 3, &group);
}

/* A group of the node's alone, but for the relay. */
static void own_group(struct node *node)
{
    struct kit_member members[] = {{&node->kit, "admin"},
                                   {&relay.kit, "reader"}};
    struct cove_bytes header = kit_group(&node->kit, members, 2, &group);

    kit_take_header(&node->kit, &group, header);
}

static void setup(void)
{
    node_open(&relay, 1);
    node_open(&bob, 2);
    node_open(&carol, 3);
    node_open(&dave, 4);
    node_know(&bob, &relay.kit.device);
    node_know(&carol, &relay.kit.device);
    node_know(&dave, &relay.kit.device);
    memset(&wire, 0, sizeof(wire));
    memset(&other, 0, sizeof(other));
    memset(&third, 0, sizeof(third));
    (void)group_header(&bob);
    ck_assert_int_eq(cove_engine_open(relay.engine, node_now, true), 0);
}

static void teardown(void)
{
    link_cut(&wire);
    link_cut(&other);
    link_cut(&third);
    node_close(&relay);
    node_close(&bob);
    node_close(&carol);
    node_close(&dave);
}

static struct cove_id make(struct node *node, uint32_t n)
{
    struct cove_id id;
    struct cove_bytes header =
        kit_header(&node->kit, COVE_DOC_COMAP, &group, n, &id);

    kit_take_header(&node->kit, &id, header);
    kit_set(&node->kit, &id, "a", n);
    return id;
}

static struct cove_id bob_writes(uint32_t n)
{
    static struct cove_id first;

    kit_take_header(&bob.kit, &group, group_header(&bob));
    first = make(&bob, n);
    return first;
}

static bool calls(struct link *link, struct node *from)
{
    link_cut(link);
    if (link_dial(link, from, &relay) != 0) {
        return false; /* without memory */
    }
    (void)link_settle(link);
    return link->err[0] == 0 && link_stats(link, 0).open &&
           link_stats(link, 1).open;
}

/* The number of its record; 0: it has none. */
static uint32_t number_of(const struct node *node)
{
    struct cove_store_txn *txn = kit_begin(&relay.kit, false);
    struct cove_peer_record record = {.number = 0};
    int err = cove_peer_get(relay.kit.repo, txn, &node->kit.device, &record);

    cove_store_abort(txn);
    ck_assert(err == 0 || err == COVE_ENOTFOUND);
    return record.number;
}

static bool has(struct node *node, const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, false);
    cove_num num;
    int err = cove_repo_find(node->kit.repo, txn, id, &num);

    cove_store_abort(txn);
    ck_assert(err == 0 || err == COVE_ENOTFOUND);
    return err == 0;
}

START_TEST(a_device_that_nobody_named_is_refused_until_the_store_is_open)
{
    ck_assert_int_eq(cove_engine_open(relay.engine, node_now, false), 0);
    ck_assert(!calls(&wire, &bob));
    ck_assert_int_eq(wire.err[1], COVE_EPEER);
    ck_assert_int_eq(cove_engine_open(relay.engine, node_now, true), 0);
    ck_assert(calls(&wire, &bob));
    ck_assert(link_stats(&wire, 1).guest);
    ck_assert(node_saw(&relay, "a guest connected"));
}
END_TEST

START_TEST(who_only_knocks_leaves_nothing)
{
    ck_assert(calls(&wire, &bob));
    for (unsigned i = 0; i < 3; i++) {
        node_now += 60000; /* pings; nothing that would be written */
        (void)link_settle(&wire);
    }
    link_cut(&wire);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t next;

        node_now += 1000;
        ck_assert_int_eq(cove_engine_tick(relay.engine, node_now, &next), 0);
    }
    ck_assert_uint_eq(number_of(&bob), 0);
    ck_assert_uint_eq(relay.commits, 0);
    /* What is left of the connection in memory, of many such ones. */
    int64_t alive = relay.kit.heap.alive;

    for (unsigned i = 0; i < 8; i++) {
        ck_assert(calls(&wire, &bob));
        link_cut(&wire);
        ck_assert_int_eq(cove_engine_flush(relay.engine, node_now), 0);
        ck_assert_int_eq(relay.kit.heap.alive, alive);
    }
}
END_TEST

START_TEST(a_guest_gets_a_record_when_the_first_of_it_is_kept)
{
    struct cove_id id = bob_writes(1);
    struct cove_peer_record record;

    ck_assert(calls(&wire, &bob));
    ck_assert(has(&relay, &id));
    record = node_record(&relay, &bob.kit.device);
    ck_assert_uint_eq(record.number, COVE_GUESTS_FROM);
    ck_assert(cove_peer_is_guest(&record));
    ck_assert_uint_gt(record.have, 0);
    ck_assert_uint_eq(node_unsent(&bob, &relay.kit.device), 0);
    /* The second time it is known as far as that. */
    wire.bytes[0] = 0;
    ck_assert(calls(&wire, &bob));
    ck_assert_uint_lt(wire.bytes[0], 700);
    ck_assert_uint_eq(number_of(&bob), COVE_GUESTS_FROM);
}
END_TEST

/* Without its header: the document is here, what comes is a batch alone. */
START_TEST(a_batch_alone_makes_a_record_too)
{
    struct cove_id id = bob_writes(2);

    kit_take_header(&relay.kit, &group, group_header(&relay));
    struct cove_bytes header =
        kit_header(&relay.kit, COVE_DOC_COMAP, &group, 2, &id);

    kit_take_header(&relay.kit, &id, header);
    ck_assert(calls(&wire, &bob));
    ck_assert_uint_eq(number_of(&bob), COVE_GUESTS_FROM);
    ck_assert_uint_eq(node_unsent(&bob, &relay.kit.device), 0);
}
END_TEST

START_TEST(a_guest_reads_what_its_groups_let_it_and_no_more)
{
    struct cove_id id = bob_writes(3);

    ck_assert(calls(&wire, &bob));
    ck_assert(calls(&other, &carol));
    ck_assert(calls(&third, &dave));
    ck_assert(has(&carol, &id));
    ck_assert(!has(&dave, &id) && !has(&dave, &group));
    ck_assert_uint_eq(number_of(&carol), 0); /* who reads leaves nothing */
    ck_assert_uint_eq(number_of(&dave), 0);
    /* And live, from the one to the other. */
    kit_set(&bob.kit, &id, "b", 9);
    link_changed(&wire, 0);
    link_run(&wire);
    link_run(&other);
    link_run(&third);

    struct cove_store_txn *txn = kit_begin(&carol.kit, false);

    ck_assert_uint_eq(kit_load(&carol.kit, txn, &id).sessions[0].len, 2);
    cove_store_abort(txn);
    ck_assert(!has(&dave, &id));
}
END_TEST

/* What this device changed has the number 0, and so has a guest at first. */
START_TEST(what_changes_here_is_pushed_to_a_guest_without_a_record)
{
    struct kit_member members[] = {{&relay.kit, "admin"},
                                   {&carol.kit, "reader"}};
    struct cove_bytes header = kit_group(&relay.kit, members, 2, &group);
    struct cove_id id;

    kit_take_header(&relay.kit, &group, header);
    id = make(&relay, 4);
    ck_assert(calls(&other, &carol));
    ck_assert(has(&carol, &id));
    for (int64_t i = 1; i < 4; i++) {
        uint64_t before = other.bytes[0];

        kit_set(&relay.kit, &id, "a", 100 + i);
        link_changed(&other, 1);
        link_run(&other);
        /* It came unasked: an acknowledgement goes back, and no question. */
        ck_assert_uint_lt(other.bytes[0] - before, 80);

        struct cove_store_txn *txn = kit_begin(&carol.kit, false);

        ck_assert_int_eq(kit_load(&carol.kit, txn, &id).sessions[0].len, i + 1);
        cove_store_abort(txn);
    }
    ck_assert_uint_eq(number_of(&carol), 0);
}
END_TEST

START_TEST(closed_again_guests_are_sent_away_and_the_store_stays)
{
    struct cove_id id = bob_writes(5);

    node_know(&relay, &carol.kit.device);
    ck_assert(calls(&wire, &bob));
    ck_assert(calls(&other, &carol));
    ck_assert(calls(&third, &dave)); /* without a record */
    node_know(&relay, &dave.kit.device);
    ck_assert_int_eq(cove_engine_open(relay.engine, node_now, false), 0);
    (void)link_settle(&wire);
    ck_assert_int_eq(wire.err[0], COVE_EPEER);
    ck_assert(cove_conn_done(wire.conn[1]));
    link_run(&other); /* a peer */
    link_run(&third); /* a peer by now */
    ck_assert(!link_stats(&third, 1).guest);
    ck_assert(has(&relay, &id) && has(&carol, &id));
    ck_assert(number_of(&bob) != 0);
    ck_assert(!calls(&wire, &bob)); /* its record does not let it in */
    ck_assert_int_eq(wire.err[1], COVE_EPEER);
    ck_assert(cove_conn_stranger(wire.conn[1]) != NULL);
    ck_assert_int_eq(cove_engine_open(relay.engine, node_now, true), 0);
    ck_assert(calls(&wire, &bob));
}
END_TEST

START_TEST(a_guest_that_is_named_is_a_peer_of_another_number)
{
    (void)bob_writes(6);
    ck_assert(calls(&wire, &bob));
    ck_assert_uint_eq(number_of(&bob), COVE_GUESTS_FROM);
    node_know(&relay, &bob.kit.device);
    ck_assert_uint_eq(number_of(&bob), 1);
    ck_assert_int_eq(cove_engine_open(relay.engine, node_now, false), 0);
    link_run(&wire);
    ck_assert(link_stats(&wire, 1).open);
    ck_assert(calls(&wire, &bob));
    /* Put again it keeps that. */
    node_know(&relay, &bob.kit.device);
    ck_assert_uint_eq(number_of(&bob), 1);
}
END_TEST

START_TEST(a_guest_with_an_invite_becomes_a_peer_and_counts)
{
    struct cove_store_txn *txn;
    struct cove_invite made = {.name = "friend",
                               .hash = cove_invite_hash(secret),
                               .made_ms = relay.kit.env.now_ms,
                               .expires_ms = relay.kit.env.now_ms + 1000,
                               .uses = 1};

    (void)bob_writes(7);
    ck_assert(calls(&wire, &bob));
    link_cut(&wire);
    ck_assert_int_eq(cove_engine_flush(relay.engine, node_now), 0);
    txn = kit_begin(&relay.kit, true);
    ck_assert_int_eq(cove_invite_add(relay.kit.repo, txn, &made), 0);
    kit_commit(txn);
    txn = kit_begin(&bob.kit, true);
    ck_assert_int_eq(
        cove_join_put(bob.kit.repo, txn, &relay.kit.device, secret), 0);
    kit_commit(txn);
    ck_assert(calls(&wire, &bob));
    ck_assert_uint_eq(number_of(&bob), 1);
    ck_assert(!link_stats(&wire, 1).guest);
    ck_assert_str_eq(node_record(&relay, &bob.kit.device).name, "friend");
}
END_TEST

START_TEST(a_guest_that_is_removed_is_sent_away_and_may_come_again)
{
    struct cove_id id = bob_writes(8);
    struct cove_store_txn *txn;

    ck_assert(calls(&wire, &bob));
    txn = kit_begin(&relay.kit, true);
    ck_assert_int_eq(cove_peer_remove(relay.kit.repo, txn, &bob.kit.device), 0);
    kit_commit(txn);
    kit_set(&bob.kit, &id, "a", 1000);
    link_changed(&wire, 0);
    (void)link_settle(&wire);
    ck_assert(cove_conn_done(wire.conn[1]));
    ck_assert_uint_eq(number_of(&bob), 0);
    ck_assert(calls(&wire, &bob));
    ck_assert_uint_eq(number_of(&bob), 0); /* it has brought nothing new */
    kit_set(&bob.kit, &id, "a", 1001);
    link_changed(&wire, 0);
    link_run(&wire);
    ck_assert_uint_eq(number_of(&bob), COVE_GUESTS_FROM + 1);
}
END_TEST

static void put_guest(uint32_t n, int64_t seen_ms)
{
    struct cove_store_txn *txn = kit_begin(&relay.kit, true);
    struct cove_peer_record record = {.last_seen_ms = seen_ms};

    memcpy(record.key.b, &n, sizeof(n));
    record.key.b[31] = 1;
    ck_assert_int_eq(cove_guest_number(relay.kit.repo, txn, &record.number), 0);
    ck_assert_int_eq(cove_peer_put(relay.kit.repo, txn, &record), 0);
    kit_commit(txn);
}

static unsigned guests(uint32_t *oldest)
{
    struct cove_store_txn *txn = kit_begin(&relay.kit, false);
    struct cove_peer_record record;
    const struct cove_key *after = NULL;
    struct cove_key last;
    unsigned count = 0;

    *oldest = UINT32_MAX;
    while (cove_peer_next(relay.kit.repo, txn, after, &record) == 0) {
        count += cove_peer_is_guest(&record);
        *oldest = record.number < *oldest ? record.number : *oldest;
        last = record.key;
        after = &last;
    }
    cove_store_abort(txn);
    return count;
}

START_TEST(so_many_guests_have_records_and_one_more_ends_the_oldest)
{
    uint32_t oldest;

    (void)bob_writes(9);
    ck_assert(calls(&wire, &bob)); /* connected: the oldest, and it stays */
    for (uint32_t i = 1; i < COVE_GUESTS - 1; i++) {
        put_guest(i, relay.kit.env.now_ms + 1000 + i);
    }
    ck_assert_uint_eq(guests(&oldest), COVE_GUESTS - 1);
    /* Carol is a guest that writes in a group of its own. */
    own_group(&carol);
    ck_assert(calls(&other, &carol));
    ck_assert_uint_eq(guests(&oldest), COVE_GUESTS);
    ck_assert_uint_eq(oldest, COVE_GUESTS_FROM);
    own_group(&dave);
    ck_assert(calls(&third, &dave));
    ck_assert_uint_eq(guests(&oldest), COVE_GUESTS);
    ck_assert_uint_eq(oldest, COVE_GUESTS_FROM); /* bob's */
    ck_assert(number_of(&bob) != 0 && number_of(&carol) != 0);

    struct cove_store_txn *txn = kit_begin(&relay.kit, false);
    struct cove_peer_record record;
    struct cove_key first = {.b = {1}};

    first.b[31] = 1;
    ck_assert_int_eq(cove_peer_get(relay.kit.repo, txn, &first, &record),
                     COVE_ENOTFOUND);
    cove_store_abort(txn);
}
END_TEST

START_TEST(a_part_of_all_connections_is_kept_from_guests)
{
    static struct node crowd[CROWD];
    static struct link wires[CROWD * 4];
    unsigned in = 0;

    for (unsigned i = 0; i < CROWD; i++) {
        node_open(&crowd[i], (uint8_t)(10 + i));
        node_know(&crowd[i], &relay.kit.device);
        for (unsigned k = 0; k < 4; k++) {
            in += calls(&wires[i * 4 + k], &crowd[i]);
        }
    }
    ck_assert_uint_eq(in, 192);
    ck_assert_int_eq(wires[192].err[1], COVE_ELIMIT);
    node_know(&relay, &bob.kit.device);
    ck_assert(calls(&wire, &bob)); /* a peer finds room */
    for (unsigned i = 0; i < CROWD; i++) {
        for (unsigned k = 0; k < 4; k++) {
            link_cut(&wires[i * 4 + k]);
        }
        node_close(&crowd[i]);
    }
}
END_TEST

/* Whatever fails: bob's document and bob's record are both here, or neither
 * is; the next call brings them. */
static void assert_whole(const struct cove_id *id)
{
    ck_assert(!has(&relay, id) || number_of(&bob) >= COVE_GUESTS_FROM);
    ck_assert(calls(&wire, &bob));
    ck_assert(has(&relay, id) && number_of(&bob) >= COVE_GUESTS_FROM);
    ck_assert_uint_eq(node_unsent(&bob, &relay.kit.device), 0);
    link_cut(&wire);
}

START_TEST(every_allocation_of_a_guests_first_visit_may_fail)
{
    bool over = false;

    for (long fail = 1; !over; fail++) {
        struct cove_id id;

        teardown();
        setup();
        id = bob_writes(1);
        relay.kit.heap.calls = 0;
        relay.kit.heap.fail_at = fail;
        (void)calls(&wire, &bob);
        over = relay.kit.heap.calls < fail;
        relay.kit.heap.fail_at = 0;
        assert_whole(&id);
    }
}
END_TEST

START_TEST(every_call_of_the_store_in_a_guests_first_visit_may_fail)
{
    static const int codes[] = {COVE_EIO, COVE_ENOSPC, COVE_ENOMEM};
    bool over = false;

    for (long fail = 1; !over; fail++) {
        struct fixture_fault fault = {.fail_at = fail, .code = codes[fail % 3]};
        struct cove_id id;

        teardown();
        setup();
        id = bob_writes(1);
        cove_store_set_fault(relay.kit.store.store, fixture_hook, &fault);
        (void)calls(&wire, &bob);
        cove_store_set_fault(relay.kit.store.store, NULL, NULL);
        over = fault.calls < fail;
        assert_whole(&id);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("guest");
    TCase *tc = tcase_create("guest");

    if (cove_crypto_init() != 0) {
        return EXIT_FAILURE;
    }
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
#define ADD(test) tcase_add_test(tc, test)
    ADD(a_device_that_nobody_named_is_refused_until_the_store_is_open);
    ADD(who_only_knocks_leaves_nothing);
    ADD(a_guest_gets_a_record_when_the_first_of_it_is_kept);
    ADD(a_batch_alone_makes_a_record_too);
    ADD(a_guest_reads_what_its_groups_let_it_and_no_more);
    ADD(what_changes_here_is_pushed_to_a_guest_without_a_record);
    ADD(closed_again_guests_are_sent_away_and_the_store_stays);
    ADD(a_guest_that_is_named_is_a_peer_of_another_number);
    ADD(a_guest_with_an_invite_becomes_a_peer_and_counts);
    ADD(a_guest_that_is_removed_is_sent_away_and_may_come_again);
    ADD(so_many_guests_have_records_and_one_more_ends_the_oldest);
    ADD(a_part_of_all_connections_is_kept_from_guests);
    ADD(every_allocation_of_a_guests_first_visit_may_fail);
    ADD(every_call_of_the_store_in_a_guests_first_visit_may_fail);
#undef ADD
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
