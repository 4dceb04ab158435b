/* serve_metrics.c: what stats, peer.list and sync.state say, in the text format
 * of Prometheus (exposition format 0.0.4). Counts that only grow end in _total;
 * a peer is named by the first 16 digits of its key, so that a rename breaks no
 * series: cove_peer has the names. */
#include "cli/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METRIC_LABELS 512

static void metric_head(FILE *out, const char *name, const char *type,
                        const char *help)
{
    fprintf(out, "# HELP cove_%s %s\n# TYPE cove_%s %s\n", name, help, name,
            type);
}

/* A label's value: '\', '"' and ends of lines escaped; other control
 * characters, which the format lets through, are not. */
static void metric_label(FILE *out, const char *key, const char *value)
{
    fprintf(out, "%s=\"", key);
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\\' || *c == '"') {
            fprintf(out, "\\%c", *c);
        } else if (*c == '\n') {
            fputs("\\n", out);
        } else if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            fputc('?', out);
        } else {
            fputc(*c, out);
        }
    }
    fputc('"', out);
}

static void metric_one(FILE *out, const char *name, const char *type,
                       const char *help, json_int_t value)
{
    metric_head(out, name, type, help);
    fprintf(out, "cove_%s %" JSON_INTEGER_FORMAT "\n", name, value);
}

/* --- the store */

static const struct {
    const char *key, *name, *help;
} metric_gauges[] = {
    {"used", "store_used_bytes", "Bytes of pages that hold something."},
    {"free", "store_free_bytes", "Bytes of pages to be used again."},
    {"file", "store_file_bytes", "Bytes of the file."},
    {"map", "store_map_bytes", "Bytes that the file may grow to as mapped."},
    {"readers", "store_readers", "Readers at this moment, of all processes."},
    {"readersMax", "store_readers_max", "Readers that there may be."},
    {"readersOthers", "store_readers_others", "Those of other processes."},
    {"readersStale", "store_readers_stale", "Those of dead processes."},
    {"readersBehind", "store_readers_behind",
     "Commits since the oldest began: what it sees cannot be used again."},
    {"held", "store_documents", "Documents, groups and journals included."},
    {"chunks", "store_log_chunks", "Pieces of logs."},
    {"checkpoints", "store_checkpoints", "Checkpoints of lists and texts."},
    {"groups", "store_signatures", "Signatures that are kept."},
    {"cuts", "store_cuts", "Histories that were cut off."},
};

static void metrics_store(FILE *out, const json_t *stats)
{
    json_t *bytes = json_object_get(stats, "bytes"), *value;
    const char *key;

    metric_head(out, "store_bytes", "gauge", "Bytes by what they are.");
    json_object_foreach(bytes, key, value)
    {
        fprintf(out, "cove_store_bytes{part=\"%s\"} %" JSON_INTEGER_FORMAT "\n",
                key, json_integer_value(value));
    }
    for (size_t i = 0; i < sizeof(metric_gauges) / sizeof(metric_gauges[0]);
         i++) {
        metric_one(out, metric_gauges[i].name, "gauge", metric_gauges[i].help,
                   cli_int(stats, metric_gauges[i].key));
    }
    metric_one(out, "store_transactions", "gauge",
               "Transactions of the daemon that are open.",
               cli_int(json_object_get(stats, "transactions"), "open"));
    metric_one(out, "store_transactions_oldest_ms", "gauge",
               "For so long the oldest of them has been.",
               cli_int(json_object_get(stats, "transactions"), "oldestMs"));
}

static void metrics_states(FILE *out, const json_t *counts, const char *schema)
{
    json_t *value;
    const char *state;

    json_object_foreach(json_object_get(counts, "states"), state, value)
    {
        fputs("cove_documents{", out);
        metric_label(out, "schema", schema);
        fprintf(out, ",state=\"%s\"} %" JSON_INTEGER_FORMAT "\n", state,
                json_integer_value(value));
    }
}

static void metrics_documents(FILE *out, const json_t *stats)
{
    json_t *schema;
    size_t i;

    metric_head(out, "documents", "gauge",
                "Documents by schema and state, as last judged.");
    json_array_foreach(json_object_get(stats, "schemas"), i, schema)
    {
        metrics_states(out, schema, cli_text(schema, "schema"));
    }
    metrics_states(out, json_object_get(stats, "without"), "");
}

/* --- sync */

static void metrics_sync(FILE *out, const json_t *state)
{
    static const struct {
        const char *key, *name, *help;
    } counts[] = {
        {"accepted", "sync_accepted_total", "Connections that were accepted."},
        {"dialled", "sync_dialled_total", "Calls to peers."},
        {"opened", "sync_opened_total", "Handshakes that were done."},
        {"failed", "sync_failed_total", "Connections that did not end well."},
        {"turnedAway", "sync_turned_away_total",
         "Connections for which there was no room."},
        {"bannedCalls", "sync_banned_calls_total",
         "Connections from addresses that are refused for a while."},
        {"strikes", "sync_strikes_total",
         "What peers sent and no honest one would."},
        {"notTaken", "sync_not_taken_total",
         "Headers and batches of peers that were refused."},
        {"overQuota", "sync_over_quota_total",
         "Documents and batches beyond the quota of a device."},
        {"banned", "sync_banned_total",
         "Devices and addresses that were refused for a while."},
    };
    json_int_t open = 0, strikes = 0, guests = 0;
    const json_t *conns = json_object_get(state, "connections");
    json_t *conn;
    size_t i;

    json_array_foreach(conns, i, conn)
    {
        open += json_is_true(json_object_get(conn, "open"));
        strikes += cli_int(conn, "strikes");
        guests += json_is_true(json_object_get(conn, "guest"));
    }
    metric_one(out, "sync_connections", "gauge", "Connections that are open.",
               open);
    metric_one(out, "sync_handshakes", "gauge",
               "Connections whose handshake is not done.",
               (json_int_t)json_array_size(conns) - open);
    metric_one(out, "sync_open", "gauge",
               "1 where any device may connect (open = yes).",
               json_is_true(json_object_get(state, "open")));
    metric_one(out, "sync_guests", "gauge",
               "Connections of devices that nobody named.", guests);
    metric_one(out, "sync_strikes", "gauge",
               "What peers that are connected sent and no honest one would.",
               strikes);
    metric_one(out, "sync_bans", "gauge",
               "Devices and addresses that are refused for a while.",
               (json_int_t)json_array_size(json_object_get(state, "bans")));
    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        metric_one(out, counts[i].name, "counter", counts[i].help,
                   cli_int(state, counts[i].key));
    }
    metric_head(out, "sync_loop_age_seconds", "gauge",
                "Since the loop of sync last turned.");
    fprintf(out, "cove_sync_loop_age_seconds %.3f\n",
            (double)cli_int(state, "turnedMs") / 1000);
}

static void metrics_peer_number(FILE *out, const json_t *peers,
                                const char *name, const char *type,
                                const char *help, const char *key)
{
    json_t *peer;
    size_t i;

    metric_head(out, name, type, help);
    json_array_foreach(peers, i, peer)
    {
        fprintf(out, "cove_%s{peer=\"%.16s\"} %" JSON_INTEGER_FORMAT "\n", name,
                cli_text(peer, "key"), cli_int(peer, key));
    }
}

/* Where it is known, from milliseconds. */
static void metrics_peer_seconds(FILE *out, const json_t *peers,
                                 const char *name, const char *help,
                                 const char *key)
{
    json_t *peer;
    size_t i;

    metric_head(out, name, "gauge", help);
    json_array_foreach(peers, i, peer)
    {
        if (json_object_get(peer, key) != NULL) {
            fprintf(out, "cove_%s{peer=\"%.16s\"} %.3f\n", name,
                    cli_text(peer, "key"), (double)cli_int(peer, key) / 1000);
        }
    }
}

static void metrics_peer_states(FILE *out, const json_t *peers)
{
    static const char *const states[] = {"stopped", "offline", "connecting",
                                         "idle",    "busy",    "crashing",
                                         "failed"};
    json_t *peer;
    size_t i, s;

    metric_head(out, "peer", "gauge", "1 for each peer, with its name.");
    json_array_foreach(peers, i, peer)
    {
        fprintf(out, "cove_peer{peer=\"%.16s\",", cli_text(peer, "key"));
        metric_label(out, "name", cli_text(peer, "name"));
        fputc(',', out);
        metric_label(out, "address", cli_text(peer, "address"));
        fputs("} 1\n", out);
    }
    metric_head(out, "peer_state", "gauge", "1 for the state a peer is in.");
    json_array_foreach(peers, i, peer)
    {
        for (s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
            fprintf(out, "cove_peer_state{peer=\"%.16s\",state=\"%s\"} %d\n",
                    cli_text(peer, "key"), states[s],
                    strcmp(states[s], cli_text(peer, "state")) == 0);
        }
    }
}

static void metrics_peers(FILE *out, const json_t *peers)
{
    static const struct {
        const char *name, *type, *help, *key;
    } numbers[] = {
        {"peer_received_bytes_total", "counter", "Bytes from the peer, ever.",
         "bytesIn"},
        {"peer_sent_bytes_total", "counter", "Bytes to the peer, ever.",
         "bytesOut"},
        {"peer_received_documents_total", "counter",
         "Documents from the peer, ever.", "documentsIn"},
        {"peer_sent_documents_total", "counter", "Documents to the peer, ever.",
         "documentsOut"},
        {"peer_unsent_documents", "gauge",
         "Documents that the peer may have and has not acknowledged.",
         "unsent"},
        {"peer_seen_timestamp_ms", "gauge",
         "When the peer was last seen, since 1970; 0: never.", "seen"},
    };
    static const struct {
        const char *name, *help, *key;
    } seconds[] = {
        {"peer_lag_seconds",
         "Since the oldest unsent document was written; 0: there is none.",
         "lagMs"},
        {"peer_clock_offset_seconds",
         "The peer's clock ahead of this one, where it was compared.",
         "clockMs"},
    };

    json_t *named = json_array(), *peer;
    size_t i;

    /* Strangers are not to make series. */
    json_array_foreach(peers, i, peer)
    {
        if (!json_is_true(json_object_get(peer, "open"))) {
            json_array_append(named, peer);
        }
    }
    metrics_peer_states(out, named);
    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        metrics_peer_number(out, named, numbers[i].name, numbers[i].type,
                            numbers[i].help, numbers[i].key);
    }
    for (i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        metrics_peer_seconds(out, named, seconds[i].name, seconds[i].help,
                             seconds[i].key);
    }
    metric_one(out, "guests", "gauge",
               "Devices that nobody named and that left something here.",
               (json_int_t)(json_array_size(peers) - json_array_size(named)));
    json_decref(named);
}

char *serve_metrics_text(const struct serve_metrics *m, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);

    if (out == NULL) {
        return NULL;
    }
    metric_head(out, "build", "gauge", "1, with the version.");
    fprintf(out, "cove_build{version=\"%s\"} 1\n", cove_version());
    metric_one(out, "ready", "gauge", "1 where /readyz says 200.", m->ready);
    metric_one(out, "start_timestamp_seconds", "gauge",
               "When the daemon was started, since 1970.",
               (json_int_t)m->since);
    if (m->stats != NULL) {
        metrics_store(out, m->stats);
        metrics_documents(out, m->stats);
    }
    if (m->state != NULL) {
        metrics_sync(out, m->state);
    }
    if (m->peers != NULL) {
        metrics_peers(out, json_object_get(m->peers, "peers"));
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
