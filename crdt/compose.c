/* compose.c: see compose.h. */
#include "crdt/compose.h"

#include <assert.h>
#include <stdlib.h>

#include "cove/error.h"

#define COMPOSE_OP    32  /* bytes that an op takes, its content apart */
#define COMPOSE_AGENT 128 /* and the naming of another author, at most */

void cove_compose_init(struct cove_compose *c, const struct cove_alloc *alloc)
{
    memset(c, 0, sizeof(*c));
    c->alloc = alloc;
    cove_buf_init(&c->ops, alloc);
    cove_buf_init(&c->content, alloc);
}

void cove_compose_clear(struct cove_compose *c)
{
    cove_buf_clear(&c->ops);
    cove_buf_clear(&c->content);
    c->seq = NULL;
}

void cove_compose_start(struct cove_compose *c, struct cove_seq *seq,
                        const struct cove_compose_self *self)
{
    c->seq = seq;
    c->self = *self;
    c->ops.len = c->content.len = c->bytes = 0;
}

static size_t compose_count(const struct cove_compose *c)
{
    return c->ops.len / sizeof(struct cove_compose_op);
}

static struct cove_compose_op *compose_ops(const struct cove_compose *c)
{
    return (struct cove_compose_op *)(void *)c->ops.at;
}

static struct cove_compose_op *compose_last(const struct cove_compose *c)
{
    return c->ops.len == 0
               ? NULL
               : (struct cove_compose_op *)(void *)(c->ops.at + c->ops.len) - 1;
}

bool cove_compose_is_empty(const struct cove_compose *c)
{
    return c->ops.len == 0;
}

/* Each may name another author. */
size_t cove_compose_ops_left(const struct cove_compose *c)
{
    size_t room =
        c->bytes < COVE_COMPOSE_BYTES
            ? (COVE_COMPOSE_BYTES - c->bytes) / (COMPOSE_OP + COMPOSE_AGENT)
            : 0;
    size_t ops = COVE_MAX_TX_OPS - compose_count(c);

    return room < ops ? room : ops;
}

bool cove_compose_has_room(const struct cove_compose *c, size_t bytes)
{
    return c->ops.len <
               (COVE_MAX_TX_OPS - 1) * sizeof(struct cove_compose_op) &&
           c->bytes + bytes + COMPOSE_OP + COMPOSE_AGENT <= COVE_COMPOSE_BYTES;
}

static int compose_push(struct cove_compose *c,
                        const struct cove_compose_op *op)
{
    int err = cove_buf_append(&c->ops, cove_bytes(op, sizeof(*op)));

    if (err == 0) {
        c->bytes += COMPOSE_OP;
        c->bytes += op->at.author == c->self.author ? 0 : COMPOSE_AGENT;
    }
    return err;
}

/* --- insertions */

/* Does the insertion go on where the last op ended? */
static bool compose_goes_on(const struct cove_compose *c,
                            const struct cove_seq_edit *edit,
                            const struct cove_compose_insert *in)
{
    const struct cove_compose_op *last = compose_last(c);

    return last != NULL && last->kind != COVE_OP_REMOVE &&
           edit->side == COVE_SEQ_RIGHT &&
           edit->parent.author == c->self.author &&
           edit->parent.n == last->first + last->count - 1 &&
           last->len + in->content.len <= COVE_COMPOSE_PIECE &&
           last->start + last->len == c->content.len &&
           cove_bytes_equal(in->type, cove_bytes(c->content.at + last->type,
                                                 last->type_len));
}

static int compose_note(struct cove_compose *c,
                        const struct cove_seq_edit *edit,
                        const struct cove_compose_insert *in)
{
    struct cove_compose_op op = {.kind = cove_seq_kind(c->seq) == COVE_SEQ_TEXT
                                             ? COVE_OP_TEXT
                                             : COVE_OP_ITEMS,
                                 .at = edit->parent,
                                 .left = edit->side == COVE_SEQ_LEFT,
                                 .first = c->self.next,
                                 .count = in->count,
                                 .type = c->content.len,
                                 .type_len = in->type.len,
                                 .start = c->content.len + in->type.len,
                                 .len = in->content.len};
    int err = cove_buf_append(&c->content, in->type);

    if (err == 0) {
        err = cove_buf_append(&c->content, in->content);
    }
    if (err == 0) {
        err = compose_push(c, &op);
    }
    c->bytes += err == 0 ? in->type.len : 0;
    return err;
}

/* Before what follows an element: as the newest of its left children it comes
 * last of them, and so right behind the element, whoever hangs on that. */
static int compose_behind(struct cove_compose *c, const struct cove_elem *elem,
                          struct cove_seq_run *run, struct cove_seq_edit *out)
{
    struct cove_elem next;
    int err = cove_seq_after(c->seq, *elem, &next);

    run->parent = *elem;
    run->side = COVE_SEQ_RIGHT;
    if (err == 0 && next.author != COVE_SEQ_ROOT) {
        run->parent = next;
        run->side = COVE_SEQ_LEFT;
    }
    if (err == 0) {
        err = cove_seq_insert(c->seq, run);
    }
    out->parent = run->parent;
    out->side = run->side;
    return err;
}

/* Nothing may fail once the sequence has it. */
static int compose_reserve(struct cove_compose *c,
                           const struct cove_compose_insert *in)
{
    size_t more = in->content.len + in->type.len;
    int err = 0;

    if (c->ops.cap - c->ops.len < sizeof(struct cove_compose_op)) {
        err = cove_buf_reserve(&c->ops, sizeof(struct cove_compose_op));
    }
    if (err == 0 && c->content.cap - c->content.len < more) {
        err = cove_buf_reserve(&c->content, more);
    }
    return err == 0 && in->count > UINT32_MAX - c->self.next ? COVE_ELIMIT
                                                             : err;
}

int cove_compose_insert(struct cove_compose *c,
                        const struct cove_compose_insert *in)
{
    struct cove_seq_run run = {.first = {c->self.author, c->self.next},
                               .count = in->count,
                               .hlc = c->self.hlc,
                               .content = in->content,
                               .type = in->type};
    struct cove_seq_edit edit;
    int err = compose_reserve(c, in);

    if (err == 0) {
        err = in->behind != NULL
                  ? compose_behind(c, in->behind, &run, &edit)
                  : cove_seq_insert_at(c->seq, in->unit, in->at, &run, &edit);
    }
    if (err != 0) {
        return err;
    }
    if (compose_goes_on(c, &edit, in)) {
        struct cove_compose_op *last = compose_last(c);

        memcpy(c->content.at + c->content.len, in->content.at, in->content.len);
        c->content.len += in->content.len;
        last->len += in->content.len;
        last->count += in->count;
    } else {
        err = compose_note(c, &edit, in);
    }
    assert(err == 0);
    c->bytes += in->content.len;
    c->self.next += in->count;
    return err;
}

/* --- deletions */

static int compose_range(void *ctx, struct cove_elem first, uint32_t count)
{
    struct cove_compose *c = ctx;
    struct cove_compose_op *last = compose_last(c);
    struct cove_compose_op op = {
        .kind = COVE_OP_REMOVE, .at = first, .count = count};

    if (last != NULL && last->kind == COVE_OP_REMOVE &&
        last->at.author == first.author) {
        if (first.n == last->at.n + last->count) {
            last->count += count;
            return 0;
        }
        if (first.n + count == last->at.n) {
            last->at.n = first.n;
            last->count += count;
            return 0;
        }
    }
    return compose_push(c, &op);
}

int cove_compose_remove(struct cove_compose *c, enum cove_seq_unit unit,
                        size_t at, size_t len)
{
    const struct cove_compose_op *last = compose_last(c);
    struct cove_compose_op former = {.count = 0};
    size_t ops = c->ops.len;
    size_t bytes = c->bytes;
    int err;

    if (last != NULL) {
        former = *last;
    }
    err = cove_seq_remove_at(c->seq, unit, at, len, compose_range, c);
    if (err != 0) { /* what was visited so far is not removed */
        c->ops.len = ops;
        c->bytes = bytes;
        if (ops > 0) {
            *compose_last(c) = former;
        }
    }
    return err;
}

int cove_compose_remove_of(struct cove_compose *c, struct cove_elem first,
                           uint32_t count)
{
    int err = cove_buf_reserve(&c->ops, sizeof(struct cove_compose_op));

    if (err == 0) {
        err = cove_seq_remove(c->seq, first, count);
    }
    return err != 0 ? err : compose_range(c, first, count);
}

/* --- the transaction */

static int agent_compare(const void *left, const void *right)
{
    return cove_tx_agent_compare(left, right);
}

/* A write whose characters are elements: its time is that of the first. */
static struct cove_tx_agent compose_agent(const struct cove_compose *c,
                                          uint32_t author)
{
    const struct cove_seq_author *a = cove_seq_author_of(c->seq, author);
    struct cove_tx_agent agent = {.session = a->session};

    if (a->hlc != 0) {
        memset(&agent, 0, sizeof(agent));
        agent.is_write = true;
        agent.write.hlc = a->hlc;
        agent.write.device = a->device;
        agent.write.session = a->session;
        agent.write.tx = a->tx;
        agent.write.op = a->op;
    }
    return agent;
}

static bool compose_is_other(const struct cove_compose *c,
                             const struct cove_compose_op *op)
{
    return op->at.author != c->self.author && op->at.author != COVE_SEQ_ROOT;
}

static int compose_agents(const struct cove_compose *c,
                          struct cove_arena *arena, struct cove_tx *tx)
{
    size_t count = compose_count(c);
    struct cove_tx_agent *agents =
        cove_arena_array(arena, count + 1, sizeof(*agents));
    size_t kept = 0;

    if (agents == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct cove_compose_op *op = &compose_ops(c)[i];

        if (compose_is_other(c, op)) {
            agents[kept++] = compose_agent(c, op->at.author);
        }
    }
    if (kept > 1) {
        qsort(agents, kept, sizeof(*agents), agent_compare);
    }
    tx->agents = agents;
    tx->agent_count = 0;
    for (size_t i = 0; i < kept; i++) {
        if (tx->agent_count == 0 ||
            agent_compare(&agents[tx->agent_count - 1], &agents[i]) != 0) {
            agents[tx->agent_count++] = agents[i];
        }
    }
    return 0;
}

static uint32_t compose_place(const struct cove_compose *c,
                              const struct cove_tx *tx,
                              const struct cove_compose_op *op)
{
    if (op->at.author == COVE_SEQ_ROOT) {
        return COVE_TX_ROOT;
    }
    if (!compose_is_other(c, op)) {
        return COVE_TX_OWN;
    }

    struct cove_tx_agent agent = compose_agent(c, op->at.author);
    const struct cove_tx_agent *found = bsearch(
        &agent, tx->agents, tx->agent_count, sizeof(agent), agent_compare);

    assert(found != NULL);
    return (uint32_t)(found - tx->agents) + 1;
}

static void compose_op(const struct cove_compose *c, const struct cove_tx *tx,
                       const struct cove_compose_op *op, struct cove_tx_op *out)
{
    memset(out, 0, sizeof(*out));
    out->kind = op->kind;
    out->agent = compose_place(c, tx, op);
    out->n = out->agent == COVE_TX_ROOT ? 0 : op->at.n;
    out->first = op->first;
    out->count = op->count;
    out->left = op->left;
    if (op->kind != COVE_OP_REMOVE) {
        out->value = cove_bytes(c->content.at + op->start, op->len);
        out->reg = cove_bytes(c->content.at + op->type, op->type_len);
    }
}

int cove_compose_take(struct cove_compose *c, struct cove_arena *arena,
                      struct cove_tx *out)
{
    size_t count = compose_count(c);
    struct cove_tx tx = {.kind = COVE_TX_NATIVE,
                         .hlc = c->self.hlc,
                         .op_count = count,
                         .applied = true,
                         .checked = true}; /* as it was gathered */
    int err = compose_agents(c, arena, &tx);

    tx.ops = cove_arena_array(arena, count + 1, sizeof(*tx.ops));
    if (err != 0 || tx.ops == NULL) {
        return err != 0 ? err : COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        compose_op(c, &tx, &compose_ops(c)[i], &tx.ops[i]);
    }
    c->ops.len = c->bytes = 0;
    *out = tx;
    return 0;
}
