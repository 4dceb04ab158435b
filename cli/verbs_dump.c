/* verbs_dump.c: export --exact, import --exact: documents as they were signed,
 * to and from a file or a pipe, with progress. */
#include "cli/covalue.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct dump {
    struct cli *cli;
    const char *path; /* "-": standard input or output */
    int fd;
    json_t *reply; /* of the last call */
    struct cli_progress progress;
};

static bool dump_is_pipe(const struct dump *d)
{
    return strcmp(d->path, "-") == 0;
}

/* Results go where the dump does not. */
static FILE *dump_says(const struct dump *d)
{
    return dump_is_pipe(d) ? stderr : stdout;
}

/* Call again and again, each time from where the last one ended; `each` sees
 * every reply. */
static int dump_loop(struct dump *d, json_t *request,
                     void (*each)(struct dump *d))
{
    int code = CLI_OK;
    bool done = false;

    json_object_set_new(request, "fd", json_integer(d->fd));
    while (code == CLI_OK && !done) {
        json_t *reply = NULL;

        code = cli_call(d->cli, json_incref(request), &reply);
        if (code == CLI_OK) {
            json_decref(d->reply);
            d->reply = reply;
            done = json_is_true(json_object_get(reply, "done"));
            json_object_del(request, "after");
            json_object_del(request, "resume");
            json_object_set(request, "cursor",
                            json_object_get(reply, "cursor"));
            each(d);
        }
    }
    cli_progress_end(&d->progress);
    json_decref(request);
    return code;
}

/* ------------------------------------------------------------------- export */

static int export_open(struct dump *d)
{
    d->fd = STDOUT_FILENO;
    if (dump_is_pipe(d)) {
        signal(SIGPIPE, SIG_IGN); /* it has a sentence */
        return isatty(STDOUT_FILENO)
                   ? cli_fail(CLI_USAGE, "a dump is no text for a terminal; "
                                         "name a file, or a pipe")
                   : CLI_OK;
    }
    d->fd = open(d->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return d->fd >= 0 ? CLI_OK
           : errno == EEXIST
               ? cli_fail(CLI_INVALID,
                          "%s: is there already, and nothing is "
                          "written over; name a new file",
                          d->path)
               : cli_fail(CLI_ERROR, "%s: %s", d->path, strerror(errno));
}

static void export_each(struct dump *d)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(d->reply, "damaged"), i, one)
    {
        cli_fail(CLI_INVALID,
                 "%s is damaged and was left out; `cove check` "
                 "says more",
                 json_string_value(one)[0] != '\0' ? json_string_value(one)
                                                   : "a document");
    }
    cli_progress_step(&d->progress, cli_int(d->reply, "documents"));
}

/* What is there is whole up to the last call, and how to go on is said. */
static int export_failed(struct dump *d, int code)
{
    const char *after = cli_text(d->reply, "after");
    long long whole = cli_int(d->reply, "bytes");

    if (!dump_is_pipe(d) &&
        (after[0] == '\0' || ftruncate(d->fd, whole) != 0)) {
        unlink(d->path);
        cli_fail(code, "%s: nothing was left there", d->path);
    } else if (after[0] != '\0') {
        cli_fail(code,
                 "%s: %lld bytes of it, %lld documents, are good for `cove "
                 "import --exact`; `cove export --exact OTHER --after %s` "
                 "exports the rest",
                 d->path, whole, (long long)cli_int(d->reply, "documents"),
                 after);
    }
    return code;
}

static int export_end(struct dump *d)
{
    int code = CLI_OK;

    if (!dump_is_pipe(d) && fsync(d->fd) != 0) {
        code = export_failed(
            d, cli_fail(CLI_ERROR, "%s: %s", d->path, strerror(errno)));
    }
    if (code == CLI_OK && d->cli->json) {
        json_object_del(d->reply, "done");
        json_dumpf(d->reply, dump_says(d), JSON_COMPACT);
        fputc('\n', dump_says(d));
    } else if (code == CLI_OK && !d->cli->quiet) {
        fprintf(dump_says(d),
                "%lld documents, %lld transactions, %lld bytes; --after %s "
                "exports what changes from now on\n",
                (long long)cli_int(d->reply, "documents"),
                (long long)cli_int(d->reply, "transactions"),
                (long long)cli_int(d->reply, "bytes"),
                cli_text(d->reply, "after"));
    }
    return code;
}

int cli_export_exact(struct cli *cli, const char *path)
{
    struct dump d = {.cli = cli, .path = path, .fd = -1};
    json_t *request = json_pack("{s:s}", "do", "export.exact");
    bool bad = false, damaged = false;
    const char *after = cli_option(cli, "--after", &bad), *schema;
    int code;

    if (cli_flag(cli, "--plain")) {
        json_object_set_new(request, "plain", json_true());
    }
    if (after != NULL) {
        json_object_set_new(request, "after", json_string(after));
    }
    schema = cli_word(cli);
    if (schema != NULL) {
        json_object_set_new(request, "schema", json_string(schema));
    }
    code = cli_end(cli, bad);
    code = code == CLI_OK ? export_open(&d) : code;
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    cli_progress_begin(&d.progress, cli, "documents", 0);
    code = dump_loop(&d, request, export_each);
    damaged = cli_int(d.reply, "damagedCount") > 0;
    code = code == CLI_OK ? export_end(&d) : export_failed(&d, code);
    if (!dump_is_pipe(&d)) {
        close(d.fd);
    }
    json_decref(d.reply);
    return code == CLI_OK && damaged ? CLI_INVALID : code;
}

/* ------------------------------------------------------------------- import */

static void import_each(struct dump *d)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(d->reply, "refusals"), i, one)
    {
        cli_fail(CLI_INVALID, "refused: %s%s%s", cli_text(one, "id"),
                 cli_text(one, "id")[0] != '\0' ? ": " : "",
                 cli_text(one, "why"));
    }
    cli_progress_step(&d->progress, cli_int(d->reply, "bytes"));
}

static void import_human(const json_t *reply)
{
    printf("%lld documents and %lld transactions taken in, %lld documents "
           "were here",
           (long long)cli_int(reply, "documents"),
           (long long)cli_int(reply, "transactions"),
           (long long)cli_int(reply, "existed"));
    if (cli_int(reply, "leftOut") > 0) {
        printf(", %lld left out, which this device may not read",
               (long long)cli_int(reply, "leftOut"));
    }
    if (cli_int(reply, "forks") > 0) {
        printf(", %lld sessions part from what is here",
               (long long)cli_int(reply, "forks"));
    }
    putchar('\n');
}

/* What was not as it should be, and what to do. */
static int import_result(struct dump *d)
{
    const char *cut = cli_text(d->reply, "cut");
    long long lost = cli_int(d->reply, "damagedBlocks");
    int code = CLI_OK;

    if (cli_int(d->reply, "refused") > 0) {
        code = cli_fail(CLI_INVALID,
                        "%lld headers and batches were refused; all else is "
                        "in",
                        (long long)cli_int(d->reply, "refused"));
    }
    if (lost > 0) {
        code = cli_fail(CLI_INVALID,
                        "%s: %lld blocks are damaged and were passed over; all "
                        "others are in",
                        d->path, lost);
    }
    if (cut[0] != '\0') {
        code = cli_fail(CLI_INVALID,
                        "%s: cut at byte %lld: %s; all that is whole before it "
                        "is in. Get the file whole, and `cove import --exact "
                        "%s --resume` goes on",
                        d->path, (long long)cli_int(d->reply, "bytes"), cut,
                        d->path);
    }
    return code;
}

static int import_open(struct dump *d)
{
    struct stat st;

    d->fd =
        dump_is_pipe(d) ? STDIN_FILENO : open(d->path, O_RDONLY | O_CLOEXEC);
    if (d->fd < 0) {
        return cli_fail(errno == ENOENT ? CLI_NOT_FOUND : CLI_ERROR, "%s: %s",
                        d->path, strerror(errno));
    }
    cli_progress_begin(&d->progress, d->cli, "bytes",
                       fstat(d->fd, &st) == 0 && S_ISREG(st.st_mode)
                           ? (long long)st.st_size
                           : 0);
    return CLI_OK;
}

int cli_import_exact(struct cli *cli, const char *path)
{
    struct dump d = {.cli = cli, .path = path, .fd = -1};
    json_t *request = json_pack("{s:s}", "do", "import.exact");
    int code;

    if (cli_flag(cli, "--resume")) {
        json_object_set_new(request, "resume", json_true());
    }
    code = cli_end(cli, false);
    code = code == CLI_OK ? import_open(&d) : code;
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    code = dump_loop(&d, request, import_each);
    if (code != CLI_OK && d.reply != NULL) {
        cli_fail(code,
                 "%s: what came before byte %lld is in; `cove import --exact "
                 "%s --resume` goes on there",
                 path, (long long)cli_int(d.reply, "bytes"), path);
    } else if (code == CLI_OK) {
        if (cli->json || cli->lines) {
            json_object_del(d.reply, "done");
            json_object_del(d.reply, "refusals");
            cli_print_json(d.reply);
        } else if (!cli->quiet) {
            import_human(d.reply);
        }
        code = import_result(&d);
    }
    if (!dump_is_pipe(&d)) {
        close(d.fd);
    }
    json_decref(d.reply);
    return code;
}
