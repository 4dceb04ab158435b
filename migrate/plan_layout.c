/* What a compilation found, laid out for readers. Each cell's conversions are
 * rooted: a register knows its parent and the pipelines both ways, so the path
 * between two registers is up to their common ancestor and down again. The
 * atoms of a divided cell are listed, at most 64. Calculations are ordered so
 * that each stands behind those it depends on, the visible ones' first: a
 * reader goes through them without recursion, however long the chain. */
#include <stdlib.h>

#include "cove/error.h"
#include "migrate/plan_build.h"

/* --- registers and cells */

/* cell_of[root]: the index of the cell. */
static int layout_cells(struct cove_plan_build *build, uint32_t *cell_of)
{
    struct cove_plan *plan = build->plan;

    for (size_t i = 0; i < plan->register_count; i++) {
        if (cove_cells_find(&build->cells, (uint32_t)i) == i) {
            cell_of[i] = (uint32_t)plan->cell_count++;
        }
    }
    plan->cells = cove_arena_array(&plan->arena, plan->cell_count + 1,
                                   sizeof(*plan->cells));
    if (plan->cells == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < plan->register_count; i++) {
        struct cove_plan_register *reg = &plan->registers[i];
        const struct cove_plan_draft *draft = &build->drafts[i];
        uint32_t root = cove_cells_find(&build->cells, (uint32_t)i);
        const struct cove_cells_division *division =
            cove_cells_division(&build->cells, root);
        struct cove_plan_cell *cell = &plan->cells[cell_of[root]];

        reg->type = draft->type;
        reg->required = draft->required;
        reg->has_default = draft->has_default;
        reg->fallback = draft->fallback;
        reg->calc = COVE_PLAN_NONE;
        reg->cell = cell_of[root];
        if (root == i && division != NULL) {
            cell->divided = true;
            cell->whole = division->whole;
            cell->lenient = division->lenient;
            cell->parts = division->parts;
            cell->part_count = division->part_count;
            cell->lits = division->lits;
        }
    }
    return 0;
}

/* Append the atoms of what a register's cell is divided into. As deep as
 * cells are nested. */
static void layout_expand(const struct cove_plan *plan, uint32_t reg,
                          struct cove_plan_atom *atoms, size_t *count)
{
    const struct cove_plan_cell *cell = &plan->cells[plan->registers[reg].cell];

    if (!cell->divided) {
        atoms[*count].cell = plan->registers[reg].cell;
        atoms[(*count)++].reg = reg;
        return;
    }
    for (size_t i = 0; i < cell->part_count; i++) {
        layout_expand(plan, cell->parts[i], atoms, count);
    }
}

static int layout_atoms(struct cove_plan *plan)
{
    for (size_t i = 0; i < plan->cell_count; i++) {
        struct cove_plan_cell *cell = &plan->cells[i];
        struct cove_plan_atom atoms[COVE_PLAN_ATOMS];
        struct cove_plan_atom *kept;
        size_t count = 0;

        if (!cell->divided) {
            continue;
        }
        layout_expand(plan, cell->whole, atoms, &count);
        kept = cove_arena_array(&plan->arena, count, sizeof(*kept));
        if (kept == NULL) {
            return COVE_ENOMEM;
        }
        memcpy(kept, atoms, count * sizeof(*kept));
        cell->atoms = kept;
        cell->atom_count = count;
    }
    return 0;
}

/* --- trees of conversions */

struct layout_links {   /* the edges at each register */
    uint32_t *begin;    /* of register i: [begin[i], begin[i + 1]) … */
    uint32_t *incident; /* … of this, indexes of edges */
};

static int layout_index_edges(struct cove_plan_build *build,
                              struct layout_links *links)
{
    const struct cove_cells *cells = &build->cells;
    size_t count = build->plan->register_count;
    uint32_t *fill =
        cove_arena_array(&build->scratch, count + 2, sizeof(*fill));

    links->begin =
        cove_arena_array(&build->scratch, count + 2, sizeof(*links->begin));
    links->incident = cove_arena_array(
        &build->scratch, 2 * cells->edge_count + 1, sizeof(*links->incident));
    if (fill == NULL || links->begin == NULL || links->incident == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t e = 0; e < cells->edge_count; e++) {
        links->begin[cells->edges[e].from + 1]++;
        links->begin[cells->edges[e].to + 1]++;
    }
    for (size_t i = 0; i < count; i++) {
        links->begin[i + 1] += links->begin[i];
        fill[i + 1] = links->begin[i + 1];
    }
    for (size_t e = 0; e < cells->edge_count; e++) {
        links->incident[fill[cells->edges[e].from]++] = (uint32_t)e;
        links->incident[fill[cells->edges[e].to]++] = (uint32_t)e;
    }
    return 0;
}

/* Hang the other end of an edge under `parent`; false where it is the edge
 * that `parent` itself hangs on. */
static bool layout_hang(struct cove_plan *plan,
                        const struct cove_cells_edge *edge, uint32_t parent,
                        uint32_t *out)
{
    bool forward = edge->from == parent;
    uint32_t child = forward ? edge->to : edge->from;
    struct cove_plan_register *reg = &plan->registers[child];

    if (plan->registers[parent].parent == child) {
        return false;
    }
    reg->parent = parent;
    reg->depth = plan->registers[parent].depth + 1;
    reg->down = forward ? edge->fwd : edge->bwd;
    reg->up = forward ? edge->bwd : edge->fwd;
    *out = child;
    return true;
}

static int layout_trees(struct cove_plan_build *build)
{
    struct cove_plan *plan = build->plan;
    struct layout_links links;
    uint32_t *queue = build->level[0];
    size_t head = 0;
    size_t tail = 0;
    int err = layout_index_edges(build, &links);

    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < plan->register_count; i++) {
        plan->registers[i].parent = COVE_PLAN_NONE;
        if (cove_cells_find(&build->cells, (uint32_t)i) == i) {
            queue[tail++] = (uint32_t)i;
        }
    }
    while (head < tail) {
        uint32_t at = queue[head++];

        for (uint32_t k = links.begin[at]; k < links.begin[at + 1]; k++) {
            if (layout_hang(plan, &build->cells.edges[links.incident[k]], at,
                            &queue[tail])) {
                tail++;
            }
        }
    }
    return 0;
}

/* --- calculations */

struct layout_frame {
    uint32_t calc;
    size_t next_dep;
};

struct layout_walk {
    struct cove_plan_build *build;
    struct layout_frame *stack;
    bool *met; /* of each calculation, as the build counts them */
};

/* Place a calculation behind all that it depends on. */
static void layout_place_calc(struct layout_walk *walk, uint32_t calc)
{
    struct cove_plan_build *build = walk->build;
    struct cove_plan *plan = build->plan;
    size_t depth = 0;

    if (walk->met[calc]) {
        return;
    }
    walk->met[calc] = true;
    walk->stack[depth++] = (struct layout_frame){calc, 0};
    while (depth > 0) {
        struct layout_frame *top = &walk->stack[depth - 1];
        const struct cove_plan_calc *at = &build->calcs[top->calc];
        uint32_t dep;

        if (top->next_dep == at->dep_count) {
            plan->registers[at->out].calc = (uint32_t)plan->calc_count;
            plan->calcs[plan->calc_count++] = *at;
            depth--;
            continue;
        }
        dep = build->drafts[at->deps[top->next_dep++]].calc;
        if (dep != COVE_PLAN_NONE && !walk->met[dep]) {
            walk->met[dep] = true;
            walk->stack[depth++] = (struct layout_frame){dep, 0};
        }
    }
}

static int layout_calcs(struct cove_plan_build *build)
{
    struct cove_plan *plan = build->plan;
    struct cove_arena *scratch = &build->scratch;
    size_t count = build->calc_count;
    struct layout_walk walk = {.build = build};

    walk.stack = cove_arena_array(scratch, count + 1, sizeof(*walk.stack));
    walk.met = cove_arena_array(scratch, count + 1, sizeof(*walk.met));
    plan->calcs =
        cove_arena_array(&plan->arena, count + 1, sizeof(*plan->calcs));
    if (walk.stack == NULL || walk.met == NULL || plan->calcs == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < plan->field_count; i++) {
        uint32_t calc = build->drafts[plan->fields[i].reg].calc;

        if (calc != COVE_PLAN_NONE) {
            layout_place_calc(&walk, calc);
        }
    }
    for (size_t i = 0; i < count; i++) {
        layout_place_calc(&walk, (uint32_t)i);
    }
    return 0;
}

/* --- fields */

/* A field and when it was named. */
struct layout_naming {
    struct cove_bytes name;
    uint64_t at;
    uint32_t reg;
};

static int layout_naming_order(const void *left, const void *right)
{
    const struct layout_naming *a = left;
    const struct layout_naming *b = right;
    int order = cove_bytes_compare(a->name, b->name);

    return order != 0 ? order : (a->at > b->at) - (a->at < b->at);
}

static int layout_field_order(const void *left, const void *right)
{
    const struct cove_plan_field *a = left;
    const struct cove_plan_field *b = right;

    return cove_bytes_compare(a->name, b->name);
}

/* '#' and the register: what a field shows as when a later naming took its
 * name. No name begins with '#'. */
static int layout_displaced(struct cove_plan *plan, uint32_t reg,
                            struct cove_bytes *out)
{
    struct cove_bytes id = plan->registers[reg].id;
    uint8_t *name = cove_arena_new(&plan->arena, id.len + 1);

    if (name == NULL) {
        return COVE_ENOMEM;
    }
    name[0] = '#';
    if (id.len > 0) {
        memcpy(name + 1, id.at, id.len);
    }
    *out = cove_bytes(name, id.len + 1);
    return 0;
}

static int layout_fields(struct cove_plan_build *build)
{
    struct cove_plan *plan = build->plan;
    struct layout_naming *namings = cove_arena_array(
        &build->scratch, plan->register_count + 1, sizeof(*namings));
    size_t count = 0;

    plan->fields = cove_arena_array(&plan->arena, plan->register_count + 1,
                                    sizeof(*plan->fields));
    if (namings == NULL || plan->fields == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < plan->register_count; i++) {
        const struct cove_plan_draft *draft = &build->drafts[i];

        if (draft->named) {
            plan->registers[i].name = draft->name;
        }
        if (draft->named && draft->shown) {
            namings[count++] = (struct layout_naming){
                draft->name, draft->named_at, (uint32_t)i};
        }
    }
    qsort(namings, count, sizeof(*namings), layout_naming_order);
    for (size_t i = 0; i < count; i++) {
        struct cove_plan_field *field = &plan->fields[plan->field_count++];
        int err = 0;

        field->reg = namings[i].reg;
        field->name = namings[i].name;
        if (i + 1 < count &&
            cove_bytes_equal(namings[i].name, namings[i + 1].name)) {
            err = layout_displaced(plan, field->reg, &field->name);
        }
        if (err != 0) {
            return err;
        }
        plan->registers[field->reg].visible = true;
        plan->registers[field->reg].name = field->name;
    }
    qsort(plan->fields, count, sizeof(*plan->fields), layout_field_order);
    plan->visible =
        cove_arena_array(&plan->arena, count + 1, sizeof(*plan->visible));
    if (plan->visible == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0, at = 0; i < plan->register_count; i++) {
        if (plan->registers[i].visible) {
            plan->visible[at++] = (uint32_t)i;
        }
    }
    return 0;
}

int cove_plan_lay_out(struct cove_plan_build *build)
{
    uint32_t *cell_of = cove_arena_array(
        &build->scratch, build->plan->register_count + 1, sizeof(*cell_of));
    int err = cell_of == NULL ? COVE_ENOMEM : layout_cells(build, cell_of);

    if (err == 0) {
        err = layout_atoms(build->plan);
    }
    if (err == 0) {
        err = layout_trees(build);
    }
    if (err == 0) {
        err = layout_fields(build);
    }
    if (err == 0) {
        err = layout_calcs(build);
    }
    if (err == 0) {
        err = cove_plan_lay_out_children(build);
    }
    return err;
}
