/* repo_gone_parts.h: what the repo asks of repo_gone.c. A part of
 * repo_internal.h, which includes it.
 */
#ifndef COVE_CRDT_REPO_GONE_PARTS_H
#define COVE_CRDT_REPO_GONE_PARTS_H

#include "crdt/repo_internal.h"

/* Was it removed, as far as it is known here? */
bool repo_gone_is(const struct repo_record *record);
/* COVE_EREMOVED, with the sentence that says by whom. */
int repo_gone_refuse(const struct repo_work *work,
                     const struct repo_record *record);
/* It is, since now: drop what is to go, and write the record; its change is
 * noted already. */
COVE_MUST_CHECK int repo_gone_obey(struct repo_work *work,
                                   struct repo_record *record);
/* A batch for a document that was removed: nothing of it is taken, but what is
 * held of it counts. Errors: COVE_EREMOVED. */
COVE_MUST_CHECK int repo_gone_ingest(struct repo_work *work,
                                     struct repo_record *record,
                                     const struct cove_batch *batch,
                                     uint32_t *have);
/* Is what is new in a batch a tombstone as it should be, or none? row: of its
 * session, or NULL. Errors: COVE_EDENIED, COVE_ECLOCK. */
COVE_MUST_CHECK int repo_gone_check(const struct repo_work *work,
                                    const struct cove_batch *batch,
                                    const struct cove_tx *txs, size_t count,
                                    const struct repo_row *row);

#endif
