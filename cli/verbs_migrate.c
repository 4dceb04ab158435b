/* verbs_migrate.c: migrate publish, status, run. */
#include "cli/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void human_run(const json_t *run)
{
    printf("%s: %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
           " documents, %" JSON_INTEGER_FORMAT
           " migrated, %" JSON_INTEGER_FORMAT " copies, %" JSON_INTEGER_FORMAT
           " with invalid values, %" JSON_INTEGER_FORMAT " failed\n",
           cli_text(run, "state"), cli_int(run, "done"), cli_int(run, "total"),
           cli_int(run, "migrated"), cli_int(run, "copies"),
           cli_int(run, "invalid"), cli_int(run, "failed"));
}

/* What of a step does nothing where another step said otherwise before. */
static void human_inert(const json_t *step)
{
    json_t *inert;
    size_t i;

    json_array_foreach(json_object_get(step, "inert"), i, inert)
    {
        printf("    its operation %" JSON_INTEGER_FORMAT
               " does nothing at %.16s: another step came before\n",
               cli_int(inert, "op"), cli_text(inert, "head"));
    }
}

static void human_status(const json_t *reply)
{
    json_t *s, *step;
    size_t i, k;

    json_array_foreach(json_object_get(reply, "schemas"), i, s)
    {
        cli_print_text(cli_text(s, "name"));
        puts(json_is_true(json_object_get(s, "forked"))
                 ? "  FORK: two branches; a migration with both as `from` "
                   "joins them"
                 : "");
        json_array_foreach(json_object_get(s, "steps"), k, step)
        {
            printf("  version %-4" JSON_INTEGER_FORMAT " %-9s %.16s  by %.16s ",
                   cli_int(step, "version"), cli_text(step, "state"),
                   cli_text(step, "step"), cli_text(step, "author"));
            cli_print_time(cli_int(step, "time"));
            putchar('\n');
            human_inert(step);
        }
        json_array_foreach(json_object_get(s, "drift"), k, step)
        {
            printf("  drift: the entry %.16s is not what its key says; by "
                   "%.16s ",
                   cli_text(step, "key"), cli_text(step, "author"));
            cli_print_time(cli_int(step, "time"));
            putchar('\n');
        }
        if (json_object_get(s, "run") != NULL) {
            printf("  run ");
            human_run(json_object_get(s, "run"));
        }
    }
}

static int migrate_status(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "migrate.status");
    json_t *reply = NULL, *s;
    const char *name = cli_word(cli);
    size_t i;
    int code = cli_end(cli, false);

    if (code == CLI_OK && name != NULL) {
        json_object_set_new(request, "schema", json_string(name));
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    code = cli_call(cli, request, &reply);
    if (code == CLI_OK && cli->json) {
        cli_print_json(reply);
    } else if (code == CLI_OK && !cli->quiet) {
        human_status(reply);
    }
    json_array_foreach(json_object_get(reply, "schemas"), i, s)
    {
        if (json_array_size(json_object_get(s, "drift")) > 0) {
            code = CLI_DRIFT;
        }
    }
    json_decref(reply);
    return code;
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
        human_run(json_object_get(reply, "run"));
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
        {"status", migrate_status},
        {"run", migrate_run},
        {"down", cli_migrate_down},
        {"retire", cli_migrate_retire},
        {"merge", cli_migrate_merge},
        {"log", cli_migrate_log},
        {"create", cli_migrate_create},
        {"up", cli_migrate_up},
        {"verify", cli_migrate_verify},
        {"drop", cli_migrate_drop},
        {"bundle", cli_migrate_bundle},
        {"reset", cli_migrate_reset},
        {NULL, NULL},
        /* clang-format on */
    };

    return cli_sub_run(cli, subs);
}
