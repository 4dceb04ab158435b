/* step.h: the grammar of a step's body and of the ops in it.
 *
 *   body  {parents[], ops[], name?, version?, schema?, note?}
 *   op    {"op": kind, …}: see the table in step.c, which is complete
 *
 * Kinds that begin with "x-" are carried and ignored; any other kind that this
 * build does not know makes the whole step malformed here, and so pending.
 */
#ifndef COVE_SCHEMA_STEP_H
#define COVE_SCHEMA_STEP_H

#include "core/arena.h"
#include "core/cbor.h"
#include "core/diag.h"
#include "schema/fn.h"

enum cove_step_op_kind {
    COVE_STEP_ADD,
    COVE_STEP_NAME,
    COVE_STEP_HIDE,
    COVE_STEP_SHOW,
    COVE_STEP_LIMIT,
    COVE_STEP_ALIAS,
    COVE_STEP_CONV,
    COVE_STEP_COMP,
    COVE_STEP_CALC,
    COVE_STEP_DERIVE,
    COVE_STEP_EXTRA /* x-… */
};

/* One op taken apart; bytes are borrowed from the body. A member that the kind
 * does not have is empty. */
struct cove_step_op {
    enum cove_step_op_kind kind;
    struct cove_bytes kind_name; /* as written */
    struct cove_bytes reg;       /* add, name, hide, show, limit */
    struct cove_bytes name;      /* add, name */
    enum cove_type type;         /* add */
    bool has_default;            /* limit */
    struct cove_bytes fallback;  /* the default, a value; may be null */
    bool required;
    struct cove_bytes from, to; /* conv, alias */
    struct cove_bytes fwd, bwd; /* pipelines; bwd empty: no way back */
    struct cove_bytes whole;    /* comp */
    struct cove_bytes parts;    /* a list of texts, as CBOR */
    bool lenient;
    struct cove_bytes out;   /* calc, derive */
    struct cove_bytes deps;  /* a list of texts, as CBOR */
    struct cove_bytes lits;  /* comp, calc: a list of texts, as CBOR */
    struct cove_bytes names; /* derive: a list of texts, as CBOR */
    struct cove_bytes fn;    /* derive: a pipeline */
};

/* Take apart one op (checked CBOR).
 * Errors: COVE_ESTEP; diag names the rule, `out` is undefined. */
COVE_MUST_CHECK int cove_step_op_read(struct cove_bytes op,
                                      struct cove_step_op *out,
                                      struct cove_diag *diag);

struct cove_step;

/* Fill a step, whose body is well-formed, from it: all but id, state, index
 * and parents, which are given as the texts they are.
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_step_take_apart(struct cove_arena *arena,
                                         struct cove_step *step,
                                         struct cove_bytes **parents);

/* A list of texts as an array in the arena. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_step_texts(struct cove_arena *arena,
                                    struct cove_bytes list,
                                    struct cove_bytes **out, size_t *count);

/* The text that an item is: empty where it is none. */
static inline struct cove_bytes cove_step_text(struct cove_bytes item)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    return cove_reader_text(&r);
}

#endif
