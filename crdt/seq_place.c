/* Places in the tree: from an LV to its span, from a span to what is visible
 * before it, and from there to the span. */
#include "crdt/seq_parts.h"

struct seq_spot cove_seq_tree_find(const struct cove_seq *seq, uint32_t lv)
{
    struct seq_spot spot = {seq->leaf_of[lv], 0, 0};
    const struct seq_leaf *leaf = &seq->leaf[spot.leaf];

    for (;; spot.slot++) {
        assert(spot.slot < leaf->count);
        spot.off = lv - leaf->span[spot.slot].lv;
        if (spot.off < leaf->span[spot.slot].count) {
            return spot;
        }
    }
}

uint32_t cove_seq_tree_position(const struct cove_seq *seq,
                                enum cove_seq_unit unit,
                                const struct seq_spot *spot)
{
    const struct seq_leaf *leaf = &seq->leaf[spot->leaf];
    bool bytes = unit == COVE_SEQ_BYTES && seq->wide;
    uint32_t child = spot->leaf;
    uint32_t at = 0;

    cove_seq_tree_settle(seq->self);
    for (uint32_t i = 0; i <= spot->slot && i < leaf->count; i++) {
        const struct seq_span *span = &leaf->span[i];
        uint32_t count = i < spot->slot ? span->count : spot->off;

        if ((span->flags & SEQ_DELETED) == 0) {
            at += bytes ? cove_seq_bytes_of(seq, span->lv, count) : count;
        }
    }
    for (uint32_t up = leaf->parent; up != SEQ_NONE;
         child = up, up = seq->inner[up].parent) {
        const struct seq_inner *node = &seq->inner[up];
        const uint32_t *counts = bytes ? node->bytes : node->elems;

        for (uint32_t i = 0; node->child[i] != child; i++) {
            at += counts[i];
        }
    }
    return at;
}

/* The child that holds number *at of these, which is then its number there. */
static inline uint32_t child_at(const uint32_t *counts, uint32_t *at)
{
    uint32_t i = 0;

    while (*at >= counts[i]) {
        *at -= counts[i++];
    }
    return i;
}

static struct seq_spot seek_elems(const struct cove_seq *seq, uint32_t at,
                                  uint32_t *leaf_at, uint32_t *rest)
{
    struct cove_seq *self = seq->self;
    uint32_t id = seq->top;
    uint32_t left = at;
    const struct seq_span *span;

    for (uint32_t level = seq->height; level > 0; level--) {
        const struct seq_inner *node = &seq->inner[id];
        uint32_t i = child_at(node->elems, &left);

        assert(i < node->count);
        id = node->child[i];
        self->path.child[level] = i;
    }
    self->path.leaf = id;
    *leaf_at = at - left;
    span = seq->leaf[id].span;
    while (left >= cove_seq_visible(span)) {
        left -= cove_seq_visible(span++);
    }
    *rest = left;
    return (struct seq_spot){id, (uint32_t)(span - seq->leaf[id].span), 0};
}

static struct seq_spot seek_bytes(const struct cove_seq *seq, uint32_t at,
                                  uint32_t *rest)
{
    struct seq_spot spot = {seq->top, 0, 0};

    for (uint32_t level = seq->height; level > 0; level--) {
        const struct seq_inner *node = &seq->inner[spot.leaf];
        uint32_t i = child_at(node->bytes, &at);

        assert(i < node->count);
        spot.leaf = node->child[i];
    }
    for (;; spot.slot++) {
        const struct seq_span *span = cove_seq_span_at(seq, &spot);
        uint32_t here =
            cove_seq_bytes_of(seq, span->lv, cove_seq_visible(span));

        if (at < here) {
            *rest = at;
            return spot;
        }
        at -= here;
    }
}

struct seq_spot cove_seq_tree_seek(const struct cove_seq *seq,
                                   enum cove_seq_unit unit, uint32_t at,
                                   uint32_t *leaf_at, uint32_t *rest)
{
    bool bytes = unit == COVE_SEQ_BYTES && seq->wide;

    assert(at < (bytes ? seq->bytes : seq->elems));
    cove_seq_tree_settle(seq->self);
    return bytes ? seek_bytes(seq, at, rest)
                 : seek_elems(seq, at, leaf_at, rest);
}

struct seq_spot cove_seq_tree_move(struct cove_seq *seq, uint32_t at)
{
    uint32_t leaf_at = seq->cursor.leaf_at;

    if (seq->cursor.leaf == SEQ_NONE || at < leaf_at ||
        at - leaf_at >= seq->leaf[seq->cursor.leaf].elems) {
        uint32_t off;
        struct seq_spot spot =
            cove_seq_tree_seek(seq, COVE_SEQ_ELEMENTS, at, &leaf_at, &off);

        spot.off = off;
        seq->cursor.leaf = spot.leaf;
        seq->cursor.slot = spot.slot;
        seq->cursor.at = at - spot.off;
        seq->cursor.leaf_at = leaf_at;
        return spot;
    }

    const struct seq_span *span =
        &seq->leaf[seq->cursor.leaf].span[seq->cursor.slot];
    uint32_t before = seq->cursor.at;

    while (at < before) {
        before -= cove_seq_visible(--span);
    }
    while (at - before >= cove_seq_visible(span)) {
        before += cove_seq_visible(span++);
    }
    seq->cursor.slot = (uint32_t)(span - seq->leaf[seq->cursor.leaf].span);
    seq->cursor.at = before;
    return (struct seq_spot){seq->cursor.leaf, seq->cursor.slot, at - before};
}

bool cove_seq_tree_next(const struct cove_seq *seq, struct seq_spot *spot)
{
    const struct seq_leaf *leaf = &seq->leaf[spot->leaf];

    if (spot->slot + 1 < leaf->count) {
        *spot = (struct seq_spot){spot->leaf, spot->slot + 1, 0};
        return true;
    }
    if (leaf->next == SEQ_NONE) {
        return false;
    }
    *spot = (struct seq_spot){leaf->next, 0, 0};
    return true;
}
