/* diff_words.c: what was decided, as words of a migration, and the way back.
 *
 * Words go one after the other, and a name must be free when it is given. So:
 * what goes is hidden first, then names move, each as soon as the name it wants
 * is free, a ring of names over a name of no field; then values are converted
 * under their new names, what is new is added, and limits change last. Down is
 * the same in the opposite order. A converted or removed field is only hidden,
 * so down shows it again, as it was.
 */
#include "migrate/diff_internal.h"

struct word_list {
    struct cove_bytes *items; /* each {word: members}, encoded */
    size_t count;
    size_t cap;
};

struct move { /* a name given */
    struct cove_bytes from, to;
};

struct words {
    struct diff *d;
    struct word_list up, down;
    struct move *moves; /* in the order they are made */
    size_t move_count;
    bool one_way;
};

/* --- one word ----------------------------------------------------------- */

/* Finish {word: members}; the members are the drafted map, or where that is
 * NULL the field's name alone. */
static int word_end(struct words *w, struct word_list *list, const char *word,
                    struct cove_draft *members, struct cove_bytes field)
{
    struct cove_draft d;
    struct cove_bytes item = {NULL, 0};
    struct cove_bytes out;
    void *items = list->items;
    int rc;

    cove_draft_init(&d, w->d->arena);
    if (members == NULL) {
        cove_draft_text(&d, word, field);
    } else if ((rc = cove_draft_end(members, &item)) != 0) {
        return rc;
    } else {
        cove_draft_item(&d, word, item);
    }
    if ((rc = cove_draft_end(&d, &out)) == 0) {
        rc = cove_arena_grow(w->d->arena, &items, sizeof *list->items,
                             list->count, &list->cap);
    }
    if (rc == 0) {
        list->items = items;
        list->items[list->count++] = out;
    }
    return rc;
}

static int word_field(struct words *w, struct word_list *list, const char *word,
                      struct cove_bytes field)
{
    return word_end(w, list, word, NULL, field);
}

static int word_rename(struct words *w, struct word_list *list,
                       struct cove_bytes from, struct cove_bytes to)
{
    struct cove_draft d;

    cove_draft_init(&d, w->d->arena);
    cove_draft_text(&d, "from", from);
    cove_draft_text(&d, "to", to);
    return word_end(w, list, "rename", &d, from);
}

static int word_show(struct words *w, struct cove_bytes field,
                     enum cove_type type)
{
    struct cove_draft d;

    cove_draft_init(&d, w->d->arena);
    cove_draft_text(&d, "field", field);
    cove_draft_text(&d, "type", cove_bytes_text(cove_type_word(type)));
    return word_end(w, &w->down, "show", &d, field);
}

static int word_convert(struct words *w, const struct diff_field *old)
{
    const struct diff_convert *c = &old->convert;
    const struct diff_field *new = old->other;
    struct cove_bytes type =
        cove_bytes_text(cove_type_word(cove_diff_type(new->property)));
    struct cove_bytes target = {NULL, 0};
    struct cove_draft d;
    int rc;

    if (old->word == DIFF_TEXT) {
        return word_field(w, &w->up, "text", new->name);
    }
    cove_draft_init(&d, w->d->arena);
    cove_draft_text(&d, "type", type);
    if ((rc = cove_draft_end(&d, &target)) != 0) {
        return rc;
    }
    cove_draft_init(&d, w->d->arena);
    cove_draft_text(&d, "field", new->name);
    if (old->word == DIFF_EACH) {
        cove_draft_text(&d, "to", type);
    } else {
        cove_draft_item(&d, "to", target);
    }
    if (c->forward.len > 0) {
        cove_draft_item(&d, "forward", c->forward);
        cove_draft_item(&d, "back", c->back);
    }
    if (c->lossy) {
        cove_draft_bool(&d, "lossy", true);
    }
    return word_end(w, &w->up,
                    old->word == DIFF_EACH      ? "each"
                    : old->word == DIFF_TO_LIST ? "to_list"
                                                : "convert",
                    &d, new->name);
}

/* --- names -------------------------------------------------------------- */

/* A name that no field of before or after has. */
static int name_unused(struct words *w, struct cove_bytes *out)
{
    for (unsigned n = 1;; n++) {
        char *name = cove_arena_printf(w->d->arena, "renamed_%u", n);
        bool used = false;

        if (name == NULL) {
            return COVE_ENOMEM;
        }
        *out = cove_bytes_text(name);
        used = cove_schema_find(w->d->before->schema, *out) != NULL ||
               cove_schema_find(w->d->after->schema, *out) != NULL;
        for (size_t i = 0; i < w->move_count && !used; i++) {
            used = cove_bytes_equal(w->moves[i].to, *out);
        }
        if (!used) {
            return 0;
        }
    }
}

static int move_make(struct words *w, struct cove_bytes from,
                     struct cove_bytes to)
{
    w->moves[w->move_count++] = (struct move){from, to};
    return word_rename(w, &w->up, from, to);
}

/* Make every move whose name is free; says how many are left. */
static int moves_pass(struct words *w, struct move *wanted, size_t *count)
{
    size_t left = 0;
    int rc = 0;

    for (size_t i = 0; i < *count; i++) {
        bool taken = rc != 0;

        /* those in front that wait, and those behind, still have their names */
        for (size_t k = 0; k < left && !taken; k++) {
            taken = cove_bytes_equal(wanted[k].from, wanted[i].to);
        }
        for (size_t k = i + 1; k < *count && !taken; k++) {
            taken = cove_bytes_equal(wanted[k].from, wanted[i].to);
        }
        if (taken) {
            wanted[left++] = wanted[i];
        } else {
            rc = move_make(w, wanted[i].from, wanted[i].to);
        }
    }
    *count = left;
    return rc;
}

static int moves_make(struct words *w)
{
    struct diff *d = w->d;
    struct move *wanted =
        cove_arena_array(d->arena, d->old_count + 1, sizeof *wanted);
    size_t count = 0;
    int rc = 0;

    /* a ring of two names takes three moves */
    w->moves =
        cove_arena_array(d->arena, 2 * d->old_count + 1, sizeof *w->moves);
    if (wanted == NULL || w->moves == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < d->old_count; i++) {
        const struct diff_field *old = &d->old[i];

        if (old->fate == DIFF_STAYS &&
            !cove_bytes_equal(old->name, old->other->name)) {
            wanted[count++] = (struct move){old->name, old->other->name};
        }
    }
    while (count > 0 && rc == 0) {
        size_t before = count;

        rc = moves_pass(w, wanted, &count);
        if (rc == 0 && count == before) { /* only rings are left: open one */
            struct cove_bytes aside;

            rc = name_unused(w, &aside);
            rc = rc != 0 ? rc : move_make(w, wanted[0].from, aside);
            wanted[0].from = aside;
        }
    }
    return rc;
}

/* --- limits ------------------------------------------------------------- */

static int limit_default(struct words *w, struct word_list *list,
                         struct cove_bytes field, const struct cove_property *p)
{
    struct cove_draft d;

    cove_draft_init(&d, w->d->arena);
    cove_draft_text(&d, "field", field);
    if (p->has_default) {
        cove_draft_item(&d, "value", p->default_value);
    } else {
        cove_draft_bool(&d, "drop", true);
    }
    return word_end(w, list, "default", &d, field);
}

/* From what one property says to what the other says. */
static int limits_change(struct words *w, struct word_list *list,
                         const struct cove_property *from,
                         const struct cove_property *to)
{
    int rc = 0;

    if (!cove_bytes_equal(from->default_value, to->default_value)) {
        rc = limit_default(w, list, to->name, to);
    }
    if (rc == 0 && from->required != to->required) {
        rc = word_field(w, list, to->required ? "require" : "optional",
                        to->name);
    }
    return rc;
}

/* --- there and back ----------------------------------------------------- */

static bool converts(const struct diff_field *old)
{
    return old->fate == DIFF_STAYS &&
           (old->convert.forward.len > 0 || cove_diff_turns(old) ||
            (old->word == DIFF_EACH &&
             cove_diff_type(old->property) !=
                 cove_diff_type(old->other->property)));
}

static int words_up(struct words *w)
{
    struct diff *d = w->d;
    int rc = 0;

    for (size_t i = 0; i < d->old_count && rc == 0; i++) {
        if (d->old[i].fate != DIFF_STAYS) {
            rc = word_field(w, &w->up,
                            d->old[i].fate == DIFF_HIDDEN ? "hide" : "remove",
                            d->old[i].name);
        }
    }
    rc = rc != 0 ? rc : moves_make(w);
    for (size_t i = 0; i < d->old_count && rc == 0; i++) {
        if (converts(&d->old[i])) {
            /* the items of a list are taken back by comparing versions, and
             * by no word */
            w->one_way = w->one_way || d->old[i].word == DIFF_EACH ||
                         (d->old[i].convert.forward.len > 0 &&
                          cove_value_is_null(d->old[i].convert.back));
            rc = word_convert(w, &d->old[i]);
        }
    }
    for (size_t i = 0; i < d->new_count && rc == 0; i++) {
        if (d->new[i].fate == DIFF_COMES) {
            rc = word_field(w, &w->up, "add", d->new[i].name);
        }
    }
    for (size_t i = 0; i < d->old_count && rc == 0; i++) {
        const struct diff_field *old = &d->old[i];

        if (old->fate == DIFF_STAYS && !converts(old)) {
            rc = limits_change(w, &w->up, old->property, old->other->property);
        }
    }
    return rc;
}

static int words_down(struct words *w)
{
    struct diff *d = w->d;
    int rc = 0;

    for (size_t i = 0; i < d->new_count && rc == 0; i++) {
        if (d->new[i].fate == DIFF_COMES) {
            rc = word_field(w, &w->down, "hide", d->new[i].name);
        }
    }
    for (size_t i = 0; i < d->old_count && rc == 0; i++) {
        const struct diff_field *old = &d->old[i];

        if (converts(old)) {
            rc = word_field(w, &w->down, "hide", old->other->name);
            rc = rc != 0 ? rc
                         : word_show(w, old->other->name, old->property->type);
        }
    }
    for (size_t i = w->move_count; i > 0 && rc == 0; i--) {
        rc = word_rename(w, &w->down, w->moves[i - 1].to, w->moves[i - 1].from);
    }
    for (size_t i = 0; i < d->old_count && rc == 0; i++) {
        const struct diff_field *old = &d->old[i];

        if (old->fate != DIFF_STAYS) {
            rc = word_show(w, old->name, old->property->type);
        } else if (!converts(old)) {
            rc =
                limits_change(w, &w->down, old->other->property, old->property);
        }
    }
    return rc;
}

static int list_write(struct words *w, const struct word_list *list,
                      struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer writer;
    int rc;

    cove_buf_init(&buf, w->d->arena->alloc);
    cove_writer_init(&writer, &buf);
    cove_writer_list(&writer, list->count);
    for (size_t i = 0; i < list->count; i++) {
        cove_writer_item(&writer, list->items[i]);
    }
    rc = writer.err != 0
             ? writer.err
             : cove_arena_copy(w->d->arena, cove_buf_bytes(&buf), out);
    cove_buf_clear(&buf);
    return rc;
}

int cove_diff_words(struct diff *d, struct cove_diff *out)
{
    struct words w = {.d = d};
    int rc = words_up(&w);

    if (rc == 0) {
        rc = list_write(&w, &w.up, &out->words);
    }
    if (rc == 0 && !w.one_way) {
        rc = words_down(&w);
        rc = rc != 0 ? rc : list_write(&w, &w.down, &out->down);
    }
    return rc;
}
