/* doc.c: documents that a transaction has loaded: each once, at the version
 * that the app speaks, on the branch that it switched to. */
#include "node/node.h"

static struct node_doc **doc_bucket(struct cove_txn *txn,
                                    const struct cove_id *id)
{
    return &txn->docs[id->b[0] % NODE_DOC_BUCKETS];
}

struct load_choice { /* which version, asked once the schema is known */
    struct cove_txn *txn;
    const char *version;
};

static int load_choose(void *ctx, const struct cove_schema_doc *schema,
                       struct cove_step_id *head)
{
    struct load_choice *c = ctx;
    const char *version = c->version;

    if (version == NULL) {
        version = node_use_version(c->txn->worker, &schema->id);
    }
    return cove_schema_doc_head(schema, version, head, &c->txn->diag);
}

static int load_fresh(struct cove_txn *txn, const struct cove_id *id,
                      struct cove_load_request *request,
                      struct cove_arena *arena, struct cove_loaded *out)
{
    int err = cove_repo_number(txn->worker->repo, txn->txn, id, &request->num);

    request->choose = load_choose;
    request->later = request->mode == COVE_LOAD_VIEW;
    request->live_days = txn->store->live_days;
    if (err == 0) {
        err = cove_load(txn->worker->catalog, txn->txn, request, arena, out,
                        &txn->diag);
    }
    /* Or else it has no such branch, and that is said. */
    if (err == COVE_ENOTFOUND &&
        cove_repo_find(txn->worker->repo, txn->txn, id, &request->num) == err) {
        char text[COVE_ID_TEXT_MAX];

        cove_id_text(id, text);
        return cove_fail(&txn->diag, err, "no document %s here", text);
    }
    return err;
}

static enum cove_load_mode load_mode(const struct cove_txn *txn)
{
    if (txn->flags & COVE_RAW) {
        return COVE_LOAD_RAW;
    }
    return (txn->flags & COVE_WRITE) && !(txn->flags & COVE_VIEW)
               ? COVE_LOAD_MIGRATE
               : COVE_LOAD_VIEW;
}

static const struct cove_session_id *doc_branch(const struct cove_txn *txn,
                                                const struct cove_id *id)
{
    static const struct cove_session_id none;

    for (const struct node_branch *b = txn->branches; b != NULL; b = b->next) {
        if (memcmp(b->id.b, id->b, sizeof(id->b)) == 0) {
            return &b->branch;
        }
    }
    return &none;
}

int node_view(struct cove_txn *txn, const struct cove_id *id,
              const char *version, struct cove_arena *arena,
              struct cove_loaded *out)
{
    struct load_choice choice = {txn, version};
    struct cove_load_request request = {.choose_ctx = &choice,
                                        .branch = *doc_branch(txn, id),
                                        .mode = COVE_LOAD_VIEW};

    return load_fresh(txn, id, &request, arena, out);
}

static struct node_doc *doc_held(struct cove_txn *txn, const struct cove_id *id)
{
    if (txn->last != NULL &&
        memcmp(txn->last->id.b, id->b, sizeof(id->b)) == 0) {
        return txn->last;
    }
    for (struct node_doc *d = *doc_bucket(txn, id); d != NULL; d = d->next) {
        if (memcmp(d->id.b, id->b, sizeof(id->b)) == 0) {
            return d;
        }
    }
    return NULL;
}

void node_unload(struct cove_txn *txn, const struct cove_id *id)
{
    struct node_doc **place = doc_bucket(txn, id);

    while (*place != NULL &&
           memcmp((*place)->id.b, id->b, sizeof(id->b)) != 0) {
        place = &(*place)->next;
    }
    if (*place != NULL) {
        if ((*place)->compose != NULL) {
            cove_compose_clear((*place)->compose);
        }
        node_gather_clear((*place)->gather);
        *place = (*place)->next;
    }
    txn->last = NULL;
}

int node_doc(struct cove_txn *txn, const struct cove_id *id,
             const char *version, struct node_doc **out)
{
    struct node_doc **bucket = doc_bucket(txn, id);
    struct node_doc *d = doc_held(txn, id);

    if (d != NULL) {
        txn->last = d;
        *out = d;
        return 0;
    }
    struct load_choice choice = {txn, version};
    struct cove_load_request request = {.choose_ctx = &choice,
                                        .branch = *doc_branch(txn, id),
                                        .mode = load_mode(txn)};

    d = cove_arena_new(&txn->arena, sizeof(*d));
    if (d == NULL) {
        return COVE_ENOMEM;
    }
    int err = load_fresh(txn, id, &request, &txn->arena, &d->loaded);

    if (err != 0) {
        return err;
    }
    txn->wrote = txn->wrote || d->loaded.copies_written > 0 ||
                 (txn->flags & COVE_WRITE) != 0;
    d->id = *id;
    d->next = *bucket;
    *bucket = d;
    txn->last = d;
    *out = d;
    return 0;
}

int node_absent(struct cove_txn *txn, struct node_doc *parent,
                struct cove_bytes reg, const struct cove_id *id)
{
    struct node_doc **bucket = doc_bucket(txn, id);
    struct node_doc *d = doc_held(txn, id);

    if (d != NULL) {
        return 0;
    }
    d = cove_arena_new(&txn->arena, sizeof(*d));
    if (d == NULL) {
        return COVE_ENOMEM;
    }
    int err = cove_load_absent(txn->worker->catalog, txn->txn, &parent->loaded,
                               reg, id, &txn->arena, &d->loaded);

    if (err == 0) {
        d->id = *id;
        d->next = *bucket;
        *bucket = d;
    }
    return err;
}

int node_load(struct cove_txn *txn, const struct cove_id *id,
              const char *version, struct cove_loaded **out)
{
    struct node_doc *d;
    int err = node_doc(txn, id, version, &d);

    if (err == 0) {
        err = node_flush(txn, d);
    }
    if (err == 0) {
        *out = &d->loaded;
    }
    return err;
}
