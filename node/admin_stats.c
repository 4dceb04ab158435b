/* admin_stats.c: stats: where the bytes are and what there is, from counts that
 * are kept: no document is read. */
#include "crdt/repo_upkeep.h"
#include "node/admin.h"

#include <stdio.h>

static const struct {
    const char *name;
    unsigned trees[6]; /* as in docs/FORMAT.md "Trees"; 0 ends but the first */
    size_t count;
} stats_kinds[] = {
    {"documents", {2}, 1},
    {"logs", {3, 9}, 2},
    {"checkpoints", {4}, 1},
    {"signatures", {15}, 1},
    {"ids", {1}, 1},
    {"indexes", {7, 16, 17}, 3},
    {"changes", {8}, 1},
    {"interned", {5, 6}, 2},
    {"counts", {13, 14}, 2},
    {"cuts", {19}, 1},
    {"other", {0, 10, 11, 12, 18}, 5},
};

static void stats_bytes(struct node_json *j,
                        const struct cove_store_usage *usage)
{
    node_json_key(j, "bytes");
    node_json_open(j, '{');
    for (size_t i = 0; i < COVE_ARRAY_LEN(stats_kinds); i++) {
        uint64_t sum = 0;

        for (size_t t = 0; t < stats_kinds[i].count; t++) {
            sum += usage->bytes[stats_kinds[i].trees[t]];
        }
        node_json_key(j, stats_kinds[i].name);
        node_json_int(j, (int64_t)sum);
    }
    node_json_close(j, '}');
}

static void stats_file(struct node_json *j,
                       const struct cove_store_usage *usage)
{
    const struct {
        const char *key;
        uint64_t value;
    } counts[] = {
        {"used", usage->bytes_used},
        {"free", usage->bytes_free},
        {"file", usage->bytes_file},
        {"map", usage->bytes_map},
        {"page", usage->bytes_page},
        {"readers", usage->readers},
        {"readersMax", usage->readers_max},
        {"groups", usage->entries[15] / 2},
        {"readersOthers", usage->readers_others},
        {"readersStale", usage->readers_stale},
        {"readersBehind", usage->readers_behind},
        {"chunks", usage->entries[3]},
        {"checkpoints", usage->entries[4]},
        {"cuts", usage->entries[19]},
        {"held", usage->entries[2]},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(counts); i++) {
        node_json_key(j, counts[i].key);
        node_json_int(j, (int64_t)counts[i].value);
    }
}

/* This handle's, but for the one that asks. */
static void stats_transactions(struct admin *a, const struct cove_txn *txn)
{
    struct node_json *j = &a->reply;
    unsigned open;
    int64_t oldest_ms;

    node_workers_taken(a->store, txn->worker, &open, &oldest_ms);
    node_json_key(j, "transactions");
    node_json_open(j, '{');
    node_json_key(j, "open");
    node_json_int(j, open);
    node_json_key(j, "oldestMs");
    node_json_int(j, oldest_ms);
    node_json_close(j, '}');
}

static int stats_sessions(struct admin *a, struct cove_txn *txn)
{
    struct node_json *j = &a->reply;
    struct cove_session_counts counts;
    int err = cove_repo_sessions(txn->worker->repo, txn->txn, &counts);

    if (err != 0) {
        return err;
    }
    node_json_key(j, "sessions");
    node_json_open(j, '{');
    node_json_key(j, "ours");
    node_json_int(j, (int64_t)counts.ours);
    node_json_key(j, "ended");
    node_json_int(j, (int64_t)counts.ended);
    node_json_key(j, "others");
    node_json_int(j, (int64_t)counts.others);
    node_json_close(j, '}');
    return 0;
}

static void stats_versions(struct node_json *j,
                           const struct cove_store_usage *usage,
                           unsigned format)
{
    char lmdb[32];

    snprintf(lmdb, sizeof(lmdb), "%u.%u.%u", usage->version[0],
             usage->version[1], usage->version[2]);
    node_json_key(j, "format");
    node_json_int(j, format);
    node_json_key(j, "lmdb");
    node_json_cstr(j, lmdb);
    node_json_key(j, "cove");
    node_json_cstr(j, COVE_VERSION);
}

/* How many documents a schema has, and as what they were judged. */
static int stats_schema(struct admin *a, struct cove_txn *txn, cove_num num)
{
    struct cove_tally tally = {.schema = num};
    uint64_t states[COVE_STATE_LOCAL_ONLY + 1] = {0};
    uint64_t documents = 0, unjudged = 0;
    struct node_json *j = &a->reply;
    int err;

    while ((err = cove_repo_tally_next(txn->worker->repo, txn->txn, &tally,
                                       &tally)) == 0) {
        documents += tally.count;
        if (tally.state < COVE_ARRAY_LEN(states) && tally.plan[0] != 0) {
            states[tally.state] += tally.count;
        } else {
            unjudged += tally.count;
        }
    }
    if (err != COVE_ENOTFOUND) {
        return err;
    }
    node_json_key(j, "documents");
    node_json_int(j, (int64_t)documents);
    node_json_key(j, "states");
    node_json_open(j, '{');
    for (size_t i = 0; i < COVE_ARRAY_LEN(states); i++) {
        if (states[i] > 0) {
            node_json_key(j, cove_doc_state_name((enum cove_doc_state)i));
            node_json_int(j, (int64_t)states[i]);
        }
    }
    node_json_key(j, "unjudged");
    node_json_int(j, (int64_t)unjudged);
    node_json_close(j, '}');
    return 0;
}

static int stats_journal(struct admin *a, struct cove_txn *txn, cove_num num)
{
    const struct cove_schema_doc *schema;
    struct node_json *j = &a->reply;
    int err = cove_catalog_open(txn->worker->catalog, txn->txn, num, &schema);

    if (err != 0) { /* not here yet, or damaged: check says so */
        return err == COVE_ENOMEM || err == COVE_EIO ? err : 0;
    }
    node_json_open(j, '{');
    node_json_key(j, "schema");
    node_json_text(j, schema->name);
    err = stats_schema(a, txn, num);
    node_json_close(j, '}');
    return err;
}

static int stats_documents(struct admin *a, struct cove_txn *txn)
{
    struct node_json *j = &a->reply;
    int err;

    node_json_key(j, "schemas");
    node_json_open(j, '[');
    err = admin_each_schema(a, txn, NULL, stats_journal);
    node_json_close(j, ']');
    node_json_key(j, "without");
    node_json_open(j, '{');
    err = err != 0 ? err : stats_schema(a, txn, 0);
    node_json_close(j, '}');
    return err;
}

/* How writes here are judged, and how many were made all the same. */
static void stats_validate(struct admin *a)
{
    struct node_json *j = &a->reply;
    unsigned how = a->store->asked.validate;

    node_json_key(j, "validate");
    node_json_open(j, '{');
    node_json_key(j, "mode");
    node_json_cstr(j, how == COVE_VALIDATE_STRICT   ? "strict"
                      : how == COVE_VALIDATE_REPORT ? "report"
                                                    : "off");
    node_json_key(j, "reported");
    node_json_int(j, (int64_t)atomic_load(&a->store->reported));
    node_json_close(j, '}');
}

/* What is kept of fields that are read again and again. */
static void stats_cache(struct cove *store, struct node_json *j)
{
    uint64_t hits, misses;

    node_workers_cached(store, &hits, &misses);
    node_json_key(j, "cache");
    node_json_open(j, '{');
    node_json_key(j, "bytes");
    node_json_int(j, (int64_t)atomic_load(&store->cache_bytes));
    node_json_key(j, "budget");
    node_json_int(j, (int64_t)store->cache_most);
    node_json_key(j, "hits");
    node_json_int(j, (int64_t)hits);
    node_json_key(j, "misses");
    node_json_int(j, (int64_t)misses);
    node_json_close(j, '}');
}

static int verb_stats(struct admin *a)
{
    struct cove_store_usage usage;
    struct cove_txn *txn;
    unsigned format = 0;
    int err = node_begin(a->store, COVE_READ, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_store_usage(a->store->store, &usage);
    err = err != 0 ? err : cove_repo_format(txn->txn, &format);
    if (err != 0) {
        return admin_end(a, txn, err);
    }
    stats_bytes(&a->reply, &usage);
    stats_file(&a->reply, &usage);
    stats_versions(&a->reply, &usage, format);
    stats_transactions(a, txn);
    stats_validate(a);
    stats_cache(a->store, &a->reply);
    err = stats_sessions(a, txn);
    return admin_end(a, txn, err != 0 ? err : stats_documents(a, txn));
}

const struct admin_verb admin_stats_verbs[] = {
    {"stats", "", verb_stats},
    {NULL, NULL, NULL},
};
