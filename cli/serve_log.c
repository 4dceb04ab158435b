/* serve_log.c: the daemon's log: lines of logfmt or JSON on standard error.
 *
 * The library's lines are sentences; what a program wants to filter by is read
 * off them here, in one table. Both forms write a text that needs quotes as
 * JSON does, with more escaped than JSON asks for: nothing that steers a
 * terminal or turns the direction of writing around gets through.
 */
#include "cli/serve.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE    8192
#define LOG_TEXT    1536 /* bytes of a sentence */
#define LOG_ID      52   /* bytes of a document's id as text, with the NUL */
#define LOG_STRANGE 20   /* lines a second of what strangers do */

static const char *const log_levels[] = {"debug", "info", "warn", "error"};

struct log_out {
    size_t len;
    char text[LOG_LINE];
};

/* ------------------------------------------------------------------ writing */

/* Room is left for the end of the line. */
static void log_put(struct log_out *out, const char *bytes, size_t len)
{
    if (len <= sizeof(out->text) - 8 - out->len) {
        memcpy(out->text + out->len, bytes, len);
        out->len += len;
    }
}

static void log_put_text(struct log_out *out, const char *text)
{
    log_put(out, text, strlen(text));
}

/* A character of UTF-8: its bytes, 0 where it is none, and its number. */
static size_t log_character(const unsigned char *at, unsigned *out)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = at[0] < 0x80             ? 1
                 : (at[0] & 0xe0) == 0xc0 ? 2
                 : (at[0] & 0xf0) == 0xe0 ? 3
                 : (at[0] & 0xf8) == 0xf0 ? 4
                                          : 0;

    *out = len == 1 ? at[0] : len == 0 ? 0 : at[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        *out = *out << 6 | (at[i] & 0x3f);
    }
    return len == 0 || *out < least[len] || *out > 0x10ffff ||
                   (*out >= 0xd800 && *out < 0xe000)
               ? 0
               : len;
}

/* Controls, ends of lines and paragraphs, and what turns the direction. */
static bool log_steers(unsigned c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void log_quoted(struct log_out *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    char escape[8];
    unsigned c;

    log_put_text(out, "\"");
    while (*at != '\0') {
        size_t len = log_character(at, &c);

        if (len == 0) {
            log_put_text(out, "\\ufffd");
            at++;
            continue;
        }
        if (c == '"' || c == '\\') {
            escape[0] = '\\';
            escape[1] = (char)c;
            log_put(out, escape, 2);
        } else if (c == '\n' || c == '\t') {
            log_put_text(out, c == '\n' ? "\\n" : "\\t");
        } else if (log_steers(c)) {
            snprintf(escape, sizeof(escape), "\\u%04x", c & 0xffff);
            log_put_text(out, escape);
        } else {
            log_put(out, (const char *)at, len);
        }
        at += len;
    }
    log_put_text(out, "\"");
}

/* logfmt wants no quotes around a plain word. */
static bool log_is_plain(const char *text)
{
    return text[0] != '\0' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ._:/@+,[]-") == strlen(text);
}

static void log_member(struct log_out *out, bool json, const char *key,
                       const char *value)
{
    if (value == NULL || value[0] == '\0') {
        return;
    }
    if (json) {
        log_put_text(out, out->len == 0 ? "{\"" : ",\"");
        log_put_text(out, key);
        log_put_text(out, "\":");
        log_quoted(out, value);
        return;
    }
    log_put_text(out, out->len == 0 ? "" : " ");
    log_put_text(out, key);
    log_put_text(out, "=");
    if (log_is_plain(value)) {
        log_put_text(out, value);
    } else {
        log_quoted(out, value);
    }
}

static void log_now(char out[64])
{
    struct timespec ts;
    struct tm tm;
    char day[32] = "";

    clock_gettime(CLOCK_REALTIME, &ts);
    if (gmtime_r(&ts.tv_sec, &tm) != NULL) {
        strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
    }
    snprintf(out, 64, "%s.%03ldZ", day, ts.tv_nsec / 1000000);
}

void serve_log_line(const struct serve_log *log, const struct serve_line *line)
{
    struct log_out out;
    bool json = atomic_load(&log->json);
    char now[64];

    if ((int)line->level < atomic_load(&log->level)) {
        return;
    }
    log_now(now);
    out.len = 0;
    log_member(&out, json, "ts", now);
    log_member(&out, json, "level", log_levels[line->level]);
    log_member(&out, json, "event", line->event);
    log_member(&out, json, "peer", line->peer);
    log_member(&out, json, "address", line->address);
    log_member(&out, json, "document", line->document);
    log_member(&out, json, "msg", line->msg);
    memcpy(out.text + out.len, json ? "}\n" : "\n", 2);
    out.len += json ? 2 : 1;
    if (write(STDERR_FILENO, out.text, out.len) < 0) {
        return; /* nobody reads the log any more: there is nowhere to say so */
    }
}

void serve_say(const struct serve_log *log, enum serve_level level,
               const char *event, const char *format, ...)
{
    char text[LOG_TEXT];
    va_list args;

    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0) {
        text[0] = '\0';
    }
    va_end(args);
    serve_log_line(
        log, &(struct serve_line){.level = level, .event = event, .msg = text});
}

enum serve_level serve_level_of(const char *word)
{
    enum serve_level level = SERVE_DEBUG;

    while (level < SERVE_ERROR && strcmp(log_levels[level], word) != 0) {
        level++;
    }
    return level;
}

/* ------------------------------------------------- the library's sentences */

/* How a sentence begins, or, with '*', what is in it; without who it is about.
 * The first that fits; what fits none and is about a peer is why a call to it,
 * or a connection, came to an end. */
static const struct {
    const char *words;
    const char *event;
    enum serve_level level;
} log_kinds[] = {
    {"listening on ", "listening", SERVE_INFO},
    {"connection from ", "refused", SERVE_WARN},
    {"cannot watch ", "watch", SERVE_WARN},
    {"cannot ", "failed", SERVE_ERROR},
    {"a new peer, ", "admitted", SERVE_INFO},
    {"connected", "connected", SERVE_INFO},
    {"a guest connected", "guest", SERVE_INFO},
    {"open: ", "open", SERVE_WARN},
    {"closed to devices", "open", SERVE_INFO},
    {"disconnected", "disconnected", SERVE_INFO},
    {"removed", "removed", SERVE_INFO},
    {"the device is refused for ", "banned", SERVE_WARN},
    {"address ", "banned", SERVE_WARN},
    {"* is taken in again", "trusted", SERVE_INFO},
    {"closed by the peer", "closed", SERVE_DEBUG},
    {"closed: ", "closed", SERVE_WARN},
    {"in sync at ", "in-sync", SERVE_DEBUG},
    {"refused ", "document-refused", SERVE_WARN},
    {"the peer refused ", "document-refused", SERVE_WARN},
    {"* transactions without the right", "document-refused", SERVE_WARN},
    {"* was removed, and is no longer", "document-removed", SERVE_INFO},
    {"a document is damaged", "damaged", SERVE_ERROR},
    {"another store calls", "two-stores", SERVE_WARN},
    {"its clock is ", "clock", SERVE_WARN},
    {"this store and the peer's differ", "differ", SERVE_WARN},
    {"the clock here is suspect", "clock", SERVE_WARN},
};

static void log_kind(const char *what, struct serve_line *line)
{
    bool peer = line->peer[0] != '\0';

    line->level = SERVE_INFO;
    line->event = peer ? "lost" : "sync";
    for (size_t i = 0; i < sizeof(log_kinds) / sizeof(log_kinds[0]); i++) {
        const char *words = log_kinds[i].words;

        if (words[0] == '*' ? strstr(what, words + 1) != NULL
                            : strncmp(what, words, strlen(words)) == 0) {
            line->level = log_kinds[i].level;
            line->event = log_kinds[i].event;
            return;
        }
    }
}

/* The word that follows `begin`, up to one of the ends. */
static const char *log_word(const char *text, const char *begin,
                            const char *ends, char *out, size_t size)
{
    size_t skip = strlen(begin), len;

    out[0] = '\0';
    if (strncmp(text, begin, skip) != 0) {
        return text;
    }
    len = strcspn(text + skip, ends);
    if (len < size) {
        memcpy(out, text + skip, len);
        out[len] = '\0';
    }
    return text + skip + len;
}

/* The id of a document, where the sentence names one. */
static void log_document(const char *text, char out[LOG_ID])
{
    const char *at = strstr(text, "co_z");
    size_t len = at != NULL ? strcspn(at, " :,;.\"") : 0;

    out[0] = '\0';
    if (len > 0 && len < LOG_ID) {
        memcpy(out, at, len);
        out[len] = '\0';
    }
}

/* Is it one of too many? A disk that is full of what a stranger did would be
 * his doing. */
static bool log_is_too_much(struct serve_log *log)
{
    time_t now = time(NULL);

    if (now != log->second) {
        if (log->strange > LOG_STRANGE) {
            char more[80];

            snprintf(more, sizeof(more),
                     "and %u more connections of devices that nobody named",
                     log->strange - LOG_STRANGE);
            serve_log_line(log, &(struct serve_line){.level = SERVE_WARN,
                                                     .event = "refused",
                                                     .msg = more});
        }
        log->second = now;
        log->strange = 0;
    }
    log->strange++;
    return log->strange > LOG_STRANGE;
}

void serve_log_library(void *ctx, const char *text)
{
    char peer[80], address[80], document[LOG_ID];
    struct serve_line line = {
        .peer = peer, .address = address, .document = document, .msg = text};
    const char *what = log_word(text, "peer ", ": ", peer, sizeof(peer));

    what += peer[0] != '\0' && strncmp(what, ": ", 2) == 0 ? 2 : 0;
    (void)log_word(what, "listening on ", " ", address, sizeof(address));
    if (address[0] == '\0') {
        (void)log_word(what, "connection from ", " ", address, sizeof(address));
    }
    if (address[0] == '\0') {
        (void)log_word(what, "address ", " ", address, sizeof(address));
    }
    log_document(what, document);
    log_kind(what, &line);
    if ((strcmp(line.event, "refused") != 0 &&
         strcmp(line.event, "guest") != 0) ||
        !log_is_too_much(ctx)) {
        serve_log_line(ctx, &line);
    }
}
