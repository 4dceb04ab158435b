/* repo_doc.c: a document as the layers above see it. */
#include "crdt/repo_internal.h"

struct cove_hash cove_session_begin(const struct cove_id *document,
                                    const struct cove_doc_session *session)
{
    return session->base > 0 ? session->base_head
                             : cove_chain_start(document, &session->session,
                                                &session->device);
}

static int doc_sessions(const struct repo_record *record,
                        struct cove_arena *arena, struct cove_doc *doc)
{
    struct cove_doc_session *sessions = doc->sessions;

    if (sessions == NULL || doc->session_count != record->row_count) {
        sessions =
            cove_arena_array(arena, record->row_count + 1, sizeof(*sessions));
    }
    if (sessions == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < record->row_count; i++) {
        sessions[i] = record->rows[i].pub;
    }
    doc->sessions = sessions;
    doc->session_count = record->row_count;
    return 0;
}

int repo_doc_update(const struct repo_record *record, struct cove_doc *doc)
{
    int err = doc_sessions(record, doc->arena, doc);

    if (err != 0) {
        return err;
    }
    doc->schema_num = record->schema;
    doc->flags = record->flags;
    doc->changed = record->changed;
    doc->next_held_hlc = record->next_held;
    doc->clean = record->clean;
    memcpy(doc->judged_plan, record->count.plan, sizeof(doc->judged_plan));
    doc->judged_state = record->count.state;
    doc->my_role = record->my_role;
    return 0;
}

const struct cove_state *repo_doc_own(const struct cove_doc *doc)
{
    return repo_branch_is_none(&doc->branch) ? &doc->state : NULL;
}

bool repo_doc_is_current(const struct repo_record *record,
                         const struct cove_doc *doc)
{
    if (doc->changed != record->changed ||
        doc->session_count != record->row_count) {
        return false;
    }
    for (size_t i = 0; i < record->row_count; i++) {
        const struct cove_doc_session *held = &record->rows[i].pub;
        const struct cove_doc_session *seen = &doc->sessions[i];

        if (seen->len != held->len || seen->folded != held->folded ||
            memcmp(&seen->head, &held->head, sizeof(held->head)) != 0) {
            return false;
        }
    }
    return true;
}

/* Who may write keeps the record with the document: while no record is written
 * it need not be read again. One that is not in the store is nowhere else. */
static int doc_hold(const struct repo_work *work,
                    const struct repo_record *record, struct cove_doc *doc)
{
    const struct repo_open *open = repo_open_of(work->repo, work->txn);

    if (open == NULL) {
        return 0;
    }
    doc->record = cove_arena_new(doc->arena, sizeof(*doc->record));
    if (doc->record == NULL) {
        return COVE_ENOMEM;
    }
    *doc->record = *record;
    doc->as_of = open->writes;
    return 0;
}

int repo_doc_record(struct repo_work *work, const struct cove_doc *doc,
                    struct repo_record *out)
{
    const struct repo_open *open = repo_open_of(work->repo, work->txn);

    const struct repo_record *held = open != NULL ? doc->record : NULL;

    if (held == NULL || (doc->as_of != open->writes && held->parts > 0)) {
        return repo_record_read(work, doc->num, out);
    }
    *out = *held;
    return 0;
}

/* What a load found out is kept where the transaction can write. */
static int doc_keep(struct repo_work *work, struct repo_record *record,
                    const struct cove_state *state)
{
    int err = repo_checkpoint(work, record, state);

    if (err == 0) {
        err = repo_change_note(work, record, REPO_PEER_OPEN, 0, 0, false);
    }
    if (err == 0) {
        err = repo_record_write(work, record);
    }
    return err != 0 ? err : repo_work_end(work);
}

/* Its owner has come, and so it is known that it was removed. */
static int doc_gone(struct repo_work *work, struct repo_record *record)
{
    int err;

    if ((record->flags & COVE_DOC_REMOVED) || !cove_store_writes(work->txn)) {
        return 0;
    }
    err = repo_change_note(work, record, REPO_PEER_OPEN, 0, 0, false);
    if (err == 0) {
        err = repo_gone_obey(work, record);
    }
    return err != 0 ? err : repo_work_end(work);
}

/* moved: there is more to show than the store says. */
static int doc_show(struct repo_work *work, struct repo_record *record,
                    const struct repo_view *view, bool moved,
                    struct cove_doc *out)
{
    struct cove_doc doc = {.repo = work->repo,
                           .num = record->num,
                           .branch = view->branch,
                           .arena = work->arena};
    int err = repo_fold_view(work, record, view, &doc.state);

    if (err == 0 && moved) {
        repo_tally_unjudge(record);
        if (cove_store_writes(work->txn)) {
            err = doc_keep(work, record, repo_doc_own(&doc));
        }
    }
    if (err == 0) {
        err = repo_doc_update(record, &doc);
    }
    if (err == 0) {
        err = doc_hold(work, record, &doc);
    }
    if (err != 0) {
        return err;
    }
    repo_history_detach(&doc.state);
    if (doc.state.live != NULL) {
        doc.state.live->loaded = true;
    }
    doc.id = record->id;
    doc.header = record->header;
    doc.header_bytes = record->header_bytes;
    *out = doc;
    return 0;
}

int repo_doc_make(struct repo_work *work, struct repo_record *record,
                  struct cove_doc *doc)
{
    return doc_show(work, record, &repo_view_main, false, doc);
}

int cove_repo_load(struct cove_repo *repo, struct cove_store_txn *txn,
                   cove_num num, struct cove_arena *arena, struct cove_doc *out,
                   struct cove_diag *diag)
{
    return cove_repo_load_branch(repo, txn, num, &repo_view_main.branch, arena,
                                 out, diag);
}

int cove_repo_load_branch(struct cove_repo *repo, struct cove_store_txn *txn,
                          cove_num num, const struct cove_session_id *branch,
                          struct cove_arena *arena, struct cove_doc *out,
                          struct cove_diag *diag)
{
    struct repo_record record;
    struct repo_work work;
    struct repo_view view = {.branch = *branch, .until = UINT64_MAX};
    bool moved = false;
    int err = repo_work_begin(&work, repo, txn, arena, diag);

    if (err == 0) {
        err = repo_record_read(&work, num, &record);
    }
    if (err == 0) {
        err = repo_refresh(&work, &record, &moved);
    }
    if (err == 0 && repo_gone_is(&record)) {
        err = doc_gone(&work, &record);
        return err != 0 ? err : repo_gone_refuse(&work, &record);
    }
    return err != 0 ? err : doc_show(&work, &record, &view, moved, out);
}

struct cove_hash cove_doc_digest(const struct cove_doc *doc,
                                 struct cove_arena *arena)
{
    static const struct cove_hash none;
    struct cove_digest_row *rows =
        cove_arena_array(arena, doc->session_count + 1, sizeof(*rows));

    if (rows == NULL) {
        return none;
    }
    for (size_t i = 0; i < doc->session_count; i++) {
        rows[i].session = doc->sessions[i].session;
        rows[i].len = doc->sessions[i].len;
        rows[i].head = doc->sessions[i].head;
    }
    return cove_state_digest(&doc->id, rows, doc->session_count);
}

int cove_repo_brief(struct cove_repo *repo, struct cove_store_txn *txn,
                    cove_num num, struct cove_doc_brief *out)
{
    struct repo_record record;
    struct cove_arena arena;
    struct repo_work work;
    struct cove_hash digest;

    cove_arena_init(&arena, repo->opt.alloc);

    int err = repo_work_begin(&work, repo, txn, &arena, NULL);

    if (err == 0) {
        err = repo_record_read(&work, num, &record);
    }
    if (err == 0) {
        err = repo_record_digest(&record, &arena, &digest);
    }
    if (err == 0) {
        memcpy(out->header_room, record.header_bytes.at,
               record.header_bytes.len);
        out->header_bytes =
            cove_bytes(out->header_room, record.header_bytes.len);
        out->id = record.id;
        out->digest = digest;
        out->local = (record.flags & COVE_DOC_LOCAL) != 0;
        out->removed = repo_gone_is(&record);
        out->next_held = record.next_held;
    }
    cove_arena_clear(&arena);
    return err;
}

int cove_repo_set_clean(struct cove_repo *repo, struct cove_store_txn *txn,
                        struct cove_doc *doc, const struct cove_hash *key)
{
    struct repo_record record;
    struct repo_work work;

    if (memcmp(&doc->clean, key, sizeof(*key)) == 0) {
        return 0;
    }

    int err = repo_work_write(&work, repo, txn, NULL);

    if (err == 0) {
        err = repo_record_read(&work, doc->num, &record);
    }
    if (err != 0) {
        return err;
    }
    if (!repo_doc_is_current(&record, doc)) {
        return 0; /* something came meanwhile: not clean for all we know */
    }
    record.clean = *key;
    err = repo_record_write(&work, &record);
    if (err == 0) {
        doc->clean = *key;
    }
    return err;
}
