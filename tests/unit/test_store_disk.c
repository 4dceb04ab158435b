/* The store on disk: the map that grows, the disk that is full or broken. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "core/store_dir.h"
#include "tests/unit/store_fixture.h"

#define SMALL_MAP 65536

static struct cove_bytes numbered(char key[16], unsigned n)
{
    snprintf(key, 16, "key %08u", n);
    return cove_bytes_text(key);
}

/* Put `count` entries of `len` bytes from number `first` on. */
static int put_many(struct cove_store_txn *txn, unsigned first, unsigned count,
                    size_t len)
{
    static uint8_t value[COVE_STORE_MAX_VALUE];
    char key[16];
    int err = 0;

    for (unsigned i = first; err == 0 && i < first + count; i++) {
        memset(value, (int)(i % 251), len);
        err = cove_store_put(txn, 0, numbered(key, i), cove_bytes(value, len));
    }
    return err;
}

static void assert_many(struct fixture *f, unsigned count, size_t len)
{
    struct cove_store_txn *txn = fixture_begin(f, false);
    struct cove_store_cursor *cursor;
    struct cove_entry entry = {{NULL, 0}, {NULL, 0}};
    char key[16];

    ck_assert_int_eq(cove_store_cursor_open(txn, 0, &cursor), 0);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_int_eq(
            i == 0 ? cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry)
                   : cove_store_cursor_next(cursor, &entry),
            0);
        ck_assert(cove_bytes_equal(entry.key, numbered(key, i)));
        ck_assert_uint_eq(entry.value.len, len);
        ck_assert_uint_eq(entry.value.at[0], i % 251);
        ck_assert_uint_eq(entry.value.at[len - 1], i % 251);
    }
    ck_assert_int_eq(count == 0 ? cove_store_cursor_last(cursor, &entry)
                                : cove_store_cursor_next(cursor, &entry),
                     COVE_ENOTFOUND);
    cove_store_cursor_close(cursor);
    cove_store_abort(txn);
}

static void setup_small(struct fixture *f)
{
    fixture_init(f, FIXTURE_LMDB);
    f->opt.map_bytes = SMALL_MAP;
    ck_assert_int_eq(fixture_open(f), 0);
}

static void reopen(struct fixture *f)
{
    cove_store_close(f->store);
    ck_assert_int_eq(f->heap.alive, 0);
    ck_assert_int_eq(fixture_open(f), 0);
}

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

/* With files of this process limited in size, a write behind the limit is cut
 * short first and refused then, as on a full disk. */
static int child_full_disk(struct fixture *f)
{
    struct cove_store_txn *txn;
    struct rlimit limit;
    struct stat st;
    char path[128];

    signal(SIGXFSZ, SIG_IGN);
    CHILD_CHECK(fixture_open(f) == 0);
    snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
    for (rlim_t more = 0; more < 20000; more += 1777) {
        CHILD_CHECK(stat(path, &st) == 0);
        CHILD_CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
        limit.rlim_cur = (rlim_t)st.st_size + more;
        CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        CHILD_CHECK(cove_store_begin(f->store, true, &txn) == 0);
        CHILD_CHECK(put_many(txn, 0, 100, 3000) == 0);
        CHILD_CHECK(cove_store_commit(txn) == COVE_ENOSPC);
        limit.rlim_cur = limit.rlim_max;
        CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        fixture_assert(f, 1, "key", "value");
        assert_many(f, 0, 3000);
    }
    CHILD_CHECK(cove_store_begin(f->store, true, &txn) == 0);
    CHILD_CHECK(put_many(txn, 0, 100, 3000) == 0);
    CHILD_CHECK(cove_store_commit(txn) == 0);
    cove_store_close(f->store);
    return 0;
}

START_TEST(a_full_disk_refuses_the_commit_and_loses_nothing)
{
    struct fixture f;

    fixture_setup(&f, FIXTURE_LMDB);
    fixture_put(&f, 1, "key", "value");
    cove_store_close(f.store);
    f.store = NULL;
    ck_assert(in_child(child_full_disk, &f));
    ck_assert_int_eq(fixture_open(&f), 0);
    assert_many(&f, 100, 3000);
    fixture_assert(&f, 1, "key", "value");
    fixture_teardown(&f);
}
END_TEST

/* Leave `left` bytes of the disk of 64 KiB free. */
static int fill_disk(const char *path, off_t left)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int failed = fd < 0 || (left < 65536 && fallocate(fd, 0, 0, 65536 - left));

    if (fd >= 0) {
        close(fd);
    }
    return failed;
}

static int open_on_full_disk(struct fixture *f)
{
    struct cove_store_txn *readers[100];
    struct cove_store_txn *txn;
    int err = 0;

    for (unsigned i = 0; err == 0; i++) {
        CHILD_CHECK(cove_store_begin(f->store, true, &txn) == 0);
        CHILD_CHECK(put_many(txn, i, 1, 3000) == 0);
        err = cove_store_commit(txn);
    }
    CHILD_CHECK(err == COVE_ENOSPC);
    /* Their places in LMDB's table are on the disk, too. */
    for (size_t i = 0; i < COVE_ARRAY_LEN(readers); i++) {
        CHILD_CHECK(cove_store_begin(f->store, false, &readers[i]) == 0);
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(readers); i++) {
        cove_store_abort(readers[i]);
    }
    return 0;
}

static int child_no_room(struct fixture *f)
{
    int refused = 0;
    char path[128];

    /* A small disk that only this child sees. */
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", f->dir, "tmpfs", 0, "size=64k") != 0) {
        printf("# skipped: no right to mount a small disk\n");
        fflush(stdout);
        return 0;
    }
    snprintf(path, sizeof(path), "%s/fill", f->dir);
    for (off_t left = 0; left <= 65536; left += 4096) {
        fixture_remove(f);
        CHILD_CHECK(fill_disk(path, left) == 0);

        int err = fixture_open(f);

        CHILD_CHECK(err == 0 || err == COVE_ENOSPC);
        refused += err != 0;
        CHILD_CHECK(err != 0 || open_on_full_disk(f) == 0);
        CHILD_CHECK(unlink(path) == 0);
        CHILD_CHECK(err == 0 || fixture_open(f) == 0);
        fixture_put(f, 1, "key", "value");
        fixture_assert(f, 1, "key", "value");
        cove_store_close(f->store);
    }
    CHILD_CHECK(refused > 2 && refused < 15);
    return 0;
}

START_TEST(a_disk_without_room_kills_nobody)
{
    struct fixture f;

    fixture_init(&f, FIXTURE_LMDB);
    ck_assert(in_child(child_no_room, &f));
    fixture_remove(&f);
}
END_TEST

/* Put a file that cannot be written in the place of data.mdb among the open
 * files: of LMDB's two descriptors the one with all of `flags`. */
static void break_file(const struct fixture *f, int flags, bool synced)
{
    char path[128];
    char link[32];
    char name[128];
    int broken = 0;

    snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
    for (int fd = 3; fd < 256; fd++) {
        ssize_t len;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        len = readlink(link, name, sizeof(name) - 1);
        if (len <= 0) {
            continue;
        }
        name[len] = '\0';

        int mode = fcntl(fd, F_GETFL);

        if (strcmp(name, path) != 0 || (mode & O_ACCMODE) != flags ||
            ((mode & O_DSYNC) != 0) != synced) {
            continue;
        }

        int useless = open(path, O_RDONLY | O_CLOEXEC);

        ck_assert_int_ge(useless, 0);
        ck_assert_int_ge(dup2(useless, fd), 0);
        close(useless);
        broken++;
    }
    ck_assert_int_eq(broken, 1);
}

START_TEST(a_failed_write_to_the_disk_stops_writing_until_reopened)
{
    struct fixture f;
    struct cove_store_txn *txn;

    fixture_setup(&f, FIXTURE_LMDB);
    fixture_put(&f, 0, "key", "value");
    break_file(&f, O_RDWR, false);
    txn = fixture_begin(&f, true);
    ck_assert_int_eq(put_text(txn, 0, "key", "lost"), 0);
    ck_assert_int_eq(cove_store_commit(txn), COVE_EIO);
    ck_assert_int_eq(cove_store_begin(f.store, true, &txn), COVE_EIO);
    fixture_assert(&f, 0, "key", "value");
    reopen(&f);
    fixture_assert(&f, 0, "key", "value");
    fixture_put(&f, 0, "key", "new");
    fixture_assert(&f, 0, "key", "new");
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_failed_write_of_the_root_stops_everything_until_reopened)
{
    struct fixture f;
    struct cove_store_txn *txn;

    fixture_setup(&f, FIXTURE_LMDB);
    fixture_put(&f, 0, "key", "value");
    break_file(&f, O_WRONLY, true);
    txn = fixture_begin(&f, true);
    ck_assert_int_eq(put_text(txn, 0, "key", "lost"), 0);
    ck_assert_int_eq(cove_store_commit(txn), COVE_EIO);
    ck_assert_int_eq(cove_store_begin(f.store, true, &txn), COVE_EIO);
    /* LMDB's MDB_PANIC. */
    ck_assert_int_eq(cove_store_begin(f.store, false, &txn), COVE_EIO);
    reopen(&f);
    fixture_assert(&f, 0, "key", "value");
    fixture_put(&f, 0, "key", "new");
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_file_cut_short_is_damage_and_kills_nobody)
{
    struct fixture f;
    char path[128];
    int damaged = 0;

    fixture_setup(&f, FIXTURE_LMDB);
    snprintf(path, sizeof(path), "%s/data.mdb", f.dir);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(put_many(txn, 0, 300, 100), 0);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    for (off_t pages = 12; pages >= 2; pages--) {
        struct cove_store_cursor *cursor;
        struct cove_entry entry;

        cove_store_close(f.store);
        f.store = NULL;
        ck_assert_int_eq(truncate(path, pages * 4096), 0);

        int err = fixture_open(&f);

        if (err != 0) {
            ck_assert_int_eq(err, COVE_ECORRUPT);
            ck_assert_ptr_nonnull(strstr(f.diag.text, f.dir));
            f.store = NULL;
            damaged++;
            continue;
        }
        txn = fixture_begin(&f, false);
        ck_assert_int_eq(cove_store_cursor_open(txn, 0, &cursor), 0);
        err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
        while (err == 0) {
            err = cove_store_cursor_next(cursor, &entry);
        }
        cove_store_cursor_close(cursor);
        cove_store_abort(txn);
        damaged += err == COVE_ECORRUPT;
        if (err == COVE_ECORRUPT) {
            ck_assert_int_eq(cove_store_begin(f.store, true, &txn),
                             COVE_ECORRUPT);
        }
    }
    ck_assert_int_gt(damaged, 5);
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
    tcase_add_test(disk, a_full_disk_refuses_the_commit_and_loses_nothing);
    tcase_add_test(disk, a_disk_without_room_kills_nobody);
    tcase_add_test(disk,
                   a_failed_write_to_the_disk_stops_writing_until_reopened);
    tcase_add_test(disk,
                   a_failed_write_of_the_root_stops_everything_until_reopened);
    tcase_add_test(disk, a_file_cut_short_is_damage_and_kills_nobody);
    tcase_add_test(disk, too_many_readers_are_busy);
    tcase_add_loop_test(disk, both_stores_answer_alike, 0, 5);
    suite_add_tcase(suite, disk);
    return suite;
}

int main(void)
{
    return harness_run(disk_suite());
}
