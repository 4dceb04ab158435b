/* verbs_validate.c: schema check: documents by a schema, and nothing is
 * written. A schema that is a file needs no store. JSON lines go in pieces, so
 * that a file of any length may come through a pipe. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALIDATE_PIECE 65536 /* bytes of lines in a request */

struct validate {
    struct cli *cli;
    json_t *schema;   /* the members that name it */
    const char *from; /* where the documents come from, for people */
    json_t *errors;   /* for --json: the first of them */
    json_int_t documents, invalid, count;
    FILE *file;
    char *piece; /* lines that are not asked about yet, … */
    size_t len, cap;
    json_int_t first, line; /* … from this one, up to before this one */
};

#define VALIDATE_LISTED 1000 /* errors of --json */

/* --------------------------------------------------------------------- results
 */

static void say_error(struct validate *v, json_t *error)
{
    v->count++;
    if (v->cli->lines) {
        cli_print_json(error);
    } else if (v->cli->json) {
        if (json_array_size(v->errors) < VALIDATE_LISTED) {
            json_array_append(v->errors, error);
        }
    } else if (!v->cli->quiet) {
        cli_print_text(v->from);
        if (cli_int(error, "line") > 0) {
            printf(":%" JSON_INTEGER_FORMAT, cli_int(error, "line"));
        }
        printf(": ");
        cli_print_text(cli_text(error, "why"));
        putchar('\n');
    }
}

static int say_end(const struct validate *v)
{
    int code = v->invalid == 0 ? CLI_OK : CLI_INVALID;

    if (v->cli->json && !v->cli->lines) {
        json_t *reply =
            json_pack("{s:b s:I s:I s:I s:O}", "valid", v->invalid == 0,
                      "documents", v->documents, "invalid", v->invalid,
                      "errorCount", v->count, "errors", v->errors);

        cli_print_json(reply);
        json_decref(reply);
    } else if (!v->cli->lines && !v->cli->quiet) {
        if (v->documents == 1) {
            puts(v->invalid == 0 ? "valid" : "invalid");
        } else {
            printf("%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
                   " documents are invalid\n",
                   v->invalid, v->documents);
        }
    }
    return code;
}

/* Ask about what the request has; takes it over. */
static int validate_ask(struct validate *v, json_t *request)
{
    json_t *reply = NULL, *error;
    size_t i;

    json_object_set_new(request, "do", json_string("schema.check"));
    json_object_update(request, v->schema);

    int code = cli_call(v->cli, request, &reply);

    if (code != CLI_OK) {
        return code;
    }
    json_array_foreach(json_object_get(reply, "errors"), i, error)
    {
        say_error(v, error);
    }
    v->documents += cli_int(reply, "documents");
    v->invalid += cli_int(reply, "invalid");
    v->count += cli_int(reply, "errorCount") - (json_int_t)i;
    json_decref(reply);
    return CLI_OK;
}

/* ----------------------------------------------------------------------- lines
 */

static int lines_flush(struct validate *v)
{
    json_t *request;

    if (v->len == 0) {
        return CLI_OK;
    }
    request =
        json_pack("{s:o s:b s:I}", "document", json_stringn(v->piece, v->len),
                  "lines", 1, "line", v->first);
    v->first = v->line;
    v->len = 0;
    return validate_ask(v, request);
}

static int lines_put(struct validate *v, const char *at, size_t len)
{
    if (v->len + len > v->cap) {
        size_t cap = (v->len + len) * 2;
        char *wider = realloc(v->piece, cap);

        if (wider == NULL) {
            return cli_fail(CLI_ERROR, "out of memory");
        }
        v->piece = wider;
        v->cap = cap;
    }
    memcpy(v->piece + v->len, at, len);
    v->len += len;
    return CLI_OK;
}

/* A line that is no text: said here, and an empty one in its place. */
static int lines_bad(struct validate *v)
{
    json_t *error;
    char why[64];
    int code = lines_flush(v);

    if (code != CLI_OK) {
        return code;
    }
    snprintf(why, sizeof(why), "line %" JSON_INTEGER_FORMAT " is no UTF-8 text",
             v->line);
    error = json_pack("{s:I s:s s:s s:s}", "line", v->line, "path", "", "rule",
                      "json", "why", why);
    v->documents++;
    v->invalid++;
    say_error(v, error);
    json_decref(error);
    return lines_put(v, "\n", 1);
}

static int lines_one(struct validate *v, const char *line, size_t len)
{
    json_t *text =
        memchr(line, '\0', len) == NULL ? json_stringn(line, len) : NULL;
    int code = text != NULL ? lines_put(v, line, len) : lines_bad(v);

    json_decref(text);
    v->line++;
    return code == CLI_OK && v->len >= VALIDATE_PIECE ? lines_flush(v) : code;
}

static int validate_lines(struct validate *v)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    int code = CLI_OK;

    v->first = 1;
    v->line = 1;
    while (code == CLI_OK && (len = getline(&line, &room, v->file)) > 0) {
        code = lines_one(v, line, (size_t)len);
    }
    if (code == CLI_OK && ferror(v->file)) {
        code = cli_fail(CLI_ERROR, "%s: %s", v->from, strerror(errno));
    }
    free(line);
    return code == CLI_OK ? lines_flush(v) : code;
}

/* ------------------------------------------------------------------- documents
 */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), tail = strlen(end);

    return len >= tail && strcmp(text + len - tail, end) == 0;
}

static int validate_file(struct validate *v, const char *word)
{
    bool input = strcmp(word, "-") == 0;
    json_t *request;
    int code;

    v->from = input ? "standard input" : word;
    if (v->cli->lines || ends_with(word, ".jsonl") ||
        ends_with(word, ".ndjson")) {
        v->file = input ? stdin : fopen(word, "rbe");
        if (v->file == NULL) {
            return cli_fail(errno == ENOENT ? CLI_NOT_FOUND : CLI_ERROR,
                            "%s: %s", word, strerror(errno));
        }
        code = validate_lines(v);
        if (!input) {
            fclose(v->file);
        }
        return code;
    }
    request = json_pack("{s:s}", "file", v->from);
    code = cli_file_member(request, "document", word);
    if (code == CLI_OK &&
        cli_text(
            request,
            "document")[strspn(cli_text(request, "document"), " \t\r\n")] ==
            '\0') {
        code = cli_fail(CLI_INVALID,
                        "%s is empty: a JSON document is wanted (with --jsonl "
                        "one a line, of which there may be none)",
                        v->from);
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    return validate_ask(v, request);
}

/* ---------------------------------------------------------------------- schema
 */

/* A file, which needs no store, or a name in the store. */
static int validate_schema(struct validate *v, const char *word)
{
    struct cove_options memory = {
        .size = sizeof(memory),
        .flags = COVE_OPEN_CREATE | COVE_OPEN_MEMORY,
    };
    bool file = strcmp(word, "-") == 0 || access(word, F_OK) == 0 ||
                strchr(word, '/') != NULL || ends_with(word, ".json");

    if (!file) {
        cli_schema_word(word, v->schema);
        return cli_open(v->cli, 0);
    }
    json_object_set_new(v->schema, "schemaFile", json_string(word));

    int code = cli_schema_member(v->schema, "schemaText", word);
    int err = code == CLI_OK ? cove_open(NULL, &memory, &v->cli->store) : 0;

    return err != 0 ? cli_failed(v->cli, err) : code;
}

/* The two words are there. */
static int validate_words(struct validate *v, const char *schema,
                          const char *word)
{
    int code;

    if (strcmp(schema, "-") == 0 && strcmp(word, "-") == 0) {
        return cli_fail(CLI_USAGE,
                        "schema and document cannot both come from standard "
                        "input");
    }
    code = validate_schema(v, schema);
    if (code != CLI_OK) {
        return code;
    }
    if (strncmp(word, "co_z", 4) != 0 || access(word, F_OK) == 0) {
        return validate_file(v, word);
    }
    v->from = word;
    return json_object_get(v->schema, "schema") != NULL
               ? validate_ask(v, json_pack("{s:s}", "id", word))
               : cli_fail(CLI_USAGE,
                          "%s is in a store: name the schema as "
                          "NAME[@VERSION], not as a file",
                          word);
}

int cli_schema_check(struct cli *cli)
{
    struct validate v = {
        .cli = cli, .schema = json_object(), .errors = json_array()};
    bool formats = cli_flag(cli, "--formats");
    const char *schema = cli_word(cli);
    const char *word = schema != NULL ? cli_word(cli) : NULL;
    int code = cli_end(cli, false);

    if (formats) {
        json_object_set_new(v.schema, "formats", json_true());
    }
    if (code == CLI_OK && (schema == NULL || word == NULL)) {
        code = cli_fail(CLI_USAGE,
                        "schema check needs a schema, a file or NAME[@VERSION] "
                        "of the store, and what to judge by it: a file of "
                        "JSON, - for standard input, or the ID of a document");
    } else if (code == CLI_OK) {
        code = validate_words(&v, schema, word);
    }
    code = code == CLI_OK ? say_end(&v) : code;
    json_decref(v.schema);
    json_decref(v.errors);
    free(v.piece);
    return code;
}
