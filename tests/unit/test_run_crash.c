/* test_run_crash.c: a run that dies at any commit, and at any call of the
 * store, and is then done again ends as the one that did not die: the same
 * documents, byte for byte. So does one on a disk that fills. */
#include "tests/unit/run_kit.h"

#define CRASH_DOCS  12
#define CRASH_BATCH 5
#define CRASH_BAD   6

static struct stage s;

struct crash {
    long at;          /* of the calls counted: this one fails; 0: none */
    const char *call; /* only calls of that name; NULL: all */
    int code;
    long calls;
    bool full; /* it goes on failing until somebody makes room */
};

static int crash_hook(void *ctx, const char *call)
{
    struct crash *c = ctx;

    if (c->call != NULL && strcmp(call, c->call) != 0) {
        return 0;
    }
    c->calls++;
    return c->at != 0 && (c->full ? c->calls >= c->at : c->calls == c->at)
               ? c->code
               : 0;
}

/* Everything in the store, as one number. */
static struct cove_hash everything(void)
{
    struct cove_store_txn *txn = kit_begin(&s.kit, false);
    struct cove_hash all = {{0}};
    cove_num num = 0;
    int err;

    while ((err = cove_repo_next(s.kit.repo, txn, 0, num, &num)) == 0) {
        uint8_t both[64];
        struct cove_doc doc;

        ck_assert_int_eq(cove_repo_load(s.kit.repo, txn, num, &s.kit.arena,
                                        &doc, &s.kit.diag),
                         0);
        struct cove_hash one = cove_doc_digest(&doc, &s.kit.arena);

        memcpy(both, all.b, 32);
        memcpy(both + 32, one.b, 32);
        all = cove_hash("cove/test", cove_bytes(both, sizeof(both)));
    }
    ck_assert_int_eq(err, COVE_ENOTFOUND);
    cove_store_abort(txn);
    cove_arena_reset(&s.kit.arena);
    return all;
}

/* What a process does of a run until it is over or something fails. */
static int process_run(struct cove_run *run)
{
    struct cove_run_worker worker = run_worker(1);
    struct cove_store_txn *txn = NULL;
    bool begun = false;
    int err = 0;

    *run = run_request(&s);
    run->threshold = COVE_RUN_WHOLE;
    run->batch = CRASH_BATCH;
    while (err == 0 && (!begun || run->state == COVE_RUN_RUNNING)) {
        err = cove_store_begin(s.kit.store.store, true, &txn);
        if (err != 0) {
            break;
        }
        if (!begun) {
            err = cove_run_begin(s.catalog, txn, run, false, &worker, NULL);
        }
        if (err == 0) {
            err = cove_run_step(s.catalog, txn, run, UINT32_MAX, &worker, NULL);
        }
        if (err == 0) {
            err = cove_store_commit(txn);
        } else {
            cove_store_abort(txn);
        }
        begun = true;
    }
    return err;
}

/* The process is gone: what comes next knows what was committed. */
static void process_reborn(void)
{
    cove_catalog_free(s.catalog);
    cove_repo_close(s.kit.repo);
    ck_assert_int_eq(kit_open_with(&s.kit, false), 0);
    ck_assert_int_eq(
        cove_catalog_new(&s.kit.heap.alloc, s.kit.repo, &s.catalog), 0);
}

static void stage_again(void)
{
    run_stage(&s, FIXTURE_MEMORY, CRASH_DOCS, CRASH_BAD);
    process_reborn();
}

/* One run that dies as `c` says, done again until it is over. False where it
 * does not come to that call any more. */
static bool crash_once(struct crash *c, const struct cove_hash *wanted)
{
    struct cove_run run;
    int err;

    stage_again();
    cove_store_set_fault(s.kit.store.store, crash_hook, c);
    err = process_run(&run);

    bool reached = c->calls >= c->at;

    ck_assert_msg(reached ? err == c->code : err == 0, "%s %ld: %d",
                  c->call != NULL ? c->call : "call", c->at, err);
    if (c->full && reached) { /* still full: refused again, nothing lost */
        ck_assert_int_eq(process_run(&run), c->code);
    }
    cove_store_set_fault(s.kit.store.store, NULL, NULL);
    if (reached) {
        if (!c->full) {
            process_reborn();
        }
        err = process_run(&run);
        ck_assert_int_eq(err, 0);
    }
    ck_assert_int_eq(run.state, COVE_RUN_COMPLETED);
    ck_assert_uint_eq(run.done, CRASH_DOCS);
    ck_assert_uint_eq(run.migrated, CRASH_DOCS - 2);
    ck_assert_uint_eq(run_quarantined(&s), 2);
    ck_assert_uint_eq(run_noted(&s), 1);

    struct cove_hash end = everything();

    ck_assert_mem_eq(&end, wanted, sizeof(end));
    stage_close(&s);
    return reached;
}

static struct cove_hash without(void)
{
    struct cove_run run;
    struct cove_hash end;

    stage_again();
    ck_assert_int_eq(process_run(&run), 0);
    end = everything();
    stage_close(&s);
    return end;
}

static void crash_loop(const char *call, int code, bool full)
{
    struct cove_hash wanted = without();
    long at = 0;

    for (bool reached = true; reached;) {
        struct crash c = {.at = ++at, .call = call, .code = code, .full = full};

        reached = crash_once(&c, &wanted);
    }
    ck_assert_int_gt(at, 3);
}

START_TEST(a_run_that_dies_at_any_commit_ends_the_same_when_done_again)
{
    crash_loop("commit", COVE_EIO, false);
}
END_TEST

START_TEST(a_run_that_dies_at_any_write_ends_the_same_when_done_again)
{
    crash_loop("put", COVE_EIO, false);
}
END_TEST

START_TEST(a_run_that_dies_at_any_call_of_the_store_ends_the_same)
{
    crash_loop(NULL, COVE_EIO, false);
}
END_TEST

START_TEST(a_disk_that_fills_during_a_run_loses_nothing)
{
    crash_loop("put", COVE_ENOSPC, true);
}
END_TEST

static Suite *crash_suite(void)
{
    Suite *suite = suite_create("run_crash");
    TCase *tcase = tcase_create("run_crash");

    tcase_set_timeout(tcase, 110);
    tcase_add_test(tcase,
                   a_run_that_dies_at_any_commit_ends_the_same_when_done_again);
    tcase_add_test(tcase,
                   a_run_that_dies_at_any_write_ends_the_same_when_done_again);
    tcase_add_test(tcase,
                   a_run_that_dies_at_any_call_of_the_store_ends_the_same);
    tcase_add_test(tcase, a_disk_that_fills_during_a_run_loses_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return harness_run(crash_suite());
}
