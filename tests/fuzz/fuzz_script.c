/* A source, and behind a byte 255 a value: both are whatever comes. A script
 * that compiles ends, and says the same, for the same fuel, in a state that was
 * used before and in one that was not. What it gives is a value. */
#include <stdlib.h>

#include "core/value.h"
#include "cove/error.h"
#include "schema/script.h"

#define REQUIRE(condition)                                                     \
    do {                                                                       \
        if (!(condition)) {                                                    \
            abort();                                                           \
        }                                                                      \
    } while (0)

#define FUEL 20000

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static int run(struct cove_script *script, struct cove_bytes value,
               struct cove_arena *arena, struct cove_script_result *out)
{
    struct cove_script_input input = {"value", value};
    struct cove_script_call call = {
        .inputs = &input,
        .input_count = 1,
        .limits = {FUEL, COVE_SCRIPT_MEMORY},
    };
    struct cove_diag diag = {0};
    int err;

    memset(out, 0, sizeof(*out));
    err = cove_script_run(script, &call, arena, out, &diag);
    REQUIRE(err == 0 || err == COVE_EINVALID || err == COVE_ELIMIT);
    REQUIRE((err == 0) == (diag.text[0] == '\0'));
    REQUIRE(out->fuel <= FUEL);
    REQUIRE(err != 0 || out->value.len == 0 ||
            cove_value_check(out->value, NULL) == 0);
    return err;
}

static void both(struct cove_bytes source, struct cove_bytes value,
                 struct cove_script *used, struct cove_arena *arena)
{
    struct cove_script *fresh = NULL;
    struct cove_script_result a;
    struct cove_script_result b;
    int first;
    int again;

    REQUIRE(cove_script_new(&cove_alloc_libc, source, &fresh, NULL) == 0);
    first = run(used, value, arena, &a);
    again = run(fresh, value, arena, &b);
    if (first != COVE_ELIMIT && again != COVE_ELIMIT) {
        REQUIRE(first == again && a.fuel == b.fuel);
        REQUIRE(cove_bytes_equal(a.value, b.value));
    }
    cove_script_free(fresh);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    const uint8_t *cut = len > 0 ? memchr(at, 0xff, len) : NULL;
    struct cove_bytes source =
        cove_bytes(at, cut != NULL ? (size_t)(cut - at) : len);
    struct cove_bytes value = {NULL, 0};
    struct cove_script *script = NULL;
    struct cove_diag diag = {0};
    struct cove_arena arena;
    int err;

    if (cut != NULL) {
        value = cove_bytes(cut + 1, len - source.len - 1);
    }
    if (cove_value_check(value, NULL) != 0) {
        value = cove_bytes(NULL, 0);
    }
    err = cove_script_new(&cove_alloc_libc, source, &script, &diag);
    if (!cove_script_built()) {
        REQUIRE(err == COVE_EUNSUPPORTED || err == COVE_ESTEP);
        return 0;
    }
    if (err != 0) {
        REQUIRE(err == COVE_ESTEP && diag.text[0] != '\0');
        return 0;
    }
    cove_arena_init(&arena, &cove_alloc_libc);
    both(source, value, script, &arena);
    both(source, value, script, &arena);
    cove_arena_clear(&arena);
    cove_script_free(script);
    return 0;
}
