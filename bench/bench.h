/* bench.h: one run of measures: a store a round, lines of figures, and what the
 * measures share. Everything here uses the public API alone. */
#ifndef COVE_BENCH_BENCH_H
#define COVE_BENCH_BENCH_H

#include "bench/raw.h"

#include <cove/cove.h>
#include <stdbool.h>

#define BENCH_ROUNDS_MAX 15
#define BENCH_LINES      48
#define BENCH_COMMIT     100 /* documents a commit */

struct bench_line { /* figures of one kind, one a round */
    const char *name, *unit, *beside;
    double cove[BENCH_ROUNDS_MAX], machine[BENCH_ROUNDS_MAX];
    int count;
};

struct bench {
    char base[64];
    const char *only; /* the one measure to take, or NULL */
    long count;       /* documents */
    int rounds, round;
    struct cove *store; /* of the round, `count` documents with schema Item */
    struct cove_id *ids;
    struct bench_line lines[BENCH_LINES];
    int line_count;
};

/* End the program with the sentence of the call that failed. */
void bench_die(struct cove *store, const char *what) __attribute__((noreturn));
#define BENCH_MUST(store, call)                                                \
    do {                                                                       \
        if ((call) != 0) {                                                     \
            bench_die(store, #call);                                           \
        }                                                                      \
    } while (0)

/* Note a round's figure, and the one beside it. */
void bench_note(struct bench *b, const char *name, const char *unit,
                double cove, const char *beside, double machine);
/* A path of this round; free() it. */
char *bench_path(const struct bench *b, const char *name);
/* The reply to an admin request; cove_free() it. */
char *bench_admin(struct cove *store, const char *request);
/* A member of a reply, wherever it stands: 0 or "" where there is none. */
double bench_number(const char *reply, const char *key);
void bench_text(const char *reply, const char *key, char *out, size_t cap);
/* The store's device key, as text. */
void bench_key(struct cove *store, char out[80]);
/* Do a request that makes a document; its id. */
void bench_made(struct cove *store, const char *request, struct cove_id *out);
/* The n-th document, three short fields, as JSON. */
void bench_document(long n, char *out, size_t cap);
double bench_quantile(double *values, int count, double q); /* sorts */

/* A schema and its second version, which reads one field as another type. */
extern const char bench_item_v1[], bench_item_v2[], bench_item_step[];

/* documents.c: create, read, edit, migrate; leaves a store behind. */
void bench_documents(struct bench *b);
/* import.c: longer records, all in one commit, as `cove import` does it. */
void bench_import(struct bench *b);
/* peers.c: first sync, an edit seen, reconnect. */
void bench_peers(struct bench *b);
/* relay.c: a relay with many idle and some busy devices. */
void bench_relay(struct bench *b);
/* writers.c: commits of several threads and processes, reads beside them. */
void bench_writers(struct bench *b);
/* schema.c: a plan, a long chain of versions. */
void bench_schema(struct bench *b);
/* watch.c: a change seen by another process. */
void bench_watch(struct bench *b);
/* reads.c: reads of small documents, one by one and out of the cache. */
void bench_reads(struct bench *b);
/* reader.c: reads while a run to the newest version works on b->store. */
void bench_reader(struct bench *b);
/* large.c: a store of many documents, opened by a process of its own. */
void bench_large(struct bench *b, long count);
/* queries.c: rows of many documents, with an index and without. */
void bench_queries(struct bench *b, long count);
int bench_large_child(const char *dir, const char *id);
struct bench_opened {
    double ms, mib;
};
/* Let a process of its own open the store and read one document. */
void bench_large_open(const char *dir, const struct cove_id *id,
                      struct bench_opened *out);
/* sizes.c: the figures of the design at three sizes, up to `most` documents. */
void bench_sizes(struct bench *b, long most);

#endif
