/* admin_run_json.c: a run as the verbs and the status tell it. */
#include "node/admin.h"

#define RUN_TOLD 100 /* quarantined documents that a reply lists */

/* Documents a second so far, and how long the rest takes at that. */
static void run_pace(struct node_json *j, const struct cove_run *run)
{
    uint64_t took =
        run->saved_ms > run->started_ms ? run->saved_ms - run->started_ms : 0;
    uint64_t rate = took > 0 ? run->done * 1000 / took : 0;
    uint64_t left = run->total > run->done ? run->total - run->done : 0;

    node_json_key(j, "left");
    node_json_int(j, cove_run_open(run->state) ? (int64_t)left : 0);
    node_json_key(j, "rate");
    node_json_int(j, (int64_t)rate);
    if (rate > 0 && cove_run_open(run->state)) {
        node_json_key(j, "leftMs");
        node_json_int(j, (int64_t)(left * 1000 / rate));
    }
}

void admin_run_json(struct node_json *j, const struct cove_run *run)
{
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {
        {"number", run->number},     {"total", run->total},
        {"done", run->done},         {"migrated", run->migrated},
        {"copies", run->copies},     {"current", run->current},
        {"valid", run->valid},       {"invalid", run->invalid},
        {"failed", run->failed},     {"quarantined", run->quarantined},
        {"started", run->started_ms}};

    node_json_open(j, '{');
    node_json_key(j, "head");
    node_json_hex(j, run->head.b, sizeof(run->head.b));
    node_json_key(j, "state");
    node_json_cstr(j, cove_run_state_name(run->state));
    for (size_t i = 0; i < COVE_ARRAY_LEN(numbers); i++) {
        node_json_key(j, numbers[i].key);
        node_json_int(j, (int64_t)numbers[i].value);
    }
    if (run->ended_ms != 0) {
        node_json_key(j, "ended");
        node_json_int(j, (int64_t)run->ended_ms);
    }
    run_pace(j, run);
    node_json_key(j, "threshold");
    node_json_percent(j, run->threshold);
    if (run->lease.process != 0 && cove_run_open(run->state)) {
        node_json_key(j, "process");
        node_json_int(j, (int64_t)run->lease.process);
        node_json_key(j, "until");
        node_json_int(j, (int64_t)run->lease.expires_ms);
    }
    if (run->error[0] != '\0') {
        node_json_key(j, "error");
        node_json_cstr(j, run->error);
    }
    node_json_close(j, '}');
}

int admin_quarantine_json(struct admin *a, struct cove_txn *txn,
                          cove_num schema)
{
    struct cove_repo *repo = txn->worker->repo;
    struct node_json *j = &a->reply;
    struct cove_quarantined q = {.num = 0};
    struct cove_doc_brief brief;
    int err = 0;

    node_json_key(j, "quarantine");
    node_json_open(j, '[');
    for (int i = 0; i < RUN_TOLD && err == 0; i++) {
        err = cove_quarantine_next(repo, txn->txn, schema, q.num, &q);
        err = err != 0 ? err : cove_repo_brief(repo, txn->txn, q.num, &brief);
        if (err == 0) {
            node_json_why(j, &brief.id, q.reason);
        }
    }
    node_json_close(j, ']');
    return err == COVE_ENOTFOUND ? 0 : err;
}
