/* functions.c: the functions of migration steps behind a line protocol, for
 * tests/oracle/functions_fuzz.py. A line is a pipeline and a value, each CBOR
 * in hex, with a space between; the answer is "unknown", "bad", or the result
 * in hex. No view logic, no opinion: what is compared is what ships. */
#include <stdio.h>
#include <stdlib.h>

#include "core/cbor.h"
#include "core/limits.h"
#include "schema/fn.h"

static int digit(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* The bytes of hex digits, written over them; *at stands behind. */
static struct cove_bytes take_hex(char **at)
{
    uint8_t *to = (uint8_t *)*at;
    size_t len = 0;

    while (digit((*at)[0]) >= 0 && digit((*at)[1]) >= 0) {
        to[len++] = (uint8_t)(digit((*at)[0]) << 4 | digit((*at)[1]));
        *at += 2;
    }
    return cove_bytes(to, len);
}

static int answer(struct cove_arena *arena, char *line)
{
    struct cove_bytes pipe = take_hex(&line);
    struct cove_cell in = {COVE_PRESENT, {NULL, 0}};
    struct cove_cell out;

    line += *line == ' ';
    in.bytes = take_hex(&line);
    if (cove_cbor_check_all(pipe, COVE_MAX_CBOR_DEPTH, NULL) != 0 ||
        cove_cbor_check_all(in.bytes, COVE_MAX_CBOR_DEPTH, NULL) != 0) {
        fprintf(stderr, "not CBOR\n");
        return 1;
    }
    if (!cove_fn_known(pipe)) {
        puts("unknown");
        return 0;
    }
    if (cove_fn_call(arena, pipe, in, &out) != 0) {
        fprintf(stderr, "no memory\n");
        return 1;
    }
    if (out.kind != COVE_PRESENT) {
        puts("bad");
        return 0;
    }
    for (size_t i = 0; i < out.bytes.len; i++) {
        printf("%02x", out.bytes.at[i]);
    }
    puts("");
    return 0;
}

int main(void)
{
    struct cove_arena arena;
    char *line = NULL;
    size_t room = 0;
    int failed = 0;

    cove_arena_init(&arena, &cove_alloc_libc);
    while (!failed && getline(&line, &room, stdin) > 0) {
        failed = answer(&arena, line) || fflush(stdout) != 0;
        cove_arena_reset(&arena);
    }
    free(line);
    cove_arena_clear(&arena);
    return failed;
}
