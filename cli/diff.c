/* diff.c: a shortest edit script by the greedy algorithm.
 *
 * The furthest place on each diagonal after d edits follows from those after
 * d - 1; all rows of places are kept, so that the way is found back from the
 * end. Beyond DIFF_MOST edits the rest counts as replaced: no one reads such a
 * diff, and the rows would be long.
 * Source: E. Myers, An O(ND) difference algorithm and its variations (1986).
 */
#include "cli/diff.h"

#include <stdlib.h>
#include <string.h>

#define DIFF_MOST 2000

/* ------------------------------------------------------------------- tokens */

static bool token_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Where the token that begins at `at`, before the end, ends. */
static size_t token_len(const char *at, enum cli_grain grain)
{
    size_t len = 1;

    switch (grain) {
    case CLI_LINES:
        len = strcspn(at, "\n");
        return len + (at[len] == '\n');
    case CLI_WORDS:
        if (token_space(at[0])) {
            return 1;
        }
        while (at[len] != '\0' && !token_space(at[len])) {
            len++;
        }
        return len;
    case CLI_CHARACTERS:
        while (((unsigned char)at[len] & 0xc0) == 0x80) {
            len++;
        }
        return len;
    }
    return len;
}

static bool tokens_room(struct cli_tokens *tokens, size_t count)
{
    memset(tokens, 0, sizeof(*tokens));
    tokens->row = calloc(count + 1, sizeof(*tokens->row));
    tokens->symbols = calloc(count + 1, sizeof(*tokens->symbols));
    tokens->marks = calloc(count + 1, sizeof(*tokens->marks));
    if (tokens->row == NULL || tokens->symbols == NULL ||
        tokens->marks == NULL) {
        cli_tokens_clear(tokens);
        return false;
    }
    return true;
}

bool cli_tokens_split(struct cli_tokens *tokens, const char *text,
                      enum cli_grain grain)
{
    size_t count = 0;

    for (const char *at = text; *at != '\0'; at += token_len(at, grain)) {
        count++;
    }
    if (!tokens_room(tokens, count)) {
        return false;
    }
    for (const char *at = text; *at != '\0';) {
        struct cli_token *t = &tokens->row[tokens->count++];

        t->at = at;
        t->len = token_len(at, grain);
        at += t->len;
    }
    return true;
}

bool cli_tokens_take(struct cli_tokens *tokens, char *const *texts,
                     size_t count)
{
    if (!tokens_room(tokens, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        tokens->row[i] =
            (struct cli_token){.at = texts[i], .len = strlen(texts[i])};
    }
    tokens->count = count;
    return true;
}

void cli_tokens_clear(struct cli_tokens *tokens)
{
    free(tokens->row);
    free(tokens->symbols);
    free(tokens->marks);
    memset(tokens, 0, sizeof(*tokens));
}

/* --------------------------------------------------------- equal tokens */

struct token_table { /* open addressing */
    const struct cli_token **slots;
    uint32_t *numbers;
    size_t mask;
    uint32_t count;
};

/* Source: G. Fowler, L. C. Noll, K.-P. Vo: FNV-1a. */
static size_t token_hash(const struct cli_token *t)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < t->len; i++) {
        hash = (hash ^ (unsigned char)t->at[i]) * 1099511628211u;
    }
    return (size_t)(hash ^ (hash >> 32));
}

static void table_number(struct token_table *table, struct cli_tokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++) {
        const struct cli_token *t = &tokens->row[i];
        size_t slot = token_hash(t) & table->mask;

        while (table->slots[slot] != NULL &&
               (table->slots[slot]->len != t->len ||
                memcmp(table->slots[slot]->at, t->at, t->len) != 0)) {
            slot = (slot + 1) & table->mask;
        }
        if (table->slots[slot] == NULL) {
            table->slots[slot] = t;
            table->numbers[slot] = table->count++;
        }
        tokens->symbols[i] = table->numbers[slot];
        tokens->marks[i] = false;
    }
}

/* Number the tokens of both. */
static bool tokens_number(struct cli_tokens *a, struct cli_tokens *b)
{
    struct token_table table = {.mask = 15};

    while (table.mask < 2 * (a->count + b->count)) {
        table.mask = table.mask * 2 + 1;
    }
    table.slots = calloc(table.mask + 1, sizeof(const struct cli_token *));
    table.numbers = calloc(table.mask + 1, sizeof(*table.numbers));
    bool good = table.slots != NULL && table.numbers != NULL;

    if (good) {
        table_number(&table, a);
        table_number(&table, b);
    }
    free(table.slots);
    free(table.numbers);
    return good;
}

/* --------------------------------------------------------------- the diff */

struct diff {
    const uint32_t *a, *b; /* behind what both begin with */
    bool *gone, *came;
    long n, m;
    long *rows[DIFF_MOST + 1]; /* after d edits: diagonals -d, -d+2, … d */
};

/* The furthest place on diagonal k, as a count of a, after d edits from those
 * after d - 1; *down: the last edit took a token of b. */
static long diff_step(const struct diff *f, long d, long k, bool *down)
{
    const long *before = f->rows[d - 1];
    long left = k > -d ? before[(k - 1 + d - 1) / 2] : -1;
    long right = k < d ? before[(k + 1 + d - 1) / 2] : -1;

    *down = k == -d || (k != d && left < right);
    return *down ? right : left + 1;
}

/* Mark the way back from the end, which d edits led to. */
static void diff_back(const struct diff *f, long d)
{
    long x = f->n, y = f->m;

    for (; d > 0; d--) {
        bool down;
        long k = x - y;
        long at = diff_step(f, d, k, &down);

        if (down) {
            x = at;
            y = at - k - 1;
            f->came[y] = true;
        } else {
            x = at - 1;
            y = at - k;
            f->gone[x] = true;
        }
    }
}

static bool diff_greedy(struct diff *f)
{
    for (long d = 0; d <= DIFF_MOST; d++) {
        f->rows[d] = calloc((size_t)d + 1, sizeof(long));
        if (f->rows[d] == NULL) {
            return false;
        }
        for (long k = -d; k <= d; k += 2) {
            bool down;
            long x = d == 0 ? 0 : diff_step(f, d, k, &down);

            while (x < f->n && x - k < f->m && x - k >= 0 &&
                   f->a[x] == f->b[x - k]) {
                x++;
            }
            f->rows[d][(k + d) / 2] = x;
            if (k == f->n - f->m && x >= f->n) {
                diff_back(f, d);
                return true;
            }
        }
    }
    memset(f->gone, true, (size_t)f->n);
    memset(f->came, true, (size_t)f->m);
    return true;
}

static bool diff_range(struct cli_tokens *a, size_t a_at, size_t a_len,
                       struct cli_tokens *b, size_t b_at, size_t b_len)
{
    const uint32_t *x = a->symbols + a_at, *y = b->symbols + b_at;
    size_t same = 0;

    while (same < a_len && same < b_len && x[same] == y[same]) {
        same++;
    }
    while (a_len > same && b_len > same && x[a_len - 1] == y[b_len - 1]) {
        a_len--;
        b_len--;
    }
    struct diff *f = calloc(1, sizeof(*f));

    if (f == NULL) {
        return false;
    }
    f->a = x + same;
    f->b = y + same;
    f->gone = a->marks + a_at + same;
    f->came = b->marks + b_at + same;
    f->n = (long)(a_len - same);
    f->m = (long)(b_len - same);
    bool good = diff_greedy(f);

    for (size_t d = 0; d <= DIFF_MOST; d++) {
        free(f->rows[d]);
    }
    free(f);
    return good;
}

bool cli_diff(struct cli_tokens *before, struct cli_tokens *after)
{
    return tokens_number(before, after) &&
           diff_range(before, 0, before->count, after, 0, after->count);
}

/* --------------------------------------- texts, by lines, then by characters
 */

/* How many characters the lines from `from` on have that are marked; moves
 * *from behind them. */
static size_t lines_changed(const struct cli_tokens *lines, size_t *from,
                            const struct cli_tokens *chars, size_t at)
{
    const char *end = NULL;
    size_t count = 0;

    for (; *from < lines->count && lines->marks[*from]; ++*from) {
        end = lines->row[*from].at + lines->row[*from].len;
    }
    while (end != NULL && at + count < chars->count &&
           chars->row[at + count].at < end) {
        count++;
    }
    return count;
}

/* Characters of a line that stands. */
static size_t line_chars(const struct cli_token *line,
                         const struct cli_tokens *chars, size_t at)
{
    size_t count = 0;

    while (at + count < chars->count &&
           chars->row[at + count].at < line->at + line->len) {
        count++;
    }
    return count;
}

static bool texts_refine(const struct cli_tokens *old, struct cli_tokens *b,
                         const struct cli_tokens *new, struct cli_tokens *a)
{
    size_t i = 0, k = 0, b_at = 0, a_at = 0;
    bool good = tokens_number(b, a);

    while (good && (i < old->count || k < new->count)) {
        size_t gone = lines_changed(old, &i, b, b_at);
        size_t came = lines_changed(new, &k, a, a_at);

        good = diff_range(b, b_at, gone, a, a_at, came);
        b_at += gone;
        a_at += came;
        if (i < old->count) { /* a line that both have */
            b_at += line_chars(&old->row[i++], b, b_at);
            a_at += line_chars(&new->row[k++], a, a_at);
        }
    }
    return good;
}

bool cli_diff_texts(const char *before, struct cli_tokens *b, const char *after,
                    struct cli_tokens *a)
{
    struct cli_tokens old = {0}, new = {0};

    memset(b, 0, sizeof(*b));
    memset(a, 0, sizeof(*a));
    bool good = cli_tokens_split(&old, before, CLI_LINES) &&
                cli_tokens_split(&new, after, CLI_LINES) &&
                cli_diff(&old, &new) &&
                cli_tokens_split(b, before, CLI_CHARACTERS) &&
                cli_tokens_split(a, after, CLI_CHARACTERS) &&
                texts_refine(&old, b, &new, a);

    cli_tokens_clear(&old);
    cli_tokens_clear(&new);
    if (!good) {
        cli_tokens_clear(b);
        cli_tokens_clear(a);
    }
    return good;
}

/* ------------------------------------------------------------------ merging */

void cli_merge(const struct cli_merge *merge,
               void (*emit)(void *ctx, const struct cli_token *token),
               void *ctx)
{
    size_t count = merge->mine_before->count, mine = 0, theirs = 0;

    for (size_t i = 0; i <= count; i++) {
        while (theirs < merge->theirs->count && merge->theirs->marks[theirs]) {
            emit(ctx, &merge->theirs->row[theirs++]);
        }
        while (mine < merge->mine->count && merge->mine->marks[mine]) {
            emit(ctx, &merge->mine->row[mine++]);
        }
        if (i == count) {
            break;
        }
        bool mine_gone = merge->mine_before->marks[i];
        bool theirs_gone = merge->theirs_before->marks[i];

        if (!mine_gone && !theirs_gone) {
            emit(ctx, &merge->theirs->row[theirs]);
        }
        mine += !mine_gone;
        theirs += !theirs_gone;
    }
}

static void merge_append(void *ctx, const struct cli_token *token)
{
    char **end = ctx;

    memcpy(*end, token->at, token->len);
    *end += token->len;
}

char *cli_merge_texts(const char *before, const char *mine, const char *theirs)
{
    struct cli_tokens mine_before = {0}, mine_after = {0};
    struct cli_tokens theirs_before = {0}, theirs_after = {0};
    char *out = malloc(strlen(mine) + strlen(theirs) + 1), *end = out;
    bool good = out != NULL &&
                cli_diff_texts(before, &mine_before, mine, &mine_after) &&
                cli_diff_texts(before, &theirs_before, theirs, &theirs_after);

    if (good) {
        struct cli_merge merge = {&mine_before, &mine_after, &theirs_before,
                                  &theirs_after};

        cli_merge(&merge, merge_append, &end);
        *end = '\0';
    } else {
        free(out);
        out = NULL;
    }
    cli_tokens_clear(&mine_before);
    cli_tokens_clear(&mine_after);
    cli_tokens_clear(&theirs_before);
    cli_tokens_clear(&theirs_after);
    return out;
}
