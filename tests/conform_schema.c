/* conform_schema.c: JSON Schema behind a line protocol, for a second opinion.
 *
 *   in    {"schema": S, "values": [V, …]}
 *   out   one letter a value: v valid, x not, s beyond the steps; or ! and the
 *         sentence, where the schema is refused
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/cbor.h"
#include "core/json.h"
#include "core/value.h"
#include "schema/jsonschema.h"

static char letter(int rc)
{
    return rc == 0 ? 'v' : rc == COVE_ESCHEMA ? 'x' : 's';
}

static int answer(struct cove_bytes line, struct cove_arena *arena)
{
    struct cove_buf cbor;
    struct cove_bytes item, values;
    const struct cove_schema *schema;
    struct cove_diag diag = {0};
    struct cove_reader r;
    int rc;

    cove_buf_init(&cbor, arena->alloc);
    rc = cove_json_read_plain(line, "line", &cbor, &diag);
    if (rc == 0 && cove_value_member(cove_buf_bytes(&cbor), "schema", &item) &&
        cove_value_member(cove_buf_bytes(&cbor), "values", &values)) {
        rc = cove_schema_parse(arena, item, &schema, &diag);
    }
    if (rc != 0) {
        printf("! %s\n", diag.text);
        cove_buf_clear(&cbor);
        return 0;
    }
    cove_reader_init(&r, values);
    for (size_t left = cove_reader_list(&r); left > 0; left--) {
        putchar(letter(cove_schema_check(schema, cove_reader_item(&r), &diag)));
    }
    putchar('\n');
    cove_buf_clear(&cbor);
    return fflush(stdout);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    int rc = 0;

    while (rc == 0 && (len = getline(&line, &cap, stdin)) > 0) {
        struct cove_arena arena;

        cove_arena_init(&arena, &cove_alloc_libc);
        rc = answer(cove_bytes(line, (size_t)len), &arena);
        cove_arena_clear(&arena);
    }
    free(line);
    return rc != 0;
}
