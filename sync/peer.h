/* peer.h: what is remembered of a peer beside its record: which documents it
 * refused of ours and which we refused of its. A position is acknowledged
 * "but for these"; so one bad document neither passes for held nor keeps all
 * others from being acknowledged. docs/PROTOCOL.md "Positions and
 * acknowledgements".
 */
#ifndef COVE_SYNC_PEER_H
#define COVE_SYNC_PEER_H

#include "sync/engine.h"
#include "sync/message.h"

/* The number for a guest's record, and for the changes that it brings. Errors:
 * COVE_ELIMIT: there were 2^31. */
COVE_MUST_CHECK int cove_guest_number(struct cove_repo *repo,
                                      struct cove_store_txn *txn,
                                      uint32_t *out);

enum cove_refused_side {
    COVE_REFUSED_HERE, /* documents of the peer that this store refused */
    COVE_REFUSED_THERE /* documents of ours that the peer refused */
};

struct cove_refused {
    struct cove_id ids[COVE_MESSAGE_MAX_REFUSED];
    size_t count;
};

bool cove_refused_has(const struct cove_refused *refused,
                      const struct cove_id *id);
/* False where it is full. */
bool cove_refused_add(struct cove_refused *refused, const struct cove_id *id);
/* Was it there? */
bool cove_refused_drop(struct cove_refused *refused, const struct cove_id *id);

/* An absent record is the empty list. */
COVE_MUST_CHECK int cove_refused_get(struct cove_repo *repo,
                                     struct cove_store_txn *txn,
                                     enum cove_refused_side side,
                                     const struct cove_key *peer,
                                     struct cove_refused *out);
COVE_MUST_CHECK int cove_refused_put(struct cove_repo *repo,
                                     struct cove_store_txn *txn,
                                     enum cove_refused_side side,
                                     const struct cove_key *peer,
                                     const struct cove_refused *refused);

#endif
