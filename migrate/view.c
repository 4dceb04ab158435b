/* Winners first: each atom's winner is the greatest id among the natives that
 * touch it and the missing origins that copies name for it. That needs no
 * value, only the plan's lists of atoms. Values are made when read: of one
 * write that owns all of a register, by projecting that write; else by joining
 * what the parts read as, or from what a copy said.
 *
 * The newest native of each register is enough: which atoms a write touches
 * depends on its register alone, so an older one never wins. */
#include "migrate/view.h"

#include <assert.h>

#include "core/value.h"
#include "cove/error.h"
#include "migrate/project.h"
#include "migrate/view_internal.h"

int cove_view_newer(const struct cove_op_id *a, const struct cove_op_id *b)
{
    if (a == NULL || b == NULL) {
        return (a != NULL) - (b != NULL);
    }
    return cove_op_id_compare(a, b);
}

const struct cove_plan_atom *cove_view_atoms(const struct cove_view *view,
                                             uint32_t reg,
                                             struct cove_plan_atom *own,
                                             size_t *count)
{
    const struct cove_plan *plan = view->plan;
    const struct cove_plan_cell *cell = &plan->cells[plan->registers[reg].cell];

    if (cell->divided) {
        *count = cell->atom_count;
        return cell->atoms;
    }
    own->cell = plan->registers[reg].cell;
    own->reg = reg;
    *count = 1;
    return own;
}

struct cove_cell cove_view_written(const struct cove_view *view, uint32_t reg,
                                   bool deleted, struct cove_bytes value)
{
    struct cove_cell cell = {COVE_ABSENT, {NULL, 0}};

    if (!deleted) {
        cell.kind = COVE_PRESENT;
        cell.bytes = value;
    }
    return cove_project_typed(view->plan, reg, cell);
}

/* --- winners */

/* The newest native of a register whose epoch may write it. */
static void view_take_native(struct cove_view *view, uint32_t reg,
                             const struct cove_native *native)
{
    const struct cove_view_register *r = &view->registers[reg];
    struct cove_plan_atom own;
    size_t count;
    const struct cove_plan_atom *atoms =
        cove_view_atoms(view, reg, &own, &count);

    if (r->native != NULL &&
        cove_op_id_compare(&native->id, &r->native->id) <= 0) {
        return;
    }
    view->registers[reg].native = native;
    for (size_t i = 0; i < count; i++) {
        struct cove_view_atom *atom = &view->atoms[atoms[i].cell];

        if (cove_view_newer(&native->id, atom->win) > 0) {
            atom->win = &native->id;
            atom->native = native;
        }
    }
}

static void view_take_natives(struct cove_view *view)
{
    const struct cove_state *state = view->state;
    const struct cove_journal *journal = view->plan->journal;
    const struct cove_native *last = NULL;
    const struct cove_step *epoch = NULL; /* of last, where active */
    uint32_t reg = 0;
    bool found = false;

    for (size_t i = 0; i < state->native_count; i++) {
        const struct cove_native *native = &state->natives[i];

        if (i == 0 || !cove_bytes_equal(native->reg, native[-1].reg)) {
            found = cove_plan_find(view->plan, native->reg, &reg);
        }
        if (!native->has_epoch) {
            continue;
        }
        if (last == NULL ||
            memcmp(&native->epoch, &last->epoch, sizeof(native->epoch)) != 0) {
            epoch = cove_journal_find(journal, &native->epoch);
            last = native;
        }
        if (epoch == NULL || epoch->state != COVE_STEP_ACTIVE) {
            view->ahead = true;
        } else if (found && cove_journal_step_knows(journal, epoch, reg)) {
            view_take_native(view, reg, native);
        }
    }
}

/* --- stand-ins */

/* One copy, on its way down to the atoms. */
struct view_copying {
    struct cove_view *view;
    const struct cove_copy *copy;
    uint32_t *named; /* cell of each origin's register, or NONE */
    bool alone;
};

/* The origin that a copy names for a cell: the last one does. */
static const struct cove_origin *view_named(const struct view_copying *c,
                                            uint32_t cell)
{
    for (size_t i = c->copy->origin_count; i > 0; i--) {
        if (c->named[i - 1] == cell) {
            return &c->copy->origins[i - 1];
        }
    }
    return NULL;
}

/* Of two copies for one origin the smaller speaks: one that speaks of this
 * atom only, then by value, a valid one first. */
static int view_stand_order(const struct cove_view_stand *a,
                            const struct cove_view_stand *b)
{
    int order = (int)b->alone - (int)a->alone;

    if (order == 0) {
        order = cove_bytes_compare(a->cell.bytes, b->cell.bytes);
    }
    return order != 0 ? order : (int)a->cell.kind - (int)b->cell.kind;
}

static int view_stand_in(const struct view_copying *c, uint32_t reg,
                         struct cove_cell cell,
                         const struct cove_origin *origin)
{
    struct cove_view *view = c->view;
    struct cove_view_atom *atom = &view->atoms[view->plan->registers[reg].cell];
    struct cove_view_stand said = {reg, c->alone, cell, NULL};
    struct cove_view_stand *at;
    int newer;

    if (origin == NULL || origin->held || cove_op_id_is_none(&origin->id)) {
        return 0;
    }
    newer = cove_view_newer(&origin->id, atom->win);
    if (newer < 0 || (newer == 0 && atom->native != NULL)) {
        return 0;
    }
    if (newer > 0) {
        atom->win = &origin->id;
        atom->native = NULL;
        atom->stands = NULL;
    }
    for (at = atom->stands; at != NULL; at = at->next) {
        if (at->reg == reg) {
            if (view_stand_order(&said, at) < 0) {
                at->alone = said.alone;
                at->cell = said.cell;
            }
            return 0;
        }
    }
    at = cove_arena_new(view->arena, sizeof(*at));
    if (at == NULL) {
        return COVE_ENOMEM;
    }
    *at = said;
    at->next = atom->stands;
    atom->stands = at;
    return 0;
}

/* Down through the parts, as deep as cells are nested. The innermost cell that
 * the copy names an origin for decides. */
static int view_copy_down(const struct view_copying *c, uint32_t reg,
                          struct cove_cell value,
                          const struct cove_origin *origin)
{
    const struct cove_plan *plan = c->view->plan;
    uint32_t at = plan->registers[reg].cell;
    const struct cove_plan_cell *cell = &plan->cells[at];
    const struct cove_origin *own = view_named(c, at);
    struct cove_cell parts[COVE_PLAN_ATOMS];
    int err;

    if (own != NULL) {
        origin = own;
    }
    if (!cell->divided) {
        return view_stand_in(c, reg, value, origin);
    }
    err = cove_project_split(plan, c->view->arena, reg, value, parts);
    for (size_t i = 0; err == 0 && i < cell->part_count; i++) {
        err = view_copy_down(c, cell->parts[i], parts[i], origin);
    }
    return err;
}

static bool view_copy_speaks(const struct cove_copy *copy)
{
    for (size_t i = 0; i < copy->origin_count; i++) {
        if (!copy->origins[i].held &&
            !cove_op_id_is_none(&copy->origins[i].id)) {
            return true;
        }
    }
    return false;
}

static int view_take_copy(struct cove_view *view, const struct cove_copy *copy)
{
    struct view_copying c = {.view = view, .copy = copy};
    struct cove_plan_atom own;
    uint32_t reg;
    size_t atoms;

    if (!view_copy_speaks(copy) ||
        !cove_plan_find(view->plan, copy->reg, &reg) ||
        view->plan->registers[reg].calc != COVE_PLAN_NONE) {
        return 0;
    }
    c.named =
        cove_arena_array(view->arena, copy->origin_count, sizeof(*c.named));
    if (c.named == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < copy->origin_count; i++) {
        uint32_t named;

        c.named[i] = cove_plan_find(view->plan, copy->origins[i].reg, &named)
                         ? view->plan->registers[named].cell
                         : COVE_PLAN_NONE;
    }
    (void)cove_view_atoms(view, reg, &own, &atoms);
    c.alone = atoms == 1;
    return view_copy_down(
        &c, reg, cove_view_written(view, reg, copy->deleted, copy->value),
        NULL);
}

int cove_view_init(struct cove_view *view, struct cove_arena *arena,
                   const struct cove_plan *plan, const struct cove_state *state)
{
    struct cove_view made = {.arena = arena, .plan = plan, .state = state};

    assert(state->native_tail == 0 && state->copy_tail == 0);
    made.atoms =
        cove_arena_array(arena, plan->cell_count + 1, sizeof(*made.atoms));
    made.registers = cove_arena_array(arena, plan->register_count + 1,
                                      sizeof(*made.registers));
    made.calcs =
        cove_arena_array(arena, plan->calc_count + 1, sizeof(*made.calcs));
    if (made.atoms == NULL || made.registers == NULL || made.calcs == NULL) {
        return COVE_ENOMEM;
    }
    view_take_natives(&made);
    for (size_t i = 0; i < state->copy_count; i++) {
        int err = view_take_copy(&made, &state->copies[i]);

        if (err != 0) {
            return err;
        }
    }
    *view = made;
    return 0;
}

/* --- reading */

static bool view_has_atom(const struct cove_view *view, uint32_t reg,
                          uint32_t atom)
{
    struct cove_plan_atom own;
    size_t count;
    const struct cove_plan_atom *atoms =
        cove_view_atoms(view, reg, &own, &count);

    for (size_t i = 0; i < count; i++) {
        if (atoms[i].cell == atom) {
            return true;
        }
    }
    return false;
}

/* The value that a write gives to the cell of `target`, one of whose atoms is
 * `atom`: its own cell, or one somewhere among its parts. *found says whether
 * it is either. */
static int view_inside(struct cove_view *view, const struct cove_native *write,
                       uint32_t target, uint32_t atom, bool *found,
                       struct cove_cell *out)
{
    const struct cove_plan *plan = view->plan;
    uint32_t goal = plan->registers[target].cell;
    uint32_t at;
    struct cove_cell cell;
    int err;

    *found = false;
    if (!cove_plan_find(plan, write->reg, &at)) {
        return 0; /* cannot be: what is shown is in the plan */
    }
    cell = cove_view_written(view, at, write->deleted, write->value);
    while (plan->registers[at].cell != goal) {
        const struct cove_plan_cell *whole =
            &plan->cells[plan->registers[at].cell];
        struct cove_cell parts[COVE_PLAN_ATOMS];
        size_t i = 0;

        if (!whole->divided) {
            return 0;
        }
        err = cove_project_split(plan, view->arena, at, cell, parts);
        if (err != 0) {
            return err;
        }
        while (i < whole->part_count &&
               !view_has_atom(view, whole->parts[i], atom)) {
            i++;
        }
        if (i == whole->part_count) {
            return 0;
        }
        at = whole->parts[i];
        cell = parts[i];
    }
    err = cove_project(plan, view->arena, at, target, &cell);
    if (err == 0) {
        *found = true;
        *out = cell;
    }
    return err;
}

/* What a copy has for an atom whose winner is not held: for this very register
 * if it can be, else for the nearest one. */
static int view_read_stand(struct cove_view *view, uint32_t reg,
                           struct cove_cell *out)
{
    const struct cove_plan *plan = view->plan;
    const struct cove_view_stand *best = NULL;
    uint32_t best_distance = 0;
    struct cove_cell cell;
    int err;

    for (const struct cove_view_stand *at =
             view->atoms[plan->registers[reg].cell].stands;
         at != NULL; at = at->next) {
        uint32_t distance = cove_project_distance(plan, at->reg, reg);
        int order = best == NULL ? -1
                    : distance != best_distance
                        ? (distance < best_distance ? -1 : 1)
                        : view_stand_order(at, best);

        if (order < 0 || (order == 0 && at->reg < best->reg)) {
            best = at;
            best_distance = distance;
        }
    }
    assert(best != NULL); /* a winner without a native has one */
    cell = best->cell;
    err = cove_project(plan, view->arena, best->reg, reg, &cell);
    if (err == 0) {
        *out = cell;
    }
    return err;
}

static int view_read_divided(struct cove_view *view, uint32_t reg,
                             struct cove_cell *out)
{
    const struct cove_plan *plan = view->plan;
    const struct cove_plan_cell *cell = &plan->cells[plan->registers[reg].cell];
    struct cove_cell parts[COVE_PLAN_ATOMS];
    const struct cove_copy *copy = cove_view_whole_copy(view, reg);
    int err = 0;

    if (copy != NULL) {
        *out = cove_view_written(view, reg, copy->deleted, copy->value);
        return 0;
    }
    for (size_t i = 0; err == 0 && i < cell->part_count; i++) {
        err = cove_view_read(view, cell->parts[i], &parts[i]);
    }
    return err != 0 ? err
                    : cove_project_join(plan, view->arena, reg, parts, out);
}

/* A register as it was written, or derived from what was written. */
static int view_read_written(struct cove_view *view, uint32_t reg,
                             struct cove_cell *out)
{
    struct cove_plan_atom own;
    size_t count;
    const struct cove_plan_atom *atoms =
        cove_view_atoms(view, reg, &own, &count);
    const struct cove_view_atom *first = &view->atoms[atoms[0].cell];
    bool one = true;
    bool found = false;
    int err;

    for (size_t i = 1; one && i < count; i++) {
        one = cove_view_newer(view->atoms[atoms[i].cell].win, first->win) == 0;
    }
    if (one && first->win == NULL) {
        *out = (struct cove_cell){COVE_ABSENT, {NULL, 0}};
        return 0;
    }
    if (one && first->native != NULL) {
        err = view_inside(view, first->native, reg, atoms[0].cell, &found, out);
        if (err != 0 || found) {
            return err;
        }
    }
    return view->plan->cells[view->plan->registers[reg].cell].divided
               ? view_read_divided(view, reg, out)
               : view_read_stand(view, reg, out);
}

/* --- calculations */

int cove_view_summary(struct cove_view *view, uint32_t reg,
                      struct cove_view_summary *out)
{
    struct cove_plan_atom own;
    uint32_t calc = view->plan->registers[reg].calc;
    const struct cove_plan_atom *atoms;
    size_t count;

    if (calc != COVE_PLAN_NONE) {
        int err = cove_view_calculate(view, calc);

        if (err == 0) {
            *out = view->calcs[calc].origins;
        }
        return err;
    }
    atoms = cove_view_atoms(view, reg, &own, &count);
    *out = (struct cove_view_summary){NULL, false, count};
    for (size_t i = 0; i < count; i++) {
        const struct cove_view_atom *atom = &view->atoms[atoms[i].cell];

        if (cove_view_newer(atom->win, out->newest) > 0) {
            out->newest = atom->win;
        }
        if (atom->win != NULL && atom->native == NULL) {
            out->stood_in = true;
        }
    }
    return 0;
}

/* Everything it depends on is computed. */
static int view_calculate_one(struct cove_view *view, uint32_t index)
{
    const struct cove_plan_calc *calc = &view->plan->calcs[index];
    struct cove_view_calc *made = &view->calcs[index];
    const struct cove_view_atom *own =
        &view->atoms[view->plan->registers[calc->out].cell];
    struct cove_view_register *out = &view->registers[calc->out];
    struct cove_view_summary all = {NULL, false, 0};
    struct cove_cell *deps;
    int err = 0;

    for (size_t i = 0; err == 0 && i < calc->dep_count; i++) {
        struct cove_view_summary dep;

        err = cove_view_summary(view, calc->deps[i], &dep);
        if (err == 0) {
            all.newest = cove_view_newer(dep.newest, all.newest) > 0
                             ? dep.newest
                             : all.newest;
            all.stood_in = all.stood_in || dep.stood_in;
            all.count = dep.count > SIZE_MAX - all.count
                            ? SIZE_MAX
                            : all.count + dep.count;
        }
    }
    if (err != 0) {
        return err;
    }
    made->due = cove_view_newer(all.newest, own->win) > 0;
    if (!made->due) {
        made->origins = (struct cove_view_summary){
            own->win, own->win != NULL && own->native == NULL, 1};
        err = view_read_written(view, calc->out, &out->cell);
        out->read = err == 0;
        return err;
    }
    made->origins = all;
    deps = cove_arena_array(view->arena, calc->dep_count, sizeof(*deps));
    if (deps == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; err == 0 && i < calc->dep_count; i++) {
        err = cove_view_read(view, calc->deps[i], &deps[i]);
    }
    if (err == 0) {
        err =
            cove_project_calc(view->plan, view->arena, calc, deps, &out->cell);
    }
    out->read = err == 0;
    return err;
}

int cove_view_calculate(struct cove_view *view, uint32_t calc)
{
    while (view->calcs_done <= calc) {
        int err = view_calculate_one(view, (uint32_t)view->calcs_done);

        if (err != 0) {
            return err;
        }
        view->calcs_done++;
    }
    return 0;
}

int cove_view_read(struct cove_view *view, uint32_t reg, struct cove_cell *out)
{
    struct cove_view_register *r = &view->registers[reg];
    uint32_t calc = view->plan->registers[reg].calc;
    int err = 0;

    if (!r->read && calc != COVE_PLAN_NONE) {
        err = cove_view_calculate(view, calc);
    } else if (!r->read) {
        err = view_read_written(view, reg, &r->cell);
        r->read = err == 0;
    }
    if (err == 0) {
        *out = r->cell;
    }
    return err;
}

int cove_view_field(struct cove_view *view, size_t index,
                    struct cove_field *out)
{
    const struct cove_plan_field *field = &view->plan->fields[index];
    const struct cove_plan_register *reg = &view->plan->registers[field->reg];
    struct cove_field made = {.name = field->name, .reg = field->reg};
    struct cove_view_summary origins = {NULL, false, 0};
    int err = cove_view_read(view, field->reg, &made.cell);

    /* never written; or deleted, and required here */
    if (err == 0 && made.cell.kind == COVE_ABSENT && reg->has_default) {
        err = cove_view_summary(view, field->reg, &origins);
        made.from_default = reg->required || origins.newest == NULL;
    }
    if (err != 0) {
        return err;
    }
    if (made.from_default) {
        made.cell.kind = COVE_PRESENT;
        made.cell.bytes = reg->fallback;
    }
    *out = made;
    return 0;
}
