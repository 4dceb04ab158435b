/* compile_word.c: each word of the vocabulary as operations of a step.
 *
 * Words go one after the other over the fields, so that a later word sees what
 * an earlier one made. Here are those about names, visibility and limits; those
 * that link fields are in compile_link.c. docs/MIGRATIONS.md shows each.
 */
#include <assert.h>

#include "migrate/compile_parts.h"

/* --- members ------------------------------------------------------------ */

bool cove_member(const struct cove_word *word, const char *key,
                 struct cove_bytes *out)
{
    return cove_value_member(word->members, key, out);
}

/* A text; empty where absent. */
struct cove_bytes cove_member_text(const struct cove_word *word,
                                   const char *key)
{
    struct cove_bytes item;

    return cove_member(word, key, &item) ? cove_value_text(item)
                                         : cove_bytes(NULL, 0);
}

bool cove_member_true(const struct cove_word *word, const char *key)
{
    struct cove_bytes item;
    struct cove_reader r;

    if (!cove_member(word, key, &item)) {
        return false;
    }
    cove_reader_init(&r, item);
    return cove_reader_bool(&r);
}

/* The field that the member names. */
int cove_member_field(struct compile *c, const struct cove_word *word,
                      const char *key, struct compile_field **out)
{
    return cove_field_need(c, cove_member_text(word, key), out);
}

/* --- what new fields are ------------------------------------------------ */

/* The type of a new field: as said, or as the target schema has it. */
int cove_new_type(struct compile *c, struct cove_bytes name,
                  struct cove_bytes said, enum cove_type *out)
{
    const struct cove_property *property;

    if (said.len > 0) {
        bool known = cove_type_of_word(said, out);

        assert(known); /* compile_grammar.c judged it */
        return 0;
    }
    property = c->target != NULL ? cove_schema_find(c->target, name) : NULL;
    if (property == NULL) {
        return cove_fail(c->diag, COVE_ESTEP,
                         "%.*s: say the type of \"%.*s\": the schema this "
                         "leads to has no field of that name",
                         SHOWN(c->label), SHOWN(name));
    }
    *out = property->type;
    return 0;
}

/* A default is of its field's type, or null. */
static int default_check(struct compile *c, const struct compile_field *field)
{
    int rc;

    if (!field->has_default || cove_value_is_null(field->default_value)) {
        return 0;
    }
    if (!cove_type_holds(field->type, field->default_value)) {
        return cove_fail(c->diag, COVE_ESTEP,
                         "%.*s: the default of \"%.*s\" is not of its type, %s",
                         SHOWN(c->label), SHOWN(field->name),
                         cove_type_word(field->type));
    }
    if (c->target == NULL || cove_schema_find(c->target, field->name) == NULL) {
        return 0;
    }
    rc = cove_schema_check_field(c->target, field->name, field->default_value,
                                 c->diag);
    if (rc != 0) {
        cove_diag_context(c->diag, "%.*s: the default", SHOWN(c->label));
    }
    return rc;
}

/* --- names, visibility, limits ------------------------------------------ */

static int word_rename(struct compile *c, const struct cove_word *word)
{
    struct cove_bytes to = cove_member_text(word, "to");
    struct compile_field *field;
    int rc;

    if ((rc = cove_member_field(c, word, "from", &field)) != 0 ||
        (rc = cove_field_free(c, to)) != 0) {
        return rc;
    }
    return cove_field_rename(c, field, to);
}

static int word_hide(struct compile *c, const struct cove_word *word)
{
    struct compile_field *field;
    int rc = cove_member_field(c, word, "field", &field);

    return rc != 0 ? rc : cove_field_show(c, field, false);
}

static int word_remove(struct compile *c, const struct cove_word *word)
{
    struct compile_field *field;
    struct cove_draft d;
    int rc;

    if ((rc = cove_member_field(c, word, "field", &field)) != 0 ||
        (rc = cove_field_show(c, field, false)) != 0) {
        return rc;
    }
    cove_draft_init(&d, c->arena);
    cove_draft_text(&d, "reg", field->reg);
    return cove_op_end(c, &d, "x-remove");
}

/* Does `show` mean this field? */
static bool show_means(const struct compile_field *field,
                       const struct cove_word *word)
{
    struct cove_bytes reg = cove_member_text(word, "register");
    struct cove_bytes said = cove_member_text(word, "type");
    enum cove_type type;

    return !field->visible && !field->inner &&
           cove_bytes_equal(field->name, cove_member_text(word, "field")) &&
           (reg.at == NULL || cove_bytes_equal(reg, field->reg)) &&
           (said.at == NULL ||
            (cove_type_of_word(said, &type) && type == field->type));
}

static int show_find(struct compile *c, const struct cove_word *word,
                     struct compile_field **out)
{
    struct cove_bytes name = cove_member_text(word, "field");
    struct compile_field *found = NULL;

    for (size_t i = 0; i < c->field_count; i++) {
        struct compile_field *field = &c->fields[i];

        if (!show_means(field, word) ||
            (found != NULL && found->restores && !field->restores)) {
            continue;
        }
        /* what down takes back goes before what was hidden long ago */
        if (found != NULL && found->restores == field->restores) {
            return cove_fail(c->diag, COVE_EAMBIGUOUS,
                             "%.*s: several hidden fields were called "
                             "\"%.*s\", such as %s %.*s and %s %.*s; add "
                             "\"type\" or \"register\"",
                             SHOWN(c->label), SHOWN(name),
                             cove_type_word(found->type), SHOWN(found->reg),
                             cove_type_word(field->type), SHOWN(field->reg));
        }
        found = field;
    }
    if (found == NULL) {
        return cove_fail(c->diag, COVE_ENOTFOUND,
                         "%.*s: no hidden field was called \"%.*s\"",
                         SHOWN(c->label), SHOWN(name));
    }
    *out = found;
    return 0;
}

static int word_show(struct compile *c, const struct cove_word *word)
{
    struct cove_bytes as = cove_member_text(word, "as");
    struct compile_field *field = NULL;
    int rc;

    if ((rc = show_find(c, word, &field)) != 0) {
        return rc;
    }
    assert(field != NULL);
    if ((rc = cove_field_free(c, as.at != NULL ? as : field->name)) != 0 ||
        (rc = cove_field_show(c, field, true)) != 0) {
        return rc;
    }
    return as.at != NULL ? cove_field_rename(c, field, as) : 0;
}

static int word_add(struct compile *c, const struct cove_word *word)
{
    struct compile_new what = {.name = cove_member_text(word, "field"),
                               .required = -1};
    struct compile_field *field;
    struct cove_bytes ignored;
    int rc;

    if ((rc = cove_field_free(c, what.name)) != 0 ||
        (rc = cove_new_type(c, what.name, cove_member_text(word, "type"),
                            &what.type)) != 0) {
        return rc;
    }
    cove_member(word, "default", &what.default_value);
    if (cove_member(word, "required", &ignored)) {
        what.required = cove_member_true(word, "required");
    }
    if (cove_member_text(word, "type").at == NULL) {
        what.child = cove_target_child(c, what.name);
    }
    if (what.child != NULL &&
        (what.default_value.len > 0 || what.required >= 0)) {
        return cove_fail(c->diag, COVE_ESTEP,
                         "%.*s: \"%.*s\" is a document of its own: it is "
                         "always there, and has no default",
                         SHOWN(c->label), SHOWN(what.name));
    }
    rc = cove_field_add(c, &what, &field);
    return rc != 0 ? rc : default_check(c, field);
}

static int word_default(struct compile *c, const struct cove_word *word)
{
    struct compile_field *field;
    struct cove_bytes value;
    bool given = cove_member(word, "value", &value);
    int rc;

    if (given == cove_member_true(word, "drop")) {
        return cove_fail(c->diag, COVE_ESTEP,
                         "%.*s: give either \"value\" or \"drop\":true",
                         SHOWN(c->label));
    }
    if ((rc = cove_member_field(c, word, "field", &field)) != 0 ||
        (rc = cove_field_value(c, field)) != 0) {
        return rc;
    }
    field->has_default = given;
    field->default_value = given ? value : cove_bytes(NULL, 0);
    rc = default_check(c, field);
    return rc != 0 ? rc : cove_field_limit(c, field);
}

static int word_require(struct compile *c, const struct cove_word *word)
{
    struct compile_field *field;
    int rc = cove_member_field(c, word, "field", &field);

    rc = rc != 0 ? rc : cove_field_value(c, field);
    if (rc != 0) {
        return rc;
    }
    field->required = true;
    if (cove_member(word, "default", &field->default_value)) {
        field->has_default = true;
    }
    rc = default_check(c, field);
    return rc != 0 ? rc : cove_field_limit(c, field);
}

static int word_optional(struct compile *c, const struct cove_word *word)
{
    struct compile_field *field;
    int rc = cove_member_field(c, word, "field", &field);

    if (rc != 0) {
        return rc;
    }
    field->required = false;
    return cove_field_limit(c, field);
}

/* --- all words ---------------------------------------------------------- */

static const struct {
    const char *word;
    int (*compile)(struct compile *c, const struct cove_word *word);
} words_known[] = {
    {"rename", word_rename},
    {"hide", word_hide},
    {"show", word_show},
    {"remove", word_remove},
    {"add", word_add},
    {"default", word_default},
    {"require", word_require},
    {"optional", word_optional},
    {"convert", cove_word_convert},
    {"mend", cove_word_mend},
    {"split", cove_word_split},
    {"join", cove_word_join},
    {"compute", cove_word_compute},
    {"same", cove_word_same},
    {"each", cove_word_each},
    {"to_list", cove_word_to_list},
    {"text", cove_word_text},
    {"extract", cove_word_extract},
};

int cove_compile_words(struct compile *c, const struct cove_word *words,
                       size_t count)
{
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        size_t k = 0;

        while (!cove_bytes_equal(words[i].word,
                                 cove_bytes_text(words_known[k].word))) {
            k++;
            assert(k < COVE_ARRAY_LEN(words_known)); /* the grammar's words */
        }
        c->label = words[i].label;
        rc = words_known[k].compile(c, &words[i]);
    }
    return rc;
}
