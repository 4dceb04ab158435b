/* diff.c: which field of after is which field of before, and the result.
 *
 * Fields of one name are one field. A name that is gone beside a name that is
 * new may be a rename or two changes, and nothing in the files says which: it
 * stays open, with the fields it may have become (diff_maybe.c), until an
 * answer decides. What stays is compared by diff_classify.c; what was decided
 * becomes words in diff_words.c.
 */
#include <stdlib.h>

#include "core/json.h"
#include "migrate/diff_internal.h"

/* --- small things ------------------------------------------------------- */

const char *cove_diff_shown(struct cove_arena *arena, struct cove_bytes value)
{
    struct cove_buf buf;
    char *text = NULL;

    if (value.len == 0) {
        return "none";
    }
    cove_buf_init(&buf, arena->alloc);
    if (cove_json_write_plain(value, 0, &buf) == 0) {
        text = cove_arena_printf(arena, "%.*s%s", SHOWN(cove_buf_bytes(&buf)),
                                 buf.len > COVE_SHOWN_MAX ? "…" : "");
    }
    cove_buf_clear(&buf);
    return text;
}

int cove_diff_path(struct cove_arena *arena, struct cove_bytes path,
                   const char *keyword, struct cove_bytes key,
                   struct cove_bytes *out)
{
    struct cove_bytes word = cove_bytes_text(keyword);
    uint8_t *at = cove_arena_new(arena, path.len + word.len + 2 * key.len + 3);
    size_t len = path.len;

    if (at == NULL) {
        return COVE_ENOMEM;
    }
    if (path.len > 0) {
        memcpy(at, path.at, path.len);
    }
    at[len++] = '/';
    memcpy(at + len, word.at, word.len);
    len += word.len;
    if (key.at != NULL) {
        at[len++] = '/';
    }
    for (size_t i = 0; key.at != NULL && i < key.len; i++) {
        bool escape = key.at[i] == '~' || key.at[i] == '/';

        if (escape) {
            at[len++] = '~';
        }
        at[len++] = !escape            ? key.at[i]
                    : key.at[i] == '~' ? (uint8_t)'0'
                                       : (uint8_t)'1';
    }
    *out = cove_bytes(at, len);
    return 0;
}

bool cove_diff_keyword(struct cove_bytes schema, const char *keyword,
                       struct cove_bytes *out)
{
    struct cove_reader r;

    *out = cove_bytes(NULL, 0);
    cove_reader_init(&r, schema);
    return schema.len > 0 && cove_reader_peek(&r) == COVE_CBOR_MAP &&
           cove_value_member(schema, keyword, out);
}

int cove_diff_add(struct diff *d, const struct cove_diff_change *change,
                  char *text)
{
    void *changes = d->changes;
    int rc;

    if (text == NULL) {
        return COVE_ENOMEM;
    }
    rc = cove_arena_grow(d->arena, &changes, sizeof *d->changes,
                         d->change_count, &d->change_cap);
    if (rc != 0) {
        return rc;
    }
    d->changes = changes;
    d->changes[d->change_count] = *change;
    d->changes[d->change_count++].text = cove_bytes_text(text);
    return 0;
}

/* --- fields ------------------------------------------------------------- */

static int fields_read(struct diff *d, const struct cove_schema_file *file,
                       struct diff_field **out, size_t *count)
{
    struct cove_bytes properties = {NULL, 0};
    struct cove_reader r;
    size_t n = cove_schema_count(file->schema);
    struct diff_field *fields =
        cove_arena_array(d->arena, n + 1, sizeof *fields);

    if (fields == NULL) {
        return COVE_ENOMEM;
    }
    cove_diff_keyword(file->cbor, "properties", &properties);
    cove_reader_init(&r, properties);
    if (n > 0) {
        cove_reader_map(&r);
    }
    for (size_t i = 0; i < n; i++) { /* both in the order of CBOR keys */
        fields[i].property = cove_schema_at(file->schema, i);
        fields[i].name = fields[i].property->name;
        cove_reader_text(&r);
        fields[i].schema = cove_reader_item(&r);
    }
    *out = fields;
    *count = n;
    return 0;
}

static struct diff_field *field_find(struct diff_field *fields, size_t count,
                                     struct cove_bytes name)
{
    for (size_t i = 0; i < count; i++) {
        if (cove_bytes_equal(fields[i].name, name)) {
            return &fields[i];
        }
    }
    return NULL;
}

static struct diff_answer *answer_of(const struct diff *d,
                                     enum diff_answer_kind kind,
                                     struct cove_bytes field)
{
    return cove_diff_answer(d->answers, kind, d->before->title, field);
}

static void field_link(struct diff_field *old, struct diff_field *new)
{
    old->fate = DIFF_STAYS;
    old->word = cove_diff_word(old->property, new->property);
    old->other = new;
    new->fate = DIFF_STAYS;
    new->other = old;
}

/* Does an answer say that this field is not the one of its name? */
static bool field_moves(const struct diff *d, struct cove_bytes name)
{
    return answer_of(d, DIFF_ANSWER_RENAME, name) != NULL ||
           answer_of(d, DIFF_ANSWER_DROP, name) != NULL ||
           answer_of(d, DIFF_ANSWER_HIDE, name) != NULL;
}

/* Renames that are answered. */
static int fields_rename(struct diff *d)
{
    for (size_t i = 0; i < d->old_count; i++) {
        struct diff_field *old = &d->old[i];
        struct diff_answer *answer =
            answer_of(d, DIFF_ANSWER_RENAME, old->name);
        struct diff_field *new;

        if (answer == NULL || cove_bytes_equal(old->name, answer->value)) {
            continue;
        }
        new = field_find(d->new, d->new_count, answer->value);
        if (new == NULL || (field_find(d->old, d->old_count, new->name) &&
                            !field_moves(d, new->name))) {
            continue; /* about nothing: said at the end */
        }
        if (new->other != NULL) {
            return cove_fail(d->diag, COVE_EUSAGE,
                             "answers: \"%.*s\" and \"%.*s\" cannot both be "
                             "renamed to \"%.*s\"",
                             SHOWN(new->other->name), SHOWN(old->name),
                             SHOWN(new->name));
        }
        answer->used = true;
        field_link(old, new);
    }
    return 0;
}

/* What is dropped or hidden, and what has kept its name. */
static void fields_settle(struct diff *d, struct diff_field *old)
{
    struct diff_answer *drop = answer_of(d, DIFF_ANSWER_DROP, old->name);
    struct diff_answer *hide = answer_of(d, DIFF_ANSWER_HIDE, old->name);
    struct diff_field *same = field_find(d->new, d->new_count, old->name);
    bool stays = same != NULL && same->other == NULL;
    struct diff_answer *gone = drop != NULL ? drop : hide;

    if (gone != NULL &&
        !(stays && same->property->type == old->property->type &&
          same->property->child == old->property->child)) {
        gone->used = true;
        old->fate = drop != NULL ? DIFF_DROPPED : DIFF_HIDDEN;
    } else if (stays) {
        field_link(old, same);
    } else {
        old->fate = DIFF_LEAVES;
    }
}

static int fields_match(struct diff *d)
{
    int rc = fields_rename(d);

    for (size_t i = 0; i < d->old_count && rc == 0; i++) {
        if (d->old[i].other == NULL) {
            fields_settle(d, &d->old[i]);
        }
    }
    for (size_t i = 0; i < d->new_count; i++) {
        if (d->new[i].other == NULL) {
            d->new[i].fate = DIFF_COMES;
        }
    }
    return rc;
}

/* --- fields that go and come -------------------------------------------- */

static char *removed_text(const struct diff *d,
                          const struct cove_diff_change *c, bool hidden)
{
    struct cove_bytes name = c->field;

    if (c->ambiguous) {
        return cove_arena_printf(
            d->arena,
            "\"%.*s\" is gone and \"%.*s\" is new: say whether it was renamed "
            "(--rename %.*s=%.*s) or dropped (--drop %.*s --accept-data-loss; "
            "--hide %.*s keeps its values)",
            SHOWN(name), SHOWN(c->maybe[0]), SHOWN(name), SHOWN(c->maybe[0]),
            SHOWN(name), SHOWN(name));
    }
    if (hidden) {
        return cove_arena_printf(d->arena,
                                 "\"%.*s\" is hidden; its values are kept, and "
                                 "`show` brings them back",
                                 SHOWN(name));
    }
    if (c->destructive) {
        return cove_arena_printf(
            d->arena,
            "\"%.*s\" is gone: its values will not be shown, and go at "
            "compaction; that needs consent (--drop %.*s --accept-data-loss), "
            "or --hide %.*s keeps them",
            SHOWN(name), SHOWN(name), SHOWN(name));
    }
    return cove_arena_printf(
        d->arena,
        "\"%.*s\" is removed; its values go at compaction, "
        "once no version that shows it is in use",
        SHOWN(name));
}

static int field_removed(struct diff *d, struct diff_field *old)
{
    struct cove_diff_change c = {
        .kind = COVE_DIFF_FIELD_REMOVED,
        .class = COVE_DIFF_LOSSY,
        .lossy_forward = true,
        /* who reads at the version before finds nothing in new documents */
        .compat = old->property->required && !old->property->has_default
                      ? COVE_COMPAT_BACKWARD
                      : COVE_COMPAT_FULL,
        .field = old->name,
        .before = old->schema};
    bool hidden = old->fate == DIFF_HIDDEN;
    int rc = cove_diff_path(d->arena, cove_bytes(NULL, 0), "properties",
                            old->name, &c.path);

    if (rc == 0 && old->fate == DIFF_LEAVES) {
        rc = cove_diff_maybe(d, old, &c);
    }
    if (rc != 0) {
        return rc;
    }
    c.ambiguous = c.maybe_count > 0;
    c.destructive = !c.ambiguous && !hidden && !d->answers->accept;
    if (hidden) {
        c.class = COVE_DIFF_ALIAS;
        c.lossy_forward = false;
    }
    if (old->fate == DIFF_LEAVES && !c.ambiguous) {
        old->fate = DIFF_DROPPED;
    }
    return cove_diff_add(d, &c, removed_text(d, &c, hidden));
}

static int field_added(struct diff *d, struct diff_field *new)
{
    const struct cove_property *p = new->property;
    bool missing = p->required && !p->has_default;
    struct cove_diff_change c = {.kind = COVE_DIFF_FIELD_ADDED,
                                 .class = COVE_DIFF_ADD,
                                 .compat = missing ? COVE_COMPAT_FORWARD
                                                   : COVE_COMPAT_FULL,
                                 .field = new->name,
                                 .after = new->schema};
    const char *shown =
        p->has_default ? cove_diff_shown(d->arena, p->default_value) : "";
    int rc = cove_diff_path(d->arena, cove_bytes(NULL, 0), "properties",
                            new->name, &c.path);

    if (rc != 0 || shown == NULL) {
        return rc != 0 ? rc : COVE_ENOMEM;
    }
    return cove_diff_add(
        d, &c,
        cove_arena_printf(
            d->arena, "\"%.*s\" is new: %s, %s%s%s%s", SHOWN(new->name),
            cove_diff_kind(p),
            p->required                   ? "required"
            : p->child != COVE_CHILD_NONE ? "a document of its own"
                                          : "optional",
            p->has_default ? ", by default " : "", shown,
            missing ? "; documents of before lack it and are invalid until "
                      "somebody writes it: give it a default"
                    : ""));
}

/* --- a schema that comes or goes ---------------------------------------- */

static int schema_alone(struct diff *d, const struct cove_diff_request *request)
{
    bool comes = request->before == NULL;
    const struct cove_schema_file *file =
        comes ? request->after : request->before;
    struct cove_diff_change c = {
        .kind = comes ? COVE_DIFF_SCHEMA_ADDED : COVE_DIFF_SCHEMA_REMOVED,
        .class = comes ? COVE_DIFF_ADD : COVE_DIFF_NONE,
        .compat = COVE_COMPAT_FULL};

    return cove_diff_add(
        d, &c,
        cove_arena_printf(d->arena,
                          comes ? "the schema \"%.*s\" is new"
                                : "the schema \"%.*s\" is not there any more; "
                                  "what was published stays, and so do its "
                                  "documents",
                          SHOWN(file->title)));
}

/* --- the result --------------------------------------------------------- */

static int change_order(const void *left, const void *right)
{
    const struct cove_diff_change *a = left;
    const struct cove_diff_change *b = right;
    int order = cove_bytes_compare(a->field, b->field);

    if (order == 0) {
        order = (a->kind > b->kind) - (a->kind < b->kind);
    }
    if (order == 0) {
        order = cove_bytes_compare(a->path, b->path);
    }
    return order != 0 ? order : cove_bytes_compare(a->before, b->before);
}

static void result_fill(const struct diff *d, struct cove_diff *out)
{
    if (d->change_count > 0) {
        qsort(d->changes, d->change_count, sizeof *d->changes, change_order);
    }
    out->changes = d->changes;
    out->change_count = d->change_count;
    out->compat = COVE_COMPAT_FULL;
    for (size_t i = 0; i < d->change_count; i++) {
        const struct cove_diff_change *c = &d->changes[i];

        out->class = c->class > out->class ? c->class : out->class;
        out->compat &= c->compat;
        out->ambiguous_count += c->ambiguous;
        out->destructive_count += c->destructive;
    }
}

static int fields_compare(struct diff *d)
{
    const struct diff_constraints whole = {.before = d->before->cbor,
                                           .after = d->after->cbor};
    int rc = cove_diff_constraints(d, &whole);

    for (size_t i = 0; i < d->old_count && rc == 0; i++) {
        struct diff_field *old = &d->old[i];

        rc = old->fate == DIFF_STAYS ? cove_diff_classify(d, old)
                                     : field_removed(d, old);
    }
    for (size_t i = 0; i < d->new_count && rc == 0; i++) {
        if (d->new[i].fate == DIFF_COMES) {
            rc = field_added(d, &d->new[i]);
        }
    }
    return rc;
}

int cove_diff_run(struct cove_arena *arena,
                  const struct cove_diff_request *request,
                  struct diff_answers *answers, struct cove_diff *out,
                  struct cove_diag *diag)
{
    struct diff d = {.arena = arena,
                     .diag = diag,
                     .answers = answers,
                     .before = request->before,
                     .after = request->after};
    struct cove_diff result = {0};
    int rc;

    if (request->before == NULL || request->after == NULL) {
        rc = schema_alone(&d, request);
    } else if ((rc = fields_read(&d, d.before, &d.old, &d.old_count)) == 0 &&
               (rc = fields_read(&d, d.after, &d.new, &d.new_count)) == 0 &&
               (rc = fields_match(&d)) == 0) {
        rc = fields_compare(&d);
    }
    if (rc == 0) {
        result_fill(&d, &result);
        if (result.ambiguous_count == 0) {
            rc = cove_diff_words(&d, &result);
        }
    }
    if (rc == 0) {
        *out = result;
    }
    return rc;
}

int cove_diff(struct cove_arena *arena, const struct cove_diff_request *request,
              struct cove_diff *out, struct cove_diag *diag)
{
    struct diff_answers answers;
    struct cove_diff result;
    int rc = cove_diff_answers_read(arena, request->answers, &answers, diag);

    if (rc == 0) {
        rc = cove_diff_run(arena, request, &answers, &result, diag);
    }
    if (rc == 0) {
        rc = cove_diff_answers_end(&answers, diag);
    }
    if (rc == 0) {
        *out = result;
    }
    return rc;
}

/* --- names -------------------------------------------------------------- */

const char *cove_diff_kind_name(enum cove_diff_kind kind)
{
    static const char *const names[] = {
        [COVE_DIFF_FIELD_ADDED] = "added",
        [COVE_DIFF_FIELD_REMOVED] = "removed",
        [COVE_DIFF_FIELD_RENAMED] = "renamed",
        [COVE_DIFF_FIELD_RETYPED] = "retyped",
        [COVE_DIFF_REQUIRED] = "required",
        [COVE_DIFF_OPTIONAL] = "optional",
        [COVE_DIFF_DEFAULT] = "default",
        [COVE_DIFF_ENUM_ADDED] = "enum-added",
        [COVE_DIFF_ENUM_REMOVED] = "enum-removed",
        [COVE_DIFF_ENUM_RENAMED] = "enum-renamed",
        [COVE_DIFF_NARROWED] = "narrowed",
        [COVE_DIFF_WIDENED] = "widened",
        [COVE_DIFF_NESTED] = "nested",
        [COVE_DIFF_REFERENCE] = "reference",
        [COVE_DIFF_INDEX] = "index",
        [COVE_DIFF_SCHEMA_ADDED] = "schema-added",
        [COVE_DIFF_SCHEMA_REMOVED] = "schema-removed",
        [COVE_DIFF_SCHEMA_RENAMED] = "schema-renamed"};

    return names[kind];
}

const char *cove_diff_class_name(enum cove_diff_class class)
{
    static const char *const names[] = {
        [COVE_DIFF_NONE] = "NONE",    [COVE_DIFF_ALIAS] = "ALIAS",
        [COVE_DIFF_ADD] = "ADD",      [COVE_DIFF_LOSSLESS] = "LOSSLESS",
        [COVE_DIFF_LOSSY] = "LOSSY",  [COVE_DIFF_ONE_WAY] = "ONE-WAY",
        [COVE_DIFF_SCRIPT] = "SCRIPT"};

    return names[class];
}

const char *cove_diff_compat_name(unsigned compat)
{
    static const char *const names[] = {"NONE", "BACKWARD", "FORWARD", "FULL"};

    return names[compat & COVE_COMPAT_FULL];
}
