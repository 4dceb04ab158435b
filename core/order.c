/* order.c: see order.h.
 *
 * A number is the greatest double not above it, as 8 bytes that sort, and how
 * far it is above that, 2 bytes: only integers beyond 2^53 need them, and no
 * double lies between. Bytes of variable length have 00 FF for each 00 and end
 * with 00 01, which is before anything that can follow.
 */
#include "core/order.h"

#include <math.h>

#include "core/cbor.h"
#include "core/value.h"

#define ORDER_NUMBER 11 /* tag, double, distance */

struct order {
    struct cove_buf *out;
    size_t room;
};

static int order_put(struct order *o, const void *at, size_t len)
{
    size_t take = len < o->room ? len : o->room;

    o->room -= take;
    return cove_buf_append(o->out, cove_bytes(at, take));
}

static int order_byte(struct order *o, unsigned byte)
{
    uint8_t b = (uint8_t)byte;

    return order_put(o, &b, 1);
}

/* --- numbers */

static uint64_t double_bits(double v)
{
    uint64_t bits;

    if (v != v) {
        return 0;
    }
    v = v == 0 ? 0 : v; /* -0 is 0 */
    memcpy(&bits, &v, sizeof(bits));
    return bits >> 63 != 0 ? ~bits : bits | UINT64_C(1) << 63;
}

static int order_number(struct order *o, double floor, uint64_t above)
{
    uint8_t b[ORDER_NUMBER];

    b[0] = COVE_ORDER_NUMBER;
    cove_put_be64(b + 1, double_bits(floor));
    b[9] = (uint8_t)(above >> 8);
    b[10] = (uint8_t)above;
    return order_put(o, b, sizeof(b));
}

/* The double before one that is not 0. */
static double double_before(double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    bits = v > 0 ? bits - 1 : bits + 1;
    memcpy(&v, &bits, sizeof(v));
    return v;
}

static int order_int(struct order *o, int64_t v)
{
    double floor = (double)v;

    /* Rounded up, also to 2^63, which no integer is. */
    if (floor >= 0x1p63 || (int64_t)floor > v) {
        floor = double_before(floor);
    }
    return order_number(o, floor, (uint64_t)v - (uint64_t)(int64_t)floor);
}

/* --- bytes */

static int order_escaped(struct order *o, struct cove_bytes b)
{
    int err = 0;

    while (b.len > 0 && o->room > 0 && err == 0) {
        const uint8_t *zero = memchr(b.at, 0, b.len);
        size_t plain = zero != NULL ? (size_t)(zero - b.at) : b.len;

        err = order_put(o, b.at, plain);
        if (err == 0 && zero != NULL) {
            err = order_put(o, "\0\xff", 2);
            plain++;
        }
        b = cove_bytes(b.at + plain, b.len - plain);
    }
    return err;
}

static int order_string(struct order *o, unsigned tag, struct cove_bytes b)
{
    int err = order_byte(o, tag);

    err = err != 0 ? err : order_escaped(o, b);
    return err != 0 ? err : order_put(o, "\0\x01", 2);
}

/* --- values */

int cove_order_value(struct cove_buf *out, struct cove_bytes value, size_t max)
{
    struct order o = {out, max};
    struct cove_reader r;

    cove_reader_init(&r, value);
    switch (cove_reader_peek(&r)) {
    case COVE_CBOR_NULL:
        return order_byte(&o, COVE_ORDER_NULL);
    case COVE_CBOR_BOOL:
        return order_byte(&o, cove_reader_bool(&r) ? COVE_ORDER_TRUE
                                                   : COVE_ORDER_FALSE);
    case COVE_CBOR_UINT:
    case COVE_CBOR_NINT:
        return order_int(&o, cove_reader_int(&r));
    case COVE_CBOR_FLOAT:
        return order_number(&o, cove_reader_float(&r), 0);
    case COVE_CBOR_TEXT:
        return order_string(&o, COVE_ORDER_TEXT, cove_reader_text(&r));
    case COVE_CBOR_BYTES:
        return order_string(&o, COVE_ORDER_BYTES, cove_reader_bytes(&r));
    case COVE_CBOR_LIST:
        return order_string(&o, COVE_ORDER_LIST, value);
    case COVE_CBOR_MAP:
        return order_string(&o, COVE_ORDER_MAP, value);
    case COVE_CBOR_END:
    default:
        return order_byte(&o, COVE_ORDER_INVALID);
    }
}

int cove_order_text_prefix(struct cove_buf *out, struct cove_bytes text,
                           size_t max)
{
    struct order o = {out, max};
    int err = order_byte(&o, COVE_ORDER_TEXT);

    return err != 0 ? err : order_escaped(&o, text);
}

int cove_order_tag(struct cove_buf *out, enum cove_order_tag tag)
{
    struct order o = {out, 1};

    return order_byte(&o, tag);
}

int cove_order_least_number(struct cove_buf *out)
{
    struct order o = {out, ORDER_NUMBER};

    return order_number(&o, -INFINITY, 0);
}

void cove_order_after(struct cove_buf *out, size_t begin)
{
    while (out->len > begin && out->at[out->len - 1] == 0xff) {
        out->len--;
    }
    if (out->len > begin) {
        out->at[out->len - 1]++;
    }
}

/* Tag, escaped bytes, 00 01. */
static size_t string_len(struct cove_bytes in)
{
    for (size_t i = 1; i + 1 < in.len; i++) {
        if (in.at[i] != 0) {
            continue;
        }
        if (in.at[i + 1] == 1) {
            return i + 2;
        }
        i++;
    }
    return 0;
}

size_t cove_order_len(struct cove_bytes in)
{
    if (in.len == 0) {
        return 0;
    }
    switch (in.at[0]) {
    case COVE_ORDER_MISSING:
    case COVE_ORDER_INVALID:
    case COVE_ORDER_NULL:
    case COVE_ORDER_FALSE:
    case COVE_ORDER_TRUE:
        return 1;
    case COVE_ORDER_NUMBER:
        return in.len < ORDER_NUMBER ? 0 : ORDER_NUMBER;
    case COVE_ORDER_TEXT:
    case COVE_ORDER_BYTES:
    case COVE_ORDER_LIST:
    case COVE_ORDER_MAP:
        return string_len(in);
    default:
        return 0;
    }
}
