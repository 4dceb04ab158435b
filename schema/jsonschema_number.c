/* jsonschema_number.c: see jsonschema_number.h. */
#include "schema/jsonschema_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/cbor.h"
#include "core/limits.h"

bool cove_schema_number(struct cove_bytes item, struct schema_number *out)
{
    struct cove_reader r;

    cove_reader_init(&r, item);

    enum cove_cbor_type type = cove_reader_peek(&r);

    out->i = 0;
    out->f = 0;
    out->is_int = type == COVE_CBOR_UINT || type == COVE_CBOR_NINT;
    if (out->is_int) {
        out->i = cove_reader_int(&r);
    } else if (type == COVE_CBOR_FLOAT) {
        out->f = cove_reader_float(&r);
    } else {
        return false;
    }
    return r.err == 0;
}

bool cove_schema_number_whole(const struct schema_number *n)
{
    return n->is_int || (isfinite(n->f) && trunc(n->f) == n->f);
}

/* --- order -------------------------------------------------------------- */

static int order_of(bool less, bool greater)
{
    return less ? -1 : greater;
}

/* Compare exactly; f is no NaN. */
static int int_compare(int64_t i, double f)
{
    if (f >= 9223372036854775808.0) {
        return -1;
    }
    if (f < -9223372036854775808.0) {
        return 1;
    }

    int64_t whole = (int64_t)f; /* towards zero, and in range */

    if (i != whole) {
        return order_of(i < whole, true);
    }

    double rest = f - (double)whole; /* exact: whole was cut from f */

    return order_of(rest > 0, rest < 0);
}

bool cove_schema_number_compare(const struct schema_number *a,
                                const struct schema_number *b, int *order)
{
    if ((!a->is_int && isnan(a->f)) || (!b->is_int && isnan(b->f))) {
        return false;
    }
    if (a->is_int && b->is_int) {
        *order = order_of(a->i<b->i, a->i> b->i);
    } else if (a->is_int) {
        *order = int_compare(a->i, b->f);
    } else if (b->is_int) {
        *order = -int_compare(b->i, a->f);
    } else {
        *order = order_of(a->f<b->f, a->f> b->f);
    }
    return true;
}

/* --- text and decimals -------------------------------------------------- */

void cove_schema_number_text(const struct schema_number *n,
                             char out[COVE_SCHEMA_NUMBER_MAX])
{
    if (n->is_int) {
        snprintf(out, COVE_SCHEMA_NUMBER_MAX, "%lld", (long long)n->i);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, COVE_SCHEMA_NUMBER_MAX, "%.*g", digits, n->f);
        if (strtod(out, NULL) == n->f) {
            break;
        }
    }
    if (strpbrk(out, ".en") == NULL) { /* 3.0, not 3; inf and nan as they are */
        size_t len = strlen(out);

        snprintf(out + len, COVE_SCHEMA_NUMBER_MAX - len, ".0");
    }
}

/* "[-]d.ddde±dd" with the fewest digits that read back the same. */
static void scientific(double f, char out[COVE_SCHEMA_NUMBER_MAX])
{
    for (int digits = 14; digits <= 16; digits++) {
        snprintf(out, COVE_SCHEMA_NUMBER_MAX, "%.*e", digits, f);
        if (strtod(out, NULL) == f) {
            return;
        }
    }
}

bool cove_schema_decimal(const struct schema_number *n,
                         struct schema_decimal *out)
{
    char text[COVE_SCHEMA_NUMBER_MAX];

    out->digits = 0;
    out->exponent = 0;
    if (n->is_int) {
        out->digits = n->i < 0 ? 0 - (uint64_t)n->i : (uint64_t)n->i;
        return true;
    }
    if (!isfinite(n->f)) {
        return false;
    }
    scientific(fabs(n->f), text);

    const char *at = text;
    bool behind = false;

    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') {
            out->digits = out->digits * 10 + (uint64_t)(*at - '0');
            out->exponent -= behind;
        }
        behind = behind || *at == '.';
    }
    out->exponent += (int)strtol(at + 1, NULL, 10);
    while (out->digits > 0 && out->digits % 10 == 0) {
        out->digits /= 10;
        out->exponent++;
    }
    return true;
}

/* (a + b) mod m, where both are below m. */
static uint64_t add_mod(uint64_t a, uint64_t b, uint64_t m)
{
    return a >= m - b ? a - (m - b) : a + b;
}

bool cove_schema_decimal_divides(const struct schema_decimal *a,
                                 const struct schema_decimal *b)
{
    uint64_t divisor = b->digits;
    int shift = a->exponent - b->exponent;

    if (a->digits == 0) {
        return true;
    }
    for (; shift < 0; shift++) {
        if (divisor > UINT64_MAX / 10) {
            return false; /* it has more digits than a has */
        }
        divisor *= 10;
    }

    uint64_t rest = a->digits % divisor;

    for (; shift > 0 && rest != 0; shift--) { /* rest × 10 */
        uint64_t twice = add_mod(rest, rest, divisor);
        uint64_t four = add_mod(twice, twice, divisor);

        rest = add_mod(twice, add_mod(four, four, divisor), divisor);
    }
    return rest == 0;
}

/* --- equality ----------------------------------------------------------- */

static bool items_equal(struct cove_reader *a, struct cove_reader *b,
                        unsigned depth)
{
    enum cove_cbor_type type = cove_reader_peek(a);
    struct schema_number x;
    struct schema_number y;
    int order;

    if (type == cove_reader_peek(b) && depth > 0 &&
        (type == COVE_CBOR_LIST || type == COVE_CBOR_MAP)) {
        bool list = type == COVE_CBOR_LIST;
        size_t count = list ? cove_reader_list(a) : 2 * cove_reader_map(a);

        if (count != (list ? cove_reader_list(b) : 2 * cove_reader_map(b))) {
            return false;
        }
        while (count > 0 && items_equal(a, b, depth - 1)) {
            count--;
        }
        return count == 0;
    }

    struct cove_bytes left = cove_reader_item(a);
    struct cove_bytes right = cove_reader_item(b);

    return cove_bytes_equal(left, right) ||
           (cove_schema_number(left, &x) && cove_schema_number(right, &y) &&
            cove_schema_number_compare(&x, &y, &order) && order == 0);
}

bool cove_schema_equal(struct cove_bytes a, struct cove_bytes b)
{
    struct cove_reader x;
    struct cove_reader y;

    cove_reader_init(&x, a);
    cove_reader_init(&y, b);
    return items_equal(&x, &y, COVE_MAX_CBOR_DEPTH);
}

#define FNV_START UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

static uint64_t mix(uint64_t hash, const void *at, size_t len)
{
    const uint8_t *bytes = at;

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ bytes[i]) * FNV_PRIME;
    }
    return hash;
}

static uint64_t item_hash(struct cove_reader *r, uint64_t hash, unsigned depth)
{
    enum cove_cbor_type type = cove_reader_peek(r);
    struct schema_number n;

    if (depth > 0 && (type == COVE_CBOR_LIST || type == COVE_CBOR_MAP)) {
        size_t count = type == COVE_CBOR_LIST ? cove_reader_list(r)
                                              : 2 * cove_reader_map(r);

        hash = mix(hash, &type, sizeof type);
        for (; count > 0; count--) {
            hash = item_hash(r, hash, depth - 1);
        }
        return hash;
    }

    struct cove_bytes item = cove_reader_item(r);

    if (cove_schema_number(item, &n) && cove_schema_number_whole(&n) &&
        (n.is_int || (n.f >= -0x1p63 && n.f < 0x1p63))) {
        int64_t whole = n.is_int ? n.i : (int64_t)n.f;

        return mix(hash, &whole, sizeof whole);
    }
    return mix(hash, item.at, item.len);
}

uint64_t cove_schema_hash(struct cove_bytes item)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    return item_hash(&r, FNV_START, COVE_MAX_CBOR_DEPTH);
}
