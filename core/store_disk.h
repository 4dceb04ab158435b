/* store_disk.h: the parts of the store on disk; for store_disk.c, which reads
 * and keeps the map, and store_write.c, which writes.
 */
#ifndef COVE_CORE_STORE_DISK_H
#define COVE_CORE_STORE_DISK_H

#include "core/store_dir.h"
#include "core/store_gate.h"
#include "core/store_journal.h"
#include "core/store_lmdb.h"
#include "core/store_table.h"

/* A key that no key of the tree is beyond, as the write transaction sees it:
 * the last, or the last until it was deleted. */
struct disk_tail {
    bool known;
    uint8_t len; /* 0: the tree is empty */
    uint8_t key[COVE_STORE_MAX_KEY];
};

struct disk_txn {
    struct cove_store_txn base;
    struct cove_store_guest guest;
    struct MDB_txn *mdb; /* an ended reader keeps it */
    uint64_t number;     /* of the write transaction */
    atomic_bool taken;   /* of a reader's seat */
    bool seated;
    uint8_t apart[64]; /* readers of several threads do not share a line */
};

struct disk_store {
    struct cove_store base;
    struct cove_store_dir dir;
    struct cove_lmdb lmdb;
    uint64_t map_max;
    struct cove_store_gate gate;
    bool unmapped; /* moving the map failed; written with the gate shut */
    struct disk_txn seats[COVE_STORE_SEATS];
    /* What one write transaction of LMDB holds: the journal of all its
     * members, and where in it the one with the pen began. */
    struct disk_txn writer;
    struct cove_store_journal journal;
    size_t member_at;
    struct cove_store_journal
        undo;                /* what was there before its writes, and … */
    struct cove_buf undo_at; /* … where each record begins: size_t */
    struct disk_tail tails[COVE_STORE_MAX_TREES];
};

struct disk_cursor {
    struct cove_store_cursor base;
    struct MDB_cursor *mdb; /* opened when needed; a replay closes it */
};

/* store_disk.c. Begin in LMDB, which may have to take another process's map
 * over. Errors: COVE_ENOMEM, COVE_EBUSY, COVE_EIO. */
COVE_MUST_CHECK int disk_txn_start(struct disk_store *store,
                                   struct disk_txn *txn, bool write);
/* Move the map as soon as no transaction of this process is in it: make it
 * larger, or take over what another process did. Errors: COVE_ENOSPC,
 * COVE_EBUSY, COVE_ENOMEM. */
COVE_MUST_CHECK int disk_map_move(struct disk_store *store, bool grow);
/* Double the map in good time, where nobody is in it just now; false where less
 * than a quarter of it is free all the same. */
bool disk_map_make_room(struct disk_store *store);

/* store_write.c */
extern const struct cove_store_group_table disk_group_table;
COVE_MUST_CHECK int disk_put(struct cove_store_txn *txn, unsigned tree,
                             struct cove_bytes key, struct cove_bytes value);
COVE_MUST_CHECK int disk_del(struct cove_store_txn *txn, unsigned tree,
                             struct cove_bytes key);
void disk_write_init(struct disk_store *store, const struct cove_alloc *alloc);
void disk_write_clear(struct disk_store *store);

#endif
