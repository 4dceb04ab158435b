/* Whom to dial, when, and what the records say.
 *
 * The records are read again whenever the store changed; so `peer add` in
 * another process makes this one dial. Where no connection is open, a peer with
 * an address is dialled after a pause that doubles with each failure and is
 * drawn from its upper half, so that many devices that lost a relay do not
 * come back in step.
 *
 * A record is written only when the peer's state or last error changed, all in
 * one commit. "idle" is a promise that others wait for: it is taken back as
 * soon as the connection ends, or is busy for longer than an edit takes.
 */
#include "sync/edge_uv_internal.h"

#include <stdio.h>

#define PEER_WAVERING 2 /* looks, before an idle peer is called busy */

/* Copy a text that may be cut, but not inside a character. */
static void peer_text(char out[EDGE_SENTENCE_MAX], const char *text)
{
    size_t len = strlen(text);

    if (len >= EDGE_SENTENCE_MAX) {
        len = EDGE_SENTENCE_MAX - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

static void peer_event(const struct cove_edge *edge,
                       const struct edge_peer *peer, const char *what)
{
    char hex[COVE_HEX_LEN(32)];

    cove_hex(cove_bytes(peer->key.b, sizeof(peer->key.b)), hex);
    edge_event(edge, "peer %.16s: %s", hex, what);
}

static struct edge_peer *peer_find(struct cove_edge *edge,
                                   const struct cove_key *key)
{
    struct edge_peer *peer = edge->peers;

    while (peer != NULL && memcmp(peer->key.b, key->b, sizeof(key->b)) != 0) {
        peer = peer->next;
    }
    return peer;
}

/* --- dialling */

/* The pause before the next call. */
static uint64_t peer_pause(const struct cove_edge *edge, unsigned failures)
{
    uint64_t most = COVE_EDGE_RETRY_MS;
    uint32_t draw;

    while (failures-- > 0 && most < COVE_EDGE_RETRY_MAX_MS) {
        most *= 2;
    }
    if (most > COVE_EDGE_RETRY_MAX_MS) {
        most = COVE_EDGE_RETRY_MAX_MS;
    }
    edge->opt.env->random(edge->opt.env->ctx, &draw, sizeof(draw));
    return most / 2 + draw % (most / 2 + 1);
}

static void peer_dial(struct cove_edge *edge, struct edge_peer *peer)
{
    int err = edge_conn_dial(edge, peer);

    if (err == COVE_EUSAGE) {
        peer->state = COVE_PEER_FAILED;
        peer_text(peer->error, "its address is not of the form host:port");
        peer->next_dial_ms = UINT64_MAX; /* until the record changes */
    } else if (err != 0) {
        edge_error(edge, err, "cannot dial a peer");
        peer->next_dial_ms = edge_now(edge) + COVE_EDGE_POLL_MS;
    }
}

static enum cove_peer_state peer_state_after(int code)
{
    switch (code) {
    case 0:
    case COVE_ECLOSED:
    case COVE_ENET:
    case COVE_ETIMEOUT:
    case COVE_ENOMEM:
    case COVE_EIO:
    case COVE_ENOSPC:
        return COVE_PEER_OFFLINE;
    case COVE_EPEER:
    case COVE_ENOTFOUND:
    case COVE_EHANDSHAKE:
        return COVE_PEER_FAILED; /* until somebody changes something */
    default:
        return COVE_PEER_CRASHING;
    }
}

void edge_peer_ended(struct edge_conn *c, int code, const char *sentence)
{
    struct cove_edge *edge = c->edge;
    struct edge_peer *peer = c->peer;
    uint64_t now_ms = edge_now(edge);
    bool well = code == 0 || code == COVE_ECLOSED;

    if (c->open) {
        peer->open--;
    }
    if (peer->dialled == c) {
        peer->dialled = NULL;
    }
    if (edge->stopping || peer->open > 0) {
        return;
    }
    if (c->open && now_ms - c->opened_ms >= EDGE_STEADY_MS) {
        peer->failures = 0;
    }
    peer->state = peer_state_after(code);
    peer_text(peer->error, well ? "" : sentence);
    peer_event(edge, peer, well ? "disconnected" : sentence);
    peer->next_dial_ms = now_ms + peer_pause(edge, peer->failures);
    peer->failures++;
    edge_touch(edge);
}

/* Two devices may have dialled each other: they keep the connection that the
 * smaller key dialled, and who dialled the other one ends it. */
static void peer_part_doubled(struct cove_edge *edge, struct edge_peer *peer)
{
    const struct cove_key *mine = cove_repo_device(edge->opt.repo);
    bool theirs = false;

    for (const struct edge_conn *c = edge->conns; c != NULL; c = c->next) {
        theirs = theirs || (c->peer == peer && c->open && !c->dialled);
    }
    if (theirs && peer->dialled != NULL && peer->dialled->open &&
        memcmp(mine->b, peer->key.b, sizeof(mine->b)) > 0) {
        edge_conn_bye(peer->dialled);
    }
}

void edge_peer_opened(struct edge_conn *c, const struct cove_key *key)
{
    struct cove_edge *edge = c->edge;
    struct cove_conn_stats stats;

    if (c->peer == NULL) {
        c->peer = peer_find(edge, key);
    }
    if (c->peer == NULL) { /* its record is newer than our list, or a guest
                              has none yet, and may never have one */
        cove_conn_stats(c->conn, &stats);
        edge->peers_due = true;
        edge->peers_ms = stats.guest ? edge->peers_ms : 0;
        return;
    }
    c->peer->open++;
    if (c->peer->open == 1) {
        c->peer->state = COVE_PEER_BUSY;
        c->peer->error[0] = '\0';
        peer_event(edge, c->peer, "connected");
    }
    peer_part_doubled(edge, c->peer);
}

/* --- the records */

static int peer_add(struct cove_edge *edge,
                    const struct cove_peer_record *record)
{
    struct edge_peer *peer = cove_alloc_zero(edge->opt.alloc, 1, sizeof(*peer));

    if (peer == NULL) {
        return COVE_ENOMEM;
    }
    peer->key = record->key;
    memcpy(peer->address, record->address, sizeof(peer->address));
    peer->listed = true;
    peer->state =
        peer->address[0] != '\0' ? COVE_PEER_CONNECTING : COVE_PEER_OFFLINE;
    peer->recorded = record->state;
    peer_text(peer->recorded_error, record->error);
    peer->next = edge->peers;
    edge->peers = peer;
    return 0;
}

static void peer_update(struct edge_peer *peer,
                        const struct cove_peer_record *record)
{
    peer->listed = true;
    if (record->state == COVE_PEER_STOPPED) {
        /* Another process has ended its sync of this store; ours goes on. */
        peer->recorded = record->state;
    }
    if (strcmp(peer->address, record->address) != 0) {
        memcpy(peer->address, record->address, sizeof(peer->address));
        peer->failures = 0;
        if (peer->dialled != NULL && !peer->dialled->open) {
            edge_conn_close(peer->dialled); /* a call to the old address */
        }
        peer->next_dial_ms = 0;
    }
}

static int peers_walk(struct cove_edge *edge, struct cove_store_txn *txn)
{
    struct cove_peer_record record;
    struct cove_key last;
    const struct cove_key *after = NULL;
    int err;

    while ((err = cove_peer_next(edge->opt.repo, txn, after, &record)) == 0) {
        struct edge_peer *peer = peer_find(edge, &record.key);

        if (peer != NULL) {
            peer_update(peer, &record);
        } else {
            err = peer_add(edge, &record);
            if (err != 0) {
                return err;
            }
        }
        last = record.key;
        after = &last;
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* Its record was removed: part from it. */
static void peer_forget(struct cove_edge *edge, struct edge_peer **at)
{
    struct edge_peer *peer = *at;
    struct edge_conn *next;

    for (struct edge_conn *c = edge->conns; c != NULL; c = next) {
        next = c->next;
        if (c->peer == peer) {
            c->peer = NULL;
            edge_conn_bye(c);
        }
    }
    peer_event(edge, peer, "removed");
    *at = peer->next;
    cove_alloc_free(edge->opt.alloc, peer);
}

/* Connections that opened before their peer's record was read. */
static void peers_adopt(struct cove_edge *edge)
{
    struct cove_conn_stats stats;

    for (struct edge_conn *c = edge->conns; c != NULL; c = c->next) {
        if (c->open && c->peer == NULL && c->conn != NULL) {
            cove_conn_stats(c->conn, &stats);
            if (peer_find(edge, &stats.peer) != NULL) {
                edge_peer_opened(c, &stats.peer);
            }
        }
    }
}

void edge_peers_read(struct cove_edge *edge, uint64_t now_ms)
{
    struct cove_store_txn *txn;
    int err = cove_store_begin(edge->opt.store, false, &txn);

    edge->peers_ms = now_ms;
    edge->peers_due = false;
    if (err == 0) {
        for (struct edge_peer *p = edge->peers; p != NULL; p = p->next) {
            p->listed = false;
        }
        err = peers_walk(edge, txn);
        cove_store_abort(txn);
    }
    if (err != 0) { /* what is known stays */
        edge_error(edge, err, "cannot read the peers");
        return;
    }
    for (struct edge_peer **at = &edge->peers; *at != NULL;) {
        if ((*at)->listed) {
            at = &(*at)->next;
        } else {
            peer_forget(edge, at);
        }
    }
    peers_adopt(edge);
}

static bool peer_is_recorded(const struct edge_peer *peer)
{
    return peer->state == peer->recorded &&
           strcmp(peer->error, peer->recorded_error) == 0;
}

static int peer_record(struct cove_edge *edge, struct cove_store_txn *txn,
                       const struct edge_peer *peer)
{
    struct cove_peer_record record;
    int err = cove_peer_get(edge->opt.repo, txn, &peer->key, &record);

    if (err != 0) {
        return err == COVE_ENOTFOUND ? 0 : err; /* removed meanwhile */
    }
    if (record.state != peer->state) {
        record.state = peer->state;
        record.state_since_ms = edge->opt.env->now_ms(edge->opt.env->ctx);
    }
    memcpy(record.error, peer->error, sizeof(record.error));
    return cove_peer_put(edge->opt.repo, txn, &record);
}

/* Write what changed, in one commit. */
static void peers_record(struct cove_edge *edge)
{
    struct cove_store_txn *txn;
    bool due = false;

    for (const struct edge_peer *p = edge->peers; p != NULL; p = p->next) {
        due = due || !peer_is_recorded(p);
    }
    if (!due) {
        return;
    }

    int err = cove_store_begin(edge->opt.store, true, &txn);

    if (err == 0) {
        for (const struct edge_peer *p = edge->peers; p != NULL && err == 0;
             p = p->next) {
            err = peer_is_recorded(p) ? 0 : peer_record(edge, txn, p);
        }
        if (err == 0) {
            err = cove_store_commit(txn);
        } else {
            cove_store_abort(txn);
        }
    }
    if (err != 0) {
        edge_error(edge, err, "cannot write how the peers are");
        return; /* the next look tries again */
    }
    for (struct edge_peer *p = edge->peers; p != NULL; p = p->next) {
        p->recorded = p->state;
        memcpy(p->recorded_error, p->error, sizeof(p->error));
    }
    /* Whoever waits for a peer to become idle need not look by the clock. */
    if (edge->opt.announce != NULL) {
        edge->opt.announce(edge->opt.ctx);
    }
}

/* --- time */

/* One edit now and then is not worth two commits: an idle peer is called busy
 * when it lasts. True where the next look decides. */
static bool peer_look(struct edge_peer *peer)
{
    if (peer->open == 0) {
        return false;
    }
    if (!peer->busy) {
        peer->wavering = 0;
        peer->state = COVE_PEER_IDLE;
    } else if (peer->state == COVE_PEER_IDLE &&
               ++peer->wavering >= PEER_WAVERING) {
        peer->wavering = 0;
        peer->state = COVE_PEER_BUSY;
    }
    return peer->wavering > 0;
}

/* Which peers are busy, as their connections are. */
static void peers_weigh(struct cove_edge *edge)
{
    struct cove_conn_stats stats;

    for (struct edge_peer *p = edge->peers; p != NULL; p = p->next) {
        p->busy = false;
    }
    for (const struct edge_conn *c = edge->conns; c != NULL; c = c->next) {
        if (c->open && c->peer != NULL && c->conn != NULL) {
            cove_conn_stats(c->conn, &stats);
            c->peer->busy = c->peer->busy || !stats.in_sync;
        }
    }
}

/* Is a peer idle that was not? Somebody may be waiting for that. */
static bool peers_settled(struct cove_edge *edge)
{
    bool any = false;

    for (const struct edge_peer *p = edge->peers; p != NULL; p = p->next) {
        any = any || (p->open > 0 && p->state != COVE_PEER_IDLE);
    }
    if (!any) {
        return false;
    }
    peers_weigh(edge);
    for (const struct edge_peer *p = edge->peers; p != NULL; p = p->next) {
        if (p->open > 0 && p->state != COVE_PEER_IDLE && !p->busy) {
            return true;
        }
    }
    return false;
}

static void peers_look(struct cove_edge *edge)
{
    peers_weigh(edge);
    edge->look_due = false;
    for (struct edge_peer *p = edge->peers; p != NULL; p = p->next) {
        edge->look_due = peer_look(p) || edge->look_due;
    }
}

/* Dial who is due; when the next is. */
static uint64_t peers_dial(struct cove_edge *edge, uint64_t now_ms)
{
    uint64_t next = UINT64_MAX;

    for (struct edge_peer *p = edge->peers; p != NULL; p = p->next) {
        if (p->address[0] == '\0' || p->dialled != NULL || p->open > 0) {
            continue;
        }

        uint64_t refused =
            cove_bans_left(cove_engine_bans(edge->engine), now_ms, p->key.b);

        if (refused > 0 && p->next_dial_ms < now_ms + refused) {
            p->next_dial_ms = now_ms + refused;
        }
        if (now_ms >= p->next_dial_ms) {
            peer_dial(edge, p);
        } else if (p->next_dial_ms < next) {
            next = p->next_dial_ms;
        }
    }
    return next;
}

uint64_t edge_peers_tick(struct cove_edge *edge, uint64_t now_ms)
{
    uint64_t next;

    if (edge->peers_due && now_ms - edge->peers_ms >= EDGE_PEERS_MS) {
        edge_peers_read(edge, now_ms);
    }
    next = peers_dial(edge, now_ms);
    if (edge->look_due &&
        (now_ms - edge->looked_ms >= EDGE_LOOK_MS || peers_settled(edge))) {
        edge->looked_ms = now_ms;
        peers_look(edge);
        peers_record(edge);
    }
    if (edge->look_due && edge->looked_ms + EDGE_LOOK_MS < next) {
        next = edge->looked_ms + EDGE_LOOK_MS;
    }
    if (edge->peers_due && edge->peers_ms + EDGE_PEERS_MS < next) {
        next = edge->peers_ms + EDGE_PEERS_MS;
    }
    return next;
}

void edge_peers_redial(struct cove_edge *edge)
{
    for (struct edge_peer *p = edge->peers; p != NULL; p = p->next) {
        p->failures = 0;
        p->next_dial_ms = 0;
    }
    edge->peers_due = true;
    edge->peers_ms = 0; /* the records are read at once, too */
    edge_touch(edge);
}

void edge_peers_stop(struct cove_edge *edge)
{
    for (struct edge_peer *p = edge->peers; p != NULL; p = p->next) {
        p->state = COVE_PEER_STOPPED;
        p->error[0] = '\0';
    }
    peers_record(edge);
}

void edge_peers_free(struct cove_edge *edge)
{
    while (edge->peers != NULL) {
        struct edge_peer *peer = edge->peers;

        edge->peers = peer->next;
        cove_alloc_free(edge->opt.alloc, peer);
    }
}
