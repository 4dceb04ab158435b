/* proof.c: signatures of session heads, plain and by a group.
 * docs/FORMAT.md "Signatures".
 *
 * What is signed begins with 16 bytes that name the use, so that a signature
 * made for one of them (or for the handshake) is never valid for another.
 * Document, session, end and head are all in it, and the chain behind the head
 * begins with the device; a batch can be changed in no byte.
 */
#include "core/cbor.h"
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
    if (proof->shared) {
        return proof->leaf >= COVE_MAX_SHARED ? COVE_ELIMIT : 0;
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

/* Is this the root that the device signed? */
static int proof_verify_root(const struct cove_key *device, uint32_t leaves,
                             const struct cove_hash *root,
                             const struct cove_signature *signature)
{
    uint8_t message[PROOF_GROUP_LEN];

    proof_group_message(leaves, root, message);
    return cove_verify(device, cove_bytes(message, sizeof(message)), signature);
}

static int proof_verify_seen(const struct cove_key *device, uint32_t leaves,
                             const struct cove_hash *root,
                             const struct cove_signature *signature,
                             struct cove_roots *roots)
{
    struct cove_root now = {*device, leaves, *root, *signature};

    if (roots == NULL) {
        return proof_verify_root(device, leaves, root, signature);
    }

    struct cove_root *seen = &roots->seen[root->b[0] % COVE_ROOTS];

    if (seen->leaves == leaves &&
        memcmp(&seen->root, root, sizeof(*root)) == 0 &&
        memcmp(&seen->device, device, sizeof(*device)) == 0 &&
        memcmp(&seen->signature, signature, sizeof(*signature)) == 0) {
        return 0;
    }

    int err = proof_verify_root(device, leaves, root, signature);

    if (err == 0) {
        *seen = now;
    }
    return err;
}

/* The group was verified as a whole: the head must be the leaf it names. */
static int proof_verify_shared(const struct cove_key *device,
                               const struct cove_hash *leaf,
                               const struct cove_proof *proof)
{
    const struct cove_group *group = proof->group;
    bool signs = group != NULL && group->verified &&
                 proof->leaf < group->count &&
                 memcmp(&group->device, device, sizeof(*device)) == 0 &&
                 memcmp(&group->leaves[proof->leaf], leaf, sizeof(*leaf)) == 0;

    return signs ? 0 : COVE_ESIGNATURE;
}

struct proof_subject { /* what is signed */
    const struct cove_key *device;
    const struct cove_id *document;
    const struct cove_session_id *session;
    uint32_t end;
    const struct cove_hash *head;
};

static int proof_verify(const struct proof_subject *s,
                        const struct cove_proof *proof,
                        struct cove_roots *roots)
{
    if (!proof->grouped) {
        return proof_verify_plain(s->device, s->document, s->session, s->end,
                                  s->head, &proof->signature);
    }

    int err = cove_proof_check(proof);

    if (err != 0) {
        return err == COVE_ELIMIT ? err : COVE_ESIGNATURE;
    }

    struct cove_hash leaf =
        cove_merkle_leaf(s->document, s->session, s->device, s->end, s->head);

    if (proof->shared) {
        return proof_verify_shared(s->device, &leaf, proof);
    }

    struct cove_hash root =
        cove_merkle_climb(leaf, proof->leaf, proof->leaves, proof->path);

    return proof_verify_seen(s->device, proof->leaves, &root, &proof->signature,
                             roots);
}

int cove_head_verify(const struct cove_key *device,
                     const struct cove_id *document,
                     const struct cove_session_id *session, uint32_t end,
                     const struct cove_hash *head,
                     const struct cove_proof *proof)
{
    struct proof_subject subject = {device, document, session, end, head};

    return proof_verify(&subject, proof, NULL);
}

int cove_batch_verify(const struct cove_batch *batch,
                      const struct cove_hash *head, struct cove_roots *roots)
{
    struct proof_subject subject = {
        &batch->device, &batch->document, &batch->session,
        batch->start + (uint32_t)batch->tx_count, head};

    if (batch->proof.proven != NULL &&
        memcmp(batch->proof.proven, head, sizeof(*head)) == 0) {
        return 0;
    }
    return proof_verify(&subject, &batch->proof, roots);
}

int cove_proof_expand(struct cove_proof *proof, struct cove_arena *arena)
{
    const struct cove_group *group = proof->group;
    struct cove_merkle tree;

    if (!proof->shared) {
        return 0;
    }
    if (group == NULL || proof->leaf >= group->count) {
        return COVE_EFORMAT;
    }

    struct cove_hash *path =
        cove_arena_array(arena, COVE_MAX_MERKLE, sizeof(*path));
    int err = path == NULL ? COVE_ENOMEM
                           : cove_merkle_build(group->leaves, group->count,
                                               arena, &tree);

    if (err == 0) {
        proof->shared = false;
        proof->group = NULL;
        proof->signature = group->signature;
        proof->leaves = group->count;
        proof->path = path;
        proof->path_len = cove_merkle_path(&tree, proof->leaf, path);
    }
    return err;
}

/* --- groups with all their leaves: [device, signature, leaves] */

#define GROUP_ITEMS 3

int cove_group_encode(const struct cove_group *group, struct cove_buf *out)
{
    size_t start = out->len;
    struct cove_writer w;

    cove_writer_init(&w, out);
    cove_writer_list(&w, GROUP_ITEMS);
    cove_writer_bytes(&w, group->device.b, sizeof(group->device.b));
    cove_writer_bytes(&w, group->signature.b, sizeof(group->signature.b));
    cove_writer_bytes(&w, group->leaves[0].b,
                      group->count * sizeof(*group->leaves));
    if (w.err != 0) {
        out->len = start;
    }
    return w.err;
}

bool cove_group_is(struct cove_bytes in)
{
    return in.len > 0 && in.at[0] == (0x80 | GROUP_ITEMS);
}

int cove_group_decode(struct cove_bytes in, struct cove_group *out,
                      struct cove_diag *diag)
{
    struct cove_group group = {.count = 0};
    struct cove_bytes parts[GROUP_ITEMS];
    struct cove_reader r;
    int err = cove_cbor_check_all(in, 1, diag);

    if (err != 0) {
        cove_diag_context(diag, "group");
        return err;
    }
    cove_reader_init(&r, in);
    if (cove_reader_peek(&r) != COVE_CBOR_LIST ||
        cove_reader_list(&r) != GROUP_ITEMS) {
        return cove_fail(diag, COVE_EFORMAT,
                         "group: it must be a list of 3 items");
    }
    for (size_t i = 0; i < GROUP_ITEMS; i++) {
        if (cove_reader_peek(&r) != COVE_CBOR_BYTES) {
            return cove_fail(diag, COVE_EFORMAT,
                             "group: its items must be byte strings");
        }
        parts[i] = cove_reader_bytes(&r);
    }
    if (parts[2].len / sizeof(struct cove_hash) > COVE_MAX_SHARED) {
        return cove_fail(diag, COVE_ELIMIT,
                         "group: %zu bytes of leaves, more than %d leaves",
                         parts[2].len, COVE_MAX_SHARED);
    }
    if (parts[0].len != sizeof(group.device) ||
        parts[1].len != sizeof(group.signature) || parts[2].len == 0 ||
        parts[2].len % sizeof(struct cove_hash) != 0) {
        return cove_fail(diag, COVE_EFORMAT,
                         "group: a device of 32 bytes, a signature of 64 and "
                         "leaves of 32 each are wanted");
    }
    memcpy(&group.device, parts[0].at, sizeof(group.device));
    memcpy(&group.signature, parts[1].at, sizeof(group.signature));
    group.leaves = (const struct cove_hash *)parts[2].at;
    group.count = (uint32_t)(parts[2].len / sizeof(struct cove_hash));
    *out = group;
    return 0;
}

int cove_group_verify(struct cove_group *group)
{
    struct cove_hash root = cove_merkle_over(group->leaves, group->count);
    int err = proof_verify_root(&group->device, group->count, &root,
                                &group->signature);

    group->verified = err == 0;
    return err;
}

/* The group costs its leaves, and saves the paths of those of its batches that
 * are still to come, if they come; that is likely when some have come one after
 * another. */
bool cove_sharing_due(struct cove_sharing *sharing,
                      const struct cove_proof *proof, bool sure)
{
    size_t path =
        sizeof(proof->signature) + proof->path_len * (2 + sizeof(*proof->path));
    size_t whole = sizeof(struct cove_key) + sizeof(proof->signature) +
                   proof->leaves * sizeof(struct cove_hash);

    if (sharing->group != proof->kept) {
        *sharing = (struct cove_sharing){.group = proof->kept};
    }
    return sharing->group != 0 && !sharing->shared &&
           proof->leaves > sharing->paths &&
           (proof->leaves - sharing->paths) * path > 2 * whole &&
           (sure || sharing->paths * path * 4 > whole);
}

void cove_sharing_take(struct cove_sharing *sharing, struct cove_proof *proof)
{
    proof->shared = sharing->group != 0 && sharing->shared;
    sharing->paths += !sharing->shared;
}
