/* store.h: an ordered key-value store with transactions.
 *
 * The interface is a small table; two implementations stand behind it, LMDB
 * (store_lmdb.c) and memory (store_mem.c), and one contract suite runs over
 * both. Keys are bytes, compared bytewise. Trees are numbered by the caller
 * and live in one file.
 *
 * One write transaction at a time, across processes; readers see the state at
 * their begin. Bytes given by get and cursors are borrowed until the next
 * write in that transaction or its end. A full map grows by itself: the
 * transaction's writes so far are replayed into the larger map, unseen by the
 * caller.
 *
 * Growing moves the map, so it waits until the readers of other threads end:
 * a thread that reads must not wait for one that writes. A reader of the same
 * thread makes it COVE_EBUSY: end the reader and do the transaction again.
 *
 * After COVE_EIO or COVE_ECORRUPT a store on disk refuses to write until it
 * is opened anew, since what the disk holds must be looked at first.
 */
#ifndef COVE_CORE_STORE_H
#define COVE_CORE_STORE_H

#include "core/bytes.h"
#include "core/diag.h"

#define COVE_STORE_MAX_TREES 24
#define COVE_STORE_MAX_KEY   255
#define COVE_STORE_MAX_VALUE 131072

struct cove_store; /* opened */
struct cove_store_txn;
struct cove_store_cursor;

struct cove_entry { /* borrowed */
    struct cove_bytes key;
    struct cove_bytes value;
};

enum cove_store_level {
    COVE_LEVEL_FULL,  /* a commit returns when it is on disk */
    COVE_LEVEL_MEMORY /* store_mem.c: nothing survives the process */
};

/* Fault injection for tests: before each fallible call the hook may give an
 * error code to fail with. */
typedef int cove_store_fault(void *ctx, const char *call);

struct cove_store_options {
    const struct cove_alloc *alloc;
    unsigned trees;          /* trees 0 … trees-1 exist, empty at first */
    uint64_t map_bytes;      /* first size of the map; 0 = 16 GiB */
    uint64_t map_bytes_max;  /* beyond it COVE_ENOSPC; 0 = no limit */
    bool create;             /* make the directory and file if absent */
    bool force_network;      /* open on a network file system all the same */
    cove_store_fault *fault; /* in force while opening already; may be NULL */
    void *fault_ctx;
};

/* Open the store in directory `dir` (file data.mdb in it, mode 0600).
 * Errors: COVE_ENOTFOUND, COVE_ENOTSTORE, COVE_EACCES, COVE_EBUSY (open in
 * this process already), COVE_EUNSUPPORTED (a network file system),
 * COVE_ENEWER, COVE_ECORRUPT, COVE_ENOSPC, COVE_ENOMEM, COVE_EIO; diag names
 * the path. */
COVE_MUST_CHECK int cove_store_open_lmdb(const char *dir,
                                         const struct cove_store_options *opt,
                                         struct cove_store **out,
                                         struct cove_diag *diag);
COVE_MUST_CHECK int cove_store_open_memory(const struct cove_store_options *opt,
                                           struct cove_store **out);
/* No transaction may be open. A forked child may close what it inherited,
 * which leaves the parent's store alone, and nothing else. */
void cove_store_close(struct cove_store *store);

/* Begin; one write transaction at a time, a second begin for writing waits
 * for the first (same thread: COVE_EBUSY). A write transaction stays in its
 * thread. Errors: COVE_EBUSY (also: too many readers, or the map must grow,
 * see above), COVE_EIO, COVE_ECORRUPT, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_store_begin(struct cove_store *store, bool write,
                                     struct cove_store_txn **out);
/* Errors: COVE_ENOSPC, COVE_EIO, those of put, those of what is to be done
 * before it (at_end), and the one an earlier write in it failed with; the
 * transaction is gone either way. */
COVE_MUST_CHECK int cove_store_commit(struct cove_store_txn *txn);
void cove_store_abort(struct cove_store_txn *txn);
/* Is it a write transaction? */
bool cove_store_writes(const struct cove_store_txn *txn);

/* What somebody who writes in a transaction wants done at its end, however it
 * is ended and by whom: `before` runs in commit and may still write, and an
 * error of it makes the commit an abort; `after` runs when the transaction is
 * over, committed or not. Embedded in whatever it is about. */
struct cove_store_ending {
    int (*before)(struct cove_store_ending *ending, struct cove_store_txn *txn);
    void (*after)(struct cove_store_ending *ending, bool committed);
    struct cove_store_ending *next;
};
/* Once per transaction and ending; it must live until `after`. */
void cove_store_at_end(struct cove_store_txn *txn,
                       struct cove_store_ending *ending);

/* Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_store_get(struct cove_store_txn *txn, unsigned tree,
                                   struct cove_bytes key,
                                   struct cove_bytes *value);
/* Insert or replace; key and value may be bytes borrowed from the store.
 * Errors: COVE_ELIMIT (key empty, key or value too long), nothing has
 * happened; COVE_ENOSPC, COVE_EIO, COVE_ECORRUPT, COVE_ENOMEM, COVE_EBUSY (the
 * map had to grow, and there is a reader in this thread or another process
 * wrote meanwhile): the transaction can then only abort. */
COVE_MUST_CHECK int cove_store_put(struct cove_store_txn *txn, unsigned tree,
                                   struct cove_bytes key,
                                   struct cove_bytes value);
/* Errors: COVE_ENOTFOUND, and those of put. */
COVE_MUST_CHECK int cove_store_del(struct cove_store_txn *txn, unsigned tree,
                                   struct cove_bytes key);

/* A cursor walks one tree in key order. A write in the transaction ends its
 * position: seek again. It may be closed before or after its transaction
 * ends. */
COVE_MUST_CHECK int cove_store_cursor_open(struct cove_store_txn *txn,
                                           unsigned tree,
                                           struct cove_store_cursor **out);
void cove_store_cursor_close(struct cove_store_cursor *cursor);
/* Go to the first key >= key (seek; an empty key finds the first), the last of
 * the tree (last), the next one (next), the one before (prev; from the end, the
 * last). Errors: COVE_ENOTFOUND at the end, for prev at the beginning, where
 * the position is lost; COVE_EUSAGE for next and prev without a position. */
COVE_MUST_CHECK int cove_store_cursor_seek(struct cove_store_cursor *cursor,
                                           struct cove_bytes key,
                                           struct cove_entry *out);
COVE_MUST_CHECK int cove_store_cursor_next(struct cove_store_cursor *cursor,
                                           struct cove_entry *out);
COVE_MUST_CHECK int cove_store_cursor_prev(struct cove_store_cursor *cursor,
                                           struct cove_entry *out);
COVE_MUST_CHECK int cove_store_cursor_last(struct cove_store_cursor *cursor,
                                           struct cove_entry *out);

struct cove_store_usage {
    uint64_t bytes_used; /* pages in use */
    uint64_t bytes_file; /* size of the file */
    uint64_t entries[COVE_STORE_MAX_TREES];
};
COVE_MUST_CHECK int cove_store_usage(struct cove_store *store,
                                     struct cove_store_usage *out);
/* Clear readers of dead processes away. */
COVE_MUST_CHECK int cove_store_reap(struct cove_store *store, int *dead);

/* Copy the store as it is now, while others read and write it, to a new
 * directory that can be opened as a store; compacted, durable, mode 0600.
 * Nothing is ever written over: what stands at `path` stays.
 * Errors: COVE_EEXIST, COVE_EUNSUPPORTED (a store in memory), COVE_EACCES,
 * COVE_ENOTFOUND, COVE_EBUSY (try again), COVE_ENOSPC, COVE_EIO, COVE_ECORRUPT
 * (no copy is left); diag names the path. */
COVE_MUST_CHECK int cove_store_copy(struct cove_store *store, const char *path,
                                    struct cove_diag *diag);

/* Set the fault hook; NULL takes it away. */
void cove_store_set_fault(struct cove_store *store, cove_store_fault *fault,
                          void *ctx);

#endif
