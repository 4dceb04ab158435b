/* store_write.c: writing to the store on disk.
 *
 * LMDB maps the whole file at a size fixed before; a write that does not fit
 * fails and spoils its transaction. So each write goes to a journal first.
 * When the map is full the spoilt transaction is thrown away, the map doubled,
 * and the journal replayed in a new one. Between the two another process may
 * get in and commit; then what the caller has read no longer holds, and the
 * transaction fails with COVE_EBUSY rather than lose an update. Doubling at
 * begin, from 75 % on, keeps all of this rare; where that is not possible, each
 * transaction holds one member only, so that no other depends on it.
 *
 * A transaction holds the members of a group (store_group.h). One that comes
 * after others notes what was there before each of its writes, and puts that
 * back when it aborts. Its writes in a transaction that is begun anew are just
 * left out.
 *
 * Appending. LMDB looks for the place of each key, and splits a full page so
 * that ascending keys with large values leave it half empty, unless the write
 * is said to append: half as fast again, and up to half the file. So the last
 * key of each tree written to is remembered, and a key beyond it is appended.
 */
#include "core/store_disk.h"

static struct disk_store *disk_of(struct cove_store *base)
{
    return (struct disk_store *)base;
}

static void tails_forget(struct disk_store *store)
{
    for (unsigned i = 0; i < store->base.trees; i++) {
        store->tails[i].known = false;
    }
}

/* --- one transaction of LMDB */

static int writer_open(struct cove_store *base, bool *roomy)
{
    struct disk_store *store = disk_of(base);
    struct disk_txn *txn = &store->writer;

    *roomy = disk_map_make_room(store);
    /* Its memory is of an allocator that the members use: they let it go. */
    store->journal.buf.len = 0;
    tails_forget(store);
    txn->mdb = NULL;

    int err = disk_txn_start(store, txn, true);

    if (err == 0) {
        txn->number = cove_lmdb_number(txn->mdb);
    }
    return err;
}

/* End it where it stands; a failed replay has ended it already. */
static void writer_drop(struct cove_store *base)
{
    struct disk_store *store = disk_of(base);
    struct disk_txn *txn = &store->writer;

    if (txn->mdb != NULL) {
        cove_lmdb_abort(txn->mdb);
        txn->mdb = NULL;
        cove_store_gate_leave(&store->gate, &txn->guest, true);
    }
}

/* Learn the last key of a tree from the tree. */
static void tail_learn(struct disk_store *store, unsigned tree)
{
    struct disk_tail *tail = &store->tails[tree];
    struct MDB_cursor *cursor;
    struct cove_entry last = {{NULL, 0}, {NULL, 0}};
    int err =
        cove_lmdb_cursor_open(&store->lmdb, store->writer.mdb, tree, &cursor);

    if (err != 0) {
        return;
    }
    err = cove_lmdb_cursor_last(cursor, &last);
    if ((err == 0 || err == COVE_ENOTFOUND) &&
        last.key.len <= sizeof(tail->key)) {
        tail->known = true;
        tail->len = (uint8_t)last.key.len;
        if (err == 0) {
            memcpy(tail->key, last.key.at, last.key.len);
        }
    }
    cove_lmdb_cursor_close(cursor);
}

/* Is the key beyond the last of its tree? It is the last then. */
static bool tail_passed(struct disk_store *store, unsigned tree,
                        struct cove_bytes key)
{
    struct disk_tail *tail = &store->tails[tree];

    if (!tail->known) {
        tail_learn(store, tree);
    }
    if (!tail->known ||
        cove_bytes_compare(key, cove_bytes(tail->key, tail->len)) <= 0) {
        return false;
    }
    tail->len = (uint8_t)key.len;
    memcpy(tail->key, key.at, key.len);
    return true;
}

/* Carry out one write. Where that takes the last key away, the tail stays: it
 * still has no key beyond it. */
static int writer_apply(struct disk_store *store,
                        const struct cove_store_change *change)
{
    struct cove_entry entry = {change->key, change->value};

    if (change->gone) {
        return cove_lmdb_del(&store->lmdb, store->writer.mdb, change->tree,
                             change->key);
    }
    return cove_lmdb_put(&store->lmdb, store->writer.mdb, change->tree, &entry,
                         tail_passed(store, change->tree, change->key));
}

/* Do it again up to `end` of the journal, in a larger map where `grow`. */
static int writer_replay(struct disk_store *store, size_t end, bool grow)
{
    struct disk_txn *txn = &store->writer;
    int err;

    do {
        struct cove_store_cursor *cursor = txn->base.cursors;
        struct cove_store_change change;
        size_t at = 0;

        for (; cursor != NULL; cursor = cursor->next) {
            store->base.table->cursor_detach(cursor);
        }
        writer_drop(&store->base);
        err = grow ? disk_map_move(store, true) : 0;
        if (err == 0) {
            err = disk_txn_start(store, txn, true);
        }
        if (err != 0) {
            return err;
        }
        if (cove_lmdb_number(txn->mdb) != txn->number) {
            return COVE_EBUSY; /* another process wrote in between */
        }
        tails_forget(store);
        while (err == 0 && at < end &&
               cove_store_journal_next(&store->journal, &at, &change)) {
            err = writer_apply(store, &change);
        }
        grow = true;
    } while (err == COVE_LMDB_FULL);
    return err;
}

static int writer_recover(struct cove_store *base, enum cove_store_again again,
                          int *lost)
{
    struct disk_store *store = disk_of(base);
    bool all = again == COVE_STORE_AGAIN_ALL;
    int err = writer_replay(
        store, all ? store->journal.buf.len : store->member_at, all);
    int alone = err;

    if (err != 0 && base->group.members > 0 && all) {
        alone = writer_replay(store, store->member_at, false);
    }
    if (alone != 0) {
        writer_drop(base);
        *lost = base->group.members > 0 ? alone : 0;
    }
    return err;
}

/* LMDB writes the roots and its list of free pages at commit, so that may
 * find the map full too. */
static int writer_close(struct cove_store *base)
{
    struct disk_store *store = disk_of(base);
    struct disk_txn *txn = &store->writer;
    int err;

    do {
        err = cove_store_ask(base, "txn_commit");
        if (err == 0) {
            err = cove_lmdb_commit(&store->lmdb, txn->mdb);
            txn->mdb = NULL;
            cove_store_gate_leave(&store->gate, &txn->guest, true);
            if (err != COVE_LMDB_FULL) {
                return err;
            }
            err = writer_replay(store, store->journal.buf.len, true);
        }
    } while (err == 0);
    writer_drop(base);
    return err;
}

/* --- its members */

static void member_begin(struct cove_store *base)
{
    struct disk_store *store = disk_of(base);

    if (store->journal.buf.len == 0) {
        cove_store_journal_reset(&store->journal);
    }
    store->member_at = store->journal.buf.len;
    cove_store_journal_reset(&store->undo);
    store->undo_at.len = 0;
}

/* Note what is there before a write. */
static int member_note(struct disk_store *store,
                       const struct cove_store_change *change)
{
    struct cove_store_change before = {.tree = change->tree,
                                       .key = change->key};
    size_t at = store->undo.buf.len;
    int err = cove_lmdb_look(&store->lmdb, store->writer.mdb, change->tree,
                             change->key, &before.value);

    if (err == COVE_ENOTFOUND) {
        before.gone = true;
        err = 0;
    }
    if (err == 0) {
        err = cove_store_journal_append(&store->undo, &before);
    }
    return err != 0
               ? err
               : cove_buf_append(&store->undo_at, cove_bytes(&at, sizeof(at)));
}

/* Put back what was there, the last write first. */
static int member_undo(struct cove_store *base)
{
    struct disk_store *store = disk_of(base);
    size_t count = store->undo_at.len / sizeof(size_t);
    int err = cove_store_ask(base, "undo");

    while (err == 0 && count > 0) {
        struct cove_store_change change;
        size_t at;

        count--;
        memcpy(&at, store->undo_at.at + count * sizeof(at), sizeof(at));
        (void)cove_store_journal_next(&store->undo, &at, &change);
        err = writer_apply(store, &change);
        if (err == COVE_ENOTFOUND) {
            err = 0; /* the write that it undoes had failed */
        }
    }
    if (err == 0) {
        store->journal.buf.len = store->member_at;
    }
    return err;
}

/* Journal a write and carry it out from there: the caller's bytes may be
 * LMDB's own, which a write may move. */
static int member_change(struct disk_store *store,
                         const struct cove_store_change *change)
{
    struct cove_store_change kept;
    size_t at = store->journal.buf.len;
    size_t end = at;
    int err = cove_store_journal_append(&store->journal, change);

    if (err != 0) {
        return err;
    }
    (void)cove_store_journal_next(&store->journal, &end, &kept);
    if (store->base.group.members > 0) { /* it may be taken back alone */
        err = member_note(store, &kept);
    }
    if (err == 0) {
        err = writer_apply(store, &kept);
    }
    if (err == COVE_ENOTFOUND) {
        store->journal.buf.len = at;
    }
    return err == COVE_LMDB_FULL
               ? cove_store_group_recover(&store->base, COVE_STORE_AGAIN_ALL)
               : err;
}

int disk_put(struct cove_store_txn *base, unsigned tree, struct cove_bytes key,
             struct cove_bytes value)
{
    struct cove_store_change change = {
        .tree = tree, .key = key, .value = value};

    return member_change(disk_of(base->store), &change);
}

int disk_del(struct cove_store_txn *base, unsigned tree, struct cove_bytes key)
{
    struct cove_store_change change = {.tree = tree, .gone = true, .key = key};

    return member_change(disk_of(base->store), &change);
}

const struct cove_store_group_table disk_group_table = {
    .open = writer_open,
    .close = writer_close,
    .drop = writer_drop,
    .member = member_begin,
    .undo = member_undo,
    .recover = writer_recover,
};

void disk_write_init(struct disk_store *store, const struct cove_alloc *alloc)
{
    store->writer.base.store = &store->base;
    cove_store_journal_init(&store->journal, alloc);
    cove_store_journal_init(&store->undo, alloc);
    cove_buf_init(&store->undo_at, alloc);
}

void disk_write_clear(struct disk_store *store)
{
    cove_store_journal_clear(&store->journal);
    cove_store_journal_clear(&store->undo);
    cove_buf_clear(&store->undo_at);
}
