/* All divided cells are sound before a change, so after it only cells that
 * hold what changed can be unsound; and where the outermost of these are sound,
 * so is everything in them. A check therefore walks up from what changed to
 * the outermost cells and expands each of them. An expansion stops at the 65th
 * atom, at an atom met twice and below 16 levels, so it takes at most about a
 * thousand steps however the cells are nested: a cell inside itself is simply
 * too deep.
 *
 * What changes where two cells are joined is the undivided one, which now has
 * the other's parts; where both are undivided, what can be wrong is that a
 * cell holds both, so walking up from the one that fewer use is enough.
 *
 * Union is by size and without path compression, so that the last union can be
 * undone: the register that lost becomes its own root again. */
#include "migrate/cells.h"

#include "cove/error.h"

/* A division that has a part in this cell. */
struct cells_user {
    uint32_t division;
    struct cells_user *next;
};

struct cove_cells_node {
    uint32_t parent;
    /* the rest only where the register stands for its cell */
    uint32_t size;
    uint32_t division; /* or NONE */
    struct cells_user *users;
    struct cells_user *last_user;
    size_t user_count;
    uint64_t reached_mark; /* of the last check that reached the cell */
    uint64_t atom_mark;    /* of the last expansion that met it as an atom */
};

int cove_cells_init(struct cove_cells *cells, struct cove_arena *arena,
                    size_t count)
{
    memset(cells, 0, sizeof(*cells));
    cells->arena = arena;
    cells->count = count;
    cells->nodes = cove_arena_array(arena, count + 1, sizeof(*cells->nodes));
    cells->reached =
        cove_arena_array(arena, count + 1, sizeof(*cells->reached));
    if (cells->nodes == NULL || cells->reached == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        cells->nodes[i].parent = (uint32_t)i;
        cells->nodes[i].size = 1;
        cells->nodes[i].division = COVE_PLAN_NONE;
    }
    return 0;
}

uint32_t cove_cells_find(const struct cove_cells *cells, uint32_t reg)
{
    while (cells->nodes[reg].parent != reg) {
        reg = cells->nodes[reg].parent;
    }
    return reg;
}

const struct cove_cells_division *cove_cells_division(
    const struct cove_cells *cells, uint32_t reg)
{
    uint32_t division = cells->nodes[cove_cells_find(cells, reg)].division;

    return division == COVE_PLAN_NONE ? NULL : &cells->divisions[division];
}

bool cove_cells_is_apart(const struct cove_cells *cells, uint32_t reg)
{
    const struct cove_cells_node *cell =
        &cells->nodes[cove_cells_find(cells, reg)];

    return cell->size == 1 && cell->division == COVE_PLAN_NONE &&
           cell->users == NULL;
}

/* --- soundness */

struct cells_expansion {
    struct cove_cells *cells;
    uint64_t mark;
    size_t atoms;
};

static bool cells_expand(struct cells_expansion *x, uint32_t cell,
                         unsigned depth)
{
    struct cove_cells_node *node = &x->cells->nodes[cell];
    const struct cove_cells_division *division;

    if (depth > COVE_PLAN_DEPTH) {
        return false;
    }
    if (node->division == COVE_PLAN_NONE) {
        bool again = node->atom_mark == x->mark;

        node->atom_mark = x->mark;
        return !again && ++x->atoms <= COVE_PLAN_ATOMS;
    }
    division = &x->cells->divisions[node->division];
    for (size_t i = 0; i < division->part_count; i++) {
        if (!cells_expand(x, cove_cells_find(x->cells, division->parts[i]),
                          depth + 1)) {
            return false;
        }
    }
    return true;
}

static bool cells_expands(struct cove_cells *cells, uint32_t cell)
{
    struct cells_expansion x = {.cells = cells, .mark = ++cells->mark};

    return cells_expand(&x, cell, 0);
}

/* Go to the cells that use a cell: those of the list that ends at `last`. */
static void cells_reach(struct cove_cells *cells, const struct cells_user *user,
                        const struct cells_user *last, size_t *count)
{
    while (user != NULL) {
        uint32_t up =
            cove_cells_find(cells, cells->divisions[user->division].whole);

        if (cells->nodes[up].reached_mark != cells->reach) {
            cells->nodes[up].reached_mark = cells->reach;
            cells->reached[(*count)++] = up;
        }
        user = user == last ? NULL : user->next;
    }
}

/* Is everything sound after a change of `cell`, seen by those of its users
 * from `first` to `last`? */
static bool cells_sound(struct cove_cells *cells, uint32_t cell,
                        const struct cells_user *first,
                        const struct cells_user *last)
{
    size_t count = 0;

    if (!cells_expands(cells, cell)) {
        return false;
    }
    cells->reach++;
    cells_reach(cells, first, last, &count);
    for (size_t i = 0; i < count; i++) {
        const struct cove_cells_node *up = &cells->nodes[cells->reached[i]];

        if (up->users == NULL && !cells_expands(cells, cells->reached[i])) {
            return false;
        }
        cells_reach(cells, up->users, up->last_user, &count);
    }
    return true;
}

/* --- changes */

static int cells_add_edge(struct cove_cells *cells,
                          const struct cove_cells_edge *edge)
{
    void *array = cells->edges;
    int err = cove_arena_grow(cells->arena, &array, sizeof(*edge),
                              cells->edge_count, &cells->edge_cap);

    if (err == 0) {
        cells->edges = array;
        cells->edges[cells->edge_count++] = *edge;
    }
    return err;
}

/* The cell `gone` becomes part of `keep`. */
static void cells_merge(struct cove_cells_node *keep,
                        struct cove_cells_node *gone, uint32_t keep_index)
{
    gone->parent = keep_index;
    keep->size += gone->size;
    keep->user_count += gone->user_count;
    if (keep->division == COVE_PLAN_NONE) {
        keep->division = gone->division;
    }
    if (gone->users == NULL) {
        return;
    }
    if (keep->users == NULL) {
        keep->users = gone->users;
    } else {
        keep->last_user->next = gone->users;
    }
    keep->last_user = gone->last_user;
}

int cove_cells_join(struct cove_cells *cells,
                    const struct cove_cells_edge *edge, bool *fits)
{
    uint32_t a = cove_cells_find(cells, edge->from);
    uint32_t b = cove_cells_find(cells, edge->to);
    bool a_stays = cells->nodes[a].size >= cells->nodes[b].size;
    uint32_t keep_index = a_stays ? a : b;
    struct cove_cells_node *keep = &cells->nodes[keep_index];
    struct cove_cells_node *gone = &cells->nodes[a_stays ? b : a];
    struct cove_cells_node before = *keep;
    bool gone_changes; /* else what was `keep` */

    *fits = false;
    if (a == b || (keep->division != COVE_PLAN_NONE &&
                   gone->division != COVE_PLAN_NONE)) {
        return 0;
    }
    gone_changes = keep->division == gone->division
                       ? gone->user_count <= keep->user_count
                       : gone->division == COVE_PLAN_NONE;
    cells_merge(keep, gone, keep_index);
    *fits =
        gone_changes
            ? cells_sound(cells, keep_index, gone->users, gone->last_user)
            : cells_sound(cells, keep_index, before.users, before.last_user);
    if (*fits) {
        return cells_add_edge(cells, edge);
    }
    if (before.last_user != NULL) {
        before.last_user->next = NULL;
    }
    *keep = before;
    gone->parent = a_stays ? b : a;
    return 0;
}

/* Note in the cell of each part that the division uses it. */
static int cells_add_users(struct cove_cells *cells, uint32_t index)
{
    const struct cove_cells_division *division = &cells->divisions[index];
    struct cells_user *users =
        cove_arena_array(cells->arena, division->part_count, sizeof(*users));

    if (users == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < division->part_count; i++) {
        struct cove_cells_node *part =
            &cells->nodes[cove_cells_find(cells, division->parts[i])];

        users[i].division = index;
        if (part->users == NULL) {
            part->users = &users[i];
        } else {
            part->last_user->next = &users[i];
        }
        part->last_user = &users[i];
        part->user_count++;
    }
    return 0;
}

int cove_cells_divide(struct cove_cells *cells,
                      const struct cove_cells_division *division, bool *fits)
{
    uint32_t cell = cove_cells_find(cells, division->whole);
    uint32_t index = (uint32_t)cells->division_count;
    void *array = cells->divisions;
    int err;

    *fits = false;
    if (cells->nodes[cell].division != COVE_PLAN_NONE) {
        return 0;
    }
    err = cove_arena_grow(cells->arena, &array, sizeof(*division),
                          cells->division_count, &cells->division_cap);
    if (err != 0) {
        return err;
    }
    cells->divisions = array;
    cells->divisions[index] = *division;
    cells->nodes[cell].division = index;
    if (!cells_sound(cells, cell, cells->nodes[cell].users,
                     cells->nodes[cell].last_user)) {
        cells->nodes[cell].division = COVE_PLAN_NONE;
        return 0;
    }
    cells->division_count++;
    *fits = true;
    return cells_add_users(cells, index);
}
