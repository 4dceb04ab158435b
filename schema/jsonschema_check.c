/* jsonschema_check.c: judges a value by a parsed schema.
 *
 * One walk over the value's bytes along the nodes; nothing is allocated. The
 * first violation ends it, in a fixed order: type, enum, const, numbers,
 * lengths, list items by index, then the members of an object by name. Keys of
 * a value and of `required` are sorted alike, so that both are walked once.
 *
 * Numbers are compared exactly: turning an int64 into a double would make
 * 9007199254740993 equal to 9007199254740992. Source: JSON Schema 2020-12,
 * Validation, section 6.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/cbor.h"
#include "core/value.h"
#include "schema/jsonschema_node.h"

struct schema_check {
    struct cove_diag *diag;
};

static int node_check(struct schema_check *c, const struct schema_node *node,
                      struct cove_bytes value, const struct schema_path *path);

static int fail(struct schema_check *c, const struct schema_path *path,
                const char *rule, const char *why)
{
    char text[COVE_SCHEMA_PATH_MAX];

    cove_schema_path_text(path, "the document", text);
    return cove_fail(c->diag, COVE_ESCHEMA, "%s breaks the rule \"%s\": %s",
                     text, rule, why);
}

/* --- numbers ------------------------------------------------------------ */

struct schema_number {
    bool is_int;
    int64_t i;
    double f;
};

/* false where the item is no number. */
static bool number_read(struct cove_bytes item, struct schema_number *out)
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

/* <0, 0, >0 in *order; false where they cannot be compared (NaN). */
static bool number_compare(const struct schema_number *a,
                           const struct schema_number *b, int *order)
{
    if ((!a->is_int && a->f != a->f) || (!b->is_int && b->f != b->f)) {
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

#define NUMBER_TEXT_MAX 48
static void number_text(const struct schema_number *n,
                        char out[NUMBER_TEXT_MAX])
{
    if (n->is_int) {
        snprintf(out, NUMBER_TEXT_MAX, "%lld", (long long)n->i);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, NUMBER_TEXT_MAX, "%.*g", digits, n->f);
        if (strtod(out, NULL) == n->f) {
            break;
        }
    }
    if (strpbrk(out, ".en") == NULL) { /* 3.0, not 3; inf and nan as they are */
        size_t len = strlen(out);

        snprintf(out + len, NUMBER_TEXT_MAX - len, ".0");
    }
}

/* --- equality: as bytes, but numbers by their value --------------------- */

static bool items_equal(struct cove_reader *a, struct cove_reader *b,
                        unsigned depth)
{
    enum cove_cbor_type type = cove_reader_peek(a);
    struct cove_bytes left;
    struct cove_bytes right;
    struct schema_number x;
    struct schema_number y;
    int order;
    size_t count = 0;

    if (type == cove_reader_peek(b) && depth > 0 &&
        (type == COVE_CBOR_LIST || type == COVE_CBOR_MAP)) {
        count = type == COVE_CBOR_LIST ? cove_reader_list(a)
                                       : 2 * cove_reader_map(a);
        if (count != (type == COVE_CBOR_LIST ? cove_reader_list(b)
                                             : 2 * cove_reader_map(b))) {
            return false;
        }
        while (count > 0 && items_equal(a, b, depth - 1)) {
            count--;
        }
        return count == 0;
    }
    left = cove_reader_item(a);
    right = cove_reader_item(b);
    return cove_bytes_equal(left, right) ||
           (number_read(left, &x) && number_read(right, &y) &&
            number_compare(&x, &y, &order) && order == 0);
}

static bool value_equal(struct cove_bytes a, struct cove_bytes b)
{
    struct cove_reader x;
    struct cove_reader y;

    cove_reader_init(&x, a);
    cove_reader_init(&y, b);
    return items_equal(&x, &y, COVE_SCHEMA_DEPTH);
}

/* --- the rules ---------------------------------------------------------- */

static const struct {
    unsigned types; /* that hold a value of this kind */
    const char *what;
} kinds[] = {
    [COVE_KIND_NULL] = {SCHEMA_NULL, "null"},
    [COVE_KIND_BOOL] = {SCHEMA_BOOLEAN, "a boolean"},
    [COVE_KIND_INT] = {SCHEMA_INTEGER | SCHEMA_NUMBER, "an integer"},
    [COVE_KIND_FLOAT] = {SCHEMA_NUMBER, "a float"},
    [COVE_KIND_TEXT] = {SCHEMA_STRING, "a text"},
    [COVE_KIND_BYTES] = {0, "bytes"},
    [COVE_KIND_LIST] = {SCHEMA_ARRAY, "a list"},
    [COVE_KIND_MAP] = {SCHEMA_OBJECT, "an object"},
    [COVE_KIND_REF] = {SCHEMA_OBJECT, "a reference"},
};

static int type_fail(struct schema_check *c, const struct schema_node *node,
                     struct cove_bytes value, const struct schema_path *path)
{
    char rule[96] = "type";
    size_t len = strlen(rule);
    char why[128];
    char number[NUMBER_TEXT_MAX];
    struct schema_number n;

    for (unsigned i = 0, named = 0; i < COVE_SCHEMA_TYPES; i++) {
        if ((node->types & 1U << i) != 0) {
            len += (size_t)snprintf(rule + len, sizeof rule - len, "%s %s",
                                    named++ > 0 ? " or" : "",
                                    cove_schema_type_names[i]);
        }
    }
    snprintf(why, sizeof why, "the value is %s",
             kinds[cove_value_kind(value)].what);
    if ((node->types & SCHEMA_INTEGER) != 0 && number_read(value, &n) &&
        n.f >= -9007199254740992.0 && n.f <= 9007199254740992.0 &&
        (double)(int64_t)n.f == n.f) {
        number_text(&n, number);
        snprintf(why, sizeof why, "%s is a float; write %lld", number,
                 (long long)n.f);
    }
    return fail(c, path, rule, why);
}

static int choice_check(struct schema_check *c, const struct schema_node *node,
                        struct cove_bytes value, const struct schema_path *path)
{
    if (node->has_enum) {
        size_t i = 0;

        while (i < node->choice_count &&
               !value_equal(node->choices[i], value)) {
            i++;
        }
        if (i == node->choice_count) {
            return fail(c, path, "enum", "the value is none of those listed");
        }
    }
    if (node->constant.len > 0 && !value_equal(node->constant, value)) {
        return fail(c, path, "const", "the value is another one");
    }
    return 0;
}

/* `side` is the order that breaks the rule: -1 for a minimum, 1 for a
 * maximum. */
static int bound_check(struct schema_check *c, struct cove_bytes bound,
                       const struct schema_number *n, int side,
                       const struct schema_path *path)
{
    struct schema_number limit;
    char rule[NUMBER_TEXT_MAX + 16];
    char why[NUMBER_TEXT_MAX + 16];
    char text[NUMBER_TEXT_MAX];
    int order;

    if (bound.len == 0 || !number_read(bound, &limit) ||
        (number_compare(n, &limit, &order) && order != side)) {
        return 0;
    }
    number_text(&limit, text);
    snprintf(rule, sizeof rule, "%s %s", side < 0 ? "minimum" : "maximum",
             text);
    number_text(n, text);
    snprintf(why, sizeof why, "the value is %s", text);
    return fail(c, path, rule, why);
}

static int length_check(struct schema_check *c, const struct schema_node *node,
                        struct cove_bytes value, const struct schema_path *path)
{
    struct cove_bytes text = cove_value_text(value);
    uint64_t count = 0;
    char rule[48];
    char why[64];

    for (size_t i = 0; i < text.len; i++) {
        count += (text.at[i] & 0xc0) != 0x80;
    }

    bool is_short = node->has_min_length && count < node->min_length;

    if (!is_short && !(node->has_max_length && count > node->max_length)) {
        return 0;
    }
    snprintf(
        rule, sizeof rule, "%s %llu", is_short ? "minLength" : "maxLength",
        (unsigned long long)(is_short ? node->min_length : node->max_length));
    snprintf(why, sizeof why, "the text has %llu character%s",
             (unsigned long long)count, count == 1 ? "" : "s");
    return fail(c, path, rule, why);
}

static int list_check(struct schema_check *c, const struct schema_node *node,
                      struct cove_bytes value, const struct schema_path *path)
{
    struct cove_reader r;

    if (node->items == NULL) {
        return 0;
    }
    cove_reader_init(&r, value);

    size_t count = cove_reader_list(&r);

    for (size_t i = 0; i < count; i++) {
        struct schema_path at = {path, {NULL, 0}, i};
        int rc = node_check(c, node->items, cove_reader_item(&r), &at);

        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int member_check(struct schema_check *c, const struct schema_node *node,
                        struct cove_bytes name, struct cove_bytes value,
                        const struct schema_path *path)
{
    const struct schema_member *member = cove_schema_member(node, name);

    if (member != NULL) {
        return node_check(c, member->node, value, path);
    }
    if (node->additional == NULL) {
        return 0;
    }
    if (node->additional->never) {
        return fail(c, path, "additionalProperties false",
                    "the schema has no property of this name");
    }
    return node_check(c, node->additional, value, path);
}

static int missing_fail(struct schema_check *c, struct cove_bytes name,
                        const struct schema_path *path)
{
    struct schema_path at = {path, name, 0};

    return fail(c, &at, "required", "it is missing");
}

static int map_check(struct schema_check *c, const struct schema_node *node,
                     struct cove_bytes value, const struct schema_path *path)
{
    struct cove_reader r;
    size_t need = 0;

    cove_reader_init(&r, value);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes name = cove_reader_text(&r);
        struct schema_path at = {path, name, 0};
        int order = need < node->required_count
                        ? cove_schema_name_compare(node->required[need], name)
                        : 1;

        if (order < 0) {
            return missing_fail(c, node->required[need], path);
        }
        need += order == 0;

        int rc = member_check(c, node, name, cove_reader_item(&r), &at);

        if (rc != 0) {
            return rc;
        }
    }
    return need < node->required_count
               ? missing_fail(c, node->required[need], path)
               : 0;
}

/* The field is a document: what stands here is the reference to it. */
static int child_check(struct schema_check *c, const struct schema_node *node,
                       enum cove_kind kind, const struct schema_path *path)
{
    char rule[32];

    if (kind == COVE_KIND_REF) {
        return 0;
    }
    snprintf(rule, sizeof rule, "x-type %s", cove_child_kind_name(node->child));
    return fail(c, path, rule,
                "the field is a document of its own; edit that, and set "
                "nothing in its place");
}

static int node_check(struct schema_check *c, const struct schema_node *node,
                      struct cove_bytes value, const struct schema_path *path)
{
    enum cove_kind kind = cove_value_kind(value);
    struct schema_number n;
    int rc;

    if (node->never) {
        return fail(c, path, "false", "the schema allows no value here");
    }
    if (node->child != COVE_CHILD_NONE) {
        return child_check(c, node, kind, path);
    }
    if (node->types != 0 && (node->types & kinds[kind].types) == 0) {
        return type_fail(c, node, value, path);
    }
    if ((rc = choice_check(c, node, value, path)) != 0) {
        return rc;
    }
    if (number_read(value, &n) &&
        ((rc = bound_check(c, node->minimum, &n, -1, path)) != 0 ||
         (rc = bound_check(c, node->maximum, &n, 1, path)) != 0)) {
        return rc;
    }
    if (kind == COVE_KIND_TEXT) {
        return length_check(c, node, value, path);
    }
    if (kind == COVE_KIND_LIST) {
        return list_check(c, node, value, path);
    }
    if (kind == COVE_KIND_MAP) {
        return map_check(c, node, value, path);
    }
    return 0;
}

int cove_schema_check(const struct cove_schema *schema, struct cove_bytes value,
                      struct cove_diag *diag)
{
    struct schema_check c = {diag};
    struct schema_path root = {NULL, {NULL, 0}, 0};

    return node_check(&c, schema->top, value, &root);
}

int cove_schema_check_field(const struct cove_schema *schema,
                            struct cove_bytes name, struct cove_bytes value,
                            struct cove_diag *diag)
{
    struct schema_check c = {diag};
    struct schema_path root = {NULL, {NULL, 0}, 0};
    struct schema_path at = {&root, name, 0};

    return schema->top->never ? node_check(&c, schema->top, value, &at)
                              : member_check(&c, schema->top, name, value, &at);
}

/* The schema of a field; NULL where there is none, or it is no child. */
static const struct schema_node *child_node(const struct cove_schema *schema,
                                            struct cove_bytes name)
{
    const struct schema_member *member = cove_schema_member(schema->top, name);

    return member != NULL && member->node->child != COVE_CHILD_NONE
               ? member->node
               : NULL;
}

int cove_schema_check_item(const struct cove_schema *schema,
                           struct cove_bytes name, struct cove_bytes value,
                           struct cove_diag *diag)
{
    const struct schema_node *node = child_node(schema, name);
    struct schema_check c = {diag};
    struct schema_path root = {NULL, {NULL, 0}, 0};
    struct schema_path at = {&root, name, 0};

    return node == NULL || node->items == NULL
               ? 0
               : node_check(&c, node->items, value, &at);
}

int cove_schema_check_member(const struct cove_schema *schema,
                             struct cove_bytes name, struct cove_bytes member,
                             struct cove_bytes value, struct cove_diag *diag)
{
    const struct schema_node *node = child_node(schema, name);
    struct schema_check c = {diag};
    struct schema_path root = {NULL, {NULL, 0}, 0};
    struct schema_path up = {&root, name, 0};
    struct schema_path at = {&up, member, 0};

    return node == NULL ? 0 : member_check(&c, node, member, value, &at);
}
