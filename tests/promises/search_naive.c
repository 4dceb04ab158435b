/* search_naive.c: see search_naive.h. */
#include "tests/promises/search_naive.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"

/* --- the values that a path leads to: a list of {"v": value, "bad": bool} */

static void reach(json_t *out, const json_t *value, bool bad)
{
    json_array_append_new(
        out,
        json_pack("{s:O s:b}", "v", (json_t *)(uintptr_t)value, "bad", bad));
}

static void walk(json_t *out, const json_t *value, const char *path)
{
    const json_t *inner, *item;
    size_t i;

    if (path == NULL) {
        reach(out, value, false);
        if (json_is_array(value)) {
            json_array_foreach(value, i, item)
            {
                reach(out, item, false);
            }
        }
        return;
    }
    if (json_is_object(value)) {
        const char *dot = strchr(path, '.');
        char key[64] = "";

        /* no key in the tests has a dot */
        memcpy(key, path, dot != NULL ? (size_t)(dot - path) : strlen(path));
        inner = json_object_get(value, key);
        if (inner != NULL) {
            walk(out, inner, dot != NULL ? dot + 1 : NULL);
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            if (json_is_object(item)) {
                walk(out, item, path);
            }
        }
    }
}

static json_t *values_of(const json_t *doc, const char *path)
{
    json_t *out = json_array();
    const char *dot = strchr(path, '.');
    char field[64] = "";

    memcpy(field, path, dot != NULL ? (size_t)(dot - path) : strlen(path));
    const json_t *value =
        json_object_get(json_object_get(doc, "fields"), field);

    if (json_object_get(json_object_get(doc, "invalid"), field) != NULL) {
        reach(out, json_null(), true);
    } else if (value != NULL) {
        walk(out, value, dot != NULL ? dot + 1 : NULL);
    }
    return out;
}

/* --- values */

static long double number_of(const json_t *v)
{
    return json_is_integer(v) ? (long double)json_integer_value(v)
                              : (long double)json_real_value(v);
}

/* false: they are not ordered. */
static bool compare(const json_t *a, const json_t *b, int *order)
{
    if (json_is_number(a) && json_is_number(b)) {
        long double x = number_of(a), y = number_of(b);

        *order = (x > y) - (x < y);
        return true;
    }
    if (json_is_string(a) && json_is_string(b)) {
        *order = strcmp(json_string_value(a), json_string_value(b));
        return true;
    }
    return false;
}

/* Inside of lists and objects 1 and 1.0 differ, as in CBOR; json_equal says
 * so too. */
static bool equal(const json_t *a, const json_t *b)
{
    int order;

    if (compare(a, b, &order)) {
        return order == 0;
    }
    return json_equal(a, b) == 1;
}

static bool one_meets(const json_t *v, const char *operator,
                      const json_t * operand)
{
    const json_t *item;
    int order = 0;
    size_t i;

    if (strcmp(operator, "$eq") == 0) {
        return equal(v, operand);
    }
    if (strcmp(operator, "$in") == 0) {
        json_array_foreach(operand, i, item)
        {
            if (equal(v, item)) {
                return true;
            }
        }
        return false;
    }
    if (strcmp(operator, "$beginsWith") == 0) {
        return json_is_string(v) &&
               strncmp(json_string_value(v), json_string_value(operand),
                       strlen(json_string_value(operand))) == 0;
    }
    if (!compare(v, operand, &order)) {
        return false;
    }
    return strcmp(operator, "$lt") == 0    ? order < 0
           : strcmp(operator, "$lte") == 0 ? order <= 0
           : strcmp(operator, "$gt") == 0  ? order > 0
                                           : order >= 0;
}

static bool term_met(const json_t *doc, const char *path, const char *operator,
                     const json_t * operand)
{
    json_t *values = values_of(doc, path), *one;
    bool met = false, bad = false, null = false;
    bool some = json_array_size(values) > 0;
    size_t i;

    bool ne = strcmp(operator, "$ne") == 0;

    json_array_foreach(values, i, one)
    {
        const json_t *v = json_object_get(one, "v");

        if (json_is_true(json_object_get(one, "bad"))) {
            bad = true;
            continue;
        }
        null = null || json_is_null(v);
        met = met || one_meets(v, ne ? "$eq" : operator, operand);
    }
    json_decref(values);
    if (strcmp(operator, "$exists") == 0) {
        return some == json_is_true(operand);
    }
    if (strcmp(operator, "$null") == 0) {
        return null == json_is_true(operand);
    }
    if (strcmp(operator, "$invalid") == 0) {
        return bad == json_is_true(operand);
    }
    return ne ? !met : met;
}

static bool field_met(const json_t *doc, const char *path, const json_t *value)
{
    bool operators = false, met = true;
    const char *key;
    json_t *operand;
    json_t *object = (json_t *)(uintptr_t)value;

    if (json_is_object(value)) {
        json_object_foreach(object, key, operand)
        {
            operators = operators || key[0] == '$';
        }
    }
    if (!operators) {
        return term_met(doc, path, "$eq", value);
    }
    json_object_foreach(object, key, operand)
    {
        met = met && term_met(doc, path, key, operand);
    }
    return met;
}

bool naive_met(const json_t *doc, const json_t *where)
{
    json_t *object = (json_t *)(uintptr_t)where, *value, *one;
    const char *key;
    bool met = true;
    size_t i;

    json_object_foreach(object, key, value)
    {
        bool any = false, all = true;

        if (strcmp(key, "$not") == 0) {
            met = met && !naive_met(doc, value);
        } else if (key[0] != '$') {
            met = met && field_met(doc, key, value);
        } else {
            json_array_foreach(value, i, one)
            {
                bool this = naive_met(doc, one);

                any = any || this;
                all = all && this;
            }
            met = met && (strcmp(key, "$or") == 0 ? any : all);
        }
    }
    return met;
}

/* --- the order */

static int rank(const json_t *first)
{
    const json_t *v = first != NULL ? json_object_get(first, "v") : NULL;

    return first == NULL                                 ? 0
           : json_is_true(json_object_get(first, "bad")) ? 1
           : json_is_null(v)                             ? 2
           : json_is_false(v)                            ? 3
           : json_is_true(v)                             ? 4
           : json_is_number(v)                           ? 5
           : json_is_string(v)                           ? 6
           : json_is_array(v)                            ? 7
                                                         : 8;
}

static struct cove_buf cbor_of(const json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    struct cove_buf out;

    cove_buf_init(&out, &cove_alloc_libc);
    if (cove_json_read(cove_bytes_text(text), "value", &out, NULL) != 0) {
        abort();
    }
    free(text);
    return out;
}

int naive_order(const json_t *a, const json_t *b, const char *path)
{
    json_t *left = values_of(a, path), *right = values_of(b, path);
    const json_t *x = json_array_get(left, 0), *y = json_array_get(right, 0);
    int order = rank(x) - rank(y);

    if (order == 0 && rank(x) >= 5) {
        const json_t *v = json_object_get(x, "v"), *w = json_object_get(y, "v");

        if (rank(x) <= 6) {
            compare(v, w, &order);
        } else {
            struct cove_buf m = cbor_of(v), n = cbor_of(w);

            order = cove_bytes_compare(cove_buf_bytes(&m), cove_buf_bytes(&n));
            cove_buf_clear(&m);
            cove_buf_clear(&n);
        }
    }
    json_decref(left);
    json_decref(right);
    return order;
}
