/* admin_query.c: find as a query: first the rows, in a read transaction that is
 * begun anew now and then, then the documents, a slice of them a transaction. A
 * document that somebody changed in between is asked again. */
#include <time.h>

#include "core/cbor.h"
#include "core/value.h"
#include "migrate/path.h"
#include "node/admin_query.h"
#include "node/index.h"

#define QUERY_SLICE   256  /* documents a transaction */
#define QUERY_TRIES   4    /* where indexes change meanwhile */
#define QUERY_GROUPS  1000 /* of duplicates in a reply */
#define QUERY_MEMBERS 100  /* of each of them */
#define QUERY_SHOWN   32   /* groups a transaction */

struct query_rows {
    cove_num *at;
    size_t count, cap;
};

struct query_groups;

struct query_run {
    struct find_query *q;
    struct cove_txn *txn;
    struct node_query query;
    struct query_rows rows;
    struct query_groups *groups; /* of duplicates */
    uint64_t found;              /* rows, also where they are only counted */
    struct cove_buf cursor;
    struct cove_search_explain explain;
    struct cove_index index; /* that is explained; its paths are copied */
    uint64_t sequence;
    int64_t us;
};

static int64_t query_now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* --- the rows */

static int query_pause(void *ctx, struct cove_store_txn **txn)
{
    struct query_run *r = ctx;
    int err = node_renew(r->txn);

    *txn = r->txn->txn;
    return err;
}

static int rows_add(struct query_run *r, cove_num num)
{
    void *at = r->rows.at;
    int err = cove_arena_grow(&r->q->a->arena, &at, sizeof(num), r->rows.count,
                              &r->rows.cap);

    if (err == 0) {
        r->rows.at = at;
        r->rows.at[r->rows.count++] = num;
    }
    return err;
}

/* What is explained outlives the search. */
static int query_note(struct query_run *r, const struct cove_search *search)
{
    struct cove_arena *arena = &r->q->a->arena;
    struct cove_bytes *paths;
    int err = 0;

    r->explain = *cove_search_explain(search);
    if (r->explain.index != NULL) {
        r->index = *r->explain.index;
        paths = cove_arena_array(arena, r->index.path_count, sizeof(*paths));
        err = paths == NULL ? COVE_ENOMEM : 0;
        for (size_t i = 0; i < r->index.path_count && err == 0; i++) {
            err = cove_arena_copy(arena, r->index.paths[i], &paths[i]);
        }
        r->index.paths = paths;
        r->explain.index = &r->index;
    }
    r->cursor.len = 0;
    if (err == 0 && r->found > 0) {
        err = cove_search_cursor(search, &r->cursor);
    }
    return err;
}

static int query_rows(struct query_run *r)
{
    struct cove_search_row row;
    struct cove_search *search;
    int err =
        cove_repo_sequence(r->txn->worker->repo, r->txn->txn, &r->sequence);

    err = err != 0
              ? err
              : cove_search_open(r->txn->worker->indexes, r->txn->txn,
                                 &r->query.request, &search, &r->txn->diag);
    if (err != 0) {
        return err;
    }
    r->rows.count = 0;
    r->found = 0;
    while (err == 0) {
        err = cove_search_next(search, &row, &r->txn->diag);
        r->found += err == 0;
        if (err == 0 && !r->q->count) {
            err = rows_add(r, row.num);
        }
    }
    err = err == COVE_ENOTFOUND ? query_note(r, search) : err;
    cove_search_close(search);
    return err;
}

/* Begin, aim, and do `what` until no index changes under it. */
static int query_read(struct query_run *r, int (*what)(struct query_run *r))
{
    const struct find_query *q = r->q;
    int64_t begin = query_now_us();
    int err = COVE_EBUSY;

    for (int i = 0; i < QUERY_TRIES && err == COVE_EBUSY; i++) {
        err = node_begin(q->a->store, COVE_READ | COVE_VIEW, &r->txn);
        if (err != 0) {
            return err;
        }
        err = node_query_aim(r->txn, q->schema, q->version, &r->query);
        err = err != 0 ? err : what(r);
        err = admin_end(q->a, r->txn, err);
    }
    r->us = query_now_us() - begin;
    return err;
}

/* --- the documents */

static int row_show(struct query_run *r, struct cove_txn *txn, cove_num num)
{
    const struct find_query *q = r->q;
    struct node_json *j = &q->a->reply;
    struct node_follow how = {.show = q->show, .depth = q->depth};
    struct cove_loaded *loaded;
    struct cove_id id;
    bool met = true;
    int err = cove_repo_id(txn->worker->repo, txn->txn, num, &id);

    err = err != 0 ? err : node_load(txn, &id, q->version, &loaded);
    if (err == COVE_ENOTFOUND) {
        cove_diag_clear(&txn->diag);
        return 0; /* it was taken out meanwhile */
    }
    if (err == COVE_EBLOCKED) {
        admin_find_blocked(q->a, txn, &id);
        return 0;
    }
    if (err == 0 && r->query.request.where != NULL) {
        err = cove_where_match(r->query.request.where, loaded, &met);
    }
    if (err != 0 || !met) {
        return err;
    }
    how.from = j->out.len;
    node_json_open(j, '{');
    err = node_doc_members(txn, loaded, q->show, j);
    if (err == 0 && how.depth > 0) {
        err = node_doc_follow(txn, &loaded->doc.id, &how, j);
    }
    node_json_close(j, '}');
    return err;
}

static int query_slice(struct query_run *r, size_t from)
{
    struct cove_txn *txn;
    int err = node_begin(r->q->a->store, r->q->flags, &txn);

    if (err != 0) {
        return err;
    }
    for (size_t i = from; i < r->rows.count && i < from + QUERY_SLICE; i++) {
        err = row_show(r, txn, r->rows.at[i]);
        if (err != 0) {
            break;
        }
    }
    return admin_end(r->q->a, txn, err);
}

static int query_documents(struct query_run *r)
{
    struct node_json *j = &r->q->a->reply;
    int err = 0;

    node_json_key(j, "documents");
    node_json_open(j, '[');
    for (size_t i = 0; i < r->rows.count && err == 0; i += QUERY_SLICE) {
        err = query_slice(r, i);
    }
    node_json_close(j, ']');
    return err;
}

/* --- the reply */

static void query_explain(struct query_run *r)
{
    const struct cove_search_explain *e = &r->explain;
    struct node_json *j = &r->q->a->reply;

    node_json_key(j, "explain");
    node_json_open(j, '{');
    node_json_key(j, "how");
    node_json_cstr(j, e->index != NULL ? "index" : "scan");
    if (e->index != NULL) {
        node_json_key(j, "index");
        admin_index_json(j, e->index, r->sequence);
        node_json_key(j, "indexes");
        node_json_int(j, (int64_t)e->indexes);
    }
    node_json_key(j, "sorted");
    node_json_bool(j, !e->ordered);
    node_json_key(j, "entries");
    node_json_int(j, (int64_t)e->entries);
    node_json_key(j, "looked");
    node_json_int(j, (int64_t)e->looked);
    node_json_key(j, "tail");
    node_json_int(j, (int64_t)e->tail);
    node_json_key(j, "rows");
    node_json_int(j, (int64_t)e->rows);
    node_json_key(j, "us");
    node_json_int(j, r->us);
    node_json_close(j, '}');
}

static void query_reply(struct query_run *r)
{
    const struct cove_search_request *request = &r->query.request;
    struct node_json *j = &r->q->a->reply;

    if (r->q->count) {
        node_json_key(j, "count");
        node_json_int(j, (int64_t)r->found);
    }
    if (request->limit > 0 && r->found == request->limit) {
        node_json_key(j, "cursor");
        node_json_text(j, cove_buf_bytes(&r->cursor));
        if (request->order_count == 0 && r->rows.count > 0) {
            node_json_key(j, "next");
            node_json_int(j, (int64_t)r->rows.at[r->rows.count - 1]);
        }
    }
    if (r->explain.unjudged > 0) {
        node_json_key(j, "unjudged");
        node_json_int(j, (int64_t)r->explain.unjudged);
    }
    if (r->q->explain) {
        query_explain(r);
    }
}

/* --- duplicates: rows in the order of the field, those alike side by side
 *
 * They are gathered first, in slices, and shown then. */

struct query_groups {
    struct cove_buf key; /* of the one under way */
    size_t first;        /* where that begins in rows */
    size_t *ends;        /* of those kept, in rows */
    size_t kept, cap;
    uint64_t groups, documents;
};

/* The last group ends: is it one of several? */
static int group_end(struct query_run *r, struct query_groups *g)
{
    size_t count = r->rows.count - g->first;
    void *ends = g->ends;
    int err;

    if (count > 1) {
        g->groups++;
        g->documents += count;
    }
    if (count < 2 || g->kept == QUERY_GROUPS) {
        r->rows.count = g->first;
        return 0;
    }
    err = cove_arena_grow(&r->q->a->arena, &ends, sizeof(*g->ends), g->kept,
                          &g->cap);
    if (err == 0) {
        g->ends = ends;
        g->ends[g->kept++] = g->first = r->rows.count;
    }
    return err;
}

static int group_rows(struct query_run *r, struct cove_search *search,
                      struct query_groups *g)
{
    struct cove_search_row row;
    int err;

    while ((err = cove_search_next(search, &row, &r->txn->diag)) == 0) {
        if (r->rows.count > g->first &&
            !cove_bytes_equal(row.key, cove_buf_bytes(&g->key))) {
            err = group_end(r, g);
        }
        if (err == 0 && r->rows.count == g->first) {
            g->key.len = 0;
            err = cove_buf_append(&g->key, row.key);
        }
        err = err != 0 ? err : rows_add(r, row.num);
        if (err != 0) {
            return err;
        }
    }
    return err == COVE_ENOTFOUND ? group_end(r, g) : err;
}

static int query_gather(struct query_run *r)
{
    struct query_groups *g = r->groups;
    struct cove_search *search;
    int err =
        cove_repo_sequence(r->txn->worker->repo, r->txn->txn, &r->sequence);

    err = err != 0
              ? err
              : cove_search_open(r->txn->worker->indexes, r->txn->txn,
                                 &r->query.request, &search, &r->txn->diag);
    if (err != 0) {
        return err;
    }
    r->rows.count = g->first = g->kept = 0;
    g->groups = g->documents = 0;
    err = group_rows(r, search, g);
    err = err != 0 ? err : query_note(r, search);
    cove_search_close(search);
    return err;
}

/* The value that they have: of one that has not changed since they were
 * compared. */
static int group_value(struct query_run *r, struct cove_txn *txn, size_t begin,
                       size_t end)
{
    struct node_json *j = &r->q->a->reply;

    for (size_t i = begin; i < end; i++) {
        struct cove_loaded *loaded;
        struct cove_cell cell;
        struct cove_id id;
        int err = cove_repo_id(txn->worker->repo, txn->txn, r->rows.at[i], &id);

        err = err != 0 ? err : node_load(txn, &id, r->q->version, &loaded);
        if (err == COVE_ENOTFOUND ||
            (err == 0 && loaded->doc.changed > r->sequence)) {
            cove_diag_clear(&txn->diag);
            continue;
        }
        err = err != 0 ? err
                       : cove_path_value(
                             loaded, cove_bytes_text(r->q->duplicates), &cell);
        if (err == 0 && cell.kind != COVE_ABSENT) {
            node_json_key(j, "value");
            node_json_value(j, cell.bytes);
        }
        return err;
    }
    return 0;
}

static int group_show(struct query_run *r, struct cove_txn *txn, size_t begin,
                      size_t end)
{
    struct node_json *j = &r->q->a->reply;
    int err;

    node_json_open(j, '{');
    err = group_value(r, txn, begin, end);
    node_json_key(j, "count");
    node_json_int(j, (int64_t)(end - begin));
    node_json_key(j, "ids");
    node_json_open(j, '[');
    for (size_t i = begin; i < end && i < begin + QUERY_MEMBERS && err == 0;
         i++) {
        struct cove_id id;

        err = cove_repo_id(txn->worker->repo, txn->txn, r->rows.at[i], &id);
        if (err == 0) {
            node_json_id(j, &id);
        }
    }
    node_json_close(j, ']');
    node_json_close(j, '}');
    return err;
}

static int groups_slice(struct query_run *r, size_t from)
{
    const struct query_groups *g = r->groups;
    struct cove_txn *txn;
    int err = node_begin(r->q->a->store, COVE_READ | COVE_VIEW, &txn);

    if (err != 0) {
        return err;
    }
    for (size_t i = from; i < g->kept && i < from + QUERY_SHOWN && err == 0;
         i++) {
        err = group_show(r, txn, i > 0 ? g->ends[i - 1] : 0, g->ends[i]);
    }
    return admin_end(r->q->a, txn, err);
}

static int query_grouped(struct query_run *r)
{
    struct node_json *j = &r->q->a->reply;
    struct query_groups g = {.first = 0};
    int err;

    cove_buf_init(&g.key, r->q->a->store->alloc);
    r->groups = &g;
    err = query_read(r, query_gather);
    cove_buf_clear(&g.key);
    node_json_key(j, "duplicates");
    node_json_open(j, '[');
    for (size_t i = 0; i < g.kept && err == 0; i += QUERY_SHOWN) {
        err = groups_slice(r, i);
    }
    node_json_close(j, ']');
    r->rows.count = 0;
    node_json_key(j, "groups");
    node_json_int(j, (int64_t)g.groups);
    node_json_key(j, "documents");
    node_json_int(j, (int64_t)g.documents);
    return err;
}

/* {"field": {"$exists": true, "$null": false}}, and what was asked besides. */
static int duplicates_where(struct find_query *q)
{
    struct cove_buf buf;
    struct cove_writer w;
    bool more = q->asked.where.len > 0;
    int err;

    cove_buf_init(&buf, q->a->store->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_map(&w, 1);
    cove_writer_cstr(&w, "$and");
    cove_writer_list(&w, more ? 2 : 1);
    cove_writer_map(&w, 1);
    cove_writer_cstr(&w, q->duplicates);
    cove_writer_map(&w, 3);
    cove_writer_cstr(&w, "$null");
    cove_writer_bool(&w, false);
    cove_writer_cstr(&w, "$exists");
    cove_writer_bool(&w, true);
    cove_writer_cstr(&w, "$invalid");
    cove_writer_bool(&w, false);
    if (more) {
        cove_writer_item(&w, q->asked.where);
    }
    err = w.err != 0 ? w.err
                     : cove_arena_copy(&q->a->arena, cove_buf_bytes(&buf),
                                       &q->asked.where);
    cove_buf_clear(&buf);
    return err;
}

static int query_duplicates(struct find_query *q)
{
    struct cove_arena *arena = &q->a->arena;
    int err;

    if (q->asked.order.len > 0 || q->asked.cursor.len > 0 || q->count ||
        q->asked.limit != INT64_MAX) {
        return cove_fail(&q->a->diag, COVE_EUSAGE,
                         "\"duplicates\" goes with \"where\" only");
    }
    err = duplicates_where(q);
    return err != 0 ? err
                    : cove_value_of_text(arena, cove_bytes_text(q->duplicates),
                                         &q->asked.order);
}

/* Bring a little of what is behind up to date first, where we may write. */
static int query_catch_up(struct find_query *q)
{
    bool left = false;

    return (q->flags & COVE_WRITE) == 0
               ? 0
               : node_index_work(q->a->store, NODE_INDEX_PIECE, &left);
}

int admin_find_query(struct find_query *q)
{
    struct query_run r = {.q = q};
    int err = q->duplicates != NULL ? query_duplicates(q) : 0;

    cove_buf_init(&r.cursor, q->a->store->alloc);
    err = err != 0
              ? err
              : node_query_read(&q->a->arena, &q->asked, &r.query, &q->a->diag);
    r.query.request.local = q->local;
    r.query.request.after_num = q->after;
    r.query.request.pause = query_pause;
    r.query.request.pause_ctx = &r;
    err = err != 0 ? err : query_catch_up(q);
    if (err == 0 && q->duplicates != NULL) {
        err = query_grouped(&r);
    } else if (err == 0) {
        err = query_read(&r, query_rows);
        err = err != 0 || q->count ? err : query_documents(&r);
    }
    if (err == 0) {
        query_reply(&r);
    }
    cove_buf_clear(&r.cursor);
    return err;
}
