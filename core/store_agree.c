/* store_agree.c: see store_agree.h. */
#include "core/store_agree.h"

#include <lmdb.h>
#include <stddef.h>

int cove_lmdb_open_begin(struct MDB_env *env, bool write, struct MDB_txn **txn)
{
    unsigned flags = write ? 0 : MDB_RDONLY;
    int rc = mdb_txn_begin(env, NULL, flags, txn);

    while (rc == MDB_MAP_RESIZED) {
        rc = mdb_env_set_mapsize(env, 0);
        if (rc == MDB_SUCCESS) {
            rc = mdb_txn_begin(env, NULL, flags, txn);
        }
    }
    return rc;
}

/* The last commit by the file, and the one on which a transaction builds. Of
 * a reader the former is the older look; nobody commits beside a writer. */
static int agree_look(struct MDB_env *env, bool write, size_t *last,
                      size_t *base)
{
    MDB_envinfo before;
    MDB_envinfo within;
    MDB_txn *txn;
    int rc;

    (void)mdb_env_info(env, &before); /* it fails without arguments alone */
    rc = cove_lmdb_open_begin(env, write, &txn);
    if (rc == MDB_SUCCESS) {
        (void)mdb_env_info(env, &within);
        *last = (write ? within : before).me_last_txnid;
        *base = mdb_txn_id(txn) - (write ? 1 : 0);
        mdb_txn_abort(txn);
    }
    return rc;
}

/* Where the table is behind, another process may be committing just now: so
 * once more in a write transaction. */
int cove_lmdb_agrees(struct MDB_env *env, bool *agrees)
{
    size_t last = 0;
    size_t base = 0;
    int rc = agree_look(env, false, &last, &base);

    if (rc == MDB_SUCCESS && base < last) {
        rc = agree_look(env, true, &last, &base);
    }
    *agrees = base >= last;
    return rc;
}
