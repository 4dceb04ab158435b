/* exported.c: lines of `cove export`, recognized and taken apart, so that what
 * one store gave out another takes in. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

/* Of the types whose documents are the user's. */
static bool exported_type(const char *type)
{
    static const char *const types[] = {"comap",    "cotext",   "colist",
                                        "costream", "cobinary", "cocounter"};
    bool known = false;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        known = known || strcmp(types[i], type) == 0;
    }
    return known;
}

/* A record of the user's own may have an id and a type as well; only one with
 * nothing but what export writes is taken for an exported document. */
static bool exported_members(const json_t *line)
{
    static const char *const known[] = {
        "id",    "type",   "unique",    "schema",  "version", "owner",
        "state", "fields", "registers", "invalid", "why",     "child",
        "text",  "items",  "entries",   "count",   "value",   "overflow",
        "name",  "mime",   "bytes",     "held",    "whole",   "hash",
        "data",  "file",   "documents", "leftOut", "waiting"};
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)line, key, value)
    {
        size_t i = 0;

        while (i < sizeof(known) / sizeof(known[0]) &&
               strcmp(known[i], key) != 0) {
            i++;
        }
        if (i == sizeof(known) / sizeof(known[0])) {
            return false;
        }
    }
    return strncmp(cli_text(line, "id"), "co_z", 4) == 0 &&
           json_is_string(json_object_get(line, "state")) &&
           (json_is_object(json_object_get(line, "fields")) ||
            json_is_object(json_object_get(line, "registers")) ||
            json_is_string(json_object_get(line, "why")) ||
            exported_type(cli_text(line, "type")));
}

json_t *cli_exported(const char *line)
{
    /* Most lines are none: look before they are parsed a second time. */
    if (strstr(line, "\"co_z") == NULL || strstr(line, "\"state\"") == NULL) {
        return NULL;
    }
    json_t *value = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

    if (value != NULL && !exported_members(value)) {
        json_decref(value);
        value = NULL;
    }
    return value;
}

bool cli_exported_is_data(const json_t *exported)
{
    static const char *const own[] = {"schemata", "migrations", "activity",
                                      "meta-schema", "migration-schema"};
    const char *unique = cli_text(exported, "unique");
    const char *type = cli_text(exported, "type"); /* "": it was blocked */
    bool is_own = false;

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        is_own = is_own || strcmp(unique, own[i]) == 0;
    }
    return (type[0] == '\0' || exported_type(type)) && !is_own;
}

/* Note the version that a line's schema has; the first of it decides. */
static int exported_note(const json_t *line, long long number, json_t *versions)
{
    const char *schema = cli_text(line, "schema");
    const json_t *version = json_object_get(line, "version");
    const json_t *before = json_object_get(versions, schema);

    if (!cli_exported_is_data(line) || schema[0] == '\0') {
        return CLI_OK;
    }
    if (before != NULL && !json_equal(before, version)) {
        return cli_fail(CLI_INVALID,
                        "line %lld: %s@%lld, but @%lld before; import each "
                        "version by itself",
                        number, schema, (long long)json_integer_value(version),
                        (long long)json_integer_value(before));
    }
    json_object_set(versions, schema, (json_t *)(uintptr_t)version);
    return CLI_OK;
}

int cli_exported_use(struct cli *cli, const char *text)
{
    json_t *versions = json_object(), *version;
    long long number = 0;
    const char *schema;
    int code = CLI_OK;

    for (const char *at = text; code == CLI_OK && *at != '\0';) {
        size_t len = strcspn(at, "\n");
        char *copy = strndup(at, len);
        json_t *line = copy != NULL ? cli_exported(copy) : NULL;

        number++;
        if (line != NULL) {
            code = exported_note(line, number, versions);
        }
        json_decref(line);
        free(copy);
        at += len + (at[len] == '\n');
    }
    json_object_foreach(versions, schema, version)
    {
        int err = code != CLI_OK ? 0
                                 : cove_use(cli->store, schema,
                                            json_integer_value(version));

        code = err != 0 ? cli_failed(cli, err) : code;
    }
    json_decref(versions);
    return code;
}
