/* A process is killed while it opens a store and another waits to open it: what
 * was committed last must still be there (core/store_agree.h). */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/node_api/api_kit.h"
#include "tests/power/calls.h"

static struct api a;

static void setup(void)
{
    api_open(&a);
}

static void teardown(void)
{
    api_close(&a);
}

/* LMDB has made its table anew, and has not opened the file yet. */
static int opening_before(void *ctx, struct call *call)
{
    static const char name[] = "/data.mdb";
    size_t len = strlen(call->path);
    bool *table = ctx;

    if (call->kind == CALL_OPEN && strstr(call->path, "/lock.mdb") != NULL &&
        (call->flags & O_NOFOLLOW) == 0) {
        *table = true; /* LMDB's own opening of it, and not Cove's */
    } else if (*table && call->kind == CALL_OPEN && len >= sizeof(name) &&
               strcmp(call->path + len - strlen(name), name) == 0) {
        raise(SIGSTOP); /* until it is killed */
    }
    return 0;
}

static void opening_after(void *ctx, const struct call *call, int failed)
{
    (void)ctx;
    (void)call;
    (void)failed;
}

static pid_t opener_start(void)
{
    static bool table;
    static const struct calls_hook hook = {opening_before, opening_after,
                                           &table};
    pid_t pid = fork();

    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        calls_watch(&hook);
        _exit(cove_open(a.dir, NULL, &a.store) != 0);
    }
    return pid;
}

/* It opens, sees the number that was committed last, and adds one. */
static pid_t waiter_start(const struct cove_id *id, int64_t last)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct cove_txn *txn;
        int err;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (cove_open(a.dir, NULL, &a.store) != 0) {
            _exit(2);
        }
        if (api_int(&a, id, "n") != last) {
            _exit(3);
        }
        err = cove_begin(a.store, COVE_WRITE, &txn);
        err = err ? err : cove_set(txn, id, "n", cove_int(last + 1));
        err = err ? err : cove_commit(txn);
        cove_close(a.store);
        _exit(err == 0 ? 0 : 4);
    }
    return pid;
}

/* Until it sleeps: for a lock, since it does nothing else that lasts. */
static void wait_asleep(pid_t pid)
{
    char path[64], text[256];
    int asleep = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    while (asleep < 100) {
        FILE *file = fopen(path, "r");
        size_t len = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;

        text[len] = '\0';
        ck_assert_ptr_nonnull(file);
        fclose(file);

        const char *state = strrchr(text, ')');

        ck_assert_ptr_nonnull(state);
        ck_assert_int_ne(state[2], 'Z');
        asleep = state[2] == 'S' ? asleep + 1 : 0;
        sched_yield();
    }
}

START_TEST(who_dies_while_it_opens_takes_no_commit_along)
{
    struct cove_id id = api_new(&a, NULL, "{\"n\":0}");
    int64_t n = 0;
    int status;

    for (int round = 0; round < 4; round++) { /* LMDB's heads take turns */
        struct cove_txn *txn = api_begin(&a, COVE_WRITE);

        n++;
        api_ok(cove_set(txn, &id, "n", cove_int(n)), a.store);
        api_ok(cove_commit(txn), a.store);
        cove_close(a.store);
        a.store = NULL;

        pid_t opener = opener_start();

        ck_assert_int_eq(waitpid(opener, &status, WUNTRACED), opener);
        ck_assert(WIFSTOPPED(status));

        pid_t waiter = waiter_start(&id, n);

        wait_asleep(waiter);
        ck_assert_int_eq(kill(opener, SIGKILL), 0);
        ck_assert_int_eq(waitpid(opener, &status, 0), opener);
        ck_assert_int_eq(waitpid(waiter, &status, 0), waiter);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
                      "round %d: the one that waited gave %d", round, status);
        n++;
        api_ok(cove_open(a.dir, NULL, &a.store), a.store);
        ck_assert_int_eq(api_int(&a, &id, "n"), n);
        if (round % 2 == 1) {
            (void)api_new(&a, NULL, "{}");
        }
    }
}
END_TEST

static Suite *opening_suite(void)
{
    Suite *suite = suite_create("opening");
    TCase *tcase = tcase_create("opening");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, who_dies_while_it_opens_takes_no_commit_along);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return harness_run(opening_suite());
}
