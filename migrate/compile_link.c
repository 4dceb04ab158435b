/* compile_link.c: the words that link registers: convert, split, join, compute,
 * same.
 *
 * A word that replaces a field adds the new register, links it to the old and
 * hides the old: nothing is taken away from those who still read it. The old
 * field's name is free for the new one from the start.
 */
#include "migrate/compile_parts.h"

/* --- what new fields are ------------------------------------------------ */

static int member_names(struct compile *c, const struct cove_word *word,
                        const char *key, struct cove_bytes **out, size_t *count)
{
    struct cove_bytes item;
    struct cove_reader r;

    *count = 0;
    if (!cove_member(word, key, &item)) {
        return 0;
    }
    cove_reader_init(&r, item);
    *count = cove_reader_list(&r);
    *out = cove_arena_array(c->arena, *count + 1, sizeof **out);
    if (*out == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < *count; i++) {
        (*out)[i] = cove_reader_text(&r);
    }
    return 0;
}

/* A field made of texts, or joined from them, is a text. */
static enum cove_type text_type(const struct compile *c, struct cove_bytes name)
{
    const struct cove_property *property =
        c->target != NULL ? cove_schema_find(c->target, name) : NULL;

    return property != NULL && property->type == COVE_TYPE_ANY ? COVE_TYPE_ANY
                                                               : COVE_TYPE_TEXT;
}

static int text_need(struct compile *c, const struct compile_field *field)
{
    int rc = cove_field_value(c, field);

    if (rc != 0) {
        return rc;
    }
    if (field->type == COVE_TYPE_TEXT || field->type == COVE_TYPE_ANY) {
        return 0;
    }
    return cove_fail(c->diag, COVE_ESTEP,
                     "%.*s: \"%.*s\" is no text but %s; convert it first",
                     SHOWN(c->label), SHOWN(field->name),
                     cove_type_word(field->type));
}

/* Check the name, and add a field as the target schema has it. */
static int new_field(struct compile *c, struct cove_bytes name,
                     enum cove_type type, struct compile_field **out)
{
    struct compile_new what = {name, type, {NULL, 0}, -1, NULL};
    int rc = cove_field_free(c, name);

    return rc != 0 ? rc : cove_field_add(c, &what, out);
}

/* --- conversions -------------------------------------------------------- */

int cove_word_back(struct compile *c, const struct cove_word *word,
                   struct cove_bytes forward, struct cove_bytes *out)
{
    int rc;

    if (cove_member(word, "back", out)) {
        return 0;
    }
    rc = cove_pipe_invert(c->arena, forward, out);
    if (rc == 0 && out->len == 0) {
        rc = cove_fail(c->diag, COVE_ESTEP,
                       "%.*s: say \"back\", the pipeline for those who still "
                       "read the old field: nothing undoes \"forward\" "
                       "exactly; null means that there is no way back",
                       SHOWN(c->label));
    }
    return rc;
}

void cove_word_target(const struct cove_word *word, struct cove_bytes *name,
                      struct cove_bytes *type)
{
    struct cove_bytes to;
    struct cove_bytes item;

    *name = cove_bytes(NULL, 0);
    *type = cove_bytes(NULL, 0);
    if (!cove_member(word, "to", &to)) {
        return;
    }
    if (cove_value_kind(to) == COVE_KIND_TEXT) {
        *name = cove_value_text(to);
        return;
    }
    if (cove_value_member(to, "name", &item)) {
        *name = cove_value_text(item);
    }
    if (cove_value_member(to, "type", &item)) {
        *type = cove_value_text(item);
    }
}

int cove_word_convert(struct compile *c, const struct cove_word *word)
{
    struct compile_field *old;
    struct compile_field *made;
    struct cove_bytes forward = {NULL, 0};
    struct cove_bytes back = {NULL, 0};
    struct cove_bytes name;
    struct cove_bytes said;
    struct cove_draft d;
    enum cove_type type;
    int rc;

    cove_word_target(word, &name, &said);
    cove_member(word, "forward", &forward);
    if ((rc = cove_member_field(c, word, "field", &old)) != 0 ||
        (rc = cove_field_value(c, old)) != 0 ||
        (rc = cove_word_back(c, word, forward, &back)) != 0) {
        return rc;
    }
    name = name.at != NULL ? name : old->name;
    old->visible = false; /* its name may pass to the new field */
    if ((rc = cove_new_type(c, name, said, &type)) != 0 ||
        (rc = new_field(c, name, type, &made)) != 0) {
        return rc;
    }
    cove_draft_init(&d, c->arena);
    cove_draft_text(&d, "from", old->reg);
    cove_draft_text(&d, "to", made->reg);
    cove_draft_item(&d, "fwd", forward);
    cove_draft_item(&d, "bwd", back);
    rc = cove_op_end(c, &d, "conv");
    return rc != 0 ? rc : cove_field_show(c, old, false);
}

/* --- texts in parts ----------------------------------------------------- */

/* A pattern has one literal more than there are parts. */
static int pattern_check(struct compile *c, const struct cove_word *word,
                         size_t parts, bool divides)
{
    struct cove_bytes *lits = NULL;
    size_t count = 0;
    int rc = member_names(c, word, "pattern", &lits, &count);

    if (rc == 0 && count != parts + 1) {
        rc = cove_fail(c->diag, COVE_ESTEP,
                       "%.*s: %zu parts need a pattern of %zu texts, what "
                       "stands before, between and behind them; this has %zu",
                       SHOWN(c->label), parts, parts + 1, count);
    }
    for (size_t i = 1; rc == 0 && divides && i + 1 < count; i++) {
        if (lits[i].len == 0) {
            rc = cove_fail(c->diag, COVE_ESTEP,
                           "%.*s: between two parts the pattern must have a "
                           "text, or nobody could tell where one ends",
                           SHOWN(c->label));
        }
    }
    return rc;
}

static int comp_op(struct compile *c, const struct cove_word *word,
                   struct cove_bytes whole, const struct cove_bytes *parts,
                   size_t count)
{
    struct cove_bytes list = {NULL, 0};
    struct cove_bytes lits = {NULL, 0};
    struct cove_draft d;
    int rc = cove_draft_names(c->arena, parts, count, &list);

    if (rc != 0) {
        return rc;
    }
    cove_member(word, "pattern", &lits);
    cove_draft_init(&d, c->arena);
    cove_draft_text(&d, "whole", whole);
    cove_draft_item(&d, "parts", list);
    cove_draft_item(&d, "lits", lits);
    if (cove_member_true(word, "lenient")) {
        cove_draft_bool(&d, "lenient", true);
    }
    return cove_op_end(c, &d, "comp");
}

int cove_word_split(struct compile *c, const struct cove_word *word)
{
    struct compile_field *whole;
    struct cove_bytes *names = NULL;
    size_t count;
    int rc;

    if ((rc = member_names(c, word, "into", &names, &count)) != 0 ||
        (rc = pattern_check(c, word, count, true)) != 0 ||
        (rc = cove_member_field(c, word, "field", &whole)) != 0 ||
        (rc = text_need(c, whole)) != 0) {
        return rc;
    }
    whole->visible = false; /* its name may pass to a part */
    for (size_t i = 0; i < count; i++) {
        struct compile_field *part;

        rc = new_field(c, names[i], text_type(c, names[i]), &part);
        if (rc != 0) {
            return rc;
        }
        names[i] = part->reg;
    }
    rc = comp_op(c, word, whole->reg, names, count);
    return rc != 0 ? rc : cove_field_show(c, whole, false);
}

int cove_word_join(struct compile *c, const struct cove_word *word)
{
    struct cove_bytes into = cove_member_text(word, "into");
    struct compile_field *whole;
    size_t *parts; /* places in c->fields */
    struct cove_bytes *names = NULL;
    size_t count;
    int rc;

    if ((rc = member_names(c, word, "fields", &names, &count)) != 0 ||
        (rc = pattern_check(c, word, count, true)) != 0) {
        return rc;
    }
    parts = cove_arena_array(c->arena, count, sizeof *parts);
    if (parts == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct compile_field *part;

        if ((rc = cove_field_need(c, names[i], &part)) != 0 ||
            (rc = text_need(c, part)) != 0) {
            return rc;
        }
        part->visible = false; /* its name may pass to the whole */
        parts[i] = (size_t)(part - c->fields);
        names[i] = part->reg;
    }
    if ((rc = new_field(c, into, text_type(c, into), &whole)) != 0 ||
        (rc = comp_op(c, word, whole->reg, names, count)) != 0) {
        return rc;
    }
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = cove_field_show(c, &c->fields[parts[i]], false);
    }
    return rc;
}

/* A text by a pattern, or a value of any type by functions. */
static int compute_check(struct compile *c, const struct cove_word *word,
                         size_t inputs)
{
    struct cove_bytes item;
    bool pattern = cove_member(word, "pattern", &item);

    if (pattern == cove_member(word, "fn", &item)) {
        return cove_fail(c->diag, COVE_ESTEP,
                         "%.*s: say \"pattern\", the texts around the fields, "
                         "or \"fn\", functions that take them as one object%s",
                         SHOWN(c->label), pattern ? "; not both" : "");
    }
    if (pattern && cove_member(word, "type", &item)) {
        return cove_fail(c->diag, COVE_ESTEP,
                         "%.*s: a pattern makes a text; \"type\" goes with "
                         "\"fn\"",
                         SHOWN(c->label));
    }
    return pattern ? pattern_check(c, word, inputs, false) : 0;
}

int cove_word_compute(struct compile *c, const struct cove_word *word)
{
    struct cove_bytes name = cove_member_text(word, "field");
    struct compile_field *made;
    struct cove_bytes *names = NULL;
    struct cove_bytes deps = {NULL, 0};
    struct cove_bytes item = {NULL, 0};
    bool derive = cove_member(word, "fn", &item);
    enum cove_type type = text_type(c, name);
    struct cove_draft d;
    size_t count;
    int rc;

    if ((rc = member_names(c, word, "from", &names, &count)) != 0 ||
        (rc = compute_check(c, word, count)) != 0) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        struct compile_field *dep;

        if ((rc = cove_field_need(c, names[i], &dep)) != 0 ||
            (rc = cove_field_value(c, dep)) != 0) {
            return rc;
        }
        names[i] = dep->reg;
    }
    if ((derive && (rc = cove_new_type(c, name, cove_member_text(word, "type"),
                                       &type)) != 0) ||
        (rc = new_field(c, name, type, &made)) != 0 ||
        (rc = cove_draft_names(c->arena, names, count, &deps)) != 0) {
        return rc;
    }
    cove_draft_init(&d, c->arena);
    cove_draft_text(&d, "out", made->reg);
    cove_draft_item(&d, "deps", deps);
    if (derive) { /* the functions know the fields as the file calls them */
        cove_draft_item(&d, "fn", item);
        cove_member(word, "from", &item);
        cove_draft_item(&d, "names", item);
        return cove_op_end(c, &d, "derive");
    }
    cove_member(word, "pattern", &item);
    cove_draft_item(&d, "lits", item);
    return cove_op_end(c, &d, "calc");
}

int cove_word_same(struct compile *c, const struct cove_word *word)
{
    struct compile_field *one;
    struct compile_field *other;
    struct cove_draft d;
    int rc;

    if ((rc = cove_member_field(c, word, "field", &one)) != 0 ||
        (rc = cove_member_field(c, word, "as", &other)) != 0 ||
        (rc = cove_field_value(c, one)) != 0 ||
        (rc = cove_field_value(c, other)) != 0) {
        return rc;
    }
    if (one == other || one->type != other->type) {
        return cove_fail(c->diag, COVE_ESTEP,
                         one == other
                             ? "%.*s: \"%.*s\" is \"%.*s\" already"
                             : "%.*s: \"%.*s\" and \"%.*s\" are of two types; "
                               "convert one of them first",
                         SHOWN(c->label), SHOWN(one->name), SHOWN(other->name));
    }
    cove_draft_init(&d, c->arena);
    cove_draft_text(&d, "from", one->reg);
    cove_draft_text(&d, "to", other->reg);
    return cove_op_end(c, &d, "alias");
}
