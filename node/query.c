/* query.c: cove_query, and what it has in common with the verb `find`. */
#include "node/query.h"

#include "core/cbor.h"
#include "core/value.h"
#include "cove/query.h"

struct cove_query {
    struct cove_txn *txn;
    struct cove_arena arena;
    struct node_query query;
    struct cove_search *search;
    bool given; /* a row was */
};

/* ----------------------------------------------------------------- reading */

static int order_field(struct cove_bytes text, struct cove_search_order *out,
                       struct cove_diag *diag)
{
    out->down = text.len > 0 && text.at[0] == '-';
    if (text.len > 0 && (text.at[0] == '-' || text.at[0] == '+')) {
        text = cove_bytes(text.at + 1, text.len - 1);
    }
    out->path = text;
    return text.len > 0
               ? 0
               : cove_fail(
                     diag, COVE_EUSAGE,
                     "\"order\" must be a list of fields, with '-' before "
                     "one that descends: [\"status\", \"-due\"]");
}

static int query_order(struct cove_bytes order, struct node_query *out,
                       struct cove_diag *diag)
{
    struct cove_reader r;
    size_t count = 1;
    int err = 0;

    cove_reader_init(&r, order);
    if (cove_value_kind(order) == COVE_KIND_LIST) {
        count = cove_reader_list(&r);
    }
    if (count > COVE_SEARCH_ORDER) {
        return cove_fail(diag, COVE_ELIMIT, "an order of more than %d fields",
                         COVE_SEARCH_ORDER);
    }
    for (size_t i = 0; i < count && err == 0; i++) {
        struct cove_bytes text = cove_reader_text(&r);

        err = order_field(r.err == 0 ? text : cove_bytes(NULL, 0),
                          &out->order[i], diag);
    }
    out->request.order = out->order;
    out->request.order_count = count;
    return err;
}

int node_query_read(struct cove_arena *arena, const struct node_asked *asked,
                    struct node_query *out, struct cove_diag *diag)
{
    uint8_t *both =
        cove_arena_new(arena, asked->where.len + asked->order.len + 1);
    int err = 0;

    memset(out, 0, sizeof(*out));
    if (both == NULL) {
        return COVE_ENOMEM;
    }
    if (asked->limit < 1) {
        return cove_fail(diag, COVE_EUSAGE, "\"limit\" is at least 1");
    }
    out->request.limit = asked->limit == INT64_MAX ? 0 : (uint64_t)asked->limit;
    out->request.after = asked->cursor;
    if (asked->where.len > 0) {
        memcpy(both, asked->where.at, asked->where.len);
        err = cove_where_parse(arena, asked->where, &out->request.where, diag);
    }
    if (err == 0 && asked->order.len > 0) {
        memcpy(both + asked->where.len, asked->order.at, asked->order.len);
        err = query_order(asked->order, out, diag);
    }
    out->request.asked = cove_bytes(both, asked->where.len + asked->order.len);
    return err;
}

int node_query_aim(struct cove_txn *txn, const char *schema,
                   const char *version, struct node_query *query)
{
    struct cove_search_request *request = &query->request;
    const struct cove_plan *plan;
    int err =
        node_head(txn, schema, version, &request->journal, &request->head);

    if (err == 0) {
        err = cove_catalog_plan(txn->worker->catalog, txn->txn,
                                request->journal, &request->head, &plan);
    }
    if (err == 0 && request->where != NULL) {
        err = cove_where_check(request->where, plan, &txn->diag);
    }
    return err;
}

/* ------------------------------------------------------------------ the API */

/* The members of the object, checked. */
static int query_members(struct cove_query *q, struct cove_bytes map,
                         struct node_asked *out)
{
    static const char *const names[] = {"where", "order", "cursor", "limit"};
    struct cove_bytes values[COVE_ARRAY_LEN(names)] = {{NULL, 0}};
    struct cove_diag *diag = &q->txn->diag;
    struct cove_reader r;

    cove_reader_init(&r, map);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes key = cove_reader_text(&r);
        struct cove_bytes value = cove_reader_item(&r);
        size_t at = 0;

        while (at < COVE_ARRAY_LEN(names) &&
               !cove_bytes_equal(key, cove_bytes_text(names[at]))) {
            at++;
        }
        if (at == COVE_ARRAY_LEN(names)) {
            return cove_fail(diag, COVE_EUSAGE,
                             "a query does not take \"%.*s\"; it takes: where "
                             "order cursor limit",
                             SHOWN(key));
        }
        values[at] = value;
    }
    out->where = values[0];
    out->order = values[1];
    if (values[2].len > 0 && cove_value_kind(values[2]) != COVE_KIND_TEXT) {
        return cove_fail(diag, COVE_EUSAGE, "\"cursor\" must be a text");
    }
    out->cursor =
        values[2].len > 0 ? cove_value_text(values[2]) : cove_bytes(NULL, 0);
    out->limit = INT64_MAX;
    if (values[3].len > 0) {
        if (cove_value_kind(values[3]) != COVE_KIND_INT) {
            return cove_fail(diag, COVE_EUSAGE, "\"limit\" must be an integer");
        }
        out->limit = cove_value_int(values[3]);
    }
    return 0;
}

static int query_read(struct cove_query *q, const char *json)
{
    struct node_asked asked = {.limit = INT64_MAX};
    struct cove_bytes map;
    struct cove_buf buf;
    int err = 0;

    if (json != NULL) {
        cove_buf_init(&buf, q->txn->store->alloc);
        err = cove_json_read(cove_bytes_text(json), "the query", &buf,
                             &q->txn->diag);
        err = err != 0 ? err
                       : cove_arena_copy(&q->arena, cove_buf_bytes(&buf), &map);
        cove_buf_clear(&buf);
        if (err == 0 && cove_value_kind(map) != COVE_KIND_MAP) {
            err = cove_fail(&q->txn->diag, COVE_EJSON,
                            "a query is a JSON object: {\"where\": {…}}");
        }
        err = err != 0 ? err : query_members(q, map, &asked);
    }
    return err != 0
               ? err
               : node_query_read(&q->arena, &asked, &q->query, &q->txn->diag);
}

static int query_open(struct cove_query *q, const char *schema)
{
    struct cove_txn *txn = q->txn;
    int err = node_query_aim(txn, schema, NULL, &q->query);

    if (err == 0 && (txn->flags & COVE_WRITE)) {
        err = node_flush_all(txn); /* what was edited so far */
    }
    return err != 0
               ? err
               : cove_search_open(txn->worker->indexes, txn->txn,
                                  &q->query.request, &q->search, &txn->diag);
}

int cove_query(struct cove_txn *txn, const char *schema, const char *json,
               struct cove_query **out)
{
    struct cove_query *q = cove_alloc_zero(txn->store->alloc, 1, sizeof(*q));
    int err;

    if (q == NULL) {
        return node_txn_failed(txn, COVE_ENOMEM);
    }
    q->txn = txn;
    cove_arena_init(&q->arena, txn->store->alloc);
    err = query_read(q, json);
    err = err != 0 ? err : query_open(q, schema);
    if (err != 0) {
        cove_query_end(q, NULL);
        return node_txn_failed(txn, err);
    }
    *out = q;
    return 0;
}

int cove_query_next(struct cove_query *q, struct cove_id *out)
{
    struct cove_search_row row;
    int err = cove_search_next(q->search, &row, &q->txn->diag);

    if (err == COVE_ENOTFOUND) {
        return err;
    }
    if (err == 0) {
        err = cove_repo_id(q->txn->worker->repo, q->txn->txn, row.num, out);
    }
    q->given = q->given || err == 0;
    return node_txn_failed(q->txn, err);
}

void cove_query_end(struct cove_query *q, char **cursor)
{
    struct cove_buf text;

    if (cursor != NULL) {
        *cursor = NULL;
    }
    if (q == NULL) {
        return;
    }
    cove_buf_init(&text, &cove_alloc_libc); /* as cove_free expects */
    if (cursor != NULL && q->given &&
        cove_search_cursor(q->search, &text) == 0 &&
        cove_buf_append(&text, cove_bytes("", 1)) == 0) {
        *cursor = (char *)text.at;
    } else {
        cove_buf_clear(&text);
    }

    const struct cove_alloc *alloc = q->arena.alloc;

    cove_search_close(q->search);
    cove_arena_clear(&q->arena);
    cove_alloc_free(alloc, q);
}
