/* A pipeline runs one function after the other on a value, and each result is
 * held to the limits of a value before the next one sees it. What a function
 * does is in fn_atoms.c. Nothing can fail but for memory: what does not
 * convert is a result, COVE_INVALID, with the input of the whole pipeline. */
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

static enum cove_cbor_type fn_kind(struct cove_bytes value)
{
    struct cove_reader r;

    cove_reader_init(&r, value);
    return cove_reader_peek(&r);
}

static bool fn_is_int(struct cove_bytes value)
{
    enum cove_cbor_type kind = fn_kind(value);

    return kind == COVE_CBOR_UINT || kind == COVE_CBOR_NINT;
}

bool cove_type_holds(enum cove_type type, struct cove_bytes value)
{
    switch (type) {
    case COVE_TYPE_TEXT:
        return fn_kind(value) == COVE_CBOR_TEXT;
    case COVE_TYPE_INT:
        return fn_is_int(value);
    case COVE_TYPE_BOOL:
        return fn_kind(value) == COVE_CBOR_BOOL;
    case COVE_TYPE_NUMBER:
        return fn_is_int(value) || fn_kind(value) == COVE_CBOR_FLOAT;
    case COVE_TYPE_LIST:
        return fn_kind(value) == COVE_CBOR_LIST;
    case COVE_TYPE_OBJECT:
        return fn_kind(value) == COVE_CBOR_MAP;
    case COVE_TYPE_ANY:
        break;
    }
    return true;
}

/* --- pipelines */

bool cove_fn_known(struct cove_bytes pipe)
{
    struct cove_reader r;
    struct cove_fn_atom atom;
    size_t count;

    if (pipe.len == 0 || fn_kind(pipe) != COVE_CBOR_LIST) {
        return false;
    }
    cove_reader_init(&r, pipe);
    count = cove_reader_list(&r);
    for (size_t i = 0; i < count; i++) {
        if (!cove_fn_atom_find(cove_reader_item(&r), &atom)) {
            return false;
        }
    }
    return true;
}

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
    enum cove_cbor_type kind = fn_kind(value);

    if ((kind == COVE_CBOR_LIST || kind == COVE_CBOR_MAP) &&
        value.len > COVE_MAX_VALUE) {
        return false;
    }
    cove_reader_init(&r, value);
    return fn_fits_at(&r, COVE_MAX_VALUE_DEPTH);
}

int cove_fn_call(struct cove_arena *arena, struct cove_bytes pipe,
                 struct cove_cell in, struct cove_cell *out)
{
    struct cove_bytes value = in.bytes;
    struct cove_reader r;
    size_t count;
    int err = pipe.len > 0 ? 0 : COVE_EINVALID;

    if (in.kind != COVE_PRESENT || fn_kind(in.bytes) == COVE_CBOR_NULL) {
        *out = in;
        return 0;
    }
    cove_reader_init(&r, pipe);
    count = err == 0 ? cove_reader_list(&r) : 0;
    for (size_t i = 0; err == 0 && i < count; i++) {
        struct cove_fn_atom atom;

        if (cove_fn_atom_find(cove_reader_item(&r), &atom)) {
            err = cove_fn_atom_run(&atom, arena, value, &value);
        } else {
            err = COVE_EINVALID; /* this build does not know it */
        }
        if (err == 0 && !cove_fn_fits(value)) {
            err = COVE_EINVALID;
        }
    }
    if (err != 0 && err != COVE_EINVALID) {
        return err;
    }
    out->kind = err == 0 ? COVE_PRESENT : COVE_INVALID;
    out->bytes = err == 0 ? value : in.bytes;
    return 0;
}
