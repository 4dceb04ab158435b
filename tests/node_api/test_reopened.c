/* test_reopened.c: a store's file that was to be made anew, and was not: the
 * handle goes on, reading and writing, without being opened again by its user;
 * where it cannot, every call says why, and goes on once it can. And what
 * stats says of who works on a store. */
#include "core/store_shrink.h"
#include "node/node.h"
#include "tests/node_api/api_kit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

static struct api api;
static struct cove_id id;
static int64_t value;

struct fails { /* the store's calls */
    long calls, at;
    int code;
    const char *only; /* the call of this name, whichever number it has */
    char last[24];
};

static int fails_hook(void *ctx, const char *call)
{
    struct fails *f = ctx;

    snprintf(f->last, sizeof(f->last), "%s", call);
    f->calls++;
    return f->only != NULL     ? strcmp(call, f->only) == 0 ? f->code : 0
           : f->calls == f->at ? f->code
                               : 0;
}

static void setup(void)
{
    api_open(&api);
    id = api_new(&api, NULL, "{\"n\":1}");
    value = 1;
}

static void teardown(void)
{
    api_close(&api);
}

static int shrink_with(struct fails *f, struct cove_diag *diag)
{
    struct cove_shrink shrink = {.opt = {.fault = fails_hook, .fault_ctx = f}};

    cove_diag_clear(diag);
    return node_shrink(api.store, &shrink, diag);
}

static int write_one(void)
{
    struct cove_txn *txn;
    int err = cove_begin(api.store, COVE_WRITE, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_set(txn, &id, "n", cove_int(value + 1));
    if (err != 0) {
        cove_abort(txn);
        return err;
    }
    err = cove_commit(txn);
    value += err == 0;
    return err;
}

static void assert_reads(void)
{
    ck_assert_int_eq(api_int(&api, &id, "n"), value);
}

static void assert_goes_on(void)
{
    assert_reads();
    api_ok(write_one(), api.store);
    assert_reads();
}

static const int codes[] = {COVE_ENOSPC, COVE_EIO, COVE_ENOMEM};

static const char *const last[] = {"commit", "shrink_sync", "shrink_rename"};

START_TEST(after_a_failure_at_any_step_the_store_goes_on)
{
    struct fails f = {.code = codes[_i]};
    struct cove_diag diag;
    int err;

    do {
        f.calls = 0;
        f.at += 1 + f.at / 8; /* most calls are puts, one like the other */
        err = shrink_with(&f, &diag);
        ck_assert_msg(err == 0 || err == f.code, "call %ld (%s): %d %s", f.at,
                      f.last, err, diag.text);
        if (err != 0 && strcmp(f.last, "shrink_keep") == 0) {
            cove_close(api.store); /* see below */
            api_ok(cove_open(api.dir, NULL, &api.store), api.store);
        }
        assert_goes_on();
    } while (err != 0);
    ck_assert_int_gt(f.at, 20);
    for (size_t i = 0; i < COVE_ARRAY_LEN(last); i++) {
        f.only = last[i];
        ck_assert_int_eq(shrink_with(&f, &diag), f.code);
        assert_goes_on();
    }
}
END_TEST

START_TEST(where_the_disk_may_not_keep_the_new_file_nothing_is_written)
{
    struct fails f = {.code = COVE_EIO, .only = "shrink_keep"};
    struct cove_diag diag;

    ck_assert_int_eq(shrink_with(&f, &diag), COVE_EIO);
    ck_assert_msg(strstr(diag.text, "power cut") != NULL &&
                      strstr(diag.text, api.dir) != NULL,
                  "%s", diag.text);
    assert_reads();
    ck_assert_int_eq(write_one(), COVE_EIO);
    assert_reads();
    cove_close(api.store);
    api_ok(cove_open(api.dir, NULL, &api.store), api.store);
    assert_goes_on();
}
END_TEST

/* --- it cannot be opened again for a while */

static char from[128], to[128];

static int move_away(void *ctx, const char *path)
{
    (void)ctx;
    (void)path;
    ck_assert_int_eq(rename(from, to), 0);
    return COVE_ENOSPC;
}

static void lose_the_file(struct cove_diag *diag)
{
    struct cove_shrink shrink = {.ready = move_away};

    snprintf(from, sizeof(from), "%s/data.mdb", api.dir);
    snprintf(to, sizeof(to), "%s/elsewhere", api.dir);
    cove_diag_clear(diag);
    ck_assert_int_eq(node_shrink(api.store, &shrink, diag), COVE_ENOSPC);
}

static const char *const verbs[] = {
    "{\"do\":\"stats\"}",          "{\"do\":\"status\"}",
    "{\"do\":\"check\"}",          "{\"do\":\"check\",\"deep\":true}",
    "{\"do\":\"compact\"}",        "{\"do\":\"compact.file\"}",
    "{\"do\":\"scrub\"}",          "{\"do\":\"backup.list\"}",
    "{\"do\":\"index.list\"}",     "{\"do\":\"schema.list\"}",
    "{\"do\":\"migrate.status\"}", "{\"do\":\"find\"}",
};

START_TEST(where_it_cannot_be_opened_again_every_call_says_so)
{
    struct cove_diag diag;
    char backup[200], *reply = NULL;

    lose_the_file(&diag);
    ck_assert_msg(strstr(diag.text, "cannot be opened again") != NULL &&
                      strstr(diag.text, "stays as it was") != NULL &&
                      strstr(diag.text, api.dir) != NULL,
                  "%s", diag.text);
    ck_assert_int_ne(write_one(), 0);
    ck_assert_msg(strstr(cove_errmsg(api.store), "cannot be opened again") !=
                      NULL,
                  "%s", cove_errmsg(api.store));
    for (size_t i = 0; i < COVE_ARRAY_LEN(verbs); i++) {
        int err = cove_admin(api.store, verbs[i], &reply);

        ck_assert_msg(err != 0, "%s: %s", verbs[i], reply);
        ck_assert_msg(cove_errmsg(api.store)[0] != '\0', "%s", verbs[i]);
    }
    snprintf(backup, sizeof(backup), "{\"do\":\"backup\",\"path\":\"%s-b\"}",
             api.dir);
    ck_assert_int_ne(cove_admin(api.store, backup, &reply), 0);
    ck_assert_int_eq(access(from, F_OK), -1); /* nobody made another */
    ck_assert_int_eq(rename(to, from), 0);
    assert_goes_on();
    for (size_t i = 0; i < COVE_ARRAY_LEN(verbs); i++) {
        api_ok(cove_admin(api.store, verbs[i], &reply), api.store);
        cove_free(reply);
    }
}
END_TEST

START_TEST(each_call_is_the_first_that_opens_it_again)
{
    struct cove_diag diag;
    char *reply = NULL;

    for (size_t i = 0; i < COVE_ARRAY_LEN(verbs); i++) {
        lose_the_file(&diag);
        ck_assert_int_eq(rename(to, from), 0);
        api_ok(cove_admin(api.store, verbs[i], &reply), api.store);
        cove_free(reply);
        assert_goes_on();
    }
}
END_TEST

START_TEST(it_is_closed_while_it_is_not_open)
{
    struct cove_diag diag;

    lose_the_file(&diag);
    cove_close(api.store);
    ck_assert_int_eq(rename(to, from), 0);
    api_ok(cove_open(api.dir, NULL, &api.store), api.store);
    assert_goes_on();
}
END_TEST

/* --- threads */

static atomic_bool stop;

static void *thread_reads(void *ctx)
{
    (void)ctx;
    while (!atomic_load(&stop)) {
        char *reply = NULL;
        struct cove_txn *txn;

        if (cove_begin(api.store, COVE_READ, &txn) == 0) {
            cove_abort(txn);
        }
        if (cove_admin(api.store, "{\"do\":\"stats\"}", &reply) == 0) {
            cove_free(reply);
        }
    }
    return NULL;
}

START_TEST(what_other_threads_do_meanwhile_is_before_or_after)
{
    pthread_t threads[2];
    struct fails f = {.code = COVE_ENOSPC, .only = "shrink_rename"};
    struct cove_diag diag;

    atomic_store(&stop, false);
    for (size_t i = 0; i < COVE_ARRAY_LEN(threads); i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, thread_reads, NULL),
                         0);
    }
    for (int i = 0; i < 60; i++) {
        int err = shrink_with(&f, &diag);

        ck_assert_msg(err == COVE_EBUSY || err == COVE_ENOSPC, "%d %s", err,
                      diag.text);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < COVE_ARRAY_LEN(threads); i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    assert_goes_on();
}
END_TEST

static void assert_stats(const char *says)
{
    char *reply = NULL;

    api_ok(cove_admin(api.store, "{\"do\":\"stats\"}", &reply), api.store);
    ck_assert_msg(strstr(reply, says) != NULL, "%s: %s", says, reply);
    cove_free(reply);
}

START_TEST(stats_counts_the_transactions_that_are_open)
{
    struct cove_txn *one, *two;
    int64_t oldest_ms;
    unsigned open;

    assert_stats("\"transactions\":{\"open\":0,\"oldestMs\":0}");
    one = api_begin(&api, COVE_READ);
    two = api_begin(&api, COVE_WRITE);
    one->worker->began_ms -= 5000;
    node_workers_taken(api.store, NULL, &open, &oldest_ms);
    ck_assert_uint_eq(open, 2);
    ck_assert_int_ge(oldest_ms, 5000);
    assert_stats("\"transactions\":{\"open\":2,");
    cove_abort(one);
    assert_stats("\"transactions\":{\"open\":1,");
    cove_abort(two);
    assert_stats("\"transactions\":{\"open\":0,\"oldestMs\":0}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reopened");
    TCase *tests = tcase_create("reopened");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, after_a_failure_at_any_step_the_store_goes_on, 0,
                        (int)COVE_ARRAY_LEN(codes));
    tcase_add_test(tests,
                   where_the_disk_may_not_keep_the_new_file_nothing_is_written);
    tcase_add_test(tests, where_it_cannot_be_opened_again_every_call_says_so);
    tcase_add_test(tests, each_call_is_the_first_that_opens_it_again);
    tcase_add_test(tests, it_is_closed_while_it_is_not_open);
    tcase_add_test(tests, what_other_threads_do_meanwhile_is_before_or_after);
    tcase_add_test(tests, stats_counts_the_transactions_that_are_open);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
