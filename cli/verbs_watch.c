/* verbs_watch.c: watch: a line for each event of a subscription, as it comes.
 */
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct watching {
    struct cli *cli;
    json_int_t count; /* events to go, -1: no end */
    int code;
};

static volatile sig_atomic_t watch_ended;

static void watch_end(int number)
{
    (void)number;
    watch_ended = 1;
}

/* ------------------------------------------------------------------- events */

static const char *watch_word(enum cove_watch_kind kind)
{
    static const char *const words[] = {
        [COVE_WATCH_ENTER] = "enter", [COVE_WATCH_CHANGE] = "change",
        [COVE_WATCH_LEAVE] = "leave", [COVE_WATCH_REMOVED] = "removed",
        [COVE_WATCH_PEER] = "peer",   [COVE_WATCH_SCHEMA] = "schema",
        [COVE_WATCH_RUN] = "run",     [COVE_WATCH_READY] = "ready",
        [COVE_WATCH_RESET] = "reset", [COVE_WATCH_ERROR] = "error",
    };

    return (size_t)kind < sizeof(words) / sizeof(words[0]) ? words[kind]
                                                           : "other";
}

static json_t *watch_from(unsigned from)
{
    static const struct {
        unsigned bit;
        const char *word;
    } words[] = {{COVE_FROM_HERE, "here"},
                 {COVE_FROM_PEER, "peer"},
                 {COVE_FROM_MIGRATION, "migration"}};
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (from & words[i].bit) {
            json_array_append_new(list, json_string(words[i].word));
        }
    }
    return list;
}

static bool watch_some(const void *at, size_t len)
{
    const unsigned char *b = at;

    for (size_t i = 0; i < len; i++) {
        if (b[i] != 0) {
            return true;
        }
    }
    return false;
}

/* {"event", "sequence", "id"?, "from"?, "peer"?, "detail"? | "error"?, "why"?}
 */
static json_t *watch_json(const struct cove_watch_event *e)
{
    json_t *out = json_pack("{s:s, s:I}", "event", watch_word(e->kind),
                            "sequence", (json_int_t)e->sequence);
    char text[65] = "";

    if (watch_some(e->id.b, sizeof(e->id.b))) {
        cove_id_format(&e->id, text);
        json_object_set_new(out, "id", json_string(text));
    }
    if (e->from != 0) {
        json_object_set_new(out, "from", watch_from(e->from));
    }
    if (watch_some(e->peer.b, sizeof(e->peer.b))) {
        for (size_t i = 0; i < sizeof(e->peer.b); i++) {
            snprintf(text + 2 * i, 3, "%02x", e->peer.b[i]);
        }
        json_object_set_new(out, "peer", json_string(text));
    }
    if (e->kind == COVE_WATCH_ERROR) {
        json_object_set_new(out, "error", json_integer(e->error));
        json_object_set_new(out, "why",
                            json_string(e->text != NULL ? e->text : ""));
    } else if (e->text != NULL) {
        json_object_set_new(out, "detail", json_loads(e->text, 0, NULL));
    }
    return out;
}

/* "14:03:22  change   co_z…  peer 3fa9…" */
static void watch_human(const json_t *event)
{
    const json_t *from = json_object_get(event, "from");
    const json_t *detail = json_object_get(event, "detail");
    time_t now = time(NULL);
    struct tm tm;
    char when[16] = "";
    json_t *word;
    size_t i;

    if (localtime_r(&now, &tm) != NULL) {
        strftime(when, sizeof(when), "%H:%M:%S", &tm);
    }
    printf("%s  %-8s", when, cli_text(event, "event"));
    if (cli_text(event, "id")[0] != '\0') {
        printf("  %s", cli_text(event, "id"));
    }
    json_array_foreach(from, i, word)
    {
        printf("%s%s", i == 0 ? "  " : ",", json_string_value(word));
    }
    if (cli_text(event, "peer")[0] != '\0') {
        printf("  %.16s", cli_text(event, "peer"));
    }
    if (cli_text(event, "why")[0] != '\0') {
        printf("  ");
        cli_print_text(cli_text(event, "why"));
    }
    if (detail != NULL && cli_text(detail, "state")[0] != '\0') {
        printf("  %s", cli_text(detail, "state"));
    }
    if (cli_text(event, "id")[0] == '\0' && detail == NULL) {
        printf("  sequence %" JSON_INTEGER_FORMAT, cli_int(event, "sequence"));
    }
    putchar('\n');
}

static void watch_event(void *ctx, const struct cove_watch_event *e)
{
    struct watching *w = ctx;
    json_t *event;

    if (w->count == 0) {
        return;
    }
    event = watch_json(e);
    if (w->cli->json || w->cli->lines) {
        cli_print_json(event);
    } else {
        watch_human(event);
    }
    json_decref(event);
    if (fflush(stdout) != 0) { /* whoever read it has gone */
        watch_ended = 1;
    }
    if (w->count > 0 && e->kind != COVE_WATCH_READY &&
        e->kind != COVE_WATCH_RESET) {
        w->count--;
    }
}

/* --------------------------------------------------------------------- loop */

static double watch_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The signals come only while it waits. */
static void watch_signals(sigset_t *waiting)
{
    struct sigaction action = {.sa_handler = watch_end};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, waiting);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Wait for something to dispatch, until `end` (less than 0: ever). */
static int watch_wait(struct cli *cli, double end, const sigset_t *waiting)
{
    struct pollfd fd = {.fd = cove_fd(cli->store), .events = POLLIN};
    int wait_ms = cove_timeout(cli->store);
    double left = end < 0 ? 0 : end - watch_now();
    struct timespec ts;

    if (fd.fd < 0) {
        return cli_failed(cli, fd.fd);
    }
    if (end >= 0 && (wait_ms < 0 || left * 1000 < wait_ms)) {
        wait_ms = left > 0 ? (int)(left * 1000) + 1 : 0;
    }
    ts.tv_sec = wait_ms / 1000;
    ts.tv_nsec = (long)(wait_ms % 1000) * 1000000;
    if (ppoll(&fd, 1, wait_ms < 0 ? NULL : &ts, waiting) < 0 &&
        errno != EINTR) {
        return cli_fail(CLI_ERROR, "cannot wait: %s", strerror(errno));
    }
    return CLI_OK;
}

static int watch_loop(struct watching *w, double seconds)
{
    double end = seconds < 0 ? -1 : watch_now() + seconds;
    sigset_t waiting;

    watch_signals(&waiting);
    while (w->count != 0 && !watch_ended) {
        int code = watch_wait(w->cli, end, &waiting);

        if (code != CLI_OK) {
            return code;
        }
        if (watch_ended) {
            break;
        }

        int err = cove_dispatch(w->cli->store);

        if (err != 0) {
            return cli_failed(w->cli, err);
        }
        if (w->count > 0 && end >= 0 && watch_now() >= end) {
            return cli_fail(CLI_CONDITION,
                            "%" JSON_INTEGER_FORMAT " more events did not come",
                            w->count);
        }
        if (end >= 0 && watch_now() >= end) {
            break;
        }
    }
    return CLI_OK;
}

/* ------------------------------------------------------------------ request */

/* A document, a schema, all documents; peers and migrations by option. */
static void watch_what(json_t *request, bool peers, bool migrations,
                       const char *word)
{
    bool document = word != NULL && strncmp(word, "co_z", 4) == 0;

    json_object_set_new(request, "watch",
                        json_string(peers        ? "peers"
                                    : migrations ? "migrations"
                                    : document   ? "document"
                                                 : "documents"));
    if (document) {
        json_object_set_new(request, "id", json_string(word));
    } else if (word != NULL) {
        cli_schema_word(word, request);
    }
}

static void watch_request(struct cli *cli, json_t *request, bool *bad)
{
    const char *origin = cli_option(cli, "--origin", bad);
    json_t *where = cli_where_option(cli, bad);
    json_int_t since = 0;

    if (where != NULL) {
        json_object_set_new(request, "where", where);
    }
    if (cli_option_number(cli, "--since", bad, &since)) {
        json_object_set_new(request, "since", json_integer(since));
    }
    if (cli_flag(cli, "--initial")) {
        json_object_set_new(request, "initial", json_true());
    } else if (cli_flag(cli, "--no-initial")) {
        json_object_set_new(request, "initial", json_false());
    }
    if (cli_flag(cli, "--no-migrations")) {
        json_object_set_new(request, "migrations", json_false());
    }
    if (origin != NULL) {
        json_object_set_new(request, "origin", cli_comma_list(origin));
    }
}

/* --timeout SECONDS, -1 where there is none. */
static double watch_timeout(struct cli *cli, bool *bad)
{
    const char *text = cli_option(cli, "--timeout", bad);
    char *end = NULL;
    double seconds = text != NULL ? strtod(text, &end) : -1;

    if (text != NULL && (*end != '\0' || !(seconds >= 0) || seconds > 1e6)) {
        cli_fail(CLI_USAGE, "--timeout %s: seconds are wanted", text);
        *bad = true;
    }
    return seconds;
}

static int watch_run(struct cli *cli)
{
    struct watching w = {.cli = cli, .count = -1};
    json_t *request = json_object();
    bool bad = false;
    bool peers = cli_flag(cli, "--peers");
    bool migrations = cli_flag(cli, "--migrations");
    double seconds = watch_timeout(cli, &bad);
    uint64_t number;
    char *text;
    int code;

    cli_as_option(cli, request, &bad);
    watch_request(cli, request, &bad);
    cli_option_number(cli, "--count", &bad, &w.count);
    watch_what(request, peers, migrations, cli_word(cli));
    code = cli_end(cli, bad);
    text = json_dumps(request, JSON_COMPACT);
    if (code == CLI_OK) {
        int err = cove_subscribe(cli->store, text, watch_event, &w, &number);

        code = err == 0 ? watch_loop(&w, seconds) : cli_failed(cli, err);
    }
    free(text);
    json_decref(request);
    return code;
}

/* A daemon beside it syncs, or nobody. */
int cli_watch(struct cli *cli)
{
    int code = cli_open(cli, COVE_OPEN_NO_SYNC);

    return code == CLI_OK ? watch_run(cli) : code;
}
