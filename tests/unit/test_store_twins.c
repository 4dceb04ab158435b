/* Random transactions on a store on disk and on one in memory: each call gives
 * the same, and so do all entries in the end. Queues that are put at one end
 * and deleted at the other, runs of neighbours, and keys in no order: what a
 * transaction looks at next is mostly where it was last, and sometimes not. */
#include "tests/sim/random.h"
#include "tests/unit/store_fixture.h"

#define TREES        4
#define TRANSACTIONS 12
#define CALLS        150
#define LONGEST      3000

struct twins {
    struct fixture disk, memory;
    struct cove_store_txn *left, *right; /* the same transaction of each */
    struct sim_random random;
    uint32_t first[TREES], next[TREES]; /* of the queue in a tree */
    uint32_t run;
};

static struct cove_bytes twins_key(struct twins *t, unsigned tree,
                                   uint8_t room[8])
{
    uint32_t n;

    switch (random_below(&t->random, 3)) {
    case 0: /* the queue */
        n = random_chance(&t->random, 50) ? t->next[tree] : t->first[tree];
        break;
    case 1: /* near the last one */
        t->run += random_below(&t->random, 3);
        n = 0x40000000u + t->run % 4096;
        break;
    default:
        n = 0x80000000u + random_below(&t->random, 2000) * 1048573u;
        break;
    }
    room[0] = (uint8_t)(n >> 24);
    room[1] = (uint8_t)(n >> 16);
    room[2] = (uint8_t)(n >> 8);
    room[3] = (uint8_t)n;
    return cove_bytes(room, 4);
}

static void twins_put(struct twins *t, unsigned tree, struct cove_bytes key)
{
    static uint8_t value[LONGEST];
    size_t len =
        random_below(&t->random, random_chance(&t->random, 90) ? 60 : LONGEST);
    struct cove_bytes bytes = cove_bytes(value, len);

    for (size_t i = 0; i < len; i += 7) {
        value[i] = (uint8_t)random_next(&t->random);
    }
    ck_assert_int_eq(cove_store_put(t->left, tree, key, bytes), 0);
    ck_assert_int_eq(cove_store_put(t->right, tree, key, bytes), 0);
}

static void twins_get(struct twins *t, unsigned tree, struct cove_bytes key)
{
    struct cove_bytes a = {NULL, 0}, b = {NULL, 0};
    int err = cove_store_get(t->left, tree, key, &a);

    ck_assert_int_eq(cove_store_get(t->right, tree, key, &b), err);
    ck_assert(err == 0 ? cove_bytes_equal(a, b) : err == COVE_ENOTFOUND);
}

/* So many entries from a key on; from the first where it is empty. */
static void twins_walk(struct twins *t, unsigned tree, struct cove_bytes key,
                       size_t most)
{
    struct cove_store_cursor *left, *right;
    struct cove_entry a, b;
    int err = cove_store_cursor_open(t->left, tree, &left);

    ck_assert_int_eq(err, 0);
    ck_assert_int_eq(cove_store_cursor_open(t->right, tree, &right), 0);
    err = cove_store_cursor_seek(left, key, &a);
    ck_assert_int_eq(cove_store_cursor_seek(right, key, &b), err);
    for (size_t i = 0; err == 0 && i < most; i++) {
        ck_assert(cove_bytes_equal(a.key, b.key));
        ck_assert(cove_bytes_equal(a.value, b.value));
        err = cove_store_cursor_next(left, &a);
        ck_assert_int_eq(cove_store_cursor_next(right, &b), err);
    }
    ck_assert(err == 0 || err == COVE_ENOTFOUND);
    cove_store_cursor_close(left);
    cove_store_cursor_close(right);
}

static void twins_call(struct twins *t)
{
    unsigned tree = random_below(&t->random, TREES);
    unsigned what = random_below(&t->random, 100);
    uint8_t room[8];
    struct cove_bytes key = twins_key(t, tree, room);

    if (what < 45) {
        twins_put(t, tree, key);
        t->next[tree]++;
    } else if (what < 75) {
        int err = cove_store_del(t->left, tree, key);

        ck_assert_int_eq(cove_store_del(t->right, tree, key), err);
        ck_assert(err == 0 || err == COVE_ENOTFOUND);
        t->first[tree] += err == 0;
    } else if (what < 95) {
        twins_get(t, tree, key);
    } else {
        twins_walk(t, tree, key, random_below(&t->random, 20));
    }
}

static void twins_transaction(struct twins *t)
{
    unsigned calls = 1 + random_below(&t->random, CALLS);
    bool commits = random_chance(&t->random, 75);

    t->left = fixture_begin(&t->disk, true);
    t->right = fixture_begin(&t->memory, true);
    for (unsigned i = 0; i < calls; i++) {
        twins_call(t);
    }
    if (commits) {
        ck_assert_int_eq(cove_store_commit(t->left), 0);
        ck_assert_int_eq(cove_store_commit(t->right), 0);
    } else {
        cove_store_abort(t->left);
        cove_store_abort(t->right);
    }
}

static void twins_history(uint64_t seed)
{
    struct twins t = {.random = {.state = seed}};

    fixture_setup(&t.disk, FIXTURE_LMDB);
    fixture_setup(&t.memory, FIXTURE_MEMORY);
    for (int i = 0; i < TRANSACTIONS; i++) {
        twins_transaction(&t);
    }
    t.left = fixture_begin(&t.disk, false);
    t.right = fixture_begin(&t.memory, false);
    for (unsigned tree = 0; tree < TREES; tree++) {
        twins_walk(&t, tree, cove_bytes(NULL, 0), SIZE_MAX);
    }
    cove_store_abort(t.left);
    cove_store_abort(t.right);
    fixture_teardown(&t.disk);
    fixture_teardown(&t.memory);
}

static uint64_t histories = 40; /* more with an argument */

START_TEST(a_store_on_disk_gives_what_one_in_memory_gives)
{
    for (uint64_t seed = 1; seed <= histories; seed++) {
        twins_history(seed);
    }
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("store_twins");
    TCase *twins = tcase_create("twins");

    if (argc > 1) {
        histories = strtoull(argv[1], NULL, 10);
    }
    tcase_set_timeout(twins, 0);
    tcase_add_test(twins, a_store_on_disk_gives_what_one_in_memory_gives);
    suite_add_tcase(suite, twins);
    return harness_run(suite);
}
