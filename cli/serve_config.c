/* serve_config.c: reading the daemon's settings from file, environment and
 * flags. All that is wrong is told, not the first of it alone: a file is
 * mended at once. */
#include "cli/serve_config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_FILE 65536 /* bytes of a file */

struct config_read {
    const struct serve_complain *complain;
    struct serve_config *out;
    bool bad_flag, bad; /* a flag; anything else */
};

static void config_complain(struct config_read *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void config_complain(struct config_read *r, const char *format, ...)
{
    char sentence[2 * SERVE_VALUE + SERVE_PLACE];
    va_list args;

    va_start(args, format);
    if (vsnprintf(sentence, sizeof(sentence), format, args) > 0) {
        r->complain->say(r->complain->ctx, sentence);
    }
    va_end(args);
}

const char *serve_name(enum serve_key key)
{
    return serve_settings[key].name;
}

bool serve_is_live(enum serve_key key)
{
    return serve_settings[key].live;
}

long serve_number(const struct serve_config *config, enum serve_key key)
{
    const char *value = config->of[key].value;

    return isdigit((unsigned char)value[0]) ? strtol(value, NULL, 10) : -1;
}

bool serve_is(const struct serve_config *config, enum serve_key key,
              const char *word)
{
    return strcmp(config->of[key].value, word) == 0;
}

/* "log-format" as "COVE_LOG_FORMAT". */
static void config_variable(enum serve_key key, char out[64])
{
    const char *name = serve_settings[key].name;
    size_t len = (size_t)snprintf(out, 64, "COVE_%s", name);

    for (size_t i = 0; i < len; i++) {
        if (out[i] == '-') {
            out[i] = '_';
        } else {
            out[i] = (char)toupper((unsigned char)out[i]);
        }
    }
}

/* What nobody should read over a shoulder is not repeated. */
static const char *config_shown(enum serve_key key, const char *value)
{
    return key == SERVE_HTTP_TOKEN && value[0] != '\0' ? "(set)" : value;
}

/* Is it a text, which may go into a log? */
static bool config_is_text(const char *value)
{
    json_t *text = json_string(value);
    bool good = text != NULL;

    json_decref(text);
    for (const char *c = value; *c != '\0'; c++) {
        good = good && ((unsigned char)*c >= 0x20 || *c == '\t');
    }
    return good;
}

/* One value, from there. */
static void config_take(struct config_read *r, enum serve_key key,
                        const char *value, char from, const char *place)
{
    char room[SERVE_VALUE];
    bool text = config_is_text(value);
    const char *wrong =
        !text ? "a text in UTF-8 without control characters is wanted"
        : strlen(value) >= SERVE_VALUE
            ? "at most 511 bytes are wanted"
            : serve_value_wrong(&serve_settings[key], value, room);

    if (wrong != NULL) {
        config_complain(r, "%s: %s = %.64s: %s", place, serve_name(key),
                        text ? config_shown(key, value) : "…", wrong);
        r->bad_flag = r->bad_flag || from == 'o';
        r->bad = true;
        return;
    }
    snprintf(r->out->of[key].value, SERVE_VALUE, "%s", value);
    snprintf(r->out->of[key].place, SERVE_PLACE, "%s", place);
    r->out->of[key].from = from;
}

/* --------------------------------------------------------------------- file */

/* The text without spaces around it, in place. */
static char *config_trim(char *text)
{
    size_t len;

    text += strspn(text, " \t\r");
    len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1]) != NULL) {
        len--;
    }
    text[len] = '\0';
    return text;
}

/* A comment begins with '#' at the beginning or behind a space. */
static void config_uncomment(char *line)
{
    for (char *c = line; *c != '\0'; c++) {
        if (*c == '#' && (c == line || c[-1] == ' ' || c[-1] == '\t')) {
            *c = '\0';
            return;
        }
    }
}

static enum serve_key config_find(const char *name)
{
    enum serve_key key = SERVE_LISTEN;

    while (key < SERVE_KEYS && strcmp(serve_settings[key].name, name) != 0) {
        key++;
    }
    return key;
}

static void config_names(char out[SERVE_VALUE])
{
    size_t len = 0;

    for (enum serve_key key = SERVE_LISTEN; key < SERVE_KEYS; key++) {
        int n = snprintf(out + len, SERVE_VALUE - len, "%s%s",
                         key == 0 ? "" : ", ", serve_settings[key].name);

        len += n > 0 && (size_t)n < SERVE_VALUE - len ? (size_t)n : 0;
    }
}

static void config_line(struct config_read *r, char *line, const char *place)
{
    char names[SERVE_VALUE], *name, *value, *equals;

    if (!config_is_text(config_trim(line))) {
        config_complain(r, "%s: no text in UTF-8", place);
        r->bad = true;
        return;
    }
    config_uncomment(line);
    name = config_trim(line);
    if (*name == '\0') {
        return;
    }
    equals = strchr(name, '=');
    if (equals == NULL) {
        config_complain(r,
                        "%s: \"%.64s\": a line is name = value, or a "
                        "comment behind #",
                        place, name);
        r->bad = true;
        return;
    }
    *equals = '\0';
    value = config_trim(equals + 1);
    name = config_trim(name);

    enum serve_key key = config_find(name);

    if (key == SERVE_KEYS) {
        config_names(names);
        config_complain(r, "%s: there is no setting \"%.64s\"; there are %s",
                        place, name, names);
        r->bad = true;
    } else if (r->out->of[key].from == 'f') {
        config_complain(r, "%s: %s is set a second time; the first is %s",
                        place, name, r->out->of[key].place);
        r->bad = true;
    } else {
        config_take(r, key, value, 'f', place);
        r->out->of[key].from = 'f'; /* also where it is wrong: it was said */
    }
}

static void config_text(struct config_read *r, char *text, const char *path)
{
    char place[SERVE_PLACE];
    int number = 0;

    while (text != NULL) {
        char *end = strchr(text, '\n');

        if (end != NULL) {
            *end = '\0';
        }
        snprintf(place, sizeof(place), "%.250s:%d", path, ++number);
        config_line(r, text, place);
        text = end != NULL ? end + 1 : NULL;
    }
}

static void config_file(struct config_read *r, const char *path, bool must)
{
    FILE *file = fopen(path, "re");
    char *text = file != NULL ? malloc(CONFIG_FILE + 1) : NULL;
    size_t len = text != NULL ? fread(text, 1, CONFIG_FILE + 1, file) : 0;

    if (file == NULL && errno == ENOENT && !must) {
        return;
    }
    if (text == NULL || ferror(file)) {
        config_complain(r, "%s: %s", path, strerror(errno));
        r->bad = true;
    } else if (len > CONFIG_FILE || memchr(text, '\0', len) != NULL) {
        config_complain(r, "%s: this is no file of settings: %s", path,
                        len > CONFIG_FILE ? "more than 64 KiB"
                                          : "it has a NUL byte");
        r->bad = true;
    } else {
        text[len] = '\0';
        snprintf(r->out->file, sizeof(r->out->file), "%s", path);
        config_text(r, text, path);
    }
    free(text);
    if (file != NULL) {
        fclose(file);
    }
}

/* ---------------------------------------------------------------------- all */

static void config_environment(struct config_read *r)
{
    char name[64];

    for (enum serve_key key = SERVE_LISTEN; key < SERVE_KEYS; key++) {
        config_variable(key, name);

        const char *value = getenv(name);

        if (value != NULL && value[0] != '\0') {
            config_take(r, key, value, 'e', name);
        }
    }
}

static void config_flags(struct config_read *r, const struct serve_flags *flags)
{
    char name[64];

    for (enum serve_key key = SERVE_LISTEN; key < SERVE_KEYS; key++) {
        if (flags->text[key] != NULL) {
            snprintf(name, sizeof(name), "--%s", serve_settings[key].name);
            config_take(r, key, flags->text[key], 'o', name);
        }
    }
}

/* What no value says by itself. */
static void config_together(struct config_read *r)
{
    const struct serve_config *c = r->out;
    char host[SERVE_VALUE];
    int port;

    if (serve_is(c, SERVE_HTTP, "off") ||
        !serve_address(c->of[SERVE_HTTP].value, host, &port) ||
        serve_is_loopback(host)) {
        return;
    }
    if (serve_is(c, SERVE_HTTP_PUBLIC, "no")) {
        config_complain(r,
                        "%s: http = %s: other machines reach that; say "
                        "http-public = yes, or take 127.0.0.1 or [::1]",
                        c->of[SERVE_HTTP].place, c->of[SERVE_HTTP].value);
        r->bad = true;
    } else if (c->of[SERVE_HTTP_TOKEN].value[0] == '\0') {
        config_complain(r,
                        "%s: http = %s: other machines reach that, so it "
                        "needs an http-token",
                        c->of[SERVE_HTTP].place, c->of[SERVE_HTTP].value);
        r->bad = true;
    }
}

int serve_config_read(const char *dir, const struct serve_flags *flags,
                      const struct serve_complain *complain,
                      struct serve_config *out)
{
    struct config_read r = {.complain = complain, .out = out};
    char path[4096];

    memset(out, 0, sizeof(*out));
    for (enum serve_key key = SERVE_LISTEN; key < SERVE_KEYS; key++) {
        config_take(&r, key, serve_settings[key].standard, 'd', "default");
    }
    if (flags->config != NULL) {
        config_file(&r, flags->config, true);
    } else if (snprintf(path, sizeof(path), "%s/serve.conf", dir) <
               (int)sizeof(path)) {
        config_file(&r, path, false);
    }
    config_environment(&r);
    config_flags(&r, flags);
    if (!r.bad) {
        config_together(&r);
    }
    return r.bad_flag ? CLI_USAGE : r.bad ? CLI_INVALID : CLI_OK;
}

/* -------------------------------------------------------------------- flags */

/* Several of --listen are one list. */
static int flags_listen(struct cli *cli, struct serve_flags *out)
{
    bool bad = false;
    size_t len = 0;
    const char *one;

    while ((one = cli_option(cli, "--listen", &bad)) != NULL) {
        int n = snprintf(out->listen + len, sizeof(out->listen) - len, "%s%s",
                         len > 0 ? " " : "", one);

        if (n < 0 || (size_t)n >= sizeof(out->listen) - len) {
            return cli_fail(CLI_USAGE, "--listen: too many addresses");
        }
        len += (size_t)n;
        out->text[SERVE_LISTEN] = out->listen;
    }
    return bad ? CLI_USAGE : CLI_OK;
}

int serve_flags_take(struct cli *cli, struct serve_flags *out)
{
    bool bad = false;
    char name[64];
    int code;

    memset(out, 0, sizeof(*out));
    code = flags_listen(cli, out);
    out->config = cli_option(cli, "--config", &bad);
    for (enum serve_key key = SERVE_OPEN; key < SERVE_KEYS; key++) {
        if (serve_settings[key].no_flag) {
            continue;
        }
        snprintf(name, sizeof(name), "--%s", serve_settings[key].name);
        if (!serve_settings[key].bare) {
            out->text[key] = cli_option(cli, name, &bad);
        } else if (cli_flag(cli, name)) {
            out->text[key] = "yes";
        }
    }
    if (out->text[SERVE_LEVEL] == NULL && cli->level_said) {
        out->text[SERVE_LEVEL] = cli->level == COVE_GROUP ? "group" : "full";
    }
    if (out->text[SERVE_LOG_LEVEL] == NULL && cli->quiet) {
        out->text[SERVE_LOG_LEVEL] = "error";
    }
    return code != CLI_OK ? code : cli_end(cli, bad);
}

/* ------------------------------------------------------------------ showing */

void serve_config_print(const struct cli *cli, const struct serve_config *c)
{
    json_t *settings = json_object();

    for (enum serve_key key = SERVE_LISTEN; key < SERVE_KEYS; key++) {
        const char *value = config_shown(key, c->of[key].value);

        json_object_set_new(
            settings, serve_name(key),
            json_pack("{s:s s:s}", "value", value, "from", c->of[key].place));
        if (!cli->json && !cli->quiet) {
            cli_print_padded(serve_name(key), 13);
            putchar(' ');
            cli_print_padded(value[0] != '\0' ? value : "-", 28);
            putchar(' ');
            cli_print_text(c->of[key].place);
            putchar('\n');
        }
    }
    if (cli->json) {
        json_t *reply = json_pack("{s:o}", "settings", settings);

        cli_print_json(reply);
        json_decref(reply);
    } else {
        json_decref(settings);
    }
}

/* A help text, in lines that begin at `indent`. */
static void help_wrap(FILE *out, const char *text, int indent)
{
    int at = indent;

    while (*text != '\0') {
        int len = (int)strcspn(text, " ");

        if (at + len + 1 > 78) {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
        }
        fprintf(out, "%s%.*s", at > indent ? " " : "", len, text);
        at += len + (at > indent);
        text += len + (text[len] == ' ');
    }
    fputc('\n', out);
}

char *serve_config_help(void)
{
    char *text = NULL, words[SERVE_VALUE];
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL) {
        return NULL;
    }
    fputs("Settings (default), live where SIGHUP changes them:\n", out);
    for (enum serve_key key = SERVE_LISTEN; key < SERVE_KEYS; key++) {
        const struct serve_setting *s = &serve_settings[key];
        const char *standard = s->standard[0] != '\0' ? s->standard : "none";

        if (s->type == SERVE_T_NUMBER) {
            snprintf(words, sizeof(words), "%s; %ld to %ld (%s)%s", s->help,
                     s->min, s->max, standard, s->live ? ", live" : "");
        } else if (s->words != NULL) {
            snprintf(words, sizeof(words), "%s; one of: %s (%s)%s", s->help,
                     s->words, standard, s->live ? ", live" : "");
        } else {
            snprintf(words, sizeof(words), "%s (%s)%s", s->help, standard,
                     s->live ? ", live" : "");
        }
        fprintf(out, "  %-14s", s->name);
        help_wrap(out, words, 16);
    }
    fputs("Example:\n  cove -d alice serve --listen 127.0.0.1:7420 --http "
          "127.0.0.1:9464",
          out);
    fclose(out);
    return text;
}
