/* Any bytes as the cursor of a query. The first byte chooses the query. Where
 * it is even, the rest is the text of the cursor; where it is odd, the bytes of
 * one behind what tells that it is of this query and store. What goes on behind
 * a cursor ends as the whole query does, and its own cursor has nothing behind
 * it.
 */
#include "tests/fuzz/query_kit.h"

#define CURSOR_OF 9 /* bytes: its version, and a hash of what it is of */

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static const char *const queries[] = {
    "",
    "\"order\":[\"name\"],",
    "\"order\":[\"-name\",\"age\"],",
    "\"order\":[\"age\",\"-any\"],",
    "\"order\":[\"-any\"],",
    "\"where\":{\"name\":{\"$gte\":\"a\"}},\"order\":[\"name\",\"age\"],",
    "\"where\":{\"tags\":\"b\"},\"order\":[\"-age\"],",
    "\"order\":[\"any.k\",\"name\",\"age\",\"-any\"],"};

/* As JSON: quotes, and escapes where the text could end there. */
static char *quote(const uint8_t *at, size_t len)
{
    char *text = malloc(len * 6 + 1);
    char *end = text;

    REQUIRE(text != NULL);
    for (size_t i = 0; i < len; i++) {
        if (at[i] < 0x20 || at[i] == '"' || at[i] == '\\') {
            end += sprintf(end, "\\u%04x", at[i]);
        } else {
            *end++ = (char)at[i];
        }
    }
    *end = '\0';
    return text;
}

static char *hex(const uint8_t *at, size_t len, const char *before)
{
    char *text = malloc(len * 2 + CURSOR_OF * 2 + 1);
    char *end = text;

    REQUIRE(text != NULL && before != NULL);
    memcpy(end, before, (size_t)CURSOR_OF * 2);
    end += CURSOR_OF * 2;
    *end = '\0';
    for (size_t i = 0; i < len; i++) {
        end += sprintf(end, "%02x", at[i]);
    }
    return text;
}

static void ask(int schema, const char *query, const char *cursor,
                struct query_rows *out)
{
    size_t room = strlen(query) + strlen(cursor) + 32;
    char *json = malloc(room);

    REQUIRE(json != NULL);
    snprintf(json, room, "{%s\"cursor\":\"%s\"}", query, cursor);
    query_ask(schema, json, out);
    free(json);
}

static void check(int schema, const char *query, const uint8_t *at, size_t len,
                  bool text)
{
    struct query_rows all, rest, none;
    char *cursor;

    ask(schema, query, "", &all);
    REQUIRE(all.err == 0);
    cursor = text ? quote(at, len) : hex(at, len, all.cursor);
    ask(schema, query, cursor, &rest);
    free(cursor);
    if (rest.err == 0) {
        REQUIRE(rest.count <= all.count);
        REQUIRE(memcmp(rest.at, all.at + (all.count - rest.count),
                       rest.count * sizeof(rest.at[0])) == 0);
    }
    if (rest.count > 0) {
        ask(schema, query, rest.cursor, &none);
        REQUIRE(none.err == 0 && none.count == 0);
        cove_free(none.cursor);
    }
    cove_free(rest.cursor);
    cove_free(all.cursor);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    const size_t count = sizeof(queries) / sizeof(queries[0]);

    query_open();
    if (len > 0) {
        const char *query = queries[at[0] / 2 % count];

        check(0, query, at + 1, len - 1, at[0] % 2 == 0);
        check(1, query, at + 1, len - 1, at[0] % 2 == 0);
    }
    return 0;
}
