/* The engine's dialogue, as docs/PROTOCOL.md has it: one engine and a peer that
 * says what the test wants, and pairs of engines. */
#include "crdt/repo_upkeep.h"
#include "tests/unit/author.h"
#include "tests/unit/engine_fixture.h"

static struct cove_message_row first_row(struct cove_message_items rows)
{
    struct cove_reader walk = cove_message_walk(&rows);
    struct cove_message_row row;

    ck_assert(cove_message_next_row(&walk, &row));
    return row;
}

/* --- telling */

START_TEST(a_first_sync_is_told_directly)
{
    make(&alice, 1);
    make(&alice, 2);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    ck_assert_mem_eq(client.message.hello.store_id, alice_store(), 16);
    ck_assert_uint_eq(client.message.hello.position, 5);
    ck_assert_uint_eq(client.message.hello.have, 0);
    ck_assert_uint_eq(client.message.hello.credit, 1 << 20);
    client_expect_silence(&client);
    client_say_hello(&client, 0, 0, NULL, 1 << 20);
    client_expect_content(&client, 3, 2, 0);
    client_expect_number(&client, COVE_MESSAGE_POSITION, 5);
    client_expect_silence(&client);
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 3);
    client_say_ack(&client, 5);
    node_now += 100;
    client_carry(&client);
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
    ck_assert_uint_eq(node_record(&alice, &bob.kit.device).acked, 5);
    ck_assert(node_saw(&alice, "in sync"));
}
END_TEST

START_TEST(an_edit_is_pushed_with_its_digest)
{
    struct cove_id id = make(&alice, 1);
    struct cove_hash digest, now;

    client_is_up_to_date();
    kit_set(&alice.kit, &id, "a", 7);
    alice_changed();
    client_expect_content(&client, 0, 1, 0);
    digest = client_expect_have(&client, &id);
    now = kit_digest(&alice.kit, &id);
    ck_assert_mem_eq(&digest, &now, sizeof(now));
    client_expect_number(&client, COVE_MESSAGE_POSITION, alice_at());
    client_expect_silence(&client);
}
END_TEST

START_TEST(a_new_document_is_pushed_with_its_header)
{
    struct cove_id id;

    client_is_up_to_date();
    id = make(&alice, 1);
    alice_changed();
    client_expect_content(&client, 1, 1, 0);
    client_expect_have(&client, &id);
    client_expect_number(&client, COVE_MESSAGE_POSITION, alice_at());
    client_expect_silence(&client);
}
END_TEST

START_TEST(what_changed_before_the_connection_is_told_by_digest)
{
    struct cove_id id = make(&alice, 1);

    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    client_say_hello(&client, 100, 2, alice_store(), 1 << 20);
    client_expect_have(&client, &id);
    client_expect_number(&client, COVE_MESSAGE_POSITION, 3);
    client_expect_silence(&client);
}
END_TEST

START_TEST(a_know_is_answered_with_what_lies_behind_it_and_done)
{
    struct cove_id id = make(&alice, 1);
    struct cove_message_row row = {.len = 1};
    struct cove_store_txn *txn;
    struct cove_doc doc;

    kit_set(&alice.kit, &id, "a", 5);
    kit_set(&alice.kit, &id, "a", 6);
    txn = kit_begin(&alice.kit, false);
    doc = kit_load(&alice.kit, txn, &id);
    cove_store_abort(txn);
    client_is_up_to_date();
    row.session = doc.sessions[0].session;
    ck_assert_int_eq(cove_message_add_know(&client.list[0], &id, &row, 1), 0);
    ck_assert_int_eq(cove_message_put_know(&client.out, 0, &client.list[0]), 0);
    client_say(&client, COVE_LANE_CONTROL);
    client_expect_content(&client, 0, 1, 1);
    client_expect_silence(&client);
    /* of the same length with another head: from the beginning */
    row.len = 3;
    ck_assert_int_eq(cove_message_add_know(&client.list[0], &id, &row, 1), 0);
    ck_assert_int_eq(cove_message_put_know(&client.out, 0, &client.list[0]), 0);
    client_say(&client, COVE_LANE_CONTROL);
    client_expect_content(&client, 0, 1, 1);
    /* the same: nothing but the answer */
    memcpy(row.head, doc.sessions[0].head.b, sizeof(row.head));
    ck_assert_int_eq(cove_message_add_know(&client.list[0], &id, &row, 1), 0);
    ck_assert_int_eq(cove_message_put_know(&client.out, 0, &client.list[0]), 0);
    client_say(&client, COVE_LANE_CONTROL);
    client_expect_content(&client, 0, 0, 1);
    /* nothing of it: the header too */
    ck_assert_int_eq(cove_message_add_know(&client.list[0], &id, NULL, 0), 0);
    ck_assert_int_eq(cove_message_put_know(&client.out, 0, &client.list[0]), 0);
    client_say(&client, COVE_LANE_CONTROL);
    client_expect_content(&client, 1, 1, 1);
    client_expect_silence(&client);
}
END_TEST

START_TEST(what_others_depend_on_is_told_first)
{
    struct cove_header header = {
        .type = COVE_DOC_COMAP, .has_owner = true, .owner = group};
    struct cove_id content = make(&alice, 1), registry, journal;
    struct cove_id order[4], told;
    struct cove_hash digest;
    struct cove_reader walk;
    struct cove_buf buf;

    /* Made in the opposite order. */
    header.unique = cove_bytes("\x61y", 2);
    cove_buf_init(&buf, &alice.kit.heap.alloc);
    ck_assert_int_eq(cove_header_encode(&header, &buf, &registry, NULL), 0);
    kit_take_header(&alice.kit, &registry, cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
    take(&alice, COVE_DOC_JOURNAL, &group, 9, &journal);
    order[0] = group;
    order[1] = journal;
    order[2] = registry;
    order[3] = content;
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    client_say_hello(&client, 1000, 0, NULL, 1 << 20);
    client_expect_content(&client, 1, 0, 0); /* the group's header */
    client_expect(&client, COVE_MESSAGE_HAVE);
    ck_assert_uint_eq(client.message.have.count, 4);
    walk = cove_message_walk(&client.message.have);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert(cove_message_next_have(&walk, &told, &digest));
        ck_assert_mem_eq(&told, &order[i], sizeof(told));
    }
}
END_TEST

START_TEST(documents_go_only_to_readers)
{
    struct kit_member only[] = {{&alice.kit, "admin"}};
    struct cove_id secret_group, secret;
    struct cove_bytes header = kit_group(&alice.kit, only, 1, &secret_group);

    kit_take_header(&alice.kit, &secret_group, header);
    take(&alice, COVE_DOC_COMAP, &secret_group, 1, &secret);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    client_say_hello(&client, 0, 0, NULL, 1 << 20);
    client_expect_content(&client, 1, 0, 0); /* the common group */
    client_expect_number(&client, COVE_MESSAGE_POSITION, 3);
    client_expect_silence(&client);
    /* Who asks learns no more than of what does not exist. */
    for (unsigned i = 0; i < 3; i++) {
        struct cove_id asked = i == 0 ? secret : secret_group;

        asked.b[0] ^= i == 2;
        ck_assert_int_eq(
            cove_message_add_know(&client.list[0], &asked, NULL, 0), 0);
        ck_assert_int_eq(cove_message_put_know(&client.out, 0, &client.list[0]),
                         0);
        client_say(&client, COVE_LANE_CONTROL);
        client_expect_content(&client, 0, 0, 1);
    }
    client_expect_silence(&client);
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 1);
}
END_TEST

/* A local document of alice's with one write, and its group. */
static struct cove_id make_local(struct cove_id *local_group)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_buf header;
    struct cove_bytes bytes;
    struct cove_id id;
    cove_num num;

    cove_buf_init(&header, &alice.kit.heap.alloc);
    ck_assert_int_eq(
        cove_header_local_group(&alice.kit.device, &header, local_group), 0);
    ck_assert_int_eq(cove_repo_create(alice.kit.repo, txn,
                                      cove_buf_bytes(&header), &num, NULL),
                     0);
    cove_buf_clear(&header);
    bytes = kit_header(&alice.kit, COVE_DOC_COMAP, local_group, 3, &id);
    ck_assert_int_eq(cove_repo_create(alice.kit.repo, txn, bytes, &num, NULL),
                     0);
    kit_commit(txn);
    kit_set(&alice.kit, &id, "a", 1);
    return id;
}

START_TEST(a_local_document_goes_to_nobody)
{
    struct cove_id local_group;
    struct cove_id id = make_local(&local_group);
    struct cove_hash digest = kit_digest(&alice.kit, &id);
    struct client *c = &client;

    client_dial(c);
    client_expect(c, COVE_MESSAGE_HELLO);
    client_say_hello(c, 0, 0, NULL, 1 << 20);
    client_expect_content(c, 1, 0, 0); /* the common group */
    client_expect_number(c, COVE_MESSAGE_POSITION, alice_at());
    client_expect_silence(c);
    kit_set(&alice.kit, &id, "a", 2);
    ck_assert_int_eq(cove_engine_changed(alice.engine, node_now), 0);
    client_carry(c);
    client_expect_number(c, COVE_MESSAGE_POSITION, alice_at());
    client_expect_silence(c);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(cove_message_add_know(
                             &c->list[0], i == 0 ? &id : &local_group, NULL, 0),
                         0);
        ck_assert_int_eq(cove_message_put_know(&c->out, 0, &c->list[0]), 0);
        client_say(c, COVE_LANE_CONTROL);
        client_expect_content(c, 0, 0, 1); /* as of what does not exist */
    }
    digest.b[0] ^= 1;
    client_say_have(c, &id, &digest);
    ck_assert_uint_eq(client_expect_know(c, &id).count, 0); /* likewise */
    client_expect_silence(c);
    ck_assert_uint_eq(node_unsent(&alice, &c->device), 1);
}
END_TEST

/* Who has alice's own key has every right; there is not even a greeting. */
START_TEST(a_local_document_does_not_go_to_the_same_device)
{
    struct cove_id local_group;
    struct client same;

    (void)make_local(&local_group);
    client_init(&same, &alice, 1);
    node_know(&alice, &alice.kit.device);
    client_dial(&same);
    client_expect_silence(&same);
    client_clear(&same);
}
END_TEST

START_TEST(a_removed_document_is_told_to_nobody_and_asked_for_in_vain)
{
    struct cove_id gone = make(&alice, 1), id = make(&alice, 2);
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);

    ck_assert_int_eq(cove_repo_remove(alice.kit.repo, txn,
                                      kit_num(&alice.kit, txn, &gone), NULL),
                     0);
    kit_commit(txn);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    client_say_hello(&client, 0, 0, NULL, 1 << 20);
    client_expect_content(&client, 2, 1, 0); /* the group, and what is left */
    client_expect_number(&client, COVE_MESSAGE_POSITION, alice_at());
    ck_assert_int_eq(cove_message_add_know(&client.list[0], &gone, NULL, 0), 0);
    ck_assert_int_eq(cove_message_put_know(&client.out, 0, &client.list[0]), 0);
    client_say(&client, COVE_LANE_CONTROL);
    client_expect_content(&client, 0, 0, 1);
    kit_set(&alice.kit, &id, "a", 3); /* in a new session */
    alice_changed();
    client_expect_content(&client, 1, 1, 0);
    client_expect_have(&client, &id);
    client_expect_number(&client, COVE_MESSAGE_POSITION, alice_at());
    client_expect_silence(&client);
}
END_TEST

START_TEST(a_document_is_told_when_its_owner_has_come)
{
    struct kit_member members[] = {{&alice.kit, "reader"}, {&bob.kit, "admin"}};
    struct cove_id late, id;
    struct cove_bytes owner = kit_group(&bob.kit, members, 2, &late);
    struct cove_bytes header =
        kit_header(&bob.kit, COVE_DOC_COMAP, &late, 1, &id);
    struct client carol;
    struct node third;

    /* The client gives alice a document without its owner; she asks for it. */
    client_is_up_to_date();
    ck_assert_int_eq(cove_message_add_bytes(&client.list[0], header), 0);
    client_say_content(&client);
    client_expect_know(&client, &late);
    ck_assert_int_eq(cove_message_add_id(&client.list[2], &late), 0);
    client_say_content(&client); /* "I lack it" */
    client_say_number(&client, COVE_MESSAGE_POSITION, 1);
    while (client_hear(&client)) {
        ck_assert_uint_ne(client.message.kind, COVE_MESSAGE_HAVE);
    }
    client_hang_up(&client);
    /* Another brings the owner: now the document is served. */
    node_open(&third, 3);
    node_know(&alice, &third.kit.device);
    client_init(&carol, &alice, 3);
    client_dial(&carol);
    client_say_hello(&carol, 0, 0, NULL, 1 << 20);
    ck_assert_int_eq(cove_message_add_bytes(&carol.list[0], owner), 0);
    client_say_content(&carol);
    client_clear(&carol);
    node_close(&third);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    client_say_hello(&client, 100, 2, alice_store(), 1 << 20);
    client_expect_content(&client, 1, 0, 0);
    client_expect(&client, COVE_MESSAGE_HAVE);
    ck_assert_uint_eq(client.message.have.count, 2);
}
END_TEST

START_TEST(a_change_of_the_peers_own_is_not_told_back)
{
    struct cove_id id;
    struct cove_bytes header;

    client_is_up_to_date();
    bob_joins();
    header = kit_header(&bob.kit, COVE_DOC_COMAP, &group, 4, &id);
    kit_take_header(&bob.kit, &id, header);
    kit_set(&bob.kit, &id, "a", 1);
    ck_assert_int_eq(cove_message_add_bytes(&client.list[0], header), 0);
    client_add_log(&client, &bob.kit, &id, 0);
    client_say_content(&client);
    client_expect_number(&client, COVE_MESSAGE_POSITION, alice_at());
    client_expect_silence(&client);
    /* Put back from a backup and connected again it may lack it. */
    client_hang_up(&client);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    client_say_hello(&client, 0, 1, alice_store(), 1 << 20);
    client_expect_have(&client, &id);
}
END_TEST

START_TEST(a_restored_peer_gets_back_what_it_lost_though_it_writes_anew)
{
    struct cove_id id;
    struct cove_bytes header;
    struct author old, new;
    struct cove_batch batch;

    take(&alice, COVE_DOC_COMAP, &group, 4, &id);
    header = kit_header(&alice.kit, COVE_DOC_COMAP, &group, 4, &id);
    author_init(&old, &bob.kit, &alice.kit, &id, 1);
    author_set(&old, cove_hlc_of_ms(1750000000000), "a", 1);
    author_init(&new, &bob.kit, &alice.kit, &id, 2);
    author_set(&new, cove_hlc_of_ms(1750000000001), "a", 2);
    client_is_up_to_date();
    ck_assert_int_eq(cove_message_add_bytes(&client.list[0], header), 0);
    batch = author_batch(&old, 0, 1);
    client_add_batch(&client, &batch);
    client_say_content(&client);
    client_expect(&client, COVE_MESSAGE_POSITION);
    /* Back from a backup it lacks that, and writes before it is told. */
    client_hang_up(&client);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);

    struct cove_hello hello = {.credit = 1 << 20};

    memset(hello.store_id, 0xc2, sizeof(hello.store_id));
    ck_assert_int_eq(cove_message_put_hello(&client.out, &hello), 0);
    ck_assert_int_eq(cove_channel_send(client.channel, COVE_LANE_CONTROL,
                                       cove_buf_bytes(&client.out)),
                     0);
    client.out.len = 0;
    batch = author_batch(&new, 0, 1);
    client_add_batch(&client, &batch);
    client_say_content(&client);
    client_expect(&client, COVE_MESSAGE_CONTENT);
    ck_assert_uint_eq(client.message.batches.count, 2);
}
END_TEST

START_TEST(a_document_of_many_megabytes_goes_in_pieces)
{
    struct cove_id id = make(&alice, 1);
    struct cove_tx_op op = {.reg = cove_bytes_text("big")};
    struct cove_tx tx = {.ops = &op, .op_count = 1};
    uint8_t *text = malloc(50000);
    struct cove_message_row row = {.len = 0};
    struct cove_store_txn *txn;
    size_t messages = 1, batches = 0;

    memset(text, 'x', 50000);
    for (unsigned i = 0; i < 40; i++) {
        txn = kit_begin(&alice.kit, true);

        struct cove_doc doc = kit_load(&alice.kit, txn, &id);

        ck_assert_int_eq(cove_value_of_text(&alice.kit.arena,
                                            cove_bytes(text, 50000), &op.value),
                         0);
        ck_assert_int_eq(
            cove_repo_append(alice.kit.repo, txn, &doc, &tx, &alice.kit.diag),
            0);
        kit_commit(txn);
    }
    free(text);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    client_say_hello(&client, 0, 0, NULL, 16 << 20);
    client_expect(&client, COVE_MESSAGE_CONTENT);
    batches = client.message.batches.count;
    /* The rest is asked for, from there on. */
    client_expect_have(&client, &id);
    client_expect_number(&client, COVE_MESSAGE_POSITION, alice_at());
    txn = kit_begin(&alice.kit, false);
    row.session = kit_load(&alice.kit, txn, &id).sessions[0].session;
    row.len = (uint32_t)batches + 1; /* the first two went as one */
    cove_store_abort(txn);
    ck_assert_int_eq(cove_message_add_know(&client.list[0], &id, &row, 1), 0);
    ck_assert_int_eq(cove_message_put_know(&client.out, 1, &client.list[0]), 0);
    client_say(&client, COVE_LANE_CONTROL);
    do {
        messages++;
        client_expect(&client, COVE_MESSAGE_CONTENT);
        batches += client.message.batches.count;
    } while (client.message.done.count == 0);
    ck_assert_uint_ge(messages, 7);
    ck_assert_uint_ge(batches, 40);
    client_expect_silence(&client);
}
END_TEST

/* --- taking */

START_TEST(an_equal_have_says_nothing_and_another_is_asked_for)
{
    struct cove_id id = make(&alice, 1);
    struct cove_hash digest = kit_digest(&alice.kit, &id);
    struct cove_message_row row;

    client_is_up_to_date();
    client_say_have(&client, &id, &digest);
    client_expect_silence(&client);
    digest.b[0] ^= 1;
    client_say_have(&client, &id, &digest);
    row = first_row(client_expect_know(&client, &id));
    ck_assert_uint_eq(client.message.settled, 2);
    ck_assert_uint_eq(row.len, 1);
    /* while it is asked for, it is not asked for again */
    client_say_have(&client, &id, &digest);
    client_expect_silence(&client);
    /* but then, since the digest is still another */
    ck_assert_int_eq(cove_message_add_id(&client.list[2], &id), 0);
    client_say_content(&client);
    client_expect_know(&client, &id);
    id.b[5] ^= 1;
    client_say_have(&client, &id, &digest);
    ck_assert_uint_eq(client_expect_know(&client, &id).count, 0);
    client_expect_silence(&client);
}
END_TEST

START_TEST(a_position_is_reached_when_all_before_it_is_here)
{
    struct cove_id one = make(&alice, 1), two = make(&alice, 2);
    struct cove_hash wrong = {.b = {1}};

    client_is_up_to_date();
    client_say_have(&client, &one, &wrong);
    client_expect_know(&client, &one);
    client_say_number(&client, COVE_MESSAGE_POSITION, 10);
    client_say_have(&client, &two, &wrong);
    client_expect_know(&client, &two);
    client_say_number(&client, COVE_MESSAGE_POSITION, 20);
    client_say_number(&client, COVE_MESSAGE_POSITION, 30);
    node_now += 1000;
    client_carry(&client);
    client_expect_silence(&client);
    ck_assert_int_eq(cove_message_add_id(&client.list[2], &one), 0);
    client_say_content(&client);
    node_now += 1000;
    client_carry(&client);
    client_expect_number(&client, COVE_MESSAGE_ACK, 10);
    client_expect_silence(&client);
    ck_assert_int_eq(cove_message_add_id(&client.list[2], &two), 0);
    client_say_content(&client);
    node_now += 1000;
    client_carry(&client);
    client_expect_number(&client, COVE_MESSAGE_ACK, 30);
    ck_assert_uint_eq(node_record(&alice, &bob.kit.device).have, 30);
    client_expect_silence(&client);
}
END_TEST

/* Say content, but do not let alice's turn end. */
static void client_say_unflushed(void)
{
    struct cove_bytes out;

    ck_assert_int_eq(cove_message_put_content(&client.out, &client.list[0],
                                              &client.list[1], &client.list[2]),
                     0);
    ck_assert_int_eq(cove_channel_send(client.channel, COVE_LANE_CONTENT,
                                       cove_buf_bytes(&client.out)),
                     0);
    client.out.len = 0;
    ck_assert_int_eq(
        cove_message_put_number(&client.out, COVE_MESSAGE_POSITION, 50), 0);
    ck_assert_int_eq(cove_channel_send(client.channel, COVE_LANE_CONTENT,
                                       cove_buf_bytes(&client.out)),
                     0);
    client.out.len = 0;
    out = cove_channel_output(client.channel);
    ck_assert_int_eq(cove_conn_input(client.conn, node_now, out), 0);
    cove_channel_written(client.channel, out.len);
}

/* A38 */
START_TEST(a_position_is_acknowledged_only_after_the_commit)
{
    struct cove_id id;
    struct cove_bytes header =
        kit_header(&bob.kit, COVE_DOC_COMAP, &group, 1, &id);
    struct cove_store_txn *txn;
    cove_num num;

    client_is_up_to_date();
    ck_assert_int_eq(cove_message_add_bytes(&client.list[0], header), 0);
    client_say_unflushed();
    ck_assert_uint_eq(cove_conn_output(client.conn).len, 0);
    txn = kit_begin(&alice.kit, false);
    ck_assert_int_eq(cove_repo_find(alice.kit.repo, txn, &id, &num),
                     COVE_ENOTFOUND);
    cove_store_abort(txn);
    client_carry(&client);
    client_expect_number(&client, COVE_MESSAGE_ACK, 50);
    ck_assert_uint_eq(node_record(&alice, &bob.kit.device).have, 50);
}
END_TEST

/* A38 */
START_TEST(a_failed_commit_acknowledges_nothing)
{
    struct cove_id id;
    struct cove_bytes header =
        kit_header(&bob.kit, COVE_DOC_COMAP, &group, 1, &id);
    struct fixture_fault fault = {.fail_at = 1, .code = COVE_ENOSPC};

    client_is_up_to_date();
    ck_assert_int_eq(cove_message_add_bytes(&client.list[0], header), 0);
    client_say_unflushed();
    /* The first fallible call of the flush, whatever it is. */
    cove_store_set_fault(alice.kit.store.store, fixture_hook, &fault);
    ck_assert_int_eq(cove_engine_flush(alice.engine, node_now), COVE_ENOSPC);
    cove_store_set_fault(alice.kit.store.store, NULL, NULL);
    client_expect_dropped(&client, COVE_ENOSPC);
    client_hang_up(&client);
    ck_assert_int_eq(cove_engine_flush(alice.engine, node_now + 1000), 0);
    ck_assert_uint_eq(node_record(&alice, &bob.kit.device).have, 0);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    ck_assert_uint_eq(client.message.hello.have, 0);
}
END_TEST

/* --- stores */

START_TEST(a_store_that_was_replaced_begins_again)
{
    static const struct {
        uint64_t have;
        bool same;
        bool all; /* is told */
    } cases[] = {{3, true, false}, {3, false, true}, {4, true, true}};

    make(&alice, 1);
    for (size_t i = 0; i < COVE_ARRAY_LEN(cases); i++) {
        client_dial(&client);
        client_expect(&client, COVE_MESSAGE_HELLO);
        client_say_hello(&client, 0, cases[i].have,
                         cases[i].same ? alice_store()
                                       : (const uint8_t *)"0123456789abcdef",
                         1 << 20);
        if (cases[i].all) {
            client_expect_content(&client, 2, 1, 0);
            client_expect(&client, COVE_MESSAGE_POSITION);
        }
        client_expect_silence(&client);
        client_hang_up(&client);
    }
}
END_TEST

START_TEST(what_is_held_of_a_replaced_store_is_forgotten)
{
    client_is_up_to_date();
    client_say_number(&client, COVE_MESSAGE_POSITION, 77);
    node_now += 1000;
    client_carry(&client);
    client_expect_number(&client, COVE_MESSAGE_ACK, 77);
    client_hang_up(&client);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    ck_assert_uint_eq(client.message.hello.have, 77);
    ck_assert_uint_eq(client.message.hello.your_store[0], 0xc1);
    /* the same id, but not so far any more */
    client_say_hello(&client, 5, 0, NULL, 1 << 20);
    node_now += 1000;
    client_carry(&client);
    ck_assert_uint_eq(node_record(&alice, &bob.kit.device).have, 0);
}
END_TEST

START_TEST(what_was_acknowledged_to_a_former_store_is_unsent)
{
    struct cove_peer_record record = node_record(&alice, &bob.kit.device);
    struct cove_store_txn *txn;

    make(&alice, 1);
    for (unsigned former = 0; former < 2; former++) {
        record.acked = 100;
        memcpy(record.acked_store, alice_store(), sizeof(record.acked_store));
        record.acked_store[0] ^= (uint8_t)former;
        txn = kit_begin(&alice.kit, true);
        ck_assert_int_eq(cove_peer_put(alice.kit.repo, txn, &record), 0);
        kit_commit(txn);
        ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device),
                          former == 0 ? 0 : 2); /* and the group */
    }
}
END_TEST

START_TEST(what_the_peer_refused_is_unsent_and_told_again)
{
    struct cove_id one = make(&alice, 1), two = make(&alice, 2);

    client_is_up_to_date();
    node_now += 100;
    client_carry(&client);
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
    ck_assert_int_eq(cove_message_add_id(&client.list[0], &one), 0);
    client_say_ack(&client, alice_at());
    node_now += 100;
    client_carry(&client);
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 1);
    /* it counts once, though it changes */
    kit_set(&alice.kit, &one, "a", 5);
    kit_set(&alice.kit, &two, "a", 5);
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 2);
    client_hang_up(&client);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    ck_assert_int_eq(cove_message_add_id(&client.list[0], &one), 0);
    /* of an unknown document nothing is said */
    one.b[31] ^= 1;
    ck_assert_int_eq(cove_message_add_id(&client.list[0], &one), 0);
    one.b[31] ^= 1;
    client_say_hello(&client, 0, alice_at(), alice_store(), 1 << 20);
    client_expect_have(&client, &one);
    client_expect_silence(&client);
    client_say_ack(&client, alice_at());
    node_now += 100;
    client_carry(&client);
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
}
END_TEST

START_TEST(a_peer_that_is_dialled_gets_a_record)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);

    ck_assert_int_eq(cove_peer_remove(alice.kit.repo, txn, &bob.kit.device), 0);
    kit_commit(txn);
    make(&alice, 1);
    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    link_run(&wire);
    ck_assert(link_stats(&wire, 0).in_sync);
    ck_assert_uint_eq(node_record(&alice, &bob.kit.device).number, 2);
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
}
END_TEST

START_TEST(a_transaction_does_not_stay_open_for_long)
{
    struct cove_id ids[2];
    struct cove_store_txn *txn;
    struct cove_bytes header;
    cove_num num;

    client_is_up_to_date();
    for (uint32_t i = 0; i < 2; i++) {
        header = kit_header(&bob.kit, COVE_DOC_COMAP, &group, i, &ids[i]);
        ck_assert_int_eq(cove_message_add_bytes(&client.list[0], header), 0);
        client_say_unflushed();
        cove_message_list_reset(&client.list[0]);
        node_now += 20;
    }
    /* The second input found it old, and committed it. */
    txn = kit_begin(&alice.kit, false);
    ck_assert_int_eq(cove_repo_find(alice.kit.repo, txn, &ids[0], &num), 0);
    ck_assert_int_eq(cove_repo_find(alice.kit.repo, txn, &ids[1], &num),
                     COVE_ENOTFOUND);
    cove_store_abort(txn);
}
END_TEST

/* --- connections */

START_TEST(the_newest_connection_tells_and_all_answer)
{
    struct client second;
    struct cove_id id = make(&alice, 1);

    client_is_up_to_date();
    client_init(&second, &alice, 2);
    client_dial(&second);
    client_expect(&second, COVE_MESSAGE_HELLO);
    client_say_hello(&second, 0, alice_at(), alice_store(), 1 << 20);
    kit_set(&alice.kit, &id, "a", 2);
    ck_assert_int_eq(cove_engine_changed(alice.engine, node_now), 0);
    client_carry(&client);
    client_carry(&second);
    client_expect_silence(&client);
    client_expect_content(&second, 0, 1, 0);
    client_expect_have(&second, &id);
    client_expect(&second, COVE_MESSAGE_POSITION);
    client_say_ack(&second, alice_at());
    /* it goes on where the other was acknowledged */
    client_clear(&second);
    client_carry(&client);
    client_expect_silence(&client);
    kit_set(&alice.kit, &id, "a", 3);
    alice_changed();
    client_expect_content(&client, 0, 1, 0);
}
END_TEST

START_TEST(a_fifth_connection_of_a_device_is_refused)
{
    struct client others[4];

    client_is_up_to_date();
    for (unsigned i = 0; i < 4; i++) {
        client_init(&others[i], &alice, 2);
        client_dial(&others[i]);
        ck_assert(cove_conn_done(others[i].conn) == (i == 3));
    }
    client_expect_dropped(&others[3], COVE_ELIMIT);
    ck_assert_int_eq(cove_channel_diag(others[3].channel)->code, COVE_ELIMIT);
    for (unsigned i = 0; i < 4; i++) {
        client_clear(&others[i]);
    }
    ck_assert(!cove_conn_done(client.conn));
}
END_TEST

/* A40 */
START_TEST(a_second_store_with_one_device_key_is_refused_and_both_know)
{
    struct client copy;
    struct cove_hello hello = {.credit = 1, .client = cove_bytes_text("x")};

    client_is_up_to_date();
    client_init(&copy, &alice, 2);
    client_dial(&copy);
    memset(hello.store_id, 0xc2, sizeof(hello.store_id));
    ck_assert_int_eq(cove_message_put_hello(&copy.out, &hello), 0);
    client_say(&copy, COVE_LANE_CONTROL);
    client_expect_dropped(&copy, COVE_EPEER);
    ck_assert_int_eq(cove_channel_diag(copy.channel)->code, COVE_EPEER);
    ck_assert(node_saw(&alice, "another store calls with this device's key"));
    ck_assert(!cove_conn_done(client.conn));
    client_clear(&copy);

    /* The first one has a moment to prove that it is alive. */
    uint64_t next;

    ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
    client_carry(&client);
    client_expect(&client, COVE_MESSAGE_PING);
    node_now += 4000;
    client_say_number(&client, COVE_MESSAGE_PONG, client.message.number);
    node_now += 2000;
    ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
    ck_assert(!cove_conn_done(client.conn));
}
END_TEST

/* A40 */
START_TEST(a_silent_connection_makes_room_for_another_store_in_5_s)
{
    struct client copy;
    struct cove_hello hello = {.credit = 1, .client = cove_bytes_text("x")};
    uint64_t next;

    client_is_up_to_date();
    node_now += 10;
    client_init(&copy, &alice, 2);
    client_dial(&copy);
    memset(hello.store_id, 0xc2, sizeof(hello.store_id));
    ck_assert_int_eq(cove_message_put_hello(&copy.out, &hello), 0);
    client_say(&copy, COVE_LANE_CONTROL);
    client_clear(&copy);
    node_now += 4999;
    ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
    ck_assert(!cove_conn_done(client.conn));
    node_now += 1;
    ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
    client_expect_dropped(&client, COVE_ETIMEOUT);
}
END_TEST

START_TEST(an_unknown_device_gets_nothing)
{
    struct client stranger;

    client_init(&stranger, &alice, 9);
    client_dial(&stranger);
    ck_assert(cove_conn_done(stranger.conn));
    ck_assert_int_eq(stranger.err, COVE_EPEER);
    client_expect_silence(&stranger);
    client_clear(&stranger);
}
END_TEST

START_TEST(a_removed_peer_is_sent_away)
{
    struct cove_store_txn *txn;

    client_is_up_to_date();
    txn = kit_begin(&alice.kit, true);
    ck_assert_int_eq(cove_peer_remove(alice.kit.repo, txn, &bob.kit.device), 0);
    kit_commit(txn);
    client_say_number(&client, COVE_MESSAGE_POSITION, 5);
    node_now += 1000;
    client_carry(&client);
    client_expect_dropped(&client, COVE_ENOTFOUND);
    ck_assert_int_eq(cove_channel_diag(client.channel)->code, COVE_EPEER);
}
END_TEST

static void forget_and_edit(bool add_again)
{
    struct cove_id id = make(&alice, 1);
    struct cove_store_txn *txn;

    client_is_up_to_date();
    txn = kit_begin(&alice.kit, true);
    ck_assert_int_eq(cove_peer_remove(alice.kit.repo, txn, &bob.kit.device), 0);
    kit_commit(txn);
    if (add_again) { /* as one that was never here */
        node_know(&alice, &bob.kit.device);
    }
    kit_set(&alice.kit, &id, "a", 7);
    alice_changed();
    client_expect_dropped(&client, COVE_ENOTFOUND);
}

START_TEST(a_peer_that_is_forgotten_is_not_told_what_is_written_next)
{
    forget_and_edit(false);
}
END_TEST

START_TEST(nor_is_one_that_was_forgotten_and_added_again)
{
    struct cove_peer_record record;
    struct cove_store_txn *txn;

    forget_and_edit(true);
    client_hang_up(&client);
    txn = kit_begin(&alice.kit, false);
    ck_assert_int_eq(
        cove_peer_get(alice.kit.repo, txn, &bob.kit.device, &record), 0);
    cove_store_abort(txn);
    ck_assert_uint_eq(record.acked, 0);
    ck_assert_uint_eq(record.have, 0);
}
END_TEST

START_TEST(a_quiet_peer_is_asked_at_30_s_and_lost_at_90)
{
    uint64_t next;

    client_is_up_to_date();
    node_now += 1000; /* once, for its clock */
    ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
    client_carry(&client);
    client_expect(&client, COVE_MESSAGE_PING);
    client_say_number(&client, COVE_MESSAGE_PONG, client.message.number);
    node_now += 29999;
    ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
    ck_assert_uint_eq(next, node_now + 1);
    client_carry(&client);
    client_expect_silence(&client);
    node_now += 1;
    ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
    client_carry(&client);
    client_expect(&client, COVE_MESSAGE_PING);
    node_now += 59999;
    ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
    ck_assert(!cove_conn_done(client.conn));
    node_now += 1;
    ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
    client_expect_dropped(&client, COVE_ETIMEOUT);
}
END_TEST

START_TEST(who_says_no_hello_is_dropped_after_30_s)
{
    uint64_t next;

    client_dial(&client);
    node_now += 29999;
    ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
    ck_assert(!cove_conn_done(client.conn));
    node_now += 1;
    ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
    client_expect_dropped(&client, COVE_ETIMEOUT);
}
END_TEST

START_TEST(a_ping_is_answered_and_a_goodbye_ends_it_well)
{
    client_is_up_to_date();
    client_say_number(&client, COVE_MESSAGE_PING, UINT64_MAX);
    client_expect_number(&client, COVE_MESSAGE_PONG, UINT64_MAX);
    ck_assert_int_eq(cove_channel_bye(client.channel), 0);
    client_carry(&client);
    ck_assert(cove_conn_done(client.conn));
    ck_assert_int_eq(cove_conn_diag(client.conn)->code, 0);
    ck_assert_int_eq(cove_conn_end(client.conn), COVE_ECLOSED);
}
END_TEST

/* --- lag */

START_TEST(what_is_unsent_is_as_old_as_the_oldest_of_it)
{
    struct cove_id first;
    int64_t begun_ms = alice.kit.env.now_ms, since_ms = 1;

    bob_joins();
    ck_assert_int_eq(link_dial(&wire, &bob, &alice), 0);
    link_run(&wire);
    ck_assert_uint_eq(node_unsent_since(&alice, &bob.kit.device, &since_ms), 0);
    ck_assert_int_eq(since_ms, 0);
    link_cut(&wire);
    alice.kit.env.now_ms += 1000;
    first = make(&alice, 1);
    alice.kit.env.now_ms += 5000;
    make(&alice, 2);
    ck_assert_uint_eq(node_unsent_since(&alice, &bob.kit.device, &since_ms), 2);
    ck_assert_int_eq(since_ms, begun_ms + 1000);
    /* Written again it is younger, and the other one is the oldest. */
    alice.kit.env.now_ms += 5000;
    kit_set(&alice.kit, &first, "a", 3);
    ck_assert_uint_eq(node_unsent_since(&alice, &bob.kit.device, &since_ms), 2);
    ck_assert_int_eq(since_ms, begun_ms + 6000);
    bob.kit.env.now_ms = alice.kit.env.now_ms;
    ck_assert_int_eq(link_dial(&wire, &bob, &alice), 0);
    link_run(&wire);
    ck_assert_uint_eq(node_unsent_since(&alice, &bob.kit.device, &since_ms), 0);
    ck_assert_int_eq(since_ms, 0);
}
END_TEST

/* A header has no time: what is behind it counts. */
START_TEST(a_document_in_which_nothing_was_written_has_no_age)
{
    struct cove_id id;
    int64_t since_ms = 1;

    take(&alice, COVE_DOC_COMAP, &group, 1, &id);
    ck_assert_uint_eq(node_unsent_since(&alice, &bob.kit.device, &since_ms), 2);
    ck_assert_int_eq(since_ms, 0);
    make(&alice, 2);
    ck_assert_uint_eq(node_unsent_since(&alice, &bob.kit.device, &since_ms), 3);
    ck_assert_int_eq(since_ms, alice.kit.env.now_ms);
}
END_TEST

/* --- clocks */

static struct cove_conn_stats clock_of(const struct client *c)
{
    struct cove_conn_stats stats;

    cove_conn_stats(c->conn, &stats);
    return stats;
}

/* Alice asks; the answer and its clock come so much later. */
static void clock_says(uint64_t way_ms, int64_t wall_ms)
{
    uint64_t next;

    node_now += 30000;
    ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
    client_carry(&client);
    client_expect(&client, COVE_MESSAGE_PING);
    node_now += way_ms;
    alice.kit.env.now_ms += (int64_t)way_ms;
    client_say_number(&client, COVE_MESSAGE_PONG, client.message.number);
    client_say_number(&client, COVE_MESSAGE_CLOCK, (uint64_t)wall_ms);
}

START_TEST(behind_a_pong_comes_what_the_clock_shows)
{
    client_is_up_to_date();
    client_say_number(&client, COVE_MESSAGE_PING, 1);
    client_expect(&client, COVE_MESSAGE_PONG);
    client_expect_number(&client, COVE_MESSAGE_CLOCK,
                         (uint64_t)alice.kit.env.now_ms);
    alice.kit.env.now_ms = -5; /* of a machine without a battery */
    client_say_number(&client, COVE_MESSAGE_PING, 2);
    client_expect(&client, COVE_MESSAGE_PONG);
    client_expect_number(&client, COVE_MESSAGE_CLOCK, 0);
}
END_TEST

START_TEST(a_clock_is_compared_at_half_of_the_way_there_and_back)
{
    client_is_up_to_date();
    ck_assert(!clock_of(&client).clock_known);
    clock_says(200, alice.kit.env.now_ms + 100 + 5000);
    ck_assert(clock_of(&client).clock_known);
    ck_assert_int_eq(clock_of(&client).clock_ms, 5000);
    clock_says(0, alice.kit.env.now_ms - 7000);
    ck_assert_int_eq(clock_of(&client).clock_ms, -7000);
    /* What nobody asked for counts for nothing. */
    client_say_number(&client, COVE_MESSAGE_CLOCK, 1);
    ck_assert_int_eq(clock_of(&client).clock_ms, -7000);
}
END_TEST

START_TEST(a_clock_that_is_more_than_a_minute_off_is_warned_of_once)
{
    unsigned before;

    client_is_up_to_date();
    clock_says(0, alice.kit.env.now_ms + 60000);
    ck_assert(!node_saw(&alice, "its clock"));
    clock_says(0, alice.kit.env.now_ms + 60001);
    ck_assert(node_saw(&alice, "its clock is 60 s ahead of the one here"));
    before = alice.event_count;
    clock_says(0, alice.kit.env.now_ms + 90000);
    ck_assert_uint_eq(alice.event_count, before);
    clock_says(0, alice.kit.env.now_ms - 60000); /* set right */
    ck_assert_uint_eq(alice.event_count, before);
    clock_says(0, alice.kit.env.now_ms - 61000);
    ck_assert(node_saw(&alice, "its clock is 61 s behind the one here"));
    ck_assert(!node_saw(&alice, "suspect")); /* it is one against one */
    /* Nothing else follows: it is in sync as before, and the greatest number
     * does no harm. */
    clock_says(0, INT64_MAX);
    ck_assert(!cove_conn_done(client.conn));
}
END_TEST

START_TEST(several_that_are_ahead_make_the_clock_here_suspect)
{
    struct link second;
    static struct node carol;
    uint64_t next;

    node_open(&carol, 3);
    node_know(&carol, &alice.kit.device);
    node_know(&alice, &carol.kit.device);
    alice.kit.env.now_ms = bob.kit.env.now_ms - 240000;
    ck_assert_int_eq(link_dial(&wire, &bob, &alice), 0);
    link_run(&wire);
    ck_assert_int_eq(link_dial(&second, &carol, &alice), 0);
    link_run(&second);
    node_now += 1000;
    ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
    link_run(&wire);
    ck_assert(node_saw(&alice, "its clock is 2"));
    ck_assert(!node_saw(&alice, "suspect"));
    link_run(&second);
    ck_assert(node_saw(&alice, "the clock here is suspect: 2 of 2 peers are "
                               "ahead of it"));
    link_cut(&second);
    node_close(&carol);
}
END_TEST

/* A3 */
START_TEST(an_end_without_goodbye_is_connection_lost)
{
    client_is_up_to_date();
    ck_assert_int_eq(cove_conn_end(client.conn), COVE_ENET);
    client_expect_dropped(&client, COVE_ENET);
    ck_assert(node_saw(&alice, "connection lost"));
}
END_TEST

START_TEST(bye_says_goodbye_and_then_closes)
{
    client_is_up_to_date();
    cove_conn_bye(client.conn);
    ck_assert(cove_conn_done(client.conn));
    client_carry(&client);
    ck_assert_int_eq(cove_channel_state(client.channel), COVE_CHANNEL_GOODBYE);
    ck_assert_int_eq(cove_conn_diag(client.conn)->code, 0);
}
END_TEST

START_TEST(a_daemon_that_runs_for_months_renews_its_certificate)
{
    client_is_up_to_date();
    client_hang_up(&client);
    alice.kit.env.now_ms += 40ll * 86400 * 1000;
    bob.kit.env.now_ms = alice.kit.env.now_ms;
    client_is_up_to_date();
}
END_TEST

/* --- flow */

/* A31 */
START_TEST(nothing_is_sent_without_credit)
{
    make(&alice, 1);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    client_say_hello(&client, 0, 0, NULL, 0);
    client_expect_silence(&client);
    client_say_number(&client, COVE_MESSAGE_PING, 1);
    client_expect(&client, COVE_MESSAGE_PONG);
    client_expect(&client, COVE_MESSAGE_CLOCK);
    client_expect_silence(&client);
    /* one byte is enough for one message */
    client_say_number(&client, COVE_MESSAGE_CREDIT, 1);
    client_expect_content(&client, 2, 1, 0);
    client_expect_silence(&client);
    client_say_number(&client, COVE_MESSAGE_CREDIT, 10000);
    client_expect(&client, COVE_MESSAGE_POSITION);
}
END_TEST

/* A31 */
START_TEST(a_credit_of_2_to_the_63_is_bounded)
{
    make(&alice, 1);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    client_say_hello(&client, 0, 0, NULL, UINT64_MAX);
    client_expect_content(&client, 2, 1, 0);
    client_expect(&client, COVE_MESSAGE_POSITION);
    client_say_number(&client, COVE_MESSAGE_CREDIT, UINT64_C(1) << 63);
    client_say_number(&client, COVE_MESSAGE_CREDIT, UINT64_C(1) << 63);
    client_say_number(&client, COVE_MESSAGE_CREDIT, UINT64_MAX);
    make(&alice, 2);
    alice_changed();
    client_expect_content(&client, 1, 1, 0);
    ck_assert(!cove_conn_done(client.conn));
}
END_TEST

/* A31 */
START_TEST(no_more_than_16_MiB_of_credit_are_given)
{
    cove_engine_free(alice.engine);
    ck_assert_int_eq(node_start_with(&alice, UINT64_MAX), 0);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    ck_assert_uint_eq(client.message.hello.credit, 16 << 20);
}
END_TEST

START_TEST(more_credit_comes_when_half_is_used)
{
    struct cove_hash digest = kit_digest(&alice.kit, &group);

    cove_engine_free(alice.engine);
    ck_assert_int_eq(node_start_with(&alice, 1000), 0);
    client_is_up_to_date();
    for (unsigned i = 0; i < 6; i++) {
        client_say_have(&client, &group, &digest);
        client_expect_silence(&client);
    }
    client_say_have(&client, &group, &digest);
    client_expect(&client, COVE_MESSAGE_CREDIT);
    ck_assert_uint_ge(client.message.number, 500);
    ck_assert_uint_lt(client.message.number, 600);
}
END_TEST

/* A6 */
START_TEST(a_peer_that_does_not_read_costs_little_and_is_not_drowned)
{
    struct cove_tx_op op = {.reg = cove_bytes_text("big")};
    struct cove_tx tx = {.ops = &op, .op_count = 1};
    uint8_t *text = calloc(1, 60000);
    size_t queued = 0;

    memset(text, 'x', 60000);
    for (unsigned i = 0; i < 120; i++) {
        struct cove_id id = make(&alice, i);
        struct cove_store_txn *txn = kit_begin(&alice.kit, true);
        struct cove_doc doc = kit_load(&alice.kit, txn, &id);

        ck_assert_int_eq(cove_value_of_text(&alice.kit.arena,
                                            cove_bytes(text, 59000), &op.value),
                         0);
        ck_assert_int_eq(
            cove_repo_append(alice.kit.repo, txn, &doc, &tx, &alice.kit.diag),
            0);
        kit_commit(txn);
    }
    free(text);
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);

    struct cove_hello hello = {.credit = 16 << 20,
                               .client = cove_bytes_text("deaf")};
    struct cove_bytes out;

    ck_assert_int_eq(cove_message_put_hello(&client.out, &hello), 0);
    ck_assert_int_eq(cove_channel_send(client.channel, COVE_LANE_CONTROL,
                                       cove_buf_bytes(&client.out)),
                     0);
    client.out.len = 0;
    out = cove_channel_output(client.channel);
    ck_assert_int_eq(cove_conn_input(client.conn, node_now, out), 0);
    cove_channel_written(client.channel, out.len);
    for (unsigned i = 0; i < 50; i++) {
        ck_assert_int_eq(cove_engine_flush(alice.engine, node_now), 0);
    }
    /* Count what is queued by taking it. */
    for (out = cove_conn_output(client.conn); out.len > 0;
         out = cove_conn_output(client.conn)) {
        queued += out.len;
        cove_conn_written(client.conn, node_now, out.len);
    }
    ck_assert_uint_ge(queued, 4 << 20);
    ck_assert_uint_lt(queued, 5 << 20);
    ck_assert_int_eq(cove_engine_flush(alice.engine, node_now), 0);
    ck_assert_uint_gt(cove_conn_output(client.conn).len, 0);
}
END_TEST

/* --- pairs */

START_TEST(an_empty_store_gets_everything_and_gives_what_it_writes)
{
    struct cove_id ids[50];

    for (uint32_t i = 0; i < 50; i++) {
        ids[i] = make(&alice, i);
    }
    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    link_changed(&wire, 0);
    link_run(&wire);
    for (uint32_t i = 0; i < 50; i++) {
        ck_assert_int_eq(kit_get(&bob.kit, &ids[i], "a"), i);
        kit_set(&bob.kit, &ids[i], "b", i);
    }
    link_changed(&wire, 1);
    link_run(&wire);
    for (uint32_t i = 0; i < 50; i++) {
        ck_assert_int_eq(kit_get(&alice.kit, &ids[i], "b"), i);
    }
    ck_assert(link_stats(&wire, 0).in_sync);
    ck_assert(link_stats(&wire, 1).in_sync);
    ck_assert_uint_eq(link_stats(&wire, 0).documents_out, 51);
    ck_assert_uint_eq(link_stats(&wire, 1).documents_in, 51);
    ck_assert_uint_eq(link_stats(&wire, 0).documents_in, 50);
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
    ck_assert_uint_eq(node_unsent(&bob, &alice.kit.device), 0);
    ck_assert_uint_gt(alice.commits, 0);
}
END_TEST

/* Documents of one commit stand behind one signature: a peer is told the group
 * once, and so is the next one by that peer. */
START_TEST(documents_of_one_commit_travel_with_one_signature)
{
    enum { COUNT = 200 };
    static struct cove_id ids[COUNT];
    struct cove_store_txn *txn;
    uint64_t alone;

    for (uint32_t i = 0; i < COUNT; i++) {
        ids[i] = make(&alice, i);
    }
    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    link_changed(&wire, 0);
    link_run(&wire);
    alone = wire.bytes[0];
    for (uint32_t i = 0; i < COUNT; i++) {
        kit_set(&alice.kit, &ids[i], "b", 1);
    }
    link_changed(&wire, 0);
    link_run(&wire);
    alone = wire.bytes[0] - alone;

    uint64_t together = wire.bytes[0];

    txn = kit_begin(&alice.kit, true);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct cove_doc doc = kit_load(&alice.kit, txn, &ids[i]);

        ck_assert_int_eq(kit_append(&alice.kit, txn, &doc, "b", 2), 0);
    }
    kit_commit(txn);
    link_changed(&wire, 0);
    link_run(&wire);
    together = wire.bytes[0] - together;
    ck_assert_uint_lt(together, alone);
    for (uint32_t i = 0; i < COUNT; i++) {
        ck_assert_int_eq(kit_get(&bob.kit, &ids[i], "b"), 2);
    }
    ck_assert(link_stats(&wire, 0).in_sync);
    ck_assert(link_stats(&wire, 1).in_sync);
}
END_TEST

START_TEST(a_reconnect_of_equal_stores_says_hello_and_nothing_else)
{
    uint64_t handshake[2];

    make(&alice, 1);
    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    link_run(&wire);
    link_cut(&wire);
    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    /* preamble, e | e ee s es | s se: both are open and have said hello */
    while (!link_stats(&wire, 0).open || !link_stats(&wire, 1).open) {
        size_t moved;

        ck_assert_int_eq(link_turn(&wire, &moved), 0);
        ck_assert_uint_gt(moved, 0);
    }
    handshake[0] = wire.bytes[0];
    handshake[1] = wire.bytes[1];
    ck_assert(link_stats(&wire, 0).in_sync);
    link_run(&wire);
    ck_assert_uint_eq(wire.bytes[0], handshake[0]);
    ck_assert_uint_eq(wire.bytes[1], handshake[1]);
}
END_TEST

START_TEST(two_stores_with_ten_thousand_equal_documents_ask_for_nothing)
{
    struct cove_store_txn *txn[2] = {kit_begin(&alice.kit, true),
                                     kit_begin(&bob.kit, true)};

    for (uint32_t i = 0; i < 10000; i++) {
        struct cove_id id;
        struct cove_bytes header =
            kit_header(&alice.kit, COVE_DOC_COMAP, &group, i, &id);
        cove_num num;

        ck_assert_int_eq(cove_repo_ingest_header(alice.kit.repo, txn[0], &id,
                                                 header, &num, NULL),
                         0);
        ck_assert_int_eq(cove_repo_ingest_header(bob.kit.repo, txn[1], &id,
                                                 header, &num, NULL),
                         0);
        cove_arena_reset(&alice.kit.arena);
    }
    kit_commit(txn[0]);
    kit_commit(txn[1]);
    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    link_run(&wire);
    ck_assert(link_stats(&wire, 0).in_sync);
    ck_assert(link_stats(&wire, 1).in_sync);
    ck_assert_uint_eq(link_stats(&wire, 0).documents_out, 0);
    ck_assert_uint_eq(link_stats(&wire, 1).documents_out, 0);
    ck_assert_uint_eq(link_stats(&wire, 1).documents_in, 1); /* the group */
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
}
END_TEST

/* --- records of peers */

START_TEST(a_peers_record_comes_back_as_it_was_put)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_peer_record in, out;
    struct cove_key first = {.b = {1}}, second = {.b = {2}};

    memset(&in, 0, sizeof(in));
    in.key = first;
    memset(in.name, 'n', sizeof(in.name) - 1);
    memset(in.address, 'a', sizeof(in.address) - 1);
    memset(in.error, 'e', sizeof(in.error) - 1);
    memset(in.store_id, 5, sizeof(in.store_id));
    memset(in.acked_store, 6, sizeof(in.acked_store));
    in.have = in.acked = in.bytes_in = in.bytes_out = UINT64_MAX;
    in.documents_in = in.documents_out = 1;
    in.last_seen_ms = in.state_since_ms = INT64_MIN;
    in.state = COVE_PEER_FAILED;
    ck_assert_int_eq(cove_peer_put(alice.kit.repo, txn, &in), 0);
    ck_assert_uint_eq(in.number, 2); /* bob is the first */
    ck_assert_int_eq(cove_peer_get(alice.kit.repo, txn, &first, &out), 0);
    ck_assert_mem_eq(&in, &out, sizeof(in));
    /* a number is never given again */
    ck_assert_int_eq(cove_peer_remove(alice.kit.repo, txn, &first), 0);
    ck_assert_int_eq(cove_peer_get(alice.kit.repo, txn, &first, &out),
                     COVE_ENOTFOUND);
    memset(&in, 0, sizeof(in));
    in.key = second;
    ck_assert_int_eq(cove_peer_put(alice.kit.repo, txn, &in), 0);
    ck_assert_uint_eq(in.number, 3);
    in.number = 0;
    ck_assert_int_eq(cove_peer_put(alice.kit.repo, txn, &in), 0);
    ck_assert_uint_eq(in.number, 3);
    /* all of them, in the order of their keys */
    ck_assert_int_eq(cove_peer_next(alice.kit.repo, txn, NULL, &out), 0);
    ck_assert_mem_eq(&out.key, &second, sizeof(second));
    ck_assert_int_eq(cove_peer_next(alice.kit.repo, txn, &second, &out), 0);
    ck_assert_mem_eq(&out.key, &bob.kit.device, sizeof(out.key));
    ck_assert_int_eq(cove_peer_next(alice.kit.repo, txn, &bob.kit.device, &out),
                     COVE_ENOTFOUND);
    cove_store_abort(txn);
}
END_TEST

START_TEST(a_damaged_record_is_named)
{
    static const char *const bad[] = {"", "\x90", "\x81\x01"};
    struct cove_key key = {.b = {1}};
    struct cove_peer_record out;

    for (size_t i = 0; i < COVE_ARRAY_LEN(bad); i++) {
        struct cove_store_txn *txn = kit_begin(&alice.kit, true);

        ck_assert_int_eq(
            cove_repo_record_put(alice.kit.repo, txn, COVE_RECORDS_PEERS,
                                 cove_bytes(key.b, 32),
                                 cove_bytes(bad[i], strlen(bad[i]))),
            0);
        ck_assert_int_eq(cove_peer_get(alice.kit.repo, txn, &key, &out),
                         COVE_ECORRUPT);
        cove_store_abort(txn);
    }
}
END_TEST

START_TEST(every_state_has_a_name)
{
    ck_assert_str_eq(cove_peer_state_name(COVE_PEER_STOPPED), "stopped");
    ck_assert_str_eq(cove_peer_state_name(COVE_PEER_OFFLINE), "offline");
    ck_assert_str_eq(cove_peer_state_name(COVE_PEER_CONNECTING), "connecting");
    ck_assert_str_eq(cove_peer_state_name(COVE_PEER_IDLE), "idle");
    ck_assert_str_eq(cove_peer_state_name(COVE_PEER_BUSY), "busy");
    ck_assert_str_eq(cove_peer_state_name(COVE_PEER_CRASHING), "crashing");
    ck_assert_str_eq(cove_peer_state_name(COVE_PEER_FAILED), "failed");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine");
    TCase *tc = tcase_create("engine");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, alice_open, alice_close);
#define ADD(test) tcase_add_test(tc, test)
    ADD(a_first_sync_is_told_directly);
    ADD(an_edit_is_pushed_with_its_digest);
    ADD(a_new_document_is_pushed_with_its_header);
    ADD(what_changed_before_the_connection_is_told_by_digest);
    ADD(a_know_is_answered_with_what_lies_behind_it_and_done);
    ADD(what_others_depend_on_is_told_first);
    ADD(documents_go_only_to_readers);
    ADD(a_local_document_goes_to_nobody);
    ADD(a_local_document_does_not_go_to_the_same_device);
    ADD(a_removed_document_is_told_to_nobody_and_asked_for_in_vain);
    ADD(a_document_is_told_when_its_owner_has_come);
    ADD(a_change_of_the_peers_own_is_not_told_back);
    ADD(a_restored_peer_gets_back_what_it_lost_though_it_writes_anew);
    ADD(a_document_of_many_megabytes_goes_in_pieces);
    ADD(an_equal_have_says_nothing_and_another_is_asked_for);
    ADD(a_position_is_reached_when_all_before_it_is_here);
    ADD(a_position_is_acknowledged_only_after_the_commit);
    ADD(a_failed_commit_acknowledges_nothing);
    ADD(a_store_that_was_replaced_begins_again);
    ADD(what_is_held_of_a_replaced_store_is_forgotten);
    ADD(what_was_acknowledged_to_a_former_store_is_unsent);
    ADD(what_the_peer_refused_is_unsent_and_told_again);
    ADD(a_peer_that_is_dialled_gets_a_record);
    ADD(a_transaction_does_not_stay_open_for_long);
    ADD(the_newest_connection_tells_and_all_answer);
    ADD(a_fifth_connection_of_a_device_is_refused);
    ADD(a_second_store_with_one_device_key_is_refused_and_both_know);
    ADD(a_silent_connection_makes_room_for_another_store_in_5_s);
    ADD(an_unknown_device_gets_nothing);
    ADD(a_removed_peer_is_sent_away);
    ADD(a_peer_that_is_forgotten_is_not_told_what_is_written_next);
    ADD(nor_is_one_that_was_forgotten_and_added_again);
    ADD(a_quiet_peer_is_asked_at_30_s_and_lost_at_90);
    ADD(who_says_no_hello_is_dropped_after_30_s);
    ADD(a_ping_is_answered_and_a_goodbye_ends_it_well);
    ADD(what_is_unsent_is_as_old_as_the_oldest_of_it);
    ADD(a_document_in_which_nothing_was_written_has_no_age);
    ADD(behind_a_pong_comes_what_the_clock_shows);
    ADD(a_clock_is_compared_at_half_of_the_way_there_and_back);
    ADD(a_clock_that_is_more_than_a_minute_off_is_warned_of_once);
    ADD(several_that_are_ahead_make_the_clock_here_suspect);
    ADD(an_end_without_goodbye_is_connection_lost);
    ADD(bye_says_goodbye_and_then_closes);
    ADD(a_daemon_that_runs_for_months_renews_its_certificate);
    ADD(nothing_is_sent_without_credit);
    ADD(a_credit_of_2_to_the_63_is_bounded);
    ADD(no_more_than_16_MiB_of_credit_are_given);
    ADD(more_credit_comes_when_half_is_used);
    ADD(a_peer_that_does_not_read_costs_little_and_is_not_drowned);
    ADD(an_empty_store_gets_everything_and_gives_what_it_writes);
    ADD(documents_of_one_commit_travel_with_one_signature);
    ADD(a_reconnect_of_equal_stores_says_hello_and_nothing_else);
    ADD(two_stores_with_ten_thousand_equal_documents_ask_for_nothing);
    ADD(a_peers_record_comes_back_as_it_was_put);
    ADD(a_damaged_record_is_named);
    ADD(every_state_has_a_name);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
