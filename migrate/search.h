/* search.h: the documents of a schema that meet a condition, in an order.
 *
 * Rows come in the order asked for, by values as core/order.h sorts them, each
 * by its first 1,024 bytes; then by number of the document, in the direction of
 * the last field of the order. That order does not depend on how the rows are
 * found, so that a cursor is good whatever indexes come and go meanwhile.
 *
 * Where an index helps, its entries are candidates, and so is all that it does
 * not say for sure (index.h "tail"): a search never misses a document.
 */
#ifndef COVE_MIGRATE_SEARCH_H
#define COVE_MIGRATE_SEARCH_H

#include "migrate/index.h"
#include "migrate/where.h"

#define COVE_SEARCH_ORDER 8       /* fields of an order, at most */
#define COVE_SEARCH_KEY   1024    /* bytes of a value that count for it */
#define COVE_SEARCH_ROWS  1000000 /* that are sorted, without a limit */

struct cove_search_order {
    struct cove_bytes path;
    bool down;
};

struct cove_search_request {
    cove_num journal;
    struct cove_step_id head;
    const struct cove_where *where; /* checked; NULL: all */
    const struct cove_search_order *order;
    size_t order_count;
    uint64_t limit;          /* rows; 0: all */
    struct cove_bytes after; /* a cursor's text, or empty */
    cove_num after_num;      /* without an order: or the last one's number */
    struct cove_bytes asked; /* what the cursor must be of: where, and order */
    bool local;              /* the local documents, which else are left out */
    bool scan;               /* as if there were no index */
    /* Called now and then in a long search, to end the read transaction and
     * begin another, given back in *txn. May be NULL. */
    int (*pause)(void *ctx, struct cove_store_txn **txn);
    void *pause_ctx;
};

struct cove_search;

struct cove_search_row {
    cove_num num;
    struct cove_bytes key; /* what it sorts by; borrowed until the next row */
};

struct cove_search_explain {
    const struct cove_index *index; /* the first that is used; NULL: a scan */
    size_t indexes;                 /* how many */
    bool building;                  /* one of them is not complete */
    bool ordered; /* rows come in the order asked for; else they are sorted */
    bool exact;   /* entries decide by themselves */
    uint64_t entries; /* of indexes, passed */
    uint64_t looked;  /* documents that were loaded */
    uint64_t tail;    /* of them, because no index says anything for sure */
    uint64_t rows;
    uint64_t unjudged; /* that no version shows */
};

/* Everything in `request` outlives it. Errors: COVE_EUSAGE (the cursor, the
 * order), COVE_ENOTFOUND (a field of the order), COVE_EBLOCKED, COVE_ELIMIT
 * (too much to sort), COVE_EBUSY (indexes changed during a pause: search again
 * from the last cursor), store errors. */
COVE_MUST_CHECK int cove_search_open(struct cove_indexes *indexes,
                                     struct cove_store_txn *txn,
                                     const struct cove_search_request *request,
                                     struct cove_search **out,
                                     struct cove_diag *diag);
void cove_search_close(struct cove_search *search);
/* Errors: COVE_ENOTFOUND behind the last row; as above. */
COVE_MUST_CHECK int cove_search_next(struct cove_search *search,
                                     struct cove_search_row *out,
                                     struct cove_diag *diag);
/* From here on the search is in this transaction. */
void cove_search_move(struct cove_search *search, struct cove_store_txn *txn);
/* The cursor behind the last row that was given, as text: append to `out`.
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_search_cursor(const struct cove_search *search,
                                       struct cove_buf *out);
const struct cove_search_explain *cove_search_explain(
    const struct cove_search *search);

#endif
