/* admin_files.c: files.check: a repository's files against the store.
 *
 * What each file is comes from files_judge. Around that stand the manifest,
 * which says what the files were when they were made, the schema files that
 * are being edited, and the versions that the store has and no file.
 */
#include "core/cbor.h"
#include "core/crypto.h"
#include "core/value.h"
#include "node/files_check.h"

/* --------------------------------------------------------------- the request
 */

static struct check_file *check_find(struct check *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(c->list[i].name, name) == 0) {
            return &c->list[i];
        }
    }
    return NULL;
}

static int check_new(struct check *c, struct cove_bytes name,
                     struct check_file **out)
{
    void *array = c->list;
    int err = c->count >= FILES_MAX
                  ? cove_fail(&c->a->diag, COVE_ELIMIT,
                              "more than %d files in one directory", FILES_MAX)
                  : cove_arena_grow(&c->a->arena, &array, sizeof(*c->list),
                                    c->count, &c->cap);

    c->list = array;
    if (err == 0) {
        struct check_file *f = &c->list[c->count];

        *f = (struct check_file){0};
        f->name = cove_arena_printf(&c->a->arena, "%.*s", (int)name.len,
                                    (const char *)name.at);
        err = f->name == NULL ? COVE_ENOMEM : 0;
        c->count += err == 0;
        *out = f;
    }
    return err;
}

/* The manifest's entries. What is no manifest is a problem, not an error: the
 * files can be judged without it. */
static int check_manifest(struct check *c)
{
    struct cove_bytes text, map, list;
    struct cove_reader r;
    struct cove_buf buf;
    int err = admin_json(c->a, "manifest", &text);

    if (err != 0 || text.at == NULL) {
        return err;
    }
    c->has_manifest = true;
    cove_buf_init(&buf, c->a->store->alloc);
    err = cove_json_read_plain(text, "manifest.json", &buf, NULL);
    if (err == 0) {
        err = cove_arena_copy(&c->a->arena, cove_buf_bytes(&buf), &map);
    }
    cove_buf_clear(&buf);
    if (err == COVE_ENOMEM) {
        return err;
    }
    c->manifest_bad = err != 0 || cove_value_kind(map) != COVE_KIND_MAP ||
                      !cove_value_member(map, "files", &list) ||
                      cove_value_kind(list) != COVE_KIND_LIST;
    if (c->manifest_bad) {
        return 0;
    }
    cove_reader_init(&r, list);
    for (size_t left = cove_reader_list(&r); left > 0; left--) {
        struct cove_bytes one = cove_reader_item(&r);
        struct check_file *f;

        if (cove_value_kind(one) != COVE_KIND_MAP ||
            cove_value_member_text(one, "file").len == 0 ||
            cove_value_member_text(one, "hash").len != 64) {
            c->manifest_bad = true;
            continue;
        }
        err = check_new(c, cove_value_member_text(one, "file"), &f);
        if (err != 0) {
            return err;
        }
        f->listed = true;
        f->hash = cove_value_member_text(one, "hash");
        f->schema = cove_value_member_text(one, "schema");
        f->from = cove_value_member_int(one, "from");
        f->to = cove_value_member_int(one, "to");
    }
    return 0;
}

/* Each {file, text} of a list in the request. */
static int request_files(struct admin *a, const char *key,
                         int (*each)(void *ctx, struct cove_bytes name,
                                     struct cove_bytes text),
                         void *ctx)
{
    struct cove_bytes list;
    struct cove_reader r;
    int err = admin_value(a, key, &list);

    if (err != 0 || list.len == 0) {
        return err;
    }
    if (cove_value_kind(list) != COVE_KIND_LIST) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "\"%s\" must be a list of {file, text}", key);
    }
    cove_reader_init(&r, list);
    for (size_t left = cove_reader_list(&r); left > 0 && err == 0; left--) {
        struct cove_bytes one = cove_reader_item(&r), text;

        if (cove_value_kind(one) != COVE_KIND_MAP ||
            cove_value_member_text(one, "file").len == 0 ||
            !cove_value_member(one, "text", &text) ||
            cove_value_kind(text) != COVE_KIND_TEXT) {
            return cove_fail(&a->diag, COVE_EUSAGE,
                             "\"%s\" must be a list of {file, text}", key);
        }
        err = each(ctx, cove_value_member_text(one, "file"),
                   cove_value_text(text));
    }
    return err;
}

static int check_given(void *ctx, struct cove_bytes name,
                       struct cove_bytes text)
{
    struct check *c = ctx;
    char *plain = cove_arena_printf(&c->a->arena, "%.*s", (int)name.len,
                                    (const char *)name.at);
    struct check_file *f = plain == NULL ? NULL : check_find(c, plain);
    int err = plain == NULL ? COVE_ENOMEM : 0;

    if (err == 0 && f == NULL) {
        err = check_new(c, name, &f);
    }
    if (err == 0) {
        f->given = true;
        f->text = text;
    }
    return err;
}

static int files_given(void *ctx, struct cove_bytes name,
                       struct cove_bytes text)
{
    struct files *files = ctx;
    char *plain = cove_arena_printf(files->arena, "%.*s", (int)name.len,
                                    (const char *)name.at);

    return plain == NULL ? COVE_ENOMEM : files_add(files, plain, text);
}

int admin_files(struct admin *a, const char *key, struct files *out)
{
    return request_files(a, key, files_given, out);
}

static int check_hash(struct check *c, struct check_file *f)
{
    struct cove_hash hash;
    int err = files_hash(&c->a->arena, f->text, &hash);

    if (err == 0) {
        cove_hex(cove_bytes(hash.b, sizeof(hash.b)), f->now);
    }
    return err;
}

static int check_read(struct check *c)
{
    int err = check_manifest(c);

    c->files.arena = &c->a->arena;
    c->schemas.arena = &c->a->arena;
    err = err != 0 ? err : request_files(c->a, "files", check_given, c);
    err = err != 0 ? err : admin_files(c->a, "schemas", &c->schemas);
    for (size_t i = 0; i < c->count && err == 0; i++) {
        if (c->list[i].given) {
            err = check_hash(c, &c->list[i]);
            err = err != 0
                      ? err
                      : files_add(&c->files, c->list[i].name, c->list[i].text);
        }
    }
    return err != 0 ? err : files_settle(&c->files);
}

/* ------------------------------------------------------------------ the reply
 */

static void json_author(struct node_json *j, const struct cove_op_id *author)
{
    if (author != NULL) {
        node_json_author(j, author);
    }
}

static void json_item(struct node_json *j, const struct file_item *item)
{
    static const char *const states[] = {"published", "unpublished", "drift",
                                         "malformed", "conflict"};

    node_json_open(j, '{');
    node_json_key(j, "file");
    node_json_cstr(j, item->name);
    if (item->within != NULL) {
        node_json_key(j, "in");
        node_json_cstr(j, item->within);
    }
    node_json_key(j, "kind");
    node_json_cstr(j, item->kind == FILE_SCHEMA ? "schema" : "migration");
    node_json_key(j, "schema");
    node_json_text(j, item->schema);
    if (item->from > 0) {
        node_json_key(j, "from");
        node_json_int(j, item->from);
    }
    node_json_key(j, "to");
    node_json_int(j, item->to);
    node_json_key(j, "hash");
    node_json_hex(j, item->hash.b, sizeof(item->hash.b));
    if (item->has_step) {
        node_json_key(j, "step");
        node_json_hex(j, item->step.b, sizeof(item->step.b));
    }
    node_json_key(j, "state");
    node_json_cstr(j, states[item->state]);
    json_author(j, item->author);
    if (item->why != NULL) {
        node_json_key(j, "why");
        node_json_cstr(j, item->why);
    }
    node_json_close(j, '}');
}

/* The manifest as it should be: what is published keeps the hash that it had,
 * so that an edit of it is seen again. */
static void check_proposal(struct check *c)
{
    struct node_json *j = &c->a->reply;

    node_json_key(j, "manifest");
    node_json_open(j, '{');
    node_json_key(j, "files");
    node_json_open(j, '[');
    for (size_t i = 0; i < c->count; i++) {
        const struct check_file *f = &c->list[i];
        const struct file_item *item = files_check_item(c, f->name);
        bool kept = f->listed && item != NULL && item->state == FILE_DRIFT;

        if (item == NULL || item->state == FILE_MALFORMED) {
            continue;
        }
        node_json_open(j, '{');
        node_json_key(j, "file");
        node_json_cstr(j, f->name);
        node_json_key(j, "hash");
        node_json_text(j, kept ? f->hash : cove_bytes_text(f->now));
        node_json_key(j, "schema");
        node_json_text(j, item->schema);
        node_json_key(j, "from");
        node_json_int(j, item->from);
        node_json_key(j, "to");
        node_json_int(j, item->to);
        node_json_close(j, '}');
    }
    node_json_close(j, ']');
    node_json_close(j, '}');
}

/* Each journal held: what is in it was hashed again as it was read. */
static int check_journal(struct admin *a, struct cove_txn *txn, cove_num num)
{
    const struct cove_schema_doc *s;
    struct node_json *j = &a->reply;
    int err = cove_catalog_open(txn->worker->catalog, txn->txn, num, &s);

    if (err == 0) {
        node_json_open(j, '{');
        node_json_key(j, "name");
        node_json_text(j, s->name);
        node_json_key(j, "journal");
        node_json_id(j, &s->id);
        node_json_key(j, "steps");
        node_json_int(j, (int64_t)cove_journal_count(s->journal));
        node_json_key(j, "drift");
        node_json_int(j, (int64_t)s->drift_count);
        node_json_close(j, '}');
    }
    return err;
}

static int check_reply(struct check *c)
{
    struct node_json *j = &c->a->reply;
    int err = files_judge(&c->judge);

    if (err != 0) {
        return err;
    }
    node_json_key(j, "files");
    node_json_open(j, '[');
    for (size_t i = 0; i < c->files.count; i++) {
        json_item(j, &c->files.at[i]);
    }
    node_json_close(j, ']');
    err = files_problems(c);
    if (err == 0) {
        check_proposal(c);
        node_json_key(j, "journals");
        node_json_open(j, '[');
        err = admin_each_schema(c->a, c->judge.txn, NULL, check_journal);
        node_json_close(j, ']');
    }
    return err;
}

static int verb_check(struct admin *a)
{
    struct check c = {.a = a};
    int err = check_read(&c);

    if (err == 0) {
        err = node_begin(a->store, COVE_READ, &c.judge.txn);
    }
    if (err != 0) {
        return err;
    }
    c.judge.files = &c.files;
    err = check_reply(&c);
    files_judge_clear(&c.judge);
    return admin_end(a, c.judge.txn, err);
}

const struct admin_verb admin_files_verbs[] = {
    {"files.check", "files schemas manifest", verb_check},
    {NULL, NULL, NULL},
};
