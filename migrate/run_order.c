/* run_order.c: what people order a run to do, and what is noted of it. An order
 * changes the record only; whoever works on the run sees it before its next
 * batch, and what was committed stays. */
#include "migrate/run.h"

#include "core/cbor.h"
#include "core/value.h"
#include "crdt/repo_upkeep.h"
#include "migrate/activity.h"

#include <stdio.h>

static uint64_t order_now(struct cove_repo *repo)
{
    const struct cove_env *env = cove_repo_env(repo);
    int64_t now_ms = env->now_ms(env->ctx);

    return now_ms > 0 ? (uint64_t)now_ms : 1;
}

/* ------------------------------------------------------------------ refusals
 */

static int order_refused(const struct cove_run *run, const char *what,
                         const char *helps, struct cove_diag *diag)
{
    return cove_fail(
        diag, COVE_ECONDITION,
        "there is nothing to %s: the run is %s at %llu of %llu "
        "documents%s%s",
        what, cove_run_state_name(run->state), (unsigned long long)run->done,
        (unsigned long long)run->total, helps[0] != '\0' ? "; " : "", helps);
}

/* -------------------------------------------------------------------- orders
 */

static int order_pause(struct cove_run *run, bool *changed,
                       struct cove_diag *diag)
{
    if (run->state == COVE_RUN_PAUSED) {
        return 0;
    }
    if (!cove_run_open(run->state)) {
        return order_refused(run, "pause", "", diag);
    }
    run->state = COVE_RUN_PAUSED;
    cove_run_release(run);
    *changed = true;
    return 0;
}

static int order_resume(struct cove_run *run, bool *changed,
                        struct cove_diag *diag)
{
    if (run->state == COVE_RUN_QUEUED || run->state == COVE_RUN_RUNNING) {
        return 0;
    }
    if (run->state == COVE_RUN_FAILED && run->finished) {
        return order_refused(run, "resume",
                             "`cove migrate retry` tries what failed again",
                             diag);
    }
    if (run->state != COVE_RUN_PAUSED && run->state != COVE_RUN_CANCELED &&
        run->state != COVE_RUN_FAILED) {
        return order_refused(run, "resume", "`cove migrate run` looks for more",
                             diag);
    }
    run->state = COVE_RUN_QUEUED;
    run->ended_ms = 0;
    run->error[0] = '\0';
    cove_run_release(run);
    *changed = true;
    return 0;
}

static int order_cancel(struct cove_repo *repo, struct cove_run *run,
                        bool *changed, struct cove_diag *diag)
{
    if (run->state == COVE_RUN_CANCELED) {
        return 0;
    }
    if (!cove_run_open(run->state)) {
        return order_refused(run, "cancel", "", diag);
    }
    run->state = COVE_RUN_CANCELED;
    run->ended_ms = order_now(repo);
    cove_run_release(run);
    *changed = true;
    return 0;
}

/* Everything is counted anew: what is quarantined, and what is behind the
 * cursor. */
static int order_retry(struct cove_repo *repo, struct cove_store_txn *txn,
                       struct cove_run *run, bool *changed,
                       struct cove_diag *diag)
{
    struct cove_run again = {.schema = run->schema,
                             .head_given = true,
                             .head = run->head,
                             .batch = run->batch,
                             .rate = run->rate,
                             .threshold = run->threshold,
                             .state = COVE_RUN_QUEUED,
                             .number = run->number,
                             .retrying = true,
                             .lease = run->lease,
                             .cursor = run->cursor};
    struct cove_quarantined q = {.num = 0};
    int err;

    if (cove_run_open(run->state)) {
        return order_refused(run, "retry",
                             "wait until it is over, or `cove migrate cancel`",
                             diag);
    }
    again.total = run->total > run->done ? run->total - run->done : 0;
    while ((err = cove_quarantine_next(repo, txn, run->schema, q.num, &q)) ==
           0) {
        again.total++;
        *changed = true;
    }
    if (err == COVE_ENOTFOUND && *changed) {
        again.started_ms = order_now(repo);
        *run = again;
        cove_run_release(run);
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

int cove_run_command(struct cove_catalog *catalog, struct cove_store_txn *txn,
                     enum cove_run_order order, struct cove_run *run,
                     bool *changed, struct cove_diag *diag)
{
    struct cove_repo *repo = cove_catalog_repo(catalog);
    int err = cove_run_restore(repo, txn, run->schema, run);

    *changed = false;
    if (err == COVE_ENOTFOUND) {
        return cove_fail(diag, err,
                         "no run of this schema was ever begun here; `cove "
                         "migrate run` begins one");
    }
    if (err != 0) {
        return err;
    }
    switch (order) {
    case COVE_RUN_PAUSE:
        err = order_pause(run, changed, diag);
        break;
    case COVE_RUN_RESUME:
        err = order_resume(run, changed, diag);
        break;
    case COVE_RUN_CANCEL:
        err = order_cancel(repo, run, changed, diag);
        break;
    case COVE_RUN_RETRY:
        err = order_retry(repo, txn, run, changed, diag);
        break;
    }
    if (err != 0 || !*changed) {
        return err;
    }
    err = cove_run_save(repo, txn, run);
    return err != 0 || order != COVE_RUN_CANCEL
               ? err
               : cove_run_note(catalog, txn, run, diag);
}

/* --------------------------------------------------------------------- notes
 */

#define NOTE_MEMBERS 12

struct note {
    struct cove_arena arena;
    struct cove_pair pairs[NOTE_MEMBERS];
    size_t count;
    int err;
};

static struct cove_pair *note_key(struct note *n, const char *key)
{
    struct cove_pair *p = &n->pairs[n->count++];

    if (n->err == 0) {
        n->err = cove_value_of_text(&n->arena, cove_bytes_text(key), &p->key);
    }
    return p;
}

static void note_text(struct note *n, const char *key, const char *text)
{
    struct cove_pair *p = note_key(n, key);

    if (n->err == 0) {
        n->err =
            cove_value_of_text(&n->arena, cove_bytes_text(text), &p->value);
    }
}

static void note_int(struct note *n, const char *key, uint64_t v)
{
    struct cove_pair *p = note_key(n, key);

    if (n->err == 0) {
        n->err = cove_value_of_int(&n->arena, (int64_t)v, &p->value);
    }
}

static void note_members(struct note *n, const struct cove_run *run,
                         const struct cove_schema_doc *schema)
{
    const struct cove_step *step =
        cove_journal_find(schema->journal, &run->head);
    char hex[COVE_HEX_LEN(32)];

    cove_hex(cove_bytes(run->head.b, sizeof(run->head.b)), hex);
    note_text(n, "state", cove_run_state_name(run->state));
    note_text(n, "head", hex);
    if (step != NULL && step->has_version) {
        note_int(n, "version", (uint64_t)step->version);
    }
    note_int(n, "done", run->done);
    note_int(n, "migrated", run->migrated);
    note_int(n, "copies", run->copies);
    note_int(n, "valid", run->valid);
    note_int(n, "invalid", run->invalid);
    note_int(n, "quarantined", run->quarantined);
    note_int(n, "ms",
             run->ended_ms > run->started_ms ? run->ended_ms - run->started_ms
                                             : 0);
    if (run->error[0] != '\0') {
        note_text(n, "error", run->error);
    }
}

int cove_run_note(struct cove_catalog *catalog, struct cove_store_txn *txn,
                  const struct cove_run *run, struct cove_diag *diag)
{
    const struct cove_schema_doc *schema;
    struct cove_activity activity = {.what = "run"};
    struct note n = {.count = 0};
    struct cove_buf details;
    struct cove_writer w;
    int err = cove_catalog_open(catalog, txn, run->schema, &schema);

    if (err != 0) {
        return err;
    }
    cove_arena_init(&n.arena, cove_catalog_alloc(catalog));
    cove_buf_init(&details, cove_catalog_alloc(catalog));
    note_members(&n, run, schema);
    cove_writer_init(&w, &details);
    if (n.err == 0) {
        cove_writer_map_sorted(&w, n.pairs, n.count);
    }
    err = n.err != 0 ? n.err : w.err;
    if (err == 0) {
        struct cove_id owner = schema->owner;

        activity.schema = schema->name;
        activity.details = cove_buf_bytes(&details);
        err = cove_activity_note(catalog, txn, &owner, &activity, diag);
    }
    cove_buf_clear(&details);
    cove_arena_clear(&n.arena);
    return err;
}
