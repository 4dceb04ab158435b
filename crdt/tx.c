/* tx.c: a transaction is checked and encoded. docs/FORMAT.md "Transaction".
 *
 * Writing (tx_write.c) ends by reading what was written (tx_decode.c), so that
 * there is one copy of the rules and nothing can be signed that another peer
 * would refuse. Only where no rule is left that could be broken, reading is
 * left out.
 */
#include "crdt/tx.h"

#include "core/crypto.h"
#include "core/limits.h"
#include "core/utf8.h"
#include "core/value.h"

struct cove_hash cove_tx_hash(struct cove_bytes tx)
{
    return cove_hash("cove/tx", tx);
}

static int tx_compare_uint(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

int cove_tx_origin_compare(const struct cove_tx_origin *a,
                           const struct cove_tx_origin *b)
{
    int order = tx_compare_uint(a->hlc, b->hlc);

    if (order == 0) {
        order = memcmp(a->device.b, b->device.b, sizeof(a->device.b));
    }
    if (order == 0) {
        order = memcmp(a->session.b, b->session.b, sizeof(a->session.b));
    }
    if (order == 0) {
        order = tx_compare_uint(a->tx, b->tx);
    }
    if (order == 0) {
        order = memcmp(a->tx_hash, b->tx_hash, sizeof(a->tx_hash));
    }
    return order;
}

int cove_tx_agent_compare(const struct cove_tx_agent *a,
                          const struct cove_tx_agent *b)
{
    if (a->is_write != b->is_write) {
        return a->is_write ? 1 : -1;
    }
    return a->is_write ? cove_op_id_compare(&a->write, &b->write)
                       : memcmp(&a->session, &b->session, sizeof(a->session));
}

struct cove_seq_author cove_tx_agent_author(const struct cove_tx_agent *agent)
{
    if (!agent->is_write) {
        return (struct cove_seq_author){.session = agent->session};
    }
    return (struct cove_seq_author){.session = agent->write.session,
                                    .hlc = agent->write.hlc,
                                    .tx = agent->write.tx,
                                    .op = agent->write.op};
}

uint32_t cove_tx_op_indexes(const struct cove_tx_op *op)
{
    return op->kind == COVE_OP_TEXT || op->kind == COVE_OP_ITEMS ? op->count
                                                                 : 1;
}

/* --- what is refused */

static int tx_too_long(struct cove_diag *diag)
{
    return cove_fail(diag, COVE_ELIMIT,
                     "a transaction of more than %d bytes; write it in parts",
                     COVE_MAX_TX);
}

/* How many items stand behind one another in `values`; 0 where they are no
 * items. */
static size_t tx_count_values(struct cove_bytes values)
{
    size_t count = 0;

    while (values.len > 0) {
        size_t len;

        if (cove_cbor_check(values, COVE_MAX_CBOR_DEPTH, &len, NULL) != 0) {
            return 0;
        }
        values = cove_bytes(values.at + len, values.len - len);
        count++;
    }
    return count;
}

/* What an op says that writing would leave out, or write as something else. */
static const char *tx_op_fault(const struct cove_tx_op *op)
{
    bool inserts = false;
    bool has_value = true;

    switch (op->kind) {
    case COVE_OP_REGISTER:
        return op->deleted || op->value.len > 0 ? NULL
                                                : "an op without a value";
    case COVE_OP_TEXT:
    case COVE_OP_ITEMS:
        inserts = true;
        break;
    case COVE_OP_APPEND:
    case COVE_OP_CHUNK:
        break;
    case COVE_OP_REMOVE:
    case COVE_OP_ADD:
        has_value = false;
        break;
    default:
        return "an op of no kind";
    }
    if (op->deleted || op->origin_count > 0) {
        return "only a register is deleted or copied";
    }
    if (has_value && op->value.len == 0) {
        return "an op without a value";
    }
    if (inserts && op->left && op->agent == COVE_TX_ROOT) {
        return "what hangs on the root is on its right";
    }
    if (inserts &&
        op->count != (op->kind == COVE_OP_TEXT ? cove_utf8_count(op->value)
                                               : tx_count_values(op->value))) {
        return "an insertion of another count than it has elements";
    }
    return NULL;
}

/* Before anything is allocated: the limits, by name, and what could make the
 * written bytes mean something else. */
static int tx_check(const struct cove_tx *tx, struct cove_diag *diag)
{
    size_t len = tx->private_part.len;

    if (tx->ahead) {
        return cove_fail(diag, COVE_EUSAGE,
                         "a transaction of a newer version; keep its bytes");
    }
    if (tx->op_count > COVE_MAX_TX_OPS || tx->auth_count > COVE_MAX_AUTH) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a transaction of %zu ops and %zu hashes in auth; "
                         "the limits are %d and %d",
                         tx->op_count, tx->auth_count, COVE_MAX_TX_OPS,
                         COVE_MAX_AUTH);
    }
    for (size_t i = 0; i < tx->op_count; i++) {
        const struct cove_tx_op *op = &tx->ops[i];

        const char *fault = tx_op_fault(op);

        if (fault != NULL) {
            return cove_fail(diag, COVE_EUSAGE, "%s", fault);
        }
        len += op->reg.len + op->value.len + 2 * op->origin_count;
        if (len > COVE_MAX_TX) {
            break;
        }
    }
    return len > COVE_MAX_TX ? tx_too_long(diag) : 0;
}

static bool tx_op_is_plain(const struct cove_tx_op *op)
{
    return op->kind == COVE_OP_REGISTER && op->origin_count == 0 &&
           op->reg.len > 0 && op->reg.len <= COVE_MAX_KEY &&
           cove_utf8_valid(op->reg) &&
           (op->deleted || cove_value_check(op->value, NULL) == 0);
}

/* Most transactions set and delete registers and say nothing else. Their form
 * is the writer's own, so only what it was given can be wrong: names, values
 * and the time. False is no refusal, only a doubt: decode judges then. */
static bool tx_is_plain(const struct cove_tx *tx)
{
    bool plain = tx->kind == COVE_TX_NATIVE && tx->op_count > 0 &&
                 tx->hlc != 0 && tx->hlc <= INT64_MAX && tx->auth_count == 0 &&
                 tx->agent_count == 0 && tx->private_part.len == 0 &&
                 !tx->has_claim && !tx->has_undo && !tx->has_branch &&
                 !tx->has_merge && !tx->has_remove;

    for (size_t i = 0; i < tx->op_count && plain; i++) {
        plain = tx_op_is_plain(&tx->ops[i]);
    }
    return plain;
}

/* Read back what was written: every other rule is decode's, and a caller's
 * mistake is found before it is signed. */
static int tx_check_written(struct cove_bytes written, struct cove_arena *arena,
                            struct cove_diag *diag)
{
    struct cove_tx again;

    if (written.len > COVE_MAX_TX) {
        return tx_too_long(diag);
    }

    int err = cove_tx_decode(written, arena, &again, diag);

    if (err == COVE_EFORMAT) {
        err = COVE_EUSAGE;
        if (diag != NULL) {
            diag->code = err;
        }
    }
    return err;
}

int cove_tx_encode(const struct cove_tx *tx, struct cove_buf *out,
                   struct cove_diag *diag)
{
    struct cove_arena scratch;
    size_t start = out->len;
    int err = tx_check(tx, diag);

    if (err != 0) {
        return err;
    }
    cove_arena_init(&scratch, out->alloc);
    err = cove_tx_write(tx, &scratch, out);
    if (err == 0 && (out->len - start > COVE_MAX_TX || !tx_is_plain(tx))) {
        err = tx_check_written(cove_bytes(out->at + start, out->len - start),
                               &scratch, diag);
    }
    if (err != 0) {
        out->len = start;
    }
    cove_arena_clear(&scratch);
    return err;
}
