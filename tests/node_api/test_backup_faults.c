/* Each call of the store, each allocation and each call to the disk fails in
 * turn while a store is backed up, restored, exported and imported: the store
 * is as it was, and what is left is whole or not there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "node/node.h"
#include "tests/node_api/api_kit.h"
#include "tests/unit/store_fixture.h"

/* --- the disk: the call number `fail_at` of these fails */

static long disk_calls, disk_fail_at;

static bool disk_fails(void)
{
    if (++disk_calls != disk_fail_at) {
        return false;
    }
    errno = EIO;
    return true;
}

int fsync(int fd)
{
    return disk_fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to,
              unsigned flags)
{
    return disk_fails()
               ? -1
               : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

ssize_t write(int fd, const void *at, size_t len)
{
    return fd > 2 && disk_fails() ? -1
                                  : (ssize_t)syscall(SYS_write, fd, at, len);
}

/* --- memory of the node */

static void *heap_resize(void *ctx, void *old, size_t len)
{
    struct harness_alloc *h = ctx;

    if (len == 0) {
        free(old);
        return NULL;
    }
    return ++h->calls == h->fail_at ? NULL : realloc(old, len);
}

/* --- what fails */

enum kind { KIND_STORE, KIND_MEMORY, KIND_DISK, KINDS };

struct scene {
    struct api api;
    char beside[128]; /* what is made */
    char request[512];
};

static int scene_try(struct scene *s, enum kind kind, long at, bool *reached)
{
    struct fixture_fault fault = {.fail_at = at, .code = COVE_EIO};
    struct harness_alloc heap = {.alloc = {heap_resize, &heap}, .fail_at = at};
    struct cove *store = s->api.store;
    const struct cove_alloc *alloc = store->alloc;
    char *reply = NULL;
    int err;

    disk_calls = 0;
    disk_fail_at = kind == KIND_DISK ? at : 0;
    if (kind == KIND_STORE) {
        cove_store_set_fault(store->store, fixture_hook, &fault);
    }
    store->alloc = kind == KIND_MEMORY ? &heap.alloc : alloc;
    err = cove_admin(store, s->request, &reply);
    store->alloc = alloc;
    cove_store_set_fault(store->store, NULL, NULL);
    disk_fail_at = 0;
    cove_free(reply);
    *reached = kind == KIND_STORE    ? fault.calls >= at
               : kind == KIND_MEMORY ? heap.calls >= at
                                     : disk_calls >= at;
    return err;
}

static bool there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void scene_remove(const char *path)
{
    (void)nftw(path, api_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

/* A backup that is there is whole. */
static void assert_whole(struct scene *s, const char *path)
{
    char request[256];
    char *reply = NULL;

    snprintf(request, sizeof(request),
             "{\"do\":\"backup.verify\",\"path\":\"%s\"}", path);
    api_ok(cove_admin(s->api.store, request, &reply), s->api.store);
    ck_assert_msg(strstr(reply, "\"whole\":true") != NULL, "%s", reply);
    cove_free(reply);
}

static void scene_open(struct scene *s, const char *name)
{
    memset(s, 0, sizeof(*s));
    api_open(&s->api);
    for (int i = 0; i < 5; i++) {
        (void)api_new(&s->api, NULL, "{\"n\":1}");
    }
    snprintf(s->beside, sizeof(s->beside), "%s-%s", s->api.dir, name);
}

/* After an error of the disk a store refuses to write: open it anew. */
static void scene_renew(struct scene *s, const char before[65])
{
    char after[65];

    api_reopen(&s->api);
    api_digest(&s->api, after);
    ck_assert_str_eq(before, after);
}

START_TEST(a_backup_that_fails_leaves_nothing_and_the_store_as_it_was)
{
    char part[160], before[65];
    struct scene s;

    scene_open(&s, "backup");
    api_digest(&s.api, before);
    snprintf(part, sizeof(part), "%s.part", s.beside);
    snprintf(s.request, sizeof(s.request),
             "{\"do\":\"backup\",\"path\":\"%s\"}", s.beside);
    for (int kind = 0; kind < KINDS; kind++) {
        bool reached = true;

        for (long n = 1; reached; n++) {
            int err = scene_try(&s, (enum kind)kind, n, &reached);

            ck_assert_msg(!there(part), "kind %d call %ld: half is left", kind,
                          n);
            ck_assert_msg(err == 0 || cove_errmsg(s.api.store)[0] != '\0',
                          "no sentence");
            ck_assert(err != 0 || there(s.beside));
            scene_renew(&s, before);
            if (there(s.beside)) {
                assert_whole(&s, s.beside);
                scene_remove(s.beside);
            }
            ck_assert_int_lt(n, 500);
        }
    }
    api_close(&s.api);
}
END_TEST

START_TEST(a_restore_that_fails_leaves_nothing_or_all_of_it)
{
    char part[160], to[128], before[65];
    struct scene s;
    bool reached = true;

    scene_open(&s, "backup");
    api_digest(&s.api, before);
    snprintf(s.request, sizeof(s.request),
             "{\"do\":\"backup\",\"path\":\"%s\"}", s.beside);
    ck_assert_int_eq(scene_try(&s, KIND_DISK, 0, &reached), 0);
    snprintf(to, sizeof(to), "%s-to", s.api.dir);
    snprintf(part, sizeof(part), "%s.restore", to);
    snprintf(s.request, sizeof(s.request),
             "{\"do\":\"backup.restore\",\"path\":\"%s\",\"to\":\"%s\"}",
             s.beside, to);
    for (int kind = KIND_MEMORY; kind < KINDS; kind++) {
        reached = true;
        for (long n = 1; reached; n++) {
            int err = scene_try(&s, (enum kind)kind, n, &reached);

            ck_assert_msg(!there(part) || there(to) || err != 0, "half");
            ck_assert(err != 0 || there(to));
            scene_remove(part);
            scene_remove(to);
            ck_assert_int_lt(n, 500);
        }
    }
    assert_whole(&s, s.beside);
    scene_remove(s.beside);
    scene_renew(&s, before);
    api_close(&s.api);
}
END_TEST

/* A file that a call wrote to, or read from. */
static void dump_loop(struct scene *s, const char *verb, int fd, bool writes)
{
    char before[65];

    api_digest(&s->api, before);
    snprintf(s->request, sizeof(s->request), "{\"do\":\"%s\",\"fd\":%d}", verb,
             fd);
    for (int kind = 0; kind < KINDS; kind++) {
        bool reached = true;

        for (long n = 1; reached; n++) {
            ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
            ck_assert(!writes || ftruncate(fd, 0) == 0);

            int err = scene_try(s, (enum kind)kind, n, &reached);

            ck_assert(err == 0 || cove_errmsg(s->api.store)[0] != '\0');
            scene_renew(s, before);
            ck_assert_int_lt(n, 800);
        }
    }
}

START_TEST(a_dump_that_fails_is_said_and_the_store_is_as_it_was)
{
    struct scene s;
    int fd;

    scene_open(&s, "dump");
    fd = open(s.beside, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    dump_loop(&s, "export.exact", fd, true);
    dump_loop(&s, "import.exact", fd, false);
    close(fd);
    unlink(s.beside);
    api_close(&s.api);
}
END_TEST

static Suite *backup_suite(void)
{
    Suite *suite = suite_create("backup_faults");
    TCase *tcase = tcase_create("faults");

    tcase_set_timeout(tcase, 90);
    tcase_add_test(tcase,
                   a_backup_that_fails_leaves_nothing_and_the_store_as_it_was);
    tcase_add_test(tcase, a_restore_that_fails_leaves_nothing_or_all_of_it);
    tcase_add_test(tcase, a_dump_that_fails_is_said_and_the_store_is_as_it_was);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return harness_run(backup_suite());
}
