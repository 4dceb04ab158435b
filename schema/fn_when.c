/* Conditions, and what is chosen by them. A condition is an object of one
 * member, and holds or does not, whatever the value is: asked of a value that
 * it is not about ("starts" of an integer) it does not hold. */
#include "core/value.h"
#include "schema/fn.h"
#include "schema/fn_atoms.h"

/* --- conditions */

typedef int when_body(struct cove_fn_run *run, struct cove_bytes arg,
                      struct cove_bytes value, bool *holds);

static int when_eq(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes value, bool *holds)
{
    (void)run;
    *holds = cove_bytes_equal(arg, value);
    return 0;
}

static int when_in(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes value, bool *holds)
{
    struct cove_reader r;

    (void)run;
    *holds = false;
    cove_reader_init(&r, arg);
    for (size_t left = cove_reader_list(&r); left > 0 && !*holds; left--) {
        *holds = cove_bytes_equal(cove_reader_item(&r), value);
    }
    return 0;
}

static bool when_arg_in(struct cove_fn_check *check, struct cove_bytes arg)
{
    (void)check;
    return cove_cbor_type_of(arg) == COVE_CBOR_LIST;
}

/* The types, as bits of what a value is. */
static const struct {
    const char *name;
    unsigned kinds;
} when_types[] = {
    {"null", 1u << COVE_KIND_NULL},
    {"bool", 1u << COVE_KIND_BOOL},
    {"int", 1u << COVE_KIND_INT},
    {"float", 1u << COVE_KIND_FLOAT},
    {"number", 1u << COVE_KIND_INT | 1u << COVE_KIND_FLOAT},
    {"text", 1u << COVE_KIND_TEXT},
    {"bytes", 1u << COVE_KIND_BYTES},
    {"list", 1u << COVE_KIND_LIST},
    {"object", 1u << COVE_KIND_MAP},
    {"ref", 1u << COVE_KIND_REF},
};

/* 0 where there is no such type. */
static unsigned when_kinds(struct cove_bytes name)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(when_types); i++) {
        if (cove_bytes_equal(name, cove_bytes_text(when_types[i].name))) {
            return when_types[i].kinds;
        }
    }
    return 0;
}

static int when_type(struct cove_fn_run *run, struct cove_bytes arg,
                     struct cove_bytes value, bool *holds)
{
    (void)run;
    *holds =
        (when_kinds(cove_value_text(arg)) >> cove_value_kind(value) & 1u) != 0;
    return 0;
}

static bool when_arg_type(struct cove_fn_check *check, struct cove_bytes arg)
{
    return cove_fn_arg_text(check, arg) &&
           when_kinds(cove_value_text(arg)) != 0;
}

static int when_lt(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes value, bool *holds)
{
    int order = 0;

    (void)run;
    *holds = cove_fn_compare(value, arg, &order) && order < 0;
    return 0;
}

static int when_gt(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes value, bool *holds)
{
    int order = 0;

    (void)run;
    *holds = cove_fn_compare(value, arg, &order) && order > 0;
    return 0;
}

static bool when_arg_number(struct cove_fn_check *check, struct cove_bytes arg)
{
    int order;

    (void)check;
    return cove_fn_compare(arg, arg, &order);
}

static int when_has(struct cove_fn_run *run, struct cove_bytes arg,
                    struct cove_bytes value, bool *holds)
{
    struct cove_bytes ignored;

    (void)run;
    *holds = cove_fn_member(value, arg, &ignored);
    return 0;
}

static int when_starts(struct cove_fn_run *run, struct cove_bytes arg,
                       struct cove_bytes value, bool *holds)
{
    struct cove_bytes lit = cove_value_text(arg);
    struct cove_bytes text;

    (void)run;
    *holds = cove_fn_as_text(value, &text) == 0 && text.len >= lit.len &&
             memcmp(text.at, lit.at, lit.len) == 0;
    return 0;
}

static int when_ends(struct cove_fn_run *run, struct cove_bytes arg,
                     struct cove_bytes value, bool *holds)
{
    struct cove_bytes lit = cove_value_text(arg);
    struct cove_bytes text;

    (void)run;
    *holds = cove_fn_as_text(value, &text) == 0 && text.len >= lit.len &&
             memcmp(text.at + text.len - lit.len, lit.at, lit.len) == 0;
    return 0;
}

static int when_contains(struct cove_fn_run *run, struct cove_bytes arg,
                         struct cove_bytes value, bool *holds)
{
    struct cove_bytes lit = cove_value_text(arg);
    struct cove_bytes text;

    (void)run;
    *holds = cove_fn_as_text(value, &text) == 0 &&
             memmem(text.at, text.len, lit.at, lit.len) != NULL;
    return 0;
}

static int when_at(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes value, bool *holds)
{
    struct cove_bytes path;
    struct cove_bytes condition;

    cove_fn_pair(arg, &path, &condition);
    if (!cove_fn_path(value, path, &value)) {
        *holds = false;
        return 0;
    }
    return cove_fn_condition(run, condition, value, holds);
}

static bool when_arg_at(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_bytes path;
    struct cove_bytes condition;

    return cove_fn_is_pair(arg, &path, &condition) &&
           cove_fn_arg_path(check, path) &&
           cove_fn_arg_condition(check, condition);
}

static int when_not(struct cove_fn_run *run, struct cove_bytes arg,
                    struct cove_bytes value, bool *holds)
{
    int err = cove_fn_condition(run, arg, value, holds);

    *holds = !*holds;
    return err;
}

/* Conditions one after the other, until one is as `stop`. */
static int when_each(struct cove_fn_run *run, struct cove_bytes arg,
                     struct cove_bytes value, bool stop, bool *holds)
{
    struct cove_reader r;
    int err = 0;

    *holds = !stop;
    cove_reader_init(&r, arg);
    for (size_t left = cove_reader_list(&r);
         err == 0 && left > 0 && *holds != stop; left--) {
        err = cove_fn_condition(run, cove_reader_item(&r), value, holds);
    }
    return err;
}

static int when_all(struct cove_fn_run *run, struct cove_bytes arg,
                    struct cove_bytes value, bool *holds)
{
    return when_each(run, arg, value, false, holds);
}

static int when_any(struct cove_fn_run *run, struct cove_bytes arg,
                    struct cove_bytes value, bool *holds)
{
    return when_each(run, arg, value, true, holds);
}

static bool when_arg_each(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_reader r;
    size_t count;

    if (cove_fn_as_list(arg, &r, &count) != 0 || count == 0) {
        return false;
    }
    for (; count > 0; count--) {
        if (!cove_fn_arg_condition(check, cove_reader_item(&r))) {
            return false;
        }
    }
    return true;
}

static const struct {
    const char *name;
    cove_fn_arg *arg_ok;
    when_body *run;
} when_rows[] = {
    {"eq", cove_fn_arg_any, when_eq},
    {"in", when_arg_in, when_in},
    {"type", when_arg_type, when_type},
    {"lt", when_arg_number, when_lt},
    {"gt", when_arg_number, when_gt},
    {"has", cove_fn_arg_text, when_has},
    {"starts", cove_fn_arg_text, when_starts},
    {"ends", cove_fn_arg_text, when_ends},
    {"contains", cove_fn_arg_text, when_contains},
    {"at", when_arg_at, when_at},
    {"not", cove_fn_arg_condition, when_not},
    {"all", when_arg_each, when_all},
    {"any", when_arg_each, when_any},
};

/* The row of a condition and its argument; the number of rows where there is
 * none. */
static size_t when_find(struct cove_bytes condition, struct cove_bytes *arg)
{
    struct cove_reader r;
    struct cove_bytes name;
    size_t i = 0;

    cove_reader_init(&r, condition);
    if (cove_reader_peek(&r) != COVE_CBOR_MAP || cove_reader_map(&r) != 1 ||
        cove_reader_peek(&r) != COVE_CBOR_TEXT) {
        return COVE_ARRAY_LEN(when_rows);
    }
    name = cove_reader_text(&r);
    *arg = cove_fn_rest(&r);
    while (i < COVE_ARRAY_LEN(when_rows) &&
           !cove_bytes_equal(name, cove_bytes_text(when_rows[i].name))) {
        i++;
    }
    return i;
}

bool cove_fn_arg_condition(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_bytes inner;
    size_t row = when_find(arg, &inner);
    bool known =
        check->depth < COVE_FN_DEPTH && row < COVE_ARRAY_LEN(when_rows);

    if (known) {
        check->depth++;
        known = when_rows[row].arg_ok(check, inner);
        check->depth--;
    }
    return known;
}

int cove_fn_condition(struct cove_fn_run *run, struct cove_bytes condition,
                      struct cove_bytes value, bool *holds)
{
    struct cove_bytes arg;
    size_t row = when_find(condition, &arg);
    int err = cove_fn_charge(run, value.len + condition.len);

    *holds = false;
    if (err == 0) {
        err = row < COVE_ARRAY_LEN(when_rows)
                  ? when_rows[row].run(run, arg, value, holds)
                  : FN_BAD; /* this build does not know it */
    }
    return err;
}

/* --- choosing */

/* Rows of a condition and a pipeline; the last may have "else" for one. */
bool cove_fn_arg_when(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_reader r;
    size_t count;

    if (cove_fn_as_list(arg, &r, &count) != 0 || count == 0) {
        return false;
    }
    for (; count > 0; count--) {
        struct cove_bytes condition;
        struct cove_bytes pipe;
        struct cove_bytes word;

        if (!cove_fn_is_pair(cove_reader_item(&r), &condition, &pipe) ||
            !cove_fn_arg_pipe(check, pipe)) {
            return false;
        }
        if (cove_fn_as_text(condition, &word) == 0
                ? count > 1 || !cove_bytes_equal(word, cove_bytes_text("else"))
                : !cove_fn_arg_condition(check, condition)) {
            return false;
        }
    }
    return true;
}

int cove_fn_when(struct cove_fn_run *run, struct cove_bytes arg,
                 struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_reader r;

    cove_reader_init(&r, arg);
    for (size_t left = cove_reader_list(&r); left > 0; left--) {
        struct cove_bytes condition;
        struct cove_bytes pipe;
        bool holds = true;
        int err = 0;

        cove_fn_pair(cove_reader_item(&r), &condition, &pipe);
        if (cove_cbor_type_of(condition) != COVE_CBOR_TEXT) {
            err = cove_fn_condition(run, condition, in, &holds);
        }
        if (err != 0 || holds) {
            return err != 0 ? err : cove_fn_branch_run(run, pipe, in, out);
        }
    }
    return FN_BAD;
}

int cove_fn_is(struct cove_fn_run *run, struct cove_bytes arg,
               struct cove_bytes in, struct cove_bytes *out)
{
    bool holds;
    int err = cove_fn_condition(run, arg, in, &holds);

    *out = cove_fn_of_bool(holds);
    return err;
}

bool cove_fn_arg_map_or(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_bytes rows;
    struct cove_bytes otherwise;

    return cove_fn_is_pair(arg, &rows, &otherwise) &&
           cove_fn_arg_table(check, rows);
}

int cove_fn_map_or(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes rows;
    struct cove_bytes otherwise;

    cove_fn_pair(arg, &rows, &otherwise);
    if (cove_fn_table(run, rows, in, out) != 0) {
        *out = otherwise;
    }
    return 0;
}
