/* serve_config.h: the daemon's settings, one table for all that names them:
 * the file, the environment, the flags, the help, --check-config.
 *
 *   default < DIR/serve.conf (or --config FILE) < environment < flag
 *
 * The file has a setting a line, "name = value", and comments behind '#', as
 * the files of postgresql, redis and many another daemon do: there is one level
 * of settings, so sections, quotes and nesting would be for nothing.
 */
#ifndef COVE_CLI_SERVE_CONFIG_H
#define COVE_CLI_SERVE_CONFIG_H

#include "cli/cli.h"

#define SERVE_VALUE   512 /* bytes of a value, with the NUL */
#define SERVE_PLACE   300 /* of where it came from */
#define SERVE_LISTENS 8   /* addresses, as many as the library takes */

enum serve_key {
    SERVE_LISTEN,
    SERVE_OPEN,
    SERVE_LEVEL,
    SERVE_LOG_FORMAT,
    SERVE_LOG_LEVEL,
    SERVE_HTTP,
    SERVE_HTTP_NAME,
    SERVE_HTTP_TOKEN,
    SERVE_HTTP_PUBLIC,
    SERVE_SOCKET,
    SERVE_DRAIN,
    SERVE_QUOTA_DOCS,
    SERVE_QUOTA_MIB,
    SERVE_COMPACT_DAYS,
    SERVE_SCRUB,
    SERVE_HISTORY_DAYS,
    SERVE_HISTORY_BYTES,
    SERVE_KEYS
};

struct serve_config {
    char file[SERVE_PLACE]; /* "" where none was read */
    struct {
        char value[SERVE_VALUE];
        char place[SERVE_PLACE]; /* "default", "FILE:LINE", "COVE_…", "--…" */
        char from;               /* 'd', 'f', 'e', 'o' (option) */
    } of[SERVE_KEYS];
};

struct serve_flags {    /* what the command line says; borrowed from it */
    const char *config; /* --config, or NULL */
    const char *text[SERVE_KEYS];
    char listen[SERVE_VALUE]; /* several --listen, joined */
};

/* Whom to tell what is wrong, a sentence each. */
struct serve_complain {
    void (*say)(void *ctx, const char *sentence);
    void *ctx;
};

/* Take the flags out of the words. CLI_USAGE with a message where one lacks its
 * value or is there twice. */
int serve_flags_take(struct cli *cli, struct serve_flags *out);
/* Read all that there is, later ones over earlier ones. All that is wrong is
 * told. Gives CLI_USAGE where a flag is wrong, CLI_INVALID where the file or
 * the environment is; *out is then not to be used. */
int serve_config_read(const char *dir, const struct serve_flags *flags,
                      const struct serve_complain *complain,
                      struct serve_config *out);
/* The value of a number; -1 where it is the word that stands for "elsewhere".
 */
long serve_number(const struct serve_config *config, enum serve_key key);
bool serve_is(const struct serve_config *config, enum serve_key key,
              const char *word);
const char *serve_name(enum serve_key key);
/* May it change while the daemon runs? */
bool serve_is_live(enum serve_key key);
/* The values and where each came from: --check-config. */
void serve_config_print(const struct cli *cli, const struct serve_config *c);
/* The lines of `cove help serve`, from the table. Ownership: the caller's. */
char *serve_config_help(void);

/* --- serve_value.c: what the table's columns mean */
enum serve_type {
    SERVE_T_ADDRESSES, /* one or several, with spaces between */
    SERVE_T_HTTP,      /* an address by number, or "off" */
    SERVE_T_WORD,      /* one of `words` */
    SERVE_T_NUMBER,    /* min to max, or the one word in `words` */
    SERVE_T_NAME,      /* a host's name, or "" */
    SERVE_T_TOKEN
};
struct serve_setting {
    const char *name;     /* the flag is --name, the variable COVE_NAME */
    const char *standard; /* the default */
    const char *words;    /* "full group" */
    const char *help;
    long min, max;
    enum serve_type type;
    bool live;    /* SIGHUP changes it */
    bool no_flag; /* what `ps` shows would give it away */
    bool bare;    /* the flag has no value: it means "yes" */
};
extern const struct serve_setting serve_settings[SERVE_KEYS];
/* NULL where the value will do, else what is allowed. `room` has SERVE_VALUE
 * bytes for that. */
const char *serve_value_wrong(const struct serve_setting *setting,
                              const char *value, char *room);
/* "[::1]:7420" into host and port (0 to 65,535); false where it is none. Any of
 * the two forms without brackets has no ':' in its host. */
bool serve_address(const char *text, char host[SERVE_VALUE], int *port);
/* Is it the address of this machine's loopback, by number? */
bool serve_is_loopback(const char *host);

#endif
