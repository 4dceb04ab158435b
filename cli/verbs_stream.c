/* verbs_stream.c: stream: append, read, tail. */
#include "cli/covalue.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* ------------------------------------------------------------------- append */

int cli_stream_append(struct cove_txn *txn, const struct cove_id *id,
                      const json_t *values)
{
    json_t *value;
    size_t i;
    int err = 0;

    json_array_foreach(values, i, value)
    {
        char *owned;
        struct cove_value in = cli_value_in(value, &owned);

        if (err == 0) {
            err = cove_stream_append(txn, id, in);
        }
        free(owned);
    }
    return err;
}

static int stream_apply(struct cli_target *t, void *ctx)
{
    return cli_stream_append(t->txn, &t->id, ctx);
}

/* Every line of standard input an entry: with --jsonl JSON, else a text. */
static int stream_lines(struct cli *cli, json_t *values)
{
    char *text, *save = NULL;
    int code = cli_read_file("-", &text);
    long long number = 0;

    for (char *line = code == CLI_OK ? strtok_r(text, "\n", &save) : NULL;
         line != NULL && code == CLI_OK; line = strtok_r(NULL, "\n", &save)) {
        json_error_t error = {.column = 0};
        json_t *value =
            cli->lines
                ? json_loads(line, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES,
                             &error)
                : json_string(line);

        number++;
        if (value == NULL) {
            code = cli_fail(CLI_INVALID, "line %lld column %d: %s", number,
                            error.column,
                            cli->lines ? error.text : "not valid UTF-8");
        } else {
            json_array_append_new(values, value);
        }
    }
    free(text);
    return code;
}

static int stream_append(struct cli *cli, struct cli_target *t)
{
    const char *word = cli_need(cli, "a value (TEXT, :=JSON, or - for the "
                                     "lines of standard input)");
    json_t *values = json_array();
    int code = word != NULL ? CLI_OK : CLI_USAGE;

    for (; code == CLI_OK && word != NULL; word = cli_word(cli)) {
        if (strcmp(word, "-") == 0) {
            code = stream_lines(cli, values);
            continue;
        }
        json_t *value = cli_value_word(word);

        code = value != NULL ? CLI_OK : CLI_INVALID;
        json_array_append_new(values, value);
    }
    code = code == CLI_OK ? cli_end(cli, false) : code;
    if (code == CLI_OK) {
        size_t count = json_array_size(values);

        code = cli_target_write(cli, t, stream_apply, values);
        if (code == CLI_OK) {
            cli_target_done(cli, t,
                            json_pack("{s:I}", "appended", (json_int_t)count));
        }
    }
    json_decref(values);
    return code;
}

/* ------------------------------------------------------------------ reading */

struct stream_read {
    struct cli *cli;
    const char *author; /* its first hex digits; NULL: everybody's */
    json_int_t limit;   /* -1: none */
    json_int_t newest;  /* only so many, of those that are here; -1: all */
    char *position;     /* freed by free() */
    json_t *entries;    /* kept for one JSON reply; NULL: printed at once */
};

static bool entry_wanted(const struct stream_read *r,
                         const struct cove_stream_entry *e)
{
    char hex[2 * sizeof(e->author.b) + 1];

    for (size_t i = 0; i < sizeof(e->author.b); i++) {
        snprintf(hex + 2 * i, 3, "%02x", e->author.b[i]);
    }
    return r->author == NULL || strncmp(hex, r->author, strlen(r->author)) == 0;
}

static json_t *entry_json(const struct cove_stream_entry *e)
{
    char hex[2 * sizeof(e->author.b) + 1];

    for (size_t i = 0; i < sizeof(e->author.b); i++) {
        snprintf(hex + 2 * i, 3, "%02x", e->author.b[i]);
    }
    return json_pack("{s:I s:s s:o}", "time", (json_int_t)e->time_ms, "author",
                     hex, "value", cli_value_out(&e->value));
}

void cli_human_entry(const json_t *entry)
{
    cli_print_time(cli_int(entry, "time"));
    printf("  %.16s  ", cli_text(entry, "author"));
    cli_print_value(json_object_get(entry, "value"));
    putchar('\n');
}

static void entry_print(const struct stream_read *r, const json_t *entry)
{
    if (r->cli->json || r->cli->lines) {
        cli_print_json(entry);
    } else {
        cli_human_entry(entry);
    }
}

/* Take an entry; of the newest only so many are kept. */
static void entry_take(struct stream_read *r, json_t *kept, json_t *entry)
{
    if (kept == NULL) {
        entry_print(r, entry);
        json_decref(entry);
        return;
    }
    json_array_append_new(kept, entry);
    if (r->newest >= 0 && json_array_size(kept) > (size_t)r->newest + 4096) {
        json_t *rest = json_array();

        for (size_t i = json_array_size(kept) - (size_t)r->newest;
             i < json_array_size(kept); i++) {
            json_array_append(rest, json_array_get(kept, i));
        }
        json_array_clear(kept);
        json_array_extend(kept, rest);
        json_decref(rest);
    }
}

/* What a reader of the newest gave up goes first. */
static void entries_print(const struct stream_read *r, const json_t *kept)
{
    size_t count = json_array_size(kept);
    size_t from = r->newest >= 0 && count > (size_t)r->newest
                      ? count - (size_t)r->newest
                      : 0;

    for (size_t i = from; i < count; i++) {
        entry_print(r, json_array_get(kept, i));
    }
}

static int read_entries(struct stream_read *r, struct cove_tail *tail,
                        json_t *kept)
{
    struct cove_stream_entry entry;
    json_int_t taken = 0;
    int err = 0;

    while (err == 0 && (r->limit < 0 || taken < r->limit)) {
        err = cove_stream_next(tail, &entry);
        if (err == 0 && entry_wanted(r, &entry)) {
            entry_take(r, kept, entry_json(&entry));
            taken++;
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* Read on from the position, in a transaction of its own. */
static int read_on(struct stream_read *r, struct cli_target *t)
{
    json_t *kept = r->entries != NULL ? json_incref(r->entries)
                   : r->newest >= 0   ? json_array()
                                      : NULL;
    struct cove_tail *tail;
    int code = cli_target_begin(r->cli, t, false);

    if (code == CLI_OK) {
        int err = cove_stream_open(t->txn, &t->id, NULL, r->position, &tail);

        err = err == 0 ? read_entries(r, tail, kept) : err;
        if (err == 0) {
            const char *position = cove_stream_position(tail);

            free(r->position);
            r->position = position != NULL ? strdup(position) : NULL;
            err = r->position == NULL ? COVE_ENOMEM : 0;
        }
        code = err == 0 ? CLI_OK : cli_failed(r->cli, err);
        code = cli_target_end(r->cli, t, code);
    }
    if (code == CLI_OK && r->entries == NULL && kept != NULL) {
        entries_print(r, kept);
    }
    json_decref(kept);
    return code;
}

static int read_options(struct cli *cli, struct stream_read *r, bool *bad)
{
    const char *from = cli_option(cli, "--from", bad);

    r->cli = cli;
    r->author = cli_option(cli, "--author", bad);
    r->limit = -1;
    r->newest = -1;
    if (r->author != NULL &&
        strspn(r->author, "0123456789abcdef") != strlen(r->author)) {
        return cli_fail(CLI_USAGE,
                        "--author %s: the first digits of a device key, as "
                        "`cove key` shows it",
                        r->author);
    }
    if (from != NULL) {
        r->position = strdup(from);
        return r->position != NULL ? CLI_OK : CLI_ERROR;
    }
    return CLI_OK;
}

static int stream_read(struct cli *cli, struct cli_target *t)
{
    struct stream_read r = {.cli = cli};
    bool bad = false;
    int code = read_options(cli, &r, &bad);

    cli_option_number(cli, "--limit", &bad, &r.limit);
    code = code == CLI_OK ? cli_end(cli, bad) : code;
    if (code == CLI_OK && cli->json && !cli->lines) {
        r.entries = json_array();
    }
    code = code == CLI_OK ? read_on(&r, t) : code;
    if (code == CLI_OK && r.entries != NULL) {
        cli_target_done(cli, t,
                        json_pack("{s:O s:s}", "entries", r.entries, "position",
                                  r.position));
    } else if (code == CLI_OK && !cli->quiet && !cli->lines) {
        fflush(stdout);
        fprintf(stderr, "read on with --from %s\n", r.position);
    }
    json_decref(r.entries);
    free(r.position);
    return code;
}

/* --------------------------------------------------------------------- tail */

/* The file that each commit touches, in the store's directory. */
#define STREAM_NOTIFY "changed"

/* Wait for a commit of any process. The directory is watched: the file may not
 * be there yet. */
static int tail_wait(int watch)
{
    union {
        struct inotify_event event;
        char room[4096];
    } u;

    for (;;) {
        ssize_t len = read(watch, &u, sizeof(u));

        if (len < 0 && errno != EINTR) {
            return cli_fail(CLI_ERROR, "following: %s", strerror(errno));
        }
        for (ssize_t at = 0; at < len;) {
            struct inotify_event e;

            memcpy(&e, u.room + at, sizeof(e));
            if ((e.mask & IN_Q_OVERFLOW) != 0 ||
                (e.len > 0 &&
                 strcmp(u.room + at + sizeof(e), STREAM_NOTIFY) == 0)) {
                return CLI_OK;
            }
            at += (ssize_t)(sizeof(e) + e.len);
        }
    }
}

static int tail_follow(struct stream_read *r, struct cli_target *t)
{
    int watch = inotify_init1(IN_CLOEXEC);
    int code = CLI_OK;

    if (watch < 0 || inotify_add_watch(watch, r->cli->dir,
                                       IN_ATTRIB | IN_MODIFY | IN_CREATE) < 0) {
        code = cli_fail(CLI_ERROR, "%s cannot be watched: %s", r->cli->dir,
                        strerror(errno));
    }
    code = code == CLI_OK ? read_on(r, t) : code;
    r->newest = -1;
    while (code == CLI_OK && fflush(stdout) == 0) {
        code = tail_wait(watch);
        code = code == CLI_OK ? read_on(r, t) : code;
    }
    if (watch >= 0) {
        close(watch);
    }
    return code;
}

static int stream_tail(struct cli *cli, struct cli_target *t)
{
    struct stream_read r = {.cli = cli};
    bool bad = false, follow = cli_flag(cli, "--follow") || cli_flag(cli, "-f");
    int code = read_options(cli, &r, &bad);

    if (!cli_option_number(cli, "--limit", &bad, &r.newest) &&
        r.position == NULL) {
        r.newest = 10;
    }
    code = code == CLI_OK ? cli_end(cli, bad) : code;
    if (code == CLI_OK) {
        code = follow ? tail_follow(&r, t) : read_on(&r, t);
    }
    free(r.position);
    return code;
}

int cli_stream_verb(struct cli *cli)
{
    struct cli_target t;
    bool bad = false;
    int code = cli_target_take(cli, &t, COVE_COSTREAM, &bad);

    if (code != CLI_OK || bad) {
        return code != CLI_OK ? code : CLI_USAGE;
    }
    const char *word = cli_word(cli);

    if (word == NULL || strcmp(word, "read") == 0) {
        return stream_read(cli, &t);
    }
    if (strcmp(word, "append") == 0) {
        return stream_append(cli, &t);
    }
    if (strcmp(word, "tail") == 0) {
        return stream_tail(cli, &t);
    }
    return cli_fail(CLI_USAGE,
                    "stream ID takes append, read or tail, not "
                    "\"%s\"",
                    word);
}
