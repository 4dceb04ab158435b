/* A concurrent trace says for each transaction which ones its author had seen.
 * Every agent has a replica that follows its own. Where a transaction starts
 * from something that is not a continuation of it, the replica is made anew. */
#include <stdio.h>
#include <stdlib.h>

#include "core/hlc.h"
#include "tests/traces/trace.h"

struct op {
    uint32_t txn;
    struct cove_elem first, parent;
    uint32_t count;
    enum cove_seq_side side;
    bool insert;
    struct cove_bytes content;
};

struct story {
    const struct trace *trace;
    struct op *ops;
    size_t count;
    size_t *start; /* of each transaction */
    uint32_t now;
};

static size_t words(const struct trace *t)
{
    return t->txn_count / 64 + 1;
}

static struct op *add(struct story *s)
{
    if ((s->count & (s->count - 1)) == 0) {
        s->ops = realloc(s->ops,
                         (s->count == 0 ? 1 : 2 * s->count) * sizeof(*s->ops));
        must(s->ops == NULL ? COVE_ENOMEM : 0);
    }
    memset(&s->ops[s->count], 0, sizeof(*s->ops));
    s->ops[s->count].txn = s->now;
    return &s->ops[s->count++];
}

static int tell(const struct op *op, struct cove_seq *seq)
{
    struct cove_seq_run run = {.first = op->first,
                               .count = op->count,
                               .hlc = cove_hlc_of_ms(1) + op->txn,
                               .parent = op->parent,
                               .side = op->side,
                               .content = op->content};

    return op->insert ? cove_seq_insert(seq, &run)
                      : cove_seq_remove(seq, op->first, op->count);
}

static int removed(void *ctx, struct cove_elem first, uint32_t count)
{
    struct op *op = add(ctx);

    op->first = first;
    op->count = count;
    return 0;
}

/* Make the ops of a transaction on a replica. */
static void make(struct story *s, struct cove_seq *seq, uint32_t *n)
{
    const struct txn *x = &s->trace->txns[s->now];

    for (size_t i = 0; i < x->patch_count; i++) {
        const struct patch *p = &s->trace->patches[x->patch + i];
        struct cove_seq_run run = {.first = {x->agent, *n},
                                   .count = p->count,
                                   .hlc = cove_hlc_of_ms(1) + s->now,
                                   .content = p->text};
        struct cove_seq_edit edit;

        must(cove_seq_remove_at(seq, COVE_SEQ_ELEMENTS, p->at, p->gone, removed,
                                s));
        if (p->count > 0) {
            struct op *op = add(s);

            must(
                cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, p->at, &run, &edit));
            op->insert = true;
            op->first = run.first;
            op->parent = edit.parent;
            op->side = edit.side;
            op->count = p->count;
            op->content = p->text;
            *n += p->count;
        }
    }
}

/* Bring a replica that has seen `has` to what `wants` says. */
static void follow(const struct story *s, struct cove_seq **seq, uint64_t *has,
                   const uint64_t *wants)
{
    size_t count = words(s->trace);

    for (size_t w = 0; w < count; w++) {
        if ((has[w] & ~wants[w]) != 0) { /* it has seen too much */
            cove_seq_free(*seq);
            *seq = new_seq(COVE_SEQ_TEXT, s->trace->agents);
            memset(has, 0, count * sizeof(*has));
            break;
        }
    }
    for (size_t w = 0; w < count; w++) {
        for (uint64_t left = wants[w] & ~has[w]; left != 0; left &= left - 1) {
            size_t i = w * 64 + (size_t)__builtin_ctzll(left);

            for (size_t k = s->start[i]; k < s->start[i + 1]; k++) {
                must(tell(&s->ops[k], *seq));
            }
        }
        has[w] = wants[w];
    }
}

struct story *story_make(const struct trace *t)
{
    size_t count = words(t);
    struct story *s = calloc(1, sizeof(*s));
    uint64_t *closed = calloc(t->txn_count * count, sizeof(*closed));
    uint64_t *has = calloc(t->agents * count, sizeof(*has));
    struct cove_seq **seqs = calloc(t->agents, sizeof(struct cove_seq *));
    uint32_t *n = calloc(t->agents, sizeof(*n));

    must(s == NULL || closed == NULL || has == NULL || seqs == NULL || n == NULL
             ? COVE_ENOMEM
             : 0);
    s->trace = t;
    s->start = calloc(t->txn_count + 1, sizeof(*s->start));
    must(s->start == NULL ? COVE_ENOMEM : 0);
    for (uint32_t i = 0; i < t->agents; i++) {
        seqs[i] = new_seq(COVE_SEQ_TEXT, t->agents);
    }
    for (s->now = 0; s->now < t->txn_count; s->now++) {
        const struct txn *x = &t->txns[s->now];
        uint64_t *wants = closed + s->now * count;

        s->start[s->now] = s->count;
        for (uint32_t k = 0; k < x->parent_count; k++) {
            uint32_t parent;

            memcpy(&parent, x->parents + 4 * k, sizeof(parent));
            for (size_t w = 0; w < count; w++) {
                wants[w] |= closed[parent * count + w];
            }
        }
        follow(s, &seqs[x->agent], has + x->agent * count, wants);
        make(s, seqs[x->agent], &n[x->agent]);
        wants[s->now / 64] |= (uint64_t)1 << s->now % 64;
        has[x->agent * count + s->now / 64] |= (uint64_t)1 << s->now % 64;
        s->start[s->now + 1] = s->count;
    }
    for (uint32_t i = 0; i < t->agents; i++) {
        cove_seq_free(seqs[i]);
    }
    free(closed);
    free(has);
    free(seqs);
    free(n);
    return s;
}

void story_free(struct story *s)
{
    free(s->ops);
    free(s->start);
    free(s);
}

void story_tell(const struct story *s, struct cove_seq *seq, bool backwards)
{
    for (size_t i = 0; i < s->count; i++) {
        must(tell(&s->ops[backwards ? s->count - 1 - i : i], seq));
    }
}
