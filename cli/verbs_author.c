/* verbs_author.c: schema diff. */
#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* -------------------------------------------------------------------- files */

static bool path_is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int schema_file(const struct dirent *entry)
{
    static const char end[] = ".schema.json";
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > sizeof(end) - 1 &&
           strcmp(entry->d_name + len - (sizeof(end) - 1), end) == 0;
}

/* The texts of all schema files in a directory, as a member of the request. */
static int dir_member(json_t *request, const char *key, const char *path)
{
    json_t *texts = json_array();
    struct dirent **names = NULL;
    int count = scandir(path, &names, schema_file, alphasort);
    int code = count < 0 ? cli_fail(CLI_ERROR, "%s: %s", path, strerror(errno))
                         : CLI_OK;

    for (int i = 0; i < count; i++) {
        char *file = NULL, *text = NULL;

        if (code == CLI_OK &&
            asprintf(&file, "%s/%s", path, names[i]->d_name) < 0) {
            file = NULL;
            code = cli_fail(CLI_ERROR, "out of memory");
        }
        if (code == CLI_OK) {
            code = cli_read_schema(file, &text);
        }
        if (code == CLI_OK &&
            json_array_append_new(texts, json_pack("{s:s s:s}", "file", file,
                                                   "text", text)) != 0) {
            code = cli_fail(CLI_INVALID, "%s: not valid UTF-8", file);
        }
        free(text);
        free(file);
        free(names[i]);
    }
    free(names);
    if (code == CLI_OK && json_array_size(texts) == 0) {
        code = cli_fail(CLI_NOT_FOUND, "%s: has no *.schema.json", path);
    }
    json_object_set_new(request, key, texts);
    return code;
}

/* A file, or a schema of the store as NAME@VERSION. */
static int schema_member(json_t *request, const char *key, const char *file_key,
                         const char *word)
{
    struct stat st;

    if (stat(word, &st) != 0 && strchr(word, '@') != NULL) {
        json_object_set_new(request, key, json_string(word));
        return CLI_OK;
    }
    json_object_set_new(request, file_key, json_string(word));
    return cli_schema_member(request, key, word);
}

/* ----------------------------------------------------------------- printing */

static void human_words(const char *what, const json_t *words)
{
    json_t *word;
    size_t i;

    json_array_foreach(words, i, word)
    {
        char *text = json_dumps(word, JSON_ENCODE_ANY);

        printf("  %-5s ", i == 0 ? what : "");
        cli_print_text(text != NULL ? text : "(out of memory)");
        putchar('\n');
        free(text);
    }
}

/* "LOSSY forward" */
static const char *human_class(const json_t *change, char out[32])
{
    snprintf(out, 32, "%s%s%s", cli_text(change, "class"),
             cli_text(change, "lossy")[0] != '\0' ? " " : "",
             cli_text(change, "lossy"));
    return out;
}

static void human_pair(const json_t *pair)
{
    const json_t *changes = json_object_get(pair, "changes");
    const json_t *from = json_object_get(pair, "from");
    const json_t *to = json_object_get(pair, "to");
    json_t *change;
    char class[32];
    size_t i;

    cli_print_text(cli_text(pair, "schema"));
    if (from != NULL && to != NULL &&
        json_integer_value(from) != json_integer_value(to)) {
        printf(" %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT,
               json_integer_value(from), json_integer_value(to));
    }
    if (json_array_size(changes) == 0) {
        puts(": no change that documents can notice");
        return;
    }
    printf(": %s, %s\n", cli_text(pair, "class"), cli_text(pair, "compat"));
    if (from != NULL && to != NULL &&
        strcmp(cli_text(json_array_get(changes, 0), "kind"),
               "schema-renamed") != 0 &&
        json_integer_value(to) <= json_integer_value(from)) {
        printf("  the new one says version %" JSON_INTEGER_FORMAT
               ": a change needs a greater one than %" JSON_INTEGER_FORMAT "\n",
               json_integer_value(to), json_integer_value(from));
    }
    json_array_foreach(changes, i, change)
    {
        printf("  %-14s %-13s %-8s ", cli_text(change, "kind"),
               human_class(change, class), cli_text(change, "compat"));
        cli_print_text(cli_text(change, "text"));
        putchar('\n');
    }
    human_words("steps", json_object_get(pair, "words"));
    human_words("down", json_object_get(pair, "down"));
}

static bool pair_changed(const json_t *pair)
{
    return json_array_size(json_object_get(pair, "changes")) > 0;
}

void cli_human_diff(const json_t *reply)
{
    const json_t *pairs = json_object_get(reply, "schemas");
    json_t *pair;
    size_t i;

    if (pairs == NULL) {
        human_pair(reply);
    }
    json_array_foreach(pairs, i, pair)
    {
        human_pair(pair);
    }
}

bool cli_diff_changed(const json_t *reply)
{
    const json_t *pairs = json_object_get(reply, "schemas");
    json_t *pair;
    size_t i;

    json_array_foreach(pairs, i, pair)
    {
        if (pair_changed(pair)) {
            return true;
        }
    }
    return pairs == NULL && pair_changed(reply);
}

/* ------------------------------------------------------------- schema diff */

/* One word: against the store. Two: the first is before. */
static int diff_request(json_t *request, const char *first, const char *second)
{
    const char *after = second != NULL ? second : first;
    int code;

    if (first == NULL) {
        return cli_fail(CLI_USAGE,
                        "schema diff needs a schema file, or two, or a "
                        "directory; `cove help schema` says more");
    }
    if (second != NULL && path_is_dir(first) != path_is_dir(second)) {
        return cli_fail(CLI_USAGE,
                        "schema diff compares two files or two directories, "
                        "not one with the other");
    }
    if (!path_is_dir(after)) {
        code = schema_member(request, "after", "afterFile", after);
        return code != CLI_OK || second == NULL
                   ? code
                   : schema_member(request, "before", "beforeFile", first);
    }
    code = dir_member(request, "afterSet", after);
    return code != CLI_OK || second == NULL
               ? code
               : dir_member(request, "beforeSet", first);
}

int cli_schema_diff(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "schema.diff");
    json_t *reply = NULL;
    int code;
    json_t *answers = cli_answers(cli, &code);
    bool exits = cli_flag(cli, "--exit-code");
    const char *first = cli_word(cli);
    const char *second = first != NULL ? cli_word(cli) : NULL;

    if (code == CLI_OK) {
        code = cli_end(cli, false);
    }
    if (code == CLI_OK) {
        code = diff_request(request, first, second);
    }
    if (code != CLI_OK) {
        json_decref(answers);
        json_decref(request);
        return code;
    }
    json_object_set_new(request, "answers", answers);
    code = cli_resolve(cli, request, &reply);
    if (reply != NULL && cli->json) {
        cli_print_json(reply);
    } else if (reply != NULL && !cli->quiet) {
        cli_human_diff(reply);
    }
    if (code == CLI_OK && exits && cli_diff_changed(reply)) {
        code = CLI_CONDITION;
    }
    json_decref(reply);
    return code;
}
