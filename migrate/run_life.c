/* run_life.c: a run from its beginning to its end: what may be begun, one batch
 * with all that goes with it, and what people order. */
#include "migrate/run.h"

#include "core/cbor.h"
#include "core/value.h"
#include "crdt/repo_upkeep.h"
#include "migrate/activity.h"

#include <stdio.h>

static uint64_t life_now(struct cove_catalog *catalog)
{
    const struct cove_env *env = cove_repo_env(cove_catalog_repo(catalog));
    int64_t now_ms = env->now_ms(env->ctx);

    return now_ms > 0 ? (uint64_t)now_ms : 1;
}

/* ---------------------------------------------------------------- beginning
 */

/* How many there are to do: from the kept counts, which leave drafts out. */
static int begin_total(struct cove_repo *repo, struct cove_store_txn *txn,
                       struct cove_run *run)
{
    struct cove_tally tally = {.schema = run->schema};
    int err;

    run->total = 0;
    while ((err = cove_repo_tally_next(repo, txn, &tally, &tally)) == 0) {
        run->total += tally.count;
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* May this device write documents of the schema: by its owner's members, or
 * those of another owner of a document? */
static int begin_allowed(struct cove_repo *repo, struct cove_store_txn *txn,
                         const struct cove_run *run, struct cove_diag *diag)
{
    const struct cove_key *device = cove_repo_device(repo);
    enum cove_role own, role;
    cove_num num = run->schema;
    int err = cove_repo_role(repo, txn, num, device, &own);

    for (role = own, num = 0; err == 0 && role < COVE_ROLE_WRITER;) {
        err = cove_repo_next(repo, txn, run->schema, num, &num);
        err = err != 0 ? err : cove_repo_role(repo, txn, num, device, &role);
    }
    return err != COVE_ENOTFOUND
               ? err
               : cove_fail(diag, COVE_EDENIED,
                           "this device is %s in the owner of the schema and "
                           "may write none of its documents, so there is "
                           "nothing for a run to do here; they are shown at "
                           "every version all the same",
                           own == COVE_ROLE_NONE ? "no member"
                                                 : cove_role_name(own));
}

/* Under a strict profile nothing runs over a journal that is not in order. */
static int begin_blocked(struct cove_catalog *catalog,
                         struct cove_store_txn *txn, struct cove_run *run)
{
    const struct cove_schema_doc *schema;
    const struct cove_plan *plan;
    int err = cove_catalog_open(catalog, txn, run->schema, &schema);

    if (err != 0 || !run->strict) {
        return err;
    }
    if (schema->drift_count > 0) {
        run->state = COVE_RUN_DRIFT_BLOCKED;
        cove_run_error(
            run,
            "the journal has %zu entries that are not what their keys "
            "say; `cove migrate status` shows who wrote them",
            schema->drift_count);
        return 0;
    }
    err = cove_catalog_plan(catalog, txn, run->schema, &run->head, &plan);
    for (size_t i = 0; err == 0 && i < plan->conflict_count; i++) {
        const struct cove_step_id *step = &plan->conflicts[i].step;

        if (cove_journal_descends(schema->journal, &run->head, step)) {
            char hex[COVE_HEX_LEN(8)];

            cove_hex(cove_bytes(step->b, 8), hex);
            run->state = COVE_RUN_DRIFT_BLOCKED;
            cove_run_error(run,
                           "step %s conflicts with one published before; `cove "
                           "migrate status` shows which operations do nothing",
                           hex);
            return 0;
        }
    }
    return err;
}

/* The one on record goes on; what the request says of how stands. */
static void begin_again(struct cove_run *run, const struct cove_run *held,
                        bool queue)
{
    struct cove_run again = *held;

    again.batch = run->batch;
    again.rate = run->rate;
    again.threshold = run->threshold;
    again.live_days = run->live_days;
    again.state = queue ? held->state : COVE_RUN_RUNNING;
    *run = again;
}

static int begin_new(struct cove_catalog *catalog, struct cove_store_txn *txn,
                     struct cove_run *run, const struct cove_run *held,
                     bool queue, struct cove_diag *diag)
{
    struct cove_repo *repo = cove_catalog_repo(catalog);
    bool same = memcmp(held->head.b, run->head.b, sizeof(run->head.b)) == 0;
    int err = begin_allowed(repo, txn, run, diag);

    if (err == 0) {
        err = cove_quarantine_clear(repo, txn, run->schema);
    }
    if (err == 0) {
        err = begin_total(repo, txn, run);
    }
    run->state = queue ? COVE_RUN_QUEUED : COVE_RUN_RUNNING;
    run->number = held->number + 1;
    run->lease.fence = held->lease.fence;
    run->noted = same && (held->state == COVE_RUN_COMPLETED ||
                          held->state == COVE_RUN_NOOP);
    run->started_ms = life_now(catalog);
    return err != 0 ? err : begin_blocked(catalog, txn, run);
}

int cove_run_begin(struct cove_catalog *catalog, struct cove_store_txn *txn,
                   struct cove_run *run, bool queue,
                   struct cove_run_worker *worker, struct cove_diag *diag)
{
    struct cove_repo *repo = cove_catalog_repo(catalog);
    struct cove_run held = {.number = 0};
    uint64_t now_ms = life_now(catalog);
    int err = cove_run_restore(repo, txn, run->schema, &held);
    bool known = err == 0;

    if (err != 0 && err != COVE_ENOTFOUND) {
        return err;
    }
    bool same =
        known && memcmp(held.head.b, run->head.b, sizeof(run->head.b)) == 0;

    if (known && held.state == COVE_RUN_PAUSED) {
        return cove_fail(diag, COVE_ECONDITION,
                         "its run is paused at %llu of %llu documents; `cove "
                         "migrate resume` goes on, `cove migrate cancel` ends "
                         "it",
                         (unsigned long long)held.done,
                         (unsigned long long)held.total);
    }
    if (known && cove_run_open(held.state)) {
        if (queue && same) { /* somebody will, or does already */
            *run = held;
            return 0;
        }
        if (cove_run_held(&held, worker, now_ms)) {
            return cove_run_take(&held, worker, now_ms, diag);
        }
    }
    if (same && cove_run_open(held.state)) {
        begin_again(run, &held, queue);
        err = begin_blocked(catalog, txn, run);
    } else {
        err = begin_new(catalog, txn, run, &held, queue, diag);
    }
    worker->fence = 0; /* whoever had it before: this asks anew */
    if (err == 0 && run->state == COVE_RUN_RUNNING) {
        err = cove_run_take(run, worker, now_ms, diag);
    }
    return err != 0 ? err : cove_run_save(repo, txn, run);
}

/* -------------------------------------------------------------------- a step
 */

uint64_t cove_run_wait_ms(const struct cove_run *run, uint64_t now_ms)
{
    return run->next_ms > now_ms ? run->next_ms - now_ms : 0;
}

void cove_run_adapt(struct cove_run *run, uint64_t took_ms, uint64_t aim_ms)
{
    uint64_t most_ms = aim_ms != 0 ? aim_ms : 50;
    uint32_t size = run->size != 0 ? run->size : COVE_RUN_BATCH;

    if (took_ms > most_ms) {
        size = size / 2;
    } else if (took_ms * 5 < most_ms * 2) {
        size = size * 2;
    }
    run->size = size < COVE_RUN_BATCH_MIN   ? COVE_RUN_BATCH_MIN
                : size > COVE_RUN_BATCH_MAX ? COVE_RUN_BATCH_MAX
                                            : size;
}

/* Documents of the next batch: a fixed or the fitting number, and where there
 * is a rate, no more than a tenth of a second's worth in one commit. */
static uint32_t step_size(const struct cove_run *run, uint32_t most)
{
    uint64_t size = run->size != 0 ? run->size : COVE_RUN_BATCH;

    if (run->rate != 0 && size > run->rate / 10) {
        size = run->rate / 10 > 0 ? run->rate / 10 : 1;
    }
    size = run->batch != 0 ? run->batch : size;
    return (uint32_t)(size < most ? size : most);
}

static uint64_t step_allowed(const struct cove_run *run)
{
    uint64_t allowed = run->total * run->threshold / COVE_RUN_WHOLE;

    return allowed == 0 && run->threshold > 0 ? 1 : allowed;
}

/* "co_z…: /size: …" of the first that is quarantined. */
static int step_first(struct cove_repo *repo, struct cove_store_txn *txn,
                      const struct cove_run *run, char *out, size_t cap)
{
    struct cove_quarantined q = {.num = 0};
    struct cove_doc_brief brief;
    char id[COVE_ID_TEXT_MAX] = "";
    int err = cove_quarantine_next(repo, txn, run->schema, 0, &q);

    if (err == 0) {
        err = cove_repo_brief(repo, txn, q.num, &brief);
    }
    if (err == 0) {
        cove_id_text(&brief.id, id);
        snprintf(out, cap, "%.14s: %.110s", id, q.reason);
    }
    return err;
}

/* More quarantined than the threshold allows: why the run fails. */
static int step_too_many(struct cove_repo *repo, struct cove_store_txn *txn,
                         struct cove_run *run)
{
    char first[140] = "";
    int err = step_first(repo, txn, run, first, sizeof(first));

    cove_run_error(
        run,
        "%llu of %llu documents do not convert, more than the threshold "
        "of %g %%; the first is %s",
        (unsigned long long)run->quarantined, (unsigned long long)run->done,
        (double)run->threshold * 100 / COVE_RUN_WHOLE, first);
    run->state = COVE_RUN_FAILED;
    return err;
}

/* Is it over: too much failed, or nothing is left? */
static int step_judge(struct cove_catalog *catalog, struct cove_store_txn *txn,
                      struct cove_run *run, struct cove_diag *diag)
{
    struct cove_repo *repo = cove_catalog_repo(catalog);
    int err = 0;

    if ((run->finished || run->done >= COVE_RUN_JUDGED) &&
        run->quarantined > step_allowed(run)) {
        err = step_too_many(repo, txn, run);
    } else if (run->finished) {
        run->state = run->migrated == 0 && run->failed == 0
                         ? COVE_RUN_NOOP
                         : COVE_RUN_COMPLETED;
    }
    if (err != 0 || run->state == COVE_RUN_RUNNING) {
        return err;
    }
    run->ended_ms = life_now(catalog);
    cove_run_release(run);
    return run->state == COVE_RUN_NOOP && run->noted
               ? 0
               : cove_run_note(catalog, txn, run, diag);
}

int cove_run_step(struct cove_catalog *catalog, struct cove_store_txn *txn,
                  struct cove_run *run, uint32_t most,
                  struct cove_run_worker *worker, struct cove_diag *diag)
{
    struct cove_repo *repo = cove_catalog_repo(catalog);
    uint64_t now_ms = life_now(catalog), before;
    struct cove_run held;
    int err = cove_run_restore(repo, txn, run->schema, &held);

    if (err != 0) {
        return err;
    }
    held.live_days = run->live_days;
    held.size = run->size != 0 ? run->size : held.size;
    if (held.state != COVE_RUN_RUNNING && held.state != COVE_RUN_QUEUED) {
        *run = held;
        return 0;
    }
    err = cove_run_take(&held, worker, now_ms, diag);
    if (err != 0) {
        return err;
    }
    *run = held;
    if (cove_run_wait_ms(run, now_ms) > 0) {
        return 0;
    }
    uint32_t batch = run->batch;

    run->state = COVE_RUN_RUNNING;
    before = run->done;
    run->batch = step_size(run, most);
    err = cove_run_batch(catalog, txn, run, NULL, NULL, diag);
    run->batch = batch;
    if (err != 0) {
        return err;
    }
    if (run->rate != 0) {
        run->next_ms = now_ms + (run->done - before) * 1000 / run->rate;
        run->lease.expires_ms = run->next_ms + COVE_RUN_LEASE_MS;
    }
    err = step_judge(catalog, txn, run, diag);
    return err != 0 ? err : cove_run_save(repo, txn, run);
}

int cove_run_atomic(struct cove_catalog *catalog, struct cove_store_txn *txn,
                    struct cove_run *run, uint64_t limit,
                    struct cove_run_worker *worker, struct cove_diag *diag)
{
    struct cove_repo *repo = cove_catalog_repo(catalog);
    int err = cove_run_begin(catalog, txn, run, false, worker, diag);

    if (err == 0 && run->total > limit) {
        err = cove_fail(diag, COVE_ELIMIT,
                        "%llu documents in one commit; %llu are the most: run "
                        "it in batches, or raise the limit (`cove config "
                        "atomicLimit=N`)",
                        (unsigned long long)run->total,
                        (unsigned long long)limit);
    }
    if (err != 0 || run->state != COVE_RUN_RUNNING) {
        return err;
    }
    uint32_t batch = run->batch;

    run->next_ms = 0;
    run->batch = COVE_RUN_BATCH_MAX;
    while (err == 0 && !run->finished) {
        err = cove_run_batch(catalog, txn, run, NULL, NULL, diag);
        if (err == 0 && run->quarantined > 0) {
            char first[140] = "";

            err = step_first(repo, txn, run, first, sizeof(first));
            err = err != 0 ? err
                           : cove_fail(diag, COVE_EINVALID,
                                       "all or nothing, and this one does not "
                                       "convert: %s; nothing was written",
                                       first);
        }
    }
    run->batch = batch;
    if (err == 0) {
        err = step_judge(catalog, txn, run, diag);
    }
    return err != 0 ? err : cove_run_save(repo, txn, run);
}

/* Has somebody taken the run up, or done it, since the transaction that took
 * it up here was thrown away? */
static int fail_overtaken(struct cove_repo *repo, struct cove_store_txn *txn,
                          const struct cove_run *run, struct cove_run *held,
                          bool *overtaken)
{
    const struct cove_run_lease *lease = &held->lease;
    int err = cove_run_restore(repo, txn, run->schema, held);

    *overtaken =
        err == 0 && lease->fence >= run->lease.fence &&
        (lease->fence > run->lease.fence ||
         memcmp(lease->holder, run->lease.holder, sizeof(lease->holder)) != 0);
    return err == COVE_ENOTFOUND ? 0 : err;
}

int cove_run_fail(struct cove_catalog *catalog, struct cove_store_txn *txn,
                  struct cove_run *run, const char *why, struct cove_diag *diag)
{
    struct cove_repo *repo = cove_catalog_repo(catalog);
    struct cove_run held;
    bool overtaken;
    int err = fail_overtaken(repo, txn, run, &held, &overtaken);

    if (err != 0 || overtaken) {
        *run = err == 0 ? held : *run;
        return err;
    }
    struct cove_run failed = {.schema = run->schema,
                              .head_given = true,
                              .head = run->head,
                              .batch = run->batch,
                              .rate = run->rate,
                              .threshold = run->threshold,
                              .state = COVE_RUN_FAILED,
                              .number = run->number,
                              .lease = run->lease,
                              .total = run->total,
                              .started_ms = run->started_ms};

    *run = failed; /* what it counted is gone with what it wrote */
    run->ended_ms = life_now(catalog);
    cove_run_error(run, "%s", why);
    cove_run_release(run);
    err = cove_run_save(repo, txn, run);
    return err != 0 ? err : cove_run_note(catalog, txn, run, diag);
}
