/* admin_migrate.c: migrate.plan, migrate.publish, migrate.run. */
#include "core/value.h"
#include "node/admin.h"

#define RUN_MAX 4096 /* documents a call, where the request says nothing */

static int files_read(struct admin *a, struct cove_migration_files *files)
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
    int err = files_read(a, &files);

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

/* --------------------------------------------------------------------- plan */

/* The plan publishes in a transaction that is never committed: what documents
 * would show is computed by the same code that will show it. */
struct plan {
    struct admin *a;
    struct cove_txn *txn;
    cove_num journal;
    struct cove_step_id before, after;
    int64_t sample;
    uint64_t documents, examples, due, newly_invalid, invalid_before;
};

static int plan_fields(struct plan *p, struct cove_loaded *loaded,
                       const char *key)
{
    struct node_json *j = &p->a->reply;

    node_json_key(j, key);
    node_json_open(j, '{');
    for (size_t i = 0; i < loaded->plan->field_count; i++) {
        struct cove_field field;
        int err = cove_view_field(&loaded->view, i, &field);

        if (err != 0) {
            return err;
        }
        if (field.cell.kind == COVE_PRESENT) {
            node_json_key_bytes(j, field.name);
            node_json_value(j, field.cell.bytes);
        } else if (field.cell.kind == COVE_INVALID) {
            node_json_key_bytes(j, field.name);
            node_json_open(j, '{');
            node_json_key(j, "$invalid");
            node_json_value(j, field.cell.bytes);
            node_json_close(j, '}');
        }
    }
    node_json_close(j, '}');
    return 0;
}

static int plan_document(struct plan *p, cove_num num, struct cove_arena *arena)
{
    struct cove_load_request request = {
        .num = num, .head = &p->before, .mode = COVE_LOAD_VIEW};
    struct cove_loaded before, after;
    enum cove_doc_state state;
    struct node_json *j = &p->a->reply;
    int err = cove_load(p->txn->worker->catalog, p->txn->txn, &request, arena,
                        &before, &p->txn->diag);

    request.head = &p->after;
    err = err != 0 ? err
                   : cove_load(p->txn->worker->catalog, p->txn->txn, &request,
                               arena, &after, &p->txn->diag);
    err = err != 0 ? err : cove_loaded_state(&before, &state);
    err = err != 0 ? err : cove_loaded_state(&after, &state);
    if (err != 0) {
        return err;
    }
    p->documents++;
    p->due += after.copies_due;
    p->invalid_before += before.invalid > 0;
    p->newly_invalid += before.invalid == 0 && after.invalid > 0;
    if (p->examples >= (uint64_t)p->sample &&
        (before.invalid > 0 || after.invalid == 0 || p->newly_invalid > 5)) {
        return 0;
    }
    p->examples++;
    node_json_open(j, '{');
    node_json_key(j, "id");
    node_json_id(j, &after.doc.id);
    node_json_key(j, "copies");
    node_json_int(j, after.copies_due);
    err = plan_fields(p, &before, "before");
    err = err != 0 ? err : plan_fields(p, &after, "after");
    node_json_close(j, '}');
    return err;
}

static int plan_documents(struct plan *p)
{
    struct node_json *j = &p->a->reply;
    struct cove_arena arena;
    cove_num num = 0;
    int err = 0;

    cove_arena_init(&arena, p->a->store->alloc);
    node_json_key(j, "examples");
    node_json_open(j, '[');
    while (err == 0) {
        cove_arena_reset(&arena);
        err = cove_repo_next(p->txn->worker->repo, p->txn->txn, p->journal, num,
                             &num);
        if (err == 0) {
            err = plan_document(p, num, &arena);
        }
    }
    node_json_close(j, ']');
    cove_arena_clear(&arena);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int plan_run(struct plan *p, const struct cove_migration_files *files)
{
    struct cove_catalog *catalog = p->txn->worker->catalog;
    struct node_json *j = &p->a->reply;
    struct cove_prepared prepared = {0};
    struct cove_published published;
    int err = cove_prepare_migration(catalog, p->txn->txn, files,
                                     &p->txn->arena, &prepared, &p->txn->diag);

    if (err != 0) {
        return err;
    }
    p->journal = prepared.num;
    p->after = prepared.step.step;
    memcpy(&p->before, prepared.parents.at, sizeof(p->before));
    err = cove_publish_migration(catalog, p->txn->txn, files, &published,
                                 &p->txn->diag);
    if (err != 0) {
        return err;
    }
    node_json_key(j, "step");
    node_json_hex(j, p->after.b, sizeof(p->after.b));
    node_json_key(j, "version");
    node_json_int(j, prepared.step.version);
    node_json_key(j, "existed");
    node_json_bool(j, published.existed);
    node_json_key(j, "body");
    node_json_value(j, prepared.step.body);
    err = plan_documents(p);

    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {{"documents", p->documents},
                   {"copies", p->due},
                   {"invalidBefore", p->invalid_before},
                   {"newlyInvalid", p->newly_invalid}};

    for (size_t i = 0; i < COVE_ARRAY_LEN(numbers); i++) {
        node_json_key(j, numbers[i].key);
        node_json_int(j, (int64_t)numbers[i].value);
    }
    return err;
}

static int verb_plan(struct admin *a)
{
    struct plan p = {.a = a, .sample = 3};
    struct cove_migration_files files;
    int err = files_read(a, &files);

    err = err != 0 ? err : admin_int(a, "sample", &p.sample);
    if (err == 0) {
        err = node_begin(a->store, COVE_WRITE | COVE_VIEW, &p.txn);
    }
    if (err != 0) {
        return err;
    }
    err = plan_run(&p, &files);
    if (err != 0) {
        return admin_end(a, p.txn, err);
    }
    node_forget(p.txn); /* the cached journal saw what is thrown away here */
    cove_abort(p.txn);
    return 0;
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
    {"migrate.plan", "migration schema file sample", verb_plan},
    {"migrate.publish", "migration schema file", verb_publish},
    {"migrate.status", "schema", admin_migrate_status},
    {"migrate.run", "schema version batch max", verb_run},
    {NULL, NULL, NULL},
};
