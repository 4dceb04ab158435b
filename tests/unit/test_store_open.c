/* The store on disk: what is opened and what is refused. */
#include <fcntl.h>

#include "core/store_dir.h"
#include "tests/unit/store_fixture.h"

static bool exists(const struct fixture *f, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    return access(path, F_OK) == 0;
}

static unsigned mode_of(const struct fixture *f, const char *name)
{
    char path[128];
    struct stat st;

    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    ck_assert_int_eq(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void write_file(const struct fixture *f, const char *name,
                       struct cove_bytes content)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", f->dir, name);

    FILE *file = fopen(path, "wb");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(content.at, 1, content.len, file), content.len);
    ck_assert_int_eq(fclose(file), 0);
}

/* Replace bytes everywhere in data.mdb. */
static void patch_file(const struct fixture *f, struct cove_bytes from,
                       struct cove_bytes to)
{
    static uint8_t content[1 << 20];
    char path[128];
    int patched = 0;

    snprintf(path, sizeof(path), "%s/data.mdb", f->dir);

    FILE *file = fopen(path, "rb");

    ck_assert_ptr_nonnull(file);

    size_t len = fread(content, 1, sizeof(content), file);

    fclose(file);
    for (size_t i = 0; i + from.len <= len; i++) {
        if (memcmp(content + i, from.at, from.len) == 0) {
            memcpy(content + i, to.at, to.len);
            patched++;
        }
    }
    ck_assert_int_gt(patched, 0);
    write_file(f, "data.mdb", cove_bytes(content, len));
}

START_TEST(files_are_for_their_owner_alone)
{
    struct fixture f;
    struct fixture above;

    fixture_init(&above, FIXTURE_LMDB);
    f = above;
    f.opt.alloc = &f.heap.alloc;
    f.heap.alloc.ctx = &f.heap;
    fixture_rename(&f, &above, "/made");
    umask(0);
    ck_assert_int_eq(fixture_open(&f), 0);
    umask(022);
    ck_assert_uint_eq(mode_of(&f, ""), 0700);
    ck_assert_uint_eq(mode_of(&f, "data.mdb"), 0600);
    ck_assert_uint_eq(mode_of(&f, "lock.mdb"), 0600);
    ck_assert_uint_eq(mode_of(&f, "open.lock"), 0600);
    fixture_teardown(&f);
    ck_assert_int_eq(rmdir(above.dir), 0);
}
END_TEST

START_TEST(an_absent_store_is_not_found_and_not_made)
{
    struct fixture f;

    fixture_init(&f, FIXTURE_LMDB);
    f.opt.create = false;
    assert_refused(&f, COVE_ENOTFOUND);
    ck_assert(!exists(&f, "data.mdb"));
    ck_assert(!exists(&f, "open.lock"));
    ck_assert_int_eq(rmdir(f.dir), 0);
    assert_refused(&f, COVE_ENOTFOUND);
    ck_assert_int_ne(access(f.dir, F_OK), 0);

    /* A directory in a directory that is not there either. */
    struct fixture above = f;

    fixture_rename(&f, &above, "/below");
    f.opt.create = true;
    assert_refused(&f, COVE_ENOTFOUND);
}
END_TEST

START_TEST(an_interrupted_creation_is_finished)
{
    struct fixture f;

    fixture_init(&f, FIXTURE_LMDB);
    write_file(&f, "data.mdb", cove_bytes("", 0));
    f.opt.create = false;
    assert_refused(&f, COVE_ENOTFOUND);
    f.opt.create = true;
    ck_assert_int_eq(fixture_open(&f), 0);
    cove_store_close(f.store);
    f.store = NULL;

    /* A full disk took only the first of the two first pages. */
    char path[128];

    snprintf(path, sizeof(path), "%s/data.mdb", f.dir);
    ck_assert_int_eq(truncate(path, 4096), 0);
    f.opt.create = false;
    assert_refused(&f, COVE_ENOTFOUND);
    f.opt.create = true;
    ck_assert_int_eq(fixture_open(&f), 0);
    fixture_put(&f, 0, "key", "value");
    fixture_teardown(&f);
}
END_TEST

/* Of the two pages that LMDB writes first a power cut left none, either one,
 * or more after it; the length was on the disk. */
START_TEST(a_creation_that_a_power_cut_interrupted_is_finished)
{
    static const uint8_t zeros[4096];
    static const off_t lost[] = {0, 4096, 8192};
    struct fixture f;
    char path[128];

    fixture_setup(&f, FIXTURE_LMDB);
    cove_store_close(f.store);
    f.store = NULL;
    snprintf(path, sizeof(path), "%s/data.mdb", f.dir);
    for (int which = 1; which < 8; which++) {
        int fd = open(path, O_RDWR);

        ck_assert_int_eq(ftruncate(fd, 12288), 0);
        for (int i = 0; i < 3; i++) {
            ck_assert(!(which & 1 << i) ||
                      pwrite(fd, zeros, sizeof(zeros), lost[i]) == 4096);
        }
        close(fd);
        if (which == 4) {
            continue; /* both are there: the rest is what LMDB makes of it */
        }
        f.opt.create = false;
        assert_refused(&f, COVE_ENOTFOUND);
        f.opt.create = true;
        ck_assert_int_eq(fixture_open(&f), 0);
        cove_store_close(f.store);
        f.store = NULL;
    }
    ck_assert_int_eq(fixture_open(&f), 0);
    fixture_put(&f, 0, "key", "value");
    fixture_teardown(&f);
}
END_TEST

/* In a store that holds something that is damage: nothing is begun anew. */
START_TEST(a_store_that_lost_a_first_page_is_not_made_anew)
{
    static const uint8_t zeros[4096];
    struct fixture f;
    struct stat st;
    char path[128];
    off_t size;

    fixture_setup(&f, FIXTURE_LMDB);
    fixture_put(&f, 0, "key", "value");
    cove_store_close(f.store);
    f.store = NULL;
    snprintf(path, sizeof(path), "%s/data.mdb", f.dir);
    ck_assert_int_eq(stat(path, &st), 0);
    size = st.st_size;

    int fd = open(path, O_RDWR);

    ck_assert(pwrite(fd, zeros, sizeof(zeros), 0) == 4096);
    close(fd);
    assert_refused(&f, COVE_ECORRUPT);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_size, size);
    fixture_teardown(&f);
}
END_TEST

START_TEST(another_file_is_no_store_and_left_alone)
{
    static uint8_t other[8192] = "of another program";
    struct fixture f;

    fixture_init(&f, FIXTURE_LMDB);
    write_file(&f, "data.mdb", cove_bytes_text("short"));
    assert_refused(&f, COVE_ENOTSTORE);
    write_file(&f, "data.mdb", cove_bytes(other, sizeof(other)));
    assert_refused(&f, COVE_ENOTSTORE);
    ck_assert(!exists(&f, "lock.mdb"));
    ck_assert(!exists(&f, "open.lock"));

    char path[128];

    snprintf(path, sizeof(path), "%s/data.mdb", f.dir);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    assert_refused(&f, COVE_ENOTSTORE);
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    assert_refused(&f, COVE_ENOTSTORE);
    fixture_remove(&f);

    /* The path itself is a file. */
    int fd = open(f.dir, O_CREAT | O_WRONLY, 0600);

    ck_assert_int_ge(fd, 0);
    close(fd);
    assert_refused(&f, COVE_ENOTSTORE);
    ck_assert_int_eq(unlink(f.dir), 0);
}
END_TEST

START_TEST(an_lmdb_file_of_another_program_is_no_store)
{
    struct fixture f;

    fixture_setup(&f, FIXTURE_LMDB);
    cove_store_close(f.store);
    f.store = NULL;
    patch_file(&f, cove_bytes_text("cove\x01"), cove_bytes_text("dove\x01"));
    assert_refused(&f, COVE_ENOTSTORE);
    ck_assert_int_eq(f.heap.alive, 0);
    fixture_remove(&f);
}
END_TEST

START_TEST(a_store_of_a_newer_format_is_refused_as_newer)
{
    struct fixture f;

    fixture_setup(&f, FIXTURE_LMDB);
    fixture_put(&f, 0, "key", "value");
    cove_store_close(f.store);
    f.store = NULL;
    patch_file(&f, cove_bytes_text("cove\x01"), cove_bytes_text("cove\x02"));
    assert_refused(&f, COVE_ENEWER);
    patch_file(&f, cove_bytes_text("cove\x02"), cove_bytes_text("cove\x01"));
    ck_assert_int_eq(fixture_open(&f), 0);
    fixture_assert(&f, 0, "key", "value");
    cove_store_close(f.store);
    f.store = NULL;

    /* The same for a file of another LMDB: behind the magic its version. */
    const uint8_t known[] = {0xde, 0xc0, 0xef, 0xbe, 1, 0, 0, 0};
    const uint8_t newer[] = {0xde, 0xc0, 0xef, 0xbe, 2, 0, 0, 0};

    patch_file(&f, cove_bytes(known, 8), cove_bytes(newer, 8));
    assert_refused(&f, COVE_ENEWER);
    ck_assert_int_eq(f.heap.alive, 0);
    fixture_remove(&f);
}
END_TEST

static int child_no_permission(struct fixture *f)
{
    /* Root may do anything: be nobody. */
    CHILD_CHECK(geteuid() != 0 || setuid(65534) == 0);
    CHILD_CHECK(fixture_open(f) == COVE_EACCES);
    CHILD_CHECK(strstr(f->diag.text, f->dir) != NULL);
    CHILD_CHECK(strstr(f->diag.text, "; ") != NULL);
    CHILD_CHECK(f->heap.alive == 0);
    return 0;
}

START_TEST(a_directory_without_permission_is_denied)
{
    struct fixture f;

    fixture_setup(&f, FIXTURE_LMDB);
    cove_store_close(f.store);
    f.store = NULL;
    ck_assert_int_eq(chmod(f.dir, 0), 0);
    ck_assert(in_child(child_no_permission, &f));
    /* May be read, but not be written. */
    ck_assert_int_eq(chmod(f.dir, 0555), 0);
    ck_assert(in_child(child_no_permission, &f));
    ck_assert_int_eq(chmod(f.dir, 0700), 0);
    fixture_remove(&f);
}
END_TEST

static int network_hook(void *ctx, const char *call)
{
    (void)ctx;
    return strcmp(call, "statfs") == 0 ? COVE_EUNSUPPORTED : 0;
}

START_TEST(a_network_file_system_is_refused_unless_forced)
{
    static const uint32_t network[] = {0x6969, 0x517b, 0xff534d42, 0xfe534d42,
                                       0x65735546};
    static const uint32_t local[] = {0xef53,     0x01021994, 0x58465342,
                                     0x9123683e, 0x2fc12fc1, 0x794c7630};
    struct fixture f;

    for (size_t i = 0; i < COVE_ARRAY_LEN(network); i++) {
        ck_assert(cove_store_is_network(network[i]));
        ck_assert(cove_store_is_network(0xffffffff00000000u | network[i]));
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(local); i++) {
        ck_assert(!cove_store_is_network(local[i]));
    }
    fixture_init(&f, FIXTURE_LMDB);
    f.opt.fault = network_hook;
    assert_refused(&f, COVE_EUNSUPPORTED);
    ck_assert(!exists(&f, "data.mdb"));
    f.opt.force_network = true;
    ck_assert_int_eq(fixture_open(&f), 0);
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_second_opening_in_one_process_is_busy)
{
    struct fixture f;
    struct fixture again;

    fixture_setup(&f, FIXTURE_LMDB);
    fixture_put(&f, 0, "key", "value");
    again = f;
    again.store = NULL;
    assert_refused(&again, COVE_EBUSY);

    /* By another name it is the same store. */
    fixture_rename(&again, &f, ".link");
    ck_assert_int_eq(symlink(f.dir, again.dir), 0);
    assert_refused(&again, COVE_EBUSY);
    ck_assert_int_eq(unlink(again.dir), 0);

    /* The refusal took nothing from the one that is open. */
    fixture_rename(&again, &f, "");
    assert_refused(&again, COVE_EBUSY);
    fixture_put(&f, 0, "key", "new");
    cove_store_close(f.store);
    ck_assert_int_eq(fixture_open(&f), 0);
    fixture_assert(&f, 0, "key", "new");
    fixture_teardown(&f);
}
END_TEST

static Suite *open_suite(void)
{
    Suite *suite = suite_create("opening a store");
    TCase *opening = tcase_create("opening");

    tcase_add_test(opening, files_are_for_their_owner_alone);
    tcase_add_test(opening, an_absent_store_is_not_found_and_not_made);
    tcase_add_test(opening, an_interrupted_creation_is_finished);
    tcase_add_test(opening,
                   a_creation_that_a_power_cut_interrupted_is_finished);
    tcase_add_test(opening, a_store_that_lost_a_first_page_is_not_made_anew);
    tcase_add_test(opening, another_file_is_no_store_and_left_alone);
    tcase_add_test(opening, an_lmdb_file_of_another_program_is_no_store);
    tcase_add_test(opening, a_store_of_a_newer_format_is_refused_as_newer);
    tcase_add_test(opening, a_directory_without_permission_is_denied);
    tcase_add_test(opening, a_network_file_system_is_refused_unless_forced);
    tcase_add_test(opening, a_second_opening_in_one_process_is_busy);
    suite_add_tcase(suite, opening);
    return suite;
}

int main(void)
{
    return harness_run(open_suite());
}
