/* index_internal.h: what the files behind index.h share.
 *
 *   index.c          the records of indexes, read and written
 *   index_declare.c  which there should be
 *   index_keep.c     bringing them up to date
 *   index_keys.c     the entries of a document
 *   index_check.c    do they say what documents do?
 */
#ifndef COVE_MIGRATE_INDEX_INTERNAL_H
#define COVE_MIGRATE_INDEX_INTERNAL_H

#include "migrate/index.h"

struct cove_indexes {
    const struct cove_alloc *alloc;
    struct cove_catalog *catalog;
    struct cove_repo *repo;
    struct cove_arena arena;   /* of items */
    struct cove_arena scratch; /* of one document */
    /* As the store has it: */
    uint64_t edition; /* of the record; 0 = there is none */
    uint64_t rules;   /* as of which schemas were asked */
    uint32_t next;
    struct cove_index *items;
    size_t count, cap;
    uint64_t covered; /* of those that are ready */
    /* What this transaction changed and has not put: */
    bool dirty;
};

/* Read what is there, where it is another than before. */
COVE_MUST_CHECK int indexes_read(struct cove_indexes *ix,
                                 struct cove_store_txn *txn);
/* Write the record where it is dirty. */
COVE_MUST_CHECK int indexes_put(struct cove_indexes *ix,
                                struct cove_store_txn *txn);
COVE_MUST_CHECK int indexes_put_covered(struct cove_indexes *ix,
                                        struct cove_store_txn *txn,
                                        uint64_t covered);
/* An index more, empty but for its number. Errors: COVE_ELIMIT. */
COVE_MUST_CHECK int indexes_add(struct cove_indexes *ix,
                                struct cove_index **out);

/* index_declare.c */
COVE_MUST_CHECK int indexes_declare(struct cove_indexes *ix,
                                    struct cove_store_txn *txn,
                                    const struct cove_index_wants *wants,
                                    uint64_t rules);
/* Begin anew those whose plan is another one by now. */
COVE_MUST_CHECK int indexes_check_plans(struct cove_indexes *ix,
                                        struct cove_store_txn *txn);

/* Let it begin anew, under the plan that it has. */
void index_begin(struct cove_indexes *ix, struct cove_index *index);
COVE_MUST_CHECK int index_paths_copy(struct cove_arena *arena,
                                     const struct cove_bytes *from,
                                     size_t count,
                                     const struct cove_bytes **out);

/* index_keys.c: a value as it sorts, no longer than `max`. Errors:
 * COVE_ENOMEM. */
COVE_MUST_CHECK int index_cell_encode(struct cove_buf *out,
                                      const struct cove_cell *cell, size_t max);
/* The entry of a document that is looked at by who searches. */
struct cove_index_key index_key_loose(void);

/* index_keep.c: what a document of a schema shows where the indexes that are
 * taken look, in one load; `loaded` NULL: no version shows it, or it is
 * damaged. */
struct index_visit {
    bool (*takes)(void *ctx, const struct cove_index *index);
    int (*each)(void *ctx, struct cove_index *index, struct cove_loaded *loaded,
                cove_num num);
    void *ctx;
};
COVE_MUST_CHECK int indexes_show(struct cove_indexes *ix,
                                 struct cove_store_txn *txn, cove_num journal,
                                 cove_num num, const struct index_visit *visit,
                                 struct cove_diag *diag);

#endif
