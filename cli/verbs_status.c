/* verbs_status.c: migrate status: versions, who is at which, and what is not
 * as it should be. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

/* The state words that are worth a number, in the order of worry. */
static const char *const states[] = {
    "current",     "viewed",  "due",   "local-only", "quarantined",
    "waiting-key", "blocked", "ahead", "unjudged",
};

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

/* How many documents were last written at a step. */
static json_int_t step_documents(const json_t *schema, const json_t *step)
{
    json_t *version;
    size_t i;

    json_array_foreach(json_object_get(schema, "versions"), i, version)
    {
        if (strcmp(cli_text(version, "step"), cli_text(step, "step")) == 0) {
            return cli_int(version, "documents");
        }
    }
    return 0;
}

static void human_step(const json_t *schema, const json_t *step)
{
    if (json_is_true(json_object_get(step, "annotation"))) {
        if (json_object_get(step, "stays") != NULL) {
            printf("  retires all before %-2" JSON_INTEGER_FORMAT,
                   cli_int(step, "stays"));
        } else {
            printf("  %-21s", "note");
        }
        printf(" %.16s  by %.16s ", cli_text(step, "step"),
               cli_text(step, "author"));
        cli_print_time(cli_int(step, "time"));
        putchar('\n');
        return;
    }
    printf("  version %-4" JSON_INTEGER_FORMAT " %-9s %.16s  by %.16s ",
           cli_int(step, "version"),
           json_is_true(json_object_get(step, "retired"))
               ? "retired"
               : cli_text(step, "state"),
           cli_text(step, "step"), cli_text(step, "author"));
    cli_print_time(cli_int(step, "time"));
    if (step_documents(schema, step) > 0) {
        printf("  %" JSON_INTEGER_FORMAT " documents",
               step_documents(schema, step));
    }
    if (json_object_get(step, "class") != NULL) {
        printf("  %s", cli_text(step, "class"));
    }
    putchar('\n');
    if (json_object_get(step, "why") != NULL) {
        fputs("    ", stdout);
        cli_print_text(cli_text(step, "why"));
        putchar('\n');
    }
    human_inert(step);
}

static void human_documents(const json_t *schema)
{
    const json_t *counts = json_object_get(schema, "states");
    bool any = false;

    if (cli_int(schema, "documents") == 0) {
        puts("  no documents");
        return;
    }
    printf("  %" JSON_INTEGER_FORMAT " documents: ",
           cli_int(schema, "documents"));
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        json_int_t count = cli_int(counts, states[i]);

        if (count > 0) {
            printf("%s%" JSON_INTEGER_FORMAT " %s", any ? ", " : "", count,
                   states[i]);
            any = true;
        }
    }
    putchar('\n');
    if (cli_int(schema, "unknown") > 0) {
        printf("  %" JSON_INTEGER_FORMAT
               " of them last written at a version that is not here yet\n",
               cli_int(schema, "unknown"));
    }
    if (cli_int(counts, "unjudged") > 0) {
        fputs("  unjudged: not loaded since they or the versions changed; "
              "`cove migrate run ",
              stdout);
        cli_print_text(cli_text(schema, "name"));
        puts("` does");
    }
}

static void human_devices(const json_t *schema)
{
    json_t *device;
    size_t i;

    json_array_foreach(json_object_get(schema, "devices"), i, device)
    {
        printf("  device %.16s ", cli_text(device, "device"));
        cli_print_padded(cli_text(device, "name"), 12);
        if (json_object_get(device, "version") != NULL) {
            printf(" version %" JSON_INTEGER_FORMAT "  ",
                   cli_int(device, "version"));
        } else {
            printf(" %.16s  ", cli_text(device, "step"));
        }
        cli_print_time(cli_int(device, "time"));
        putchar('\n');
    }
}

static void human_drift(const json_t *schema)
{
    json_t *drift;
    size_t i;

    json_array_foreach(json_object_get(schema, "drift"), i, drift)
    {
        printf("  drift: the entry %.16s is not what its key says; by %.16s ",
               cli_text(drift, "key"), cli_text(drift, "author"));
        cli_print_time(cli_int(drift, "time"));
        putchar('\n');
    }
}

/* Why the run did not come to its end. */
static void human_run_error(const json_t *run)
{
    if (json_object_get(run, "error") != NULL) {
        fputs("    ", stdout);
        cli_print_text(cli_text(run, "error"));
        putchar('\n');
    }
}

static void human_schema(const json_t *schema)
{
    json_t *step;
    size_t i;

    cli_print_text(cli_text(schema, "name"));
    puts(json_is_true(json_object_get(schema, "forked"))
             ? "  FORK: two newest versions; `cove migrate merge` joins them"
             : "");
    json_array_foreach(json_object_get(schema, "steps"), i, step)
    {
        human_step(schema, step);
    }
    human_documents(schema);
    human_devices(schema);
    human_drift(schema);
    if (json_object_get(schema, "run") != NULL) {
        printf("  run ");
        cli_human_run(json_object_get(schema, "run"));
        human_run_error(json_object_get(schema, "run"));
    }
}

int cli_migrate_status(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "migrate.status");
    json_t *reply = NULL, *schema;
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
    }
    json_array_foreach(json_object_get(reply, "schemas"), i, schema)
    {
        if (!cli->json && !cli->quiet) {
            human_schema(schema);
        }
        if (json_array_size(json_object_get(schema, "drift")) > 0) {
            code = CLI_DRIFT;
        }
    }
    json_decref(reply);
    return code;
}
