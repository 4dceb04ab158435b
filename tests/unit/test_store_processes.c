/* The store on disk: several processes at one. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/unit/store_fixture.h"

/* In the place of libc's: a system that does not mark forked children. */
static bool no_marks;

int madvise(void *addr, size_t len, int advice)
{
    if (no_marks && advice == MADV_WIPEONFORK) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_madvise, addr, len, advice);
}

START_TEST(several_processes_may_make_a_store_at_once)
{
    struct fixture f;
    pid_t children[6];

    for (int round = 0; round < 5; round++) {
        fixture_init(&f, FIXTURE_LMDB);
        for (int i = 0; i < 6; i++) {
            char key[] = {(char)('a' + i), '\0'};

            children[i] = fork();
            if (children[i] == 0) {
                if (fixture_open(&f) != 0) {
                    fprintf(stderr, "# %s\n", f.diag.text);
                    child_end(1);
                }
                fixture_put(&f, 0, key, "value");
                cove_store_close(f.store);
                child_end(0);
            }
        }
        for (int i = 0; i < 6; i++) {
            ck_assert(child_ended_well(children[i]));
        }
        f.opt.create = false;
        ck_assert_int_eq(fixture_open(&f), 0);
        for (int i = 0; i < 6; i++) {
            char key[] = {(char)('a' + i), '\0'};

            fixture_assert(&f, 0, key, "value");
        }
        fixture_teardown(&f);
    }
}
END_TEST

static int child_inherits(struct fixture *f)
{
    struct cove_store *inherited = f->store;
    struct cove_store_txn *txn;

    CHILD_CHECK(cove_store_begin(inherited, true, &txn) == COVE_EBUSY);
    CHILD_CHECK(cove_store_begin(inherited, false, &txn) == COVE_EBUSY);
    CHILD_CHECK(fixture_open(f) == 0);
    fixture_assert(f, 0, "key", "value");
    fixture_put(f, 0, "child", "was here");
    cove_store_close(inherited);
    fixture_put(f, 0, "child", "is here");
    cove_store_close(f->store);
    return 0;
}

static void child_opens_its_own(void)
{
    struct fixture f;
    struct fixture again;

    fixture_setup(&f, FIXTURE_LMDB);
    fixture_put(&f, 0, "key", "value");
    fixture_assert(&f, 0, "key", "value"); /* a reader is kept */

    struct cove_store_txn *reader = fixture_begin(&f, false);

    ck_assert(in_child(child_inherits, &f));
    again = f;
    again.store = NULL;
    assert_refused(&again, COVE_EBUSY);
    assert_absent(reader, 0, "child");
    cove_store_abort(reader);
    fixture_assert(&f, 0, "child", "is here");
    fixture_put(&f, 0, "key", "parent");
    fixture_teardown(&f);
}

START_TEST(a_forked_child_opens_its_own_and_leaves_its_parents_alone)
{
    child_opens_its_own();
}
END_TEST

static int child_asks(struct fixture *f)
{
    struct cove_store_txn *txn;
    int dead;

    CHILD_CHECK(!cove_store_ours(f->store));
    CHILD_CHECK(cove_store_begin(f->store, true, &txn) == COVE_EBUSY);
    CHILD_CHECK(cove_store_begin(f->store, false, &txn) == COVE_EBUSY);
    CHILD_CHECK(cove_store_flush(f->store) == COVE_EBUSY);
    CHILD_CHECK(cove_store_reap(f->store, &dead) == COVE_EBUSY);
    cove_store_close(f->store);
    return 0;
}

START_TEST(a_forked_child_is_known_where_nothing_marks_it)
{
    struct fixture f;

    no_marks = true;
    child_opens_its_own();
    fixture_init(&f, FIXTURE_GROUP);
    ck_assert_int_eq(fixture_open(&f), 0);
    ck_assert(cove_store_ours(f.store));
    fixture_put(&f, 0, "key", "value");
    ck_assert(in_child(child_asks, &f));
    fixture_assert(&f, 0, "key", "value");
    fixture_teardown(&f);
    no_marks = false;
}
END_TEST

START_TEST(a_child_that_lives_on_keeps_nothing_from_its_parent)
{
    struct fixture f;
    int hold[2];

    fixture_setup(&f, FIXTURE_LMDB);
    ck_assert_int_eq(pipe(hold), 0);

    pid_t child = fork();

    if (child == 0) {
        char byte;

        close(hold[1]);
        child_end(read(hold[0], &byte, 1) == 0 ? 0 : 1);
    }
    /* The child has the lock's description open still. */
    cove_store_close(f.store);
    ck_assert_int_eq(fixture_open(&f), 0);
    fixture_put(&f, 0, "key", "value");
    close(hold[0]);
    close(hold[1]);

    ck_assert(child_ended_well(child));
    fixture_teardown(&f);
}
END_TEST

/* ---- processes taking turns ---- */

struct turns {
    int to_child[2];
    int to_parent[2];
};

static void turns_open(struct turns *turns)
{
    ck_assert_int_eq(pipe(turns->to_child), 0);
    ck_assert_int_eq(pipe(turns->to_parent), 0);
}

static void turns_close(struct turns *turns)
{
    for (int i = 0; i < 2; i++) {
        close(turns->to_child[i]);
        close(turns->to_parent[i]);
    }
}

static void give(const int pipe_ends[2])
{
    ck_assert_int_eq(write(pipe_ends[1], "x", 1), 1);
}

static void take(const int pipe_ends[2])
{
    char byte;

    ck_assert_int_eq(read(pipe_ends[0], &byte, 1), 1);
}

/* Kill the child and see it dead. */
static void kill_child(pid_t child)
{
    int status;

    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
}

START_TEST(a_child_killed_in_mid_transaction_loses_nothing_committed) /* D21 */
{
    struct fixture f;
    struct turns turns;

    fixture_init(&f, FIXTURE_LMDB);
    turns_open(&turns);

    pid_t child = fork();

    if (child == 0) {
        struct cove_store_txn *txn;

        if (fixture_open(&f) == 0) {
            fixture_put(&f, 0, "committed", "value");
            txn = fixture_begin(&f, true);
            if (put_text(txn, 0, "committed", "lost") == 0 &&
                put_text(txn, 0, "uncommitted", "lost") == 0) {
                give(turns.to_parent);
                take(turns.to_child); /* never comes */
            }
        }
        child_end(1);
    }
    take(turns.to_parent);
    kill_child(child);
    f.opt.create = false;
    ck_assert_int_eq(fixture_open(&f), 0);
    fixture_assert(&f, 0, "committed", "value");
    fixture_assert(&f, 0, "uncommitted", NULL);
    fixture_put(&f, 0, "uncommitted", "written after all");
    turns_close(&turns);
    fixture_teardown(&f);
}
END_TEST

START_TEST(the_readers_of_the_dead_are_reaped)
{
    struct cove_store_usage usage;
    struct fixture f;
    struct turns turns;
    int dead = -1;

    fixture_setup(&f, FIXTURE_LMDB);
    turns_open(&turns);

    pid_t child = fork();

    if (child == 0) {
        if (fixture_open(&f) == 0 && fixture_begin(&f, false) != NULL &&
            fixture_begin(&f, false) != NULL) {
            give(turns.to_parent);
            take(turns.to_child); /* never comes */
        }
        child_end(1);
    }
    take(turns.to_parent);
    ck_assert_int_eq(cove_store_reap(f.store, &dead), 0);
    ck_assert_int_eq(dead, 0);
    ck_assert_int_eq(cove_store_usage(f.store, &usage), 0);
    ck_assert_uint_eq(usage.readers_others, 2);
    ck_assert_uint_eq(usage.readers_stale, 0);
    ck_assert_uint_eq(usage.readers_behind, 0);
    fixture_put(&f, 0, "one", "commit");
    fixture_put(&f, 0, "another", "commit");
    kill_child(child);
    ck_assert_int_eq(cove_store_usage(f.store, &usage), 0);
    ck_assert_uint_eq(usage.readers_others, 0);
    ck_assert_uint_eq(usage.readers_stale, 2);
    ck_assert_uint_eq(usage.readers_behind, 2);
    ck_assert_int_eq(cove_store_reap(f.store, &dead), 0);
    ck_assert_int_eq(dead, 2);
    ck_assert_int_eq(cove_store_usage(f.store, &usage), 0);
    ck_assert_uint_eq(usage.readers_stale, 0);
    turns_close(&turns);
    fixture_teardown(&f);
}
END_TEST

/* Add to a counter and put a value that makes the map grow. */
static void count_up(struct fixture *f, unsigned round)
{
    static uint8_t value[3000];
    struct cove_store_txn *txn = fixture_begin(f, true);
    struct cove_bytes got;
    unsigned count = 0;
    char key[24];

    if (cove_store_get(txn, 0, cove_bytes_text("count"), &got) == 0) {
        memcpy(&count, got.at, sizeof(count));
    }
    ck_assert_uint_eq(count, round);
    count++;
    ck_assert_int_eq(cove_store_put(txn, 0, cove_bytes_text("count"),
                                    cove_bytes(&count, sizeof(count))),
                     0);
    snprintf(key, sizeof(key), "%u", round);
    ck_assert_int_eq(cove_store_put(txn, 1, cove_bytes_text(key),
                                    cove_bytes(value, sizeof(value))),
                     0);
    ck_assert_int_eq(cove_store_commit(txn), 0);
}

START_TEST(two_processes_write_in_turn_while_the_map_grows) /* D22 */
{
    struct fixture f;
    struct turns turns;
    const unsigned rounds = 100;

    fixture_init(&f, FIXTURE_LMDB);
    f.opt.map_bytes = 65536;
    turns_open(&turns);

    pid_t child = fork();

    if (child == 0) {
        if (fixture_open(&f) != 0) {
            child_end(1);
        }
        for (unsigned i = 1; i < rounds; i += 2) {
            take(turns.to_child);
            count_up(&f, i);
            give(turns.to_parent);
        }
        cove_store_close(f.store);
        child_end(0);
    }
    ck_assert_int_eq(fixture_open(&f), 0);
    for (unsigned i = 0; i < rounds; i += 2) {
        /* A reader, too, finds the map too small for what it reads. */
        if (i % 20 == 0) {
            fixture_assert(&f, 2, "nothing", NULL);
        }
        count_up(&f, i);
        give(turns.to_child);
        take(turns.to_parent);
    }
    ck_assert(child_ended_well(child));
    turns_close(&turns);
    fixture_teardown(&f);
}
END_TEST

struct interloper {
    struct turns *turns;
    bool done;
};

/* Called between the end of the spoilt transaction and its repetition. */
static int interloper_hook(void *ctx, const char *call)
{
    struct interloper *interloper = ctx;

    if (strcmp(call, "map") == 0 && !interloper->done) {
        interloper->done = true;
        give(interloper->turns->to_child);
        take(interloper->turns->to_parent);
    }
    return 0;
}

START_TEST(a_write_of_another_process_while_the_map_grows_is_not_lost)
{
    static uint8_t value[3000];
    struct fixture f;
    struct turns turns;
    struct interloper interloper = {&turns, false};
    int err = 0;

    fixture_init(&f, FIXTURE_LMDB);
    f.opt.map_bytes = 65536;
    turns_open(&turns);

    pid_t child = fork();

    if (child == 0) {
        take(turns.to_child);
        if (fixture_open(&f) != 0) {
            child_end(1);
        }
        fixture_put(&f, 0, "key", "of the child");
        cove_store_close(f.store);
        give(turns.to_parent);
        child_end(0);
    }
    ck_assert_int_eq(fixture_open(&f), 0);
    fixture_put(&f, 0, "key", "first");
    cove_store_set_fault(f.store, interloper_hook, &interloper);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    assert_text(txn, 0, "key", "first");
    for (int i = 0; err == 0 && i < 100; i++) {
        char key[24];

        snprintf(key, sizeof(key), "%d", i);
        err = cove_store_put(txn, 1, cove_bytes_text(key),
                             cove_bytes(value, sizeof(value)));
    }
    ck_assert(interloper.done);
    ck_assert_int_eq(err, COVE_EBUSY);
    ck_assert_int_eq(cove_store_commit(txn), COVE_EBUSY);
    fixture_assert(&f, 0, "key", "of the child");
    fixture_put(&f, 0, "key", "second");
    ck_assert(child_ended_well(child));
    turns_close(&turns);
    fixture_teardown(&f);
}
END_TEST

static Suite *processes_suite(void)
{
    Suite *suite = suite_create("processes at a store");
    TCase *processes = tcase_create("processes");

    tcase_set_timeout(processes, 60);
    tcase_add_test(processes, several_processes_may_make_a_store_at_once);
    tcase_add_test(processes,
                   a_forked_child_opens_its_own_and_leaves_its_parents_alone);
    tcase_add_test(processes, a_forked_child_is_known_where_nothing_marks_it);
    tcase_add_test(processes,
                   a_child_that_lives_on_keeps_nothing_from_its_parent);
    tcase_add_test(processes,
                   a_child_killed_in_mid_transaction_loses_nothing_committed);
    tcase_add_test(processes, the_readers_of_the_dead_are_reaped);
    tcase_add_test(processes, two_processes_write_in_turn_while_the_map_grows);
    tcase_add_test(processes,
                   a_write_of_another_process_while_the_map_grows_is_not_lost);
    suite_add_tcase(suite, processes);
    return suite;
}

int main(void)
{
    return harness_run(processes_suite());
}
