/* The store on disk: reopening, and the map that grows. */
#include <fcntl.h>

#include "tests/unit/store_fixture.h"

START_TEST(reopening_finds_everything)
{
    struct fixture f;

    fixture_setup(&f, FIXTURE_LMDB);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(put_many(txn, 0, 500, 100), 0);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    fixture_put(&f, 3, "key", "value");
    f.opt.create = false;
    f.opt.trees = 6; /* a later version has more trees */
    reopen(&f);
    assert_many(&f, 500, 100);
    fixture_assert(&f, 3, "key", "value");
    fixture_assert(&f, 5, "key", NULL);
    fixture_put(&f, 5, "key", "new tree");
    reopen(&f);
    fixture_assert(&f, 5, "key", "new tree");
    fixture_teardown(&f);
}
END_TEST

START_TEST(the_map_grows_in_mid_transaction_unseen)
{
    struct fixture f;
    struct cove_store_cursor *cursor;
    struct cove_entry entry;

    setup_small(&f);
    fixture_put(&f, 1, "replaced", "before");
    fixture_put(&f, 1, "deleted", "before");

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(put_text(txn, 1, "replaced", "after"), 0);
    ck_assert_int_eq(cove_store_del(txn, 1, cove_bytes_text("deleted")), 0);
    ck_assert_int_eq(cove_store_del(txn, 1, cove_bytes_text("never there")),
                     COVE_ENOTFOUND);
    ck_assert_int_eq(put_text(txn, 1, "short-lived", "1"), 0);
    ck_assert_int_eq(cove_store_del(txn, 1, cove_bytes_text("short-lived")), 0);
    ck_assert_int_eq(cove_store_cursor_open(txn, 1, &cursor), 0);
    ck_assert_int_eq(cove_store_cursor_last(cursor, &entry), 0);
    ck_assert_int_eq(put_many(txn, 0, 2000, 1000), 0);

    /* The cursor has lost its position and nothing else. */
    ck_assert_int_eq(cove_store_cursor_next(cursor, &entry), COVE_EUSAGE);
    ck_assert_int_eq(
        cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry), 0);
    assert_entry(&entry, "replaced", "after");
    ck_assert_int_eq(cove_store_cursor_next(cursor, &entry), COVE_ENOTFOUND);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    cove_store_cursor_close(cursor);
    for (int i = 0; i < 2; i++) {
        assert_many(&f, 2000, 1000);
        fixture_assert(&f, 1, "replaced", "after");
        fixture_assert(&f, 1, "deleted", NULL);
        fixture_assert(&f, 1, "short-lived", NULL);
        reopen(&f);
    }
    fixture_teardown(&f);
}
END_TEST

/* Counts one kind of call. */
struct counted {
    const char *call;
    long calls;
};

static int count_hook(void *ctx, const char *call)
{
    struct counted *counted = ctx;

    counted->calls += strcmp(call, counted->call) == 0;
    return 0;
}

START_TEST(the_map_grows_at_commit_unseen)
{
    struct counted counted = {"txn_commit", 0};
    long commits = 0;

    /* Values of several sizes; with some of them the last page goes to the
     * list of free pages or to a root, which are written at commit. */
    for (size_t len = 240; len < 300; len += 4) {
        struct fixture f;
        unsigned count = 0;

        setup_small(&f);
        cove_store_set_fault(f.store, count_hook, &counted);
        for (int round = 0; round < 4; round++) {
            struct cove_store_txn *txn = fixture_begin(&f, true);

            ck_assert_int_eq(put_many(txn, count, 37, len), 0);
            ck_assert_int_eq(cove_store_commit(txn), 0);
            count += 37;
            commits++;
        }
        assert_many(&f, count, len);
        fixture_teardown(&f);
    }
    ck_assert_int_gt(counted.calls, commits);
}
END_TEST

START_TEST(a_map_three_quarters_full_grows_at_begin)
{
    struct counted counted = {"map", 0};
    struct fixture f;
    unsigned count = 0;

    setup_small(&f);
    cove_store_set_fault(f.store, count_hook, &counted);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    /* 13 of 16 pages: three in four of them, but not all. */
    ck_assert_int_eq(put_many(txn, 0, 8, 2100), 0);
    count = 8;
    ck_assert_int_eq(cove_store_commit(txn), 0);
    ck_assert_int_eq(counted.calls, 0);
    txn = fixture_begin(&f, true);
    ck_assert_int_eq(counted.calls, 1);
    cove_store_abort(txn);
    txn = fixture_begin(&f, true);
    ck_assert_int_eq(counted.calls, 1);
    cove_store_abort(txn);
    assert_many(&f, count, 2100);
    fixture_teardown(&f);
}
END_TEST

START_TEST(each_call_that_fails_while_growing_leaves_the_state_as_it_was)
{
    struct fixture_fault fault = {0, 0, COVE_ENOSPC};
    struct fixture f;
    int err = -1;

    setup_small(&f);
    fixture_put(&f, 1, "old", "value");
    while (err != 0) {
        struct cove_store_txn *txn;

        fault.calls = 0;
        fault.fail_at++;
        cove_store_set_fault(f.store, fixture_hook, &fault);
        err = cove_store_begin(f.store, true, &txn);
        if (err == 0) {
            err = put_many(txn, 0, 80, 3000);
            if (err == 0) {
                err = cove_store_commit(txn);
            } else {
                cove_store_abort(txn);
            }
        }
        cove_store_set_fault(f.store, NULL, NULL);
        fixture_assert(&f, 1, "old", "value");
        if (err != 0) {
            ck_assert_int_eq(err, COVE_ENOSPC);
            assert_many(&f, 0, 3000);
            /* The map keeps what it has grown to: make it small again. */
            reopen(&f);
        }
    }
    /* begin, 80 puts, commit, and those of at least two growths. */
    ck_assert_int_gt(fault.fail_at, 80 + 6);
    assert_many(&f, 80, 3000);
    fixture_teardown(&f);
}
END_TEST

START_TEST(each_allocation_that_fails_while_growing_leaves_the_state_as_it_was)
{
    struct fixture f;
    int err = -1;

    setup_small(&f);
    fixture_put(&f, 1, "old", "value");
    for (long at = 1; err != 0; at++) {
        struct cove_store_txn *txn;

        f.heap.calls = 0;
        f.heap.fail_at = at;
        err = cove_store_begin(f.store, true, &txn);
        if (err == 0) {
            err = put_many(txn, 0, 80, 3000);
            if (err == 0) {
                err = cove_store_commit(txn);
            } else {
                cove_store_abort(txn);
            }
        }
        f.heap.fail_at = 0;
        fixture_assert(&f, 1, "old", "value");
        if (err != 0) {
            ck_assert_int_eq(err, COVE_ENOMEM);
            assert_many(&f, 0, 3000);
            reopen(&f);
        }
    }
    assert_many(&f, 80, 3000);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_reader_of_the_same_thread_keeps_the_map_from_growing)
{
    struct fixture f;
    struct cove_store_txn *txn;
    struct cove_bytes got;

    setup_small(&f);
    fixture_put(&f, 1, "key", "value");

    struct cove_store_txn *reader = fixture_begin(&f, false);

    ck_assert_int_eq(cove_store_get(reader, 1, cove_bytes_text("key"), &got),
                     0);
    txn = fixture_begin(&f, true);
    ck_assert_int_eq(put_many(txn, 0, 100, 1000), COVE_EBUSY);
    ck_assert_int_eq(cove_store_commit(txn), COVE_EBUSY);
    ck_assert_mem_eq(got.at, "value", got.len);
    assert_text(reader, 1, "key", "value");
    cove_store_abort(reader);
    txn = fixture_begin(&f, true);
    ck_assert_int_eq(put_many(txn, 0, 100, 1000), 0);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    assert_many(&f, 100, 1000);
    fixture_teardown(&f);
}
END_TEST

struct watcher {
    struct cove_store *store;
    bool failed;
    unsigned seen;
};

/* Read on and on: each state has all of a transaction or nothing of it. */
static void *watcher_run(void *arg)
{
    struct watcher *watcher = arg;

    while (!watcher->failed && watcher->seen < 800) {
        struct cove_store_txn *txn;
        struct cove_store_cursor *cursor = NULL;
        struct cove_entry entry;
        unsigned count = 0;
        int err = cove_store_begin(watcher->store, false, &txn);

        if (err == 0) {
            err = cove_store_cursor_open(txn, 0, &cursor);
            if (err == 0) {
                err =
                    cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
            }
            while (err == 0) {
                count += entry.value.at[0] == count % 251;
                err = cove_store_cursor_next(cursor, &entry);
            }
            cove_store_cursor_close(cursor);
            cove_store_abort(txn);
        }
        watcher->failed =
            err != COVE_ENOTFOUND || count % 20 != 0 || count < watcher->seen;
        watcher->seen = count;
    }
    return NULL;
}

START_TEST(readers_of_other_threads_live_through_a_growing_map)
{
    struct fixture f;
    struct watcher watchers[2];
    pthread_t threads[2];

    fixture_init(&f, FIXTURE_LMDB);
    f.opt.map_bytes = SMALL_MAP;
    f.opt.alloc = &cove_alloc_libc;
    ck_assert_int_eq(fixture_open(&f), 0);
    for (int i = 0; i < 2; i++) {
        watchers[i] = (struct watcher){f.store, false, 0};
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, watcher_run, &watchers[i]), 0);
    }
    for (unsigned i = 0; i < 800; i += 20) {
        struct cove_store_txn *txn = fixture_begin(&f, true);

        ck_assert_int_eq(put_many(txn, i, 20, 1000), 0);
        ck_assert_int_eq(cove_store_commit(txn), 0);
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert(!watchers[i].failed);
    }
    assert_many(&f, 800, 1000);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_map_at_its_limit_refuses_and_reading_goes_on)
{
    struct fixture f;
    struct cove_store_txn *txn;

    fixture_init(&f, FIXTURE_LMDB);
    f.opt.map_bytes = SMALL_MAP;
    f.opt.map_bytes_max = (uint64_t)4 * SMALL_MAP;
    ck_assert_int_eq(fixture_open(&f), 0);
    txn = fixture_begin(&f, true);
    ck_assert_int_eq(put_many(txn, 0, 100, 1000), 0);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    for (int i = 0; i < 3; i++) {
        txn = fixture_begin(&f, true);
        ck_assert_int_eq(put_many(txn, 100, 1000, 1000), COVE_ENOSPC);
        if (i == 1) {
            ck_assert_int_eq(cove_store_commit(txn), COVE_ENOSPC);
        } else {
            cove_store_abort(txn);
        }
        assert_many(&f, 100, 1000);
        fixture_put(&f, 1, "small", "write");
    }
    fixture_assert(&f, 1, "small", "write");
    f.opt.map_bytes_max = 0;
    reopen(&f);
    txn = fixture_begin(&f, true);
    ck_assert_int_eq(put_many(txn, 100, 1000, 1000), 0);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    assert_many(&f, 1100, 1000);
    fixture_teardown(&f);
}
END_TEST

START_TEST(ascending_keys_leave_no_page_half_empty)
{
    struct fixture f;
    struct cove_store_usage usage;
    unsigned count = 0;

    setup_small(&f);
    for (int i = 0; i < 5; i++) {
        struct cove_store_txn *txn = fixture_begin(&f, true);

        ck_assert_int_eq(put_many(txn, count, 100, 1500), 0);
        ck_assert_int_eq(cove_store_commit(txn), 0);
        count += 100;
    }
    ck_assert_int_eq(cove_store_usage(f.store, &usage), 0);
    ck_assert_uint_eq(usage.entries[0], count);
    ck_assert_uint_lt(usage.bytes_used, (uint64_t)count * 1512 * 3 / 2);
    ck_assert_uint_ge(usage.bytes_file, usage.bytes_used);
    assert_many(&f, count, 1500);

    /* The last key may go, and come again. */
    struct cove_store_txn *txn = fixture_begin(&f, true);
    char key[16];

    ck_assert_int_eq(cove_store_del(txn, 0, numbered(key, count - 1)), 0);
    ck_assert_int_eq(cove_store_del(txn, 0, numbered(key, count - 2)), 0);
    ck_assert_int_eq(put_many(txn, count - 2, 2, 1500), 0);
    ck_assert_int_eq(put_many(txn, count - 1, 1, 1500), 0);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    assert_many(&f, count, 1500);
    fixture_teardown(&f);
}
END_TEST

START_TEST(too_many_readers_are_busy)
{
    struct fixture f;
    struct cove_store_txn *readers[200];
    int count = 0;
    int err = 0;

    fixture_setup(&f, FIXTURE_LMDB);
    while (err == 0 && count < 200) {
        err = cove_store_begin(f.store, false, &readers[count]);
        count += err == 0;
    }
    ck_assert_int_eq(err, COVE_EBUSY);
    ck_assert_int_ge(count, 100);
    fixture_put(&f, 0, "key", "value");
    while (count > 0) {
        cove_store_abort(readers[--count]);
    }
    fixture_assert(&f, 0, "key", "value");
    fixture_teardown(&f);
}
END_TEST

/* --- copies */

static void copy_name(const struct fixture *f, struct fixture *copy)
{
    fixture_init(copy, FIXTURE_MEMORY);
    copy->kind = FIXTURE_LMDB;
    copy->opt.create = false;
    fixture_rename(copy, f, ".copy");
}

START_TEST(a_copy_is_the_store_as_it_was)
{
    struct fixture f;
    struct fixture copy;
    struct cove_diag diag = {.code = 0};
    char key[16];

    fixture_setup(&f, FIXTURE_LMDB);
    copy_name(&f, &copy);
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof(key), "key %03d", i);
        fixture_put(&f, (unsigned)i % 4, key, "value");
    }

    /* A reader and an unfinished writer are no hindrance. */
    struct cove_store_txn *reader = fixture_begin(&f, false);
    struct cove_store_txn *writer = fixture_begin(&f, true);

    ck_assert_int_eq(put_text(writer, 0, "not yet", "there"), 0);
    ck_assert_int_eq(cove_store_copy(f.store, copy.dir, &diag), 0);
    ck_assert_int_eq(cove_store_commit(writer), 0);
    cove_store_abort(reader);
    fixture_put(&f, 0, "later", "value");

    ck_assert_int_eq(fixture_open(&copy), 0);
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof(key), "key %03d", i);
        fixture_assert(&copy, (unsigned)i % 4, key, "value");
    }
    fixture_assert(&copy, 0, "not yet", NULL);
    fixture_assert(&copy, 0, "later", NULL);
    fixture_put(&copy, 0, "its own", "life");
    fixture_assert(&f, 0, "its own", NULL);
    fixture_assert(&f, 0, "not yet", "there");
    fixture_teardown(&copy);
    fixture_teardown(&f);
}
END_TEST

/* LMDB does not compact a file with a page that nothing names; it is copied as
 * it is. In a meta page the number of the last page is at 136. */
START_TEST(a_store_that_lost_track_of_a_page_is_copied)
{
    struct fixture f;
    struct fixture copy;
    struct cove_diag diag = {.code = 0};
    struct stat st;
    char path[128];
    uint64_t last;

    fixture_setup(&f, FIXTURE_LMDB);
    copy_name(&f, &copy);
    fixture_put(&f, 0, "key", "value");
    cove_store_close(f.store);
    f.store = NULL;
    snprintf(path, sizeof(path), "%s/data.mdb", f.dir);

    int fd = open(path, O_RDWR);

    for (off_t at = 136; at < 8192; at += 4096) {
        ck_assert(pread(fd, &last, sizeof(last), at) == sizeof(last));
        last++;
        ck_assert(pwrite(fd, &last, sizeof(last), at) == sizeof(last));
    }
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(ftruncate(fd, st.st_size + 4096), 0);
    close(fd);
    ck_assert_int_eq(fixture_open(&f), 0);
    ck_assert_int_eq(cove_store_copy(f.store, copy.dir, &diag), 0);
    ck_assert_int_eq(fixture_open(&copy), 0);
    fixture_assert(&copy, 0, "key", "value");
    fixture_teardown(&copy);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_copy_writes_over_nothing)
{
    struct fixture f;
    struct fixture copy;
    struct cove_diag diag = {.code = 0};

    fixture_setup(&f, FIXTURE_LMDB);
    copy_name(&f, &copy);
    ck_assert_int_eq(mkdir(copy.dir, 0700), 0);
    ck_assert_int_eq(cove_store_copy(f.store, copy.dir, &diag), COVE_EEXIST);
    ck_assert_ptr_nonnull(strstr(diag.text, copy.dir));
    ck_assert_int_eq(rmdir(copy.dir), 0); /* it is still empty */
    ck_assert_int_eq(cove_store_copy(f.store, f.dir, &diag), COVE_EEXIST);
    ck_assert_int_eq(cove_store_copy(f.store, "/no/such/place", &diag),
                     COVE_ENOTFOUND);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_failed_copy_leaves_nothing)
{
    struct fixture f;
    struct fixture copy;
    struct cove_diag diag = {.code = 0};
    struct stat st;
    struct fixture_fault busy = {.fail_at = 2, .code = COVE_EBUSY};
    long n = 1;
    int err;

    fixture_setup(&f, FIXTURE_LMDB);
    fixture_put(&f, 0, "key", "value");
    copy_name(&f, &copy);
    cove_store_set_fault(f.store, fixture_hook, &busy);
    ck_assert_int_eq(cove_store_copy(f.store, copy.dir, &diag), COVE_EBUSY);
    ck_assert_ptr_nonnull(strstr(diag.text, "try again"));
    ck_assert_int_ne(stat(copy.dir, &st), 0);
    cove_diag_clear(&diag);
    do {
        struct fixture_fault fault = {.fail_at = n++, .code = COVE_ENOSPC};

        cove_store_set_fault(f.store, fixture_hook, &fault);
        err = cove_store_copy(f.store, copy.dir, &diag);
        cove_store_set_fault(f.store, NULL, NULL);
        if (err != 0) {
            ck_assert_int_eq(err, COVE_ENOSPC);
            ck_assert_int_ne(stat(copy.dir, &st), 0);
        }
    } while (err != 0);
    ck_assert_int_gt(n, 4);
    ck_assert_int_eq(fixture_open(&copy), 0);
    fixture_assert(&copy, 0, "key", "value");
    fixture_teardown(&copy);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_store_opened_read_only_touches_nothing)
{
    struct cove_store_txn *txn = NULL;
    struct fixture f, copy;
    struct cove_diag diag = {.code = 0};
    struct stat before, after;
    char path[128];

    fixture_setup(&f, FIXTURE_LMDB);
    fixture_put(&f, 0, "key", "value");
    copy_name(&f, &copy);
    ck_assert_int_eq(cove_store_copy(f.store, copy.dir, &diag), 0);
    snprintf(path, sizeof(path), "%s/data.mdb", copy.dir);
    ck_assert_int_eq(stat(copy.dir, &before), 0);
    copy.opt.read_only = true;
    ck_assert_int_eq(fixture_open(&copy), 0);
    fixture_assert(&copy, 0, "key", "value");
    ck_assert_int_eq(cove_store_begin(copy.store, true, &txn), COVE_EACCES);
    cove_store_close(copy.store);
    ck_assert_int_eq(stat(copy.dir, &after), 0);
    ck_assert(before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
              before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
    snprintf(path, sizeof(path), "%s/open.lock", copy.dir);
    ck_assert_int_ne(access(path, F_OK), 0);

    /* One that was cut short is damaged, and not lengthened. */
    snprintf(path, sizeof(path), "%s/data.mdb", copy.dir);
    ck_assert_int_eq(stat(path, &before), 0);
    ck_assert_int_eq(truncate(path, before.st_size - 4096), 0);
    ck_assert_int_eq(fixture_open(&copy), COVE_ECORRUPT);
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_int_eq(after.st_size, before.st_size - 4096);
    copy.opt.read_only = false;
    fixture_remove(&copy);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_store_that_is_held_is_not_opened)
{
    struct fixture f;
    int hold = -1;

    fixture_setup(&f, FIXTURE_LMDB);
    ck_assert_int_eq(cove_store_hold(f.dir, &hold, &f.diag), COVE_EBUSY);
    ck_assert_ptr_nonnull(strstr(f.diag.text, "has the store open"));
    cove_store_close(f.store);
    f.store = NULL;
    ck_assert_int_eq(cove_store_hold(f.dir, &hold, &f.diag), 0);
    ck_assert_int_eq(fixture_open(&f), COVE_EBUSY);
    cove_store_let(hold);
    ck_assert_int_eq(fixture_open(&f), 0);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_store_in_memory_is_not_copied)
{
    struct fixture f;
    struct cove_diag diag = {.code = 0};

    fixture_setup(&f, FIXTURE_MEMORY);
    ck_assert_int_eq(cove_store_copy(f.store, "copy", &diag),
                     COVE_EUNSUPPORTED);
    fixture_teardown(&f);
}
END_TEST

static Suite *disk_suite(void)
{
    Suite *suite = suite_create("store on disk");
    TCase *disk = tcase_create("disk");

    tcase_set_timeout(disk, 60);
    tcase_add_test(disk, reopening_finds_everything);
    tcase_add_test(disk, the_map_grows_in_mid_transaction_unseen);
    tcase_add_test(disk, the_map_grows_at_commit_unseen);
    tcase_add_test(disk, a_map_three_quarters_full_grows_at_begin);
    tcase_add_test(
        disk, each_call_that_fails_while_growing_leaves_the_state_as_it_was);
    tcase_add_test(
        disk,
        each_allocation_that_fails_while_growing_leaves_the_state_as_it_was);
    tcase_add_test(disk,
                   a_reader_of_the_same_thread_keeps_the_map_from_growing);
    tcase_add_test(disk, readers_of_other_threads_live_through_a_growing_map);
    tcase_add_test(disk, a_map_at_its_limit_refuses_and_reading_goes_on);
    tcase_add_test(disk, ascending_keys_leave_no_page_half_empty);
    tcase_add_test(disk, too_many_readers_are_busy);
    tcase_add_test(disk, a_copy_is_the_store_as_it_was);
    tcase_add_test(disk, a_store_that_lost_track_of_a_page_is_copied);
    tcase_add_test(disk, a_copy_writes_over_nothing);
    tcase_add_test(disk, a_failed_copy_leaves_nothing);
    tcase_add_test(disk, a_store_opened_read_only_touches_nothing);
    tcase_add_test(disk, a_store_that_is_held_is_not_opened);
    tcase_add_test(disk, a_store_in_memory_is_not_copied);
    suite_add_tcase(suite, disk);
    return suite;
}

int main(void)
{
    return harness_run(disk_suite());
}
