/* files_chain.c: files against the store.
 *
 * Of each schema that a file names there is a chain: the steps that the store
 * holds, and behind them those of the files that came before, compiled but not
 * published. So a file is judged as it will be when its turn comes, without a
 * write, and on a device that may not publish too.
 */
#include <stdio.h>
#include <time.h>

#include "core/hlc.h"
#include "crdt/history.h"
#include "migrate/publish_same.h"
#include "node/files.h"

/* ------------------------------------------------------------------- chains */

static int chain_open(struct files_judge *j, struct file_chain *chain)
{
    struct cove_catalog *catalog = j->txn->worker->catalog;
    struct cove_diag diag = {0};
    char *name =
        cove_arena_printf(j->files->arena, "%.*s", (int)chain->name.len,
                          (const char *)chain->name.at);

    if (name == NULL) {
        return COVE_ENOMEM;
    }
    int err = cove_catalog_find(catalog, j->txn->txn, name, &chain->num, &diag);

    if (err == COVE_ENOTFOUND) {
        chain->view.name = chain->name;
        return 0;
    }
    if (err == 0) {
        err = cove_catalog_open(catalog, j->txn->txn, chain->num, &chain->doc);
    }
    if (err == 0) {
        chain->view = *chain->doc;
    } else if (diag.text[0] != '\0') {
        cove_fail(&j->txn->diag, err, "%s", diag.text);
    }
    return err;
}

int files_chain(struct files_judge *judge, struct cove_bytes name,
                struct file_chain **out)
{
    struct file_chain *chain = judge->chains;

    while (chain != NULL && !cove_bytes_equal(chain->name, name)) {
        chain = chain->next;
    }
    if (chain == NULL) {
        chain = cove_arena_new(judge->files->arena, sizeof(*chain));
        if (chain == NULL) {
            return COVE_ENOMEM;
        }
        chain->name = name;
        int err = chain_open(judge, chain);

        if (err != 0) {
            return err;
        }
        chain->next = judge->chains;
        judge->chains = chain;
    }
    *out = chain;
    return 0;
}

int files_chain_add(struct files_judge *judge, struct file_chain *chain,
                    struct cove_bytes body)
{
    struct cove_arena *arena = judge->files->arena;
    const struct cove_journal *from = chain->view.journal;
    size_t held = from != NULL ? cove_journal_count(from) : 0;
    struct cove_bytes *bodies =
        cove_arena_array(arena, held + 1, sizeof(*bodies));
    struct cove_journal *longer;

    if (bodies == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < held; i++) {
        bodies[i] = cove_journal_at(from, i)->body;
    }
    bodies[held] = body;
    int err = cove_journal_new(arena->alloc, bodies, held + 1, &longer);

    if (err == 0) {
        cove_journal_free(chain->own);
        chain->own = longer;
        chain->view.journal = longer;
    }
    return err;
}

void files_judge_clear(struct files_judge *judge)
{
    for (struct file_chain *c = judge->chains; c != NULL; c = c->next) {
        cove_journal_free(c->own);
    }
    judge->chains = NULL;
}

const struct cove_step *files_version(const struct cove_journal *journal,
                                      int64_t version)
{
    for (size_t i = 0; journal != NULL && i < cove_journal_count(journal);
         i++) {
        const struct cove_step *s = cove_journal_at(journal, i);

        if (s->state == COVE_STEP_ACTIVE && s->has_version &&
            s->version == version) {
            return s;
        }
    }
    return NULL;
}

int files_author(struct files_judge *judge, struct file_chain *chain,
                 const struct cove_step *step, const struct cove_op_id **out)
{
    char hex[COVE_HEX_LEN(32)];
    struct cove_doc doc;
    int err = 0;

    *out = NULL;
    if (!chain->events_read && chain->num != 0) {
        err = cove_repo_load(judge->txn->worker->repo, judge->txn->txn,
                             chain->num, judge->files->arena, &doc,
                             &judge->txn->diag);
        if (err == 0) {
            err = cove_history(judge->txn->worker->repo, judge->txn->txn, &doc,
                               judge->files->arena, &chain->events,
                               &chain->event_count);
        }
        chain->events_read = err == 0;
    }
    cove_hex(cove_bytes(step->id.b, sizeof(step->id.b)), hex);
    for (size_t i = 0; err == 0 && i < chain->event_count; i++) {
        if (cove_bytes_equal(chain->events[i].reg, cove_bytes_text(hex))) {
            *out = &chain->events[i].id;
            break;
        }
    }
    return err;
}

/* Is this one of the steps that the store holds? */
static const struct cove_step *chain_held(const struct file_chain *chain,
                                          int64_t version)
{
    return chain->doc == NULL ? NULL
                              : files_version(chain->doc->journal, version);
}

int files_schema_at(struct files_judge *judge, struct file_chain *chain,
                    int64_t version, struct cove_schema_file *out, bool *found)
{
    const struct cove_step *held = chain_held(chain, version);
    const struct cove_schema *parsed;
    struct cove_bytes text;

    *found = false;
    if (held != NULL) {
        int err =
            cove_catalog_schema(judge->txn->worker->catalog, judge->txn->txn,
                                chain->num, &held->id, &text, &parsed);

        if (err == 0) {
            err = cove_schema_held_read(judge->files->arena, text, "schema",
                                        out, &judge->txn->diag);
            *found = err == 0;
        }
        return err == COVE_ENOTFOUND ? 0 : err;
    }
    for (size_t i = 0; i < judge->files->count; i++) {
        const struct file_item *item = &judge->files->at[i];

        if (item->err == 0 && item->to == version &&
            cove_bytes_equal(item->schema, chain->name)) {
            *out = item->file;
            *found = true;
            return 0;
        }
    }
    return 0;
}

/* ----------------------------------------------------------------- verdicts */

/* The item is in this state, and the sentence is as given. */
static int verdict(struct files_judge *j, struct file_item *item,
                   enum file_state state, const char *problem, const char *why)
{
    item->state = state;
    item->problem = problem;
    item->why =
        why != NULL ? cove_arena_printf(j->files->arena, "%s", why) : item->why;
    return why != NULL && item->why == NULL ? COVE_ENOMEM : 0;
}

static void when_text(const struct cove_op_id *author, char out[96])
{
    char key[COVE_HEX_LEN(32)], when[32] = "?";
    time_t at;
    struct tm tm;

    if (author == NULL) {
        memcpy(out, "another device", 15);
        return;
    }
    at = (time_t)(cove_hlc_ms(author->hlc) / 1000);
    if (gmtime_r(&at, &tm) != NULL) {
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
    }
    cove_hex(cove_bytes(author->device.b, 32), key);
    snprintf(out, 96, "device %.16s on %s", key, when);
}

/* Its version is published, as something else. */
static int verdict_drift(struct files_judge *j, struct file_chain *chain,
                         struct file_item *item, const struct cove_step *held)
{
    char who[96];
    char *why;
    int err = files_author(j, chain, held, &item->author);

    if (err != 0) {
        return err;
    }
    when_text(item->author, who);
    why = cove_arena_printf(
        j->files->arena,
        "%s differs from version %lld of %.*s as published by %s; put the file "
        "back as it was, and make the change a version of its own: `cove "
        "migrate create %.*s`",
        item->name, (long long)held->version, SHOWN(chain->name), who,
        SHOWN(chain->name));
    item->has_step = true;
    item->step = held->id;
    return why == NULL ? COVE_ENOMEM
                       : verdict(j, item, FILE_DRIFT, "drift", why);
}

static int verdict_published(struct files_judge *j, struct file_chain *chain,
                             struct file_item *item,
                             const struct cove_step *held)
{
    item->has_step = true;
    item->step = held->id;
    item->state = FILE_PUBLISHED;
    return files_author(j, chain, held, &item->author);
}

static int verdict_unpublished(struct files_judge *j, struct file_chain *chain,
                               struct file_item *item,
                               const struct cove_compiled *step)
{
    item->has_step = true;
    item->step = step->step;
    item->body = step->body;
    item->state = FILE_UNPUBLISHED;
    return files_chain_add(j, chain, step->body);
}

/* Another file leads to this version already. */
static int verdict_pair(struct files_judge *j, struct file_item *item)
{
    const char *other = "another file";
    char *why;

    for (const struct file_item *i = j->files->at; i != item; i++) {
        if (cove_bytes_equal(i->schema, item->schema) && i->to == item->to) {
            other = i->name;
        }
    }
    why = cove_arena_printf(
        j->files->arena,
        "%s and %s both lead to version %lld of %.*s: take one away, or make "
        "it a later version (\"from\": %lld, \"to\": %lld)",
        other, item->name, (long long)item->to, SHOWN(item->schema),
        (long long)item->to, (long long)item->to + 1);
    return why == NULL ? COVE_ENOMEM
                       : verdict(j, item, FILE_CONFLICT, "pair", why);
}

/* -------------------------------------------------------------------- items */

static int judge_same(struct files_judge *j, struct file_chain *chain,
                      struct file_item *item, const struct cove_step *held)
{
    const struct publish_same s = {j->txn->worker->catalog, j->txn->txn,
                                   j->files->arena, chain->doc};
    bool same;
    int err = cove_same_schema(&s, held, &item->file, &same);

    if (err != 0) {
        return err;
    }
    return same ? verdict_published(j, chain, item, held)
                : verdict_drift(j, chain, item, held);
}

/* A schema of a later version says what a migration leads to. */
static int judge_companion(struct files_judge *j, struct file_item *item)
{
    for (size_t i = 0; i < j->files->count; i++) {
        const struct file_item *m = &j->files->at[i];

        if (m->kind != FILE_MIGRATION || m->err != 0 || m->to != item->to ||
            !cove_bytes_equal(m->schema, item->schema)) {
            continue;
        }
        if (memcmp(m->file.hash.b, item->file.hash.b, 32) == 0) {
            item->state = FILE_UNPUBLISHED;
            return 0;
        }
        return verdict(j, item, FILE_CONFLICT, "conflict",
                       cove_arena_printf(j->files->arena,
                                         "%s is not the schema that %s leads "
                                         "to: they differ",
                                         item->name, m->name));
    }
    return verdict(j, item, FILE_CONFLICT, "gap",
                   cove_arena_printf(
                       j->files->arena,
                       "%s is version %lld, and no file leads there: `cove "
                       "migrate create %.*s` makes the migration",
                       item->name, (long long)item->to, SHOWN(item->schema)));
}

static int judge_schema(struct files_judge *j, struct file_chain *chain,
                        struct file_item *item)
{
    const struct cove_step *held = chain_held(chain, item->to);
    struct cove_compiled root;
    struct cove_diag diag = {0};

    if (held != NULL) {
        return judge_same(j, chain, item, held);
    }
    if (item->to > 1) {
        return judge_companion(j, item);
    }
    if (chain->view.journal != NULL) {
        return verdict_pair(j, item);
    }
    int err = cove_compile_root(j->files->arena, &item->file, &root, &diag);

    if (err == COVE_ENOMEM) {
        return err;
    }
    if (err != 0) {
        item->err = err;
        return verdict(j, item, FILE_MALFORMED, "malformed", diag.text);
    }
    return verdict_unpublished(j, chain, item, &root);
}

/* What the file starts from, on the chain. What is not there is said in
 * `diag`. */
static int migration_parents(struct files_judge *j, struct file_chain *chain,
                             const struct file_item *item,
                             struct cove_prepared *made, struct cove_diag *diag)
{
    const struct cove_migration *m = &item->migration;
    struct cove_step_id *parents =
        cove_arena_array(j->files->arena, m->from_count + 1, sizeof(*parents));

    if (parents == NULL) {
        return COVE_ENOMEM;
    }
    if (chain->view.journal == NULL) {
        return cove_fail(diag, COVE_ENOTFOUND,
                         "%.*s has no version at all, in the store or in a "
                         "file",
                         SHOWN(chain->name));
    }
    for (size_t i = 0; i < m->from_count; i++) {
        char *version =
            cove_arena_printf(j->files->arena, "%.*s", (int)m->from[i].len,
                              (const char *)m->from[i].at);
        int err = version == NULL ? COVE_ENOMEM
                                  : cove_schema_doc_head(&chain->view, version,
                                                         &parents[i], diag);

        if (err != 0) {
            return err;
        }
    }
    made->parents = cove_bytes(parents, m->from_count * sizeof(*parents));
    return 0;
}

static int migration_compile(struct files_judge *j, struct file_chain *chain,
                             struct file_item *item, struct cove_prepared *made,
                             struct cove_diag *diag)
{
    struct cove_compile_request request = {
        .migration = &item->migration,
        .target = &item->file,
        .journal = chain->view.journal,
        .parents = (const struct cove_step_id *)made->parents.at,
        .parent_count = item->migration.from_count,
    };

    made->migration = item->migration;
    made->file = item->file;
    return cove_compile_migration(j->files->arena, &request, &made->step, diag);
}

/* Are the schemas those that the file was made for? */
static int migration_hashes(struct files_judge *j, struct file_chain *chain,
                            struct file_item *item, const char **wrong)
{
    const struct cove_migration *m = &item->migration;
    struct cove_schema_file from;
    bool found;

    *wrong = NULL;
    if (m->has_hash_to &&
        memcmp(m->hash_to.b, item->file.hash.b, sizeof(m->hash_to.b)) != 0) {
        *wrong = "hashes.to";
        return 0;
    }
    if (!m->has_hash_from) {
        return 0;
    }
    int err = files_schema_at(j, chain, item->from, &from, &found);

    if (err == 0 && found &&
        memcmp(m->hash_from.b, from.hash.b, sizeof(from.hash.b)) != 0) {
        *wrong = "hashes.from";
    }
    return err;
}

/* It compiles: is it published, does it fit what is to come? */
static int migration_place(struct files_judge *j, struct file_chain *chain,
                           struct file_item *item,
                           const struct cove_prepared *made)
{
    const struct publish_same s = {j->txn->worker->catalog, j->txn->txn,
                                   j->files->arena, chain->doc};
    const struct cove_step *held = chain_held(chain, item->to);
    const struct cove_step *step = NULL;
    const char *wrong;
    bool same = false;
    int err = 0;

    if (chain->doc != NULL) {
        step = cove_journal_find(chain->doc->journal, &made->step.step);
    }
    if (step != NULL) {
        return verdict_published(j, chain, item, step);
    }
    if (held != NULL) {
        err = cove_same_step(&s, held, made, &same);
        if (err != 0) {
            return err;
        }
        return same ? verdict_published(j, chain, item, held)
                    : verdict_drift(j, chain, item, held);
    }
    if (files_version(chain->view.journal, item->to) != NULL) {
        return verdict_pair(j, item);
    }
    err = migration_hashes(j, chain, item, &wrong);
    if (err != 0 || wrong == NULL) {
        return err != 0 ? err
                        : verdict_unpublished(j, chain, item, &made->step);
    }
    return verdict(
        j, item, FILE_DRIFT, "hashes",
        cove_arena_printf(j->files->arena,
                          "%s: %s: the schema is not the one that the file was "
                          "made for; put it back as it was, or make the file "
                          "again: `cove migrate drop --last`, then `cove "
                          "migrate create %.*s`",
                          item->name, wrong, SHOWN(item->schema)));
}

static int judge_migration(struct files_judge *j, struct file_chain *chain,
                           struct file_item *item)
{
    const struct cove_step *held = chain_held(chain, item->to);
    struct cove_prepared made = {0};
    struct cove_diag diag = {0};
    bool placed = false;
    int err = migration_parents(j, chain, item, &made, &diag);

    if (err == 0) {
        placed = true;
        err = migration_compile(j, chain, item, &made, &diag);
    }
    if (err == COVE_ENOMEM) {
        return err;
    }
    if (err == 0) {
        return migration_place(j, chain, item, &made);
    }
    if (held != NULL) {
        return verdict_drift(j, chain, item, held);
    }
    item->err = err;
    if (!placed) {
        return verdict(
            j, item, FILE_CONFLICT, err == COVE_EAMBIGUOUS ? "fork" : "gap",
            cove_arena_printf(j->files->arena, "%s: a step is missing: %s",
                              item->name, diag.text));
    }
    cove_diag_context(&diag, "%s", item->name);
    return err == COVE_ECONFLICT
               ? verdict(j, item, FILE_CONFLICT, "conflict", diag.text)
               : verdict(j, item, FILE_MALFORMED, "malformed", diag.text);
}

/* Published with a schema beside it: the store has that. */
static int judge_untargeted(struct files_judge *j, struct file_item *item)
{
    struct file_chain *chain;
    bool found;
    int err = files_chain(j, item->schema, &chain);

    if (err == 0) {
        err = files_schema_at(j, chain, item->to, &item->file, &found);
    }
    if (err == 0 && found) {
        item->err = 0;
        item->why = NULL;
    }
    return err;
}

int files_judge_one(struct files_judge *judge, struct file_item *item)
{
    struct file_chain *chain;

    if (item->untargeted) {
        int err = judge_untargeted(judge, item);

        if (err != 0) {
            return err;
        }
    }
    if (item->err != 0) {
        bool cycle = item->from > 0 && item->to > 0 && item->from >= item->to;

        return verdict(judge, item, FILE_MALFORMED,
                       cycle ? "cycle" : "malformed", NULL);
    }
    int err = files_chain(judge, item->schema, &chain);

    if (err != 0) {
        return err;
    }
    return item->kind == FILE_SCHEMA ? judge_schema(judge, chain, item)
                                     : judge_migration(judge, chain, item);
}

int files_judge(struct files_judge *judge)
{
    for (size_t i = 0; i < judge->files->count; i++) {
        int err = files_judge_one(judge, &judge->files->at[i]);

        if (err != 0) {
            return err;
        }
    }
    return 0;
}
