/* store_lmdb.h: LMDB with Cove's codes and limits; for store_disk.c and
 * store_write.c only.
 *
 * Knows environments, maps and bare transactions. That a transaction lives
 * through a full map is store_disk.c's affair: the calls below then give one
 * of two codes more, which are positive and never leave those files.
 */
#ifndef COVE_CORE_STORE_LMDB_H
#define COVE_CORE_STORE_LMDB_H

#include "core/store.h"
#include "core/store_dir.h"

struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

enum {
    COVE_LMDB_FULL = 1, /* the map is full; the transaction is spoilt */
    COVE_LMDB_RESIZED   /* another process made the map larger */
};

struct cove_lmdb {
    struct MDB_env *env;
    int fd; /* of data.mdb; the environment's */
    unsigned trees;
    unsigned dbi[COVE_STORE_MAX_TREES];
    /* The write transaction's cursor in each tree, NULL where it was not in it
     * yet: what it looks at or writes next is most often on the same page. */
    struct MDB_cursor *pens[COVE_STORE_MAX_TREES];
};

/* Open the environment and its trees, making what is absent.
 * Errors: those of cove_store_open_lmdb; call close all the same. */
COVE_MUST_CHECK int cove_lmdb_open(struct cove_lmdb *lmdb,
                                   const struct cove_store_dir *dir,
                                   const struct cove_store_options *opt,
                                   struct cove_diag *diag);
void cove_lmdb_close(struct cove_lmdb *lmdb);

struct cove_lmdb_map {
    uint64_t size;
    uint64_t used; /* up to the last page ever used */
};

void cove_lmdb_map(const struct cove_lmdb *lmdb, struct cove_lmdb_map *out);
/* Make the map `size` bytes, or with 0 what another process made it. No
 * transaction may be open. LMDB takes the old map away first: *lost says that
 * there is none now, and nothing may be called but close. Errors:
 * COVE_ENOMEM. */
COVE_MUST_CHECK int cove_lmdb_set_map(struct cove_lmdb *lmdb, uint64_t size,
                                      bool *lost);

/* Begin; a read transaction that was reset begins again where *txn is it.
 * Errors: COVE_LMDB_RESIZED, COVE_EBUSY (too many readers), COVE_EIO. */
COVE_MUST_CHECK int cove_lmdb_begin(struct cove_lmdb *lmdb, bool write,
                                    struct MDB_txn **txn);
/* End a read transaction, but keep its place among the readers. */
void cove_lmdb_reset(struct MDB_txn *txn);
void cove_lmdb_abort(struct MDB_txn *txn);
/* Errors: COVE_LMDB_FULL, COVE_ENOSPC, COVE_EIO; txn is gone either way. */
COVE_MUST_CHECK int cove_lmdb_commit(struct cove_lmdb *lmdb,
                                     struct MDB_txn *txn);
/* Grows by one with each commit that wrote. */
uint64_t cove_lmdb_number(struct MDB_txn *txn);

int cove_lmdb_get(const struct cove_lmdb *lmdb, struct MDB_txn *txn,
                  unsigned tree, struct cove_bytes key,
                  struct cove_bytes *value);
/* The same in the write transaction. */
int cove_lmdb_look(struct cove_lmdb *lmdb, struct MDB_txn *txn, unsigned tree,
                   struct cove_bytes key, struct cove_bytes *value);
/* `append`: the key is beyond the last of the tree. Errors: COVE_LMDB_FULL,
 * COVE_ENOSPC, COVE_EIO. */
int cove_lmdb_put(struct cove_lmdb *lmdb, struct MDB_txn *txn, unsigned tree,
                  const struct cove_entry *entry, bool append);
/* Errors: COVE_ENOTFOUND and those of put. */
int cove_lmdb_del(struct cove_lmdb *lmdb, struct MDB_txn *txn, unsigned tree,
                  struct cove_bytes key);

int cove_lmdb_cursor_open(const struct cove_lmdb *lmdb, struct MDB_txn *txn,
                          unsigned tree, struct MDB_cursor **out);
void cove_lmdb_cursor_close(struct MDB_cursor *cursor);
/* Errors: COVE_ENOTFOUND at the end, COVE_EIO, COVE_ECORRUPT. */
int cove_lmdb_cursor_seek(struct MDB_cursor *cursor, struct cove_bytes key,
                          struct cove_entry *out);
int cove_lmdb_cursor_step(struct MDB_cursor *cursor, bool back,
                          struct cove_entry *out);
int cove_lmdb_cursor_last(struct MDB_cursor *cursor, struct cove_entry *out);

int cove_lmdb_usage(const struct cove_lmdb *lmdb, struct MDB_txn *txn,
                    struct cove_store_usage *out);
int cove_lmdb_reap(struct cove_lmdb *lmdb, int *dead);
/* Errors: COVE_ENOSPC, COVE_EIO, COVE_ECORRUPT, COVE_EBUSY. */
int cove_lmdb_copy(struct cove_lmdb *lmdb, int fd);

#endif
