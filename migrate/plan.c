/* Compiling goes over the ops once, in the order of the head, and asks of each
 * whether it fits what stands: registers exist, cells stay trees and sound,
 * calculations stay few levels deep. What fits changes the draft; what does
 * not is listed. Names, visibility, limits and calculations count only from
 * the head's own history: they are the head's own affair. */
#include "migrate/plan.h"

#include <stdlib.h>

#include "core/crypto.h"
#include "cove/error.h"
#include "migrate/plan_build.h"
#include "schema/script.h"
#include "schema/step.h"

/* Named in fingerprints: another set of functions is another plan. */
#define PLAN_FUNCTIONS "functions 2, children"

/* --- ops */

/* The index of a register that was added before. */
static bool plan_register(const struct cove_plan_build *build,
                          struct cove_bytes id, uint32_t *out)
{
    return cove_plan_find(build->plan, id, out) && build->drafts[*out].added;
}

/* The registers of a list, in the plan's memory. *fits: all were added. */
static int plan_registers(struct cove_plan_build *build, struct cove_bytes list,
                          const uint32_t **out, size_t *count, bool *fits)
{
    struct cove_bytes *names;
    uint32_t *regs;
    int err = cove_step_texts(&build->scratch, list, &names, count);

    if (err != 0) {
        return err;
    }
    regs = cove_arena_array(&build->plan->arena, *count, sizeof(*regs));
    if (regs == NULL) {
        return COVE_ENOMEM;
    }
    *fits = true;
    for (size_t i = 0; *fits && i < *count; i++) {
        *fits = plan_register(build, names[i], &regs[i]);
    }
    *out = regs;
    return 0;
}

static bool plan_add(struct cove_plan_build *build,
                     const struct cove_step_op *op, bool own)
{
    struct cove_plan_draft *draft;
    uint32_t reg;

    if (!cove_plan_find(build->plan, op->reg, &reg)) {
        return false; /* cannot be: the journal indexes every add */
    }
    draft = &build->drafts[reg];
    if (draft->added && draft->type != op->type) {
        return false;
    }
    draft->added = true;
    draft->type = op->type;
    if (own) {
        draft->named = true;
        draft->named_at = build->clock;
        draft->name = op->name;
        draft->shown = true;
    }
    return true;
}

/* name, hide, show, limit */
static bool plan_label(struct cove_plan_build *build,
                       const struct cove_step_op *op, bool own)
{
    struct cove_plan_draft *draft;
    uint32_t reg;

    if (!plan_register(build, op->reg, &reg)) {
        return false;
    }
    draft = &build->drafts[reg];
    if (!own) {
        return true;
    }
    if (op->kind == COVE_STEP_NAME) {
        draft->named = true;
        draft->named_at = build->clock;
        draft->name = op->name;
    } else if (op->kind == COVE_STEP_LIMIT) {
        draft->required = op->required;
        draft->has_default = op->has_default;
        draft->fallback = op->fallback;
    } else {
        draft->shown = op->kind == COVE_STEP_SHOW;
    }
    return true;
}

static bool plan_is_calc(const struct cove_plan_build *build, uint32_t reg)
{
    return build->drafts[reg].calc != COVE_PLAN_NONE;
}

/* conv, alias */
static int plan_link(struct cove_plan_build *build,
                     const struct cove_step_op *op, bool *fits)
{
    struct cove_cells_edge edge = {.fwd = op->fwd, .bwd = op->bwd};

    *fits = plan_register(build, op->from, &edge.from) &&
            plan_register(build, op->to, &edge.to) &&
            !plan_is_calc(build, edge.from) && !plan_is_calc(build, edge.to);
    return *fits ? cove_cells_join(&build->cells, &edge, fits) : 0;
}

static int plan_divide(struct cove_plan_build *build,
                       const struct cove_step_op *op, bool *fits)
{
    struct cove_cells_division division = {.lenient = op->lenient};
    struct cove_bytes *lits;
    size_t lit_count;
    int err;

    *fits = plan_register(build, op->whole, &division.whole) &&
            !plan_is_calc(build, division.whole);
    if (!*fits) {
        return 0;
    }
    err = plan_registers(build, op->parts, &division.parts,
                         &division.part_count, fits);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; *fits && i < division.part_count; i++) {
        *fits = !plan_is_calc(build, division.parts[i]);
    }
    if (!*fits) {
        return 0;
    }
    err = cove_step_texts(&build->plan->arena, op->lits, &lits, &lit_count);
    division.lits = lits;
    return err != 0 ? err : cove_cells_divide(&build->cells, &division, fits);
}

/* Is a chain of calculations from calc down longer than allowed, or a ring?
 * Level by level, each register once in a level: a ring has no last level. */
static bool plan_calc_too_deep(struct cove_plan_build *build, uint32_t calc)
{
    size_t count = 1;
    unsigned level = 0;

    build->level[0][0] = calc;
    for (; level < COVE_PLAN_DEPTH && count > 0; level++) {
        const uint32_t *from = build->level[level % 2];
        uint32_t *to = build->level[(level + 1) % 2];
        size_t next = 0;

        build->mark++;
        for (size_t i = 0; i < count; i++) {
            const struct cove_plan_calc *at = &build->calcs[from[i]];

            for (size_t d = 0; d < at->dep_count; d++) {
                struct cove_plan_draft *dep = &build->drafts[at->deps[d]];

                if (dep->calc != COVE_PLAN_NONE &&
                    dep->level_mark != build->mark) {
                    dep->level_mark = build->mark;
                    to[next++] = dep->calc;
                }
            }
        }
        count = next;
    }
    return count > 0;
}

static int plan_input_order(const void *left, const void *right)
{
    const struct cove_plan_input *a = left;
    const struct cove_plan_input *b = right;

    return cove_bytes_compare(a->key, b->key);
}

/* The literals of a calc, or the functions of a derive and what they take. */
static int plan_calc_makes(struct cove_plan_build *build,
                           const struct cove_step_op *op,
                           struct cove_plan_calc *calc)
{
    struct cove_arena *arena = &build->plan->arena;
    struct cove_plan_input *input;
    struct cove_bytes *lits;
    struct cove_reader r;
    size_t count;

    if (op->kind == COVE_STEP_CALC) {
        int err = cove_step_texts(arena, op->lits, &lits, &count);

        calc->lits = lits;
        return err;
    }
    input = cove_arena_array(arena, calc->dep_count, sizeof(*input));
    if (input == NULL) {
        return COVE_ENOMEM;
    }
    cove_reader_init(&r, op->names);
    count = cove_reader_list(&r);
    for (size_t i = 0; i < count; i++) {
        input[i].key = cove_reader_item(&r);
        input[i].dep = (uint32_t)i;
    }
    qsort(input, count, sizeof(*input), plan_input_order);
    calc->input = input;
    calc->fn = op->fn;
    return 0;
}

static int plan_calculate(struct cove_plan_build *build,
                          const struct cove_step_op *op, bool own, bool *fits)
{
    struct cove_plan_calc calc = {0};
    void *array = build->calcs;
    uint32_t index = (uint32_t)build->calc_count;
    int err;

    *fits = plan_register(build, op->out, &calc.out);
    if (!*fits) {
        return 0;
    }
    err = plan_registers(build, op->deps, &calc.deps, &calc.dep_count, fits);
    if (err != 0 || !*fits || !own) {
        return err;
    }
    *fits = !plan_is_calc(build, calc.out) &&
            cove_cells_is_apart(&build->cells, calc.out);
    if (!*fits) {
        return 0;
    }
    err = plan_calc_makes(build, op, &calc);
    if (err == 0) {
        err = cove_arena_grow(&build->scratch, &array, sizeof(calc),
                              build->calc_count, &build->calc_cap);
    }
    if (err != 0) {
        return err;
    }
    build->calcs = array;
    build->calcs[index] = calc;
    build->drafts[calc.out].calc = index;
    *fits = !plan_calc_too_deep(build, index);
    if (*fits) {
        build->calc_count++;
    } else {
        build->drafts[calc.out].calc = COVE_PLAN_NONE;
    }
    return 0;
}

static int plan_apply(struct cove_plan_build *build,
                      const struct cove_step_op *op, bool own, bool *fits)
{
    switch (op->kind) {
    case COVE_STEP_ADD:
        *fits = plan_add(build, op, own);
        return 0;
    case COVE_STEP_NAME:
    case COVE_STEP_HIDE:
    case COVE_STEP_SHOW:
    case COVE_STEP_LIMIT:
        *fits = plan_label(build, op, own);
        return 0;
    case COVE_STEP_ALIAS:
    case COVE_STEP_CONV:
        return plan_link(build, op, fits);
    case COVE_STEP_COMP:
        return plan_divide(build, op, fits);
    case COVE_STEP_CALC:
    case COVE_STEP_DERIVE:
        return plan_calculate(build, op, own, fits);
    case COVE_STEP_EXTRA:
        break;
    }
    *fits = true;
    return 0;
}

static int plan_note_conflict(struct cove_plan_build *build,
                              const struct cove_step *step, size_t op)
{
    void *array = build->conflicts;
    int err =
        cove_arena_grow(&build->plan->arena, &array, sizeof(*build->conflicts),
                        build->conflict_count, &build->conflict_cap);

    if (err == 0) {
        build->conflicts = array;
        build->conflicts[build->conflict_count].step = step->id;
        build->conflicts[build->conflict_count++].op = (uint32_t)op;
    }
    return err;
}

static int plan_pass_step(struct cove_plan_build *build,
                          const struct cove_step *step, bool own)
{
    cove_hasher_add(build->hasher, cove_bytes(step->id.b, sizeof(step->id.b)));
    for (size_t i = 0; i < step->op_count; i++) {
        struct cove_step_op op;
        bool fits = false;
        int err = cove_step_op_read(step->ops[i], &op, NULL);

        build->clock++;
        if (err == 0) {
            err = plan_apply(build, &op, own, &fits);
        }
        if (err == 0 && op.kind == COVE_STEP_EXTRA) {
            cove_plan_extra(build, step->ops[i], own);
        }
        if (err == 0 && !fits) {
            err = plan_note_conflict(build, step, i);
        }
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

/* --- the whole */

static int plan_conflict_order(const void *left, const void *right)
{
    const struct cove_plan_conflict *a = left;
    const struct cove_plan_conflict *b = right;
    int order = memcmp(a->step.b, b->step.b, sizeof(a->step.b));

    return order != 0 ? order : (a->op > b->op) - (a->op < b->op);
}

static int plan_drafts_make(struct cove_plan_build *build)
{
    struct cove_plan *plan = build->plan;
    size_t count = cove_journal_registers(plan->journal);

    build->drafts =
        cove_arena_array(&build->scratch, count + 1, sizeof(*build->drafts));
    for (size_t i = 0; i < 2; i++) {
        build->level[i] =
            cove_arena_array(&build->scratch, count + 1, sizeof(uint32_t));
    }
    plan->registers =
        cove_arena_array(&plan->arena, count + 1, sizeof(*plan->registers));
    plan->register_count = count;
    if (build->drafts == NULL || build->level[0] == NULL ||
        build->level[1] == NULL || plan->registers == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        build->drafts[i].calc = COVE_PLAN_NONE;
        plan->registers[i].id = cove_journal_register_at(plan->journal, i);
    }
    return cove_cells_init(&build->cells, &build->scratch, count);
}

static int plan_compile(struct cove_plan_build *build)
{
    struct cove_plan *plan = build->plan;
    struct cove_plan_order order;
    int err = plan_drafts_make(build);

    if (err == 0) {
        err = cove_plan_order(build, &order);
    }
    if (err != 0) {
        return err;
    }
    cove_hasher_add(build->hasher, cove_bytes_text(PLAN_FUNCTIONS));
    cove_hasher_add(build->hasher, cove_bytes(plan->head->id.b, 32));
    for (size_t i = 0; err == 0 && i < order.count; i++) {
        err = plan_pass_step(build,
                             cove_journal_at(plan->journal, order.steps[i]),
                             i < order.own);
    }
    if (err != 0) {
        return err;
    }
    plan->fingerprint = cove_hasher_end(build->hasher);
    plan->conflicts = build->conflicts;
    plan->conflict_count = build->conflict_count;
    if (plan->conflict_count > 0) {
        qsort(plan->conflicts, plan->conflict_count, sizeof(*plan->conflicts),
              plan_conflict_order);
    }
    return cove_plan_lay_out(build);
}

int cove_plan_new(const struct cove_alloc *alloc,
                  const struct cove_journal *journal,
                  const struct cove_step_id *head, struct cove_plan **out)
{
    const struct cove_step *step = cove_journal_find(journal, head);
    struct cove_plan_build build = {0};
    struct cove_hasher hasher;
    int err;

    if (step == NULL || step->state != COVE_STEP_ACTIVE) {
        return COVE_EBLOCKED;
    }
    build.plan = cove_alloc_zero(alloc, 1, sizeof(*build.plan));
    if (build.plan == NULL) {
        return COVE_ENOMEM;
    }
    build.plan->alloc = alloc;
    build.plan->journal = journal;
    build.plan->head = step;
    cove_hasher_init(&hasher, "cove/plan");
    build.hasher = &hasher;
    cove_arena_init(&build.plan->arena, alloc);
    cove_arena_init(&build.scratch, alloc);
    err = cove_scripts_new(alloc, &build.plan->scripts);
    err = err != 0 ? err : plan_compile(&build);
    cove_arena_clear(&build.scratch);
    if (err != 0) {
        cove_plan_free(build.plan);
        return err;
    }
    *out = build.plan;
    return 0;
}

void cove_plan_free(struct cove_plan *plan)
{
    if (plan != NULL) {
        cove_scripts_free(plan->scripts);
        cove_arena_clear(&plan->arena);
        cove_alloc_free(plan->alloc, plan);
    }
}

/* --- lookup */

bool cove_plan_find(const struct cove_plan *plan, struct cove_bytes reg,
                    uint32_t *out)
{
    size_t index;

    if (!cove_journal_register_find(plan->journal, reg, &index)) {
        return false;
    }
    *out = (uint32_t)index;
    return true;
}

bool cove_plan_reaches(const struct cove_plan *plan, uint32_t reg,
                       uint32_t atom)
{
    uint32_t cell = plan->registers[reg].cell;
    const struct cove_plan_cell *c = &plan->cells[cell];

    for (size_t i = 0; c->divided && i < c->atom_count; i++) {
        if (c->atoms[i].cell == atom) {
            return true;
        }
    }
    return cell == atom;
}

bool cove_plan_field_find(const struct cove_plan_field *fields, size_t count,
                          struct cove_bytes name, uint32_t *out)
{
    size_t begin = 0;
    size_t end = count;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        int order = cove_bytes_compare(fields[middle].name, name);

        if (order == 0) {
            *out = fields[middle].reg;
            return true;
        }
        if (order < 0) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return false;
}

bool cove_plan_find_name(const struct cove_plan *plan, struct cove_bytes name,
                         uint32_t *out)
{
    return cove_plan_field_find(plan->fields, plan->field_count, name, out);
}

struct cove_hash cove_plan_fingerprint(const struct cove_plan *plan)
{
    return plan->fingerprint;
}
