/* bench.c: the figures of the public API, one JSON line each, beside what the
 * machine does with the bare libraries in the same run. README.md says what
 * each line means.
 *
 *   bench [--rounds N] [--only MEASURE] [--large N] [DOCUMENTS]
 *   bench --sizes MOST      10,000, 100,000 … documents side by side
 *   bench --own-time …      in seconds of the processor
 *
 * Each figure is the median of the rounds, Cove's and the machine's taken in
 * turn. It never fails a test run.
 */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void bench_note(struct bench *b, const char *name, const char *unit,
                double cove, const char *beside, double machine)
{
    struct bench_line *line = b->lines;

    while (line < b->lines + b->line_count && strcmp(line->name, name) != 0) {
        line++;
    }
    if (line == b->lines + BENCH_LINES) {
        return;
    }
    if (line == b->lines + b->line_count) {
        b->line_count++;
        line->name = name;
        line->unit = unit;
        line->beside = beside;
    }
    line->cove[line->count] = cove;
    line->machine[line->count++] = machine;
}

static void bench_print(struct bench *b)
{
    for (int i = 0; i < b->line_count; i++) {
        struct bench_line *l = &b->lines[i];
        double cove = bench_quantile(l->cove, l->count, 0.5);
        double machine = bench_quantile(l->machine, l->count, 0.5);

        printf("{\"bench\":\"%s\",\"unit\":\"%s\",\"cove\":%.4g,"
               "\"beside\":%.4g,\"beside_is\":\"%s\",\"ratio\":%.3f}\n",
               l->name, l->unit, cove, machine, l->beside,
               machine > 0 ? cove / machine : 0);
    }
}

char *bench_path(const struct bench *b, const char *name)
{
    size_t cap = strlen(b->base) + strlen(name) + 16;
    char *out = malloc(cap);

    if (out == NULL) {
        bench_die(NULL, "no memory");
    }
    snprintf(out, cap, "%s/%s%d", b->base, name, b->round);
    return out;
}

/* ------------------------------------------------------------------- the run
 */

static bool bench_wants(const struct bench *b, const char *measure)
{
    return b->only == NULL || strcmp(b->only, measure) == 0;
}

static void bench_rounds(struct bench *b)
{
    for (b->round = 0; b->round < b->rounds; b->round++) {
        if (bench_wants(b, "documents")) {
            bench_documents(b);
        }
        if (bench_wants(b, "import")) {
            bench_import(b);
        }
        if (bench_wants(b, "peers")) {
            bench_peers(b);
        }
        if (bench_wants(b, "reads")) {
            bench_reads(b);
        }
        if (bench_wants(b, "relay")) {
            bench_relay(b);
        }
        if (bench_wants(b, "schema")) {
            bench_schema(b);
        }
        if (bench_wants(b, "watch")) {
            bench_watch(b);
        }
        if (bench_wants(b, "writers")) {
            bench_writers(b);
        }
    }
}

static int bench_usage(void)
{
    fprintf(stderr,
            "usage: bench [--rounds 1..%d] [--only documents|import|"
            "peers|reads|relay|schema|watch|writers|large|queries] [--large N] "
            "[DOCUMENTS]\n"
            "       bench [--own-time] --sizes MOST\n",
            BENCH_ROUNDS_MAX);
    return 2;
}

int main(int argc, char **argv)
{
    static struct bench b = {.count = 20000, .rounds = 5};
    long large = 0, most = 0;
    char remove[96];

    if (argc == 4 && strcmp(argv[1], "--opened") == 0) {
        if (getenv("BENCH_OWN_TIME") != NULL) {
            bench_own_time();
        }
        return bench_large_child(argv[2], argv[3]);
    }
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;

        if (strcmp(argv[i], "--own-time") == 0) {
            bench_own_time();
            setenv("BENCH_OWN_TIME", "1", 1); /* for who opens the store */
        } else if (strcmp(argv[i], "--rounds") == 0 && more) {
            b.rounds = atoi(argv[++i]);
        } else if (strcmp(argv[i], "--only") == 0 && more) {
            b.only = argv[++i];
        } else if (strcmp(argv[i], "--large") == 0 && more) {
            large = strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--sizes") == 0 && more) {
            most = strtol(argv[++i], NULL, 10);
        } else {
            b.count = strtol(argv[i], NULL, 10);
        }
    }
    snprintf(b.base, sizeof(b.base), "%s/cove-bench-XXXXXX",
             getenv("TMPDIR") != NULL && strlen(getenv("TMPDIR")) < 40
                 ? getenv("TMPDIR")
                 : "/tmp");
    if (b.count < 1 || b.rounds < 1 || b.rounds > BENCH_ROUNDS_MAX ||
        mkdtemp(b.base) == NULL) {
        return bench_usage();
    }
    b.ids = calloc((size_t)b.count, sizeof(*b.ids));
    if (b.ids == NULL) {
        bench_die(NULL, "no memory");
    }
    if (most > 0) {
        bench_sizes(&b, most);
    } else {
        bench_rounds(&b);
    }
    if (large > 0 && bench_wants(&b, "large")) {
        bench_large(&b, large);
    }
    if (large > 0 && bench_wants(&b, "queries")) {
        bench_queries(&b, large);
    }
    bench_print(&b);
    snprintf(remove, sizeof(remove), "rm -rf '%s'", b.base);
    free(b.ids);
    return system(remove) == 0 ? 0 : 1;
}
