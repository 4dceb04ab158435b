/* json_quick.c: see json_quick.h.
 *
 * No tree is made and nothing is allocated but the output. What stands in an
 * object is written as it comes, each member's place noted, and put into the
 * order of CBOR at its end where it was in another. This reader judges nothing:
 * what it does not know well it leaves to the other one, which says what is
 * wrong with it.
 */
#include "core/json_quick.h"

#include "core/cbor.h"
#include "core/utf8.h"

#define QUICK_DEPTH   8
#define QUICK_MEMBERS 23 /* a map or list whose head is one byte */
#define QUICK_DIGITS  18 /* that fit an int64 */
#define QUICK_MAP     0xa0
#define QUICK_LIST    0x80

struct quick {
    const uint8_t *at;
    const uint8_t *end;
    struct cove_writer w;
};

struct quick_member {
    struct cove_bytes key; /* borrowed from the text */
    size_t at, len;        /* in the output, key and value */
};

static int quick_item(struct quick *q, unsigned depth);

/* The next character that is no space; 0 at the end. */
static uint8_t quick_peek(struct quick *q)
{
    while (q->at < q->end && (*q->at == ' ' || *q->at == '\n' ||
                              *q->at == '\t' || *q->at == '\r')) {
        q->at++;
    }
    return q->at < q->end ? *q->at : 0;
}

static bool quick_take(struct quick *q, uint8_t c)
{
    bool there = quick_peek(q) == c;

    q->at += there;
    return there;
}

static int quick_text(struct quick *q, struct cove_bytes *out)
{
    const uint8_t *from;
    uint8_t high = 0;

    if (!quick_take(q, '"')) {
        return COVE_ENOTFOUND;
    }
    for (from = q->at; q->at < q->end && *q->at != '"'; q->at++) {
        if (*q->at < ' ' || *q->at == '\\') {
            return COVE_ENOTFOUND;
        }
        high |= *q->at;
    }
    *out = cove_bytes(from, (size_t)(q->at - from));
    if (q->at == q->end || (high >= 0x80 && !cove_utf8_valid(*out))) {
        return COVE_ENOTFOUND;
    }
    q->at++;
    return 0;
}

static int quick_number(struct quick *q)
{
    bool minus = quick_take(q, '-');
    const uint8_t *from = q->at;
    int64_t v = 0;

    while (q->at < q->end && *q->at >= '0' && *q->at <= '9' &&
           q->at - from < QUICK_DIGITS) {
        v = v * 10 + (*q->at++ - '0');
    }
    if (q->at == from || (*from == '0' && (minus || q->at - from > 1)) ||
        (q->at < q->end && strchr("0123456789.eE", *q->at) != NULL)) {
        return COVE_ENOTFOUND;
    }
    cove_writer_int(&q->w, minus ? -v : v);
    return q->w.err;
}

static bool quick_word(struct quick *q, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(q->end - q->at) < len || memcmp(q->at, word, len) != 0) {
        return false;
    }
    q->at += len;
    return true;
}

static int quick_head(struct quick *q, size_t *at)
{
    static const uint8_t none = 0;

    *at = q->w.out->len;
    return cove_buf_append(q->w.out, cove_bytes(&none, 1));
}

static int quick_list(struct quick *q, unsigned depth)
{
    size_t count = 0;
    size_t head;
    int err = quick_head(q, &head);

    q->at++;
    if (err == 0 && quick_peek(q) != ']') {
        do {
            err = count++ == QUICK_MEMBERS ? COVE_ENOTFOUND
                                           : quick_item(q, depth);
        } while (err == 0 && quick_take(q, ','));
    }
    if (err == 0 && !quick_take(q, ']')) {
        err = COVE_ENOTFOUND;
    }
    if (err == 0) {
        q->w.out->at[head] = (uint8_t)(QUICK_LIST | count);
    }
    return err;
}

/* A name that begins with '$' may mean something else than itself. */
static int quick_member(struct quick *q, unsigned depth,
                        struct quick_member *out)
{
    int err = quick_text(q, &out->key);

    if (err == 0 && out->key.len > 0 && out->key.at[0] == '$') {
        err = COVE_ENOTFOUND;
    }
    if (err != 0) {
        return err;
    }
    out->at = q->w.out->len;
    cove_writer_text(&q->w, out->key);
    err = q->w.err != 0        ? q->w.err
          : quick_take(q, ':') ? quick_item(q, depth)
                               : COVE_ENOTFOUND;
    out->len = q->w.out->len - out->at;
    return err;
}

/* Put a member in its place among the ones before it; false where its name is
 * there already. */
static bool quick_place(struct quick_member *members, size_t count,
                        bool *ordered)
{
    struct quick_member last = members[count];
    size_t k = count;
    int order = -1;

    while (k > 0) {
        struct cove_bytes before = members[k - 1].key;

        order = before.len != last.key.len
                    ? (before.len < last.key.len ? -1 : 1)
                    : cove_bytes_compare(before, last.key);
        if (order <= 0) {
            break;
        }
        members[k] = members[k - 1];
        k--;
    }
    members[k] = last;
    *ordered = *ordered && k == count;
    return k == 0 || order != 0;
}

/* Write the members again, in order, behind what was written, and then over
 * it. */
static int quick_sort(struct quick *q, size_t begin,
                      const struct quick_member *members, size_t count)
{
    struct cove_buf *out = q->w.out;
    size_t len = out->len - begin;
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        err = cove_buf_append(
            out, cove_bytes(out->at + members[i].at, members[i].len));
    }
    if (err == 0) {
        memcpy(out->at + begin, out->at + begin + len, len);
        out->len = begin + len;
    }
    return err;
}

static int quick_map(struct quick *q, unsigned depth)
{
    struct quick_member members[QUICK_MEMBERS];
    bool ordered = true;
    size_t count = 0;
    size_t head;
    int err = quick_head(q, &head);

    q->at++;
    if (err == 0 && quick_peek(q) != '}') {
        do {
            err = count == QUICK_MEMBERS
                      ? COVE_ENOTFOUND
                      : quick_member(q, depth, &members[count]);
            if (err == 0 && !quick_place(members, count, &ordered)) {
                err = COVE_ENOTFOUND;
            }
            count++;
        } while (err == 0 && quick_take(q, ','));
    }
    if (err == 0 && !quick_take(q, '}')) {
        err = COVE_ENOTFOUND;
    }
    if (err == 0 && !ordered) {
        err = quick_sort(q, head + 1, members, count);
    }
    if (err == 0) {
        q->w.out->at[head] = (uint8_t)(QUICK_MAP | count);
    }
    return err;
}

/* `depth`: how many levels this item may have. */
static int quick_item(struct quick *q, unsigned depth)
{
    struct cove_bytes text;
    uint8_t c = quick_peek(q);
    int err = COVE_ENOTFOUND;

    if (c == '{' || c == '[') {
        if (depth > 0) {
            err = c == '{' ? quick_map(q, depth - 1) : quick_list(q, depth - 1);
        }
        return err;
    }
    if (c == '"') {
        err = quick_text(q, &text);
        if (err == 0) {
            cove_writer_text(&q->w, text);
        }
    } else if (quick_word(q, "null")) {
        cove_writer_null(&q->w);
        err = 0;
    } else if (c == 't' || c == 'f') {
        err = quick_word(q, c == 't' ? "true" : "false") ? 0 : COVE_ENOTFOUND;
        cove_writer_bool(&q->w, c == 't');
    } else {
        err = quick_number(q);
    }
    return err != 0 ? err : q->w.err;
}

int cove_json_quick(struct cove_bytes text, struct cove_buf *out)
{
    struct quick q = {.at = text.at, .end = text.at + text.len};
    size_t start = out->len;
    int err;

    if (text.len == 0) {
        return COVE_ENOTFOUND;
    }
    cove_writer_init(&q.w, out);
    err = quick_item(&q, QUICK_DEPTH);
    if (err == 0) {
        (void)quick_peek(&q);
        err = q.at == q.end ? 0 : COVE_ENOTFOUND;
    }
    if (err != 0) {
        out->len = start;
    }
    return err;
}
