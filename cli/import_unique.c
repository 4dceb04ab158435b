/* import_unique.c: records that a field names: a record whose value a document
 * has changes that document, by what differs; so the same file can be imported
 * again.
 *
 * All documents of the schema are read once, before the first record. A value
 * is a text or an integer, here as its JSON.
 */
#include "cli/import.h"

#include <stdlib.h>
#include <string.h>

/* The value of the field as a name for a document; NULL where it is none. The
 * caller's. */
static char *unique_name(const json_t *fields, const char *field)
{
    const json_t *value = json_object_get(fields, field);

    return json_is_string(value) || json_is_integer(value)
               ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT)
               : NULL;
}

static json_t *unique_fields(struct import *m, const struct cove_id *id,
                             int *err)
{
    const char *text = NULL;
    json_t *doc, *fields;

    *err = cove_get_json(m->txn, id, &text);
    doc = *err == 0 ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL;
    fields = json_incref(json_object_get(doc, "fields"));
    json_decref(doc);
    return fields;
}

/* A document that is here: two may have the value, as long as no record does.
 */
static void unique_here(struct import *m, const struct cove_id *id,
                        const json_t *fields)
{
    char *name = unique_name(fields, m->unique);
    char text[52];

    if (name == NULL) {
        return;
    }
    json_t *held = json_object_get(m->named, name);

    cove_id_format(id, text);
    if (held == NULL) {
        held = json_array();
        json_object_set_new(m->named, name, held);
    }
    json_array_append_new(held, json_string(text));
    free(name);
}

int import_unique_begin(struct import *m)
{
    struct cove_id id;
    uint64_t cursor = 0;
    int err = 0;

    m->named = json_object();
    m->lines = json_object();
    while (m->unique != NULL && err == 0) {
        err = cove_next(m->txn, m->schema, &cursor, &id);
        if (err == 0) {
            json_t *fields = unique_fields(m, &id, &err);

            unique_here(m, &id, fields);
            json_decref(fields);
        }
        err = err == COVE_EBLOCKED ? 0 : err; /* no version shows it yet */
    }
    return err == 0 || err == COVE_ENOTFOUND ? CLI_OK : cli_failed(m->cli, err);
}

void import_unique_end(struct import *m)
{
    json_decref(m->named);
    json_decref(m->lines);
}

/* The record names no document, or a wrong one: say why. */
static bool unique_good(struct import *m, const json_t *record,
                        const char *name)
{
    const json_t *held = name != NULL ? json_object_get(m->named, name) : NULL;
    json_t *line = name != NULL ? json_object_get(m->lines, name) : NULL;

    if (name == NULL && json_object_get(record, m->unique) == NULL) {
        cli_fail(CLI_INVALID,
                 "line %lld: it has no \"%s\", by which --unique knows the "
                 "document",
                 m->line, m->unique);
    } else if (name == NULL) {
        cli_fail(CLI_INVALID,
                 "line %lld: \"%s\" is neither a text nor an integer; only by "
                 "such --unique knows a document",
                 m->line, m->unique);
    } else if (line != NULL) {
        cli_fail(CLI_INVALID, "line %lld: \"%s\" is %s on line %lld already",
                 m->line, m->unique, name, (long long)json_integer_value(line));
    } else if (json_array_size(held) > 1) {
        cli_fail(CLI_INVALID,
                 "line %lld: \"%s\" is %s in %zu documents, %s and %s among "
                 "them; `cove find --duplicates %s` lists such",
                 m->line, m->unique, name, json_array_size(held),
                 json_string_value(json_array_get(held, 0)),
                 json_string_value(json_array_get(held, 1)), m->unique);
    } else {
        return true;
    }
    return false;
}

/* The members of the record that the document has otherwise; the caller's. */
static json_t *unique_differs(const json_t *record, const json_t *fields)
{
    json_t *differs = json_object();
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)record, key, value)
    {
        if (!json_equal(value, json_object_get(fields, key))) {
            json_object_set(differs, key, value);
        }
    }
    return differs;
}

/* Give the document what differs. Errors: of the API. */
static int unique_update(struct import *m, const char *ident,
                         const json_t *record)
{
    struct cove_id id;
    int err = cove_id_lookup(m->cli->store, ident, &id);
    json_t *fields = err == 0 ? unique_fields(m, &id, &err) : NULL;
    json_t *differs = unique_differs(record, fields);
    bool same = json_object_size(differs) == 0;

    if (err == 0 && !same) {
        char *text = json_dumps(differs, JSON_COMPACT);

        err = text == NULL ? COVE_ENOMEM : cove_set_json(m->txn, &id, text);
        free(text);
    }
    m->unchanged += err == 0 && same;
    m->updated += err == 0 && !same;
    m->in_slice += err == 0 && !same;
    json_decref(fields);
    json_decref(differs);
    return err;
}

static int unique_record(struct import *m, const json_t *record,
                         const char *name, const char *line)
{
    const json_t *held = json_object_get(m->named, name);
    struct cove_id id;
    int err;

    if (held != NULL) {
        err = unique_update(m, json_string_value(json_array_get(held, 0)),
                            record);
    } else {
        err = cove_new(m->txn, m->schema, m->owner, line, &id);
        if (err == 0) {
            import_made(m, &id, NULL);
        }
    }
    if (err == 0) {
        json_object_set_new(m->lines, name, json_integer(m->line));
    }
    return err;
}

int import_unique_line(struct import *m, const char *line)
{
    json_t *record = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    char *name = unique_name(record, m->unique);
    int code = CLI_OK;

    if (!json_is_object(record)) {
        import_say(m, line, COVE_EJSON);
        code = import_refused(m, CLI_INVALID, true);
    } else if (!unique_good(m, record, name)) {
        code = import_refused(m, CLI_INVALID, true);
    } else {
        int err = unique_record(m, record, name, line);

        if (err != 0) {
            import_say(m, line, err);
            code = import_refused(m, cli_exit_code(err), import_invalid(err));
        }
    }
    free(name);
    json_decref(record);
    return code;
}
