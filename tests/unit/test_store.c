/* The contract of the store, over both of its implementations. */
#include "tests/unit/store_fixture.h"

START_TEST(what_is_put_is_got)
{
    struct fixture f;

    fixture_setup(&f, _i);
    fixture_put(&f, 0, "key", "value");
    fixture_assert(&f, 0, "key", "value");
    fixture_put(&f, 0, "key", "another");
    fixture_assert(&f, 0, "key", "another");
    fixture_put(&f, 0, "empty", "");
    fixture_assert(&f, 0, "empty", "");
    fixture_assert(&f, 0, "absent", NULL);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_transaction_sees_its_own_writes)
{
    struct fixture f;

    fixture_setup(&f, _i);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert(cove_store_writes(txn));
    ck_assert_int_eq(put_text(txn, 0, "a", "1"), 0);
    assert_text(txn, 0, "a", "1");
    ck_assert_int_eq(put_text(txn, 0, "a", "2"), 0);
    assert_text(txn, 0, "a", "2");
    ck_assert_int_eq(cove_store_del(txn, 0, cove_bytes_text("a")), 0);
    assert_absent(txn, 0, "a");
    ck_assert_int_eq(cove_store_del(txn, 0, cove_bytes_text("a")),
                     COVE_ENOTFOUND);
    ck_assert_int_eq(put_text(txn, 0, "b", "3"), 0);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    fixture_assert(&f, 0, "a", NULL);
    fixture_assert(&f, 0, "b", "3");
    fixture_teardown(&f);
}
END_TEST

START_TEST(trees_do_not_see_each_other)
{
    struct fixture f;

    fixture_init(&f, _i);
    f.opt.trees = COVE_STORE_MAX_TREES;
    ck_assert_int_eq(fixture_open(&f), 0);
    fixture_put(&f, 0, "key", "first");
    fixture_put(&f, COVE_STORE_MAX_TREES - 1, "key", "last");
    fixture_assert(&f, 0, "key", "first");
    fixture_assert(&f, 1, "key", NULL);
    fixture_assert(&f, COVE_STORE_MAX_TREES - 1, "key", "last");
    fixture_teardown(&f);
}
END_TEST

START_TEST(borrowed_bytes_stay_while_others_write)
{
    struct fixture f;
    struct cove_bytes got;
    char big[20000];

    fixture_setup(&f, _i);
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    fixture_put(&f, 0, "big", big);
    fixture_put(&f, 0, "small", "value");

    struct cove_store_txn *reader = fixture_begin(&f, false);

    ck_assert(!cove_store_writes(reader));
    ck_assert_int_eq(cove_store_get(reader, 0, cove_bytes_text("big"), &got),
                     0);
    assert_text(reader, 0, "small", "value");
    for (int i = 0; i < 20; i++) {
        fixture_put(&f, 0, "big", i % 2 == 0 ? "gone" : big);
        fixture_put(&f, 0, "small", "changed");
    }
    ck_assert_uint_eq(got.len, sizeof(big) - 1);
    ck_assert_mem_eq(got.at, big, got.len);
    assert_text(reader, 0, "small", "value");
    cove_store_abort(reader);
    fixture_assert(&f, 0, "small", "changed");
    fixture_teardown(&f);
}
END_TEST

START_TEST(bytes_borrowed_from_the_store_can_be_put)
{
    struct fixture f;
    struct cove_bytes got;

    fixture_setup(&f, _i);
    fixture_put(&f, 0, "a", "value of a");

    struct cove_store_txn *txn = fixture_begin(&f, true);

    for (int i = 0; i < 100; i++) {
        char key[24];

        snprintf(key, sizeof(key), "copy %02d", i);
        ck_assert_int_eq(cove_store_get(txn, 0, cove_bytes_text("a"), &got), 0);
        ck_assert_int_eq(cove_store_put(txn, 0, cove_bytes_text(key), got), 0);
        ck_assert_int_eq(cove_store_get(txn, 0, cove_bytes_text("a"), &got), 0);
        ck_assert_int_eq(cove_store_put(txn, 0, cove_bytes_text("a"), got), 0);
    }
    assert_text(txn, 0, "copy 99", "value of a");

    struct cove_store_cursor *cursor;
    struct cove_entry entry;

    ck_assert_int_eq(cove_store_cursor_open(txn, 0, &cursor), 0);
    while (cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry) == 0) {
        ck_assert_int_eq(cove_store_del(txn, 0, entry.key), 0);
    }
    cove_store_cursor_close(cursor);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    fixture_assert(&f, 0, "a", NULL);
    fixture_teardown(&f);
}
END_TEST

START_TEST(keys_come_in_the_order_of_their_bytes)
{
    static const char *const sorted[] = {"\x01",     "a",    "a\x01",   "aa",
                                         "ab",       "b",    "\x7f",    "\x80",
                                         "\x80\x01", "\xff", "\xff\xff"};
    static const int shuffled[] = {5, 0, 10, 3, 7, 1, 9, 2, 8, 4, 6};
    struct fixture f;
    struct cove_store_cursor *cursor;
    struct cove_entry entry;

    fixture_setup(&f, _i);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    for (size_t i = 0; i < COVE_ARRAY_LEN(shuffled); i++) {
        ck_assert_int_eq(put_text(txn, 1, sorted[shuffled[i]], "v"), 0);
    }
    ck_assert_int_eq(cove_store_cursor_open(txn, 1, &cursor), 0);
    ck_assert_int_eq(
        cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry), 0);
    for (size_t i = 0; i < COVE_ARRAY_LEN(sorted); i++) {
        assert_entry(&entry, sorted[i], "v");
        ck_assert_int_eq(cove_store_cursor_next(cursor, &entry),
                         i + 1 < COVE_ARRAY_LEN(sorted) ? 0 : COVE_ENOTFOUND);
    }
    cove_store_cursor_close(cursor);
    cove_store_abort(txn);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_reader_sees_the_state_at_its_begin)
{
    struct fixture f;
    struct cove_store_txn *readers[4];

    fixture_setup(&f, _i);
    for (int i = 0; i < 4; i++) {
        char value[] = {(char)('0' + i), '\0'};

        fixture_put(&f, 0, "key", value);
        readers[i] = fixture_begin(&f, false);
    }

    struct cove_store_txn *writer = fixture_begin(&f, true);

    ck_assert_int_eq(put_text(writer, 0, "key", "uncommitted"), 0);
    ck_assert_int_eq(put_text(writer, 0, "new", "uncommitted"), 0);

    struct cove_store_txn *late = fixture_begin(&f, false);

    ck_assert_int_eq(cove_store_commit(writer), 0);
    assert_text(late, 0, "key", "3");
    assert_absent(late, 0, "new");
    cove_store_abort(late);
    for (int i = 0; i < 4; i++) {
        /* Not in the order of their begin. */
        int at = (i * 3 + 2) % 4;
        char value[] = {(char)('0' + at), '\0'};

        assert_text(readers[at], 0, "key", value);
        assert_absent(readers[at], 0, "new");
        ck_assert_int_eq(cove_store_commit(readers[at]), 0);
    }
    fixture_assert(&f, 0, "key", "uncommitted");
    fixture_teardown(&f);
}
END_TEST

START_TEST(an_abort_leaves_nothing)
{
    struct fixture f;

    fixture_setup(&f, _i);
    fixture_put(&f, 0, "kept", "1");

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(put_text(txn, 0, "kept", "2"), 0);
    ck_assert_int_eq(put_text(txn, 0, "new", "2"), 0);
    ck_assert_int_eq(put_text(txn, 1, "new", "2"), 0);
    ck_assert_int_eq(cove_store_del(txn, 0, cove_bytes_text("kept")), 0);
    cove_store_abort(txn);
    fixture_assert(&f, 0, "kept", "1");
    fixture_assert(&f, 0, "new", NULL);
    fixture_assert(&f, 1, "new", NULL);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_cursor_seeks_and_stops_at_both_ends)
{
    struct fixture f;
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    uint8_t beyond[300];

    fixture_setup(&f, _i);
    fixture_put(&f, 0, "b", "1");
    fixture_put(&f, 0, "d", "2");

    struct cove_store_txn *txn = fixture_begin(&f, false);

    ck_assert_int_eq(cove_store_cursor_open(txn, 0, &cursor), 0);
    ck_assert_int_eq(cove_store_cursor_next(cursor, &entry), COVE_EUSAGE);
    ck_assert_int_eq(
        cove_store_cursor_seek(cursor, cove_bytes_text("a"), &entry), 0);
    assert_entry(&entry, "b", "1");
    ck_assert_int_eq(
        cove_store_cursor_seek(cursor, cove_bytes_text("b"), &entry), 0);
    assert_entry(&entry, "b", "1");
    ck_assert_int_eq(
        cove_store_cursor_seek(cursor, cove_bytes_text("b\x01"), &entry), 0);
    assert_entry(&entry, "d", "2");
    ck_assert_int_eq(cove_store_cursor_next(cursor, &entry), COVE_ENOTFOUND);
    ck_assert_int_eq(cove_store_cursor_next(cursor, &entry), COVE_ENOTFOUND);
    assert_entry(&entry, "d", "2");
    ck_assert_int_eq(
        cove_store_cursor_seek(cursor, cove_bytes_text("e"), &entry),
        COVE_ENOTFOUND);
    ck_assert_int_eq(cove_store_cursor_next(cursor, &entry), COVE_ENOTFOUND);
    ck_assert_int_eq(cove_store_cursor_last(cursor, &entry), 0);
    assert_entry(&entry, "d", "2");
    ck_assert_int_eq(cove_store_cursor_next(cursor, &entry), COVE_ENOTFOUND);
    /* A key too long to be there can still be sought. */
    memset(beyond, 'c', sizeof(beyond));
    ck_assert_int_eq(cove_store_cursor_seek(
                         cursor, cove_bytes(beyond, sizeof(beyond)), &entry),
                     0);
    assert_entry(&entry, "d", "2");
    cove_store_cursor_close(cursor);
    cove_store_abort(txn);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_cursor_walks_backwards)
{
    struct fixture f;
    struct cove_store_cursor *cursor;
    struct cove_entry entry;

    fixture_setup(&f, _i);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(put_many(txn, 0, 300, 10), 0);
    ck_assert_int_eq(put_text(txn, 1, "b", "1"), 0);
    ck_assert_int_eq(put_text(txn, 1, "d", "2"), 0);
    ck_assert_int_eq(cove_store_cursor_open(txn, 0, &cursor), 0);
    ck_assert_int_eq(cove_store_cursor_prev(cursor, &entry), COVE_EUSAGE);

    uint8_t last[COVE_STORE_MAX_KEY];
    size_t len = 0, seen = 0;
    int err = cove_store_cursor_last(cursor, &entry);

    for (; err == 0; err = cove_store_cursor_prev(cursor, &entry)) {
        ck_assert(seen++ == 0 ||
                  cove_bytes_compare(entry.key, cove_bytes(last, len)) < 0);
        len = entry.key.len;
        memcpy(last, entry.key.at, len);
    }
    ck_assert_int_eq(err, COVE_ENOTFOUND);
    ck_assert_uint_eq(seen, 300);
    ck_assert_int_eq(cove_store_cursor_prev(cursor, &entry), COVE_EUSAGE);
    cove_store_cursor_close(cursor);
    ck_assert_int_eq(cove_store_cursor_open(txn, 1, &cursor), 0);
    ck_assert_int_eq(
        cove_store_cursor_seek(cursor, cove_bytes_text("e"), &entry),
        COVE_ENOTFOUND);
    ck_assert_int_eq(cove_store_cursor_prev(cursor, &entry), 0);
    assert_entry(&entry, "d", "2");
    ck_assert_int_eq(cove_store_cursor_prev(cursor, &entry), 0);
    assert_entry(&entry, "b", "1");
    ck_assert_int_eq(cove_store_cursor_next(cursor, &entry), 0);
    assert_entry(&entry, "d", "2");
    cove_store_cursor_close(cursor);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_cursor_finds_an_empty_tree_empty)
{
    struct fixture f;
    struct cove_store_cursor *cursor;
    struct cove_entry entry;

    fixture_setup(&f, _i);

    struct cove_store_txn *txn = fixture_begin(&f, false);

    ck_assert_int_eq(cove_store_cursor_open(txn, 0, &cursor), 0);
    ck_assert_int_eq(
        cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry),
        COVE_ENOTFOUND);
    ck_assert_int_eq(cove_store_cursor_next(cursor, &entry), COVE_ENOTFOUND);
    ck_assert_int_eq(cove_store_cursor_last(cursor, &entry), COVE_ENOTFOUND);
    cove_store_cursor_close(cursor);
    cove_store_abort(txn);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_write_ends_the_position_of_a_cursor)
{
    struct fixture f;
    struct cove_store_cursor *cursor;
    struct cove_entry entry;

    fixture_setup(&f, _i);
    fixture_put(&f, 0, "a", "1");
    fixture_put(&f, 0, "b", "1");

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(cove_store_cursor_open(txn, 0, &cursor), 0);
    ck_assert_int_eq(
        cove_store_cursor_seek(cursor, cove_bytes_text("a"), &entry), 0);
    ck_assert_int_eq(put_text(txn, 1, "other tree", "2"), 0);
    ck_assert_int_eq(cove_store_cursor_next(cursor, &entry), COVE_EUSAGE);
    ck_assert_int_eq(
        cove_store_cursor_seek(cursor, cove_bytes_text("a"), &entry), 0);
    ck_assert_int_eq(cove_store_cursor_next(cursor, &entry), 0);
    assert_entry(&entry, "b", "1");
    cove_store_cursor_close(cursor);
    cove_store_abort(txn);
    fixture_teardown(&f);
}
END_TEST

START_TEST(cursors_close_before_or_after_their_transaction)
{
    struct fixture f;
    struct cove_store_cursor *cursors[3];
    struct cove_entry entry;

    fixture_setup(&f, _i);
    fixture_put(&f, 0, "a", "1");
    for (int write = 0; write < 2; write++) {
        for (int commit = 0; commit < 2; commit++) {
            struct cove_store_txn *txn = fixture_begin(&f, write == 1);

            for (int i = 0; i < 3; i++) {
                ck_assert_int_eq(cove_store_cursor_open(txn, 0, &cursors[i]),
                                 0);
                ck_assert_int_eq(cove_store_cursor_last(cursors[i], &entry), 0);
            }
            cove_store_cursor_close(cursors[1]);
            if (commit == 1) {
                ck_assert_int_eq(cove_store_commit(txn), 0);
            } else {
                cove_store_abort(txn);
            }
            ck_assert_int_eq(cove_store_cursor_last(cursors[0], &entry),
                             COVE_EUSAGE);
            ck_assert_int_eq(cove_store_cursor_next(cursors[0], &entry),
                             COVE_EUSAGE);
            cove_store_cursor_close(cursors[0]);
            cove_store_cursor_close(cursors[2]);
        }
    }
    fixture_teardown(&f);
}
END_TEST

START_TEST(keys_of_255_bytes_fit_and_of_256_do_not)
{
    struct fixture f;
    struct cove_bytes got;
    uint8_t key[COVE_STORE_MAX_KEY + 1];

    fixture_setup(&f, _i);
    memset(key, 'k', sizeof(key));

    struct cove_store_txn *txn = fixture_begin(&f, true);
    struct cove_bytes value = cove_bytes_text("v");

    ck_assert_int_eq(COVE_STORE_MAX_KEY, 255);
    ck_assert_int_eq(cove_store_put(txn, 0, cove_bytes(key, 255), value), 0);
    ck_assert_int_eq(cove_store_put(txn, 0, cove_bytes(key, 256), value),
                     COVE_ELIMIT);
    ck_assert_int_eq(cove_store_put(txn, 0, cove_bytes(key, 1), value), 0);
    ck_assert_int_eq(cove_store_put(txn, 0, cove_bytes(NULL, 0), value),
                     COVE_ELIMIT);
    ck_assert_int_eq(cove_store_get(txn, 0, cove_bytes(key, 256), &got),
                     COVE_ENOTFOUND);
    ck_assert_int_eq(cove_store_get(txn, 0, cove_bytes(NULL, 0), &got),
                     COVE_ENOTFOUND);
    ck_assert_int_eq(cove_store_del(txn, 0, cove_bytes(key, 256)),
                     COVE_ENOTFOUND);
    ck_assert_int_eq(cove_store_del(txn, 0, cove_bytes(NULL, 0)),
                     COVE_ENOTFOUND);
    /* A refused argument does not spoil the transaction. */
    ck_assert_int_eq(cove_store_commit(txn), 0);
    txn = fixture_begin(&f, false);
    ck_assert_int_eq(cove_store_get(txn, 0, cove_bytes(key, 255), &got), 0);
    ck_assert_int_eq(cove_store_get(txn, 0, cove_bytes(key, 1), &got), 0);
    cove_store_abort(txn);
    fixture_teardown(&f);
}
END_TEST

START_TEST(values_of_131072_bytes_fit_and_one_more_does_not)
{
    static uint8_t value[COVE_STORE_MAX_VALUE + 1];
    struct fixture f;
    struct cove_bytes got;
    struct cove_bytes key = cove_bytes_text("key");

    fixture_setup(&f, _i);
    for (size_t i = 0; i < sizeof(value); i++) {
        value[i] = (uint8_t)(i * 7);
    }

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(COVE_STORE_MAX_VALUE, 131072);
    ck_assert_int_eq(cove_store_put(txn, 0, key, cove_bytes(value, 131072)), 0);
    ck_assert_int_eq(cove_store_put(txn, 0, key, cove_bytes(value, 131073)),
                     COVE_ELIMIT);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    txn = fixture_begin(&f, false);
    ck_assert_int_eq(cove_store_get(txn, 0, key, &got), 0);
    ck_assert_uint_eq(got.len, 131072);
    ck_assert_mem_eq(got.at, value, got.len);
    cove_store_abort(txn);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_second_writer_in_the_same_thread_is_busy)
{
    struct fixture f;
    struct cove_store_txn *second;

    fixture_setup(&f, _i);

    struct cove_store_txn *first = fixture_begin(&f, true);

    ck_assert_int_eq(cove_store_begin(f.store, true, &second), COVE_EBUSY);
    cove_store_abort(first);
    second = fixture_begin(&f, true);
    ck_assert_int_eq(cove_store_commit(second), 0);
    fixture_teardown(&f);
}
END_TEST

struct rival {
    struct fixture *f;
    int rounds;
};

/* Read, add one, write: correct only where writers wait for each other. */
static void *rival_run(void *arg)
{
    struct rival *rival = arg;

    for (int i = 0; i < rival->rounds; i++) {
        struct cove_store_txn *txn;
        struct cove_bytes got;
        uint64_t count = 0;

        if (cove_store_begin(rival->f->store, true, &txn) != 0) {
            return rival;
        }
        if (cove_store_get(txn, 0, cove_bytes_text("count"), &got) == 0) {
            memcpy(&count, got.at, sizeof(count));
        }
        count++;
        if (cove_store_put(txn, 0, cove_bytes_text("count"),
                           cove_bytes(&count, sizeof(count))) != 0 ||
            cove_store_commit(txn) != 0) {
            return rival;
        }
    }
    return NULL;
}

START_TEST(writers_of_several_threads_wait_for_each_other)
{
    struct fixture f;
    struct cove_bytes got;
    struct rival rival = {&f, 100};
    pthread_t threads[3];
    uint64_t count;

    fixture_init(&f, _i);
    f.opt.alloc = &cove_alloc_libc; /* the counting one is for one thread */
    ck_assert_int_eq(fixture_open(&f), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, rival_run, &rival),
                         0);
    }
    for (int i = 0; i < 3; i++) {
        void *failed;

        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }

    struct cove_store_txn *txn = fixture_begin(&f, false);

    ck_assert_int_eq(cove_store_get(txn, 0, cove_bytes_text("count"), &got), 0);
    memcpy(&count, got.at, sizeof(count));
    ck_assert_uint_eq(count, 300);
    cove_store_abort(txn);
    fixture_teardown(&f);
}
END_TEST

START_TEST(usage_counts_entries_and_bytes)
{
    struct fixture f;
    struct cove_store_usage before;
    struct cove_store_usage after;
    int dead = -1;

    fixture_setup(&f, _i);
    ck_assert_int_eq(cove_store_usage(f.store, &before), 0);
    ck_assert_uint_eq(before.entries[0], 0);
    fixture_put(&f, 0, "a", "1");
    fixture_put(&f, 0, "b", "1");
    fixture_put(&f, 0, "b", "2");
    fixture_put(&f, 3, "c", "1");
    ck_assert_int_eq(cove_store_usage(f.store, &after), 0);
    ck_assert_uint_eq(after.entries[0], 2);
    ck_assert_uint_eq(after.entries[1], 0);
    ck_assert_uint_eq(after.entries[3], 1);
    ck_assert_uint_gt(after.bytes_used, before.bytes_used);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(cove_store_del(txn, 0, cove_bytes_text("a")), 0);
    ck_assert_int_eq(cove_store_del(txn, 0, cove_bytes_text("b")), 0);
    ck_assert_int_eq(cove_store_del(txn, 3, cove_bytes_text("c")), 0);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    ck_assert_int_eq(cove_store_usage(f.store, &after), 0);
    ck_assert_uint_eq(after.entries[0], 0);
    if (f.kind == FIXTURE_MEMORY) {
        ck_assert_uint_eq(after.bytes_used, 0);
    }
    ck_assert_int_eq(cove_store_reap(f.store, &dead), 0);
    ck_assert_int_eq(dead, 0);
    fixture_teardown(&f);
}
END_TEST

static Suite *store_suite(void)
{
    Suite *suite = suite_create("store");
    TCase *both = tcase_create("lmdb and memory");

    tcase_set_timeout(both, 60);
    tcase_add_loop_test(both, what_is_put_is_got, 0, FIXTURE_LEVELS);
    tcase_add_loop_test(both, a_transaction_sees_its_own_writes, 0,
                        FIXTURE_LEVELS);
    tcase_add_loop_test(both, trees_do_not_see_each_other, 0, FIXTURE_LEVELS);
    tcase_add_loop_test(both, borrowed_bytes_stay_while_others_write, 0,
                        FIXTURE_LEVELS);
    tcase_add_loop_test(both, bytes_borrowed_from_the_store_can_be_put, 0,
                        FIXTURE_LEVELS);
    tcase_add_loop_test(both, keys_come_in_the_order_of_their_bytes, 0,
                        FIXTURE_LEVELS);
    tcase_add_loop_test(both, a_reader_sees_the_state_at_its_begin, 0,
                        FIXTURE_LEVELS);
    tcase_add_loop_test(both, an_abort_leaves_nothing, 0, FIXTURE_LEVELS);
    tcase_add_loop_test(both, a_cursor_seeks_and_stops_at_both_ends, 0,
                        FIXTURE_LEVELS);
    tcase_add_loop_test(both, a_cursor_walks_backwards, 0, FIXTURE_LEVELS);
    tcase_add_loop_test(both, a_cursor_finds_an_empty_tree_empty, 0,
                        FIXTURE_LEVELS);
    tcase_add_loop_test(both, a_write_ends_the_position_of_a_cursor, 0,
                        FIXTURE_LEVELS);
    tcase_add_loop_test(both, cursors_close_before_or_after_their_transaction,
                        0, FIXTURE_LEVELS);
    tcase_add_loop_test(both, keys_of_255_bytes_fit_and_of_256_do_not, 0,
                        FIXTURE_LEVELS);
    tcase_add_loop_test(both, values_of_131072_bytes_fit_and_one_more_does_not,
                        0, FIXTURE_LEVELS);
    tcase_add_loop_test(both, a_second_writer_in_the_same_thread_is_busy, 0,
                        FIXTURE_LEVELS);
    tcase_add_loop_test(both, writers_of_several_threads_wait_for_each_other, 0,
                        FIXTURE_LEVELS);
    tcase_add_loop_test(both, usage_counts_entries_and_bytes, 0,
                        FIXTURE_LEVELS);
    suite_add_tcase(suite, both);
    return suite;
}

int main(void)
{
    return harness_run(store_suite());
}
