/* group_kit.h: members of one group, each on a thread of its own, which write
 * one after another in the order that the test says. */
#ifndef COVE_TESTS_GROUP_KIT_H
#define COVE_TESTS_GROUP_KIT_H

#include <sched.h>
#include <stdatomic.h>

#include "core/store_pen.h"
#include "core/store_table.h"
#include "tests/unit/store_fixture.h"

struct member {
    struct cove_store *store;
    int (*write)(struct cove_store_txn *txn); /* its error aborts */
    pthread_t thread;
    int begun, wrote, ended;
    atomic_bool over;
    uint64_t generation;
};

/* A hook that counts calls by name, and fails one of them. */
struct calls {
    atomic_long all, begins, commits;
    long fail_at;     /* of all, from 1 */
    const char *fail; /* or each of this name; NULL: none */
    int code;
};

static inline int calls_hook(void *ctx, const char *call)
{
    struct calls *calls = ctx;
    long n = atomic_fetch_add(&calls->all, 1) + 1;

    atomic_fetch_add(&calls->begins, strcmp(call, "txn_begin") == 0);
    atomic_fetch_add(&calls->commits, strcmp(call, "txn_commit") == 0);
    return n == calls->fail_at ||
                   (calls->fail != NULL && strcmp(call, calls->fail) == 0)
               ? calls->code
               : 0;
}

/* A store that several threads use, with an allocator that can, and where a
 * slow machine makes no difference to who is let in. */
static inline void group_init(struct fixture *f, enum cove_store_level level)
{
    fixture_init(f, FIXTURE_LMDB);
    f->opt.alloc = &cove_alloc_libc;
    f->opt.level = level;
}

static inline void group_open(struct fixture *f)
{
    ck_assert_int_eq(fixture_open(f), 0);
    f->store->group.admits_us = INT64_MAX;
}

static inline void group_setup(struct fixture *f, enum cove_store_level level)
{
    group_init(f, level);
    group_open(f);
}

static inline void member_write(struct member *member)
{
    struct cove_store_txn *txn;

    member->wrote = member->ended = 1; /* not come to */
    member->begun = cove_store_begin(member->store, true, &txn);
    if (member->begun == 0) {
        member->generation = cove_store_generation(txn);
        member->wrote = member->write(txn);
        if (member->wrote == 0) {
            member->ended = cove_store_commit(txn);
        } else {
            cove_store_abort(txn);
        }
    }
}

static inline void *member_run(void *ctx)
{
    struct member *member = ctx;

    member_write(member);
    atomic_store(&member->over, true);
    return NULL;
}

/* How many wait for the pen? */
static inline unsigned waiting(struct cove_store *store)
{
    unsigned count = 0;

    pthread_mutex_lock(&store->lock);
    for (const struct cove_store_wait *at = store->group.queue; at != NULL;
         at = at->next) {
        count++;
    }
    pthread_mutex_unlock(&store->lock);
    return count;
}

/* While a transaction of this thread writes: start a member and see it wait,
 * if nothing stops it before. */
static inline void member_start(struct fixture *f, struct member *member,
                                int (*write)(struct cove_store_txn *txn))
{
    unsigned before = waiting(f->store);

    member->store = f->store;
    member->write = write;
    atomic_init(&member->over, false);
    ck_assert_int_eq(pthread_create(&member->thread, NULL, member_run, member),
                     0);
    while (waiting(f->store) == before && !atomic_load(&member->over)) {
        sched_yield();
    }
}

/* Did it write and commit, and return so? */
static inline bool member_is_kept(const struct member *member)
{
    return member->begun == 0 && member->wrote == 0 && member->ended == 0;
}

#endif
