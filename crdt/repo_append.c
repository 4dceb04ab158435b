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
    struct cove_tx tx; /* as it will be signed */
    struct repo_session session;
    uint32_t session_num; /* interned, 0 = to be made */
    struct repo_row *row; /* NULL: not in this document yet */
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
    a->tx.hlc = cove_hlc_next(counters->last_hlc, now);
    return 0;
}

/* --- the session and what the transaction says of its place in it */

/* This store's session; nothing is written yet. */
static int append_session(struct append *a)
{
    struct repo_work *work = &a->work;
    const struct cove_env *env = work->repo->opt.env;

    a->session_num = work->counters.own_session;
    if (a->session_num == 0) {
        env->random(env->ctx, a->session.salt, sizeof(a->session.salt));
        a->session.device = work->repo->opt.device;
        a->session.session =
            cove_session_id_of(&a->session.device, a->session.salt);
    } else {
        int err = repo_intern_session_of(work, a->session_num, &a->session);

        if (err != 0) {
            return err;
        }
    }
    a->row = repo_record_row(&a->record, &a->session.session);
    if (a->row == NULL && a->record.row_count >= COVE_MAX_SESSIONS) {
        return cove_fail(work->diag, COVE_ELIMIT,
                         "the document has %d sessions, no more can join",
                         COVE_MAX_SESSIONS);
    }
    return 0;
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
    a->tx.epoch_inherited = !first && err == 0 && epoch == a->row->epoch;
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
    int err = 0;

    if (a->session_num == 0) {
        err = repo_intern_session_add(&a->work, &a->session, &a->session_num);
        a->work.counters.own_session = a->session_num;
    }
    if (err == 0 && a->row == NULL) {
        err = repo_record_insert(&a->work, &a->record, &a->session,
                                 a->session_num, &a->row);
        if (err == 0) {
            a->row->pub.role = a->record.my_role;
        }
    }
    return err;
}

static int append_log(struct append *a)
{
    struct repo_row *row = a->row;
    struct cove_bytes bytes = cove_buf_bytes(&a->bytes);

    row->pub.head = cove_chain_next(&row->pub.head, bytes);

    int err = repo_log_put(&a->work, &a->record, row, &bytes, &a->tx, 1, NULL);

    if (err == 0) {
        row->pub.last_hlc = a->tx.hlc;
        a->work.counters.last_hlc = a->tx.hlc;
        a->work.counters.own_hlc = a->tx.hlc;
        a->record.others_grew = false;
        repo_tally_unjudge(&a->record);
    }
    return err;
}

/* Nothing held may stand before a shown transaction of its session. Own ones
 * are never held, but a clock set back can make them look so. */
static int append_fold(struct append *a, struct cove_state *state)
{
    struct repo_row *row = a->row;
    uint32_t index = row->pub.len - 1;

    if (row->pub.folded != index || !repo_in_time(a->work.repo, a->tx.hlc)) {
        a->record.flags |= COVE_DOC_HAS_HELD;
        if (a->record.next_held == 0 || a->tx.hlc < a->record.next_held) {
            a->record.next_held = a->tx.hlc;
        }
        return 0;
    }
    row->pub.folded = row->pub.len;
    repo_history_attach(state, &a->work, &a->record);

    int err = repo_fold_tx(&a->work, row, index, &a->tx, row->epoch, state);

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

static int append_store(struct append *a, struct cove_doc *doc)
{
    uint32_t index = a->row == NULL ? 0 : a->row->pub.len;
    int err = append_join(a);

    if (err == 0) {
        err = append_log(a);
    }
    if (err == 0) {
        a->record.clean = doc->clean_next;
        memset(&doc->clean_next, 0, sizeof(doc->clean_next));
        err = append_fold(a, &doc->state);
    }
    if (err == 0) {
        err = repo_checkpoint(&a->work, &a->record, &doc->state);
    }
    if (err == 0) {
        err = repo_change_note(&a->work, &a->record, 0, a->row->num, index);
    }
    if (err == 0) {
        err = repo_record_write(&a->work, &a->record);
    }
    if (err == 0) {
        err = repo_work_end(&a->work);
    }
    if (err == 0) {
        err = repo_doc_update(&a->record, doc);
    }
    if (err == 0) {
        err = append_hold(a, doc);
    }
    if (err != 0) {
        doc->changed = 0; /* its state may be ahead of its sessions: load it
                             again before it is written */
        doc->record = NULL;
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
    if (err != 0) {
        return err;
    }
    return a->tx.checked ? cove_tx_write(&a->tx, a->work.arena, &a->bytes)
                         : cove_tx_encode(&a->tx, &a->bytes, a->work.diag);
}

int cove_repo_append(struct cove_repo *repo, struct cove_store_txn *txn,
                     struct cove_doc *doc, struct cove_tx *tx,
                     struct cove_diag *diag)
{
    struct append a = {.tx = *tx};
    int err = repo_work_write(&a.work, repo, txn, diag);

    if (err == 0) {
        err = repo_doc_record(&a.work, doc, &a.record);
    }
    if (err != 0) {
        return err;
    }
    if (!repo_doc_is_current(&a.record, doc)) {
        err = cove_repo_load(repo, txn, doc->num, doc->arena, doc, diag);
        if (err == 0) {
            err = repo_work_write(&a.work, repo, txn, diag);
        }
        if (err == 0) {
            err = repo_doc_record(&a.work, doc, &a.record);
        }
        if (err != 0) {
            return err;
        }
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
