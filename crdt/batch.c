/* batch.c: hash chains and batches to and from their bytes. docs/FORMAT.md
 * "Session chain", "Batch", "State digest".
 *
 * Every length in a batch has one form and one place, so a batch that decodes
 * encodes again to the same bytes. What decoding cannot see (whether the chain
 * leads to what was signed) is for cove_head_verify.
 */
#include "crdt/batch.h"

#include "core/cbor.h"
#include "core/limits.h"

#define BATCH_ITEMS       7
#define BATCH_DEPTH       4 /* batch, proof, path, hash */
#define BATCH_PROOF_ITEMS 4

struct cove_session_id cove_session_id_of(const struct cove_key *device,
                                          const uint8_t salt[16])
{
    struct cove_bytes parts[] = {{device->b, sizeof(device->b)}, {salt, 16}};
    struct cove_hash hash =
        cove_hash_parts("cove/session-id", parts, COVE_ARRAY_LEN(parts));
    struct cove_session_id id;

    memcpy(id.b, hash.b, sizeof(id.b));
    return id;
}

struct cove_hash cove_chain_start(const struct cove_id *document,
                                  const struct cove_session_id *session,
                                  const struct cove_key *device)
{
    struct cove_bytes parts[] = {
        {document->b, sizeof(document->b)},
        {session->b, sizeof(session->b)},
        {device->b, sizeof(device->b)},
    };

    return cove_hash_parts("cove/session", parts, COVE_ARRAY_LEN(parts));
}

struct cove_hash cove_chain_next(const struct cove_hash *head,
                                 struct cove_bytes tx)
{
    struct cove_bytes parts[] = {{head->b, sizeof(head->b)}, tx};

    return cove_hash_parts("cove/session", parts, COVE_ARRAY_LEN(parts));
}

struct cove_hash cove_removed_digest(const struct cove_id *document)
{
    struct cove_bytes parts[] = {{document->b, sizeof(document->b)},
                                 cove_bytes_text("removed")};

    return cove_hash_parts("cove/state", parts, COVE_ARRAY_LEN(parts));
}

struct cove_hash cove_state_digest(const struct cove_id *document,
                                   const struct cove_digest_row *rows,
                                   size_t count)
{
    struct cove_hasher hasher;

    cove_hasher_init(&hasher, "cove/state");
    cove_hasher_add(&hasher, cove_bytes(document->b, sizeof(document->b)));
    for (size_t i = 0; i < count; i++) {
        const struct cove_digest_row *row = &rows[i];
        uint8_t len_be[8];

        cove_put_be64(len_be, row->len);
        cove_hasher_add(&hasher,
                        cove_bytes(row->session.b, sizeof(row->session.b)));
        cove_hasher_add(&hasher, cove_bytes(len_be, sizeof(len_be)));
        cove_hasher_add(&hasher, cove_bytes(row->head.b, sizeof(row->head.b)));
    }
    return cove_hasher_end(&hasher);
}

/* --- limits, the same both ways */

static int batch_check_txs(const struct cove_batch *batch,
                           struct cove_diag *diag)
{
    size_t len = 0;

    if (batch->tx_count > COVE_MAX_BATCH_TX) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a batch of %zu transactions; the limit is %d",
                         batch->tx_count, COVE_MAX_BATCH_TX);
    }
    if (batch->tx_count == 0) {
        return cove_fail(diag, COVE_EFORMAT, "a batch without transactions");
    }
    if (batch->start > UINT32_MAX - batch->tx_count) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a batch that ends beyond index 2^32 - 1");
    }
    for (size_t i = 0; i < batch->tx_count; i++) {
        if (batch->txs[i].len == 0) {
            return cove_fail(diag, COVE_EFORMAT,
                             "batch: transaction %zu is empty", i);
        }
        if (batch->txs[i].len > COVE_MAX_TX) {
            return cove_fail(diag, COVE_ELIMIT,
                             "batch: transaction %zu has %zu bytes; the limit "
                             "is %d",
                             i, batch->txs[i].len, COVE_MAX_TX);
        }
        len += batch->txs[i].len;
    }
    if (len > COVE_MAX_BATCH) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a batch of %zu transaction bytes; the limit is %d",
                         len, COVE_MAX_BATCH);
    }
    return 0;
}

static int batch_check(const struct cove_batch *batch, struct cove_diag *diag)
{
    int err = batch_check_txs(batch, diag);

    if (err != 0) {
        return err;
    }
    if (batch->has_salt != (batch->start == 0)) {
        return cove_fail(diag, COVE_EFORMAT,
                         "a batch must have a salt where it starts at 0, and "
                         "nowhere else");
    }
    if (batch->has_salt) {
        struct cove_session_id id =
            cove_session_id_of(&batch->device, batch->salt);

        if (memcmp(id.b, batch->session.b, sizeof(id.b)) != 0) {
            return cove_fail(diag, COVE_EHASH,
                             "the session is not the hash of its device and "
                             "salt");
        }
    }
    err = cove_proof_check(&batch->proof);
    if (err != 0) {
        return cove_fail(
            diag, err, "batch: a path of %zu hashes for leaf %u of %u",
            batch->proof.path_len, batch->proof.leaf, batch->proof.leaves);
    }
    return 0;
}

/* --- writing */

static void batch_write_proof(struct cove_writer *w,
                              const struct cove_proof *proof)
{
    if (proof->shared) {
        cove_writer_uint(w, proof->leaf);
        return;
    }
    if (proof->grouped) {
        cove_writer_list(w, BATCH_PROOF_ITEMS);
    }
    cove_writer_bytes(w, proof->signature.b, sizeof(proof->signature.b));
    if (!proof->grouped) {
        return;
    }
    cove_writer_uint(w, proof->leaf);
    cove_writer_uint(w, proof->leaves);
    cove_writer_list(w, proof->path_len);
    for (size_t i = 0; i < proof->path_len; i++) {
        cove_writer_bytes(w, proof->path[i].b, sizeof(proof->path[i].b));
    }
}

int cove_batch_encode(const struct cove_batch *batch, struct cove_buf *out)
{
    struct cove_writer w;
    size_t start = out->len;
    int err = batch_check(batch, NULL);

    if (err != 0) {
        return err == COVE_EFORMAT ? COVE_EUSAGE : err;
    }
    cove_writer_init(&w, out);
    cove_writer_list(&w, BATCH_ITEMS);
    cove_writer_bytes(&w, batch->document.b, sizeof(batch->document.b));
    cove_writer_bytes(&w, batch->device.b, sizeof(batch->device.b));
    cove_writer_bytes(&w, batch->session.b, sizeof(batch->session.b));
    if (batch->has_salt) {
        cove_writer_bytes(&w, batch->salt, sizeof(batch->salt));
    } else {
        cove_writer_null(&w);
    }
    cove_writer_uint(&w, batch->start);
    cove_writer_list(&w, batch->tx_count);
    for (size_t i = 0; i < batch->tx_count; i++) {
        cove_writer_bytes(&w, batch->txs[i].at, batch->txs[i].len);
    }
    batch_write_proof(&w, &batch->proof);
    if (w.err != 0) {
        out->len = start;
    }
    return w.err;
}

/* --- reading */

struct batch_decoder {
    struct cove_reader r;
    struct cove_arena *arena;
    struct cove_diag *diag;
    struct cove_batch batch;
};

static int batch_malformed(struct batch_decoder *d, const char *rule)
{
    return cove_fail(d->diag, COVE_EFORMAT, "batch: %s", rule);
}

static bool batch_fixed(struct batch_decoder *d, void *out, size_t len)
{
    if (cove_reader_peek(&d->r) != COVE_CBOR_BYTES) {
        return false;
    }

    struct cove_bytes bytes = cove_reader_bytes(&d->r);

    if (bytes.len != len) {
        return false;
    }
    memcpy(out, bytes.at, len);
    return true;
}

static bool batch_u32(struct batch_decoder *d, uint32_t *out)
{
    if (cove_reader_peek(&d->r) != COVE_CBOR_UINT) {
        return false;
    }

    uint64_t v = cove_reader_uint(&d->r);

    *out = (uint32_t)v;
    return v <= UINT32_MAX;
}

static int batch_read_front(struct batch_decoder *d)
{
    struct cove_batch *b = &d->batch;

    if (!batch_fixed(d, b->document.b, sizeof(b->document.b))) {
        return batch_malformed(d, "the document must be 32 bytes");
    }
    if (!batch_fixed(d, b->device.b, sizeof(b->device.b))) {
        return batch_malformed(d, "the device must be 32 bytes");
    }
    if (!batch_fixed(d, b->session.b, sizeof(b->session.b))) {
        return batch_malformed(d, "the session must be 16 bytes");
    }
    if (cove_reader_peek(&d->r) == COVE_CBOR_NULL) {
        cove_reader_null(&d->r);
    } else if (batch_fixed(d, b->salt, sizeof(b->salt))) {
        b->has_salt = true;
    } else {
        return batch_malformed(d, "the salt must be null or 16 bytes");
    }
    if (!batch_u32(d, &b->start)) {
        return batch_malformed(d, "the start must fit 32 bits");
    }
    return 0;
}

static int batch_read_txs(struct batch_decoder *d)
{
    if (cove_reader_peek(&d->r) != COVE_CBOR_LIST) {
        return batch_malformed(d, "the transactions must be a list");
    }

    size_t count = cove_reader_list(&d->r);

    d->batch.tx_count = count;
    if (count == 0 || count > COVE_MAX_BATCH_TX) {
        return batch_check_txs(&d->batch, d->diag);
    }
    d->batch.txs = cove_arena_array(d->arena, count, sizeof(*d->batch.txs));
    if (d->batch.txs == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (cove_reader_peek(&d->r) != COVE_CBOR_BYTES) {
            return batch_malformed(d, "a transaction must be a byte string");
        }
        d->batch.txs[i] = cove_reader_bytes(&d->r);
    }
    return 0;
}

static int batch_read_path(struct batch_decoder *d)
{
    struct cove_proof *proof = &d->batch.proof;

    if (cove_reader_peek(&d->r) != COVE_CBOR_LIST) {
        return batch_malformed(d, "the path of a proof must be a list");
    }

    size_t len = cove_reader_list(&d->r);

    if (len > COVE_MAX_MERKLE) {
        return cove_fail(d->diag, COVE_ELIMIT,
                         "batch: a path of %zu hashes; the limit is %d", len,
                         COVE_MAX_MERKLE);
    }
    if (len == 0) {
        return 0;
    }
    proof->path = cove_arena_array(d->arena, len, sizeof(*proof->path));
    if (proof->path == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < len; i++) {
        if (!batch_fixed(d, proof->path[i].b, sizeof(proof->path[i].b))) {
            return batch_malformed(d, "a hash of a path must be 32 bytes");
        }
    }
    proof->path_len = len;
    return 0;
}

/* signature | [signature, leaf, leaves, [hash …]] | leaf */
static int batch_read_proof(struct batch_decoder *d)
{
    struct cove_proof *proof = &d->batch.proof;

    if (cove_reader_peek(&d->r) == COVE_CBOR_UINT) {
        proof->grouped = proof->shared = true;
        return batch_u32(d, &proof->leaf)
                   ? 0
                   : batch_malformed(d, "the leaf must fit 32 bits");
    }
    if (cove_reader_peek(&d->r) == COVE_CBOR_LIST) {
        proof->grouped = true;
        if (cove_reader_list(&d->r) != BATCH_PROOF_ITEMS) {
            return batch_malformed(d, "a group's proof must have 4 items");
        }
    }
    if (!batch_fixed(d, proof->signature.b, sizeof(proof->signature.b))) {
        return batch_malformed(d, "a signature must be 64 bytes");
    }
    if (!proof->grouped) {
        return 0;
    }
    if (!batch_u32(d, &proof->leaf) || !batch_u32(d, &proof->leaves)) {
        return batch_malformed(d, "the leaf and leaves must fit 32 bits");
    }
    return batch_read_path(d);
}

static int batch_read(struct batch_decoder *d)
{
    if (cove_reader_peek(&d->r) != COVE_CBOR_LIST ||
        cove_reader_list(&d->r) != BATCH_ITEMS) {
        return batch_malformed(d, "it must be a list of 7 items");
    }

    int err = batch_read_front(d);

    if (err == 0) {
        err = batch_read_txs(d);
    }
    if (err == 0) {
        err = batch_read_proof(d);
    }
    if (err == 0) {
        err = cove_reader_done(&d->r);
    }
    return err;
}

int cove_batch_decode(struct cove_bytes in, struct cove_arena *arena,
                      struct cove_batch *out, struct cove_diag *diag)
{
    struct batch_decoder d = {.arena = arena, .diag = diag};
    int err = cove_cbor_check_all(in, BATCH_DEPTH, diag);

    if (err != 0) {
        cove_diag_context(diag, "batch");
        return err;
    }
    cove_reader_init(&d.r, in);
    err = batch_read(&d);
    if (err == 0) {
        err = batch_check(&d.batch, diag);
    }
    if (err == 0) {
        *out = d.batch;
    }
    return err;
}

bool cove_batch_is_alone(struct cove_bytes in)
{
    struct cove_reader r;
    size_t len = 2 + sizeof(struct cove_signature); /* as the last item */

    if (in.len < len) {
        return false;
    }
    cove_reader_init(&r, cove_bytes(in.at + in.len - len, len));
    return cove_reader_peek(&r) == COVE_CBOR_BYTES &&
           cove_reader_bytes(&r).len == sizeof(struct cove_signature);
}
