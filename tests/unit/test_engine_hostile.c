/* A hostile or damaged peer, and a machine that fails: nothing crashes, nothing
 * is kept that is wrong, the rest goes on, and what is refused is named. */
#include "crdt/repo_internal.h"
#include "tests/unit/author.h"
#include "tests/unit/engine_fixture.h"

#define NOW_HLC (cove_hlc_of_ms(alice.kit.env.now_ms) + 1000)

static struct cove_id doc;
static struct author author; /* bob, writing in doc */

/* Alice has a document; bob, who is the client, may write in it. */
static void document_open(void)
{
    alice_open();
    doc = make(&alice, 1);
    author_init(&author, &bob.kit, &alice.kit, &doc, 1);
    client_is_up_to_date();
}

static void document_close(void)
{
    alice_close();
}

/* The author's batch [start, end), its signature changed where `broken`. */
static void client_say_batch(uint32_t start, uint32_t end, bool broken)
{
    struct cove_batch batch = author_batch(&author, start, end);

    batch.proof.signature.b[5] ^= broken;
    client_add_batch(&client, &batch);
    client_say_content(&client);
}

/* As another device would, that nothing is held against. */
static void client_reconnect(void)
{
    (void)cove_engine_forgive(alice.engine, &bob.kit.device);
    client_hang_up(&client);
    client_is_up_to_date();
}

static void client_skip(enum cove_message_kind kind)
{
    while (client_hear(&client)) {
        if (client.message.kind == kind) {
            return;
        }
    }
    ck_abort_msg("no message of kind %d came", kind);
}

/* Alice acknowledges this position but for so many documents. */
static void client_expect_ack(uint64_t position, size_t refused)
{
    bool found = false;

    node_now += 1000;
    client_carry(&client);
    while (!found && client_hear(&client)) {
        found = client.message.kind == COVE_MESSAGE_ACK &&
                client.message.number == position &&
                client.message.refused.count == refused;
    }
    ck_assert(found);
}

/* --- the dialogue */

/* A8 */
START_TEST(what_breaks_the_dialogue_ends_the_connection)
{
    static const char *const lines[] = {
        "820a00",           /* an unknown kind */
        "821200",           /* one that is kept for later */
        "820501",           /* malformed */
        "820205",           /* too short */
        "8302187b80",       /* more settled than told */
        "83051affffffff80", /* acknowledged what was never told */
        "00",
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(lines); i++) {
        client_say_hex(&client, lines[i]);
        client_expect_dropped(&client, COVE_EPROTOCOL);
        ck_assert_int_eq(cove_channel_diag(client.channel)->code,
                         COVE_EPROTOCOL);
        client_reconnect();
    }
    client_say_number(&client, COVE_MESSAGE_POSITION, 9);
    client_say_number(&client, COVE_MESSAGE_POSITION, 8);
    client_expect_dropped(&client, COVE_EPROTOCOL);
    client_reconnect();
    client_say_hello(&client, 0, 0, NULL, 1);
    client_expect_dropped(&client, COVE_EPROTOCOL);
}
END_TEST

START_TEST(nothing_is_taken_before_the_hello)
{
    client_hang_up(&client);
    client_dial(&client);
    client_say_number(&client, COVE_MESSAGE_POSITION, 9);
    client_expect_dropped(&client, COVE_EPROTOCOL);
}
END_TEST

/* A39 */
START_TEST(kinds_of_later_versions_are_skipped)
{
    client_say_hex(&client, "831860a1616101f6");
    client_say_number(&client, COVE_MESSAGE_PING, 1);
    client_expect(&client, COVE_MESSAGE_PONG);
}
END_TEST

/* A31 */
START_TEST(who_sends_beyond_its_credit_is_dropped)
{
    struct cove_hash digest = kit_digest(&alice.kit, &doc);

    client_hang_up(&client);
    cove_engine_free(alice.engine);
    ck_assert_int_eq(node_start_with(&alice, 100), 0);
    client_is_up_to_date();
    /* The first overdraws, which it may; the second comes in the same turn,
     * before there is more credit. */
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < 2; k++) {
            ck_assert_int_eq(
                cove_message_add_have(&client.list[0], &doc, &digest), 0);
        }
        ck_assert_int_eq(cove_message_put_have(&client.out, &client.list[0]),
                         0);
        ck_assert_int_eq(cove_channel_send(client.channel, COVE_LANE_CONTENT,
                                           cove_buf_bytes(&client.out)),
                         0);
        client.out.len = 0;
        cove_message_list_reset(&client.list[0]);
    }
    client_carry(&client);
    client_expect_dropped(&client, COVE_EPROTOCOL);
}
END_TEST

START_TEST(a_flood_of_questions_is_dropped)
{
    struct cove_message_row row = {.len = 1};

    /* All in one turn, so that none is answered meanwhile. */
    for (unsigned i = 0; i < 64; i++) {
        for (uint32_t k = 0; k < 512; k++) {
            struct cove_id id = {.b = {1}};

            memcpy(id.b + 8, &k, sizeof(k));
            ck_assert_int_eq(
                cove_message_add_know(&client.list[0], &id, &row, 1), 0);
        }
        ck_assert_int_eq(cove_message_put_know(&client.out, 0, &client.list[0]),
                         0);
        ck_assert_int_eq(cove_channel_send(client.channel, COVE_LANE_CONTROL,
                                           cove_buf_bytes(&client.out)),
                         0);
        client.out.len = 0;
        cove_message_list_reset(&client.list[0]);
    }
    for (;;) {
        struct cove_bytes out = cove_channel_output(client.channel);

        if (out.len == 0 || client.err != 0) {
            break;
        }
        client.err = cove_conn_input(client.conn, node_now, out);
        cove_channel_written(client.channel, out.len);
    }
    client_expect_dropped(&client, COVE_ELIMIT);
}
END_TEST

START_TEST(a_flood_of_haves_is_bounded_and_dropped)
{
    struct cove_hash digest = {.b = {1}};
    unsigned said = 0;

    while (!cove_conn_done(client.conn) && said < 100000) {
        for (uint32_t k = 0; k < 512; k++, said++) {
            struct cove_id id = {.b = {1}};

            memcpy(id.b + 8, &said, sizeof(said));
            ck_assert_int_eq(
                cove_message_add_have(&client.list[0], &id, &digest), 0);
        }
        ck_assert_int_eq(cove_message_put_have(&client.out, &client.list[0]),
                         0);
        client_say(&client, COVE_LANE_CONTENT);
    }
    client_expect_dropped(&client, COVE_EPROTOCOL);
    ck_assert_uint_le(said, 16384 + 1024 + 512);
}
END_TEST

/* --- content */

START_TEST(a_bad_signature_is_refused_and_64_of_them_are_enough)
{
    author_set(&author, NOW_HLC, "a", 5);
    for (unsigned i = 0; i < 63; i++) {
        client_say_batch(0, 1, true);
        client_expect_refused(&client, &doc, COVE_ESIGNATURE);
        ck_assert(!cove_conn_done(client.conn));
    }
    ck_assert_int_eq(kit_get(&alice.kit, &doc, "a"), 1);
    client_say_batch(0, 1, false);
    ck_assert_int_eq(kit_get(&alice.kit, &doc, "a"), 5);
    client_say_batch(0, 1, true);
    ck_assert(!cove_conn_done(client.conn)); /* all of it is held already */
    author_init(&author, &bob.kit, &alice.kit, &doc, 2);
    author_set(&author, NOW_HLC, "a", 6);
    client_say_batch(0, 1, true);
    client_expect_dropped(&client, COVE_EPROTOCOL);
}
END_TEST

/* A12 */
START_TEST(every_bit_flipped_in_a_batch_is_refused_and_changes_nothing)
{
    struct cove_hash before = kit_digest(&alice.kit, &doc);
    struct cove_batch batch;
    struct cove_buf buf;

    author_set(&author, NOW_HLC, "a", 5);
    batch = author_batch(&author, 0, 1);
    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_batch_encode(&batch, &buf), 0);
    for (size_t i = 0; i < buf.len; i++) {
        buf.at[i] ^= (uint8_t)(1u << i % 8);
        ck_assert_int_eq(
            cove_message_add_bytes(&client.list[1], cove_buf_bytes(&buf)), 0);
        client_say_content(&client);
        buf.at[i] ^= (uint8_t)(1u << i % 8);
        if (i % 50 == 49) {
            ck_assert(!cove_conn_done(client.conn));
            client_reconnect();
        }
    }
    cove_buf_clear(&buf);

    struct cove_hash after = kit_digest(&alice.kit, &doc);

    ck_assert_mem_eq(&before, &after, sizeof(before));
    client_reconnect();
    client_say_batch(0, 1, false);
    ck_assert_int_eq(kit_get(&alice.kit, &doc, "a"), 5);
}
END_TEST

/* A26 */
START_TEST(a_header_that_is_none_is_refused)
{
    uint8_t huge[5000] = {0};
    struct cove_bytes bad[] = {cove_bytes("x", 1), cove_bytes(huge, 5000)};
    static const int codes[] = {COVE_EFORMAT, COVE_ELIMIT};

    for (size_t i = 0; i < COVE_ARRAY_LEN(bad); i++) {
        struct cove_id id = cove_header_id(bad[i]);

        ck_assert_int_eq(cove_message_add_bytes(&client.list[0], bad[i]), 0);
        client_say_content(&client);
        client_expect_refused(&client, &id, codes[i]);
    }
    ck_assert(!cove_conn_done(client.conn));
}
END_TEST

START_TEST(what_is_no_batch_is_refused_without_a_name)
{
    ck_assert_int_eq(
        cove_message_add_bytes(&client.list[1], cove_bytes_text("nonsense")),
        0);
    client_say_content(&client);
    client_expect_refused(&client, NULL, COVE_EFORMAT);
    /* who knows what it was: no position is reached any more */
    client_say_number(&client, COVE_MESSAGE_POSITION, 9);
    node_now += 1000;
    client_carry(&client);
    client_expect_silence(&client);
}
END_TEST

/* A12 */
START_TEST(one_bad_document_does_not_keep_the_others_back)
{
    struct cove_id other = make(&alice, 2);
    struct author good;
    struct cove_batch batch;
    struct cove_id listed;
    struct cove_reader walk;

    author_set(&author, NOW_HLC, "a", 5);
    author_init(&good, &bob.kit, &alice.kit, &other, 3);
    author_set(&good, NOW_HLC, "a", 9);
    batch = author_batch(&author, 0, 1);
    batch.proof.signature.b[0] ^= 1;
    client_add_batch(&client, &batch);
    batch = author_batch(&good, 0, 1);
    client_add_batch(&client, &batch);
    client_say_content(&client);
    ck_assert_int_eq(kit_get(&alice.kit, &other, "a"), 9);
    client_expect_refused(&client, &doc, COVE_ESIGNATURE);
    client_say_number(&client, COVE_MESSAGE_POSITION, 9);
    client_expect_ack(9, 1);
    walk = cove_message_walk(&client.message.refused);
    ck_assert(cove_message_next_id(&walk, &listed));
    ck_assert_mem_eq(&listed, &doc, sizeof(doc));
    /* it is said again at the next hello, until it came */
    client_hang_up(&client);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    ck_assert_uint_eq(client.message.hello.refused.count, 1);
    client_say_hello(&client, 9, alice_at(), alice_store(), 1 << 20);
    client_say_batch(0, 1, false);

    struct cove_hash digest = kit_digest(&alice.kit, &doc);

    client_say_have(&client, &doc, &digest);
    client_expect_ack(9, 0);
}
END_TEST

/* A15 */
START_TEST(a_clock_far_ahead_is_refused_without_a_strike_and_taken_later)
{
    struct cove_hash digest = {.b = {1}};
    uint64_t late = NOW_HLC + cove_hlc_of_ms(25 * 3600000ll);

    author_set(&author, late, "a", 5);
    for (unsigned i = 0; i < 100; i++) {
        client_say_batch(0, 1, false);
        client_expect_refused(&client, &doc, COVE_ECLOCK);
    }
    ck_assert(!cove_conn_done(client.conn));
    ck_assert_int_eq(kit_get(&alice.kit, &doc, "a"), 1);
    client_say_number(&client, COVE_MESSAGE_POSITION, 9);
    client_expect_ack(9, 1);
    /* Its time has nearly come. */
    client_hang_up(&client);
    alice.kit.env.now_ms += 25 * 3600000ll;
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    ck_assert_uint_eq(client.message.hello.refused.count, 1);
    client_say_hello(&client, 9, alice_at(), alice_store(), 1 << 20);
    client_say_have(&client, &doc, &digest);
    client_skip(COVE_MESSAGE_KNOW);

    struct cove_batch batch = author_batch(&author, 0, 1);

    client_add_batch(&client, &batch);
    ck_assert_int_eq(cove_message_add_id(&client.list[2], &doc), 0);
    client_say_content(&client);
    client_expect_ack(9, 0);
    ck_assert_int_eq(kit_get(&alice.kit, &doc, "a"), 5);
}
END_TEST

START_TEST(more_refused_documents_than_are_listed_stop_the_position)
{
    struct cove_bytes header;
    struct author other;
    struct cove_batch batch;
    uint64_t late = NOW_HLC + cove_hlc_of_ms(25 * 3600000ll);

    for (uint32_t i = 0; i < 65; i++) {
        struct cove_id id;

        header = kit_header(&alice.kit, COVE_DOC_COMAP, &group, 100 + i, &id);
        ck_assert_int_eq(cove_message_add_bytes(&client.list[0], header), 0);
        author_init(&other, &bob.kit, &alice.kit, &id, (uint8_t)i);
        author_set(&other, late, "a", 1);
        batch = author_batch(&other, 0, 1);
        client_add_batch(&client, &batch);
        client_say_content(&client);
        client_say_number(&client, COVE_MESSAGE_POSITION, 10 + i);
        node_now += 100;
        client_carry(&client);
        if (i == 63) {
            client_skip(COVE_MESSAGE_ACK);
        }
        if (i == 64) {
            while (client_hear(&client)) {
                ck_assert(client.message.kind != COVE_MESSAGE_ACK ||
                          client.message.number < 74);
            }
        }
    }
    ck_assert(!cove_conn_done(client.conn));
    ck_assert_uint_eq(node_record(&alice, &bob.kit.device).have, 73);
}
END_TEST

/* A13 */
START_TEST(a_fork_is_refused_and_not_held_against_the_peer)
{
    struct author fork;

    author_set(&author, NOW_HLC, "a", 5);
    author_set(&author, NOW_HLC + 1, "a", 6);
    client_say_batch(0, 2, false);
    author_init(&fork, &bob.kit, &alice.kit, &doc, 1);
    author_set(&fork, NOW_HLC, "a", 5);
    author_set(&fork, NOW_HLC + 1, "a", 7);
    author_set(&fork, NOW_HLC + 2, "a", 8);
    author = fork;
    for (unsigned i = 0; i < 100; i++) {
        client_say_batch(0, 3, false);
        client_skip(COVE_MESSAGE_REFUSED);
    }
    ck_assert(!cove_conn_done(client.conn));
    ck_assert_int_eq(kit_get(&alice.kit, &doc, "a"), 6);
}
END_TEST

/* A13 */
START_TEST(a_batch_behind_a_fork_is_asked_for_from_the_beginning)
{
    struct cove_message_items rows;
    struct author fork;

    author_set(&author, NOW_HLC, "a", 5);
    author_set(&author, NOW_HLC + 1, "a", 6);
    client_say_batch(0, 2, false);
    author_init(&fork, &bob.kit, &alice.kit, &doc, 1);
    author_set(&fork, NOW_HLC, "a", 5);
    author_set(&fork, NOW_HLC + 1, "a", 7);
    author_set(&fork, NOW_HLC + 2, "a", 8);
    author = fork;
    client_skip(COVE_MESSAGE_POSITION);
    client_say_batch(2, 3, false);
    /* alice's own session, and not this one */
    rows = client_expect_know(&client, &doc);
    ck_assert_uint_eq(rows.count, 1);
    client_say_batch(0, 3, false);
    client_expect_refused(&client, &doc, COVE_EFORK);
    /* once more it is a strike */
    client_say_batch(2, 3, true);
    client_expect_refused(&client, &doc, COVE_ESIGNATURE);
}
END_TEST

START_TEST(a_forged_batch_is_asked_for_again_though_it_was_asked_for)
{
    struct cove_hash digest = {.b = {1}};

    author_set(&author, NOW_HLC, "a", 5);
    author_set(&author, NOW_HLC + 1, "a", 6);
    client_say_batch(0, 1, false);
    client_skip(COVE_MESSAGE_POSITION);
    client_say_have(&client, &doc, &digest);
    ck_assert_uint_eq(client_expect_know(&client, &doc).count, 2);
    client_say_batch(1, 2, true);
    client_expect_silence(&client);
    ck_assert_int_eq(cove_message_add_id(&client.list[2], &doc), 0);
    client_say_content(&client);
    /* now without bob's session: from its beginning */
    ck_assert_uint_eq(client_expect_know(&client, &doc).count, 1);
    client_say_batch(0, 2, false);
    ck_assert_int_eq(kit_get(&alice.kit, &doc, "a"), 6);
}
END_TEST

/* A17 */
START_TEST(who_writes_without_the_right_is_dropped_after_64)
{
    struct kit_member members[] = {{&alice.kit, "admin"}, {&bob.kit, "reader"}};
    struct cove_id readers, id;
    struct cove_bytes header = kit_group(&alice.kit, members, 2, &readers);

    kit_take_header(&alice.kit, &readers, header);
    take(&alice, COVE_DOC_COMAP, &readers, 5, &id);
    author_init(&author, &bob.kit, &alice.kit, &id, 1);
    for (uint32_t i = 0; i < 64; i++) {
        ck_assert(!cove_conn_done(client.conn));
        author_set(&author, NOW_HLC + i, "a", 5);
        client_say_batch(i, i + 1, false);
        /* kept, and never shown */
        ck_assert_int_eq(kit_get(&alice.kit, &id, "a"), INT64_MIN);
    }
    client_expect_dropped(&client, COVE_EPROTOCOL);
}
END_TEST

/* A17 */
START_TEST(who_relays_what_others_had_no_right_to_is_not_to_blame)
{
    struct kit_member members[] = {{&alice.kit, "admin"}, {&bob.kit, "reader"}};
    struct cove_id readers, id;
    struct cove_bytes header = kit_group(&alice.kit, members, 2, &readers);
    struct node carol;

    node_open(&carol, 3);
    kit_take_header(&alice.kit, &readers, header);
    take(&alice, COVE_DOC_COMAP, &readers, 5, &id);
    author_init(&author, &carol.kit, &alice.kit, &id, 1);
    for (uint32_t i = 0; i < 100; i++) {
        author_set(&author, NOW_HLC + i, "a", 5);
        client_say_batch(i, i + 1, false);
    }
    ck_assert(!cove_conn_done(client.conn));
    node_close(&carol);
}
END_TEST

/* A34 */
START_TEST(a_sentence_of_the_peer_cannot_write_on_the_terminal)
{
    struct cove_refusal refusal = {.has_id = true, .id = doc, .code = -16};

    refusal.text = cove_bytes_text("\x1b[2Jgone\nin sync");
    for (unsigned i = 0; i < 200; i++) {
        ck_assert_int_eq(cove_message_add_refusal(&client.list[0], &refusal),
                         0);
        ck_assert_int_eq(cove_message_put_refused(&client.out, &client.list[0]),
                         0);
        client_say(&client, COVE_LANE_CONTROL);
    }
    ck_assert(node_saw(&alice, "\\x1b[2Jgone\\nin sync"));
    for (unsigned i = 0; i < alice.event_count && i < LINE_EVENTS; i++) {
        ck_assert_ptr_null(strpbrk(alice.events[i], "\x1b\n"));
    }
    /* nor fill the log */
    ck_assert_uint_lt(alice.event_count, 80);
}
END_TEST

/* --- a store that is damaged */

START_TEST(a_damaged_document_does_not_keep_the_others_back)
{
    struct cove_id other = make(&alice, 2);
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_place place;

    cove_place_start(&place);
    cove_place_number(&place, kit_num(&alice.kit, txn, &doc));
    ck_assert_int_eq(cove_store_put(txn, REPO_DOCS, cove_place_bytes(&place),
                                    cove_bytes("\0garbage", 8)),
                     0);
    kit_commit(txn);
    client_hang_up(&client);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    client_say_hello(&client, 100, 1, alice_store(), 1 << 20);
    client_expect_have(&client, &other);
    client_expect_silence(&client); /* but no position */
    ck_assert(node_saw(&alice, "damaged"));
    ck_assert_int_eq(cove_message_add_know(&client.list[0], &doc, NULL, 0), 0);
    ck_assert_int_eq(cove_message_put_know(&client.out, 0, &client.list[0]), 0);
    client_say(&client, COVE_LANE_CONTROL);
    client_expect_content(&client, 0, 0, 1);
    ck_assert(!cove_conn_done(client.conn));
}
END_TEST

/* --- a machine that fails */

/* Alice has some documents and bob none; they sync. Returns the first error of
 * bob's engine, or of a connection. */
static int sync_once(void)
{
    int err = link_dial(&wire, &alice, &bob);

    if (err == 0) {
        err = link_settle(&wire);
    }
    for (unsigned i = 0; i < 2 && err == 0; i++) {
        err = wire.err[i];
        if (err == 0 && !link_stats(&wire, i).in_sync) {
            err = cove_conn_diag(wire.conn[i])->code;
            err = err == 0 ? COVE_ENET : err;
        }
    }
    link_cut(&wire);
    return err;
}

static void faults_open(void)
{
    alice_open();
    for (uint32_t i = 0; i < 5; i++) {
        make(&alice, i);
    }
}

static bool bob_has_all(void)
{
    for (uint32_t i = 0; i < 5; i++) {
        struct cove_store_txn *txn = kit_begin(&bob.kit, false);
        struct cove_id id;
        cove_num num;

        kit_header(&alice.kit, COVE_DOC_COMAP, &group, i, &id);

        int err = cove_repo_find(bob.kit.repo, txn, &id, &num);

        cove_store_abort(txn);
        if (err != 0 || kit_get(&bob.kit, &id, "a") != i) {
            return false;
        }
    }
    return true;
}

/* Bob's store as it was: a new one. */
static void bob_again(void)
{
    node_close(&bob);
    node_open(&bob, 2);
    node_know(&bob, &alice.kit.device);
}

/* A37 */
START_TEST(every_allocation_may_fail)
{
    unsigned failed = 0;

    for (long fail = 1;; fail++) {
        int err;

        bob.kit.heap.calls = 0;
        bob.kit.heap.fail_at = fail;
        bob.kit.store.heap.fail_at = 0;
        err = sync_once();
        bob.kit.heap.fail_at = 0;
        if (bob.kit.heap.calls < fail) {
            ck_assert_int_eq(err, 0);
            break;
        }
        failed += err != 0;
        /* What was lost comes with the next connection. */
        err = sync_once();
        ck_assert_msg(err == 0, "after call %ld: %d", fail, err);
        ck_assert(bob_has_all());
        ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
        bob_again();
    }
    ck_assert_uint_gt(failed, 50);
}
END_TEST

/* A37 */
START_TEST(every_call_of_the_store_may_fail)
{
    static const int codes[] = {COVE_EIO, COVE_ENOSPC, COVE_EBUSY};

    for (long fail = 1;; fail++) {
        struct fixture_fault fault = {.fail_at = fail, .code = codes[fail % 3]};
        int err;

        cove_store_set_fault(bob.kit.store.store, fixture_hook, &fault);
        err = sync_once();
        cove_store_set_fault(bob.kit.store.store, NULL, NULL);
        if (fault.calls < fail) {
            ck_assert_int_eq(err, 0);
            break;
        }
        err = sync_once();
        ck_assert_msg(err == 0, "after call %ld: %d", fail, err);
        ck_assert(bob_has_all());
        ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
        bob_again();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_hostile");
    TCase *tc = tcase_create("hostile");
    TCase *faults = tcase_create("faults");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, document_open, document_close);
#define ADD(test) tcase_add_test(tc, test)
    ADD(what_breaks_the_dialogue_ends_the_connection);
    ADD(nothing_is_taken_before_the_hello);
    ADD(kinds_of_later_versions_are_skipped);
    ADD(who_sends_beyond_its_credit_is_dropped);
    ADD(a_flood_of_questions_is_dropped);
    ADD(a_flood_of_haves_is_bounded_and_dropped);
    ADD(a_bad_signature_is_refused_and_64_of_them_are_enough);
    ADD(every_bit_flipped_in_a_batch_is_refused_and_changes_nothing);
    ADD(a_header_that_is_none_is_refused);
    ADD(what_is_no_batch_is_refused_without_a_name);
    ADD(one_bad_document_does_not_keep_the_others_back);
    ADD(a_clock_far_ahead_is_refused_without_a_strike_and_taken_later);
    ADD(more_refused_documents_than_are_listed_stop_the_position);
    ADD(a_fork_is_refused_and_not_held_against_the_peer);
    ADD(a_batch_behind_a_fork_is_asked_for_from_the_beginning);
    ADD(a_forged_batch_is_asked_for_again_though_it_was_asked_for);
    ADD(who_writes_without_the_right_is_dropped_after_64);
    ADD(who_relays_what_others_had_no_right_to_is_not_to_blame);
    ADD(a_damaged_document_does_not_keep_the_others_back);
    ADD(a_sentence_of_the_peer_cannot_write_on_the_terminal);
    suite_add_tcase(suite, tc);
    tcase_set_timeout(faults, 120);
    tcase_add_checked_fixture(faults, faults_open, alice_close);
    tcase_add_test(faults, every_allocation_may_fail);
    tcase_add_test(faults, every_call_of_the_store_may_fail);
    suite_add_tcase(suite, faults);
    return harness_run(suite);
}
