/* Sync through the public API, in each way to drive it: an own thread, a
 * descriptor to poll, the caller's libuv loop; and many threads on one handle.
 * Two stores live in this process, in directories of their own. */
#include "tests/node_api/api_pair.h"

#include <poll.h>
#include <pthread.h>

#include "cove/uv.h"

#define WRITERS 3
#define READERS 2
#define WRITES  60

static const char NOTE[] =
    "{\"title\":\"Note\",\"version\":1,\"properties\":{\"n\":{\"type\":"
    "\"integer\"}}}";

static struct api a, b;
static struct cove_id group;

/* a's group with b as writer, and a schema in it. */
static void setup(void)
{
    api_pair_open(&a, &b, &group);
    api_ok(cove_schema_add(a.store, NOTE, &group), a.store);
}

static void teardown(void)
{
    api_close(&a);
    api_close(&b);
}

static void assert_equal_documents(int count)
{
    ck_assert_int_eq(api_count(&a, "Note"), count);
    ck_assert_int_eq(api_count(&b, "Note"), count);
}

START_TEST(two_stores_in_one_process_sync_on_threads_of_their_own)
{
    struct cove_id id = api_new(&a, "Note", "{\"n\":1}");

    api_pair_introduce(&a, &b);
    api_ok(cove_thread_start(a.store), a.store);
    ck_assert_int_eq(cove_thread_start(a.store), COVE_EBUSY);
    ck_assert_int_eq(cove_listen(a.store, "127.0.0.1:0"), COVE_EBUSY);
    api_ok(cove_thread_start(b.store), b.store);
    api_ok(cove_wait(a.store, NULL, API_DEADLINE_MS), a.store);
    ck_assert_int_eq(api_int(&b, &id, "n"), 1);

    /* an edit there, a new document here */
    struct cove_txn *txn = api_begin(&b, COVE_WRITE);

    api_ok(cove_set(txn, &id, "n", cove_int(2)), b.store);
    api_ok(cove_commit(txn), b.store);
    api_new(&a, "Note", "{\"n\":3}");
    api_ok(cove_wait(b.store, NULL, API_DEADLINE_MS), b.store);
    api_ok(cove_wait(a.store, NULL, API_DEADLINE_MS), a.store);
    ck_assert_int_eq(api_int(&a, &id, "n"), 2);
    assert_equal_documents(2);

    /* stopped, nothing moves; started again, it does */
    cove_thread_stop(b.store);
    struct cove_id late = api_new(&b, "Note", "{\"n\":4}");

    ck_assert_int_eq(cove_wait(b.store, NULL, 50), COVE_ETIMEOUT);
    api_ok(cove_thread_start(b.store), b.store);
    api_ok(cove_wait(b.store, NULL, API_DEADLINE_MS), b.store);
    ck_assert_int_eq(api_int(&a, &late, "n"), 4);
    cove_thread_stop(a.store);
    cove_thread_stop(a.store);
}
END_TEST

/* Until the reply of sync.state has these words. */
static void assert_state_has(struct cove *store, const char *words)
{
    int64_t end = api_now_ms() + API_DEADLINE_MS;
    bool has = false;

    while (!has) {
        char *reply = NULL;

        api_ok(cove_admin(store, "{\"do\":\"sync.state\"}", &reply), store);
        has = strstr(reply, words) != NULL;
        ck_assert_msg(has || api_now_ms() < end, "%s has no %s", reply, words);
        cove_free(reply);
    }
}

START_TEST(sync_state_tells_of_the_connections_of_a_running_thread)
{
    char *reply = NULL;

    assert_state_has(a.store, "\"running\":false");
    api_pair_introduce(&a, &b);
    api_ok(cove_listen(a.store, "127.0.0.1:0"), a.store);
    api_ok(cove_thread_start(a.store), a.store);
    api_ok(cove_thread_start(b.store), b.store);
    assert_state_has(a.store, "\"open\":true");
    assert_state_has(b.store, "\"dialled\":true");
    assert_state_has(a.store, cove_address(a.store));
    api_ok(cove_admin(a.store, "{\"do\":\"sync.redial\"}", &reply), a.store);
    ck_assert_ptr_nonnull(strstr(reply, "true"));
    cove_free(reply);
    api_ok(
        cove_admin(a.store, "{\"do\":\"sync.drain\",\"withinMs\":500}", &reply),
        a.store);
    cove_free(reply);
    ck_assert_int_eq(cove_admin(a.store,
                                "{\"do\":\"sync.drain\",\"withinMs\":60001}",
                                &reply),
                     COVE_EUSAGE);
    cove_thread_stop(a.store);
    assert_state_has(a.store, "\"running\":false");
    cove_thread_stop(b.store);
}
END_TEST

static void a_is_open(const char *word)
{
    char request[64], *reply = NULL;

    snprintf(request, sizeof(request), "{\"do\":\"sync.open\",\"open\":%s}",
             word);
    api_ok(cove_admin(a.store, request, &reply), a.store);
    ck_assert_ptr_nonnull(strstr(reply, "\"running\":true"));
    cove_free(reply);
}

static int64_t edit_to_read(struct api *from, struct api *to,
                            const struct cove_id *id, int64_t n)
{
    struct cove_txn *txn = api_begin(from, COVE_WRITE);
    int64_t start = api_now_ms();

    api_ok(cove_set(txn, id, "n", cove_int(n)), from->store);
    api_ok(cove_commit(txn), from->store);
    while (api_int(to, id, "n") != n) {
        ck_assert(api_now_ms() < start + API_DEADLINE_MS);
        (void)poll(NULL, 0, 1);
    }
    return api_now_ms() - start;
}

/* There is no file that says so. Whatever else wakes sync would make each edit
 * wait for 50 ms. */
START_TEST(a_store_in_memory_tells_its_sync_at_once)
{
    struct cove_options memory = {.size = sizeof(memory),
                                  .flags = COVE_OPEN_MEMORY};
    struct api x = {.store = NULL}, y = {.store = NULL};
    int64_t least = INT64_MAX;
    struct cove_id id;

    api_ok(cove_open(NULL, &memory, &x.store), NULL);
    api_ok(cove_open(NULL, &memory, &y.store), NULL);
    api_pair_group(&x, &y, &group);
    struct cove_txn *txn = api_begin(&x, COVE_WRITE);

    api_ok(cove_new(txn, NULL, &group, "{\"n\":0}", &id), x.store);
    api_ok(cove_commit(txn), x.store);
    api_pair_introduce(&x, &y);
    api_ok(cove_thread_start(x.store), x.store);
    api_ok(cove_thread_start(y.store), y.store);
    api_ok(cove_wait(x.store, NULL, API_DEADLINE_MS), x.store);
    for (int64_t n = 1; n <= 6; n++) {
        int64_t took = edit_to_read(&x, &y, &id, n);

        least = took < least ? took : least;
    }
    ck_assert_msg(least < 30, "%lld ms", (long long)least);
    cove_close(x.store);
    cove_close(y.store);
}
END_TEST

START_TEST(a_store_may_be_open_to_any_device)
{
    char hex[65], *reply = NULL;

    api_ok(cove_listen(a.store, "127.0.0.1:0"), a.store);
    api_hex(cove_device(a.store), hex);
    api_ok(cove_peer_add(b.store, hex, cove_address(a.store), "a"), b.store);
    ck_assert_int_eq(
        cove_admin(a.store, "{\"do\":\"sync.open\",\"open\":1}", &reply),
        COVE_EUSAGE);
    api_ok(cove_thread_start(a.store), a.store);
    a_is_open("true");
    api_ok(cove_thread_start(b.store), b.store);
    assert_state_has(a.store, "\"guest\":true");
    assert_state_has(a.store, "\"open\":true,\"turnedMs\"");
    a_is_open("false");
    assert_state_has(a.store, "\"open\":false,\"turnedMs\"");
    assert_state_has(a.store, "\"strangers\":[{"); /* it called again */
    cove_thread_stop(a.store);
    cove_thread_stop(b.store);
}
END_TEST

START_TEST(wait_and_listen_refuse_what_is_wrong)
{
    char zeros[65];

    memset(zeros, '0', 64);
    zeros[64] = '\0';
    ck_assert_int_eq(cove_wait(a.store, NULL, 0), COVE_ENOTFOUND);
    ck_assert_int_eq(cove_wait(a.store, "zz", 0), COVE_EUSAGE);
    ck_assert_int_eq(cove_wait(a.store, zeros, 0), COVE_ENOTFOUND);
    ck_assert_int_eq(cove_listen(a.store, "nonsense"), COVE_EUSAGE);
    api_ok(cove_listen(a.store, "127.0.0.1:0"), a.store);
    ck_assert_int_eq(cove_listen(b.store, cove_address(a.store)),
                     COVE_EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(b.store), cove_address(a.store)));
    ck_assert_int_eq(cove_peer_add(a.store, "zz", NULL, NULL), COVE_EUSAGE);
    ck_assert_int_eq(cove_peer_add(a.store, zeros, "nowhere", NULL),
                     COVE_EUSAGE);
}
END_TEST

/* Drive both stores with poll(2) alone until `count` Notes are at both. */
static void drive_until(int count)
{
    int64_t end = api_now_ms() + API_DEADLINE_MS;

    while (api_count(&a, "Note") < count || api_count(&b, "Note") < count) {
        struct pollfd fds[] = {
            {.fd = cove_fd(a.store), .events = POLLIN},
            {.fd = cove_fd(b.store), .events = POLLIN},
        };
        int first = cove_timeout(a.store), second = cove_timeout(b.store);
        int wait =
            first < 0 || (second >= 0 && second < first) ? second : first;

        ck_assert_int_ge(fds[0].fd, 0);
        ck_assert_int_ge(fds[1].fd, 0);
        ck_assert_msg(api_now_ms() < end, "not synced in time");
        ck_assert_int_ge(poll(fds, 2, wait < 0 || wait > 100 ? 100 : wait), 0);
        api_ok(cove_dispatch(a.store), a.store);
        api_ok(cove_dispatch(b.store), b.store);
    }
}

START_TEST(poll_and_dispatch_drive_sync)
{
    api_new(&a, "Note", "{\"n\":1}");
    api_pair_introduce(&a, &b);
    /* b learns of the schema with the data */
    int64_t end = api_now_ms() + API_DEADLINE_MS;
    char *reply = NULL;

    while (cove_admin(b.store, "{\"do\":\"schema.show\",\"schema\":\"Note\"}",
                      &reply) != 0) {
        ck_assert_int_ge(cove_fd(a.store), 0);
        ck_assert_int_ge(cove_fd(b.store), 0);
        api_ok(cove_dispatch(a.store), a.store);
        api_ok(cove_dispatch(b.store), b.store);
        ck_assert_msg(api_now_ms() < end, "no schema in time");
    }
    cove_free(reply);
    drive_until(1);
    api_new(&b, "Note", "{\"n\":2}");
    drive_until(2);
    ck_assert_int_eq(cove_uv_attach(a.store, uv_default_loop()), COVE_EBUSY);
}
END_TEST

struct turn { /* a timer of the caller's loop that ends it when all is there */
    uv_timer_t timer;
    int count;
    int64_t end;
    int detached;
};

static void turn_detached(void *ctx)
{
    struct turn *turn = ctx;

    turn->detached++;
}

static void turn_look(uv_timer_t *timer)
{
    struct turn *turn = timer->data;

    ck_assert_msg(api_now_ms() < turn->end, "not synced in time");
    if (api_count(&b, NULL) >= turn->count) {
        uv_close((uv_handle_t *)timer, NULL);
        cove_uv_detach(a.store, turn_detached, turn);
        cove_uv_detach(b.store, turn_detached, turn);
    }
}

START_TEST(a_callers_libuv_loop_drives_two_stores)
{
    struct turn turn = {.end = api_now_ms() + API_DEADLINE_MS};
    char hex[65];
    uv_loop_t loop;

    ck_assert_int_eq(uv_loop_init(&loop), 0);
    api_hex(cove_device(b.store), hex);
    api_ok(cove_peer_add(a.store, hex, NULL, "b"), a.store);
    api_ok(cove_uv_attach(a.store, &loop), a.store);
    ck_assert_int_eq(cove_uv_attach(a.store, &loop), COVE_EBUSY);
    ck_assert_int_eq(cove_thread_start(a.store), COVE_EBUSY);
    api_ok(cove_listen(a.store, "127.0.0.1:0"), a.store);
    api_hex(cove_device(a.store), hex);
    api_ok(cove_peer_add(b.store, hex, cove_address(a.store), "a"), b.store);
    api_ok(cove_uv_attach(b.store, &loop), b.store);
    for (int i = 0; i < 20; i++) {
        api_new(&a, "Note", "{\"n\":1}");
    }
    turn.count = api_count(&b, NULL) + 21; /* and the group */
    turn.timer.data = &turn;
    uv_timer_init(&loop, &turn.timer);
    uv_timer_start(&turn.timer, turn_look, 5, 5);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(turn.detached, 2);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    ck_assert_int_eq(api_count(&b, "Note"), 20);
    cove_uv_detach(a.store, turn_detached, &turn); /* not attached: at once */
    ck_assert_int_eq(turn.detached, 3);
}
END_TEST

/* ----------------------------------------------------------------- threads */

struct worker {
    pthread_t thread;
    struct cove *store;
    const struct cove_id *shared;
    int number;
    int err; /* the first, looked at by the main thread */
    int done;
};

/* A commit; another thread's turn is waited for by the store. */
static int worker_write(struct worker *w, int i)
{
    struct cove_txn *txn;
    struct cove_id id;
    char field[16];
    int err = cove_begin(w->store, COVE_WRITE, &txn);

    if (err != 0) {
        return err;
    }
    snprintf(field, sizeof(field), "w%d", w->number);
    err = cove_set(txn, w->shared, field, cove_int(i));
    if (err == 0) {
        err = cove_new(txn, "Note", NULL, "{\"n\":1}", &id);
    }
    if (err != 0) {
        cove_abort(txn);
        return err;
    }
    return cove_commit(txn);
}

static void *worker_writes(void *arg)
{
    struct worker *w = arg;

    for (int i = 0; i < WRITES && w->err == 0; i++) {
        w->err = worker_write(w, i);
        w->done += w->err == 0;
    }
    return NULL;
}

/* What a reader sees of a writer never goes back. */
static void *worker_reads(void *arg)
{
    struct worker *w = arg;
    int64_t last = -1;

    for (int i = 0; i < WRITES && w->err == 0; i++) {
        struct cove_txn *txn;
        struct cove_value v;
        int err = cove_begin(w->store, COVE_READ, &txn);

        if (err == 0) {
            err = cove_get(txn, w->shared, "w0", &v);
            if (err == 0 && v.u.integer < last) {
                err = COVE_ECONDITION;
            }
            last = err == 0 ? v.u.integer : last;
            cove_abort(txn);
        }
        w->err = err == COVE_ENOTFOUND ? 0 : err;
        w->done++;
    }
    return NULL;
}

START_TEST(many_threads_write_and_read_one_handle_while_it_syncs)
{
    struct cove_id shared = api_new(&a, NULL, "{\"start\":1}");
    struct worker workers[WRITERS + READERS];

    api_pair_introduce(&a, &b);
    api_ok(cove_thread_start(a.store), a.store);
    api_ok(cove_thread_start(b.store), b.store);
    for (int i = 0; i < WRITERS + READERS; i++) {
        workers[i] =
            (struct worker){.store = a.store, .shared = &shared, .number = i};
        ck_assert_int_eq(
            pthread_create(&workers[i].thread, NULL,
                           i < WRITERS ? worker_writes : worker_reads,
                           &workers[i]),
            0);
    }
    for (int i = 0; i < WRITERS + READERS; i++) {
        ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
        ck_assert_msg(workers[i].err == 0, "worker %d: %d %s", i,
                      workers[i].err, cove_errmsg(a.store));
        ck_assert_int_eq(workers[i].done, WRITES);
    }
    for (int i = 0; i < WRITERS; i++) {
        char field[16];

        snprintf(field, sizeof(field), "w%d", i);
        ck_assert_int_eq(api_int(&a, &shared, field), WRITES - 1);
    }
    api_ok(cove_wait(a.store, NULL, API_DEADLINE_MS), a.store);
    assert_equal_documents(WRITERS * WRITES);
}
END_TEST

static Suite *api_sync_suite(void)
{
    Suite *suite = suite_create("api_sync");
    TCase *tcase = tcase_create("api_sync");

    tcase_set_timeout(tcase, 90);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase,
                   two_stores_in_one_process_sync_on_threads_of_their_own);
    tcase_add_test(tcase,
                   sync_state_tells_of_the_connections_of_a_running_thread);
    tcase_add_test(tcase, a_store_in_memory_tells_its_sync_at_once);
    tcase_add_test(tcase, a_store_may_be_open_to_any_device);
    tcase_add_test(tcase, wait_and_listen_refuse_what_is_wrong);
    tcase_add_test(tcase, poll_and_dispatch_drive_sync);
    tcase_add_test(tcase, a_callers_libuv_loop_drives_two_stores);
    tcase_add_test(tcase,
                   many_threads_write_and_read_one_handle_while_it_syncs);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return harness_run(api_sync_suite());
}
