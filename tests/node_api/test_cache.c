/* What is kept of documents that are read again and again (node/cache.h), from
 * inside: what it asks of the store, how many bytes it has, memory that fails,
 * another process that writes. */
#include "node/node.h"
#include "tests/node_api/api_kit.h"

#include <sys/wait.h>

static const char TASK[] =
    "{\"title\":\"Task\",\"version\":1,\"properties\":{\"n\":{\"type\":"
    "\"integer\"},\"done\":{\"type\":\"boolean\"}}}";
static const char TASK2[] =
    "{\"title\":\"Task\",\"version\":2,\"properties\":{\"m\":{\"type\":"
    "\"string\"},\"done\":{\"type\":\"boolean\"}}}";
static const char STEP[] =
    "{\"schema\":\"Task\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":"
    "{\"field\":\"n\",\"to\":{\"name\":\"m\",\"type\":\"string\"},"
    "\"forward\":[\"text_of_int\"],\"back\":[\"int_of_text\"]}}]}";

static void open_cache(struct api *a, int64_t bytes)
{
    struct cove_options options = {.size = sizeof(options),
                                   .flags = COVE_OPEN_CREATE,
                                   .cache_bytes = bytes};

    api_ok(cove_open(a->dir, &options, &a->store), a->store);
}

static void api_set_int(struct api *a, const struct cove_id *id, int n)
{
    struct cove_txn *txn = api_begin(a, COVE_WRITE | COVE_VIEW);

    api_ok(cove_set(txn, id, "n", cove_int(n)), a->store);
    api_ok(cove_commit(txn), a->store);
}

/* --- what it asks of the store */

static int count_gets(void *ctx, const char *call)
{
    *(long *)ctx += strcmp(call, "get") == 0;
    return 0;
}

/* How many times the store was asked, for a field that has this value. */
static long gets_of(struct api *a, const struct cove_id *id, int64_t n)
{
    long gets = 0;

    cove_store_set_fault(a->store->store, count_gets, &gets);
    ck_assert_int_eq(api_int(a, id, "n"), n);
    cove_store_set_fault(a->store->store, NULL, NULL);
    return gets;
}

START_TEST(a_document_read_twice_is_not_looked_up_the_third_time)
{
    struct cove_id with, without;
    struct api a;

    api_dir(&a);
    open_cache(&a, 0);
    api_ok(cove_schema_add(a.store, TASK, NULL), a.store);
    with = api_new(&a, "Task", "{\"n\":1}");
    without = api_new(&a, NULL, "{\"n\":2}");
    for (int i = 0; i < 2; i++) {
        ck_assert_int_ge(gets_of(&a, &with, 1), 2);
        ck_assert_int_ge(gets_of(&a, &without, 2), 2);
    }
    /* What is left is the one of a transaction that asks for a schema. */
    ck_assert_int_le(gets_of(&a, &with, 1), 1);
    ck_assert_int_eq(gets_of(&a, &without, 2), 0);
    api_close(&a);
}
END_TEST

/* Behind another commit its record is compared, once. */
START_TEST(a_commit_to_another_document_costs_one_look)
{
    struct cove_id id, other;
    struct api a;

    api_dir(&a);
    open_cache(&a, 0);
    id = api_new(&a, NULL, "{\"n\":1}");
    other = api_new(&a, NULL, "{\"n\":2}");
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(api_int(&a, &id, "n"), 1);
    }
    api_set_int(&a, &other, 3);
    ck_assert_int_eq(gets_of(&a, &id, 1), 1);
    ck_assert_int_eq(gets_of(&a, &id, 1), 0);
    ck_assert_int_eq(api_int(&a, &other, "n"), 3);
    api_close(&a);
}
END_TEST

START_TEST(without_bytes_nothing_is_kept)
{
    struct cove_id id;
    struct api a;

    api_dir(&a);
    open_cache(&a, -1);
    id = api_new(&a, NULL, "{\"n\":1}");
    for (int i = 0; i < 4; i++) {
        ck_assert_int_ge(gets_of(&a, &id, 1), 2);
    }
    ck_assert_uint_eq(atomic_load(&a.store->cache_bytes), 0);
    api_close(&a);
}
END_TEST

/* What stats says of it. */
static void assert_cache(struct api *a, const char *wanted)
{
    char *reply = NULL;

    api_ok(cove_admin(a->store, "{\"do\":\"stats\"}", &reply), a->store);
    ck_assert_msg(strstr(reply, wanted) != NULL, "%s not in %s", wanted, reply);
    cove_free(reply);
}

START_TEST(stats_counts_what_was_found_and_what_was_not)
{
    struct cove_id id;
    struct api a;

    api_dir(&a);
    open_cache(&a, 1 << 20);
    id = api_new(&a, NULL, "{\"n\":1}");
    assert_cache(&a, "\"cache\":{\"bytes\":0,\"budget\":1048576,\"hits\":0,"
                     "\"misses\":0}");
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(api_int(&a, &id, "n"), 1);
    }
    assert_cache(&a, "\"hits\":3,\"misses\":2}");
    api_set_int(&a, &id, 2); /* who writes asks for nothing */
    assert_cache(&a, "\"hits\":3,\"misses\":2}");
    ck_assert_int_eq(api_int(&a, &id, "n"), 2);
    assert_cache(&a, "\"hits\":3,\"misses\":3}");
    cove_close(a.store);
    open_cache(&a, -1);
    ck_assert_int_eq(api_int(&a, &id, "n"), 2);
    assert_cache(&a, "\"cache\":{\"bytes\":0,\"budget\":0,\"hits\":0,"
                     "\"misses\":0}");
    api_close(&a);
}
END_TEST

/* --- what is no longer so */

static int get_error(struct api *a, const struct cove_id *id, const char *field)
{
    struct cove_txn *txn = api_begin(a, COVE_READ);
    struct cove_value v;
    int err = cove_get(txn, id, field, &v);

    cove_abort(txn);
    return err;
}

START_TEST(what_is_kept_follows_versions_deletions_and_removals)
{
    char text[52], request[128], *reply = NULL;
    struct cove_txn *txn;
    struct cove_value v;
    struct cove_id id;
    struct api a;

    api_dir(&a);
    open_cache(&a, 0);
    api_ok(cove_schema_add(a.store, TASK, NULL), a.store);
    id = api_new(&a, "Task", "{\"n\":1,\"done\":true}");
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(api_int(&a, &id, "n"), 1);
    }
    api_ok(cove_migration_add(a.store, STEP, TASK2), a.store);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(get_error(&a, &id, "n"), COVE_ENOTFOUND);
        txn = api_begin(&a, COVE_READ);
        api_ok(cove_get(txn, &id, "m", &v), a.store);
        ck_assert_str_eq(v.u.text, "1");
        cove_abort(txn);
    }
    api_ok(cove_use(a.store, "Task", 1), a.store);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(api_int(&a, &id, "n"), 1);
        ck_assert_int_eq(get_error(&a, &id, "m"), COVE_ENOTFOUND);
    }
    txn = api_begin(&a, COVE_WRITE | COVE_VIEW);
    api_ok(cove_delete(txn, &id, "n"), a.store);
    api_ok(cove_commit(txn), a.store);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(get_error(&a, &id, "n"), COVE_ENOTFOUND);
        ck_assert_int_eq(get_error(&a, &id, "done"), 0);
    }
    cove_id_format(&id, text);
    snprintf(request, sizeof(request),
             "{\"do\":\"remove\",\"ids\":[\"%s\"],\"yes\":true}", text);
    api_ok(cove_admin(a.store, request, &reply), a.store);
    cove_free(reply);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(get_error(&a, &id, "done"), COVE_EREMOVED);
    }
    api_close(&a);
}
END_TEST

/* A transaction that began before a commit goes on seeing what it saw, though
 * what another one keeps meanwhile is newer. */
static const char PLACE[] =
    "{\"title\":\"Place\",\"version\":1,\"properties\":{\"city\":{\"type\":"
    "\"string\"}}}";
static const char PLACE2[] =
    "{\"title\":\"Place\",\"version\":2,\"properties\":{\"at\":{\"type\":"
    "\"object\",\"x-type\":\"map\",\"properties\":{\"city\":{\"type\":"
    "\"string\"}}}}}";
static const char EXTRACT[] =
    "{\"schema\":\"Place\",\"from\":1,\"to\":2,\"steps\":[{\"extract\":"
    "{\"fields\":[\"city\"],\"into\":\"at\"}}]}";

/* Four times: by then it is kept, where it is. */
static void assert_city(struct api *a, const struct cove_id *id,
                        const char *wanted)
{
    for (int i = 0; i < 4; i++) {
        struct cove_txn *txn = api_begin(a, COVE_READ);
        struct cove_value v;

        api_ok(cove_get(txn, id, "city", &v), a->store);
        ck_assert_str_eq(v.u.text, wanted);
        cove_abort(txn);
    }
}

/* As an app of another version; this handle goes on to speak its own. */
static void set_city(struct api *a, const struct cove_id *id, int version,
                     const char *city)
{
    char text[52], request[192], *reply = NULL;

    cove_id_format(id, text);
    snprintf(request, sizeof(request),
             "{\"do\":\"set\",\"id\":\"%s\",\"version\":%d,\"fields\":"
             "{\"city\":\"%s\"}}",
             text, version, city);
    api_ok(cove_admin(a->store, request, &reply), a->store);
    cove_free(reply);
}

/* Version 1 shows what was written to a document of its own, of which its
 * record says nothing; and that document shows what version 1 wrote. */
START_TEST(what_another_document_says_is_read_each_time)
{
    struct cove_id id, at;
    struct cove_txn *txn;
    struct api a;

    api_dir(&a);
    open_cache(&a, 0);
    api_ok(cove_schema_add(a.store, PLACE, NULL), a.store);
    api_ok(cove_migration_add(a.store, EXTRACT, PLACE2), a.store);
    api_ok(cove_use(a.store, "Place", 2), a.store);
    id = api_new(&a, "Place", NULL);
    txn = api_begin(&a, COVE_WRITE | COVE_VIEW);
    api_ok(cove_child(txn, &id, "at", COVE_COMAP, &at), a.store);
    api_ok(cove_set(txn, &at, "city", cove_text("Rome")), a.store);
    api_ok(cove_commit(txn), a.store);

    api_ok(cove_use(a.store, "Place", 1), a.store);
    assert_city(&a, &id, "Rome");
    set_city(&a, &at, 2, "Oslo");
    assert_city(&a, &id, "Oslo");

    api_ok(cove_use(a.store, "Place", 2), a.store);
    assert_city(&a, &at, "Oslo");
    set_city(&a, &id, 1, "Bonn");
    assert_city(&a, &at, "Bonn");
    api_close(&a);
}
END_TEST

START_TEST(an_older_reader_is_not_told_of_newer_values)
{
    struct cove_txn *old;
    struct cove_value v;
    struct cove_id id;
    struct api a;

    api_dir(&a);
    open_cache(&a, 0);
    id = api_new(&a, NULL, "{\"n\":0}");
    for (int n = 1; n < 20; n++) {
        for (int i = 0; i < 2; i++) {
            ck_assert_int_eq(api_int(&a, &id, "n"), n - 1);
        }
        old = api_begin(&a, COVE_READ);
        api_set_int(&a, &id, n);
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(api_int(&a, &id, "n"), n);
            api_ok(cove_get(old, &id, "n", &v), a.store);
            ck_assert_int_eq(v.u.integer, n - 1);
        }
        cove_abort(old);
    }
    api_close(&a);
}
END_TEST

/* --- another process */

#define ROUNDS 200

struct other { /* a process that does something for each byte that it gets */
    int told[2], done[2];
    pid_t child;
};

typedef void other_act(struct api *a, const struct cove_id *id, int round);

static void other_run(const struct other *o, const struct api *a,
                      const struct cove_id *id, other_act *act)
{
    struct api mine = *a;
    uint8_t byte = 0;

    mine.store = NULL;
    open_cache(&mine, 0);
    for (int n = 1; read(o->told[0], &byte, 1) == 1; n++) {
        act(&mine, id, n);
        if (write(o->done[1], &byte, 1) != 1) {
            break;
        }
    }
    cove_close(mine.store);
    _exit(0);
}

/* The store is closed when this process becomes two. */
static void other_begin(struct other *o, struct api *a,
                        const struct cove_id *id, other_act *act)
{
    cove_close(a->store);
    ck_assert_int_eq(pipe(o->told) | pipe(o->done), 0);
    o->child = fork();
    ck_assert_int_ge(o->child, 0);
    if (o->child == 0) {
        close(o->told[1]);
        other_run(o, a, id, act);
    }
    open_cache(a, 0);
}

static void other_acts(struct other *o)
{
    uint8_t byte = 1;

    ck_assert_int_eq(write(o->told[1], &byte, 1), 1);
    ck_assert_int_eq(read(o->done[0], &byte, 1), 1);
}

static void other_end(struct other *o)
{
    int status;

    close(o->told[1]);
    ck_assert_int_eq(waitpid(o->child, &status, 0), o->child);
    ck_assert_int_eq(status, 0);
    close(o->told[0]);
    close(o->done[0]);
    close(o->done[1]);
}

START_TEST(what_another_process_commits_is_read_at_once)
{
    struct other o;
    struct cove_id id;
    struct api a;

    api_dir(&a);
    open_cache(&a, 0);
    id = api_new(&a, NULL, "{\"n\":0}");
    other_begin(&o, &a, &id, api_set_int);
    for (int n = 1; n <= ROUNDS; n++) {
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(api_int(&a, &id, "n"), n - 1);
        }
        other_acts(&o);
        ck_assert_int_eq(api_int(&a, &id, "n"), n);
    }
    other_end(&o);
    api_close(&a);
}
END_TEST

static void other_publishes(struct api *a, const struct cove_id *id, int round)
{
    (void)id;
    (void)round;
    api_ok(cove_migration_add(a->store, STEP, TASK2), a->store);
}

START_TEST(what_another_process_publishes_is_shown_at_once)
{
    struct cove_txn *old;
    struct cove_value v;
    struct cove_id id;
    struct other o;
    struct api a;

    api_dir(&a);
    open_cache(&a, 0);
    api_ok(cove_schema_add(a.store, TASK, NULL), a.store);
    id = api_new(&a, "Task", "{\"n\":1}");
    other_begin(&o, &a, &id, other_publishes);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(api_int(&a, &id, "n"), 1);
    }
    old = api_begin(&a, COVE_READ);
    other_acts(&o);
    api_ok(cove_get(old, &id, "n", &v), a.store);
    ck_assert_int_eq(v.u.integer, 1);
    cove_abort(old);
    ck_assert_int_eq(get_error(&a, &id, "n"), COVE_ENOTFOUND);
    ck_assert_int_eq(get_error(&a, &id, "m"), 0);
    other_end(&o);
    api_close(&a);
}
END_TEST

/* --- bytes */

#define DOCS 600

static void read_all(struct api *a, struct cove_txn *txn,
                     const struct cove_id *ids)
{
    for (int64_t i = 0; i < DOCS; i++) {
        struct cove_value v;

        api_ok(cove_get(txn, &ids[i], "n", &v), a->store);
        ck_assert_int_eq(v.u.integer, i);
        ck_assert_uint_le(atomic_load(&a->store->cache_bytes),
                          a->store->cache_most);
    }
}

/* Whatever the bytes are, and however many read at once. */
START_TEST(all_workers_together_keep_to_the_bytes)
{
    static const int64_t most[] = {1, 500, 4096, 30000, 60000, 1000000};
    struct cove_id ids[DOCS];
    struct cove_txn *txns[3];
    char json[64];
    struct api a;

    api_dir(&a);
    open_cache(&a, 0);
    for (int i = 0; i < DOCS; i++) {
        snprintf(json, sizeof(json), "{\"n\":%d,\"text\":\"%.*s\"}", i, i % 20,
                 "twenty characters or");
        ids[i] = api_new(&a, NULL, json);
    }
    for (size_t m = 0; m < COVE_ARRAY_LEN(most); m++) {
        cove_close(a.store);
        open_cache(&a, most[m]);
        for (int round = 0; round < 6; round++) {
            int readers = 1 + round % 3;

            for (int i = 0; i < readers; i++) {
                txns[i] = api_begin(&a, COVE_READ);
            }
            for (int i = 0; i < readers; i++) {
                read_all(&a, txns[i], ids);
                cove_abort(txns[i]);
            }
        }
        ck_assert_int_eq(atomic_load(&a.store->cache_bytes) > 0, most[m] > 500);
    }
    ck_assert_uint_ge(atomic_load(&a.store->cache_bytes), 3UL * DOCS * 100);
    api_close(&a);
}
END_TEST

/* Documents that are long, or many fields wide, are read each time. */
START_TEST(what_is_large_is_not_kept)
{
    char json[8192] = "{\"n\":1", field[32];
    size_t len = strlen(json);
    struct cove_id wide, longer;
    struct api a;

    api_dir(&a);
    open_cache(&a, 0);
    for (int i = 0; i < 40; i++) {
        len += (size_t)snprintf(json + len, sizeof(json) - len, ",\"f%d\":%d",
                                i, i);
    }
    snprintf(json + len, sizeof(json) - len, "}");
    wide = api_new(&a, NULL, json);
    len = (size_t)snprintf(json, sizeof(json), "{\"n\":1,\"text\":\"");
    memset(json + len, 'a', 5000);
    snprintf(json + len + 5000, sizeof(json) - len - 5000, "\"}");
    longer = api_new(&a, NULL, json);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_ge(gets_of(&a, &wide, 1), 2);
        ck_assert_int_ge(gets_of(&a, &longer, 1), 2);
        snprintf(field, sizeof(field), "f%d", i);
        ck_assert_int_eq(api_int(&a, &wide, field), i);
    }
    api_close(&a);
}
END_TEST

/* --- memory that is out */

START_TEST(memory_that_fails_at_any_call_costs_a_value_at_most)
{
    const struct cove_alloc *usual;
    struct harness_alloc h;
    struct cove_id ids[8];
    struct api a;
    long at = 0;

    api_dir(&a);
    open_cache(&a, 0);
    for (int i = 0; i < 8; i++) {
        char json[32];

        snprintf(json, sizeof(json), "{\"n\":%d}", i);
        ids[i] = api_new(&a, NULL, json);
    }
    usual = a.store->alloc;
    do {
        cove_close(a.store);
        open_cache(&a, 0);
        harness_alloc_init(&h, ++at);
        a.store->alloc = &h.alloc;
        for (int i = 0; i < 24; i++) {
            struct cove_txn *txn = NULL;
            struct cove_value v;
            int err = cove_begin(a.store, COVE_READ, &txn);

            if (err == 0) {
                err = cove_get(txn, &ids[i % 8], "n", &v);
                cove_abort(txn);
            }
            ck_assert(err == 0 || (err == COVE_ENOMEM && h.calls >= at));
            ck_assert(err != 0 || v.u.integer == i % 8);
        }
        a.store->alloc = usual;
        ck_assert_uint_le(atomic_load(&a.store->cache_bytes),
                          a.store->cache_most);
    } while (h.calls >= at);
    ck_assert_int_gt(at, 20);
    api_close(&a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache");
    TCase *cache = tcase_create("cache");

    tcase_set_timeout(cache, 60);
    tcase_add_test(cache,
                   a_document_read_twice_is_not_looked_up_the_third_time);
    tcase_add_test(cache, a_commit_to_another_document_costs_one_look);
    tcase_add_test(cache, without_bytes_nothing_is_kept);
    tcase_add_test(cache, what_is_kept_follows_versions_deletions_and_removals);
    tcase_add_test(cache, an_older_reader_is_not_told_of_newer_values);
    tcase_add_test(cache, what_another_process_commits_is_read_at_once);
    tcase_add_test(cache, what_another_process_publishes_is_shown_at_once);
    tcase_add_test(cache, all_workers_together_keep_to_the_bytes);
    tcase_add_test(cache, what_is_large_is_not_kept);
    tcase_add_test(cache, memory_that_fails_at_any_call_costs_a_value_at_most);
    tcase_add_test(cache, stats_counts_what_was_found_and_what_was_not);
    tcase_add_test(cache, what_another_document_says_is_read_each_time);
    suite_add_tcase(suite, cache);
    return harness_run(suite);
}
