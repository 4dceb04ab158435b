/* verbs_blob.c: blob: put, get, show.
 *
 * A put commits every few megabytes; one that was cut off goes on where its
 * last commit stood. That what stood there is of this file is compared before
 * it is ended.
 */
#include "cli/covalue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOB_PIECE  65536
#define BLOB_COMMIT (4 * 1048576) /* bytes a commit */

/* ------------------------------------------------------------------ showing */

static json_t *blob_json(const struct cove_blob *blob)
{
    char hex[2 * sizeof(blob->hash) + 1];

    for (size_t i = 0; i < sizeof(blob->hash); i++) {
        snprintf(hex + 2 * i, 3, "%02x", blob->hash[i]);
    }
    json_t *json =
        json_pack("{s:s? s:s? s:I s:I s:b}", "name", blob->name, "mime",
                  blob->mime, "bytes", (json_int_t)blob->bytes, "held",
                  (json_int_t)blob->held, "whole", blob->whole);

    if (blob->bytes < 0) {
        json_object_set_new(json, "bytes", json_null());
    }
    if (blob->whole) {
        json_object_set_new(json, "hash", json_string(hex));
    }
    return json;
}

static void human_blob(const json_t *blob)
{
    static const char *const rows[] = {"name", "mime", "bytes", "held", "hash"};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const json_t *value = json_object_get(blob, rows[i]);

        if (value != NULL && !json_is_null(value)) {
            printf("%-5s  ", rows[i]);
            cli_print_value(value);
            putchar('\n');
        }
    }
    if (!json_is_true(json_object_get(blob, "whole"))) {
        puts("it is not whole here yet");
    }
}

static int blob_show(struct cli *cli, struct cli_target *t)
{
    struct cove_blob blob = {.size_of = sizeof(blob)};
    json_t *json = NULL;
    int code = cli_end(cli, false);

    code = code == CLI_OK ? cli_target_begin(cli, t, false) : code;
    if (code != CLI_OK) {
        return code;
    }
    int err = cove_blob_info(t->txn, &t->id, &blob);

    json = err == 0 ? blob_json(&blob) : NULL;
    code = cli_target_end(cli, t, err == 0 ? CLI_OK : cli_failed(cli, err));
    if (code == CLI_OK && (cli->json || cli->lines)) {
        cli_target_done(cli, t, json);
        return code;
    }
    if (code == CLI_OK) {
        human_blob(json);
    }
    json_decref(json);
    return code;
}

/* ------------------------------------------------------------------ putting */

struct blob_put {
    struct cli *cli;
    const char *path; /* "-": standard input */
    FILE *file;
    struct cove_blob blob;
    int64_t resumed; /* bytes that were here already */
    int64_t at;
    bool resume; /* of what comes through a pipe: asked for */
    bool end;    /* of the file */
    bool other;  /* what an earlier put left is not of this file */
    struct cli_progress progress;
    size_t len; /* of what the next commit takes */
    uint8_t piece[BLOB_PIECE];
    uint8_t bytes[BLOB_COMMIT];
};

static int put_file_failed(const struct blob_put *p)
{
    return cli_fail(errno == ENOENT ? CLI_NOT_FOUND : CLI_ERROR, "%s: %s",
                    p->path, strerror(errno));
}

static int put_open(struct blob_put *p)
{
    struct stat st;

    if (strcmp(p->path, "-") == 0) {
        p->file = stdin;
        p->path = "standard input";
        return CLI_OK;
    }
    p->file = fopen(p->path, "rbe");
    if (p->file == NULL || fstat(fileno(p->file), &st) != 0) {
        return put_file_failed(p);
    }
    if (S_ISDIR(st.st_mode)) {
        return cli_fail(CLI_USAGE, "%s is a directory, not a file", p->path);
    }
    if (S_ISREG(st.st_mode)) {
        p->blob.bytes = st.st_size;
    }
    if (p->blob.name == NULL) {
        const char *slash = strrchr(p->path, '/');

        p->blob.name = slash != NULL ? slash + 1 : p->path;
    }
    return CLI_OK;
}

/* Go to where the last put of the same stood. */
static int put_skip(struct blob_put *p)
{
    p->at = p->resumed;
    if (p->resumed == 0) {
        return CLI_OK;
    }
    if (p->file != stdin && p->blob.bytes >= 0) {
        return fseeko(p->file, p->resumed, SEEK_SET) == 0 ? CLI_OK
                                                          : put_file_failed(p);
    }
    if (!p->resume) {
        return cli_fail(CLI_CONDITION,
                        "a put from a pipe was begun here and not ended: "
                        "--resume skips the first %lld bytes of this one, "
                        "another --name begins anew",
                        (long long)p->resumed);
    }
    for (int64_t left = p->resumed; left > 0;) {
        size_t most = left < BLOB_PIECE ? (size_t)left : BLOB_PIECE;
        size_t n = fread(p->piece, 1, most, p->file);

        if (n == 0) {
            return cli_fail(CLI_INVALID,
                            "%s: shorter than the %lld bytes that are here",
                            p->path, (long long)p->resumed);
        }
        left -= (int64_t)n;
    }
    return CLI_OK;
}

/* Are the bytes that an earlier put left those of the file? */
static int put_compare(struct blob_put *p, struct cli_target *t)
{
    static uint8_t held[BLOB_PIECE];
    int64_t at = 0;

    if (p->resumed == 0 || p->file == stdin || p->blob.bytes < 0) {
        return CLI_OK;
    }
    if (fseeko(p->file, 0, SEEK_SET) != 0) {
        return put_file_failed(p);
    }
    while (at < p->resumed) {
        size_t most = p->resumed - at < BLOB_PIECE ? (size_t)(p->resumed - at)
                                                   : BLOB_PIECE;
        size_t n = 0;
        int err = cove_blob_read(t->txn, &t->id, at, held, most, &n);

        if (err != 0) {
            return cli_failed(p->cli, err);
        }
        if (n == 0 || fread(p->piece, 1, n, p->file) != n ||
            memcmp(held, p->piece, n) != 0) {
            p->other = true;
            return CLI_CONDITION;
        }
        at += (int64_t)n;
    }
    return CLI_OK;
}

/* What one commit takes. It is read before the transaction begins: nobody shall
 * wait for a slow pipe. */
static int put_read(struct blob_put *p)
{
    p->len = fread(p->bytes, 1, sizeof(p->bytes), p->file);
    if (ferror(p->file)) {
        return put_file_failed(p);
    }
    p->end = p->len < sizeof(p->bytes);
    return CLI_OK;
}

static int put_write(struct blob_put *p, struct cli_target *t)
{
    int err = 0;

    for (size_t done = 0; done < p->len && err == 0; done += BLOB_PIECE) {
        size_t n = p->len - done < BLOB_PIECE ? p->len - done : BLOB_PIECE;

        err = cove_blob_write(t->txn, &t->id, p->bytes + done, n);
        p->at += (int64_t)n;
        cli_progress_step(&p->progress, p->at);
    }
    return err == 0 ? CLI_OK : cli_failed(p->cli, err);
}

static int put_begin(struct blob_put *p, struct cli_target *t, int64_t *at)
{
    int code = cli_target_begin(p->cli, t, true);

    if (code == CLI_OK) {
        int err = cove_blob_begin(t->txn, &t->id, &p->blob, at);

        if (err != 0) {
            code = cli_target_end(p->cli, t, cli_failed(p->cli, err));
        }
    }
    return code;
}

static int put_slice(struct blob_put *p, struct cli_target *t)
{
    int64_t at = 0;
    int code = put_read(p);

    code = code == CLI_OK ? put_begin(p, t, &at) : code;
    if (code != CLI_OK) {
        return code;
    }
    if (at != p->at) {
        code = cli_fail(CLI_BUSY, "another process puts the same here");
    }
    code = code == CLI_OK ? put_write(p, t) : code;
    if (code == CLI_OK && p->end) {
        int err = cove_blob_end(t->txn, &t->id);

        code = err == 0 ? put_compare(p, t) : cli_failed(p->cli, err);
    }
    return cli_target_end(p->cli, t, code);
}

/* Go on where the same was cut off, or begin. */
static int put_slices(struct blob_put *p, struct cli_target *t)
{
    int code = put_begin(p, t, &p->resumed);

    if (code == CLI_OK) {
        cove_abort(t->txn); /* it was only to ask */
        code = put_skip(p);
    }
    while (code == CLI_OK && !p->end) {
        code = put_slice(p, t);
    }
    return code;
}

static int put_all(struct blob_put *p, struct cli_target *t)
{
    int code;

    cli_progress_begin(&p->progress, p->cli, "bytes",
                       p->blob.bytes >= 0 ? p->blob.bytes : 0);
    code = put_slices(p, t);
    if (p->other) { /* one of unknown size is another one, begun anew */
        p->blob.bytes = -1;
        p->other = p->end = false;
        rewind(p->file);
        code = put_slices(p, t);
    }
    cli_progress_end(&p->progress);
    if (code == CLI_OK) {
        if (p->resumed > 0 && !p->cli->quiet) {
            fprintf(stderr, "went on behind %lld bytes\n",
                    (long long)p->resumed);
        }
        cli_target_done(p->cli, t,
                        json_pack("{s:I s:I}", "bytes", (json_int_t)p->at,
                                  "resumed", (json_int_t)p->resumed));
    }
    return code;
}

static int blob_put(struct cli *cli, struct cli_target *t)
{
    static struct blob_put p;
    json_int_t bytes = -1;
    bool bad = false;

    p.cli = cli;
    p.blob.size_of = sizeof(p.blob);
    p.blob.bytes = -1;
    p.blob.name = cli_option(cli, "--name", &bad);
    p.blob.mime = cli_option(cli, "--mime", &bad);
    p.resume = cli_flag(cli, "--resume");
    if (cli_option_number(cli, "--bytes", &bad, &bytes)) {
        p.blob.bytes = bytes;
    }
    p.path = cli_need(cli, "a file, or -");
    int code = p.path != NULL ? cli_end(cli, bad) : CLI_USAGE;

    code = code == CLI_OK ? put_open(&p) : code;
    code = code == CLI_OK ? put_all(&p, t) : code;
    if (p.file != NULL && p.file != stdin) {
        fclose(p.file);
    }
    return code;
}

/* ------------------------------------------------------------------ getting */

struct blob_get {
    struct cli *cli;
    struct cli_saved saved;
    bool standard; /* to standard output */
    struct cli_progress progress;
    uint8_t piece[BLOB_PIECE];
};

static int get_write(struct blob_get *g, size_t len)
{
    if (!g->standard) {
        return cli_saved_write(&g->saved, g->piece, len);
    }
    return fwrite(g->piece, 1, len, stdout) == len
               ? CLI_OK
               : cli_fail(CLI_ERROR, "standard output cannot be written: %s",
                          strerror(errno));
}

static int get_pieces(struct blob_get *g, struct cli_target *t)
{
    int64_t at = 0;

    for (;;) {
        size_t len = 0;
        int err = cove_blob_read(t->txn, &t->id, at, g->piece, sizeof(g->piece),
                                 &len);

        if (err != 0) {
            return cli_failed(g->cli, err);
        }
        if (len == 0) {
            return CLI_OK;
        }
        int code = get_write(g, len);

        if (code != CLI_OK) {
            return code;
        }
        at += (int64_t)len;
        cli_progress_step(&g->progress, at);
    }
}

/* Say how far it has come, where it is not whole; a file is only made where
 * there is something to put into it. */
static int get_info(struct cli *cli, struct cli_target *t,
                    struct cove_blob *blob)
{
    int err = cove_blob_info(t->txn, &t->id, blob);

    if (err != 0) {
        return cli_failed(cli, err);
    }
    if (!blob->whole && blob->held < blob->bytes) {
        return cli_fail(CLI_CONDITION,
                        "%s is not whole here: %lld of %lld bytes have come; "
                        "sync, then try again",
                        t->word, (long long)blob->held, (long long)blob->bytes);
    }
    return CLI_OK;
}

static int get_all(struct blob_get *g, struct cli_target *t, const char *path)
{
    struct cove_blob blob = {.size_of = sizeof(blob)};
    int code = cli_target_begin(g->cli, t, false);

    if (code != CLI_OK) {
        return code;
    }
    code = get_info(g->cli, t, &blob);
    if (code == CLI_OK && !g->standard) {
        code = cli_saved_open(&g->saved, path, g->cli->yes);
        if (code != CLI_OK) {
            free(g->saved.beside);
            return cli_target_end(g->cli, t, code);
        }
    } else if (code != CLI_OK) {
        return cli_target_end(g->cli, t, code);
    }
    cli_progress_begin(&g->progress, g->cli, "bytes",
                       blob.bytes >= 0 ? blob.bytes : 0);
    code = get_pieces(g, t);
    cli_progress_end(&g->progress);
    if (!g->standard) {
        code = cli_saved_end(&g->saved, g->cli->yes, code);
    }
    return cli_target_end(g->cli, t, code);
}

static int blob_get(struct cli *cli, struct cli_target *t)
{
    static struct blob_get g;
    const char *path = cli_word(cli);
    int code = cli_end(cli, false);

    g.cli = cli;
    g.standard = path == NULL || strcmp(path, "-") == 0;
    if (code == CLI_OK && path == NULL && isatty(STDOUT_FILENO)) {
        code = cli_fail(CLI_USAGE, "bytes may steer the terminal: name a file, "
                                   "or - to print them all the same");
    }
    return code == CLI_OK ? get_all(&g, t, path) : code;
}

int cli_blob_verb(struct cli *cli)
{
    static const struct {
        const char *name;
        int (*run)(struct cli *cli, struct cli_target *t);
    } subs[] = {{"put", blob_put}, {"get", blob_get}, {"show", blob_show}};
    const char *word = cli_word(cli);
    struct cli_target t;
    bool bad = false;

    for (size_t i = 0; word != NULL && i < sizeof(subs) / sizeof(subs[0]);
         i++) {
        if (strcmp(subs[i].name, word) == 0) {
            int code = cli_target_take(cli, &t, COVE_COBINARY, &bad);

            return code != CLI_OK || bad ? (code != CLI_OK ? code : CLI_USAGE)
                                         : subs[i].run(cli, &t);
        }
    }
    return cli_fail(CLI_USAGE, "blob needs one of: put, get, show; `cove help "
                               "blob` says more");
}
