/* Texts in parts, by place or by what stands in them, and put together. Places
 * are counted in code points; literals are found bytewise, which in UTF-8 is
 * the same. Nothing here knows letters, words or languages. */
#include "core/limits.h"
#include "core/utf8.h"
#include "core/value.h"
#include "schema/fn.h"
#include "schema/fn_atoms.h"

/* --- slices */

bool cove_fn_arg_slice(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_reader r;
    size_t count;

    if (cove_fn_as_list(arg, &r, &count) != 0 || count < 1 || count > 2) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!cove_fn_arg_int(check, cove_reader_item(&r))) {
            return false;
        }
    }
    return true;
}

/* A place among `count`, from the end where it is negative, cut to what is
 * there. */
static size_t slice_place(int64_t place, size_t count)
{
    uint64_t off = place < 0 ? -(uint64_t)place : (uint64_t)place;

    if (place < 0) {
        return off > count ? 0 : count - (size_t)off;
    }
    return off > count ? count : (size_t)off;
}

static int slice_text(struct cove_fn_run *run, struct cove_bytes text,
                      size_t begin, size_t end, struct cove_bytes *out)
{
    size_t first;
    size_t behind;
    int err = cove_utf8_offset(text, begin, &first);

    err = err != 0 ? err : cove_utf8_offset(text, end, &behind);
    if (err != 0) {
        return FN_BAD; /* cannot be: both are within the text */
    }
    return cove_fn_of_text(run, cove_bytes(text.at + first, behind - first),
                           out);
}

static int slice_list(struct cove_fn_run *run, struct cove_reader r,
                      size_t begin, size_t end, struct cove_bytes *out)
{
    struct cove_fn_out o;

    cove_fn_out_init(&o, run, 0);
    cove_writer_list(&o.w, end - begin);
    for (size_t i = 0; i < end; i++) {
        struct cove_bytes item = cove_reader_item(&r);

        if (i >= begin) {
            cove_writer_item(&o.w, item);
        }
    }
    return cove_fn_out_end(&o, out);
}

int cove_fn_slice(struct cove_fn_run *run, struct cove_bytes arg,
                  struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes text = {NULL, 0};
    struct cove_reader r;
    struct cove_reader items;
    bool is_text = cove_fn_as_text(in, &text) == 0;
    size_t count;
    size_t begin;
    size_t end;
    size_t given;

    if (is_text) {
        count = cove_utf8_count(text);
    } else if (cove_fn_as_list(in, &items, &count) != 0) {
        return FN_BAD;
    }
    cove_reader_init(&r, arg);
    given = cove_reader_list(&r);
    begin = slice_place(cove_reader_int(&r), count);
    end = given == 2 ? slice_place(cove_reader_int(&r), count) : count;
    end = end < begin ? begin : end;
    return is_text ? slice_text(run, text, begin, end, out)
                   : slice_list(run, items, begin, end, out);
}

/* --- what a literal divides */

enum cut_side { CUT_BEFORE, CUT_AFTER };

/* The last place of a literal in a text; NULL where there is none. */
static const uint8_t *cut_last(struct cove_bytes text, struct cove_bytes lit)
{
    for (size_t at = text.len; at >= lit.len; at--) {
        const uint8_t *from = text.at + at - lit.len;

        if (memcmp(from, lit.at, lit.len) == 0) {
            return from;
        }
    }
    return NULL;
}

static int cut(struct cove_fn_run *run, struct cove_bytes arg, bool last,
               enum cut_side side, struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes lit = cove_value_text(arg);
    struct cove_bytes text;
    const uint8_t *found;
    size_t before;

    if (cove_fn_as_text(in, &text) != 0 || text.len < lit.len) {
        return FN_BAD;
    }
    found =
        last ? cut_last(text, lit) : memmem(text.at, text.len, lit.at, lit.len);
    if (found == NULL) {
        return FN_BAD;
    }
    before = (size_t)(found - text.at);
    return side == CUT_BEFORE
               ? cove_fn_of_text(run, cove_bytes(text.at, before), out)
               : cove_fn_of_text(
                     run,
                     cove_bytes(found + lit.len, text.len - before - lit.len),
                     out);
}

int cove_fn_before(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes in, struct cove_bytes *out)
{
    return cut(run, arg, false, CUT_BEFORE, in, out);
}

int cove_fn_after(struct cove_fn_run *run, struct cove_bytes arg,
                  struct cove_bytes in, struct cove_bytes *out)
{
    return cut(run, arg, false, CUT_AFTER, in, out);
}

int cove_fn_before_last(struct cove_fn_run *run, struct cove_bytes arg,
                        struct cove_bytes in, struct cove_bytes *out)
{
    return cut(run, arg, true, CUT_BEFORE, in, out);
}

int cove_fn_after_last(struct cove_fn_run *run, struct cove_bytes arg,
                       struct cove_bytes in, struct cove_bytes *out)
{
    return cut(run, arg, true, CUT_AFTER, in, out);
}

bool cove_fn_arg_replace(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_bytes from;
    struct cove_bytes to;

    return cove_fn_is_pair(arg, &from, &to) && cove_fn_arg_text(check, from) &&
           cove_cbor_type_of(to) == COVE_CBOR_TEXT;
}

/* A text that is being put together; over: it is more than a text may be. */
struct text_out {
    uint8_t *at; /* room for `cap`; NULL: only measured */
    size_t len, cap;
    bool over;
};

static int text_out_init(struct text_out *t, struct cove_fn_run *run,
                         size_t cap)
{
    *t = (struct text_out){.cap = cap < COVE_MAX_TEXT ? cap : COVE_MAX_TEXT};
    t->at = cove_arena_new(run->arena, t->cap + 1);
    return t->at != NULL ? 0 : COVE_ENOMEM;
}

static void text_out_add(struct text_out *t, struct cove_bytes text)
{
    if (text.len > t->cap - t->len) {
        t->over = true;
    } else {
        if (t->at != NULL && text.len > 0) {
            memcpy(t->at + t->len, text.at, text.len);
        }
        t->len += text.len;
    }
}

static int text_out_end(const struct text_out *t, struct cove_fn_run *run,
                        struct cove_bytes *out)
{
    return t->over ? FN_BAD
                   : cove_fn_of_text(run, cove_bytes(t->at, t->len), out);
}

/* How long a text is when each `from` in it is a `to`. */
static size_t replaced_len(struct cove_bytes text, struct cove_bytes from,
                           struct cove_bytes to)
{
    const uint8_t *end = text.at + text.len;
    const uint8_t *found;
    size_t len = text.len;

    for (const uint8_t *at = text.at;
         (found = memmem(at, (size_t)(end - at), from.at, from.len)) != NULL;
         at = found + from.len) {
        len = len - from.len + to.len;
    }
    return len;
}

int cove_fn_replace(struct cove_fn_run *run, struct cove_bytes arg,
                    struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes from;
    struct cove_bytes to;
    struct cove_bytes text;
    struct text_out t;
    const uint8_t *found;
    int err;

    cove_fn_pair(arg, &from, &to);
    from = cove_value_text(from);
    to = cove_value_text(to);
    if (cove_fn_as_text(in, &text) != 0) {
        return FN_BAD;
    }
    err = text_out_init(&t, run, replaced_len(text, from, to));
    if (err != 0) {
        return err;
    }
    while (!t.over &&
           (found = memmem(text.at, text.len, from.at, from.len)) != NULL) {
        size_t before = (size_t)(found - text.at);

        text_out_add(&t, cove_bytes(text.at, before));
        text_out_add(&t, to);
        text.at += before + from.len;
        text.len -= before + from.len;
    }
    text_out_add(&t, text);
    return text_out_end(&t, run, out);
}

/* --- at the ends */

static int join_two(struct cove_fn_run *run, struct cove_bytes a,
                    struct cove_bytes b, struct cove_bytes *out)
{
    struct text_out t;
    int err = text_out_init(&t, run, a.len + b.len);

    if (err != 0) {
        return err;
    }
    text_out_add(&t, a);
    text_out_add(&t, b);
    return text_out_end(&t, run, out);
}

int cove_fn_prefix(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes text;

    if (cove_fn_as_text(in, &text) != 0) {
        return FN_BAD;
    }
    return join_two(run, cove_value_text(arg), text, out);
}

int cove_fn_suffix(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes text;

    if (cove_fn_as_text(in, &text) != 0) {
        return FN_BAD;
    }
    return join_two(run, text, cove_value_text(arg), out);
}

int cove_fn_drop_prefix(struct cove_fn_run *run, struct cove_bytes arg,
                        struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes lit = cove_value_text(arg);
    struct cove_bytes text;

    if (cove_fn_as_text(in, &text) != 0 || text.len < lit.len ||
        memcmp(text.at, lit.at, lit.len) != 0) {
        return FN_BAD;
    }
    return cove_fn_of_text(
        run, cove_bytes(text.at + lit.len, text.len - lit.len), out);
}

int cove_fn_drop_suffix(struct cove_fn_run *run, struct cove_bytes arg,
                        struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes lit = cove_value_text(arg);
    struct cove_bytes text;

    if (cove_fn_as_text(in, &text) != 0 || text.len < lit.len ||
        memcmp(text.at + text.len - lit.len, lit.at, lit.len) != 0) {
        return FN_BAD;
    }
    return cove_fn_of_text(run, cove_bytes(text.at, text.len - lit.len), out);
}

#define PAD_MAX 1000 /* code points */

/* How wide, and one code point. */
bool cove_fn_arg_pad(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_bytes width;
    struct cove_bytes with;
    struct cove_bytes text;

    return cove_fn_is_pair(arg, &width, &with) &&
           cove_fn_arg_int(check, width) && cove_value_int(width) >= 1 &&
           cove_value_int(width) <= PAD_MAX &&
           cove_fn_as_text(with, &text) == 0 && cove_utf8_count(text) == 1;
}

int cove_fn_pad(struct cove_fn_run *run, struct cove_bytes arg,
                struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes width;
    struct cove_bytes with;
    struct cove_bytes text;
    struct text_out t;
    size_t wide;
    size_t have;
    int err;

    cove_fn_pair(arg, &width, &with);
    with = cove_value_text(with);
    wide = (size_t)cove_value_int(width);
    if (cove_fn_as_text(in, &text) != 0) {
        return FN_BAD;
    }
    have = cove_utf8_count(text);
    have = have < wide ? have : wide;
    err = text_out_init(&t, run, text.len + (wide - have) * with.len);
    if (err != 0) {
        return err;
    }
    for (; have < wide; have++) {
        text_out_add(&t, with);
    }
    text_out_add(&t, text);
    return text_out_end(&t, run, out);
}

/* --- templates */

#define TEMPLATE_FIELDS 64 /* each is looked for in the whole object */

/* One piece of a template: a text, or a field between braces. {{ and }} stand
 * for a brace. */
struct template_piece {
    bool field;
    struct cove_bytes text; /* the field's name; empty: the value itself */
};

/* Take a piece off a template that is not empty; false where it is none. */
static bool template_next(struct cove_bytes *rest, struct template_piece *out)
{
    uint8_t first = rest->at[0];
    size_t len = 1;

    out->field = false;
    if (rest->len > 1 && (first == '{' || first == '}') &&
        rest->at[1] == first) {
        out->text = cove_bytes(rest->at, 1);
        len = 2;
    } else if (first == '{') {
        while (len < rest->len && rest->at[len] != '}' &&
               rest->at[len] != '{') {
            len++;
        }
        if (len == rest->len || rest->at[len] != '}') {
            return false;
        }
        out->field = true;
        out->text = cove_bytes(rest->at + 1, len - 1);
        len++;
    } else if (first == '}') {
        return false;
    } else {
        while (len < rest->len && rest->at[len] != '{' &&
               rest->at[len] != '}') {
            len++;
        }
        out->text = cove_bytes(rest->at, len);
    }
    rest->at += len;
    rest->len -= len;
    return true;
}

bool cove_fn_arg_template(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_bytes rest;
    struct template_piece piece;
    size_t fields = 0;

    (void)check;
    if (cove_fn_as_text(arg, &rest) != 0) {
        return false;
    }
    while (rest.len > 0) {
        if (!template_next(&rest, &piece)) {
            return false;
        }
        fields += piece.field;
    }
    return fields <= TEMPLATE_FIELDS;
}

/* Add a text as it is, an integer in decimal. */
static int template_add(struct text_out *t, struct cove_bytes value)
{
    uint8_t digits[COVE_FN_INT_TEXT_MAX];
    struct cove_bytes text;
    size_t len;

    if (cove_fn_as_text(value, &text) == 0) {
        text_out_add(t, text);
    } else if (cove_fn_int_text(value, digits, &len)) {
        text_out_add(t, cove_bytes(digits, len));
    } else {
        return FN_BAD;
    }
    return 0;
}

/* A member that is missing, or null, is no text. */
static int template_fill(struct text_out *t, struct cove_bytes rest,
                         struct cove_bytes in)
{
    bool object = cove_value_kind(in) == COVE_KIND_MAP;
    struct template_piece piece;
    int err = 0;

    while (err == 0 && rest.len > 0 && template_next(&rest, &piece)) {
        struct cove_bytes value = in;

        if (!piece.field) {
            text_out_add(t, piece.text);
        } else if (piece.text.len == 0) {
            err = template_add(t, in);
        } else if (!object) {
            err = FN_BAD;
        } else if (cove_value_find(in, piece.text, &value) &&
                   !cove_value_is_null(value)) {
            err = template_add(t, value);
        }
    }
    return err;
}

int cove_fn_template(struct cove_fn_run *run, struct cove_bytes arg,
                     struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes template = cove_value_text(arg);
    struct text_out measured = {.cap = COVE_MAX_TEXT};
    struct text_out t;
    int err = template_fill(&measured, template, in);

    if (err != 0 || measured.over) {
        return err != 0 ? err : FN_BAD;
    }
    err = text_out_init(&t, run, measured.len);
    err = err != 0 ? err : template_fill(&t, template, in);
    return err != 0 ? err : text_out_end(&t, run, out);
}
