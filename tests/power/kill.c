/* kill.c: processes that share a store are killed, again and again.
 *
 *   kill [--kills N] [--seed S]
 *
 * Each round several processes work on one store at once: writers, an
 * importer, a reader, one that migrates, one that takes a backup. Some of them
 * are to die: each counts its calls to the disk, or its calls of the store,
 * and kills itself (SIGKILL) before or after the one that was drawn. The others
 * must get done. Then a process of its own opens the store: the dead have no
 * readers left and hold no lock, all that was acknowledged is there, nothing is
 * half there, every hash and signature verifies.
 *
 * Nobody waits for a time: a death is a count, so that a seed repeats it as
 * far as the system's scheduling lets it. What processes acknowledge they write
 * into shared memory, which outlives them.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/node.h"
#include "tests/power/calls.h"
#include "tests/power/disk.h"
#include "tests/power/edge.h"
#include "tests/power/work.h"

#define SLOTS    8  /* processes of a round */
#define IMPORT   12 /* documents of an import */
#define TURNS    6  /* of a process that lives */
#define ROUNDS   25 /* on one store */
#define PATIENCE 60 /* seconds for a round that stands still */
#define HOUR_MS  INT64_C(3600000)

enum role { WRITER, IMPORTER, READER, SWEEPER, COPIER, ROLES };

static const char *const role_names[] = {"writer", "importer", "reader",
                                         "migration", "backup"};

struct slot {                     /* of one process, round after round */
    struct cove_id first, second; /* WRITER: both always hold the same n */
    atomic_long begun, acknowledged;
};

struct shared {
    struct slot slots[SLOTS];
    atomic_long imports_begun;
    atomic_bool imported[4096]; /* acknowledged */
    atomic_bool copied;         /* the round's backup was acknowledged */
};

struct killer {
    struct shared *shared;
    struct disk_chance chance;
    char base[64], dir[96], copy[96];
    uint64_t seed;
    long round, kills, want;
    long by_role[ROLES];
    char why[400];
};

/* ------------------------------------------------------------ in a process */

struct death {               /* of this process */
    long calls, store_calls; /* the count to die at; 0: never */
    bool after;              /* the call is made first */
};

static struct death death;

static void die(void)
{
    raise(SIGKILL);
}

static int death_before(void *ctx, struct call *call)
{
    (void)ctx;
    (void)call;
    if (death.calls > 0 && --death.calls == 0) {
        if (!death.after) {
            die();
        }
        death.calls = -1;
    }
    return 0;
}

static void death_after(void *ctx, const struct call *call, int failed)
{
    (void)ctx;
    (void)call;
    (void)failed;
    if (death.calls == -1) {
        die();
    }
}

static int death_store(void *ctx, const char *call)
{
    (void)ctx;
    (void)call;
    if (death.store_calls > 0 && --death.store_calls == 0) {
        die();
    }
    return 0;
}

static const struct calls_hook death_hook = {death_before, death_after, NULL};

/* Is it one of the errors that stand for another process at work? */
static int process_waits(int err)
{
    return err == COVE_EBUSY ? 0 : err;
}

static int write_both(struct cove *store, struct slot *slot)
{
    struct cove_txn *txn;
    long n = ++slot->begun;
    int err = cove_begin(store, COVE_WRITE | COVE_VIEW, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_set(txn, &slot->first, "n", cove_int(n));
    err = err ? err : cove_set(txn, &slot->second, "n", cove_int(n));
    if (err != 0) {
        cove_abort(txn);
        return err;
    }
    err = cove_commit(txn);
    if (err == 0) {
        slot->acknowledged = n;
    }
    return err;
}

static int import_all(struct cove *store, struct shared *shared)
{
    struct cove_txn *txn;
    struct cove_id id;
    char json[48];
    long n = ++shared->imports_begun;
    int err = cove_begin(store, COVE_WRITE | COVE_VIEW, &txn);

    if (err != 0) {
        return err;
    }
    snprintf(json, sizeof(json), "{\"import\":%ld}", n);
    for (int i = 0; err == 0 && i < IMPORT; i++) {
        err = cove_new(txn, NULL, NULL, json, &id);
    }
    if (err != 0) {
        cove_abort(txn);
        return err;
    }
    err = cove_commit(txn);
    if (err == 0) {
        shared->imported[n] = true;
    }
    return err;
}

static int read_all(struct cove *store)
{
    struct cove_txn *txn;
    struct cove_id id;
    uint64_t cursor = 0;
    int err = cove_begin(store, COVE_READ, &txn);

    if (err != 0) {
        return err;
    }
    while ((err = cove_next(txn, NULL, &cursor, &id)) == 0) {
        const char *json;

        err = cove_get_json(txn, &id, &json);
        if (err != 0) {
            break;
        }
    }
    cove_abort(txn);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int process_turn(struct killer *k, struct work *work, enum role role,
                        struct slot *slot)
{
    int err = COVE_EUSAGE;

    switch (role) {
    case WRITER:
        return write_both(work->store, slot);
    case IMPORTER:
        return import_all(work->store, k->shared);
    case READER:
        return read_all(work->store);
    case SWEEPER:
        return process_waits(work_do(work, "sweep"));
    case COPIER:
        err = work_do(work, "backup");
        k->shared->copied = k->shared->copied || err == 0;
        return err == COVE_EEXIST ? read_all(work->store) : process_waits(err);
    case ROLES:
        break;
    }
    return err;
}

/* One that is to die works until it does, the others a few turns. */
static _Noreturn void process_run(struct killer *k, enum role role, int number)
{
    struct work work;
    bool dies = death.calls > 0 || death.store_calls > 0;
    int err;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    edge_set(1790000000000 + k->round * HOUR_MS,
             k->seed * 100000 + (uint64_t)(k->round * SLOTS + number));
    memset(&work, 0, sizeof(work));
    work.options = (struct cove_options){.size = sizeof(work.options),
                                         .map_bytes = 128 << 10};
    snprintf(work.dir, sizeof(work.dir), "%s", k->dir);
    snprintf(work.backup, sizeof(work.backup), "%s", k->copy);
    calls_watch(&death_hook);
    err = work_do(&work, "open");
    if (err == 0) {
        cove_store_set_fault(work.store->store, death_store, NULL);
    }
    for (int i = 0; err == 0 && (dies || i < TURNS); i++) {
        err = process_turn(k, &work, role, &k->shared->slots[number]);
        if (err == 0 && i == TURNS * TURNS) {
            die(); /* one that reads makes few calls */
        }
    }
    if (err != 0) {
        printf("# %s: %d %s\n", role_names[role], err, cove_errmsg(work.store));
        fflush(stdout);
    }
    calls_watch(NULL);
    cove_close(work.store);
    _exit(err != 0);
}

/* ---------------------------------------------------------------- afterwards
 */

static bool killer_says(struct killer *k, const char *what, int err,
                        const char *more)
{
    snprintf(k->why, sizeof(k->why), "%s: %d %s", what, err, more);
    return false;
}

static int64_t look_int(struct cove_txn *txn, const struct cove_id *id,
                        const char *field)
{
    struct cove_value value;
    int err = cove_get(txn, id, field, &value);

    return err == 0 && value.kind == COVE_KIND_INT ? value.u.integer : -1;
}

static bool look_writers(struct killer *k, struct cove_txn *txn)
{
    for (int i = 0; i < SLOTS; i++) {
        struct slot *slot = &k->shared->slots[i];
        int64_t first = look_int(txn, &slot->first, "n");
        int64_t second = look_int(txn, &slot->second, "n");

        if (first != second) {
            return killer_says(k, "half a transaction is there", i, "");
        }
        if (first < slot->acknowledged || first > slot->begun) {
            return killer_says(k, "an acknowledged write is gone", i, "");
        }
        slot->acknowledged = first;
    }
    return true;
}

static bool look_imports(struct killer *k, struct cove_txn *txn)
{
    long counts[4096] = {0};
    uint64_t cursor = 0;
    struct cove_id id;

    while (cove_next(txn, NULL, &cursor, &id) == 0) {
        int64_t n = look_int(txn, &id, "import");

        if (n > 0) {
            counts[n]++;
        }
    }
    for (long n = 1; n <= k->shared->imports_begun; n++) {
        bool whole = counts[n] == IMPORT;

        if (!whole && (counts[n] != 0 || k->shared->imported[n])) {
            return killer_says(k, "an import is not whole", (int)counts[n], "");
        }
        k->shared->imported[n] = whole;
    }
    return true;
}

static bool look_store(struct killer *k, struct work *work)
{
    struct cove_txn *txn;
    int dead = -1;
    int err = cove_store_reap(work->store->store, &dead);

    if (err != 0 || dead != 0) {
        return killer_says(k, "readers of the dead are left", dead, "");
    }
    err = work_do(work, "check");
    err = err ? err : cove_begin(work->store, COVE_READ, &txn);
    if (err != 0) {
        return killer_says(k, "check", err, cove_errmsg(work->store));
    }
    bool good = look_writers(k, txn) && look_imports(k, txn);

    cove_abort(txn);
    err = good ? write_both(work->store, &k->shared->slots[0]) : 0;
    return err == 0 ? good
                    : killer_says(k, "nothing can be written", err,
                                  cove_errmsg(work->store));
}

/* A backup that was acknowledged opens and is whole; another either is that
 * or says that it is none. */
static bool look_copy(struct killer *k)
{
    struct work copy;
    int err;

    memset(&copy, 0, sizeof(copy));
    copy.options.size = sizeof(copy.options);
    snprintf(copy.dir, sizeof(copy.dir), "%s", k->copy);
    err = work_do(&copy, "open");
    err = err ? err : work_do(&copy, "check");
    if (err != 0 && !k->shared->copied &&
        (err == COVE_ENOTFOUND || err == COVE_EACCES)) {
        err = 0; /* no store, or one whose key was not copied yet */
    }
    bool good =
        err == 0 || killer_says(k, "the backup", err, cove_errmsg(copy.store));

    cove_close(copy.store);
    return good;
}

static bool killer_remove(const char *path)
{
    char command[160];

    snprintf(command, sizeof(command), "rm -rf '%s'", path);
    return system(command) == 0;
}

static bool killer_look(struct killer *k)
{
    struct work work;
    bool good;
    int err;

    edge_set(1790000000000 + k->round * HOUR_MS + HOUR_MS / 2,
             k->seed * 100000 + (uint64_t)k->round + 7);
    memset(&work, 0, sizeof(work));
    work.options.size = sizeof(work.options);
    snprintf(work.dir, sizeof(work.dir), "%s", k->dir);
    err = work_do(&work, "open");
    good = err == 0 ? look_store(k, &work)
                    : killer_says(k, "open", err, cove_errmsg(work.store));
    cove_close(work.store);
    if (good && access(k->copy, F_OK) == 0) {
        good = look_copy(k) && killer_remove(k->copy);
    }
    k->shared->copied = false;
    return good;
}

/* ------------------------------------------------------------------ a round */

static void round_draw(struct killer *k, bool dies)
{
    death = (struct death){.calls = 0};
    if (dies && disk_draw(&k->chance, 2) == 0) {
        death.calls = (long)disk_draw(&k->chance, 150) + 1;
        death.after = disk_draw(&k->chance, 2) == 0;
    } else if (dies) {
        death.store_calls = (long)disk_draw(&k->chance, 1500) + 1;
    }
}

static bool round_wait(struct killer *k, const pid_t *pids,
                       const enum role *roles)
{
    bool good = true;

    for (int i = 0; i < SLOTS; i++) {
        int status = 0;

        if (waitpid(pids[i], &status, 0) != pids[i]) {
            good = killer_says(k, "a process is lost", i, "");
        } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
            k->kills++;
            k->by_role[roles[i]]++;
        } else if (status != 0) {
            good = killer_says(k, "a process that lives failed", status,
                               role_names[roles[i]]);
        }
    }
    return good;
}

static bool killer_round(struct killer *k)
{
    pid_t pids[SLOTS];
    enum role roles[SLOTS];

    for (int i = 0; i < SLOTS; i++) {
        roles[i] = i < 3 ? WRITER : (enum role)(i - 3);
        roles[i] = roles[i] < ROLES ? roles[i] : WRITER;
        round_draw(k, disk_draw(&k->chance, 2) == 0);
        fflush(stdout);
        pids[i] = fork();
        if (pids[i] == 0) {
            process_run(k, roles[i], i);
        }
    }
    alarm(PATIENCE); /* a lock that a dead process holds: the test dies */
    bool good = round_wait(k, pids, roles);

    alarm(0);
    return good && killer_look(k);
}

/* A store with the documents of the writers, and some to migrate. */
static bool killer_store(struct killer *k)
{
    static const char *const steps[] = {"open", "schema", "items", "migration"};
    struct work work;
    struct cove_txn *txn;
    int err = 0;

    edge_set(1790000000000, k->seed * 100000 + (uint64_t)k->round + 3);
    memset(k->shared, 0, sizeof(*k->shared));
    memset(&work, 0, sizeof(work));
    work.draw = 1;
    work.options = (struct cove_options){.size = sizeof(work.options),
                                         .flags = COVE_OPEN_CREATE,
                                         .map_bytes = 128 << 10};
    snprintf(work.dir, sizeof(work.dir), "%s", k->dir);
    for (size_t i = 0; err == 0 && i < COVE_ARRAY_LEN(steps); i++) {
        err = work_do(&work, steps[i]);
    }
    err = err ? err : cove_begin(work.store, COVE_WRITE, &txn);
    for (int i = 0; err == 0 && i < SLOTS; i++) {
        struct slot *slot = &k->shared->slots[i];

        err = cove_new(txn, NULL, NULL, "{\"n\":0}", &slot->first);
        err = err ? err : cove_new(txn, NULL, NULL, "{\"n\":0}", &slot->second);
    }
    err = err ? err : cove_commit(txn);
    bool good =
        err == 0 || killer_says(k, "the store", err, cove_errmsg(work.store));

    cove_close(work.store);
    return good;
}

static bool killer_run(struct killer *k)
{
    bool good = true;

    while (good && k->kills < k->want) {
        good = killer_store(k);
        for (int i = 0; good && i < ROUNDS && k->kills < k->want; i++) {
            k->round++;
            good = killer_round(k);
        }
        if (good) {
            good = killer_remove(k->dir);
        }
    }
    return good;
}

int main(int argc, char **argv)
{
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    struct killer k = {.want = 60, .seed = 1};
    bool good = false;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--kills") == 0) {
            k.want = strtol(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0) {
            k.seed = strtoul(argv[i + 1], NULL, 10);
        }
    }
    k.chance.state = k.seed * 2654435761U + 88172645463325252U;
    k.shared = mmap(NULL, sizeof(*k.shared), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    snprintf(k.base, sizeof(k.base), "%s/cove-kill-XXXXXX", memory);
    printf("1..1\n");
    if (k.shared != MAP_FAILED && mkdtemp(k.base) != NULL) {
        snprintf(k.dir, sizeof(k.dir), "%s/store", k.base);
        snprintf(k.copy, sizeof(k.copy), "%s/copy", k.base);
        good = killer_run(&k);
    }
    for (int i = 0; i < ROLES; i++) {
        printf("# %ld of a %s\n", k.by_role[i], role_names[i]);
    }
    if (!good) {
        printf("# round %ld (--seed %llu): %s; %s is left\n", k.round,
               (unsigned long long)k.seed, k.why, k.base);
    } else {
        good = killer_remove(k.base);
    }
    printf("%s 1 - %ld kills in %ld rounds take nothing acknowledged\n",
           good ? "ok" : "not ok", k.kills, k.round);
    return !good;
}
