/* merkle.h: the hash tree behind a group signature. docs/FORMAT.md
 * "Signatures".
 *
 * A commit that touches many documents signs one root instead of every head.
 * The tree is that of RFC 9162: the left subtree of n leaves has the greatest
 * power of two below n, and nothing is padded or doubled.
 *
 *   leaves 5            root
 *                     /      \
 *                 abcd        e      a lone node goes up unchanged
 *                /    \
 *              ab      cd
 */
#ifndef COVE_CRDT_MERKLE_H
#define COVE_CRDT_MERKLE_H

#include "core/arena.h"
#include "core/id.h"
#include "core/limits.h"

#define COVE_MAX_LEAVES (1u << COVE_MAX_MERKLE)

struct cove_merkle {
    struct cove_hash *level[COVE_MAX_MERKLE + 1]; /* 0: the leaves */
    uint32_t count[COVE_MAX_MERKLE + 1];          /* nodes of each level */
    unsigned height;                              /* index of the root's */
};

/* H(0x00, document, session, device, end, head): one session head. */
struct cove_hash cove_merkle_leaf(const struct cove_id *document,
                                  const struct cove_session_id *session,
                                  const struct cove_key *device, uint32_t end,
                                  const struct cove_hash *head);

/* Build the tree over 1 … COVE_MAX_LEAVES leaves, in the arena.
 * Errors: COVE_ELIMIT, COVE_ENOMEM. Cost: O(leaves). */
COVE_MUST_CHECK int cove_merkle_build(const struct cove_hash *leaves,
                                      size_t count, struct cove_arena *arena,
                                      struct cove_merkle *out);
/* Just the root over 1 … COVE_MAX_LEAVES leaves, without memory. */
struct cove_hash cove_merkle_over(const struct cove_hash *leaves, size_t count);
const struct cove_hash *cove_merkle_root(const struct cove_merkle *tree);
/* The siblings of a leaf, from the leaf up; gives their number. */
size_t cove_merkle_path(const struct cove_merkle *tree, uint32_t leaf,
                        struct cove_hash out[COVE_MAX_MERKLE]);

/* How many hashes the path of this leaf has. Needs leaf < leaves. */
size_t cove_merkle_path_len(uint32_t leaf, uint32_t leaves);
/* The root that a leaf and its path lead to; path has path_len() hashes. */
struct cove_hash cove_merkle_climb(struct cove_hash leaf_hash, uint32_t leaf,
                                   uint32_t leaves,
                                   const struct cove_hash *path);

#endif
