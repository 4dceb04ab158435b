/* where.c: see where.h.
 *
 * A condition is parsed once into a small tree (a list of terms under each
 * joining one) and then asked of each document (where_match.c), or of an index
 * (search_plan.c). A member without an operator is $eq.
 */
#include "migrate/where_node.h"

#include "core/cbor.h"
#include "core/limits.h"
#include "core/value.h"
#include "migrate/path.h"

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

/* ------------------------------------------------------------------- check */

/* Can a field of this type hold the operand, or what it is compared with? */
static bool type_fits(enum cove_type type, enum cove_kind kind)
{
    switch (type) {
    case COVE_TYPE_TEXT:
        return kind == COVE_KIND_TEXT;
    case COVE_TYPE_INT:
    case COVE_TYPE_NUMBER:
        return kind == COVE_KIND_INT || kind == COVE_KIND_FLOAT;
    case COVE_TYPE_BOOL:
        return kind == COVE_KIND_BOOL;
    case COVE_TYPE_LIST:
    case COVE_TYPE_OBJECT:
    case COVE_TYPE_ANY:
    default:
        return true;
    }
}

static int check_type(const struct cove_where *where,
                      const struct cove_plan *plan, uint32_t reg,
                      struct cove_diag *diag)
{
    enum cove_type type = plan->registers[reg].type;
    enum cove_kind kind = cove_value_kind(where->operand);
    bool compares = where->kind == WHERE_LT || where->kind == WHERE_LTE ||
                    where->kind == WHERE_GT || where->kind == WHERE_GTE ||
                    where->kind == WHERE_BEGINS;

    if (!compares || type_fits(type, kind)) {
        return 0;
    }
    return cove_fail(diag, COVE_ETYPE,
                     "a condition: the field \"%.*s\" is of type %s, and is "
                     "compared with a value that is none; write a number as "
                     "12 and a text as \"12\"",
                     SHOWN(where->field), cove_type_name(type));
}

int cove_where_check(const struct cove_where *where,
                     const struct cove_plan *plan, struct cove_diag *diag)
{
    bool whole = false;
    uint32_t reg = 0;
    int err = 0;

    if (where->kind > WHERE_NOT) {
        err = cove_path_check(plan, where->field, &reg, &whole, diag);
        return err != 0 || !whole ? err : check_type(where, plan, reg, diag);
    }
    for (const struct cove_where *w = where->terms; w != NULL && err == 0;
         w = w->next) {
        err = cove_where_check(w, plan, diag);
    }
    return err;
}
