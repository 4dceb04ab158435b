/* verbs_generate.c: schema pull, generate: what the store has of a schema, as
 * a file for its developer or as constants for an app in C.
 */
#include "cli/files.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What schema.show says of NAME[@VERSION]. */
static int generate_show(struct cli *cli, const char *name, json_t **reply)
{
    json_t *request = json_pack("{s:s s:i}", "do", "schema.show", "indent", 4);

    cli_schema_word(name, request);
    return cli_call(cli, request, reply);
}

/* --------------------------------------------------------------------- pull */

/* Does the file hold another schema than this? Layout is no difference. */
static bool pull_differs(const char *path, const char *text)
{
    json_t *held = json_load_file(path, 0, NULL);
    json_t *fresh = json_loads(text, 0, NULL);
    bool differs = held == NULL || !json_equal(held, fresh);

    json_decref(held);
    json_decref(fresh);
    return differs;
}

/* What was written where, as JSON or for people. */
static void pull_said(const struct cli *cli, const char *path,
                      const json_t *reply, const char *how, bool wrote)
{
    if (cli->json) {
        json_t *said =
            json_pack("{s:s s:O s:O s:b}", "file", path, "schema",
                      json_object_get(reply, "name"), "version",
                      json_object_get(reply, "version"), "written", wrote);

        cli_print_json(said);
        json_decref(said);
    } else if (!cli->quiet) {
        printf("%s%s", path, how);
        cli_print_text(cli_text(reply, "name"));
        printf("@%" JSON_INTEGER_FORMAT "%s\n", cli_int(reply, "version"),
               wrote ? "" : " already");
    }
}

static int pull_write(struct cli *cli, const char *path, const json_t *reply)
{
    const char *text = cli_text(reply, "schema");
    char *line = NULL;
    bool there = access(path, F_OK) == 0;
    int code = cli_files_plain(path);

    if (code != CLI_OK) {
        return code;
    }
    if (there && !pull_differs(path, text)) {
        pull_said(cli, path, reply, " is ", false);
        return CLI_OK;
    }
    if (there && !cli->yes) {
        return cli_fail(CLI_DESTRUCTIVE,
                        "%s is there and differs from %s@%" JSON_INTEGER_FORMAT
                        "; -y overwrites it, -o FILE writes another",
                        path, cli_text(reply, "name"),
                        cli_int(reply, "version"));
    }
    if (asprintf(&line, "%s\n", text) < 0) {
        return cli_fail(CLI_ERROR, "out of memory");
    }
    code = cli_files_write(path, line);
    free(line);
    if (code == CLI_OK) {
        pull_said(cli, path, reply, ": ", true);
    }
    return code;
}

int cli_schema_pull(struct cli *cli)
{
    bool bad = false;
    const char *out = cli_option(cli, "-o", &bad);
    const char *dir = cli_option(cli, "--dir", &bad);
    const char *name = cli_word(cli);
    char *path = NULL;
    json_t *reply = NULL;
    int code = cli_end(cli, bad);

    if (code == CLI_OK && name == NULL) {
        code = cli_fail(CLI_USAGE, "schema pull needs a schema's name");
    }
    if (code == CLI_OK) {
        code = generate_show(cli, name, &reply);
    }
    if (code == CLI_OK && json_object_get(reply, "schema") == NULL) {
        code = cli_fail(CLI_NOT_FOUND,
                        "the text of %s has not arrived here: sync with a "
                        "peer that has it",
                        name);
    }
    if (code == CLI_OK && out != NULL && strcmp(out, "-") == 0) {
        puts(cli_text(reply, "schema"));
    } else if (code == CLI_OK) {
        if (out == NULL) {
            path = cli_files_schema_path(dir != NULL ? dir : CLI_FILES_DIR,
                                         cli_text(reply, "name"));
            out = path;
        }
        code = out == NULL ? cli_fail(CLI_ERROR, "out of memory")
                           : pull_write(cli, out, reply);
    }
    free(path);
    json_decref(reply);
    return code;
}

/* ----------------------------------------------------------------- generate */

/* "maintainerName" → "MAINTAINER_NAME"; what C does not take becomes _. */
static char *generate_word(const char *name)
{
    size_t len = strlen(name), at = 0;
    char *word = malloc(2 * len + 2);

    if (word == NULL) {
        return NULL;
    }
    if (len == 0 || isdigit((unsigned char)name[0])) {
        word[at++] = '_';
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        bool hump = i > 0 && isupper(c) &&
                    (islower((unsigned char)name[i - 1]) ||
                     isdigit((unsigned char)name[i - 1]));

        if (hump) {
            word[at++] = '_';
        }
        word[at++] = (char)(c < 0x80 && isalnum(c) ? toupper(c) : '_');
    }
    word[at] = '\0';
    return word;
}

/* A C string literal, the same in every encoding and without trigraphs. */
static void generate_literal(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c != 0; c++) {
        if (*c == '"' || *c == '\\' || *c == '?') {
            fprintf(out, "\\%c", *c);
        } else if (*c < 0x20 || *c >= 0x7f) {
            fprintf(out, "\\%03o", *c);
        } else {
            fputc(*c, out);
        }
    }
    fputc('"', out);
}

static void generate_text(FILE *out, const char *prefix, const char *word,
                          const char *text)
{
    fprintf(out, "#define %s_%s ", prefix, word);
    generate_literal(out, text);
    fputc('\n', out);
}

/* How often a word came before: two fields may give one word. */
static json_int_t generate_again(json_t *seen, const char *word)
{
    json_int_t count = cli_int(seen, word) + 1;

    json_object_set_new(seen, word, json_integer(count));
    return count;
}

static int generate_fields(FILE *out, const char *prefix, const json_t *reply)
{
    json_t *seen = json_object(), *r;
    int code = CLI_OK;
    size_t i;

    json_array_foreach(json_object_get(reply, "registers"), i, r)
    {
        char *word = generate_word(cli_text(r, "name")), *name = NULL;
        json_int_t again = word != NULL ? generate_again(seen, word) : 0;
        int made = again == 1 ? asprintf(&name, "%s", word)
                              : asprintf(&name, "%s_%" JSON_INTEGER_FORMAT,
                                         word != NULL ? word : "", again);

        if (word == NULL || made < 0) {
            code = cli_fail(CLI_ERROR, "out of memory");
        } else {
            fprintf(out, "#define %s_FIELD_%s ", prefix, name);
            generate_literal(out, cli_text(r, "name"));
            fprintf(out, "\n#define %s_REGISTER_%s ", prefix, name);
            generate_literal(out, cli_text(r, "register"));
            fputc('\n', out);
            free(name);
        }
        free(word);
    }
    json_decref(seen);
    return code;
}

static void generate_bytes(FILE *out, const char *prefix, const char *hex)
{
    fprintf(out, "#define %s_EPOCH_BYTES { \\\n", prefix);
    for (size_t i = 0; hex[i] != '\0' && hex[i + 1] != '\0'; i += 2) {
        fprintf(out, "%s0x%c%c%s", i % 16 == 0 ? "    " : " ", hex[i],
                hex[i + 1],
                hex[i + 2] == '\0' ? " \\\n"
                : i % 16 == 14     ? ", \\\n"
                                   : ",");
    }
    fputs("}\n", out);
}

static int generate_header(FILE *out, const char *prefix, const json_t *reply)
{
    fprintf(out,
            "/* Made by `cove schema generate`: a later version has a file of "
            "its own.\n * EPOCH is the step that leads to this version, "
            "REGISTER_ what FIELD_ is\n * called in the journal. */\n"
            "#ifndef %s_SCHEMA_H\n#define %s_SCHEMA_H\n\n",
            prefix, prefix);
    generate_text(out, prefix, "SCHEMA", cli_text(reply, "name"));
    fprintf(out, "#define %s_VERSION %" JSON_INTEGER_FORMAT "\n", prefix,
            cli_int(reply, "version"));
    generate_text(out, prefix, "EPOCH", cli_text(reply, "step"));
    generate_bytes(out, prefix, cli_text(reply, "step"));
    fputc('\n', out);

    int code = generate_fields(out, prefix, reply);

    fputs("\n#endif\n", out);
    return code;
}

/* The header as a text. */
static int generate_whole(const char *prefix, const json_t *reply, char **out)
{
    size_t len = 0;
    FILE *file = open_memstream(out, &len);

    if (file == NULL) {
        return cli_fail(CLI_ERROR, "out of memory");
    }
    int code = generate_header(file, prefix, reply);

    return fclose(file) == 0 || code != CLI_OK
               ? code
               : cli_fail(CLI_ERROR, "out of memory");
}

int cli_schema_generate(struct cli *cli)
{
    bool bad = false;
    const char *out = cli_option(cli, "-o", &bad);
    const char *prefix = cli_option(cli, "--prefix", &bad);
    const char *name = cli_word(cli);
    json_t *reply = NULL;
    char *word = NULL, *text = NULL;
    int code = cli_end(cli, bad);

    if (code == CLI_OK && name == NULL) {
        code = cli_fail(CLI_USAGE, "schema generate needs a schema's name");
    }
    if (code == CLI_OK) {
        code = generate_show(cli, name, &reply);
    }
    if (code == CLI_OK) {
        word = generate_word(prefix != NULL ? prefix : cli_text(reply, "name"));
        code = word == NULL ? cli_fail(CLI_ERROR, "out of memory") : CLI_OK;
    }
    if (code == CLI_OK) {
        code = generate_whole(word, reply, &text);
    }
    if (code == CLI_OK && out == NULL && cli->json) {
        json_t *header = json_pack("{s:s}", "header", text);

        cli_print_json(header);
        json_decref(header);
    } else if (code == CLI_OK && (out == NULL || strcmp(out, "-") == 0)) {
        fputs(text, stdout);
    } else if (code == CLI_OK) {
        code = cli_files_write(out, text);
        if (code == CLI_OK) {
            pull_said(cli, out, reply, ": ", true);
        }
    }
    free(word);
    free(text);
    json_decref(reply);
    return code;
}
