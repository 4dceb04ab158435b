/* txn.c: transactions, and documents read and written inside them. */
#include "core/value.h"
#include "node/index.h"
#include "node/node.h"

#include <stdio.h>

#include "core/cbor.h"

/* Commits that had returned may be lost since an app was told last, and
 * another thread have heard of it. */
static int txn_losses(struct cove *store, int err)
{
    uint64_t losses = cove_store_losses(store->store);

    return losses == atomic_load(&store->losses) ||
                   atomic_exchange(&store->losses, losses) == losses
               ? err
               : COVE_ELOST;
}

int node_begin(struct cove *store, unsigned flags, struct cove_txn **out)
{
    if (!cove_fork_ours(&store->fork)) {
        return COVE_EBUSY;
    }
    struct cove_txn *txn = cove_alloc_zero(store->alloc, 1, sizeof(*txn));

    if (txn == NULL) {
        return COVE_ENOMEM;
    }
    txn->store = store;
    txn->flags = flags;
    cove_arena_init(&txn->scratch, store->alloc);
    int err = node_worker_take(store, &txn->worker);

    if (err == 0) {
        err = cove_store_begin(store->store, (flags & COVE_WRITE) != 0,
                               &txn->txn);
        if (store->group) {
            bool begun = err == 0;

            err = txn_losses(store, err);
            if (begun && err != 0) {
                cove_store_abort(txn->txn);
            }
        }
        if (err != 0) {
            node_worker_give(store, txn->worker);
        }
    }
    if (err != 0) {
        cove_alloc_free(store->alloc, txn);
        return err;
    }
    txn->arena = txn->worker->arena;
    cove_catalog_judging(txn->worker->catalog)->reported = 0;
    *out = txn;
    return 0;
}

/* It is committed, with writes that broke their schema: say so. */
static void txn_report(struct cove *store, const struct cove_judging *judging)
{
    char line[sizeof(judging->first.text) + 96], more[64] = "";

    if (judging->reported == 0) {
        return;
    }
    atomic_fetch_add(&store->reported, judging->reported);
    if (store->log != NULL) {
        if (judging->reported > 1) {
            snprintf(more, sizeof(more), " (and %llu more in this commit)",
                     (unsigned long long)judging->reported - 1);
        }
        snprintf(line, sizeof(line), "invalid, and written: %s%s",
                 judging->first.text, more);
        store->log(store->log_ctx, line);
    }
}

static void txn_free(struct cove_txn *txn)
{
    struct cove *store = txn->store;

    node_compose_end(txn);
    node_tails_end(txn);
    /* The next transaction finds its memory warm. */
    cove_arena_reset(&txn->arena);
    txn->worker->arena = txn->arena;
    if (txn->forget) {
        node_worker_drop(store, txn->worker);
    } else {
        node_worker_give(store, txn->worker);
    }
    cove_arena_clear(&txn->scratch);
    cove_alloc_free(store->alloc, txn);
}

int node_renew(struct cove_txn *txn)
{
    struct cove_store_txn *next;

    node_compose_end(txn);
    node_tails_end(txn);
    cove_store_abort(txn->txn);
    cove_arena_reset(&txn->arena);
    memset(txn->docs, 0, sizeof(txn->docs));
    txn->last = NULL;
    txn->branches = NULL;
    txn->schema.num = 0;
    int err = cove_store_begin(txn->store->store, false, &next);

    txn->txn = err == 0 ? next : NULL;
    return err;
}

void node_forget(struct cove_txn *txn)
{
    txn->forget = true;
}

int cove_begin(struct cove *store, unsigned flags, struct cove_txn **out)
{
    if ((flags & ~(COVE_WRITE | COVE_VIEW | COVE_RAW | COVE_EACH)) != 0) {
        struct cove_diag diag = {0};

        return node_failed(
            store, cove_fail(&diag, COVE_EUSAGE, "unknown flags %#x", flags),
            &diag);
    }
    return node_failed(store, node_begin(store, flags, out), NULL);
}

int cove_commit(struct cove_txn *txn)
{
    if (txn == NULL) {
        return COVE_EUSAGE;
    }
    struct cove *store = txn->store;
    struct cove_diag diag = {0};

    if (!cove_fork_ours(&store->fork)) {
        return node_failed(store, COVE_EBUSY, NULL);
    }
    bool broken = txn->broken != 0;
    int err = broken ? txn->broken : node_flush_all(txn);
    bool wrote = txn->wrote;

    if (err == 0 && wrote) {
        err = node_index_keep(txn);
    }
    if (err != 0 && !broken) {
        cove_store_abort(txn->txn);
        diag = txn->diag;
    } else if (err != 0) {
        cove_store_abort(txn->txn);
        cove_fail(&diag, err,
                  "nothing was committed: a write in this transaction had "
                  "failed half-way (%s)",
                  cove_error_text(err));
    } else if (wrote) {
        err = cove_store_commit(txn->txn);
        if (err == 0) {
            txn_report(store, cove_catalog_judging(txn->worker->catalog));
        }
    } else {
        cove_store_abort(txn->txn);
    }
    txn->forget = txn->forget || err != 0;
    txn_free(txn);
    return node_failed(store, err, &diag);
}

void cove_abort(struct cove_txn *txn)
{
    if (txn != NULL && cove_fork_ours(&txn->store->fork)) {
        cove_store_abort(txn->txn);
        /* What was cached saw change sequences that others will use anew. */
        txn->forget = txn->forget || (txn->flags & COVE_WRITE) != 0;
        txn_free(txn);
    }
}

/* A write failed. What judges its input fails before anything is written;
 * after any other failure the transaction may hold half of it, and can only be
 * thrown away. */
int node_write_failed(struct cove_txn *txn, int err)
{
    switch (err) {
    case 0:
    case COVE_ESCHEMA:
    case COVE_ELIMIT:
    case COVE_EJSON:
    case COVE_EDENIED:
    case COVE_ENOTFOUND:
    case COVE_EAMBIGUOUS:
    case COVE_ERESERVED:
    case COVE_EUSAGE:
    case COVE_ETYPE:
    case COVE_EFORMAT:
    case COVE_EBLOCKED:
    case COVE_EIMMUTABLE:
        break;
    default:
        txn->broken = txn->broken != 0 ? txn->broken : err;
    }
    return err;
}

int node_txn_failed(struct cove_txn *txn, int err)
{
    node_failed(txn->store, err, &txn->diag);
    cove_diag_clear(&txn->diag);
    return err;
}

int cove_id_lookup(struct cove *store, const char *text, struct cove_id *out)
{
    struct cove_txn *txn;
    int err = node_begin(store, COVE_READ, &txn);

    if (err != 0) {
        return node_failed(store, err, NULL);
    }
    err = cove_repo_resolve(txn->worker->repo, txn->txn, text, out, &txn->diag);
    node_txn_failed(txn, err);
    cove_abort(txn);
    return err;
}

void cove_id_format(const struct cove_id *id, char out[52])
{
    cove_id_text(id, out);
}

/* ---------------------------------------------------------------- reading */

int cove_get(struct cove_txn *txn, const struct cove_id *id, const char *field,
             struct cove_value *out)
{
    struct cove_bytes name = cove_bytes_text(field);
    struct cove_loaded *loaded;
    struct cove_cell cell;
    struct node_doc *d;
    int err;

    if (node_cache_get(txn, id, name, &cell.bytes)) {
        return node_txn_failed(txn, node_value_out(txn, cell.bytes, out));
    }
    err = node_doc(txn, id, NULL, &d);
    if (err == 0) {
        err = node_flush(txn, d);
    }
    if (err == 0) {
        loaded = &d->loaded;
        node_cache_offer(txn, d);
        err = cove_loaded_get(loaded, name, &cell, &txn->diag);
    }
    if (err == 0 && cell.kind == COVE_ABSENT) {
        enum cove_doc_type type = loaded->doc.header.type;

        err =
            type > COVE_DOC_COMAP && type <= COVE_DOC_COCOUNTER
                ? node_other_type(txn, &loaded->doc, COVE_DOC_COMAP)
                : cove_fail(&txn->diag, COVE_ENOTFOUND, "%s is not set", field);
    }
    if (err == 0) {
        err = node_value_out(txn, cell.bytes, out);
    }
    if (err == 0 && cell.kind == COVE_INVALID) {
        out->invalid = 1;
        err = cove_cell_is_open(cell)
                  ? cove_fail(&txn->diag, COVE_ELIMIT,
                              "what %s is, is not known here: a script of a "
                              "step needs more memory than the step gives it; "
                              "publish one that gives more",
                              field)
                  : cove_fail(&txn->diag, COVE_EINVALID,
                              "%s did not convert to this version; its raw "
                              "value is given",
                              field);
    }
    return node_txn_failed(txn, err);
}

int cove_get_json(struct cove_txn *txn, const struct cove_id *id,
                  const char **out)
{
    struct cove_loaded *loaded;
    struct node_json j;
    struct cove_bytes text;
    int err = node_load(txn, id, NULL, &loaded);

    if (err != 0) {
        return node_txn_failed(txn, err);
    }
    node_json_init(&j, txn->store->alloc);
    err = node_doc_json(txn, loaded, &node_show_all, &j);
    err = err != 0 ? err : j.err;
    if (err == 0) {
        err = cove_arena_copy(&txn->arena, cove_buf_bytes(&j.out), &text);
    }
    cove_buf_clear(&j.out);
    if (err == 0) {
        *out = (const char *)text.at;
    }
    return node_txn_failed(txn, err);
}

/* ---------------------------------------------------------------- writing */

int node_writable(struct cove_txn *txn)
{
    return (txn->flags & COVE_WRITE)
               ? 0
               : cove_fail(
                     &txn->diag, COVE_EUSAGE,
                     "this transaction only reads; begin with COVE_WRITE");
}

static int txn_edit(struct cove_txn *txn, const struct cove_id *id,
                    const struct cove_edit *edits, size_t count)
{
    struct cove_loaded *loaded;
    int err = node_writable(txn);

    if (err == 0) {
        err = node_load(txn, id, NULL, &loaded);
    }
    if (err == 0) {
        err = cove_write(txn->worker->catalog, txn->txn, loaded, edits, count,
                         &txn->diag);
    }
    if (err == 0) {
        txn->wrote = true;
    }
    return node_write_failed(txn, err);
}

int cove_set(struct cove_txn *txn, const struct cove_id *id, const char *field,
             struct cove_value value)
{
    struct cove_edit edit = {.name = cove_bytes_text(field)};
    int err = node_value_in(txn, value, &edit.value);

    if (err == 0) {
        err = txn_edit(txn, id, &edit, 1);
    }
    return node_txn_failed(txn, err);
}

int cove_delete(struct cove_txn *txn, const struct cove_id *id,
                const char *field)
{
    struct cove_edit edit = {.name = cove_bytes_text(field), .deleted = true};

    return node_txn_failed(txn, txn_edit(txn, id, &edit, 1));
}

int node_edits(struct cove_txn *txn, struct cove_bytes map,
               struct cove_edit **out, size_t *count)
{
    struct cove_reader r;

    if (map.len == 0 || cove_value_kind(map) != COVE_KIND_MAP) {
        return cove_fail(&txn->diag, COVE_EJSON,
                         "a JSON object is wanted here");
    }
    cove_reader_init(&r, map);
    size_t n = cove_reader_map(&r);
    struct cove_edit *edits =
        cove_arena_array(&txn->scratch, n == 0 ? 1 : n, sizeof(*edits));

    if (edits == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        edits[i].name = cove_reader_text(&r);
        edits[i].value = cove_reader_item(&r);
    }
    int err = cove_reader_done(&r);

    if (err == 0) {
        *out = edits;
        *count = n;
    }
    return err;
}

/* JSON text to an encoded map in the transaction's arena. */
static int txn_json(struct cove_txn *txn, const char *json,
                    struct cove_bytes *out)
{
    struct cove_buf buf;

    cove_buf_init(&buf, txn->store->alloc);
    int err =
        cove_json_read(cove_bytes_text(json), "document", &buf, &txn->diag);

    if (err == 0) {
        err = cove_arena_copy(&txn->scratch, cove_buf_bytes(&buf), out);
    }
    cove_buf_clear(&buf);
    return err;
}

int cove_set_json(struct cove_txn *txn, const struct cove_id *id,
                  const char *json)
{
    struct cove_bytes map;
    struct cove_edit *edits;
    size_t count;
    int err;

    cove_arena_reset(&txn->scratch);
    err = txn_json(txn, json, &map);

    if (err == 0) {
        err = node_edits(txn, map, &edits, &count);
    }
    if (err == 0) {
        err = txn_edit(txn, id, edits, count);
    }
    return node_txn_failed(txn, err);
}

/* What the header says by itself is not the caller's to say. */
static int new_meta_allowed(struct cove_txn *txn, struct cove_bytes meta)
{
    static const char *const reserved[] = {"$schema", "version"};
    struct cove_bytes value;

    for (size_t i = 0; meta.len > 0 && i < COVE_ARRAY_LEN(reserved); i++) {
        if (cove_value_member(meta, reserved[i], &value)) {
            return cove_fail(&txn->diag, COVE_ERESERVED,
                             "\"%s\" in meta is reserved: it says which "
                             "schema the document was made at; name the schema "
                             "instead",
                             reserved[i]);
        }
    }
    return 0;
}

int node_new(struct cove_txn *txn, const struct node_new *request,
             struct cove_id *out)
{
    struct cove_new_request r = {.type = COVE_DOC_COMAP,
                                 .owner = txn->store->account,
                                 .unique = request->unique,
                                 .meta = request->meta,
                                 .unseen = true};
    struct cove_step_id head;
    const struct cove_schema_doc *schema;
    struct cove_loaded loaded;
    struct cove_edit *edits = NULL;
    int err = node_writable(txn);

    err = err != 0 ? err : new_meta_allowed(txn, request->meta);
    if (err == 0 && request->schema != NULL) {
        err =
            node_head(txn, request->schema, request->version, &r.schema, &head);
        r.head = &head;
        if (err == 0) {
            err = cove_catalog_open(txn->worker->catalog, txn->txn, r.schema,
                                    &schema);
        }
        if (err == 0) {
            r.owner = schema->owner;
        }
    }
    if (request->owner != NULL) {
        r.owner = *request->owner;
    }
    if (err == 0 && request->fields.len > 0) {
        err = node_edits(txn, request->fields, &edits, &r.edit_count);
        r.edits = edits;
    }
    if (err == 0) {
        err = cove_new_document(txn->worker->catalog, txn->txn, &r,
                                &txn->scratch, &loaded, &txn->diag);
    }
    if (err == 0) {
        txn->wrote = true;
        *out = loaded.doc.id;
    }
    return node_write_failed(txn, err);
}

int cove_new(struct cove_txn *txn, const char *schema,
             const struct cove_id *owner, const char *json, struct cove_id *out)
{
    struct node_new request = {.schema = schema, .owner = owner};
    int err;

    /* The document itself is loaded anew where it is used again: a
     * transaction that makes a million of them stays small. */
    cove_arena_reset(&txn->scratch);
    err = json == NULL ? 0 : txn_json(txn, json, &request.fields);

    if (err == 0) {
        err = node_new(txn, &request, out);
    }
    return node_txn_failed(txn, err);
}

int cove_next(struct cove_txn *txn, const char *schema, uint64_t *cursor,
              struct cove_id *out)
{
    struct cove_doc_brief brief;
    cove_num journal = 0, num;
    int err = 0;

    if (schema != NULL) {
        err = cove_catalog_find(txn->worker->catalog, txn->txn, schema,
                                &journal, &txn->diag);
    }
    num = *cursor;
    brief.local = true; /* local documents are in no list */
    while (err == 0 && brief.local) {
        err = cove_repo_next(txn->worker->repo, txn->txn, journal, num, &num);
        if (err == COVE_ENOTFOUND) {
            return err;
        }
        if (err == 0) {
            err = cove_repo_brief(txn->worker->repo, txn->txn, num, &brief);
        }
    }
    if (err == 0) {
        *cursor = num;
        *out = brief.id;
    }
    return node_txn_failed(txn, err);
}
