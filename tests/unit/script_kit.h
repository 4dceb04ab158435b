/* script_kit.h: sources, inputs and results in JSON with single quotes. */
#ifndef COVE_TESTS_SCRIPT_KIT_H
#define COVE_TESTS_SCRIPT_KIT_H

#include "cove/error.h"
#include "schema/script.h"
#include "tests/unit/world.h"

struct script_kit {
    struct world w;
    struct cove_script_limits limits;
    struct cove_diag diag;
    uint32_t fuel; /* of the last run */
};

static inline void kit_init(struct script_kit *k)
{
    memset(k, 0, sizeof(*k));
    world_init(&k->w);
    k->limits.fuel = COVE_SCRIPT_FUEL;
    k->limits.memory = COVE_SCRIPT_MEMORY;
}

static inline int kit_run(struct script_kit *k, struct cove_script *script,
                          struct cove_bytes value, struct cove_bytes *out)
{
    struct cove_script_input input = {"value", value};
    struct cove_script_call call = {
        .inputs = &input, .input_count = 1, .limits = k->limits};
    struct cove_script_result result = {{NULL, 0}, 0};
    int err;

    cove_diag_clear(&k->diag);
    err = cove_script_run(script, &call, &k->w.arena, &result, &k->diag);
    k->fuel = result.fuel;
    *out = result.value;
    return err;
}

/* What a new script makes of a value: JSON, "nil", or "CODE: sentence". */
static inline const char *kit_call(struct script_kit *k, const char *source,
                                   const char *value)
{
    struct cove_script *script = NULL;
    struct cove_bytes in = {NULL, 0};
    struct cove_bytes out = {NULL, 0};
    int err;

    if (value != NULL) {
        in = world_json(&k->w, value);
    }
    cove_diag_clear(&k->diag);
    err = cove_script_new(&cove_alloc_libc, cove_bytes_text(source), &script,
                          &k->diag);
    if (err == 0) {
        err = kit_run(k, script, in, &out);
    }
    cove_script_free(script);
    if (err != 0) {
        return cove_arena_printf(&k->w.arena, "%s: %s", cove_error_name(err),
                                 k->diag.text);
    }
    return out.len == 0 ? "nil" : world_text(&k->w, out);
}

#endif
