/* batch.h: a signed piece of one session's log: what travels and is verified.
 *
 * Sessions are hash chains: h(0) = H("cove/session", document, session,
 * device), h(i) = H("cove/session", h(i-1), tx bytes). A batch carries the
 * transactions [start, start + count) and a signature over (document, session,
 * end index, h(end)): plain, or by a group, where one Ed25519 signature covers
 * the root of a Merkle tree over many documents' heads (RFC 9162 style).
 */
#ifndef COVE_CRDT_BATCH_H
#define COVE_CRDT_BATCH_H

#include "core/arena.h"
#include "core/crypto.h"
#include "core/diag.h"
#include "core/id.h"

/* A group signature with all its leaves: what stands once in a message for
 * many batches whose proofs are leaves of it. */
struct cove_group {
    struct cove_key device;
    struct cove_signature signature;
    const struct cove_hash *leaves; /* borrowed */
    uint32_t count;                 /* at most COVE_MAX_SHARED */
    bool verified;                  /* cove_group_verify said so */
};

struct cove_proof { /* what signs a session head */
    bool grouped;
    bool shared; /* grouped: `leaf` alone, the rest stands in a group */
    const struct cove_group *group; /* shared: that one, or NULL: unknown */
    uint64_t kept; /* read from a repo: cove_repo_group knows it by this; 0 =
                      it cannot be shared */
    const struct cove_hash *proven;  /* the head that it was found to sign, in
                                        another thread, or NULL */
    struct cove_signature signature; /* over the head, or over the root */
    /* grouped only: */
    uint32_t leaf;          /* index of this head's leaf */
    uint32_t leaves;        /* how many leaves the tree has */
    struct cove_hash *path; /* siblings from the leaf up */
    size_t path_len;        /* at most COVE_MAX_MERKLE */
};

struct cove_batch {
    struct cove_id document;
    struct cove_key device;
    struct cove_session_id session;
    bool has_salt; /* session's first batch: session = H(device, salt) */
    uint8_t salt[16];
    uint32_t start;          /* index of the first transaction */
    struct cove_bytes *txs;  /* each one's bytes, as received */
    size_t tx_count;         /* at most COVE_MAX_BATCH_TX */
    struct cove_proof proof; /* signs the end */
};

/* H("cove/session-id", device, salt), the first 16 bytes. */
struct cove_session_id cove_session_id_of(const struct cove_key *device,
                                          const uint8_t salt[16]);
struct cove_hash cove_chain_start(const struct cove_id *document,
                                  const struct cove_session_id *session,
                                  const struct cove_key *device);
struct cove_hash cove_chain_next(const struct cove_hash *head,
                                 struct cove_bytes tx);

/* Append to out. Errors: COVE_ELIMIT, COVE_EUSAGE (what decode would refuse),
 * COVE_EHASH (the salt is another session's), COVE_ENOMEM. */
COVE_MUST_CHECK int cove_batch_encode(const struct cove_batch *batch,
                                      struct cove_buf *out);
/* Form, limits and the salt only. Arrays live in the arena, bytes are borrowed.
 * Errors: COVE_ELIMIT, COVE_EFORMAT, COVE_EHASH (the session is not that of
 * device and salt), COVE_ENOMEM. */
COVE_MUST_CHECK int cove_batch_decode(struct cove_bytes in,
                                      struct cove_arena *arena,
                                      struct cove_batch *out,
                                      struct cove_diag *diag);

/* Does it end as one does that is signed plainly? A guess without decoding, for
 * who plans the work. */
bool cove_batch_is_alone(struct cove_bytes in);

/* Sign a session head plainly. */
void cove_head_sign(const struct cove_secret *secret,
                    const struct cove_id *document,
                    const struct cove_session_id *session, uint32_t end,
                    const struct cove_hash *head, struct cove_proof *out);
/* Sign the root of a tree of session heads (crdt/merkle.h). */
void cove_group_sign(const struct cove_secret *secret, uint32_t leaves,
                     const struct cove_hash *root, struct cove_signature *out);
/* Is the path exactly as long as leaf and leaves demand? Errors: COVE_ELIMIT,
 * COVE_EFORMAT. */
COVE_MUST_CHECK int cove_proof_check(const struct cove_proof *proof);
/* Verify a proof, plain, grouped or shared, for a head.
 * Errors: COVE_ESIGNATURE, COVE_ELIMIT (path too long). */
COVE_MUST_CHECK int cove_head_verify(const struct cove_key *device,
                                     const struct cove_id *document,
                                     const struct cove_session_id *session,
                                     uint32_t end, const struct cove_hash *head,
                                     const struct cove_proof *proof);

/* Group signatures that were verified lately: a second batch of one then costs
 * hashes only. Zeroed it is empty. */
#define COVE_ROOTS 64
struct cove_roots {
    struct cove_root {
        struct cove_key device;
        uint32_t leaves;
        struct cove_hash root;
        struct cove_signature signature;
    } seen[COVE_ROOTS];
};
/* Verify the end of a batch that leads to this head. Errors: as above. */
COVE_MUST_CHECK int cove_batch_verify(const struct cove_batch *batch,
                                      const struct cove_hash *head,
                                      struct cove_roots *roots);
/* A shared proof as one that stands alone; its path in the arena.
 * Errors: COVE_ENOMEM, COVE_EFORMAT (no group with such a leaf). */
COVE_MUST_CHECK int cove_proof_expand(struct cove_proof *proof,
                                      struct cove_arena *arena);

/* Append to out; is it a group's item, and not a batch's; take it apart, its
 * leaves borrowed. Errors: COVE_ENOMEM; COVE_EFORMAT, COVE_ELIMIT. */
COVE_MUST_CHECK int cove_group_encode(const struct cove_group *group,
                                      struct cove_buf *out);
bool cove_group_is(struct cove_bytes in);
COVE_MUST_CHECK int cove_group_decode(struct cove_bytes in,
                                      struct cove_group *out,
                                      struct cove_diag *diag);
/* Errors: COVE_ESIGNATURE. Cost: a hash for each leaf. */
COVE_MUST_CHECK int cove_group_verify(struct cove_group *group);

/* How batches of one group go out, which stand one after another where they
 * were written in one commit: each with its path, or behind the group, which is
 * said once with all its leaves. Zeroed: none went. */
struct cove_sharing {
    uint64_t group; /* of the last batch, as the repo knows it; 0 = none */
    uint32_t paths; /* batches of it that went with a path */
    bool shared;    /* it was said: set by who says it */
};
/* Before a batch: is it time to say its group? `sure`: those of its batches
 * that are still to come will surely go too. */
bool cove_sharing_due(struct cove_sharing *sharing,
                      const struct cove_proof *proof, bool sure);
/* Behind that: the batch goes now. */
void cove_sharing_take(struct cove_sharing *sharing, struct cove_proof *proof);

/* The digest of a document's state: H("cove/state", document, sorted
 * (session, length, head)). rows must be sorted by session. */
struct cove_digest_row {
    struct cove_session_id session;
    uint32_t len;
    struct cove_hash head;
};
/* Of a document that was removed: the same whoever removed it. */
struct cove_hash cove_removed_digest(const struct cove_id *document);
struct cove_hash cove_state_digest(const struct cove_id *document,
                                   const struct cove_digest_row *rows,
                                   size_t count);

#endif
