/* Any messages, said by an admitted peer: the engine answers, refuses or drops
 * it, and what its store then holds can be loaded. The input is a row of
 * messages, each behind two bytes of length; the second lane is for the kinds
 * that belong there. A byte 0xff in front of a length ends a turn without a
 * flush. */
#include <assert.h>

#include "sync/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

struct side {
    struct cove_secret secret;
    struct cove_key device;
    struct cove_identity identity;
};

static uint64_t entropy;

static int64_t world_now(void *ctx)
{
    (void)ctx;
    return 1750000000000;
}

static void world_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        entropy = entropy * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)out)[i] = (uint8_t)(entropy >> 56);
    }
}

static const struct cove_env env = {world_now, world_random, NULL};

struct world {
    struct side side[2];
    struct cove_store *store;
    struct cove_repo *repo;
    struct cove_engine *engine;
    struct cove_conn *conn;
    struct cove_channel *client;
    int err;
};

static void must(int err)
{
    assert(err == 0);
    (void)err;
}

static void world_open(struct world *w)
{
    struct cove_store_options store = {.alloc = &cove_alloc_libc,
                                       .trees = COVE_REPO_TREES};
    struct cove_repo_options repo = {.alloc = &cove_alloc_libc, .env = &env};
    struct cove_engine_options engine = {.alloc = &cove_alloc_libc,
                                         .env = &env,
                                         .credit_bytes = 4000,
                                         .sums_least = 1};
    struct cove_peer_record peer;
    struct cove_store_txn *txn;

    memset(w, 0, sizeof(*w));
    memset(&peer, 0, sizeof(peer));
    entropy = 1;
    must(cove_crypto_init());
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t seed[32];

        memset(seed, i + 1, sizeof(seed));
        cove_key_of_seed(seed, &w->side[i].secret, &w->side[i].device);
        cove_identity_make(&w->side[i].secret, &w->side[i].device, &env, 30,
                           &w->side[i].identity);
    }
    must(cove_store_open_memory(&store, &w->store));
    repo.store = engine.store = w->store;
    repo.secret = w->side[0].secret;
    repo.device = w->side[0].device;
    must(cove_repo_open(&repo, &w->repo, NULL));
    peer.key = w->side[1].device;
    must(cove_store_begin(w->store, true, &txn));
    must(cove_peer_put(w->repo, txn, &peer));
    must(cove_store_commit(txn));
    engine.repo = w->repo;
    engine.identity = w->side[0].identity;
    must(cove_engine_new(&engine, &w->engine));
}

/* Carry everything both ways; the client takes what comes and forgets it. */
static void world_carry(struct world *w, bool flush)
{
    struct cove_bytes bytes;

    for (bool moved = true; moved;) {
        struct cove_bytes out = cove_channel_output(w->client);

        moved = out.len > 0;
        if (out.len > 0 && w->err == 0) {
            w->err = cove_conn_input(w->conn, 1000, out);
        }
        cove_channel_written(w->client, out.len);
        if (flush) {
            must(cove_engine_flush(w->engine, 1000));
        }
        out = cove_conn_output(w->conn);
        moved = moved || out.len > 0;
        if (out.len > 0) {
            (void)!cove_channel_input(w->client, 1000, out);
            cove_conn_written(w->conn, 1000, out.len);
        }
        while (cove_channel_receive(w->client, &bytes) == 0) {
        }
    }
}

static void world_connect(struct world *w)
{
    struct cove_channel_options opt = {.alloc = &cove_alloc_libc,
                                       .env = &env,
                                       .identity = &w->side[1].identity,
                                       .role = COVE_CHANNEL_INITIATOR,
                                       .now_ms = 1000};

    must(cove_channel_new(&opt, &w->client));
    must(cove_engine_connect(w->engine, 1000, COVE_CHANNEL_RESPONDER, NULL,
                             &w->conn));
    world_carry(w, true);
    assert(cove_channel_state(w->client) == COVE_CHANNEL_OPEN);
}

static void world_say(struct world *w, struct cove_bytes message)
{
    unsigned kind = message.len > 1 ? message.at[1] : 0;
    enum cove_channel_lane lane =
        kind == 1 || kind == 3 || kind == 4 || kind == 16 ? COVE_LANE_CONTENT
                                                          : COVE_LANE_CONTROL;

    (void)!cove_channel_send(w->client, lane, message);
}

/* Everything in the store can be read. */
static void world_check(struct world *w)
{
    struct cove_store_txn *txn;
    struct cove_arena arena;
    cove_num num = 0;

    cove_arena_init(&arena, &cove_alloc_libc);
    must(cove_store_begin(w->store, false, &txn));
    while (cove_repo_next(w->repo, txn, 0, num, &num) == 0) {
        struct cove_doc doc;

        must(cove_repo_load(w->repo, txn, num, &arena, &doc, NULL));
        cove_arena_reset(&arena);
    }
    cove_store_abort(txn);
    cove_arena_clear(&arena);
}

static void world_close(struct world *w)
{
    cove_channel_free(w->client);
    cove_engine_free(w->engine);
    cove_repo_close(w->repo);
    cove_store_close(w->store);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    const uint8_t *end = at + len;
    struct world w;

    world_open(&w);
    world_connect(&w);
    while (end - at > 2) {
        bool flush = *at != 0xff;

        at += !flush;
        if (end - at <= 2) {
            break;
        }

        size_t want = (size_t)(at[0] << 8 | at[1]);
        size_t have = (size_t)(end - at - 2);

        want = want < have ? want : have;
        if (want > 0) {
            world_say(&w, cove_bytes(at + 2, want));
            world_carry(&w, flush);
        }
        at += 2 + want;
    }
    must(cove_engine_flush(w.engine, 1000));
    assert(w.err == 0 || cove_conn_done(w.conn));
    world_check(&w);
    world_close(&w);
    return 0;
}
