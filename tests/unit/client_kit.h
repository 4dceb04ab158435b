/* client_kit.h: a peer without an engine, that says what a test wants it to
 * say, over a real channel to a node's engine. */
#ifndef COVE_TESTS_CLIENT_KIT_H
#define COVE_TESTS_CLIENT_KIT_H

#include "sync/message.h"
#include "tests/unit/engine_kit.h"

struct client {
    struct node *node;
    struct harness_env env;
    struct cove_secret secret;
    struct cove_key device;
    struct cove_identity identity;
    struct cove_channel *channel;
    struct cove_conn *conn; /* the node's side */
    int err;                /* of the node's input */
    struct cove_message message;
    uint8_t *bytes; /* of the message taken last */
    struct cove_buf out;
    struct cove_message_list list[3];
};

/* The device of node number `who`, as kit_open makes it. */
static inline void client_init(struct client *c, struct node *node, uint8_t who)
{
    uint8_t seed[32];

    memset(c, 0, sizeof(*c));
    memset(seed, who, sizeof(seed));
    c->node = node;
    harness_env_init(&c->env, who + 100u);
    cove_key_of_seed(seed, &c->secret, &c->device);
    cove_buf_init(&c->out, &cove_alloc_libc);
    for (size_t i = 0; i < 3; i++) {
        cove_message_list_init(&c->list[i], &cove_alloc_libc);
    }
}

/* Carry everything both ways, and let the node take its turn. */
static inline void client_carry(struct client *c)
{
    for (bool moved = true; moved;) {
        struct cove_bytes out = cove_channel_output(c->channel);

        moved = out.len > 0;
        if (out.len > 0 && c->err == 0) {
            c->err = cove_conn_input(c->conn, node_now, out);
        }
        cove_channel_written(c->channel, out.len);
        (void)!cove_engine_flush(c->node->engine, node_now);
        out = cove_conn_output(c->conn);
        moved = moved || out.len > 0;
        if (out.len > 0) {
            (void)!cove_channel_input(c->channel, node_now, out);
            cove_conn_written(c->conn, node_now, out.len);
        }
    }
}

static inline void client_dial(struct client *c)
{
    struct cove_channel_options opt = {.alloc = &cove_alloc_libc,
                                       .env = &c->env.env,
                                       .identity = &c->identity,
                                       .role = COVE_CHANNEL_INITIATOR,
                                       .now_ms = node_now};

    c->err = 0;
    c->env.now_ms = c->node->kit.env.now_ms;
    cove_identity_make(&c->secret, &c->device, &c->env.env, 30, &c->identity);
    ck_assert_int_eq(cove_channel_new(&opt, &c->channel), 0);
    ck_assert_int_eq(cove_engine_connect(c->node->engine, node_now,
                                         COVE_CHANNEL_RESPONDER, NULL,
                                         &c->conn),
                     0);
    client_carry(c);
}

static inline void client_hang_up(struct client *c)
{
    if (c->conn != NULL) {
        (void)cove_conn_end(c->conn);
        cove_conn_closed(c->conn);
        c->conn = NULL;
    }
    cove_channel_free(c->channel);
    c->channel = NULL;
}

static inline void client_clear(struct client *c)
{
    client_hang_up(c);
    free(c->bytes);
    cove_buf_clear(&c->out);
    for (size_t i = 0; i < 3; i++) {
        cove_message_list_clear(&c->list[i]);
    }
}

/* --- saying */

/* Send what is in c->out; the node answers. */
static inline void client_say(struct client *c, enum cove_channel_lane lane)
{
    ck_assert_int_eq(
        cove_channel_send(c->channel, lane, cove_buf_bytes(&c->out)), 0);
    c->out.len = 0;
    for (size_t i = 0; i < 3; i++) {
        cove_message_list_reset(&c->list[i]);
    }
    client_carry(c);
}

static inline void client_say_hex(struct client *c, const char *hex)
{
    uint8_t bytes[512];
    size_t len = strlen(hex) / 2;

    ck_assert_int_eq(cove_hex_parse(hex, bytes, len), 0);
    ck_assert_int_eq(cove_buf_append(&c->out, cove_bytes(bytes, len)), 0);
    client_say(c, COVE_LANE_CONTROL);
}

/* of: the node's store that `have` is of, or NULL. */
static inline void client_say_hello(struct client *c, uint64_t position,
                                    uint64_t have, const uint8_t *of,
                                    uint64_t credit)
{
    struct cove_hello hello = {.position = position,
                               .have = have,
                               .credit = credit,
                               .client = cove_bytes_text("client")};

    memset(hello.store_id, 0xc1, sizeof(hello.store_id));
    if (of != NULL) {
        memcpy(hello.your_store, of, sizeof(hello.your_store));
    }
    hello.refused.bytes = cove_buf_bytes(&c->list[0].items);
    hello.refused.count = c->list[0].count;
    ck_assert_int_eq(cove_message_put_hello(&c->out, &hello), 0);
    client_say(c, COVE_LANE_CONTROL);
}

static inline void client_say_number(struct client *c,
                                     enum cove_message_kind kind,
                                     uint64_t number)
{
    ck_assert_int_eq(cove_message_put_number(&c->out, kind, number), 0);
    client_say(c, kind == COVE_MESSAGE_POSITION ? COVE_LANE_CONTENT
                                                : COVE_LANE_CONTROL);
}

/* The lists, filled by the caller: refused documents. */
static inline void client_say_ack(struct client *c, uint64_t position)
{
    ck_assert_int_eq(cove_message_put_ack(&c->out, position, &c->list[0]), 0);
    client_say(c, COVE_LANE_CONTROL);
}

/* headers, batches, done */
static inline void client_say_content(struct client *c)
{
    ck_assert_int_eq(cove_message_put_content(&c->out, &c->list[0], &c->list[1],
                                              &c->list[2]),
                     0);
    client_say(c, COVE_LANE_CONTENT);
}

static inline void client_say_have(struct client *c, const struct cove_id *id,
                                   const struct cove_hash *digest)
{
    ck_assert_int_eq(cove_message_add_have(&c->list[0], id, digest), 0);
    ck_assert_int_eq(cove_message_put_have(&c->out, &c->list[0]), 0);
    client_say(c, COVE_LANE_CONTENT);
}

static inline void client_add_batch(struct client *c,
                                    const struct cove_batch *batch)
{
    struct cove_buf buf;

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_batch_encode(batch, &buf), 0);
    ck_assert_int_eq(cove_message_add_bytes(&c->list[1], cove_buf_bytes(&buf)),
                     0);
    cove_buf_clear(&buf);
}

/* What `kit` has of a document: batches into the second list. */
static inline void client_add_log(struct client *c, struct kit *kit,
                                  const struct cove_id *id, uint32_t from)
{
    struct cove_store_txn *txn = kit_begin(kit, false);
    struct cove_doc doc = kit_load(kit, txn, id);

    cove_store_abort(txn);
    for (size_t i = 0; i < doc.session_count; i++) {
        for (uint32_t at = from; at < doc.sessions[i].len;) {
            struct cove_batch batch;

            ck_assert_int_eq(kit_read(kit, id, &doc.sessions[i].session, at,
                                      COVE_MAX_BATCH, &batch),
                             0);
            client_add_batch(c, &batch);
            at = batch.start + (uint32_t)batch.tx_count;
        }
    }
}

/* --- hearing */

/* Take the next message; false where there is none. */
static inline bool client_hear(struct client *c)
{
    struct cove_bytes bytes;

    free(c->bytes);
    c->bytes = NULL;
    if (cove_channel_receive(c->channel, &bytes) != 0) {
        return false;
    }
    c->bytes = malloc(bytes.len);
    memcpy(c->bytes, bytes.at, bytes.len);
    ck_assert_int_eq(
        cove_message_decode(cove_bytes(c->bytes, bytes.len), &c->message, NULL),
        0);
    return true;
}

static inline void client_expect(struct client *c, enum cove_message_kind kind)
{
    ck_assert_msg(client_hear(c), "nothing came; kind %d was expected", kind);
    ck_assert_int_eq((int)c->message.kind, (int)kind);
}

static inline void client_expect_number(struct client *c,
                                        enum cove_message_kind kind,
                                        uint64_t number)
{
    client_expect(c, kind);
    ck_assert_uint_eq(c->message.number, number);
}

static inline void client_expect_silence(struct client *c)
{
    ck_assert_msg(!client_hear(c), "a message of kind %d came",
                  (int)c->message.kind);
}

static inline void client_expect_content(struct client *c, size_t headers,
                                         size_t batches, size_t done)
{
    client_expect(c, COVE_MESSAGE_CONTENT);
    ck_assert_uint_eq(c->message.headers.count, headers);
    ck_assert_uint_eq(c->message.batches.count, batches);
    ck_assert_uint_eq(c->message.done.count, done);
}

/* A have of one document; its digest. */
static inline struct cove_hash client_expect_have(struct client *c,
                                                  const struct cove_id *id)
{
    struct cove_hash digest = {.b = {0}};
    struct cove_reader walk;
    struct cove_id told;

    client_expect(c, COVE_MESSAGE_HAVE);
    ck_assert_uint_eq(c->message.have.count, 1);
    walk = cove_message_walk(&c->message.have);
    ck_assert(cove_message_next_have(&walk, &told, &digest));
    ck_assert_mem_eq(&told, id, sizeof(told));
    return digest;
}

/* A know of one document; its rows. */
static inline struct cove_message_items client_expect_know(
    struct client *c, const struct cove_id *id)
{
    struct cove_message_items rows;
    struct cove_reader walk;
    struct cove_id asked;

    client_expect(c, COVE_MESSAGE_KNOW);
    ck_assert_uint_eq(c->message.know.count, 1);
    walk = cove_message_walk(&c->message.know);
    ck_assert(cove_message_next_know(&walk, &asked, &rows));
    ck_assert_mem_eq(&asked, id, sizeof(asked));
    return rows;
}

/* A refusal of one document, perhaps behind other messages. */
static inline void client_expect_refused(struct client *c,
                                         const struct cove_id *id, int code)
{
    struct cove_refusal refusal;
    struct cove_reader walk;

    do {
        ck_assert_msg(client_hear(c), "no refusal came");
    } while (c->message.kind != COVE_MESSAGE_REFUSED);
    walk = cove_message_walk(&c->message.refused);
    ck_assert(cove_message_next_refusal(&walk, &refusal));
    ck_assert_int_eq(refusal.code, code);
    ck_assert(refusal.has_id == (id != NULL));
    if (id != NULL) {
        ck_assert_mem_eq(&refusal.id, id, sizeof(*id));
    }
}

/* The node has given this peer up. */
static inline void client_expect_dropped(struct client *c, int code)
{
    ck_assert(cove_conn_done(c->conn));
    ck_assert_msg(cove_conn_diag(c->conn)->code == code, "%d: %s",
                  cove_conn_diag(c->conn)->code, cove_conn_diag(c->conn)->text);
}

#endif
