/* verbs_plan.c: migrate plan. Several migration files are planned as one way
 * through all their versions; each finds the schema that it leads to among
 * those given, by name and version. A directory is one of `migrate create`. */
#include "cli/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PLAN_ID 20 /* characters of a document's id, enough to name it */

/* ------------------------------------------------------------------- people */

static void human_invalid_before(const json_t *reply)
{
    const json_t *invalid = json_object_get(reply, "invalidBefore");
    const json_t *documents = json_object_get(invalid, "documents");
    json_int_t count = cli_int(invalid, "count");
    json_t *e;
    size_t i;

    if (count == 0) {
        return;
    }
    printf("%" JSON_INTEGER_FORMAT " invalid before any of this:\n", count);
    json_array_foreach(documents, i, e)
    {
        printf("  %.*s  ", PLAN_ID, cli_text(e, "id"));
        cli_print_text(cli_text(e, "why"));
        putchar('\n');
    }
    if ((size_t)count > json_array_size(documents)) {
        printf("  and %" JSON_INTEGER_FORMAT
               " more: `cove find SCHEMA --invalid` lists all\n",
               count - (json_int_t)json_array_size(documents));
    }
}

static void human_newly_invalid(const json_t *reply)
{
    json_t *reasons = json_object_get(reply, "newlyInvalid"), *r, *id;
    size_t i, k;

    if (json_array_size(reasons) == 0) {
        puts("newly invalid: none");
        return;
    }
    printf("newly invalid: %" JSON_INTEGER_FORMAT "\n",
           cli_int(reply, "newlyInvalidDocuments"));
    json_array_foreach(reasons, i, r)
    {
        printf("  %" JSON_INTEGER_FORMAT "  ", cli_int(r, "count"));
        cli_print_text(cli_text(r, "field"));
        printf(": ");
        cli_print_text(cli_text(r, "reason"));
        printf("\n    ");
        json_array_foreach(json_object_get(r, "examples"), k, id)
        {
            printf("%s%.*s", k == 0 ? "" : "  ", PLAN_ID,
                   json_string_value(id));
        }
        putchar('\n');
    }
}

static void human_steps(const json_t *reply)
{
    json_t *step;
    size_t i;

    json_array_foreach(json_object_get(reply, "steps"), i, step)
    {
        printf("version %" JSON_INTEGER_FORMAT
               ", step %.16s, %zu operations%s\n",
               cli_int(step, "version"), cli_text(step, "step"),
               json_array_size(
                   json_object_get(json_object_get(step, "body"), "ops")),
               json_is_true(json_object_get(step, "existed"))
                   ? "; published before"
                   : "");
    }
}

static void human_mended(const json_t *reply)
{
    if (cli_int(reply, "mendedByStep") > 0) {
        printf("%" JSON_INTEGER_FORMAT
               " documents have values that the new rules do not allow, and "
               "that a step mends\n",
               cli_int(reply, "mendedByStep"));
    }
}

static void human_costs(const json_t *reply)
{
    json_int_t documents = cli_int(reply, "documents");
    json_int_t evaluated = cli_int(reply, "evaluated");
    json_int_t moved = cli_int(reply, "moved");

    printf("%" JSON_INTEGER_FORMAT " documents", documents);
    if (evaluated != documents) {
        printf(", %" JSON_INTEGER_FORMAT " evaluated", evaluated);
    }
    if (moved > 0) {
        printf(", %" JSON_INTEGER_FORMAT " changed meanwhile and left out",
               moved);
    }
    printf("; in %" JSON_INTEGER_FORMAT " of them %" JSON_INTEGER_FORMAT
           " copies to write, about %" JSON_INTEGER_FORMAT " bytes\n",
           cli_int(reply, "due"), cli_int(reply, "copies"),
           cli_int(reply, "bytes"));
    printf("looked at in %" JSON_INTEGER_FORMAT
           " ms; a run would take about %" JSON_INTEGER_FORMAT " ms\n",
           cli_int(reply, "elapsedMs"), cli_int(reply, "estimatedRunMs"));
}

static void human_plan(const json_t *reply)
{
    json_t *e;
    size_t i;

    human_invalid_before(reply);
    human_newly_invalid(reply);
    human_mended(reply);
    human_steps(reply);
    human_costs(reply);
    json_array_foreach(json_object_get(reply, "examples"), i, e)
    {
        printf("\n%s\n  before ", cli_text(e, "id"));
        cli_print_value(json_object_get(e, "before"));
        printf("\n  after  ");
        cli_print_value(json_object_get(e, "after"));
        putchar('\n');
    }
    puts("\nnothing was written");
}

/* -------------------------------------------------------------------- files */

/* All values of an option that may be given several times. */
static json_t *plan_options(struct cli *cli, const char *name, bool *bad)
{
    json_t *all = json_array();
    const char *value;

    while ((value = cli_option(cli, name, bad)) != NULL) {
        json_array_append_new(all, json_string(value));
    }
    return all;
}

/* Each path's text, as {"file", "text"}. */
static int plan_read(const json_t *paths, json_t *out)
{
    int code = CLI_OK;
    json_t *path;
    size_t i;

    json_array_foreach(paths, i, path)
    {
        char *text = NULL;

        code = cli_read_file(json_string_value(path), &text);
        if (code != CLI_OK) {
            return code;
        }
        json_t *entry = json_pack("{s:O s:s}", "file", path, "text", text);

        free(text);
        if (entry == NULL) {
            return cli_fail(CLI_INVALID, "%s: not valid UTF-8",
                            json_string_value(path));
        }
        json_array_append_new(out, entry);
    }
    return CLI_OK;
}

/* The text of the schema that a migration leads to; NULL where none of those
 * given is that one (the migration may hold it itself). */
static const json_t *plan_target(const char *migration, const json_t *schemas)
{
    json_t *m = json_loads(migration, 0, NULL), *entry, *found = NULL;
    json_t *name = json_object_get(m, "schema");
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)schemas, i, entry)
    {
        json_t *s = json_loads(cli_text(entry, "text"), 0, NULL);
        json_t *title = json_object_get(s, "title");

        if (json_is_object(s) && (name == NULL || json_equal(name, title)) &&
            json_equal(json_object_get(s, "version"),
                       json_object_get(m, "to"))) {
            found = json_object_get(entry, "text");
        }
        json_decref(s);
    }
    json_decref(m);
    return found;
}

static void plan_pack(json_t *request, const json_t *migrations,
                      const json_t *schemas)
{
    json_t *list = json_array(), *entry;
    bool one = json_array_size(migrations) == 1;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)migrations, i, entry)
    {
        json_t *text = json_object_get(entry, "text");
        const json_t *target =
            one && json_array_size(schemas) == 1
                ? json_object_get(json_array_get(schemas, 0), "text")
                : plan_target(json_string_value(text), schemas);
        json_t *item =
            json_pack("{s:O s:O}", "file", json_object_get(entry, "file"),
                      "migration", text);

        if (target != NULL) {
            json_object_set(item, "schema", (json_t *)(uintptr_t)target);
        }
        json_array_append_new(list, item);
    }
    if (one) {
        json_object_update(request, json_array_get(list, 0));
    } else {
        json_object_set(request, "migrations", list);
    }
    json_decref(list);
}

static bool plan_is_directory(const json_t *words)
{
    const char *first = json_string_value(json_array_get(words, 0));
    struct stat st;

    return first != NULL && stat(first, &st) == 0 && S_ISDIR(st.st_mode);
}

/* DIR [NAME]: what lies in the directory, of one schema. */
static int plan_pack_directory(json_t *request, const json_t *words)
{
    struct cli_files files;
    int code = CLI_OK;

    if (json_array_size(words) > 2) {
        return cli_fail(CLI_USAGE,
                        "a plan of a directory takes one schema's name");
    }
    code = cli_files_read(json_string_value(json_array_get(words, 0)), &files);
    if (code != CLI_OK) {
        return code;
    }
    json_array_extend(files.files, files.schemas);
    json_object_set(request, "files", files.files);
    if (json_array_size(words) == 2) {
        json_object_set(request, "name", json_array_get(words, 1));
    }
    cli_files_clear(&files);
    return CLI_OK;
}

int cli_migrate_plan(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "migrate.plan");
    json_t *migrations = json_array(), *schemas = json_array();
    json_t *words = json_array();
    json_int_t sample = 0, examples = 0;
    bool bad = false;
    json_t *targets = plan_options(cli, "--schema", &bad);
    json_t *where = cli_where_option(cli, &bad);
    const char *word;

    if (where != NULL) {
        json_object_set_new(request, "where", where);
    }
    if (cli_option_number(cli, "--sample", &bad, &sample)) {
        json_object_set_new(request, "sample", json_integer(sample));
    }
    if (cli_option_number(cli, "--examples", &bad, &examples)) {
        json_object_set_new(request, "examples", json_integer(examples));
    }
    while ((word = cli_word(cli)) != NULL) {
        json_array_append_new(words, json_string(word));
    }
    int code = cli_end(cli, bad);

    bool said = json_array_size(words) > 0;

    if (!said) {
        json_array_append_new(words, json_string(CLI_FILES_DIR));
    }
    bool directory = plan_is_directory(words);

    if (code == CLI_OK && !said && !directory) {
        code = cli_fail(CLI_USAGE, "migrate plan needs a migration file, or a "
                                   "directory of them; there is no "
                                   "directory " CLI_FILES_DIR " here");
    }

    if (code == CLI_OK && directory) {
        code = plan_pack_directory(request, words);
    } else if (code == CLI_OK) {
        code = plan_read(words, migrations);
    }
    code = code != CLI_OK ? code : plan_read(targets, schemas);
    if (code == CLI_OK && !directory) {
        plan_pack(request, migrations, schemas);
    }
    if (code == CLI_OK) {
        code = cli_answer(cli, json_incref(request), human_plan);
    }
    json_decref(words);
    json_decref(targets);
    json_decref(migrations);
    json_decref(schemas);
    json_decref(request);
    return code;
}
