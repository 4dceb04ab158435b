/* repo_index.h: indexes as the repo keeps them: sorted bytes that lead to
 * documents, and for each document the bytes that it stands under, so that they
 * can be taken back. Whose bytes they are is not known here (migrate/index.h).
 * docs/FORMAT.md "Index".
 */
#ifndef COVE_CRDT_REPO_INDEX_H
#define COVE_CRDT_REPO_INDEX_H

#include "crdt/repo.h"

#define COVE_INDEX_VALUES 243   /* bytes of values in a key */
#define COVE_INDEX_KEYS   1024  /* of a document in an index … */
#define COVE_INDEX_BYTES  60000 /* … and so much in all, packed */

struct cove_index_key {
    struct cove_bytes values;
    uint8_t note; /* opaque; not a part of the order */
};

/* Let a document stand in an index under these keys and no others; sorted, each
 * once. Where they are what they were nothing is written.
 * Errors: COVE_ELIMIT, store errors. */
COVE_MUST_CHECK int cove_repo_index_set(struct cove_repo *repo,
                                        struct cove_store_txn *txn,
                                        uint32_t index, cove_num num,
                                        const struct cove_index_key *keys,
                                        size_t count);
/* What it stands under, in the arena. Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_repo_index_of(struct cove_repo *repo,
                                       struct cove_store_txn *txn,
                                       uint32_t index, cove_num num,
                                       struct cove_arena *arena,
                                       struct cove_index_key **keys,
                                       size_t *count);
/* Take entries of an index away, `max` at most; *left says whether there are
 * more. */
COVE_MUST_CHECK int cove_repo_index_drop(struct cove_repo *repo,
                                         struct cove_store_txn *txn,
                                         uint32_t index, size_t max,
                                         bool *left);

/* The greatest number of an index that has entries; 0: none has. */
COVE_MUST_CHECK int cove_repo_index_last(struct cove_repo *repo,
                                         struct cove_store_txn *txn,
                                         uint32_t *out);

/* The least number above `after` of an index that has entries.
 * Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_repo_index_next(struct cove_repo *repo,
                                         struct cove_store_txn *txn,
                                         uint32_t after, uint32_t *out);

/* A walk over one index, in the order of values and then of documents, or
 * backwards. A write in the transaction ends its place: seek again. */
struct cove_index_walk {
    struct cove_store_cursor *cursor;
    uint32_t index;
    bool back;
};
struct cove_index_entry { /* borrowed until the next step or write */
    struct cove_bytes values;
    uint8_t note;
    cove_num num;
};
COVE_MUST_CHECK int cove_index_walk_open(struct cove_store_txn *txn,
                                         uint32_t index, bool back,
                                         struct cove_index_walk *out);
void cove_index_walk_close(struct cove_index_walk *walk);
/* The first at or behind (values, num); of one that goes back, the last before
 * it. Errors: COVE_ENOTFOUND behind the last, also of next. */
COVE_MUST_CHECK int cove_index_walk_seek(struct cove_index_walk *walk,
                                         struct cove_bytes values, cove_num num,
                                         struct cove_index_entry *out);
COVE_MUST_CHECK int cove_index_walk_next(struct cove_index_walk *walk,
                                         struct cove_index_entry *out);

/* Is the document in the list of this schema? */
COVE_MUST_CHECK int cove_repo_in_schema(struct cove_repo *repo,
                                        struct cove_store_txn *txn,
                                        cove_num schema, cove_num num,
                                        bool *out);
/* Its id, and nothing else of it. Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_repo_id(struct cove_repo *repo,
                                 struct cove_store_txn *txn, cove_num num,
                                 struct cove_id *out);
/* The sequence number of the last change before this write transaction; of
 * another, of the last change of all. */
COVE_MUST_CHECK int cove_repo_began(struct cove_repo *repo,
                                    struct cove_store_txn *txn, uint64_t *out);

#endif
