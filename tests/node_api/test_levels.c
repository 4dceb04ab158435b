/* Levels of durability through the API: threads, killed processes, starts of
 * the machine, forks. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "crdt/repo.h"
#include "tests/node_api/api_kit.h"

static void open_level(struct api *a, unsigned level)
{
    struct cove_options options = {
        .size = sizeof(options), .flags = COVE_OPEN_CREATE, .level = level};

    api_ok(cove_open(a->dir, &options, &a->store), a->store);
}

static void api_set(struct api *a, const struct cove_id *id, int64_t n)
{
    struct cove_txn *txn = api_begin(a, COVE_WRITE);

    api_ok(cove_set(txn, id, "n", cove_int(n)), a->store);
    api_ok(cove_commit(txn), a->store);
}

/* --- the record below the API */

struct below {
    struct cove_store *store;
    struct cove_repo *repo;
};

static void below_open(struct below *b, const struct api *a)
{
    struct cove_store_options opt = {.alloc = &cove_alloc_libc,
                                     .trees = COVE_REPO_TREES};
    struct cove_repo_options repo = {.alloc = &cove_alloc_libc,
                                     .env = &cove_env_system};
    struct cove_diag diag = {0};
    uint8_t seed[32];
    char path[128], text[66] = "";
    FILE *file;

    ck_assert_int_eq(cove_crypto_init(), 0);
    snprintf(path, sizeof(path), "%s/device.key", a->dir);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(text, 1, 64, file), 64);
    fclose(file);
    ck_assert_int_eq(cove_hex_parse(text, seed, sizeof(seed)), 0);
    cove_key_of_seed(seed, &repo.secret, &repo.device);
    ck_assert_int_eq(cove_store_open_lmdb(a->dir, &opt, &b->store, &diag), 0);
    repo.store = b->store;
    ck_assert_int_eq(cove_repo_open(&repo, &b->repo, &diag), 0);
}

static void below_close(struct below *b)
{
    cove_repo_close(b->repo);
    cove_store_close(b->store);
}

static bool record_is_there(const struct api *a)
{
    struct cove_store_txn *txn;
    struct cove_bytes held;
    struct below b;

    below_open(&b, a);
    ck_assert_int_eq(cove_store_begin(b.store, false, &txn), 0);

    int err = cove_repo_record_get(b.repo, txn, COVE_RECORDS_META,
                                   cove_bytes_text("group"), &held);

    ck_assert(err == 0 || err == COVE_ENOTFOUND);
    cove_store_abort(txn);
    below_close(&b);
    return err == 0;
}

static void record_of_another_start(const struct api *a)
{
    struct cove_store_txn *txn;
    struct below b;

    below_open(&b, a);
    ck_assert_int_eq(cove_store_begin(b.store, true, &txn), 0);
    ck_assert_int_eq(
        cove_repo_record_put(b.repo, txn, COVE_RECORDS_META,
                             cove_bytes_text("group"),
                             cove_bytes_text("yesterday's boot id")),
        0);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    below_close(&b);
}

/* The session of a document's last write. */
static void last_session(struct api *a, const struct cove_id *id, char out[33])
{
    char request[128], text[52];
    char *reply = NULL;
    const char *at, *last = NULL;

    cove_id_format(id, text);
    snprintf(request, sizeof(request), "{\"do\":\"history\",\"id\":\"%s\"}",
             text);
    api_ok(cove_admin(a->store, request, &reply), a->store);
    for (at = reply; (at = strstr(at, "\"session\":\"")) != NULL; at++) {
        last = at;
    }
    ck_assert_ptr_nonnull(last);
    memcpy(out, last + 11, 32);
    out[32] = '\0';
    cove_free(reply);
}

/* A process at level group that writes, and is killed when it has read that it
 * did. */
static void write_and_die(struct api *a, const struct cove_id *id, int64_t n)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        struct api own = *a;

        open_level(&own, COVE_GROUP);
        api_set(&own, id, n);
        if (api_int(&own, id, "n") == n) {
            raise(SIGKILL);
        }
        _exit(1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

START_TEST(what_is_no_level_is_refused_and_old_options_have_none)
{
    struct cove_options o = {
        .size = sizeof(o), .flags = COVE_OPEN_CREATE, .level = 2};
    struct api a;

    api_dir(&a);
    ck_assert_int_eq(cove_open(a.dir, &o, &a.store), COVE_EUSAGE);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(a.store), "level"));
    cove_close(a.store);
    o.size = offsetof(struct cove_options, level);
    api_ok(cove_open(a.dir, &o, &a.store), a.store);
    api_close(&a);
}
END_TEST

START_TEST(what_was_committed_at_level_group_is_read_and_stays)
{
    struct cove_id id;
    struct api a;

    api_dir(&a);
    open_level(&a, COVE_GROUP);
    id = api_new(&a, NULL, "{\"n\":0}");
    for (int i = 1; i < 100; i++) {
        api_set(&a, &id, i);
        if (i % 10 == 0) {
            ck_assert_int_eq(api_int(&a, &id, "n"), i);
        }
    }
    cove_close(a.store);
    ck_assert(!record_is_there(&a));
    open_level(&a, COVE_FULL);
    ck_assert_int_eq(api_int(&a, &id, "n"), 99);
    api_close(&a);
}
END_TEST

START_TEST(a_killed_process_at_level_group_costs_no_session)
{
    char before[33], after[33];
    struct cove_id id;
    struct api a;

    api_dir(&a);
    open_level(&a, COVE_FULL);
    id = api_new(&a, NULL, "{\"n\":0}");
    last_session(&a, &id, before);
    cove_close(a.store);
    write_and_die(&a, &id, 1);
    ck_assert(record_is_there(&a));
    open_level(&a, COVE_FULL);
    ck_assert_int_eq(api_int(&a, &id, "n"), 1);
    api_set(&a, &id, 2);
    last_session(&a, &id, after);
    ck_assert_str_eq(before, after);
    cove_close(a.store);
    ck_assert(!record_is_there(&a));
    open_level(&a, COVE_FULL);
    api_close(&a);
}
END_TEST

/* H39: the numbers that a lost transaction had are not given again. */
START_TEST(after_a_power_cut_at_level_group_the_session_is_another)
{
    char before[33], after[33], again[33];
    struct cove_id id;
    struct api a;

    for (unsigned level = COVE_FULL; level <= COVE_GROUP; level++) {
        api_dir(&a);
        open_level(&a, COVE_FULL);
        id = api_new(&a, NULL, "{\"n\":0}");
        last_session(&a, &id, before);
        cove_close(a.store);
        record_of_another_start(&a);
        open_level(&a, level);
        api_set(&a, &id, 2);
        last_session(&a, &id, after);
        ck_assert_str_ne(before, after);
        cove_close(a.store);
        ck_assert(!record_is_there(&a));
        open_level(&a, level);
        api_set(&a, &id, 3);
        last_session(&a, &id, again);
        ck_assert_str_eq(after, again);
        api_close(&a);
    }
}
END_TEST

/* One that is open keeps the record of one that closes. */
START_TEST(the_last_process_at_level_group_takes_the_record_away)
{
    int to_child[2], to_parent[2], status;
    char byte;
    struct api a;

    api_dir(&a);
    open_level(&a, COVE_FULL);
    cove_close(a.store);
    ck_assert_int_eq(pipe(to_child), 0);
    ck_assert_int_eq(pipe(to_parent), 0);

    pid_t child = fork();

    if (child == 0) {
        struct api own = a;

        open_level(&own, COVE_GROUP);
        (void)api_new(&own, NULL, "{\"n\":1}");
        if (write(to_parent[1], "x", 1) == 1 &&
            read(to_child[0], &byte, 1) == 1) {
            cove_close(own.store);
            _exit(write(to_parent[1], "x", 1) != 1);
        }
        _exit(1);
    }
    ck_assert_int_eq(read(to_parent[0], &byte, 1), 1);
    open_level(&a, COVE_GROUP);
    (void)api_new(&a, NULL, "{\"n\":2}");
    cove_close(a.store);
    ck_assert(record_is_there(&a));
    ck_assert_int_eq(write(to_child[1], "x", 1), 1);
    ck_assert_int_eq(read(to_parent[0], &byte, 1), 1);
    ck_assert(!record_is_there(&a));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    open_level(&a, COVE_FULL);
    ck_assert_int_eq(api_count(&a, NULL), 3); /* and the account */
    api_close(&a);
}
END_TEST

START_TEST(a_group_that_finds_no_room_is_told_and_what_was_before_stays)
{
    struct cove_options o = {.size = sizeof(o),
                             .flags = COVE_OPEN_CREATE,
                             .map_bytes = 1 << 20,
                             .map_bytes_max = 1 << 20,
                             .level = COVE_GROUP};
    struct cove_txn *txn;
    struct cove_id id;
    struct api a;
    char json[2100] = "{\"text\":\"";
    int err = 0, told = 0;

    memset(json + strlen(json), 'x', 2000);
    memcpy(json + 2009, "\"}", 3);
    api_dir(&a);
    api_ok(cove_open(a.dir, &o, &a.store), a.store);
    for (; err == 0; told += err == 0) {
        err = cove_begin(a.store, COVE_WRITE, &txn);
        if (err == 0) {
            err = cove_new(txn, NULL, NULL, json, &id);
            if (err == 0) {
                err = cove_commit(txn);
            } else {
                cove_abort(txn);
            }
        }
    }
    ck_assert(err == COVE_ENOSPC || err == COVE_ELOST);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(a.store), a.dir));
    ck_assert_int_gt(told, 100);

    int kept = api_count(&a, NULL) - 1; /* without the account */

    ck_assert(err == COVE_ELOST ? kept <= told : kept == told);
    ck_assert_int_gt(kept, 100);
    api_close(&a);
}
END_TEST

START_TEST(a_forked_child_is_told_so_by_every_call_but_close)
{
    struct cove_txn *reader, *writer, *txn;
    struct cove_value value;
    struct cove_id id;
    struct api a;
    int status;

    for (unsigned level = COVE_FULL; level <= COVE_GROUP; level++) {
        api_dir(&a);
        open_level(&a, level);
        id = api_new(&a, NULL, "{\"n\":1}");
        reader = api_begin(&a, COVE_READ);
        writer = api_begin(&a, COVE_WRITE);
        api_ok(cove_set(writer, &id, "n", cove_int(2)), a.store);

        pid_t child = fork();

        if (child == 0) {
            bool good = cove_begin(a.store, COVE_READ, &txn) == COVE_EBUSY &&
                        strstr(cove_errmsg(a.store), "fork") != NULL &&
                        cove_begin(a.store, COVE_WRITE, &txn) == COVE_EBUSY &&
                        cove_get(reader, &id, "n", &value) == COVE_EBUSY &&
                        cove_set(writer, &id, "m", cove_int(3)) == COVE_EBUSY &&
                        cove_commit(writer) == COVE_EBUSY;

            cove_abort(reader);
            cove_close(a.store);
            _exit(good ? 0 : 1);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        api_ok(cove_commit(writer), a.store);
        cove_abort(reader);
        ck_assert_int_eq(api_int(&a, &id, "n"), 2);
        api_close(&a);
    }
}
END_TEST

/* --- threads */

#define THREAD_WRITERS 8
#define THREAD_READERS 4
#define THREAD_WRITES  25

struct threads {
    struct api *a;
    struct cove_id shared, own[THREAD_WRITERS];
    atomic_int next, over;
};

/* Adds one to the shared document and to its own, in one transaction. */
static void *thread_write(void *ctx)
{
    struct threads *t = ctx;
    const struct cove_id *own = &t->own[atomic_fetch_add(&t->next, 1)];

    for (int i = 1; i <= THREAD_WRITES; i++) {
        struct cove_txn *txn = api_begin(t->a, COVE_WRITE);
        struct cove_value v;

        api_ok(cove_get(txn, &t->shared, "n", &v), t->a->store);
        api_ok(cove_set(txn, &t->shared, "n", cove_int(v.u.integer + 1)),
               t->a->store);
        api_ok(cove_set(txn, own, "n", cove_int(i)), t->a->store);
        if (i % 7 == 0) { /* and sometimes thinks again */
            cove_abort(txn);
            i--;
            txn = api_begin(t->a, COVE_WRITE);
            api_ok(cove_get(txn, &t->shared, "n", &v), t->a->store);
            api_ok(cove_set(txn, &t->shared, "n", cove_int(v.u.integer + 1)),
                   t->a->store);
            api_ok(cove_set(txn, own, "n", cove_int(++i)), t->a->store);
        }
        api_ok(cove_commit(txn), t->a->store);
    }
    atomic_fetch_add(&t->over, 1);
    return NULL;
}

/* What it sees is whole: the shared number is the sum of the others. */
static void *thread_read(void *ctx)
{
    struct threads *t = ctx;

    do {
        struct cove_txn *txn = api_begin(t->a, COVE_READ);
        struct cove_value v;
        int64_t sum = 0;

        for (int i = 0; i < THREAD_WRITERS; i++) {
            api_ok(cove_get(txn, &t->own[i], "n", &v), t->a->store);
            sum += v.u.integer;
        }
        api_ok(cove_get(txn, &t->shared, "n", &v), t->a->store);
        ck_assert_int_eq(v.u.integer, sum);
        cove_abort(txn);
    } while (atomic_load(&t->over) < THREAD_WRITERS);
    return NULL;
}

START_TEST(writers_and_readers_of_many_threads_see_it_whole)
{
    pthread_t threads[THREAD_WRITERS + THREAD_READERS];
    struct threads t = {0};
    struct api a;

    api_dir(&a);
    open_level(&a, (unsigned)_i);
    t.a = &a;
    t.shared = api_new(&a, NULL, "{\"n\":0}");
    for (int i = 0; i < THREAD_WRITERS; i++) {
        t.own[i] = api_new(&a, NULL, "{\"n\":0}");
    }
    for (int i = 0; i < THREAD_WRITERS + THREAD_READERS; i++) {
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL,
                           i < THREAD_WRITERS ? thread_write : thread_read, &t),
            0);
    }
    for (int i = 0; i < THREAD_WRITERS + THREAD_READERS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_int_eq(api_int(&a, &t.shared, "n"),
                     (int64_t)THREAD_WRITERS * THREAD_WRITES);
    cove_close(a.store);
    open_level(&a, COVE_FULL);
    ck_assert_int_eq(api_int(&a, &t.shared, "n"),
                     (int64_t)THREAD_WRITERS * THREAD_WRITES);
    api_close(&a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("levels");
    TCase *levels = tcase_create("levels");
    TCase *threads = tcase_create("threads");

    tcase_set_timeout(levels, 60);
    tcase_set_timeout(threads, 120);
    tcase_add_test(levels,
                   what_is_no_level_is_refused_and_old_options_have_none);
    tcase_add_test(levels, what_was_committed_at_level_group_is_read_and_stays);
    tcase_add_test(levels, a_killed_process_at_level_group_costs_no_session);
    tcase_add_test(levels,
                   after_a_power_cut_at_level_group_the_session_is_another);
    tcase_add_test(levels,
                   the_last_process_at_level_group_takes_the_record_away);
    tcase_add_test(
        levels, a_group_that_finds_no_room_is_told_and_what_was_before_stays);
    tcase_add_test(levels, a_forked_child_is_told_so_by_every_call_but_close);
    tcase_add_loop_test(threads,
                        writers_and_readers_of_many_threads_see_it_whole,
                        COVE_FULL, COVE_GROUP + 1);
    suite_add_tcase(suite, levels);
    suite_add_tcase(suite, threads);
    return harness_run(suite);
}
