/* activity.h: who did what to a schema, and when: published, ran, took back,
 * retired, changed data once. A record for people that syncs like any document;
 * nothing decides by it, but that a one-off change looks whether it was done.
 *
 * One comap for each owner, derivable (unique "activity"). Every entry has a
 * key of its own, so that two devices never write the same one:
 * "<ms since 1970, 13 digits>~<first 8 hex digits of the device>~<n>", and is
 * the map {"what", "schema", "device", …}.
 */
#ifndef COVE_MIGRATE_ACTIVITY_H
#define COVE_MIGRATE_ACTIVITY_H

#include "migrate/catalog.h"

/* Note it in the caller's commit; nothing where this device may not write to
 * documents of the owner. `details` is an encoded map whose members are added
 * to the entry, or empty. Errors: COVE_ENOMEM, store errors. */
struct cove_activity {
    const char *what; /* "publish", "run", "down", "retire", "once" … */
    struct cove_bytes schema; /* its name */
    struct cove_bytes details;
};
COVE_MUST_CHECK int cove_activity_note(struct cove_catalog *catalog,
                                       struct cove_store_txn *txn,
                                       const struct cove_id *owner,
                                       const struct cove_activity *activity,
                                       struct cove_diag *diag);

/* The same of one step: details {"step": hex, "version"}. */
struct cove_activity_step {
    const char *what;
    struct cove_bytes schema;
    struct cove_step_id step;
    int64_t version;
};
COVE_MUST_CHECK int cove_activity_note_step(
    struct cove_catalog *catalog, struct cove_store_txn *txn,
    const struct cove_id *owner, const struct cove_activity_step *step,
    struct cove_diag *diag);

struct cove_activity_entry {
    struct cove_bytes key;
    struct cove_bytes map; /* encoded, checked to be a map */
    uint64_t hlc;          /* of the write itself: what counts */
    struct cove_key author;
};
/* The entries of an owner, the oldest first; none where there is no record.
 * The visitor ends it with a result other than 0, which is given back. */
typedef int cove_activity_visit(void *ctx,
                                const struct cove_activity_entry *entry);
COVE_MUST_CHECK int cove_activity_each(struct cove_catalog *catalog,
                                       struct cove_store_txn *txn,
                                       const struct cove_id *owner,
                                       cove_activity_visit *visit, void *ctx);

#endif
