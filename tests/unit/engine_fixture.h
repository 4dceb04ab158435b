/* engine_fixture.h: alice with her engine, and a client that speaks with bob's
 * key; for the tests of the engine. */
#ifndef COVE_TESTS_ENGINE_FIXTURE_H
#define COVE_TESTS_ENGINE_FIXTURE_H

#include "tests/unit/client_kit.h"

static struct node alice, bob;
static struct client client; /* speaks with bob's key */
static struct link wire;
static struct cove_id group;

static inline void alice_open(void)
{
    struct kit_member members[] = {{&alice.kit, "admin"}, {&bob.kit, "writer"}};
    struct cove_bytes header;

    node_open(&alice, 1);
    node_open(&bob, 2);
    node_know(&alice, &bob.kit.device);
    node_know(&bob, &alice.kit.device);
    header = kit_group(&alice.kit, members, 2, &group);
    kit_take_header(&alice.kit, &group, header);
    client_init(&client, &alice, 2);
}

static inline void alice_close(void)
{
    client_clear(&client);
    link_cut(&wire);
    node_close(&alice);
    node_close(&bob);
}

static inline void bob_joins(void)
{
    struct kit_member members[] = {{&alice.kit, "admin"}, {&bob.kit, "writer"}};
    struct cove_bytes header = kit_group(&bob.kit, members, 2, &group);

    kit_take_header(&bob.kit, &group, header);
}

static inline void take(struct node *node, enum cove_doc_type type,
                        const struct cove_id *owner, uint32_t n,
                        struct cove_id *id)
{
    struct cove_bytes header = kit_header(&node->kit, type, owner, n, id);

    kit_take_header(&node->kit, id, header);
}

/* A document in the group with one write. */
static inline struct cove_id make(struct node *node, uint32_t n)
{
    struct cove_id id;

    take(node, COVE_DOC_COMAP, &group, n, &id);
    kit_set(&node->kit, &id, "a", n);
    return id;
}

static inline void alice_changed(void)
{
    ck_assert_int_eq(cove_engine_changed(alice.engine, node_now), 0);
    client_carry(&client);
}

static inline uint64_t alice_at(void)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    uint64_t sequence = 0;

    ck_assert_int_eq(cove_repo_sequence(alice.kit.repo, txn, &sequence), 0);
    cove_store_abort(txn);
    return sequence;
}

static inline const uint8_t *alice_store(void)
{
    static uint8_t id[16];

    cove_repo_store_id(alice.kit.repo, id);
    return id;
}

/* The client is connected and holds all that alice has. */
static inline void client_is_up_to_date(void)
{
    uint64_t at = alice_at();

    client_dial(&client);
    client_expect(&client, COVE_MESSAGE_HELLO);
    client_say_hello(&client, 0, at, alice_store(), 1 << 20);
    client_expect_silence(&client);
}

#endif
