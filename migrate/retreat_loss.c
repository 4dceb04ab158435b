/* retreat_loss.c: what cannot come back.
 *
 * A value moves inside a cell along conversions, and between a divided cell and
 * its parts by splitting and joining. For each undivided cell that two
 * registers share there is one way: down from the first to the register of the
 * cell that its decomposition names, over inside the cell, and up to the
 * second. It is open where each conversion on it has a pipeline that way.
 */
#include "migrate/retreat.h"

/* Inside one cell: up from `from` to where the paths to the root meet, and
 * down to `to`. */
static bool pass_inside(const struct cove_plan *plan, uint32_t from,
                        uint32_t to)
{
    const struct cove_plan_register *regs = plan->registers;

    while (from != to) {
        if (regs[from].depth >= regs[to].depth) {
            if (regs[from].up.len == 0) {
                return false;
            }
            from = regs[from].parent;
        } else {
            if (regs[to].down.len == 0) {
                return false;
            }
            to = regs[to].parent;
        }
    }
    return true;
}

/* The register of the undivided cell `atom` at which values of `reg` arrive
 * (down), or from which they come (!down); false where a conversion on the way
 * is closed. */
static bool pass_to_atom(const struct cove_plan *plan, uint32_t reg,
                         uint32_t atom, bool down, uint32_t *out)
{
    while (plan->registers[reg].cell != atom) {
        const struct cove_plan_cell *cell =
            &plan->cells[plan->registers[reg].cell];
        size_t i = 0;

        if (!(down ? pass_inside(plan, reg, cell->whole)
                   : pass_inside(plan, cell->whole, reg))) {
            return false;
        }
        while (i + 1 < cell->part_count &&
               !cove_plan_reaches(plan, cell->parts[i], atom)) {
            i++;
        }
        reg = cell->parts[i];
    }
    *out = reg;
    return true;
}

bool cove_plan_passes(const struct cove_plan *plan, uint32_t from, uint32_t to)
{
    uint32_t own = plan->registers[from].cell, enter, leave;
    const struct cove_plan_cell *cell = &plan->cells[own];
    size_t count = cell->divided ? cell->atom_count : 1;

    for (size_t i = 0; i < count; i++) {
        uint32_t atom = cell->divided ? cell->atoms[i].cell : own;

        if (!cove_plan_reaches(plan, to, atom)) {
            continue;
        }
        if (own == plan->registers[to].cell) {
            return pass_inside(plan, from, to);
        }
        if (!pass_to_atom(plan, from, atom, true, &enter) ||
            !pass_to_atom(plan, to, atom, false, &leave) ||
            !pass_inside(plan, enter, leave)) {
            return false;
        }
    }
    return true;
}

struct loss {
    struct cove_arena *arena;
    struct cove_retreat_field *fields;
    size_t count, cap;
};

static int loss_add(struct loss *loss, struct cove_bytes was,
                    struct cove_bytes name)
{
    void *fields = loss->fields;
    int err = cove_arena_grow(loss->arena, &fields, sizeof(*loss->fields),
                              loss->count, &loss->cap);

    if (err == 0) {
        loss->fields = fields;
        err = cove_arena_copy(loss->arena, was, &loss->fields[loss->count].was);
    }
    if (err == 0) {
        err =
            cove_arena_copy(loss->arena, name, &loss->fields[loss->count].name);
    }
    loss->count += err == 0;
    return err;
}

/* The register of a list's items; NONE where the field is no list. */
static uint32_t items_of(const struct cove_plan *plan, uint32_t reg)
{
    uint32_t child = plan->registers[reg].child;

    return child == COVE_PLAN_NONE ? COVE_PLAN_NONE
                                   : plan->children[child].item;
}

/* Is there a way for a list's items from how they are to how they were? */
static bool items_pass(const struct cove_plan *before,
                       const struct cove_plan *after, uint32_t from,
                       uint32_t to)
{
    uint32_t now = items_of(before, from);
    uint32_t then = items_of(after, to);
    uint32_t at;

    return now == COVE_PLAN_NONE || then == COVE_PLAN_NONE ||
           !cove_plan_find(after, before->registers[now].id, &at) ||
           cove_plan_passes(after, at, then);
}

int cove_retreat_lost(struct cove_arena *arena, const struct cove_plan *before,
                      const struct cove_plan *after,
                      struct cove_retreat_field **out, size_t *count)
{
    struct loss loss = {.arena = arena};
    int err = 0;

    for (size_t i = 0; i < after->field_count && err == 0; i++) {
        uint32_t to = after->fields[i].reg, from;

        if (cove_plan_find(before, after->registers[to].id, &from) &&
            before->registers[from].visible) {
            if (!items_pass(before, after, from, to)) {
                err = loss_add(&loss, before->registers[from].name,
                               after->fields[i].name);
            }
            continue; /* it is shown now, and will be as it is */
        }
        for (size_t k = 0; k < before->field_count && err == 0; k++) {
            uint32_t reg = before->fields[k].reg;

            if (cove_plan_find(after, before->registers[reg].id, &from) &&
                !cove_plan_passes(after, from, to)) {
                err = loss_add(&loss, before->fields[k].name,
                               after->fields[i].name);
            }
        }
    }
    if (err == 0) {
        *out = loss.fields;
        *count = loss.count;
    }
    return err;
}
