/* admin_merge.c: migrate.merge: the migration that ends a fork, written and
 * published. */
#include "migrate/merge.h"
#include "node/admin.h"

static void merge_json(struct node_json *j, const struct cove_merge *merge)
{
    node_json_key(j, "from");
    node_json_open(j, '[');
    for (size_t i = 0; i < merge->head_count; i++) {
        node_json_hex(j, merge->heads[i]->id.b, sizeof(merge->heads[i]->id.b));
    }
    node_json_close(j, ']');
    node_json_key(j, "file");
    node_json_text(j, merge->file);
    node_json_key(j, "fields");
    node_json_open(j, '[');
    for (size_t i = 0; i < merge->field_count; i++) {
        node_json_open(j, '{');
        node_json_key(j, "name");
        node_json_text(j, merge->fields[i].name);
        if (merge->fields[i].as.len > 0) {
            node_json_key(j, "as");
            node_json_text(j, merge->fields[i].as);
        }
        node_json_close(j, '}');
    }
    node_json_close(j, ']');
}

static int merge_run(struct admin *a, struct cove_txn *txn, const char *name,
                     bool dry)
{
    struct cove_catalog *catalog = txn->worker->catalog;
    struct cove_migration_files files = {.name = "the merge"};
    struct cove_prepared prepared = {0};
    struct cove_published p;
    struct cove_merge merge;
    cove_num num;
    int err = cove_catalog_find(catalog, txn->txn, name, &num, &txn->diag);

    if (err == 0) {
        err = cove_merge_write(catalog, txn->txn, num, &txn->arena, &merge,
                               &txn->diag);
    }
    if (err != 0) {
        return err;
    }
    merge_json(&a->reply, &merge);
    files.migration = merge.file;
    err = cove_prepare_migration(catalog, txn->txn, &files, &txn->arena,
                                 &prepared, &txn->diag);
    if (err != 0 || dry) {
        node_json_key(&a->reply, "version");
        node_json_int(&a->reply, merge.version);
        return err;
    }
    prepared.what = "merge";
    err = cove_publish_prepared(catalog, txn->txn, &prepared, "the merge", &p,
                                &txn->diag);
    return err != 0 ? err : admin_published(a, txn, &p);
}

int admin_migrate_merge(struct admin *a)
{
    const char *name = NULL;
    struct cove_txn *txn;
    bool dry = false;
    int err = admin_text(a, "schema", &name);

    err = err != 0 ? err : admin_need(a, "schema", name);
    err = err != 0 ? err : admin_flag(a, "dry", &dry);
    if (err == 0) {
        err = node_begin(a->store, dry ? COVE_READ | COVE_VIEW : COVE_WRITE,
                         &txn);
    }
    if (err != 0) {
        return err;
    }
    err = merge_run(a, txn, name, dry);
    return admin_end(a, txn, err);
}
