/* peers.c: two stores of one process that sync over loopback TCP, each on its
 * own thread, both at the durable level. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define EDITS      500
#define RECONNECTS 20
#define DIFFERENT  100 /* documents, of stores that know no position */
#define WAIT_MS    300000
#define LOOK_NS    20000 /* between two looks for an edit */

struct peers {
    struct cove *alice, *bob;
    char alice_key[80], bob_key[80];
    struct cove_id id;             /* a document of theirs */
    struct cove_id ids[DIFFERENT]; /* and some, so far apart: */
    long spread;
};

static struct cove *peers_open(struct bench *b, const char *name)
{
    char *dir = bench_path(b, name);
    struct cove *store;

    BENCH_MUST(store, cove_open(dir, NULL, &store));
    free(dir);
    return store;
}

/* Alice makes the documents, in a group that bob may write; bob listens. */
static void peers_begin(struct bench *b, struct peers *p)
{
    char request[256], text[96];
    struct cove_txn *txn;
    struct cove_id group;

    p->spread = b->count < DIFFERENT ? 1 : b->count / DIFFERENT;
    p->alice = peers_open(b, "alice");
    p->bob = peers_open(b, "bob");
    bench_key(p->alice, p->alice_key);
    bench_key(p->bob, p->bob_key);
    snprintf(request, sizeof(request),
             "{\"do\":\"new-group\",\"members\":{\"%s\":\"writer\"}}",
             p->bob_key);

    bench_made(p->alice, request, &group);
    BENCH_MUST(p->alice, cove_begin(p->alice, COVE_WRITE | COVE_VIEW, &txn));
    for (long i = 0; i < b->count; i++) {
        bench_document(i, text, sizeof(text));
        BENCH_MUST(p->alice, cove_new(txn, NULL, &group, text, &p->id));
        if (i % p->spread == 0 && i / p->spread < DIFFERENT) {
            p->ids[i / p->spread] = p->id;
        }
    }
    BENCH_MUST(p->alice, cove_commit(txn));
    BENCH_MUST(p->bob, cove_listen(p->bob, "127.0.0.1:0"));
    BENCH_MUST(p->alice, cove_peer_add(p->alice, p->bob_key,
                                       cove_address(p->bob), "bob"));
    BENCH_MUST(p->bob, cove_peer_add(p->bob, p->alice_key, NULL, "alice"));
    BENCH_MUST(p->bob, cove_thread_start(p->bob));
}

/* Bytes that alice's connections have carried, as her record says. */
static double peers_bytes(struct peers *p, const char *key)
{
    char *reply = bench_admin(p->alice, "{\"do\":\"peer.list\"}");
    double bytes = bench_number(reply, key);

    cove_free(reply);
    return bytes;
}

static void peers_sync(struct bench *b, struct peers *p)
{
    double start = bench_now();

    BENCH_MUST(p->alice, cove_thread_start(p->alice));
    BENCH_MUST(p->alice, cove_wait(p->alice, p->bob_key, WAIT_MS));

    double rate = (double)b->count / (bench_now() - start);

    cove_thread_stop(p->alice);

    double bytes = peers_bytes(p, "bytesOut") / (double)b->count;

    bench_note(b, "first sync", "documents/s", rate,
               "raw Ed25519 verifications", raw_verify(5000));
    bench_note(b, "first sync, wire", "documents/s", rate,
               "raw loopback at this size a document",
               raw_loopback_bytes((size_t)256 << 20) / bytes);
    bench_note(b, "wire", "bytes a document", bytes, "the design's figure",
               300);
}

/* Start alice's sync and wait until both hold the same; both do already. */
static void peers_reconnect(struct bench *b, struct peers *p)
{
    double took[RECONNECTS];
    double in = peers_bytes(p, "bytesIn"), out = peers_bytes(p, "bytesOut");

    for (int i = 0; i < RECONNECTS; i++) {
        double start = bench_now();

        BENCH_MUST(p->alice, cove_thread_start(p->alice));
        BENCH_MUST(p->alice, cove_wait(p->alice, p->bob_key, WAIT_MS));
        took[i] = (bench_now() - start) * 1e3;
        cove_thread_stop(p->alice);
    }
    in = (peers_bytes(p, "bytesIn") - in) / RECONNECTS;
    out = (peers_bytes(p, "bytesOut") - out) / RECONNECTS;
    bench_note(b, "reconnect", "ms until equal stores know it",
               bench_quantile(took, RECONNECTS, 0.5), "the design's figure", 5);
    bench_note(b, "reconnect, bytes", "bytes, both ways, handshake and goodbye",
               in + out, "the design's figure, without them", 128);
}

/* Until bob's document has this value. */
/* Bob's store is put back from a backup: his device knows nobody's position and
 * nobody his. A hundred documents differ then, and again none. */
static void peers_put_back(struct bench *b, struct peers *p)
{
    char *from = bench_path(b, "copy"), *to = bench_path(b, "put back");
    char request[512];

    cove_thread_stop(p->bob);
    snprintf(request, sizeof(request), "{\"do\":\"backup\",\"path\":\"%s\"}",
             from);
    cove_free(bench_admin(p->bob, request));
    cove_close(p->bob);
    snprintf(request, sizeof(request),
             "{\"do\":\"backup.restore\",\"path\":\"%s\",\"to\":\"%s\"}", from,
             to);
    cove_free(bench_admin(p->alice, request));
    BENCH_MUST(p->bob, cove_open(to, NULL, &p->bob));
    BENCH_MUST(p->bob, cove_listen(p->bob, "127.0.0.1:0"));
    BENCH_MUST(p->alice, cove_peer_add(p->alice, p->bob_key,
                                       cove_address(p->bob), "bob"));
    BENCH_MUST(p->bob, cove_thread_start(p->bob));
    free(from);
    free(to);
}

static void peers_meet(struct bench *b, struct peers *p)
{
    double in, out, took;
    struct cove_txn *txn;

    peers_put_back(b, p);
    BENCH_MUST(p->alice, cove_begin(p->alice, COVE_WRITE | COVE_VIEW, &txn));
    for (long i = 0; i < DIFFERENT && i < b->count; i++) {
        BENCH_MUST(p->alice, cove_set(txn, &p->ids[i], "done", cove_bool(1)));
    }
    BENCH_MUST(p->alice, cove_commit(txn));
    in = peers_bytes(p, "bytesIn");
    out = peers_bytes(p, "bytesOut");
    took = bench_now();
    BENCH_MUST(p->alice, cove_thread_start(p->alice));
    BENCH_MUST(p->alice, cove_wait(p->alice, p->bob_key, WAIT_MS));
    took = (bench_now() - took) * 1e3;
    cove_thread_stop(p->alice);
    bench_note(b, "meet, 100 differ", "ms, of stores without positions", took,
               "documents in both", (double)b->count);
    bench_note(b, "meet, bytes", "bytes, both ways, handshake included",
               peers_bytes(p, "bytesIn") - in + peers_bytes(p, "bytesOut") -
                   out,
               "the design's figure", 16384);
}

static void peers_see(struct peers *p, int64_t want)
{
    struct timespec pause = {.tv_nsec = LOOK_NS};
    struct cove_value value = cove_int(0);
    bool seen = false;

    while (!seen) {
        struct cove_txn *txn;

        BENCH_MUST(p->bob, cove_begin(p->bob, COVE_READ, &txn));
        seen = cove_get(txn, &p->id, "seen", &value) == 0 &&
               value.u.integer == want;
        cove_abort(txn);
        if (!seen) {
            nanosleep(&pause, NULL);
        }
    }
}

/* From the call that writes at alice until a read at bob shows it. */
static void peers_edits(struct bench *b, struct peers *p)
{
    static double took[EDITS];
    char *raw = bench_path(b, "rawedit");
    struct cove_txn *txn;

    mkdir(raw, 0700);
    BENCH_MUST(p->alice, cove_thread_start(p->alice));
    for (int i = 0; i < EDITS; i++) {
        double start = bench_now();

        BENCH_MUST(p->alice,
                   cove_begin(p->alice, COVE_WRITE | COVE_VIEW, &txn));
        BENCH_MUST(p->alice, cove_set(txn, &p->id, "seen", cove_int(i + 1)));
        BENCH_MUST(p->alice, cove_commit(txn));
        peers_see(p, i + 1);
        took[i] = (bench_now() - start) * 1e3;
        if (i == 0) { /* the first one waits for the connection */
            BENCH_MUST(p->alice, cove_wait(p->alice, p->bob_key, WAIT_MS));
        }
    }
    cove_thread_stop(p->alice);

    double trip = 1e3 / raw_loopback_trips(2000);
    double put = 1e3 / raw_lmdb_put(raw, 500, 380, 1);
    const char *beside = "a loopback round trip and a durable put at each";

    bench_note(b, "edit seen, p50", "ms, at the other peer",
               bench_quantile(took + 1, EDITS - 1, 0.5), beside,
               trip + 2 * put);
    bench_note(b, "edit seen, p99", "ms, at the other peer",
               bench_quantile(took + 1, EDITS - 1, 0.99), beside,
               trip + 2 * put);
    free(raw);
}

void bench_peers(struct bench *b)
{
    struct peers p;

    peers_begin(b, &p);
    peers_sync(b, &p);
    peers_reconnect(b, &p);
    peers_edits(b, &p);
    peers_meet(b, &p);
    cove_close(p.alice);
    cove_close(p.bob);
}
