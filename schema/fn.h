/* fn.h: the functions a migration step may use: closed, total, deterministic.
 *
 * A pipeline is a list of functions run one after the other on one value:
 * "int_of_text", {"mul":100}, {"table":[[a,b],…]} … No clock, randomness,
 * locale or float text. docs/MIGRATIONS.md "Functions" is the complete list.
 * Same bytes on every build (I16).
 */
#ifndef COVE_SCHEMA_FN_H
#define COVE_SCHEMA_FN_H

#include "core/arena.h"
#include "core/diag.h"

/* A value on its way through conversions. */
enum cove_cell_kind {
    COVE_ABSENT,  /* never written, or deleted */
    COVE_PRESENT, /* bytes is the value */
    COVE_INVALID  /* bytes is the raw value that did not convert */
};

struct cove_cell {
    enum cove_cell_kind kind;
    struct cove_bytes bytes; /* checked CBOR; empty where absent */
};

/* Is it invalid, and no fact: a script ran out of memory, so that what the
 * value is, is not known here? Its raw value is null. It is not settled by
 * this: no copy is written, and the document stays due. */
bool cove_cell_is_open(struct cove_cell cell);
struct cove_cell cove_cell_open(void);

/* Is `pipe` (checked CBOR) a list of functions that this build knows, with
 * arguments of the right form? */
bool cove_fn_known(struct cove_bytes pipe);
/* The same; where it is not, *fault is the innermost item that is wrong, empty
 * where the whole is no list, or all that is missing is Lua. */
bool cove_fn_check(struct cove_bytes pipe, struct cove_bytes *fault);
/* Is it known but for a script, which this build does not run? */
bool cove_fn_needs_lua(struct cove_bytes pipe);
/* Does a script take part? */
bool cove_fn_is_script(struct cove_bytes pipe);
/* How a file may have the function of this name; NULL where there is none. */
const char *cove_fn_form(struct cove_bytes name);
/* All names, in order, but for that of scripts, which no vector can stand for;
 * NULL behind the last. */
const char *cove_fn_name(size_t index);

#define COVE_FN_SCRIPTS    4      /* scripts in a pipeline, in none inside */
#define COVE_FN_DEPTH      8      /* pipelines and conditions inside others */
#define COVE_FN_WORK       262144 /* done in pipelines inside, in one call … */
#define COVE_FN_WORK_BYTES 64     /* … 1 and one for each so many bytes */

/* Run a known pipeline on a value. Absent, null and invalid stay what they
 * are; a failure, and a missing way back (pipe.len == 0), give invalid with
 * the input. Results live in the arena or are borrowed from `in` and `pipe`.
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_fn_call(struct cove_arena *arena,
                                 struct cove_bytes pipe, struct cove_cell in,
                                 struct cove_cell *out);
/* The same with scripts at hand, which else are compiled for the call; where
 * one is what fails, diag says why. */
struct cove_scripts;
COVE_MUST_CHECK int cove_fn_call_by(struct cove_scripts *scripts,
                                    struct cove_arena *arena,
                                    struct cove_bytes pipe, struct cove_cell in,
                                    struct cove_cell *out,
                                    struct cove_diag *diag);

/* Is a value that was computed within the limits of a value? */
bool cove_fn_fits(struct cove_bytes value);

/* Write an int in decimal; false where the value is none. */
#define COVE_FN_INT_TEXT_MAX 24
bool cove_fn_int_text(struct cove_bytes value,
                      uint8_t out[COVE_FN_INT_TEXT_MAX], size_t *len);

/* Is the value of this register type ("text", "int", "bool", "number",
 * "list", "object", "any")? null is of every type (the caller checks). */
enum cove_type {
    COVE_TYPE_TEXT,
    COVE_TYPE_INT,
    COVE_TYPE_BOOL,
    COVE_TYPE_NUMBER,
    COVE_TYPE_LIST,
    COVE_TYPE_OBJECT,
    COVE_TYPE_ANY
};
bool cove_type_parse(struct cove_bytes name, enum cove_type *out);
const char *cove_type_name(enum cove_type type);
bool cove_type_holds(enum cove_type type, struct cove_bytes value);

#endif
