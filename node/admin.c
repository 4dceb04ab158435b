/* admin.c: one JSON object in, one out: finding the verb, checking its
 * members, giving the reply. */
#include "node/admin.h"

#include "core/cbor.h"
#include "core/value.h"

#include <stdio.h>

#define ADMIN_DATA_MOST 67108864 /* bytes of a blob in a reply */

int admin_value(struct admin *a, const char *key, struct cove_bytes *out)
{
    if (!cove_value_member(a->request, key, out)) {
        *out = cove_bytes(NULL, 0);
    }
    return 0;
}

static int admin_typed(struct admin *a, const char *key, enum cove_kind kind,
                       const char *what, struct cove_bytes *out)
{
    struct cove_bytes v = {NULL, 0};

    admin_value(a, key, &v);
    if (v.len > 0 && cove_value_kind(v) != kind) {
        return cove_fail(&a->diag, COVE_EUSAGE, "\"%s\" must be %s", key, what);
    }
    *out = v;
    return 0;
}

int admin_text(struct admin *a, const char *key, const char **out)
{
    struct cove_bytes v = {NULL, 0}, copy;
    int err = admin_typed(a, key, COVE_KIND_TEXT, "a text", &v);

    if (err == 0 && v.len > 0) {
        err = cove_arena_copy(&a->arena, cove_value_text(v), &copy);
        if (err == 0) {
            *out = (const char *)copy.at;
        }
    }
    return err;
}

int admin_int(struct admin *a, const char *key, int64_t *out)
{
    struct cove_bytes v = {NULL, 0};
    int err = admin_typed(a, key, COVE_KIND_INT, "an integer", &v);

    if (err == 0 && v.len > 0) {
        *out = cove_value_int(v);
    }
    return err;
}

int admin_flag(struct admin *a, const char *key, bool *out)
{
    struct cove_bytes v = {NULL, 0};
    int err = admin_typed(a, key, COVE_KIND_BOOL, "true or false", &v);

    if (err == 0 && v.len > 0) {
        struct cove_reader r;

        cove_reader_init(&r, v);
        *out = cove_reader_bool(&r);
    }
    return err;
}

int admin_map(struct admin *a, const char *key, struct cove_bytes *out)
{
    return admin_typed(a, key, COVE_KIND_MAP, "an object", out);
}

int admin_need(struct admin *a, const char *key, const void *given)
{
    return given != NULL
               ? 0
               : cove_fail(&a->diag, COVE_EUSAGE, "\"%s\" is missing", key);
}

int admin_id(struct admin *a, const char *key, struct cove_id *out, bool *given)
{
    const char *text = NULL;
    int err = admin_text(a, key, &text);

    *given = text != NULL;
    if (err == 0 && text != NULL) {
        err = cove_id_lookup(a->store, text, out);
        if (err != 0) {
            cove_fail(&a->diag, err, "%s", cove_errmsg(a->store));
        }
    }
    return err;
}

int admin_version(struct admin *a, const char **out)
{
    struct cove_bytes v = {NULL, 0};

    admin_value(a, "version", &v);
    if (v.len > 0 && cove_value_kind(v) == COVE_KIND_INT) {
        *out =
            cove_arena_printf(&a->arena, "%lld", (long long)cove_value_int(v));
        return *out == NULL ? COVE_ENOMEM : 0;
    }
    return admin_text(a, "version", out);
}

int admin_document(struct admin *a, struct cove_id *id, const char **version)
{
    bool given;
    int err = admin_id(a, "id", id, &given);

    *version = NULL;
    err = err != 0 ? err : admin_need(a, "id", given ? a : NULL);
    return err != 0 ? err : admin_version(a, version);
}

int admin_mode(struct admin *a, unsigned write, unsigned *flags)
{
    const char *mode = "view";
    int err = admin_text(a, "mode", &mode);

    if (err != 0) {
        return err;
    }
    if (strcmp(mode, "view") == 0) {
        *flags = COVE_READ | COVE_VIEW;
    } else if (strcmp(mode, "raw") == 0) {
        *flags = COVE_READ | COVE_RAW;
    } else if (strcmp(mode, "migrate") == 0) {
        *flags = write;
    } else {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "mode \"%s\"; there are migrate, view and raw", mode);
    }
    return 0;
}

int admin_show(struct admin *a, struct node_show *show)
{
    int err = admin_int(a, "entries", &show->entries);

    if (err == 0) {
        err = admin_int(a, "data", &show->data);
    }
    if (err == 0 && (show->entries < -1 || show->data < 0 ||
                     show->data > ADMIN_DATA_MOST)) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "\"entries\" is -1 (all) or more, \"data\" 0 to %d "
                        "bytes",
                        ADMIN_DATA_MOST);
    }
    return err;
}

int admin_json(struct admin *a, const char *key, struct cove_bytes *text)
{
    struct cove_bytes v = {NULL, 0};
    struct cove_buf buf;

    admin_value(a, key, &v);
    if (v.len == 0) {
        *text = v;
        return 0;
    }
    if (cove_value_kind(v) == COVE_KIND_TEXT) {
        *text = cove_value_text(v);
        return 0;
    }
    cove_buf_init(&buf, a->store->alloc);
    int err = cove_json_write(v, 0, &buf);

    if (err == 0) {
        err = cove_arena_copy(&a->arena, cove_buf_bytes(&buf), text);
    }
    cove_buf_clear(&buf);
    return err;
}

int admin_end(struct admin *a, struct cove_txn *txn, int err)
{
    if (err == 0) { /* what cannot be told is not done */
        err = a->reply.err;
    }
    if (err == 0) {
        return cove_commit(txn);
    }
    if (txn->diag.text[0] != '\0') {
        cove_fail(&a->diag, err, "%s", txn->diag.text);
    }
    cove_abort(txn);
    return err;
}

/* Is `name` one of the words? */
static bool words_have(const char *words, struct cove_bytes name)
{
    while (*words != '\0') {
        size_t len = strcspn(words, " ");

        if (cove_bytes_equal(cove_bytes(words, len), name)) {
            return true;
        }
        words += len;
        words += strspn(words, " ");
    }
    return false;
}

static int admin_check_members(struct admin *a, const struct admin_verb *verb)
{
    struct cove_reader r;

    cove_reader_init(&r, a->request);
    size_t n = cove_reader_map(&r);

    for (size_t i = 0; i < n; i++) {
        struct cove_bytes key = cove_reader_text(&r);

        cove_reader_item(&r);
        if (!words_have("do", key) && !words_have(verb->members, key)) {
            return cove_fail(&a->diag, COVE_EUSAGE,
                             "%s does not take \"%.*s\"; it takes: %s",
                             verb->name, (int)key.len, (const char *)key.at,
                             verb->members[0] == '\0' ? "nothing"
                                                      : verb->members);
        }
    }
    return cove_reader_done(&r);
}

static const struct admin_verb *admin_find(const char *name)
{
    const struct admin_verb *tables[] = {
        /* clang-format off */
        admin_doc_verbs,
        admin_history_verbs,
        admin_changes_verbs,
        admin_branch_verbs,
        admin_diff_verbs,
        admin_find_verbs,
        admin_schema_verbs,
        admin_validate_verbs,
        admin_migrate_verbs,
        admin_peer_verbs,
        admin_want_verbs,
        admin_network_verbs,
        admin_invite_verbs,
        admin_sync_verbs,
        admin_plan_verbs,
        admin_explain_verbs,
        admin_status_verbs,
        admin_check_verbs,
        admin_recover_verbs,
        admin_scrub_verbs,
        admin_stats_verbs,
        admin_activity_verbs,
        admin_config_verbs,
        admin_run_verbs,
        admin_once_verbs,
        admin_down_verbs,
        admin_author_verbs,
        admin_files_verbs,
        admin_bundle_verbs,
        admin_upkeep_verbs,
        admin_backup_verbs,
        admin_backup_restore_verbs,
        admin_export_verbs,
        admin_import_verbs,
        admin_compact_verbs,
        admin_cut_verbs,
        admin_gone_verbs,
        admin_lines_verbs,
        admin_restore_verbs,
        admin_draft_verbs,
        admin_reset_verbs,
        admin_create_verbs,
        admin_push_verbs,
        admin_squash_verbs,
        /* clang-format on */
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(tables); i++) {
        for (const struct admin_verb *v = tables[i]; v->name != NULL; v++) {
            if (strcmp(v->name, name) == 0) {
                return v;
            }
        }
    }
    return NULL;
}

static int admin_run(struct admin *a, const char *request, struct cove_buf *buf)
{
    const char *name = NULL;
    int err =
        cove_json_read(cove_bytes_text(request), "request", buf, &a->diag);

    if (err == 0) {
        a->request = cove_buf_bytes(buf);
        if (cove_value_kind(a->request) != COVE_KIND_MAP) {
            return cove_fail(&a->diag, COVE_EUSAGE,
                             "the request must be a JSON object");
        }
        err = admin_text(a, "do", &name);
    }
    if (err == 0) {
        err = admin_need(a, "do", name);
    }
    if (err != 0 || name == NULL) {
        return err;
    }
    const struct admin_verb *verb = admin_find(name);

    if (verb == NULL) {
        return cove_fail(&a->diag, COVE_EUSAGE, "there is no verb \"%s\"",
                         name);
    }
    err = admin_check_members(a, verb);
    if (err == 0 && !a->store->opened && verb->run != admin_check) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "the store could not be opened; `check` says why");
    }
    return err != 0 ? err : verb->run(a);
}

/* Room for what a verb says when its work is done and cannot be taken back. */
#define ADMIN_REPLY 4096

int cove_admin(struct cove *store, const char *request, char **out)
{
    struct admin a = {.store = store};
    struct cove_buf buf;

    cove_buf_init(&buf, store->alloc);
    cove_arena_init(&a.arena, store->alloc);
    node_json_init(&a.reply, store->alloc);

    int err = cove_buf_reserve(&a.reply.out, ADMIN_REPLY);

    node_json_open(&a.reply, '{');
    err = err != 0 ? err : admin_run(&a, request, &buf);

    if (err == 0) {
        node_json_close(&a.reply, '}');
        err = node_json_take(&a.reply, out);
    } else {
        cove_buf_clear(&a.reply.out);
    }
    node_failed(store, err, &a.diag);
    cove_arena_clear(&a.arena);
    cove_buf_clear(&buf);
    return err;
}

/* ------------------------------------------------ conveniences over verbs */

/* Run a verb whose request is made of texts, throwing the reply away. */
static int admin_call(struct cove *store, struct node_json *j)
{
    char *request = NULL, *reply = NULL;

    node_json_close(j, '}');
    int err = node_json_take(j, &request);

    if (err != 0) {
        return node_failed(store, err, NULL);
    }
    err = cove_admin(store, request, &reply);
    cove_free(request);
    cove_free(reply);
    return err;
}

static void admin_begin(struct cove *store, struct node_json *j,
                        const char *verb)
{
    node_json_init(j, store->alloc);
    node_json_open(j, '{');
    node_json_key(j, "do");
    node_json_cstr(j, verb);
}

static void admin_member(struct node_json *j, const char *key, const char *text)
{
    if (text != NULL) {
        node_json_key(j, key);
        node_json_cstr(j, text);
    }
}

int cove_schema_add(struct cove *store, const char *json,
                    const struct cove_id *owner)
{
    struct node_json j;

    admin_begin(store, &j, "schema.put");
    admin_member(&j, "schema", json);
    if (owner != NULL) {
        node_json_key(&j, "owner");
        node_json_id(&j, owner);
    }
    return admin_call(store, &j);
}

int cove_migration_add(struct cove *store, const char *json,
                       const char *schema_json)
{
    struct node_json j;

    admin_begin(store, &j, "migrate.publish");
    admin_member(&j, "migration", json);
    admin_member(&j, "schema", schema_json);
    return admin_call(store, &j);
}

int cove_peer_add(struct cove *store, const char *key, const char *address,
                  const char *name)
{
    struct node_json j;

    admin_begin(store, &j, "peer.add");
    admin_member(&j, "key", key);
    admin_member(&j, "address", address);
    admin_member(&j, "name", name);
    return admin_call(store, &j);
}
