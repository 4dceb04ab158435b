/* admin_want.c: peer.want, what a peer is to tell us of; and as JSON, for
 * peer.list. */
#include "core/value.h"
#include "crdt/repo_index.h"
#include "node/admin.h"
#include "sync/interest.h"

struct want {
    struct admin *a;
    struct cove_txn *txn;
    struct cove_interest in; /* as asked for, in any order */
};

static int want_bad(struct want *w, const char *member)
{
    return cove_fail(&w->txn->diag, COVE_EUSAGE,
                     "\"%s\" must be a list, as {\"schemas\": [\"Note\"], "
                     "\"groups\": [\"co_z…\"], \"documents\": [{\"id\": "
                     "\"co_z…\", \"steps\": 1}]}",
                     member);
}

/* A text that names a document: its id, which is all there need be; *text is
 * NULL then, else what else it says. */
static int want_text(struct want *w, struct cove_bytes item,
                     struct cove_id *out, const char **text)
{
    struct cove_bytes copy;
    int err;

    if (cove_value_kind(item) != COVE_KIND_TEXT) {
        return COVE_EUSAGE;
    }
    err = cove_arena_copy(&w->a->arena, cove_value_text(item), &copy);
    *text = (const char *)copy.at;
    if (err == 0 && cove_id_parse(*text, out) == 0) {
        *text = NULL;
    }
    return err;
}

/* A document, whole or by prefix where it is here. */
static int want_id(struct want *w, struct cove_bytes item, struct cove_id *out)
{
    const char *text;
    int err = want_text(w, item, out, &text);

    return err != 0 || text == NULL
               ? err
               : cove_repo_resolve(w->txn->worker->repo, w->txn->txn, text, out,
                                   &w->txn->diag);
}

/* A schema by its name, or by the id of its journal. */
static int want_schema(struct want *w, struct cove_bytes item,
                       struct cove_id *out)
{
    const char *text;
    cove_num num;
    int err = want_text(w, item, out, &text);

    if (err == 0 && text != NULL) {
        err = cove_catalog_find(w->txn->worker->catalog, w->txn->txn, text,
                                &num, &w->txn->diag);
        err = err != 0
                  ? err
                  : cove_repo_id(w->txn->worker->repo, w->txn->txn, num, out);
    }
    return err;
}

static int want_document(struct want *w, struct cove_bytes item,
                         struct cove_interest_doc *out)
{
    struct cove_bytes id, steps;

    if (cove_value_kind(item) != COVE_KIND_MAP ||
        !cove_value_member(item, "id", &id)) {
        return COVE_EUSAGE;
    }
    out->steps = 0;
    if (cove_value_member(item, "steps", &steps)) {
        if (cove_value_kind(steps) != COVE_KIND_INT ||
            cove_value_int(steps) < 0 ||
            cove_value_int(steps) > COVE_INTEREST_STEPS) {
            return cove_fail(&w->txn->diag, COVE_EUSAGE,
                             "\"steps\" is how often references are followed, "
                             "from 0 to %d",
                             COVE_INTEREST_STEPS);
        }
        out->steps = (uint8_t)cove_value_int(steps);
    }
    return want_id(w, id, &out->id);
}

/* A list of the request, into the interest. */
static int want_list(struct want *w, const char *member, size_t max)
{
    struct cove_interest *in = &w->in;
    struct cove_bytes list;
    struct cove_reader r;
    size_t count;
    int err = 0;

    admin_value(w->a, member, &list);
    if (list.len == 0) {
        return 0;
    }
    if (cove_value_kind(list) != COVE_KIND_LIST) {
        return want_bad(w, member);
    }
    cove_reader_init(&r, list);
    count = cove_reader_list(&r);
    if (count > max) {
        return cove_fail(&w->txn->diag, COVE_ELIMIT,
                         "\"%s\" has %zu items; the limit is %zu", member,
                         count, max);
    }
    in->all = false;
    for (size_t i = 0; i < count && err == 0; i++) {
        struct cove_bytes item = cove_reader_item(&r);

        if (max == COVE_INTEREST_DOCUMENTS) {
            err = want_document(w, item, &in->docs[in->doc_count++]);
        } else if (strcmp(member, "schemas") == 0) {
            err = want_schema(w, item, &in->schemas[in->schema_count++]);
        } else {
            err = want_id(w, item, &in->groups[in->group_count++]);
        }
    }
    return err == COVE_EUSAGE && w->txn->diag.code == 0 ? want_bad(w, member)
                                                        : err;
}

static int want_read(struct want *w)
{
    struct cove_arena *arena = &w->a->arena;
    struct cove_interest *in = &w->in;
    bool all = false;
    int err = admin_flag(w->a, "all", &all);

    in->all = true;
    in->schemas =
        cove_arena_array(arena, COVE_INTEREST_SCHEMAS, sizeof(*in->schemas));
    in->groups =
        cove_arena_array(arena, COVE_INTEREST_GROUPS, sizeof(*in->groups));
    in->docs =
        cove_arena_array(arena, COVE_INTEREST_DOCUMENTS, sizeof(*in->docs));
    if (in->schemas == NULL || in->groups == NULL || in->docs == NULL) {
        return COVE_ENOMEM;
    }
    err = err != 0 ? err : want_list(w, "schemas", COVE_INTEREST_SCHEMAS);
    err = err != 0 ? err : want_list(w, "groups", COVE_INTEREST_GROUPS);
    err = err != 0 ? err : want_list(w, "documents", COVE_INTEREST_DOCUMENTS);
    if (err == 0 && all == !in->all) {
        err = cove_fail(&w->txn->diag, COVE_EUSAGE,
                        "say \"all\", or what of all: \"schemas\", \"groups\", "
                        "\"documents\"");
    }
    return err;
}

static int verb_peer_want(struct admin *a)
{
    struct want w = {.a = a};
    struct cove_key key;
    struct cove_peer_record peer;
    struct cove_buf encoded;
    int err = admin_peer_key(a, &key);

    if (err == 0) {
        err = node_begin(a->store, COVE_WRITE, &w.txn);
    }
    if (err != 0) {
        return err;
    }
    cove_buf_init(&encoded, a->store->alloc);
    err = cove_peer_get(w.txn->worker->repo, w.txn->txn, &key, &peer);
    if (err == COVE_ENOTFOUND) {
        cove_fail(&w.txn->diag, err,
                  "no such peer; `cove peer list` shows them");
    }
    err = err != 0 ? err : want_read(&w);
    err = err != 0 ? err : cove_interest_encode(&w.in, &encoded);
    if (err == 0) {
        err = cove_interest_put(w.txn->worker->repo, w.txn->txn,
                                COVE_INTEREST_WANTED, &key,
                                cove_buf_bytes(&encoded));
        w.txn->wrote = true;
    }
    if (err == 0) {
        err = node_interest_json(w.txn, COVE_INTEREST_WANTED, &key, "wants",
                                 &a->reply);
    }
    cove_buf_clear(&encoded);
    return admin_end(a, w.txn, err);
}

const struct admin_verb admin_want_verbs[] = {
    {"peer.want", "key all schemas groups documents", verb_peer_want},
    {NULL, NULL, NULL},
};

/* --- as JSON */

static void ids_json(struct node_json *j, const char *key,
                     const struct cove_id *ids, size_t count)
{
    char text[COVE_ID_TEXT_MAX];

    node_json_key(j, key);
    node_json_open(j, '[');
    for (size_t i = 0; i < count; i++) {
        cove_id_text(&ids[i], text);
        node_json_cstr(j, text);
    }
    node_json_close(j, ']');
}

static void interest_json(struct node_json *j, const struct cove_interest *in)
{
    char text[COVE_ID_TEXT_MAX];

    ids_json(j, "schemas", in->schemas, in->schema_count);
    ids_json(j, "groups", in->groups, in->group_count);
    node_json_key(j, "documents");
    node_json_open(j, '[');
    for (size_t i = 0; i < in->doc_count; i++) {
        node_json_open(j, '{');
        cove_id_text(&in->docs[i].id, text);
        node_json_key(j, "id");
        node_json_cstr(j, text);
        node_json_key(j, "steps");
        node_json_int(j, in->docs[i].steps);
        node_json_close(j, '}');
    }
    node_json_close(j, ']');
}

int node_interest_json(struct cove_txn *txn, enum cove_interest_record which,
                       const struct cove_key *peer, const char *key,
                       struct node_json *j)
{
    struct cove_interest in;
    struct cove_buf encoded;
    int err;

    cove_interest_init(&in, txn->store->alloc);
    cove_buf_init(&encoded, txn->store->alloc);
    err = cove_interest_get(txn->worker->repo, txn->txn, which, peer, &encoded);
    if (err == 0) {
        err = cove_interest_decode(&in, cove_buf_bytes(&encoded), NULL);
        err = err == COVE_EPROTOCOL ? COVE_ECORRUPT : err;
    }
    if (err == 0) {
        node_json_key(j, key);
        node_json_open(j, '{');
        if (in.all) {
            node_json_key(j, "all");
            node_json_bool(j, true);
        } else {
            interest_json(j, &in);
        }
        node_json_close(j, '}');
    }
    cove_interest_clear(&in);
    cove_buf_clear(&encoded);
    return err;
}
