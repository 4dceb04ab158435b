/* Reading: walks, texts, and places. A text at rest is read as it lies. */
#include "core/utf8.h"
#include "crdt/seq_parts.h"

/* --- one unit as the other */

static bool utf8_inside(struct cove_bytes text, size_t at)
{
    return at < text.len && (text.at[at] & 0xc0) == 0x80;
}

/* In a text as it lies. */
static int convert_flat(struct cove_bytes text, enum cove_seq_unit from,
                        size_t at, enum cove_seq_unit to, size_t *out)
{
    if (from == COVE_SEQ_BYTES) {
        if (utf8_inside(text, at)) {
            return COVE_EUSAGE;
        }
        *out = to == from ? at : cove_utf8_count(cove_bytes(text.at, at));
        return 0;
    }

    size_t i = 0;

    for (size_t left = at; left > 0; left--) {
        i += 1u + (text.at[i] >= 0xc0) + (text.at[i] >= 0xe0) +
             (text.at[i] >= 0xf0);
    }
    *out = to == from ? at : i;
    return 0;
}

/* In a tree; there is something behind `at`. */
static int convert_tree(const struct cove_seq *seq, enum cove_seq_unit from,
                        size_t at, enum cove_seq_unit to, size_t *out)
{
    uint32_t leaf_at, rest;
    struct seq_spot spot =
        cove_seq_tree_seek(seq, from, (uint32_t)at, &leaf_at, &rest);
    const struct seq_span *span = cove_seq_span_at(seq, &spot);

    spot.off = rest;
    if (from == COVE_SEQ_BYTES) {
        struct cove_bytes text =
            cove_seq_content_of(seq, span->lv, span->count);

        if (utf8_inside(text, rest)) {
            return COVE_EUSAGE;
        }
        spot.off = (uint32_t)cove_utf8_count(cove_bytes(text.at, rest));
    }
    *out = from == to ? at : cove_seq_tree_position(seq, to, &spot);
    return 0;
}

int cove_seq_convert(const struct cove_seq *seq, enum cove_seq_unit from,
                     size_t at, enum cove_seq_unit to, size_t *out)
{
    bool bytes = from == COVE_SEQ_BYTES || to == COVE_SEQ_BYTES;

    if (at > cove_seq_length(seq, from) ||
        (bytes && seq->kind != COVE_SEQ_TEXT)) {
        return COVE_EUSAGE;
    }
    if (cove_seq_length(seq, COVE_SEQ_ELEMENTS) ==
        cove_seq_length(seq, COVE_SEQ_BYTES)) {
        *out = at;
        return 0;
    }
    if (at == cove_seq_length(seq, from)) {
        *out = cove_seq_length(seq, to);
        return 0;
    }
    if (seq->saved.at != NULL) {
        return convert_flat(cove_buf_bytes(&seq->text), from, at, to, out);
    }
    return convert_tree(seq, from, at, to, out);
}

/* --- walks */

int cove_seq_walk(const struct cove_seq *seq, size_t at, size_t len,
                  struct cove_seq_walk *out)
{
    struct seq_spot spot = {SEQ_NONE, 0, 0};
    uint32_t leaf_at;
    int err = cove_seq_ready(seq);

    if (err != 0) {
        return err;
    }
    if (at > seq->elems || len > seq->elems - at) {
        return COVE_EUSAGE;
    }
    if (len > 0) {
        uint32_t off;

        spot = cove_seq_tree_seek(seq, COVE_SEQ_ELEMENTS, (uint32_t)at,
                                  &leaf_at, &off);
        spot.off = off;
    }
    *out = (struct cove_seq_walk){.seq = seq,
                                  .leaf = spot.leaf,
                                  .slot = spot.slot,
                                  .skip = spot.off,
                                  .left = len};
    return 0;
}

int cove_seq_walk_all(const struct cove_seq *seq, struct cove_seq_walk *out)
{
    int err = cove_seq_ready(seq);

    if (err == 0) {
        *out = (struct cove_seq_walk){
            .seq = seq, .deleted_too = true, .left = seq->total};
    }
    return err;
}

/* The run and the stretch of one hlc that an LV is in: mostly those of the
 * piece before, or the next ones. */
static void walk_find(struct cove_seq_walk *walk, uint32_t lv)
{
    const struct cove_seq *seq = walk->seq;
    uint32_t run = walk->run;
    uint32_t tick = walk->tick;

    run += run + 1 < seq->run_len && seq->run[run + 1].lv <= lv;
    if (seq->run[run].lv > lv || lv >= cove_seq_run_end(seq, &seq->run[run])) {
        run = (uint32_t)(cove_seq_run_of(seq, lv) - seq->run);
    }
    tick += tick + 1 < seq->tick_len && seq->tick[tick + 1].lv <= lv;
    if (seq->tick[tick].lv > lv ||
        (tick + 1 < seq->tick_len && seq->tick[tick + 1].lv <= lv)) {
        tick = cove_seq_tick_of(seq, lv);
    }
    walk->run = run;
    walk->tick = tick;
}

static void walk_piece(struct cove_seq_walk *walk, const struct seq_span *span,
                       struct cove_seq_piece *out)
{
    const struct cove_seq *seq = walk->seq;
    uint32_t lv = span->lv + walk->skip;
    uint32_t end = span->lv + span->count;

    walk_find(walk, lv);

    const struct seq_run *run = &seq->run[walk->run];
    uint32_t run_end = cove_seq_run_end(seq, run);

    end = run_end < end ? run_end : end;
    if (walk->tick + 1 < seq->tick_len && seq->tick[walk->tick + 1].lv < end) {
        end = seq->tick[walk->tick + 1].lv;
    }
    if (seq->tick[walk->tick].counts) {
        end = lv + 1;
    }
    if (end - lv > walk->left) {
        end = lv + (uint32_t)walk->left;
    }
    *out = (struct cove_seq_piece){
        .first = {run->author, run->n + (lv - run->lv)},
        .count = end - lv,
        .deleted = (span->flags & SEQ_DELETED) != 0,
        .hlc = cove_seq_tick_at(&seq->tick[walk->tick], lv),
        .content = cove_seq_content_of(seq, lv, end - lv),
    };
    if (seq->kind == COVE_SEQ_LIST) {
        out->type = cove_buf_bytes(&seq->type[run->type_side >> 1]);
    }
}

bool cove_seq_next(struct cove_seq_walk *walk, struct cove_seq_piece *out)
{
    while (walk->left > 0) {
        const struct seq_leaf *leaf = &walk->seq->leaf[walk->leaf];
        const struct seq_span *span = &leaf->span[walk->slot];

        if (walk->slot == leaf->count) {
            walk->leaf = leaf->next;
            walk->slot = 0;
        } else if (walk->skip == span->count ||
                   (!walk->deleted_too && (span->flags & SEQ_DELETED) != 0)) {
            walk->slot++;
            walk->skip = 0;
        } else {
            walk_piece(walk, span, out);
            walk->skip += out->count;
            walk->left -= out->count;
            return true;
        }
    }
    return false;
}

/* --- text */

/* The visible text of so many elements from a spot on; there is room. */
static void text_copy(const struct cove_seq *seq, struct seq_spot spot,
                      size_t elems, struct cove_buf *out)
{
    for (bool more = true; more && elems > 0;
         more = cove_seq_tree_next(seq, &spot)) {
        const struct seq_span *span = cove_seq_span_at(seq, &spot);
        uint32_t here = span->count - spot.off;

        if ((span->flags & SEQ_DELETED) == 0) {
            here = here < elems ? here : (uint32_t)elems;

            struct cove_bytes text =
                cove_seq_content_of(seq, span->lv + spot.off, here);

            memcpy(out->at + out->len, text.at, text.len);
            out->len += text.len;
            elems -= here;
        }
    }
}

int cove_seq_text(const struct cove_seq *seq, enum cove_seq_unit unit,
                  size_t at, size_t len, struct cove_buf *out)
{
    enum cove_seq_unit elements = COVE_SEQ_ELEMENTS;
    enum cove_seq_unit bytes = COVE_SEQ_BYTES;
    size_t from, to, start = 0, end = 0;
    uint32_t leaf_at, off;
    int err = len > SEQ_TOTAL_MAX || at > SEQ_TOTAL_MAX ? COVE_EUSAGE : 0;

    if (err == 0) {
        err = cove_seq_convert(seq, unit, at, bytes, &start);
    }
    if (err == 0) {
        err = cove_seq_convert(seq, unit, at + len, bytes, &end);
    }
    if (err != 0 || len == 0) {
        return err;
    }
    if (seq->saved.at != NULL) {
        return cove_buf_append(out,
                               cove_bytes(seq->text.at + start, end - start));
    }
    err = cove_seq_convert(seq, unit, at, elements, &from);
    if (err == 0) {
        err = cove_seq_convert(seq, unit, at + len, elements, &to);
    }
    if (err == 0) {
        err = cove_buf_reserve(out, end - start);
    }
    if (err != 0) {
        return err;
    }

    struct seq_spot spot =
        cove_seq_tree_seek(seq, elements, (uint32_t)from, &leaf_at, &off);

    spot.off = off;
    text_copy(seq, spot, to - from, out);
    return 0;
}

/* --- elements */

int cove_seq_at(const struct cove_seq *seq, size_t at,
                struct cove_seq_piece *out)
{
    struct cove_seq_walk walk;
    int err = cove_seq_walk(seq, at, 1, &walk);

    if (err == 0) {
        (void)cove_seq_next(&walk, out);
    }
    return err;
}

/* The LV of an element. Errors: COVE_ENOTFOUND, and those of building. */
static int elem_lv(const struct cove_seq *seq, struct cove_elem elem,
                   uint32_t *out)
{
    uint32_t span;
    int err = cove_seq_ready(seq);

    if (err != 0) {
        return err;
    }
    if (elem.author >= seq->author_len) {
        return COVE_ENOTFOUND;
    }

    uint32_t lv = cove_seq_lv_of(seq, elem, &span);

    if (lv == SEQ_NONE) {
        return COVE_ENOTFOUND;
    }
    *out = lv;
    return 0;
}

int cove_seq_find(const struct cove_seq *seq, struct cove_elem elem, size_t *at,
                  bool *visible)
{
    uint32_t lv = SEQ_NONE;
    int err = elem_lv(seq, elem, &lv);

    if (err != 0) {
        return err;
    }

    struct seq_spot spot = cove_seq_tree_find(seq, lv);

    *at = cove_seq_tree_position(seq, COVE_SEQ_ELEMENTS, &spot);
    *visible = cove_seq_visible(cove_seq_span_at(seq, &spot)) > 0;
    return 0;
}

int cove_seq_after(const struct cove_seq *seq, struct cove_elem elem,
                   struct cove_elem *out)
{
    struct seq_spot spot = {0, 0, 0};
    bool more = true;
    uint32_t lv = SEQ_NONE;
    int err;

    if (elem.author == COVE_SEQ_ROOT) {
        err = cove_seq_ready(seq);
        more = cove_seq_total(seq) > 0;
    } else {
        err = elem_lv(seq, elem, &lv);
        if (err == 0) {
            spot = cove_seq_tree_find(seq, lv);
            spot.off++;
            if (spot.off == cove_seq_span_at(seq, &spot)->count) {
                more = cove_seq_tree_next(seq, &spot);
            }
        }
    }
    if (err == 0) {
        *out = cove_seq_elem_of(
            seq, more ? cove_seq_span_at(seq, &spot)->lv + spot.off : SEQ_NONE);
    }
    return err;
}
