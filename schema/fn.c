/* A pipeline runs one function after the other on a value, and each result is
 * held to the limits of a value before the next one sees it. Nothing can fail
 * but for memory: what does not convert is a result, COVE_INVALID, with the
 * input of the whole pipeline.
 *
 * Some functions run pipelines, once for each item of a list, say. So that no
 * nest of them grows without bound, what is done inside is counted, in a unit
 * that is the same on every build: each function inside, each pipeline and
 * each condition costs one, and one more for every 64 bytes that it looks at.
 */
#include "schema/fn.h"

#include "core/cbor.h"
#include "core/limits.h"
#include "schema/fn_atoms.h"

/* --- types */

static const char *const fn_type_names[] = {
    [COVE_TYPE_TEXT] = "text", [COVE_TYPE_INT] = "int",
    [COVE_TYPE_BOOL] = "bool", [COVE_TYPE_NUMBER] = "number",
    [COVE_TYPE_LIST] = "list", [COVE_TYPE_OBJECT] = "object",
    [COVE_TYPE_ANY] = "any",
};

bool cove_type_parse(struct cove_bytes name, enum cove_type *out)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(fn_type_names); i++) {
        if (cove_bytes_equal(name, cove_bytes_text(fn_type_names[i]))) {
            *out = (enum cove_type)i;
            return true;
        }
    }
    return false;
}

const char *cove_type_name(enum cove_type type)
{
    return fn_type_names[type];
}

static bool fn_is_int(struct cove_bytes value)
{
    enum cove_cbor_type kind = cove_cbor_type_of(value);

    return kind == COVE_CBOR_UINT || kind == COVE_CBOR_NINT;
}

bool cove_type_holds(enum cove_type type, struct cove_bytes value)
{
    switch (type) {
    case COVE_TYPE_TEXT:
        return cove_cbor_type_of(value) == COVE_CBOR_TEXT;
    case COVE_TYPE_INT:
        return fn_is_int(value);
    case COVE_TYPE_BOOL:
        return cove_cbor_type_of(value) == COVE_CBOR_BOOL;
    case COVE_TYPE_NUMBER:
        return fn_is_int(value) || cove_cbor_type_of(value) == COVE_CBOR_FLOAT;
    case COVE_TYPE_LIST:
        return cove_cbor_type_of(value) == COVE_CBOR_LIST;
    case COVE_TYPE_OBJECT:
        return cove_cbor_type_of(value) == COVE_CBOR_MAP;
    case COVE_TYPE_ANY:
        break;
    }
    return true;
}

/* --- what is known */

static bool fn_item_known(struct cove_fn_check *check, struct cove_bytes item)
{
    struct cove_bytes arg;
    const struct cove_fn_row *row = cove_fn_find(item, &arg);

    if (row != NULL && (row->arg_ok == NULL || row->arg_ok(check, arg))) {
        return true;
    }
    if (check->fault.len == 0) { /* else a function inside is what is wrong */
        check->fault = item;
    }
    return false;
}

/* Recurses COVE_FN_DEPTH deep at most. */
bool cove_fn_arg_pipe(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_reader r;
    size_t count;
    bool known = true;

    if (check->depth >= COVE_FN_DEPTH || arg.len == 0 ||
        cove_fn_as_list(arg, &r, &count) != 0) {
        return false;
    }
    check->depth++;
    for (size_t i = 0; known && i < count; i++) {
        known = fn_item_known(check, cove_reader_item(&r));
    }
    check->depth--;
    return known;
}

bool cove_fn_known(struct cove_bytes pipe)
{
    struct cove_bytes fault;

    return cove_fn_check(pipe, &fault);
}

bool cove_fn_check(struct cove_bytes pipe, struct cove_bytes *fault)
{
    struct cove_fn_check check = {0};
    bool known = cove_fn_arg_pipe(&check, pipe);

    *fault = check.fault;
    return known && !check.needs_lua;
}

bool cove_fn_needs_lua(struct cove_bytes pipe)
{
    struct cove_fn_check check = {0};

    return cove_fn_arg_pipe(&check, pipe) && check.needs_lua;
}

bool cove_fn_is_script(struct cove_bytes pipe)
{
    struct cove_fn_check check = {0};

    return pipe.len > 0 && cove_fn_arg_pipe(&check, pipe) &&
           check.scripts > 0 && !check.needs_lua;
}

/* --- a value that is not known */

static const uint8_t fn_open_raw[1] = {0xf6};

struct cove_cell cove_cell_open(void)
{
    struct cove_cell cell = {COVE_INVALID,
                             cove_bytes(fn_open_raw, sizeof(fn_open_raw))};

    return cell;
}

bool cove_cell_is_open(struct cove_cell cell)
{
    return cell.kind == COVE_INVALID && cell.bytes.at == fn_open_raw;
}

/* --- pipelines */

/* The limits of a value: text, and nesting. Recurses `depth` deep at most. */
static bool fn_fits_at(struct cove_reader *r, unsigned depth)
{
    enum cove_cbor_type kind = cove_reader_peek(r);
    bool map = kind == COVE_CBOR_MAP;
    size_t count;

    if (kind == COVE_CBOR_TEXT) {
        return cove_reader_text(r).len <= COVE_MAX_TEXT;
    }
    if (kind != COVE_CBOR_LIST && !map) {
        (void)cove_reader_item(r);
        return true;
    }
    if (depth == 0) {
        return false;
    }
    count = map ? cove_reader_map(r) : cove_reader_list(r);
    for (size_t i = 0; i < count; i++) {
        if (map) {
            (void)cove_reader_item(r);
        }
        if (!fn_fits_at(r, depth - 1)) {
            return false;
        }
    }
    return true;
}

bool cove_fn_fits(struct cove_bytes value)
{
    struct cove_reader r;
    enum cove_cbor_type kind = cove_cbor_type_of(value);

    if ((kind == COVE_CBOR_LIST || kind == COVE_CBOR_MAP) &&
        value.len > COVE_MAX_VALUE) {
        return false;
    }
    cove_reader_init(&r, value);
    return fn_fits_at(&r, COVE_MAX_VALUE_DEPTH);
}

int cove_fn_charge(struct cove_fn_run *run, size_t bytes)
{
    size_t cost = 1 + bytes / COVE_FN_WORK_BYTES;

    if (cost > run->work) {
        run->work = 0; /* and nothing cheaper gets through */
        return FN_BAD;
    }
    run->work -= cost;
    return 0;
}

static int fn_run(struct cove_fn_run *run, struct cove_bytes pipe, bool inside,
                  struct cove_bytes value, struct cove_bytes *out)
{
    struct cove_reader r;
    size_t count;
    int err = 0;

    cove_reader_init(&r, pipe);
    count = cove_reader_list(&r);
    for (size_t i = 0; err == 0 && i < count; i++) {
        struct cove_bytes item =
            i + 1 < count ? cove_reader_item(&r) : cove_fn_rest(&r);
        struct cove_bytes arg;
        const struct cove_fn_row *row = cove_fn_find(item, &arg);

        err = row == NULL ? FN_BAD /* this build does not know it */
              : inside    ? cove_fn_charge(run, value.len + item.len)
                          : 0;
        if (err == 0) {
            err = row->run(run, arg, value, &value);
        }
        if (err == 0 && !cove_fn_fits(value)) {
            err = FN_BAD;
        }
    }
    if (err == 0) {
        *out = value;
    }
    return err;
}

int cove_fn_branch_run(struct cove_fn_run *run, struct cove_bytes arg,
                       struct cove_bytes in, struct cove_bytes *out)
{
    int err = cove_fn_charge(run, in.len);

    return err != 0 ? err : fn_run(run, arg, true, in, out);
}

int cove_fn_pipe_run(struct cove_fn_run *run, struct cove_bytes arg,
                     struct cove_bytes in, struct cove_bytes *out)
{
    if (cove_cbor_type_of(in) == COVE_CBOR_NULL) {
        *out = in;
        return cove_fn_charge(run, in.len);
    }
    return cove_fn_branch_run(run, arg, in, out);
}

int cove_fn_call_by(struct cove_scripts *scripts, struct cove_arena *arena,
                    struct cove_bytes pipe, struct cove_cell in,
                    struct cove_cell *out, struct cove_diag *diag)
{
    struct cove_fn_run run = {arena, COVE_FN_WORK, scripts, diag};
    struct cove_bytes value = in.bytes;
    int err;

    if (in.kind != COVE_PRESENT ||
        cove_cbor_type_of(in.bytes) == COVE_CBOR_NULL) {
        *out = in;
        return 0;
    }
    err = pipe.len > 0 ? fn_run(&run, pipe, false, in.bytes, &value) : FN_BAD;
    if (err == COVE_ELIMIT) {
        *out = cove_cell_open();
        return 0;
    }
    if (err != 0 && err != FN_BAD) {
        return err;
    }
    out->kind = err == 0 ? COVE_PRESENT : COVE_INVALID;
    out->bytes = err == 0 ? value : in.bytes;
    return 0;
}

int cove_fn_call(struct cove_arena *arena, struct cove_bytes pipe,
                 struct cove_cell in, struct cove_cell *out)
{
    return cove_fn_call_by(NULL, arena, pipe, in, out, NULL);
}
