/* doc_json.c: a document as JSON: as a version sees it, or raw. */
#include "core/hlc.h"
#include "core/value.h"
#include "node/node.h"

void node_json_author(struct node_json *j, const struct cove_op_id *id)
{
    node_json_key(j, "time");
    node_json_int(j, cove_hlc_ms(id->hlc));
    node_json_key(j, "author");
    node_json_hex(j, id->device.b, sizeof(id->device.b));
}

void node_json_origins(struct node_json *j, const struct cove_origin *origins,
                       size_t count)
{
    node_json_key(j, "origins");
    node_json_open(j, '[');
    for (size_t i = 0; i < count; i++) {
        const struct cove_origin *o = &origins[i];

        node_json_open(j, '[');
        node_json_text(j, o->reg);
        if (cove_op_id_is_none(&o->id)) {
            node_json_raw(j, cove_bytes_text("null"));
        } else {
            node_json_open(j, '{');
            node_json_author(j, &o->id);
            node_json_key(j, "session");
            node_json_hex(j, o->id.session.b, sizeof(o->id.session.b));
            node_json_key(j, "tx");
            node_json_int(j, o->id.tx);
            node_json_key(j, "op");
            node_json_int(j, o->id.op);
            node_json_key(j, "held");
            node_json_bool(j, o->held);
            node_json_close(j, '}');
        }
        node_json_close(j, ']');
    }
    node_json_close(j, ']');
}

static void raw_native(struct node_json *j, const struct cove_native *n)
{
    if (!n->deleted) {
        node_json_key(j, "value");
        node_json_value(j, n->value);
    } else {
        node_json_key(j, "deleted");
        node_json_bool(j, true);
    }
    node_json_author(j, &n->id);
    node_json_key(j, "kind");
    node_json_cstr(j, "native");
    if (n->has_epoch) {
        node_json_key(j, "epoch");
        node_json_hex(j, n->epoch.b, sizeof(n->epoch.b));
    }
}

static void raw_copy(struct node_json *j, const struct cove_copy *c)
{
    if (!c->deleted) {
        node_json_key(j, "value");
        node_json_value(j, c->value);
    } else {
        node_json_key(j, "deleted");
        node_json_bool(j, true);
    }
    node_json_author(j, &c->id);
    node_json_key(j, "kind");
    node_json_cstr(j, "copy");
    node_json_origins(j, c->origins, c->origin_count);
}

/* The registers in order, each with its stored winner: natives and copies are
 * both sorted by register, so this is a merge of the two. A document without a
 * schema that is not asked for raw shows them as plain fields. */
static int raw_registers(const struct cove_state *state, bool plain,
                         struct node_json *j)
{
    size_t n = 0, c = 0;

    node_json_key(j, plain ? "fields" : "registers");
    node_json_open(j, '{');
    while (n < state->native_count || c < state->copy_count) {
        const struct cove_native *native = NULL;
        const struct cove_copy *copy = NULL;
        struct cove_bytes reg;

        if (c == state->copy_count ||
            (n < state->native_count &&
             cove_bytes_compare(state->natives[n].reg, state->copies[c].reg) <=
                 0)) {
            reg = state->natives[n].reg;
        } else {
            reg = state->copies[c].reg;
        }
        while (n < state->native_count &&
               cove_bytes_equal(state->natives[n].reg, reg)) {
            n++;
        }
        while (c < state->copy_count &&
               cove_bytes_equal(state->copies[c].reg, reg)) {
            c++;
        }
        int err = cove_state_winner(state, reg, &native, &copy);

        if (err != 0) {
            return err;
        }
        if (plain) {
            if (native != NULL && !native->deleted) {
                node_json_key_bytes(j, reg);
                node_json_value(j, native->value);
            }
            continue;
        }
        node_json_key_bytes(j, reg);
        node_json_open(j, '{');
        if (native != NULL) {
            raw_native(j, native);
        } else {
            raw_copy(j, copy);
        }
        node_json_close(j, '}');
    }
    node_json_close(j, '}');
    return 0;
}

/* Of those that are invalid the names of fields whose value is not known here:
 * "unknown", where there are any. */
static int view_unknown(struct cove_loaded *loaded, struct node_json *j)
{
    bool some = false;

    for (size_t i = 0; i < loaded->plan->field_count; i++) {
        struct cove_field field;
        int err = cove_view_field(&loaded->view, i, &field);

        if (err != 0) {
            return err;
        }
        if (!cove_cell_is_open(field.cell)) {
            continue;
        }
        if (!some) {
            node_json_key(j, "unknown");
            node_json_open(j, '[');
            some = true;
        }
        node_json_text(j, field.name);
    }
    if (some) {
        node_json_close(j, ']');
    }
    return 0;
}

/* "fields" and, behind it, "invalid" where there are any. */
static int view_fields(struct cove_loaded *loaded, struct node_json *j)
{
    bool some = false;

    for (int pass = 0; pass < 2; pass++) {
        bool invalid = pass == 1;

        if (invalid && !some) {
            break;
        }
        node_json_key(j, invalid ? "invalid" : "fields");
        node_json_open(j, '{');
        for (size_t i = 0; i < loaded->plan->field_count; i++) {
            struct cove_field field;
            int err = cove_view_field(&loaded->view, i, &field);

            if (err != 0) {
                return err;
            }
            some = some || field.cell.kind == COVE_INVALID;
            if (field.cell.kind == (invalid ? COVE_INVALID : COVE_PRESENT)) {
                node_json_key_bytes(j, field.name);
                node_json_value(j, field.cell.bytes);
            }
        }
        node_json_close(j, '}');
    }
    return some ? view_unknown(loaded, j) : 0;
}

/* Where the document stands. The registers alone do not say whether a version
 * could show it, so a raw one is loaded as the newest sees it. */
static int doc_state(struct cove_txn *txn, struct cove_loaded *loaded,
                     enum cove_doc_state *out)
{
    struct cove_load_request request = {.num = loaded->doc.num,
                                        .mode = COVE_LOAD_VIEW,
                                        .live_days = txn->store->live_days};
    struct cove_loaded viewed;
    int err;

    if (!loaded->raw || loaded->doc.schema_num == 0) {
        err = cove_loaded_due(txn->worker->catalog, txn->txn,
                              txn->store->live_days, loaded, &txn->diag);
        return err != 0 ? err : cove_loaded_state(loaded, out);
    }
    err = cove_load(txn->worker->catalog, txn->txn, &request, &txn->arena,
                    &viewed, NULL);

    if (err == COVE_EBLOCKED) {
        *out = COVE_STATE_BLOCKED;
        return 0;
    }
    return err != 0 ? err : cove_loaded_state(&viewed, out);
}

static bool doc_is_map(enum cove_doc_type type)
{
    return type != COVE_DOC_COTEXT && type != COVE_DOC_COLIST &&
           type != COVE_DOC_COSTREAM && type != COVE_DOC_COBINARY &&
           type != COVE_DOC_COCOUNTER;
}

/* Does its id follow from a map and a field of it? */
static bool doc_is_child(const struct cove_header *h)
{
    struct cove_bytes rule;

    return h->from.len > 0 && cove_value_member(h->from, "rule", &rule) &&
           cove_value_kind(rule) == COVE_KIND_TEXT &&
           cove_bytes_equal(cove_value_text(rule), cove_bytes_text("field"));
}

int node_doc_members(struct cove_txn *txn, struct cove_loaded *loaded,
                     const struct node_show *show, struct node_json *j)
{
    const struct cove_header *h = &loaded->doc.header;
    const struct cove_schema_doc *schema;
    enum cove_doc_state state;
    int err = doc_state(txn, loaded, &state);

    if (err != 0) {
        return err;
    }
    node_json_key(j, "id");
    node_json_id(j, &loaded->doc.id);
    node_json_key(j, "type");
    node_json_text(j, h->type_name);
    if (h->unique.len > 0) {
        node_json_key(j, "unique");
        node_json_value(j, h->unique);
    }
    if (!loaded->raw) {
        const struct cove_step *step =
            cove_journal_find(loaded->plan->journal, &loaded->head);

        err = cove_catalog_open(txn->worker->catalog, txn->txn,
                                loaded->doc.schema_num, &schema);
        if (err != 0) {
            return err;
        }
        node_json_key(j, "schema");
        node_json_text(j, schema->name);
        node_json_key(j, "version");
        node_json_int(j, step->has_version ? step->version : 0);
    }
    if (h->has_owner) {
        node_json_key(j, "owner");
        node_json_id(j, &h->owner);
    }
    if (doc_is_child(h)) {
        node_json_key(j, "child");
        node_json_bool(j, true);
    }
    if (loaded->doc.flags & COVE_DOC_LOCAL) {
        node_json_key(j, "local");
        node_json_bool(j, true);
    }
    node_json_key(j, "state");
    node_json_cstr(j, cove_doc_state_name(state));
    if (!doc_is_map(h->type)) {
        return node_doc_content(txn, loaded, show, j);
    }
    return loaded->raw
               ? raw_registers(&loaded->doc.state, !(txn->flags & COVE_RAW), j)
               : view_fields(loaded, j);
}

int node_doc_json(struct cove_txn *txn, struct cove_loaded *loaded,
                  const struct node_show *show, struct node_json *j)
{
    node_json_open(j, '{');
    int err = node_doc_members(txn, loaded, show, j);

    node_json_close(j, '}');
    return err;
}
