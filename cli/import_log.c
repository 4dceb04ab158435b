/* import_log.c: how far an import came, in a file beside what is imported, so
 * that one that died goes on and makes no document twice.
 *
 * A line for each commit, on disk before the commit is made: where it ends,
 * what it made, and one of the documents that it made. Only of the last one it
 * is not known whether it came to pass: if that document is there, it did.
 */
#include "cli/import.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_HASH 14695981039346656037u /* FNV-1a */

uint64_t import_hash(uint64_t hash, const char *at, size_t len)
{
    if (hash == 0) {
        hash = LOG_HASH;
    }
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)at[i]) * 1099511628211u;
    }
    return hash;
}

static int log_failed(const struct import *m)
{
    return cli_fail(CLI_ERROR, "%s: %s", m->log_path, strerror(errno));
}

static int log_line(struct import *m, const json_t *line)
{
    if (json_dumpf(line, m->log, JSON_COMPACT) != 0 ||
        fputc('\n', m->log) == EOF || fflush(m->log) != 0 ||
        fdatasync(fileno(m->log)) != 0) {
        return log_failed(m);
    }
    return CLI_OK;
}

int import_log_slice(struct import *m)
{
    char hash[17];
    json_t *line;
    int code;

    if (m->log == NULL) {
        return CLI_OK;
    }
    snprintf(hash, sizeof(hash), "%016" PRIx64, m->hash);
    line = json_pack("{s:i s:I s:I s:s s:I s:I s:I s:O s:O s:O}", "pass",
                     m->pass, "line", (json_int_t)m->line, "at",
                     (json_int_t)m->at, "hash", hash, "imported",
                     (json_int_t)m->imported, "skipped", (json_int_t)m->skipped,
                     "leftOut", (json_int_t)m->left_out, "made", m->slice_made,
                     "ids", m->slice_ids, "parents", m->slice_parents);
    code =
        line != NULL ? log_line(m, line) : cli_fail(CLI_ERROR, "out of memory");
    json_decref(line);
    json_object_clear(m->slice_made);
    json_array_clear(m->slice_ids);
    json_object_clear(m->slice_parents);
    return code;
}

/* ------------------------------------------------------------------ going on
 */

/* The commit that this line stands before came to pass. */
static void log_take(struct import *m, const json_t *line)
{
    const char *old;
    json_t *id;
    size_t i;

    m->from_pass = (int)cli_int(line, "pass");
    m->from_line = cli_int(line, "line");
    m->from_at = cli_int(line, "at");
    m->from_hash = strtoull(cli_text(line, "hash"), NULL, 16);
    m->imported = cli_int(line, "imported");
    m->skipped = cli_int(line, "skipped");
    m->left_out = cli_int(line, "leftOut");
    json_object_foreach(json_object_get(line, "made"), old, id)
    {
        json_object_set(m->renamed, old, json_array_get(id, 0));
        json_object_set(m->made, old, json_array_get(id, 1));
    }
    json_object_update(m->parents, json_object_get(line, "parents"));
    json_array_foreach(json_object_get(line, "ids"), i, id)
    {
        if (m->cli->json) {
            json_array_append(m->ids, id);
        }
    }
}

/* Did it? */
static bool log_happened(struct import *m, const json_t *line)
{
    const json_t *first = json_array_get(json_object_get(line, "ids"), 0);
    struct cove_id id;

    return first == NULL ||
           cove_id_lookup(m->cli->store, json_string_value(first), &id) == 0;
}

/* All lines but a last one that was cut, or that nothing came of; gives where
 * the next one goes. */
static long log_read(struct import *m)
{
    json_t *line, *last = NULL;
    long last_at = 0, end;

    for (;;) {
        end = ftell(m->log);
        line = json_loadf(m->log, JSON_DISABLE_EOF_CHECK, NULL);
        if (line == NULL || fgetc(m->log) != '\n') {
            json_decref(line);
            break;
        }
        if (last != NULL) {
            log_take(m, last);
        }
        json_decref(last);
        last = line;
        last_at = end;
    }
    if (last != NULL && log_happened(m, last)) {
        log_take(m, last);
    } else if (last != NULL) {
        end = last_at;
    }
    json_decref(last);
    return end;
}

/* Is what was imported of the file still what stands in it? */
static int log_check(const struct import *m, const char *text)
{
    size_t len = strlen(text);

    if (m->from_at == 0 ||
        ((size_t)m->from_at <= len &&
         import_hash(0, text, (size_t)m->from_at) == m->from_hash)) {
        return CLI_OK;
    }
    return cli_fail(CLI_CONDITION,
                    "the lines up to %lld are not those that were imported; "
                    "give the file as it was, or remove %s to begin anew",
                    m->from_line, m->log_path);
}

int import_log_open(struct import *m, const char *path, const char *text)
{
    char *name = NULL;

    if (!m->resume) {
        return CLI_OK;
    }
    if (strcmp(path, "-") == 0) {
        return cli_fail(CLI_USAGE, "--resume wants a file: what comes through "
                                   "a pipe cannot be gone on with");
    }
    if (asprintf(&name, "%s.import", path) < 0) {
        return cli_fail(CLI_ERROR, "out of memory");
    }
    m->log_path = name;
    m->log = fopen(name, "a+e");
    if (m->log == NULL) {
        return log_failed(m);
    }
    rewind(m->log);
    if (ftruncate(fileno(m->log), log_read(m)) != 0) {
        return log_failed(m);
    }
    return log_check(m, text);
}

void import_log_close(struct import *m, bool done)
{
    if (m->log != NULL) {
        fclose(m->log);
        m->log = NULL;
    }
    if (done && m->log_path != NULL) {
        unlink(m->log_path);
    }
    free(m->log_path);
    m->log_path = NULL;
}
