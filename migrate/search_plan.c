/* search_plan.c: from a condition and an order to ranges of indexes.
 *
 * An index is good for conditions on its first paths: values for each, and at
 * the end a range. It gives the order asked for where what is left of its paths
 * is that order, all in one direction. The one with most values is taken, then
 * one with a range, then one with the order. Conditions of which one has to
 * hold need an index each.
 */
#include <stdlib.h>

#include "core/order.h"
#include "migrate/index_internal.h"
#include "migrate/search_internal.h"
#include "migrate/where_node.h"

struct plan_make {
    struct cove_search *s;
    const struct cove_index *indexes;
    size_t count;
};

/* --- ranges of one index */

struct plan_ranges {
    struct cove_bytes *prefixes;
    size_t count;
};

/* Cut what does not fit a key, which then stands for more. */
static int range_fit(struct cove_arena *arena, struct search_range *range)
{
    if (range->begin.len > COVE_INDEX_VALUES) {
        range->begin.len = COVE_INDEX_VALUES;
    }
    if (range->end.len >= COVE_INDEX_VALUES) {
        range->end.len = COVE_INDEX_VALUES;
        return search_after(arena, range->end, &range->end);
    }
    return 0;
}

static int bytes_join(struct cove_arena *arena, struct cove_bytes a,
                      struct cove_bytes b, struct cove_bytes *out)
{
    uint8_t *at = cove_arena_new(arena, a.len + b.len + 1);

    if (at == NULL) {
        return COVE_ENOMEM;
    }
    if (a.len > 0) {
        memcpy(at, a.at, a.len);
    }
    if (b.len > 0) {
        memcpy(at + a.len, b.at, b.len);
    }
    *out = cove_bytes(at, a.len + b.len);
    return 0;
}

/* Each prefix with each of the points behind it. */
static int prefixes_extend(struct cove_arena *arena, struct plan_ranges *r,
                           const struct search_bound *bound)
{
    size_t count = r->count * bound->point_count, at = 0;
    struct cove_bytes *made = cove_arena_array(arena, count + 1, sizeof(*made));
    int err = made == NULL ? COVE_ENOMEM : 0;

    for (size_t i = 0; i < r->count && err == 0; i++) {
        for (size_t k = 0; k < bound->point_count && err == 0; k++) {
            err = bytes_join(arena, r->prefixes[i], bound->points[k],
                             &made[at++]);
        }
    }
    r->prefixes = made;
    r->count = count;
    return err;
}

static int range_order(const void *left, const void *right)
{
    const struct search_range *a = left, *b = right;

    return cove_bytes_compare(a->begin, b->begin);
}

/* Sorted and joined: no entry is met twice. */
static size_t ranges_settle(struct search_range *ranges, size_t count)
{
    size_t kept = 0;

    qsort(ranges, count, sizeof(*ranges), range_order);
    for (size_t i = 0; i < count; i++) {
        if (cove_bytes_compare(ranges[i].begin, ranges[i].end) >= 0) {
            continue;
        }
        if (kept > 0 &&
            cove_bytes_compare(ranges[i].begin, ranges[kept - 1].end) < 0) {
            if (cove_bytes_compare(ranges[i].end, ranges[kept - 1].end) > 0) {
                ranges[kept - 1].end = ranges[i].end;
            }
            continue;
        }
        ranges[kept++] = ranges[i];
    }
    return kept;
}

static int ranges_close(struct cove_arena *arena, const struct plan_ranges *r,
                        const struct search_bound *last,
                        struct search_source *out)
{
    static const uint8_t first[] = {COVE_ORDER_MISSING}, end[] = {0xff};
    int err = 0;

    out->ranges = cove_arena_array(arena, r->count + 1, sizeof(*out->ranges));
    if (out->ranges == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < r->count && err == 0; i++) {
        struct search_range *range = &out->ranges[i];
        struct cove_bytes prefix = r->prefixes[i];

        if (last != NULL) {
            err = bytes_join(arena, prefix, last->begin, &range->begin);
            err = err != 0 ? err
                           : bytes_join(arena, prefix, last->end, &range->end);
        } else if (prefix.len == 0) {
            range->begin = cove_bytes(first, sizeof(first));
            range->end = cove_bytes(end, sizeof(end));
        } else {
            range->begin = prefix;
            err = search_after(arena, prefix, &range->end);
        }
        out->exact = out->exact && range->begin.len < COVE_INDEX_VALUES &&
                     range->end.len < COVE_INDEX_VALUES;
        err = err != 0 ? err : range_fit(arena, range);
    }
    out->count = err == 0 ? ranges_settle(out->ranges, r->count) : 0;
    return err;
}

struct plan_offer { /* what an index can do */
    struct search_source source;
    unsigned good; /* 0: no condition is about it */
};

static int offer_make(struct plan_make *m, const struct search_terms *terms,
                      const struct cove_index *index, struct plan_offer *out)
{
    struct cove_arena *arena = &m->s->arena;
    struct cove_bytes none = {NULL, 0};
    struct plan_ranges r = {&none, 1};
    struct search_bound bound;
    bool last = false, single = true;
    size_t used = 0;
    int err = 0;

    memset(out, 0, sizeof(*out));
    out->source.index = index;
    for (size_t i = 0; i < index->path_count && err == 0 && !last; i++) {
        err = search_bound_of(arena, terms, index->paths[i], !index->multi,
                              &bound);
        last = err == 0 && (bound.points == NULL ||
                            r.count * bound.point_count > SEARCH_RANGES);
        if (err != 0 || last) {
            break;
        }
        err = prefixes_extend(arena, &r, &bound);
        used += bound.terms;
        single = single && bound.point_count == 1;
        out->source.bound += single;
        out->good += bound.point_count == 1 ? 10 : 6;
    }
    if (err != 0) {
        return err;
    }
    last = last && bound.points == NULL && bound.has_range;
    if (last) {
        used += bound.terms;
        out->good += 4;
    }
    out->source.exact =
        used == terms->count && !terms->more && !index->multi && !index->cut;
    return ranges_close(arena, &r, last ? &bound : NULL, &out->source);
}

/* --- the order */

static bool source_binds(const struct search_source *source,
                         struct cove_bytes path)
{
    for (size_t i = 0; i < source->bound; i++) {
        if (cove_bytes_equal(source->index->paths[i], path)) {
            return true;
        }
    }
    return false;
}

/* Do entries come as rows are asked for? */
static bool source_orders(const struct cove_search *s,
                          const struct search_source *source, bool *back)
{
    const struct cove_search_request *request = s->request;
    const struct cove_index *index = source->index;
    size_t at = source->bound;

    *back = s->num_down;
    if (source->count != 1) {
        return false;
    }
    if (request->order_count == 0) {
        return at == index->path_count;
    }
    if (index->multi || index->cut) {
        return false;
    }
    for (size_t i = 0; i < request->order_count; i++) {
        const struct cove_search_order *o = &request->order[i];

        if (source_binds(source, o->path)) {
            continue;
        }
        if (at == index->path_count || o->down != *back ||
            !cove_bytes_equal(index->paths[at], o->path)) {
            return false;
        }
        at++;
    }
    return at == index->path_count;
}

/* --- the best of them */

static bool index_usable(const struct cove_search *s,
                         const struct cove_index *index, uint64_t sequence)
{
    struct cove_hash plan = cove_plan_fingerprint(s->plan);

    return index->journal == s->request->journal &&
           memcmp(index->head.b, s->request->head.b, sizeof(index->head.b)) ==
               0 &&
           memcmp(index->plan.b, plan.b, sizeof(plan.b)) == 0 &&
           (index->state == COVE_INDEX_READY ||
            (index->state == COVE_INDEX_BUILDING &&
             index->covered > sequence / 2));
}

/* The best index for conditions that all have to hold; out->good 0: none. */
static int plan_all(struct plan_make *m, const struct search_terms *terms,
                    bool order, struct plan_offer *out)
{
    int err = 0;

    out->good = 0;
    for (size_t i = 0; i < m->count && err == 0; i++) {
        struct plan_offer offer;
        bool back;

        err = offer_make(m, terms, &m->indexes[i], &offer);
        if (err == 0 && order && m->s->request->order_count > 0 &&
            source_orders(m->s, &offer.source, &back)) {
            offer.good += 5;
        }
        if (err == 0 && offer.good > out->good) {
            *out = offer;
        }
    }
    return err;
}

/* Each branch of an $or with an index of its own; *done where so it is. */
static int plan_any(struct plan_make *m, const struct cove_where *any,
                    bool *done)
{
    struct search_plan *how = &m->s->how;
    size_t count = 0;
    int err = 0;

    for (const struct cove_where *w = any->terms; w != NULL; w = w->next) {
        count++;
    }
    how->sources =
        cove_arena_array(&m->s->arena, count + 1, sizeof(*how->sources));
    how->count = 0;
    *done = count > 0;
    if (how->sources == NULL) {
        return COVE_ENOMEM;
    }
    for (const struct cove_where *w = any->terms; w != NULL && *done;
         w = w->next) {
        struct search_terms terms = {NULL, 0, 0, false};
        struct plan_offer offer;

        err = search_terms_find(&m->s->arena, w, &terms);
        err = err != 0 ? err : plan_all(m, &terms, false, &offer);
        *done = err == 0 && offer.good > 0;
        if (*done) {
            how->sources[how->count++] = offer.source;
        }
    }
    how->count = *done ? how->count : 0;
    return err;
}

/* An $or among what has to hold. */
static int plan_or(struct plan_make *m, const struct cove_where *where,
                   bool *done)
{
    int err = 0;

    *done = false;
    if (where->kind == WHERE_OR) {
        return plan_any(m, where, done);
    }
    if (where->kind != WHERE_AND) {
        return 0;
    }
    for (const struct cove_where *w = where->terms;
         w != NULL && err == 0 && !*done; w = w->next) {
        err = plan_or(m, w, done);
    }
    return err;
}

/* A copy: those that were looked at are read anew in a pause. */
int search_plan_make(struct cove_search *s, const struct cove_index *indexes,
                     size_t count)
{
    struct cove_index *usable =
        cove_arena_array(&s->arena, count + 1, sizeof(*usable));
    struct plan_make m = {.s = s, .indexes = usable};
    struct search_terms terms = {NULL, 0, 0, false};
    struct plan_offer offer;
    uint64_t sequence;
    bool done;
    int err = usable == NULL ? COVE_ENOMEM
                             : cove_repo_sequence(s->repo, s->txn, &sequence);

    for (size_t i = 0; err == 0 && i < count; i++) {
        if (index_usable(s, &indexes[i], sequence)) {
            struct cove_index *copy = &usable[m.count++];

            *copy = indexes[i];
            err = index_paths_copy(&s->arena, copy->paths, copy->path_count,
                                   &copy->paths);
        }
    }
    if (err == 0 && s->request->where != NULL) {
        err = search_terms_find(&s->arena, s->request->where, &terms);
    }
    err = err != 0 ? err : plan_all(&m, &terms, true, &offer);
    if (err != 0 || m.count == 0) {
        return err;
    }
    if (offer.good > 0) {
        s->how.sources =
            cove_arena_array(&s->arena, 1, sizeof(*s->how.sources));
        if (s->how.sources == NULL) {
            return COVE_ENOMEM;
        }
        s->how.sources[0] = offer.source;
        s->how.count = 1;
        s->how.exact = offer.source.exact;
        s->how.ordered = source_orders(s, &offer.source, &s->how.back);
        return 0;
    }
    return s->request->where != NULL ? plan_or(&m, s->request->where, &done)
                                     : 0;
}
