/* writers.c: commits of one and of several threads and processes, and reads
 * beside them. */
#include "bench/bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITERS_BATCH     1000 /* documents a commit */
#define WRITERS_BYTES     380
#define WRITERS_MOST      8
#define WRITERS_PROCESSES 4

static const char item[] =
    "{\"title\":\"Item\",\"version\":1,\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"size\":{\"type\":\"string\"},\"done\":{\"type\":"
    "\"boolean\"}}}";

static struct cove *writers_open(const char *dir, unsigned level)
{
    struct cove_options options = {
        .size = sizeof(options), .flags = COVE_OPEN_CREATE, .level = level};
    struct cove *store = NULL;

    BENCH_MUST(store, cove_open(dir, &options, &store));
    BENCH_MUST(store, cove_schema_add(store, item, NULL));
    return store;
}

/* ------------------------------------------------ one thread, large commits */

static void writers_create(struct cove *store, struct cove_id *ids, long count)
{
    struct cove_txn *txn = NULL;
    char json[128];

    for (long i = 0; i < count; i++) {
        if (txn == NULL) {
            BENCH_MUST(store, cove_begin(store, COVE_WRITE | COVE_VIEW, &txn));
        }
        bench_document(i, json, sizeof(json));
        BENCH_MUST(store, cove_new(txn, "Item", NULL, json, &ids[i]));
        if (i % WRITERS_BATCH == WRITERS_BATCH - 1 || i == count - 1) {
            BENCH_MUST(store, cove_commit(txn));
            txn = NULL;
        }
    }
}

static void writers_update(struct cove *store, const struct cove_id *ids,
                           long count)
{
    struct cove_txn *txn = NULL;

    for (long i = 0; i < count; i++) {
        if (txn == NULL) {
            BENCH_MUST(store, cove_begin(store, COVE_WRITE | COVE_VIEW, &txn));
        }
        BENCH_MUST(store, cove_set(txn, &ids[i], "done", cove_bool(true)));
        if (i % WRITERS_BATCH == WRITERS_BATCH - 1 || i == count - 1) {
            BENCH_MUST(store, cove_commit(txn));
            txn = NULL;
        }
    }
}

static double writers_raw(struct bench *b, long count, long commit)
{
    char *dir = bench_path(b, commit == 1 ? "raw-one" : "raw-many");
    char file[160];
    double rate;

    snprintf(file, sizeof(file), "%s/data.mdb", dir);
    (void)unlink(file);
    (void)mkdir(dir, 0700);
    rate = raw_lmdb_put(dir, count, WRITERS_BYTES, commit);
    free(dir);
    return rate;
}

static void writers_grouped(struct bench *b)
{
    char *dir = bench_path(b, "grouped");
    struct cove *store = writers_open(dir, COVE_FULL);
    double raw = writers_raw(b, b->count, WRITERS_BATCH);
    double start = bench_now();

    writers_create(store, b->ids, b->count);
    bench_note(b, "create, 1000 a commit", "documents/s",
               (double)b->count / (bench_now() - start),
               "LMDB put of 380 bytes, 1000 a commit", raw);
    start = bench_now();
    writers_update(store, b->ids, b->count);
    bench_note(b, "update, 1000 a commit", "documents/s",
               (double)b->count / (bench_now() - start),
               "LMDB put of 380 bytes, 1000 a commit", raw);
    cove_close(store);
    free(dir);
}

/* ------------------------------------------------- threads, small commits */

struct writers {
    struct cove *store;
    struct cove_id ids[WRITERS_MOST];
    long each; /* transactions a thread */
    atomic_int next;
    atomic_bool over;
    atomic_long reads;
};

static void *writers_thread(void *ctx)
{
    struct writers *w = ctx;
    const struct cove_id *id = &w->ids[atomic_fetch_add(&w->next, 1)];
    char text[24];

    for (long i = 0; i < w->each; i++) {
        struct cove_txn *txn;

        snprintf(text, sizeof(text), "%ld", i);
        BENCH_MUST(w->store, cove_begin(w->store, COVE_WRITE, &txn));
        BENCH_MUST(w->store, cove_set(txn, id, "size", cove_text(text)));
        BENCH_MUST(w->store, cove_commit(txn));
    }
    return NULL;
}

static double writers_threads(struct writers *w, int count, long all)
{
    pthread_t threads[WRITERS_MOST];
    struct cove_txn *txn;
    double start;

    w->each = all / count;
    atomic_store(&w->next, 0);
    start = bench_now();
    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, writers_thread, w) != 0) {
            bench_die(NULL, "no thread");
        }
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
    /* A reader waits for what level group still has to write. */
    BENCH_MUST(w->store, cove_begin(w->store, COVE_READ, &txn));
    cove_abort(txn);
    return (double)(w->each * count) / (bench_now() - start);
}

static void writers_levels(struct bench *b)
{
    static const char *const names[2][4] = {
        {"full, 1 thread", "full, 2 threads", "full, 4 threads",
         "full, 8 threads"},
        {"group, 1 thread", "group, 2 threads", "group, 4 threads",
         "group, 8 threads"}};
    long all = b->count / 10 < 80 ? 80 : b->count / 10;

    for (unsigned level = COVE_FULL; level <= COVE_GROUP; level++) {
        char *dir = bench_path(b, level == COVE_FULL ? "full" : "group");
        struct writers w = {.store = writers_open(dir, level)};

        writers_create(w.store, w.ids, WRITERS_MOST);
        for (int i = 0; i < 4; i++) {
            double raw = writers_raw(b, all / 4, 1);

            bench_note(b, names[level][i], "commits/s",
                       writers_threads(&w, 1 << i, all),
                       "LMDB puts, a durable commit each", raw);
        }
        cove_close(w.store);
        free(dir);
    }
}

/* ---------------------------------------------------------------- processes */

static void writers_process(const char *dir, long count)
{
    struct cove_id *ids = calloc((size_t)count + 1, sizeof(*ids));
    struct cove *store = writers_open(dir, COVE_FULL);

    if (ids == NULL) {
        bench_die(NULL, "no memory");
    }
    writers_create(store, ids, count);
    cove_close(store);
    free(ids);
}

static double writers_processes(struct bench *b, const char *name, int count)
{
    char *dir = bench_path(b, name);
    struct cove *store = writers_open(dir, COVE_FULL);
    struct cove_txn *txn;
    struct cove_id id;
    uint64_t cursor = 0;
    long each = b->count / count, found = 0;
    double start, took;
    int status = 0, bad = 0;

    cove_close(store); /* made, with its schema */
    start = bench_now();
    for (int i = 0; i < count; i++) {
        if (fork() == 0) {
            writers_process(dir, each);
            _exit(0);
        }
    }
    while (wait(&status) > 0) {
        bad += status != 0;
    }
    took = bench_now() - start;
    store = writers_open(dir, COVE_FULL);
    BENCH_MUST(store, cove_begin(store, COVE_READ, &txn));
    while (cove_next(txn, "Item", &cursor, &id) == 0) {
        found++;
    }
    cove_abort(txn);
    cove_close(store);
    free(dir);
    if (bad > 0 || found != each * count) {
        bench_die(NULL, "documents of several processes were lost");
    }
    return (double)(each * count) / took;
}

/* ---------------------------------------------------------- reads beside it */

static void writers_read(struct writers *w, long n)
{
    struct cove_txn *txn;
    struct cove_value v;

    BENCH_MUST(w->store, cove_begin(w->store, COVE_READ, &txn));
    BENCH_MUST(w->store, cove_get(txn, &w->ids[n % WRITERS_MOST], "size", &v));
    cove_abort(txn);
}

static void *writers_reader(void *ctx)
{
    struct writers *w = ctx;
    long reads = 0;

    while (!atomic_load(&w->over)) {
        writers_read(w, reads++);
    }
    atomic_fetch_add(&w->reads, reads);
    return NULL;
}

static void *writers_reads(void *ctx)
{
    struct writers *w = ctx;

    for (long i = 0; i < w->each; i++) {
        writers_read(w, i);
    }
    return NULL;
}

/* Reads a second of so many threads while another one commits. */
static double writers_readers(struct writers *w, int count, long commits)
{
    pthread_t threads[WRITERS_MOST];
    double start = bench_now();

    atomic_store(&w->over, false);
    atomic_store(&w->reads, 0);
    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, writers_reader, w) != 0) {
            bench_die(NULL, "no thread");
        }
    }
    (void)writers_threads(w, 1, commits);
    atomic_store(&w->over, true);
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
    return (double)atomic_load(&w->reads) / (bench_now() - start);
}

/* Reads a second of so many threads while nobody writes. */
static double writers_quiet(struct writers *w, int count, long reads)
{
    pthread_t threads[WRITERS_MOST];
    double start = bench_now();

    w->each = reads;
    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, writers_reads, w) != 0) {
            bench_die(NULL, "no thread");
        }
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
    return (double)(reads * count) / (bench_now() - start);
}

static void writers_reading(struct bench *b)
{
    char *dir = bench_path(b, "reading");
    struct writers w = {.store = writers_open(dir, COVE_FULL)};
    long commits = b->count / 10 < 80 ? 80 : b->count / 10;
    double one;

    writers_create(w.store, w.ids, WRITERS_MOST);
    one = writers_quiet(&w, 1, b->count);
    bench_note(b, "read, 2 threads", "transactions/s",
               writers_quiet(&w, 2, b->count), "the same by 1 thread", one);
    one = writers_readers(&w, 1, commits);
    bench_note(b, "read beside a writer, 2 threads", "transactions/s",
               writers_readers(&w, 2, commits), "the same by 1 thread", one);
    bench_note(b, "read beside a writer, 4 threads", "transactions/s",
               writers_readers(&w, 4, commits), "the same by 1 thread", one);
    cove_close(w.store);
    free(dir);
}

void bench_writers(struct bench *b)
{
    double one;

    writers_grouped(b);
    writers_levels(b);
    one = writers_processes(b, "one-process", 1);
    bench_note(b, "create, 4 processes", "documents/s",
               writers_processes(b, "processes", WRITERS_PROCESSES),
               "the same by 1 process", one);
    writers_reading(b);
}
