/* repo_hot.h: the document that a transaction appends to again and again.
 *
 * A text that is typed into, or a counter, gets one transaction after the other
 * in one commit. Writing its record, the end of its log and its change each
 * time would cost many times what the transaction itself does. So from the
 * second one on they stay in memory, and are written once: before the commit,
 * when the chunk is full, and before anybody reads or writes anything else of
 * the repo in that transaction, who therefore never sees that they were not. A
 * part of repo_internal.h, which includes it.
 */
#ifndef COVE_CRDT_REPO_HOT_H
#define COVE_CRDT_REPO_HOT_H

#include "crdt/repo_log.h"
#include "crdt/repo_record.h"

struct repo_hot {
    cove_num num;     /* of the document; 0 = none is hot */
    cove_num last;    /* the one appended to last: the next time it is hot */
    uint32_t session; /* interned, the one that is appended to */
    int err; /* what an append or a write of it failed with: half of it may be
                in the store, so nothing of the transaction can be committed */
    struct cove_arena arena;
    struct repo_record record;
    uint64_t noted;          /* sequence of the change that the store has */
    uint32_t first;          /* index of the first transaction since that one */
    struct repo_chunk chunk; /* the end of the log, but for … */
    struct cove_buf packed;  /* … its transactions */
    struct repo_tx_before before; /* what the next one builds on */
    struct cove_hash head;        /* behind the last one in `packed` */
};

void repo_hot_init(struct cove_repo *repo);
void repo_hot_clear(struct cove_repo *repo);
/* The transaction is over, nothing is hot. */
void repo_hot_forget(struct cove_repo *repo);

/* An append failed in its middle: whatever asks the repo in this transaction is
 * told so, and the commit too. */
void repo_hot_fail(struct cove_repo *repo, int err);

/* As repo_work_write, by one who appends to what is hot or touches no document:
 * it stays so. */
COVE_MUST_CHECK int repo_hot_work(struct repo_work *work,
                                  struct cove_repo *repo,
                                  struct cove_store_txn *txn,
                                  struct cove_diag *diag);
/* Is the document hot, as it was loaded? */
bool repo_hot_is(const struct repo_work *work, const struct cove_doc *doc);
/* A document was appended to, and written: when it is the same as before, it is
 * hot from now on. */
COVE_MUST_CHECK int repo_hot_next(struct repo_work *work,
                                  const struct repo_record *record,
                                  const struct repo_row *row,
                                  const struct cove_doc *doc);
/* Put a transaction behind the log; row->pub.head is with it already. */
COVE_MUST_CHECK int repo_hot_put(struct repo_work *work,
                                 struct repo_record *record,
                                 struct repo_row *row, struct cove_bytes bytes,
                                 const struct cove_tx *tx);
/* Write what is hot. */
COVE_MUST_CHECK int repo_hot_flush(struct repo_work *work);
/* The same for whoever begins another operation, in an arena of its own. */
COVE_MUST_CHECK int repo_hot_settle(struct repo_work *work);

#endif
