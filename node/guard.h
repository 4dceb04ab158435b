/* guard.h: no step is run that values cannot come back from, where the config
 * wants a backup (`requireBackup`) and there is none of the documents as they
 * are. */
#ifndef COVE_NODE_GUARD_H
#define COVE_NODE_GUARD_H

#include "node/admin.h"

struct node_guard {
    bool required; /* by the config, and the request did not say noBackup */
};

/* Reads the config, and the request's member "noBackup". */
int guard_init(struct admin *a, struct cove_txn *txn, struct node_guard *out);
/* Before a run to `head` is begun: one that goes on, that comes behind a
 * finished one over the same steps, or that has no documents is let pass.
 * Errors: COVE_EDESTRUCTIVE, with what is lost and what helps. */
int guard_run(const struct node_guard *guard, struct cove_txn *txn,
              cove_num schema, const struct cove_step_id *head);
/* Before a step is published and used at once. Errors: as above. */
int guard_step(const struct node_guard *guard, struct cove_txn *txn,
               const struct cove_step *step);
/* Before anything else, `what` in words. Errors: as above. */
int guard_any(const struct node_guard *guard, struct cove_txn *txn,
              const char *what);

/* A backup was made of the store as of this change. */
int guard_note_backup(struct cove *store, uint64_t sequence);

#endif
