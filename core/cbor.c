/* The walker reads bytes that nobody has checked. libcbor decodes one item's
 * head at a time (cbor_stream_decode: no tree, no allocation); what makes the
 * encoding deterministic is checked here, RFC 8949 section 4.2.1: the head is
 * the shortest that holds its argument, a float the shortest that holds its
 * value, map keys ascend bytewise. It recurses once a level of nesting, and
 * the caller says how many there may be.
 *
 * The writer gives libcbor room for the longest head and appends what it
 * wrote. libcbor cuts the fraction of a subnormal half-precision float off,
 * so that those two bytes are made here.
 */
#include "core/cbor.h"

#include <assert.h>
#include <cbor.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "core/limits.h"
#include "core/utf8.h"

enum major {
    MAJOR_NINT = 1,
    MAJOR_BYTES,
    MAJOR_TEXT,
    MAJOR_LIST,
    MAJOR_MAP,
    MAJOR_SIMPLE = 7
};

#define HEAD_MAX      9
#define FLOAT_HALF    0xf9
#define HALF_NAN      0x7e00
#define HALF_INFINITY 0x7c00

/* ---- floats ---- */

/* The half-precision bits of a value, where there are any that say exactly
 * it. NaN is none of them. Source: IEEE 754-2019, 3.4. */
static bool half_of(float v, uint16_t *out)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof(bits));

    uint32_t sign = bits >> 16 & 0x8000;
    uint32_t fraction = bits & 0x7fffff;
    int exponent = (int)(bits >> 23 & 0xff) - 127;

    if (fraction == 0 && (exponent == 128 || exponent == -127)) {
        *out = (uint16_t)(sign | (exponent > 0 ? HALF_INFINITY : 0));
        return true;
    }
    if (exponent >= -14 && exponent <= 15 && (fraction & 0x1fff) == 0) {
        *out =
            (uint16_t)(sign | (uint32_t)(exponent + 15) << 10 | fraction >> 13);
        return true;
    }
    if (exponent >= -24 && exponent < -14) { /* subnormal, unit 2^-24 */
        uint32_t whole = fraction | 0x800000;
        uint32_t shift = (uint32_t)(-1 - exponent);

        *out = (uint16_t)(sign | whole >> shift);
        return (whole & ((1u << shift) - 1)) == 0;
    }
    return false;
}

/* Does a float say exactly v (no NaN)? */
static bool fits_single(double v)
{
    return isinf(v) || (fabs(v) <= (double)FLT_MAX && (double)(float)v == v);
}

/* How many bytes the shortest encoding takes, head included. */
static size_t float_width(double v)
{
    uint16_t half;

    if (isnan(v)) {
        return 3;
    }
    if (!fits_single(v)) {
        return 9;
    }
    return half_of((float)v, &half) ? 3 : 5;
}

/* ---- the walker ---- */

struct head {
    const char *refused;
    uint64_t arg; /* of an integer, length or count */
    double number;
};

#define HEAD_INT(bits)                                                         \
    static void head_uint##bits(void *ctx, uint##bits##_t v)                   \
    {                                                                          \
        ((struct head *)ctx)->arg = v;                                         \
    }
HEAD_INT(8)
HEAD_INT(16)
HEAD_INT(32)
HEAD_INT(64)
#undef HEAD_INT

static void head_string(void *ctx, cbor_data at, size_t len)
{
    (void)at;
    ((struct head *)ctx)->arg = len;
}

static void head_count(void *ctx, size_t count)
{
    ((struct head *)ctx)->arg = count;
}

static void head_float(void *ctx, float v)
{
    ((struct head *)ctx)->number = (double)v;
}

static void head_double(void *ctx, double v)
{
    ((struct head *)ctx)->number = v;
}

static void head_bool(void *ctx, bool v)
{
    (void)ctx;
    (void)v;
}

static void head_null(void *ctx)
{
    (void)ctx;
}

static void head_tag(void *ctx, uint64_t tag)
{
    (void)tag;
    ((struct head *)ctx)->refused = "a tag";
}

static void head_undefined(void *ctx)
{
    ((struct head *)ctx)->refused = "undefined";
}

static void head_indefinite(void *ctx)
{
    ((struct head *)ctx)->refused = "an indefinite length";
}

static const struct cbor_callbacks head_callbacks = {
    .uint8 = head_uint8,
    .uint16 = head_uint16,
    .uint32 = head_uint32,
    .uint64 = head_uint64,
    .negint8 = head_uint8,
    .negint16 = head_uint16,
    .negint32 = head_uint32,
    .negint64 = head_uint64,
    .byte_string = head_string,
    .byte_string_start = head_indefinite,
    .string = head_string,
    .string_start = head_indefinite,
    .array_start = head_count,
    .indef_array_start = head_indefinite,
    .map_start = head_count,
    .indef_map_start = head_indefinite,
    .tag = head_tag,
    .float2 = head_float,
    .float4 = head_float,
    .float8 = head_double,
    .undefined = head_undefined,
    .null = head_null,
    .boolean = head_bool,
    .indef_break = head_indefinite,
};

struct walk {
    struct cove_bytes in;
    size_t at;
    struct cove_diag *diag;
};

static int walk_fail(const struct walk *w, const char *rule)
{
    return cove_fail(w->diag, COVE_EFORMAT, "CBOR at byte %zu: %s", w->at,
                     rule);
}

/* How many bytes the shortest head with this argument takes. */
static size_t head_width(uint64_t arg)
{
    if (arg < 24) {
        return 1;
    }
    if (arg <= UINT8_MAX) {
        return 2;
    }
    if (arg <= UINT16_MAX) {
        return 3;
    }
    return arg <= UINT32_MAX ? 5 : 9;
}

static int walk_float(const struct walk *w, double v, size_t width)
{
    const uint8_t *at = w->in.at + w->at;

    if (isnan(v) && (at[0] != FLOAT_HALF || at[1] != HALF_NAN >> 8 ||
                     at[2] != (HALF_NAN & 0xff))) {
        return walk_fail(w, "NaN has the one form f97e00");
    }
    if (width != float_width(v)) {
        return walk_fail(w, "a float is not in its shortest form");
    }
    return 0;
}

/* Have libcbor read the head at w->at (of a string: all of it) and check what
 * it alone can break. Gives how many bytes it takes. */
static int walk_any_head(const struct walk *w, struct head *head, size_t *len)
{
    const uint8_t *at = w->in.at + w->at;
    enum major major = at[0] >> 5;
    struct cbor_decoder_result got =
        cbor_stream_decode(at, w->in.len - w->at, &head_callbacks, head);
    size_t width = got.read;

    if (got.status != CBOR_DECODER_FINISHED) {
        return walk_fail(w, got.status == CBOR_DECODER_NEDATA
                                ? "ends too early"
                                : "a reserved or unassigned head");
    }
    if (head->refused != NULL) {
        return cove_fail(w->diag, COVE_EFORMAT,
                         "CBOR at byte %zu: %s is not allowed", w->at,
                         head->refused);
    }
    *len = got.read;
    if (major == MAJOR_SIMPLE) {
        return width > 1 ? walk_float(w, head->number, width) : 0;
    }
    if (major == MAJOR_BYTES || major == MAJOR_TEXT) {
        width -= (size_t)head->arg;
    }
    if (width != head_width(head->arg)) {
        return walk_fail(w, "a head is not in its shortest form");
    }
    if (major == MAJOR_NINT && head->arg > INT64_MAX) {
        return walk_fail(w, "an integer below -2^63");
    }
    return 0;
}

/* As above. Most heads are one byte that holds its argument, or one with it
 * behind: those need no decoder, which saves a third of the walk. */
static int walk_head(const struct walk *w, struct head *head, size_t *len)
{
    size_t left = w->in.len - w->at;

    if (left == 0) {
        return walk_fail(w, "ends too early");
    }

    const uint8_t *at = w->in.at + w->at;
    enum major major = at[0] >> 5;
    uint8_t low = at[0] & 31;

    size_t width = low < 24 ? 1 : 2;

    if ((low < 24 || (low == 24 && left > 1 && at[1] >= 24)) &&
        major <= MAJOR_MAP) {
        bool string = major == MAJOR_BYTES || major == MAJOR_TEXT;

        head->arg = low < 24 ? low : at[1];
        *len = width + (string ? (size_t)head->arg : 0);
        if (*len > left) {
            return walk_fail(w, "ends too early");
        }
    } else {
        int err = walk_any_head(w, head, len);

        if (err != 0) {
            return err;
        }
    }
    if (major == MAJOR_TEXT && !cove_utf8_valid(cove_bytes(
                                   at + *len - head->arg, (size_t)head->arg))) {
        return walk_fail(w, "a text is not valid UTF-8");
    }
    return 0;
}

static int walk_item(struct walk *w, unsigned depth);

static int walk_list(struct walk *w, uint64_t count, unsigned depth)
{
    for (uint64_t i = 0; i < count; i++) {
        int err = walk_item(w, depth);

        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int walk_map(struct walk *w, uint64_t count, unsigned depth)
{
    struct cove_bytes last = {NULL, 0};

    for (uint64_t i = 0; i < count; i++) {
        size_t start = w->at;
        int err = walk_item(w, depth);

        if (err != 0) {
            return err;
        }

        struct cove_bytes key = cove_bytes(w->in.at + start, w->at - start);
        int order = i == 0 ? 1 : cove_bytes_compare(key, last);

        if (order <= 0) {
            w->at = start;
            return walk_fail(w, order == 0 ? "a map has a key twice"
                                           : "a map's keys are not sorted");
        }
        last = key;
        err = walk_item(w, depth);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int walk_item(struct walk *w, unsigned depth)
{
    struct head head = {0};
    size_t len = 0;
    int err = walk_head(w, &head, &len);

    if (err != 0) {
        return err;
    }

    enum major major = w->in.at[w->at] >> 5;

    if (major != MAJOR_LIST && major != MAJOR_MAP) {
        w->at += len;
        return 0;
    }
    if (depth == 0) {
        return cove_fail(w->diag, COVE_ELIMIT,
                         "CBOR at byte %zu: nested too deep", w->at);
    }

    /* An item is a byte at least. */
    size_t left = w->in.len - w->at - len;

    if (head.arg > (major == MAJOR_MAP ? left / 2 : left)) {
        return walk_fail(w, "ends too early");
    }
    w->at += len;
    return major == MAJOR_MAP ? walk_map(w, head.arg, depth - 1)
                              : walk_list(w, head.arg, depth - 1);
}

int cove_cbor_check(struct cove_bytes in, unsigned depth, size_t *len,
                    struct cove_diag *diag)
{
    struct walk w = {in, 0, diag};
    int err;

    assert(depth <= COVE_MAX_CBOR_DEPTH);
    err = walk_item(&w, depth);
    if (err == 0) {
        *len = w.at;
    }
    return err;
}

int cove_cbor_check_all(struct cove_bytes in, unsigned depth,
                        struct cove_diag *diag)
{
    struct walk w = {in, 0, diag};
    int err;

    assert(depth <= COVE_MAX_CBOR_DEPTH);
    err = walk_item(&w, depth);
    if (err == 0 && w.at != in.len) {
        err = walk_fail(&w, "bytes behind the item");
    }
    return err;
}

/* ---- the writer ---- */

void cove_writer_init(struct cove_writer *w, struct cove_buf *out)
{
    w->out = out;
    w->err = 0;
}

/* Room for `more` bytes behind what is written; NULL after an error. */
static uint8_t *writer_room(struct cove_writer *w, size_t more)
{
    if (w->err == 0) {
        w->err = cove_buf_reserve(w->out, more);
    }
    return w->err == 0 ? w->out->at + w->out->len : NULL;
}

static void writer_append(struct cove_writer *w, struct cove_bytes b)
{
    if (w->err == 0) {
        w->err = cove_buf_append(w->out, b);
    }
}

/* A head with a count or length, by the libcbor call for its kind. */
static void writer_head(struct cove_writer *w, size_t arg,
                        size_t (*encode)(size_t, unsigned char *, size_t))
{
    uint8_t *at = writer_room(w, HEAD_MAX);

    if (at != NULL) {
        w->out->len += encode(arg, at, HEAD_MAX);
    }
}

void cove_writer_uint(struct cove_writer *w, uint64_t v)
{
    uint8_t *at = writer_room(w, HEAD_MAX);

    if (at != NULL) {
        w->out->len += cbor_encode_uint(v, at, HEAD_MAX);
    }
}

void cove_writer_int(struct cove_writer *w, int64_t v)
{
    if (v >= 0) {
        cove_writer_uint(w, (uint64_t)v);
        return;
    }

    uint8_t *at = writer_room(w, HEAD_MAX);

    if (at != NULL) {
        w->out->len += cbor_encode_negint(~(uint64_t)v, at, HEAD_MAX);
    }
}

void cove_writer_float(struct cove_writer *w, double v)
{
    uint8_t *at = writer_room(w, HEAD_MAX);
    uint16_t half = HALF_NAN;

    if (at == NULL) {
        return;
    }
    if (isnan(v) || (fits_single(v) && half_of((float)v, &half))) {
        at[0] = FLOAT_HALF;
        at[1] = (uint8_t)(half >> 8);
        at[2] = (uint8_t)half;
        w->out->len += 3;
    } else if (fits_single(v)) {
        w->out->len += cbor_encode_single((float)v, at, HEAD_MAX);
    } else {
        w->out->len += cbor_encode_double(v, at, HEAD_MAX);
    }
}

void cove_writer_bool(struct cove_writer *w, bool v)
{
    uint8_t *at = writer_room(w, HEAD_MAX);

    if (at != NULL) {
        w->out->len += cbor_encode_bool(v, at, HEAD_MAX);
    }
}

void cove_writer_null(struct cove_writer *w)
{
    uint8_t *at = writer_room(w, HEAD_MAX);

    if (at != NULL) {
        w->out->len += cbor_encode_null(at, HEAD_MAX);
    }
}

void cove_writer_bytes(struct cove_writer *w, const void *at, size_t len)
{
    writer_head(w, len, cbor_encode_bytestring_start);
    writer_append(w, cove_bytes(at, len));
}

void cove_writer_text(struct cove_writer *w, struct cove_bytes text)
{
    writer_head(w, text.len, cbor_encode_string_start);
    writer_append(w, text);
}

void cove_writer_cstr(struct cove_writer *w, const char *text)
{
    cove_writer_text(w, cove_bytes_text(text));
}

void cove_writer_list(struct cove_writer *w, size_t count)
{
    writer_head(w, count, cbor_encode_array_start);
}

void cove_writer_map(struct cove_writer *w, size_t pairs)
{
    writer_head(w, pairs, cbor_encode_map_start);
}

void cove_writer_item(struct cove_writer *w, struct cove_bytes encoded)
{
    writer_append(w, encoded);
}

static int pair_compare(const void *a, const void *b)
{
    return cove_bytes_compare(((const struct cove_pair *)a)->key,
                              ((const struct cove_pair *)b)->key);
}

void cove_writer_map_sorted(struct cove_writer *w, struct cove_pair *pairs,
                            size_t count)
{
    if (count > 1) {
        qsort(pairs, count, sizeof(*pairs), pair_compare);
    }
    for (size_t i = 1; i < count; i++) {
        if (w->err == 0 && cove_bytes_equal(pairs[i - 1].key, pairs[i].key)) {
            w->err = COVE_EFORMAT;
        }
    }
    cove_writer_map(w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_item(w, pairs[i].key);
        cove_writer_item(w, pairs[i].value);
    }
}
