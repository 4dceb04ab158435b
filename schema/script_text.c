/* Functions of texts, which are the methods of texts as well. Places are code
 * points, counted from 1, from the end where negative; what is looked for is
 * itself and no pattern. A text that an escape made no UTF-8 is counted
 * somehow, and never gets out. */
#include "schema/script_lua.h"

#include "core/utf8.h"

static int text_len(lua_State *lua)
{
    struct cove_bytes text = script_text(lua, 1, "text.len");

    script_charge_bytes(lua, text.len);
    lua_pushinteger(lua, (lua_Integer)cove_utf8_count(text));
    return 1;
}

/* The offset behind `n` code points; the end where there are fewer. */
static size_t text_offset(struct cove_bytes text, lua_Integer n)
{
    size_t offset;

    return n > 0 && (lua_Unsigned)n < text.len &&
                   cove_utf8_offset(text, (size_t)n, &offset) == 0
               ? offset
           : n > 0 ? text.len
                   : 0;
}

static int text_sub(lua_State *lua)
{
    struct cove_bytes text = script_text(lua, 1, "text.sub");
    lua_Integer first = script_int(lua, 2, "text.sub");
    lua_Integer last =
        lua_isnoneornil(lua, 3) ? -1 : script_int(lua, 3, "text.sub");
    lua_Integer count;
    size_t from;
    size_t end;

    script_charge_bytes(lua, text.len);
    count = (lua_Integer)cove_utf8_count(text);
    if (first < 0) {
        first = first < -count ? 1 : count + first + 1;
    }
    if (last < 0) {
        last = last < -count ? 0 : count + last + 1;
    }
    from = text_offset(text, first > 0 ? first - 1 : 0);
    end = text_offset(text, last);
    script_push_text(lua, from < end ? cove_bytes(text.at + from, end - from)
                                     : cove_bytes("", 0));
    return 1;
}

/* Where `part` first stands at or behind `from`; false where it does not. */
static bool text_search(lua_State *lua, struct cove_bytes text,
                        struct cove_bytes part, size_t from, size_t *at)
{
    const uint8_t *found;

    script_charge_bytes(lua, text.len - from);
    if (part.len == 0) {
        *at = from;
        return true;
    }
    found = memmem(text.at + from, text.len - from, part.at, part.len);
    if (found == NULL) {
        return false;
    }
    *at = (size_t)(found - text.at);
    return true;
}

static int text_find(lua_State *lua)
{
    struct cove_bytes text = script_text(lua, 1, "text.find");
    struct cove_bytes part = script_text(lua, 2, "text.find");
    lua_Integer first =
        lua_isnoneornil(lua, 3) ? 1 : script_int(lua, 3, "text.find");
    size_t at;

    if (first < 1) {
        script_fail(lua, "text.find: places are counted from 1");
    }
    script_charge_bytes(lua, text.len);
    if (!text_search(lua, text, part, text_offset(text, first - 1), &at)) {
        lua_pushnil(lua);
        return 1;
    }
    first = (lua_Integer)cove_utf8_count(cove_bytes(text.at, at)) + 1;
    lua_pushinteger(lua, first);
    lua_pushinteger(lua, first + (lua_Integer)cove_utf8_count(part) - 1);
    return 2;
}

static int text_starts(lua_State *lua)
{
    struct cove_bytes text = script_text(lua, 1, "text.starts");
    struct cove_bytes part = script_text(lua, 2, "text.starts");

    script_charge_bytes(lua, part.len);
    lua_pushboolean(lua,
                    part.len <= text.len &&
                        cove_bytes_equal(cove_bytes(text.at, part.len), part));
    return 1;
}

static int text_ends(lua_State *lua)
{
    struct cove_bytes text = script_text(lua, 1, "text.ends");
    struct cove_bytes part = script_text(lua, 2, "text.ends");

    script_charge_bytes(lua, part.len);
    lua_pushboolean(
        lua,
        part.len <= text.len &&
            cove_bytes_equal(
                cove_bytes(text.at + (text.len - part.len), part.len), part));
    return 1;
}

/* --- made in the scratch buffer */

static struct cove_buf *text_begin(lua_State *lua)
{
    struct cove_script *s = script_of(lua);

    s->text.len = 0;
    return &s->text;
}

static void text_put(lua_State *lua, struct cove_buf *buf, struct cove_bytes b)
{
    script_charge_bytes(lua, b.len);
    if (b.len > COVE_SCRIPT_TEXT - buf->len) {
        script_stop(lua, SCRIPT_LONG_TEXT);
    }
    script_need(lua, cove_buf_append(buf, b));
}

static int text_end(lua_State *lua, const struct cove_buf *buf)
{
    lua_pushlstring(lua, (const char *)buf->at, buf->len);
    return 1;
}

static int text_case(lua_State *lua, const char *who, uint8_t first)
{
    struct cove_buf *buf = text_begin(lua);

    text_put(lua, buf, script_text(lua, 1, who));
    for (size_t i = 0; i < buf->len; i++) {
        if (buf->at[i] >= first && buf->at[i] < first + 26) {
            buf->at[i] ^= 0x20;
        }
    }
    return text_end(lua, buf);
}

static int text_upper(lua_State *lua)
{
    return text_case(lua, "text.upper", 'a');
}

static int text_lower(lua_State *lua)
{
    return text_case(lua, "text.lower", 'A');
}

static int text_rep(lua_State *lua)
{
    struct cove_bytes text = script_text(lua, 1, "text.rep");
    lua_Integer n = script_int(lua, 2, "text.rep");
    struct cove_buf *buf = text_begin(lua);

    for (lua_Integer i = 0; i < n; i++) {
        text_put(lua, buf, text); /* an empty one costs as well */
    }
    return text_end(lua, buf);
}

static int text_replace(lua_State *lua)
{
    struct cove_bytes text = script_text(lua, 1, "text.replace");
    struct cove_bytes part = script_text(lua, 2, "text.replace");
    struct cove_bytes with = script_text(lua, 3, "text.replace");
    struct cove_buf *buf = text_begin(lua);
    size_t from = 0;
    size_t at;

    if (part.len == 0) {
        script_fail(lua, "text.replace: what is replaced is empty");
    }
    while (text_search(lua, text, part, from, &at)) {
        text_put(lua, buf, cove_bytes(text.at + from, at - from));
        text_put(lua, buf, with);
        from = at + part.len;
    }
    text_put(lua, buf, cove_bytes(text.at + from, text.len - from));
    return text_end(lua, buf);
}

static bool text_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int text_trim(lua_State *lua)
{
    struct cove_bytes text = script_text(lua, 1, "text.trim");

    script_charge_bytes(lua, text.len);
    while (text.len > 0 && text_blank(text.at[0])) {
        text = cove_bytes(text.at + 1, text.len - 1);
    }
    while (text.len > 0 && text_blank(text.at[text.len - 1])) {
        text.len--;
    }
    script_push_text(lua, text);
    return 1;
}

/* --- lists of texts */

static int text_split(lua_State *lua)
{
    struct cove_bytes text = script_text(lua, 1, "text.split");
    struct cove_bytes part = script_text(lua, 2, "text.split");
    lua_Integer count = 0;
    size_t from = 0;
    size_t at;

    if (part.len == 0) {
        script_fail(lua, "text.split: what separates is empty");
    }
    lua_createtable(lua, 0, 0);
    script_value_list(lua);
    while (text_search(lua, text, part, from, &at)) {
        script_push_text(lua, cove_bytes(text.at + from, at - from));
        lua_rawseti(lua, -2, ++count);
        from = at + part.len;
    }
    script_push_text(lua, cove_bytes(text.at + from, text.len - from));
    lua_rawseti(lua, -2, ++count);
    return 1;
}

static int text_join(lua_State *lua)
{
    struct cove_buf *buf = text_begin(lua);
    struct cove_bytes between = {NULL, 0};
    lua_Integer i = 1;

    script_table(lua, 1, "text.join");
    if (!lua_isnoneornil(lua, 2)) {
        between = script_text(lua, 2, "text.join");
    }
    for (; lua_rawgeti(lua, 1, i) != LUA_TNIL; i++) {
        if (lua_type(lua, -1) == LUA_TNUMBER && lua_isinteger(lua, -1)) {
            lua_tolstring(lua, -1, NULL); /* its digits, in its place */
        }
        if (i > 1) {
            text_put(lua, buf, between);
        }
        if (lua_type(lua, -1) != LUA_TSTRING) {
            script_fail(lua,
                        "text.join: item %I is neither a text nor an integer",
                        (LUAI_UACINT)i);
        }
        text_put(lua, buf, script_text(lua, lua_gettop(lua), "text.join"));
        lua_pop(lua, 1);
    }
    return text_end(lua, buf);
}

void script_library_text(lua_State *lua)
{
    static const struct script_function functions[] = {
        {"len", text_len},         {"sub", text_sub},
        {"find", text_find},       {"starts", text_starts},
        {"ends", text_ends},       {"upper", text_upper},
        {"lower", text_lower},     {"rep", text_rep},
        {"replace", text_replace}, {"trim", text_trim},
        {"split", text_split},     {"join", text_join},
    };

    script_library_add(lua, "text", functions, COVE_ARRAY_LEN(functions), NULL);
    /* The methods of texts: what a text's metatable has as __index. */
    lua_pushliteral(lua, "");
    lua_createtable(lua, 0, 1);
    lua_pushvalue(lua, -3);
    lua_setfield(lua, -2, "__index");
    lua_setmetatable(lua, -2);
    lua_pop(lua, 2);
}
