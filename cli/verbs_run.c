/* verbs_run.c: migrate log. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------------- log */

/* Is it said in the line's fixed part already? */
static bool log_said(const char *key)
{
    static const char *const fixed[] = {"time", "author", "owner",
                                        "what", "schema", "device"};

    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (strcmp(key, fixed[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void log_detail(const char *key, const json_t *value)
{
    putchar(' ');
    cli_print_text(key);
    putchar('=');
    if (strcmp(key, "step") == 0 || strcmp(key, "head") == 0) {
        char cut[17] = "";

        if (json_is_string(value)) {
            snprintf(cut, sizeof(cut), "%.16s", json_string_value(value));
        }
        cli_print_text(cut);
    } else {
        cli_print_value(value);
    }
}

static void human_log(const json_t *reply)
{
    json_t *e, *value;
    const char *key;
    size_t i;

    json_array_foreach(json_object_get(reply, "entries"), i, e)
    {
        cli_print_time(cli_int(e, "time"));
        printf("  %.16s  ", cli_text(e, "author"));
        cli_print_padded(cli_text(e, "what"), 8);
        putchar(' ');
        cli_print_text(cli_text(e, "schema"));
        json_object_foreach(e, key, value)
        {
            if (!log_said(key)) {
                log_detail(key, value);
            }
        }
        putchar('\n');
    }
}

int cli_migrate_log(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "activity");
    bool bad = false;
    json_int_t limit;

    if (cli_option_number(cli, "--limit", &bad, &limit)) {
        json_object_set_new(request, "limit", json_integer(limit));
    }
    const char *name = cli_word(cli);
    int code = cli_end(cli, bad);

    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    if (name != NULL) {
        json_object_set_new(request, "schema", json_string(name));
    }
    return cli_answer(cli, request, human_log);
}
