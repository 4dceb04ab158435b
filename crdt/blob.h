/* blob.h: blobs: chunks in the log, and which of them are a whole.
 *
 * A writer begins a blob, appends its bytes front to back as chunks, and ends
 * it, all in its own session. What one begins is a run: the chunks that follow
 * in that session until it is ended or another is begun there.
 *
 *   session a:  begin · chunk 0 · chunk 60000 · end {size, hash, a, 0}
 *   session b:            begin · chunk 0 · chunk …          (not ended)
 *
 * Folding goes through each run once: a chunk that does not lie where the last
 * one ended spoils its run, all others are counted and hashed. So whether a
 * blob is whole is known without reading it, and nobody has to believe whoever
 * wrote it. The register "blob" says which ended run the document shows; its
 * newest write wins as everywhere. docs/FORMAT.md "Blobs".
 */
#ifndef COVE_CRDT_BLOB_H
#define COVE_CRDT_BLOB_H

#include "core/crypto.h"
#include "crdt/repo.h"

#define COVE_BLOB_DOMAIN  "cove/blob" /* of the hash */
#define COVE_BLOB_CHUNK   60000       /* bytes of a chunk, at most */
#define COVE_BLOB_UNKNOWN UINT64_MAX  /* size that was not announced */

/* --- runs, in the folded state */

struct cove_blob_run {
    struct cove_op_id begin;
    uint64_t size; /* announced, or COVE_BLOB_UNKNOWN */
    uint64_t held; /* bytes, from the beginning on */
    bool spoiled;  /* a chunk lay elsewhere, or beyond the size */
    bool ended;
    uint32_t last;           /* transaction that ended it, or of the newest
                                chunk; and, of one that is ended, … */
    uint32_t last_op;        /* … the op there, else UINT32_MAX */
    struct cove_bytes about; /* while it is not ended: what began it */
    uint8_t *saved;          /* and the hash so far */
    struct cove_hash hash;   /* of `held` bytes, once it is ended */
};

/* Fold one native op of a blob's document. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_blob_fold(struct cove_state *state,
                                   const struct cove_tx_op *op,
                                   const struct cove_op_id *id);
/* For who fills a state from a checkpoint: room behind the last run, which is
 * greater than those before. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_blob_push(struct cove_state *state,
                                   const struct cove_blob_run *run);
/* The run of a session that is not ended; NULL: none. */
const struct cove_blob_run *cove_blob_open(
    const struct cove_state *state, const struct cove_session_id *session);

/* --- what registers say */

struct cove_blob_about {
    struct cove_bytes name; /* at NULL: none */
    struct cove_bytes mime;
    uint64_t size; /* or COVE_BLOB_UNKNOWN */
};
struct cove_blob_ended {
    struct cove_blob_about about;
    struct cove_hash hash;
    struct cove_session_id session; /* of the run */
    uint32_t start;                 /* transaction that began it */
};
/* Read a checked value; texts are borrowed. Errors: COVE_EFORMAT. */
COVE_MUST_CHECK int cove_blob_about_read(struct cove_bytes value,
                                         struct cove_blob_about *out);
COVE_MUST_CHECK int cove_blob_ended_read(struct cove_bytes value,
                                         struct cove_blob_ended *out);

/* --- what a document shows */

struct cove_blob_shown {
    struct cove_blob_about about;
    struct cove_hash hash;           /* as its writer says; zero: not ended */
    uint64_t held;                   /* bytes here, from the beginning on */
    const struct cove_blob_run *run; /* NULL: nothing of it is here */
    struct cove_op_id by;            /* the write that ended or began it */
    int err; /* 0: it is whole; COVE_EGAP, or COVE_EHASH: it is not what its
                writer said */
};
/* The blob that was ended last; where none was, the one begun last.
 * Errors: COVE_ENOTFOUND; COVE_EFORMAT (the register holds something else). */
COVE_MUST_CHECK int cove_blob_shown(const struct cove_state *state,
                                    struct cove_blob_shown *out);

/* Where a reader of a run stands, to find the next chunk at once. */
struct cove_blob_place {
    bool known;
    uint32_t tx;
};
/* The bytes of a run from `at` on, to the end of the chunk they lie in:
 * borrowed from the store, or in the arena. The run is not spoiled and `at`
 * below what it holds. Errors: COVE_ECORRUPT, store errors.
 * Cost: reads one transaction where chunks are alike and read in order, else
 * O(log chunks) of them. */
COVE_MUST_CHECK int cove_blob_bytes(struct cove_repo *repo,
                                    struct cove_store_txn *txn,
                                    const struct cove_doc *doc,
                                    const struct cove_blob_run *run,
                                    uint64_t at, struct cove_arena *arena,
                                    struct cove_blob_place *place,
                                    struct cove_bytes *out);

/* --- writing */

/* A blob that is being written, inside one transaction of an app: what is not
 * appended yet. */
struct cove_blob_draft {
    bool open;               /* there is one */
    bool fresh;              /* what begins it is not appended yet */
    struct cove_bytes about; /* encoded */
    uint64_t size;           /* announced, or COVE_BLOB_UNKNOWN */
    uint64_t held;           /* written, `bytes` included */
    struct cove_buf bytes;   /* at most a chunk */
};
struct cove_blob_self { /* this device, as cove_repo_place gives it */
    struct cove_session_id session;
    uint32_t next; /* index of the transaction that is appended next */
};
/* Begin, or go on with what this device began alike and did not end: `held`
 * says how far. Errors: COVE_ELIMIT (name, type or size), COVE_EUSAGE (no valid
 * UTF-8), COVE_ENOMEM. */
COVE_MUST_CHECK int cove_blob_draft_begin(struct cove_blob_draft *draft,
                                          const struct cove_blob_about *about,
                                          const struct cove_state *state,
                                          const struct cove_blob_self *self,
                                          struct cove_arena *arena,
                                          struct cove_diag *diag);
/* Take as much off the front of *in as goes into this chunk; a full one is to
 * be appended before the rest. Errors: COVE_ECONDITION (none was begun, or all
 * of *in is more than was announced), COVE_ENOMEM; nothing is taken then. */
COVE_MUST_CHECK int cove_blob_draft_write(struct cove_blob_draft *draft,
                                          struct cove_bytes *in,
                                          struct cove_diag *diag);
/* Is there something to be appended? */
bool cove_blob_draft_is_due(const struct cove_blob_draft *draft);
/* Take it out as ops in the arena, whose bytes are borrowed until the next
 * write. One transaction may not hold all of it: what begins it stands before a
 * large chunk, and what ends it (`end`) behind one; take again, after the
 * append, while it is due, or with `end` while it is open.
 * Errors: COVE_ENOMEM, COVE_ECORRUPT; unchanged. */
COVE_MUST_CHECK int cove_blob_draft_take(struct cove_blob_draft *draft,
                                         const struct cove_state *state,
                                         const struct cove_blob_self *self,
                                         bool end, struct cove_arena *arena,
                                         struct cove_tx *out);

#endif
