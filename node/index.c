/* index.c: indexes kept up with every commit, and worked on beside them.
 * migrate/index.h says what an index is. */
#include "node/index.h"

#define INDEX_WANTS 64 /* versions that this process speaks, at most */

/* --- the versions that this process speaks */

static int wants_find(void *ctx, struct cove_index_wants *out)
{
    struct cove_txn *txn = ctx;
    const struct node_use *uses = txn->worker->uses;
    size_t count = txn->worker->use_count < INDEX_WANTS ? txn->worker->use_count
                                                        : INDEX_WANTS;
    struct cove_index_want *wants =
        cove_arena_array(&txn->scratch, count + 1, sizeof(*wants));

    if (wants == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct cove_schema_doc *doc;
        struct cove_index_want *want = &wants[out->count];
        int err = cove_repo_find(txn->worker->repo, txn->txn, &uses[i].journal,
                                 &want->journal);

        err = err != 0 ? err
                       : cove_catalog_open(txn->worker->catalog, txn->txn,
                                           want->journal, &doc);
        err = err != 0 ? err
                       : cove_schema_doc_head(doc, uses[i].version, &want->head,
                                              NULL);
        if (err == COVE_ENOMEM) {
            return err;
        }
        out->count += err == 0; /* what is not here has no index */
    }
    out->at = wants;
    return 0;
}

/* Looked up where this process speaks others than when it last did. */
static void wants_of(struct cove_txn *txn, struct cove_index_wants *out)
{
    struct node_worker *worker = txn->worker;

    out->again = worker->uses_as_of != worker->uses_seen;
    out->find = wants_find;
    out->find_ctx = txn;
    worker->uses_seen = worker->uses_as_of;
}

/* --- keeping up, and working */

int node_index_keep(struct cove_txn *txn)
{
    struct cove_index_wants wants = {.count = 0};

    wants_of(txn, &wants);
    return cove_indexes_keep(txn->worker->indexes, txn->txn, &wants,
                             &txn->diag);
}

static int index_piece(struct cove *store, size_t max, bool *left)
{
    struct cove_txn *txn;
    int err = node_begin(store, COVE_WRITE | COVE_VIEW, &txn);

    if (err != 0) {
        return err;
    }
    err = node_index_keep(txn); /* there may be new schemas */
    if (err == 0) {
        err = cove_indexes_work(txn->worker->indexes, txn->txn, max, left,
                                &txn->diag);
    }
    if (err != 0) {
        node_txn_failed(txn, err);
        cove_abort(txn);
        return err;
    }
    txn->wrote = true;
    return cove_commit(txn);
}

int node_index_due(struct cove *store, bool *due)
{
    struct cove_txn *txn;
    uint64_t rules;
    int err = node_begin(store, COVE_READ | COVE_VIEW, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_repo_rules(txn->worker->repo, txn->txn, &rules);
    if (err == 0) {
        err = cove_indexes_due(txn->worker->indexes, txn->txn, rules, due);
    }
    cove_abort(txn);
    return err;
}

int node_index_work(struct cove *store, size_t max, bool *left)
{
    int err = node_index_due(store, left);

    return err != 0 || !*left ? err : index_piece(store, max, left);
}
