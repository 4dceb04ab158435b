/* explain.c: see explain.h.
 *
 * The way between two registers follows the plan: inside a cell along its
 * tree, from a divided cell down to the part that the other lies in, from a
 * part up to the whole that it is in. Which step made an edge is not in the
 * plan; it is looked up in the journal, among the operations that are not
 * inert. Speed is no aim here: people ask about one document.
 */
#include "migrate/explain.h"

#include "cove/error.h"
#include "migrate/project.h"
#include "migrate/view_internal.h"
#include "schema/step.h"

#define EXPLAIN_DEPTH (2 * COVE_PLAN_DEPTH) /* down and up again */

struct explain_path {
    const struct cove_plan *plan;
    struct cove_arena *arena;
    struct cove_hop *hops;
    size_t count, cap;
};

/* ------------------------------------------------------------ the journal */

static bool op_inert(const struct cove_plan *plan, const struct cove_step *step,
                     size_t op)
{
    for (size_t i = 0; i < plan->conflict_count; i++) {
        const struct cove_plan_conflict *c = &plan->conflicts[i];

        if (c->op == op &&
            memcmp(c->step.b, step->id.b, sizeof(step->id.b)) == 0) {
            return true;
        }
    }
    return false;
}

/* Asked of each operation that counts; true ends it. */
typedef bool explain_visit(void *ctx, const struct cove_step *step,
                           const struct cove_step_op *op);

static void explain_ops(const struct cove_plan *plan, explain_visit *visit,
                        void *ctx)
{
    for (size_t i = 0; i < cove_journal_count(plan->journal); i++) {
        const struct cove_step *step = cove_journal_at(plan->journal, i);

        for (size_t k = 0;
             step->state == COVE_STEP_ACTIVE && k < step->op_count; k++) {
            struct cove_step_op op;

            if (cove_step_op_read(step->ops[k], &op, NULL) == 0 &&
                !op_inert(plan, step, k) && visit(ctx, step, &op)) {
                return;
            }
        }
    }
}

struct explain_naming {
    const struct cove_plan *plan;
    const struct cove_step *head;
    struct cove_bytes reg;
    const struct cove_step *by;
    struct cove_bytes name;
};

static bool naming_visit(void *ctx, const struct cove_step *step,
                         const struct cove_step_op *op)
{
    struct explain_naming *n = ctx;
    const struct cove_journal *journal = n->plan->journal;

    if ((op->kind == COVE_STEP_NAME || op->kind == COVE_STEP_ADD) &&
        cove_bytes_equal(op->reg, n->reg) &&
        cove_journal_step_descends(journal, n->head, step) &&
        (n->by == NULL || cove_journal_step_descends(journal, step, n->by) ||
         !cove_journal_step_descends(journal, n->by, step))) {
        n->by = step;
        n->name = op->name;
    }
    return false;
}

struct cove_bytes cove_explain_name(const struct cove_plan *plan, uint32_t reg,
                                    const struct cove_step *head,
                                    const struct cove_step **by)
{
    struct explain_naming n = {
        .plan = plan, .head = head, .reg = plan->registers[reg].id};

    explain_ops(plan, naming_visit, &n);
    *by = n.by;
    return n.name;
}

/* What to call a register: as this head does, else as the step that added it.
 */
static bool added_visit(void *ctx, const struct cove_step *step,
                        const struct cove_step_op *op)
{
    struct explain_naming *n = ctx;
    bool found = op->kind == COVE_STEP_ADD && cove_bytes_equal(op->reg, n->reg);

    if (found) {
        n->by = step;
        n->name = op->name;
    }
    return found;
}

static struct cove_bytes explain_label(const struct cove_plan *plan,
                                       uint32_t reg)
{
    struct explain_naming n = {.plan = plan, .reg = plan->registers[reg].id};

    if (plan->registers[reg].name.len > 0) {
        return plan->registers[reg].name;
    }
    explain_ops(plan, added_visit, &n);
    return n.name.len > 0 ? n.name : n.reg;
}

struct explain_link { /* the operation behind a hop */
    const struct cove_plan *plan;
    struct cove_hop *hop;
};

static bool link_converts(const struct explain_link *l,
                          const struct cove_step_op *op)
{
    const struct cove_plan_register *regs = l->plan->registers;
    struct cove_bytes from = regs[l->hop->from].id, to = regs[l->hop->to].id;

    if (cove_bytes_equal(op->from, from) && cove_bytes_equal(op->to, to)) {
        return true;
    }
    l->hop->back =
        cove_bytes_equal(op->from, to) && cove_bytes_equal(op->to, from);
    return l->hop->back;
}

static bool link_visit(void *ctx, const struct cove_step *step,
                       const struct cove_step_op *op)
{
    struct explain_link *l = ctx;
    const struct cove_plan_register *regs = l->plan->registers;
    bool found = false;

    switch (l->hop->kind) {
    case COVE_HOP_CONVERT:
        found = (op->kind == COVE_STEP_CONV || op->kind == COVE_STEP_ALIAS) &&
                link_converts(l, op);
        break;
    case COVE_HOP_SPLIT:
        found = op->kind == COVE_STEP_COMP &&
                cove_bytes_equal(op->whole, regs[l->hop->from].id);
        break;
    case COVE_HOP_JOIN:
        found = op->kind == COVE_STEP_COMP &&
                cove_bytes_equal(op->whole, regs[l->hop->to].id);
        l->hop->back = found;
        break;
    case COVE_HOP_CALCULATE:
        found = (op->kind == COVE_STEP_CALC || op->kind == COVE_STEP_DERIVE) &&
                cove_bytes_equal(op->out, regs[l->hop->to].id);
        break;
    case COVE_HOP_RENAME:
    default:
        break;
    }
    if (found) {
        l->hop->step = step;
    }
    return found;
}

/* ---------------------------------------------------------------- the way */

static int path_add(struct explain_path *p, enum cove_hop_kind kind,
                    uint32_t from, uint32_t to)
{
    void *hops = p->hops;
    int err =
        cove_arena_grow(p->arena, &hops, sizeof(*p->hops), p->count, &p->cap);

    if (err != 0) {
        return err;
    }
    p->hops = hops;

    struct cove_hop *hop = &p->hops[p->count++];
    struct explain_link link = {p->plan, hop};

    *hop = (struct cove_hop){.kind = kind,
                             .from = from,
                             .to = to,
                             .from_name = explain_label(p->plan, from),
                             .to_name = explain_label(p->plan, to)};
    explain_ops(p->plan, link_visit, &link);
    return 0;
}

/* Inside a cell: up to where the two meet, and down again. */
static int path_convert(struct explain_path *p, uint32_t from, uint32_t to)
{
    const struct cove_plan_register *regs = p->plan->registers;
    uint32_t a = from, b = to;
    int err = 0;

    while (a != b) { /* b is where they meet, or a's way up to it */
        if (regs[a].depth >= regs[b].depth) {
            a = regs[a].parent;
        } else {
            b = regs[b].parent;
        }
    }
    for (uint32_t top = a; from != top && err == 0; from = regs[from].parent) {
        err = path_add(p, COVE_HOP_CONVERT, from, regs[from].parent);
        if (err == 0) {
            p->hops[p->count - 1].pipe = regs[from].up;
        }
    }
    size_t first = p->count, down = regs[to].depth - regs[a].depth;

    for (size_t i = 0; i < down && err == 0; i++) {
        uint32_t at = to; /* the register so many hops above `to` */

        for (size_t k = i + 1; k < down; k++) {
            at = regs[at].parent;
        }
        err = path_add(p, COVE_HOP_CONVERT, regs[at].parent, at);
        if (err == 0) {
            p->hops[first + i].pipe = regs[at].down;
        }
    }
    return err;
}

/* The undivided cells that a register's value is made of. */
static const struct cove_plan_atom *path_atoms(const struct cove_plan *plan,
                                               uint32_t reg,
                                               struct cove_plan_atom *own,
                                               size_t *count)
{
    const struct cove_plan_cell *cell = &plan->cells[plan->registers[reg].cell];

    *own = (struct cove_plan_atom){plan->registers[reg].cell, reg};
    *count = cell->divided ? cell->atom_count : 1;
    return cell->divided ? cell->atoms : own;
}

/* How many of a's atoms does b have? */
static size_t path_shared(const struct cove_plan *plan, uint32_t a, uint32_t b,
                          size_t *of_a)
{
    struct cove_plan_atom own_a, own_b;
    size_t count_b, shared = 0;
    const struct cove_plan_atom *in_a = path_atoms(plan, a, &own_a, of_a);
    const struct cove_plan_atom *in_b = path_atoms(plan, b, &own_b, &count_b);

    for (size_t i = 0; i < *of_a; i++) {
        for (size_t k = 0; k < count_b; k++) {
            shared += in_a[i].cell == in_b[k].cell;
        }
    }
    return shared;
}

bool cove_explain_reaches(const struct cove_plan *plan, uint32_t from,
                          uint32_t to)
{
    size_t of;

    return path_shared(plan, from, to, &of) > 0;
}

static int path_walk(struct explain_path *p, uint32_t from, uint32_t to,
                     unsigned depth)
{
    const struct cove_plan *plan = p->plan;
    const struct cove_plan_cell *a = &plan->cells[plan->registers[from].cell];
    const struct cove_plan_cell *b = &plan->cells[plan->registers[to].cell];
    size_t of = 0;
    int err;

    if (a == b) {
        return path_convert(p, from, to);
    }
    for (size_t i = 0; b->divided && depth < EXPLAIN_DEPTH && i < b->part_count;
         i++) {
        if (path_shared(plan, from, b->parts[i], &of) < of) {
            continue;
        }
        err = path_walk(p, from, b->parts[i], depth + 1);
        err =
            err != 0 ? err : path_add(p, COVE_HOP_JOIN, b->parts[i], b->whole);
        return err != 0 ? err : path_convert(p, b->whole, to);
    }
    for (size_t i = 0; a->divided && depth < EXPLAIN_DEPTH && i < a->part_count;
         i++) {
        if (path_shared(plan, a->parts[i], to, &of) == 0) {
            continue;
        }
        err = path_convert(p, from, a->whole);
        err =
            err != 0 ? err : path_add(p, COVE_HOP_SPLIT, a->whole, a->parts[i]);
        return err != 0 ? err : path_walk(p, a->parts[i], to, depth + 1);
    }
    return 0;
}

int cove_explain_path(const struct cove_plan *plan, struct cove_arena *arena,
                      uint32_t from, uint32_t to, struct cove_hop **out,
                      size_t *count)
{
    struct explain_path p = {.plan = plan, .arena = arena};
    int err = path_walk(&p, from, to, 0);

    if (err == 0) {
        *out = p.hops;
        *count = p.count;
    }
    return err;
}

/* ----------------------------------------------------------------- a field */

struct explain {
    struct cove_view *view;
    struct cove_arena *arena;
    struct explain_path path; /* of the write that is being explained */
};

static bool explain_calculated(const struct cove_view *view, uint32_t reg)
{
    uint32_t calc = view->plan->registers[reg].calc;

    return calc != COVE_PLAN_NONE && view->calcs[calc].due;
}

/* From a part that a calculation was made of, through the dependency that has
 * it, to what was calculated. *found is false where none has. */
static int path_calculate(struct explain *e, uint32_t part, uint32_t out,
                          unsigned depth, bool *found)
{
    const struct cove_plan *plan = e->view->plan;
    const struct cove_plan_calc *calc = &plan->calcs[plan->registers[out].calc];
    int err = 0;

    *found = false;
    for (size_t i = 0; i < calc->dep_count && !*found && err == 0; i++) {
        uint32_t dep = calc->deps[i];

        if (explain_calculated(e->view, dep) && depth < COVE_PLAN_DEPTH) {
            err = path_calculate(e, part, dep, depth + 1, found);
        } else if (cove_explain_reaches(plan, part, dep)) {
            *found = true;
            err = path_walk(&e->path, part, dep, 0);
        }
        if (err == 0 && *found) {
            err = path_add(&e->path, COVE_HOP_CALCULATE, dep, out);
        }
        if (err == 0 && *found) {
            e->path.hops[e->path.count - 1].pipe = calc->fn;
        }
    }
    return err;
}

static int explain_convert(struct explain *e, struct cove_hop *hop,
                           struct cove_cell *cell)
{
    const struct cove_plan *plan = e->view->plan;
    struct cove_diag why = {0};
    int err =
        cove_fn_call_by(plan->scripts, e->arena, hop->pipe, *cell, cell, &why);

    *cell = cove_project_typed(plan, hop->to, *cell);
    if (err == 0 && why.text[0] != '\0') {
        err = cove_arena_copy(e->arena, cove_bytes_text(why.text), &hop->why);
    }
    return err;
}

/* The value at every point, by the functions that the view uses. */
static int explain_values(struct explain *e,
                          const struct cove_explained_write *w)
{
    const struct cove_plan *plan = e->view->plan;
    struct cove_cell cell = cove_view_written(
        e->view, w->reg, w->native->deleted, w->native->value);
    int err = 0;

    for (size_t i = 0; i < w->hop_count && err == 0; i++) {
        struct cove_hop *hop = &w->hops[i];
        struct cove_cell parts[COVE_PLAN_ATOMS];
        const struct cove_plan_cell *whole =
            &plan->cells[plan->registers[hop->from].cell];

        switch (hop->kind) {
        case COVE_HOP_CONVERT:
            err = explain_convert(e, hop, &cell);
            break;
        case COVE_HOP_SPLIT:
            err = cove_project_split(plan, e->arena, hop->from, cell, parts);
            for (size_t k = 0; k < whole->part_count && err == 0; k++) {
                cell = whole->parts[k] == hop->to ? parts[k] : cell;
            }
            break;
        case COVE_HOP_JOIN:
        case COVE_HOP_CALCULATE:
            err = cove_view_read(e->view, hop->to, &cell);
            break;
        case COVE_HOP_RENAME:
        default:
            break;
        }
        hop->cell = cell;
    }
    return err;
}

/* The register as its writer called it, and the hop to what it is called at
 * this head, where that is another name. */
static int explain_rename(struct explain *e, struct cove_explained_write *w)
{
    const struct cove_plan *plan = e->view->plan;
    const struct cove_step *then, *now;
    struct cove_bytes name = cove_explain_name(plan, w->reg, plan->head, &now);

    w->name = explain_label(plan, w->reg);
    if (w->epoch == NULL) {
        return 0;
    }
    w->name = cove_explain_name(plan, w->reg, w->epoch, &then);
    if (w->name.len == 0) {
        w->name = explain_label(plan, w->reg);
    }
    if (now == NULL || then == NULL || cove_bytes_equal(name, w->name)) {
        return 0;
    }
    int err = path_add(&e->path, COVE_HOP_RENAME, w->reg, w->reg);

    if (err == 0) {
        struct cove_hop *hop = &e->path.hops[e->path.count - 1];

        hop->back = cove_journal_step_descends(plan->journal, then, now);
        hop->step = hop->back ? then : now;
        hop->from_name = w->name;
        hop->to_name = name;
    }
    return err;
}

/* One part of the value of `reg`: the write behind it, and the way. `whole`:
 * that one write is all of it. */
static int explain_write(struct explain *e, const struct cove_origin *origin,
                         uint32_t reg, bool whole,
                         struct cove_explained_write *w)
{
    const struct cove_plan *plan = e->view->plan;
    uint32_t part = reg;
    bool found;
    int err = 0;

    (void)cove_plan_find(plan, origin->reg, &part); /* it is the plan's own */
    e->path = (struct explain_path){.plan = plan, .arena = e->arena};
    w->native = e->view->atoms[plan->registers[part].cell].native;
    w->id = origin->id;
    w->reg = part;
    if (w->native != NULL && cove_plan_find(plan, w->native->reg, &w->reg)) {
        w->epoch = cove_journal_find(plan->journal, &w->native->epoch);
    }
    err = explain_rename(e, w);
    if (err == 0 && explain_calculated(e->view, reg)) {
        err = path_walk(&e->path, w->reg, part, 0);
        err = err != 0 ? err : path_calculate(e, part, reg, 0, &found);
    } else if (err == 0 && whole) {
        err = path_walk(&e->path, w->reg, reg, 0);
    } else if (err == 0) {
        err = path_walk(&e->path, w->reg, part, 0);
        err = err != 0 ? err : path_walk(&e->path, part, reg, 0);
    }
    w->hops = e->path.hops;
    w->hop_count = e->path.count;
    return err == 0 && w->native != NULL ? explain_values(e, w) : err;
}

static enum cove_explained_state explain_state(
    const struct cove_view *view, const struct cove_field *field,
    const struct cove_view_summary *summary)
{
    if (field->from_default) {
        return COVE_EXPLAINED_DEFAULT;
    }
    if (explain_calculated(view, field->reg)) {
        return COVE_EXPLAINED_CALCULATED;
    }
    if (summary->newest == NULL) {
        return COVE_EXPLAINED_MISSING;
    }
    return field->cell.kind == COVE_ABSENT ? COVE_EXPLAINED_DELETED
                                           : COVE_EXPLAINED_WRITTEN;
}

static bool origins_alike(const struct cove_origin *origins, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (cove_op_id_compare(&origins[i].id, &origins[0].id) != 0) {
            return false;
        }
    }
    return true;
}

int cove_explain_field(struct cove_view *view, struct cove_arena *arena,
                       size_t index, struct cove_explained *out)
{
    struct explain e = {.view = view, .arena = arena};
    struct cove_explained made = {.writes = NULL};
    struct cove_view_summary summary;
    struct cove_origin *origins = NULL;
    size_t count = 0;
    int err = cove_view_field(view, index, &made.field);

    err = err != 0 ? err : cove_view_summary(view, made.field.reg, &summary);
    err = err != 0 ? err
                   : cove_view_origins(view, made.field.reg, &origins, &count);
    if (err != 0) {
        return err;
    }
    made.state = explain_state(view, &made.field, &summary);
    made.writes = cove_arena_array(arena, count + 1, sizeof(*made.writes));
    if (made.writes == NULL) {
        return COVE_ENOMEM;
    }
    bool alike = origins_alike(origins, count);

    for (size_t i = 0; i < count && err == 0; i++) {
        bool again = alike && i > 0 && made.write_count > 0 &&
                     made.state != COVE_EXPLAINED_CALCULATED;

        if (cove_op_id_is_none(&origins[i].id) || again) {
            continue; /* a part that nobody wrote; one write has all parts */
        }
        err = explain_write(&e, &origins[i], made.field.reg, alike,
                            &made.writes[made.write_count]);
        made.write_count++;
    }
    if (err == 0) {
        *out = made;
    }
    return err;
}
