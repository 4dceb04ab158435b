/* admin_migrate.c: migrate.publish. */
#include "core/value.h"
#include "node/admin.h"

int admin_migration_files(struct admin *a, struct cove_migration_files *files)
{
    const char *name = "the migration";
    int err = admin_json(a, "migration", &files->migration);

    err = err != 0 ? err : admin_need(a, "migration", files->migration.at);
    err = err != 0 ? err : admin_json(a, "schema", &files->schema);
    err = err != 0 ? err : admin_text(a, "file", &name);
    files->name = name;
    return err;
}

static int verb_publish(struct admin *a)
{
    struct cove_migration_files files;
    struct cove_published p;
    struct cove_txn *txn;
    int err = admin_migration_files(a, &files);

    if (err == 0) {
        err = node_begin(a->store, COVE_WRITE, &txn);
    }
    if (err != 0) {
        return err;
    }
    err = cove_publish_migration(txn->worker->catalog, txn->txn, &files, &p,
                                 &txn->diag);
    if (err == 0) {
        err = admin_published(a, txn, &p);
    }
    return admin_end(a, txn, err);
}

const struct admin_verb admin_migrate_verbs[] = {
    {"migrate.publish", "migration schema file", verb_publish},
    {"migrate.status", "schema", admin_migrate_status},
    {NULL, NULL, NULL},
};
