/* admin_down.c: migrate.down: a schema taken back by a later version. */
#include "core/value.h"
#include "migrate/retreat.h"
#include "node/guard.h"

#include <stdio.h>

/* "to" is a version or a step, as number or text. */
static int down_to(struct admin *a, const char **out)
{
    struct cove_bytes v = {NULL, 0};

    admin_value(a, "to", &v);
    if (v.len > 0 && cove_value_kind(v) == COVE_KIND_INT) {
        *out =
            cove_arena_printf(&a->arena, "%lld", (long long)cove_value_int(v));
        return *out == NULL ? COVE_ENOMEM : 0;
    }
    return admin_text(a, "to", out);
}

/* How far back: one of three ways to say it. */
static int down_read(struct admin *a, const char **name,
                     struct cove_retreat_request *request, bool *dry)
{
    int64_t steps = -1;
    int err = admin_text(a, "schema", name);

    err = err != 0 ? err : admin_need(a, "schema", *name);
    err = err != 0 ? err : admin_int(a, "steps", &steps);
    err = err != 0 ? err : down_to(a, &request->to);
    err = err != 0 ? err : admin_flag(a, "undo", &request->undo);
    err =
        err != 0 ? err : admin_flag(a, "acceptDataLoss", &request->accept_loss);
    err = err != 0 ? err : admin_flag(a, "dry", dry);
    if (err != 0) {
        return err;
    }
    if ((steps != -1) + (request->to != NULL) + request->undo != 1) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "say how far back, in one way: \"steps\" (1 or more), "
                         "\"to\" (a version) or \"undo\"");
    }
    if (steps != -1 && (steps < 1 || steps > COVE_MAX_STEP_PATH)) {
        return cove_fail(&a->diag, COVE_EUSAGE, "\"steps\" is 1 to %d",
                         COVE_MAX_STEP_PATH);
    }
    request->steps = steps;
    return 0;
}

/* The fields' names; of those that had another name, {"name", "was"}. */
static void down_fields(struct node_json *j, const char *key,
                        const struct cove_retreat_field *fields, size_t count,
                        bool both)
{
    node_json_key(j, key);
    node_json_open(j, '[');
    for (size_t i = 0; i < count; i++) {
        if (!both) {
            node_json_text(j, fields[i].name);
            continue;
        }
        node_json_open(j, '{');
        node_json_key(j, "name");
        node_json_text(j, fields[i].name);
        node_json_key(j, "was");
        node_json_text(j, fields[i].was);
        node_json_close(j, '}');
    }
    node_json_close(j, ']');
}

static void down_json(struct node_json *j, const struct cove_retreat *r)
{
    node_json_key(j, "from");
    node_json_int(j, r->from);
    node_json_key(j, "to");
    node_json_int(j, r->to);
    node_json_key(j, "back");
    node_json_hex(j, r->back.b, sizeof(r->back.b));
    node_json_key(j, "words");
    node_json_bool(j, r->words);
    if (r->why != NULL) {
        node_json_key(j, "why");
        node_json_cstr(j, r->why);
    }
    down_fields(j, "shown", r->shown, r->shown_count, false);
    down_fields(j, "hidden", r->hidden, r->hidden_count, false);
    down_fields(j, "renamed", r->renamed, r->renamed_count, true);
    down_fields(j, "limited", r->limited, r->limited_count, false);
    down_fields(j, "lost", r->lost, r->lost_count, true);
}

/* Values that cannot come back want a backup, where the config says so. */
static int down_guard(struct admin *a, struct cove_txn *txn,
                      const struct cove_retreat *r)
{
    const struct cove_bytes was = r->lost[0].was;
    struct node_guard guard;
    char what[128];
    int err = guard_init(a, txn, &guard);

    snprintf(what, sizeof(what), "version %lld has no way back for \"%.*s\"",
             (long long)r->from, (int)(was.len < 60 ? was.len : 60),
             (const char *)was.at);
    return err != 0 ? err : guard_any(&guard, txn, what);
}

static int down_run(struct admin *a, struct cove_txn *txn, const char *name,
                    struct cove_retreat_request *request, bool dry)
{
    struct cove_catalog *catalog = txn->worker->catalog;
    struct cove_retreat retreat = {0};
    struct cove_published p = {0};
    int err =
        cove_catalog_find(catalog, txn->txn, name, &request->num, &txn->diag);

    if (err == 0) {
        err = cove_retreat_prepare(catalog, txn->txn, request, &txn->arena,
                                   &retreat, &txn->diag);
    }
    if (err != 0) {
        return err;
    }
    p.num = retreat.step.num;
    p.step = retreat.step.step.step;
    p.version = retreat.step.step.version;
    if (!dry && retreat.lost_count > 0) {
        err = down_guard(a, txn, &retreat);
    }
    if (err == 0 && !dry) {
        err = cove_publish_prepared(catalog, txn->txn, &retreat.step,
                                    "the way back", &p, &txn->diag);
        err = err != 0 ? err : admin_published(a, txn, &p);
    } else if (err == 0) {
        node_json_key(&a->reply, "step");
        node_json_hex(&a->reply, p.step.b, sizeof(p.step.b));
        node_json_key(&a->reply, "version");
        node_json_int(&a->reply, p.version);
    }
    if (err == 0) {
        down_json(&a->reply, &retreat);
    }
    return err;
}

static int verb_down(struct admin *a)
{
    struct cove_retreat_request request = {0};
    const char *name = NULL;
    struct cove_txn *txn;
    bool dry = false;
    int err = down_read(a, &name, &request, &dry);

    if (err == 0) {
        err = node_begin(a->store, dry ? COVE_READ | COVE_VIEW : COVE_WRITE,
                         &txn);
    }
    if (err != 0) {
        return err;
    }
    err = down_run(a, txn, name, &request, dry);
    return admin_end(a, txn, err);
}

const struct admin_verb admin_down_verbs[] = {
    {"migrate.down", "schema steps to undo acceptDataLoss dry noBackup",
     verb_down},
    {"migrate.retire", "schema version yes dry", admin_migrate_retire},
    {"migrate.merge", "schema dry", admin_migrate_merge},
    {NULL, NULL, NULL},
};
