/* Functions of lists. A list is sorted by merging, bottom up, so that it takes
 * the same comparisons whatever the comparator says, and always ends; equal
 * items keep their order. */
#include "schema/script_lua.h"

static int list_mark(lua_State *lua)
{
    lua_settop(lua, 2); /* the library, what it is called with */
    script_table(lua, 2, "list");
    script_value_list(lua);
    return 1;
}

static int list_insert(lua_State *lua)
{
    bool at_place = lua_gettop(lua) > 2;
    lua_Integer count;
    lua_Integer at;

    script_table(lua, 1, "list.insert");
    count = script_count(lua, 1);
    at = at_place ? script_int(lua, 2, "list.insert") : count + 1;
    if (at < 1 || at > count + 1) {
        script_fail(lua, "list.insert: place %I of a list of %I",
                    (LUAI_UACINT)at, (LUAI_UACINT)count);
    }
    lua_settop(lua, at_place ? 3 : 2);
    if (lua_isnil(lua, -1)) {
        script_fail(lua, "list.insert: nil cannot be an item; null can");
    }
    for (lua_Integer i = count; i >= at; i--) {
        script_charge(lua, 1);
        lua_rawgeti(lua, 1, i);
        lua_rawseti(lua, 1, i + 1);
    }
    lua_rawseti(lua, 1, at);
    return 0;
}

static int list_remove(lua_State *lua)
{
    lua_Integer count;
    lua_Integer at;

    script_table(lua, 1, "list.remove");
    count = script_count(lua, 1);
    at = lua_isnoneornil(lua, 2) ? count : script_int(lua, 2, "list.remove");
    if (count == 0 && lua_isnoneornil(lua, 2)) {
        lua_pushnil(lua);
        return 1;
    }
    if (at < 1 || at > count) {
        script_fail(lua, "list.remove: place %I of a list of %I",
                    (LUAI_UACINT)at, (LUAI_UACINT)count);
    }
    lua_rawgeti(lua, 1, at);
    for (lua_Integer i = at; i <= count; i++) {
        script_charge(lua, 1);
        lua_rawgeti(lua, 1, i + 1);
        lua_rawseti(lua, 1, i);
    }
    return 1;
}

/* --- sorting. On the stack: 1 the list, 2 the comparator or nil, 3 and 4 the
 * items and where they are merged to. */

#define LIST_ITEMS 3
#define LIST_SPARE 4

/* Must the item at `right` stand before the one at `left`? */
static bool list_before(lua_State *lua, int from, lua_Integer right,
                        lua_Integer left)
{
    bool before;

    script_charge(lua, 2);
    if (lua_isnil(lua, 2)) {
        lua_rawgeti(lua, from, right);
        lua_rawgeti(lua, from, left);
        before = lua_compare(lua, -2, -1, LUA_OPLT);
        lua_pop(lua, 2);
        return before;
    }
    lua_pushvalue(lua, 2);
    lua_rawgeti(lua, from, right);
    lua_rawgeti(lua, from, left);
    lua_call(lua, 2, 1);
    before = lua_toboolean(lua, -1);
    lua_pop(lua, 1);
    return before;
}

static void list_merge(lua_State *lua, int from, int to, lua_Integer begin,
                       const lua_Integer ends[2])
{
    lua_Integer left = begin;
    lua_Integer right = ends[0];

    for (lua_Integer i = begin; i < ends[1]; i++) {
        bool take_right =
            left >= ends[0] ||
            (right < ends[1] && list_before(lua, from, right, left));

        lua_rawgeti(lua, from, take_right ? right++ : left++);
        lua_rawseti(lua, to, i);
    }
}

static void list_copy(lua_State *lua, int from, int to, lua_Integer count)
{
    script_charge(lua, (size_t)count);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(lua, from, i);
        lua_rawseti(lua, to, i);
    }
}

static lua_Integer list_least(lua_Integer a, lua_Integer b)
{
    return a < b ? a : b;
}

static int list_sort(lua_State *lua)
{
    struct cove_script *s = script_of(lua);
    int from = LIST_ITEMS;
    int to = LIST_SPARE;
    lua_Integer count;

    script_table(lua, 1, "list.sort");
    lua_settop(lua, 2);
    if (!lua_isnil(lua, 2) && !lua_isfunction(lua, 2)) {
        script_fail(lua, "list.sort: number 2 is no function");
    }
    if (s->nested >= SCRIPT_NESTED) {
        script_fail(lua, "list.sort: more than %d inside each other",
                    SCRIPT_NESTED);
    }
    s->nested++;
    count = script_count(lua, 1);
    lua_createtable(lua, (int)count, 0);
    lua_createtable(lua, (int)count, 0);
    list_copy(lua, 1, from, count);
    for (lua_Integer run = 1; run < count; run *= 2) {
        int was = from;

        script_charge(lua, (size_t)count);
        for (lua_Integer at = 1; at <= count; at += 2 * run) {
            lua_Integer ends[2] = {list_least(at + run, count + 1),
                                   list_least(at + 2 * run, count + 1)};

            list_merge(lua, from, to, at, ends);
        }
        from = to;
        to = was;
    }
    list_copy(lua, from, 1, count);
    s->nested--;
    return 0;
}

void script_library_list(lua_State *lua)
{
    static const struct script_function functions[] = {
        {"insert", list_insert},
        {"remove", list_remove},
        {"sort", list_sort},
    };

    script_library_add(lua, "list", functions, COVE_ARRAY_LEN(functions),
                       list_mark);
    lua_pop(lua, 1);
}
