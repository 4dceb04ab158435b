/* The functions that the reference model has. Text functions work on bytes:
 * UTF-8 keeps the places of its characters, so a literal is found where it
 * would be found among code points. Integers are computed in 128 bits and then
 * held to 64. */
#include "core/limits.h"
#include "core/value.h"
#include "schema/fn.h"
#include "schema/fn_atoms.h"

/* --- without an argument */

int cove_fn_int_of_text(struct cove_fn_run *run, struct cove_bytes arg,
                        struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes text;
    bool negative;
    fn_wide v = 0;
    size_t at;
    int err = cove_fn_as_text(in, &text);

    (void)arg;
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
    return cove_fn_of_int(run, negative ? -v : v, out);
}

int cove_fn_text_of_int(struct cove_fn_run *run, struct cove_bytes arg,
                        struct cove_bytes in, struct cove_bytes *out)
{
    uint8_t digits[COVE_FN_INT_TEXT_MAX];
    size_t len;

    (void)arg;
    if (!cove_fn_int_text(in, digits, &len)) {
        return FN_BAD;
    }
    return cove_fn_of_text(run, cove_bytes(digits, len), out);
}

bool cove_fn_int_text(struct cove_bytes value,
                      uint8_t out[COVE_FN_INT_TEXT_MAX], size_t *len)
{
    uint8_t back[COVE_FN_INT_TEXT_MAX];
    size_t count = 0;
    size_t at = 0;
    fn_wide v;
    fn_wide rest;

    if (cove_fn_as_int(value, &v) != 0) {
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

int cove_fn_int_of_bool(struct cove_fn_run *run, struct cove_bytes arg,
                        struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_reader r;

    (void)arg;
    cove_reader_init(&r, in);
    if (cove_reader_peek(&r) != COVE_CBOR_BOOL) {
        return FN_BAD;
    }
    return cove_fn_of_int(run, cove_reader_bool(&r) ? 1 : 0, out);
}

int cove_fn_bool_of_int(struct cove_fn_run *run, struct cove_bytes arg,
                        struct cove_bytes in, struct cove_bytes *out)
{
    fn_wide v;
    int err = cove_fn_as_int(in, &v);

    (void)arg;
    (void)run;
    if (err != 0 || (v != 0 && v != 1)) {
        return FN_BAD;
    }
    *out = cove_fn_of_bool(v == 1);
    return 0;
}

/* Move the ASCII letters between first and last by `shift`. */
static int fn_case(struct cove_fn_run *run, struct cove_bytes in,
                   const char range[2], struct cove_bytes *out)
{
    struct cove_bytes text;
    uint8_t *changed;
    int err = cove_fn_as_text(in, &text);

    if (err != 0) {
        return err;
    }
    changed = cove_arena_new(run->arena, text.len + 1);
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
    return cove_fn_of_text(run, cove_bytes(changed, text.len), out);
}

int cove_fn_lower(struct cove_fn_run *run, struct cove_bytes arg,
                  struct cove_bytes in, struct cove_bytes *out)
{
    (void)arg;
    return fn_case(run, in, "AZ", out);
}

int cove_fn_upper(struct cove_fn_run *run, struct cove_bytes arg,
                  struct cove_bytes in, struct cove_bytes *out)
{
    (void)arg;
    return fn_case(run, in, "az", out);
}

static bool fn_is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int cove_fn_trim(struct cove_fn_run *run, struct cove_bytes arg,
                 struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes text;
    int err = cove_fn_as_text(in, &text);

    (void)arg;
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
    return cove_fn_of_text(run, text, out);
}

/* --- with an argument */

int cove_fn_table(struct cove_fn_run *run, struct cove_bytes arg,
                  struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_reader r;
    size_t rows;

    (void)run;
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

int cove_fn_add(struct cove_fn_run *run, struct cove_bytes arg,
                struct cove_bytes in, struct cove_bytes *out)
{
    fn_wide v;
    int err = cove_fn_as_int(in, &v);

    return err != 0 ? err : cove_fn_of_int(run, v + cove_value_int(arg), out);
}

int cove_fn_mul(struct cove_fn_run *run, struct cove_bytes arg,
                struct cove_bytes in, struct cove_bytes *out)
{
    fn_wide v;
    int err = cove_fn_as_int(in, &v);

    if (err == 0 &&
        __builtin_mul_overflow(v, (fn_wide)cove_value_int(arg), &v)) {
        err = FN_BAD;
    }
    return err != 0 ? err : cove_fn_of_int(run, v, out);
}

/* Exact only, so that mul and div go back and forth. The least integer by -1
 * is the one quotient beyond 64 bits signed; it is shown as it is, and nothing
 * stores it. */
int cove_fn_div(struct cove_fn_run *run, struct cove_bytes arg,
                struct cove_bytes in, struct cove_bytes *out)
{
    fn_wide by = cove_value_int(arg);
    struct cove_fn_out o;
    fn_wide v;
    int err = cove_fn_as_int(in, &v);

    if (err != 0 || v % by != 0) {
        return FN_BAD;
    }
    v /= by;
    if (v <= INT64_MAX) {
        return cove_value_of_int(run->arena, (int64_t)v, out);
    }
    cove_fn_out_init(&o, run, sizeof(uint64_t));
    cove_writer_uint(&o.w, (uint64_t)v);
    return cove_fn_out_end(&o, out);
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

int cove_fn_split_list(struct cove_fn_run *run, struct cove_bytes arg,
                       struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes sep = cove_value_text(arg);
    struct cove_bytes text;
    struct cove_bytes rest;
    struct cove_bytes part;
    struct cove_fn_out o;
    size_t count = 0;
    int err = cove_fn_as_text(in, &text);

    if (err != 0) {
        return err;
    }
    if (text.len == 0) {
        text.at = NULL; /* no part at all, rather than one empty part */
    }
    for (rest = text; fn_next_part(&rest, sep, &part);) {
        count++;
    }
    cove_fn_out_init(&o, run, in.len + 2 * count);
    cove_writer_list(&o.w, count);
    for (rest = text; fn_next_part(&rest, sep, &part);) {
        cove_writer_text(&o.w, part);
    }
    return cove_fn_out_end(&o, out);
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

        if (cove_fn_as_text(cove_reader_item(&r), &text) != 0 ||
            text.len == 0 ||
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

int cove_fn_join_list(struct cove_fn_run *run, struct cove_bytes arg,
                      struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes sep = cove_value_text(arg);
    struct cove_reader r;
    uint8_t *joined;
    size_t at = 0;
    size_t len;
    size_t count;

    if (cove_cbor_type_of(in) != COVE_CBOR_LIST ||
        !fn_joined_len(in, sep, &len)) {
        return FN_BAD;
    }
    joined = cove_arena_new(run->arena, len + 1);
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
    return cove_fn_of_text(run, cove_bytes(joined, len), out);
}

int cove_fn_pick(struct cove_fn_run *run, struct cove_bytes arg,
                 struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_reader r;
    size_t pairs;

    (void)run;
    if (cove_cbor_type_of(in) != COVE_CBOR_MAP) {
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

int cove_fn_wrap(struct cove_fn_run *run, struct cove_bytes arg,
                 struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_fn_out o;

    cove_fn_out_init(&o, run, arg.len + in.len);
    cove_writer_map(&o.w, 1);
    cove_writer_item(&o.w, arg);
    cove_writer_item(&o.w, in);
    return cove_fn_out_end(&o, out);
}

int cove_fn_const(struct cove_fn_run *run, struct cove_bytes arg,
                  struct cove_bytes in, struct cove_bytes *out)
{
    (void)run;
    (void)in;
    *out = arg;
    return 0;
}
