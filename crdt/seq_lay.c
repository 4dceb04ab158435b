/* The content of a checkpoint, which lies as it is read, laid out by LV. */
#include "crdt/pack.h"
#include "crdt/seq_parts.h"

struct lay {
    struct cove_seq *seq;
    struct cove_buf *visible;    /* in document order; the deleted behind it */
    struct cove_bytes deleted;   /* by LV */
    struct cove_unpacker ranges; /* which LVs those are: gap, length */
};

/* Where each element's content lies in what is visible, and behind that what
 * is deleted; by LV. */
static void content_places(struct lay *l, uint32_t *from)
{
    const struct cove_seq *seq = l->seq;
    const struct cove_buf *all = l->visible;
    size_t at = 0;

    for (uint32_t leaf = 0; leaf != SEQ_NONE; leaf = seq->leaf[leaf].next) {
        for (uint32_t i = 0; i < seq->leaf[leaf].count; i++) {
            const struct seq_span *span = &seq->leaf[leaf].span[i];

            for (uint32_t k = 0; k < cove_seq_visible(span); k++) {
                from[span->lv + k] = (uint32_t)at;
                at += cove_seq_prefix(
                    seq, cove_bytes(all->at + at, all->len - at), 1);
            }
        }
    }
    for (uint32_t lv = 0; l->ranges.at < l->ranges.end;) {
        lv += cove_unpack_u32(&l->ranges);
        for (uint32_t k = cove_unpack_u32(&l->ranges); k > 0; k--, lv++) {
            from[lv] = (uint32_t)at;
            at += cove_seq_prefix(seq, cove_bytes(all->at + at, all->len - at),
                                  1);
        }
    }
}

/* Bytes and elements part: count the bytes anew. */
static void count_bytes(struct cove_seq *seq)
{
    seq->bytes = 0;
    for (uint32_t i = 0; i < seq->inner_len; i++) {
        memset(seq->inner[i].bytes, 0, sizeof(seq->inner[i].bytes));
    }
    for (uint32_t id = 0; id < seq->leaf_len; id++) {
        struct seq_leaf *leaf = &seq->leaf[id];
        uint32_t child = id;

        leaf->bytes = 0;
        for (uint32_t i = 0; i < leaf->count; i++) {
            leaf->bytes += cove_seq_bytes_of(seq, leaf->span[i].lv,
                                             cove_seq_visible(&leaf->span[i]));
        }
        seq->bytes += leaf->bytes;
        for (uint32_t up = leaf->parent; up != SEQ_NONE;
             child = up, up = seq->inner[up].parent) {
            struct seq_inner *node = &seq->inner[up];
            uint32_t i = 0;

            while (node->child[i] != child) {
                i++;
            }
            node->bytes[i] += leaf->bytes;
        }
    }
}

static void content_lay(struct lay *l, const uint32_t *from)
{
    struct cove_seq *seq = l->seq;
    const struct cove_buf *all = l->visible;

    for (uint32_t lv = 0; lv < seq->total; lv++) {
        struct cove_bytes rest =
            cove_bytes(all->at + from[lv], all->len - from[lv]);
        size_t len = cove_seq_prefix(seq, rest, 1);

        if (seq->kind == COVE_SEQ_LIST) {
            seq->values[lv] = seq->content_len;
        } else if (lv % SEQ_MARK == 0) {
            seq->mark[seq->mark_len++] = seq->content_len;
        }
        memcpy(seq->content + seq->content_len, rest.at, len);
        seq->content_len += (uint32_t)len;
    }
    if (seq->kind == COVE_SEQ_TEXT && seq->content_len != seq->total) {
        seq->wide = true;
        cove_seq_tree_settle(seq);
        count_bytes(seq);
    }
}

/* As above, where an element is a byte. */
static void content_lay_ascii(struct lay *l)
{
    struct cove_seq *seq = l->seq;
    const uint8_t *visible = l->visible->at;
    const uint8_t *deleted = l->deleted.at;

    for (uint32_t leaf = 0; leaf != SEQ_NONE; leaf = seq->leaf[leaf].next) {
        for (uint32_t i = 0; i < seq->leaf[leaf].count; i++) {
            const struct seq_span *span = &seq->leaf[leaf].span[i];

            if (cove_seq_visible(span) > 0) {
                memcpy(seq->content + span->lv, visible, span->count);
                visible += span->count;
            }
        }
    }
    for (uint32_t lv = 0; l->ranges.at < l->ranges.end;) {
        lv += cove_unpack_u32(&l->ranges);

        uint32_t len = cove_unpack_u32(&l->ranges);

        memcpy(seq->content + lv, deleted, len);
        deleted += len;
        lv += len;
    }
    seq->content_len = seq->total;
}

int cove_seq_lay(struct cove_seq *seq, struct cove_buf *all,
                 struct cove_bytes deleted, struct cove_bytes ranges)
{
    struct lay lay = {.seq = seq, .visible = all, .deleted = deleted};
    struct cove_bytes visible = cove_buf_bytes(all);
    uint32_t dead = seq->total - seq->elems;
    uint32_t *from = NULL;

    if (cove_seq_check_content(seq, visible, seq->elems) != 0 ||
        cove_seq_check_content(seq, deleted, dead) != 0) {
        return COVE_ECORRUPT;
    }

    cove_unpacker_init(&lay.ranges, ranges);

    size_t bytes = visible.len + deleted.len;
    int err = bytes > SEQ_TOTAL_MAX ? COVE_ECORRUPT : 0;

    if (err == 0) {
        err = cove_seq_grow(seq, &seq->content, &seq->content_cap, bytes, 1);
    }
    if (err == 0 && seq->kind == COVE_SEQ_TEXT) {
        err = cove_seq_grow(seq, &seq->mark, &seq->mark_cap,
                            seq->total / SEQ_MARK + 1u, sizeof(*seq->mark));
    }
    if (err == 0 && seq->kind == COVE_SEQ_TEXT && bytes == seq->total) {
        content_lay_ascii(&lay);
        return 0;
    }
    if (err == 0) {
        err = cove_buf_append(all, deleted);
    }
    if (err == 0) {
        from = cove_alloc_zero(seq->alloc, seq->total, sizeof(*from));
        err = from == NULL ? COVE_ENOMEM : 0;
    }
    if (err == 0) {
        content_places(&lay, from);
        content_lay(&lay, from);
    }
    cove_alloc_free(seq->alloc, from);
    return err;
}
