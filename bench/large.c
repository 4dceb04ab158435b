/* large.c: a store of many documents, made once, then opened by a process of
 * its own: how long until it has read one, and how much memory it holds. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LARGE_COMMIT 10000

static double large_resident(const char *which)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[128];
    double kib = 0;

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, which, strlen(which)) == 0) {
            kib = strtod(line + strlen(which), NULL);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib / 1024;
}

/* Open, read one, and say so: milliseconds and MiB. */
int bench_large_child(const char *dir, const char *id)
{
    struct cove *store;
    struct cove_txn *txn;
    struct cove_id at;
    struct cove_value value;
    double start = bench_now();

    BENCH_MUST(store, cove_open(dir, NULL, &store));
    BENCH_MUST(store, cove_id_lookup(store, id, &at));
    BENCH_MUST(store, cove_begin(store, COVE_READ, &txn));
    BENCH_MUST(store, cove_get(txn, &at, "name", &value));
    cove_abort(txn);

    double took = (bench_now() - start) * 1e3;

    printf("%.3f %.3f\n", took, large_resident("VmRSS:"));
    cove_close(store);
    return 0;
}

static double large_make(const char *dir, long count, struct cove_id *middle)
{
    struct cove_txn *txn = NULL;
    struct cove *store;
    struct cove_id id = {.b = {0}};
    char json[128];

    BENCH_MUST(store, cove_open(dir, NULL, &store));

    double start = bench_now();

    for (long i = 0; i < count; i++) {
        if (txn == NULL) {
            BENCH_MUST(store, cove_begin(store, COVE_WRITE | COVE_VIEW, &txn));
        }
        bench_document(i, json, sizeof(json));
        BENCH_MUST(store, cove_new(txn, NULL, NULL, json, &id));
        if (i == count / 2) {
            *middle = id;
        }
        if (i % LARGE_COMMIT == LARGE_COMMIT - 1 || i == count - 1) {
            BENCH_MUST(store, cove_commit(txn));
            txn = NULL;
        }
    }

    double took = bench_now() - start;

    cove_close(store);
    return (double)count / took;
}

void bench_large_open(const char *dir, const struct cove_id *id,
                      struct bench_opened *out)
{
    char self[256], command[512], text[52];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (len < 0) {
        bench_die(NULL, "no /proc");
    }
    self[len] = '\0';
    cove_id_format(id, text);
    snprintf(command, sizeof(command), "'%s' --opened '%s' %s", self, dir,
             text);

    FILE *child = popen(command, "r");

    if (child == NULL || fscanf(child, "%lf %lf", &out->ms, &out->mib) != 2 ||
        pclose(child) != 0) {
        bench_die(NULL, "the store of many documents does not open");
    }
}

void bench_large(struct bench *b, long count)
{
    struct cove_id id = {.b = {0}};
    char *dir = bench_path(b, "large");
    double rate = large_make(dir, count, &id);

    bench_note(b, "large, create", "documents/s, 10,000 a commit", rate,
               "raw Ed25519 signatures", raw_sign(5000));
    for (int i = 0; i < 5; i++) {
        struct bench_opened opened;

        bench_large_open(dir, &id, &opened);
        bench_note(b, "large, open and read one", "ms", opened.ms,
                   "the design's figure", 5);
        bench_note(b, "large, resident", "MiB of an idle process", opened.mib,
                   "the design's figure", 64);
    }
    free(dir);
}
