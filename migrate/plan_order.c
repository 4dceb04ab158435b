/* The order of a plan: first the head's history, then all other active steps.
 * Both topological; of the steps whose parents have been passed the one with
 * the smallest id is next. The journal counts steps by id, so a heap of
 * indexes has it on top. */
#include "cove/error.h"
#include "migrate/plan_build.h"

struct order_heap {
    uint32_t *steps;
    size_t count;
};

static void order_heap_push(struct order_heap *heap, uint32_t step)
{
    size_t at = heap->count++;

    while (at > 0 && heap->steps[(at - 1) / 2] > step) {
        heap->steps[at] = heap->steps[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->steps[at] = step;
}

static uint32_t order_heap_pop(struct order_heap *heap)
{
    uint32_t first = heap->steps[0];
    uint32_t last = heap->steps[--heap->count];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < heap->count &&
            heap->steps[child + 1] < heap->steps[child]) {
            child++;
        }
        if (child >= heap->count || heap->steps[child] >= last) {
            break;
        }
        heap->steps[at] = heap->steps[child];
        at = child;
    }
    heap->steps[at] = last;
    return first;
}

struct order_walk {
    const struct cove_plan *plan;
    struct order_heap heap;
    uint32_t *left; /* parents not passed yet, of each step */
};

static bool order_wants(const struct cove_plan *plan, size_t step, bool own)
{
    const struct cove_step *at = cove_journal_at(plan->journal, step);

    return at->state == COVE_STEP_ACTIVE &&
           cove_journal_step_descends(plan->journal, plan->head, at) == own;
}

/* Pass all steps of the head's history, or all others. */
static void order_pass(struct order_walk *walk, struct cove_plan_order *out,
                       bool own)
{
    const struct cove_journal *journal = walk->plan->journal;

    for (size_t i = 0; i < cove_journal_count(journal); i++) {
        if (walk->left[i] == 0 && order_wants(walk->plan, i, own)) {
            order_heap_push(&walk->heap, (uint32_t)i);
        }
    }
    while (walk->heap.count > 0) {
        uint32_t step = order_heap_pop(&walk->heap);
        const uint32_t *children;
        size_t count = cove_journal_children(journal, step, &children);

        out->steps[out->count++] = step;
        for (size_t c = 0; c < count; c++) {
            if (--walk->left[children[c]] == 0 &&
                order_wants(walk->plan, children[c], own)) {
                order_heap_push(&walk->heap, children[c]);
            }
        }
    }
}

int cove_plan_order(struct cove_plan_build *build, struct cove_plan_order *out)
{
    const struct cove_journal *journal = build->plan->journal;
    size_t count = cove_journal_count(journal);
    struct order_walk walk = {.plan = build->plan};
    struct cove_plan_order made = {0};

    walk.heap.steps =
        cove_arena_array(&build->scratch, count, sizeof(*walk.heap.steps));
    walk.left = cove_arena_array(&build->scratch, count, sizeof(*walk.left));
    made.steps = cove_arena_array(&build->scratch, count, sizeof(*made.steps));
    if (walk.heap.steps == NULL || walk.left == NULL || made.steps == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        walk.left[i] = (uint32_t)cove_journal_at(journal, i)->parent_count;
    }
    order_pass(&walk, &made, true);
    made.own = made.count;
    order_pass(&walk, &made, false);
    *out = made;
    return 0;
}
