/* laws_values.c: the values that a conversion is tried on.
 *
 * First what is likely to break it: people's texts in both cases and with
 * spaces around, texts that nearly are numbers, the ends of 64 bits, and what
 * the pipeline itself speaks of (the entries of its tables, its separators at
 * every place of a text, multiples of its factors and their neighbours, its
 * keys, and all of that inside of lists and objects where its functions go
 * there). Then texts and numbers made up from a seed, so that a failure can be
 * had again.
 */
#include "migrate/laws.h"

#include "core/cbor.h"
#include "core/utf8.h"
#include "core/value.h"

#define LAW_RANDOM 48 /* made-up values of each type */
#define LAW_MOST   4096

void cove_law_values_init(struct law_values *v, struct cove_arena *arena,
                          uint64_t seed)
{
    *v = (struct law_values){.arena = arena, .random = seed};
}

/* Source: splitmix64, as in public use for seeding other generators. */
static uint64_t law_random(struct law_values *v)
{
    uint64_t z = (v->random += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void law_item(struct law_values *v, struct cove_bytes item)
{
    void *items = v->items;

    if (v->err != 0 || v->count >= LAW_MOST) {
        return;
    }
    v->err =
        cove_arena_grow(v->arena, &items, sizeof *v->items, v->count, &v->cap);
    if (v->err == 0) {
        v->items = items;
        v->items[v->count++] = item;
    }
}

static void law_text(struct law_values *v, struct cove_bytes text)
{
    struct cove_bytes item = {NULL, 0};

    if (v->err == 0) {
        v->err = cove_value_of_text(v->arena, text, &item);
    }
    law_item(v, item);
}

static void law_int(struct law_values *v, int64_t n)
{
    struct cove_bytes item = {NULL, 0};

    if (v->err == 0) {
        v->err = cove_value_of_int(v->arena, n, &item);
    }
    law_item(v, item);
}

/* Take what was written. */
static void law_written(struct law_values *v, struct cove_writer *w)
{
    struct cove_bytes item = {NULL, 0};

    if (v->err == 0) {
        v->err = w->err;
    }
    if (v->err == 0) {
        v->err = cove_arena_copy(v->arena, cove_buf_bytes(w->out), &item);
    }
    law_item(v, item);
    cove_buf_clear(w->out);
}

static void law_float(struct law_values *v, double f)
{
    struct cove_buf buf;
    struct cove_writer w;

    cove_buf_init(&buf, v->arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_float(&w, f);
    law_written(v, &w);
}

/* A list of texts. */
static void law_list(struct law_values *v, const char *const *texts,
                     size_t count)
{
    struct cove_buf buf;
    struct cove_writer w;

    cove_buf_init(&buf, v->arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_cstr(&w, texts[i]);
    }
    law_written(v, &w);
}

/* {key: "Ada"}, and with `more` another member behind it. */
static void law_object(struct law_values *v, struct cove_bytes key, bool more)
{
    static const uint8_t last[] = {0x78, 0x18}; /* a text of 24 bytes */
    struct cove_buf buf;
    struct cove_writer w;

    more = more && key.len < 24; /* then `last` sorts behind it */
    cove_buf_init(&buf, v->arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_map(&w, more ? 2 : 1);
    cove_writer_text(&w, key);
    cove_writer_cstr(&w, "Ada");
    if (more) {
        cove_writer_item(&w, cove_bytes(last, sizeof last));
        cove_writer_item(&w, cove_bytes("zzzzzzzzzzzzzzzzzzzzzzzz", 24));
        cove_writer_int(&w, 1);
    }
    law_written(v, &w);
}

/* --- what a pipeline speaks of ------------------------------------------ */

/* A text in front of, between and behind others. */
static void values_literal(struct law_values *v, struct cove_bytes text)
{
    static const char *const forms[] = {"%.*s",     "Ada%.*s",    "%.*sAda",
                                        "a%.*sb",   "a%.*s%.*sb", "a%.*sb%.*sc",
                                        "%.*s%.*s", "%.*sa%.*s"};

    for (size_t i = 0; i < COVE_ARRAY_LEN(forms) && text.len <= 1024; i++) {
        struct cove_buf buf;
        const char *at = forms[i];
        int rc = 0;

        cove_buf_init(&buf, v->arena->alloc);
        for (; *at != '\0' && rc == 0; at++) {
            bool here = *at == '%';

            rc = cove_buf_append(&buf, here ? text : cove_bytes(at, 1));
            at += here ? 3 : 0;
        }
        if (rc == 0) {
            law_text(v, cove_buf_bytes(&buf));
        } else if (v->err == 0) {
            v->err = rc;
        }
        cove_buf_clear(&buf);
    }
}

/* Both columns: the pipeline may be the way there or the way back. */
static void values_table(struct law_values *v, struct cove_reader *r)
{
    for (size_t rows = cove_reader_list(r); rows > 0; rows--) {
        if (cove_reader_list(r) != 2) {
            return;
        }
        law_item(v, cove_reader_item(r));
        law_item(v, cove_reader_item(r));
    }
}

static void values_factor(struct law_values *v, int64_t n)
{
    static const int64_t times[] = {-1, 0, 1, 2, 3};

    for (size_t i = 0; i < COVE_ARRAY_LEN(times); i++) {
        int64_t product;

        if (!__builtin_mul_overflow(n, times[i], &product) &&
            product < INT64_MAX && product > INT64_MIN) {
            law_int(v, product - 1);
            law_int(v, product);
            law_int(v, product + 1);
        }
    }
}

/* A list whose one text has the separator inside; and one whose text ends as
 * the separator begins, so that one that overlaps itself is found too early. */
static void values_separator(struct law_values *v, struct cove_bytes sep)
{
    char *inside = cove_arena_printf(v->arena, "a%.*sb", (int)sep.len,
                                     (const char *)sep.at);
    size_t first = cove_utf8_is_boundary(sep, sep.len > 0 ? 1 : 0) ? 1 : 0;
    char *ends =
        cove_arena_printf(v->arena, "a%.*s", (int)first, (const char *)sep.at);

    values_literal(v, sep);
    if (ends != NULL && sep.len > 1 && first > 0) {
        const char *const texts[] = {ends, "c"};

        law_list(v, texts, 2);
    }
    if (inside == NULL) {
        v->err = v->err != 0 ? v->err : COVE_ENOMEM;
    } else {
        const char *const texts[] = {inside, "c"};

        law_list(v, texts, 2);
    }
}

/* The template with its first part and all the others as said. */
static int template_fill(const struct cove_bytes *literals, size_t count,
                         const char *first, const char *other,
                         struct cove_buf *out)
{
    int rc = cove_buf_append(out, literals[0]);

    for (size_t i = 1; i < count && rc == 0; i++) {
        rc = cove_buf_append(out, cove_bytes_text(i == 1 ? first : other));
        rc = rc != 0 ? rc : cove_buf_append(out, literals[i]);
    }
    return rc;
}

void cove_law_values_template(struct law_values *v,
                              const struct cove_bytes *literals, size_t count)
{
    static const char *const parts[][2] = {
        {"Ada", "Byron"}, {"", ""}, {"Ada", ""}, {"", "Byron"}, {" ", " "}};

    for (size_t i = 0; i < count; i++) {
        values_literal(v, literals[i]);
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(parts) && v->err == 0; i++) {
        struct cove_buf buf;
        char *once = NULL;

        cove_buf_init(&buf, v->arena->alloc);
        v->err = template_fill(literals, count, parts[i][0], parts[i][1], &buf);
        if (v->err == 0) {
            law_text(v, cove_buf_bytes(&buf));
            once = cove_arena_printf(v->arena, "%.*s", (int)buf.len,
                                     buf.len > 0 ? (const char *)buf.at : "");
            v->err = v->err == 0 && once == NULL ? COVE_ENOMEM : v->err;
        }
        buf.len = 0;
        if (v->err == 0) { /* and inside itself */
            v->err = template_fill(literals, count, once, parts[i][1], &buf);
        }
        if (v->err == 0) {
            law_text(v, cove_buf_bytes(&buf));
        }
        cove_buf_clear(&buf);
    }
}

/* Whatever an argument holds, to its leaves: texts as separators and keys, and
 * numbers as factors. Recurses as deep as the argument is nested. */
static void values_argument(struct law_values *v, struct cove_reader *r)
{
    struct cove_bytes text;
    size_t left;

    switch (cove_reader_peek(r)) {
    case COVE_CBOR_TEXT:
        text = cove_reader_text(r);
        values_separator(v, text);
        law_object(v, text, false);
        law_object(v, text, true);
        return;
    case COVE_CBOR_UINT:
    case COVE_CBOR_NINT:
        values_factor(v, cove_reader_int(r));
        return;
    case COVE_CBOR_LIST:
        for (left = cove_reader_list(r); left > 0 && v->err == 0; left--) {
            values_argument(v, r);
        }
        return;
    case COVE_CBOR_MAP:
        for (left = cove_reader_map(r); left > 0 && v->err == 0; left--) {
            values_argument(v, r);
            values_argument(v, r);
        }
        return;
    case COVE_CBOR_END:
    case COVE_CBOR_BYTES:
    case COVE_CBOR_BOOL:
    case COVE_CBOR_NULL:
    case COVE_CBOR_FLOAT:
        break;
    }
    (void)cove_reader_item(r);
}

/* [value], or {key: value}. */
static void law_within(struct law_values *v, struct cove_bytes key,
                       struct cove_bytes value)
{
    struct cove_buf buf;
    struct cove_writer w;

    cove_buf_init(&buf, v->arena->alloc);
    cove_writer_init(&w, &buf);
    if (key.len == 0) {
        cove_writer_list(&w, 1);
    } else {
        cove_writer_map(&w, 1);
        cove_writer_item(&w, key);
    }
    cove_writer_item(&w, value);
    law_written(v, &w);
}

/* What the pipeline inside of a function speaks of, where that function takes
 * it from: the items of a list (`key` empty), or a member. Texts and numbers of
 * all kinds are among it, as in the end they are tried themselves. */
static void values_within(struct law_values *v, struct cove_bytes key,
                          struct cove_bytes pipe)
{
    struct law_values inner;

    if (v->err != 0) {
        return;
    }
    cove_law_values_init(&inner, v->arena, v->random);
    cove_law_values_pipe(&inner, pipe);
    v->err = cove_law_values_end(&inner);
    for (size_t i = 0; i < inner.count && v->err == 0; i++) {
        law_within(v, key, inner.items[i]);
    }
}

/* {"each": pipe}, {"update": [path, pipe]}: the first key of the path alone. */
static void values_inside(struct law_values *v, struct cove_reader arg,
                          bool each)
{
    struct cove_bytes key = {NULL, 0};

    if (!each) {
        struct cove_reader path;
        struct cove_bytes last;

        cove_reader_list(&arg);
        last = cove_reader_item(&arg);
        cove_reader_init(&path, last);
        if (cove_reader_list(&path) != 1) {
            return; /* what lies deeper is made of values_argument */
        }
        last = cove_reader_item(&path);
        key = cove_cbor_type_of(last) == COVE_CBOR_TEXT ? last : key;
    }
    values_within(v, key, cove_reader_item(&arg));
}

static bool values_is(struct cove_bytes name, const char *text)
{
    return cove_bytes_equal(name, cove_bytes_text(text));
}

void cove_law_values_pipe(struct law_values *v, struct cove_bytes pipe)
{
    struct cove_reader r;

    cove_reader_init(&r, pipe);
    if (pipe.len == 0 || cove_reader_peek(&r) != COVE_CBOR_LIST) {
        return;
    }
    for (size_t left = cove_reader_list(&r); left > 0; left--) {
        struct cove_bytes fn = cove_reader_item(&r);
        struct cove_reader one;
        struct cove_bytes name;

        cove_reader_init(&one, fn);
        if (cove_reader_peek(&one) != COVE_CBOR_MAP ||
            cove_reader_map(&one) != 1) {
            continue;
        }
        name = cove_reader_text(&one);
        if (values_is(name, "table")) {
            values_table(v, &one);
        } else if (values_is(name, "const")) {
            law_item(v, cove_reader_item(&one));
        } else if (values_is(name, "each") || values_is(name, "update")) {
            values_inside(v, one, values_is(name, "each"));
        } else {
            values_argument(v, &one);
        }
    }
}

/* --- edges, and what is made up ----------------------------------------- */

static void values_edges(struct law_values *v)
{
    static const char *const texts[] = {"Ada",
                                        "",
                                        "a",
                                        " Ada ",
                                        "ADA",
                                        "First Last",
                                        " ",
                                        "\t",
                                        "0",
                                        "1",
                                        "-1",
                                        "-0",
                                        "007",
                                        "+5",
                                        " 5",
                                        "120",
                                        "1.5",
                                        "1e3",
                                        "about 150",
                                        "true",
                                        "false",
                                        "null",
                                        "Ärger",
                                        "ÄRGER",
                                        "日本語",
                                        "a,b",
                                        "a, b",
                                        "a, b, ",
                                        ",",
                                        "a\nb",
                                        "9223372036854775807",
                                        "-9223372036854775808",
                                        "9223372036854775808",
                                        "12.50",
                                        "12.5",
                                        "-0.05",
                                        "2024-05-01",
                                        "2024-05-01T10:30:00Z",
                                        "2024-05-01T10:30:00.000Z",
                                        "2024-05-01T12:30:00+02:00"};
    static const int64_t ints[] = {0,
                                   1,
                                   -1,
                                   2,
                                   10,
                                   100,
                                   -100,
                                   INT64_MAX,
                                   INT64_MIN,
                                   1234567,
                                   86400000,
                                   INT64_C(1714559400001),
                                   INT64_C(9007199254740993)};
    static const double floats[] = {0.5, -1.5, 1.0, 0.0, -0.0, 1e300, 1e-300};
    static const char *const pair[] = {"a", "b"};
    static const char *const empty[] = {"a", ""};
    static const uint8_t odd[][4] = {
        {0x81, 0x01},        /* [1] */
        {0x81, 0xf6},        /* [null] */
        {0x81, 0x80},        /* [[]] */
        {0xa0},              /* {} */
        {0xa1, 0x61, 'a', 1} /* {"a": 1} */
    };
    static const size_t odd_len[] = {2, 2, 2, 1, 4};
    static const uint8_t bools[] = {0xf5, 0xf4};

    for (size_t i = 0; i < COVE_ARRAY_LEN(texts); i++) {
        law_text(v, cove_bytes_text(texts[i]));
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(ints); i++) {
        law_int(v, ints[i]);
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(floats); i++) {
        law_float(v, floats[i]);
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(bools); i++) {
        law_item(v, cove_bytes(&bools[i], 1));
    }
    law_list(v, pair, 0);
    law_list(v, pair, 1);
    law_list(v, pair, 2);
    law_list(v, empty, 2);
    for (size_t i = 0; i < COVE_ARRAY_LEN(odd_len); i++) {
        law_item(v, cove_bytes(odd[i], odd_len[i]));
    }
}

/* A text of up to 15 characters of those that conversions look at. */
static void values_random_text(struct law_values *v)
{
    static const char *const chars[] = {"a", "b",  "Z", "Q", "0", "7", " ",
                                        "-", ",",  "<", ">", "@", "/", "é",
                                        "ß", "\t", ";", "_", "x", "1"};
    char text[64];
    size_t count = law_random(v) % 16, len = 0;

    for (size_t i = 0; i < count; i++) {
        struct cove_bytes c =
            cove_bytes_text(chars[law_random(v) % COVE_ARRAY_LEN(chars)]);

        memcpy(text + len, c.at, c.len);
        len += c.len;
    }
    law_text(v, cove_bytes(text, len));
}

static void values_random(struct law_values *v)
{
    for (size_t i = 0; i < LAW_RANDOM; i++) {
        uint64_t bits = law_random(v);
        const char *const texts[] = {bits & 1 ? "x" : "Y z",
                                     bits & 2 ? "7" : "é", "tail"};

        values_random_text(v);
        law_int(v,
                (int64_t)(law_random(v) >> (bits % 64)) * (bits & 4 ? 1 : -1));
        law_float(v, (double)(int64_t)law_random(v) / 1024);
        if (i % 8 == 0) {
            law_list(v, texts, 1 + bits % 3);
        }
    }
}

int cove_law_values_end(struct law_values *v)
{
    values_edges(v);
    values_random(v);
    return v->err;
}
