/* interest.h: what a peer wants to be told of: everything, or the documents of
 * some schemas, of some groups, and some by id with what they refer to.
 *
 * Groups, accounts, journals and registries are in every interest, since what
 * else is wanted is read by them. What a peer may not read is in none, whatever
 * it asks for; that is looked at elsewhere. docs/PROTOCOL.md "Interest".
 */
#ifndef COVE_SYNC_INTEREST_H
#define COVE_SYNC_INTEREST_H

#include "core/cbor.h"
#include "crdt/repo.h"

#define COVE_INTEREST_SCHEMAS   64
#define COVE_INTEREST_GROUPS    64
#define COVE_INTEREST_DOCUMENTS 1024
#define COVE_INTEREST_STEPS     8     /* references followed, one to the next */
#define COVE_INTEREST_FOLLOWED  16384 /* documents, those listed included */

struct cove_interest_doc {
    struct cove_id id;
    uint8_t steps; /* to follow from here */
    bool told;     /* for who tells them */
};

struct cove_interest {
    const struct cove_alloc *alloc;
    bool all; /* the rest is then empty */
    struct cove_id *schemas, *groups;
    size_t schema_count, group_count;
    struct cove_interest_doc *docs; /* ascending by id, as said, and then … */
    size_t doc_count, doc_cap;
    bool followed; /* … with what they refer to */
    bool full;     /* more than is followed */
};

void cove_interest_init(struct cove_interest *in,
                        const struct cove_alloc *alloc); /* everything */
void cove_interest_clear(struct cove_interest *in);      /* frees: everything */

/* What stands for everything: null, encoded. */
struct cove_bytes cove_interest_everything(void);
/* Check hostile bytes, null or [schemas, groups, [id, steps]], each list
 * ascending without repetition, and take them. Errors: COVE_EPROTOCOL with a
 * sentence, COVE_ENOMEM; it is then as it was. */
COVE_MUST_CHECK int cove_interest_decode(struct cove_interest *in,
                                         struct cove_bytes cbor,
                                         struct cove_diag *diag);
/* The encoded form of lists in any order, which it sorts. Errors:
 * COVE_ENOMEM. */
COVE_MUST_CHECK int cove_interest_encode(struct cove_interest *in,
                                         struct cove_buf *out);
/* Is one such item next? Walks over it. */
bool cove_interest_check(struct cove_reader *r, struct cove_bytes *out);

/* Find what the documents refer to, in every step. Errors: store errors,
 * COVE_ENOMEM. */
COVE_MUST_CHECK int cove_interest_follow(struct cove_interest *in,
                                         struct cove_repo *repo,
                                         struct cove_store_txn *txn);
/* A document has changed and is told: follow it again where it is to be
 * followed. */
COVE_MUST_CHECK int cove_interest_changed(struct cove_interest *in,
                                          struct cove_repo *repo,
                                          struct cove_store_txn *txn,
                                          const struct cove_id *id);
/* Is a document wanted? */
bool cove_interest_has(const struct cove_interest *in,
                       const struct cove_doc_outline *outline);
/* Are all documents of this owner and schema? */
bool cove_interest_has_group(const struct cove_interest *in,
                             const struct cove_id *owner, bool has_schema,
                             const struct cove_id *schema);

/* As said of a peer: what this store wants of it, what it wants of this store,
 * and under which wish the position was reached that is held of it. An absent
 * record is everything. */
enum cove_interest_record {
    COVE_INTEREST_WANTED, /* of it, by the user */
    COVE_INTEREST_HELD,   /* the one that peer.have stands for */
    COVE_INTEREST_THEIRS  /* of us, as last heard */
};
/* The encoded form, copied into out. */
COVE_MUST_CHECK int cove_interest_get(struct cove_repo *repo,
                                      struct cove_store_txn *txn,
                                      enum cove_interest_record which,
                                      const struct cove_key *peer,
                                      struct cove_buf *out);
COVE_MUST_CHECK int cove_interest_put(struct cove_repo *repo,
                                      struct cove_store_txn *txn,
                                      enum cove_interest_record which,
                                      const struct cove_key *peer,
                                      struct cove_bytes encoded);
/* How often what is wanted of any peer was changed. */
COVE_MUST_CHECK int cove_interest_changes(struct cove_repo *repo,
                                          struct cove_store_txn *txn,
                                          uint64_t *out);
COVE_MUST_CHECK int cove_interest_forget(struct cove_repo *repo,
                                         struct cove_store_txn *txn,
                                         const struct cove_key *peer);

#endif
