/* import.c: records of eight fields and about 500 bytes, as `cove import` takes
 * them: the same calls, all of them in one commit. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char schema[] =
    "{\"title\":\"Package\",\"version\":1,\"required\":[\"name\"],"
    "\"properties\":{\"name\":{\"type\":\"string\"},"
    "\"version\":{\"type\":\"string\"},\"maintainer\":{\"type\":\"string\"},"
    "\"installedSize\":{\"type\":\"string\"},\"section\":{\"type\":\"string\"},"
    "\"depends\":{\"type\":\"string\"},\"homepage\":{\"type\":\"string\"},"
    "\"description\":{\"type\":\"string\"}}}";

static int import_record(long n, char *out, size_t cap)
{
    return snprintf(
        out, cap,
        "{\"name\":\"lib%ld-dev\",\"version\":\"%ld.%ld-1+b%ld\","
        "\"maintainer\":\"Maintainer %ld <maintainer%ld@example.org>\","
        "\"installedSize\":\"%ld\",\"section\":\"libdevel\","
        "\"depends\":\"libc6 (>= 2.%ld), lib%ld1 (= %ld.%ld-1), "
        "libfirst-dev, libsecond-dev (>= 1.2.3), debconf | other\","
        "\"homepage\":\"https://example.org/project/%ld\","
        "\"description\":\"a library of the %ld-th kind (development files) "
        "that does what a library of its kind is expected to do, and here is "
        "some more text of the length that such descriptions have\"}",
        n, n % 13, n % 7, n % 3, n % 501, n % 501, n * 37 % 90000, n % 36, n,
        n % 13, n % 7, n, n);
}

void bench_import(struct bench *b)
{
    char *dir = bench_path(b, "import"), *raw = bench_path(b, "rawimport");
    char json[1024];
    struct cove *store;
    struct cove_txn *txn;
    struct cove_id id;
    int len = 0;

    mkdir(raw, 0700);
    BENCH_MUST(store, cove_open(dir, NULL, &store));
    BENCH_MUST(store, cove_schema_add(store, schema, NULL));

    double start = bench_now();

    BENCH_MUST(store, cove_begin(store, COVE_WRITE | COVE_VIEW, &txn));
    for (long i = 0; i < b->count; i++) {
        len = import_record(i, json, sizeof(json));
        BENCH_MUST(store, cove_new(txn, "Package", NULL, json, &id));
    }
    BENCH_MUST(store, cove_commit(txn));

    double rate = (double)b->count / (bench_now() - start);

    bench_note(b, "import", "documents/s, all in one commit", rate,
               "raw LMDB puts of the JSON's length in one commit",
               raw_lmdb_put(raw, b->count, (size_t)len, b->count));
    cove_close(store);
    free(dir);
    free(raw);
}
