/* admin_plan.c: migrate.plan: what documents would show if one or more
 * migrations were published, and what that would cost. Compiled and judged by
 * the same code that publishes, on steps that this transaction's catalog only
 * assumes: it reads, so it needs no right and is in nobody's way. */
#include "core/value.h"
#include "migrate/trial.h"
#include "node/admin.h"
#include "node/files.h"

#define PLAN_SLICE    2000 /* documents a read transaction */
#define PLAN_STEPS    64   /* migrations in one plan, as many as in a path */
#define PLAN_EXAMPLES 3    /* where the request says nothing */
#define PLAN_INVALID  20   /* documents listed that are not right as it is */
/* What a run takes besides looking, by measure (bench/README.md): writing a
 * document's copies, and a commit of 128 documents on a disk. */
#define PLAN_WRITE_US  30
#define PLAN_COMMIT_US 4000
#define PLAN_BATCH     128

struct plan {
    struct admin *a;
    struct cove_txn *txn;
    struct cove_trial trial;
    struct cove_migration_files *files;
    size_t file_count;
    bool named; /* the schema, where files of several are given */
    struct cove_assumed *assumed; /* of those that are not published */
    size_t assumed_count;
    struct cove_prepared *prepared;
    bool *existed;
    int64_t examples, shown;
    struct node_json examples_json, invalid_json;
    uint64_t invalid_listed;
    int64_t started_ms, judging_ms; /* since when documents are judged */
};

static int64_t plan_now(const struct plan *p)
{
    return p->a->store->env->now_ms(p->a->store->env->ctx);
}

/* ---------------------------------------------------------------- request */

/* A text, or an object as its text. */
static int file_json(struct admin *a, struct cove_bytes value,
                     struct cove_bytes *text)
{
    struct cove_buf buf;

    if (cove_value_kind(value) == COVE_KIND_TEXT) {
        *text = cove_value_text(value);
        return 0;
    }
    cove_buf_init(&buf, a->store->alloc);
    int err = cove_json_write(value, 0, &buf);

    if (err == 0) {
        err = cove_arena_copy(&a->arena, cove_buf_bytes(&buf), text);
    }
    cove_buf_clear(&buf);
    return err;
}

/* One of `migrations`: {"migration", "schema"?, "file"?}. */
static int file_read(struct plan *p, struct cove_bytes entry,
                     struct cove_migration_files *files)
{
    struct admin *a = p->a;
    struct cove_bytes value, copy;
    int err = 0;

    files->name = "the migration";
    if (cove_value_kind(entry) != COVE_KIND_MAP ||
        !cove_value_member(entry, "migration", &value)) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "each of \"migrations\" is an object: {migration, "
                         "schema?, file?}");
    }
    err = file_json(a, value, &files->migration);
    if (err == 0 && cove_value_member(entry, "schema", &value)) {
        err = file_json(a, value, &files->schema);
    }
    if (err == 0 && cove_value_member(entry, "file", &value) &&
        cove_value_kind(value) == COVE_KIND_TEXT) {
        err = cove_arena_copy(&a->arena, cove_value_text(value), &copy);
        files->name = err == 0 ? (const char *)copy.at : files->name;
    }
    return err;
}

static int plan_room(struct plan *p, size_t count)
{
    struct admin *a = p->a;

    if (count == 0) {
        return cove_fail(&a->diag, COVE_ECONDITION,
                         "there is no migration here to plan, and a first "
                         "version changes no document; `cove migrate create "
                         "NAME` makes the migration to an edited schema");
    }
    if (count > PLAN_STEPS) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "a plan is of 1 to %d migrations, and here are %zu",
                         PLAN_STEPS, count);
    }
    p->file_count = count;
    p->files = cove_arena_array(&a->arena, p->file_count, sizeof(*p->files));
    p->assumed =
        cove_arena_array(&a->arena, p->file_count, sizeof(*p->assumed));
    p->prepared =
        cove_arena_array(&a->arena, p->file_count, sizeof(*p->prepared));
    p->existed =
        cove_arena_array(&a->arena, p->file_count, sizeof(*p->existed));
    if (p->files == NULL || p->assumed == NULL || p->prepared == NULL ||
        p->existed == NULL) {
        return COVE_ENOMEM;
    }
    return 0;
}

/* Is it a migration of the schema that was named, or of the only one? */
static int item_wanted(struct plan *p, const struct file_item *item,
                       struct cove_bytes *schema, bool *wanted)
{
    *wanted = false;
    if (item->kind != FILE_MIGRATION) {
        return 0;
    }
    if (schema->len == 0) {
        *schema = item->schema;
    }
    *wanted = cove_bytes_equal(item->schema, *schema);
    return *wanted || p->named
               ? 0
               : cove_fail(&p->a->diag, COVE_EUSAGE,
                           "these are migrations of %.*s and of %.*s; name the "
                           "schema to plan",
                           (int)schema->len, (const char *)schema->at,
                           (int)item->schema.len,
                           (const char *)item->schema.at);
}

/* The migrations among the files of a directory, in order of versions, each
 * with the schema that it leads to. */
static int plan_items(struct plan *p, struct files *files,
                      struct cove_bytes schema)
{
    size_t count = 0;
    bool wanted;
    int err = 0;

    for (size_t i = 0; i < files->count && err == 0; i++) {
        err = item_wanted(p, &files->at[i], &schema, &wanted);
        count += wanted;
    }
    err = err != 0 ? err : plan_room(p, count);
    count = 0;
    for (size_t i = 0; i < files->count && err == 0; i++) {
        const struct file_item *item = &files->at[i];

        err = item_wanted(p, item, &schema, &wanted);
        if (wanted) {
            p->files[count++] =
                (struct cove_migration_files){.migration = item->text,
                                              .schema = item->file.text,
                                              .name = item->name};
        }
    }
    return err;
}

/* "files": those of a directory, whatever lies in it. */
static int plan_directory(struct plan *p, struct cove_bytes list)
{
    struct admin *a = p->a;
    struct files files = {.arena = &a->arena};
    const char *name = NULL;
    struct cove_reader r;
    int err = admin_text(a, "name", &name);
    size_t count = 0;

    cove_reader_init(&r, list);
    if (cove_value_kind(list) == COVE_KIND_LIST) {
        count = cove_reader_list(&r);
    }
    for (size_t i = 0; i < count && err == 0; i++) {
        struct cove_bytes entry = cove_reader_item(&r), file, text, plain;

        if (cove_value_kind(entry) != COVE_KIND_MAP ||
            !cove_value_member(entry, "file", &file) ||
            !cove_value_member(entry, "text", &text) ||
            cove_value_kind(file) != COVE_KIND_TEXT ||
            cove_value_kind(text) != COVE_KIND_TEXT) {
            return cove_fail(&a->diag, COVE_EUSAGE,
                             "each of \"files\" is {file, text}, both texts");
        }
        err = cove_arena_copy(&a->arena, cove_value_text(file), &plain);
        err = err != 0 ? err
                       : files_add(&files, (const char *)plain.at,
                                   cove_value_text(text));
    }
    err = err != 0 ? err : files_settle(&files);
    err = err != 0 ? err : files_check(&files, &a->diag);
    p->named = name != NULL;
    return err != 0 ? err
                    : plan_items(p, &files,
                                 name != NULL ? cove_bytes_text(name)
                                              : cove_bytes(NULL, 0));
}

/* "migration" with its companions, the list "migrations", or "files". */
static int plan_files(struct plan *p)
{
    struct admin *a = p->a;
    struct cove_bytes list;
    struct cove_reader r;
    int err;

    admin_value(a, "files", &list);
    if (list.len > 0) {
        return plan_directory(p, list);
    }
    admin_value(a, "migrations", &list);
    if (list.len == 0) {
        err = plan_room(p, 1);
        return err != 0 ? err : admin_migration_files(a, &p->files[0]);
    }
    cove_reader_init(&r, list);
    err = plan_room(
        p, cove_value_kind(list) == COVE_KIND_LIST ? cove_reader_list(&r) : 0);
    for (size_t i = 0; err == 0 && i < p->file_count; i++) {
        err = file_read(p, cove_reader_item(&r), &p->files[i]);
    }
    return err;
}

static int plan_request(struct plan *p)
{
    struct admin *a = p->a;
    int64_t sample = 0;
    int err = plan_files(p);

    p->examples = PLAN_EXAMPLES;
    err = err != 0 ? err : admin_int(a, "sample", &sample);
    err = err != 0 ? err : admin_int(a, "examples", &p->examples);
    err = err != 0 ? err : admin_where(a, &p->trial.where);
    if (err == 0 && (sample < 0 || sample > UINT32_MAX || p->examples < 0)) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "\"sample\" and \"examples\" are numbers of documents, "
                        "from 0 (sample 0: all)");
    }
    p->trial.sample = (uint64_t)sample;
    p->trial.live_days = a->store->live_days;
    p->trial.arena = &a->arena;
    return err;
}

/* ---------------------------------------------------------------- compile */

/* Judge one migration on top of the journal and of those before it, and assume
 * it too. */
static int plan_step(struct plan *p, size_t i)
{
    struct cove_catalog *catalog = p->txn->worker->catalog;
    struct cove_prepared *m = &p->prepared[i];
    struct cove_published published;
    int err = cove_prepare_migration(catalog, p->txn->txn, &p->files[i],
                                     &p->a->arena, m, &p->txn->diag);

    if (err == 0 && m->num != p->prepared[0].num) {
        return cove_fail(&p->txn->diag, COVE_EUSAGE,
                         "%s is of another schema than %s; plan one schema at "
                         "a time",
                         p->files[i].name, p->files[0].name);
    }
    err = err != 0
              ? err
              : cove_prepared_fits(catalog, p->txn->txn, m, p->files[i].name,
                                   &published, &p->txn->diag);
    if (err != 0) {
        return err;
    }
    m->step.step = published.step;
    p->existed[i] = published.existed;
    if (published.existed) {
        return 0;
    }
    p->assumed[p->assumed_count++] =
        (struct cove_assumed){m->step.body, m->file.text};
    return cove_catalog_assume(catalog, p->txn->txn, m->num, p->assumed,
                               p->assumed_count);
}

static int plan_compile(struct plan *p)
{
    struct cove_trial *t = &p->trial;
    const struct cove_plan *before;
    size_t first = 0;
    int err = 0;

    for (size_t i = 0; i < p->file_count && err == 0; i++) {
        err = plan_step(p, i);
    }
    if (err != 0) {
        return err;
    }
    t->schema = p->prepared[0].num;
    t->after = p->prepared[p->file_count - 1].step.step;
    while (first + 1 < p->file_count && p->existed[first]) {
        first++; /* before is what is published already */
    }
    memcpy(&t->before, p->prepared[first].parents.at, sizeof(t->before));
    err = cove_catalog_plan(p->txn->worker->catalog, p->txn->txn, t->schema,
                            &t->before, &before);
    if (err == 0 && t->where != NULL) {
        err = cove_where_check(t->where, before, &p->txn->diag);
    }
    return err;
}

/* ---------------------------------------------------------------- documents */

static int example_fields(struct node_json *j, struct cove_loaded *loaded,
                          const char *key)
{
    node_json_key(j, key);
    node_json_open(j, '{');
    for (size_t i = 0; i < loaded->plan->field_count; i++) {
        struct cove_field field;
        int err = cove_view_field(&loaded->view, i, &field);

        if (err != 0) {
            return err;
        }
        if (field.cell.kind == COVE_PRESENT) {
            node_json_key_bytes(j, field.name);
            node_json_value(j, field.cell.bytes);
        } else if (field.cell.kind == COVE_INVALID) {
            node_json_key_bytes(j, field.name);
            node_json_open(j, '{');
            node_json_key(j, "$invalid");
            node_json_value(j, field.cell.bytes);
            node_json_close(j, '}');
        }
    }
    node_json_close(j, '}');
    return 0;
}

static int plan_example(struct plan *p, const struct cove_trial_document *doc)
{
    struct node_json *j = &p->examples_json;
    int err;

    p->shown++;
    node_json_open(j, '{');
    node_json_key(j, "id");
    node_json_id(j, &doc->after->doc.id);
    node_json_key(j, "copies");
    node_json_int(j, doc->after->copies_due);
    err = example_fields(j, doc->before, "before");
    err = err != 0 ? err : example_fields(j, doc->after, "after");
    if (doc->why_after[0] != '\0') {
        node_json_key(j, "why");
        node_json_cstr(j, doc->why_after);
    }
    node_json_close(j, '}');
    return err;
}

static int plan_document(void *ctx, const struct cove_trial_document *doc)
{
    struct plan *p = ctx;
    struct node_json *j = &p->invalid_json;

    if (doc->why_before[0] != '\0' && p->invalid_listed < PLAN_INVALID) {
        p->invalid_listed++;
        node_json_why(j, &doc->before->doc.id, doc->why_before);
    }
    return p->shown < p->examples ? plan_example(p, doc) : 0;
}

static int plan_documents(struct plan *p)
{
    struct cove_trial_slice slice = {PLAN_SLICE, plan_document, p};
    int err = cove_trial_begin(p->txn->worker->catalog, p->txn->txn, &p->trial);

    p->judging_ms = plan_now(p);
    while (err == 0 && !p->trial.finished) {
        bool counted = p->trial.counted;

        err = cove_trial_go(p->txn->worker->catalog, p->txn->txn, &p->trial,
                            &slice, &p->txn->diag);
        if (err == 0 && !p->trial.finished) {
            err = node_renew(p->txn);
        }
        if (!counted) {
            p->judging_ms = plan_now(p);
        }
    }
    return err;
}

/* -------------------------------------------------------------------- reply */

static void step_json(struct plan *p, size_t i)
{
    struct node_json *j = &p->a->reply;
    const struct cove_compiled *step = &p->prepared[i].step;

    node_json_key(j, "step");
    node_json_hex(j, step->step.b, sizeof(step->step.b));
    node_json_key(j, "version");
    node_json_int(j, step->version);
    node_json_key(j, "existed");
    node_json_bool(j, p->existed[i]);
    node_json_key(j, "body");
    node_json_value(j, step->body);
}

static void reasons_json(struct node_json *j, const struct cove_trial *t)
{
    node_json_key(j, "newlyInvalid");
    node_json_open(j, '[');
    for (size_t i = 0; i < t->reason_count; i++) {
        const struct cove_trial_reason *r = &t->reasons[i];

        node_json_open(j, '{');
        node_json_key(j, "field");
        node_json_text(j, r->field);
        node_json_key(j, "reason");
        node_json_text(j, r->text);
        node_json_key(j, "count");
        node_json_int(j, (int64_t)r->count);
        node_json_key(j, "examples");
        node_json_open(j, '[');
        for (size_t k = 0; k < r->example_count; k++) {
            node_json_id(j, &r->examples[k]);
        }
        node_json_close(j, ']');
        node_json_close(j, '}');
    }
    node_json_close(j, ']');
}

/* A list that was written beside the reply. */
static void list_json(struct node_json *j, const char *key,
                      struct node_json *list)
{
    node_json_close(list, ']');
    node_json_key(j, key);
    node_json_raw(j, cove_buf_bytes(&list->out));
    j->err = j->err != 0 ? j->err : list->err;
}

/* A run looks at every document, at the pace of this plan, and writes. */
static int64_t plan_run_ms(const struct plan *p)
{
    const struct cove_trial *t = &p->trial;
    int64_t judged_ms = plan_now(p) - p->judging_ms;
    double seen = t->evaluated > 0 ? (double)t->evaluated : 1;
    double share = (double)t->documents / seen;
    double us = (double)judged_ms * 1000 * share +
                (double)t->due * share * PLAN_WRITE_US +
                ((double)t->documents / PLAN_BATCH + 1) * PLAN_COMMIT_US;

    return t->due > 0 ? (int64_t)(us / 1000) + 1 : 0;
}

static void plan_reply(struct plan *p)
{
    struct node_json *j = &p->a->reply;
    const struct cove_trial *t = &p->trial;
    int64_t elapsed = plan_now(p) - p->started_ms;

    node_json_key(j, "invalidBefore");
    node_json_open(j, '{');
    node_json_key(j, "count");
    node_json_int(j, (int64_t)t->invalid_before);
    list_json(j, "documents", &p->invalid_json);
    node_json_close(j, '}');
    reasons_json(j, t);
    step_json(p, p->file_count - 1);
    node_json_key(j, "steps");
    node_json_open(j, '[');
    for (size_t i = 0; i < p->file_count; i++) {
        node_json_open(j, '{');
        step_json(p, i);
        node_json_close(j, '}');
    }
    node_json_close(j, ']');
    list_json(j, "examples", &p->examples_json);

    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {{"documents", t->documents},
                   {"matching", t->matching},
                   {"evaluated", t->evaluated},
                   {"moved", t->moved},
                   {"newlyInvalidDocuments", t->newly_invalid},
                   {"mended", t->mended},
                   {"mendedByStep", t->spared},
                   {"due", t->due},
                   {"copies", t->copies},
                   {"bytes", t->bytes},
                   {"elapsedMs", (uint64_t)elapsed},
                   {"estimatedRunMs", (uint64_t)plan_run_ms(p)}};

    for (size_t i = 0; i < COVE_ARRAY_LEN(numbers); i++) {
        node_json_key(j, numbers[i].key);
        node_json_int(j, (int64_t)numbers[i].value);
    }
}

static int verb_plan(struct admin *a)
{
    struct plan p = {.a = a};
    int err = plan_request(&p);

    if (err == 0) {
        err = node_begin(a->store, COVE_READ | COVE_VIEW, &p.txn);
    }
    if (err != 0) {
        return err;
    }
    p.started_ms = plan_now(&p);
    node_forget(p.txn); /* the cached journal is one that nobody published */
    node_json_init(&p.examples_json, a->store->alloc);
    node_json_init(&p.invalid_json, a->store->alloc);
    node_json_open(&p.examples_json, '[');
    node_json_open(&p.invalid_json, '[');
    err = plan_compile(&p);
    err = err != 0 ? err : plan_documents(&p);
    if (err == 0) {
        plan_reply(&p);
    }
    cove_buf_clear(&p.examples_json.out);
    cove_buf_clear(&p.invalid_json.out);
    return admin_end(a, p.txn, err);
}

const struct admin_verb admin_plan_verbs[] = {
    {"migrate.plan",
     "migration schema file migrations files name sample examples where",
     verb_plan},
    {NULL, NULL, NULL},
};
