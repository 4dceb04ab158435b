/* tx_decode_op.c: the ops of a hostile transaction. docs/FORMAT.md
 * "Transaction".
 *
 * The decoder has walked the CBOR and read extra: an op that points at a row
 * of origins or at an agent finds it there.
 */
#include "core/limits.h"
#include "core/utf8.h"
#include "core/value.h"
#include "crdt/tx_decode.h"

#define TX_CHUNK_END ((uint64_t)1 << 48) /* of offsets in a blob */

/* --- registers */

static int tx_read_register(struct tx_decoder *d, struct cove_bytes *out)
{
    if (!tx_next_is(d, COVE_CBOR_TEXT)) {
        return tx_malformed(d, "a register must be a text");
    }

    struct cove_bytes reg = cove_reader_text(&d->r);

    if (reg.len == 0) {
        return tx_malformed(d, "a register must not be empty");
    }
    if (reg.len > COVE_MAX_KEY) {
        return cove_fail(d->diag, COVE_ELIMIT,
                         "transaction: a register of %zu bytes; the limit is "
                         "%d",
                         reg.len, COVE_MAX_KEY);
    }
    *out = reg;
    return 0;
}

/* [register, table index, op index] | [register] */
static int tx_read_origin(struct tx_decoder *d, struct cove_origin *out)
{
    uint64_t row = 0;
    uint64_t op = 0;
    size_t count = tx_next_is(d, COVE_CBOR_LIST) ? cove_reader_list(&d->r) : 0;

    if (count != 1 && count != 3) {
        return tx_malformed(d, "an op's origin must be a list of register, "
                               "row and op index, or of a register alone");
    }

    int err = tx_read_register(d, &out->reg);

    if (err != 0 || count == 1) {
        return err;
    }
    if (!tx_uint(d, UINT32_MAX, &row) || row >= d->table_len) {
        return tx_malformed(d, "an op's origin must point at a row of origins");
    }
    if (!tx_uint(d, UINT32_MAX, &op)) {
        return tx_malformed(d, "the op index of an origin must fit 32 bits");
    }

    const struct cove_tx_origin *from = &d->table[row];

    d->used[row] = true;
    out->id.hlc = from->hlc;
    out->id.device = from->device;
    out->id.session = from->session;
    out->id.tx = from->tx;
    out->id.op = (uint32_t)op;
    memcpy(out->tx_hash, from->tx_hash, sizeof(out->tx_hash));
    return 0;
}

static int tx_read_origins(struct tx_decoder *d, struct cove_tx_op *op)
{
    if (!tx_next_is(d, COVE_CBOR_LIST)) {
        return tx_malformed(d, "the origins of a copy must be a list");
    }

    /* Three bytes at least, so the count is bounded by the size. */
    size_t count = cove_reader_list(&d->r);

    if (count == 0) {
        return tx_malformed(d, "a copy must name an origin");
    }
    op->origins = cove_arena_array(d->arena, count, sizeof(*op->origins));
    if (op->origins == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        int err = tx_read_origin(d, &op->origins[i]);

        if (err != 0) {
            return err;
        }
    }
    op->origin_count = count;
    return 0;
}

/* An op of a kind that a newer build knows: step over the rest of it. */
static int tx_skip_op(struct tx_decoder *d, size_t left)
{
    for (; left > 0; left--) {
        cove_reader_item(&d->r);
    }
    d->tx.ahead = true;
    return 0;
}

/* [0, register, value, origins?] | [1, register, origins?] */
static int tx_read_write(struct tx_decoder *d, struct cove_tx_op *op,
                         size_t count)
{
    bool is_copy = d->tx.kind == COVE_TX_COPY;

    if (count != (op->deleted ? 2u : 3u) + (is_copy ? 1u : 0u)) {
        return tx_malformed(d, is_copy ? "an op of a copy must be kind, "
                                         "register, value if it sets, origins"
                                       : "an op must be kind, register and "
                                         "value if it sets");
    }

    int err = tx_read_register(d, &op->reg);

    if (err == 0 && !op->deleted) {
        op->value = cove_reader_item(&d->r);
        err = cove_value_check(op->value, d->diag);
        if (err != 0) {
            cove_diag_context(d->diag, "transaction: register \"%.*s\"",
                              (int)op->reg.len, (const char *)op->reg.at);
        }
    }
    if (err == 0 && is_copy) {
        err = tx_read_origins(d, op);
    }
    return err;
}

/* --- ops on sequences, streams, blobs, counters */

/* agent, n: an element. */
static int tx_read_element(struct tx_decoder *d, struct cove_tx_op *op)
{
    uint64_t agent = 0;

    if (!tx_uint(d, d->tx.agent_count, &agent)) {
        return tx_malformed(d, "an op's agent must be 0 or a place in agents");
    }
    if (!tx_u32(d, UINT32_MAX - 1, &op->n)) {
        return tx_malformed(d, "the number of an element must be below "
                               "2^32 - 1");
    }
    op->agent = (uint32_t)agent;
    if (agent > 0) {
        d->agents_used[agent - 1] = true;
    }
    return 0;
}

/* Behind what is inserted: first, then agent and n, or nothing for the root. */
static int tx_read_place(struct tx_decoder *d, struct cove_tx_op *op,
                         size_t left)
{
    uint64_t end;

    if (!tx_u32(d, UINT32_MAX, &op->first)) {
        return tx_malformed(d, "the first number of an insertion must fit 32 "
                               "bits");
    }
    end = (uint64_t)op->first + op->count;
    if (end > UINT32_MAX) {
        return cove_fail(d->diag, COVE_ELIMIT,
                         "transaction: an insertion up to %llu elements; the "
                         "limit is %lu",
                         (unsigned long long)end, (unsigned long)UINT32_MAX);
    }
    if (op->first < d->next) {
        return tx_malformed(d, "the insertions must number their elements "
                               "upwards");
    }
    d->next = (uint32_t)end;
    if (left > 1) {
        return tx_read_element(d, op);
    }
    op->agent = COVE_TX_ROOT;
    return op->left ? tx_malformed(d, "what hangs on the root is on its right")
                    : 0;
}

static int tx_read_side(struct tx_decoder *d, struct cove_tx_op *op)
{
    uint64_t side = 0;

    if (!tx_uint(d, 1, &side)) {
        return tx_malformed(d, "a side must be 0 or 1");
    }
    op->left = side == 0;
    return 0;
}

/* [2, side, text, first, agent, n] | [2, 1, text, first] */
static int tx_read_text(struct tx_decoder *d, struct cove_tx_op *op,
                        size_t count)
{
    if (count != 6 && count != 4) {
        return tx_malformed(d, "an inserted text must be kind, side, text, "
                               "first, and a parent unless it is the root");
    }

    int err = tx_read_side(d, op);

    if (err != 0) {
        return err;
    }
    if (!tx_next_is(d, COVE_CBOR_TEXT)) {
        return tx_malformed(d, "what a text gets must be a text");
    }
    op->value = cove_reader_text(&d->r);
    if (op->value.len == 0) {
        return tx_malformed(d, "an inserted text must not be empty");
    }
    if (op->value.len > COVE_MAX_TEXT) {
        return cove_fail(d->diag, COVE_ELIMIT,
                         "transaction: a text of %zu bytes; the limit is %d",
                         op->value.len, COVE_MAX_TEXT);
    }
    op->count = (uint32_t)cove_utf8_count(op->value);
    return tx_read_place(d, op, count - 3);
}

static int tx_read_values(struct tx_decoder *d, struct cove_tx_op *op)
{
    const uint8_t *start = d->r.at;

    if (!tx_next_is(d, COVE_CBOR_LIST)) {
        return tx_malformed(d, "inserted items must be a list");
    }

    size_t count = cove_reader_list(&d->r);
    const uint8_t *values = d->r.at;

    if (count == 0) {
        return tx_malformed(d, "an item must be inserted");
    }
    for (size_t i = 0; i < count; i++) {
        int err = cove_value_check(cove_reader_item(&d->r), d->diag);

        if (err != 0) {
            cove_diag_context(d->diag, "transaction: item %zu", i);
            return err;
        }
    }
    if (d->r.at - start > COVE_MAX_VALUE) {
        return cove_fail(d->diag, COVE_ELIMIT,
                         "transaction: a list of items of %zu bytes; the "
                         "limit is %d",
                         (size_t)(d->r.at - start), COVE_MAX_VALUE);
    }
    op->value = cove_bytes(values, (size_t)(d->r.at - values));
    op->count = (uint32_t)count;
    return 0;
}

/* [3, side, [values], type, first, agent, n] | [3, 1, [values], type, first] */
static int tx_read_items(struct tx_decoder *d, struct cove_tx_op *op,
                         size_t count)
{
    if (count != 7 && count != 5) {
        return tx_malformed(d, "inserted items must be kind, side, values, "
                               "type, first, and a parent unless it is the "
                               "root");
    }

    int err = tx_read_side(d, op);

    if (err == 0) {
        err = tx_read_values(d, op);
    }
    if (err != 0) {
        return err;
    }
    if (!tx_next_is(d, COVE_CBOR_TEXT)) {
        return tx_malformed(d, "the type of items must be a text");
    }
    op->reg = cove_reader_text(&d->r);
    if (op->reg.len > COVE_MAX_REGISTER) {
        return cove_fail(d->diag, COVE_ELIMIT,
                         "transaction: a type of %zu bytes; the limit is %d",
                         op->reg.len, COVE_MAX_REGISTER);
    }
    return tx_read_place(d, op, count - 4);
}

/* [4, agent, n, count] */
static int tx_read_remove(struct tx_decoder *d, struct cove_tx_op *op,
                          size_t count)
{
    if (count != 4) {
        return tx_malformed(d, "a removal must be kind, agent, n and count");
    }

    int err = tx_read_element(d, op);

    if (err == 0 &&
        (!tx_u32(d, UINT32_MAX - op->n, &op->count) || op->count == 0)) {
        err = tx_malformed(d, "a removal must be of one element or more, "
                              "which end at 2^32 - 1");
    }
    return err;
}

/* [5, value] */
static int tx_read_append(struct tx_decoder *d, struct cove_tx_op *op,
                          size_t count)
{
    if (count != 2) {
        return tx_malformed(d, "what is appended must be kind and value");
    }
    op->value = cove_reader_item(&d->r);

    int err = cove_value_check(op->value, d->diag);

    if (err != 0) {
        cove_diag_context(d->diag, "transaction: what is appended");
    }
    return err;
}

/* [6, offset, bytes] */
static int tx_read_chunk(struct tx_decoder *d, struct cove_tx_op *op,
                         size_t count)
{
    if (count != 3 || !tx_uint(d, UINT64_MAX, &op->offset) ||
        !tx_next_is(d, COVE_CBOR_BYTES)) {
        return tx_malformed(d, "a chunk must be kind, offset and bytes");
    }
    op->value = cove_reader_bytes(&d->r);
    if (op->value.len == 0) {
        return tx_malformed(d, "a chunk must not be empty");
    }
    if (op->offset >= TX_CHUNK_END || op->value.len > COVE_MAX_TEXT) {
        return cove_fail(d->diag, COVE_ELIMIT,
                         "transaction: a chunk of %zu bytes at %llu; the "
                         "limits are %d and 2^48 - 1",
                         op->value.len, (unsigned long long)op->offset,
                         COVE_MAX_TEXT);
    }
    return 0;
}

/* [7, int] */
static int tx_read_add(struct tx_decoder *d, struct cove_tx_op *op,
                       size_t count)
{
    bool good = count == 2 && (tx_next_is(d, COVE_CBOR_UINT) ||
                               tx_next_is(d, COVE_CBOR_NINT));

    if (good) {
        op->amount = cove_reader_int(&d->r);
    }
    if (!good || d->r.err != 0 || op->amount == 0) {
        return tx_malformed(d, "what is added must be kind and an integer "
                               "other than 0, of 64 bits");
    }
    return 0;
}

static int tx_read_op(struct tx_decoder *d, struct cove_tx_op *op)
{
    static int (*const readers[])(struct tx_decoder *, struct cove_tx_op *,
                                  size_t) = {
        [0] = tx_read_write,
        [1] = tx_read_write,
        [COVE_OP_TEXT] = tx_read_text,
        [COVE_OP_ITEMS] = tx_read_items,
        [COVE_OP_REMOVE] = tx_read_remove,
        [COVE_OP_APPEND] = tx_read_append,
        [COVE_OP_CHUNK] = tx_read_chunk,
        [COVE_OP_ADD] = tx_read_add,
    };
    uint64_t kind = 0;
    size_t count = tx_next_is(d, COVE_CBOR_LIST) ? cove_reader_list(&d->r) : 0;

    if (count == 0 || !tx_uint(d, UINT64_MAX, &kind)) {
        return tx_malformed(d, "an op must be a list that begins with its "
                               "kind");
    }
    if (kind >= COVE_ARRAY_LEN(readers)) {
        return tx_skip_op(d, count - 1);
    }
    if (kind > 1) {
        if (d->tx.kind == COVE_TX_COPY) {
            return tx_malformed(d, "an op of a copy must be of kind 0 or 1");
        }
        op->kind = (enum cove_op_kind)kind;
    }
    op->deleted = kind == 1;
    return readers[kind](d, op, count);
}

int tx_read_ops(struct tx_decoder *d)
{
    cove_reader_init(&d->r, d->ops);

    size_t count = cove_reader_list(&d->r);

    if (count > COVE_MAX_TX_OPS) {
        return cove_fail(d->diag, COVE_ELIMIT,
                         "transaction: %zu ops; the limit is %d", count,
                         COVE_MAX_TX_OPS);
    }
    if (count == 0) {
        return d->tx.private_part.len != 0 || d->tx.has_undo ||
                       d->tx.has_branch || d->tx.has_merge ||
                       d->tx.has_remove || d->tx.ahead
                   ? 0
                   : tx_malformed(d, "there must be an op, or private ones, "
                                     "or an undo, a branch, a merge or a "
                                     "removal");
    }
    if (d->tx.has_remove && !d->tx.ahead) {
        return tx_malformed(d, "a removal must have no ops");
    }
    d->tx.ops = cove_arena_array(d->arena, count, sizeof(*d->tx.ops));
    if (d->tx.ops == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        int err = tx_read_op(d, &d->tx.ops[i]);

        if (err != 0) {
            return err;
        }
    }
    d->tx.op_count = count;
    return cove_reader_done(&d->r);
}
