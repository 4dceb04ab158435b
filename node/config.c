/* config.c: how careful this store is: a profile, and what differs from it.
 * Kept in the store's record "config", as a map of what was set only, so that
 * a default that changes reaches whoever never said otherwise. */
#include "core/value.h"
#include "node/admin.h"

#include "core/cbor.h"

#include <stdio.h>

#define CONFIG_RECORD  "config"
#define CONFIG_KEYS    10
#define CONFIG_SCRUB   10000
#define CONFIG_DAYS    36500
#define CONFIG_BYTES   INT64_C(1000000000000)
#define CONFIG_PERCENT (COVE_RUN_WHOLE / 100)

static const char *const config_keys[CONFIG_KEYS] = {
    "profile",       "batch",       "rate",  "threshold",   "atomicLimit",
    "requireBackup", "compactDays", "scrub", "historyDays", "historyBytes"};

/* relaxed: a developer's machine; strict: data that somebody would miss. */
static const struct node_config config_relaxed = {
    .rate = 10000,
    .threshold = COVE_RUN_WHOLE / 100,
    .atomic_limit = 10000,
    .scrub = 20,
};
static const struct node_config config_strict = {
    .strict = true,
    .rate = 5000,
    .threshold = COVE_RUN_WHOLE / 100,
    .atomic_limit = 10000,
    .scrub = 20,
    .require_backup = true,
};

bool node_percent(struct cove_bytes value, uint32_t *out)
{
    const uint32_t one = CONFIG_PERCENT;
    struct cove_reader r;
    double percent = -1;

    cove_reader_init(&r, value);
    if (cove_value_kind(value) == COVE_KIND_INT) {
        percent = (double)cove_reader_int(&r);
    } else if (cove_value_kind(value) == COVE_KIND_FLOAT) {
        percent = cove_reader_float(&r);
    }
    if (!(percent >= 0 && percent <= 100)) {
        return false;
    }
    *out = (uint32_t)(percent * one + 0.5);
    return true;
}

/* Without a decimal point of the locale's. */
void node_json_percent(struct node_json *j, uint32_t parts)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%u.%04u", parts / CONFIG_PERCENT,
                       parts % CONFIG_PERCENT);

    while (text[len - 1] == '0') {
        len--;
    }
    len -= text[len - 1] == '.';
    node_json_raw(j, cove_bytes(text, (size_t)len));
}

/* ------------------------------------------------------------------- members
 */

static bool config_number(struct cove_bytes value, int64_t most, int64_t *out)
{
    if (cove_value_kind(value) != COVE_KIND_INT) {
        return false;
    }
    *out = cove_value_int(value);
    return *out >= 0 && *out <= most;
}

/* The same of those that are whole numbers, 0 up to their most. */
static bool config_take_number(struct node_config *c, const char *key,
                               struct cove_bytes value)
{
    const struct {
        const char *key;
        int64_t most;
        uint32_t *small; /* one of these */
        uint64_t *large;
    } numbers[] = {
        {"batch", COVE_RUN_BATCH_MAX, &c->batch, NULL},
        {"rate", INT64_MAX / 2000000, NULL, &c->rate},
        {"atomicLimit", INT64_MAX / 2000000, NULL, &c->atomic_limit},
        {"compactDays", CONFIG_DAYS, &c->compact_days, NULL},
        {"scrub", CONFIG_SCRUB, &c->scrub, NULL},
        {"historyDays", CONFIG_DAYS, &c->history_days, NULL},
        {"historyBytes", CONFIG_BYTES, NULL, &c->history_bytes},
    };
    int64_t number = 0;

    for (size_t i = 0; i < COVE_ARRAY_LEN(numbers); i++) {
        if (strcmp(key, numbers[i].key) != 0) {
            continue;
        }
        if (!config_number(value, numbers[i].most, &number)) {
            return false;
        }
        if (numbers[i].small != NULL) {
            *numbers[i].small = (uint32_t)number;
        } else {
            *numbers[i].large = (uint64_t)number;
        }
        return true;
    }
    return false;
}

/* One member into the config. false: it is not what the key wants. */
static bool config_take(struct node_config *c, const char *key,
                        struct cove_bytes value)
{
    struct cove_reader r;

    if (strcmp(key, "profile") == 0) { /* taken before all others */
        return cove_value_kind(value) == COVE_KIND_TEXT &&
               (cove_bytes_equal(cove_value_text(value),
                                 cove_bytes_text("strict")) ||
                cove_bytes_equal(cove_value_text(value),
                                 cove_bytes_text("relaxed")));
    }
    if (strcmp(key, "threshold") == 0) {
        return node_percent(value, &c->threshold);
    }
    if (strcmp(key, "requireBackup") == 0) {
        if (cove_value_kind(value) != COVE_KIND_BOOL) {
            return false;
        }
        cove_reader_init(&r, value);
        c->require_backup = cove_reader_bool(&r);
        return true;
    }
    return config_take_number(c, key, value);
}

static int config_refused(const char *key, struct cove_diag *diag)
{
    static const char *const wants[CONFIG_KEYS] = {
        "\"relaxed\" or \"strict\"",
        "documents a commit, 1 to 4096, or 0: it adapts",
        "documents a second, or 0: as fast as it goes",
        "a percentage, 0 to 100",
        "documents that one commit may hold",
        "true or false",
        "days, up to 36500, or 0: only when asked",
        "documents a second, up to 10000, or 0: off",
        "days, up to 36500, or 0: histories are kept for ever",
        "bytes of transactions a document, or 0: any number"};

    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        if (strcmp(key, config_keys[i]) == 0) {
            return cove_fail(diag, COVE_EUSAGE, "%s is %s", key, wants[i]);
        }
    }
    return COVE_EUSAGE;
}

static int config_read(struct cove_bytes map, struct node_config *out,
                       struct cove_diag *diag)
{
    struct cove_bytes value;
    struct node_config c = config_relaxed;

    if (cove_value_member(map, "profile", &value) &&
        cove_value_kind(value) == COVE_KIND_TEXT &&
        cove_bytes_equal(cove_value_text(value), cove_bytes_text("strict"))) {
        c = config_strict;
    }
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        if (cove_value_member(map, config_keys[i], &value) &&
            !config_take(&c, config_keys[i], value)) {
            return config_refused(config_keys[i], diag);
        }
    }
    *out = c;
    return 0;
}

/* The record; an empty map where nothing was ever set. */
static int config_record(struct cove_txn *txn, struct cove_bytes *out)
{
    static const uint8_t empty[] = {0xa0};
    int err =
        cove_repo_record_get(txn->worker->repo, txn->txn, COVE_RECORDS_META,
                             cove_bytes_text(CONFIG_RECORD), out);

    if (err == COVE_ENOTFOUND) {
        *out = cove_bytes(empty, sizeof(empty));
        err = 0;
    }
    return err;
}

int node_config(struct cove_txn *txn, struct node_config *out)
{
    struct cove_bytes map;
    int err = config_record(txn, &map);

    return err != 0 ? err : config_read(map, out, &txn->diag);
}

/* ---------------------------------------------------------------------- verb
 */

static int config_unknown(struct cove_bytes set, struct cove_diag *diag)
{
    struct cove_reader r;

    cove_reader_init(&r, set);
    for (size_t n = cove_reader_map(&r); n > 0; n--) {
        struct cove_bytes key = cove_reader_text(&r);
        bool known = false;

        cove_reader_item(&r);
        for (size_t i = 0; i < CONFIG_KEYS; i++) {
            known =
                known || cove_bytes_equal(key, cove_bytes_text(config_keys[i]));
        }
        if (!known) {
            return cove_fail(diag, COVE_EUSAGE,
                             "there is no setting \"%.*s\"; there are profile, "
                             "batch, rate, threshold, atomicLimit, "
                             "requireBackup, compactDays, scrub, historyDays, "
                             "historyBytes",
                             (int)key.len, (const char *)key.at);
        }
    }
    return 0;
}

/* The record as it will be: null takes a setting back. */
static int config_merge(struct cove_arena *arena, struct cove_bytes held,
                        struct cove_bytes set, struct cove_buf *out)
{
    struct cove_pair pairs[CONFIG_KEYS];
    struct cove_writer w;
    size_t count = 0;
    int err = 0;

    for (size_t i = 0; i < CONFIG_KEYS && err == 0; i++) {
        struct cove_bytes value;

        if ((cove_value_member(set, config_keys[i], &value) ||
             cove_value_member(held, config_keys[i], &value)) &&
            !cove_value_is_null(value)) {
            pairs[count].value = value;
            err = cove_value_of_text(arena, cove_bytes_text(config_keys[i]),
                                     &pairs[count++].key);
        }
    }
    cove_writer_init(&w, out);
    if (err == 0) {
        cove_writer_map_sorted(&w, pairs, count);
    }
    return err != 0 ? err : w.err;
}

static void config_json(struct node_json *j, const struct node_config *c,
                        struct cove_bytes map)
{
    node_json_key(j, "profile");
    node_json_cstr(j, c->strict ? "strict" : "relaxed");
    node_json_key(j, "batch");
    node_json_int(j, c->batch);
    node_json_key(j, "rate");
    node_json_int(j, (int64_t)c->rate);
    node_json_key(j, "threshold");
    node_json_percent(j, c->threshold);
    node_json_key(j, "atomicLimit");
    node_json_int(j, (int64_t)c->atomic_limit);
    node_json_key(j, "requireBackup");
    node_json_bool(j, c->require_backup);
    node_json_key(j, "compactDays");
    node_json_int(j, c->compact_days);
    node_json_key(j, "scrub");
    node_json_int(j, c->scrub);
    node_json_key(j, "historyDays");
    node_json_int(j, c->history_days);
    node_json_key(j, "historyBytes");
    node_json_int(j, (int64_t)c->history_bytes);
    node_json_key(j, "set");
    node_json_value(j, map);
}

static int verb_config(struct admin *a)
{
    struct cove_bytes set = {NULL, 0}, map;
    struct node_config config = {0};
    struct cove_buf merged;
    struct cove_txn *txn;
    int err = admin_map(a, "set", &set);

    if (err == 0 && set.len > 0) {
        err = config_unknown(set, &a->diag);
    }
    if (err == 0) {
        err = node_begin(a->store, set.len > 0 ? COVE_WRITE : COVE_READ, &txn);
    }
    if (err != 0) {
        return err;
    }
    cove_buf_init(&merged, a->store->alloc);
    err = config_record(txn, &map);
    if (err == 0 && set.len > 0) {
        err = config_merge(&txn->arena, map, set, &merged);
        map = cove_buf_bytes(&merged);
    }
    err = err != 0 ? err : config_read(map, &config, &txn->diag);
    if (err == 0) {
        config_json(&a->reply, &config, map);
    }
    if (err == 0 && set.len > 0) {
        txn->wrote = true;
        err =
            cove_repo_record_put(txn->worker->repo, txn->txn, COVE_RECORDS_META,
                                 cove_bytes_text(CONFIG_RECORD), map);
    }
    err = admin_end(a, txn, err);
    cove_buf_clear(&merged);
    return err;
}

const struct admin_verb admin_config_verbs[] = {
    {"config", "set", verb_config},
    {NULL, NULL, NULL},
};
