/* What a device wrote with a clock that was ahead, written again: in a store
 * where that is held, as after a recovery. */
#include "node/reissue.h"
#include "tests/unit/repo_kit.h"

#define HOUR INT64_C(3600000)

static struct kit old, now; /* one device: the damaged store, and the new one */
static struct cove_id group, doc, count;
static struct node_reissued said;

static void setup(void)
{
    struct kit_member members[] = {{&old, "admin"}};
    struct cove_bytes header;

    kit_open(&old, FIXTURE_MEMORY, 1);
    kit_open(&now, FIXTURE_MEMORY, 1);
    header = kit_group(&old, members, 1, &group);
    kit_take_header(&old, &group, header);
    kit_take_header(&now, &group, header);
    header = kit_header(&old, COVE_DOC_COMAP, &group, 1, &doc);
    kit_take_header(&old, &doc, header);
    kit_take_header(&now, &doc, header);
    header = kit_header(&old, COVE_DOC_COCOUNTER, &group, 2, &count);
    kit_take_header(&old, &count, header);
    kit_take_header(&now, &count, header);
    kit_set(&old, &doc, "a", 1);
    kit_set(&old, &doc, "b", 2);
}

static void teardown(void)
{
    kit_close(&old);
    kit_close(&now);
}

static void add(int64_t amount)
{
    struct cove_store_txn *txn = kit_begin(&old, true);
    struct cove_doc d = kit_load(&old, txn, &count);
    struct cove_tx_op op = {.kind = COVE_OP_ADD, .amount = amount};
    struct cove_tx tx = {.ops = &op, .op_count = 1};

    ck_assert_int_eq(cove_repo_append(old.repo, txn, &d, &tx, NULL), 0);
    kit_commit(txn);
}

/* The clock is ahead from here on. */
static void run_ahead(void)
{
    old.env.now_ms += 20 * HOUR;
}

/* The new store has what the old one has. */
static void recovered(void)
{
    now.env.now_ms = old.env.now_ms - 20 * HOUR + 60000;
    kit_sync(&old, &now, &doc);
    kit_sync(&old, &now, &count);
}

static int reissue(void)
{
    struct cove_diag diag;
    int err;

    cove_diag_clear(&diag);
    cove_buf_clear(&said.left.out);
    memset(&said, 0, sizeof(said));
    node_json_init(&said.left, &cove_alloc_libc);
    err = node_reissue(now.repo, now.store.store, now.env.now_ms, &said, &diag);
    cove_buf_clear(&said.left.out);
    return err;
}

START_TEST(each_field_is_set_again_to_what_it_was_set_to_last)
{
    run_ahead();
    kit_set(&old, &doc, "a", 5);
    kit_set(&old, &doc, "a", 6);
    kit_set(&old, &doc, "b", INT64_MIN); /* deleted */
    recovered();
    ck_assert_int_eq(kit_get(&now, &doc, "a"), 1);
    ck_assert_int_eq(reissue(), 0);
    ck_assert_uint_eq(said.documents, 1);
    ck_assert_uint_eq(said.fields, 2);
    ck_assert_uint_eq(said.left_count, 0);
    ck_assert_int_eq(kit_get(&now, &doc, "a"), 6);
    ck_assert_int_eq(kit_get(&now, &doc, "b"), INT64_MIN);
    /* Later writes win, and are not undone by another time. */
    now.env.now_ms += 1;
    kit_set(&now, &doc, "a", 7);
    ck_assert_int_eq(reissue(), 0);
    ck_assert_uint_eq(said.fields, 0);
    ck_assert_int_eq(kit_get(&now, &doc, "a"), 7);
}
END_TEST

START_TEST(what_is_less_than_five_minutes_ahead_is_shown_and_left_alone)
{
    old.env.now_ms += 299000;
    kit_set(&old, &doc, "a", 5);
    now.env.now_ms = old.env.now_ms - 299000;
    kit_sync(&old, &now, &doc);
    ck_assert_int_eq(kit_get(&now, &doc, "a"), 5);
    ck_assert_int_eq(reissue(), 0);
    ck_assert_uint_eq(said.fields, 0);
    ck_assert_uint_eq(said.left_count, 0);
}
END_TEST

START_TEST(what_adds_is_left_and_comes_once)
{
    add(5);
    run_ahead();
    add(3);
    recovered();
    ck_assert_int_eq(reissue(), 0);
    ck_assert_uint_eq(said.fields, 0);
    ck_assert_uint_eq(said.left_count, 1);
    now.env.now_ms += 21 * HOUR;

    struct cove_store_txn *txn = kit_begin(&now, true);

    ck_assert_int_eq((int64_t)kit_load(&now, txn, &count).state.sum, 8);
    cove_store_abort(txn);
}
END_TEST

START_TEST(more_fields_than_a_transaction_holds_are_all_set)
{
    char name[16];

    run_ahead();
    for (int i = 0; i < 1300; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        kit_set(&old, &doc, name, i);
    }
    recovered();
    ck_assert_int_eq(reissue(), 0);
    ck_assert_uint_eq(said.fields, 1300);
    ck_assert_int_eq(kit_get(&now, &doc, "f0"), 0);
    ck_assert_int_eq(kit_get(&now, &doc, "f1299"), 1299);
}
END_TEST

/* Whatever fails: another time does the rest. */
static void assert_done(int err)
{
    if (err != 0) {
        ck_assert_int_eq(reissue(), 0);
    }
    ck_assert_int_eq(kit_get(&now, &doc, "a"), 6);
    ck_assert_int_eq(kit_get(&now, &doc, "b"), 7);
    ck_assert_int_eq(reissue(), 0);
    ck_assert_uint_eq(said.fields, 0);
}

static void again(void)
{
    teardown();
    setup();
    run_ahead();
    kit_set(&old, &doc, "a", 6);
    kit_set(&old, &doc, "b", 7);
    add(3);
    recovered();
}

START_TEST(every_allocation_may_fail)
{
    bool over = false;

    for (long fail = 1; !over; fail++) {
        again();
        now.heap.calls = 0;
        now.heap.fail_at = fail;

        int err = reissue();

        over = now.heap.calls < fail;
        now.heap.fail_at = 0;
        ck_assert_int_eq(err, over ? 0 : COVE_ENOMEM);
        assert_done(err);
    }
}
END_TEST

START_TEST(every_call_of_the_store_may_fail)
{
    static const int codes[] = {COVE_EIO, COVE_ENOSPC, COVE_ENOMEM};
    bool over = false;

    for (long fail = 1; !over; fail++) {
        struct fixture_fault fault = {.fail_at = fail, .code = codes[fail % 3]};

        again();
        cove_store_set_fault(now.store.store, fixture_hook, &fault);

        int err = reissue();

        cove_store_set_fault(now.store.store, NULL, NULL);
        over = fault.calls < fail;
        ck_assert(over ? err == 0 : err == fault.code);
        assert_done(err);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reissue");
    TCase *tc = tcase_create("reissue");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, each_field_is_set_again_to_what_it_was_set_to_last);
    tcase_add_test(
        tc, what_is_less_than_five_minutes_ahead_is_shown_and_left_alone);
    tcase_add_test(tc, what_adds_is_left_and_comes_once);
    tcase_add_test(tc, more_fields_than_a_transaction_holds_are_all_set);
    tcase_add_test(tc, every_allocation_may_fail);
    tcase_add_test(tc, every_call_of_the_store_may_fail);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
