/* repo_live.h: sequences that stay in memory between transactions.
 *
 * Folding a text anew for each keystroke would cost its whole length. So what
 * a list or text was folded to is kept, with how far each session is in it;
 * the next load folds only what came since. What an aborted transaction folded
 * is thrown away with it. A cache of one repo, used by one transaction at a
 * time as the repo is. A part of repo_internal.h, which includes it.
 */
#ifndef COVE_CRDT_REPO_LIVE_H
#define COVE_CRDT_REPO_LIVE_H

#include "crdt/repo_internal.h"
#include "crdt/seq.h"

#define REPO_LIVE_MOST  16       /* sequences kept, at most, and … */
#define REPO_LIVE_BYTES 67108864 /* … their memory */

struct repo_work;
struct repo_row;
struct repo_record;

struct repo_live_row { /* a session, as far as it is in the sequence */
    struct cove_session_id session;
    bool named;      /* `author` is given */
    uint32_t author; /* its number in the sequence */
    uint32_t done;   /* transactions folded, and … */
    uint32_t elems;  /* … those whose elements are: also of held ones, since
                        their places do not come from the clock */
    uint32_t next;   /* elements with a lower number are taken */
};

/* Which view of a document: its own, or that of a branch, up to a time; or of
 * each session so much as its point says, whatever was merged. */
struct repo_view {
    struct cove_session_id branch;   /* zero: the document's own */
    uint64_t until;                  /* hlc; UINT64_MAX: no matter */
    const struct cove_reach *points; /* sorted; NULL: no matter */
    size_t point_count;
    const struct cove_tx_point *without; /* transactions (len: their index) that
                                            are left out; sorted */
    size_t without_count;
};
extern const struct repo_view repo_view_main;

struct repo_live {
    struct repo_live *next; /* the one used before it */
    cove_num num;
    struct cove_session_id branch;
    const struct cove_store_txn *txn; /* that used it last */
    uint64_t generation;              /* of the store, at that time */
    bool written;                     /* … and wrote to it */
    bool loaded;  /* a document has it: not to be freed under that */
    bool dead;    /* not to be found any more */
    bool ahead;   /* an edit may be in it that is not in the log yet */
    bool crowded; /* something found no room to wait: fold anew at a change */
    struct cove_arena arena;
    struct cove_state state;
    struct repo_live_row *rows; /* sorted by session */
    size_t row_count, row_cap;
};

/* The one of a document, where there is one and it is not ahead of the record
 * or behind it in what cannot be added; else NULL. */
struct repo_live *repo_live_find(struct repo_work *work,
                                 const struct repo_record *record,
                                 const struct cove_session_id *branch);
/* A new one; with `keep` it stands in the cache, else it is freed with the
 * arena of the work. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int repo_live_new(struct repo_work *work,
                                  const struct repo_record *record,
                                  const struct cove_session_id *branch,
                                  bool keep, struct repo_live **out);
/* Forget what is kept of a document, or this one. What was loaded goes when the
 * write transaction is over. */
void repo_live_drop(struct cove_repo *repo, cove_num num);
void repo_live_forget(struct cove_repo *repo, struct repo_live *live);
/* A write transaction is over. */
void repo_live_end(struct cove_repo *repo, bool committed);
void repo_live_clear(struct cove_repo *repo);

/* The row of a session, made where there is none. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int repo_live_row(struct repo_live *live,
                                  const struct cove_session_id *session,
                                  struct repo_live_row **out);
/* The author that a session is in the sequence. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int repo_live_author(struct repo_live *live,
                                     const struct cove_session_id *session,
                                     const struct cove_key *device,
                                     uint32_t *out);
/* Fold the sequence ops of a transaction of that row. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int repo_live_fold(struct repo_live *live,
                                   const struct repo_record *record,
                                   const struct repo_row *row,
                                   const struct cove_tx *tx);

/* A transaction of the row was appended whose sequence ops the sequence has. */
COVE_MUST_CHECK int repo_live_took(struct repo_live *live,
                                   const struct repo_row *row,
                                   const struct cove_tx *tx);

/* repo_branch.c */
/* How far a view shows a session, as far as the state says by now. */
uint32_t repo_shown(const struct repo_view *view,
                    const struct cove_state *state, const struct repo_row *row);
/* How far a loaded document does. The record may not say yet what the load
 * found out: an owner came, or the time of what was held. */
uint32_t repo_doc_shown(const struct cove_doc *doc, const struct repo_row *row);
/* … and how far its elements: held transactions too. */
uint32_t repo_shown_elements(const struct repo_view *view,
                             const struct cove_state *state,
                             const struct repo_row *row);
/* How many transactions of a session may show elements: of one whose author
 * has no right none, else all. */
uint32_t repo_elements_most(const struct repo_row *row);
/* Fold what a transaction says of a merge. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int repo_branch_fold(struct cove_state *state,
                                     const struct cove_tx *tx);
/* What a branch's sessions say of it: name and base, in the arena; the first
 * session decides. Errors: COVE_ENOTFOUND where there is no such branch. */
COVE_MUST_CHECK int repo_branch_read(struct repo_work *work,
                                     const struct repo_record *record,
                                     const struct cove_session_id *branch,
                                     struct cove_tx_branch *out);
/* The first transaction of a branch's session, in the arena. */
COVE_MUST_CHECK int repo_branch_first(struct repo_work *work,
                                      const struct repo_record *record,
                                      const struct repo_row *row,
                                      struct cove_tx *out);
bool repo_branch_is_none(const struct cove_session_id *branch);
/* Is it this store's session, or the one that it writes its branch with? */
COVE_MUST_CHECK int repo_branch_own(struct repo_work *work,
                                    const struct repo_row *row, bool *out);
/* The session that this store writes a branch with: it follows from the store's
 * own session, so that it ends when that does. */
void repo_branch_session(const struct repo_session *own,
                         const struct cove_session_id *branch,
                         struct repo_session *out);

#endif
