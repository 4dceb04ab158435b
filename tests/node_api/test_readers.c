/* Reading threads through the API: none waits for a writer or for another
 * reader. */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/node_api/api_kit.h"

#define READS 2000
#define MANY  40 /* more than there are seats */

static void open_level(struct api *a, unsigned level)
{
    struct cove_options options = {
        .size = sizeof(options), .flags = COVE_OPEN_CREATE, .level = level};

    api_ok(cove_open(a->dir, &options, &a->store), a->store);
}

struct reading {
    struct api *a;
    struct cove_id id;
    int64_t least; /* that is seen */
    atomic_int threads;
};

static void *reading_run(void *ctx)
{
    struct reading *r = ctx;

    atomic_fetch_add(&r->threads, 1);
    for (int i = 0; i < READS; i++) {
        struct cove_txn *txn = api_begin(r->a, COVE_READ);
        struct cove_value v;

        api_ok(cove_get(txn, &r->id, "n", &v), r->a->store);
        ck_assert_int_eq(v.u.integer, r->least);
        cove_abort(txn);
    }
    return NULL;
}

/* The threads are joined before the writer goes on: one that waited for it
 * would never end. */
START_TEST(readers_finish_while_a_writer_holds_its_transaction_open)
{
    pthread_t threads[2];
    struct reading r = {.least = 1};
    struct cove_txn *txn;
    struct api a;

    api_dir(&a);
    open_level(&a, (unsigned)_i);
    r.a = &a;
    r.id = api_new(&a, NULL, "{\"n\":1}");
    /* At level group it is on its way to the disk now. */
    ck_assert_int_eq(api_int(&a, &r.id, "n"), 1);
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_set(txn, &r.id, "n", cove_int(2)), a.store);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, reading_run, &r), 0);
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_int_eq(atomic_load(&r.threads), 2);
    api_ok(cove_commit(txn), a.store);
    ck_assert_int_eq(api_int(&a, &r.id, "n"), 2);
    api_close(&a);
}
END_TEST

START_TEST(more_readers_at_once_than_seats_all_read)
{
    struct cove_txn *txns[MANY];
    struct cove_id id;
    struct api a;

    api_open(&a);
    id = api_new(&a, NULL, "{\"n\":7}");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) {
            txns[i] = api_begin(&a, COVE_READ);
        }
        for (int i = 0; i < MANY; i++) {
            struct cove_value v;

            api_ok(cove_get(txns[(i * 7) % MANY], &id, "n", &v), a.store);
            ck_assert_int_eq(v.u.integer, 7);
        }
        for (int i = 0; i < MANY; i++) {
            cove_abort(txns[i]);
        }
    }
    api_close(&a);
}
END_TEST

/* --- what they keep of what they read (node/cache.h) */

#define COUNTERS 12

struct counting {
    struct api *a;
    struct cove_id ids[COUNTERS];
    atomic_bool over;
};

/* All documents say the same in one transaction, and never less than in the one
 * before. */
static void *counting_run(void *ctx)
{
    struct counting *c = ctx;
    int64_t least = 0;

    while (!atomic_load(&c->over)) {
        struct cove_txn *txn = api_begin(c->a, COVE_READ);

        for (int i = 0; i < COUNTERS; i++) {
            struct cove_value v;

            api_ok(cove_get(txn, &c->ids[i], "n", &v), c->a->store);
            ck_assert_int_ge(v.u.integer, least);
            ck_assert(i == 0 || v.u.integer == least);
            least = v.u.integer;
        }
        cove_abort(txn);
    }
    return NULL;
}

START_TEST(readers_that_keep_what_they_read_see_each_commit_whole)
{
    pthread_t threads[3];
    struct counting c = {.over = false};
    struct api a;

    api_dir(&a);
    open_level(&a, (unsigned)_i);
    c.a = &a;
    for (int i = 0; i < COUNTERS; i++) {
        c.ids[i] = api_new(&a, NULL, "{\"n\":0}");
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, counting_run, &c),
                         0);
    }
    for (int n = 1; n <= 150; n++) {
        struct cove_txn *txn = api_begin(&a, COVE_WRITE);

        for (int i = 0; i < COUNTERS; i++) {
            api_ok(cove_set(txn, &c.ids[i], "n", cove_int(n)), a.store);
        }
        api_ok(cove_commit(txn), a.store);
    }
    atomic_store(&c.over, true);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_int_eq(api_int(&a, &c.ids[0], "n"), 150);
    api_close(&a);
}
END_TEST

/* --- cove_use, from the next transaction on */

static const char word1[] = "{\"title\":\"Word\",\"version\":1,\"properties\":"
                            "{\"n\":{\"type\":\"integer\"}}}";
static const char word2[] =
    "{\"title\":\"Word\",\"version\":2,\"properties\":{\"n\":{\"type\":"
    "\"integer\"},\"m\":{\"type\":\"integer\",\"default\":5}}}";
static const char word_step[] =
    "{\"schema\":\"Word\",\"from\":1,\"to\":2,\"steps\":[{\"add\":{\"field\":"
    "\"m\",\"type\":\"integer\",\"default\":5}}]}";

struct speaking {
    struct api *a;
    struct cove_id id;
    int version; /* 2 has the field m */
};

static void *speaking_run(void *ctx)
{
    struct speaking *s = ctx;
    struct cove_txn *txn = api_begin(s->a, COVE_READ);
    struct cove_value v;
    int err = cove_get(txn, &s->id, "m", &v);

    ck_assert_int_eq(err, s->version == 2 ? 0 : COVE_ENOTFOUND);
    cove_abort(txn);
    return NULL;
}

static void speaking_in_threads(struct speaking *s)
{
    pthread_t threads[3];

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, speaking_run, s), 0);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
}

START_TEST(another_version_is_spoken_in_all_threads_from_the_next_begin_on)
{
    struct cove_txn *txn;
    struct cove_value v;
    struct speaking s;
    struct api a;

    api_open(&a);
    s.a = &a;
    api_ok(cove_schema_add(a.store, word1, NULL), a.store);
    s.id = api_new(&a, "Word", "{\"n\":1}");
    api_ok(cove_migration_add(a.store, word_step, word2), a.store);
    for (int i = 0; i < 4; i++) {
        s.version = i % 2 + 1;
        txn = api_begin(&a, COVE_READ); /* begun before it is said */
        api_ok(cove_use(a.store, "Word", s.version), a.store);
        speaking_in_threads(&s);
        ck_assert_int_eq(cove_get(txn, &s.id, "m", &v),
                         i % 2 == 1 ? COVE_ENOTFOUND : 0);
        cove_abort(txn);
    }
    api_close(&a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("readers");
    TCase *readers = tcase_create("readers");

    tcase_set_timeout(readers, 60);
    tcase_add_loop_test(
        readers, readers_finish_while_a_writer_holds_its_transaction_open,
        COVE_FULL, COVE_GROUP + 1);
    tcase_add_loop_test(readers,
                        readers_that_keep_what_they_read_see_each_commit_whole,
                        COVE_FULL, COVE_GROUP + 1);
    tcase_add_test(readers, more_readers_at_once_than_seats_all_read);
    tcase_add_test(
        readers,
        another_version_is_spoken_in_all_threads_from_the_next_begin_on);
    suite_add_tcase(suite, readers);
    return harness_run(suite);
}
