/* watch.c: how long until a commit in one process is a callback in another,
 * alone and while a third process commits as fast as it can. */
#include "bench/bench.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EDITS 500
#define PROBE 200 /* documents; the first is the one that is timed */
#define GROUP 50  /* documents that a commit of the third process changes */

struct watch {
    char *dir;
    struct cove_id ids[PROBE];
    int told[2]; /* a pipe: when the callback ran */
};

/* ------------------------------------------------------- the other processes
 */

static void watch_event(void *ctx, const struct cove_watch_event *e)
{
    const struct watch *w = ctx;
    double now = bench_now();

    if (e->kind == COVE_WATCH_READY ||
        memcmp(e->id.b, w->ids[0].b, sizeof(e->id.b)) == 0) {
        if (write(w->told[1], &now, sizeof(now)) != (ssize_t)sizeof(now)) {
            exit(1);
        }
    }
}

static struct cove *watch_open(const struct watch *w, unsigned flags)
{
    struct cove_options options = {.size = sizeof(options), .flags = flags};
    struct cove *store;

    BENCH_MUST(store, cove_open(w->dir, &options, &store));
    return store;
}

static void watch_listen(struct watch *w)
{
    struct cove *store = watch_open(w, COVE_OPEN_NO_SYNC);
    struct pollfd fd = {.fd = cove_fd(store), .events = POLLIN};
    uint64_t number;

    BENCH_MUST(store, cove_subscribe(store, "{\"watch\":\"documents\"}",
                                     watch_event, w, &number));
    for (;;) {
        poll(&fd, 1, cove_timeout(store));
        BENCH_MUST(store, cove_dispatch(store));
    }
}

static void watch_edit(struct cove *store, const struct cove_id *ids, int count,
                       int64_t value)
{
    struct cove_txn *txn;

    BENCH_MUST(store, cove_begin(store, COVE_WRITE | COVE_VIEW, &txn));
    for (int i = 0; i < count; i++) {
        BENCH_MUST(store, cove_set(txn, &ids[i], "size", cove_int(value)));
    }
    BENCH_MUST(store, cove_commit(txn));
}

static void watch_load(struct watch *w)
{
    struct cove *store = watch_open(w, COVE_OPEN_NO_SYNC);

    for (int64_t n = 0;; n++) {
        watch_edit(store, w->ids + 1 + n % 3 * GROUP, GROUP, n);
    }
}

static pid_t watch_fork(struct watch *w, void (*run)(struct watch *w))
{
    pid_t pid = fork();

    if (pid < 0) {
        bench_die(NULL, "fork");
    }
    if (pid == 0) {
        run(w);
        _exit(0);
    }
    return pid;
}

static void watch_end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* ----------------------------------------------------------------- measuring
 */

static double watch_told(const struct watch *w)
{
    double at;

    if (read(w->told[0], &at, sizeof(at)) != (ssize_t)sizeof(at)) {
        bench_die(NULL, "the watching process is gone");
    }
    return at;
}

static void watch_measure(struct watch *w, struct cove *store, double *took)
{
    for (int i = 0; i < EDITS; i++) {
        double start = bench_now();

        watch_edit(store, w->ids, 1, i);
        took[i] = (watch_told(w) - start) * 1e3;
    }
}

static void watch_make(struct watch *w)
{
    struct cove *store = watch_open(w, COVE_OPEN_CREATE | COVE_OPEN_NO_SYNC);
    struct cove_txn *txn;
    char json[128];

    BENCH_MUST(store, cove_begin(store, COVE_WRITE | COVE_VIEW, &txn));
    for (int i = 0; i < PROBE; i++) {
        bench_document(i, json, sizeof(json));
        BENCH_MUST(store, cove_new(txn, NULL, NULL, json, &w->ids[i]));
    }
    BENCH_MUST(store, cove_commit(txn));
    cove_close(store);
}

static void watch_note(struct bench *b, const char *names[2], double *took,
                       double *raw)
{
    static const char beside[] = "a durable put of 380 bytes, and a pipe that "
                                 "wakes another process";

    bench_note(b, names[0], "ms", bench_quantile(took, EDITS, 0.5), beside,
               bench_quantile(raw, EDITS, 0.5));
    bench_note(b, names[1], "ms", bench_quantile(took, EDITS, 0.99), beside,
               bench_quantile(raw, EDITS, 0.99));
}

void bench_watch(struct bench *b)
{
    static const char *alone[2] = {"watched, p50", "watched, p99"};
    static const char *loaded[2] = {"watched at load, p50",
                                    "watched at load, p99"};
    static double took[EDITS], raw[EDITS];
    struct watch w = {.dir = bench_path(b, "watch")};
    char *dir = bench_path(b, "wake");
    pid_t listener, load;
    struct cove *store;

    if (pipe(w.told) != 0) {
        bench_die(NULL, "pipe");
    }
    watch_make(&w);
    listener = watch_fork(&w, watch_listen);
    watch_told(&w); /* it is ready */
    store = watch_open(&w, COVE_OPEN_NO_SYNC);
    if (raw_lmdb_wake(dir, EDITS, 380, raw) != 0) {
        bench_die(NULL, "raw_lmdb_wake");
    }
    watch_measure(&w, store, took);
    watch_note(b, alone, took, raw);
    cove_close(store);
    load = watch_fork(&w, watch_load);
    store = watch_open(&w, COVE_OPEN_NO_SYNC);
    watch_measure(&w, store, took);
    watch_note(b, loaded, took, raw);
    watch_end(load);
    watch_end(listener);
    cove_close(store);
    close(w.told[0]);
    close(w.told[1]);
    free(w.dir);
    free(dir);
}
