/* repo_sums.h: which documents are here and in which state, summed up so that
 * two stores find where they differ without naming what is alike.
 *
 * Documents that the same devices may read and that belong to one schema are a
 * group. A group is a radix tree over document ids, 16 ways: a node of at most
 * COVE_SUM_LEAF documents is a leaf, any other has a child for each next four
 * bits of an id that occur. A leaf's hash is of its documents' marks, a node's
 * of its children's hashes; a mark is of a document's id and state digest. So
 * the hashes are equal exactly where the documents are, whatever the order in
 * which they came.
 *
 * The tree follows the changes and may lie behind them: it stands for the store
 * as of its position. Whoever needs it brings it up to date, in slices; no
 * write waits for it. docs/FORMAT.md "Sums".
 */
#ifndef COVE_CRDT_REPO_SUMS_H
#define COVE_CRDT_REPO_SUMS_H

#include "crdt/repo.h"

#define COVE_SUM_LEAF  32u /* documents in a leaf, at most */
#define COVE_SUM_WAYS  16u
#define COVE_SUM_DEPTH 32u /* the deepest node; 128 bits of an id */
#define COVE_SUM_MARK  16u

struct cove_sum_group {
    enum cove_doc_class class;
    cove_num owner; /* a group or account is its own */
    bool has_schema;
    struct cove_id schema; /* zeros where there is none; its journal need not be
                              here */
};

struct cove_sum_path { /* the first bits of an id, four a step */
    uint8_t depth;
    uint8_t bits[COVE_SUM_DEPTH / 2]; /* zeros behind them */
};

struct cove_sum_node {
    bool leaf;
    uint16_t mask; /* of a node: bit i = there is a child at i … */
    struct cove_hash child[COVE_SUM_WAYS];      /* … with this hash */
    size_t count;                               /* of a leaf: documents, … */
    uint8_t mark[COVE_SUM_LEAF][COVE_SUM_MARK]; /* … ascending by mark */
    cove_num num[COVE_SUM_LEAF];
};

/* Up to which change it stands for the store; 0 where there is none yet. */
COVE_MUST_CHECK int cove_repo_sums_position(struct cove_repo *repo,
                                            struct cove_store_txn *txn,
                                            uint64_t *out);
/* Bring it on by at most `max` changes, in a write transaction; *over: it is up
 * to date. Errors: COVE_ECORRUPT (also: a document that changed cannot be
 * read), store errors, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_repo_sums_step(struct cove_repo *repo,
                                        struct cove_store_txn *txn, size_t max,
                                        bool *over);
/* Forget it all; it is then made anew. */
COVE_MUST_CHECK int cove_repo_sums_drop(struct cove_repo *repo,
                                        struct cove_store_txn *txn);

/* The first group behind `after`, by class, owner and schema; NULL: the first
 * of all. Errors: COVE_ENOTFOUND behind the last. */
COVE_MUST_CHECK int cove_repo_sums_next(struct cove_repo *repo,
                                        struct cove_store_txn *txn,
                                        const struct cove_sum_group *after,
                                        struct cove_sum_group *out);
/* Errors: COVE_ENOTFOUND (no such node), COVE_ECORRUPT. */
COVE_MUST_CHECK int cove_repo_sums_read(struct cove_repo *repo,
                                        struct cove_store_txn *txn,
                                        const struct cove_sum_group *group,
                                        const struct cove_sum_path *path,
                                        struct cove_sum_node *out);
/* As the groups lie in the tree: class, owner, schema. */
int cove_sum_group_order(const struct cove_sum_group *a,
                         const struct cove_sum_group *b);
/* One step down; path->depth < COVE_SUM_DEPTH. */
void cove_sum_path_down(struct cove_sum_path *path, unsigned way);

#endif
