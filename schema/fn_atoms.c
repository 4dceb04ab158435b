/* Values come and go as deterministic CBOR, so that equal values are equal
 * bytes and a table is searched by comparing them. Text functions work on
 * bytes: UTF-8 keeps the places of its characters, so a literal is found where
 * it would be found among code points. Integers are computed in 128 bits and
 * then held to 64. */
#include "schema/fn_atoms.h"

#include "core/cbor.h"
#include "core/limits.h"
#include "core/value.h"
#include "cove/error.h"
#include "schema/fn.h"

/* Within this file: the input does not convert. */
#define FN_BAD COVE_EINVALID

__extension__ typedef __int128 fn_wide;

static enum cove_cbor_type fn_kind(struct cove_bytes value)
{
    struct cove_reader r;

    cove_reader_init(&r, value);
    return cove_reader_peek(&r);
}

/* --- reading and making values */

static int fn_int(struct cove_bytes value, fn_wide *out)
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

static int fn_text(struct cove_bytes value, struct cove_bytes *out)
{
    if (fn_kind(value) != COVE_CBOR_TEXT) {
        return FN_BAD;
    }
    *out = cove_value_text(value);
    return 0;
}

static int fn_of_int(struct cove_arena *arena, fn_wide v,
                     struct cove_bytes *out)
{
    if (v < INT64_MIN || v > INT64_MAX) {
        return FN_BAD;
    }
    return cove_value_of_int(arena, (int64_t)v, out);
}

static struct cove_bytes fn_of_bool(bool v)
{
    static const uint8_t byte[2] = {0xf4, 0xf5};

    return cove_bytes(&byte[v ? 1 : 0], 1);
}

/* Move what was written into the arena, and free the buffer. */
static int fn_take(struct cove_arena *arena, struct cove_writer *w,
                   struct cove_bytes *out)
{
    int err = w->err;

    if (err == 0) {
        err = cove_arena_copy(arena, cove_buf_bytes(w->out), out);
    }
    cove_buf_clear(w->out);
    return err;
}

/* --- functions without an argument */

static int fn_int_of_text(struct cove_arena *arena, struct cove_bytes in,
                          struct cove_bytes *out)
{
    struct cove_bytes text;
    bool negative;
    fn_wide v = 0;
    size_t at;
    int err = fn_text(in, &text);

    if (err != 0) {
        return err;
    }
    negative = text.len > 0 && text.at[0] == '-';
    at = negative ? 1 : 0;
    if (text.len - at < 1 || text.len - at > 19 ||
        (text.at[at] == '0' && (negative || text.len > 1))) {
        return FN_BAD;
    }
    for (; at < text.len; at++) {
        if (text.at[at] < '0' || text.at[at] > '9') {
            return FN_BAD;
        }
        v = v * 10 + (text.at[at] - '0');
    }
    return fn_of_int(arena, negative ? -v : v, out);
}

static int fn_text_of_int(struct cove_arena *arena, struct cove_bytes in,
                          struct cove_bytes *out)
{
    uint8_t digits[COVE_FN_INT_TEXT_MAX];
    size_t len;

    if (!cove_fn_int_text(in, digits, &len)) {
        return FN_BAD;
    }
    return cove_value_of_text(arena, cove_bytes(digits, len), out);
}

bool cove_fn_int_text(struct cove_bytes value,
                      uint8_t out[COVE_FN_INT_TEXT_MAX], size_t *len)
{
    uint8_t back[COVE_FN_INT_TEXT_MAX];
    size_t count = 0;
    size_t at = 0;
    fn_wide v;
    fn_wide rest;

    if (fn_int(value, &v) != 0) {
        return false;
    }
    rest = v < 0 ? -v : v;
    do {
        back[count++] = (uint8_t)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest > 0);
    if (v < 0) {
        back[count++] = '-';
    }
    while (count > 0) {
        out[at++] = back[--count];
    }
    *len = at;
    return true;
}

static int fn_int_of_bool(struct cove_arena *arena, struct cove_bytes in,
                          struct cove_bytes *out)
{
    struct cove_reader r;

    cove_reader_init(&r, in);
    if (cove_reader_peek(&r) != COVE_CBOR_BOOL) {
        return FN_BAD;
    }
    return fn_of_int(arena, cove_reader_bool(&r) ? 1 : 0, out);
}

static int fn_bool_of_int(struct cove_arena *arena, struct cove_bytes in,
                          struct cove_bytes *out)
{
    fn_wide v;
    int err = fn_int(in, &v);

    (void)arena;
    if (err != 0 || (v != 0 && v != 1)) {
        return FN_BAD;
    }
    *out = fn_of_bool(v == 1);
    return 0;
}

/* Move the ASCII letters between first and last by `shift`. */
static int fn_case(struct cove_arena *arena, struct cove_bytes in,
                   const char range[2], struct cove_bytes *out)
{
    struct cove_bytes text;
    uint8_t *changed;
    int err = fn_text(in, &text);

    if (err != 0) {
        return err;
    }
    changed = cove_arena_new(arena, text.len + 1);
    if (changed == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];

        /* upper and lower case differ in one bit */
        changed[i] = c >= (uint8_t)range[0] && c <= (uint8_t)range[1]
                         ? (uint8_t)(c ^ 0x20)
                         : c;
    }
    return cove_value_of_text(arena, cove_bytes(changed, text.len), out);
}

static int fn_lower(struct cove_arena *arena, struct cove_bytes in,
                    struct cove_bytes *out)
{
    return fn_case(arena, in, "AZ", out);
}

static int fn_upper(struct cove_arena *arena, struct cove_bytes in,
                    struct cove_bytes *out)
{
    return fn_case(arena, in, "az", out);
}

static bool fn_is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int fn_trim(struct cove_arena *arena, struct cove_bytes in,
                   struct cove_bytes *out)
{
    struct cove_bytes text;
    int err = fn_text(in, &text);

    if (err != 0) {
        return err;
    }
    while (text.len > 0 && fn_is_space(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && fn_is_space(text.at[text.len - 1])) {
        text.len--;
    }
    return cove_value_of_text(arena, text, out);
}

/* --- functions with an argument */

static int fn_table(struct cove_arena *arena, struct cove_bytes arg,
                    struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_reader r;
    size_t rows;

    (void)arena;
    cove_reader_init(&r, arg);
    rows = cove_reader_list(&r);
    for (size_t i = 0; i < rows; i++) {
        struct cove_bytes from;
        struct cove_bytes to;

        (void)cove_reader_list(&r);
        from = cove_reader_item(&r);
        to = cove_reader_item(&r);
        if (cove_bytes_equal(from, in)) {
            *out = to;
            return 0;
        }
    }
    return FN_BAD;
}

static int fn_add(struct cove_arena *arena, struct cove_bytes arg,
                  struct cove_bytes in, struct cove_bytes *out)
{
    fn_wide v;
    int err = fn_int(in, &v);

    return err != 0 ? err : fn_of_int(arena, v + cove_value_int(arg), out);
}

static int fn_mul(struct cove_arena *arena, struct cove_bytes arg,
                  struct cove_bytes in, struct cove_bytes *out)
{
    fn_wide v;
    int err = fn_int(in, &v);

    if (err == 0 &&
        __builtin_mul_overflow(v, (fn_wide)cove_value_int(arg), &v)) {
        err = FN_BAD;
    }
    return err != 0 ? err : fn_of_int(arena, v, out);
}

/* Exact only, so that mul and div go back and forth. The least integer by -1
 * is the one quotient beyond 64 bits signed; it is shown as it is, and nothing
 * stores it. */
static int fn_div(struct cove_arena *arena, struct cove_bytes arg,
                  struct cove_bytes in, struct cove_bytes *out)
{
    fn_wide by = cove_value_int(arg);
    struct cove_buf buf;
    struct cove_writer w;
    fn_wide v;
    int err = fn_int(in, &v);

    if (err != 0 || v % by != 0) {
        return FN_BAD;
    }
    v /= by;
    if (v <= INT64_MAX) {
        return cove_value_of_int(arena, (int64_t)v, out);
    }
    cove_buf_init(&buf, arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_uint(&w, (uint64_t)v);
    return fn_take(arena, &w, out);
}

/* The next part of a text that `sep` separates; false behind the last. */
static bool fn_next_part(struct cove_bytes *rest, struct cove_bytes sep,
                         struct cove_bytes *part)
{
    const uint8_t *found;

    if (rest->at == NULL) {
        return false;
    }
    found = memmem(rest->at, rest->len, sep.at, sep.len);
    if (found == NULL) {
        *part = *rest;
        *rest = cove_bytes(NULL, 0);
        return true;
    }
    *part = cove_bytes(rest->at, (size_t)(found - rest->at));
    rest->at += part->len + sep.len;
    rest->len -= part->len + sep.len;
    return true;
}

static int fn_split_list(struct cove_arena *arena, struct cove_bytes arg,
                         struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes sep = cove_value_text(arg);
    struct cove_bytes text;
    struct cove_bytes rest;
    struct cove_bytes part;
    struct cove_buf buf;
    struct cove_writer w;
    size_t count = 0;
    int err = fn_text(in, &text);

    if (err != 0) {
        return err;
    }
    if (text.len == 0) {
        text.at = NULL; /* no part at all, rather than one empty part */
    }
    for (rest = text; fn_next_part(&rest, sep, &part);) {
        count++;
    }
    cove_buf_init(&buf, arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, count);
    for (rest = text; fn_next_part(&rest, sep, &part);) {
        cove_writer_text(&w, part);
    }
    return fn_take(arena, &w, out);
}

/* The length of a list of texts joined by sep; false where one of them is no
 * text, empty or has the separator in it, or all are too long together. */
static bool fn_joined_len(struct cove_bytes list, struct cove_bytes sep,
                          size_t *len)
{
    struct cove_reader r;
    size_t count;

    *len = 0;
    cove_reader_init(&r, list);
    count = cove_reader_list(&r);
    for (size_t i = 0; i < count; i++) {
        struct cove_bytes text;

        if (fn_text(cove_reader_item(&r), &text) != 0 || text.len == 0 ||
            memmem(text.at, text.len, sep.at, sep.len) != NULL) {
            return false;
        }
        *len += text.len + (i > 0 ? sep.len : 0);
        if (*len > COVE_MAX_TEXT) {
            return false;
        }
    }
    return true;
}

static int fn_join_list(struct cove_arena *arena, struct cove_bytes arg,
                        struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes sep = cove_value_text(arg);
    struct cove_reader r;
    uint8_t *joined;
    size_t at = 0;
    size_t len;
    size_t count;

    if (fn_kind(in) != COVE_CBOR_LIST || !fn_joined_len(in, sep, &len)) {
        return FN_BAD;
    }
    joined = cove_arena_new(arena, len + 1);
    if (joined == NULL) {
        return COVE_ENOMEM;
    }
    cove_reader_init(&r, in);
    count = cove_reader_list(&r);
    for (size_t i = 0; i < count; i++) {
        struct cove_bytes text = cove_reader_text(&r);

        if (i > 0) {
            memcpy(joined + at, sep.at, sep.len);
            at += sep.len;
        }
        memcpy(joined + at, text.at, text.len);
        at += text.len;
    }
    return cove_value_of_text(arena, cove_bytes(joined, len), out);
}

static int fn_pick(struct cove_arena *arena, struct cove_bytes arg,
                   struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_reader r;
    size_t pairs;

    (void)arena;
    if (fn_kind(in) != COVE_CBOR_MAP) {
        return FN_BAD;
    }
    cove_reader_init(&r, in);
    pairs = cove_reader_map(&r);
    for (size_t i = 0; i < pairs; i++) {
        struct cove_bytes key = cove_reader_item(&r);
        struct cove_bytes value = cove_reader_item(&r);

        if (cove_bytes_equal(key, arg)) {
            *out = value;
            return 0;
        }
    }
    return FN_BAD;
}

static int fn_wrap(struct cove_arena *arena, struct cove_bytes arg,
                   struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer w;

    cove_buf_init(&buf, arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_map(&w, 1);
    cove_writer_item(&w, arg);
    cove_writer_item(&w, in);
    return fn_take(arena, &w, out);
}

static int fn_const(struct cove_arena *arena, struct cove_bytes arg,
                    struct cove_bytes in, struct cove_bytes *out)
{
    (void)arena;
    (void)in;
    *out = arg;
    return 0;
}

/* --- what arguments may be */

static bool fn_arg_table(struct cove_bytes arg)
{
    struct cove_reader r;
    size_t rows;

    if (fn_kind(arg) != COVE_CBOR_LIST) {
        return false;
    }
    cove_reader_init(&r, arg);
    rows = cove_reader_list(&r);
    for (size_t i = 0; i < rows; i++) {
        struct cove_bytes row = cove_reader_item(&r);
        struct cove_reader inner;

        cove_reader_init(&inner, row);
        if (cove_reader_peek(&inner) != COVE_CBOR_LIST ||
            cove_reader_list(&inner) != 2) {
            return false;
        }
    }
    return true;
}

static bool fn_arg_int(struct cove_bytes arg)
{
    fn_wide v;

    return fn_int(arg, &v) == 0 && v >= INT64_MIN && v <= INT64_MAX;
}

static bool fn_arg_divisor(struct cove_bytes arg)
{
    return fn_arg_int(arg) && cove_value_int(arg) != 0;
}

static bool fn_arg_text(struct cove_bytes arg)
{
    return fn_kind(arg) == COVE_CBOR_TEXT && cove_value_text(arg).len > 0;
}

static bool fn_arg_any(struct cove_bytes arg)
{
    (void)arg;
    return true;
}

/* --- the tables */

static const struct {
    const char *name;
    int (*run)(struct cove_arena *arena, struct cove_bytes in,
               struct cove_bytes *out);
} fn_atomic[] = {
    {"int_of_text", fn_int_of_text},
    {"text_of_int", fn_text_of_int},
    {"int_of_bool", fn_int_of_bool},
    {"bool_of_int", fn_bool_of_int},
    {"lower", fn_lower},
    {"upper", fn_upper},
    {"trim", fn_trim},
};

static const struct {
    const char *name;
    bool (*arg_ok)(struct cove_bytes arg);
    int (*run)(struct cove_arena *arena, struct cove_bytes arg,
               struct cove_bytes in, struct cove_bytes *out);
} fn_with_arg[] = {
    {"table", fn_arg_table, fn_table},
    {"add", fn_arg_int, fn_add},
    {"mul", fn_arg_int, fn_mul},
    {"div", fn_arg_divisor, fn_div},
    {"split_list", fn_arg_text, fn_split_list},
    {"join_list", fn_arg_text, fn_join_list},
    {"pick", fn_arg_text, fn_pick},
    {"wrap", fn_arg_text, fn_wrap},
    {"const", fn_arg_any, fn_const},
};

bool cove_fn_atom_find(struct cove_bytes item, struct cove_fn_atom *out)
{
    struct cove_reader r;
    struct cove_bytes name;

    cove_reader_init(&r, item);
    out->has_arg = cove_reader_peek(&r) == COVE_CBOR_MAP;
    if (out->has_arg && cove_reader_map(&r) != 1) {
        return false;
    }
    if (cove_reader_peek(&r) != COVE_CBOR_TEXT) {
        return false;
    }
    name = cove_reader_text(&r);
    out->arg = out->has_arg ? cove_reader_item(&r) : cove_bytes(NULL, 0);
    for (size_t i = 0; !out->has_arg && i < COVE_ARRAY_LEN(fn_atomic); i++) {
        if (cove_bytes_equal(name, cove_bytes_text(fn_atomic[i].name))) {
            out->index = i;
            return true;
        }
    }
    for (size_t i = 0; out->has_arg && i < COVE_ARRAY_LEN(fn_with_arg); i++) {
        if (cove_bytes_equal(name, cove_bytes_text(fn_with_arg[i].name))) {
            out->index = i;
            return fn_with_arg[i].arg_ok(out->arg);
        }
    }
    return false;
}

int cove_fn_atom_run(const struct cove_fn_atom *atom, struct cove_arena *arena,
                     struct cove_bytes in, struct cove_bytes *out)
{
    return atom->has_arg
               ? fn_with_arg[atom->index].run(arena, atom->arg, in, out)
               : fn_atomic[atom->index].run(arena, in, out);
}
