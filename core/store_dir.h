/* store_dir.h: the directory of a store on disk; for store_lmdb.c and
 * store_disk.c.
 *
 *     data.mdb   LMDB's file
 *     lock.mdb   LMDB's table of readers
 *     open.lock  empty; who has the store open locks the byte at its pid, who
 *                makes one the byte 0; who has it open at level group shares
 *                the lock of a byte behind them all, and who is just opening
 *                it locks the next
 *
 * Nothing is written to a directory that holds something else.
 */
#ifndef COVE_CORE_STORE_DIR_H
#define COVE_CORE_STORE_DIR_H

#include <sys/types.h>

#include "core/fork.h"
#include "core/store.h"

/* Bytes of open.lock beyond the greatest id of a process. */
#define COVE_STORE_GROUP_BYTE ((off_t)1 << 32)
#define COVE_STORE_OPEN_BYTE  (COVE_STORE_GROUP_BYTE + 1)

struct cove_store_dir {
    const char *path;      /* borrowed */
    int fd;                /* of the directory */
    int lock_fd;           /* of open.lock */
    struct cove_fork fork; /* who locked it */
    bool group;            /* opened at level group */
    bool fresh; /* there is no store yet: call finish once there is */
};

/* Find or make the directory, judge what is in it, and take the lock that
 * keeps this process from opening the store twice. Where there is no store
 * yet, data.mdb is made, empty, and its name and the directory's are durable.
 * Errors: those of cove_store_open_lmdb; diag names the path. */
COVE_MUST_CHECK int cove_store_dir_open(struct cove_store_dir *dir,
                                        const char *path,
                                        const struct cove_store_options *opt,
                                        struct cove_diag *diag);
/* Is this the process that opened it, and not a forked child? */
bool cove_store_dir_ours(const struct cove_store_dir *dir);
/* Also after a failed open. In a forked child: keeps the parent's lock. */
void cove_store_dir_close(struct cove_store_dir *dir);

/* Open LMDB's environment alone, waiting for another process that does, or let
 * the next one: an errno. */
int cove_store_dir_opening(const struct cove_store_dir *dir, bool opening);

/* A fresh store is made: let others open it. */
void cove_store_dir_finish(const struct cove_store_dir *dir);

/* Keep other processes with level group out, or let them in again; true where
 * none of them has it open. */
bool cove_store_dir_alone(const struct cove_store_dir *dir, bool alone);

/* Put a directory's name on the disk, an errno: its own names, fsync does. */
int cove_store_dir_above(int fd);

/* The code for an errno. */
int cove_store_errno(int number);

/* Is this `f_type` of statfs that of a network file system? */
bool cove_store_is_network(uint64_t type);

/* Would a write behind the end of the file fail for want of space? */
bool cove_store_disk_full(int fd);

#endif
