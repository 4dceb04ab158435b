/* tx_kit.h: random transactions with ops of all kinds, as one author might
 * write them one after the other. */
#ifndef COVE_TESTS_TX_KIT_H
#define COVE_TESTS_TX_KIT_H

#include "core/arena.h"
#include "core/limits.h"
#include "core/utf8.h"
#include "crdt/tx.h"
#include "tests/unit/harness.h"

#define TX_KIT_AGENTS 6 /* the first half are sessions */

struct tx_author {
    struct harness_env env;
    uint64_t hlc;
    uint32_t next; /* number of the next element */
};

static inline uint64_t tx_pick(struct tx_author *a, uint64_t below)
{
    uint64_t v;

    a->env.env.random(a->env.env.ctx, &v, sizeof(v));
    return v % below;
}

/* Number n of the agents that ops name, ascending. */
static inline struct cove_tx_agent tx_kit_agent(unsigned n)
{
    struct cove_tx_agent agent = {.is_write = n >= TX_KIT_AGENTS / 2};

    if (agent.is_write) {
        agent.write.hlc = 1 + n;
        agent.write.device.b[31] = (uint8_t)(n & 1);
        agent.write.session.b[0] = 2;
        agent.write.tx = 1000 * n;
        agent.write.op = n;
    } else {
        agent.session.b[0] = (uint8_t)(n + 1);
    }
    return agent;
}

static inline void tx_kit_parent(struct tx_author *a, const struct cove_tx *tx,
                                 struct cove_tx_op *op)
{
    uint64_t how = tx_pick(a, 8);

    op->agent = COVE_TX_OWN;
    if (how == 0 && op->kind != COVE_OP_REMOVE) {
        op->agent = COVE_TX_ROOT;
        return;
    }
    op->left = op->kind != COVE_OP_REMOVE && tx_pick(a, 4) == 0;
    if (how < 3 && tx->agent_count > 0) {
        op->agent = 1 + (uint32_t)tx_pick(a, tx->agent_count);
        op->n = (uint32_t)tx_pick(a, how == 1 ? 10 : UINT32_MAX);
    } else {
        uint64_t back = 1 + tx_pick(a, how == 3 ? 100000 : 2);

        op->n = a->next < back ? 0 : a->next - (uint32_t)back;
    }
}

static inline void tx_kit_op(struct tx_author *a, const struct cove_tx *tx,
                             struct cove_tx_op *op)
{
    static const char *const texts[] = {"a", " ", "tschüß", "日本語", "hello"};
    static const char *const regs[] = {"", "items~aaaaaaaa", "b"};
    static const struct {
        const char *bytes;
        uint32_t count;
    } values[] = {{"\x01", 1}, {"\xf6\x61z", 2}, {"\x81\x01\x05\x60", 3}};
    size_t v = (size_t)tx_pick(a, COVE_ARRAY_LEN(values));

    memset(op, 0, sizeof(*op));
    op->kind = (enum cove_op_kind)(1 + tx_pick(a, 7));
    switch (op->kind) {
    case COVE_OP_TEXT:
        op->value = cove_bytes_text(texts[tx_pick(a, COVE_ARRAY_LEN(texts))]);
        op->count = (uint32_t)cove_utf8_count(op->value);
        break;
    case COVE_OP_ITEMS:
        op->reg = cove_bytes_text(regs[tx_pick(a, COVE_ARRAY_LEN(regs))]);
        op->value = cove_bytes_text(values[v].bytes);
        op->count = values[v].count;
        break;
    case COVE_OP_REMOVE:
        op->count = tx_pick(a, 2) == 0 ? 1 : 1 + (uint32_t)tx_pick(a, 300);
        break;
    case COVE_OP_APPEND:
        op->value = cove_bytes_text(values[0].bytes);
        return;
    case COVE_OP_CHUNK:
        op->value = cove_bytes(texts, 1 + (size_t)tx_pick(a, 5));
        op->offset = tx_pick(a, (uint64_t)1 << 48);
        return;
    case COVE_OP_ADD:
        op->amount = 1 + (int64_t)tx_pick(a, INT64_MAX);
        op->amount = tx_pick(a, 2) == 0 ? op->amount : -op->amount;
        return;
    case COVE_OP_REGISTER:
    default:
        op->kind = COVE_OP_REGISTER;
        op->reg = cove_bytes_text("r");
        op->deleted = tx_pick(a, 2) == 0;
        op->value = op->deleted ? cove_bytes(NULL, 0)
                                : cove_bytes_text(values[0].bytes);
        return;
    }
    tx_kit_parent(a, tx, op);
    if (op->kind == COVE_OP_REMOVE) {
        op->n -= op->n > UINT32_MAX - op->count ? op->count : 0;
        return;
    }
    a->next += tx_pick(a, 8) == 0 ? (uint32_t)tx_pick(a, 1000) : 0;
    op->first = a->next;
    a->next += op->count;
}

static inline void tx_kit_extra(struct tx_author *a, struct cove_arena *arena,
                                struct cove_tx *tx)
{
    struct cove_tx_point *points = cove_arena_array(arena, 2, sizeof(*points));

    ck_assert_ptr_nonnull(points);
    points[0].len = 1 + (uint32_t)tx_pick(a, UINT32_MAX);
    points[1].len = 1;
    points[1].session.b[0] = 1;
    tx->has_undo = tx_pick(a, 3) == 0;
    tx->undo = points[0];
    tx->has_branch = tx_pick(a, 3) == 0;
    tx->branch.name = cove_bytes_text("näme");
    tx->branch.base = points;
    tx->branch.base_count = (size_t)tx_pick(a, 3);
    tx->has_merge = tx_pick(a, 3) == 0;
    tx->merge.points = points;
    tx->merge.point_count = 1 + (size_t)tx_pick(a, 2);
}

static inline void tx_kit_front(struct tx_author *a, struct cove_tx *tx)
{
    memset(tx, 0, sizeof(*tx));
    a->hlc += tx_pick(a, 2) == 0 ? 1 : tx_pick(a, 1 << 24);
    if (tx_pick(a, 2) == 0) {
        a->hlc = (a->hlc | 0xffff) + 1;
    }
    tx->hlc = a->hlc;
    tx->epoch_inherited = tx_pick(a, 8) != 0;
    tx->has_epoch = !tx->epoch_inherited && tx_pick(a, 2) == 0;
    tx->epoch.b[0] = tx->has_epoch ? 7 : 0;
    tx->auth_inherited = tx_pick(a, 8) != 0;
    tx->has_seen = tx_pick(a, 8) == 0;
    tx->seen.b[3] = tx->has_seen ? 9 : 0;
}

/* The next transaction of an author; arrays in the arena. */
static inline void tx_kit_next(struct tx_author *a, struct cove_arena *arena,
                               struct cove_tx *tx)
{
    size_t count = tx_pick(a, 2) == 0 ? 1 : 1 + (size_t)tx_pick(a, 5);
    bool used[TX_KIT_AGENTS] = {false};

    tx_kit_front(a, tx);
    tx->ops = cove_arena_array(arena, count + TX_KIT_AGENTS, sizeof(*tx->ops));
    tx->agents = cove_arena_array(arena, TX_KIT_AGENTS, sizeof(*tx->agents));
    ck_assert_ptr_nonnull(tx->ops);
    ck_assert_ptr_nonnull(tx->agents);
    for (unsigned i = 0; i < TX_KIT_AGENTS; i++) {
        if (tx_pick(a, 8) == 0) {
            tx->agents[tx->agent_count++] = tx_kit_agent(i);
        }
    }
    if (tx_pick(a, 16) == 0) {
        tx_kit_extra(a, arena, tx);
    }
    while (tx->op_count < count) {
        struct cove_tx_op *op = &tx->ops[tx->op_count++];

        tx_kit_op(a, tx, op);
        if (op->agent > 0 && op->agent != COVE_TX_ROOT) {
            used[op->agent - 1] = true;
        }
    }
    for (uint32_t i = 0; i < tx->agent_count; i++) {
        if (!used[i]) {
            tx->ops[tx->op_count++] =
                (struct cove_tx_op){.kind = COVE_OP_REMOVE,
                                    .agent = i + 1,
                                    .n = (uint32_t)tx_pick(a, 100),
                                    .count = 1};
        }
    }
}

static inline void tx_assert_bytes(struct cove_bytes a, struct cove_bytes b)
{
    ck_assert_uint_eq(a.len, b.len);
    ck_assert(cove_bytes_equal(a, b));
}

static inline void tx_assert_same_op(const struct cove_tx_op *x,
                                     const struct cove_tx_op *y)
{
    ck_assert_int_eq(x->kind, y->kind);
    ck_assert(x->deleted == y->deleted);
    tx_assert_bytes(x->reg, y->reg);
    tx_assert_bytes(x->value, y->value);
    ck_assert_uint_eq(x->agent, y->agent);
    ck_assert_uint_eq(x->n, y->n);
    ck_assert_uint_eq(x->first, y->first);
    ck_assert_uint_eq(x->count, y->count);
    ck_assert(x->left == y->left);
    ck_assert_uint_eq(x->offset, y->offset);
    ck_assert_int_eq(x->amount, y->amount);
}

static inline void tx_assert_same_points(const struct cove_tx_point *a,
                                         const struct cove_tx_point *b,
                                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_mem_eq(a[i].session.b, b[i].session.b, 16);
        ck_assert_uint_eq(a[i].len, b[i].len);
    }
}

/* All that tx_kit_next gives. */
static inline void tx_assert_same(const struct cove_tx *a,
                                  const struct cove_tx *b)
{
    ck_assert_uint_eq(a->hlc, b->hlc);
    ck_assert(a->epoch_inherited == b->epoch_inherited);
    ck_assert(a->has_epoch == b->has_epoch);
    ck_assert_mem_eq(a->epoch.b, b->epoch.b, 32);
    ck_assert(a->auth_inherited == b->auth_inherited);
    ck_assert(a->has_seen == b->has_seen);
    ck_assert_mem_eq(a->seen.b, b->seen.b, 32);
    ck_assert_uint_eq(a->op_count, b->op_count);
    for (size_t i = 0; i < a->op_count; i++) {
        tx_assert_same_op(&a->ops[i], &b->ops[i]);
    }
    ck_assert_uint_eq(a->agent_count, b->agent_count);
    for (size_t i = 0; i < a->agent_count; i++) {
        ck_assert(a->agents[i].is_write == b->agents[i].is_write);
        ck_assert_int_eq(cove_tx_agent_compare(&a->agents[i], &b->agents[i]),
                         0);
    }
    ck_assert(a->has_undo == b->has_undo);
    ck_assert(a->has_branch == b->has_branch);
    ck_assert(a->has_merge == b->has_merge);
    if (a->has_undo) {
        tx_assert_same_points(&a->undo, &b->undo, 1);
    }
    if (a->has_branch) {
        tx_assert_bytes(a->branch.name, b->branch.name);
        ck_assert_uint_eq(a->branch.base_count, b->branch.base_count);
        tx_assert_same_points(a->branch.base, b->branch.base,
                              a->branch.base_count);
    }
    if (a->has_merge) {
        ck_assert_uint_eq(a->merge.point_count, b->merge.point_count);
        tx_assert_same_points(a->merge.points, b->merge.points,
                              a->merge.point_count);
    }
}

#endif
