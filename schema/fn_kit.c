/* What the functions share: values taken apart and made, paths, and the forms
 * of arguments that several have. */
#include "core/limits.h"
#include "core/value.h"
#include "schema/fn_atoms.h"

#define FN_HEAD 9 /* bytes in front of a text, list or map, at most */

int cove_fn_as_int(struct cove_bytes value, fn_wide *out)
{
    struct cove_reader r;

    cove_reader_init(&r, value);
    switch (cove_reader_peek(&r)) {
    case COVE_CBOR_UINT:
        *out = (fn_wide)cove_reader_uint(&r);
        return 0;
    case COVE_CBOR_NINT:
        *out = (fn_wide)cove_reader_int(&r);
        return 0;
    case COVE_CBOR_END:
    case COVE_CBOR_BYTES:
    case COVE_CBOR_TEXT:
    case COVE_CBOR_LIST:
    case COVE_CBOR_MAP:
    case COVE_CBOR_BOOL:
    case COVE_CBOR_NULL:
    case COVE_CBOR_FLOAT:
        break;
    }
    return FN_BAD;
}

int cove_fn_as_text(struct cove_bytes value, struct cove_bytes *out)
{
    if (cove_cbor_type_of(value) != COVE_CBOR_TEXT) {
        return FN_BAD;
    }
    *out = cove_value_text(value);
    return 0;
}

int cove_fn_as_list(struct cove_bytes value, struct cove_reader *r,
                    size_t *count)
{
    cove_reader_init(r, value);
    if (cove_reader_peek(r) != COVE_CBOR_LIST) {
        return FN_BAD;
    }
    *count = cove_reader_list(r);
    return 0;
}

int cove_fn_as_object(struct cove_bytes value, struct cove_reader *r,
                      size_t *count)
{
    if (cove_value_kind(value) != COVE_KIND_MAP) {
        return FN_BAD;
    }
    cove_reader_init(r, value);
    *count = cove_reader_map(r);
    return 0;
}

struct fn_number {
    bool is_int;
    fn_wide i;
    double f;
};

static bool fn_number_read(struct cove_bytes value, struct fn_number *out)
{
    struct cove_reader r;

    out->i = 0;
    out->f = 0;
    out->is_int = cove_fn_as_int(value, &out->i) == 0;
    if (out->is_int) {
        return true;
    }
    cove_reader_init(&r, value);
    if (cove_reader_peek(&r) != COVE_CBOR_FLOAT) {
        return false;
    }
    out->f = cove_reader_float(&r);
    return out->f == out->f;
}

/* -1, 0, 1 as an integer is below, at or above a float that is a number. */
static int fn_compare_mixed(fn_wide i, double f)
{
    fn_wide whole;
    double rest;

    if (f >= 0x1p66 || f <= -0x1p66) {
        return f > 0 ? -1 : 1;
    }
    whole = (fn_wide)f; /* towards zero, and in range */
    if (i != whole) {
        return i < whole ? -1 : 1;
    }
    rest = f - (double)whole; /* exact: whole was cut from f */
    return (rest < 0) - (rest > 0);
}

bool cove_fn_compare(struct cove_bytes a, struct cove_bytes b, int *order)
{
    struct fn_number x;
    struct fn_number y;

    if (!fn_number_read(a, &x) || !fn_number_read(b, &y)) {
        return false;
    }
    if (x.is_int && y.is_int) {
        *order = (x.i > y.i) - (x.i < y.i);
    } else if (x.is_int) {
        *order = fn_compare_mixed(x.i, y.f);
    } else if (y.is_int) {
        *order = -fn_compare_mixed(y.i, x.f);
    } else {
        *order = (x.f > y.f) - (x.f < y.f);
    }
    return true;
}

/* --- making */

int cove_fn_of_int(struct cove_fn_run *run, fn_wide v, struct cove_bytes *out)
{
    if (v < INT64_MIN || v > INT64_MAX) {
        return FN_BAD;
    }
    return cove_value_of_int(run->arena, (int64_t)v, out);
}

int cove_fn_of_float(struct cove_fn_run *run, double v, struct cove_bytes *out)
{
    struct cove_fn_out o;

    cove_fn_out_init(&o, run, sizeof(v));
    cove_writer_float(&o.w, v);
    return cove_fn_out_end(&o, out);
}

int cove_fn_of_text(struct cove_fn_run *run, struct cove_bytes text,
                    struct cove_bytes *out)
{
    return cove_value_of_text(run->arena, text, out);
}

struct cove_bytes cove_fn_of_bool(bool v)
{
    static const uint8_t byte[2] = {0xf4, 0xf5};

    return cove_bytes(&byte[v ? 1 : 0], 1);
}

void cove_fn_out_init(struct cove_fn_out *o, struct cove_fn_run *run,
                      size_t room)
{
    o->alloc = cove_arena_allocator(run->arena);
    cove_buf_init(&o->buf, &o->alloc);
    cove_writer_init(&o->w, &o->buf);
    o->w.err = cove_buf_reserve(&o->buf, room + FN_HEAD);
}

bool cove_fn_out_over(const struct cove_fn_out *o)
{
    return o->buf.len > COVE_MAX_VALUE;
}

int cove_fn_out_end(struct cove_fn_out *o, struct cove_bytes *out)
{
    if (o->w.err == 0) {
        *out = cove_buf_bytes(&o->buf);
    }
    return o->w.err;
}

/* --- members and paths */

bool cove_fn_member(struct cove_bytes object, struct cove_bytes key,
                    struct cove_bytes *out)
{
    struct cove_reader r;
    size_t count;

    if (cove_fn_as_object(object, &r, &count) != 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct cove_bytes at = cove_reader_item(&r);
        struct cove_bytes value = cove_reader_item(&r);

        if (cove_bytes_equal(at, key)) {
            *out = value;
            return true;
        }
    }
    return false;
}

/* The item at a place of a list, from the end where it is negative. */
static bool fn_item(struct cove_bytes list, int64_t place,
                    struct cove_bytes *out)
{
    struct cove_reader r;
    size_t count;
    size_t at;

    if (cove_fn_as_list(list, &r, &count) != 0) {
        return false;
    }
    /* no list has more than 2^63 items, so the sum is right */
    at = place < 0 ? count + (size_t)place : (size_t)place;
    if (at >= count) {
        return false;
    }
    for (; at > 0; at--) {
        (void)cove_reader_item(&r);
    }
    *out = cove_reader_item(&r);
    return true;
}

bool cove_fn_path(struct cove_bytes value, struct cove_bytes path,
                  struct cove_bytes *out)
{
    struct cove_reader r;
    size_t count;
    bool found = true;

    cove_reader_init(&r, path);
    count = cove_reader_list(&r);
    for (size_t i = 0; found && i < count; i++) {
        struct cove_bytes at = cove_reader_item(&r);

        found = cove_cbor_type_of(at) == COVE_CBOR_TEXT
                    ? cove_fn_member(value, at, &value)
                    : fn_item(value, cove_value_int(at), &value);
    }
    if (found) {
        *out = value;
    }
    return found;
}

/* --- arguments */

void cove_fn_pair(struct cove_bytes arg, struct cove_bytes *first,
                  struct cove_bytes *second)
{
    struct cove_reader r;

    cove_reader_init(&r, arg);
    (void)cove_reader_list(&r);
    *first = cove_reader_item(&r);
    *second = cove_fn_rest(&r);
}

bool cove_fn_is_pair(struct cove_bytes arg, struct cove_bytes *first,
                     struct cove_bytes *second)
{
    struct cove_reader r;
    size_t count;

    if (cove_fn_as_list(arg, &r, &count) != 0 || count != 2) {
        return false;
    }
    cove_fn_pair(arg, first, second);
    return true;
}

bool cove_fn_arg_any(struct cove_fn_check *check, struct cove_bytes arg)
{
    (void)check;
    (void)arg;
    return true;
}

bool cove_fn_arg_int(struct cove_fn_check *check, struct cove_bytes arg)
{
    fn_wide v;

    (void)check;
    return cove_fn_as_int(arg, &v) == 0 && v >= INT64_MIN && v <= INT64_MAX;
}

bool cove_fn_arg_divisor(struct cove_fn_check *check, struct cove_bytes arg)
{
    return cove_fn_arg_int(check, arg) && cove_value_int(arg) != 0;
}

bool cove_fn_arg_text(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_bytes text;

    (void)check;
    return cove_fn_as_text(arg, &text) == 0 && text.len > 0;
}

bool cove_fn_arg_table(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_reader r;
    size_t rows;

    (void)check;
    if (cove_fn_as_list(arg, &r, &rows) != 0) {
        return false;
    }
    for (size_t i = 0; i < rows; i++) {
        struct cove_bytes from;
        struct cove_bytes to;

        if (!cove_fn_is_pair(cove_reader_item(&r), &from, &to)) {
            return false;
        }
    }
    return true;
}

/* Each is looked for in the whole object. */
#define FN_KEYS 256

bool cove_fn_arg_keys(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_reader r;
    size_t count;

    if (cove_fn_as_list(arg, &r, &count) != 0 || count > FN_KEYS) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!cove_fn_arg_text(check, cove_reader_item(&r))) {
            return false;
        }
    }
    return true;
}

bool cove_fn_arg_path(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_reader r;
    size_t count;

    if (cove_fn_as_list(arg, &r, &count) != 0 || count == 0 ||
        count > COVE_MAX_VALUE_DEPTH) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct cove_bytes at = cove_reader_item(&r);

        if (!cove_fn_arg_text(check, at) && !cove_fn_arg_int(check, at)) {
            return false;
        }
    }
    return true;
}
