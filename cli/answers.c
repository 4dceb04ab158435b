/* answers.c: what the developer says of changes that files alone do not tell:
 * from options, from a file, and where somebody sits at a terminal by asking,
 * one open change after the other, until schema.diff has nothing to ask. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ options */

/* The member of the answers that is an object or a list; made where missing,
 * NULL where a file of answers has something else there: schema.diff says so,
 * and jansson puts nothing into NULL. */
static json_t *answers_part(json_t *answers, const char *key, bool list)
{
    json_t *part = json_object_get(answers, key);

    if (part == NULL) {
        part = list ? json_array() : json_object();
        if (json_object_set_new(answers, key, part) != 0) {
            return NULL;
        }
    }
    return part;
}

static void answer_list(json_t *answers, const char *key, const char *name)
{
    json_array_append_new(answers_part(answers, key, true), json_string(name));
}

/* "a=b" into {a: b}. */
static int answer_rename(json_t *answers, const char *word)
{
    const char *equals = strchr(word, '=');

    if (equals == NULL || equals == word || equals[1] == '\0') {
        return cli_fail(CLI_USAGE, "--rename %s: write OLD=NEW", word);
    }
    json_t *old = json_stringn(word, (size_t)(equals - word));

    if (old != NULL) {
        json_object_set_new(answers_part(answers, "rename", false),
                            json_string_value(old), json_string(equals + 1));
    }
    json_decref(old);
    return CLI_OK;
}

/* A value of an enum that is gone: what it became, or NULL. */
static void answer_choice(json_t *answers, const char *field, const char *old,
                          const char *new)
{
    json_t *fields = answers_part(answers, "enum", false);

    json_object_set_new(answers_part(fields, field, false), old,
                        new != NULL ? json_string(new) : json_null());
}

/* "field:old=new", "field:old=" for one that is dropped. */
static int answer_enum(json_t *answers, const char *word)
{
    char *copy = strdup(word);
    char *colon = copy != NULL ? strchr(copy, ':') : NULL;
    char *equals = colon != NULL ? strchr(colon, '=') : NULL;
    int code = CLI_OK;

    if (equals == NULL || colon == copy || equals == colon + 1) {
        code = cli_fail(CLI_USAGE,
                        "--enum %s: write FIELD:OLD=NEW, or FIELD:OLD= for a "
                        "value that is dropped",
                        word);
    } else {
        *colon++ = '\0';
        *equals++ = '\0';
        answer_choice(answers, copy, colon, *equals != '\0' ? equals : NULL);
    }
    free(copy);
    return code;
}

static int answers_file(json_t **answers, const char *path)
{
    json_error_t error;
    char *text;
    int code = cli_read_file(path, &text);

    if (code != CLI_OK) {
        return code;
    }
    json_t *read = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    free(text);
    if (!json_is_object(read)) {
        json_decref(read);
        return read == NULL
                   ? cli_fail(CLI_INVALID, "%s:%d:%d: %s", path, error.line,
                              error.column, error.text)
                   : cli_fail(CLI_INVALID, "%s: must be an object", path);
    }
    json_decref(*answers);
    *answers = read;
    return CLI_OK;
}

/* Every option of a name, each a text that `take` puts into the answers. */
static int answers_each(struct cli *cli, const char *option, json_t *answers,
                        int (*take)(json_t *answers, const char *word))
{
    const char *word;
    bool bad = false;
    int code = CLI_OK;

    while (code == CLI_OK && (word = cli_option(cli, option, &bad)) != NULL) {
        code = take(answers, word);
    }
    return bad ? CLI_USAGE : code;
}

static int answer_drop(json_t *answers, const char *word)
{
    answer_list(answers, "drop", word);
    return CLI_OK;
}

static int answer_hide(json_t *answers, const char *word)
{
    answer_list(answers, "hide", word);
    return CLI_OK;
}

static int answer_lossy(json_t *answers, const char *word)
{
    answer_list(answers, "lossy", word);
    return CLI_OK;
}

json_t *cli_answers(struct cli *cli, int *code)
{
    static const struct {
        const char *option;
        int (*take)(json_t *answers, const char *word);
    } options[] = {{"--rename", answer_rename},
                   {"--drop", answer_drop},
                   {"--hide", answer_hide},
                   {"--enum", answer_enum},
                   {"--lossy", answer_lossy}};
    json_t *answers = json_object();
    bool bad = false;
    const char *path = cli_option(cli, "--answers", &bad);

    cli->strict = cli_flag(cli, "--strict");
    *code = bad            ? CLI_USAGE
            : path == NULL ? CLI_OK
                           : answers_file(&answers, path);
    if (cli_flag(cli, "--accept-data-loss")) {
        json_object_set_new(answers, "acceptDataLoss", json_true());
    }
    for (size_t i = 0;
         *code == CLI_OK && i < sizeof(options) / sizeof(options[0]); i++) {
        *code = answers_each(cli, options[i].option, answers, options[i].take);
    }
    if (*code != CLI_OK) {
        json_decref(answers);
        return NULL;
    }
    return answers;
}

/* ------------------------------------------------------------------- asking */

/* A line of standard input without its end; false at the end of it. */
static bool ask_line(char *line, size_t size)
{
    if (fgets(line, (int)size, stdin) == NULL) {
        return false;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return true;
}

/* The name of a field in the answers: of which schema, where there are many. */
static char *ask_name(const json_t *pair, const json_t *change, bool many)
{
    const char *schema = cli_text(pair, "schema");
    const char *field = cli_text(change, "field");
    char *name = NULL;
    bool whole = field[0] == '\0'; /* the schema as a whole */

    if (asprintf(&name, "%s%s%s", many || whole ? schema : "",
                 many && !whole ? "." : "", field) < 0) {
        return NULL;
    }
    return name;
}

/* What may be said of a change, and how the answers say it. */
static void ask_show(const json_t *change, bool choice, bool whole)
{
    const json_t *maybe = json_object_get(change, "maybe");

    fprintf(stderr, "\n%s\n", cli_text(change, "text"));
    for (size_t i = 0; i < json_array_size(maybe); i++) {
        fprintf(stderr, "  %zu  it is called \"%s\" now\n", i + 1,
                json_string_value(json_array_get(maybe, i)));
    }
    fprintf(stderr, choice || whole
                        ? "  d  it is dropped\n"
                        : "  d  it is dropped, and its values go\n"
                          "  h  it is hidden, and its values are kept\n");
    fprintf(stderr, "Which? ");
    fflush(stderr);
}

/* Put what was typed into the answers; false where it is none of them. */
static bool ask_take(json_t *answers, const json_t *change, const char *name,
                     const char *line)
{
    const json_t *maybe = json_object_get(change, "maybe");
    const json_t *before = json_object_get(change, "before");
    bool choice = strcmp(cli_text(change, "kind"), "enum-removed") == 0;
    bool whole = cli_text(change, "field")[0] == '\0';
    char *end;
    unsigned long number = strtoul(line, &end, 10);
    char *old = json_is_string(before)
                    ? strdup(json_string_value(before))
                    : json_dumps(before, JSON_ENCODE_ANY | JSON_COMPACT);
    const char *new = NULL;
    bool taken = true;

    if (*end == '\0' && number >= 1 && number <= json_array_size(maybe)) {
        new = json_string_value(json_array_get(maybe, number - 1));
    }
    if (choice && old != NULL && (new != NULL || strcmp(line, "d") == 0)) {
        answer_choice(answers, name, old, new);
    } else if (!choice && new != NULL) {
        json_object_set_new(answers_part(answers, "rename", false), name,
                            json_string(new));
    } else if (!choice && strcmp(line, "d") == 0) {
        answer_list(answers, "drop", name);
        if (!whole) { /* said in so many words, of this field */
            json_object_set_new(answers, "acceptDataLoss", json_true());
        }
    } else if (!choice && !whole && strcmp(line, "h") == 0) {
        answer_list(answers, "hide", name);
    } else {
        taken = false;
    }
    free(old);
    return taken;
}

/* Ask about the first open change that can be answered here; false where there
 * is none, or nobody answers. */
static bool ask_pair(json_t *answers, const json_t *pair, bool many)
{
    json_t *change;
    size_t i;

    json_array_foreach(json_object_get(pair, "changes"), i, change)
    {
        bool choice = strcmp(cli_text(change, "kind"), "enum-removed") == 0;
        char line[64];

        if (json_array_size(json_object_get(change, "maybe")) == 0) {
            continue;
        }
        char *name = ask_name(pair, change, many);
        bool taken = false, read = name != NULL;

        while (read && !taken) {
            ask_show(change, choice, cli_text(change, "field")[0] == '\0');
            read = ask_line(line, sizeof(line));
            taken = read && ask_take(answers, change, name, line);
        }
        free(name);
        return taken;
    }
    return false;
}

static bool ask_any(json_t *answers, const json_t *reply)
{
    const json_t *pairs = json_object_get(reply, "schemas");
    json_t *pair;
    size_t i;

    if (pairs == NULL) {
        return ask_pair(answers, reply, false);
    }
    json_array_foreach(pairs, i, pair)
    {
        if (cli_int(pair, "ambiguous") > 0 && ask_pair(answers, pair, true)) {
            return true;
        }
    }
    return false;
}

/* ---------------------------------------------------------------- resolving */

/* Say what keeps the diff from being one. */
static void resolve_say(const json_t *pair, const char *what)
{
    json_t *change;
    size_t i;

    json_array_foreach(json_object_get(pair, "changes"), i, change)
    {
        if (json_is_true(json_object_get(change, what))) {
            cli_fail(CLI_ERROR, "%s", cli_text(change, "text"));
        }
    }
}

static void resolve_fail(const json_t *reply, const char *what)
{
    const json_t *pairs = json_object_get(reply, "schemas");
    json_t *pair;
    size_t i;

    if (pairs == NULL) {
        resolve_say(reply, what);
    }
    json_array_foreach(pairs, i, pair)
    {
        resolve_say(pair, what);
    }
}

int cli_resolve(struct cli *cli, json_t *request, json_t **reply)
{
    bool asks = !cli->strict && isatty(STDIN_FILENO);
    int code;

    *reply = NULL;
    if (json_object_get(request, "answers") == NULL) {
        json_object_set_new(request, "answers", json_object());
    }
    do {
        json_decref(*reply);
        *reply = NULL;
        code = cli_call(cli, json_incref(request), reply);
    } while (code == CLI_OK && asks && cli_int(*reply, "ambiguous") > 0 &&
             ask_any(json_object_get(request, "answers"), *reply));
    json_decref(request);
    if (code != CLI_OK) {
        return code;
    }
    if (cli_int(*reply, "ambiguous") > 0) {
        resolve_fail(*reply, "ambiguous");
        return CLI_DRIFT;
    }
    if (cli_int(*reply, "destructive") > 0) {
        resolve_fail(*reply, "destructive");
        return CLI_DESTRUCTIVE;
    }
    return CLI_OK;
}
