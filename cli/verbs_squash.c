/* verbs_squash.c: migrate squash: several files of a schema become one. */
#include "cli/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct squash {
    struct cli *cli;
    struct cli_files files;
    const char *name;    /* of the schema, or NULL: the only one there is */
    json_int_t from, to; /* -1 and 0: not said */
    json_t *reply;
};

/* "2..5", "..5", "2.." */
static int squash_range(struct squash *s, const char *word)
{
    const char *dots = strstr(word, "..");
    char *end;
    long long from = strtoll(word, &end, 10);
    bool good = end == dots && from >= 0;
    long long to = strtoll(dots + 2, &end, 10);

    if (!good || *end != '\0' || to < 0 || (to > 0 && to <= from)) {
        return cli_fail(CLI_USAGE,
                        "%s: a range of versions is FROM..TO, such "
                        "as 2..5",
                        word);
    }
    s->from = dots == word ? -1 : from; /* "..5": as far back as can be */
    s->to = to;
    return CLI_OK;
}

/* The only schema that there are files of. */
static int squash_only(struct squash *s, const json_t *checked)
{
    json_t *f;
    size_t i;

    json_array_foreach(json_object_get(checked, "files"), i, f)
    {
        const char *name = cli_text(f, "schema");

        if (s->name != NULL && strcmp(s->name, name) != 0) {
            return cli_fail(CLI_USAGE,
                            "there are files of %s and of %s: say which, `cove "
                            "migrate squash NAME FROM..TO`",
                            s->name, name);
        }
        s->name = name;
    }
    return s->name != NULL ? CLI_OK
                           : cli_fail(CLI_NOT_FOUND, "%s/migrations is empty",
                                      s->files.dir);
}

static bool squash_replaces(const struct squash *s, const char *file)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(s->reply, "replaces"), i, one)
    {
        if (strcmp(json_string_value(one), file) == 0) {
            return true;
        }
    }
    return false;
}

/* What the file is called: as the last one, or `….bundle.json`. */
static char *squash_name(const struct squash *s)
{
    static const char *const ends[] = {".bundle.json", ".v1.schema.json",
                                       ".schema.json", ".json"};
    const char *name = cli_text(s->reply, "name");
    char *out = NULL;

    if (!json_is_true(json_object_get(s->reply, "bundle"))) {
        return strdup(name);
    }
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t len = strlen(name), end = strlen(ends[i]);

        if (len > end && strcmp(name + len - end, ends[i]) == 0) {
            return asprintf(&out, "%.*s.bundle.json", (int)(len - end), name) <
                           0
                       ? NULL
                       : out;
        }
    }
    return NULL;
}

/* The manifest with one row in the place of the first of many. */
static json_t *squash_manifest(const struct squash *s, const json_t *checked,
                               const char *name)
{
    json_t *old = cli_files_entries(&s->files, checked), *entries, *one;
    bool placed = false;
    size_t i;

    entries = json_array();
    json_array_foreach(old, i, one)
    {
        if (!squash_replaces(s, cli_text(one, "file"))) {
            json_array_append(entries, one);
        } else if (!placed) {
            json_array_append_new(
                entries,
                json_pack("{s:s s:O s:O s:O s:O}", "file", name, "hash",
                          json_object_get(s->reply, "hash"), "schema",
                          json_object_get(s->reply, "schema"), "from",
                          json_object_get(s->reply, "from"), "to",
                          json_object_get(s->reply, "to")));
            placed = true;
        }
    }
    json_decref(old);
    return json_pack("{s:o}", "files", entries);
}

static int squash_write(struct squash *s, const json_t *checked,
                        const char *name)
{
    json_t *manifest = squash_manifest(s, checked, name), *one;
    int code = cli_files_put(&s->files, name, cli_text(s->reply, "text"));
    size_t i;

    if (code == CLI_OK) {
        code = cli_files_manifest(&s->files, manifest);
    }
    json_array_foreach(json_object_get(s->reply, "replaces"), i, one)
    {
        if (code == CLI_OK && strcmp(json_string_value(one), name) != 0) {
            code = cli_files_remove(&s->files, json_string_value(one));
        }
    }
    json_decref(manifest);
    return code;
}

static void human_squashed(const struct squash *s, const char *name)
{
    const json_t *down = json_object_get(s->reply, "down");

    printf("%s/migrations/%s: ", s->files.dir, name);
    cli_print_text(cli_text(s->reply, "schema"));
    printf(" %" JSON_INTEGER_FORMAT " → %" JSON_INTEGER_FORMAT
           ", in place of %zu files\n",
           cli_int(s->reply, "from"), cli_int(s->reply, "to"),
           json_array_size(json_object_get(s->reply, "replaces")));
    if (json_is_false(down)) {
        puts("without \"down\": not every file had one");
    }
}

static int squash_do(struct squash *s, const char *dir)
{
    json_t *checked = NULL;
    int code = cli_files_read(dir, &s->files);

    if (code == CLI_OK) {
        code = cli_files_check(s->cli, &s->files, &checked);
    }
    if (code == CLI_OK && s->name == NULL) {
        code = squash_only(s, checked);
    }
    if (code == CLI_OK) {
        json_t *request = json_pack("{s:s s:O s:s}", "do", "files.squash",
                                    "files", s->files.files, "schema", s->name);

        if (s->from >= 0) {
            json_object_set_new(request, "from", json_integer(s->from));
        }
        if (s->to > 0) {
            json_object_set_new(request, "to", json_integer(s->to));
        }
        code = cli_call(s->cli, request, &s->reply);
    }
    char *name = code == CLI_OK ? squash_name(s) : NULL;

    if (code == CLI_OK) {
        code = name == NULL ? cli_fail(CLI_ERROR, "out of memory")
                            : squash_write(s, checked, name);
    }
    if (code == CLI_OK && s->cli->json) {
        json_object_set_new(s->reply, "file", json_string(name));
        cli_print_json(s->reply);
    } else if (code == CLI_OK && !s->cli->quiet) {
        human_squashed(s, name);
    }
    free(name);
    json_decref(checked);
    return code;
}

int cli_migrate_squash(struct cli *cli)
{
    struct squash s = {.cli = cli, .from = -1};
    bool bad = false;
    const char *dir = cli_option(cli, "--dir", &bad), *word;
    int code = CLI_OK;

    cli_option_number(cli, "--to", &bad, &s.to);
    while (code == CLI_OK && (word = cli_word(cli)) != NULL) {
        if (strstr(word, "..") != NULL) {
            code = squash_range(&s, word);
        } else if (s.name == NULL) {
            s.name = word;
        } else {
            code = cli_fail(CLI_USAGE, "\"%s\" is not expected here", word);
        }
    }
    if (code == CLI_OK) {
        code = cli_end(cli, bad);
    }
    if (code == CLI_OK) {
        code = squash_do(&s, dir != NULL ? dir : CLI_FILES_DIR);
    }
    json_decref(s.reply);
    cli_files_clear(&s.files);
    return code;
}
