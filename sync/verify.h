/* verify.h: the signatures of a message of content, verified in other threads
 * before the message is taken.
 *
 * What a batch was signed for depends on the log that it goes on, which lies in
 * the store; but for a session's first batch, which says everything itself, and
 * for a group. Those are what a first sync consists of, and what can be looked
 * at without the store, and without its writer lock.
 *
 *   new (in the engine's thread) → run (each part once, any thread) →
 * group_holds, head_of (again in the engine's) → free
 */
#ifndef COVE_SYNC_VERIFY_H
#define COVE_SYNC_VERIFY_H

#include "sync/message.h"

#define COVE_VERIFY_PARTS 4u  /* of a job, at most */
#define COVE_VERIFY_LEAST 16u /* signatures, below which nothing is gained */

struct cove_verify;

/* Are there so many batches signed alone? Only a look at the form of each. */
bool cove_verify_pays(const struct cove_message *content, size_t least);
/* Keeps a copy of the message. alloc must serve any thread.
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_verify_new(const struct cove_alloc *alloc,
                                    const struct cove_message *content,
                                    struct cove_verify **out);
size_t cove_verify_parts(const struct cove_verify *verify);
/* Threads: any; parts beside each other. Out of memory, or after too many that
 * do not hold, the rest is left for later. */
void cove_verify_run(struct cove_verify *verify, size_t part);

/* The message again, borrowed. */
const struct cove_message *cove_verify_message(
    const struct cove_verify *verify);
/* Was item n of its batches, a group, found to be signed? */
bool cove_verify_group_holds(const struct cove_verify *verify, size_t n);
/* The session head that item n, a batch, was found to sign, or NULL. */
const struct cove_hash *cove_verify_head(const struct cove_verify *verify,
                                         size_t n);
void cove_verify_free(struct cove_verify *verify); /* NULL: nothing */

#endif
