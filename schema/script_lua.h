/* script_lua.h: a script as its own files see it. The one home of lua.h; who
 * runs scripts includes script.h. */
#ifndef COVE_SCHEMA_SCRIPT_LUA_H
#define COVE_SCHEMA_SCRIPT_LUA_H

#include <locale.h>
#include <lua.h>

#include "core/cbor.h"
#include "schema/script.h"

#define SCRIPT_QUANTUM 64  /* instructions between two looks at the fuel */
#define SCRIPT_DEPTH   200 /* calls inside each other */
#define SCRIPT_NESTED  8   /* sorts inside comparators of sorts */
#define SCRIPT_MOVED   16  /* bytes for one of fuel */

/* What ended a call, where no message of Lua's says it. */
enum script_end {
    SCRIPT_GOES_ON,
    SCRIPT_NO_FUEL,
    SCRIPT_LONG_TEXT,
    SCRIPT_NO_MEMORY, /* of its budget */
    SCRIPT_NO_HEAP,   /* of the program */
    SCRIPT_HOST       /* `load` failed */
};

/* One key of a table that is walked in order. */
struct script_key {
    const uint8_t *at; /* a text's; NULL: an integer */
    size_t len;
    lua_Integer number;
};

struct cove_script {
    const struct cove_alloc *alloc;
    struct cove_bytes source; /* owned */
    lua_State *lua;
    locale_t locale; /* C */
    size_t live;     /* bytes that Lua holds */
    size_t rest;     /* of which the script itself, idle */

    /* the meter of the call that runs */
    int64_t fuel;
    size_t budget; /* for `live` */
    unsigned collections;
    size_t longest, second; /* lengths of texts it made */
    unsigned nested;
    enum script_end end;
    int host_err;

    const struct cove_script_call *call;
    struct cove_buf text;    /* scratch of the library */
    struct cove_buf out;     /* the result */
    struct script_key *keys; /* scratch, a stack */
    size_t key_count, key_cap;
};

/* Places in the registry. */
enum script_place {
    SCRIPT_PLACE_MAIN = LUA_RIDX_LAST + 1, /* the chunk */
    SCRIPT_PLACE_ENV,                      /* metatable of environments */
    SCRIPT_PLACE_LIST,                     /* of lists */
    SCRIPT_PLACE_OBJECT,                   /* of objects that came in */
    SCRIPT_PLACE_OPAQUE                    /* of bytes and references */
};

static inline struct cove_script *script_of(lua_State *lua)
{
    return *(struct cove_script **)lua_getextraspace(lua);
}

/* These end the call that runs. */
void script_stop(lua_State *lua, enum script_end end) __attribute__((noreturn));
/* With a sentence, the line in front. Formats are lua_pushfstring's. */
void script_fail(lua_State *lua, const char *format, ...)
    __attribute__((noreturn));
void script_charge(lua_State *lua, size_t fuel);
void script_charge_bytes(lua_State *lua, size_t len);
/* A failure of what allocates outside of Lua: ends the call where it is one. */
void script_need(lua_State *lua, int err);
/* Some places on Lua's stack. */
void script_room(lua_State *lua);

/* script_lib.c: leave the table of global functions on the stack. */
void script_library(lua_State *lua);
/* script_text.c, script_list.c: add a library to the table on top. That of
 * texts becomes the methods of texts too. */
void script_library_text(lua_State *lua);
void script_library_list(lua_State *lua);
struct script_function {
    const char *name;
    lua_CFunction run;
};
/* Put `functions` into the table on top, under `name` as something that nobody
 * can write to; `call`: what it does when it is called itself, or NULL. Leaves
 * the table of functions on top. */
void script_library_add(lua_State *lua, const char *name,
                        const struct script_function *functions, size_t count,
                        lua_CFunction call);

/* The argument number `index`, or the call ends: `who` is named. */
struct cove_bytes script_text(lua_State *lua, int index, const char *who);
lua_Integer script_int(lua_State *lua, int index, const char *who);
void script_table(lua_State *lua, int index, const char *who);
/* The items of a table, up to the first that is nil. */
lua_Integer script_count(lua_State *lua, int index);
void script_push_text(lua_State *lua, struct cove_bytes text);

/* script_value.c */
extern const char script_null;   /* its address is the sentinel */
extern const char script_delete; /* the same */
void script_value_setup(lua_State *lua);
/* Mark the table on top as a list. */
void script_value_list(lua_State *lua);
/* Push a value. */
void script_value_push(lua_State *lua, struct cove_bytes value);
/* Append what is at the top to script->out; pops nothing. */
void script_value_take(lua_State *lua);
void script_patch_take(lua_State *lua);
/* The id's text of a reference; false where the value at `index` is none. */
bool script_value_ref(lua_State *lua, int index, char *out);

/* The keys of the table at `index`, behind script->key_count as it was, which
 * the caller sets back. Integers come first, then texts; `by_length`: in the
 * order of CBOR, shorter texts first. */
size_t script_keys(lua_State *lua, int index, bool by_length);

#endif
