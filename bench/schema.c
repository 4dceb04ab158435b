/* schema.c: what schemas cost: a plan over all documents, and a long chain of
 * versions under a clean read. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* Migrations: with the root, as many steps as a path may have. */
#define CHAIN 63
#define READS 256 /* documents a transaction that reads */

/* --- a plan */

static void schema_fill(struct bench *b)
{
    static const char v1[] =
        "{\"title\":\"Item\",\"version\":1,\"properties\":{\"name\":{\"type\":"
        "\"string\"},\"size\":{\"type\":\"string\"},\"done\":{\"type\":"
        "\"boolean\"}}}";
    char *dir = bench_path(b, "plan"), json[128];
    struct cove_txn *txn;

    BENCH_MUST(b->store, cove_open(dir, NULL, &b->store));
    BENCH_MUST(b->store, cove_schema_add(b->store, v1, NULL));
    BENCH_MUST(b->store, cove_begin(b->store, COVE_WRITE | COVE_VIEW, &txn));
    for (long i = 0; i < b->count; i++) {
        bench_document(i, json, sizeof(json));
        BENCH_MUST(b->store, cove_new(txn, "Item", NULL, json, &b->ids[i]));
    }
    BENCH_MUST(b->store, cove_commit(txn));
    free(dir);
}

#define STEP                                                                   \
    "{\"schema\":\"Item\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":"        \
    "{\"field\":\"size\",\"to\":{\"type\":\"integer\"},\"forward\":"           \
    "[\"int_of_text\"],\"back\":[\"text_of_int\"]}}]}"
#define V2                                                                     \
    "{\"title\":\"Item\",\"version\":2,\"properties\":{\"name\":{\"type\":"    \
    "\"string\"},\"size\":{\"type\":\"integer\"},\"done\":{\"type\":"          \
    "\"boolean\"}}}"

static void schema_publish(struct bench *b)
{
    BENCH_MUST(b->store, cove_migration_add(b->store, STEP, V2));
}

static void schema_plan(struct bench *b)
{
    static const char request[] =
        "{\"do\":\"migrate.plan\",\"examples\":0,\"migration\":" STEP
        ",\"schema\":" V2 "}";
    char *raw = bench_path(b, "raw-plan");
    double start;

    mkdir(raw, 0700);
    (void)raw_lmdb_put(raw, b->count, 380, BENCH_COMMIT);

    double gets = raw_lmdb_get(raw, b->count);

    start = bench_now();
    cove_free(bench_admin(b->store, request));

    double took = bench_now() - start;

    bench_note(b, "plan", "documents/s, every one seen at both versions",
               (double)b->count / took, "raw LMDB gets, a transaction each",
               gets);
    bench_note(b, "plan, all", "seconds for 100,000 documents",
               took * 100000 / (double)b->count, "the design's figure", 5);
    free(raw);
}

/* --- status: from kept counts, so the number of documents does not matter */

static void schema_status(struct bench *b)
{
    double start = bench_now();

    cove_free(bench_admin(b->store, "{\"do\":\"migrate.status\"}"));
    bench_note(b, "migrate status", "ms, of all these documents",
               (bench_now() - start) * 1e3, "the design's figure, 1 M", 100);
}

/* --- a chain */

/* Version n: `size` is a text in the odd ones and an integer in the others. */
static void chain_files(int n, bool convert, char *migration, char *schema,
                        size_t cap)
{
    snprintf(schema, cap,
             "{\"title\":\"Link\",\"version\":%d,\"properties\":{\"size\":"
             "{\"type\":\"%s\"},\"name%d\":{\"type\":\"string\"}}}",
             n, convert && n % 2 == 0 ? "integer" : "string", n);
    snprintf(
        migration, cap,
        "{\"schema\":\"Link\",\"from\":%d,\"to\":%d,\"steps\":[{\"rename\":"
        "{\"from\":\"name%d\",\"to\":\"name%d\"}}%s%s]}",
        n - 1, n, n - 1, n,
        !convert ? "" : ",{\"convert\":{\"field\":\"size\",\"to\":",
        !convert     ? ""
        : n % 2 == 0 ? "{\"type\":\"integer\"},\"forward\":"
                       "[\"int_of_text\"],\"back\":[\"text_of_int\"]}}"
                     : "{\"type\":\"string\"},\"forward\":"
                       "[\"text_of_int\"],\"back\":[\"int_of_text\"]}}");
}

/* The processor's time: a difference of two figures bears no waiting. */
static double chain_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Documents written at version 1 and read at version `steps` + 1, when a run
 * has left nothing to do: seconds a read. */
static double chain_read(struct bench *b, const char *name, int steps,
                         bool convert)
{
    struct cove *store = NULL;
    struct cove_txn *txn;
    struct cove_value value;
    struct cove_id *ids = calloc((size_t)b->count, sizeof(*ids));
    char *dir = bench_path(b, name), migration[512], schema[512];
    unsigned long seed = 12345;

    if (ids == NULL) {
        bench_die(NULL, "out of memory");
    }
    BENCH_MUST(store, cove_open(dir, NULL, &store));
    chain_files(1, convert, migration, schema, sizeof(schema));
    BENCH_MUST(store, cove_schema_add(store, schema, NULL));
    BENCH_MUST(store, cove_begin(store, COVE_WRITE | COVE_VIEW, &txn));
    for (long i = 0; i < b->count; i++) {
        char json[64];

        snprintf(json, sizeof(json), "{\"size\":\"%ld\",\"name1\":\"n\"}", i);
        BENCH_MUST(store, cove_new(txn, "Link", NULL, json, &ids[i]));
    }
    BENCH_MUST(store, cove_commit(txn));
    for (int n = 2; n <= steps + 1; n++) {
        chain_files(n, convert, migration, schema, sizeof(schema));
        BENCH_MUST(store, cove_migration_add(store, migration, schema));
    }
    for (bool finished = false; !finished;) {
        char *reply =
            bench_admin(store, "{\"do\":\"migrate.run\",\"schema\":\"Link\","
                               "\"rate\":0}");

        finished = strstr(reply, "\"finished\":true") != NULL;
        cove_free(reply);
    }
    double start = chain_now();

    txn = NULL;
    for (long i = 0; i < b->count; i++) {
        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        if (txn == NULL) {
            BENCH_MUST(store, cove_begin(store, COVE_READ, &txn));
        }
        BENCH_MUST(store,
                   cove_get(txn, &ids[(seed >> 33) % (unsigned long)b->count],
                            "size", &value));
        if (i % READS == READS - 1 || i == b->count - 1) {
            BENCH_MUST(store, cove_commit(txn));
            txn = NULL;
        }
    }
    double took = (chain_now() - start) / (double)b->count;

    cove_close(store);
    free(dir);
    free(ids);
    return took;
}

static void schema_chain(struct bench *b)
{
    double one = chain_read(b, "one", 1, true);
    double renamed = chain_read(b, "renamed", CHAIN, false);
    double converted = chain_read(b, "converted", CHAIN, true);

    bench_note(b, "clean read, 1 step", "us a read", one * 1e6,
               "the design's figure", 10);
    bench_note(b, "64 steps, renames", "us more a read", (renamed - one) * 1e6,
               "the design's figure", 2);
    bench_note(b, "64 steps, converting", "us more a read",
               (converted - one) * 1e6, "the design's figure", 2);
}

void bench_schema(struct bench *b)
{
    schema_fill(b);
    schema_status(b);
    schema_plan(b);
    schema_publish(b);
    bench_reader(b);
    cove_close(b->store);
    b->store = NULL;
    schema_chain(b);
}
