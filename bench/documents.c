/* documents.c: documents of three short fields in one store. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define READS 256 /* documents a transaction that reads */
#define FEW   100 /* documents that are edited again and again */

const char bench_item_v1[] =
    "{\"title\":\"Item\",\"version\":1,\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"size\":{\"type\":\"string\"},\"done\":{\"type\":"
    "\"boolean\"}}}";
const char bench_item_v2[] =
    "{\"title\":\"Item\",\"version\":2,\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"size\":{\"type\":\"integer\"},\"done\":{\"type\":"
    "\"boolean\"}}}";
const char bench_item_step[] =
    "{\"schema\":\"Item\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":"
    "{\"field\":\"size\",\"to\":{\"type\":\"integer\"},\"forward\":"
    "[\"int_of_text\"],\"back\":[\"text_of_int\"]}}]}";

static const char step3[] =
    "{\"schema\":\"Item\",\"from\":2,\"to\":3,\"steps\":[{\"convert\":"
    "{\"field\":\"size\",\"to\":{\"type\":\"string\"},\"forward\":"
    "[\"text_of_int\"],\"back\":[\"int_of_text\"]}}]}";
static const char v3[] =
    "{\"title\":\"Item\",\"version\":3,\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"size\":{\"type\":\"string\"},\"done\":{\"type\":"
    "\"boolean\"}}}";

static double documents_create(struct bench *b)
{
    struct cove_txn *txn = NULL;
    char *dir = bench_path(b, "store"), json[128];

    BENCH_MUST(b->store, cove_open(dir, NULL, &b->store));
    BENCH_MUST(b->store, cove_schema_add(b->store, bench_item_v1, NULL));
    free(dir);
    double start = bench_now();

    for (long i = 0; i < b->count; i++) {
        if (txn == NULL) {
            BENCH_MUST(b->store,
                       cove_begin(b->store, COVE_WRITE | COVE_VIEW, &txn));
        }
        bench_document(i, json, sizeof(json));
        BENCH_MUST(b->store, cove_new(txn, "Item", NULL, json, &b->ids[i]));
        if (i % BENCH_COMMIT == BENCH_COMMIT - 1 || i == b->count - 1) {
            BENCH_MUST(b->store, cove_commit(txn));
            txn = NULL;
        }
    }
    return (double)b->count / (bench_now() - start);
}

/* One field of each document: in the order they were made, or in random
 * order. */
static double documents_read(struct bench *b, unsigned flags, bool random)
{
    struct cove_txn *txn = NULL;
    struct cove_value value;
    unsigned long seed = 12345;
    double start = bench_now();

    for (long i = 0; i < b->count; i++) {
        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        long at = random ? (long)((seed >> 33) % (unsigned long)b->count) : i;

        if (txn == NULL) {
            BENCH_MUST(b->store, cove_begin(b->store, flags, &txn));
        }
        BENCH_MUST(b->store, cove_get(txn, &b->ids[at], "size", &value));
        if (i % READS == READS - 1 || i == b->count - 1) {
            BENCH_MUST(b->store, cove_commit(txn));
            txn = NULL;
        }
    }
    return (double)b->count / (bench_now() - start);
}

/* As many edits as there are documents, to the first `spread` of them. */
static double documents_edit(struct bench *b, long spread)
{
    struct cove_txn *txn = NULL;
    double start = bench_now();

    for (long i = 0; i < b->count; i++) {
        if (txn == NULL) {
            BENCH_MUST(b->store,
                       cove_begin(b->store, COVE_WRITE | COVE_VIEW, &txn));
        }
        BENCH_MUST(b->store, cove_set(txn, &b->ids[i % spread], "done",
                                      cove_bool(i / spread % 2 == 0)));
        if (i % BENCH_COMMIT == BENCH_COMMIT - 1 || i == b->count - 1) {
            BENCH_MUST(b->store, cove_commit(txn));
            txn = NULL;
        }
    }
    return (double)b->count / (bench_now() - start);
}

static double documents_bytes(struct bench *b)
{
    char *reply =
        bench_admin(b->store, "{\"do\":\"status\",\"schema\":\"Item\"}");
    double bytes = bench_number(reply, "bytes");

    cove_free(reply);
    return bytes / (double)b->count;
}

static void documents_edits(struct bench *b, double puts)
{
    double before = documents_bytes(b);
    double rate = documents_edit(b, b->count);
    double after = documents_bytes(b);

    bench_note(b, "edit", "edits/s, one a document, 100 a commit", rate,
               "raw LMDB puts of 380 bytes, 100 a commit", puts);
    bench_note(b, "disk, first edit", "bytes an edit, one a document",
               after - before, "the design's figure for an edit", 60);
    rate = documents_edit(b, b->count < FEW ? b->count : FEW);
    bench_note(b, "edit few", "edits/s to 100 documents, 100 a commit", rate,
               "raw LMDB puts of 380 bytes, 100 a commit", puts);
    bench_note(b, "disk, more edits", "bytes an edit, to 100 documents",
               documents_bytes(b) - after, "the design's figure for an edit",
               60);
}

/* What the sweeper writes when nobody reads. */
static void documents_sweep(struct bench *b)
{
    char request[128];

    BENCH_MUST(b->store, cove_migration_add(b->store, step3, v3));
    snprintf(request, sizeof(request),
             "{\"do\":\"migrate.run\",\"schema\":\"Item\",\"batch\":250,"
             "\"rate\":0,\"max\":%ld}",
             b->count + 1);

    double start = bench_now();

    cove_free(bench_admin(b->store, request));
    bench_note(b, "sweep", "documents/s, 250 a commit",
               (double)b->count / (bench_now() - start), "the design's figure",
               100000);
}

void bench_documents(struct bench *b)
{
    char *raw = bench_path(b, "raw");

    mkdir(raw, 0700);

    double create = documents_create(b);
    double puts = raw_lmdb_put(raw, b->count, 380, BENCH_COMMIT);
    double signs = raw_sign(5000);

    bench_note(b, "create", "documents/s, 100 a commit", create,
               "raw LMDB puts of 380 bytes, 100 a commit", puts);
    bench_note(b, "create, signing", "documents/s", create,
               "raw Ed25519 signatures", signs);
    bench_note(b, "disk", "bytes a document", documents_bytes(b),
               "the design's figure", 400);

    double clean = documents_read(b, COVE_READ, true);
    double gets = raw_lmdb_get(raw, b->count);
    const char *beside = "raw LMDB gets, a transaction each";

    bench_note(b, "read clean", "documents/s", clean, beside, gets);
    documents_edits(b, puts);
    BENCH_MUST(b->store,
               cove_migration_add(b->store, bench_item_step, bench_item_v2));
    bench_note(b, "read due", "documents/s, nothing written",
               documents_read(b, COVE_READ, true), beside, gets);
    bench_note(b, "read, migrating", "documents/s, 256 a commit",
               documents_read(b, COVE_WRITE, false), "raw Ed25519 signatures",
               signs);
    bench_note(b, "read migrated", "documents/s, may write, nothing due",
               documents_read(b, COVE_WRITE, true), beside, gets);
    documents_sweep(b);
    cove_close(b->store);
    b->store = NULL;
    free(raw);
}
