/* admin_reset.c: migrate.reset: a schema and its documents out of this store,
 * for development.
 *
 * Only while nobody else has any of it: what a peer holds would come back with
 * the next sync, half of it perhaps. The documents go in slices, each a commit,
 * and the journal with its registry entries last; what a crash leaves is a
 * schema with fewer documents, and the same command goes on.
 */
#include "core/hlc.h"
#include "core/value.h"
#include "crdt/repo_upkeep.h"
#include "migrate/activity.h"
#include "node/guard.h"

#define RESET_SLICE 512 /* documents a commit */

struct reset {
    struct admin *a;
    struct cove_txn *txn;
    struct cove_arena arena; /* of one document */
    const char *schema;
    cove_num journal;
    struct cove_bytes name; /* of the schema, in the admin's arena */
    struct cove_id id;      /* of the journal */
    struct cove_id owner;
    size_t versions; /* without what says something about them */
    uint64_t documents, drafts;
};

/* ----------------------------------------------------------- who else has it
 */

/* May the peer have the document? It acknowledged its last change; or an older
 * one perhaps, where the document was there when the peer was. */
static int reset_peer_has(struct reset *r, const struct cove_peer_record *peer,
                          const struct cove_doc *doc, bool *has)
{
    struct cove_repo *repo = r->txn->worker->repo;
    enum cove_role role;
    uint8_t store_id[16];
    int err = cove_repo_role(repo, r->txn->txn, doc->num, &peer->key, &role);

    cove_repo_store_id(repo, store_id);
    *has = err == 0 && role >= COVE_ROLE_READER && peer->acked > 0 &&
           (memcmp(store_id, peer->acked_store, sizeof(store_id)) != 0 ||
            doc->changed <= peer->acked || !doc->header.has_created ||
            doc->header.created_ms <= peer->last_seen_ms);
    return err;
}

static int reset_shared(struct reset *r, const struct cove_doc *doc,
                        const char *who)
{
    char text[COVE_ID_TEXT_MAX];

    cove_id_text(&doc->id, text);
    return cove_fail(&r->txn->diag, COVE_EDESTRUCTIVE,
                     "%s is also on %s, and would come back from there; "
                     "publish a migration instead, or begin with a new store",
                     text, who);
}

/* Refuse where another device wrote to the document, or a peer has it. */
static int reset_check_document(struct reset *r, cove_num num)
{
    struct cove_repo *repo = r->txn->worker->repo;
    struct cove_peer_record peer;
    const struct cove_key *after = NULL;
    struct cove_key last;
    struct cove_doc doc;
    char hex[COVE_HEX_LEN(32)];
    int err;

    cove_arena_reset(&r->arena);
    err =
        cove_repo_load(repo, r->txn->txn, num, &r->arena, &doc, &r->txn->diag);
    for (size_t i = 0; err == 0 && i < doc.session_count; i++) {
        const struct cove_key *device = &doc.sessions[i].device;

        if (memcmp(device, &r->a->store->device, sizeof(*device)) != 0) {
            cove_hex(cove_bytes(device->b, sizeof(device->b)), hex);
            return reset_shared(r, &doc, hex);
        }
    }
    while (err == 0 && (doc.flags & COVE_DOC_LOCAL) == 0) {
        bool has;

        err = cove_peer_next(repo, r->txn->txn, after, &peer);
        if (err == 0) {
            last = peer.key;
            after = &last;
            err = reset_peer_has(r, &peer, &doc, &has);
        }
        if (err == 0 && has) {
            cove_hex(cove_bytes(peer.key.b, sizeof(peer.key.b)), hex);
            return reset_shared(r, &doc,
                                peer.name[0] != '\0' ? peer.name : hex);
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* ---------------------------------------------------------------- its parts */

/* The next local document of the schema. */
static int reset_next_draft(struct reset *r, cove_num after, cove_num *out)
{
    struct cove_repo *repo = r->txn->worker->repo;
    struct cove_doc doc;
    int err;

    for (;;) {
        err = cove_repo_next(repo, r->txn->txn, COVE_NUM_LOCALS, after, &after);
        if (err != 0) {
            return err;
        }
        cove_arena_reset(&r->arena);
        err = cove_repo_load(repo, r->txn->txn, after, &r->arena, &doc,
                             &r->txn->diag);
        if (err != 0 || doc.schema_num == r->journal) {
            *out = after;
            return err;
        }
    }
}

static int reset_next(struct reset *r, cove_num after, bool draft,
                      cove_num *out)
{
    return draft ? reset_next_draft(r, after, out)
                 : cove_repo_next(r->txn->worker->repo, r->txn->txn, r->journal,
                                  after, out);
}

/* Look at everything before anything goes. */
static int reset_look(struct reset *r)
{
    int err = reset_check_document(r, r->journal);

    for (int draft = 0; draft < 2 && err == 0; draft++) {
        cove_num num = 0;

        while ((err = reset_next(r, num, draft == 1, &num)) == 0) {
            *(draft == 1 ? &r->drafts : &r->documents) += 1;
            err = reset_check_document(r, num);
            if (err == 0 && (r->documents + r->drafts) % RESET_SLICE == 0) {
                err = node_renew(r->txn); /* looked at again as it goes */
            }
            if (err != 0) {
                return err;
            }
        }
        err = err == COVE_ENOTFOUND ? 0 : err;
    }
    return err;
}

static int reset_open(struct reset *r)
{
    const struct cove_schema_doc *schema;
    struct cove_catalog *catalog = r->txn->worker->catalog;
    int err = cove_catalog_find(catalog, r->txn->txn, r->schema, &r->journal,
                                &r->txn->diag);

    if (err == 0) {
        err = cove_catalog_open(catalog, r->txn->txn, r->journal, &schema);
    }
    if (err != 0) {
        return err;
    }
    r->id = schema->id;
    r->owner = schema->owner;
    for (size_t i = 0; i < cove_journal_count(schema->journal); i++) {
        r->versions += !cove_journal_at(schema->journal, i)->annotation;
    }
    return cove_arena_copy(&r->a->arena, schema->name, &r->name);
}

/* ------------------------------------------------------------------ removing
 */

static int reset_slice(struct reset *r, bool draft, bool *end)
{
    cove_num num = 0;
    int err = node_begin(r->a->store, COVE_WRITE | COVE_VIEW, &r->txn);

    if (err != 0) {
        return err;
    }
    for (int i = 0; i < RESET_SLICE && err == 0; i++) {
        err = reset_next(r, num, draft, &num);
        if (err == 0) { /* looked at again: it may have come since */
            err = reset_check_document(r, num);
        }
        if (err == 0) {
            err = cove_repo_remove(r->txn->worker->repo, r->txn->txn, num,
                                   &r->txn->diag);
            r->txn->wrote = true;
        }
    }
    *end = err == COVE_ENOTFOUND;
    return admin_end(r->a, r->txn, *end ? 0 : err);
}

/* Does a registry's entry lead to the journal: by reference, or by the name of
 * a migration of the schema? */
static bool entry_is_ours(const struct reset *r, const struct cove_native *n)
{
    struct cove_id id;

    if (n->deleted) {
        return false;
    }
    if (cove_value_ref(n->value, &id)) {
        return memcmp(&id, &r->id, sizeof(id)) == 0;
    }
    return n->reg.len > r->name.len + 1 &&
           memcmp(n->reg.at, r->name.at, r->name.len) == 0 &&
           n->reg.at[r->name.len] == '_' && n->reg.at[r->name.len + 1] >= '0' &&
           n->reg.at[r->name.len + 1] <= '9';
}

static int reset_registry(struct reset *r, enum cove_registry which)
{
    struct cove_catalog *catalog = r->txn->worker->catalog;
    struct cove_load_request request = {.mode = COVE_LOAD_RAW};
    struct cove_loaded loaded;
    struct cove_edit *edits;
    size_t count = 0;
    int err = cove_registry_open(catalog, r->txn->txn, &r->owner, which, false,
                                 &request.num);

    if (err != 0) {
        return err == COVE_ENOTFOUND ? 0 : err;
    }
    err = cove_load(catalog, r->txn->txn, &request, &r->txn->arena, &loaded,
                    &r->txn->diag);
    if (err != 0) {
        return err;
    }
    edits = cove_arena_array(&r->txn->arena, loaded.doc.state.native_count + 1,
                             sizeof(*edits));
    if (edits == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < loaded.doc.state.native_count; i++) {
        const struct cove_native *n = &loaded.doc.state.natives[i];

        if (entry_is_ours(r, n)) {
            edits[count++] =
                (struct cove_edit){.name = n->reg, .deleted = true};
        }
    }
    return cove_write(catalog, r->txn->txn, &loaded, edits, count,
                      &r->txn->diag);
}

/* What runs have kept of the schema: all that begins with its number. */
static int reset_runs(struct reset *r)
{
    struct cove_repo *repo = r->txn->worker->repo;
    struct cove_entry entry;
    uint8_t key[COVE_STORE_MAX_KEY];
    uint8_t prefix[8];
    int err;

    for (int i = 0; i < 8; i++) {
        prefix[i] = (uint8_t)(r->journal >> (56 - 8 * i));
    }
    err = cove_repo_record_del(repo, r->txn->txn, COVE_RECORDS_RUNS,
                               cove_bytes(prefix, sizeof(prefix)));
    while (err == 0 || err == COVE_ENOTFOUND) {
        err = cove_repo_record_next(repo, r->txn->txn, COVE_RECORDS_RUNS,
                                    cove_bytes(prefix, sizeof(prefix)), &entry);
        if (err == COVE_ENOTFOUND ||
            (err == 0 && (entry.key.len < sizeof(prefix) ||
                          memcmp(entry.key.at, prefix, sizeof(prefix)) != 0))) {
            return 0;
        }
        if (err == 0) {
            memcpy(key, entry.key.at, entry.key.len);
            err = cove_repo_record_del(repo, r->txn->txn, COVE_RECORDS_RUNS,
                                       cove_bytes(key, entry.key.len));
        }
    }
    return err;
}

static int reset_journal(struct reset *r)
{
    const struct cove_activity note = {.what = "reset", .schema = r->name};
    struct cove_catalog *catalog;
    int err = node_begin(r->a->store, COVE_WRITE | COVE_VIEW, &r->txn);

    if (err != 0) {
        return err;
    }
    catalog = r->txn->worker->catalog;
    err = cove_activity_note(catalog, r->txn->txn, &r->owner, &note,
                             &r->txn->diag);
    if (err == 0) {
        err = reset_registry(r, COVE_REGISTRY_SCHEMATA);
    }
    if (err == 0) {
        err = reset_registry(r, COVE_REGISTRY_MIGRATIONS);
    }
    if (err == 0) {
        err = reset_runs(r);
    }
    if (err == 0) {
        err = cove_repo_remove(r->txn->worker->repo, r->txn->txn, r->journal,
                               &r->txn->diag);
    }
    r->txn->wrote = true;
    node_forget(r->txn);
    return admin_end(r->a, r->txn, err);
}

static int reset_all(struct reset *r)
{
    int err = 0;

    for (int draft = 0; draft < 2 && err == 0; draft++) {
        bool end = false;

        while (err == 0 && !end) {
            err = reset_slice(r, draft == 1, &end);
        }
    }
    return err != 0 ? err : reset_journal(r);
}

/* ----------------------------------------------------------------- the verb */

static int reset_consent(struct reset *r, const char *typed, bool yes)
{
    if (yes && typed != NULL &&
        cove_bytes_equal(cove_bytes_text(typed), r->name)) {
        return 0;
    }
    return cove_fail(&r->txn->diag, COVE_EDESTRUCTIVE,
                     "reset would take the %zu versions of %.*s and its %llu "
                     "documents (and %llu local ones) out of this store for "
                     "good; `cove migrate reset %.*s --name %.*s -y` does it",
                     r->versions, (int)r->name.len, (const char *)r->name.at,
                     (unsigned long long)r->documents,
                     (unsigned long long)r->drafts, (int)r->name.len,
                     (const char *)r->name.at, (int)r->name.len,
                     (const char *)r->name.at);
}

static int reset_verb(struct reset *r, const char *typed, bool yes)
{
    struct node_guard guard;
    int err = node_begin(r->a->store, COVE_READ | COVE_VIEW, &r->txn);

    if (err != 0) {
        return err;
    }
    err = reset_open(r);
    if (err == 0) {
        err = reset_look(r);
    }
    if (err == 0) {
        err = reset_consent(r, typed, yes);
    }
    if (err == 0) {
        err = guard_init(r->a, r->txn, &guard);
    }
    if (err == 0 && r->documents > 0) {
        err = guard_any(&guard, r->txn, "reset takes documents out for good");
    }
    err = admin_end(r->a, r->txn, err);
    return err != 0 ? err : reset_all(r);
}

static int verb_reset(struct admin *a)
{
    struct reset r = {.a = a};
    const char *typed = NULL;
    bool yes = false;
    int err = admin_text(a, "schema", &r.schema);

    err = err != 0 ? err : admin_text(a, "name", &typed);
    err = err != 0 ? err : admin_flag(a, "yes", &yes);
    err = err != 0 ? err : admin_need(a, "schema", r.schema);
    if (err != 0) {
        return err;
    }
    cove_arena_init(&r.arena, a->store->alloc);
    err = reset_verb(&r, typed, yes);
    cove_arena_clear(&r.arena);
    if (err == 0) {
        node_json_key(&a->reply, "schema");
        node_json_text(&a->reply, r.name);
        node_json_key(&a->reply, "versions");
        node_json_int(&a->reply, (int64_t)r.versions);
        node_json_key(&a->reply, "documents");
        node_json_int(&a->reply, (int64_t)r.documents);
        node_json_key(&a->reply, "local");
        node_json_int(&a->reply, (int64_t)r.drafts);
    }
    return err;
}

const struct admin_verb admin_reset_verbs[] = {
    {"migrate.reset", "schema name yes noBackup", verb_reset},
    {NULL, NULL, NULL},
};
