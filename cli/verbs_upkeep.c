/* verbs_upkeep.c: mark, restore, discard, migrate reset. */
#include "cli/covalue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------- marks */

static void human_mark(const json_t *mark)
{
    cli_print_padded(cli_text(mark, "name"), 24);
    putchar(' ');
    cli_print_time(cli_int(mark, "time"));
    if (json_object_get(mark, "schema") != NULL) {
        fputs("  ", stdout);
        cli_print_text(cli_text(mark, "schema"));
    }
    putchar('\n');
}

static void human_marks(const json_t *reply)
{
    json_t *mark;
    size_t i;

    json_array_foreach(json_object_get(reply, "marks"), i, mark)
    {
        human_mark(mark);
    }
}

int cli_mark(struct cli *cli)
{
    const char *name = cli_word(cli);
    int code = cli_end(cli, false);

    if (code != CLI_OK) {
        return code;
    }
    if (name == NULL) {
        return cli_answer(cli, json_pack("{s:s}", "do", "mark.list"),
                          human_marks);
    }
    return cli_answer(cli,
                      json_pack("{s:s s:s s:b}", "do", "mark", "name", name,
                                "replace", cli->yes),
                      human_mark);
}

/* ----------------------------------------------------------------- restore */

static void human_changes(const json_t *reply)
{
    json_t *change, *field;
    const char *name;
    size_t i;

    json_array_foreach(json_object_get(reply, "changes"), i, change)
    {
        static const char *const counts[] = {"removed", "inserted", "written",
                                             "added"};

        puts(cli_text(change, "id"));
        for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
            const json_t *count = json_object_get(change, counts[c]);

            if (count != NULL) {
                printf("  %s %" JSON_INTEGER_FORMAT "\n", counts[c],
                       json_integer_value(count));
            }
        }
        json_object_foreach(json_object_get(change, "fields"), name, field)
        {
            fputs("  ", stdout);
            cli_print_padded(name, 16);
            putchar(' ');
            if (json_object_get(field, "deleted") != NULL) {
                fputs("(not set)", stdout);
            } else {
                cli_print_value(json_object_get(field, "value"));
            }
            putchar('\n');
        }
    }
}

static void human_restore(const json_t *reply)
{
    const json_t *skipped = json_object_get(reply, "skipped");
    bool dry = json_is_true(json_object_get(reply, "dry"));
    json_t *one;
    size_t i;

    if (dry) {
        human_changes(reply);
    }
    json_array_foreach(skipped, i, one)
    {
        printf("skipped %s: ", cli_text(one, "id"));
        cli_print_text(cli_text(one, "why"));
        putchar('\n');
    }
    if (cli_int(reply, "skippedCount") > (json_int_t)json_array_size(skipped)) {
        printf("… the first %zu of those skipped\n", json_array_size(skipped));
    }
    printf("%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
           " documents %s, %" JSON_INTEGER_FORMAT " skipped\n",
           cli_int(reply, "changed"), cli_int(reply, "documents"),
           dry ? "would change; nothing was written" : "changed",
           cli_int(reply, "skippedCount"));
}

/* A document's id begins so; a schema's name may too, and is then named with
 * --schema. */
static bool restore_is_id(const char *word)
{
    return strncmp(word, "co_z", 4) == 0;
}

static void restore_text(json_t *request, const char *key, const char *text)
{
    if (text != NULL) {
        json_object_set_new(request, key, json_string(text));
    }
}

int cli_restore(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "restore");
    bool bad = false;

    restore_text(request, "to", cli_option(cli, "--to", &bad));
    restore_text(request, "mark", cli_option(cli, "--mark", &bad));
    restore_text(request, "schema", cli_option(cli, "--schema", &bad));
    cli_as_option(cli, request, &bad);
    json_object_set_new(request, "dry",
                        json_boolean(cli_flag(cli, "--dry-run")));
    json_object_set_new(request, "yes", json_boolean(cli->yes));

    const char *word = cli_word(cli);
    struct cli_target t = {.word = word, .type = CLI_ANY_TYPE};

    if (word != NULL && restore_is_id(word) && strchr(word, '.') != NULL) {
        int found = cli_target_begin(cli, &t, false);

        if (found != CLI_OK) {
            json_decref(request);
            return found;
        }
        cli_target_end(cli, &t, CLI_OK);
        restore_text(request, "id", t.text);
    } else if (word != NULL && restore_is_id(word)) {
        restore_text(request, "id", word);
    } else if (word != NULL) {
        cli_schema_word(word, request);
    }
    int code = cli_end(cli, bad);

    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    return cli_answer(cli, request, human_restore);
}

/* ----------------------------------------------------------------- discard */

static void human_discard(const json_t *reply)
{
    printf("%s is gone\n", cli_text(reply, "id"));
}

int cli_discard(struct cli *cli)
{
    const char *id = cli_word(cli);
    int code = cli_end(cli, false);

    if (code == CLI_OK && id == NULL) {
        code = cli_fail(CLI_USAGE, "discard needs a local document's id; "
                                   "`cove find --local` lists them");
    }
    return code != CLI_OK
               ? code
               : cli_answer(cli,
                            json_pack("{s:s s:s}", "do", "discard", "id", id),
                            human_discard);
}

/* ------------------------------------------------------------------ remove */

static void human_removed(const json_t *reply)
{
    json_t *id;
    size_t i;

    json_array_foreach(json_object_get(reply, "removed"), i, id)
    {
        printf("%s was removed\n", json_string_value(id));
    }
    if (cli_int(reply, "children") > 0) {
        printf("and %" JSON_INTEGER_FORMAT " documents of their fields\n",
               cli_int(reply, "children"));
    }
}

int cli_rm(struct cli *cli)
{
    json_t *request = json_pack("{s:s s:[] s:b}", "do", "remove", "ids", "yes",
                                (int)cli->yes);
    const char *word;

    if (cli_flag(cli, "--no-backup")) {
        json_object_set_new(request, "noBackup", json_true());
    }
    while ((word = cli_word(cli)) != NULL) {
        json_array_append_new(json_object_get(request, "ids"),
                              json_string(word));
    }
    int code = cli_end(cli, false);

    if (code == CLI_OK &&
        json_array_size(json_object_get(request, "ids")) == 0) {
        code = cli_fail(CLI_USAGE, "rm needs the ids of documents; `cove del` "
                                   "deletes fields");
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    return cli_answer(cli, request, human_removed);
}

/* ------------------------------------------------------------- migrate reset
 */

static void human_reset(const json_t *reply)
{
    fputs("gone from this store: ", stdout);
    cli_print_text(cli_text(reply, "schema"));
    printf(", %" JSON_INTEGER_FORMAT " versions, %" JSON_INTEGER_FORMAT
           " documents, %" JSON_INTEGER_FORMAT " local ones\n",
           cli_int(reply, "versions"), cli_int(reply, "documents"),
           cli_int(reply, "local"));
}

int cli_migrate_reset(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "migrate.reset");
    bool bad = false;

    restore_text(request, "name", cli_option(cli, "--name", &bad));
    if (cli_flag(cli, "--no-backup")) {
        json_object_set_new(request, "noBackup", json_true());
    }
    restore_text(request, "schema", cli_word(cli));
    json_object_set_new(request, "yes", json_boolean(cli->yes));
    int code = cli_end(cli, bad);

    if (code == CLI_OK && json_object_get(request, "schema") == NULL) {
        code = cli_fail(CLI_USAGE, "migrate reset needs a schema's name");
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    return cli_answer(cli, request, human_reset);
}
