/* Any bytes: a transaction that is accepted and not ahead encodes to the same
 * bytes again; one that is ahead has a time and no ops. */
#include <assert.h>

#include "crdt/tx.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

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
        goto out;
    }

    int err = cove_tx_encode(&tx, &out, NULL);

    assert(err == 0);
    assert(cove_bytes_equal(cove_buf_bytes(&out), in));
out:
    cove_buf_clear(&out);
    cove_arena_clear(&arena);
    return 0;
}
