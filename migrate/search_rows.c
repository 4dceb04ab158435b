/* search_rows.c: one document, whether it meets the condition and what it sorts
 * by; and the rows and numbers that are kept of many.
 *
 * A key is the values of the order's fields behind each other, each cut where
 * enough of it is there, those that descend with all bits inverted: so keys
 * compare as bytes. With a limit only the best rows are kept, the worst of them
 * on top of a heap.
 */
#include <stdlib.h>

#include "core/order.h"
#include "migrate/index_internal.h"
#include "migrate/path.h"
#include "migrate/search_internal.h"

/* --- numbers */

int search_nums_add(struct search_nums *nums, cove_num num)
{
    if (nums->count == nums->cap) {
        size_t cap = nums->cap == 0 ? 256 : nums->cap * 2;
        cove_num *at =
            nums->alloc->resize(nums->alloc->ctx, nums->at, cap * sizeof(*at));

        if (at == NULL) {
            return COVE_ENOMEM;
        }
        nums->at = at;
        nums->cap = cap;
    }
    nums->at[nums->count++] = num;
    return 0;
}

static int num_order(const void *left, const void *right)
{
    const cove_num *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

void search_nums_settle(struct search_nums *nums)
{
    size_t kept = 0;

    if (nums->count > 0) {
        qsort(nums->at, nums->count, sizeof(*nums->at), num_order);
    }
    for (size_t i = 0; i < nums->count; i++) {
        if (kept == 0 || nums->at[kept - 1] != nums->at[i]) {
            nums->at[kept++] = nums->at[i];
        }
    }
    nums->count = kept;
}

bool search_nums_have(const struct search_nums *nums, cove_num num)
{
    return nums->count > 0 && bsearch(&num, nums->at, nums->count,
                                      sizeof(*nums->at), num_order) != NULL;
}

/* --- keys */

static void bytes_invert(struct cove_buf *buf, size_t begin)
{
    for (size_t i = begin; i < buf->len; i++) {
        buf->at[i] = (uint8_t)~buf->at[i];
    }
}

int search_key_put(struct cove_buf *key, struct cove_bytes piece, bool down)
{
    size_t begin = key->len;
    int err = cove_buf_append(key, piece);

    if (err == 0 && down) {
        bytes_invert(key, begin);
    }
    return err;
}

int search_key_take(struct cove_bytes *key, bool down, struct cove_buf *out)
{
    size_t most = key->len < COVE_SEARCH_KEY ? key->len : COVE_SEARCH_KEY;
    size_t len;
    int err;

    out->len = 0;
    err = cove_buf_append(out, cove_bytes(key->at, most));
    if (err != 0) {
        return err;
    }
    if (down) {
        bytes_invert(out, 0);
    }
    len = cove_order_len(cove_buf_bytes(out));
    if (len == 0 && most < COVE_SEARCH_KEY) {
        return COVE_EFORMAT;
    }
    out->len = len > 0 ? len : most;
    *key = cove_bytes(key->at + out->len, key->len - out->len);
    return 0;
}

static int key_make(struct cove_search *s, struct cove_loaded *loaded)
{
    const struct cove_search_request *request = s->request;
    int err = 0;

    s->key.len = 0;
    for (size_t i = 0; i < request->order_count && err == 0; i++) {
        size_t begin = s->key.len;
        struct cove_cell cell;

        err = cove_path_value(loaded, request->order[i].path, &cell);
        if (err == 0) {
            err = index_cell_encode(&s->key, &cell, COVE_SEARCH_KEY);
        }
        if (err == 0 && request->order[i].down) {
            bytes_invert(&s->key, begin);
        }
    }
    return err;
}

static int key_missing(struct cove_search *s)
{
    int err = 0;

    s->key.len = 0;
    for (size_t i = 0; i < s->request->order_count && err == 0; i++) {
        const uint8_t missing[] = {COVE_ORDER_MISSING};

        err = search_key_put(&s->key, cove_bytes(missing, sizeof(missing)),
                             s->request->order[i].down);
    }
    return err;
}

int search_look(struct cove_search *s, cove_num num, bool *met,
                struct cove_diag *diag)
{
    const struct cove_search_request *request = s->request;
    struct cove_load_request load = {.num = num,
                                     .head = &request->head,
                                     .mode = COVE_LOAD_VIEW,
                                     .later = true};
    struct cove_loaded loaded;
    int err;

    *met = false;
    s->explain.looked++;
    cove_arena_reset(&s->scratch);
    err = cove_load(s->catalog, s->txn, &load, &s->scratch, &loaded, diag);
    if (err == COVE_EBLOCKED) { /* there, and nothing of it to be seen */
        *met = request->where == NULL && !request->local;
        s->explain.unjudged += !*met;
        cove_diag_clear(diag);
        return *met ? key_missing(s) : 0;
    }
    if (err == COVE_ENOTFOUND) {
        return 0; /* taken out meanwhile */
    }
    if (err != 0 ||
        (request->local && loaded.doc.schema_num != request->journal)) {
        return err;
    }
    *met = true;
    if (request->where != NULL) {
        err = cove_where_match(request->where, &loaded, met);
    }
    return err != 0 || !*met ? err : key_make(s, &loaded);
}

/* --- rows */

int search_compare(const struct cove_search *s, struct cove_bytes a,
                   cove_num a_num, struct cove_bytes b, cove_num b_num)
{
    int order = cove_bytes_compare(a, b);

    if (order == 0) {
        order = (a_num > b_num) - (a_num < b_num);
        order = s->num_down ? -order : order;
    }
    return order;
}

static int row_order(const struct cove_search *s, const struct search_row *a,
                     const struct search_row *b)
{
    return search_compare(s, cove_buf_bytes(&a->key), a->num,
                          cove_buf_bytes(&b->key), b->num);
}

static void row_swap(struct search_row *a, struct search_row *b)
{
    struct search_row other = *a;

    *a = *b;
    *b = other;
}

/* The greatest on top. */
static void heap_up(const struct cove_search *s, struct search_row *rows,
                    size_t at)
{
    while (at > 0 && row_order(s, &rows[(at - 1) / 2], &rows[at]) < 0) {
        row_swap(&rows[(at - 1) / 2], &rows[at]);
        at = (at - 1) / 2;
    }
}

static void heap_down(const struct cove_search *s, struct search_row *rows,
                      size_t count, size_t at)
{
    for (;;) {
        size_t child = at * 2 + 1;

        if (child + 1 < count &&
            row_order(s, &rows[child], &rows[child + 1]) < 0) {
            child++;
        }
        if (child >= count || row_order(s, &rows[at], &rows[child]) >= 0) {
            return;
        }
        row_swap(&rows[at], &rows[child]);
        at = child;
    }
}

static int row_set(struct search_row *row, const struct cove_buf *key,
                   cove_num num)
{
    row->key.len = 0;
    row->num = num;
    return cove_buf_append(&row->key, cove_buf_bytes(key));
}

static int rows_grow(struct cove_search *s)
{
    struct search_rows *rows = &s->rows;
    size_t cap = rows->cap == 0 ? 64 : rows->cap * 2;
    struct search_row *at;

    if (rows->count < rows->cap) {
        return 0;
    }
    at = s->alloc->resize(s->alloc->ctx, rows->at, cap * sizeof(*at));
    if (at == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = rows->cap; i < cap; i++) {
        cove_buf_init(&at[i].key, s->alloc);
        at[i].num = 0;
    }
    rows->at = at;
    rows->cap = cap;
    return 0;
}

int search_rows_add(struct cove_search *s, cove_num num, uint64_t limit,
                    struct cove_diag *diag)
{
    struct search_rows *rows = &s->rows;
    struct cove_bytes key = cove_buf_bytes(&s->key);
    int err;

    if (s->begun && search_compare(s, key, num, cove_buf_bytes(&s->last_key),
                                   s->last_num) <= 0) {
        return 0; /* a page before has it */
    }
    if (limit > 0 && rows->count == limit) {
        if (search_compare(s, key, num, cove_buf_bytes(&rows->at[0].key),
                           rows->at[0].num) >= 0) {
            return 0;
        }
        err = row_set(&rows->at[0], &s->key, num);
        heap_down(s, rows->at, rows->count, 0);
        return err;
    }
    if (rows->count == COVE_SEARCH_ROWS) {
        return cove_fail(diag, COVE_ELIMIT,
                         "more than %d documents are to be sorted; give a "
                         "limit and go on with its cursor, or let the schema "
                         "have an index of the order's fields",
                         COVE_SEARCH_ROWS);
    }
    err = rows_grow(s);
    err = err != 0 ? err : row_set(&rows->at[rows->count], &s->key, num);
    if (err == 0) {
        heap_up(s, rows->at, rows->count++);
    }
    return err;
}

/* A heap is half sorted already. */
int search_rows_sort(struct cove_search *s)
{
    struct search_rows *rows = &s->rows;

    for (size_t left = rows->count; left > 1; left--) {
        row_swap(&rows->at[0], &rows->at[left - 1]);
        heap_down(s, rows->at, left - 1, 0);
    }
    return 0;
}

/* --- pauses */

int search_pause(struct cove_search *s)
{
    int err;

    if (s->request->pause == NULL || ++s->steps < SEARCH_PAUSE) {
        return 0;
    }
    s->steps = 0;
    if (s->walk.cursor != NULL) {
        cove_index_walk_close(&s->walk);
    }
    err = s->request->pause(s->request->pause_ctx, &s->txn);
    return err != 0 ? err : search_tail_check(s);
}
