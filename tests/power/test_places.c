/* Bad places for a store: each is refused, or lived with, by name. What no
 * test can bring about as any user is said by the hook of calls.c or by the
 * linker's --wrap. */
#include <errno.h>
#include <fcntl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "tests/node_api/api_kit.h"
#include "tests/power/calls.h"
#include "tests/power/edge.h"

#define NOW    INT64_C(1790000000000)
#define DAY    INT64_C(86400000)
#define MINUTE INT64_C(60000)
#define NFS    0x6969
#define TEXT   3000

static struct api a;

/* ---------------------------------------------------- what the system says */

static struct {
    int number;   /* the errno of calls that would change something */
    bool network; /* what the file system is */
} place;

static int place_before(void *ctx, struct call *call)
{
    bool opens = call->kind == CALL_OPEN &&
                 (call->flags & (O_WRONLY | O_RDWR | O_CREAT)) == 0;

    (void)ctx;
    return opens || strstr(call->path, "cove-api-") == NULL ? 0 : place.number;
}

static void place_after(void *ctx, const struct call *call, int failed)
{
    (void)ctx;
    (void)call;
    (void)failed;
}

static const struct calls_hook place_hook = {place_before, place_after, NULL};

int __real_fstatfs64(int fd, struct statfs *out);
int __wrap_fstatfs64(int fd, struct statfs *out);

int __wrap_fstatfs64(int fd, struct statfs *out)
{
    int failed = __real_fstatfs64(fd, out);

    if (place.network) {
        out->f_type = NFS;
    }
    return failed;
}

static void setup(void)
{
    place.number = 0;
    place.network = false;
    edge_set(NOW, 1);
    api_dir(&a);
}

static void teardown(void)
{
    calls_watch(NULL);
    api_close(&a);
}

static void open_here(void)
{
    api_ok(cove_open(a.dir, NULL, &a.store), a.store);
}

/* Opening gives this code and a sentence that names the place, and what to do
 * about it behind a semicolon. */
static void refused(const struct cove_options *options, int code)
{
    int err = cove_open(a.dir, options, &a.store);

    ck_assert_msg(err == code, "%d: %s", err, cove_errmsg(a.store));
    ck_assert_msg(strstr(cove_errmsg(a.store), a.dir) != NULL &&
                      strstr(cove_errmsg(a.store), "; ") != NULL,
                  "%s", cove_errmsg(a.store));
    cove_close(a.store);
    a.store = NULL;
}

/* ------------------------------------------------------------------- places */

START_TEST(a_disk_for_reading_only_is_denied_and_left_alone)
{
    struct cove_id id;

    place.number = EROFS;
    calls_watch(&place_hook);
    refused(NULL, COVE_EACCES);
    calls_watch(NULL);
    open_here();
    id = api_new(&a, NULL, "{\"n\":1}");
    cove_close(a.store);
    calls_watch(&place_hook);
    refused(NULL, COVE_EACCES);
    calls_watch(NULL);
    open_here();
    ck_assert_int_eq(api_int(&a, &id, "n"), 1);
}
END_TEST

START_TEST(a_directory_of_somebody_else_is_denied)
{
    place.number = EACCES;
    calls_watch(&place_hook);
    refused(NULL, COVE_EACCES);
}
END_TEST

START_TEST(a_process_with_too_many_files_says_so)
{
    place.number = EMFILE;
    calls_watch(&place_hook);
    ck_assert_int_eq(cove_open(a.dir, NULL, &a.store), COVE_EIO);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(a.store), "Too many open files"));
}
END_TEST

START_TEST(a_network_file_system_is_refused_unless_forced)
{
    struct cove_options force = {.size = sizeof(force),
                                 .flags = COVE_OPEN_CREATE |
                                          COVE_OPEN_FORCE_NETWORK};

    place.network = true;
    refused(NULL, COVE_EUNSUPPORTED);
    api_ok(cove_open(a.dir, &force, &a.store), a.store);
    api_new(&a, NULL, "{\"n\":1}");
}
END_TEST

/* Writes of some size until there is no room; how many there were. */
static int fill(int *last)
{
    char text[TEXT + 1];
    int count = 0, err = 0;

    memset(text, 'x', TEXT);
    text[TEXT] = '\0';
    while (err == 0 && count < 10000) {
        struct cove_txn *txn = api_begin(&a, COVE_WRITE);
        struct cove_id id;

        api_ok(cove_new(txn, NULL, NULL, "{}", &id), a.store);
        err = cove_set(txn, &id, "text", cove_text(text));
        if (err == 0) {
            err = cove_commit(txn);
        } else {
            cove_abort(txn);
        }
        count += err == 0;
    }
    *last = err;
    return count;
}

START_TEST(a_map_at_its_maximum_refuses_and_loses_nothing)
{
    struct cove_options small = {.size = sizeof(small),
                                 .flags = COVE_OPEN_CREATE,
                                 .map_bytes = 256 << 10,
                                 .map_bytes_max = 1 << 20};
    struct cove_id id;
    int count, err;

    api_ok(cove_open(a.dir, &small, &a.store), a.store);
    id = api_new(&a, NULL, "{\"n\":1}");
    count = fill(&err);
    ck_assert_int_eq(err, COVE_ENOSPC);
    ck_assert_msg(strstr(cove_errmsg(a.store), "a larger map") != NULL, "%s",
                  cove_errmsg(a.store));
    ck_assert_int_gt(count, 50);
    ck_assert_int_eq(api_count(&a, NULL), count + 2); /* and the account */
    ck_assert_int_eq(api_int(&a, &id, "n"), 1);
    small.map_bytes_max = 4 << 20;
    cove_close(a.store);
    api_ok(cove_open(a.dir, &small, &a.store), a.store);
    ck_assert_int_gt(fill(&err), count);
    ck_assert_int_eq(err, COVE_ENOSPC);
}
END_TEST

/* Within five minutes: what is written then is newer all the same. */
START_TEST(a_clock_that_jumped_back_a_little_loses_no_write)
{
    struct cove_txn *txn;
    struct cove_id id;

    open_here();
    id = api_new(&a, NULL, "{\"n\":1}");
    for (int i = 2; i < 5; i++) {
        edge_set(NOW - i * MINUTE, (uint64_t)i);
        api_reopen(&a);
        txn = api_begin(&a, COVE_WRITE);
        api_ok(cove_set(txn, &id, "n", cove_int(i)), a.store);
        api_ok(cove_commit(txn), a.store);
        ck_assert_int_eq(api_int(&a, &id, "n"), i);
    }
}
END_TEST

/* Further: the clock is wrong, now or then. Reading goes on, and writing as
 * soon as it is right. */
START_TEST(a_clock_that_jumped_back_further_is_named)
{
    struct cove_txn *txn;
    struct cove_id id;
    int err;

    open_here();
    id = api_new(&a, NULL, "{\"n\":1}");
    edge_set(NOW - DAY, 2);
    api_reopen(&a);
    txn = api_begin(&a, COVE_WRITE);
    err = cove_set(txn, &id, "n", cove_int(2));
    ck_assert_msg(err == COVE_ECLOCK, "%d %s", err, cove_errmsg(a.store));
    ck_assert_ptr_nonnull(strstr(cove_errmsg(a.store), "clock"));
    cove_abort(txn);
    ck_assert_int_eq(api_int(&a, &id, "n"), 1);
    edge_set(NOW + DAY, 3);
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_set(txn, &id, "n", cove_int(3)), a.store);
    api_ok(cove_commit(txn), a.store);
    ck_assert_int_eq(api_int(&a, &id, "n"), 3);
}
END_TEST

static Suite *places_suite(void)
{
    Suite *suite = suite_create("places");
    TCase *tcase = tcase_create("places");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_disk_for_reading_only_is_denied_and_left_alone);
    tcase_add_test(tcase, a_directory_of_somebody_else_is_denied);
    tcase_add_test(tcase, a_process_with_too_many_files_says_so);
    tcase_add_test(tcase, a_network_file_system_is_refused_unless_forced);
    tcase_add_test(tcase, a_map_at_its_maximum_refuses_and_loses_nothing);
    tcase_add_test(tcase, a_clock_that_jumped_back_a_little_loses_no_write);
    tcase_add_test(tcase, a_clock_that_jumped_back_further_is_named);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return harness_run(places_suite());
}
