/* admin_run.c: migrate.run and what steers it. Nothing here sleeps: a reply
 * says how long the caller is to wait before it asks again. */
#include "node/guard.h"
#include "node/upkeep.h"

#include "core/cbor.h"
#include "core/utf8.h"
#include "core/value.h"

#include <stdio.h>
#include <unistd.h>

#define RUN_MAX       4096 /* documents a call, where the request says nothing */
#define RUN_DRY_SLICE 1024 /* documents a transaction of a dry run */
#define RUN_BUSY_MS   100  /* look again, where another process works on it */
#define SWEEP_MS      10   /* of one batch beside other work */
#define SWEEP_MAX     256

struct work { /* a request, and the run that it is about */
    struct admin *a;
    struct cove_run run;
    struct cove_run_worker worker;
    struct node_config config;
    int64_t max;
    int64_t number; /* go on with this run only; 0: begin one */
    bool queue, wait, atomic, dry, allow_drift;
    uint64_t wait_ms;
    uint64_t did; /* documents of the last step */
};

static uint64_t work_now(const struct cove *store)
{
    int64_t now_ms = store->env->now_ms(store->env->ctx);

    return now_ms > 0 ? (uint64_t)now_ms : 1;
}

static void work_init(struct work *w, struct admin *a)
{
    memset(w, 0, sizeof(*w));
    w->a = a;
    w->max = RUN_MAX;
    memcpy(w->worker.id, a->store->runner, sizeof(w->worker.id));
    w->worker.process = (uint64_t)getpid();
}

/* ------------------------------------------------------------------- request
 */

static int work_number(struct admin *a, const char *key, int64_t least,
                       int64_t most, int64_t *out)
{
    int64_t n = *out;
    int err = admin_int(a, key, &n);

    if (err == 0 && (n < least || n > most)) {
        return cove_fail(&a->diag, COVE_EUSAGE, "\"%s\" is %lld to %lld", key,
                         (long long)least, (long long)most);
    }
    *out = n;
    return err;
}

/* How it runs: what the request says, else the config. */
static int work_manner(struct work *w)
{
    struct admin *a = w->a;
    struct cove_bytes threshold;
    int64_t batch = w->run.batch, rate = (int64_t)w->run.rate;
    int err = work_number(a, "batch", 0, COVE_RUN_BATCH_MAX, &batch);

    err =
        err != 0 ? err : work_number(a, "rate", 0, INT64_MAX / 2000000, &rate);
    if (err == 0) {
        err = admin_value(a, "threshold", &threshold);
    }
    if (err == 0 && threshold.len > 0 &&
        !node_percent(threshold, &w->run.threshold)) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "\"threshold\" is a percentage, 0 to 100");
    }
    w->run.batch = (uint32_t)batch;
    w->run.rate = (uint64_t)rate;
    w->run.live_days = a->store->live_days;
    return err;
}

static int work_read(struct work *w)
{
    struct admin *a = w->a;
    const struct {
        const char *key;
        bool *flag;
    } flags[] = {{"queue", &w->queue},
                 {"wait", &w->wait},
                 {"atomic", &w->atomic},
                 {"dry", &w->dry},
                 {"allowDrift", &w->allow_drift}};
    int err = work_number(a, "max", 1, INT32_MAX, &w->max);

    err = err != 0 ? err : work_number(a, "number", 0, INT64_MAX, &w->number);
    for (size_t i = 0; i < COVE_ARRAY_LEN(flags) && err == 0; i++) {
        err = admin_flag(a, flags[i].key, flags[i].flag);
    }
    return err;
}

/* Which schema and version, and the config. */
static int work_target(struct work *w, struct cove_txn *txn)
{
    const char *name = NULL, *version = NULL;
    int err = admin_text(w->a, "schema", &name);

    err = err != 0 ? err : admin_need(w->a, "schema", name);
    err = err != 0 ? err : admin_version(w->a, &version);
    err = err != 0
              ? err
              : node_head(txn, name, version, &w->run.schema, &w->run.head);
    err = err != 0 ? err : node_config(txn, &w->config);
    if (err == 0) {
        w->run.head_given = true;
        w->run.batch = w->config.batch;
        w->run.rate = w->config.rate;
        w->run.threshold = w->config.threshold;
        w->run.strict = w->config.strict && !w->allow_drift;
        err = work_manner(w);
    }
    return err;
}

/* --------------------------------------------------------------------- reply
 */

static int work_reply(struct work *w)
{
    struct node_json *j = &w->a->reply;
    bool open =
        w->run.state == COVE_RUN_RUNNING || w->run.state == COVE_RUN_QUEUED;
    struct cove_txn *txn;
    int err = 0;

    node_json_key(j, "run");
    admin_run_json(j, &w->run);
    node_json_key(j, "finished");
    node_json_bool(j, !open);
    node_json_key(j, "waitMs");
    node_json_int(j, (int64_t)w->wait_ms);
    if (!open && w->run.quarantined > 0 && !w->run.dry) {
        err = node_begin(w->a->store, COVE_READ, &txn);
        if (err == 0) {
            err = admin_quarantine_json(w->a, txn, w->run.schema);
            err = admin_end(w->a, txn, err);
        }
    }
    return err;
}

/* ---------------------------------------------------------------------- work
 */

/* Name the moment before a run, so that `cove restore` finds it. One that
 * follows a finished run to the same version leaves that one's mark. */
static int work_mark(struct work *w, struct cove_txn *txn)
{
    const struct cove_schema_doc *schema;
    char name[96], title[64], *whole;
    int err;

    if (w->run.state != COVE_RUN_RUNNING || w->run.done > 0 || w->run.noted) {
        return 0;
    }
    err = cove_catalog_open(txn->worker->catalog, txn->txn, w->run.schema,
                            &schema);
    if (err != 0) {
        return err;
    }
    /* The mark knows the schema by its name; its own is a word that is cut. */
    whole = cove_arena_printf(&txn->arena, "%.*s", (int)schema->name.len,
                              (const char *)schema->name.at);
    if (whole == NULL) {
        return COVE_ENOMEM;
    }
    snprintf(title, sizeof(title), "%s", whole);
    for (char *c = title; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f) {
            *c = '_';
        }
    }
    while (!cove_utf8_valid(cove_bytes_text(title))) {
        title[strlen(title) - 1] = '\0';
    }
    snprintf(name, sizeof(name), "before-run-%s", title);
    return node_mark(txn, whole, name);
}

/* Is it to be, without a backup? */
static int work_guard(struct work *w, struct cove_txn *txn)
{
    struct node_guard guard;
    int err = guard_init(w->a, txn, &guard);

    return err != 0 ? err : guard_run(&guard, txn, w->run.schema, &w->run.head);
}

/* One batch and the run's record, in one commit; the first begins the run. */
static int work_step(struct work *w, bool begin, uint32_t most, uint64_t aim_ms)
{
    struct cove *store = w->a->store;
    uint64_t began = work_now(store), done;
    struct cove_catalog *catalog;
    struct cove_txn *txn;
    int err = node_begin(store, COVE_WRITE, &txn);

    if (err != 0) {
        return err;
    }
    catalog = txn->worker->catalog;
    txn->wrote = true;
    if (begin) {
        err = work_target(w, txn);
        err = err != 0 ? err : work_guard(w, txn);
        err = err != 0 ? err
                       : cove_run_begin(catalog, txn->txn, &w->run, w->queue,
                                        &w->worker, &txn->diag);
        err = err != 0 ? err : work_mark(w, txn);
    }
    done = w->run.done;
    if (err == 0 && !w->queue) {
        err = cove_run_step(catalog, txn->txn, &w->run, most, &w->worker,
                            &txn->diag);
    }
    w->wait_ms = cove_run_wait_ms(&w->run, work_now(store));
    err = admin_end(w->a, txn, err);
    w->did = err == 0 && w->run.done > done ? w->run.done - done : 0;
    if (w->did > 0) {
        cove_run_adapt(&w->run, work_now(store) - began, aim_ms);
    }
    return err;
}

/* Read the record of the run that a request names. */
static int work_look(struct work *w)
{
    struct cove_txn *txn;
    int err = node_begin(w->a->store, COVE_READ, &txn);

    if (err != 0) {
        return err;
    }
    err = work_target(w, txn);
    err = err != 0 ? err
                   : cove_run_restore(txn->worker->repo, txn->txn,
                                      w->run.schema, &w->run);
    return admin_end(w->a, txn, err);
}

/* Batches until `max` documents are done, the rate or somebody says stop. */
static int work_batches(struct work *w)
{
    int64_t left = w->max;
    bool begin = true;
    int err = 0;

    if (w->number != 0) {
        err = work_look(w);
        begin = false;
        if (err != 0 || w->run.number != (uint64_t)w->number) {
            return err;
        }
    }
    do {
        err = work_step(w, begin, (uint32_t)left, 0);
        left -= (int64_t)w->did;
        begin = false;
    } while (err == 0 && w->run.state == COVE_RUN_RUNNING && left > 0 &&
             w->wait_ms == 0);
    return err;
}

static int work_atomic(struct work *w)
{
    struct cove_diag why = {0};
    struct cove_txn *txn;
    int err = node_begin(w->a->store, COVE_WRITE, &txn);

    if (err != 0) {
        return err;
    }
    txn->wrote = true;
    err = work_target(w, txn);
    err = err != 0 ? err : work_guard(w, txn);
    err = err != 0
              ? err
              : cove_run_atomic(txn->worker->catalog, txn->txn, &w->run,
                                w->config.atomic_limit, &w->worker, &txn->diag);
    cove_fail(&why, err, "%s", txn->diag.text);
    err = admin_end(w->a, txn, err);
    if (err != COVE_EINVALID) {
        return err;
    }
    /* All of it is gone; that it was tried is not. */
    err = node_begin(w->a->store, COVE_WRITE, &txn);
    if (err == 0) {
        txn->wrote = true;
        err = cove_run_fail(txn->worker->catalog, txn->txn, &w->run, why.text,
                            &txn->diag);
        err = admin_end(w->a, txn, err);
    }
    cove_diag_clear(&w->a->diag);
    return err;
}

/* ------------------------------------------------------------------- dry run
 */

struct dry { /* what a dry run tells of the documents that do not convert */
    struct work *w;
    struct cove_txn *txn;
    int told, err;
};

static void dry_report(void *ctx, const struct cove_loaded *loaded,
                       const char *why)
{
    struct dry *d = ctx;
    struct node_json *j = &d->w->a->reply;
    struct cove_doc_brief brief;

    if ((loaded != NULL && loaded->invalid == 0) || d->told >= 100 ||
        d->err != 0) {
        return;
    }
    d->err = cove_repo_brief(d->txn->worker->repo, d->txn->txn,
                             d->w->run.cursor, &brief);
    if (d->err == 0) {
        d->told++;
        node_json_why(j, &brief.id,
                      loaded == NULL ? why : "values do not convert");
    }
}

static int work_dry(struct work *w)
{
    struct node_json *j = &w->a->reply;
    struct dry d = {.w = w};
    int err = node_begin(w->a->store, COVE_READ | COVE_VIEW, &d.txn);

    if (err != 0) {
        return err;
    }
    err = work_target(w, d.txn);
    w->run.dry = true;
    w->run.state = COVE_RUN_DRY;
    w->run.batch = RUN_DRY_SLICE;
    node_json_key(j, "quarantine");
    node_json_open(j, '[');
    while (err == 0 && !w->run.finished) {
        err = cove_run_batch(d.txn->worker->catalog, d.txn->txn, &w->run,
                             dry_report, &d, &d.txn->diag);
        err = err != 0 ? err : d.err;
        if (err == 0 && !w->run.finished) {
            err = node_renew(d.txn);
        }
    }
    node_json_close(j, ']');
    w->run.total = w->run.done;
    w->run.saved_ms = work_now(w->a->store);
    w->run.ended_ms = w->run.saved_ms;
    return admin_end(w->a, d.txn, err);
}

static int verb_run(struct admin *a)
{
    struct work w;

    work_init(&w, a);
    int err = work_read(&w);

    if (err == 0 && w.dry) {
        err = work_dry(&w);
    } else if (err == 0 && w.atomic) {
        err = work_atomic(&w);
    } else if (err == 0) {
        err = work_batches(&w);
        if (err == COVE_EBUSY && w.wait) {
            cove_diag_clear(&a->diag);
            err = work_look(&w);
            w.wait_ms = RUN_BUSY_MS;
        }
    }
    return err != 0 ? err : work_reply(&w);
}

/* -------------------------------------------------------------------- orders
 */

static int order(struct admin *a, enum cove_run_order order)
{
    struct work w;
    struct cove_txn *txn;
    const char *name = NULL;
    bool changed = false;

    work_init(&w, a);
    int err = admin_text(a, "schema", &name);

    err = err != 0 ? err : admin_need(a, "schema", name);
    err = err != 0 ? err : node_begin(a->store, COVE_WRITE, &txn);
    if (err != 0) {
        return err;
    }
    err = cove_catalog_find(txn->worker->catalog, txn->txn, name, &w.run.schema,
                            &txn->diag);
    if (err == 0) {
        err = cove_run_command(txn->worker->catalog, txn->txn, order, &w.run,
                               &changed, &txn->diag);
    }
    if (err == 0 && changed &&
        (order == COVE_RUN_RESUME || order == COVE_RUN_RETRY)) {
        err = work_manner(&w);
        err =
            err != 0 ? err : cove_run_save(txn->worker->repo, txn->txn, &w.run);
    }
    txn->wrote = changed;
    err = admin_end(a, txn, err);
    if (err == 0) {
        node_json_key(&a->reply, "changed");
        node_json_bool(&a->reply, changed);
        err = work_reply(&w);
    }
    return err;
}

/* How it stands. */
static int verb_look(struct admin *a)
{
    struct work w;

    work_init(&w, a);

    int err = work_look(&w);

    return err != 0 ? err : work_reply(&w);
}

static int verb_pause(struct admin *a)
{
    return order(a, COVE_RUN_PAUSE);
}

static int verb_resume(struct admin *a)
{
    return order(a, COVE_RUN_RESUME);
}

static int verb_cancel(struct admin *a)
{
    return order(a, COVE_RUN_CANCEL);
}

static int verb_retry(struct admin *a)
{
    return order(a, COVE_RUN_RETRY);
}

/* --------------------------------------------------------------------- sweep
 */

/* The first run that waits to be worked on, or how long until one may. */
static int sweep_find(struct work *w, bool *found, int64_t *wait_ms)
{
    struct cove_run run = {.schema = 0};
    uint64_t now_ms = work_now(w->a->store);
    struct cove_txn *txn;
    int err = node_begin(w->a->store, COVE_READ, &txn);

    if (err != 0) {
        return err;
    }
    *found = false;
    *wait_ms = -1;
    while (err == 0 && !*found) {
        err = cove_run_next(txn->worker->repo, txn->txn, run.schema, &run);
        if (err != 0 ||
            (run.state != COVE_RUN_RUNNING && run.state != COVE_RUN_QUEUED)) {
            continue;
        }
        uint64_t ms = cove_run_held(&run, &w->worker, now_ms)
                          ? run.lease.expires_ms - now_ms
                          : cove_run_wait_ms(&run, now_ms);

        *found = ms == 0;
        *wait_ms =
            *wait_ms < 0 || (int64_t)ms < *wait_ms ? (int64_t)ms : *wait_ms;
        w->run = run;
    }
    return admin_end(w->a, txn, err == COVE_ENOTFOUND ? 0 : err);
}

static int verb_sweep(struct admin *a)
{
    struct work w;
    int64_t wait_ms = -1;
    bool found = false;

    work_init(&w, a);
    w.max = SWEEP_MAX;

    int err = work_number(a, "max", 1, COVE_RUN_BATCH_MAX, &w.max);

    err = err != 0 ? err : sweep_find(&w, &found, &wait_ms);
    if (err == 0 && found) {
        w.run.live_days = a->store->live_days;
        err = work_step(&w, false, (uint32_t)w.max, SWEEP_MS);
        wait_ms = (int64_t)w.wait_ms;
        if (err == COVE_EBUSY) { /* somebody was faster */
            cove_diag_clear(&a->diag);
            wait_ms = RUN_BUSY_MS;
            err = 0;
        }
    }
    if (err == 0) {
        node_json_key(&a->reply, "waitMs");
        node_json_int(&a->reply, wait_ms);
        node_json_key(&a->reply, "worked");
        node_json_int(&a->reply, (int64_t)w.did);
    }
    return err;
}

const struct admin_verb admin_run_verbs[] = {
    {"migrate.run",
     "schema version batch max rate threshold atomic dry queue wait number "
     "allowDrift noBackup",
     verb_run},
    {"migrate.look", "schema", verb_look},
    {"migrate.pause", "schema", verb_pause},
    {"migrate.resume", "schema batch rate threshold", verb_resume},
    {"migrate.cancel", "schema", verb_cancel},
    {"migrate.retry", "schema batch rate threshold", verb_retry},
    {"migrate.sweep", "max", verb_sweep},
    {NULL, NULL, NULL},
};
