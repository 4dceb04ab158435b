/* Any sequence of batches into a repo: good ones, ones with a byte changed
 * before or after signing, with gaps, overlaps and forks, by writers and
 * readers, before and after the owner came, while the clock goes on. Whatever
 * comes, an error leaves the document as it was, the document loads, the log
 * reads back as it was taken, and a second store that is given the log ends
 * with the same digest. */
#include <assert.h>

#include "core/hlc.h"
#include "core/store.h"
#include "core/value.h"
#include "crdt/repo.h"

#define WORLD_NOW      1750000000000
#define WORLD_SESSIONS 4
#define WORLD_TXS      64
#define WORLD_OPS      3

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

struct input {
    const uint8_t *at;
    size_t len;
};

struct author { /* a session as its author has it */
    struct cove_secret secret;
    struct cove_key device;
    uint8_t salt[16];
    struct cove_session_id session;
    struct cove_bytes txs[WORLD_TXS];
    struct cove_hash heads[WORLD_TXS + 1];
    uint32_t len;
    uint64_t hlc;
};

struct world {
    struct cove_arena arena;
    struct cove_env env;
    int64_t now_ms;
    uint64_t seed;
    struct cove_store *store;
    struct cove_repo *repo;
    struct author authors[WORLD_SESSIONS];
    struct cove_bytes group, header;
    struct cove_id group_id, doc;
};

static uint8_t take(struct input *in)
{
    if (in->len == 0) {
        return 0;
    }
    in->len--;
    return *in->at++;
}

static int64_t world_now(void *ctx)
{
    return ((struct world *)ctx)->now_ms;
}

static void world_random(void *ctx, void *out, size_t len)
{
    struct world *w = ctx;

    for (size_t i = 0; i < len; i++) {
        w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)out)[i] = (uint8_t)(w->seed >> 56);
    }
}

static struct cove_bytes world_header(struct world *w,
                                      const struct cove_header *header,
                                      struct cove_id *id)
{
    struct cove_buf buf;
    struct cove_bytes bytes;

    cove_buf_init(&buf, &cove_alloc_libc);

    int err = cove_header_encode(header, &buf, id, NULL);

    assert(err == 0);
    err = cove_arena_copy(&w->arena, cove_buf_bytes(&buf), &bytes);
    assert(err == 0);
    cove_buf_clear(&buf);
    return bytes;
}

/* Authors 0 and 1 are one device, an admin; 2 writes, 3 only reads. */
static void world_headers(struct world *w)
{
    static const char *const roles[] = {"admin", "writer", "reader"};
    struct cove_header group = {.type = COVE_DOC_GROUP};
    struct cove_header doc = {.type = COVE_DOC_COMAP, .has_owner = true};
    uint8_t nonce[16] = {1};
    struct cove_pair pairs[3];
    struct cove_buf parts[6];
    struct cove_buf map;
    struct cove_writer writer;

    for (size_t i = 0; i < 3; i++) {
        cove_buf_init(&parts[2 * i], &cove_alloc_libc);
        cove_buf_init(&parts[2 * i + 1], &cove_alloc_libc);
        cove_writer_init(&writer, &parts[2 * i]);
        cove_writer_bytes(&writer, w->authors[i + 1].device.b, 32);
        cove_writer_init(&writer, &parts[2 * i + 1]);
        cove_writer_cstr(&writer, roles[i]);
        pairs[i].key = cove_buf_bytes(&parts[2 * i]);
        pairs[i].value = cove_buf_bytes(&parts[2 * i + 1]);
    }
    cove_buf_init(&map, &cove_alloc_libc);
    cove_writer_init(&writer, &map);
    cove_writer_map_sorted(&writer, pairs, 3);
    group.members = cove_buf_bytes(&map);
    group.nonce = cove_bytes(nonce, sizeof(nonce));
    w->group = world_header(w, &group, &w->group_id);
    doc.owner = w->group_id;
    doc.nonce = cove_bytes(nonce, sizeof(nonce));
    w->header = world_header(w, &doc, &w->doc);
    cove_buf_clear(&map);
    for (size_t i = 0; i < 6; i++) {
        cove_buf_clear(&parts[i]);
    }
}

static void world_open(struct world *w, struct cove_store **store,
                       struct cove_repo **repo)
{
    struct cove_store_options opt = {.alloc = &cove_alloc_libc,
                                     .trees = COVE_REPO_TREES};
    int err = cove_store_open_memory(&opt, store);

    assert(err == 0);

    struct cove_repo_options options = {.alloc = &cove_alloc_libc,
                                        .env = &w->env,
                                        .store = *store,
                                        .secret = w->authors[0].secret,
                                        .device = w->authors[0].device};

    err = cove_repo_open(&options, repo, NULL);
    assert(err == 0);
}

static void world_init(struct world *w)
{
    int err = cove_crypto_init();

    assert(err == 0);
    memset(w, 0, sizeof(*w));
    cove_arena_init(&w->arena, &cove_alloc_libc);
    w->env.now_ms = world_now;
    w->env.random = world_random;
    w->env.ctx = w;
    w->now_ms = WORLD_NOW;
    for (uint8_t i = 0; i < WORLD_SESSIONS; i++) {
        struct author *a = &w->authors[i];
        uint8_t seed[32] = {i > 0 ? i : 1};

        cove_key_of_seed(seed, &a->secret, &a->device);
        a->salt[0] = i;
        a->session = cove_session_id_of(&a->device, a->salt);
        a->hlc = cove_hlc_of_ms(WORLD_NOW - 1000);
    }
    world_headers(w);
    for (size_t i = 0; i < WORLD_SESSIONS; i++) {
        struct author *a = &w->authors[i];

        a->heads[0] = cove_chain_start(&w->doc, &a->session, &a->device);
    }
    world_open(w, &w->store, &w->repo);
}

static void world_give(struct world *w, struct cove_store *store,
                       struct cove_repo *repo, const struct cove_id *id,
                       struct cove_bytes header)
{
    struct cove_store_txn *txn;
    cove_num num;
    int err = cove_store_begin(store, true, &txn);

    (void)w;
    assert(err == 0);
    err = cove_repo_ingest_header(repo, txn, id, header, &num, NULL);
    assert(err == 0);
    err = cove_store_commit(txn);
    assert(err == 0);
}

/* --- transactions out of the input */

static struct cove_bytes author_value(struct world *w, struct input *in)
{
    struct cove_bytes value = {0};
    int err = cove_value_of_int(&w->arena, (int8_t)take(in), &value);

    assert(err == 0);
    return value;
}

/* An origin in some session, perhaps one that is there. */
static void author_origin(struct world *w, struct input *in,
                          struct cove_origin *origin)
{
    const struct author *a = &w->authors[take(in) % WORLD_SESSIONS];

    origin->reg = cove_bytes_text("a");
    origin->id.session = a->session;
    origin->id.device = a->device;
    origin->id.hlc = a->hlc + take(in) - 128;
    origin->id.tx = take(in) % WORLD_TXS;
    if (origin->id.tx < a->len) {
        struct cove_hash hash = cove_tx_hash(a->txs[origin->id.tx]);
        struct cove_tx tx;
        int err = cove_tx_decode(a->txs[origin->id.tx], &w->arena, &tx, NULL);

        memcpy(origin->tx_hash, hash.b, sizeof(origin->tx_hash));
        origin->id.hlc = err == 0 ? tx.hlc : origin->id.hlc;
    }
}

static void author_write(struct world *w, struct author *a, struct input *in)
{
    static const char *const names[] = {"a", "b", "long name"};
    struct cove_tx_op ops[WORLD_OPS] = {{.deleted = false}};
    struct cove_origin origins[WORLD_OPS] = {{.held = false}};
    struct cove_tx tx = {.ops = ops};
    struct cove_buf buf;
    uint8_t bits = take(in);
    uint8_t change;
    int err;

    if (a->len == WORLD_TXS) {
        return;
    }
    a->hlc += (uint64_t)take(in) << (take(in) % 40);
    tx.hlc = a->hlc & INT64_MAX;
    tx.kind = bits & 1 ? COVE_TX_COPY : COVE_TX_NATIVE;
    tx.has_epoch = (bits & 2) != 0;
    tx.epoch.b[0] = bits >> 6;
    tx.epoch_inherited = !tx.has_epoch && (bits & 4) != 0;
    tx.auth_inherited = (bits & 8) != 0;
    tx.has_seen = (bits & 16) != 0;
    tx.op_count = 1 + take(in) % WORLD_OPS;
    for (size_t i = 0; i < tx.op_count; i++) {
        ops[i].reg = cove_bytes_text(names[take(in) % COVE_ARRAY_LEN(names)]);
        ops[i].deleted = take(in) % 4 == 0;
        if (!ops[i].deleted) {
            ops[i].value = author_value(w, in);
        }
        if (tx.kind == COVE_TX_COPY) {
            author_origin(w, in, &origins[i]);
            ops[i].origins = &origins[i];
            ops[i].origin_count = 1;
        }
    }
    cove_buf_init(&buf, &cove_alloc_libc);
    err = cove_tx_encode(&tx, &buf, NULL);
    change = take(in);
    if (err == 0) {
        if (change & 1) {
            buf.at[take(in) % buf.len] ^= change & 0xfe;
        }
        err = cove_arena_copy(&w->arena, cove_buf_bytes(&buf), &a->txs[a->len]);
        assert(err == 0);
        a->heads[a->len + 1] =
            cove_chain_next(&a->heads[a->len], a->txs[a->len]);
        a->len++;
    }
    cove_buf_clear(&buf);
}

/* --- what must hold */

static void world_load(struct world *w, struct cove_repo *repo,
                       struct cove_store_txn *txn, struct cove_doc *doc)
{
    cove_num num;
    int err = cove_repo_find(repo, txn, &w->doc, &num);

    assert(err == 0);
    err = cove_repo_load(repo, txn, num, &w->arena, doc, NULL);
    assert(err == 0);
}

static struct cove_hash world_digest(struct world *w)
{
    struct cove_store_txn *txn;
    struct cove_doc doc;
    int err = cove_store_begin(w->store, false, &txn);

    assert(err == 0);
    world_load(w, w->repo, txn, &doc);
    cove_store_abort(txn);
    return cove_doc_digest(&doc, &w->arena);
}

static void world_send(struct world *w, struct author *a, struct input *in)
{
    struct cove_batch batch = {
        .document = w->doc, .device = a->device, .session = a->session};
    struct cove_hash before = world_digest(w);
    struct cove_ingest_result result;
    struct cove_store_txn *txn;
    uint8_t change;
    uint32_t end;
    int err;

    if (a->len == 0) {
        return;
    }
    batch.start = take(in) % a->len;
    end = batch.start + 1 + take(in) % (a->len - batch.start);
    batch.txs = a->txs + batch.start;
    batch.tx_count = end - batch.start;
    batch.has_salt = batch.start == 0;
    memcpy(batch.salt, a->salt, sizeof(batch.salt));
    cove_head_sign(&a->secret, &w->doc, &a->session, end, &a->heads[end],
                   &batch.proof);
    change = take(in);
    if (change % 16 == 1) {
        batch.proof.signature.b[change >> 4] ^= 1;
    }
    err = cove_store_begin(w->store, true, &txn);
    assert(err == 0);
    err = cove_repo_ingest(w->repo, txn, &batch, 1, &result, NULL);
    assert(err != COVE_ECORRUPT && err != COVE_ENOMEM && err <= 0);
    assert(err != 0 || result.have >= end);

    int rc = cove_store_commit(txn); /* errors too must be fit to commit */
    struct cove_hash after = world_digest(w);

    assert(rc == 0);
    assert(err == 0 || memcmp(&before, &after, sizeof(after)) == 0);
}

/* The author forgets its last transactions, and will write others. */
static void author_fork(struct author *a, struct input *in)
{
    if (a->len > 0) {
        a->len -= take(in) % a->len + (a->len == 1);
    }
}

/* Give all there is to a store that is empty, and compare. */
static void world_mirror(struct world *w)
{
    struct cove_store *store;
    struct cove_repo *repo;
    struct cove_store_txn *from;
    struct cove_store_txn *to;
    struct cove_doc doc;
    struct cove_doc copy;
    int err;

    world_open(w, &store, &repo);
    world_give(w, store, repo, &w->doc, w->header);
    err = cove_store_begin(w->store, false, &from);
    assert(err == 0);
    err = cove_store_begin(store, true, &to);
    assert(err == 0);
    world_load(w, w->repo, from, &doc);
    for (size_t i = 0; i < doc.session_count; i++) {
        uint32_t have = 0;

        while (have < doc.sessions[i].len) {
            struct cove_ingest_result result;
            struct cove_batch batch;

            err =
                cove_repo_read(w->repo, from, doc.num, &doc.sessions[i].session,
                               have, 200, &w->arena, &batch);
            assert(err == 0);
            err = cove_repo_ingest(repo, to, &batch, 1, &result, NULL);
            assert(err == 0);
            have = result.have;
        }
    }
    world_load(w, repo, to, &copy);

    struct cove_hash here = cove_doc_digest(&doc, &w->arena);
    struct cove_hash there = cove_doc_digest(&copy, &w->arena);

    assert(memcmp(&here, &there, sizeof(here)) == 0);
    if ((doc.flags & COVE_DOC_OWNER_MISSING) ==
        (copy.flags & COVE_DOC_OWNER_MISSING)) {
        assert(doc.state.native_count == copy.state.native_count);
        assert(doc.state.copy_count == copy.state.copy_count);
    }
    cove_store_abort(from);
    cove_store_abort(to);
    cove_repo_close(repo);
    cove_store_close(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct input in = {at, len};
    static struct world w;

    world_init(&w);
    world_give(&w, w.store, w.repo, &w.doc, w.header);
    while (in.len > 0) {
        uint8_t what = take(&in);
        struct author *a = &w.authors[what >> 3 & 3];

        switch (what & 7) {
        case 0:
            world_give(&w, w.store, w.repo, &w.group_id, w.group);
            break;
        case 1:
            w.now_ms += take(&in) * INT64_C(10000);
            break;
        case 2:
            author_fork(a, &in);
            break;
        case 3:
        case 4:
        case 5:
            author_write(&w, a, &in);
            break;
        default:
            world_send(&w, a, &in);
            break;
        }
    }
    world_mirror(&w);
    cove_repo_close(w.repo);
    cove_store_close(w.store);
    cove_arena_clear(&w.arena);
    return 0;
}
