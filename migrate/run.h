/* run.h: migrating the documents of a schema in batches, as work that can be
 * left, taken up, stopped and done again.
 *
 * A run is a record of this store, one for each journal. It says what is
 * wanted, how far it is, what it counted, and who works on it until when; it is
 * committed together with the data that it stands for. So what a process did
 * stands, however it ended, and the next one goes on behind it.
 *
 *        queued ──▶ running ──▶ completed, noop, failed
 *           ▲         │  ▲
 *    resume │   pause ▼  │ take          cancel: from queued, running, paused
 *           └────── paused               retry: from completed, failed,
 * canceled
 *
 * Documents that a step fails on are quarantined: each has a record of its own
 * with the reason, and does not stop the rest.
 */
#ifndef COVE_MIGRATE_RUN_H
#define COVE_MIGRATE_RUN_H

#include "migrate/load.h"

#define COVE_RUN_LEASE_MS   30000
#define COVE_RUN_BATCH      128 /* documents a commit at first … */
#define COVE_RUN_BATCH_MIN  16  /* … and as it adapts */
#define COVE_RUN_BATCH_MAX  4096
#define COVE_RUN_WHOLE      1000000 /* parts of a threshold */
#define COVE_RUN_JUDGED     100     /* documents before a threshold is judged */
#define COVE_RUN_REASON_MAX 200     /* bytes kept of why a document failed */

enum cove_run_state {
    COVE_RUN_RUNNING,
    COVE_RUN_QUEUED,
    COVE_RUN_PAUSED,
    COVE_RUN_COMPLETED,
    COVE_RUN_FAILED,
    COVE_RUN_CANCELED,
    COVE_RUN_DRY,
    COVE_RUN_NOOP,
    COVE_RUN_DRIFT_BLOCKED
};
#define COVE_RUN_STATES (COVE_RUN_DRIFT_BLOCKED + 1)
const char *cove_run_state_name(enum cove_run_state state);
/* Is there something left to do, by whoever takes it up? */
bool cove_run_open(enum cove_run_state state);

/* Who may go on with a run: until when, and the how manieth holder it is. Each
 * commit of a batch sets it anew. */
struct cove_run_lease {
    uint8_t holder[16]; /* all zero: nobody */
    uint64_t process;   /* for people: the holder's process id */
    uint64_t expires_ms;
    uint64_t fence; /* counts the holders: an old one's is stale */
};

struct cove_run {
    cove_num schema;
    bool head_given; /* else the newest */
    struct cove_step_id head;
    bool dry;           /* evaluate only, write nothing */
    bool strict;        /* drift or a conflicted step blocks it */
    uint32_t batch;     /* documents a commit, 0: it adapts */
    int64_t live_days;  /* 0 = 90 */
    uint64_t rate;      /* documents a second, 0 = as fast as it goes */
    uint32_t threshold; /* of COVE_RUN_WHOLE: more quarantined, and it fails */

    enum cove_run_state state;
    uint64_t number; /* of this schema's runs here, from 1 */
    bool retrying;   /* the quarantined ones, before the cursor goes on */
    bool noted;      /* a run to this head was on record as done before */
    struct cove_run_lease lease;
    uint32_t size;    /* of the next batch where it adapts, 0 = at first */
    uint64_t next_ms; /* the rate allows no batch before */

    /* counted on the way; the cursor is committed with the data */
    cove_num cursor;       /* last document done */
    cove_num retry_cursor; /* the same while retrying */
    uint64_t total, done, migrated, copies, current, failed;
    uint64_t valid, invalid; /* as the head's JSON Schema judges them */
    uint64_t quarantined;    /* values do not convert, or it cannot be loaded */
    uint64_t by_state[COVE_STATE_LOCAL_ONLY + 1]; /* of this call only */
    /* Milliseconds since 1970: of the first batch, when last saved, the end. */
    uint64_t started_ms, saved_ms, ended_ms;
    bool finished;   /* the cursor is behind the last document */
    char error[256]; /* why it failed */
};

/* --- batches (run.c) */

/* Do one batch inside `txn` (a write transaction unless dry) and move the
 * cursor. A document that fails is counted and does not stop the rest. */
typedef void cove_run_report(void *ctx, const struct cove_loaded *loaded,
                             const char *why);
COVE_MUST_CHECK int cove_run_batch(struct cove_catalog *catalog,
                                   struct cove_store_txn *txn,
                                   struct cove_run *run,
                                   cove_run_report *report, void *ctx,
                                   struct cove_diag *diag);

/* --- the record (run_record.c) */

/* Say why it failed, in as many whole characters as there is room for. */
void cove_run_error(struct cove_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

COVE_MUST_CHECK int cove_run_save(struct cove_repo *repo,
                                  struct cove_store_txn *txn,
                                  struct cove_run *run);
/* Errors: COVE_ENOTFOUND where none was ever begun. */
COVE_MUST_CHECK int cove_run_restore(struct cove_repo *repo,
                                     struct cove_store_txn *txn,
                                     cove_num schema, struct cove_run *out);
/* The record of the first schema behind `after`; COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_run_next(struct cove_repo *repo,
                                  struct cove_store_txn *txn, cove_num after,
                                  struct cove_run *out);

struct cove_quarantined {
    cove_num num;
    char reason[COVE_RUN_REASON_MAX + 1];
};
/* The first quarantined document of a schema behind `after`; COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_quarantine_next(struct cove_repo *repo,
                                         struct cove_store_txn *txn,
                                         cove_num schema, cove_num after,
                                         struct cove_quarantined *out);
COVE_MUST_CHECK int cove_quarantine_put(struct cove_repo *repo,
                                        struct cove_store_txn *txn,
                                        cove_num schema, cove_num num,
                                        const char *reason);
/* Not to be there is no error. */
COVE_MUST_CHECK int cove_quarantine_del(struct cove_repo *repo,
                                        struct cove_store_txn *txn,
                                        cove_num schema, cove_num num);
COVE_MUST_CHECK int cove_quarantine_clear(struct cove_repo *repo,
                                          struct cove_store_txn *txn,
                                          cove_num schema);

/* --- who works on it (run_lease.c) */

/* One who works on runs: a process, or a handle of one. `fence` is what it got
 * when it took the run up, 0 before. */
struct cove_run_worker {
    uint8_t id[16];
    uint64_t process;
    uint64_t fence;
};
/* Take the run up, or keep it for another while.
 * Errors: COVE_EBUSY: another holds it (who, until when), or has taken it over
 * since this worker did. */
COVE_MUST_CHECK int cove_run_take(struct cove_run *run,
                                  struct cove_run_worker *worker,
                                  uint64_t now_ms, struct cove_diag *diag);
/* Whoever holds it is to stop: its fence is stale from here on. */
void cove_run_release(struct cove_run *run);
/* Is it held by somebody else, for now? */
bool cove_run_held(const struct cove_run *run,
                   const struct cove_run_worker *worker, uint64_t now_ms);

/* --- a run as a whole (run_life.c); each works in the caller's commit */

/* What a run is to be; `run` is the request (schema, head, batch, rate,
 * threshold, live_days), and is filled with the one on record where that goes
 * on: unfinished and to the same head. Otherwise a new one is begun.
 * Errors: COVE_EBUSY, COVE_ECONDITION (paused), COVE_EDENIED (this device may
 * write none of its documents). */
COVE_MUST_CHECK int cove_run_begin(struct cove_catalog *catalog,
                                   struct cove_store_txn *txn,
                                   struct cove_run *run, bool queue,
                                   struct cove_run_worker *worker,
                                   struct cove_diag *diag);
/* The next batch, of at most `most` documents, unless the rate forbids it for
 * now: lease, documents, quarantine, threshold, the end with its entry in the
 * activity record, and the run's record. A run that somebody paused or
 * canceled is left as it is; run->state says so.
 * Errors: COVE_EBUSY (the lease is another's by now), those of cove_run_batch:
 * nothing of the batch may be committed then. */
COVE_MUST_CHECK int cove_run_step(struct cove_catalog *catalog,
                                  struct cove_store_txn *txn,
                                  struct cove_run *run, uint32_t most,
                                  struct cove_run_worker *worker,
                                  struct cove_diag *diag);
uint64_t cove_run_wait_ms(const struct cove_run *run, uint64_t now_ms);
/* A commit took so long: fit the next batch to 20 to 50 ms (or `aim_ms` at
 * most, where that is not 0). */
void cove_run_adapt(struct cove_run *run, uint64_t took_ms, uint64_t aim_ms);

enum cove_run_order {
    COVE_RUN_PAUSE,
    COVE_RUN_RESUME, /* a paused, canceled or failed one goes on: queued */
    COVE_RUN_CANCEL,
    COVE_RUN_RETRY /* the quarantined ones again: queued */
};
/* Change what a run is to do, whoever works on it; run->schema says which, the
 * rest is filled. What is so already stays (*changed is false).
 * Errors: COVE_ENOTFOUND (no run), COVE_ECONDITION (says how it stands, and
 * what helps). */
COVE_MUST_CHECK int cove_run_command(struct cove_catalog *catalog,
                                     struct cove_store_txn *txn,
                                     enum cove_run_order order,
                                     struct cove_run *run, bool *changed,
                                     struct cove_diag *diag);
/* All documents in the caller's one commit, or an error: COVE_ELIMIT above
 * `limit` documents (says how many), COVE_EINVALID where one fails (says which
 * and why): the caller then aborts. */
COVE_MUST_CHECK int cove_run_atomic(struct cove_catalog *catalog,
                                    struct cove_store_txn *txn,
                                    struct cove_run *run, uint64_t limit,
                                    struct cove_run_worker *worker,
                                    struct cove_diag *diag);
/* Put a run on record that failed as a whole: its transaction is gone. What
 * somebody else made of it meanwhile stands, and is filled in. */
COVE_MUST_CHECK int cove_run_fail(struct cove_catalog *catalog,
                                  struct cove_store_txn *txn,
                                  struct cove_run *run, const char *why,
                                  struct cove_diag *diag);
/* Note a run in the activity record of the schema's owner. */
COVE_MUST_CHECK int cove_run_note(struct cove_catalog *catalog,
                                  struct cove_store_txn *txn,
                                  const struct cove_run *run,
                                  struct cove_diag *diag);

#endif
