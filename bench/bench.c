/* bench.c: the figures of the public API, one JSON line each, beside what the
 * machine does with the bare libraries in the same run.
 *
 *   bench [DOCUMENTS]      20,000 where it is not said
 *
 * Documents have three short fields. Each figure is the median of five rounds,
 * Cove's and the machine's taken in turn. It never fails a test run.
 */
#include "bench/raw.h"

#include <cove/cove.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS 5
#define COMMIT 100 /* documents a commit */

static const char v1[] =
    "{\"title\":\"Item\",\"version\":1,\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"size\":{\"type\":\"string\"},\"done\":{\"type\":"
    "\"boolean\"}}}";
static const char v2[] =
    "{\"title\":\"Item\",\"version\":2,\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"size\":{\"type\":\"integer\"},\"done\":{\"type\":"
    "\"boolean\"}}}";
static const char step[] =
    "{\"schema\":\"Item\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":"
    "{\"field\":\"size\",\"to\":{\"type\":\"integer\"},\"forward\":"
    "[\"int_of_text\"],\"back\":[\"text_of_int\"]}}]}";

struct bench {
    char base[64];
    long count;
    struct cove *store;
    struct cove_id *ids;
    struct cove_id group;
    int round;
};

static void die(struct cove *store, const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, cove_errmsg(store));
    exit(1);
}

#define MUST(store, call)                                                      \
    do {                                                                       \
        if ((call) != 0) {                                                     \
            die(store, #call);                                                 \
        }                                                                      \
    } while (0)

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof(*v), by_value);
    return v[ROUNDS / 2];
}

static void line(const char *name, const char *unit, double *cove,
                 const char *machine, double *raw)
{
    double c = median(cove), r = median(raw);

    printf("{\"bench\":\"%s\",\"unit\":\"%s\",\"cove\":%.0f,\"machine\":%.0f,"
           "\"machine_is\":\"%s\",\"ratio\":%.3f}\n",
           name, unit, c, r, machine, r > 0 ? c / r : 0);
    fflush(stdout);
}

static char *path(const struct bench *b, const char *name)
{
    static char out[128];

    snprintf(out, sizeof(out), "%s/%s%d", b->base, name, b->round);
    return out;
}

static char *admin(struct cove *store, const char *request)
{
    char *reply = NULL;

    if (cove_admin(store, request, &reply) != 0) {
        die(store, request);
    }
    return reply;
}

/* ------------------------------------------------------------------ measures
 */

static double bench_create(struct bench *b)
{
    struct cove_txn *txn = NULL;
    char json[128];

    MUST(b->store, cove_open(path(b, "store"), NULL, &b->store));
    MUST(b->store, cove_schema_add(b->store, v1, NULL));
    double start = bench_now();

    for (long i = 0; i < b->count; i++) {
        if (txn == NULL) {
            MUST(b->store, cove_begin(b->store, COVE_WRITE | COVE_VIEW, &txn));
        }
        snprintf(json, sizeof(json),
                 "{\"name\":\"item %ld\",\"size\":\"%ld\",\"done\":false}", i,
                 i % 1000);
        MUST(b->store, cove_new(txn, "Item", NULL, json, &b->ids[i]));
        if (i % COMMIT == COMMIT - 1 || i == b->count - 1) {
            MUST(b->store, cove_commit(txn));
            txn = NULL;
        }
    }
    return (double)b->count / (bench_now() - start);
}

/* Random documents, one field each, 256 a read transaction. */
static double bench_read(struct bench *b, unsigned flags, int random)
{
    struct cove_txn *txn = NULL;
    struct cove_value value;
    unsigned long seed = 12345;
    double start = bench_now();

    for (long i = 0; i < b->count; i++) {
        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        long at = random ? (long)((seed >> 33) % (unsigned long)b->count) : i;

        if (txn == NULL) {
            MUST(b->store, cove_begin(b->store, flags, &txn));
        }
        MUST(b->store, cove_get(txn, &b->ids[at], "size", &value));
        if (i % 256 == 255 || i == b->count - 1) {
            MUST(b->store, cove_commit(txn));
            txn = NULL;
        }
    }
    return (double)b->count / (bench_now() - start);
}

static double bench_edit(struct bench *b)
{
    struct cove_txn *txn = NULL;
    double start = bench_now();

    for (long i = 0; i < b->count; i++) {
        if (txn == NULL) {
            MUST(b->store, cove_begin(b->store, COVE_WRITE | COVE_VIEW, &txn));
        }
        MUST(b->store,
             cove_set(txn, &b->ids[i], "done", cove_bool(i % 2 == 0)));
        if (i % COMMIT == COMMIT - 1 || i == b->count - 1) {
            MUST(b->store, cove_commit(txn));
            txn = NULL;
        }
    }
    return (double)b->count / (bench_now() - start);
}

/* Where the value of a member begins in a reply; 0 where there is none. */
static size_t member(const char *json, const char *key)
{
    char want[32];

    snprintf(want, sizeof(want), "\"%s\":", key);

    const char *at = strstr(json, want);

    return at != NULL ? (size_t)(at - json) + strlen(want) : 0;
}

static void text_member(const char *json, const char *key, char *out,
                        size_t cap)
{
    size_t at = member(json, key);
    size_t len = at > 0 && json[at] == '"' ? strcspn(json + at + 1, "\"") : 0;

    len = len < cap ? len : cap - 1;
    memcpy(out, json + at + 1, len);
    out[len] = '\0';
}

static double number_member(const char *json, const char *key)
{
    size_t at = member(json, key);

    return at > 0 ? strtod(json + at, NULL) : -1;
}

static double bench_bytes(struct bench *b)
{
    char *reply = admin(b->store, "{\"do\":\"status\",\"schema\":\"Item\"}");
    double bytes = number_member(reply, "bytes");

    cove_free(reply);
    return bytes / (double)b->count;
}

/* First sync of all documents to a fresh peer in this process, over loopback
 * TCP: documents a second, and bytes a document on the wire. */
static double bench_sync(struct bench *b, double *bytes)
{
    struct cove *bob, *alice;
    struct cove_txn *txn;
    char key[80], request[256], json[96];
    struct cove_id id;

    MUST(bob, cove_open(path(b, "bob"), NULL, &bob));
    MUST(alice, cove_open(path(b, "alice"), NULL, &alice));
    char *reply = admin(bob, "{\"do\":\"key\"}");

    text_member(reply, "device", key, sizeof(key));
    cove_free(reply);
    snprintf(request, sizeof(request),
             "{\"do\":\"new-group\",\"members\":{\"%s\":\"writer\"}}", key);
    reply = admin(alice, request);
    text_member(reply, "id", json, sizeof(json));
    MUST(alice, cove_id_lookup(alice, json, &b->group));
    cove_free(reply);
    MUST(alice, cove_begin(alice, COVE_WRITE | COVE_VIEW, &txn));
    for (long i = 0; i < b->count; i++) {
        snprintf(json, sizeof(json),
                 "{\"name\":\"item %ld\",\"size\":\"%ld\",\"done\":false}", i,
                 i % 1000);
        MUST(alice, cove_new(txn, NULL, &b->group, json, &id));
    }
    MUST(alice, cove_commit(txn));
    MUST(bob, cove_listen(bob, "127.0.0.1:0"));
    MUST(alice, cove_peer_add(alice, key, cove_address(bob), "bob"));
    reply = admin(alice, "{\"do\":\"key\"}");
    char mine[80];

    text_member(reply, "device", mine, sizeof(mine));
    cove_free(reply);
    MUST(bob, cove_peer_add(bob, mine, NULL, "alice"));
    MUST(bob, cove_thread_start(bob));
    double start = bench_now();

    MUST(alice, cove_thread_start(alice));
    MUST(alice, cove_wait(alice, key, 120000));
    double took = bench_now() - start;

    cove_thread_stop(alice);
    reply = admin(alice, "{\"do\":\"peer.list\"}");
    *bytes = number_member(reply, "bytesOut") / (double)b->count;
    cove_free(reply);
    cove_close(alice);
    cove_close(bob);
    return (double)b->count / took;
}

/* ------------------------------------------------------------------- the run
 */

struct figures {
    double create[ROUNDS], put[ROUNDS], sign[ROUNDS];
    double clean[ROUNDS], get[ROUNDS];
    double due[ROUNDS], copied[ROUNDS], again[ROUNDS];
    double edit[ROUNDS], edit_put[ROUNDS];
    double sync[ROUNDS], verify[ROUNDS];
    double bytes[ROUNDS], wire[ROUNDS], edit_bytes[ROUNDS];
    double loop[ROUNDS], trips[ROUNDS];
};

static void round_run(struct bench *b, struct figures *f)
{
    int r = b->round;
    char *raw = strdup(path(b, "raw"));

    mkdir(raw, 0700);
    f->create[r] = bench_create(b);
    f->put[r] = raw_lmdb_put(raw, b->count, 380, COMMIT);
    f->sign[r] = raw_sign(5000);
    f->bytes[r] = bench_bytes(b);
    f->clean[r] = bench_read(b, COVE_READ, 1);
    f->get[r] = raw_lmdb_get(raw, b->count);
    f->edit[r] = bench_edit(b);
    f->edit_bytes[r] = bench_bytes(b) - f->bytes[r];
    f->edit_put[r] = f->put[r];
    MUST(b->store, cove_migration_add(b->store, step, v2));
    f->due[r] = bench_read(b, COVE_READ, 1);
    f->copied[r] = bench_read(b, COVE_WRITE, 0);
    f->again[r] = bench_read(b, COVE_WRITE, 1);
    cove_close(b->store);
    f->sync[r] = bench_sync(b, &f->wire[r]);
    f->verify[r] = raw_verify(5000);
    f->loop[r] = raw_loopback_bytes((size_t)256 << 20);
    f->trips[r] = raw_loopback_trips(5000);
    free(raw);
}

int main(int argc, char **argv)
{
    static struct figures f;
    struct bench b = {.count = argc > 1 ? strtol(argv[1], NULL, 10) : 20000};
    double target[ROUNDS], wire[ROUNDS];

    snprintf(b.base, sizeof(b.base), "/tmp/cove-bench-XXXXXX");
    if (b.count < 1 || mkdtemp(b.base) == NULL) {
        fprintf(stderr, "usage: bench [DOCUMENTS]\n");
        return 2;
    }
    b.ids = calloc((size_t)b.count, sizeof(*b.ids));
    for (b.round = 0; b.round < ROUNDS && b.ids != NULL; b.round++) {
        round_run(&b, &f);
    }
    line("create", "documents/s, 100 a commit", f.create,
         "raw LMDB puts of 380 bytes, 100 a commit", f.put);
    line("create, signing", "documents/s", f.create, "raw Ed25519 signatures",
         f.sign);
    line("read clean", "documents/s", f.clean,
         "raw LMDB gets, a transaction each", f.get);
    line("read with a migration due, not written", "documents/s", f.due,
         "raw LMDB gets, a transaction each", f.get);
    line("read, migrating", "documents/s, 256 a commit", f.copied,
         "raw Ed25519 signatures", f.sign);
    line("read migrated", "documents/s", f.again,
         "raw LMDB gets, a transaction each", f.get);
    line("edit", "edits/s, 100 a commit", f.edit,
         "raw LMDB puts of 380 bytes, 100 a commit", f.edit_put);
    line("first sync", "documents/s", f.sync, "raw Ed25519 verifications",
         f.verify);
    for (int r = 0; r < ROUNDS; r++) {
        target[r] = 400;
        wire[r] = f.loop[r] / (f.wire[r] > 0 ? f.wire[r] : 1);
    }
    line("first sync, wire", "documents/s", f.sync,
         "raw loopback at this size a document", wire);
    line("disk", "bytes a document", f.bytes, "the design's target", target);
    for (int r = 0; r < ROUNDS; r++) {
        target[r] = 60;
    }
    line("disk, one more edit", "bytes an edit", f.edit_bytes,
         "the design's target", target);
    for (int r = 0; r < ROUNDS; r++) {
        target[r] = 300;
    }
    line("wire", "bytes a document", f.wire, "the design's target", target);

    char remove[96];

    snprintf(remove, sizeof(remove), "rm -rf %s", b.base);
    free(b.ids);
    return system(remove) == 0 ? 0 : 1;
}
