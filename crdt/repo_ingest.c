/* repo_ingest.c: other peers' transactions.
 *
 * A batch is judged whole before a byte of it is written: form, limits, the
 * session's salt, its place in the log, agreement with what is held, the hash
 * chain and the signature of its end, and only then, since they are the
 * author's words, its times. What its author had no right to write is kept and
 * relayed, never shown. What lies ahead of the clock is kept and shown when
 * its time comes, unless it is so far ahead that the clock must be wrong.
 */
#include <inttypes.h>

#include "core/planted.h"
#include "crdt/repo_internal.h"

struct ingest {
    struct repo_work work;
    struct repo_record record;
    const struct cove_batch *batch;
    uint32_t peer;
    struct repo_session session;
    uint32_t session_num; /* interned, 0 = not yet */
    struct repo_row *row; /* NULL: new in this document */
    uint32_t len;         /* held so far */
    uint32_t overlap;     /* how many of the batch are held */
    struct cove_tx *txs;  /* the new ones, decoded */
    size_t count;
    struct cove_hash head; /* at the end of the batch */
    uint32_t epoch;        /* interned, before the new ones */
    bool own;              /* it is this store's session: it ends */
    struct cove_ingest_result result;
};

/* --- form */

static int ingest_check_form(struct ingest *in)
{
    const struct cove_batch *batch = in->batch;
    struct cove_diag *diag = in->work.diag;
    size_t len = 0;

    if (batch->tx_count == 0) {
        return cove_fail(diag, COVE_EFORMAT, "a batch without transactions");
    }
    if (batch->tx_count > COVE_MAX_BATCH_TX ||
        batch->start > UINT32_MAX - batch->tx_count) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a batch of %zu transactions, more than %d",
                         batch->tx_count, COVE_MAX_BATCH_TX);
    }
    for (size_t i = 0; i < batch->tx_count; i++) {
        if (batch->txs[i].len > COVE_MAX_TX) {
            return cove_fail(diag, COVE_ELIMIT,
                             "a transaction of %zu bytes, more than %d",
                             batch->txs[i].len, COVE_MAX_TX);
        }
        len += batch->txs[i].len;
    }
    if (len > COVE_MAX_BATCH) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a batch of %zu transaction bytes, more than %d", len,
                         COVE_MAX_BATCH);
    }
    return 0;
}

/* --- the session and the place in it */

static int ingest_check_session(struct ingest *in)
{
    const struct cove_batch *batch = in->batch;
    struct cove_diag *diag = in->work.diag;

    if (batch->has_salt != (batch->start == 0)) {
        return cove_fail(diag, COVE_EFORMAT,
                         "a session's first batch has its salt, no other");
    }
    if (batch->has_salt) {
        struct cove_session_id real =
            cove_session_id_of(&batch->device, batch->salt);

        if (memcmp(&real, &batch->session, sizeof(real)) != 0) {
            return cove_fail(diag, COVE_EHASH,
                             "the session is not of this device and salt");
        }
    }

    int err =
        repo_intern_session_find(&in->work, &batch->session, &in->session_num);

    if (err == COVE_ENOTFOUND) {
        in->session_num = 0;
        in->session.session = batch->session;
        in->session.device = batch->device;
        memcpy(in->session.salt, batch->salt, sizeof(in->session.salt));
        return 0;
    }
    if (err == 0) {
        err = repo_intern_session_of(&in->work, in->session_num, &in->session);
    }
    if (err == 0 && memcmp(&in->session.device, &batch->device,
                           sizeof(batch->device)) != 0) {
        err = cove_fail(diag, COVE_EHASH,
                        "the session belongs to another device");
    }
    return err;
}

static int ingest_check_place(struct ingest *in)
{
    in->row = repo_record_row(&in->record, &in->batch->session);
    in->len = in->row == NULL ? 0 : in->row->pub.len;
    if (in->batch->start > in->len && !COVE_PLANTED("gap-taken")) {
        return cove_fail(in->work.diag, COVE_EGAP,
                         "the batch starts at %" PRIu32 ", the log held ends "
                         "at %" PRIu32,
                         in->batch->start, in->len);
    }
    return 0;
}

/* How many of those were cut off here: with them nothing can be compared. */
static size_t ingest_cut(const struct ingest *in, size_t common)
{
    uint32_t start = in->batch->start;
    size_t cut = in->row->pub.base > start ? in->row->pub.base - start : 0;

    return cut < common ? cut : common;
}

/* Compare with what is held. *differs: the first index where they part. */
static int ingest_overlap(struct ingest *in, bool *parts, uint32_t *differs)
{
    struct repo_walk walk;
    struct cove_bytes held;
    size_t common = in->len - in->batch->start;

    *parts = false;
    if (common > in->batch->tx_count) {
        common = in->batch->tx_count;
    }
    in->overlap = (uint32_t)common;

    size_t cut = common == 0 ? 0 : ingest_cut(in, common);

    if (cut == common) {
        return 0;
    }

    int err = repo_walk_start(&in->work, &in->record, in->row,
                              in->batch->start + (uint32_t)cut, &walk);

    for (size_t i = cut; i < common && err == 0; i++) {
        err = repo_walk_bytes(&in->work, &walk, &held);
        if (err == 0 && !cove_bytes_equal(held, in->batch->txs[i])) {
            *parts = true;
            *differs = in->batch->start + (uint32_t)i;
            return 0;
        }
    }
    return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
}

/* --- what is new */

static int ingest_decode(struct ingest *in)
{
    in->count = in->batch->tx_count - in->overlap;
    in->txs = cove_arena_array(in->work.arena, in->count + 1, sizeof(*in->txs));
    if (in->txs == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < in->count; i++) {
        int err = cove_tx_decode(in->batch->txs[in->overlap + i],
                                 in->work.arena, &in->txs[i], in->work.diag);

        if (err != 0) {
            cove_diag_context(in->work.diag, "transaction %" PRIu32,
                              in->len + (uint32_t)i);
            return err;
        }
    }
    return 0;
}

static int ingest_verify(struct ingest *in)
{
    const struct cove_batch *batch = in->batch;
    struct cove_hash head =
        in->row != NULL ? in->row->pub.head
                        : cove_chain_start(&batch->document, &batch->session,
                                           &batch->device);

    for (size_t i = in->overlap; i < batch->tx_count; i++) {
        head = cove_chain_next(&head, batch->txs[i]);
    }

    int err = cove_batch_verify(batch, &head, &in->work.repo->roots);

    if (err == COVE_ESIGNATURE && in->row != NULL && in->row->pub.base > 0 &&
        batch->start <= in->row->pub.base) {
        return cove_fail(in->work.diag, COVE_ECUT,
                         "the batch from %" PRIu32 " does not go on where ours "
                         "ends: it may be another branch, which parts from it "
                         "in what was cut off here",
                         batch->start);
    }
    if (err != 0) {
        return cove_fail(in->work.diag, err,
                         "the batch from %" PRIu32 " is not signed by its "
                         "session's device",
                         batch->start);
    }
    in->head = head;
    return 0;
}

static int ingest_check_times(struct ingest *in)
{
    uint64_t last = in->row == NULL ? 0 : in->row->pub.last_hlc;

    for (size_t i = 0; i < in->count; i++) {
        if (in->txs[i].hlc <= last) {
            return cove_fail(in->work.diag, COVE_ECLOCK,
                             "transaction %" PRIu32 " is not later than the "
                             "one before it",
                             in->len + (uint32_t)i);
        }
        last = in->txs[i].hlc;
    }

    int64_t ahead = cove_hlc_ahead(last, repo_now(in->work.repo));

    if (ahead > COVE_MAX_REFUSE_MS && !in->work.repo->mending) {
        in->result.refused_time = true;
        return cove_fail(in->work.diag, COVE_ECLOCK,
                         "the author's clock is %" PRId64 " h ahead of ours",
                         ahead / 3600000);
    }
    return 0;
}

static int ingest_judge(struct ingest *in)
{
    int err = ingest_decode(in);

    if (err == 0) {
        err = ingest_verify(in);
    }
    return err != 0 ? err : ingest_check_times(in);
}

/* --- keeping it */

/* The row of a session that is new in the document. */
static int ingest_add_row(struct ingest *in)
{
    struct cove_header owner;
    struct repo_row *row;
    int err = repo_record_insert(&in->work, &in->record, &in->session,
                                 in->session_num, &row);

    if (err == 0 && (in->record.flags & COVE_DOC_OWNER_MISSING) == 0) {
        err = repo_owner(&in->work, &in->record, &owner);
        if (err == 0) {
            row->pub.role = cove_header_role(&owner, &row->pub.device);
        }
    }
    if (err == 0) {
        row->has_branch = in->txs[0].has_branch;
        row->branch = in->txs[0].branch.id; /* zero where there is none */
        row->tomb = in->txs[0].has_remove;
        in->row = row;
    }
    return err;
}

static int ingest_join(struct ingest *in)
{
    int err = 0;

    if (in->session_num == 0) {
        err =
            repo_intern_session_add(&in->work, &in->session, &in->session_num);
    }
    if (err == 0 && in->row == NULL) {
        err = ingest_add_row(in);
    }
    return err;
}

static void ingest_hold(struct ingest *in, uint64_t hlc)
{
    in->record.flags |= COVE_DOC_HAS_HELD;
    if (in->record.next_held == 0 || hlc < in->record.next_held) {
        in->record.next_held = hlc;
    }
}

/* Which of the new ones are shown, and what the document's flags say. */
static void ingest_show(struct ingest *in)
{
    struct repo_row *row = in->row;
    bool may = row->pub.role >= COVE_ROLE_WRITER;
    bool missing = (in->record.flags & COVE_DOC_OWNER_MISSING) != 0;

    for (size_t i = 0; i < in->count; i++) {
        const struct cove_tx *tx = &in->txs[i];

        if (tx->ahead) {
            in->record.flags |= COVE_DOC_HAS_AHEAD;
        }
        if (tx->private_part.len > 0) {
            in->record.flags |= COVE_DOC_HAS_PRIVATE;
        }
        if (missing) {
            continue;
        }
        if (!may) {
            in->record.flags |= COVE_DOC_HAS_DENIED;
            in->result.denied++;
            continue;
        }
        if (row->pub.folded < in->len + (uint32_t)i ||
            !repo_in_time(in->work.repo, tx->hlc)) {
            ingest_hold(in, tx->hlc);
            in->result.held++;
            continue;
        }
        row->pub.folded++;
        if (tx->hlc > in->work.counters.last_hlc) {
            in->work.counters.last_hlc = tx->hlc;
        }
    }
}

/* The newest user write among those that are shown. */
static int ingest_tally(struct ingest *in)
{
    const struct repo_row *row = in->row;
    const struct cove_tx *newest = NULL;
    uint32_t epoch = in->epoch;
    uint32_t epoch_newest = 0;
    int err = 0;

    for (size_t i = 0; i < in->count && err == 0; i++) {
        const struct cove_tx *tx = &in->txs[i];

        if (in->len + i >= row->pub.folded) {
            break;
        }
        if (!tx->epoch_inherited) {
            epoch = 0;
            if (tx->has_epoch) {
                err = repo_intern_epoch_find(&in->work, &tx->epoch, &epoch);
            }
        }
        if (repo_tally_counts(tx)) {
            newest = tx;
            epoch_newest = epoch;
        }
    }
    if (err != 0 || newest == NULL) {
        return err;
    }
    return repo_tally_native(&in->work, &in->record, &row->pub.device,
                             newest->hlc, epoch_newest);
}

/* A peer that knows more of our session than we do: we were restored from a
 * backup or cloned. The session ends, so that it cannot fork. */
static int ingest_end_own(struct ingest *in)
{
    bool own;
    int err = repo_branch_own(&in->work, in->row, &own);

    if (err == 0 && own) {
        in->work.counters.own_session = 0;
    } else {
        in->record.others_grew = true;
    }
    return err;
}

/* Is it nothing but what migrations wrote? */
static bool ingest_copies(const struct ingest *in)
{
    for (size_t i = 0; i < in->count; i++) {
        if (in->txs[i].ahead || in->txs[i].kind != COVE_TX_COPY) {
            return false;
        }
    }
    return true;
}

static int ingest_keep(struct ingest *in)
{
    const struct cove_batch *batch = in->batch;
    int err = ingest_join(in);

    if (err != 0) {
        return err;
    }
    in->epoch = in->row->epoch;
    struct repo_more more = {.txs = batch->txs + in->overlap,
                             .decoded = in->txs,
                             .count = in->count,
                             .proof = &batch->proof};

    err = repo_log_put(&in->work, &in->record, in->row, &more);
    if (err != 0) {
        return err;
    }
    in->row->pub.head = in->head;
    in->row->pub.last_hlc = in->txs[in->count - 1].hlc;
    in->result.added = (uint32_t)in->count;
    in->result.have = in->row->pub.len;
    repo_held_come(&in->record, in->txs, in->count);
    ingest_show(in);
    err = ingest_end_own(in);
    if (err == 0) {
        err = ingest_tally(in);
    }
    if (err == 0) {
        err = repo_checkpoint(&in->work, &in->record, NULL);
    }
    if (err == 0) {
        err = repo_change_note(&in->work, &in->record, in->peer,
                               in->session_num, in->len, ingest_copies(in));
    }
    if (err == 0) {
        in->result.removed = repo_gone_is(&in->record);
        err = in->result.removed ? repo_gone_obey(&in->work, &in->record)
                                 : repo_record_write(&in->work, &in->record);
    }
    return err != 0 ? err : repo_work_end(&in->work);
}

/* --- the whole */

static int ingest_document(struct ingest *in)
{
    cove_num num;
    int err =
        cove_repo_find(in->work.repo, in->work.txn, &in->batch->document, &num);

    if (err == 0) {
        err = repo_record_read(&in->work, num, &in->record);
    }
    if (err == 0 && (in->record.flags & COVE_DOC_LOCAL) &&
        !in->work.repo->mending) {
        err = COVE_ENOTFOUND; /* for whoever asks from outside */
    }
    if (err == COVE_ENOTFOUND) {
        char text[COVE_ID_TEXT_MAX];

        cove_id_text(&in->batch->document, text);
        return cove_fail(in->work.diag, err, "the header of %s is not here",
                         text);
    }
    if (err == 0) {
        in->result.num = num;
    }
    return err;
}

static int ingest_batch(struct ingest *in)
{
    uint32_t differs = 0;
    bool parts = false;
    bool moved;
    int err = ingest_check_form(in);

    if (err == 0) {
        err = ingest_document(in);
    }
    if (err == 0 && (in->record.flags & COVE_DOC_REMOVED)) {
        return repo_gone_ingest(&in->work, &in->record, in->batch,
                                &in->result.have);
    }
    if (err == 0) {
        err = ingest_check_session(in);
    }
    if (err == 0) {
        err = ingest_check_place(in);
    }
    if (err == 0) {
        err = ingest_overlap(in, &parts, &differs);
    }
    if (err == 0 && parts) {
        return repo_fork_keep(&in->work, &in->record, in->row, in->batch,
                              differs);
    }
    in->result.have = in->len;
    if (err != 0 || in->overlap == in->batch->tx_count) {
        return err;
    }
    err = ingest_judge(in);
    if (err == 0) {
        err =
            repo_gone_check(&in->work, in->batch, in->txs, in->count, in->row);
    }
    if (err == 0) {
        /* What is due anyway goes into the same write. */
        err = repo_refresh(&in->work, &in->record, &moved);
    }
    return err != 0 ? err : ingest_keep(in);
}

int cove_repo_ingest(struct cove_repo *repo, struct cove_store_txn *txn,
                     const struct cove_batch *batch, uint32_t peer,
                     struct cove_ingest_result *out, struct cove_diag *diag)
{
    struct ingest in = {.batch = batch, .peer = peer};
    int err = repo_work_write(&in.work, repo, txn, diag);

    if (err == 0) {
        err = ingest_batch(&in);
    }
    if (err == 0 || in.result.refused_time) {
        *out = in.result;
    }
    return err;
}
