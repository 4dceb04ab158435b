/* watch_ask.c: what a subscription is to, read out of its request and held
 * against the store: a misspelt field is an error now, not silence later.
 */
#include "core/cbor.h"
#include "core/value.h"
#include "migrate/child.h"
#include "node/admin.h"
#include "node/watch.h"

#include <stdio.h>

#define FROM_ALL (COVE_FROM_HERE | COVE_FROM_PEER | COVE_FROM_MIGRATION)

struct ask {
    struct admin a; /* whose members are read */
    struct watch_sub *sub;
    const char *what, *id, *schema, *version;
};

static const struct ask_word {
    const char *word;
    enum watch_what what;
    const char *members; /* that go with it, but for those of all */
} ask_words[] = {
    {"document", WATCH_DOCUMENT, "id initial since migrations origin"},
    {"documents", WATCH_DOCUMENTS,
     "schema version where initial since migrations origin"},
    {"peers", WATCH_PEERS, "initial"},
    {"migrations", WATCH_MIGRATIONS, "schema initial since"},
};

/* ---------------------------------------------------------------- members */

static bool ask_has_word(const char *words, struct cove_bytes word)
{
    const char *at = words;

    while (*at != '\0') {
        size_t len = strcspn(at, " ");

        if (len == word.len && memcmp(at, word.at, len) == 0) {
            return true;
        }
        at += len + (at[len] == ' ');
    }
    return false;
}

static int ask_members(struct ask *k, const struct ask_word *word)
{
    struct cove_reader r;

    cove_reader_init(&r, k->a.request);
    for (size_t n = cove_reader_map(&r); n > 0; n--) {
        struct cove_bytes key = cove_reader_text(&r);

        cove_reader_item(&r);
        if (!cove_bytes_equal(key, cove_bytes_text("watch")) &&
            !ask_has_word(word->members, key)) {
            return cove_fail(&k->a.diag, COVE_EUSAGE,
                             "\"%.*s\" does not go with \"watch\": \"%s\"; "
                             "there are %s",
                             (int)key.len, (const char *)key.at, word->word,
                             word->members);
        }
    }
    return 0;
}

static int ask_word(struct ask *k, const struct ask_word **out)
{
    int err = admin_text(&k->a, "watch", &k->what);

    err = err != 0 ? err : admin_need(&k->a, "watch", k->what);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(ask_words); i++) {
        if (strcmp(ask_words[i].word, k->what) == 0) {
            *out = &ask_words[i];
            return 0;
        }
    }
    return cove_fail(&k->a.diag, COVE_EUSAGE,
                     "nobody can watch \"%s\"; there are document, documents, "
                     "peers, migrations",
                     k->what);
}

static int ask_origin_word(struct ask *k, struct cove_bytes value,
                           unsigned *from)
{
    static const struct {
        const char *word;
        unsigned from;
    } words[] = {{"here", COVE_FROM_HERE},
                 {"peer", COVE_FROM_PEER},
                 {"migration", COVE_FROM_MIGRATION}};
    struct cove_bytes text = cove_value_kind(value) == COVE_KIND_TEXT
                                 ? cove_value_text(value)
                                 : cove_bytes(NULL, 0);

    for (size_t i = 0; i < COVE_ARRAY_LEN(words); i++) {
        if (cove_bytes_equal(text, cove_bytes_text(words[i].word))) {
            *from |= words[i].from;
            return 0;
        }
    }
    return cove_fail(&k->a.diag, COVE_EUSAGE,
                     "\"origin\" is \"here\", \"peer\", \"migration\", or a "
                     "list of them");
}

static int ask_origin(struct ask *k)
{
    struct cove_bytes value = {NULL, 0};
    struct cove_reader r;
    unsigned from = 0;
    bool migrations = true;
    size_t count = 1;
    int err = admin_flag(&k->a, "migrations", &migrations);

    admin_value(&k->a, "origin", &value);
    if (err == 0 && value.len == 0) {
        from = FROM_ALL;
    } else if (err == 0) {
        cove_reader_init(&r, value);
        if (cove_value_kind(value) == COVE_KIND_LIST) {
            count = cove_reader_list(&r);
        }
        for (size_t i = 0; i < count && err == 0; i++) {
            err = ask_origin_word(k, cove_reader_item(&r), &from);
        }
    }
    if (err == 0) {
        k->sub->from = migrations ? from : from & ~COVE_FROM_MIGRATION;
    }
    return err;
}

static int ask_since(struct ask *k)
{
    int64_t since = -1;
    int err = admin_int(&k->a, "since", &since);
    struct cove_bytes value = {NULL, 0};

    admin_value(&k->a, "since", &value);
    if (err == 0 && value.len > 0 && since < 0) {
        err = cove_fail(&k->a.diag, COVE_EUSAGE,
                        "\"since\" is the sequence of an event, 0 or more");
    }
    k->sub->has_since = value.len > 0;
    k->sub->since = since > 0 ? (uint64_t)since : 0;
    return err;
}

/* --------------------------------------------------------- in this store */

/* Where it is a field of another document, that too. */
static int ask_kin(struct ask *k, struct cove_txn *txn)
{
    struct watch_sub *sub = k->sub;
    struct cove_doc_brief brief;
    struct cove_header header;
    struct cove_bytes reg;
    int err = cove_repo_brief(txn->worker->repo, txn->txn, sub->num, &brief);

    err =
        err != 0 ? err : cove_header_decode(brief.header_bytes, &header, NULL);
    if (err == 0 && brief.removed) {
        sub->num = 0; /* it will not come back */
    } else if (err == 0) {
        sub->local = brief.local;
        sub->owner = header.owner;
        sub->has_parent = cove_child_parent(&header, &sub->parent, &reg);
    }
    return err;
}

/* A whole id need not be held: the document may come. */
static int ask_document(struct ask *k, struct cove_txn *txn)
{
    struct cove_repo *repo = txn->worker->repo;
    struct watch_sub *sub = k->sub;
    int err = admin_need(&k->a, "id", k->id);
    bool whole = err == 0 && cove_id_parse(k->id, &sub->id) == 0;

    if (err == 0 && !whole) {
        err = cove_repo_resolve(repo, txn->txn, k->id, &sub->id, &txn->diag);
    }
    err = err != 0 ? err : cove_repo_find(repo, txn->txn, &sub->id, &sub->num);
    if (err == COVE_ENOTFOUND && whole) {
        return 0;
    }
    return err != 0 ? err : ask_kin(k, txn);
}

static int ask_where(struct ask *k)
{
    struct cove_bytes map = {NULL, 0}, copy;
    int err = admin_map(&k->a, "where", &map);

    if (err != 0 || map.len == 0) {
        return err;
    }
    err = cove_arena_copy(&k->sub->arena, map, &copy);
    return err != 0 ? err
                    : cove_where_parse(&k->sub->arena, copy, &k->sub->where,
                                       &k->a.diag);
}

/* The schema, and the version, which stays what it is now: another cove_use
 * changes nothing of this. */
static int ask_schema(struct ask *k, struct cove_txn *txn)
{
    struct cove_catalog *catalog = txn->worker->catalog;
    struct watch_sub *sub = k->sub;
    const struct cove_schema_doc *doc;
    const struct cove_plan *plan;
    struct cove_step_id head;
    const char *version = k->version;
    int err = cove_catalog_find(catalog, txn->txn, k->schema, &sub->journal,
                                &txn->diag);

    err = err != 0 ? err
                   : cove_catalog_open(catalog, txn->txn, sub->journal, &doc);
    if (err != 0) {
        return err;
    }
    sub->has_schema = true;
    sub->schema = doc->id;
    if (version == NULL) {
        version = node_use_version(txn->worker, &doc->id);
    }
    snprintf(sub->version, sizeof(sub->version), "%s",
             version != NULL ? version : "0");
    if (sub->where != NULL || k->version != NULL) {
        err = cove_schema_doc_head(doc, sub->version, &head, &txn->diag);
    }
    if (err != 0 || sub->where == NULL) {
        return err;
    }
    err = cove_catalog_plan(catalog, txn->txn, sub->journal, &head, &plan);
    return err != 0 ? err : cove_where_check(sub->where, plan, &txn->diag);
}

static int ask_store(struct ask *k)
{
    struct cove_txn *txn;
    int err = node_begin(k->a.store, COVE_READ | COVE_VIEW, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_repo_sequence(txn->worker->repo, txn->txn, &k->sub->at);
    if (err == 0 && k->sub->what == WATCH_DOCUMENT) {
        err = ask_document(k, txn);
    }
    if (err == 0 && k->schema != NULL) {
        err = ask_schema(k, txn);
    }
    return admin_end(&k->a, txn, err);
}

/* ---------------------------------------------------------------- the whole */

static int ask_read(struct ask *k)
{
    const struct ask_word *word = NULL;
    struct watch_sub *sub = k->sub;
    int err = ask_word(k, &word);

    if (err != 0 || word == NULL) {
        return err;
    }
    sub->what = word->what;
    err = ask_members(k, word);
    err = err != 0 ? err : ask_origin(k);
    err = err != 0 ? err : ask_since(k);
    err = err != 0 ? err : admin_text(&k->a, "id", &k->id);
    err = err != 0 ? err : admin_text(&k->a, "schema", &k->schema);
    err = err != 0 ? err : admin_version(&k->a, &k->version);
    err = err != 0 ? err : ask_where(k);
    sub->initial = sub->where != NULL && !sub->has_since;
    err = err != 0 ? err : admin_flag(&k->a, "initial", &sub->initial);
    if (err == 0 && sub->initial && sub->has_since) {
        err = cove_fail(&k->a.diag, COVE_EUSAGE,
                        "\"initial\" and \"since\" exclude each other");
    }
    if (err == 0 && k->schema == NULL &&
        (sub->where != NULL || k->version != NULL)) {
        err = cove_fail(&k->a.diag, COVE_EUSAGE,
                        "\"where\" and \"version\" need a \"schema\"");
    }
    return err != 0 ? err : ask_store(k);
}

int watch_ask(struct cove *store, const char *request, struct watch_sub *sub,
              struct cove_diag *diag)
{
    struct ask k = {.a = {.store = store}, .sub = sub};
    struct cove_buf buf;
    int err;

    cove_buf_init(&buf, store->alloc);
    cove_arena_init(&k.a.arena, store->alloc);
    err = cove_json_read(cove_bytes_text(request), "request", &buf, &k.a.diag);
    if (err == 0) {
        k.a.request = cove_buf_bytes(&buf);
        err = cove_value_kind(k.a.request) == COVE_KIND_MAP
                  ? ask_read(&k)
                  : cove_fail(&k.a.diag, COVE_EUSAGE,
                              "the request must be a JSON object");
    }
    *diag = k.a.diag;
    cove_arena_clear(&k.a.arena);
    cove_buf_clear(&buf);
    return err;
}
