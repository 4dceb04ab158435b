/* diff_sets.c: two lists of schemas, such as a directory's and a store's.
 *
 * Schemas are the same where their titles are. A title that is gone beside one
 * that is new, with fields like its own, may be a rename; and a schema's name
 * cannot change, since it is part of what its journal is: what is published
 * under the new name is another schema. So that is said, and nothing is
 * converted.
 */
#include "migrate/diff_internal.h"

struct sets {
    struct cove_arena *arena;
    const struct cove_diff_sets_request *request;
    struct diff_answers answers;
    struct cove_diff_set out;
    struct cove_diag *diag;
};

static const struct cove_schema_file *list_find(
    const struct cove_schema_file *files, size_t count, struct cove_bytes title)
{
    for (size_t i = 0; i < count; i++) {
        if (cove_bytes_equal(files[i].title, title)) {
            return &files[i];
        }
    }
    return NULL;
}

static const struct cove_schema_file *before_find(const struct sets *s,
                                                  struct cove_bytes title)
{
    return list_find(s->request->before, s->request->before_count, title);
}

static const struct cove_schema_file *after_find(const struct sets *s,
                                                 struct cove_bytes title)
{
    return list_find(s->request->after, s->request->after_count, title);
}

/* Two files of one title: which of them is meant? */
static int titles_check(const struct sets *s,
                        const struct cove_schema_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list_find(files, i, files[i].title) != NULL) {
            return cove_fail(s->diag, COVE_EUSAGE,
                             "two of the schemas have the title \"%.*s\"",
                             SHOWN(files[i].title));
        }
    }
    return 0;
}

/* --- a schema by another name ------------------------------------------- */

/* Fields that both have, by name and type, in percent of all. */
static unsigned schemas_alike(const struct cove_schema *a,
                              const struct cove_schema *b)
{
    size_t same = 0;
    size_t all = cove_schema_count(a) + cove_schema_count(b);

    for (size_t i = 0; i < cove_schema_count(a); i++) {
        const struct cove_property *p = cove_schema_at(a, i);
        const struct cove_property *q = cove_schema_find(b, p->name);

        same += q != NULL && p->type == q->type;
    }
    return all > 0 ? (unsigned)(200 * same / all) : 0;
}

#define SETS_ALIKE 50 /* percent from which a rename is plausible */

/* The new schemas that one may be by another name, the likeliest first. */
static int schema_maybe(const struct sets *s,
                        const struct cove_schema_file *before,
                        struct cove_diff_change *c)
{
    struct diff_best best = {.count = 0};

    for (size_t i = 0; i < s->request->after_count; i++) {
        const struct cove_schema_file *after = &s->request->after[i];
        unsigned alike = schemas_alike(before->schema, after->schema);

        if (alike >= SETS_ALIKE && before_find(s, after->title) == NULL) {
            cove_diff_best_add(
                &best, after->title,
                alike + cove_diff_alike(before->title, after->title));
        }
    }
    return cove_diff_best_take(s->arena, &best, c);
}

/* --- pairs -------------------------------------------------------------- */

static void pair_add(struct sets *s, const struct cove_diff_pair *pair)
{
    struct cove_diff_set *out = &s->out;

    out->pairs[out->count++] = *pair;
    out->class = pair->diff.class > out->class ? pair->diff.class : out->class;
    out->compat &= pair->diff.compat;
    out->ambiguous_count += pair->diff.ambiguous_count;
    out->destructive_count += pair->diff.destructive_count;
}

static int pair_compare(struct sets *s, const struct cove_schema_file *before,
                        const struct cove_schema_file *after)
{
    const struct cove_diff_request request = {.before = before, .after = after};
    struct cove_diff_pair pair = {.before = before, .after = after};
    int rc =
        cove_diff_run(s->arena, &request, &s->answers, &pair.diff, s->diag);

    if (rc == 0) {
        pair_add(s, &pair);
    }
    return rc;
}

/* One change, about the schema as a whole. */
static int pair_whole(struct sets *s, struct cove_diff_pair *pair,
                      struct cove_diff_change change, char *text)
{
    struct cove_diff_change *c = cove_arena_new(s->arena, sizeof *c);

    if (c == NULL || text == NULL) {
        return COVE_ENOMEM;
    }
    *c = change;
    c->text = cove_bytes_text(text);
    pair->diff = (struct cove_diff){.changes = c,
                                    .change_count = 1,
                                    .class = c->class,
                                    .compat = c->compat,
                                    .ambiguous_count = c->ambiguous};
    pair_add(s, pair);
    return 0;
}

static int pair_renamed(struct sets *s, const struct cove_schema_file *before,
                        const struct cove_schema_file *after)
{
    struct cove_diff_pair pair = {.before = before, .after = after};
    const struct cove_diff_change c = {.kind = COVE_DIFF_SCHEMA_RENAMED,
                                       .class = COVE_DIFF_ADD,
                                       .compat = COVE_COMPAT_NONE,
                                       .to = after->title};

    return pair_whole(
        s, &pair, c,
        cove_arena_printf(
            s->arena,
            "the schema \"%.*s\" is called \"%.*s\": a schema's name never "
            "changes, so that is one of its own (`cove schema put`); documents "
            "of \"%.*s\" stay with it",
            SHOWN(before->title), SHOWN(after->title), SHOWN(before->title)));
}

static int pair_open(struct sets *s, const struct cove_schema_file *before,
                     struct cove_diff_change *c)
{
    struct cove_diff_pair pair = {.before = before};

    c->kind = COVE_DIFF_SCHEMA_REMOVED;
    c->compat = COVE_COMPAT_FULL;
    c->ambiguous = true;
    return pair_whole(
        s, &pair, *c,
        cove_arena_printf(
            s->arena,
            "the schema \"%.*s\" is gone and \"%.*s\" is new: say whether it "
            "was renamed (--rename %.*s=%.*s) or dropped (--drop %.*s)",
            SHOWN(before->title), SHOWN(c->maybe[0]), SHOWN(before->title),
            SHOWN(c->maybe[0]), SHOWN(before->title)));
}

/* The new schema that an answer says this one is; NULL where none does. */
static const struct cove_schema_file *renamed_to(
    struct sets *s, const struct cove_schema_file *before, bool use)
{
    struct diff_answer *answer = cove_diff_answer(
        &s->answers, DIFF_ANSWER_RENAME, cove_bytes(NULL, 0), before->title);
    const struct cove_schema_file *after =
        answer != NULL ? after_find(s, answer->value) : NULL;

    if (after == NULL || before_find(s, after->title) != NULL) {
        return NULL;
    }
    answer->used = answer->used || use;
    return after;
}

/* A schema that is in the first list only. */
static int schema_gone(struct sets *s, const struct cove_schema_file *before)
{
    const struct cove_schema_file *after = renamed_to(s, before, true);
    struct diff_answer *drop = cove_diff_answer(
        &s->answers, DIFF_ANSWER_DROP, cove_bytes(NULL, 0), before->title);
    struct cove_diff_change c = {0};
    int rc;

    if (after != NULL) {
        return pair_renamed(s, before, after);
    }
    if (drop != NULL) {
        drop->used = true;
        return pair_compare(s, before, NULL);
    }
    rc = schema_maybe(s, before, &c);
    if (rc != 0) {
        return rc;
    }
    return c.maybe_count > 0 ? pair_open(s, before, &c)
                             : pair_compare(s, before, NULL);
}

/* Is this new schema one of before by another name? */
static bool schema_was(struct sets *s, const struct cove_schema_file *after)
{
    for (size_t i = 0; i < s->request->before_count; i++) {
        const struct cove_schema_file *before = &s->request->before[i];

        if (after_find(s, before->title) == NULL &&
            renamed_to(s, before, false) == after) {
            return true;
        }
    }
    return false;
}

static int sets_compare(struct sets *s)
{
    const struct cove_diff_sets_request *r = s->request;
    int rc = 0;

    for (size_t i = 0; i < r->after_count && rc == 0; i++) {
        const struct cove_schema_file *before =
            before_find(s, r->after[i].title);

        if (before != NULL || !schema_was(s, &r->after[i])) {
            rc = pair_compare(s, before, &r->after[i]);
        }
    }
    for (size_t i = 0; i < r->before_count && rc == 0; i++) {
        if (after_find(s, r->before[i].title) == NULL) {
            rc = schema_gone(s, &r->before[i]);
        }
    }
    return rc;
}

int cove_diff_sets(struct cove_arena *arena,
                   const struct cove_diff_sets_request *request,
                   struct cove_diff_set *out, struct cove_diag *diag)
{
    struct sets s = {.arena = arena,
                     .request = request,
                     .out = {.compat = COVE_COMPAT_FULL},
                     .diag = diag};
    int rc = cove_diff_answers_read(arena, request->answers, &s.answers, diag);

    s.out.pairs = cove_arena_array(
        arena, request->before_count + request->after_count + 1,
        sizeof *s.out.pairs);
    if (rc == 0 && s.out.pairs == NULL) {
        rc = COVE_ENOMEM;
    }
    if (rc != 0 ||
        (rc = titles_check(&s, request->before, request->before_count)) != 0 ||
        (rc = titles_check(&s, request->after, request->after_count)) != 0 ||
        (rc = sets_compare(&s)) != 0 ||
        (rc = cove_diff_answers_end(&s.answers, diag)) != 0) {
        return rc;
    }
    *out = s.out;
    return 0;
}
