/* run.h: migrating the documents of a schema in batches: what a sweep does and
 * counts. The cursor is committed together with the data that it stands for.
 */
#ifndef COVE_MIGRATE_RUN_H
#define COVE_MIGRATE_RUN_H

#include "migrate/load.h"

struct cove_run {
    cove_num schema;
    bool head_given; /* else the newest */
    struct cove_step_id head;
    bool dry;          /* evaluate only, write nothing */
    uint32_t batch;    /* documents a commit, 0 = 128 */
    int64_t live_days; /* 0 = 90 */
    /* counted on the way; the cursor is committed with the data */
    cove_num cursor; /* last document done */
    uint64_t total, done, migrated, copies, current, invalid, failed;
    uint64_t by_state[COVE_STATE_LOCAL_ONLY + 1];
    /* Milliseconds since 1970: of the first batch, and when last saved. */
    uint64_t started_ms, saved_ms;
    bool finished;
};
/* Do one batch inside `txn` (a write transaction unless dry) and move the
 * cursor. A document that fails is counted and does not stop the rest. */
typedef void cove_run_report(void *ctx, const struct cove_loaded *loaded,
                             const char *why);
COVE_MUST_CHECK int cove_run_batch(struct cove_catalog *catalog,
                                   struct cove_store_txn *txn,
                                   struct cove_run *run,
                                   cove_run_report *report, void *ctx,
                                   struct cove_diag *diag);
/* The run's record (COVE_RECORDS_RUNS): kept so that a dead run goes on. */
COVE_MUST_CHECK int cove_run_save(struct cove_repo *repo,
                                  struct cove_store_txn *txn,
                                  struct cove_run *run);
COVE_MUST_CHECK int cove_run_restore(struct cove_repo *repo,
                                     struct cove_store_txn *txn,
                                     cove_num schema, struct cove_run *out);

#endif
