/* Removed documents over a wire: offline writers, twins, old stores, rest. */
#include "crdt/repo_gone.h"
#include "tests/unit/engine_kit.h"

static struct node alice, bob;
static struct link wire;
static struct cove_id group, doc;

static void give(struct node *node)
{
    struct kit_member members[] = {{&alice.kit, "admin"}, {&bob.kit, "writer"}};
    struct cove_bytes header = kit_group(&node->kit, members, 2, &group);

    kit_take_header(&node->kit, &group, header);
}

static void setup(void)
{
    struct cove_bytes header;

    node_open(&alice, 1);
    node_open(&bob, 2);
    node_know(&alice, &bob.kit.device);
    node_know(&bob, &alice.kit.device);
    give(&alice);
    header = kit_header(&alice.kit, COVE_DOC_COMAP, &group, 2, &doc);
    kit_take_header(&alice.kit, &doc, header);
    kit_set(&alice.kit, &doc, "a", 1);
    memset(&wire, 0, sizeof(wire));
}

static void teardown(void)
{
    link_cut(&wire);
    node_close(&alice);
    node_close(&bob);
}

/* Until nothing moves. */
static void talk(void)
{
    size_t moved = 1;

    for (int turns = 0; moved > 0; turns++) {
        ck_assert_int_lt(turns, 10000);
        ck_assert_int_eq(link_turn(&wire, &moved), 0);
    }
}

/* Both look for what changed. */
static void changed(void)
{
    ck_assert_int_eq(cove_engine_changed(alice.engine, node_now), 0);
    ck_assert_int_eq(cove_engine_changed(bob.engine, node_now), 0);
    talk();
}

static void remove_at(struct node *node)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, true);

    ck_assert_int_eq(cove_repo_tombstone(node->kit.repo, txn,
                                         kit_num(&node->kit, txn, &doc),
                                         &node->kit.diag),
                     0);
    kit_commit(txn);
}

static bool gone_at(struct node *node)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, false);
    struct cove_gone gone;
    cove_num num = 0;
    int err = cove_repo_find(node->kit.repo, txn, &doc, &num);

    if (err == 0) {
        err = cove_repo_gone(node->kit.repo, txn, num, &gone);
    }
    cove_store_abort(txn);
    ck_assert(err == 0 || err == COVE_ENOTFOUND);
    return err == 0;
}

static void dial(void)
{
    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    talk();
}

/* Nothing is said any more, and nothing when they meet again but hellos. */
static void assert_at_rest(void)
{
    uint64_t sent;

    link_cut(&wire);
    dial();
    sent = wire.bytes[0] + wire.bytes[1];
    link_cut(&wire);
    dial();
    ck_assert_uint_le(wire.bytes[0] + wire.bytes[1], sent);
    changed();
    ck_assert_uint_le(wire.bytes[0] + wire.bytes[1], sent);
}

START_TEST(who_is_connected_hears_of_it_at_once)
{
    dial();
    ck_assert_int_eq(kit_get(&bob.kit, &doc, "a"), 1);
    remove_at(&alice);
    changed();
    ck_assert(gone_at(&bob));
    assert_at_rest();
}
END_TEST

START_TEST(who_wrote_offline_is_answered_with_the_tombstone)
{
    dial();
    link_cut(&wire);
    remove_at(&alice);
    kit_set(&bob.kit, &doc, "a", 2);
    dial();
    ck_assert(gone_at(&alice));
    ck_assert(gone_at(&bob));
    assert_at_rest();
}
END_TEST

START_TEST(a_late_write_on_an_open_wire_too)
{
    dial();
    remove_at(&alice);
    kit_set(&bob.kit, &doc, "a", 2); /* neither has heard of the other's */
    changed();
    ck_assert(gone_at(&alice));
    ck_assert(gone_at(&bob));
    assert_at_rest();
}
END_TEST

START_TEST(both_at_once_come_to_rest)
{
    dial();
    link_cut(&wire);
    remove_at(&alice);
    remove_at(&bob);
    dial();
    ck_assert(gone_at(&alice) && gone_at(&bob));
    assert_at_rest();
}
END_TEST

START_TEST(a_new_device_gets_nothing_but_the_tombstone)
{
    remove_at(&alice);
    dial();
    ck_assert(gone_at(&bob));
    assert_at_rest();
}
END_TEST

/* It writes to a document that it has again from an older copy of itself. */
START_TEST(a_store_put_back_from_before_it_hears_of_it_again)
{
    dial();
    remove_at(&alice);
    changed();
    ck_assert(gone_at(&bob));
    link_cut(&wire);
    node_close(&bob);
    node_open(&bob, 2);
    node_know(&bob, &alice.kit.device);
    give(&bob);
    kit_take_header(&bob.kit, &doc,
                    kit_header(&bob.kit, COVE_DOC_COMAP, &group, 2, &doc));
    kit_set(&bob.kit, &doc, "a", 3);
    dial();
    ck_assert(gone_at(&alice) && gone_at(&bob));
    assert_at_rest();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_gone");
    TCase *c = tcase_create("gone");

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, who_is_connected_hears_of_it_at_once);
    tcase_add_test(c, who_wrote_offline_is_answered_with_the_tombstone);
    tcase_add_test(c, a_late_write_on_an_open_wire_too);
    tcase_add_test(c, both_at_once_come_to_rest);
    tcase_add_test(c, a_new_device_gets_nothing_but_the_tombstone);
    tcase_add_test(c, a_store_put_back_from_before_it_hears_of_it_again);
    suite_add_tcase(suite, c);
    return harness_run(suite);
}
