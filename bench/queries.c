/* queries.c: ten documents of very many by an index, all of them by a scan, and
 * what an index costs those who write. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUERIES_COMMIT 10000
#define QUERIES_ASKED  500
#define QUERIES_ROWS   10 /* documents with one size */
#define QUERIES_SCANS  3

static void queries_schema(struct cove *store, bool indexed)
{
    char json[512];

    snprintf(json, sizeof(json),
             "{\"title\":\"Part\",\"version\":1,\"properties\":{\"name\":{"
             "\"type\":\"string\"},\"kind\":{\"type\":\"string\"},\"size\":{"
             "\"type\":\"integer\"%s}}}",
             indexed ? ",\"x-index\":true" : "");
    BENCH_MUST(store, cove_schema_add(store, json, NULL));
}

/* Documents a second. */
static double queries_make(struct cove *store, long count)
{
    long sizes = count / QUERIES_ROWS > 0 ? count / QUERIES_ROWS : 1;
    struct cove_txn *txn = NULL;
    struct cove_id id;
    char json[128];
    double start = bench_now();

    for (long i = 0; i < count; i++) {
        if (txn == NULL) {
            BENCH_MUST(store, cove_begin(store, COVE_WRITE | COVE_VIEW, &txn));
        }
        /* Neighbours in the index are far apart in the store. */
        snprintf(json, sizeof(json),
                 "{\"name\":\"part %ld\",\"kind\":\"k%ld\",\"size\":%ld}", i,
                 i % 100, i * 7919 % sizes);
        BENCH_MUST(store, cove_new(txn, "Part", NULL, json, &id));
        if (i % QUERIES_COMMIT == QUERIES_COMMIT - 1 || i == count - 1) {
            BENCH_MUST(store, cove_commit(txn));
            txn = NULL;
        }
    }
    return (double)count / (bench_now() - start);
}

/* Milliseconds, transaction and all, until the last row is known. */
static double queries_ask(struct cove *store, const char *json, long *rows)
{
    struct cove_query *query;
    struct cove_txn *txn;
    struct cove_id id;
    double start = bench_now();

    *rows = 0;
    BENCH_MUST(store, cove_begin(store, COVE_READ, &txn));
    BENCH_MUST(store, cove_query(txn, "Part", json, &query));
    while (cove_query_next(query, &id) == 0) {
        ++*rows;
    }
    cove_query_end(query, NULL);
    cove_abort(txn);
    return (bench_now() - start) * 1e3;
}

static void queries_indexed(struct bench *b, struct cove *store, long count)
{
    static double took[QUERIES_ASKED];
    unsigned long seed = 4711;
    char json[128];
    long rows = 0, all = 0;

    for (int i = 0; i < QUERIES_ASKED; i++) {
        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        snprintf(json, sizeof(json), "{\"where\":{\"size\":%lu}}",
                 (seed >> 33) % (unsigned long)(count / QUERIES_ROWS));
        took[i] = queries_ask(store, json, &rows);
        all += rows;
    }
    if (all != (long)QUERIES_ASKED * QUERIES_ROWS) {
        bench_die(NULL, "an index has other rows than there are");
    }
    bench_note(b, "large, query by index", "ms for 10 rows, the median",
               bench_quantile(took, QUERIES_ASKED, 0.5), "the design's figure",
               1);
    bench_note(
        b, "large, query by index, slow", "ms for 10 rows, the 99th of 100",
        bench_quantile(took, QUERIES_ASKED, 0.99), "the design's figure", 1);
    for (int i = 0; i < QUERIES_ASKED; i++) {
        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        snprintf(json, sizeof(json),
                 "{\"where\":{\"size\":{\"$gte\":%lu}},\"order\":[\"size\"],"
                 "\"limit\":10}",
                 (seed >> 33) % (unsigned long)(count / QUERIES_ROWS));
        took[i] = queries_ask(store, json, &rows);
    }
    bench_note(b, "large, page in order", "ms for 10 rows, the median",
               bench_quantile(took, QUERIES_ASKED, 0.5), "the design's figure",
               1);
}

void bench_queries(struct bench *b, long count)
{
    char *plain = bench_path(b, "plain"), *indexed = bench_path(b, "indexed");
    struct cove *store;
    double without, with;
    long rows;

    BENCH_MUST(store, cove_open(plain, NULL, &store));
    queries_schema(store, false);
    without = queries_make(store, count);
    cove_close(store);
    BENCH_MUST(store, cove_open(indexed, NULL, &store));
    queries_schema(store, true);
    with = queries_make(store, count);
    bench_note(b, "large, create with an index", "documents/s, 10,000 a commit",
               with, "the same without", without);
    queries_indexed(b, store, count);
    for (int i = 0; i < QUERIES_SCANS; i++) {
        double ms = queries_ask(store, "{\"where\":{\"kind\":\"k7\"}}", &rows);

        bench_note(b, "large, scan", "documents/s looked at",
                   (double)count / ms * 1e3, "of which were rows",
                   (double)rows);
    }
    cove_close(store);
    free(plain);
    free(indexed);
}
