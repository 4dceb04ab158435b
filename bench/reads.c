/* reads.c: one field of a small document, in random order, several times over:
 * by reading it each time, and out of the cache; as it was written, and when a
 * migration has copied it; by one thread and by two. */
#include "bench/bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define READS  256 /* documents a transaction */
#define PASSES 8   /* as many reads a document */

struct reading {
    struct bench *b;
    unsigned flags;
    atomic_ulong seeds;
};

static void reads_pass(struct reading *r, unsigned long seed, long count)
{
    struct bench *b = r->b;
    struct cove_txn *txn = NULL;
    struct cove_value value;

    for (long i = 0; i < count; i++) {
        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        if (txn == NULL) {
            BENCH_MUST(b->store, cove_begin(b->store, r->flags, &txn));
        }
        BENCH_MUST(b->store,
                   cove_get(txn,
                            &b->ids[(seed >> 33) % (unsigned long)b->count],
                            "size", &value));
        if (i % READS == READS - 1 || i == count - 1) {
            BENCH_MUST(b->store, cove_commit(txn));
            txn = NULL;
        }
    }
}

static void *reads_thread(void *ctx)
{
    struct reading *r = ctx;

    reads_pass(r, atomic_fetch_add(&r->seeds, 1), r->b->count * PASSES);
    return NULL;
}

/* Reads a second, of all threads together. */
static double reads_rate(struct bench *b, int threads, unsigned flags)
{
    struct reading r = {.b = b, .flags = flags, .seeds = 12345};
    pthread_t thread[2];
    double start = bench_now();

    for (int i = 1; i < threads; i++) {
        if (pthread_create(&thread[i], NULL, reads_thread, &r) != 0) {
            bench_die(NULL, "no thread");
        }
    }
    reads_thread(&r);
    for (int i = 1; i < threads; i++) {
        pthread_join(thread[i], NULL);
    }
    return (double)b->count * PASSES * threads / (bench_now() - start);
}

static void reads_open(struct bench *b, const char *dir, int64_t cache)
{
    struct cove_options options = {.size = sizeof(options),
                                   .flags = COVE_OPEN_CREATE,
                                   .cache_bytes = cache};

    cove_close(b->store);
    b->store = NULL;
    BENCH_MUST(b->store, cove_open(dir, &options, &b->store));
}

static void reads_create(struct bench *b)
{
    struct cove_txn *txn;
    char json[128];

    BENCH_MUST(b->store, cove_schema_add(b->store, bench_item_v1, NULL));
    BENCH_MUST(b->store, cove_begin(b->store, COVE_WRITE | COVE_VIEW, &txn));
    for (long i = 0; i < b->count; i++) {
        bench_document(i, json, sizeof(json));
        BENCH_MUST(b->store, cove_new(txn, "Item", NULL, json, &b->ids[i]));
    }
    BENCH_MUST(b->store, cove_commit(txn));
}

static void reads_migrate(struct bench *b)
{
    char request[128];

    BENCH_MUST(b->store,
               cove_migration_add(b->store, bench_item_step, bench_item_v2));
    snprintf(request, sizeof(request),
             "{\"do\":\"migrate.run\",\"schema\":\"Item\",\"batch\":1000,"
             "\"rate\":0,\"max\":%ld}",
             b->count + 1);
    cove_free(bench_admin(b->store, request));
}

void bench_reads(struct bench *b)
{
    static const char beside[] = "LMDB gets and decodes, 256 a transaction";
    static const char beside2[] = "the same by two threads";
    char *dir = bench_path(b, "reads"), *raw = bench_path(b, "raw-reads");
    double one, two;

    mkdir(raw, 0700);
    reads_open(b, dir, -1);
    reads_create(b);
    if (raw_lmdb_fill(raw, b->count) != 0) {
        bench_die(NULL, "the raw store cannot be made");
    }
    one = raw_lmdb_decode(raw, b->count, PASSES, 1);
    two = raw_lmdb_decode(raw, b->count, PASSES, 2);
    bench_note(b, "clean read", "documents/s, no cache",
               reads_rate(b, 1, COVE_READ), beside, one);
    bench_note(b, "clean read, 2 threads", "documents/s, no cache",
               reads_rate(b, 2, COVE_READ), beside2, two);
    reads_open(b, dir, 0);
    reads_rate(b, 1, COVE_READ);
    bench_note(b, "cached read", "documents/s", reads_rate(b, 1, COVE_READ),
               beside, one);
    reads_rate(b, 2, COVE_READ);
    bench_note(b, "cached read, 2 threads", "documents/s",
               reads_rate(b, 2, COVE_READ), beside2, two);
    reads_open(b, dir, -1);
    reads_migrate(b);
    bench_note(b, "migrated read", "documents/s, no cache",
               reads_rate(b, 1, COVE_READ), beside, one);
    bench_note(b, "migrated read, writing", "documents/s, may write",
               reads_rate(b, 1, COVE_WRITE), beside, one);
    reads_open(b, dir, 0);
    reads_rate(b, 1, COVE_READ);
    bench_note(b, "migrated read, cached", "documents/s",
               reads_rate(b, 1, COVE_READ), beside, one);
    cove_close(b->store);
    b->store = NULL;
    free(dir);
    free(raw);
}
