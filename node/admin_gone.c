/* admin_gone.c: remove: documents removed for everybody; who removed one.
 *
 * A map's fields that are documents of their own go with it: whoever removes it
 * removes those that are here, in the same transaction. */
#include "core/cbor.h"
#include "core/hlc.h"
#include "core/value.h"
#include "crdt/repo_gone.h"
#include "migrate/child.h"
#include "node/guard.h"

#define GONE_SHOWN 100 /* ids that a reply lists */

struct gone {
    struct admin *a;
    struct cove_txn *txn;
    struct cove_bytes ids; /* of the request: a list of texts */
    bool yes;
    int64_t documents, children;
};

/* ---------------------------------------------------------------- children */

/* A field's document, if it is here and still there. */
static int gone_child(struct gone *g, const struct cove_child_name *name)
{
    struct cove_repo *repo = g->txn->worker->repo;
    struct cove_buf header;
    struct cove_gone gone;
    struct cove_id id;
    cove_num num = 0;
    int err;

    cove_buf_init(&header, g->a->store->alloc);
    err = cove_child_header(name, &header, &id, &g->txn->diag);
    cove_buf_clear(&header);
    if (err == 0) {
        err = cove_repo_find(repo, g->txn->txn, &id, &num);
    }
    if (err == 0 &&
        cove_repo_gone(repo, g->txn->txn, num, &gone) == COVE_ENOTFOUND) {
        err = cove_repo_tombstone(repo, g->txn->txn, num, &g->txn->diag);
        g->children += err == 0;
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* The fields of the newest version. */
static int gone_children(struct gone *g, const struct cove_doc *doc)
{
    struct cove_catalog *catalog = g->txn->worker->catalog;
    const struct cove_plan *plan;
    struct cove_step_id head;
    int err;

    if (doc->header.type != COVE_DOC_COMAP || doc->schema_num == 0) {
        return 0;
    }
    err = cove_catalog_head(catalog, g->txn->txn, doc->schema_num, NULL, &head,
                            &g->txn->diag);
    if (err == 0) {
        err = cove_catalog_plan(catalog, g->txn->txn, doc->schema_num, &head,
                                &plan);
    }
    if (err == COVE_ENOTFOUND || err == COVE_EBLOCKED || err == COVE_ETYPE) {
        cove_diag_clear(&g->txn->diag); /* what it has is not known here */
        return 0;
    }
    for (size_t i = 0; err == 0 && i < plan->child_count; i++) {
        const struct cove_child_name name = {
            .kind = plan->children[i].kind,
            .owner = doc->header.has_owner ? doc->header.owner : doc->id,
            .parent = doc->id,
            .reg = plan->registers[plan->children[i].reg].id};

        err = gone_child(g, &name);
    }
    return err;
}

/* ------------------------------------------------------------------ remove */

static int gone_one(struct gone *g, const struct cove_id *id)
{
    struct cove_repo *repo = g->txn->worker->repo;
    struct cove_doc doc;
    cove_num num;
    int err = cove_repo_find(repo, g->txn->txn, id, &num);

    if (err == 0) {
        err = cove_repo_load(repo, g->txn->txn, num, &g->txn->arena, &doc,
                             &g->txn->diag);
    }
    if (err == 0) {
        err = gone_children(g, &doc);
    }
    if (err == 0) {
        err = cove_repo_tombstone(repo, g->txn->txn, num, &g->txn->diag);
    }
    g->txn->wrote = g->txn->wrote || err == 0;
    g->documents += err == 0;
    return err;
}

/* The request's ids, each whole or by prefix. */
static int gone_ids(struct gone *g, struct cove_id **out, size_t *count)
{
    struct cove_reader r;
    size_t n;

    if (g->ids.len == 0 || cove_value_kind(g->ids) != COVE_KIND_LIST) {
        return cove_fail(&g->a->diag, COVE_EUSAGE,
                         "\"ids\" must be a list of documents");
    }
    cove_reader_init(&r, g->ids);
    n = cove_reader_list(&r);
    *out = cove_arena_array(&g->a->arena, n + 1, sizeof(**out));
    if (*out == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        struct cove_bytes item = cove_reader_item(&r);
        struct cove_bytes text;
        int err;

        if (cove_value_kind(item) != COVE_KIND_TEXT) {
            return cove_fail(&g->a->diag, COVE_EUSAGE,
                             "\"ids\" must be a list of documents");
        }
        err = cove_arena_copy(&g->a->arena, cove_value_text(item), &text);
        if (err == 0) {
            err =
                cove_id_lookup(g->a->store, (const char *)text.at, &(*out)[i]);
        }
        if (err != 0) {
            return cove_fail(&g->a->diag, err, "%s", cove_errmsg(g->a->store));
        }
    }
    *count = n;
    return 0;
}

static int gone_consent(struct gone *g, size_t count)
{
    struct node_guard guard;
    int err;

    if (!g->yes) {
        return cove_fail(&g->txn->diag, COVE_EDESTRUCTIVE,
                         "this would remove %zu document%s for good, here and "
                         "from all who have %s; -y does it",
                         count, count == 1 ? "" : "s",
                         count == 1 ? "it" : "them");
    }
    err = guard_init(g->a, g->txn, &guard);
    return err != 0 ? err
                    : guard_any(&guard, g->txn,
                                "what is removed cannot be brought back");
}

static int gone_all(struct gone *g)
{
    struct cove_id *ids = NULL;
    size_t count = 0;
    int err = gone_ids(g, &ids, &count);

    err = err != 0 ? err
                   : node_begin(g->a->store, COVE_WRITE | COVE_VIEW, &g->txn);
    if (err != 0) {
        return err;
    }
    err = gone_consent(g, count);
    node_json_key(&g->a->reply, "removed");
    node_json_open(&g->a->reply, '[');
    for (size_t i = 0; i < count && err == 0; i++) {
        err = gone_one(g, &ids[i]);
        if (err == 0) {
            node_json_id(&g->a->reply, &ids[i]);
        }
    }
    node_json_close(&g->a->reply, ']');
    return admin_end(g->a, g->txn, err);
}

static int verb_remove(struct admin *a)
{
    struct gone g = {.a = a};
    int err = admin_value(a, "ids", &g.ids);

    err = err != 0 ? err : admin_flag(a, "yes", &g.yes);
    err = err != 0 ? err : gone_all(&g);
    if (err == 0) {
        node_json_key(&a->reply, "children");
        node_json_int(&a->reply, g.children);
    }
    return err;
}

/* --------------------------------------------------------------- who did it */

static void gone_by_json(struct node_json *j, const struct cove_gone *by)
{
    char hex[COVE_HEX_LEN(32)];

    node_json_key(j, "time");
    node_json_int(j, cove_hlc_ms(by->hlc));
    node_json_key(j, "author");
    cove_hex(cove_bytes(by->device.b, sizeof(by->device.b)), hex);
    node_json_cstr(j, hex);
}

int admin_removed_json(struct admin *a, struct cove_txn *txn)
{
    struct node_json *j = &a->reply;
    struct cove_gone_late late;
    const struct cove_id *after = NULL;
    struct cove_id last;
    int64_t count = 0;
    int err;

    node_json_key(j, "removed");
    node_json_open(j, '{');
    node_json_key(j, "unseen");
    node_json_open(j, '[');
    while ((err = cove_repo_gone_late(txn->worker->repo, txn->txn, after,
                                      &late)) == 0) {
        last = late.id;
        after = &last;
        if (count++ < GONE_SHOWN) {
            node_json_open(j, '{');
            node_json_key(j, "id");
            node_json_id(j, &late.id);
            gone_by_json(j, &late.by);
            node_json_key(j, "transactions");
            node_json_int(j, (int64_t)late.own);
            node_json_close(j, '}');
        }
    }
    node_json_close(j, ']');
    node_json_key(j, "unseenCount");
    node_json_int(j, count);
    node_json_close(j, '}');
    return err == COVE_ENOTFOUND ? 0 : err;
}

int admin_removed_history(struct admin *a)
{
    struct node_json *j = &a->reply;
    struct cove_txn *txn;
    struct cove_gone gone;
    const char *version;
    struct cove_id id;
    cove_num num = 0;
    int err = admin_document(a, &id, &version);

    cove_diag_clear(&a->diag);
    err = err != 0 ? err : node_begin(a->store, COVE_READ | COVE_VIEW, &txn);
    if (err != 0) {
        return err;
    }
    err = cove_repo_find(txn->worker->repo, txn->txn, &id, &num);
    if (err == 0) {
        err = cove_repo_gone(txn->worker->repo, txn->txn, num, &gone);
    }
    if (err == 0) {
        node_json_key(j, "events");
        node_json_open(j, '[');
        node_json_open(j, '{');
        gone_by_json(j, &gone);
        node_json_key(j, "kind");
        node_json_cstr(j, "native");
        node_json_key(j, "shown");
        node_json_bool(j, true);
        node_json_key(j, "removes");
        node_json_bool(j, true);
        node_json_close(j, '}');
        node_json_close(j, ']');
    }
    return admin_end(a, txn, err);
}

const struct admin_verb admin_gone_verbs[] = {
    {"remove", "ids yes noBackup", verb_remove},
    {NULL, NULL, NULL},
};
