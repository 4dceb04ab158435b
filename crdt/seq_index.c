/* The arrays by LV, and the ways from an id to an LV. */
#include "core/cbor.h"
#include "core/limits.h"
#include "core/utf8.h"
#include "crdt/seq_parts.h"

int cove_seq_grow(const struct cove_seq *seq, void *array, uint32_t *cap,
                  size_t need, size_t size)
{
    size_t more = *cap < 8 ? 8 : (size_t)*cap + *cap / 2;
    void *at;

    if (need <= *cap) {
        return 0;
    }
    if (more < need) {
        more = need;
    }
    if (more > UINT32_MAX || more > SIZE_MAX / size) {
        return COVE_ELIMIT;
    }
    memcpy(&at, array, sizeof(at));
    at = seq->alloc->resize(seq->alloc->ctx, at, more * size);
    if (at == NULL) {
        return COVE_ENOMEM;
    }
    memcpy(array, &at, sizeof(at));
    *cap = (uint32_t)more;
    return 0;
}

/* --- from an LV */

const struct seq_run *cove_seq_run_of(const struct cove_seq *seq, uint32_t lv)
{
    uint32_t k = lv / SEQ_MARK;
    uint32_t high = seq->run_len; /* run[low].lv <= lv < run[high].lv */
    uint32_t low = seq->run_mark[k];

    assert(lv < seq->total);
    if (seq->run[high - 1].lv <= lv) {
        return &seq->run[high - 1]; /* what is edited was just typed */
    }
    if (k + 1 < seq->run_mark_len) {
        /* From mark to mark no entry is shorter than one LV: in a text that
         * was typed here and there this leaves one candidate. */
        uint32_t into = lv % SEQ_MARK;
        uint32_t next = seq->run_mark[k + 1];

        high = next + 1 < low + into + 1 ? next + 1 : low + into + 1;
        low = next > low + SEQ_MARK - into ? next - (SEQ_MARK - into) : low;
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (seq->run[middle].lv <= lv) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &seq->run[low];
}

struct cove_elem cove_seq_elem_of(const struct cove_seq *seq, uint32_t lv)
{
    struct cove_elem elem = {COVE_SEQ_ROOT, 0};

    if (lv != SEQ_NONE) {
        const struct seq_run *run = cove_seq_run_of(seq, lv);

        elem.author = run->author;
        elem.n = run->n + (lv - run->lv);
    }
    return elem;
}

uint32_t cove_seq_tick_of(const struct cove_seq *seq, uint32_t lv)
{
    uint32_t low = 0;
    uint32_t high = seq->tick_len;

    assert(lv < seq->total);
    if (seq->tick[high - 1].lv <= lv) {
        return high - 1;
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (seq->tick[middle].lv <= lv) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* How many bytes the first `count` code points of valid UTF-8 take. */
static size_t utf8_prefix(const uint8_t *at, uint32_t count)
{
    const uint8_t *start = at;

    for (; count > 0; count--) {
        at += 1 + (*at >= 0xc0) + (*at >= 0xe0) + (*at >= 0xf0);
    }
    return (size_t)(at - start);
}

uint32_t cove_seq_wide_byte(const struct cove_seq *seq, uint32_t lv)
{
    uint32_t k = lv / SEQ_MARK;

    if (lv == seq->total) {
        return seq->content_len;
    }

    bool last = k + 1 == seq->mark_len;
    uint32_t start = seq->mark[k];
    uint32_t end = last ? seq->content_len : seq->mark[k + 1];
    uint32_t elems = last ? seq->total - k * SEQ_MARK : SEQ_MARK;

    if (end - start == elems) { /* between these two it is ASCII */
        return start + lv % SEQ_MARK;
    }
    return start + (uint32_t)utf8_prefix(seq->content + start, lv % SEQ_MARK);
}

struct cove_bytes cove_seq_content_of(const struct cove_seq *seq, uint32_t lv,
                                      uint32_t count)
{
    uint32_t start, end;

    if (seq->kind == COVE_SEQ_TEXT) {
        start = cove_seq_byte_of(seq, lv);
        end = start + cove_seq_bytes_of(seq, lv, count);
    } else {
        start = seq->values[lv];
        end = lv + count == seq->total ? seq->content_len
                                       : seq->values[lv + count];
    }
    return cove_bytes(seq->content + start, end - start);
}

/* --- from an id */

/* How many pieces of an author start at or before n. */
static uint32_t pieces_before(const struct seq_author *author, uint32_t n)
{
    uint32_t low = 0;
    uint32_t high = author->piece_len;

    if (high > 0 && author->piece[high - 1].n <= n) {
        return high; /* as logs are read */
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (author->piece[middle].n <= n) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t cove_seq_lv_of(const struct cove_seq *seq, struct cove_elem elem,
                        uint32_t *span)
{
    const struct seq_author *author = &seq->author[elem.author];
    uint32_t i = pieces_before(author, elem.n);

    if (i > 0) {
        const struct seq_piece *piece = &author->piece[i - 1];
        uint32_t into = elem.n - piece->n;

        if (into < piece->count) {
            *span = piece->count - into;
            return piece->lv + into;
        }
    }
    *span = (i < author->piece_len ? author->piece[i].n : UINT32_MAX) - elem.n;
    return SEQ_NONE;
}

int cove_seq_compare(const struct cove_seq *seq, struct cove_elem a,
                     uint64_t a_hlc, struct cove_elem b, uint64_t b_hlc)
{
    if (a_hlc != b_hlc) {
        return a_hlc < b_hlc ? -1 : 1;
    }
    if (a.author != b.author) {
        const struct cove_seq_author *x = &seq->author[a.author].who;
        const struct cove_seq_author *y = &seq->author[b.author].who;
        int order = memcmp(&x->device, &y->device, sizeof(x->device));

        if (order == 0) {
            order = memcmp(&x->session, &y->session, sizeof(x->session));
        }
        if (order == 0) {
            order = (x->tx > y->tx) - (x->tx < y->tx);
        }
        return order != 0 ? order : (x->op > y->op) - (x->op < y->op);
    }
    return (a.n > b.n) - (a.n < b.n);
}

/* --- content */

int cove_seq_check_content(const struct cove_seq *seq,
                           struct cove_bytes content, uint32_t count)
{
    if (seq->kind == COVE_SEQ_TEXT) {
        bool good = (content.len == 1 && content.at[0] < 0x80) ||
                    (cove_utf8_valid(content) && content.len < SEQ_TOTAL_MAX);

        return good && cove_utf8_count(content) == count ? 0 : COVE_EFORMAT;
    }
    for (uint32_t i = 0; i < count; i++) {
        size_t len;

        if (cove_cbor_check(content, COVE_MAX_VALUE_DEPTH, &len, NULL) != 0) {
            return COVE_EFORMAT;
        }
        content = cove_bytes(content.at + len, content.len - len);
    }
    return content.len == 0 ? 0 : COVE_EFORMAT;
}

size_t cove_seq_prefix(const struct cove_seq *seq, struct cove_bytes content,
                       uint32_t count)
{
    struct cove_reader r;

    if (count == 0 || content.len == 0) {
        return 0;
    }
    if (seq->kind == COVE_SEQ_TEXT) {
        return utf8_prefix(content.at, count);
    }
    cove_reader_init(&r, content);
    for (uint32_t i = 0; i < count; i++) {
        (void)cove_reader_item(&r);
    }
    return (size_t)(r.at - content.at);
}

int cove_seq_type_add(struct cove_seq *seq, struct cove_bytes type,
                      uint32_t *out)
{
    uint32_t i = 0;

    /* The types of one list are few, and a run's is mostly the last one's. */
    for (i = seq->type_len; i > 0; i--) {
        if (cove_bytes_equal(cove_buf_bytes(&seq->type[i - 1]), type)) {
            *out = i - 1;
            return 0;
        }
    }

    int err = cove_seq_grow(seq, &seq->type, &seq->type_cap, seq->type_len + 1u,
                            sizeof(*seq->type));

    if (err != 0) {
        return err;
    }
    cove_buf_init(&seq->type[seq->type_len], seq->alloc);
    err = cove_buf_append(&seq->type[seq->type_len], type);
    if (err == 0) {
        *out = seq->type_len++;
    }
    return err;
}

/* --- what is new */

static int reserve_content(struct cove_seq *seq, const struct seq_new *x)
{
    size_t end = (size_t)seq->total + x->count;
    size_t bytes = (size_t)seq->content_len + x->content.len;
    uint32_t cap = seq->lv_cap;
    int err = 0;

    if (end > SEQ_TOTAL_MAX || bytes > SEQ_TOTAL_MAX) {
        return COVE_ELIMIT;
    }
    if (end > cap) {
        err =
            cove_seq_grow(seq, &seq->leaf_of, &cap, end, sizeof(*seq->leaf_of));
        if (err == 0 && seq->kind == COVE_SEQ_LIST) {
            cap = seq->lv_cap; /* the same step for the other array */
            err = cove_seq_grow(seq, &seq->values, &cap, end,
                                sizeof(*seq->values));
        }
        seq->lv_cap = err == 0 ? cap : seq->lv_cap;
    }
    if (err == 0 && end / SEQ_MARK >= seq->run_mark_cap) {
        err = cove_seq_grow(seq, &seq->run_mark, &seq->run_mark_cap,
                            end / SEQ_MARK + 1, sizeof(*seq->run_mark));
    }
    if (x->bare) {
        return err;
    }
    if (err == 0 && bytes > seq->content_cap) {
        err = cove_seq_grow(seq, &seq->content, &seq->content_cap, bytes, 1);
    }
    if (err == 0 && seq->kind == COVE_SEQ_TEXT &&
        (seq->wide || x->content.len != x->count)) {
        err = cove_seq_grow(seq, &seq->mark, &seq->mark_cap, end / SEQ_MARK + 1,
                            sizeof(*seq->mark));
    }
    return err;
}

int cove_seq_reserve(struct cove_seq *seq, const struct seq_new *x)
{
    struct seq_author *author = &seq->author[x->first.author];
    size_t met = 0;
    int err = reserve_content(seq, x);

    if (err == 0 && seq->run_len == seq->run_cap) {
        err = cove_seq_grow(seq, &seq->run, &seq->run_cap, seq->run_len + 1u,
                            sizeof(*seq->run));
    }
    if (err == 0 && seq->tick_len == seq->tick_cap) {
        err = cove_seq_grow(seq, &seq->tick, &seq->tick_cap, seq->tick_len + 1u,
                            sizeof(*seq->tick));
    }
    if (err == 0 && author->piece_len == author->piece_cap) {
        err = cove_seq_grow(seq, &author->piece, &author->piece_cap,
                            author->piece_len + 1u, sizeof(*author->piece));
    }
    if (err == 0 && author->gone_len > 0) {
        err = cove_seq_gone_reserve(seq, x->first, x->count, &met);
    }
    if (err == 0 && seq->kids != NULL) {
        err = cove_seq_kids_reserve(seq, x);
    }
    /* A cut, the spans, and two cuts for each range that is deleted. */
    return err != 0 ? err
                    : cove_seq_tree_reserve(seq, 2u + x->count / SEQ_SPAN_MAX +
                                                     2 * met);
}

/* From here on some of the text is not ASCII: LVs and bytes part. */
static void content_widen(struct cove_seq *seq)
{
    seq->wide = true;
    for (uint32_t lv = 0; lv < seq->total; lv += SEQ_MARK) {
        seq->mark[seq->mark_len++] = lv;
    }
}

static void enter_marks(struct cove_seq *seq, const struct seq_new *x)
{
    if (!seq->wide && x->content.len != x->count) {
        content_widen(seq);
    }
    if (!seq->wide) {
        return;
    }

    const uint8_t *at = x->content.at;
    uint32_t done = 0;

    for (uint32_t next = seq->mark_len * SEQ_MARK; next < seq->total + x->count;
         next += SEQ_MARK) {
        at += utf8_prefix(at, next - seq->total - done);
        done = next - seq->total;
        seq->mark[seq->mark_len++] =
            seq->content_len + (uint32_t)(at - x->content.at);
    }
}

static void enter_values(struct cove_seq *seq, const struct seq_new *x)
{
    struct cove_reader r;

    cove_reader_init(&r, x->content);
    for (uint32_t i = 0; i < x->count; i++) {
        seq->values[seq->total + i] =
            seq->content_len + (uint32_t)(r.at - x->content.at);
        (void)cove_reader_item(&r);
    }
}

static void enter_id(struct cove_seq *seq, const struct seq_new *x)
{
    struct seq_author *author = &seq->author[x->first.author];
    uint32_t i = pieces_before(author, x->first.n);
    struct seq_piece *before = i > 0 ? &author->piece[i - 1] : NULL;

    if (before != NULL && before->n + before->count == x->first.n &&
        before->lv + before->count == seq->total) {
        before->count += x->count;
        return;
    }
    assert(author->piece != NULL && author->piece_len < author->piece_cap);
    memmove(author->piece + i + 1, author->piece + i,
            (author->piece_len - i) * sizeof(*author->piece));
    author->piece[i] = (struct seq_piece){x->first.n, seq->total, x->count};
    author->piece_len++;
}

static void enter_content(struct cove_seq *seq, const struct seq_new *x)
{
    if (seq->kind == COVE_SEQ_LIST) {
        enter_values(seq, x);
    } else {
        enter_marks(seq, x);
    }
    if (x->content.len == 1) {
        seq->content[seq->content_len] = x->content.at[0];
    } else {
        memcpy(seq->content + seq->content_len, x->content.at, x->content.len);
    }
    seq->content_len += (uint32_t)x->content.len;
    cove_seq_tick_add(seq, x->count, x->hlc);
}

static void enter_run(struct cove_seq *seq, const struct seq_new *x)
{
    uint32_t lv = seq->total;
    const struct seq_run *last = lv > 0 ? &seq->run[seq->run_len - 1] : NULL;
    bool goes_on = last != NULL && x->parent == lv - 1 &&
                   x->side == COVE_SEQ_RIGHT &&
                   last->author == x->first.author &&
                   last->n + (lv - last->lv) == x->first.n &&
                   last->type_side >> 1 == x->type;

    assert(seq->run != NULL && seq->run_len < seq->run_cap);
    if (!goes_on) {
        seq->run[seq->run_len++] =
            (struct seq_run){lv, x->first.author, x->first.n, x->parent,
                             x->type << 1 | (uint32_t)x->side};
    }
    while ((uint64_t)seq->run_mark_len * SEQ_MARK < (uint64_t)lv + x->count) {
        seq->run_mark[seq->run_mark_len++] = seq->run_len - 1;
    }
}

uint32_t cove_seq_enter(struct cove_seq *seq, const struct seq_new *x)
{
    uint32_t lv = seq->total;

    if (!x->bare) {
        enter_content(seq, x);
    }
    enter_id(seq, x);
    enter_run(seq, x);
    seq->total += x->count;
    if (seq->kids != NULL) {
        cove_seq_kids_add(seq, x, lv);
    }
    return lv;
}
