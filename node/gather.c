/* gather.c: what an app adds to counters, streams and blobs in a transaction.
 *
 * Like the edits of a text it is gathered, and appended as one signed
 * transaction when that is full, when something else is done to the document,
 * and before the commit.
 */
#include "node/node.h"

static int gather_start(struct cove_txn *txn, struct node_doc *d)
{
    int err = cove_repo_may_write(txn->worker->repo, txn->txn, &d->loaded.doc,
                                  &txn->diag);

    if (err != 0) {
        return err;
    }
    d->gather = cove_arena_new(&txn->arena, sizeof(*d->gather));
    if (d->gather == NULL) {
        return COVE_ENOMEM;
    }
    cove_buf_init(&d->gather->stream.values, txn->store->alloc);
    cove_buf_init(&d->gather->blob.bytes, txn->store->alloc);
    return 0;
}

int node_gather(struct cove_txn *txn, const struct cove_id *id,
                enum cove_doc_type type, struct node_doc **out)
{
    int err = node_writable(txn);

    if (err == 0) {
        err = node_typed(txn, id, type, out);
    }
    if (err == 0 && (*out)->gather == NULL) {
        err = gather_start(txn, *out);
    }
    if (err == 0) {
        txn->wrote = true;
    }
    return err;
}

void node_gather_clear(struct node_gather *gather)
{
    if (gather != NULL) {
        cove_buf_clear(&gather->stream.values);
        cove_buf_clear(&gather->blob.bytes);
    }
}

int node_gather_append(struct cove_txn *txn, struct node_doc *d,
                       struct cove_tx *tx)
{
    int err;

    tx->kind = COVE_TX_NATIVE;
    tx->epoch_inherited = true;
    tx->auth_inherited = true;
    err = cove_repo_append(txn->worker->repo, txn->txn, &d->loaded.doc, tx,
                           &txn->diag);
    if (err != 0) {
        txn->broken = txn->broken != 0 ? txn->broken : err;
    }
    return err;
}

static int gather_amount(struct cove_txn *txn, struct node_doc *d)
{
    struct cove_tx_op op = {.kind = COVE_OP_ADD, .amount = d->gather->amount};
    struct cove_tx tx = {.ops = &op, .op_count = 1};

    d->gather->amount = 0;
    return node_gather_append(txn, d, &tx);
}

static int gather_entries(struct cove_txn *txn, struct node_doc *d)
{
    struct cove_tx tx;
    int err = cove_stream_draft_take(&d->gather->stream, &txn->scratch, &tx);

    if (err == 0) {
        err = node_gather_append(txn, d, &tx);
    }
    cove_arena_reset(&txn->scratch);
    return err;
}

/* At most two transactions: what begins it may stand by itself. */
static int gather_chunk(struct cove_txn *txn, struct node_doc *d)
{
    struct cove_blob_draft *draft = &d->gather->blob;
    int err = 0;

    while (err == 0 && cove_blob_draft_is_due(draft)) {
        err = node_blob_take(txn, d, false);
    }
    return err;
}

int node_gather_flush(struct cove_txn *txn, struct node_doc *d)
{
    int err = 0;

    if (d->gather->amount != 0) {
        err = gather_amount(txn, d);
    }
    if (err == 0 && d->gather->stream.count > 0) {
        err = gather_entries(txn, d);
    }
    return err != 0 ? err : gather_chunk(txn, d);
}
