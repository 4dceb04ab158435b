/* raw_machine.c: see raw.h. The raw libraries are named here and nowhere else
 * in bench. */
#include "bench/raw.h"

#include <arpa/inet.h>
#include <lmdb.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static clockid_t bench_clock = CLOCK_MONOTONIC;

void bench_own_time(void)
{
    bench_clock = CLOCK_PROCESS_CPUTIME_ID;
}

double bench_now(void)
{
    struct timespec ts;

    clock_gettime(bench_clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static MDB_env *lmdb_open(const char *dir)
{
    MDB_env *env = NULL;

    if (mdb_env_create(&env) != 0 ||
        mdb_env_set_mapsize(env, (size_t)4 << 30) != 0 ||
        mdb_env_open(env, dir, MDB_NOTLS, 0600) != 0) {
        return NULL;
    }
    return env;
}

static void lmdb_key(uint8_t out[8], long n)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
    }
}

double raw_lmdb_put(const char *dir, long count, size_t len, long commit)
{
    MDB_env *env = lmdb_open(dir);
    MDB_txn *txn = NULL;
    MDB_dbi dbi;
    uint8_t key[8], *value = calloc(1, len);
    double start = bench_now();
    int bad = env == NULL || value == NULL;

    for (long i = 0; i < count && !bad; i++) {
        MDB_val k = {sizeof(key), key}, v = {len, value};

        if (txn == NULL) {
            bad = mdb_txn_begin(env, NULL, 0, &txn) != 0 ||
                  mdb_dbi_open(txn, NULL, 0, &dbi) != 0;
        }
        lmdb_key(key, i);
        bad = bad || mdb_put(txn, dbi, &k, &v, 0) != 0;
        if (!bad && (i % commit == commit - 1 || i == count - 1)) {
            bad = mdb_txn_commit(txn) != 0;
            txn = NULL;
        }
    }
    double took = bench_now() - start;

    free(value);
    if (env != NULL) {
        mdb_env_close(env);
    }
    return bad ? -1 : (double)count / took;
}

double raw_lmdb_get(const char *dir, long count)
{
    MDB_env *env = lmdb_open(dir);
    MDB_txn *txn;
    MDB_dbi dbi;
    uint64_t random = 88172645463325252u;
    uint8_t key[8], sum = 0;
    double start = bench_now();
    int bad = env == NULL;

    for (long i = 0; i < count && !bad; i++) {
        MDB_val k = {sizeof(key), key}, v;

        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        lmdb_key(key, (long)(random % (uint64_t)count));
        bad = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0 ||
              mdb_dbi_open(txn, NULL, 0, &dbi) != 0 ||
              mdb_get(txn, dbi, &k, &v) != 0;
        if (!bad) {
            sum = (uint8_t)(sum + *(uint8_t *)v.mv_data);
        }
        mdb_txn_abort(txn);
    }
    double took = bench_now() - start;

    if (env != NULL) {
        mdb_env_close(env);
    }
    return bad || sum != 0 ? -1 : (double)count / took;
}

/* The other process: say when each byte was there. */
static void wake_answer(int in, int out)
{
    char byte;

    while (read(in, &byte, 1) == 1) {
        double now = bench_now();

        if (write(out, &now, sizeof(now)) != (ssize_t)sizeof(now)) {
            break;
        }
    }
    _exit(0);
}

static int wake_put(MDB_env *env, MDB_dbi *dbi, int n, size_t len,
                    uint8_t *value)
{
    uint8_t key[8];
    MDB_txn *txn;
    MDB_val k = {sizeof(key), key}, v = {len, value};

    lmdb_key(key, n);
    return mdb_txn_begin(env, NULL, 0, &txn) != 0 ||
                   mdb_dbi_open(txn, NULL, 0, dbi) != 0 ||
                   mdb_put(txn, *dbi, &k, &v, 0) != 0 ||
                   mdb_txn_commit(txn) != 0
               ? -1
               : 0;
}

int raw_lmdb_wake(const char *dir, int count, size_t len, double *took)
{
    int there[2], back[2], bad = 0;
    uint8_t *value = calloc(1, len);
    MDB_env *env;
    MDB_dbi dbi;
    pid_t pid;

    if (value == NULL || mkdir(dir, 0700) != 0 || pipe(there) != 0 ||
        pipe(back) != 0 || (pid = fork()) < 0) {
        free(value);
        return -1;
    }
    if (pid == 0) {
        close(there[1]);
        close(back[0]);
        wake_answer(there[0], back[1]);
    }
    env = lmdb_open(dir);
    bad = env == NULL;
    for (int i = 0; i < count && !bad; i++) {
        double start = bench_now(), at = 0;

        bad = wake_put(env, &dbi, i, len, value) != 0 ||
              write(there[1], "", 1) != 1 ||
              read(back[0], &at, sizeof(at)) != (ssize_t)sizeof(at);
        took[i] = (at - start) * 1e3;
    }
    for (int i = 0; i < 2; i++) {
        close(there[i]);
        close(back[i]);
    }
    waitpid(pid, NULL, 0);
    if (env != NULL) {
        mdb_env_close(env);
    }
    free(value);
    return bad ? -1 : 0;
}

double raw_sign(long count)
{
    unsigned char pk[32], sk[64], sig[64], message[72] = {0};
    double start;

    if (sodium_init() < 0 || crypto_sign_keypair(pk, sk) != 0) {
        return -1;
    }
    start = bench_now();
    for (long i = 0; i < count; i++) {
        memcpy(message, &i, sizeof(i));
        crypto_sign_detached(sig, NULL, message, sizeof(message), sk);
    }
    return (double)count / (bench_now() - start);
}

double raw_verify(long count)
{
    unsigned char pk[32], sk[64], sig[64], message[72] = {0};
    double start;

    if (sodium_init() < 0 || crypto_sign_keypair(pk, sk) != 0) {
        return -1;
    }
    crypto_sign_detached(sig, NULL, message, sizeof(message), sk);
    start = bench_now();
    for (long i = 0; i < count; i++) {
        if (crypto_sign_verify_detached(sig, message, sizeof(message), pk)) {
            return -1;
        }
    }
    return (double)count / (bench_now() - start);
}

/* A connected pair of loopback sockets. */
static int loopback_pair(int pair[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || pair[0] < 0 ||
        bind(listener, (struct sockaddr *)&address, len) != 0 ||
        listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0 ||
        connect(pair[0], (struct sockaddr *)&address, len) != 0) {
        return -1;
    }
    pair[1] = accept(listener, NULL, NULL);
    close(listener);
    setsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(pair[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return pair[1] < 0 ? -1 : 0;
}

double raw_loopback_bytes(size_t total)
{
    static char room[65536];
    int pair[2];
    size_t got = 0;

    if (loopback_pair(pair) != 0) {
        return -1;
    }
    double start = bench_now();
    pid_t child = fork();

    if (child == 0) {
        for (size_t sent = 0; sent < total;) {
            ssize_t n = write(pair[0], room, sizeof(room));

            if (n <= 0) {
                _exit(1);
            }
            sent += (size_t)n;
        }
        _exit(0);
    }
    close(pair[0]);
    while (child > 0 && got < total) {
        ssize_t n = read(pair[1], room, sizeof(room));

        if (n <= 0) {
            break;
        }
        got += (size_t)n;
    }
    double took = bench_now() - start;

    close(pair[1]);
    waitpid(child, NULL, 0);
    return got < total ? -1 : (double)got / took;
}

double raw_loopback_trips(long count)
{
    char room[100] = {0};
    int pair[2];
    long done = 0;

    if (loopback_pair(pair) != 0) {
        return -1;
    }
    pid_t child = fork();

    if (child == 0) {
        close(pair[0]);
        while (recv(pair[1], room, sizeof(room), MSG_WAITALL) ==
               (ssize_t)sizeof(room)) {
            if (write(pair[1], room, sizeof(room)) < 0) {
                break;
            }
        }
        _exit(0);
    }
    close(pair[1]);
    double start = bench_now();

    while (done < count &&
           write(pair[0], room, sizeof(room)) == (ssize_t)sizeof(room) &&
           recv(pair[0], room, sizeof(room), MSG_WAITALL) ==
               (ssize_t)sizeof(room)) {
        done++;
    }
    double took = bench_now() - start;

    close(pair[0]);
    waitpid(child, NULL, 0);
    return done < count ? -1 : (double)count / took;
}
