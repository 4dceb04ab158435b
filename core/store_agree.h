/* store_agree.h: whether LMDB's table of readers knows the last commit; for
 * store_lmdb.c.
 *
 * The first process that opens an environment makes the table anew: with the
 * number 0 for the last commit, and the right one when all else is done. If it
 * is killed in between while another waits for its lock, that one takes the
 * table for whole. Where it says 0 the next commit goes on from the first of
 * the two heads of the file, whichever is the newer: half of the time what was
 * committed last, and told so, is gone. So one process at a time opens (byte
 * COVE_STORE_OPEN_BYTE), and looks whether the table and the file agree; where
 * they do not nobody else has it open, and opened once more it is made anew.
 * Source: LMDB 0.9, mdb.c, mdb_env_setup_locks and mdb_env_share_locks.
 */
#ifndef COVE_CORE_STORE_AGREE_H
#define COVE_CORE_STORE_AGREE_H

#include <stdbool.h>

struct MDB_env;
struct MDB_txn;

/* Begin while opening: nothing of ours is in the map yet, which may be moved
 * where another process has made it larger since. LMDB's code. */
int cove_lmdb_open_begin(struct MDB_env *env, bool write, struct MDB_txn **txn);

/* LMDB's code. */
int cove_lmdb_agrees(struct MDB_env *env, bool *agrees);

#endif
