/* Two ways to one device: what comes by one is not pushed on the other. */
#include "tests/unit/author.h"
#include "tests/unit/engine_fixture.h"

#define CAROL 7 /* the number of a peer; bob's is another */
#define DOCS  12

static struct cove_id docs[DOCS];
static unsigned writes;

static void setup(void)
{
    alice_open();
    writes = 0;
    for (uint32_t i = 0; i < DOCS; i++) {
        docs[i] = make(&alice, i + 1);
    }
    client_is_up_to_date();
}

/* One transaction that bob's device wrote somewhere. */
static struct cove_batch written(struct author *author,
                                 const struct cove_id *id)
{
    author_init(author, &bob.kit, &alice.kit, id, (uint8_t)(100 + writes));
    author_set(author, cove_hlc_of_ms(1750000000000 + writes), "b",
               (int64_t)writes);
    writes++;
    return author_batch(author, 0, 1);
}

/* It comes to alice from carol. */
static void carol_brings(const struct cove_id *id)
{
    struct cove_ingest_result result = {.have = 0};
    struct author author;
    struct cove_batch batch = written(&author, id);

    ck_assert_int_eq(kit_ingest(&alice.kit, &batch, CAROL, &result), 0);
    ck_assert_uint_eq(result.added, 1);
    alice_changed();
}

static void expect_told(const struct cove_id *id, bool pushed)
{
    if (pushed) {
        client_expect(&client, COVE_MESSAGE_CONTENT);
        ck_assert_uint_eq(client.message.batches.count, 1);
    }
    client_expect_have(&client, id);
    client_expect_number(&client, COVE_MESSAGE_POSITION, alice_at());
    client_expect_silence(&client);
}

static void say_spare(const struct cove_id *id)
{
    ck_assert_int_eq(cove_message_put_spare(&client.out, id), 0);
    client_say(&client, COVE_LANE_CONTROL);
}

/* The client asks for a document of which it has nothing. */
static void say_know(const struct cove_id *id)
{
    ck_assert_int_eq(cove_message_add_know(&client.list[0], id, NULL, 0), 0);
    ck_assert_int_eq(cove_message_put_know(&client.out, 1, &client.list[0]), 0);
    client_say(&client, COVE_LANE_CONTROL);
}

static void push(const struct cove_batch *batch)
{
    client_add_batch(&client, batch);
    client_say_content(&client);
}

/* How many there are in all that was said; they are of the first document. */
static unsigned heard_spares(void)
{
    unsigned count = 0;

    while (client_hear(&client)) {
        if (client.message.kind == COVE_MESSAGE_SPARE) {
            ck_assert_mem_eq(&client.message.spare, &docs[0], sizeof(docs[0]));
            count++;
        }
    }
    return count;
}

START_TEST(what_the_peer_gets_by_another_way_is_told_by_its_digest)
{
    carol_brings(&docs[0]);
    expect_told(&docs[0], true);
    say_spare(&docs[0]);
    carol_brings(&docs[1]);
    expect_told(&docs[1], false);
}
END_TEST

START_TEST(what_this_device_writes_is_pushed_all_the_same)
{
    carol_brings(&docs[0]);
    expect_told(&docs[0], true);
    say_spare(&docs[0]);
    kit_set(&alice.kit, &docs[1], "a", 77);
    alice_changed();
    expect_told(&docs[1], true);
    say_spare(&docs[1]); /* whatever the peer says of it */
    kit_set(&alice.kit, &docs[1], "a", 78);
    alice_changed();
    expect_told(&docs[1], true);
}
END_TEST

START_TEST(what_comes_from_somebody_else_is_pushed_all_the_same)
{
    struct cove_ingest_result result = {.have = 0};
    struct author author;
    struct cove_batch batch;

    carol_brings(&docs[0]);
    expect_told(&docs[0], true);
    say_spare(&docs[0]);
    batch = written(&author, &docs[1]);
    ck_assert_int_eq(kit_ingest(&alice.kit, &batch, CAROL + 1, &result), 0);
    alice_changed();
    expect_told(&docs[1], true);
}
END_TEST

START_TEST(who_lacks_it_after_all_and_asks_is_pushed_to_again)
{
    carol_brings(&docs[0]);
    expect_told(&docs[0], true);
    say_spare(&docs[0]);
    carol_brings(&docs[1]);
    expect_told(&docs[1], false);
    say_know(&docs[1]);
    client_expect_content(&client, 1, 2, 1);
    client_expect_silence(&client);
    carol_brings(&docs[2]);
    expect_told(&docs[2], true);
}
END_TEST

START_TEST(a_spare_of_what_is_not_here_or_of_the_peers_own_changes_nothing)
{
    struct cove_id none = docs[0];
    struct author author;
    struct cove_batch batch = written(&author, &docs[0]);

    none.b[3] ^= 1;
    say_spare(&none);
    client_add_batch(&client, &batch); /* it comes from the peer */
    client_say_content(&client);
    ck_assert_uint_eq(heard_spares(), 0);
    say_spare(&docs[0]);
    client_expect_silence(&client);
    carol_brings(&docs[1]);
    expect_told(&docs[1], true);
}
END_TEST

START_TEST(who_pushes_nothing_new_eight_times_in_a_row_is_told_so)
{
    struct author author, other;
    struct cove_batch old = written(&author, &docs[0]);
    struct cove_batch new = written(&other, &docs[1]);

    for (unsigned i = 0; i < 8; i++) { /* the first of them is new */
        push(&old);
    }
    push(&new); /* the row is broken */
    for (unsigned i = 0; i < 7; i++) {
        push(&old);
    }
    ck_assert_uint_eq(heard_spares(), 0);
    push(&old);
    ck_assert_uint_eq(heard_spares(), 1);
    for (unsigned i = 0; i < 17; i++) { /* who does not listen is told again */
        push(&old);
    }
    ck_assert_uint_eq(heard_spares(), 2);
}
END_TEST

static void told_spare(void)
{
    struct author author;
    struct cove_batch old = written(&author, &docs[0]);

    for (unsigned i = 0; i < 9; i++) {
        push(&old);
    }
    ck_assert_uint_eq(heard_spares(), 1);
}

START_TEST(who_said_spare_waits_for_a_moment_before_it_asks)
{
    struct cove_hash digest = kit_digest(&alice.kit, &docs[1]);
    uint64_t next_ms = 0;

    told_spare();
    digest.b[0] ^= 1;
    client_say_have(&client, &docs[1], &digest);
    client_expect_silence(&client);
    ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next_ms), 0);
    ck_assert_uint_eq(next_ms, node_now + 100);
    node_now += 99;
    client_carry(&client);
    client_expect_silence(&client);
    node_now += 1;
    client_carry(&client);
    client_expect_know(&client, &docs[1]);
}
END_TEST

START_TEST(what_came_by_the_other_way_meanwhile_is_not_asked_for)
{
    struct cove_ingest_result result = {.have = 0};
    struct author author;
    struct cove_hash digest;
    struct cove_batch batch;
    bool acked = false;

    told_spare();
    bob_joins();
    kit_take_header(&bob.kit, &docs[1],
                    kit_header(&bob.kit, COVE_DOC_COMAP, &group, 2, &docs[1]));
    kit_sync(&alice.kit, &bob.kit, &docs[1]);
    batch = written(&author, &docs[1]);
    ck_assert_int_eq(kit_ingest(&bob.kit, &batch, 1, &result), 0);
    digest = kit_digest(&bob.kit, &docs[1]);
    client_say_have(&client, &docs[1], &digest);
    client_say_number(&client, COVE_MESSAGE_POSITION, 500);
    client_expect_silence(&client);
    ck_assert_int_eq(kit_ingest(&alice.kit, &batch, CAROL, &result), 0);
    alice_changed();
    node_now += 200;
    client_carry(&client);
    while (client_hear(&client)) {
        ck_assert_int_ne((int)client.message.kind, COVE_MESSAGE_KNOW);
        acked = acked || (client.message.kind == COVE_MESSAGE_ACK &&
                          client.message.number == 500);
    }
    ck_assert(acked);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_ways");
    TCase *c = tcase_create("ways");

    tcase_add_checked_fixture(c, setup, alice_close);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, what_the_peer_gets_by_another_way_is_told_by_its_digest);
    tcase_add_test(c, what_this_device_writes_is_pushed_all_the_same);
    tcase_add_test(c, what_comes_from_somebody_else_is_pushed_all_the_same);
    tcase_add_test(c, who_lacks_it_after_all_and_asks_is_pushed_to_again);
    tcase_add_test(
        c, a_spare_of_what_is_not_here_or_of_the_peers_own_changes_nothing);
    tcase_add_test(c, who_pushes_nothing_new_eight_times_in_a_row_is_told_so);
    tcase_add_test(c, who_said_spare_waits_for_a_moment_before_it_asks);
    tcase_add_test(c, what_came_by_the_other_way_meanwhile_is_not_asked_for);
    suite_add_tcase(suite, c);
    return harness_run(suite);
}
