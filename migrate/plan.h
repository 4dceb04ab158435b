/* plan.h: a journal compiled for one head.
 *
 * The head's own history comes first, then every other active step, both in
 * topological order with ties by step id. An op that does not fit what came
 * before it is conflicted: inert for this head, and listed. So no later step
 * takes away what a published head has; it can only link registers.
 *
 *   register ──conv──▶ register      one cell: forms of one value, a tree
 *   cell ──comp──▶ parts             a divided cell; its leaves are atoms
 *   register ◀──calc── registers     derived while they are newer
 *
 * Registers, cells and calculations are counted from 0; a register has the
 * same index in its journal and in all plans of it. Immutable after
 * cove_plan_new, and so shared between readers. Knows nothing of documents.
 */
#ifndef COVE_MIGRATE_PLAN_H
#define COVE_MIGRATE_PLAN_H

#include "core/arena.h"
#include "schema/child.h"
#include "schema/fn.h"
#include "schema/journal.h"

#define COVE_PLAN_NONE  UINT32_MAX
#define COVE_PLAN_ATOMS 64 /* of one divided cell, at most */
#define COVE_PLAN_DEPTH 16 /* cells inside each other, at most */

struct cove_plan_register {
    struct cove_bytes id;
    enum cove_type type;
    bool visible; /* a field of this head's schema */
    /* Its display name where visible, else the last that this head's history
     * gave it; empty where that knows it not. */
    struct cove_bytes name;
    bool required;
    bool has_default;
    struct cove_bytes fallback; /* the default */
    uint32_t calc;              /* the calculation that makes it, or NONE */
    uint32_t cell;
    /* The cell's registers are a tree, since conversions never close a ring:
     * two registers of it are joined by exactly one path. */
    uint32_t parent;        /* register, or NONE in the tree's root */
    uint32_t depth;         /* edges up to the root */
    struct cove_bytes up;   /* pipeline to the parent; empty: no way */
    struct cove_bytes down; /* pipeline from the parent; empty: no way */
    uint32_t child;         /* the field is this child, or NONE */
    bool inner; /* of items of a list, or a field of a map child: no field */
};

struct cove_plan_atom { /* an undivided cell inside a divided one */
    uint32_t cell;
    uint32_t reg; /* the register that the decomposition names */
};

struct cove_plan_cell {
    bool divided;
    /* the rest only where divided */
    uint32_t whole; /* the register that is split and joined */
    bool lenient;
    const uint32_t *parts;         /* registers */
    const struct cove_bytes *lits; /* part_count + 1 */
    size_t part_count;
    const struct cove_plan_atom *atoms; /* in the order of the parts */
    size_t atom_count;
};

struct cove_plan_input;

struct cove_plan_calc {
    uint32_t out;
    const uint32_t *deps; /* registers, duplicates kept */
    size_t dep_count;
    /* What makes the value: literals with the deps between them, or functions
     * that take all deps as one object. */
    const struct cove_bytes *lits;       /* dep_count + 1, or NULL */
    const struct cove_plan_input *input; /* dep_count, or NULL */
    struct cove_bytes fn;                /* a pipeline */
};

struct cove_plan_input {   /* sorted by key, as a map has them */
    struct cove_bytes key; /* encoded */
    uint32_t dep;          /* index into deps */
};

struct cove_plan_field {
    struct cove_bytes name; /* displaced by a later naming: '#', register */
    uint32_t reg;
};

/* A field that is a document of its own, as the head has it. */
struct cove_plan_child {
    uint32_t reg;
    enum cove_child_kind kind;
    uint32_t item;                        /* register of its items, or NONE */
    const struct cove_plan_field *fields; /* of a map, sorted by name */
    size_t field_count;
};

/* The child of `to` shows what was written to `from`; at every head, as a
 * conversion is. */
struct cove_plan_seed {
    uint32_t from, to;
    bool list; /* as its first item; else as its text */
};

struct cove_plan_conflict {
    struct cove_step_id step;
    uint32_t op; /* its place in the step */
};

struct cove_plan {
    const struct cove_alloc *alloc;
    struct cove_arena arena; /* everything below lives in it */
    const struct cove_journal *journal;
    const struct cove_step *head;
    struct cove_plan_register *registers; /* sorted by id */
    size_t register_count;
    struct cove_plan_cell *cells;
    size_t cell_count;
    struct cove_plan_calc *calcs; /* each behind those that it depends on */
    size_t calc_count;
    struct cove_plan_field *fields; /* what the head shows, sorted by name */
    size_t field_count;
    uint32_t *visible;                /* the same registers, sorted by id */
    struct cove_plan_child *children; /* sorted by register */
    size_t child_count;
    struct cove_plan_seed *seeds; /* sorted by `to`, one for each */
    size_t seed_count;
    uint32_t *maps; /* fields that are maps at any head, sorted by register */
    size_t map_count;
    struct cove_plan_conflict *conflicts; /* sorted by step and place */
    size_t conflict_count;
    struct cove_scripts *scripts; /* at hand for who computes by it; owned */
    struct cove_hash fingerprint; /* of order of steps and function set */
};

/* Compile. Ownership: bytes are borrowed from the journal, which must outlive
 * the plan. Errors: COVE_EBLOCKED where the head is not active, COVE_ENOMEM.
 * Cost: about the size of the journal. */
COVE_MUST_CHECK int cove_plan_new(const struct cove_alloc *alloc,
                                  const struct cove_journal *journal,
                                  const struct cove_step_id *head,
                                  struct cove_plan **out);
void cove_plan_free(struct cove_plan *plan);

/* A register by id. */
bool cove_plan_find(const struct cove_plan *plan, struct cove_bytes reg,
                    uint32_t *out);
/* A field of this head by display name. */
bool cove_plan_field_find(const struct cove_plan_field *fields, size_t count,
                          struct cove_bytes name, uint32_t *out);
bool cove_plan_find_name(const struct cove_plan *plan, struct cove_bytes name,
                         uint32_t *out);
/* What seeds the child of this register; NULL where nothing does. */
const struct cove_plan_seed *cove_plan_seed_of(const struct cove_plan *plan,
                                               uint32_t to);
/* Do writes to this register reach the value of that undivided cell: is it a
 * form of the cell, or of a whole that the cell is a part of? */
bool cove_plan_reaches(const struct cove_plan *plan, uint32_t reg,
                       uint32_t atom);
/* Equal for equal order of steps at an equal head, on builds with the same
 * functions: then equal states give equal views. */
struct cove_hash cove_plan_fingerprint(const struct cove_plan *plan);

#endif
