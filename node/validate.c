/* validate.c: documents judged by a schema without a write: cove_validate, and
 * the verb schema.check. The schema is one of the store, or a file that is
 * nowhere yet; the document is JSON, many lines of it, or one of the store. */
#include "node/validate.h"

#include "core/value.h"
#include "node/admin.h"

#include <stdio.h>

#define CHECK_ERRORS 1000 /* listed in a reply; all are counted */

/* -------------------------------------------------------------------- schemas
 */

static int check_compile(struct cove_arena *arena, struct cove_bytes text,
                         const char *file,
                         const struct cove_schema_options *options,
                         const struct cove_schema **out, struct cove_diag *diag)
{
    struct cove_buf cbor;

    cove_buf_init(&cbor, arena->alloc);

    int err = cove_json_read_plain(text, file, &cbor, diag);

    if (err == 0) {
        err = cove_schema_compile(arena, cove_buf_bytes(&cbor), options, out,
                                  diag);
        if (err != 0) {
            cove_diag_context(diag, "%s", file);
        }
    }
    cove_buf_clear(&cbor);
    return err;
}

/* A schema from its text, that somebody is writing. One without a title is a
 * rule for any value. */
static int check_parse(struct admin *a, struct cove_bytes text,
                       const char *file, bool formats, struct cove_judge *out)
{
    const struct cove_schema_options options = {.authored = true,
                                                .formats = formats};
    int err;

    memset(out, 0, sizeof(*out));
    err =
        check_compile(&a->arena, text, file, &options, &out->schema, &a->diag);
    if (err == 0) {
        out->name = cove_schema_title(out->schema);
        out->version = cove_schema_version(out->schema);
    }
    return err;
}

/* One of the store as it was opened, with `format` as a rule. */
static int check_formats(struct cove_txn *txn, struct cove_judge *judge,
                         cove_num num, const struct cove_step_id *head)
{
    const struct cove_schema_options options = {.tolerant = true,
                                                .formats = true};
    const struct cove_schema *usual;
    struct cove_bytes text;
    int err = cove_catalog_schema(txn->worker->catalog, txn->txn, num, head,
                                  &text, &usual);

    return err != 0 ? err
                    : check_compile(&txn->arena, text, "the store's schema",
                                    &options, &judge->schema, &txn->diag);
}

/* One of the store; it lives as long as the transaction. */
static int check_named(struct cove_txn *txn, const char *schema,
                       const char *version, bool formats,
                       struct cove_judge *out)
{
    struct cove_step_id head;
    cove_num num;
    int err = node_head(txn, schema, version, &num, &head);

    err = err != 0 ? err
                   : cove_judge_open(txn->worker->catalog, txn->txn, num, &head,
                                     out);
    if (err == 0 && out->schema == NULL) {
        err = cove_fail(&txn->diag, COVE_ENOTFOUND,
                        "the text of the schema %s, version %lld, is not here; "
                        "sync with who published it",
                        schema, (long long)out->version);
    }
    return err != 0 || !formats ? err : check_formats(txn, out, num, &head);
}

/* ------------------------------------------------------------------ documents
 */

/* All that is wrong with one document's text. */
static int check_text(const struct cove_judge *judge, struct cove_bytes text,
                      const char *file, struct cove_flaws *flaws,
                      struct cove_diag *diag)
{
    struct cove_buf cbor;

    cove_buf_init(&cbor, flaws->arena->alloc);

    int err = cove_json_read(text, file, &cbor, diag);

    if (err == 0) {
        err = cove_judge_new(judge, cove_buf_bytes(&cbor), flaws);
    }
    cove_buf_clear(&cbor);
    return err;
}

static int validate(struct cove_txn *txn, const char *schema, int64_t version,
                    const char *json)
{
    struct cove_flaws flaws = {.arena = &txn->scratch};
    struct cove_judge judge;
    char number[24];
    int err;

    snprintf(number, sizeof(number), "%lld", (long long)version);
    err = check_named(txn, schema, version != 0 ? number : NULL, false, &judge);
    err = err != 0 ? err
                   : check_text(&judge, cove_bytes_text(json), "the document",
                                &flaws, &txn->diag);
    if (err != 0 || flaws.count == 0) {
        return err;
    }
    if (flaws.count > 1) {
        return cove_fail(&txn->diag, COVE_ESCHEMA,
                         "%s (and %zu more; the verb schema.check lists all)",
                         (const char *)flaws.at[0].text.at, flaws.count - 1);
    }
    return cove_fail(&txn->diag, COVE_ESCHEMA, "%s",
                     (const char *)flaws.at[0].text.at);
}

int cove_validate(struct cove *store, const char *schema, int64_t version,
                  const char *json)
{
    struct cove_diag diag = {0};
    struct cove_txn *txn;
    int err;

    if (schema == NULL || json == NULL || version < 0) {
        err = cove_fail(&diag, COVE_EUSAGE,
                        "cove_validate needs a schema's name, a version (0: "
                        "the one that the app speaks) and JSON");
        return node_failed(store, err, &diag);
    }
    err = node_begin(store, COVE_READ, &txn);
    if (err != 0) {
        return node_failed(store, err, NULL);
    }
    err = validate(txn, schema, version, json);
    node_txn_failed(txn, err);
    cove_abort(txn);
    return err;
}

/* ---------------------------------------------------- documents of the store
 */

void node_flaw_json(struct node_json *j, const struct cove_flaw *flaw)
{
    node_json_key(j, "path");
    node_json_text(j, flaw->path);
    node_json_key(j, "rule");
    node_json_text(j, flaw->rule);
    node_json_key(j, "why");
    node_json_text(j, flaw->text);
}

static void broken_json(struct node_json *j, const struct cove_flaws *flaws)
{
    node_json_key(j, "broken");
    node_json_open(j, '[');
    for (size_t i = 0; i < flaws->count; i++) {
        node_json_open(j, '{');
        node_flaw_json(j, &flaws->at[i]);
        node_json_close(j, '}');
    }
    node_json_close(j, ']');
}

int node_broken_json(struct cove_txn *txn, struct cove_loaded *loaded,
                     struct node_json *j)
{
    struct cove_flaws flaws = {.arena = &txn->arena};
    int err = cove_loaded_flaws(txn->worker->catalog, txn->txn, loaded, &flaws);

    if (err == 0 && flaws.count > 0) {
        broken_json(j, &flaws);
    }
    return err;
}

int node_wrong_find(struct cove_txn *txn, struct cove_loaded *loaded,
                    struct cove_arena *arena, struct node_wrong *out)
{
    struct cove_catalog *catalog = txn->worker->catalog;
    int err;

    memset(out, 0, sizeof(*out));
    out->flaws.arena = arena;
    err = cove_loaded_flaws(catalog, txn->txn, loaded, &out->flaws);
    err = err != 0
              ? err
              : cove_children_flaws(catalog, txn->txn, loaded, &out->flaws);
    err = err != 0 ? err
                   : cove_loaded_misfits(catalog, txn->txn, loaded, arena,
                                         &out->misfits);
    out->any = out->flaws.count > 0 || out->misfits.count > 0;
    return err;
}

static void misfit_json(struct node_json *j, const struct cove_misfit *m)
{
    const struct cove_op_id *id = &m->native->id;

    node_json_open(j, '{');
    node_json_key(j, "field");
    node_json_text(j, m->field);
    node_json_key(j, "register");
    node_json_text(j, m->native->reg);
    node_json_author(j, id);
    node_json_key(j, "session");
    node_json_hex(j, id->session.b, sizeof(id->session.b));
    node_json_key(j, "tx");
    node_json_int(j, id->tx);
    node_json_key(j, "op");
    node_json_int(j, id->op);
    if (m->epoch->has_version) {
        node_json_key(j, "version");
        node_json_int(j, m->epoch->version);
    }
    node_json_key(j, "step");
    node_json_hex(j, m->epoch->id.b, sizeof(m->epoch->id.b));
    node_flaw_json(j, &m->flaw);
    node_json_close(j, '}');
}

void node_wrong_json(struct node_json *j, const struct node_wrong *wrong)
{
    if (!wrong->any) {
        return;
    }
    node_json_key(j, "why");
    node_json_text(j, wrong->flaws.count > 0 ? wrong->flaws.at[0].text
                                             : wrong->misfits.at[0].flaw.text);
    broken_json(j, &wrong->flaws);
    node_json_key(j, "writes");
    node_json_open(j, '[');
    for (size_t i = 0; i < wrong->misfits.count; i++) {
        misfit_json(j, &wrong->misfits.at[i]);
    }
    node_json_close(j, ']');
}

/* ----------------------------------------------------------------- the verb
 */

struct check { /* a request of schema.check, and what came of it */
    struct admin *a;
    struct cove_judge judge;
    int64_t line; /* of the document that is looked at; 0: no lines */
    uint64_t documents, invalid, errors;
};

static void check_error(struct check *c, const struct cove_flaw *flaw)
{
    struct node_json *j = &c->a->reply;

    if (c->errors++ >= CHECK_ERRORS) {
        return;
    }
    node_json_open(j, '{');
    if (c->line > 0) {
        node_json_key(j, "line");
        node_json_int(j, c->line);
    }
    node_flaw_json(j, flaw);
    node_json_close(j, '}');
}

static void check_flaws(struct check *c, const struct cove_flaws *flaws)
{
    c->documents++;
    c->invalid += flaws->count > 0;
    for (size_t i = 0; i < flaws->count; i++) {
        check_error(c, &flaws->at[i]);
    }
}

/* One document; `arena` is for it alone. Of many lines one that is no JSON is
 * an error like any, and the others follow. */
static int check_one(struct check *c, struct cove_bytes text, const char *file,
                     struct cove_arena *arena)
{
    struct cove_flaws flaws = {.arena = arena};
    struct cove_diag why = {0};
    int err = check_text(&c->judge, text, file, &flaws, &why);

    if (c->line > 0 && (err == COVE_EJSON || err == COVE_ELIMIT)) {
        err = cove_flaws_add(&flaws, &why, "json");
        if (err == 0) {
            flaws.at[0].path = cove_bytes(NULL, 0);
        }
    } else if (err != 0) {
        return cove_fail(&c->a->diag, err, "%s", why.text);
    }
    if (err == 0) {
        check_flaws(c, &flaws);
    }
    return err;
}

static bool line_blank(struct cove_bytes line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.at[i] != ' ' && line.at[i] != '\t' && line.at[i] != '\r') {
            return false;
        }
    }
    return true;
}

static int check_lines(struct check *c, struct cove_bytes text, int64_t first,
                       struct cove_arena *arena)
{
    int err = 0;

    c->line = first;
    for (size_t at = 0; at < text.len && err == 0; c->line++) {
        const uint8_t *end = memchr(text.at + at, '\n', text.len - at);
        size_t len = end != NULL ? (size_t)(end - text.at) - at : text.len - at;
        struct cove_bytes line = cove_bytes(text.at + at, len);
        char file[32];

        at += len + 1;
        if (!line_blank(line)) {
            snprintf(file, sizeof(file), "line %lld", (long long)c->line);
            cove_arena_reset(arena);
            err = check_one(c, line, file, arena);
        }
    }
    return err;
}

/* A document of the store, as the version shows it. */
static int check_shown(struct check *c, struct cove_txn *txn,
                       const struct cove_id *id, const char *schema,
                       const char *version)
{
    const struct cove_schema_doc *doc;
    struct cove_loaded loaded;
    struct cove_flaws flaws = {.arena = &txn->arena};
    int err = node_view(txn, id, version, &txn->arena, &loaded);

    if (err == 0 && loaded.raw) {
        err = cove_fail(&txn->diag, COVE_EUSAGE,
                        "the document has no schema: no rule holds for it");
    }
    err = err != 0 ? err
                   : cove_catalog_open(txn->worker->catalog, txn->txn,
                                       loaded.doc.schema_num, &doc);
    if (err == 0 && schema != NULL &&
        !cove_bytes_equal(doc->name, cove_bytes_text(schema))) {
        err = cove_fail(&txn->diag, COVE_EUSAGE,
                        "the document is a %.*s, not a %s", (int)doc->name.len,
                        (const char *)doc->name.at, schema);
    }
    err = err != 0 ? err
                   : cove_loaded_flaws(txn->worker->catalog, txn->txn, &loaded,
                                       &flaws);
    err = err != 0 ? err
                   : cove_children_flaws(txn->worker->catalog, txn->txn,
                                         &loaded, &flaws);
    if (err == 0) {
        check_flaws(c, &flaws);
    }
    return err;
}

struct check_request {
    const char *schema; /* a name in the store */
    const char *version;
    struct cove_bytes text;     /* or of the schema itself */
    const char *schema_file;    /* what messages call that */
    struct cove_bytes document; /* its text */
    const char *file;
    bool lines, formats, has_id;
    int64_t line;
    struct cove_id id;
};

static int check_read(struct admin *a, struct check_request *q)
{
    struct cove_bytes schema;
    int err = admin_value(a, "schema", &schema);

    q->schema_file = "the schema";
    q->file = "the document";
    q->line = 1;
    if (schema.len > 0 && cove_value_kind(schema) == COVE_KIND_TEXT) {
        err = admin_text(a, "schema", &q->schema);
    } else if (err == 0) {
        err = admin_json(a, "schema", &q->text);
    }
    if (err == 0 && q->text.len == 0) {
        err = admin_json(a, "schemaText", &q->text);
    }
    err = err != 0 ? err : admin_text(a, "schemaFile", &q->schema_file);
    err = err != 0 ? err : admin_version(a, &q->version);
    err = err != 0 ? err : admin_json(a, "document", &q->document);
    err = err != 0 ? err : admin_text(a, "file", &q->file);
    err = err != 0 ? err : admin_flag(a, "lines", &q->lines);
    err = err != 0 ? err : admin_flag(a, "formats", &q->formats);
    err = err != 0 ? err : admin_int(a, "line", &q->line);
    err = err != 0 ? err : admin_id(a, "id", &q->id, &q->has_id);
    if (err != 0) {
        return err;
    }
    if (q->has_id && q->formats) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "\"formats\" is for a \"document\"; one of the store "
                        "is judged as it is shown");
    } else if (q->has_id ? q->text.at != NULL || q->document.at != NULL
                         : (q->schema == NULL) == (q->text.at == NULL)) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "give \"schema\", the name of one of the store or the "
                        "schema itself, or its \"schemaText\"; and \"document\""
                        ", or the \"id\" of one of the store, which has its "
                        "schema");
    } else if (!q->has_id && q->document.at == NULL) {
        err = admin_need(a, "document", NULL);
    } else if (q->line < 1) {
        err = cove_fail(&a->diag, COVE_EUSAGE, "\"line\" is 1 or more");
    }
    return err;
}

static int check_go(struct check *c, const struct check_request *q,
                    struct cove_txn *txn)
{
    struct cove_arena arena;
    int err;

    if (q->has_id) {
        return check_shown(c, txn, &q->id, q->schema, q->version);
    }
    err =
        q->schema != NULL
            ? check_named(txn, q->schema, q->version, q->formats, &c->judge)
            : check_parse(c->a, q->text, q->schema_file, q->formats, &c->judge);
    if (err != 0) {
        return err;
    }
    cove_arena_init(&arena, c->a->store->alloc);
    err = q->lines ? check_lines(c, q->document, q->line, &arena)
                   : check_one(c, q->document, q->file, &arena);
    cove_arena_clear(&arena);
    return err;
}

static int verb_schema_check(struct admin *a)
{
    struct check c = {.a = a};
    struct check_request q = {0};
    struct node_json *j = &a->reply;
    struct cove_txn *txn;
    int err = check_read(a, &q);

    err = err != 0 ? err : node_begin(a->store, COVE_READ | COVE_VIEW, &txn);
    if (err != 0) {
        return err;
    }
    node_json_key(j, "errors");
    node_json_open(j, '[');
    err = check_go(&c, &q, txn);
    node_json_close(j, ']');
    node_json_key(j, "documents");
    node_json_int(j, (int64_t)c.documents);
    node_json_key(j, "invalid");
    node_json_int(j, (int64_t)c.invalid);
    node_json_key(j, "errorCount");
    node_json_int(j, (int64_t)c.errors);
    node_json_key(j, "valid");
    node_json_bool(j, c.invalid == 0);
    return admin_end(a, txn, err);
}

const struct admin_verb admin_validate_verbs[] = {
    {"schema.check",
     "schema schemaText schemaFile version document file lines line id "
     "formats",
     verb_schema_check},
    {NULL, NULL, NULL},
};
