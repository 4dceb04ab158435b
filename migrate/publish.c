/* publish.c: see publish.h.
 *
 * A step and a schema text are two entries of the journal document, each under
 * the hash of its value, each in a transaction of its own (both may be as
 * large as a transaction), in the caller's one commit. What would not become
 * active here, or would be another step under a published version number, is
 * refused before anything is written.
 */
#include "migrate/publish.h"

#include "core/value.h"
#include "migrate/activity.h"
#include "migrate/meta.h"
#include "migrate/publish_same.h"

#include <stdio.h>

#include "core/cbor.h"

struct publish {
    struct cove_catalog *catalog;
    struct cove_repo *repo;
    struct cove_store_txn *txn;
    struct cove_arena arena;
    struct cove_diag *diag;
};

static void publish_begin(struct publish *p, struct cove_catalog *catalog,
                          struct cove_store_txn *txn, struct cove_diag *diag)
{
    p->catalog = catalog;
    p->repo = cove_catalog_repo(catalog);
    p->txn = txn;
    p->diag = diag;
    cove_arena_init(&p->arena, cove_catalog_alloc(catalog));
}

/* ---------------------------------------------------------------- entries */

/* Write key → value into a document as the user, without an epoch. */
static int entry_set(struct publish *p, cove_num num, struct cove_bytes key,
                     struct cove_bytes value)
{
    struct cove_doc doc;
    struct cove_tx_op op = {.reg = key, .value = value};
    struct cove_tx tx = {.kind = COVE_TX_NATIVE, .ops = &op, .op_count = 1};
    int err = cove_repo_load(p->repo, p->txn, num, &p->arena, &doc, p->diag);

    if (err == 0) {
        err = cove_repo_append(p->repo, p->txn, &doc, &tx, p->diag);
    }
    return err;
}

/* As above, but nothing where it stands there already. */
static int entry_ensure(struct publish *p, cove_num num, const char *key,
                        struct cove_bytes value)
{
    struct cove_doc doc;
    const struct cove_native *native = NULL;
    const struct cove_copy *copy = NULL;
    int err = cove_repo_load(p->repo, p->txn, num, &p->arena, &doc, p->diag);

    if (err != 0) {
        return err;
    }
    err = cove_state_winner(&doc.state, cove_bytes_text(key), &native, &copy);
    if (err == 0 && native != NULL && !native->deleted &&
        cove_bytes_equal(native->value, value)) {
        return 0;
    }
    return entry_set(p, num, cove_bytes_text(key), value);
}

/* A value in the journal, under the hex of its hash. */
static int entry_hashed(struct publish *p, cove_num num, const uint8_t hash[32],
                        struct cove_bytes value)
{
    char hex[COVE_HEX_LEN(32)];

    cove_hex(cove_bytes(hash, 32), hex);
    return entry_set(p, num, cove_bytes_text(hex), value);
}

static int publish_write(struct publish *p, cove_num num,
                         const struct cove_compiled *step,
                         const struct cove_schema_file *file)
{
    struct cove_bytes text;
    int err = 0;

    if (file->text.len > 0) { /* an annotation has none */
        err = cove_value_of_text(&p->arena, file->text, &text);
        err = err != 0 ? err : entry_hashed(p, num, file->hash.b, text);
    }
    if (err == 0) {
        err = entry_hashed(p, num, step->step.b, step->body);
    }
    return err;
}

/* --------------------------------------------------------------- who, when */

static const struct cove_step *journal_version(
    const struct cove_schema_doc *schema, int64_t version)
{
    for (size_t i = 0; i < cove_journal_count(schema->journal); i++) {
        const struct cove_step *s = cove_journal_at(schema->journal, i);

        if (s->state == COVE_STEP_ACTIVE && s->has_version &&
            s->version == version) {
            return s;
        }
    }
    return NULL;
}

static int publish_drift(struct publish *p,
                         const struct cove_schema_doc *schema,
                         const struct cove_step *step, const char *file_name)
{
    char author[96];

    cove_publish_who(p->catalog, p->txn, schema->num, &step->id, author);
    return cove_fail(p->diag, COVE_EDRIFT,
                     "%s differs from version %lld of %.*s as published by %s; "
                     "what is published never changes: give the change a new "
                     "version number and a migration to it",
                     file_name, (long long)step->version, (int)schema->name.len,
                     (const char *)schema->name.at, author);
}

/* ---------------------------------------------------------------- registry */

/* A registry, with what its entries are beside it. */
static int registry_need(struct publish *p, const struct cove_id *owner,
                         enum cove_registry which, cove_num *out)
{
    struct cove_meta meta = {p->catalog, p->txn, *owner, which, 0};
    int err = cove_registry_open(p->catalog, p->txn, owner, which, true,
                                 &meta.registry);

    err = err != 0 ? err : cove_meta_ensure(&meta, p->diag);
    if (err == 0) {
        *out = meta.registry;
    }
    return err;
}

/* Note the journal, and the step from its parent's version, for people. */
static int registry_note(struct publish *p, const struct cove_id *owner,
                         const struct cove_id *journal,
                         const struct cove_compiled *step, int64_t from)
{
    char hex[COVE_HEX_LEN(32)];
    struct cove_bytes value;
    cove_num num;
    char *name = cove_arena_printf(&p->arena, "%.*s", (int)step->name.len,
                                   (const char *)step->name.at);
    char *path = cove_arena_printf(&p->arena, "%s_%lld_to_%lld", name,
                                   (long long)from, (long long)step->version);

    if (name == NULL || path == NULL) {
        return COVE_ENOMEM;
    }
    int err = registry_need(p, owner, COVE_REGISTRY_SCHEMATA, &num);

    if (err == 0) {
        err = cove_value_of_ref(&p->arena, journal, &value);
    }
    if (err == 0) {
        err = entry_ensure(p, num, name, value);
    }
    if (err != 0 || from == 0) {
        return err;
    }
    err = registry_need(p, owner, COVE_REGISTRY_MIGRATIONS, &num);
    cove_hex(cove_bytes(step->step.b, 32), hex);
    if (err == 0) {
        err = cove_value_of_text(&p->arena, cove_bytes_text(hex), &value);
    }
    return err != 0 ? err : entry_ensure(p, num, path, value);
}

/* Note for people who published what. */
static int publish_note(struct publish *p, const struct cove_id *owner,
                        const char *what, const struct cove_compiled *step)
{
    const struct cove_activity_step note = {.what = what,
                                            .schema = step->name,
                                            .step = step->step,
                                            .version = step->version};

    return cove_activity_note_step(p->catalog, p->txn, owner, &note, p->diag);
}

/* ---------------------------------------------------------------- a schema */

/* The journal of this owner that has the name. COVE_ENOTFOUND. */
static int journal_of_owner(struct publish *p, const struct cove_id *owner,
                            struct cove_bytes name,
                            const struct cove_schema_doc **out)
{
    cove_num num = 0;

    for (;;) {
        int err = cove_repo_next(p->repo, p->txn, COVE_NUM_JOURNALS, num, &num);

        if (err == 0) {
            err = cove_catalog_open(p->catalog, p->txn, num, out);
        }
        if (err != 0) {
            return err;
        }
        if (cove_bytes_equal((*out)->name, name) &&
            memcmp((*out)->owner.b, owner->b, sizeof(owner->b)) == 0) {
            return 0;
        }
    }
}

static int journal_create(struct publish *p, const struct cove_id *owner,
                          const struct cove_compiled *root, cove_num *num,
                          struct cove_id *id)
{
    struct cove_header h = {.version = COVE_FORMAT_VERSION,
                            .type = COVE_DOC_JOURNAL,
                            .has_owner = true,
                            .owner = *owner,
                            .has_root = true,
                            .root = root->step};
    struct cove_buf header;

    cove_buf_init(&header, cove_catalog_alloc(p->catalog));
    int err = cove_value_of_text(&p->arena, root->name, &h.unique);

    if (err == 0) {
        err = cove_header_encode(&h, &header, id, p->diag);
    }
    if (err == 0) {
        err = cove_repo_create(p->repo, p->txn, cove_buf_bytes(&header), num,
                               p->diag);
    }
    cove_buf_clear(&header);
    return err;
}

/* Only an admin of the owner may publish. */
static int publish_allowed(struct publish *p, cove_num num)
{
    enum cove_role role;
    int err =
        cove_repo_role(p->repo, p->txn, num, cove_repo_device(p->repo), &role);

    if (err == 0 && role != COVE_ROLE_ADMIN) {
        err = cove_fail(p->diag, COVE_EDENIED,
                        "publishing needs the role admin in the owner of the "
                        "schema; this device is %s there",
                        cove_role_name(role));
    }
    return err;
}

/* The schema has a journal here: is this text one of its versions? */
static int schema_again(struct publish *p, const struct cove_schema_doc *schema,
                        const struct cove_schema_file *file,
                        const char *file_name, struct cove_published *out)
{
    const struct publish_same s = {p->catalog, p->txn, &p->arena, schema};
    int64_t version = file->version == 0 ? 1 : file->version;
    const struct cove_step *step = journal_version(schema, version);
    bool same;

    if (step == NULL) {
        return cove_fail(p->diag, COVE_EBLOCKED,
                         "%.*s has no version %lld yet, and a later version "
                         "needs a migration to it: `cove migrate publish "
                         "MIGRATION --schema %s`",
                         (int)schema->name.len, (const char *)schema->name.at,
                         (long long)version, file_name);
    }
    int err = cove_same_schema(&s, step, file, &same);

    if (err != 0 || !same) {
        return err != 0 ? err : publish_drift(p, schema, step, file_name);
    }
    out->num = schema->num;
    out->step = step->id;
    out->version = version;
    out->existed = true;
    return 0;
}

static int schema_first(struct publish *p, const struct cove_id *owner,
                        const struct cove_schema_file *file,
                        struct cove_published *out)
{
    struct cove_compiled root;
    struct cove_id id;
    cove_num num, owner_num;
    int err =
        cove_meta_check(&p->arena, COVE_REGISTRY_SCHEMATA, file->cbor, p->diag);

    err = err != 0 ? err : cove_compile_root(&p->arena, file, &root, p->diag);

    if (err == 0) {
        err = cove_repo_find(p->repo, p->txn, owner, &owner_num);
        if (err == COVE_ENOTFOUND) {
            err = cove_fail(p->diag, err, "the owner's document is not here");
        }
    }
    if (err == 0) {
        err = publish_allowed(p, owner_num);
    }
    if (err == 0) {
        err = journal_create(p, owner, &root, &num, &id);
    }
    if (err == 0) {
        err = publish_write(p, num, &root, file);
    }
    if (err == 0) {
        err = registry_note(p, owner, &id, &root, 0);
    }
    if (err == 0) {
        err = publish_note(p, owner, "publish", &root);
    }
    if (err == 0) {
        out->num = num;
        out->step = root.step;
        out->version = root.version;
        out->existed = false;
    }
    return err;
}

int cove_publish_schema(struct cove_catalog *catalog,
                        struct cove_store_txn *txn, const struct cove_id *owner,
                        struct cove_bytes schema_json, const char *file_name,
                        struct cove_published *out, struct cove_diag *diag)
{
    struct publish p;
    struct cove_schema_file file;
    const struct cove_schema_doc *schema;

    publish_begin(&p, catalog, txn, diag);
    int err =
        cove_schema_file_read(&p.arena, schema_json, file_name, &file, diag);

    if (err == 0) {
        err = journal_of_owner(&p, owner, file.title, &schema);
        if (err == 0) {
            err = schema_again(&p, schema, &file, file_name, out);
        } else if (err == COVE_ENOTFOUND) {
            err = schema_first(&p, owner, &file, out);
        }
    }
    cove_arena_clear(&p.arena);
    return err;
}

/* ------------------------------------------------------------- a migration */

/* The step that a file is already, NULL where it is none. */
static int migration_again(struct publish *p,
                           const struct cove_schema_doc *schema,
                           const struct cove_prepared *m,
                           const struct cove_step **out)
{
    const struct publish_same s = {p->catalog, p->txn, &p->arena, schema};
    const struct cove_step *step =
        cove_journal_find(schema->journal, &m->step.step);
    bool same = step != NULL;
    int err = 0;

    if (step == NULL) {
        step = journal_version(schema, m->step.version);
        err = step == NULL ? 0 : cove_same_step(&s, step, m, &same);
    }
    *out = same ? step : NULL;
    return err;
}

/* Refuse what history already says otherwise. */
static int migration_fits(struct publish *p,
                          const struct cove_schema_doc *schema,
                          const struct cove_prepared *m, const char *file_name)
{
    const struct publish_same s = {p->catalog, p->txn, &p->arena, schema};
    const struct cove_step *other = journal_version(schema, m->step.version);
    size_t depth = 1;
    int err = other != NULL ? publish_drift(p, schema, other, file_name)
                            : cove_same_hashes(&s, m, file_name, p->diag);

    if (err != 0) {
        return err;
    }
    for (size_t i = 0; m->step.version > 0 && /* an annotation is on no path */
                       i < cove_journal_count(schema->journal);
         i++) {
        struct cove_step_id parent;

        memcpy(&parent, m->parents.at, sizeof(parent));
        depth += cove_journal_descends(
            schema->journal, &parent, &cove_journal_at(schema->journal, i)->id);
    }
    if (depth > COVE_MAX_STEP_PATH) {
        return cove_fail(p->diag, COVE_ELIMIT,
                         "this would be step %zu on its path; %d are the most",
                         depth, COVE_MAX_STEP_PATH);
    }
    return 0;
}

/* What is published already, as what; or else whether it may be, by history. */
static int migration_judge(struct publish *p, const struct cove_prepared *m,
                           const char *name,
                           const struct cove_schema_doc **schema,
                           struct cove_published *out)
{
    const struct cove_step *held = NULL;
    int err = cove_catalog_open(p->catalog, p->txn, m->num, schema);

    if (err == 0) {
        err = migration_again(p, *schema, m, &held);
    }
    if (err != 0) {
        return err;
    }
    out->num = m->num;
    out->step = held != NULL ? held->id : m->step.step;
    out->version = m->step.version;
    out->existed = held != NULL;
    return held != NULL ? 0 : migration_fits(p, *schema, m, name);
}

int cove_prepared_fits(struct cove_catalog *catalog, struct cove_store_txn *txn,
                       const struct cove_prepared *prepared, const char *name,
                       struct cove_published *out, struct cove_diag *diag)
{
    const struct cove_schema_doc *schema;
    struct publish p;

    publish_begin(&p, catalog, txn, diag);

    int err = migration_judge(&p, prepared, name, &schema, out);

    cove_arena_clear(&p.arena);
    return err;
}

static int prepared_note(struct publish *p, const struct cove_id *owner,
                         const struct cove_prepared *m)
{
    struct cove_compiled step = m->step;

    step.version += m->about;
    return publish_note(p, owner, m->what != NULL ? m->what : "publish", &step);
}

static int prepared_publish(struct publish *p, const struct cove_prepared *m,
                            const char *name, struct cove_published *out)
{
    const struct cove_schema_doc *schema = NULL;
    const struct cove_step *parent;
    int err = migration_judge(p, m, name, &schema, out);

    if (err != 0 || out->existed) {
        return err;
    }

    struct cove_id owner = schema->owner, journal = schema->id;

    parent = cove_journal_find(schema->journal,
                               (const struct cove_step_id *)m->parents.at);

    int64_t from = parent != NULL && parent->has_version ? parent->version : 0;

    err = publish_allowed(p, m->num);
    if (err == 0) {
        err = publish_write(p, m->num, &m->step, &m->file);
    }
    if (err == 0 && m->step.version > 0) {
        err = registry_note(p, &owner, &journal, &m->step, from);
    }
    if (err == 0) {
        err = prepared_note(p, &owner, m);
    }
    return err;
}

int cove_publish_prepared(struct cove_catalog *catalog,
                          struct cove_store_txn *txn,
                          const struct cove_prepared *prepared,
                          const char *name, struct cove_published *out,
                          struct cove_diag *diag)
{
    struct publish p;

    publish_begin(&p, catalog, txn, diag);

    int err = prepared_publish(&p, prepared, name, out);

    cove_arena_clear(&p.arena);
    return err;
}

int cove_publish_migration(struct cove_catalog *catalog,
                           struct cove_store_txn *txn,
                           const struct cove_migration_files *files,
                           struct cove_published *out, struct cove_diag *diag)
{
    struct publish p;
    struct cove_prepared m = {0};

    publish_begin(&p, catalog, txn, diag);
    int err = cove_prepare_migration(catalog, txn, files, &p.arena, &m, diag);

    if (err == 0) {
        err = prepared_publish(&p, &m, files->name, out);
    }
    cove_arena_clear(&p.arena);
    return err;
}
