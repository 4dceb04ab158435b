/* admin_sync.c: sync.state, sync.redial, sync.forgive, sync.quota, sync.drain,
 * sync.open: of this handle, which is in memory only; another process asks the
 * daemon for it.
 */
#include "node/admin.h"
#include "node/sync.h"
#include "sync/edge_uv.h"

#define SYNC_DRAIN_MS 60000

static void state_number(struct node_json *j, const char *key, uint64_t value)
{
    node_json_key(j, key);
    node_json_int(j, (int64_t)value);
}

static void state_flag(struct node_json *j, const char *key, bool value)
{
    node_json_key(j, key);
    node_json_bool(j, value);
}

static void state_conn(void *ctx, const struct cove_edge_seen *seen)
{
    struct node_json *j = ctx;
    const struct cove_conn_stats *stats = &seen->stats;

    node_json_open(j, '{');
    if (seen->open) {
        node_json_key(j, "peer");
        node_json_hex(j, stats->peer.b, sizeof(stats->peer.b));
    }
    node_json_key(j, "address");
    node_json_cstr(j, seen->address);
    state_flag(j, "dialled", seen->dialled);
    state_flag(j, "open", seen->open);
    state_flag(j, "inSync", seen->open && stats->in_sync);
    if (stats->guest) {
        state_flag(j, "guest", true);
    }
    state_number(j, "ageMs", seen->age_ms);
    state_number(j, "bytesIn", stats->bytes_in);
    state_number(j, "bytesOut", stats->bytes_out);
    state_number(j, "documentsIn", stats->documents_in);
    state_number(j, "documentsOut", stats->documents_out);
    state_number(j, "strikes", stats->strikes);
    if (stats->clock_known) {
        node_json_key(j, "clockMs");
        node_json_int(j, stats->clock_ms);
    }
    node_json_close(j, '}');
}

static void state_stranger(struct node_json *j,
                           const struct cove_edge_stranger *stranger)
{
    node_json_open(j, '{');
    node_json_key(j, "key");
    node_json_hex(j, stranger->key.b, sizeof(stranger->key.b));
    node_json_key(j, "address");
    node_json_cstr(j, stranger->address);
    node_json_key(j, "time");
    node_json_int(j, stranger->time_ms);
    state_number(j, "calls", stranger->calls);
    node_json_close(j, '}');
}

static void state_ban(struct node_json *j, const struct cove_edge_ban *ban)
{
    node_json_open(j, '{');
    node_json_key(j, ban->device ? "key" : "address");
    node_json_cstr(j, ban->who);
    state_number(j, "leftMs", ban->left_ms);
    state_number(j, "times", ban->times);
    node_json_close(j, '}');
}

static void sync_look(void *ctx, struct cove_edge *edge)
{
    struct node_json *j = ctx;
    struct cove_edge_state state;

    node_json_key(j, "connections");
    node_json_open(j, '[');
    cove_edge_look(edge, &state, state_conn, j);
    node_json_close(j, ']');
    state_flag(j, "open", state.open);
    state_number(j, "turnedMs", state.turned_ms);
    if (state.error != 0) {
        node_json_key(j, "error");
        node_json_cstr(j, cove_error_text(state.error));
    }
    state_number(j, "accepted", state.accepted);
    state_number(j, "dialled", state.dialled);
    state_number(j, "opened", state.opened);
    state_number(j, "failed", state.failed);
    state_number(j, "turnedAway", state.turned_away);
    state_number(j, "bannedCalls", state.refused);
    state_number(j, "banned", state.banned);
    state_number(j, "strikes", state.counts.strikes);
    state_number(j, "notTaken", state.counts.refused);
    state_number(j, "overQuota", state.counts.over_quota);
    node_json_key(j, "listening");
    node_json_open(j, '[');
    for (size_t i = 0; i < state.listening; i++) {
        node_json_cstr(j, state.addresses[i]);
    }
    node_json_close(j, ']');
    node_json_key(j, "strangers");
    node_json_open(j, '[');
    for (size_t i = 0; i < state.stranger_count; i++) {
        state_stranger(j, &state.strangers[i]);
    }
    node_json_close(j, ']');
    node_json_key(j, "bans");
    node_json_open(j, '[');
    for (size_t i = 0; i < state.ban_count; i++) {
        state_ban(j, &state.bans[i]);
    }
    node_json_close(j, ']');
}

static int verb_sync_state(struct admin *a)
{
    bool runs = node_sync_ask(a->store, sync_look, &a->reply);

    state_flag(&a->reply, "running", runs);
    return 0;
}

static void sync_redial(void *ctx, struct cove_edge *edge)
{
    (void)ctx;
    cove_edge_redial(edge);
}

static int verb_sync_redial(struct admin *a)
{
    state_flag(&a->reply, "running",
               node_sync_ask(a->store, sync_redial, NULL));
    return 0;
}

struct forgive {
    const char *who;
    int err;
};

static void sync_forgive(void *ctx, struct cove_edge *edge)
{
    struct forgive *forgive = ctx;

    forgive->err = cove_edge_forgive(edge, forgive->who);
}

static int verb_sync_forgive(struct admin *a)
{
    struct forgive forgive = {.err = 0};
    int err = admin_text(a, "who", &forgive.who);

    if (err == 0 && forgive.who == NULL) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "\"who\" is missing: a device key or an address, as "
                        "sync.state shows it under \"bans\"");
    }
    if (err != 0) {
        return err;
    }
    state_flag(&a->reply, "running",
               node_sync_ask(a->store, sync_forgive, &forgive));
    return forgive.err == 0
               ? 0
               : cove_fail(&a->diag, forgive.err,
                           "another is being taken in again; try once more");
}

struct quota {
    int64_t documents, bytes;
};

static void sync_quota(void *ctx, struct cove_edge *edge)
{
    const struct quota *quota = ctx;

    cove_edge_quota(edge, (uint64_t)quota->documents, (uint64_t)quota->bytes);
}

static int verb_sync_quota(struct admin *a)
{
    struct quota quota = {.documents = 0};
    int err = admin_int(a, "documents", &quota.documents);

    if (err == 0) {
        err = admin_int(a, "bytes", &quota.bytes);
    }
    if (err == 0 && (quota.documents < 0 || quota.bytes < 0)) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "\"documents\" and \"bytes\" are what one device may "
                        "bring in a day, 0: any number");
    }
    if (err == 0) {
        state_flag(&a->reply, "running",
                   node_sync_ask(a->store, sync_quota, &quota));
    }
    return err;
}

static void sync_drain(void *ctx, struct cove_edge *edge)
{
    const int64_t *within_ms = ctx;

    cove_edge_stop_within(edge, (unsigned)*within_ms);
}

static int verb_sync_drain(struct admin *a)
{
    int64_t within_ms = -1;
    int err = admin_int(a, "withinMs", &within_ms);

    if (err == 0 && (within_ms < 0 || within_ms > SYNC_DRAIN_MS)) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "\"withinMs\" is 0 to %d: how long the end of sync may "
                        "take",
                        SYNC_DRAIN_MS);
    }
    if (err == 0) {
        state_flag(&a->reply, "running",
                   node_sync_ask(a->store, sync_drain, &within_ms));
    }
    return err;
}

static void sync_open(void *ctx, struct cove_edge *edge)
{
    const bool *open = ctx;

    cove_edge_open(edge, *open);
}

static int verb_sync_open(struct admin *a)
{
    bool open = false;
    int err = admin_flag(a, "open", &open);

    if (err == 0) {
        state_flag(&a->reply, "running",
                   node_sync_ask(a->store, sync_open, &open));
    }
    return err;
}

const struct admin_verb admin_sync_verbs[] = {
    {"sync.state", "", verb_sync_state},
    {"sync.redial", "", verb_sync_redial},
    {"sync.forgive", "who", verb_sync_forgive},
    {"sync.quota", "documents bytes", verb_sync_quota},
    {"sync.drain", "withinMs", verb_sync_drain},
    {"sync.open", "open", verb_sync_open},
    {NULL, NULL, NULL},
};
