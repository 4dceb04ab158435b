/* verbs_down.c: migrate down, retire, merge: taking versions back, out of
 * use, and together. */
#include "cli/cli.h"

#include <stdio.h>

static void human_names(const char *what, const json_t *list)
{
    json_t *item;
    size_t i;

    if (json_array_size(list) == 0) {
        return;
    }
    printf("  %-8s", what);
    json_array_foreach(list, i, item)
    {
        fputs(i == 0 ? "" : ", ", stdout);
        if (json_is_string(item)) {
            cli_print_text(json_string_value(item));
        } else {
            cli_print_text(cli_text(item, "was"));
            fputs(" -> ", stdout);
            cli_print_text(cli_text(item, "name"));
        }
    }
    putchar('\n');
}

static void human_down(const json_t *reply)
{
    printf("version %" JSON_INTEGER_FORMAT
           " shows what version %" JSON_INTEGER_FORMAT " shows%s\n",
           cli_int(reply, "version"), cli_int(reply, "to"),
           json_is_true(json_object_get(reply, "words"))
               ? ", by the words of its own migrations"
               : "");
    human_names("shows", json_object_get(reply, "shown"));
    human_names("hides", json_object_get(reply, "hidden"));
    human_names("renames", json_object_get(reply, "renamed"));
    human_names("limits", json_object_get(reply, "limited"));
    human_names("invalid", json_object_get(reply, "lost"));
    if (json_object_get(reply, "why") != NULL) {
        fputs("  its own words do not fit: ", stdout);
        cli_print_text(cli_text(reply, "why"));
        putchar('\n');
    }
    printf(json_object_get(reply, "journal") == NULL
               ? "nothing was written\n"
               : "nothing is lost: version %" JSON_INTEGER_FORMAT
                 " goes on, and edits show in both\n",
           cli_int(reply, "from"));
}

int cli_migrate_down(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "migrate.down");
    bool bad = false, undo = cli_flag(cli, "--undo");
    bool loss = cli_flag(cli, "--accept-data-loss");
    bool dry = cli_flag(cli, "--dry-run");
    bool no_backup = cli_flag(cli, "--no-backup");
    const char *to = cli_option(cli, "--to", &bad);
    json_int_t steps = 0;
    bool counted = cli_option_number(cli, "--steps", &bad, &steps);
    const char *name = cli_word(cli);
    int code = cli_end(cli, bad);

    if (code == CLI_OK && name == NULL) {
        code = cli_fail(CLI_USAGE, "migrate down needs a schema's name");
    }
    if (code == CLI_OK && counted + (to != NULL) + undo != 1) {
        code = cli_fail(CLI_USAGE, "migrate down needs one of --steps N, --to "
                                   "VERSION and --undo");
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    json_object_set_new(request, "schema", json_string(name));
    if (counted) {
        json_object_set_new(request, "steps", json_integer(steps));
    } else if (undo) {
        json_object_set_new(request, "undo", json_true());
    } else {
        json_object_set_new(request, "to", json_string(to));
    }
    if (loss) {
        json_object_set_new(request, "acceptDataLoss", json_true());
    }
    if (no_backup) {
        json_object_set_new(request, "noBackup", json_true());
    }
    if (dry) {
        json_object_set_new(request, "dry", json_true());
    }
    return cli_answer(cli, request, human_down);
}

static void human_retire(const json_t *reply)
{
    json_t *item;
    size_t i;
    bool dry = json_object_get(reply, "step") == NULL;

    json_array_foreach(json_object_get(reply, "retired"), i, item)
    {
        printf("version %" JSON_INTEGER_FORMAT " %s; %" JSON_INTEGER_FORMAT
               " documents were last written at it\n",
               cli_int(item, "version"), dry ? "would retire" : "is retired",
               cli_int(item, "documents"));
    }
    json_array_foreach(json_object_get(reply, "devices"), i, item)
    {
        printf("  device %.16s ", cli_text(item, "device"));
        cli_print_padded(cli_text(item, "name"), 12);
        printf(" spoke version %" JSON_INTEGER_FORMAT " at ",
               cli_int(item, "version"));
        cli_print_time(cli_int(item, "time"));
        putchar('\n');
    }
    puts(dry ? "nothing was written"
             : "it is read as before; this program writes no more at it");
}

int cli_migrate_retire(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "migrate.retire");
    bool dry = cli_flag(cli, "--dry-run");
    const char *name = cli_word(cli), *version = cli_word(cli);
    int code = cli_end(cli, false);

    if (code == CLI_OK && name != NULL && version == NULL) {
        cli_schema_word(name, request); /* Name@2 */
        version = json_string_value(json_object_get(request, "version"));
        name = json_string_value(json_object_get(request, "schema"));
    }
    if (code == CLI_OK && version == NULL) {
        code = cli_fail(CLI_USAGE, "migrate retire needs a schema's name and "
                                   "the version that is no longer supported");
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    json_object_set_new(request, "schema", json_string(name));
    json_object_set_new(request, "version", json_string(version));
    if (cli->yes) {
        json_object_set_new(request, "yes", json_true());
    }
    if (dry) {
        json_object_set_new(request, "dry", json_true());
    }
    return cli_answer(cli, request, human_retire);
}

static void human_merge(const json_t *reply)
{
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(reply, "fields"), i, item)
    {
        const char *as = cli_text(item, "as");

        cli_print_text(cli_text(item, "name"));
        fputs(*as == '\0' ? " of the branches is one field now\n"
                          : " of one branch is now called ",
              stdout);
        if (*as != '\0') {
            cli_print_text(as);
            putchar('\n');
        }
    }
    cli_human_published(reply);
}

/* The file for who wants to look at it, and change it, before publishing. */
static void human_merge_file(const json_t *reply)
{
    puts(cli_text(reply, "file"));
}

int cli_migrate_merge(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "migrate.merge");
    bool print = cli_flag(cli, "--print");
    const char *name = cli_word(cli);
    int code = cli_end(cli, false);

    if (code == CLI_OK && name == NULL) {
        code = cli_fail(CLI_USAGE, "migrate merge needs a schema's name");
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    json_object_set_new(request, "schema", json_string(name));
    if (print) {
        json_object_set_new(request, "dry", json_true());
    }
    return cli_answer(cli, request, print ? human_merge_file : human_merge);
}
