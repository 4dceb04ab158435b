/* jsonschema_keyword.c: the keywords of the validation vocabulary, and the
 * search for a keyword among all.
 *
 * Each keyword has a row in one of four tables: its name, the function that
 * reads its value into the node, the vocabulary it belongs to. What has no row
 * is a note of the author's and carried, as the standard says; only where a
 * schema is authored, one that looks like a misspelt keyword is refused: a rule
 * that is not enforced must not look as if it were.
 * Source: JSON Schema 2020-12, Validation.
 */
#include <stdlib.h>

#include "core/cbor.h"
#include "schema/jsonschema_build.h"
#include "schema/jsonschema_format.h"
#include "schema/jsonschema_near.h"

/* --- rules of one kind, made when the first is met ---------------------- */

static void *rules_of(struct schema_parse *p, void *have, size_t size)
{
    return have != NULL ? have : cove_arena_new(p->arena, size);
}

#define RULES_OF(kind)                                                         \
    struct schema_##kind *cove_schema_##kind(struct schema_parse *p,           \
                                             struct schema_node *node)         \
    {                                                                          \
        node->kind = rules_of(p, node->kind, sizeof *node->kind);              \
        return node->kind;                                                     \
    }
RULES_OF(choices)
RULES_OF(numbers)
RULES_OF(texts)
RULES_OF(lists)
RULES_OF(maps)
RULES_OF(also)

/* --- what several keywords have in common ------------------------------- */

struct cove_bytes cove_schema_text(struct cove_bytes item)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    return cove_reader_peek(&r) == COVE_CBOR_TEXT ? cove_reader_text(&r)
                                                  : cove_bytes(NULL, 0);
}

static int name_order(const void *a, const void *b)
{
    return cove_schema_name_compare(*(const struct cove_bytes *)a,
                                    *(const struct cove_bytes *)b);
}

/* Read a list of encoded items into the arena. */
static int list_items(struct schema_parse *p, struct cove_bytes item,
                      struct cove_bytes **out, size_t *count)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    *count = cove_reader_list(&r);
    *out = cove_arena_array(p->arena, *count + 1, sizeof **out);
    if (*out == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < *count; i++) {
        (*out)[i] = cove_reader_item(&r);
    }
    return 0;
}

int cove_schema_names_parse(struct schema_parse *p, struct cove_bytes item,
                            struct schema_place at, struct cove_bytes **out,
                            size_t *count)
{
    if (cove_cbor_type_of(item) != COVE_CBOR_LIST) {
        return cove_schema_malformed(p, at, "must be a list of names");
    }

    struct cove_bytes *names;
    int rc = list_items(p, item, &names, count);

    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < *count; i++) {
        if (cove_cbor_type_of(names[i]) != COVE_CBOR_TEXT) {
            return cove_schema_malformed(p, at, "must be a list of names");
        }
        names[i] = cove_schema_text(names[i]);
    }
    qsort(names, *count, sizeof *names, name_order);
    for (size_t i = 1; i < *count; i++) {
        if (cove_bytes_equal(names[i - 1], names[i])) {
            return cove_schema_malformed(p, at, "names a property twice");
        }
    }
    *out = names;
    return 0;
}

int cove_schema_pattern_parse(struct schema_parse *p, struct cove_bytes text,
                              struct schema_place at,
                              struct schema_pattern *out)
{
    struct cove_diag why = {0};
    int rc = cove_pattern_new(p->arena, text, &out->code, &why);

    out->text = text;
    if (rc == COVE_EFORMAT && p->options->authored) {
        return cove_schema_malformed(p, at, why.text);
    }
    return rc == COVE_ENOMEM ? rc : 0;
}

/* --- type, enum, const -------------------------------------------------- */

static int type_add(struct schema_parse *p, struct schema_node *node,
                    struct cove_bytes item, struct schema_place at)
{
    struct cove_bytes name = cove_schema_text(item);

    for (unsigned i = 0; name.at != NULL && i < COVE_SCHEMA_TYPES; i++) {
        if (!cove_bytes_equal(name,
                              cove_bytes_text(cove_schema_type_names[i]))) {
            continue;
        }
        if ((node->types & 1U << i) != 0) {
            return cove_schema_malformed(p, at, "names a type twice");
        }
        node->types |= 1U << i;
        return 0;
    }
    return cove_schema_malformed(
        p, at,
        "must be null, boolean, integer, number, string, array, "
        "object, or a list of these");
}

static int keyword_type(struct schema_parse *p, struct schema_node *node,
                        struct cove_bytes item, struct schema_place at)
{
    struct cove_reader r;

    if (cove_cbor_type_of(item) != COVE_CBOR_LIST) {
        return type_add(p, node, item, at);
    }
    cove_reader_init(&r, item);

    size_t count = cove_reader_list(&r);

    if (count == 0) {
        return cove_schema_malformed(p, at, "must name at least one type");
    }
    for (size_t i = 0; i < count; i++) {
        int rc = type_add(p, node, cove_reader_item(&r), at);

        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int keyword_enum(struct schema_parse *p, struct schema_node *node,
                        struct cove_bytes item, struct schema_place at)
{
    struct schema_choices *choices = cove_schema_choices(p, node);

    if (choices == NULL) {
        return COVE_ENOMEM;
    }
    if (cove_cbor_type_of(item) != COVE_CBOR_LIST) {
        return cove_schema_malformed(p, at, "must be a list of values");
    }
    choices->has_enum = true; /* an empty list lets nothing pass */
    return list_items(p, item, &choices->values, &choices->count);
}

static int keyword_const(struct schema_parse *p, struct schema_node *node,
                         struct cove_bytes item, struct schema_place at)
{
    struct schema_choices *choices = cove_schema_choices(p, node);

    (void)at;
    if (choices == NULL) {
        return COVE_ENOMEM;
    }
    choices->constant = item;
    return 0;
}

/* --- numbers ------------------------------------------------------------ */

static int number_parse(struct schema_parse *p, struct schema_node *node,
                        struct cove_bytes item, struct schema_place at)
{
    struct schema_number n;

    if (!cove_schema_number(item, &n)) {
        return cove_schema_malformed(p, at, "must be a number");
    }
    return cove_schema_numbers(p, node) == NULL ? COVE_ENOMEM : 0;
}

#define KEYWORD_NUMBER(name, field)                                            \
    static int keyword_##name(struct schema_parse *p,                          \
                              struct schema_node *node,                        \
                              struct cove_bytes item, struct schema_place at)  \
    {                                                                          \
        int rc = number_parse(p, node, item, at);                              \
                                                                               \
        if (rc == 0) {                                                         \
            node->numbers->field = item;                                       \
        }                                                                      \
        return rc;                                                             \
    }
KEYWORD_NUMBER(minimum, minimum)
KEYWORD_NUMBER(maximum, maximum)
KEYWORD_NUMBER(exclusive_minimum, above)
KEYWORD_NUMBER(exclusive_maximum, below)

static int keyword_multiple(struct schema_parse *p, struct schema_node *node,
                            struct cove_bytes item, struct schema_place at)
{
    struct schema_number n;
    struct schema_number zero = {true, 0, 0};
    int order = -1;
    int rc = number_parse(p, node, item, at);

    if (rc != 0) {
        return rc;
    }
    node->numbers->multiple = item;
    if (!cove_schema_number(item, &n) ||
        !cove_schema_number_compare(&n, &zero, &order) || order <= 0 ||
        !cove_schema_decimal(&n, &node->numbers->divisor)) {
        return cove_schema_malformed(p, at, "must be a number greater than 0");
    }
    return 0;
}

/* --- counts ------------------------------------------------------------- */

/* The standard lets a count be written as a float (2.0). */
static int count_parse(struct schema_parse *p, struct cove_bytes item,
                       struct schema_place at, bool *has, uint64_t *out)
{
    struct schema_number n;

    if (!cove_schema_number(item, &n) || !cove_schema_number_whole(&n) ||
        (n.is_int ? n.i < 0 : n.f < 0 || n.f > 0x1p53)) {
        return cove_schema_malformed(p, at, "must be an integer of 0 or more");
    }
    *has = true;
    *out = n.is_int ? (uint64_t)n.i : (uint64_t)n.f;
    return 0;
}

#define KEYWORD_COUNT(name, kind, range, bound)                                \
    static int keyword_##name(struct schema_parse *p,                          \
                              struct schema_node *node,                        \
                              struct cove_bytes item, struct schema_place at)  \
    {                                                                          \
        struct schema_##kind *rules = cove_schema_##kind(p, node);             \
                                                                               \
        return rules == NULL                                                   \
                   ? COVE_ENOMEM                                               \
                   : count_parse(p, item, at, &rules->range.has_##bound,       \
                                 &rules->range.bound);                         \
    }
KEYWORD_COUNT(min_length, texts, length, min)
KEYWORD_COUNT(max_length, texts, length, max)
KEYWORD_COUNT(min_items, lists, count, min)
KEYWORD_COUNT(max_items, lists, count, max)
KEYWORD_COUNT(min_contains, lists, contained, min)
KEYWORD_COUNT(max_contains, lists, contained, max)
KEYWORD_COUNT(min_properties, maps, count, min)
KEYWORD_COUNT(max_properties, maps, count, max)

/* --- texts, lists, objects ---------------------------------------------- */

static int keyword_pattern(struct schema_parse *p, struct schema_node *node,
                           struct cove_bytes item, struct schema_place at)
{
    struct schema_texts *texts = cove_schema_texts(p, node);
    struct schema_pattern *pattern = cove_arena_new(p->arena, sizeof *pattern);

    if (texts == NULL || pattern == NULL) {
        return COVE_ENOMEM;
    }
    if (cove_cbor_type_of(item) != COVE_CBOR_TEXT) {
        return cove_schema_malformed(p, at, "must be a regular expression");
    }
    texts->pattern = pattern;
    return cove_schema_pattern_parse(p, cove_schema_text(item), at, pattern);
}

static int keyword_format(struct schema_parse *p, struct schema_node *node,
                          struct cove_bytes item, struct schema_place at)
{
    if (cove_cbor_type_of(item) != COVE_CBOR_TEXT) {
        return cove_schema_malformed(p, at, "must be a format's name");
    }
    if (!p->options->formats &&
        (at.resource->vocabularies & SCHEMA_FORMAT_RULE) == 0) {
        return 0;
    }

    const struct schema_format *format =
        cove_schema_format(cove_schema_text(item));

    if (format != NULL && cove_schema_texts(p, node) == NULL) {
        return COVE_ENOMEM;
    }
    if (format != NULL) {
        node->texts->format = format;
    }
    return 0;
}

static int keyword_unique_items(struct schema_parse *p,
                                struct schema_node *node,
                                struct cove_bytes item, struct schema_place at)
{
    struct schema_lists *lists = cove_schema_lists(p, node);
    struct cove_reader r;

    if (lists == NULL) {
        return COVE_ENOMEM;
    }
    if (cove_cbor_type_of(item) != COVE_CBOR_BOOL) {
        return cove_schema_malformed(p, at, "must be true or false");
    }
    cove_reader_init(&r, item);
    lists->unique = cove_reader_bool(&r);
    return 0;
}

static int keyword_required(struct schema_parse *p, struct schema_node *node,
                            struct cove_bytes item, struct schema_place at)
{
    struct schema_maps *maps = cove_schema_maps(p, node);

    return maps == NULL ? COVE_ENOMEM
                        : cove_schema_names_parse(p, item, at, &maps->required,
                                                  &maps->required_count);
}

static int keyword_dependent_required(struct schema_parse *p,
                                      struct schema_node *node,
                                      struct cove_bytes item,
                                      struct schema_place at)
{
    struct schema_maps *maps = cove_schema_maps(p, node);
    struct cove_reader r;

    if (cove_cbor_type_of(item) != COVE_CBOR_MAP) {
        return cove_schema_malformed(p, at,
                                     "must be an object of lists of names");
    }
    cove_reader_init(&r, item);

    size_t count = cove_reader_map(&r);
    struct schema_dependency *all =
        cove_arena_array(p->arena, count + 1, sizeof *all);

    if (maps == NULL || all == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        all[i].name = cove_reader_text(&r);

        struct schema_path path = {at.path, all[i].name, 0};
        struct schema_place one = {&path, at.depth, at.resource};
        int rc = cove_schema_names_parse(p, cove_reader_item(&r), one,
                                         &all[i].needs, &all[i].count);

        if (rc != 0) {
            return rc;
        }
    }
    maps->dependencies = all;
    maps->dependency_count = count;
    return 0;
}

/* --- the search --------------------------------------------------------- */

static const struct schema_keyword_row rules[] = {
    {"type", keyword_type, SCHEMA_VALIDATION, true},
    {"enum", keyword_enum, SCHEMA_VALIDATION, true},
    {"const", keyword_const, SCHEMA_VALIDATION, true},
    {"minimum", keyword_minimum, SCHEMA_VALIDATION, true},
    {"maximum", keyword_maximum, SCHEMA_VALIDATION, true},
    {"exclusiveMinimum", keyword_exclusive_minimum, SCHEMA_VALIDATION, true},
    {"exclusiveMaximum", keyword_exclusive_maximum, SCHEMA_VALIDATION, true},
    {"multipleOf", keyword_multiple, SCHEMA_VALIDATION, true},
    {"minLength", keyword_min_length, SCHEMA_VALIDATION, true},
    {"maxLength", keyword_max_length, SCHEMA_VALIDATION, true},
    {"pattern", keyword_pattern, SCHEMA_VALIDATION, true},
    {"minItems", keyword_min_items, SCHEMA_VALIDATION, true},
    {"maxItems", keyword_max_items, SCHEMA_VALIDATION, true},
    {"uniqueItems", keyword_unique_items, SCHEMA_VALIDATION, true},
    {"minContains", keyword_min_contains, SCHEMA_VALIDATION, true},
    {"maxContains", keyword_max_contains, SCHEMA_VALIDATION, true},
    {"minProperties", keyword_min_properties, SCHEMA_VALIDATION, true},
    {"maxProperties", keyword_max_properties, SCHEMA_VALIDATION, true},
    {"required", keyword_required, SCHEMA_VALIDATION, true},
    {"dependentRequired", keyword_dependent_required, SCHEMA_VALIDATION, true},
    {"format", keyword_format, SCHEMA_FORMAT | SCHEMA_FORMAT_RULE, false},
};

static const struct schema_keyword_row *row_find(
    const struct schema_keyword_row *rows, size_t count, struct cove_bytes name)
{
    for (size_t i = 0; i < count; i++) {
        if (cove_bytes_equal(name, cove_bytes_text(rows[i].name))) {
            return &rows[i];
        }
    }
    return NULL;
}

const struct schema_keyword_row *cove_schema_keyword_find(
    struct cove_bytes name)
{
    const struct schema_keyword_row *row =
        row_find(rules, COVE_ARRAY_LEN(rules), name);

    row = row != NULL ? row
                      : row_find(cove_schema_applicators,
                                 cove_schema_applicator_count, name);
    row = row != NULL
              ? row
              : row_find(cove_schema_core, cove_schema_core_count, name);
    return row != NULL
               ? row
               : row_find(cove_schema_words, cove_schema_word_count, name);
}

const char *cove_schema_keyword_near(struct cove_bytes name)
{
    const struct {
        const struct schema_keyword_row *rows;
        size_t count;
    } tables[] = {
        {rules, COVE_ARRAY_LEN(rules)},
        {cove_schema_applicators, cove_schema_applicator_count},
        {cove_schema_core, cove_schema_core_count},
        {cove_schema_words, cove_schema_word_count},
    };

    for (size_t t = 0; t < COVE_ARRAY_LEN(tables); t++) {
        for (size_t i = 0; i < tables[t].count; i++) {
            if (cove_schema_near(name, tables[t].rows[i].name)) {
                return tables[t].rows[i].name;
            }
        }
    }
    return cove_schema_former(name);
}

int cove_schema_keyword_parse(struct schema_parse *p, struct schema_node *node,
                              struct cove_bytes name, struct cove_bytes item,
                              struct schema_place in)
{
    struct schema_path path = {in.path, name, 0};
    struct schema_place at = {&path, in.depth, in.resource};
    const struct schema_keyword_row *row = cove_schema_keyword_find(name);

    if (row != NULL && (row->vocabulary & in.resource->vocabularies) != 0) {
        return row->parse(p, node, item, at);
    }

    const char *near = row == NULL && p->options->authored
                           ? cove_schema_keyword_near(name)
                           : NULL;
    char text[COVE_SCHEMA_PATH_MAX];

    if (near == NULL) {
        return 0; /* a note */
    }
    return cove_fail(p->diag, COVE_EKEYWORD,
                     "schema: %s: \"%.*s\" is no keyword, and would be carried "
                     "as a note; did you mean \"%s\"? A note of your own "
                     "begins with \"x-\"",
                     cove_schema_where(&at, "", text), SHOWN(name), near);
}
