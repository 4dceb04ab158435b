/* The reader steps over bytes that passed the walker (cbor.c). It reads heads
 * by hand, since it is behind every access to everything, and still trusts no
 * length: unchecked bytes give COVE_EFORMAT or nonsense, never a read out of
 * bounds.
 */
#include "core/cbor.h"

#include <math.h>

enum major {
    MAJOR_UINT,
    MAJOR_NINT,
    MAJOR_BYTES,
    MAJOR_TEXT,
    MAJOR_LIST,
    MAJOR_MAP,
    MAJOR_TAG,
    MAJOR_SIMPLE
};

#define SIMPLE_FALSE 0xf4
#define SIMPLE_TRUE  0xf5
#define SIMPLE_NULL  0xf6
#define FLOAT_HALF   0xf9
#define FLOAT_SINGLE 0xfa
#define FLOAT_DOUBLE 0xfb

void cove_reader_init(struct cove_reader *r, struct cove_bytes checked)
{
    r->at = checked.at;
    r->end = checked.len > 0 ? checked.at + checked.len : checked.at;
    r->err = 0;
}

static void reader_fail(struct cove_reader *r)
{
    r->err = COVE_EFORMAT;
    r->at = r->end;
}

enum cove_cbor_type cove_reader_peek(const struct cove_reader *r)
{
    static const enum cove_cbor_type types[] = {
        [MAJOR_UINT] = COVE_CBOR_UINT,   [MAJOR_NINT] = COVE_CBOR_NINT,
        [MAJOR_BYTES] = COVE_CBOR_BYTES, [MAJOR_TEXT] = COVE_CBOR_TEXT,
        [MAJOR_LIST] = COVE_CBOR_LIST,   [MAJOR_MAP] = COVE_CBOR_MAP,
        [MAJOR_TAG] = COVE_CBOR_END,
    };

    if (r->at == r->end) {
        return COVE_CBOR_END;
    }
    switch (*r->at) {
    case SIMPLE_FALSE:
    case SIMPLE_TRUE:
        return COVE_CBOR_BOOL;
    case SIMPLE_NULL:
        return COVE_CBOR_NULL;
    case FLOAT_HALF:
    case FLOAT_SINGLE:
    case FLOAT_DOUBLE:
        return COVE_CBOR_FLOAT;
    default:
        break;
    }

    enum major major = *r->at >> 5;

    return major == MAJOR_SIMPLE ? COVE_CBOR_END : types[major];
}

/* The number in the `len` bytes at `at`, big-endian. */
static uint64_t big_endian(const uint8_t *at, size_t len)
{
    uint64_t v = 0;

    for (size_t i = 0; i < len; i++) {
        v = v << 8 | at[i];
    }
    return v;
}

/* Read a head of any major; its argument, or 0 where the reader failed. */
static uint64_t reader_head(struct cove_reader *r)
{
    if (r->at == r->end) {
        reader_fail(r);
        return 0;
    }

    unsigned low = *r->at & 31;

    if (low < 24) {
        r->at++;
        return low;
    }
    if (low > 27 || (size_t)(r->end - r->at) < 1 + ((size_t)1 << (low - 24))) {
        reader_fail(r);
        return 0;
    }

    size_t len = (size_t)1 << (low - 24);
    uint64_t arg = big_endian(r->at + 1, len);

    r->at += 1 + len;
    return arg;
}

/* Read a head of this major and no other. */
static uint64_t reader_major(struct cove_reader *r, enum major major)
{
    if (r->at == r->end || *r->at >> 5 != (int)major) {
        reader_fail(r);
        return 0;
    }
    return reader_head(r);
}

/* Take the next len bytes. */
static struct cove_bytes reader_take(struct cove_reader *r, uint64_t len)
{
    if (r->err != 0 || len > (uint64_t)(r->end - r->at)) {
        reader_fail(r);
        return cove_bytes(NULL, 0);
    }

    struct cove_bytes taken = cove_bytes(r->at, (size_t)len);

    r->at += len;
    return taken;
}

uint64_t cove_reader_uint(struct cove_reader *r)
{
    return reader_major(r, MAJOR_UINT);
}

int64_t cove_reader_int(struct cove_reader *r)
{
    bool negative = r->at != r->end && *r->at >> 5 == MAJOR_NINT;
    uint64_t arg = reader_major(r, negative ? MAJOR_NINT : MAJOR_UINT);

    if (arg > INT64_MAX) {
        reader_fail(r);
        return 0;
    }
    if (r->err != 0) {
        return 0;
    }
    return negative ? -1 - (int64_t)arg : (int64_t)arg;
}

/* Source: IEEE 754-2019, 3.4. */
static double half_value(uint16_t half)
{
    uint32_t exponent = half >> 10 & 31;
    uint32_t fraction = half & 0x3ff;
    double magnitude;

    if (exponent == 0) {
        magnitude = fraction * 0x1p-24;
    } else if (exponent == 31) {
        magnitude = fraction == 0 ? (double)INFINITY : (double)NAN;
    } else {
        uint32_t bits = (exponent + 112) << 23 | fraction << 13;
        float v;

        memcpy(&v, &bits, sizeof(v));
        magnitude = (double)v;
    }
    return half & 0x8000 ? -magnitude : magnitude;
}

double cove_reader_float(struct cove_reader *r)
{
    uint8_t initial = r->at != r->end ? *r->at : 0;
    uint64_t bits = reader_major(r, MAJOR_SIMPLE);
    uint32_t single_bits = (uint32_t)bits;
    float single;
    double v;

    if (r->err != 0) {
        return 0;
    }
    switch (initial) {
    case FLOAT_HALF:
        return half_value((uint16_t)bits);
    case FLOAT_SINGLE:
        memcpy(&single, &single_bits, sizeof(single));
        return (double)single;
    case FLOAT_DOUBLE:
        memcpy(&v, &bits, sizeof(v));
        return v;
    default:
        reader_fail(r);
        return 0;
    }
}

bool cove_reader_bool(struct cove_reader *r)
{
    if (cove_reader_peek(r) != COVE_CBOR_BOOL) {
        reader_fail(r);
        return false;
    }
    return *r->at++ == SIMPLE_TRUE;
}

void cove_reader_null(struct cove_reader *r)
{
    if (cove_reader_peek(r) != COVE_CBOR_NULL) {
        reader_fail(r);
        return;
    }
    r->at++;
}

struct cove_bytes cove_reader_bytes(struct cove_reader *r)
{
    return reader_take(r, reader_major(r, MAJOR_BYTES));
}

struct cove_bytes cove_reader_text(struct cove_reader *r)
{
    return reader_take(r, reader_major(r, MAJOR_TEXT));
}

size_t cove_reader_list(struct cove_reader *r)
{
    uint64_t count = reader_major(r, MAJOR_LIST);

    if (count > (uint64_t)(r->end - r->at)) {
        reader_fail(r);
        return 0;
    }
    return (size_t)count;
}

size_t cove_reader_map(struct cove_reader *r)
{
    uint64_t count = reader_major(r, MAJOR_MAP);

    if (count > (uint64_t)(r->end - r->at) / 2) {
        reader_fail(r);
        return 0;
    }
    return (size_t)count;
}

struct cove_bytes cove_reader_item(struct cove_reader *r)
{
    const uint8_t *start = r->at;
    uint64_t items = 1; /* how many are still to be skipped */

    while (items > 0) {
        enum major major = r->at != r->end ? *r->at >> 5 : MAJOR_TAG;
        uint64_t arg = reader_head(r);

        if (major == MAJOR_BYTES || major == MAJOR_TEXT) {
            reader_take(r, arg);
        } else if (major == MAJOR_TAG) {
            reader_fail(r);
        }

        uint64_t left = (uint64_t)(r->end - r->at);

        items--;
        if (major == MAJOR_LIST || major == MAJOR_MAP) {
            items += arg <= left ? arg << (major == MAJOR_MAP) : left + 1;
        }
        if (items > left || r->err != 0) {
            reader_fail(r);
            return cove_bytes(NULL, 0);
        }
    }
    return cove_bytes(start, (size_t)(r->at - start));
}

void cove_reader_fixed(struct cove_reader *r, void *out, size_t len)
{
    struct cove_bytes got = cove_reader_bytes(r);

    if (r->err == 0 && got.len == len) {
        memcpy(out, got.at, len);
        return;
    }
    reader_fail(r);
    memset(out, 0, len);
}

int cove_reader_done(const struct cove_reader *r)
{
    return r->err != 0 || r->at != r->end ? COVE_EFORMAT : 0;
}
