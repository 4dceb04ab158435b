/* verbs_schema.c: schema put, list, show. */
#include "cli/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cli_human_published(const json_t *reply)
{
    printf("version %" JSON_INTEGER_FORMAT " %s\nstep     %s\njournal  %s\n",
           cli_int(reply, "version"),
           json_is_true(json_object_get(reply, "existed"))
               ? "was published before; nothing was written"
               : "published",
           cli_text(reply, "step"), cli_text(reply, "journal"));
}

/* Takes text over, which may be NULL. */
static int text_member(json_t *request, const char *key, const char *path,
                       char *text)
{
    json_t *value = json_string(text);

    free(text);
    if (value == NULL) {
        return cli_fail(CLI_INVALID, "%s: not valid UTF-8", path);
    }
    json_object_set_new(request, key, value);
    return CLI_OK;
}

int cli_file_member(json_t *request, const char *key, const char *path)
{
    char *text;
    int code = cli_read_file(path, &text);

    return code != CLI_OK ? code : text_member(request, key, path, text);
}

int cli_schema_member(json_t *request, const char *key, const char *path)
{
    char *text;
    int code = cli_read_schema(path, &text);

    return code != CLI_OK ? code : text_member(request, key, path, text);
}

/* ------------------------------------------------------------------- schema */

static int schema_put(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "schema.put");
    bool bad = false;
    const char *owner = cli_option(cli, "--owner", &bad);
    const char *path = cli_word(cli);
    int code = cli_end(cli, bad);

    if (code == CLI_OK && path == NULL) {
        code = cli_fail(CLI_USAGE, "schema put needs a JSON Schema file");
    }
    if (code == CLI_OK) {
        json_object_set_new(request, "file", json_string(path));
        code = cli_schema_member(request, "schema", path);
    }
    if (owner != NULL) {
        json_object_set_new(request, "owner", json_string(owner));
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    return cli_answer(cli, request, cli_human_published);
}

static void human_schemas(const json_t *reply)
{
    json_t *s, *v;
    size_t i, k;

    json_array_foreach(json_object_get(reply, "schemas"), i, s)
    {
        cli_print_text(cli_text(s, "name"));
        printf("  versions");
        json_array_foreach(json_object_get(s, "versions"), k, v)
        {
            printf("%s %" JSON_INTEGER_FORMAT, k == 0 ? "" : ",",
                   json_integer_value(v));
        }
        printf("%s\n  journal  %s\n  owner    %s\n",
               json_is_true(json_object_get(s, "forked")) ? "  (forked)" : "",
               cli_text(s, "journal"), cli_text(s, "owner"));
        if (cli_int(s, "drift") > 0) {
            printf("  drift    %" JSON_INTEGER_FORMAT " entries are not what "
                   "their keys say\n",
                   cli_int(s, "drift"));
        }
    }
}

static void human_schema(const json_t *reply)
{
    json_t *r;
    size_t i;

    cli_print_text(cli_text(reply, "name"));
    printf("@%" JSON_INTEGER_FORMAT "  step %.16s  journal %s\n",
           cli_int(reply, "version"), cli_text(reply, "step"),
           cli_text(reply, "journal"));
    json_array_foreach(json_object_get(reply, "registers"), i, r)
    {
        printf("  ");
        cli_print_padded(cli_text(r, "name"), 24);
        printf(" %-8s %-10s ", cli_text(r, "type"),
               json_is_true(json_object_get(r, "required")) ? "required" : "");
        cli_print_text(cli_text(r, "register"));
        if (json_object_get(r, "default") != NULL) {
            printf("  default ");
            cli_print_value(json_object_get(r, "default"));
        }
        putchar('\n');
    }
}

static void human_text(const json_t *reply)
{
    puts(cli_text(reply, "schema"));
}

static int schema_show(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "schema.show");
    bool text = cli_flag(cli, "--text");
    const char *name = cli_word(cli);
    int code = cli_end(cli, false);

    if (code == CLI_OK && name == NULL) {
        code = cli_fail(CLI_USAGE, "schema show needs a schema's name");
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    cli_schema_word(name, request);
    if (text) {
        json_object_set_new(request, "indent", json_integer(4));
    }
    return cli_answer(cli, request, text ? human_text : human_schema);
}

static int schema_list(struct cli *cli)
{
    int code = cli_end(cli, false);

    return code != CLI_OK
               ? code
               : cli_answer(cli, json_pack("{s:s}", "do", "schema.list"),
                            human_schemas);
}

/* All but `check` are about the store. */
int cli_schema(struct cli *cli)
{
    static const struct cli_sub subs[] = {
        {"put", schema_put},
        {"list", schema_list},
        {"show", schema_show},
        {"check", cli_schema_check},
        {"push", cli_schema_push},
        {"pull", cli_schema_pull},
        {"generate", cli_schema_generate},
        {"diff", cli_schema_diff},
        {NULL, NULL},
    };
    bool check =
        cli->args.count > 0 && strcmp(cli->args.words[0], "check") == 0;
    int code = check ? CLI_OK : cli_open(cli, 0);

    return code != CLI_OK ? code : cli_sub_run(cli, subs);
}
