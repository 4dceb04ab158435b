/* verbs_once.c: migrate once. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void human_once(const json_t *reply)
{
    if (strcmp(cli_text(reply, "state"), "noop") == 0) {
        printf("noop: already run at ");
        cli_print_time(cli_int(reply, "time"));
        printf(" by %.16s\n", cli_text(reply, "author"));
        return;
    }
    printf("%s: %" JSON_INTEGER_FORMAT " documents, %" JSON_INTEGER_FORMAT
           " matched, %" JSON_INTEGER_FORMAT " changed, %" JSON_INTEGER_FORMAT
           " refused\n",
           cli_text(reply, "state"), cli_int(reply, "done"),
           cli_int(reply, "matched"), cli_int(reply, "changed"),
           cli_int(reply, "failed"));
    if (cli_text(reply, "error")[0] != '\0') {
        printf("the first that was refused: ");
        cli_print_text(cli_text(reply, "error"));
        putchar('\n');
    }
}

/* What a dry run shows: each document, and what would be written to it. */
static void human_dry(const json_t *reply)
{
    const json_t *patches = json_object_get(reply, "patches");
    json_t *patch, *field;
    size_t i, k;
    const char *name;

    json_array_foreach(patches, i, patch)
    {
        puts(cli_text(patch, "id"));
        json_object_foreach(json_object_get(patch, "set"), name, field)
        {
            char *text = json_dumps(field, JSON_ENCODE_ANY);

            printf("  set %s ", name);
            cli_print_text(text != NULL ? text : "(out of memory)");
            putchar('\n');
            free(text);
        }
        json_array_foreach(json_object_get(patch, "delete"), k, field)
        {
            printf("  delete %s\n", json_string_value(field));
        }
        if (json_object_get(patch, "error") != NULL) {
            fputs("  refused: ", stdout);
            cli_print_text(cli_text(patch, "error"));
            putchar('\n');
        }
    }
    human_once(reply);
    puts("nothing was written");
}

/* --lua FILE, --fuel N, --memory N, --dry-run. */
static int once_script(struct cli *cli, json_t *request, bool *bad)
{
    static const char *const limits[] = {"fuel", "memory"};
    const char *path = cli_option(cli, "--lua", bad);

    for (size_t i = 0; i < 2; i++) {
        char option[16];
        const char *word;
        char *end;

        snprintf(option, sizeof(option), "--%s", limits[i]);
        word = cli_option(cli, option, bad);
        if (word != NULL) {
            long long v = strtoll(word, &end, 10);

            *bad = *bad || *end != '\0' || end == word;
            json_object_set_new(request, limits[i], json_integer(v));
        }
    }
    if (cli_flag(cli, "--dry-run")) {
        json_object_set_new(request, "dry_run", json_true());
    }
    return path == NULL || *bad ? CLI_OK
                                : cli_file_member(request, "lua", path);
}

/* Every --set and --delete. */
static int once_changes(struct cli *cli, json_t *request, bool *bad)
{
    json_t *set = json_object(), *drop = json_array();
    const char *word;
    int code = once_script(cli, request, bad);

    while (code == CLI_OK && (word = cli_option(cli, "--set", bad)) != NULL) {
        code = cli_field_word(word, set);
    }
    while ((word = cli_option(cli, "--delete", bad)) != NULL) {
        json_array_append_new(drop, json_string(word));
    }
    if (code == CLI_OK && !*bad && json_object_size(set) == 0 &&
        json_array_size(drop) == 0 && json_object_get(request, "lua") == NULL) {
        code = cli_fail(CLI_USAGE, "migrate once needs --set FIELD=TEXT, --set "
                                   "FIELD:=JSON, --delete FIELD or --lua FILE");
    }
    json_object_set_new(request, "set", set);
    json_object_set_new(request, "delete", drop);
    return code;
}

static int once_run(struct cli *cli, json_t *request)
{
    struct cli_progress progress;
    json_t *reply = NULL;
    int code = CLI_OK;

    cli_progress_begin(&progress, cli, "documents", 0);
    while (code == CLI_OK &&
           !json_is_true(json_object_get(reply, "finished"))) {
        json_decref(reply);
        reply = NULL;
        code = cli_call(cli, json_incref(request), &reply);
        cli_progress_step(&progress, cli_int(reply, "done"));
    }
    cli_progress_end(&progress);
    if (code == CLI_OK && cli->json) {
        cli_print_json(reply);
    } else if (code == CLI_OK && !cli->quiet) {
        if (json_object_get(reply, "patches") != NULL) {
            human_dry(reply);
        } else {
            human_once(reply);
        }
    }
    if (code == CLI_OK && cli_int(reply, "failed") > 0) {
        code = CLI_INVALID;
    }
    json_decref(reply);
    json_decref(request);
    return code;
}

int cli_migrate_once(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "migrate.once");
    bool bad = false;
    int code = once_changes(cli, request, &bad);
    json_t *where = code == CLI_OK ? cli_where_option(cli, &bad) : NULL;
    const char *as = cli_option(cli, "--as", &bad);
    const char *name = cli_word(cli);
    const char *schema = cli_word(cli);

    if (where != NULL) {
        json_object_set_new(request, "where", where);
    }
    code = code == CLI_OK ? cli_end(cli, bad) : code;
    if (code == CLI_OK && schema == NULL) {
        code = cli_fail(CLI_USAGE, "migrate once needs a name for the change "
                                   "and the schema of the documents");
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    json_object_set_new(request, "name", json_string(name));
    cli_schema_word(schema, request);
    if (as != NULL) {
        json_object_set_new(request, "version", json_string(as));
    }
    return once_run(cli, request);
}
