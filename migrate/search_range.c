/* search_range.c: what a condition says of the values of one path, as bytes of
 * core/order.h. Where a path may lead to several values, two conditions may be
 * met by two of them: then only one of the conditions makes the range. */
#include "core/cbor.h"
#include "core/order.h"
#include "core/value.h"
#include "migrate/search_internal.h"
#include "migrate/where_node.h"

/* Longer than what an index holds: certain to be seen as cut. */
#define RANGE_ROOM (COVE_INDEX_VALUES + 1)

int search_after(struct cove_arena *arena, struct cove_bytes b,
                 struct cove_bytes *out)
{
    struct cove_buf buf;
    int err;

    cove_buf_init(&buf, arena->alloc);
    err = cove_buf_append(&buf, b);
    if (err == 0) {
        cove_order_after(&buf, 0);
        err = cove_arena_copy(arena, cove_buf_bytes(&buf), out);
    }
    cove_buf_clear(&buf);
    return err;
}

/* --- the terms of a condition */

static int terms_add(struct cove_arena *arena, struct search_terms *terms,
                     const struct cove_where *where)
{
    void *at = terms->at;
    int err = cove_arena_grow(arena, &at, sizeof(const struct cove_where *),
                              terms->count, &terms->cap);

    if (err == 0) {
        terms->at = at;
        terms->at[terms->count++] = where;
    }
    return err;
}

int search_terms_find(struct cove_arena *arena, const struct cove_where *where,
                      struct search_terms *out)
{
    int err = 0;

    if (where->kind == WHERE_OR || where->kind == WHERE_NOT) {
        out->more = true;
        return 0;
    }
    if (where->kind != WHERE_AND) {
        return terms_add(arena, out, where);
    }
    for (const struct cove_where *w = where->terms; w != NULL && err == 0;
         w = w->next) {
        err = search_terms_find(arena, w, out);
    }
    return err;
}

/* --- bytes */

static int encoded(struct cove_arena *arena, struct cove_bytes value,
                   struct cove_bytes *out)
{
    struct cove_buf buf;
    int err;

    cove_buf_init(&buf, arena->alloc);
    err = cove_order_value(&buf, value, RANGE_ROOM);
    err = err != 0 ? err : cove_arena_copy(arena, cove_buf_bytes(&buf), out);
    cove_buf_clear(&buf);
    return err;
}

static int tagged(struct cove_arena *arena, unsigned tag,
                  struct cove_bytes *out)
{
    const uint8_t byte = (uint8_t)tag;

    return cove_arena_copy(arena, cove_bytes(&byte, 1), out);
}

/* --- points */

static bool term_is_point(const struct cove_where *w)
{
    return w->kind == WHERE_EQ || w->kind == WHERE_IN ||
           (w->kind == WHERE_NULL && w->wanted) ||
           (w->kind == WHERE_INVALID && w->wanted) ||
           (w->kind == WHERE_EXISTS && !w->wanted);
}

static int points_of_list(struct cove_arena *arena, struct cove_bytes list,
                          struct search_bound *out)
{
    struct cove_reader r;
    int err = 0;

    cove_reader_init(&r, list);
    size_t count = cove_reader_list(&r);

    out->points = cove_arena_array(arena, count + 1, sizeof(*out->points));
    if (out->points == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count && err == 0; i++) {
        err = encoded(arena, cove_reader_item(&r), &out->points[i]);
    }
    out->point_count = count;
    return err;
}

static int points_of(struct cove_arena *arena, const struct cove_where *w,
                     struct search_bound *out)
{
    out->terms = 1;
    if (w->kind == WHERE_IN) {
        return points_of_list(arena, w->operand, out);
    }
    out->points = cove_arena_array(arena, 1, sizeof(*out->points));
    if (out->points == NULL) {
        return COVE_ENOMEM;
    }
    out->point_count = 1;
    return w->kind == WHERE_EQ
               ? encoded(arena, w->operand, &out->points[0])
               : tagged(arena,
                        w->kind == WHERE_NULL      ? COVE_ORDER_NULL
                        : w->kind == WHERE_INVALID ? COVE_ORDER_INVALID
                                                   : COVE_ORDER_MISSING,
                        &out->points[0]);
}

/* --- ranges */

static bool term_is_range(const struct cove_where *w)
{
    return w->kind == WHERE_LT || w->kind == WHERE_LTE || w->kind == WHERE_GT ||
           w->kind == WHERE_GTE || w->kind == WHERE_BEGINS ||
           (w->kind == WHERE_EXISTS && w->wanted);
}

/* All values that are ordered with this one. */
static int range_of_type(struct cove_arena *arena, struct cove_bytes value,
                         struct cove_bytes *begin, struct cove_bytes *end)
{
    struct cove_buf buf;
    unsigned tag = COVE_ORDER_NUMBER;
    int err;

    if (value.at[0] == COVE_ORDER_NUMBER) {
        cove_buf_init(&buf, arena->alloc);
        err = cove_order_least_number(&buf);
        err = err != 0 ? err
                       : cove_arena_copy(arena, cove_buf_bytes(&buf), begin);
        cove_buf_clear(&buf);
    } else {
        tag = value.at[0];
        err = tagged(arena, tag, begin);
    }
    return err != 0 ? err : tagged(arena, tag + 1, end);
}

/* A value that is cut stands for others too: those belong to the range. */
static int range_edge(struct cove_arena *arena, struct cove_bytes value,
                      bool behind, struct cove_bytes *out)
{
    bool cut = value.len >= COVE_INDEX_VALUES;

    *out = value;
    return behind || cut ? search_after(arena, value, out) : 0;
}

static int range_of(struct cove_arena *arena, const struct cove_where *w,
                    struct cove_bytes *begin, struct cove_bytes *end)
{
    struct cove_bytes value;
    struct cove_buf buf;
    int err;

    if (w->kind == WHERE_EXISTS) {
        err = tagged(arena, COVE_ORDER_INVALID, begin);
        return err != 0 ? err : tagged(arena, 0xff, end);
    }
    if (w->kind == WHERE_BEGINS) {
        cove_buf_init(&buf, arena->alloc);
        err = cove_order_text_prefix(&buf, cove_value_text(w->operand),
                                     RANGE_ROOM);
        err = err != 0 ? err
                       : cove_arena_copy(arena, cove_buf_bytes(&buf), begin);
        cove_buf_clear(&buf);
        return err != 0 ? err : search_after(arena, *begin, end);
    }
    err = encoded(arena, w->operand, &value);
    err = err != 0 ? err : range_of_type(arena, value, begin, end);
    if (err != 0) {
        return err;
    }
    if (w->kind == WHERE_LT || w->kind == WHERE_LTE) {
        return range_edge(arena, value, w->kind == WHERE_LTE, end);
    }
    /* Nothing is ordered with NaN, which is before the least. */
    if (cove_bytes_compare(value, *begin) < 0) {
        *begin = *end;
        return 0;
    }
    if (w->kind == WHERE_GT && value.len < COVE_INDEX_VALUES) {
        return search_after(arena, value, begin);
    }
    *begin = value;
    return 0;
}

static int bound_range(struct cove_arena *arena, const struct cove_where *w,
                       struct search_bound *out)
{
    struct cove_bytes begin, end;
    int err = range_of(arena, w, &begin, &end);

    if (err != 0) {
        return err;
    }
    if (!out->has_range || cove_bytes_compare(begin, out->begin) > 0) {
        out->begin = begin;
    }
    if (!out->has_range || cove_bytes_compare(end, out->end) < 0) {
        out->end = end;
    }
    out->has_range = true;
    out->terms++;
    return 0;
}

int search_bound_of(struct cove_arena *arena, const struct search_terms *terms,
                    struct cove_bytes path, bool one, struct search_bound *out)
{
    int err = 0;

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < terms->count; i++) {
        if (cove_bytes_equal(terms->at[i]->field, path) &&
            term_is_point(terms->at[i])) {
            return points_of(arena, terms->at[i], out);
        }
    }
    for (size_t i = 0; i < terms->count && err == 0; i++) {
        if (cove_bytes_equal(terms->at[i]->field, path) &&
            term_is_range(terms->at[i]) && (one || !out->has_range)) {
            err = bound_range(arena, terms->at[i], out);
        }
    }
    return err;
}
