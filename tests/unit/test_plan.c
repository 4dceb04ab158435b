#include "migrate/plan.h"

#include "cove/error.h"
#include "tests/unit/world.h"

static struct world w;

static void set_up(void)
{
    world_init(&w);
}

static void tear_down(void)
{
    world_clear(&w);
}

static struct cove_journal *build(void)
{
    struct cove_journal *journal = NULL;

    ck_assert_int_eq(
        cove_journal_new(&cove_alloc_libc, w.bodies, w.steps, &journal), 0);
    return journal;
}

static struct cove_plan *compile(struct cove_journal *journal, int head)
{
    struct cove_plan *plan = NULL;

    ck_assert_int_eq(
        cove_plan_new(&cove_alloc_libc, journal, &w.ids[head], &plan), 0);
    return plan;
}

START_TEST(a_plan_of_a_head_that_is_not_active_is_blocked)
{
    int bad = world_step(&w, -1, "[{'op':'nosuch'}]");
    struct cove_journal *journal = build();
    struct cove_plan *plan = NULL;
    struct cove_step_id none;

    memset(&none, 9, sizeof(none));
    ck_assert_int_eq(
        cove_plan_new(&cove_alloc_libc, journal, &w.ids[bad], &plan),
        COVE_EBLOCKED);
    ck_assert_int_eq(cove_plan_new(&cove_alloc_libc, journal, &none, &plan),
                     COVE_EBLOCKED);
    ck_assert_ptr_null(plan);
    cove_journal_free(journal);
}
END_TEST

START_TEST(a_plan_names_types_limits_and_finds_both_ways)
{
    int root = world_step(
        &w, -1,
        "[{'op':'add','reg':'b','name':'beta','type':'int'},"
        "{'op':'add','reg':'a','name':'alpha','type':'text'},"
        "{'op':'limit','reg':'a','default':'x','required':true},"
        "{'op':'add','reg':'c','name':'gamma','type':'any'},"
        "{'op':'hide','reg':'c'},{'op':'name','reg':'b','name':'alpha'}]");
    struct cove_journal *journal = build();
    struct cove_plan *plan = compile(journal, root);
    uint32_t reg = 9;

    ck_assert_uint_eq(plan->field_count, 2);
    ck_assert(cove_plan_find_name(plan, cove_bytes_text("alpha"), &reg));
    ck_assert(cove_bytes_equal(plan->registers[reg].id, cove_bytes_text("b")));
    ck_assert_int_eq(plan->registers[reg].type, COVE_TYPE_INT);
    ck_assert(cove_plan_find_name(plan, cove_bytes_text("#a"), &reg));
    ck_assert(plan->registers[reg].required);
    ck_assert(plan->registers[reg].has_default);
    ck_assert(!cove_plan_find_name(plan, cove_bytes_text("gamma"), &reg));
    ck_assert(cove_plan_find(plan, cove_bytes_text("c"), &reg));
    ck_assert(!plan->registers[reg].visible);
    ck_assert(!cove_plan_find(plan, cove_bytes_text("d"), &reg));
    cove_plan_free(plan);
    cove_journal_free(journal);
}
END_TEST

START_TEST(a_plans_fingerprint_is_of_its_head_and_order)
{
    int root = world_step(&w, -1, "[]");
    int left = world_step(&w, root, "[{'op':'x-a'}]");
    int right = world_step(&w, root, "[{'op':'x-b'}]");
    struct cove_journal *journal = build();
    struct cove_plan *a = compile(journal, left);
    struct cove_plan *b = compile(journal, right);
    struct cove_plan *c = compile(journal, left);
    struct cove_hash fa = cove_plan_fingerprint(a);
    struct cove_hash fb = cove_plan_fingerprint(b);
    struct cove_hash fc = cove_plan_fingerprint(c);

    ck_assert_mem_eq(fa.b, fc.b, sizeof(fa.b));
    ck_assert_mem_ne(fa.b, fb.b, sizeof(fa.b));
    cove_plan_free(a);
    cove_plan_free(b);
    cove_plan_free(c);
    cove_journal_free(journal);
}
END_TEST

/* The order of a plan, found slowly: of the steps whose parents have been
 * passed the smallest. Indexes of the journal. */
static size_t slow_order(const struct cove_journal *journal, int head, bool own,
                         size_t *order, size_t count)
{
    for (;;) {
        size_t next = SIZE_MAX;

        for (size_t i = cove_journal_count(journal); i-- > 0;) {
            const struct cove_step *step = cove_journal_at(journal, i);
            size_t passed = 0;
            bool fresh = true;

            for (size_t k = 0; k < count; k++) {
                const struct cove_step *before =
                    cove_journal_at(journal, order[k]);

                fresh = fresh && order[k] != i;
                for (size_t p = 0; p < step->parent_count; p++) {
                    passed += memcmp(&step->parents[p], &before->id,
                                     sizeof(before->id)) == 0;
                }
            }
            if (fresh && passed == step->parent_count &&
                cove_journal_descends(journal, &w.ids[head], &step->id) ==
                    own) {
                next = i;
            }
        }
        if (next == SIZE_MAX) {
            return count;
        }
        order[count++] = next;
    }
}

/* A step with up to three earlier ones as its parents. */
static void random_step(struct harness_env *env)
{
    const char *parents = "";
    uint8_t draw[4];
    int last = -1;

    env->env.random(env->env.ctx, draw, sizeof(draw));
    for (int k = 0; k < draw[3] % 4 && w.steps > 0; k++) {
        char hex[COVE_HEX_LEN(32)];
        int parent = draw[k] % (int)w.steps;

        if (parent > last) {
            cove_hex(cove_bytes(w.ids[parent].b, 32), hex);
            parents = cove_arena_printf(&w.arena, "%s%s'%s'", parents,
                                        *parents == '\0' ? "" : ",", hex);
            last = parent;
        }
    }
    w.bodies[w.steps] = world_json(
        &w,
        cove_arena_printf(&w.arena, "{'parents':[%s],'ops':[],'version':%zu}",
                          parents, w.steps));
    w.ids[w.steps] = cove_step_id_of(w.bodies[w.steps]);
    w.steps++;
}

START_TEST(the_heads_history_comes_first_and_ties_go_by_id)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct harness_env env;
        struct cove_journal *journal;
        struct cove_plan *plan;
        struct cove_hasher hasher;
        struct cove_hash want;
        struct cove_hash got;
        size_t order[WORLD_STEPS];
        size_t count;
        int head;

        harness_env_init(&env, seed);
        w.steps = 0;
        while (w.steps < WORLD_STEPS) {
            random_step(&env);
        }
        head = (int)(seed * 3);
        journal = build();
        plan = compile(journal, head);
        count = slow_order(journal, head, true, order, 0);
        count = slow_order(journal, head, false, order, count);
        ck_assert_uint_eq(count, WORLD_STEPS);
        cove_hasher_init(&hasher, "cove/plan");
        cove_hasher_add(&hasher, cove_bytes_text("functions 2, children"));
        cove_hasher_add(&hasher, cove_bytes(w.ids[head].b, 32));
        for (size_t i = 0; i < count; i++) {
            cove_hasher_add(
                &hasher,
                cove_bytes(cove_journal_at(journal, order[i])->id.b, 32));
        }
        want = cove_hasher_end(&hasher);
        got = cove_plan_fingerprint(plan);
        ck_assert_mem_eq(got.b, want.b, sizeof(want.b));
        cove_plan_free(plan);
        cove_journal_free(journal);
    }
}
END_TEST

START_TEST(what_does_not_fit_is_listed_and_inert)
{
    int root = world_step(
        &w, -1,
        "[{'op':'add','reg':'a','name':'a','type':'text'},"
        "{'op':'add','reg':'b','name':'b','type':'text'},"
        "{'op':'add','reg':'c','name':'c','type':'text'},"
        "{'op':'alias','from':'a','to':'b'},"
        "{'op':'conv','from':'b','to':'a','fwd':[],'bwd':[]}," /* 4: a ring */
        "{'op':'comp','whole':'a','parts':['b'],'lits':['','']}," /* 5: self */
        "{'op':'comp','whole':'a','parts':['c'],'lits':['','']},"
        "{'op':'comp','whole':'b','parts':['c'],'lits':['','']}," /* 7: 2nd */
        "{'op':'comp','whole':'c','parts':['a'],'lits':['','']}," /* 8: ring */
        "{'op':'calc','out':'c','deps':['a'],'lits':['','']},"    /* 9: part */
        "{'op':'hide','reg':'nosuch'},"                           /* 10 */
        "{'op':'add','reg':'d','name':'d','type':'text'},"
        "{'op':'calc','out':'d','deps':['d'],'lits':['','']}," /* 12: self */
        "{'op':'calc','out':'d','deps':['a'],'lits':['','']},"
        "{'op':'calc','out':'d','deps':['b'],'lits':['','']}," /* 14: 2nd */
        "{'op':'alias','from':'d','to':'a'},"                  /* 15: calc */
        "{'op':'derive','out':'d','deps':['b'],'names':['b'],"
        "'fn':[]}," /* 16: 2nd */
        "{'op':'derive','out':'c','deps':['a'],'names':['a'],"
        "'fn':[]}," /* 17: part */
        "{'op':'add','reg':'e','name':'e','type':'text'},"
        "{'op':'derive','out':'e','deps':['e'],'names':['e'],"
        "'fn':[]}," /* 19: self */
        "{'op':'derive','out':'e','deps':['d'],'names':['d'],'fn':[]},"
        "{'op':'alias','from':'e','to':'a'},"                    /* 21: calc */
        "{'op':'calc','out':'e','deps':['b'],'lits':['','']}]"); /* 22: 2nd */
    static const uint32_t misfits[] = {4,  5,  7,  8,  9,  10, 12,
                                       14, 15, 16, 17, 19, 21, 22};
    struct cove_journal *journal = build();
    struct cove_plan *plan = compile(journal, root);

    ck_assert_uint_eq(plan->conflict_count, COVE_ARRAY_LEN(misfits));
    for (size_t i = 0; i < COVE_ARRAY_LEN(misfits); i++) {
        ck_assert_uint_eq(plan->conflicts[i].op, misfits[i]);
    }
    cove_plan_free(plan);
    cove_journal_free(journal);
}
END_TEST

START_TEST(a_build_without_memory_says_so_and_leaks_nothing)
{
    int root = world_step(&w, -1,
                          "[{'op':'add','reg':'a','name':'a','type':'text'},"
                          "{'op':'add','reg':'b','name':'a','type':'text'},"
                          "{'op':'add','reg':'c','name':'c','type':'text'},"
                          "{'op':'comp','whole':'a','parts':['b','c'],"
                          "'lits':['','-','']}]");
    int leaf =
        world_step(&w, root,
                   "[{'op':'add','reg':'d','name':'d','type':'int'},"
                   "{'op':'conv','from':'a','to':'d','fwd':['int_of_text'],"
                   "'bwd':null},{'op':'calc','out':'d','deps':['a'],"
                   "'lits':['','']},{'op':'hide','reg':'zz'},"
                   "{'op':'add','reg':'e','name':'e','type':'any'},"
                   "{'op':'derive','out':'e','deps':['d','a'],"
                   "'names':['y','x'],'fn':[]}]");
    long fail_at = 0;
    int err;

    do {
        struct harness_alloc heap;
        struct cove_journal *journal = NULL;
        struct cove_plan *plan = NULL;

        harness_alloc_init(&heap, ++fail_at);
        err = cove_journal_new(&heap.alloc, w.bodies, w.steps, &journal);
        if (err == 0) {
            err = cove_plan_new(&heap.alloc, journal, &w.ids[leaf], &plan);
        }
        ck_assert(err == 0 || err == COVE_ENOMEM);
        ck_assert(err == 0 || plan == NULL);
        cove_plan_free(plan);
        cove_journal_free(journal);
        ck_assert_int_eq(heap.alive, 0);
    } while (err != 0);
    ck_assert_int_gt(fail_at, 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan");
    TCase *tc = tcase_create("plan");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_plan_of_a_head_that_is_not_active_is_blocked);
    tcase_add_test(tc, a_plan_names_types_limits_and_finds_both_ways);
    tcase_add_test(tc, a_plans_fingerprint_is_of_its_head_and_order);
    tcase_add_test(tc, the_heads_history_comes_first_and_ties_go_by_id);
    tcase_add_test(tc, what_does_not_fit_is_listed_and_inert);
    tcase_add_test(tc, a_build_without_memory_says_so_and_leaks_nothing);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
