/* JSON text to CBOR. The texts of most documents take the short way of
 * json_quick.c. Of others jansson parses the whole text into its own tree,
 * which is then written in the order that deterministic CBOR wants: the keys of
 * an object by length, then bytewise, which is the order of their encodings.
 *
 * jansson has one allocator for the whole program, so that its tree does not
 * come from the buffer's. Where that one fails inside a token, jansson says
 * "invalid token", or goes on without a byte of it; errno is what tells.
 */
#include "core/json.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "core/cbor.h"
#include "core/id.h"
#include "core/json_quick.h"
#include "core/limits.h"

struct json_input {
    const char *name;
    bool plain;
    struct cove_writer w;
    struct cove_diag *diag;
};

struct member {
    struct cove_bytes key;
    json_t *value;
};

/* The value of a base64 digit (RFC 4648 section 4), or -1. */
static int base64_value(uint8_t digit)
{
    if (digit >= 'A' && digit <= 'Z') {
        return digit - 'A';
    }
    if (digit >= 'a' && digit <= 'z') {
        return digit - 'a' + 26;
    }
    if (digit >= '0' && digit <= '9') {
        return digit - '0' + 52;
    }
    if (digit == '+') {
        return 62;
    }
    return digit == '/' ? 63 : -1;
}

/* Read base64 with padding, and only its one canonical form: bits that stand
 * for nothing are zero. Appends to out; false where it is none. */
static bool base64_read(struct cove_bytes text, uint8_t *out, size_t *len)
{
    size_t padding = 0;
    size_t written = 0;
    uint32_t bits = 0;

    if (text.len % 4 != 0) {
        return false;
    }
    while (padding < 2 && padding < text.len &&
           text.at[text.len - 1 - padding] == '=') {
        padding++;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool pad = i >= text.len - padding;
        int value = pad ? 0 : base64_value(text.at[i]);

        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            out[written++] = (uint8_t)(bits >> 16);
            out[written++] = (uint8_t)(bits >> 8);
            out[written++] = (uint8_t)bits;
        }
    }
    for (size_t i = written - padding; i < written; i++) {
        if (out[i] != 0) {
            return false;
        }
    }
    *len = written - padding;
    return true;
}

static int json_bytes(struct json_input *in, struct cove_bytes text)
{
    const struct cove_alloc *alloc = in->w.out->alloc;
    uint8_t *at = cove_alloc_new(alloc, text.len);
    size_t len;
    int err = COVE_ENOMEM;

    if (at == NULL) {
        return err;
    }
    if (base64_read(text, at, &len)) {
        cove_writer_bytes(&in->w, at, len);
        err = in->w.err;
    } else {
        err = cove_fail(in->diag, COVE_EJSON,
                        "%s: {\"$bytes\": …} needs base64 with padding",
                        in->name);
    }
    cove_alloc_free(alloc, at);
    return err;
}

static int json_ref(struct json_input *in, const char *text)
{
    struct cove_id id;

    if (cove_id_parse(text, &id) != 0) {
        return cove_fail(in->diag, COVE_EJSON,
                         "%s: {\"$ref\": …} needs the whole id of a document "
                         "(\"co_z…\"), not \"%s\"",
                         in->name, text);
    }
    cove_writer_map(&in->w, 1);
    cove_writer_cstr(&in->w, "");
    cove_writer_bytes(&in->w, id.b, sizeof(id.b));
    return in->w.err;
}

static int json_float(struct json_input *in, const char *text)
{
    double v;

    if (strcmp(text, "nan") == 0) {
        v = (double)NAN;
    } else if (strcmp(text, "inf") == 0) {
        v = (double)INFINITY;
    } else if (strcmp(text, "-inf") == 0) {
        v = -(double)INFINITY;
    } else {
        return cove_fail(in->diag, COVE_EJSON,
                         "%s: {\"$float\": …} needs \"nan\", \"inf\" or "
                         "\"-inf\"; write any other number as a number",
                         in->name);
    }
    cove_writer_float(&in->w, v);
    return in->w.err;
}

/* Does the name of a lone member stand for one of the three forms, behind any
 * number of further '$'? */
static bool form_name(const char *name)
{
    size_t dollars = strspn(name, "$");

    return dollars > 0 && (strcmp(name + dollars, "bytes") == 0 ||
                           strcmp(name + dollars, "ref") == 0 ||
                           strcmp(name + dollars, "float") == 0);
}

static int json_form(struct json_input *in, const char *name, json_t *value)
{
    if (!json_is_string(value)) {
        return cove_fail(in->diag, COVE_EJSON,
                         "%s: {\"%s\": …} needs a text; a map with this one "
                         "key is written {\"$%s\": …}",
                         in->name, name, name);
    }

    const char *text = json_string_value(value);

    switch (name[1]) {
    case 'b':
        return json_bytes(in, cove_bytes(text, json_string_length(value)));
    case 'r':
        return json_ref(in, text);
    default:
        return json_float(in, text);
    }
}

static int json_item(struct json_input *in, json_t *value, unsigned depth);

static int member_compare(const void *a, const void *b)
{
    struct cove_bytes x = ((const struct member *)a)->key;
    struct cove_bytes y = ((const struct member *)b)->key;

    if (x.len != y.len) {
        return x.len < y.len ? -1 : 1;
    }
    return cove_bytes_compare(x, y);
}

static int json_map(struct json_input *in, json_t *object, unsigned depth)
{
    const struct cove_alloc *alloc = in->w.out->alloc;
    size_t count = json_object_size(object);
    struct member *members = cove_alloc_zero(alloc, count, sizeof(*members));
    size_t filled = 0;
    int err = 0;

    if (members == NULL) {
        return COVE_ENOMEM;
    }
    for (void *at = json_object_iter(object); at != NULL;
         at = json_object_iter_next(object, at)) {
        members[filled].key = cove_bytes_text(json_object_iter_key(at));
        members[filled].value = json_object_iter_value(at);
        filled++;
    }
    if (count == 1 && !in->plain &&
        form_name(json_object_iter_key(json_object_iter(object)))) {
        members[0].key.at++; /* one '$' says that it is no form */
        members[0].key.len--;
    }
    qsort(members, count, sizeof(*members), member_compare);
    cove_writer_map(&in->w, count);
    for (size_t i = 0; i < count && err == 0; i++) {
        cove_writer_text(&in->w, members[i].key);
        err = json_item(in, members[i].value, depth);
    }
    cove_alloc_free(alloc, members);
    return err;
}

static int json_object_item(struct json_input *in, json_t *object,
                            unsigned depth)
{
    if (!in->plain && json_object_size(object) == 1) {
        void *at = json_object_iter(object);
        const char *name = json_object_iter_key(at);

        if (form_name(name) && name[1] != '$') {
            return json_form(in, name, json_object_iter_value(at));
        }
    }
    return json_map(in, object, depth);
}

static int json_list(struct json_input *in, json_t *array, unsigned depth)
{
    size_t count = json_array_size(array);

    cove_writer_list(&in->w, count);
    for (size_t i = 0; i < count; i++) {
        int err = json_item(in, json_array_get(array, i), depth);

        if (err != 0) {
            return err;
        }
    }
    return in->w.err;
}

/* `depth`: how many levels this item may have. */
static int json_item(struct json_input *in, json_t *value, unsigned depth)
{
    bool nests = json_is_object(value) || json_is_array(value);

    if (nests && depth == 0) {
        return cove_fail(in->diag, COVE_ELIMIT,
                         "%s: nested more than %d levels deep", in->name,
                         COVE_MAX_CBOR_DEPTH);
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return json_object_item(in, value, depth - 1);
    case JSON_ARRAY:
        return json_list(in, value, depth - 1);
    case JSON_STRING:
        cove_writer_text(&in->w, cove_bytes(json_string_value(value),
                                            json_string_length(value)));
        break;
    case JSON_INTEGER:
        cove_writer_int(&in->w, json_integer_value(value));
        break;
    case JSON_REAL:
        cove_writer_float(&in->w, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        cove_writer_bool(&in->w, json_is_true(value));
        break;
    case JSON_NULL:
    default:
        cove_writer_null(&in->w);
        break;
    }
    return in->w.err;
}

static int json_parse_error(const json_error_t *error, const char *name,
                            struct cove_diag *diag)
{
    enum json_error_code code = json_error_code(error);

    if (code == json_error_null_character ||
        code == json_error_null_byte_in_key) {
        return cove_fail(diag, COVE_EJSON,
                         "%s:%d:%d: a NUL (\\u0000) in a text", name,
                         error->line, error->column);
    }
    return cove_fail(
        diag, code == json_error_stack_overflow ? COVE_ELIMIT : COVE_EJSON,
        "%s:%d:%d: %s", name, error->line, error->column, error->text);
}

static int json_read(struct cove_bytes text, struct json_input *in,
                     struct cove_buf *out)
{
    json_error_t error = {0};
    size_t start = out->len;
    int err = cove_json_quick(text, out);

    if (err != COVE_ENOTFOUND) {
        return err;
    }
    errno = 0;

    json_t *tree =
        json_loadb(text.len > 0 ? (const char *)text.at : "", text.len,
                   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);

    if (errno == ENOMEM) {
        json_decref(tree);
        return COVE_ENOMEM;
    }
    if (tree == NULL) {
        return json_parse_error(&error, in->name, in->diag);
    }
    cove_writer_init(&in->w, out);

    err = json_item(in, tree, COVE_MAX_CBOR_DEPTH);

    if (err != 0) {
        out->len = start;
    }
    json_decref(tree);
    return err;
}

int cove_json_read(struct cove_bytes text, const char *name,
                   struct cove_buf *out, struct cove_diag *diag)
{
    struct json_input in = {.name = name, .plain = false, .diag = diag};

    return json_read(text, &in, out);
}

int cove_json_read_plain(struct cove_bytes text, const char *name,
                         struct cove_buf *out, struct cove_diag *diag)
{
    struct json_input in = {.name = name, .plain = true, .diag = diag};

    return json_read(text, &in, out);
}
