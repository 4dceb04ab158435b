/* Integration: where what somebody inserted goes, and what they deleted. */
#include "crdt/seq_parts.h"

int cove_seq_check_run(struct cove_seq *seq, const struct cove_seq_run *run)
{
    if (run->first.author >= seq->author_len || run->count == 0) {
        return COVE_EUSAGE;
    }
    if (run->count > UINT32_MAX - run->first.n) {
        return COVE_EFORMAT;
    }
    return cove_seq_check_content(seq, run->content, run->count);
}

/* Is there something on this side of the parent yet? *spot: next to it. */
static bool has_child(const struct cove_seq *seq, const struct seq_new *x,
                      struct seq_spot *spot)
{
    if (x->parent == SEQ_NONE) {
        *spot = (struct seq_spot){0, 0, 0};
        return seq->total > 0;
    }
    *spot = cove_seq_tree_find(seq, x->parent);

    const struct seq_span *span = cove_seq_span_at(seq, spot);

    if (x->side == COVE_SEQ_LEFT) {
        return spot->off == 0 && (span->flags & SEQ_HAS_LEFT) != 0;
    }
    spot->off++;
    return spot->off < span->count || (span->flags & SEQ_HAS_RIGHT) != 0;
}

void cove_seq_delete_gone(struct cove_seq *seq, const struct seq_new *x,
                          uint32_t lv)
{
    struct seq_range range;

    while (cove_seq_gone_take(seq, x->first, x->count, &range)) {
        uint32_t at = lv + (range.n - x->first.n);
        uint32_t end = at + range.count;

        while (at < end) {
            struct seq_spot spot = cove_seq_tree_find(seq, at);
            uint32_t len = cove_seq_span_at(seq, &spot)->count - spot.off;

            len = len < end - at ? len : end - at;
            cove_seq_tree_delete(seq, spot, len);
            at += len;
        }
    }
}

int cove_seq_integrate(struct cove_seq *seq, const struct seq_new *x)
{
    struct seq_spot spot = {0, 0, 0};
    int err = 0;
    bool siblings = has_child(seq, x, &spot);

    if (siblings && seq->kids == NULL) {
        err = cove_seq_kids_build(seq);
    }
    if (err == 0) {
        err = cove_seq_reserve(seq, x);
    }
    if (err != 0) {
        return err;
    }
    seq->cursor.leaf = SEQ_NONE;
    if (siblings) {
        spot = cove_seq_kids_place(seq, x);
    }

    uint32_t lv = cove_seq_enter(seq, x);
    bool right = x->side == COVE_SEQ_RIGHT && x->parent != SEQ_NONE;

    if (x->side == COVE_SEQ_LEFT && !siblings) {
        cove_seq_tree_mark_left(seq, &spot);
    } else if (right && !siblings) {
        cove_seq_span_at(seq, &spot)->flags |= SEQ_HAS_RIGHT;
    }
    cove_seq_tree_put(seq, spot, lv, x->count,
                      right && !siblings && x->parent == lv - 1);
    if (seq->author[x->first.author].gone_len > 0) {
        cove_seq_delete_gone(seq, x, lv);
    }
    if (seq->author[x->first.author].waited > 0) {
        cove_seq_wait_release(seq, x->first, x->count);
    }
    return 0;
}

/* --- ops of others */

int cove_seq_insert_parts(struct cove_seq *seq, struct cove_elem parent,
                          const struct seq_new *whole)
{
    struct seq_new x = *whole;
    uint32_t left = whole->count;
    size_t bytes = whole->content.len;
    int err = 0;

    while (err == 0 && left > 0) {
        uint32_t span, ignored;
        bool held = cove_seq_lv_of(seq, x.first, &span) != SEQ_NONE;
        bool below = parent.author != COVE_SEQ_ROOT;

        x.parent = below ? cove_seq_lv_of(seq, parent, &ignored) : SEQ_NONE;
        x.count = left;
        x.content.len = bytes;
        if (!held && below && x.parent == SEQ_NONE) {
            return cove_seq_wait_has(seq, &x) /* all that is left */
                       ? 0
                       : cove_seq_wait_add(seq, parent, &x);
        }
        if (span < left) {
            x.count = span;
            x.content.len = cove_seq_prefix(seq, x.content, span);
        }
        if (!held) {
            err = cove_seq_integrate(seq, &x);
        }
        left -= x.count;
        bytes -= x.content.len;
        x.content.at += x.content.len;
        x.first.n += x.count;
        x.side = COVE_SEQ_RIGHT;
        parent = (struct cove_elem){x.first.author, x.first.n - 1};
    }
    return err;
}

int cove_seq_insert(struct cove_seq *seq, const struct cove_seq_run *run)
{
    struct seq_new x = {.first = run->first,
                        .count = run->count,
                        .side = run->side,
                        .hlc = run->hlc,
                        .content = run->content};
    bool root = run->parent.author == COVE_SEQ_ROOT;
    int err = cove_seq_ready(seq);

    if (err == 0) {
        err = cove_seq_check_run(seq, run);
    }
    if (err == 0 && !root && run->parent.author >= seq->author_len) {
        err = COVE_EUSAGE;
    }
    if (err == 0 && root && run->side == COVE_SEQ_LEFT) {
        err = COVE_EFORMAT; /* nothing is before the root */
    }
    if (err == 0 && seq->kind == COVE_SEQ_LIST) {
        err = cove_seq_type_add(seq, run->type, &x.type);
    }
    if (err == 0) {
        err = cove_seq_insert_parts(seq, run->parent, &x);
    }
    return err == 0 ? cove_seq_wait_drain(seq) : err;
}

int cove_seq_delete_lvs(struct cove_seq *seq, uint32_t lv, uint32_t count)
{
    uint32_t end = lv + count;

    seq->cursor.leaf = SEQ_NONE;
    while (lv < end) {
        struct seq_spot spot = cove_seq_tree_find(seq, lv);
        const struct seq_span *span = cove_seq_span_at(seq, &spot);
        uint32_t len = span->count - spot.off;

        len = len < end - lv ? len : end - lv;
        if ((span->flags & SEQ_DELETED) == 0) {
            int err = cove_seq_tree_reserve(seq, 1);

            if (err != 0) {
                return err;
            }
            cove_seq_tree_delete(seq, spot, len);
        }
        lv += len;
    }
    return 0;
}

int cove_seq_remove(struct cove_seq *seq, struct cove_elem first,
                    uint32_t count)
{
    int err = cove_seq_ready(seq);

    if (err == 0 && (first.author >= seq->author_len || count == 0)) {
        err = COVE_EUSAGE;
    }
    if (err == 0 && count > UINT32_MAX - first.n) {
        err = COVE_EFORMAT;
    }
    while (err == 0 && count > 0) {
        uint32_t span;
        uint32_t lv = cove_seq_lv_of(seq, first, &span);

        span = span < count ? span : count;
        err = lv == SEQ_NONE ? cove_seq_gone_add(seq, first, span)
                             : cove_seq_delete_lvs(seq, lv, span);
        first.n += span;
        count -= span;
    }
    return err == 0 ? cove_seq_wait_drain(seq) : err;
}
