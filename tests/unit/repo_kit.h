/* repo_kit.h: devices with repos of their own, for the tests of the repo: a
 * store of either kind, a device key, documents, and writes in one line. */
#ifndef COVE_TESTS_REPO_KIT_H
#define COVE_TESTS_REPO_KIT_H

#include "core/cbor.h"
#include "core/hlc.h"
#include "core/limits.h"
#include "core/value.h"
#include "crdt/history.h"
#include "crdt/repo.h"
#include "tests/unit/store_fixture.h"

struct kit {
    struct fixture store;
    struct harness_alloc heap;
    struct harness_env env;
    struct cove_secret secret;
    struct cove_key device;
    struct cove_repo *repo;
    unsigned group_leaves;   /* most documents a signature is for; 0: usual */
    struct cove_arena arena; /* for whatever a test reads */
    struct cove_diag diag;
};

static inline int kit_open_with(struct kit *k, bool new_session)
{
    struct cove_repo_options opt = {.alloc = &k->heap.alloc,
                                    .env = &k->env.env,
                                    .store = k->store.store,
                                    .secret = k->secret,
                                    .device = k->device,
                                    .new_session = new_session,
                                    .group_leaves = k->group_leaves};

    cove_diag_clear(&k->diag);
    return cove_repo_open(&opt, &k->repo, &k->diag);
}

static inline void kit_init(struct kit *k, int kind, uint8_t who)
{
    uint8_t seed[32];

    memset(k, 0, sizeof(*k));
    memset(seed, who, sizeof(seed));
    ck_assert_int_eq(cove_crypto_init(), 0);
    cove_key_of_seed(seed, &k->secret, &k->device);
    harness_alloc_init(&k->heap, 0);
    harness_env_init(&k->env, who + 1u);
    fixture_init(&k->store, kind);
    k->store.opt.trees = COVE_REPO_TREES;
    k->store.opt.map_bytes = 16 << 20;
    ck_assert_int_eq(fixture_open(&k->store), 0);
    cove_arena_init(&k->arena, &k->heap.alloc);
}

static inline void kit_open(struct kit *k, int kind, uint8_t who)
{
    kit_init(k, kind, who);

    int err = kit_open_with(k, false);

    ck_assert_msg(err == 0, "open: %d %s", err, k->diag.text);
}

/* Close the repo, and the store too where that loses nothing. */
static inline void kit_reopen(struct kit *k)
{
    cove_arena_clear(&k->arena);
    cove_repo_close(k->repo);
    if (k->store.kind == FIXTURE_LMDB) {
        cove_store_close(k->store.store);
        ck_assert_int_eq(fixture_open(&k->store), 0);
    }
    ck_assert_int_eq(kit_open_with(k, false), 0);
}

static inline void kit_close(struct kit *k)
{
    cove_arena_clear(&k->arena);
    cove_repo_close(k->repo);
    ck_assert_int_eq(k->heap.alive, 0);
    fixture_teardown(&k->store);
}

static inline struct cove_store_txn *kit_begin(struct kit *k, bool write)
{
    cove_diag_clear(&k->diag);
    return fixture_begin(&k->store, write);
}

static inline void kit_commit(struct cove_store_txn *txn)
{
    ck_assert_int_eq(cove_store_commit(txn), 0);
}

/* --- headers */

struct kit_member {
    const struct kit *who;
    const char *role;
};

static inline int kit_pair_order(const void *left, const void *right)
{
    const struct cove_pair *a = left;
    const struct cove_pair *b = right;

    return cove_bytes_compare(a->key, b->key);
}

/* A group's header; bytes in k's arena. */
static inline struct cove_bytes kit_group(struct kit *k,
                                          const struct kit_member *members,
                                          size_t count, struct cove_id *id)
{
    struct cove_header header = {.type = COVE_DOC_GROUP};
    uint8_t nonce[16] = {7};
    struct cove_buf map;
    struct cove_buf out;
    struct cove_writer w;
    struct cove_bytes bytes;
    const struct kit_member *sorted[16];

    for (size_t i = 0; i < count; i++) {
        size_t at = i;

        while (at > 0 && memcmp(&sorted[at - 1]->who->device,
                                &members[i].who->device, 32) > 0) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        sorted[at] = &members[i];
    }
    cove_buf_init(&map, &k->heap.alloc);
    cove_buf_init(&out, &k->heap.alloc);
    cove_writer_init(&w, &map);
    cove_writer_map(&w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_bytes(&w, sorted[i]->who->device.b, 32);
        cove_writer_cstr(&w, sorted[i]->role);
    }
    ck_assert_int_eq(w.err, 0);
    header.nonce = cove_bytes(nonce, sizeof(nonce));
    header.members = cove_buf_bytes(&map);

    int err = cove_header_encode(&header, &out, id, &k->diag);

    ck_assert_msg(err == 0, "group: %d %s", err, k->diag.text);
    ck_assert_int_eq(cove_arena_copy(&k->arena, cove_buf_bytes(&out), &bytes),
                     0);
    cove_buf_clear(&map);
    cove_buf_clear(&out);
    return bytes;
}

/* The header of a document of `type` number n in a group. The odd ones have a
 * schema: their registers are interned. */
static inline struct cove_bytes kit_header(struct kit *k,
                                           enum cove_doc_type type,
                                           const struct cove_id *owner,
                                           uint32_t n, struct cove_id *id)
{
    static const uint8_t meta[] = {0xa1, 0x67, '$',  's',  'c',  'h', 'e',
                                   'm',  'a',  0xa1, 0x60, 0x58, 0x20};
    struct cove_header header = {
        .type = type, .has_owner = true, .owner = *owner};
    uint8_t with_schema[sizeof(meta) + 32] = {0};
    uint8_t nonce[16] = {9};
    struct cove_buf out;
    struct cove_bytes bytes;

    memcpy(with_schema, meta, sizeof(meta));
    if (type == COVE_DOC_COMAP && n % 2 == 1) {
        header.meta = cove_bytes(with_schema, sizeof(with_schema));
    }

    memcpy(nonce + 8, &n, sizeof(n));
    header.nonce = cove_bytes(nonce, sizeof(nonce));
    header.has_created = true;
    header.created_ms = 1750000000000 + n;
    header.has_root = type == COVE_DOC_JOURNAL;
    cove_buf_init(&out, &k->heap.alloc);

    int err = cove_header_encode(&header, &out, id, &k->diag);

    ck_assert_msg(err == 0, "header: %d %s", err, k->diag.text);
    ck_assert_int_eq(cove_arena_copy(&k->arena, cove_buf_bytes(&out), &bytes),
                     0);
    cove_buf_clear(&out);
    return bytes;
}

static inline void kit_take_header(struct kit *k, const struct cove_id *id,
                                   struct cove_bytes header)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    cove_num num;
    int err = cove_repo_ingest_header(k->repo, txn, id, header, &num, &k->diag);

    ck_assert_msg(err == 0, "header: %d %s", err, k->diag.text);
    kit_commit(txn);
}

/* --- documents */

static inline cove_num kit_num(struct kit *k, struct cove_store_txn *txn,
                               const struct cove_id *id)
{
    cove_num num = 0;

    ck_assert_int_eq(cove_repo_find(k->repo, txn, id, &num), 0);
    return num;
}

static inline struct cove_doc kit_load(struct kit *k,
                                       struct cove_store_txn *txn,
                                       const struct cove_id *id)
{
    struct cove_doc doc;
    int err = cove_repo_load(k->repo, txn, kit_num(k, txn, id), &k->arena, &doc,
                             &k->diag);

    ck_assert_msg(err == 0, "load: %d %s", err, k->diag.text);
    return doc;
}

/* An op that sets `reg` to an integer; deletes it for INT64_MIN. */
static inline struct cove_tx_op kit_op(struct kit *k, const char *reg,
                                       int64_t value)
{
    struct cove_tx_op op = {.reg = cove_bytes_text(reg)};

    op.deleted = value == INT64_MIN;
    if (!op.deleted) {
        ck_assert_int_eq(cove_value_of_int(&k->arena, value, &op.value), 0);
    }
    return op;
}

static inline int kit_append(struct kit *k, struct cove_store_txn *txn,
                             struct cove_doc *doc, const char *reg,
                             int64_t value)
{
    struct cove_tx_op op = kit_op(k, reg, value);
    struct cove_tx tx = {.ops = &op, .op_count = 1};

    return cove_repo_append(k->repo, txn, doc, &tx, &k->diag);
}

/* One write in a transaction of its own. */
static inline int kit_try_set(struct kit *k, const struct cove_id *id,
                              const char *reg, int64_t value)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load(k, txn, id);
    int err = kit_append(k, txn, &doc, reg, value);

    if (err == 0) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    return err;
}

static inline void kit_set(struct kit *k, const struct cove_id *id,
                           const char *reg, int64_t value)
{
    int err = kit_try_set(k, id, reg, value);

    ck_assert_msg(err == 0, "set: %d %s", err, k->diag.text);
}

/* What a loaded document shows under a register; INT64_MIN where nothing. */
static inline int64_t kit_value(const struct cove_doc *doc, const char *reg)
{
    const struct cove_native *native = NULL;
    const struct cove_copy *copy = NULL;
    int err =
        cove_state_winner(&doc->state, cove_bytes_text(reg), &native, &copy);

    if (err != 0) {
        ck_assert_int_eq(err, COVE_ENOTFOUND);
        return INT64_MIN;
    }
    if (native != NULL) {
        return native->deleted ? INT64_MIN : cove_value_int(native->value);
    }
    return copy->deleted ? INT64_MIN : cove_value_int(copy->value);
}

static inline int64_t kit_get(struct kit *k, const struct cove_id *id,
                              const char *reg)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, id);
    int64_t value = kit_value(&doc, reg);

    cove_store_abort(txn);
    return value;
}

static inline struct cove_hash kit_digest(struct kit *k,
                                          const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, id);
    struct cove_hash digest = cove_doc_digest(&doc, &k->arena);

    cove_store_abort(txn);
    return digest;
}

/* --- exchange */

/* Read at most max_bytes of a session from `from` on; in k's arena. */
static inline int kit_read(struct kit *k, const struct cove_id *id,
                           const struct cove_session_id *session, uint32_t from,
                           size_t max_bytes, struct cove_batch *batch)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    int err = cove_repo_read(k->repo, txn, kit_num(k, txn, id), session, from,
                             max_bytes, &k->arena, batch);

    cove_store_abort(txn);
    return err;
}

static inline int kit_ingest(struct kit *k, const struct cove_batch *batch,
                             uint32_t peer, struct cove_ingest_result *result)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    int err = cove_repo_ingest(k->repo, txn, batch, peer, result, &k->diag);

    if (err == 0 || err == COVE_EFORK) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    return err;
}

/* Bring `to` up to date with all of a document that `from` has; where a history
 * was cut off, `to` has what it came to. */
static inline void kit_sync(struct kit *from, struct kit *to,
                            const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(from, false);
    struct cove_doc doc = kit_load(from, txn, id);

    cove_store_abort(txn);
    for (size_t i = 0; i < doc.session_count; i++) {
        struct cove_ingest_result result = {.have = doc.sessions[i].base};

        while (result.have < doc.sessions[i].len) {
            struct cove_batch batch;

            ck_assert_int_eq(kit_read(from, id, &doc.sessions[i].session,
                                      result.have, 60000, &batch),
                             0);

            int err = kit_ingest(to, &batch, 1, &result);

            ck_assert_msg(err == 0, "ingest: %d %s", err, to->diag.text);
        }
    }
}

/* A batch over transactions of one's own making, signed by `k`. */
static inline void kit_sign(const struct kit *k, const struct cove_hash *before,
                            struct cove_batch *batch)
{
    struct cove_hash head = *before;

    for (size_t i = 0; i < batch->tx_count; i++) {
        head = cove_chain_next(&head, batch->txs[i]);
    }
    memset(&batch->proof, 0, sizeof(batch->proof));
    cove_head_sign(&k->secret, &batch->document, &batch->session,
                   batch->start + (uint32_t)batch->tx_count, &head,
                   &batch->proof);
}

#endif
