/* verbs_up.c: migrate up: publish what is not published yet, in the manifest's
 * order, then run the migrations.
 *
 * Each file is a commit of its own: what was published before one that fails
 * stays, and the same command goes on there.
 */
#include "cli/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct up {
    struct cli *cli;
    struct cli_files files;
    const char *dir, *owner;
    json_int_t to, batch, timeout; /* 0: not given */
    bool strict, allow_drift, wait, no_backup;
    json_t *checked;   /* the reply of files.check */
    json_t *left_out;  /* names of schemas that have problems */
    json_t *published; /* what was published, a row each */
    json_t *runs;      /* name → run */
};

/* ----------------------------------------------------------- what to publish
 */

/* Names of the schemas that a problem stops. A problem of no schema stops
 * nothing but its file, which is not unpublished. */
static void up_leave_out(struct up *up)
{
    json_t *p;
    size_t i;

    json_array_foreach(json_object_get(up->checked, "problems"), i, p)
    {
        const char *schema = cli_text(p, "schema");

        if (json_is_true(json_object_get(p, "blocks")) && schema[0] != '\0') {
            json_object_set_new(up->left_out, schema, json_true());
        }
    }
}

/* May anything be published at all? */
static int up_allowed(struct up *up)
{
    int code = CLI_OK;

    if (up->strict) {
        code = cli_files_problems(up->checked, false);
    } else if (up->allow_drift) {
        up_leave_out(up);
        if (!up->cli->quiet) {
            cli_files_problems(up->checked, true);
        }
    } else {
        code = cli_files_problems(up->checked, true);
    }
    return code == CLI_OK
               ? CLI_OK
               : cli_fail(code, "nothing was published%s",
                          up->strict ? ""
                                     : "; --allow-drift goes on with the "
                                       "schemas that this does not concern");
}

static bool up_wanted(const struct up *up, const json_t *f)
{
    return strcmp(cli_text(f, "state"), "unpublished") == 0 &&
           json_object_get(up->left_out, cli_text(f, "schema")) == NULL &&
           (up->to == 0 || cli_int(f, "to") <= up->to);
}

static const char *up_file(const json_t *f)
{
    return json_object_get(f, "in") != NULL ? cli_text(f, "in")
                                            : cli_text(f, "file");
}

/* ------------------------------------------------------------------ publishing
 */

/* The file, and the schemas beside it, one of which it may lead to. */
static json_t *up_texts(const struct up *up, const char *file)
{
    json_t *texts = json_array(), *f;
    size_t i;

    json_array_foreach(json_object_get(up->checked, "files"), i, f)
    {
        const char *name = cli_text(f, "file");
        bool beside = json_object_get(f, "in") == NULL &&
                      strcmp(cli_text(f, "kind"), "schema") == 0 &&
                      strcmp(name, file) != 0;

        if (beside) {
            json_array_append_new(texts,
                                  json_pack("{s:s s:s}", "file", name, "text",
                                            cli_files_text(&up->files, name)));
        }
    }
    json_array_append_new(texts, json_pack("{s:s s:s}", "file", file, "text",
                                           cli_files_text(&up->files, file)));
    return texts;
}

static int up_publish_one(struct up *up, const char *file)
{
    json_t *request = json_pack("{s:s s:o s:s}", "do", "migrate.add", "files",
                                up_texts(up, file), "only", file);
    json_t *reply = NULL, *row;
    size_t i;

    if (up->owner != NULL) {
        json_object_set_new(request, "owner", json_string(up->owner));
    }
    int code = cli_call(up->cli, request, &reply);

    json_array_foreach(json_object_get(reply, "published"), i, row)
    {
        if (json_is_true(json_object_get(row, "existed"))) {
            continue;
        }
        json_array_append(up->published, row);
        if (!up->cli->json && !up->cli->quiet) {
            printf("published ");
            cli_print_text(cli_text(row, "schema"));
            printf(" %" JSON_INTEGER_FORMAT "  %.16s  %s\n",
                   cli_int(row, "version"), cli_text(row, "step"), file);
        }
    }
    json_decref(reply);
    return code;
}

static size_t up_count(const struct up *up)
{
    size_t i, count = 0;
    json_t *f;

    json_array_foreach(json_object_get(up->checked, "files"), i, f)
    {
        count += up_wanted(up, f);
    }
    return count;
}

static int up_publish(struct up *up)
{
    size_t i, all = up_count(up);
    json_t *f;

    json_array_foreach(json_object_get(up->checked, "files"), i, f)
    {
        if (!up_wanted(up, f)) {
            continue;
        }
        int code = up_publish_one(up, up_file(f));

        if (code != CLI_OK) {
            return cli_fail(code,
                            "stopped at %s: %zu of %zu are published, and "
                            "stay; `cove migrate up` goes on there",
                            cli_text(f, "file"), json_array_size(up->published),
                            all);
        }
    }
    return CLI_OK;
}

/* --------------------------------------------------------------------- running
 */

/* The schema's newest step here, and how far its run is. */
static int up_run_due(struct up *up, const char *name, bool *due)
{
    json_t *reply = NULL;
    int code = cli_call(
        up->cli, json_pack("{s:s s:s}", "do", "schema.show", "schema", name),
        &reply);
    char *head = strdup(cli_text(reply, "step"));

    json_decref(reply);
    reply = NULL;
    if (code == CLI_OK) {
        code = cli_call(
            up->cli,
            json_pack("{s:s s:s}", "do", "migrate.status", "schema", name),
            &reply);
    }
    if (code == CLI_OK) {
        const json_t *run = json_object_get(
            json_array_get(json_object_get(reply, "schemas"), 0), "run");

        *due = head == NULL || strcmp(cli_text(run, "head"), head) != 0 ||
               (strcmp(cli_text(run, "state"), "completed") != 0 &&
                strcmp(cli_text(run, "state"), "noop") != 0);
    }
    free(head);
    json_decref(reply);
    return code;
}

static int up_run_one(struct up *up, const char *name)
{
    json_t *request =
        json_pack("{s:s s:s}", "do", "migrate.run", "schema", name);
    json_t *reply = NULL;

    if (up->batch > 0) {
        json_object_set_new(request, "batch", json_integer(up->batch));
    }
    if (up->allow_drift) {
        json_object_set_new(request, "allowDrift", json_true());
    }
    if (up->no_backup) {
        json_object_set_new(request, "noBackup", json_true());
    }
    int code = cli_run_work(up->cli, request, -1, &reply);

    if (code == CLI_OK) {
        json_object_set(up->runs, name, json_object_get(reply, "run"));
        if (!up->cli->json && !up->cli->quiet) {
            printf("ran ");
            cli_print_text(name);
            printf("  ");
            cli_human_run(json_object_get(reply, "run"));
            fflush(stdout);
        }
        code = cli_run_code(reply);
    }
    json_decref(reply);
    return code;
}

/* Was it published here, now or in an earlier call? What others published they
 * run, and each device what it loads. */
static bool up_ours(const struct up *up, const json_t *f)
{
    const struct cove_key key = cove_device(up->cli->store);
    char hex[2 * sizeof(key.b) + 1];

    for (size_t i = 0; i < sizeof(key.b); i++) {
        snprintf(hex + 2 * i, 3, "%02x", key.b[i]);
    }
    return up_wanted(up, f) || strcmp(cli_text(f, "author"), hex) == 0;
}

/* Every schema that was published here and whose documents are not all at its
 * newest version yet. */
static int up_run(struct up *up)
{
    json_t *seen = json_object(), *f;
    int code = CLI_OK;
    size_t i;

    json_array_foreach(json_object_get(up->checked, "files"), i, f)
    {
        const char *name = cli_text(f, "schema");
        bool due = false;

        if (code != CLI_OK || !up_ours(up, f) ||
            json_object_get(seen, name) != NULL ||
            json_object_get(up->left_out, name) != NULL) {
            continue;
        }
        json_object_set_new(seen, name, json_true());
        code = up_run_due(up, name, &due);
        if (code == CLI_OK && due) {
            code = up_run_one(up, name);
        }
    }
    json_decref(seen);
    return code;
}

/* ------------------------------------------------------------------------ verb
 */

static int up_wait(struct up *up)
{
    json_int_t seconds = up->timeout > 0 ? up->timeout : 30;
    int err = cove_wait(up->cli->store, NULL,
                        seconds < 2000000 ? (int)seconds * 1000 : -1);

    if (err == COVE_ETIMEOUT) {
        return cli_fail(CLI_CONDITION,
                        "published and run here; not every peer has it after "
                        "%" JSON_INTEGER_FORMAT " s: `cove wait` goes on "
                        "waiting, `cove status` shows which",
                        seconds);
    }
    return err != 0 ? cli_failed(up->cli, err) : CLI_OK;
}

/* The schema files that no migration leads to yet, or that cannot be read: they
 * stop nothing, but who edited one may have meant it. */
static size_t up_uncreated(const struct up *up)
{
    static const char *const kinds[] = {"uncreated", "changed", "malformed"};
    size_t i, k, count = 0;
    json_t *p;

    json_array_foreach(json_object_get(up->checked, "problems"), i, p)
    {
        const char *kind = cli_text(p, "kind");

        for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
            if (strcmp(kind, kinds[k]) == 0 &&
                !json_is_true(json_object_get(p, "blocks"))) {
                cli_fail(CLI_OK, "%s: %s", kind, cli_text(p, "why"));
                count++;
            }
        }
    }
    return count;
}

/* What is left to say when all went well. */
static void up_said(const struct up *up)
{
    size_t uncreated = up_uncreated(up);

    if (!up->cli->json && json_array_size(up->published) == 0 &&
        json_object_size(up->runs) == 0) {
        puts(uncreated == 0 ? "nothing to do: every file is published and run"
                            : "nothing was published: see above");
    }
}

static int up_do(struct up *up)
{
    int code = cli_files_read(up->dir, &up->files);

    if (code == CLI_OK) {
        code = cli_files_check(up->cli, &up->files, &up->checked);
    }
    if (code == CLI_OK) {
        code = up_allowed(up);
    }
    if (code == CLI_OK) {
        code = up_publish(up);
    }
    if (code == CLI_OK) {
        code = up_run(up);
    }
    if (code == CLI_OK && !up->cli->quiet) {
        up_said(up);
    }
    if (code == CLI_OK && up->wait) {
        code = up_wait(up);
    }
    if (up->cli->json && up->checked != NULL) {
        json_t *all = json_pack("{s:O s:O s:O}", "published", up->published,
                                "runs", up->runs, "skipped", up->left_out);

        cli_print_json(all);
        json_decref(all);
    }
    return code;
}

int cli_migrate_up(struct cli *cli)
{
    struct up up = {.cli = cli,
                    .left_out = json_object(),
                    .published = json_array(),
                    .runs = json_object()};
    bool bad = false;

    up.strict = cli_flag(cli, "--strict");
    up.allow_drift = cli_flag(cli, "--allow-drift");
    up.wait = cli_flag(cli, "--wait");
    up.no_backup = cli_flag(cli, "--no-backup");
    cli_option_number(cli, "--to", &bad, &up.to);
    cli_option_number(cli, "--batch", &bad, &up.batch);
    cli_option_number(cli, "--timeout", &bad, &up.timeout);
    up.owner = cli_option(cli, "--owner", &bad);
    up.dir = cli_files_dir(cli, &bad);

    int code = cli_end(cli, bad);

    if (code == CLI_OK && up.strict && up.allow_drift) {
        code = cli_fail(CLI_USAGE, "--strict and --allow-drift exclude each "
                                   "other");
    }
    if (code == CLI_OK) {
        code = up_do(&up);
    }
    json_decref(up.checked);
    json_decref(up.left_out);
    json_decref(up.published);
    json_decref(up.runs);
    cli_files_clear(&up.files);
    return code;
}
