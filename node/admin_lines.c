/* admin_lines.c: export.begin: how much an export of documents as lines has
 * before it, and where it begins. Documents have numbers in the order in which
 * they came, so what is made while it goes on is behind its end.
 */
#include "node/admin.h"

#define LINES_SLICE 4096 /* documents a transaction */

struct lines {
    struct admin *a;
    struct cove_txn *txn;
    const char *schema; /* NULL: all */
    cove_num journal, cursor, until;
    uint64_t count;
    bool end;
};

/* The place behind the document that was exported last. */
static int lines_after(struct lines *l)
{
    struct cove_id id;
    bool given;
    int err = admin_id(l->a, "after", &id, &given);

    if (err == 0 && given) {
        err =
            cove_repo_find(l->txn->worker->repo, l->txn->txn, &id, &l->cursor);
    }
    return err;
}

static int lines_schema(struct lines *l)
{
    return l->schema == NULL
               ? 0
               : cove_catalog_find(l->txn->worker->catalog, l->txn->txn,
                                   l->schema, &l->journal, &l->txn->diag);
}

static int lines_slice(struct lines *l)
{
    int err = node_begin(l->a->store, COVE_READ, &l->txn);

    if (err != 0) {
        return err;
    }
    for (int i = 0; err == 0 && i < LINES_SLICE; i++) {
        err = cove_repo_next(l->txn->worker->repo, l->txn->txn, l->journal,
                             l->until, &l->until);
        l->count += err == 0;
    }
    l->end = err == COVE_ENOTFOUND;
    return admin_end(l->a, l->txn, l->end ? 0 : err);
}

static int verb_export_begin(struct admin *a)
{
    struct lines l = {.a = a};
    int err = admin_text(a, "schema", &l.schema);

    err = err != 0 ? err : node_begin(a->store, COVE_READ, &l.txn);
    if (err != 0) {
        return err;
    }
    err = lines_after(&l);
    err = err != 0 ? err : lines_schema(&l);
    err = admin_end(a, l.txn, err);
    l.until = l.cursor;
    while (err == 0 && !l.end) {
        err = lines_slice(&l);
    }
    node_json_key(&a->reply, "cursor");
    node_json_int(&a->reply, (int64_t)l.cursor);
    node_json_key(&a->reply, "until");
    node_json_int(&a->reply, (int64_t)l.until);
    node_json_key(&a->reply, "documents");
    node_json_int(&a->reply, (int64_t)l.count);
    return err;
}

const struct admin_verb admin_lines_verbs[] = {
    {"export.begin", "schema after", verb_export_begin},
    {NULL, NULL, NULL},
};
