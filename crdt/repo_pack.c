/* repo_pack.c: many chunks in one record. docs/FORMAT.md "Pack".
 *
 * A pack is decoded whole, whoever asks for one chunk of it. So the one that
 * was opened last stays with the repo: a walk over a log asks for its chunks
 * one after the other. That it is still what the store holds is seen from its
 * bytes, and a chunk is copied out, since the next one who asks may open
 * another.
 */
#include <stdlib.h>

#include "core/zip.h"
#include "crdt/repo_internal.h"

/* --- keys and stubs */

void repo_log_place(struct cove_place *place, cove_num num, uint32_t session,
                    uint32_t start)
{
    cove_place_start(place);
    cove_place_number(place, num);
    cove_place_number(place, session);
    cove_place_down(place, start);
}

void repo_pack_place(struct cove_place *place, cove_num num, uint32_t pack)
{
    repo_log_place(place, num, 0, pack);
}

int repo_stub_encode(uint32_t pack, struct cove_buf *out)
{
    struct cove_packer p;

    cove_packer_init(&p, out);
    cove_pack_varint(&p, 0);
    cove_pack_varint(&p, 0);
    cove_pack_varint(&p, pack);
    return p.err;
}

bool repo_stub_is(struct cove_bytes value, uint32_t *pack)
{
    struct cove_unpacker u;

    cove_unpacker_init(&u, value);

    uint32_t epoch = cove_unpack_u32(&u);
    uint32_t count = cove_unpack_u32(&u);

    *pack = cove_unpack_u32(&u);
    return epoch == 0 && count == 0 && cove_unpacker_done(&u) == 0;
}

/* --- the record */

int repo_pack_encode(const struct repo_parts *parts,
                     const struct cove_alloc *alloc, struct cove_buf *out)
{
    struct cove_packer p;
    struct cove_buf raw;
    uint64_t txs = 0;
    int err;

    cove_buf_init(&raw, alloc);
    cove_packer_init(&p, &raw);
    cove_pack_varint(&p, parts->count);
    for (size_t i = 0; i < parts->count; i++) {
        const struct repo_part *part = &parts->at[i];

        cove_pack_varint(&p, part->session);
        cove_pack_varint(&p, part->chunk.start);
        repo_chunk_pack_head(&p, &part->chunk);
        cove_pack_varint(&p, part->chunk.packed.len);
        txs += part->chunk.count;
    }
    for (size_t i = 0; i < parts->count; i++) {
        const struct cove_bytes *packed = &parts->at[i].chunk.packed;

        cove_pack_raw(&p, packed->at, packed->len);
    }
    err = p.err;
    if (err == 0) {
        cove_packer_init(&p, out);
        cove_pack_varint(&p, raw.len);
        cove_pack_varint(&p, txs);
        err = p.err != 0 ? p.err : cove_zip_tight(cove_buf_bytes(&raw), out);
    }
    cove_buf_clear(&raw);
    return err;
}

static int pack_size(struct cove_unpacker *u, struct repo_pack_size *out)
{
    uint64_t raw = cove_unpack_varint(u);

    out->txs = cove_unpack_u32(u);
    if (u->err != 0 || raw > REPO_PACK_LIMIT) {
        return COVE_ECORRUPT;
    }
    out->raw = (size_t)raw;
    return 0;
}

int repo_pack_size(struct cove_bytes value, struct repo_pack_size *out)
{
    struct cove_unpacker u;

    cove_unpacker_init(&u, value);
    return pack_size(&u, out);
}

static int part_order(uint32_t session, uint32_t start,
                      const struct repo_part *part)
{
    return session != part->session
               ? (session > part->session) - (session < part->session)
               : (start > part->chunk.start) - (start < part->chunk.start);
}

/* What stands in front of the transactions; *room: bytes of those. */
static int part_head(struct cove_unpacker *u, struct cove_arena *arena,
                     struct repo_part *part, size_t *room)
{
    struct repo_part read = {.session = cove_unpack_u32(u)};
    uint32_t start = cove_unpack_u32(u);
    int err = repo_chunk_take_head(u, arena, &read.chunk);
    uint64_t len = cove_unpack_varint(u);

    if (err != 0) {
        return err;
    }
    if (u->err != 0 || read.session == 0 || read.chunk.count == 0 ||
        read.chunk.count > UINT32_MAX - start ||
        len > (uint64_t)(u->end - u->at)) {
        return COVE_ECORRUPT;
    }
    read.chunk.start = start;
    read.chunk.in_pack = true;
    read.chunk.packed.len = (size_t)len;
    *part = read;
    *room = (size_t)len;
    return 0;
}

/* Parts ascend and do not overlap; one without a proof is followed by what has
 * it. */
static bool part_fits(const struct repo_part *before,
                      const struct repo_part *part)
{
    bool same = before != NULL && before->session == part->session;
    uint64_t end =
        same ? (uint64_t)before->chunk.start + before->chunk.count : 0;

    if (before == NULL) {
        return true;
    }
    if (before->chunk.proof.none) {
        return same && end == part->chunk.start;
    }
    return same ? end <= part->chunk.start : before->session < part->session;
}

static int pack_parts(struct cove_bytes raw, struct cove_arena *arena,
                      struct repo_parts *out)
{
    struct cove_unpacker u;
    struct repo_parts parts;
    int err = 0;

    cove_unpacker_init(&u, raw);

    uint64_t count = cove_unpack_varint(&u);

    /* A part takes more than four bytes. */
    if (u.err != 0 || count == 0 || count > raw.len / 4) {
        return COVE_ECORRUPT;
    }
    parts.count = (size_t)count;
    parts.at = cove_arena_array(arena, parts.count, sizeof(*parts.at));
    if (parts.at == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < parts.count && err == 0; i++) {
        size_t len;

        err = part_head(&u, arena, &parts.at[i], &len);
        if (err == 0 &&
            !part_fits(i > 0 ? &parts.at[i - 1] : NULL, &parts.at[i])) {
            err = COVE_ECORRUPT;
        }
    }
    if (err == 0 && parts.at[parts.count - 1].chunk.proof.none) {
        err = COVE_ECORRUPT;
    }
    for (size_t i = 0; i < parts.count && err == 0; i++) {
        struct cove_bytes *packed = &parts.at[i].chunk.packed;

        *packed = cove_unpack_span(&u, packed->len);
        err = u.err;
    }
    if (err == 0) {
        err = cove_unpacker_done(&u);
    }
    if (err == 0) {
        *out = parts;
    }
    return err;
}

int repo_pack_decode(struct cove_bytes value, struct cove_arena *arena,
                     struct cove_buf *raw, struct repo_parts *out)
{
    struct repo_pack_size size;
    struct cove_unpacker u;

    cove_unpacker_init(&u, value);

    int err = pack_size(&u, &size);

    raw->len = 0;
    if (err == 0) {
        err =
            cove_unzip(cove_bytes(u.at, (size_t)(u.end - u.at)), size.raw, raw);
    }
    return err != 0 ? err : pack_parts(cove_buf_bytes(raw), arena, out);
}

/* --- reading */

void repo_pack_init(struct cove_repo *repo)
{
    struct repo_opened_pack *opened = &repo->pack;

    cove_buf_init(&opened->value, repo->opt.alloc);
    cove_buf_init(&opened->raw, repo->opt.alloc);
    cove_arena_init(&opened->arena, repo->opt.alloc);
}

void repo_pack_clear(struct cove_repo *repo)
{
    cove_buf_clear(&repo->pack.value);
    cove_buf_clear(&repo->pack.raw);
    cove_arena_clear(&repo->pack.arena);
}

/* Under the lock. */
static int pack_open(struct repo_opened_pack *opened, struct cove_bytes value)
{
    if (cove_bytes_equal(cove_buf_bytes(&opened->value), value)) {
        return 0;
    }
    opened->value.len = 0;
    cove_arena_reset(&opened->arena);

    int err =
        repo_pack_decode(value, &opened->arena, &opened->raw, &opened->parts);

    return err != 0 ? err : cove_buf_append(&opened->value, value);
}

struct part_key {
    uint32_t session;
    uint32_t index;
};

static int part_find_order(const void *left, const void *right)
{
    const struct part_key *key = left;
    const struct repo_part *part = right;
    int order = part_order(key->session, key->index, part);

    return order > 0 && key->session == part->session &&
                   key->index - part->chunk.start < part->chunk.count
               ? 0
               : order;
}

static int part_copy(const struct repo_part *part, struct cove_arena *arena,
                     struct repo_chunk *out)
{
    struct repo_chunk chunk = part->chunk;
    struct cove_proof *proof = &chunk.proof.whole;
    int err = cove_arena_copy(arena, chunk.packed, &chunk.packed);

    if (err == 0 && proof->path_len > 0) {
        struct cove_hash *path =
            cove_arena_array(arena, proof->path_len, sizeof(*path));

        if (path == NULL) {
            return COVE_ENOMEM;
        }
        memcpy(path, proof->path, proof->path_len * sizeof(*path));
        proof->path = path;
    }
    if (err == 0) {
        *out = chunk;
    }
    return err;
}

int repo_pack_chunk(struct repo_work *work, cove_num num, uint32_t pack,
                    uint32_t session, uint32_t index, struct repo_chunk *out)
{
    struct repo_opened_pack *opened = &work->repo->pack;
    struct part_key key = {session, index};
    const struct repo_part *part = NULL;
    struct cove_place place;
    struct cove_bytes value;

    repo_pack_place(&place, num, pack);

    int err =
        cove_store_get(work->txn, REPO_LOG, cove_place_bytes(&place), &value);

    if (err != 0) {
        return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
    }
    err = pack_open(opened, value);
    if (err == 0) {
        part = bsearch(&key, opened->parts.at, opened->parts.count,
                       sizeof(*part), part_find_order);
        err = part == NULL ? COVE_ECORRUPT : part_copy(part, work->arena, out);
    }
    return err;
}

/* --- an entry goes */

static int pack_release(struct repo_work *work, struct cove_bytes value)
{
    struct repo_parts parts;
    struct cove_buf raw;

    cove_buf_init(&raw, work->repo->opt.alloc);

    int err = repo_pack_decode(value, work->arena, &raw, &parts);

    for (size_t i = 0; err == 0 && i < parts.count; i++) {
        err = repo_group_release(work, &parts.at[i].chunk.proof);
    }
    cove_buf_clear(&raw);
    return err;
}

int repo_log_release(struct repo_work *work, uint32_t session,
                     struct cove_bytes value)
{
    struct repo_chunk chunk;
    uint32_t pack;

    if (session == 0) {
        return pack_release(work, value);
    }
    if (repo_stub_is(value, &pack)) {
        return 0;
    }

    int err = repo_chunk_decode(value, work->arena, &chunk);

    return err != 0 ? err : repo_group_release(work, &chunk.proof);
}
