/* verbs_create.c: migrate create, schema push: from an edited schema file to a
 * migration, in a file or straight into the store.
 */
#include "cli/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------------- create */

struct create {
    struct cli *cli;
    struct cli_files files;
    const char *name; /* of the schema */
    const char *note;
    bool print;
    json_t *answers;
    const json_t *schema; /* {file, text}, the edited one */
    json_t *made;         /* the reply of files.create */
};

/* The title of a schema's text, or "". The caller's. */
static char *create_title(const char *text)
{
    json_t *schema = json_loads(text, 0, NULL);
    char *title = strdup(cli_text(schema, "title"));

    json_decref(schema);
    return title;
}

/* The edited schema of that name: by its title, or where its text cannot be
 * read by what the file is called. */
static int create_find(struct create *c)
{
    char *path = cli_files_schema_path("", c->name);
    json_t *one;
    size_t i;

    json_array_foreach(c->files.schemas, i, one)
    {
        char *title = create_title(cli_text(one, "text"));
        bool named =
            path != NULL && strcmp(cli_text(one, "file"), path + 1) == 0;

        if (title != NULL &&
            (strcmp(title, c->name) == 0 || (title[0] == '\0' && named))) {
            c->schema = one;
        }
        free(title);
    }
    if (c->schema == NULL) {
        cli_fail(CLI_NOT_FOUND,
                 "%s has no schema with the title %s; `cove schema pull %s "
                 "--dir %s` gets the store's",
                 c->files.dir, c->name, c->name, c->files.dir);
    }
    free(path);
    return c->schema == NULL ? CLI_NOT_FOUND : CLI_OK;
}

static json_t *create_request(const struct create *c, const char *verb)
{
    return json_pack("{s:s s:O s:s s:s}", "do", verb, "files", c->files.files,
                     "schema", cli_text(c->schema, "text"), "file",
                     cli_text(c->schema, "file"));
}

/* What changed, in words; asks where something is open. */
static int create_words(struct create *c, json_t **diff)
{
    json_t *newest = NULL;
    int code = cli_call(c->cli, create_request(c, "files.newest"), &newest);

    if (code == CLI_OK && json_object_get(newest, "before") != NULL) {
        json_t *request =
            json_pack("{s:s s:O s:s s:O}", "do", "schema.diff", "before",
                      json_object_get(newest, "before"), "after",
                      cli_text(c->schema, "text"), "answers", c->answers);

        code = cli_resolve(c->cli, request, diff);
    }
    json_decref(newest);
    return code;
}

static int create_make(struct create *c)
{
    json_t *diff = NULL;
    int code = create_words(c, &diff);
    json_t *request = create_request(c, "files.create");

    if (json_object_get(diff, "words") != NULL) {
        json_object_set(request, "words", json_object_get(diff, "words"));
    }
    if (json_array_size(json_object_get(diff, "down")) > 0) {
        json_object_set(request, "down", json_object_get(diff, "down"));
    }
    if (c->note != NULL) {
        json_object_set_new(request, "note", json_string(c->note));
    }
    if (code == CLI_OK) {
        code = cli_call(c->cli, json_incref(request), &c->made);
    }
    json_decref(request);
    json_decref(diff);
    return code;
}

#define CREATE_STAMP "%Y%m%dT%H%M%S"

/* The latest time that the name of a file begins with; 0 where none does. */
static time_t create_latest(const struct create *c)
{
    time_t latest = 0;
    json_t *one;
    size_t i;

    json_array_foreach(c->files.files, i, one)
    {
        struct tm tm = {0};
        const char *end = strptime(cli_text(one, "file"), CREATE_STAMP, &tm);
        time_t at = end != NULL && *end == '_' ? timegm(&tm) : 0;

        latest = at > latest ? at : latest;
    }
    return latest;
}

/* "20261120T171500_Package.json": now, or behind the last one, since the order
 * of names is the order of files. */
static char *create_name(const struct create *c)
{
    char *path = cli_files_schema_path("", c->name), *name = NULL;
    char *end = path != NULL ? strstr(path, ".schema.json") : NULL;
    bool first = cli_int(c->made, "from") == 0;
    time_t now = time(NULL), latest = create_latest(c);
    char stamp[32] = "";
    struct tm tm;

    now = now > latest ? now : latest + 1;
    if (end != NULL && gmtime_r(&now, &tm) != NULL) {
        *end = '\0';
        strftime(stamp, sizeof(stamp), CREATE_STAMP, &tm);
        if (asprintf(&name, "%s_%s%s.json", stamp, path + 1,
                     first ? ".v1.schema" : "") < 0) {
            name = NULL;
        }
    }
    free(path);
    return name;
}

/* A manifest that cannot be read (two branches met in it, say) is not replaced
 * by one that knows a single file. */
static int create_manifest(const struct create *c)
{
    json_t *held =
        c->files.manifest == NULL
            ? NULL
            : json_loads(json_string_value(c->files.manifest), 0, NULL);
    bool good = c->files.manifest == NULL ||
                json_is_array(json_object_get(held, "files"));

    json_decref(held);
    return good ? CLI_OK
                : cli_fail(CLI_INVALID,
                           "%s/migrations/manifest.json is no {\"files\": "
                           "[…]}: put it back (`git checkout`), or make it "
                           "anew: `cove migrate verify --write`",
                           c->files.dir);
}

/* The file, then the manifest that knows it. */
static int create_write(struct create *c, const char *name)
{
    json_t *checked = NULL;
    int code = c->files.manifest == NULL
                   ? cli_files_check(c->cli, &c->files, &checked)
                   : CLI_OK;
    json_t *entries =
        code == CLI_OK ? cli_files_entries(&c->files, checked) : json_array();
    json_t *manifest = json_pack("{s:O}", "files", entries);

    json_array_append_new(
        entries, json_pack("{s:s s:O s:O s:O s:O}", "file", name, "hash",
                           json_object_get(c->made, "hash"), "schema",
                           json_object_get(c->made, "schema"), "from",
                           json_object_get(c->made, "from"), "to",
                           json_object_get(c->made, "to")));
    if (code == CLI_OK) {
        code = cli_files_put(&c->files, name, cli_text(c->made, "text"));
    }
    if (code == CLI_OK) {
        code = cli_files_manifest(&c->files, manifest);
    }
    json_decref(manifest);
    json_decref(entries);
    json_decref(checked);
    return code;
}

/* What helps now. A first version changes no document: nothing to try. */
static void create_next(const struct create *c)
{
    bool plain = strcmp(c->files.dir, CLI_FILES_DIR) == 0;
    const char *space = plain ? "" : " ", *dir = plain ? "" : c->files.dir;

    if (cli_int(c->made, "from") > 0) {
        printf("`cove migrate plan%s%s` tries it, ", space, dir);
    }
    printf("`cove migrate up%s%s` publishes it\n", space, dir);
}

static int create_file(struct create *c)
{
    char *name = create_name(c);
    int code = name == NULL ? cli_fail(CLI_ERROR, "out of memory")
                            : create_write(c, name);

    if (code == CLI_OK && c->cli->json) {
        json_object_set_new(c->made, "file", json_string(name));
        cli_print_json(c->made);
    } else if (code == CLI_OK && !c->cli->quiet) {
        printf("%s/migrations/%s: ", c->files.dir, name);
        cli_print_text(c->name);
        if (cli_int(c->made, "from") > 0) {
            printf(" %" JSON_INTEGER_FORMAT " →", cli_int(c->made, "from"));
        }
        printf(" %" JSON_INTEGER_FORMAT "\n", cli_int(c->made, "to"));
        create_next(c);
    }
    free(name);
    return code;
}

int cli_migrate_create(struct cli *cli)
{
    struct create c = {.cli = cli};
    bool bad = false;
    int code;

    c.answers = cli_answers(cli, &code);
    c.print = cli_flag(cli, "--print");
    c.note = cli_option(cli, "--note", &bad);

    const char *dir = cli_option(cli, "--dir", &bad);

    c.name = cli_word(cli);
    if (code == CLI_OK) {
        code = cli_end(cli, bad);
    }
    if (code == CLI_OK && c.name == NULL) {
        code = cli_fail(CLI_USAGE, "migrate create needs a schema's name");
    }
    if (code == CLI_OK) {
        code = cli_files_read(dir != NULL ? dir : CLI_FILES_DIR, &c.files);
    }
    if (code == CLI_OK) {
        code = create_manifest(&c);
    }
    if (code == CLI_OK) {
        code = create_find(&c);
    }
    if (code == CLI_OK) {
        code = create_make(&c);
    }
    if (code == CLI_OK && c.print) {
        fputs(cli_text(c.made, "text"), stdout);
    } else if (code == CLI_OK) {
        code = create_file(&c);
    }
    json_decref(c.made);
    json_decref(c.answers);
    cli_files_clear(&c.files);
    return code;
}

/* --------------------------------------------------------------------- push */

/* A word is a schema file, or a directory of them. */
static int push_word(json_t *list, const char *word)
{
    struct cli_files files;
    struct stat st;
    char *text;
    int code;

    if (stat(word, &st) == 0 && S_ISDIR(st.st_mode)) {
        code = cli_files_read(word, &files);
        if (code == CLI_OK) {
            json_array_extend(list, files.schemas);
            cli_files_clear(&files);
        }
        return code;
    }
    code = cli_read_schema(word, &text);
    if (code == CLI_OK &&
        json_array_append_new(
            list, json_pack("{s:s s:s}", "file", word, "text", text)) != 0) {
        code = cli_fail(CLI_INVALID, "%s: not valid UTF-8", word);
    }
    free(text);
    return code;
}

static int push_words(struct cli *cli, json_t *list)
{
    const char *word = cli_word(cli);
    int code = word != NULL || cli->args.count > 0
                   ? CLI_OK
                   : push_word(list, CLI_FILES_DIR);

    for (; word != NULL && code == CLI_OK; word = cli_word(cli)) {
        code = push_word(list, word);
    }
    if (code == CLI_OK) {
        code = cli_end(cli, false);
    }
    return code == CLI_OK && json_array_size(list) == 0
               ? cli_fail(CLI_NOT_FOUND, "there is no schema file to push")
               : code;
}

/* Put the text of the store's newest version of a schema into the list, where
 * it has one. */
static int push_before(struct cli *cli, const json_t *held, const char *text,
                       json_t *before)
{
    char *title = create_title(text);
    json_t *show = NULL, *one;
    bool here = false;
    int code = CLI_OK;
    size_t i;

    json_array_foreach(held, i, one)
    {
        here = here ||
               (title != NULL && strcmp(cli_text(one, "name"), title) == 0);
    }
    if (here) {
        code = cli_call(
            cli, json_pack("{s:s s:s}", "do", "schema.show", "schema", title),
            &show);
    }
    if (json_object_get(show, "schema") != NULL) {
        json_array_append(before, json_object_get(show, "schema"));
    }
    json_decref(show);
    free(title);
    return code;
}

/* The newest of each schema that the store has, and all that is given, as
 * schema.diff compares them. */
static int push_diff(struct cli *cli, const json_t *list, json_t *answers,
                     json_t **diff)
{
    json_t *before = json_array(), *after = json_array(), *one, *held = NULL;
    int code = cli_call(cli, json_pack("{s:s}", "do", "schema.list"), &held);
    size_t i;

    json_array_foreach(list, i, one)
    {
        json_array_append(after, one);
        if (code == CLI_OK) {
            code = push_before(cli, json_object_get(held, "schemas"),
                               cli_text(one, "text"), before);
        }
    }
    json_decref(held);

    json_t *request =
        json_pack("{s:s s:o s:o s:O}", "do", "schema.diff", "beforeSet", before,
                  "afterSet", after, "answers", answers);

    if (code == CLI_OK) {
        return cli_resolve(cli, request, diff);
    }
    json_decref(request);
    return code;
}

/* [Y/n] on a terminal; elsewhere -y has to be said. */
static int push_ask(const struct cli *cli)
{
    char line[16];

    if (cli->yes) {
        return CLI_OK;
    }
    if (!isatty(STDIN_FILENO)) {
        return cli_fail(CLI_CONDITION, "nothing was pushed: say -y, or "
                                       "--dry-run to see what would be");
    }
    fprintf(stderr, "Push this? [Y/n] ");
    if (fgets(line, sizeof(line), stdin) == NULL || line[0] == 'n' ||
        line[0] == 'N') {
        return cli_fail(CLI_CONDITION, "nothing was pushed");
    }
    return CLI_OK;
}

static void human_pushed(const json_t *reply, bool dry)
{
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(reply, "pushed"), i, row)
    {
        printf("%s ", dry ? "would push" : "pushed");
        cli_print_text(cli_text(row, "schema"));
        printf(" %" JSON_INTEGER_FORMAT "  %.16s\n", cli_int(row, "version"),
               cli_text(row, "step"));
    }
    if (json_array_size(json_object_get(reply, "pushed")) == 0) {
        puts("nothing to push: the store has these schemas");
    }
}

struct push_options {
    const char *owner; /* NULL: not given */
    bool dry, no_backup;
};

static json_t *push_request(const json_t *list, const json_t *answers,
                            const struct push_options *o, bool dry)
{
    json_t *request =
        json_pack("{s:s s:O s:O s:b s:b}", "do", "schema.push", "files", list,
                  "answers", answers, "dry", dry, "noBackup", o->no_backup);

    if (o->owner != NULL) {
        json_object_set_new(request, "owner", json_string(o->owner));
    }
    return request;
}

/* First as it would be, then, where there is something and it is wanted, in
 * earnest. */
static int push_do(struct cli *cli, const json_t *list, const json_t *answers,
                   const struct push_options *o, json_t **reply)
{
    int code = cli_call(cli, push_request(list, answers, o, true), reply);

    if (code != CLI_OK || o->dry ||
        json_array_size(json_object_get(*reply, "pushed")) == 0) {
        return code;
    }
    code = push_ask(cli);
    if (code == CLI_OK) {
        json_decref(*reply);
        *reply = NULL;
        code = cli_call(cli, push_request(list, answers, o, false), reply);
    }
    return code;
}

int cli_schema_push(struct cli *cli)
{
    json_t *list = json_array(), *diff = NULL, *reply = NULL;
    struct push_options o = {.dry = cli_flag(cli, "--dry-run"),
                             .no_backup = cli_flag(cli, "--no-backup")};
    bool bad = false;
    int code;

    o.owner = cli_option(cli, "--owner", &bad);
    json_t *answers = cli_answers(cli, &code);

    if (code == CLI_OK) {
        code = bad ? CLI_USAGE : push_words(cli, list);
    }
    if (code == CLI_OK) {
        code = push_diff(cli, list, answers, &diff);
    }
    if (code == CLI_OK && !cli->json && !cli->quiet) {
        cli_human_diff(diff);
        fflush(stdout);
    }
    if (code == CLI_OK) {
        code = push_do(cli, list, answers, &o, &reply);
    }
    if (code == CLI_OK && cli->json) {
        cli_print_json(reply);
    } else if (code == CLI_OK && !cli->quiet) {
        human_pushed(reply, o.dry);
    }
    json_decref(reply);
    json_decref(diff);
    json_decref(answers);
    json_decref(list);
    return code;
}
