/* verbs_doc.c: init, key, new, set, del. */
#include "cli/covalue.h"

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

int cli_field_word(const char *word, json_t *fields)
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
    char *read = NULL;
    bool standard = strcmp(word, "-") == 0;
    int code = standard ? cli_read_file("-", &read) : CLI_OK;

    if (code != CLI_OK) {
        return code;
    }
    json_t *value =
        json_loads(standard ? read : word, JSON_REJECT_DUPLICATES, &error);

    free(read);
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
            code = cli_field_word(word, fields);
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
    int type =
        cli->args.count > 0 ? cli_type_parse(cli->args.words[0]) : CLI_ANY_TYPE;

    if (type != CLI_ANY_TYPE && type != COVE_COMAP) {
        cli_word(cli);
        return cli_new_covalue(cli, type);
    }
    json_t *request = json_pack("{s:s}", "do", "new");
    bool bad = false, local = cli_flag(cli, "--local");
    const char *like = cli_option(cli, "--like", &bad);
    int code;

    if (like != NULL || local || bad) {
        if (like != NULL) {
            json_object_set_new(request, "like", json_string(like));
        }
        json_object_set_new(request, "local", json_boolean(local));
        code = cli_end(cli, bad);
    } else {
        code = new_document(cli, request);
    }

    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    return cli_answer(cli, request, human_id);
}

void cli_as_option(struct cli *cli, json_t *request, bool *bad)
{
    const char *as = cli_option(cli, "--as", bad);

    if (as != NULL) {
        const char *at = strrchr(as, '@');

        json_object_set_new(request, "version",
                            json_string(at != NULL ? at + 1 : as));
    }
}

void cli_branch_option(struct cli *cli, json_t *request, bool *bad)
{
    const char *branch = cli_option(cli, "--branch", bad);

    if (branch != NULL) {
        json_object_set_new(request, "branch", json_string(branch));
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

            code = value != NULL
                       ? line_write(cli, txn, value)
                       : cli_fail(CLI_INVALID, "line %lld column %d: %s",
                                  number, error.column, error.text);
            json_decref(value);
            *written += code == CLI_OK;
        }
        line = end;
    }
    if (code != CLI_OK) {
        cli_fail(code, "line %lld; nothing was written", number);
    }
    return code;
}

static int set_lines(struct cli *cli, const char *path, const json_t *request)
{
    const char *version =
        json_string_value(json_object_get(request, "version"));
    struct cove_txn *txn;
    long long written = 0;
    char *text;
    int code = cli_read_file(path, &text);

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

    cli_as_option(cli, request, &bad);
    if (lines != NULL) {
        code = cli_end(cli, bad);
        code = code == CLI_OK ? set_lines(cli, lines, request) : code;
        json_decref(fields);
        json_decref(request);
        return code;
    }
    cli_branch_option(cli, request, &bad);
    word = cli_word(cli);
    if (word == NULL) {
        code = cli_fail(CLI_USAGE, "set needs a document's id");
    } else {
        json_object_set_new(request, "id", json_string(word));
    }
    while (code == CLI_OK && (word = cli_word(cli)) != NULL) {
        code = cli_field_word(word, fields);
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

    cli_as_option(cli, request, &bad);
    cli_branch_option(cli, request, &bad);
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
