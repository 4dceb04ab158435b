/* One Lua state a script. What could tell one call from another is taken away:
 *
 * - The environment is a new table each time; the library behind it is reached
 *   by metatables that no function gives out, and has no place to write to.
 * - Fuel is taken by the count hook, every SCRIPT_QUANTUM instructions since
 *   the call began, by the library for each byte and item that it moves, and
 *   by the allocator for texts beyond the length that Lua shares: whether those
 *   are allocated depends on the program alone, while tables, short texts and
 *   the stack depend on hashing and on what is left from before. Where texts
 *   are long an instruction that compares two of them takes long, so it costs
 *   by the second longest.
 * - The collector stands still, but where the budget of memory is met; between
 *   two calls it runs where much has gathered.
 *
 * Not a number: its sign, and with it the text that `..` makes of it, is the
 * processor's own. So the flag by which IEEE 754 tells of an invalid operation
 * is looked at behind each call, and where it is up the call has failed. */
#include "schema/script_lua.h"

#include "core/utf8.h"

#include <fenv.h>
#include <stdarg.h>
#include <stdio.h>

#define SCRIPT_SHORT   40    /* bytes; LUAI_MAXSHORTLEN of Lua 5.4 */
#define SCRIPT_HEAD    25    /* bytes around those of a text */
#define SCRIPT_WEIGHT  4096  /* bytes of a text that make an instruction 2 */
#define SCRIPT_LEFT    65536 /* bytes that may gather between two calls */
#define SCRIPT_COLLECT 32    /* collections in a call */
#define SCRIPT_MESSAGE 240   /* bytes of what Lua says */

bool cove_script_built(void)
{
    return true;
}

/* --- ends */

void script_stop(lua_State *lua, enum script_end end)
{
    script_of(lua)->end = end;
    lua_pushnil(lua);
    lua_error(lua);
    __builtin_unreachable(); /* lua_error does not return, and does not say so
                              */
}

void script_fail(lua_State *lua, const char *format, ...)
{
    lua_Debug at;
    va_list args;

    lua_pushliteral(lua, "");
    for (int level = 0; lua_getstack(lua, level, &at) != 0; level++) {
        lua_getinfo(lua, "l", &at);
        if (at.currentline > 0) {
            lua_pushfstring(lua, "line %d: ", at.currentline);
            break;
        }
    }
    va_start(args, format);
    lua_pushvfstring(lua, format, args);
    va_end(args);
    lua_concat(lua, 2);
    lua_error(lua);
    __builtin_unreachable();
}

void script_charge(lua_State *lua, size_t fuel)
{
    struct cove_script *s = script_of(lua);

    s->fuel -= fuel < INT32_MAX ? (int64_t)fuel : INT32_MAX;
    if (s->fuel < 0) {
        script_stop(lua, SCRIPT_NO_FUEL);
    }
}

void script_charge_bytes(lua_State *lua, size_t len)
{
    script_charge(lua, 1 + len / SCRIPT_MOVED);
}

void script_need(lua_State *lua, int err)
{
    if (err != 0) {
        script_stop(lua, SCRIPT_NO_HEAP);
    }
}

void script_room(lua_State *lua)
{
    if (lua_checkstack(lua, 8) == 0) {
        script_stop(lua, script_of(lua)->end == SCRIPT_NO_MEMORY
                             ? SCRIPT_NO_MEMORY
                             : SCRIPT_NO_HEAP);
    }
}

/* --- the meter */

/* A long text has come into being: it costs by its length. */
static bool script_paid(struct cove_script *s, size_t len)
{
    s->fuel -= (int64_t)(1 + len / SCRIPT_MOVED);
    if (len > s->longest) {
        s->second = s->longest;
        s->longest = len;
    } else if (len > s->second) {
        s->second = len;
    }
    return s->fuel >= 0;
}

/* Where it may not Lua collects and asks again. */
static bool script_may_grow(struct cove_script *s, size_t more, size_t text)
{
    if (s->end == SCRIPT_NO_FUEL) {
        return false;
    }
    if (text > COVE_SCRIPT_TEXT) {
        s->end = SCRIPT_LONG_TEXT;
        return false;
    }
    if (more > s->budget - (s->live < s->budget ? s->live : s->budget)) {
        s->end = SCRIPT_NO_MEMORY;
        s->collections++;
        return false;
    }
    return s->collections <= SCRIPT_COLLECT;
}

static void *script_resize(void *ctx, void *old, size_t held, size_t len)
{
    struct cove_script *s = ctx;
    bool is_text = old == NULL && held == LUA_TSTRING;
    size_t text =
        is_text && len > SCRIPT_HEAD + SCRIPT_SHORT ? len - SCRIPT_HEAD : 0;
    void *at;

    held = old != NULL ? held : 0;
    if (len == 0) {
        s->live -= held;
        cove_alloc_free(s->alloc, old);
        return NULL;
    }
    if (len > held && !script_may_grow(s, len - held, text)) {
        return NULL;
    }
    at = s->alloc->resize(s->alloc->ctx, old, len);
    if (at == NULL) {
        s->end = SCRIPT_NO_HEAP;
        return len <= held ? old : NULL; /* less can always be had, for Lua */
    }
    if (text > 0 && !script_paid(s, text)) {
        s->end = SCRIPT_NO_FUEL;
        cove_alloc_free(s->alloc, at);
        return NULL;
    }
    s->live = s->live - held + len;
    return at;
}

static void script_hook(lua_State *lua, lua_Debug *at)
{
    struct cove_script *s = script_of(lua);
    size_t weight = 1 + s->second / SCRIPT_WEIGHT;

    if (lua_getstack(lua, SCRIPT_DEPTH, at) != 0) {
        script_fail(lua, "calls are more than %d deep", SCRIPT_DEPTH);
    }
    script_charge(lua, SCRIPT_QUANTUM * weight);
}

/* --- from a source to a script */

static int script_load(lua_State *lua)
{
    /* The chunk lies on the stack; its one upvalue is the environment. */
    lua_rawseti(lua, LUA_REGISTRYINDEX, SCRIPT_PLACE_MAIN);
    lua_createtable(lua, 0, 1);
    script_library(lua);
    lua_setfield(lua, -2, "__index");
    lua_rawseti(lua, LUA_REGISTRYINDEX, SCRIPT_PLACE_ENV);
    script_value_setup(lua);
    return 0;
}

static const char *script_source(lua_State *lua, void *ctx, size_t *len)
{
    struct cove_bytes *rest = ctx;
    const char *at = (const char *)rest->at;

    (void)lua;
    *len = rest->len;
    rest->len = 0;
    return at;
}

/* What Lua says: "line:3: …" becomes "line 3: …". */
static void script_said(lua_State *lua, char out[SCRIPT_MESSAGE])
{
    size_t len = 0;
    const char *text =
        lua_type(lua, -1) == LUA_TSTRING ? lua_tolstring(lua, -1, &len) : NULL;

    if (text == NULL) {
        snprintf(out, SCRIPT_MESSAGE, "it threw a %s, not a text",
                 lua_typename(lua, lua_type(lua, -1)));
        return;
    }
    snprintf(out, SCRIPT_MESSAGE, "%s", text);
    if (strncmp(out, "line:", 5) == 0) {
        out[4] = ' ';
    }
    while (!cove_utf8_valid(cove_bytes_text(out))) {
        out[strlen(out) - 1] = '\0';
    }
}

static int script_compile(struct cove_script *s, struct cove_diag *diag)
{
    struct cove_bytes rest = s->source;
    char said[SCRIPT_MESSAGE];
    int status;

    s->budget = SIZE_MAX;
    s->fuel = INT64_MAX;
    s->lua = lua_newstate(script_resize, s);
    if (s->lua == NULL) {
        return COVE_ENOMEM;
    }
    *(struct cove_script **)lua_getextraspace(s->lua) = s;
    lua_gc(s->lua, LUA_GCSTOP);
    status = lua_load(s->lua, script_source, &rest, "=line", "t");
    if (status == LUA_OK) {
        lua_pushcfunction(s->lua, script_load);
        lua_insert(s->lua, 1);
        status = lua_pcall(s->lua, 1, 0, 0);
    }
    if (status == LUA_OK) {
        return 0;
    }
    if (status == LUA_ERRMEM && s->end != SCRIPT_LONG_TEXT) {
        return COVE_ENOMEM;
    }
    script_said(s->lua, said);
    return cove_fail(diag, COVE_ESTEP, "the script does not compile: %s", said);
}

int cove_script_new(const struct cove_alloc *alloc, struct cove_bytes source,
                    struct cove_script **out, struct cove_diag *diag)
{
    struct cove_script *s;
    locale_t before;
    uint8_t *copy;
    int err = cove_script_judge(source, diag);

    if (err != 0) {
        return err;
    }
    s = cove_alloc_zero(alloc, 1, sizeof(*s));
    copy = cove_alloc_new(alloc, source.len);
    if (s == NULL || copy == NULL) {
        cove_alloc_free(alloc, s);
        cove_alloc_free(alloc, copy);
        return COVE_ENOMEM;
    }
    memcpy(copy, source.at, source.len);
    s->alloc = alloc;
    s->source = cove_bytes(copy, source.len);
    cove_buf_init(&s->text, alloc);
    cove_buf_init(&s->out, alloc);
    s->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    before = uselocale(s->locale); /* numbers are read by it */
    err = s->locale != (locale_t)0 ? script_compile(s, diag) : COVE_ENOMEM;
    uselocale(before);
    if (err != 0) {
        cove_script_free(s);
        return err;
    }
    lua_gc(s->lua, LUA_GCCOLLECT);
    s->rest = s->live;
    *out = s;
    return 0;
}

void cove_script_free(struct cove_script *s)
{
    if (s == NULL) {
        return;
    }
    if (s->lua != NULL) {
        lua_close(s->lua);
    }
    if (s->locale != (locale_t)0) {
        freelocale(s->locale);
    }
    cove_buf_clear(&s->text);
    cove_buf_clear(&s->out);
    cove_alloc_free(s->alloc, s->keys);
    cove_alloc_free(s->alloc, (void *)(uintptr_t)s->source.at);
    cove_alloc_free(s->alloc, s);
}

struct cove_bytes cove_script_source(const struct cove_script *s)
{
    return s->source;
}

/* --- a call */

static int script_load_document(lua_State *lua)
{
    struct cove_script *s = script_of(lua);
    char ref[64];
    struct cove_bytes id;
    struct cove_bytes value;
    int err;

    if (script_value_ref(lua, 1, ref)) {
        id = cove_bytes_text(ref);
    } else if (lua_type(lua, 1) == LUA_TSTRING) {
        size_t len;

        id.at = (const uint8_t *)lua_tolstring(lua, 1, &len);
        id.len = len;
    } else {
        script_fail(lua, "ctx.load: it takes a document's id or a reference");
    }
    script_charge(lua, 100);
    err = s->call->load(s->call->load_ctx, id, &value);
    if (err == COVE_ENOTFOUND) {
        lua_pushnil(lua);
        return 1;
    }
    if (err != 0) {
        s->host_err = err;
        script_stop(lua, SCRIPT_HOST);
    }
    script_value_push(lua, value);
    return 1;
}

static void script_environment(lua_State *lua)
{
    const struct cove_script_call *call = script_of(lua)->call;

    lua_createtable(lua, 0, (int)call->input_count + 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, SCRIPT_PLACE_ENV);
    lua_setmetatable(lua, -2);
    if (call->entry != NULL) {
        lua_pushlightuserdata(lua, (void *)(uintptr_t)&script_delete);
        lua_setfield(lua, -2, "delete");
    }
    for (size_t i = 0; i < call->input_count; i++) {
        const struct cove_script_input *input = &call->inputs[i];

        if (input->value.len > 0) {
            script_value_push(lua, input->value);
        } else {
            lua_pushnil(lua);
        }
        if (call->load != NULL && strcmp(input->name, "ctx") == 0) {
            lua_pushcfunction(lua, script_load_document);
            lua_setfield(lua, -2, "load");
        }
        lua_setfield(lua, -2, input->name);
    }
}

/* The second form: the chunk defines a function, which is called. */
static void script_enter(lua_State *lua, int env)
{
    const struct cove_script_call *call = script_of(lua)->call;

    lua_pop(lua, 1);
    lua_pushstring(lua, call->entry);
    lua_rawget(lua, env);
    if (lua_type(lua, -1) != LUA_TFUNCTION) {
        script_fail(lua, "it defines no function %s", call->entry);
    }
    for (size_t i = 0; i < call->input_count; i++) {
        lua_pushstring(lua, call->inputs[i].name);
        lua_rawget(lua, env);
    }
    lua_call(lua, (int)call->input_count, 1);
}

static int script_body(lua_State *lua)
{
    struct cove_script *s = script_of(lua);

    script_environment(lua);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, SCRIPT_PLACE_MAIN);
    lua_pushvalue(lua, 1);
    if (lua_setupvalue(lua, -2, 1) == NULL) {
        lua_pop(lua, 1); /* it names nothing that it does not define */
    }
    lua_sethook(lua, script_hook, LUA_MASKCOUNT, SCRIPT_QUANTUM);
    lua_call(lua, 0, 1);
    if (s->call->entry != NULL) {
        script_enter(lua, 1);
    }
    lua_sethook(lua, NULL, 0, 0);
    if (fetestexcept(FE_INVALID) != 0) {
        script_fail(lua, "it made a number that is none, as 0/0 is");
    }
    if (s->call->entry != NULL) {
        script_patch_take(lua);
    } else {
        script_value_take(lua);
    }
    return 0;
}

static int script_verdict(struct cove_script *s, int status,
                          struct cove_diag *diag)
{
    const struct cove_script_limits *limits = &s->call->limits;
    char said[SCRIPT_MESSAGE];

    if (status != LUA_ERRMEM && lua_type(s->lua, -1) != LUA_TNIL) {
        s->end = SCRIPT_GOES_ON;
    }
    switch (s->end) {
    case SCRIPT_NO_FUEL:
        return cove_fail(diag, COVE_EINVALID,
                         "the script used its fuel of %u up", limits->fuel);
    case SCRIPT_LONG_TEXT:
        return cove_fail(diag, COVE_EINVALID,
                         "the script made a text of more than %d bytes",
                         COVE_SCRIPT_TEXT);
    case SCRIPT_NO_MEMORY:
        return cove_fail(diag, COVE_ELIMIT,
                         "the script needs more than its %u bytes of memory, "
                         "which says nothing about the value; publish a step "
                         "with a larger \"memory\"",
                         limits->memory);
    case SCRIPT_NO_HEAP:
        return COVE_ENOMEM;
    case SCRIPT_HOST:
        return s->host_err;
    case SCRIPT_GOES_ON:
        break;
    }
    script_said(s->lua, said);
    return cove_fail(diag, COVE_EINVALID, "the script failed: %s", said);
}

static void script_ready(struct cove_script *s,
                         const struct cove_script_call *call)
{
    s->call = call;
    s->fuel = call->limits.fuel;
    s->budget = s->live + call->limits.memory;
    s->collections = 0;
    s->longest = 0;
    s->second = 0;
    s->nested = 0;
    s->end = SCRIPT_GOES_ON;
    s->out.len = 0;
    s->key_count = 0;
}

int cove_script_run(struct cove_script *s, const struct cove_script_call *call,
                    struct cove_arena *arena, struct cove_script_result *out,
                    struct cove_diag *diag)
{
    locale_t before = uselocale(s->locale); /* `<` of texts goes by it */
    int status;
    int err;

    script_ready(s, call);
    if (fetestexcept(FE_INVALID) != 0) {
        feclearexcept(FE_INVALID);
    }
    lua_pushcfunction(s->lua, script_body);
    status = lua_pcall(s->lua, 0, 0, 0);
    uselocale(before);
    lua_sethook(s->lua, NULL, 0, 0);
    out->fuel = call->limits.fuel - (uint32_t)(s->fuel > 0 ? s->fuel : 0);
    err = status == LUA_OK ? 0 : script_verdict(s, status, diag);
    lua_settop(s->lua, 0);
    s->fuel = INT64_MAX;
    s->budget = SIZE_MAX;
    s->end = SCRIPT_GOES_ON;
    if (s->live > s->rest + SCRIPT_LEFT) {
        lua_gc(s->lua, LUA_GCCOLLECT);
    }
    if (err == 0) {
        err = cove_arena_copy(arena, cove_buf_bytes(&s->out), &out->value);
    }
    return err;
}
