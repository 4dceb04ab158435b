/* seq_trace.c: what the sequence engine alone takes, one JSON line a figure;
 * built, never run by the tests.
 *
 *   seq_trace [--rounds N] FILE.trace…      files as flatten.py makes them
 *   seq_trace [--rounds N]                  edits that are made up
 *
 * Each figure is the median of the rounds, in processor time, so that a busy
 * machine disturbs less. Beside a replay stands the same one
 * into a gap buffer, which remembers nothing: what the machine takes to follow
 * the edits at all. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/hlc.h"
#include "tests/traces/trace.h"

#define ROUNDS_MAX 31

static int rounds = 7;

double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void must(int err)
{
    if (err != 0) {
        fprintf(stderr, "seq_trace: %s\n", cove_error_text(err));
        exit(2);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, (size_t)rounds, sizeof(*values), by_value);
    return values[rounds / 2];
}

static void line(const char *trace, const char *what, const char *unit,
                 double value)
{
    printf("{\"seq\":\"%s\",\"what\":\"%s\",\"unit\":\"%s\",\"value\":%.4g}\n",
           trace, what, unit, value);
}

struct cove_seq *new_seq(enum cove_seq_kind kind, uint32_t authors)
{
    struct cove_seq *seq;

    must(cove_seq_new(&cove_alloc_libc, kind, &seq));
    for (uint32_t i = 0; i < authors; i++) {
        struct cove_seq_author author;
        uint32_t number;

        memset(&author, 0, sizeof(author));
        cove_put_be32(author.device.b, i + 1);
        cove_put_be32(author.session.b, i + 1);
        must(cove_seq_author_add(seq, &author, &number));
    }
    return seq;
}

int ignore_range(void *ctx, struct cove_elem first, uint32_t count)
{
    (void)ctx;
    (void)first;
    (void)count;
    return 0;
}

/* --- sequential traces */

/* Each patch is a keystroke: a transaction, with a timestamp of its own. */
static struct cove_seq *replay(const struct trace *t, enum cove_seq_unit unit)
{
    struct cove_seq *seq = new_seq(COVE_SEQ_TEXT, 1);
    struct cove_seq_edit edit;
    uint32_t n = 0;

    for (size_t i = 0; i < t->patch_count; i++) {
        const struct patch *p = &t->patches[i];
        bool bytes = unit == COVE_SEQ_BYTES;
        size_t at = bytes ? p->byte_at : p->at;

        if (p->gone > 0) {
            must(cove_seq_remove_at(seq, unit, at,
                                    bytes ? p->byte_gone : p->gone,
                                    ignore_range, NULL));
        }
        if (p->count > 0) {
            struct cove_seq_run run = {.first = {0, n},
                                       .count = p->count,
                                       .hlc = cove_hlc_of_ms(1) + i,
                                       .content = p->text};

            must(cove_seq_insert_at(seq, unit, at, &run, &edit));
            n += p->count;
        }
    }
    return seq;
}

static double replay_gap(const struct trace *t)
{
    size_t cap = t->inserted + 1;
    uint32_t *room = malloc(cap * sizeof(*room));
    size_t gap = 0;
    size_t end = cap; /* of the gap */
    double start = now_ms();

    must(room == NULL ? COVE_ENOMEM : 0);
    for (size_t i = 0; i < t->patch_count; i++) {
        const struct patch *p = &t->patches[i];

        if (p->at < gap) {
            memmove(room + end - (gap - p->at), room + p->at,
                    (gap - p->at) * sizeof(*room));
            end -= gap - p->at;
        } else {
            memmove(room + gap, room + end, (p->at - gap) * sizeof(*room));
            end += p->at - gap;
        }
        gap = p->at;
        end += p->gone;
        for (uint32_t k = 0; k < p->count; k++) {
            room[gap++] = p->text.at[k];
        }
    }
    start = now_ms() - start;
    free(room);
    return start;
}

static void check_text(const struct cove_seq *seq, const struct trace *t)
{
    struct cove_buf out;

    cove_buf_init(&out, &cove_alloc_libc);
    must(cove_seq_text(seq, COVE_SEQ_BYTES, 0,
                       cove_seq_length(seq, COVE_SEQ_BYTES), &out));
    if (!cove_bytes_equal(cove_buf_bytes(&out), t->end)) {
        fprintf(stderr, "seq_trace: %s: another text\n", t->name);
        exit(1);
    }
    cove_buf_clear(&out);
}

static void time_rest(const struct trace *t, const struct cove_seq *seq)
{
    double save[ROUNDS_MAX], load[ROUNDS_MAX], read[ROUNDS_MAX],
        build[ROUNDS_MAX];
    struct cove_buf saved;
    size_t memory = 0;

    cove_buf_init(&saved, &cove_alloc_libc);
    for (int r = 0; r < rounds; r++) {
        struct cove_seq *loaded;
        struct cove_seq_walk walk;
        struct cove_buf text;
        double start = now_ms();

        saved.len = 0;
        must(cove_seq_save(seq, &saved));
        save[r] = now_ms() - start;
        start = now_ms();
        must(cove_seq_load(&cove_alloc_libc, cove_buf_bytes(&saved), &loaded));
        load[r] = now_ms() - start;
        cove_buf_init(&text, &cove_alloc_libc);
        start = now_ms();
        must(cove_seq_text(loaded, COVE_SEQ_BYTES, 0, t->end.len, &text));
        read[r] = now_ms() - start;
        memory = cove_seq_memory(loaded);
        check_text(loaded, t);
        start = now_ms();
        must(cove_seq_walk_all(loaded, &walk));
        build[r] = now_ms() - start;
        check_text(loaded, t);
        cove_buf_clear(&text);
        cove_seq_free(loaded);
    }
    line(t->name, "save", "ms", median(save));
    line(t->name, "checkpoint", "bytes", (double)saved.len);
    line(t->name, "load", "ms", median(load));
    line(t->name, "text after load", "ms", median(read));
    line(t->name, "memory loaded / text", "ratio",
         (double)memory / (double)t->end.len);
    line(t->name, "build after load", "ms", median(build));
    cove_buf_clear(&saved);
}

static void sequential(const struct trace *t)
{
    double by_elems[ROUNDS_MAX], by_bytes[ROUNDS_MAX], gap[ROUNDS_MAX];
    struct cove_seq *seq = NULL;

    for (int r = 0; r < rounds; r++) {
        double start = now_ms();

        seq = replay(t, COVE_SEQ_BYTES);
        by_bytes[r] = now_ms() - start;
        check_text(seq, t);
        cove_seq_free(seq);
        start = now_ms();
        seq = replay(t, COVE_SEQ_ELEMENTS);
        by_elems[r] = now_ms() - start;
        check_text(seq, t);
        gap[r] = replay_gap(t);
        if (r + 1 < rounds) {
            cove_seq_free(seq);
        }
    }
    line(t->name, "replay", "ms", median(by_elems));
    line(t->name, "replay by bytes", "ms", median(by_bytes));
    line(t->name, "gap buffer", "ms", median(gap));
    line(t->name, "memory edited", "bytes", (double)cove_seq_memory(seq));
    time_rest(t, seq);
    cove_seq_free(seq);
}

/* --- made-up edits */

static uint32_t dice(uint64_t *seed, uint32_t sides)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*seed >> 33) % sides);
}

enum where { APPEND, RANDOM, HEAD, MIDDLE };

static double insert_many(struct cove_seq *seq, enum where where, uint32_t n,
                          uint32_t count)
{
    bool list = cove_seq_kind(seq) == COVE_SEQ_LIST;
    struct cove_bytes content = cove_bytes_text(list ? "\x05" : "x");
    struct cove_seq_edit edit;
    uint64_t seed = 1;
    double start = now_ms();

    for (uint32_t i = 0; i < count; i++) {
        size_t len = cove_seq_length(seq, COVE_SEQ_ELEMENTS);
        size_t at = where == APPEND   ? len
                    : where == HEAD   ? 0
                    : where == MIDDLE ? len / 2 + dice(&seed, 1000)
                                      : dice(&seed, (uint32_t)len + 1);
        struct cove_seq_run run = {
            .first = {0, n + i}, .count = 1, .hlc = i, .content = content};

        must(cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, at, &run, &edit));
    }
    return now_ms() - start;
}

static void made_up(void)
{
    static const char *const names[] = {"append", "random", "head"};
    static const enum cove_seq_kind kinds[] = {COVE_SEQ_TEXT, COVE_SEQ_LIST};
    double took[ROUNDS_MAX];

    for (int k = 0; k < 2; k++) {
        for (int where = APPEND; where <= HEAD; where++) {
            for (int r = 0; r < rounds; r++) {
                struct cove_seq *seq = new_seq(kinds[k], 1);

                took[r] = insert_many(seq, (enum where)where, 0, 100000);
                cove_seq_free(seq);
            }
            line(k == 0 ? "100,000 characters" : "100,000 items", names[where],
                 "ms", median(took));
        }
    }
    for (int r = 0; r < rounds; r++) {
        struct cove_seq *seq = new_seq(COVE_SEQ_LIST, 1);

        (void)insert_many(seq, APPEND, 0, 1000000);
        took[r] = insert_many(seq, MIDDLE, 1000000, 10000) / 10;
        cove_seq_free(seq);
    }
    line("1,000,000 items", "insert near the middle", "us", median(took));
}

/* --- concurrent traces */

static void concurrent(const struct trace *t)
{
    double whole[ROUNDS_MAX], joined[ROUNDS_MAX];
    struct story *story = story_make(t);
    struct cove_seq *seq = NULL;

    for (int r = 0; r < rounds; r++) {
        double start = now_ms();

        seq = new_seq(COVE_SEQ_TEXT, t->agents);
        story_tell(story, seq, false);
        whole[r] = now_ms() - start;
        check_text(seq, t);
        cove_seq_free(seq);
        start = now_ms();
        seq = new_seq(COVE_SEQ_TEXT, t->agents);
        story_tell(story, seq, true);
        joined[r] = now_ms() - start;
        check_text(seq, t);
        if (r + 1 < rounds) {
            cove_seq_free(seq);
        }
    }
    line(t->name, "merge into nothing", "ms", median(whole));
    line(t->name, "backwards where it can", "ms", median(joined));
    time_rest(t, seq);
    cove_seq_free(seq);
    story_free(story);
}

int main(int argc, char **argv)
{
    int i = 1;

    if (argc > 2 && strcmp(argv[1], "--rounds") == 0) {
        rounds = atoi(argv[2]);
        rounds = rounds < 1 ? 1 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
        i = 3;
    }
    if (i == argc) {
        made_up();
    }
    for (; i < argc; i++) {
        struct trace *t = trace_read(argv[i]);

        if (t->agents > 0) {
            concurrent(t);
        } else {
            sequential(t);
        }
        trace_free(t);
    }
    return 0;
}
