/* blob.c: blobs as an app writes and reads them. */
#include "node/node.h"

/* ---------------------------------------------------------------- writing */

static int blob_self(struct cove_txn *txn, const struct node_doc *d,
                     struct cove_blob_self *self)
{
    return cove_repo_place(txn->worker->repo, txn->txn, &d->loaded.doc,
                           &self->session, &self->next);
}

int node_blob_take(struct cove_txn *txn, struct node_doc *d, bool end)
{
    struct cove_blob_self self;
    struct cove_tx tx;
    int err = blob_self(txn, d, &self);

    if (err == 0) {
        err = cove_blob_draft_take(&d->gather->blob, &d->loaded.doc.state,
                                   &self, end, &txn->scratch, &tx);
    }
    if (err == 0) {
        err = node_gather_append(txn, d, &tx);
    }
    cove_arena_reset(&txn->scratch);
    return err;
}

/* The call's error. One that only judged what was asked for breaks nothing. */
static int blob_failed(struct cove_txn *txn, int err)
{
    return node_txn_failed(
        txn, err == COVE_ECONDITION ? err : node_write_failed(txn, err));
}

static int blob_about(struct cove_txn *txn, const struct cove_blob *blob,
                      struct cove_blob_about *out)
{
    if (blob->size_of != sizeof(*blob) || blob->bytes < -1) {
        return cove_fail(&txn->diag, COVE_EUSAGE,
                         "a blob's size_of is sizeof(struct cove_blob), its "
                         "bytes are -1 or more");
    }
    memset(out, 0, sizeof(*out));
    if (blob->name != NULL) {
        out->name = cove_bytes_text(blob->name);
    }
    if (blob->mime != NULL) {
        out->mime = cove_bytes_text(blob->mime);
    }
    out->size = blob->bytes < 0 ? COVE_BLOB_UNKNOWN : (uint64_t)blob->bytes;
    return 0;
}

int cove_blob_begin(struct cove_txn *txn, const struct cove_id *id,
                    const struct cove_blob *blob, int64_t *at)
{
    struct cove_blob_about about;
    struct cove_blob_self self;
    struct node_doc *d;
    int err = node_gather(txn, id, COVE_DOC_COBINARY, &d);

    if (err == 0) {
        err = blob_about(txn, blob, &about);
    }
    if (err == 0) {
        err = blob_self(txn, d, &self);
    }
    if (err == 0) {
        err = cove_blob_draft_begin(&d->gather->blob, &about,
                                    &d->loaded.doc.state, &self, &txn->arena,
                                    &txn->diag);
    }
    if (err == 0) {
        *at = (int64_t)d->gather->blob.held;
    }
    return blob_failed(txn, err);
}

int cove_blob_write(struct cove_txn *txn, const struct cove_id *id,
                    const void *bytes, size_t len)
{
    struct cove_bytes rest = cove_bytes(bytes, len);
    struct node_doc *d;
    int err = node_gather(txn, id, COVE_DOC_COBINARY, &d);

    do {
        if (err == 0) {
            err = cove_blob_draft_write(&d->gather->blob, &rest, &txn->diag);
        }
        if (err == 0 && d->gather->blob.bytes.len == COVE_BLOB_CHUNK) {
            err = node_flush(txn, d);
        }
    } while (err == 0 && rest.len > 0);
    if (err != 0 && rest.len < len) {
        txn->broken = txn->broken != 0 ? txn->broken : err; /* half of it */
    }
    return blob_failed(txn, err);
}

static int blob_complete(struct cove_txn *txn,
                         const struct cove_blob_draft *draft)
{
    if (!draft->open) {
        return cove_fail(&txn->diag, COVE_ECONDITION,
                         "no blob was begun in this transaction");
    }
    if (draft->size != COVE_BLOB_UNKNOWN && draft->held != draft->size) {
        return cove_fail(&txn->diag, COVE_ECONDITION,
                         "the blob has %llu bytes so far, not the %llu that it "
                         "was to have",
                         (unsigned long long)draft->held,
                         (unsigned long long)draft->size);
    }
    return 0;
}

int cove_blob_end(struct cove_txn *txn, const struct cove_id *id)
{
    struct node_doc *d;
    int err = node_gather(txn, id, COVE_DOC_COBINARY, &d);

    if (err == 0) {
        err = blob_complete(txn, &d->gather->blob);
    }
    while (err == 0 && d->gather->blob.open) {
        err = node_blob_take(txn, d, true);
    }
    return blob_failed(txn, err);
}

/* ---------------------------------------------------------------- reading */

static int blob_find(struct cove_txn *txn, const struct cove_id *id,
                     struct node_doc **d, struct cove_blob_shown *out)
{
    int err = node_typed(txn, id, COVE_DOC_COBINARY, d);

    if (err == 0) {
        err = cove_blob_shown(&(*d)->loaded.doc.state, out);
        if (err == COVE_ENOTFOUND) {
            err = cove_fail(&txn->diag, err, "no blob was written here yet");
        } else if (err == COVE_EFORMAT) {
            err = cove_fail(&txn->diag, err,
                            "what the document says of its blob is nothing "
                            "that this version of Cove knows");
        }
    }
    return err;
}

static int blob_name(struct cove_txn *txn, struct cove_bytes in,
                     const char **out)
{
    struct cove_bytes copy;
    int err = in.at == NULL ? 0 : cove_arena_copy(&txn->arena, in, &copy);

    if (err == 0) {
        *out = in.at == NULL ? NULL : (const char *)copy.at;
    }
    return err;
}

int cove_blob_info(struct cove_txn *txn, const struct cove_id *id,
                   struct cove_blob *out)
{
    struct cove_blob blob = {.size_of = sizeof(blob)};
    struct cove_blob_shown shown;
    struct node_doc *d;
    int err = blob_find(txn, id, &d, &shown);

    if (err == 0 && out->size_of != sizeof(*out)) {
        err = cove_fail(&txn->diag, COVE_EUSAGE,
                        "size_of is sizeof(struct cove_blob)");
    }
    if (err == 0) {
        err = blob_name(txn, shown.about.name, &blob.name);
    }
    if (err == 0) {
        err = blob_name(txn, shown.about.mime, &blob.mime);
    }
    if (err == 0) {
        blob.bytes = shown.about.size == COVE_BLOB_UNKNOWN
                         ? -1
                         : (int64_t)shown.about.size;
        blob.held = (int64_t)shown.held;
        blob.whole = shown.err == 0;
        memcpy(blob.hash, shown.hash.b, sizeof(blob.hash));
        *out = blob;
    }
    return node_txn_failed(txn, err);
}

static int blob_readable(struct cove_txn *txn,
                         const struct cove_blob_shown *shown, int64_t at)
{
    char who[COVE_HEX_LEN(32)];

    if (shown->err == COVE_EHASH) {
        cove_hex(cove_bytes(shown->by.device.b, 32), who);
        return cove_fail(&txn->diag, COVE_EHASH,
                         "the chunks that device %s wrote do not give the blob "
                         "that it says",
                         who);
    }
    if (shown->err != 0) {
        return cove_fail(&txn->diag, shown->err,
                         "the blob is not whole here yet: %llu bytes are",
                         (unsigned long long)shown->held);
    }
    if (at < 0 || (uint64_t)at > shown->about.size) {
        return cove_fail(&txn->diag, COVE_EUSAGE, "the blob ends at %llu bytes",
                         (unsigned long long)shown->about.size);
    }
    return 0;
}

int cove_blob_read(struct cove_txn *txn, const struct cove_id *id, int64_t at,
                   void *out, size_t cap, size_t *len)
{
    struct cove_blob_shown shown;
    struct cove_bytes piece;
    struct node_doc *d;
    uint64_t end = 0;
    size_t done = 0;
    int err = blob_find(txn, id, &d, &shown);

    if (err == 0) {
        err = blob_readable(txn, &shown, at);
    }
    if (err == 0) {
        end = shown.about.size - (uint64_t)at;
        cap = end < cap ? (size_t)end : cap;
    }
    while (err == 0 && done < cap) {
        err = cove_blob_bytes(txn->worker->repo, txn->txn, &d->loaded.doc,
                              shown.run, (uint64_t)at + done, &txn->scratch,
                              &d->place, &piece);
        if (err == 0) {
            piece.len = piece.len < cap - done ? piece.len : cap - done;
            memcpy((uint8_t *)out + done, piece.at, piece.len);
            done += piece.len;
        }
        cove_arena_reset(&txn->scratch);
    }
    if (err == 0) {
        *len = done;
    }
    return node_txn_failed(txn, err);
}
