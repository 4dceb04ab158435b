/* cut.h: whom a cut of a document's history waits for: the peers that were here
 * lately, may read the document, and have not acknowledged all of it.
 */
#ifndef COVE_NODE_CUT_H
#define COVE_NODE_CUT_H

#include "node/admin.h"
#include "sync/peer.h"

struct cut_peer {
    struct cove_key key;
    char name[sizeof(((struct cove_peer_record *)NULL)->name)];
    uint64_t acked;               /* of this store's changes … */
    struct cove_refused *refused; /* … but for these; or NULL */
    int64_t documents;            /* noted: that were left for its sake */
};

struct cut_peers {
    struct cove_arena *noted; /* of `behind`; outlives the rest */
    int64_t window_ms;        /* who was here since is waited for */
    bool none;                /* nobody is */
    struct cove_arena arena;  /* of one transaction's … */
    struct cut_peer *at;      /* … peers */
    size_t count, cap;
    struct cut_peer *behind; /* those that were noted */
    size_t behind_count, behind_cap;
};

/* All that are waited for, as they stand in this transaction. Errors: store
 * errors, COVE_ENOMEM. */
int cut_peers_read(struct cut_peers *peers, struct cove_txn *txn);
/* The first that may read the document and has not acknowledged all of it;
 * NULL: none. Borrowed, until they are read again. */
int cut_peers_lack(const struct cut_peers *peers, struct cove_txn *txn,
                   cove_num num, const struct cove_doc_outline *doc,
                   const struct cut_peer **out);
/* A document more was left for its sake. Errors: COVE_ENOMEM. */
int cut_peers_note(struct cut_peers *peers, const struct cut_peer *peer);
/* "behind": [{key, name, documents}], of an object that is open. */
void cut_peers_json(const struct cut_peers *peers, struct node_json *j);

#endif
