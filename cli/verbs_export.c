/* verbs_export.c: export: documents as JSON lines, blobs in them or beside. */
#include "cli/covalue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define EXPORT_BLOB 1048576 /* bytes of a blob that go into its line */

struct export
{
    struct cli *cli;
    const char *blob_dir; /* where larger ones go; NULL: nowhere */
    json_t *printed;      /* ids, where one may come twice; else NULL */
    const char *after;    /* the document that was exported last; or NULL */
    char *last;           /* of the last page that was written */
    char *now;            /* of the page under way */
    long long left_out;   /* blobs */
    long long done;
    struct cli_progress progress;
    int code;
};

/* The bytes of a blob, as a file named by its id. */
static int export_blob(struct export *e, json_t *doc)
{
    struct cli_target t = {.word = cli_text(doc, "id"), .type = COVE_COBINARY};
    static uint8_t piece[65536];
    struct cli_saved saved;
    char *path = NULL;
    int code = cli_target_begin(e->cli, &t, false);

    if (code != CLI_OK) {
        return code;
    }
    if (asprintf(&path, "%s/%s", e->blob_dir, t.text) < 0) {
        return cli_target_end(e->cli, &t, cli_fail(CLI_ERROR, "out of memory"));
    }
    code = cli_saved_open(&saved, path, e->cli->yes);
    if (code == CLI_OK) {
        size_t len = 1;

        for (int64_t at = 0; code == CLI_OK && len > 0; at += (int64_t)len) {
            int err =
                cove_blob_read(t.txn, &t.id, at, piece, sizeof(piece), &len);

            code = err == 0 ? cli_saved_write(&saved, piece, len)
                            : cli_failed(e->cli, err);
        }
        code = cli_saved_end(&saved, e->cli->yes, code);
    }
    free(path);
    if (code == CLI_OK) {
        json_object_set_new(doc, "file", json_string(t.text));
    }
    return cli_target_end(e->cli, &t, code);
}

/* One that is whole and too large for its line. */
static bool export_is_large(const json_t *doc)
{
    return json_is_true(json_object_get(doc, "whole")) &&
           json_object_get(doc, "data") == NULL;
}

static void export_one(struct export *e, json_t *doc)
{
    const char *id = cli_text(doc, "id");

    if (e->printed != NULL && json_object_get(e->printed, id) != NULL) {
        return;
    }
    if (e->printed != NULL) {
        json_object_set_new(e->printed, id, json_true());
    }
    if (export_is_large(doc) && e->blob_dir != NULL && e->code == CLI_OK) {
        e->code = export_blob(e, doc);
    } else if (export_is_large(doc)) {
        e->left_out++;
    }
    cli_print_json(doc);
}

static void export_each(void *ctx, json_t *doc)
{
    struct export *e = ctx;
    json_t *followed = json_incref(json_object_get(doc, "documents")), *one;
    size_t i;

    json_object_del(doc, "documents");
    json_object_del(doc, "leftOut");
    free(e->now);
    e->now = strdup(cli_text(doc, "id"));
    e->done++;
    export_one(e, doc);
    json_array_foreach(followed, i, one)
    {
        export_one(e, one);
    }
    json_decref(followed);
}

/* From where, how many, and where it ends: what is made meanwhile does not
 * keep it from its end. */
static int export_begin(void *ctx, json_t *request, json_int_t *until)
{
    struct export *e = ctx;
    json_t *begin = json_pack("{s:s}", "do", "export.begin"), *reply = NULL;
    json_t *schema = json_object_get(request, "schema");
    int code;

    if (schema != NULL) {
        json_object_set(begin, "schema", schema);
    }
    if (e->after != NULL) {
        json_object_set_new(begin, "after", json_string(e->after));
    }
    code = cli_call(e->cli, begin, &reply);
    if (code == CLI_OK) {
        json_object_set(request, "after", json_object_get(reply, "cursor"));
        *until = cli_int(reply, "until");
        cli_progress_begin(&e->progress, e->cli, "documents",
                           cli_int(reply, "documents"));
    }
    json_decref(reply);
    return code;
}

/* What is not written now may never be: say up to where it is. */
static int export_page(void *ctx)
{
    struct export *e = ctx;

    if (fflush(stdout) != 0) {
        cli_progress_end(&e->progress);
        return cli_fail(CLI_ERROR, "standard output cannot be written: %s%s%s",
                        strerror(errno),
                        e->last != NULL ? "; what is there is whole up to the "
                                          "line of the document behind which "
                                          "this goes on: `cove export --after "
                                        : "",
                        e->last != NULL ? e->last : "");
    }
    free(e->last);
    e->last = e->now != NULL ? strdup(e->now) : NULL;
    cli_progress_step(&e->progress, e->done);
    return e->code;
}

static int export_options(struct export *e, json_t *request)
{
    struct stat st;
    bool bad = false;
    json_int_t depth;

    e->blob_dir = cli_option(e->cli, "--blob-dir", &bad);
    e->after = cli_option(e->cli, "--after", &bad);
    json_object_set_new(request, "entries", json_integer(-1));
    json_object_set_new(request, "data", json_integer(EXPORT_BLOB));
    if (cli_option_number(e->cli, "--depth", &bad, &depth)) {
        json_object_set_new(request, "depth", json_integer(depth));
        e->printed = json_object();
    }
    if (bad) {
        return CLI_USAGE;
    }
    if (e->blob_dir != NULL && mkdir(e->blob_dir, 0777) != 0 &&
        errno != EEXIST) {
        return cli_fail(CLI_ERROR, "%s: %s", e->blob_dir, strerror(errno));
    }
    if (e->blob_dir != NULL &&
        (stat(e->blob_dir, &st) != 0 || !S_ISDIR(st.st_mode))) {
        return cli_fail(CLI_USAGE, "%s is no directory", e->blob_dir);
    }
    return CLI_OK;
}

int cli_export(struct cli *cli)
{
    struct export e = {.cli = cli};
    bool bad = false;
    const char *exact = cli_option(cli, "--exact", &bad);

    if (bad || exact != NULL) {
        return bad ? CLI_USAGE : cli_export_exact(cli, exact);
    }
    json_t *request = json_object();
    const char *mode = cli_flag(cli, "--raw") ? "raw" : "view";
    int code = export_options(&e, request);

    if (code == CLI_OK) {
        const struct cli_find_how how = {.each = export_each,
                                         .begin = export_begin,
                                         .page = export_page,
                                         .ctx = &e};

        cli_progress_begin(&e.progress, cli, "documents", 0);
        code = cli_find_each(cli, request, mode, &how);
        if (code == CLI_OK) {
            cli_progress_end(&e.progress);
        }
    }
    if (e.left_out > 0 && !cli->quiet) {
        fflush(stdout);
        fprintf(stderr,
                "%lld blobs of more than 1 MiB are without their bytes: "
                "--blob-dir DIR writes them there\n",
                e.left_out);
    }
    free(e.last);
    free(e.now);
    json_decref(e.printed);
    json_decref(request);
    return code == CLI_OK ? e.code : code;
}
