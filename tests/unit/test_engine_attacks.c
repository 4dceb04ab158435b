/* Attacks on an engine, by their ids in docs/ATTACKS.md, beside those of
 * test_engine_hostile: each is refused or bounded, and all else stays. */
#include <malloc.h>

#include "sync/interest.h"
#include "tests/unit/author.h"
#include "tests/unit/engine_fixture.h"

static struct cove_id doc;
static struct author author; /* bob, writing in doc */

static uint64_t now_hlc(void)
{
    return cove_hlc_of_ms(alice.kit.env.now_ms) + 1000;
}

static void setup(void)
{
    alice_open();
    doc = make(&alice, 1);
    author_init(&author, &bob.kit, &alice.kit, &doc, 1);
    client_is_up_to_date();
}

static void teardown(void)
{
    alice_close();
}

static void client_say_batch(uint32_t start, uint32_t end)
{
    struct cove_batch batch = author_batch(&author, start, end);

    client_add_batch(&client, &batch);
    client_say_content(&client);
}

/* Has a document been told since? */
static bool client_was_told_of(const struct cove_id *id)
{
    bool told = false;

    while (client_hear(&client)) {
        struct cove_reader walk = cove_message_walk(&client.message.have);
        struct cove_hash digest;
        struct cove_id at;

        for (size_t i = 0; client.message.kind == COVE_MESSAGE_HAVE &&
                           i < client.message.have.count;
             i++) {
            ck_assert(cove_message_next_have(&walk, &at, &digest));
            told = told || memcmp(&at, id, sizeof(at)) == 0;
        }
    }
    return told;
}

/* --- what is written */

/* A15 */
START_TEST(a_clock_in_1970_wins_nothing_and_moves_none)
{
    uint64_t before;

    kit_set(&alice.kit, &doc, "a", 7);
    author_set(&author, cove_hlc_of_ms(1000), "a", 5);
    author_set(&author, cove_hlc_of_ms(2000), "b", 6);
    client_say_batch(0, 2);
    ck_assert(!cove_conn_done(client.conn));
    ck_assert_int_eq(kit_get(&alice.kit, &doc, "a"), 7);
    ck_assert_int_eq(kit_get(&alice.kit, &doc, "b"), 6); /* nobody wrote it */
    before = alice_at();
    kit_set(&alice.kit, &doc, "b", 8);
    ck_assert_uint_gt(alice_at(), before);
    ck_assert_int_eq(kit_get(&alice.kit, &doc, "b"), 8);
}
END_TEST

/* A17: the roles are in the header, which is hashed; what is written into the
 * group changes nobody's. */
START_TEST(a_writer_that_writes_into_the_group_changes_no_role)
{
    struct cove_store_txn *txn;
    enum cove_role role = COVE_ROLE_NONE;
    cove_num num;

    author_init(&author, &bob.kit, &alice.kit, &group, 1);
    author_set(&author, now_hlc(), "members", 1);
    client_say_batch(0, 1);
    txn = kit_begin(&alice.kit, false);
    ck_assert_int_eq(cove_repo_find(alice.kit.repo, txn, &group, &num), 0);
    ck_assert_int_eq(
        cove_repo_role(alice.kit.repo, txn, num, &bob.kit.device, &role), 0);
    ck_assert_int_eq(role, COVE_ROLE_WRITER);
    ck_assert_int_eq(
        cove_repo_role(alice.kit.repo, txn, num, &alice.kit.device, &role), 0);
    ck_assert_int_eq(role, COVE_ROLE_ADMIN);
    cove_store_abort(txn);
}
END_TEST

/* --- what is withheld */

/* A22: bob relays a document but for one session: he tells of it, is asked, and
 * says that this is all. Another peer has it. */
START_TEST(what_a_relay_withholds_comes_from_another_peer)
{
    struct cove_hash digest = {.b = {0x5a}}; /* as with both sessions */
    struct author withheld;
    struct client third;
    struct cove_batch batch;

    author_set(&author, now_hlc(), "a", 5);
    author_init(&withheld, &bob.kit, &alice.kit, &doc, 9);
    author_set(&withheld, now_hlc() + 5, "a", 9);
    client_say_batch(0, 1);
    client_say_have(&client, &doc, &digest);
    ck_assert_int_eq(cove_message_add_id(&client.list[2], &doc), 0);
    client_say_content(&client);
    node_now += 1000;
    client_carry(&client);
    ck_assert_int_eq(kit_get(&alice.kit, &doc, "a"), 5);
    client_init(&third, &alice, 3);
    node_know(&alice, &third.device);
    client_dial(&third);
    client_expect(&third, COVE_MESSAGE_HELLO);
    client_say_hello(&third, 0, 0, NULL, 1 << 20);
    batch = author_batch(&withheld, 0, 1);
    client_add_batch(&third, &batch);
    client_say_content(&third);
    ck_assert_int_eq(kit_get(&alice.kit, &doc, "a"), 9);
    client_clear(&third);
}
END_TEST

/* --- interests */

static void client_wants(const struct cove_id *groups, size_t count)
{
    struct cove_buf buf;
    struct cove_writer w;

    cove_buf_init(&buf, &cove_alloc_libc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, 3);
    cove_writer_list(&w, 0);
    cove_writer_list(&w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_bytes(&w, groups[i].b, sizeof(groups[i].b));
    }
    cove_writer_list(&w, 0);
    ck_assert_int_eq(w.err, 0);
    ck_assert_int_eq(
        cove_message_put_interest(&client.out, cove_buf_bytes(&buf)), 0);
    cove_buf_clear(&buf);
    client_say(&client, COVE_LANE_CONTROL);
}

/* A32 */
START_TEST(who_wants_a_group_it_is_not_in_gets_nothing_of_it)
{
    struct kit_member members[] = {{&alice.kit, "admin"}};
    struct cove_id own, secret;
    struct cove_bytes header = kit_group(&alice.kit, members, 1, &own);

    kit_take_header(&alice.kit, &own, header);
    take(&alice, COVE_DOC_COMAP, &own, 50, &secret);
    kit_set(&alice.kit, &secret, "a", 1);
    client_wants(&own, 1);
    alice_changed();
    kit_set(&alice.kit, &secret, "a", 2);
    alice_changed();
    ck_assert(!client_was_told_of(&secret));
    ck_assert(!cove_conn_done(client.conn));
    client_wants(&group, 1); /* and of its own it does */
    alice_changed();
    ck_assert(client_was_told_of(&doc));
}
END_TEST

/* A32: 10^6 ids do not fit a message; as many as fit are beyond the limit. */
START_TEST(an_interest_in_too_many_ids_ends_the_connection)
{
    static struct cove_id ids[COVE_INTEREST_GROUPS + 1];

    for (size_t i = 0; i < COVE_ARRAY_LEN(ids); i++) {
        ids[i].b[0] = (uint8_t)i;
    }
    client_wants(ids, COVE_INTEREST_GROUPS);
    ck_assert(!cove_conn_done(client.conn));
    client_wants(ids, COVE_INTEREST_GROUPS + 1);
    client_expect_dropped(&client, COVE_EPROTOCOL);
}
END_TEST

/* A33: the 33rd in a minute is one too many; 32 in each minute are not. */
START_TEST(thirty_two_changes_of_interest_a_minute_are_allowed)
{
    struct cove_id id = {.b = {1}};

    for (unsigned minute = 0; minute < 5; minute++) {
        for (unsigned i = 0; i < 32; i++) {
            id.b[1] = (uint8_t)i;
            client_wants(&id, 1);
        }
        ck_assert(!cove_conn_done(client.conn));
        node_now += 60000;
    }
    for (unsigned i = 0; i < 33; i++) {
        ck_assert(!cove_conn_done(client.conn));
        id.b[1] = (uint8_t)i;
        client_wants(&id, 1);
    }
    client_expect_dropped(&client, COVE_ELIMIT);
}
END_TEST

/* --- memory */

struct counted { /* an allocator that knows how much is out */
    struct cove_alloc alloc;
    size_t now, most;
};

static void *counted_resize(void *ctx, void *old, size_t len)
{
    struct counted *c = ctx;
    void *at;

    c->now -= old != NULL ? malloc_usable_size(old) : 0;
    if (len == 0) {
        free(old);
        return NULL;
    }
    at = realloc(old, len);
    ck_assert(at != NULL);
    c->now += malloc_usable_size(at);
    c->most = c->now > c->most ? c->now : c->most;
    return at;
}

static struct counted counted;

/* Alice's engine again, its memory counted. */
static void count_memory(void)
{
    struct cove_engine_options opt = {.alloc = &counted.alloc,
                                      .env = &alice.kit.env.env,
                                      .repo = alice.kit.repo,
                                      .store = alice.kit.store.store};

    client_hang_up(&client);
    cove_engine_free(alice.engine);
    counted = (struct counted){.alloc = {counted_resize, &counted}};
    cove_identity_make(&alice.kit.secret, &alice.kit.device, &alice.kit.env.env,
                       30, &opt.identity);
    ck_assert_int_eq(cove_engine_new(&opt, &alice.engine), 0);
    client_is_up_to_date();
    counted.most = counted.now;
}

/* Give what the client has sealed, without letting the engine take its turn. */
static void client_pour(void)
{
    for (;;) {
        struct cove_bytes out = cove_channel_output(client.channel);

        if (out.len == 0 || client.err != 0) {
            cove_channel_written(client.channel, out.len);
            return;
        }
        client.err = cove_conn_input(client.conn, node_now, out);
        cove_channel_written(client.channel, out.len);
    }
}

static void client_queue(enum cove_channel_lane lane)
{
    ck_assert_int_eq(
        cove_channel_send(client.channel, lane, cove_buf_bytes(&client.out)),
        0);
    client.out.len = 0;
    for (size_t i = 0; i < 3; i++) {
        cove_message_list_reset(&client.list[i]);
    }
}

/* Haves of documents that nobody has, as many as it lets. */
static void flood_haves(void)
{
    struct cove_hash digest = {.b = {1}};

    for (uint32_t said = 0; said < 40000 && client.err == 0;) {
        for (uint32_t k = 0; k < 512; k++, said++) {
            struct cove_id id = {.b = {2}};

            memcpy(id.b + 8, &said, sizeof(said));
            ck_assert_int_eq(
                cove_message_add_have(&client.list[0], &id, &digest), 0);
        }
        ck_assert_int_eq(cove_message_put_have(&client.out, &client.list[0]),
                         0);
        client_queue(COVE_LANE_CONTENT);
        client_carry(&client);
    }
}

static void flood_knows(void)
{
    struct cove_message_row row = {.len = 1};

    for (unsigned i = 0; i < 64 && client.err == 0; i++) {
        for (uint32_t k = 0; k < 512; k++) {
            struct cove_id id = {.b = {3}};

            memcpy(id.b + 8, &k, sizeof(k));
            ck_assert_int_eq(
                cove_message_add_know(&client.list[0], &id, &row, 1), 0);
        }
        ck_assert_int_eq(cove_message_put_know(&client.out, 0, &client.list[0]),
                         0);
        client_queue(COVE_LANE_CONTROL);
        client_pour();
    }
}

static void flood_unfinished(void)
{
    static uint8_t junk[COVE_MAX_MESSAGE];
    struct cove_bytes out;

    junk[0] = 0x82;
    ck_assert_int_eq(
        cove_buf_append(&client.out, cove_bytes(junk, sizeof(junk))), 0);
    client_queue(COVE_LANE_CONTENT);
    /* But for the last chunk. */
    for (size_t sent = 0; sent < sizeof(junk) - 100000; sent += out.len) {
        out = cove_channel_output(client.channel);
        ck_assert_int_eq(cove_conn_input(client.conn, node_now, out), 0);
        cove_channel_written(client.channel, out.len);
    }
}

static void flood_batches(void)
{
    for (unsigned i = 0; i < 200 && client.err == 0; i++) {
        for (unsigned k = 0; k < 200; k++) {
            ck_assert_int_eq(cove_message_add_bytes(&client.list[1],
                                                    cove_bytes("nonsense", 8)),
                             0);
        }
        ck_assert_int_eq(cove_message_put_content(&client.out, &client.list[0],
                                                  &client.list[1],
                                                  &client.list[2]),
                         0);
        client_queue(COVE_LANE_CONTENT);
        client_pour();
    }
}

/* Of each kind as much as it takes, all in one turn where that is worse. */
START_TEST(whatever_a_peer_sends_a_connection_holds_at_most_8_mib)
{
    static void (*const floods[])(void) = {flood_haves, flood_knows,
                                           flood_unfinished, flood_batches};

    for (size_t i = 0; i < COVE_ARRAY_LEN(floods); i++) {
        size_t before;

        count_memory();
        before = counted.now;
        floods[i]();
        ck_assert_msg(counted.most - before <= 8u << 20, "flood %zu: %zu", i,
                      counted.most - before);
        client_hang_up(&client);
        ck_assert_int_eq(cove_engine_flush(alice.engine, node_now), 0);
        ck_assert_msg(counted.now <= before + 65536, "flood %zu: %zu stay", i,
                      counted.now);
        (void)cove_engine_forgive(alice.engine, &bob.kit.device);
    }
    client_is_up_to_date();
}
END_TEST

/* A6: A peer that takes nothing: 4 MiB are queued for it, and no more are made.
 */
START_TEST(what_waits_for_a_peer_that_does_not_read_is_bounded)
{
    size_t before;

    for (uint32_t i = 100; i < 2100; i++) {
        make(&alice, i);
    }
    count_memory();
    before = counted.now;
    client_hang_up(&client);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    client_say_hello(&client, 0, 0, NULL, UINT64_MAX >> 1);
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_int_eq(cove_engine_changed(alice.engine, node_now), 0);
    }
    ck_assert_uint_le(counted.most - before, 8u << 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_attacks");
    TCase *tcase = tcase_create("attacks");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
#define ADD(test) tcase_add_test(tcase, test)
    ADD(a_clock_in_1970_wins_nothing_and_moves_none);
    ADD(a_writer_that_writes_into_the_group_changes_no_role);
    ADD(what_a_relay_withholds_comes_from_another_peer);
    ADD(who_wants_a_group_it_is_not_in_gets_nothing_of_it);
    ADD(an_interest_in_too_many_ids_ends_the_connection);
    ADD(thirty_two_changes_of_interest_a_minute_are_allowed);
    ADD(whatever_a_peer_sends_a_connection_holds_at_most_8_mib);
    ADD(what_waits_for_a_peer_that_does_not_read_is_bounded);
    suite_add_tcase(suite, tcase);
    return harness_run(suite);
}
