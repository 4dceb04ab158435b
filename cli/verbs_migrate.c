/* verbs_migrate.c: migrate publish, status, run. */
#include "cli/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cli_human_run(const json_t *run)
{
    printf("%s: %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
           " documents, %" JSON_INTEGER_FORMAT
           " migrated, %" JSON_INTEGER_FORMAT " copies, %" JSON_INTEGER_FORMAT
           " with invalid values, %" JSON_INTEGER_FORMAT " failed\n",
           cli_text(run, "state"), cli_int(run, "done"), cli_int(run, "total"),
           cli_int(run, "migrated"), cli_int(run, "copies"),
           cli_int(run, "invalid"), cli_int(run, "failed"));
}

static int migrate_run(struct cli *cli)
{
    json_t *request = json_pack("{s:s s:i}", "do", "migrate.run", "max", 4096);
    json_t *reply = NULL;
    struct cli_progress progress;
    bool bad = false;
    const char *to = cli_option(cli, "--to", &bad);
    json_int_t batch = 0;
    bool batched = cli_option_number(cli, "--batch", &bad, &batch);
    const char *name = cli_word(cli);
    int code = cli_end(cli, bad);

    if (code == CLI_OK && name == NULL) {
        code = cli_fail(CLI_USAGE, "migrate run needs a schema's name");
    }
    if (code == CLI_OK) {
        cli_schema_word(name, request);
    }
    if (to != NULL) {
        json_object_set_new(request, "version", json_string(to));
    }
    if (batched) {
        json_object_set_new(request, "batch", json_integer(batch));
    }
    cli_progress_begin(&progress, cli, "documents", 0);
    while (code == CLI_OK) {
        json_decref(reply);
        reply = NULL;
        code = cli_call(cli, json_incref(request), &reply);
        const json_t *run = json_object_get(reply, "run");

        progress.total = cli_int(run, "total");
        cli_progress_step(&progress, cli_int(run, "done"));
        if (json_is_true(json_object_get(reply, "finished"))) {
            break;
        }
    }
    cli_progress_end(&progress);
    if (code == CLI_OK && cli->json) {
        cli_print_json(json_object_get(reply, "run"));
    } else if (code == CLI_OK && !cli->quiet) {
        cli_human_run(json_object_get(reply, "run"));
    }
    json_decref(reply);
    json_decref(request);
    return code;
}

static int migrate_publish(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "migrate.publish");
    bool bad = false;
    const char *schema = cli_option(cli, "--schema", &bad);
    const char *path = cli_word(cli);
    int code = cli_end(cli, bad);

    if (code == CLI_OK && path == NULL) {
        code = cli_fail(CLI_USAGE, "this needs a migration file");
    }
    if (code == CLI_OK) {
        json_object_set_new(request, "file", json_string(path));
        code = cli_file_member(request, "migration", path);
    }
    if (code == CLI_OK && schema != NULL) {
        code = cli_file_member(request, "schema", schema);
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    return cli_answer(cli, request, cli_human_published);
}

int cli_migrate(struct cli *cli)
{
    static const struct cli_sub subs[] = {
        /* clang-format off */
        {"plan", cli_migrate_plan},
        {"explain", cli_migrate_explain},
        {"publish", migrate_publish},
        {"status", cli_migrate_status},
        {"run", migrate_run},
        {"down", cli_migrate_down},
        {"retire", cli_migrate_retire},
        {"merge", cli_migrate_merge},
        {"log", cli_migrate_log},
        {"create", cli_migrate_create},
        {"up", cli_migrate_up},
        {"verify", cli_migrate_verify},
        {"drop", cli_migrate_drop},
        {"squash", cli_migrate_squash},
        {"bundle", cli_migrate_bundle},
        {"reset", cli_migrate_reset},
        {NULL, NULL},
        /* clang-format on */
    };

    return cli_sub_run(cli, subs);
}
