/* Numbers: between integers and floats, exactly or not at all but for floor and
 * round, whose names say so; between integers and decimals as text, where the
 * integer counts the last digit; and over lists. Nothing of libm, and no text
 * of a float. */
#include "core/limits.h"
#include "core/value.h"
#include "schema/fn_atoms.h"

/* --- floats */

int cove_fn_float_of_int(struct cove_fn_run *run, struct cove_bytes arg,
                         struct cove_bytes in, struct cove_bytes *out)
{
    fn_wide v;
    double f;
    int err = cove_fn_as_int(in, &v);

    (void)arg;
    if (err != 0) {
        return err;
    }
    f = (double)v;
    return (fn_wide)f == v ? cove_fn_of_float(run, f, out) : FN_BAD;
}

/* A float in the range of 64 bits, and the integer next to it towards zero. */
static int fn_float(struct cove_bytes in, double *f, int64_t *whole)
{
    struct cove_reader r;

    cove_reader_init(&r, in);
    if (cove_reader_peek(&r) != COVE_CBOR_FLOAT) {
        return FN_BAD;
    }
    *f = cove_reader_float(&r);
    if (!(*f >= -0x1p63 && *f < 0x1p63)) {
        return FN_BAD; /* NaN too */
    }
    *whole = (int64_t)*f;
    return 0;
}

int cove_fn_int_of_float(struct cove_fn_run *run, struct cove_bytes arg,
                         struct cove_bytes in, struct cove_bytes *out)
{
    int64_t whole;
    double f;
    int err = fn_float(in, &f, &whole);

    (void)arg;
    if (err != 0 || (double)whole != f ||
        (whole == 0 && __builtin_signbit(f))) {
        return FN_BAD;
    }
    return cove_fn_of_int(run, whole, out);
}

int cove_fn_floor(struct cove_fn_run *run, struct cove_bytes arg,
                  struct cove_bytes in, struct cove_bytes *out)
{
    int64_t whole;
    double f;

    if (cove_fn_arg_int(NULL, in)) {
        *out = in;
        return 0;
    }
    (void)arg;
    if (fn_float(in, &f, &whole) != 0) {
        return FN_BAD;
    }
    /* the least float has no part behind the point, so whole - 1 is in range */
    return cove_fn_of_int(run, (double)whole > f ? whole - 1 : whole, out);
}

int cove_fn_round(struct cove_fn_run *run, struct cove_bytes arg,
                  struct cove_bytes in, struct cove_bytes *out)
{
    int64_t whole;
    double rest;
    double f;

    if (cove_fn_arg_int(NULL, in)) {
        *out = in;
        return 0;
    }
    (void)arg;
    if (fn_float(in, &f, &whole) != 0) {
        return FN_BAD;
    }
    rest = f - (double)whole; /* exact: whole was cut from f */
    whole += (rest >= 0.5) - (rest <= -0.5);
    return cove_fn_of_int(run, whole, out);
}

/* --- decimals */

#define FN_DIGITS 18 /* behind the point, at most: an int has 19 */

bool cove_fn_arg_digits(struct cove_fn_check *check, struct cove_bytes arg)
{
    return cove_fn_arg_int(check, arg) && cove_value_int(arg) >= 0 &&
           cove_value_int(arg) <= FN_DIGITS;
}

static bool fn_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* One digit more; false where that is beyond 64 bits for good. */
static bool fn_digit(fn_wide *v, uint8_t c)
{
    *v = *v * 10 + (c - '0');
    return *v <= (fn_wide)INT64_MAX + 1;
}

/* The digits of text from `at` on as one number with so many behind the point.
 * Digits beyond those must be 0. */
static int fn_decimal(struct cove_bytes text, size_t at, int64_t digits,
                      fn_wide *out)
{
    size_t begin = at;
    fn_wide v = 0;

    for (; at < text.len && fn_is_digit(text.at[at]); at++) {
        if (!fn_digit(&v, text.at[at])) {
            return FN_BAD;
        }
    }
    if (at == begin || (text.at[begin] == '0' && at > begin + 1)) {
        return FN_BAD;
    }
    if (at < text.len && text.at[at] == '.') {
        begin = ++at;
        for (; at < text.len && fn_is_digit(text.at[at]); at++) {
            if (digits == 0 ? text.at[at] != '0' : !fn_digit(&v, text.at[at])) {
                return FN_BAD;
            }
            digits -= digits > 0;
        }
        if (at == begin) {
            return FN_BAD;
        }
    }
    for (; digits > 0; digits--) {
        if (!fn_digit(&v, '0')) {
            return FN_BAD;
        }
    }
    *out = v;
    return at == text.len ? 0 : FN_BAD;
}

int cove_fn_int_of_decimal(struct cove_fn_run *run, struct cove_bytes arg,
                           struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes text;
    bool negative;
    fn_wide v;

    if (cove_fn_as_text(in, &text) != 0) {
        return FN_BAD;
    }
    negative = text.len > 0 && text.at[0] == '-';
    if (fn_decimal(text, negative ? 1 : 0, cove_value_int(arg), &v) != 0 ||
        (negative && v == 0)) {
        return FN_BAD;
    }
    return cove_fn_of_int(run, negative ? -v : v, out);
}

int cove_fn_decimal_of_int(struct cove_fn_run *run, struct cove_bytes arg,
                           struct cove_bytes in, struct cove_bytes *out)
{
    size_t digits = (size_t)cove_value_int(arg);
    uint8_t back[48]; /* 39 digits has the widest, a point and a sign */
    uint8_t text[48];
    size_t count = 0;
    size_t len = 0;
    fn_wide v;
    fn_wide rest;
    int err = cove_fn_as_int(in, &v);

    if (err != 0) {
        return err;
    }
    rest = v < 0 ? -v : v;
    for (size_t i = 0; rest > 0 || i <= digits; i++) {
        if (i == digits && i > 0) {
            back[count++] = '.';
        }
        back[count++] = (uint8_t)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (v < 0) {
        back[count++] = '-';
    }
    while (count > 0) {
        text[len++] = back[--count];
    }
    return cove_fn_of_text(run, cove_bytes(text, len), out);
}

/* --- lists of integers */

int cove_fn_sum(struct cove_fn_run *run, struct cove_bytes arg,
                struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_reader r;
    size_t count;
    fn_wide sum = 0;

    (void)arg;
    if (cove_fn_as_list(in, &r, &count) != 0) {
        return FN_BAD;
    }
    for (size_t i = 0; i < count; i++) {
        fn_wide v;

        if (cove_fn_as_int(cove_reader_item(&r), &v) != 0) {
            return FN_BAD;
        }
        sum += v; /* a value has few enough of them for 128 bits */
    }
    return cove_fn_of_int(run, sum, out);
}

int cove_fn_product(struct cove_fn_run *run, struct cove_bytes arg,
                    struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_reader r;
    size_t count;
    fn_wide product = 1;
    bool zero = false;
    bool over = false;

    (void)arg;
    if (cove_fn_as_list(in, &r, &count) != 0) {
        return FN_BAD;
    }
    for (size_t i = 0; i < count; i++) {
        fn_wide v;

        if (cove_fn_as_int(cove_reader_item(&r), &v) != 0) {
            return FN_BAD;
        }
        zero = zero || v == 0;
        product *= v;
        /* further factors but 0 do not lead back; the least integer may still
         * come by a change of sign */
        if (product > (fn_wide)INT64_MAX + 1 || product < INT64_MIN) {
            over = true;
            product = 1;
        }
    }
    if (over && !zero) {
        return FN_BAD;
    }
    return cove_fn_of_int(run, zero ? 0 : product, out);
}
