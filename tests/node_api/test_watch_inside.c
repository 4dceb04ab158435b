/* Subscriptions from inside: memory and store that fail at any call, a writer
 * that dies before it can tell, removals that are forgotten, libuv. */
#include <uv.h>

#include "cove/uv.h"
#include "node/sync.h"
#include "node/watch.h"
#include "tests/node_api/watch_kit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static const char TASK[] =
    "{\"title\":\"Task\",\"version\":1,\"properties\":{\"n\":{\"type\":"
    "\"integer\"},\"done\":{\"type\":\"boolean\"}}}";
static const char OPEN[] =
    "{\"watch\":\"documents\",\"schema\":\"Task\",\"where\":{\"done\":false}}";

static const char *program; /* to be run again, as another process */

/* ---------------------------------------------------------------- the loop */

static int broken[2]; /* a pipe that nobody reads */

static void write_on_broken(uv_idle_t *idle)
{
    ck_assert_int_eq((int)write(broken[1], "x", 1), -1);
    ck_assert_int_eq(errno, EPIPE);
    uv_close((uv_handle_t *)idle, NULL);
}

static bool sigpipe_pends(void)
{
    sigset_t pending;

    ck_assert_int_eq(sigpending(&pending), 0);
    return sigismember(&pending, SIGPIPE) == 1;
}

/* Its default would end the app that syncs in a thread or by cove_dispatch. */
START_TEST(a_socket_whose_peer_is_gone_does_not_end_the_program)
{
    uv_idle_t idle;
    uv_loop_t loop;
    sigset_t set, before;

    signal(SIGPIPE, SIG_DFL);
    ck_assert_int_eq(pipe(broken), 0);
    close(broken[0]);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    for (int once = 0; once < 2; once++) {
        (void)uv_idle_init(&loop, &idle);
        (void)uv_idle_start(&idle, write_on_broken);
        node_loop_turn(&loop, once != 0);
        ck_assert(!sigpipe_pends());
    }
    /* The app blocks it, and has one of its own to come: that one stays. */
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &set, &before), 0);
    ck_assert_int_eq(raise(SIGPIPE), 0);
    node_loop_turn(&loop, false);
    ck_assert(sigpipe_pends());
    signal(SIGPIPE, SIG_IGN);
    ck_assert(!sigpipe_pends());
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    signal(SIGPIPE, SIG_DFL);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    close(broken[1]);
}
END_TEST

/* ------------------------------------------------------------------ the set */

START_TEST(the_set_holds_what_was_put_and_not_dropped)
{
    enum { SPAN = 4000 };
    static bool model[SPAN];
    struct harness_alloc h;
    struct watch_set set;
    uint64_t draw = 1;
    size_t count = 0;

    harness_alloc_init(&h, 0);
    watch_set_init(&set, &h.alloc);
    ck_assert(!watch_set_has(&set, 1));
    watch_set_drop(&set, 1);
    for (int i = 0; i < 40000; i++) {
        draw = draw * 6364136223846793005u + 1442695040888963407u;

        size_t num = (draw >> 33) % (SPAN - 1) + 1;
        bool put = (draw >> 20) % 3 != 0 || i < 8000;

        ck_assert_int_eq(watch_set_has(&set, num), model[num]);
        if (put) {
            ck_assert_int_eq(watch_set_room(&set), 0);
            watch_set_put(&set, num);
        } else {
            watch_set_drop(&set, num);
        }
        model[num] = put;
    }
    count = 0;
    for (size_t num = 1; num < SPAN; num++) {
        ck_assert_int_eq(watch_set_has(&set, num), model[num]);
        count += model[num];
    }
    ck_assert_uint_eq(set.count, count);
    watch_set_clear(&set);
    ck_assert_int_eq(h.alive, 0);
}
END_TEST

START_TEST(a_member_of_the_set_costs_8_to_16_bytes)
{
    struct harness_alloc h;
    struct watch_set set;

    harness_alloc_init(&h, 0);
    watch_set_init(&set, &h.alloc);
    for (cove_num num = 1; num <= 100000; num++) {
        ck_assert_int_eq(watch_set_room(&set), 0);
        watch_set_put(&set, num);
        if (num > 20) {
            size_t bytes = set.cap * sizeof(*set.slots);

            ck_assert_uint_ge(bytes, 8 * set.count);
            ck_assert_uint_le(bytes, 16 * set.count + 8);
        }
    }
    watch_set_clear(&set);
}
END_TEST

/* -------------------------------------------------------------------- faults
 */

static struct api memory;
static struct cove_id ids[6];

static void memory_open(void)
{
    struct cove_options options = {
        .size = sizeof(options), .flags = COVE_OPEN_MEMORY | COVE_OPEN_NO_SYNC};

    api_ok(cove_open(NULL, &options, &memory.store), memory.store);
    api_ok(cove_schema_add(memory.store, TASK, NULL), memory.store);
    for (size_t i = 0; i < COVE_ARRAY_LEN(ids); i++) {
        ids[i] = api_new(&memory, "Task",
                         i % 2 == 0 ? "{\"done\":false}" : "{\"done\":true}");
    }
}

static void memory_close(void)
{
    cove_close(memory.store);
}

/* Dispatch until nothing is left and nothing has failed. */
static int failing_drain(void)
{
    int failures = 0;

    do {
        while (cove_dispatch(memory.store) != 0) {
            ck_assert_int_eq(cove_timeout(memory.store), WATCH_RETRY_MS);
            ck_assert_int_lt(++failures, 1000);
        }
    } while (watch_woken(memory.store, 0));
    ck_assert_int_eq(cove_timeout(memory.store), -1);
    return failures;
}

struct failing { /* one at which call, and whether it came to that */
    long at, calls;
    int code;
};

static int failing_store(void *ctx, const char *call)
{
    struct failing *f = ctx;

    (void)call;
    return ++f->calls == f->at ? f->code : 0;
}

/* Where it fails it leaves nothing, and may be tried again. */
static void subscribe_two(struct watcher *query, struct watcher *one)
{
    char text[52], request[160];
    uint64_t *number[2] = {&query->number, &one->number};
    const char *requests[2] = {OPEN, request};
    struct watcher *watchers[2] = {query, one};

    cove_id_format(&ids[0], text);
    snprintf(request, sizeof(request), "{\"watch\":\"document\",\"id\":\"%s\"}",
             text);
    for (int i = 0; i < 2; i++) {
        int err = cove_subscribe(memory.store, requests[i], watch_hear,
                                 watchers[i], number[i]);

        if (err != 0) {
            ck_assert(err == COVE_ENOMEM || err == COVE_EIO);
            ck_assert_int_eq(cove_subscribe(memory.store, requests[i],
                                            watch_hear, watchers[i], number[i]),
                             0);
        }
    }
}

static void watcher_init(struct watcher *w)
{
    memset(w, 0, sizeof(*w));
    w->store = memory.store;
    w->heard = calloc(WATCH_HEARD, sizeof(*w->heard));
    ck_assert_ptr_nonnull(w->heard);
}

static void watcher_done(struct watcher *w)
{
    ck_assert_int_eq(cove_unsubscribe(memory.store, w->number), 0);
    free(w->heard);
}

START_TEST(memory_that_fails_at_any_call_loses_no_event)
{
    struct harness_alloc h;
    const struct cove_alloc *usual = memory.store->alloc;
    long at = 0;

    do {
        struct watcher query, one;

        at++;
        watcher_init(&query);
        watcher_init(&one);
        watch_set(&memory, &ids[1], "done", cove_bool(true));
        harness_alloc_init(&h, at);
        memory.store->alloc = &h.alloc;
        subscribe_two(&query, &one);
        failing_drain();
        memory.store->alloc = usual;
        ck_assert_str_eq(watch_said(&query), "enter enter enter ready");
        ck_assert_str_eq(watch_said(&one), "ready");
        watch_set(&memory, &ids[1], "done", cove_bool(false));
        watch_set(&memory, &ids[0], "n", cove_int(at));
        h.fail_at = h.calls + at;
        memory.store->alloc = &h.alloc;
        failing_drain();
        ck_assert_str_eq(watch_said(&query), "enter change");
        ck_assert_str_eq(watch_said(&one), "change");
        watcher_done(&query);
        watcher_done(&one);
        memory.store->alloc = usual;
    } while (h.calls >= at);
    ck_assert_int_gt(at, 15);
}
END_TEST

START_TEST(a_store_that_fails_at_any_call_loses_no_event)
{
    static const int codes[] = {COVE_EIO, COVE_ENOMEM};

    for (size_t i = 0; i < COVE_ARRAY_LEN(codes); i++) {
        struct failing f = {.at = 0, .code = codes[i]};

        do {
            struct watcher query, one;

            f.at++;
            f.calls = 0;
            watcher_init(&query);
            watcher_init(&one);
            watch_set(&memory, &ids[1], "done", cove_bool(true));
            cove_store_set_fault(memory.store->store, failing_store, &f);
            subscribe_two(&query, &one);
            failing_drain();
            cove_store_set_fault(memory.store->store, NULL, NULL);
            ck_assert_str_eq(watch_said(&query), "enter enter enter ready");
            ck_assert_str_eq(watch_said(&one), "ready");
            watch_set(&memory, &ids[1], "done", cove_bool(false));
            watch_set(&memory, &ids[0], "n", cove_int(f.at));
            f.calls = 0;
            cove_store_set_fault(memory.store->store, failing_store, &f);
            failing_drain();
            cove_store_set_fault(memory.store->store, NULL, NULL);
            ck_assert_str_eq(watch_said(&query), "enter change");
            ck_assert_str_eq(watch_said(&one), "change");
            watcher_done(&query);
            watcher_done(&one);
        } while (f.calls >= f.at);
        ck_assert_int_gt(f.at, 10);
    }
}
END_TEST

/* ------------------------------------------------------------------ removals
 */

START_TEST(removals_that_are_forgotten_begin_anew)
{
    struct watcher w, all;
    struct cove_txn *txn;
    char request[160];
    uint64_t at;

    watch_begin(&w, memory.store, OPEN);
    watch_drain(memory.store);
    at = watch_last(&w)->sequence;
    watch_end(&w);
    watch_begin(&all, memory.store, "{\"watch\":\"documents\"}");
    watch_drain(memory.store);
    watch_said(&all);
    txn = api_begin(&memory, COVE_WRITE);
    for (int i = 0; i < COVE_REPO_REMOVALS + 5; i++) {
        struct cove_id id;
        cove_num num;

        api_ok(cove_new(txn, "Task", NULL, "{\"done\":false}", &id),
               memory.store);
        ck_assert_int_eq(cove_repo_find(txn->worker->repo, txn->txn, &id, &num),
                         0);
        ck_assert_int_eq(
            cove_repo_remove(txn->worker->repo, txn->txn, num, NULL), 0);
    }
    api_ok(cove_commit(txn), memory.store);
    snprintf(request, sizeof(request),
             "{\"watch\":\"documents\",\"schema\":\"Task\",\"where\":{\"done\":"
             "false},\"since\":%llu}",
             (unsigned long long)at);
    watch_begin(&w, memory.store, request);
    ck_assert_str_eq(watch_next(&w), "reset enter enter enter ready");
    ck_assert_str_eq(watch_said(&all),
                     "reset enter enter enter enter enter enter ready");
    watch_end(&w);
    watch_end(&all);
}
END_TEST

START_TEST(a_member_that_is_removed_is_told_so)
{
    struct watcher w;
    struct cove_txn *txn;
    cove_num num;

    watch_begin(&w, memory.store, OPEN);
    ck_assert_str_eq(watch_next(&w), "enter enter enter ready");
    for (size_t i = 1; i < 3; i++) { /* one that matches not, one that does */
        txn = api_begin(&memory, COVE_WRITE);
        ck_assert_int_eq(
            cove_repo_find(txn->worker->repo, txn->txn, &ids[i], &num), 0);
        ck_assert_int_eq(
            cove_repo_remove(txn->worker->repo, txn->txn, num, NULL), 0);
        txn->wrote = true;
        api_ok(cove_commit(txn), memory.store);
        ck_assert_str_eq(watch_next(&w), i == 1 ? "" : "removed");
    }
    ck_assert(watch_is(watch_last(&w), &ids[2]));
    watch_end(&w);
}
END_TEST

/* --------------------------------------------- a write from before its time */

/* From here on the store's clock is this one. */
static void clock_take(struct cove *store, struct harness_env *env,
                       uint64_t seed)
{
    harness_env_init(env, seed);
    env->now_ms = cove_env_system.now_ms(NULL);
    node_workers_free(store);
    store->env = &env->env;
}

/* Carry a document over, header and logs, as sync would. */
static void carry(struct cove *from, struct cove *to, const struct cove_id *id)
{
    struct cove_txn *a = NULL, *b = NULL;
    struct cove_doc_outline outline;
    struct cove_ingest_result result;
    struct cove_batch batch;
    cove_num num, there;

    api_ok(cove_begin(from, COVE_READ, &a), from);
    api_ok(cove_begin(to, COVE_WRITE, &b), to);
    ck_assert_int_eq(cove_repo_find(a->worker->repo, a->txn, id, &num), 0);
    ck_assert_int_eq(
        cove_repo_outline(a->worker->repo, a->txn, num, &a->arena, &outline),
        0);
    ck_assert_int_eq(cove_repo_ingest_header(b->worker->repo, b->txn, id,
                                             outline.header_bytes, &there,
                                             NULL),
                     0);
    for (size_t i = 0; i < outline.session_count; i++) {
        uint32_t at = 0;

        while (at < outline.sessions[i].len) {
            ck_assert_int_eq(cove_repo_read(a->worker->repo, a->txn, num,
                                            &outline.sessions[i].session, at,
                                            65536, &a->arena, &batch),
                             0);
            ck_assert_int_eq(cove_repo_ingest(b->worker->repo, b->txn, &batch,
                                              1, &result, NULL),
                             0);
            at = result.have;
        }
    }
    b->wrote = true;
    cove_abort(a);
    api_ok(cove_commit(b), to);
}

START_TEST(a_write_ahead_of_the_clock_is_told_when_it_shows)
{
    enum { AHEAD = 600000 };
    struct cove_options options = {
        .size = sizeof(options), .flags = COVE_OPEN_MEMORY | COVE_OPEN_NO_SYNC};
    struct api alice = {.dir = ""};
    static struct harness_env a, b; /* the stores outlive this */
    struct watcher all, one;
    struct cove_id account, id;
    char text[52], request[160];
    int timeout;

    api_ok(cove_open(NULL, &options, &alice.store), alice.store);
    clock_take(alice.store, &a, 1);
    clock_take(memory.store, &b, 2);
    account = cove_account(alice.store);
    id = api_new(&alice, NULL, "{\"n\":1}");
    carry(alice.store, memory.store, &account);
    carry(alice.store, memory.store, &id);
    watch_begin(&all, memory.store, "{\"watch\":\"documents\"}");
    cove_id_format(&id, text);
    snprintf(request, sizeof(request), "{\"watch\":\"document\",\"id\":\"%s\"}",
             text);
    watch_begin(&one, memory.store, request);
    ck_assert_str_eq(watch_next(&all), "ready");
    ck_assert_str_eq(watch_said(&one), "ready");
    ck_assert_int_eq(cove_timeout(memory.store), -1);
    a.now_ms += AHEAD;
    watch_set(&alice, &id, "n", cove_int(2));
    carry(alice.store, memory.store, &id);
    ck_assert_str_eq(watch_next(&one), "change"); /* something came */
    ck_assert_str_eq(watch_said(&all), "change");
    ck_assert_int_eq(api_int(&memory, &id, "n"), 1);
    timeout = cove_timeout(memory.store);
    ck_assert_int_gt(timeout, AHEAD - COVE_MAX_AHEAD_MS - 10000);
    ck_assert_int_le(timeout, AHEAD - COVE_MAX_AHEAD_MS + 10000);
    api_ok(cove_dispatch(memory.store), memory.store);
    ck_assert_str_eq(watch_said(&one), "");
    b.now_ms += timeout;
    ck_assert_int_eq(cove_timeout(memory.store), 0);
    api_ok(cove_dispatch(memory.store), memory.store);
    ck_assert_str_eq(watch_said(&one), "change");
    ck_assert_uint_eq(watch_last(&one)->from, COVE_FROM_PEER);
    ck_assert_str_eq(watch_said(&all), "change");
    ck_assert_int_eq(api_int(&memory, &id, "n"), 2);
    ck_assert_int_eq(cove_timeout(memory.store), -1);
    watch_end(&all);
    watch_end(&one);
    cove_close(alice.store);
}
END_TEST

/* ------------------------------------------------- a writer that cannot tell
 */

/* The other process: commit, and be killed before anybody is told. */
static int writer(const char *dir, const char *id)
{
    struct cove *store = NULL;
    struct cove_txn *txn = NULL;
    struct cove_id doc;

    if (cove_open(dir, NULL, &store) != 0 ||
        cove_id_lookup(store, id, &doc) != 0) {
        return 1;
    }
    store->notify_path[strlen(store->notify_path) - 1] = '/'; /* no such */
    if (cove_begin(store, COVE_WRITE, &txn) != 0 ||
        cove_set(txn, &doc, "n", cove_int(7)) != 0 || cove_commit(txn) != 0) {
        return 1;
    }
    kill(getpid(), SIGKILL);
    return 1;
}

START_TEST(a_commit_is_told_though_its_writer_died_before_telling)
{
    struct api a;
    struct watcher w;
    struct cove_id id;
    char text[52];
    int status;

    watch_open(&a);
    id = api_new(&a, NULL, "{\"n\":0}");
    cove_id_format(&id, text);
    watch_begin(&w, a.store, "{\"watch\":\"documents\"}");
    watch_drain(a.store);
    watch_said(&w);

    pid_t pid = fork();

    if (pid == 0) {
        execl(program, program, "writer", a.dir, text, (char *)NULL);
        _exit(2);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    ck_assert(watch_woken(a.store, 10000));
    ck_assert_str_eq(watch_next(&w), "change");
    ck_assert_int_eq(api_int(&a, &id, "n"), 7);
    watch_end(&w);
    api_close(&a);
}
END_TEST

/* -------------------------------------------------------------------- libuv */

static void uv_detached(void *ctx)
{
    *(bool *)ctx = true;
}

static void uv_told(struct watcher *w, const struct cove_watch_event *e)
{
    if (e->kind == COVE_WATCH_READY) {
        watch_set(w->ctx, &ids[0], "n", cove_int(1));
    } else if (e->kind == COVE_WATCH_CHANGE) {
        uv_stop(uv_default_loop());
    }
}

static void uv_case(unsigned flags)
{
    struct cove_options options = {.size = sizeof(options),
                                   .flags = COVE_OPEN_CREATE | flags};
    struct api a;
    struct watcher w;
    bool detached = false;

    api_dir(&a);
    api_ok(cove_open(a.dir, &options, &a.store), a.store);
    ids[0] = api_new(&a, NULL, "{\"n\":0}");
    watch_begin(&w, a.store, "{\"watch\":\"documents\"}");
    w.then = uv_told;
    w.ctx = &a;
    api_ok(cove_uv_attach(a.store, uv_default_loop()), a.store);
    ck_assert_int_eq(cove_uv_attach(a.store, uv_default_loop()), COVE_EBUSY);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    ck_assert_str_eq(watch_said(&w), "ready change");
    watch_end(&w);
    cove_uv_detach(a.store, uv_detached, &detached);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    ck_assert(detached);
    api_close(&a);
}

START_TEST(a_loop_of_libuv_serves_subscriptions_alone)
{
    uv_case(COVE_OPEN_NO_SYNC);
}
END_TEST

START_TEST(a_loop_of_libuv_serves_sync_and_subscriptions)
{
    uv_case(0);
}
END_TEST

/* With sync on a thread of its own the callbacks stay with the dispatcher. */
START_TEST(a_sync_thread_calls_nobody_back)
{
    struct api a;
    struct watcher w;
    struct cove_id id;

    api_open(&a);
    id = api_new(&a, NULL, "{\"n\":0}");
    watch_begin(&w, a.store, "{\"watch\":\"documents\"}");
    watch_drain(a.store); /* sync is driven by hand at first */
    ck_assert_str_eq(watch_said(&w), "ready");
    api_ok(cove_thread_start(a.store), a.store);
    watch_set(&a, &id, "n", cove_int(1));
    ck_assert(watch_woken(a.store, 10000));
    ck_assert_uint_eq(w.read, w.count);
    ck_assert_str_eq(watch_next(&w), "change");
    cove_thread_stop(a.store);
    watch_set(&a, &id, "n", cove_int(2));
    ck_assert(watch_woken(a.store, 10000));
    api_ok(cove_dispatch(a.store), a.store);
    ck_assert_str_eq(watch_said(&w), "change");
    watch_end(&w);
    api_close(&a);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("watch_inside");
    TCase *set = tcase_create("set");
    TCase *tc = tcase_create("memory");
    TCase *disk = tcase_create("disk");

    tcase_add_test(set, a_socket_whose_peer_is_gone_does_not_end_the_program);
    tcase_add_test(set, the_set_holds_what_was_put_and_not_dropped);
    tcase_add_test(set, a_member_of_the_set_costs_8_to_16_bytes);
    suite_add_tcase(s, set);
    tcase_add_checked_fixture(tc, memory_open, memory_close);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, memory_that_fails_at_any_call_loses_no_event);
    tcase_add_test(tc, a_store_that_fails_at_any_call_loses_no_event);
    tcase_add_test(tc, removals_that_are_forgotten_begin_anew);
    tcase_add_test(tc, a_member_that_is_removed_is_told_so);
    tcase_add_test(tc, a_write_ahead_of_the_clock_is_told_when_it_shows);
    suite_add_tcase(s, tc);
    tcase_set_timeout(disk, 60);
    tcase_add_test(disk,
                   a_commit_is_told_though_its_writer_died_before_telling);
    tcase_add_test(disk, a_loop_of_libuv_serves_subscriptions_alone);
    tcase_add_test(disk, a_loop_of_libuv_serves_sync_and_subscriptions);
    tcase_add_test(disk, a_sync_thread_calls_nobody_back);
    suite_add_tcase(s, disk);
    return s;
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc == 4 && strcmp(argv[1], "writer") == 0) {
        return writer(argv[2], argv[3]);
    }
    return harness_run(suite());
}
