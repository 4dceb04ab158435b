/* index.h: the indexes of a store: which there are, and keeping them up.
 *
 * An index belongs to one version of one schema, which asks for it (x-index),
 * and holds what that version shows of each document. It is this store's own:
 * made from the documents, never sent, in no digest.
 *
 * An index is complete up to a change sequence, the last one that was looked
 * at: a document that changed later, or that may show something else without a
 * change ("loose"), is looked at by whoever asks (search.h). So an index may
 * lag, and never misses a document. Who commits brings all indexes that are
 * ready up to date in the same commit; what a peer brought is caught up with in
 * pieces. One that is being built has a sequence of its own.
 *
 *   changes  1 ──────────── covered ──────── now
 *            in the index             tail: looked at
 */
#ifndef COVE_MIGRATE_INDEX_H
#define COVE_MIGRATE_INDEX_H

#include "crdt/repo_index.h"
#include "migrate/load.h"

#define COVE_INDEX_MAX 256 /* of a store */

enum cove_index_state {
    COVE_INDEX_BUILDING,
    COVE_INDEX_READY,
    COVE_INDEX_DROPPING /* nobody asks for it any more */
};

struct cove_index {
    uint32_t number; /* in the store; never given again */
    cove_num journal;
    struct cove_step_id head;
    struct cove_hash plan; /* fingerprint of the plan that made it */
    const struct cove_bytes *paths;
    size_t path_count;
    bool unique;
    bool kin; /* children are shown too; known once its plan was looked at */
    enum cove_index_state state;
    bool multi;         /* some document has several entries */
    bool cut;           /* some entry does not hold its values whole */
    uint64_t covered;   /* up to which it is complete */
    uint64_t documents; /* that it was built from so far */
    int64_t asked_ms;   /* when somebody last wanted it */
};

struct cove_indexes; /* of one catalog, for one thread */

COVE_MUST_CHECK int cove_indexes_new(struct cove_catalog *catalog,
                                     struct cove_indexes **out);
void cove_indexes_free(struct cove_indexes *ix);

/* All indexes, as this transaction sees them; borrowed until the next call.
 * Errors: COVE_ECORRUPT, COVE_ENOMEM, store errors. */
COVE_MUST_CHECK int cove_indexes_look(struct cove_indexes *indexes,
                                      struct cove_store_txn *txn,
                                      const struct cove_index **out,
                                      size_t *count);

/* A version that an app speaks. */
struct cove_index_want {
    cove_num journal;
    struct cove_step_id head;
};
struct cove_index_wants {
    const struct cove_index_want *at;
    size_t count;
    bool again; /* they are others than before */
    /* Fills the first two, when they are needed; may be NULL. */
    int (*find)(void *ctx, struct cove_index_wants *wants);
    void *find_ctx;
};
/* Before a commit: make the indexes that schemas ask for at their newest
 * version and at those wanted, and bring those that are ready up to date, with
 * all that this transaction wrote and a bounded piece of what others did.
 * Errors: store errors; the transaction can then only abort. */
COVE_MUST_CHECK int cove_indexes_keep(struct cove_indexes *indexes,
                                      struct cove_store_txn *txn,
                                      struct cove_index_wants *wants,
                                      struct cove_diag *diag);
/* Is there anything that a piece of work would bring further, schemas among it
 * that came since and were not asked? */
COVE_MUST_CHECK int cove_indexes_due(struct cove_indexes *indexes,
                                     struct cove_store_txn *txn, uint64_t rules,
                                     bool *out);
/* Do about so many documents of that work in this write transaction: catching
 * up, building, dropping; *left says whether there is more. */
COVE_MUST_CHECK int cove_indexes_work(struct cove_indexes *indexes,
                                      struct cove_store_txn *txn, size_t max,
                                      bool *left, struct cove_diag *diag);
/* Build an index anew, whatever it holds: after damage, or to be sure; 0: all.
 */
COVE_MUST_CHECK int cove_indexes_again(struct cove_indexes *indexes,
                                       struct cove_store_txn *txn,
                                       uint32_t number);

/* The entries of one document; in the arena, sorted, each once. One that is
 * loose has one entry that says so. *multi, *cut: see struct cove_index; only
 * ever set. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_index_keys(const struct cove_index *index,
                                    struct cove_loaded *loaded,
                                    struct cove_arena *arena,
                                    struct cove_index_key **keys, size_t *count,
                                    bool *multi, bool *cut);
#define COVE_INDEX_LOOSE 0 /* the first byte of such an entry */
#define COVE_INDEX_MAIN  1 /* note: the values that the document sorts by */

/* Documents that a change of another one concerns: of a change of `num`, that
 * of a document or else of its child. *out 0: none of this schema.
 * Errors: store errors. */
COVE_MUST_CHECK int cove_index_concerned(struct cove_catalog *catalog,
                                         struct cove_store_txn *txn,
                                         cove_num journal, bool kin,
                                         cove_num num, cove_num *out);

#endif
