/* repo_append.c: this device's own transactions.
 *
 * All of it happens inside one write transaction of the store: what the
 * session's length, head and last time are is read there and written there, so
 * two processes that take turns extend one log and never fork it. The new head
 * is signed before that transaction is committed, with all others in it
 * (repo_group.c).
 */
#include <inttypes.h>

#include "crdt/repo_internal.h"

struct append {
    struct repo_work work;
    struct repo_record record;
    struct cove_tx tx;                    /* as it will be signed */
    struct repo_session own;              /* the store's session, and … */
    struct repo_session session;          /* … the one that is written */
    uint32_t own_num, session_num;        /* interned, 0 = to be made */
    const struct cove_session_id *branch; /* zero: none */
    struct repo_row *row;                 /* NULL: not in this document yet */
    bool hot; /* what is written stays in memory for now */
    struct cove_buf bytes;
};

/* --- may this device write here */

static int append_denied(struct append *a, enum cove_role needed)
{
    const struct repo_record *record = &a->record;
    char doc[COVE_ID_TEXT_MAX];
    char owner[COVE_ID_TEXT_MAX];

    cove_id_text(&record->id, doc);
    cove_id_text(record->header.has_owner ? &record->header.owner : &record->id,
                 owner);
    if (record->flags & COVE_DOC_OWNER_MISSING) {
        return cove_fail(a->work.diag, COVE_EDENIED,
                         "%s cannot be written yet: its owner %s is not here",
                         doc, owner);
    }
    return cove_fail(a->work.diag, COVE_EDENIED,
                     "this device has the role \"%s\" in %s: to write %s it "
                     "must be %s there",
                     cove_role_name(record->my_role), owner, doc,
                     cove_role_name(needed));
}

static int append_may_write(struct append *a)
{
    enum cove_role needed = a->record.header.type == COVE_DOC_JOURNAL
                                ? COVE_ROLE_ADMIN
                                : COVE_ROLE_WRITER;

    if (repo_gone_is(&a->record)) {
        return repo_gone_refuse(&a->work, &a->record);
    }
    if ((a->record.flags & COVE_DOC_OWNER_MISSING) ||
        a->record.my_role < needed) {
        return append_denied(a, needed);
    }
    if (a->record.header.type == COVE_DOC_UNKNOWN) {
        return cove_fail(a->work.diag, COVE_ENEWER,
                         "the document was made by a newer version of Cove");
    }
    return 0;
}

/* --- time */

static int append_time(struct append *a)
{
    const struct repo_counters *counters = &a->work.counters;
    int64_t now = repo_now(a->work.repo);
    int64_t behind = cove_hlc_ahead(counters->own_hlc, now);

    if (behind > COVE_MAX_AHEAD_MS) {
        return cove_fail(a->work.diag, COVE_ECLOCK,
                         "the clock stands %" PRId64 " s before this device's "
                         "last write: set it right first",
                         behind / 1000);
    }
    if (!a->tx.applied) {
        a->tx.hlc = cove_hlc_next(counters->last_hlc, now);
    }
    return 0;
}

/* --- the session and what the transaction says of its place in it */

/* This store's session; where there is none one is drawn and *num is 0: nothing
 * is written yet. */
static int append_own(struct repo_work *work, struct repo_session *out,
                      uint32_t *num)
{
    const struct cove_env *env = work->repo->opt.env;

    *num = work->counters.own_session;
    if (*num != 0) {
        return repo_intern_session_of(work, *num, out);
    }
    env->random(env->ctx, out->salt, sizeof(out->salt));
    out->device = work->repo->opt.device;
    out->session = cove_session_id_of(&out->device, out->salt);
    return 0;
}

/* The session that a branch, or the document itself, is written with. */
static void append_choose(const struct repo_session *own,
                          const struct cove_session_id *branch,
                          struct repo_session *out)
{
    if (repo_branch_is_none(branch)) {
        *out = *own;
    } else {
        repo_branch_session(own, branch, out);
    }
}

static int append_session(struct append *a)
{
    int err = append_own(&a->work, &a->own, &a->own_num);

    if (err != 0) {
        return err;
    }
    append_choose(&a->own, a->branch, &a->session);
    a->row = repo_record_row(&a->record, &a->session.session);
    if (a->row == NULL && a->record.row_count >= COVE_MAX_SESSIONS) {
        return cove_fail(a->work.diag, COVE_ELIMIT,
                         "the document has %d sessions, no more can join",
                         COVE_MAX_SESSIONS);
    }
    if (repo_branch_is_none(a->branch)) {
        a->session_num = a->own_num;
        return 0;
    }
    err = repo_intern_session_find(&a->work, &a->session.session,
                                   &a->session_num);
    if (err == COVE_ENOTFOUND) {
        a->session_num = 0;
        err = 0;
    }
    return err;
}

/* Begin the store's session where it has none. */
static int append_begin(struct repo_work *work, const struct repo_session *own,
                        uint32_t *num)
{
    int err = *num != 0 ? 0 : repo_intern_session_add(work, own, num);

    if (err == 0) {
        work->counters.own_session = *num;
    }
    return err;
}

/* The first transaction of a branch's session says which one, and what the
 * branch began with. */
static int append_branch(struct append *a)
{
    if (a->row != NULL || a->tx.has_branch || repo_branch_is_none(a->branch)) {
        return 0;
    }
    a->tx.has_branch = true;
    return repo_branch_read(&a->work, &a->record, a->branch, &a->tx.branch);
}

/* Epoch and auth stand only where they differ from the session's previous
 * transaction; seen only where other sessions grew since then. */
static int append_context(struct append *a)
{
    bool first = a->row == NULL;
    uint32_t epoch = 0;
    int err = 0;

    if (a->tx.has_epoch) {
        err = repo_intern_epoch_find(&a->work, &a->tx.epoch, &epoch);
    }
    if (err != 0 && err != COVE_ENOTFOUND) {
        return err;
    }
    a->tx.epoch_inherited =
        !first && err == 0 && (epoch == a->row->epoch || a->tx.op_count == 0);
    a->tx.auth_inherited = !first;
    a->tx.auth = NULL;
    a->tx.auth_count = 0;
    a->tx.has_seen = first ? a->record.row_count > 0 : a->record.others_grew;
    if (a->tx.has_seen) {
        return repo_record_digest(&a->record, a->work.arena, &a->tx.seen);
    }
    return 0;
}

/* --- limits of merged state bind here, and only here */

static int append_keys(struct append *a, const struct cove_state *state)
{
    size_t keys = 0;

    for (size_t i = 0; i < a->tx.op_count; i++) {
        keys += a->tx.ops[i].kind == COVE_OP_REGISTER;
    }
    if (state->native_count + keys <= COVE_MAX_KEYS) {
        return 0;
    }
    for (size_t i = 0; i < state->native_count; i++) {
        keys += i == 0 || !cove_bytes_equal(state->natives[i].reg,
                                            state->natives[i - 1].reg);
    }
    for (size_t i = 0; i < a->tx.op_count; i++) {
        size_t begin;
        size_t end;

        if (a->tx.ops[i].kind == COVE_OP_REGISTER) {
            cove_state_natives(state, a->tx.ops[i].reg, &begin, &end);
            keys -= end > begin;
        }
    }
    if (keys > COVE_MAX_KEYS) {
        return cove_fail(a->work.diag, COVE_ELIMIT,
                         "the document would have more than %d keys",
                         COVE_MAX_KEYS);
    }
    return 0;
}

/* --- writing */

static int append_join(struct append *a)
{
    int err = append_begin(&a->work, &a->own, &a->own_num);

    if (err == 0 && a->session_num == 0) {
        err = repo_intern_session_add(&a->work, &a->session, &a->session_num);
    }
    if (err == 0 && a->row == NULL) {
        err = repo_record_insert(&a->work, &a->record, &a->session,
                                 a->session_num, &a->row);
        if (err == 0 && a->row != NULL) { /* which it is then */
            a->row->pub.role = a->record.my_role;
            a->row->has_branch = a->tx.has_branch;
            a->row->branch = *a->branch;
        }
    }
    return err;
}

static void append_tick(uint64_t *last, uint64_t hlc)
{
    *last = hlc > *last ? hlc : *last;
}

static int append_log(struct append *a)
{
    struct repo_row *row = a->row;
    struct cove_bytes bytes = cove_buf_bytes(&a->bytes);

    struct repo_more more = {.txs = &bytes, .decoded = &a->tx, .count = 1};

    row->pub.head = cove_chain_next(&row->pub.head, bytes);

    int err = a->hot ? repo_hot_put(&a->work, &a->record, row, bytes, &a->tx)
                     : repo_log_put(&a->work, &a->record, row, &more);

    if (err == 0) {
        row->pub.last_hlc = a->tx.hlc;
        append_tick(&a->work.counters.last_hlc, a->tx.hlc);
        append_tick(&a->work.counters.own_hlc, a->tx.hlc);
        a->record.others_grew = false;
        repo_held_come(&a->record, &a->tx, 1);
    }
    return err;
}

static void append_hold_back(struct append *a)
{
    a->record.flags |= COVE_DOC_HAS_HELD;
    if (a->record.next_held == 0 || a->tx.hlc < a->record.next_held) {
        a->record.next_held = a->tx.hlc;
    }
}

static int append_show(struct append *a, struct cove_state *state)
{
    struct repo_row *row = a->row;
    uint32_t index = row->pub.folded;

    row->pub.folded = row->pub.len;
    repo_history_attach(state, &a->work, &a->record);

    int err = repo_fold_tx(&a->work, &a->record, row, index, &a->tx, row->epoch,
                           state);

    if (err == 0) {
        cove_state_settle(state);
        err = repo_history_error(state);
    }
    repo_history_detach(state);
    if (err == 0 && repo_tally_counts(&a->tx)) {
        err = repo_tally_native(&a->work, &a->record, &row->pub.device,
                                a->tx.hlc, row->epoch);
    }
    return err;
}

/* Nothing held may stand before a shown transaction of its session. Own ones
 * are never held, but a clock set back can make them look so. */
static int append_fold(struct append *a, struct cove_state *state)
{
    struct repo_row *row = a->row;
    struct repo_live *live = state->live;
    int err = 0;

    if (row->pub.folded + 1 == row->pub.len &&
        repo_in_time(a->work.repo, a->tx.hlc)) {
        err = append_show(a, state);
    } else {
        append_hold_back(a);
    }
    if (err != 0 || live == NULL) {
        return err;
    }
    live->state = *state;
    if (!a->tx.applied) {
        err = repo_live_fold(live, &a->record, row, &a->tx);
    }
    return err != 0 ? err : repo_live_took(live, row, &a->tx);
}

/* The record stays with the document: who judges it next need not read it. Its
 * rows lie in the document's arena already, where there was room for a new one;
 * the chunk that was written does not. */
static int append_hold(struct append *a, struct cove_doc *doc)
{
    struct repo_record *held = doc->record;
    int err = 0;

    if (held == NULL || held->rows != a->record.rows) {
        doc->record = NULL;
        return 0;
    }
    if (a->row->inline_chunk.len > 0) {
        err = cove_arena_copy(doc->arena, a->row->inline_chunk,
                              &a->row->inline_chunk);
    }
    if (err == 0) {
        *held = a->record;
        doc->as_of = a->work.repo->open.writes;
    }
    return err;
}

/* The change and the record go to the store, or to what is hot. */
static int append_record(struct append *a, uint32_t index)
{
    int err;

    if (a->hot) {
        a->work.repo->open.hot.record = a->record;
        return repo_work_end(&a->work);
    }
    err = repo_change_note(&a->work, &a->record, 0, a->row->num, index,
                           a->tx.kind == COVE_TX_COPY);
    if (err == 0) {
        err = repo_record_write(&a->work, &a->record);
    }
    return err != 0 ? err : repo_work_end(&a->work);
}

/* What the document says of itself, and what is kept for the next append. */
static int append_tell(struct append *a, struct cove_doc *doc)
{
    int err = repo_doc_update(&a->record, doc);

    if (err != 0 || a->hot) {
        doc->record = NULL;
        return err;
    }
    err = append_hold(a, doc);
    return err != 0 ? err : repo_hot_next(&a->work, &a->record, a->row, doc);
}

static int append_store(struct append *a, struct cove_doc *doc)
{
    uint32_t index = a->row == NULL ? 0 : a->row->pub.len;
    int err = a->record.parts == 0 ? repo_create_keep(&a->work, &a->record) : 0;

    if (err == 0) {
        err = append_join(a);
    }
    if (err == 0) {
        err = append_log(a);
    }
    if (err == 0) {
        a->record.clean = doc->clean_next;
        memset(&doc->clean_next, 0, sizeof(doc->clean_next));
        err = append_fold(a, &doc->state);
    }
    /* What a merge shows is not folded here yet. */
    if (err == 0 && !(a->hot && doc->state.live != NULL)) {
        err = repo_checkpoint(&a->work, &a->record,
                              a->tx.has_merge ? NULL : repo_doc_own(doc));
    }
    if (err == 0) {
        err = append_record(a, index);
    }
    if (err == 0) {
        err = append_tell(a, doc);
    }
    if (err != 0) {
        doc->changed = 0; /* its state may be ahead of its sessions: load it
                             again before it is written */
        doc->record = NULL;
        repo_hot_fail(a->work.repo, err);
        repo_live_drop(a->work.repo, doc->num);
        doc->state.seq = NULL;
        doc->state.live = NULL;
    }
    return err;
}

/* Everything that can refuse, before anything is written: the transaction may
 * be committed all the same, with what others wrote in it. */
static int append_prepare(struct append *a, const struct cove_doc *doc)
{
    int err = append_may_write(a);

    if (err == 0) {
        err = append_time(a);
    }
    if (err == 0) {
        err = append_keys(a, &doc->state);
    }
    if (err == 0) {
        err = append_session(a);
    }
    if (err == 0) {
        err = append_context(a);
    }
    if (err == 0) {
        err = append_branch(a);
    }
    if (err != 0) {
        return err;
    }
    if (!a->tx.checked) {
        return cove_tx_encode(&a->tx, &a->bytes, a->work.diag);
    }
    err = cove_tx_write(&a->tx, a->work.arena, &a->bytes);
    return err == 0 && a->bytes.len > COVE_MAX_TX ? COVE_ELIMIT : err;
}

/* The record as it is by now; the document is loaded again where it is not. */
static int append_open(struct append *a, struct cove_store_txn *txn,
                       struct cove_doc *doc)
{
    struct cove_repo *repo = a->work.repo;
    struct cove_diag *diag = a->work.diag;
    int err = repo_work_write(&a->work, repo, txn, diag);

    if (err == 0) {
        err = repo_doc_record(&a->work, doc, &a->record);
    }
    if (err != 0 || repo_doc_is_current(&a->record, doc)) {
        return err;
    }
    const struct cove_tx_point *undo = doc->undo;

    err = cove_repo_load_branch(repo, txn, doc->num, &doc->branch, doc->arena,
                                doc, diag);
    doc->undo = undo;
    if (err == 0) {
        err = repo_work_write(&a->work, repo, txn, diag);
    }
    return err != 0 ? err : repo_doc_record(&a->work, doc, &a->record);
}

int cove_repo_append(struct cove_repo *repo, struct cove_store_txn *txn,
                     struct cove_doc *doc, struct cove_tx *tx,
                     struct cove_diag *diag)
{
    struct append a = {.tx = *tx, .branch = &doc->branch};
    int err = repo_hot_work(&a.work, repo, txn, diag);

    if (doc->undo != NULL) {
        a.tx.has_undo = true;
        a.tx.undo = *doc->undo;
    }
    a.hot = err == 0 && tx->kind == COVE_TX_NATIVE && !tx->has_merge &&
            repo_hot_is(&a.work, doc);
    if (a.hot) {
        a.record = repo->open.hot.record;
    } else if (err == 0) {
        err = append_open(&a, txn, doc);
    }
    if (err != 0) {
        return err;
    }
    cove_buf_init(&a.bytes, repo->opt.alloc);
    err = append_prepare(&a, doc);
    if (err == 0) {
        err = append_store(&a, doc);
    }
    if (err == 0) {
        *tx = a.tx;
    }
    cove_buf_clear(&a.bytes);
    return err;
}

int cove_repo_may_write(struct cove_repo *repo, struct cove_store_txn *txn,
                        const struct cove_doc *doc, struct cove_diag *diag)
{
    struct append a = {.branch = &doc->branch};
    int err = repo_work_write(&a.work, repo, txn, diag);

    if (err == 0) {
        err = repo_doc_record(&a.work, doc, &a.record);
    }
    if (err == 0) {
        err = append_may_write(&a);
    }
    return err != 0 ? err : append_time(&a);
}

int cove_repo_self(struct cove_repo *repo, struct cove_store_txn *txn,
                   const struct cove_doc *doc, struct cove_compose_self *out)
{
    struct repo_live *live = doc->state.live;
    struct repo_live_row *row;
    struct repo_session own;
    struct repo_session session;
    struct repo_work work;
    uint32_t num;

    if (live == NULL) {
        return COVE_EUSAGE;
    }

    int err = repo_hot_work(&work, repo, txn, NULL);

    if (err == 0) {
        err = append_own(&work, &own, &num);
    }
    if (err == 0) {
        err = append_begin(&work, &own, &num);
    }
    if (err == 0) {
        append_choose(&own, &doc->branch, &session);
        err = repo_live_author(live, &session.session, &session.device,
                               &out->author);
    }
    if (err == 0) {
        err = repo_live_row(live, &session.session, &row);
    }
    if (err == 0) {
        live->ahead = true;
        out->next = row->next;
        out->hlc = cove_hlc_next(work.counters.last_hlc, repo_now(repo));
        work.counters.last_hlc = out->hlc;
        err = repo_work_end(&work);
    }
    return err;
}

int cove_repo_place(struct cove_repo *repo, struct cove_store_txn *txn,
                    const struct cove_doc *doc, struct cove_session_id *session,
                    uint32_t *next)
{
    struct repo_record record;
    struct repo_session own;
    struct repo_session chosen;
    struct repo_work work;
    uint32_t num;
    int err = repo_work_write(&work, repo, txn, NULL);

    if (err == 0) {
        err = repo_doc_record(&work, doc, &record);
    }
    if (err == 0) {
        err = append_own(&work, &own, &num);
    }
    if (err == 0) {
        err = append_begin(&work, &own, &num);
    }
    if (err == 0) {
        err = repo_work_end(&work);
    }
    if (err == 0) {
        append_choose(&own, &doc->branch, &chosen);

        const struct repo_row *row = repo_record_row(&record, &chosen.session);

        *session = chosen.session;
        *next = row == NULL ? 0 : row->pub.len;
    }
    return err;
}
