/* test_seq_random.c: random histories of one text or list on two to five
 * devices: edits anywhere, ops that arrive in any order, cut into pieces, more
 * than once, or never; devices that are saved and loaded in between. Each must
 * show at any time what the naive evaluator makes of the same ops, and in the
 * end all show the same.
 *
 *   test_seq_random [--seeds FIRST:END] */
#include <stdio.h>
#include <stdlib.h>

#include "cove/error.h"
#include "crdt/seq.h"
#include "tests/promises/seq_naive.h"

#define DEVICES 5
#define OPS     512
#define EDITS   60

struct op {
    bool insert;
    uint32_t author, n, count; /* author: the device that made it */
    uint64_t hlc;
    struct naive_id parent;
    bool right;
    char content[32][8];
};

struct device {
    struct cove_seq *seq;
    struct naive naive;
    uint32_t number[DEVICES]; /* what the engine calls each author */
    uint32_t author_of[DEVICES];
    uint32_t n;
    bool has[OPS];
};

struct history {
    uint64_t seed, random, hlc;
    bool list;
    uint32_t devices;
    struct device device[DEVICES];
    struct op ops[OPS];
    size_t op_count;
};

static struct history history; /* too large for the stack */

static uint32_t dice(struct history *h, uint32_t sides)
{
    h->random ^= h->random << 13;
    h->random ^= h->random >> 7;
    h->random ^= h->random << 17;
    return (uint32_t)((h->random >> 32) % sides);
}

static void fail(const struct history *h, const char *what)
{
    printf("not ok 1 - seed %llu: %s\n", (unsigned long long)h->seed, what);
    exit(1);
}

#define CHECK(h, what)                                                         \
    do {                                                                       \
        if (!(what)) {                                                         \
            fail(h, #what);                                                    \
        }                                                                      \
    } while (0)

/* --- the engine's names for things */

static void author_add(struct history *h, struct device *d, uint32_t author)
{
    struct cove_seq_author who;

    memset(&who, 0, sizeof(who));
    who.device.b[0] = 1;
    who.session.b[0] = (uint8_t)(author / 2); /* some differ in the tx only */
    who.tx = author % 2;
    CHECK(h, cove_seq_author_add(d->seq, &who, &d->number[author]) == 0);
    d->author_of[d->number[author]] = author;
}

static struct cove_elem elem_of(const struct device *d, struct naive_id id)
{
    struct cove_elem elem = {COVE_SEQ_ROOT, 0};

    if (id.author != UINT32_MAX) {
        elem.author = d->number[id.author];
        elem.n = id.n;
    }
    return elem;
}

static struct naive_id id_of(const struct device *d, struct cove_elem elem)
{
    struct naive_id id = {UINT32_MAX, 0};

    if (elem.author != COVE_SEQ_ROOT) {
        id.author = d->author_of[elem.author];
        id.n = elem.n;
    }
    return id;
}

static bool same(struct naive_id a, struct naive_id b)
{
    return a.author == b.author && a.n == b.n;
}

/* --- ops */

static void naive_op(struct naive *naive, const struct op *op)
{
    for (uint32_t i = 0; i < op->count; i++) {
        struct naive_elem e = {.id = {op->author, op->n + i},
                               .parent = {op->author, op->n + i - 1},
                               .hlc = op->hlc,
                               .right = true};

        if (!op->insert) {
            naive_remove(naive, e.id);
            continue;
        }
        if (i == 0) {
            e.parent = op->parent;
            e.right = op->right;
        }
        memcpy(e.content, op->content[i], sizeof(e.content));
        naive_insert(naive, &e);
    }
}

/* Give the engine `count` elements of an op from number `from` on. */
static void engine_op(struct history *h, struct device *d, const struct op *op,
                      uint32_t from, uint32_t count)
{
    struct cove_elem first =
        elem_of(d, (struct naive_id){op->author, op->n + from});
    struct cove_seq_run run = {
        .first = first, .count = count, .hlc = op->hlc, .side = COVE_SEQ_RIGHT};
    char content[256] = "";

    if (!op->insert) {
        CHECK(h, cove_seq_remove(d->seq, first, count) == 0);
        return;
    }
    run.parent =
        from > 0 ? elem_of(d, (struct naive_id){op->author, op->n + from - 1})
                 : elem_of(d, op->parent);
    if (from == 0 && !op->right) {
        run.side = COVE_SEQ_LEFT;
    }
    for (uint32_t i = from; i < from + count; i++) {
        strcat(content, op->content[i]);
    }
    run.content = cove_bytes_text(content);
    run.type = cove_bytes_text(op->author % 2 == 0 ? "" : "t");
    CHECK(h, cove_seq_insert(d->seq, &run) == 0);
}

static void deliver(struct history *h, struct device *d, size_t i)
{
    const struct op *op = &h->ops[i];
    uint32_t cut = op->count > 1 && dice(h, 3) == 0 ? dice(h, op->count) : 0;

    if (cut > 0) { /* in two pieces, the second one first */
        engine_op(h, d, op, cut, op->count - cut);
        if (dice(h, 4) == 0) {
            engine_op(h, d, op, 0, op->count);
        }
        engine_op(h, d, op, 0, cut);
    } else {
        engine_op(h, d, op, 0, op->count);
    }
    if (!d->has[i]) {
        naive_op(&d->naive, op);
        d->has[i] = true;
    }
}

/* --- edits */

static size_t bytes_before(const struct naive *naive, size_t at)
{
    size_t bytes = 0;

    for (size_t i = 0; i < at; i++) {
        bytes += strlen(naive_at(naive, i)->content);
    }
    return bytes;
}

static struct op *op_add(struct history *h, struct device *d, bool insert)
{
    struct op *op = &h->ops[h->op_count];

    CHECK(h, h->op_count < OPS);
    memset(op, 0, sizeof(*op));
    d->has[h->op_count++] = true;
    op->insert = insert;
    return op;
}

static void choose_content(struct history *h, struct op *op)
{
    static const char *const texts[] = {
        "a", "b", "c", "d", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    static const char *const values[] = {"\x01", "\x18\x2a", "\x61x", "\xf6"};
    bool ascii = h->seed % 3 == 0;

    for (uint32_t i = 0; i < op->count; i++) {
        strcpy(op->content[i],
               h->list ? values[dice(h, 4)] : texts[dice(h, ascii ? 4 : 7)]);
    }
}

static void insert_here(struct history *h, struct device *d, uint32_t author)
{
    size_t at = dice(h, (uint32_t)d->naive.visible + 1);
    bool bytes = !h->list && dice(h, 2) == 0;
    struct op *op = op_add(h, d, true);
    struct cove_seq_edit edit;
    char content[256] = "";

    op->author = author;
    op->n = d->n;
    op->count = dice(h, 3) == 0 ? 1 + dice(h, 12) : 1;
    op->hlc = h->hlc += dice(h, 2);
    choose_content(h, op);
    for (uint32_t i = 0; i < op->count; i++) {
        strcat(content, op->content[i]);
    }
    d->n += op->count + (dice(h, 8) == 0); /* numbers may be left out */
    naive_parent(&d->naive, at, &op->parent, &op->right);

    struct cove_seq_run run = {
        .first = elem_of(d, (struct naive_id){author, op->n}),
        .count = op->count,
        .hlc = op->hlc,
        .content = cove_bytes_text(content),
        .type = cove_bytes_text(author % 2 == 0 ? "" : "t")};

    CHECK(h, cove_seq_insert_at(
                 d->seq, bytes ? COVE_SEQ_BYTES : COVE_SEQ_ELEMENTS,
                 bytes ? bytes_before(&d->naive, at) : at, &run, &edit) == 0);
    CHECK(h, same(id_of(d, edit.parent), op->parent));
    CHECK(h, edit.side == (op->right ? COVE_SEQ_RIGHT : COVE_SEQ_LEFT));
    naive_op(&d->naive, op);
}

struct removing {
    struct history *h;
    struct device *d;
    size_t at; /* the next visible one that has to be visited */
};

static int removed(void *ctx, struct cove_elem first, uint32_t count)
{
    struct removing *r = ctx;
    struct op *op = op_add(r->h, r->d, false);
    struct naive_id id = id_of(r->d, first);

    op->author = id.author;
    op->n = id.n;
    op->count = count;
    for (uint32_t i = 0; i < count; i++, id.n++) {
        CHECK(r->h, same(id, naive_at(&r->d->naive, r->at++)->id));
    }
    return 0;
}

static void remove_here(struct history *h, struct device *d)
{
    size_t visible = d->naive.visible;
    size_t at = dice(h, (uint32_t)visible);
    size_t len = 1 + (dice(h, 3) == 0 ? dice(h, (uint32_t)(visible - at)) : 0);
    bool bytes = !h->list && dice(h, 2) == 0;
    size_t start = h->op_count;
    struct removing r = {h, d, at};
    size_t from = bytes ? bytes_before(&d->naive, at) : at;
    size_t to = bytes ? bytes_before(&d->naive, at + len) : at + len;

    CHECK(h,
          cove_seq_remove_at(d->seq, bytes ? COVE_SEQ_BYTES : COVE_SEQ_ELEMENTS,
                             from, to - from, removed, &r) == 0);
    CHECK(h, r.at == at + len);
    for (; start < h->op_count; start++) {
        naive_op(&d->naive, &h->ops[start]);
    }
}

/* --- comparison */

static void check_text(struct history *h, struct device *d)
{
    struct cove_buf text;
    size_t at = 0;
    size_t from = dice(h, (uint32_t)d->naive.visible + 1);
    size_t to, back;

    cove_buf_init(&text, &cove_alloc_libc);
    CHECK(h, cove_seq_text(d->seq, COVE_SEQ_ELEMENTS, 0, d->naive.visible,
                           &text) == 0);
    for (size_t i = 0; i < d->naive.visible; i++) {
        const char *c = naive_at(&d->naive, i)->content;

        CHECK(h, text.len - at >= strlen(c) &&
                     memcmp(text.at + at, c, strlen(c)) == 0);
        at += strlen(c);
    }
    CHECK(h, at == text.len);
    CHECK(h, at == cove_seq_length(d->seq, COVE_SEQ_BYTES));
    CHECK(h, cove_seq_convert(d->seq, COVE_SEQ_ELEMENTS, from, COVE_SEQ_BYTES,
                              &to) == 0);
    CHECK(h, to == bytes_before(&d->naive, from));
    CHECK(h, cove_seq_convert(d->seq, COVE_SEQ_BYTES, to, COVE_SEQ_ELEMENTS,
                              &back) == 0);
    CHECK(h, back == from);
    cove_buf_clear(&text);
}

static void check_order(struct history *h, struct device *d)
{
    struct cove_seq_walk walk;
    struct cove_seq_piece piece;
    size_t i = 0;

    CHECK(h, cove_seq_walk_all(d->seq, &walk) == 0);
    while (cove_seq_next(&walk, &piece)) {
        struct naive_id id = id_of(d, piece.first);
        const uint8_t *at = piece.content.at;

        for (uint32_t k = 0; k < piece.count; k++, i++, id.n++) {
            CHECK(h, i < d->naive.reached);

            const struct naive_elem *e = &d->naive.elems[d->naive.order[i]];

            CHECK(h, same(id, e->id) && piece.hlc == e->hlc);
            CHECK(h, piece.deleted == d->naive.deleted[i]);
            CHECK(h, memcmp(at, e->content, strlen(e->content)) == 0);
            CHECK(h, piece.type.len == (h->list ? e->id.author % 2 : 0));
            at += strlen(e->content);
        }
        CHECK(h, at == piece.content.at + piece.content.len);
    }
    CHECK(h, i == d->naive.reached);
}

static void check_places(struct history *h, struct device *d)
{
    size_t visible = 0;

    for (size_t i = 0; i < d->naive.reached; i++) {
        const struct naive_elem *e = &d->naive.elems[d->naive.order[i]];
        struct cove_elem elem = elem_of(d, e->id);
        struct cove_elem after;
        size_t at;
        bool seen;

        CHECK(h, cove_seq_find(d->seq, elem, &at, &seen) == 0);
        CHECK(h, at == visible && seen == !d->naive.deleted[i]);
        CHECK(h, cove_seq_after(d->seq, elem, &after) == 0);
        CHECK(h, i + 1 == d->naive.reached
                     ? after.author == COVE_SEQ_ROOT
                     : same(id_of(d, after),
                            d->naive.elems[d->naive.order[i + 1]].id));
        visible += seen;
    }
}

static void check(struct history *h, struct device *d)
{
    naive_read(&d->naive);
    CHECK(h, cove_seq_length(d->seq, COVE_SEQ_ELEMENTS) == d->naive.visible);
    CHECK(h, cove_seq_total(d->seq) == d->naive.reached);
    if (!h->list) {
        check_text(h, d);
    }
    if (dice(h, 4) == 0 || h->op_count < 8) {
        check_order(h, d);
        check_places(h, d);
    }
}

static void reload(struct history *h, struct device *d)
{
    size_t waiting = cove_seq_waiting(d->seq);
    struct cove_buf saved;

    cove_buf_init(&saved, &cove_alloc_libc);
    CHECK(h, cove_seq_save(d->seq, &saved) == 0);
    cove_seq_free(d->seq);
    CHECK(h, cove_seq_load(&cove_alloc_libc, cove_buf_bytes(&saved), &d->seq) ==
                 0);
    cove_buf_clear(&saved);
    CHECK(h, cove_seq_waiting(d->seq) == waiting);
    check(h, d); /* first as it lies, then built */
    CHECK(h, cove_seq_waiting(d->seq) == waiting);
}

/* --- histories */

static void start(struct history *h, uint64_t seed)
{
    h->seed = seed;
    h->random = (seed + 1) * 0x9e3779b97f4a7c15u;
    h->hlc = dice(h, 2) == 0 ? 1 : (uint64_t)1 << 40;
    h->list = dice(h, 3) == 0;
    h->devices = 2 + dice(h, DEVICES - 1);
    h->op_count = 0;
    for (uint32_t i = 0; i < h->devices; i++) {
        struct device *d = &h->device[i];
        uint32_t turn = dice(h, h->devices);

        memset(d->has, 0, sizeof(d->has));
        d->n = 0;
        d->naive.count = d->naive.gone_count = 0;
        naive_read(&d->naive);
        CHECK(h, cove_seq_new(&cove_alloc_libc,
                              h->list ? COVE_SEQ_LIST : COVE_SEQ_TEXT,
                              &d->seq) == 0);
        for (uint32_t k = 0; k < h->devices; k++) {
            author_add(h, d, (k + turn) % h->devices);
        }
    }
}

static void step(struct history *h, uint32_t i, uint32_t what)
{
    struct device *d = &h->device[i];

    if (what < 8) {
        insert_here(h, d, i);
    } else if (what < 11) {
        if (d->naive.visible > 0) {
            remove_here(h, d);
        }
    } else if (what < 12) {
        reload(h, d);
    } else if (h->op_count > 0) {
        for (uint32_t k = dice(h, 6); k > 0; k--) {
            deliver(h, d, dice(h, (uint32_t)h->op_count));
        }
    }
    if (what < 11 || dice(h, 2) == 0) {
        check(h, d);
    } else {
        naive_read(&d->naive);
    }
}

static void finish(struct history *h)
{
    for (uint32_t i = 0; i < h->devices; i++) {
        struct device *d = &h->device[i];
        size_t turn = dice(h, (uint32_t)h->op_count + 1);

        for (size_t k = 0; k < h->op_count; k++) {
            size_t op = (k + turn) % h->op_count;

            if (!d->has[op] || dice(h, 8) == 0) {
                deliver(h, d, op);
            }
        }
        check(h, d);
        check_order(h, d);
        CHECK(h, cove_seq_waiting(d->seq) == 0);
        CHECK(h, d->naive.visible == h->device[0].naive.visible);
        for (size_t k = 0; k < d->naive.visible; k++) {
            CHECK(h, same(naive_at(&d->naive, k)->id,
                          naive_at(&h->device[0].naive, k)->id));
        }
        cove_seq_free(d->seq);
    }
}

int main(int argc, char **argv)
{
    unsigned long long first = 0, end = 3000;

    if (argc == 3 && strcmp(argv[1], "--seeds") == 0 &&
        sscanf(argv[2], "%llu:%llu", &first, &end) != 2) {
        return 2;
    }
    printf("1..1\n");
    for (unsigned long long seed = first; seed < end; seed++) {
        uint32_t edits;

        start(&history, seed);
        edits = 1 + dice(&history, EDITS);
        for (uint32_t i = 0; i < edits; i++) {
            step(&history, dice(&history, history.devices), dice(&history, 18));
        }
        finish(&history);
    }
    printf("ok 1 - %llu histories are what the tree says\n", end - first);
    return 0;
}
