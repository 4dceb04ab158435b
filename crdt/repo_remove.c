/* repo_remove.c: taking a document out of this store.
 *
 * All that is kept under its number goes, its change and its count too, and
 * last its id. The number is never given again, so that nothing that remembers
 * it can mean another document. What is interned stays: other documents use it.
 *
 * This device may have signed transactions in the document. Should it be made
 * again, by its derivable header or from a peer that has a part of it, to go on
 * in the same session would be to sign a second log for one place: the session
 * ends. A local document was never anywhere else, and its header is random.
 */
#include "core/planted.h"
#include "crdt/repo_upkeep.h"

#include "crdt/repo_internal.h"
#include "crdt/repo_sums.h"

/* --- what names it */

static int remove_refuse(struct repo_work *work,
                         const struct repo_record *record, const char *as)
{
    char id[COVE_ID_TEXT_MAX];

    cove_id_text(&record->id, id);
    return cove_fail(work->diag, COVE_EIMMUTABLE,
                     "%s is the %s of documents here; remove them first", id,
                     as);
}

/* Is it the owner of a document? There is no index for a question that is
 * asked this rarely: each record is read. */
static int remove_check_owner(struct repo_work *work,
                              const struct repo_record *record)
{
    struct repo_work each = *work;
    struct cove_arena arena;
    cove_num num = 0;
    int err;

    cove_arena_init(&arena, work->repo->opt.alloc);
    each.arena = &arena;
    while ((err = cove_repo_next(work->repo, work->txn, 0, num, &num)) == 0) {
        struct repo_record other;

        cove_arena_reset(&arena);
        err = repo_record_read(&each, num, &other);
        if (err == 0 && other.owner == record->num) {
            err = remove_refuse(work, record, "owner");
        }
        if (err != 0) {
            break;
        }
    }
    cove_arena_clear(&arena);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int remove_check_schema(struct repo_work *work,
                               const struct repo_record *record)
{
    struct repo_record local;
    cove_num num = 0;
    int err = cove_repo_next(work->repo, work->txn, record->num, 0, &num);

    if (err != COVE_ENOTFOUND) {
        return err != 0 ? err : remove_refuse(work, record, "schema");
    }
    num = 0;
    while ((err = cove_repo_next(work->repo, work->txn, COVE_NUM_LOCALS, num,
                                 &num)) == 0) {
        err = repo_record_read(work, num, &local);
        if (err == 0 && local.schema == record->num) {
            err = remove_refuse(work, record, "schema");
        }
        if (err != 0) {
            return err;
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int remove_check(struct repo_work *work,
                        const struct repo_record *record)
{
    switch (cove_repo_class(&record->header)) {
    case COVE_CLASS_RIGHTS:
        return remove_check_owner(work, record);
    case COVE_CLASS_JOURNAL:
        return remove_check_schema(work, record);
    case COVE_CLASS_REGISTRY:
    case COVE_CLASS_CONTENT:
        break;
    }
    return 0;
}

/* --- what is kept of it */

static int remove_inline(struct repo_work *work,
                         const struct repo_record *record)
{
    int err = 0;

    for (size_t i = 0; i < record->row_count && err == 0; i++) {
        if (record->rows[i].inline_chunk.len > 0) {
            err = repo_log_release(work, record->rows[i].num,
                                   record->rows[i].inline_chunk);
        }
    }
    return err;
}

int repo_first_under(struct cove_store_txn *txn, unsigned tree,
                     struct cove_bytes prefix, struct repo_first *out)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    int err = cove_store_cursor_open(txn, tree, &cursor);

    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, prefix, &entry);
    if (err == 0 && (entry.key.len < prefix.len ||
                     (prefix.len > 0 &&
                      memcmp(entry.key.at, prefix.at, prefix.len) != 0))) {
        err = COVE_ENOTFOUND;
    }
    if (err == 0) {
        out->len = entry.key.len;
        memcpy(out->key, entry.key.at, out->len);
        out->value = entry.value;
    }
    cove_store_cursor_close(cursor);
    return err;
}

/* Nothing of a log names its group any more. */
static int remove_chunk(struct repo_work *work, const struct repo_first *first,
                        size_t prefix)
{
    struct cove_bytes rest =
        cove_bytes(first->key + prefix, first->len - prefix);
    uint64_t session;
    int err = cove_place_take(&rest, &session);

    return err != 0 ? err
                    : repo_log_release(work, (uint32_t)session, first->value);
}

/* All entries whose keys begin with the number. */
static int remove_under(struct repo_work *work, unsigned tree, uint64_t num)
{
    struct repo_first first;
    struct cove_place place;
    int err = 0;

    cove_place_start(&place);
    cove_place_number(&place, num);
    while (err == 0) {
        err =
            repo_first_under(work->txn, tree, cove_place_bytes(&place), &first);
        if (err == COVE_ENOTFOUND) {
            return 0;
        }
        if (err == 0 && tree == REPO_LOG) {
            err = remove_chunk(work, &first, place.len);
        }
        if (err == 0) {
            err = cove_store_del(work->txn, tree,
                                 cove_bytes(first.key, first.len));
        }
    }
    return err;
}

static int remove_index(struct repo_work *work,
                        const struct repo_record *record)
{
    struct cove_place place;

    return repo_index_place(record, &place) != 0
               ? 0
               : cove_store_del(work->txn, REPO_SCHEMAS,
                                cove_place_bytes(&place));
}

static int remove_end_session(struct repo_work *work,
                              const struct repo_record *record)
{
    bool own = false;
    int err = 0;

    if (record->flags & COVE_DOC_LOCAL) {
        return 0;
    }
    for (size_t i = 0; i < record->row_count && err == 0 && !own; i++) {
        err = repo_branch_own(work, &record->rows[i], &own);
    }
    if (err == 0 && own) {
        work->counters.own_session = 0;
    }
    return err;
}

/* What was made of a journal's or a group's words no longer holds. */
static void remove_tell_rules(struct repo_work *work,
                              const struct repo_record *record)
{
    enum cove_doc_class class = cove_repo_class(&record->header);

    if (class == COVE_CLASS_RIGHTS || class == COVE_CLASS_JOURNAL) {
        work->counters.rules = work->counters.sequence;
    }
}

int repo_remove_logs(struct repo_work *work, const struct repo_record *record)
{
    int err = remove_inline(work, record);

    return err != 0 ? err : remove_under(work, REPO_LOG, record->num);
}

int repo_remove_content(struct repo_work *work, struct repo_record *record)
{
    static const unsigned trees[] = {REPO_STATES, REPO_FORK_PROOFS, REPO_CUTS};
    int err = repo_tally_leave(work, record);

    work->repo->open.writes++;
    repo_live_drop(work->repo, record->num);
    if (err == 0) {
        err = remove_index(work, record);
    }
    if (err == 0) {
        err = repo_index_remove(work, record->num);
    }
    if (err == 0) {
        err = repo_remove_logs(work, record);
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(trees) && err == 0; i++) {
        err = remove_under(work, trees[i], record->num);
    }
    return err;
}

static int remove_all(struct repo_work *work, struct repo_record *record)
{
    int err = repo_remove_content(work, record);

    work->repo->open.owner.num = 0;
    if (err == 0) {
        err = repo_change_drop(work, record);
    }
    if (err == 0 && !(record->flags & COVE_DOC_LOCAL)) {
        err = COVE_PLANTED("sum-keeps-the-gone")
                  ? 0
                  : cove_repo_sums_drop(work->repo, work->txn);
    }
    if (err == 0) {
        err = remove_under(work, REPO_DOCS, record->num);
    }
    if (err == 0 && record->header.type == COVE_DOC_JOURNAL) {
        work->repo->open.spoken.schema = 0;
        err = remove_under(work, REPO_SPOKEN, record->num);
    }
    if (err == 0) {
        err = cove_store_del(work->txn, REPO_IDS,
                             cove_bytes(record->id.b, sizeof(record->id.b)));
    }
    return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
}

int cove_repo_remove(struct cove_repo *repo, struct cove_store_txn *txn,
                     cove_num num, struct cove_diag *diag)
{
    struct repo_record record;
    struct repo_work work;
    int err = repo_work_write(&work, repo, txn, diag);

    if (err == 0) {
        err = repo_record_read(&work, num, &record);
    }
    if (err == 0) {
        err = remove_check(&work, &record);
    }
    if (err == 0) {
        err = remove_all(&work, &record);
    }
    if (err == 0) {
        err = remove_end_session(&work, &record);
    }
    if (err == 0) {
        work.counters.sequence++; /* whoever keeps what it read looks anew */
        remove_tell_rules(&work, &record);
        err = repo_removal_note(&work, &record);
    }
    if (err == 0) {
        err = repo_work_end(&work);
    }
    return err;
}
