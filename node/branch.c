/* branch.c: branches of documents, as an app begins, names and merges them. */
#include "crdt/branch.h"

#include "node/node.h"

/* The document as the transaction has it, with all that was written. */
static int branch_doc(struct cove_txn *txn, const struct cove_id *id,
                      struct node_doc **out)
{
    int err = node_doc(txn, id, NULL, out);

    return err != 0 ? err : node_flush(txn, *out);
}

int node_branch_find(struct cove_txn *txn, const struct cove_id *id,
                     const char *name, struct cove_session_id *out)
{
    struct node_doc *d;
    int err;

    if (name == NULL) {
        memset(out, 0, sizeof(*out));
        return 0;
    }
    err = branch_doc(txn, id, &d);
    return err != 0
               ? err
               : cove_repo_branch_find(txn->worker->repo, txn->txn,
                                       &d->loaded.doc, cove_bytes_text(name),
                                       out, &txn->diag);
}

int node_switch(struct cove_txn *txn, const struct cove_id *id,
                const char *name)
{
    struct node_branch *branch = cove_arena_new(&txn->arena, sizeof(*branch));
    int err = branch == NULL ? COVE_ENOMEM
                             : node_branch_find(txn, id, name, &branch->branch);
    struct node_doc *d;

    if (err == 0 && name == NULL) {
        err = branch_doc(txn, id, &d);
    }
    if (err == 0) {
        branch->id = *id;
        branch->next = txn->branches;
        txn->branches = branch;
        node_unload(txn, id);
    }
    return err;
}

int node_branch(struct cove_txn *txn, const struct cove_id *id,
                const char *name, struct cove_session_id *out)
{
    struct node_doc *d;
    int err = node_writable(txn);

    if (err == 0) {
        err = branch_doc(txn, id, &d);
    }
    if (err == 0) {
        err = cove_repo_branch(txn->worker->repo, txn->txn, &d->loaded.doc,
                               cove_bytes_text(name), out, &txn->diag);
    }
    if (err == 0) {
        txn->wrote = true;
        node_unload(txn, id);
    }
    return err == COVE_EEXIST ? err : node_write_failed(txn, err);
}

int node_merge(struct cove_txn *txn, const struct cove_id *id, const char *name,
               uint64_t *merged)
{
    struct cove_session_id from;
    struct node_doc *d;
    int err = node_writable(txn);

    if (err == 0) {
        err = branch_doc(txn, id, &d);
    }
    if (err == 0) {
        err = node_branch_find(txn, id, name, &from);
    }
    if (err == 0) {
        err = cove_repo_merge(txn->worker->repo, txn->txn, &d->loaded.doc,
                              &from, merged, &txn->diag);
    }
    if (err == 0) {
        txn->wrote = true;
        node_unload(txn, id);
    }
    return node_write_failed(txn, err);
}

int cove_branch(struct cove_txn *txn, const struct cove_id *id,
                const char *name)
{
    struct cove_session_id branch;

    return node_txn_failed(txn, node_branch(txn, id, name, &branch));
}

int cove_switch(struct cove_txn *txn, const struct cove_id *id,
                const char *branch)
{
    return node_txn_failed(txn, node_switch(txn, id, branch));
}

int cove_merge(struct cove_txn *txn, const struct cove_id *id,
               const char *branch)
{
    uint64_t merged;

    return node_txn_failed(txn, node_merge(txn, id, branch, &merged));
}
