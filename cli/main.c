/* main.c: the command `cove`: global options, the table of verbs, help. */
#include "cli/cli.h"
#include "cli/serve_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_verb *verb_find(const char *name)
{
    for (const struct cli_verb *v = cli_verbs; v->name != NULL; v++) {
        if (strcmp(v->name, name) == 0) {
            return v;
        }
    }
    return NULL;
}

static void help_all(void)
{
    puts("cove [-d DIR] [--level full|group] [--validate strict|report|off] "
         "[--json|--jsonl]\n     [-q] [-y] VERB …\n\n"
         "An embeddable CRDT document store with schema-aware sync.\n"
         "DIR is the store's directory; without -d it is $COVE_DIR, or "
         "./cove.\n"
         "With --level group a commit returns before the disk has it: faster "
         "for many\nsmall ones (serve, import); a power cut loses the last "
         "20 ms and the session.\nWith --validate report, or "
         "$COVE_VALIDATE, writes that break their schema are told of\nand "
         "made, with off they are made; `find --invalid` lists them.\n--cache "
         "BYTES, or $COVE_CACHE, bounds what is kept of fields that are read "
         "again and\nagain (8 MiB; 0: nothing).\n");
    for (const struct cli_verb *v = cli_verbs; v->name != NULL; v++) {
        printf("  %-10s %s\n", v->name, v->summary);
    }
    puts("\n`cove help VERB` says more, with examples.\n"
         "Exit codes: 0 ok, 1 error, 2 usage, 3 condition not met, 4 drift or "
         "blocked,\n5 not found, 6 busy, 7 peer unreachable, 8 destructive "
         "change refused,\n9 invalid data.");
}

/* What help adds; the daemon's settings come from their table. NULL where there
 * is no memory. Ownership: the caller's. */
static char *help_more(const struct cli_verb *v)
{
    char *settings = v->run == cli_serve ? serve_config_help() : NULL;
    char *text = NULL;

    if (asprintf(&text, "%s%s", v->more, settings != NULL ? settings : "") <
        0) {
        text = NULL;
    }
    free(settings);
    return text;
}

static json_t *help_verb(const struct cli_verb *v)
{
    char *more = help_more(v);
    json_t *verb =
        json_pack("{s:s s:s s:s s:s}", "name", v->name, "usage", v->usage,
                  "summary", v->summary, "more", more != NULL ? more : "");

    free(more);
    return verb;
}

static void help_json(const struct cli_verb *one)
{
    json_t *verbs = json_array();
    json_t *reply =
        one != NULL ? help_verb(one) : json_pack("{s:O}", "verbs", verbs);

    for (const struct cli_verb *v = cli_verbs; v->name != NULL; v++) {
        json_array_append_new(verbs, help_verb(v));
    }
    cli_print_json(reply);
    json_decref(reply);
    json_decref(verbs);
}

int cli_help(struct cli *cli)
{
    const char *name = cli_word(cli);
    const struct cli_verb *v = name != NULL ? verb_find(name) : NULL;
    int code = cli_end(cli, false);

    if (code != CLI_OK) {
        return code;
    }
    if (cli->json && (name == NULL || v != NULL)) {
        help_json(v);
        return CLI_OK;
    }
    if (name == NULL) {
        help_all();
        return CLI_OK;
    }
    if (v == NULL) {
        return cli_fail(CLI_USAGE,
                        "there is no verb \"%s\"; `cove help` lists "
                        "them",
                        name);
    }
    printf("cove %s %s\n\n%s.\n", v->name, v->usage, v->summary);
    char *more = help_more(v);

    if (more != NULL && more[0] != '\0') {
        printf("\n%s\n", more);
    }
    free(more);
    return CLI_OK;
}

int cli_version(struct cli *cli)
{
    int code = cli_end(cli, false);

    if (code == CLI_OK && cli->json) {
        printf("{\"version\":\"%s\",\"format\":0,\"protocol\":0}\n",
               cove_version());
    } else if (code == CLI_OK) {
        printf("cove %s (format 0: unstable)\n", cove_version());
    }
    return code;
}

/* The command under the name `coved` is `cove serve`. */
static bool main_is_daemon(const char *name)
{
    const char *slash = strrchr(name, '/');

    return strcmp(slash != NULL ? slash + 1 : name, "coved") == 0;
}

static bool main_level(struct cli *cli, const char *word, const char *who)
{
    bool group = word != NULL && strcmp(word, "group") == 0;

    if (word == NULL || (!group && strcmp(word, "full") != 0)) {
        cli_fail(CLI_USAGE, "%s needs \"full\" or \"group\" behind it", who);
        return false;
    }
    cli->level = group ? COVE_GROUP : COVE_FULL;
    cli->level_said = true;
    return true;
}

static bool main_validate(struct cli *cli, const char *word, const char *who)
{
    static const char *const words[] = {
        [COVE_VALIDATE_STRICT] = "strict",
        [COVE_VALIDATE_REPORT] = "report",
        [COVE_VALIDATE_OFF] = "off",
    };

    for (unsigned i = 0; word != NULL && i < 3; i++) {
        if (strcmp(words[i], word) == 0) {
            cli->validate = i;
            return true;
        }
    }
    cli_fail(CLI_USAGE, "%s is \"strict\", \"report\" or \"off\", not \"%s\"",
             who, word != NULL ? word : "");
    return false;
}

static bool main_cache(struct cli *cli, const char *word, const char *who)
{
    char *end = NULL;

    errno = 0;

    long long bytes = word != NULL ? strtoll(word, &end, 10) : -1;

    if (word == NULL || errno != 0 || end == word || *end != '\0' ||
        bytes < 0) {
        cli_fail(CLI_USAGE,
                 "%s is a number of bytes, 0: nothing is kept, not \"%s\"", who,
                 word != NULL ? word : "");
        return false;
    }
    cli->cache = bytes == 0 ? -1 : bytes;
    return true;
}

/* What the environment says, before the options do. */
static bool main_environment(struct cli *cli)
{
    const char *validate = getenv("COVE_VALIDATE");
    const char *cache = getenv("COVE_CACHE");

    return (validate == NULL || validate[0] == '\0' ||
            main_validate(cli, validate, "COVE_VALIDATE")) &&
           (cache == NULL || cache[0] == '\0' ||
            main_cache(cli, cache, "COVE_CACHE"));
}

struct valued { /* an option with a value behind it */
    const char *name;
    bool (*take)(struct cli *cli, const char *word, const char *who);
};

static const struct valued *main_valued(const char *word)
{
    static const struct valued all[] = {{"--level", main_level},
                                        {"--validate", main_validate},
                                        {"--cache", main_cache}};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (strcmp(all[i].name, word) == 0) {
            return &all[i];
        }
    }
    return NULL;
}

/* The options before the verb. Gives the number of words used, -1 on error. */
static int main_options(struct cli *cli, int argc, char **argv)
{
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        const struct valued *option = main_valued(argv[i]);

        if (strcmp(argv[i], "-d") == 0) {
            if (++i == argc) {
                cli_fail(CLI_USAGE, "-d needs a directory behind it");
                return -1;
            }
            cli->dir = argv[i];
        } else if (option != NULL) {
            if (!option->take(cli, ++i < argc ? argv[i] : NULL, option->name)) {
                return -1;
            }
        } else if (strcmp(argv[i], "--json") == 0) {
            cli->json = true;
        } else if (strcmp(argv[i], "--jsonl") == 0) {
            cli->lines = true;
        } else if (strcmp(argv[i], "-q") == 0) {
            cli->quiet = true;
        } else if (strcmp(argv[i], "-y") == 0) {
            cli->yes = true;
        } else if (strcmp(argv[i], "-h") == 0 ||
                   strcmp(argv[i], "--help") == 0) {
            help_all();
            exit(CLI_OK);
        } else if (strcmp(argv[i], "--version") == 0) {
            cli_version(cli);
            exit(CLI_OK);
        } else if (main_is_daemon(argv[0])) {
            break; /* an option of the verb that the name stands for */
        } else {
            cli_fail(CLI_USAGE, "unknown option %s; `cove help` lists them",
                     argv[i]);
            return -1;
        }
    }
    return i;
}

/* What is to become of a store of a former format. */
static unsigned main_upgrade(void)
{
    const char *how = getenv("COVE_UPGRADE");

    return how == NULL                     ? 0
           : strcmp(how, "no") == 0        ? COVE_OPEN_NO_UPGRADE
           : strcmp(how, "no-backup") == 0 ? COVE_OPEN_NO_BACKUP
                                           : 0;
}

/* What --validate report tells of. */
static void main_told(void *ctx, const char *line)
{
    static const char told[] = "invalid, and written: ";
    const struct cli *cli = ctx;

    if (!cli->quiet && strncmp(line, told, strlen(told)) == 0) {
        cli_fail(CLI_OK, "%s", line);
    }
}

int cli_open(struct cli *cli, unsigned flags)
{
    struct cove_options options = {.size = sizeof(options),
                                   .flags = flags,
                                   .level = cli->level,
                                   .validate = cli->validate,
                                   .cache_bytes = cli->cache};
    const struct cli_verb *verb = verb_find(cli->verb);

    if (getenv("COVE_FORCE_NETWORK") != NULL) {
        options.flags |= COVE_OPEN_FORCE_NETWORK;
    }
    options.flags |= main_upgrade();
    int err = cove_open(cli->dir, &options, &cli->store);

    if (err == COVE_ENOTFOUND && (flags & COVE_OPEN_CREATE) == 0) {
        return cli_fail(CLI_NOT_FOUND,
                        "%s: no store there; `cove -d %s init` "
                        "makes one",
                        cli->dir, cli->dir);
    }
    /* What is wrong with a store that does not open, check says. */
    if ((err == COVE_ECORRUPT || err == COVE_EIO) && verb->run == cli_check) {
        return CLI_OK;
    }
    if (err == 0 && cove_errmsg(cli->store)[0] != '\0' && !cli->quiet) {
        fprintf(stderr, "cove: %s\n", cove_errmsg(cli->store));
    }
    if (err == 0 && cli->validate == COVE_VALIDATE_REPORT) {
        cove_set_log(cli->store, main_told, cli);
    }
    return err == 0 ? CLI_OK : cli_failed(cli, err);
}

/* Words become members of JSON requests. One that is no UTF-8 would be left
 * out of them, and `find` would find everything. */
static bool main_words_good(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        json_t *word = json_string(argv[i]);
        bool good = word != NULL;

        json_decref(word);
        if (!good) {
            cli_fail(CLI_USAGE, "argument %d is not valid UTF-8", i);
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    static char serve[] = "serve";
    struct cli cli = {.dir = getenv("COVE_DIR")};

    if (!main_words_good(argc, argv)) {
        return CLI_USAGE;
    }
    if (!main_environment(&cli)) {
        return CLI_USAGE;
    }
    int used = main_options(&cli, argc, argv);

    if (used < 0) {
        return CLI_USAGE;
    }
    if (main_is_daemon(argv[0])) {
        argv[--used] = serve; /* what stood there is read already */
    }
    if (cli.dir == NULL || cli.dir[0] == '\0') {
        cli.dir = "cove";
    }
    if (used == argc) {
        help_all();
        return CLI_USAGE;
    }
    const struct cli_verb *verb = verb_find(argv[used]);

    if (verb == NULL) {
        return cli_fail(CLI_USAGE,
                        "there is no verb \"%s\"; `cove help` lists "
                        "them",
                        argv[used]);
    }
    cli.verb = verb->name;
    cli.args.words = argv + used + 1;
    cli.args.count = argc - used - 1;
    /* The global options are taken behind the verb as well. */
    cli.json = cli_flag(&cli, "--json") || cli.json;
    cli.lines = cli_flag(&cli, "--jsonl") || cli.lines;
    cli.quiet = cli_flag(&cli, "-q") || cli.quiet;
    cli.yes = cli_flag(&cli, "-y") || cli.yes;
    if (cli_flag(&cli, "--help") || cli_flag(&cli, "-h")) {
        char *name = argv[used];

        cli.args.words = &name;
        cli.args.count = 1;
        return cli_help(&cli);
    }
    int code = verb->opens
                   ? cli_open(&cli, verb->creates ? COVE_OPEN_CREATE : 0)
                   : CLI_OK;

    if (code == CLI_OK) {
        code = verb->run(&cli);
    }
    cove_close(cli.store);
    if (fflush(stdout) != 0 && code == CLI_OK) {
        code = cli_fail(CLI_ERROR, "standard output cannot be written");
    }
    return code;
}
