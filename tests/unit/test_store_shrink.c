/* A store's file is made anew: smaller, whole, and by one process alone. */
#include "core/store_shrink.h"
#include "tests/unit/store_fixture.h"

#define KEYS 3000u
#define LEN  200u

/* Every third of many entries, and a file that once held all. */
static void setup_holes(struct fixture *f)
{
    struct cove_store_txn *txn;
    char key[16];

    fixture_init(f, FIXTURE_LMDB);
    f->opt.map_bytes = 8 << 20;
    ck_assert_int_eq(fixture_open(f), 0);
    txn = fixture_begin(f, true);
    ck_assert_int_eq(put_many(txn, 0, KEYS, LEN), 0);
    ck_assert_int_eq(put_text(txn, 3, "the last tree", "has one"), 0);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    txn = fixture_begin(f, true);
    for (unsigned i = KEYS / 3; i < KEYS; i++) {
        ck_assert_int_eq(cove_store_del(txn, 0, numbered(key, i)), 0);
    }
    ck_assert_int_eq(cove_store_commit(txn), 0);
}

static uint64_t file_bytes(struct fixture *f)
{
    char path[128];
    struct stat st;

    snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
    ck_assert_int_eq(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

static int shrink_with(struct fixture *f, int (*ready)(void *, const char *),
                       void *ctx)
{
    struct cove_shrink shrink = {.opt = f->opt, .ready = ready, .ctx = ctx};

    cove_diag_clear(&f->diag);
    return cove_store_shrink(f->dir, &shrink, &f->diag);
}

static void assert_whole(struct fixture *f)
{
    ck_assert_int_eq(fixture_open(f), 0);
    assert_many(f, KEYS / 3, LEN);
    fixture_assert(f, 3, "the last tree", "has one");
    fixture_put(f, 1, "and it", "goes on");
    cove_store_close(f->store);
}

static void assert_nothing_beside(const struct fixture *f)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/compact.new", f->dir);
    ck_assert_int_ne(access(path, F_OK), 0);
}

START_TEST(the_file_is_smaller_and_holds_the_same)
{
    struct fixture f;

    setup_holes(&f);
    cove_store_close(f.store);

    uint64_t before = file_bytes(&f);

    ck_assert_int_eq(shrink_with(&f, NULL, NULL), 0);
    ck_assert_uint_lt(file_bytes(&f), before / 2);
    assert_nothing_beside(&f);
    assert_whole(&f);
    ck_assert_int_eq(shrink_with(&f, NULL, NULL), 0); /* and again */
    assert_whole(&f);
    fixture_remove(&f);
}
END_TEST

static int refuse(void *ctx, const char *path)
{
    struct stat st;

    ck_assert_int_eq(stat(path, &st), 0);
    return *(int *)ctx;
}

START_TEST(what_is_not_wanted_at_the_end_changes_nothing)
{
    struct fixture f;
    int code = COVE_EIO;

    setup_holes(&f);
    cove_store_close(f.store);

    uint64_t before = file_bytes(&f);

    ck_assert_int_eq(shrink_with(&f, refuse, &code), COVE_EIO);
    ck_assert_msg(strstr(f.diag.text, f.dir) != NULL, "%s", f.diag.text);
    ck_assert_uint_eq(file_bytes(&f), before);
    assert_nothing_beside(&f);
    assert_whole(&f);
    fixture_remove(&f);
}
END_TEST

START_TEST(a_failure_at_any_call_leaves_the_store_whole)
{
    struct fixture f;
    long at = 0;
    int err;

    setup_holes(&f);
    cove_store_close(f.store);
    do {
        struct fixture_fault fault = {.fail_at = ++at, .code = COVE_ENOSPC};
        struct cove_shrink shrink = {.opt = f.opt};

        shrink.opt.fault = fixture_hook;
        shrink.opt.fault_ctx = &fault;
        err = cove_store_shrink(f.dir, &shrink, &f.diag);
        ck_assert(err == 0 || err == COVE_ENOSPC);
        assert_nothing_beside(&f);
        if (at % 97 == 1 || at < 20 || err == 0) {
            assert_whole(&f);
        }
        at += at > 40 ? 96 : 0; /* thousands of puts are one like the other */
    } while (err != 0);
    assert_whole(&f);
    fixture_remove(&f);
}
END_TEST

static int shrink_in_child(struct fixture *f)
{
    struct cove_shrink shrink = {.opt = f->opt};

    CHILD_CHECK(cove_store_shrink(f->dir, &shrink, &f->diag) == COVE_EBUSY);
    CHILD_CHECK(strstr(f->diag.text, "another process") != NULL);
    return 0;
}

START_TEST(while_another_process_has_it_open_it_is_refused)
{
    struct fixture f;

    setup_holes(&f);
    ck_assert(in_child(shrink_in_child, &f));
    assert_many(&f, KEYS / 3, LEN);
    cove_store_close(f.store);
    assert_whole(&f);
    fixture_remove(&f);
}
END_TEST

/* A pipe tells the child when to open, and us that it is about to. */
struct opener {
    struct fixture *f;
    int go[2], opens[2];
    pid_t child;
};

static int open_and_write(struct opener *o)
{
    char c;

    CHILD_CHECK(read(o->go[0], &c, 1) == 1);
    CHILD_CHECK(write(o->opens[1], "o", 1) == 1);
    CHILD_CHECK(fixture_open(o->f) == 0); /* waits */

    struct cove_store_txn *txn = NULL;

    CHILD_CHECK(cove_store_begin(o->f->store, true, &txn) == 0);
    CHILD_CHECK(put_text(txn, 2, "from", "the child") == 0);
    CHILD_CHECK(cove_store_commit(txn) == 0);
    cove_store_close(o->f->store);
    return 0;
}

static int let_open(void *ctx, const char *path)
{
    const struct opener *o = ctx;
    char c;

    (void)path;
    ck_assert_int_eq(write(o->go[1], "g", 1), 1);
    ck_assert_int_eq(read(o->opens[0], &c, 1), 1);
    return 0;
}

START_TEST(who_opens_it_meanwhile_waits_and_loses_nothing)
{
    struct fixture f;
    struct opener o = {.f = &f};

    setup_holes(&f);
    cove_store_close(f.store);
    ck_assert_int_eq(pipe(o.go), 0);
    ck_assert_int_eq(pipe(o.opens), 0);
    fflush(NULL);
    o.child = fork();
    if (o.child == 0) {
        child_end(open_and_write(&o));
    }
    ck_assert_int_eq(shrink_with(&f, let_open, &o), 0);
    ck_assert(child_ended_well(o.child));
    ck_assert_int_eq(fixture_open(&f), 0);
    fixture_assert(&f, 2, "from", "the child");
    assert_many(&f, KEYS / 3, LEN);
    cove_store_close(f.store);
    fixture_remove(&f);
    for (int i = 0; i < 2; i++) {
        close(o.go[i]);
        close(o.opens[i]);
    }
}
END_TEST

/* Killed before and behind the rename. */
static int killed_at(void *ctx, const char *call)
{
    if (strcmp(call, ctx) == 0) {
        _exit(7);
    }
    return 0;
}

START_TEST(killed_at_any_step_it_is_the_old_file_or_the_new)
{
    static const char *const calls[] = {"open", "txn_commit", "shrink_sync",
                                        "shrink_rename"};

    for (size_t i = 0; i < COVE_ARRAY_LEN(calls); i++) {
        struct fixture f;
        int status = 0;

        setup_holes(&f);
        cove_store_close(f.store);
        fflush(NULL);

        pid_t child = fork();

        if (child == 0) {
            struct cove_shrink shrink = {.opt = f.opt};

            shrink.opt.fault = killed_at;
            shrink.opt.fault_ctx = (void *)(uintptr_t)calls[i];
            _exit(cove_store_shrink(f.dir, &shrink, &f.diag) == 0 ? 0 : 1);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(WEXITSTATUS(status), 7);
        assert_whole(&f);
        ck_assert_int_eq(shrink_with(&f, NULL, NULL), 0);
        assert_nothing_beside(&f);
        assert_whole(&f);
        fixture_remove(&f);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_shrink");
    TCase *c = tcase_create("shrink");

    tcase_set_timeout(c, 60);
    tcase_add_test(c, the_file_is_smaller_and_holds_the_same);
    tcase_add_test(c, what_is_not_wanted_at_the_end_changes_nothing);
    tcase_add_test(c, a_failure_at_any_call_leaves_the_store_whole);
    tcase_add_test(c, while_another_process_has_it_open_it_is_refused);
    tcase_add_test(c, who_opens_it_meanwhile_waits_and_loses_nothing);
    tcase_add_test(c, killed_at_any_step_it_is_the_old_file_or_the_new);
    suite_add_tcase(suite, c);
    return harness_run(suite);
}
