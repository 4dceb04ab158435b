/* counter.c: counters as an app reads them and adds to them. */
#include "node/node.h"

#include <inttypes.h>

static cove_wide counter_sum(const struct node_doc *d)
{
    cove_wide gathered = d->gather != NULL ? d->gather->amount : 0;

    return d->loaded.doc.state.sum + gathered;
}

int cove_counter_add(struct cove_txn *txn, const struct cove_id *id,
                     int64_t amount)
{
    struct node_doc *d;
    int err = node_gather(txn, id, COVE_DOC_COCOUNTER, &d);

    if (err == 0) {
        err = cove_counter_check(counter_sum(d), amount);
        if (err != 0) {
            cove_fail(&txn->diag, err,
                      "adding %" PRId64 " would take the counter out of the "
                      "range of 64 bits",
                      amount);
        }
    }
    if (err == 0 && !cove_counter_join(&d->gather->amount, amount)) {
        err = node_flush(txn, d);
        d->gather->amount = err == 0 ? amount : 0;
    }
    return err == 0 ? node_composed(txn, d, 0)
                    : node_txn_failed(txn, node_write_failed(txn, err));
}

int cove_counter_get(struct cove_txn *txn, const struct cove_id *id,
                     int64_t *out)
{
    struct node_doc *d;
    int err = node_typed(txn, id, COVE_DOC_COCOUNTER, &d);

    if (err == 0) {
        err = cove_counter_read(counter_sum(d), out);
        if (err != 0) {
            cove_fail(&txn->diag, err,
                      "concurrent additions took the counter out of the range "
                      "of 64 bits");
        }
    }
    return node_txn_failed(txn, err);
}
