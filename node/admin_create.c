/* admin_create.c: files.newest, files.create: a migration file from a schema
 * that was edited. What changed has been answered by then: schema.diff gives
 * the words. Nothing is written, here or in a file.
 */
#include "core/cbor.h"
#include "core/crypto.h"
#include "core/value.h"
#include "node/admin.h"
#include "node/files_compose.h"

struct create {
    struct admin *a;
    struct files files;
    struct files_judge judge;
    struct cove_schema_file edited;
    const char *file; /* what messages call it */
    struct file_chain *chain;
    int64_t newest; /* 0: there is no version yet */
    int64_t to;
    struct cove_schema_file before; /* where newest > 0 */
};

/* ------------------------------------------------- what there is, what is new
 */

/* The newest version of the chain, from the store or a file. */
static int64_t chain_newest(const struct file_chain *chain)
{
    int64_t newest = 0;
    const struct cove_journal *j = chain->view.journal;

    for (size_t i = 0; j != NULL && i < cove_journal_count(j); i++) {
        const struct cove_step *s = cove_journal_at(j, i);

        if (s->state == COVE_STEP_ACTIVE && s->version > newest) {
            newest = s->version;
        }
    }
    return newest;
}

/* A file of this schema that is not right must be mended before another. */
static int create_files_good(struct create *c)
{
    for (size_t i = 0; i < c->files.count; i++) {
        const struct file_item *item = &c->files.at[i];
        bool concerns = item->schema.len == 0 ||
                        cove_bytes_equal(item->schema, c->edited.title);

        if (concerns && item->problem != NULL) {
            return cove_fail(&c->a->diag,
                             item->state == FILE_DRIFT ? COVE_EDRIFT
                             : item->err != 0          ? item->err
                                                       : COVE_ECONFLICT,
                             "%s", item->why);
        }
    }
    return 0;
}

/* The edited schema against the newest: it must be a later version. */
static int create_versions(struct create *c)
{
    struct cove_diag *diag = &c->a->diag;
    bool found = false, same;
    int err = 0;

    c->to = c->edited.version;
    err = c->to == 0 ? cove_version_next(c->newest, &c->to, diag) : 0;
    if (err != 0) {
        return err;
    }
    if (c->newest == 0) {
        return c->to == 1 ? 0
                          : cove_fail(diag, COVE_EFORMAT,
                                      "%s is version %lld of %.*s, and there "
                                      "is no version yet: the first is 1",
                                      c->file, (long long)c->to,
                                      SHOWN(c->edited.title));
    }
    err = files_schema_at(&c->judge, c->chain, c->newest, &c->before, &found);
    if (err != 0) {
        return err;
    }
    if (!found) {
        return cove_fail(diag, COVE_EBLOCKED,
                         "the schema of version %lld of %.*s has not arrived "
                         "here: sync with a peer that has it",
                         (long long)c->newest, SHOWN(c->edited.title));
    }
    err = files_same_but_version(&c->a->arena, c->edited.cbor, c->before.cbor,
                                 &same);
    if (err != 0) {
        return err;
    }
    if (same) {
        return cove_fail(diag, COVE_ECONDITION,
                         "nothing to create: %s says what version %lld of "
                         "%.*s says",
                         c->file, (long long)c->newest, SHOWN(c->edited.title));
    }
    if (c->to <= c->newest) {
        return cove_fail(
            diag, COVE_EDRIFT,
            "%s was changed and is still version %lld of %.*s%s: give it "
            "\"version\": %lld",
            c->file, (long long)c->to, SHOWN(c->edited.title),
            c->to < c->newest ? ", older than the newest" : "",
            (long long)c->newest + 1);
    }
    return 0;
}

static int create_read(struct create *c)
{
    struct cove_bytes text;
    int err = admin_json(c->a, "schema", &text);

    c->file = "the schema";
    c->files.arena = &c->a->arena;
    c->judge.files = &c->files;
    err = err != 0 ? err : admin_need(c->a, "schema", text.at);
    err = err != 0 ? err : admin_text(c->a, "file", &c->file);
    err = err != 0 ? err : admin_files(c->a, "files", &c->files);
    err = err != 0 ? err
                   : cove_schema_file_read(&c->a->arena, text, c->file,
                                           &c->edited, &c->a->diag);
    return err != 0 ? err : files_settle(&c->files);
}

static int create_judge(struct create *c)
{
    int err = files_judge(&c->judge);

    err = err != 0 ? err : create_files_good(c);
    err = err != 0 ? err : files_chain(&c->judge, c->edited.title, &c->chain);
    if (err == 0) {
        c->newest = chain_newest(c->chain);
        err = create_versions(c);
    }
    return err;
}

static void json_versions(struct create *c)
{
    struct node_json *j = &c->a->reply;

    node_json_key(j, "schema");
    node_json_text(j, c->edited.title);
    node_json_key(j, "from");
    node_json_int(j, c->newest);
    node_json_key(j, "to");
    node_json_int(j, c->to);
}

static int create_newest(struct create *c)
{
    int err = create_judge(c);

    if (err == 0) {
        json_versions(c);
        if (c->newest > 0) {
            node_json_key(&c->a->reply, "before");
            node_json_text(&c->a->reply, c->before.text);
        }
    }
    return err;
}

/* -------------------------------------------------------------------- the file
 */

/* A list of words in the request, as it stands in a file. */
static int create_words(struct create *c, const char *key,
                        struct cove_bytes *out)
{
    struct cove_bytes text;
    struct cove_buf buf;
    int err = admin_json(c->a, key, &text);

    *out = cove_bytes(NULL, 0);
    if (err != 0 || text.len == 0) {
        return err;
    }
    cove_buf_init(&buf, c->a->store->alloc);
    err = cove_json_read_plain(text, key, &buf, &c->a->diag);
    if (err == 0 && cove_value_kind(cove_buf_bytes(&buf)) != COVE_KIND_LIST) {
        err = cove_fail(&c->a->diag, COVE_EUSAGE, "\"%s\" must be a list", key);
    }
    err = err != 0 ? err
                   : cove_arena_copy(&c->a->arena, cove_buf_bytes(&buf), out);
    cove_buf_clear(&buf);
    return err;
}

static int create_text(struct create *c, struct cove_bytes *out)
{
    struct files_compose what = {.schema = c->edited.title,
                                 .from = c->newest,
                                 .to = c->to,
                                 .hash_from = &c->before.hash,
                                 .target = &c->edited};
    const char *note = NULL;

    if (c->newest == 0) {
        return files_compose_schema(&c->a->arena, c->edited.cbor, out);
    }
    int err = create_words(c, "words", &what.steps);

    err = err != 0 ? err : create_words(c, "down", &what.down);
    err = err != 0 ? err : admin_text(c->a, "note", &note);
    if (err == 0 && what.steps.len == 0) {
        err = admin_need(c->a, "words", NULL);
    }
    if (err == 0 && note != NULL) {
        what.note = cove_bytes_text(note);
    }
    return err != 0 ? err : files_compose(&c->a->arena, &what, out);
}

/* Judge what was made as one more file behind the others. */
static int create_check(struct create *c, struct cove_bytes text,
                        struct file_item **out)
{
    size_t at = c->files.count;
    int err = files_add(&c->files, c->file, text);

    if (err != 0) {
        return err;
    }
    struct file_item *item = &c->files.at[at];

    err = files_judge_one(&c->judge, item);
    if (err == 0 && item->state != FILE_UNPUBLISHED) {
        err = cove_fail(&c->a->diag, item->err != 0 ? item->err : COVE_EDRIFT,
                        "%s", item->why);
    }
    if (err == 0 && item->kind == FILE_MIGRATION) {
        err = files_laws(&c->a->arena, item->body, c->chain->view.journal,
                         &item->migration, &c->a->diag);
    }
    *out = item;
    return err;
}

static int create_file(struct create *c)
{
    struct node_json *j = &c->a->reply;
    struct file_item *item;
    struct cove_bytes text;
    int err = create_judge(c);

    err = err != 0 ? err : create_text(c, &text);
    err = err != 0 ? err : create_check(c, text, &item);
    if (err == 0) {
        json_versions(c);
        node_json_key(j, "step");
        node_json_hex(j, item->step.b, sizeof(item->step.b));
        node_json_key(j, "hash");
        node_json_hex(j, item->hash.b, sizeof(item->hash.b));
        node_json_key(j, "text");
        node_json_text(j, text);
    }
    return err;
}

static int create_run(struct admin *a, int (*what)(struct create *c))
{
    struct create c = {.a = a};
    int err = create_read(&c);

    if (err == 0) {
        err = node_begin(a->store, COVE_READ, &c.judge.txn);
    }
    if (err != 0) {
        return err;
    }
    err = what(&c);
    files_judge_clear(&c.judge);
    return admin_end(a, c.judge.txn, err);
}

static int verb_newest(struct admin *a)
{
    return create_run(a, create_newest);
}

static int verb_create(struct admin *a)
{
    return create_run(a, create_file);
}

const struct admin_verb admin_create_verbs[] = {
    {"files.newest", "files schema file", verb_newest},
    {"files.create", "files schema file words down note", verb_create},
    {NULL, NULL, NULL},
};
