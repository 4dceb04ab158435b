/* functions.c: the functions of migration steps behind a line protocol, for
 * tests/oracle/functions_fuzz.py. A line is a pipeline and a value, each CBOR
 * in hex, with a space between; the answer is "unknown", "bad", or the result
 * in hex. No view logic, no opinion: what is compared is what ships.
 *
 *   functions speed CALLS tests/vectors/functions.json [NAME]
 *
 * calls every function so often with its longest vector that gives a value, and
 * prints values a second. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/cbor.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/value.h"
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

/* --- speed */

static struct cove_bytes file_item(const char *path)
{
    static char text[1 << 17];
    static struct cove_buf buf = {.alloc = &cove_alloc_libc};
    FILE *in = fopen(path, "rb");
    size_t len = in != NULL ? fread(text, 1, sizeof(text), in) : 0;

    if (in != NULL) {
        fclose(in);
    }
    if (cove_json_read(cove_bytes(text, len), path, &buf, NULL) != 0) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    return cove_buf_bytes(&buf);
}

/* The longest vector of a function that gives a value and is one call. */
static struct cove_bytes longest(struct cove_bytes list)
{
    struct cove_bytes best = {NULL, 0};
    struct cove_reader r;

    cove_reader_init(&r, list);
    for (size_t left = cove_reader_list(&r); left > 0; left--) {
        struct cove_bytes vector = cove_reader_item(&r);
        struct cove_reader one;
        struct cove_reader pipe;

        cove_reader_init(&one, vector);
        if (cove_reader_list(&one) == 3 && vector.len > best.len) {
            cove_reader_init(&pipe, cove_reader_item(&one));
            best = cove_reader_list(&pipe) == 1 ? vector : best;
        }
    }
    return best;
}

static int speed_one(const char *name, struct cove_bytes vector, long calls)
{
    struct cove_arena arena;
    struct cove_cell in = {COVE_PRESENT, {NULL, 0}};
    struct cove_cell out = in;
    struct cove_bytes pipe;
    struct cove_reader r;
    struct timespec begin;
    struct timespec end;
    int err = 0;

    cove_reader_init(&r, vector);
    (void)cove_reader_list(&r);
    pipe = cove_reader_item(&r);
    in.bytes = cove_reader_item(&r);
    cove_arena_init(&arena, &cove_alloc_libc);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (long i = 0; i < calls && err == 0; i++) {
        err = cove_fn_call(&arena, pipe, in, &out);
        if (i % 64 == 63) { /* as a view of so many fields */
            cove_arena_reset(&arena);
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    cove_arena_clear(&arena);

    double took = (double)(end.tv_sec - begin.tv_sec) +
                  (double)(end.tv_nsec - begin.tv_nsec) / 1e9;

    printf("%-16s %12.0f values/s\n", name, (double)calls / took);
    return err != 0 || out.kind != COVE_PRESENT;
}

static int speed(long calls, const char *path, const char *only)
{
    struct cove_bytes all = file_item(path);
    struct cove_bytes list;
    int failed = 0;

    for (size_t i = 0; cove_fn_name(i) != NULL && !failed; i++) {
        if ((only == NULL || strcmp(only, cove_fn_name(i)) == 0) &&
            cove_value_member(all, cove_fn_name(i), &list)) {
            failed = speed_one(cove_fn_name(i), longest(list), calls);
        }
    }
    return failed;
}

int main(int argc, char **argv)
{
    struct cove_arena arena;
    char *line = NULL;
    size_t room = 0;
    int failed = 0;

    if (argc >= 4 && strcmp(argv[1], "speed") == 0) {
        return speed(strtol(argv[2], NULL, 10), argv[3],
                     argc > 4 ? argv[4] : NULL);
    }
    cove_arena_init(&arena, &cove_alloc_libc);
    while (!failed && getline(&line, &room, stdin) > 0) {
        failed = answer(&arena, line) || fflush(stdout) != 0;
        cove_arena_reset(&arena);
    }
    free(line);
    cove_arena_clear(&arena);
    return failed;
}
