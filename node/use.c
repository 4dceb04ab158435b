/* use.c: which version of a schema the app speaks: cove_use, and what a
 * transaction takes where nothing was said. */
#include "node/node.h"

#include <stdio.h>

const char *node_use_version(struct cove *store, const struct cove_id *journal,
                             char out[24])
{
    const char *found = NULL;

    pthread_mutex_lock(&store->lock);
    for (struct node_use *u = store->uses; u != NULL; u = u->next) {
        if (memcmp(u->journal.b, journal->b, sizeof(journal->b)) == 0) {
            memcpy(out, u->version, sizeof(u->version));
            found = out;
        }
    }
    pthread_mutex_unlock(&store->lock);
    return found;
}

static int use_set(struct cove *store, const struct cove_id *journal,
                   const char version[24])
{
    struct node_use *use;
    int err = 0;

    pthread_mutex_lock(&store->lock);
    use = store->uses;
    while (use != NULL &&
           memcmp(use->journal.b, journal->b, sizeof(journal->b)) != 0) {
        use = use->next;
    }
    if (use == NULL) {
        use = cove_alloc_zero(store->alloc, 1, sizeof(*use));
        if (use != NULL) {
            use->journal = *journal;
            use->next = store->uses;
            store->uses = use;
        }
    }
    if (use != NULL) {
        memcpy(use->version, version, sizeof(use->version));
    } else {
        err = COVE_ENOMEM;
    }
    pthread_mutex_unlock(&store->lock);
    return err;
}

int node_head(struct cove_txn *txn, const char *schema, const char *version,
              cove_num *num, struct cove_step_id *head)
{
    struct cove_catalog *catalog = txn->worker->catalog;
    const struct cove_schema_doc *doc;
    char spoken[24];
    int err = cove_catalog_find(catalog, txn->txn, schema, num, &txn->diag);

    if (err == 0) {
        err = cove_catalog_open(catalog, txn->txn, *num, &doc);
    }
    if (err == 0 && version == NULL) {
        version = node_use_version(txn->store, &doc->id, spoken);
    }
    if (err == 0) {
        err = cove_schema_doc_head(doc, version, head, &txn->diag);
    }
    return err;
}

int cove_use(struct cove *store, const char *schema, int64_t version)
{
    struct cove_txn *txn;
    struct cove_step_id head;
    const struct cove_schema_doc *doc;
    cove_num num;
    char text[24] = "";
    int err = node_begin(store, COVE_READ, &txn);

    if (err != 0) {
        return node_failed(store, err, NULL);
    }
    snprintf(text, sizeof(text), "%lld", (long long)version);
    err = node_head(txn, schema, text, &num, &head);
    if (err == 0) {
        err = cove_catalog_open(txn->worker->catalog, txn->txn, num, &doc);
    }
    if (err == 0) {
        err = use_set(store, &doc->id, text);
    }
    node_txn_failed(txn, err);
    cove_abort(txn);
    return err;
}
