/* verbs_run.c: migrate run, pause, resume, cancel, retry, log; config. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUN_SLICE 4096 /* documents a call, so that progress shows */
#define RUN_POLL  100  /* ms between looks at what another process does */

static long long run_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void run_sleep(json_int_t ms)
{
    struct timespec ts = {.tv_sec = (time_t)(ms / 1000),
                          .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&ts, NULL);
}

/* ------------------------------------------------------------------- outcome
 */

void cli_human_run(const json_t *run)
{
    printf("%s: %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
           " documents, %" JSON_INTEGER_FORMAT
           " migrated, %" JSON_INTEGER_FORMAT " copies; %" JSON_INTEGER_FORMAT
           " valid, %" JSON_INTEGER_FORMAT " invalid\n",
           cli_text(run, "state"), cli_int(run, "done"), cli_int(run, "total"),
           cli_int(run, "migrated"), cli_int(run, "copies"),
           cli_int(run, "valid"), cli_int(run, "invalid"));
}

static void human_quarantine(const json_t *reply)
{
    const json_t *run = json_object_get(reply, "run");
    json_t *q;
    size_t i;

    if (cli_int(run, "quarantined") == 0) {
        return;
    }
    printf("%" JSON_INTEGER_FORMAT " quarantined%s\n",
           cli_int(run, "quarantined"),
           strcmp(cli_text(run, "state"), "dry_run") == 0
               ? ":"
               : "; `cove migrate retry` does them again:");
    json_array_foreach(json_object_get(reply, "quarantine"), i, q)
    {
        if (i == 10) {
            puts("  … --json lists more");
            break;
        }
        printf("  %s  ", cli_text(q, "id"));
        cli_print_text(cli_text(q, "why"));
        putchar('\n');
    }
}

/* The exit code of how a run ended, with its sentence. */
int cli_run_code(const json_t *reply)
{
    const json_t *run = json_object_get(reply, "run");
    const char *state = cli_text(run, "state");

    if (strcmp(state, "failed") == 0) {
        return cli_fail(CLI_INVALID, "the run failed: %s",
                        cli_text(run, "error"));
    }
    if (strcmp(state, "drift_blocked") == 0) {
        return cli_fail(CLI_DRIFT, "nothing was run: %s",
                        cli_text(run, "error"));
    }
    if (strcmp(state, "canceled") == 0 || strcmp(state, "paused") == 0) {
        return cli_fail(CLI_CONDITION,
                        "the run was %s at %" JSON_INTEGER_FORMAT
                        " of %" JSON_INTEGER_FORMAT
                        " documents; what was done stays, and `cove migrate "
                        "resume` goes on",
                        state, cli_int(run, "done"), cli_int(run, "total"));
    }
    return CLI_OK;
}

static int run_print(struct cli *cli, const json_t *reply)
{
    if (cli->json || cli->lines) {
        cli_print_json(json_object_get(reply, "run"));
    } else if (!cli->quiet) {
        cli_human_run(json_object_get(reply, "run"));
        human_quarantine(reply);
    }
    return cli_run_code(reply);
}

/* ---------------------------------------------------------------------- run */

/* The time is over: the run waits for whoever resumes it. */
static int run_over(struct cli *cli, const json_t *request, bool ours)
{
    const char *name = cli_text(request, "schema");
    json_t *reply = NULL;

    if (ours &&
        cli_call(cli,
                 json_pack("{s:s s:s}", "do", "migrate.pause", "schema", name),
                 &reply) == CLI_OK) {
        json_decref(reply);
        return cli_fail(CLI_CONDITION,
                        "the time is over, and the run is paused; `cove "
                        "migrate resume %s` goes on",
                        name);
    }
    return cli_fail(CLI_CONDITION,
                    "the time is over, and the run is not; `cove migrate "
                    "status %s` says how far it is",
                    name);
}

int cli_run_work(struct cli *cli, json_t *request, json_int_t timeout_s,
                 json_t **out)
{
    long long until =
        timeout_s >= 0 ? run_now() + (long long)timeout_s * 1000 : -1;
    struct cli_progress progress;
    json_t *reply = NULL;
    int code = CLI_OK;

    json_object_set_new(request, "max", json_integer(RUN_SLICE));
    cli_progress_begin(&progress, cli, "documents", 0);
    for (;;) {
        json_decref(reply);
        reply = NULL;
        code = cli_call(cli, json_incref(request), &reply);
        if (code != CLI_OK) {
            break;
        }
        const json_t *run = json_object_get(reply, "run");
        json_int_t wait_ms = cli_int(reply, "waitMs");

        progress.total = cli_int(run, "total");
        cli_progress_step(&progress, cli_int(run, "done"));
        if (json_is_true(json_object_get(reply, "finished"))) {
            break;
        }
        if (until >= 0 && run_now() + wait_ms >= until) {
            code = run_over(cli, request, true);
            break;
        }
        /* from here on this run, not one that is begun when it is over */
        json_object_set_new(request, "number",
                            json_integer(cli_int(run, "number")));
        run_sleep(wait_ms);
    }
    cli_progress_end(&progress);
    json_decref(request);
    if (code != CLI_OK) {
        json_decref(reply);
        return code;
    }
    *out = reply;
    return CLI_OK;
}

/* Somebody else works on it, a daemon say: look until it is over. */
static int run_watch(struct cli *cli, const char *name, json_int_t timeout_s)
{
    long long until =
        timeout_s >= 0 ? run_now() + (long long)timeout_s * 1000 : -1;
    struct cli_progress progress;
    int code = CLI_OK;
    bool over = false;

    cli_progress_begin(&progress, cli, "documents", 0);
    while (code == CLI_OK && !over) {
        json_t *reply = NULL;

        code = cli_call(
            cli, json_pack("{s:s s:s}", "do", "migrate.look", "schema", name),
            &reply);
        const json_t *run = json_object_get(reply, "run");

        progress.total = cli_int(run, "total");
        cli_progress_step(&progress, cli_int(run, "done"));
        over =
            code == CLI_OK && json_is_true(json_object_get(reply, "finished"));
        if (over) {
            code = run_print(cli, reply);
        } else if (code == CLI_OK && until >= 0 &&
                   run_now() + RUN_POLL >= until) {
            json_t *request = json_pack("{s:s}", "schema", name);

            code = run_over(cli, request, false);
            json_decref(request);
        } else if (code == CLI_OK) {
            run_sleep(RUN_POLL);
        }
        json_decref(reply);
    }
    cli_progress_end(&progress);
    return code;
}

struct run_options {
    bool wait, queue;
    json_int_t timeout_s; /* -1: none */
};

/* A number of percent behind an option, as JSON. */
static void option_percent(struct cli *cli, json_t *request, bool *bad)
{
    const char *text = cli_option(cli, "--threshold", bad);
    char *end = NULL;
    double percent = text != NULL ? strtod(text, &end) : 0;

    if (text == NULL) {
        return;
    }
    if (end == text || (*end != '\0' && strcmp(end, "%") != 0) ||
        !(percent >= 0 && percent <= 100)) { /* NaN is neither */
        cli_fail(CLI_USAGE, "--threshold %s: a percentage is wanted, 0 to 100",
                 text);
        *bad = true;
        return;
    }
    json_object_set_new(request, "threshold", json_real(percent));
}

static void run_options(struct cli *cli, json_t *request, struct run_options *o,
                        bool *bad)
{
    static const char *const numbers[] = {"batch", "rate"};
    char name[16];
    json_int_t n;

    o->timeout_s = -1;
    for (size_t i = 0; i < 2; i++) {
        snprintf(name, sizeof(name), "--%s", numbers[i]);
        if (cli_option_number(cli, name, bad, &n)) {
            json_object_set_new(request, numbers[i], json_integer(n));
        }
    }
    option_percent(cli, request, bad);
    o->wait = cli_flag(cli, "--wait");
    o->queue = cli_flag(cli, "--queue");
    if (cli_option_number(cli, "--timeout", bad, &n)) {
        o->timeout_s = n;
    }
}

/* Work on the run that `request` begins or names, or leave it to others. */
static int run_do(struct cli *cli, json_t *request, const struct run_options *o)
{
    const char *word = cli_text(request, "schema");
    char *name = strdup(word);
    json_t *reply = NULL;
    int code;

    if (name == NULL) {
        json_decref(request);
        return cli_fail(CLI_ERROR, "out of memory");
    }
    if (o->queue) {
        json_object_set_new(request, "queue", json_true());
        code = cli_call(cli, request, &reply);
    } else {
        if (o->wait) {
            json_object_set_new(request, "wait", json_true());
        }
        code = cli_run_work(cli, request, o->timeout_s, &reply);
    }
    if (code == CLI_OK && o->queue && o->wait) {
        code = run_watch(cli, name, o->timeout_s);
    } else if (code == CLI_OK) {
        code = run_print(cli, reply);
    }
    json_decref(reply);
    free(name);
    return code;
}

int cli_migrate_run(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "migrate.run");
    struct run_options o;
    bool bad = false;
    const char *to = cli_option(cli, "--to", &bad);

    run_options(cli, request, &o, &bad);
    if (cli_flag(cli, "--dry-run")) {
        json_object_set_new(request, "dry", json_true());
    }
    if (cli_flag(cli, "--atomic")) {
        json_object_set_new(request, "atomic", json_true());
    }
    if (cli_flag(cli, "--allow-drift")) {
        json_object_set_new(request, "allowDrift", json_true());
    }
    if (cli_flag(cli, "--no-backup")) {
        json_object_set_new(request, "noBackup", json_true());
    }
    const char *name = cli_word(cli);
    int code = cli_end(cli, bad);

    if (code == CLI_OK && name == NULL) {
        code = cli_fail(CLI_USAGE, "migrate run needs a schema's name");
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    cli_schema_word(name, request);
    if (to != NULL) {
        json_object_set_new(request, "version", json_string(to));
    }
    return run_do(cli, request, &o);
}

/* ------------------------------------------------------------------- orders */

static int run_order(struct cli *cli, const char *verb, bool work)
{
    json_t *request = json_pack("{s:s}", "do", verb), *reply = NULL;
    struct run_options o = {.timeout_s = -1};
    bool bad = false;

    if (work) {
        run_options(cli, request, &o, &bad);
    }
    const char *name = cli_word(cli);
    int code = cli_end(cli, bad);

    if (code == CLI_OK && name == NULL) {
        code = cli_fail(CLI_USAGE, "migrate %s needs a schema's name",
                        strchr(verb, '.') + 1);
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    json_object_set_new(request, "schema", json_string(name));
    code = cli_call(cli, request, &reply);

    const json_t *run = json_object_get(reply, "run");

    if (code == CLI_OK && work &&
        strcmp(cli_text(run, "state"), "queued") == 0 && !o.queue) {
        request = json_pack("{s:s s:s s:I}", "do", "migrate.run", "schema",
                            name, "number", cli_int(run, "number"));
        json_decref(reply);
        return run_do(cli, request, &o);
    }
    if (code == CLI_OK && cli->json) {
        cli_print_json(run);
    } else if (code == CLI_OK && !cli->quiet) {
        if (!json_is_true(json_object_get(reply, "changed"))) {
            fputs("nothing to do: ", stdout);
        }
        cli_human_run(run);
    }
    json_decref(reply);
    return code;
}

int cli_migrate_pause(struct cli *cli)
{
    return run_order(cli, "migrate.pause", false);
}

int cli_migrate_cancel(struct cli *cli)
{
    return run_order(cli, "migrate.cancel", false);
}

int cli_migrate_resume(struct cli *cli)
{
    return run_order(cli, "migrate.resume", true);
}

int cli_migrate_retry(struct cli *cli)
{
    return run_order(cli, "migrate.retry", true);
}

/* ------------------------------------------------------------------- config */

/* What 0 means, where it is no number of documents. */
static const char *config_zero(const char *key, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) != 0) {
        return "";
    }
    return strcmp(key, "batch") == 0  ? "  (it adapts)"
           : strcmp(key, "rate") == 0 ? "  (as fast as it goes)"
                                      : "";
}

static void human_config(const json_t *reply)
{
    static const char *const keys[] = {
        "profile",       "batch",       "rate",  "threshold",   "atomicLimit",
        "requireBackup", "compactDays", "scrub", "historyDays", "historyBytes"};
    const json_t *set = json_object_get(reply, "set");

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        cli_print_padded(keys[i], 14);
        cli_print_value(json_object_get(reply, keys[i]));
        fputs(config_zero(keys[i], json_object_get(reply, keys[i])), stdout);
        puts(json_object_get(set, keys[i]) != NULL ? "  (set)" : "");
    }
}

/* KEY=VALUE: as JSON where it is that, else as a text; empty takes it back. */
static void config_set(const char *word, json_t *request)
{
    const char *equals = strchr(word, '=');
    json_t *value = equals[1] == '\0'
                        ? json_null()
                        : json_loads(equals + 1, JSON_DECODE_ANY, NULL);
    json_t *set = json_object();
    char *key = strndup(word, (size_t)(equals - word));

    json_object_set_new(set, key != NULL ? key : "",
                        value != NULL ? value : json_string(equals + 1));
    json_object_set_new(request, "set", set);
    free(key);
}

int cli_config(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "config"), *reply = NULL;
    const char *word = cli_word(cli);
    int code = cli_end(cli, false);

    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    if (word == NULL || strchr(word, '=') != NULL) {
        if (word != NULL) {
            config_set(word, request);
        }
        return cli_answer(cli, request, human_config);
    }
    code = cli_call(cli, request, &reply);

    const json_t *value = json_object_get(reply, word);

    if (code == CLI_OK && (value == NULL || strcmp(word, "set") == 0)) {
        code = cli_fail(CLI_NOT_FOUND,
                        "there is no setting %s; `cove config` shows them all",
                        word);
    } else if (code == CLI_OK && cli->json) {
        cli_print_json(value);
    } else if (code == CLI_OK) {
        cli_print_value(value);
        putchar('\n');
    }
    json_decref(reply);
    return code;
}

/* ---------------------------------------------------------------------- log */

/* Is it said in the line's fixed part already? */
static bool log_said(const char *key)
{
    static const char *const fixed[] = {"time", "author", "owner",
                                        "what", "schema", "device"};

    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (strcmp(key, fixed[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void log_detail(const char *key, const json_t *value)
{
    putchar(' ');
    cli_print_text(key);
    putchar('=');
    if (strcmp(key, "step") == 0 || strcmp(key, "head") == 0) {
        char cut[17] = "";

        if (json_is_string(value)) {
            snprintf(cut, sizeof(cut), "%.16s", json_string_value(value));
        }
        cli_print_text(cut);
    } else {
        cli_print_value(value);
    }
}

static void human_log(const json_t *reply)
{
    json_t *e, *value;
    const char *key;
    size_t i;

    json_array_foreach(json_object_get(reply, "entries"), i, e)
    {
        cli_print_time(cli_int(e, "time"));
        printf("  %.16s  ", cli_text(e, "author"));
        cli_print_padded(cli_text(e, "what"), 8);
        putchar(' ');
        cli_print_text(cli_text(e, "schema"));
        json_object_foreach(e, key, value)
        {
            if (!log_said(key)) {
                log_detail(key, value);
            }
        }
        putchar('\n');
    }
}

int cli_migrate_log(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "activity");
    bool bad = false;
    json_int_t limit;

    if (cli_option_number(cli, "--limit", &bad, &limit)) {
        json_object_set_new(request, "limit", json_integer(limit));
    }
    const char *name = cli_word(cli);
    int code = cli_end(cli, bad);

    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    if (name != NULL) {
        json_object_set_new(request, "schema", json_string(name));
    }
    return cli_answer(cli, request, human_log);
}
