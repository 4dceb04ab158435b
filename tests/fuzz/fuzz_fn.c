/* A pipeline and a value, both hostile: two bytes that say how long the
 * pipeline is, the pipeline, the value, both CBOR. A known pipeline gives the
 * same result each time, one within the limits of a value; a function that is
 * wrong is named; and what the compiler derives as the way back gives the value
 * again, or nothing. */
#include <stdlib.h>
#include <string.h>

#include "core/cbor.h"
#include "core/limits.h"
#include "core/value.h"
#include "migrate/compile_parts.h"
#include "schema/fn.h"
#include "tests/fuzz/part_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static struct cove_cell call(struct cove_arena *arena, struct cove_bytes pipe,
                             struct cove_bytes value)
{
    struct cove_cell in = {COVE_PRESENT, value};
    struct cove_cell out;

    REQUIRE(cove_fn_call(arena, pipe, in, &out) == 0);
    REQUIRE(out.kind == COVE_PRESENT || out.kind == COVE_INVALID);
    REQUIRE(out.kind == COVE_PRESENT || cove_cell_is_open(out) ||
            cove_bytes_equal(out.bytes, value));
    return out;
}

/* null passes through a pipeline, so what a table makes of it, or makes null,
 * does not come back; and a separator that overlaps itself may be found in
 * another place than where it was put. The laws try such things. */
static bool tells(struct cove_bytes pipe)
{
    return memchr(pipe.at, 0xf6, pipe.len) == NULL &&
           memmem(pipe.at, pipe.len, "join_list", 9) == NULL;
}

static void there_and_back(struct cove_arena *arena, struct cove_bytes pipe,
                           struct cove_bytes value, struct cove_bytes made)
{
    struct cove_bytes back;
    struct cove_cell again;

    REQUIRE(cove_pipe_invert(arena, pipe, &back) == 0);
    if (back.len == 0) {
        return;
    }
    REQUIRE(cove_fn_known(back));
    if (tells(pipe) && cove_value_check(value, NULL) == 0) {
        again = call(arena, back, made);
        REQUIRE(again.kind == COVE_INVALID ||
                cove_bytes_equal(again.bytes, value));
    }
}

static void run(struct cove_arena *arena, struct cove_bytes pipe,
                struct cove_bytes value)
{
    struct cove_cell one = call(arena, pipe, value);
    struct cove_cell two = call(arena, pipe, value);

    REQUIRE(one.kind == two.kind && cove_bytes_equal(one.bytes, two.bytes));
    REQUIRE(cove_cbor_check_all(one.bytes, COVE_MAX_CBOR_DEPTH, NULL) == 0);
    if (one.kind == COVE_PRESENT && !cove_value_is_null(value)) {
        there_and_back(arena, pipe, value, one.bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct cove_bytes pipe;
    struct cove_bytes value;
    struct cove_bytes fault;
    struct cove_diag diag = {0};
    struct cove_arena arena;
    size_t split;

    if (len < 2) {
        return 0;
    }
    split = (size_t)at[0] << 8 | at[1];
    split = split < len - 2 ? split : len - 2;
    pipe = cove_bytes(at + 2, split);
    value = cove_bytes(at + 2 + split, len - 2 - split);
    if (cove_cbor_check_all(pipe, COVE_MAX_CBOR_DEPTH, NULL) != 0 ||
        cove_cbor_check_all(value, COVE_MAX_CBOR_DEPTH, NULL) != 0) {
        return 0;
    }
    cove_arena_init(&arena, &cove_alloc_libc);
    if (good(cove_pipe_check(pipe, cove_bytes_text("fuzz"), &diag), &diag)) {
        REQUIRE(cove_fn_check(pipe, &fault) && fault.len == 0);
        run(&arena, pipe, value);
    } else {
        REQUIRE(!cove_fn_known(pipe));
    }
    cove_arena_clear(&arena);
    return 0;
}
