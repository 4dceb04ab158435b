/* use.c: which version of a schema the app speaks: cove_use, and what a
 * transaction takes where nothing was said. */
#include "migrate/publish_same.h"
#include "node/node.h"

#include <stdio.h>

const char *node_use_version(const struct node_worker *worker,
                             const struct cove_id *journal)
{
    for (size_t i = 0; i < worker->use_count; i++) {
        const struct node_use *u = &worker->uses[i];

        if (memcmp(u->journal.b, journal->b, sizeof(journal->b)) == 0) {
            return u->version;
        }
    }
    return NULL;
}

int node_uses_see(struct cove *store, struct node_worker *worker)
{
    struct node_use *seen;
    size_t count = 0;

    if (worker->uses_as_of == atomic_load(&store->use_changes)) {
        return 0;
    }
    pthread_mutex_lock(&store->lock);
    for (struct node_use *u = store->uses; u != NULL; u = u->next) {
        count++;
    }
    seen = cove_alloc_zero(store->alloc, count + 1, sizeof(*seen));
    if (seen != NULL) {
        cove_alloc_free(store->alloc, worker->uses);
        worker->uses = seen;
        worker->use_count = 0;
        worker->uses_as_of = atomic_load(&store->use_changes);
    }
    for (struct node_use *u = store->uses; seen != NULL && u != NULL;
         u = u->next) {
        seen[worker->use_count++] = *u;
    }
    pthread_mutex_unlock(&store->lock);
    return seen == NULL ? COVE_ENOMEM : 0;
}

static int use_set(struct cove *store, const struct cove_id *journal,
                   const char version[NODE_VERSION])
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
        atomic_fetch_add(&store->use_changes,
                         memcmp(use->version, version, sizeof(use->version)) !=
                             0);
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
    int err = cove_catalog_find(catalog, txn->txn, schema, num, &txn->diag);

    if (err == 0) {
        err = cove_catalog_open(catalog, txn->txn, *num, &doc);
    }
    if (err == 0 && version == NULL) {
        version = node_use_version(txn->worker, &doc->id);
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
    char text[NODE_VERSION] = "";
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

/* --------------------------------------------------------- by the schema */

/* The newest active step whose schema has this content; NULL where there is
 * none, and *pending says whether one is held and waits. */
static int use_step(struct cove_txn *txn, const struct cove_schema_doc *doc,
                    const struct cove_schema_file *file,
                    const struct cove_step **out, bool *pending)
{
    const struct publish_same s = {txn->worker->catalog, txn->txn,
                                   &txn->scratch, doc};

    *out = NULL;
    *pending = false;
    for (size_t i = 0; i < cove_journal_count(doc->journal); i++) {
        const struct cove_step *step = cove_journal_at(doc->journal, i);
        bool same;
        int err = cove_same_schema(&s, step, file, &same);

        if (err != 0) {
            return err;
        }
        if (same && step->state != COVE_STEP_ACTIVE) {
            *pending = true;
        } else if (same && (*out == NULL || step->version > (*out)->version)) {
            *out = step;
        }
    }
    return 0;
}

static int use_absent(struct cove_txn *txn, const struct cove_schema_file *file,
                      bool pending)
{
    return cove_fail(
        &txn->diag, pending ? COVE_EBLOCKED : COVE_ENOTFOUND,
        "the version of %.*s that this app speaks (%lld) %s: sync with a peer "
        "that has it, or publish it here (`cove migrate up`); until then open "
        "documents at a version that is here (`cove schema list`)",
        (int)file->title.len, (const char *)file->title.at,
        (long long)file->version,
        pending ? "is here, and waits for a step before it that is not"
                : "has not arrived here");
}

static int use_schema(struct cove_txn *txn, const char *json)
{
    struct cove_schema_file file;
    const struct cove_schema_doc *doc;
    const struct cove_step *step = NULL;
    char hex[NODE_VERSION];
    bool pending = false;
    cove_num num;
    int err = cove_schema_file_read(&txn->scratch, cove_bytes_text(json),
                                    "the schema", &file, &txn->diag);

    if (err != 0) {
        return err;
    }
    char *name = cove_arena_printf(&txn->scratch, "%.*s", (int)file.title.len,
                                   (const char *)file.title.at);

    err = name == NULL ? COVE_ENOMEM
                       : cove_catalog_find(txn->worker->catalog, txn->txn, name,
                                           &num, &txn->diag);
    if (err == COVE_ENOTFOUND) {
        cove_diag_clear(&txn->diag);
        return use_absent(txn, &file, false);
    }
    err = err != 0
              ? err
              : cove_catalog_open(txn->worker->catalog, txn->txn, num, &doc);
    err = err != 0 ? err : use_step(txn, doc, &file, &step, &pending);
    if (err == 0 && step == NULL) {
        err = use_absent(txn, &file, pending);
    }
    if (err == 0) {
        cove_hex(cove_bytes(step->id.b, sizeof(step->id.b)), hex);
        err = use_set(txn->store, &doc->id, hex);
    }
    return err;
}

int cove_use_schema(struct cove *store, const char *schema_json)
{
    struct cove_txn *txn;
    int err = node_begin(store, COVE_READ, &txn);

    if (err != 0) {
        return node_failed(store, err, NULL);
    }
    err = use_schema(txn, schema_json);
    node_txn_failed(txn, err);
    cove_abort(txn);
    return err;
}
