/* repo_cut_adopt.c: a document begins with a cut from now on.
 *
 * What is behind the cut is read, all logs of the document go, and it is put
 * again: so a log always begins with a chunk at the cut, whatever chunks and
 * packs there were. What signs its ends is kept as it is.
 */
#include "crdt/repo_internal.h"

#define ADOPT_MOST ((size_t)32 << 20) /* bytes of transactions that stay */

struct adopt_stretch { /* up to the next thing that signs */
    uint32_t session;  /* interned */
    struct cove_bytes *txs;
    size_t count, cap;
    struct repo_proof proof;
};

struct adopt {
    struct repo_work *work; /* all goes to its arena */
    struct repo_record *record;
    const struct cove_cut *cut;
    struct adopt_stretch *stretches;
    size_t count, cap;
    size_t bytes;
    bool grew;
};

/* --- what stays */

static int stretch_add(struct adopt *a, struct adopt_stretch *s,
                       struct cove_bytes tx)
{
    void *txs = s->txs;
    int err = cove_arena_grow(a->work->arena, &txs, sizeof(*s->txs), s->count,
                              &s->cap);

    if (err == 0) {
        s->txs = txs;
        err = cove_arena_copy(a->work->arena, tx, &s->txs[s->count]);
        s->count++;
    }
    a->bytes += tx.len;
    return err == 0 && a->bytes > ADOPT_MOST
               ? cove_fail(a->work->diag, COVE_EUNSUPPORTED,
                           "more than %zu bytes of the history would stay: it "
                           "is left as it is",
                           ADOPT_MOST)
               : err;
}

static int stretch_end(struct adopt *a, struct adopt_stretch *s,
                       const struct repo_proof *proof)
{
    void *stretches = a->stretches;
    struct cove_hash *path = NULL;
    int err = cove_arena_grow(a->work->arena, &stretches, sizeof(*s), a->count,
                              &a->cap);

    if (err == 0 && proof->whole.path_len > 0) {
        path = cove_arena_array(a->work->arena, proof->whole.path_len,
                                sizeof(*path));
        err = path == NULL ? COVE_ENOMEM : 0;
    }
    if (err == 0) {
        s->proof = *proof;
        if (path != NULL) {
            memcpy(path, proof->whole.path,
                   proof->whole.path_len * sizeof(*path));
            s->proof.whole.path = path;
        }
        a->stretches = stretches;
        a->stretches[a->count++] = *s;
        *s = (struct adopt_stretch){.session = s->session};
    }
    return err;
}

static int adopt_read_row(struct adopt *a, const struct repo_row *row,
                          uint32_t from)
{
    struct adopt_stretch s = {.session = row->num};
    struct repo_cut_walk w;
    struct repo_tx_entry entry;
    struct cove_bytes tx;
    int err;

    if (from >= row->pub.len) {
        return 0;
    }
    err = repo_cut_walk_start(a->work, a->record, row, from, &w);
    while (err == 0) {
        const struct repo_chunk *chunk = &w.walk.chunk;

        err = repo_cut_walk_next(&w, &entry, &tx);
        if (err == 0) {
            err = stretch_add(a, &s, tx);
        }
        if (err == 0 && !chunk->proof.none &&
            w.walk.index - chunk->start >= chunk->count) {
            err = stretch_end(a, &s, &chunk->proof);
        }
    }
    repo_cut_walk_end(&w);
    return err == COVE_ENOTFOUND && s.count > 0 ? COVE_ECORRUPT
           : err == COVE_ENOTFOUND              ? 0
                                                : err;
}

static int adopt_read(struct adopt *a)
{
    int err = 0;

    for (size_t i = 0; i < a->record->row_count && err == 0; i++) {
        const struct repo_row *row = &a->record->rows[i];
        const struct cove_cut_row *cut =
            cove_cut_row_of(a->cut, &row->pub.session);

        err = adopt_read_row(a, row, cut == NULL ? 0 : cut->len);
    }
    return err;
}

/* --- rows */

static int adopt_new_row(struct adopt *a, const struct cove_cut_row *cut,
                         struct repo_row **out)
{
    struct repo_session session = {.session = cut->session,
                                   .device = cut->device};
    struct cove_header owner;
    uint32_t num = 0;
    int err;

    memcpy(session.salt, cut->salt, sizeof(session.salt));
    err = repo_intern_session_find(a->work, &session.session, &num);
    if (err == COVE_ENOTFOUND) {
        err = repo_intern_session_add(a->work, &session, &num);
    }
    if (err == 0) {
        err = repo_record_insert(a->work, a->record, &session, num, out);
    }
    if (err == 0) {
        err = repo_owner(a->work, a->record, &owner);
    }
    if (err == 0) {
        (*out)->pub.role = cove_header_role(&owner, &cut->device);
    }
    return err;
}

/* It has more of the session than is here. */
static int adopt_grow(struct adopt *a, struct repo_row *row,
                      const struct cove_cut_row *cut)
{
    struct repo_work *work = a->work;
    bool own;
    int err = repo_branch_own(work, row, &own);

    a->grew = true;
    row->pub.head = cut->head;
    row->pub.last_hlc = cut->last_hlc;
    if (err == 0 && own) {
        work->counters.own_session = 0; /* it is not this store's to go on */
    } else {
        a->record->others_grew = true;
    }
    if (cut->last_hlc > work->counters.last_hlc) {
        work->counters.last_hlc = cut->last_hlc;
    }
    return err;
}

static int adopt_row(struct adopt *a, const struct cove_cut_row *cut)
{
    struct repo_row *row = repo_record_row(a->record, &cut->session);
    int err = row != NULL ? 0 : adopt_new_row(a, cut, &row);

    if (err == 0 && row->pub.len < cut->len) {
        err = adopt_grow(a, row, cut);
    }
    if (err != 0) {
        return err;
    }
    if (row->pub.folded < cut->len) {
        row->pub.folded = cut->len; /* it is shown: the cut is in time */
    }
    row->pub.base = cut->len;
    row->pub.base_head = cut->head;
    row->base_hlc = cut->last_hlc;
    row->base_epoch = 0;
    return cut->has_epoch
               ? repo_intern_epoch_add(a->work, &cut->epoch, &row->base_epoch)
               : 0;
}

static int adopt_rows(struct adopt *a)
{
    int err = 0;

    for (size_t i = 0; i < a->cut->row_count && err == 0; i++) {
        err = adopt_row(a, &a->cut->rows[i]);
    }
    for (size_t i = 0; i < a->record->row_count; i++) {
        struct repo_row *row = &a->record->rows[i];

        row->inline_chunk = cove_bytes(NULL, 0);
        row->pub.len = row->pub.base;
        row->tail = row->pub.base;
        row->epoch = row->base_epoch;
        row->mark = 0;
    }
    return err;
}

/* --- putting again */

static int adopt_put(struct adopt *a, const struct adopt_stretch *s)
{
    struct repo_row *row = repo_record_row_num(a->record, s->session);
    struct repo_more more = {
        .txs = s->txs, .count = s->count, .kept = &s->proof};
    struct cove_arena scratch;
    struct cove_tx *decoded;
    int err = 0;

    cove_arena_init(&scratch, a->work->repo->opt.alloc);
    decoded = cove_arena_array(&scratch, s->count, sizeof(*decoded));
    if (decoded == NULL) {
        err = COVE_ENOMEM;
    }
    for (size_t i = 0; i < s->count && err == 0; i++) {
        err = cove_tx_decode(s->txs[i], &scratch, &decoded[i], NULL);
    }
    if (err == 0) {
        more.decoded = decoded;
        err = repo_log_put(a->work, a->record, row, &more);
        row->pub.last_hlc = decoded[s->count - 1].hlc;
    }
    cove_arena_clear(&scratch);
    return err;
}

static int adopt_logs(struct adopt *a)
{
    int err = 0;

    for (size_t i = 0; i < a->count && err == 0; i++) {
        err = repo_group_hold(a->work, &a->stretches[i].proof);
    }
    if (err == 0) {
        err = repo_remove_logs(a->work, a->record);
    }
    if (err == 0) {
        err = adopt_rows(a);
    }
    for (size_t i = 0; i < a->count && err == 0; i++) {
        err = adopt_put(a, &a->stretches[i]);
    }
    return err;
}

/* --- what follows */

static int adopt_state(struct adopt *a, struct cove_bytes item)
{
    struct repo_work *work = a->work;
    struct repo_record *record = a->record;
    int err =
        repo_blob_write(work, REPO_CUTS, record->num, item, &record->cut_parts);

    repo_live_drop(work->repo, record->num);
    if (err == 0) {
        err = repo_state_drop(work, record);
    }
    return err != 0 ? err : repo_checkpoint_now(work, record, NULL);
}

int repo_cut_adopt(struct repo_work *work, struct repo_record *record,
                   const struct cove_cut *cut, struct cove_bytes item,
                   bool *grew)
{
    struct adopt a = {.work = work, .record = record, .cut = cut};
    int err = adopt_read(&a);

    if (err == 0) {
        work->repo->open.writes++;
        repo_hot_forget(work->repo);
        err = adopt_logs(&a);
    }
    if (err == 0) {
        err = repo_format_cut(work);
    }
    if (err == 0) {
        err = adopt_state(&a, item);
    }
    if (err == 0 && a.grew) { /* the newest write may have come with it */
        repo_tally_unjudge(record);
        err = repo_cut_tally(work, record);
    }
    *grew = a.grew;
    return err;
}

/* --- from a peer */

struct take {
    struct repo_work work;
    struct repo_record record;
    struct cove_cut cut;
    uint32_t peer;
    struct cove_ingest_result result;
};

static int take_forked(struct repo_work *work)
{
    return cove_fail(work->diag, COVE_EFORK,
                     "a cut of a session that is another one here: ours stays");
}

/* The head at the cut, of a session that goes at least as far here. */
static int take_head(struct take *t, const struct repo_row *row,
                     const struct cove_cut_row *cut)
{
    struct cove_hash head = cove_session_begin(&t->record.id, &row->pub);
    struct repo_cut_walk w;
    struct repo_tx_entry entry;
    struct cove_bytes bytes;
    int err = repo_cut_walk_start(&t->work, &t->record, row, row->pub.base, &w);

    while (err == 0 && w.walk.index < cut->len) {
        err = repo_cut_walk_next(&w, &entry, &bytes);
        if (err == 0) {
            head = cove_chain_next(&head, bytes);
        }
    }
    repo_cut_walk_end(&w);
    if (err == 0 && memcmp(&head, &cut->head, sizeof(head)) != 0) {
        err = take_forked(&t->work);
    }
    return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
}

/* Does it stand for what is here, as far as that goes? */
static int take_fits(struct take *t)
{
    int err = 0;

    for (size_t i = 0; i < t->record.row_count && err == 0; i++) {
        const struct repo_row *row = &t->record.rows[i];
        const struct cove_cut_row *cut =
            cove_cut_row_of(&t->cut, &row->pub.session);

        if (cut != NULL && (row->has_branch || row->tomb)) {
            return take_forked(&t->work);
        }
        if (row->pub.base > (cut == NULL ? 0 : cut->len)) {
            return cove_fail(t->work.diag, COVE_ECUT,
                             "the history here was cut off at another place "
                             "than the peer's: a device that has all of it can "
                             "bring the rest");
        }
        if (cut != NULL && row->pub.len >= cut->len) {
            err = take_head(t, row, cut);
        }
    }
    return err;
}

static int take_document(struct take *t)
{
    struct cove_repo *repo = t->work.repo;
    cove_num num;
    bool moved;
    int err = cove_repo_find(repo, t->work.txn, &t->cut.document, &num);

    if (err == 0) {
        err = repo_record_read(&t->work, num, &t->record);
    }
    if (err == 0 && (t->record.flags & COVE_DOC_LOCAL) && !repo->mending) {
        err = COVE_ENOTFOUND; /* for whoever asks from outside */
    }
    t->result.num = err == 0 ? num : 0;
    if (err == 0 && (t->record.flags & COVE_DOC_REMOVED)) {
        err = repo_gone_refuse(&t->work, &t->record);
    }
    return err != 0 ? err : repo_refresh(&t->work, &t->record, &moved);
}

/* Who signed it, and when; the sessions' own devices need the right to write,
 * or there would be nothing that they came to. */
static int take_rights(struct take *t)
{
    struct cove_header owner;
    int err = repo_owner(&t->work, &t->record, &owner);

    if (err == COVE_ENOTFOUND || (t->record.flags & COVE_DOC_OWNER_MISSING)) {
        return cove_fail(t->work.diag, COVE_EGAP,
                         "the owner of the document is not here yet");
    }
    if (err != 0) {
        return err;
    }
    if (cove_header_role(&owner, &t->cut.device) < COVE_ROLE_ADMIN) {
        return cove_fail(t->work.diag, COVE_EDENIED,
                         "a cut that no admin of the owner has signed");
    }
    for (size_t i = 0; i < t->cut.row_count; i++) {
        if (cove_header_role(&owner, &t->cut.rows[i].device) <
            COVE_ROLE_WRITER) {
            return cove_fail(t->work.diag, COVE_EFORMAT,
                             "a cut with a session whose device may not write");
        }
    }
    return repo_in_time(t->work.repo, cove_cut_until(&t->cut))
               ? 0
               : cove_fail(t->work.diag, COVE_ECLOCK,
                           "a cut of what is ahead of this clock");
}

/* Has it more of a session? And does it end where ours ends, but with another
 * head? Then the peer has nothing else that would show it. */
static int take_due(struct take *t, bool *due)
{
    *due = false;
    for (size_t i = 0; i < t->cut.row_count; i++) {
        const struct cove_cut_row *cut = &t->cut.rows[i];
        const struct repo_row *row = repo_record_row(&t->record, &cut->session);

        *due = *due || row == NULL || row->pub.len < cut->len;
        if (row != NULL && row->pub.len == cut->len &&
            memcmp(&row->pub.head, &cut->head, sizeof(cut->head)) != 0) {
            return take_forked(&t->work);
        }
    }
    return 0;
}

/* The record as it will be, as far as its sessions go: its state is read by
 * them. */
static int take_check(struct take *t)
{
    struct repo_record record = t->record;
    int err = 0;

    record.row_cap = 0; /* the rows are the other one's */
    if (record.row_count > 0) {
        record.rows = cove_arena_array(t->work.arena, record.row_count,
                                       sizeof(*record.rows));
        if (record.rows == NULL) {
            return COVE_ENOMEM;
        }
        memcpy(record.rows, t->record.rows,
               record.row_count * sizeof(*record.rows));
        record.row_cap = record.row_count;
    }
    for (size_t i = 0; i < t->cut.row_count && err == 0; i++) {
        struct repo_session session = {.session = t->cut.rows[i].session,
                                       .device = t->cut.rows[i].device};
        struct repo_row *row;

        if (repo_record_row(&record, &session.session) == NULL) {
            err = repo_record_insert(&t->work, &record, &session, 0, &row);
        }
    }
    return err != 0 ? err : repo_cut_check(&t->work, &record, &t->cut);
}

static int take_keep(struct take *t, struct cove_bytes in)
{
    const struct cove_cut_row *first = &t->cut.rows[0];
    struct repo_row *row;
    bool grew;
    int err = repo_cut_adopt(&t->work, &t->record, &t->cut, in, &grew);

    if (err != 0) {
        return err;
    }
    row = repo_record_row(&t->record, &first->session);
    t->result.added = grew;
    err = repo_change_note(&t->work, &t->record, t->peer, row->num,
                           row->pub.base, false);
    if (err == 0) {
        err = repo_record_write(&t->work, &t->record);
    }
    return err != 0 ? err : repo_work_end(&t->work);
}

static int take_cut(struct take *t, struct cove_bytes in)
{
    bool due = false;
    int err = cove_cut_decode(in, t->work.arena, &t->cut, t->work.diag);

    if (err == 0) {
        err = take_document(t);
    }
    if (err == 0) {
        err = take_rights(t);
    }
    if (err == 0) {
        err = take_due(t, &due);
    }
    if (err != 0 || !due) {
        return err;
    }
    err = repo_cut_type(&t->work, &t->record);
    if (err == 0) {
        err = take_check(t);
    }
    if (err == 0) {
        err = take_fits(t);
    }
    return err != 0 ? err : take_keep(t, in);
}

int cove_repo_cut_take(struct cove_repo *repo, struct cove_store_txn *txn,
                       struct cove_bytes in, uint32_t peer,
                       struct cove_ingest_result *out, struct cove_diag *diag)
{
    struct take t = {.peer = peer};
    int err = repo_work_write(&t.work, repo, txn, diag);

    if (err == 0) {
        err = take_cut(&t, in);
    }
    if (err == 0) {
        *out = t.result;
    }
    return err;
}
