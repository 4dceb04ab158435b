/* store_newer.c: makes a store look as if a newer Cove had written it: the
 * number that its identity record begins with becomes 99. */
#include "core/store.h"
#include "crdt/repo.h"

#include <stdio.h>

#define IDENTITY_LEN 49 /* format, 32 bytes of device key, 16 of store id */

/* Put 99 in front of the identity record. */
static int newer(struct cove_store_txn *txn, unsigned tree, bool *found)
{
    struct cove_store_cursor *cursor;
    struct cove_entry e;
    uint8_t key[COVE_STORE_MAX_KEY], value[IDENTITY_LEN];
    int err = cove_store_cursor_open(txn, tree, &cursor);

    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &e);
    while (err == 0 && !(e.value.len == IDENTITY_LEN &&
                         cove_bytes_equal(e.key, cove_bytes_text("repo")))) {
        err = cove_store_cursor_next(cursor, &e);
    }
    cove_store_cursor_close(cursor);
    if (err != 0) {
        return err == COVE_ENOTFOUND ? 0 : err;
    }
    memcpy(key, e.key.at, e.key.len);
    memcpy(value, e.value.at, e.value.len);
    value[0] = 99;
    *found = true;
    return cove_store_put(txn, tree, cove_bytes(key, e.key.len),
                          cove_bytes(value, sizeof(value)));
}

int main(int argc, char **argv)
{
    struct cove_store_options opt = {.alloc = &cove_alloc_libc,
                                     .trees = COVE_REPO_TREES};
    struct cove_store *store;
    struct cove_store_txn *txn;
    struct cove_diag diag = {0};
    bool found = false;

    if (argc != 2 || cove_store_open_lmdb(argv[1], &opt, &store, &diag) != 0) {
        fprintf(stderr, "store_newer: %s\n", diag.text);
        return 1;
    }
    int err = cove_store_begin(store, true, &txn);

    for (unsigned tree = 0; err == 0 && !found && tree < opt.trees; tree++) {
        err = newer(txn, tree, &found);
    }
    err = err == 0 ? cove_store_commit(txn) : err;
    cove_store_close(store);
    return err != 0 || !found;
}
