/* cells.h: which registers belong together, while a plan is being compiled.
 * Internal to migrate.
 *
 * Cells are a union-find over registers. Each change is tried and undone where
 * it would put a cell inside itself, or where the atoms of a divided cell would
 * not be distinct and few. One set belongs to one compilation.
 */
#ifndef COVE_MIGRATE_CELLS_H
#define COVE_MIGRATE_CELLS_H

#include "migrate/plan.h"

struct cove_cells_division { /* a divided cell: what splits it */
    uint32_t whole;
    const uint32_t *parts;
    size_t part_count;
    const struct cove_bytes *lits;
    bool lenient;
};

struct cove_cells_edge {
    uint32_t from, to;
    struct cove_bytes fwd, bwd;
};

struct cove_cells_node; /* one for each register */

struct cove_cells {
    struct cove_arena *arena;
    size_t count; /* registers */
    struct cove_cells_node *nodes;
    uint32_t *reached; /* room for `count` cells, scratch of one check */
    uint64_t mark;     /* of the last expansion */
    uint64_t reach;    /* of the last walk up */
    struct cove_cells_division *divisions;
    size_t division_count, division_cap;
    struct cove_cells_edge *edges;
    size_t edge_count, edge_cap;
};

/* Errors of all that follow: COVE_ENOMEM; the set is then good for nothing
 * but being thrown away with its arena. */
COVE_MUST_CHECK int cove_cells_init(struct cove_cells *cells,
                                    struct cove_arena *arena, size_t count);

/* The register that stands for the cell of a register. */
uint32_t cove_cells_find(const struct cove_cells *cells, uint32_t reg);
/* What divides the cell of a register, or NULL. */
const struct cove_cells_division *cove_cells_division(
    const struct cove_cells *cells, uint32_t reg);
/* Is the register alone in its cell, undivided, and part of nothing? */
bool cove_cells_is_apart(const struct cove_cells *cells, uint32_t reg);

/* Join the cells of edge->from and edge->to. *fits says whether it was done. */
COVE_MUST_CHECK int cove_cells_join(struct cove_cells *cells,
                                    const struct cove_cells_edge *edge,
                                    bool *fits);
/* Divide the cell of division->whole. *fits says whether it was done. */
COVE_MUST_CHECK int cove_cells_divide(
    struct cove_cells *cells, const struct cove_cells_division *division,
    bool *fits);

#endif
