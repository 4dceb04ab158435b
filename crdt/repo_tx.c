/* repo_tx.c: one transaction in a chunk. docs/FORMAT.md "Log chunk".
 *
 * Most transactions are plain: nothing in them that this build does not know,
 * no claim, no private part, no auth. Of such one the chunk keeps what it says
 * and not how: the time as a difference, registers, epochs and sessions by
 * their interned numbers. Encoding it again gives its bytes; that it gives the
 * identical bytes is checked when it is packed, and what does not pass the
 * check is kept as it came. A load folds a plain transaction without ever
 * making its bytes.
 */
#include "crdt/repo_internal.h"

#define TX_EPOCH        32
#define TX_REGISTER_MAX 64    /* a longer register is not interned */
#define TX_INTERN_MAX   65536 /* nor any beyond so many interned things */

enum tx_form {
    TX_RAW,       /* as it came */
    TX_RAW_EPOCH, /* as it came, but for 32 bytes of epoch */
    TX_PLAIN
};

enum tx_bits {
    TX_COPY = 1,
    TX_EPOCH_INHERITED = 2,
    TX_EPOCH_SET = 4,
    TX_AUTH_INHERITED = 8,
    TX_SEEN = 16
};

enum { OP_DELETED = 1, OP_LITERAL = 2, OP_SHIFT = 2 };

/* --- plain: writing */

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

/* Registers of a document with a schema come from its journal: they are few,
 * and the same in many documents. Others are whatever users think of. */
static int tx_pack_register(struct repo_work *work, bool intern,
                            struct cove_bytes reg, unsigned bits,
                            unsigned shift, struct cove_packer *p)
{
    uint32_t num = 0;
    int err = COVE_ENOTFOUND;

    if (intern && reg.len <= TX_REGISTER_MAX) {
        err = repo_intern_register_find(work, reg, &num);
        if (err == COVE_ENOTFOUND &&
            work->counters.next_intern < TX_INTERN_MAX) {
            err = repo_intern_register_add(work, reg, &num);
        }
    }
    if (err == 0) {
        cove_pack_varint(p, (uint64_t)num << shift | bits);
    } else if (err == COVE_ENOTFOUND) {
        cove_pack_varint(p, (uint64_t)reg.len << shift | bits |
                                (shift == OP_SHIFT ? OP_LITERAL : 1u));
        cove_pack_raw(p, reg.at, reg.len);
        err = 0;
    }
    return err;
}

static int tx_pack_ops(struct repo_work *work, const struct cove_tx *tx,
                       bool intern, struct tx_rows *rows, struct cove_packer *p)
{
    int err = 0;

    cove_pack_varint(p, tx->op_count);
    for (size_t i = 0; i < tx->op_count && err == 0; i++) {
        const struct cove_tx_op *op = &tx->ops[i];

        err = tx_pack_register(work, intern, op->reg,
                               op->deleted ? OP_DELETED : 0, OP_SHIFT, p);
        if (!op->deleted) {
            cove_pack_bytes(p, op->value);
        }
        if (tx->kind != COVE_TX_COPY) {
            continue;
        }
        cove_pack_varint(p, op->origin_count);
        for (size_t k = 0; k < op->origin_count && err == 0; k++) {
            const struct cove_origin *origin = &op->origins[k];
            size_t place = tx_row_place(rows, origin);

            err = tx_pack_register(work, intern, origin->reg, 0, 1, p);
            cove_pack_varint(p, place);
            if (place != 0) {
                cove_pack_varint(p, origin->id.op);
            }
        }
    }
    return err;
}

static int tx_pack_plain(struct repo_work *work, const struct cove_tx *tx,
                         bool intern, const struct repo_tx_before *before,
                         struct cove_buf *out)
{
    struct tx_rows rows = {.count = 0};
    struct cove_packer p;
    uint32_t epoch = 0;
    unsigned bits = 0;
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
    if (tx->has_seen) {
        cove_pack_raw(&p, tx->seen.b, sizeof(tx->seen.b));
    }
    if (err == 0 && tx->kind == COVE_TX_COPY) {
        err = tx_rows_build(tx, work->arena, &rows);
        if (err == 0) {
            err = tx_pack_rows(work, &rows, tx->hlc, &p);
        }
    }
    if (err == 0) {
        err = tx_pack_ops(work, tx, intern, &rows, &p);
    }
    return err != 0 ? err : p.err;
}

/* --- plain: reading */

static int tx_take_register(struct repo_work *work, struct cove_unpacker *u,
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

        err =
            tx_take_register(work, u, head >> 1, (head & 1) != 0, &origin->reg);

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

static int tx_take_ops(struct repo_work *work, struct cove_unpacker *u,
                       const struct tx_rows *rows, struct cove_tx *tx)
{
    uint64_t count = cove_unpack_varint(u);
    int err = u->err;

    if (count > COVE_MAX_TX_OPS) {
        return COVE_ECORRUPT;
    }
    tx->op_count = (size_t)count;
    tx->ops = cove_arena_array(work->arena, tx->op_count + 1, sizeof(*tx->ops));
    if (tx->ops == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < tx->op_count && err == 0; i++) {
        struct cove_tx_op *op = &tx->ops[i];
        uint64_t head = cove_unpack_varint(u);

        op->deleted = (head & OP_DELETED) != 0;
        err = tx_take_register(work, u, head >> OP_SHIFT,
                               (head & OP_LITERAL) != 0, &op->reg);
        if (err == 0 && !op->deleted) {
            op->value = cove_unpack_bytes(u);
        }
        if (err == 0 && tx->kind == COVE_TX_COPY) {
            err = tx_take_origins(work, u, rows, op);
        }
    }
    return err != 0 ? err : cove_unpacker_done(u);
}

static int tx_unpack_plain(struct repo_work *work,
                           const struct repo_tx_entry *entry,
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
    if (err == 0) {
        err = tx_take_ops(work, &u, &rows, &tx);
    }
    if (err == 0) {
        *out = tx;
    }
    return err;
}

/* --- raw */

/* The third and fourth items of a transaction, [version, hlc, kind, epoch, …]:
 * its time, and its epoch's item where that is a byte string. What stands
 * behind may be of a newer build, or cut out. */
static void tx_raw_front(struct cove_bytes tx, uint64_t *hlc,
                         struct cove_bytes *epoch)
{
    struct cove_reader r;

    *epoch = cove_bytes(NULL, 0);
    cove_reader_init(&r, tx);
    cove_reader_list(&r);
    cove_reader_item(&r);
    *hlc = cove_reader_uint(&r);
    cove_reader_item(&r);
    if (cove_reader_peek(&r) == COVE_CBOR_BYTES) {
        *epoch = cove_reader_item(&r);
    }
}

static int tx_pack_raw(struct repo_work *work, struct cove_bytes bytes,
                       struct repo_tx_before *before, struct cove_packer *p)
{
    struct cove_bytes item;
    struct cove_step_id step;
    uint32_t num = 0;

    tx_raw_front(bytes, &before->hlc, &item);
    if (item.len != TX_EPOCH + 2) {
        cove_pack_varint(p, (uint64_t)bytes.len << 2 | TX_RAW);
        cove_pack_raw(p, bytes.at, bytes.len);
        before->epoch = item.len == 1 ? 0 : before->epoch;
        return p->err;
    }
    memcpy(step.b, item.at + 2, sizeof(step.b));

    int err = repo_intern_epoch_add(work, &step, &num);

    if (err != 0) {
        return err;
    }

    size_t front = (size_t)(item.at + 2 - bytes.at);

    cove_pack_varint(p, (uint64_t)(bytes.len - TX_EPOCH) << 2 | TX_RAW_EPOCH);
    cove_pack_varint(p, num);
    cove_pack_varint(p, front);
    cove_pack_raw(p, bytes.at, front);
    cove_pack_raw(p, item.at + item.len, bytes.len - TX_EPOCH - front);
    before->epoch = num;
    return p->err;
}

static int tx_restore(struct repo_work *work, const struct repo_tx_entry *entry,
                      struct cove_bytes *out)
{
    struct cove_step_id step;
    size_t len = entry->raw.len;
    int err = repo_intern_epoch_of(work, entry->epoch, &step);

    if (err != 0) {
        return err;
    }

    uint8_t *room = cove_arena_new(work->arena, len + TX_EPOCH);

    if (room == NULL) {
        return COVE_ENOMEM;
    }
    memcpy(room, entry->raw.at, entry->front);
    memcpy(room + entry->front, step.b, TX_EPOCH);
    memcpy(room + entry->front + TX_EPOCH, entry->raw.at + entry->front,
           len - entry->front);
    *out = cove_bytes(room, len + TX_EPOCH);
    return 0;
}

/* --- both */

/* Does the packed form give the identical bytes back? */
static int tx_check_plain(struct repo_work *work, struct cove_bytes packed,
                          struct cove_bytes bytes,
                          const struct repo_tx_before *before, bool *same)
{
    struct repo_tx_before running = *before;
    struct repo_tx_entry entry;
    struct cove_unpacker u;
    struct cove_bytes again;

    cove_unpacker_init(&u, packed);

    int err = repo_tx_take(&u, &running, &entry);

    if (err == 0) {
        err = repo_tx_bytes(work, &entry, &again);
    }
    *same = err == 0 && cove_bytes_equal(again, bytes);
    switch (err) { /* of memory and store; others say it is not the same */
    case COVE_ENOMEM:
    case COVE_ENOSPC:
    case COVE_EIO:
    case COVE_EBUSY:
        return err;
    default:
        return 0;
    }
}

static bool tx_is_plain(const struct cove_tx *tx)
{
    bool plain = !tx->ahead && tx->private_part.len == 0 && !tx->has_claim &&
                 tx->auth_count == 0 && tx->agent_count == 0 && !tx->has_undo &&
                 !tx->has_branch && !tx->has_merge;

    for (size_t i = 0; i < tx->op_count && plain; i++) {
        plain = tx->ops[i].kind == COVE_OP_REGISTER;
    }
    return plain;
}

int repo_tx_pack(struct repo_work *work, const struct cove_tx *tx,
                 struct cove_bytes bytes, bool intern,
                 struct repo_tx_before *before, struct cove_buf *packed)
{
    size_t start = packed->len;
    struct cove_packer p;
    struct cove_buf plain;
    bool same = false;
    int err = 0;

    cove_packer_init(&p, packed);
    if (tx_is_plain(tx)) {
        cove_buf_init(&plain, work->repo->opt.alloc);
        err = tx_pack_plain(work, tx, intern, before, &plain);
        cove_pack_varint(&p, (uint64_t)plain.len << 2 | TX_PLAIN);
        cove_pack_raw(&p, plain.at, plain.len);
        cove_buf_clear(&plain);
        if (err == 0) {
            err = p.err;
        }
        same = before->own;
        if (err == 0 && !same) {
            err = tx_check_plain(
                work, cove_bytes(packed->at + start, packed->len - start),
                bytes, before, &same);
        }
    }
    if (err != 0) {
        return err;
    }
    if (!same) {
        packed->len = start;
        return tx_pack_raw(work, bytes, before, &p);
    }
    before->hlc = tx->hlc;
    if (!tx->epoch_inherited) {
        before->epoch = 0;
        if (tx->has_epoch) {
            err = repo_intern_epoch_find(work, &tx->epoch, &before->epoch);
        }
    }
    return err;
}

int repo_tx_take(struct cove_unpacker *u, struct repo_tx_before *before,
                 struct repo_tx_entry *out)
{
    struct repo_tx_entry entry = {.form = 0};
    uint64_t head = cove_unpack_varint(u);
    struct cove_bytes item;

    entry.form = (unsigned)(head & 3);
    if (entry.form == TX_RAW_EPOCH) {
        entry.epoch = cove_unpack_u32(u);
        entry.front = cove_unpack_u32(u);
    }
    if (u->err != 0 || head >> 2 > (uint64_t)(u->end - u->at) ||
        entry.form > TX_PLAIN) {
        return COVE_ECORRUPT;
    }
    entry.raw = cove_unpack_span(u, (size_t)(head >> 2));
    if (entry.form == TX_PLAIN) {
        cove_unpacker_init(&entry.body, entry.raw);
        entry.bits = cove_unpack_byte(&entry.body);
        entry.hlc = before->hlc + cove_unpack_signed(&entry.body);
        if (entry.bits & TX_EPOCH_SET) {
            entry.epoch = cove_unpack_u32(&entry.body);
        } else if (entry.bits & TX_EPOCH_INHERITED) {
            entry.epoch = before->epoch;
        }
        if (entry.body.err != 0) {
            return COVE_ECORRUPT;
        }
    } else {
        tx_raw_front(entry.raw, &entry.hlc, &item);
        if (entry.form == TX_RAW) {
            entry.epoch = item.len == 1 ? 0 : before->epoch;
        } else if (entry.front > entry.raw.len) {
            return COVE_ECORRUPT;
        }
    }
    before->hlc = entry.hlc;
    before->epoch = entry.epoch;
    *out = entry;
    return 0;
}

int repo_tx_bytes(struct repo_work *work, const struct repo_tx_entry *entry,
                  struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_tx tx;

    if (entry->form == TX_RAW) {
        *out = entry->raw;
        return 0;
    }
    if (entry->form == TX_RAW_EPOCH) {
        return tx_restore(work, entry, out);
    }

    int err = tx_unpack_plain(work, entry, &tx);

    if (err != 0) {
        return err;
    }
    cove_buf_init(&buf, work->repo->opt.alloc);
    err = cove_tx_write(&tx, work->arena, &buf);
    if (err == 0) {
        err = cove_arena_copy(work->arena, cove_buf_bytes(&buf), out);
    }
    cove_buf_clear(&buf);
    return err;
}

int repo_tx_decode(struct repo_work *work, const struct repo_tx_entry *entry,
                   struct cove_tx *out)
{
    struct cove_bytes bytes;
    int err;

    if (entry->form == TX_PLAIN) {
        return tx_unpack_plain(work, entry, out);
    }
    err = repo_tx_bytes(work, entry, &bytes);
    return err != 0 ? err : cove_tx_decode(bytes, work->arena, out, NULL);
}
