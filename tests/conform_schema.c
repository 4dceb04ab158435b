/* conform_schema.c: JSON Schema behind a line protocol, for a second opinion.
 *
 *   in    {"schema": S, "values": [V, …]}
 *   out   one letter a value: v valid, x not, s beyond the steps; or ! and the
 *         sentence, where the schema is refused
 *   in    {"schema": S, "values": [V, …], "rounds": N}
 *   out   how many values were judged, N times each, and in how many ns
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/cbor.h"
#include "core/json.h"
#include "core/value.h"
#include "schema/jsonschema.h"

static char letter(int rc)
{
    return rc == 0 ? 'v' : rc == COVE_ESCHEMA ? 'x' : 's';
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void measure(const struct cove_schema *schema, struct cove_bytes values,
                    int64_t rounds)
{
    int64_t begin = now_ns();
    long long judged = 0;

    for (int64_t i = 0; i < rounds; i++) {
        struct cove_reader r;

        cove_reader_init(&r, values);
        for (size_t left = cove_reader_list(&r); left > 0; left--) {
            int rc = cove_schema_check(schema, cove_reader_item(&r), NULL);

            judged += rc == 0 || rc == COVE_ESCHEMA;
        }
    }
    printf("%lld %lld\n", judged, (long long)(now_ns() - begin));
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
    if (cove_value_member_int(cove_buf_bytes(&cbor), "rounds") > 0) {
        measure(schema, values,
                cove_value_member_int(cove_buf_bytes(&cbor), "rounds"));
        cove_buf_clear(&cbor);
        return fflush(stdout);
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
