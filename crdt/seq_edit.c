/* Own edits: what stands at a place decides the parent.
 *
 * A new element hangs on the right of the visible element before the place, if
 * nothing does yet; else on the left of what follows that one, which has no
 * left child, since it follows at once. So it always stands directly behind
 * its left neighbour, before any tombstones.
 */
#include "crdt/seq_parts.h"

/* A place in elements, where a byte may be less. Errors: COVE_EUSAGE. */
static int edit_place_wide(const struct cove_seq *seq, size_t at, uint32_t *out)
{
    size_t elems = 0;
    int err =
        cove_seq_convert(seq, COVE_SEQ_BYTES, at, COVE_SEQ_ELEMENTS, &elems);

    *out = (uint32_t)elems;
    return err;
}

/* A place in elements. Errors: COVE_EUSAGE. */
static inline int edit_place(const struct cove_seq *seq,
                             enum cove_seq_unit unit, size_t at, uint32_t *out)
{
    if (unit == COVE_SEQ_BYTES && (seq->wide || seq->kind != COVE_SEQ_TEXT)) {
        return edit_place_wide(seq, at, out);
    }
    *out = (uint32_t)at;
    return at > seq->elems ? COVE_EUSAGE : 0;
}

/* Find the parent of something that goes before the element `at`, and the spot
 * for it. */
static void edit_parent(struct cove_seq *seq, uint32_t at, struct seq_new *x,
                        struct seq_spot *spot)
{
    const struct seq_span *span;

    *spot = (struct seq_spot){0, 0, 0};
    if (at > 0) {
        *spot = cove_seq_tree_move(seq, at - 1);
        span = cove_seq_span_at(seq, spot);
        spot->off++;
        if (spot->off == span->count) {
            if ((span->flags & SEQ_HAS_RIGHT) == 0) {
                x->parent = span->lv + span->count - 1u;
                x->side = COVE_SEQ_RIGHT;
                return;
            }
            (void)cove_seq_tree_next(seq, spot);
        }
    } else if (seq->total == 0) {
        x->parent = SEQ_NONE;
        x->side = COVE_SEQ_RIGHT;
        return;
    }
    x->parent = cove_seq_span_at(seq, spot)->lv + spot->off;
    x->side = COVE_SEQ_LEFT;
}

static void edit_put(struct cove_seq *seq, const struct seq_new *x,
                     struct seq_spot spot, uint32_t lv)
{
    bool right = x->side == COVE_SEQ_RIGHT && x->parent != SEQ_NONE;

    if (right) {
        cove_seq_span_at(seq, &spot)->flags |= SEQ_HAS_RIGHT;
    } else if (x->parent != SEQ_NONE) {
        cove_seq_tree_mark_left(seq, &spot);
    }
    cove_seq_tree_put(seq, spot, lv, x->count, right && x->parent == lv - 1);
}

/* What others sent about these elements before they were here: as when a
 * device was set back to an old state. */
static void edit_expected(struct cove_seq *seq, const struct seq_new *x,
                          uint32_t lv)
{
    const struct seq_author *author = &seq->author[x->first.author];

    if (author->gone_len > 0) {
        seq->cursor.leaf = SEQ_NONE;
        cove_seq_delete_gone(seq, x, lv);
    }
    if (author->waited > 0) {
        cove_seq_wait_release(seq, x->first, x->count);
    }
    if (seq->ready != SEQ_NONE) {
        int later = cove_seq_wait_drain(seq);

        (void)later; /* the rest stays ready for the next op */
    }
}

/* Typing: one ASCII character behind the one that was typed before, where
 * nothing has to be looked for and there is room for it. This is the general
 * case below with all that it would find out put in front. */
static bool edit_types(struct cove_seq *seq, enum cove_seq_unit unit, size_t at,
                       const struct cove_seq_run *run,
                       struct cove_seq_edit *out)
{
    uint32_t lv = seq->total;

    if (seq->cursor.leaf == SEQ_NONE || seq->cursor.leaf != seq->late.leaf ||
        run->count != 1 || run->content.len != 1 || run->content.at[0] > 0x7f ||
        (seq->wide && unit == COVE_SEQ_BYTES) || seq->kind != COVE_SEQ_TEXT ||
        (seq->kids != NULL && lv / 64 >= seq->forks_cap) ||
        seq->ready != SEQ_NONE || lv == seq->lv_cap || lv % SEQ_MARK == 0 ||
        lv == SEQ_TOTAL_MAX || seq->content_len == seq->content_cap ||
        seq->tick_len == seq->tick_cap ||
        run->first.author >= seq->author_len) {
        return false;
    }

    struct seq_leaf *leaf = &seq->leaf[seq->cursor.leaf];
    struct seq_span *span = &leaf->span[seq->cursor.slot];
    struct seq_author *author = &seq->author[run->first.author];
    struct seq_piece *piece =
        author->piece_len > 0 ? &author->piece[author->piece_len - 1] : NULL;

    if (at != (size_t)seq->cursor.at + span->count || span->flags > 0 ||
        span->count == SEQ_SPAN_MAX || span->lv + span->count != lv ||
        piece == NULL || (author->gone_len | author->waited) != 0 ||
        piece->lv + piece->count != lv ||
        piece->n + piece->count != run->first.n || run->first.n == UINT32_MAX ||
        seq->run[seq->run_len - 1].author != run->first.author) {
        return false;
    }
    out->parent = (struct cove_elem){run->first.author, run->first.n - 1};
    out->side = COVE_SEQ_RIGHT;
    seq->content[seq->content_len++] = run->content.at[0];
    cove_seq_tick_add(seq, 1, run->hlc);
    seq->leaf_of[lv] = seq->cursor.leaf;
    piece->count++;
    span->count++;
    leaf->elems++;
    leaf->bytes++;
    seq->late.elems++;
    seq->late.bytes++;
    seq->elems++;
    seq->bytes++;
    seq->total++;
    return true;
}

static __attribute__((noinline)) int edit_insert(struct cove_seq *seq,
                                                 enum cove_seq_unit unit,
                                                 size_t at,
                                                 const struct cove_seq_run *run,
                                                 struct cove_seq_edit *out)
{
    struct seq_new x = {.first = run->first,
                        .count = run->count,
                        .hlc = run->hlc,
                        .content = run->content};
    struct seq_spot spot;
    uint32_t place = 0;
    uint32_t span;
    int err = cove_seq_ready(seq);

    if (err == 0) {
        err = cove_seq_check_run(seq, run);
    }
    if (err == 0) {
        err = edit_place(seq, unit, at, &place);
    }
    if (err == 0 &&
        (cove_seq_lv_of(seq, x.first, &span) != SEQ_NONE || span < x.count)) {
        err = COVE_EUSAGE;
    }
    if (err == 0 && seq->kind == COVE_SEQ_LIST) {
        err = cove_seq_type_add(seq, run->type, &x.type);
    }
    if (err != 0) {
        return err;
    }
    edit_parent(seq, place, &x, &spot);
    err = cove_seq_reserve(seq, &x);
    if (err != 0) {
        return err;
    }
    out->parent = cove_seq_elem_of(seq, x.parent);
    out->side = x.side;

    uint32_t lv = cove_seq_enter(seq, &x);

    edit_put(seq, &x, spot, lv);
    if (place == 0) {
        seq->cursor.leaf = seq->cursor.slot = 0;
        seq->cursor.at = seq->cursor.leaf_at = 0;
    }
    edit_expected(seq, &x, lv);
    return 0;
}

int cove_seq_insert_at(struct cove_seq *seq, enum cove_seq_unit unit, size_t at,
                       const struct cove_seq_run *run,
                       struct cove_seq_edit *out)
{
    return edit_types(seq, unit, at, run, out)
               ? 0
               : edit_insert(seq, unit, at, run, out);
}

/* --- deletions */

struct edit_ranges { /* what is visited, joined where it is one range */
    cove_seq_range *visit;
    void *ctx;
    struct cove_elem first;
    uint32_t count;
};

static int ranges_end(struct edit_ranges *ranges)
{
    return ranges->count == 0
               ? 0
               : ranges->visit(ranges->ctx, ranges->first, ranges->count);
}

static int ranges_add(const struct cove_seq *seq, struct edit_ranges *ranges,
                      uint32_t lv, uint32_t count)
{
    while (count > 0) {
        const struct seq_run *run = cove_seq_run_of(seq, lv);
        uint32_t left = cove_seq_run_end(seq, run) - lv;
        uint32_t take = count < left ? count : left;
        struct cove_elem elem = {run->author, run->n + (lv - run->lv)};
        int err = 0;

        if (ranges->count > 0 && ranges->first.author == elem.author &&
            ranges->first.n + ranges->count == elem.n) {
            ranges->count += take;
        } else {
            err = ranges_end(ranges);
            ranges->first = elem;
            ranges->count = take;
        }
        if (err != 0) {
            return err;
        }
        lv += take;
        count -= take;
    }
    return 0;
}

/* Elements of more than one span. */
static int visit_elements(struct cove_seq *seq, struct seq_spot spot,
                          uint32_t count, struct edit_ranges *ranges)
{
    int err = 0;

    for (bool more = true; err == 0 && count > 0 && more;
         more = cove_seq_tree_next(seq, &spot)) {
        const struct seq_span *span = cove_seq_span_at(seq, &spot);

        if ((span->flags & SEQ_DELETED) == 0) {
            uint32_t left = span->count - spot.off;
            uint32_t take = count < left ? count : left;

            err = ranges_add(seq, ranges, span->lv + spot.off, take);
            count -= take;
        }
    }
    return err != 0 ? err : ranges_end(ranges);
}

static __attribute__((noinline)) int edit_remove_many(struct cove_seq *seq,
                                                      struct seq_spot spot,
                                                      uint32_t count,
                                                      cove_seq_range *visit,
                                                      void *ctx)
{
    struct edit_ranges ranges = {visit, ctx, {0, 0}, 0};
    uint32_t from = seq->cursor.at + spot.off;
    int err = visit_elements(seq, spot, count, &ranges);

    while (err == 0 && count > 0) {
        spot = cove_seq_tree_move(seq, from);

        uint32_t here = cove_seq_span_at(seq, &spot)->count - spot.off;
        uint32_t take = count < here ? count : here;

        cove_seq_tree_delete(seq, spot, take);
        count -= take;
    }
    return err;
}

int cove_seq_remove_at(struct cove_seq *seq, enum cove_seq_unit unit, size_t at,
                       size_t len, cove_seq_range *visit, void *ctx)
{
    uint32_t from, to;
    int err = cove_seq_ready(seq);

    if (err != 0) {
        return err;
    }
    if (len > SEQ_TOTAL_MAX || at > SEQ_TOTAL_MAX ||
        edit_place(seq, unit, at, &from) != 0 ||
        edit_place(seq, unit, at + len, &to) != 0) {
        return COVE_EUSAGE;
    }
    if (from == to) {
        return 0;
    }
    err = cove_seq_tree_reserve(seq, 2); /* cuts at both ends */
    if (err != 0) {
        return err;
    }

    struct seq_spot spot = cove_seq_tree_move(seq, from);
    const struct seq_span *span = cove_seq_span_at(seq, &spot);
    uint32_t lv = span->lv + spot.off;
    const struct seq_run *run = cove_seq_run_of(seq, lv);

    if (to - from > span->count - spot.off ||
        to - from > cove_seq_run_end(seq, run) - lv) {
        return edit_remove_many(seq, spot, to - from, visit, ctx);
    }
    err = visit(ctx, (struct cove_elem){run->author, run->n + (lv - run->lv)},
                to - from);
    if (err == 0) {
        cove_seq_tree_delete(seq, spot, to - from);
    }
    return err;
}
