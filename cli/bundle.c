/* bundle.c: schema files that refer to other files, made into one.
 *
 * What is published stands for itself: no journal knows of files. So a "$ref"
 * to "address.json", relative to the file it stands in, brings that file along
 * under "$defs", with the reference's own text as its "$id", so that the
 * reference leads there without being touched; and so on for what that file
 * refers to. A file without such references stays as it is, to the byte.
 * References with a scheme, and those inside a schema with an "$id" of its own,
 * are no files. Source: JSON Schema 2020-12, Core, section 9.3.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

#define BUNDLE_MAX 63 /* files beside the first */

struct bundle {
    const char *path; /* of the first file */
    json_t *root;
    json_t *known; /* what is inside, by $id: names that are no files */
    size_t count;
};

static int bundle_walk(struct bundle *b, json_t *value, const char *base);

/* Is it the path of a file: no scheme, no root, more than a fragment? */
static bool is_file(const char *ref)
{
    size_t first = strcspn(ref, ":/#?");

    return ref[0] != '\0' && ref[0] != '/' && ref[0] != '#' &&
           ref[first] != ':' && strchr(ref, '?') == NULL;
}

/* A reference against the file it stands in, both relative to the first, as
 * RFC 3986 does: without "." and "..", without its fragment; empty where it
 * leads out of the directory of the first. NULL: no memory. */
static char *path_join(const char *base, const char *ref)
{
    const char *slash = strrchr(base, '/');
    size_t head = slash == NULL ? 0 : (size_t)(slash - base) + 1;
    size_t tail = strcspn(ref, "#");
    char *joined = malloc(head + tail + 1);
    size_t len = 0;

    if (joined == NULL) {
        return NULL;
    }
    memcpy(joined, base, head);
    memcpy(joined + head, ref, tail);
    joined[head + tail] = '\0';
    for (char *part = joined; *part != '\0';) {
        size_t n = strcspn(part, "/");
        bool last = part[n] == '\0';
        bool dot = n == 1 && part[0] == '.';
        bool up = n == 2 && part[0] == '.' && part[1] == '.';

        if (up && len == 0) {
            break;
        }
        if (up) {
            for (len--; len > 0 && joined[len - 1] != '/';) {
                len--;
            }
        } else if (!dot) {
            memmove(joined + len, part, n + !last);
            len += n + !last;
        }
        part += n + !last;
    }
    joined[len] = '\0';
    return joined;
}

/* The names that schemas inside have, which are found without a file. */
static void ids_gather(struct bundle *b, json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;

    json_array_foreach(value, i, item)
    {
        ids_gather(b, item);
    }
    json_object_foreach(value, key, item)
    {
        if (strcmp(key, "$id") == 0 && json_is_string(item)) {
            json_object_set_new(b->known, json_string_value(item), json_true());
        }
        ids_gather(b, item);
    }
}

static int file_parse(const struct bundle *b, const char *name, json_t **out)
{
    const char *slash = strrchr(b->path, '/');
    json_error_t error;
    char *path = NULL, *text = NULL;
    int code;

    if (asprintf(&path, "%.*s%s",
                 slash == NULL ? 0 : (int)(slash - b->path) + 1, b->path,
                 name) < 0) {
        return cli_fail(CLI_ERROR, "out of memory");
    }
    if (access(path, F_OK) != 0) {
        code = cli_fail(CLI_NOT_FOUND,
                        "%s: a \"$ref\" leads to %s, and there is no such file",
                        b->path, path);
    } else if ((code = cli_read_file(path, &text)) == CLI_OK) {
        *out =
            json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        if (*out == NULL) {
            code = cli_fail(CLI_INVALID, "%s:%d:%d: %s", path, error.line,
                            error.column, error.text);
        } else if (!json_is_object(*out)) {
            json_decref(*out);
            code =
                cli_fail(CLI_INVALID, "%s: must be a schema, an object", path);
        }
    }
    free(text);
    free(path);
    return code;
}

static int file_add(struct bundle *b, const char *name)
{
    json_t *defs = json_object_get(b->root, "$defs");
    json_t *file = NULL;
    int code;

    if (b->count == BUNDLE_MAX) {
        return cli_fail(CLI_INVALID, "%s: refers to more than %d files",
                        b->path, BUNDLE_MAX);
    }
    code = file_parse(b, name, &file);
    if (code != CLI_OK) {
        return code;
    }
    if (defs == NULL) {
        defs = json_object();
        json_object_set_new(b->root, "$defs", defs);
    }
    if (!json_is_object(defs) || json_object_get(defs, name) != NULL) {
        json_decref(file);
        return cli_fail(CLI_INVALID,
                        "%s: /$defs has no room for the file \"%s\"", b->path,
                        name);
    }
    b->count++;
    json_object_del(file, "$id");
    ids_gather(b, file);
    json_object_set_new(file, "$id", json_string(name));
    json_object_set_new(b->known, name, json_true());
    json_object_set_new(defs, name, file);
    return bundle_walk(b, file, name);
}

static int ref_follow(struct bundle *b, const char *ref, const char *base)
{
    char *name;
    int code = CLI_OK;

    if (!is_file(ref)) {
        return CLI_OK;
    }
    name = path_join(base, ref);
    if (name == NULL) {
        return cli_fail(CLI_ERROR, "out of memory");
    }
    if (name[0] == '\0') {
        code = cli_fail(CLI_INVALID,
                        "%s: \"$ref\": \"%s\" leads out of the schema's "
                        "directory; keep the file beside it or below",
                        b->path, ref);
    } else if (json_object_get(b->known, name) == NULL) {
        code = file_add(b, name);
    }
    free(name);
    return code;
}

static int bundle_walk(struct bundle *b, json_t *value, const char *base)
{
    const char *key;
    json_t *item;
    size_t i;
    int code = CLI_OK;

    if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            code = code != CLI_OK ? code : bundle_walk(b, item, base);
        }
        return code;
    }

    void *next;

    json_object_foreach_safe(value, next, key, item)
    {
        bool named = json_is_object(item) &&
                     json_is_string(json_object_get(item, "$id"));

        if (code == CLI_OK && json_is_string(item) &&
            (strcmp(key, "$ref") == 0 || strcmp(key, "$dynamicRef") == 0)) {
            code = ref_follow(b, json_string_value(item), base);
        } else if (code == CLI_OK && !named && strcmp(key, "enum") != 0 &&
                   strcmp(key, "const") != 0 && strcmp(key, "default") != 0 &&
                   strcmp(key, "examples") != 0) {
            code = bundle_walk(b, item, base);
        }
    }
    return code;
}

/* The file's own name, which a schema beside it may refer to. */
static const char *own_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

int cli_read_schema(const char *path, char **out)
{
    struct bundle b = {.path = path};
    int code = cli_read_file(path, out);

    if (code != CLI_OK) {
        return code;
    }
    b.root = json_loads(*out, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(b.root)) {
        json_decref(b.root);
        return CLI_OK; /* the library says what is wrong with it */
    }
    b.known = json_object();
    ids_gather(&b, b.root);
    code = bundle_walk(&b, b.root, own_name(path));
    if (code == CLI_OK && b.count > 0) {
        free(*out);
        *out = json_dumps(b.root, JSON_COMPACT);
        code = *out != NULL ? CLI_OK : cli_fail(CLI_ERROR, "out of memory");
    }
    if (code != CLI_OK) {
        free(*out);
        *out = NULL;
    }
    json_decref(b.known);
    json_decref(b.root);
    return code;
}
