/* Bytes as a pack of logs, and as what is in one: whatever is taken apart
 * encodes again to what decodes alike, and its parts lie within it. */
#include <assert.h>
#include <stdlib.h>

#include "core/zip.h"
#include "crdt/repo_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void same_chunk(const struct repo_chunk *a, const struct repo_chunk *b)
{
    assert(a->start == b->start && a->count == b->count);
    assert(a->epoch == b->epoch && b->in_pack);
    assert(a->proof.none == b->proof.none);
    assert(a->proof.group == b->proof.group && a->proof.leaf == b->proof.leaf);
    assert(a->proof.whole.path_len == b->proof.whole.path_len);
    assert(a->near.next == b->near.next && a->near.named == b->near.named);
    assert(cove_bytes_equal(a->packed, b->packed));
}

static void check(struct cove_bytes value)
{
    struct repo_parts parts, again;
    struct cove_arena arena;
    struct cove_buf raw, out, back;

    cove_arena_init(&arena, &cove_alloc_libc);
    cove_buf_init(&raw, &cove_alloc_libc);
    cove_buf_init(&out, &cove_alloc_libc);
    cove_buf_init(&back, &cove_alloc_libc);
    if (repo_pack_decode(value, &arena, &raw, &parts) == 0) {
        assert(parts.count > 0);
        for (size_t i = 0; i < parts.count; i++) {
            const struct cove_bytes *packed = &parts.at[i].chunk.packed;

            assert(packed->len == 0 ||
                   (packed->at >= raw.at &&
                    packed->at + packed->len <= raw.at + raw.len));
        }
        assert(repo_pack_encode(&parts, &cove_alloc_libc, &out) == 0);
        assert(repo_pack_decode(cove_buf_bytes(&out), &arena, &back, &again) ==
               0);
        assert(again.count == parts.count);
        for (size_t i = 0; i < parts.count; i++) {
            assert(again.at[i].session == parts.at[i].session);
            same_chunk(&parts.at[i].chunk, &again.at[i].chunk);
        }
    }
    cove_buf_clear(&raw);
    cove_buf_clear(&out);
    cove_buf_clear(&back);
    cove_arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct cove_packer p;
    struct cove_buf value;

    check(cove_bytes(at, len));
    cove_buf_init(&value, &cove_alloc_libc);
    cove_packer_init(&p, &value);
    cove_pack_varint(&p, len);
    cove_pack_varint(&p, 1);
    assert(p.err == 0);
    if (cove_zip(cove_bytes(at, len), &value) == 0) {
        check(cove_buf_bytes(&value));
    }
    cove_buf_clear(&value);
    return 0;
}
