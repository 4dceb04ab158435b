/* admin_history.c: history, conflicts: who wrote what when, and what lost. */
#include "node/admin.h"

#include "crdt/history.h"

static void event_json(struct node_json *j, const struct cove_event *e)
{
    node_json_open(j, '{');
    node_json_author(j, &e->id);
    node_json_key(j, "session");
    node_json_hex(j, e->id.session.b, sizeof(e->id.session.b));
    node_json_key(j, "tx");
    node_json_int(j, e->id.tx);
    node_json_key(j, "op");
    node_json_int(j, e->id.op);
    node_json_key(j, "kind");
    node_json_cstr(j, e->kind == COVE_TX_COPY ? "copy" : "native");
    if (e->has_epoch) {
        node_json_key(j, "epoch");
        node_json_hex(j, e->epoch.b, sizeof(e->epoch.b));
    }
    node_json_key(j, "register");
    node_json_text(j, e->reg);
    if (e->deleted) {
        node_json_key(j, "deleted");
        node_json_bool(j, true);
    } else {
        node_json_key(j, "value");
        node_json_value(j, e->value);
    }
    if (e->kind == COVE_TX_COPY) {
        node_json_origins(j, e->origins, e->origin_count);
    }
    node_json_key(j, "shown");
    node_json_bool(j, e->shown);
    node_json_close(j, '}');
}

/* The register that a field of the request names: raw id or display name. */
static struct cove_bytes history_register(const struct cove_loaded *loaded,
                                          struct cove_bytes field)
{
    uint32_t reg;

    if (!loaded->raw && cove_plan_find_name(loaded->plan, field, &reg)) {
        return loaded->plan->registers[reg].id;
    }
    return field;
}

static int history_load(struct admin *a, struct cove_txn **txn,
                        struct cove_loaded **loaded)
{
    struct cove_id id;
    const char *version = NULL;
    bool given;
    int err = admin_id(a, "id", &id, &given);

    err = err != 0 ? err : admin_need(a, "id", given ? a : NULL);
    err = err != 0 ? err : admin_version(a, &version);
    if (err == 0) {
        err = node_begin(a->store, COVE_READ | COVE_VIEW, txn);
    }
    if (err == 0) {
        err = node_load(*txn, &id, version, loaded);
        if (err != 0) {
            return admin_end(a, *txn, err);
        }
    }
    return err;
}

static int verb_history(struct admin *a)
{
    struct cove_txn *txn;
    struct cove_loaded *loaded;
    struct cove_event *events;
    const char *field = NULL;
    size_t count;
    int err = admin_text(a, "field", &field);

    if (err == 0) {
        err = history_load(a, &txn, &loaded);
    }
    if (err != 0) {
        return err;
    }
    err = cove_history(txn->worker->repo, txn->txn, &loaded->doc, &txn->arena,
                       &events, &count);
    node_json_key(&a->reply, "events");
    node_json_open(&a->reply, '[');
    for (size_t i = 0; err == 0 && i < count; i++) {
        if (field == NULL ||
            cove_bytes_equal(
                events[i].reg,
                history_register(loaded, cove_bytes_text(field)))) {
            event_json(&a->reply, &events[i]);
        }
    }
    node_json_close(&a->reply, ']');
    return admin_end(a, txn, err);
}

static int conflicts_of(struct admin *a, struct cove_txn *txn,
                        struct cove_loaded *loaded, struct cove_bytes reg,
                        struct cove_bytes name)
{
    struct cove_event *events;
    size_t count;
    int err = cove_history_conflicts(txn->worker->repo, txn->txn, &loaded->doc,
                                     reg, &txn->arena, &events, &count);

    if (err != 0 || count == 0) {
        return err;
    }
    node_json_key_bytes(&a->reply, name);
    node_json_open(&a->reply, '[');
    for (size_t i = 0; i < count; i++) {
        event_json(&a->reply, &events[i]);
    }
    node_json_close(&a->reply, ']');
    return 0;
}

static int verb_conflicts(struct admin *a)
{
    struct cove_txn *txn;
    struct cove_loaded *loaded;
    int err = history_load(a, &txn, &loaded);

    if (err != 0) {
        return err;
    }
    const struct cove_state *state = &loaded->doc.state;

    node_json_key(&a->reply, "conflicts");
    node_json_open(&a->reply, '{');
    for (size_t i = 0; err == 0 && i < state->native_count; i++) {
        struct cove_bytes reg = state->natives[i].reg, name = reg;
        uint32_t at;

        if (i > 0 && cove_bytes_equal(reg, state->natives[i - 1].reg)) {
            continue;
        }
        if (!loaded->raw && cove_plan_find(loaded->plan, reg, &at) &&
            loaded->plan->registers[at].visible) {
            name = loaded->plan->registers[at].name;
        }
        err = conflicts_of(a, txn, loaded, reg, name);
    }
    node_json_close(&a->reply, '}');
    return admin_end(a, txn, err);
}

const struct admin_verb admin_history_verbs[] = {
    {"history", "id version field", verb_history},
    {"conflicts", "id version", verb_conflicts},
    {NULL, NULL, NULL},
};
