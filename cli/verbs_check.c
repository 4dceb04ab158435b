/* verbs_check.c: check: is the store whole? */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static void check_log(void *ctx, const char *text)
{
    struct cli_progress *p = ctx;
    long long done = 0, total = 0;

    if (sscanf(text, "progress %lld of %lld", &done, &total) == 2) {
        p->total = total;
        cli_progress_step(p, done);
    }
}

static void human_finding(const json_t *f)
{
    bool fixed = json_is_true(json_object_get(f, "fixed"));

    printf("%-8s %-15s ",
           json_is_true(json_object_get(f, "derived")) ? "derived" : "LOST",
           cli_text(f, "kind"));
    if (json_object_get(f, "id") != NULL) {
        printf("%s  ", cli_text(f, "id"));
    }
    cli_print_text(cli_text(f, "why"));
    if (json_object_get(f, "from") != NULL) {
        printf(": session %.16s, transactions %" JSON_INTEGER_FORMAT
               " to %" JSON_INTEGER_FORMAT,
               cli_text(f, "session"), cli_int(f, "from"),
               cli_int(f, "to") - 1);
    }
    printf("\n         %s", fixed ? "repaired; " : "");
    cli_print_text(cli_text(f, "advice"));
    putchar('\n');
}

static void human_check(const json_t *reply)
{
    const json_t *pages = json_object_get(reply, "pages");
    json_t *f;
    size_t i;

    json_array_foreach(json_object_get(reply, "damaged"), i, f)
    {
        human_finding(f);
    }
    if (cli_int(reply, "lost") + cli_int(reply, "derived") >
        cli_int(reply, "shown")) {
        printf("… and more; these are the first %" JSON_INTEGER_FORMAT "\n",
               cli_int(reply, "shown"));
    }
    printf("%" JSON_INTEGER_FORMAT " documents, %" JSON_INTEGER_FORMAT
           " sessions, %" JSON_INTEGER_FORMAT
           " transactions, %" JSON_INTEGER_FORMAT " damaged",
           cli_int(reply, "documents"), cli_int(reply, "sessions"),
           cli_int(reply, "transactions"),
           cli_int(reply, "lost") + cli_int(reply, "derived"));
    if (cli_int(reply, "fixed") > 0) {
        printf(", %" JSON_INTEGER_FORMAT " of it repaired",
               cli_int(reply, "fixed"));
    }
    putchar('\n');
    if (pages != NULL) {
        printf("%" JSON_INTEGER_FORMAT " pages in use, %" JSON_INTEGER_FORMAT
               " free\n",
               cli_int(pages, "used"), cli_int(pages, "free"));
    }
}

/* Damage that was made good is none any more. */
static bool check_is_well(const json_t *reply)
{
    return cli_int(reply, "lost") == 0 &&
           cli_int(reply, "derived") <= cli_int(reply, "fixed");
}

int cli_check(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "check");
    struct cli_progress progress;
    json_t *reply = NULL;

    if (cli_flag(cli, "--deep")) {
        json_object_set_new(request, "deep", json_true());
    }
    if (cli_flag(cli, "--repair")) {
        json_object_set_new(request, "repair", json_true());
    }
    int code = cli_end(cli, false);

    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    cli_progress_begin(&progress, cli, "checked", 0);
    cove_set_log(cli->store, check_log, &progress);
    code = cli_call(cli, request, &reply);
    cove_set_log(cli->store, NULL, NULL);
    cli_progress_end(&progress);
    if (code == CLI_OK && cli->json) {
        cli_print_json(reply);
    } else if (code == CLI_OK && !cli->quiet) {
        human_check(reply);
    }
    if (code == CLI_OK && !check_is_well(reply)) {
        code = CLI_INVALID;
    }
    json_decref(reply);
    return code;
}
