/* Transactions of several threads in one commit: core/store_group.h. */
#include "tests/unit/group_kit.h"

static int write_a(struct cove_store_txn *txn)
{
    return put_text(txn, 0, "a", "1");
}

static int write_b(struct cove_store_txn *txn)
{
    return put_text(txn, 0, "b", "2");
}

static int write_c(struct cove_store_txn *txn)
{
    return put_text(txn, 0, "c", "3");
}

/* Over what others wrote, and back. */
static int write_and_regret(struct cove_store_txn *txn)
{
    int err = put_text(txn, 0, "a", "regretted");

    err = err != 0 ? err : put_text(txn, 0, "a", "again");
    err = err != 0 ? err : cove_store_del(txn, 0, cove_bytes_text("a"));
    err = err != 0 ? err : put_text(txn, 0, "zz", "regretted");
    err = err != 0 ? err : cove_store_del(txn, 1, cove_bytes_text("old"));
    err = err != 0 ? err : put_text(txn, 1, "old", "regretted");
    return err != 0 ? err : COVE_ECONDITION;
}

/* Has the tree that? An error that names nothing else where not. */
static int has_text(struct cove_store_txn *txn, unsigned tree, const char *key,
                    const char *value)
{
    struct cove_bytes got;
    int err = cove_store_get(txn, tree, cove_bytes_text(key), &got);

    if (value == NULL || err != 0) {
        return value == NULL && err == COVE_ENOTFOUND ? 0 : COVE_EHASH;
    }
    return cove_bytes_equal(got, cove_bytes_text(value)) ? 0 : COVE_EHASH;
}

/* What it reads is what those before it have left. */
static int write_if_as_it_was(struct cove_store_txn *txn)
{
    int err = has_text(txn, 0, "a", "1");

    err = err != 0 ? err : has_text(txn, 1, "old", "value");
    err = err != 0 ? err : has_text(txn, 0, "zz", NULL);
    return err != 0 ? err : put_text(txn, 0, "zz", "4");
}

static int write_much(struct cove_store_txn *txn)
{
    return put_many(txn, 0, 100, 3000);
}

static void join(struct member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(pthread_join(members[i].thread, NULL), 0);
    }
}

START_TEST(who_waits_is_committed_with_who_writes)
{
    struct member m[2];
    struct calls calls = {0};
    struct fixture f;

    group_setup(&f, COVE_LEVEL_FULL);
    cove_store_set_fault(f.store, calls_hook, &calls);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(write_a(txn), 0);
    member_start(&f, &m[0], write_b);
    member_start(&f, &m[1], write_c);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    join(m, 2);
    ck_assert(member_is_kept(&m[0]) && member_is_kept(&m[1]));
    ck_assert_int_eq(calls.begins, 1);
    ck_assert_int_eq(calls.commits, 1);
    reopen(&f);
    fixture_assert(&f, 0, "a", "1");
    fixture_assert(&f, 0, "b", "2");
    fixture_assert(&f, 0, "c", "3");
    fixture_teardown(&f);
}
END_TEST

START_TEST(who_aborts_takes_only_its_own_back)
{
    struct member m[3];
    struct calls calls = {0};
    struct fixture f;

    group_setup(&f, COVE_LEVEL_FULL);
    fixture_put(&f, 1, "old", "value");
    cove_store_set_fault(f.store, calls_hook, &calls);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(write_a(txn), 0);
    member_start(&f, &m[0], write_and_regret);
    member_start(&f, &m[1], write_if_as_it_was);
    member_start(&f, &m[2], write_c);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    join(m, 3);
    ck_assert_int_eq(m[0].wrote, COVE_ECONDITION);
    ck_assert_int_eq(m[1].wrote, 0);
    ck_assert(member_is_kept(&m[1]) && member_is_kept(&m[2]));
    /* The lock was never let go. */
    ck_assert_int_eq(calls.begins, 1);
    ck_assert_int_eq(calls.commits, 1);
    fixture_assert(&f, 0, "a", "1");
    fixture_assert(&f, 0, "zz", "4");
    fixture_assert(&f, 0, "c", "3");
    fixture_assert(&f, 1, "old", "value");
    fixture_teardown(&f);
}
END_TEST

START_TEST(who_leads_and_aborts_lets_the_next_one_lead)
{
    struct member m[2];
    struct fixture f;

    group_setup(&f, COVE_LEVEL_FULL);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(write_a(txn), 0);
    member_start(&f, &m[0], write_b);
    member_start(&f, &m[1], write_c);
    cove_store_abort(txn);
    join(m, 2);
    ck_assert(member_is_kept(&m[0]) && member_is_kept(&m[1]));
    fixture_assert(&f, 0, "a", NULL);
    fixture_assert(&f, 0, "b", "2");
    fixture_assert(&f, 0, "c", "3");
    fixture_teardown(&f);
}
END_TEST

/* The taking back fails: what the others ended is done again. */
START_TEST(who_cannot_take_back_costs_the_others_nothing)
{
    struct member m[2];
    struct calls calls = {.fail = "undo", .code = COVE_ENOMEM};
    struct fixture f;

    group_setup(&f, COVE_LEVEL_FULL);
    fixture_put(&f, 1, "old", "value");
    cove_store_set_fault(f.store, calls_hook, &calls);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(write_a(txn), 0);
    member_start(&f, &m[0], write_and_regret);
    member_start(&f, &m[1], write_if_as_it_was);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    join(m, 2);
    ck_assert_int_eq(m[0].wrote, COVE_ECONDITION);
    ck_assert(member_is_kept(&m[1]));
    ck_assert_int_eq(calls.begins, 2);
    fixture_assert(&f, 0, "a", "1");
    fixture_assert(&f, 0, "zz", "4");
    fixture_assert(&f, 1, "old", "value");
    fixture_teardown(&f);
}
END_TEST

START_TEST(the_map_grows_in_the_middle_of_a_group_unseen)
{
    struct member m[2];
    struct calls calls = {0};
    struct fixture f;

    group_init(&f, COVE_LEVEL_FULL);
    f.opt.map_bytes = SMALL_MAP;
    group_open(&f);
    cove_store_set_fault(f.store, calls_hook, &calls);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(put_text(txn, 1, "first", "1"), 0);
    member_start(&f, &m[0], write_much);
    member_start(&f, &m[1], write_a);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    join(m, 2);
    ck_assert(member_is_kept(&m[0]) && member_is_kept(&m[1]));
    ck_assert_int_gt(calls.begins, 2);
    reopen(&f);
    fixture_assert(&f, 1, "first", "1");
    fixture_assert(&f, 0, "a", "1");
    fixture_teardown(&f);
}
END_TEST

/* A store whose map is full, so that one who writes much finds no room. */
START_TEST(who_finds_the_map_full_costs_the_others_nothing)
{
    struct member m[2];
    struct fixture f;

    group_init(&f, COVE_LEVEL_FULL);
    f.opt.map_bytes = f.opt.map_bytes_max = (uint64_t)SMALL_MAP * 2;
    group_open(&f);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(put_text(txn, 1, "first", "1"), 0);
    member_start(&f, &m[0], write_much);
    member_start(&f, &m[1], write_a);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    join(m, 2);
    ck_assert_int_eq(m[0].wrote, COVE_ENOSPC);
    ck_assert(member_is_kept(&m[1]));
    fixture_assert(&f, 1, "first", "1");
    fixture_assert(&f, 0, "a", "1");
    fixture_assert(&f, 0, "key 00000000", NULL);
    fixture_teardown(&f);
}
END_TEST

/* A reader of a thread that waits would wait for the map that waits for it. */
struct reading {
    struct fixture *f;
    struct cove_store_txn *reader;
    struct member member;
};

static void *read_and_write(void *ctx)
{
    struct reading *r = ctx;

    r->reader = fixture_begin(r->f, false);
    member_write(&r->member);
    cove_store_abort(r->reader);
    return NULL;
}

START_TEST(a_reader_of_a_thread_that_waits_keeps_the_map_from_growing)
{
    struct reading r = {.member.write = write_a};
    struct fixture f;
    int err;

    group_init(&f, COVE_LEVEL_FULL);
    f.opt.map_bytes = SMALL_MAP;
    group_open(&f);
    r.f = &f;
    r.member.store = f.store;

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(pthread_create(&r.member.thread, NULL, read_and_write, &r),
                     0);
    while (waiting(f.store) == 0) {
        sched_yield();
    }
    err = put_many(txn, 0, 100, 3000);
    ck_assert_int_eq(err, COVE_EBUSY);
    ck_assert_int_eq(cove_store_commit(txn), COVE_EBUSY);
    join(&r.member, 1);
    ck_assert(member_is_kept(&r.member));
    txn = fixture_begin(&f, true);
    ck_assert_int_eq(put_many(txn, 0, 100, 3000), 0);
    ck_assert_int_eq(cove_store_commit(txn), 0);
    fixture_teardown(&f);
}
END_TEST

static void assert_key(struct fixture *f, unsigned tree, const char *key,
                       bool told, bool lost)
{
    struct cove_store_txn *txn = fixture_begin(f, false);
    struct cove_bytes got;
    int err = cove_store_get(txn, tree, cove_bytes_text(key), &got);

    ck_assert(err == (told ? 0 : COVE_ENOTFOUND) ||
              (told && lost && err == COVE_ENOTFOUND));
    cove_store_abort(txn);
}

/* One round: three members of one group, the second of which writes until the
 * map grows. Each is there in whole if it was told so, and not at all if not.
 */
static bool fail_one(enum cove_store_level level, long at, int code)
{
    struct member m[3];
    struct calls calls = {.fail_at = at, .code = code};
    struct fixture f;
    int err;

    group_init(&f, level);
    f.opt.map_bytes = SMALL_MAP;
    group_open(&f);
    fixture_put(&f, 1, "old", "value");
    ck_assert_int_eq(cove_store_flush(f.store), 0);

    struct cove_store_txn *txn = fixture_begin(&f, true);

    cove_store_set_fault(f.store, calls_hook, &calls);
    member_start(&f, &m[0], write_much);
    member_start(&f, &m[1], write_b);
    member_start(&f, &m[2], write_c);
    err = put_text(txn, 1, "new", "value");
    if (err == 0) {
        err = cove_store_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    join(m, 3);

    bool lost = cove_store_flush(f.store) == COVE_ELOST;

    cove_store_set_fault(f.store, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        lost = lost || m[i].begun == COVE_ELOST;
    }
    ck_assert(!lost || level == COVE_LEVEL_GROUP);
    reopen(&f);
    /* What was lost afterwards may be absent, too; and that was said. */
    assert_key(&f, 1, "new", err == 0, lost);
    assert_key(&f, 0, "key 00000000", member_is_kept(&m[0]), lost);
    assert_key(&f, 0, "key 00000099", member_is_kept(&m[0]), lost);
    assert_key(&f, 0, "b", member_is_kept(&m[1]), lost);
    assert_key(&f, 0, "c", member_is_kept(&m[2]), lost);
    fixture_assert(&f, 1, "old", "value");
    fixture_teardown(&f);
    return calls.all >= at;
}

START_TEST(each_call_of_a_group_that_fails_is_told_to_whom_it_concerns)
{
    static const int codes[] = {COVE_ENOSPC, COVE_ENOMEM, COVE_EIO};

    for (size_t c = 0; c < COVE_ARRAY_LEN(codes); c++) {
        /* Far from everything, the hundred puts are alike. */
        for (long at = 1; fail_one((enum cove_store_level)_i, at, codes[c]);
             at += at > 12 && at < 100 ? 29 : 1) {
        }
    }
}
END_TEST

/* --- level group */

START_TEST(at_level_group_a_reader_sees_what_was_committed_before)
{
    struct fixture f;

    group_setup(&f, COVE_LEVEL_GROUP);
    for (int i = 0; i < 50; i++) {
        char value[12];

        snprintf(value, sizeof(value), "%d", i);
        fixture_put(&f, 0, "key", value);
        if (i % 7 != 0) {
            fixture_assert(&f, 0, "key", value);
        }
    }
    reopen(&f); /* closing keeps what is pending */
    fixture_assert(&f, 0, "key", "49");
    fixture_teardown(&f);
}
END_TEST

START_TEST(at_level_group_many_commits_are_one)
{
    struct calls calls = {0};
    struct fixture f;

    group_setup(&f, COVE_LEVEL_GROUP);
    fixture_put(&f, 0, "first", "commits at once");
    ck_assert_int_eq(cove_store_flush(f.store), 0);
    cove_store_set_fault(f.store, calls_hook, &calls);
    for (int i = 0; i < 500; i++) {
        fixture_put(&f, 0, "key", "value");
    }
    ck_assert_int_eq(cove_store_flush(f.store), 0);
    ck_assert_int_ge(calls.commits, 1);
    ck_assert_int_lt(calls.commits, 250);
    fixture_assert(&f, 0, "key", "value");
    fixture_teardown(&f);
}
END_TEST

/* Who reads while it writes does not wait for itself. */
START_TEST(at_level_group_who_writes_may_read_beside_it)
{
    struct fixture f;

    group_setup(&f, COVE_LEVEL_GROUP);
    fixture_put(&f, 0, "key", "1");
    ck_assert_int_eq(cove_store_flush(f.store), 0);
    fixture_put(&f, 0, "other", "1");

    struct cove_store_txn *txn = fixture_begin(&f, true);

    ck_assert_int_eq(put_text(txn, 0, "key", "2"), 0);
    fixture_assert(&f, 0, "key", "1");
    ck_assert_int_eq(cove_store_commit(txn), 0);
    fixture_assert(&f, 0, "key", "2");
    fixture_teardown(&f);
}
END_TEST

START_TEST(a_lost_group_is_said_once_and_by_name)
{
    struct calls calls = {.fail = "txn_commit", .code = COVE_ENOSPC};
    struct cove_store_txn *txn;
    uint64_t generation;
    struct fixture f;

    for (int write = 0; write < 3; write++) {
        group_setup(&f, COVE_LEVEL_GROUP);
        fixture_put(&f, 0, "key", "kept");
        ck_assert_int_eq(cove_store_flush(f.store), 0);
        txn = fixture_begin(&f, false);
        generation = cove_store_generation(txn);
        cove_store_abort(txn);
        cove_store_set_fault(f.store, calls_hook, &calls);
        calls.fail = "txn_commit";
        fixture_put(&f, 0, "key", "lost");
        while (write == 2 && cove_store_losses(f.store) == 0) {
            sched_yield(); /* it finds out by itself */
        }
        ck_assert_int_eq(write == 0
                             ? cove_store_flush(f.store)
                             : cove_store_begin(f.store, write == 2, &txn),
                         COVE_ELOST);
        calls.fail = NULL;
        fixture_assert(&f, 0, "key", "kept");
        txn = fixture_begin(&f, true);
        ck_assert_uint_eq(cove_store_generation(txn), generation + 1);
        ck_assert_int_eq(put_text(txn, 0, "key", "new"), 0);
        ck_assert_int_eq(cove_store_commit(txn), 0);
        ck_assert_int_eq(cove_store_flush(f.store), 0);
        fixture_assert(&f, 0, "key", "new");
        fixture_teardown(&f);
    }
}
END_TEST

START_TEST(a_group_lost_to_a_bad_disk_stops_the_store)
{
    struct calls calls = {.fail = "txn_commit", .code = COVE_EIO};
    struct cove_store_txn *txn;
    struct fixture f;

    group_setup(&f, COVE_LEVEL_GROUP);
    fixture_put(&f, 0, "key", "kept");
    ck_assert_int_eq(cove_store_flush(f.store), 0);
    cove_store_set_fault(f.store, calls_hook, &calls);
    fixture_put(&f, 0, "key", "lost");
    ck_assert_int_eq(cove_store_begin(f.store, false, &txn), COVE_ELOST);
    ck_assert_int_eq(cove_store_begin(f.store, true, &txn), COVE_EIO);
    fixture_assert(&f, 0, "key", "kept");
    cove_store_set_fault(f.store, NULL, NULL);
    reopen(&f);
    fixture_put(&f, 0, "key", "new");
    fixture_assert(&f, 0, "key", "new");
    fixture_teardown(&f);
}
END_TEST

START_TEST(at_level_group_who_aborts_takes_only_its_own_back)
{
    struct cove_store_txn *txn;
    struct fixture f;

    group_setup(&f, COVE_LEVEL_GROUP);
    fixture_put(&f, 1, "old", "value");
    ck_assert_int_eq(cove_store_flush(f.store), 0);
    for (int i = 0; i < 20; i++) {
        fixture_put(&f, 0, "a", "1");
        txn = fixture_begin(&f, true);
        ck_assert_int_eq(write_and_regret(txn), COVE_ECONDITION);
        cove_store_abort(txn);
        txn = fixture_begin(&f, true);
        ck_assert_int_eq(write_if_as_it_was(txn), 0);
        ck_assert_int_eq(cove_store_del(txn, 0, cove_bytes_text("zz")), 0);
        ck_assert_int_eq(cove_store_commit(txn), 0);
    }
    fixture_assert(&f, 0, "a", "1");
    fixture_assert(&f, 0, "zz", NULL);
    fixture_assert(&f, 1, "old", "value");
    fixture_teardown(&f);
}
END_TEST

/* --- another process gets in between */

struct between {
    int to_child[2], to_parent[2];
    const char *at;
    bool done;
};

static int between_hook(void *ctx, const char *call)
{
    struct between *b = ctx;
    char byte;

    if (strcmp(call, b->at) == 0 && !b->done) {
        b->done = true;
        ck_assert_int_eq(write(b->to_child[1], "x", 1), 1);
        ck_assert_int_eq(read(b->to_parent[0], &byte, 1), 1);
    }
    return 0;
}

static pid_t between_fork(struct between *b, const struct fixture *f)
{
    ck_assert_int_eq(pipe(b->to_child), 0);
    ck_assert_int_eq(pipe(b->to_parent), 0);

    pid_t child = fork();

    if (child == 0) {
        struct fixture own = *f;
        char byte;

        if (read(b->to_child[0], &byte, 1) != 1 || fixture_open(&own) != 0) {
            child_end(1);
        }
        fixture_put(&own, 0, "child", "was here");
        cove_store_close(own.store);
        child_end(write(b->to_parent[1], "x", 1) != 1);
    }
    return child;
}

/* While the group is done again in a larger map, another process writes: no
 * member may stand on what was before, and none is there. */
START_TEST(a_group_that_another_process_overtakes_is_lost_and_said)
{
    bool full = _i == COVE_LEVEL_FULL;
    struct between between = {.at = "map"};
    struct member m[1];
    struct fixture f;
    struct cove_store_txn *txn;

    group_init(&f, (enum cove_store_level)_i);
    f.opt.map_bytes = SMALL_MAP;

    pid_t child = between_fork(&between, &f);

    group_open(&f);
    fixture_put(&f, 0, "a", "before");
    ck_assert_int_eq(cove_store_flush(f.store), 0);
    cove_store_set_fault(f.store, between_hook, &between);
    txn = fixture_begin(&f, true);
    ck_assert_int_eq(write_a(txn), 0);
    member_start(&f, &m[0], write_much);
    ck_assert_int_eq(cove_store_commit(txn), full ? COVE_EBUSY : 0);
    join(m, 1);
    ck_assert_int_eq(m[0].wrote, COVE_EBUSY);
    ck_assert(between.done);
    ck_assert_int_eq(cove_store_flush(f.store), full ? 0 : COVE_ELOST);
    fixture_assert(&f, 0, "a", "before");
    fixture_assert(&f, 0, "child", "was here");
    fixture_put(&f, 0, "a", "after");
    fixture_assert(&f, 0, "a", "after");
    ck_assert(child_ended_well(child));
    fixture_teardown(&f);
}
END_TEST

static Suite *group_suite(void)
{
    Suite *suite = suite_create("groups");
    TCase *full = tcase_create("level full");
    TCase *group = tcase_create("level group");
    TCase *both = tcase_create("both levels");

    tcase_add_test(full, who_waits_is_committed_with_who_writes);
    tcase_add_test(full, who_aborts_takes_only_its_own_back);
    tcase_add_test(full, who_leads_and_aborts_lets_the_next_one_lead);
    tcase_add_test(full, who_cannot_take_back_costs_the_others_nothing);
    tcase_add_test(full, the_map_grows_in_the_middle_of_a_group_unseen);
    tcase_add_test(full, who_finds_the_map_full_costs_the_others_nothing);
    tcase_add_test(full,
                   a_reader_of_a_thread_that_waits_keeps_the_map_from_growing);
    tcase_add_test(group,
                   at_level_group_a_reader_sees_what_was_committed_before);
    tcase_add_test(group, at_level_group_many_commits_are_one);
    tcase_add_test(group, at_level_group_who_writes_may_read_beside_it);
    tcase_add_test(group, a_lost_group_is_said_once_and_by_name);
    tcase_add_test(group, a_group_lost_to_a_bad_disk_stops_the_store);
    tcase_add_test(group, at_level_group_who_aborts_takes_only_its_own_back);
    tcase_set_timeout(both, 60);
    tcase_add_loop_test(
        both, each_call_of_a_group_that_fails_is_told_to_whom_it_concerns,
        COVE_LEVEL_FULL, COVE_LEVEL_MEMORY);
    tcase_add_loop_test(both,
                        a_group_that_another_process_overtakes_is_lost_and_said,
                        COVE_LEVEL_FULL, COVE_LEVEL_MEMORY);
    suite_add_tcase(suite, full);
    suite_add_tcase(suite, group);
    suite_add_tcase(suite, both);
    return suite;
}

int main(void)
{
    return harness_run(group_suite());
}
