/* Strikes, and who is refused for a while: the table by itself, and an engine
 * whose peer sends what no honest device would. Each bound from both sides. */
#include "sync/ban.h"
#include "tests/unit/author.h"
#include "tests/unit/engine_fixture.h"

#define MINUTE UINT64_C(60000)
#define HOUR   (60 * MINUTE)

/* --- the table */

static struct cove_bans bans;
static struct harness_env env;

static void table_open(void)
{
    memset(&bans, 0, sizeof(bans));
    harness_env_init(&env, 7);
}

static const uint8_t *who_is(uint32_t n)
{
    static uint8_t who[COVE_BAN_WHO];

    memcpy(who + 4, &n, sizeof(n));
    return who;
}

static uint64_t strike(uint64_t now, uint32_t n, unsigned strikes)
{
    return cove_bans_strike(&bans, &env.env, now, who_is(n), strikes);
}

static uint64_t left(uint64_t now, uint32_t n)
{
    return cove_bans_left(&bans, now, who_is(n));
}

START_TEST(sixty_three_strikes_are_too_few_and_one_more_is_enough)
{
    uint64_t length;

    ck_assert_uint_eq(strike(5, 1, COVE_BAN_STRIKES - 1), 0);
    ck_assert_uint_eq(left(5, 1), 0);
    length = strike(5, 1, 1);
    ck_assert_uint_gt(length, 0);
    ck_assert_uint_eq(left(5, 1), length);
    ck_assert_uint_eq(left(5 + length - 1, 1), 1);
    ck_assert_uint_eq(left(5 + length, 1), 0);
    ck_assert_uint_eq(left(5, 2), 0); /* nobody else */
    ck_assert_uint_eq(bans.begun, 1);
}
END_TEST

START_TEST(who_is_refused_gets_no_more_strikes)
{
    uint64_t length = strike(0, 1, COVE_BAN_STRIKES);

    ck_assert_uint_eq(strike(length - 1, 1, 1000), 0);
    ck_assert_uint_eq(left(length, 1), 0);
    ck_assert_uint_eq(strike(length, 1, COVE_BAN_STRIKES - 1), 0);
    ck_assert_uint_gt(strike(length, 1, 1), 0);
}
END_TEST

START_TEST(a_strike_is_forgiven_every_thirty_seconds)
{
    uint64_t now = 0;

    /* For ever at that pace, and nothing follows. */
    for (unsigned i = 0; i < 10000; i++) {
        ck_assert_uint_eq(strike(now, 1, 1), 0);
        now += COVE_BAN_FORGIVE_MS;
    }
    ck_assert_uint_eq(strike(now, 2, COVE_BAN_STRIKES - 1), 0);
    now += COVE_BAN_FORGIVE_MS - 1; /* not yet */
    ck_assert_uint_gt(strike(now, 2, 1), 0);
    ck_assert_uint_eq(strike(now, 3, COVE_BAN_STRIKES - 1), 0);
    now += COVE_BAN_FORGIVE_MS;
    ck_assert_uint_eq(strike(now, 3, 1), 0);
    ck_assert_uint_gt(strike(now, 3, 1), 0);
    /* What is left of a strike's time counts on. */
    ck_assert_uint_eq(strike(now, 4, 10), 0);
    now += COVE_BAN_FORGIVE_MS * 3 / 2;
    ck_assert_uint_eq(strike(now, 4, COVE_BAN_STRIKES - 10), 0);
    now += COVE_BAN_FORGIVE_MS / 2;
    ck_assert_uint_eq(strike(now, 4, 1), 0);
    ck_assert_uint_gt(strike(now, 4, 1), 0);
}
END_TEST

/* As a peer with a damaged line calls: after a pause that grows to a minute. */
START_TEST(who_calls_at_an_honest_pace_is_never_refused)
{
    uint64_t now = 0, pause = 100;

    for (unsigned i = 0; i < 10000; i++) {
        ck_assert_uint_eq(strike(now, 1, 1), 0);
        now += pause;
        pause = pause * 2 < MINUTE / 2 ? pause * 2 : MINUTE / 2;
    }
}
END_TEST

START_TEST(each_time_is_twice_as_long_up_to_an_hour)
{
    uint64_t now = 0, most = MINUTE;

    for (unsigned i = 0; i < 12; i++) {
        uint64_t length = strike(now, 1, COVE_BAN_STRIKES);

        ck_assert_uint_le(length, most);
        ck_assert_uint_ge(length, most - most / 4);
        now += length;
        most = most * 2 < HOUR ? most * 2 : HOUR;
    }
    /* A day without: from the beginning. */
    ck_assert_uint_gt(strike(now + COVE_BAN_MEMORY_MS - 1, 1, COVE_BAN_STRIKES),
                      HOUR / 2);
    now += COVE_BAN_MEMORY_MS - 1;
    now += left(now, 1) + COVE_BAN_MEMORY_MS;
    ck_assert_uint_le(strike(now, 1, COVE_BAN_STRIKES), MINUTE);
}
END_TEST

START_TEST(how_long_cannot_be_told_before)
{
    uint64_t first = strike(0, 1, COVE_BAN_STRIKES);
    unsigned same = 0;

    for (uint32_t i = 2; i < 100; i++) {
        same += strike(0, i, COVE_BAN_STRIKES) == first;
    }
    ck_assert_uint_lt(same, 5);
}
END_TEST

START_TEST(a_flood_of_names_frees_nobody)
{
    uint64_t length = strike(0, 0, COVE_BAN_STRIKES);

    for (uint32_t i = 1; i < 100 * COVE_BANS; i++) {
        ck_assert_uint_eq(strike(1, i, 1), 0);
        ck_assert_uint_le(bans.count, COVE_BANS);
    }
    ck_assert_uint_eq(left(1, 0), length - 1);
    /* All of them refused: who is free soonest goes first. */
    for (uint32_t i = 1; i <= COVE_BANS; i++) {
        ck_assert_uint_gt(strike(2, i, COVE_BAN_STRIKES), 0);
    }
    ck_assert_uint_eq(bans.count, COVE_BANS);
    ck_assert_uint_eq(bans.begun, COVE_BANS + 1);
}
END_TEST

START_TEST(who_is_forgiven_begins_anew)
{
    ck_assert(!cove_bans_forgive(&bans, who_is(1)));
    ck_assert_uint_gt(strike(0, 1, COVE_BAN_STRIKES), 0);
    ck_assert_uint_gt(strike(0, 2, COVE_BAN_STRIKES), 0);
    ck_assert(cove_bans_forgive(&bans, who_is(1)));
    ck_assert_uint_eq(left(0, 1), 0);
    ck_assert_uint_gt(left(0, 2), 0);
    ck_assert_uint_eq(strike(0, 1, COVE_BAN_STRIKES - 1), 0);
    ck_assert_uint_le(strike(0, 1, 1), MINUTE);
}
END_TEST

/* --- the engine */

static struct cove_id doc;
static struct author author; /* bob, writing in doc */

static void engine_open(void)
{
    alice_open();
    doc = make(&alice, 1);
    author_init(&author, &bob.kit, &alice.kit, &doc, 1);
    author_set(&author, cove_hlc_of_ms(alice.kit.env.now_ms) + 1000, "a", 5);
    client_is_up_to_date();
}

static void engine_close(void)
{
    alice_close();
}

static uint64_t bob_left(void)
{
    return cove_bans_left(cove_engine_bans(alice.engine), node_now,
                          bob.kit.device.b);
}

static void client_strike(void)
{
    struct cove_batch batch = author_batch(&author, 0, 1);

    batch.proof.signature.b[5] ^= 1;
    client_add_batch(&client, &batch);
    client_say_content(&client);
}

/* Call; is it let in? */
static bool client_gets_in(void)
{
    client_hang_up(&client);
    client_dial(&client);
    return !cove_conn_done(client.conn);
}

static void client_call(void)
{
    client_hang_up(&client);
    client_is_up_to_date();
}

START_TEST(strikes_count_over_connections)
{
    for (unsigned i = 0; i < COVE_BAN_STRIKES - 1; i++) {
        client_strike();
        ck_assert(!cove_conn_done(client.conn));
        if (i % 10 == 9) {
            client_call();
        }
    }
    ck_assert_uint_eq(bob_left(), 0);
    client_strike();
    client_expect_dropped(&client, COVE_EPROTOCOL);
    ck_assert_uint_gt(bob_left(), 0);
    ck_assert(node_saw(&alice, "the device is refused for "));
    ck_assert_int_eq(kit_get(&alice.kit, &doc, "a"), 1);
}
END_TEST

START_TEST(who_is_refused_is_told_so_until_the_time_is_over)
{
    uint64_t length;

    for (unsigned i = 0; i < COVE_BAN_STRIKES; i++) {
        client_strike();
    }
    length = bob_left();
    ck_assert(!client_gets_in());
    client_expect_dropped(&client, COVE_ELIMIT);
    ck_assert_int_eq(cove_channel_diag(client.channel)->code, COVE_ELIMIT);
    ck_assert(strstr(cove_channel_diag(client.channel)->text,
                     "refuses this device for a while") != NULL);
    ck_assert(cove_conn_at_fault(client.conn));
    ck_assert(cove_conn_stranger(client.conn) == NULL);
    node_now += length - 1;
    ck_assert(!client_gets_in());
    node_now += 1;
    ck_assert(client_gets_in());
    client_call();
    for (unsigned i = 0; i < COVE_BAN_STRIKES; i++) {
        client_strike();
    }
    ck_assert_uint_gt(bob_left(), MINUTE); /* the second time */
}
END_TEST

/* Nobody has called; this side does. */
START_TEST(who_is_refused_is_not_let_in_by_calling_it_either)
{
    for (unsigned i = 0; i < COVE_BAN_STRIKES; i++) {
        client_strike();
    }
    client_hang_up(&client);
    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    (void)link_settle(&wire);
    ck_assert_int_eq(cove_conn_diag(wire.conn[0])->code, COVE_ELIMIT);
    ck_assert(!link_stats(&wire, 1).open);
}
END_TEST

/* A8 */
START_TEST(breaking_the_protocol_eight_times_is_enough)
{
    unsigned most = COVE_BAN_STRIKES / COVE_BAN_BREACH;

    for (unsigned i = 1; i <= most; i++) {
        client_say_hex(&client, "820a00");
        client_expect_dropped(&client, COVE_EPROTOCOL);
        ck_assert(cove_conn_at_fault(client.conn));
        ck_assert((bob_left() > 0) == (i == most));
        if (i < most) {
            client_call();
        }
    }
    ck_assert(!client_gets_in());
}
END_TEST

START_TEST(its_other_connections_end_with_it)
{
    struct client second;

    client_init(&second, &alice, 2);
    client_dial(&second);
    client_expect(&second, COVE_MESSAGE_HELLO);
    client_say_hello(&second, 0, 0, NULL, 1 << 20);
    for (unsigned i = 0; i < COVE_BAN_STRIKES; i++) {
        client_strike();
    }
    client_expect_dropped(&client, COVE_EPROTOCOL);
    client_expect_dropped(&second, COVE_EPROTOCOL);
    client_clear(&second);
}
END_TEST

/* Another reader of the group, with its own key, behind the same engine. */
START_TEST(others_are_served_as_if_nothing_were)
{
    struct client other;

    client_init(&other, &alice, 3);
    node_know(&alice, &other.device);
    for (unsigned i = 0; i < COVE_BAN_STRIKES; i++) {
        client_strike();
    }
    client_dial(&other);
    client_expect(&other, COVE_MESSAGE_HELLO);
    client_say_hello(&other, 0, 0, NULL, 1 << 20);
    client_say_number(&other, COVE_MESSAGE_PING, 5);
    do {
        ck_assert(client_hear(&other));
    } while (other.message.kind != COVE_MESSAGE_PONG);
    client_clear(&other);
}
END_TEST

START_TEST(who_is_forgiven_is_let_in_at_once)
{
    for (unsigned i = 0; i < COVE_BAN_STRIKES; i++) {
        client_strike();
    }
    ck_assert(!client_gets_in());
    ck_assert(cove_engine_forgive(alice.engine, &bob.kit.device));
    ck_assert(!cove_engine_forgive(alice.engine, &bob.kit.device));
    ck_assert(client_gets_in());
}
END_TEST

/* --- what is nobody's fault */

/* One bit of a record, changed on its way: anybody there can do that. */
START_TEST(a_damaged_link_is_held_against_nobody)
{
    for (unsigned i = 0; i < 4 * COVE_BAN_STRIKES; i++) {
        struct cove_bytes out;
        uint8_t record[256];

        ck_assert_int_eq(
            cove_message_put_number(&client.out, COVE_MESSAGE_PING, i), 0);
        ck_assert_int_eq(cove_channel_send(client.channel, COVE_LANE_CONTROL,
                                           cove_buf_bytes(&client.out)),
                         0);
        client.out.len = 0;
        out = cove_channel_output(client.channel);
        ck_assert_uint_le(out.len, sizeof(record));
        memcpy(record, out.at, out.len);
        record[2 + i % (out.len - 2)] ^= 1;
        ck_assert_int_ne(
            cove_conn_input(client.conn, node_now, cove_bytes(record, out.len)),
            0);
        ck_assert(!cove_conn_at_fault(client.conn));
        ck_assert_uint_eq(bob_left(), 0);
        client_call();
    }
    ck_assert_uint_eq(cove_engine_bans(alice.engine)->count, 0);
}
END_TEST

START_TEST(who_is_cut_off_or_slow_is_held_nothing_against)
{
    for (unsigned i = 0; i < 2 * COVE_BAN_STRIKES; i++) {
        uint64_t next;

        if (i % 2 == 0) {
            (void)cove_conn_end(client.conn);
        } else {
            node_now += 91000; /* not a word */
            ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next),
                             0);
            client_expect_dropped(&client, COVE_ETIMEOUT);
        }
        client_call();
    }
    ck_assert_uint_eq(cove_engine_bans(alice.engine)->count, 0);
}
END_TEST

/* A17: It may have been a writer until a moment ago, and does not know better.
 */
START_TEST(who_wrote_offline_and_lost_the_right_is_not_refused)
{
    struct kit_member members[] = {{&alice.kit, "admin"}, {&bob.kit, "reader"}};
    struct cove_id readers, own;
    struct cove_bytes header = kit_group(&alice.kit, members, 2, &readers);
    struct author late;

    kit_take_header(&alice.kit, &readers, header);
    take(&alice, COVE_DOC_COMAP, &readers, 5, &own);
    client_hang_up(&client);
    for (unsigned round = 0; round < 3; round++) {
        client_is_up_to_date();
        for (unsigned i = 0; i < 64 && !cove_conn_done(client.conn); i++) {
            struct cove_batch batch;

            author_init(&late, &bob.kit, &alice.kit, &own,
                        (uint8_t)(64 * round + i));
            author_set(&late, cove_hlc_of_ms(alice.kit.env.now_ms) + 1000, "a",
                       5);
            batch = author_batch(&late, 0, 1);
            client_add_batch(&client, &batch);
            client_say_content(&client);
        }
        client_expect_dropped(&client, COVE_EPROTOCOL);
        client_hang_up(&client);
    }
    ck_assert_uint_eq(bob_left(), 0);
    ck_assert(client_gets_in());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ban");
    TCase *table = tcase_create("table");
    TCase *engine = tcase_create("engine");

    tcase_add_checked_fixture(table, table_open, NULL);
    tcase_add_test(table,
                   sixty_three_strikes_are_too_few_and_one_more_is_enough);
    tcase_add_test(table, who_is_refused_gets_no_more_strikes);
    tcase_add_test(table, a_strike_is_forgiven_every_thirty_seconds);
    tcase_add_test(table, who_calls_at_an_honest_pace_is_never_refused);
    tcase_add_test(table, each_time_is_twice_as_long_up_to_an_hour);
    tcase_add_test(table, how_long_cannot_be_told_before);
    tcase_add_test(table, a_flood_of_names_frees_nobody);
    tcase_add_test(table, who_is_forgiven_begins_anew);
    suite_add_tcase(suite, table);
    tcase_add_checked_fixture(engine, engine_open, engine_close);
    tcase_set_timeout(engine, 60);
    tcase_add_test(engine, strikes_count_over_connections);
    tcase_add_test(engine, who_is_refused_is_told_so_until_the_time_is_over);
    tcase_add_test(engine, who_is_refused_is_not_let_in_by_calling_it_either);
    tcase_add_test(engine, breaking_the_protocol_eight_times_is_enough);
    tcase_add_test(engine, its_other_connections_end_with_it);
    tcase_add_test(engine, others_are_served_as_if_nothing_were);
    tcase_add_test(engine, who_is_forgiven_is_let_in_at_once);
    tcase_add_test(engine, a_damaged_link_is_held_against_nobody);
    tcase_add_test(engine, who_is_cut_off_or_slow_is_held_nothing_against);
    tcase_add_test(engine, who_wrote_offline_and_lost_the_right_is_not_refused);
    suite_add_tcase(suite, engine);
    return harness_run(suite);
}
