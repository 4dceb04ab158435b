/* author.h: a session written by hand, for tests of what peers may send. */
#ifndef COVE_TESTS_AUTHOR_H
#define COVE_TESTS_AUTHOR_H

#include "tests/unit/repo_kit.h"

#define AUTHOR_MAX 512

struct author {
    const struct kit *who;
    struct kit *home; /* whose arena the bytes lie in */
    struct cove_id document;
    struct cove_session_id session;
    uint8_t salt[16];
    struct cove_bytes txs[AUTHOR_MAX];
    struct cove_hash heads[AUTHOR_MAX + 1]; /* before each, and the last */
    uint32_t len;
};

static inline void author_init(struct author *a, const struct kit *who,
                               struct kit *home, const struct cove_id *document,
                               uint8_t salt)
{
    memset(a, 0, sizeof(*a));
    a->who = who;
    a->home = home;
    a->document = *document;
    memset(a->salt, salt, sizeof(a->salt));
    a->session = cove_session_id_of(&who->device, a->salt);
    a->heads[0] = cove_chain_start(document, &a->session, &who->device);
}

/* Take bytes as the next transaction. */
static inline void author_push(struct author *a, struct cove_bytes tx)
{
    ck_assert_uint_lt(a->len, AUTHOR_MAX);
    ck_assert_int_eq(cove_arena_copy(&a->home->arena, tx, &a->txs[a->len]), 0);
    a->heads[a->len + 1] = cove_chain_next(&a->heads[a->len], a->txs[a->len]);
    a->len++;
}

static inline void author_push_tx(struct author *a, struct cove_tx *tx)
{
    struct cove_buf buf;

    tx->auth_inherited = a->len > 0;
    if (!tx->has_epoch) {
        tx->epoch_inherited = a->len > 0;
    }
    cove_buf_init(&buf, &a->home->heap.alloc);

    int err = cove_tx_encode(tx, &buf, &a->home->diag);

    ck_assert_msg(err == 0, "tx: %d %s", err, a->home->diag.text);
    author_push(a, cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
}

/* The next transaction sets `reg` at a time. */
static inline void author_set(struct author *a, uint64_t hlc, const char *reg,
                              int64_t value)
{
    struct cove_tx_op op = kit_op(a->home, reg, value);
    struct cove_tx tx = {.hlc = hlc, .ops = &op, .op_count = 1};

    author_push_tx(a, &tx);
}

/* The id of op `op` of transaction `index`, as origins name it. */
static inline struct cove_origin author_origin(const struct author *a,
                                               uint32_t index, const char *reg,
                                               uint64_t hlc)
{
    struct cove_hash hash = cove_tx_hash(a->txs[index]);
    struct cove_origin origin = {.reg = cove_bytes_text(reg)};

    origin.id.hlc = hlc;
    origin.id.device = a->who->device;
    origin.id.session = a->session;
    origin.id.tx = index;
    memcpy(origin.tx_hash, hash.b, sizeof(origin.tx_hash));
    return origin;
}

/* The next transaction copies a value from one origin. */
static inline void author_copy(struct author *a, uint64_t hlc, const char *reg,
                               int64_t value, struct cove_origin *origin)
{
    struct cove_tx_op op = kit_op(a->home, reg, value);
    struct cove_tx tx = {
        .hlc = hlc, .kind = COVE_TX_COPY, .ops = &op, .op_count = 1};

    op.origins = origin;
    op.origin_count = 1;
    author_push_tx(a, &tx);
}

/* The batch [start, end), signed. */
static inline struct cove_batch author_batch(struct author *a, uint32_t start,
                                             uint32_t end)
{
    struct cove_batch batch = {.document = a->document,
                               .device = a->who->device,
                               .session = a->session,
                               .has_salt = start == 0,
                               .start = start,
                               .txs = a->txs + start,
                               .tx_count = end - start};

    if (start == 0) {
        memcpy(batch.salt, a->salt, sizeof(batch.salt));
    }
    cove_head_sign(&a->who->secret, &a->document, &a->session, end,
                   &a->heads[end], &batch.proof);
    return batch;
}

#endif
