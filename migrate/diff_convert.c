/* diff_convert.c: how the values of a field get to its new form.
 *
 * What the developer answered goes first; then the table that an enum's answers
 * make; then, where the type changed, or that of all items of a list, the one
 * conversion between the two types that leaves nothing to choose. Where there
 * is a choice (what separates the
 * items of a list, how a number is written) only the developer can make it.
 */
#include "migrate/diff_internal.h"

/* --- between types ------------------------------------------------------ */

/* Pipelines in CBOR. */
#define PIPE_IDENTITY "\x80"
#define PIPE_INT_OF_TEXT                                                       \
    "\x81\x6b"                                                                 \
    "int_of_text"
#define PIPE_TEXT_OF_INT                                                       \
    "\x81\x6b"                                                                 \
    "text_of_int"
#define PIPE_INT_OF_BOOL                                                       \
    "\x81\x6b"                                                                 \
    "int_of_bool"
#define PIPE_BOOL_OF_INT                                                       \
    "\x81\x6b"                                                                 \
    "bool_of_int"
#define PIPE_TEXT_OF_BOOL                                                      \
    "\x81\xa1\x65"                                                             \
    "table"                                                                    \
    "\x82\x82\xf5\x64"                                                         \
    "true"                                                                     \
    "\x82\xf4\x65"                                                             \
    "false"
#define PIPE_BOOL_OF_TEXT                                                      \
    "\x81\xa1\x65"                                                             \
    "table"                                                                    \
    "\x82\x82\x64"                                                             \
    "true"                                                                     \
    "\xf5\x82\x65"                                                             \
    "false"                                                                    \
    "\xf4"

static const struct {
    enum cove_type from, to;
    const char *forward, *back;
} known[] = {
    {COVE_TYPE_TEXT, COVE_TYPE_INT, PIPE_INT_OF_TEXT, PIPE_TEXT_OF_INT},
    {COVE_TYPE_BOOL, COVE_TYPE_INT, PIPE_INT_OF_BOOL, PIPE_BOOL_OF_INT},
    {COVE_TYPE_BOOL, COVE_TYPE_NUMBER, PIPE_INT_OF_BOOL, PIPE_BOOL_OF_INT},
    {COVE_TYPE_BOOL, COVE_TYPE_TEXT, PIPE_TEXT_OF_BOOL, PIPE_BOOL_OF_TEXT},
    {COVE_TYPE_INT, COVE_TYPE_NUMBER, PIPE_IDENTITY, PIPE_IDENTITY},
};

bool cove_diff_pipes(enum cove_type from, enum cove_type to,
                     struct diff_convert *out)
{
    const char *forward = NULL;
    const char *back = NULL;

    if (from != to && (from == COVE_TYPE_ANY || to == COVE_TYPE_ANY)) {
        forward = back = PIPE_IDENTITY;
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(known); i++) {
        if (known[i].from == from && known[i].to == to) {
            forward = known[i].forward;
            back = known[i].back;
        } else if (known[i].from == to && known[i].to == from) {
            forward = known[i].back;
            back = known[i].forward;
        }
    }
    if (forward == NULL) {
        return false;
    }
    *out = (struct diff_convert){.forward = cove_bytes_text(forward),
                                 .back = cove_bytes_text(back)};
    return true;
}

/* --- what an enum's answers say ----------------------------------------- */

/* Is it how people write this value: the text itself, else its JSON? */
static int value_is_said(struct diff *d, struct cove_bytes value,
                         struct cove_bytes said, bool *is)
{
    if (cove_value_kind(value) == COVE_KIND_TEXT) {
        *is = cove_bytes_equal(cove_value_text(value), said);
        return 0;
    }

    const char *text = cove_diff_shown(d->arena, value);

    if (text == NULL) {
        return COVE_ENOMEM;
    }
    *is = cove_bytes_equal(cove_bytes_text(text), said);
    return 0;
}

/* The value of a list that a text means; empty where there is none. */
static int list_said(struct diff *d, struct cove_bytes list,
                     struct cove_bytes said, struct cove_bytes *out)
{
    struct cove_reader r;

    *out = cove_bytes(NULL, 0);
    if (list.len == 0) {
        return 0;
    }
    cove_reader_init(&r, list);
    for (size_t left = cove_reader_list(&r); left > 0; left--) {
        struct cove_bytes value = cove_reader_item(&r);
        bool is = false;
        int rc = value_is_said(d, value, said, &is);

        if (rc != 0 || is) {
            *out = value;
            return rc;
        }
    }
    return 0;
}

static struct cove_bytes enum_of(const struct diff_field *field)
{
    struct cove_bytes list;

    cove_diff_keyword(field->schema, "enum", &list);
    return list;
}

static struct diff_answer *enum_answer(const struct diff *d,
                                       const struct diff_field *old)
{
    return cove_diff_answer(d->answers, DIFF_ANSWER_ENUM, d->before->title,
                            old->name);
}

/* The value of the new enum that an answer names. */
static int enum_target(struct diff *d, const struct diff_field *old,
                       struct cove_bytes said, struct cove_bytes *out)
{
    struct cove_bytes list = enum_of(old->other);

    *out = said;
    if (list.len == 0 || cove_diff_has(list, said) ||
        cove_value_kind(said) != COVE_KIND_TEXT) {
        return 0;
    }
    return list_said(d, list, cove_value_text(said), out);
}

int cove_diff_enum_fate(struct diff *d, const struct diff_field *old,
                        struct cove_bytes value, enum diff_enum_fate *fate,
                        struct cove_bytes *to)
{
    const struct diff_answer *answer = enum_answer(d, old);
    struct cove_reader r;
    int rc = 0;

    *fate = DIFF_ENUM_UNSAID;
    *to = cove_bytes(NULL, 0);
    if (answer == NULL) {
        return 0;
    }
    cove_reader_init(&r, answer->value);
    for (size_t left = cove_reader_map(&r); left > 0 && rc == 0; left--) {
        struct cove_bytes said = cove_reader_text(&r);
        struct cove_bytes target = cove_reader_item(&r);
        bool is = false;

        if ((rc = value_is_said(d, value, said, &is)) != 0 || !is) {
            continue;
        }
        *fate =
            cove_value_is_null(target) ? DIFF_ENUM_DROPPED : DIFF_ENUM_RENAMED;
        rc = *fate == DIFF_ENUM_RENAMED ? enum_target(d, old, target, to) : 0;
    }
    return rc;
}

/* Each value that is said to be gone was one, and is; each that it became is
 * one. */
static int enum_check(struct diff *d, const struct diff_field *old)
{
    struct diff_answer *answer = enum_answer(d, old);
    struct cove_bytes had = enum_of(old);
    struct cove_bytes has = enum_of(old->other);
    struct cove_reader r;
    int rc = 0;

    if (answer == NULL) {
        return 0;
    }
    answer->used = true;
    cove_reader_init(&r, answer->value);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes said = cove_reader_text(&r);
        struct cove_bytes target = cove_reader_item(&r);
        struct cove_bytes from;
        struct cove_bytes to;

        if ((rc = list_said(d, had, said, &from)) != 0 ||
            (rc = enum_target(d, old, target, &to)) != 0) {
            return rc;
        }
        if (from.len == 0 || cove_diff_has(has, from)) {
            return cove_fail(d->diag, COVE_EUSAGE,
                             "answers: enum of \"%.*s\": \"%.*s\" is not a "
                             "value that is gone",
                             SHOWN(old->name), SHOWN(said));
        }
        if (!cove_value_is_null(target) &&
            (to.len == 0 || (has.len > 0 && !cove_diff_has(has, to)))) {
            return cove_fail(d->diag, COVE_EUSAGE,
                             "answers: enum of \"%.*s\": what \"%.*s\" becomes "
                             "is not a value of the new enum",
                             SHOWN(old->name), SHOWN(said));
        }
    }
    return 0;
}

/* --- the table of an enum ----------------------------------------------- */

struct enum_rows {
    struct cove_bytes *from;
    struct cove_bytes *to;
    size_t count;
    bool renames;
};

/* Where each value of the old enum goes; what is dropped has no row, and so
 * reads as invalid. null is left null by every conversion. */
static int enum_rows(struct diff *d, const struct diff_field *old,
                     struct enum_rows *rows)
{
    struct cove_bytes had = enum_of(old);
    struct cove_bytes has = enum_of(old->other);
    struct cove_reader r;
    size_t count;

    if (had.len == 0) {
        return 0;
    }
    cove_reader_init(&r, had);
    count = cove_reader_list(&r);
    rows->from = cove_arena_array(d->arena, count + 1, sizeof *rows->from);
    rows->to = cove_arena_array(d->arena, count + 1, sizeof *rows->to);
    if (rows->from == NULL || rows->to == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct cove_bytes value = cove_reader_item(&r);
        enum diff_enum_fate fate;
        struct cove_bytes to;
        int rc = cove_diff_enum_fate(d, old, value, &fate, &to);

        if (rc != 0) {
            return rc;
        }
        if (fate == DIFF_ENUM_UNSAID &&
            (has.len == 0 || cove_diff_has(has, value))) {
            to = value;
        }
        if (to.len == 0 || cove_value_is_null(value)) {
            continue;
        }
        rows->renames = rows->renames || fate == DIFF_ENUM_RENAMED;
        rows->from[rows->count] = value;
        rows->to[rows->count++] = to;
    }
    return 0;
}

/* Is row i the one that leads back from its value? The value's own name
 * before any other, then the first. */
static bool row_leads_back(const struct enum_rows *rows, size_t i, bool *merges)
{
    bool own = cove_bytes_equal(rows->from[i], rows->to[i]);

    for (size_t k = 0; k < rows->count; k++) {
        if (k == i || !cove_bytes_equal(rows->to[k], rows->to[i])) {
            continue;
        }
        *merges = true;
        if (cove_bytes_equal(rows->from[k], rows->to[k]) || (k < i && !own)) {
            return false;
        }
    }
    return true;
}

/* [{"table": [[a, b], …]}] */
static int table_pipe(struct diff *d, const struct enum_rows *rows, bool back,
                      bool *merges, struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer w;
    size_t count = 0;
    int rc;

    for (size_t i = 0; i < rows->count; i++) {
        count += !back || row_leads_back(rows, i, merges);
    }
    cove_buf_init(&buf, d->arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, 1);
    cove_writer_map(&w, 1);
    cove_writer_cstr(&w, "table");
    cove_writer_list(&w, count);
    for (size_t i = 0; i < rows->count; i++) {
        if (back && !row_leads_back(rows, i, merges)) {
            continue;
        }
        cove_writer_list(&w, 2);
        cove_writer_item(&w, back ? rows->to[i] : rows->from[i]);
        cove_writer_item(&w, back ? rows->from[i] : rows->to[i]);
    }
    rc = w.err != 0 ? w.err
                    : cove_arena_copy(d->arena, cove_buf_bytes(&buf), out);
    cove_buf_clear(&buf);
    return rc;
}

static int convert_enum(struct diff *d, struct diff_field *old)
{
    struct enum_rows rows = {NULL, NULL, 0, false};
    struct diff_convert *c = &old->convert;
    bool ignored = false;
    int rc;

    if ((rc = enum_check(d, old)) != 0 ||
        (rc = enum_rows(d, old, &rows)) != 0 || !rows.renames) {
        return rc;
    }
    if ((rc = table_pipe(d, &rows, false, &ignored, &c->forward)) == 0) {
        rc = table_pipe(d, &rows, true, &c->merges, &c->back);
    }
    c->lossy = c->merges;
    return rc;
}

/* --- the items of a list ------------------------------------------------ */

/* The one type that all items have; false where the schema does not say it. */
static bool items_type(const struct diff_field *field, enum cove_type *out)
{
    struct cove_bytes items;
    struct cove_bytes type;

    return cove_diff_keyword(field->schema, "items", &items) &&
           cove_value_kind(items) == COVE_KIND_MAP &&
           cove_diff_keyword(items, "type", &type) &&
           cove_value_kind(type) == COVE_KIND_TEXT &&
           cove_type_of_word(cove_value_text(type), out);
}

/* [{"each": pipe}] */
static int each_pipe(struct diff *d, struct cove_bytes pipe,
                     struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer w;
    int rc;

    cove_buf_init(&buf, d->arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, 1);
    cove_writer_map(&w, 1);
    cove_writer_cstr(&w, "each");
    cove_writer_item(&w, pipe);
    rc = w.err != 0 ? w.err
                    : cove_arena_copy(d->arena, cove_buf_bytes(&buf), out);
    cove_buf_clear(&buf);
    return rc;
}

/* Of a list that is one value. Where values stay what they are (integers among
 * numbers), there is nothing to convert. */
static int convert_items(struct diff *d, struct diff_field *old)
{
    struct diff_convert one;
    enum cove_type from;
    enum cove_type to;
    int rc;

    if (old->property->child != COVE_CHILD_NONE ||
        old->other->property->child != COVE_CHILD_NONE ||
        old->property->type != COVE_TYPE_LIST ||
        old->other->property->type != COVE_TYPE_LIST ||
        !items_type(old, &from) || !items_type(old->other, &to) || from == to ||
        !cove_diff_pipes(from, to, &one) ||
        one.forward.len == strlen(PIPE_IDENTITY)) {
        return 0;
    }
    old->convert.items = true;
    old->convert.item_from = from;
    old->convert.item_to = to;
    old->convert.item_forward = one.forward;
    old->convert.item_back = one.back;
    rc = each_pipe(d, one.forward, &old->convert.forward);
    return rc != 0 ? rc : each_pipe(d, one.back, &old->convert.back);
}

/* --- what was answered -------------------------------------------------- */

static int convert_answer(struct diff *d, struct diff_answer *answer,
                          struct diff_field *old)
{
    struct cove_bytes label = cove_bytes_text("answers: convert");
    struct diff_convert *c = &old->convert;
    struct cove_bytes lossy;
    struct cove_reader r;
    int rc;

    answer->used = true;
    cove_reader_init(&r, answer->value);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes name = cove_reader_text(&r);

        cove_reader_item(&r);
        if (!cove_bytes_equal(name, cove_bytes_text("forward")) &&
            !cove_bytes_equal(name, cove_bytes_text("back")) &&
            !cove_bytes_equal(name, cove_bytes_text("lossy"))) {
            return cove_fail(d->diag, COVE_EUSAGE,
                             "answers: convert \"%.*s\": unknown member "
                             "\"%.*s\"; it has {forward, back, lossy}",
                             SHOWN(old->name), SHOWN(name));
        }
    }
    if (!cove_value_member(answer->value, "forward", &c->forward)) {
        return cove_fail(d->diag, COVE_EUSAGE,
                         "answers: convert \"%.*s\": \"forward\" is missing",
                         SHOWN(old->name));
    }
    if ((rc = cove_pipe_scripts(d->arena, label, &c->forward, d->diag)) != 0 ||
        (rc = cove_pipe_check(c->forward, label, d->diag)) != 0) {
        return rc;
    }
    c->lossy = cove_value_member(answer->value, "lossy", &lossy) &&
               cove_bytes_equal(lossy, cove_bytes("\xf5", 1));
    if (cove_value_member(answer->value, "back", &c->back)) {
        rc = cove_pipe_scripts(d->arena, label, &c->back, d->diag);
        return rc != 0 || cove_value_is_null(c->back)
                   ? rc
                   : cove_pipe_check(c->back, label, d->diag);
    }
    rc = cove_pipe_invert(d->arena, c->forward, &c->back);
    if (rc == 0 && c->back.len == 0) {
        rc =
            cove_fail(d->diag, COVE_EUSAGE,
                      "answers: convert \"%.*s\": say \"back\": nothing undoes "
                      "\"forward\" exactly; null means that there is no way "
                      "back",
                      SHOWN(old->name));
    }
    return rc;
}

int cove_diff_convert(struct diff *d, struct diff_field *old, bool *needed)
{
    enum cove_type from = cove_diff_type(old->property);
    enum cove_type to = cove_diff_type(old->other->property);
    struct diff_answer *answer = cove_diff_answer(
        d->answers, DIFF_ANSWER_CONVERT, d->before->title, old->name);
    struct diff_answer *lossy = cove_diff_answer(d->answers, DIFF_ANSWER_LOSSY,
                                                 d->before->title, old->name);
    int rc;

    if (old->word == DIFF_TEXT || old->word == DIFF_NO_WORD) {
        *needed = old->word == DIFF_NO_WORD;
        return 0; /* an answer that says how is about nothing */
    }
    rc = answer != NULL ? convert_answer(d, answer, old) : convert_enum(d, old);
    if (rc == 0 && old->convert.forward.len == 0) {
        rc = convert_items(d, old);
    }
    if (rc != 0) {
        return rc;
    }
    *needed = old->convert.forward.len == 0 && from != to &&
              !(old->word != DIFF_CONVERT && to == COVE_TYPE_ANY) &&
              !cove_diff_pipes(from, to, &old->convert);
    if (lossy != NULL && old->convert.forward.len > 0) {
        lossy->used = true;
        old->convert.lossy = true;
    }
    return 0;
}
