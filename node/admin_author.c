/* admin_author.c: schema.diff: what changed between two schemas, or between
 * two lists of them, and the words of the migration. Nothing is written. */
#include "core/value.h"
#include "migrate/diff.h"
#include "node/admin.h"

#include <stdlib.h>

#define AUTHOR_SET_MAX 1024 /* schemas of a list */

/* ------------------------------------------------------------------ schemas */

struct side { /* the schemas of before or after */
    struct cove_schema_file *files;
    size_t count;
};

static int text_read(struct admin *a, struct cove_bytes text, const char *what,
                     struct cove_schema_file *out)
{
    return cove_schema_file_read(&a->arena, text, what, out, &a->diag);
}

/* The schema that a step of the store names. */
static int stored_read(struct admin *a, struct cove_txn *txn, cove_num num,
                       const struct cove_step_id *head,
                       struct cove_schema_file *out)
{
    const struct cove_schema_doc *doc;
    const struct cove_schema *parsed;
    struct cove_bytes text;
    int err = cove_catalog_schema(txn->worker->catalog, txn->txn, num, head,
                                  &text, &parsed);

    if (err == COVE_ENOTFOUND &&
        cove_catalog_open(txn->worker->catalog, txn->txn, num, &doc) == 0) {
        return cove_fail(&a->diag, err,
                         "the text of the schema %.*s is not here; sync with "
                         "who published it",
                         (int)doc->name.len, (const char *)doc->name.at);
    }
    if (err == 0) {
        err = cove_schema_held_read(&a->arena, text, "the store's schema", out,
                                    &a->diag);
    }
    if (err == 0) { /* a first version need not say that it is one */
        const struct cove_step *step;

        err = cove_catalog_open(txn->worker->catalog, txn->txn, num, &doc);
        step = err == 0 ? cove_journal_find(doc->journal, head) : NULL;
        out->version =
            step != NULL && step->has_version ? step->version : out->version;
    }
    return err;
}

/* "Name" or "Name@2" of the store. The newest, where no version is said: what
 * the app speaks is no measure of what was published. */
static int named_read(struct admin *a, struct cove_txn *txn,
                      struct cove_bytes name, struct cove_schema_file *out)
{
    struct cove_step_id head;
    struct cove_bytes copy;
    cove_num num;
    char *at;
    int err = cove_arena_copy(&a->arena, name, &copy);

    if (err != 0) {
        return err;
    }
    char *text = cove_arena_printf(&a->arena, "%s", (const char *)copy.at);

    if (text == NULL) {
        return COVE_ENOMEM;
    }
    at = strrchr(text, '@');
    if (at != NULL) {
        *at++ = '\0';
    }
    err = node_head(txn, text, at != NULL ? at : "0", &num, &head);
    return err != 0 ? err : stored_read(a, txn, num, &head, out);
}

/* A member that is a schema, its text, or its name in the store; another says
 * what messages call its file. */
static int side_read(struct admin *a, struct cove_txn *txn, const char *key,
                     const char *file_key, struct side *out)
{
    struct cove_bytes text = {NULL, 0};
    const char *what = key;
    size_t at = 0;
    int err = admin_json(a, key, &text);

    err = err != 0 ? err : admin_text(a, file_key, &what);

    if (err != 0 || text.len == 0) {
        return err;
    }
    out->files = cove_arena_array(&a->arena, 1, sizeof(*out->files));
    if (out->files == NULL) {
        return COVE_ENOMEM;
    }
    out->count = 1;
    while (at < text.len && text.at[at] != '\0' &&
           strchr(" \t\r\n", text.at[at]) != NULL) {
        at++;
    }
    return at < text.len && text.at[at] == '{'
               ? text_read(a, text, what, out->files)
               : named_read(a, txn, text, out->files);
}

/* Put a schema into a list; of two versions of one title the later counts. */
static void side_put(struct side *side, const struct cove_schema_file *file)
{
    for (size_t i = 0; i < side->count; i++) {
        struct cove_schema_file *other = &side->files[i];

        if (cove_bytes_equal(other->title, file->title) &&
            other->version != file->version) {
            *other = file->version > other->version ? *file : *other;
            return;
        }
    }
    side->files[side->count++] = *file;
}

/* One of a list: a text, or {file, text}. */
static int item_read(struct admin *a, const char *key, size_t index,
                     struct cove_bytes item, struct cove_schema_file *out)
{
    struct cove_bytes text = item, file = {NULL, 0};
    char *what;

    if (cove_value_kind(item) == COVE_KIND_MAP &&
        (!cove_value_member(item, "text", &text) ||
         !cove_value_member(item, "file", &file) ||
         cove_value_kind(file) != COVE_KIND_TEXT)) {
        text = item; /* not so: said below */
    }
    if (cove_value_kind(text) != COVE_KIND_TEXT) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "\"%s\" must be a list of schemas, each a text or "
                         "{file, text}",
                         key);
    }
    if (file.len > 0) {
        file = cove_value_text(file);
        what = cove_arena_printf(&a->arena, "%.*s", (int)file.len,
                                 (const char *)file.at);
    } else {
        what = cove_arena_printf(&a->arena, "%s %zu", key, index + 1);
    }
    return what == NULL ? COVE_ENOMEM
                        : text_read(a, cove_value_text(text), what, out);
}

/* A member that is a list of texts. */
static int set_read(struct admin *a, const char *key, struct cove_bytes list,
                    struct side *out)
{
    struct cove_reader r;
    size_t count = 0;

    cove_reader_init(&r, list);
    if (cove_reader_peek(&r) == COVE_CBOR_LIST) {
        count = cove_reader_list(&r);
    } else {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "\"%s\" must be a list of schemas", key);
    }
    if (count > AUTHOR_SET_MAX) {
        return cove_fail(&a->diag, COVE_ELIMIT, "\"%s\": at most %d schemas",
                         key, AUTHOR_SET_MAX);
    }
    out->files = cove_arena_array(&a->arena, count + 1, sizeof(*out->files));
    if (out->files == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct cove_schema_file file = {0};
        int err = item_read(a, key, i, cove_reader_item(&r), &file);

        if (err != 0) {
            return err;
        }
        side_put(out, &file);
    }
    return 0;
}

/* The newest version of every schema in the store. */
static int set_stored(struct admin *a, struct cove_txn *txn, struct side *out)
{
    struct cove_repo *repo = txn->worker->repo;
    size_t cap = 0;
    cove_num num = 0;
    int err;

    for (;;) {
        const struct cove_schema_doc *doc;
        struct cove_schema_file file = {0};
        const struct cove_step *newest;
        void *files = out->files;

        err = cove_repo_next(repo, txn->txn, COVE_NUM_JOURNALS, num, &num);
        if (err != 0) {
            return err == COVE_ENOTFOUND ? 0 : err;
        }
        err = cove_catalog_open(txn->worker->catalog, txn->txn, num, &doc);
        newest = err == 0 ? cove_journal_newest(doc->journal) : NULL;
        if (err == 0 && newest == NULL) {
            continue; /* nothing of it is published here */
        }
        if (err == 0) {
            const struct cove_step_id head = newest->id;

            err = stored_read(a, txn, num, &head, &file);
        }
        err = err != 0 ? err
                       : cove_arena_grow(&a->arena, &files, sizeof(*out->files),
                                         out->count, &cap);
        if (err != 0) {
            return err;
        }
        out->files = files;
        side_put(out, &file);
    }
}

/* -------------------------------------------------------------------- reply */

/* As it stands in the files: what looks like a form of a value is none. */
static void json_plain(struct admin *a, const char *key, struct cove_bytes cbor)
{
    struct node_json *j = &a->reply;
    struct cove_buf buf;

    if (cbor.len == 0) {
        return;
    }
    cove_buf_init(&buf, a->store->alloc);

    int err = cove_json_write_plain(cbor, 0, &buf);

    if (err != 0 && j->err == 0) {
        j->err = err;
    }
    node_json_key(j, key);
    node_json_raw(j, cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
}

static void change_json(struct admin *a, const struct cove_diff_change *c)
{
    struct node_json *j = &a->reply;

    node_json_open(j, '{');
    node_json_key(j, "kind");
    node_json_cstr(j, cove_diff_kind_name(c->kind));
    node_json_key(j, "class");
    node_json_cstr(j, cove_diff_class_name(c->class));
    if (c->lossy_forward || c->lossy_back) {
        node_json_key(j, "lossy");
        node_json_cstr(j, !c->lossy_back      ? "forward"
                          : !c->lossy_forward ? "back"
                                              : "both");
    }
    node_json_key(j, "compat");
    node_json_cstr(j, cove_diff_compat_name(c->compat));
    if (c->field.len > 0) {
        node_json_key(j, "field");
        node_json_text(j, c->field);
    }
    if (c->to.len > 0) {
        node_json_key(j, "to");
        node_json_text(j, c->to);
    }
    node_json_key(j, "path");
    node_json_text(j, c->path);
    json_plain(a, "before", c->before);
    json_plain(a, "after", c->after);
    node_json_key(j, "text");
    node_json_text(j, c->text);
    if (c->ambiguous) {
        node_json_key(j, "ambiguous");
        node_json_bool(j, true);
        node_json_key(j, "maybe");
        node_json_open(j, '[');
        for (size_t i = 0; i < c->maybe_count; i++) {
            node_json_text(j, c->maybe[i]);
        }
        node_json_close(j, ']');
    }
    if (c->destructive) {
        node_json_key(j, "destructive");
        node_json_bool(j, true);
    }
    node_json_close(j, '}');
}

static void counts_json(struct admin *a, enum cove_diff_class class,
                        unsigned compat, size_t ambiguous, size_t destructive)
{
    struct node_json *j = &a->reply;

    node_json_key(j, "class");
    node_json_cstr(j, cove_diff_class_name(class));
    node_json_key(j, "compat");
    node_json_cstr(j, cove_diff_compat_name(compat));
    node_json_key(j, "ambiguous");
    node_json_int(j, (int64_t)ambiguous);
    node_json_key(j, "destructive");
    node_json_int(j, (int64_t)destructive);
}

static void version_json(struct admin *a, const char *key,
                         const struct cove_schema_file *file)
{
    struct node_json *j = &a->reply;

    if (file == NULL) {
        return;
    }
    node_json_key(j, key);
    node_json_int(j, file->version);
}

static void pair_json(struct admin *a, const struct cove_diff_pair *pair)
{
    struct node_json *j = &a->reply;
    const struct cove_diff *d = &pair->diff;

    node_json_key(j, "schema");
    node_json_text(j, pair->after != NULL ? pair->after->title
                                          : pair->before->title);
    version_json(a, "from", pair->before);
    version_json(a, "to", pair->after);
    counts_json(a, d->class, d->compat, d->ambiguous_count,
                d->destructive_count);
    node_json_key(j, "changes");
    node_json_open(j, '[');
    for (size_t i = 0; i < d->change_count; i++) {
        change_json(a, &d->changes[i]);
    }
    node_json_close(j, ']');
    json_plain(a, "words", d->words);
    json_plain(a, "down", d->down);
}

static void set_json(struct admin *a, const struct cove_diff_set *set)
{
    struct node_json *j = &a->reply;

    counts_json(a, set->class, set->compat, set->ambiguous_count,
                set->destructive_count);
    node_json_key(j, "schemas");
    node_json_open(j, '[');
    for (size_t i = 0; i < set->count; i++) {
        node_json_open(j, '{');
        pair_json(a, &set->pairs[i]);
        node_json_close(j, '}');
    }
    node_json_close(j, ']');
}

/* ------------------------------------------------------------------ the verb
 */

static int diff_sets(struct admin *a, struct cove_txn *txn,
                     struct cove_bytes before, struct cove_bytes after,
                     struct cove_bytes answers)
{
    struct side old = {NULL, 0}, new = {NULL, 0};
    struct cove_diff_set set;
    int err = after.len == 0
                  ? cove_fail(&a->diag, COVE_EUSAGE, "\"afterSet\" is missing")
                  : set_read(a, "afterSet", after, &new);

    if (err == 0) {
        err = before.len > 0 ? set_read(a, "beforeSet", before, &old)
                             : set_stored(a, txn, &old);
    }
    if (err != 0) {
        return err;
    }
    const struct cove_diff_sets_request request = {.before = old.files,
                                                   .before_count = old.count,
                                                   .after = new.files,
                                                   .after_count = new.count,
                                                   .answers = answers};

    err = cove_diff_sets(&a->arena, &request, &set, &a->diag);
    if (err == 0) {
        set_json(a, &set);
    }
    return err;
}

/* Where before is not said: the newest version of that name in the store; none
 * where the schema is new. */
static int before_read(struct admin *a, struct cove_txn *txn,
                       const struct side *after, struct side *before)
{
    int err = side_read(a, txn, "before", "beforeFile", before);

    if (err != 0 || before->count > 0 || after->count == 0) {
        return err;
    }
    before->files = cove_arena_array(&a->arena, 1, sizeof(*before->files));
    if (before->files == NULL) {
        return COVE_ENOMEM;
    }
    err = named_read(a, txn, after->files->title, before->files);
    before->count = err == 0;
    if (err == COVE_ENOTFOUND && a->diag.text[0] == '\0') {
        cove_diag_clear(&txn->diag);
        err = 0;
    }
    return err;
}

static int diff_two(struct admin *a, struct cove_txn *txn,
                    struct cove_bytes answers)
{
    struct side before = {NULL, 0}, after = {NULL, 0};
    struct cove_diff_pair pair = {0};
    int err = side_read(a, txn, "after", "afterFile", &after);

    err = err != 0 ? err : before_read(a, txn, &after, &before);
    if (err == 0 && before.count + after.count == 0) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "\"after\" is missing: a schema, or NAME@VERSION");
    }
    if (err != 0) {
        return err;
    }
    pair.before = before.count > 0 ? before.files : NULL;
    pair.after = after.count > 0 ? after.files : NULL;

    const struct cove_diff_request request = {
        .before = pair.before, .after = pair.after, .answers = answers};

    err = cove_diff(&a->arena, &request, &pair.diff, &a->diag);
    if (err == 0) {
        pair_json(a, &pair);
    }
    return err;
}

static int verb_diff(struct admin *a)
{
    struct cove_bytes answers = {NULL, 0}, before = {NULL, 0},
                      after = {NULL, 0};
    struct cove_txn *txn;
    int err = admin_map(a, "answers", &answers);

    admin_value(a, "beforeSet", &before);
    admin_value(a, "afterSet", &after);
    if (err == 0) {
        err = node_begin(a->store, COVE_READ, &txn);
    }
    if (err != 0) {
        return err;
    }
    return admin_end(a, txn,
                     before.len + after.len > 0
                         ? diff_sets(a, txn, before, after, answers)
                         : diff_two(a, txn, answers));
}

const struct admin_verb admin_author_verbs[] = {
    {"schema.diff",
     "before beforeFile after afterFile beforeSet afterSet answers", verb_diff},
    {NULL, NULL, NULL},
};
