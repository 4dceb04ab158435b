/* serve_value.c: the table of the daemon's settings, and what each takes. */
#include "cli/serve_config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MIN 16
#define TOKEN_MAX 256

const struct serve_setting serve_settings[SERVE_KEYS] = {
    [SERVE_LISTEN] = {.name = "listen",
                      .type = SERVE_T_ADDRESSES,
                      .standard = "127.0.0.1:0",
                      .help = "where peers call: 1 to 8 of HOST:PORT, "
                              "[V6]:PORT, :PORT (all of v4 and v6); port 0 is "
                              "any that is free"},
    [SERVE_OPEN] = {.name = "open",
                    .type = SERVE_T_WORD,
                    .standard = "no",
                    .words = "no yes",
                    .live = true,
                    .bare = true,
                    .help = "yes: any device may connect, read what its groups "
                            "let it, and leave documents here; the flag is "
                            "--open alone"},
    [SERVE_LEVEL] = {.name = "level",
                     .type = SERVE_T_WORD,
                     .standard = "full",
                     .words = "full group",
                     .help = "when a commit returns (`cove help`)"},
    [SERVE_LOG_FORMAT] = {.name = "log-format",
                          .type = SERVE_T_WORD,
                          .standard = "logfmt",
                          .words = "logfmt json",
                          .live = true,
                          .help = "of the lines on standard error"},
    [SERVE_LOG_LEVEL] = {.name = "log-level",
                         .type = SERVE_T_WORD,
                         .standard = "info",
                         .words = "debug info warn error",
                         .live = true,
                         .help = "what is logged: this and what is worse"},
    [SERVE_HTTP] = {.name = "http",
                    .type = SERVE_T_HTTP,
                    .standard = "off",
                    .help = "where /metrics, /healthz and /readyz are: an "
                            "address of this machine's own, 127.0.0.1:9464 or "
                            "[::1]:9464"},
    [SERVE_HTTP_NAME] = {.name = "http-name",
                         .type = SERVE_T_NAME,
                         .standard = "",
                         .live = true,
                         .help = "a name that requests may have in Host beside "
                                 "localhost, 127.0.0.1 and [::1]"},
    [SERVE_HTTP_TOKEN] = {.name = "http-token",
                          .type = SERVE_T_TOKEN,
                          .standard = "",
                          .live = true,
                          .no_flag = true,
                          .help = "requests must bring it: Authorization: "
                                  "Bearer TOKEN; 16 to 256 bytes"},
    [SERVE_HTTP_PUBLIC] = {.name = "http-public",
                           .type = SERVE_T_WORD,
                           .standard = "no",
                           .words = "no yes",
                           .help = "yes: http may be an address that other "
                                   "machines reach; that needs a token, and "
                                   "goes over the wire in clear"},
    [SERVE_SOCKET] = {.name = "socket",
                      .type = SERVE_T_WORD,
                      .standard = "on",
                      .words = "on off",
                      .help = "DIR/serve.sock, where the command asks the "
                              "daemon how it is"},
    [SERVE_DRAIN] = {.name = "drain-ms",
                     .type = SERVE_T_NUMBER,
                     .standard = "1500",
                     .max = 60000,
                     .live = true,
                     .help = "how long an end may take to say goodbye"},
    [SERVE_QUOTA_DOCS] = {.name = "quota-docs",
                          .type = SERVE_T_NUMBER,
                          .standard = "0",
                          .max = 1000000000,
                          .live = true,
                          .help = "new documents that one device may "
                                  "bring in a day; 0: any number"},
    [SERVE_QUOTA_MIB] = {.name = "quota-mib",
                         .type = SERVE_T_NUMBER,
                         .standard = "0",
                         .max = 1000000000,
                         .live = true,
                         .help = "MiB of documents that one device may bring "
                                 "in a day; 0: any number"},
    [SERVE_COMPACT_DAYS] = {.name = "compact-days",
                            .type = SERVE_T_NUMBER,
                            .standard = "store",
                            .words = "store",
                            .max = 36500,
                            .live = true,
                            .help = "pack what is so old, 0: nothing; store: "
                                    "what `cove config` says (compactDays)"},
    [SERVE_SCRUB] = {.name = "scrub",
                     .type = SERVE_T_NUMBER,
                     .standard = "store",
                     .words = "store",
                     .max = 10000,
                     .live = true,
                     .help = "documents verified again a second, 0: none; "
                             "store: what `cove config` says"},
    [SERVE_HISTORY_DAYS] = {.name = "history-days",
                            .type = SERVE_T_NUMBER,
                            .standard = "store",
                            .words = "store",
                            .max = 36500,
                            .live = true,
                            .help = "cut off what is so old, for good, 0: "
                                    "nothing; store: what `cove config` says "
                                    "(historyDays)"},
    [SERVE_HISTORY_BYTES] = {.name = "history-bytes",
                             .type = SERVE_T_NUMBER,
                             .standard = "store",
                             .words = "store",
                             .max = 1000000000000,
                             .live = true,
                             .help = "cut off what a document has beyond so "
                                     "many bytes of transactions, 0: nothing; "
                                     "store: what `cove config` says "
                                     "(historyBytes)"},
};

/* ---------------------------------------------------------------- addresses */

bool serve_address(const char *text, char host[SERVE_VALUE], int *port)
{
    bool bracket = text[0] == '[';
    const char *begin = bracket ? text + 1 : text;
    const char *end = bracket ? strchr(text, ']') : strrchr(text, ':');

    if (end == NULL || (bracket && end[1] != ':')) {
        return false;
    }

    const char *digits = bracket ? end + 2 : end + 1;
    size_t len = (size_t)(end - begin), count = strlen(digits);

    if (len >= SERVE_VALUE || count < 1 || count > 5 ||
        strspn(digits, "0123456789") != count ||
        strtol(digits, NULL, 10) > 65535 || (bracket && len == 0) ||
        (!bracket && memchr(begin, ':', len) != NULL)) {
        return false;
    }
    memcpy(host, begin, len);
    host[len] = '\0';
    *port = (int)strtol(digits, NULL, 10);
    return true;
}

bool serve_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (strcmp(host, "localhost") == 0) {
        return true;
    }
    return inet_pton(AF_INET, host, &v4) == 1
               ? ntohl(v4.s_addr) >> 24 == 127
               : inet_pton(AF_INET6, host, &v6) == 1 &&
                     IN6_IS_ADDR_LOOPBACK(&v6);
}

static const char *wrong_addresses(const char *value)
{
    char one[SERVE_VALUE], host[SERVE_VALUE];
    size_t count = 0;
    int port;

    while (*(value += strspn(value, " \t")) != '\0') {
        size_t len = strcspn(value, " \t");

        memcpy(one, value, len);
        one[len] = '\0';
        value += len;
        count++;
        if (!serve_address(one, host, &port) || count > SERVE_LISTENS) {
            count = 0;
            break;
        }
    }
    return count > 0 ? NULL
                     : "1 to 8 addresses with spaces between are wanted, each "
                       "of the form host:port, [v6]:port or :port";
}

static const char *wrong_http(const char *value)
{
    char host[SERVE_VALUE];
    struct in6_addr any;
    int port;

    if (strcmp(value, "off") == 0 ||
        (serve_address(value, host, &port) &&
         (strcmp(host, "localhost") == 0 || inet_pton(AF_INET, host, &any) ||
          inet_pton(AF_INET6, host, &any)))) {
        return NULL;
    }
    return "\"off\" is wanted, or a number's address and port, as "
           "127.0.0.1:9464 or [::1]:9464";
}

/* ---------------------------------------------------------- words, numbers */

static bool word_is(const char *words, const char *value)
{
    size_t wanted = strlen(value);

    while (words != NULL && *words != '\0') {
        size_t len = strcspn(words, " ");

        if (len == wanted && memcmp(words, value, len) == 0) {
            return true;
        }
        words += len + (words[len] == ' ');
    }
    return false;
}

static const char *wrong_word(const struct serve_setting *s, const char *value,
                              char *room)
{
    if (word_is(s->words, value)) {
        return NULL;
    }
    snprintf(room, SERVE_VALUE, "one of these words is wanted: %s", s->words);
    return room;
}

static const char *wrong_number(const struct serve_setting *s,
                                const char *value, char *room)
{
    char *end;

    errno = 0;

    long number = strtol(value, &end, 10);

    if (word_is(s->words, value) ||
        (value[0] >= '0' && value[0] <= '9' && *end == '\0' && errno == 0 &&
         number >= s->min && number <= s->max)) {
        return NULL;
    }
    snprintf(room, SERVE_VALUE, "a whole number from %ld to %ld is wanted%s%s",
             s->min, s->max, s->words != NULL ? ", or " : "",
             s->words != NULL ? s->words : "");
    return room;
}

/* Letters, digits, '.' and '-', as in a host's name. */
static const char *wrong_name(const char *value)
{
    return strlen(value) < 254 &&
                   strspn(value,
                          "abcdefghijklmnopqrstuvwxyz0123456789"
                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-") == strlen(value)
               ? NULL
               : "the name of a host is wanted";
}

static const char *wrong_token(const char *value)
{
    size_t len = strlen(value);

    for (size_t i = 0; i < len; i++) {
        if (value[i] <= 0x20 || value[i] == 0x7f) {
            len = 1;
        }
    }
    return len == 0 || (len >= TOKEN_MIN && len <= TOKEN_MAX)
               ? NULL
               : "16 to 256 bytes are wanted, printed ASCII without a space";
}

const char *serve_value_wrong(const struct serve_setting *setting,
                              const char *value, char *room)
{
    switch (setting->type) {
    case SERVE_T_ADDRESSES:
        return wrong_addresses(value);
    case SERVE_T_HTTP:
        return wrong_http(value);
    case SERVE_T_WORD:
        return wrong_word(setting, value, room);
    case SERVE_T_NUMBER:
        return wrong_number(setting, value, room);
    case SERVE_T_NAME:
        return wrong_name(value);
    case SERVE_T_TOKEN:
        return wrong_token(value);
    }
    return "nothing is wanted";
}
