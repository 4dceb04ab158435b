/* ecma.c: see ecma.h. One pass from left to right, without recursion: a stack
 * holds what kind of group is open. Source: ECMA-262, section 22.2.1. */
#include "schema/ecma.h"

#include <stdio.h>
#include <stdlib.h>

enum group { GROUP_PLAIN, GROUP_LOOK };

struct ecma {
    struct cove_bytes text;
    size_t at;
    struct cove_buf *out;
    struct cove_diag *diag;
    int err;
    unsigned groups; /* that capture, in all of the text */
    struct cove_bytes names[COVE_ECMA_NAMES]; /* "" where a group has none */
    unsigned name_groups[COVE_ECMA_NAMES];
    unsigned name_count;
    unsigned char stack[COVE_ECMA_NEST];
    unsigned depth;
    bool repeats; /* what stands before may be repeated */
};

static void wrong(struct ecma *e, const char *what)
{
    size_t place = 0;

    for (size_t i = 0; i < e->at && i < e->text.len; i++) {
        place += (e->text.at[i] & 0xc0) != 0x80;
    }
    if (e->err == 0) {
        e->err = cove_fail(e->diag, COVE_EFORMAT,
                           "no regular expression of ECMA-262: %s, behind "
                           "character %zu",
                           what, place);
    }
}

static void emit(struct ecma *e, const char *text)
{
    if (e->err == 0 && e->out != NULL) {
        e->err = cove_buf_append(e->out, cove_bytes_text(text));
    }
}

static void emit_code(struct ecma *e, uint32_t code)
{
    char text[16];

    snprintf(text, sizeof text, "\\x{%x}", (unsigned)code);
    emit(e, text);
}

static int peek(const struct ecma *e)
{
    return e->at < e->text.len ? e->text.at[e->at] : -1;
}

static bool take(struct ecma *e, const char *word)
{
    size_t len = strlen(word);

    if (e->text.len - e->at < len ||
        memcmp(e->text.at + e->at, word, len) != 0) {
        return false;
    }
    e->at += len;
    return true;
}

/* The next code point of the text, which is good UTF-8 and not at its end. */
static uint32_t take_code(struct ecma *e)
{
    uint8_t first = e->text.at[e->at++];
    uint32_t code = first < 0x80   ? first
                    : first < 0xe0 ? first & 0x1fU
                    : first < 0xf0 ? first & 0x0fU
                                   : first & 0x07U;

    while (e->at < e->text.len && (e->text.at[e->at] & 0xc0) == 0x80) {
        code = code << 6 | (e->text.at[e->at++] & 0x3fU);
    }
    return code;
}

static int hex_of(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool take_hex(struct ecma *e, unsigned digits, uint32_t *out)
{
    uint32_t code = 0;

    for (unsigned i = 0; i < digits; i++) {
        int digit = hex_of(peek(e));

        if (digit < 0) {
            return false;
        }
        code = code * 16 + (uint32_t)digit;
        e->at++;
    }
    *out = code;
    return true;
}

/* --- groups are counted before they are read ---------------------------- */

static bool is_name(uint8_t c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '$' || c >= 0x80 || (!first && c >= '0' && c <= '9');
}

/* A name up to '>', which is taken as well; empty where there is none. */
static struct cove_bytes take_name(struct ecma *e)
{
    size_t begin = e->at;

    while (e->at < e->text.len && is_name(e->text.at[e->at], e->at == begin)) {
        e->at++;
    }

    struct cove_bytes name = cove_bytes(e->text.at + begin, e->at - begin);

    return take(e, ">") ? name : cove_bytes(NULL, 0);
}

static unsigned name_find(const struct ecma *e, struct cove_bytes name)
{
    for (unsigned i = 0; i < e->name_count; i++) {
        if (cove_bytes_equal(e->names[i], name)) {
            return e->name_groups[i];
        }
    }
    return 0;
}

static void name_add(struct ecma *e)
{
    struct cove_bytes name = take_name(e);

    if (name.len == 0) {
        wrong(e, "a group without a right name");
    } else if (name_find(e, name) != 0) {
        wrong(e, "two groups of one name");
    } else if (e->name_count == COVE_ECMA_NAMES) {
        wrong(e, "more named groups than 64");
    } else {
        e->names[e->name_count] = name;
        e->name_groups[e->name_count++] = e->groups;
    }
}

static void groups_count(struct ecma *e)
{
    bool class = false;

    while (e->at < e->text.len && e->err == 0) {
        uint8_t c = e->text.at[e->at++];

        if (c == '\\') {
            e->at++;
        } else if (c == '[' || c == ']') {
            class = c == '[';
        } else if (c == '(' && !class) {
            if (peek(e) != '?') {
                e->groups++;
            } else if (take(e, "?<") && peek(e) != '=' && peek(e) != '!') {
                e->groups++;
                name_add(e);
            }
        }
    }
    e->at = 0;
}

/* --- escapes ------------------------------------------------------------ */

#define SPACES                                                                 \
    "\\x09-\\x0d\\x20\\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}"      \
    "\\x{202f}\\x{205f}\\x{3000}\\x{feff}"
#define NO_SPACES                                                              \
    "\\x00-\\x08\\x0e-\\x1f\\x21-\\x9f\\xa1-\\x{167f}\\x{1681}-\\x{1fff}"      \
    "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}"                \
    "\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}"

static void property(struct ecma *e, bool no)
{
    char name[COVE_ECMA_PROPERTY_MAX];
    char text[COVE_ECMA_PROPERTY_MAX + 8];
    size_t begin = e->at + 1;
    bool negated;

    if (!take(e, "{")) {
        wrong(e, "\\p without {…}");
        return;
    }
    while (e->at < e->text.len &&
           (is_name(e->text.at[e->at], false) || e->text.at[e->at] == '=')) {
        e->at++;
    }
    if (!cove_ecma_property(cove_bytes(e->text.at + begin, e->at - begin), name,
                            &negated) ||
        !take(e, "}")) {
        wrong(e, "\\p of no known property");
        return;
    }
    snprintf(text, sizeof text, "\\%c{%s}", no != negated ? 'P' : 'p', name);
    emit(e, text);
}

/* A set of characters behind a backslash: \d, \s, \p{…}; false of others. */
static bool escape_set(struct ecma *e, bool class)
{
    char text[3] = {'\\', (char)peek(e), '\0'};

    switch (peek(e)) {
    case 'd':
    case 'D':
    case 'w':
    case 'W':
        e->at++;
        emit(e, text);
        return true;
    case 's':
        e->at++;
        emit(e, class ? SPACES : "[" SPACES "]");
        return true;
    case 'S':
        e->at++;
        emit(e, class ? NO_SPACES : "[^" SPACES "]");
        return true;
    case 'p':
    case 'P':
        e->at++;
        property(e, text[1] == 'P');
        return true;
    default:
        return false;
    }
}

/* Behind \u: four digits, two times four that are one character, or {…}. */
static uint32_t escape_unicode(struct ecma *e)
{
    uint32_t code = 0;
    uint32_t low = 0;

    if (take(e, "{")) {
        size_t digits = 0;

        for (; hex_of(peek(e)) >= 0 && code <= 0x10ffff; digits++) {
            code = code * 16 + (uint32_t)hex_of(peek(e));
            e->at++;
        }
        if (digits == 0 || code > 0x10ffff || !take(e, "}")) {
            wrong(e, "\\u{…} of no character");
        }
        return code;
    }
    if (!take_hex(e, 4, &code)) {
        wrong(e, "\\u without four digits");
        return 0;
    }
    if (code >= 0xd800 && code < 0xdc00) {
        size_t back = e->at;

        if (take(e, "\\u") && take_hex(e, 4, &low) && low >= 0xdc00 &&
            low < 0xe000) {
            return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        e->at = back;
    }
    return code;
}

/* One character behind a backslash. */
static uint32_t escape_code(struct ecma *e, bool class)
{
    static const char controls[] = "f\fn\nr\rt\tv\v";
    uint32_t code = e->at < e->text.len ? take_code(e) : 0;
    const char *control =
        code != 0 && code < 0x80 ? strchr("fnrtv", (int)code) : NULL;
    int next = peek(e);

    if (control != NULL) {
        return (uint32_t)strchr(controls, (int)code)[1];
    }
    if (code == '0' && !(next >= '0' && next <= '9')) {
        return 0;
    }
    if (code == 'c' &&
        ((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z'))) {
        e->at++;
        return (uint32_t)next % 32;
    }
    if (code == 'x') {
        if (!take_hex(e, 2, &code)) {
            wrong(e, "\\x without two digits");
        }
        return code;
    }
    if (code == 'u') {
        return escape_unicode(e);
    }
    if (code == 'b' && class) {
        return 8;
    }
    if (code < 0x20 || code >= 0x7f || is_name((uint8_t)code, false)) {
        if (code != '_' && code != '$') {
            wrong(e, "a backslash with a meaning that is not known");
        }
    }
    return code;
}

/* \1 and \k<name>; false of others. */
static bool escape_back(struct ecma *e)
{
    char text[24];
    unsigned long group = 0;

    if (take(e, "k")) {
        group = take(e, "<") ? name_find(e, take_name(e)) : 0;
    } else if (peek(e) >= '1' && peek(e) <= '9') {
        for (; peek(e) >= '0' && peek(e) <= '9' && group < 100000; e->at++) {
            group = group * 10 + (unsigned long)(peek(e) - '0');
        }
    } else {
        return false;
    }
    if (group == 0 || group > e->groups) {
        wrong(e, "a reference to a group that is not there");
    }
    snprintf(text, sizeof text, "\\g{%lu}", group);
    emit(e, text);
    return true;
}

static void escape(struct ecma *e)
{
    e->repeats = true;
    if (take(e, "b") || take(e, "B")) {
        emit(e, e->text.at[e->at - 1] == 'b' ? "\\b" : "\\B");
        e->repeats = false;
    } else if (!escape_set(e, false) && !escape_back(e)) {
        emit_code(e, escape_code(e, false));
    }
}

/* --- classes ------------------------------------------------------------ */

/* One side of a range; false where it is a set. */
static bool class_code(struct ecma *e, uint32_t *out)
{
    if (!take(e, "\\")) {
        *out = take_code(e);
        return true;
    }
    if (escape_set(e, true)) {
        return false;
    }
    *out = escape_code(e, true);
    return true;
}

static void class_item(struct ecma *e)
{
    uint32_t first;
    uint32_t last;
    bool single = class_code(e, &first);

    if (single) {
        emit_code(e, first);
    }
    if (peek(e) != '-' || e->at + 1 >= e->text.len ||
        e->text.at[e->at + 1] == ']') {
        return;
    }
    e->at++;
    emit(e, "-");
    if (!class_code(e, &last) || !single) {
        wrong(e, "a range in a class with a set at its end");
    } else if (last < first) {
        wrong(e, "a range in a class from a greater to a smaller character");
    } else {
        emit_code(e, last);
    }
}

static void class(struct ecma *e)
{
    bool no = take(e, "^");

    e->repeats = true;
    if (take(e, "]")) { /* nothing, or anything */
        emit(e, no ? "[\\x00-\\x{10ffff}]" : "(?!)");
        return;
    }
    emit(e, no ? "[^" : "[");
    while (e->err == 0 && peek(e) >= 0 && peek(e) != ']') {
        class_item(e);
    }
    if (e->err == 0 && !take(e, "]")) {
        wrong(e, "a class without its end");
    }
    emit(e, "]");
}

/* --- groups and repetitions --------------------------------------------- */

static void group_open(struct ecma *e)
{
    static const struct {
        const char *word;
        enum group kind;
    } kinds[] = {
        {"?:", GROUP_PLAIN}, {"?=", GROUP_LOOK},  {"?!", GROUP_LOOK},
        {"?<=", GROUP_LOOK}, {"?<!", GROUP_LOOK},
    };
    enum group kind = GROUP_PLAIN;

    emit(e, "(");
    if (peek(e) == '?') {
        size_t i = 0;

        while (i < COVE_ARRAY_LEN(kinds) && !take(e, kinds[i].word)) {
            i++;
        }
        if (i < COVE_ARRAY_LEN(kinds)) {
            kind = kinds[i].kind;
            emit(e, kinds[i].word);
        } else if (take(e, "?<")) {
            take_name(e); /* it has its number */
        } else {
            wrong(e, "(? with a meaning that is not known");
        }
    }
    if (e->depth == COVE_ECMA_NEST) {
        wrong(e, "groups nested too deep");
        return;
    }
    e->stack[e->depth++] = (unsigned char)kind;
    e->repeats = false;
}

static void group_close(struct ecma *e)
{
    if (e->depth == 0) {
        wrong(e, "a ) without its (");
        return;
    }
    emit(e, ")");
    e->repeats = e->stack[--e->depth] == GROUP_PLAIN;
}

static bool take_count(struct ecma *e, unsigned long *out)
{
    size_t begin = e->at;

    *out = 0;
    for (; peek(e) >= '0' && peek(e) <= '9'; e->at++) {
        *out =
            *out < 100000 ? *out * 10 + (unsigned long)(peek(e) - '0') : *out;
    }
    return e->at > begin;
}

/* Behind '{'. */
static void repeat_counts(struct ecma *e)
{
    unsigned long least = 0;
    unsigned long most = 0;
    char text[48];

    if (!take_count(e, &least)) {
        wrong(e, "a { without a count; write \\{ for the character");
        return;
    }
    if (take(e, "}")) {
        snprintf(text, sizeof text, "{%lu}", least);
    } else if (!take(e, ",")) {
        text[0] = '\0';
        wrong(e, "a { without its }");
    } else if (take(e, "}")) {
        snprintf(text, sizeof text, "{%lu,}", least);
    } else if (take_count(e, &most) && take(e, "}") && least <= most) {
        snprintf(text, sizeof text, "{%lu,%lu}", least, most);
    } else {
        text[0] = '\0';
        wrong(e, "counts of a repetition that are not in order");
    }
    emit(e, text);
}

static void repeat(struct ecma *e, uint8_t c)
{
    char text[2] = {(char)c, '\0'};

    if (!e->repeats) {
        wrong(e, "nothing to repeat");
        return;
    }
    e->repeats = false;
    if (c == '{') {
        repeat_counts(e);
    } else {
        emit(e, text);
    }
    if (take(e, "?")) {
        emit(e, "?");
    }
}

static void special(struct ecma *e, uint8_t c)
{
    switch (c) {
    case '\\':
        escape(e);
        return;
    case '[':
        class(e);
        return;
    case '(':
        group_open(e);
        return;
    case ')':
        group_close(e);
        return;
    case '.':
        emit(e, "[^\\n\\r\\x{2028}\\x{2029}]");
        e->repeats = true;
        return;
    case '^':
    case '$':
    case '|':
        emit(e, c == '^' ? "^" : c == '$' ? "\\z" : "|");
        e->repeats = false;
        return;
    case ']':
    case '}':
        wrong(e, "a ] or } without its beginning; write a backslash before it");
        return;
    default:
        repeat(e, c);
    }
}

int cove_ecma_translate(struct cove_bytes text, struct cove_buf *out,
                        struct cove_diag *diag)
{
    struct ecma e = {.text = text, .out = out, .diag = diag};
    size_t len = out != NULL ? out->len : 0;

    groups_count(&e);
    while (e.at < text.len && e.err == 0) {
        uint8_t c = text.at[e.at];

        if (c != '\0' && strchr("\\[().^$|]}*+?{", c) != NULL) {
            e.at++;
            special(&e, c);
        } else {
            emit_code(&e, take_code(&e));
            e.repeats = true;
        }
    }
    if (e.depth > 0) {
        wrong(&e, "a ( without its )");
    }
    if (e.err != 0 && out != NULL) {
        out->len = len;
    }
    return e.err;
}
