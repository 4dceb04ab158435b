/* What a script may not use is told by its tokens, before Lua sees it: `^` is
 * libm's pow, which differs between machines; `...` fills the stack at a stroke
 * and hides an input; `#` is the length of a table with holes, which depends on
 * how the table was laid out, and of a text in bytes.
 *
 * The reader below has to know where texts and comments end, as Lua does, and
 * nothing else: whatever is no Lua is refused by Lua. */
#include "schema/script.h"

#include "core/utf8.h"

struct judge {
    const uint8_t *at;
    const uint8_t *end;
    unsigned line;
};

static bool judge_is(const struct judge *j, size_t ahead, uint8_t c)
{
    return (size_t)(j->end - j->at) > ahead && j->at[ahead] == c;
}

static void judge_step(struct judge *j)
{
    uint8_t c = *j->at++;

    if (c == '\r' || c == '\n') {
        /* CR LF and LF CR are one end of line. */
        if (j->at < j->end && (*j->at == '\r' || *j->at == '\n') &&
            *j->at != c) {
            j->at++;
        }
        j->line++;
    }
}

/* At '[': the number of '=' of a long bracket, -1 where it is none. */
static long judge_level(const struct judge *j)
{
    size_t n = 1;

    while (judge_is(j, n, '=')) {
        n++;
    }
    return judge_is(j, n, '[') ? (long)n - 1 : -1;
}

static void judge_long(struct judge *j, size_t level)
{
    j->at += level + 2;
    while (j->at < j->end) {
        size_t n = 1;

        while (judge_is(j, 0, ']') && judge_is(j, n, '=')) {
            n++;
        }
        if (judge_is(j, 0, ']') && n == level + 1 && judge_is(j, n, ']')) {
            j->at += level + 2;
            return;
        }
        judge_step(j);
    }
}

static void judge_comment(struct judge *j)
{
    long level;

    j->at += 2;
    level = judge_is(j, 0, '[') ? judge_level(j) : -1;
    if (level >= 0) {
        judge_long(j, (size_t)level);
        return;
    }
    while (j->at < j->end && *j->at != '\n' && *j->at != '\r') {
        j->at++;
    }
}

static void judge_quoted(struct judge *j)
{
    uint8_t quote = *j->at++;

    while (j->at < j->end && *j->at != quote) {
        /* An end of line ends it, wrongly; Lua says so. */
        if (*j->at == '\n' || *j->at == '\r') {
            return;
        }
        if (*j->at == '\\' && judge_is(j, 1, 'z')) {
            j->at += 2; /* what is blank is skipped, ends of lines too */
            while (j->at < j->end &&
                   (*j->at == ' ' || (*j->at >= '\t' && *j->at <= '\r'))) {
                judge_step(j);
            }
            continue;
        }
        if (*j->at == '\\' && j->at + 1 < j->end) {
            j->at++;
        }
        judge_step(j);
    }
    j->at += j->at < j->end;
}

static bool judge_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool judge_word(uint8_t c)
{
    return judge_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '_';
}

/* As Lua takes a number: dots and letters belong to it, right or not. */
static void judge_number(struct judge *j)
{
    bool hex =
        judge_is(j, 0, '0') && (judge_is(j, 1, 'x') || judge_is(j, 1, 'X'));

    while (j->at < j->end && (judge_word(*j->at) || *j->at == '.')) {
        uint8_t c = *j->at++ | 0x20;

        if (c == (hex ? 'p' : 'e') &&
            (judge_is(j, 0, '+') || judge_is(j, 0, '-'))) {
            j->at++;
        }
    }
}

static int judge_operator(struct judge *j, struct cove_diag *diag)
{
    if (*j->at == '^') {
        return cove_fail(diag, COVE_ESTEP,
                         "line %u: a script has no `^`, whose results differ "
                         "between machines; multiply",
                         j->line);
    }
    if (*j->at == '#') {
        return cove_fail(diag, COVE_ESTEP,
                         "line %u: a script has no `#`, which is not the same "
                         "everywhere for a list with holes; write len(list), "
                         "text.len(text)",
                         j->line);
    }
    if (judge_is(j, 0, '.') && judge_is(j, 1, '.') && judge_is(j, 2, '.')) {
        return cove_fail(diag, COVE_ESTEP,
                         "line %u: a script has no `...`; name what a function "
                         "takes, its inputs are variables",
                         j->line);
    }
    judge_step(j);
    if (j->at[-1] == '.' && judge_is(j, 0, '.')) {
        j->at++; /* the second of two */
    }
    return 0;
}

static int judge_token(struct judge *j, struct cove_diag *diag)
{
    long level = *j->at == '[' ? judge_level(j) : -1;

    if (judge_is(j, 0, '-') && judge_is(j, 1, '-')) {
        judge_comment(j);
    } else if (level >= 0) {
        judge_long(j, (size_t)level);
    } else if (*j->at == '"' || *j->at == '\'') {
        judge_quoted(j);
    } else if (judge_digit(*j->at) ||
               (*j->at == '.' && j->at + 1 < j->end && judge_digit(j->at[1]))) {
        judge_number(j);
    } else if (judge_word(*j->at)) {
        while (j->at < j->end && judge_word(*j->at)) {
            j->at++;
        }
    } else {
        return judge_operator(j, diag);
    }
    return 0;
}

int cove_script_judge(struct cove_bytes source, struct cove_diag *diag)
{
    struct judge j = {source.at, source.at, 1};
    int err = 0;

    if (source.len == 0 || source.len > COVE_SCRIPT_SOURCE) {
        return cove_fail(diag, COVE_ESTEP,
                         "a script has 1 to %d bytes, not %zu",
                         COVE_SCRIPT_SOURCE, source.len);
    }
    if (!cove_utf8_valid(source)) {
        return cove_fail(diag, COVE_ESTEP, "the script is not UTF-8");
    }
    j.end = source.at + source.len; /* which is somewhere, being some bytes */
    while (err == 0 && j.at < j.end) {
        err = judge_token(&j, diag);
    }
    return err;
}
