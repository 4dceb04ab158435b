/* repo_chunk.c: one chunk of a session's log. docs/FORMAT.md "Log chunk".
 *
 * A chunk holds consecutive transactions and the proof that signs its end. A
 * transaction lies in it as it was received, but for an epoch of 32 bytes:
 * that is cut out and its interned number kept, and put back it gives the
 * identical bytes.
 */
#include "crdt/repo_internal.h"

#define CHUNK_EPOCH 32

static void proof_pack(struct cove_packer *p, const struct cove_proof *proof)
{
    cove_pack_byte(p, proof->grouped ? 1 : 0);
    cove_pack_raw(p, proof->signature.b, sizeof(proof->signature.b));
    if (!proof->grouped) {
        return;
    }
    cove_pack_varint(p, proof->leaf);
    cove_pack_varint(p, proof->leaves);
    cove_pack_varint(p, proof->path_len);
    for (size_t i = 0; i < proof->path_len; i++) {
        cove_pack_raw(p, proof->path[i].b, sizeof(proof->path[i].b));
    }
}

static int proof_unpack(struct cove_unpacker *u, struct cove_arena *arena,
                        struct cove_proof *proof)
{
    memset(proof, 0, sizeof(*proof));

    uint8_t kind = cove_unpack_byte(u);

    cove_unpack_raw(u, proof->signature.b, sizeof(proof->signature.b));
    if (kind == 0) {
        return u->err;
    }
    proof->grouped = true;
    proof->leaf = cove_unpack_u32(u);
    proof->leaves = cove_unpack_u32(u);

    uint64_t len = cove_unpack_varint(u);

    if (u->err != 0 || kind > 1 || len > COVE_MAX_MERKLE) {
        return COVE_ECORRUPT;
    }
    proof->path_len = (size_t)len;
    proof->path =
        cove_arena_array(arena, proof->path_len + 1, sizeof(*proof->path));
    if (proof->path == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < proof->path_len; i++) {
        cove_unpack_raw(u, proof->path[i].b, sizeof(proof->path[i].b));
    }
    return u->err;
}

int repo_chunk_encode(const struct repo_chunk *chunk, struct cove_buf *out)
{
    struct cove_packer p;

    cove_packer_init(&p, out);
    cove_pack_varint(&p, chunk->epoch);
    cove_pack_varint(&p, chunk->count);
    proof_pack(&p, &chunk->proof);
    cove_pack_raw(&p, chunk->packed.at, chunk->packed.len);
    return p.err;
}

int repo_chunk_decode(struct cove_bytes value, struct cove_arena *arena,
                      struct repo_chunk *out)
{
    struct repo_chunk chunk = {.start = 0};
    struct cove_unpacker u;

    cove_unpacker_init(&u, value);
    chunk.epoch = cove_unpack_u32(&u);
    chunk.count = cove_unpack_u32(&u);

    int err = proof_unpack(&u, arena, &chunk.proof);

    if (err != 0) {
        return err;
    }
    chunk.packed = cove_bytes(u.at, (size_t)(u.end - u.at));
    *out = chunk;
    return 0;
}

/* --- transactions */

/* The epoch item of a transaction: [version, hlc, kind, epoch, …]. The bytes
 * are checked CBOR, but what stands in them may be of a newer build. */
static struct cove_bytes chunk_epoch_item(struct cove_bytes tx)
{
    struct cove_reader r;

    cove_reader_init(&r, tx);
    if (cove_reader_peek(&r) != COVE_CBOR_LIST || cove_reader_list(&r) < 4) {
        return cove_bytes(NULL, 0);
    }
    for (int i = 0; i < 3; i++) {
        cove_reader_item(&r);
    }
    if (cove_reader_peek(&r) != COVE_CBOR_BYTES) {
        return cove_bytes(NULL, 0);
    }

    struct cove_bytes item = cove_reader_item(&r);

    return r.err == 0 ? item : cove_bytes(NULL, 0);
}

int repo_chunk_pack(struct repo_work *work, struct cove_bytes tx,
                    uint32_t *epoch, struct cove_buf *packed)
{
    struct cove_bytes item = chunk_epoch_item(tx);
    struct cove_step_id step;
    struct cove_packer p;
    uint32_t num = 0;

    cove_packer_init(&p, packed);
    if (item.len != CHUNK_EPOCH + 2) {
        cove_pack_varint(&p, (uint64_t)tx.len << 1);
        cove_pack_raw(&p, tx.at, tx.len);
        *epoch = item.len == 1 ? 0 : *epoch;
        return p.err;
    }
    memcpy(step.b, item.at + 2, sizeof(step.b));

    int err = repo_intern_epoch_add(work, &step, &num);

    if (err != 0) {
        return err;
    }

    size_t before = (size_t)(item.at + 2 - tx.at);
    const uint8_t *behind = item.at + item.len;

    cove_pack_varint(&p, (uint64_t)(tx.len - CHUNK_EPOCH) << 1 | 1);
    cove_pack_varint(&p, num);
    cove_pack_varint(&p, before);
    cove_pack_raw(&p, tx.at, before);
    cove_pack_raw(&p, behind, (size_t)(tx.at + tx.len - behind));
    *epoch = num;
    return p.err;
}

static int chunk_restore(struct repo_work *work, struct cove_unpacker *u,
                         size_t len, struct repo_chunk_tx *out)
{
    struct cove_step_id step;
    uint32_t num = cove_unpack_u32(u);
    uint64_t before = cove_unpack_varint(u);
    struct cove_bytes rest = cove_unpack_span(u, len);

    if (u->err != 0 || before > len || len > COVE_MAX_TX) {
        return COVE_ECORRUPT;
    }

    int err = repo_intern_epoch_of(work, num, &step);

    if (err != 0) {
        return err;
    }

    uint8_t *room = cove_arena_new(work->arena, len + CHUNK_EPOCH);

    if (room == NULL) {
        return COVE_ENOMEM;
    }
    memcpy(room, rest.at, (size_t)before);
    memcpy(room + before, step.b, CHUNK_EPOCH);
    memcpy(room + before + CHUNK_EPOCH, rest.at + before, len - (size_t)before);
    out->bytes = cove_bytes(room, len + CHUNK_EPOCH);
    out->sets_epoch = true;
    out->epoch = num;
    return 0;
}

int repo_chunk_next(struct repo_work *work, struct cove_unpacker *u,
                    struct repo_chunk_tx *out)
{
    uint64_t head = cove_unpack_varint(u);
    uint64_t len = head >> 1;

    if (u->err != 0 || len > (uint64_t)(u->end - u->at)) {
        return COVE_ECORRUPT;
    }
    if (head & 1) {
        return chunk_restore(work, u, (size_t)len, out);
    }
    out->bytes = cove_unpack_span(u, (size_t)len);
    out->sets_epoch = chunk_epoch_item(out->bytes).len == 1;
    out->epoch = 0;
    return u->err;
}
