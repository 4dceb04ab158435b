/* verbs_read.c: get, find. */
#include "cli/covalue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------------------- get */

static void human_fields(const json_t *fields)
{
    const char *key;
    json_t *value;
    int width = 0;

    json_object_foreach((json_t *)(uintptr_t)fields, key, value)
    {
        int len = (int)strlen(key);

        width = len > width && len <= 40 ? len : width;
    }
    json_object_foreach((json_t *)(uintptr_t)fields, key, value)
    {
        printf("  ");
        cli_print_padded(key, width);
        printf("  ");
        cli_print_value(value);
        putchar('\n');
    }
}

/* What a write set, or that it deleted. */
static void human_written(const json_t *write)
{
    const json_t *value = json_object_get(write, "value");

    if (value != NULL) {
        cli_print_value(value);
    } else {
        printf("(deleted)");
    }
}

static void human_registers(const json_t *registers)
{
    const char *key;
    json_t *w;

    json_object_foreach((json_t *)(uintptr_t)registers, key, w)
    {
        json_t *origin;
        size_t i;

        printf("  ");
        cli_print_text(key);
        printf("  ");
        human_written(w);
        printf("\n      %s by %.16s at ", cli_text(w, "kind"),
               cli_text(w, "author"));
        cli_print_time(json_integer_value(json_object_get(w, "time")));
        json_array_foreach(json_object_get(w, "origins"), i, origin)
        {
            const json_t *who = json_array_get(origin, 1);

            printf("\n      of ");
            cli_print_text(json_string_value(json_array_get(origin, 0)));
            if (json_is_object(who)) {
                printf(" by %.16s at ", cli_text(who, "author"));
                cli_print_time(
                    json_integer_value(json_object_get(who, "time")));
            }
        }
        putchar('\n');
    }
}

/* What a document that is no map holds. */
static void human_content(const json_t *doc)
{
    static const char *const rows[] = {"value", "name",  "mime",
                                       "bytes", "held",  "whole",
                                       "hash",  "count", "waiting"};
    const json_t *text = json_object_get(doc, "text");
    json_t *entry;
    size_t i;

    if (text != NULL) {
        cli_print_lines(json_string_value(text));
    }
    cli_human_items(doc);
    json_array_foreach(json_object_get(doc, "entries"), i, entry)
    {
        cli_human_entry(entry);
    }
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const json_t *value = json_object_get(doc, rows[i]);

        if (value != NULL && !json_is_null(value)) {
            printf("  %-5s  ", rows[i]);
            cli_print_value(value);
            putchar('\n');
        }
    }
}

static void human_followed(const json_t *doc)
{
    json_t *followed;
    size_t i;

    json_array_foreach(json_object_get(doc, "documents"), i, followed)
    {
        putchar('\n');
        cli_print_document(followed);
    }
    if (cli_int(doc, "leftOut") > 0) {
        printf("\n%" JSON_INTEGER_FORMAT " more were left out: 1,000 are "
               "the most\n",
               cli_int(doc, "leftOut"));
    }
}

/* What is wrong with it, and the writes that broke their own version's rules.
 */
static void human_wrong(const json_t *doc)
{
    const json_t *broken = json_object_get(doc, "broken");
    json_t *one;
    size_t i;

    if (broken == NULL && json_object_get(doc, "why") != NULL) {
        printf("  ");
        cli_print_text(cli_text(doc, "why"));
        putchar('\n');
    }
    json_array_foreach(broken, i, one)
    {
        printf("  ");
        cli_print_text(cli_text(one, "why"));
        putchar('\n');
    }
    json_array_foreach(json_object_get(doc, "writes"), i, one)
    {
        printf("  written at version %" JSON_INTEGER_FORMAT " by %.16s, ",
               cli_int(one, "version"), cli_text(one, "author"));
        cli_print_time(cli_int(one, "time"));
        printf(", against its rules: ");
        cli_print_text(cli_text(one, "why"));
        putchar('\n');
    }
}

void cli_print_document(const json_t *doc)
{
    const json_t *schema = json_object_get(doc, "schema");

    printf("%s  ", cli_text(doc, "id"));
    if (schema != NULL) {
        cli_print_text(json_string_value(schema));
        printf("@%" JSON_INTEGER_FORMAT "  ", cli_int(doc, "version"));
    } else if (json_object_get(doc, "type") != NULL) {
        printf("%s  ", cli_text(doc, "type"));
    }
    puts(cli_text(doc, "state"));
    human_fields(json_object_get(doc, "fields"));
    human_content(doc);
    if (json_object_get(doc, "registers") != NULL) {
        human_registers(json_object_get(doc, "registers"));
    }
    if (json_object_get(doc, "invalid") != NULL &&
        json_object_get(doc, "items") == NULL) {
        puts(" did not convert to this version; the raw value:");
        human_fields(json_object_get(doc, "invalid"));
    }
    if (json_object_get(doc, "unknown") != NULL) {
        json_t *name;
        size_t i;

        json_array_foreach(json_object_get(doc, "unknown"), i, name)
        {
            printf("  %s is not known here: a script needs more memory than "
                   "its step gives it\n",
                   json_string_value(name));
        }
    }
    human_wrong(doc);
    human_followed(doc);
}

static void human_conflicts(const json_t *reply)
{
    json_t *conflicts = json_object_get(reply, "conflicts"), *list, *e;
    const char *field;
    size_t i;

    if (json_object_size(conflicts) == 0) {
        puts("no concurrent write lost");
    }
    json_object_foreach(conflicts, field, list)
    {
        cli_print_text(field);
        putchar('\n');
        json_array_foreach(list, i, e)
        {
            printf("  ");
            cli_print_time(json_integer_value(json_object_get(e, "time")));
            printf("  %.16s  ", cli_text(e, "author"));
            cli_print_text(cli_text(e, "register"));
            printf("  ");
            human_written(e);
            putchar('\n');
        }
    }
}

static void human_members(const json_t *reply)
{
    human_fields(reply);
}

/* Is the field among those whose value is not known here? */
static bool get_unknown(const json_t *doc, const char *field)
{
    json_t *name;
    size_t i;

    json_array_foreach(json_object_get(doc, "unknown"), i, name)
    {
        if (strcmp(json_string_value(name), field) == 0) {
            return true;
        }
    }
    return false;
}

/* One field alone: its value, or its raw value and exit 9. */
static int get_field(struct cli *cli, json_t *request, const char *field)
{
    json_t *reply = NULL;
    int code = cli_call(cli, request, &reply);

    if (code != CLI_OK) {
        return code;
    }
    const json_t *value =
        json_object_get(json_object_get(reply, "fields"), field);
    const json_t *raw =
        json_object_get(json_object_get(reply, "invalid"), field);
    const json_t *reg =
        json_object_get(json_object_get(reply, "registers"), field);
    const json_t *shown = value != NULL ? value
                          : raw != NULL ? raw
                                        : json_object_get(reg, "value");

    if (shown == NULL) {
        code = cli_fail(CLI_NOT_FOUND, "%s has no value for \"%s\"",
                        cli_text(reply, "id"), field);
    } else if (cli->json) {
        cli_print_json(shown);
    } else {
        cli_print_value(shown);
        putchar('\n');
    }
    if (raw != NULL) {
        code = cli_fail(CLI_INVALID,
                        get_unknown(reply, field)
                            ? "what \"%s\" is, is not known here: a script of "
                              "a step needs more memory than the step gives it"
                            : "\"%s\" did not convert to this version; the "
                              "raw value is shown",
                        field);
    }
    json_decref(reply);
    return code;
}

/* --entries N | all, --blobs BYTES: how much of streams and blobs is shown. */
static void show_options(struct cli *cli, json_t *request, bool *bad)
{
    const char *entries = cli_option(cli, "--entries", bad);
    json_int_t number;
    char *end;

    if (cli_option_number(cli, "--blobs", bad, &number)) {
        json_object_set_new(request, "data", json_integer(number));
    }
    if (entries == NULL) {
        return;
    }
    number = strcmp(entries, "all") == 0 ? -1 : strtoll(entries, &end, 10);
    if (number >= 0 && (end == entries || *end != '\0')) {
        cli_fail(CLI_USAGE, "--entries %s: a whole number, or all, is wanted",
                 entries);
        *bad = true;
        return;
    }
    json_object_set_new(request, "entries", json_integer(number));
}

int cli_get(struct cli *cli)
{
    json_t *request = json_object();
    bool bad = false;
    bool raw = cli_flag(cli, "--raw"), header = cli_flag(cli, "--header");
    bool conflicts = cli_flag(cli, "--conflicts"),
         view = cli_flag(cli, "--view");
    const char *id, *field;

    json_int_t depth;

    cli_as_option(cli, request, &bad);
    show_options(cli, request, &bad);
    cli_branch_option(cli, request, &bad);
    const char *at = cli_option(cli, "--at", &bad);

    if (at != NULL) {
        json_object_set_new(request, "at", json_string(at));
    }
    if (cli_option_number(cli, "--depth", &bad, &depth)) {
        json_object_set_new(request, "depth", json_integer(depth));
    }
    id = cli_word(cli);
    field = cli_word(cli);

    int code = cli_end(cli, bad);

    if (code == CLI_OK && id == NULL) {
        code = cli_fail(CLI_USAGE, "get needs a document's id");
    }
    if (code == CLI_OK && header) {
        json_object_clear(request);
    }
    code = code == CLI_OK ? cli_target_named(cli, id, request) : code;
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    if (header) {
        json_object_set_new(request, "do", json_string("header"));
        return cli_answer(cli, request, human_members);
    }
    if (conflicts) {
        json_object_set_new(request, "do", json_string("conflicts"));
        return cli_answer(cli, request, human_conflicts);
    }
    json_object_set_new(request, "do", json_string("get"));
    json_object_set_new(request, "mode",
                        json_string(raw    ? "raw"
                                    : view ? "view"
                                           : "migrate"));
    return field != NULL ? get_field(cli, request, field)
                         : cli_answer(cli, request, cli_print_document);
}

/* ------------------------------------------------------------- find, export */

#define FIND_PAGE 1000

struct find_run {
    struct cli *cli;
    json_t *request;
    json_int_t limit; /* -1: none */
    json_int_t until; /* ends with the page that reaches it; 0: no end */
    bool lines;
    bool first;
    bool query; /* one call, of which the reply says more than documents */
    void (*each)(void *ctx, json_t *doc); /* in place of printing it; or NULL */
    int (*begin)(void *ctx, json_t *request, json_int_t *until); /* or NULL */
    int (*page)(void *ctx); /* behind each page of them */
    void *ctx;
};

static void find_print(struct find_run *f, const json_t *reply)
{
    json_t *doc;
    size_t i;

    json_array_foreach(json_object_get(reply, "documents"), i, doc)
    {
        if (f->each != NULL) {
            f->each(f->ctx, doc);
        } else if (f->lines) {
            cli_print_json(doc);
        } else if (f->cli->json) {
            fputs(f->first ? "" : ",", stdout);
            json_dumpf(doc, stdout, JSON_COMPACT);
        } else {
            cli_print_document(doc);
        }
        f->first = false;
    }
}

/* What no version shows could not be asked: say so, beside the result. */
static void find_unjudged(const struct find_run *f, const json_t *reply)
{
    json_int_t count = cli_int(reply, "unjudged");

    if (count > 0 && !f->cli->quiet) {
        fprintf(stderr,
                "%" JSON_INTEGER_FORMAT " documents that no version shows were "
                "left out; `cove status` counts them as blocked\n",
                count);
    }
}

static int find_pages(struct find_run *f)
{
    json_int_t left = f->limit;
    json_t *next = NULL;
    int code = CLI_OK;

    f->first = true;
    if (f->cli->json && !f->lines) {
        fputs("{\"documents\":[", stdout);
    }
    do {
        json_t *page = json_copy(f->request), *reply = NULL;
        json_int_t size = left >= 0 && left < FIND_PAGE ? left : FIND_PAGE;

        if (next != NULL) {
            json_object_set_new(page, "after", next);
        }
        next = NULL;
        json_object_set_new(page, "limit", json_integer(size));
        code = cli_call(f->cli, page, &reply);
        if (code == CLI_OK) {
            json_int_t got = (json_int_t)json_array_size(
                json_object_get(reply, "documents"));

            find_print(f, reply);
            find_unjudged(f, reply);
            left -= left >= 0 ? got : 0;
            next = json_incref(json_object_get(reply, "next"));
            code = f->page != NULL ? f->page(f->ctx) : CLI_OK;
        }
        json_decref(reply);
    } while (code == CLI_OK && next != NULL && left != 0 &&
             (f->until == 0 || json_integer_value(next) < f->until));
    json_decref(next);
    if (f->cli->json && !f->lines) {
        fputs("]}\n", stdout);
    }
    return code;
}

/* The ids of a file, a page of them a call. */
static int find_ids(struct find_run *f, const char *path)
{
    char *text;
    json_t *ids = json_array();
    int code = cli_read_file(path, &text);
    char *line = text, *save = NULL;

    f->first = true;
    if (f->cli->json && !f->lines) {
        fputs("{\"documents\":[", stdout);
    }
    while (code == CLI_OK && line != NULL) {
        line = strtok_r(save == NULL ? text : NULL, " \t\r\n", &save);
        if (line != NULL) {
            json_array_append_new(ids, json_string(line));
        }
        if (json_array_size(ids) == FIND_PAGE ||
            (line == NULL && json_array_size(ids) > 0)) {
            json_t *page = json_copy(f->request), *reply = NULL;

            json_object_set(page, "ids", ids);
            code = cli_call(f->cli, page, &reply);
            if (code == CLI_OK) {
                find_print(f, reply);
            }
            json_decref(reply);
            json_decref(ids);
            ids = json_array();
        }
    }
    if (f->cli->json && !f->lines) {
        fputs("]}\n", stdout);
    }
    json_decref(ids);
    free(text);
    return code;
}

static int find_begin(struct cli *cli, struct find_run *f, const char *mode)
{
    bool bad = false;
    const char *ids = cli_option(cli, "--ids", &bad);
    const char *schema;

    f->limit = -1;
    cli_option_number(cli, "--limit", &bad, &f->limit);
    cli_as_option(cli, f->request, &bad);
    show_options(cli, f->request, &bad);
    schema = cli_word(cli);

    int code = cli_end(cli, bad);

    if (code != CLI_OK) {
        return code;
    }
    json_object_set_new(f->request, "do", json_string("find"));
    json_object_set_new(f->request, "mode", json_string(mode));
    if (schema != NULL) {
        cli_schema_word(schema, f->request);
    }
    if (f->query) {
        if (f->limit >= 0) {
            json_object_set_new(f->request, "limit", json_integer(f->limit));
        }
        if (ids != NULL) { /* the verb says that they do not go together */
            json_object_set_new(f->request, "ids", json_array());
        }
        return cli_query(f->cli, json_incref(f->request), f->lines);
    }
    if (f->begin != NULL && ids == NULL) {
        code = f->begin(f->ctx, f->request, &f->until);
    }
    return code != CLI_OK ? code
           : ids != NULL  ? find_ids(f, ids)
                          : find_pages(f);
}

int cli_find(struct cli *cli)
{
    bool bad = false;
    const char *mode = cli_option(cli, "--mode", &bad);
    struct find_run f = {
        .cli = cli, .request = json_object(), .lines = cli->lines};
    json_t *where = cli_where_option(cli, &bad);

    if (where != NULL) {
        json_object_set_new(f.request, "where", where);
    }
    if (cli_flag(cli, "--invalid")) {
        json_object_set_new(f.request, "invalid", json_true());
    }
    if (cli_flag(cli, "--local")) {
        json_object_set_new(f.request, "local", json_true());
    }
    f.query = cli_query_options(cli, f.request, &bad);
    int code =
        bad ? CLI_USAGE : find_begin(cli, &f, mode != NULL ? mode : "view");

    json_decref(f.request);
    return code;
}

int cli_find_each(struct cli *cli, json_t *request, const char *mode,
                  const struct cli_find_how *how)
{
    struct find_run f = {.cli = cli,
                         .request = request,
                         .lines = true,
                         .each = how->each,
                         .begin = how->begin,
                         .page = how->page,
                         .ctx = how->ctx};

    return find_begin(cli, &f, mode);
}
