/* verbs_backup.c: backup, and what is done with one. Only to make one, and to
 * list those that were made, needs the store. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static void backup_text(const char *before, const json_t *object,
                        const char *key, const char *after)
{
    fputs(before, stdout);
    cli_print_text(cli_text(object, key));
    fputs(after, stdout);
}

static void human_backup(const json_t *reply)
{
    printf("%" JSON_INTEGER_FORMAT " documents, %" JSON_INTEGER_FORMAT
           " bytes in ",
           cli_int(reply, "documents"), cli_int(reply, "bytes"));
    if (json_object_get(reply, "schema") != NULL) {
        backup_text("", reply, "path", "; `cove import --exact ");
        backup_text("", reply, "path",
                    "` takes them into any store that may "
                    "read them\n");
        return;
    }
    backup_text("", reply, "path", "; `cove backup verify ");
    backup_text("", reply, "path", "` looks at all of it\n");
    if (json_is_false(json_object_get(reply, "apart"))) {
        puts("The store itself could not be written. Do not put this copy's "
             "data.mdb in its place by\nhand: `cove backup restore` does it.");
    }
}

static int backup_make(struct cli *cli, const char *path, const char *schema,
                       bool bad)
{
    int code = cli_end(cli, bad);
    json_t *request;

    if (code == CLI_OK && path == NULL) {
        code = cli_fail(CLI_USAGE, "backup needs a new directory's name, or a "
                                   "new file's with --schema");
    }
    code = code != CLI_OK ? code : cli_open(cli, 0);
    if (code != CLI_OK) {
        return code;
    }
    request = json_pack("{s:s s:s}", "do", "backup", "path", path);
    if (schema != NULL) {
        json_object_set_new(request, "schema", json_string(schema));
    }
    return cli_answer(cli, request, human_backup);
}

/* --------------------------------------------------------------------- list */

static void human_list(const json_t *reply)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(reply, "backups"), i, one)
    {
        cli_print_time(cli_int(one, "time"));
        printf("  %-8s %9" JSON_INTEGER_FORMAT " documents %12" //
               JSON_INTEGER_FORMAT " bytes  ",
               cli_text(one, "state"), cli_int(one, "documents"),
               cli_int(one, "bytes"));
        cli_print_text(cli_text(one, "path"));
        if (json_object_get(one, "schema") != NULL) {
            backup_text("  (", one, "schema", " alone)");
        }
        putchar('\n');
    }
}

static int backup_list(struct cli *cli)
{
    const char *parent = cli_word(cli);
    json_t *request = json_pack("{s:s}", "do", "backup.list");
    int code = cli_end(cli, false);

    if (parent != NULL) {
        json_object_set_new(request, "parent", json_string(parent));
    }
    code = code != CLI_OK
               ? code
               : cli_open(cli, parent != NULL ? COVE_OPEN_MEMORY : 0);
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    return cli_answer(cli, request, human_list);
}

/* ------------------------------------------------------------------- verify */

static void human_damaged(const json_t *reply)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(reply, "damaged"), i, one)
    {
        backup_text("damaged  ", one, "id", "  ");
        backup_text("", one, "why", "\n");
    }
    json_array_foreach(json_object_get(reply, "differs"), i, one)
    {
        if (!json_is_true(json_object_get(reply, "asMade"))) {
            printf("differs  documents of %s\n", json_string_value(one));
        }
    }
}

static void human_verify(const json_t *reply)
{
    bool as_made = json_is_true(json_object_get(reply, "asMade"));

    human_damaged(reply);
    if (json_is_true(json_object_get(reply, "former"))) {
        puts(json_is_true(json_object_get(reply, "whole"))
                 ? "of a former store format; byte for byte as it was made"
                 : "of a former store format, which is not looked into, and "
                   "not known to be the bytes that were written");
        return;
    }
    printf("%" JSON_INTEGER_FORMAT " documents, %" JSON_INTEGER_FORMAT
           " transactions; ",
           cli_int(reply, "documents"), cli_int(reply, "transactions"));
    if (json_is_true(json_object_get(reply, "whole"))) {
        puts(json_is_true(json_object_get(reply, "sameBytes"))
                 ? "whole, as it was made"
                 : "whole, and holds what it was made with; not byte for byte: "
                   "it was opened since");
    } else if (strcmp(cli_text(reply, "manifest"), "read") != 0) {
        printf("its manifest (backup.json) is %s; ",
               cli_text(reply, "manifest"));
        puts(cli_int(reply, "damagedCount") > 0
                 ? "damaged"
                 : "all that is here verifies, but whether it is all that was "
                   "copied is not known");
    } else {
        puts(cli_int(reply, "damagedCount") > 0 ? "damaged"
             : as_made ? "not the bytes that were written"
                       : "not what it was made with");
    }
}

static int backup_verify(struct cli *cli)
{
    const char *path = cli_word(cli);
    json_t *reply = NULL;
    int code = cli_end(cli, false);

    if (code == CLI_OK && path == NULL) {
        code = cli_fail(CLI_USAGE, "backup verify needs a backup's directory");
    }
    code = code != CLI_OK ? code : cli_open(cli, COVE_OPEN_MEMORY);
    code = code != CLI_OK ? code
                          : cli_call(cli,
                                     json_pack("{s:s s:s}", "do",
                                               "backup.verify", "path", path),
                                     &reply);
    if (code == CLI_OK) {
        cli_say(cli, reply, human_verify);
        code = json_is_true(json_object_get(reply, "whole")) ? CLI_OK
                                                             : CLI_INVALID;
    }
    json_decref(reply);
    return code;
}

/* ------------------------------------------------------------------ restore */

static void human_restored(const json_t *reply)
{
    printf("%" JSON_INTEGER_FORMAT " bytes", cli_int(reply, "bytes"));
    backup_text(" restored to ", reply, "to", "");
    if (json_object_get(reply, "replaced") != NULL) {
        backup_text("; what was there is ", reply, "replaced", "");
    }
    puts("\nIt begins a session of its own. `cove status` shows what is there; "
         "`cove sync` brings\nwhat peers have since.");
}

static int backup_restore(struct cli *cli)
{
    bool bad = false;
    const char *to = cli_option(cli, "--to", &bad);
    const char *path = cli_word(cli);
    int code = cli_end(cli, bad);

    if (code == CLI_OK && path == NULL) {
        code = cli_fail(CLI_USAGE, "backup restore needs a backup's directory");
    }
    code = code != CLI_OK ? code : cli_open(cli, COVE_OPEN_MEMORY);
    return code != CLI_OK
               ? code
               : cli_answer(cli,
                            json_pack("{s:s s:s s:s s:b}", "do",
                                      "backup.restore", "path", path, "to",
                                      to != NULL ? to : cli->dir, "yes",
                                      cli->yes && to == NULL),
                            human_restored);
}

int cli_backup(struct cli *cli)
{
    static const struct {
        const char *name;
        int (*run)(struct cli *cli);
    } subs[] = {{"list", backup_list},
                {"verify", backup_verify},
                {"restore", backup_restore}};
    bool bad = false;
    const char *schema = cli_option(cli, "--schema", &bad);
    const char *word = cli_word(cli);

    for (size_t i = 0;
         schema == NULL && word != NULL && i < sizeof(subs) / sizeof(subs[0]);
         i++) {
        if (strcmp(subs[i].name, word) == 0) {
            return subs[i].run(cli);
        }
    }
    return backup_make(cli, word, schema, bad);
}
