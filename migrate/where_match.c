/* where_match.c: a condition asked of one document.
 *
 * Nothing converts: a comparison of two types answers no, whatever the
 * operator, and $ne is the opposite of $eq. So what a version cannot read
 * (missing, or invalid) is never equal, less or more, and always unequal. Equal
 * bytes are equal values; besides, numbers are equal that have the same value,
 * which for an integer and a float is decided without rounding either. A path
 * may lead to several values: a term holds where one of them meets it, and one
 * with $ne or a false operand where none does what it denies.
 */
#include "migrate/where_node.h"

#include "core/cbor.h"
#include "core/value.h"
#include "migrate/path.h"

#include <math.h>

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

/* What a term looks for, once found, is enough. */
struct term_look {
    const struct cove_where *where;
    bool found;
};

static bool term_looks(void *ctx, const struct cove_cell *cell)
{
    struct term_look *look = ctx;
    const struct cove_where *w = look->where;
    bool present = cell->kind == COVE_PRESENT;

    switch (w->kind) {
    case WHERE_EXISTS:
        look->found = true;
        break;
    case WHERE_INVALID:
        look->found = !present;
        break;
    case WHERE_NULL:
        look->found = present && cove_value_is_null(cell->bytes);
        break;
    case WHERE_NE:
        look->found = present && values_equal(cell->bytes, w->operand);
        break;
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
        look->found = present && term_value(w, cell->bytes);
        break;
    }
    return !look->found;
}

static int term_match(const struct cove_where *w, struct cove_loaded *loaded,
                      bool *out)
{
    struct term_look look = {w, false};
    bool wanted = w->kind == WHERE_NE ? false : true;
    int err = cove_path_walk(loaded, w->field, term_looks, &look);

    if (w->kind == WHERE_EXISTS || w->kind == WHERE_INVALID ||
        w->kind == WHERE_NULL) {
        wanted = w->wanted;
    }
    *out = look.found == wanted;
    return err;
}

int cove_where_match(const struct cove_where *where, struct cove_loaded *loaded,
                     bool *out)
{
    bool all = where->kind != WHERE_OR, met = all;

    if (where->kind > WHERE_NOT) {
        return term_match(where, loaded, out);
    }
    for (const struct cove_where *w = where->terms; w != NULL && met == all;
         w = w->next) {
        int err = cove_where_match(w, loaded, &met);

        if (err != 0) {
            return err;
        }
    }
    *out = where->kind == WHERE_NOT ? !met : met;
    return 0;
}
