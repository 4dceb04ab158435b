/* texts.c: recorded editing sessions through the public text call, keystroke by
 * keystroke, and lists; beside each what a gap buffer or an array takes.
 *
 *   texts [--rounds N] [TRACE …]        bench/trace.py makes the traces
 *   texts --once|--each TRACE           one replay, for profilers
 */
#include "bench/bench.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_EDITS 100000
#define LIST_LONG  1000000
#define LIST_PIECE 10000
#define MIDDLE     20000 /* edits in the middle of a long list */

struct edit {
    uint32_t at, removed, len;
    const char *text;
};

struct trace {
    char *bytes;
    const char *end; /* the text that comes out */
    size_t end_len;
    struct edit *edits;
    size_t count;
};

struct texts { /* milliseconds of the rounds, of each measure */
    double in_memory[BENCH_ROUNDS_MAX], gap[BENCH_ROUNDS_MAX];
    double committed[BENCH_ROUNDS_MAX], each[BENCH_ROUNDS_MAX];
    double opened[BENCH_ROUNDS_MAX];
    double saved, held; /* bytes */
    int rounds;
};

static uint32_t trace_u32(const char *at)
{
    uint32_t v;

    memcpy(&v, at, sizeof(v));
    return v;
}

static void trace_read(const char *path, struct trace *t)
{
    struct stat st;
    int fd = open(path, O_RDONLY);

    if (fd < 0 || fstat(fd, &st) != 0 ||
        (t->bytes = malloc((size_t)st.st_size + 1)) == NULL ||
        read(fd, t->bytes, (size_t)st.st_size) != st.st_size) {
        bench_die(NULL, path);
    }
    close(fd);

    const char *at = t->bytes;

    for (size_t cap = 0; trace_u32(at) != UINT32_MAX;) {
        if (t->count == cap) {
            cap = cap * 2 + 1024;
            t->edits = realloc(t->edits, cap * sizeof(*t->edits));
            if (t->edits == NULL) {
                bench_die(NULL, "no memory");
            }
        }
        struct edit *e = &t->edits[t->count++];

        e->at = trace_u32(at);
        e->removed = trace_u32(at + 4);
        e->len = trace_u32(at + 8);
        e->text = at + 12;
        at += 12 + e->len;
    }
    t->end = at + 4;
    t->end_len = (size_t)st.st_size - (size_t)(t->end - t->bytes);
}

/* ------------------------------------------------------------------ texts */

/* All edits, in a transaction that is under way; the text must be right. */
static void texts_type(struct cove *store, struct cove_txn *txn,
                       const struct cove_id *id, const struct trace *t)
{
    const char *text;
    size_t len;

    for (size_t i = 0; i < t->count; i++) {
        const struct edit *e = &t->edits[i];

        BENCH_MUST(store, cove_text_splice(txn, id, COVE_CODEPOINTS, e->at,
                                           e->removed, e->text, e->len));
    }
    BENCH_MUST(store, cove_text_get(txn, id, &text, &len));
    if (len != t->end_len || memcmp(text, t->end, len) != 0) {
        bench_die(NULL, "the text is not what was typed");
    }
}

static struct cove *texts_open(const char *dir)
{
    struct cove_options options = {.size = sizeof(options),
                                   .flags = dir == NULL ? COVE_OPEN_MEMORY
                                                        : COVE_OPEN_CREATE};
    struct cove *store = NULL;

    BENCH_MUST(store, cove_open(dir, &options, &store));
    return store;
}

static void texts_memory(struct texts *r, int round, const struct trace *t)
{
    struct cove *store = texts_open(NULL);
    struct cove_txn *txn;
    struct cove_id id;

    BENCH_MUST(store, cove_begin(store, COVE_WRITE, &txn));
    BENCH_MUST(store, cove_create(txn, COVE_COTEXT, NULL, &id));
    double start = bench_now();

    texts_type(store, txn, &id, t);
    r->in_memory[round] = (bench_now() - start) * 1e3;
    BENCH_MUST(store, cove_commit(txn));
    r->committed[round] = (bench_now() - start) * 1e3;
    cove_close(store);
}

static double texts_bytes(struct cove *store)
{
    char *reply = bench_admin(store, "{\"do\":\"status\"}");
    double bytes = bench_number(reply, "bytes");

    cove_free(reply);
    return bytes;
}

static double texts_heap(void)
{
    struct mallinfo2 info = mallinfo2();

    return (double)info.uordblks + (double)info.hblkhd;
}

/* Opened anew, read, and held. */
static void texts_read(struct texts *r, int round, const char *dir,
                       const struct cove_id *id, const struct trace *t)
{
    struct cove *store = texts_open(dir);
    double before = texts_heap();
    double start = bench_now();
    struct cove_txn *txn;
    const char *text;
    size_t len;

    BENCH_MUST(store, cove_begin(store, COVE_READ, &txn));
    BENCH_MUST(store, cove_text_length(txn, id, COVE_BYTES, &len));
    r->held = texts_heap() - before;
    BENCH_MUST(store, cove_text_get(txn, id, &text, &len));
    r->opened[round] = (bench_now() - start) * 1e3;
    if (len != t->end_len || memcmp(text, t->end, len) != 0) {
        bench_die(NULL, "the text is not what was saved");
    }
    cove_abort(txn);
    cove_close(store);
}

/* On disk: all in one commit, gathered or each a signed transaction. */
static void texts_disk(struct texts *r, int round, const char *base,
                       const struct trace *t, bool each)
{
    char dir[128];
    struct cove_txn *txn;
    struct cove_id id;

    snprintf(dir, sizeof(dir), "%s/%s%d", base, each ? "each" : "text", round);
    struct cove *store = texts_open(dir);
    double before = texts_bytes(store);

    BENCH_MUST(store,
               cove_begin(store, COVE_WRITE | (each ? COVE_EACH : 0), &txn));
    BENCH_MUST(store, cove_create(txn, COVE_COTEXT, NULL, &id));
    double start = bench_now();

    texts_type(store, txn, &id, t);
    BENCH_MUST(store, cove_commit(txn));
    if (each) {
        r->each[round] = (bench_now() - start) * 1e3;
    } else {
        r->saved = texts_bytes(store) - before;
    }
    cove_close(store);
    if (!each) {
        texts_read(r, round, dir, &id, t);
    }
}

/* The machine's own limit: a gap buffer and a log of runs. */
static double texts_gap(const struct trace *t)
{
    size_t cap = t->end_len * 2 + (1 << 20), gap = 0, back = cap, log = 0;
    char *buffer = malloc(cap);
    struct edit *runs = malloc((t->count + 1) * sizeof(*runs));
    double start = bench_now();

    if (buffer == NULL || runs == NULL) {
        bench_die(NULL, "no memory");
    }
    for (size_t i = 0; i < t->count; i++) {
        const struct edit *e = &t->edits[i];

        if (e->at < gap) {
            back -= gap - e->at;
            memmove(buffer + back, buffer + e->at, gap - e->at);
        } else if (e->at > gap) {
            memmove(buffer + gap, buffer + back, e->at - gap);
            back += e->at - gap;
        }
        gap = e->at;
        back += e->removed;
        if (e->len > back - gap) {
            bench_die(NULL, "the gap is too small");
        }
        memcpy(buffer + gap, e->text, e->len);
        gap += e->len;
        if (log > 0 && e->removed == 0 &&
            runs[log - 1].at + runs[log - 1].len == e->at) {
            runs[log - 1].len += e->len;
        } else {
            runs[log++] = *e;
        }
    }
    double took = bench_now() - start;

    free(runs);
    free(buffer);
    return took * 1e3;
}

static void texts_line(const char *trace, const char *what, const char *unit,
                       double cove, double target, const char *beside,
                       double machine)
{
    printf("{\"bench\":\"text %s\",\"trace\":\"%s\",\"unit\":\"%s\",\"cove\":"
           "%.4g,\"target\":%.4g,\"beside\":%.4g,\"beside_is\":\"%s\"}\n",
           what, trace, unit, cove, target, machine, beside);
    fflush(stdout);
}

static double texts_target(const char *name)
{
    static const struct {
        const char *name;
        double ms;
    } targets[] = {{"automerge-paper", 15},
                   {"rustcode", 18},
                   {"sveltecomponent", 5.5},
                   {"seph-blog1", 14},
                   {"friendsforever_flat", 2.5}};

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        if (strcmp(targets[i].name, name) == 0) {
            return targets[i].ms;
        }
    }
    return 0;
}

static void texts_trace(const char *path, const char *base, int rounds)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    struct trace t = {.count = 0};
    struct texts r = {.rounds = rounds};
    char sub[96];

    trace_read(path, &t);
    snprintf(sub, sizeof(sub), "%s/%.20s", base, name);
    mkdir(sub, 0700);
    for (int round = 0; round < rounds; round++) {
        r.gap[round] = texts_gap(&t);
        texts_memory(&r, round, &t);
        texts_disk(&r, round, sub, &t, false);
        texts_disk(&r, round, sub, &t, true);
    }
    double gap = bench_quantile(r.gap, rounds, 0.5);
    double text = (double)t.end_len;

    texts_line(name, "in memory", "ms",
               bench_quantile(r.in_memory, rounds, 0.5), texts_target(name),
               "gap buffer and log of runs", gap);
    texts_line(name, "in memory, committed", "ms",
               bench_quantile(r.committed, rounds, 0.5), 0,
               "gap buffer and log of runs", gap);
    texts_line(name, "each edit signed, durable", "ms",
               bench_quantile(r.each, rounds, 0.5), 150,
               "gap buffer and log of runs", gap);
    texts_line(name, "saved", "bytes", r.saved, 110000, "the text", text);
    texts_line(name, "opened and read", "ms",
               bench_quantile(r.opened, rounds, 0.5), 1, "", 0);
    texts_line(name, "held in memory", "times the text", r.held / text, 3,
               "the text", text);
    free(t.edits);
    free(t.bytes);
}

/* ------------------------------------------------------------------ lists */

enum where { AT_END, AT_RANDOM, AT_HEAD };

static size_t lists_place(enum where where, size_t length, uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    switch (where) {
    case AT_END:
        return length;
    case AT_RANDOM:
        return (size_t)(*seed >> 33) % (length + 1);
    case AT_HEAD:
        break;
    }
    return 0;
}

static double lists_insert(enum where where)
{
    struct cove *store = texts_open(NULL);
    struct cove_txn *txn;
    struct cove_id id;
    uint64_t seed = 7;

    BENCH_MUST(store, cove_begin(store, COVE_WRITE, &txn));
    BENCH_MUST(store, cove_create(txn, COVE_COLIST, NULL, &id));
    double start = bench_now();

    for (size_t i = 0; i < LIST_EDITS; i++) {
        BENCH_MUST(store,
                   cove_list_insert(txn, &id, lists_place(where, i, &seed),
                                    cove_int((int64_t)i)));
    }
    double took = bench_now() - start;

    BENCH_MUST(store, cove_commit(txn));
    cove_close(store);
    return took * 1e3;
}

static void lists_fill(struct cove *store, struct cove_txn *txn,
                       const struct cove_id *id)
{
    char *json = malloc(LIST_PIECE * 8 + 3), *at = json;

    if (json == NULL) {
        bench_die(NULL, "no memory");
    }
    *at++ = '[';
    for (int i = 0; i < LIST_PIECE; i++) {
        at += sprintf(at, "%s%d", i > 0 ? "," : "", i);
    }
    strcpy(at, "]");
    for (int i = 0; i < LIST_LONG / LIST_PIECE; i++) {
        BENCH_MUST(store, cove_list_splice(txn, id, 0, 0, json));
    }
    free(json);
}

/* Microseconds an edit in the middle of a million items. */
static double lists_middle(void)
{
    struct cove *store = texts_open(NULL);
    struct cove_txn *txn;
    struct cove_id id;
    uint64_t seed = 9;

    BENCH_MUST(store, cove_begin(store, COVE_WRITE, &txn));
    BENCH_MUST(store, cove_create(txn, COVE_COLIST, NULL, &id));
    lists_fill(store, txn, &id);
    double start = bench_now();

    for (int i = 0; i < MIDDLE; i++) {
        size_t at =
            LIST_LONG / 4 + lists_place(AT_RANDOM, LIST_LONG / 2, &seed);

        if (i % 2 == 0) {
            BENCH_MUST(store, cove_list_insert(txn, &id, at, cove_int(i)));
        } else {
            BENCH_MUST(store, cove_list_splice(txn, &id, at, 1, NULL));
        }
    }
    double took = bench_now() - start;

    BENCH_MUST(store, cove_commit(txn));
    cove_close(store);
    return took / MIDDLE * 1e6;
}

static void lists_run(int rounds)
{
    static const char *const names[] = {"list, appends", "list, random inserts",
                                        "list, head inserts"};
    double took[BENCH_ROUNDS_MAX];

    for (int w = AT_END; w <= AT_HEAD; w++) {
        for (int i = 0; i < rounds; i++) {
            took[i] = lists_insert((enum where)w);
        }
        texts_line("100,000", names[w], "ms", bench_quantile(took, rounds, 0.5),
                   25, "", 0);
    }
    for (int i = 0; i < rounds; i++) {
        took[i] = lists_middle();
    }
    texts_line("1,000,000 items", "list, edit in the middle", "us",
               bench_quantile(took, rounds, 0.5), 5, "", 0);
}

int main(int argc, char **argv)
{
    char base[64] = "/tmp/cove-texts-XXXXXX", remove[96];
    int rounds = 5, first = 1;

    if (argc == 3 && strcmp(argv[1], "--once") == 0) {
        struct trace t = {.count = 0};
        struct texts r = {.rounds = 1};

        trace_read(argv[2], &t);
        texts_memory(&r, 0, &t);
        printf("%.3f ms in memory, %.3f ms committed\n", r.in_memory[0],
               r.committed[0]);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "--each") == 0 && mkdtemp(base) != NULL) {
        struct trace t = {.count = 0};
        struct texts r = {.rounds = 1};

        trace_read(argv[2], &t);
        texts_disk(&r, 0, base, &t, true);
        printf("%.3f ms, each edit signed\n", r.each[0]);
        snprintf(remove, sizeof(remove), "rm -rf '%s'", base);
        return system(remove) == 0 ? 0 : 1;
    }
    if (argc > 2 && strcmp(argv[1], "--rounds") == 0) {
        rounds = atoi(argv[2]);
        first = 3;
    }
    if (rounds < 1 || rounds > BENCH_ROUNDS_MAX || mkdtemp(base) == NULL) {
        fprintf(stderr, "usage: texts [--rounds 1..%d] [TRACE ...]\n",
                BENCH_ROUNDS_MAX);
        return 2;
    }
    for (int i = first; i < argc; i++) {
        texts_trace(argv[i], base, rounds);
    }
    lists_run(rounds);
    snprintf(remove, sizeof(remove), "rm -rf '%s'", base);
    return system(remove) == 0 ? 0 : 1;
}
