/* verbs_diff.c: diff: a document at two points of its past.
 *
 * Each is written as lines: those of a text, or one for each field, item and
 * entry. So there is one way to compare, whatever the type.
 */
#include "cli/covalue.h"
#include "cli/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIFF_AROUND 3 /* lines that stand, shown around a change */

struct diff_view {
    bool colour;
    bool words, lines; /* which was asked for */
};

/* -------------------------------------------------------------- as lines */

static void lines_value(FILE *lines, const char *name, const json_t *value)
{
    fprintf(lines, "%s%s", name, name[0] != '\0' ? "  " : "");
    json_dumpf(value, lines, JSON_ENCODE_ANY | JSON_SORT_KEYS);
    fputc('\n', lines);
}

static void lines_members(FILE *lines, const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        lines_value(lines, name, value);
    }
}

static void lines_write(FILE *lines, const json_t *doc)
{
    static const char *const rows[] = {"value", "name", "mime",
                                       "bytes", "held", "hash"};
    json_t *item;
    size_t i;

    fputs(cli_text(doc, "text"), lines);
    lines_members(lines, json_object_get(doc, "fields"));
    if (json_object_get(doc, "items") == NULL) {
        lines_members(lines, json_object_get(doc, "invalid"));
    }
    json_array_foreach(json_object_get(doc, "items"), i, item)
    {
        lines_value(lines, "", item);
    }
    json_array_foreach(json_object_get(doc, "entries"), i, item)
    {
        lines_value(lines, "", json_object_get(item, "value"));
    }
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        item = json_object_get(doc, rows[i]);
        if (item != NULL && !json_is_null(item)) {
            lines_value(lines, rows[i], item);
        }
    }
}

/* What a document holds, freed by free(); NULL where memory is out. */
static char *lines_of(const json_t *doc)
{
    char *text = NULL;
    size_t len = 0;
    FILE *lines = open_memstream(&text, &len);

    if (lines == NULL) {
        return NULL;
    }
    lines_write(lines, doc);
    if (fclose(lines) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* ----------------------------------------------------------------- printing */

static void token_print(const struct cli_token *token)
{
    char *text = strndup(token->at, token->len);

    cli_print_text(text != NULL ? text : "");
    free(text);
}

static void line_print(const struct diff_view *v, char sign,
                       const struct cli_token *line)
{
    struct cli_token bare = *line;
    bool ends = bare.len > 0 && bare.at[bare.len - 1] == '\n';

    bare.len -= ends;
    if (v->colour && sign != ' ') {
        fputs(sign == '-' ? "\033[31m" : "\033[32m", stdout);
    }
    putchar(sign);
    token_print(&bare);
    fputs(v->colour && sign != ' ' ? "\033[m\n" : "\n", stdout);
}

/* Is a line that stands near one that does not? */
static bool line_near(const struct cli_tokens *a, size_t i,
                      const struct cli_tokens *b, size_t k)
{
    for (size_t d = 0; d <= DIFF_AROUND; d++) {
        if ((i + d < a->count && a->marks[i + d]) ||
            (k + d < b->count && b->marks[k + d]) ||
            (d < i && a->marks[i - 1 - d] && d < DIFF_AROUND) ||
            (d < k && b->marks[k - 1 - d] && d < DIFF_AROUND)) {
            return true;
        }
    }
    return false;
}

static void lines_print(const struct diff_view *v, const struct cli_tokens *a,
                        const struct cli_tokens *b)
{
    bool gap = false, any = false;

    for (size_t i = 0, k = 0; i < a->count || k < b->count;) {
        if (i < a->count && a->marks[i]) {
            line_print(v, '-', &a->row[i++]);
        } else if (k < b->count && b->marks[k]) {
            line_print(v, '+', &b->row[k++]);
        } else {
            bool near = line_near(a, i, b, k);

            if (near && gap && any) {
                puts("…");
            }
            if (near) {
                line_print(v, ' ', &a->row[i]);
            }
            gap = !near;
            any = any || near;
            i++;
            k++;
            continue;
        }
        any = true;
    }
}

/* [-gone-]{+came+}, or in colours; long stretches that stand are cut. */
static void words_mark(const struct diff_view *v, const struct cli_tokens *t,
                       size_t *at, bool gone)
{
    fputs(v->colour ? (gone ? "\033[31m" : "\033[32m")
          : gone    ? "[-"
                    : "{+",
          stdout);
    while (*at < t->count && t->marks[*at]) {
        if (t->row[*at].at[0] == '\n') {
            putchar('\n');
        } else {
            token_print(&t->row[*at]);
        }
        ++*at;
    }
    fputs(v->colour ? "\033[m" : gone ? "-]" : "+}", stdout);
}

static void words_print(const struct diff_view *v, const struct cli_tokens *a,
                        const struct cli_tokens *b)
{
    bool fresh = true;

    for (size_t i = 0, k = 0; i < a->count || k < b->count;) {
        if (i < a->count && a->marks[i]) {
            words_mark(v, a, &i, true);
        } else if (k < b->count && b->marks[k]) {
            words_mark(v, b, &k, false);
        } else {
            fresh = a->row[i].at[0] == '\n';
            if (fresh) {
                putchar('\n');
            } else {
                token_print(&a->row[i]);
            }
            i++;
            k++;
            continue;
        }
        fresh = false;
    }
    fputs(fresh ? "" : "\n", stdout);
}

static int diff_print(const struct diff_view *v, const char *before,
                      const char *after)
{
    struct cli_tokens a = {0}, b = {0};
    enum cli_grain grain = v->words ? CLI_WORDS : CLI_LINES;
    bool good = before != NULL && after != NULL &&
                cli_tokens_split(&a, before, grain) &&
                cli_tokens_split(&b, after, grain) && cli_diff(&a, &b);

    if (good && v->words) {
        words_print(v, &a, &b);
    } else if (good) {
        lines_print(v, &a, &b);
    }
    cli_tokens_clear(&a);
    cli_tokens_clear(&b);
    return good ? CLI_OK : cli_fail(CLI_ERROR, "out of memory");
}

/* --------------------------------------------------------------------- diff */

/* The document at a point; NULL: now. */
static int diff_point(struct cli *cli, const struct cli_target *t,
                      const char *point, json_t **out)
{
    json_t *request = cli_target_request(t, "get");

    json_object_set_new(request, "mode", json_string("view"));
    json_object_set_new(request, "entries", json_integer(-1));
    if (point != NULL) {
        json_object_set_new(request, "at", json_string(point));
    }
    return cli_call(cli, request, out);
}

/* What the library says differs, as JSON. */
static int diff_json(struct cli *cli, const struct cli_target *t,
                     const struct diff_view *v, const char *from,
                     const char *to, bool *changed)
{
    json_t *request = cli_target_request(t, "diff"), *reply = NULL;

    json_object_set_new(request, "from", json_string(from));
    if (to != NULL) {
        json_object_set_new(request, "to", json_string(to));
    }
    if (v->words || v->lines) {
        json_object_set_new(request, "grain",
                            json_string(v->words ? "words" : "lines"));
    }
    int code = cli_call(cli, request, &reply);

    if (code == CLI_OK) {
        *changed = json_array_size(json_object_get(reply, "changes")) > 0;
        cli_print_json(reply);
    }
    json_decref(reply);
    return code;
}

/* The same for people. */
static int diff_human(struct cli *cli, const struct cli_target *t,
                      const struct diff_view *v, const char *from,
                      const char *to, bool *changed)
{
    json_t *docs[2] = {NULL, NULL};
    int code = diff_point(cli, t, from, &docs[0]);

    code = code == CLI_OK ? diff_point(cli, t, to, &docs[1]) : code;
    if (code == CLI_OK) {
        char *before = lines_of(docs[0]), *after = lines_of(docs[1]);

        *changed =
            before != NULL && after != NULL && strcmp(before, after) != 0;
        if (*changed || before == NULL || after == NULL) {
            code = diff_print(v, before, after);
        }
        free(before);
        free(after);
    }
    json_decref(docs[0]);
    json_decref(docs[1]);
    return code;
}

int cli_diff_verb(struct cli *cli)
{
    struct diff_view view = {.words = cli_flag(cli, "--words"),
                             .lines = cli_flag(cli, "--lines")};
    bool bad = false, changed = false;
    bool exit_code = cli_flag(cli, "--exit-code");
    const char *no_colour = getenv("NO_COLOR");
    struct cli_target t;
    int code = cli_target_take(cli, &t, CLI_ANY_TYPE, &bad);

    view.colour =
        isatty(STDOUT_FILENO) && (no_colour == NULL || no_colour[0] == '\0');
    if (code != CLI_OK || bad) {
        return code != CLI_OK ? code : CLI_USAGE;
    }
    const char *from = cli_need(cli, "the point to compare from (a time, a "
                                     "mark, a branch)");
    const char *to = from != NULL ? cli_word(cli) : NULL;

    code = from != NULL ? cli_end(cli, bad) : CLI_USAGE;
    code = code == CLI_OK ? cli_target_begin(cli, &t, false) : code;
    code = code == CLI_OK ? cli_target_end(cli, &t, code) : code;
    if (code == CLI_OK) {
        code = cli->json || cli->lines
                   ? diff_json(cli, &t, &view, from, to, &changed)
                   : diff_human(cli, &t, &view, from, to, &changed);
    }
    return code == CLI_OK && changed && exit_code ? CLI_CONDITION : code;
}
