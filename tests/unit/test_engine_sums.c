/* What differs is found by sums: two stores that know much in common. */
#include "crdt/repo_sums.h"
#include "sync/engine_internal.h"
#include "tests/unit/client_kit.h"

#define TREE_SUMS 18 /* docs/FORMAT.md "Trees" */
#define DOCS      4000

static struct node alice, bob;
static struct link wire;
static struct cove_id group, ids[DOCS + 200];

static void give(struct node *node)
{
    struct kit_member members[] = {{&alice.kit, "admin"}, {&bob.kit, "writer"}};
    struct cove_bytes header = kit_group(&alice.kit, members, 2, &group);

    kit_take_header(&node->kit, &group, header);
}

static void doc_take(struct node *node, struct cove_store_txn *txn, uint32_t n,
                     struct cove_id *id)
{
    struct cove_bytes header;
    cove_num num;

    cove_arena_reset(&alice.kit.arena);
    header = kit_header(&alice.kit, COVE_DOC_COMAP, &group, n, id);
    ck_assert_int_eq(
        cove_repo_ingest_header(node->kit.repo, txn, id, header, &num, NULL),
        0);
}

static void docs_take(struct node *node, uint32_t from, uint32_t to)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, true);

    for (uint32_t n = from; n < to; n++) {
        doc_take(node, txn, n, &ids[n]);
    }
    kit_commit(txn);
}

static void setup(void)
{
    node_open(&alice, 1);
    node_open(&bob, 2);
    node_know(&alice, &bob.kit.device);
    node_know(&bob, &alice.kit.device);
    give(&alice);
    give(&bob);
    docs_take(&alice, 0, DOCS);
    docs_take(&bob, 0, DOCS);
    memset(&wire, 0, sizeof(wire));
}

static void teardown(void)
{
    link_cut(&wire);
    node_close(&alice);
    node_close(&bob);
}

static void meet(void)
{
    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    link_run(&wire);
    ck_assert(link_stats(&wire, 0).in_sync);
    ck_assert(link_stats(&wire, 1).in_sync);
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
    ck_assert_uint_eq(node_unsent(&bob, &alice.kit.device), 0);
}

static void assert_same(uint32_t n)
{
    struct cove_hash a = kit_digest(&alice.kit, &ids[n]);
    struct cove_hash b = kit_digest(&bob.kit, &ids[n]);

    ck_assert_mem_eq(a.b, b.b, sizeof(a.b));
    cove_arena_reset(&alice.kit.arena);
    cove_arena_reset(&bob.kit.arena);
}

START_TEST(equal_stores_that_meet_for_the_first_time_say_a_few_hashes)
{
    meet();
    /* Two groups of 2,000 documents: two nodes each. To tell each document
     * would be 260 KiB each way. */
    ck_assert_uint_lt(wire.bytes[0] + wire.bytes[1], 4096);
}
END_TEST

#define THEIRS 9000

/* Documents of a group that bob is no member of. */
static void theirs_take(void)
{
    struct kit_member members[] = {{&alice.kit, "admin"}};
    struct cove_bytes header = kit_group(&alice.kit, members, 1, &group);
    struct cove_store_txn *txn;
    struct cove_id id;

    kit_take_header(&alice.kit, &group, header);
    txn = kit_begin(&alice.kit, true);
    for (uint32_t n = 0; n < THEIRS; n++) {
        doc_take(&alice, txn, n, &id);
    }
    kit_commit(txn);
}

/* On a relay of many a new device may read little: it is told that by groups,
 * and nobody goes through the changes of all the others for it. */
START_TEST(who_may_read_little_of_much_is_told_by_groups)
{
    node_close(&alice);
    node_close(&bob);
    node_open(&alice, 1);
    node_open(&bob, 2);
    node_know(&alice, &bob.kit.device);
    node_know(&bob, &alice.kit.device);
    theirs_take();
    give(&alice);
    docs_take(&alice, 0, 10);
    meet();
    ck_assert_uint_lt(wire.conn[0]->give.cursor, THEIRS / 2);
    for (uint32_t n = 0; n < 10; n++) {
        assert_same(n);
    }
    kit_set(&alice.kit, &ids[3], "a", 1);
    link_changed(&wire, 0);
    link_run(&wire);
    assert_same(3);
}
END_TEST

START_TEST(what_differs_is_found_on_both_sides)
{
    for (uint32_t i = 0; i < 20; i++) {
        kit_set(&alice.kit, &ids[i * 7], "a", 1);
        kit_set(&bob.kit, &ids[2000 + i * 13], "b", 2);
        kit_set(&alice.kit, &ids[3000 + i], "c", 3);
        kit_set(&bob.kit, &ids[3000 + i], "c", 4);
    }
    docs_take(&alice, DOCS, DOCS + 50);
    docs_take(&bob, DOCS + 50, DOCS + 100);
    meet();
    ck_assert_uint_lt(wire.bytes[0] + wire.bytes[1], 180 << 10);
    for (uint32_t n = 0; n < DOCS + 100; n++) {
        assert_same(n);
    }
}
END_TEST

START_TEST(what_changes_while_sums_are_told_is_told_too)
{
    size_t moved = 1;
    uint32_t n = 0;

    kit_set(&alice.kit, &ids[1], "a", 1);
    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    while (moved > 0) {
        ck_assert_int_eq(link_turn(&wire, &moved), 0);
        if (n < 12) {
            kit_set(&alice.kit, &ids[n * 300], "a", 5);
            kit_set(&bob.kit, &ids[n * 300 + 7], "b", 6);
            docs_take(&alice, DOCS + n, DOCS + n + 1);
            n++;
            link_changed(&wire, 0);
            link_changed(&wire, 1);
        }
    }
    link_run(&wire);
    ck_assert_uint_eq(n, 12);
    for (uint32_t i = 0; i < DOCS + n; i++) {
        assert_same(i);
    }
}
END_TEST

/* A3 */
START_TEST(a_connection_that_is_cut_anywhere_in_them_begins_again)
{
    for (uint32_t i = 0; i < 40; i++) {
        kit_set(&alice.kit, &ids[i * 97], "a", 1);
        kit_set(&bob.kit, &ids[i * 89], "b", 2);
    }
    for (unsigned turns = 1; turns < 20; turns++) {
        size_t moved;

        ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
        for (unsigned i = 0; i < turns; i++) {
            ck_assert_int_eq(link_turn(&wire, &moved), 0);
        }
        link_cut(&wire);
    }
    meet();
    for (uint32_t n = 0; n < DOCS; n++) {
        assert_same(n);
    }
}
END_TEST

START_TEST(without_sums_all_goes_by_changes)
{
    static const uint8_t broken[] = {9};
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);

    /* Its position cannot be read: they are begun again, and come out right. */
    ck_assert_int_eq(cove_store_put(txn, TREE_SUMS, cove_bytes("\xff", 1),
                                    cove_bytes(broken, 1)),
                     0);
    kit_commit(txn);
    kit_set(&alice.kit, &ids[3], "a", 1);
    meet();
    assert_same(3);
}
END_TEST

/* --- a client that is hostile */

static struct client client; /* speaks with bob's key */

static void client_begin(void)
{
    client_init(&client, &alice, 2);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    client_say_hello(&client, 1000000, 0, NULL, 16 << 20);
    while (client_hear(&client) && client.message.kind != COVE_MESSAGE_SUMS) {
    }
    ck_assert_uint_eq(client.message.kind, COVE_MESSAGE_SUMS);
}

/* To all that was told: it differs, as `len` bytes say. */
static void client_differ(size_t len)
{
    static const uint8_t all[4] = {255, 255, 255, 255};
    size_t count = client.message.sums.nodes.count;

    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(
            cove_message_add_bytes(&client.list[0], cove_bytes(all, len)), 0);
    }
    ck_assert_int_eq(cove_message_put_differ(&client.out, &client.list[0]), 0);
    client_say(&client, COVE_LANE_CONTROL);
}

/* A30 */
START_TEST(answers_that_fit_no_sum_end_the_connection)
{
    for (unsigned way = 0; way < 3; way++) {
        client_begin();
        if (way == 0) { /* too short for sixteen children */
            client_differ(1);
        } else if (way == 1) { /* twice */
            client_differ(2);
            client.message.sums.nodes.count = 128;
            client_differ(2);
        } else { /* unasked */
            client_hang_up(&client);
            client_clear(&client);
            client_init(&client, &bob, 1);
            client_dial(&client);
            client_say_hello(&client, 0, 0, NULL, 1 << 20);
            client.message.sums.nodes.count = 1;
            client_differ(1);
        }
        ck_assert(cove_conn_done(client.conn));
        ck_assert_int_eq(cove_conn_diag(client.conn)->code, COVE_EPROTOCOL);
        client_clear(&client);
    }
}
END_TEST

/* A30: whatever is told, it differs. Then all is told, once. */
START_TEST(who_finds_that_all_differs_is_told_all_and_no_more)
{
    size_t haves = 0, sums = 0, others = 0;

    client_begin();
    do {
        static const uint8_t all[4] = {255, 255, 255, 255};
        struct cove_reader walk = cove_message_walk(&client.message.sums.nodes);
        struct cove_message_sum sum;

        if (client.message.kind == COVE_MESSAGE_HAVE) {
            struct cove_message_list none = {.count = 0};

            haves += client.message.have.count;
            cove_message_list_init(&none, &cove_alloc_libc);
            ck_assert_int_eq(cove_message_put_know(
                                 &client.out, client.message.have.count, &none),
                             0);
            client_say(&client, COVE_LANE_CONTROL);
            continue;
        }
        if (client.message.kind != COVE_MESSAGE_SUMS) {
            others++;
            continue;
        }
        for (size_t i = 0; i < client.message.sums.nodes.count; i++) {
            size_t count;
            uint8_t bits[4];

            ck_assert(cove_message_next_sum(&walk, &sum));
            count = sum.marks.len / COVE_MESSAGE_MARK;
            memcpy(bits, all, sizeof(bits));
            if (count % 8 != 0) {
                bits[count / 8] = (uint8_t)((1u << count % 8) - 1);
            }
            ck_assert_int_eq(
                cove_message_add_bytes(&client.list[0],
                                       cove_bytes(bits, (count + 7) / 8)),
                0);
            sums++;
        }
        ck_assert_int_eq(cove_message_put_differ(&client.out, &client.list[0]),
                         0);
        client_say(&client, COVE_LANE_CONTROL);
    } while (client_hear(&client));
    ck_assert_int_eq(cove_conn_diag(client.conn)->code, 0);
    ck_assert_uint_eq(haves, DOCS);
    ck_assert_uint_lt(sums, 600);
    ck_assert_uint_lt(others, 8);
    client_clear(&client);
}
END_TEST

/* A30 */
START_TEST(who_tells_sums_without_end_is_dropped)
{
    static const uint8_t mark[COVE_MESSAGE_MARK];
    struct cove_message_sums sums = {.class = 3, .owner = group};
    struct cove_message_sum sum = {.marks = cove_bytes(mark, sizeof(mark))};
    unsigned said = 0;

    client_begin();
    for (; said < 1000 && client.err == 0; said++) {
        for (unsigned i = 0; i < COVE_MESSAGE_MAX_SUMS; i++) {
            ck_assert_int_eq(cove_message_add_sum(&client.list[0], &sum), 0);
        }
        ck_assert_int_eq(
            cove_message_put_sums(&client.out, &sums, &client.list[0]), 0);
        ck_assert_int_eq(cove_channel_send(client.channel, COVE_LANE_CONTENT,
                                           cove_buf_bytes(&client.out)),
                         0);
        client.out.len = 0;
        cove_message_list_reset(&client.list[0]);
        for (struct cove_bytes bytes = cove_channel_output(client.channel);
             bytes.len > 0 && client.err == 0;
             bytes = cove_channel_output(client.channel)) {
            client.err = cove_conn_input(client.conn, node_now, bytes);
            cove_channel_written(client.channel, bytes.len);
        }
    }
    ck_assert_int_eq(client.err, COVE_EPROTOCOL);
    ck_assert_uint_le(said, 64);
    client_clear(&client);
}
END_TEST

/* A23: nobody can have looked for ids whose marks are alike: what they are is
 * not known before the handshake is done. */
START_TEST(marks_of_equal_stores_differ_on_each_connection)
{
    uint8_t marks[2][COVE_MESSAGE_MARK];

    for (size_t i = 0; i < 2; i++) {
        struct cove_message_sum sum;
        struct cove_reader walk;

        client_begin();
        walk = cove_message_walk(&client.message.sums.nodes);
        ck_assert(cove_message_next_sum(&walk, &sum));
        ck_assert_uint_ge(sum.marks.len, COVE_MESSAGE_MARK);
        memcpy(marks[i], sum.marks.at, sizeof(marks[i]));
        client_clear(&client);
    }
    ck_assert_mem_ne(marks[0], marks[1], sizeof(marks[0]));
}
END_TEST

/* A30: it never shrinks. */
START_TEST(the_same_sum_again_and_again_costs_an_answer_and_no_memory)
{
    static const uint8_t marks[16 * COVE_MESSAGE_MARK];
    struct cove_message_sums sums = {.class = 3, .owner = group};
    struct cove_message_sum sum = {.mask = 0xffff,
                                   .marks = cove_bytes(marks, sizeof(marks))};
    unsigned answers = 0;
    long alive = 0;

    client_begin();
    for (unsigned said = 0; said < 5000; said++) {
        ck_assert_int_eq(cove_message_add_sum(&client.list[0], &sum), 0);
        ck_assert_int_eq(
            cove_message_put_sums(&client.out, &sums, &client.list[0]), 0);
        client_say(&client, COVE_LANE_CONTENT);
        while (client_hear(&client)) {
            answers += client.message.kind == COVE_MESSAGE_DIFFER;
        }
        if (said == 100) {
            alive = alice.kit.heap.alive;
        }
    }
    ck_assert_int_eq(cove_conn_diag(client.conn)->code, 0);
    ck_assert_uint_eq(answers, 5000);
    ck_assert_int_le(alice.kit.heap.alive, alive + 4);
    client_clear(&client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_sums");
    TCase *tcase = tcase_create("sums");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase,
                   equal_stores_that_meet_for_the_first_time_say_a_few_hashes);
    tcase_add_test(tcase, who_may_read_little_of_much_is_told_by_groups);
    tcase_add_test(tcase, what_differs_is_found_on_both_sides);
    tcase_add_test(tcase, what_changes_while_sums_are_told_is_told_too);
    tcase_add_test(tcase,
                   a_connection_that_is_cut_anywhere_in_them_begins_again);
    tcase_add_test(tcase, without_sums_all_goes_by_changes);
    tcase_add_test(tcase, answers_that_fit_no_sum_end_the_connection);
    tcase_add_test(tcase, who_finds_that_all_differs_is_told_all_and_no_more);
    tcase_add_test(tcase, who_tells_sums_without_end_is_dropped);
    tcase_add_test(tcase, marks_of_equal_stores_differ_on_each_connection);
    tcase_add_test(tcase,
                   the_same_sum_again_and_again_costs_an_answer_and_no_memory);
    suite_add_tcase(suite, tcase);
    return harness_run(suite);
}
