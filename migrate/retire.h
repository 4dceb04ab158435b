/* retire.h: saying that a version is no longer supported, and what still needs
 * it.
 *
 *   v1 ── v2 ── v3      retire v1: versions before v2 are retired
 *
 * A retired version is still read, and what other devices write at it lands and
 * shows as ever; this program writes no more at it, and writes no copies for
 * it. What says so is an annotation in the journal, which names the oldest
 * version that stays. It cannot be taken back: a version that is needed again
 * is published again, see retreat.h.
 */
#ifndef COVE_MIGRATE_RETIRE_H
#define COVE_MIGRATE_RETIRE_H

#include "crdt/repo_upkeep.h"
#include "migrate/publish.h"

struct cove_retire_device { /* its newest write was at a version to retire */
    struct cove_key device;
    const struct cove_step *step;
    uint64_t hlc;
    bool live; /* within the days in which a version counts as in use */
};

struct cove_retire_version {
    const struct cove_step *step; /* borrowed from the journal */
    uint64_t documents;           /* whose newest user write was at it */
};

struct cove_retire {
    struct cove_prepared step; /* as it would be published */
    const struct cove_step *stays;
    struct cove_retire_version *versions; /* those that this retires */
    size_t version_count;
    struct cove_retire_device *devices;
    size_t device_count;
    bool needed; /* documents or devices still have one of them */
};

struct cove_retire_request {
    cove_num num;        /* journal */
    const char *version; /* the newest that is retired, or its step */
    int64_t live_days;   /* 0 = 90 */
};

/* Find what it would retire, and who needs it; nothing is written. In the
 * arena; steps are borrowed from the journal.
 * Errors: COVE_ENOTFOUND (no such version), COVE_EUSAGE (no version stands on
 * it: it is the newest, or a branch's), COVE_EEXIST (retired before). */
COVE_MUST_CHECK int cove_retire_prepare(
    struct cove_catalog *catalog, struct cove_store_txn *txn,
    const struct cove_retire_request *request, struct cove_arena *arena,
    struct cove_retire *out, struct cove_diag *diag);

#endif
