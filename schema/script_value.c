/* Values in and out.
 *
 *   null      the sentinel `null`       text        a text
 *   bool      a boolean                 bytes, ref  opaque: compared, given
 * back int       an integer                list        a table marked as a list
 *   float     a float, if finite        object      a table marked as an object
 *
 * A mark is a metatable without anything in it, so that an empty list comes out
 * as one. A table without a mark is a list where it has an item 1, else an
 * object. What comes out is judged as any value is, and once more by the limits
 * of a value as a whole. */
#include "schema/script_lua.h"

#include "core/id.h"
#include "core/limits.h"
#include "core/utf8.h"
#include "core/value.h"

#include <math.h>

const char script_null = 'n';
const char script_delete = 'd';

static void value_sentinel(lua_State *lua, const char *sentinel)
{
    lua_pushlightuserdata(lua, (void *)(uintptr_t)sentinel);
}

static void value_mark(lua_State *lua, enum script_place place)
{
    lua_rawgeti(lua, LUA_REGISTRYINDEX, place);
    lua_setmetatable(lua, -2);
}

void script_value_list(lua_State *lua)
{
    value_mark(lua, SCRIPT_PLACE_LIST);
}

/* --- opaque values */

static struct cove_bytes value_opaque(lua_State *lua, int index)
{
    return cove_bytes(lua_touserdata(lua, index), lua_rawlen(lua, index));
}

static int value_same(lua_State *lua)
{
    lua_pushboolean(
        lua, lua_type(lua, 1) == LUA_TUSERDATA &&
                 lua_type(lua, 2) == LUA_TUSERDATA &&
                 cove_bytes_equal(value_opaque(lua, 1), value_opaque(lua, 2)));
    return 1;
}

bool script_value_ref(lua_State *lua, int index, char *out)
{
    struct cove_id id;
    bool is_ref = false;

    if (lua_type(lua, index) == LUA_TUSERDATA && lua_getmetatable(lua, index)) {
        lua_rawgeti(lua, LUA_REGISTRYINDEX, SCRIPT_PLACE_OPAQUE);
        is_ref = lua_rawequal(lua, -1, -2) &&
                 cove_value_ref(value_opaque(lua, index), &id);
        lua_pop(lua, 2);
    }
    if (is_ref) {
        cove_id_text(&id, out);
    }
    return is_ref;
}

void script_value_setup(lua_State *lua)
{
    lua_createtable(lua, 0, 0);
    lua_rawseti(lua, LUA_REGISTRYINDEX, SCRIPT_PLACE_LIST);
    lua_createtable(lua, 0, 0);
    lua_rawseti(lua, LUA_REGISTRYINDEX, SCRIPT_PLACE_OBJECT);
    lua_createtable(lua, 0, 1);
    lua_pushcfunction(lua, value_same);
    lua_setfield(lua, -2, "__eq");
    lua_rawseti(lua, LUA_REGISTRYINDEX, SCRIPT_PLACE_OPAQUE);
}

static void value_push_opaque(lua_State *lua, struct cove_bytes item)
{
    void *at;

    script_charge_bytes(lua, item.len);
    at = lua_newuserdatauv(lua, item.len, 0);
    memcpy(at, item.at, item.len);
    value_mark(lua, SCRIPT_PLACE_OPAQUE);
}

/* --- in */

static void value_push_text(lua_State *lua, struct cove_bytes text)
{
    script_charge(lua, 1);
    lua_pushlstring(lua, (const char *)text.at, text.len);
}

static void value_push_float(lua_State *lua, double v)
{
    if (!isfinite(v)) {
        script_fail(lua, "an input has a number that is not finite");
    }
    lua_pushnumber(lua, v);
}

static void value_push(lua_State *lua, struct cove_reader *r);

static void value_push_list(lua_State *lua, struct cove_reader *r)
{
    size_t count = cove_reader_list(r);

    script_charge(lua, 1 + count);
    lua_createtable(lua, (int)count, 0);
    for (size_t i = 1; i <= count; i++) {
        value_push(lua, r);
        lua_rawseti(lua, -2, (lua_Integer)i);
    }
    value_mark(lua, SCRIPT_PLACE_LIST);
}

static void value_push_map(lua_State *lua, struct cove_reader *r)
{
    struct cove_reader whole = *r;
    size_t count = cove_reader_map(r);
    struct cove_id id;

    if (count == 1) {
        struct cove_bytes item = cove_reader_item(&whole);

        if (cove_value_ref(item, &id)) {
            *r = whole;
            value_push_opaque(lua, item);
            return;
        }
    }
    script_charge(lua, 1 + count);
    lua_createtable(lua, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        value_push_text(lua, cove_reader_text(r));
        value_push(lua, r);
        lua_rawset(lua, -3);
    }
    value_mark(lua, SCRIPT_PLACE_OBJECT);
}

/* Nested at most as deep as a checked value is. */
static void value_push(lua_State *lua, struct cove_reader *r)
{
    script_room(lua);
    switch (cove_reader_peek(r)) {
    case COVE_CBOR_UINT:
    case COVE_CBOR_NINT:
        lua_pushinteger(lua, cove_reader_int(r));
        return;
    case COVE_CBOR_TEXT:
        value_push_text(lua, cove_reader_text(r));
        return;
    case COVE_CBOR_BOOL:
        lua_pushboolean(lua, cove_reader_bool(r));
        return;
    case COVE_CBOR_FLOAT:
        value_push_float(lua, cove_reader_float(r));
        return;
    case COVE_CBOR_BYTES:
        value_push_opaque(lua, cove_reader_item(r));
        return;
    case COVE_CBOR_LIST:
        value_push_list(lua, r);
        return;
    case COVE_CBOR_MAP:
        value_push_map(lua, r);
        return;
    case COVE_CBOR_NULL:
    case COVE_CBOR_END:
        break;
    }
    cove_reader_null(r);
    value_sentinel(lua, &script_null);
}

void script_value_push(lua_State *lua, struct cove_bytes value)
{
    struct cove_reader r;

    cove_reader_init(&r, value);
    value_push(lua, &r);
}

/* --- keys in order */

static int key_compare(const struct script_key *a, const struct script_key *b,
                       bool by_length)
{
    if (a->at == NULL || b->at == NULL) {
        return a->at == NULL && b->at == NULL
                   ? (a->number > b->number) - (a->number < b->number)
                   : (a->at != NULL) - (b->at != NULL);
    }
    if (by_length && a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }
    return cove_bytes_compare(cove_bytes(a->at, a->len),
                              cove_bytes(b->at, b->len));
}

static void key_sink(struct script_key *keys, size_t at, size_t count,
                     bool by_length)
{
    struct script_key moved = keys[at];

    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count &&
            key_compare(&keys[child], &keys[child + 1], by_length) < 0) {
            child++;
        }
        if (key_compare(&moved, &keys[child], by_length) >= 0) {
            break;
        }
        keys[at] = keys[child];
    }
    keys[at] = moved;
}

/* A heap sort: in place, and as long for any order. */
static void key_sort(struct script_key *keys, size_t count, bool by_length)
{
    for (size_t i = count / 2; i-- > 0;) {
        key_sink(keys, i, count, by_length);
    }
    for (size_t end = count; end-- > 1;) {
        struct script_key largest = keys[0];

        keys[0] = keys[end];
        keys[end] = largest;
        key_sink(keys, 0, end, by_length);
    }
}

static void key_add(lua_State *lua, struct script_key key)
{
    struct cove_script *s = script_of(lua);

    if (s->key_count == s->key_cap) {
        size_t cap = s->key_cap == 0 ? 32 : s->key_cap * 2;
        void *grown =
            s->alloc->resize(s->alloc->ctx, s->keys, cap * sizeof(*s->keys));

        if (grown == NULL) {
            script_stop(lua, SCRIPT_NO_HEAP);
        }
        s->keys = grown;
        s->key_cap = cap;
    }
    s->keys[s->key_count++] = key;
}

size_t script_keys(lua_State *lua, int index, bool by_length)
{
    struct cove_script *s = script_of(lua);
    size_t first = s->key_count;
    size_t count;
    size_t cost = 1;

    script_room(lua);
    lua_pushnil(lua);
    while (lua_next(lua, index) != 0) {
        struct script_key key = {NULL, 0, 0};

        lua_pop(lua, 1);
        if (lua_isinteger(lua, -1)) {
            key.number = lua_tointeger(lua, -1);
        } else if (lua_type(lua, -1) == LUA_TSTRING) {
            key.at = (const uint8_t *)lua_tolstring(lua, -1, &key.len);
        } else {
            script_fail(lua, "a table has a key that is neither an integer nor "
                             "a text");
        }
        key_add(lua, key);
    }
    count = s->key_count - first;
    for (size_t n = count; n > 1; n /= 2) {
        cost++;
    }
    script_charge(lua, 1 + count * cost / 4);
    if (count > 1) {
        key_sort(s->keys + first, count, by_length);
    }
    return count;
}

/* --- out */

static void value_take(lua_State *lua, struct cove_writer *w, unsigned depth);

static void value_room(lua_State *lua, struct cove_writer *w)
{
    script_need(lua, w->err);
    if (w->out->len > COVE_MAX_VALUE) {
        script_fail(lua, "the result has more than %d bytes", COVE_MAX_VALUE);
    }
}

static void value_take_text(lua_State *lua, struct cove_writer *w,
                            struct cove_bytes text)
{
    script_charge_bytes(lua, text.len);
    if (!cove_utf8_valid(text)) {
        script_fail(lua, "the result has a text that is not UTF-8");
    }
    cove_writer_text(w, text);
}

static void value_take_number(lua_State *lua, struct cove_writer *w)
{
    double v;

    if (lua_isinteger(lua, -1)) {
        cove_writer_int(w, lua_tointeger(lua, -1));
        return;
    }
    v = lua_tonumber(lua, -1);
    if (!isfinite(v)) {
        script_fail(lua, "the result has a number that is not finite");
    }
    cove_writer_float(w, v == 0.0 ? 0.0 : v); /* no -0 */
}

static void value_take_list(lua_State *lua, struct cove_writer *w, size_t count,
                            unsigned depth)
{
    cove_writer_list(w, count);
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(lua, -1, (lua_Integer)i);
        value_take(lua, w, depth);
        lua_pop(lua, 1);
    }
}

static void value_take_map(lua_State *lua, struct cove_writer *w, size_t first,
                           size_t count, unsigned depth)
{
    struct cove_script *s = script_of(lua);

    cove_writer_map(w, count);
    for (size_t i = first; i < first + count; i++) {
        struct cove_bytes key = cove_bytes(s->keys[i].at, s->keys[i].len);

        value_take_text(lua, w, key);
        lua_pushlstring(lua, (const char *)key.at, key.len);
        lua_rawget(lua, -2);
        value_take(lua, w, depth);
        lua_pop(lua, 1);
    }
}

enum value_form { VALUE_LIST, VALUE_OBJECT, VALUE_UNMARKED };

static enum value_form value_form(lua_State *lua)
{
    enum value_form form = VALUE_UNMARKED;

    if (lua_getmetatable(lua, -1)) {
        lua_rawgeti(lua, LUA_REGISTRYINDEX, SCRIPT_PLACE_LIST);
        lua_rawgeti(lua, LUA_REGISTRYINDEX, SCRIPT_PLACE_OBJECT);
        if (lua_rawequal(lua, -2, -3)) {
            form = VALUE_LIST;
        } else if (lua_rawequal(lua, -1, -3)) {
            form = VALUE_OBJECT;
        }
        lua_pop(lua, 3);
    }
    return form;
}

static void value_take_table(lua_State *lua, struct cove_writer *w,
                             unsigned depth)
{
    struct cove_script *s = script_of(lua);
    size_t first = s->key_count;
    enum value_form form = value_form(lua);
    size_t items = 0;
    size_t count;

    if (depth == 0) {
        script_fail(
            lua,
            "the result is nested more than %d levels deep, or contains "
            "itself",
            COVE_MAX_VALUE_DEPTH);
    }
    count = script_keys(lua, lua_absindex(lua, -1), true);
    while (items < count && s->keys[first + items].at == NULL) {
        items++;
    }
    if (items > 0 && items < count) {
        script_fail(lua, "the result has a table with items and with names");
    }
    if (items > 0 &&
        (s->keys[first].number != 1 ||
         s->keys[first + items - 1].number != (lua_Integer)items)) {
        script_fail(lua, "the result has a list with holes, or an item that is "
                         "not counted from 1");
    }
    if ((form == VALUE_LIST && count > items) ||
        (form == VALUE_OBJECT && items > 0)) {
        script_fail(lua, "the result has a list with names, or an object with "
                         "items");
    }
    if (form == VALUE_LIST || items > 0) {
        value_take_list(lua, w, items, depth - 1);
    } else {
        value_take_map(lua, w, first, count, depth - 1);
    }
    s->key_count = first;
}

static void value_take(lua_State *lua, struct cove_writer *w, unsigned depth)
{
    size_t len;
    const void *at;

    value_room(lua, w);
    script_charge(lua, 1);
    switch (lua_type(lua, -1)) {
    case LUA_TBOOLEAN:
        cove_writer_bool(w, lua_toboolean(lua, -1));
        return;
    case LUA_TNUMBER:
        value_take_number(lua, w);
        return;
    case LUA_TSTRING:
        at = lua_tolstring(lua, -1, &len);
        value_take_text(lua, w, cove_bytes(at, len));
        return;
    case LUA_TTABLE:
        value_take_table(lua, w, depth);
        return;
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(lua, -1) == &script_null) {
            cove_writer_null(w);
            return;
        }
        break;
    case LUA_TUSERDATA:
        if (lua_rawlen(lua, -1) > 0) { /* the library's have no bytes */
            cove_writer_item(w, value_opaque(lua, -1));
            return;
        }
        break;
    default:
        break;
    }
    script_fail(lua, "the result has a %s, which is no value",
                lua_type(lua, -1) == LUA_TFUNCTION ? "function"
                : lua_isnil(lua, -1)               ? "nil"
                                                   : "part of the library");
}

/* Everything that comes out is judged as what comes from anywhere else. */
static void value_judge(lua_State *lua, struct cove_bytes value)
{
    struct cove_diag why = {0};
    int err = cove_value_check(value, &why);

    if (err != 0) {
        script_fail(lua, "the result is no value: %s",
                    why.text[0] != '\0' ? why.text : cove_error_text(err));
    }
}

void script_value_take(lua_State *lua)
{
    struct cove_script *s = script_of(lua);
    struct cove_writer w;

    if (lua_isnil(lua, -1)) {
        return;
    }
    cove_writer_init(&w, &s->out);
    value_take(lua, &w, COVE_MAX_VALUE_DEPTH);
    value_room(lua, &w);
    value_judge(lua, cove_buf_bytes(&s->out));
}

static void patch_take_field(lua_State *lua, struct cove_writer *w)
{
    size_t from = w->out->len;

    if (lua_touserdata(lua, -1) == &script_delete) {
        cove_writer_item(w, cove_bytes(COVE_SCRIPT_DELETED,
                                       sizeof(COVE_SCRIPT_DELETED) - 1));
        script_need(lua, w->err);
        return;
    }
    value_take(lua, w, COVE_MAX_VALUE_DEPTH);
    value_room(lua, w);
    value_judge(lua, cove_bytes(w->out->at + from, w->out->len - from));
}

void script_patch_take(lua_State *lua)
{
    struct cove_script *s = script_of(lua);
    struct cove_writer w;
    size_t count;

    if (lua_isnil(lua, -1)) {
        return;
    }
    if (!lua_istable(lua, -1)) {
        script_fail(lua, "a patch is a table {field = value}, or nil");
    }
    count = script_keys(lua, lua_absindex(lua, -1), true);
    cove_writer_init(&w, &s->out);
    cove_writer_map(&w, count);
    for (size_t i = 0; i < count; i++) {
        struct cove_bytes key = cove_bytes(s->keys[i].at, s->keys[i].len);

        if (key.at == NULL) {
            script_fail(lua, "a patch is a table {field = value}, not a list");
        }
        value_take_text(lua, &w, key);
        lua_pushlstring(lua, (const char *)key.at, key.len);
        lua_rawget(lua, -2);
        patch_take_field(lua, &w);
        lua_pop(lua, 1);
    }
    script_need(lua, w.err);
}
