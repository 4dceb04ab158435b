/* Two engines over two stores in memory, talking over a real channel. */
#include "tests/unit/engine_kit.h"

static struct node alice, bob;
static struct link wire;
static struct cove_id group;

static void pair_open(void)
{
    node_open(&alice, 1);
    node_open(&bob, 2);
    node_know(&alice, &bob.kit.device);
    node_know(&bob, &alice.kit.device);

    struct kit_member members[] = {{&alice.kit, "admin"}, {&bob.kit, "writer"}};
    struct cove_bytes header = kit_group(&alice.kit, members, 2, &group);

    kit_take_header(&alice.kit, &group, header);
}

static void pair_close(void)
{
    link_cut(&wire);
    node_close(&alice);
    node_close(&bob);
}

/* A document in the group with one write. */
static struct cove_id make(struct node *node, uint32_t n)
{
    struct cove_id id;
    struct cove_bytes header =
        kit_header(&node->kit, COVE_DOC_COMAP, &group, n, &id);

    kit_take_header(&node->kit, &id, header);
    kit_set(&node->kit, &id, "a", n);
    return id;
}

START_TEST(an_empty_store_gets_everything_in_one_go)
{
    struct cove_id ids[50];

    pair_open();
    for (uint32_t i = 0; i < 50; i++) {
        ids[i] = make(&alice, i);
    }
    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    link_changed(&wire, 0);
    link_run(&wire);
    for (uint32_t i = 0; i < 50; i++) {
        ck_assert_int_eq(kit_get(&bob.kit, &ids[i], "a"), i);
    }
    ck_assert(link_stats(&wire, 0).in_sync);
    ck_assert(link_stats(&wire, 1).in_sync);
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
    pair_close();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine");
    TCase *dialogue = tcase_create("dialogue");

    tcase_add_test(dialogue, an_empty_store_gets_everything_in_one_go);
    suite_add_tcase(suite, dialogue);
    return harness_run(suite);
}
