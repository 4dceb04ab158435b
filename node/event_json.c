/* event_json.c: what was done to a document, as the verbs about its past say
 * it.
 *
 * `history` has one object an op, `changes` one a transaction with its ops
 * inside: they name three members differently, and order them differently.
 */
#include "node/admin.h"

#include "core/cbor.h"
#include "crdt/history.h"

static void event_session(struct node_json *j, const char *key,
                          const struct cove_session_id *id)
{
    node_json_key(j, key);
    node_json_hex(j, id->b, sizeof(id->b));
}

void admin_event_head_json(struct node_json *j, const struct cove_event *e)
{
    node_json_author(j, &e->id);
    event_session(j, "session", &e->id.session);
    node_json_key(j, "tx");
    node_json_int(j, e->id.tx);
}

void admin_event_kind_json(struct node_json *j, const struct cove_event *e)
{
    node_json_key(j, "kind");
    node_json_cstr(j, e->kind == COVE_TX_COPY ? "copy" : "native");
}

void admin_event_shown_json(struct node_json *j, const struct cove_event *e)
{
    node_json_key(j, "shown");
    node_json_bool(j, e->shown);
}

void admin_event_tx_json(struct node_json *j, const struct cove_event *e)
{
    static const struct cove_session_id none;

    if (memcmp(&e->branch, &none, sizeof(none)) != 0) {
        event_session(j, "branch", &e->branch);
    }
    if (e->undo != NULL) {
        node_json_key(j, "undoes");
        node_json_open(j, '{');
        event_session(j, "session", &e->undo->session);
        node_json_key(j, "tx");
        node_json_int(j, e->undo->len);
        node_json_close(j, '}');
    }
    if (e->begins != NULL) {
        node_json_key(j, "begins");
        node_json_text(j, e->begins->name);
    }
    if (e->merges != NULL) {
        event_session(j, "merges", &e->merges->id);
    }
}

void admin_items_json(struct node_json *j, struct cove_bytes values)
{
    struct cove_reader r;

    cove_reader_init(&r, values);
    node_json_key(j, "items");
    node_json_open(j, '[');
    while (r.err == 0 && r.at < r.end) {
        node_json_value(j, cove_reader_item(&r));
    }
    node_json_close(j, ']');
}

static void event_register(struct node_json *j, const struct cove_event *e)
{
    node_json_key(j, "register");
    node_json_text(j, e->reg);
    if (e->deleted) {
        node_json_key(j, "deleted");
        node_json_bool(j, true);
    } else {
        node_json_key(j, "value");
        node_json_value(j, e->value);
    }
}

void admin_event_op_json(struct node_json *j, const struct cove_event *e,
                         const struct admin_event_keys *keys)
{
    switch (e->what) {
    case COVE_EVENT_REGISTER:
        event_register(j, e);
        break;
    case COVE_EVENT_TEXT:
        node_json_key(j, "text");
        node_json_text(j, e->value);
        break;
    case COVE_EVENT_ITEMS:
        admin_items_json(j, e->value);
        break;
    case COVE_EVENT_REMOVE:
        node_json_key(j, keys->removed);
        node_json_int(j, e->count);
        break;
    case COVE_EVENT_APPEND:
        node_json_key(j, keys->appended);
        node_json_value(j, e->value);
        break;
    case COVE_EVENT_CHUNK:
        node_json_key(j, "offset");
        node_json_int(j, (int64_t)e->offset);
        node_json_key(j, "bytes");
        node_json_int(j, (int64_t)e->value.len);
        break;
    case COVE_EVENT_ADD:
        node_json_key(j, keys->added);
        node_json_int(j, e->amount);
        break;
    case COVE_EVENT_NONE:
        break;
    }
}
