/* values.c: values of the library as JSON and as words, and base64. */
#include "cli/covalue.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *cli_value_word(const char *word)
{
    json_error_t error;

    if (strncmp(word, ":=", 2) != 0) {
        return json_string(word);
    }
    json_t *value =
        json_loads(word + 2, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);

    if (value == NULL) {
        cli_fail(CLI_INVALID, "\"%s\": column %d: %s", word, error.column,
                 error.text);
    }
    return value;
}

struct cove_value cli_value_in(const json_t *json, char **text)
{
    *text = NULL;
    switch (json_typeof(json)) {
    case JSON_NULL:
        return cove_null();
    case JSON_TRUE:
    case JSON_FALSE:
        return cove_bool(json_is_true(json));
    case JSON_INTEGER:
        return cove_int(json_integer_value(json));
    case JSON_REAL:
        return cove_real(json_real_value(json));
    case JSON_STRING:
        return cove_text(json_string_value(json));
    case JSON_ARRAY:
    case JSON_OBJECT:
        *text = json_dumps(json, JSON_COMPACT);
        break;
    }
    return cove_json(*text);
}

static json_t *value_real(double real)
{
    if (isnan(real)) {
        return json_pack("{s:s}", "$float", "nan");
    }
    if (isinf(real)) {
        return json_pack("{s:s}", "$float", real > 0 ? "inf" : "-inf");
    }
    return json_real(real);
}

static json_t *value_bytes(const uint8_t *bytes, size_t len)
{
    char *text = cli_base64(bytes, len);
    json_t *value = text != NULL ? json_pack("{s:s}", "$bytes", text) : NULL;

    free(text);
    return value;
}

static json_t *value_ref(const uint8_t *bytes)
{
    struct cove_id id;
    char text[52];

    memcpy(id.b, bytes, sizeof(id.b));
    cove_id_format(&id, text);
    return json_pack("{s:s}", "$ref", text);
}

json_t *cli_value_out(const struct cove_value *value)
{
    switch ((enum cove_kind)value->kind) {
    case COVE_KIND_NULL:
        return json_null();
    case COVE_KIND_BOOL:
        return json_boolean(value->u.flag);
    case COVE_KIND_INT:
        return json_integer(value->u.integer);
    case COVE_KIND_FLOAT:
        return value_real(value->u.real);
    case COVE_KIND_TEXT:
        return json_stringn(value->u.text, value->len);
    case COVE_KIND_BYTES:
        return value_bytes(value->u.bytes, value->len);
    case COVE_KIND_REF:
        return value_ref(value->u.bytes);
    case COVE_KIND_LIST:
    case COVE_KIND_MAP:
        return json_loadb(value->u.text, value->len, JSON_DECODE_ANY, NULL);
    }
    return NULL;
}

/* ------------------------------------------------------------------- base64 */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *cli_base64(const void *bytes, size_t len)
{
    const uint8_t *in = bytes;
    char *out = malloc((len + 2) / 3 * 4 + 1), *at = out;

    for (size_t i = 0; out != NULL && i < len; i += 3) {
        size_t left = len - i;
        uint32_t three = (uint32_t)in[i] << 16 |
                         (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                         (left > 2 ? in[i + 2] : 0);

        *at++ = base64_digits[three >> 18];
        *at++ = base64_digits[three >> 12 & 63];
        *at++ = (char)(left > 1 ? base64_digits[three >> 6 & 63] : '=');
        *at++ = (char)(left > 2 ? base64_digits[three & 63] : '=');
    }
    if (out != NULL) {
        *at = '\0';
    }
    return out;
}

uint8_t *cli_base64_read(const char *text, size_t *len)
{
    size_t digits = strlen(text), pad = 0;

    while (pad < 2 && pad < digits && text[digits - 1 - pad] == '=') {
        pad++;
    }
    uint8_t *out = digits % 4 == 0 ? malloc(digits / 4 * 3 + 3) : NULL;
    uint32_t bits = 0;
    size_t n = 0;

    for (size_t i = 0; out != NULL && i < digits - pad; i++) {
        const char *digit = strchr(base64_digits, text[i]);

        if (digit == NULL) {
            free(out);
            return NULL;
        }
        bits = bits << 6 | (uint32_t)(digit - base64_digits);
        if (i % 4 == 3) {
            out[n++] = (uint8_t)(bits >> 16);
            out[n++] = (uint8_t)(bits >> 8);
            out[n++] = (uint8_t)bits;
        }
    }
    if (out != NULL && pad > 0) {
        bits <<= 6 * pad;
        out[n++] = (uint8_t)(bits >> 16);
        if (pad == 1) {
            out[n++] = (uint8_t)(bits >> 8);
        }
    }
    *len = n;
    return out;
}
