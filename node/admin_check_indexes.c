/* admin_check_indexes.c: what a check asks of indexes beyond their trees: do
 * they say what the documents do? Where it is to repair, they do afterwards. */
#include "migrate/index_check.h"
#include "node/check.h"

#include <stdio.h>

/* The first paths of it, for people. */
static void paths_text(const struct cove_index *index, char *out, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < index->path_count && len < size; i++) {
        int put = snprintf(out + len, size - len, "%s%.*s", i > 0 ? ", " : "",
                           (int)index->paths[i].len,
                           (const char *)index->paths[i].at);

        len += put > 0 ? (size_t)put : size;
    }
}

static int index_fault(void *ctx, const struct cove_index_fault *fault)
{
    struct check *c = ctx;
    char paths[120] = "", text[320];
    struct cove_finding f = {.kind = "index-entry",
                             .derived = true,
                             .fixed = c->repair,
                             .index = fault->number,
                             .text = text};

    if (fault->id != NULL) {
        f.has_id = true;
        f.id = *fault->id;
    }
    if (fault->index != NULL) {
        paths_text(fault->index, paths, sizeof(paths));
        snprintf(text, sizeof(text), "index %u (%s): %s",
                 (unsigned)fault->number, paths, fault->text);
    } else if (fault->number != 0) {
        snprintf(text, sizeof(text), "index %u: %s", (unsigned)fault->number,
                 fault->text);
    } else {
        snprintf(text, sizeof(text), "the indexes: %s", fault->text);
    }
    return check_finding(c, &f);
}

static int index_slice(struct check *c, struct cove_index_check *check,
                       bool *over)
{
    struct cove_store_txn *txn;
    int err = cove_store_begin(c->a->store->store, c->repair, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_index_check_step(check, txn, over);
    if (err == 0 && c->repair) {
        err = cove_store_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    cove_catalog_settle(c->worker->catalog);
    return err;
}

int check_indexes(struct check *c)
{
    struct cove_index_check_options opt = {
        .repair = c->repair, .fault = index_fault, .ctx = c};
    struct cove_index_check *check;
    bool over = false;
    int err = cove_index_check_new(c->worker->indexes, &opt, &check);

    if (err != 0) {
        return err;
    }
    while (err == 0 && !over) {
        err = index_slice(c, check, &over);
    }
    cove_index_check_free(check);
    return err;
}
