/* engine_hear.c: the peer's hello, and where each of its messages goes.
 *
 * A hello says which of our positions the peer holds. It counts only for the
 * store it names and only up to where that store is: a store that was replaced
 * or put back begins again at 0, and digests find what is there all the same.
 * docs/PROTOCOL.md "Dialogue".
 */
#include "core/planted.h"
#include "sync/engine_internal.h"

/* Is the device connected with another store? The connection there is may be
 * dead and not know it: it has a moment to prove that it is not. */
static bool hello_is_double(struct cove_conn *conn, uint64_t now_ms,
                            const struct cove_hello *hello)
{
    bool found = false;

    for (struct cove_conn *c = conn->engine->conns; c != NULL; c = c->next) {
        if (c->peer == conn->peer && c->greeted && !c->done &&
            memcmp(conn->peer->store_id, hello->store_id,
                   sizeof(hello->store_id)) != 0) {
            found = true;
            if (!c->doubted || c->heard_ms > c->doubted_ms) {
                c->doubted = true;
                c->doubted_ms = now_ms;
                c->ping_due = true;
                conn_event(c, "another store calls with this device's key");
            }
        }
    }
    return found;
}

/* Both dialled at once: this hello may have been written before what came on
 * the other connection, and say less than the truth by now, of the store that
 * sends it and of what it holds of ours. It is of the same store (see
 * hello_is_double), which goes back on nothing: the greater position is the
 * true one. To believe the smaller would leave it unsaid on both. */
static bool hello_is_late(const struct cove_conn *conn)
{
    for (const struct cove_conn *c = conn->engine->conns; c != NULL;
         c = c->next) {
        if (c != conn && c->peer == conn->peer && c->greeted && !c->done) {
            return !COVE_PLANTED("late-hello-believed");
        }
    }
    return false;
}

/* What of the peer's store we hold. */
static void hello_theirs(struct cove_conn *conn, uint64_t now_ms,
                         const struct cove_hello *hello)
{
    struct engine_peer *peer = conn->peer;
    bool same =
        memcmp(peer->store_id, hello->store_id, sizeof(peer->store_id)) == 0;

    if ((!same && !COVE_PLANTED("other-store-unseen")) ||
        (hello->position < peer->saved_have &&
         !COVE_PLANTED("older-store-unseen") && !hello_is_late(conn))) {
        memcpy(peer->store_id, hello->store_id, sizeof(peer->store_id));
        peer->have = peer->saved_have = peer->announced = 0;
        peer->here.count = 0;
        peer->here_changed = true;
        engine_peer_touch(peer, now_ms, true);
        /* What our hellos said on any connection was of the other store. */
        for (struct cove_conn *c = conn->engine->conns; c != NULL;
             c = c->next) {
            if (c->peer == peer) {
                take_restart(&c->take);
            }
        }
    }
    if (hello->position > peer->announced) {
        peer->announced = hello->position;
    }
}

/* What of ours the peer holds. */
static int hello_ours(struct cove_conn *conn, uint64_t now_ms,
                      const struct cove_hello *hello)
{
    struct cove_engine *engine = conn->engine;
    struct engine_peer *peer = conn->peer;
    struct conn_give *give = &conn->give;
    struct cove_reader walk = cove_message_walk(&hello->refused);
    int err = engine_look(engine);
    bool same = memcmp(hello->your_store, engine->store_id,
                       sizeof(engine->store_id)) == 0;
    uint64_t said = same && hello->have <= engine->sequence ? hello->have : 0;
    uint64_t held = said;

    if (err != 0) {
        return err;
    }
    if (held < peer->acked && hello_is_late(conn)) {
        held = peer->acked;
    } else {
        peer->there.count = 0;
        for (size_t i = 0; held > 0 && i < hello->refused.count; i++) {
            struct cove_id id;

            (void)cove_message_next_id(&walk, &id);
            (void)cove_refused_add(&peer->there, &id);
        }
        peer->there_changed = true;
    }
    if (peer->acked != held) {
        peer->acked = held;
        engine_peer_touch(peer, now_ms, false);
    }
    give->told = give->stated =
        COVE_PLANTED("reconnect-from-now") ? engine->sequence : held;
    if (said < held) { /* or it forgot us, and would not know */
        give->stated = said;
        give->state_due = true;
    }
    give->live_from = engine->sequence;
    give->direct = held == 0 && (hello->position <= ENGINE_FEW ||
                                 hello->position <= engine->sequence / 8);
    return 0;
}

int take_hello(struct cove_conn *conn, uint64_t now_ms,
               const struct cove_hello *hello)
{
    if (hello_is_double(conn, now_ms, hello)) {
        return conn_fail(conn, COVE_EPEER,
                         "the device is connected with another store: is one "
                         "of them a copy?");
    }
    hello_theirs(conn, now_ms, hello);

    int err = interest_take(conn, now_ms, hello->interest);

    err = err != 0 ? err : hello_ours(conn, now_ms, hello);

    if (err == 0) {
        conn->give.credit =
            (int64_t)(hello->credit < ENGINE_CREDIT_MAX ? hello->credit
                                                        : ENGINE_CREDIT_MAX);
        conn->greeted = true;
        sweep_init(conn, now_ms);
        conn_event(conn, "%s, %.*s",
                   conn->guest ? "a guest connected" : "connected",
                   (int)hello->client.len, (const char *)hello->client.at);
        err = engine_joined(conn, now_ms);
    }
    err = err != 0 ? err : interest_greet(conn, now_ms);
    return err == 0 ? engine_ask_aside(conn) : err;
}

/* --- the other kinds */

static int hear_position(struct cove_conn *conn, uint64_t position)
{
    struct conn_take *take = &conn->take;

    if (take->interests > 0) {
        return 0; /* it stands for what was wanted before */
    }
    if (position < take->told) {
        return conn_fail(conn, COVE_EPROTOCOL, "a position that goes back");
    }
    take->told = position;
    if (position > conn->peer->announced) {
        conn->peer->announced = position;
    }
    take_position(take, position);
    return 0;
}

static int hear_ack(struct cove_conn *conn, uint64_t now_ms,
                    const struct cove_message *message)
{
    struct cove_reader walk = cove_message_walk(&message->refused);
    struct engine_peer *peer = conn->peer;
    struct cove_refused there = {.count = 0};

    if (message->number > conn->give.stated) {
        return conn_fail(conn, COVE_EPROTOCOL,
                         "a position is acknowledged that was never told");
    }
    if (!interest_is_current(conn)) {
        return 0; /* of what it wanted before */
    }
    if (message->number < peer->acked) {
        return 0; /* on an older connection; the newer one knows better */
    }
    for (size_t i = 0; i < message->refused.count; i++) {
        struct cove_id id;

        (void)cove_message_next_id(&walk, &id);
        (void)cove_refused_add(&there, &id);
    }
    if (there.count != peer->there.count ||
        memcmp(there.ids, peer->there.ids,
               there.count * sizeof(there.ids[0])) != 0) {
        peer->there = there;
        peer->there_changed = true;
    } else if (message->number == peer->acked) {
        return 0;
    }
    peer->acked =
        COVE_PLANTED("sent-is-held") ? conn->give.told : message->number;
    engine_peer_touch(peer, now_ms, false);
    return 0;
}

static void hear_credit(struct cove_conn *conn, uint64_t credit)
{
    struct conn_give *give = &conn->give;

    /* More than any window is taken for the greatest, so nothing overflows. */
    give->credit +=
        (int64_t)(credit < ENGINE_CREDIT_MAX ? credit : ENGINE_CREDIT_MAX);
    if (give->credit > (int64_t)ENGINE_CREDIT_MAX) {
        give->credit = (int64_t)ENGINE_CREDIT_MAX;
    }
}

static void hear_refused(struct cove_conn *conn,
                         const struct cove_message_items *items)
{
    struct cove_reader walk = cove_message_walk(items);
    struct cove_refusal refusal;
    char id[COVE_ID_TEXT_MAX];

    for (size_t i = 0; i < items->count; i++) {
        (void)cove_message_next_refusal(&walk, &refusal);
        if (conn->refusals_heard++ >= ENGINE_STRIKES) {
            return; /* the log is not the peer's to fill */
        }
        memcpy(id, "a batch", sizeof("a batch"));
        if (refusal.has_id) {
            cove_id_text(&refusal.id, id);
        }
        conn_event(conn, "the peer refused %s: %.*s", id, (int)refusal.text.len,
                   (const char *)refusal.text.at);
    }
}

/* Content, haves and positions are paid for; all else is small and bounded by
 * what it answers. */
static int hear_charge(struct cove_conn *conn, uint64_t kind, size_t len)
{
    struct conn_take *take = &conn->take;

    if (kind != COVE_MESSAGE_CONTENT && kind != COVE_MESSAGE_HAVE &&
        kind != COVE_MESSAGE_POSITION && kind != COVE_MESSAGE_SUMS) {
        return 0;
    }
    if (take->credit <= 0 && !COVE_PLANTED("credit-not-asked")) {
        return conn_fail(conn, COVE_EPROTOCOL,
                         "the peer sends more than it was given credit for");
    }
    take->credit -= (int64_t)len * (1 + COVE_PLANTED("credit-counted-twice"));
    take->spent += len;
    return 0;
}

int take_message(struct cove_conn *conn, uint64_t now_ms,
                 const struct cove_message *message, struct cove_bytes bytes)
{
    int err = hear_charge(conn, message->kind, bytes.len);

    if (err != 0) {
        return err;
    }
    switch ((enum cove_message_kind)message->kind) {
    case COVE_MESSAGE_HAVE:
        return take_haves(conn, &message->have);
    case COVE_MESSAGE_KNOW:
        return give_know(conn, message);
    case COVE_MESSAGE_CONTENT:
        return ingest_content(conn, message);
    case COVE_MESSAGE_POSITION:
        return hear_position(conn, message->number);
    case COVE_MESSAGE_ACK:
        return hear_ack(conn, now_ms, message);
    case COVE_MESSAGE_CREDIT:
        hear_credit(conn, message->number);
        return 0;
    case COVE_MESSAGE_PING:
        conn->pong = message->number;
        conn->pong_due = true;
        return 0;
    case COVE_MESSAGE_REFUSED:
        hear_refused(conn, &message->refused);
        return 0;
    case COVE_MESSAGE_INTEREST:
        return interest_hear(conn, now_ms, message->interest);
    case COVE_MESSAGE_INTERESTED:
        return interest_heard(conn);
    case COVE_MESSAGE_SUMS:
        return sums_hear(conn, bytes);
    case COVE_MESSAGE_DIFFER:
        return sums_answered(conn, &message->differ);
    case COVE_MESSAGE_WHOLE:
        sweep_whole(conn, now_ms, message->whole);
        return 0;
    case COVE_MESSAGE_UNLIKE:
        return sweep_unlike(conn);
    case COVE_MESSAGE_CLOCK:
        clock_heard(conn, now_ms, message->number);
        return 0;
    case COVE_MESSAGE_SPARE:
        return ways_spare(conn, &message->spare);
    case COVE_MESSAGE_PONG:
    case COVE_MESSAGE_HELLO:
    case COVE_MESSAGE_OTHER:
        break;
    }
    return 0;
}
