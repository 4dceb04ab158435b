/* test_index_faults.c: the allocation, or the call of the store, number 1, 2,
 * 3 … fails in what is done with indexes: all that is there before is there
 * after, and the next try succeeds. */
#include "tests/unit/index_kit.h"

static struct cove_hash trees_hash(void)
{
    static const unsigned trees[] = {REPO_INDEX, REPO_INDEXED, REPO_RECORDS,
                                     REPO_DOCS, REPO_LOG};
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    struct cove_hasher hasher;

    cove_hasher_init(&hasher, "test/trees");
    for (size_t i = 0; i < COVE_ARRAY_LEN(trees); i++) {
        struct cove_store_cursor *cursor;
        struct cove_entry entry;
        int err = cove_store_cursor_open(txn, trees[i], &cursor);

        ck_assert_int_eq(err, 0);
        err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
        for (; err == 0; err = cove_store_cursor_next(cursor, &entry)) {
            cove_hasher_add(&hasher, entry.key);
            cove_hasher_add(&hasher, entry.value);
        }
        cove_store_cursor_close(cursor);
    }
    cove_store_abort(txn);
    return cove_hasher_end(&hasher);
}

struct attempt {
    int (*run)(struct cove_catalog *catalog, struct cove_indexes *indexes,
               struct cove_store_txn *txn, struct cove_arena *arena);
    bool write;
    struct cove_id id;
};
static struct attempt attempt;

static int run_write(struct cove_catalog *catalog, struct cove_indexes *indexes,
                     struct cove_store_txn *txn, struct cove_arena *arena)
{
    static const uint8_t four[] = {0x04}, list[] = {0x82, 0x61, 'p', 0x61, 'q'};
    struct cove_edit edits[] = {
        {.name = cove_bytes_text("size"), .value = cove_bytes(four, 1)},
        {.name = cove_bytes_text("tags"), .value = cove_bytes(list, 5)}};
    struct cove_load_request request = {.mode = COVE_LOAD_VIEW};
    struct cove_index_wants none = {.count = 0};
    struct cove_loaded loaded;
    int err = cove_repo_find(alice.kit.repo, txn, &attempt.id, &request.num);

    err = err != 0 ? err
                   : cove_load(catalog, txn, &request, arena, &loaded,
                               &alice.kit.diag);
    err = err != 0
              ? err
              : cove_write(catalog, txn, &loaded, edits, 2, &alice.kit.diag);
    return err != 0 ? err
                    : cove_indexes_keep(indexes, txn, &none, &alice.kit.diag);
}

static int run_declare(struct cove_catalog *catalog,
                       struct cove_indexes *indexes, struct cove_store_txn *txn,
                       struct cove_arena *arena)
{
    struct cove_index_wants none = {.count = 0};

    (void)catalog;
    (void)arena;
    return cove_indexes_keep(indexes, txn, &none, &alice.kit.diag);
}

static int run_work(struct cove_catalog *catalog, struct cove_indexes *indexes,
                    struct cove_store_txn *txn, struct cove_arena *arena)
{
    bool left;

    (void)catalog;
    (void)arena;
    return cove_indexes_work(indexes, txn, 4, &left, &alice.kit.diag);
}

static int run_search(struct cove_catalog *catalog,
                      struct cove_indexes *indexes, struct cove_store_txn *txn,
                      struct cove_arena *arena)
{
    static const uint8_t where[] = {0xa1, 0x64, 't', 'a', 'g', 's', 0x61, 'x'};
    struct cove_search_order order = {cove_bytes_text("size"), true};
    struct cove_search_request request = {.journal = alice.journal,
                                          .head = alice.first,
                                          .order = &order,
                                          .order_count = 1};
    struct cove_search_row row;
    struct cove_search *s;
    size_t rows = 0;
    int err = cove_where_parse(arena, cove_bytes(where, sizeof(where)),
                               &request.where, &alice.kit.diag);

    (void)catalog;
    err = err != 0
              ? err
              : cove_search_open(indexes, txn, &request, &s, &alice.kit.diag);
    if (err != 0) {
        return err;
    }
    while ((err = cove_search_next(s, &row, &alice.kit.diag)) == 0) {
        rows++;
    }
    cove_search_close(s);
    ck_assert(err != COVE_ENOTFOUND || rows == 2);
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* In the order of an index, with a write behind each row, which ends the place
 * of its walk; who failed is asked once more. */
static int run_search_written(struct cove_catalog *catalog,
                              struct cove_indexes *indexes,
                              struct cove_store_txn *txn,
                              struct cove_arena *arena)
{
    struct cove_search_order order = {cove_bytes_text("size"), false};
    struct cove_search_request request = {.journal = alice.journal,
                                          .head = alice.first,
                                          .order = &order,
                                          .order_count = 1};
    struct cove_search_row row;
    struct cove_search *s;
    size_t rows = 0;
    int err = cove_search_open(indexes, txn, &request, &s, &alice.kit.diag);

    (void)catalog;
    (void)arena;
    if (err != 0) {
        return err;
    }
    while ((err = cove_search_next(s, &row, &alice.kit.diag)) == 0) {
        rows++;
        err = cove_repo_record_put(alice.kit.repo, txn, COVE_RECORDS_META,
                                   cove_bytes_text("other"),
                                   cove_bytes(&rows, sizeof(rows)));
        if (err != 0) {
            break;
        }
    }
    if (err != COVE_ENOTFOUND) {
        rows += cove_search_next(s, &row, NULL) == 0;
    }
    cove_search_close(s);
    ck_assert(err != COVE_ENOTFOUND || rows == 3);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int try_once(bool of_store, long at, bool *reached)
{
    struct fixture_fault store = {.fail_at = at, .code = COVE_ENOSPC};
    struct cove_store_txn *txn = NULL;
    struct cove_catalog *catalog = NULL;
    struct cove_indexes *indexes = NULL;
    struct cove_arena arena;
    int err;

    alice.kit.heap.calls = 0;
    alice.kit.heap.fail_at = of_store ? 0 : at;
    cove_store_set_fault(alice.kit.store.store, of_store ? fixture_hook : NULL,
                         &store);
    cove_diag_clear(&alice.kit.diag);
    cove_arena_init(&arena, &alice.kit.heap.alloc);
    err = cove_catalog_new(&alice.kit.heap.alloc, alice.kit.repo, &catalog);
    err = err != 0 ? err : cove_indexes_new(catalog, &indexes);
    err = err != 0
              ? err
              : cove_store_begin(alice.kit.store.store, attempt.write, &txn);
    err = err != 0 ? err : attempt.run(catalog, indexes, txn, &arena);
    if (err == 0 && attempt.write) {
        err = cove_store_commit(txn);
    } else if (txn != NULL) {
        cove_store_abort(txn);
    }
    cove_arena_clear(&arena);
    cove_indexes_free(indexes);
    if (catalog != NULL) {
        cove_catalog_free(catalog);
    }
    cove_store_set_fault(alice.kit.store.store, NULL, NULL);
    *reached = (of_store ? store.calls : alice.kit.heap.calls) >= at;
    alice.kit.heap.fail_at = 0;
    return err;
}

/* Until it succeeds: all that is there before is there after. */
static void fails_cleanly(bool of_store)
{
    struct cove_hash before = trees_hash();

    for (long n = 1;; n++) {
        bool reached;
        int err = try_once(of_store, n, &reached);

        if (err == 0) {
            ck_assert_int_gt(n, 3);
            ck_assert(!reached);
            return;
        }
        ck_assert_msg(err == (of_store ? COVE_ENOSPC : COVE_ENOMEM),
                      "call %ld: %d %s", n, err, alice.kit.diag.text);

        struct cove_hash after = trees_hash();

        ck_assert_msg(memcmp(before.b, after.b, sizeof(before.b)) == 0,
                      "call %ld left something", n);
    }
}

START_TEST(an_indexed_commit_fails_wholly_or_not_at_all)
{
    struct cove_search_explain e;

    attempt = (struct attempt){.run = run_write, .write = true};
    note_new("{'size':1,'tags':['x']}");
    attempt.id = note_new("{'size':2,'tags':['x','y']}");
    fails_cleanly(_i == 1);
    ck_assert_uint_eq(finds("{'where':{'size':4}}", &e), 1);
    ck_assert_uint_eq(e.tail, 0);
    ck_assert_uint_eq(finds("{'where':{'tags':'x'}}", &e), 1);
    ck_assert_uint_eq(finds("{'where':{'tags':'q'}}", &e), 1);
    ck_assert_uint_eq(finds("{'where':{'size':2}}", &e), 0);
}
END_TEST

START_TEST(making_indexes_fails_wholly_or_not_at_all)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_search_explain e;

    note(&alice, txn, "{'size':1,'tags':['x']}");
    note(&alice, txn, "{'size':2}");
    kit_commit(txn);
    cove_catalog_settle(alice.catalog);
    attempt = (struct attempt){.run = run_declare, .write = true};
    fails_cleanly(_i == 1);
    work();
    ck_assert_uint_eq(finds("{'where':{'size':2}}", &e), 1);
    ck_assert_ptr_nonnull(e.index);
}
END_TEST

START_TEST(a_piece_of_work_fails_wholly_or_not_at_all)
{
    struct cove_store_txn *txn;
    struct cove_search_explain e;
    struct cove_id ids[6];

    note_new("{'size':1}");
    txn = kit_begin(&bob.kit, true);
    for (int i = 0; i < 6; i++) {
        ids[i] = note(&bob, txn, "{'size':2,'tags':['x','y']}");
    }
    kit_commit(txn);
    cove_catalog_settle(bob.catalog);
    for (int i = 0; i < 6; i++) {
        stage_give(&bob, &alice, &ids[i]);
    }
    attempt = (struct attempt){.run = run_work, .write = true};
    fails_cleanly(_i == 1); /* catches up with four of them */
    ck_assert_uint_eq(finds("{'where':{'size':2}}", &e), 6);
    txn = kit_begin(&alice.kit, true);
    ck_assert_int_eq(cove_indexes_again(ix, txn, 0), 0);
    kit_commit(txn);
    fails_cleanly(_i == 1); /* builds */
    work();
    ck_assert_uint_eq(finds("{'where':{'size':2}}", &e), 6);
    ck_assert_uint_eq(e.tail, 0);
}
END_TEST

START_TEST(a_search_fails_cleanly)
{
    note_new("{'size':1,'tags':['x']}");
    note_new("{'size':2,'tags':['x','y']}");
    note_new("{'size':3}");
    attempt = (struct attempt){.run = run_search};
    fails_cleanly(_i == 1);
    attempt = (struct attempt){.run = run_search_written, .write = true};
    fails_cleanly(_i == 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index_faults");
    TCase *tests = tcase_create("index_faults");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, an_indexed_commit_fails_wholly_or_not_at_all, 0,
                        2);
    tcase_add_loop_test(tests, making_indexes_fails_wholly_or_not_at_all, 0, 2);
    tcase_add_loop_test(tests, a_piece_of_work_fails_wholly_or_not_at_all, 0,
                        2);
    tcase_add_loop_test(tests, a_search_fails_cleanly, 0, 2);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
