/* repo_tx_op.c: ops in a chunk. docs/FORMAT.md "Log chunk".
 *
 * Who types goes on where the last character went, mostly. So what an
 * insertion begins with is the number behind the session's last one, and its
 * parent the element before that: neither takes a byte. Other elements are told
 * as a difference, from there or from the element that was named last,
 * whichever is shorter. What differences are taken from (struct repo_tx_near)
 * begins at 0 with each chunk.
 */
#include "crdt/repo_tx_parts.h"

#include "core/limits.h"
#include "core/utf8.h"

#define REG_INTERN_MAX                                                         \
    65536 /* registers are not interned beyond so many things */

enum op_tag {
    TAG_KIND = 7,
    TAG_LEFT = 8,
    TAG_REF_SHIFT = 4,
    TAG_REF = 7,
    TAG_LONG = 0x80 /* first, or count, is written */
};

enum op_ref {
    REF_ROOT,
    REF_LAST,  /* the session's own element before the next one */
    REF_NEXT,  /* an own one, by its distance from the next one */
    REF_NAMED, /* an own one, by its distance from the one named last */
    REF_OTHER  /* another agent's, by that distance */
};

enum { AGENT_WRITE, AGENT_LITERAL, AGENT_INTERNED }; /* and more: + number */

/* --- registers */

/* Registers of a document with a schema come from its journal: they are few,
 * and the same in many documents. Others are whatever users think of. */
int repo_reg_pack(struct repo_work *work, struct cove_bytes reg,
                  const struct repo_reg_form *form, struct cove_packer *p)
{
    uint32_t num = 0;
    int err = COVE_ENOTFOUND;

    if (form->intern && reg.len > 0 && reg.len <= COVE_MAX_REGISTER) {
        err = repo_intern_register_find(work, reg, &num);
        if (err == COVE_ENOTFOUND &&
            work->counters.next_intern < REG_INTERN_MAX) {
            err = repo_intern_register_add(work, reg, &num);
        }
    }
    if (err == 0) {
        cove_pack_varint(p, (uint64_t)num << form->shift | form->bits);
    } else if (err == COVE_ENOTFOUND) {
        cove_pack_varint(p, (uint64_t)reg.len << form->shift | form->bits |
                                1u << (form->shift - 1));
        cove_pack_raw(p, reg.at, reg.len);
        err = 0;
    }
    return err;
}

int repo_reg_take(struct repo_work *work, struct cove_unpacker *u,
                  uint64_t head, bool literal, struct cove_bytes *out)
{
    if (!literal) {
        return head > UINT32_MAX
                   ? COVE_ECORRUPT
                   : repo_intern_register_of(work, (uint32_t)head, out);
    }
    if (head > (uint64_t)(u->end - u->at)) {
        return COVE_ECORRUPT;
    }
    *out = cove_unpack_span(u, (size_t)head);
    return u->err;
}

/* --- agents */

int repo_agent_pack(struct repo_work *work, const struct cove_tx_agent *agent,
                    uint64_t hlc, struct cove_packer *p)
{
    const struct cove_op_id *write = &agent->write;
    uint32_t num = 0;
    int err;

    if (agent->is_write) {
        cove_pack_varint(p, AGENT_WRITE);
        err = repo_pack_session(work, write, p);
        cove_pack_signed(p, hlc - write->hlc);
        cove_pack_varint(p, write->tx);
        cove_pack_varint(p, write->op);
        return err;
    }
    err = repo_intern_session_find(work, &agent->session, &num);
    if (err == 0) {
        cove_pack_varint(p, (uint64_t)AGENT_LITERAL + num);
    } else if (err == COVE_ENOTFOUND) {
        cove_pack_varint(p, AGENT_LITERAL);
        cove_pack_raw(p, agent->session.b, sizeof(agent->session.b));
        err = 0;
    }
    return err;
}

int repo_agent_take(struct repo_work *work, struct cove_unpacker *u,
                    uint64_t hlc, struct cove_tx_agent *out)
{
    uint64_t head = cove_unpack_varint(u);
    struct cove_op_id *write = &out->write;
    struct repo_session known;
    int err;

    if (u->err != 0 || head > UINT32_MAX) {
        return COVE_ECORRUPT;
    }
    memset(out, 0, sizeof(*out));
    if (head == AGENT_WRITE) {
        out->is_write = true;
        err = repo_unpack_session(work, u, write);
        write->hlc = hlc - cove_unpack_signed(u);
        write->tx = cove_unpack_u32(u);
        write->op = cove_unpack_u32(u);
    } else if (head == AGENT_LITERAL) {
        cove_unpack_raw(u, out->session.b, sizeof(out->session.b));
        err = 0;
    } else {
        err = repo_intern_session_of(work, (uint32_t)head - AGENT_LITERAL,
                                     &known);
        if (err == 0) {
            out->session = known.session;
        }
    }
    return err != 0 ? err : u->err;
}

static void agent_pass(struct cove_unpacker *u)
{
    uint64_t head = cove_unpack_varint(u);

    if (head == AGENT_LITERAL) {
        cove_unpack_span(u, sizeof(struct cove_session_id));
    } else if (head == AGENT_WRITE) {
        if (cove_unpack_varint(u) == 0) {
            cove_unpack_span(u, sizeof(struct cove_session_id) +
                                    sizeof(struct cove_key));
        }
        for (int i = 0; i < 3; i++) { /* time, transaction, op */
            cove_unpack_varint(u);
        }
    }
}

/* --- elements */

static bool op_inserts(enum cove_op_kind kind)
{
    return kind == COVE_OP_TEXT || kind == COVE_OP_ITEMS;
}

static bool op_names(enum cove_op_kind kind)
{
    return op_inserts(kind) || kind == COVE_OP_REMOVE;
}

/* How long a difference gets. */
static uint64_t near_distance(uint64_t a, uint64_t b)
{
    return a < b ? b - a : a - b;
}

static enum op_ref near_ref(const struct repo_tx_near *near,
                            const struct cove_tx_op *op, uint64_t next)
{
    if (op->agent == COVE_TX_ROOT) {
        return REF_ROOT;
    }
    if (op->agent != COVE_TX_OWN) {
        return REF_OTHER;
    }
    if (next > 0 && op->n == next - 1) {
        return REF_LAST;
    }
    return near_distance(op->n, next) < near_distance(op->n, near->named)
               ? REF_NEXT
               : REF_NAMED;
}

static void near_move(struct repo_tx_near *near, const struct cove_tx_op *op)
{
    if (op_inserts(op->kind)) {
        near->next = (uint64_t)op->first + op->count;
    }
    if (op->agent != COVE_TX_ROOT) {
        near->named = op->n;
    }
}

/* Tag, first, the element named, and who inserted it. */
static int op_pack_front(struct repo_work *work, const struct cove_tx *tx,
                         const struct cove_tx_op *op, bool single,
                         const struct repo_tx_near *near, struct cove_packer *p)
{
    bool inserts = op_inserts(op->kind);
    uint64_t next = inserts ? op->first : near->next;
    enum op_ref ref = near_ref(near, op, next);
    bool is_long = inserts ? op->first != near->next : op->count != 1;

    cove_pack_byte(p,
                   (uint8_t)(op->kind | (op->left ? TAG_LEFT : 0u) |
                             ref << TAG_REF_SHIFT | (is_long ? TAG_LONG : 0u)));
    if (inserts && is_long) {
        cove_pack_signed(p, op->first - near->next);
    }
    if (ref == REF_NEXT) {
        cove_pack_signed(p, op->n - next);
    } else if (ref >= REF_NAMED) {
        cove_pack_signed(p, op->n - near->named);
    }
    if (!inserts && is_long) {
        cove_pack_varint(p, op->count);
    }
    if (ref != REF_OTHER) {
        return 0;
    }
    if (single) {
        return repo_agent_pack(work, &tx->agents[op->agent - 1], tx->hlc, p);
    }
    cove_pack_varint(p, op->agent);
    return 0;
}

/* The same, up to who inserted it. Of a text, count is still to come. */
static int op_take_front(struct cove_unpacker *u, uint8_t tag,
                         const struct repo_tx_near *near, struct cove_tx_op *op)
{
    bool inserts = op_inserts(op->kind);
    unsigned ref = tag >> TAG_REF_SHIFT & TAG_REF;
    uint64_t next = near->next;
    uint64_t n = 0;

    op->left = (tag & TAG_LEFT) != 0;
    if (inserts && (tag & TAG_LONG) != 0) {
        next += cove_unpack_signed(u);
    }
    if (ref == REF_LAST) {
        n = next - 1;
    } else if (ref == REF_NEXT) {
        n = next + cove_unpack_signed(u);
    } else if (ref == REF_NAMED || ref == REF_OTHER) {
        n = near->named + cove_unpack_signed(u);
    } else if (ref != REF_ROOT || !inserts) {
        return COVE_ECORRUPT;
    }
    if (next > UINT32_MAX || n >= UINT32_MAX) {
        return COVE_ECORRUPT;
    }
    op->first = inserts ? (uint32_t)next : 0;
    op->agent = ref == REF_ROOT ? COVE_TX_ROOT : COVE_TX_OWN;
    op->n = (uint32_t)n;
    if (!inserts) {
        op->count = (tag & TAG_LONG) != 0 ? cove_unpack_u32(u) : 1;
    }
    return u->err;
}

static int op_take_agent(struct repo_work *work, struct cove_unpacker *u,
                         bool single, struct cove_tx *tx, struct cove_tx_op *op)
{
    uint32_t place = 1;

    if (single) {
        tx->agents = cove_arena_new(work->arena, sizeof(*tx->agents));
        if (tx->agents == NULL) {
            return COVE_ENOMEM;
        }
        tx->agent_count = 1;

        int err = repo_agent_take(work, u, tx->hlc, tx->agents);

        if (err != 0) {
            return err;
        }
    } else {
        place = cove_unpack_u32(u);
    }
    if (u->err != 0 || place == 0 || place > tx->agent_count) {
        return COVE_ECORRUPT;
    }
    op->agent = place;
    return 0;
}

/* --- ops */

static void op_pack_content(struct cove_bytes content, bool last,
                            struct cove_packer *p)
{
    if (last) {
        cove_pack_raw(p, content.at, content.len);
    } else {
        cove_pack_bytes(p, content);
    }
}

static struct cove_bytes op_take_content(struct cove_unpacker *u, bool last)
{
    return last ? cove_unpack_span(u, (size_t)(u->end - u->at))
                : cove_unpack_bytes(u);
}

int repo_op_pack(struct repo_work *work, const struct cove_tx *tx,
                 const struct cove_tx_op *op, const struct repo_op_form *form,
                 struct repo_tx_near *near, struct cove_packer *p)
{
    const struct repo_reg_form type = {.intern = form->intern, .shift = 1};
    int err = 0;

    if (op_names(op->kind)) {
        err = op_pack_front(work, tx, op, form->single, near, p);
        near_move(near, op);
    } else {
        cove_pack_byte(p, (uint8_t)op->kind);
    }
    if (op->kind == COVE_OP_ITEMS) {
        if (err == 0) {
            err = repo_reg_pack(work, op->reg, &type, p);
        }
        cove_pack_varint(p, op->count);
    } else if (op->kind == COVE_OP_CHUNK) {
        cove_pack_varint(p, op->offset);
    } else if (op->kind == COVE_OP_ADD) {
        cove_pack_signed(p, (uint64_t)op->amount);
    }
    if (op->kind != COVE_OP_REMOVE && op->kind != COVE_OP_ADD) {
        op_pack_content(op->value, form->last, p);
    }
    return err;
}

int repo_op_take(struct repo_work *work, struct cove_unpacker *u, uint8_t tag,
                 const struct repo_op_form *form, struct repo_tx_near *near,
                 struct cove_tx *tx, struct cove_tx_op *op)
{
    int err = 0;

    op->kind = (enum cove_op_kind)(tag & TAG_KIND);
    if (op->kind < COVE_OP_TEXT) {
        return COVE_ECORRUPT;
    }
    if (op_names(op->kind)) {
        err = op_take_front(u, tag, near, op);
        if (err == 0 && (tag >> TAG_REF_SHIFT & TAG_REF) == REF_OTHER) {
            err = op_take_agent(work, u, form->single, tx, op);
        }
    }
    if (err == 0 && op->kind == COVE_OP_ITEMS) {
        uint64_t head = cove_unpack_varint(u);

        err = repo_reg_take(work, u, head >> 1, (head & 1) != 0, &op->reg);
        op->count = cove_unpack_u32(u);
    } else if (op->kind == COVE_OP_CHUNK) {
        op->offset = cove_unpack_varint(u);
    } else if (op->kind == COVE_OP_ADD) {
        op->amount = (int64_t)cove_unpack_signed(u);
    }
    if (op->kind != COVE_OP_REMOVE && op->kind != COVE_OP_ADD) {
        op->value = op_take_content(u, form->last);
    }
    if (op->kind == COVE_OP_TEXT) {
        op->count = (uint32_t)cove_utf8_count(op->value);
    }
    if (op_names(op->kind)) {
        near_move(near, op);
    }
    return err != 0 ? err : u->err;
}

int repo_op_pass(struct cove_unpacker u, struct repo_tx_near *near)
{
    uint8_t tag = cove_unpack_byte(&u);
    struct cove_tx_op op = {.kind = (enum cove_op_kind)(tag & TAG_KIND)};
    int err;

    if (!op_names(op.kind)) {
        return u.err;
    }
    err = op_take_front(&u, tag, near, &op);
    if (err == 0 && (tag >> TAG_REF_SHIFT & TAG_REF) == REF_OTHER) {
        agent_pass(&u);
    }
    if (op.kind == COVE_OP_ITEMS) {
        uint64_t head = cove_unpack_varint(&u);

        if ((head & 1) != 0 && head >> 1 <= (uint64_t)(u.end - u.at)) {
            cove_unpack_span(&u, (size_t)(head >> 1));
        }
        op.count = cove_unpack_u32(&u);
    } else if (op.kind == COVE_OP_TEXT) {
        op.count = (uint32_t)cove_utf8_count(op_take_content(&u, true));
    }
    near_move(near, &op);
    return err != 0 ? err : u.err;
}
