/* explain.h: why a view shows what it shows: for one field, the users' writes
 * behind it and the way from each to it, with the value at every point.
 *
 *   write ─rename─▶ ─convert─▶ ─split─▶ … ─▶ field
 *
 * A function of the same (state, plan) as the view: it computes nothing that
 * the view does not.
 */
#ifndef COVE_MIGRATE_EXPLAIN_H
#define COVE_MIGRATE_EXPLAIN_H

#include "migrate/view.h"

enum cove_hop_kind {
    COVE_HOP_RENAME,
    COVE_HOP_CONVERT,
    COVE_HOP_SPLIT, /* of a whole: to one of its parts */
    COVE_HOP_JOIN,  /* of parts: to their whole */
    COVE_HOP_CALCULATE
};

struct cove_hop {
    enum cove_hop_kind kind;
    bool back;         /* against the way in which the step says it */
    uint32_t from, to; /* registers; the same where it is a new name */
    struct cove_bytes from_name, to_name;
    /* of CONVERT: the functions; empty: no way. Of CALCULATE: empty where
     * there are none, but literals. */
    struct cove_bytes pipe;
    const struct cove_step *step;
    struct cove_cell cell; /* behind the hop; absent where not known */
    struct cove_bytes why; /* what a script said where it refused, or empty */
};

/* The way from one register to another that it gives a value to, without
 * values and new names; none where there is no way. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_explain_path(const struct cove_plan *plan,
                                      struct cove_arena *arena, uint32_t from,
                                      uint32_t to, struct cove_hop **out,
                                      size_t *count);

/* What the history of a step calls a register, and the step that said so;
 * empty and NULL where it does not know it. */
struct cove_bytes cove_explain_name(const struct cove_plan *plan, uint32_t reg,
                                    const struct cove_step *head,
                                    const struct cove_step **by);

enum cove_explained_state {
    COVE_EXPLAINED_WRITTEN,
    COVE_EXPLAINED_CALCULATED,
    COVE_EXPLAINED_DEFAULT, /* shown; never written, or required and deleted */
    COVE_EXPLAINED_MISSING, /* never written */
    COVE_EXPLAINED_DELETED
};

struct cove_explained_write {
    uint32_t reg;           /* that was written to */
    struct cove_bytes name; /* as the writer's version calls it */
    struct cove_op_id id;
    const struct cove_native *native; /* NULL: not held, a copy speaks for it */
    const struct cove_step *epoch;    /* of native */
    struct cove_hop *hops;
    size_t hop_count;
};

struct cove_explained {
    enum cove_explained_state state;
    struct cove_field field;
    struct cove_explained_write *writes; /* behind the value */
    size_t write_count;
};

/* The field number `index` of the view's plan. Everything in the arena.
 * Errors: COVE_ENOMEM, COVE_ELIMIT beyond COVE_VIEW_ORIGINS. */
COVE_MUST_CHECK int cove_explain_field(struct cove_view *view,
                                       struct cove_arena *arena, size_t index,
                                       struct cove_explained *out);

/* Does what is written to a register reach the field's register? */
bool cove_explain_reaches(const struct cove_plan *plan, uint32_t from,
                          uint32_t to);

#endif
