/* How many documents a second a scripted step takes, and what of it is what:
 *
 *     script_speed [SECONDS]
 *
 * Each row is one script run on one value after the other, on one thread: with
 * scripts at hand, as documents are loaded; with a state made anew for each
 * document, which is what keeping nothing would cost otherwise; and a function
 * of Cove beside it, where one does the same. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/json.h"
#include "schema/fn.h"
#include "schema/script.h"

#define VALUES 64

struct speed {
    struct cove_arena kept;
    struct cove_bytes pipe;
    struct cove_bytes values[VALUES];
    double seconds;
};

static double speed_now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static struct cove_bytes speed_json(struct speed *s, const char *text)
{
    struct cove_bytes out = {NULL, 0};
    struct cove_buf buf;

    cove_buf_init(&buf, &cove_alloc_libc);
    if (cove_json_read_plain(cove_bytes_text(text), "json", &buf, NULL) != 0 ||
        cove_arena_copy(&s->kept, cove_buf_bytes(&buf), &out) != 0) {
        fprintf(stderr, "no JSON: %s\n", text);
        exit(1);
    }
    cove_buf_clear(&buf);
    return out;
}

/* Documents a second. */
static double speed_of(struct speed *s, struct cove_scripts *scripts)
{
    struct cove_arena arena;
    double begun = speed_now();
    double took = 0;
    long count = 0;

    cove_arena_init(&arena, &cove_alloc_libc);
    while (took < s->seconds) {
        for (int i = 0; i < VALUES; i++) {
            struct cove_cell cell = {.kind = COVE_PRESENT,
                                     .bytes = s->values[i]};

            cove_arena_reset(&arena);
            if (cove_fn_call_by(scripts, &arena, s->pipe, cell, &cell, NULL) !=
                    0 ||
                cell.kind != COVE_PRESENT) {
                fprintf(stderr, "it does not convert\n");
                exit(1);
            }
        }
        count += VALUES;
        took = speed_now() - begun;
    }
    cove_arena_clear(&arena);
    return (double)count / took;
}

static const struct {
    const char *name;
    const char *script;   /* as JSON */
    const char *function; /* a pipeline that does the same, or NULL */
    const char *value;    /* with %d */
} speed_rows[] = {
    {"a text to an integer", "\"return tonumber(value)\"", "[\"int_of_text\"]",
     "\"%d\""},
    {"two fields to one", "\"return value.first .. ' ' .. value.last\"",
     "[{\"template\":\"{first} {last}\"}]",
     "{\"last\":\"King\",\"first\":\"Ada%d\"}"},
    {"a size of a text with its unit",
     "\"local at = value:find(' ') or error('no unit')\\n"
     "local per = {kg = 1000, g = 1}\\n"
     "local factor = per[value:sub(at + 1)] or error('which unit?')\\n"
     "return tonumber(value:sub(1, at - 1)) * factor\"",
     NULL, "\"%d kg\""},
    {"the total of a list of 10",
     "\"local n = 0 for _, i in ipairs(value) do n = n + i.price * i.count end "
     "return n\"",
     NULL,
     "[{\"price\":%d,\"count\":1},{\"price\":2,\"count\":2},{\"price\":3,"
     "\"count\":1},{\"price\":4,\"count\":1},{\"price\":5,\"count\":9},"
     "{\"price\":6,\"count\":1},{\"price\":7,\"count\":1},{\"price\":8,"
     "\"count\":1},{\"price\":9,\"count\":3},{\"price\":10,\"count\":1}]"},
};

static void speed_row(struct speed *s, size_t row)
{
    struct cove_scripts *scripts = NULL;
    char text[1024];
    double at_hand;
    double anew;

    for (int i = 0; i < VALUES; i++) {
        const char *mark = strstr(speed_rows[row].value, "%d");

        snprintf(text, sizeof(text), "%.*s%d%s",
                 (int)(mark - speed_rows[row].value), speed_rows[row].value, i,
                 mark + 2);
        s->values[i] = speed_json(s, text);
    }
    snprintf(text, sizeof(text),
             "[{\"lua\":{\"source\":%s,\"fuel\":%d,\"memory\":%d}}]",
             speed_rows[row].script, COVE_SCRIPT_FUEL, COVE_SCRIPT_MEMORY);
    s->pipe = speed_json(s, text);
    if (cove_scripts_new(&cove_alloc_libc, &scripts) != 0) {
        exit(1);
    }
    at_hand = speed_of(s, scripts);
    anew = speed_of(s, NULL);
    printf("%-32s %10.0f /s, anew %8.0f /s", speed_rows[row].name, at_hand,
           anew);
    cove_scripts_free(scripts);
    if (speed_rows[row].function != NULL) {
        s->pipe = speed_json(s, speed_rows[row].function);
        printf(", a function %10.0f /s", speed_of(s, NULL));
    }
    putchar('\n');
}

int main(int argc, char **argv)
{
    struct speed s = {.seconds = argc > 1 ? strtod(argv[1], NULL) : 1};

    if (!cove_script_built()) {
        fprintf(stderr, "this build runs no scripts\n");
        return 1;
    }
    cove_arena_init(&s.kept, &cove_alloc_libc);
    for (size_t row = 0; row < COVE_ARRAY_LEN(speed_rows); row++) {
        speed_row(&s, row);
    }
    cove_arena_clear(&s.kept);
    return 0;
}
