/* repo_compact_choose.c: which chunks of a document go into its next pack. */
#include <stdlib.h>

#include "core/zip.h"
#include "crdt/repo_compact_parts.h"

#define COMPACT_TRIAL                                                          \
    16384u /* a chunk this long is tried before it is taken                    \
            */

int compact_push(struct compact *c, void *array, size_t size, size_t count,
                 size_t *cap)
{
    void *items;
    int err;

    memcpy(&items, array, sizeof(items));
    err = cove_arena_grow(c->work.arena, &items, size, count, cap);
    memcpy(array, &items, sizeof(items));
    return err;
}

/* --- what there is */

static int collect_entry(struct compact *c, struct cove_bytes key,
                         struct cove_bytes value)
{
    uint64_t num;
    uint64_t session = 0;
    uint32_t start = 0;
    uint32_t pack;
    int err = cove_place_take(&key, &num);

    if (err == 0) {
        err = cove_place_take(&key, &session);
    }
    if (err == 0) {
        err = cove_place_take_down(&key, &start);
    }
    if (err != 0) {
        return err;
    }
    if (session == 0) {
        struct compact_pack found = {.number = start, .value = value};

        err = repo_pack_size(value, &found.size);
        if (err == 0) {
            err = compact_push(c, &c->packs, sizeof(found), c->pack_count,
                               &c->pack_cap);
        }
        if (err == 0) {
            c->packs[c->pack_count++] = found;
        }
        return err;
    }
    if (repo_stub_is(value, &pack)) {
        struct compact_stub found = {(uint32_t)session, start, pack};

        err = compact_push(c, &c->stubs, sizeof(found), c->stub_count,
                           &c->stub_cap);
        if (err == 0) {
            c->stubs[c->stub_count++] = found;
        }
        return err;
    }

    struct compact_chunk found = {.part = {.session = (uint32_t)session}};

    err = repo_chunk_decode(value, c->work.arena, &found.part.chunk);
    found.part.chunk.start = start;
    if (err == 0) {
        err = compact_push(c, &c->chunks, sizeof(found), c->chunk_count,
                           &c->chunk_cap);
    }
    if (err == 0) {
        c->chunks[c->chunk_count++] = found;
    }
    return err;
}

int compact_collect(struct compact *c)
{
    struct cove_store_cursor *cursor;
    struct cove_place place;
    struct cove_entry entry;
    int err = cove_store_cursor_open(c->work.txn, REPO_LOG, &cursor);

    if (err != 0) {
        return err;
    }
    cove_place_start(&place);
    cove_place_number(&place, c->record.num);
    err = cove_store_cursor_seek(cursor, cove_place_bytes(&place), &entry);
    while (err == 0 && entry.key.len > place.len &&
           memcmp(entry.key.at, place.b, place.len) == 0) {
        err = collect_entry(c, entry.key, entry.value);
        if (err == 0) {
            err = cove_store_cursor_next(cursor, &entry);
        }
    }
    cove_store_cursor_close(cursor);
    if (c->chunk_count > 0) {
        qsort(c->chunks, c->chunk_count, sizeof(*c->chunks), compact_order);
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

int compact_order(const void *left, const void *right)
{
    const struct repo_part *a = &((const struct compact_chunk *)left)->part;
    const struct repo_part *b = &((const struct compact_chunk *)right)->part;

    return a->session != b->session
               ? (a->session > b->session) - (a->session < b->session)
               : (a->chunk.start > b->chunk.start) -
                     (a->chunk.start < b->chunk.start);
}

/* --- one chunk */

int compact_measure(struct compact *c, struct compact_chunk *chunk)
{
    const struct repo_chunk *from = &chunk->part.chunk;
    struct repo_tx_before before = {.hlc = repo_record_created(&c->record),
                                    .epoch = from->epoch};
    struct repo_work inside = c->work;
    struct cove_arena arena;
    struct cove_unpacker u;
    struct cove_hasher hasher;
    int err = 0;

    cove_arena_init(&arena, c->work.repo->opt.alloc);
    inside.arena = &arena;
    cove_unpacker_init(&u, from->packed);
    cove_hasher_init(&hasher, "cove/pack");
    chunk->signed_bytes = 0;
    for (uint32_t i = 0; i < from->count && err == 0; i++) {
        struct repo_tx_entry entry;
        struct cove_bytes bytes;
        uint8_t len[8];

        err = repo_tx_take(&u, &before, &entry);
        if (err == 0) {
            err = repo_tx_bytes(&inside, &entry, &bytes);
        }
        if (err == 0) {
            cove_put_be64(len, bytes.len);
            cove_hasher_add(&hasher, cove_bytes(len, sizeof(len)));
            cove_hasher_add(&hasher, bytes);
            chunk->signed_bytes += bytes.len;
            chunk->last_hlc = entry.hlc;
        }
        if (i % 64 == 63) {
            cove_arena_reset(&arena);
        }
    }
    chunk->sum = cove_hasher_end(&hasher);
    cove_arena_clear(&arena);
    return err != 0 ? err : cove_unpacker_done(&u);
}

/* Does a long chunk shrink at all? */
static int chunk_shrinks(struct compact *c, const struct compact_chunk *chunk,
                         bool *out)
{
    struct cove_bytes packed = chunk->part.chunk.packed;
    struct cove_buf buf;
    int err;

    *out = true;
    if (packed.len < COMPACT_TRIAL) {
        return 0;
    }
    cove_buf_init(&buf, c->work.repo->opt.alloc);
    err = cove_zip(packed, &buf);
    *out = buf.len < packed.len - packed.len / 16;
    cove_buf_clear(&buf);
    return err;
}

static int chunk_is_cold(struct compact *c, struct compact_chunk *chunk,
                         bool *out)
{
    const struct repo_row *row =
        repo_record_row_num(&c->record, chunk->part.session);
    int err;

    *out = false;
    if (row == NULL) {
        return COVE_ECORRUPT;
    }
    if (!c->rule->newest && chunk->part.chunk.start == row->tail) {
        return 0;
    }
    err = compact_measure(c, chunk);
    if (err == 0 && chunk->last_hlc < c->rule->before) {
        err = chunk_shrinks(c, chunk, out);
    }
    return err;
}

/* --- which of them */

/* The chunks that go into this pack, at the front of the array. */
int compact_choose(struct compact *c, struct repo_pack_size *size)
{
    size_t taken = 0;
    int err = 0;

    for (size_t i = 0; i < c->chunk_count; i++) {
        const struct repo_chunk *chunk = &c->chunks[i].part.chunk;
        bool cold;

        if (taken > 0 && (size->raw + chunk->packed.len > REPO_PACK_RAW ||
                          size->txs + chunk->count > REPO_PACK_TX)) {
            break;
        }
        err = chunk_is_cold(c, &c->chunks[i], &cold);
        if (err != 0) {
            break;
        }
        if (cold) {
            size->raw += chunk->packed.len;
            size->txs += chunk->count;
            c->chunks[taken++] = c->chunks[i];
        }
    }
    c->chunk_count = taken;
    c->plan.chunks = taken;
    return err;
}

static int take_pack(struct compact *c, struct compact_pack *pack)
{
    struct repo_parts parts;
    struct cove_bytes kept;
    struct cove_buf raw;

    cove_buf_init(&raw, c->work.repo->opt.alloc);

    int err = repo_pack_decode(pack->value, c->work.arena, &raw, &parts);

    if (err == 0) {
        err = cove_arena_copy(c->work.arena, cove_buf_bytes(&raw), &kept);
    }
    for (size_t i = 0; err == 0 && i < parts.count; i++) {
        struct compact_chunk chunk = {.part = parts.at[i]};
        struct cove_bytes *packed = &chunk.part.chunk.packed;

        packed->at = kept.at + (packed->at - raw.at);
        err = compact_measure(c, &chunk);
        if (err == 0) {
            err = compact_push(c, &c->chunks, sizeof(chunk), c->chunk_count,
                               &c->chunk_cap);
        }
        if (err == 0) {
            c->chunks[c->chunk_count++] = chunk;
        }
    }
    pack->taken = err == 0;
    cove_buf_clear(&raw);
    return err;
}

int compact_choose_packs(struct compact *c, struct repo_pack_size *size)
{
    int err = 0;

    for (size_t i = 0; i < c->pack_count && err == 0; i++) {
        struct compact_pack *pack = &c->packs[i];

        if (pack->size.raw < REPO_PACK_RAW / 2 &&
            pack->size.txs < REPO_PACK_TX / 2 &&
            size->raw + pack->size.raw <= REPO_PACK_RAW &&
            size->txs + pack->size.txs <= REPO_PACK_TX) {
            size->raw += pack->size.raw;
            size->txs += pack->size.txs;
            err = take_pack(c, pack);
        }
    }
    qsort(c->chunks, c->chunk_count, sizeof(*c->chunks), compact_order);
    return err;
}
