/* repo_gone.c: see repo_gone.h.
 *
 * A tombstone is obeyed where its author may write in the document's owner: as
 * soon as it comes, or when the owner does. Then all rows but its own go, with
 * their logs, the checkpoint and the entries of indexes; the number, the header
 * and one tombstone stay, so that nothing can mean another document, and
 * whoever comes late is told.
 */
#include "crdt/repo_gone.h"

#include "crdt/repo_internal.h"
#include "crdt/repo_upkeep.h"

static const char LATE[] = "late/";
#define LATE_NAME (sizeof(LATE) - 1)
#define LATE_KEY  (LATE_NAME + sizeof(struct cove_id))

/* --- who removed it */

static bool gone_by(const struct repo_row *row)
{
    return row->tomb && row->pub.role >= COVE_ROLE_WRITER &&
           row->pub.folded > 0;
}

/* Groups, accounts and journals bind others, and stay. */
static bool gone_may(const struct repo_record *record)
{
    enum cove_doc_class class = cove_repo_class(&record->header);

    return class == COVE_CLASS_CONTENT || class == COVE_CLASS_REGISTRY;
}

static int gone_order(const struct repo_row *a, const struct repo_row *b)
{
    if (a->pub.last_hlc != b->pub.last_hlc) {
        return a->pub.last_hlc < b->pub.last_hlc ? -1 : 1;
    }
    return memcmp(&a->pub.session, &b->pub.session, sizeof(a->pub.session));
}

/* The first of its tombstones that count, or NULL. */
static struct repo_row *gone_row(const struct repo_record *record)
{
    struct repo_row *found = NULL;

    for (size_t i = 0; i < record->row_count && gone_may(record); i++) {
        struct repo_row *row = &record->rows[i];

        if (gone_by(row) && (found == NULL || gone_order(row, found) < 0)) {
            found = row;
        }
    }
    return found;
}

bool repo_gone_is(const struct repo_record *record)
{
    return (record->flags & COVE_DOC_REMOVED) != 0 || gone_row(record) != NULL;
}

static void gone_tell(const struct repo_row *row, struct cove_gone *out)
{
    out->device = row->pub.device;
    out->session = row->pub.session;
    out->hlc = row->pub.last_hlc;
}

int repo_gone_refuse(const struct repo_work *work,
                     const struct repo_record *record)
{
    const struct repo_row *row = gone_row(record);
    char id[COVE_ID_TEXT_MAX];
    char device[COVE_HEX_LEN(sizeof(struct cove_key))] = "";

    cove_id_text(&record->id, id);
    if (row != NULL) {
        cove_hex(cove_bytes(row->pub.device.b, sizeof(row->pub.device.b)),
                 device);
    }
    return cove_fail(work->diag, COVE_EREMOVED,
                     "%s was removed by the device %.16s…; `cove log` says "
                     "when",
                     id, device);
}

int cove_repo_gone(struct cove_repo *repo, struct cove_store_txn *txn,
                   cove_num num, struct cove_gone *out)
{
    struct repo_record record;
    struct cove_arena arena;
    struct repo_work work;

    cove_arena_init(&arena, repo->opt.alloc);

    int err = repo_work_begin(&work, repo, txn, &arena, NULL);

    if (err == 0) {
        err = repo_record_read(&work, num, &record);
    }
    if (err == 0) {
        const struct repo_row *row = gone_row(&record);

        if (row == NULL) {
            err = COVE_ENOTFOUND;
        } else {
            gone_tell(row, out);
        }
    }
    cove_arena_clear(&arena);
    return err;
}

/* --- what its author had not seen */

static void late_key(const struct cove_id *id, uint8_t out[LATE_KEY])
{
    memcpy(out, LATE, LATE_NAME);
    memcpy(out + LATE_NAME, id->b, sizeof(id->b));
}

static int late_put(struct repo_work *work, const struct repo_record *record,
                    const struct repo_row *by, uint64_t own)
{
    uint8_t key[LATE_KEY];
    struct cove_packer p;
    struct cove_buf buf;
    int err;

    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_raw(&p, by->pub.device.b, sizeof(by->pub.device.b));
    cove_pack_raw(&p, by->pub.session.b, sizeof(by->pub.session.b));
    cove_pack_varint(&p, by->pub.last_hlc);
    cove_pack_varint(&p, own);
    late_key(&record->id, key);
    err = p.err != 0 ? p.err
                     : cove_store_put(work->txn, REPO_RECORDS,
                                      cove_bytes(key, sizeof(key)),
                                      cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
    return err;
}

static int late_take(const struct cove_entry *entry, struct cove_gone_late *out)
{
    struct cove_unpacker u;

    cove_unpacker_init(&u, entry->value);
    memcpy(out->id.b, entry->key.at + LATE_NAME, sizeof(out->id.b));
    cove_unpack_raw(&u, out->by.device.b, sizeof(out->by.device.b));
    cove_unpack_raw(&u, out->by.session.b, sizeof(out->by.session.b));
    out->by.hlc = cove_unpack_varint(&u);
    out->own = cove_unpack_varint(&u);
    return cove_unpacker_done(&u);
}

int cove_repo_gone_late(struct cove_repo *repo, struct cove_store_txn *txn,
                        const struct cove_id *after, struct cove_gone_late *out)
{
    struct cove_entry entry;
    uint8_t key[LATE_KEY];
    size_t len = LATE_NAME;
    int err;

    memcpy(key, LATE, LATE_NAME);
    if (after != NULL) {
        late_key(after, key);
        len = LATE_KEY;
    }
    err = cove_repo_record_next(repo, txn, COVE_RECORDS_META,
                                cove_bytes(key, len), &entry);
    if (err == 0 && (entry.key.len != LATE_KEY ||
                     memcmp(entry.key.at, LATE, LATE_NAME) != 0)) {
        err = COVE_ENOTFOUND;
    }
    return err != 0 ? err : late_take(&entry, out);
}

/* The digest of all but the tombstone: what there was to be seen. */
static int gone_unseen(struct repo_work *work, const struct repo_record *record,
                       const struct repo_row *by, const struct cove_tx *tx,
                       bool *out)
{
    struct cove_digest_row *rows =
        cove_arena_array(work->arena, record->row_count + 1, sizeof(*rows));
    size_t count = 0;

    if (rows == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < record->row_count; i++) {
        const struct repo_row *row = &record->rows[i];

        if (row != by) {
            rows[count].session = row->pub.session;
            rows[count].len = row->pub.len;
            rows[count++].head = row->pub.head;
        }
    }

    struct cove_hash digest = cove_state_digest(&record->id, rows, count);

    *out = !tx->has_seen || memcmp(&digest, &tx->seen, sizeof(digest)) != 0;
    return 0;
}

/* Transactions of this device, where the one who removed them may not have seen
 * them all. */
static int gone_note_late(struct repo_work *work,
                          const struct repo_record *record,
                          const struct repo_row *by, const struct cove_tx *tx)
{
    const struct cove_key *device = &work->repo->opt.device;
    uint64_t own = 0;
    bool unseen = false;
    int err;

    if (memcmp(&by->pub.device, device, sizeof(*device)) == 0) {
        return 0;
    }
    for (size_t i = 0; i < record->row_count; i++) {
        const struct repo_row *row = &record->rows[i];

        if (memcmp(&row->pub.device, device, sizeof(*device)) == 0) {
            own += row->pub.len;
        }
    }
    err = own > 0 ? gone_unseen(work, record, by, tx, &unseen) : 0;
    return err != 0 || !unseen ? err : late_put(work, record, by, own);
}

/* --- obeying */

/* The tombstone's chunk, to lie in the record; what names its group stays. */
static int gone_keep(struct repo_work *work, const struct repo_record *record,
                     const struct repo_row *row, struct cove_tx *tx,
                     struct cove_bytes *chunk)
{
    struct repo_tx_entry entry;
    struct repo_walk walk;
    struct cove_bytes bytes;
    struct cove_buf buf;
    int err = repo_walk_start(work, record, row, 0, &walk);

    if (err == 0) {
        err = repo_walk_next(work, &walk, &entry);
    }
    if (err == 0) {
        err = repo_tx_bytes(work, &entry, &bytes);
    }
    if (err == 0) {
        err = cove_arena_copy(work->arena, bytes, &bytes);
    }
    if (err == 0) {
        err = cove_tx_decode(bytes, work->arena, tx, NULL);
    }
    if (err == 0 && !tx->has_remove) { /* nothing goes by a damaged row */
        err = COVE_ECORRUPT;
    }
    cove_buf_init(&buf, work->repo->opt.alloc);
    if (err == 0) {
        err = repo_chunk_encode(&walk.chunk, &buf);
    }
    if (err == 0) {
        err = cove_arena_copy(work->arena, cove_buf_bytes(&buf), chunk);
    }
    if (err == 0) {
        err = repo_group_hold(work, &walk.chunk.proof);
    }
    cove_buf_clear(&buf);
    return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
}

static void gone_strip(struct repo_record *record, const struct repo_row *row,
                       struct cove_bytes chunk)
{
    struct repo_row kept = *row;

    kept.inline_chunk = chunk;
    kept.tail = 0;
    kept.mark = 0;
    record->rows[0] = kept;
    record->row_count = 1;
    record->flags = COVE_DOC_REMOVED;
    record->others_grew = false;
    record->pending = 0;
    record->state_bytes = 0;
    record->state_parts = 0;
    record->cut_parts = 0;
    record->next_held = 0;
    record->newest = 0;
    memset(&record->clean, 0, sizeof(record->clean));
    memset(&record->count, 0, sizeof(record->count));
    record->is_counted = false;
}

int repo_gone_obey(struct repo_work *work, struct repo_record *record)
{
    const struct repo_row *row = gone_row(record);
    struct cove_bytes chunk;
    struct cove_tx tx;
    int err = gone_keep(work, record, row, &tx, &chunk);

    if (err == 0) {
        err = gone_note_late(work, record, row, &tx);
    }
    if (err == 0) {
        err = repo_remove_content(work, record);
    }
    if (err != 0) {
        return err;
    }
    gone_strip(record, row, chunk);
    err = repo_record_write(work, record);
    return err != 0 ? err : repo_removal_note(work, record);
}

/* --- what comes later */

/* It may be the one that is held, again. */
int repo_gone_ingest(struct repo_work *work, struct repo_record *record,
                     const struct cove_batch *batch, uint32_t *have)
{
    const struct repo_row *row = repo_record_row(record, &batch->session);
    struct cove_bytes held;
    struct repo_walk walk;
    int err = COVE_ENOTFOUND;

    if (row != NULL && batch->start == 0 && batch->tx_count == 1) {
        err = repo_walk_start(work, record, row, 0, &walk);
        if (err == 0) {
            err = repo_walk_bytes(work, &walk, &held);
        }
        if (err == 0 && cove_bytes_equal(held, batch->txs[0])) {
            *have = 1;
            return 0;
        }
    }
    return err == 0 || err == COVE_ENOTFOUND ? repo_gone_refuse(work, record)
                                             : err;
}

int repo_gone_check(const struct repo_work *work,
                    const struct cove_batch *batch, const struct cove_tx *txs,
                    size_t count, const struct repo_row *row)
{
    bool first = batch->start == 0 && count == batch->tx_count;

    if (row != NULL && row->tomb) {
        return cove_fail(work->diag, COVE_EDENIED,
                         "a session that removes a document has one "
                         "transaction");
    }
    if (!first || count == 0 || !txs[0].has_remove) {
        return 0;
    }
    if (count > 1) {
        return cove_fail(work->diag, COVE_EDENIED,
                         "a session that removes a document has one "
                         "transaction, not %zu",
                         count);
    }
    /* It cannot be held like others: what it removes would come and go. */
    return repo_in_time(work->repo, txs[0].hlc)
               ? 0
               : cove_fail(work->diag, COVE_ECLOCK,
                           "a removal that is ahead of this clock: it is taken "
                           "when its time has come");
}

/* --- removing */

static int tombstone_may(struct repo_work *work,
                         const struct repo_record *record)
{
    char id[COVE_ID_TEXT_MAX];

    cove_id_text(&record->id, id);
    if (repo_gone_is(record)) {
        return repo_gone_refuse(work, record);
    }
    if (!gone_may(record)) {
        return cove_fail(work->diag, COVE_EIMMUTABLE,
                         "%s is a %s: what others may do and see hangs on it, "
                         "and it stays",
                         id, cove_doc_type_name(record->header.type));
    }
    if (record->header.type == COVE_DOC_UNKNOWN) {
        return cove_fail(work->diag, COVE_ENEWER,
                         "%s was made by a newer version of Cove; remove it "
                         "with that",
                         id);
    }
    if ((record->flags & COVE_DOC_OWNER_MISSING) ||
        record->my_role < COVE_ROLE_WRITER) {
        return cove_fail(work->diag, COVE_EDENIED,
                         "this device has the role \"%s\" in the owner of %s: "
                         "to remove it, it must be writer there",
                         cove_role_name(record->my_role), id);
    }
    return cove_hlc_ahead(work->counters.own_hlc, repo_now(work->repo)) >
                   COVE_MAX_AHEAD_MS
               ? cove_fail(work->diag, COVE_ECLOCK,
                           "the clock stands before this device's last write: "
                           "set it right first")
               : 0;
}

static int tombstone_row(struct repo_work *work, struct repo_record *record,
                         struct repo_row **out)
{
    const struct cove_env *env = work->repo->opt.env;
    struct repo_session session = {.device = work->repo->opt.device};
    uint32_t num = 0;
    int err;

    env->random(env->ctx, session.salt, sizeof(session.salt));
    session.session = cove_session_id_of(&session.device, session.salt);
    err = repo_intern_session_add(work, &session, &num);
    if (err == 0) {
        err = repo_record_insert(work, record, &session, num, out);
    }
    if (err == 0) {
        (*out)->pub.role = record->my_role;
        (*out)->tomb = true;
    }
    return err;
}

static int tombstone_write(struct repo_work *work, struct repo_record *record)
{
    struct cove_tx tx = {.has_remove = true, .has_seen = true};
    struct cove_bytes bytes;
    struct repo_row *row;
    struct cove_buf buf;
    int err = repo_record_digest(record, work->arena, &tx.seen);

    tx.hlc = cove_hlc_next(work->counters.last_hlc, repo_now(work->repo));
    cove_buf_init(&buf, work->repo->opt.alloc);
    if (err == 0) {
        err = cove_tx_encode(&tx, &buf, work->diag);
    }
    if (err == 0) {
        err = tombstone_row(work, record, &row);
    }
    if (err == 0) {
        struct repo_more more = {.txs = &bytes, .decoded = &tx, .count = 1};

        bytes = cove_buf_bytes(&buf);
        row->pub.head = cove_chain_next(&row->pub.head, bytes);
        err = repo_log_put(work, record, row, &more);
    }
    cove_buf_clear(&buf);
    if (err != 0) {
        return err;
    }
    row->pub.last_hlc = tx.hlc;
    row->pub.folded = 1;
    work->counters.last_hlc = tx.hlc;
    work->counters.own_hlc = tx.hlc;
    return repo_change_note(work, record, 0, row->num, 0, false);
}

int cove_repo_tombstone(struct cove_repo *repo, struct cove_store_txn *txn,
                        cove_num num, struct cove_diag *diag)
{
    struct repo_record record;
    struct repo_work work;
    int err = repo_work_write(&work, repo, txn, diag);

    if (err == 0) {
        err = repo_record_read(&work, num, &record);
    }
    if (err == 0 && (record.flags & COVE_DOC_LOCAL)) {
        return cove_repo_remove(repo, txn, num, diag);
    }
    if (err == 0) {
        err = tombstone_may(&work, &record);
    }
    if (err == 0) {
        err = tombstone_write(&work, &record);
    }
    if (err == 0) {
        err = repo_gone_obey(&work, &record);
    }
    return err != 0 ? err : repo_work_end(&work);
}
