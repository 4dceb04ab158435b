/* script.h: a function written in Lua 5.4, hardened: total and deterministic.
 *
 *   source ──new──▶ script ──call(inputs)──▶ a value, or a verdict
 *
 * The same source and inputs give the same result and the same fuel on every
 * peer, whatever ran before: each call has an environment of its own, and
 * nothing that it can reach can be written. There is no clock, randomness,
 * locale, file, pattern, metatable, coroutine, pcall or load; a table is walked
 * in the order of its keys. docs/SCRIPTS.md has the library.
 *
 * What stops a script is either a fact, which every peer finds (fuel, an error,
 * a result that is no value: COVE_EINVALID), or is not (memory: COVE_ELIMIT,
 * COVE_ENOMEM): from the latter nothing may be concluded about the value.
 *
 * Built without Lua nothing here runs; cove_script_built says so.
 */
#ifndef COVE_SCHEMA_SCRIPT_H
#define COVE_SCHEMA_SCRIPT_H

#include "core/arena.h"
#include "core/diag.h"

#define COVE_SCRIPT_SOURCE     16384 /* bytes, at most */
#define COVE_SCRIPT_FUEL       100000
#define COVE_SCRIPT_FUEL_MAX   1000000
#define COVE_SCRIPT_MEMORY     4194304 /* bytes */
#define COVE_SCRIPT_MEMORY_MIN 65536
#define COVE_SCRIPT_MEMORY_MAX 16777216
#define COVE_SCRIPT_TEXT       65536 /* bytes of any text inside */

struct cove_script_limits {
    uint32_t fuel;   /* an instruction is 1; so are 16 bytes that are moved */
    uint32_t memory; /* live bytes beyond those of the script itself */
};

struct cove_script_input {
    const char *name;        /* the variable */
    struct cove_bytes value; /* checked CBOR; empty: nil */
};

struct cove_script_call {
    const struct cove_script_input *inputs;
    size_t input_count;
    struct cove_script_limits limits;
    /* NULL: the chunk's own result. Else the name of a function that the chunk
     * must define, which gets the inputs; its result is a patch: a map of
     * values, in which COVE_SCRIPT_DELETED stands for a field to be deleted, or
     * nothing. */
    const char *entry;
    /* NULL: there is no such function. Else `load` of the input "ctx": another
     * document as a map, from its id's text. COVE_ENOTFOUND is nil to the
     * script, any other error ends the call with it. */
    int (*load)(void *ctx, struct cove_bytes id, struct cove_bytes *out);
    void *load_ctx;
};

/* {"": null}, which is no value. */
#define COVE_SCRIPT_DELETED "\xa1\x60\xf6"

struct cove_script_result {
    struct cove_bytes value; /* in the arena; empty: nil */
    uint32_t fuel;           /* used, in whole quanta; also where it failed */
};

struct cove_script;

bool cove_script_built(void);

/* What the source uses that no script may (`^`, `#`, `...`), what is too long
 * or no UTF-8; built without Lua too. Errors: COVE_ESTEP with the line. */
COVE_MUST_CHECK int cove_script_judge(struct cove_bytes source,
                                      struct cove_diag *diag);

/* Compile. Threads: a script is used by one at a time.
 * Errors: COVE_ESTEP with the line, COVE_EUNSUPPORTED (built without Lua),
 * COVE_ENOMEM. Cost: some 40 µs. */
COVE_MUST_CHECK int cove_script_new(const struct cove_alloc *alloc,
                                    struct cove_bytes source,
                                    struct cove_script **out,
                                    struct cove_diag *diag);
void cove_script_free(struct cove_script *script);
struct cove_bytes cove_script_source(const struct cove_script *script);

/* Run it. Where it fails out->fuel is set all the same.
 * Errors: COVE_EINVALID (a fact), COVE_ELIMIT (memory; none), COVE_ENOMEM, and
 * what `load` gave. */
COVE_MUST_CHECK int cove_script_run(struct cove_script *script,
                                    const struct cove_script_call *call,
                                    struct cove_arena *arena,
                                    struct cove_script_result *out,
                                    struct cove_diag *diag);

/* --- scripts at hand: who runs one takes it, so that no two threads share it,
 * and gives it back. */

struct cove_scripts;

/* Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_scripts_new(const struct cove_alloc *alloc,
                                     struct cove_scripts **out);
void cove_scripts_free(struct cove_scripts *scripts);
/* One that is idle, or a new one. The errors are those of cove_script_new. */
COVE_MUST_CHECK int cove_scripts_take(struct cove_scripts *scripts,
                                      struct cove_bytes source,
                                      struct cove_script **out,
                                      struct cove_diag *diag);
void cove_scripts_give(struct cove_scripts *scripts,
                       struct cove_script *script);

#endif
