#include "crdt/state.h"

#include <stdio.h>

#include "cove/error.h"
#include "tests/unit/harness.h"

/* Ops are drawn from small sets, so that they meet often. */
#define OPS 60

struct op {
    bool copy;
    struct cove_native native;
    struct cove_copy made;
    struct cove_origin origins[3];
};

static struct op ops[OPS];
static struct cove_arena arena;
static const char *const regs[] = {"a", "b", "c", "ab", ""};

static struct cove_op_id id_of(uint64_t time, uint32_t op)
{
    struct cove_op_id id;

    memset(&id, 0, sizeof(id));
    id.hlc = time;
    id.op = op;
    return id;
}

static struct cove_bytes value_of(uint64_t v)
{
    static const uint8_t bytes[4] = {0x00, 0x01, 0x02, 0x03};

    return cove_bytes(&bytes[v % 4], 1);
}

static uint64_t draw(struct harness_env *env, uint64_t below)
{
    uint32_t v;

    env->env.random(env->env.ctx, &v, sizeof(v));
    return v % below;
}

/* Every op has an id of its own: its number in the set. */
static void draw_ops(uint64_t seed)
{
    struct harness_env env;

    harness_env_init(&env, seed);
    memset(ops, 0, sizeof(ops));
    for (uint32_t i = 0; i < OPS; i++) {
        struct op *op = &ops[i];
        struct cove_bytes reg = cove_bytes_text(regs[draw(&env, 5)]);

        op->copy = draw(&env, 3) == 0;
        op->native.reg = op->made.reg = reg;
        op->native.id = id_of(1 + draw(&env, 5), i);
        op->native.has_epoch = draw(&env, 4) != 0;
        op->native.epoch.b[0] = (uint8_t)draw(&env, 2);
        op->native.deleted = draw(&env, 5) == 0;
        op->native.value = value_of(draw(&env, 4));
        op->made.id = id_of(2 + draw(&env, 6), i);
        op->made.deleted = op->native.deleted;
        op->made.value = op->native.value;
        op->made.origins = op->origins;
        op->made.origin_count = draw(&env, 4);
        for (size_t k = 0; k < op->made.origin_count; k++) {
            op->origins[k].reg = cove_bytes_text(regs[draw(&env, 5)]);
            if (draw(&env, 6) != 0) {
                uint32_t from = (uint32_t)draw(&env, OPS + 10);

                op->origins[k].id =
                    from < OPS ? ops[from].native.id : id_of(1, from);
            }
        }
    }
}

/* All natives of the set are held; one that is beyond it is proven absent. */
static enum cove_held held_of_set(void *ctx, const struct cove_origin *origin)
{
    const bool *all = ctx;

    if (origin->id.op >= OPS + 5) {
        return *all ? COVE_HELD_FALSE : COVE_HELD_NO;
    }
    for (size_t i = 0; *all && i < OPS; i++) {
        if (!ops[i].copy &&
            cove_op_id_compare(&ops[i].native.id, &origin->id) == 0) {
            return COVE_HELD_YES;
        }
    }
    return COVE_HELD_NO;
}

static void add(struct cove_state *state, const struct op *op)
{
    int err = op->copy ? cove_state_add_copy(state, &op->made)
                       : cove_state_add_native(state, &op->native);

    ck_assert_int_eq(err, 0);
}

static void ck_same_native(const struct cove_native *a,
                           const struct cove_native *b)
{
    ck_assert(cove_bytes_equal(a->reg, b->reg));
    ck_assert_int_eq(a->has_epoch, b->has_epoch);
    ck_assert_mem_eq(a->epoch.b, b->epoch.b, 32);
    ck_assert_int_eq(cove_op_id_compare(&a->id, &b->id), 0);
    ck_assert_int_eq(a->deleted, b->deleted);
    ck_assert(cove_bytes_equal(a->value, b->value));
}

static void ck_same_copy(const struct cove_copy *a, const struct cove_copy *b)
{
    ck_assert(cove_bytes_equal(a->reg, b->reg));
    ck_assert_int_eq(cove_op_id_compare(&a->id, &b->id), 0);
    ck_assert_int_eq(a->deleted, b->deleted);
    ck_assert(cove_bytes_equal(a->value, b->value));
    ck_assert_uint_eq(a->origin_count, b->origin_count);
    for (size_t i = 0; i < a->origin_count; i++) {
        ck_assert(cove_bytes_equal(a->origins[i].reg, b->origins[i].reg));
        ck_assert_int_eq(
            cove_op_id_compare(&a->origins[i].id, &b->origins[i].id), 0);
        ck_assert_int_eq(a->origins[i].held, b->origins[i].held);
    }
}

static void ck_same_state(const struct cove_state *a,
                          const struct cove_state *b)
{
    ck_assert_uint_eq(a->native_count, b->native_count);
    for (size_t i = 0; i < a->native_count; i++) {
        ck_same_native(&a->natives[i], &b->natives[i]);
    }
    ck_assert_uint_eq(a->copy_count, b->copy_count);
    for (size_t i = 0; i < a->copy_count; i++) {
        ck_same_copy(&a->copies[i], &b->copies[i]);
    }
}

static void set_up(void)
{
    cove_arena_init(&arena, &cove_alloc_libc);
}

static void tear_down(void)
{
    cove_arena_clear(&arena);
}

START_TEST(folding_in_any_order_gives_the_same_state)
{
    for (uint64_t seed = 1; seed < 300; seed++) {
        struct harness_env env;
        bool all = true;
        bool known = seed % 2 == 0; /* or the history answers late */
        struct cove_state_history history = {held_of_set, &all};
        struct cove_state_history late = {held_of_set, &known};
        struct cove_state straight;
        struct cove_state mixed;
        size_t order[OPS];

        draw_ops(seed);
        harness_env_init(&env, seed);
        cove_state_init(&straight, &arena, &history);
        cove_state_init(&mixed, &arena, &late);
        for (size_t i = 0; i < OPS; i++) {
            add(&straight, &ops[i]);
            order[i] = i;
        }
        for (size_t i = OPS; i > 1; i--) {
            size_t k = draw(&env, i);
            size_t swap = order[i - 1];

            order[i - 1] = order[k];
            order[k] = swap;
        }
        for (size_t i = 0; i < OPS; i++) {
            add(&mixed, &ops[order[i]]);
            if (draw(&env, 7) == 0) {
                cove_state_settle(&mixed);
            }
            add(&mixed, &ops[order[draw(&env, i + 1)]]); /* duplicates */
        }
        known = true;
        cove_state_settle(&straight);
        cove_state_settle(&mixed);
        ck_same_state(&straight, &mixed);
        cove_arena_reset(&arena);
    }
}
END_TEST

START_TEST(a_state_of_thousands_of_registers_is_sorted_and_complete)
{
    enum { REGISTERS = 5000 };
    struct cove_state state;
    char reg[16];

    cove_state_init(&state, &arena, NULL);
    for (unsigned round = 1; round <= 3; round++) {
        for (unsigned i = 0; i < REGISTERS; i++) {
            struct cove_native op = {.id = id_of(round, i),
                                     .value = value_of(round)};

            snprintf(reg, sizeof(reg), "r%u", i * 7919 % REGISTERS);
            op.reg = cove_bytes_text(reg);
            ck_assert_int_eq(cove_state_add_native(&state, &op), 0);
        }
    }
    cove_state_settle(&state);
    ck_assert_uint_eq(state.native_count, REGISTERS);
    for (size_t i = 0; i < REGISTERS; i++) {
        ck_assert_uint_eq(state.natives[i].id.hlc, 3);
        ck_assert(i == 0 || cove_bytes_compare(state.natives[i - 1].reg,
                                               state.natives[i].reg) < 0);
    }
}
END_TEST

START_TEST(natives_of_different_epochs_stay_apart)
{
    struct cove_native op = {.reg = cove_bytes_text("a"), .has_epoch = true};
    struct cove_state state;
    size_t begin;
    size_t end;

    cove_state_init(&state, &arena, NULL);
    for (uint32_t i = 0; i < 3; i++) {
        op.epoch.b[0] = (uint8_t)i;
        op.id = id_of(9 - i, i);
        op.value = value_of(i);
        ck_assert_int_eq(cove_state_add_native(&state, &op), 0);
    }
    cove_state_settle(&state);
    cove_state_natives(&state, cove_bytes_text("a"), &begin, &end);
    ck_assert_uint_eq(end - begin, 3);
    cove_state_natives(&state, cove_bytes_text("aa"), &begin, &end);
    ck_assert_uint_eq(end - begin, 0);
}
END_TEST

START_TEST(an_older_op_and_a_duplicate_change_nothing)
{
    struct cove_native op = {
        .reg = cove_bytes_text("a"), .id = id_of(5, 0), .value = value_of(1)};
    struct cove_state state;

    cove_state_init(&state, &arena, NULL);
    ck_assert_int_eq(cove_state_add_native(&state, &op), 0);
    ck_assert_int_eq(cove_state_add_native(&state, &op), 0);
    op.id = id_of(4, 9);
    op.value = value_of(2);
    ck_assert_int_eq(cove_state_add_native(&state, &op), 0);
    cove_state_settle(&state);
    ck_assert_uint_eq(state.native_count, 1);
    ck_assert(cove_bytes_equal(state.natives[0].value, value_of(1)));
}
END_TEST

static struct cove_copy copy_of(uint64_t time, struct cove_origin *origins,
                                size_t count)
{
    struct cove_copy copy = {.reg = cove_bytes_text("a"),
                             .id = id_of(time, 0),
                             .value = value_of(time),
                             .origins = origins,
                             .origin_count = count};

    return copy;
}

/* A25 */
START_TEST(a_copy_of_nothing_or_of_what_is_not_older_is_ignored)
{
    struct cove_origin none[1] = {{.reg = cove_bytes_text("a")}};
    struct cove_origin equal[1] = {
        {.reg = cove_bytes_text("a"), .id = id_of(7, 0)}};
    struct cove_copy op = copy_of(7, none, 1);
    struct cove_state state;

    cove_state_init(&state, &arena, NULL);
    ck_assert_int_eq(cove_state_add_copy(&state, &op), 0);
    op = copy_of(7, none, 0);
    ck_assert_int_eq(cove_state_add_copy(&state, &op), 0);
    op = copy_of(7, equal, 1);
    ck_assert_int_eq(cove_state_add_copy(&state, &op), 0);
    cove_state_settle(&state);
    ck_assert_uint_eq(state.copy_count, 0);
    ck_assert_uint_eq(state.false_copies, 0);
}
END_TEST

static enum cove_held held_as_told(void *ctx, const struct cove_origin *origin)
{
    const enum cove_held *told = ctx;

    return told[origin->id.op];
}

/* A24 */
START_TEST(a_copy_proven_false_gives_way_to_the_one_that_it_was_above)
{
    enum cove_held told[2] = {COVE_HELD_YES, COVE_HELD_NO};
    struct cove_state_history history = {held_as_told, told};
    struct cove_origin good[1] = {
        {.reg = cove_bytes_text("a"), .id = id_of(3, 0)}};
    struct cove_origin bad[1] = {
        {.reg = cove_bytes_text("a"), .id = id_of(4, 1)}};
    struct cove_copy below = copy_of(20, good, 1);
    struct cove_copy above = copy_of(10, bad, 1);
    const struct cove_native *native;
    const struct cove_copy *copy;
    struct cove_state state;

    cove_state_init(&state, &arena, &history);
    ck_assert_int_eq(cove_state_add_copy(&state, &above), 0);
    ck_assert_int_eq(cove_state_add_copy(&state, &below), 0);
    cove_state_settle(&state);
    ck_assert_int_eq(
        cove_state_winner(&state, cove_bytes_text("a"), &native, &copy), 0);
    ck_assert_uint_eq(copy->id.hlc, 10); /* of the greater origin */
    told[1] = COVE_HELD_FALSE;
    cove_state_settle(&state);
    ck_assert_uint_eq(state.false_copies, 1);
    ck_assert_int_eq(
        cove_state_winner(&state, cove_bytes_text("a"), &native, &copy), 0);
    ck_assert_ptr_null(native);
    ck_assert_uint_eq(copy->id.hlc, 20);
    ck_assert_int_eq(cove_state_add_copy(&state, &above), 0);
    cove_state_settle(&state);
    ck_assert_uint_eq(state.copy_count, 1);
}
END_TEST

START_TEST(copies_whose_origins_are_held_leave_only_the_greatest)
{
    enum cove_held told[3] = {COVE_HELD_YES, COVE_HELD_YES, COVE_HELD_NO};
    struct cove_state_history history = {held_as_told, told};
    struct cove_origin origins[3] = {
        {.reg = cove_bytes_text("a"), .id = id_of(3, 0)},
        {.reg = cove_bytes_text("a"), .id = id_of(4, 1)},
        {.reg = cove_bytes_text("a"), .id = id_of(1, 2)}};
    struct cove_copy op;
    struct cove_state state;

    cove_state_init(&state, &arena, &history);
    for (uint64_t i = 0; i < 3; i++) {
        op = copy_of(10 + i, &origins[i], 1);
        ck_assert_int_eq(cove_state_add_copy(&state, &op), 0);
    }
    cove_state_settle(&state);
    ck_assert_uint_eq(state.copy_count, 2);
    ck_assert_uint_eq(state.copies[0].id.hlc, 11);
    ck_assert_uint_eq(state.copies[1].id.hlc, 12);
    ck_assert(!state.copies[1].origins[0].held);
    told[2] = COVE_HELD_YES;
    cove_state_settle(&state);
    ck_assert_uint_eq(state.copy_count, 1);
    ck_assert_uint_eq(state.copies[0].id.hlc, 11);
}
END_TEST

START_TEST(without_a_history_the_natives_that_come_are_what_is_held)
{
    struct cove_origin origins[1] = {
        {.reg = cove_bytes_text("a"), .id = id_of(3, 0)}};
    struct cove_copy copy = copy_of(10, origins, 1);
    struct cove_native op = {
        .reg = cove_bytes_text("b"), .id = id_of(3, 0), .value = value_of(1)};
    struct cove_state state;

    cove_state_init(&state, &arena, NULL);
    ck_assert_int_eq(cove_state_add_copy(&state, &copy), 0);
    cove_state_settle(&state);
    ck_assert(!state.copies[0].origins[0].held);
    ck_assert_int_eq(cove_state_add_native(&state, &op), 0);
    cove_state_settle(&state);
    ck_assert(state.copies[0].origins[0].held);
}
END_TEST

START_TEST(stored_writes_are_ordered_by_their_origins_first)
{
    struct cove_origin late[1] = {
        {.reg = cove_bytes_text("a"), .id = id_of(5, 0)}};
    struct cove_origin two[2] = {
        {.reg = cove_bytes_text("a"), .id = id_of(5, 0)},
        {.reg = cove_bytes_text("b"), .id = id_of(1, 0)}};
    struct cove_native native = {
        .reg = cove_bytes_text("a"), .id = id_of(6, 0), .value = value_of(0)};
    struct cove_copy op = copy_of(99, late, 1);
    struct cove_state state;
    const struct cove_native *found;
    const struct cove_copy *copy;

    cove_state_init(&state, &arena, NULL);
    ck_assert_int_eq(
        cove_state_winner(&state, cove_bytes_text("a"), &found, &copy),
        COVE_ENOTFOUND);
    ck_assert_int_eq(cove_state_add_copy(&state, &op), 0);
    op = copy_of(98, two, 2);
    ck_assert_int_eq(cove_state_add_copy(&state, &op), 0);
    cove_state_settle(&state);
    ck_assert_int_eq(
        cove_state_winner(&state, cove_bytes_text("a"), &found, &copy), 0);
    ck_assert_uint_eq(copy->id.hlc, 98); /* names more */
    ck_assert_int_eq(cove_state_add_native(&state, &native), 0);
    cove_state_settle(&state);
    ck_assert_int_eq(
        cove_state_winner(&state, cove_bytes_text("a"), &found, &copy), 0);
    ck_assert_ptr_null(copy);
    ck_assert_uint_eq(found->id.hlc, 6);
}
END_TEST

START_TEST(an_op_that_finds_no_memory_leaves_the_state_as_it_was)
{
    bool all = true;
    struct cove_state_history history = {held_of_set, &all};
    long fail_at = 0;
    bool failed;

    draw_ops(7);
    do {
        struct harness_alloc heap;
        struct cove_arena own;
        struct cove_state state;

        failed = false;
        harness_alloc_init(&heap, ++fail_at);
        cove_arena_init(&own, &heap.alloc);
        cove_state_init(&state, &own, &history);
        for (size_t i = 0; i < OPS; i++) {
            size_t natives = state.native_count;
            size_t copies = state.copy_count;
            int err = ops[i].copy
                          ? cove_state_add_copy(&state, &ops[i].made)
                          : cove_state_add_native(&state, &ops[i].native);

            if (err != 0) {
                ck_assert_int_eq(err, COVE_ENOMEM);
                ck_assert_uint_eq(state.native_count, natives);
                ck_assert_uint_eq(state.copy_count, copies);
                failed = true;
                add(&state, &ops[i]); /* and it goes on */
            }
        }
        cove_state_settle(&state);
        cove_arena_clear(&own);
        ck_assert_int_eq(heap.alive, 0);
    } while (failed);
    ck_assert_int_gt(fail_at, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state");
    TCase *tc = tcase_create("state");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, folding_in_any_order_gives_the_same_state);
    tcase_add_test(tc,
                   a_state_of_thousands_of_registers_is_sorted_and_complete);
    tcase_add_test(tc, natives_of_different_epochs_stay_apart);
    tcase_add_test(tc, an_older_op_and_a_duplicate_change_nothing);
    tcase_add_test(tc, a_copy_of_nothing_or_of_what_is_not_older_is_ignored);
    tcase_add_test(tc,
                   a_copy_proven_false_gives_way_to_the_one_that_it_was_above);
    tcase_add_test(tc, copies_whose_origins_are_held_leave_only_the_greatest);
    tcase_add_test(tc,
                   without_a_history_the_natives_that_come_are_what_is_held);
    tcase_add_test(tc, stored_writes_are_ordered_by_their_origins_first);
    tcase_add_test(tc, an_op_that_finds_no_memory_leaves_the_state_as_it_was);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
