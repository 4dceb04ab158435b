/* repo_salvage.h: a new store from what is whole in a damaged one.
 *
 * What was read from the damaged file, in whatever order and of whatever age,
 * is gathered in a scratch store under the trees it is of. Then each document
 * is verified from there and put into the new store as a peer's would be: its
 * header by its hash, its logs chunk by chunk by hash and signature. So all
 * that is derived is made anew, and nothing is in the new store that its author
 * did not sign. The new store has the device's key, a session and an id of its
 * own.
 */
#ifndef COVE_CRDT_REPO_SALVAGE_H
#define COVE_CRDT_REPO_SALVAGE_H

#include "crdt/repo.h"

#define COVE_SALVAGE_TREES (COVE_REPO_TREES + 2u) /* of the scratch store */

struct cove_saved { /* a document */
    bool has_id;
    struct cove_id id;
    uint64_t sessions;
    uint64_t saved;   /* transactions */
    uint64_t lost;    /* of those that its record told of */
    uint64_t aside;   /* chunks that are whole or not, behind a gap */
    const char *what; /* "whole", "part", "lost" */
    const char *why;  /* where it is not whole */
};

struct cove_salvage_options {
    const struct cove_alloc *alloc;
    const struct cove_env *env;
    struct cove_store *scratch; /* empty, with COVE_SALVAGE_TREES */
    struct cove_store *store;   /* empty, with COVE_REPO_TREES */
    struct cove_secret secret;
    struct cove_key device;
    /* For each document; an error ends it all. */
    int (*saved)(void *ctx, const struct cove_saved *saved);
    void *ctx;
};

struct cove_salvage_sum {
    uint64_t documents, whole, part, lost; /* documents */
    uint64_t transactions, transactions_lost, aside;
    uint64_t removed; /* found, and taken out of the store before */
    uint64_t entries; /* gathered */
    bool complete;    /* the tree of documents was whole: there are no others */
};

struct cove_salvage;
COVE_MUST_CHECK int cove_salvage_new(const struct cove_salvage_options *opt,
                                     struct cove_salvage **out,
                                     struct cove_diag *diag);
void cove_salvage_free(struct cove_salvage *salvage);

/* An entry of a tree of the damaged store as it stood; or, `loose`, one that
 * lay somewhere in its file. Errors: store errors of the scratch store. */
COVE_MUST_CHECK int cove_salvage_entry(struct cove_salvage *salvage,
                                       unsigned tree, bool loose,
                                       const struct cove_entry *entry);
/* All was given. What was not whole, beside what the entries show: the root of
 * all trees, so that what they say may be of some time ago; the tree of
 * documents, or that of ids, so that a document may be there which they do not
 * name. */
struct cove_salvage_broken {
    bool root, documents, ids;
};
COVE_MUST_CHECK int cove_salvage_filled(
    struct cove_salvage *salvage, const struct cove_salvage_broken *broken);
/* Put some documents into the new store. */
COVE_MUST_CHECK int cove_salvage_step(struct cove_salvage *salvage, bool *over);
const struct cove_salvage_sum *cove_salvage_sum(
    const struct cove_salvage *salvage);
/* The two repos, for what upper layers keep in records. */
struct cove_repo *cove_salvage_from(struct cove_salvage *salvage);
struct cove_repo *cove_salvage_to(struct cove_salvage *salvage);

#endif
