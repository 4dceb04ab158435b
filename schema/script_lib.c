/* The functions that every script has. None of them keeps anything, none gives
 * an address away, and each pays for what it moves. */
#include "schema/script_lua.h"

#include "core/id.h"
#include "core/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LIB_NUMBER 64 /* digits of a number that is read */

/* --- arguments */

static const char *lib_type(lua_State *lua, int index)
{
    char ref[COVE_ID_TEXT_MAX];

    switch (lua_type(lua, index)) {
    case LUA_TLIGHTUSERDATA:
        return lua_touserdata(lua, index) == &script_null ? "null" : "delete";
    case LUA_TUSERDATA:
        return lua_rawlen(lua, index) == 0         ? "library"
               : script_value_ref(lua, index, ref) ? "ref"
                                                   : "bytes";
    case LUA_TNONE:
        return "nothing";
    default:
        return lua_typename(lua, lua_type(lua, index));
    }
}

struct cove_bytes script_text(lua_State *lua, int index, const char *who)
{
    struct cove_bytes text;

    if (lua_type(lua, index) != LUA_TSTRING) {
        script_fail(lua, "%s: number %d is a %s, not a text", who, index,
                    lib_type(lua, index));
    }
    text.at = (const uint8_t *)lua_tolstring(lua, index, &text.len);
    return text;
}

lua_Integer script_int(lua_State *lua, int index, const char *who)
{
    if (!lua_isinteger(lua, index)) {
        script_fail(lua, "%s: number %d is a %s, not an integer", who, index,
                    lib_type(lua, index));
    }
    return lua_tointeger(lua, index);
}

void script_table(lua_State *lua, int index, const char *who)
{
    if (!lua_istable(lua, index)) {
        script_fail(lua, "%s: number %d is a %s, not a table", who, index,
                    lib_type(lua, index));
    }
}

lua_Integer script_count(lua_State *lua, int index)
{
    lua_Integer count = 0;

    while (lua_rawgeti(lua, index, count + 1) != LUA_TNIL) {
        lua_pop(lua, 1);
        script_charge(lua, 1);
        count++;
    }
    lua_pop(lua, 1);
    return count;
}

void script_push_text(lua_State *lua, struct cove_bytes text)
{
    script_charge_bytes(lua, text.len);
    lua_pushlstring(lua, (const char *)text.at, text.len);
}

/* --- types and texts of values */

static int lib_type_of(lua_State *lua)
{
    lua_pushstring(lua, lib_type(lua, 1));
    return 1;
}

static int lib_is_integer(lua_State *lua)
{
    lua_pushboolean(lua, lua_isinteger(lua, 1));
    return 1;
}

/* The shortest digits that read back as the number, with a point. */
static void lib_float_text(lua_State *lua, double v)
{
    struct cove_script *s = script_of(lua);
    uint8_t item[16];
    struct cove_buf buf = {item, 0, sizeof(item), s->alloc};
    struct cove_writer w;

    if (!isfinite(v)) {
        script_fail(lua, "tostring: the number is not finite");
    }
    cove_writer_init(&w, &buf);
    cove_writer_float(&w, v);
    s->text.len = 0;
    script_need(lua, cove_json_write(cove_buf_bytes(&buf), 0, &s->text));
    script_push_text(lua, cove_buf_bytes(&s->text));
}

static int lib_tostring(lua_State *lua)
{
    char text[COVE_ID_TEXT_MAX];

    script_charge(lua, 1);
    switch (lua_type(lua, 1)) {
    case LUA_TSTRING:
        lua_pushvalue(lua, 1);
        return 1;
    case LUA_TNUMBER:
        if (!lua_isinteger(lua, 1)) {
            lib_float_text(lua, lua_tonumber(lua, 1));
            return 1;
        }
        snprintf(text, sizeof(text), "%" PRId64,
                 (int64_t)lua_tointeger(lua, 1));
        break;
    case LUA_TBOOLEAN:
        snprintf(text, sizeof(text), "%s",
                 lua_toboolean(lua, 1) ? "true" : "false");
        break;
    case LUA_TNIL:
        snprintf(text, sizeof(text), "nil");
        break;
    default:
        if (lua_touserdata(lua, 1) == &script_null) {
            snprintf(text, sizeof(text), "null");
        } else if (!script_value_ref(lua, 1, text)) {
            script_fail(lua, "tostring: a %s has no text", lib_type(lua, 1));
        }
        break;
    }
    script_push_text(lua, cove_bytes_text(text));
    return 1;
}

/* A number as JSON writes it, digits and all. */
static bool lib_is_number(struct cove_bytes text, bool *is_int)
{
    size_t at = text.len > 0 && text.at[0] == '-';
    size_t from = at;

#define DIGITS()                                                               \
    while (at < text.len && text.at[at] >= '0' && text.at[at] <= '9') {        \
        at++;                                                                  \
    }
    DIGITS();
    if (at == from || (text.at[from] == '0' && at > from + 1)) {
        return false;
    }
    *is_int = at == text.len;
    if (at < text.len && text.at[at] == '.') {
        from = ++at;
        DIGITS();
        if (at == from) {
            return false;
        }
    }
    if (at < text.len && (text.at[at] | 0x20) == 'e') {
        at++;
        at += at < text.len && (text.at[at] == '+' || text.at[at] == '-');
        from = at;
        DIGITS();
        if (at == from) {
            return false;
        }
    }
#undef DIGITS
    return at == text.len;
}

static int lib_tonumber(lua_State *lua)
{
    struct cove_bytes text;
    bool is_int = false;

    script_charge(lua, 1);
    if (lua_type(lua, 1) == LUA_TNUMBER) {
        lua_pushvalue(lua, 1);
        return 1;
    }
    lua_pushnil(lua);
    if (lua_type(lua, 1) != LUA_TSTRING) {
        return 1;
    }
    text = script_text(lua, 1, "tonumber");
    if (text.len > LIB_NUMBER || !lib_is_number(text, &is_int)) {
        return 1;
    }
    if (is_int) {
        int64_t v = 0;
        bool negative = text.at[0] == '-';

        for (size_t i = negative; i < text.len; i++) {
            int64_t digit = text.at[i] - '0';

            if (__builtin_mul_overflow(v, 10, &v) ||
                __builtin_add_overflow(v, negative ? -digit : digit, &v)) {
                return 1; /* nil: an integer, and none of 64 bits */
            }
        }
        lua_pushinteger(lua, v);
        return 1;
    }
    double v = strtod((const char *)text.at, NULL);

    if (isfinite(v)) {
        lua_pushnumber(lua, v);
    }
    return 1;
}

/* --- walking */

static int lib_ipairs_next(lua_State *lua)
{
    lua_Integer i = script_int(lua, 2, "ipairs") + 1;

    script_table(lua, 1, "ipairs");
    script_charge(lua, 1);
    lua_pushinteger(lua, i);
    return lua_rawgeti(lua, 1, i) == LUA_TNIL ? 1 : 2;
}

static int lib_ipairs(lua_State *lua)
{
    script_table(lua, 1, "ipairs");
    lua_pushcfunction(lua, lib_ipairs_next);
    lua_pushvalue(lua, 1);
    lua_pushinteger(lua, 0);
    return 3;
}

/* Upvalues: the table, its keys in order, the place. */
static int lib_pairs_next(lua_State *lua)
{
    lua_Integer i = lua_tointeger(lua, lua_upvalueindex(3));

    for (;;) {
        script_charge(lua, 1);
        i++;
        if (lua_rawgeti(lua, lua_upvalueindex(2), i) == LUA_TNIL) {
            return 1;
        }
        lua_pushvalue(lua, -1);
        if (lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL) {
            break;
        }
        lua_pop(lua, 2); /* it went meanwhile */
    }
    lua_pushinteger(lua, i);
    lua_replace(lua, lua_upvalueindex(3));
    return 2;
}

static int lib_pairs(lua_State *lua)
{
    struct cove_script *s = script_of(lua);
    size_t first = s->key_count;
    size_t count;

    script_table(lua, 1, "pairs");
    count = script_keys(lua, 1, false);
    lua_pushvalue(lua, 1);
    lua_createtable(lua, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        const struct script_key *key = &s->keys[first + i];

        if (key->at == NULL) {
            lua_pushinteger(lua, key->number);
        } else {
            lua_pushlstring(lua, (const char *)key->at, key->len);
        }
        lua_rawseti(lua, -2, (lua_Integer)i + 1);
    }
    s->key_count = first;
    lua_pushinteger(lua, 0);
    lua_pushcclosure(lua, lib_pairs_next, 3);
    return 1;
}

static int lib_len(lua_State *lua)
{
    script_table(lua, 1, "len");
    lua_pushinteger(lua, script_count(lua, 1));
    return 1;
}

/* --- numbers */

static void lib_number(lua_State *lua, int index, const char *who)
{
    if (lua_type(lua, index) != LUA_TNUMBER) {
        script_fail(lua, "%s: number %d is a %s, not a number", who, index,
                    lib_type(lua, index));
    }
}

static int lib_floor(lua_State *lua)
{
    double v;

    lib_number(lua, 1, "floor");
    if (lua_isinteger(lua, 1)) {
        lua_pushvalue(lua, 1);
        return 1;
    }
    v = floor(lua_tonumber(lua, 1));
    if (!(v >= -0x1p63 && v < 0x1p63)) {
        script_fail(lua, "floor: the number is no integer of 64 bits");
    }
    lua_pushinteger(lua, (lua_Integer)v);
    return 1;
}

static int lib_extreme(lua_State *lua, const char *who, bool least)
{
    int count = lua_gettop(lua);
    int best = 1;

    lib_number(lua, 1, who);
    script_charge(lua, (size_t)count);
    for (int i = 2; i <= count; i++) {
        lib_number(lua, i, who);
        if (lua_compare(lua, least ? i : best, least ? best : i, LUA_OPLT)) {
            best = i;
        }
    }
    lua_pushvalue(lua, best);
    return 1;
}

static int lib_min(lua_State *lua)
{
    return lib_extreme(lua, "min", true);
}

static int lib_max(lua_State *lua)
{
    return lib_extreme(lua, "max", false);
}

static int lib_abs(lua_State *lua)
{
    lib_number(lua, 1, "abs");
    if (!lua_isinteger(lua, 1)) {
        lua_pushnumber(lua, fabs(lua_tonumber(lua, 1)));
    } else if (lua_tointeger(lua, 1) == LUA_MININTEGER) {
        script_fail(lua, "abs: the number has no counterpart in 64 bits");
    } else {
        lua_Integer v = lua_tointeger(lua, 1);

        lua_pushinteger(lua, v < 0 ? -v : v);
    }
    return 1;
}

static int lib_error(lua_State *lua)
{
    if (lua_type(lua, 1) == LUA_TSTRING) {
        script_fail(lua, "%s", lua_tolstring(lua, 1, NULL));
    }
    script_fail(lua, "error: it threw a %s, not a text", lib_type(lua, 1));
}

/* --- the tables */

static int lib_write(lua_State *lua)
{
    script_fail(lua, "the library cannot be written to");
}

void script_library_add(lua_State *lua, const char *name,
                        const struct script_function *functions, size_t count,
                        lua_CFunction call)
{
    lua_newuserdatauv(lua, 0, 0); /* a handle: nothing can be put into it */
    lua_createtable(lua, 0, 4);
    lua_createtable(lua, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        lua_pushcfunction(lua, functions[i].run);
        lua_setfield(lua, -2, functions[i].name);
    }
    lua_pushvalue(lua, -1);
    lua_setfield(lua, -3, "__index");
    lua_pushcfunction(lua, lib_write);
    lua_setfield(lua, -3, "__newindex");
    if (call != NULL) {
        lua_pushcfunction(lua, call);
        lua_setfield(lua, -3, "__call");
    }
    lua_insert(lua, -3);       /* functions, handle, metatable */
    lua_setmetatable(lua, -2); /* functions, handle */
    lua_setfield(lua, -3, name);
}

void script_library(lua_State *lua)
{
    static const struct script_function functions[] = {
        {"type", lib_type_of},      {"is_integer", lib_is_integer},
        {"tostring", lib_tostring}, {"tonumber", lib_tonumber},
        {"ipairs", lib_ipairs},     {"pairs", lib_pairs},
        {"len", lib_len},           {"floor", lib_floor},
        {"min", lib_min},           {"max", lib_max},
        {"abs", lib_abs},           {"error", lib_error},
    };

    lua_createtable(lua, 0, (int)COVE_ARRAY_LEN(functions) + 4);
    for (size_t i = 0; i < COVE_ARRAY_LEN(functions); i++) {
        lua_pushcfunction(lua, functions[i].run);
        lua_setfield(lua, -2, functions[i].name);
    }
    lua_pushlightuserdata(lua, (void *)(uintptr_t)&script_null);
    lua_setfield(lua, -2, "null");
    script_library_text(lua);
    script_library_list(lua);
}
