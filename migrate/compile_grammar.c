/* compile_grammar.c: the vocabulary of migration files.
 *
 * A word is one row of a table: its members, the form each must have, whether
 * it may be left out, and an example for the error. Everything that can be
 * judged without knowing the schema is judged here, so that what compiles
 * words may take the forms for granted.
 */
#include <stdio.h>

#include "migrate/compile_parts.h"

enum grammar_form {
    FORM_NAME,     /* a field's name */
    FORM_NAMES,    /* a list of at least one, each once */
    FORM_LITERALS, /* a list of at least two texts */
    FORM_TYPE,     /* "string", "integer", …, "any" */
    FORM_VALUE,    /* anything */
    FORM_BOOL,
    FORM_TRUE,
    FORM_PIPE,      /* a pipeline */
    FORM_PIPE_NULL, /* a pipeline, or null: no way back */
    FORM_TARGET,    /* a name, or {name?, type?} */
    FORM_RENAMES    /* names as FORM_NAMES, or {name: other name} */
};

struct grammar_member {
    const char *name;
    enum grammar_form form;
    bool needed;
};

struct grammar_word {
    const char *word;
    struct grammar_member members[6]; /* ends with a name NULL */
    const char *example;
};

static const struct grammar_word words[] = {
    {"rename",
     {{"from", FORM_NAME, true}, {"to", FORM_NAME, true}},
     "{\"rename\":{\"from\":\"section\",\"to\":\"category\"}}"},
    {"hide", {{"field", FORM_NAME, true}}, "{\"hide\":\"notes\"}"},
    {"show",
     {{"field", FORM_NAME, true},
      {"as", FORM_NAME, false},
      {"type", FORM_TYPE, false},
      {"register", FORM_NAME, false}},
     "{\"show\":\"notes\"}"},
    {"remove", {{"field", FORM_NAME, true}}, "{\"remove\":\"notes\"}"},
    {"add",
     {{"field", FORM_NAME, true},
      {"type", FORM_TYPE, false},
      {"default", FORM_VALUE, false},
      {"required", FORM_BOOL, false}},
     "{\"add\":{\"field\":\"priority\",\"type\":\"string\","
     "\"default\":\"optional\"}}"},
    {"default",
     {{"field", FORM_NAME, true},
      {"value", FORM_VALUE, false},
      {"drop", FORM_TRUE, false}},
     "{\"default\":{\"field\":\"priority\",\"value\":\"optional\"}}"},
    {"require",
     {{"field", FORM_NAME, true}, {"default", FORM_VALUE, false}},
     "{\"require\":\"name\"}"},
    {"optional", {{"field", FORM_NAME, true}}, "{\"optional\":\"name\"}"},
    {"convert",
     {{"field", FORM_NAME, true},
      {"to", FORM_TARGET, false},
      {"forward", FORM_PIPE, true},
      {"back", FORM_PIPE_NULL, false},
      {"lossy", FORM_BOOL, false}},
     "{\"convert\":{\"field\":\"size\",\"to\":{\"type\":\"integer\"},"
     "\"forward\":[\"int_of_text\"],\"back\":[\"text_of_int\"]}}"},
    {"mend",
     {{"field", FORM_NAME, true},
      {"map", FORM_VALUE, false},
      {"else", FORM_VALUE, false},
      {"back", FORM_PIPE_NULL, false}},
     "{\"mend\":{\"field\":\"colour\",\"map\":[[\"blu\",\"blue\"]]}}"},
    {"split",
     {{"field", FORM_NAME, true},
      {"into", FORM_NAMES, true},
      {"pattern", FORM_LITERALS, true},
      {"lenient", FORM_BOOL, false},
      {"lossy", FORM_BOOL, false}},
     "{\"split\":{\"field\":\"name\",\"into\":[\"first\",\"last\"],"
     "\"pattern\":[\"\",\" \",\"\"]}}"},
    {"join",
     {{"fields", FORM_NAMES, true},
      {"into", FORM_NAME, true},
      {"pattern", FORM_LITERALS, true},
      {"lenient", FORM_BOOL, false},
      {"lossy", FORM_BOOL, false}},
     "{\"join\":{\"fields\":[\"first\",\"last\"],\"into\":\"name\","
     "\"pattern\":[\"\",\" \",\"\"]}}"},
    {"compute",
     {{"field", FORM_NAME, true},
      {"from", FORM_NAMES, true},
      {"pattern", FORM_LITERALS, false},
      {"fn", FORM_PIPE, false},
      {"type", FORM_TYPE, false}},
     "{\"compute\":{\"field\":\"label\",\"from\":[\"name\",\"version\"],"
     "\"pattern\":[\"\",\" \",\"\"]}}"},
    {"same",
     {{"field", FORM_NAME, true}, {"as", FORM_NAME, true}},
     "{\"same\":{\"field\":\"mail\",\"as\":\"email\"}}"},
    {"each",
     {{"field", FORM_NAME, true},
      {"to", FORM_TYPE, false},
      {"forward", FORM_PIPE, false},
      {"back", FORM_PIPE_NULL, false},
      {"lossy", FORM_BOOL, false}},
     "{\"each\":{\"field\":\"sizes\",\"to\":\"integer\","
     "\"forward\":[\"int_of_text\"],\"back\":[\"text_of_int\"]}}"},
    {"to_list",
     {{"field", FORM_NAME, true},
      {"to", FORM_TARGET, false},
      {"forward", FORM_PIPE, false},
      {"back", FORM_PIPE_NULL, false},
      {"lossy", FORM_BOOL, false}},
     "{\"to_list\":{\"field\":\"tag\",\"to\":\"tags\"}}"},
    {"text",
     {{"field", FORM_NAME, true}, {"to", FORM_NAME, false}},
     "{\"text\":\"notes\"}"},
    {"extract",
     {{"fields", FORM_RENAMES, true}, {"into", FORM_NAME, true}},
     "{\"extract\":{\"fields\":[\"street\",\"city\"],"
     "\"into\":\"address\"}}"},
};

/* --- types -------------------------------------------------------------- */

static const struct {
    enum cove_type type;
    const char *word;
} types[] = {
    {COVE_TYPE_TEXT, "string"},  {COVE_TYPE_INT, "integer"},
    {COVE_TYPE_BOOL, "boolean"}, {COVE_TYPE_NUMBER, "number"},
    {COVE_TYPE_LIST, "array"},   {COVE_TYPE_OBJECT, "object"},
    {COVE_TYPE_ANY, "any"},
};

const char *cove_type_word(enum cove_type type)
{
    size_t i = 0;

    while (types[i].type != type) {
        i++;
    }
    return types[i].word;
}

bool cove_type_of_word(struct cove_bytes word, enum cove_type *out)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(types); i++) {
        if (cove_bytes_equal(word, cove_bytes_text(types[i].word))) {
            *out = types[i].type;
            return true;
        }
    }
    return false;
}

/* --- words -------------------------------------------------------------- */

/* Is it a list of at least `least` texts; each once, where `once`? */
static bool item_is_texts(struct cove_bytes item, size_t least, bool once)
{
    struct cove_reader r;
    size_t count;

    cove_reader_init(&r, item);
    if (cove_reader_peek(&r) != COVE_CBOR_LIST) {
        return false;
    }
    count = cove_reader_list(&r);
    for (size_t i = 0; i < count; i++) {
        struct cove_bytes one = cove_reader_item(&r);
        struct cove_reader later = r;

        if (cove_cbor_type_of(one) != COVE_CBOR_TEXT) {
            return false;
        }
        for (size_t k = i + 1; once && k < count; k++) {
            if (cove_bytes_equal(cove_reader_item(&later), one)) {
                return false;
            }
        }
    }
    return count >= least;
}

/* Names, or a map of at least one name to others. */
static bool item_is_renames(struct cove_bytes item)
{
    struct cove_reader r;
    size_t count;

    if (cove_cbor_type_of(item) != COVE_CBOR_MAP) {
        return item_is_texts(item, 1, true);
    }
    cove_reader_init(&r, item);
    count = cove_reader_map(&r);
    for (size_t left = count; left > 0; left--) {
        (void)cove_reader_text(&r);
        if (cove_cbor_type_of(cove_reader_item(&r)) != COVE_CBOR_TEXT) {
            return false;
        }
    }
    return count > 0;
}

static bool target_is_right(struct cove_bytes item)
{
    struct cove_reader r;
    enum cove_type type;

    if (cove_cbor_type_of(item) == COVE_CBOR_TEXT) {
        return true;
    }
    if (cove_cbor_type_of(item) != COVE_CBOR_MAP) {
        return false;
    }
    cove_reader_init(&r, item);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes key = cove_reader_text(&r);
        struct cove_bytes value = cove_reader_item(&r);
        bool is_name = cove_bytes_equal(key, cove_bytes_text("name"));
        bool is_type = cove_bytes_equal(key, cove_bytes_text("type"));

        if ((!is_name && !is_type) ||
            cove_cbor_type_of(value) != COVE_CBOR_TEXT ||
            (is_type && !cove_type_of_word(cove_value_text(value), &type))) {
            return false;
        }
    }
    return true;
}

#define TYPES                                                                  \
    "\"string\", \"integer\", \"number\", \"boolean\", "                       \
    "\"array\", \"object\" or \"any\""

/* What a member must be, where it is not; else NULL. Pipelines are apart. */
static const char *form_broken(enum grammar_form form, struct cove_bytes item)
{
    enum cove_cbor_type kind = cove_cbor_type_of(item);
    enum cove_type type;
    struct cove_reader r;

    cove_reader_init(&r, item);
    switch (form) {
    case FORM_NAME:
        return kind == COVE_CBOR_TEXT ? NULL : "must be a name";
    case FORM_NAMES:
        return item_is_texts(item, 1, true)
                   ? NULL
                   : "must be a list of names, each once";
    case FORM_LITERALS:
        return item_is_texts(item, 2, false)
                   ? NULL
                   : "must be a list of texts: what stands before, between "
                     "and behind the parts";
    case FORM_TYPE:
        return kind == COVE_CBOR_TEXT &&
                       cove_type_of_word(cove_value_text(item), &type)
                   ? NULL
                   : "must be " TYPES;
    case FORM_BOOL:
        return kind == COVE_CBOR_BOOL ? NULL : "must be true or false";
    case FORM_TRUE:
        return kind == COVE_CBOR_BOOL && cove_reader_bool(&r) ? NULL
                                                              : "must be true";
    case FORM_TARGET:
        return target_is_right(item)
                   ? NULL
                   : "must be a name or {\"name\":…,\"type\":…}, the type "
                     "one of " TYPES;
    case FORM_RENAMES:
        return item_is_renames(item)
                   ? NULL
                   : "must be a list of names, each once, or an object of "
                     "names and what they are called inside";
    case FORM_VALUE:
    case FORM_PIPE:
    case FORM_PIPE_NULL:
        break;
    }
    return NULL;
}

struct grammar {
    struct cove_arena *arena;
    struct cove_bytes label;
    struct cove_diag *diag;
};

static int member_check(const struct grammar *g,
                        const struct grammar_member *member,
                        struct cove_bytes item)
{
    const char *broken = form_broken(member->form, item);

    if (broken != NULL) {
        return cove_fail(g->diag, COVE_ESTEP, "%.*s: \"%s\" %s",
                         SHOWN(g->label), member->name, broken);
    }
    if (member->form == FORM_PIPE ||
        (member->form == FORM_PIPE_NULL && !cove_value_is_null(item))) {
        return cove_pipe_check(item, g->label, g->diag);
    }
    return 0;
}

static const struct grammar_member *word_member(const struct grammar_word *word,
                                                struct cove_bytes name)
{
    for (const struct grammar_member *m = word->members; m->name != NULL; m++) {
        if (cove_bytes_equal(name, cove_bytes_text(m->name))) {
            return m;
        }
    }
    return NULL;
}

static int word_check(const struct grammar *g, const struct grammar_word *word,
                      struct cove_bytes members)
{
    struct cove_reader r;
    struct cove_bytes item;
    int rc;

    cove_reader_init(&r, members);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes name = cove_reader_text(&r);
        const struct grammar_member *member = word_member(word, name);

        item = cove_reader_item(&r);
        if (member == NULL) {
            return cove_fail(g->diag, COVE_ESTEP,
                             "%.*s: unknown member \"%.*s\"; write it like %s",
                             SHOWN(g->label), SHOWN(name), word->example);
        }
        if ((rc = member_check(g, member, item)) != 0) {
            return rc;
        }
    }
    for (const struct grammar_member *m = word->members; m->name != NULL; m++) {
        if (m->needed && !cove_value_member(members, m->name, &item)) {
            return cove_fail(g->diag, COVE_ESTEP,
                             "%.*s: \"%s\" is missing; write it like %s",
                             SHOWN(g->label), m->name, word->example);
        }
    }
    return 0;
}

/* The members with scripts as a step has them. */
static int word_scripts(const struct grammar *g,
                        const struct grammar_word *rule,
                        struct cove_bytes *members)
{
    struct cove_reader r;
    struct cove_buf buf;
    struct cove_writer w;
    size_t count;
    int rc = 0;

    cove_buf_init(&buf, g->arena->alloc);
    cove_writer_init(&w, &buf);
    cove_reader_init(&r, *members);
    count = cove_reader_map(&r);
    cove_writer_map(&w, count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct cove_bytes name = cove_reader_text(&r);
        struct cove_bytes item = cove_reader_item(&r);
        const struct grammar_member *member = word_member(rule, name);

        if (member != NULL &&
            (member->form == FORM_PIPE || member->form == FORM_PIPE_NULL)) {
            rc = cove_pipe_scripts(g->arena, g->label, &item, g->diag);
        }
        cove_writer_text(&w, name);
        cove_writer_item(&w, item);
    }
    rc = rc != 0 ? rc : w.err;
    if (rc == 0) {
        rc = cove_arena_copy(g->arena, cove_buf_bytes(&buf), members);
    }
    cove_buf_clear(&buf);
    return rc;
}

static int word_unknown(const struct grammar *g, struct cove_bytes word)
{
    char known[256] = "";
    size_t len = 0;

    for (size_t i = 0; i < COVE_ARRAY_LEN(words); i++) {
        len += (size_t)snprintf(known + len, sizeof known - len, "%s%s",
                                i > 0 ? ", " : "", words[i].word);
    }
    return cove_fail(g->diag, COVE_ESTEP,
                     "%.*s: unknown word \"%.*s\"; the words are %s",
                     SHOWN(g->label), SHOWN(word), known);
}

int cove_word_read(struct cove_arena *arena, struct cove_word *word,
                   struct cove_diag *diag)
{
    struct grammar g = {arena, word->label, diag};
    const struct grammar_word *rule = NULL;
    struct cove_draft d;
    int rc;

    for (size_t i = 0; i < COVE_ARRAY_LEN(words); i++) {
        if (cove_bytes_equal(word->word, cove_bytes_text(words[i].word))) {
            rule = &words[i];
        }
    }
    if (rule == NULL) {
        return word_unknown(&g, word->word);
    }
    /* A word that needs no more than a field may be written with its name. */
    if (cove_cbor_type_of(word->members) == COVE_CBOR_TEXT &&
        strcmp(rule->members[0].name, "field") == 0) {
        cove_draft_init(&d, arena);
        cove_draft_item(&d, "field", word->members);
        if ((rc = cove_draft_end(&d, &word->members)) != 0) {
            return rc;
        }
    }
    if (cove_cbor_type_of(word->members) != COVE_CBOR_MAP) {
        return cove_fail(diag, COVE_ESTEP, "%.*s: write it like %s",
                         SHOWN(word->label), rule->example);
    }
    rc = word_scripts(&g, rule, &word->members);
    return rc != 0 ? rc : word_check(&g, rule, word->members);
}
