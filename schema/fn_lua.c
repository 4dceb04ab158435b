/* A script as one function of a pipeline:
 *
 *   {"lua": {"source": TEXT, "fuel": 100000, "memory": 4194304}}
 *
 * The limits lie in the step, so that they are the same wherever it is run. It
 * stands in the outermost pipeline alone, where it is run once for a value. */
#include "core/value.h"
#include "schema/fn.h"
#include "schema/fn_atoms.h"
#include "schema/script.h"

struct lua_arg {
    struct cove_bytes source;
    struct cove_script_limits limits;
};

static bool lua_limit(struct cove_bytes arg, const char *name, int64_t least,
                      int64_t most, uint32_t *out)
{
    struct cove_bytes value;
    int64_t v;

    if (!cove_value_member(arg, name, &value) ||
        cove_value_kind(value) != COVE_KIND_INT) {
        return false;
    }
    v = cove_value_int(value);
    *out = (uint32_t)v;
    return v >= least && v <= most;
}

static bool lua_arg_read(struct cove_bytes arg, struct lua_arg *out)
{
    struct cove_reader r;

    cove_reader_init(&r, arg);
    if (cove_reader_peek(&r) != COVE_CBOR_MAP || cove_reader_map(&r) != 3) {
        return false;
    }
    out->source = cove_value_member_text(arg, "source");
    return lua_limit(arg, "fuel", 1, COVE_SCRIPT_FUEL_MAX, &out->limits.fuel) &&
           lua_limit(arg, "memory", COVE_SCRIPT_MEMORY_MIN,
                     COVE_SCRIPT_MEMORY_MAX, &out->limits.memory);
}

bool cove_fn_arg_lua(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct lua_arg read;

    if (!lua_arg_read(arg, &read) ||
        cove_script_judge(read.source, NULL) != 0 || check->depth != 1 ||
        check->scripts == COVE_FN_SCRIPTS) {
        return false;
    }
    check->scripts++;
    check->needs_lua = !cove_script_built();
    return true;
}

int cove_fn_lua(struct cove_fn_run *run, struct cove_bytes arg,
                struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_script_input input = {"value", in};
    struct cove_script_call call = {.inputs = &input, .input_count = 1};
    struct cove_script_result result = {{NULL, 0}, 0};
    struct cove_script *script = NULL;
    struct lua_arg read;
    int err;

    if (!lua_arg_read(arg, &read)) {
        return FN_BAD;
    }
    err = run->scripts != NULL
              ? cove_scripts_take(run->scripts, read.source, &script, run->diag)
              : cove_script_new(run->arena->alloc, read.source, &script,
                                run->diag);
    if (err != 0) {
        /* One that does not compile makes nothing, of any value. */
        return err == COVE_ENOMEM ? err : FN_BAD;
    }
    call.limits = read.limits;
    err = cove_script_run(script, &call, run->arena, &result, run->diag);
    if (run->scripts != NULL) {
        cove_scripts_give(run->scripts, script);
    } else {
        cove_script_free(script);
    }
    if (err == 0 && result.value.len == 0) {
        err = cove_fail(run->diag, FN_BAD, "the script returned nothing");
    }
    if (err == 0) {
        *out = result.value;
    }
    return err;
}
