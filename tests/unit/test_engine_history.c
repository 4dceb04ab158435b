/* A history that was cut off, over a wire: who lacks its beginning gets the cut
 * in its place, nobody else does, and what is no good is refused alone. */
#include "sync/engine_internal.h"
#include "tests/unit/client_kit.h"
#include "tests/unit/cut_kit.h"
#include "tests/unit/text_kit.h"

#define WRITES 250

static struct node alice, bob, carol, dave; /* admin, writer, admin, reader */
static struct node *const nodes[] = {&alice, &bob, &carol, &dave};
static struct client client; /* speaks with bob's key */
static struct link wire;
static struct cove_id group, doc;

static void take_group(struct node *node)
{
    struct kit_member members[] = {{&alice.kit, "admin"},
                                   {&bob.kit, "writer"},
                                   {&carol.kit, "admin"},
                                   {&dave.kit, "reader"}};
    struct cove_bytes header = kit_group(&node->kit, members, 4, &group);

    kit_take_header(&node->kit, &group, header);
}

static struct cove_id take_doc(struct node *node, uint32_t n)
{
    struct cove_id id;
    struct cove_bytes header =
        kit_header(&node->kit, COVE_DOC_COMAP, &group, n, &id);

    kit_take_header(&node->kit, &id, header);
    return id;
}

static void setup(void)
{
    memset(&wire, 0, sizeof(wire));
    for (unsigned i = 0; i < COVE_ARRAY_LEN(nodes); i++) {
        node_open(nodes[i], (uint8_t)(i + 1));
    }
    for (unsigned i = 0; i < COVE_ARRAY_LEN(nodes); i++) {
        for (unsigned k = 0; k < COVE_ARRAY_LEN(nodes); k++) {
            if (i != k) {
                node_know(nodes[i], &nodes[k]->kit.device);
            }
        }
    }
    take_group(&alice);
    doc = take_doc(&alice, 1);
    client_init(&client, &alice, 2);
}

static void teardown(void)
{
    client_clear(&client);
    link_cut(&wire);
    for (unsigned i = 0; i < COVE_ARRAY_LEN(nodes); i++) {
        node_close(nodes[i]);
    }
}

static void pass(int64_t ms)
{
    for (unsigned i = 0; i < COVE_ARRAY_LEN(nodes); i++) {
        nodes[i]->kit.env.now_ms += ms;
    }
    client.env.now_ms += ms;
}

/* `count` writes of one device, each in a commit. */
static void write_to(struct node *node, const struct cove_id *id, int count)
{
    static const char *const regs[] = {"name", "size", "colour of the thing"};

    for (int i = 0; i < count; i++) {
        pass(1000);
        kit_set(&node->kit, id, regs[i % 3],
                (int64_t)i * 104729 + node->kit.device.b[0]);
    }
    pass(1000);
}

static struct cove_doc look(struct node *node, const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, false);
    struct cove_doc found = kit_load(&node->kit, txn, id);

    cove_store_abort(txn);
    return found;
}

static bool holds(struct node *node, const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, false);
    cove_num num;
    int err = cove_repo_find(node->kit.repo, txn, id, &num);

    cove_store_abort(txn);
    ck_assert(err == 0 || err == COVE_ENOTFOUND);
    return err == 0;
}

/* Until nothing moves, in few turns: no two may ask each other for ever. */
static void talk(void)
{
    size_t moved = 1;

    for (int turns = 0; moved > 0; turns++) {
        ck_assert_int_lt(turns, 200);
        ck_assert_int_eq(link_turn(&wire, &moved), 0);
    }
}

static void dial(struct node *a, struct node *b)
{
    link_cut(&wire);
    ck_assert_int_eq(link_dial(&wire, a, b), 0);
    talk();
    link_run(&wire);
}

static void meet(struct node *a, struct node *b)
{
    dial(a, b);
    link_cut(&wire);
}

static void changed(void)
{
    link_changed(&wire, 0);
    link_changed(&wire, 1);
    talk();
    link_run(&wire);
}

static uint64_t moved_bytes(void)
{
    return wire.bytes[0] + wire.bytes[1];
}

static void same(struct node *a, struct node *b)
{
    assert_same_view(&a->kit, &b->kit, &doc);
    ck_assert_uint_eq(node_unsent(a, &b->kit.device), 0);
    ck_assert_uint_eq(node_unsent(b, &a->kit.device), 0);
}

static struct cove_engine_counts counts(const struct node *node)
{
    struct cove_engine_counts out;

    cove_engine_counts(node->engine, &out);
    return out;
}

static struct cove_refused refused_at(struct node *node,
                                      const struct node *peer)
{
    struct cove_store_txn *txn;
    struct cove_refused out = {0};

    node_now += 1000; /* what was lazy is written */
    ck_assert_int_eq(cove_engine_flush(node->engine, node_now), 0);
    txn = kit_begin(&node->kit, false);
    ck_assert_int_eq(cove_refused_get(node->kit.repo, txn, COVE_REFUSED_HERE,
                                      &peer->kit.device, &out),
                     0);
    cove_store_abort(txn);
    return out;
}

/* --- who gets it */

START_TEST(a_newcomer_is_given_the_cut_and_the_rest)
{
    write_to(&alice, &doc, WRITES);
    cut_now(&alice.kit, &doc);
    write_to(&alice, &doc, 3);
    meet(&alice, &bob);
    same(&alice, &bob);
    ck_assert(
        cove_bytes_equal(cut_of(&alice.kit, &doc), cut_of(&bob.kit, &doc)));
    ck_assert_uint_eq(counts(&bob).refused, 0);
    write_to(&bob, &doc, 2); /* and who writes goes on */
    meet(&bob, &alice);
    same(&alice, &bob);
}
END_TEST

/* The items of the content message heard last: so many of each. */
static void expect_items(unsigned cuts, unsigned batches)
{
    struct cove_reader walk = cove_message_walk(&client.message.batches);
    struct cove_bytes bytes;
    unsigned cut = 0, batch = 0;

    for (size_t i = 0; i < client.message.batches.count; i++) {
        ck_assert(cove_message_next_bytes(&walk, &bytes));
        if (cove_cut_is(bytes)) {
            ck_assert_uint_eq(batch, 0); /* it goes before what follows it */
            cut++;
        } else if (!cove_group_is(bytes)) {
            batch++;
        }
    }
    ck_assert_uint_eq(cut, cuts);
    ck_assert_uint_eq(batch, batches);
}

/* Two sessions, and a part of each cut off; alice has all of it. */
static void two_sessions(void)
{
    take_group(&bob);
    take_doc(&bob, 1);
    write_to(&alice, &doc, WRITES);
    write_to(&bob, &doc, WRITES);
    meet(&alice, &bob);
    cut_now(&alice.kit, &doc);
    write_to(&alice, &doc, 2);
}

static void client_up(void)
{
    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    client_say_hello(&client, 1000, 0, NULL, 1 << 20);
    while (client_hear(&client)) {
    }
}

/* Ask for the document: of each session of alice so much is there, and
 * `behind` 0 is at its base. */
static void ask(const int64_t *behind, size_t count, bool same_head)
{
    struct cove_doc at = look(&alice, &doc);
    struct cove_message_row rows[4];
    size_t known = 0;

    ck_assert_uint_eq(at.session_count, 2);
    for (size_t i = 0; i < count; i++) {
        int64_t len = (int64_t)at.sessions[i].base + behind[i];

        if (len > 0) {
            rows[known].session = at.sessions[i].session;
            rows[known].len = (uint32_t)len;
            memcpy(rows[known].head, at.sessions[i].head.b,
                   sizeof(rows[0].head));
            rows[known].head[0] ^= same_head ? 0 : 1;
            known++;
        }
    }
    ck_assert_int_eq(cove_message_add_know(&client.list[0], &doc, rows, known),
                     0);
    ck_assert_int_eq(cove_message_put_know(&client.out, 0, &client.list[0]), 0);
    client_say(&client, COVE_LANE_CONTROL);
}

START_TEST(it_goes_once_in_an_answer_and_only_to_who_lacks_what_it_stands_for)
{
    static const struct {
        int64_t behind[2];
        unsigned cuts;
    } cases[] = {
        {{0, 0}, 0},             /* it has what was cut off */
        {{-1, 0}, 1},            /* a transaction less */
        {{0, -1}, 1},            /* … of the other session */
        {{-5, -50}, 1},          /* of both */
        {{-WRITES, -WRITES}, 1}, /* nothing */
        {{1000, 1000}, 0},       /* more than alice */
        {{1000, -1}, 1},
    };

    two_sessions();
    client_up();
    for (size_t i = 0; i < COVE_ARRAY_LEN(cases); i++) {
        struct cove_doc at = look(&alice, &doc);
        unsigned batches = 0;

        for (size_t k = 0; k < 2; k++) {
            batches += cases[i].behind[k] < 1000 &&
                       at.sessions[k].len > at.sessions[k].base;
        }
        ask(cases[i].behind, 2, true);
        client_expect(&client, COVE_MESSAGE_CONTENT);
        ck_assert_uint_eq(client.message.done.count, 1);
        expect_items(cases[i].cuts, batches);
        client_expect_silence(&client);
    }
}
END_TEST

START_TEST(who_holds_another_branch_of_what_is_left_sees_where_they_part)
{
    struct cove_doc at;
    int64_t behind[2] = {0, 0};

    two_sessions();
    client_up();
    at = look(&alice, &doc);
    for (size_t i = 0; i < 2; i++) { /* as long, with another head */
        behind[i] = (int64_t)(at.sessions[i].len - at.sessions[i].base);
    }
    ask(behind, 2, true);
    client_expect_content(&client, 0, 0, 1); /* as equal as it can be */
    ask(behind, 2, false);
    client_expect(&client, COVE_MESSAGE_CONTENT);
    expect_items(1, (behind[0] > 0 ? 1u : 0u) + (behind[1] > 0 ? 1u : 0u));
}
END_TEST

START_TEST(a_device_with_a_part_takes_the_rest_with_it)
{
    take_group(&bob);
    take_doc(&bob, 1);
    write_to(&alice, &doc, WRITES / 2);
    meet(&alice, &bob);
    write_to(&alice, &doc, WRITES);
    write_to(&bob, &doc, 10); /* that alice lacks when she cuts */
    cut_now(&alice.kit, &doc);
    write_to(&alice, &doc, 5);
    meet(&alice, &bob);
    same(&alice, &bob);
    ck_assert_uint_gt(cut_of(&bob.kit, &doc).len, 0);
    meet(&alice, &bob);
    ck_assert_uint_lt(moved_bytes(), 2000);
}
END_TEST

/* Bob lacks much more than a cut stands for, and gets it in pieces. */
START_TEST(it_goes_in_pieces_to_who_gives_little_credit)
{
    write_to(&alice, &doc, WRITES);
    cut_now(&alice.kit, &doc);
    for (uint32_t i = 2; i < 40; i++) {
        struct cove_id id = take_doc(&alice, i);

        write_to(&alice, &id, WRITES);
        cut_now(&alice.kit, &id);
        write_to(&alice, &id, 2);
    }
    cove_engine_free(bob.engine);
    ck_assert_int_eq(node_start_with(&bob, 10), 0);
    dial(&alice, &bob);
    same(&alice, &bob);
}
END_TEST

/* --- while connected */

START_TEST(nothing_is_said_when_a_history_is_cut)
{
    uint64_t bytes;

    write_to(&alice, &doc, WRITES);
    dial(&alice, &bob);
    bytes = moved_bytes();
    cut_now(&alice.kit, &doc);
    changed();
    ck_assert_uint_eq(moved_bytes(), bytes);
    same(&alice, &bob);
    ck_assert_uint_eq(cut_of(&bob.kit, &doc).len, 0);
}
END_TEST

START_TEST(what_is_written_behind_it_is_pushed_alone)
{
    write_to(&alice, &doc, WRITES);
    dial(&alice, &bob);
    cut_now(&alice.kit, &doc);
    for (int i = 0; i < 4; i++) {
        uint64_t bytes = moved_bytes();

        write_to(&alice, &doc, 1);
        changed();
        ck_assert_uint_lt(moved_bytes() - bytes, 700);
        same(&alice, &bob);
    }
    write_to(&bob, &doc, 1);
    changed();
    same(&alice, &bob);
    ck_assert_uint_eq(cut_of(&bob.kit, &doc).len, 0);
}
END_TEST

START_TEST(what_was_cut_off_before_it_was_told_comes_with_the_cut)
{
    write_to(&alice, &doc, 1);
    dial(&alice, &bob);
    write_to(&alice, &doc, WRITES);
    cut_now(&alice.kit, &doc);
    changed();
    same(&alice, &bob);
    ck_assert_uint_gt(cut_of(&bob.kit, &doc).len, 0);
}
END_TEST

START_TEST(a_document_is_cut_while_its_answer_is_under_way)
{
    uint64_t next;

    write_to(&alice, &doc, WRITES);
    cut_now(&alice.kit, &doc);
    write_to(&alice, &doc, WRITES);
    cove_engine_free(alice.engine);
    ck_assert_int_eq(node_start_with(&alice, 0), 0);
    alice.engine->opt.message_bytes = 500;
    cove_engine_free(bob.engine);
    ck_assert_int_eq(node_start_with(&bob, 10), 0);
    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    for (int turn = 0; turn < 60; turn++) {
        size_t moved;

        ck_assert_int_eq(link_turn(&wire, &moved), 0);
        if (holds(&bob, &doc) && cut_of(&alice.kit, &doc).len > 0 &&
            turn % 4 == 0) {
            struct cove_cut_rule rule = cut_before(&alice.kit);
            struct cove_cut_result gone;
            int err = cut_try(&alice.kit, &doc, &rule, &gone);

            ck_assert(err == 0 || err == COVE_ENOTFOUND);
            write_to(&alice, &doc, 1);
        }
        ck_assert_int_eq(cove_engine_tick(alice.engine, node_now, &next), 0);
    }
    changed();
    same(&alice, &bob);
}
END_TEST

/* --- long ones */

/* Values that cannot be packed. */
static void write_noise(struct node *node, const struct cove_id *id,
                        const char *reg, size_t len)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, true);
    struct cove_doc at = kit_load(&node->kit, txn, id);
    struct cove_tx_op op = {.reg = cove_bytes_text(reg)};
    struct cove_tx tx = {.ops = &op, .op_count = 1};
    struct cove_buf value;
    struct cove_writer w;
    uint8_t *noise = malloc(len);

    node->kit.env.env.random(node->kit.env.env.ctx, noise, len);
    cove_buf_init(&value, &node->kit.heap.alloc);
    cove_writer_init(&w, &value);
    cove_writer_bytes(&w, noise, len);
    op.value = cove_buf_bytes(&value);
    ck_assert_int_eq(
        cove_repo_append(node->kit.repo, txn, &at, &tx, &node->kit.diag), 0);
    kit_commit(txn);
    cove_buf_clear(&value);
    free(noise);
    pass(1000);
}

/* 500 KiB, twice in a row, with all that goes before and behind. */
START_TEST(long_ones_fit_the_messages_and_the_credit)
{
    struct cove_id other = take_doc(&alice, 2);
    const struct cove_id *const ids[] = {&doc, &other};

    for (size_t d = 0; d < 2; d++) {
        for (int i = 0; i < 9; i++) {
            char reg[8];

            snprintf(reg, sizeof(reg), "r%d", i);
            write_noise(&alice, ids[d], reg, 56800);
        }
        cut_now(&alice.kit, ids[d]);
        ck_assert_uint_gt(cut_of(&alice.kit, ids[d]).len, 500u << 10);
        for (int i = 0; i < 5; i++) {
            write_noise(&alice, ids[d], "r1", 56800);
        }
    }
    for (uint64_t credit = 0; credit < 2; credit++) { /* the usual, and 1 */
        struct node *node = credit == 0 ? &bob : &dave;

        cove_engine_free(node->engine);
        ck_assert_int_eq(node_start_with(node, credit), 0);
        meet(&alice, node);
        same(&alice, node);
        assert_same_view(&alice.kit, &node->kit, &other);
        ck_assert_uint_eq(counts(node).refused, 0);
    }
    meet(&dave, &carol); /* in turn, from who has it of another */
    same(&dave, &carol);
}
END_TEST

/* --- devices that pass it on, and that come back */

START_TEST(a_relay_passes_it_on)
{
    write_to(&alice, &doc, WRITES);
    cut_now(&alice.kit, &doc);
    meet(&alice, &dave);
    write_to(&alice, &doc, 2);
    dial(&dave, &carol);
    ck_assert(
        cove_bytes_equal(cut_of(&alice.kit, &doc), cut_of(&carol.kit, &doc)));
    meet(&alice, &dave);
    meet(&dave, &carol);
    same(&dave, &carol);
    assert_same_view(&alice.kit, &carol.kit, &doc);
}
END_TEST

/* While both are connected with it: what came by the cut is pushed as far as it
 * can be, and the rest is asked for. */
START_TEST(a_relay_passes_it_on_at_once)
{
    struct link other;

    take_group(&dave);
    take_doc(&dave, 1);
    write_to(&alice, &doc, 1);
    meet(&alice, &dave);
    ck_assert_int_eq(link_dial(&other, &dave, &carol), 0);
    ck_assert_int_eq(link_settle(&other), 0);
    ck_assert_int_eq(kit_get(&carol.kit, &doc, "name"),
                     kit_get(&alice.kit, &doc, "name"));
    write_to(&alice, &doc, WRITES);
    cut_now(&alice.kit, &doc);
    write_to(&alice, &doc, 2);
    dial(&alice, &dave);
    link_changed(&other, 0);
    ck_assert_int_eq(link_settle(&other), 0);
    same(&dave, &carol);
    assert_same_view(&alice.kit, &carol.kit, &doc);
    ck_assert_uint_eq(counts(&carol).refused + counts(&dave).refused, 0);
    link_cut(&other);
}
END_TEST

/* S40: a device comes back after a year with writes of its own. */
START_TEST(writes_of_a_year_ago_land_and_the_newest_wins)
{
    take_group(&bob);
    take_doc(&bob, 1);
    write_to(&alice, &doc, WRITES);
    meet(&alice, &bob);
    kit_set(&bob.kit, &doc, "only bob", 7);
    kit_set(&bob.kit, &doc, "name", 8);
    pass(1000);
    kit_set(&alice.kit, &doc, "name", 9);
    pass(INT64_C(365) * 86400000);
    write_to(&alice, &doc, 1);
    cut_now(&alice.kit, &doc);
    node_now += 1000;
    meet(&alice, &bob);
    same(&alice, &bob);
    ck_assert_int_eq(kit_get(&alice.kit, &doc, "only bob"), 7);
    meet(&carol, &alice);
    same(&carol, &alice);
    ck_assert_int_eq(kit_get(&carol.kit, &doc, "only bob"), 7);
}
END_TEST

START_TEST(who_lost_its_store_takes_its_own_writes_with_the_cut)
{
    two_sessions();
    node_close(&bob);
    node_open(&bob, 2);
    bob.kit.env.now_ms = alice.kit.env.now_ms;
    node_know(&bob, &alice.kit.device);
    meet(&alice, &bob);
    same(&alice, &bob);
    write_to(&bob, &doc, 3);
    ck_assert_uint_eq(look(&bob, &doc).session_count, 3);
    meet(&alice, &bob);
    same(&alice, &bob);
}
END_TEST

/* --- what is refused */

/* The client, with bob's key, says a document's header and this cut. */
static void say_cut(struct cove_bytes cut, struct cove_bytes header)
{
    if (header.len > 0) {
        ck_assert_int_eq(cove_message_add_bytes(&client.list[0], header), 0);
    }
    ck_assert_int_eq(cove_message_add_bytes(&client.list[1], cut), 0);
    client_say_content(&client);
}

/* Carol cuts a document of her own, which alice has not; its header. */
static struct cove_bytes carols(struct cove_bytes *cut, struct cove_id *id)
{
    take_group(&carol);
    *id = take_doc(&carol, 7);
    write_to(&carol, id, WRITES);
    cut_now(&carol.kit, id);
    *cut = cut_of(&carol.kit, id);
    return kit_header(&carol.kit, COVE_DOC_COMAP, &group, 7, id);
}

/* It is refused, on the list, a strike or not, and all else goes on. */
static void expect_refusal(const struct cove_id *id, int code, unsigned strikes)
{
    struct cove_engine_counts now = counts(&alice);

    client_expect_refused(&client, id, code);
    ck_assert_uint_eq(now.refused, 1);
    ck_assert_uint_eq(now.strikes, strikes);
    if (id != NULL) {
        ck_assert(cove_refused_has(&client.conn->peer->here, id));
    }
    client_say_number(&client, COVE_MESSAGE_PING, 3);
    do {
        ck_assert(client_hear(&client));
    } while (client.message.kind != COVE_MESSAGE_PONG);
}

static void expect_nothing_of(const struct cove_id *id)
{
    ck_assert(holds(&alice, id));
    ck_assert_uint_eq(look(&alice, id).session_count, 0);
    ck_assert_uint_eq(cut_of(&alice.kit, id).len, 0);
}

START_TEST(a_good_one_is_taken_from_anybody)
{
    struct cove_bytes cut;
    struct cove_id id;
    struct cove_bytes header = carols(&cut, &id);

    client_up();
    say_cut(cut, header); /* a writer passes it on */
    ck_assert_uint_eq(counts(&alice).refused, 0);
    assert_same_view(&alice.kit, &carol.kit, &id);
    say_cut(cut, header); /* once more: nothing */
    ck_assert_uint_eq(counts(&alice).refused, 0);
}
END_TEST

/* A41 */
START_TEST(a_forged_one_is_a_strike)
{
    struct cove_bytes cut;
    struct cove_id id;
    struct cove_bytes header = carols(&cut, &id);
    uint8_t *bytes = malloc(cut.len);

    client_up();
    memcpy(bytes, cut.at, cut.len);
    bytes[cut.len - 1] ^= 1;
    say_cut(cove_bytes(bytes, cut.len), header);
    expect_refusal(&id, COVE_ESIGNATURE, 1);
    expect_nothing_of(&id);
    free(bytes);
    say_cut(cut, header); /* the true one makes it good */
    assert_same_view(&alice.kit, &carol.kit, &id);
}
END_TEST

/* A41 */
START_TEST(one_that_is_no_cut_is_a_strike)
{
    client_up();
    say_cut(cove_bytes("\x86\x01\x01\x01\x01\x01\x01", 7), cove_bytes("", 0));
    expect_refusal(NULL, COVE_EFORMAT, 1);
}
END_TEST

/* What carol cut, with bob's signature, or a stranger's. */
static void signed_by(const struct cove_secret *secret,
                      const struct cove_key *device, struct cove_bytes cut,
                      struct cove_buf *out)
{
    struct cove_cut other;

    ck_assert_int_eq(cove_cut_decode(cut, &carol.kit.arena, &other, NULL), 0);
    other.device = *device;
    ck_assert_int_eq(cove_cut_sign(secret, &carol.kit.heap.alloc, &other), 0);
    cove_buf_init(out, &carol.kit.heap.alloc);
    ck_assert_int_eq(cove_cut_encode(&other, out), 0);
}

/* A41 */
START_TEST(one_by_a_writer_or_a_reader_is_a_strike)
{
    const struct node *by = _i == 0 ? &bob : &dave;
    struct cove_bytes cut;
    struct cove_id id;
    struct cove_bytes header = carols(&cut, &id);
    struct cove_buf buf;

    client_up();
    signed_by(&by->kit.secret, &by->kit.device, cut, &buf);
    say_cut(cove_buf_bytes(&buf), header);
    expect_refusal(&id, COVE_EDENIED, 1);
    expect_nothing_of(&id);
    cove_buf_clear(&buf);
}
END_TEST

START_TEST(one_whose_header_is_missing_is_asked_for)
{
    struct cove_bytes cut;
    struct cove_id id;

    (void)carols(&cut, &id);
    client_up();
    say_cut(cut, cove_bytes("", 0));
    ck_assert_uint_eq(counts(&alice).refused, 0);
    ck_assert_uint_eq(client_expect_know(&client, &id).count, 0);
}
END_TEST

/* A document of a group that alice has not: she holds nobody for its admin. */
START_TEST(one_whose_owner_is_missing_is_asked_for_when_that_is_here)
{
    struct kit_member members[] = {
        {&carol.kit, "admin"}, {&alice.kit, "admin"}, {&bob.kit, "writer"}};
    struct cove_bytes owner, header, cut;
    struct cove_id owner_id, id;

    owner = kit_group(&carol.kit, members, 3, &owner_id);
    kit_take_header(&carol.kit, &owner_id, owner);
    header = kit_header(&carol.kit, COVE_DOC_COMAP, &owner_id, 9, &id);
    kit_take_header(&carol.kit, &id, header);
    write_to(&carol, &id, WRITES);
    cut_now(&carol.kit, &id);
    cut = cut_of(&carol.kit, &id);

    client_up();
    say_cut(cut, header);
    ck_assert_uint_eq(counts(&alice).strikes, 0);
    ck_assert(cove_refused_has(&client.conn->peer->here, &id));
    do {
        ck_assert(client_hear(&client));
    } while (client.message.kind != COVE_MESSAGE_KNOW);
    ck_assert_int_eq(cove_message_add_bytes(&client.list[0], owner), 0);
    ck_assert_int_eq(cove_message_add_id(&client.list[2], &owner_id), 0);
    client_say_content(&client);
    do {
        ck_assert(client_hear(&client));
    } while (client.message.kind != COVE_MESSAGE_KNOW);
    ck_assert_int_eq(cove_message_add_bytes(&client.list[1], cut), 0);
    ck_assert_int_eq(cove_message_add_id(&client.list[2], &id), 0);
    client_say_content(&client);
    assert_same_view(&alice.kit, &carol.kit, &id);
    ck_assert(!cove_refused_has(&client.conn->peer->here, &id));
}
END_TEST

START_TEST(its_bytes_count_for_the_quota)
{
    struct cove_bytes cut;
    struct cove_id id;
    struct cove_bytes header = carols(&cut, &id);

    cove_engine_quota(alice.engine, 0, header.len + cut.len - 1);
    client_up();
    say_cut(cut, header);
    expect_refusal(&id, COVE_ELIMIT, 0);
    expect_nothing_of(&id);
    ck_assert_uint_eq(counts(&alice).over_quota, 1);
    cove_engine_quota(alice.engine, 0, header.len + cut.len);
    say_cut(cut, header);
    assert_same_view(&alice.kit, &carol.kit, &id);
}
END_TEST

/* Bob's key is on two devices, which go on with one session. Carol has one
 * branch of it and cuts it off, alice the other. */
START_TEST(another_branch_of_a_session_that_was_cut_off_whole_is_a_fork)
{
    struct cove_refused here;
    struct node twin;

    node_open(&twin, 2);
    twin.kit.env.now_ms = bob.kit.env.now_ms;
    take_group(&bob);
    take_group(&twin);
    take_group(&carol);
    take_doc(&bob, 1);
    take_doc(&twin, 1);
    take_doc(&carol, 1);
    write_to(&bob, &doc, WRITES);
    twin.kit.env.now_ms = bob.kit.env.now_ms - 1000;
    for (int i = 0; i < WRITES; i++) {
        kit_set(&twin.kit, &doc, "name", i);
    }
    kit_sync(&bob.kit, &carol.kit, &doc);
    kit_sync(&twin.kit, &alice.kit, &doc);
    ck_assert_mem_eq(&look(&alice, &doc).sessions[0].session,
                     &look(&carol, &doc).sessions[0].session,
                     sizeof(struct cove_session_id));
    cut_now(&carol.kit, &doc);
    meet(&alice, &carol);
    here = refused_at(&alice, &carol);
    ck_assert(cove_refused_has(&here, &doc));
    ck_assert(node_saw(&alice, "a session that is another one here"));
    ck_assert_uint_eq(counts(&alice).strikes + counts(&carol).strikes, 0);
    ck_assert_uint_eq(cut_of(&alice.kit, &doc).len, 0);
    ck_assert_uint_eq(node_unsent(&carol, &alice.kit.device), 1);
    node_close(&twin);
}
END_TEST

/* --- what came before it */

/* Alice writes behind her cut what carol has, who has not the cut; `batches`:
 * only of sessions that begin behind it. */
static void give_new_sessions(void)
{
    struct cove_doc at = look(&alice, &doc);

    for (size_t i = 0; i < at.session_count; i++) {
        struct cove_ingest_result result;
        struct cove_batch batch;

        if (at.sessions[i].base > 0) {
            continue;
        }
        ck_assert_int_eq(kit_read(&alice.kit, &doc, &at.sessions[i].session, 0,
                                  COVE_MAX_BATCH, &batch),
                         0);
        ck_assert_int_eq(kit_ingest(&carol.kit, &batch, 1, &result), 0);
        ck_assert_uint_gt(result.added, 0);
    }
}

START_TEST(a_branch_that_was_here_first_and_began_behind_it_is_no_hindrance)
{
    take_group(&carol);
    take_doc(&carol, 1);
    write_to(&alice, &doc, WRITES);
    cut_now(&alice.kit, &doc);
    kit_set(&alice.kit, &doc, "name", 3);
    (void)kit_branch(&alice.kit, &doc, &kit_main, "draft");
    give_new_sessions();
    ck_assert_uint_eq(look(&carol, &doc).session_count, 1);
    meet(&alice, &carol);
    same(&alice, &carol);
    ck_assert_uint_eq(look(&carol, &doc).session_count, 2);
}
END_TEST

START_TEST(a_branch_of_what_it_stands_for_stays)
{
    take_group(&carol);
    take_doc(&carol, 1);
    write_to(&alice, &doc, WRITES);
    meet(&alice, &carol);
    (void)kit_branch(&carol.kit, &doc, &kit_main, "draft");
    write_to(&alice, &doc, WRITES);
    cut_now(&alice.kit, &doc);
    meet(&alice, &carol);
    same(&alice, &carol);
    ck_assert_uint_eq(look(&alice, &doc).session_count, 2);
    meet(&carol, &bob);
    same(&carol, &bob);
}
END_TEST

START_TEST(what_is_held_for_its_time_is_no_hindrance)
{
    take_group(&carol);
    take_doc(&carol, 1);
    take_group(&bob);
    take_doc(&bob, 1);
    write_to(&alice, &doc, WRITES);
    cut_now(&alice.kit, &doc);
    bob.kit.env.now_ms += 3600000; /* an hour ahead */
    kit_set(&bob.kit, &doc, "name", 3);
    kit_sync(&bob.kit, &carol.kit, &doc);
    ck_assert(look(&carol, &doc).flags & COVE_DOC_HAS_HELD);
    kit_sync(&bob.kit, &alice.kit, &doc);
    meet(&alice, &carol);
    same(&alice, &carol);
    pass(3600000);
    ck_assert_int_eq(kit_get(&carol.kit, &doc, "name"), 3);
    same(&alice, &carol);
}
END_TEST

/* --- two that cannot be one */

/* Alice and carol have a common beginning, then each writes and cuts what the
 * other has not. Dave has the common beginning. */
static void two_cuts(void)
{
    take_group(&carol);
    take_doc(&carol, 1);
    write_to(&alice, &doc, WRITES);
    write_to(&carol, &doc, WRITES);
    meet(&alice, &carol);
    meet(&alice, &dave);
    write_to(&alice, &doc, WRITES);
    write_to(&carol, &doc, WRITES);
}

/* A41 */
START_TEST(two_at_once_are_refused_at_both_and_all_else_goes_on)
{
    uint64_t bytes, cuts;
    struct cove_id other;
    struct cove_refused here;

    two_cuts();
    cut_now(&alice.kit, &doc);
    cut_now(&carol.kit, &doc);
    cuts = cut_of(&alice.kit, &doc).len + cut_of(&carol.kit, &doc).len;
    other = take_doc(&alice, 2);
    write_to(&alice, &other, 3);
    dial(&alice, &carol);
    ck_assert_int_eq(kit_get(&carol.kit, &other, "name"),
                     kit_get(&alice.kit, &other, "name"));
    /* As anything on the list it is told once more. */
    ck_assert_uint_eq(counts(&alice).refused, 2);
    ck_assert_uint_eq(counts(&carol).refused, 2);
    ck_assert_uint_eq(counts(&alice).strikes + counts(&carol).strikes, 0);
    ck_assert(node_saw(&alice, "cut off at another place"));
    ck_assert(node_saw(&alice, "the peer refused"));
    here = refused_at(&alice, &carol);
    ck_assert(cove_refused_has(&here, &doc));
    here = refused_at(&carol, &alice);
    ck_assert(cove_refused_has(&here, &doc));
    ck_assert_uint_eq(node_unsent(&alice, &carol.kit.device), 1);
    ck_assert_uint_eq(node_unsent(&carol, &alice.kit.device), 1);

    /* Each edit leads to one question on each side, and its end. */
    for (int i = 0; i < 4; i++) {
        struct node *by = i % 2 == 0 ? &alice : &carol;

        bytes = moved_bytes();
        write_to(by, &doc, 1);
        changed();
        ck_assert_uint_lt(moved_bytes() - bytes, cuts + 4000);
    }
    bytes = moved_bytes();
    changed();
    ck_assert_uint_eq(moved_bytes(), bytes);
    write_to(&alice, &other, 1);
    changed();
    ck_assert_int_eq(kit_get(&carol.kit, &other, "name"),
                     kit_get(&alice.kit, &other, "name"));
}
END_TEST

START_TEST(a_device_with_everything_brings_both_together)
{
    struct cove_refused here;

    two_cuts();
    kit_sync(&alice.kit, &dave.kit, &doc); /* and nothing comes back */
    kit_sync(&carol.kit, &dave.kit, &doc);
    cut_now(&alice.kit, &doc);
    cut_now(&carol.kit, &doc);
    meet(&alice, &carol);
    here = refused_at(&alice, &carol);
    ck_assert(cove_refused_has(&here, &doc));
    meet(&dave, &alice);
    meet(&dave, &carol);
    meet(&alice, &carol);
    same(&alice, &carol);
    same(&alice, &dave);
    same(&carol, &dave);
    here = refused_at(&alice, &carol);
    ck_assert_uint_eq(here.count, 0);
    here = refused_at(&carol, &alice);
    ck_assert_uint_eq(here.count, 0);
}
END_TEST

/* --- what can fail */

/* One connection from beginning to end; 0 where both end in sync. */
static int sync_once(void)
{
    int err = link_dial(&wire, &alice, &bob);

    err = err == 0 ? link_settle(&wire) : err;
    for (unsigned i = 0; i < 2 && err == 0; i++) {
        err = wire.err[i];
        if (err == 0 && !link_stats(&wire, i).in_sync) {
            err = COVE_ENET;
        }
    }
    link_cut(&wire);
    return err;
}

/* Bob's store as it was: a new one. */
static void bob_again(void)
{
    node_close(&bob);
    node_open(&bob, 2);
    bob.kit.env.now_ms = alice.kit.env.now_ms;
    node_know(&bob, &alice.kit.device);
}

/* After a failure all that was lost comes with the next connection. */
static void expect_the_rest(long fail)
{
    int err = sync_once();

    ck_assert_msg(err == 0, "after call %ld: %d", fail, err);
    same(&alice, &bob);
    ck_assert_uint_eq(counts(&alice).refused + counts(&bob).refused, 0);
    bob_again();
}

/* Of who gives it, and of who takes it. */
START_TEST(each_allocation_may_fail)
{
    struct node *node = _i == 0 ? &alice : &bob;
    bool done = false;

    write_to(&alice, &doc, WRITES);
    cut_now(&alice.kit, &doc);
    write_to(&alice, &doc, 2);
    for (long fail = 1; !done; fail++) {
        int err;

        node->kit.heap.calls = 0;
        node->kit.heap.fail_at = fail;
        err = sync_once();
        node->kit.heap.fail_at = 0;
        done = node->kit.heap.calls < fail;
        ck_assert(err == 0 || !done);
        expect_the_rest(fail);
    }
}
END_TEST

START_TEST(each_call_of_the_store_may_fail)
{
    static const int codes[] = {COVE_EIO, COVE_ENOSPC, COVE_EBUSY};
    struct node *node = _i == 0 ? &alice : &bob;
    bool done = false;

    write_to(&alice, &doc, WRITES);
    cut_now(&alice.kit, &doc);
    write_to(&alice, &doc, 2);
    for (long fail = 1; !done; fail++) {
        struct fixture_fault fault = {.fail_at = fail, .code = codes[fail % 3]};
        int err;

        cove_store_set_fault(node->kit.store.store, fixture_hook, &fault);
        err = sync_once();
        cove_store_set_fault(node->kit.store.store, NULL, NULL);
        done = fault.calls < fail;
        ck_assert(err == 0 || !done);
        expect_the_rest(fail);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_history");
    TCase *tcase = tcase_create("given");
    TCase *wrong = tcase_create("refused");
    TCase *faults = tcase_create("faults");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_checked_fixture(wrong, setup, teardown);
    tcase_add_checked_fixture(faults, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_set_timeout(wrong, 60);
    tcase_set_timeout(faults, 60);
    tcase_add_loop_test(faults, each_allocation_may_fail, 0, 2);
    tcase_add_loop_test(faults, each_call_of_the_store_may_fail, 0, 2);
    tcase_add_test(tcase, a_newcomer_is_given_the_cut_and_the_rest);
    tcase_add_test(
        tcase,
        it_goes_once_in_an_answer_and_only_to_who_lacks_what_it_stands_for);
    tcase_add_test(
        tcase, who_holds_another_branch_of_what_is_left_sees_where_they_part);
    tcase_add_test(tcase, a_device_with_a_part_takes_the_rest_with_it);
    tcase_add_test(tcase, it_goes_in_pieces_to_who_gives_little_credit);
    tcase_add_test(tcase, nothing_is_said_when_a_history_is_cut);
    tcase_add_test(tcase, what_is_written_behind_it_is_pushed_alone);
    tcase_add_test(tcase,
                   what_was_cut_off_before_it_was_told_comes_with_the_cut);
    tcase_add_test(tcase, a_document_is_cut_while_its_answer_is_under_way);
    tcase_add_test(tcase, long_ones_fit_the_messages_and_the_credit);
    tcase_add_test(tcase, a_relay_passes_it_on);
    tcase_add_test(tcase, a_relay_passes_it_on_at_once);
    tcase_add_test(tcase, writes_of_a_year_ago_land_and_the_newest_wins);
    tcase_add_test(tcase, who_lost_its_store_takes_its_own_writes_with_the_cut);
    tcase_add_test(wrong, a_good_one_is_taken_from_anybody);
    tcase_add_test(wrong, a_forged_one_is_a_strike);
    tcase_add_test(wrong, one_that_is_no_cut_is_a_strike);
    tcase_add_loop_test(wrong, one_by_a_writer_or_a_reader_is_a_strike, 0, 2);
    tcase_add_test(wrong, one_whose_header_is_missing_is_asked_for);
    tcase_add_test(wrong,
                   one_whose_owner_is_missing_is_asked_for_when_that_is_here);
    tcase_add_test(wrong, its_bytes_count_for_the_quota);
    tcase_add_test(
        wrong, another_branch_of_a_session_that_was_cut_off_whole_is_a_fork);
    tcase_add_test(
        wrong,
        a_branch_that_was_here_first_and_began_behind_it_is_no_hindrance);
    tcase_add_test(wrong, a_branch_of_what_it_stands_for_stays);
    tcase_add_test(wrong, what_is_held_for_its_time_is_no_hindrance);
    tcase_add_test(wrong, two_at_once_are_refused_at_both_and_all_else_goes_on);
    tcase_add_test(wrong, a_device_with_everything_brings_both_together);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, wrong);
    suite_add_tcase(suite, faults);
    return harness_run(suite);
}
