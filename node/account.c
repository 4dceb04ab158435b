/* account.c: the device's account. */
#include "core/cbor.h"
#include "node/node.h"

#define ACCOUNT_RECORD "account"

static int account_make(struct cove *store, struct node_worker *worker,
                        struct cove_store_txn *txn)
{
    struct cove_buf members, header;
    struct cove_writer w;
    uint8_t nonce[16];
    cove_num num;
    struct cove_header h = {.version = COVE_FORMAT_VERSION,
                            .type = COVE_DOC_ACCOUNT};

    cove_buf_init(&members, store->alloc);
    cove_buf_init(&header, store->alloc);
    store->env->random(store->env->ctx, nonce, sizeof(nonce));
    cove_writer_init(&w, &members);
    cove_writer_map(&w, 1);
    cove_writer_bytes(&w, store->device.b, sizeof(store->device.b));
    cove_writer_cstr(&w, cove_role_name(COVE_ROLE_ADMIN));
    h.nonce = cove_bytes(nonce, sizeof(nonce));
    h.has_created = true;
    h.created_ms = store->env->now_ms(store->env->ctx);

    int err = w.err;

    if (err == 0) {
        h.members = cove_buf_bytes(&members);
        err = cove_header_encode(&h, &header, &store->account, &store->diag);
    }
    if (err == 0) {
        err = cove_repo_create(worker->repo, txn, cove_buf_bytes(&header), &num,
                               &store->diag);
    }
    if (err == 0) {
        err = cove_repo_record_put(
            worker->repo, txn, COVE_RECORDS_META,
            cove_bytes_text(ACCOUNT_RECORD),
            cove_bytes(store->account.b, sizeof(store->account.b)));
    }
    cove_buf_clear(&members);
    cove_buf_clear(&header);
    return err;
}

static int account_get(struct cove *store, struct node_worker *worker,
                       struct cove_store_txn *txn)
{
    struct cove_bytes held;
    int err = cove_repo_record_get(worker->repo, txn, COVE_RECORDS_META,
                                   cove_bytes_text(ACCOUNT_RECORD), &held);

    if (err == 0 && held.len == sizeof(store->account.b)) {
        memcpy(store->account.b, held.at, held.len);
    }
    return err;
}

/* Who finds it waits for no writer; else it is looked for again, since another
 * process may have been faster. */
int node_account_open(struct cove *store, struct node_worker *worker)
{
    int err = COVE_ENOTFOUND;

    for (int write = 0; write < 2 && err == COVE_ENOTFOUND; write++) {
        struct cove_store_txn *txn;

        err = cove_store_begin(store->store, write != 0, &txn);
        if (err != 0) {
            return err;
        }
        err = account_get(store, worker, txn);
        if (err == COVE_ENOTFOUND && write != 0) {
            err = account_make(store, worker, txn);
            if (err == 0) {
                return cove_store_commit(txn);
            }
        }
        cove_store_abort(txn);
    }
    return err;
}
