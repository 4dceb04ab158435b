/* How much one device may bring in a day: the table by itself, and an engine
 * that is flooded. Each bound from both sides. */
#include "sync/quota.h"
#include "tests/unit/author.h"
#include "tests/unit/engine_fixture.h"

/* --- the table */

static struct cove_quotas quotas;

static void table_open(void)
{
    memset(&quotas, 0, sizeof(quotas));
    quotas.documents = 10;
    quotas.bytes = 1000;
}

static struct cove_key device_of(uint32_t n)
{
    struct cove_key key = {.b = {1}};

    memcpy(key.b + 4, &n, sizeof(n));
    return key;
}

/* Bring so much, where it fits. */
static bool bring(uint64_t now, uint32_t n, uint64_t documents, uint64_t bytes)
{
    struct cove_key key = device_of(n);
    bool fits = cove_quota_fits(&quotas, now, &key, documents, bytes);

    if (fits) {
        cove_quota_use(&quotas, now, &key, documents, bytes);
    }
    return fits;
}

START_TEST(a_quota_is_what_fits_and_not_one_more)
{
    ck_assert(!bring(0, 1, 11, 0));
    ck_assert(bring(0, 1, 10, 1000));
    ck_assert(!bring(0, 1, 1, 0));
    ck_assert(!bring(0, 1, 0, 1));
    ck_assert(bring(0, 1, 0, 0));
    ck_assert(bring(0, 2, 10, 1000)); /* another device */
    ck_assert_uint_eq(quotas.refused, 3);
}
END_TEST

START_TEST(a_day_begins_with_what_was_brought_first)
{
    ck_assert(bring(500, 1, 10, 0));
    ck_assert(!bring(500 + COVE_QUOTA_DAY_MS - 1, 1, 1, 0));
    ck_assert(bring(500 + COVE_QUOTA_DAY_MS, 1, 10, 0));
    ck_assert(!bring(500 + COVE_QUOTA_DAY_MS, 1, 1, 0));
}
END_TEST

START_TEST(without_a_quota_any_number_fits_and_nothing_is_kept)
{
    quotas.documents = quotas.bytes = 0;
    ck_assert(bring(0, 1, 1u << 30, 1ull << 50));
    ck_assert(bring(0, 1, 1u << 30, 1ull << 50));
    ck_assert_uint_eq(quotas.count, 0);
}
END_TEST

START_TEST(a_flood_of_devices_gives_nobody_another_quota)
{
    ck_assert(bring(0, 0, 10, 1000));
    for (uint32_t i = 1; i < 20 * COVE_QUOTAS; i++) {
        ck_assert(bring(0, i, 1, 10));
        ck_assert_uint_le(quotas.count, COVE_QUOTAS);
    }
    ck_assert(!bring(0, 0, 1, 0));
    ck_assert(bring(COVE_QUOTA_DAY_MS, 1000000, 1, 10));
}
END_TEST

/* --- the engine */

static struct cove_id doc;

static void engine_open(void)
{
    alice_open();
    doc = make(&alice, 1);
    client_is_up_to_date();
}

static void engine_close(void)
{
    alice_close();
}

static struct cove_id client_add_header(uint32_t n)
{
    struct cove_id id;
    struct cove_bytes header =
        kit_header(&alice.kit, COVE_DOC_COMAP, &group, n, &id);

    ck_assert_int_eq(cove_message_add_bytes(&client.list[0], header), 0);
    return id;
}

static bool alice_has(const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    cove_num num;
    int err = cove_repo_find(alice.kit.repo, txn, id, &num);

    cove_store_abort(txn);
    return err == 0;
}

/* What alice writes still comes. */
static void client_is_served(int64_t value)
{
    bool came = false;

    kit_set(&alice.kit, &doc, "a", value);
    alice_changed();
    while (client_hear(&client)) {
        came = came || client.message.kind == COVE_MESSAGE_CONTENT;
    }
    ck_assert(came);
}

/* A11 */
START_TEST(documents_beyond_the_quota_are_refused_by_name_until_the_day_is_over)
{
    struct cove_engine_counts counts;
    struct cove_id id;

    cove_engine_quota(alice.engine, 3, 0);
    for (uint32_t i = 0; i < 3; i++) {
        id = client_add_header(100 + i);
        client_say_content(&client);
        ck_assert(alice_has(&id));
    }
    id = client_add_header(103);
    client_say_content(&client);
    client_expect_refused(&client, &id, COVE_ELIMIT);
    ck_assert(!alice_has(&id));
    ck_assert(node_saw(&alice, "quota"));
    ck_assert(!cove_conn_done(client.conn));
    cove_engine_counts(alice.engine, &counts);
    ck_assert_uint_eq(counts.over_quota, 1);
    ck_assert_uint_eq(counts.refused, 1);
    ck_assert_uint_eq(counts.strikes, 0);
    client_is_served(77);
    node_now += COVE_QUOTA_DAY_MS;
    client_hang_up(&client);
    client_is_up_to_date();
    id = client_add_header(103);
    client_say_content(&client);
    ck_assert(alice_has(&id));
}
END_TEST

/* A11: empty documents without end: as many as it may, nobody is dropped or
 * banned, and what it may have it gets. */
START_TEST(a_flood_of_documents_costs_no_more_than_the_quota)
{
    unsigned have = 0;
    long alive = 0;

    cove_engine_quota(alice.engine, 100, 0);
    for (uint32_t i = 0; i < 20000 && !cove_conn_done(client.conn);) {
        for (uint32_t k = 0; k < 100; k++, i++) {
            (void)client_add_header(1000 + i);
        }
        client_say_content(&client);
        while (client_hear(&client)) {
        }
        cove_arena_reset(&alice.kit.arena);
        if (i == 2000) {
            alive = alice.kit.heap.alive;
        }
    }
    ck_assert(!cove_conn_done(client.conn));
    ck_assert_int_le(alice.kit.heap.alive, alive + 16);
    for (uint32_t i = 0; i < 300; i++) {
        struct cove_id id;

        (void)kit_header(&alice.kit, COVE_DOC_COMAP, &group, 1000 + i, &id);
        have += alice_has(&id);
    }
    ck_assert_uint_eq(have, 100);
    ck_assert_uint_eq(cove_engine_bans(alice.engine)->count, 0);
    client_is_served(78);
}
END_TEST

/* A11: one document that grows without end, in sessions without end. */
START_TEST(a_document_grows_by_the_quota_in_bytes)
{
    static struct author author;
    unsigned refused = 0, said = 0;

    cove_engine_quota(alice.engine, 0, 20000);
    for (; said < 500; said++) {
        struct cove_batch batch;

        author_init(&author, &bob.kit, &alice.kit, &doc, (uint8_t)said);
        author.salt[1] = (uint8_t)(said >> 8);
        author.session = cove_session_id_of(&bob.kit.device, author.salt);
        author.heads[0] =
            cove_chain_start(&doc, &author.session, &bob.kit.device);
        author_set(&author, cove_hlc_of_ms(alice.kit.env.now_ms) + said, "a",
                   said);
        batch = author_batch(&author, 0, 1);
        client_add_batch(&client, &batch);
        client_say_content(&client);
        while (client_hear(&client)) {
            refused += client.message.kind == COVE_MESSAGE_REFUSED;
        }
    }
    ck_assert_uint_gt(refused, 300);
    ck_assert_uint_lt(refused, 480);
    ck_assert(!cove_conn_done(client.conn));
    client_is_served(79);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quota");
    TCase *table = tcase_create("table");
    TCase *engine = tcase_create("engine");

    tcase_add_checked_fixture(table, table_open, NULL);
    tcase_add_test(table, a_quota_is_what_fits_and_not_one_more);
    tcase_add_test(table, a_day_begins_with_what_was_brought_first);
    tcase_add_test(table, without_a_quota_any_number_fits_and_nothing_is_kept);
    tcase_add_test(table, a_flood_of_devices_gives_nobody_another_quota);
    suite_add_tcase(suite, table);
    tcase_add_checked_fixture(engine, engine_open, engine_close);
    tcase_set_timeout(engine, 60);
    tcase_add_test(
        engine,
        documents_beyond_the_quota_are_refused_by_name_until_the_day_is_over);
    tcase_add_test(engine, a_flood_of_documents_costs_no_more_than_the_quota);
    tcase_add_test(engine, a_document_grows_by_the_quota_in_bytes);
    suite_add_tcase(suite, engine);
    return harness_run(suite);
}
