/* Winners first: each atom's winner is the greatest id among the natives that
 * touch it and the missing origins that copies name for it. That needs no
 * value, only the plan's lists of atoms.
 *
 * The newest native of each register is enough: which atoms a write touches
 * depends on its register alone, so an older one never wins. */
#include "migrate/view.h"

#include <assert.h>

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

bool cove_view_knows(const struct cove_view *view, uint32_t reg,
                     const struct cove_native *native)
{
    const struct cove_journal *journal = view->plan->journal;
    const struct cove_step *epoch =
        native->has_epoch ? cove_journal_find(journal, &native->epoch) : NULL;

    return epoch != NULL && epoch->state == COVE_STEP_ACTIVE &&
           cove_journal_step_knows(journal, epoch, reg);
}

bool cove_view_is_foreign(const struct cove_view *view,
                          const struct cove_op_id *id)
{
    size_t begin = 0;
    size_t end = view->foreign_count;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        int order = cove_op_id_compare(&view->foreign[middle], id);

        if (order == 0) {
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

/* --- overlays */

static void view_overlay_write(struct cove_view *view,
                               const struct cove_plan_atom *own, size_t count,
                               const struct cove_native *write)
{
    uint32_t reg;

    if (!cove_plan_find(view->plan, write->reg, &reg)) {
        return; /* cannot be: they are to registers of the plan */
    }
    for (size_t i = 0; i < count; i++) {
        struct cove_view_atom *atom = &view->atoms[own[i].cell];

        if (cove_plan_reaches(view->plan, reg, own[i].cell) &&
            cove_view_newer(&write->id, atom->win) > 0) {
            atom->win = &write->id;
            atom->native = write;
            atom->foreign = true;
        }
    }
}

void cove_view_lay_over(struct cove_view *view,
                        const struct cove_view_overlay *overlay)
{
    struct cove_plan_atom own;
    size_t count;
    const struct cove_plan_atom *atoms =
        cove_view_atoms(view, overlay->reg, &own, &count);

    for (size_t i = 0; i < count && !overlay->beside; i++) {
        struct cove_view_atom *atom = &view->atoms[atoms[i].cell];

        atom->win = NULL;
        atom->native = NULL;
        atom->stands = NULL;
        atom->foreign = true;
    }
    for (size_t i = 0; i < overlay->write_count; i++) {
        view_overlay_write(view, atoms, count, &overlay->writes[i]);
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

int cove_view_stand_order(const struct cove_view_stand *a,
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
            if (cove_view_stand_order(&said, at) < 0) {
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
