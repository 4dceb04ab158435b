/* diff_classify.c: one field before and after: its name, its type, whether it
 * must be there, its default, its enum, and what else is noted of it.
 *
 * What a conversion loses is not looked up but tried (laws.h): the class says
 * what happened to values.
 */
#include "migrate/diff_internal.h"
#include "schema/fn.h"

struct pair { /* a field that stays */
    struct diff *d;
    struct diff_field *old;
    const struct cove_property *before, *after;
    struct cove_bytes path; /* of the field in the new schema */
};

static int pair_path(const struct pair *p, const char *keyword,
                     struct cove_bytes *out)
{
    return cove_diff_path(p->d->arena, p->path, keyword, cove_bytes(NULL, 0),
                          out);
}

/* --- name and type ------------------------------------------------------ */

static int pair_renamed(const struct pair *p)
{
    const struct cove_diff_change c = {.kind = COVE_DIFF_FIELD_RENAMED,
                                       .class = COVE_DIFF_ALIAS,
                                       .compat = COVE_COMPAT_FULL,
                                       .field = p->before->name,
                                       .to = p->after->name,
                                       .path = p->path};

    if (cove_bytes_equal(p->before->name, p->after->name)) {
        return 0;
    }
    return cove_diff_add(p->d, &c,
                         cove_arena_printf(p->d->arena,
                                           "\"%.*s\" is called \"%.*s\" from "
                                           "now on; no data is written",
                                           SHOWN(p->before->name),
                                           SHOWN(p->after->name)));
}

/* What a trial says of a conversion. */
static void change_tried(struct cove_diff_change *c,
                         const struct law_result *tried, bool one_way)
{
    c->lossy_forward = tried->forward_fails || tried->forward_changes;
    c->lossy_back = !one_way && (tried->back_fails || tried->back_changes);
    c->class = one_way                             ? COVE_DIFF_ONE_WAY
               : c->lossy_forward || c->lossy_back ? COVE_DIFF_LOSSY
                                                   : COVE_DIFF_LOSSLESS;
    c->compat = COVE_COMPAT_NONE;
    if (!c->lossy_forward) {
        c->compat |= COVE_COMPAT_BACKWARD;
    }
    if (!c->lossy_back && !one_way) {
        c->compat |= COVE_COMPAT_FORWARD;
    }
}

static char *retyped_text(const struct pair *p, const struct law_result *tried)
{
    const struct diff_convert *convert = &p->old->convert;
    const char *forward = cove_diff_shown(p->d->arena, convert->forward);
    const char *back = cove_diff_shown(p->d->arena, convert->back);

    if (forward == NULL || back == NULL) {
        return NULL;
    }
    return cove_arena_printf(
        p->d->arena, "%s\"%.*s\" turns from %s to %s%s by %s, back by %s%s%s%s",
        p->old->word == DIFF_EACH || convert->items ? "each item of " : "",
        SHOWN(p->before->name),
        cove_type_word(convert->items ? convert->item_from
                                      : cove_diff_type(p->before)),
        p->old->word == DIFF_TO_LIST ? "a list of " : "",
        cove_type_word(convert->items ? convert->item_to
                                      : cove_diff_type(p->after)),
        forward, back,
        tried->forward_fails
            ? "; what does not convert is invalid in the new version"
            : "",
        tried->forward_changes ? "; some values come back as others" : "",
        cove_value_is_null(convert->back)
            ? "; the old version sees newer values as invalid"
        : tried->back_fails
            ? "; what the new version writes may be invalid in the old"
            : "");
}

static int pair_converts(const struct pair *p)
{
    const struct diff_convert *convert = &p->old->convert;
    bool one_way = cove_value_is_null(convert->back);
    struct cove_diff_change c = {.kind = COVE_DIFF_FIELD_RETYPED,
                                 .field = p->before->name,
                                 .before = p->old->schema,
                                 .after = p->old->other->schema};
    struct law_trial trial = {.from = cove_diff_type(p->before),
                              .to = cove_diff_type(p->after),
                              .forward = convert->forward,
                              .back = one_way ? cove_bytes(NULL, 0)
                                              : convert->back};
    struct law_result tried;
    int rc;

    if (convert->items) { /* what holds of each holds of all */
        trial = (struct law_trial){.from = convert->item_from,
                                   .to = convert->item_to,
                                   .forward = convert->item_forward,
                                   .back = convert->item_back};
    }
    if ((rc = cove_law_try(p->d->arena, &trial, &tried)) != 0 ||
        (rc = pair_path(p, convert->items ? "items" : "type", &c.path)) != 0) {
        return rc;
    }
    change_tried(&c, &tried, one_way);
    if (cove_fn_is_script(convert->forward) ||
        (!one_way && cove_fn_is_script(convert->back))) {
        c.class = COVE_DIFF_SCRIPT;
        c.lossy_back = c.lossy_back || one_way;
    }
    if (p->old->word == DIFF_TO_LIST) { /* one item of many */
        c.lossy_back = true;
        c.class = c.class == COVE_DIFF_SCRIPT ? c.class
                  : one_way                   ? COVE_DIFF_ONE_WAY
                                              : COVE_DIFF_LOSSY;
        c.compat &= ~(unsigned)COVE_COMPAT_FORWARD;
    }
    return cove_diff_add(p->d, &c, retyped_text(p, &tried));
}

/* No conversion is known: only the developer can say one. */
static int pair_unconverted(const struct pair *p)
{
    struct cove_diff_change c = {.kind = COVE_DIFF_FIELD_RETYPED,
                                 .class = COVE_DIFF_ONE_WAY,
                                 .compat = COVE_COMPAT_NONE,
                                 .field = p->before->name,
                                 .before = p->old->schema,
                                 .after = p->old->other->schema,
                                 .ambiguous = true};
    int rc = pair_path(p, "type", &c.path);
    const char *how =
        p->before->type == COVE_TYPE_TEXT && p->after->type == COVE_TYPE_LIST
            ? "[{\"split_list\":\", \"}]"
            : "[…]";

    if (rc != 0) {
        return rc;
    }
    if (p->old->word == DIFF_NO_WORD) {
        return cove_diff_add(
            p->d, &c,
            cove_arena_printf(p->d->arena,
                              "\"%.*s\" turns from %s to %s, and no word does "
                              "that: give the field up: {\"drop\":[\"%.*s\"]}, "
                              "or add one of another name beside it",
                              SHOWN(p->before->name), cove_diff_kind(p->before),
                              cove_diff_kind(p->after),
                              SHOWN(p->before->name)));
    }
    return cove_diff_add(
        p->d, &c,
        cove_arena_printf(
            p->d->arena,
            "\"%.*s\" turns from %s to %s, and there is more than one way, or "
            "none: say how in an answers file: {\"convert\":{\"%.*s\":"
            "{\"forward\":%s}}}, or give the field up: {\"drop\":[\"%.*s\"]}",
            SHOWN(p->before->name), cove_type_word(cove_diff_type(p->before)),
            cove_type_word(cove_diff_type(p->after)), SHOWN(p->before->name),
            how, SHOWN(p->before->name)));
}

static int pair_type(const struct pair *p)
{
    bool needed = false;
    int rc = cove_diff_convert(p->d, p->old, &needed);

    if (rc != 0) {
        return rc;
    }
    if (needed) {
        return pair_unconverted(p);
    }
    if (cove_diff_turns(p->old) && p->old->convert.forward.len == 0) {
        struct cove_bytes path;

        rc = pair_path(p, "x-type", &path);
        return rc != 0 ? rc : cove_diff_child(p->d, p->old, path);
    }
    /* an enum's table on a type that stays is told value by value */
    if (cove_diff_type(p->before) == cove_diff_type(p->after) &&
        !cove_diff_turns(p->old) && !p->old->convert.items &&
        (p->old->convert.forward.len == 0 ||
         cove_diff_answer(p->d->answers, DIFF_ANSWER_CONVERT,
                          p->d->before->title, p->old->name) == NULL)) {
        return 0;
    }
    return pair_converts(p);
}

/* --- required, default -------------------------------------------------- */

static int pair_required(const struct pair *p)
{
    bool now = p->after->required;
    bool fallback = now ? p->after->has_default : p->before->has_default;
    struct cove_diff_change c = {.kind = now ? COVE_DIFF_REQUIRED
                                             : COVE_DIFF_OPTIONAL,
                                 .class = COVE_DIFF_ALIAS,
                                 .compat = fallback ? COVE_COMPAT_FULL
                                           : now    ? COVE_COMPAT_FORWARD
                                                    : COVE_COMPAT_BACKWARD,
                                 .field = p->before->name};
    int rc = cove_diff_path(p->d->arena, cove_bytes(NULL, 0), "required",
                            p->after->name, &c.path);
    const char *what =
        !now ? "is optional from now on"
        : fallback
            ? "is required from now on; documents without it show its default"
            : "is required from now on and has no default: documents without "
              "it are invalid until somebody writes it: give it a default";

    if (rc != 0 || p->before->required == now ||
        p->after->child != COVE_CHILD_NONE) { /* always there */
        return rc;
    }
    return cove_diff_add(p->d, &c,
                         cove_arena_printf(p->d->arena, "\"%.*s\" %s",
                                           SHOWN(p->before->name), what));
}

static int pair_default(const struct pair *p)
{
    struct cove_diff_change c = {.kind = COVE_DIFF_DEFAULT,
                                 .class = COVE_DIFF_ALIAS,
                                 .compat = COVE_COMPAT_FULL,
                                 .field = p->before->name,
                                 .before = p->before->default_value,
                                 .after = p->after->default_value};
    const char *before;
    const char *after;
    int rc;

    if (cove_bytes_equal(c.before, c.after)) {
        return 0;
    }
    if ((rc = pair_path(p, "default", &c.path)) != 0) {
        return rc;
    }
    before = cove_diff_shown(p->d->arena, c.before);
    after = cove_diff_shown(p->d->arena, c.after);
    if (before == NULL || after == NULL) {
        return COVE_ENOMEM;
    }
    return cove_diff_add(
        p->d, &c,
        cove_arena_printf(p->d->arena,
                          "the default of \"%.*s\" was %s and is %s; it shows "
                          "where nothing was ever written",
                          SHOWN(p->before->name), before, after));
}

/* --- enum --------------------------------------------------------------- */

struct choice { /* one value of an enum that goes or comes */
    struct cove_bytes value;
    struct cove_bytes to; /* renamed: the new value */
    enum diff_enum_fate fate;
};

static char *choice_text(const struct pair *p, const struct cove_diff_change *c)
{
    const char *before = cove_diff_shown(p->d->arena, c->before);
    const char *after = cove_diff_shown(p->d->arena, c->after);
    struct cove_bytes name = p->before->name;

    if (before == NULL || after == NULL) {
        return NULL;
    }
    if (c->kind == COVE_DIFF_ENUM_RENAMED) {
        return cove_arena_printf(p->d->arena,
                                 "%s of \"%.*s\" is called %s from now on",
                                 before, SHOWN(name), after);
    }
    if (c->kind == COVE_DIFF_ENUM_ADDED) {
        return cove_arena_printf(p->d->arena,
                                 "\"%.*s\" may be %s as well; the old version "
                                 "sees that as invalid",
                                 SHOWN(name), after);
    }
    if (c->ambiguous) {
        return cove_arena_printf(
            p->d->arena,
            "%s of \"%.*s\" is gone and %.*s is new: say whether it was "
            "renamed "
            "(--enum %.*s:OLD=NEW) or dropped (--enum %.*s:OLD=)",
            before, SHOWN(name), SHOWN(c->maybe[0]), SHOWN(name), SHOWN(name));
    }
    return cove_arena_printf(p->d->arena,
                             "\"%.*s\" may not be %s any more: where it is, it "
                             "is invalid in the new version",
                             SHOWN(name), before);
}

/* The values that are new and not what a renamed one became. */
static int enum_news(const struct pair *p, struct cove_bytes had,
                     struct cove_bytes has, struct cove_bytes **out,
                     size_t *count)
{
    struct cove_reader r;
    size_t total;

    cove_reader_init(&r, has);
    total = cove_reader_list(&r);
    *count = 0;
    *out = cove_arena_array(p->d->arena, total + 1, sizeof **out);
    if (*out == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < total; i++) {
        struct cove_bytes value = cove_reader_item(&r);
        struct cove_reader old;
        bool target = false;

        cove_reader_init(&old, had);
        for (size_t left = cove_reader_list(&old); left > 0; left--) {
            enum diff_enum_fate fate;
            struct cove_bytes to;
            int rc = cove_diff_enum_fate(p->d, p->old, cove_reader_item(&old),
                                         &fate, &to);

            if (rc != 0) {
                return rc;
            }
            target = target ||
                     (fate == DIFF_ENUM_RENAMED && cove_bytes_equal(to, value));
        }
        if (!target && !cove_diff_has(had, value)) {
            (*out)[(*count)++] = value;
        }
    }
    return 0;
}

static struct cove_bytes choice_name(struct cove_bytes value)
{
    return cove_value_kind(value) == COVE_KIND_TEXT ? cove_value_text(value)
                                                    : cove_bytes(NULL, 0);
}

#define CHOICE_LOOKED 256 /* new values that are looked at */

/* The new values as texts, the likeliest first. */
static int choice_maybe(const struct pair *p, struct cove_bytes value,
                        const struct cove_bytes *news, size_t count,
                        struct cove_diff_change *c)
{
    struct diff_best best = {.count = 0};

    for (size_t i = 0; i < count && i < CHOICE_LOOKED; i++) {
        struct cove_bytes name = choice_name(news[i]);

        if (name.at == NULL) {
            const char *shown = cove_diff_shown(p->d->arena, news[i]);

            if (shown == NULL) {
                return COVE_ENOMEM;
            }
            name = cove_bytes_text(shown);
        }
        cove_diff_best_add(&best, name,
                           cove_diff_alike(choice_name(value), name));
    }
    return cove_diff_best_take(p->d->arena, &best, c);
}

static int choice_gone(const struct pair *p, const struct choice *choice,
                       const struct cove_bytes *news, size_t count)
{
    bool renamed = choice->fate == DIFF_ENUM_RENAMED;
    bool merges = renamed && p->old->convert.merges;
    struct cove_diff_change c = {
        .kind = renamed ? COVE_DIFF_ENUM_RENAMED : COVE_DIFF_ENUM_REMOVED,
        .class = renamed && !merges ? COVE_DIFF_LOSSLESS : COVE_DIFF_LOSSY,
        .lossy_forward = !renamed || merges,
        .compat = renamed ? COVE_COMPAT_FULL : COVE_COMPAT_FORWARD,
        .field = p->before->name,
        .before = choice->value,
        .after = choice->to,
        .ambiguous = choice->fate == DIFF_ENUM_UNSAID && count > 0};
    int rc = pair_path(p, "enum", &c.path);

    if (rc == 0 && c.ambiguous) {
        rc = choice_maybe(p, choice->value, news, count, &c);
    }
    return rc != 0 ? rc : cove_diff_add(p->d, &c, choice_text(p, &c));
}

static int choice_new(const struct pair *p, struct cove_bytes value)
{
    struct cove_diff_change c = {.kind = COVE_DIFF_ENUM_ADDED,
                                 .class = COVE_DIFF_ADD,
                                 .compat = COVE_COMPAT_BACKWARD,
                                 .field = p->before->name,
                                 .after = value};
    int rc = pair_path(p, "enum", &c.path);

    return rc != 0 ? rc : cove_diff_add(p->d, &c, choice_text(p, &c));
}

/* Both have an enum: value by value. */
static int pair_choices(const struct pair *p, struct cove_bytes had,
                        struct cove_bytes has)
{
    struct cove_bytes *news;
    size_t count;
    struct cove_reader r;
    int rc = enum_news(p, had, has, &news, &count);

    cove_reader_init(&r, had);
    for (size_t left = cove_reader_list(&r); left > 0 && rc == 0; left--) {
        struct choice choice = {.value = cove_reader_item(&r)};

        if (cove_diff_has(has, choice.value)) {
            continue;
        }
        rc = cove_diff_enum_fate(p->d, p->old, choice.value, &choice.fate,
                                 &choice.to);
        if (rc == 0) {
            rc = choice_gone(p, &choice, news, count);
        }
    }
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = choice_new(p, news[i]);
    }
    return rc;
}

/* An enum that comes or goes as a whole. */
static int pair_enum(const struct pair *p)
{
    struct cove_bytes had;
    struct cove_bytes has;
    bool before = cove_diff_keyword(p->old->schema, "enum", &had);
    bool after = cove_diff_keyword(p->old->other->schema, "enum", &has);
    struct cove_diff_change c = {
        .kind = after ? COVE_DIFF_NARROWED : COVE_DIFF_WIDENED,
        .class = after ? COVE_DIFF_LOSSY : COVE_DIFF_ADD,
        .lossy_forward = after,
        .compat = after ? COVE_COMPAT_FORWARD : COVE_COMPAT_BACKWARD,
        .field = p->before->name,
        .before = had,
        .after = has};
    int rc;

    if (before && after) {
        return pair_choices(p, had, has);
    }
    if (before == after || (rc = pair_path(p, "enum", &c.path)) != 0) {
        return before == after ? 0 : rc;
    }
    return cove_diff_add(
        p->d, &c,
        cove_arena_printf(
            p->d->arena,
            after ? "\"%.*s\" may only be one of %s: another value is invalid "
                    "in the new version"
                  : "\"%.*s\" may be any value, no longer only one of %s",
            SHOWN(p->before->name),
            cove_diff_shown(p->d->arena, after ? has : had)));
}

/* --- what is noted and not enforced ------------------------------------- */

static int pair_note(const struct pair *p, const char *keyword,
                     struct cove_diff_change c, const char *format)
{
    const char *before;
    const char *after;
    int rc;

    cove_diff_keyword(p->old->schema, keyword, &c.before);
    cove_diff_keyword(p->old->other->schema, keyword, &c.after);
    if (cove_bytes_equal(c.before, c.after)) {
        return 0;
    }
    if (c.kind == COVE_DIFF_REFERENCE) { /* said of other documents now? */
        c.compat = c.before.len == 0  ? COVE_COMPAT_FORWARD
                   : c.after.len == 0 ? COVE_COMPAT_BACKWARD
                                      : COVE_COMPAT_NONE;
    }
    c.field = p->before->name;
    before = cove_diff_shown(p->d->arena, c.before);
    after = cove_diff_shown(p->d->arena, c.after);
    if (before == NULL || after == NULL) {
        return COVE_ENOMEM;
    }
    if ((rc = pair_path(p, keyword, &c.path)) != 0) {
        return rc;
    }
    return cove_diff_add(
        p->d, &c,
        cove_arena_printf(p->d->arena, "\"%.*s\": %s: was %s, is %s",
                          SHOWN(p->before->name), format, before, after));
}

static int pair_notes(const struct pair *p)
{
    const struct cove_diff_change reference = {.kind = COVE_DIFF_REFERENCE,
                                               .class = COVE_DIFF_ALIAS};
    const struct cove_diff_change index = {.kind = COVE_DIFF_INDEX,
                                           .class = COVE_DIFF_NONE,
                                           .compat = COVE_COMPAT_FULL};
    int rc = pair_note(p, "x-ref", reference,
                       "the schema of the documents it refers to; references "
                       "that are there stay as they are");

    rc = rc != 0 ? rc : pair_note(p, "x-index", index, "the index");
    return rc != 0 ? rc
                   : pair_note(p, "x-unique", index,
                               "that no two are meant to have the same");
}

/* --- all of it ---------------------------------------------------------- */

int cove_diff_classify(struct diff *d, struct diff_field *old)
{
    struct pair p = {.d = d,
                     .old = old,
                     .before = old->property,
                     .after = old->other->property};
    struct diff_constraints constraints = {
        .field = old->name, .before = old->schema, .after = old->other->schema};
    int rc = cove_diff_path(d->arena, cove_bytes(NULL, 0), "properties",
                            old->other->name, &p.path);

    constraints.path = p.path;
    if (rc != 0 || (rc = pair_renamed(&p)) != 0 || (rc = pair_type(&p)) != 0 ||
        (rc = pair_required(&p)) != 0 || (rc = pair_default(&p)) != 0 ||
        (rc = pair_notes(&p)) != 0 || p.before->child != p.after->child ||
        cove_diff_type(p.before) != cove_diff_type(p.after)) {
        return rc;
    }
    if (cove_diff_answer(d->answers, DIFF_ANSWER_CONVERT, d->before->title,
                         old->name) == NULL) {
        rc = pair_enum(&p);
    }
    constraints.items_told = old->convert.items;
    return rc != 0 ? rc : cove_diff_constraints(d, &constraints);
}
