/* test_seq_all.c: all short histories of a text: every way in which up to three
 * devices can make so many ops, each having seen any part of those before that
 * is whole; and each of these histories delivered in every order.
 *
 *   test_seq_all [OPS]      3 unless said otherwise */
#include <stdio.h>
#include <stdlib.h>

#include "cove/error.h"
#include "crdt/seq.h"
#include "tests/promises/seq_naive.h"

#define OPS_MAX 5
#define DEVICES 3

struct op {
    uint32_t device, n;
    unsigned seen; /* a bit for each op before it */
    uint64_t hlc;
    bool insert;
    struct naive_elem elem; /* where it inserts */
    struct naive_id gone;   /* else */
};

struct all {
    size_t ops;
    struct op op[OPS_MAX];
    struct naive naive;
    unsigned long long histories, deliveries;
};

static struct all all;

static void must(bool good, const char *what)
{
    if (!good) {
        printf("not ok 1 - history %llu: %s\n", all.histories, what);
        for (size_t i = 0; i < all.ops; i++) {
            const struct op *op = &all.op[i];

            printf("# op %zu: device %u, seen %x, %s %u:%u %s\n", i, op->device,
                   op->seen, op->insert ? "insert at" : "delete",
                   op->insert ? op->elem.parent.author : op->gone.author,
                   op->insert ? op->elem.parent.n : op->gone.n,
                   op->insert && !op->elem.right ? "left" : "");
        }
        exit(1);
    }
}

static struct cove_seq *device_new(void)
{
    struct cove_seq *seq;

    must(cove_seq_new(&cove_alloc_libc, COVE_SEQ_TEXT, &seq) == 0, "new");
    for (uint32_t i = 0; i < DEVICES; i++) {
        struct cove_seq_author author;
        uint32_t number;

        memset(&author, 0, sizeof(author));
        author.device.b[0] = author.session.b[0] = (uint8_t)(i + 1);
        must(cove_seq_author_add(seq, &author, &number) == 0, "author");
    }
    return seq;
}

static struct cove_elem elem_of(struct naive_id id)
{
    struct cove_elem elem = {id.author, id.n}; /* the root is the same number */

    return elem;
}

static void tell(struct cove_seq *seq, const struct op *op)
{
    struct cove_seq_run run = {.first = {op->device, op->n},
                               .count = 1,
                               .hlc = op->hlc,
                               .parent = elem_of(op->elem.parent),
                               .side = op->elem.right ? COVE_SEQ_RIGHT
                                                      : COVE_SEQ_LEFT,
                               .content = cove_bytes_text(op->elem.content)};
    int err = op->insert ? cove_seq_insert(seq, &run)
                         : cove_seq_remove(seq, elem_of(op->gone), 1);

    must(err == 0, "an op");
}

static void tell_naive(struct naive *naive, const struct op *op)
{
    if (op->insert) {
        naive_insert(naive, &op->elem);
    } else {
        naive_remove(naive, op->gone);
    }
}

/* --- delivery */

static void compare(const struct cove_seq *seq)
{
    struct cove_seq_walk walk;
    struct cove_seq_piece piece;
    size_t i = 0;

    must(cove_seq_walk_all(seq, &walk) == 0, "walk");
    while (cove_seq_next(&walk, &piece)) {
        for (uint32_t k = 0; k < piece.count; k++, i++) {
            const struct naive_elem *e = &all.naive.elems[all.naive.order[i]];

            must(i < all.naive.reached && piece.first.author == e->id.author &&
                     piece.first.n + k == e->id.n &&
                     piece.deleted == all.naive.deleted[i],
                 "order");
        }
    }
    must(i == all.naive.reached, "length");
    must(cove_seq_waiting(seq) == 0, "waiting");
}

/* Every order that begins with these. */
static void deliver(size_t order[OPS_MAX], size_t count, unsigned used)
{
    if (count < all.ops) {
        for (size_t i = 0; i < all.ops; i++) {
            if ((used >> i & 1) == 0) {
                order[count] = i;
                deliver(order, count + 1, used | 1u << i);
            }
        }
        return;
    }

    struct cove_seq *seq = device_new();

    for (size_t i = 0; i < count; i++) {
        tell(seq, &all.op[order[i]]);
    }
    tell(seq, &all.op[order[all.deliveries++ % count]]); /* one twice */
    compare(seq);
    cove_seq_free(seq);
}

/* --- histories */

static void next_op(size_t i);

static void history(void)
{
    size_t order[OPS_MAX];

    all.naive.count = all.naive.gone_count = 0;
    for (size_t i = 0; i < all.ops; i++) {
        tell_naive(&all.naive, &all.op[i]);
    }
    naive_read(&all.naive);
    all.histories++;
    deliver(order, 0, 0);
}

static int removed(void *ctx, struct cove_elem first, uint32_t count)
{
    struct op *op = ctx;

    op->gone = (struct naive_id){first.author, first.n};
    return count == 1 ? 0 : COVE_EUSAGE;
}

/* Make op i at a place, where its device has seen what it has seen. */
static void make(size_t i, bool insert, size_t at)
{
    struct op *op = &all.op[i];
    struct cove_seq *seq = device_new();
    struct cove_seq_run run = {.first = {op->device, op->n},
                               .count = 1,
                               .hlc = op->hlc,
                               .content = cove_bytes_text("x")};
    struct cove_seq_edit edit;

    op->insert = insert;
    for (size_t k = 0; k < i; k++) {
        if ((op->seen >> k & 1) != 0) {
            tell(seq, &all.op[k]);
        }
    }
    if (insert) {
        memset(&op->elem, 0, sizeof(op->elem));
        must(cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, at, &run, &edit) == 0,
             "insert_at");
        op->elem.id = (struct naive_id){op->device, op->n};
        op->elem.hlc = op->hlc;
        op->elem.content[0] = 'x';
        op->elem.parent = (struct naive_id){edit.parent.author, edit.parent.n};
        op->elem.right = edit.side == COVE_SEQ_RIGHT;
    } else {
        must(cove_seq_remove_at(seq, COVE_SEQ_ELEMENTS, at, 1, removed, op) ==
                 0,
             "remove_at");
    }
    cove_seq_free(seq);
}

static void each_place(size_t i)
{
    struct op *op = &all.op[i];
    size_t visible;

    all.naive.count = all.naive.gone_count = 0;
    op->hlc = 1;
    op->n = 0;
    for (size_t k = 0; k < i; k++) {
        if ((op->seen >> k & 1) != 0) {
            tell_naive(&all.naive, &all.op[k]);
            op->hlc = all.op[k].hlc >= op->hlc ? all.op[k].hlc + 1 : op->hlc;
        }
        op->n += all.op[k].device == op->device && all.op[k].insert;
    }
    naive_read(&all.naive);
    visible = all.naive.visible;
    for (size_t at = 0; at <= visible; at++) {
        make(i, true, at);
        next_op(i + 1);
        if (at < visible) {
            make(i, false, at);
            next_op(i + 1);
        }
    }
}

static void next_op(size_t i)
{
    if (i == all.ops) {
        history();
        return;
    }
    for (uint32_t d = 0; d < DEVICES; d++) {
        for (unsigned seen = 0; seen < 1u << i; seen++) {
            bool whole = true;

            for (size_t k = 0; k < i; k++) {
                bool has = (seen >> k & 1) != 0;

                whole &=
                    has ? (all.op[k].seen & ~seen) == 0 : all.op[k].device != d;
            }
            if (whole) {
                all.op[i].device = d;
                all.op[i].seen = seen;
                each_place(i);
            }
        }
    }
}

int main(int argc, char **argv)
{
    all.ops = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 3;
    if (all.ops == 0 || all.ops > OPS_MAX) {
        return 2;
    }
    printf("1..1\n");
    next_op(0);
    printf("ok 1 - %llu histories in %llu orders are what the tree says\n",
           all.histories, all.deliveries);
    return 0;
}
