/* raw_reads.c: see raw.h: what a read of a small document comes to with LMDB
 * and a CBOR decoder and nothing else. */
#include "bench/raw.h"

#include <cbor.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define READS 256 /* a transaction */

struct raw_reads {
    MDB_env *env;
    MDB_dbi dbi;
    long count, reads;
    uint64_t seed;
    int bad;
};

static void raw_key(uint8_t out[8], long n)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
    }
}

static MDB_env *raw_open(const char *dir, MDB_dbi *dbi)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;

    if (mdb_env_create(&env) != 0 ||
        mdb_env_set_mapsize(env, (size_t)4 << 30) != 0 ||
        mdb_env_open(env, dir, MDB_NOTLS, 0600) != 0 ||
        mdb_txn_begin(env, NULL, 0, &txn) != 0 ||
        mdb_dbi_open(txn, NULL, 0, dbi) != 0 || mdb_txn_commit(txn) != 0) {
        return NULL;
    }
    return env;
}

/* {"name": "item N", "size": "N", "done": false} */
static size_t raw_document(long n, uint8_t *out)
{
    static const uint8_t keys[3][5] = {{0x64, 'n', 'a', 'm', 'e'},
                                       {0x64, 's', 'i', 'z', 'e'},
                                       {0x64, 'd', 'o', 'n', 'e'}};
    char text[32];
    size_t len = 0;

    out[len++] = 0xa3;
    for (int i = 0; i < 3; i++) {
        size_t size;

        memcpy(out + len, keys[i], sizeof(keys[i]));
        len += sizeof(keys[i]);
        if (i == 2) {
            out[len++] = 0xf4;
            break;
        }
        size = (size_t)snprintf(text, sizeof(text), i == 0 ? "item %ld" : "%ld",
                                i == 0 ? n : n % 1000);
        out[len++] = (uint8_t)(0x60 + size);
        memcpy(out + len, text, size);
        len += size;
    }
    return len;
}

int raw_lmdb_fill(const char *dir, long count)
{
    MDB_dbi dbi;
    MDB_env *env = raw_open(dir, &dbi);
    MDB_txn *txn = NULL;
    uint8_t key[8], value[96];
    int bad = env == NULL || mdb_txn_begin(env, NULL, 0, &txn) != 0;

    for (long i = 0; i < count && !bad; i++) {
        MDB_val k = {sizeof(key), key}, v = {raw_document(i, value), value};

        raw_key(key, i);
        bad = mdb_put(txn, dbi, &k, &v, 0) != 0;
    }
    bad = bad || mdb_txn_commit(txn) != 0;
    if (env != NULL) {
        mdb_env_close(env);
    }
    return bad ? -1 : 0;
}

struct raw_found { /* the texts of a document */
    cbor_data at[8];
    size_t len[8], count;
};

static void raw_text(void *ctx, cbor_data at, size_t len)
{
    struct raw_found *found = ctx;

    if (found->count < 8) {
        found->at[found->count] = at;
        found->len[found->count++] = len;
    }
}

static int raw_decode(const MDB_val *v, const struct cbor_callbacks *callbacks)
{
    struct raw_found found = {.count = 0};
    cbor_data at = v->mv_data;
    size_t left = v->mv_size;

    while (left > 0) {
        struct cbor_decoder_result r =
            cbor_stream_decode(at, left, callbacks, &found);

        if (r.status != CBOR_DECODER_FINISHED) {
            return -1;
        }
        at += r.read;
        left -= r.read;
    }
    return found.count == 5 && found.len[3] > 0 ? 0 : -1;
}

static void *raw_thread(void *ctx)
{
    struct raw_reads *r = ctx;
    struct cbor_callbacks callbacks = cbor_empty_callbacks;
    MDB_txn *txn = NULL;
    uint8_t key[8];

    callbacks.string = raw_text;
    for (long i = 0; i < r->reads && !r->bad; i++) {
        MDB_val k = {sizeof(key), key}, v;

        r->seed = r->seed * UINT64_C(6364136223846793005) +
                  UINT64_C(1442695040888963407);
        raw_key(key, (long)((r->seed >> 33) % (uint64_t)r->count));
        r->bad = (txn == NULL &&
                  mdb_txn_begin(r->env, NULL, MDB_RDONLY, &txn) != 0) ||
                 mdb_get(txn, r->dbi, &k, &v) != 0 ||
                 raw_decode(&v, &callbacks) != 0;
        if (i % READS == READS - 1) {
            mdb_txn_abort(txn);
            txn = NULL;
        }
    }
    if (txn != NULL) {
        mdb_txn_abort(txn);
    }
    return NULL;
}

double raw_lmdb_decode(const char *dir, long count, int passes, int threads)
{
    struct raw_reads reads[2] = {{.count = count, .reads = count * passes}};
    pthread_t thread;
    double start, took;

    reads[0].env = raw_open(dir, &reads[0].dbi);
    if (reads[0].env == NULL) {
        return -1;
    }
    reads[1] = reads[0];
    reads[0].seed = 12345;
    reads[1].seed = 12346;
    start = bench_now();
    if (threads == 2 &&
        pthread_create(&thread, NULL, raw_thread, &reads[1]) != 0) {
        return -1;
    }
    raw_thread(&reads[0]);
    if (threads == 2) {
        pthread_join(thread, NULL);
    }
    took = bench_now() - start;
    mdb_env_close(reads[0].env);
    return reads[0].bad || reads[1].bad
               ? -1
               : (double)count * passes * threads / took;
}
