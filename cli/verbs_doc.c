/* verbs_doc.c: init, key, new, get, set, del, find, export, log. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cli_init(struct cli *cli)
{
    int code = cli_end(cli, false);
    json_t *reply = NULL;

    if (code != CLI_OK) {
        return code;
    }
    code = cli_call(cli, json_pack("{s:s}", "do", "init"), &reply);
    if (code == CLI_OK && cli->json) {
        cli_print_json(reply);
    } else if (code == CLI_OK && !cli->quiet) {
        printf("store    %s\ndevice   %s\naccount  %s\n",
               cli_text(reply, "store"), cli_text(reply, "device"),
               cli_text(reply, "account"));
    }
    json_decref(reply);
    return code;
}

static void human_key(const json_t *reply)
{
    puts(cli_text(reply, "device"));
}

int cli_key(struct cli *cli)
{
    int code = cli_end(cli, false);

    return code != CLI_OK
               ? code
               : cli_answer(cli, json_pack("{s:s}", "do", "key"), human_key);
}

static void human_id(const json_t *reply)
{
    puts(cli_text(reply, "id"));
}

/* ---------------------------------------------------------------- new, set */

/* FIELD=TEXT or FIELD:=JSON into `fields`. */
static int field_word(const char *word, json_t *fields)
{
    const char *equals = strchr(word, '=');
    json_error_t error;
    json_t *value;

    if (equals == NULL || equals == word) {
        return cli_fail(CLI_USAGE,
                        "\"%s\": a field is FIELD=TEXT or FIELD:=JSON", word);
    }
    bool json = equals[-1] == ':';
    size_t len = (size_t)(equals - word) - json;

    if (len == 0) {
        return cli_fail(CLI_USAGE, "\"%s\": the field has no name", word);
    }
    value = json ? json_loads(equals + 1, JSON_DECODE_ANY, &error)
                 : json_string(equals + 1);
    if (value == NULL) {
        return cli_fail(CLI_INVALID, "\"%s\": %s", word,
                        json ? error.text : "not valid UTF-8");
    }
    char *name = strndup(word, len);
    int bad = name == NULL ? -1 : json_object_set_new(fields, name, value);

    free(name);
    return bad == 0 ? CLI_OK
                    : cli_fail(CLI_INVALID, "\"%s\": not valid UTF-8", word);
}

static int new_group(struct cli *cli)
{
    json_t *request = json_pack("{s:s s:{}}", "do", "new-group", "members");
    bool bad = false;
    const char *member, *name = cli_option(cli, "--name", &bad);

    while ((member = cli_option(cli, "--member", &bad)) != NULL) {
        const char *equals = strchr(member, '=');
        char key[65] = "";

        if (equals == NULL || equals - member != 64) {
            json_decref(request);
            return cli_fail(CLI_USAGE,
                            "--member %s: it is KEY=ROLE, the key in "
                            "64 hex digits",
                            member);
        }
        memcpy(key, member, 64);
        json_object_set_new(json_object_get(request, "members"), key,
                            json_string(equals + 1));
    }
    if (name != NULL) {
        json_object_set_new(request, "name", json_string(name));
    }
    int code = cli_end(cli, bad);

    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    return cli_answer(cli, request, human_id);
}

/* Fields as one JSON object, from the word itself or standard input. */
static int fields_json(const char *word, json_t **fields)
{
    json_error_t error;
    char *text = strcmp(word, "-") == 0 ? cli_read_file("-") : strdup(word);

    if (text == NULL) {
        return CLI_ERROR;
    }
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    free(text);
    if (!json_is_object(value)) {
        json_decref(value);
        return cli_fail(CLI_INVALID, "--fields: line %d column %d: %s",
                        error.line, error.column,
                        value == NULL ? error.text : "no object");
    }
    json_object_update_missing(*fields, value);
    json_decref(value);
    return CLI_OK;
}

static int new_document(struct cli *cli, json_t *request)
{
    bool bad = false;
    const char *owner = cli_option(cli, "--owner", &bad);
    const char *unique = cli_option(cli, "--unique", &bad);
    const char *json = cli_option(cli, "--fields", &bad);
    json_t *fields = json_object();
    const char *word;
    int code = CLI_OK;

    if (owner != NULL) {
        json_object_set_new(request, "owner", json_string(owner));
    }
    if (unique != NULL) {
        json_t *value = json_loads(unique, JSON_DECODE_ANY, NULL);

        json_object_set_new(request, "unique",
                            value != NULL ? value : json_string(unique));
    }
    while (code == CLI_OK && (word = cli_word(cli)) != NULL) {
        if (strchr(word, '=') == NULL &&
            json_object_get(request, "schema") == NULL) {
            cli_schema_word(word, request);
        } else {
            code = field_word(word, fields);
        }
    }
    if (code == CLI_OK && json != NULL) {
        code = fields_json(json, &fields);
    }
    json_object_set_new(request, "fields", fields);
    return code == CLI_OK ? cli_end(cli, bad) : code;
}

int cli_new(struct cli *cli)
{
    if (cli->args.count > 0 && strcmp(cli->args.words[0], "group") == 0) {
        cli_word(cli);
        return new_group(cli);
    }
    json_t *request = json_pack("{s:s}", "do", "new");
    int code = new_document(cli, request);

    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    return cli_answer(cli, request, human_id);
}

/* --as VERSION, or NAME@VERSION. */
static void as_option(struct cli *cli, json_t *request, bool *bad)
{
    const char *as = cli_option(cli, "--as", bad);

    if (as != NULL) {
        const char *at = strrchr(as, '@');

        json_object_set_new(request, "version",
                            json_string(at != NULL ? at + 1 : as));
    }
}

/* One line of --lines: {"id", "set", "delete"} inside a transaction. */
static int line_write(struct cli *cli, struct cove_txn *txn, const json_t *line)
{
    const char *id_text = json_string_value(json_object_get(line, "id"));
    const json_t *set = json_object_get(line, "set");
    const json_t *gone = json_object_get(line, "delete");
    struct cove_id id;
    size_t index;
    json_t *name;

    if (id_text == NULL || (set != NULL && !json_is_object(set)) ||
        (gone != NULL && !json_is_array(gone)) ||
        (set == NULL && gone == NULL)) {
        return cli_fail(CLI_INVALID, "a line is {\"id\":…, \"set\":{…}, "
                                     "\"delete\":[…]}");
    }
    int err = cove_id_lookup(cli->store, id_text, &id);

    if (err == 0 && set != NULL && json_object_size(set) > 0) {
        char *text = json_dumps(set, JSON_COMPACT);

        err = text == NULL ? COVE_ENOMEM : cove_set_json(txn, &id, text);
        free(text);
    }
    json_array_foreach(gone, index, name)
    {
        if (err == 0) {
            err = cove_delete(
                txn, &id, json_is_string(name) ? json_string_value(name) : "");
        }
    }
    return err == 0 ? CLI_OK : cli_failed(cli, err);
}

static int lines_write(struct cli *cli, struct cove_txn *txn, char *text,
                       long long *written)
{
    int code = CLI_OK;
    long long number = 0;

    for (char *line = text; code == CLI_OK && line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');
        json_error_t error;

        if (end != NULL) {
            *end++ = '\0';
        }
        number++;
        if (line[strspn(line, " \t\r")] != '\0') {
            json_t *value = json_loads(line, JSON_REJECT_DUPLICATES, &error);

            code = value != NULL ? line_write(cli, txn, value)
                                 : cli_fail(CLI_INVALID, "column %d: %s",
                                            error.column, error.text);
            json_decref(value);
            *written += code == CLI_OK;
        }
        line = end;
    }
    if (code != CLI_OK) {
        fprintf(stderr, "cove: line %lld; nothing was written\n", number);
    }
    return code;
}

static int set_lines(struct cli *cli, const char *path, const json_t *request)
{
    const char *version =
        json_string_value(json_object_get(request, "version"));
    struct cove_txn *txn;
    long long written = 0;
    char *text = cli_read_file(path);
    int code = text == NULL ? CLI_ERROR : CLI_OK;

    if (code == CLI_OK && version != NULL) {
        code = cli_use_all(cli, version);
    }
    if (code == CLI_OK) {
        int err = cove_begin(cli->store, COVE_WRITE | COVE_VIEW, &txn);

        code = err == 0 ? lines_write(cli, txn, text, &written)
                        : cli_failed(cli, err);
        if (err == 0 && code == CLI_OK) {
            err = cove_commit(txn);
            code = err == 0 ? CLI_OK : cli_failed(cli, err);
        } else if (err == 0) {
            cove_abort(txn);
        }
    }
    if (code == CLI_OK && cli->json) {
        printf("{\"written\":%lld}\n", written);
    } else if (code == CLI_OK && !cli->quiet) {
        printf("%lld documents written\n", written);
    }
    free(text);
    return code;
}

int cli_set(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "set");
    json_t *fields = json_object();
    bool bad = false;
    const char *lines = cli_option(cli, "--lines", &bad), *word;
    int code = CLI_OK;

    as_option(cli, request, &bad);
    if (lines != NULL) {
        code = cli_end(cli, bad);
        code = code == CLI_OK ? set_lines(cli, lines, request) : code;
        json_decref(fields);
        json_decref(request);
        return code;
    }
    word = cli_word(cli);
    if (word == NULL) {
        code = cli_fail(CLI_USAGE, "set needs a document's id");
    } else {
        json_object_set_new(request, "id", json_string(word));
    }
    while (code == CLI_OK && (word = cli_word(cli)) != NULL) {
        code = field_word(word, fields);
    }
    if (code == CLI_OK && json_object_size(fields) == 0 && !bad &&
        cli->args.count == 0) {
        code = cli_fail(CLI_USAGE, "set needs a field: FIELD=TEXT or "
                                   "FIELD:=JSON");
    }
    json_object_set_new(request, "fields", fields);
    code = code == CLI_OK ? cli_end(cli, bad) : code;
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    return cli_answer(cli, request, human_id);
}

int cli_del(struct cli *cli)
{
    json_t *request = json_pack("{s:s s:[]}", "do", "set", "delete");
    bool bad = false;
    const char *word;

    as_option(cli, request, &bad);
    word = cli_word(cli);
    if (word != NULL) {
        json_object_set_new(request, "id", json_string(word));
    }
    while ((word = cli_word(cli)) != NULL) {
        json_array_append_new(json_object_get(request, "delete"),
                              json_string(word));
    }
    int code = cli_end(cli, bad);

    if (code == CLI_OK &&
        json_array_size(json_object_get(request, "delete")) == 0) {
        code = cli_fail(CLI_USAGE, "del needs a document's id and a field");
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    return cli_answer(cli, request, human_id);
}

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
        cli_print_text(key);
        printf("%*s  ",
               width - (int)strlen(key) > 0 ? width - (int)strlen(key) : 0, "");
        cli_print_value(value);
        putchar('\n');
    }
}

static void human_registers(const json_t *registers)
{
    const char *key;
    json_t *w;

    json_object_foreach((json_t *)(uintptr_t)registers, key, w)
    {
        json_t *value = json_object_get(w, "value"), *origin;
        size_t i;

        printf("  ");
        cli_print_text(key);
        printf("  ");
        if (value != NULL) {
            cli_print_value(value);
        } else {
            printf("(deleted)");
        }
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

static void human_document(const json_t *doc)
{
    const json_t *schema = json_object_get(doc, "schema");

    printf("%s  ", cli_text(doc, "id"));
    if (schema != NULL) {
        printf("%s@%" JSON_INTEGER_FORMAT "  ", json_string_value(schema),
               json_integer_value(json_object_get(doc, "version")));
    } else {
        printf("%s  ", cli_text(doc, "type"));
    }
    puts(cli_text(doc, "state"));
    human_fields(json_object_get(doc, "fields"));
    if (json_object_get(doc, "registers") != NULL) {
        human_registers(json_object_get(doc, "registers"));
    }
    if (json_object_get(doc, "invalid") != NULL) {
        puts(" did not convert to this version; the raw value:");
        human_fields(json_object_get(doc, "invalid"));
    }
    if (json_object_get(doc, "why") != NULL) {
        printf("  %s\n", cli_text(doc, "why"));
    }
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
            cli_print_value(json_object_get(e, "value"));
            putchar('\n');
        }
    }
}

static void human_members(const json_t *reply)
{
    human_fields(reply);
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
                        "\"%s\" did not convert to this version; "
                        "the raw value is shown",
                        field);
    }
    json_decref(reply);
    return code;
}

int cli_get(struct cli *cli)
{
    json_t *request = json_object();
    bool bad = false;
    bool raw = cli_flag(cli, "--raw"), header = cli_flag(cli, "--header");
    bool conflicts = cli_flag(cli, "--conflicts"),
         view = cli_flag(cli, "--view");
    const char *id, *field;

    as_option(cli, request, &bad);
    id = cli_word(cli);
    field = cli_word(cli);

    int code = cli_end(cli, bad);

    if (code == CLI_OK && id == NULL) {
        code = cli_fail(CLI_USAGE, "get needs a document's id");
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    json_object_set_new(request, "id", json_string(id));
    if (header) {
        json_object_del(request, "version");
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
                         : cli_answer(cli, request, human_document);
}

/* ------------------------------------------------------------- find, export */

#define FIND_PAGE 1000

struct find_run {
    struct cli *cli;
    json_t *request;
    json_int_t limit; /* -1: none */
    bool lines;
    bool first;
};

static void find_print(struct find_run *f, const json_t *reply)
{
    json_t *doc;
    size_t i;

    json_array_foreach(json_object_get(reply, "documents"), i, doc)
    {
        if (f->lines) {
            cli_print_json(doc);
        } else if (f->cli->json) {
            fputs(f->first ? "" : ",", stdout);
            json_dumpf(doc, stdout, JSON_COMPACT);
        } else {
            human_document(doc);
        }
        f->first = false;
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
            left -= left >= 0 ? got : 0;
            next = json_incref(json_object_get(reply, "next"));
        }
        json_decref(reply);
    } while (code == CLI_OK && next != NULL && left != 0);
    json_decref(next);
    if (f->cli->json && !f->lines) {
        fputs("]}\n", stdout);
    }
    return code;
}

/* The ids of a file, a page of them a call. */
static int find_ids(struct find_run *f, const char *path)
{
    char *text = cli_read_file(path);
    json_t *ids = json_array();
    int code = text == NULL ? CLI_ERROR : CLI_OK;
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
    const char *limit = cli_option(cli, "--limit", &bad);
    const char *ids = cli_option(cli, "--ids", &bad);
    const char *schema;

    as_option(cli, f->request, &bad);
    schema = cli_word(cli);

    int code = cli_end(cli, bad);

    f->limit = -1;
    if (code == CLI_OK && limit != NULL) {
        char *end;

        f->limit = strtoll(limit, &end, 10);
        if (*end != '\0' || end == limit || f->limit < 0) {
            code = cli_fail(CLI_USAGE, "--limit %s: a number is wanted", limit);
        }
    }
    if (code != CLI_OK) {
        return code;
    }
    json_object_set_new(f->request, "do", json_string("find"));
    json_object_set_new(f->request, "mode", json_string(mode));
    if (schema != NULL) {
        cli_schema_word(schema, f->request);
    }
    return ids != NULL ? find_ids(f, ids) : find_pages(f);
}

int cli_find(struct cli *cli)
{
    bool bad = false;
    const char *mode = cli_option(cli, "--mode", &bad);
    struct find_run f = {
        .cli = cli, .request = json_object(), .lines = cli->lines};

    if (cli_flag(cli, "--invalid")) {
        json_object_set_new(f.request, "invalid", json_true());
    }
    int code =
        bad ? CLI_USAGE : find_begin(cli, &f, mode != NULL ? mode : "view");

    json_decref(f.request);
    return code;
}

int cli_export(struct cli *cli)
{
    struct find_run f = {.cli = cli, .request = json_object(), .lines = true};
    int code = find_begin(cli, &f, cli_flag(cli, "--raw") ? "raw" : "view");

    json_decref(f.request);
    return code;
}

/* --------------------------------------------------------------------- log */

static void human_events(const json_t *reply)
{
    json_t *e;
    size_t i;

    json_array_foreach(json_object_get(reply, "events"), i, e)
    {
        cli_print_time(json_integer_value(json_object_get(e, "time")));
        printf("  %.16s  %-6s  ", cli_text(e, "author"), cli_text(e, "kind"));
        cli_print_text(cli_text(e, "register"));
        printf("  ");
        if (json_object_get(e, "value") != NULL) {
            cli_print_value(json_object_get(e, "value"));
        } else {
            printf("(deleted)");
        }
        puts(json_is_false(json_object_get(e, "shown")) ? "  (not shown)" : "");
    }
}

int cli_log(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "history");
    bool bad = false;
    const char *id, *field;

    as_option(cli, request, &bad);
    id = cli_word(cli);
    field = cli_word(cli);

    int code = cli_end(cli, bad);

    if (code == CLI_OK && id == NULL) {
        code = cli_fail(CLI_USAGE, "log needs a document's id");
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    json_object_set_new(request, "id", json_string(id));
    if (field != NULL) {
        json_object_set_new(request, "field", json_string(field));
    }
    return cli_answer(cli, request, human_events);
}
