/* import_content.c: texts, lists, streams, counters and blobs of an export, and
 * references in it. */
#include "cli/import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *type; /* as an export names it */
    int as;
    const char *member;
} content_types[] = {
    {"cotext", COVE_COTEXT, "text"},        {"colist", COVE_COLIST, "items"},
    {"costream", COVE_COSTREAM, "entries"}, {"cobinary", COVE_COBINARY, NULL},
    {"cocounter", COVE_COCOUNTER, "value"},
};
#define CONTENT_TYPES (sizeof(content_types) / sizeof(content_types[0]))

/* Its place in the table, CONTENT_TYPES where it is a map. */
static size_t content_type(const json_t *exported)
{
    const char *type = cli_text(exported, "type");
    size_t i = 0;

    while (i < CONTENT_TYPES && strcmp(content_types[i].type, type) != 0) {
        i++;
    }
    return i;
}

bool import_is_content(const json_t *exported)
{
    return content_type(exported) < CONTENT_TYPES;
}

/* An id that this transaction made: only it can look it up. */
static bool content_id(const json_t *hex, struct cove_id *out)
{
    const char *text = json_string_value(hex);
    bool whole = text != NULL && strlen(text) == 2 * sizeof(out->b) &&
                 strspn(text, "0123456789abcdef") == 2 * sizeof(out->b);

    for (size_t i = 0; whole && i < sizeof(out->b); i++) {
        const char byte[3] = {text[2 * i], text[2 * i + 1], '\0'};

        out->b[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return whole;
}

json_t *import_hex(const struct cove_id *id)
{
    char hex[2 * sizeof(id->b) + 1];

    for (size_t i = 0; i < sizeof(id->b); i++) {
        snprintf(hex + 2 * i, 3, "%02x", id->b[i]);
    }
    return json_string(hex);
}

/* --------------------------------------------------------------- references */

json_t *import_renamed(const struct import *m, const json_t *value)
{
    const json_t *new;
    const char *key;
    json_t *part, *out;
    size_t i;

    if (json_is_array(value)) {
        out = json_array();
        json_array_foreach(value, i, part)
        {
            json_array_append_new(out, import_renamed(m, part));
        }
        return out;
    }
    if (!json_is_object(value)) {
        return json_incref((json_t *)(uintptr_t)value);
    }
    new = json_object_size(value) == 1
              ? json_object_get(m->renamed, cli_text(value, "$ref"))
              : NULL;
    if (new != NULL) {
        return json_pack("{s:O}", "$ref", new);
    }
    out = json_object();
    json_object_foreach((json_t *)(uintptr_t)value, key, part)
    {
        json_object_set_new(out, key, import_renamed(m, part));
    }
    return out;
}

json_t *import_fields(struct import *m, const json_t *fields,
                      json_t **own_children)
{
    json_t *out = json_object(), *value;
    const char *name;

    *own_children = json_object();
    json_object_foreach((json_t *)(uintptr_t)fields, name, value)
    {
        const char *ref = cli_text(value, "$ref");

        /* null: it is a child somewhere, of which map is not known yet. */
        if (ref[0] != '\0' && json_is_null(json_object_get(m->parents, ref))) {
            json_object_set_new(*own_children, name, json_string(ref));
        } else {
            json_object_set_new(out, name, import_renamed(m, value));
        }
    }
    return out;
}

void import_parents(struct import *m, const struct cove_id *id,
                    const json_t *own_children)
{
    const char *name;
    json_t *ref;

    json_object_foreach((json_t *)(uintptr_t)own_children, name, ref)
    {
        import_parent(
            m, json_string_value(ref),
            json_pack("{s:o s:s}", "id", import_hex(id), "field", name));
    }
}

/* ------------------------------------------------------------------- making */

static int content_refused(struct import *m, const char *why)
{
    cli_fail(CLI_INVALID, "line %lld: %s", m->line, why);
    return import_refused(m, CLI_INVALID, true);
}

int import_content_make(struct import *m, const json_t *exported)
{
    const char *old = cli_text(exported, "id");
    size_t type = content_type(exported);
    struct cove_id id;

    if (json_is_true(json_object_get(exported, "child"))) {
        import_parent(m, old, json_null());
        return CLI_OK;
    }
    int err = cove_create(m->txn, (enum cove_covalue)content_types[type].as,
                          m->owner, &id);

    if (err != 0) {
        return cli_failed(m->cli, err);
    }
    import_made(m, &id, old);
    return CLI_OK;
}

/* Where the content goes: what was made in the first pass, or the child of the
 * map that came in with it; one whose map did not is made by itself. */
static int content_place(struct import *m, const json_t *exported, size_t type,
                         struct cove_id *out)
{
    const char *old = cli_text(exported, "id");
    const json_t *parent = json_object_get(m->parents, old);
    enum cove_covalue as = (enum cove_covalue)content_types[type].as;
    struct cove_value value;
    struct cove_id map;
    int err;

    if (content_id(json_object_get(m->made, old), out)) {
        return 0;
    }
    if (!content_id(json_object_get(parent, "id"), &map)) {
        err = cove_create(m->txn, as, m->owner, out);
    } else {
        const char *field = cli_text(parent, "field");

        err = cove_child(m->txn, &map, field, as, out);
        if (err == 0 &&
            cove_get(m->txn, &map, field, &value) == COVE_ENOTFOUND) {
            err = cove_set(m->txn, &map, field, cove_link(out));
        }
    }
    if (err == 0) {
        import_made(m, out, old);
    }
    return err;
}

/* -------------------------------------------------------------------- blobs */

static int blob_bytes(struct import *m, const struct cove_id *id,
                      const uint8_t *bytes, size_t len)
{
    int err = 0;

    for (size_t at = 0; at < len && err == 0; at += 65536) {
        size_t n = len - at < 65536 ? len - at : 65536;

        err = cove_blob_write(m->txn, id, bytes + at, n);
    }
    return err == 0 ? CLI_OK : cli_failed(m->cli, err);
}

static int blob_file(struct import *m, const struct cove_id *id,
                     const char *name)
{
    static uint8_t piece[65536];
    char *path = NULL;
    int code = CLI_OK;
    size_t n;

    if (strchr(name, '/') != NULL || name[0] == '.' || m->blob_dir == NULL) {
        return cli_fail(CLI_USAGE,
                        "line %lld: its bytes are in a file: --blob-dir DIR "
                        "says where it lies",
                        m->line);
    }
    if (asprintf(&path, "%s/%s", m->blob_dir, name) < 0) {
        return cli_fail(CLI_ERROR, "out of memory");
    }
    FILE *file = fopen(path, "rbe");

    if (file == NULL) {
        code = cli_fail(CLI_NOT_FOUND, "%s: %s", path, strerror(errno));
    }
    while (code == CLI_OK && (n = fread(piece, 1, sizeof(piece), file)) > 0) {
        code = blob_bytes(m, id, piece, n);
    }
    if (code == CLI_OK && ferror(file)) {
        code = cli_fail(CLI_ERROR, "%s: %s", path, strerror(errno));
    }
    if (file != NULL) {
        fclose(file);
    }
    free(path);
    return code;
}

/* The document is at hand: text of the member "data", or the file. */
static int blob_fill(struct import *m, const struct cove_id *id,
                     const json_t *exported)
{
    const char *data = cli_text(json_object_get(exported, "data"), "$bytes");
    const char *file = cli_text(exported, "file");
    struct cove_blob blob = {
        .size_of = sizeof(blob),
        .name = json_string_value(json_object_get(exported, "name")),
        .mime = json_string_value(json_object_get(exported, "mime")),
        .bytes = cli_int(exported, "bytes"),
    };
    int64_t at;
    size_t len = 0;
    uint8_t *bytes = file[0] == '\0' ? cli_base64_read(data, &len) : NULL;
    int code = CLI_OK, err;

    if (file[0] == '\0' && bytes == NULL) {
        return content_refused(m, "its bytes are not base64");
    }
    err = cove_blob_begin(m->txn, id, &blob, &at);
    if (err == 0) {
        code = bytes != NULL ? blob_bytes(m, id, bytes, len)
                             : blob_file(m, id, file);
        err = code == CLI_OK ? cove_blob_end(m->txn, id) : 0;
    }
    free(bytes);
    return err == 0 ? code : cli_failed(m->cli, err);
}

/* ------------------------------------------------------------------ filling */

/* What goes in: of a stream only the values, since its entries are this
 * device's now. */
static json_t *content_of(const struct import *m, const json_t *exported,
                          size_t type)
{
    const json_t *held = json_object_get(exported, content_types[type].member);
    json_t *renamed = held != NULL ? import_renamed(m, held) : NULL;
    json_t *values, *entry;
    size_t i;

    if (content_types[type].as != COVE_COSTREAM || renamed == NULL) {
        return renamed;
    }
    values = json_array();
    json_array_foreach(renamed, i, entry)
    {
        json_array_append(values, json_object_get(entry, "value"));
    }
    json_decref(renamed);
    return values;
}

static bool content_whole(const json_t *exported, size_t type)
{
    if (content_types[type].as == COVE_COBINARY) {
        return json_object_get(exported, "data") != NULL ||
               json_object_get(exported, "file") != NULL;
    }
    return json_object_get(exported, content_types[type].member) != NULL &&
           json_object_get(exported, "invalid") == NULL;
}

int import_content_fill(struct import *m, const json_t *exported)
{
    size_t type = content_type(exported);
    bool blob = content_types[type].as == COVE_COBINARY;
    struct cove_id id;

    if (blob && !json_is_true(json_object_get(exported, "whole")) &&
        cli_int(exported, "held") == 0) {
        return CLI_OK; /* nobody put anything into it */
    }
    if (!content_whole(exported, type)) {
        return content_refused(
            m, blob ? "the blob's bytes are not in it; export it with "
                      "--blob-dir DIR"
                    : "a value did not convert to this version; export it as a "
                      "version that has all its values");
    }
    int err = content_place(m, exported, type, &id);

    if (err != 0) {
        cli_fail(cli_exit_code(err), "line %lld: %s", m->line,
                 cove_errmsg(m->cli->store));
        return import_refused(m, cli_exit_code(err), import_invalid(err));
    }
    if (blob) {
        return blob_fill(m, &id, exported);
    }
    json_t *content = content_of(m, exported, type);
    int code =
        cli_content_write(m->cli, m->txn, &id, content_types[type].as, content);

    json_decref(content);
    return code == CLI_OK ? CLI_OK : import_refused(m, code, true);
}
