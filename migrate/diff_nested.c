/* diff_nested.c: constraints of two schemas compared by path.
 *
 * Each keyword is a set of values that pass; it was narrowed where something
 * passed that does not any more, and widened the other way round. Inside a
 * value (items, properties of an object) the same holds, but there no word of
 * a migration reaches: the value is one register. Both schemas have been
 * parsed, so that their keywords have the right forms and nesting is bounded.
 */
#include "migrate/diff_internal.h"

struct nested { /* two schemas at one place */
    struct diff *d;
    struct cove_bytes field;
    struct cove_bytes path;
    struct cove_bytes before, after; /* empty: anything passes */
    unsigned depth;  /* 0: the document; 1: a field; more: inside its value */
    bool items_told; /* the type of the field's items */
};

static int node_compare(const struct nested *n);

/* --- lists of values ---------------------------------------------------- */

bool cove_diff_has(struct cove_bytes list, struct cove_bytes value)
{
    struct cove_reader r;

    cove_reader_init(&r, list);
    if (list.len == 0 || cove_reader_peek(&r) != COVE_CBOR_LIST) {
        return false;
    }
    for (size_t left = cove_reader_list(&r); left > 0; left--) {
        if (cove_bytes_equal(cove_reader_item(&r), value)) {
            return true;
        }
    }
    return false;
}

bool cove_diff_within(struct cove_bytes less, struct cove_bytes more)
{
    struct cove_reader r;

    cove_reader_init(&r, less);
    for (size_t left = cove_reader_list(&r); left > 0; left--) {
        if (!cove_diff_has(more, cove_reader_item(&r))) {
            return false;
        }
    }
    return true;
}

/* --- what is said of a gap ---------------------------------------------- */

struct gap {
    struct cove_bytes path;
    struct cove_bytes before, after;
    bool narrower, wider;
};

static int gap_add(const struct nested *n, const struct gap *gap)
{
    const char *before = cove_diff_shown(n->d->arena, gap->before);
    const char *after = cove_diff_shown(n->d->arena, gap->after);
    struct cove_diff_change c = {
        .kind = n->depth > 1 && n->field.len > 0 ? COVE_DIFF_NESTED
                : gap->narrower                  ? COVE_DIFF_NARROWED
                                                 : COVE_DIFF_WIDENED,
        .class = gap->narrower ? COVE_DIFF_LOSSY
                 : gap->wider  ? COVE_DIFF_ADD
                               : COVE_DIFF_NONE,
        .lossy_forward = gap->narrower,
        .compat = (gap->narrower ? 0U : (unsigned)COVE_COMPAT_BACKWARD) |
                  (gap->wider ? 0U : (unsigned)COVE_COMPAT_FORWARD),
        .field = n->field,
        .path = gap->path,
        .before = gap->before,
        .after = gap->after};
    const char *what =
        gap->narrower && gap->wider
            ? "other values pass: what passed before may be invalid, and what "
              "passes now in the old version"
        : gap->narrower ? "fewer values pass: what passed before may be "
                          "invalid in the new version"
        : gap->wider ? "more values pass; the old version may see new ones as "
                       "invalid"
                     : "the same values pass";

    if (before == NULL || after == NULL) {
        return COVE_ENOMEM;
    }
    return cove_diff_add(
        n->d, &c,
        cove_arena_printf(n->d->arena, "%.*s was %s, is %s: %s",
                          SHOWN(gap->path), before, after, what));
}

static int gap_keyword(const struct nested *n, const char *keyword,
                       struct gap *gap)
{
    int rc = cove_diff_path(n->d->arena, n->path, keyword, cove_bytes(NULL, 0),
                            &gap->path);

    return rc != 0 ? rc : gap_add(n, gap);
}

/* --- types -------------------------------------------------------------- */

#define TYPE_INTEGER 4U
#define TYPE_NUMBER  8U
#define TYPE_ALL     127U

/* The types that pass as bits; a number may be an integer. */
static unsigned types_of(struct cove_bytes schema)
{
    static const char *const names[] = {
        "null", "boolean", "integer", "number", "string", "array", "object"};
    struct cove_bytes item;
    unsigned bits = 0;

    if (!cove_diff_keyword(schema, "type", &item)) {
        return TYPE_ALL;
    }
    for (unsigned i = 0; i < COVE_ARRAY_LEN(names); i++) {
        uint8_t name[10];
        size_t len = strlen(names[i]);

        name[0] = (uint8_t)(0x60 + len);
        memcpy(name + 1, names[i], len);

        struct cove_bytes text = cove_bytes(name, len + 1);

        if (cove_bytes_equal(item, text) || cove_diff_has(item, text)) {
            bits |= 1U << i;
        }
    }
    return (bits & TYPE_NUMBER) != 0 ? bits | TYPE_INTEGER : bits;
}

static int types_compare(const struct nested *n)
{
    unsigned before = types_of(n->before);
    unsigned after = types_of(n->after);
    struct gap gap = {.narrower = (before & ~after) != 0,
                      .wider = (after & ~before) != 0};

    if (before == after) {
        return 0;
    }
    cove_diff_keyword(n->before, "type", &gap.before);
    cove_diff_keyword(n->after, "type", &gap.after);
    return gap_keyword(n, "type", &gap);
}

/* --- values ------------------------------------------------------------- */

/* enum, where the field itself does not answer for it value by value. */
static int enum_compare(const struct nested *n)
{
    struct gap gap = {0};
    bool had = cove_diff_keyword(n->before, "enum", &gap.before);
    bool has = cove_diff_keyword(n->after, "enum", &gap.after);

    if (n->depth == 1 || (!had && !has)) {
        return 0;
    }
    gap.narrower = has && (!had || !cove_diff_within(gap.before, gap.after));
    gap.wider = had && (!has || !cove_diff_within(gap.after, gap.before));
    return gap.narrower || gap.wider ? gap_keyword(n, "enum", &gap) : 0;
}

static int const_compare(const struct nested *n)
{
    struct gap gap = {0};
    bool had = cove_diff_keyword(n->before, "const", &gap.before);
    bool has = cove_diff_keyword(n->after, "const", &gap.after);

    gap.narrower = has;
    gap.wider = had;
    return cove_bytes_equal(gap.before, gap.after)
               ? 0
               : gap_keyword(n, "const", &gap);
}

/* A number, exactly: 64 bits fit the mantissa of a long double. */
static long double number_of(struct cove_bytes item)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    if (cove_reader_peek(&r) == COVE_CBOR_FLOAT) {
        return (long double)cove_reader_float(&r);
    }
    return (long double)cove_reader_int(&r);
}

/* A limit on one side: `sign` is 1 where a greater one lets less pass. */
static int limit_compare(const struct nested *n, const char *keyword, int sign)
{
    struct gap gap = {0};
    bool had = cove_diff_keyword(n->before, keyword, &gap.before);
    bool has = cove_diff_keyword(n->after, keyword, &gap.after);
    long double more = 0;

    if (had && has) {
        more = (number_of(gap.after) - number_of(gap.before)) * sign;
    }
    gap.narrower = has && (!had || more > 0);
    gap.wider = had && (!has || more < 0);
    return gap.narrower || gap.wider ? gap_keyword(n, keyword, &gap) : 0;
}

static int limits_compare(const struct nested *n)
{
    static const struct {
        const char *keyword;
        int sign;
    } limits[] = {{"minimum", 1},          {"maximum", -1},
                  {"exclusiveMinimum", 1}, {"exclusiveMaximum", -1},
                  {"minLength", 1},        {"maxLength", -1},
                  {"minItems", 1},         {"maxItems", -1},
                  {"minProperties", 1},    {"maxProperties", -1}};
    int rc = 0;

    for (size_t i = 0; i < COVE_ARRAY_LEN(limits) && rc == 0; i++) {
        rc = limit_compare(n, limits[i].keyword, limits[i].sign);
    }
    return rc;
}

/* --- objects ------------------------------------------------------------ */

/* A list with nothing in it where the keyword is absent. */
static struct cove_bytes list_of(struct cove_bytes schema, const char *keyword)
{
    static const uint8_t empty[] = {0x80};
    struct cove_bytes list;

    return cove_diff_keyword(schema, keyword, &list)
               ? list
               : cove_bytes(empty, sizeof empty);
}

static int required_compare(const struct nested *n)
{
    struct gap gap = {.before = list_of(n->before, "required"),
                      .after = list_of(n->after, "required")};

    gap.narrower = !cove_diff_within(gap.after, gap.before);
    gap.wider = !cove_diff_within(gap.before, gap.after);
    return gap.narrower || gap.wider ? gap_keyword(n, "required", &gap) : 0;
}

/* The schema of other members: whether it shuts all of them out. */
static bool is_closed(struct cove_bytes schema)
{
    struct cove_bytes other;

    return cove_diff_keyword(schema, "additionalProperties", &other) &&
           cove_bytes_equal(other, cove_bytes("\xf4", 1));
}

static struct cove_bytes member_of(struct cove_bytes map, struct cove_bytes key)
{
    struct cove_reader r;

    cove_reader_init(&r, map);
    for (size_t left = map.len > 0 ? cove_reader_map(&r) : 0; left > 0;
         left--) {
        struct cove_bytes name = cove_reader_text(&r);
        struct cove_bytes value = cove_reader_item(&r);

        if (cove_bytes_equal(name, key)) {
            return value;
        }
    }
    return cove_bytes(NULL, 0);
}

/* A member of an object that only one of the two knows. */
static int member_alone(const struct nested *n, struct cove_bytes name,
                        struct cove_bytes schema, bool comes)
{
    struct gap gap = {.before = comes ? cove_bytes(NULL, 0) : schema,
                      .after = comes ? schema : cove_bytes(NULL, 0),
                      .narrower = !comes && is_closed(n->after),
                      .wider = comes && is_closed(n->before)};
    int rc =
        cove_diff_path(n->d->arena, n->path, "properties", name, &gap.path);

    return rc != 0 ? rc : gap_add(n, &gap);
}

/* The members of an object inside a value. */
static int members_compare(const struct nested *n)
{
    struct cove_bytes had;
    struct cove_bytes has;
    struct cove_reader r;
    int rc = 0;

    if (n->depth == 0) {
        return 0; /* fields: diff.c knows which is which */
    }
    cove_diff_keyword(n->before, "properties", &had);
    cove_diff_keyword(n->after, "properties", &has);
    cove_reader_init(&r, had);
    for (size_t left = had.len > 0 ? cove_reader_map(&r) : 0;
         left > 0 && rc == 0; left--) {
        struct nested member = *n;
        struct cove_bytes name = cove_reader_text(&r);

        member.before = cove_reader_item(&r);
        member.after = member_of(has, name);
        member.depth = 2;
        if (member.after.len == 0) {
            member = *n;
            member.depth = 2;
            rc = member_alone(&member, name, member_of(had, name), false);
            continue;
        }
        rc = cove_diff_path(n->d->arena, n->path, "properties", name,
                            &member.path);
        rc = rc != 0 ? rc : node_compare(&member);
    }
    cove_reader_init(&r, has);
    for (size_t left = has.len > 0 ? cove_reader_map(&r) : 0;
         left > 0 && rc == 0; left--) {
        struct nested inside = *n;
        struct cove_bytes name = cove_reader_text(&r);
        struct cove_bytes schema = cove_reader_item(&r);

        inside.depth = 2;
        if (member_of(had, name).len == 0) {
            rc = member_alone(&inside, name, schema, true);
        }
    }
    return rc;
}

/* --- schemas inside ----------------------------------------------------- */

static int inside_compare(const struct nested *n, const char *keyword)
{
    struct nested inside = *n;
    bool had = cove_diff_keyword(n->before, keyword, &inside.before);
    bool has = cove_diff_keyword(n->after, keyword, &inside.after);
    int rc;

    if (!had && !has) {
        return 0;
    }
    inside.depth = 2;
    rc = cove_diff_path(n->d->arena, n->path, keyword, cove_bytes(NULL, 0),
                        &inside.path);
    return rc != 0 ? rc : node_compare(&inside);
}

/* Rules that are not understood here but compared: one that comes lets less
 * pass, one that goes lets more, and of another nothing is known. */
static int rules_compare(const struct nested *n)
{
    static const char *const rules[] = {"multipleOf",
                                        "pattern",
                                        "prefixItems",
                                        "contains",
                                        "minContains",
                                        "maxContains",
                                        "uniqueItems",
                                        "propertyNames",
                                        "patternProperties",
                                        "dependentRequired",
                                        "dependentSchemas",
                                        "unevaluatedItems",
                                        "unevaluatedProperties",
                                        "$ref",
                                        "$dynamicRef",
                                        "allOf",
                                        "anyOf",
                                        "oneOf",
                                        "not",
                                        "if",
                                        "then",
                                        "else"};
    int rc = 0;

    for (size_t i = 0; i < COVE_ARRAY_LEN(rules) && rc == 0; i++) {
        struct gap gap = {0};

        gap.wider = cove_diff_keyword(n->before, rules[i], &gap.before);
        gap.narrower = cove_diff_keyword(n->after, rules[i], &gap.after);
        if (!cove_bytes_equal(gap.before, gap.after)) {
            rc = gap_keyword(n, rules[i], &gap);
        }
    }
    return rc;
}

/* Schemas that others refer to, by their names: one that only one of the two
 * has lets nothing pass by itself. */
static int definitions_compare(const struct nested *n)
{
    struct cove_bytes had;
    struct cove_bytes has;
    struct cove_reader r;
    int rc = 0;

    cove_diff_keyword(n->before, "$defs", &had);
    cove_diff_keyword(n->after, "$defs", &has);
    cove_reader_init(&r, had);
    for (size_t left = had.len > 0 ? cove_reader_map(&r) : 0;
         left > 0 && rc == 0; left--) {
        struct nested inside = *n;
        struct cove_bytes name = cove_reader_text(&r);

        inside.before = cove_reader_item(&r);
        inside.after = member_of(has, name);
        inside.depth = 2;
        if (inside.after.len > 0) {
            rc = cove_diff_path(n->d->arena, n->path, "$defs", name,
                                &inside.path);
            rc = rc != 0 ? rc : node_compare(&inside);
        }
    }
    return rc;
}

/* Notes that no value is judged by; those of a field diff_classify.c tells. */
static int notes_compare(const struct nested *n)
{
    static const char *const notes[] = {"x-ref", "default"};
    int rc = 0;

    for (size_t i = 0; n->depth > 1 && i < COVE_ARRAY_LEN(notes) && rc == 0;
         i++) {
        struct gap gap = {0};

        cove_diff_keyword(n->before, notes[i], &gap.before);
        cove_diff_keyword(n->after, notes[i], &gap.after);
        if (!cove_bytes_equal(gap.before, gap.after)) {
            rc = gap_keyword(n, notes[i], &gap);
        }
    }
    return rc;
}

static bool is_never(struct cove_bytes schema)
{
    return cove_bytes_equal(schema, cove_bytes("\xf4", 1));
}

static int node_compare(const struct nested *n)
{
    int rc;

    if (is_never(n->before) || is_never(n->after)) {
        const struct gap gap = {.path = n->path,
                                .before = n->before,
                                .after = n->after,
                                .narrower = is_never(n->after),
                                .wider = is_never(n->before)};

        return is_never(n->before) && is_never(n->after) ? 0 : gap_add(n, &gap);
    }
    if ((rc = n->depth == 1 || (n->depth > 1 && !n->items_told)
                  ? types_compare(n)
                  : 0) != 0 ||
        (rc = enum_compare(n)) != 0 || (rc = const_compare(n)) != 0 ||
        (rc = limits_compare(n)) != 0 || (rc = rules_compare(n)) != 0 ||
        (rc = definitions_compare(n)) != 0 || (rc = notes_compare(n)) != 0 ||
        (rc = n->depth > 0 ? required_compare(n) : 0) != 0 ||
        (rc = members_compare(n)) != 0 ||
        (rc = inside_compare(n, "additionalProperties")) != 0) {
        return rc;
    }
    return inside_compare(n, "items");
}

int cove_diff_constraints(struct diff *d, const struct diff_constraints *c)
{
    const struct nested n = {.d = d,
                             .field = c->field,
                             .path = c->path,
                             .before = c->before,
                             .after = c->after,
                             .depth = c->path.len > 0 ? 1 : 0,
                             .items_told = c->items_told};

    return node_compare(&n);
}
