/* call.c: calling the library, reporting what it says, showing progress. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CALL_FILE_MAX (1L << 30)

/* Control characters, those of two bytes (U+0080 to U+009F) included, would
 * steer the terminal; a document of a peer may hold any. */
static void text_escape(FILE *out, const char *text, const char *keep)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != 0; c++) {
        if ((*c < 0x20 && strchr(keep, *c) == NULL) || *c == 0x7f) {
            fprintf(out, "\\x%02x", *c);
        } else if (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) {
            fprintf(out, "\\u%04x", *++c);
        } else {
            putc(*c, out);
        }
    }
}

int cli_fail(int code, const char *format, ...)
{
    va_list args;
    char *text = NULL;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        text = NULL;
    }
    va_end(args);
    fflush(stdout);
    fputs("cove: ", stderr);
    text_escape(stderr, text != NULL ? text : "out of memory", "\n\t");
    fputc('\n', stderr);
    free(text);
    return code;
}

const char *cli_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

json_int_t cli_int(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

int cli_exit_code(int err)
{
    switch (err) {
    case 0:
        return CLI_OK;
    case COVE_EUSAGE:
    case COVE_EAMBIGUOUS:
    case COVE_ERESERVED:
        return CLI_USAGE;
    case COVE_ETIMEOUT:
    case COVE_ECONDITION:
        return CLI_CONDITION;
    case COVE_EDRIFT:
    case COVE_EBLOCKED:
    case COVE_ECONFLICT:
        return CLI_DRIFT;
    case COVE_ENOTFOUND:
    case COVE_EREMOVED:
        return CLI_NOT_FOUND;
    case COVE_EBUSY:
    case COVE_EADDRINUSE:
        return CLI_BUSY;
    case COVE_ENET:
    case COVE_EHANDSHAKE:
    case COVE_EPEER:
        return CLI_UNREACHABLE;
    case COVE_EDESTRUCTIVE:
        return CLI_DESTRUCTIVE;
    case COVE_ESCHEMA:
    case COVE_EINVALID:
    case COVE_EJSON:
    case COVE_EFORMAT:
    case COVE_EKEYWORD:
    case COVE_ESTEP:
    case COVE_ETYPE:
    case COVE_EEXIST:
    case COVE_ELIMIT:
        return CLI_INVALID;
    default:
        return CLI_ERROR;
    }
}

int cli_failed(struct cli *cli, int err)
{
    return cli_fail(cli_exit_code(err), "%s", cove_errmsg(cli->store));
}

int cli_call(struct cli *cli, json_t *request, json_t **reply)
{
    char *text = json_dumps(request, JSON_COMPACT), *out = NULL;
    json_error_t error;

    json_decref(request);
    if (text == NULL) {
        return cli_fail(CLI_USAGE, "an argument is not valid UTF-8");
    }
    int err = cove_admin(cli->store, text, &out);

    free(text);
    if (err != 0) {
        return cli_failed(cli, err);
    }
    *reply = json_loads(out, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    cove_free(out);
    return *reply != NULL
               ? CLI_OK
               : cli_fail(CLI_ERROR, "the reply is no JSON: %s", error.text);
}

void cli_say(const struct cli *cli, const json_t *reply,
             void (*human)(const json_t *reply))
{
    if (cli->json || cli->lines) {
        cli_print_json(reply);
    } else if (!cli->quiet) {
        human(reply);
    }
}

int cli_answer(struct cli *cli, json_t *request,
               void (*human)(const json_t *reply))
{
    json_t *reply = NULL;
    int code = cli_call(cli, request, &reply);

    if (code == CLI_OK) {
        cli_say(cli, reply, human);
    }
    json_decref(reply);
    return code;
}

static int file_read(FILE *file, const char *path, char **out)
{
    size_t cap = 65536, len = 0;
    char *text = malloc(cap);
    int code = CLI_OK;

    while (text != NULL) {
        len += fread(text + len, 1, cap - len - 1, file);
        if (len < cap - 1 || cap > CALL_FILE_MAX) {
            break;
        }
        char *wider = realloc(text, cap * 2);

        if (wider == NULL) {
            free(text);
        }
        text = wider;
        cap *= 2;
    }
    if (text == NULL) {
        return cli_fail(CLI_ERROR, "%s: out of memory", path);
    }
    if (ferror(file)) {
        code = cli_fail(CLI_ERROR, "%s: %s", path, strerror(errno));
    } else if (len >= cap - 1) {
        code = cli_fail(CLI_USAGE, "%s: larger than 1 GiB", path);
    } else if (memchr(text, '\0', len) != NULL) {
        code = cli_fail(CLI_INVALID, "%s: holds a NUL byte, so it is no text",
                        path);
    }
    if (code != CLI_OK) {
        free(text);
        return code;
    }
    text[len] = '\0';
    *out = text;
    return CLI_OK;
}

int cli_read_file(const char *path, char **out)
{
    *out = NULL;
    if (strcmp(path, "-") == 0) {
        return file_read(stdin, "standard input", out);
    }
    FILE *file = fopen(path, "rbe");

    if (file == NULL) {
        return cli_fail(errno == ENOENT ? CLI_NOT_FOUND : CLI_ERROR, "%s: %s",
                        path, strerror(errno));
    }
    int code = file_read(file, path, out);

    fclose(file);
    return code;
}

/* ----------------------------------------------------------------- printing */

void cli_print_json(const json_t *value)
{
    json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    fputc('\n', stdout);
}

void cli_print_text(const char *text)
{
    text_escape(stdout, text, "");
}

void cli_print_lines(const char *text)
{
    text_escape(stdout, text, "\n\t");
    if (text[0] != '\0' && text[strlen(text) - 1] != '\n') {
        putchar('\n');
    }
}

void cli_print_padded(const char *text, int width)
{
    int room = width - (int)strlen(text);

    cli_print_text(text);
    printf("%*s", room > 0 ? room : 0, "");
}

void cli_print_value(const json_t *value)
{
    if (json_is_string(value)) {
        cli_print_text(json_string_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY);

    cli_print_text(text != NULL ? text : "(out of memory)");
    free(text);
}

void cli_print_time(json_int_t ms)
{
    time_t at = (time_t)(ms / 1000);
    struct tm tm;
    char text[32];

    if (gmtime_r(&at, &tm) != NULL &&
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) > 0) {
        printf("%s.%03d", text, (int)(ms % 1000));
    } else {
        printf("%" JSON_INTEGER_FORMAT " ms", ms);
    }
}

/* ----------------------------------------------------------------- progress */

static double progress_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void cli_progress_begin(struct cli_progress *p, const struct cli *cli,
                        const char *what, long long total)
{
    p->what = what;
    p->total = total;
    p->done = 0;
    p->started = progress_now();
    p->shown = p->started;
    p->quiet = cli->quiet;
}

static void progress_show(struct cli_progress *p, double now, bool last)
{
    bool terminal = isatty(STDERR_FILENO);
    double took = now - p->started;
    double rate = took > 0 ? (double)p->done / took : 0;

    fprintf(stderr, "%s%lld", terminal ? "\r\033[K" : "", p->done);
    if (p->total > 0) {
        fprintf(stderr, " of %lld", p->total);
    }
    fprintf(stderr, " %s, %.0f a second", p->what, rate);
    if (p->total > p->done && rate > 0 && !last) {
        fprintf(stderr, ", %.0f s left", (double)(p->total - p->done) / rate);
    }
    fputs(terminal && !last ? "" : "\n", stderr);
    fflush(stderr);
    p->shown = now;
}

void cli_progress_step(struct cli_progress *p, long long done)
{
    p->done = done;
    if (!p->quiet) {
        double now = progress_now();

        if (now - p->shown >= (isatty(STDERR_FILENO) ? 0.1 : 2.0)) {
            progress_show(p, now, false);
        }
    }
}

void cli_progress_end(struct cli_progress *p)
{
    double now = progress_now();

    /* What was over before anybody could look needs no line. */
    if (!p->quiet && (isatty(STDERR_FILENO) || now - p->started >= 1.0)) {
        progress_show(p, now, true);
    }
}
