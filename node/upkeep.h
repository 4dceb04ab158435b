/* upkeep.h: marks, and points in the past that a user names. */
#ifndef COVE_NODE_UPKEEP_H
#define COVE_NODE_UPKEEP_H

#include "node/admin.h"

/* A named point of this store's time. */
struct node_mark {
    uint64_t hlc;      /* behind all that was shown, before all that follows */
    int64_t time_ms;   /* by the clock, for people */
    uint64_t sequence; /* of changes */
    struct cove_bytes schema; /* that it was made for; empty: none */
};

/* Set a mark in the caller's commit; one of that name moves. schema may be
 * NULL. Errors: COVE_EUSAGE (the name), store errors. */
int node_mark(struct cove_txn *txn, const char *schema, const char *name);
/* Errors: COVE_ENOTFOUND; the transaction's sentence says so. */
int node_mark_find(struct cove_txn *txn, const char *name,
                   struct node_mark *out);

/* The member `to` of a request as an hlc: milliseconds since 1970, or a text,
 * ISO 8601 in UTC. Errors: COVE_EUSAGE. */
int admin_time(struct admin *a, const char *key, uint64_t *hlc, bool *given);

/* Such a text, in milliseconds; false where it is neither. */
bool node_time_parse(const char *text, int64_t *ms);

#endif
