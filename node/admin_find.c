/* admin_find.c: find: the documents of a schema, or those named, a slice of
 * them a transaction, each as a version sees it. A condition is asked of the
 * view, whatever the mode, before the document counts or is migrated. What asks
 * for rows of one schema in an order, or of which there may be an index, is a
 * query: admin_query.c. */
#include "core/cbor.h"
#include "core/value.h"
#include "migrate/where.h"
#include "node/admin.h"
#include "node/admin_query.h"
#include "node/validate.h"

#define FIND_SLICE 256 /* documents a transaction */

struct find {
    struct admin *a;
    const char *schema;
    const char *version;
    unsigned flags;
    const struct cove_where *where; /* NULL: all */
    bool invalid; /* only documents with a value that is not right */
    bool count;   /* of those: how many alone */
    bool local;   /* the local documents, which are in no list else */
    struct node_show show;
    int64_t depth; /* what each refers to, too, so many steps far */
    cove_num journal;
    int64_t limit; /* documents in the reply */
    uint64_t cursor;
    struct cove_bytes ids; /* list of texts, or empty: all of the schema */
    struct cove_reader next_id;
    size_t ids_left;
    int64_t found;
    int64_t unjudged; /* that no version shows, so that `where` could not ask */
    bool end;
};

/* The next local document, of the schema where one is named. */
static int find_next_local(struct find *f, struct cove_txn *txn,
                           struct cove_id *id)
{
    struct cove_arena arena;
    struct cove_doc doc;
    int err;

    cove_arena_init(&arena, f->a->store->alloc);
    do {
        cove_arena_reset(&arena);
        err = cove_repo_next(txn->worker->repo, txn->txn, COVE_NUM_LOCALS,
                             f->cursor, &f->cursor);
        if (err == 0) {
            err = cove_repo_load(txn->worker->repo, txn->txn, f->cursor, &arena,
                                 &doc, &txn->diag);
        }
    } while (err == 0 && f->schema != NULL && doc.schema_num != f->journal);
    if (err == 0) {
        *id = doc.id;
    }
    cove_arena_clear(&arena);
    f->end = err == COVE_ENOTFOUND;
    return f->end ? 0 : err;
}

/* The next document of the schema; f->end where there is none. */
static int find_next_of_schema(struct find *f, struct cove_txn *txn,
                               struct cove_id *id)
{
    if (f->local) {
        return find_next_local(f, txn, id);
    }

    int err = cove_next(txn, f->schema, &f->cursor, id);

    if (err == COVE_ENOTFOUND) {
        f->end = true;
        return 0;
    }
    return err == 0
               ? 0
               : cove_fail(&f->a->diag, err, "%s", cove_errmsg(f->a->store));
}

/* The next document, by list or by schema; f->end where there is none. */
static int find_next(struct find *f, struct cove_txn *txn, struct cove_id *id)
{
    if (f->ids.len == 0) {
        return find_next_of_schema(f, txn, id);
    }
    if (f->ids_left == 0) {
        f->end = true;
        return 0;
    }
    struct cove_bytes text = cove_reader_text(&f->next_id);
    char *prefix = cove_arena_printf(&txn->arena, "%.*s", (int)text.len,
                                     (const char *)text.at);

    if (f->next_id.err != 0) {
        return cove_fail(&f->a->diag, COVE_EUSAGE,
                         "\"ids\" must be a list of texts");
    }
    f->ids_left--;
    return prefix == NULL ? COVE_ENOMEM
                          : cove_repo_resolve(txn->worker->repo, txn->txn,
                                              prefix, id, &txn->diag);
}

/* A document that no version can show yet: which, and why. */
void admin_find_blocked(struct admin *a, struct cove_txn *txn,
                        const struct cove_id *id)
{
    struct node_json *j = &a->reply;

    node_json_open(j, '{');
    node_json_key(j, "id");
    node_json_id(j, id);
    node_json_key(j, "state");
    node_json_cstr(j, cove_doc_state_name(COVE_STATE_BLOCKED));
    node_json_key(j, "why");
    node_json_cstr(j, txn->diag.text);
    node_json_close(j, '}');
    cove_diag_clear(&txn->diag);
}

/* Does the condition hold? The arena is for this alone. */
static int find_asked(struct find *f, struct cove_txn *txn,
                      const struct cove_id *id, bool *met)
{
    struct cove_loaded loaded;
    struct cove_arena arena;

    cove_arena_init(&arena, f->a->store->alloc);
    int err = node_view(txn, id, f->version, &arena, &loaded);

    if (err == 0) {
        err = cove_where_match(f->where, &loaded, met);
    } else if (err == COVE_EBLOCKED) {
        f->unjudged++;
        cove_diag_clear(&txn->diag);
        *met = false;
        err = 0;
    }
    cove_arena_clear(&arena);
    return err;
}

static int find_found(struct find *f, struct cove_txn *txn,
                      struct cove_loaded *loaded)
{
    struct node_json *j = &f->a->reply;
    struct node_follow how = {
        .show = &f->show, .depth = f->depth, .from = j->out.len};

    f->found++;
    node_json_open(j, '{');
    int err = node_doc_members(txn, loaded, &f->show, j);

    if (err == 0 && how.depth > 0) {
        err = node_doc_follow(txn, &loaded->doc.id, &how, j);
    }
    node_json_close(j, '}');
    return err;
}

/* Listed where a value of it breaks a rule of the version, or a write behind
 * it one of its own. */
static int find_wrong(struct find *f, struct cove_txn *txn,
                      struct cove_loaded *loaded)
{
    struct node_json *j = &f->a->reply;
    struct node_wrong wrong;
    int err = node_wrong_find(txn, loaded, &txn->arena, &wrong);

    if (err != 0 || !wrong.any) {
        return err;
    }
    f->found++;
    if (f->count) {
        return 0;
    }
    node_json_open(j, '{');
    err = node_doc_members(txn, loaded, &f->show, j);
    node_wrong_json(j, &wrong);
    node_json_close(j, '}');
    return err;
}

static int find_one(struct find *f, struct cove_txn *txn,
                    const struct cove_id *id)
{
    struct cove_loaded *loaded;
    bool met = true;
    int err = f->where == NULL ? 0 : find_asked(f, txn, id, &met);

    if (err != 0 || !met) {
        return err;
    }
    err = node_load(txn, id, f->version, &loaded);
    if (err == COVE_EBLOCKED && f->count) {
        f->unjudged++;
        cove_diag_clear(&txn->diag);
        return 0;
    }
    if (err == COVE_EBLOCKED) {
        f->found++;
        admin_find_blocked(f->a, txn, id);
        return 0;
    }
    if (err == 0 && f->invalid) {
        return find_wrong(f, txn, loaded);
    }
    return err == 0 ? find_found(f, txn, loaded) : err;
}

static int find_slice(struct find *f)
{
    struct cove_txn *txn;
    int err = node_begin(f->a->store, f->flags, &txn);

    if (err != 0) {
        return err;
    }
    for (int i = 0; i < FIND_SLICE && err == 0 && f->found < f->limit; i++) {
        struct cove_id id;

        err = find_next(f, txn, &id);
        if (f->end) {
            break;
        }
        if (err == 0) {
            err = find_one(f, txn, &id);
        }
    }
    return admin_end(f->a, txn, err);
}

/* A misspelt name is no empty result, of a schema nor of a field. */
static int find_known(struct find *f)
{
    const struct cove_plan *plan;
    struct cove_step_id head;
    struct cove_txn *txn;
    cove_num num;
    int err = node_begin(f->a->store, COVE_READ | COVE_VIEW, &txn);

    if (err != 0) {
        return err;
    }
    if (f->where == NULL) {
        err = cove_catalog_find(txn->worker->catalog, txn->txn, f->schema, &num,
                                &txn->diag);
        f->journal = err == 0 ? num : 0;
        return admin_end(f->a, txn, err);
    }
    err = node_head(txn, f->schema, f->version, &num, &head);
    if (err == 0) {
        f->journal = num;
        err = cove_catalog_plan(txn->worker->catalog, txn->txn, num, &head,
                                &plan);
    }
    if (err == 0) {
        err = cove_where_check(f->where, plan, &txn->diag);
    }
    return admin_end(f->a, txn, err);
}

int admin_where(struct admin *a, const struct cove_where **out)
{
    struct cove_bytes map;

    *out = NULL;
    admin_value(a, "where", &map);
    return map.len == 0 ? 0 : cove_where_parse(&a->arena, map, out, &a->diag);
}

/* What is asked so that a search answers it: at one version of one schema. */
static bool find_is_search(const struct find *f, const struct find_query *q)
{
    bool asks = f->where != NULL || q->asked.order.len > 0 ||
                q->asked.cursor.len > 0 || q->count || q->explain ||
                q->duplicates != NULL;

    return f->schema != NULL && f->ids.len == 0 && !f->invalid &&
           (asks ? f->limit > 0 : f->limit > 0 && f->limit < INT64_MAX);
}

static int find_refuse(const struct find *f, const struct find_query *q)
{
    const char *what = q->asked.order.len > 0    ? "order"
                       : q->asked.cursor.len > 0 ? "cursor"
                       : q->count && !f->count   ? "count"
                       : q->explain              ? "explain"
                       : q->duplicates != NULL   ? "duplicates"
                                                 : NULL;

    return what == NULL
               ? 0
               : cove_fail(&f->a->diag, COVE_EUSAGE,
                           "\"%s\" needs a schema, and goes neither with "
                           "\"ids\" nor with \"invalid\" nor a limit of 0",
                           what);
}

static int find_members(struct find *f, struct find_query *q)
{
    struct admin *a = f->a;
    int64_t after = 0;
    const char *cursor = NULL;
    int err = admin_text(a, "schema", &f->schema);

    err = err != 0 ? err : admin_version(a, &f->version);
    err = err != 0 ? err : admin_int(a, "after", &after);
    err = err != 0 ? err : admin_int(a, "limit", &f->limit);
    err = err != 0 ? err : admin_flag(a, "invalid", &f->invalid);
    err = err != 0 ? err : admin_flag(a, "local", &f->local);
    err = err != 0 ? err : admin_flag(a, "count", &q->count);
    err = err != 0 ? err : admin_flag(a, "explain", &q->explain);
    err = err != 0 ? err : admin_text(a, "cursor", &cursor);
    err = err != 0 ? err : admin_text(a, "duplicates", &q->duplicates);
    err = err != 0 ? err : admin_where(a, &f->where);
    err = err != 0 ? err : admin_show(a, &f->show);
    err = err != 0 ? err : admin_int(a, "depth", &f->depth);
    err = err != 0 ? err : admin_mode(a, COVE_WRITE, &f->flags);
    admin_value(a, "ids", &f->ids);
    admin_value(a, "where", &q->asked.where);
    admin_value(a, "order", &q->asked.order);
    q->asked.cursor =
        cursor != NULL ? cove_bytes_text(cursor) : cove_bytes(NULL, 0);
    q->asked.limit = f->limit;
    f->count = q->count && f->invalid;
    if (err == 0 && f->ids.len > 0 &&
        cove_value_kind(f->ids) != COVE_KIND_LIST) {
        err =
            cove_fail(&a->diag, COVE_EUSAGE, "\"ids\" must be a list of texts");
    }
    if (err == 0 && (after < 0 || f->limit < 0)) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "\"after\" and \"limit\" are not negative");
    }
    f->cursor = (uint64_t)after;
    return err;
}

/* One document after another, in the order of the store. */
static int find_walk(struct find *f)
{
    struct admin *a = f->a;
    int err = f->schema != NULL ? find_known(f) : 0;

    cove_reader_init(&f->next_id, f->ids);
    f->ids_left = f->ids.len > 0 ? cove_reader_list(&f->next_id) : 0;
    if (!f->count) {
        node_json_key(&a->reply, "documents");
        node_json_open(&a->reply, '[');
    }
    while (err == 0 && !f->end && f->found < f->limit) {
        err = find_slice(f);
    }
    if (f->count) {
        node_json_key(&a->reply, "count");
        node_json_int(&a->reply, f->found);
    } else {
        node_json_close(&a->reply, ']');
    }
    if (err == 0 && !f->end && f->ids.len == 0) {
        node_json_key(&a->reply, "next");
        node_json_int(&a->reply, (int64_t)f->cursor);
    }
    if (err == 0 && f->unjudged > 0) {
        node_json_key(&a->reply, "unjudged");
        node_json_int(&a->reply, f->unjudged);
    }
    return err;
}

static int verb_find(struct admin *a)
{
    struct find f = {.a = a, .limit = INT64_MAX, .show = node_show_usual};
    struct find_query q = {.a = a};
    int err = find_members(&f, &q);

    if (err != 0) {
        return err;
    }
    if (!find_is_search(&f, &q)) {
        err = find_refuse(&f, &q);
        return err != 0 ? err : find_walk(&f);
    }
    q.schema = f.schema;
    q.version = f.version;
    q.flags = f.flags;
    q.local = f.local;
    q.after = f.cursor;
    q.show = &f.show;
    q.depth = f.depth;
    return admin_find_query(&q);
}

const struct admin_verb admin_find_verbs[] = {
    {"find",
     "schema version after limit mode where order cursor count explain "
     "duplicates invalid local ids entries data depth",
     verb_find},
    {"index.list", "schema", admin_index_list},
    {"index.work", "max", admin_index_work},
    {"index.rebuild", "schema index", admin_index_rebuild},
    {NULL, NULL, NULL},
};
