/* The tree of spans.
 *
 * Inner nodes count what is visible below each child. An edit changes the
 * count of its leaf at once; what the ancestors have to add is put down in
 * seq->late and handed up when another leaf is edited, or somebody descends.
 * So a keystroke next to the one before costs no walk at all.
 *
 * Spans that meet again are made one where that is right: LVs that follow each
 * other, all deleted or all visible. That the second follows the first as its
 * right child needs no look: what stands directly behind an element that has a
 * right child descends from it, and between two consecutive LVs no other one
 * can be an ancestor. Leaves are never merged: nothing is ever taken out.
 */
#include "crdt/seq_parts.h"

int cove_seq_tree_grow(struct cove_seq *seq, size_t spans)
{
    int err = cove_seq_grow(seq, &seq->leaf, &seq->leaf_cap,
                            seq->leaf_len + spans + 1, sizeof(*seq->leaf));

    return err != 0 ? err
                    : cove_seq_grow(seq, &seq->inner, &seq->inner_cap,
                                    seq->inner_len + spans / (SEQ_FAN / 4) +
                                        seq->height + 2,
                                    sizeof(*seq->inner));
}

int cove_seq_tree_init(struct cove_seq *seq)
{
    int err = cove_seq_tree_reserve(seq, 0);

    if (err != 0) {
        return err;
    }
    seq->leaf_len = seq->inner_len = 1;
    seq->top = 0;
    memset(&seq->leaf[0], 0, sizeof(seq->leaf[0]));
    seq->leaf[0].next = seq->leaf[0].prev = SEQ_NONE;
    memset(&seq->inner[0], 0, sizeof(seq->inner[0]));
    seq->inner[0].parent = SEQ_NONE;
    seq->inner[0].level = seq->inner[0].count = seq->height = 1;
    return 0;
}

/* --- counts */

static uint32_t child_index(const struct seq_inner *node, uint32_t child)
{
    uint32_t i = 0;

    while (node->child[i] != child) {
        i++;
        assert(i < node->count);
    }
    return i;
}

void cove_seq_tree_settle(struct cove_seq *seq)
{
    uint32_t child = seq->late.leaf;

    if (child == SEQ_NONE || (seq->late.elems | seq->late.bytes) == 0) {
        return;
    }
    bool known = seq->path.leaf == child;

    for (uint32_t up = seq->leaf[child].parent; up != SEQ_NONE;
         child = up, up = seq->inner[up].parent) {
        struct seq_inner *node = &seq->inner[up];
        uint32_t i =
            known ? seq->path.child[node->level] : child_index(node, child);

        node->elems[i] += seq->late.elems;
        node->bytes[i] += seq->late.bytes;
    }
    seq->late.elems = seq->late.bytes = 0;
}

/* Both are taken modulo 2^32: less is a great number. */
static void leaf_count(struct cove_seq *seq, uint32_t leaf, uint32_t elems,
                       uint32_t bytes)
{
    if (seq->late.leaf != leaf) {
        cove_seq_tree_settle(seq);
        seq->late.leaf = leaf;
    }
    seq->late.elems += elems;
    seq->late.bytes += bytes;
    seq->leaf[leaf].elems += elems;
    seq->leaf[leaf].bytes += bytes;
    seq->elems += elems;
    seq->bytes += bytes;
}

/* --- splits */

static void set_parent(struct cove_seq *seq, uint32_t level, uint32_t child,
                       uint32_t parent)
{
    if (level == 1) {
        seq->leaf[child].parent = parent;
    } else {
        seq->inner[child].parent = parent;
    }
}

/* Enter `added` behind `child`, from which it took these. The node has room. */
static void inner_add(struct cove_seq *seq, uint32_t child, uint32_t added,
                      uint32_t parent, const uint32_t taken[2])
{
    struct seq_inner *node = &seq->inner[parent];
    uint32_t i = child_index(node, child);
    size_t behind = (node->count - i - 1) * sizeof(*node->child);

    node->elems[i] -= taken[0];
    node->bytes[i] -= taken[1];
    i++;
    memmove(node->child + i + 1, node->child + i, behind);
    memmove(node->elems + i + 1, node->elems + i, behind);
    memmove(node->bytes + i + 1, node->bytes + i, behind);
    node->child[i] = added;
    node->elems[i] = taken[0];
    node->bytes[i] = taken[1];
    node->count++;
    set_parent(seq, node->level, added, parent);
}

static void grow_top(struct cove_seq *seq)
{
    uint32_t id = seq->inner_len++;
    struct seq_inner *top = &seq->inner[id];

    assert(id < seq->inner_cap);
    top->parent = SEQ_NONE;
    top->count = 1;
    top->level = ++seq->height;
    top->child[0] = seq->top;
    top->elems[0] = seq->elems;
    top->bytes[0] = seq->bytes;
    seq->inner[seq->top].parent = id;
    seq->top = id;
}

/* Move the upper half of a node to a new one. Its parent has room. */
static void inner_split(struct cove_seq *seq, uint32_t id)
{
    uint32_t added = seq->inner_len++;
    struct seq_inner *from = &seq->inner[id];
    struct seq_inner *to = &seq->inner[added];
    uint32_t half = from->count / 2;
    uint32_t taken[2] = {0, 0};

    assert(added < seq->inner_cap);
    to->level = from->level;
    to->count = from->count - half;
    from->count = half;
    for (uint32_t i = 0; i < to->count; i++) {
        to->child[i] = from->child[half + i];
        to->elems[i] = from->elems[half + i];
        to->bytes[i] = from->bytes[half + i];
        taken[0] += to->elems[i];
        taken[1] += to->bytes[i];
        set_parent(seq, to->level, to->child[i], added);
    }
    inner_add(seq, id, added, from->parent, taken);
}

/* Make room for one more child in the node above a leaf. */
static void inner_room(struct cove_seq *seq, uint32_t leaf)
{
    uint32_t path[SEQ_HEIGHT];
    uint32_t depth = 0;
    uint32_t id = seq->leaf[leaf].parent;

    for (; id != SEQ_NONE && seq->inner[id].count == SEQ_FAN;
         id = seq->inner[id].parent) {
        assert(depth < SEQ_HEIGHT);
        path[depth++] = id;
    }
    if (depth > 0 && id == SEQ_NONE) {
        grow_top(seq);
    }
    while (depth > 0) {
        inner_split(seq, path[--depth]);
    }
}

/* Begin a leaf behind this one with its spans from `slot` on. */
static uint32_t leaf_split(struct cove_seq *seq, uint32_t id, uint32_t slot)
{
    uint32_t added = seq->leaf_len++;
    struct seq_leaf *from = &seq->leaf[id];
    struct seq_leaf *to = &seq->leaf[added];

    assert(added < seq->leaf_cap);
    cove_seq_tree_settle(seq);
    seq->late.leaf = seq->cursor.leaf = seq->path.leaf = SEQ_NONE;
    to->prev = id;
    to->next = from->next;
    from->next = added;
    if (to->next != SEQ_NONE) {
        seq->leaf[to->next].prev = added;
    }
    to->count = from->count - slot;
    to->elems = to->bytes = 0;
    from->count = slot;
    memcpy(to->span, from->span + slot, to->count * sizeof(*to->span));
    for (uint32_t i = 0; i < to->count; i++) {
        const struct seq_span *span = &to->span[i];

        for (uint32_t k = 0; k < span->count; k++) {
            seq->leaf_of[span->lv + k] = added;
        }
        if ((span->flags & SEQ_DELETED) == 0) {
            to->elems += span->count;
            to->bytes += cove_seq_bytes_of(seq, span->lv, span->count);
        }
    }
    from->elems -= to->elems;
    from->bytes -= to->bytes;
    inner_room(seq, id);

    uint32_t taken[2] = {to->elems, to->bytes};

    inner_add(seq, id, added, seq->leaf[id].parent, taken);
    return added;
}

/* Make room for two more spans at a spot, which may come to be called by
 * another leaf and slot. */
static void leaf_room(struct cove_seq *seq, struct seq_spot *spot)
{
    const struct seq_leaf *leaf = &seq->leaf[spot->leaf];
    uint32_t half = SEQ_SPANS / 2;

    if (leaf->count + 2 <= SEQ_SPANS) {
        return;
    }

    const struct seq_span *last = &leaf->span[leaf->count - 1];
    bool end = spot->slot == leaf->count ||
               (spot->slot + 1 == leaf->count && spot->off == last->count);

    if (!end) {
        uint32_t added = leaf_split(seq, spot->leaf, half);

        if (spot->slot >= half) {
            spot->leaf = added;
            spot->slot -= half;
        }
        return;
    }
    /* Behind the last one, as when a text is read in: the leaf stays full. */
    uint32_t next = leaf->next;

    if (next == SEQ_NONE) {
        next = leaf_split(seq, spot->leaf, leaf->count);
    } else if (seq->leaf[next].count + 2 > SEQ_SPANS) {
        leaf_split(seq, next, half);
    }
    *spot = (struct seq_spot){next, 0, 0};
}

/* --- spans */

static void span_open(struct seq_leaf *leaf, uint32_t slot)
{
    assert(leaf->count < SEQ_SPANS);
    memmove(leaf->span + slot + 1, leaf->span + slot,
            (leaf->count - slot) * sizeof(*leaf->span));
    leaf->count++;
}

static void span_close(struct seq_leaf *leaf, uint32_t slot)
{
    leaf->count--;
    memmove(leaf->span + slot, leaf->span + slot + 1,
            (leaf->count - slot) * sizeof(*leaf->span));
}

/* Cut a span in two before `off`; there is room. */
static void span_cut(struct seq_leaf *leaf, uint32_t slot, uint32_t off)
{
    span_open(leaf, slot + 1);

    struct seq_span *first = &leaf->span[slot];
    struct seq_span *second = first + 1;

    second->lv = first->lv + off;
    second->count = (uint16_t)(first->count - off);
    second->flags = first->flags & (uint16_t)~SEQ_HAS_LEFT;
    first->count = (uint16_t)off;
    first->flags |= SEQ_HAS_RIGHT;
}

/* Make a boundary of a spot: behind a span's last, or before the first. */
static void spot_cut(struct cove_seq *seq, struct seq_spot *spot)
{
    struct seq_leaf *leaf = &seq->leaf[spot->leaf];

    if (spot->off == 0) {
        return;
    }
    if (spot->off < leaf->span[spot->slot].count) {
        span_cut(leaf, spot->slot, spot->off);
    }
    spot->slot++;
    spot->off = 0;
}

static void span_fill(struct cove_seq *seq, uint32_t leaf, uint32_t lv,
                      uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        seq->leaf_of[lv + i] = leaf;
    }
}

void cove_seq_tree_put(struct cove_seq *seq, struct seq_spot spot, uint32_t lv,
                       uint32_t count, bool chained)
{
    struct seq_span *before = cove_seq_span_at(seq, &spot);

    if (chained && (before->flags & SEQ_DELETED) == 0 &&
        before->count < SEQ_SPAN_MAX) {
        uint32_t room = SEQ_SPAN_MAX - (uint32_t)before->count;
        uint32_t take = count < room ? count : room;

        assert(before->lv + before->count == lv && spot.off == before->count);
        before->count = (uint16_t)(before->count + take);
        before->flags &= (uint16_t)~SEQ_HAS_RIGHT;
        span_fill(seq, spot.leaf, lv, take);
        leaf_count(seq, spot.leaf, take, cove_seq_bytes_of(seq, lv, take));
        lv += take;
        count -= take;
        spot.off = before->count;
        if (count > 0) {
            before->flags |= SEQ_HAS_RIGHT;
        }
    }
    while (count > 0) {
        uint32_t take = count < SEQ_SPAN_MAX ? count : SEQ_SPAN_MAX;

        leaf_room(seq, &spot);
        spot_cut(seq, &spot);
        span_open(&seq->leaf[spot.leaf], spot.slot);
        *cove_seq_span_at(seq, &spot) =
            (struct seq_span){lv, (uint16_t)take, 0};
        span_fill(seq, spot.leaf, lv, take);
        leaf_count(seq, spot.leaf, take, cove_seq_bytes_of(seq, lv, take));
        lv += take;
        count -= take;
        spot.off = take;
        if (count > 0) {
            cove_seq_span_at(seq, &spot)->flags |= SEQ_HAS_RIGHT;
        }
    }
}

void cove_seq_tree_mark_left(struct cove_seq *seq, struct seq_spot *spot)
{
    if (spot->off > 0) {
        leaf_room(seq, spot);
        spot_cut(seq, spot);
    }
    cove_seq_span_at(seq, spot)->flags |= SEQ_HAS_LEFT;
}

/* May two spans that stand side by side be one? */
static bool span_meets(const struct seq_span *a, const struct seq_span *b)
{
    return (a->flags & b->flags & SEQ_DELETED) != 0 &&
           (a->flags & SEQ_HAS_RIGHT) != 0 && a->lv + a->count == b->lv &&
           (uint32_t)a->count + b->count <= SEQ_SPAN_MAX;
}

static void span_join(struct seq_leaf *leaf, uint32_t slot)
{
    struct seq_span *a = &leaf->span[slot];
    const struct seq_span *b = a + 1;

    a->count = (uint16_t)(a->count + b->count);
    a->flags = (uint16_t)((a->flags & (uint16_t)~SEQ_HAS_RIGHT) |
                          (b->flags & SEQ_HAS_RIGHT));
    span_close(leaf, slot + 1);
}

/* The first `len` of a span go to the deleted one before it. */
static bool span_give_front(struct seq_leaf *leaf, uint32_t slot, uint32_t len)
{
    struct seq_span *span = &leaf->span[slot];

    if (slot == 0 || (span[-1].flags & SEQ_DELETED) == 0 ||
        (span[-1].flags & SEQ_HAS_RIGHT) == 0 ||
        span[-1].lv + span[-1].count != span->lv ||
        span[-1].count + len > SEQ_SPAN_MAX) {
        return false;
    }
    span[-1].count = (uint16_t)(span[-1].count + len);
    span->lv += len;
    span->count = (uint16_t)(span->count - len);
    return true;
}

/* The last `len` of a span go to the deleted one behind it. */
static bool span_give_back(struct seq_leaf *leaf, uint32_t slot, uint32_t len)
{
    struct seq_span *span = &leaf->span[slot];

    if (slot + 1 == leaf->count || (span[1].flags & SEQ_DELETED) == 0 ||
        (span->flags & SEQ_HAS_RIGHT) == 0 ||
        span->lv + span->count != span[1].lv ||
        span[1].count + len > SEQ_SPAN_MAX) {
        return false;
    }
    span->count = (uint16_t)(span->count - len);
    span[1].lv -= len;
    span[1].count = (uint16_t)(span[1].count + len);
    return true;
}

static void delete_whole(struct cove_seq *seq, const struct seq_spot *spot)
{
    struct seq_leaf *leaf = &seq->leaf[spot->leaf];
    uint32_t slot = spot->slot;

    leaf->span[slot].flags |= SEQ_DELETED;
    if (slot + 1 < leaf->count &&
        span_meets(&leaf->span[slot], &leaf->span[slot + 1])) {
        span_join(leaf, slot);
    }
    if (slot > 0 && span_meets(&leaf->span[slot - 1], &leaf->span[slot])) {
        span_join(leaf, slot - 1);
        if (seq->cursor.leaf == spot->leaf && seq->cursor.slot == slot) {
            seq->cursor.slot--; /* before it nothing is visible either */
        }
    }
}

static void delete_part(struct cove_seq *seq, struct seq_spot *spot,
                        uint32_t len)
{
    leaf_room(seq, spot);

    struct seq_leaf *leaf = &seq->leaf[spot->leaf];

    if (spot->off + len < leaf->span[spot->slot].count) {
        span_cut(leaf, spot->slot, spot->off + len);
    }
    if (spot->off > 0) {
        span_cut(leaf, spot->slot, spot->off);
        spot->slot++;
    }
    leaf->span[spot->slot].flags |= SEQ_DELETED;
}

void cove_seq_tree_delete(struct cove_seq *seq, struct seq_spot spot,
                          uint32_t len)
{
    struct seq_leaf *leaf = &seq->leaf[spot.leaf];
    const struct seq_span *span = &leaf->span[spot.slot];
    uint32_t lv = span->lv + spot.off;
    bool front = spot.off == 0;
    bool back = spot.off + len == span->count;

    if ((span->flags & SEQ_DELETED) != 0) {
        return;
    }
    if (front && back) {
        delete_whole(seq, &spot);
    } else if ((!front || !span_give_front(leaf, spot.slot, len)) &&
               (!back || !span_give_back(leaf, spot.slot, len))) {
        delete_part(seq, &spot, len);
    }
    leaf_count(seq, spot.leaf, 0 - len, 0 - cove_seq_bytes_of(seq, lv, len));
}
