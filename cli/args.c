/* args.c: taking the words of a command line apart. Options may stand anywhere
 * behind the verb; "--" ends them. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void args_drop(struct cli_args *args, int at, int count)
{
    memmove(&args->words[at], &args->words[at + count],
            (size_t)(args->count - at - count) * sizeof(args->words[0]));
    args->count -= count;
}

/* Where the options end. */
static int args_options(const struct cli_args *args)
{
    if (args->ended) {
        return 0;
    }
    for (int i = 0; i < args->count; i++) {
        if (strcmp(args->words[i], "--") == 0) {
            return i;
        }
    }
    return args->count;
}

bool cli_flag(struct cli *cli, const char *name)
{
    for (int i = 0; i < args_options(&cli->args); i++) {
        if (strcmp(cli->args.words[i], name) == 0) {
            args_drop(&cli->args, i, 1);
            return true;
        }
    }
    return false;
}

const char *cli_option(struct cli *cli, const char *name, bool *bad)
{
    size_t len = strlen(name);

    for (int i = 0; i < args_options(&cli->args); i++) {
        const char *word = cli->args.words[i];

        if (strncmp(word, name, len) == 0 && word[len] == '=') {
            args_drop(&cli->args, i, 1);
            return word + len + 1;
        }
        if (strcmp(word, name) == 0) {
            if (i + 1 >= cli->args.count) {
                cli_fail(CLI_USAGE, "%s needs a value behind it", name);
                *bad = true;
                args_drop(&cli->args, i, 1);
                return NULL;
            }
            const char *value = cli->args.words[i + 1];

            args_drop(&cli->args, i, 2);
            return value;
        }
    }
    return NULL;
}

bool cli_option_number(struct cli *cli, const char *name, bool *bad,
                       json_int_t *out)
{
    const char *text = cli_option(cli, name, bad);
    char *end;

    if (text == NULL) {
        return false;
    }
    errno = 0;

    long long number = strtoll(text, &end, 10);

    if (errno != 0 || *end != '\0' || end == text || number < 0) {
        cli_fail(CLI_USAGE, "%s %s: a whole number from 0 is wanted", name,
                 text);
        *bad = true;
        return false;
    }
    *out = number;
    return true;
}

const char *cli_word(struct cli *cli)
{
    struct cli_args *args = &cli->args;

    if (args->count > 0 && !args->ended && strcmp(args->words[0], "--") == 0) {
        args_drop(args, 0, 1);
        args->ended = true;
    }
    if (args->count > 0 && !args->ended && args->words[0][0] == '-' &&
        args->words[0][1] != '\0') {
        return NULL; /* an option nobody took: cli_end names it */
    }
    if (args->count == 0) {
        return NULL;
    }
    const char *word = args->words[0];

    args_drop(args, 0, 1);
    return word;
}

int cli_end(struct cli *cli, bool bad)
{
    if (cli->args.count > 0) {
        return cli_fail(CLI_USAGE,
                        "\"%s\" is not expected here; `cove help %s` shows "
                        "what is",
                        cli->args.words[0], cli->verb);
    }
    return bad ? CLI_USAGE : CLI_OK;
}

void cli_schema_word(const char *word, json_t *request)
{
    const char *at = strrchr(word, '@');

    if (at == NULL) {
        json_object_set_new(request, "schema", json_string(word));
        return;
    }
    json_object_set_new(request, "schema",
                        json_stringn(word, (size_t)(at - word)));
    json_object_set_new(request, "version", json_string(at + 1));
}

json_t *cli_comma_list(const char *words)
{
    json_t *list = json_array();

    while (*words != '\0') {
        size_t len = strcspn(words, ",");

        json_array_append_new(list, json_stringn(words, len));
        words += len + (words[len] == ',');
    }
    return list;
}

int cli_sub_run(struct cli *cli, const struct cli_sub *subs)
{
    const char *word = cli_word(cli);
    char names[256] = "";
    size_t len = 0;

    for (const struct cli_sub *s = subs; s->name != NULL; s++) {
        if (word != NULL && strcmp(word, s->name) == 0) {
            return s->run(cli);
        }
        int n = snprintf(names + len, sizeof(names) - len, "%s%s",
                         len == 0 ? "" : ", ", s->name);

        len += n > 0 && (size_t)n < sizeof(names) - len ? (size_t)n : 0;
    }
    return cli_fail(CLI_USAGE, "%s needs one of: %s; `cove help %s` says more",
                    cli->verb, names, cli->verb);
}
