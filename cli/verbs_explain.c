/* verbs_explain.c: migrate explain: why a document shows what it shows. */
#include "cli/cli.h"

#include <stdio.h>

/* The value that an object tells of: set, invalid, or deleted. */
static void human_value(const json_t *of)
{
    const json_t *value = json_object_get(of, "value");
    const json_t *raw = json_object_get(of, "invalid");

    if (value == NULL && raw == NULL) {
        printf("(deleted)");
        return;
    }
    if (raw != NULL) {
        printf("invalid, ");
    }
    if (json_is_string(value != NULL ? value : raw)) {
        putchar('"');
        cli_print_value(value != NULL ? value : raw);
        putchar('"');
    } else {
        cli_print_value(value != NULL ? value : raw);
    }
}

/* "by 3f2a…, 2026-11-20 10:00:01.000, at version 1 (section)" */
static void human_who(const json_t *write)
{
    printf("by %.16s, ", cli_text(write, "author"));
    cli_print_time(cli_int(write, "time"));
    if (json_object_get(write, "version") != NULL) {
        printf(", at version %" JSON_INTEGER_FORMAT, cli_int(write, "version"));
    }
    printf(" (");
    cli_print_text(cli_text(write, "name"));
    putchar(')');
}

static void human_hop(const json_t *hop)
{
    const json_t *functions = json_object_get(hop, "functions");

    printf("    ");
    cli_print_text(cli_text(hop, "from"));
    printf(" ─%s%s", cli_text(hop, "kind"),
           json_is_true(json_object_get(hop, "back")) ? " back" : "");
    if (json_object_get(hop, "version") != NULL) {
        printf(" (version %" JSON_INTEGER_FORMAT ")", cli_int(hop, "version"));
    }
    if (json_is_null(functions)) {
        printf(" no way");
    } else if (functions != NULL) {
        putchar(' ');
        cli_print_value(functions);
    }
    printf("→ ");
    cli_print_text(cli_text(hop, "to"));
    if (json_object_get(hop, "value") != NULL ||
        json_object_get(hop, "invalid") != NULL) {
        printf("  ");
        human_value(hop);
    }
    if (json_object_get(hop, "why") != NULL) {
        fputs("; ", stdout);
        cli_print_text(cli_text(hop, "why"));
    }
    putchar('\n');
}

static void human_write(const json_t *write)
{
    json_t *hop;
    size_t i;

    if (json_is_true(json_object_get(write, "held"))) {
        printf("    set to ");
        human_value(write);
        putchar(' ');
    } else {
        printf("    a write that is not here, known from its copy, ");
    }
    human_who(write);
    putchar('\n');
    json_array_foreach(json_object_get(write, "path"), i, hop)
    {
        human_hop(hop);
    }
}

static void human_lost(const json_t *field)
{
    const json_t *lost = json_object_get(field, "lost");
    json_int_t more =
        cli_int(field, "lostCount") - (json_int_t)json_array_size(lost);
    json_t *e;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)lost, i, e)
    {
        printf("    lost: ");
        human_value(e);
        putchar(' ');
        human_who(e);
        printf("; %s%s\n",
               json_is_true(json_object_get(e, "concurrent")) ? "concurrent, "
                                                              : "",
               cli_text(e, "why"));
    }
    if (more > 0) {
        printf("    and %" JSON_INTEGER_FORMAT
               " older; `cove log ID FIELD` lists all\n",
               more);
    }
}

static void human_field(const json_t *field)
{
    const char *state = cli_text(field, "state");
    const json_t *stored = json_object_get(field, "stored");
    json_t *write;
    size_t i;

    printf("  ");
    cli_print_text(cli_text(field, "name"));
    printf("  ");
    if (json_object_get(field, "value") != NULL ||
        json_object_get(field, "invalid") != NULL) {
        human_value(field);
        printf("%s%s", state[0] == 'w' ? "" : "  ",
               state[0] == 'w' ? "" : state);
    } else {
        printf("(%s)", state);
    }
    putchar('\n');
    json_array_foreach(json_object_get(field, "writes"), i, write)
    {
        human_write(write);
    }
    if (stored != NULL && cli_text(stored, "kind")[0] == 'c') {
        printf("    stored as a copy by %.16s, ", cli_text(stored, "author"));
        cli_print_time(cli_int(stored, "time"));
        putchar('\n');
    }
    human_lost(field);
}

static void human_explained(const json_t *reply)
{
    json_t *field;
    size_t i;

    printf("%s  ", cli_text(reply, "id"));
    cli_print_text(cli_text(reply, "schema"));
    printf("@%" JSON_INTEGER_FORMAT "\n", cli_int(reply, "version"));
    json_array_foreach(json_object_get(reply, "fields"), i, field)
    {
        human_field(field);
    }
}

int cli_migrate_explain(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "migrate.explain");
    bool bad = false;
    const char *id;

    cli_as_option(cli, request, &bad);
    id = cli_word(cli);

    int code = cli_end(cli, bad);

    if (code == CLI_OK && id == NULL) {
        code = cli_fail(CLI_USAGE, "migrate explain needs a document's id");
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    json_object_set_new(request, "id", json_string(id));
    return cli_answer(cli, request, human_explained);
}
