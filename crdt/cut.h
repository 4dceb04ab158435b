/* cut.h: a history that begins behind its beginning. docs/FORMAT.md "Cut".
 *
 * A cut stands for the first transactions of a document's sessions: how far
 * each goes, the head of its chain there, and the state that these
 * transactions fold to. An admin of the document's owner signs it: who never
 * had these transactions believes that device what they came to, and nobody
 * else. What follows in each session is chained to its head and signed by its
 * own device, as ever.
 *
 *     session A   ░░░░░░░░░░░░│ tx tx tx          ░ what the cut stands for
 *     session B   ░░░░│ tx tx tx tx
 */
#ifndef COVE_CRDT_CUT_H
#define COVE_CRDT_CUT_H

#include "core/arena.h"
#include "core/crypto.h"
#include "core/diag.h"
#include "core/id.h"

struct cove_cut_row { /* a session, from 0 to len */
    struct cove_session_id session;
    struct cove_key device;
    uint8_t salt[16]; /* session = H(device, salt) */
    uint32_t len;     /* at least 1 */
    struct cove_hash head;
    uint64_t last_hlc; /* of the transaction before len */
    bool has_epoch;
    struct cove_step_id epoch; /* as of that transaction; else zero */
};

struct cove_cut {
    struct cove_id document;
    struct cove_key device;    /* an admin's, that signs it */
    uint64_t made_ms;          /* milliseconds since 1970 */
    struct cove_cut_row *rows; /* sorted by session, each once */
    size_t row_count;          /* 1 to COVE_MAX_SESSIONS */
    struct cove_bytes state;   /* packed: crdt/repo_cut.h */
    struct cove_signature signature;
};

/* Sign it; all but the signature is given. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_cut_sign(const struct cove_secret *secret,
                                  const struct cove_alloc *alloc,
                                  struct cove_cut *cut);
/* Append to out. Errors: COVE_ELIMIT (more than COVE_MAX_CUT bytes),
 * COVE_ENOMEM. */
COVE_MUST_CHECK int cove_cut_encode(const struct cove_cut *cut,
                                    struct cove_buf *out);
/* Is it a cut's item, and not a batch's or a group's? */
bool cove_cut_is(struct cove_bytes in);
/* Only look at the document that it names; false where it is none. */
bool cove_cut_document(struct cove_bytes in, struct cove_id *out);
/* Form, limits, sessions and signature; what the state says is not looked at.
 * Rows in the arena, the state borrowed. Errors: COVE_EFORMAT, COVE_ELIMIT,
 * COVE_EHASH (a session is not of its device and salt), COVE_ESIGNATURE,
 * COVE_ENOMEM. */
COVE_MUST_CHECK int cove_cut_decode(struct cove_bytes in,
                                    struct cove_arena *arena,
                                    struct cove_cut *out,
                                    struct cove_diag *diag);

/* The row of a session, or NULL. */
const struct cove_cut_row *cove_cut_row_of(
    const struct cove_cut *cut, const struct cove_session_id *session);
/* The latest of all that it stands for: nothing of it was written later. */
uint64_t cove_cut_until(const struct cove_cut *cut);

#endif
