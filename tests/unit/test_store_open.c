/* The store on disk: what is opened and what is refused, and several
 * processes at one store. */
#include <fcntl.h>

#include "core/store_dir.h"
#include "tests/unit/store_fixture.h"

static void assert_refused(struct fixture *f, int code)
{
    struct cove_store *untouched = f->store;

    ck_assert_int_eq(fixture_open(f), code);
    ck_assert_ptr_eq(f->store, untouched);
    ck_assert_int_eq(f->diag.code, code);
    /* The sentence says where, and what to do after a semicolon. */
    ck_assert_msg(strstr(f->diag.text, f->dir) != NULL, "%s", f->diag.text);
    ck_assert_msg(strstr(f->diag.text, "; ") != NULL, "%s", f->diag.text);
}

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

START_TEST(another_file_is_no_store_and_left_alone)
{
    static uint8_t zeros[8192];
    struct fixture f;

    fixture_init(&f, FIXTURE_LMDB);
    write_file(&f, "data.mdb", cove_bytes_text("short"));
    assert_refused(&f, COVE_ENOTSTORE);
    write_file(&f, "data.mdb", cove_bytes(zeros, sizeof(zeros)));
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

START_TEST(several_processes_may_make_a_store_at_once)
{
    struct fixture f;
    pid_t children[6];

    for (int round = 0; round < 5; round++) {
        fixture_init(&f, FIXTURE_LMDB);
        for (int i = 0; i < 6; i++) {
            char key[] = {(char)('a' + i), '\0'};

            children[i] = fork();
            if (children[i] == 0) {
                if (fixture_open(&f) != 0) {
                    fprintf(stderr, "# %s\n", f.diag.text);
                    child_end(1);
                }
                fixture_put(&f, 0, key, "value");
                cove_store_close(f.store);
                child_end(0);
            }
        }
        for (int i = 0; i < 6; i++) {
            ck_assert(child_ended_well(children[i]));
        }
        f.opt.create = false;
        ck_assert_int_eq(fixture_open(&f), 0);
        for (int i = 0; i < 6; i++) {
            char key[] = {(char)('a' + i), '\0'};

            fixture_assert(&f, 0, key, "value");
        }
        fixture_teardown(&f);
    }
}
END_TEST

static int child_inherits(struct fixture *f)
{
    struct cove_store *inherited = f->store;
    struct cove_store_txn *txn;

    CHILD_CHECK(cove_store_begin(inherited, true, &txn) == COVE_EBUSY);
    CHILD_CHECK(cove_store_begin(inherited, false, &txn) == COVE_EBUSY);
    CHILD_CHECK(fixture_open(f) == 0);
    fixture_assert(f, 0, "key", "value");
    fixture_put(f, 0, "child", "was here");
    cove_store_close(inherited);
    fixture_put(f, 0, "child", "is here");
    cove_store_close(f->store);
    return 0;
}

START_TEST(a_forked_child_opens_its_own_and_leaves_its_parents_alone)
{
    struct fixture f;
    struct fixture again;

    fixture_setup(&f, FIXTURE_LMDB);
    fixture_put(&f, 0, "key", "value");
    fixture_assert(&f, 0, "key", "value"); /* a reader is kept */

    struct cove_store_txn *reader = fixture_begin(&f, false);

    ck_assert(in_child(child_inherits, &f));
    again = f;
    again.store = NULL;
    assert_refused(&again, COVE_EBUSY);
    assert_absent(reader, 0, "child");
    cove_store_abort(reader);
    fixture_assert(&f, 0, "child", "is here");
    fixture_put(&f, 0, "key", "parent");
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_child_that_lives_on_keeps_nothing_from_its_parent)
{
    struct fixture f;
    int hold[2];

    fixture_setup(&f, FIXTURE_LMDB);
    ck_assert_int_eq(pipe(hold), 0);

    pid_t child = fork();

    if (child == 0) {
        char byte;

        close(hold[1]);
        child_end(read(hold[0], &byte, 1) == 0 ? 0 : 1);
    }
    /* The child has the lock's description open still. */
    cove_store_close(f.store);
    ck_assert_int_eq(fixture_open(&f), 0);
    fixture_put(&f, 0, "key", "value");
    close(hold[0]);
    close(hold[1]);

    ck_assert(child_ended_well(child));
    fixture_teardown(&f);
}
END_TEST

/* ---- processes taking turns ---- */

struct turns {
    int to_child[2];
    int to_parent[2];
};

static void turns_open(struct turns *turns)
{
    ck_assert_int_eq(pipe(turns->to_child), 0);
    ck_assert_int_eq(pipe(turns->to_parent), 0);
}

static void turns_close(struct turns *turns)
{
    for (int i = 0; i < 2; i++) {
        close(turns->to_child[i]);
        close(turns->to_parent[i]);
    }
}

static void give(const int pipe_ends[2])
{
    ck_assert_int_eq(write(pipe_ends[1], "x", 1), 1);
}

static void take(const int pipe_ends[2])
{
    char byte;

    ck_assert_int_eq(read(pipe_ends[0], &byte, 1), 1);
}

/* Kill the child and see it dead. */
static void kill_child(pid_t child)
{
    int status;

    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
}

START_TEST(a_child_killed_in_mid_transaction_loses_nothing_committed)
{
    struct fixture f;
    struct turns turns;

    fixture_init(&f, FIXTURE_LMDB);
    turns_open(&turns);

    pid_t child = fork();

    if (child == 0) {
        struct cove_store_txn *txn;

        if (fixture_open(&f) == 0) {
            fixture_put(&f, 0, "committed", "value");
            txn = fixture_begin(&f, true);
            if (put_text(txn, 0, "committed", "lost") == 0 &&
                put_text(txn, 0, "uncommitted", "lost") == 0) {
                give(turns.to_parent);
                take(turns.to_child); /* never comes */
            }
        }
        child_end(1);
    }
    take(turns.to_parent);
    kill_child(child);
    f.opt.create = false;
    ck_assert_int_eq(fixture_open(&f), 0);
    fixture_assert(&f, 0, "committed", "value");
    fixture_assert(&f, 0, "uncommitted", NULL);
    fixture_put(&f, 0, "uncommitted", "written after all");
    turns_close(&turns);
    fixture_teardown(&f);
}
END_TEST

START_TEST(the_readers_of_the_dead_are_reaped)
{
    struct fixture f;
    struct turns turns;
    int dead = -1;

    fixture_setup(&f, FIXTURE_LMDB);
    turns_open(&turns);

    pid_t child = fork();

    if (child == 0) {
        if (fixture_open(&f) == 0 && fixture_begin(&f, false) != NULL &&
            fixture_begin(&f, false) != NULL) {
            give(turns.to_parent);
            take(turns.to_child); /* never comes */
        }
        child_end(1);
    }
    take(turns.to_parent);
    ck_assert_int_eq(cove_store_reap(f.store, &dead), 0);
    ck_assert_int_eq(dead, 0);
    kill_child(child);
    ck_assert_int_eq(cove_store_reap(f.store, &dead), 0);
    ck_assert_int_eq(dead, 2);
    turns_close(&turns);
    fixture_teardown(&f);
}
END_TEST

/* Add to a counter and put a value that makes the map grow. */
static void count_up(struct fixture *f, unsigned round)
{
    static uint8_t value[3000];
    struct cove_store_txn *txn = fixture_begin(f, true);
    struct cove_bytes got;
    unsigned count = 0;
    char key[24];

    if (cove_store_get(txn, 0, cove_bytes_text("count"), &got) == 0) {
        memcpy(&count, got.at, sizeof(count));
    }
    ck_assert_uint_eq(count, round);
    count++;
    ck_assert_int_eq(cove_store_put(txn, 0, cove_bytes_text("count"),
                                    cove_bytes(&count, sizeof(count))),
                     0);
    snprintf(key, sizeof(key), "%u", round);
    ck_assert_int_eq(cove_store_put(txn, 1, cove_bytes_text(key),
                                    cove_bytes(value, sizeof(value))),
                     0);
    ck_assert_int_eq(cove_store_commit(txn), 0);
}

START_TEST(two_processes_write_in_turn_while_the_map_grows)
{
    struct fixture f;
    struct turns turns;
    const unsigned rounds = 100;

    fixture_init(&f, FIXTURE_LMDB);
    f.opt.map_bytes = 65536;
    turns_open(&turns);

    pid_t child = fork();

    if (child == 0) {
        if (fixture_open(&f) != 0) {
            child_end(1);
        }
        for (unsigned i = 1; i < rounds; i += 2) {
            take(turns.to_child);
            count_up(&f, i);
            give(turns.to_parent);
        }
        cove_store_close(f.store);
        child_end(0);
    }
    ck_assert_int_eq(fixture_open(&f), 0);
    for (unsigned i = 0; i < rounds; i += 2) {
        /* A reader, too, finds the map too small for what it reads. */
        if (i % 20 == 0) {
            fixture_assert(&f, 2, "nothing", NULL);
        }
        count_up(&f, i);
        give(turns.to_child);
        take(turns.to_parent);
    }
    ck_assert(child_ended_well(child));
    turns_close(&turns);
    fixture_teardown(&f);
}
END_TEST

struct interloper {
    struct turns *turns;
    bool done;
};

/* Called between the end of the spoilt transaction and its repetition. */
static int interloper_hook(void *ctx, const char *call)
{
    struct interloper *interloper = ctx;

    if (strcmp(call, "map") == 0 && !interloper->done) {
        interloper->done = true;
        give(interloper->turns->to_child);
        take(interloper->turns->to_parent);
    }
    return 0;
}

START_TEST(a_write_of_another_process_while_the_map_grows_is_not_lost)
{
    static uint8_t value[3000];
    struct fixture f;
    struct turns turns;
    struct interloper interloper = {&turns, false};
    int err = 0;

    fixture_init(&f, FIXTURE_LMDB);
    f.opt.map_bytes = 65536;
    turns_open(&turns);

    pid_t child = fork();

    if (child == 0) {
        take(turns.to_child);
        if (fixture_open(&f) != 0) {
            child_end(1);
        }
        fixture_put(&f, 0, "key", "of the child");
        cove_store_close(f.store);
        give(turns.to_parent);
        child_end(0);
    }
    ck_assert_int_eq(fixture_open(&f), 0);
    fixture_put(&f, 0, "key", "first");
    cove_store_set_fault(f.store, interloper_hook, &interloper);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    assert_text(txn, 0, "key", "first");
    for (int i = 0; err == 0 && i < 100; i++) {
        char key[24];

        snprintf(key, sizeof(key), "%d", i);
        err = cove_store_put(txn, 1, cove_bytes_text(key),
                             cove_bytes(value, sizeof(value)));
    }
    ck_assert(interloper.done);
    ck_assert_int_eq(err, COVE_EBUSY);
    ck_assert_int_eq(cove_store_commit(txn), COVE_EBUSY);
    fixture_assert(&f, 0, "key", "of the child");
    fixture_put(&f, 0, "key", "second");
    ck_assert(child_ended_well(child));
    turns_close(&turns);
    fixture_teardown(&f);
}
END_TEST

static Suite *open_suite(void)
{
    Suite *suite = suite_create("opening a store");
    TCase *opening = tcase_create("opening");
    TCase *processes = tcase_create("processes");

    tcase_add_test(opening, files_are_for_their_owner_alone);
    tcase_add_test(opening, an_absent_store_is_not_found_and_not_made);
    tcase_add_test(opening, an_interrupted_creation_is_finished);
    tcase_add_test(opening, another_file_is_no_store_and_left_alone);
    tcase_add_test(opening, an_lmdb_file_of_another_program_is_no_store);
    tcase_add_test(opening, a_store_of_a_newer_format_is_refused_as_newer);
    tcase_add_test(opening, a_directory_without_permission_is_denied);
    tcase_add_test(opening, a_network_file_system_is_refused_unless_forced);
    tcase_add_test(opening, a_second_opening_in_one_process_is_busy);
    suite_add_tcase(suite, opening);
    tcase_set_timeout(processes, 60);
    tcase_add_test(processes, several_processes_may_make_a_store_at_once);
    tcase_add_test(processes,
                   a_forked_child_opens_its_own_and_leaves_its_parents_alone);
    tcase_add_test(processes,
                   a_child_that_lives_on_keeps_nothing_from_its_parent);
    tcase_add_test(processes,
                   a_child_killed_in_mid_transaction_loses_nothing_committed);
    tcase_add_test(processes, the_readers_of_the_dead_are_reaped);
    tcase_add_test(processes, two_processes_write_in_turn_while_the_map_grows);
    tcase_add_test(processes,
                   a_write_of_another_process_while_the_map_grows_is_not_lost);
    suite_add_tcase(suite, processes);
    return suite;
}

int main(void)
{
    return harness_run(open_suite());
}
