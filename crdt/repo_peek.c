/* repo_peek.c: whose store it is and of which format, before it is opened as a
 * repo, which would take a former one over. */
#include "crdt/repo_internal.h"

static int peek_identity(struct cove_store_txn *txn, struct cove_repo_peek *out)
{
    struct cove_bytes value;
    struct cove_unpacker u;
    int err = cove_store_get(txn, REPO_META, cove_bytes_text("repo"), &value);

    if (err != 0) {
        return err;
    }
    cove_unpacker_init(&u, value);
    out->format = cove_unpack_varint(&u);
    cove_unpack_raw(&u, out->device.b, sizeof(out->device.b));
    cove_unpack_raw(&u, out->store_id, sizeof(out->store_id));
    return u.err;
}

static int peek_sequence(struct cove_store_txn *txn, struct cove_repo_peek *out)
{
    struct cove_bytes value;
    struct cove_unpacker u;
    int err =
        cove_store_get(txn, REPO_META, cove_bytes_text("counters"), &value);

    if (err != 0) {
        return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
    }
    cove_unpacker_init(&u, value);
    out->sequence = cove_unpack_varint(&u);
    return u.err;
}

int cove_repo_peek(struct cove_store *store, struct cove_repo_peek *out)
{
    struct cove_repo_peek peek = {.current = REPO_FORMAT};
    struct cove_store_txn *txn;
    int err = cove_store_begin(store, false, &txn);

    if (err != 0) {
        return err;
    }
    err = peek_identity(txn, &peek);
    if (err == 0) {
        err = peek_sequence(txn, &peek);
    }
    cove_store_abort(txn);
    if (err == 0) {
        *out = peek;
    }
    return err;
}
