/* store_table.h: what the two stores have in common; for store*.c only.
 *
 * store.c checks arguments, keeps the sticky error of a transaction and the
 * position of a cursor, and calls through the table; store_group.c says who
 * writes, and when it is committed. An implementation puts the base struct
 * first in its own:
 *
 *     struct lmdb_txn { struct cove_store_txn base; MDB_txn *mdb; … };
 */
#ifndef COVE_CORE_STORE_TABLE_H
#define COVE_CORE_STORE_TABLE_H

#include <pthread.h>

#include "core/fork.h"
#include "core/store.h"
#include "core/store_group.h"

struct cove_store_table {
    size_t cursor_size; /* bytes of its cursor, base included */
    bool durable;       /* refuses writes after an I/O error */
    void (*close)(struct cove_store *store);
    /* Gives a read transaction whose base fields store.c sets; end frees it. */
    int (*begin)(struct cove_store *store, struct cove_store_txn **out);
    void (*end)(struct cove_store_txn *txn);
    uint64_t (*seen)(const struct cove_store_txn *txn); /* of one that reads */
    /* The write transaction of the member that has the pen. */
    struct cove_store_txn *(*writer)(struct cove_store *store);
    int (*get)(struct cove_store_txn *txn, unsigned tree, struct cove_bytes key,
               struct cove_bytes *value);
    int (*put)(struct cove_store_txn *txn, unsigned tree, struct cove_bytes key,
               struct cove_bytes value);
    int (*del)(struct cove_store_txn *txn, unsigned tree,
               struct cove_bytes key);
    /* Cursors come zeroed; detach before the transaction ends. */
    void (*cursor_detach)(struct cove_store_cursor *cursor);
    int (*cursor_seek)(struct cove_store_cursor *cursor, struct cove_bytes key,
                       struct cove_entry *out);
    int (*cursor_step)(struct cove_store_cursor *cursor, bool back,
                       struct cove_entry *out);
    int (*cursor_last)(struct cove_store_cursor *cursor,
                       struct cove_entry *out);
    int (*usage)(struct cove_store_txn *txn, struct cove_store_usage *out);
    int (*reap)(struct cove_store *store, int *dead);
    /* Keep other processes with level group out, or let them in. NULL: there
     * are none. */
    bool (*alone)(struct cove_store *store, bool alone);
    /* Write a compact copy to a file, in a read transaction of the caller's.
     * NULL: there is nothing to copy. */
    int (*copy)(struct cove_store *store, int fd);
};

struct cove_store {
    const struct cove_store_table *table;
    const struct cove_alloc *alloc;
    unsigned trees;
    cove_store_fault *fault;
    void *fault_ctx;
    struct cove_fork fork;  /* borrowed; in memory, of no process */
    pthread_mutex_t lock;   /* guards what follows and the implementation's
                               shared parts; never held over disk writes */
    pthread_cond_t changed; /* who waits to move the map must look again */
    struct cove_store_group group;
    int broken; /* COVE_EIO or COVE_ECORRUPT: writes are refused */
};

struct cove_store_txn {
    struct cove_store *store;
    struct cove_store_cursor *cursors;
    struct cove_store_ending *endings;
    const void *owner; /* cove_store_own */
    uint64_t writes;   /* so far; a cursor of an older count has no position */
    uint64_t generation;
    int failed; /* a write failed so: it can only abort */
    bool write;
};

enum cove_store_at { COVE_STORE_NOWHERE, COVE_STORE_ENTRY, COVE_STORE_END };

struct cove_store_cursor {
    struct cove_store *store;
    struct cove_store_txn *txn; /* NULL once that has ended */
    struct cove_store_cursor *prev;
    struct cove_store_cursor *next;
    uint64_t writes; /* of the transaction, when the position was taken */
    unsigned tree;
    enum cove_store_at at;
};

/* Set up and tear down the base. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_store_init(struct cove_store *store,
                                    const struct cove_store_table *table,
                                    const struct cove_store_options *opt);
void cove_store_clear(struct cove_store *store);
/* Remember what makes a store on disk refuse further writes; returns err. */
int cove_store_note(struct cove_store *store, int err);

static inline bool cove_store_is_ours(const struct cove_store *store)
{
    return cove_fork_ours(&store->fork);
}

/* Ask the fault hook. */
static inline int cove_store_ask(const struct cove_store *store,
                                 const char *call)
{
    return store->fault == NULL ? 0 : store->fault(store->fault_ctx, call);
}

#endif
