/* relay.c: a relay in a process of its own, at level full, and many devices
 * around it, each with a store in memory and a thread: most of them idle, some
 * of them writing in documents that all of those hold. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define IDLE    200
#define BUSY    20
#define ROUNDS  50  /* edits of each busy device */
#define SINGLE  100 /* edits that are timed one by one */
#define IDLE_S  5
#define WAIT_MS 600000
#define NAP_NS  200000
#define KEY     80

struct relay {
    FILE *to, *from; /* the relay's process */
    pid_t pid;
    char key[KEY], address[80];
    struct cove *store[BUSY + IDLE]; /* the busy ones first */
    char keys[BUSY + IDLE][KEY];
    struct cove_id ids[BUSY]; /* a document of each busy one, held by all */
};

struct relay_state {
    long peers;     /* in step with it */
    double kib;     /* resident, of its own */
    double seconds; /* of the processor */
};

/* ---------------------------------------------------------- the relay itself
 */

static double relay_resident(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[128];
    long kib = 0;

    while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
        if (strncmp(line, "RssAnon:", 8) == 0) {
            kib = strtol(line + 8, NULL, 10);
        }
    }
    if (status != NULL) {
        fclose(status);
    }
    return (double)kib;
}

static long relay_count(const char *text, const char *word)
{
    long count = 0;

    while ((text = strstr(text, word)) != NULL) {
        count++;
        text += strlen(word);
    }
    return count;
}

static double relay_processor(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void relay_say(struct cove *store)
{
    char *reply = bench_admin(store, "{\"do\":\"sync.state\"}");

    printf("%ld %.0f %.6f\n", relay_count(reply, "\"inSync\":true"),
           relay_resident(), relay_processor());
    fflush(stdout);
    cove_free(reply);
}

/* A key a line is a peer; "?" asks how it is. */
static void relay_run(const char *dir)
{
    struct cove *store;
    char line[KEY + 8], key[KEY];

    BENCH_MUST(NULL, cove_open(dir, NULL, &store));
    BENCH_MUST(store, cove_listen(store, "127.0.0.1:0"));
    BENCH_MUST(store, cove_thread_start(store));

    bench_key(store, key);
    printf("%s %s\n", key, cove_address(store));
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "?") == 0) {
            relay_say(store);
        } else {
            BENCH_MUST(store, cove_peer_add(store, line, NULL, NULL));
        }
    }
    cove_close(store);
}

static void relay_fork(struct bench *b, struct relay *r)
{
    char *dir = bench_path(b, "relay");
    int to[2], from[2];

    if (pipe(to) != 0 || pipe(from) != 0 || (r->pid = fork()) < 0) {
        bench_die(NULL, "fork");
    }
    if (r->pid == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        close(to[1]);
        close(from[0]);
        relay_run(dir);
        _exit(0);
    }
    close(to[0]);
    close(from[1]);
    free(dir);
    r->to = fdopen(to[1], "w");
    r->from = fdopen(from[0], "r");
    if (r->to == NULL || r->from == NULL ||
        fscanf(r->from, "%79s %79s", r->key, r->address) != 2) {
        bench_die(NULL, "the relay does not begin");
    }
}

static struct relay_state relay_ask(struct relay *r)
{
    struct relay_state state;

    fputs("?\n", r->to);
    fflush(r->to);
    if (fscanf(r->from, "%ld %lf %lf", &state.peers, &state.kib,
               &state.seconds) != 3) {
        bench_die(NULL, "the relay has ended");
    }
    return state;
}

static void relay_nap(long ns)
{
    struct timespec pause = {.tv_nsec = ns};

    nanosleep(&pause, NULL);
}

/* ----------------------------------------------------------------- the others
 */

static void relay_open(struct relay *r)
{
    struct cove_options options = {.size = sizeof(options),
                                   .flags = COVE_OPEN_MEMORY};

    for (int i = 0; i < BUSY + IDLE; i++) {
        BENCH_MUST(NULL, cove_open(NULL, &options, &r->store[i]));
        bench_key(r->store[i], r->keys[i]);
        fprintf(r->to, "%s\n", r->keys[i]);
    }
    fflush(r->to);
}

/* So many from `from` on dial the relay, and all are in step with it. */
static struct relay_state relay_dial(struct relay *r, int from, int count)
{
    struct relay_state state;

    for (int i = from; i < from + count; i++) {
        BENCH_MUST(r->store[i],
                   cove_peer_add(r->store[i], r->key, r->address, "relay"));
        BENCH_MUST(r->store[i], cove_thread_start(r->store[i]));
    }
    do {
        relay_nap(50000000);
        state = relay_ask(r);
    } while (state.peers < from + count);
    return state;
}

/* A group of the busy ones that the relay may read, and a document of each. */
static void relay_documents(struct relay *r)
{
    char request[256 + BUSY * (KEY + 16)];
    size_t len;
    struct cove_id group;

    len = (size_t)snprintf(request, sizeof(request),
                           "{\"do\":\"new-group\",\"members\":{\"%s\":"
                           "\"reader\"",
                           r->key);
    for (int i = 1; i < BUSY; i++) {
        len += (size_t)snprintf(request + len, sizeof(request) - len,
                                ",\"%s\":\"writer\"", r->keys[i]);
    }
    snprintf(request + len, sizeof(request) - len, "}}");

    bench_made(r->store[0], request, &group);
    for (int i = 0; i < BUSY; i++) {
        struct cove_txn *txn;

        BENCH_MUST(r->store[0],
                   cove_begin(r->store[0], COVE_WRITE | COVE_VIEW, &txn));
        BENCH_MUST(r->store[0],
                   cove_new(txn, NULL, &group, "{\"seen\":0}", &r->ids[i]));
        BENCH_MUST(r->store[0], cove_commit(txn));
    }
}

static void relay_edit(struct relay *r, int who, int64_t value)
{
    struct cove_txn *txn;

    BENCH_MUST(r->store[who],
               cove_begin(r->store[who], COVE_WRITE | COVE_VIEW, &txn));
    BENCH_MUST(r->store[who],
               cove_set(txn, &r->ids[who], "seen", cove_int(value)));
    BENCH_MUST(r->store[who], cove_commit(txn));
}

/* Until every busy device sees this value in the document of `who`. */
static void relay_see(struct relay *r, int who, int64_t want)
{
    double end = bench_now() + WAIT_MS / 1e3;

    for (int i = 0; i < BUSY; i++) {
        struct cove_value value = cove_int(-1);
        bool seen = false;

        while (!seen) {
            struct cove_txn *txn;

            BENCH_MUST(r->store[i], cove_begin(r->store[i], COVE_READ, &txn));
            seen = cove_get(txn, &r->ids[who], "seen", &value) == 0 &&
                   value.u.integer == want;
            cove_abort(txn);
            if (!seen && bench_now() > end) {
                bench_die(r->store[i], "an edit does not come");
            }
            if (!seen) {
                relay_nap(NAP_NS);
            }
        }
    }
}

/* ----------------------------------------------------------------- measuring
 */

/* All documents of a store on disk go to the relay: what each side works. */
static void relay_first(struct bench *b, struct relay *r)
{
    char *dir = bench_path(b, "first");
    char request[256], text[96], key[KEY];
    struct relay_state before, after;
    struct cove *store;
    struct cove_txn *txn = NULL;
    struct cove_id group, id;
    double sender;

    BENCH_MUST(NULL, cove_open(dir, NULL, &store));
    free(dir);
    snprintf(request, sizeof(request),
             "{\"do\":\"new-group\",\"members\":{\"%s\":\"reader\"}}", r->key);

    bench_made(store, request, &group);
    for (long i = 0; i < b->count; i++) {
        if (txn == NULL) {
            BENCH_MUST(store, cove_begin(store, COVE_WRITE | COVE_VIEW, &txn));
        }
        bench_document(i, text, sizeof(text));
        BENCH_MUST(store, cove_new(txn, NULL, &group, text, &id));
        if (i % BENCH_COMMIT == BENCH_COMMIT - 1 || i == b->count - 1) {
            BENCH_MUST(store, cove_commit(txn));
            txn = NULL;
        }
    }
    bench_key(store, key);
    fprintf(r->to, "%s\n", key);
    fflush(r->to);
    before = relay_ask(r);
    sender = relay_processor();
    BENCH_MUST(store, cove_peer_add(store, r->key, r->address, "relay"));
    BENCH_MUST(store, cove_thread_start(store));
    BENCH_MUST(store, cove_wait(store, r->key, WAIT_MS));
    sender = relay_processor() - sender;
    after = relay_ask(r);
    cove_thread_stop(store);
    cove_close(store);

    double verify = 1e6 / raw_verify(2000);

    bench_note(b, "first sync, sender", "us of its processor a document",
               sender / (double)b->count * 1e6,
               "a raw Ed25519 verification for each 100",
               verify / BENCH_COMMIT);
    bench_note(b, "first sync, receiver", "us of its processor a document",
               (after.seconds - before.seconds) / (double)b->count * 1e6,
               "a raw Ed25519 verification for each 100",
               verify / BENCH_COMMIT);
}

static void relay_idle(struct bench *b, struct relay *r,
                       const struct relay_state *before)
{
    struct relay_state then = relay_dial(r, BUSY, IDLE);
    struct relay_state later;

    bench_note(b, "relay, idle connection", "KiB resident, each of 200",
               (then.kib - before->kib) / IDLE, "the design's figure", 64);
    for (int i = 0; i < IDLE_S * 10; i++) {
        relay_nap(100000000);
    }
    later = relay_ask(r);
    bench_note(b, "relay, 220 idle", "ms of processor a second",
               (later.seconds - then.seconds) / IDLE_S * 1e3, "a second", 1e3);
}

static void relay_busy(struct bench *b, struct relay *r)
{
    static double took[SINGLE];
    struct relay_state before = relay_ask(r), after;
    double start = bench_now();

    for (int64_t n = 1; n <= ROUNDS; n++) {
        for (int i = 0; i < BUSY; i++) {
            relay_edit(r, i, n);
        }
    }
    for (int i = 0; i < BUSY; i++) {
        relay_see(r, i, ROUNDS);
    }
    start = bench_now() - start;
    after = relay_ask(r);
    bench_note(b, "relay, 20 busy", "edits/s, signed singly, seen by 19 others",
               BUSY * ROUNDS / start,
               "raw Ed25519 verifications, one at each of the 20",
               raw_verify(2000) / BUSY);
    bench_note(b, "relay, an edit", "us of the relay's processor, told to 19",
               (after.seconds - before.seconds) / (BUSY * ROUNDS) * 1e6,
               "a raw Ed25519 verification", 1e6 / raw_verify(2000));
    for (int n = 0; n < SINGLE; n++) {
        start = bench_now();
        relay_edit(r, n % BUSY, ROUNDS + 1 + n);
        relay_see(r, n % BUSY, ROUNDS + 1 + n);
        took[n] = (bench_now() - start) * 1e3;
    }
    bench_note(b, "relay, seen by all, p50", "ms, by the last of 19",
               bench_quantile(took, SINGLE, 0.5), "two loopback round trips",
               2e3 / raw_loopback_trips(2000));
}

void bench_relay(struct bench *b)
{
    static struct relay r;
    struct rlimit files;
    struct relay_state before;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max; /* five a store */
        setrlimit(RLIMIT_NOFILE, &files);
    }
    relay_fork(b, &r);
    relay_first(b, &r);
    relay_open(&r);
    relay_documents(&r);
    before = relay_dial(&r, 0, BUSY);
    for (int i = 0; i < BUSY; i++) {
        relay_see(&r, i, 0);
    }
    relay_idle(b, &r, &before);
    relay_busy(b, &r);
    for (int i = 0; i < BUSY + IDLE; i++) {
        cove_close(r.store[i]);
    }
    fclose(r.to);
    fclose(r.from);
    waitpid(r.pid, NULL, 0);
}
