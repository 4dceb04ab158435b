/* repo_fold.c: which transactions are shown, and folding them.
 *
 * Shown are, of each session whose author has the writer's role, the
 * transactions up to the first that lies too far ahead of the clock. A load
 * takes the checkpoint and folds what each session has behind its mark. When
 * the owner's header arrives the roles become known; when the time of a held
 * transaction comes it is shown: both are noticed at the next load.
 *
 * Whether the origin of a copy is real is asked of the log, never of the
 * state: what the state keeps depends on what came first, the log does not.
 */
#include <assert.h>

#include "crdt/blob.h"
#include "crdt/repo_internal.h"
#include "crdt/repo_tx_parts.h"

/* --- the history behind a state */

void repo_history_attach(struct cove_state *state, struct repo_work *work,
                         struct repo_record *record)
{
    struct repo_history *history = state->history.ctx;

    history->work = work;
    history->record = record;
    history->seen.num = 0;
    history->err = 0;
}

void repo_history_detach(struct cove_state *state)
{
    struct repo_history *history = state->history.ctx;

    history->work = NULL;
    history->record = NULL;
}

static bool seen_is(const struct repo_seen *seen, cove_num num,
                    const struct repo_row *row, uint32_t index)
{
    return seen->num == num && seen->session == row->num &&
           seen->index == index;
}

static int seen_decode(struct repo_work *work, const struct repo_record *record,
                       const struct repo_row *row, uint32_t index,
                       struct repo_seen *out)
{
    struct repo_seen seen = {
        .num = record->num, .session = row->num, .index = index};
    struct repo_walk walk;
    struct repo_tx_entry entry;
    struct cove_bytes bytes;
    struct cove_tx tx;
    int err = repo_walk_start(work, record, row, index, &walk);

    if (err == 0) {
        err = repo_walk_next(work, &walk, &entry);
    }
    if (err == 0) {
        err = repo_tx_decode(work, &entry, &tx);
    }
    if (err == 0) {
        err = repo_tx_bytes(work, &entry, &bytes);
    }
    if (err == 0) {
        struct cove_hash hash = cove_tx_hash(bytes);

        memcpy(seen.tx_hash, hash.b, sizeof(seen.tx_hash));
        seen.native = tx.kind == COVE_TX_NATIVE;
        seen.opaque = tx.ahead || tx.private_part.len > 0;
        seen.hlc = tx.hlc;
        seen.op_count = tx.op_count;
        *out = seen;
    }
    return err;
}

/* A chunk out of a pack takes memory, and a long document asks often. */
static int seen_read(struct repo_work *work, const struct repo_record *record,
                     const struct repo_row *row, uint32_t index,
                     struct repo_seen *out)
{
    struct repo_work inside = *work;
    struct cove_arena arena;
    int err;

    if (row->inline_chunk.len > 0) {
        return seen_decode(work, record, row, index, out);
    }
    cove_arena_init(&arena, work->repo->opt.alloc);
    inside.arena = &arena;
    err = seen_decode(&inside, record, row, index, out);
    cove_arena_clear(&arena);
    return err;
}

/* A writer looks at an origin when it names it and when it folds the copy. */
static int seen_find(struct repo_work *work, const struct repo_record *record,
                     const struct repo_row *row, uint32_t index,
                     struct repo_seen *out)
{
    struct repo_open *open = repo_open_of(work->repo, work->txn);
    int err = 0;

    if (open != NULL && seen_is(&open->seen, record->num, row, index)) {
        *out = open->seen;
        return 0;
    }
    err = seen_read(work, record, row, index, out);
    if (err == 0 && open != NULL) {
        open->seen = *out;
    }
    return err;
}

static int history_look(struct repo_history *history,
                        const struct repo_row *row, uint32_t index)
{
    if (seen_is(&history->seen, history->record->num, row, index)) {
        return 0;
    }
    return seen_find(history->work, history->record, row, index,
                     &history->seen);
}

/* The origin's register is that of the part, not the one the op was written
 * to: a write to a whole, or to another form of the value, is its origin too.
 */
static bool history_agrees(const struct repo_history *history,
                           const struct cove_origin *origin)
{
    const struct repo_seen *seen = &history->seen;

    return seen->native && seen->hlc == origin->id.hlc &&
           memcmp(seen->tx_hash, origin->tx_hash, sizeof(seen->tx_hash)) == 0 &&
           origin->id.op < seen->op_count;
}

static enum cove_held history_held(void *ctx, const struct cove_origin *origin)
{
    struct repo_history *history = ctx;
    const struct repo_row *row;

    if (history->work == NULL || history->err != 0) {
        return COVE_HELD_NO;
    }
    if (history->record->held) {
        return COVE_HELD_YES; /* asked already */
    }
    row = repo_record_row(history->record, &origin->id.session);
    if (row == NULL || origin->id.tx >= row->pub.len) {
        return COVE_HELD_NO;
    }
    if (row->pub.role < COVE_ROLE_WRITER ||
        memcmp(&row->pub.device, &origin->id.device, sizeof(row->pub.device)) !=
            0) {
        return COVE_HELD_FALSE;
    }
    if (origin->id.tx < row->pub.base) {
        return COVE_HELD_YES; /* cut off: it was there */
    }
    history->err = history_look(history, row, origin->id.tx);
    if (history->err != 0) {
        return COVE_HELD_NO;
    }
    if (history->seen.opaque) {
        return COVE_HELD_NO; /* cannot be judged here */
    }
    if (!history_agrees(history, origin)) {
        return COVE_HELD_FALSE;
    }
    return origin->id.tx < row->pub.folded ? COVE_HELD_YES : COVE_HELD_NO;
}

int repo_history_new(struct cove_arena *arena, struct cove_state *state)
{
    struct repo_history *ctx = cove_arena_new(arena, sizeof(*ctx));
    struct cove_state_history history = {.held = history_held, .ctx = ctx};

    if (ctx == NULL) {
        return COVE_ENOMEM;
    }
    cove_state_init(state, arena, &history);
    return 0;
}

int repo_origin_hash(struct repo_work *work, const struct repo_record *record,
                     const struct cove_op_id *op, uint8_t out[8])
{
    const struct repo_row *row = repo_record_row(record, &op->session);
    struct repo_seen seen;
    int err;

    if (row == NULL || op->tx >= row->pub.len) {
        return COVE_ENOTFOUND;
    }
    if (op->tx < row->pub.base) {
        return repo_cut_hash(work, record, op, out);
    }
    err = seen_find(work, record, row, op->tx, &seen);
    if (err == 0) {
        memcpy(out, seen.tx_hash, sizeof(seen.tx_hash));
    }
    return err;
}

int cove_repo_tx_hash(struct cove_repo *repo, struct cove_store_txn *txn,
                      const struct cove_doc *doc, const struct cove_op_id *op,
                      uint8_t out[8])
{
    struct repo_record record;
    struct repo_work work;
    int err = repo_work_begin(&work, repo, txn, doc->arena, NULL);

    if (err == 0) {
        err = repo_doc_record(&work, doc, &record);
    }
    if (err != 0) {
        return err;
    }
    return repo_origin_hash(&work, &record, op, out);
}

int repo_history_error(const struct cove_state *state)
{
    return ((const struct repo_history *)state->history.ctx)->err;
}

/* --- what is shown */

bool repo_in_time(const struct cove_repo *repo, uint64_t hlc)
{
    return cove_hlc_ahead(hlc, repo_now(repo)) <= COVE_MAX_AHEAD_MS;
}

static int refresh_native(struct repo_work *work,
                          const struct repo_tx_entry *entry,
                          struct repo_tx_entry *newest)
{
    struct cove_tx tx;
    int err = repo_tx_decode(work, entry, &tx);

    if (err == 0 && repo_tally_counts(&tx)) {
        *newest = *entry;
    }
    return err;
}

/* Show more of one session; its first held hlc in *held, 0 where none is. */
static int refresh_row(struct repo_work *work, struct repo_record *record,
                       struct repo_row *row, uint64_t *held)
{
    struct repo_walk walk;
    struct repo_tx_entry tx;
    struct repo_tx_entry native = {.hlc = 0}; /* the newest */
    int err;

    *held = 0;
    if (row->pub.role < COVE_ROLE_WRITER) {
        if (row->pub.len > 0) {
            record->flags |= COVE_DOC_HAS_DENIED;
        }
        return 0;
    }
    err = repo_walk_start(work, record, row, row->pub.folded, &walk);
    while (err == 0) {
        err = repo_walk_next(work, &walk, &tx);
        if (err != 0) {
            break;
        }
        if (!repo_in_time(work->repo, tx.hlc)) {
            *held = tx.hlc;
            break;
        }
        err = refresh_native(work, &tx, &native);
        row->pub.folded = walk.index;
        if (tx.hlc > work->counters.last_hlc) {
            work->counters.last_hlc = tx.hlc;
        }
    }
    if (err == COVE_ENOTFOUND) {
        err = 0;
    }
    return err != 0 || native.hlc == 0
               ? err
               : repo_tally_native(work, record, &row->pub.device, native.hlc,
                                   native.epoch);
}

int repo_refresh(struct repo_work *work, struct repo_record *record,
                 bool *moved)
{
    bool due =
        record->next_held != 0 && repo_in_time(work->repo, record->next_held);

    *moved = false;
    if (record->flags & COVE_DOC_OWNER_MISSING) {
        bool known;
        int err = repo_roles(work, record, &known);

        if (err != 0) {
            return err;
        }
        if (known) {
            record->flags &= ~(unsigned)COVE_DOC_OWNER_MISSING;
            due = true;
        }
    }
    if (!due) {
        return 0;
    }
    record->next_held = 0;
    record->flags &= ~(unsigned)COVE_DOC_HAS_HELD;
    for (size_t i = 0; i < record->row_count; i++) {
        uint64_t held;
        int err = refresh_row(work, record, &record->rows[i], &held);

        if (err != 0) {
            return err;
        }
        if (held != 0) {
            record->flags |= COVE_DOC_HAS_HELD;
            if (record->next_held == 0 || held < record->next_held) {
                record->next_held = held;
            }
        }
    }
    *moved = true;
    return 0;
}

/* --- folding */

static struct cove_op_id fold_op_id(const struct repo_row *row, uint32_t index,
                                    const struct cove_tx *tx, size_t op)
{
    struct cove_op_id id = {.hlc = tx->hlc,
                            .device = row->pub.device,
                            .session = row->pub.session,
                            .tx = index,
                            .op = (uint32_t)op};

    return id;
}

static int fold_native(struct cove_state *state, const struct cove_tx_op *op,
                       const struct cove_op_id *id,
                       const struct cove_step_id *epoch)
{
    struct cove_native native = {.reg = op->reg,
                                 .has_epoch = epoch != NULL,
                                 .id = *id,
                                 .deleted = op->deleted,
                                 .value = op->value};

    if (epoch != NULL) {
        native.epoch = *epoch;
    }
    return cove_state_add_native(state, &native);
}

static int fold_copy(struct cove_state *state, const struct cove_tx_op *op,
                     const struct cove_op_id *id)
{
    struct cove_copy copy = {.reg = op->reg,
                             .id = *id,
                             .deleted = op->deleted,
                             .value = op->value,
                             .origins = op->origins,
                             .origin_count = op->origin_count};

    return cove_state_add_copy(state, &copy);
}

/* What a type has beside registers: an op of another type is ignored. */
static int fold_other(const struct repo_record *record,
                      const struct cove_tx_op *op, const struct cove_op_id *id,
                      struct cove_state *state)
{
    int err = 0;

    if (record->header.type == COVE_DOC_COBINARY) {
        err = cove_blob_fold(state, op, id);
    } else if (op->kind == COVE_OP_ADD &&
               record->header.type == COVE_DOC_COCOUNTER) {
        state->sum += op->amount;
    } else if (op->kind == COVE_OP_APPEND &&
               record->header.type == COVE_DOC_COSTREAM) {
        state->entries++;
    }
    return err;
}

int repo_fold_tx(struct repo_work *work, const struct repo_record *record,
                 const struct repo_row *row, uint32_t index,
                 const struct cove_tx *tx, uint32_t epoch,
                 struct cove_state *state)
{
    struct cove_step_id step;
    uint32_t op_index = 0;
    int err = 0;

    if (tx->ahead || tx->private_part.len > 0) {
        return 0; /* kept and relayed; the flags say so */
    }
    if (epoch != 0) {
        err = repo_intern_epoch_of(work, epoch, &step);
    }
    for (size_t i = 0; i < tx->op_count && err == 0; i++) {
        const struct cove_tx_op *op = &tx->ops[i];
        struct cove_op_id id = fold_op_id(row, index, tx, op_index);

        op_index += cove_tx_op_indexes(op);
        if (tx->kind == COVE_TX_COPY) {
            err = fold_copy(state, op, &id);
            continue;
        }
        if (op->kind == COVE_OP_REGISTER) {
            err = fold_native(state, op, &id, epoch != 0 ? &step : NULL);
        }
        if (err == 0) {
            err = fold_other(record, op, &id, state);
        }
    }
    return err != 0 ? err : repo_branch_fold(state, tx);
}

int repo_fold_writes(struct repo_work *work, const struct repo_row *row,
                     uint32_t index, const struct repo_tx_entry *entry,
                     struct cove_state *state)
{
    struct cove_native each = {.has_epoch = entry->epoch != 0};
    int err = 0;

    each.id.hlc = entry->hlc;
    each.id.device = row->pub.device;
    each.id.session = row->pub.session;
    each.id.tx = index;
    if (each.has_epoch) {
        err = repo_intern_epoch_of(work, entry->epoch, &each.epoch);
    }
    return err != 0 ? err : repo_plain_fold(work, entry, &each, state);
}
