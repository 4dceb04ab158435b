/* reader.c: does a run in the background slow down who reads? One thread reads
 * documents in random order while another runs a migration at the default
 * rate, waiting as long as each reply says. */
#include "bench/bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define READS 64 /* documents a transaction */

struct sweep {
    struct bench *bench;
    atomic_bool done;
};

static void *sweep_run(void *at)
{
    struct sweep *sweep = at;
    bool finished = false;

    while (!finished) {
        char *reply =
            bench_admin(sweep->bench->store,
                        "{\"do\":\"migrate.run\",\"schema\":\"Item\"}");
        long wait_ms = (long)bench_number(reply, "waitMs");
        struct timespec pause = {wait_ms / 1000, wait_ms % 1000 * 1000000};

        finished = strstr(reply, "\"finished\":true") != NULL;
        cove_free(reply);
        nanosleep(&pause, NULL);
    }
    atomic_store(&sweep->done, true);
    return NULL;
}

/* Documents a second, until `done` or for so many seconds. */
static double reader_rate(struct bench *b, atomic_bool *done, double seconds)
{
    unsigned long seed = 777;
    double start = bench_now();
    long count = 0;

    while (done != NULL ? !atomic_load(done) : bench_now() - start < seconds) {
        struct cove_txn *txn;
        struct cove_value value;

        BENCH_MUST(b->store, cove_begin(b->store, COVE_READ, &txn));
        for (int i = 0; i < READS; i++, count++) {
            seed = seed * 6364136223846793005UL + 1442695040888963407UL;
            BENCH_MUST(b->store,
                       cove_get(txn,
                                &b->ids[(seed >> 33) % (unsigned long)b->count],
                                "name", &value));
        }
        BENCH_MUST(b->store, cove_commit(txn));
    }
    return (double)count / (bench_now() - start);
}

void bench_reader(struct bench *b)
{
    struct sweep sweep = {.bench = b};
    pthread_t thread;
    double alone = reader_rate(b, NULL, 1), beside;

    if (pthread_create(&thread, NULL, sweep_run, &sweep) != 0) {
        bench_die(NULL, "no thread");
    }
    beside = reader_rate(b, &sweep.done, 0);
    pthread_join(thread, NULL);
    alone = (alone + reader_rate(b, NULL, 1)) / 2;
    bench_note(b, "read beside a run",
               "documents/s, the run at its default rate", beside,
               "the same reads with no run, before and after", alone);
}
