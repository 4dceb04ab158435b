/* CBOR to JSON text: no tree, one pass of a reader over the checked item. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/cbor.h"
#include "core/id.h"
#include "core/json.h"
#include "core/value.h"

#define NUMBER_MAX 40 /* "-1.7976931348623157e+308", and a wide point */

struct json_output {
    struct cove_buf *out;
    unsigned indent;
    bool plain;
    int err;
};

static void put(struct json_output *o, const char *text, size_t len)
{
    if (o->err == 0) {
        o->err = cove_buf_append(o->out, cove_bytes(text, len));
    }
}

static void put_text(struct json_output *o, const char *text)
{
    put(o, text, strlen(text));
}

static void put_line(struct json_output *o, unsigned level)
{
    if (o->indent == 0) {
        return;
    }
    put(o, "\n", 1);
    for (unsigned i = 0; i < level * o->indent; i++) {
        put(o, " ", 1);
    }
}

/* The characters of a text between its quotes. */
static void put_escaped(struct json_output *o, struct cove_bytes text)
{
    size_t run = 0; /* start of what needs no escape */

    for (size_t i = 0; i < text.len; i++) {
        static const char letters[] = "btn_fr"; /* from \b, 8, to \r, 13 */
        uint8_t c = text.at[i];
        char escape[8] = {'\\', (char)c};

        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        if (c >= '\b' && c <= '\r' && c != '\v') {
            escape[1] = letters[c - '\b'];
        } else if (c < 0x20) {
            snprintf(escape, sizeof(escape), "\\u%04x", c);
        }
        put(o, (const char *)text.at + run, i - run);
        put_text(o, escape);
        run = i + 1;
    }
    if (run < text.len) {
        put(o, (const char *)text.at + run, text.len - run);
    }
}

static void put_string(struct json_output *o, struct cove_bytes text)
{
    put(o, "\"", 1);
    put_escaped(o, text);
    put(o, "\"", 1);
}

/* {"$name":"text"} */
static void put_form(struct json_output *o, const char *name, const char *text)
{
    const char *space = o->indent > 0 ? " " : "";

    put_text(o, "{\"$");
    put_text(o, name);
    put_text(o, "\":");
    put_text(o, space);
    put_string(o, cove_bytes_text(text));
    put_text(o, "}");
}

static void put_bytes(struct json_output *o, struct cove_bytes b)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    put_text(o, o->indent > 0 ? "{\"$bytes\": \"" : "{\"$bytes\":\"");
    for (size_t i = 0; i < b.len; i += 3) {
        size_t have = b.len - i < 3 ? b.len - i : 3;
        uint32_t bits = (uint32_t)b.at[i] << 16;
        char four[4] = {'=', '=', '=', '='};

        bits |= have > 1 ? (uint32_t)b.at[i + 1] << 8 : 0;
        bits |= have > 2 ? b.at[i + 2] : 0;
        for (size_t j = 0; j <= have; j++) {
            four[j] = digits[bits >> (18 - 6 * j) & 63];
        }
        put(o, four, sizeof(four));
    }
    put_text(o, "\"}");
}

/* The shortest digits that read back as v. %.15g drops trailing zeros, so
 * that a shorter form need not be tried, but for numbers so small that they
 * do not have 15 digits. */
static void number_digits(double v, char out[NUMBER_MAX])
{
    int precision = fabs(v) < DBL_MIN ? 1 : 15;

    do {
        snprintf(out, NUMBER_MAX, "%.*g", precision, v);
    } while (precision++ < 17 && strtod(out, NULL) != v);
}

static void put_float(struct json_output *o, double v)
{
    char local[NUMBER_MAX];
    char text[NUMBER_MAX + 2];
    size_t len = 0;
    bool is_float = false; /* a reader would take it for one */

    if (isnan(v) || isinf(v)) {
        put_form(o, "float", isnan(v) ? "nan" : (v < 0 ? "-inf" : "inf"));
        return;
    }
    number_digits(v, local);

    /* What is no digit, sign or exponent is the decimal point of whatever
     * locale the program runs in, possibly of several bytes. */
    for (const char *at = local; *at != '\0'; at++) {
        bool point = strchr("0123456789+-e", *at) == NULL;

        is_float = is_float || point || *at == 'e';
        if (!point) {
            text[len++] = *at;
        } else if (len == 0 || text[len - 1] != '.') {
            text[len++] = '.';
        }
    }
    put(o, text, len);
    if (!is_float) {
        put_text(o, ".0");
    }
}

static void put_int(struct json_output *o, struct cove_reader *r)
{
    char text[24];

    if (cove_reader_peek(r) == COVE_CBOR_UINT) {
        snprintf(text, sizeof(text), "%" PRIu64, cove_reader_uint(r));
    } else {
        snprintf(text, sizeof(text), "%" PRId64, cove_reader_int(r));
    }
    put_text(o, text);
}

/* Would cove_json_read take a map with this one key for a form, or for a map
 * whose key was marked not to be one? */
static bool key_needs_mark(struct cove_bytes key)
{
    static const char *const names[] = {"bytes", "ref", "float"};
    size_t dollars = 0;

    while (dollars < key.len && key.at[dollars] == '$') {
        dollars++;
    }
    for (size_t i = 0; dollars > 0 && i < COVE_ARRAY_LEN(names); i++) {
        struct cove_bytes rest =
            cove_bytes(key.at + dollars, key.len - dollars);

        if (cove_bytes_equal(rest, cove_bytes_text(names[i]))) {
            return true;
        }
    }
    return false;
}

/* JSON has text keys only: an integer becomes its digits, anything else (no
 * value has such keys) the hex of its bytes. */
static void put_key(struct json_output *o, struct cove_reader *r, bool alone)
{
    enum cove_cbor_type type = cove_reader_peek(r);

    put(o, "\"", 1);
    if (type == COVE_CBOR_TEXT) {
        struct cove_bytes key = cove_reader_text(r);

        if (alone && !o->plain && key_needs_mark(key)) {
            put(o, "$", 1);
        }
        put_escaped(o, key);
    } else if (type == COVE_CBOR_UINT || type == COVE_CBOR_NINT) {
        put_int(o, r);
    } else {
        struct cove_bytes key = cove_reader_item(r);

        for (size_t i = 0; i < key.len; i++) {
            char hex[COVE_HEX_LEN(1)];

            cove_hex(cove_bytes(key.at + i, 1), hex);
            put_text(o, hex);
        }
    }
    put(o, "\"", 1);
    put_text(o, o->indent > 0 ? ": " : ":");
}

static void put_item(struct json_output *o, struct cove_reader *r,
                     unsigned level);

static void put_map(struct json_output *o, struct cove_reader *r,
                    unsigned level)
{
    struct cove_reader look = *r;
    struct cove_id id;

    if (cove_value_ref(cove_reader_item(&look), &id)) {
        char text[COVE_ID_TEXT_MAX];

        *r = look;
        cove_id_text(&id, text);
        put_form(o, "ref", text);
        return;
    }

    size_t pairs = cove_reader_map(r);

    put(o, "{", 1);
    for (size_t i = 0; i < pairs && o->err == 0; i++) {
        if (i > 0) {
            put(o, ",", 1);
        }
        put_line(o, level + 1);
        put_key(o, r, pairs == 1);
        put_item(o, r, level + 1);
    }
    if (pairs > 0) {
        put_line(o, level);
    }
    put(o, "}", 1);
}

static void put_list(struct json_output *o, struct cove_reader *r,
                     unsigned level)
{
    size_t count = cove_reader_list(r);

    put(o, "[", 1);
    for (size_t i = 0; i < count && o->err == 0; i++) {
        if (i > 0) {
            put(o, ",", 1);
        }
        put_line(o, level + 1);
        put_item(o, r, level + 1);
    }
    if (count > 0) {
        put_line(o, level);
    }
    put(o, "]", 1);
}

static void put_item(struct json_output *o, struct cove_reader *r,
                     unsigned level)
{
    switch (cove_reader_peek(r)) {
    case COVE_CBOR_UINT:
    case COVE_CBOR_NINT:
        put_int(o, r);
        break;
    case COVE_CBOR_BYTES:
        put_bytes(o, cove_reader_bytes(r));
        break;
    case COVE_CBOR_TEXT:
        put_string(o, cove_reader_text(r));
        break;
    case COVE_CBOR_LIST:
        put_list(o, r, level);
        break;
    case COVE_CBOR_MAP:
        put_map(o, r, level);
        break;
    case COVE_CBOR_BOOL:
        put_text(o, cove_reader_bool(r) ? "true" : "false");
        break;
    case COVE_CBOR_FLOAT:
        put_float(o, cove_reader_float(r));
        break;
    case COVE_CBOR_NULL:
    case COVE_CBOR_END:
    default:
        cove_reader_item(r);
        put_text(o, "null");
        break;
    }
}

static int json_write(struct cove_bytes item, struct json_output *o)
{
    size_t start = o->out->len;
    struct cove_reader r;

    cove_reader_init(&r, item);
    put_item(o, &r, 0);
    if (o->err != 0) {
        o->out->len = start;
    }
    return o->err;
}

int cove_json_write(struct cove_bytes item, unsigned indent,
                    struct cove_buf *out)
{
    struct json_output o = {.out = out, .indent = indent, .plain = false};

    return json_write(item, &o);
}

int cove_json_write_plain(struct cove_bytes item, unsigned indent,
                          struct cove_buf *out)
{
    struct json_output o = {.out = out, .indent = indent, .plain = true};

    return json_write(item, &o);
}
