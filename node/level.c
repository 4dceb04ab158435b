/* level.c: what level group means for the session. docs/FORMAT.md "Meta".
 *
 * At level group a power cut loses what has returned and has not landed, and
 * an app may have told others of it. Its numbers are not given again: while
 * somebody has the store open at that level, a record names the start of the
 * machine (Linux's boot id). It goes, when all is on the disk, with the last of
 * them that closes. Who finds another start's record begins a new session. A
 * process that is killed leaves the record, which its start of the machine does
 * not mind.
 */
#include "node/level.h"

#define LEVEL_RECORD "group"
#define LEVEL_BOOT   "/proc/sys/kernel/random/boot_id"

struct level_boot {
    char text[64];
    size_t len; /* 0: it cannot be told, so none is the same */
};

static void level_boot(struct level_boot *out)
{
    if (node_file_read(LEVEL_BOOT, out->text, sizeof(out->text), &out->len) !=
        0) {
        out->len = 0;
    }
    while (out->len > 0 && out->text[out->len - 1] == '\n') {
        out->len--;
    }
}

static int level_get(struct node_worker *worker, struct cove_store_txn *txn,
                     struct cove_bytes *out)
{
    return cove_repo_record_get(worker->repo, txn, COVE_RECORDS_META,
                                cove_bytes_text(LEVEL_RECORD), out);
}

int node_level_look(struct cove *store, struct node_worker *worker, bool *left,
                    bool *renew)
{
    struct cove_store_txn *txn;
    struct level_boot now;
    struct cove_bytes held;
    int err = cove_store_begin(store->store, false, &txn);

    if (err != 0) {
        return err;
    }
    err = level_get(worker, txn, &held);
    *left = err == 0;
    *renew = false;
    if (*left) {
        level_boot(&now);
        *renew = now.len == 0 ||
                 !cove_bytes_equal(held, cove_bytes(now.text, now.len));
    }
    cove_store_abort(txn);
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* Write the record, or take it away; nothing where it is so. */
static int level_put(struct cove *store, struct node_worker *worker,
                     const struct level_boot *boot)
{
    struct cove_bytes key = cove_bytes_text(LEVEL_RECORD);
    struct cove_bytes want = {NULL, 0}, held = {NULL, 0};
    struct cove_store_txn *txn;
    int err = cove_store_begin(store->store, true, &txn);

    if (err != 0) {
        return err;
    }
    if (boot != NULL) {
        want = cove_bytes(boot->len > 0 ? boot->text : "-",
                          boot->len > 0 ? boot->len : 1);
    }
    err = level_get(worker, txn, &held);
    err = err == COVE_ENOTFOUND ? 0 : err;
    if (err != 0 || cove_bytes_equal(want, held)) {
        cove_store_abort(txn);
        return err;
    }
    err = want.len > 0
              ? cove_repo_record_put(worker->repo, txn, COVE_RECORDS_META, key,
                                     want)
              : cove_repo_record_del(worker->repo, txn, COVE_RECORDS_META, key);
    if (err != 0) {
        cove_store_abort(txn);
        return err;
    }
    err = cove_store_commit(txn);
    return err != 0 ? err : cove_store_flush(store->store);
}

int node_level_open(struct cove *store, struct node_worker *worker, bool left)
{
    struct level_boot boot;
    int err = 0;

    if (store->group) {
        level_boot(&boot);
        return level_put(store, worker, &boot);
    }
    /* What those left who were killed is on the disk from now on. */
    if (left && cove_store_alone(store->store)) {
        err = level_put(store, worker, NULL);
        cove_store_let_in(store->store);
    }
    return err;
}

void node_level_close(struct cove *store)
{
    struct node_worker *worker = node_worker_idle(store);

    if (!store->group || worker == NULL || store->store == NULL) {
        return;
    }
    /* The record may go when what it is about is safe; a failure leaves it,
     * which costs a session at most. */
    if (cove_store_flush(store->store) == 0 && cove_store_alone(store->store)) {
        (void)level_put(store, worker, NULL);
    }
}
