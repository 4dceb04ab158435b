/* plan_build.h: a plan while it is being compiled. Internal to migrate. */
#ifndef COVE_MIGRATE_PLAN_BUILD_H
#define COVE_MIGRATE_PLAN_BUILD_H

#include "migrate/cells.h"
#include "migrate/plan.h"

/* What the ops so far say of a register. */
struct cove_plan_draft {
    bool added;
    enum cove_type type;
    bool named; /* by the head's own history, as the next three */
    bool shown;
    uint64_t named_at; /* place of the op in the order of ops */
    struct cove_bytes name;
    bool required;
    bool has_default;
    struct cove_bytes fallback;
    uint32_t calc;       /* index into calcs, or NONE */
    uint64_t level_mark; /* of the last walk that met it */
    bool has_child;      /* by the head's own history */
    bool is_map;         /* at some head */
    bool is_inner;
    bool has_seed;                /* is seeded … */
    bool seed_list;               /* … as a list … */
    uint32_t seed_from;           /* … from here */
    struct cove_step_child child; /* the last one's */
};

struct cove_plan_build {
    struct cove_plan *plan;
    struct cove_arena scratch;
    struct cove_cells cells;
    struct cove_plan_draft *drafts; /* one for each register */
    struct cove_plan_calc *calcs;
    size_t calc_count, calc_cap;
    struct cove_plan_conflict *conflicts;
    size_t conflict_count, conflict_cap;
    uint32_t *level[2]; /* room for all registers: scratch of one walk */
    uint64_t mark;
    uint64_t clock;
    struct cove_hasher *hasher; /* of the order of steps */
};

struct cove_plan_order {
    uint32_t *steps; /* indexes of the journal */
    size_t count;
    size_t own; /* the first so many are the head's history */
};
/* Order the active steps as the head sees them, in scratch memory.
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_plan_order(struct cove_plan_build *build,
                                    struct cove_plan_order *out);

/* Note what an x- op (encoded) says of children, if anything. What is not a
 * register of the journal is passed over. */
void cove_plan_extra(struct cove_plan_build *build, struct cove_bytes op,
                     bool own);
/* Lay out children, seeds and maps. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_plan_lay_out_children(struct cove_plan_build *build);

/* Lay out what readers walk: registers, cells, trees, calculations in order,
 * fields. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_plan_lay_out(struct cove_plan_build *build);

#endif
