/* proof.c: signatures of session heads, plain and by a group.
 * docs/FORMAT.md "Signatures".
 *
 * What is signed begins with 16 bytes that name the use, so that a signature
 * made for one of them (or for the handshake) is never valid for another.
 * Document, session, end and head are all in it, and the chain behind the head
 * begins with the device; a batch can be changed in no byte.
 */
#include "core/limits.h"
#include "crdt/batch.h"
#include "crdt/merkle.h"

#define PROOF_DOMAIN    16
#define PROOF_HEAD_LEN  (PROOF_DOMAIN + 32 + 16 + 8 + 32)
#define PROOF_GROUP_LEN (PROOF_DOMAIN + 4 + 32)

static const char proof_head_domain[PROOF_DOMAIN] = "cove/head";
static const char proof_group_domain[PROOF_DOMAIN] = "cove/group";

static uint8_t *proof_put(uint8_t *at, const void *from, size_t len)
{
    memcpy(at, from, len);
    return at + len;
}

/* domain ‖ document ‖ session ‖ end ‖ head */
static void proof_head_message(const struct cove_id *document,
                               const struct cove_session_id *session,
                               uint32_t end, const struct cove_hash *head,
                               uint8_t out[PROOF_HEAD_LEN])
{
    uint8_t *at = proof_put(out, proof_head_domain, PROOF_DOMAIN);

    at = proof_put(at, document->b, sizeof(document->b));
    at = proof_put(at, session->b, sizeof(session->b));
    cove_put_be64(at, end);
    proof_put(at + 8, head->b, sizeof(head->b));
}

/* domain ‖ leaves ‖ root: the number of leaves is signed too, since a root
 * alone does not say how tall its tree is. */
static void proof_group_message(uint32_t leaves, const struct cove_hash *root,
                                uint8_t out[PROOF_GROUP_LEN])
{
    uint8_t *at = proof_put(out, proof_group_domain, PROOF_DOMAIN);

    cove_put_be32(at, leaves);
    proof_put(at + 4, root->b, sizeof(root->b));
}

void cove_head_sign(const struct cove_secret *secret,
                    const struct cove_id *document,
                    const struct cove_session_id *session, uint32_t end,
                    const struct cove_hash *head, struct cove_proof *out)
{
    uint8_t message[PROOF_HEAD_LEN];
    struct cove_proof proof = {0};

    proof_head_message(document, session, end, head, message);
    cove_sign(secret, cove_bytes(message, sizeof(message)), &proof.signature);
    *out = proof;
}

void cove_group_sign(const struct cove_secret *secret, uint32_t leaves,
                     const struct cove_hash *root, struct cove_signature *out)
{
    uint8_t message[PROOF_GROUP_LEN];

    proof_group_message(leaves, root, message);
    cove_sign(secret, cove_bytes(message, sizeof(message)), out);
}

static int proof_verify_plain(const struct cove_key *device,
                              const struct cove_id *document,
                              const struct cove_session_id *session,
                              uint32_t end, const struct cove_hash *head,
                              const struct cove_signature *signature)
{
    uint8_t message[PROOF_HEAD_LEN];

    proof_head_message(document, session, end, head, message);
    return cove_verify(device, cove_bytes(message, sizeof(message)), signature);
}

int cove_proof_check(const struct cove_proof *proof)
{
    if (!proof->grouped) {
        return 0;
    }
    if (proof->leaves > COVE_MAX_LEAVES || proof->path_len > COVE_MAX_MERKLE) {
        return COVE_ELIMIT;
    }
    if (proof->leaf >= proof->leaves ||
        proof->path_len != cove_merkle_path_len(proof->leaf, proof->leaves)) {
        return COVE_EFORMAT;
    }
    return 0;
}

int cove_head_verify(const struct cove_key *device,
                     const struct cove_id *document,
                     const struct cove_session_id *session, uint32_t end,
                     const struct cove_hash *head,
                     const struct cove_proof *proof)
{
    uint8_t message[PROOF_GROUP_LEN];

    if (!proof->grouped) {
        return proof_verify_plain(device, document, session, end, head,
                                  &proof->signature);
    }

    int err = cove_proof_check(proof);

    if (err != 0) {
        return err == COVE_ELIMIT ? err : COVE_ESIGNATURE;
    }

    struct cove_hash leaf =
        cove_merkle_leaf(document, session, device, end, head);
    struct cove_hash root =
        cove_merkle_climb(leaf, proof->leaf, proof->leaves, proof->path);

    proof_group_message(proof->leaves, &root, message);
    return cove_verify(device, cove_bytes(message, sizeof(message)),
                       &proof->signature);
}
