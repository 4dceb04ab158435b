/* admin_migrate.c: migrate.publish, migrate.run. */
#include "core/value.h"
#include "node/admin.h"

#define RUN_MAX 4096 /* documents a call, where the request says nothing */

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

/* ---------------------------------------------------------------------- run */

static int run_total(struct cove_txn *txn, struct cove_run *run)
{
    cove_num num = 0;
    int err;

    run->total = 0;
    while ((err = cove_repo_next(txn->worker->repo, txn->txn, run->schema, num,
                                 &num)) == 0) {
        run->total++;
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* Go on with the run on record if it is to the same head and not finished;
 * else begin one. */
static int run_begin(struct admin *a, struct cove_txn *txn,
                     struct cove_run *run)
{
    const char *name = NULL, *version = NULL;
    struct cove_run held;
    int64_t batch = 0;
    int err = admin_text(a, "schema", &name);

    err = err != 0 ? err : admin_need(a, "schema", name);
    err = err != 0 ? err : admin_version(a, &version);
    err = err != 0 ? err : admin_int(a, "batch", &batch);
    if (err == 0 && (batch < 0 || batch > RUN_MAX)) {
        err = cove_fail(&a->diag, COVE_EUSAGE, "\"batch\" is 1 to %d", RUN_MAX);
    }
    if (err == 0) {
        err = node_head(txn, name, version, &run->schema, &run->head);
    }
    if (err != 0) {
        return err;
    }
    run->head_given = true;
    run->batch = (uint32_t)batch;
    run->live_days = txn->store->live_days;
    err = cove_run_restore(txn->worker->repo, txn->txn, run->schema, &held);
    if (err == 0 && !held.finished &&
        memcmp(held.head.b, run->head.b, sizeof(held.head.b)) == 0) {
        held.batch = run->batch;
        held.live_days = run->live_days;
        *run = held;
        return 0;
    }
    return err == 0 || err == COVE_ENOTFOUND ? run_total(txn, run) : err;
}

/* One batch and the run's record, in one commit. The first of a call says in
 * *begun how many were done before; NULL in the others. */
static int run_step(struct admin *a, struct cove_run *run, uint64_t *begun)
{
    struct cove_txn *txn;
    int err = node_begin(a->store, COVE_WRITE, &txn);

    if (err != 0) {
        return err;
    }
    txn->wrote = true;
    if (begun != NULL) {
        err = run_begin(a, txn, run);
        *begun = run->done;
    }
    if (err == 0) {
        err = cove_run_batch(txn->worker->catalog, txn->txn, run, NULL, NULL,
                             &txn->diag);
    }
    if (err == 0) {
        err = cove_run_save(txn->worker->repo, txn->txn, run);
    }
    return admin_end(a, txn, err);
}

static int verb_run(struct admin *a)
{
    struct cove_run run = {0};
    int64_t max = RUN_MAX;
    int err = admin_int(a, "max", &max);
    uint64_t begun = 0;

    if (err == 0 && max < 1) {
        err = cove_fail(&a->diag, COVE_EUSAGE, "\"max\" is 1 or more");
    }
    err = err != 0 ? err : run_step(a, &run, &begun);
    while (err == 0 && !run.finished && run.done - begun < (uint64_t)max) {
        err = run_step(a, &run, NULL);
    }
    if (err == 0) {
        node_json_key(&a->reply, "run");
        admin_run_json(&a->reply, &run);
        node_json_key(&a->reply, "finished");
        node_json_bool(&a->reply, run.finished);
    }
    return err;
}

const struct admin_verb admin_migrate_verbs[] = {
    {"migrate.publish", "migration schema file", verb_publish},
    {"migrate.status", "schema", admin_migrate_status},
    {"migrate.run", "schema version batch max", verb_run},
    {NULL, NULL, NULL},
};
