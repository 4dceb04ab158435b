/* cut_world.h: a document with sessions written by hand, and repos in memory
 * that get them; for programs that are no unit tests. Whatever goes wrong here
 * ends the program. */
#ifndef COVE_TESTS_CUT_WORLD_H
#define COVE_TESTS_CUT_WORLD_H

#include <stdio.h>
#include <stdlib.h>

#include "core/cbor.h"
#include "core/hlc.h"
#include "core/store.h"
#include "core/value.h"
#include "crdt/repo_cut.h"

#define WORLD_NOW      1750000000000
#define WORLD_SESSIONS 8
#define WORLD_TXS      256
#define WORLD_REPOS    3

#define REQUIRE(condition)                                                     \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            abort();                                                           \
        }                                                                      \
    } while (0)

struct world_author { /* a session as its author has it */
    struct cove_secret secret;
    struct cove_key device;
    uint8_t salt[16];
    struct cove_session_id session;
    struct cove_bytes txs[WORLD_TXS];
    uint64_t hlcs[WORLD_TXS];
    struct cove_hash heads[WORLD_TXS + 1];
    uint32_t len;
};

struct world_repo {
    struct cove_store *store;
    struct cove_repo *repo;
};

struct world {
    struct cove_arena arena;
    struct cove_env env;
    int64_t now_ms;
    uint64_t seed;
    struct cove_secret secret; /* the admin's, whose all repos are */
    struct cove_key device;
    struct world_author authors[WORLD_SESSIONS];
    struct cove_bytes group, header;
    struct cove_id group_id, doc;
    struct world_repo repos[WORLD_REPOS];
};

static inline int64_t world_now(void *ctx)
{
    return ((struct world *)ctx)->now_ms;
}

static inline void world_random(void *ctx, void *out, size_t len)
{
    struct world *w = ctx;

    for (size_t i = 0; i < len; i++) {
        w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)out)[i] = (uint8_t)(w->seed >> 56);
    }
}

static inline struct cove_bytes world_header(struct world *w,
                                             const struct cove_header *header,
                                             struct cove_id *id)
{
    struct cove_buf buf;
    struct cove_bytes bytes;

    cove_buf_init(&buf, &cove_alloc_libc);
    REQUIRE(cove_header_encode(header, &buf, id, NULL) == 0);
    REQUIRE(cove_arena_copy(&w->arena, cove_buf_bytes(&buf), &bytes) == 0);
    cove_buf_clear(&buf);
    return bytes;
}

/* The authors write, the admin is admin. */
static inline struct cove_bytes world_members(struct world *w)
{
    struct cove_pair pairs[WORLD_SESSIONS + 1];
    struct cove_bytes members;
    struct cove_writer writer;
    struct cove_buf buf;

    cove_buf_init(&buf, &cove_alloc_libc);
    for (size_t i = 0; i <= WORLD_SESSIONS; i++) {
        const struct cove_key *key =
            i < WORLD_SESSIONS ? &w->authors[i].device : &w->device;

        buf.len = 0;
        cove_writer_init(&writer, &buf);
        cove_writer_bytes(&writer, key->b, sizeof(key->b));
        REQUIRE(cove_arena_copy(&w->arena, cove_buf_bytes(&buf),
                                &pairs[i].key) == 0);
        buf.len = 0;
        cove_writer_cstr(&writer, i < WORLD_SESSIONS ? "writer" : "admin");
        REQUIRE(cove_arena_copy(&w->arena, cove_buf_bytes(&buf),
                                &pairs[i].value) == 0);
    }
    buf.len = 0;
    cove_writer_map_sorted(&writer, pairs, WORLD_SESSIONS + 1);
    REQUIRE(writer.err == 0);
    REQUIRE(cove_arena_copy(&w->arena, cove_buf_bytes(&buf), &members) == 0);
    cove_buf_clear(&buf);
    return members;
}

static inline void world_give_header(struct world_repo *r,
                                     const struct cove_id *id,
                                     struct cove_bytes header)
{
    struct cove_store_txn *txn;
    cove_num num;

    REQUIRE(cove_store_begin(r->store, true, &txn) == 0);
    REQUIRE(cove_repo_ingest_header(r->repo, txn, id, header, &num, NULL) == 0);
    REQUIRE(cove_store_commit(txn) == 0);
}

static inline void world_repo_open(struct world *w, struct world_repo *r)
{
    struct cove_store_options opt = {.alloc = &cove_alloc_libc,
                                     .trees = COVE_REPO_TREES};

    REQUIRE(cove_store_open_memory(&opt, &r->store) == 0);

    struct cove_repo_options options = {.alloc = &cove_alloc_libc,
                                        .env = &w->env,
                                        .store = r->store,
                                        .secret = w->secret,
                                        .device = w->device};

    REQUIRE(cove_repo_open(&options, &r->repo, NULL) == 0);
    world_give_header(r, &w->group_id, w->group);
    world_give_header(r, &w->doc, w->header);
}

static inline void world_repo_close(struct world_repo *r)
{
    cove_repo_close(r->repo);
    cove_store_close(r->store);
}

static inline void world_open(struct world *w, enum cove_doc_type type)
{
    struct cove_header group = {.type = COVE_DOC_GROUP};
    struct cove_header doc = {.type = type, .has_owner = true};
    uint8_t nonce[16] = {1};
    uint8_t seed[32] = {99};

    memset(w, 0, sizeof(*w));
    REQUIRE(cove_crypto_init() == 0);
    cove_arena_init(&w->arena, &cove_alloc_libc);
    w->env.now_ms = world_now;
    w->env.random = world_random;
    w->env.ctx = w;
    w->now_ms = WORLD_NOW;
    cove_key_of_seed(seed, &w->secret, &w->device);
    for (uint8_t i = 0; i < WORLD_SESSIONS; i++) {
        struct world_author *a = &w->authors[i];

        seed[0] = i;
        cove_key_of_seed(seed, &a->secret, &a->device);
        a->salt[0] = i;
        a->session = cove_session_id_of(&a->device, a->salt);
    }
    group.members = world_members(w);
    group.nonce = cove_bytes(nonce, sizeof(nonce));
    w->group = world_header(w, &group, &w->group_id);
    doc.owner = w->group_id;
    doc.nonce = cove_bytes(nonce, sizeof(nonce));
    w->header = world_header(w, &doc, &w->doc);
    for (size_t i = 0; i < WORLD_SESSIONS; i++) {
        struct world_author *a = &w->authors[i];

        a->heads[0] = cove_chain_start(&w->doc, &a->session, &a->device);
    }
    for (size_t i = 0; i < WORLD_REPOS; i++) {
        world_repo_open(w, &w->repos[i]);
    }
}

static inline void world_close(struct world *w)
{
    for (size_t i = 0; i < WORLD_REPOS; i++) {
        world_repo_close(&w->repos[i]);
    }
    cove_arena_clear(&w->arena);
}

/* The next transaction of a session. */
static inline void world_push(struct world *w, struct world_author *a,
                              const struct cove_tx *tx)
{
    struct cove_diag diag = {0};
    struct cove_buf buf;

    REQUIRE(a->len < WORLD_TXS);
    cove_buf_init(&buf, &cove_alloc_libc);
    if (cove_tx_encode(tx, &buf, &diag) != 0) {
        fprintf(stderr, "%s\n", diag.text);
        abort();
    }
    REQUIRE(cove_arena_copy(&w->arena, cove_buf_bytes(&buf), &a->txs[a->len]) ==
            0);
    cove_buf_clear(&buf);
    a->hlcs[a->len] = tx->hlc;
    a->heads[a->len + 1] = cove_chain_next(&a->heads[a->len], a->txs[a->len]);
    a->len++;
}

/* The batch [start, end) of a session into a repo. */
static inline void world_send(struct world *w, struct world_repo *r,
                              const struct world_author *a, uint32_t start,
                              uint32_t end)
{
    struct cove_batch batch = {.document = w->doc,
                               .device = a->device,
                               .session = a->session,
                               .has_salt = start == 0,
                               .start = start,
                               .tx_count = end - start};
    struct cove_bytes txs[WORLD_TXS];
    struct cove_ingest_result result;
    struct cove_store_txn *txn;

    if (start >= end) {
        return;
    }
    memcpy(txs, a->txs + start, (end - start) * sizeof(*txs));
    batch.txs = txs;
    memcpy(batch.salt, a->salt, batch.has_salt ? sizeof(batch.salt) : 0);
    cove_head_sign(&a->secret, &w->doc, &a->session, end, &a->heads[end],
                   &batch.proof);
    REQUIRE(cove_store_begin(r->store, true, &txn) == 0);
    REQUIRE(cove_repo_ingest(r->repo, txn, &batch, 1, &result, NULL) == 0);
    REQUIRE(result.have >= end);
    REQUIRE(cove_store_commit(txn) == 0);
}

static inline cove_num world_num(struct world *w, struct world_repo *r,
                                 struct cove_store_txn *txn)
{
    cove_num num;

    REQUIRE(cove_repo_find(r->repo, txn, &w->doc, &num) == 0);
    return num;
}

/* Cut what is older than an hlc; the code. */
static inline int world_cut(struct world *w, struct world_repo *r,
                            uint64_t before)
{
    struct cove_cut_rule rule = {before, UINT64_MAX};
    struct cove_cut_result result;
    struct cove_store_txn *txn;
    int err;

    REQUIRE(cove_store_begin(r->store, true, &txn) == 0);
    err = cove_repo_cut(r->repo, txn, world_num(w, r, txn), &rule, false,
                        &result, NULL);
    if (err == 0) {
        REQUIRE(cove_store_commit(txn) == 0);
    } else {
        cove_store_abort(txn);
    }
    return err;
}

/* In the world's arena; empty where there is none. */
static inline struct cove_bytes world_cut_of(struct world *w,
                                             struct world_repo *r)
{
    struct cove_bytes cut = {NULL, 0};
    struct cove_store_txn *txn;
    int err;

    REQUIRE(cove_store_begin(r->store, false, &txn) == 0);
    err =
        cove_repo_cut_read(r->repo, txn, world_num(w, r, txn), &w->arena, &cut);
    cove_store_abort(txn);
    REQUIRE(err == 0 || err == COVE_ENOTFOUND);
    return cut;
}

/* The code; what is refused is committed, too: it must have changed nothing. */
static inline int world_take(struct world_repo *r, struct cove_bytes cut)
{
    struct cove_ingest_result result;
    struct cove_store_txn *txn;
    int err;

    REQUIRE(cove_store_begin(r->store, true, &txn) == 0);
    err = cove_repo_cut_take(r->repo, txn, cut, 1, &result, NULL);
    REQUIRE(cove_store_commit(txn) == 0);
    return err;
}

static inline struct cove_doc world_load(struct world *w, struct world_repo *r,
                                         struct cove_arena *arena)
{
    struct cove_store_txn *txn;
    struct cove_doc doc;

    REQUIRE(cove_store_begin(r->store, false, &txn) == 0);
    REQUIRE(cove_repo_load(r->repo, txn, world_num(w, r, txn), arena, &doc,
                           NULL) == 0);
    cove_store_abort(txn);
    return doc;
}

#endif
