/* Any bytes: a batch that is accepted encodes to the same bytes again; its
 * chain and proof can be looked at whatever they are, and so can its
 * transactions. */
#include <assert.h>

#include "crdt/batch.h"
#include "crdt/tx.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

/* As ingest does, for a session of which nothing is held. */
static void batch_walk(const struct cove_batch *batch, struct cove_arena *arena)
{
    struct cove_hash head =
        cove_chain_start(&batch->document, &batch->session, &batch->device);

    for (size_t i = 0; i < batch->tx_count; i++) {
        struct cove_tx tx;
        int err = cove_tx_decode(batch->txs[i], arena, &tx, NULL);

        assert(err <= 0);
        head = cove_chain_next(&head, batch->txs[i]);
    }

    uint32_t end = batch->start + (uint32_t)batch->tx_count;
    int err = cove_head_verify(&batch->device, &batch->document,
                               &batch->session, end, &head, &batch->proof);

    assert(err == 0 || err == COVE_ESIGNATURE);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct cove_bytes in = cove_bytes(at, len);
    struct cove_arena arena;
    struct cove_diag diag;
    struct cove_buf out;
    struct cove_batch batch;

    cove_arena_init(&arena, &cove_alloc_libc);
    cove_buf_init(&out, &cove_alloc_libc);
    cove_diag_clear(&diag);
    if (cove_batch_decode(in, &arena, &batch, &diag) == 0) {
        int err = cove_batch_encode(&batch, &out);

        assert(err == 0);
        assert(cove_bytes_equal(cove_buf_bytes(&out), in));
        batch_walk(&batch, &arena);
    } else {
        assert(diag.code != 0 && diag.text[0] != '\0');
    }
    cove_buf_clear(&out);
    cove_arena_clear(&arena);
    return 0;
}
