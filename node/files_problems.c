/* files_problems.c: what of a repository's files is not as it should be, in
 * sentences that name the command that mends it.
 */
#include "migrate/retreat.h"
#include "node/files_check.h"

struct problem {
    const char *kind;
    const char *file; /* or NULL */
    struct cove_bytes schema;
    bool blocks; /* nothing of this schema should be published */
    const struct cove_op_id *author;
};

static int problem_json(struct check *c, const struct problem *p,
                        const char *why)
{
    struct node_json *j = &c->a->reply;

    if (why == NULL) {
        return COVE_ENOMEM;
    }
    c->problems++;
    node_json_open(j, '{');
    node_json_key(j, "kind");
    node_json_cstr(j, p->kind);
    if (p->file != NULL) {
        node_json_key(j, "file");
        node_json_cstr(j, p->file);
    }
    if (p->schema.len > 0) {
        node_json_key(j, "schema");
        node_json_text(j, p->schema);
    }
    node_json_key(j, "blocks");
    node_json_bool(j, p->blocks);
    if (p->author != NULL) {
        node_json_author(j, p->author);
    }
    node_json_key(j, "why");
    node_json_cstr(j, why);
    node_json_close(j, '}');
    return 0;
}

#define say(c, ...) cove_arena_printf(&(c)->a->arena, __VA_ARGS__)

/* ------------------------------------------------- files and the manifest */

const struct file_item *files_check_item(const struct check *c,
                                         const char *name)
{
    for (size_t i = 0; i < c->files.count; i++) {
        const struct file_item *item = &c->files.at[i];

        if (item->name == name || item->within == name) {
            return item;
        }
    }
    return NULL;
}

/* It is in the manifest, with another hash. */
static int problem_edited(struct check *c, const struct check_file *f)
{
    const struct file_item *item = files_check_item(c, f->name);
    struct problem p = {.kind = "edited", .file = f->name, .blocks = true};

    if (item == NULL) {
        return 0;
    }
    p.schema = item->schema;
    if (item->state == FILE_DRIFT) {
        return 0; /* said already, with who published it */
    }
    if (item->state == FILE_PUBLISHED) {
        p.blocks = false;
        return problem_json(c, &p,
                            say(c,
                                "%s is as it was published, but not as the "
                                "manifest has it; `cove migrate verify "
                                "--write` sets that right",
                                f->name));
    }
    return problem_json(c, &p,
                        say(c,
                            "%s was edited after the manifest was written; "
                            "where that is meant, `cove migrate verify "
                            "--write` takes it over",
                            f->name));
}

/* Who published the version that a file is gone of; both NULL where nobody. */
static int check_published(struct check *c, struct cove_bytes schema,
                           int64_t version, const struct cove_step **step,
                           const struct cove_op_id **author)
{
    struct file_chain *chain;
    int err = files_chain(&c->judge, schema, &chain);

    *step = NULL;
    *author = NULL;
    if (err == 0 && chain->doc != NULL) {
        *step = files_version(chain->doc->journal, version);
    }
    return err == 0 && *step != NULL
               ? files_author(&c->judge, chain, *step, author)
               : err;
}

static int problem_deleted(struct check *c, const struct check_file *f)
{
    struct problem p = {.kind = "deleted",
                        .file = f->name,
                        .schema = f->schema,
                        .blocks = true};
    const struct cove_step *step = NULL;
    int err = f->schema.len == 0
                  ? 0
                  : check_published(c, f->schema, f->to, &step, &p.author);

    if (err != 0) {
        return err;
    }
    return problem_json(
        c, &p,
        step != NULL
            ? say(c,
                  "%s is gone, and its version %lld of %.*s is published: put "
                  "it back (`git checkout -- %s`)",
                  f->name, (long long)f->to, SHOWN(f->schema), f->name)
            : say(c,
                  "%s is in the manifest and gone: put it back (`git checkout "
                  "-- %s`), or take it out: `cove migrate verify --write`",
                  f->name, f->name));
}

static int problems_manifest(struct check *c)
{
    struct problem bad = {.kind = "manifest", .file = "manifest.json"};
    int err = 0;

    if (c->manifest_bad) {
        bad.blocks = true;
        err = problem_json(c, &bad,
                           "manifest.json is no {\"files\": [{file, hash, "
                           "schema, from, to}]}: put it back (`git checkout`), "
                           "or make it anew: `cove migrate verify --write`");
    }
    for (size_t i = 0; i < c->count && err == 0; i++) {
        const struct check_file *f = &c->list[i];
        struct problem p = {.kind = "unlisted", .file = f->name};

        if (f->listed && !f->given) {
            err = problem_deleted(c, f);
        } else if (f->listed &&
                   !cove_bytes_equal(f->hash, cove_bytes_text(f->now))) {
            err = problem_edited(c, f);
        } else if (!f->listed && c->has_manifest && !c->manifest_bad) {
            err = problem_json(c, &p,
                               say(c,
                                   "%s is not in the manifest; `cove migrate "
                                   "verify --write` puts it there",
                                   f->name));
        }
    }
    return err;
}

static int problems_items(struct check *c)
{
    int err = 0;

    for (size_t i = 0; i < c->files.count && err == 0; i++) {
        const struct file_item *item = &c->files.at[i];
        struct problem p = {.kind = item->problem,
                            .file = item->name,
                            .schema = item->schema,
                            .blocks = true,
                            .author = item->author};

        if (item->problem != NULL) {
            err = problem_json(c, &p, item->why);
        }
    }
    return err;
}

/* ------------------------------------------------ schemas being edited, store
 */

static int64_t check_newest(const struct file_chain *chain)
{
    int64_t newest = 0;

    for (size_t i = 0; chain->view.journal != NULL &&
                       i < cove_journal_count(chain->view.journal);
         i++) {
        const struct cove_step *s = cove_journal_at(chain->view.journal, i);

        if (s->state == COVE_STEP_ACTIVE && s->version > newest) {
            newest = s->version;
        }
    }
    return newest;
}

/* A schema file that is being edited, against the newest version there is. */
static int problem_schema(struct check *c, const struct file_item *item)
{
    struct problem p = {
        .kind = "malformed", .file = item->name, .schema = item->schema};
    struct cove_schema_file newest;
    struct file_chain *chain;
    bool found;

    if (item->err != 0) {
        return problem_json(c, &p, item->why);
    }
    int err = files_chain(&c->judge, item->schema, &chain);

    if (err != 0) {
        return err;
    }
    int64_t version = check_newest(chain);

    if (version == 0 || item->to > version) {
        p.kind = "uncreated";
        return problem_json(
            c, &p,
            say(c,
                "%s is version %lld of %.*s, and no file %s: `cove migrate "
                "create %.*s`",
                item->name, (long long)item->to, SHOWN(item->schema),
                version == 0 ? "is its first version" : "leads there",
                SHOWN(item->schema)));
    }
    if (item->to < version) {
        p.kind = "ahead";
        return problem_json(
            c, &p,
            say(c,
                "%s is version %lld of %.*s, the newest is %lld: `cove "
                "schema pull %.*s` gets it",
                item->name, (long long)item->to, SHOWN(item->schema),
                (long long)version, SHOWN(item->schema)));
    }
    err = files_schema_at(&c->judge, chain, version, &newest, &found);
    if (err != 0 || !found ||
        memcmp(newest.hash.b, item->file.hash.b, sizeof(newest.hash.b)) == 0) {
        return err;
    }
    p.kind = "changed";
    return problem_json(
        c, &p,
        say(c,
            "%s was changed and is still version %lld of %.*s: give it "
            "\"version\": %lld, then `cove migrate create %.*s`",
            item->name, (long long)version, SHOWN(item->schema),
            (long long)version + 1, SHOWN(item->schema)));
}

/* A version that the store has: does a file say it? */
static int problem_version(struct check *c, const struct file_chain *chain,
                           const struct cove_step *step, int64_t lowest,
                           int64_t highest)
{
    struct problem p = {.kind = "ahead", .schema = chain->name};
    struct file_chain *found;

    for (size_t i = 0; i < c->files.count; i++) {
        const struct file_item *item = &c->files.at[i];

        if (item->to == step->version &&
            cove_bytes_equal(item->schema, chain->name)) {
            return 0;
        }
    }
    for (size_t i = 0; i < c->count; i++) { /* said as gone */
        if (c->list[i].listed && !c->list[i].given &&
            c->list[i].to == step->version &&
            cove_bytes_equal(c->list[i].schema, chain->name)) {
            return 0;
        }
    }
    if (step->version < lowest ||
        cove_step_stands_for(chain->doc->journal, step) != step) {
        return 0; /* from before there were files, or by `migrate down` */
    }
    int err = files_chain(&c->judge, chain->name, &found);

    err = err != 0 ? err : files_author(&c->judge, found, step, &p.author);
    if (err != 0) {
        return err;
    }
    if (step->version > highest) {
        return problem_json(
            c, &p,
            say(c,
                "the store has version %lld of %.*s, the files end at %lld: "
                "get the newer files, or a newer app",
                (long long)step->version, SHOWN(chain->name),
                (long long)highest));
    }
    p.kind = "deleted";
    return problem_json(
        c, &p,
        say(c,
            "version %lld of %.*s is published, and its file is gone: put "
            "it back (`git checkout`)",
            (long long)step->version, SHOWN(chain->name)));
}

static int problems_store(struct check *c, const struct file_chain *chain)
{
    int64_t lowest = INT64_MAX, highest = 0;
    int err = 0;

    for (size_t i = 0; i < c->files.count; i++) {
        const struct file_item *item = &c->files.at[i];

        if (cove_bytes_equal(item->schema, chain->name)) {
            lowest = item->to < lowest ? item->to : lowest;
            highest = item->to > highest ? item->to : highest;
        }
    }
    if (highest == 0 || chain->doc == NULL) {
        return 0;
    }
    for (size_t i = 0; i < cove_journal_count(chain->doc->journal) && err == 0;
         i++) {
        const struct cove_step *s = cove_journal_at(chain->doc->journal, i);

        if (s->state == COVE_STEP_ACTIVE && s->has_version) {
            err = problem_version(c, chain, s, lowest, highest);
        }
    }
    return err;
}

int files_problems(struct check *c)
{
    struct node_json *j = &c->a->reply;
    int err;

    node_json_key(j, "problems");
    node_json_open(j, '[');
    err = problems_items(c);
    err = err != 0 ? err : problems_manifest(c);
    for (size_t i = 0; i < c->schemas.count && err == 0; i++) {
        err = problem_schema(c, &c->schemas.at[i]);
    }
    for (struct file_chain *ch = c->judge.chains; ch != NULL && err == 0;
         ch = ch->next) {
        err = problems_store(c, ch);
    }
    node_json_close(j, ']');
    return err;
}
