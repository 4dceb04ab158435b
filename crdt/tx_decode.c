/* tx_decode.c: hostile bytes to a transaction. docs/FORMAT.md "Transaction".
 *
 * The bytes are walked once for their CBOR; then a cursor steps over them. The
 * table of origins stands behind the ops that point into it, so the ops are
 * stepped over first and taken apart last.
 *
 * What a newer build may have written (a version, kind, op kind or member that
 * this one does not know) makes the transaction `ahead`: it is accepted, kept
 * and relayed, and its ops are not shown. What this build does know is judged
 * all the same, so that being ahead excuses nothing else.
 */
#include "core/limits.h"
#include "core/value.h"
#include "crdt/tx.h"

#define TX_ITEMS         7 /* an eighth, extra, is there only when not empty */
#define TX_PRIVATE_KEY   32
#define TX_PRIVATE_NONCE 24
#define TX_PRIVATE_TAG   16

struct tx_decoder {
    struct cove_reader r;
    struct cove_arena *arena;
    struct cove_diag *diag;
    struct cove_tx tx;
    bool known_kind;
    struct cove_bytes ops;        /* encoded, for the last step */
    struct cove_tx_origin *table; /* extra.origins */
    bool *used;                   /* which rows an op pointed at */
    size_t table_len;
};

static int tx_malformed(struct tx_decoder *d, const char *rule)
{
    return cove_fail(d->diag, COVE_EFORMAT, "transaction: %s", rule);
}

/* Is the next item of this type? If not, stepping over it is pointless: the
 * caller refuses. */
static bool tx_next_is(struct tx_decoder *d, enum cove_cbor_type type)
{
    return cove_reader_peek(&d->r) == type;
}

/* A byte string of exactly len bytes; false where it is anything else. */
static bool tx_fixed(struct tx_decoder *d, void *out, size_t len)
{
    if (!tx_next_is(d, COVE_CBOR_BYTES)) {
        return false;
    }

    struct cove_bytes bytes = cove_reader_bytes(&d->r);

    if (bytes.len != len) {
        return false;
    }
    memcpy(out, bytes.at, len);
    return true;
}

/* An unsigned integer up to max; false where it is anything else. */
static bool tx_uint(struct tx_decoder *d, uint64_t max, uint64_t *out)
{
    if (!tx_next_is(d, COVE_CBOR_UINT)) {
        return false;
    }

    uint64_t v = cove_reader_uint(&d->r);

    if (v > max) {
        return false;
    }
    *out = v;
    return true;
}

static bool tx_null(struct tx_decoder *d)
{
    if (!tx_next_is(d, COVE_CBOR_NULL)) {
        return false;
    }
    cove_reader_null(&d->r);
    return true;
}

static bool tx_hlc(struct tx_decoder *d, uint64_t *out)
{
    return tx_uint(d, INT64_MAX, out) && *out != 0;
}

static int tx_read_epoch(struct tx_decoder *d)
{
    if (tx_null(d)) {
        d->tx.epoch_inherited = true;
        return 0;
    }
    if (tx_next_is(d, COVE_CBOR_BYTES)) {
        struct cove_bytes epoch = cove_reader_bytes(&d->r);

        if (epoch.len == 0) {
            return 0;
        }
        if (epoch.len == sizeof(d->tx.epoch.b)) {
            memcpy(d->tx.epoch.b, epoch.at, epoch.len);
            d->tx.has_epoch = true;
            return 0;
        }
    }
    return tx_malformed(d, "epoch must be null or 0 or 32 bytes");
}

static int tx_read_auth(struct tx_decoder *d)
{
    if (tx_null(d)) {
        d->tx.auth_inherited = true;
        return 0;
    }
    if (!tx_next_is(d, COVE_CBOR_LIST)) {
        return tx_malformed(d, "auth must be null or a list");
    }

    size_t count = cove_reader_list(&d->r);

    if (count > COVE_MAX_AUTH) {
        return cove_fail(d->diag, COVE_ELIMIT,
                         "transaction: %zu hashes in auth; the limit is %d",
                         count, COVE_MAX_AUTH);
    }
    if (count == 0) {
        return 0;
    }
    d->tx.auth = cove_arena_array(d->arena, count, sizeof(*d->tx.auth));
    if (d->tx.auth == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct cove_hash *hash = &d->tx.auth[i];

        if (!tx_fixed(d, hash->b, sizeof(hash->b))) {
            return tx_malformed(d, "a hash in auth must be 32 bytes");
        }
        if (i > 0 && memcmp(hash[-1].b, hash->b, sizeof(hash->b)) >= 0) {
            return tx_malformed(d, "the hashes in auth must ascend");
        }
    }
    d->tx.auth_count = count;
    return 0;
}

/* Everything before the ops. */
static int tx_read_front(struct tx_decoder *d)
{
    uint64_t kind = 0;
    int err;

    if (!tx_uint(d, UINT64_MAX, &kind)) {
        return tx_malformed(d, "kind must be an unsigned integer");
    }
    d->known_kind = kind <= COVE_TX_COPY;
    d->tx.kind = kind == COVE_TX_COPY ? COVE_TX_COPY : COVE_TX_NATIVE;
    d->tx.ahead = !d->known_kind;
    err = tx_read_epoch(d);
    if (err == 0) {
        err = tx_read_auth(d);
    }
    if (err != 0 || tx_null(d)) {
        return err;
    }
    if (!tx_fixed(d, d->tx.seen.b, sizeof(d->tx.seen.b))) {
        return tx_malformed(d, "seen must be null or 32 bytes");
    }
    d->tx.has_seen = true;
    return 0;
}

/* --- extra */

/* [hlc, device, session, tx index, tx hash 8] */
static int tx_read_row(struct tx_decoder *d, struct cove_tx_origin *row)
{
    uint64_t index = 0;
    bool good = tx_next_is(d, COVE_CBOR_LIST) && cove_reader_list(&d->r) == 5 &&
                tx_hlc(d, &row->hlc) &&
                tx_fixed(d, row->device.b, sizeof(row->device.b)) &&
                tx_fixed(d, row->session.b, sizeof(row->session.b)) &&
                tx_uint(d, UINT32_MAX, &index) &&
                tx_fixed(d, row->tx_hash, sizeof(row->tx_hash));

    if (!good) {
        return tx_malformed(d, "an origin must be a list of time, device, "
                               "session, index and 8 bytes of hash");
    }
    row->tx = (uint32_t)index;
    return 0;
}

static int tx_read_table(struct tx_decoder *d)
{
    if (!tx_next_is(d, COVE_CBOR_LIST)) {
        return tx_malformed(d, "origins must be a list");
    }

    /* A row is longer than 60 bytes, so the count is bounded by the size. */
    size_t count = cove_reader_list(&d->r);

    if (count == 0) {
        return tx_malformed(d, "origins must be left out where empty");
    }
    d->table = cove_arena_array(d->arena, count, sizeof(*d->table));
    d->used = cove_arena_array(d->arena, count, sizeof(*d->used));
    if (d->table == NULL || d->used == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        int err = tx_read_row(d, &d->table[i]);

        if (err != 0) {
            return err;
        }
        if (i > 0 &&
            cove_tx_origin_compare(&d->table[i - 1], &d->table[i]) >= 0) {
            return tx_malformed(d, "the rows of origins must ascend");
        }
    }
    d->table_len = count;
    return 0;
}

/* {key, ops, nonce}: what a build without the group's key can check of it. */
static int tx_read_private(struct tx_decoder *d)
{
    static const struct {
        const char *name;
        size_t min, max;
    } members[] = {
        {"key", TX_PRIVATE_KEY, TX_PRIVATE_KEY},
        {"ops", TX_PRIVATE_TAG, COVE_MAX_TX},
        {"nonce", TX_PRIVATE_NONCE, TX_PRIVATE_NONCE},
    };
    const uint8_t *at = d->r.at;
    bool good = tx_next_is(d, COVE_CBOR_MAP) &&
                cove_reader_map(&d->r) == COVE_ARRAY_LEN(members);

    for (size_t i = 0; good && i < COVE_ARRAY_LEN(members); i++) {
        struct cove_bytes name = cove_bytes_text(members[i].name);
        struct cove_bytes bytes = {0};

        good = tx_next_is(d, COVE_CBOR_TEXT) &&
               cove_bytes_equal(cove_reader_text(&d->r), name) &&
               tx_next_is(d, COVE_CBOR_BYTES);
        if (good) {
            bytes = cove_reader_bytes(&d->r);
            good = bytes.len >= members[i].min && bytes.len <= members[i].max;
        }
    }
    if (!good) {
        return tx_malformed(d, "private must be a map of key (32 bytes), ops "
                               "(at least 16) and nonce (24)");
    }
    d->tx.private_part = cove_bytes(at, (size_t)(d->r.at - at));
    return 0;
}

static int tx_read_member(struct tx_decoder *d)
{
    if (!tx_next_is(d, COVE_CBOR_TEXT)) {
        return tx_malformed(d, "the keys of extra must be texts");
    }

    struct cove_bytes key = cove_reader_text(&d->r);

    if (cove_bytes_equal(key, cove_bytes_text("origins"))) {
        return tx_read_table(d);
    }
    if (cove_bytes_equal(key, cove_bytes_text("private"))) {
        return tx_read_private(d);
    }
    if (cove_bytes_equal(key, cove_bytes_text("claim"))) {
        if (!tx_fixed(d, d->tx.claim.b, sizeof(d->tx.claim.b))) {
            return tx_malformed(d, "claim must be 32 bytes");
        }
        d->tx.has_claim = true;
        return 0;
    }
    cove_reader_item(&d->r);
    d->tx.ahead = true;
    return 0;
}

static int tx_read_extra(struct tx_decoder *d)
{
    if (!tx_next_is(d, COVE_CBOR_MAP)) {
        return tx_malformed(d, "extra must be a map");
    }

    size_t left = cove_reader_map(&d->r);

    if (left == 0) {
        return tx_malformed(d, "extra must be left out where empty");
    }
    for (; left > 0; left--) {
        int err = tx_read_member(d);

        if (err != 0) {
            return err;
        }
    }
    return 0;
}

/* --- ops */

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
static int tx_read_op(struct tx_decoder *d, struct cove_tx_op *op)
{
    bool is_copy = d->tx.kind == COVE_TX_COPY;
    uint64_t kind = 0;
    size_t count = tx_next_is(d, COVE_CBOR_LIST) ? cove_reader_list(&d->r) : 0;

    if (count == 0 || !tx_uint(d, UINT64_MAX, &kind)) {
        return tx_malformed(d, "an op must be a list that begins with its "
                               "kind");
    }
    if (kind > 1) {
        return tx_skip_op(d, count - 1);
    }
    op->deleted = kind == 1;
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

static int tx_read_ops(struct tx_decoder *d)
{
    cove_reader_init(&d->r, d->ops);

    size_t count = cove_reader_list(&d->r);

    if (count > COVE_MAX_TX_OPS) {
        return cove_fail(d->diag, COVE_ELIMIT,
                         "transaction: %zu ops; the limit is %d", count,
                         COVE_MAX_TX_OPS);
    }
    if (count == 0) {
        return d->tx.private_part.len != 0 || d->tx.ahead
                   ? 0
                   : tx_malformed(d, "there must be an op, or private ones");
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

/* A row that nothing points at would be a second encoding of the same
 * transaction. An op of an unknown kind may point at any. */
static int tx_check_table(struct tx_decoder *d)
{
    for (size_t i = 0; !d->tx.ahead && i < d->table_len; i++) {
        if (!d->used[i]) {
            return tx_malformed(d, "every row of origins must be used");
        }
    }
    return 0;
}

static int tx_read_body(struct tx_decoder *d, size_t items)
{
    int err;

    if (items != TX_ITEMS && items != TX_ITEMS + 1) {
        return tx_malformed(d, "it must be a list of 7 or 8 items");
    }
    err = tx_read_front(d);
    if (err != 0) {
        return err;
    }
    if (!tx_next_is(d, COVE_CBOR_LIST)) {
        return tx_malformed(d, "ops must be a list");
    }
    d->ops = cove_reader_item(&d->r);
    if (items > TX_ITEMS) {
        err = tx_read_extra(d);
    }
    if (err == 0) {
        err = cove_reader_done(&d->r);
    }
    if (err != 0 || !d->known_kind) {
        return err;
    }
    err = tx_read_ops(d);
    return err != 0 ? err : tx_check_table(d);
}

/* Of a transaction that is ahead only what is sure to mean the same in every
 * build: its time and what later transactions inherit from it. */
static void tx_forget_ops(struct cove_tx *tx)
{
    tx->ops = NULL;
    tx->op_count = 0;
    tx->has_claim = false;
    memset(&tx->claim, 0, sizeof(tx->claim));
    tx->private_part = cove_bytes(NULL, 0);
}

static int tx_read(struct tx_decoder *d)
{
    uint64_t version = 0;

    if (!tx_next_is(d, COVE_CBOR_LIST)) {
        return tx_malformed(d, "it must be a list");
    }

    size_t items = cove_reader_list(&d->r);

    if (!tx_uint(d, UINT64_MAX, &version)) {
        return tx_malformed(d, "its version must be an unsigned integer");
    }
    if (!tx_hlc(d, &d->tx.hlc)) {
        return tx_malformed(d, "its time must be from 1 to 2^63 - 1");
    }
    if (version > 0) {
        d->tx.epoch_inherited = true;
        d->tx.auth_inherited = true;
        d->tx.ahead = true;
        return 0;
    }
    return tx_read_body(d, items);
}

int cove_tx_decode(struct cove_bytes in, struct cove_arena *arena,
                   struct cove_tx *out, struct cove_diag *diag)
{
    struct tx_decoder d = {.arena = arena, .diag = diag};

    if (in.len > COVE_MAX_TX) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a transaction of %zu bytes; the limit is %d", in.len,
                         COVE_MAX_TX);
    }

    int err = cove_cbor_check_all(in, COVE_MAX_CBOR_DEPTH, diag);

    if (err != 0) {
        cove_diag_context(diag, "transaction");
        return err;
    }
    cove_reader_init(&d.r, in);
    err = tx_read(&d);
    if (err != 0) {
        return err;
    }
    if (d.tx.ahead) {
        tx_forget_ops(&d.tx);
    }
    *out = d.tx;
    return 0;
}
