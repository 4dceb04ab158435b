/* repo_chunk.c: one chunk of a session's log. docs/FORMAT.md "Log chunk".
 *
 * A chunk holds consecutive transactions (repo_tx.c) and the proof that signs
 * its end. It can be read without the chunks before it: the epoch that its
 * first transaction may inherit stands in it. So that it can go on without
 * being read from its start, it says what the next element is told from.
 */
#include "crdt/repo_internal.h"

enum { PROOF_PLAIN, PROOF_PATH, PROOF_GROUP, PROOF_NONE };

#define CHUNK_NEAR 4u /* beside the kind of the proof: elements were named */

static void proof_pack(struct cove_packer *p, const struct repo_proof *held,
                       unsigned bits)
{
    const struct cove_proof *proof = &held->whole;

    if (held->none) {
        cove_pack_byte(p, (uint8_t)(PROOF_NONE | bits));
        return;
    }
    if (held->group != 0) {
        cove_pack_byte(p, (uint8_t)(PROOF_GROUP | bits));
        cove_pack_varint(p, held->group);
        cove_pack_varint(p, held->leaf);
        return;
    }
    cove_pack_byte(
        p, (uint8_t)((proof->grouped ? PROOF_PATH : PROOF_PLAIN) | bits));
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
                        uint8_t kind, struct repo_proof *held)
{
    struct cove_proof *proof = &held->whole;

    memset(held, 0, sizeof(*held));
    held->none = kind == PROOF_NONE;
    if (held->none) {
        return u->err;
    }
    if (kind == PROOF_GROUP) {
        held->group = cove_unpack_varint(u);
        held->leaf = cove_unpack_u32(u);
        return u->err != 0 || held->group == 0 ? COVE_ECORRUPT : 0;
    }
    cove_unpack_raw(u, proof->signature.b, sizeof(proof->signature.b));
    if (kind == PROOF_PLAIN) {
        return u->err;
    }
    proof->grouped = true;
    proof->leaf = cove_unpack_u32(u);
    proof->leaves = cove_unpack_u32(u);

    uint64_t len = cove_unpack_varint(u);

    if (u->err != 0 || kind > PROOF_PATH || len > COVE_MAX_MERKLE) {
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

void repo_chunk_pack_head(struct cove_packer *p, const struct repo_chunk *chunk)
{
    bool near = (chunk->near.next | chunk->near.named) != 0;

    cove_pack_varint(p, chunk->epoch);
    cove_pack_varint(p, chunk->count);
    proof_pack(p, &chunk->proof, near ? CHUNK_NEAR : 0);
    if (near) {
        cove_pack_varint(p, chunk->near.next);
        cove_pack_varint(p, chunk->near.named);
    }
}

int repo_chunk_encode(const struct repo_chunk *chunk, struct cove_buf *out)
{
    struct cove_packer p;

    cove_packer_init(&p, out);
    repo_chunk_pack_head(&p, chunk);
    cove_pack_raw(&p, chunk->packed.at, chunk->packed.len);
    return p.err;
}

int repo_chunk_take_head(struct cove_unpacker *u, struct cove_arena *arena,
                         struct repo_chunk *out)
{
    struct repo_chunk chunk = {.start = 0};

    chunk.epoch = cove_unpack_u32(u);
    chunk.count = cove_unpack_u32(u);

    uint8_t kind = cove_unpack_byte(u);
    int err = proof_unpack(u, arena, kind & (uint8_t)~CHUNK_NEAR, &chunk.proof);

    if (err == 0 && (kind & CHUNK_NEAR) != 0) {
        chunk.near.next = cove_unpack_u32(u);
        chunk.near.named = cove_unpack_u32(u);
        err = u->err;
    }
    if (err == 0) {
        *out = chunk;
    }
    return err;
}

int repo_chunk_decode(struct cove_bytes value, struct cove_arena *arena,
                      struct repo_chunk *out)
{
    struct repo_chunk chunk = {.start = 0};
    struct cove_unpacker u;

    cove_unpacker_init(&u, value);

    int err = repo_chunk_take_head(&u, arena, &chunk);

    if (err == 0 && chunk.proof.none) {
        err = COVE_ECORRUPT; /* that is for packs */
    }
    if (err == 0) {
        chunk.packed = cove_bytes(u.at, (size_t)(u.end - u.at));
        *out = chunk;
    }
    return err;
}
