/* compile_lua.c: scripts as developers write them, into what a step holds.
 *
 *   {"lua": "return value * 2"}
 *   {"lua": ["local n = tonumber(value)", "return n"]}      its lines
 *   {"lua": {"source": either, "fuel"?: 100000, "memory"?: 4194304}}
 *
 * become {"lua": {"fuel", "memory", "source": one text}}: the limits that there
 * are when the step is made stay those of the step. A script that does not
 * compile is refused here, with its line; later nobody could mend it.
 */
#include "migrate/compile_parts.h"
#include "schema/script.h"

/* The text of the source, lines joined. Errors: COVE_ESTEP, COVE_ENOMEM. */
static int lua_source(struct cove_arena *arena, struct cove_bytes item,
                      struct cove_bytes *out)
{
    struct cove_reader r;
    struct cove_buf buf;
    size_t count;
    int rc = 0;

    cove_reader_init(&r, item);
    if (cove_reader_peek(&r) == COVE_CBOR_TEXT) {
        *out = cove_reader_text(&r);
        return 0;
    }
    if (cove_reader_peek(&r) != COVE_CBOR_LIST) {
        return COVE_ESTEP;
    }
    cove_buf_init(&buf, arena->alloc);
    count = cove_reader_list(&r);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = cove_reader_peek(&r) == COVE_CBOR_TEXT ? 0 : COVE_ESTEP;
        if (rc == 0) {
            rc = cove_buf_append(&buf, cove_reader_text(&r));
        }
        if (rc == 0 && i + 1 < count) {
            rc = cove_buf_append(&buf, cove_bytes_text("\n"));
        }
    }
    if (rc == 0) {
        rc = cove_arena_copy(arena, cove_buf_bytes(&buf), out);
    }
    cove_buf_clear(&buf);
    return rc;
}

/* Known members alone, and a source among them. */
static bool lua_members(struct cove_bytes arg)
{
    struct cove_reader r;
    struct cove_bytes item;

    cove_reader_init(&r, arg);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes name = cove_reader_text(&r);

        (void)cove_reader_item(&r);
        if (!cove_bytes_equal(name, cove_bytes_text("source")) &&
            !cove_bytes_equal(name, cove_bytes_text("fuel")) &&
            !cove_bytes_equal(name, cove_bytes_text("memory"))) {
            return false;
        }
    }
    return cove_value_member(arg, "source", &item);
}

static int lua_limit(struct cove_arena *arena, struct cove_bytes arg,
                     const char *name, int64_t usual, struct cove_bytes *out)
{
    return cove_cbor_type_of(arg) == COVE_CBOR_MAP &&
                   cove_value_member(arg, name, out)
               ? 0
               : cove_value_of_int(arena, usual, out);
}

int cove_lua_compiles(struct cove_arena *arena, struct cove_bytes source,
                      struct cove_bytes label, struct cove_diag *diag)
{
    struct cove_script *script = NULL;
    int rc = cove_script_new(arena->alloc, source, &script, diag);

    cove_script_free(script);
    if (rc != 0 && diag != NULL) {
        cove_diag_context(diag, "%.*s", SHOWN(label));
    }
    return rc;
}

static int lua_normal(struct cove_arena *arena, struct cove_bytes arg,
                      struct cove_bytes label, struct cove_bytes *out,
                      struct cove_diag *diag)
{
    bool map = cove_cbor_type_of(arg) == COVE_CBOR_MAP;
    struct cove_bytes source = arg;
    struct cove_bytes fuel;
    struct cove_bytes memory;
    struct cove_bytes made;
    struct cove_draft d;
    int rc = map && !lua_members(arg) ? COVE_ESTEP : 0;

    if (rc == 0 && map) {
        (void)cove_value_member(arg, "source", &source);
    }
    rc = rc != 0 ? rc : lua_source(arena, source, &source);
    if (rc == COVE_ESTEP) {
        return cove_fail(
            diag, COVE_ESTEP,
            "%.*s: write a script like {\"lua\":\"return value\"}, "
            "a list of lines for the text, or {\"lua\":"
            "{\"source\":…,\"fuel\":%d,\"memory\":%d}}",
            SHOWN(label), COVE_SCRIPT_FUEL, COVE_SCRIPT_MEMORY);
    }
    if (rc != 0 || (rc = cove_lua_compiles(arena, source, label, diag)) != 0 ||
        (rc = lua_limit(arena, arg, "fuel", COVE_SCRIPT_FUEL, &fuel)) != 0 ||
        (rc = lua_limit(arena, arg, "memory", COVE_SCRIPT_MEMORY, &memory)) !=
            0) {
        return rc;
    }
    cove_draft_init(&d, arena);
    cove_draft_text(&d, "source", source);
    cove_draft_item(&d, "fuel", fuel);
    cove_draft_item(&d, "memory", memory);
    if ((rc = cove_draft_end(&d, &made)) != 0) {
        return rc;
    }
    cove_draft_init(&d, arena);
    cove_draft_item(&d, "lua", made);
    return cove_draft_end(&d, out);
}

int cove_pipe_scripts(struct cove_arena *arena, struct cove_bytes label,
                      struct cove_bytes *pipe, struct cove_diag *diag)
{
    struct cove_reader r;
    struct cove_buf buf;
    struct cove_writer w;
    size_t count;
    bool any = false;
    int rc = 0;

    if (cove_cbor_type_of(*pipe) != COVE_CBOR_LIST) {
        return 0;
    }
    cove_buf_init(&buf, arena->alloc);
    cove_writer_init(&w, &buf);
    cove_reader_init(&r, *pipe);
    count = cove_reader_list(&r);
    cove_writer_list(&w, count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct cove_bytes item = cove_reader_item(&r);
        struct cove_bytes arg;

        if (cove_cbor_type_of(item) == COVE_CBOR_MAP &&
            cove_value_member(item, "lua", &arg)) {
            any = true;
            rc = lua_normal(arena, arg, label, &item, diag);
        }
        cove_writer_item(&w, item);
    }
    rc = rc != 0 ? rc : w.err;
    if (rc == 0 && any) {
        rc = cove_arena_copy(arena, cove_buf_bytes(&buf), pipe);
    }
    cove_buf_clear(&buf);
    return rc;
}
