/* repo_log_read.c: logs as others read them: batches to be sent, and every
 * transaction of a document.
 */
#include "crdt/repo_internal.h"

/* --- reading for sending */

static int read_grow(struct cove_arena *arena, struct cove_batch *batch,
                     size_t *cap)
{
    if (batch->tx_count < *cap) {
        return 0;
    }

    size_t more = *cap * 2 < COVE_MAX_BATCH_TX ? *cap * 2 : COVE_MAX_BATCH_TX;
    struct cove_bytes *txs = cove_arena_array(arena, more, sizeof(*txs));

    if (txs == NULL) {
        return COVE_ENOMEM;
    }
    memcpy(txs, batch->txs, batch->tx_count * sizeof(*txs));
    batch->txs = txs;
    *cap = more;
    return 0;
}

/* Whole chunks, as many as fit into a batch and max_bytes. A batch that would
 * not fit is taken back to the end of the last whole chunk. */
static int read_chunks(struct repo_work *work, struct repo_walk *walk,
                       size_t max_bytes, struct cove_batch *batch)
{
    struct repo_proof proof = {.group = 0};
    size_t cap = 8;
    size_t len = 0;
    size_t whole = 0;
    int err = 0;

    batch->txs = cove_arena_array(work->arena, cap, sizeof(*batch->txs));
    if (batch->txs == NULL) {
        return COVE_ENOMEM;
    }
    for (;;) {
        struct cove_bytes tx;

        if (walk->index - walk->chunk.start >= walk->chunk.count &&
            !walk->chunk.proof.none) {
            proof = walk->chunk.proof;
            whole = batch->tx_count;
            if (len >= max_bytes) {
                break;
            }
        }
        err = repo_walk_bytes(work, walk, &tx);
        if (err != 0) {
            break;
        }
        len += tx.len;
        if (batch->tx_count == COVE_MAX_BATCH_TX || len > COVE_MAX_BATCH ||
            (whole > 0 && len > max_bytes)) {
            break;
        }
        err = read_grow(work->arena, batch, &cap);
        if (err == 0) {
            err =
                cove_arena_copy(work->arena, tx, &batch->txs[batch->tx_count]);
        }
        if (err != 0) {
            break;
        }
        batch->tx_count++;
    }
    batch->tx_count = whole;
    if (err == COVE_ENOTFOUND) {
        err = 0;
    }
    if (err == 0 && whole == 0) {
        err = COVE_ECORRUPT;
    }
    return err != 0 ? err : repo_group_proof(work, &proof, &batch->proof);
}

int cove_repo_read(struct cove_repo *repo, struct cove_store_txn *txn,
                   cove_num num, const struct cove_session_id *session,
                   uint32_t from, size_t max_bytes, struct cove_arena *arena,
                   struct cove_batch *out)
{
    struct repo_record record;
    struct repo_session known;
    struct repo_work work;
    struct repo_walk walk;
    struct cove_batch batch = {.start = from};
    int err = repo_work_begin(&work, repo, txn, arena, NULL);

    if (err == 0) {
        err = repo_record_read(&work, num, &record);
    }
    if (err != 0) {
        return err;
    }

    const struct repo_row *row = repo_record_row(&record, session);

    if (row == NULL || from >= row->pub.len) {
        return COVE_ENOTFOUND;
    }
    err = repo_intern_session_of(&work, row->num, &known);
    if (err == 0) {
        err = repo_walk_start(&work, &record, row, from, &walk);
    }
    if (err == 0) {
        err = read_chunks(&work, &walk, max_bytes, &batch);
    }
    if (err != 0) {
        return err;
    }
    batch.document = record.id;
    batch.device = row->pub.device;
    batch.session = row->pub.session;
    batch.has_salt = from == 0;
    if (batch.has_salt) {
        memcpy(batch.salt, known.salt, sizeof(batch.salt));
    }
    *out = batch;
    return 0;
}

/* --- iteration */

static int log_visit_session(struct repo_work *work,
                             const struct repo_record *record,
                             const struct cove_doc *doc,
                             const struct cove_doc_session *session,
                             cove_log_visit *visit, void *ctx)
{
    const struct repo_row *row = repo_record_row(record, &session->session);
    uint32_t shown;
    struct repo_walk walk;
    struct cove_bytes tx;

    if (row == NULL || row->pub.len < session->len) {
        return COVE_ECORRUPT;
    }

    shown = repo_doc_shown(doc, row);

    int err = repo_walk_start(work, record, row, row->pub.base, &walk);

    walk.end = session->len;
    while (err == 0) {
        struct cove_log_entry entry = {.session = session,
                                       .index = walk.index,
                                       .shown = walk.index < shown};

        err = repo_walk_bytes(work, &walk, &tx);
        if (err == 0) {
            entry.bytes = tx;
            err = visit(ctx, &entry);
            if (err == COVE_ENOTFOUND) {
                return err;
            }
        } else if (err == COVE_ENOTFOUND) {
            return 0;
        }
    }
    return err;
}

int cove_repo_log(struct cove_repo *repo, struct cove_store_txn *txn,
                  const struct cove_doc *doc, cove_log_visit *visit, void *ctx)
{
    struct repo_record record;
    struct repo_work work;
    struct cove_arena arena;

    cove_arena_init(&arena, repo->opt.alloc);

    int err = repo_work_begin(&work, repo, txn, &arena, NULL);

    if (err == 0) {
        err = repo_record_read(&work, doc->num, &record);
    }
    for (size_t i = 0; i < doc->session_count && err == 0; i++) {
        err = log_visit_session(&work, &record, doc, &doc->sessions[i], visit,
                                ctx);
    }
    cove_arena_clear(&arena);
    return err;
}
