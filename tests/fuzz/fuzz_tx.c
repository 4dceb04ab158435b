/* Any bytes: a transaction that is accepted and not ahead encodes to the same
 * bytes again; one that is ahead has a time and no ops. */
#include <assert.h>

#include "crdt/tx.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

/* What those who fold rely on. */
static void check_ops(const struct cove_tx *tx)
{
    uint64_t next = 0;

    for (size_t i = 0; i < tx->op_count; i++) {
        const struct cove_tx_op *op = &tx->ops[i];

        assert(cove_tx_op_indexes(op) > 0);
        assert(op->agent <= tx->agent_count || op->agent == COVE_TX_ROOT);
        assert(op->kind == COVE_OP_REGISTER || tx->kind == COVE_TX_NATIVE);
        if (op->kind == COVE_OP_TEXT || op->kind == COVE_OP_ITEMS) {
            assert(op->first >= next && op->count <= op->value.len);
            next = (uint64_t)op->first + op->count;
            assert(next <= UINT32_MAX);
        }
        if (op->kind == COVE_OP_REMOVE) {
            assert((uint64_t)op->n + op->count <= UINT32_MAX);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct cove_bytes in = cove_bytes(at, len);
    struct cove_arena arena;
    struct cove_diag diag;
    struct cove_buf out;
    struct cove_tx tx;

    cove_arena_init(&arena, &cove_alloc_libc);
    cove_buf_init(&out, &cove_alloc_libc);
    cove_diag_clear(&diag);
    if (cove_tx_decode(in, &arena, &tx, &diag) != 0) {
        assert(diag.code != 0 && diag.text[0] != '\0');
        goto out;
    }
    assert(tx.hlc > 0 && tx.hlc <= INT64_MAX);
    if (tx.ahead) {
        assert(tx.op_count == 0 && tx.private_part.len == 0);
        assert(tx.agent_count == 0 && !tx.has_undo);
        assert(!tx.has_branch && !tx.has_merge);
        goto out;
    }

    check_ops(&tx);

    int err = cove_tx_encode(&tx, &out, NULL);

    assert(err == 0);
    assert(cove_bytes_equal(cove_buf_bytes(&out), in));
out:
    cove_buf_clear(&out);
    cove_arena_clear(&arena);
    return 0;
}
