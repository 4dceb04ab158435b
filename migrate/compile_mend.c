/* compile_mend.c: the word mend: values that a narrower rule no longer allows
 * read as others that it does.
 *
 * It is a convert to a register of its own, forward by one table: what the rule
 * allows stands for itself, what the word maps for what it says. So the rule
 * must be one that lists what it allows: enum, const, a boolean, or integers
 * from a minimum to a maximum. Back goes each value as it is. The old register
 * keeps what was written to it, and who reads that sees it; nothing is lost, so
 * it need not be marked lossy.
 */
#include "migrate/compile_parts.h"

#define MEND_ROWS 256 /* of a table, schema/fn.h */

struct mend {
    struct compile *c;
    struct cove_bytes field;
    struct cove_buf rows; /* encoded pairs, one behind another */
    size_t count;
};

static int mend_row(struct mend *m, struct cove_bytes from,
                    struct cove_bytes to)
{
    struct cove_writer w;

    if (m->count == MEND_ROWS) {
        return cove_fail(m->c->diag, COVE_ESTEP,
                         "%.*s: \"%.*s\": what the schema allows and the word "
                         "maps is more than %d values; write a convert",
                         SHOWN(m->c->label), SHOWN(m->field), MEND_ROWS);
    }
    cove_writer_init(&w, &m->rows);
    cove_writer_list(&w, 2);
    cove_writer_item(&w, from);
    cove_writer_item(&w, to);
    m->count += w.err == 0;
    return w.err;
}

static int mend_allows(const struct mend *m, struct cove_bytes value,
                       bool *allowed)
{
    int rc = cove_schema_check_field(m->c->target, m->field, value, NULL);

    *allowed = rc == 0;
    return rc == COVE_ESCHEMA ? 0 : rc;
}

/* A value that the schema allows stands for itself. null does anyway. */
static int mend_stays(struct mend *m, struct cove_bytes value)
{
    bool allowed = false;
    int rc = cove_value_is_null(value) ? 0 : mend_allows(m, value, &allowed);

    return rc != 0 || !allowed ? rc : mend_row(m, value, value);
}

/* ------------------------------------------------------------ what is allowed
 */

static int mend_each(struct mend *m, struct cove_bytes list)
{
    struct cove_reader r;
    int rc = 0;

    cove_reader_init(&r, list);
    for (size_t left = cove_reader_list(&r); left > 0 && rc == 0; left--) {
        rc = mend_stays(m, cove_reader_item(&r));
    }
    return rc;
}

static int mend_booleans(struct mend *m)
{
    static const uint8_t both[] = {0xf4, 0xf5};
    int rc = mend_stays(m, cove_bytes(&both[0], 1));

    return rc != 0 ? rc : mend_stays(m, cove_bytes(&both[1], 1));
}

static int mend_integers(struct mend *m, int64_t first, int64_t last)
{
    int rc = 0;

    for (int64_t i = first; i <= last && rc == 0; i++) {
        struct cove_bytes value;

        rc = cove_value_of_int(m->c->arena, i, &value);
        rc = rc != 0 ? rc : mend_stays(m, value);
        if (i == INT64_MAX) {
            break;
        }
    }
    return rc;
}

/* What the property `p`, as the schema file has it, allows; none where it does
 * not list that. */
static int mend_allowed(struct mend *m, struct cove_bytes p)
{
    struct cove_bytes item, last;

    if (cove_value_member(p, "enum", &item) &&
        cove_value_kind(item) == COVE_KIND_LIST) {
        return mend_each(m, item);
    }
    if (cove_value_member(p, "const", &item)) {
        return mend_stays(m, item);
    }
    if (!cove_value_member(p, "type", &item)) {
        return 0;
    }
    if (cove_bytes_equal(cove_value_text(item), cove_bytes_text("boolean"))) {
        return mend_booleans(m);
    }
    return cove_bytes_equal(cove_value_text(item),
                            cove_bytes_text("integer")) &&
                   cove_value_member(p, "minimum", &item) &&
                   cove_value_kind(item) == COVE_KIND_INT &&
                   cove_value_member(p, "maximum", &last) &&
                   cove_value_kind(last) == COVE_KIND_INT
               ? mend_integers(m, cove_value_int(item), cove_value_int(last))
               : 0;
}

static int mend_property(struct mend *m)
{
    struct cove_bytes all, p, name;
    struct cove_reader r;
    int rc = 0;

    if (!cove_value_member(m->c->target_cbor, "properties", &all)) {
        return 0;
    }
    cove_reader_init(&r, all);
    for (size_t left = cove_reader_map(&r); left > 0 && rc == 0; left--) {
        name = cove_reader_text(&r);
        p = cove_reader_item(&r);
        if (cove_bytes_equal(name, m->field) &&
            cove_value_kind(p) == COVE_KIND_MAP) {
            rc = mend_allowed(m, p);
        }
    }
    if (rc == 0 && m->count == 0) {
        rc = cove_fail(m->c->diag, COVE_ESTEP,
                       "%.*s: the schema does not list what \"%.*s\" may be: "
                       "mend is for enum, const, booleans and integers from a "
                       "minimum to a maximum; write a convert",
                       SHOWN(m->c->label), SHOWN(m->field));
    }
    return rc;
}

/* ----------------------------------------------------------------- the word */

/* What is to be read in place of a value must be allowed. */
static int mend_target(struct mend *m, struct cove_bytes value,
                       const char *what)
{
    struct cove_diag why = {0};
    int rc = cove_schema_check_field(m->c->target, m->field, value, &why);

    return rc == 0 ? 0
                   : cove_fail(m->c->diag, rc, "%.*s: %s: %s",
                               SHOWN(m->c->label), what, why.text);
}

/* One pair of "map". */
static int mend_pair(struct mend *m, struct cove_bytes pair)
{
    struct cove_bytes from, to;
    struct cove_reader r;
    bool allowed = false;
    int rc;

    cove_reader_init(&r, pair);
    if (cove_value_kind(pair) != COVE_KIND_LIST || cove_reader_list(&r) != 2) {
        return cove_fail(m->c->diag, COVE_ESTEP,
                         "%.*s: \"map\" is a list of pairs, what was and what "
                         "it reads as: [[\"blu\",\"blue\"]]",
                         SHOWN(m->c->label));
    }
    from = cove_reader_item(&r);
    to = cove_reader_item(&r);
    rc = mend_allows(m, from, &allowed);
    if (rc != 0) {
        return rc;
    }
    if (cove_value_is_null(from) || allowed) {
        return cove_fail(m->c->diag, COVE_ESTEP,
                         "%.*s: \"map\" mends a value of \"%.*s\" that the "
                         "schema allows; what is right stays as it is",
                         SHOWN(m->c->label), SHOWN(m->field));
    }
    rc = mend_target(m, to, "\"map\"");
    return rc != 0 ? rc : mend_row(m, from, to);
}

static int mend_map(struct mend *m, const struct cove_word *word)
{
    struct cove_bytes map;
    struct cove_reader r;
    int rc = 0;

    if (!cove_member(word, "map", &map)) {
        return 0;
    }
    if (cove_value_kind(map) != COVE_KIND_LIST) {
        return mend_pair(m, map); /* says what it should be */
    }
    cove_reader_init(&r, map);
    for (size_t left = cove_reader_list(&r); left > 0 && rc == 0; left--) {
        rc = mend_pair(m, cove_reader_item(&r));
    }
    return rc;
}

/* [{"table": rows}], or with a value for all others [{"map_or": [rows,
 * value]}]. */
static int mend_pipe(const struct mend *m, bool has_rest,
                     struct cove_bytes rest, struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer w;
    struct cove_reader r;
    int rc;

    cove_buf_init(&buf, m->c->arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, 1);
    cove_writer_map(&w, 1);
    cove_writer_cstr(&w, has_rest ? "map_or" : "table");
    if (has_rest) {
        cove_writer_list(&w, 2);
    }
    cove_writer_list(&w, m->count);
    cove_reader_init(&r, cove_buf_bytes(&m->rows));
    for (size_t i = 0; i < m->count; i++) {
        cove_writer_item(&w, cove_reader_item(&r));
    }
    if (has_rest) {
        cove_writer_item(&w, rest);
    }
    rc = w.err != 0 ? w.err
                    : cove_arena_copy(m->c->arena, cove_buf_bytes(&buf), out);
    cove_buf_clear(&buf);
    return rc;
}

static int mend_convert(struct mend *m, const struct cove_word *word)
{
    static const uint8_t as_it_is[] = {0x80}; /* the empty pipeline */
    struct cove_word convert = *word;
    struct cove_bytes pipe, rest = {NULL, 0};
    bool has_rest = cove_member(word, "else", &rest);
    struct cove_bytes back = cove_bytes(as_it_is, 1);
    struct cove_draft d;
    int rc = has_rest ? mend_target(m, rest, "\"else\"") : 0;

    rc = rc != 0 ? rc : mend_pipe(m, has_rest, rest, &pipe);
    rc = rc != 0 ? rc : cove_pipe_check(pipe, m->c->label, m->c->diag);
    if (rc != 0) {
        return rc;
    }
    cove_member(word, "back", &back);
    cove_draft_init(&d, m->c->arena);
    cove_draft_text(&d, "field", m->field);
    cove_draft_item(&d, "forward", pipe);
    cove_draft_item(&d, "back", back);
    rc = cove_draft_end(&d, &convert.members);
    return rc != 0 ? rc : cove_word_convert(m->c, &convert);
}

int cove_word_mend(struct compile *c, const struct cove_word *word)
{
    struct mend m = {.c = c, .field = cove_member_text(word, "field")};
    struct compile_field *field;
    struct cove_bytes ignored;
    int rc;

    if (c->target == NULL) {
        return cove_fail(c->diag, COVE_ESTEP,
                         "%.*s: mend goes by the rules of the version that "
                         "\"steps\" lead to; `down` needs none: who goes back "
                         "sees what was written",
                         SHOWN(c->label));
    }
    if (!cove_member(word, "map", &ignored) &&
        !cove_member(word, "else", &ignored)) {
        return cove_fail(c->diag, COVE_ESTEP,
                         "%.*s: say \"map\", pairs of what was and what it "
                         "reads as, or \"else\", what all others read as",
                         SHOWN(c->label));
    }
    rc = cove_member_field(c, word, "field", &field);
    rc = rc != 0 ? rc : cove_field_value(c, field);
    cove_buf_init(&m.rows, c->arena->alloc);
    rc = rc != 0 ? rc : mend_property(&m);
    rc = rc != 0 ? rc : mend_map(&m, word);
    rc = rc != 0 ? rc : mend_convert(&m, word);
    cove_buf_clear(&m.rows);
    return rc;
}
