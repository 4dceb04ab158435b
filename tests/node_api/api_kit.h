/* api_kit.h: stores through the public API, each in a directory of its own
 * that goes with it, and the small words that the tests of the API share. */
#ifndef COVE_TESTS_API_KIT_H
#define COVE_TESTS_API_KIT_H

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cove/cove.h"
#include "tests/unit/harness.h"

struct api {
    char dir[96];
    struct cove *store;
};

#define api_ok(err, store) /* the sentence, where a call failed */             \
    do {                                                                       \
        int api_ok_ = (err);                                                   \
        ck_assert_msg(api_ok_ == 0, "%d: %s", api_ok_, cove_errmsg(store));    \
    } while (0)

static inline void api_dir(struct api *a)
{
    const char *tmp = getenv("TMPDIR");

    memset(a, 0, sizeof(*a));
    snprintf(a->dir, sizeof(a->dir), "%.60s/cove-api-XXXXXX",
             tmp != NULL ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(a->dir));
}

static inline void api_open(struct api *a)
{
    api_dir(a);
    api_ok(cove_open(a->dir, NULL, &a->store), a->store);
}

static inline int api_unlink(const char *path, const struct stat *st, int type,
                             struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void api_close(struct api *a)
{
    cove_close(a->store);
    a->store = NULL;
    nftw(a->dir, api_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

static inline struct cove_txn *api_begin(struct api *a, unsigned flags)
{
    struct cove_txn *txn = NULL;

    api_ok(cove_begin(a->store, flags, &txn), a->store);
    return txn;
}

/* A document of one field in a commit of its own. */
static inline struct cove_id api_new(struct api *a, const char *schema,
                                     const char *json)
{
    struct cove_txn *txn = api_begin(a, COVE_WRITE);
    struct cove_id id;

    api_ok(cove_new(txn, schema, NULL, json, &id), a->store);
    api_ok(cove_commit(txn), a->store);
    return id;
}

/* What a read transaction shows of a field as an integer; -1 where absent. */
static inline int64_t api_int(struct api *a, const struct cove_id *id,
                              const char *field)
{
    struct cove_txn *txn = api_begin(a, COVE_READ);
    struct cove_value v;
    int err = cove_get(txn, id, field, &v);
    int64_t found = err == 0 && v.kind == COVE_KIND_INT ? v.u.integer : -1;

    ck_assert(err == 0 || err == COVE_ENOTFOUND);
    cove_abort(txn);
    return found;
}

/* How many documents a schema has (NULL: all). */
static inline int api_count(struct api *a, const char *schema)
{
    struct cove_txn *txn = api_begin(a, COVE_READ);
    struct cove_id id;
    uint64_t cursor = 0;
    int count = 0, err;

    while ((err = cove_next(txn, schema, &cursor, &id)) == 0) {
        count++;
    }
    ck_assert_int_eq(err, COVE_ENOTFOUND);
    cove_abort(txn);
    return count;
}

/* The digest of everything, out of the status; 65 bytes. */
static inline void api_digest(struct api *a, char out[65])
{
    char *reply = NULL;

    api_ok(cove_admin(a->store, "{\"do\":\"status\"}", &reply), a->store);

    const char *at = strstr(reply, "\"digest\":\"");

    ck_assert_ptr_nonnull(at);
    memcpy(out, at + 10, 64);
    out[64] = '\0';
    cove_free(reply);
}

static inline void api_hex(struct cove_key key, char out[65])
{
    for (int i = 0; i < 32; i++) {
        snprintf(out + (ptrdiff_t)2 * i, 3, "%02x", key.b[i]);
    }
}

static inline int64_t api_now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A document of a type, empty, in a commit of its own. */
static inline struct cove_id api_make(struct api *a, enum cove_covalue type)
{
    struct cove_txn *txn = api_begin(a, COVE_WRITE);
    struct cove_id id;

    api_ok(cove_create(txn, type, NULL, &id), a->store);
    api_ok(cove_commit(txn), a->store);
    return id;
}

static inline void api_reopen(struct api *a)
{
    cove_close(a->store);
    api_ok(cove_open(a->dir, NULL, &a->store), a->store);
}

#endif
