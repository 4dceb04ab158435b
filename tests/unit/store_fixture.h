/* store_fixture.h: stores to test, of both kinds, and short words for what
 * the tests do with them. */
#ifndef COVE_TESTS_STORE_FIXTURE_H
#define COVE_TESTS_STORE_FIXTURE_H

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/store.h"
#include "tests/unit/harness.h"

/* Behind the kinds: LMDB again, at level group. */
enum fixture_kind {
    FIXTURE_LMDB,
    FIXTURE_MEMORY,
    FIXTURE_KINDS,
    FIXTURE_GROUP = FIXTURE_KINDS,
    FIXTURE_LEVELS
};

struct fixture {
    enum fixture_kind kind;
    struct harness_alloc heap;
    struct cove_store_options opt;
    struct cove_diag diag;
    struct cove_store *store;
    char dir[80];
};

/* A hook that fails the call number `fail_at` (from 1) with `code`. */
struct fixture_fault {
    long calls;
    long fail_at;
    int code;
};

static inline int fixture_hook(void *ctx, const char *call)
{
    struct fixture_fault *fault = ctx;

    (void)call;
    return ++fault->calls == fault->fail_at ? fault->code : 0;
}

static inline int fixture_open(struct fixture *f)
{
    cove_diag_clear(&f->diag);
    return f->kind == FIXTURE_LMDB
               ? cove_store_open_lmdb(f->dir, &f->opt, &f->store, &f->diag)
               : cove_store_open_memory(&f->opt, &f->store);
}

/* A directory and options; nothing open yet. */
static inline void fixture_init(struct fixture *f, int kind)
{
    const char *tmp = getenv("TMPDIR");

    memset(f, 0, sizeof(*f));
    f->kind = kind == FIXTURE_GROUP ? FIXTURE_LMDB : (enum fixture_kind)kind;
    f->opt.level = kind == FIXTURE_GROUP ? COVE_LEVEL_GROUP : COVE_LEVEL_FULL;
    harness_alloc_init(&f->heap, 0);
    f->opt.alloc = &f->heap.alloc;
    f->opt.trees = 4;
    f->opt.map_bytes = 1 << 20;
    f->opt.create = true;
    snprintf(f->dir, sizeof(f->dir), "%.40s/cove-store-XXXXXX",
             tmp != NULL ? tmp : "/tmp");
    if (f->kind == FIXTURE_LMDB) {
        ck_assert_ptr_nonnull(mkdtemp(f->dir));
    }
}

static inline void assert_refused(struct fixture *f, int code)
{
    struct cove_store *untouched = f->store;

    ck_assert_int_eq(fixture_open(f), code);
    ck_assert_ptr_eq(f->store, untouched);
    ck_assert_int_eq(f->diag.code, code);
    /* The sentence says where, and what to do after a semicolon. */
    ck_assert_msg(strstr(f->diag.text, f->dir) != NULL, "%s", f->diag.text);
    ck_assert_msg(strstr(f->diag.text, "; ") != NULL, "%s", f->diag.text);
}

/* Name a directory after that of another fixture. */
static inline void fixture_rename(struct fixture *f, const struct fixture *from,
                                  const char *suffix)
{
    snprintf(f->dir, sizeof(f->dir), "%.64s%s", from->dir, suffix);
}

static inline void fixture_remove(const struct fixture *f)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "open.lock"};
    char path[128];

    for (size_t i = 0; i < COVE_ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", f->dir, files[i]);
        unlink(path);
    }
    rmdir(f->dir);
}

static inline void fixture_setup(struct fixture *f, int kind)
{
    fixture_init(f, kind);

    int err = fixture_open(f);

    ck_assert_msg(err == 0, "open: %d %s", err, f->diag.text);
}

static inline void fixture_teardown(struct fixture *f)
{
    cove_store_close(f->store);
    ck_assert_int_eq(f->heap.alive, 0);
    if (f->kind == FIXTURE_LMDB) {
        fixture_remove(f);
    }
}

static inline struct cove_store_txn *fixture_begin(struct fixture *f,
                                                   bool write)
{
    struct cove_store_txn *txn = NULL;

    ck_assert_int_eq(cove_store_begin(f->store, write, &txn), 0);
    return txn;
}

static inline int put_text(struct cove_store_txn *txn, unsigned tree,
                           const char *key, const char *value)
{
    return cove_store_put(txn, tree, cove_bytes_text(key),
                          cove_bytes_text(value));
}

/* One write, committed. */
static inline void fixture_put(struct fixture *f, unsigned tree,
                               const char *key, const char *value)
{
    struct cove_store_txn *txn = fixture_begin(f, true);

    ck_assert_int_eq(put_text(txn, tree, key, value), 0);
    ck_assert_int_eq(cove_store_commit(txn), 0);
}

static inline void assert_text(struct cove_store_txn *txn, unsigned tree,
                               const char *key, const char *value)
{
    struct cove_bytes got = {NULL, 0};

    ck_assert_int_eq(cove_store_get(txn, tree, cove_bytes_text(key), &got), 0);
    ck_assert_uint_eq(got.len, strlen(value));
    ck_assert_mem_eq(got.at, value, got.len);
}

static inline void assert_absent(struct cove_store_txn *txn, unsigned tree,
                                 const char *key)
{
    struct cove_bytes got;

    ck_assert_int_eq(cove_store_get(txn, tree, cove_bytes_text(key), &got),
                     COVE_ENOTFOUND);
}

/* As above, in a transaction of its own. */
static inline void fixture_assert(struct fixture *f, unsigned tree,
                                  const char *key, const char *value)
{
    struct cove_store_txn *txn = fixture_begin(f, false);

    if (value != NULL) {
        assert_text(txn, tree, key, value);
    } else {
        assert_absent(txn, tree, key);
    }
    cove_store_abort(txn);
}

static inline void assert_entry(const struct cove_entry *entry, const char *key,
                                const char *value)
{
    ck_assert_uint_eq(entry->key.len, strlen(key));
    ck_assert_mem_eq(entry->key.at, key, entry->key.len);
    ck_assert_uint_eq(entry->value.len, strlen(value));
    ck_assert_mem_eq(entry->value.at, value, entry->value.len);
}

/* A child ends with a signal where all went well: at an exit, valgrind would
 * count what the child inherited and cannot free as leaked. */
static inline void child_end(int failed)
{
    if (failed == 0) {
        raise(SIGUSR1);
    }
    _exit(1);
}

static inline bool child_ended_well(pid_t child)
{
    int status = -1;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1;
}

/* Run `body` in a child; true where it returned 0. */
static inline bool in_child(int (*body)(struct fixture *f), struct fixture *f)
{
    fflush(NULL);

    pid_t child = fork();

    if (child == 0) {
        child_end(body(f));
    }
    ck_assert_int_gt(child, 0);
    return child_ended_well(child);
}

#define CHILD_CHECK(condition)                                                 \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "# line %d: %s\n", __LINE__, #condition);          \
            return 1;                                                          \
        }                                                                      \
    } while (0)

#define SMALL_MAP 65536

static inline struct cove_bytes numbered(char key[16], unsigned n)
{
    snprintf(key, 16, "key %08u", n);
    return cove_bytes_text(key);
}

/* Put `count` entries of `len` bytes from number `first` on. */
static inline int put_many(struct cove_store_txn *txn, unsigned first,
                           unsigned count, size_t len)
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

/* The tree has just those, up to `count`. */
static inline void assert_many(struct fixture *f, unsigned count, size_t len)
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

/* Open a store on disk whose map has to grow soon. */
static inline void setup_small(struct fixture *f)
{
    fixture_init(f, FIXTURE_LMDB);
    f->opt.map_bytes = SMALL_MAP;
    ck_assert_int_eq(fixture_open(f), 0);
}

static inline void reopen(struct fixture *f)
{
    cove_store_close(f->store);
    ck_assert_int_eq(f->heap.alive, 0);
    ck_assert_int_eq(fixture_open(f), 0);
}

#endif
