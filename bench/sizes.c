/* sizes.c: the same figures at 10,000, 100,000 and 1,000,000 documents, so that
 * what grows with a store shows. A line a figure, the sizes beside each other;
 * each figure stands over the machine's own of the same run.
 *
 * Reads and edits are as many at each size: 200,000, in random order where the
 * design says nothing else, 1,000 a commit. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SIZES        3
#define SIZES_COMMIT 1000
#define SIZES_WORK   200000 /* reads, edits */
#define SIZES_ALONE  300    /* migrated one by one, a commit each */
#define SIZES_BYTES  380    /* of a raw value */

enum figure {
    CREATE,
    BYTES,
    READ,
    UPDATE,
    EDIT_BYTES,
    OPEN,
    RESIDENT,
    DUE,
    MIGRATE_ALONE,
    SWEEP,
    READ_MIGRATED,
    FIGURES
};

static const struct {
    const char *name, *unit, *beside;
    double asked; /* 0: a figure of the machine's is beside it */
} figures[FIGURES] = {
    [CREATE] = {"create", "documents/s", "raw puts, 1,000 a commit", 0},
    [BYTES] = {"disk", "bytes a document", "the design's figure", 400},
    [READ] = {"read clean", "documents/s", "raw gets", 0},
    [UPDATE] = {"update", "edits/s", "raw puts, 1,000 a commit", 0},
    [EDIT_BYTES] = {"disk, edit", "bytes an edit", "the design's figure", 60},
    [OPEN] = {"open, read one", "ms", "the design's figure", 5},
    [RESIDENT] = {"resident, idle", "MiB", "the design's figure", 64},
    [DUE] = {"read due", "documents/s", "raw gets", 0},
    [MIGRATE_ALONE] = {"migrate one by one", "documents/s",
                       "raw puts, one a commit", 0},
    [SWEEP] = {"migrate in batches", "documents/s", "the design's figure",
               100000},
    [READ_MIGRATED] = {"read migrated", "documents/s", "raw gets", 0},
};

struct sizes {
    struct bench *bench;
    struct cove *store;
    struct cove_id *ids;
    long count;
    unsigned long random;
    double puts, single_puts, gets; /* the machine's, at this size */
    double found[FIGURES], beside[FIGURES];
};

static long sizes_draw(struct sizes *s)
{
    s->random = s->random * 6364136223846793005UL + 1442695040888963407UL;
    return (long)((s->random >> 33) % (unsigned long)s->count);
}

static void sizes_found(struct sizes *s, enum figure figure, double found,
                        double beside)
{
    s->found[figure] = found;
    s->beside[figure] =
        figures[figure].asked > 0 ? figures[figure].asked : beside;
}

static void sizes_create(struct sizes *s)
{
    struct cove_txn *txn = NULL;
    double start = bench_now();
    char json[128];

    for (long i = 0; i < s->count; i++) {
        if (txn == NULL) {
            BENCH_MUST(s->store,
                       cove_begin(s->store, COVE_WRITE | COVE_VIEW, &txn));
        }
        bench_document(i, json, sizeof(json));
        BENCH_MUST(s->store, cove_new(txn, "Item", NULL, json, &s->ids[i]));
        if (i % SIZES_COMMIT == SIZES_COMMIT - 1 || i == s->count - 1) {
            BENCH_MUST(s->store, cove_commit(txn));
            txn = NULL;
        }
    }
    sizes_found(s, CREATE, (double)s->count / (bench_now() - start), s->puts);
}

static double sizes_bytes(struct sizes *s)
{
    char *reply =
        bench_admin(s->store, "{\"do\":\"status\",\"schema\":\"Item\"}");
    double bytes = bench_number(reply, "bytes");

    cove_free(reply);
    return bytes;
}

/* One field of documents in random order, 256 a transaction. */
static void sizes_read(struct sizes *s, enum figure figure)
{
    double start = bench_now();

    for (long i = 0; i < SIZES_WORK;) {
        struct cove_value value;
        struct cove_txn *txn;

        BENCH_MUST(s->store, cove_begin(s->store, COVE_READ, &txn));
        for (int j = 0; j < 256 && i < SIZES_WORK; j++, i++) {
            BENCH_MUST(s->store,
                       cove_get(txn, &s->ids[sizes_draw(s)], "size", &value));
        }
        BENCH_MUST(s->store, cove_commit(txn));
    }
    sizes_found(s, figure, SIZES_WORK / (bench_now() - start), s->gets);
}

/* Documents one after the other, as often as it takes. */
static void sizes_update(struct sizes *s)
{
    struct cove_txn *txn = NULL;
    double bytes = sizes_bytes(s), start = bench_now();

    for (long i = 0; i < SIZES_WORK; i++) {
        if (txn == NULL) {
            BENCH_MUST(s->store,
                       cove_begin(s->store, COVE_WRITE | COVE_VIEW, &txn));
        }
        BENCH_MUST(s->store, cove_set(txn, &s->ids[i % s->count], "done",
                                      cove_bool(i / s->count % 2 == 0)));
        if (i % SIZES_COMMIT == SIZES_COMMIT - 1) {
            BENCH_MUST(s->store, cove_commit(txn));
            txn = NULL;
        }
    }
    sizes_found(s, UPDATE, SIZES_WORK / (bench_now() - start), s->puts);
    sizes_found(s, EDIT_BYTES, (sizes_bytes(s) - bytes) / SIZES_WORK, 0);
}

/* What an app that reads with the right to write does to each document. */
static void sizes_alone(struct sizes *s)
{
    double start = bench_now();

    for (long i = 0; i < SIZES_ALONE; i++) {
        struct cove_value value;
        struct cove_txn *txn;

        BENCH_MUST(s->store, cove_begin(s->store, COVE_WRITE, &txn));
        BENCH_MUST(s->store, cove_get(txn, &s->ids[i], "size", &value));
        BENCH_MUST(s->store, cove_commit(txn));
    }
    sizes_found(s, MIGRATE_ALONE, SIZES_ALONE / (bench_now() - start),
                s->single_puts);
}

static void sizes_sweep(struct sizes *s)
{
    char request[128];
    double start;

    snprintf(request, sizeof(request),
             "{\"do\":\"migrate.run\",\"schema\":\"Item\",\"batch\":1000,"
             "\"rate\":0,\"max\":%ld}",
             s->count + 1);
    start = bench_now();
    cove_free(bench_admin(s->store, request));
    sizes_found(s, SWEEP,
                (double)(s->count - SIZES_ALONE) / (bench_now() - start), 0);
}

static void sizes_open(struct sizes *s, const char *dir)
{
    struct bench_opened opened;

    bench_large_open(dir, &s->ids[s->count / 2], &opened);
    sizes_found(s, OPEN, opened.ms, 0);
    sizes_found(s, RESIDENT, opened.mib, 0);
}

static void sizes_raw(struct sizes *s, const char *dir)
{
    char one[300];

    mkdir(dir, 0700);
    snprintf(one, sizeof(one), "%.280s-one", dir);
    mkdir(one, 0700);
    s->puts = raw_lmdb_put(dir, s->count, SIZES_BYTES, SIZES_COMMIT);
    s->gets = raw_lmdb_get(dir, s->count);
    s->single_puts = raw_lmdb_put(one, SIZES_ALONE, SIZES_BYTES, 1);
}

static void sizes_one(struct sizes *s)
{
    char *dir = bench_path(s->bench, "sizes"), *raw;

    raw = bench_path(s->bench, "sizes-raw");
    s->ids = calloc((size_t)s->count, sizeof(*s->ids));
    if (s->ids == NULL) {
        bench_die(NULL, "no memory");
    }
    sizes_raw(s, raw);
    BENCH_MUST(s->store, cove_open(dir, NULL, &s->store));
    BENCH_MUST(s->store, cove_schema_add(s->store, bench_item_v1, NULL));
    sizes_create(s);
    sizes_found(s, BYTES, sizes_bytes(s) / (double)s->count, 0);
    sizes_read(s, READ);
    sizes_open(s, dir);
    sizes_update(s);
    BENCH_MUST(s->store,
               cove_migration_add(s->store, bench_item_step, bench_item_v2));
    sizes_read(s, DUE);
    sizes_alone(s);
    sizes_sweep(s);
    sizes_read(s, READ_MIGRATED);
    cove_close(s->store);
    free(s->ids);
    free(dir);
    free(raw);
}

void bench_sizes(struct bench *b, long most)
{
    struct sizes at[SIZES] = {{.bench = NULL}};
    long count = 10000;
    int sizes = 0;

    for (; sizes < SIZES && count <= most; sizes++, count *= 10) {
        at[sizes].bench = b;
        at[sizes].count = count;
        at[sizes].random = 12345;
        b->round = sizes;
        sizes_one(&at[sizes]);
    }
    for (int f = 0; f < FIGURES; f++) {
        printf("{\"bench\":\"%s\",\"unit\":\"%s\",\"beside_is\":\"%s\"",
               figures[f].name, figures[f].unit, figures[f].beside);
        for (int i = 0; i < sizes; i++) {
            printf(",\"%ld\":{\"cove\":%.4g,\"beside\":%.4g,\"ratio\":%.3f}",
                   at[i].count, at[i].found[f], at[i].beside[f],
                   at[i].found[f] / at[i].beside[f]);
        }
        printf("}\n");
    }
}
