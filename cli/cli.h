/* cli.h: what the verbs of the command share. The command is an app like any
 * other: it sees include/cove only, and uses jansson as an app may.
 */
#ifndef COVE_CLI_CLI_H
#define COVE_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>

#include "cove/cove.h"

enum cli_exit {
    CLI_OK = 0,
    CLI_ERROR = 1,
    CLI_USAGE = 2,
    CLI_CONDITION = 3,
    CLI_DRIFT = 4,
    CLI_NOT_FOUND = 5,
    CLI_BUSY = 6,
    CLI_UNREACHABLE = 7,
    CLI_DESTRUCTIVE = 8,
    CLI_INVALID = 9
};

struct cli_args { /* of one verb: words, then options looked up by name */
    int count;
    char **words;
    bool ended; /* behind "--" there are no options */
};

struct cli {
    const char *dir;
    const char *verb; /* the word itself */
    bool json;        /* one JSON value on standard output */
    bool lines;       /* JSON lines, where a verb gives many documents */
    bool quiet;
    bool yes;
    bool strict;        /* never ask */
    unsigned level;     /* COVE_FULL or COVE_GROUP, for the store */
    bool level_said;    /* by --level */
    unsigned validate;  /* COVE_VALIDATE_STRICT, … */
    int64_t cache;      /* cove_options.cache_bytes */
    struct cove *store; /* open while a verb runs, NULL for those without */
    struct cli_args args;
};

struct cli_verb {
    const char *name;
    bool opens;   /* wants the store open */
    bool creates; /* and makes it where there is none */
    int (*run)(struct cli *cli);
    const char *usage;   /* behind the name */
    const char *summary; /* one line */
    const char *more;    /* what help NAME adds: options, examples */
};

extern const struct cli_verb cli_verbs[]; /* ends with name NULL */

struct cli_sub { /* the second word of `schema put`, `migrate plan` … */
    const char *name;
    int (*run)(struct cli *cli);
};
/* Run the one that the next word names; ends with name NULL. */
int cli_sub_run(struct cli *cli, const struct cli_sub *subs);

/* --- main.c: open the store, for a verb that not always wants it. Gives an
 * exit code, with a message. */
int cli_open(struct cli *cli, unsigned flags);

/* --- args.c: each takes what it finds out of the words */
bool cli_flag(struct cli *cli, const char *name);
/* NULL where absent; *bad where the value behind it is missing. */
const char *cli_option(struct cli *cli, const char *name, bool *bad);
/* The same for a whole number from 0; false where absent. */
bool cli_option_number(struct cli *cli, const char *name, bool *bad,
                       json_int_t *out);
/* The next word, NULL where there is none. */
const char *cli_word(struct cli *cli);
/* CLI_USAGE with a message where words are left over or `bad` is set. */
int cli_end(struct cli *cli, bool bad);
/* "Name@2" into name and version; frees nothing of word. */
void cli_schema_word(const char *word, json_t *request);

/* "a,b" as a list. Ownership: the caller's. */
json_t *cli_comma_list(const char *words);

/* Every --where, joined by "and", as the library's condition; NULL where there
 * is none. *bad where one is wrong, with the forms there are (where.c).
 * Ownership: the caller's. */
json_t *cli_where_option(struct cli *cli, bool *bad);

/* --as VERSION, or NAME@VERSION, as the request's version. */
void cli_as_option(struct cli *cli, json_t *request, bool *bad);
/* --branch NAME as the request's. */
void cli_branch_option(struct cli *cli, json_t *request, bool *bad);
/* The version that every schema which has it is spoken at from here on. */
int cli_use_all(struct cli *cli, const char *version);

/* --- answers.c */
/* What the options say of changes that schema.diff cannot know: --rename A=B,
 * --drop F, --hide F, --enum F:A=B, --lossy F (each repeatable),
 * --accept-data-loss, --answers FILE; and --strict. NULL with *code where one
 * is wrong. Ownership: the caller's. */
json_t *cli_answers(struct cli *cli, int *code);
/* Run schema.diff (takes `request` over, with "answers" in it or not) and ask,
 * where standard input is a terminal and not --strict, until nothing is open.
 * *reply is the caller's; there is one also where the code is CLI_DRIFT (open)
 * or CLI_DESTRUCTIVE (no consent), and what is missing was said. */
int cli_resolve(struct cli *cli, json_t *request, json_t **reply);
/* A reply of schema.diff, for people; and whether anything differs. */
void cli_human_diff(const json_t *reply);
bool cli_diff_changed(const json_t *reply);

/* FIELD=TEXT or FIELD:=JSON into `fields` (verbs_doc.c); an exit code, with a
 * message. */
int cli_field_word(const char *word, json_t *fields);

/* --- verbs_read.c */
/* The documents that `find` would print with the words that are left, and with
 * this request, one by one. `begin` sees the request before the first page, and
 * says which number of a document ends it (0: none); `page` is called behind
 * each page of them. */
struct cli_find_how {
    void (*each)(void *ctx, json_t *doc);
    int (*begin)(void *ctx, json_t *request, json_int_t *until);
    int (*page)(void *ctx);
    void *ctx;
};
int cli_find_each(struct cli *cli, json_t *request, const char *mode,
                  const struct cli_find_how *how);

void cli_print_document(const json_t *doc);

/* --- verbs_query.c */
/* What makes find a query, into the request; false where nothing does. */
bool cli_query_options(struct cli *cli, json_t *request, bool *bad);
/* Ask, and print rows and what else is said; takes `request` over. */
int cli_query(struct cli *cli, json_t *request, bool lines);

/* --- exported.c */
/* A line of `cove export`, parsed; NULL where it is a record of another kind.
 * Ownership: the caller's. */
json_t *cli_exported(const char *line);
/* Is it a document of the user's, not a group, account, journal or registry? */
bool cli_exported_is_data(const json_t *exported);
/* Speak the versions at which the exported lines in `text` were written. */
int cli_exported_use(struct cli *cli, const char *text);

/* --- serve_ask.c: what the daemon on this store says to a verb of its socket;
 * NULL where none answers. Ownership: the caller's. */
json_t *cli_ask_daemon(const struct cli *cli, const char *verb);
/* The same about somebody, whom it named itself. */
json_t *cli_tell_daemon(const struct cli *cli, const char *verb,
                        const char *who);
/* Its state as the reply's member "daemon", where there is one; for people. */
void cli_add_daemon(const struct cli *cli, json_t *reply);
/* To the `peers` of a reply: what the daemon knows of their clocks. */
void cli_add_clocks(json_t *reply, const json_t *state);
void cli_human_daemon(const json_t *reply);
/* The "bans" of its state, for people. */
void cli_human_bans(const json_t *daemon);

/* --- call.c */
/* A member of an object: its text or "", its number or 0. */
const char *cli_text(const json_t *object, const char *key);
json_int_t cli_int(const json_t *object, const char *key);
int cli_fail(int code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The exit code of an error code of the library. */
int cli_exit_code(int err);
/* Print the library's sentence for the last error and give the exit code. */
int cli_failed(struct cli *cli, int err);
/* Run a verb of cove_admin; takes `request` over. *reply is the caller's. */
int cli_call(struct cli *cli, json_t *request, json_t **reply);
/* Print a reply: as JSON where asked, else, unless quiet, through `human`. */
void cli_say(const struct cli *cli, const json_t *reply,
             void (*human)(const json_t *reply));
/* Call, and say the reply. */
int cli_answer(struct cli *cli, json_t *request,
               void (*human)(const json_t *reply));
/* A file whole, "-" standard input, as a text, freed by free(). Gives an exit
 * code, with a message; *out is NULL where that is not CLI_OK. */
int cli_read_file(const char *path, char **out);
/* The same of a schema file, with the files that it refers to inside
 * (bundle.c). */
int cli_read_schema(const char *path, char **out);
/* A file's text as a member of a request. Gives an exit code, with a message.
 */
int cli_file_member(json_t *request, const char *key, const char *path);
int cli_schema_member(json_t *request, const char *key, const char *path);
/* What publishing a schema or a migration gave, for people. */
void cli_human_published(const json_t *reply);
/* How far a run is. */
void cli_human_run(const json_t *run);
/* Print a JSON value on one line. */
void cli_print_json(const json_t *value);
/* A text for people: what steers a terminal is escaped. */
void cli_print_text(const char *text);
/* The same, filled up with spaces to `width` bytes of text. */
void cli_print_padded(const char *text, int width);
/* A value for people: a text bare, anything else as JSON. */
void cli_print_value(const json_t *value);
void cli_print_time(json_int_t ms);
/* A text of several lines for people. */
void cli_print_lines(const char *text);
/* The items of a list in `get`'s form; an entry of a stream. */
void cli_human_items(const json_t *list);
void cli_human_entry(const json_t *entry);

/* Progress on a terminal as one line that changes, elsewhere a line each 2 s;
 * on standard error. total 0: unknown. */
struct cli_progress {
    const char *what;
    long long total, done;
    double started, shown;
    bool quiet;
};
void cli_progress_begin(struct cli_progress *p, const struct cli *cli,
                        const char *what, long long total);
void cli_progress_step(struct cli_progress *p, long long done);
void cli_progress_end(struct cli_progress *p);

/* --- verbs */
int cli_init(struct cli *cli);
int cli_key(struct cli *cli);
int cli_new(struct cli *cli);
int cli_get(struct cli *cli);
int cli_set(struct cli *cli);
int cli_del(struct cli *cli);
int cli_find(struct cli *cli);
int cli_export(struct cli *cli);
int cli_import(struct cli *cli);
int cli_log(struct cli *cli);
int cli_schema(struct cli *cli);
int cli_schema_diff(struct cli *cli);
int cli_schema_check(struct cli *cli);
int cli_migrate(struct cli *cli);
int cli_migrate_run(struct cli *cli);
int cli_migrate_pause(struct cli *cli);
int cli_migrate_resume(struct cli *cli);
int cli_migrate_cancel(struct cli *cli);
int cli_migrate_retry(struct cli *cli);
int cli_migrate_log(struct cli *cli);
int cli_migrate_once(struct cli *cli);
int cli_config(struct cli *cli);
/* --- verbs_run.c: work on a run until it is over, at its rate, with progress;
 * takes the request over. timeout_s -1: none; when it is over the run is
 * paused. *out, the reply, is the caller's. */
int cli_run_work(struct cli *cli, json_t *request, json_int_t timeout_s,
                 json_t **out);
/* The exit code of how a run ended, with its sentence where that is not 0. */
int cli_run_code(const json_t *reply);
int cli_migrate_down(struct cli *cli);
int cli_migrate_plan(struct cli *cli);
int cli_migrate_retire(struct cli *cli);
int cli_migrate_status(struct cli *cli);
int cli_migrate_explain(struct cli *cli);
int cli_migrate_merge(struct cli *cli);
int cli_index(struct cli *cli);
int cli_peer(struct cli *cli);
int cli_peer_invite(struct cli *cli);
int cli_peer_join(struct cli *cli);
int cli_peer_refused(struct cli *cli);
int cli_peer_trust(struct cli *cli);
int cli_peer_join_by(struct cli *cli, const char *token, const char *name);
int cli_serve(struct cli *cli);
int cli_sync(struct cli *cli);
int cli_wait(struct cli *cli);
int cli_watch(struct cli *cli);
int cli_status(struct cli *cli);
int cli_check(struct cli *cli);
int cli_recover(struct cli *cli);
int cli_stats(struct cli *cli);
int cli_backup(struct cli *cli);
int cli_rm(struct cli *cli);
int cli_compact(struct cli *cli);
int cli_cut(struct cli *cli);
int cli_mark(struct cli *cli);
int cli_restore(struct cli *cli);
int cli_discard(struct cli *cli);
int cli_migrate_reset(struct cli *cli);
int cli_version(struct cli *cli);
int cli_help(struct cli *cli);
/* --- of covalue.h */
int cli_text_verb(struct cli *cli);
int cli_list_verb(struct cli *cli);
int cli_counter_verb(struct cli *cli);
int cli_stream_verb(struct cli *cli);
int cli_blob_verb(struct cli *cli);
int cli_edit(struct cli *cli);
int cli_undo(struct cli *cli);
int cli_redo(struct cli *cli);
int cli_branch(struct cli *cli);
int cli_merge_verb(struct cli *cli);
int cli_diff_verb(struct cli *cli);

#endif
