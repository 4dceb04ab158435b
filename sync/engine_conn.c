/* engine_conn.c: a connection from its first byte to its end.
 *
 *   handshake → open: hello goes → greeted: hello came → done
 *
 * Two connections of a pair of devices (both dialled, or an app beside its
 * daemon) both stay; each side tells what is new on its newest one and answers
 * on all, so nothing is sent twice and none needs to know how the other chose.
 */
#include "sync/engine_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static const char CLIENT[] = "cove/0";

/* --- saying what happened */

__attribute__((format(printf, 3, 0))) static void conn_format(
    char *out, size_t size, const char *format, va_list args)
{
    if (vsnprintf(out, size, format, args) < 0) {
        out[0] = '\0';
    }
}

void conn_event(struct cove_conn *conn, const char *format, ...)
{
    struct cove_engine *engine = conn->engine;
    struct cove_diag line;
    char raw[512];
    va_list args;

    if (engine->opt.event == NULL) {
        return;
    }
    va_start(args, format);
    conn_format(raw, sizeof(raw), format, args);
    va_end(args);
    cove_diag_clear(&line);
    (void)cove_fail(&line, COVE_EIO, "%s", raw); /* escapes */
    engine->opt.event(engine->opt.ctx, conn, line.text);
}

static enum cove_channel_bye_reason conn_reason(int code)
{
    switch (code) {
    case COVE_EPROTOCOL:
        return COVE_BYE_PROTOCOL;
    case COVE_EPEER:
        return COVE_BYE_DUPLICATE;
    case COVE_ENOTFOUND:
        return COVE_BYE_UNKNOWN;
    case COVE_ETIMEOUT:
        return COVE_BYE_TIMEOUT;
    default:
        return COVE_BYE_LIMIT;
    }
}

int conn_fail(struct cove_conn *conn, int code, const char *format, ...)
{
    char sentence[sizeof(conn->diag.text)];
    va_list args;

    assert(code < 0);
    if (conn->done) {
        return code;
    }
    va_start(args, format);
    conn_format(sentence, sizeof(sentence), format, args);
    va_end(args);
    conn->done = true;
    (void)cove_fail(&conn->diag, code, "%s", sentence);
    cove_channel_refuse(conn->channel, conn_reason(code), code, sentence);
    conn_event(conn, "closed: %s", conn->diag.text);
    if (code == COVE_EPROTOCOL && conn->peer != NULL && !conn->blameless) {
        conn->at_fault = true;
        (void)engine_strike(conn, COVE_BAN_BREACH);
    }
    return code;
}

/* The channel has failed by itself and knows why. */
static int conn_fail_channel(struct cove_conn *conn, int code)
{
    const struct cove_diag *why = cove_channel_diag(conn->channel);

    conn->blameless = !cove_channel_at_fault(conn->channel);
    return conn_fail(conn, code, "%s",
                     why->code != 0 ? why->text : cove_error_text(code));
}

int conn_send(struct cove_conn *conn, enum cove_channel_lane lane)
{
    struct cove_buf *message = &conn->engine->message;
    int err = cove_channel_send(conn->channel, lane, cove_buf_bytes(message));

    message->len = 0;
    if (err == COVE_ECLOSED) {
        return 0; /* we have said goodbye: nobody listens */
    }
    return err == 0 ? 0
                    : conn_fail(conn, err, "a message could not be queued: %s",
                                cove_error_text(err));
}

/* --- beginning */

int cove_engine_connect(struct cove_engine *engine, uint64_t now_ms,
                        enum cove_channel_role role,
                        const struct cove_key *expect, struct cove_conn **out)
{
    struct cove_conn *conn =
        cove_alloc_zero(engine->opt.alloc, 1, sizeof(*conn));

    if (conn == NULL) {
        return COVE_ENOMEM;
    }
    engine->now_ms = now_ms;
    conn->engine = engine;
    conn->expected = expect != NULL;
    conn->opened_ms = conn->heard_ms = conn->pinged_ms = now_ms;
    engine_identity(engine, &conn->identity);
    cove_interest_init(&conn->interest, engine->opt.alloc);
    conn_give_init(conn);
    conn_take_init(conn);

    uint8_t secret[COVE_INVITE_SECRET];
    int err = expect != NULL ? engine_join_load(conn, expect, secret) : 0;

    if (err != 0) {
        conn_free(conn);
        return err;
    }

    struct cove_channel_options opt = {
        .alloc = engine->opt.alloc,
        .env = engine->opt.env,
        .identity = &conn->identity,
        .role = role,
        .network_key = engine->opt.network_key,
        .expect = expect,
        .invite = conn->joins ? secret : NULL,
        .admit = engine_admit,
        .admit_ctx = conn,
        .now_ms = now_ms,
    };
    err = cove_channel_new(&opt, &conn->channel);
    cove_crypto_wipe(secret, sizeof(secret));
    if (err != 0) {
        conn_free(conn);
        return err;
    }
    conn->next = engine->conns;
    engine->conns = conn;
    *out = conn;
    return 0;
}

static unsigned conn_count(const struct cove_conn *conn)
{
    unsigned count = 0;

    for (const struct cove_conn *c = conn->engine->conns; c != NULL;
         c = c->next) {
        count += c->peer == conn->peer && !c->done;
    }
    return count;
}

static int conn_hello(struct cove_conn *conn)
{
    struct cove_engine *engine = conn->engine;
    const struct engine_peer *peer = conn->peer;
    struct cove_message_list refused;
    struct cove_hello hello;
    int err = 0;

    cove_message_list_init(&refused, engine->opt.alloc);
    for (size_t i = 0; i < peer->here.count && err == 0; i++) {
        err = cove_message_add_id(&refused, &peer->here.ids[i]);
    }
    memcpy(hello.store_id, engine->store_id, sizeof(hello.store_id));
    memcpy(hello.your_store, peer->store_id, sizeof(hello.your_store));
    hello.position = engine->sequence;
    hello.have = peer->saved_have;
    hello.credit = engine->opt.credit_bytes;
    hello.client = cove_bytes_text(CLIENT);
    hello.refused.bytes = cove_buf_bytes(&refused.items);
    hello.refused.count = refused.count;
    hello.interest = cove_buf_bytes(&peer->wish);
    if (err == 0) {
        err = cove_message_put_hello(&engine->message, &hello);
    }
    cove_message_list_clear(&refused);
    conn->take.told = conn->take.reached = conn->take.acked = peer->saved_have;
    conn->wish_said = peer->wish_serial;
    return err == 0 ? conn_send(conn, COVE_LANE_CONTROL) : err;
}

/* The handshake is done: the peer's device key is proven and admitted. */
static int conn_open(struct cove_conn *conn, uint64_t now_ms)
{
    struct cove_engine *engine = conn->engine;
    int err = engine_peer_attach(engine, now_ms, conn);

    if (err != 0) {
        return err;
    }
    err = engine_look(engine); /* for the hello */
    if (err != 0) {
        return err;
    }
    conn->opened_ms = now_ms;
    conn->clock_due_ms = now_ms + ENGINE_CLOCK_FIRST_MS;
    if (conn->invited_by != 0) {
        conn_event(conn, "a new peer, by invite %u",
                   (unsigned)conn->invited_by);
    }
    if (conn_count(conn) > ENGINE_CONNS) {
        return conn_fail(conn, COVE_ELIMIT,
                         "the device has %d connections already", ENGINE_CONNS);
    }
    if (conn->guest && !engine_guest_fits(conn)) {
        return conn_fail(conn, COVE_ELIMIT,
                         "there are %d connections of devices that nobody "
                         "named already",
                         ENGINE_GUESTS);
    }
    return conn_hello(conn);
}

/* --- bytes */

/* Answer what the messages of this call asked for. */
static int conn_answer(struct cove_conn *conn)
{
    struct cove_engine *engine = conn->engine;
    struct conn_take *take = &conn->take;
    int err = 0;

    if (conn->pong_due) {
        conn->pong_due = false;
        err = cove_message_put_number(&engine->message, COVE_MESSAGE_PONG,
                                      conn->pong);
        err = err == 0 ? conn_send(conn, COVE_LANE_CONTROL) : err;
        err = err == 0 ? clock_say(conn) : err;
    }
    if (take->refusals.count > 0 && err == 0) {
        err = cove_message_put_refused(&engine->message, &take->refusals);
        cove_message_list_reset(&take->refusals);
        err = err == 0 ? conn_send(conn, COVE_LANE_CONTROL) : err;
    }
    return err;
}

static int conn_message(struct cove_conn *conn, uint64_t now_ms,
                        struct cove_bytes bytes)
{
    struct cove_message message;
    struct cove_diag why;

    cove_diag_clear(&why);

    int err = cove_message_decode(bytes, &message, &why);

    if (err != 0) {
        return conn_fail(conn, err, "%s", why.text);
    }
    if (message.kind >= COVE_MESSAGE_OTHER) {
        return 0;
    }
    if (message.kind == COVE_MESSAGE_HELLO) {
        return conn->greeted ? conn_fail(conn, COVE_EPROTOCOL, "a second hello")
                             : take_hello(conn, now_ms, &message.hello);
    }
    if (!conn->greeted) {
        return conn_fail(conn, COVE_EPROTOCOL, "a message before the hello");
    }
    return take_message(conn, now_ms, &message, bytes);
}

static int conn_messages(struct cove_conn *conn, uint64_t now_ms)
{
    struct cove_bytes bytes;
    int err = 0;

    while (err == 0 && conn->take.verify == NULL &&
           cove_channel_receive(conn->channel, &bytes) == 0) {
        err = conn_message(conn, now_ms, bytes);
        if (err == 0) {
            err = conn_answer(conn);
        }
    }
    if (err == 0 && conn->greeted) {
        err = take_settle(conn, now_ms);
    }
    return err;
}

/* Take what has come, up to the goodbye; err ends the connection. */
static int conn_go_on(struct cove_conn *conn, uint64_t now_ms, int err)
{
    if (err == 0 && conn->peer != NULL) {
        err = conn_messages(conn, now_ms);
    }
    if (err != 0) {
        return conn_fail(conn, err, "%s", cove_error_text(err));
    }
    if (conn->take.verify == NULL &&
        cove_channel_state(conn->channel) == COVE_CHANNEL_GOODBYE) {
        conn->done = true;
        conn_event(conn, "closed by the peer");
    }
    return 0;
}

int cove_conn_input(struct cove_conn *conn, uint64_t now_ms,
                    struct cove_bytes in)
{
    if (conn->done) {
        return conn->diag.code != 0 ? conn->diag.code : COVE_ECLOSED;
    }

    conn->engine->now_ms = now_ms;

    int err = cove_channel_input(conn->channel, now_ms, in);

    if (err != 0) {
        return conn_fail_channel(conn, err);
    }
    conn->heard_ms = now_ms;
    if (conn->peer == NULL &&
        cove_channel_state(conn->channel) == COVE_CHANNEL_OPEN) {
        err = conn_open(conn, now_ms);
    }
    return conn_go_on(conn, now_ms, err);
}

bool cove_conn_waits(const struct cove_conn *conn)
{
    return conn->take.verify != NULL && !conn->done;
}

void cove_engine_verified(struct cove_engine *engine, uint64_t now_ms,
                          struct cove_verify *verify)
{
    struct cove_conn *conn = engine->conns;

    while (conn != NULL && conn->take.verify != verify) {
        conn = conn->next;
    }
    engine->now_ms = now_ms;
    if (conn != NULL) {
        conn->take.verify = NULL;
    }
    if (conn != NULL && !conn->done) { /* else nobody waits any more */
        int err = ingest_verified(conn, verify);

        err = err == 0 ? conn_answer(conn) : err;
        (void)!conn_go_on(conn, now_ms, err); /* an error has ended it */
    }
    cove_verify_free(verify);
}

struct cove_bytes cove_conn_output(struct cove_conn *conn)
{
    return cove_channel_output(conn->channel);
}

void cove_conn_written(struct cove_conn *conn, uint64_t now_ms, size_t len)
{
    (void)now_ms;
    cove_channel_written(conn->channel, len);
}

/* --- ending */

void cove_conn_bye(struct cove_conn *conn)
{
    int err;

    if (conn->done) {
        return;
    }
    conn->done = true;
    err = cove_channel_bye(conn->channel);
    if (err != 0) { /* it ended before: nothing is left to say */
        conn_event(conn, "closed: %s", cove_error_text(err));
    }
}

bool cove_conn_done(const struct cove_conn *conn)
{
    return conn->done;
}

const struct cove_diag *cove_conn_diag(const struct cove_conn *conn)
{
    return &conn->diag;
}

const struct cove_key *cove_conn_stranger(const struct cove_conn *conn)
{
    return cove_channel_stranger(conn->channel);
}

bool cove_conn_at_fault(const struct cove_conn *conn)
{
    return conn->at_fault || cove_channel_at_fault(conn->channel);
}

void conn_free(struct cove_conn *conn)
{
    const struct cove_alloc *alloc = conn->engine->opt.alloc;

    conn_give_clear(conn);
    conn_take_clear(conn);
    cove_interest_clear(&conn->interest);
    cove_channel_free(conn->channel);
    cove_crypto_wipe(conn, sizeof(*conn));
    cove_alloc_free(alloc, conn);
}

int cove_conn_end(struct cove_conn *conn)
{
    int code = conn->diag.code;

    if (code == 0) {
        code = cove_channel_end(conn->channel);
    }
    if (!conn->done) {
        conn->done = true;
        (void)cove_fail(&conn->diag, code, "%s",
                        cove_channel_diag(conn->channel)->text);
        conn_event(conn, "closed: %s", conn->diag.text);
    }
    return code;
}

void cove_conn_closed(struct cove_conn *conn)
{
    struct cove_engine *engine = conn->engine;
    struct cove_conn **link = &engine->conns;

    while (*link != conn) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = conn->next;
    engine_peer_detach(conn);
    conn_free(conn);
}

/* --- time */

/* Until when must something be heard? */
static uint64_t conn_deadline(const struct cove_conn *conn)
{
    uint64_t deadline = conn->heard_ms + ENGINE_DEAD_MS;

    if (!conn->greeted && conn->opened_ms + ENGINE_PING_MS < deadline) {
        deadline = conn->opened_ms + ENGINE_PING_MS;
    }
    if (conn->doubted && conn->heard_ms <= conn->doubted_ms &&
        conn->doubted_ms + ENGINE_DOUBT_MS < deadline) {
        deadline = conn->doubted_ms + ENGINE_DOUBT_MS;
    }
    return deadline;
}

/* When it was quiet for long, ask whether the peer is there. */
static int conn_ping(struct cove_conn *conn, uint64_t now_ms, uint64_t *next_ms)
{
    struct cove_engine *engine = conn->engine;
    uint64_t since =
        conn->heard_ms > conn->pinged_ms ? conn->heard_ms : conn->pinged_ms;
    int err = 0;

    if (conn->ping_due || now_ms - since >= ENGINE_PING_MS ||
        now_ms >= conn->clock_due_ms) {
        conn->ping_due = false;
        conn->clock_asked = true;
        conn->clock_due_ms = now_ms + ENGINE_CLOCK_MS;
        conn->pinged_ms = since = now_ms;
        err = cove_message_put_number(&engine->message, COVE_MESSAGE_PING,
                                      now_ms);
        err = err == 0 ? conn_send(conn, COVE_LANE_CONTROL) : err;
    }
    *next_ms = since + ENGINE_PING_MS;
    *next_ms = conn->clock_due_ms < *next_ms ? conn->clock_due_ms : *next_ms;
    return err;
}

void conn_tick(struct cove_conn *conn, uint64_t now_ms, uint64_t *next_ms)
{
    uint64_t deadline, ping = UINT64_MAX;
    int err = cove_channel_tick(conn->channel, now_ms, next_ms);

    if (err != 0) {
        (void)conn_fail_channel(conn, err);
        return;
    }
    if (conn->peer == NULL) {
        return; /* the channel has a deadline for the handshake */
    }
    deadline = conn_deadline(conn);
    if (now_ms >= deadline) {
        (void)conn_fail(conn, COVE_ETIMEOUT,
                        conn->greeted
                            ? "connection lost: nothing was heard for long"
                            : "the peer never said hello");
        return;
    }
    if (conn->greeted) {
        err = conn_ping(conn, now_ms, &ping);
    }
    if (err != 0) {
        (void)conn_fail(conn, err, "%s", cove_error_text(err));
        return;
    }
    if (conn->greeted) {
        uint64_t sweep = sweep_tick(conn, now_ms);

        *next_ms = sweep < *next_ms ? sweep : *next_ms;
    }
    if (take_is_patient(&conn->take)) {
        uint64_t due_ms = conn->take.haves[conn->take.have_first].due_ms;

        *next_ms = due_ms < *next_ms ? due_ms : *next_ms;
    }
    *next_ms = deadline < *next_ms ? deadline : *next_ms;
    *next_ms = ping < *next_ms ? ping : *next_ms;
}

/* --- how it stands */

bool conn_in_sync(const struct cove_conn *conn)
{
    const struct conn_take *take = &conn->take;
    const struct engine_peer *peer = conn->peer;

    return conn->greeted && !conn->done && !take->stuck &&
           take->have_count == 0 && take->want_count == 0 &&
           take->mark_count == 0 && peer->have >= peer->announced &&
           peer->acked >= conn->engine->sequence;
}

void conn_watch_sync(struct cove_conn *conn)
{
    bool now = conn_in_sync(conn);

    if (now && !conn->was_in_sync) {
        conn_event(conn, "in sync at %llu and %llu",
                   (unsigned long long)conn->peer->acked,
                   (unsigned long long)conn->peer->have);
    }
    conn->was_in_sync = now;
}

void cove_conn_stats(const struct cove_conn *conn, struct cove_conn_stats *out)
{
    const struct cove_key *key = cove_channel_peer(conn->channel);
    struct cove_channel_stats stats;

    memset(out, 0, sizeof(*out));
    cove_channel_stats(conn->channel, &stats);
    if (key != NULL) {
        out->peer = *key;
    }
    out->open = conn->greeted && !conn->done;
    out->guest = conn->guest;
    out->in_sync = conn_in_sync(conn);
    out->bytes_in = stats.bytes_in;
    out->bytes_out = stats.bytes_out;
    out->documents_in = conn->documents_in;
    out->documents_out = conn->documents_out;
    out->strikes = conn->take.strikes;
    out->clock_known = conn->clock_known;
    out->clock_ms = conn->clock_ms;
}
