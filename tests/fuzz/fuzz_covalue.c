/* Any bytes, by the first of them: as a position in a stream, which comes back
 * as it was read; as what the registers of a blob hold; as ops of a blob in
 * three sessions, folded. */
#include <assert.h>

#include "core/cbor.h"
#include "core/value.h"
#include "crdt/blob.h"
#include "crdt/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void fuzz_position(struct cove_bytes in, struct cove_arena *arena)
{
    struct cove_id id = {.b = {1, 2, 3, 0}};
    struct cove_stream_position first, second;
    struct cove_diag diag;
    struct cove_buf text;

    cove_diag_clear(&diag);
    if (cove_stream_position_read(in, &id, arena, &first, &diag) != 0) {
        assert(diag.code != 0 && diag.text[0] != '\0');
        return;
    }
    cove_buf_init(&text, &cove_alloc_libc);

    int err = cove_stream_position_write(&first, &id, &text);

    assert(err == 0 && (in.len == 0 || text.len <= in.len));
    err = cove_stream_position_read(cove_buf_bytes(&text), &id, arena, &second,
                                    NULL);
    assert(err == 0 && first.count == second.count);
    for (size_t i = 0; i < first.count; i++) {
        assert(first.points[i].tx == second.points[i].tx);
        assert(first.points[i].entries == second.points[i].entries);
    }
    cove_buf_clear(&text);
}

static void fuzz_register(struct cove_bytes in)
{
    struct cove_blob_about about;
    struct cove_blob_ended ended;
    int err;

    if (cove_value_check(in, NULL) != 0) {
        return;
    }
    err = cove_blob_about_read(in, &about);
    assert(err == 0 || err == COVE_EFORMAT);
    if (cove_blob_ended_read(in, &ended) == 0) {
        assert(err == 0 && ended.about.size <= (uint64_t)COVE_MAX_BLOB);
        assert(ended.about.name.len <= COVE_MAX_BLOB_NAME);
    }
}

/* An op is a byte for session and kind, a byte for the length, and the bytes;
 * a chunk begins with a byte for how far from the due offset it lies. */
static void fuzz_runs(struct cove_bytes in, struct cove_arena *arena)
{
    static const char *const regs[] = {"begin", "blob", "other"};
    struct cove_state state;
    struct cove_op_id id = {.hlc = 1};

    cove_state_init(&state, arena, NULL);
    while (in.len >= 2) {
        uint8_t what = in.at[0];
        size_t len = in.at[1] < in.len - 2 ? in.at[1] : in.len - 2;
        struct cove_bytes content = cove_bytes(in.at + 2, len);
        struct cove_tx_op op = {.kind = COVE_OP_REGISTER};
        const struct cove_blob_run *run;

        in.at += 2 + len;
        in.len -= 2 + len;
        id.session.b[0] = what & 3;
        id.tx += (what & 4) != 0;
        id.op++;
        run = cove_blob_open(&state, &id.session);
        if ((what & 8) != 0 && len > 1) {
            op.kind = COVE_OP_CHUNK;
            op.offset = (run != NULL ? run->held : 0) + content.at[0];
            op.value = cove_bytes(content.at + 1, len - 1);
        } else if (cove_value_check(content, NULL) == 0) {
            op.reg = cove_bytes_text(regs[(what >> 4) % 3]);
            op.value = content;
        } else {
            continue;
        }

        int err = cove_blob_fold(&state, &op, &id);

        assert(err == 0);
    }
    for (size_t i = 0; i < state.run_count; i++) {
        const struct cove_blob_run *run = &state.runs[i];

        assert(run->size == COVE_BLOB_UNKNOWN || run->held <= run->size);
        assert(run->ended == (run->saved == NULL));
        assert(i == 0 || memcmp(&run[-1].begin.session, &run->begin.session,
                                sizeof(run->begin.session)) <= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct cove_arena arena;

    if (len == 0) {
        return 0;
    }

    struct cove_bytes in = cove_bytes(at + 1, len - 1);

    cove_arena_init(&arena, &cove_alloc_libc);
    switch (at[0] % 3) {
    case 0:
        fuzz_position(in, &arena);
        break;
    case 1:
        fuzz_register(in);
        break;
    default:
        fuzz_runs(in, &arena);
        break;
    }
    cove_arena_clear(&arena);
    return 0;
}
