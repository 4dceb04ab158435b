/* view_internal.h: what a view remembers. Internal to migrate. */
#ifndef COVE_MIGRATE_VIEW_INTERNAL_H
#define COVE_MIGRATE_VIEW_INTERNAL_H

#include "migrate/view.h"

/* What a copy says an atom's register had, for an origin that is not held. */
struct cove_view_stand {
    uint32_t reg;
    bool alone; /* the copy speaks of this atom only */
    struct cove_cell cell;
    struct cove_view_stand *next;
};

/* Of a cell: the first three where it is undivided. */
struct cove_view_atom {
    const struct cove_op_id *win;     /* NULL: never written */
    const struct cove_native *native; /* NULL: stands speak for the winner */
    struct cove_view_stand *stands;
    bool foreign;    /* another document says what it has */
    bool sourced;    /* the registers are projections of one of them, … */
    uint32_t source; /* … this, which is read */
};

struct cove_view_register {
    const struct cove_native *native; /* the newest that is shown here */
    bool read;
    struct cove_cell cell; /* where read */
};

/* Of the origins of a register. */
struct cove_view_summary {
    const struct cove_op_id *newest; /* NULL: nothing was ever written */
    bool stood_in;                   /* one of them is not held */
    size_t count;                    /* saturates */
};

struct cove_view_calc {
    bool due; /* a dependency is newer than any write to the field itself */
    struct cove_view_summary origins;
};

/* The atoms of a register: those of a divided cell, else itself alone, for
 * which `own` is room. */
const struct cove_plan_atom *cove_view_atoms(const struct cove_view *view,
                                             uint32_t reg,
                                             struct cove_plan_atom *own,
                                             size_t *count);
/* Compute the calculations up to this one. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_view_calculate(struct cove_view *view, uint32_t calc);
/* Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_view_summary(struct cove_view *view, uint32_t reg,
                                      struct cove_view_summary *out);
/* Of a divided register with an origin that is not held: the copy that has the
 * whole from exactly these origins; NULL where there is none. */
const struct cove_copy *cove_view_whole_copy(const struct cove_view *view,
                                             uint32_t reg);
/* As an app reads a stored write: a value of the register's type, or invalid.
 */
struct cove_cell cove_view_written(const struct cove_view *view, uint32_t reg,
                                   bool deleted, struct cove_bytes value);
/* Of two copies for one origin the smaller speaks: one that speaks of this
 * atom only, then by value, a valid one first. */
int cove_view_stand_order(const struct cove_view_stand *a,
                          const struct cove_view_stand *b);
/* Is it a write of another document? */
bool cove_view_is_foreign(const struct cove_view *view,
                          const struct cove_op_id *id);
/* May an app opened at the write's epoch write this register? */
bool cove_view_knows(const struct cove_view *view, uint32_t reg,
                     const struct cove_native *native);
/* No id is smaller than every id. */
int cove_view_newer(const struct cove_op_id *a, const struct cove_op_id *b);

#endif
