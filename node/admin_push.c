/* admin_push.c: schema.push: for development, from edited schemas to the store
 * in one transaction: what changed, the migrations, published. All of it, or
 * nothing.
 */
#include "core/value.h"
#include "migrate/diff.h"
#include "node/files_compose.h"
#include "node/guard.h"
#include "schema/step.h"

struct push {
    struct admin *a;
    struct cove_txn *txn;
    struct files files;              /* the schemas as given */
    struct files_judge judge;        /* for what the store has of them */
    struct cove_schema_file *before; /* of those that have a version here */
    struct cove_schema_file *after;
    size_t before_count, after_count;
    const struct cove_id *owner;
    bool dry;
    struct node_guard guard;
};

/* ------------------------------------------------------------------- reading
 */

static int64_t newest_version(const struct file_chain *chain)
{
    const struct cove_step *newest =
        chain->doc == NULL ? NULL : cove_journal_newest(chain->doc->journal);

    return newest != NULL && newest->has_version ? newest->version : 0;
}

/* One schema, and what the store has of it. */
static int push_schema(struct push *p, struct file_item *item)
{
    struct file_chain *chain;
    struct cove_schema_file newest;
    bool found;

    if (item->kind != FILE_SCHEMA) {
        return cove_fail(&p->a->diag, COVE_EUSAGE,
                         "%s is a migration; push takes schemas: `cove migrate "
                         "up` publishes files",
                         item->name);
    }
    for (size_t i = 0; i < p->after_count; i++) {
        if (cove_bytes_equal(p->after[i].title, item->schema)) {
            return cove_fail(&p->a->diag, COVE_EUSAGE,
                             "%s: another file has the title %.*s too",
                             item->name, SHOWN(item->schema));
        }
    }
    int err = files_chain(&p->judge, item->schema, &chain);

    if (err != 0) {
        return err;
    }
    int64_t version = newest_version(chain);

    /* One that does not say its version is pushed as the next. */
    if (item->file.version == 0) {
        err = cove_version_next(version, &item->file.version, &p->txn->diag);
        if (err != 0) {
            return err;
        }
    }
    p->after[p->after_count++] = item->file;
    if (version == 0) {
        return 0;
    }
    err = files_schema_at(&p->judge, chain, version, &newest, &found);
    if (err == 0 && !found) {
        err = cove_fail(&p->a->diag, COVE_EBLOCKED,
                        "the schema of version %lld of %.*s has not arrived "
                        "here: sync with a peer that has it",
                        (long long)version, SHOWN(item->schema));
    }
    if (err == 0) {
        newest.version = version;
        p->before[p->before_count++] = newest;
    }
    return err;
}

static int push_read(struct push *p)
{
    struct cove_arena *arena = &p->a->arena;
    int err = files_check(&p->files, &p->a->diag);

    p->before = cove_arena_array(arena, p->files.count + 1, sizeof(*p->before));
    p->after = cove_arena_array(arena, p->files.count + 1, sizeof(*p->after));
    if (p->before == NULL || p->after == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < p->files.count && err == 0; i++) {
        err = push_schema(p, &p->files.at[i]);
    }
    return err;
}

/* ---------------------------------------------------------------- publishing
 */

static void push_json(struct push *p, const struct cove_diff_pair *pair,
                      const struct cove_published *made)
{
    struct node_json *j = &p->a->reply;

    node_json_open(j, '{');
    node_json_key(j, "schema");
    node_json_text(j, pair->after->title);
    node_json_key(j, "from");
    node_json_int(j, pair->before != NULL ? pair->before->version : 0);
    node_json_key(j, "version");
    node_json_int(j, made->version);
    node_json_key(j, "class");
    node_json_cstr(j, cove_diff_class_name(pair->diff.class));
    node_json_key(j, "step");
    node_json_hex(j, made->step.b, sizeof(made->step.b));
    node_json_key(j, "existed");
    node_json_bool(j, made->existed);
    node_json_close(j, '}');
}

static int push_first(struct push *p, const struct cove_diff_pair *pair,
                      struct cove_published *out)
{
    const struct cove_id *owner =
        p->owner != NULL ? p->owner : &p->a->store->account;

    return cove_publish_schema(p->txn->worker->catalog, p->txn->txn, owner,
                               pair->after->text, "the schema", out,
                               &p->txn->diag);
}

static int push_guard(struct push *p, struct cove_bytes body)
{
    struct cove_step step = {.body = body};
    struct cove_bytes *parents;
    int err = cove_step_take_apart(&p->a->arena, &step, &parents);

    return err != 0 ? err : guard_step(&p->guard, p->txn, &step);
}

static int push_next(struct push *p, const struct cove_diff_pair *pair,
                     struct cove_published *out)
{
    struct cove_catalog *catalog = p->txn->worker->catalog;
    const struct files_compose what = {.schema = pair->after->title,
                                       .from = pair->before->version,
                                       .to = pair->after->version,
                                       .steps = pair->diff.words,
                                       .down = pair->diff.down,
                                       .hash_from = &pair->before->hash,
                                       .target = pair->after};
    struct cove_migration_files files = {.name = "the migration"};
    struct cove_prepared made = {0};
    const struct cove_schema_doc *doc;
    int err = files_compose(&p->a->arena, &what, &files.migration);

    err = err != 0 ? err
                   : cove_prepare_migration(catalog, p->txn->txn, &files,
                                            &p->a->arena, &made, &p->txn->diag);
    err = err != 0 ? err
                   : cove_catalog_open(catalog, p->txn->txn, made.num, &doc);
    err = err != 0 ? err
                   : files_laws(&p->a->arena, made.step.body, doc->journal,
                                &made.migration, &p->txn->diag);
    if (err == 0 && !p->dry) {
        err = push_guard(p, made.step.body);
    }
    return err != 0 ? err
                    : cove_publish_migration(catalog, p->txn->txn, &files, out,
                                             &p->txn->diag);
}

/* It differs from the newest, and says that it is that. */
static int push_version(struct push *p, const struct cove_diff_pair *pair)
{
    if (pair->after->version > pair->before->version) {
        return 0;
    }
    return cove_fail(
        &p->txn->diag, COVE_EDRIFT,
        "the schema of %.*s was changed and is still version %lld: give it "
        "\"version\": %lld, or none, and each push is the next",
        SHOWN(pair->after->title), (long long)pair->after->version,
        (long long)pair->before->version + 1);
}

static int push_pair(struct push *p, const struct cove_diff_pair *pair)
{
    struct cove_published made = {0};
    bool same = false;
    int err = 0;

    if (pair->after == NULL) {
        return 0;
    }
    if (pair->before == NULL) {
        err = push_first(p, pair, &made);
    } else {
        err = files_same_but_version(&p->a->arena, pair->before->cbor,
                                     pair->after->cbor, &same);
        if (err != 0 || same) {
            return err;
        }
        err = push_version(p, pair);
        err = err != 0 ? err : push_next(p, pair, &made);
    }
    if (err == 0 && !made.existed) {
        p->txn->wrote = true;
        err = p->dry ? 0 : admin_linked(p->a, p->txn, made.num);
    }
    if (err == 0) {
        push_json(p, pair, &made);
    }
    return err;
}

/* Nothing is published where a question is open. */
static int push_open(struct push *p, const struct cove_diff_set *set)
{
    const bool ambiguous = set->ambiguous_count > 0;

    if (!ambiguous && set->destructive_count == 0) {
        return 0;
    }
    for (size_t i = 0; i < set->count; i++) {
        const struct cove_diff *d = &set->pairs[i].diff;

        for (size_t k = 0; k < d->change_count; k++) {
            const struct cove_diff_change *c = &d->changes[k];

            if (ambiguous ? c->ambiguous : c->destructive) {
                return cove_fail(&p->txn->diag,
                                 ambiguous ? COVE_EAMBIGUOUS
                                           : COVE_EDESTRUCTIVE,
                                 "%.*s", SHOWN(c->text));
            }
        }
    }
    return ambiguous ? COVE_EAMBIGUOUS : COVE_EDESTRUCTIVE;
}

/* A push has no files that somebody reviewed: not where data would be missed.
 */
static int push_allowed(struct push *p)
{
    struct node_config config;
    int err = node_config(p->txn, &config);

    return err != 0 || !config.strict || p->dry
               ? err
               : cove_fail(&p->txn->diag, COVE_EDENIED,
                           "the profile of this store is strict: schemas come "
                           "from files, `cove migrate create`, then `cove "
                           "migrate up`");
}

static int push_run(struct push *p)
{
    struct node_json *j = &p->a->reply;
    struct cove_diff_set set;
    struct cove_diff_sets_request request = {0};
    int err = push_allowed(p);

    err = err != 0 ? err : guard_init(p->a, p->txn, &p->guard);
    err = err != 0 ? err : push_read(p);
    err = err != 0 ? err : admin_map(p->a, "answers", &request.answers);
    if (err != 0) {
        return err;
    }
    request.before = p->before;
    request.before_count = p->before_count;
    request.after = p->after;
    request.after_count = p->after_count;
    err = cove_diff_sets(&p->a->arena, &request, &set, &p->txn->diag);
    err = err != 0 ? err : push_open(p, &set);
    node_json_key(j, "pushed");
    node_json_open(j, '[');
    for (size_t i = 0; err == 0 && i < set.count; i++) {
        err = push_pair(p, &set.pairs[i]);
    }
    node_json_close(j, ']');
    return err;
}

static int verb_push(struct admin *a)
{
    struct push p = {.a = a, .files = {.arena = &a->arena}};
    struct cove_id owner;
    bool owned;
    int err = admin_flag(a, "dry", &p.dry);

    err = err != 0 ? err : admin_id(a, "owner", &owner, &owned);
    err = err != 0 ? err : admin_files(a, "files", &p.files);
    if (err == 0) {
        err = node_begin(a->store, COVE_WRITE, &p.txn);
    }
    if (err != 0) {
        return err;
    }
    p.owner = owned ? &owner : NULL;
    p.judge.files = &p.files;
    p.judge.txn = p.txn;
    err = push_run(&p);
    files_judge_clear(&p.judge);
    if (err == 0 && p.dry) {
        node_forget(p.txn); /* the cached journals saw what is thrown away */
        cove_abort(p.txn);
        return 0;
    }
    return admin_end(a, p.txn, err);
}

const struct admin_verb admin_push_verbs[] = {
    {"schema.push", "files answers owner dry noBackup", verb_push},
    {NULL, NULL, NULL},
};
