/* digests.h: what documents hold, as one hash for each owner: stores that hold
 * the same of an owner have the same, whatever the order it came in.
 */
#ifndef COVE_NODE_DIGESTS_H
#define COVE_NODE_DIGESTS_H

#include "node/node.h"

struct node_digest_row { /* documents of one owner */
    struct cove_id owner;
    uint8_t sum[32]; /* of document digests, modulo 2^256: any order */
};

struct node_digests {
    struct cove_arena *arena;     /* that it grows in */
    struct node_digest_row *rows; /* sorted by id */
    size_t count, cap;
};

/* Count a document to its owner; a group or account is its own.
 * Errors: COVE_ENOMEM. */
int node_digests_add(struct node_digests *d, const struct cove_id *owner,
                     const struct cove_hash *digest);
struct cove_hash node_digest_of(const struct node_digest_row *row);
/* Of all owners together. */
struct cove_hash node_digests_all(const struct node_digests *d);
/* "digests": {OWNER: hex}, "digest", of an object that is open. */
void node_digests_json(const struct node_digests *d, struct node_json *j);

#endif
