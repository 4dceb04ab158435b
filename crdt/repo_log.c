/* repo_log.c: the chunks of a session's log in the store.
 *
 * A chunk's key ends with its start, inverted, so that seeking to an index
 * finds the chunk that it lies in. The first chunk of a short log lies in the
 * document record. New transactions join the last chunk while it stays within
 * a page; the chunk's former signature is then dropped, since the new one
 * signs all that it did.
 */
#include "crdt/repo_internal.h"

/* What stands under a key: a chunk, or a stub that says which pack has it. */
static int log_chunk(struct repo_work *work, struct cove_bytes value,
                     uint32_t start, uint32_t index, struct repo_chunk *out)
{
    int err = repo_chunk_decode(value, work->arena, out);

    out->start = start;
    if (err == 0 && (index < start || index - start >= out->count)) {
        err = COVE_ECORRUPT;
    }
    return err;
}

/* The entry that a transaction lies in; bytes borrowed from the store. */
static int log_seek(struct repo_work *work, cove_num doc,
                    const struct repo_row *row, uint32_t index,
                    struct cove_bytes *value, uint32_t *start)
{
    struct cove_store_cursor *cursor;
    struct cove_place place;
    struct cove_entry entry;
    size_t prefix;
    int err;

    if (index >= row->tail) {
        *start = row->tail;
        repo_log_place(&place, doc, row->num, row->tail);
        err = cove_store_get(work->txn, REPO_LOG, cove_place_bytes(&place),
                             value);
        return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
    }
    repo_log_place(&place, doc, row->num, index);
    prefix = place.len - sizeof(uint32_t);
    err = cove_store_cursor_open(work->txn, REPO_LOG, &cursor);
    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_place_bytes(&place), &entry);
    cove_store_cursor_close(cursor);
    if (err == COVE_ENOTFOUND ||
        (err == 0 && (entry.key.len != place.len ||
                      memcmp(entry.key.at, place.b, prefix) != 0))) {
        return COVE_ECORRUPT;
    }
    if (err != 0) {
        return err;
    }
    *value = entry.value;
    entry.key = cove_bytes(entry.key.at + prefix, entry.key.len - prefix);
    return cove_place_take_down(&entry.key, start);
}

/* The chunk that holds a transaction; bytes borrowed from the store, or of a
 * pack in the arena. */
static int log_find(struct repo_work *work, cove_num doc,
                    const struct repo_row *row, uint32_t index,
                    struct repo_chunk *out)
{
    struct cove_bytes value;
    uint32_t start = 0;
    uint32_t pack;

    if (row->inline_chunk.len > 0) {
        return log_chunk(work, row->inline_chunk, 0, index, out);
    }

    int err = log_seek(work, doc, row, index, &value, &start);

    if (err != 0) {
        return err;
    }
    return repo_stub_is(value, &pack)
               ? repo_pack_chunk(work, doc, pack, row->num, index, out)
               : log_chunk(work, value, start, index, out);
}

/* --- walking */

/* What the first transaction of a chunk builds on. */
static struct repo_tx_before log_before(const struct repo_record *record,
                                        const struct repo_chunk *chunk)
{
    struct repo_tx_before before = {.hlc = repo_record_created(record),
                                    .epoch = chunk->epoch};

    return before;
}

static int walk_chunk(struct repo_work *work, struct repo_walk *walk)
{
    struct repo_work inside = *work;

    if (walk->packed != NULL) { /* the chunk before is done with */
        cove_arena_reset(walk->packed);
        inside.arena = walk->packed;
    }

    int err = log_find(&inside, walk->record->num, walk->row, walk->index,
                       &walk->chunk);

    if (err == 0) {
        walk->before = log_before(walk->record, &walk->chunk);
        cove_unpacker_init(&walk->in, walk->chunk.packed);
    }
    return err;
}

int repo_walk_start(struct repo_work *work, const struct repo_record *record,
                    const struct repo_row *row, uint32_t from,
                    struct repo_walk *walk)
{
    struct repo_tx_entry passed;

    memset(walk, 0, sizeof(*walk));
    walk->record = record;
    walk->row = row;
    walk->index = from;
    walk->end = row->pub.len;
    if (from < row->pub.base) {
        return repo_cut_refuse(work, record);
    }
    if (from >= walk->end) {
        return 0;
    }

    int err = walk_chunk(work, walk);

    for (uint32_t i = walk->chunk.start; i < from && err == 0; i++) {
        err = repo_tx_take(&walk->in, &walk->before, &passed);
    }
    return err;
}

int repo_walk_next(struct repo_work *work, struct repo_walk *walk,
                   struct repo_tx_entry *out)
{
    int err = 0;

    if (walk->index >= walk->end) {
        return COVE_ENOTFOUND;
    }
    if (walk->index - walk->chunk.start >= walk->chunk.count) {
        err = walk_chunk(work, walk);
    }
    if (err == 0) {
        err = repo_tx_take(&walk->in, &walk->before, out);
    }
    walk->index += err == 0;
    return err;
}

int repo_walk_bytes(struct repo_work *work, struct repo_walk *walk,
                    struct cove_bytes *out)
{
    struct repo_tx_entry entry;
    int err = repo_walk_next(work, walk, &entry);

    return err != 0 ? err : repo_tx_bytes(work, &entry, out);
}

/* --- writing */

bool repo_log_has_end(const struct repo_row *row)
{
    return row->pub.len > row->pub.base;
}

/* Is the chunk short enough to lie in the record, with the others there? */
static bool log_fits_inline(const struct repo_record *record,
                            const struct repo_row *row, size_t len)
{
    size_t sum = len;

    for (size_t i = 0; i < record->row_count; i++) {
        if (&record->rows[i] != row) {
            sum += record->rows[i].inline_chunk.len;
        }
    }
    return len <= REPO_INLINE && sum <= REPO_INLINE_MAX;
}

static int log_store(struct repo_work *work, struct repo_record *record,
                     struct repo_row *row, const struct repo_chunk *chunk)
{
    struct cove_place place;
    struct cove_buf buf;

    cove_buf_init(&buf, work->repo->opt.alloc);

    int err = repo_chunk_encode(chunk, &buf);
    struct cove_bytes value = cove_buf_bytes(&buf);
    bool fresh =
        chunk->start == 0 && (row->pub.len == 0 || row->inline_chunk.len > 0);

    if (err == 0 && fresh && log_fits_inline(record, row, value.len)) {
        err = cove_arena_copy(work->arena, value, &row->inline_chunk);
    } else if (err == 0) {
        repo_log_place(&place, record->num, row->num, chunk->start);
        err = cove_store_put(work->txn, REPO_LOG, cove_place_bytes(&place),
                             value);
        if (err == 0) {
            row->inline_chunk = cove_bytes(NULL, 0);
        }
    }
    cove_buf_clear(&buf);
    return err;
}

/* An inline chunk goes to the log before a second one stands behind it. */
static int log_move_out(struct repo_work *work, struct repo_record *record,
                        struct repo_row *row)
{
    struct cove_place place;
    struct cove_bytes value = row->inline_chunk;

    repo_log_place(&place, record->num, row->num, 0);

    int err =
        cove_store_put(work->txn, REPO_LOG, cove_place_bytes(&place), value);

    if (err == 0) {
        row->inline_chunk = cove_bytes(NULL, 0);
    }
    return err;
}

/* The chunk that `more` bytes and `count` transactions go into: the last one
 * where they fit, its packed bytes then in `packed`, else a new one. */
static int log_tail(struct repo_work *work, struct repo_record *record,
                    struct repo_row *row, struct repo_chunk *chunk, size_t more,
                    size_t count, struct cove_buf *packed)
{
    int err;

    if (repo_log_has_end(row)) {
        err = log_find(work, record->num, row, row->pub.len - 1, chunk);
        if (err != 0) {
            return err;
        }
        if (!chunk->in_pack && chunk->packed.len + more <= REPO_CHUNK_BYTES &&
            chunk->count + count <= COVE_MAX_BATCH_TX) {
            return cove_buf_append(packed, chunk->packed);
        }
        if (row->inline_chunk.len > 0) {
            err = log_move_out(work, record, row);
            if (err != 0) {
                return err;
            }
        }
    }
    memset(chunk, 0, sizeof(*chunk));
    chunk->start = row->pub.len;
    chunk->epoch = row->epoch;
    return 0;
}

static int log_prove(struct repo_work *work, const struct repo_record *record,
                     const struct repo_row *row, const struct repo_more *more,
                     struct repo_chunk *chunk)
{
    uint32_t end = row->pub.len + (uint32_t)more->count;
    int err;

    if (more->proof == NULL && more->kept == NULL) {
        return repo_group_sign(work, record, row, end,
                               work->counters.sequence + 1, &chunk->proof);
    }
    err = repo_group_release(work, &chunk->proof);
    if (more->kept != NULL) {
        chunk->proof = *more->kept;
        return err;
    }
    memset(&chunk->proof, 0, sizeof(chunk->proof));
    chunk->proof.whole = *more->proof;
    if (err == 0 && more->proof->shared) {
        err = repo_group_take(work, more->proof, &chunk->proof);
    }
    return err;
}

int repo_log_put(struct repo_work *work, struct repo_record *record,
                 struct repo_row *row, const struct repo_more *put)
{
    const struct cove_bytes *txs = put->txs;
    size_t count = put->count;
    struct repo_chunk chunk;
    struct repo_tx_before before;
    struct cove_buf packed;
    size_t more = 0;

    for (size_t i = 0; i < count; i++) {
        more += txs[i].len;
    }
    cove_buf_init(&packed, work->repo->opt.alloc);

    int err = log_tail(work, record, row, &chunk, more, count, &packed);

    if (err == 0) {
        before = log_before(record, &chunk);
        before.epoch = row->epoch;
        before.own = put->proof == NULL && put->kept == NULL;
        if (chunk.count > 0) {
            before.hlc = row->pub.last_hlc;
            before.near = chunk.near;
        }
    }
    for (size_t i = 0; i < count && err == 0; i++) {
        err = repo_tx_pack(work, &put->decoded[i], txs[i], record->schema != 0,
                           &before, &packed);
    }
    if (err == 0) {
        err = log_prove(work, record, row, put, &chunk);
    }
    if (err == 0) {
        chunk.count += (uint32_t)count;
        chunk.near = before.near;
        chunk.packed = cove_buf_bytes(&packed);
        err = log_store(work, record, row, &chunk);
    }
    if (err == 0) {
        row->tail = chunk.start;
        row->epoch = before.epoch;
        row->pub.len += (uint32_t)count;
        record->pending += more;
    }
    cove_buf_clear(&packed);
    return err;
}

static void log_begin(const struct repo_record *record,
                      const struct repo_row *row, struct repo_chunk *chunk,
                      struct repo_tx_before *before)
{
    memset(chunk, 0, sizeof(*chunk));
    chunk->start = row->pub.len;
    chunk->epoch = row->epoch;
    *before = log_before(record, chunk);
    before->own = true;
}

int repo_log_end(struct repo_work *work, const struct repo_record *record,
                 const struct repo_row *row, struct repo_chunk *chunk,
                 struct cove_buf *packed, struct repo_tx_before *before)
{
    int err;

    if (!repo_log_has_end(row)) {
        log_begin(record, row, chunk, before);
        return 0;
    }
    err = log_find(work, record->num, row, row->pub.len - 1, chunk);
    if (err == 0) {
        err = cove_buf_append(packed, chunk->packed);
    }
    if (err == 0) {
        *before = log_before(record, chunk);
        before->own = true;
        before->epoch = row->epoch;
        before->hlc = row->pub.last_hlc;
        before->near = chunk->near;
    }
    return err;
}

int repo_log_fresh(struct repo_work *work, struct repo_record *record,
                   struct repo_row *row, struct repo_chunk *chunk,
                   struct repo_tx_before *before)
{
    int err = row->inline_chunk.len > 0 ? log_move_out(work, record, row) : 0;

    log_begin(record, row, chunk, before);
    return err;
}

int repo_log_put_end(struct repo_work *work, struct repo_record *record,
                     struct repo_row *row, struct repo_chunk *chunk)
{
    int err = repo_group_sign(work, record, row, chunk->start + chunk->count,
                              record->changed, &chunk->proof);

    return err != 0 ? err : log_store(work, record, row, chunk);
}

int repo_log_sign_anew(struct repo_work *work, struct repo_record *record,
                       struct repo_row *row, const struct repo_proof *proof)
{
    struct repo_chunk chunk;
    struct cove_buf packed;
    int err = repo_log_has_end(row)
                  ? log_find(work, record->num, row, row->pub.len - 1, &chunk)
                  : COVE_ENOTFOUND;

    if (err != 0) {
        return err;
    }
    if (chunk.proof.group != proof->group || chunk.proof.leaf != proof->leaf) {
        return COVE_ENOTFOUND;
    }
    cove_buf_init(&packed, work->repo->opt.alloc);
    err = cove_buf_append(&packed, chunk.packed);
    if (err == 0) {
        chunk.packed = cove_buf_bytes(&packed);
        memset(&chunk.proof, 0, sizeof(chunk.proof));
        chunk.proof.whole = proof->whole;
        err = log_store(work, record, row, &chunk);
    }
    cove_buf_clear(&packed);
    return err != 0 ? err : repo_record_write(work, record);
}
