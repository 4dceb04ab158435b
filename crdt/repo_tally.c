/* repo_tally.c: counts that are kept, not scanned. docs/FORMAT.md "Tallies".
 *
 * Each record of a document remembers what the document is counted as: the
 * epoch of its newest native op, and how it was last judged. Writing a record
 * compares that with what it was counted as when it was read; where the two
 * differ, one count goes down and one goes up, in the same transaction. So
 * whatever changes a document keeps the counts, and none can be forgotten.
 *
 * A document that stays on this device (COVE_DOC_LOCAL) is not counted.
 */
#include "crdt/repo_upkeep.h"

#include "crdt/repo_internal.h"

/* An hour in an hlc: a device that writes all day is noted 24 times. */
#define SPOKEN_STEP ((uint64_t)3600000 << 16)

/* --- keys: a number, then raw bytes */

static void key_start(struct repo_tally_key *key, cove_num schema)
{
    struct cove_place place;

    cove_place_start(&place);
    cove_place_number(&place, schema);
    memcpy(key->b, place.b, place.len);
    key->len = place.len;
}

static void key_add(struct repo_tally_key *key, const void *at, size_t len)
{
    memcpy(key->b + key->len, at, len);
    key->len += len;
}

static struct cove_bytes key_bytes(const struct repo_tally_key *key)
{
    return cove_bytes(key->b, key->len);
}

void repo_tally_key(struct repo_tally_key *key, const struct cove_tally *tally)
{
    key_start(key, tally->schema);
    key_add(key, tally->epoch.b, sizeof(tally->epoch.b));
    key_add(key, tally->plan, sizeof(tally->plan));
    key_add(key, &tally->state, 1);
}

static void key_of_spoken(struct repo_tally_key *key,
                          const struct cove_spoken *spoken)
{
    key_start(key, spoken->schema);
    key_add(key, spoken->device.b, sizeof(spoken->device.b));
}

/* --- moving a document from one count to another */

static int tally_count(struct repo_work *work, const struct repo_tally_key *key,
                       uint64_t *out)
{
    struct cove_bytes value;
    struct cove_unpacker u;
    int err = cove_store_get(work->txn, REPO_TALLIES, key_bytes(key), &value);

    if (err != 0) {
        *out = 0;
        return err == COVE_ENOTFOUND ? 0 : err;
    }
    cove_unpacker_init(&u, value);
    *out = cove_unpack_varint(&u);
    return cove_unpacker_done(&u);
}

int repo_tally_put(struct repo_work *work, const struct repo_tally_shift *shift)
{
    struct repo_tally_key key = {.len = shift->key_len};
    struct cove_packer p;
    struct cove_buf buf;
    uint64_t count;

    memcpy(key.b, shift->key, shift->key_len);

    int err = shift->by == 0 ? 0 : tally_count(work, &key, &count);

    if (err != 0 || shift->by == 0) {
        return err;
    }
    if (shift->by < 0 && count < (uint64_t)-shift->by && work->repo->mending) {
        return 0;
    }
    if (shift->by < 0 && count < (uint64_t)-shift->by) {
        return cove_fail(work->diag, COVE_ECORRUPT,
                         "a document is counted where the count says none is");
    }
    count += (uint64_t)shift->by;
    if (count == 0) {
        return cove_store_del(work->txn, REPO_TALLIES, key_bytes(&key));
    }
    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, count);
    err = p.err != 0 ? p.err
                     : cove_store_put(work->txn, REPO_TALLIES, key_bytes(&key),
                                      cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
    return err;
}

static int tally_change(struct repo_work *work, cove_num schema,
                        const struct repo_count *as, bool up)
{
    struct cove_tally tally = {.schema = schema, .state = as->state};
    struct repo_tally_key key;
    int err = 0;

    memcpy(tally.plan, as->plan, sizeof(tally.plan));
    if (as->epoch != 0) {
        err = repo_intern_epoch_of(work, as->epoch, &tally.epoch);
    }
    repo_tally_key(&key, &tally);
    return err != 0 ? err : repo_open_tally(work, key_bytes(&key), up ? 1 : -1);
}

static bool count_same(const struct repo_count *a, const struct repo_count *b)
{
    return a->epoch == b->epoch && a->state == b->state &&
           memcmp(a->plan, b->plan, sizeof(a->plan)) == 0;
}

int repo_tally_leave(struct repo_work *work, struct repo_record *record)
{
    if (!record->is_counted) {
        return 0;
    }
    record->is_counted = false;
    return tally_change(work, record->schema, &record->counted, false);
}

int repo_tally_move(struct repo_work *work, struct repo_record *record)
{
    int err;

    if ((record->flags & (COVE_DOC_LOCAL | COVE_DOC_REMOVED)) ||
        (record->is_counted && count_same(&record->count, &record->counted))) {
        return 0;
    }
    err = repo_tally_leave(work, record);
    if (err == 0) {
        err = tally_change(work, record->schema, &record->count, true);
    }
    if (err == 0) {
        record->counted = record->count;
        record->is_counted = true;
    }
    return err;
}

void repo_tally_unjudge(struct repo_record *record)
{
    memset(&record->clean, 0, sizeof(record->clean));
    memset(record->count.plan, 0, sizeof(record->count.plan));
    record->count.state = 0;
    record->held = false;
}

/* --- which versions devices speak */

static int spoken_read(struct cove_bytes value, struct cove_spoken *out)
{
    struct cove_unpacker u;

    cove_unpacker_init(&u, value);
    cove_unpack_raw(&u, out->epoch.b, sizeof(out->epoch.b));
    out->hlc = cove_unpack_varint(&u);
    return cove_unpacker_done(&u);
}

/* Is what is held as good as this? */
static bool spoken_holds(const struct cove_spoken *old,
                         const struct cove_spoken *now)
{
    return now->hlc <= old->hlc ||
           (now->hlc - old->hlc <= SPOKEN_STEP &&
            memcmp(&now->epoch, &old->epoch, sizeof(now->epoch)) == 0);
}

static int spoken_note(struct repo_work *work, const struct cove_spoken *now)
{
    struct cove_spoken *known = &work->repo->open.spoken;
    struct cove_spoken old = *now;
    struct cove_packer p;
    struct cove_bytes value;
    struct cove_buf buf;
    struct repo_tally_key key;

    if (known->schema == now->schema &&
        memcmp(&known->device, &now->device, sizeof(now->device)) == 0 &&
        spoken_holds(known, now)) {
        return 0;
    }
    key_of_spoken(&key, now);

    int err = cove_store_get(work->txn, REPO_SPOKEN, key_bytes(&key), &value);

    if (err == 0) {
        err = spoken_read(value, &old);
        if (err != 0) {
            return err;
        }
        *known = old;
        if (spoken_holds(&old, now)) {
            return 0;
        }
    } else if (err != COVE_ENOTFOUND) {
        return err;
    }
    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_raw(&p, now->epoch.b, sizeof(now->epoch.b));
    cove_pack_varint(&p, now->hlc);
    err = p.err != 0 ? p.err
                     : cove_store_put(work->txn, REPO_SPOKEN, key_bytes(&key),
                                      cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
    if (err == 0) {
        *known = *now;
    }
    return err;
}

/* Is the write at (hlc, epoch) newer than the newest known? Two devices may
 * write at one time: the greater epoch then counts, whichever came first. */
static int newest_is(struct repo_work *work, const struct repo_record *record,
                     uint64_t hlc, const struct cove_step_id *epoch, bool *out)
{
    struct cove_step_id other = {{0}};

    *out = hlc > record->newest;
    if (hlc != record->newest) {
        return 0;
    }
    if (record->count.epoch != 0) {
        int err = repo_intern_epoch_of(work, record->count.epoch, &other);

        if (err != 0) {
            return err;
        }
    }
    *out = memcmp(epoch, &other, sizeof(other)) > 0;
    return 0;
}

bool repo_tally_counts(const struct cove_tx *tx)
{
    return tx->kind == COVE_TX_NATIVE && tx->op_count > 0 && !tx->ahead &&
           tx->private_part.len == 0;
}

int repo_tally_native(struct repo_work *work, struct repo_record *record,
                      const struct cove_key *device, uint64_t hlc,
                      uint32_t epoch)
{
    struct cove_spoken spoken = {
        .schema = record->schema, .device = *device, .hlc = hlc};
    bool newer;
    int err = 0;

    if (epoch != 0) {
        err = repo_intern_epoch_of(work, epoch, &spoken.epoch);
    }
    if (err == 0) {
        err = newest_is(work, record, hlc, &spoken.epoch, &newer);
    }
    if (err == 0 && newer) {
        record->newest = hlc;
        record->count.epoch = epoch;
    }
    if (err == 0 && record->schema != 0 && cove_store_writes(work->txn) &&
        (record->flags & COVE_DOC_LOCAL) == 0) {
        err = spoken_note(work, &spoken);
    }
    return err;
}

/* --- reading */

/* The first entry behind `key`, or at it where `at`. The rest of its key. */
static int tally_seek(struct cove_store_txn *txn, unsigned tree,
                      const struct repo_tally_key *key, bool at,
                      struct cove_entry *out)
{
    struct cove_store_cursor *cursor;
    int err = cove_store_cursor_open(txn, tree, &cursor);

    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, key_bytes(key), out);
    if (err == 0 && !at && cove_bytes_equal(out->key, key_bytes(key))) {
        err = cove_store_cursor_next(cursor, out);
    }
    cove_store_cursor_close(cursor);
    return err;
}

/* Take the schema off an entry's key. Errors: COVE_ENOTFOUND where it is
 * another one. */
static int tally_take(struct cove_entry *entry, cove_num schema, size_t rest)
{
    uint64_t under;
    int err = cove_place_take(&entry->key, &under);

    if (err == 0 && under != schema) {
        return COVE_ENOTFOUND;
    }
    return err == 0 && entry->key.len != rest ? COVE_ECORRUPT : err;
}

/* What the transaction itself has shifted counts. */
static int tally_settle(struct cove_repo *repo, struct cove_store_txn *txn)
{
    struct repo_work work;

    if (repo_open_of(repo, txn) == NULL) {
        return 0;
    }

    int err = repo_work_write(&work, repo, txn, NULL);

    return err != 0 ? err : repo_open_settle(&work);
}

int cove_repo_tally_next(struct cove_repo *repo, struct cove_store_txn *txn,
                         const struct cove_tally *after, struct cove_tally *out)
{
    struct cove_tally tally = {.schema = after->schema};
    struct cove_unpacker u;
    struct cove_entry entry;
    struct repo_tally_key key;

    repo_tally_key(&key, after);

    int err = tally_settle(repo, txn);

    if (err != 0) {
        return err;
    }
    /* A tally that was given has a count; one that has none is a beginning. */
    err = tally_seek(txn, REPO_TALLIES, &key, after->count == 0, &entry);

    if (err == 0) {
        err = tally_take(&entry, after->schema, 32 + 8 + 1);
    }
    if (err != 0) {
        return err;
    }
    memcpy(tally.epoch.b, entry.key.at, 32);
    memcpy(tally.plan, entry.key.at + 32, 8);
    tally.state = entry.key.at[40];
    cove_unpacker_init(&u, entry.value);
    tally.count = cove_unpack_varint(&u);
    err = cove_unpacker_done(&u);
    if (err == 0) {
        *out = tally;
    }
    return err;
}

int cove_repo_spoken_next(struct cove_repo *repo, struct cove_store_txn *txn,
                          const struct cove_spoken *after,
                          struct cove_spoken *out)
{
    struct cove_spoken spoken = {.schema = after->schema};
    struct cove_entry entry;
    struct repo_tally_key key;

    (void)repo;
    key_of_spoken(&key, after);

    int err = tally_seek(txn, REPO_SPOKEN, &key, after->hlc == 0, &entry);

    if (err == 0) {
        err = tally_take(&entry, after->schema, sizeof(spoken.device.b));
    }
    if (err != 0) {
        return err;
    }
    memcpy(spoken.device.b, entry.key.at, sizeof(spoken.device.b));
    err = spoken_read(entry.value, &spoken);
    if (err == 0) {
        *out = spoken;
    }
    return err;
}

/* --- judging */

int cove_repo_judge(struct cove_repo *repo, struct cove_store_txn *txn,
                    struct cove_doc *doc, const uint8_t plan[8], uint8_t state)
{
    struct cove_hash clean = doc->clean;

    return cove_repo_settle(repo, txn, doc, &clean, plan, state);
}

int cove_repo_settle(struct cove_repo *repo, struct cove_store_txn *txn,
                     struct cove_doc *doc, const struct cove_hash *clean,
                     const uint8_t plan[8], uint8_t state)
{
    struct repo_record record;
    struct repo_work work;

    if (doc->judged_state == state && memcmp(doc->judged_plan, plan, 8) == 0 &&
        memcmp(doc->clean.b, clean->b, sizeof(clean->b)) == 0) {
        return 0;
    }

    int err = repo_work_write(&work, repo, txn, NULL);

    if (err == 0) {
        err = repo_doc_record(&work, doc, &record);
    }
    if (err != 0) {
        return err;
    }
    if (!repo_doc_is_current(&record, doc)) {
        return 0; /* something came meanwhile: this was said of less */
    }
    record.clean = *clean;
    memcpy(record.count.plan, plan, sizeof(record.count.plan));
    record.count.state = state;
    if (repo_doc_own(doc) != NULL) {
        record.held = repo_held_all(&record, &doc->state);
    }
    err = repo_record_write(&work, &record);
    if (err == 0) {
        doc->clean = *clean;
        memcpy(doc->judged_plan, plan, sizeof(doc->judged_plan));
        doc->judged_state = state;
    }
    return err;
}
