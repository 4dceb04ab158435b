/* verbs_compact.c: compact: pack logs, then make the file anew. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

struct compact {
    struct cli *cli;
    struct cli_progress progress;
    const char *schema, *id;
    json_int_t days;
    json_t *sums; /* the verb's counts, added up */
};

static void compact_add(struct compact *c, const json_t *reply)
{
    static const char *const keys[] = {"documents", "packs", "chunks", "before",
                                       "after"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        json_object_set_new(
            c->sums, keys[i],
            json_integer(cli_int(c->sums, keys[i]) + cli_int(reply, keys[i])));
    }
}

/* Slice after slice, until there is nothing to pack. */
static int compact_logs(struct compact *c)
{
    json_int_t after = 0;
    bool more = true;
    int code = CLI_OK;

    while (more && code == CLI_OK) {
        json_t *request =
            json_pack("{s:s s:I s:I s:I}", "do", "compact", "after", after,
                      "days", c->days, "slice", (json_int_t)250);
        json_t *reply = NULL;

        if (c->schema != NULL) {
            json_object_set_new(request, "schema", json_string(c->schema));
        }
        if (c->id != NULL) {
            json_object_set_new(request, "id", json_string(c->id));
        }
        code = cli_call(c->cli, request, &reply);
        if (code == CLI_OK) {
            more = json_object_get(reply, "next") != NULL;
            after = cli_int(reply, "next");
            compact_add(c, reply);
            cli_progress_step(&c->progress, cli_int(c->sums, "chunks"));
        }
        json_decref(reply);
    }
    return code;
}

static int compact_file(struct compact *c)
{
    json_t *reply = NULL;
    int code =
        cli_call(c->cli, json_pack("{s:s}", "do", "compact.file"), &reply);

    if (code == CLI_OK) {
        json_object_set(c->sums, "file", reply);
    }
    json_decref(reply);
    return code;
}

static void compact_print(const json_t *sums)
{
    const json_t *file = json_object_get(sums, "file");

    printf("packed  %" JSON_INTEGER_FORMAT
           " pieces of logs, %" JSON_INTEGER_FORMAT
           " bytes to %" JSON_INTEGER_FORMAT "\n",
           cli_int(sums, "chunks"), cli_int(sums, "before"),
           cli_int(sums, "after"));
    if (json_is_true(json_object_get(file, "done"))) {
        printf("file    %" JSON_INTEGER_FORMAT " bytes to %" JSON_INTEGER_FORMAT
               "\n",
               cli_int(file, "before"), cli_int(file, "after"));
    } else if (file != NULL) {
        fputs("file    as it was: ", stdout);
        cli_print_text(cli_text(file, "why"));
        putchar('\n');
    }
}

int cli_compact(struct cli *cli)
{
    struct compact c = {.cli = cli};
    bool bad = false;
    bool all = cli_flag(cli, "--all");
    bool file = !cli_flag(cli, "--no-file");

    c.schema = cli_option(cli, "--schema", &bad);
    (void)cli_option_number(cli, "--days", &bad, &c.days);
    c.id = cli_word(cli);

    int code = cli_end(cli, bad);

    if (code == CLI_OK && all + (c.schema != NULL) + (c.id != NULL) > 1) {
        code = cli_fail(CLI_USAGE, "compact takes --all, --schema NAME or an "
                                   "ID, one of them");
    }
    if (code != CLI_OK) {
        return code;
    }
    c.sums = json_object();
    cli_progress_begin(&c.progress, cli, "pieces packed", 0);
    code = compact_logs(&c);
    cli_progress_end(&c.progress);
    if (code == CLI_OK && file && c.schema == NULL && c.id == NULL) {
        code = compact_file(&c);
    }
    if (code == CLI_OK) {
        cli_say(cli, c.sums, compact_print);
    }
    json_decref(c.sums);
    return code;
}
