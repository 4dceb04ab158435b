/* project.h: values on their way through a plan: along the conversions of a
 * cell, into parts and back. Pure; knows nothing of documents. Internal to
 * migrate.
 */
#ifndef COVE_MIGRATE_PROJECT_H
#define COVE_MIGRATE_PROJECT_H

#include "migrate/plan.h"

/* A value of another type than its register's reads as invalid. */
struct cove_cell cove_project_typed(const struct cove_plan *plan, uint32_t reg,
                                    struct cove_cell in);

/* How many conversions lie between two registers of one cell? */
uint32_t cove_project_distance(const struct cove_plan *plan, uint32_t from,
                               uint32_t to);

/* The value of register `from` as register `to` of the same cell has it.
 * Errors: COVE_ENOMEM. Cost: O(conversions between them). */
COVE_MUST_CHECK int cove_project(const struct cove_plan *plan,
                                 struct cove_arena *arena, uint32_t from,
                                 uint32_t to, struct cove_cell *cell);

/* Split the value of a register of a divided cell into the values of the
 * parts; `parts` has room for part_count of them. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_project_split(const struct cove_plan *plan,
                                       struct cove_arena *arena, uint32_t reg,
                                       struct cove_cell in,
                                       struct cove_cell *parts);

/* The other way: join parts and give the value as `reg` has it.
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_project_join(const struct cove_plan *plan,
                                      struct cove_arena *arena, uint32_t reg,
                                      const struct cove_cell *parts,
                                      struct cove_cell *out);

/* The value of a calculation from those of its deps. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_project_calc(const struct cove_plan *plan,
                                      struct cove_arena *arena,
                                      const struct cove_plan_calc *calc,
                                      const struct cove_cell *deps,
                                      struct cove_cell *out);

#endif
