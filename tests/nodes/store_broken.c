/* store_broken.c: a broken importer. It writes a text into a register of a
 * document in the device's name, past every type and schema.
 *
 *   store_broken DIR DOCUMENT EPOCH REGISTER TEXT
 */
#include "core/cbor.h"
#include "tests/nodes/store_kit.h"

struct importer {
    struct cove_store *store;
    struct cove_repo *repo;
    struct cove_arena arena;
    struct cove_diag diag;
};

/* words: DOCUMENT EPOCH REGISTER TEXT */
static int importer_write(struct importer *in, struct cove_store_txn *txn,
                          char **words)
{
    struct cove_tx_op op = {.reg = cove_bytes_text(words[2])};
    struct cove_tx tx = {.has_epoch = true, .ops = &op, .op_count = 1};
    struct cove_buf value;
    struct cove_writer w;
    struct cove_doc doc;
    struct cove_id id;
    cove_num num = 0;
    int err = cove_hex_parse(words[1], tx.epoch.b, sizeof(tx.epoch.b));

    cove_buf_init(&value, &cove_alloc_libc);
    cove_writer_init(&w, &value);
    cove_writer_cstr(&w, words[3]);
    err = err ? err : w.err;
    op.value = cove_buf_bytes(&value);
    err =
        err ? err : cove_repo_resolve(in->repo, txn, words[0], &id, &in->diag);
    err = err ? err : cove_repo_find(in->repo, txn, &id, &num);
    err = err ? err
              : cove_repo_load(in->repo, txn, num, &in->arena, &doc, &in->diag);
    err = err ? err : cove_repo_append(in->repo, txn, &doc, &tx, &in->diag);
    cove_buf_clear(&value);
    return err;
}

int main(int argc, char **argv)
{
    struct importer in = {0};
    struct cove_store_txn *txn;
    int err = argc == 6 ? store_open(argv[1], &cove_env_system, &in.store,
                                     &in.repo, &in.diag)
                        : COVE_EUSAGE;

    cove_arena_init(&in.arena, &cove_alloc_libc);

    err = err ? err : cove_store_begin(in.store, true, &txn);
    if (err == 0) {
        err = importer_write(&in, txn, argv + 2);
        if (err == 0) {
            err = cove_store_commit(txn);
        } else {
            cove_store_abort(txn);
        }
    }
    if (err != 0) {
        fprintf(stderr, "store_broken: %s: %s\n", cove_error_text(err),
                in.diag.text);
    }
    cove_repo_close(in.repo);
    cove_arena_clear(&in.arena);
    cove_store_close(in.store);
    return err != 0;
}
