/* verbs_log.c: log: who wrote what when; with -p what each transaction changed.
 */
#include "cli/covalue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a write set, or that it deleted. */
static void log_written(const json_t *write)
{
    const json_t *value = json_object_get(write, "value");

    if (value != NULL) {
        cli_print_value(value);
    } else {
        printf("(deleted)");
    }
}

/* A write to a register; of another type what it did, short (-p has it all). */
static void log_event(const json_t *e)
{
    static const char *const did[] = {"text",   "items",  "removed", "appended",
                                      "bytes",  "added",  "begins",  "merges",
                                      "undoes", "removes"};

    if (json_object_get(e, "register") != NULL) {
        cli_print_text(cli_text(e, "register"));
        printf("  ");
        log_written(e);
        return;
    }
    for (size_t i = 0; i < sizeof(did) / sizeof(did[0]); i++) {
        const json_t *value = json_object_get(e, did[i]);
        char *text = value != NULL ? json_dumps(value, JSON_ENCODE_ANY) : NULL;

        if (text != NULL) {
            printf("%s ", did[i]);
            cli_print_text(text);
        }
        free(text);
    }
}

/* What is not there any more. */
static void log_cut(const json_t *reply)
{
    const json_t *cut = json_object_get(reply, "cut");

    if (cut != NULL) {
        printf("%" JSON_INTEGER_FORMAT " transactions before, up to ",
               cli_int(cut, "transactions"));
        cli_print_time(cli_int(cut, "until"));
        fputs(", were cut off on ", stdout);
        cli_print_time(cli_int(cut, "time"));
        printf(" by %.16s\n", cli_text(cut, "author"));
    }
}

static void human_events(const json_t *reply)
{
    json_t *e;
    size_t i;

    json_array_foreach(json_object_get(reply, "events"), i, e)
    {
        cli_print_time(json_integer_value(json_object_get(e, "time")));
        printf("  %.16s  %-6s  ", cli_text(e, "author"), cli_text(e, "kind"));
        log_event(e);
        puts(json_is_false(json_object_get(e, "shown")) ? "  (not shown)" : "");
    }
    log_cut(reply);
}

/* --------------------------------------------------------------- changes */

static bool log_colour(void)
{
    const char *no_colour = getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) && (no_colour == NULL || no_colour[0] == '\0');
}

/* One line of a change; its text on one line, so that nothing in it looks like
 * another. */
static void log_line(char sign, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    bool colour = log_colour() && sign != ' ';

    fputs(!colour ? "" : sign == '-' ? "\033[31m" : "\033[32m", stdout);
    printf("  %c ", sign);
    cli_print_text(text != NULL ? text : "");
    puts(colour ? "\033[m" : "");
    free(text);
}

static void log_items(char sign, const json_t *op)
{
    const json_t *text = json_object_get(op, "text");
    json_t *item;
    size_t i;

    if (text != NULL) {
        log_line(sign, text);
    }
    json_array_foreach(json_object_get(op, "items"), i, item)
    {
        log_line(sign, item);
    }
}

static void log_op(const json_t *op)
{
    const char *what = cli_text(op, "what");
    bool remove = strcmp(what, "remove") == 0;

    if (strcmp(what, "set") == 0 && cli_text(op, "register")[0] == '#') {
        printf("  = "); /* an item, where it stands */
        log_written(op);
        putchar('\n');
    } else if (strcmp(what, "set") == 0) {
        printf("    ");
        cli_print_text(cli_text(op, "register"));
        printf("  ");
        log_written(op);
        putchar('\n');
    } else if (remove && json_object_get(op, "text") == NULL &&
               json_object_get(op, "items") == NULL) {
        printf("  - (%" JSON_INTEGER_FORMAT " that are not here)\n",
               cli_int(op, "count"));
    } else if (strcmp(what, "append") == 0) {
        log_line('+', json_object_get(op, "value"));
    } else if (strcmp(what, "add") == 0) {
        printf("  %+" JSON_INTEGER_FORMAT "\n", cli_int(op, "amount"));
    } else if (strcmp(what, "chunk") == 0) {
        printf("  + %" JSON_INTEGER_FORMAT " bytes at %" JSON_INTEGER_FORMAT
               "\n",
               cli_int(op, "bytes"), cli_int(op, "offset"));
    } else {
        log_items(remove ? '-' : '+', op);
    }
}

static void log_change(const json_t *change)
{
    json_t *op;
    size_t i;

    cli_print_time(cli_int(change, "time"));
    printf("  %.16s  %.8s/%" JSON_INTEGER_FORMAT, cli_text(change, "author"),
           cli_text(change, "session"), cli_int(change, "tx"));
    if (strcmp(cli_text(change, "kind"), "copy") == 0) {
        fputs("  copy", stdout);
    }
    const json_t *undoes = json_object_get(change, "undoes");

    if (undoes != NULL) {
        printf("  takes back %.8s/%" JSON_INTEGER_FORMAT,
               cli_text(undoes, "session"), cli_int(undoes, "tx"));
    }
    if (json_object_get(change, "begins") != NULL) {
        fputs("  begins branch ", stdout);
        cli_print_text(cli_text(change, "begins"));
    }
    if (json_object_get(change, "merges") != NULL) {
        printf("  merges branch #%.8s", cli_text(change, "merges"));
    }
    if (json_object_get(change, "branch") != NULL) {
        printf("  on branch #%.8s", cli_text(change, "branch"));
    }
    puts(json_is_false(json_object_get(change, "shown")) ? "  (not shown)"
                                                         : "");
    json_array_foreach(json_object_get(change, "ops"), i, op)
    {
        log_op(op);
    }
}

static int log_page(struct cli *cli, const struct cli_target *t,
                    json_int_t limit, const char *before, json_t **reply)
{
    json_t *request = cli_target_request(t, "changes");

    json_object_set_new(request, "limit", json_integer(limit));
    if (before != NULL) {
        json_object_set_new(request, "before", json_string(before));
    }
    return cli_call(cli, request, reply);
}

/* Pages until the limit; -1: all. With --json one page as it is. */
static int log_changes(struct cli *cli, struct cli_target *t, json_int_t limit,
                       const char *before)
{
    json_t *reply = NULL, *change, *next = json_string(before);
    bool json = cli->json && !cli->lines;
    size_t i;
    int code;

    do {
        json_int_t size = limit < 0 || limit > 100 ? 100 : limit;

        size = json && limit > 100 ? limit : size;
        json_decref(reply);
        reply = NULL;
        code = log_page(cli, t, size, json_string_value(next), &reply);
        json_decref(next);
        next = json_incref(json_object_get(reply, "next"));
        if (json && code == CLI_OK) {
            cli_print_json(reply);
            break;
        }
        json_array_foreach(json_object_get(reply, "changes"), i, change)
        {
            if (cli->lines) {
                cli_print_json(change);
            } else {
                log_change(change);
            }
        }
        limit -= limit > 0 ? size : 0;
    } while (code == CLI_OK && next != NULL && limit != 0);
    if (code == CLI_OK && next != NULL && !json && !cli->quiet) {
        fflush(stdout);
        fprintf(stderr, "older ones with --before %s\n",
                json_string_value(next));
    }
    if (code == CLI_OK && next == NULL && !cli->json && !cli->lines) {
        log_cut(reply);
    }
    json_decref(next);
    json_decref(reply);
    return code;
}

static int log_patches(struct cli *cli)
{
    struct cli_target t;
    bool bad = false;
    json_int_t limit = 20;
    const char *before = cli_option(cli, "--before", &bad);
    const char *all = NULL;

    if (cli_flag(cli, "--all")) {
        all = "";
        limit = -1;
    }
    if (cli_option_number(cli, "--limit", &bad, &limit) &&
        (limit == 0 || all != NULL)) {
        return cli_fail(CLI_USAGE, "--limit wants a number from 1, or --all");
    }
    int code = cli_target_take(cli, &t, CLI_ANY_TYPE, &bad);

    code = code == CLI_OK ? cli_end(cli, bad) : code;
    code = code == CLI_OK ? cli_target_begin(cli, &t, false) : code;
    code = code == CLI_OK ? cli_target_end(cli, &t, code) : code;
    return code == CLI_OK ? log_changes(cli, &t, limit, before) : code;
}

/* --------------------------------------------------------------------- log */

int cli_log(struct cli *cli)
{
    if (cli_flag(cli, "-p")) {
        return log_patches(cli);
    }
    json_t *request = json_pack("{s:s}", "do", "history");
    bool bad = false;
    const char *id, *field;

    cli_as_option(cli, request, &bad);
    id = cli_word(cli);
    field = cli_word(cli);

    int code = cli_end(cli, bad);

    if (code == CLI_OK && id == NULL) {
        code = cli_fail(CLI_USAGE, "log needs a document's id");
    }
    code = code == CLI_OK ? cli_target_named(cli, id, request) : code;
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    if (field != NULL) {
        json_object_set_new(request, "field", json_string(field));
    }
    return cli_answer(cli, request, human_events);
}
