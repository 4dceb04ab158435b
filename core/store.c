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
        store->table->close(store);
    }
}

void cove_store_set_fault(struct cove_store *store, cove_store_fault *fault,
                          void *ctx)
{
    store->fault = fault;
    store->fault_ctx = ctx;
}

/* Remember what makes a store on disk refuse further writes. */
static int store_note(struct cove_store *store, int err)
{
    if ((err == COVE_EIO || err == COVE_ECORRUPT) && store->table->durable) {
        pthread_mutex_lock(&store->lock);
        store->broken = err;
        pthread_mutex_unlock(&store->lock);
    }
    return err;
}

/* Wait for one's turn to write. */
static int store_enter(struct cove_store *store)
{
    int err = 0;

    pthread_mutex_lock(&store->lock);
    while (store->writing && !pthread_equal(store->writer, pthread_self())) {
        pthread_cond_wait(&store->changed, &store->lock);
    }
    if (store->writing) {
        err = COVE_EBUSY;
    } else if (store->broken != 0) {
        err = store->broken;
    } else {
        store->writing = true;
        store->writer = pthread_self();
    }
    pthread_mutex_unlock(&store->lock);
    return err;
}

static void store_leave(struct cove_store *store)
{
    pthread_mutex_lock(&store->lock);
    store->writing = false;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
}

int cove_store_begin(struct cove_store *store, bool write,
                     struct cove_store_txn **out)
{
    struct cove_store_txn *txn;
    int err = write ? store_enter(store) : 0;

    if (err != 0) {
        return err;
    }
    err = cove_store_ask(store, "begin");
    if (err == 0) {
        err = store->table->begin(store, write, &txn);
    }
    if (err != 0) {
        if (write) {
            store_leave(store);
        }
        return store_note(store, err);
    }
    txn->store = store;
    txn->cursors = NULL;
    txn->endings = NULL;
    txn->writes = 0;
    txn->failed = 0;
    txn->write = write;
    *out = txn;
    return 0;
}

bool cove_store_writes(const struct cove_store_txn *txn)
{
    return txn->write;
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
static void txn_after(struct cove_store_ending *ending, bool committed)
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
    if (txn == NULL) {
        return;
    }

    struct cove_store *store = txn->store;
    struct cove_store_ending *endings = txn->endings;
    bool write = txn->write;

    txn_detach_cursors(txn);
    store->table->abort(txn);
    txn_after(endings, false);
    if (write) {
        store_leave(store);
    }
}

int cove_store_commit(struct cove_store_txn *txn)
{
    struct cove_store *store = txn->store;
    bool write = txn->write;
    int err = txn_before_commit(txn);

    if (err != 0) {
        cove_store_abort(txn);
        return store_note(store, err);
    }

    struct cove_store_ending *endings = txn->endings;

    txn_detach_cursors(txn);
    err = store_note(store, store->table->commit(txn));
    txn_after(endings, err == 0);
    if (write) {
        store_leave(store);
    }
    return err;
}

static inline int txn_ready(const struct cove_store_txn *txn, const char *call)
{
    if (txn->failed != 0 || txn->store->fault == NULL) {
        return txn->failed;
    }
    return store_note(txn->store, cove_store_ask(txn->store, call));
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
    return err == 0 ? 0 : store_note(store, err);
}

/* A write that failed half-way leaves a transaction that can only abort. */
static int txn_wrote(struct cove_store_txn *txn, int err)
{
    txn->writes++;
    if (err != 0 && err != COVE_ENOTFOUND) {
        txn->failed = err;
        return store_note(txn->store, err);
    }
    return err;
}

int cove_store_put(struct cove_store_txn *txn, unsigned tree,
                   struct cove_bytes key, struct cove_bytes value)
{
    assert(txn->write && tree < txn->store->trees);
    if (txn->failed != 0) {
        return txn->failed;
    }
    if (key.len == 0 || key.len > COVE_STORE_MAX_KEY ||
        value.len > COVE_STORE_MAX_VALUE) {
        return COVE_ELIMIT;
    }

    int err = cove_store_ask(txn->store, "put");

    if (err == 0) {
        err = txn->store->table->put(txn, tree, key, value);
    }
    return txn_wrote(txn, err);
}

int cove_store_del(struct cove_store_txn *txn, unsigned tree,
                   struct cove_bytes key)
{
    assert(txn->write && tree < txn->store->trees);
    if (txn->failed != 0) {
        return txn->failed;
    }
    if (key.len == 0 || key.len > COVE_STORE_MAX_KEY) {
        return COVE_ENOTFOUND;
    }

    int err = cove_store_ask(txn->store, "del");

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
    return store_note(cursor->store, err);
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
    return store_note(store, err);
}

int cove_store_reap(struct cove_store *store, int *dead)
{
    int err = cove_store_ask(store, "reap");

    return err != 0 ? err : store->table->reap(store, dead);
}
