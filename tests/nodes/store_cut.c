/* store_cut.c: cuts off the history of each document of which this device is an
 * admin, whatever the peers have of it, and says of how many.
 *
 *   store_cut DIR
 */
#include "core/hlc.h"
#include "crdt/repo_cut.h"
#include "tests/nodes/store_kit.h"

/* One of them; 0 where there is nothing to cut, too. */
static int cut_one(struct cove_repo *repo, struct cove_store_txn *txn,
                   cove_num num, unsigned *count)
{
    const struct cove_cut_rule rule = {
        cove_hlc_of_ms(cove_env_system.now_ms(cove_env_system.ctx)),
        UINT64_MAX};
    struct cove_cut_result result;
    int err = cove_repo_cut(repo, txn, num, &rule, false, &result, NULL);

    *count += err == 0;
    return err == COVE_ENOTFOUND || err == COVE_EUNSUPPORTED ||
                   err == COVE_EDENIED
               ? 0
               : err;
}

int main(int argc, char **argv)
{
    struct cove_store *store = NULL;
    struct cove_store_txn *txn = NULL;
    struct cove_repo *repo = NULL;
    struct cove_diag diag = {0};
    cove_num num = 0;
    unsigned count = 0;
    int err = argc == 2
                  ? store_open(argv[1], &cove_env_system, &store, &repo, &diag)
                  : COVE_EUSAGE;

    err = err != 0 ? err : cove_store_begin(store, true, &txn);
    while (err == 0 && (err = cove_repo_next(repo, txn, 0, num, &num)) == 0) {
        err = cut_one(repo, txn, num, &count);
    }
    if (err == COVE_ENOTFOUND) {
        err = cove_store_commit(txn);
        printf("%u\n", count);
    } else if (txn != NULL) {
        cove_store_abort(txn);
    }
    if (err != 0) {
        fprintf(stderr, "store_cut: %s: %s\n", cove_error_text(err), diag.text);
    }
    cove_repo_close(repo);
    cove_store_close(store);
    return err != 0;
}
