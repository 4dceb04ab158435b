/* Which copies would settle a document at this head. A copy says what the view
 * says and names the user write behind each part; it is due where the stored
 * winner of a visible register does not say that already, and writing it would
 * make it the stored winner. Never where a part stands in for a write that is
 * not held, never where the value is invalid, and never where no transaction
 * can hold it. So two peers that hold the same compute the same copies, and a
 * second load has none. */
#include <stdlib.h>

#include "core/value.h"
#include "cove/error.h"
#include "migrate/view_internal.h"

/* One part of a register and the user write behind it, or NULL. */
struct due_part {
    uint32_t reg;
    const struct cove_view_atom *atom;
};

static int due_part_order(const void *left, const void *right)
{
    const struct due_part *a = left;
    const struct due_part *b = right;

    if (a->reg != b->reg) { /* the index order of registers is that of ids */
        return a->reg < b->reg ? -1 : 1;
    }
    return cove_view_newer(a->atom->win, b->atom->win);
}

/* Greatest id first, then greatest register, as copies are ranked. */
static int due_rank_order(const void *left, const void *right)
{
    const struct due_part *a = left;
    const struct due_part *b = right;
    int order = cove_view_newer(b->atom->win, a->atom->win);

    return order != 0 ? order : (a->reg < b->reg) - (a->reg > b->reg);
}

/* --- the parts of a register */

struct due_frame {
    uint32_t calc;
    size_t next_dep;
};

struct due_walk {
    const struct cove_view *view;
    struct due_part *parts;
    size_t count;
    struct due_frame *stack; /* calculations that are due, outermost first */
    size_t depth;
};

/* Append the parts of a register, or put its calculation on the stack. */
static void due_walk_to(struct due_walk *walk, uint32_t reg)
{
    const struct cove_view *view = walk->view;
    uint32_t calc = view->plan->registers[reg].calc;
    struct cove_plan_atom own;
    const struct cove_plan_atom *atoms;
    size_t count;

    if (calc != COVE_PLAN_NONE && view->calcs[calc].due) {
        walk->stack[walk->depth++] = (struct due_frame){calc, 0};
        return;
    }
    atoms = cove_view_atoms(view, reg, &own, &count);
    for (size_t i = 0; i < count; i++) {
        walk->parts[walk->count++] =
            (struct due_part){atoms[i].reg, &view->atoms[atoms[i].cell]};
    }
}

/* The parts of a register, in the order of the plan; summary->count of them,
 * which is within the limit. */
static int due_parts(struct cove_view *view, uint32_t reg,
                     const struct cove_view_summary *summary,
                     struct due_part **out)
{
    struct due_walk walk = {.view = view};

    walk.parts =
        cove_arena_array(view->arena, summary->count, sizeof(*walk.parts));
    walk.stack = cove_arena_array(view->arena, view->calcs_done + 1,
                                  sizeof(*walk.stack));
    if (walk.parts == NULL || walk.stack == NULL) {
        return COVE_ENOMEM;
    }
    due_walk_to(&walk, reg);
    while (walk.depth > 0) {
        struct due_frame *top = &walk.stack[walk.depth - 1];
        const struct cove_plan_calc *calc = &view->plan->calcs[top->calc];

        if (top->next_dep == calc->dep_count) {
            walk.depth--;
        } else {
            due_walk_to(&walk, calc->deps[top->next_dep++]);
        }
    }
    *out = walk.parts;
    return 0;
}

static int due_origins(struct cove_view *view, struct due_part *parts,
                       size_t count, struct cove_origin **out)
{
    struct cove_origin *origins =
        cove_arena_array(view->arena, count, sizeof(*origins));

    if (origins == NULL) {
        return COVE_ENOMEM;
    }
    qsort(parts, count, sizeof(*parts), due_part_order);
    for (size_t i = 0; i < count; i++) {
        const struct cove_view_atom *atom = parts[i].atom;

        origins[i].reg = view->plan->registers[parts[i].reg].id;
        if (atom->win != NULL) {
            origins[i].id = *atom->win;
            origins[i].held = atom->native != NULL;
        }
    }
    *out = origins;
    return 0;
}

int cove_view_origins(struct cove_view *view, uint32_t reg,
                      struct cove_origin **out, size_t *count)
{
    struct cove_view_summary summary;
    struct due_part *parts;
    int err = cove_view_summary(view, reg, &summary);

    if (err == 0 && summary.count > COVE_VIEW_ORIGINS) {
        err = COVE_ELIMIT;
    }
    if (err == 0) {
        err = due_parts(view, reg, &summary, &parts);
    }
    if (err == 0) {
        err = due_origins(view, parts, summary.count, out);
    }
    if (err == 0) {
        *count = summary.count;
    }
    return err;
}

/* --- stored writes */

/* The newest native of a register that the document itself has. */
static const struct cove_native *due_own_native(const struct cove_view *view,
                                                uint32_t reg)
{
    const struct cove_native *newest = view->registers[reg].native;
    size_t begin;
    size_t end;

    if (newest == NULL || !cove_view_is_foreign(view, &newest->id)) {
        return newest;
    }
    newest = NULL;
    cove_state_natives(view->state, view->plan->registers[reg].id, &begin,
                       &end);
    for (size_t i = begin; i < end; i++) {
        const struct cove_native *next = &view->state->natives[i];

        if (!cove_view_is_foreign(view, &next->id) &&
            cove_view_knows(view, reg, next) &&
            (newest == NULL ||
             cove_op_id_compare(&next->id, &newest->id) > 0)) {
            newest = next;
        }
    }
    return newest;
}

void cove_view_stored(const struct cove_view *view, uint32_t reg,
                      const struct cove_native **native,
                      const struct cove_copy **copy)
{
    size_t begin;
    size_t end;

    *native = due_own_native(view, reg);
    *copy = NULL;
    cove_state_copies(view->state, view->plan->registers[reg].id, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        const struct cove_copy *next = &view->state->copies[i];

        if (cove_view_is_foreign(view, &next->id)) {
            continue;
        }
        if ((*native == NULL && *copy == NULL) ||
            cove_state_stored_compare(*native, *copy, NULL, next) < 0) {
            *native = NULL;
            *copy = next;
        }
    }
}

/* Does a copy name exactly these parts, ranked? */
static bool due_names_equal(const struct cove_view *view,
                            const struct cove_copy *copy,
                            const struct due_part *parts, size_t count)
{
    if (copy->origin_count != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct cove_op_id *win = parts[i].atom->win;
        const struct cove_op_id *id = &copy->ranked[i]->id;

        if (cove_view_newer(win, cove_op_id_is_none(id) ? NULL : id) != 0 ||
            !cove_bytes_equal(copy->ranked[i]->reg,
                              view->plan->registers[parts[i].reg].id)) {
            return false;
        }
    }
    return true;
}

const struct cove_copy *cove_view_whole_copy(const struct cove_view *view,
                                             uint32_t reg)
{
    struct due_part parts[COVE_PLAN_ATOMS];
    struct cove_plan_atom own;
    const struct cove_copy *best = NULL;
    size_t count;
    size_t begin;
    size_t end;
    const struct cove_plan_atom *atoms =
        cove_view_atoms(view, reg, &own, &count);

    for (size_t i = 0; i < count; i++) {
        const struct cove_view_atom *atom = &view->atoms[atoms[i].cell];

        parts[i] = (struct due_part){atoms[i].reg, atom};
    }
    qsort(parts, count, sizeof(*parts), due_rank_order);
    cove_state_copies(view->state, view->plan->registers[reg].id, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        const struct cove_copy *copy = &view->state->copies[i];

        if (due_names_equal(view, copy, parts, count) &&
            (best == NULL ||
             cove_bytes_compare(copy->value, best->value) < 0)) {
            best = copy;
        }
    }
    return best;
}

/* --- due */

/* Would a copy with these parts, ranked, be greater than the stored write, or
 * equal in rank? <0, 0, >0 as the parts stand to it. */
static int due_compare(const struct due_part *parts, size_t count,
                       const struct cove_native *native,
                       const struct cove_copy *copy)
{
    size_t theirs = native != NULL ? 1 : copy->origin_count;

    for (size_t i = 0; i < count && i < theirs; i++) {
        const struct cove_op_id *id =
            native != NULL ? &native->id : &copy->ranked[i]->id;
        int order = cove_view_newer(parts[i].atom->win,
                                    cove_op_id_is_none(id) ? NULL : id);

        if (order != 0) {
            return order;
        }
    }
    return (count > theirs) - (count < theirs);
}

/* Does the stored write come from exactly one user write, itself, and is that
 * where every part comes from? */
static bool due_is_native(const struct due_part *parts, size_t count,
                          const struct cove_native *native)
{
    for (size_t i = 0; i < count; i++) {
        if (cove_view_newer(parts[i].atom->win, &native->id) != 0) {
            return false;
        }
    }
    return true;
}

/* Does another document say a part of it? */
static bool due_is_foreign(const struct cove_view *view,
                           const struct due_part *parts, size_t count)
{
    bool foreign = false;

    for (size_t i = 0; i < count && !foreign; i++) {
        const struct cove_view_atom *atom = parts[i].atom;

        foreign = atom->foreign ||
                  (atom->win != NULL && cove_view_is_foreign(view, atom->win));
    }
    return foreign;
}

int cove_view_due_of(struct cove_view *view, uint32_t reg, struct cove_due *due,
                     bool *is_due)
{
    struct cove_view_summary summary;
    struct due_part *parts;
    const struct cove_native *native;
    const struct cove_copy *copy;
    struct cove_cell cell;
    struct cove_cell stored;
    int order;
    int err = cove_view_summary(view, reg, &summary);

    *is_due = false;
    if (err != 0 || summary.newest == NULL || summary.stood_in ||
        summary.count > COVE_VIEW_ORIGINS) {
        return err;
    }
    err = due_parts(view, reg, &summary, &parts);
    if (err != 0 || due_is_foreign(view, parts, summary.count)) {
        return err;
    }
    cove_view_stored(view, reg, &native, &copy);
    if (native != NULL && due_is_native(parts, summary.count, native)) {
        return 0;
    }
    err = cove_view_read(view, reg, &cell);
    view->open = view->open || (err == 0 && cove_cell_is_open(cell));
    if (err != 0 || cell.kind == COVE_INVALID ||
        (cell.kind == COVE_PRESENT &&
         cove_value_check(cell.bytes, NULL) != 0)) {
        return err;
    }
    if (native != NULL || copy != NULL) {
        qsort(parts, summary.count, sizeof(*parts), due_rank_order);
        order = due_compare(parts, summary.count, native, copy);
        stored =
            native != NULL
                ? cove_view_written(view, reg, native->deleted, native->value)
                : cove_view_written(view, reg, copy->deleted, copy->value);
        if (order < 0 || (order == 0 && stored.kind == cell.kind &&
                          cove_bytes_equal(stored.bytes, cell.bytes))) {
            return 0;
        }
    }
    due->reg = reg;
    due->cell = cell;
    due->origin_count = summary.count;
    err = due_origins(view, parts, summary.count, &due->origins);
    *is_due = err == 0;
    return err;
}

int cove_view_due(struct cove_view *view, struct cove_due **out, size_t *count)
{
    const struct cove_plan *plan = view->plan;
    struct cove_due *due =
        cove_arena_array(view->arena, plan->field_count + 1, sizeof(*due));
    size_t found = 0;

    if (due == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < plan->field_count; i++) {
        bool is_due = false;
        int err = 0;

        if (plan->registers[plan->visible[i]].child == COVE_PLAN_NONE) {
            err =
                cove_view_due_of(view, plan->visible[i], &due[found], &is_due);
        }
        if (err != 0) {
            return err;
        }
        found += is_due ? 1 : 0;
    }
    *out = due;
    *count = found;
    return 0;
}
