/* fn_atoms.h: the single functions that pipelines are made of. Internal to
 * schema; fn.h is what others use.
 *
 *   fn.c         pipelines: known, called; the limits of a result
 *   fn_atoms.c   the one table of all functions: name, form, check, body
 *   fn_kit.c     reading arguments and values, making values
 *   fn_basic.c   tables, integers and texts, case, lists of texts, pick, wrap
 *   fn_number.c  floats, decimals, sums      fn_time.c   ISO 8601
 *   fn_text.c    slices, literals, templates fn_list.c   map, filter, sort
 *   fn_object.c  members and paths           fn_when.c   conditions
 *   fn_lua.c     a script
 *
 * Values come and go as deterministic CBOR, so that equal values are equal
 * bytes. A function never changes what it does: another meaning is another
 * name. To add one: a body, an argument check, a row of the table, vectors in
 * tests/vectors/functions.json, and its twin in tests/oracle/functions.py.
 */
#ifndef COVE_SCHEMA_FN_ATOMS_H
#define COVE_SCHEMA_FN_ATOMS_H

#include "core/arena.h"
#include "core/cbor.h"
#include "cove/error.h"

/* Within these files: the input does not convert. */
#define FN_BAD COVE_EINVALID

__extension__ typedef __int128 fn_wide;

/* One call of a pipeline. */
struct cove_fn_run {
    struct cove_arena *arena;
    /* What may still be done in pipelines inside functions, see
     * cove_fn_charge. The outermost pipeline costs nothing: it is as long as
     * its text. */
    size_t work;
    struct cove_scripts *scripts; /* or NULL */
    struct cove_diag *diag;       /* or NULL */
};

/* Make of `in` what the function makes of it. `arg` is checked; `in` is not
 * checked against any limit here, nor the result.
 * Errors: COVE_EINVALID where the value does not convert, COVE_ENOMEM. */
typedef int cove_fn_body(struct cove_fn_run *run, struct cove_bytes arg,
                         struct cove_bytes in, struct cove_bytes *out);

/* A check of a pipeline. */
struct cove_fn_check {
    unsigned depth;          /* pipelines and conditions around this one */
    struct cove_bytes fault; /* the innermost function that is wrong */
    unsigned scripts;        /* so many there are */
    bool needs_lua;          /* and this build runs none */
};
/* Has the argument the right form? */
typedef bool cove_fn_arg(struct cove_fn_check *check, struct cove_bytes arg);

struct cove_fn_row {
    const char *name;
    const char *form;    /* as a file may have it */
    cove_fn_arg *arg_ok; /* NULL: it takes no argument */
    cove_fn_body *run;
};

/* The function that an item of a pipeline names: "name" or {"name": argument};
 * NULL where this build does not know it. The argument is not checked. */
const struct cove_fn_row *cove_fn_find(struct cove_bytes item,
                                       struct cove_bytes *arg);

/* --- pipelines inside functions: fn.c */

/* Is it a pipeline of known functions, no deeper than allowed? */
cove_fn_arg cove_fn_arg_pipe;
/* Run one: null stays null. Charges. */
cove_fn_body cove_fn_pipe_run;
/* The same, but null is a value as any. */
cove_fn_body cove_fn_branch_run;
/* Pay for looking at so many bytes. Errors: COVE_EINVALID where more was done
 * than one call may. */
COVE_MUST_CHECK int cove_fn_charge(struct cove_fn_run *run, size_t bytes);

/* --- conditions: fn_when.c */
cove_fn_arg cove_fn_arg_condition;
/* Errors: COVE_EINVALID, too much was done. */
COVE_MUST_CHECK int cove_fn_condition(struct cove_fn_run *run,
                                      struct cove_bytes condition,
                                      struct cove_bytes value, bool *holds);

/* --- scripts: fn_lua.c */
cove_fn_arg cove_fn_arg_lua;
cove_fn_body cove_fn_lua;

/* --- reading and making values: fn_kit.c */

/* The last item of a reader, which need not be skipped to be known: of nested
 * arguments each level would skip all those below. */
static inline struct cove_bytes cove_fn_rest(const struct cove_reader *r)
{
    return cove_bytes(r->at, (size_t)(r->end - r->at));
}
/* Of what the name says. Errors: COVE_EINVALID. */
COVE_MUST_CHECK int cove_fn_as_int(struct cove_bytes value, fn_wide *out);
COVE_MUST_CHECK int cove_fn_as_text(struct cove_bytes value,
                                    struct cove_bytes *out);
/* `r` then stands at the first item, or pair. A reference is no object. */
COVE_MUST_CHECK int cove_fn_as_list(struct cove_bytes value,
                                    struct cove_reader *r, size_t *count);
COVE_MUST_CHECK int cove_fn_as_object(struct cove_bytes value,
                                      struct cove_reader *r, size_t *count);
/* Compare two numbers exactly, whether integer or float; false where one is no
 * number, or NaN. */
bool cove_fn_compare(struct cove_bytes a, struct cove_bytes b, int *order);

/* Errors: COVE_EINVALID beyond 64 bits, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_fn_of_int(struct cove_fn_run *run, fn_wide v,
                                   struct cove_bytes *out);
COVE_MUST_CHECK int cove_fn_of_float(struct cove_fn_run *run, double v,
                                     struct cove_bytes *out);
COVE_MUST_CHECK int cove_fn_of_text(struct cove_fn_run *run,
                                    struct cove_bytes text,
                                    struct cove_bytes *out);
struct cove_bytes cove_fn_of_bool(bool v);

/* A value that is being written, in the arena. */
struct cove_fn_out {
    struct cove_alloc alloc;
    struct cove_buf buf;
    struct cove_writer w;
};
/* Begin; `room` is about how many bytes it will take. Must not be moved. */
void cove_fn_out_init(struct cove_fn_out *o, struct cove_fn_run *run,
                      size_t room);
/* Is it more than a value may be? Then there is no need to go on. */
bool cove_fn_out_over(const struct cove_fn_out *o);
/* Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_fn_out_end(struct cove_fn_out *o,
                                    struct cove_bytes *out);

/* A member of a checked object by its encoded key. */
bool cove_fn_member(struct cove_bytes object, struct cove_bytes key,
                    struct cove_bytes *out);
/* A value inside a value by a checked path, and where it stands in it. */
bool cove_fn_path(struct cove_bytes value, struct cove_bytes path,
                  struct cove_bytes *out);

/* Arguments: a list of exactly two, or of one or two. */
void cove_fn_pair(struct cove_bytes arg, struct cove_bytes *first,
                  struct cove_bytes *second);
bool cove_fn_is_pair(struct cove_bytes arg, struct cove_bytes *first,
                     struct cove_bytes *second);

cove_fn_arg cove_fn_arg_any;
cove_fn_arg cove_fn_arg_int;     /* of 64 bits */
cove_fn_arg cove_fn_arg_divisor; /* and not 0 */
cove_fn_arg cove_fn_arg_text;    /* not empty */
cove_fn_arg cove_fn_arg_table;   /* [[a, b], …] */
cove_fn_arg cove_fn_arg_keys;    /* texts, none empty */
cove_fn_arg cove_fn_arg_path;    /* keys and places, at least one */

/* --- the functions, and checks of their own arguments */

/* fn_basic.c */
cove_fn_body cove_fn_int_of_text, cove_fn_text_of_int, cove_fn_int_of_bool,
    cove_fn_bool_of_int, cove_fn_lower, cove_fn_upper, cove_fn_trim,
    cove_fn_table, cove_fn_add, cove_fn_mul, cove_fn_div, cove_fn_split_list,
    cove_fn_join_list, cove_fn_pick, cove_fn_wrap, cove_fn_const;

/* fn_number.c */
cove_fn_body cove_fn_float_of_int, cove_fn_int_of_float, cove_fn_floor,
    cove_fn_round, cove_fn_int_of_decimal, cove_fn_decimal_of_int, cove_fn_sum,
    cove_fn_product;
cove_fn_arg cove_fn_arg_digits;

/* fn_time.c */
cove_fn_body cove_fn_iso_of_ms, cove_fn_ms_of_iso, cove_fn_date_of_ms,
    cove_fn_ms_of_date;

/* fn_text.c */
cove_fn_body cove_fn_slice, cove_fn_before, cove_fn_after, cove_fn_before_last,
    cove_fn_after_last, cove_fn_replace, cove_fn_prefix, cove_fn_suffix,
    cove_fn_drop_prefix, cove_fn_drop_suffix, cove_fn_pad, cove_fn_template;
cove_fn_arg cove_fn_arg_slice, cove_fn_arg_replace, cove_fn_arg_pad,
    cove_fn_arg_template;

/* fn_list.c */
cove_fn_body cove_fn_length, cove_fn_each, cove_fn_filter, cove_fn_sort,
    cove_fn_sort_by, cove_fn_unique, cove_fn_reverse, cove_fn_concat,
    cove_fn_list;
cove_fn_arg cove_fn_arg_pipes;

/* fn_object.c */
cove_fn_body cove_fn_get, cove_fn_get_or, cove_fn_pick_keys, cove_fn_omit,
    cove_fn_merge, cove_fn_defaults, cove_fn_set, cove_fn_update,
    cove_fn_rename, cove_fn_object;
cove_fn_arg cove_fn_arg_get_or, cove_fn_arg_object, cove_fn_arg_set,
    cove_fn_arg_update, cove_fn_arg_rename, cove_fn_arg_members;

/* fn_when.c */
cove_fn_body cove_fn_when, cove_fn_is, cove_fn_map_or;
cove_fn_arg cove_fn_arg_when, cove_fn_arg_map_or;

#endif
