/* repo_unpack.c: chunks of a pack as they stand in a log by themselves, for
 * checking and saving. Chunks that have their proof in common are one then: its
 * transactions are packed anew, behind each other. */
#include "crdt/repo_pieces.h"

struct unpack {
    struct repo_work *work; /* all goes to its arena */
    const struct repo_whose *whose;
    struct repo_parts parts;
    struct cove_buf raw;
};

static int unpack_open(struct unpack *u, uint32_t pack)
{
    struct cove_place place;
    struct cove_bytes value;
    int err;

    cove_buf_init(&u->raw, u->work->repo->opt.alloc);
    repo_pack_place(&place, u->whose->num, pack);
    err = cove_store_get(u->work->txn, REPO_LOG, cove_place_bytes(&place),
                         &value);
    return err != 0
               ? err
               : repo_pack_decode(value, u->work->arena, &u->raw, &u->parts);
}

/* How many parts from `i` on have one proof, at their end. */
static size_t unpack_count(const struct unpack *u, size_t i)
{
    size_t count = 1;

    while (u->parts.at[i + count - 1].chunk.proof.none) {
        count++; /* a pack does not end without one */
    }
    return count;
}

static int unpack_join(struct unpack *u, size_t i, size_t count,
                       struct repo_chunk *out, struct cove_buf *packed)
{
    struct repo_chunk chunk = u->parts.at[i].chunk;
    struct repo_tx_before behind = {.hlc = u->whose->created,
                                    .epoch = chunk.epoch};
    int err = 0;

    chunk.count = 0;
    chunk.proof = u->parts.at[i + count - 1].chunk.proof;
    for (size_t k = i; k < i + count && err == 0; k++) {
        const struct repo_chunk *part = &u->parts.at[k].chunk;
        struct repo_tx_before before = {.hlc = u->whose->created,
                                        .epoch = part->epoch};
        struct cove_unpacker in;

        cove_unpacker_init(&in, part->packed);
        for (uint32_t n = 0; n < part->count && err == 0; n++) {
            struct repo_tx_entry entry;
            struct cove_bytes bytes;
            struct cove_tx tx;

            err = repo_tx_take(&in, &before, &entry);
            if (err == 0) {
                err = repo_tx_bytes(u->work, &entry, &bytes);
            }
            if (err == 0) {
                err = cove_tx_decode(bytes, u->work->arena, &tx, NULL);
            }
            if (err == 0) {
                err = repo_tx_pack(u->work, &tx, bytes, false, &behind, packed);
            }
        }
        chunk.count += part->count;
    }
    chunk.near = behind.near;
    chunk.packed = cove_buf_bytes(packed);
    *out = chunk;
    return err;
}

static int unpack_value(struct unpack *u, size_t i, struct cove_bytes *value)
{
    size_t count = unpack_count(u, i);
    struct repo_chunk chunk = u->parts.at[i].chunk;
    struct cove_buf packed;
    struct cove_buf buf;
    int err = 0;

    cove_buf_init(&packed, u->work->repo->opt.alloc);
    cove_buf_init(&buf, u->work->repo->opt.alloc);
    if (count > 1) {
        err = unpack_join(u, i, count, &chunk, &packed);
    }
    if (err == 0) {
        err = repo_chunk_encode(&chunk, &buf);
    }
    if (err == 0) {
        err = cove_arena_copy(u->work->arena, cove_buf_bytes(&buf), value);
    }
    cove_buf_clear(&packed);
    cove_buf_clear(&buf);
    return err;
}

int repo_unpack_piece(struct repo_work *work, const struct repo_whose *whose,
                      uint32_t pack, uint32_t index, struct cove_bytes *value,
                      uint32_t *start)
{
    struct unpack u = {.work = work, .whose = whose};
    int err = unpack_open(&u, pack);
    bool found = false;

    for (size_t i = 0; err == 0 && !found && i < u.parts.count;) {
        size_t count = unpack_count(&u, i);
        const struct repo_chunk *last = &u.parts.at[i + count - 1].chunk;

        found = u.parts.at[i].session == whose->session_num &&
                index < last->start + last->count;
        if (found) {
            *start = u.parts.at[i].chunk.start;
            err = unpack_value(&u, i, value);
        }
        i += count;
    }
    cove_buf_clear(&u.raw);
    return err == 0 && !found ? COVE_ENOTFOUND : err;
}

int repo_unpack_pieces(struct repo_work *work, uint32_t pack, uint32_t from,
                       struct repo_pieces *pieces)
{
    struct unpack u = {.work = work, .whose = &pieces->whose};
    int err = unpack_open(&u, pack);

    for (size_t i = 0; err == 0 && i < u.parts.count;) {
        const struct repo_part *part = &u.parts.at[i];
        struct cove_bytes value;

        if (part->session == pieces->whose.session_num &&
            part->chunk.start >= from) {
            err = unpack_value(&u, i, &value);
            if (err == 0) {
                err = repo_pieces_add(work->arena, pieces, part->chunk.start,
                                      value);
            }
        }
        i += unpack_count(&u, i);
    }
    cove_buf_clear(&u.raw);
    /* What cannot be opened is lost; whoever asks finds it missing. */
    return err == COVE_ECORRUPT || err == COVE_ENOTFOUND ? 0 : err;
}
