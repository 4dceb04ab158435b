/* Both stores: what each failure leaves, and that they answer alike. */
#include "tests/unit/store_fixture.h"

/* A transaction that touches every call. Ends it in any case. */
static int workload(struct cove_store *store)
{
    struct cove_store_cursor *cursor = NULL;
    struct cove_store_txn *txn;
    struct cove_entry entry;
    struct cove_bytes got;
    int err = cove_store_begin(store, true, &txn);

    if (err != 0) {
        return err;
    }
    err = put_text(txn, 0, "old", "new value");
    if (err == 0) {
        err = put_text(txn, 0, "new", "value");
    }
    if (err == 0) {
        err = cove_store_del(txn, 1, cove_bytes_text("old"));
    }
    if (err == 0) {
        err = cove_store_get(txn, 0, cove_bytes_text("old"), &got);
    }
    if (err == 0) {
        err = cove_store_cursor_open(txn, 0, &cursor);
    }
    if (err == 0) {
        err = cove_store_cursor_seek(cursor, cove_bytes_text("a"), &entry);
    }
    if (err == 0) {
        err = cove_store_cursor_next(cursor, &entry);
    }
    if (err == 0) {
        err = cove_store_cursor_last(cursor, &entry);
    }
    if (err == 0) {
        err = cove_store_cursor_prev(cursor, &entry);
    }
    cove_store_cursor_close(cursor);
    if (err != 0) {
        cove_store_abort(txn);
        return err;
    }
    return cove_store_commit(txn);
}

static void assert_before(struct fixture *f)
{
    fixture_assert(f, 0, "old", "value");
    fixture_assert(f, 1, "old", "value");
    fixture_assert(f, 0, "new", NULL);
}

static void assert_after(struct fixture *f)
{
    fixture_assert(f, 0, "old", "new value");
    fixture_assert(f, 1, "old", NULL);
    fixture_assert(f, 0, "new", "value");
}

/* A37 */
START_TEST(each_call_that_fails_leaves_the_state_as_it_was)
{
    static const int codes[] = {COVE_ENOSPC, COVE_ENOMEM, COVE_EIO,
                                COVE_ECORRUPT};

    for (size_t c = 0; c < COVE_ARRAY_LEN(codes); c++) {
        struct fixture_fault fault = {0, 0, codes[c]};
        struct fixture f;
        int err = -1;

        fixture_setup(&f, _i);
        fixture_put(&f, 0, "old", "value");
        fixture_put(&f, 1, "old", "value");
        while (err != 0) {
            fault.calls = 0;
            fault.fail_at++;
            cove_store_set_fault(f.store, fixture_hook, &fault);
            err = workload(f.store);
            cove_store_set_fault(f.store, NULL, NULL);
            if (err == 0) {
                break;
            }
            ck_assert_int_eq(err, codes[c]);
            assert_before(&f);
            if (f.kind == FIXTURE_LMDB && codes[c] != COVE_ENOSPC &&
                codes[c] != COVE_ENOMEM) {
                /* What the disk holds must be looked at first. */
                ck_assert_int_eq(workload(f.store), codes[c]);
                assert_before(&f);
                cove_store_close(f.store);
                ck_assert_int_eq(fixture_open(&f), 0);
            }
        }
        ck_assert_int_ge(fault.fail_at, 10);
        assert_after(&f);
        fixture_teardown(&f);
    }
}
END_TEST

START_TEST(each_allocation_that_fails_leaves_the_state_as_it_was)
{
    struct fixture f;
    int err = -1;
    long rounds = 0;

    fixture_setup(&f, _i);
    fixture_put(&f, 0, "old", "value");
    fixture_put(&f, 1, "old", "value");
    while (err != 0) {
        long alive = f.heap.alive;

        f.heap.calls = 0;
        f.heap.fail_at = ++rounds;
        err = workload(f.store);
        f.heap.fail_at = 0;
        if (err != 0) {
            ck_assert_int_eq(err, COVE_ENOMEM);
            assert_before(&f);
            ck_assert_int_le(f.heap.alive, alive + 1); /* a kept reader */
        }
    }
    ck_assert_int_gt(rounds, 1);
    assert_after(&f);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_failed_write_lets_the_transaction_only_abort)
{
    struct fixture_fault fault = {0, 1, COVE_ENOSPC};
    struct fixture f;
    struct cove_bytes got;
    struct cove_store_cursor *cursor;

    fixture_setup(&f, _i);
    fixture_put(&f, 0, "a", "1");
    for (int commit = 0; commit < 2; commit++) {
        struct cove_store_txn *txn = fixture_begin(&f, true);

        ck_assert_int_eq(put_text(txn, 0, "a", "2"), 0);
        fault.calls = 0;
        cove_store_set_fault(f.store, fixture_hook, &fault);
        ck_assert_int_eq(put_text(txn, 0, "a", "3"), COVE_ENOSPC);
        cove_store_set_fault(f.store, NULL, NULL);
        ck_assert_int_eq(put_text(txn, 0, "a", "3"), COVE_ENOSPC);
        ck_assert_int_eq(cove_store_del(txn, 0, cove_bytes_text("a")),
                         COVE_ENOSPC);
        ck_assert_int_eq(cove_store_get(txn, 0, cove_bytes_text("a"), &got),
                         COVE_ENOSPC);
        ck_assert_int_eq(cove_store_cursor_open(txn, 0, &cursor), COVE_ENOSPC);
        if (commit == 1) {
            ck_assert_int_eq(cove_store_commit(txn), COVE_ENOSPC);
        } else {
            cove_store_abort(txn);
        }
        fixture_assert(&f, 0, "a", "1");
    }
    fixture_teardown(&f);
}
END_TEST

START_TEST(an_open_that_fails_leaves_nothing)
{
    struct fixture_fault fault = {0, 0, COVE_EIO};
    struct fixture f;
    int err = COVE_EIO;

    fixture_init(&f, _i);
    f.opt.fault = fixture_hook;
    f.opt.fault_ctx = &fault;
    while (err != 0) {
        fault.calls = 0;
        fault.fail_at++;
        err = fixture_open(&f);
        if (err != 0) {
            ck_assert_int_eq(err, COVE_EIO);
            ck_assert_int_eq(f.heap.alive, 0);
            ck_assert_ptr_nonnull(strstr(f.diag.text, f.dir));
        }
    }
    cove_store_close(f.store);
    f.opt.fault = NULL;
    for (long at = 1; err == 0 || err == COVE_ENOMEM; at++) {
        f.heap.calls = 0;
        f.heap.fail_at = at;
        err = fixture_open(&f);
        f.heap.fail_at = 0;
        if (err == 0) {
            break;
        }
        ck_assert_int_eq(err, COVE_ENOMEM);
        ck_assert_int_eq(f.heap.alive, 0);
    }
    ck_assert_int_eq(err, 0);
    fixture_teardown(&f);
}
END_TEST

/* ---- both stores side by side ---- */

static uint64_t draw(struct harness_env *env, uint64_t below)
{
    uint64_t number;

    env->env.random(env, &number, sizeof(number));
    return number % below;
}

static void assert_same_entry(const struct cove_entry *a,
                              const struct cove_entry *b)
{
    ck_assert(cove_bytes_equal(a->key, b->key));
    ck_assert(cove_bytes_equal(a->value, b->value));
}

static void assert_same(struct cove_store_txn *a, struct cove_store_txn *b)
{
    for (unsigned tree = 0; tree < 3; tree++) {
        struct cove_store_cursor *at_a;
        struct cove_store_cursor *at_b;
        struct cove_entry ea;
        struct cove_entry eb;
        int err;

        ck_assert_int_eq(cove_store_cursor_open(a, tree, &at_a), 0);
        ck_assert_int_eq(cove_store_cursor_open(b, tree, &at_b), 0);
        err = cove_store_cursor_seek(at_a, cove_bytes(NULL, 0), &ea);
        ck_assert_int_eq(cove_store_cursor_seek(at_b, cove_bytes(NULL, 0), &eb),
                         err);
        while (err == 0) {
            assert_same_entry(&ea, &eb);
            err = cove_store_cursor_next(at_a, &ea);
            ck_assert_int_eq(cove_store_cursor_next(at_b, &eb), err);
        }
        ck_assert_int_eq(err, COVE_ENOTFOUND);
        cove_store_cursor_close(at_a);
        cove_store_cursor_close(at_b);
    }
}

/* One random call on both; the same answer. */
static void differ_step(struct harness_env *env, struct cove_store_txn *a,
                        struct cove_store_txn *b)
{
    static uint8_t value[9000];
    uint8_t key[COVE_STORE_MAX_KEY];
    unsigned tree = (unsigned)draw(env, 3);
    size_t len = draw(env, 20) == 0 ? 255 : 1 + draw(env, 2);
    struct cove_bytes k = cove_bytes(key, len);
    struct cove_bytes v;
    struct cove_bytes got_a = {NULL, 0};
    struct cove_bytes got_b = {NULL, 0};

    for (size_t i = 0; i < len; i++) {
        key[i] = (uint8_t)draw(env, 12);
    }
    switch (draw(env, 8)) {
    case 0:
        ck_assert_int_eq(cove_store_get(a, tree, k, &got_a),
                         cove_store_get(b, tree, k, &got_b));
        ck_assert(cove_bytes_equal(got_a, got_b));
        break;
    case 1:
    case 2:
    case 3:
        ck_assert_int_eq(cove_store_del(a, tree, k),
                         cove_store_del(b, tree, k));
        break;
    default:
        v = cove_bytes(value, draw(env, 10) == 0 ? draw(env, sizeof(value))
                                                 : draw(env, 60));
        memset(value, (int)draw(env, 256), v.len);
        ck_assert_int_eq(cove_store_put(a, tree, k, v), 0);
        ck_assert_int_eq(cove_store_put(b, tree, k, v), 0);
        break;
    }
}

START_TEST(both_stores_answer_alike)
{
    struct harness_env env;
    struct fixture a;
    struct fixture b;
    struct cove_store_txn *old_a = NULL;
    struct cove_store_txn *old_b = NULL;

    harness_env_init(&env, (uint64_t)_i + 1);
    fixture_init(&a, FIXTURE_LMDB);
    a.opt.map_bytes = 32 << 20; /* old readers keep it from growing */
    ck_assert_int_eq(fixture_open(&a), 0);
    fixture_setup(&b, FIXTURE_MEMORY);
    for (int steps = 0; steps < 2000;) {
        struct cove_store_txn *ta = fixture_begin(&a, true);
        struct cove_store_txn *tb = fixture_begin(&b, true);

        for (uint64_t n = draw(&env, 60); n > 0; n--, steps++) {
            differ_step(&env, ta, tb);
        }
        assert_same(ta, tb);
        if (draw(&env, 4) == 0) {
            cove_store_abort(ta);
            cove_store_abort(tb);
        } else {
            ck_assert_int_eq(cove_store_commit(ta), 0);
            ck_assert_int_eq(cove_store_commit(tb), 0);
        }
        /* Old readers agree for as long as they live. */
        if (old_a == NULL) {
            old_a = fixture_begin(&a, false);
            old_b = fixture_begin(&b, false);
        }
        assert_same(old_a, old_b);
        if (draw(&env, 4) == 0) {
            cove_store_abort(old_a);
            cove_store_abort(old_b);
            old_a = NULL;
            old_b = NULL;
        }
    }
    cove_store_abort(old_a);
    cove_store_abort(old_b);
    fixture_teardown(&a);
    fixture_teardown(&b);
}
END_TEST

static Suite *faults_suite(void)
{
    Suite *suite = suite_create("faults of the store");
    TCase *both = tcase_create("lmdb and memory");

    tcase_set_timeout(both, 60);
    tcase_add_loop_test(both, each_call_that_fails_leaves_the_state_as_it_was,
                        0, FIXTURE_KINDS);
    tcase_add_loop_test(both,
                        each_allocation_that_fails_leaves_the_state_as_it_was,
                        0, FIXTURE_KINDS);
    tcase_add_loop_test(both, a_failed_write_lets_the_transaction_only_abort, 0,
                        FIXTURE_KINDS);
    tcase_add_loop_test(both, an_open_that_fails_leaves_nothing, 0,
                        FIXTURE_KINDS);
    tcase_add_loop_test(both, both_stores_answer_alike, 0, 5);
    suite_add_tcase(suite, both);
    return suite;
}

int main(void)
{
    return harness_run(faults_suite());
}
