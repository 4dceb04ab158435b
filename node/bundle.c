/* bundle.c: schemas and migrations that an app brings along: migrate.add,
 * files.bundle, cove_migrations_add.
 *
 * An app adds the same bundle at every start. What was found to be all there
 * is noted under the hash of the bundle's text, with the digests of the
 * journals that have it; while those stand still, a start costs that hash.
 */
#include "core/cbor.h"
#include "core/crypto.h"
#include "core/value.h"
#include "node/admin.h"
#include "node/files.h"

struct bundle {
    struct admin *a;
    struct cove_txn *txn;
    struct files files;
    const char *only; /* the file to publish; NULL: all */
    const struct cove_id *owner;
    cove_num *journals; /* that have it, each once */
    size_t journal_count, journal_cap;
};

/* --------------------------------------------------------------- publishing */

static int bundle_journal(struct bundle *b, cove_num num)
{
    void *array = b->journals;

    for (size_t i = 0; i < b->journal_count; i++) {
        if (b->journals[i] == num) {
            return 0;
        }
    }
    int err = cove_arena_grow(&b->a->arena, &array, sizeof(*b->journals),
                              b->journal_count, &b->journal_cap);

    b->journals = array;
    if (err == 0) {
        b->journals[b->journal_count++] = num;
    }
    return err;
}

/* Who is to own a schema: as the request says, or the bundle, or as it is
 * here; a new one the own account. */
static int bundle_owner(struct bundle *b, const struct file_item *item,
                        struct cove_id *out)
{
    struct cove_catalog *catalog = b->txn->worker->catalog;
    const struct cove_schema_doc *doc;
    char *name = cove_arena_printf(&b->a->arena, "%.*s", (int)item->schema.len,
                                   (const char *)item->schema.at);
    cove_num num;

    if (b->owner != NULL) {
        *out = *b->owner;
        return 0;
    }
    if (b->files.owner != NULL) {
        return cove_repo_resolve(b->txn->worker->repo, b->txn->txn,
                                 b->files.owner, out, &b->txn->diag);
    }
    int err = name == NULL ? COVE_ENOMEM
                           : cove_catalog_find(catalog, b->txn->txn, name, &num,
                                               &b->txn->diag);

    if (err == COVE_ENOTFOUND) {
        cove_diag_clear(&b->txn->diag);
        *out = b->a->store->account;
        return 0;
    }
    err = err != 0 ? err : cove_catalog_open(catalog, b->txn->txn, num, &doc);
    if (err == 0) {
        *out = doc->owner;
    }
    return err;
}

static int bundle_publish(struct bundle *b, const struct file_item *item,
                          struct cove_published *out)
{
    struct cove_catalog *catalog = b->txn->worker->catalog;
    const struct cove_migration_files files = {
        .migration = item->text,
        .schema = item->migration.target.len > 0 ? cove_bytes(NULL, 0)
                                                 : item->file.text,
        .name = item->name};
    struct cove_id owner;

    if (item->kind == FILE_MIGRATION) {
        return cove_publish_migration(catalog, b->txn->txn, &files, out,
                                      &b->txn->diag);
    }
    int err = bundle_owner(b, item, &owner);

    return err != 0
               ? err
               : cove_publish_schema(catalog, b->txn->txn, &owner, item->text,
                                     item->name, out, &b->txn->diag);
}

static void bundle_json(struct bundle *b, const struct file_item *item,
                        const struct cove_published *p)
{
    struct node_json *j = &b->a->reply;

    node_json_open(j, '{');
    node_json_key(j, "file");
    node_json_cstr(j, item->name);
    node_json_key(j, "schema");
    node_json_text(j, item->schema);
    node_json_key(j, "version");
    node_json_int(j, p->version);
    node_json_key(j, "step");
    node_json_hex(j, p->step.b, sizeof(p->step.b));
    node_json_key(j, "existed");
    node_json_bool(j, p->existed);
    node_json_close(j, '}');
}

static int bundle_item(struct bundle *b, const struct file_item *item)
{
    struct cove_published p = {0};
    const char *from = item->within != NULL ? item->within : item->name;

    if ((item->kind == FILE_SCHEMA && item->to > 1) ||
        (b->only != NULL && strcmp(from, b->only) != 0)) {
        return 0;
    }
    int err = bundle_publish(b, item, &p);

    if (err == 0) {
        err = bundle_journal(b, p.num);
    } else if (b->txn->diag.text[0] != '\0' &&
               strstr(b->txn->diag.text, item->name) == NULL) {
        cove_diag_context(&b->txn->diag, "%s", item->name);
    }
    if (err == 0 && !p.existed) {
        b->txn->wrote = true;
        err = admin_linked(b->a, b->txn, p.num);
    }
    if (err == 0) {
        bundle_json(b, item, &p);
    }
    return err;
}

static int bundle_items(struct bundle *b)
{
    struct node_json *j = &b->a->reply;
    int err = 0;

    node_json_key(j, "published");
    node_json_open(j, '[');
    for (size_t i = 0; i < b->files.count && err == 0; i++) {
        err = bundle_item(b, &b->files.at[i]);
    }
    node_json_close(j, ']');
    return err;
}

/* --------------------------------------------------------------------- memo */

#define MEMO_ROW (8 + 32) /* a journal's number, its digest */

#define MEMO_NAME "bundle/"
#define MEMO_LEN  (sizeof(MEMO_NAME) - 1)

struct memo_key {
    uint8_t b[MEMO_LEN + 32];
};

static struct memo_key memo_key(struct cove_bytes text)
{
    struct cove_hash hash = cove_hash("cove/file", text);
    struct memo_key key;

    memcpy(key.b, MEMO_NAME, MEMO_LEN);
    memcpy(key.b + MEMO_LEN, hash.b, 32);
    return key;
}

static int memo_row(struct cove_txn *txn, cove_num num, uint8_t row[MEMO_ROW])
{
    struct cove_doc_brief brief;
    int err = cove_repo_brief(txn->worker->repo, txn->txn, num, &brief);

    if (err == 0) {
        cove_put_be64(row, num);
        memcpy(row + 8, brief.digest.b, sizeof(brief.digest.b));
    }
    return err;
}

/* Is all of this bundle there, as was found before? */
static int memo_holds(struct cove *store, const struct memo_key *key,
                      bool *holds)
{
    struct cove_bytes rows;
    uint8_t now[MEMO_ROW];
    struct cove_txn *txn;
    int err = node_begin(store, COVE_READ, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_repo_record_get(txn->worker->repo, txn->txn, COVE_RECORDS_META,
                               cove_bytes(key->b, sizeof(key->b)), &rows);
    *holds = err == 0 && rows.len > 0 && rows.len % MEMO_ROW == 0;
    for (size_t at = 0; err == 0 && *holds && at < rows.len; at += MEMO_ROW) {
        uint64_t num = (uint64_t)cove_get_be32(rows.at + at) << 32 |
                       cove_get_be32(rows.at + at + 4);

        err = memo_row(txn, num, now);
        *holds = err == 0 && memcmp(now, rows.at + at, MEMO_ROW) == 0;
    }
    cove_abort(txn);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int memo_note(struct bundle *b, const struct memo_key *key)
{
    uint8_t *rows =
        cove_arena_array(&b->a->arena, b->journal_count + 1, MEMO_ROW);
    int err = rows == NULL ? COVE_ENOMEM : 0;

    for (size_t i = 0; i < b->journal_count && err == 0; i++) {
        err = memo_row(b->txn, b->journals[i], rows + i * MEMO_ROW);
    }
    b->txn->wrote = true;
    return err != 0 ? err
                    : cove_repo_record_put(
                          b->txn->worker->repo, b->txn->txn, COVE_RECORDS_META,
                          cove_bytes(key->b, sizeof(key->b)),
                          cove_bytes(rows, b->journal_count * MEMO_ROW));
}

/* ------------------------------------------------------------------ the calls
 */

/* Publish what is missing, in one transaction. */
static int bundle_run(struct bundle *b, const struct memo_key *key)
{
    int err = files_settle(&b->files);

    err = err != 0 ? err : files_check(&b->files, &b->a->diag);
    if (err == 0) {
        err = node_begin(b->a->store, COVE_WRITE, &b->txn);
    }
    if (err != 0) {
        return err;
    }
    err = bundle_items(b);
    if (err == 0 && key != NULL && b->journal_count > 0) {
        err = memo_note(b, key);
    }
    return admin_end(b->a, b->txn, err);
}

int cove_migrations_add(struct cove *store, const char *json, size_t len)
{
    struct admin a = {.store = store};
    struct bundle b = {.a = &a};
    struct memo_key key = memo_key(cove_bytes(json, len));
    bool holds = false;
    int err = memo_holds(store, &key, &holds);

    if (err != 0 || holds) {
        return node_failed(store, err, NULL);
    }
    cove_arena_init(&a.arena, store->alloc);
    node_json_init(&a.reply, store->alloc);
    b.files.arena = &a.arena;
    err = files_add(&b.files, "the migrations", cove_bytes(json, len));
    err = err != 0 ? err : bundle_run(&b, &key);
    node_failed(store, err, &a.diag);
    cove_buf_clear(&a.reply.out);
    cove_arena_clear(&a.arena);
    return err;
}

static int verb_add(struct admin *a)
{
    struct bundle b = {.a = a, .files = {.arena = &a->arena}};
    struct cove_bytes text;
    const char *file = "the migrations";
    struct cove_id owner;
    bool owned;
    int err = admin_json(a, "bundle", &text);

    err = err != 0 ? err : admin_text(a, "file", &file);
    err = err != 0 ? err : admin_text(a, "only", &b.only);
    err = err != 0 ? err : admin_id(a, "owner", &owner, &owned);
    if (err == 0 && text.at != NULL) {
        err = files_add(&b.files, file, text);
    }
    err = err != 0 ? err : admin_files(a, "files", &b.files);
    if (err == 0) {
        err = admin_need(a, "bundle", b.files.count > 0 ? a : NULL);
    }
    if (err == 0) {
        b.owner = owned ? &owner : NULL;
        err = bundle_run(&b, NULL);
    }
    return err;
}

/* Items of one kind, each on a line. */
static size_t bundle_list(const struct files *files, enum file_kind kind,
                          struct cove_buf *out, int *err)
{
    size_t count = 0;

    for (size_t i = 0; i < files->count && *err == 0; i++) {
        if (files->at[i].kind == kind) {
            *err = cove_buf_append(out,
                                   cove_bytes_text(count == 0 ? "\n" : ",\n"));
            *err = *err != 0 ? *err : cove_buf_append(out, files->at[i].text);
            count++;
        }
    }
    return count;
}

static int bundle_text(struct admin *a, const struct files *files,
                       struct cove_buf *out)
{
    struct node_json *j = &a->reply;
    int err = cove_buf_append(out, cove_bytes_text("{\"schemas\": ["));
    size_t schemas = bundle_list(files, FILE_SCHEMA, out, &err);

    err = err != 0 ? err
                   : cove_buf_append(out, cove_bytes_text("],\n\"migrations\": "
                                                          "["));
    size_t migrations = bundle_list(files, FILE_MIGRATION, out, &err);

    err = err != 0 ? err : cove_buf_append(out, cove_bytes_text("]}\n"));
    if (err == 0) {
        node_json_key(j, "schemas");
        node_json_int(j, (int64_t)schemas);
        node_json_key(j, "migrations");
        node_json_int(j, (int64_t)migrations);
        node_json_key(j, "bundle");
        node_json_text(j, cove_buf_bytes(out));
    }
    return err;
}

static int verb_bundle(struct admin *a)
{
    struct files files = {.arena = &a->arena};
    struct cove_buf text;
    int err = admin_files(a, "files", &files);

    err = err != 0 ? err : files_settle(&files);
    err = err != 0 ? err : files_check(&files, &a->diag);
    if (err == 0) {
        cove_buf_init(&text, a->store->alloc);
        err = bundle_text(a, &files, &text);
        cove_buf_clear(&text);
    }
    return err;
}

const struct admin_verb admin_bundle_verbs[] = {
    {"migrate.add", "bundle files file only owner", verb_add},
    {"files.bundle", "files", verb_bundle},
    {NULL, NULL, NULL},
};
