#include "core/store.h"

#include <assert.h>

#include "core/store_table.h"

int cove_store_init(struct cove_store *store,
                    const struct cove_store_table *table,
                    const struct cove_store_options *opt)
{
    assert(opt->trees > 0 && opt->trees <= COVE_STORE_MAX_TREES);
    memset(store, 0, sizeof(*store));
    store->table = table;
    store->alloc = opt->alloc;
    store->trees = opt->trees;
    store->fault = opt->fault;
    store->fault_ctx = opt->fault_ctx;
    if (pthread_mutex_init(&store->lock, NULL) != 0) {
        return COVE_ENOMEM;
    }
    if (pthread_cond_init(&store->changed, NULL) != 0) {
        pthread_mutex_destroy(&store->lock);
        return COVE_ENOMEM;
    }
    return 0;
}

void cove_store_clear(struct cove_store *store)
{
    pthread_cond_destroy(&store->changed);
    pthread_mutex_destroy(&store->lock);
}

void cove_store_close(struct cove_store *store)
{
    if (store != NULL) {
        if (cove_store_is_ours(store)) {
            cove_store_group_stop(store);
        }
        store->table->close(store);
    }
}

void cove_store_set_fault(struct cove_store *store, cove_store_fault *fault,
                          void *ctx)
{
    pthread_mutex_lock(&store->lock);
    store->fault = fault;
    store->fault_ctx = ctx;
    pthread_mutex_unlock(&store->lock);
}

int cove_store_note(struct cove_store *store, int err)
{
    if ((err == COVE_EIO || err == COVE_ECORRUPT) && store->table->durable) {
        pthread_mutex_lock(&store->lock);
        store->broken = err;
        pthread_mutex_unlock(&store->lock);
    }
    return err;
}

void cove_store_refuse(struct cove_store *store)
{
    (void)cove_store_note(store, COVE_EIO);
}

bool cove_store_ours(const struct cove_store *store)
{
    return cove_store_is_ours(store);
}

static void txn_init(struct cove_store *store, struct cove_store_txn *txn,
                     bool write)
{
    txn->store = store;
    txn->cursors = NULL;
    txn->endings = NULL;
    txn->owner = NULL;
    txn->writes = 0;
    txn->failed = 0;
    txn->write = write;
    txn->generation = atomic_load(&store->group.generation);
}

int cove_store_begin(struct cove_store *store, bool write,
                     struct cove_store_txn **out)
{
    int err;

    /* Before any lock: another thread may have had it at the fork. */
    if (!cove_store_is_ours(store)) {
        return COVE_EBUSY;
    }
    err = write ? cove_store_group_said(store) : cove_store_group_flush(store);
    if (err != 0) {
        return err;
    }
    err = cove_store_ask(store, "begin");
    if (err != 0) {
        return cove_store_note(store, err);
    }
    if (write) {
        err = cove_store_group_enter(store);
        if (err == 0) {
            *out = store->table->writer(store);
        }
    } else {
        err = cove_store_note(store, store->table->begin(store, out));
    }
    if (err == 0) {
        txn_init(store, *out, write);
    }
    return err;
}

int cove_store_flush(struct cove_store *store)
{
    int err =
        cove_store_is_ours(store) ? cove_store_group_flush(store) : COVE_EBUSY;

    return err == COVE_ELOST ? err : cove_store_note(store, err);
}

bool cove_store_writes(const struct cove_store_txn *txn)
{
    return txn->write;
}

void cove_store_own(struct cove_store_txn *txn, const void *owner)
{
    txn->owner = owner;
}

const void *cove_store_owner(const struct cove_store_txn *txn)
{
    return txn->owner;
}

uint64_t cove_store_generation(const struct cove_store_txn *txn)
{
    return txn->generation;
}

uint64_t cove_store_seen(const struct cove_store_txn *txn)
{
    assert(!txn->write);
    return txn->store->table->seen(txn);
}

uint64_t cove_store_losses(const struct cove_store *store)
{
    return atomic_load(&store->group.losses);
}

bool cove_store_alone(struct cove_store *store)
{
    return cove_store_is_ours(store) && store->table->alone != NULL &&
           store->table->alone(store, true);
}

void cove_store_let_in(struct cove_store *store)
{
    if (cove_store_is_ours(store) && store->table->alone != NULL) {
        (void)store->table->alone(store, false);
    }
}

void cove_store_at_end(struct cove_store_txn *txn,
                       struct cove_store_ending *ending)
{
    assert(txn->write);
    ending->next = txn->endings;
    txn->endings = ending;
}

static int txn_before_commit(struct cove_store_txn *txn)
{
    int err = txn->failed;

    for (struct cove_store_ending *e = txn->endings; e != NULL && err == 0;
         e = e->next) {
        err = e->before(e, txn);
    }
    return err != 0 ? err : cove_store_ask(txn->store, "commit");
}

/* The transaction itself is gone; what waits for its end stands alone. */
void cove_store_endings(struct cove_store_ending *ending, bool committed)
{
    while (ending != NULL) {
        struct cove_store_ending *next = ending->next;

        ending->after(ending, committed); /* may free itself */
        ending = next;
    }
}

/* Cursors outlive their transaction, good for nothing but to be closed. */
static void txn_detach_cursors(struct cove_store_txn *txn)
{
    struct cove_store_cursor *cursor;

    while ((cursor = txn->cursors) != NULL) {
        txn->store->table->cursor_detach(cursor);
        txn->cursors = cursor->next;
        cursor->txn = NULL;
    }
}

void cove_store_abort(struct cove_store_txn *txn)
{
    if (txn == NULL || !cove_store_is_ours(txn->store)) {
        return;
    }
    txn_detach_cursors(txn);
    if (txn->write) {
        cove_store_group_abort(txn->store, txn->endings);
    } else {
        txn->store->table->end(txn);
    }
}

int cove_store_commit(struct cove_store_txn *txn)
{
    struct cove_store *store = txn->store;
    int err = cove_store_is_ours(store) ? txn_before_commit(txn) : COVE_EBUSY;

    if (err != 0) {
        cove_store_abort(txn);
        return cove_store_note(store, err);
    }
    txn_detach_cursors(txn);
    if (txn->write) {
        return cove_store_group_commit(store, txn->endings);
    }
    store->table->end(txn);
    return 0;
}

static inline int txn_ready(const struct cove_store_txn *txn, const char *call)
{
    if (!cove_store_is_ours(txn->store)) {
        return COVE_EBUSY;
    }
    if (txn->failed != 0 || txn->store->fault == NULL) {
        return txn->failed;
    }
    return cove_store_note(txn->store, cove_store_ask(txn->store, call));
}

int cove_store_get(struct cove_store_txn *txn, unsigned tree,
                   struct cove_bytes key, struct cove_bytes *value)
{
    struct cove_store *store = txn->store;
    int err = txn_ready(txn, "get");

    assert(tree < store->trees);
    if (err == 0) {
        err = key.len - 1 < COVE_STORE_MAX_KEY
                  ? store->table->get(txn, tree, key, value)
                  : COVE_ENOTFOUND;
    }
    return err == 0 ? 0 : cove_store_note(store, err);
}

/* A write that failed half-way leaves a transaction that can only abort. */
static int txn_wrote(struct cove_store_txn *txn, int err)
{
    txn->writes++;
    if (err != 0 && err != COVE_ENOTFOUND) {
        txn->failed = err;
        return cove_store_note(txn->store, err);
    }
    return err;
}

int cove_store_put(struct cove_store_txn *txn, unsigned tree,
                   struct cove_bytes key, struct cove_bytes value)
{
    assert(txn->write && tree < txn->store->trees);
    if (txn->failed != 0 || !cove_store_is_ours(txn->store)) {
        return txn->failed != 0 ? txn->failed : COVE_EBUSY;
    }
    if (key.len == 0 || key.len > COVE_STORE_MAX_KEY ||
        value.len > COVE_STORE_MAX_VALUE) {
        return COVE_ELIMIT;
    }

    int err = cove_store_ask(txn->store, "put");

    cove_store_group_wrote(&txn->store->group, key.len + value.len);

    if (err == 0) {
        err = txn->store->table->put(txn, tree, key, value);
    }
    return txn_wrote(txn, err);
}

int cove_store_del(struct cove_store_txn *txn, unsigned tree,
                   struct cove_bytes key)
{
    assert(txn->write && tree < txn->store->trees);
    if (txn->failed != 0 || !cove_store_is_ours(txn->store)) {
        return txn->failed != 0 ? txn->failed : COVE_EBUSY;
    }
    if (key.len == 0 || key.len > COVE_STORE_MAX_KEY) {
        return COVE_ENOTFOUND;
    }

    int err = cove_store_ask(txn->store, "del");

    cove_store_group_wrote(&txn->store->group, key.len);

    if (err == 0) {
        err = txn->store->table->del(txn, tree, key);
    }
    return txn_wrote(txn, err);
}

int cove_store_cursor_open(struct cove_store_txn *txn, unsigned tree,
                           struct cove_store_cursor **out)
{
    struct cove_store *store = txn->store;
    int err = txn_ready(txn, "cursor_open");

    assert(tree < store->trees);
    if (err != 0) {
        return err;
    }

    struct cove_store_cursor *cursor =
        cove_alloc_zero(store->alloc, 1, store->table->cursor_size);

    if (cursor == NULL) {
        return COVE_ENOMEM;
    }
    cursor->store = store;
    cursor->txn = txn;
    cursor->tree = tree;
    cursor->next = txn->cursors;
    if (cursor->next != NULL) {
        cursor->next->prev = cursor;
    }
    txn->cursors = cursor;
    *out = cursor;
    return 0;
}

void cove_store_cursor_close(struct cove_store_cursor *cursor)
{
    if (cursor == NULL) {
        return;
    }
    if (cursor->txn != NULL) {
        cursor->store->table->cursor_detach(cursor);
        if (cursor->prev != NULL) {
            cursor->prev->next = cursor->next;
        } else {
            cursor->txn->cursors = cursor->next;
        }
        if (cursor->next != NULL) {
            cursor->next->prev = cursor->prev;
        }
    }
    cove_alloc_free(cursor->store->alloc, cursor);
}

static int cursor_ready(const struct cove_store_cursor *cursor,
                        const char *call)
{
    return cursor->txn == NULL ? COVE_EUSAGE : txn_ready(cursor->txn, call);
}

/* Take note of where a move ended. */
static int cursor_moved(struct cove_store_cursor *cursor, int err)
{
    cursor->writes = cursor->txn->writes;
    if (err == 0) {
        cursor->at = COVE_STORE_ENTRY;
        return 0;
    }
    cursor->at = err == COVE_ENOTFOUND ? COVE_STORE_END : COVE_STORE_NOWHERE;
    return cove_store_note(cursor->store, err);
}

int cove_store_cursor_seek(struct cove_store_cursor *cursor,
                           struct cove_bytes key, struct cove_entry *out)
{
    int err = cursor_ready(cursor, "cursor_seek");

    if (err != 0) {
        return err;
    }
    err = cursor->store->table->cursor_seek(cursor, key, out);
    return cursor_moved(cursor, err);
}

int cove_store_cursor_last(struct cove_store_cursor *cursor,
                           struct cove_entry *out)
{
    int err = cursor_ready(cursor, "cursor_last");

    if (err != 0) {
        return err;
    }
    return cursor_moved(cursor, cursor->store->table->cursor_last(cursor, out));
}

int cove_store_cursor_next(struct cove_store_cursor *cursor,
                           struct cove_entry *out)
{
    int err = cursor_ready(cursor, "cursor_next");

    if (err != 0) {
        return err;
    }
    if (cursor->at == COVE_STORE_NOWHERE ||
        cursor->writes != cursor->txn->writes) {
        return COVE_EUSAGE;
    }
    if (cursor->at == COVE_STORE_END) {
        return COVE_ENOTFOUND;
    }
    return cursor_moved(cursor,
                        cursor->store->table->cursor_step(cursor, false, out));
}

int cove_store_cursor_prev(struct cove_store_cursor *cursor,
                           struct cove_entry *out)
{
    int err = cursor_ready(cursor, "cursor_prev");

    if (err != 0) {
        return err;
    }
    if (cursor->at == COVE_STORE_NOWHERE ||
        cursor->writes != cursor->txn->writes) {
        return COVE_EUSAGE;
    }
    err = cursor->at == COVE_STORE_END
              ? cursor->store->table->cursor_last(cursor, out)
              : cursor->store->table->cursor_step(cursor, true, out);
    err = cursor_moved(cursor, err);
    if (err == COVE_ENOTFOUND) {
        cursor->at = COVE_STORE_NOWHERE; /* that is the other end */
    }
    return err;
}

int cove_store_usage(struct cove_store *store, struct cove_store_usage *out)
{
    struct cove_store_usage usage = {0};
    struct cove_store_txn *txn;
    int err = cove_store_begin(store, false, &txn);

    if (err != 0) {
        return err;
    }
    err = store->table->usage(txn, &usage);
    cove_store_abort(txn);
    if (err == 0) {
        *out = usage;
    }
    return cove_store_note(store, err);
}

int cove_store_reap(struct cove_store *store, int *dead)
{
    int err =
        cove_store_is_ours(store) ? cove_store_ask(store, "reap") : COVE_EBUSY;

    return err != 0 ? err : store->table->reap(store, dead);
}
