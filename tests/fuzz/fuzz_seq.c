/* Any bytes: the first part is a checkpoint, the rest are ops. Whatever comes
 * out of it can be read, saved, and is the same when it is loaded again. */
#include <assert.h>

#include "core/utf8.h"
#include "cove/error.h"
#include "crdt/seq.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

#define OPS_MAX 256

struct bytes { /* what is left of the input; 0 behind its end */
    const uint8_t *at, *end;
};

static uint8_t take(struct bytes *b)
{
    return b->at < b->end ? *b->at++ : 0;
}

static struct cove_elem take_elem(struct bytes *b)
{
    uint8_t author = take(b);
    struct cove_elem elem = {author == 255 ? COVE_SEQ_ROOT : author % 4u,
                             take(b)};

    return elem;
}

static int ignored(void *ctx, struct cove_elem first, uint32_t count)
{
    (void)ctx;
    (void)first;
    assert(count > 0);
    return 0;
}

static void op(struct cove_seq *seq, struct bytes *b)
{
    static const uint8_t text[] = "abcdefgh\xc3\xa9\xe2\x82\xac";
    static const uint8_t values[] = {1, 2, 3, 4, 5, 6, 7, 8, 0x61, 'x', 0xf6};
    bool list = cove_seq_kind(seq) == COVE_SEQ_LIST;
    uint8_t what = take(b);
    struct cove_seq_run run = {.first = take_elem(b),
                               .parent = take_elem(b),
                               .hlc = take(b),
                               .side = (enum cove_seq_side)(what >> 7)};
    enum cove_seq_unit unit =
        (what & 64) != 0 ? COVE_SEQ_BYTES : COVE_SEQ_ELEMENTS;
    size_t place = take(b);
    struct cove_seq_edit edit;
    int err;

    run.count = 1 + (what >> 3 & 7);
    run.content = cove_bytes(list ? values : text, run.count);
    if (what >> 5 == 1) {
        run.count = 2;
        run.content =
            list ? cove_bytes(values + 8, 3) : cove_bytes(text + 8, 5);
    }
    switch (what & 7) {
    case 0:
    case 1:
        err = cove_seq_insert_at(seq, unit, place, &run, &edit);
        break;
    case 2:
        err = cove_seq_remove_at(seq, unit, place, run.count, ignored, NULL);
        break;
    case 3:
        err = cove_seq_remove(seq, run.first, 1 + place % 16);
        break;
    default:
        err = cove_seq_insert(seq, &run);
        break;
    }
    assert(err == 0 || err == COVE_EUSAGE || err == COVE_EFORMAT ||
           err == COVE_ELIMIT);
}

/* A walk by elements: where tombstones were joined, pieces may differ. */
static bool next_elem(struct cove_seq_walk *walk, struct cove_seq_piece *piece,
                      struct cove_buf *content)
{
    if (piece->count > 1) {
        piece->count--;
        piece->first.n++;
        return true;
    }
    if (!cove_seq_next(walk, piece)) {
        return false;
    }

    int err = cove_buf_append(content, piece->content);

    assert(err == 0);
    return true;
}

static void compare(const struct cove_seq *a, const struct cove_seq *b)
{
    struct cove_seq_walk x, y;
    struct cove_seq_piece p = {.count = 0}, q = {.count = 0};
    struct cove_buf of_p, of_q;
    size_t total = 0;
    size_t visible = 0;
    int err = cove_seq_walk_all(a, &x);

    assert(err == 0);
    err = cove_seq_walk_all(b, &y);
    assert(err == 0);
    cove_buf_init(&of_p, &cove_alloc_libc);
    cove_buf_init(&of_q, &cove_alloc_libc);
    while (next_elem(&x, &p, &of_p)) {
        size_t at;
        bool seen;
        bool more = next_elem(&y, &q, &of_q);

        assert(more && p.first.author == q.first.author &&
               p.first.n == q.first.n);
        assert(p.deleted == q.deleted && p.hlc == q.hlc);
        err = cove_seq_find(a, p.first, &at, &seen);
        assert(err == 0 && at == visible && seen == !p.deleted);
        total++;
        visible += !p.deleted;
    }
    assert(!next_elem(&y, &q, &of_q));
    assert(cove_bytes_equal(cove_buf_bytes(&of_p), cove_buf_bytes(&of_q)));
    assert(total == cove_seq_total(a) && total == cove_seq_total(b));
    assert(visible == cove_seq_length(a, COVE_SEQ_ELEMENTS));
    cove_buf_clear(&of_p);
    cove_buf_clear(&of_q);
}

static void round_trip(const struct cove_seq *seq)
{
    struct cove_seq *again;
    struct cove_buf saved, text, back;
    int err;

    cove_buf_init(&saved, &cove_alloc_libc);
    cove_buf_init(&text, &cove_alloc_libc);
    cove_buf_init(&back, &cove_alloc_libc);
    err = cove_seq_save(seq, &saved);
    assert(err == 0);
    err = cove_seq_load(&cove_alloc_libc, cove_buf_bytes(&saved), &again);
    assert(err == 0);
    if (cove_seq_kind(seq) == COVE_SEQ_TEXT) {
        size_t bytes = cove_seq_length(seq, COVE_SEQ_BYTES);

        err = cove_seq_text(seq, COVE_SEQ_BYTES, 0, bytes, &text);
        assert(err == 0 && cove_utf8_valid(cove_buf_bytes(&text)));
        err = cove_seq_text(again, COVE_SEQ_BYTES, 0, bytes, &back);
        assert(err == 0 &&
               cove_bytes_equal(cove_buf_bytes(&text), cove_buf_bytes(&back)));
    }
    compare(seq, again);
    cove_seq_free(again);
    cove_buf_clear(&saved);
    cove_buf_clear(&text);
    cove_buf_clear(&back);
}

/* Authors that the ops can name, in one that was loaded or is new. */
static int open_seq(struct cove_bytes saved, uint8_t kind,
                    struct cove_seq **out)
{
    struct cove_seq_author author;
    uint32_t number;
    int err =
        saved.len == 0
            ? cove_seq_new(&cove_alloc_libc,
                           kind % 2 == 0 ? COVE_SEQ_TEXT : COVE_SEQ_LIST, out)
            : cove_seq_load(&cove_alloc_libc, saved, out);

    memset(&author, 0, sizeof(author));
    for (uint8_t i = 0; err == 0 && i < 4; i++) {
        author.session.b[0] = i;
        err = cove_seq_author_add(*out, &author, &number);
        if (err != 0) {
            cove_seq_free(*out);
        }
    }
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct bytes b = {at, at + len};
    uint8_t kind = take(&b);
    size_t saved = (size_t)take(&b) << 8;
    struct cove_seq *seq;

    saved |= take(&b);
    saved = saved < (size_t)(b.end - b.at) ? saved : (size_t)(b.end - b.at);

    int err = open_seq(cove_bytes(b.at, saved), kind, &seq);

    if (err != 0) {
        assert(err == COVE_ECORRUPT);
        return 0;
    }
    b.at += saved;
    for (int i = 0; i < OPS_MAX && b.at < b.end; i++) {
        op(seq, &b);
    }
    round_trip(seq);
    cove_seq_free(seq);
    return 0;
}
