/* search.c: see search.h. Three ways to give rows:
 *
 *   by number   no order is asked for: the schema's documents, or those that
 *               indexes name, one after another; each is looked at when it is
 *               its turn
 *   sorted      all candidates are looked at, and sorted
 *   by index    entries come in the order asked for; what the index says
 * nothing of for sure is looked at first, and given among them
 */
#include "migrate/search_internal.h"

#include "core/order.h"
#include "migrate/path.h"

/* --- a walk over ranges */

/* Open, or open again after a pause, behind the last entry. */
static int walk_open(struct cove_search *s, const struct cove_index *index,
                     bool back, struct cove_index_entry *out)
{
    struct cove_bytes values = cove_bytes(s->walk_values, s->walk_len);
    int err = cove_index_walk_open(s->txn, index->number, back, &s->walk);

    if (err != 0) {
        return err;
    }
    return cove_index_walk_seek(&s->walk, values, s->walk_num, out);
}

static int walk_next(struct cove_search *s, const struct cove_index *index,
                     bool back, struct cove_index_entry *out)
{
    bool open = s->walk.cursor != NULL;
    int err = open ? cove_index_walk_next(&s->walk, out)
                   : walk_open(s, index, back, out);

    if (err == COVE_EUSAGE && open) { /* somebody wrote in between */
        cove_index_walk_close(&s->walk);
        err = walk_open(s, index, back, out);
    }
    if (err == 0) {
        s->explain.entries++;
        s->walk_len = out->values.len;
        memcpy(s->walk_values, out->values.at, out->values.len);
        s->walk_num = back ? out->num : out->num + 1;
    }
    return err;
}

static void walk_close(struct cove_search *s)
{
    if (s->walk.cursor != NULL) {
        cove_index_walk_close(&s->walk);
    }
}

static void walk_start(struct cove_search *s, struct cove_bytes values,
                       cove_num num)
{
    size_t len =
        values.len < COVE_INDEX_VALUES ? values.len : COVE_INDEX_VALUES;

    walk_close(s);
    if (len > 0) {
        memcpy(s->walk_values, values.at, len);
    }
    s->walk_len = len;
    s->walk_num = num;
}

/* --- candidates */

/* The documents of all ranges. *many: too many of them to be worth it. */
static int nums_of_ranges(struct cove_search *s, bool *many)
{
    uint64_t limit = s->request->limit;
    size_t most = SEARCH_NUMS;
    int err = 0;

    /* By number a scan ends at the limit; so should this. */
    if (limit > 0 && limit < SEARCH_NUMS / 128 &&
        s->request->order_count == 0) {
        most = (size_t)limit * 64 + 10000;
    }
    for (size_t i = 0; i < s->how.count && err == 0; i++) {
        const struct search_source *source = &s->how.sources[i];

        for (size_t k = 0; k < source->count && err == 0; k++) {
            struct cove_index_entry entry;

            walk_start(s, source->ranges[k].begin, 0);
            while ((err = walk_next(s, source->index, false, &entry)) == 0 &&
                   cove_bytes_compare(entry.values, source->ranges[k].end) <
                       0) {
                if (s->nums.count == most) {
                    *many = true;
                    return 0;
                }
                err = search_nums_add(&s->nums, entry.num);
                err = err != 0 ? err : search_pause(s);
                if (err != 0) {
                    break;
                }
            }
            err = err == COVE_ENOTFOUND ? 0 : err;
        }
    }
    walk_close(s);
    return err;
}

static int nums_find(struct cove_search *s)
{
    bool many = false;
    int err = nums_of_ranges(s, &many);

    walk_close(s);
    if (err == 0 && many) {
        s->how = (struct search_plan){.sources = NULL};
        s->nums.count = s->tail.count = 0;
        s->explain.index = NULL;
        s->explain.indexes = 0;
        s->explain.building = false;
        return 0;
    }
    for (size_t i = 0; i < s->tail.count && err == 0; i++) {
        err = search_nums_add(&s->nums, s->tail.at[i]);
    }
    search_nums_settle(&s->nums);
    return err;
}

/* The next document that may meet the condition, by number. */
static int candidate_next(struct cove_search *s, cove_num *num)
{
    if (s->how.count == 0) {
        return cove_repo_next(s->repo, s->txn,
                              s->request->local ? COVE_NUM_LOCALS
                                                : s->request->journal,
                              *num, num);
    }
    if (s->at == s->nums.count) {
        return COVE_ENOTFOUND;
    }
    *num = s->nums.at[s->at++];
    return 0;
}

static int candidate_look(struct cove_search *s, cove_num num, bool *met,
                          struct cove_diag *diag)
{
    bool tail = s->how.count > 0 && search_nums_have(&s->tail, num);

    s->explain.tail += tail;
    if (s->request->order_count == 0 && !s->request->local &&
        (s->request->where == NULL || (s->how.exact && !tail))) {
        s->key.len = 0;
        *met = true;
        return 0;
    }
    return search_look(s, num, met, diag);
}

/* --- sorted */

static int rows_of_all(struct cove_search *s, struct cove_diag *diag)
{
    cove_num num = 0;
    bool met;
    int err;

    while ((err = candidate_next(s, &num)) == 0) {
        err = candidate_look(s, num, &met, diag);
        if (err == 0 && met) {
            err = search_rows_add(s, num, s->request->limit, diag);
        }
        err = err != 0 ? err : search_pause(s);
        if (err != 0) {
            break;
        }
    }
    s->at = 0;
    return err != COVE_ENOTFOUND ? err : search_rows_sort(s);
}

/* --- by index */

static int rows_of_tail(struct cove_search *s, struct cove_diag *diag)
{
    bool met;
    int err = 0;

    for (size_t i = 0; i < s->tail.count && err == 0; i++) {
        err = search_look(s, s->tail.at[i], &met, diag);
        s->explain.tail++;
        if (err == 0 && met) {
            err = search_rows_add(s, s->tail.at[i], s->request->limit, diag);
        }
        err = err != 0 ? err : search_pause(s);
    }
    s->at = 0;
    return err != 0 ? err : search_rows_sort(s);
}

/* The pieces of values, by path of the index. */
static int values_split(const struct search_source *source,
                        struct cove_bytes values, struct cove_bytes *pieces)
{
    for (size_t i = 0; i < source->index->path_count; i++) {
        size_t len = cove_order_len(values);

        if (len == 0) {
            return COVE_ECORRUPT;
        }
        pieces[i] = cove_bytes(values.at, len);
        values = cove_bytes(values.at + len, values.len - len);
    }
    return 0;
}

/* The key of a row, from the values of its entry. */
static int key_of_values(const struct cove_search *s, struct cove_bytes values,
                         struct cove_buf *out)
{
    const struct search_source *source = &s->how.sources[0];
    struct cove_bytes pieces[COVE_SCHEMA_PATHS] = {{NULL, 0}};
    int err = 0;

    out->len = 0;
    if (s->request->order_count == 0) {
        return 0;
    }
    err = values_split(source, values, pieces);
    for (size_t i = 0; i < s->request->order_count && err == 0; i++) {
        const struct cove_search_order *o = &s->request->order[i];
        size_t at = 0;

        while (!cove_bytes_equal(source->index->paths[at], o->path)) {
            at++;
        }
        err = search_key_put(out, pieces[at], o->down);
    }
    return err;
}

/* Where the entry of the last row stands, to go on behind it. */
static int values_of_key(struct cove_search *s, struct cove_buf *out)
{
    const struct search_source *source = &s->how.sources[0];
    struct cove_bytes key = cove_buf_bytes(&s->last_key);
    struct cove_bytes begin = source->ranges[0].begin;
    struct cove_bytes pieces[COVE_SCHEMA_PATHS] = {{NULL, 0}};
    struct cove_buf piece;
    int err = 0;

    cove_buf_init(&piece, s->alloc);
    for (size_t i = 0; i < s->request->order_count && err == 0; i++) {
        const struct cove_search_order *o = &s->request->order[i];

        err = search_key_take(&key, o->down, &piece);
        for (size_t k = 0; err == 0 && k < source->index->path_count; k++) {
            if (cove_bytes_equal(source->index->paths[k], o->path)) {
                err = cove_arena_copy(&s->arena, cove_buf_bytes(&piece),
                                      &pieces[k]);
            }
        }
    }
    cove_buf_clear(&piece);
    /* What has one value has it in the range. */
    for (size_t k = 0; err == 0 && k < source->bound; k++) {
        size_t len = cove_order_len(begin);

        pieces[k] = cove_bytes(begin.at, len > 0 ? len : begin.len);
        begin = cove_bytes(begin.at + pieces[k].len, begin.len - pieces[k].len);
    }
    for (size_t k = 0; err == 0 && k < source->index->path_count; k++) {
        err = cove_buf_append(out, pieces[k]);
    }
    return err;
}

static int index_start(struct cove_search *s)
{
    const struct search_range *range = &s->how.sources[0].ranges[0];
    struct cove_buf values;
    int err = 0;

    if (!s->begun) {
        walk_start(s, s->how.back ? range->end : range->begin, 0);
        return 0;
    }
    cove_buf_init(&values, s->alloc);
    err = values_of_key(s, &values);
    if (err == 0 && !s->how.back &&
        cove_bytes_compare(cove_buf_bytes(&values), range->begin) < 0) {
        walk_start(s, range->begin, 0);
    } else if (err == 0 && s->how.back &&
               cove_bytes_compare(cove_buf_bytes(&values), range->end) > 0) {
        walk_start(s, range->end, 0);
    } else if (err == 0) {
        walk_start(s, cove_buf_bytes(&values),
                   s->how.back ? s->last_num : s->last_num + 1);
    }
    cove_buf_clear(&values);
    return err;
}

static bool index_within(const struct cove_search *s, struct cove_bytes values)
{
    const struct search_range *range = &s->how.sources[0].ranges[0];

    return cove_bytes_compare(values, range->begin) >= 0 &&
           cove_bytes_compare(values, range->end) < 0;
}

/* Is the entry a row? Its key goes to walk_key. */
static int index_judge(struct cove_search *s,
                       const struct cove_index_entry *entry, bool *met,
                       struct cove_diag *diag)
{
    cove_num num = entry->num;
    int err = key_of_values(s, entry->values, &s->walk_key);

    *met = err == 0 && !search_nums_have(&s->tail, num) &&
           (!s->begun ||
            search_compare(s, cove_buf_bytes(&s->walk_key), num,
                           cove_buf_bytes(&s->last_key), s->last_num) > 0);
    return err != 0 || !*met || s->how.exact ? err
                                             : search_look(s, num, met, diag);
}

/* Bring the walk to its next row. */
static int index_next(struct cove_search *s, struct cove_diag *diag)
{
    const struct cove_index *index = s->how.sources[0].index;
    struct cove_index_entry entry;
    int err = 0;

    while (err == 0 && !s->walk_ready && !s->walk_end) {
        err = walk_next(s, index, s->how.back, &entry);
        if (err == COVE_ENOTFOUND ||
            (err == 0 && !index_within(s, entry.values))) {
            s->walk_end = true;
            return 0;
        }
        if (err == 0) {
            err = index_judge(s, &entry, &s->walk_ready, diag);
        }
        if (err == 0 && !s->walk_ready) {
            err = search_pause(s);
        }
    }
    return err;
}

static int index_give(struct cove_search *s, cove_num *num,
                      struct cove_bytes *key, struct cove_diag *diag)
{
    const struct search_row *row =
        s->at < s->rows.count ? &s->rows.at[s->at] : NULL;
    cove_num walk_num;
    int err = index_next(s, diag);

    if (err != 0) {
        return err;
    }
    walk_num = s->how.back ? s->walk_num : s->walk_num - 1;
    if (!s->walk_ready && row == NULL) {
        return COVE_ENOTFOUND;
    }
    if (!s->walk_ready ||
        (row != NULL &&
         search_compare(s, cove_buf_bytes(&row->key), row->num,
                        cove_buf_bytes(&s->walk_key), walk_num) < 0)) {
        *num = row->num;
        *key = cove_buf_bytes(&row->key);
        s->at++;
        return 0;
    }
    s->walk_ready = false;
    *num = walk_num;
    *key = cove_buf_bytes(&s->walk_key);
    return 0;
}

/* --- rows */

static int number_give(struct cove_search *s, cove_num *num,
                       struct cove_diag *diag)
{
    cove_num next = s->last_num;
    bool met = false;
    int err = 0;

    while (err == 0 && !met) {
        err = candidate_next(s, &next);
        if (err == 0 && s->begun && next <= s->last_num) {
            continue;
        }
        err = err != 0 ? err : candidate_look(s, next, &met, diag);
        if (err == 0 && !met) {
            err = search_pause(s);
        }
    }
    if (err == 0) {
        *num = next;
    }
    return err;
}

static int row_give(struct cove_search *s, cove_num *num,
                    struct cove_bytes *key, struct cove_diag *diag)
{
    *key = cove_bytes(NULL, 0);
    if (s->way == SEARCH_INDEX) {
        return index_give(s, num, key, diag);
    }
    if (s->way != SEARCH_SORTED) {
        return number_give(s, num, diag);
    }
    if (s->at == s->rows.count) {
        return COVE_ENOTFOUND;
    }
    *num = s->rows.at[s->at].num;
    *key = cove_buf_bytes(&s->rows.at[s->at++].key);
    return 0;
}

int cove_search_next(struct cove_search *s, struct cove_search_row *out,
                     struct cove_diag *diag)
{
    struct cove_bytes key;
    cove_num num = 0;
    int err;

    if (s->request->limit > 0 && s->explain.rows == s->request->limit) {
        return COVE_ENOTFOUND;
    }
    err = s->begun && s->way != SEARCH_SORTED ? search_pause(s) : 0;
    err = err != 0 ? err : row_give(s, &num, &key, diag);
    if (err == 0) {
        s->last_key.len = 0;
        err = cove_buf_append(&s->last_key, key);
    }
    if (err != 0) {
        return err;
    }
    s->begun = true;
    s->last_num = num;
    s->explain.rows++;
    out->num = num;
    out->key = cove_buf_bytes(&s->last_key);
    return 0;
}

/* --- open, close */

static int order_check(const struct cove_search *s, struct cove_diag *diag)
{
    const struct cove_search_request *request = s->request;
    bool whole;
    uint32_t reg;
    int err = 0;

    if (request->order_count > COVE_SEARCH_ORDER) {
        return cove_fail(diag, COVE_ELIMIT, "an order of more than %d fields",
                         COVE_SEARCH_ORDER);
    }
    for (size_t i = 0; i < request->order_count && err == 0; i++) {
        err = cove_path_check(s->plan, request->order[i].path, &reg, &whole,
                              diag);
        for (size_t k = 0; k < i && err == 0; k++) {
            if (cove_bytes_equal(request->order[i].path,
                                 request->order[k].path)) {
                err = cove_fail(diag, COVE_EUSAGE,
                                "the order names \"%.*s\" twice",
                                SHOWN(request->order[i].path));
            }
        }
    }
    return err;
}

static int search_choose(struct cove_search *s, struct cove_diag *diag)
{
    bool ordered = s->request->order_count > 0;
    int err = 0;

    if (s->how.count > 0) {
        s->explain.index = s->how.sources[0].index;
        s->explain.indexes = s->how.count;
        err = search_tail_find(s);
    }
    s->way = s->how.ordered     ? SEARCH_INDEX
             : ordered          ? SEARCH_SORTED
             : s->how.count > 0 ? SEARCH_NUMBERS
                                : SEARCH_ALL;
    if (err == 0 && s->how.count > 0 && !s->how.ordered) {
        err = nums_find(s);
    }
    if (err == 0 && s->way == SEARCH_SORTED) {
        err = rows_of_all(s, diag);
    } else if (err == 0 && s->way == SEARCH_INDEX) {
        err = rows_of_tail(s, diag);
        err = err != 0 ? err : index_start(s);
    }
    s->explain.ordered = s->way != SEARCH_SORTED;
    s->explain.exact = s->how.exact;
    return err;
}

static int search_start(struct cove_search *s, struct cove_diag *diag)
{
    const struct cove_search_request *request = s->request;
    const struct cove_index *indexes;
    size_t count;
    int err = cove_catalog_plan(s->catalog, s->txn, request->journal,
                                &request->head, &s->plan);

    err = err != 0 ? err : order_check(s, diag);
    s->num_down = request->order_count > 0 &&
                  request->order[request->order_count - 1].down;
    err = err != 0 ? err : search_cursor_read(s, diag);
    if (err == 0 && !request->scan && !request->local) {
        err = cove_indexes_look(s->ix, s->txn, &indexes, &count);
        err = err != 0 ? err : search_plan_make(s, indexes, count);
    }
    return err != 0 ? err : search_choose(s, diag);
}

int cove_search_open(struct cove_indexes *indexes, struct cove_store_txn *txn,
                     const struct cove_search_request *request,
                     struct cove_search **out, struct cove_diag *diag)
{
    struct cove_search *s = cove_alloc_zero(indexes->alloc, 1, sizeof(*s));
    int err;

    if (s == NULL) {
        return COVE_ENOMEM;
    }
    s->ix = indexes;
    s->catalog = indexes->catalog;
    s->repo = indexes->repo;
    s->txn = txn;
    s->alloc = indexes->alloc;
    s->request = request;
    s->nums.alloc = s->tail.alloc = s->alloc;
    cove_arena_init(&s->arena, s->alloc);
    cove_arena_init(&s->scratch, s->alloc);
    cove_buf_init(&s->last_key, s->alloc);
    cove_buf_init(&s->walk_key, s->alloc);
    cove_buf_init(&s->key, s->alloc);
    err = search_start(s, diag);
    if (err != 0) {
        cove_search_close(s);
        return err;
    }
    *out = s;
    return 0;
}

void cove_search_close(struct cove_search *s)
{
    if (s == NULL) {
        return;
    }
    walk_close(s);
    for (size_t i = 0; i < s->rows.cap; i++) {
        cove_buf_clear(&s->rows.at[i].key);
    }
    cove_alloc_free(s->alloc, s->rows.at);
    cove_alloc_free(s->alloc, s->nums.at);
    cove_alloc_free(s->alloc, s->tail.at);
    cove_buf_clear(&s->last_key);
    cove_buf_clear(&s->walk_key);
    cove_buf_clear(&s->key);
    cove_arena_clear(&s->arena);
    cove_arena_clear(&s->scratch);
    cove_alloc_free(s->alloc, s);
}

void cove_search_move(struct cove_search *s, struct cove_store_txn *txn)
{
    walk_close(s);
    s->txn = txn;
}

const struct cove_search_explain *cove_search_explain(
    const struct cove_search *s)
{
    return &s->explain;
}
