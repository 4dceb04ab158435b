/* The store on a disk that is full, fails, or lost a part of the file. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "tests/unit/store_fixture.h"

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

/* A37 */
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

/* A37 */
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

static Suite *full_suite(void)
{
    Suite *suite = suite_create("store on a bad disk");
    TCase *bad = tcase_create("bad disk");

    tcase_set_timeout(bad, 60);
    tcase_add_test(bad, a_full_disk_refuses_the_commit_and_loses_nothing);
    tcase_add_test(bad, a_disk_without_room_kills_nobody);
    tcase_add_test(bad,
                   a_failed_write_to_the_disk_stops_writing_until_reopened);
    tcase_add_test(bad,
                   a_failed_write_of_the_root_stops_everything_until_reopened);
    tcase_add_test(bad, a_file_cut_short_is_damage_and_kills_nobody);
    suite_add_tcase(suite, bad);
    return suite;
}

int main(void)
{
    return harness_run(full_suite());
}
