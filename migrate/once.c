/* once.c: see once.h. */
#include "migrate/once.h"

#include "core/cbor.h"
#include "core/utf8.h"
#include "core/value.h"
#include "migrate/activity.h"

#include <stdio.h>

#define ONCE_KEY     9 /* the journal's number and "o", the name behind */
#define ONCE_NUMBERS 7
#define ONCE_BATCH   128

struct once {
    struct cove_catalog *catalog;
    struct cove_repo *repo;
    struct cove_store_txn *txn;
    struct cove_once *once;
    struct cove_arena arena;
    struct cove_diag *diag;
    struct cove_script *script;    /* compiled, or NULL */
    struct cove_once_reads *reads; /* with a script that is made */
    cove_once_shown *shown;        /* it is only tried */
    void *shown_ctx;
};

static uint64_t once_now(struct cove_repo *repo)
{
    const struct cove_env *env = cove_repo_env(repo);
    int64_t now_ms = env->now_ms(env->ctx);

    return now_ms > 0 ? (uint64_t)now_ms : 1;
}

/* -------------------------------------------------------------------- record
 */

static struct cove_bytes once_key(const struct cove_once *once,
                                  uint8_t out[ONCE_KEY + COVE_ONCE_NAME])
{
    cove_put_be64(out, once->schema);
    out[ONCE_KEY - 1] = 'o';
    memcpy(out + ONCE_KEY, once->name.at, once->name.len);
    return cove_bytes(out, ONCE_KEY + once->name.len);
}

static void once_numbers(struct cove_once *once, uint64_t *out[ONCE_NUMBERS])
{
    uint64_t *numbers[ONCE_NUMBERS] = {
        &once->cursor, &once->done,       &once->matched, &once->changed,
        &once->failed, &once->started_ms, &once->ended_ms};

    memcpy(out, numbers, sizeof(numbers));
}

static int once_save(struct once *o)
{
    uint8_t key[ONCE_KEY + COVE_ONCE_NAME];
    uint64_t *numbers[ONCE_NUMBERS];
    struct cove_buf buf;
    struct cove_writer w;

    once_numbers(o->once, numbers);
    cove_buf_init(&buf, cove_catalog_alloc(o->catalog));
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, 2 + ONCE_NUMBERS);
    cove_writer_bytes(&w, o->once->change.b, sizeof(o->once->change.b));
    cove_writer_bool(&w, o->once->finished);
    for (size_t i = 0; i < ONCE_NUMBERS; i++) {
        cove_writer_uint(&w, *numbers[i]);
    }
    int err = w.err != 0
                  ? w.err
                  : cove_repo_record_put(o->repo, o->txn, COVE_RECORDS_RUNS,
                                         once_key(o->once, key),
                                         cove_buf_bytes(&buf));

    cove_buf_clear(&buf);
    return err;
}

/* What scripts have read lies beside it, under another letter. */
static struct cove_bytes once_reads_key(const struct cove_once *once,
                                        uint8_t out[ONCE_KEY + COVE_ONCE_NAME])
{
    struct cove_bytes key = once_key(once, out);

    out[ONCE_KEY - 1] = 'p';
    return key;
}

static int once_reads_save(struct once *o)
{
    uint8_t key[ONCE_KEY + COVE_ONCE_NAME];
    struct cove_buf buf;
    int err;

    if (o->reads == NULL || o->reads->count == 0) {
        return 0;
    }
    cove_buf_init(&buf, cove_catalog_alloc(o->catalog));
    err = cove_once_reads_write(o->reads, &buf);
    err = err != 0 ? err
                   : cove_repo_record_put(o->repo, o->txn, COVE_RECORDS_RUNS,
                                          once_reads_key(o->once, key),
                                          cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
    return err;
}

static int once_reads_restore(struct once *o)
{
    uint8_t key[ONCE_KEY + COVE_ONCE_NAME];
    struct cove_bytes value;
    int err = cove_repo_record_get(o->repo, o->txn, COVE_RECORDS_RUNS,
                                   once_reads_key(o->once, key), &value);

    return err == COVE_ENOTFOUND ? 0
           : err != 0            ? err
                                 : cove_once_reads_read(value, o->reads);
}

/* Fill in what is on record. COVE_ENOTFOUND. */
static int once_restore(struct cove_repo *repo, struct cove_store_txn *txn,
                        struct cove_once *once, struct cove_hash *change)
{
    uint8_t key[ONCE_KEY + COVE_ONCE_NAME];
    uint64_t *numbers[ONCE_NUMBERS];
    struct cove_once held = *once;
    struct cove_bytes value;
    struct cove_reader r;
    int err = cove_repo_record_get(repo, txn, COVE_RECORDS_RUNS,
                                   once_key(once, key), &value);

    if (err != 0) {
        return err;
    }
    cove_reader_init(&r, value);
    if (cove_reader_list(&r) != 2 + ONCE_NUMBERS) {
        return COVE_ECORRUPT;
    }
    cove_reader_fixed(&r, change->b, sizeof(change->b));
    held.finished = cove_reader_bool(&r);
    once_numbers(&held, numbers);
    for (size_t i = 0; i < ONCE_NUMBERS; i++) {
        *numbers[i] = cove_reader_uint(&r);
    }
    err = cove_reader_done(&r);
    if (err == 0) {
        *once = held;
    }
    return err;
}

/* -------------------------------------------------------------------- before
 */

struct before {
    struct cove_bytes schema, name;
    struct cove_once_before *out;
    bool found;
};

static bool before_is(struct cove_bytes map, const char *key,
                      struct cove_bytes text)
{
    struct cove_bytes value;

    return cove_value_member(map, key, &value) &&
           cove_value_kind(value) == COVE_KIND_TEXT &&
           cove_bytes_equal(cove_value_text(value), text);
}

static int before_visit(void *ctx, const struct cove_activity_entry *entry)
{
    struct before *b = ctx;

    if (!b->found && before_is(entry->map, "what", cove_bytes_text("once")) &&
        before_is(entry->map, "schema", b->schema) &&
        before_is(entry->map, "name", b->name)) {
        b->found = true; /* the oldest is the first */
        b->out->hlc = entry->hlc;
        b->out->author = entry->author;
    }
    return 0;
}

int cove_once_before(struct cove_catalog *catalog, struct cove_store_txn *txn,
                     cove_num schema, struct cove_bytes name,
                     struct cove_once_before *out)
{
    const struct cove_schema_doc *doc;
    struct before b = {.name = name, .out = out};
    int err = cove_catalog_open(catalog, txn, schema, &doc);

    if (err == 0) {
        struct cove_id owner = doc->owner;

        b.schema = doc->name;
        err = cove_activity_each(catalog, txn, &owner, before_visit, &b);
    }
    return err != 0 ? err : b.found ? 0 : COVE_ENOTFOUND;
}

/* ------------------------------------------------------------------ documents
 */

/* Is it so already, by a write and not by a default? */
static int edit_stands(struct cove_loaded *loaded, const struct cove_edit *edit,
                       bool *out)
{
    for (size_t i = 0; i < loaded->plan->field_count; i++) {
        struct cove_field field;

        if (!cove_bytes_equal(loaded->plan->fields[i].name, edit->name)) {
            continue;
        }
        int err = cove_view_field(&loaded->view, i, &field);

        if (err == 0) {
            *out = edit->deleted
                       ? field.cell.kind == COVE_ABSENT || field.from_default
                       : field.cell.kind == COVE_PRESENT &&
                             !field.from_default &&
                             cove_bytes_equal(field.cell.bytes, edit->value);
        }
        return err;
    }
    *out = false;
    return 0;
}

/* What the script says of the document. A name that the version does not have
 * is the script's fault, and about this document alone. */
static int once_ask(struct once *o, struct cove_loaded *loaded,
                    struct cove_edit **edits, size_t *count,
                    struct cove_diag *why)
{
    const struct cove_once_patch patch = {.catalog = o->catalog,
                                          .txn = o->txn,
                                          .script = o->script,
                                          .asked = o->once->script,
                                          .reads = o->reads,
                                          .arena = &o->arena};
    int err = cove_once_patch(&patch, loaded, edits, count, why);

    for (size_t i = 0; err == 0 && i < *count; i++) {
        struct cove_bytes name = (*edits)[i].name;
        uint32_t reg;

        if (!cove_plan_find_name(loaded->plan, name, &reg)) {
            err = cove_fail(why, COVE_EINVALID,
                            "the script patches \"%.*s\", which the version "
                            "does not have",
                            SHOWN(name));
        }
    }
    return err;
}

static int once_edits(struct once *o, struct cove_loaded *loaded,
                      const struct cove_edit *asked, size_t asked_count,
                      struct cove_diag *why)
{
    struct cove_edit *edits =
        cove_arena_array(&o->arena, asked_count + 1, sizeof(*edits));
    size_t count = 0;
    int err = 0;

    if (edits == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < asked_count; i++) {
        bool stands;

        err = edit_stands(loaded, &asked[i], &stands);
        if (err != 0) {
            return err;
        }
        if (!stands) {
            edits[count++] = asked[i];
        }
    }
    if (o->shown == NULL) {
        err = cove_write(o->catalog, o->txn, loaded, edits, count, why);
    } else if (count > 0) {
        o->shown(o->shown_ctx, &loaded->doc.id, edits, count, NULL);
    }
    o->once->changed += err == 0 && count > 0;
    return err;
}

/* An error that is about one document, not about the store. */
static bool once_goes_on(int err)
{
    return err == COVE_ESCHEMA || err == COVE_EDENIED || err == COVE_ELIMIT ||
           err == COVE_EBLOCKED || err == COVE_EFORMAT || err == COVE_ETYPE ||
           err == COVE_EINVALID;
}

static int once_document(struct once *o, cove_num num, struct cove_diag *why)
{
    struct cove_load_request request = {
        .num = num, .head = &o->once->head, .mode = COVE_LOAD_VIEW};
    struct cove_loaded loaded;
    struct cove_edit *said = NULL;
    const struct cove_edit *edits = o->once->edits;
    size_t count = o->once->edit_count;
    bool match = true;
    int err = cove_load(o->catalog, o->txn, &request, &o->arena, &loaded, why);

    if (err != 0 || (loaded.doc.flags & COVE_DOC_LOCAL) || loaded.raw) {
        return err;
    }
    o->once->done++;
    if (o->once->where != NULL) {
        err = cove_where_match(o->once->where, &loaded, &match);
    }
    if (err != 0 || !match) {
        return err;
    }
    o->once->matched++;
    if (o->script != NULL) {
        err = once_ask(o, &loaded, &said, &count, why);
        edits = said;
    }
    err = err != 0 ? err : once_edits(o, &loaded, edits, count, why);
    if (err != 0 && o->shown != NULL && once_goes_on(err)) {
        o->shown(o->shown_ctx, &loaded.doc.id, NULL, 0,
                 why->text[0] != '\0' ? why->text : cove_error_text(err));
    }
    return err;
}

static void once_failed(struct once *o, const struct cove_diag *why, int err)
{
    struct cove_once *once = o->once;

    once->failed++;
    if (once->error[0] == '\0') {
        snprintf(once->error, sizeof(once->error), "%.250s",
                 why->text[0] != '\0' ? why->text : cove_error_text(err));
        while (!cove_utf8_valid(cove_bytes_text(once->error))) {
            once->error[strlen(once->error) - 1] = '\0';
        }
    }
}

static int once_batch(struct once *o)
{
    uint32_t batch = o->once->batch != 0 ? o->once->batch : ONCE_BATCH;
    int err = 0;

    for (uint32_t i = 0; i < batch && err == 0; i++) {
        struct cove_diag why;
        cove_num num;

        cove_diag_clear(&why);
        cove_arena_reset(&o->arena);
        err = cove_repo_next(o->repo, o->txn, o->once->schema, o->once->cursor,
                             &num);
        if (err == COVE_ENOTFOUND) {
            o->once->finished = true;
            o->once->ended_ms = o->shown == NULL ? once_now(o->repo) : 0;
            return 0;
        }
        if (err == 0) {
            o->once->cursor = num;
            err = once_document(o, num, &why);
        }
        if (once_goes_on(err)) {
            once_failed(o, &why, err);
            err = 0;
        } else if (err != 0) {
            cove_fail(o->diag, err, "%s", why.text);
        }
    }
    return err;
}

/* --------------------------------------------------------------------- step */

static int once_fields(struct once *o)
{
    const struct cove_plan *plan;
    int err = cove_catalog_plan(o->catalog, o->txn, o->once->schema,
                                &o->once->head, &plan);

    if (err == 0 && plan->head->retired) {
        err = cove_fail(o->diag, COVE_EBLOCKED,
                        "version %lld is retired: it is read and no longer "
                        "written; make the change at a later one",
                        (long long)plan->head->version);
    }
    for (size_t i = 0; err == 0 && i < o->once->edit_count; i++) {
        struct cove_bytes name = o->once->edits[i].name;
        uint32_t reg;

        if (!cove_plan_find_name(plan, name, &reg)) {
            err = cove_fail(o->diag, COVE_ENOTFOUND,
                            "the version has no field \"%.*s\"; `cove schema "
                            "show` lists those it has",
                            (int)name.len, (const char *)name.at);
        }
    }
    if (err == 0 && o->once->where != NULL) {
        err = cove_where_check(o->once->where, plan, o->diag);
    }
    return err;
}

static int once_note(struct once *o)
{
    const struct cove_schema_doc *schema;
    struct cove_once *once = o->once;
    struct cove_buf details;
    struct cove_writer w;
    int err = cove_catalog_open(o->catalog, o->txn, once->schema, &schema);

    if (err != 0) {
        return err;
    }
    struct cove_id owner = schema->owner;
    struct cove_activity activity = {.what = "once", .schema = schema->name};

    cove_buf_init(&details, cove_catalog_alloc(o->catalog));
    cove_writer_init(&w, &details);
    bool reads = o->reads != NULL && o->reads->count > 0;

    cove_writer_map(&w, reads ? 5 : 4); /* keys in CBOR's order */
    cove_writer_cstr(&w, "name");
    cove_writer_text(&w, once->name);
    if (reads) {
        cove_writer_cstr(&w, "reads");
        err = w.err != 0 ? w.err : cove_once_reads_write(o->reads, &details);
    }
    cove_writer_cstr(&w, "failed");
    cove_writer_uint(&w, once->failed);
    cove_writer_cstr(&w, "changed");
    cove_writer_uint(&w, once->changed);
    cove_writer_cstr(&w, "matched");
    cove_writer_uint(&w, once->matched);
    activity.details = cove_buf_bytes(&details);
    err = err != 0     ? err
          : w.err != 0 ? w.err
                       : cove_activity_note(o->catalog, o->txn, &owner,
                                            &activity, o->diag);
    cove_buf_clear(&details);
    return err;
}

static int once_open(struct once *o)
{
    const struct cove_once_script *script = o->once->script;
    int err = 0;

    cove_arena_init(&o->arena, cove_catalog_alloc(o->catalog));
    if (script != NULL) {
        err = cove_script_new(cove_catalog_alloc(o->catalog), script->source,
                              &o->script, o->diag);
    }
    if (err == 0 && script != NULL && o->shown == NULL) {
        o->reads = cove_alloc_zero(cove_catalog_alloc(o->catalog), 1,
                                   sizeof(*o->reads));
        err = o->reads == NULL ? COVE_ENOMEM : once_reads_restore(o);
    }
    return err;
}

static void once_close(struct once *o)
{
    cove_script_free(o->script);
    cove_alloc_free(cove_catalog_alloc(o->catalog), o->reads);
    cove_arena_clear(&o->arena);
}

int cove_once_step(struct cove_catalog *catalog, struct cove_store_txn *txn,
                   struct cove_once *once, struct cove_diag *diag)
{
    struct once o = {.catalog = catalog,
                     .repo = cove_catalog_repo(catalog),
                     .txn = txn,
                     .once = once,
                     .diag = diag};
    struct cove_hash change;
    int err = once_open(&o);

    if (err != 0) {
        goto out;
    }
    err = once_restore(o.repo, txn, once, &change);
    if (err == COVE_ENOTFOUND) {
        once->started_ms = once_now(o.repo);
        err = once_fields(&o);
    } else if (err == 0 && once->finished) {
        goto out;
    } else if (err == 0 &&
               memcmp(change.b, once->change.b, sizeof(change.b)) != 0) {
        err = cove_fail(diag, COVE_ECONFLICT,
                        "a change of this name was begun here and not ended, "
                        "and it was another one; end it as it was, or give "
                        "this one a name of its own");
    }
    err = err != 0 ? err : once_batch(&o);
    if (err == 0 && once->finished) {
        err = once_note(&o);
    }
    err = err != 0 ? err : once_save(&o);
    err = err != 0 ? err : once_reads_save(&o);
out:
    once_close(&o);
    return err;
}

int cove_once_try(struct cove_catalog *catalog, struct cove_store_txn *txn,
                  struct cove_once *once, cove_once_shown *shown, void *ctx,
                  struct cove_diag *diag)
{
    struct once o = {.catalog = catalog,
                     .repo = cove_catalog_repo(catalog),
                     .txn = txn,
                     .once = once,
                     .diag = diag,
                     .shown = shown,
                     .shown_ctx = ctx};
    int err = once_open(&o);

    err = err != 0 ? err : once_fields(&o);
    err = err != 0 ? err : once_batch(&o);
    once_close(&o);
    return err;
}
