/* Long reads: none of the verbs that go through many documents holds a reader
 * over more than 10,000 entries, however many documents there are. */
#include "node/node.h"
#include "tests/node_api/api_kit.h"

#define DOCUMENTS 6000
#define ENTRIES   10000 /* a transaction */

static const char item1[] =
    "{\"title\":\"Item\",\"version\":1,\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"size\":{\"type\":\"string\"}}}";
static const char item2[] =
    "{\"title\":\"Item\",\"version\":2,\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"size\":{\"type\":\"integer\"}}}";
static const char peer[] =
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
static const char item_step[] =
    "{\"schema\":\"Item\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":{"
    "\"field\":\"size\",\"to\":{\"type\":\"integer\"},\"forward\":"
    "[\"int_of_text\"],\"back\":[\"text_of_int\"]}}]}";

struct counted { /* what one transaction asked of the store */
    uint64_t entries, most;
    uint64_t begun;
};

static int counted_call(void *ctx, const char *call)
{
    struct counted *c = ctx;

    if (strcmp(call, "begin") == 0) {
        c->entries = 0;
        c->begun++;
    } else if (strcmp(call, "get") == 0 ||
               strncmp(call, "cursor_", strlen("cursor_")) == 0) {
        c->entries++;
        c->most = c->entries > c->most ? c->entries : c->most;
    }
    return 0;
}

static void many_make(struct api *a)
{
    struct cove_txn *txn = NULL;
    char json[96];

    api_ok(cove_schema_add(a->store, item1, NULL), a->store);
    for (int i = 0; i < DOCUMENTS; i++) {
        struct cove_id id;

        txn = txn != NULL ? txn : api_begin(a, COVE_WRITE | COVE_VIEW);
        snprintf(json, sizeof(json), "{\"name\":\"item %d\",\"size\":\"%d\"}",
                 i, i % 100);
        api_ok(cove_new(txn, "Item", NULL, json, &id), a->store);
        if (i % 1000 == 999 || i == DOCUMENTS - 1) {
            api_ok(cove_commit(txn), a->store);
            txn = NULL;
        }
    }
    api_ok(cove_migration_add(a->store, item_step, item2), a->store);
    /* Which may read nothing, and is asked about each change all the same. */
    api_ok(cove_peer_add(a->store, peer, NULL, "bob"), a->store);
}

static int bounded_refused(struct api *a)
{
    char *reply = NULL;
    int err = cove_admin(
        a->store, "{\"do\":\"migrate.reset\",\"schema\":\"Item\"}", &reply);

    cove_free(reply);
    return err;
}

START_TEST(no_verb_holds_a_reader_over_many_entries)
{
    static const char *const requests[] = {
        "{\"do\":\"status\"}",
        "{\"do\":\"status\",\"schema\":\"Item\",\"scan\":true}",
        "{\"do\":\"stats\"}",
        "{\"do\":\"history.cut\",\"days\":1,\"dry\":true}",
        "{\"do\":\"migrate.status\"}",
        "{\"do\":\"find\",\"schema\":\"Item\",\"where\":{\"name\":\"nothing\"}"
        "}",
        "{\"do\":\"find\",\"schema\":\"Item\",\"where\":{\"size\":7},\"order\":"
        "\"name\",\"limit\":10}",
        "{\"do\":\"find\",\"schema\":\"Item\",\"count\":true}",
        "{\"do\":\"find\",\"schema\":\"Item\",\"duplicates\":\"name\"}",
        "{\"do\":\"find\",\"schema\":\"Item\",\"invalid\":true}",
        "{\"do\":\"find\",\"limit\":100000}",
        "{\"do\":\"peer.list\"}",
        "{\"do\":\"activity\"}",
        "{\"do\":\"export.begin\"}",
        "{\"do\":\"scrub\",\"documents\":10000}",
        "{\"do\":\"migrate.run\",\"schema\":\"Item\",\"dry\":true}",
        "{\"do\":\"migrate.once\",\"schema\":\"Item\",\"name\":\"x\",\"set\":{"
        "\"name\":\"y\"},\"max\":1}",
        "{\"do\":\"restore\",\"schema\":\"Item\",\"to\":\"2026-01-01T00:00:"
        "00Z\",\"dry\":true}",
        "{\"do\":\"compact\",\"schema\":\"Item\"}",
    };
    struct counted c = {0};
    struct api a;

    api_open(&a);
    many_make(&a);
    cove_store_set_fault(a.store->store, counted_call, &c);
    for (size_t i = 0; i < COVE_ARRAY_LEN(requests); i++) {
        char *reply = NULL;

        c = (struct counted){0};
        api_ok(cove_admin(a.store, requests[i], &reply), a.store);
        ck_assert_msg(c.most <= ENTRIES, "%llu entries: %s",
                      (unsigned long long)c.most, requests[i]);
        cove_free(reply);
    }
    /* It asks first, and looks at all that it would take. */
    c = (struct counted){0};
    ck_assert_int_eq(bounded_refused(&a), COVE_EDESTRUCTIVE);
    ck_assert_uint_le(c.most, ENTRIES);
    ck_assert_uint_gt(c.begun, 1);
    cove_store_set_fault(a.store->store, NULL, NULL);
    api_close(&a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bounded");
    TCase *bounded = tcase_create("bounded");

    tcase_set_timeout(bounded, 120);
    tcase_add_test(bounded, no_verb_holds_a_reader_over_many_entries);
    suite_add_tcase(suite, bounded);
    return harness_run(suite);
}
