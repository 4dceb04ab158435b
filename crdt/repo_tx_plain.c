/* repo_tx_plain.c: a plain transaction in a chunk. docs/FORMAT.md "Log chunk".
 *
 * What it says is kept: the time as a difference, registers, epochs and
 * sessions by their interned numbers. Where all ops are on registers they need
 * no tags; others are packed by repo_tx_op.c.
 */
#include "crdt/repo_tx_parts.h"

enum tx_bits {
    TX_COPY = 1,
    TX_EPOCH_INHERITED = 2,
    TX_EPOCH_SET = 4,
    TX_AUTH_INHERITED = 8,
    TX_SEEN = 16,
    TX_MIXED = 32 /* ops of any kind */
};

enum { OP_DELETED = 1, OP_LITERAL = 2, OP_SHIFT = 2 };

/* --- writing */

struct tx_row { /* a transaction that origins lie in */
    struct cove_op_id id;
    uint8_t tx_hash[8];
};

struct tx_rows {
    struct tx_row *rows;
    size_t count;
};

static bool tx_row_is(const struct tx_row *row, const struct cove_origin *o)
{
    return row->id.hlc == o->id.hlc && row->id.tx == o->id.tx &&
           memcmp(&row->id.session, &o->id.session, sizeof(o->id.session)) ==
               0 &&
           memcmp(&row->id.device, &o->id.device, sizeof(o->id.device)) == 0 &&
           memcmp(row->tx_hash, o->tx_hash, sizeof(row->tx_hash)) == 0;
}

/* The place of an origin's row, from 1; 0 for an origin that is none. */
static size_t tx_row_place(struct tx_rows *rows, const struct cove_origin *o)
{
    if (cove_op_id_is_none(&o->id)) {
        return 0;
    }
    for (size_t i = rows->count; i > 0; i--) {
        if (tx_row_is(&rows->rows[i - 1], o)) {
            return i;
        }
    }

    struct tx_row *row = &rows->rows[rows->count++];

    row->id = o->id;
    memcpy(row->tx_hash, o->tx_hash, sizeof(row->tx_hash));
    return rows->count;
}

static int tx_rows_build(const struct cove_tx *tx, struct cove_arena *arena,
                         struct tx_rows *out)
{
    size_t origins = 0;

    for (size_t i = 0; i < tx->op_count; i++) {
        origins += tx->ops[i].origin_count;
    }
    out->count = 0;
    out->rows = cove_arena_array(arena, origins + 1, sizeof(*out->rows));
    if (out->rows == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < tx->op_count; i++) {
        for (size_t k = 0; k < tx->ops[i].origin_count; k++) {
            tx_row_place(out, &tx->ops[i].origins[k]);
        }
    }
    return 0;
}

static int tx_pack_rows(struct repo_work *work, const struct tx_rows *rows,
                        uint64_t hlc, struct cove_packer *p)
{
    cove_pack_varint(p, rows->count);
    for (size_t i = 0; i < rows->count; i++) {
        const struct tx_row *row = &rows->rows[i];
        int err = repo_pack_session(work, &row->id, p);

        if (err != 0) {
            return err;
        }
        cove_pack_signed(p, hlc - row->id.hlc);
        cove_pack_varint(p, row->id.tx);
        cove_pack_raw(p, row->tx_hash, sizeof(row->tx_hash));
    }
    return p->err;
}

/* Of a copy's op: where its value came from. */
static int tx_pack_origins(struct repo_work *work, const struct cove_tx_op *op,
                           bool intern, struct tx_rows *rows,
                           struct cove_packer *p)
{
    const struct repo_reg_form form = {.intern = intern, .shift = 1};
    int err = 0;

    cove_pack_varint(p, op->origin_count);
    for (size_t k = 0; k < op->origin_count && err == 0; k++) {
        const struct cove_origin *origin = &op->origins[k];
        size_t place = tx_row_place(rows, origin);

        err = repo_reg_pack(work, origin->reg, &form, p);
        cove_pack_varint(p, place);
        if (place != 0) {
            cove_pack_varint(p, origin->id.op);
        }
    }
    return err;
}

static int tx_pack_write(struct repo_work *work, const struct cove_tx_op *op,
                         bool intern, struct cove_packer *p)
{
    const struct repo_reg_form form = {.intern = intern,
                                       .shift = OP_SHIFT,
                                       .bits = op->deleted ? OP_DELETED : 0};
    int err = repo_reg_pack(work, op->reg, &form, p);

    if (!op->deleted) {
        cove_pack_bytes(p, op->value);
    }
    return err;
}

static int tx_pack_ops(struct repo_work *work, const struct cove_tx *tx,
                       bool intern, struct tx_rows *rows, struct cove_packer *p)
{
    int err = 0;

    cove_pack_varint(p, tx->op_count);
    for (size_t i = 0; i < tx->op_count && err == 0; i++) {
        err = tx_pack_write(work, &tx->ops[i], intern, p);
        if (err == 0 && tx->kind == COVE_TX_COPY) {
            err = tx_pack_origins(work, &tx->ops[i], intern, rows, p);
        }
    }
    return err;
}

/* Ops of any kind, each with its tag, behind the table of agents. */
static int tx_pack_mixed(struct repo_work *work, const struct cove_tx *tx,
                         bool intern, struct repo_tx_near near,
                         struct cove_packer *p)
{
    int err = 0;

    cove_pack_varint(p, tx->agent_count);
    for (size_t i = 0; i < tx->agent_count && err == 0; i++) {
        err = repo_agent_pack(work, &tx->agents[i], tx->hlc, p);
    }
    cove_pack_varint(p, tx->op_count);
    for (size_t i = 0; i < tx->op_count && err == 0; i++) {
        const struct cove_tx_op *op = &tx->ops[i];
        const struct repo_op_form form = {.intern = intern,
                                          .last = i + 1 == tx->op_count};

        if (op->kind == COVE_OP_REGISTER) {
            cove_pack_byte(p, COVE_OP_REGISTER);
            err = tx_pack_write(work, op, intern, p);
        } else {
            err = repo_op_pack(work, tx, op, &form, &near, p);
        }
    }
    return err;
}

/* Where the session's elements go on behind a transaction. */
static uint64_t tx_next(const struct cove_tx *tx, uint64_t before)
{
    for (size_t i = tx->op_count; i > 0; i--) {
        const struct cove_tx_op *op = &tx->ops[i - 1];

        if (op->kind == COVE_OP_TEXT || op->kind == COVE_OP_ITEMS) {
            return (uint64_t)op->first + op->count;
        }
    }
    return before;
}

static bool tx_is_mixed(const struct cove_tx *tx)
{
    for (size_t i = 0; i < tx->op_count; i++) {
        if (tx->ops[i].kind != COVE_OP_REGISTER) {
            return true;
        }
    }
    return false;
}

int repo_plain_pack(struct repo_work *work, const struct cove_tx *tx,
                    bool intern, struct repo_tx_before *before,
                    struct cove_buf *out)
{
    const struct repo_tx_near near = before->near;
    struct tx_rows rows = {.count = 0};
    struct cove_packer p;
    uint32_t epoch = 0;
    unsigned bits = tx_is_mixed(tx) ? TX_MIXED : 0;
    int err = 0;

    if (!tx->epoch_inherited && tx->has_epoch) {
        err = repo_intern_epoch_add(work, &tx->epoch, &epoch);
        bits |= TX_EPOCH_SET;
    }
    bits |= tx->kind == COVE_TX_COPY ? TX_COPY : 0;
    bits |= tx->epoch_inherited ? TX_EPOCH_INHERITED : 0;
    bits |= tx->auth_inherited ? TX_AUTH_INHERITED : 0;
    bits |= tx->has_seen ? TX_SEEN : 0;
    cove_packer_init(&p, out);
    cove_pack_byte(&p, (uint8_t)bits);
    cove_pack_signed(&p, tx->hlc - before->hlc);
    if (bits & TX_EPOCH_SET) {
        cove_pack_varint(&p, epoch);
    }
    if (bits & TX_MIXED) {
        before->near.next = tx_next(tx, near.next);
        cove_pack_signed(&p, before->near.next - near.next);
    }
    if (tx->has_seen) {
        cove_pack_raw(&p, tx->seen.b, sizeof(tx->seen.b));
    }
    if (err == 0 && tx->kind == COVE_TX_COPY) {
        err = tx_rows_build(tx, work->arena, &rows);
        if (err == 0) {
            err = tx_pack_rows(work, &rows, tx->hlc, &p);
        }
    }
    if (err == 0 && (bits & TX_MIXED) != 0) {
        err = tx_pack_mixed(work, tx, intern, near, &p);
    } else if (err == 0) {
        err = tx_pack_ops(work, tx, intern, &rows, &p);
    }
    return err != 0 ? err : p.err;
}

/* --- reading */

static int tx_take_rows(struct repo_work *work, struct cove_unpacker *u,
                        uint64_t hlc, struct tx_rows *out)
{
    uint64_t count = cove_unpack_varint(u);
    int err = u->err;

    if (count > (uint64_t)(u->end - u->at)) {
        return COVE_ECORRUPT;
    }
    out->count = (size_t)count;
    out->rows =
        cove_arena_array(work->arena, out->count + 1, sizeof(*out->rows));
    if (out->rows == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < out->count && err == 0; i++) {
        struct tx_row *row = &out->rows[i];

        err = repo_unpack_session(work, u, &row->id);
        row->id.hlc = hlc - cove_unpack_signed(u);
        row->id.tx = cove_unpack_u32(u);
        cove_unpack_raw(u, row->tx_hash, sizeof(row->tx_hash));
    }
    return err != 0 ? err : u->err;
}

static int tx_take_origins(struct repo_work *work, struct cove_unpacker *u,
                           const struct tx_rows *rows, struct cove_tx_op *op)
{
    uint64_t count = cove_unpack_varint(u);
    int err = u->err;

    if (count > (uint64_t)(u->end - u->at)) {
        return COVE_ECORRUPT;
    }
    op->origin_count = (size_t)count;
    op->origins = cove_arena_array(work->arena, op->origin_count + 1,
                                   sizeof(*op->origins));
    if (op->origins == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < op->origin_count && err == 0; i++) {
        struct cove_origin *origin = &op->origins[i];
        uint64_t head = cove_unpack_varint(u);

        err = repo_reg_take(work, u, head >> 1, (head & 1) != 0, &origin->reg);

        uint64_t place = cove_unpack_varint(u);

        if (err == 0 && place > rows->count) {
            err = COVE_ECORRUPT;
        }
        if (err == 0 && place > 0) {
            origin->id = rows->rows[place - 1].id;
            origin->id.op = cove_unpack_u32(u);
            memcpy(origin->tx_hash, rows->rows[place - 1].tx_hash,
                   sizeof(origin->tx_hash));
        }
    }
    return err != 0 ? err : u->err;
}

static int tx_take_write(struct repo_work *work, struct cove_unpacker *u,
                         struct cove_tx_op *op)
{
    uint64_t head = cove_unpack_varint(u);

    op->deleted = (head & OP_DELETED) != 0;

    int err = repo_reg_take(work, u, head >> OP_SHIFT, (head & OP_LITERAL) != 0,
                            &op->reg);

    if (err == 0 && !op->deleted) {
        op->value = cove_unpack_bytes(u);
    }
    return err;
}

static int tx_take_count(struct repo_work *work, struct cove_unpacker *u,
                         struct cove_tx *tx)
{
    uint64_t count = cove_unpack_varint(u);

    if (u->err != 0 || count > COVE_MAX_TX_OPS) {
        return COVE_ECORRUPT;
    }
    tx->op_count = (size_t)count;
    tx->ops = cove_arena_array(work->arena, tx->op_count + 1, sizeof(*tx->ops));
    return tx->ops == NULL ? COVE_ENOMEM : 0;
}

static int tx_take_ops(struct repo_work *work, struct cove_unpacker *u,
                       const struct tx_rows *rows, struct cove_tx *tx)
{
    int err = tx_take_count(work, u, tx);

    for (size_t i = 0; i < tx->op_count && err == 0; i++) {
        err = tx_take_write(work, u, &tx->ops[i]);
        if (err == 0 && tx->kind == COVE_TX_COPY) {
            err = tx_take_origins(work, u, rows, &tx->ops[i]);
        }
    }
    return err != 0 ? err : cove_unpacker_done(u);
}

static int tx_take_agents(struct repo_work *work, struct cove_unpacker *u,
                          struct cove_tx *tx)
{
    uint64_t count = cove_unpack_varint(u);
    int err = u->err;

    if (err != 0 || count > COVE_MAX_TX_OPS) {
        return COVE_ECORRUPT;
    }
    tx->agent_count = (size_t)count;
    if (count == 0) {
        return 0;
    }
    tx->agents =
        cove_arena_array(work->arena, tx->agent_count, sizeof(*tx->agents));
    if (tx->agents == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < tx->agent_count && err == 0; i++) {
        err = repo_agent_take(work, u, tx->hlc, &tx->agents[i]);
    }
    return err;
}

static int tx_take_mixed(struct repo_work *work, struct cove_unpacker *u,
                         struct repo_tx_near near, struct cove_tx *tx)
{
    int err = tx_take_agents(work, u, tx);

    if (err == 0) {
        err = tx_take_count(work, u, tx);
    }
    for (size_t i = 0; i < tx->op_count && err == 0; i++) {
        const struct repo_op_form form = {.last = i + 1 == tx->op_count};
        uint8_t tag = cove_unpack_byte(u);

        err = tag == COVE_OP_REGISTER
                  ? tx_take_write(work, u, &tx->ops[i])
                  : repo_op_take(work, u, tag, &form, &near, tx, &tx->ops[i]);
    }
    return err != 0 ? err : cove_unpacker_done(u);
}

int repo_plain_take(struct repo_work *work, const struct repo_tx_entry *entry,
                    struct cove_tx *out)
{
    struct cove_unpacker u = entry->body;
    struct tx_rows rows = {.count = 0};
    struct cove_tx tx = {.hlc = entry->hlc};
    int err = 0;

    tx.kind = entry->bits & TX_COPY ? COVE_TX_COPY : COVE_TX_NATIVE;
    tx.epoch_inherited = (entry->bits & TX_EPOCH_INHERITED) != 0;
    tx.auth_inherited = (entry->bits & TX_AUTH_INHERITED) != 0;
    tx.has_epoch = (entry->bits & TX_EPOCH_SET) != 0;
    tx.has_seen = (entry->bits & TX_SEEN) != 0;
    if (tx.has_epoch) {
        err = repo_intern_epoch_of(work, entry->epoch, &tx.epoch);
    }
    if (tx.has_seen) {
        cove_unpack_raw(&u, tx.seen.b, sizeof(tx.seen.b));
    }
    if (err == 0 && tx.kind == COVE_TX_COPY) {
        err = tx_take_rows(work, &u, tx.hlc, &rows);
    }
    if (err == 0 && (entry->bits & TX_MIXED) != 0) {
        err = tx_take_mixed(work, &u, entry->near, &tx);
    } else if (err == 0) {
        err = tx_take_ops(work, &u, &rows, &tx);
    }
    if (err == 0) {
        *out = tx;
    }
    return err;
}

bool repo_plain_writes(const struct repo_tx_entry *entry)
{
    return (entry->bits & (TX_COPY | TX_MIXED)) == 0;
}

int repo_plain_fold(struct repo_work *work, const struct repo_tx_entry *entry,
                    struct cove_native *each, struct cove_state *state)
{
    struct cove_unpacker u = entry->body;
    struct cove_tx_op op;
    uint64_t count;
    int err;

    if (entry->bits & TX_SEEN) {
        cove_unpack_span(&u, sizeof(struct cove_hash));
    }
    count = cove_unpack_varint(&u);
    err = u.err != 0 || count > COVE_MAX_TX_OPS ? COVE_ECORRUPT : 0;
    for (uint32_t i = 0; i < count && err == 0; i++) {
        op.value = cove_bytes(NULL, 0);
        err = tx_take_write(work, &u, &op);
        if (err == 0) {
            err = u.err;
        }
        each->reg = op.reg;
        each->deleted = op.deleted;
        each->value = op.value;
        each->id.op = i;
        if (err == 0) {
            err = cove_state_add_native(state, each);
        }
    }
    return err != 0 ? err : cove_unpacker_done(&u);
}

int repo_plain_front(struct repo_tx_before *before, struct repo_tx_entry *entry)
{
    struct cove_unpacker *u = &entry->body;

    cove_unpacker_init(u, entry->raw);
    entry->bits = cove_unpack_byte(u);
    entry->hlc = before->hlc + cove_unpack_signed(u);
    if (entry->bits & TX_EPOCH_SET) {
        entry->epoch = cove_unpack_u32(u);
    } else if (entry->bits & TX_EPOCH_INHERITED) {
        entry->epoch = before->epoch;
    }
    if (entry->bits & TX_MIXED) {
        before->near.next += cove_unpack_signed(u);
    }
    return u->err;
}
