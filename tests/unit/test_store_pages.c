/* LMDB's file without LMDB: what the reader of pages gives is what LMDB gives,
 * and whatever the bytes of the file, it ends and reads nowhere else. */
#include <fcntl.h>

#include "core/store_pages.h"
#include "tests/unit/store_fixture.h"

#define PAGE 4096

struct seen { /* a sum over entries, whatever their order */
    uint64_t count[COVE_PAGES_TREES + 1];
    uint64_t sum[COVE_PAGES_TREES + 1];
    uint64_t faults;
    uint64_t page;
};

static uint64_t mix(uint64_t h, struct cove_bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        h = (h ^ b.at[i]) * UINT64_C(0x100000001b3);
    }
    return (h ^ b.len) * UINT64_C(0x9E3779B97F4A7C15);
}

static int see_entry(void *ctx, unsigned tree, const struct cove_entry *entry)
{
    struct seen *seen = ctx;

    seen->count[tree]++;
    seen->sum[tree] += mix(mix(1, entry->key), entry->value);
    return 0;
}

static int see_fault(void *ctx, const struct cove_page_fault *fault)
{
    struct seen *seen = ctx;

    seen->faults++;
    seen->page = fault->page;
    return 0;
}

static void look(const struct fixture *f, struct seen *walked,
                 struct seen *rest, struct cove_pages_sum *sum)
{
    struct cove_pages_visit visit = {
        .entry = see_entry, .fault = see_fault, .ctx = walked};
    struct cove_pages *pages;
    struct cove_diag diag = {0};

    memset(walked, 0, sizeof(*walked));
    memset(rest, 0, sizeof(*rest));
    ck_assert_int_eq(cove_pages_open(f->dir, &f->heap.alloc, &pages, &diag), 0);
    ck_assert_int_eq(cove_pages_walk(pages, &visit), 0);
    visit.ctx = rest;
    ck_assert_int_eq(cove_pages_rest(pages, &visit), 0);
    *sum = *cove_pages_sum(pages);
    cove_pages_close(pages);
}

static void by_cursor(struct fixture *f, struct seen *out)
{
    struct cove_store_txn *txn = fixture_begin(f, false);

    memset(out, 0, sizeof(*out));
    for (unsigned tree = 0; tree < f->opt.trees; tree++) {
        struct cove_store_cursor *cursor;
        struct cove_entry entry;
        int err = cove_store_cursor_open(txn, tree, &cursor);

        ck_assert_int_eq(err, 0);
        err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
        for (; err == 0; err = cove_store_cursor_next(cursor, &entry)) {
            see_entry(out, tree, &entry);
        }
        cove_store_cursor_close(cursor);
    }
    cove_store_abort(txn);
}

/* Keys and values of all lengths, written over and deleted in many commits. */
static void fill(struct fixture *f, uint64_t seed)
{
    static uint8_t value[100000];
    uint64_t r = seed * 2 + 1;

    for (int commit = 0; commit < 8; commit++) {
        struct cove_store_txn *txn = fixture_begin(f, true);

        for (int i = 0; i < 120; i++) {
            uint8_t key[16];
            unsigned tree;
            size_t len;

            r = r * UINT64_C(6364136223846793005) + 1442695040888963407u;
            tree = (unsigned)(r >> 33) % f->opt.trees;
            cove_put_be64(key, (r >> 20) % 400);
            cove_put_be64(key + 8, (r >> 20) % 400);
            len = (r >> 40) % 37 == 0 ? (r >> 45) % sizeof(value)
                                      : (r >> 45) % 300;
            memset(value, (int)(r >> 50), len);
            if (i % 5 == 4) {
                int err = cove_store_del(txn, tree, cove_bytes(key, 9));

                ck_assert(err == 0 || err == COVE_ENOTFOUND);
            } else {
                ck_assert_int_eq(cove_store_put(txn, tree, cove_bytes(key, 9),
                                                cove_bytes(value, len)),
                                 0);
            }
        }
        ck_assert_int_eq(cove_store_commit(txn), 0);
    }
}

START_TEST(a_walk_gives_what_lmdb_gives_and_counts_each_page)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct seen walked, rest, read;
        struct cove_pages_sum sum;
        struct cove_store_usage usage;
        struct fixture f;

        fixture_setup(&f, FIXTURE_LMDB);
        fill(&f, seed);
        by_cursor(&f, &read);
        ck_assert_int_eq(cove_store_usage(f.store, &usage), 0);
        look(&f, &walked, &rest, &sum);
        ck_assert_uint_eq(walked.faults, 0);
        ck_assert_uint_eq(sum.faults, 0);
        ck_assert_uint_eq(sum.lost, 0);
        ck_assert_uint_eq(sum.used + sum.free, sum.pages);
        for (unsigned i = 0; i < f.opt.trees; i++) {
            ck_assert_uint_eq(walked.count[i], read.count[i]);
            ck_assert_uint_eq(walked.sum[i], read.sum[i]);
            ck_assert_uint_eq(sum.tree[i].entries, usage.entries[i]);
        }
        fixture_teardown(&f);
    }
}
END_TEST

static int file_of(const struct fixture *f)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/data.mdb", f->dir);

    int fd = open(path, O_RDWR | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    return fd;
}

START_TEST(a_page_that_is_gone_is_named_unless_it_was_free)
{
    static uint8_t page[PAGE], zeros[PAGE];
    struct seen before, rest, after, rest_after;
    struct cove_pages_sum sum, sum_after;
    struct fixture f;
    uint64_t named = 0;

    fixture_setup(&f, FIXTURE_LMDB);
    fill(&f, 3);
    cove_store_close(f.store);
    f.store = NULL;
    look(&f, &before, &rest, &sum);

    int fd = file_of(&f);

    for (uint64_t i = 0; i < sum.pages; i++) {
        off_t at = (off_t)(i * PAGE);

        ck_assert_int_eq(pread(fd, page, PAGE, at), PAGE);
        ck_assert_int_eq(pwrite(fd, zeros, PAGE, at), PAGE);
        look(&f, &after, &rest_after, &sum_after);
        for (unsigned t = 0; t < f.opt.trees; t++) {
            ck_assert_uint_le(after.count[t], before.count[t]);
        }
        if (after.faults > 0) {
            named++;
        } else { /* free, or in the middle of a long value */
            for (unsigned t = 0; t < f.opt.trees; t++) {
                ck_assert_uint_eq(after.count[t], before.count[t]);
            }
        }
        ck_assert_int_eq(pwrite(fd, page, PAGE, at), PAGE);
    }
    close(fd);
    ck_assert_uint_gt(named, 20);
    ck_assert_int_eq(fixture_open(&f), 0);
    fixture_teardown(&f);
}
END_TEST

/* Write noise into it, at the heads of pages above all. */
static void spoil(int fd, off_t size, int round, uint64_t *r)
{
    uint8_t noise[PAGE];

    for (int i = 0; i <= round % 9; i++) {
        off_t at;

        *r = *r * UINT64_C(6364136223846793005) + 1442695040888963407u;
        at = (off_t)((*r >> 20) % (uint64_t)size);
        memset(noise, (int)(*r >> 50), sizeof(noise));
        if (round % 3 == 0) {
            at = at / PAGE * PAGE;
            ck_assert_int_eq(pwrite(fd, noise, PAGE, at), PAGE);
        } else {
            at = round % 3 == 1 ? at / PAGE * PAGE + (off_t)(*r >> 60) * 2 : at;
            ck_assert_int_eq(pwrite(fd, noise, 1, at), 1);
        }
    }
    if (round % 10 == 7) {
        ck_assert_int_eq(ftruncate(fd, (off_t)(*r >> 20) % size), 0);
    }
}

START_TEST(whatever_the_bytes_it_ends_and_the_store_opens_or_says_why)
{
    static uint8_t whole[4 << 20];
    uint64_t r = 99;
    struct fixture f;
    ssize_t size;
    int fd;

    fixture_setup(&f, FIXTURE_LMDB);
    fill(&f, 5);
    cove_store_close(f.store);
    f.store = NULL;
    f.opt.create = false;
    fd = file_of(&f);
    size = read(fd, whole, sizeof(whole));
    ck_assert_int_gt(size, 100 * PAGE);
    for (int round = 0; round < 400; round++) {
        struct seen walked, rest;
        struct cove_pages_sum sum;
        int err;

        ck_assert_int_eq(pwrite(fd, whole, (size_t)size, 0), size);
        ck_assert_int_eq(ftruncate(fd, size), 0);
        spoil(fd, size, round, &r);
        look(&f, &walked, &rest, &sum);
        err = fixture_open(&f);
        ck_assert(err == 0 || err == COVE_ECORRUPT || err == COVE_ENEWER ||
                  err == COVE_ENOTSTORE || err == COVE_ENOTFOUND);
        if (err == 0) {
            cove_store_close(f.store);
            f.store = NULL;
        }
        ck_assert_int_eq(f.heap.alive, 0);
    }
    close(fd);
    fixture_remove(&f);
}
END_TEST

static Suite *pages_suite(void)
{
    Suite *suite = suite_create("pages");
    TCase *reading = tcase_create("reading");

    tcase_set_timeout(reading, 60);
    tcase_add_test(reading, a_walk_gives_what_lmdb_gives_and_counts_each_page);
    tcase_add_test(reading, a_page_that_is_gone_is_named_unless_it_was_free);
    tcase_add_test(reading,
                   whatever_the_bytes_it_ends_and_the_store_opens_or_says_why);
    suite_add_tcase(suite, reading);
    return suite;
}

int main(void)
{
    return harness_run(pages_suite());
}
