/* where.c: see where.h.
 *
 * A condition is parsed once into a small tree (a list of terms under each
 * joining one) and then asked of each document. A member without an operator
 * is $eq. Nothing converts: a comparison of two types answers no, whatever
 * the operator, and $ne is the opposite of $eq. So what a version cannot read
 * (missing, or invalid) is never equal, less or more, and always unequal.
 * Equal bytes are equal values; besides, numbers are equal that have the same
 * value, which for an integer and a float is decided without rounding either.
 */
#include "migrate/where.h"

#include "core/cbor.h"
#include "core/limits.h"
#include "core/value.h"

#include <math.h>

enum where_kind {
    WHERE_AND,
    WHERE_OR,
    WHERE_NOT,
    WHERE_EQ,
    WHERE_NE,
    WHERE_LT,
    WHERE_LTE,
    WHERE_GT,
    WHERE_GTE,
    WHERE_IN,
    WHERE_BEGINS,
    WHERE_EXISTS,
    WHERE_NULL,
    WHERE_INVALID
};

struct cove_where {
    enum where_kind kind;
    struct cove_where *terms; /* of $and, $or and $not */
    struct cove_where *next;  /* term of the same parent */
    struct cove_bytes field;  /* of the others */
    struct cove_bytes operand;
    bool wanted; /* of $exists, $null, $invalid */
};

struct where_parse {
    struct cove_arena *arena;
    struct cove_diag *diag;
    size_t terms;
    unsigned depth;
};

/* ------------------------------------------------------------------- parse */

static int where_text_fail(struct where_parse *p, const char *what,
                           struct cove_bytes name)
{
    return cove_fail(p->diag, COVE_EUSAGE, "a condition: \"%.*s\" %s",
                     (int)name.len, (const char *)name.at, what);
}

static int where_new(struct where_parse *p, enum where_kind kind,
                     struct cove_where **out)
{
    if (p->terms == COVE_WHERE_TERMS) {
        return cove_fail(p->diag, COVE_ELIMIT,
                         "a condition of more than %d terms", COVE_WHERE_TERMS);
    }
    p->terms++;
    *out = cove_arena_new(p->arena, sizeof(**out));
    if (*out == NULL) {
        return COVE_ENOMEM;
    }
    (*out)->kind = kind;
    return 0;
}

/* The operators on a field, and what stands behind each. */
static const struct where_operator {
    const char *name;
    enum where_kind kind;
    enum { WANT_ANY, WANT_ORDERED, WANT_TEXT, WANT_LIST, WANT_BOOL } wants;
} where_operators[] = {
    {"$eq", WHERE_EQ, WANT_ANY},
    {"$ne", WHERE_NE, WANT_ANY},
    {"$lt", WHERE_LT, WANT_ORDERED},
    {"$lte", WHERE_LTE, WANT_ORDERED},
    {"$gt", WHERE_GT, WANT_ORDERED},
    {"$gte", WHERE_GTE, WANT_ORDERED},
    {"$in", WHERE_IN, WANT_LIST},
    {"$beginsWith", WHERE_BEGINS, WANT_TEXT},
    {"$exists", WHERE_EXISTS, WANT_BOOL},
    {"$null", WHERE_NULL, WANT_BOOL},
    {"$invalid", WHERE_INVALID, WANT_BOOL},
};

static bool where_ordered(enum cove_kind kind)
{
    return kind == COVE_KIND_INT || kind == COVE_KIND_FLOAT ||
           kind == COVE_KIND_TEXT || kind == COVE_KIND_BYTES;
}

static int where_operand(struct where_parse *p,
                         const struct where_operator *operator,
                         struct cove_where * w)
{
    struct cove_bytes name = cove_bytes_text(operator->name);
    enum cove_kind kind = cove_value_kind(w->operand);
    struct cove_reader r;

    if (cove_value_check(w->operand, NULL) != 0) {
        return where_text_fail(p, "stands before what no field can hold", name);
    }
    switch (operator->wants) {
    case WANT_ORDERED:
        return where_ordered(kind)
                   ? 0
                   : where_text_fail(p, "needs a number, a text or bytes",
                                     name);
    case WANT_TEXT:
        return kind == COVE_KIND_TEXT
                   ? 0
                   : where_text_fail(p, "needs a text", name);
    case WANT_LIST:
        return kind == COVE_KIND_LIST
                   ? 0
                   : where_text_fail(p, "needs a list", name);
    case WANT_BOOL:
        if (kind != COVE_KIND_BOOL) {
            return where_text_fail(p, "needs true or false", name);
        }
        cove_reader_init(&r, w->operand);
        w->wanted = cove_reader_bool(&r);
        return 0;
    case WANT_ANY:
    default:
        return 0;
    }
}

static int where_operator(struct where_parse *p, struct cove_bytes field,
                          struct cove_bytes name, struct cove_bytes operand,
                          struct cove_where **out)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(where_operators); i++) {
        const struct where_operator *operator= & where_operators[i];

        if (!cove_bytes_equal(cove_bytes_text(operator->name), name)) {
            continue;
        }
        int err = where_new(p, operator->kind, out);

        if (err != 0) {
            return err;
        }
        (*out)->field = field;
        (*out)->operand = operand;
        return where_operand(p, operator, * out);
    }
    return cove_fail(p->diag, COVE_EUSAGE,
                     "a condition: \"%.*s\" of the field \"%.*s\" is no "
                     "operator; there are $eq $ne $lt $lte $gt $gte $in "
                     "$beginsWith $exists $null $invalid",
                     (int)name.len, (const char *)name.at, (int)field.len,
                     (const char *)field.at);
}

/* Is it a map of operators, and not a value to be equal to? */
static bool where_is_operators(struct cove_bytes value)
{
    struct cove_reader r;
    bool some = false;

    if (cove_value_kind(value) != COVE_KIND_MAP) {
        return false;
    }
    cove_reader_init(&r, value);
    size_t pairs = cove_reader_map(&r);

    for (size_t i = 0; i < pairs; i++) {
        struct cove_bytes key = cove_reader_text(&r);

        cove_reader_item(&r);
        some = some || (key.len > 0 && key.at[0] == '$');
    }
    return some;
}

/* {"$gte": 10, "$lt": 20}, or a plain value. Adds to the list at *tail. */
static int where_field(struct where_parse *p, struct cove_bytes field,
                       struct cove_bytes value, struct cove_where ***tail)
{
    struct cove_reader r;
    size_t pairs = 1;
    bool operators = where_is_operators(value);
    int err = 0;

    cove_reader_init(&r, value);
    if (operators) {
        pairs = cove_reader_map(&r);
    }
    for (size_t i = 0; i < pairs && err == 0; i++) {
        struct cove_bytes name =
            operators ? cove_reader_text(&r) : cove_bytes_text("$eq");
        struct cove_bytes operand = cove_reader_item(&r);

        if (r.err != 0) {
            return where_text_fail(p, "has an operator that is no text", field);
        }
        err = where_operator(p, field, name, operand, *tail);
        if (err == 0) {
            *tail = &(**tail)->next;
        }
    }
    return err;
}

static int where_map(struct where_parse *p, struct cove_bytes map,
                     struct cove_where **out);

/* The conditions of $and or $or. */
static int where_list(struct where_parse *p, struct cove_bytes name,
                      struct cove_bytes list, struct cove_where *parent)
{
    struct cove_where **tail = &parent->terms;
    struct cove_reader r;
    int err = 0;

    if (cove_value_kind(list) != COVE_KIND_LIST) {
        return where_text_fail(p, "needs a list of conditions", name);
    }
    cove_reader_init(&r, list);
    size_t count = cove_reader_list(&r);

    for (size_t i = 0; i < count && err == 0; i++) {
        err = where_map(p, cove_reader_item(&r), tail);
        if (err == 0) {
            tail = &(*tail)->next;
        }
    }
    return err;
}

static int where_joining(struct where_parse *p, struct cove_bytes name,
                         struct cove_bytes value, struct cove_where **out)
{
    static const struct {
        const char *name;
        enum where_kind kind;
    } words[] = {{"$and", WHERE_AND}, {"$or", WHERE_OR}, {"$not", WHERE_NOT}};

    for (size_t i = 0; i < COVE_ARRAY_LEN(words); i++) {
        if (!cove_bytes_equal(cove_bytes_text(words[i].name), name)) {
            continue;
        }
        int err = where_new(p, words[i].kind, out);

        if (err != 0) {
            return err;
        }
        return words[i].kind == WHERE_NOT ? where_map(p, value, &(*out)->terms)
                                          : where_list(p, name, value, *out);
    }
    return where_text_fail(p,
                           "joins nothing; there are $and, $or and $not, and "
                           "the names of fields",
                           name);
}

static int where_map(struct where_parse *p, struct cove_bytes map,
                     struct cove_where **out)
{
    struct cove_where **tail;
    struct cove_reader r;
    int err;

    if (cove_value_kind(map) != COVE_KIND_MAP) {
        return cove_fail(p->diag, COVE_EUSAGE,
                         "a condition must be an object: {\"field\": value}");
    }
    if (p->depth == COVE_WHERE_DEPTH) {
        return cove_fail(p->diag, COVE_ELIMIT,
                         "a condition nested deeper than %d", COVE_WHERE_DEPTH);
    }
    err = where_new(p, WHERE_AND, out);
    if (err != 0) {
        return err;
    }
    tail = &(*out)->terms;
    p->depth++;
    cove_reader_init(&r, map);
    size_t pairs = cove_reader_map(&r);

    for (size_t i = 0; i < pairs && err == 0; i++) {
        struct cove_bytes name = cove_reader_text(&r);
        struct cove_bytes value = cove_reader_item(&r);

        if (r.err != 0) {
            return cove_fail(p->diag, COVE_EUSAGE,
                             "a condition has a name that is no text");
        }
        if (name.len > 0 && name.at[0] == '$') {
            err = where_joining(p, name, value, tail);
            tail = err == 0 ? &(*tail)->next : tail;
        } else {
            err = where_field(p, name, value, &tail);
        }
    }
    p->depth--;
    return err;
}

int cove_where_parse(struct cove_arena *arena, struct cove_bytes map,
                     const struct cove_where **out, struct cove_diag *diag)
{
    struct where_parse p = {.arena = arena, .diag = diag};
    struct cove_where *where = NULL;
    int err = cove_cbor_check_all(map, COVE_MAX_CBOR_DEPTH, NULL);

    if (err == COVE_ELIMIT) {
        return cove_fail(diag, err, "a condition nested deeper than %d",
                         COVE_WHERE_DEPTH);
    }
    if (err != 0) {
        return cove_fail(diag, COVE_EUSAGE, "a condition is not well-formed");
    }
    err = where_map(&p, map, &where);
    if (err == 0) {
        *out = where;
    }
    return err;
}

/* ------------------------------------------------------------------- match */

static int order_of(bool less, bool more)
{
    return (int)more - (int)less;
}

/* Neither is rounded: a float beyond all integers decides by its sign, any
 * other by its whole part and then by what is behind the point. */
static int order_int_float(int64_t a, double b)
{
    if (b >= 0x1p63) {
        return -1;
    }
    if (b < -0x1p63) {
        return 1;
    }
    int64_t whole = (int64_t)b;
    double back = (double)whole; /* exact: what stood before b's point */

    return a != whole ? order_of(a<whole, a> whole) : order_of(back<b, back> b);
}

static double value_float(struct cove_bytes value)
{
    struct cove_reader r;

    cove_reader_init(&r, value);
    return cove_reader_float(&r);
}

/* <0, 0, >0 in *order; false where the two are not ordered. */
static bool numbers_order(struct cove_bytes a, struct cove_bytes b, int *order)
{
    bool a_int = cove_value_kind(a) == COVE_KIND_INT;
    bool b_int = cove_value_kind(b) == COVE_KIND_INT;

    if ((!a_int && isnan(value_float(a))) ||
        (!b_int && isnan(value_float(b)))) {
        return false;
    }
    if (a_int && b_int) {
        int64_t x = cove_value_int(a), y = cove_value_int(b);

        *order = order_of(x<y, x> y);
    } else if (a_int) {
        *order = order_int_float(cove_value_int(a), value_float(b));
    } else if (b_int) {
        *order = -order_int_float(cove_value_int(b), value_float(a));
    } else {
        double x = value_float(a), y = value_float(b);

        *order = order_of(x<y, x> y);
    }
    return true;
}

static bool kind_is_number(enum cove_kind kind)
{
    return kind == COVE_KIND_INT || kind == COVE_KIND_FLOAT;
}

static struct cove_bytes value_string(struct cove_bytes value)
{
    struct cove_reader r;

    cove_reader_init(&r, value);
    return cove_value_kind(value) == COVE_KIND_TEXT ? cove_reader_text(&r)
                                                    : cove_reader_bytes(&r);
}

static bool values_order(struct cove_bytes a, struct cove_bytes b, int *order)
{
    enum cove_kind ka = cove_value_kind(a), kb = cove_value_kind(b);

    if (kind_is_number(ka) && kind_is_number(kb)) {
        return numbers_order(a, b, order);
    }
    if (ka != kb || (ka != COVE_KIND_TEXT && ka != COVE_KIND_BYTES)) {
        return false;
    }
    *order = cove_bytes_compare(value_string(a), value_string(b));
    return true;
}

static bool values_equal(struct cove_bytes a, struct cove_bytes b)
{
    int order;

    if (cove_bytes_equal(a, b)) {
        return true;
    }
    return kind_is_number(cove_value_kind(a)) &&
           kind_is_number(cove_value_kind(b)) && numbers_order(a, b, &order) &&
           order == 0;
}

static bool value_in(struct cove_bytes value, struct cove_bytes list)
{
    struct cove_reader r;

    cove_reader_init(&r, list);
    size_t count = cove_reader_list(&r);

    for (size_t i = 0; i < count; i++) {
        if (values_equal(value, cove_reader_item(&r))) {
            return true;
        }
    }
    return false;
}

static bool value_begins(struct cove_bytes value, struct cove_bytes with)
{
    if (cove_value_kind(value) != COVE_KIND_TEXT) {
        return false;
    }
    struct cove_bytes text = value_string(value), start = value_string(with);

    return text.len >= start.len &&
           cove_bytes_equal(cove_bytes(text.at, start.len), start);
}

/* A term about a value that can be read. */
static bool term_value(const struct cove_where *w, struct cove_bytes value)
{
    int order = 0;

    switch (w->kind) {
    case WHERE_EQ:
        return values_equal(value, w->operand);
    case WHERE_LT:
        return values_order(value, w->operand, &order) && order < 0;
    case WHERE_LTE:
        return values_order(value, w->operand, &order) && order <= 0;
    case WHERE_GT:
        return values_order(value, w->operand, &order) && order > 0;
    case WHERE_GTE:
        return values_order(value, w->operand, &order) && order >= 0;
    case WHERE_IN:
        return value_in(value, w->operand);
    case WHERE_BEGINS:
        return value_begins(value, w->operand);
    case WHERE_AND:
    case WHERE_OR:
    case WHERE_NOT:
    case WHERE_NE:
    case WHERE_EXISTS:
    case WHERE_NULL:
    case WHERE_INVALID:
    default:
        return false;
    }
}

static bool term_matches(const struct cove_where *w,
                         const struct cove_cell *cell)
{
    bool present = cell->kind == COVE_PRESENT;

    switch (w->kind) {
    case WHERE_EXISTS:
        return (cell->kind != COVE_ABSENT) == w->wanted;
    case WHERE_INVALID:
        return (cell->kind == COVE_INVALID) == w->wanted;
    case WHERE_NULL:
        return (present && cove_value_is_null(cell->bytes)) == w->wanted;
    case WHERE_NE:
        return !(present && values_equal(cell->bytes, w->operand));
    case WHERE_AND:
    case WHERE_OR:
    case WHERE_NOT:
    case WHERE_EQ:
    case WHERE_LT:
    case WHERE_LTE:
    case WHERE_GT:
    case WHERE_GTE:
    case WHERE_IN:
    case WHERE_BEGINS:
    default:
        return present && term_value(w, cell->bytes);
    }
}

int cove_where_match(const struct cove_where *where, struct cove_loaded *loaded,
                     bool *out)
{
    bool all = where->kind != WHERE_OR, met = all;
    struct cove_cell cell = {COVE_ABSENT, {NULL, 0}};
    int err = 0;

    if (where->kind > WHERE_NOT) {
        err = cove_loaded_get(loaded, where->field, &cell, NULL);
        if (err != 0 && err != COVE_ENOTFOUND) {
            return err;
        }
        *out = term_matches(where, &cell);
        return 0;
    }
    for (const struct cove_where *w = where->terms; w != NULL && met == all;
         w = w->next) {
        err = cove_where_match(w, loaded, &met);
        if (err != 0) {
            return err;
        }
    }
    *out = where->kind == WHERE_NOT ? !met : met;
    return 0;
}

/* ------------------------------------------------------------------- check */

static int check_unknown(const struct cove_plan *plan, struct cove_bytes field,
                         struct cove_diag *diag)
{
    char list[512] = "";
    size_t len = 0;

    for (size_t i = 0; i < plan->field_count; i++) {
        struct cove_bytes name = plan->fields[i].name;

        if (name.len + 3 > sizeof(list) - len) {
            break;
        }
        if (len > 0) {
            list[len++] = ',';
            list[len++] = ' ';
        }
        memcpy(list + len, name.at, name.len);
        len += name.len;
    }
    return cove_fail(diag, COVE_ENOTFOUND,
                     "this version of the schema has no field \"%.*s\"; it "
                     "has %.*s",
                     (int)field.len, (const char *)field.at,
                     len > 0 ? (int)len : 4, len > 0 ? list : "none");
}

int cove_where_check(const struct cove_where *where,
                     const struct cove_plan *plan, struct cove_diag *diag)
{
    uint32_t reg;
    int err = 0;

    if (where->kind > WHERE_NOT) {
        return cove_plan_find_name(plan, where->field, &reg)
                   ? 0
                   : check_unknown(plan, where->field, diag);
    }
    for (const struct cove_where *w = where->terms; w != NULL && err == 0;
         w = w->next) {
        err = cove_where_check(w, plan, diag);
    }
    return err;
}
