/* view.h: what an app at one head sees of one document.
 *
 * A pure function of (state, plan): nothing is written, no clock is asked.
 * Only users' writes are ordered. The newest that touches an atom is its
 * winner, and every register is read as the projection of its winners; a copy
 * speaks only for an origin that is not held. A value that did not convert is
 * invalid and shows the raw value, never an older one.
 *
 *   natives, stand-ins ──▶ winner of each atom ──▶ read(register)
 *
 * Values are computed when they are first read, and then remembered. All
 * memory comes from the arena; state, plan and journal must outlive it.
 */
#ifndef COVE_MIGRATE_VIEW_H
#define COVE_MIGRATE_VIEW_H

#include "crdt/state.h"
#include "migrate/plan.h"

/* A copy with more origins fits no transaction, and is never due. */
#define COVE_VIEW_ORIGINS 4096
/* A longer raw value is shown as null. */
#define COVE_VIEW_RAW 1048576

struct cove_view_atom;
struct cove_view_register;
struct cove_view_calc;

struct cove_view {
    struct cove_arena *arena;
    const struct cove_plan *plan;
    const struct cove_state *state;
    bool ahead; /* there are writes at epochs that are not active here */
    /* Whoever loads knows that every visible register whose winner is held has
     * a copy of it that says what this view says: then that is read, however
     * long the way from the winner would be. */
    bool settled;
    /* The ids, sorted, of ops in `state` that are of another document than the
     * one that is viewed: no copy is due in this one for them. NULL: none. */
    const struct cove_op_id *foreign;
    size_t foreign_count;
    /* What the plan's children read as, one for each: encoded; NULL: absent. */
    const struct cove_bytes *references;
    struct cove_view_atom *atoms;         /* one for each cell */
    struct cove_view_register *registers; /* one for each register */
    struct cove_view_calc *calcs;         /* one for each calculation */
    size_t calcs_done;                    /* the first so many are computed */
    bool open; /* what is due is not all known: see cove_cell_is_open */
};

/* The state is settled. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_view_init(struct cove_view *view,
                                   struct cove_arena *arena,
                                   const struct cove_plan *plan,
                                   const struct cove_state *state);

/* What another document says of a register (child.h). */
struct cove_view_overlay {
    uint32_t reg;
    const struct cove_native *writes; /* borrowed; to registers of the plan */
    size_t write_count;
    bool beside; /* they stand beside the register's own; else instead */
};
/* From here on the register, and all that is made of it, has what these writes
 * say; of other registers that they touch they say nothing. Before anything
 * is read. No copy is due for it. */
void cove_view_lay_over(struct cove_view *view,
                        const struct cove_view_overlay *overlay);

/* The value of a register, without defaults; hidden ones too.
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_view_read(struct cove_view *view, uint32_t reg,
                                   struct cove_cell *out);

struct cove_field {
    struct cove_bytes name;
    uint32_t reg;
    struct cove_cell cell; /* the default where that shows */
    bool from_default;
};
/* The field number `index` of the plan's fields. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_view_field(struct cove_view *view, size_t index,
                                    struct cove_field *out);

/* As a field, of a register that need not be visible: as `field` shows it, or a
 * field of a map child. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_view_register(struct cove_view *view, uint32_t reg,
                                       struct cove_field *out);

/* Which user write each part of a register comes from, sorted by register and
 * id, duplicates kept; tx_hash is not known here and zero. `held` is true but
 * for those that a copy stands in for.
 * Errors: COVE_ENOMEM, COVE_ELIMIT beyond COVE_VIEW_ORIGINS. */
COVE_MUST_CHECK int cove_view_origins(struct cove_view *view, uint32_t reg,
                                      struct cove_origin **out, size_t *count);

/* What a reader without the engine takes for the register: the greatest stored
 * write that this plan can show. Both NULL where there is none. */
void cove_view_stored(const struct cove_view *view, uint32_t reg,
                      const struct cove_native **native,
                      const struct cove_copy **copy);

struct cove_due { /* a copy to be written */
    uint32_t reg;
    struct cove_cell cell; /* present, or absent: delete */
    struct cove_origin *origins;
    size_t origin_count;
};
/* The copies that loading at this head would write, sorted by register:
 * visible registers whose stored winner does not say what the view says, where
 * writing it would settle that. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_view_due(struct cove_view *view, struct cove_due **out,
                                  size_t *count);
/* The same of one register, hidden or not; *is_due says whether there is one.
 */
COVE_MUST_CHECK int cove_view_due_of(struct cove_view *view, uint32_t reg,
                                     struct cove_due *due, bool *is_due);

#endif
