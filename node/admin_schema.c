/* admin_schema.c: schema.put, schema.list, schema.show. */
#include "core/value.h"
#include "node/admin.h"

#include <stdlib.h>

/* --------------------------------------------------------------- publishing */

/* Hang a registry of this owner on the own account, once. */
static int root_link(struct admin *a, struct cove_txn *txn,
                     const struct cove_id *owner, enum cove_registry which)
{
    struct cove_loaded *account;
    struct cove_doc_brief brief;
    struct cove_edit edit;
    struct cove_cell cell;
    char text[COVE_ID_TEXT_MAX];
    cove_num num;
    int err = cove_registry_open(txn->worker->catalog, txn->txn, owner, which,
                                 false, &num);

    if (err == COVE_ENOTFOUND) {
        return 0;
    }
    if (err == 0) {
        err = cove_repo_brief(txn->worker->repo, txn->txn, num, &brief);
    }
    if (err == 0) {
        err = cove_value_of_ref(&txn->arena, &brief.id, &edit.value);
    }
    if (err == 0) {
        err = node_load(txn, &a->store->account, NULL, &account);
    }
    cove_id_text(owner, text);
    char *key = cove_arena_printf(
        &txn->arena, "%s/%s",
        which == COVE_REGISTRY_SCHEMATA ? "schemata" : "migrations", text);

    if (err != 0 || key == NULL) {
        return err != 0 ? err : COVE_ENOMEM;
    }
    edit.name = cove_bytes_text(key);
    edit.deleted = false;
    err = cove_loaded_get(account, edit.name, &cell, NULL);
    if (err != 0 || cell.kind == COVE_PRESENT) {
        return err;
    }
    return cove_write(txn->worker->catalog, txn->txn, account, &edit, 1,
                      &txn->diag);
}

int admin_linked(struct admin *a, struct cove_txn *txn, cove_num journal)
{
    const struct cove_schema_doc *schema;
    int err =
        cove_catalog_open(txn->worker->catalog, txn->txn, journal, &schema);

    if (err != 0) {
        return err;
    }
    struct cove_id owner = schema->owner;

    err = root_link(a, txn, &owner, COVE_REGISTRY_SCHEMATA);
    return err != 0 ? err : root_link(a, txn, &owner, COVE_REGISTRY_MIGRATIONS);
}

static int published_json(struct admin *a, struct cove_txn *txn,
                          const struct cove_published *p)
{
    struct node_json *j = &a->reply;
    struct cove_doc_brief brief;
    int err = cove_repo_brief(txn->worker->repo, txn->txn, p->num, &brief);

    if (err == 0) {
        node_json_key(j, "journal");
        node_json_id(j, &brief.id);
        node_json_key(j, "step");
        node_json_hex(j, p->step.b, sizeof(p->step.b));
        node_json_key(j, "version");
        node_json_int(j, p->version);
        node_json_key(j, "existed");
        node_json_bool(j, p->existed);
    }
    return err;
}

int admin_published(struct admin *a, struct cove_txn *txn,
                    const struct cove_published *p)
{
    int err = 0;

    if (!p->existed) {
        txn->wrote = true;
        err = admin_linked(a, txn, p->num);
    }
    return err != 0 ? err : published_json(a, txn, p);
}

static int verb_schema_put(struct admin *a)
{
    struct cove_published p;
    struct cove_bytes text;
    struct cove_id owner;
    struct cove_txn *txn;
    const char *file = "the schema";
    bool owned;
    int err = admin_json(a, "schema", &text);

    err = err != 0 ? err : admin_need(a, "schema", text.at);
    err = err != 0 ? err : admin_text(a, "file", &file);
    err = err != 0 ? err : admin_id(a, "owner", &owner, &owned);
    if (err == 0) {
        err = node_begin(a->store, COVE_WRITE, &txn);
    }
    if (err != 0) {
        return err;
    }
    err = cove_publish_schema(txn->worker->catalog, txn->txn,
                              owned ? &owner : &a->store->account, text, file,
                              &p, &txn->diag);
    if (err == 0) {
        err = admin_published(a, txn, &p);
    }
    return admin_end(a, txn, err);
}

/* ------------------------------------------------------------------ reading */

int admin_each_schema(struct admin *a, struct cove_txn *txn, const char *name,
                      int (*each)(struct admin *a, struct cove_txn *txn,
                                  cove_num num))
{
    struct cove_catalog *catalog = txn->worker->catalog;
    cove_num num = 0;
    int err;

    if (name != NULL) {
        err = cove_catalog_find(catalog, txn->txn, name, &num, &txn->diag);
        return err != 0 ? err : each(a, txn, num);
    }
    for (;;) {
        err = cove_repo_next(txn->worker->repo, txn->txn, COVE_NUM_JOURNALS,
                             num, &num);
        if (err != 0) {
            return err == COVE_ENOTFOUND ? 0 : err;
        }
        err = each(a, txn, num);
        if (err != 0) {
            return err;
        }
    }
}

static int version_order(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;

    return *a < *b ? -1 : *a > *b;
}

static int list_versions(struct admin *a, const struct cove_journal *journal)
{
    size_t all = cove_journal_count(journal), count = 0;
    int64_t *versions = cove_arena_array(&a->arena, all + 1, sizeof(*versions));

    if (versions == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < all; i++) {
        const struct cove_step *step = cove_journal_at(journal, i);

        if (step->state == COVE_STEP_ACTIVE && step->has_version) {
            versions[count++] = step->version;
        }
    }
    qsort(versions, count, sizeof(*versions), version_order);
    node_json_key(&a->reply, "versions");
    node_json_open(&a->reply, '[');
    for (size_t i = 0; i < count; i++) {
        node_json_int(&a->reply, versions[i]);
    }
    node_json_close(&a->reply, ']');
    return 0;
}

static int list_one(struct admin *a, struct cove_txn *txn, cove_num num)
{
    struct node_json *j = &a->reply;
    const struct cove_schema_doc *s;
    int err = cove_catalog_open(txn->worker->catalog, txn->txn, num, &s);

    if (err != 0) {
        return err;
    }
    node_json_open(j, '{');
    node_json_key(j, "name");
    node_json_text(j, s->name);
    node_json_key(j, "journal");
    node_json_id(j, &s->id);
    node_json_key(j, "owner");
    node_json_id(j, &s->owner);
    err = list_versions(a, s->journal);
    node_json_key(j, "forked");
    node_json_bool(j, cove_schema_doc_forked(s));
    node_json_key(j, "drift");
    node_json_int(j, (int64_t)s->drift_count);
    node_json_close(j, '}');
    return err;
}

static int verb_schema_list(struct admin *a)
{
    struct cove_txn *txn;
    int err = node_begin(a->store, COVE_READ, &txn);

    if (err != 0) {
        return err;
    }
    node_json_key(&a->reply, "schemas");
    node_json_open(&a->reply, '[');
    err = admin_each_schema(a, txn, NULL, list_one);
    node_json_close(&a->reply, ']');
    return admin_end(a, txn, err);
}

static void show_registers(struct node_json *j, const struct cove_plan *plan)
{
    node_json_key(j, "registers");
    node_json_open(j, '[');
    for (size_t i = 0; i < plan->field_count; i++) {
        const struct cove_plan_register *r =
            &plan->registers[plan->fields[i].reg];

        node_json_open(j, '{');
        node_json_key(j, "name");
        node_json_text(j, plan->fields[i].name);
        node_json_key(j, "register");
        node_json_text(j, r->id);
        node_json_key(j, "type");
        node_json_cstr(j, cove_type_name(r->type));
        node_json_key(j, "required");
        node_json_bool(j, r->required);
        if (r->has_default) {
            node_json_key(j, "default");
            node_json_value(j, r->fallback);
        }
        node_json_close(j, '}');
    }
    node_json_close(j, ']');
}

/* The schema's text, laid out where the request says how. */
static int show_text(struct admin *a, struct cove_bytes text)
{
    struct cove_buf cbor, laid;
    int64_t indent = 0;
    int err = admin_int(a, "indent", &indent);

    cove_buf_init(&cbor, a->store->alloc);
    cove_buf_init(&laid, a->store->alloc);
    if (err == 0 && indent > 0) {
        err = cove_json_read_plain(text, "schema", &cbor, &a->diag);
        if (err == 0) {
            err =
                cove_json_write_plain(cove_buf_bytes(&cbor),
                                      indent < 8 ? (unsigned)indent : 8, &laid);
        }
        text = cove_buf_bytes(&laid);
    }
    if (err == 0) {
        node_json_key(&a->reply, "schema");
        node_json_text(&a->reply, text);
    }
    cove_buf_clear(&cbor);
    cove_buf_clear(&laid);
    return err;
}

static int show(struct admin *a, struct cove_txn *txn, const char *name,
                const char *version)
{
    struct cove_catalog *catalog = txn->worker->catalog;
    struct node_json *j = &a->reply;
    const struct cove_schema_doc *s;
    const struct cove_schema *parsed;
    const struct cove_plan *plan;
    struct cove_step_id head;
    struct cove_bytes text;
    cove_num num;
    int err = node_head(txn, name, version, &num, &head);

    err = err != 0 ? err
                   : cove_catalog_plan(catalog, txn->txn, num, &head, &plan);
    err = err != 0 ? err : cove_catalog_open(catalog, txn->txn, num, &s);
    if (err != 0) {
        return err;
    }
    const struct cove_step *step = cove_journal_find(s->journal, &head);

    node_json_key(j, "name");
    node_json_text(j, s->name);
    node_json_key(j, "version");
    node_json_int(j, step->has_version ? step->version : 0);
    node_json_key(j, "journal");
    node_json_id(j, &s->id);
    node_json_key(j, "owner");
    node_json_id(j, &s->owner);
    node_json_key(j, "step");
    node_json_hex(j, head.b, sizeof(head.b));
    err = cove_catalog_schema(catalog, txn->txn, num, &head, &text, &parsed);
    if (err == 0) {
        err = show_text(a, text);
    }
    show_registers(j, plan);
    node_json_key(j, "migration"); /* the step's body, as it is hashed */
    node_json_value(j, step->body);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int verb_schema_show(struct admin *a)
{
    const char *name = NULL, *version = NULL;
    struct cove_txn *txn;
    int err = admin_text(a, "schema", &name);

    err = err != 0 ? err : admin_need(a, "schema", name);
    err = err != 0 ? err : admin_version(a, &version);
    if (err == 0) {
        err = node_begin(a->store, COVE_READ, &txn);
    }
    return err != 0 ? err : admin_end(a, txn, show(a, txn, name, version));
}

const struct admin_verb admin_schema_verbs[] = {
    {"schema.put", "schema file owner", verb_schema_put},
    {"schema.list", "", verb_schema_list},
    {"schema.show", "schema version indent", verb_schema_show},
    {NULL, NULL, NULL},
};
