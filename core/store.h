/* store.h: an ordered key-value store with transactions.
 *
 * The interface is a small table; two implementations stand behind it, LMDB
 * (store_lmdb.c) and memory (store_mem.c), and one contract suite runs over
 * both. Keys are bytes, compared bytewise. Trees are numbered by the caller
 * and live in one file.
 *
 * One write transaction runs at a time, across processes; readers see the
 * state at their begin. Bytes given by get and cursors are borrowed until the
 * next write in that transaction or its end. A full map grows by itself: the
 * transaction's writes so far are replayed into the larger map, unseen by the
 * caller.
 *
 * Transactions of several threads are put on the disk together
 * (store_group.h): a commit may wait until other threads, which wanted to
 * write by then, have ended theirs. So a thread must not hold, over commit, a
 * lock that another one takes inside its write transaction; and, as ever, none
 * that another one holds when it begins to write.
 *
 * Growing moves the map, so it waits until the readers of other threads end:
 * a thread that reads must not wait for one that writes. A reader of the same
 * thread, or of one that waits to write or for its commit, makes it
 * COVE_EBUSY: end the reader and do the transaction again.
 *
 * After COVE_EIO or COVE_ECORRUPT a store on disk refuses to write until it
 * is opened anew, since what the disk holds must be looked at first.
 *
 * A child of fork may close what it inherited; every other call in it, also
 * in transactions that were open, gives COVE_EBUSY or does nothing.
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

/* How long a commit takes to be kept. A store in memory is of level memory
 * whatever was asked for, one on disk is of level full where that was. */
enum cove_store_level {
    COVE_LEVEL_FULL,  /* a commit returns when it is on disk */
    COVE_LEVEL_GROUP, /* it returns at once and is on disk within some 20 ms;
                         a power cut loses the last group at most, in whole,
                         and never what was there before */
    COVE_LEVEL_MEMORY /* store_mem.c: nothing survives the process */
};

/* Transactions that wrote were committed, so that other processes see them;
 * called on the thread that did, which may hold up all others that write. Must
 * not call back. */
typedef void cove_store_landed(void *ctx);

/* Fault injection for tests: before each fallible call the hook may give an
 * error code to fail with. */
typedef int cove_store_fault(void *ctx, const char *call);

struct cove_store_options {
    const struct cove_alloc *alloc;
    enum cove_store_level level;
    cove_store_landed *landed; /* may be NULL */
    void *landed_ctx;
    unsigned trees;          /* trees 0 … trees-1 exist, empty at first */
    uint64_t map_bytes;      /* first size of the map; 0 = 16 GiB */
    uint64_t map_bytes_max;  /* beyond it COVE_ENOSPC; 0 = no limit */
    bool create;             /* make the directory and file if absent */
    bool force_network;      /* open on a network file system all the same */
    bool read_only;          /* touch nothing in the directory, take no lock:
                                nobody may write to it meanwhile */
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
/* No transaction may be open. What was committed is put on the disk first;
 * flush before to hear whether that went well. In a forked child it leaves the
 * parent's store alone. */
void cove_store_close(struct cove_store *store);
/* Write no more until it is opened anew: what is written may not be kept. */
void cove_store_refuse(struct cove_store *store);
/* Is this the process that opened the store, and no forked child? */
bool cove_store_ours(const struct cove_store *store);

/* Begin; one write transaction at a time, a second begin for writing waits
 * for the first (same thread: COVE_EBUSY). A write transaction stays in its
 * thread. At level group a reader waits until all that was committed before is
 * on its way to the disk, and sees it; but one that begins in the thread that
 * writes sees neither its own writes nor what these build on.
 * Errors: COVE_EBUSY (also: too many readers, or the map must grow, see
 * above), COVE_EIO, COVE_ECORRUPT, COVE_ENOMEM, and at level group COVE_ELOST:
 * commits that had returned before are lost, all since the last begin of a
 * reader, flush or pause of 20 ms at most; said once, nothing was begun. */
COVE_MUST_CHECK int cove_store_begin(struct cove_store *store, bool write,
                                     struct cove_store_txn **out);
/* Errors: COVE_ENOSPC, COVE_EIO, those of put, those of what is to be done
 * before it (at_end), and the one an earlier write in it failed with;
 * COVE_EBUSY where the transactions that were to be kept together had to be
 * done again and another process wrote meanwhile. The transaction is gone
 * either way. */
COVE_MUST_CHECK int cove_store_commit(struct cove_store_txn *txn);
void cove_store_abort(struct cove_store_txn *txn);
/* Is it a write transaction? */
bool cove_store_writes(const struct cove_store_txn *txn);
/* Who remembers something of this transaction by its address, which another one
 * may have later: that is nobody's at its begin. */
void cove_store_own(struct cove_store_txn *txn, const void *owner);
const void *cove_store_owner(const struct cove_store_txn *txn);
/* How often transactions of this store were lost after their end, as of the
 * begin of this one. What is remembered of an earlier number must be forgotten.
 */
uint64_t cove_store_generation(const struct cove_store_txn *txn);
/* Which commit one that reads sees: two of one generation with the same number
 * see the same. */
uint64_t cove_store_seen(const struct cove_store_txn *txn);
/* How often, at level group, commits that had returned were lost. */
uint64_t cove_store_losses(const struct cove_store *store);
/* Level group: wait until what was committed before is on the disk; the other
 * levels have nothing to wait for. Errors: COVE_ELOST, once; those of commit.
 */
COVE_MUST_CHECK int cove_store_flush(struct cove_store *store);

/* What somebody who writes in a transaction wants done at its end, however it
 * is ended and by whom: `before` runs in commit and may still write, and an
 * error of it makes the commit an abort; `after` runs when the transaction is
 * over, committed or not, and before another one begins to write. It may be
 * lost all the same then, see generation. Embedded in whatever it is about. */
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
    uint64_t bytes[COVE_STORE_MAX_TREES]; /* of the pages of each tree */
    uint64_t bytes_free;                  /* pages that the next writes take */
    uint64_t bytes_map;                   /* that the file may have for now */
    uint64_t bytes_page;
    uint32_t readers;        /* transactions that read just now */
    uint32_t readers_max;    /* … and how many may */
    uint32_t readers_others; /* of those: other processes', living … */
    uint32_t readers_stale; /* … and dead: what they saw stays until reaped */
    uint64_t readers_behind; /* commits since the oldest one began */
    uint8_t version[3];      /* of LMDB; zeros in memory */
};
COVE_MUST_CHECK int cove_store_usage(struct cove_store *store,
                                     struct cove_store_usage *out);
/* Is no other process at this store with level group, and keep them out until
 * close or let_in: for who must know that a machine that stops now loses
 * nothing of theirs. False in memory. */
bool cove_store_alone(struct cove_store *store);
void cove_store_let_in(struct cove_store *store);
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

/* Keep every process, this one too, from opening the store in a directory, and
 * know that none has it open; until it is let, or the process ends. It holds
 * also where the directory gets another name. Errors: COVE_EBUSY (diag names
 * the process), COVE_EACCES, COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_store_hold(const char *path, int *hold,
                                    struct cove_diag *diag);
void cove_store_let(int hold);

/* Set the fault hook; NULL takes it away. */
void cove_store_set_fault(struct cove_store *store, cove_store_fault *fault,
                          void *ctx);

#endif
