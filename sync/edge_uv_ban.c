/* Addresses that are refused for a while. What a caller does before it has
 * proven a key can be held against its address alone, and an address may be
 * many people's: so one from which a known device is connected gets no strikes,
 * nor does this machine itself, where a proxy or a tunnel may stand in front of
 * everybody. Of an IPv6 address the first half counts: who has one has all of
 * that. Devices are the engine's to refuse; here all of them are shown, and
 * taken in again. docs/PROTOCOL.md "Strikes".
 */
#include "sync/edge_uv_internal.h"

#include <stdio.h>

static bool ban_is_v4(const uint8_t ip[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    return memcmp(ip, mapped, sizeof(mapped)) == 0;
}

static void ban_who(const uint8_t ip[16], uint8_t who[COVE_BAN_WHO])
{
    memset(who, 0, COVE_BAN_WHO);
    memcpy(who, ip, ban_is_v4(ip) ? 16 : 8);
}

static void ban_address(const uint8_t who[COVE_BAN_WHO],
                        char out[COVE_EDGE_ADDRESS])
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (ban_is_v4(who)) {
        snprintf(out, COVE_EDGE_ADDRESS, "%u.%u.%u.%u", who[12], who[13],
                 who[14], who[15]);
        return;
    }
    memcpy(&v6.sin6_addr, who, 16);
    uv_ip6_name(&v6, out, COVE_EDGE_ADDRESS - sizeof("/64"));
    memcpy(out + strlen(out), "/64", sizeof("/64"));
}

bool edge_ban_refuses(struct cove_edge *edge, const uint8_t ip[16])
{
    uint8_t who[COVE_BAN_WHO];

    ban_who(ip, who);
    if (cove_bans_left(&edge->bans, edge_now(edge), who) == 0) {
        return false;
    }
    edge->counts.refused++;
    return true;
}

/* Is it of a device that somebody named? Who is admitted since the store is
 * open has as many keys as it likes: only its address can be held to anything.
 */
static bool ban_is_known(const struct edge_conn *c)
{
    struct cove_conn_stats stats;

    if (!c->open || c->conn == NULL) {
        return false;
    }
    cove_conn_stats(c->conn, &stats);
    return !stats.guest;
}

/* Is it this machine, or is somebody there who is known? */
static bool ban_spares(const struct edge_conn *caller,
                       const uint8_t who[COVE_BAN_WHO])
{
    static const uint8_t here_v4[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};
    static const uint8_t here_v6[16] = {[15] = 1};

    if (memcmp(caller->ip, here_v4, 16) == 0 ||
        memcmp(caller->ip, here_v6, 16) == 0) {
        return true;
    }
    for (const struct edge_conn *c = caller->edge->conns; c != NULL;
         c = c->next) {
        uint8_t other[COVE_BAN_WHO];

        ban_who(c->ip, other);
        if (!c->dialled && ban_is_known(c) &&
            memcmp(other, who, sizeof(other)) == 0) {
            return true;
        }
    }
    return false;
}

void edge_ban_ended(const struct edge_conn *c)
{
    struct cove_edge *edge = c->edge;
    char address[COVE_EDGE_ADDRESS];
    uint8_t who[COVE_BAN_WHO];
    uint64_t ms;

    /* Not to be known is no fault: somebody may be about to change that. */
    if (c->dialled || ban_is_known(c) || !cove_conn_at_fault(c->conn)) {
        return;
    }
    ban_who(c->ip, who);
    if (ban_spares(c, who)) {
        return;
    }
    ms = cove_bans_strike(&edge->bans, edge->opt.env, edge_now(edge), who, 1);
    if (ms > 0) {
        ban_address(who, address);
        edge_event(edge,
                   "address %s is refused for %llu s: %d connections that no "
                   "device would make",
                   address, (unsigned long long)(ms / 1000), COVE_BAN_STRIKES);
    }
}

/* --- for other threads */

static void ban_copy(struct cove_edge_state *state, const struct cove_ban *ban,
                     uint64_t now_ms, bool device)
{
    struct cove_edge_ban *out;

    if (ban->until_ms <= now_ms || state->ban_count == COVE_EDGE_BANS) {
        return;
    }
    out = &state->bans[state->ban_count++];
    memset(out, 0, sizeof(*out));
    out->device = device;
    out->left_ms = ban->until_ms - now_ms;
    out->times = ban->times;
    if (device) {
        cove_hex(cove_bytes(ban->who, sizeof(ban->who)), out->who);
    } else {
        ban_address(ban->who, out->who);
    }
}

void edge_ban_view(const struct cove_edge *edge, uint64_t now_ms,
                   struct cove_edge_state *state)
{
    const struct cove_bans *devices = cove_engine_bans(edge->engine);

    state->ban_count = 0;
    state->banned = devices->begun + edge->bans.begun;
    state->refused = edge->counts.refused;
    cove_engine_counts(edge->engine, &state->counts);
    for (size_t i = 0; i < devices->count; i++) {
        ban_copy(state, &devices->at[i], now_ms, true);
    }
    for (size_t i = 0; i < edge->bans.count; i++) {
        ban_copy(state, &edge->bans.at[i], now_ms, false);
    }
}

void edge_ban_forgive(struct cove_edge *edge, const char *who)
{
    char address[COVE_EDGE_ADDRESS];
    struct cove_key key;

    if (cove_hex_parse(who, key.b, sizeof(key.b)) == 0) {
        (void)cove_engine_forgive(edge->engine, &key);
    }
    for (size_t i = 0; i < edge->bans.count; i++) {
        ban_address(edge->bans.at[i].who, address);
        if (strcmp(address, who) == 0) {
            uint8_t at[COVE_BAN_WHO];

            memcpy(at, edge->bans.at[i].who, sizeof(at));
            (void)cove_bans_forgive(&edge->bans, at);
            break;
        }
    }
    edge_event(edge, "%s is taken in again", who);
    edge_peers_redial(edge);
}
