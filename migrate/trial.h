/* trial.h: documents tried at a version that they are not at yet.
 *
 * Each document of a schema is seen at two heads, of which the second may be
 * assumed (cove_catalog_assume), and judged at both. Nothing is written. It
 * goes in slices, so that no read transaction stays open for long; what changed
 * after the trial began has moved away and is left out, so that all that is
 * counted is of one moment.
 *
 *   begin ─▶ slice, slice, … until finished: counts, and reasons
 */
#ifndef COVE_MIGRATE_TRIAL_H
#define COVE_MIGRATE_TRIAL_H

#include "migrate/where.h"

#define COVE_TRIAL_REASONS  100 /* what is beyond them is counted together */
#define COVE_TRIAL_EXAMPLES 5   /* documents named for a reason */

/* Why documents that were valid are not any longer. */
struct cove_trial_reason {
    struct cove_bytes field; /* empty: all that is beyond COVE_TRIAL_REASONS */
    struct cove_bytes text;
    uint64_t count;
    struct cove_id examples[COVE_TRIAL_EXAMPLES];
    size_t example_count;
};

struct cove_trial {
    /* what is asked */
    cove_num schema;
    struct cove_step_id before, after;
    const struct cove_where *where; /* at `before`; NULL: all */
    uint64_t sample;                /* documents, spread evenly; 0: all */
    int64_t live_days;
    struct cove_arena *arena; /* for the reasons; of the caller */
    /* where it stands */
    uint64_t frontier; /* the store's change sequence at the beginning */
    cove_num cursor;
    uint64_t matching; /* a sample needs to know of how many: counted first */
    uint64_t passed;   /* of them */
    bool counted, finished;
    /* what came of it */
    uint64_t documents; /* of the schema */
    uint64_t evaluated;
    uint64_t moved;
    uint64_t due, copies, bytes; /* documents with copies to write, these, and
                                    what they take in the log, about */
    uint64_t invalid_before, newly_invalid, mended;
    uint64_t spared; /* valid at both, though at `after` what they had at
                        `before` would not be: a step changes it */
    struct cove_trial_reason *reasons;
    size_t reason_count, reason_cap;
};

/* One document, while it is looked at. A sentence is empty where it is valid.
 */
struct cove_trial_document {
    struct cove_loaded *before, *after;
    const char *why_before, *why_after;
};
/* A result other than 0 ends the slice and is given back. */
typedef int cove_trial_report(void *ctx, const struct cove_trial_document *doc);

COVE_MUST_CHECK int cove_trial_begin(struct cove_catalog *catalog,
                                     struct cove_store_txn *txn,
                                     struct cove_trial *trial);
struct cove_trial_slice {
    uint32_t documents; /* at most */
    cove_trial_report *report;
    void *ctx;
};
/* Errors: COVE_EBLOCKED (a head is not active), store errors, the report's. */
COVE_MUST_CHECK int cove_trial_go(struct cove_catalog *catalog,
                                  struct cove_store_txn *txn,
                                  struct cove_trial *trial,
                                  const struct cove_trial_slice *slice,
                                  struct cove_diag *diag);

#endif
