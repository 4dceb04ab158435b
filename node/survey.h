/* survey.h: what a store holds, counted, with a digest for each owner, and
 * verified where that is asked for: of a backup, which nobody writes to.
 */
#ifndef COVE_NODE_SURVEY_H
#define COVE_NODE_SURVEY_H

#include "node/digests.h"

/* Damage in a document, or in the store (id NULL). */
typedef void node_survey_damage(void *ctx, const struct cove_id *id,
                                const char *why);

struct node_survey {
    struct cove_arena *arena;   /* of the digests */
    bool verify;                /* hashes and signatures, again */
    node_survey_damage *damage; /* for verify; else damage is an error */
    void *ctx;
    /* what was found */
    uint64_t sequence, documents, local, sessions, transactions, damaged;
    struct node_digests digests; /* local documents left out */
};

/* Look through a repo in slices of its documents. Errors: COVE_ECORRUPT (where
 * it does not verify), store errors. */
int node_survey(struct cove_repo *repo, struct cove_store *store,
                struct node_survey *s);

/* The same of the store in a directory, opened read-only; the key is that of
 * its device. Errors: of opening; COVE_EUNSUPPORTED (a former format); diag
 * names the directory. */
int node_survey_dir(const struct cove *like, const char *dir,
                    const struct cove_secret *secret,
                    const struct cove_key *device, struct node_survey *s,
                    struct cove_diag *diag);

#endif
