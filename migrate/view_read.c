/* Values are made when they are read: of one write that owns all of a
 * register, by projecting that write; else by joining what the parts read as,
 * or from what a copy said. Calculations are made in their order in the plan,
 * each after those that it depends on; so only parts in parts recurse. */
#include <assert.h>

#include "cove/error.h"
#include "migrate/project.h"
#include "migrate/view_internal.h"

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

/* A split gives the values of all parts at once: keep those of the undivided
 * ones that the same write owns, so that they are not split for again. */
static void view_keep_parts(struct cove_view *view,
                            const struct cove_native *write,
                            const struct cove_plan_cell *whole,
                            const struct cove_cell *parts)
{
    for (size_t i = 0; i < whole->part_count; i++) {
        uint32_t part = whole->parts[i];
        uint32_t cell = view->plan->registers[part].cell;

        if (!view->plan->cells[cell].divided && !view->atoms[cell].sourced &&
            view->atoms[cell].native == write) {
            view->registers[part].cell = parts[i];
            view->registers[part].read = true;
            view->atoms[cell].source = part;
            view->atoms[cell].sourced = true;
        }
    }
}

/* The value that a write gives to the cell of `goal`, one of whose atoms is
 * `atom`: its own cell, or one somewhere among its parts. *at is the register
 * that has it, or NONE where the write is to neither. */
static int view_inside(struct cove_view *view, const struct cove_native *write,
                       uint32_t goal, uint32_t atom, uint32_t *at,
                       struct cove_cell *out)
{
    const struct cove_plan *plan = view->plan;
    struct cove_cell cell;
    uint32_t reg;

    *at = COVE_PLAN_NONE;
    if (!cove_plan_find(plan, write->reg, &reg)) {
        return 0; /* cannot be: what is shown is in the plan */
    }
    cell = cove_view_written(view, reg, write->deleted, write->value);
    while (plan->registers[reg].cell != goal) {
        const struct cove_plan_cell *whole =
            &plan->cells[plan->registers[reg].cell];
        struct cove_cell parts[COVE_PLAN_ATOMS];
        size_t i = 0;
        int err;

        if (!whole->divided) {
            return 0;
        }
        err = cove_project_split(plan, view->arena, reg, cell, parts);
        if (err != 0) {
            return err;
        }
        view_keep_parts(view, write, whole, parts);
        while (i < whole->part_count &&
               !view_has_atom(view, whole->parts[i], atom)) {
            i++;
        }
        if (i == whole->part_count) {
            return 0;
        }
        reg = whole->parts[i];
        cell = parts[i];
    }
    *at = reg;
    *out = cell;
    return 0;
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
                        : cove_view_stand_order(at, best);

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

static int view_join(struct cove_view *view, const struct cove_plan_cell *cell,
                     struct cove_cell *out)
{
    struct cove_cell parts[COVE_PLAN_ATOMS];
    int err = 0;

    for (size_t i = 0; err == 0 && i < cell->part_count; i++) {
        err = cove_view_read(view, cell->parts[i], &parts[i]);
    }
    return err != 0 ? err
                    : cove_project_join(view->plan, view->arena, cell->whole,
                                        parts, out);
}

/* A register of which some part stands in for a write that is not held: each
 * register of the cell may have another copy that speaks for it. */
static int view_read_stood_in(struct cove_view *view, uint32_t reg,
                              struct cove_cell *out)
{
    const struct cove_plan *plan = view->plan;
    const struct cove_plan_cell *cell = &plan->cells[plan->registers[reg].cell];
    const struct cove_copy *copy;
    struct cove_cell joined;
    int err;

    if (!cell->divided) {
        return view_read_stand(view, reg, out);
    }
    copy = cove_view_whole_copy(view, reg);
    if (copy != NULL) {
        *out = cove_view_written(view, reg, copy->deleted, copy->value);
        return 0;
    }
    err = view_join(view, cell, &joined);
    if (err == 0) {
        err = cove_project(plan, view->arena, cell->whole, reg, &joined);
    }
    if (err == 0) {
        *out = joined;
    }
    return err;
}

/* --- one source for all registers of a cell
 *
 * Where every part comes from a held write, all registers of a cell are
 * projections of one of them: the one written to, or the whole that was
 * joined. What is on the way is remembered, so that reading all registers of a
 * cell takes each conversion once. */

/* The conversion between a register and its parent. */
static int view_hop(struct cove_view *view, uint32_t from, uint32_t to)
{
    const struct cove_plan_register *regs = view->plan->registers;
    struct cove_bytes pipe =
        regs[from].parent == to ? regs[from].up : regs[to].down;
    struct cove_cell cell;
    int err = cove_fn_call_by(view->plan->scripts, view->arena, pipe,
                              view->registers[from].cell, &cell, NULL);

    if (err == 0) {
        view->registers[to].cell = cove_project_typed(view->plan, to, cell);
        view->registers[to].read = true;
    }
    return err;
}

/* Read all registers from the source up to the root of its tree. */
static int view_spread_up(struct cove_view *view, uint32_t source)
{
    const struct cove_plan_register *regs = view->plan->registers;

    for (uint32_t at = source; regs[at].parent != COVE_PLAN_NONE;
         at = regs[at].parent) {
        int err = view->registers[regs[at].parent].read
                      ? 0
                      : view_hop(view, at, regs[at].parent);

        if (err != 0) {
            return err;
        }
    }
    return 0;
}

/* Read a register of a cell whose source is read. */
static int view_spread(struct cove_view *view, uint32_t reg)
{
    const struct cove_plan_register *regs = view->plan->registers;
    uint32_t source = view->atoms[regs[reg].cell].source;
    uint32_t at = reg;
    size_t count = 0;
    uint32_t short_path[16];
    uint32_t *path = short_path;

    while (!view->registers[at].read && regs[at].parent != COVE_PLAN_NONE) {
        at = regs[at].parent;
        count++;
    }
    if (!view->registers[at].read) {
        int err = view_spread_up(view, source);

        return err != 0 ? err : view_spread(view, reg);
    }
    if (count > COVE_ARRAY_LEN(short_path)) {
        path = cove_arena_array(view->arena, count, sizeof(*path));
        if (path == NULL) {
            return COVE_ENOMEM;
        }
    }
    at = reg;
    for (size_t i = 0; i < count; i++, at = regs[at].parent) {
        path[i] = at;
    }
    for (size_t i = count; i > 0; i--) {
        int err = view_hop(view, regs[path[i - 1]].parent, path[i - 1]);

        if (err != 0) {
            return err;
        }
    }
    return 0;
}

/* Find the source of a cell and read it. */
static int view_find_source(struct cove_view *view, uint32_t reg,
                            const struct cove_native *only, uint32_t atom)
{
    uint32_t cell = view->plan->registers[reg].cell;
    uint32_t source = COVE_PLAN_NONE;
    struct cove_cell value;
    int err = 0;

    if (only != NULL) {
        err = view_inside(view, only, cell, atom, &source, &value);
    }
    if (err == 0 && source == COVE_PLAN_NONE) {
        /* a write that touches an undivided cell has a value for it */
        assert(view->plan->cells[cell].divided);
        source = view->plan->cells[cell].whole;
        err = view_join(view, &view->plan->cells[cell], &value);
    }
    if (err == 0) {
        view->registers[source].cell = value;
        view->registers[source].read = true;
        view->atoms[cell].source = source;
        view->atoms[cell].sourced = true;
    }
    return err;
}

/* Of a settled view: the stored copy of exactly the write that wins here. */
static bool view_read_settled(struct cove_view *view, uint32_t reg)
{
    const struct cove_plan_register *r = &view->plan->registers[reg];
    const struct cove_view_atom *atom = &view->atoms[r->cell];
    const struct cove_native *native;
    const struct cove_copy *copy;
    struct cove_cell cell;

    if (!r->visible || view->plan->cells[r->cell].divided || atom->sourced ||
        atom->native == NULL) {
        return false;
    }
    cove_view_stored(view, reg, &native, &copy);
    if (copy == NULL || copy->origin_count != 1 || !copy->origins[0].held ||
        !cove_bytes_equal(copy->origins[0].reg, r->id) ||
        cove_op_id_compare(&copy->origins[0].id, atom->win) != 0) {
        return false;
    }
    cell = cove_view_written(view, reg, copy->deleted, copy->value);
    if (cell.kind == COVE_INVALID) {
        return false;
    }
    view->registers[reg].cell = cell;
    view->registers[reg].read = true;
    return true;
}

/* A register as it was written, or derived from what was written. */
static int view_read_written(struct cove_view *view, uint32_t reg)
{
    struct cove_view_register *out = &view->registers[reg];
    struct cove_plan_atom own;
    size_t count;
    const struct cove_plan_atom *atoms =
        cove_view_atoms(view, reg, &own, &count);
    const struct cove_view_atom *first = &view->atoms[atoms[0].cell];
    bool one = true;
    bool stood_in = false;
    int err = 0;

    if (!view->atoms[view->plan->registers[reg].cell].sourced) {
        for (size_t i = 0; i < count; i++) {
            const struct cove_view_atom *atom = &view->atoms[atoms[i].cell];

            one = one && cove_view_newer(atom->win, first->win) == 0;
            stood_in = stood_in || (atom->win != NULL && atom->native == NULL);
        }
        if (one && first->win == NULL) {
            out->cell = (struct cove_cell){COVE_ABSENT, {NULL, 0}};
            out->read = true;
            return 0;
        }
        if (stood_in) {
            err = view_read_stood_in(view, reg, &out->cell);
            out->read = err == 0;
            return err;
        }
        err = view_find_source(view, reg, one ? first->native : NULL,
                               atoms[0].cell);
    }
    return err != 0 || out->read ? err : view_spread(view, reg);
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
        return view_read_written(view, calc->out);
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
    } else if (!r->read && !(view->settled && view_read_settled(view, reg))) {
        err = view_read_written(view, reg);
    }
    if (err == 0) {
        *out = r->cell;
    }
    return err;
}

int cove_view_register(struct cove_view *view, uint32_t index,
                       struct cove_field *out)
{
    const struct cove_plan_register *reg = &view->plan->registers[index];
    struct cove_field made = {.name = reg->name, .reg = index};
    struct cove_view_summary origins = {NULL, false, 0};
    int err;

    if (reg->child != COVE_PLAN_NONE) { /* a document, whatever was written */
        made.cell.kind = view->references != NULL ? COVE_PRESENT : COVE_ABSENT;
        if (view->references != NULL) {
            made.cell.bytes = view->references[reg->child];
        }
        *out = made;
        return 0;
    }
    err = cove_view_read(view, index, &made.cell);

    /* never written; or deleted, and required here */
    if (err == 0 && made.cell.kind == COVE_ABSENT && reg->has_default) {
        err = cove_view_summary(view, index, &origins);
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

int cove_view_field(struct cove_view *view, size_t index,
                    struct cove_field *out)
{
    const struct cove_plan_field *field = &view->plan->fields[index];
    int err = cove_view_register(view, field->reg, out);

    if (err == 0) {
        out->name = field->name;
    }
    return err;
}
