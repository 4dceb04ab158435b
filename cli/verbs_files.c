/* verbs_files.c: migrate verify, drop, bundle: the files of a directory. */
#include "cli/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ------------------------------------------------------------------- verify */

static int problem_code(const json_t *problem)
{
    static const char *const invalid[] = {"malformed", "cycle", "manifest"};

    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        if (strcmp(cli_text(problem, "kind"), invalid[i]) == 0) {
            return CLI_INVALID;
        }
    }
    return CLI_DRIFT;
}

int cli_files_problems(const json_t *reply, bool blocking)
{
    json_t *p;
    size_t i;
    int code = CLI_OK;

    json_array_foreach(json_object_get(reply, "problems"), i, p)
    {
        if (blocking && !json_is_true(json_object_get(p, "blocks"))) {
            continue;
        }
        int one = cli_fail(problem_code(p), "%s: %s", cli_text(p, "kind"),
                           cli_text(p, "why"));

        code = code == CLI_OK || one == CLI_INVALID ? one : code;
    }
    json_array_foreach(json_object_get(reply, "journals"), i, p)
    {
        if (!blocking && cli_int(p, "drift") > 0) {
            code = cli_fail(code == CLI_OK ? CLI_DRIFT : code,
                            "drift: %" JSON_INTEGER_FORMAT
                            " entries in the journal of %s are not what their "
                            "keys say; they are ignored, and `cove migrate "
                            "status %s` shows whose they are",
                            cli_int(p, "drift"), cli_text(p, "name"),
                            cli_text(p, "name"));
        }
    }
    return code;
}

static void human_versions(const json_t *item)
{
    cli_print_text(cli_text(item, "schema"));
    if (cli_int(item, "from") > 0) {
        printf(" %" JSON_INTEGER_FORMAT " → %" JSON_INTEGER_FORMAT,
               cli_int(item, "from"), cli_int(item, "to"));
    } else {
        printf(" %" JSON_INTEGER_FORMAT, cli_int(item, "to"));
    }
}

static void human_files(const json_t *reply)
{
    static const char *const states[] = {"published", "unpublished", "drift",
                                         "malformed", "conflict"};
    json_int_t counts[5] = {0}, steps = 0;
    json_t *f;
    size_t i;

    json_array_foreach(json_object_get(reply, "files"), i, f)
    {
        const char *state = cli_text(f, "state");

        for (size_t k = 0; k < 5; k++) {
            counts[k] += strcmp(state, states[k]) == 0;
        }
        printf("%-11s ", state);
        cli_print_padded(cli_text(f, "file"), 40);
        putchar(' ');
        human_versions(f);
        if (json_object_get(f, "author") != NULL) {
            printf("  by %.16s ", cli_text(f, "author"));
            cli_print_time(cli_int(f, "time"));
        }
        putchar('\n');
    }
    json_array_foreach(json_object_get(reply, "journals"), i, f)
    {
        steps += cli_int(f, "steps");
    }
    printf("%zu files:", json_array_size(json_object_get(reply, "files")));
    for (size_t k = 0; k < 5; k++) {
        if (counts[k] > 0 || k < 2) {
            printf("%s %" JSON_INTEGER_FORMAT " %s", k == 0 ? "" : ",",
                   counts[k], states[k]);
        }
    }
    printf("; %" JSON_INTEGER_FORMAT " steps of %zu schemas hashed again\n",
           steps, json_array_size(json_object_get(reply, "journals")));
}

/* Write the manifest as the library says it should be, and look again. */
static int verify_write(struct cli *cli, struct cli_files *files,
                        json_t **reply)
{
    const json_t *manifest = json_object_get(*reply, "manifest");
    const char *dir = files->dir;
    int code = cli_files_manifest(files, manifest);

    if (code == CLI_OK) {
        cli_files_clear(files);
        json_decref(*reply);
        *reply = NULL;
        code = cli_files_read(dir, files);
    }
    return code != CLI_OK ? code : cli_files_check(cli, files, reply);
}

int cli_migrate_verify(struct cli *cli)
{
    struct cli_files files = {0};
    json_t *reply = NULL;
    bool bad = false, write = cli_flag(cli, "--write");
    const char *dir = cli_files_dir(cli, &bad);
    int code = cli_end(cli, bad);

    if (code == CLI_OK) {
        code = cli_files_read(dir, &files);
    }
    if (code == CLI_OK) {
        code = cli_files_check(cli, &files, &reply);
    }
    if (code == CLI_OK && write) {
        code = verify_write(cli, &files, &reply);
    }
    if (code == CLI_OK) {
        if (cli->json) {
            cli_print_json(reply);
        } else if (!cli->quiet) {
            human_files(reply);
        }
        code = cli_files_problems(reply, false);
    }
    json_decref(reply);
    cli_files_clear(&files);
    return code;
}

/* --------------------------------------------------------------------- drop */

/* The last file: of a schema, or of all. NULL where there is none. */
static const json_t *drop_last(const json_t *reply, const char *schema)
{
    const json_t *last = NULL;
    json_t *f;
    size_t i;

    json_array_foreach(json_object_get(reply, "files"), i, f)
    {
        if (schema == NULL || strcmp(cli_text(f, "schema"), schema) == 0) {
            bool later = last == NULL || strcmp(cli_text(f, "file"),
                                                cli_text(last, "file")) > 0;

            last = later ? f : last;
        }
    }
    return last;
}

/* What was published is there for good. */
static int drop_refused(const json_t *f)
{
    char when[32] = "?";
    time_t at = (time_t)(cli_int(f, "time") / 1000);
    struct tm tm;

    if (gmtime_r(&at, &tm) != NULL) {
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
    }
    return cli_fail(
        CLI_DRIFT,
        "%s: version %" JSON_INTEGER_FORMAT " of %s is published, by device "
        "%.16s on %s, and what is published stays; take it back with a later "
        "version: `cove migrate down %s`",
        cli_text(f, "file"), cli_int(f, "to"), cli_text(f, "schema"),
        cli_text(f, "author"), when, cli_text(f, "schema"));
}

static int drop_file(struct cli *cli, const struct cli_files *files,
                     const json_t *checked, const json_t *f)
{
    json_t *entries = cli_files_entries(files, checked), *manifest;
    const char *name = cli_text(f, "file");

    for (size_t i = json_array_size(entries); i-- > 0;) {
        if (strcmp(cli_text(json_array_get(entries, i), "file"), name) == 0) {
            json_array_remove(entries, i);
        }
    }
    manifest = json_pack("{s:o}", "files", entries);

    /* The manifest first: a file that it does not know is found again. */
    int code = cli_files_manifest(files, manifest);

    if (code == CLI_OK) {
        code = cli_files_remove(files, name);
    }
    json_decref(manifest);
    if (code == CLI_OK && cli->json) {
        json_t *reply =
            json_pack("{s:s s:s s:O}", "dropped", name, "schema",
                      cli_text(f, "schema"), "to", json_object_get(f, "to"));

        cli_print_json(reply);
        json_decref(reply);
    } else if (code == CLI_OK && !cli->quiet) {
        printf("dropped %s/migrations/%s: ", files->dir, name);
        human_versions(f);
        putchar('\n');
    }
    return code;
}

int cli_migrate_drop(struct cli *cli)
{
    struct cli_files files = {0};
    json_t *reply = NULL;
    bool bad = false, last = cli_flag(cli, "--last");
    const char *dir = cli_option(cli, "--dir", &bad);
    const char *schema = cli_word(cli);
    int code = cli_end(cli, bad);

    if (code == CLI_OK && !last) {
        code = cli_fail(CLI_USAGE, "migrate drop drops the last file: `cove "
                                   "migrate drop --last [NAME]`");
    }
    if (code == CLI_OK) {
        code = cli_files_read(dir != NULL ? dir : CLI_FILES_DIR, &files);
    }
    if (code == CLI_OK) {
        code = cli_files_check(cli, &files, &reply);
    }
    if (code == CLI_OK) {
        const json_t *f = drop_last(reply, schema);
        const char *state = f != NULL ? cli_text(f, "state") : "";

        if (f == NULL) {
            code = cli_fail(CLI_NOT_FOUND, "%s/migrations has no file%s%s",
                            files.dir, schema != NULL ? " of " : "",
                            schema != NULL ? schema : "");
        } else if (strcmp(state, "published") == 0 ||
                   (strcmp(state, "drift") == 0 &&
                    json_object_get(f, "author") != NULL)) {
            code = drop_refused(f);
        } else if (json_object_get(f, "in") != NULL) {
            code = cli_fail(CLI_DRIFT, "%s is held in %s, which stays",
                            cli_text(f, "file"), cli_text(f, "in"));
        } else {
            code = drop_file(cli, &files, reply, f);
        }
    }
    json_decref(reply);
    cli_files_clear(&files);
    return code;
}

/* ------------------------------------------------------------------- bundle */

int cli_migrate_bundle(struct cli *cli)
{
    struct cli_files files = {0};
    json_t *reply = NULL;
    bool bad = false;
    const char *out = cli_option(cli, "-o", &bad);
    const char *dir = cli_files_dir(cli, &bad);
    int code = cli_end(cli, bad);

    if (code == CLI_OK) {
        code = cli_files_read(dir, &files);
    }
    if (code == CLI_OK) {
        code = cli_call(
            cli,
            json_pack("{s:s s:O}", "do", "files.bundle", "files", files.files),
            &reply);
    }
    if (code == CLI_OK && (out == NULL || strcmp(out, "-") == 0)) {
        fputs(cli_text(reply, "bundle"), stdout);
    } else if (code == CLI_OK) {
        code = cli_files_write(out, cli_text(reply, "bundle"));
        if (code == CLI_OK && cli->json) {
            json_object_set_new(reply, "file", json_string(out));
            json_object_del(reply, "bundle");
            cli_print_json(reply);
        } else if (code == CLI_OK && !cli->quiet) {
            printf("%s: %" JSON_INTEGER_FORMAT " schemas, %" JSON_INTEGER_FORMAT
                   " migrations, %zu bytes\n",
                   out, cli_int(reply, "schemas"), cli_int(reply, "migrations"),
                   strlen(cli_text(reply, "bundle")));
        }
    }
    json_decref(reply);
    cli_files_clear(&files);
    return code;
}
