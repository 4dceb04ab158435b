/* merkle.c: the tree of RFC 9162, section 2.1, built level by level.
 *
 * Pairing neighbours from the left and carrying a last odd node up unchanged
 * gives the same tree as the recursive definition: in both, the nodes of level
 * k are the complete subtrees over 2^k leaves and one smaller rest at the
 * right edge. So does climbing: at each level either there is a sibling (one
 * hash of the path) or the node is a lone last one and goes up as it is.
 *
 * Leaves and nodes are hashed with different first bytes, so that a node can
 * never be shown as a leaf.
 * Source: RFC 9162, sections 2.1.1 and 2.1.3.
 */
#include "crdt/merkle.h"

#include <assert.h>

#include "core/crypto.h"
#include "cove/error.h"

#define MERKLE_DOMAIN "cove/merkle"

static const uint8_t merkle_leaf_tag[1] = {0};
static const uint8_t merkle_node_tag[1] = {1};

struct cove_hash cove_merkle_leaf(const struct cove_id *document,
                                  const struct cove_session_id *session,
                                  const struct cove_key *device, uint32_t end,
                                  const struct cove_hash *head)
{
    uint8_t end_be[8];
    struct cove_bytes parts[] = {
        {merkle_leaf_tag, sizeof(merkle_leaf_tag)},
        {document->b, sizeof(document->b)},
        {session->b, sizeof(session->b)},
        {device->b, sizeof(device->b)},
        {end_be, sizeof(end_be)},
        {head->b, sizeof(head->b)},
    };

    cove_put_be64(end_be, end);
    return cove_hash_parts(MERKLE_DOMAIN, parts, COVE_ARRAY_LEN(parts));
}

static struct cove_hash merkle_node(const struct cove_hash *left,
                                    const struct cove_hash *right)
{
    struct cove_bytes parts[] = {
        {merkle_node_tag, sizeof(merkle_node_tag)},
        {left->b, sizeof(left->b)},
        {right->b, sizeof(right->b)},
    };

    return cove_hash_parts(MERKLE_DOMAIN, parts, COVE_ARRAY_LEN(parts));
}

int cove_merkle_build(const struct cove_hash *leaves, size_t count,
                      struct cove_arena *arena, struct cove_merkle *out)
{
    struct cove_merkle tree = {0};

    if (count == 0 || count > COVE_MAX_LEAVES) {
        return COVE_ELIMIT;
    }
    /* A level has half the nodes of the one below, rounded up. */
    struct cove_hash *next =
        cove_arena_array(arena, 2 * count + COVE_MAX_MERKLE, sizeof(*next));

    if (next == NULL) {
        return COVE_ENOMEM;
    }
    memcpy(next, leaves, count * sizeof(*next));
    tree.level[0] = next;
    tree.count[0] = (uint32_t)count;
    while (tree.count[tree.height] > 1) {
        const struct cove_hash *below = tree.level[tree.height];
        uint32_t nodes = tree.count[tree.height];

        next += nodes;
        for (size_t i = 0; i < nodes / 2; i++) {
            next[i] = merkle_node(&below[2 * i], &below[2 * i + 1]);
        }
        if (nodes % 2 == 1) {
            next[nodes / 2] = below[nodes - 1];
        }
        tree.height++;
        tree.level[tree.height] = next;
        tree.count[tree.height] = (nodes + 1) / 2;
    }
    *out = tree;
    return 0;
}

/* The complete subtrees so far, the largest first: where leaf i is added, one
 * pair is joined for each low bit of i that is set. */
struct cove_hash cove_merkle_over(const struct cove_hash *leaves, size_t count)
{
    struct cove_hash stack[COVE_MAX_MERKLE + 1];
    size_t height = 0;

    assert(count > 0 && count <= COVE_MAX_LEAVES);
    for (size_t i = 0; i < count; i++) {
        struct cove_hash node = leaves[i];

        for (size_t bits = i; bits & 1; bits >>= 1) {
            node = merkle_node(&stack[--height], &node);
        }
        stack[height++] = node;
    }
    while (height > 1) {
        height--;
        stack[height - 1] = merkle_node(&stack[height - 1], &stack[height]);
    }
    return stack[0];
}

const struct cove_hash *cove_merkle_root(const struct cove_merkle *tree)
{
    return tree->level[tree->height];
}

size_t cove_merkle_path(const struct cove_merkle *tree, uint32_t leaf,
                        struct cove_hash out[COVE_MAX_MERKLE])
{
    size_t len = 0;

    for (unsigned i = 0; i < tree->height; i++) {
        uint32_t sibling = leaf ^ 1;

        if (sibling < tree->count[i]) {
            out[len++] = tree->level[i][sibling];
        }
        leaf /= 2;
    }
    return len;
}

size_t cove_merkle_path_len(uint32_t leaf, uint32_t leaves)
{
    size_t len = 0;

    for (; leaves > 1; leaves = leaves / 2 + leaves % 2) {
        len += (leaf ^ 1) < leaves;
        leaf /= 2;
    }
    return len;
}

struct cove_hash cove_merkle_climb(struct cove_hash leaf_hash, uint32_t leaf,
                                   uint32_t leaves,
                                   const struct cove_hash *path)
{
    struct cove_hash node = leaf_hash;

    for (; leaves > 1; leaves = leaves / 2 + leaves % 2) {
        if (leaf % 2 == 1) {
            node = merkle_node(path++, &node);
        } else if (leaf + 1 < leaves) {
            node = merkle_node(&node, path++);
        }
        leaf /= 2;
    }
    return node;
}
