/* Counters: what several devices add is the sum, whatever they do when. */
#include "crdt/counter.h"
#include "tests/unit/repo_world.h"

static void counter_world(struct world *w, int kind, enum cove_doc_type type)
{
    world_open(w, kind);
    w->header = kit_header(&w->alice, type, &w->group, 2, &w->doc);
    world_give(w, &w->alice);
    world_give(w, &w->bob);
    world_give(w, &w->carol);
}

static int counter_try(struct world *w, struct kit *k, int64_t amount)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load(k, txn, &w->doc);
    struct cove_tx_op op = {.kind = COVE_OP_ADD, .amount = amount};
    struct cove_tx tx = {.ops = &op, .op_count = 1};
    int err = cove_repo_append(k->repo, txn, &doc, &tx, &k->diag);

    if (err == 0) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    return err;
}

static void counter_add(struct world *w, struct kit *k, int64_t amount)
{
    int err = counter_try(w, k, amount);

    ck_assert_msg(err == 0, "add: %d %s", err, k->diag.text);
}

static int64_t counter_get(struct world *w, struct kit *k, int code)
{
    struct cove_doc doc = world_look(w, k);
    int64_t sum = 77;

    ck_assert_int_eq(cove_counter_read(doc.state.sum, &sum), code);
    return sum;
}

START_TEST(a_sum_is_read_as_the_nearest_that_fits)
{
    cove_wide max = INT64_MAX;
    cove_wide min = INT64_MIN;
    int64_t out = 0;

    ck_assert_int_eq(cove_counter_read(max, &out), 0);
    ck_assert_int_eq(out, INT64_MAX);
    ck_assert_int_eq(cove_counter_read(min, &out), 0);
    ck_assert_int_eq(out, INT64_MIN);
    ck_assert_int_eq(cove_counter_read(max + 1, &out), COVE_ELIMIT);
    ck_assert_int_eq(out, INT64_MAX);
    ck_assert_int_eq(cove_counter_read(min * 4, &out), COVE_ELIMIT);
    ck_assert_int_eq(out, INT64_MIN);
}
END_TEST

START_TEST(an_addition_may_not_leave_64_bits_but_may_come_back)
{
    cove_wide max = INT64_MAX;
    cove_wide min = INT64_MIN;

    ck_assert_int_eq(cove_counter_check(max - 1, 1), 0);
    ck_assert_int_eq(cove_counter_check(max, 1), COVE_ELIMIT);
    ck_assert_int_eq(cove_counter_check(min, -1), COVE_ELIMIT);
    ck_assert_int_eq(cove_counter_check(0, INT64_MIN), 0);
    ck_assert_int_eq(cove_counter_check(-1, INT64_MIN), COVE_ELIMIT);
    ck_assert_int_eq(cove_counter_check(max * 2, -1), 0);
    ck_assert_int_eq(cove_counter_check(max * 2, 0), 0);
    ck_assert_int_eq(cove_counter_check(min * 2, 1), 0);
}
END_TEST

START_TEST(additions_are_joined_while_one_op_can_hold_them)
{
    int64_t amount = INT64_MAX - 1;

    ck_assert(cove_counter_join(&amount, 1));
    ck_assert_int_eq(amount, INT64_MAX);
    amount = INT64_MAX;
    ck_assert(!cove_counter_join(&amount, 1));
}
END_TEST

START_TEST(concurrent_additions_all_count)
{
    struct world w;

    counter_world(&w, _i, COVE_DOC_COCOUNTER);
    counter_add(&w, &w.alice, 5);
    counter_add(&w, &w.bob, -7);
    counter_add(&w, &w.alice, 10);
    kit_sync(&w.bob, &w.alice, &w.doc);
    kit_sync(&w.alice, &w.bob, &w.doc);
    kit_sync(&w.bob, &w.alice, &w.doc);
    ck_assert_int_eq(counter_get(&w, &w.alice, 0), 8);
    ck_assert_int_eq(counter_get(&w, &w.bob, 0), 8);
    kit_reopen(&w.alice);
    if (_i == FIXTURE_LMDB) {
        ck_assert_int_eq(counter_get(&w, &w.alice, 0), 8);
    }
    world_close(&w);
}
END_TEST

START_TEST(what_concurrent_additions_take_out_of_64_bits_comes_back)
{
    struct world w;

    counter_world(&w, FIXTURE_MEMORY, COVE_DOC_COCOUNTER);
    counter_add(&w, &w.alice, INT64_MAX);
    counter_add(&w, &w.bob, INT64_MAX);
    kit_sync(&w.bob, &w.alice, &w.doc);
    ck_assert_int_eq(counter_get(&w, &w.alice, COVE_ELIMIT), INT64_MAX);
    counter_add(&w, &w.alice, INT64_MIN + 1);
    ck_assert_int_eq(counter_get(&w, &w.alice, 0), INT64_MAX);
    kit_sync(&w.alice, &w.bob, &w.doc);
    ck_assert_int_eq(counter_get(&w, &w.bob, 0), INT64_MAX);
    world_close(&w);
}
END_TEST

START_TEST(an_addition_to_another_type_is_kept_and_counts_nothing)
{
    static const enum cove_doc_type types[] = {
        COVE_DOC_COMAP, COVE_DOC_COSTREAM, COVE_DOC_COBINARY, COVE_DOC_COTEXT};
    struct cove_hash here;
    struct cove_hash there;
    struct world w;

    counter_world(&w, FIXTURE_MEMORY, types[_i]);
    counter_add(&w, &w.alice, 5);
    kit_sync(&w.alice, &w.bob, &w.doc);
    ck_assert_int_eq(counter_get(&w, &w.alice, 0), 0);
    ck_assert_int_eq(counter_get(&w, &w.bob, 0), 0);
    here = kit_digest(&w.alice, &w.doc);
    there = kit_digest(&w.bob, &w.doc);
    ck_assert_mem_eq(&here, &there, sizeof(here));
    world_close(&w);
}
END_TEST

START_TEST(who_may_not_write_adds_nothing)
{
    struct world w;

    counter_world(&w, FIXTURE_MEMORY, COVE_DOC_COCOUNTER);
    ck_assert_int_eq(counter_try(&w, &w.carol, 1), COVE_EDENIED);
    ck_assert_int_eq(counter_get(&w, &w.carol, 0), 0);
    world_close(&w);
}
END_TEST

/* --- random histories */

static uint32_t pick(uint64_t *seed, uint32_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)((*seed >> 33) % below);
}

/* A piece of what one has goes to another, from anywhere that leaves no gap,
 * so that much of it comes twice. */
static void history_give(struct world *w, uint64_t *seed, struct kit *from,
                         struct kit *to)
{
    struct cove_doc doc = world_look(w, from);
    struct cove_doc held = world_look(w, to);
    const struct cove_doc_session *s;
    struct cove_ingest_result result;
    struct cove_batch batch;
    uint32_t have = 0;

    if (doc.session_count == 0) {
        return;
    }
    s = &doc.sessions[pick(seed, (uint32_t)doc.session_count)];
    for (size_t i = 0; i < held.session_count; i++) {
        if (memcmp(&held.sessions[i].session, &s->session,
                   sizeof(s->session)) == 0) {
            have = held.sessions[i].len;
        }
    }
    have = have > s->len ? s->len : have;
    if (kit_read(from, &w->doc, &s->session, pick(seed, have + 1),
                 1 + pick(seed, 300), &batch) == 0) {
        ck_assert_int_eq(kit_ingest(to, &batch, 1, &result), 0);
    }
}

static void history_run(uint64_t seed)
{
    struct world w;
    struct kit *kits[] = {&w.alice, &w.bob, &w.carol};
    int64_t sum = 0;

    counter_world(&w, FIXTURE_MEMORY, COVE_DOC_COCOUNTER);
    for (int i = 0; i < 30; i++) {
        struct kit *k = kits[pick(&seed, 2)];
        int64_t amount = (int64_t)pick(&seed, 2000) - 1000;

        if (pick(&seed, 2) == 0) {
            history_give(&w, &seed, kits[pick(&seed, 3)], kits[pick(&seed, 3)]);
        } else if (amount != 0) {
            counter_add(&w, k, amount);
            sum += amount;
        }
    }
    kit_sync(&w.alice, &w.carol, &w.doc);
    kit_sync(&w.bob, &w.carol, &w.doc);
    kit_sync(&w.carol, &w.alice, &w.doc);
    kit_sync(&w.carol, &w.bob, &w.doc);
    for (int i = 0; i < 3; i++) {
        struct cove_hash digest = kit_digest(kits[i], &w.doc);
        struct cove_hash first = kit_digest(&w.alice, &w.doc);

        ck_assert_int_eq(counter_get(&w, kits[i], 0), sum);
        ck_assert_mem_eq(&digest, &first, sizeof(first));
    }
    world_close(&w);
}

START_TEST(no_increment_is_lost_in_1000_random_histories)
{
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        history_run(seed * 0x9e3779b97f4a7c15u);
    }
}
END_TEST

START_TEST(a_long_log_of_additions_is_not_read_again)
{
    struct world w;
    long few;

    counter_world(&w, FIXTURE_MEMORY, COVE_DOC_COCOUNTER);
    for (int i = 0; i < 2000; i++) {
        counter_add(&w, &w.alice, 1000000000000 + i);
    }
    cove_arena_clear(&w.alice.arena);
    few = w.alice.heap.calls;
    ck_assert_int_eq(counter_get(&w, &w.alice, 0), 2000000001999000);
    few = w.alice.heap.calls - few;
    ck_assert_int_lt(few, 100);
    world_close(&w);
}
END_TEST

static Suite *counter_suite(void)
{
    Suite *suite = suite_create("counter");
    TCase *tc = tcase_create("counter");

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_sum_is_read_as_the_nearest_that_fits);
    tcase_add_test(tc, an_addition_may_not_leave_64_bits_but_may_come_back);
    tcase_add_test(tc, additions_are_joined_while_one_op_can_hold_them);
    tcase_add_loop_test(tc, concurrent_additions_all_count, 0, FIXTURE_KINDS);
    tcase_add_test(tc,
                   what_concurrent_additions_take_out_of_64_bits_comes_back);
    tcase_add_loop_test(
        tc, an_addition_to_another_type_is_kept_and_counts_nothing, 0, 4);
    tcase_add_test(tc, who_may_not_write_adds_nothing);
    tcase_add_test(tc, no_increment_is_lost_in_1000_random_histories);
    tcase_add_test(tc, a_long_log_of_additions_is_not_read_again);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return harness_run(counter_suite());
}
