/* admin_restore.c: going back to what users saw.
 *
 * History is never taken back. What a version saw at a point in time (the log
 * folded up to it, through the same plan) is compared field by field with what
 * it sees now, and each difference becomes an ordinary user's write. So a
 * restore syncs, wins over nothing that is written after it, and done twice it
 * writes nothing the second time. A write that is refused, or a value that was
 * not valid then, is listed and left.
 *
 * Without consent, and for a dry run, the same is done in transactions that are
 * thrown away: what is said would change is what would.
 */
#include "core/cbor.h"
#include "core/hlc.h"
#include "core/value.h"
#include "crdt/repo_upkeep.h"
#include "node/past.h"
#include "node/upkeep.h"

#define RESTORE_SLICE 512 /* documents a commit */
#define RESTORE_SHOWN 100 /* changes, and refusals, that the reply lists */

struct restore {
    struct admin *a;
    struct cove_txn *txn;
    struct cove_arena arena; /* of one document */
    const char *version;
    uint64_t hlc;
    const char *point; /* "to" of one document, where it is no time; or NULL */
    bool dry;
    uint64_t documents, changed;
    struct node_json skipped; /* items of lists */
    struct node_json changes;
    uint64_t shown, skips;
    bool listed; /* one schema, not one document */
};

/* --------------------------------------------------------------- the reply */

static void restore_skip(struct restore *r, const struct cove_id *id,
                         const char *why)
{
    if (r->skips++ < RESTORE_SHOWN) {
        node_json_why(&r->skipped, id, why);
    }
}

static void restore_show(struct restore *r, const struct cove_id *id,
                         const struct cove_edit *edits, size_t count)
{
    r->changed++;
    if (r->shown++ >= RESTORE_SHOWN) {
        return;
    }
    node_json_open(&r->changes, '{');
    node_json_key(&r->changes, "id");
    node_json_id(&r->changes, id);
    node_json_key(&r->changes, "fields");
    node_json_open(&r->changes, '{');
    for (size_t i = 0; i < count; i++) {
        node_json_key_bytes(&r->changes, edits[i].name);
        node_json_open(&r->changes, '{');
        if (edits[i].deleted) {
            node_json_key(&r->changes, "deleted");
            node_json_bool(&r->changes, true);
        } else {
            node_json_key(&r->changes, "value");
            node_json_value(&r->changes, edits[i].value);
        }
        node_json_close(&r->changes, '}');
    }
    node_json_close(&r->changes, '}');
    node_json_close(&r->changes, '}');
}

/* ------------------------------------------------------------- differences */

/* A field that was not valid then is named, and left. */
struct restore_field {
    struct restore *r;
    const struct cove_id *id;
};

static int field_stays(void *ctx, struct cove_bytes name)
{
    struct restore_field *f = ctx;
    char *why = cove_arena_printf(
        &f->r->arena, "/%.*s: was not valid then; it stays as it is",
        (int)name.len, (const char *)name.at);

    if (why == NULL) {
        return COVE_ENOMEM;
    }
    restore_skip(f->r, f->id, why);
    return 0;
}

/* ------------------------------------------------------------ one document */

/* A refusal that is about this document, not about the store. */
static bool restore_goes_on(int err)
{
    switch (err) {
    case COVE_EBLOCKED:
    case COVE_EDENIED:
    case COVE_ESCHEMA:
    case COVE_EINVALID:
    case COVE_ELIMIT:
    case COVE_EIMMUTABLE:
    case COVE_ETYPE:
    case COVE_ERESERVED:
    case COVE_EUSAGE:
    case COVE_ENOTFOUND:
        return true;
    default:
        return false;
    }
}

/* All of it as one transaction; where that is refused, what can be written. */
static int restore_write(struct restore *r, struct cove_loaded *loaded,
                         struct node_differences *d)
{
    struct cove_catalog *catalog = r->txn->worker->catalog;
    struct cove_diag why = {0};
    size_t kept = 0;
    int err =
        cove_write(catalog, r->txn->txn, loaded, d->edits, d->count, &why);

    if (err == 0) {
        return 0;
    }
    for (size_t i = 0; i < d->count && restore_goes_on(err); i++) {
        cove_diag_clear(&why);
        err = cove_write(catalog, r->txn->txn, loaded, &d->edits[i], 1, &why);
        if (err == 0) {
            d->edits[kept++] = d->edits[i];
            err = COVE_ESCHEMA; /* go on */
        } else if (restore_goes_on(err)) {
            restore_skip(r, &loaded->doc.id, why.text);
            if (err == COVE_EDENIED) {
                break; /* one sentence is enough */
            }
        }
    }
    d->count = kept;
    return restore_goes_on(err) ? 0
                                : cove_fail(&r->txn->diag, err, "%s", why.text);
}

static bool restore_is_younger(const struct restore *r,
                               const struct cove_doc *doc,
                               const struct cove_state *past)
{
    if (doc->header.has_created) {
        return cove_hlc_of_ms(doc->header.created_ms) > r->hlc;
    }
    return past->native_count == 0 && past->copy_count == 0 &&
           doc->state.native_count > 0;
}

static int restore_fields(struct restore *r, struct cove_loaded *loaded,
                          const struct cove_state *past)
{
    struct restore_field field = {r, &loaded->doc.id};
    struct node_differences d = {
        .arena = &r->arena, .stays = field_stays, .ctx = &field};
    int err = node_differences(loaded, &loaded->doc.state, past, &d);

    if (err == 0 && d.count > 0) {
        err = restore_write(r, loaded, &d);
    }
    if (err == 0 && d.count > 0) {
        r->txn->wrote = true;
        restore_show(r, &loaded->doc.id, d.edits, d.count);
    }
    return err;
}

/* What of another type than a map changed: how much goes, and comes. */
static void restore_show_edits(struct restore *r, const struct cove_id *id,
                               const char *key, int64_t removed,
                               int64_t inserted)
{
    struct node_json *j = &r->changes;

    r->changed++;
    if (r->shown++ >= RESTORE_SHOWN) {
        return;
    }
    node_json_open(j, '{');
    node_json_key(j, "id");
    node_json_id(j, id);
    if (key != NULL) {
        node_json_key(j, key);
        node_json_int(j, inserted);
    } else {
        node_json_key(j, "removed");
        node_json_int(j, removed);
        node_json_key(j, "inserted");
        node_json_int(j, inserted);
    }
    node_json_close(j, '}');
}

static int restore_state(struct restore *r, struct cove_loaded *loaded,
                         const struct cove_state *past)
{
    struct node_restored done = {.changed = false};
    enum cove_doc_type type = loaded->doc.header.type;
    int err;

    if (type == COVE_DOC_COMAP || type >= COVE_DOC_GROUP) {
        return restore_fields(r, loaded, past);
    }
    err = node_restore(r->txn, loaded, past, &r->arena, &done);
    if (err == 0 && done.changed) {
        r->txn->wrote = true;
        restore_show_edits(r, &loaded->doc.id,
                           type == COVE_DOC_COCOUNTER ? "added" : NULL,
                           done.removed, done.inserted);
    }
    return err;
}

static int restore_loaded(struct restore *r, struct cove_loaded *loaded)
{
    struct node_past past;
    struct node_point point = {.kind = NODE_POINT_TIME, .hlc = r->hlc};
    int err = r->point == NULL
                  ? 0
                  : node_point(r->txn, &loaded->doc, r->point, &point);

    err = err != 0 ? err : node_past(r->txn, loaded, &point, &r->arena, &past);
    if (err != 0) {
        return err;
    }
    r->documents++;
    if (point.kind == NODE_POINT_TIME &&
        restore_is_younger(r, &loaded->doc, &past.loaded.doc.state)) {
        restore_skip(r, &loaded->doc.id, "made after that point; it stays");
    } else {
        err = restore_state(r, loaded, &past.loaded.doc.state);
    }
    node_past_done(r->txn, &past);
    return err;
}

/* Among others, one that cannot be looked at, or not at that time, is named. */
static int restore_one(struct restore *r, const struct cove_id *id)
{
    struct cove_loaded loaded;
    bool viewed;
    int err;

    cove_arena_reset(&r->arena);
    cove_diag_clear(&r->txn->diag);
    err = node_view(r->txn, id, r->version, &r->arena, &loaded);
    viewed = err == 0;
    err = viewed ? restore_loaded(r, &loaded) : err;
    if (r->listed && err == (viewed ? COVE_ECUT : COVE_EBLOCKED)) {
        r->documents++;
        restore_skip(r, id, r->txn->diag.text);
        cove_diag_clear(&r->txn->diag);
        return 0;
    }
    return err;
}

/* ---------------------------------------------------------------- a schema */

static int restore_begin(struct restore *r)
{
    return node_begin(r->a->store, COVE_WRITE | COVE_VIEW, &r->txn);
}

static int restore_end(struct restore *r, int err)
{
    if (err == 0 && r->dry) {
        cove_abort(r->txn);
        return 0;
    }
    return admin_end(r->a, r->txn, err);
}

/* The next document of the schema. Errors: COVE_ENOTFOUND at the end. */
static int restore_next(struct restore *r, cove_num schema, cove_num *after,
                        struct cove_id *id)
{
    struct cove_doc_brief brief;
    struct cove_repo *repo = r->txn->worker->repo;
    int err = cove_repo_next(repo, r->txn->txn, schema, *after, after);

    if (err == 0) {
        err = cove_repo_brief(repo, r->txn->txn, *after, &brief);
        *id = brief.id;
    }
    return err;
}

/* A slice, from *after on. *end: it was the last one. */
static int restore_slice(struct restore *r, const char *name, cove_num *after,
                         bool *end)
{
    cove_num schema;
    struct cove_id id;
    int err = restore_begin(r);

    if (err != 0) {
        return err;
    }
    err = cove_catalog_find(r->txn->worker->catalog, r->txn->txn, name, &schema,
                            &r->txn->diag);
    for (int i = 0; i < RESTORE_SLICE && err == 0 && !*end; i++) {
        err = restore_next(r, schema, after, &id);
        if (err == COVE_ENOTFOUND) {
            *end = true;
            err = 0;
        } else if (err == 0) {
            err = restore_one(r, &id);
        }
    }
    return restore_end(r, err);
}

static int restore_schema(struct restore *r, const char *schema)
{
    cove_num after = 0;
    bool end = false;
    int err = 0;

    r->listed = true;
    while (err == 0 && !end) {
        err = restore_slice(r, schema, &after, &end);
    }
    return err;
}

static int restore_document(struct restore *r, const struct cove_id *id)
{
    int err = restore_begin(r);

    if (err != 0) {
        return err;
    }
    err = admin_branch(r->a, r->txn, id);
    return restore_end(r, err != 0 ? err : restore_one(r, id));
}

/* ------------------------------------------------------------- the request */

/* One document may go back to whatever has a name. */
static int restore_named(struct restore *r, bool one)
{
    struct cove_bytes v;
    int err = admin_value(r->a, "to", &v);

    r->point = NULL;
    return err == 0 && one && v.len > 0 && cove_value_kind(v) == COVE_KIND_TEXT
               ? admin_text(r->a, "to", &r->point)
               : err;
}

/* The point to go back to, and the schema that its mark was made for. */
static int restore_point(struct restore *r, bool one, const char **schema)
{
    struct admin *a = r->a;
    struct node_mark mark;
    struct cove_txn *txn;
    const char *name = NULL;
    bool timed = true;
    int64_t ms;
    int err = restore_named(r, one);

    if (err == 0 && r->point != NULL && !node_time_parse(r->point, &ms)) {
        r->hlc = UINT64_MAX;
    } else if (err == 0) {
        r->point = NULL;
        err = admin_time(a, "to", &r->hlc, &timed);
    }
    err = err != 0 ? err : admin_text(a, "mark", &name);
    if (err != 0) {
        return err;
    }
    if ((name != NULL) == timed) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "a restore goes back to a time (\"to\") or to a mark "
                         "(\"mark\"): name one of them");
    }
    if (timed) {
        return 0;
    }
    err = node_begin(a->store, COVE_READ, &txn);
    if (err != 0) {
        return err;
    }
    err = node_mark_find(txn, name, &mark);
    if (err == 0) {
        r->hlc = mark.hlc;
        if (*schema == NULL && mark.schema.len > 0) {
            *schema = cove_arena_printf(&a->arena, "%.*s", (int)mark.schema.len,
                                        (const char *)mark.schema.at);
            err = *schema == NULL ? COVE_ENOMEM : 0;
        }
    }
    return admin_end(a, txn, err);
}

static void restore_list(struct node_json *reply, const char *key,
                         struct node_json *items)
{
    node_json_key(reply, key);
    node_json_open(reply, '[');
    node_json_raw(reply, cove_buf_bytes(&items->out));
    node_json_close(reply, ']');
}

static int restore_run(struct restore *r, const char *schema,
                       const struct cove_id *id)
{
    int err = id != NULL ? restore_document(r, id) : restore_schema(r, schema);

    if (err == 0) {
        err = r->skipped.err != 0 ? r->skipped.err : r->changes.err;
    }
    return err;
}

static void restore_clear(struct restore *r)
{
    cove_buf_clear(&r->skipped.out);
    cove_buf_clear(&r->changes.out);
    cove_arena_clear(&r->arena);
}

static int restore_refuse(struct restore *r)
{
    return cove_fail(&r->a->diag, COVE_EDESTRUCTIVE,
                     "%llu of %llu documents would change; --dry-run shows "
                     "which, -y does it",
                     (unsigned long long)r->changed,
                     (unsigned long long)r->documents);
}

static int restore_reply(struct restore *r)
{
    struct node_json *j = &r->a->reply;

    node_json_key(j, "documents");
    node_json_int(j, (int64_t)r->documents);
    node_json_key(j, "changed");
    node_json_int(j, (int64_t)r->changed);
    node_json_key(j, "dry");
    node_json_bool(j, r->dry);
    restore_list(j, "changes", &r->changes);
    restore_list(j, "skipped", &r->skipped);
    node_json_key(j, "skippedCount");
    node_json_int(j, (int64_t)r->skips);
    return j->err;
}

static void restore_init(struct restore *r, struct admin *a)
{
    r->a = a;
    r->documents = r->changed = r->shown = r->skips = 0;
    cove_arena_init(&r->arena, a->store->alloc);
    node_json_init(&r->skipped, a->store->alloc);
    node_json_init(&r->changes, a->store->alloc);
}

/* A point in time alone: what is to go back to it? */
static int restore_nothing(struct admin *a)
{
    const char *mark = NULL;
    int err = admin_text(a, "mark", &mark);

    return err != 0 ? err
                    : cove_fail(&a->diag, COVE_EUSAGE,
                                "what is to be restored: all of a schema "
                                "(`cove restore NAME %s%s`), or one document "
                                "(its id instead of NAME)",
                                mark != NULL ? "--mark " : "--to TIME",
                                mark != NULL ? mark : "");
}

static int verb_restore(struct admin *a)
{
    struct restore r = {.a = a};
    const char *schema = NULL;
    struct cove_id id;
    bool given = false, dry = false, yes = false;
    int err = admin_text(a, "schema", &schema);

    err = err != 0 ? err : admin_version(a, &r.version);
    err = err != 0 ? err : admin_flag(a, "dry", &dry);
    err = err != 0 ? err : admin_flag(a, "yes", &yes);
    err = err != 0 ? err : admin_id(a, "id", &id, &given);
    if (err == 0 && given && schema != NULL) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "a document (\"id\") or a schema, not both");
    }
    err = err != 0 ? err : restore_point(&r, given, &schema);
    if (err == 0 && !given && schema == NULL) {
        err = restore_nothing(a);
    }
    if (err != 0) {
        return err;
    }
    restore_init(&r, a);
    r.dry = dry || !yes;
    err = restore_run(&r, schema, given ? &id : NULL);
    if (err == 0 && !dry && !yes && r.changed > 0) {
        err = restore_refuse(&r);
    }
    if (err == 0) {
        r.dry = dry;
        err = restore_reply(&r);
    }
    restore_clear(&r);
    return err;
}

const struct admin_verb admin_restore_verbs[] = {
    {"restore", "id schema version branch to mark dry yes", verb_restore},
    {NULL, NULL, NULL},
};
