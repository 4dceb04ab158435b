/* repo_check.h: is what the repo keeps whole, and does it agree with itself?
 *
 * Everything is read: each header hashed, each chunk of each log verified, and
 * each tree compared with those that it follows from. What is wrong is named
 * by a finding, and is of one of two kinds: what was lost (a signature does not
 * cover it, or it is not there), and what was derived, and can be made again
 * from what is whole. With `repair` the latter is made again; of the former,
 * what is not whole is put aside and the log is cut back to the part that is,
 * so that digests say what is missing and a peer sends it again.
 *
 * Works in slices, each in a transaction of the caller's: one that reads, or
 * with `repair` one that writes. docs/ADMIN.md "What check finds" lists kinds.
 */
#ifndef COVE_CRDT_REPO_CHECK_H
#define COVE_CRDT_REPO_CHECK_H

#include "crdt/repo.h"

struct cove_finding { /* borrowed until the callback returns */
    const char *kind; /* a stable word */
    bool derived;     /* nothing is lost: it follows from what is whole */
    bool fixed;       /* it was made again, or put aside and cut back */
    bool has_id, has_session;
    struct cove_id id;
    struct cove_session_id session;
    uint32_t index;    /* of the indexes; 0: of none */
    uint32_t from, to; /* transactions that are lost; equal: none */
    const char *text;  /* what is wrong */
};

struct cove_check_options {
    bool repair;
    bool quick; /* headers, logs and counts alone */
    /* An error ends the check and is its result. */
    int (*finding)(void *ctx, const struct cove_finding *finding);
    void *ctx;
};

struct cove_check_sum {
    uint64_t documents, sessions, transactions;
    uint64_t lost, derived, fixed; /* findings */
    uint64_t done, total;          /* of all entries, as an estimate */
};

struct cove_check;
/* Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_check_new(struct cove_repo *repo,
                                   const struct cove_check_options *opt,
                                   struct cove_check **out);
void cove_check_free(struct cove_check *check);
/* One slice; *over when there is nothing left. Errors: of the callback, store
 * errors, COVE_ENOMEM; the transaction can then only be aborted. */
COVE_MUST_CHECK int cove_check_step(struct cove_check *check,
                                    struct cove_store_txn *txn, bool *over);
const struct cove_check_sum *cove_check_sum(const struct cove_check *check);

/* The first document behind *num, checked alone; for a scrub. Errors:
 * COVE_ENOTFOUND behind the last; as cove_check_step. */
COVE_MUST_CHECK int cove_check_document(struct cove_check *check,
                                        struct cove_store_txn *txn,
                                        cove_num *num);

/* --- what was put aside until it is there again */
#define COVE_ASIDE "aside/" /* key: this, document, session, u32be from */
struct cove_aside {
    struct cove_id id;
    struct cove_session_id session; /* zero: of the record, not of a log */
    uint32_t from, to;
};
/* The first behind the one given; NULL: the first of all.
 * Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_aside_next(struct cove_repo *repo,
                                    struct cove_store_txn *txn,
                                    const struct cove_aside *after,
                                    struct cove_aside *out);
/* Drop those that are there again, in a write transaction. `left`: how many
 * are not. */
COVE_MUST_CHECK int cove_aside_settle(struct cove_repo *repo,
                                      struct cove_store_txn *txn,
                                      uint64_t *left);

#endif
