/* jsonschema_rules.c: the rules for types, choices, numbers, texts and counts.
 * Source: JSON Schema 2020-12, Validation, section 6. */
#include <stdio.h>

#include "core/cbor.h"
#include "schema/jsonschema_judge.h"

/* --- type, enum, const -------------------------------------------------- */

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
                     enum cove_kind kind, const struct schema_at *at)
{
    char rule[96] = "type";
    size_t len = strlen(rule);
    char why[64];

    for (unsigned i = 0, named = 0; i < COVE_SCHEMA_TYPES; i++) {
        if ((node->types & 1U << i) != 0) {
            len += (size_t)snprintf(rule + len, sizeof rule - len, "%s %s",
                                    named++ > 0 ? " or" : "",
                                    cove_schema_type_names[i]);
        }
    }
    snprintf(why, sizeof why, "the value is %s", kinds[kind].what);
    return cove_schema_break(c, at, rule, why);
}

int cove_schema_type_check(struct schema_check *c,
                           const struct schema_node *node,
                           struct cove_bytes value, enum cove_kind kind,
                           const struct schema_at *at)
{
    struct schema_number n;

    if ((node->types & kinds[kind].types) != 0 ||
        (kind == COVE_KIND_FLOAT && (node->types & SCHEMA_INTEGER) != 0 &&
         cove_schema_number(value, &n) && cove_schema_number_whole(&n))) {
        return 0;
    }
    return c->quiet > 0 ? cove_schema_break(c, at, "type", "")
                        : type_fail(c, node, kind, at);
}

int cove_schema_choices_check(struct schema_check *c,
                              const struct schema_choices *rules,
                              struct cove_bytes value,
                              const struct schema_at *at)
{
    if (rules->has_enum) {
        size_t i = 0;
        int rc = cove_schema_spend(c, rules->count / 16);

        if (rc != 0) {
            return rc;
        }
        while (i < rules->count &&
               !cove_schema_equal(rules->values[i], value)) {
            i++;
        }
        if (i == rules->count) {
            return cove_schema_break(c, at, "enum",
                                     "the value is none of those listed");
        }
    }
    if (rules->constant.len > 0 && !cove_schema_equal(rules->constant, value)) {
        return cove_schema_break(c, at, "const", "the value is another one");
    }
    return 0;
}

/* --- numbers ------------------------------------------------------------ */

static int number_fail(struct schema_check *c, const char *keyword,
                       struct cove_bytes rule_value,
                       const struct schema_number *n,
                       const struct schema_at *at)
{
    struct schema_number limit;
    char rule[COVE_SCHEMA_NUMBER_MAX + 20];
    char why[COVE_SCHEMA_NUMBER_MAX + 16];
    char text[COVE_SCHEMA_NUMBER_MAX];

    if (c->quiet > 0) {
        return cove_schema_break(c, at, keyword, "");
    }
    if (cove_schema_number(rule_value, &limit)) {
        cove_schema_number_text(&limit, text);
        snprintf(rule, sizeof rule, "%s %s", keyword, text);
    }
    cove_schema_number_text(n, text);
    snprintf(why, sizeof why, "the value is %s", text);
    return cove_schema_break(c, at, rule, why);
}

/* Is the number on this side of the bound (-1 below, 1 above), or where
 * `exclusive` at it? NaN is on every side. */
static bool bound_breaks(struct cove_bytes bound, const struct schema_number *n,
                         int side, bool exclusive)
{
    struct schema_number limit;
    int order;

    return bound.len > 0 && cove_schema_number(bound, &limit) &&
           (!cove_schema_number_compare(n, &limit, &order) || order == side ||
            (exclusive && order == 0));
}

int cove_schema_numbers_check(struct schema_check *c,
                              const struct schema_numbers *rules,
                              struct cove_bytes value,
                              const struct schema_at *at)
{
    struct schema_number n;
    struct schema_decimal decimal;

    if (!cove_schema_number(value, &n)) {
        return 0;
    }
    if (bound_breaks(rules->minimum, &n, -1, false)) {
        return number_fail(c, "minimum", rules->minimum, &n, at);
    }
    if (bound_breaks(rules->above, &n, -1, true)) {
        return number_fail(c, "exclusiveMinimum", rules->above, &n, at);
    }
    if (bound_breaks(rules->maximum, &n, 1, false)) {
        return number_fail(c, "maximum", rules->maximum, &n, at);
    }
    if (bound_breaks(rules->below, &n, 1, true)) {
        return number_fail(c, "exclusiveMaximum", rules->below, &n, at);
    }
    if (rules->multiple.len > 0 &&
        (!cove_schema_decimal(&n, &decimal) ||
         !cove_schema_decimal_divides(&decimal, &rules->divisor))) {
        return number_fail(c, "multipleOf", rules->multiple, &n, at);
    }
    return 0;
}

/* --- counts and texts --------------------------------------------------- */

int cove_schema_range_check(struct schema_check *c,
                            const struct schema_range *range, uint64_t count,
                            const struct schema_counted *words,
                            const struct schema_at *at)
{
    bool few = range->has_min && count < range->min;
    char rule[48];
    char why[64];

    if (!few && !(range->has_max && count > range->max)) {
        return 0;
    }
    snprintf(rule, sizeof rule, "%s %llu", few ? words->min : words->max,
             (unsigned long long)(few ? range->min : range->max));
    snprintf(why, sizeof why, "%s has %llu %s", words->whole,
             (unsigned long long)count,
             count == 1 ? words->what : words->several);
    return cove_schema_break(c, at, rule, why);
}

static int pattern_check(struct schema_check *c,
                         const struct schema_pattern *pattern,
                         struct cove_bytes text, const struct schema_at *at)
{
    char rule[COVE_SHOWN_MAX + 16];
    bool matches = false;
    int rc = cove_schema_spend(c, 1 + text.len / 16);

    if (rc == 0) {
        rc = cove_pattern_match(pattern->code, text, &c->scratch, &matches,
                                c->diag);
    }
    if (rc != 0 || matches) {
        return rc;
    }
    snprintf(rule, sizeof rule, "pattern %.*s", SHOWN(pattern->text));
    return cove_schema_break(c, at, rule, "the text does not match");
}

int cove_schema_texts_check(struct schema_check *c,
                            const struct schema_texts *rules,
                            struct cove_bytes value, const struct schema_at *at)
{
    static const struct schema_counted words = {
        "minLength", "maxLength", "the text", "character", "characters"};
    struct cove_bytes text = cove_value_text(value);
    char rule[48];
    uint64_t count = 0;
    int rc = 0;

    if (rules->length.has_min || rules->length.has_max) {
        for (size_t i = 0; i < text.len; i++) {
            count += (text.at[i] & 0xc0) != 0x80;
        }
        rc = cove_schema_range_check(c, &rules->length, count, &words, at);
    }
    if (rc == 0 && rules->pattern != NULL) {
        rc = pattern_check(c, rules->pattern, text, at);
    }
    if (rc == 0 && rules->format != NULL && !rules->format->fits(text)) {
        snprintf(rule, sizeof rule, "format %s", rules->format->name);
        rc = cove_schema_break(c, at, rule, "the text has another form");
    }
    return rc;
}
