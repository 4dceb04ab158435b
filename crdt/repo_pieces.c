/* repo_pieces.c: a session's log from chunks that may be damaged.
 *
 * A chunk is verified as a batch from a peer is: its transactions are hashed on
 * from the head before them, and what signs its end must sign that head. So a
 * chunk goes on at one place only, whatever its key says, and one that verifies
 * there is what the author wrote.
 */
#include "crdt/repo_pieces.h"

struct repo_whose repo_whose_of(const struct repo_record *record,
                                const struct repo_row *row)
{
    return (struct repo_whose){.num = record->num,
                               .id = record->id,
                               .created = repo_record_created(record),
                               .session = row->pub.session,
                               .session_num = row->num,
                               .device = row->pub.device};
}

void repo_reach_start(const struct repo_whose *whose, struct repo_reach *out)
{
    struct repo_reach reach = {.len = 0};

    reach.head = cove_chain_start(&whose->id, &whose->session, &whose->device);
    *out = reach;
}

void repo_reach_row(const struct repo_whose *whose, const struct repo_row *row,
                    struct repo_reach *out)
{
    repo_reach_start(whose, out);
    if (row->pub.base > 0) {
        out->len = out->tail = row->pub.base;
        out->head = row->pub.base_head;
        out->last_hlc = row->base_hlc;
        out->epoch = row->base_epoch;
    }
}

/* --- one piece */

static int piece_txs(struct repo_work *work, const struct repo_whose *whose,
                     const struct repo_chunk *chunk, struct repo_taken *taken)
{
    struct repo_tx_before before = {.hlc = whose->created,
                                    .epoch = chunk->epoch};
    struct cove_unpacker in;
    size_t sum = 0;
    int err = 0;

    cove_unpacker_init(&in, chunk->packed);
    for (size_t i = 0; i < taken->count && err == 0; i++) {
        struct repo_tx_entry entry;
        struct cove_bytes bytes;
        uint64_t last = taken->reach.last_hlc;

        err = repo_tx_take(&in, &before, &entry);
        if (err == 0) {
            err = repo_tx_bytes(work, &entry, &bytes);
        }
        if (err != 0) {
            break;
        }
        sum += bytes.len;
        if (bytes.len > COVE_MAX_TX || sum > COVE_MAX_BATCH ||
            (taken->reach.len > 0 && entry.hlc <= last)) {
            return COVE_ECORRUPT;
        }
        taken->txs[i] = bytes;
        taken->reach.head = cove_chain_next(&taken->reach.head, bytes);
        taken->reach.last_hlc = entry.hlc;
        taken->reach.len++;
    }
    taken->reach.epoch = before.epoch;
    if (err == 0 && (in.at != in.end || before.near.next != chunk->near.next ||
                     before.near.named != chunk->near.named)) {
        err = COVE_ECORRUPT;
    }
    return err == 0 || err == COVE_ENOMEM || err == COVE_EIO ? err
                                                             : COVE_ECORRUPT;
}

static int piece_proof(struct repo_work *work, const struct repo_whose *whose,
                       const struct repo_chunk *chunk, struct repo_taken *taken)
{
    int err = repo_group_proof(work, &chunk->proof, &taken->proof);

    if (err == 0) {
        err = cove_proof_check(&taken->proof);
    }
    if (err == 0) {
        err = cove_head_verify(&whose->device, &whose->id, &whose->session,
                               taken->reach.len, &taken->reach.head,
                               &taken->proof);
    }
    return err == 0 || err == COVE_ENOMEM || err == COVE_EIO ? err
                                                             : COVE_ESIGNATURE;
}

int repo_piece_take(struct repo_work *work, const struct repo_whose *whose,
                    const struct repo_reach *reach, struct cove_bytes value,
                    struct repo_taken *out)
{
    struct repo_taken taken = {.reach = *reach};
    struct repo_chunk chunk;
    int err = repo_chunk_decode(value, work->arena, &chunk);

    if (err == 0 && (chunk.count == 0 || chunk.count > COVE_MAX_BATCH_TX ||
                     chunk.count > UINT32_MAX - reach->len ||
                     (reach->len > 0 && chunk.epoch != reach->epoch) ||
                     (reach->len == 0 && chunk.epoch != 0))) {
        err = COVE_ECORRUPT;
    }
    if (err != 0) {
        return err;
    }
    taken.reach.tail = reach->len;
    taken.count = chunk.count;
    taken.txs = cove_arena_array(work->arena, taken.count, sizeof(*taken.txs));
    if (taken.txs == NULL) {
        return COVE_ENOMEM;
    }
    err = piece_txs(work, whose, &chunk, &taken);
    if (err == 0) {
        err = piece_proof(work, whose, &chunk, &taken);
    }
    if (err == 0 || err == COVE_ESIGNATURE) {
        *out = taken;
    }
    return err;
}

/* --- several */

int repo_pieces_add(struct cove_arena *arena, struct repo_pieces *pieces,
                    uint32_t start, struct cove_bytes value)
{
    void *at = pieces->at;
    int err = cove_arena_grow(arena, &at, sizeof(*pieces->at), pieces->count,
                              &pieces->cap);
    struct cove_bytes copy = {NULL, 0};

    if (err == 0) {
        pieces->at = at;
        err = cove_arena_copy(arena, value, &copy);
    }
    if (err == 0) {
        pieces->at[pieces->count++] =
            (struct repo_piece){.start = start, .value = copy};
    }
    return err;
}

int repo_pieces_read(struct repo_work *work, unsigned tree,
                     struct cove_arena *arena, size_t most,
                     struct repo_pieces *pieces)
{
    struct repo_work inside = *work;
    struct cove_store_cursor *cursor;
    struct cove_place place;
    struct cove_entry entry;
    uint32_t pack;
    int err = cove_store_cursor_open(work->txn, tree, &cursor);

    inside.arena = arena;
    if (err != 0) {
        return err;
    }
    cove_place_start(&place);
    cove_place_number(&place, pieces->whose.num);
    cove_place_number(&place, pieces->whose.session_num);
    err = cove_store_cursor_seek(cursor, cove_place_bytes(&place), &entry);
    while (err == 0 && pieces->count < most && entry.key.len >= place.len + 4 &&
           memcmp(entry.key.at, place.b, place.len) == 0) {
        struct cove_bytes rest = cove_bytes(entry.key.at + place.len, 4);
        uint32_t start;

        err = cove_place_take_down(&rest, &start);
        if (err == 0 && repo_stub_is(entry.value, &pack)) {
            err = repo_unpack_pieces(&inside, pack, start, pieces);
        } else if (err == 0) {
            err = repo_pieces_add(arena, pieces, start, entry.value);
        }
        if (err == 0) {
            err = cove_store_cursor_next(cursor, &entry);
        }
    }
    cove_store_cursor_close(cursor);
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* Try one; keep it where it goes farther than what was found so far. */
static int pieces_try(struct repo_work *work, struct repo_pieces *pieces,
                      size_t i, const struct repo_reach *reach, bool *found,
                      size_t *index, struct repo_taken *best)
{
    struct repo_taken taken;
    int err = repo_piece_take(work, &pieces->whose, reach, pieces->at[i].value,
                              &taken);

    if (err == COVE_ECORRUPT || err == COVE_ESIGNATURE) {
        return 0;
    }
    if (err == 0 && (!*found || taken.reach.len > best->reach.len)) {
        *found = true;
        *index = i;
        *best = taken;
    }
    return err;
}

int repo_pieces_next(struct repo_work *work, struct repo_pieces *pieces,
                     const struct repo_reach *reach, size_t *index,
                     struct repo_taken *out)
{
    bool found = false;
    int err = 0;

    for (int pass = 0; pass < 2 && !found; pass++) {
        for (size_t i = 0; i < pieces->count && err == 0; i++) {
            if (!pieces->at[i].used &&
                (pieces->at[i].start == reach->len) == (pass == 0)) {
                err = pieces_try(work, pieces, i, reach, &found, index, out);
            }
        }
        if (err != 0) {
            return err;
        }
    }
    if (!found) {
        return COVE_ENOTFOUND;
    }
    pieces->at[*index].used = true;
    return 0;
}

/* --- the store's own */

int repo_log_value(struct repo_work *work, const struct repo_whose *whose,
                   const struct repo_row *row, uint32_t index,
                   struct repo_piece_at *out)
{
    struct cove_store_cursor *cursor;
    struct cove_place place;
    struct cove_entry entry;
    size_t prefix;
    uint32_t pack;
    int err;

    if (row->inline_chunk.len > 0) {
        *out = (struct repo_piece_at){.value = row->inline_chunk};
        return 0;
    }
    repo_log_place(&place, whose->num, row->num, index);
    prefix = place.len - sizeof(uint32_t);
    err = cove_store_cursor_open(work->txn, REPO_LOG, &cursor);
    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_place_bytes(&place), &entry);
    cove_store_cursor_close(cursor);
    if (err == 0 && (entry.key.len < prefix ||
                     memcmp(entry.key.at, place.b, prefix) != 0)) {
        err = COVE_ENOTFOUND;
    }
    if (err == 0) {
        entry.key = cove_bytes(entry.key.at + prefix, entry.key.len - prefix);
        err = cove_place_take_down(&entry.key, &out->start);
    }
    if (err != 0) {
        return err;
    }
    out->value = entry.value;
    out->tail = out->start;
    return repo_stub_is(entry.value, &pack)
               ? repo_unpack_piece(work, whose, pack, index, &out->value,
                                   &out->start)
               : 0;
}
