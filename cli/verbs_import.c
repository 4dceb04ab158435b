/* verbs_import.c: import: a document of each JSON line. */
#include "cli/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMPORT_SLICE                                                           \
    2000 /* documents a commit, where records may be skipped                   \
          */

int cli_use_all(struct cli *cli, const char *version)
{
    json_t *reply = NULL, *schema;
    size_t i;
    int code = cli_call(cli, json_pack("{s:s}", "do", "schema.list"), &reply);
    char *end;
    long long number = strtoll(version, &end, 10);

    if (code == CLI_OK && (*end != '\0' || end == version)) {
        code = cli_fail(CLI_USAGE, "--as %s: a version number is wanted here",
                        version);
    }
    bool any = false;

    json_array_foreach(json_object_get(reply, "schemas"), i, schema)
    {
        const char *journal =
            json_string_value(json_object_get(schema, "journal"));

        /* Versions that one schema lacks another may have. */
        any = (code == CLI_OK && journal != NULL &&
               cove_use(cli->store, journal, number) == 0) ||
              any;
    }
    json_decref(reply);
    if (code == CLI_OK && !any) {
        code =
            cli_fail(CLI_NOT_FOUND, "no schema here has a version %s", version);
    }
    return code;
}

static long long import_count(const char *text)
{
    long long lines = 0;

    for (const char *c = text; *c != '\0'; lines++) {
        const char *end = strchr(c, '\n');

        if (end == NULL) {
            return lines + 1;
        }
        c = end + 1;
    }
    return lines;
}

static int import_begin(struct import *m)
{
    int err = cove_begin(m->cli->store, COVE_WRITE | COVE_VIEW, &m->txn);

    m->in_slice = 0;
    return err == 0 ? CLI_OK : cli_failed(m->cli, err);
}

static int import_commit(struct import *m)
{
    int code = import_log_slice(m), err;

    if (code != CLI_OK) {
        cove_abort(m->txn);
        m->txn = NULL;
        return code;
    }
    err = cove_commit(m->txn);
    m->txn = NULL;
    return err == 0 ? CLI_OK : cli_failed(m->cli, err);
}

bool import_invalid(int err)
{
    return cli_exit_code(err) == CLI_INVALID || err == COVE_ELIMIT ||
           err == COVE_ERESERVED;
}

void import_say(struct import *m, const char *line, int err)
{
    json_error_t error = {0};
    json_t *value = err == COVE_EJSON
                        ? json_loads(line, JSON_REJECT_DUPLICATES, &error)
                        : json_null();

    if (value == NULL && m->last &&
        json_error_code(&error) == json_error_premature_end_of_input) {
        m->cut = true;
        cli_fail(CLI_INVALID,
                 "line %lld column %d: the input is cut in the middle of this "
                 "line",
                 m->line, error.column);
    } else if (value == NULL) {
        cli_fail(CLI_INVALID, "line %lld column %d: %s", m->line, error.column,
                 error.text);
    } else {
        cli_fail(CLI_INVALID, "line %lld: %s", m->line,
                 cove_errmsg(m->cli->store));
    }
    json_decref(value);
}

int import_refused(struct import *m, int code, bool invalid)
{
    /* A line that was cut may come whole: where it goes on later, it does so
     * with that one. */
    if (m->skip && invalid && !(m->resume && m->cut)) {
        m->skipped++;
        return CLI_OK;
    }
    return cli_fail(
        code, "%s",
        m->resume && m->cut ? "stopped; what is before it stays, and --resume "
                              "goes on there with the whole input"
        : m->resume         ? "stopped; what is before it stays, and --resume "
                              "goes on there when it is put right; "
                              "--skip-invalid goes on behind it"
        : m->skip           ? "stopped; what was committed before stays"
                            : "nothing was imported; --skip-invalid goes on "
                              "behind records that are not right");
}

void import_made(struct import *m, const struct cove_id *id,
                 const char *exported)
{
    char text[52];

    m->imported++;
    m->in_slice++;
    cove_id_format(id, text);
    if (m->cli->json) {
        json_array_append_new(m->ids, json_string(text));
    }
    if (exported != NULL) {
        json_object_set_new(m->renamed, exported, json_string(text));
        json_object_set_new(m->made, exported, import_hex(id));
    }
    if (m->log != NULL) {
        json_array_append_new(m->slice_ids, json_string(text));
    }
    if (m->log != NULL && exported != NULL) {
        json_object_set_new(m->slice_made, exported,
                            json_pack("[s o]", text, import_hex(id)));
    }
}

void import_parent(struct import *m, const char *old, json_t *place)
{
    if (m->log != NULL) {
        json_object_set(m->slice_parents, old, place);
    }
    json_object_set_new(m->parents, old, place);
}

static int import_record(struct import *m, const char *schema,
                         const char *record, const char *exported,
                         struct cove_id *id)
{
    int err = cove_new(m->txn, schema, m->owner, record, id);

    if (err == 0) {
        import_made(m, id, exported);
        return CLI_OK;
    }
    import_say(m, record, err);
    return import_refused(m, cli_exit_code(err), import_invalid(err));
}

/* The fields of a document of `cove export`, as a new document. */
static int import_map(struct import *m, const json_t *exported)
{
    const char *schema = json_string_value(json_object_get(exported, "schema"));
    json_t *children;
    json_t *fields =
        import_fields(m, json_object_get(exported, "fields"), &children);
    char *record = json_dumps(fields, JSON_COMPACT);
    struct cove_id id;
    long long before = m->imported;
    int code = record == NULL
                   ? cli_fail(CLI_ERROR, "out of memory")
                   : import_record(m, m->schema != NULL ? m->schema : schema,
                                   record, cli_text(exported, "id"), &id);

    if (m->imported > before) {
        import_parents(m, &id, children);
    }
    free(record);
    json_decref(fields);
    json_decref(children);
    return code;
}

/* A document of `cove export`. */
static int import_exported(struct import *m, const json_t *exported, int pass)
{
    if (!cli_exported_is_data(exported)) {
        m->left_out += pass == 2;
        return CLI_OK;
    }
    if (import_is_content(exported)) {
        return pass == 1   ? import_content_make(m, exported)
               : pass == 3 ? import_content_fill(m, exported)
                           : CLI_OK;
    }
    if (pass != 2) {
        return CLI_OK;
    }
    if (json_object_get(exported, "fields") == NULL ||
        json_object_get(exported, "invalid") != NULL) {
        cli_fail(CLI_INVALID,
                 "line %lld: %s; export it as a version that has all its "
                 "values",
                 m->line,
                 json_object_get(exported, "fields") != NULL
                     ? "a value did not convert to this version"
                     : "it holds no fields");
        return import_refused(m, CLI_INVALID, true);
    }
    return import_map(m, exported);
}

static int import_line(struct import *m, const char *line, int pass)
{
    json_t *exported = cli_exported(line);
    struct cove_id id;
    int code = CLI_OK;

    if (exported != NULL && m->unique != NULL) {
        code = cli_fail(CLI_USAGE,
                        "line %lld: a line of `cove export`; --unique is for "
                        "records",
                        m->line);
    } else if (exported != NULL) {
        code = import_exported(m, exported, pass);
    } else if (pass == 2) {
        code = m->unique != NULL ? import_unique_line(m, line)
                                 : import_record(m, m->schema, line, NULL, &id);
    }
    json_decref(exported);
    return code;
}

static int import_slice(struct import *m)
{
    int code = import_commit(m);

    return code == CLI_OK ? import_begin(m) : code;
}

/* A line, unless what was committed before has it. */
static int import_due(struct import *m, const char *line, size_t len)
{
    bool before = m->pass < m->from_pass ||
                  (m->pass == m->from_pass && m->line <= m->from_line);
    int code = CLI_OK;

    if (!before && line[strspn(line, " \t\r")] != '\0') {
        code = import_line(m, line, m->pass);
    }
    if (code != CLI_OK) {
        m->line--; /* this one is not done */
        return code;
    }
    m->at += (long long)len + !m->last;
    if (m->log != NULL) {
        m->hash = import_hash(m->hash, line, len);
        m->hash = m->last ? m->hash : import_hash(m->hash, "\n", 1);
    }
    if ((m->skip || m->resume) && m->in_slice >= IMPORT_SLICE) {
        code = import_slice(m);
    }
    return code;
}

/* All lines, once; the text is as it was afterwards. */
static int import_pass(struct import *m, char *text)
{
    int code = CLI_OK;

    m->line = 0;
    m->at = 0;
    m->hash = 0;
    for (char *line = text; code == CLI_OK && line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');

        m->last = end == NULL;
        if (end != NULL) {
            *end = '\0';
        }
        m->line++;
        code = import_due(m, line, strlen(line));
        if (m->pass == 2) {
            cli_progress_step(&m->progress, m->line);
        }
        if (end != NULL) {
            *end++ = '\n';
        }
        line = end;
    }
    return code;
}

static int import_lines(struct import *m, char *text)
{
    int code = import_begin(m);

    code = code == CLI_OK ? import_unique_begin(m) : code;
    for (int pass = 1; pass <= 3 && code == CLI_OK; pass++) {
        m->pass = pass;
        code = import_pass(m, text);
    }
    /* The maps before the line that stops it stay. */
    if (code == CLI_OK ||
        (m->resume && m->txn != NULL && m->pass == 2 && code == CLI_INVALID)) {
        int committed = import_commit(m);

        return code == CLI_OK ? committed : code;
    }
    cove_abort(m->txn);
    return code;
}

static int import_run(struct import *m, const char *path)
{
    char *text;
    int code = cli_read_file(path, &text);

    if (code == CLI_OK && m->schema == NULL) {
        code = cli_exported_use(m->cli, text);
    }
    m->ids = json_array();
    m->renamed = json_object();
    m->made = json_object();
    m->parents = json_object();
    m->slice_made = json_object();
    m->slice_ids = json_array();
    m->slice_parents = json_object();
    code = code == CLI_OK ? import_log_open(m, path, text) : code;
    if (code == CLI_OK) {
        cli_progress_begin(&m->progress, m->cli, "documents",
                           import_count(text));
        code = import_lines(m, text);
        cli_progress_end(&m->progress);
    }
    import_log_close(m, code == CLI_OK);
    free(text);
    if (code == CLI_OK && m->cli->json) {
        json_t *reply = json_pack(
            "{s:I s:I s:I s:I s:I s:I s:O}", "imported",
            (json_int_t)m->imported, "updated", (json_int_t)m->updated,
            "unchanged", (json_int_t)m->unchanged, "resumedAt",
            (json_int_t)m->from_line, "skipped", (json_int_t)m->skipped,
            "leftOut", (json_int_t)m->left_out, "ids", m->ids);

        cli_print_json(reply);
        json_decref(reply);
    } else if (code == CLI_OK && !m->cli->quiet) {
        printf("%lld documents imported", m->imported);
        if (m->unique != NULL) {
            printf(", %lld updated, %lld as they were", m->updated,
                   m->unchanged);
        }
        if (m->skipped > 0) {
            printf(", %lld skipped", m->skipped);
        }
        if (m->left_out > 0) {
            printf(", %lld groups, accounts, journals and registries left out",
                   m->left_out);
        }
        putchar('\n');
    }
    json_decref(m->ids);
    json_decref(m->renamed);
    json_decref(m->made);
    json_decref(m->parents);
    import_unique_end(m);
    json_decref(m->slice_made);
    json_decref(m->slice_ids);
    json_decref(m->slice_parents);
    return code == CLI_OK && m->cut ? CLI_INVALID : code;
}

static int import_by_field(const struct import *m, const char *schema)
{
    if (m->unique != NULL && schema == NULL) {
        return cli_fail(CLI_USAGE, "--unique wants --schema: whose documents "
                                   "have that field");
    }
    if (m->unique != NULL && m->resume) {
        return cli_fail(CLI_USAGE, "--unique needs no --resume: import the "
                                   "file again, and only what differs is "
                                   "written");
    }
    return CLI_OK;
}

int cli_import(struct cli *cli)
{
    struct import m = {.cli = cli};
    struct cove_id owner;
    bool bad = false;
    const char *exact = cli_option(cli, "--exact", &bad);

    if (bad || exact != NULL) {
        return bad ? CLI_USAGE : cli_import_exact(cli, exact);
    }
    const char *schema = cli_option(cli, "--schema", &bad);
    const char *as = cli_option(cli, "--as", &bad);
    const char *owner_text = cli_option(cli, "--owner", &bad);
    json_t *named = json_object();
    const char *path;
    int code, err = 0;

    m.blob_dir = cli_option(cli, "--blob-dir", &bad);
    m.skip = cli_flag(cli, "--skip-invalid");
    m.resume = cli_flag(cli, "--resume");
    m.unique = cli_option(cli, "--unique", &bad);
    path = cli_word(cli);
    code = cli_end(cli, bad);
    if (code == CLI_OK && path == NULL) {
        code = cli_fail(CLI_USAGE, "import needs a file of JSON lines, or -");
    }
    code = code == CLI_OK ? import_by_field(&m, schema) : code;
    if (schema != NULL) {
        cli_schema_word(schema, named);
        m.schema = json_string_value(json_object_get(named, "schema"));
    }
    if (as == NULL) {
        as = json_string_value(json_object_get(named, "version"));
    }
    if (code == CLI_OK && as != NULL && m.schema != NULL) {
        char *end;
        const char *at = strrchr(as, '@');
        long long version = strtoll(at != NULL ? at + 1 : as, &end, 10);

        err = *end == '\0' ? cove_use(cli->store, m.schema, version) : 0;
        code = *end != '\0' ? cli_fail(CLI_USAGE,
                                       "--as %s: a version number is "
                                       "wanted here",
                                       as)
                            : code;
    }
    if (code == CLI_OK && err == 0 && owner_text != NULL) {
        err = cove_id_lookup(cli->store, owner_text, &owner);
        m.owner = &owner;
    }
    code = err != 0 ? cli_failed(cli, err) : code;
    code = code == CLI_OK ? import_run(&m, path) : code;
    json_decref(named);
    return code;
}
