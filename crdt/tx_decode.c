/* tx_decode.c: hostile bytes to a transaction. docs/FORMAT.md "Transaction".
 *
 * The bytes are walked once for their CBOR; then a cursor steps over them. The
 * tables of origins and agents stand behind the ops that point into them, so
 * the ops are stepped over first and taken apart last (tx_decode_op.c).
 *
 * What a newer build may have written (a version, kind, op kind or member that
 * this one does not know) makes the transaction `ahead`: it is accepted, kept
 * and relayed, and its ops are not shown. What this build does know is judged
 * all the same, so that being ahead excuses nothing else.
 */
#include "crdt/tx_decode.h"

#include "core/limits.h"

#define TX_ITEMS 7 /* an eighth, extra, is there only when not empty */

int tx_malformed(struct tx_decoder *d, const char *rule)
{
    return cove_fail(d->diag, COVE_EFORMAT, "transaction: %s", rule);
}

bool tx_next_is(struct tx_decoder *d, enum cove_cbor_type type)
{
    return cove_reader_peek(&d->r) == type;
}

bool tx_fixed(struct tx_decoder *d, void *out, size_t len)
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

bool tx_uint(struct tx_decoder *d, uint64_t max, uint64_t *out)
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

bool tx_u32(struct tx_decoder *d, uint32_t max, uint32_t *out)
{
    uint64_t v = 0;

    if (!tx_uint(d, max, &v)) {
        return false;
    }
    *out = (uint32_t)v;
    return true;
}

bool tx_list(struct tx_decoder *d, size_t count)
{
    return tx_next_is(d, COVE_CBOR_LIST) && cove_reader_list(&d->r) == count;
}

bool tx_null(struct tx_decoder *d)
{
    if (!tx_next_is(d, COVE_CBOR_NULL)) {
        return false;
    }
    cove_reader_null(&d->r);
    return true;
}

bool tx_hlc(struct tx_decoder *d, uint64_t *out)
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

/* --- the whole */

/* A row or agent that nothing points at would be a second encoding of the same
 * transaction. An op of an unknown kind may point at any. */
static int tx_check_tables(struct tx_decoder *d)
{
    for (size_t i = 0; !d->tx.ahead && i < d->table_len; i++) {
        if (!d->used[i]) {
            return tx_malformed(d, "every row of origins must be used");
        }
    }
    for (size_t i = 0; !d->tx.ahead && i < d->tx.agent_count; i++) {
        if (!d->agents_used[i]) {
            return tx_malformed(d, "every agent must be named by an op");
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
    return err != 0 ? err : tx_check_tables(d);
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
    tx->agents = NULL;
    tx->agent_count = 0;
    tx->has_undo = false;
    memset(&tx->undo, 0, sizeof(tx->undo));
    tx->has_branch = false;
    memset(&tx->branch, 0, sizeof(tx->branch));
    tx->has_remove = false;
    tx->has_merge = false;
    memset(&tx->merge, 0, sizeof(tx->merge));
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
