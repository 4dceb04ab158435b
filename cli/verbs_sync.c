/* verbs_sync.c: peer, sync, wait, status. */
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_WRONG_MS 60000

/* --------------------------------------------------------------------- peer */

static void human_none(const json_t *reply)
{
    (void)reply;
}

/* For how long, in the unit that a person would take. */
static void human_lag(json_int_t ms)
{
    static const struct {
        json_int_t ms;
        const char *name;
    } units[] = {
        {86400000, "days"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};
    size_t i = 0;

    while (i + 1 < sizeof(units) / sizeof(units[0]) && ms < 2 * units[i].ms) {
        i++;
    }
    printf(" for %" JSON_INTEGER_FORMAT " %s", ms / units[i].ms, units[i].name);
}

/* The peer's clock; a warning where it is more than a minute off. */
static void human_clock(json_int_t ms)
{
    json_int_t off = ms < 0 ? -ms : ms;

    printf("  clock %+.1f s\n", (double)ms / 1000);
    if (off > CLOCK_WRONG_MS) {
        printf("  warning: its clock is %" JSON_INTEGER_FORMAT
               " s %s the one here; set the wrong one right\n",
               off / 1000, ms > 0 ? "ahead of" : "behind");
    }
}

static void human_peers(const json_t *reply)
{
    json_t *p;
    size_t i;

    json_array_foreach(json_object_get(reply, "peers"), i, p)
    {
        printf("%.16s  ", cli_text(p, "key"));
        cli_print_padded(cli_text(p, "name"), 12);
        printf(" %-10s %-21s ", cli_text(p, "state"), cli_text(p, "address"));
        if (json_is_true(json_object_get(p, "open"))) {
            fputs("open", stdout); /* a guest: nobody named it */
        } else {
            printf("unsent %" JSON_INTEGER_FORMAT, cli_int(p, "unsent"));
        }
        if (cli_int(p, "unsent") > 0) {
            human_lag(cli_int(p, "lagMs"));
        }
        printf("  in %" JSON_INTEGER_FORMAT "  out %" JSON_INTEGER_FORMAT,
               cli_int(p, "bytesIn"), cli_int(p, "bytesOut"));
        if (json_object_get(p, "clockMs") != NULL) {
            human_clock(cli_int(p, "clockMs"));
        } else {
            putchar('\n');
        }
        if (cli_text(p, "error")[0] != '\0') {
            printf("  ");
            cli_print_text(cli_text(p, "error"));
            putchar('\n');
        }
    }
}

static void human_peer_list(const json_t *reply)
{
    human_peers(reply);
    cli_human_bans(reply);
}

static void human_removed(const json_t *reply)
{
    json_t *number;
    size_t i;

    json_array_foreach(json_object_get(reply, "revoked"), i, number)
    {
        printf("invite %" JSON_INTEGER_FORMAT
               " is revoked: the device could have come back by it\n",
               json_integer_value(number));
    }
}

static int peer_change(struct cli *cli, const char *verb)
{
    json_t *request = json_pack("{s:s}", "do", verb);
    bool bad = false, add = strcmp(verb, "peer.add") == 0;
    const char *name = add ? cli_option(cli, "--name", &bad) : NULL;
    const char *key = cli_word(cli);
    const char *address = add ? cli_word(cli) : NULL;
    int code = cli_end(cli, bad);

    if (code == CLI_OK && key == NULL) {
        code = cli_fail(CLI_USAGE, "this needs the peer's key, as `cove key` "
                                   "shows it there");
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    if (add && key != NULL && address == NULL &&
        strncmp(key, "cove_i", 6) == 0) {
        json_decref(request); /* an invite has key and address in it */
        return cli_peer_join_by(cli, key, name);
    }
    json_object_set_new(request, "key", json_string(key));
    if (address != NULL) {
        json_object_set_new(request, "address", json_string(address));
    }
    if (name != NULL) {
        json_object_set_new(request, "name", json_string(name));
    }
    code = cli_answer(cli, request, add ? human_none : human_removed);
    if (code == CLI_OK) { /* a daemon need not wait for its next look */
        json_decref(cli_ask_daemon(cli, "redial"));
    }
    return code;
}

static int peer_dial(struct cli *cli)
{
    int code = cli_end(cli, false);
    json_t *reply = code == CLI_OK ? cli_ask_daemon(cli, "redial") : NULL;

    if (code == CLI_OK && reply == NULL) {
        code = cli_fail(CLI_CONDITION,
                        "no daemon on this store answers; `cove serve` starts "
                        "one, `cove sync` does without");
    } else if (code == CLI_OK) {
        cli_say(cli, reply, human_none);
    }
    json_decref(reply);
    return code;
}

/* "ID:2" as {id, steps}. */
static json_t *want_documents(const char *words)
{
    json_t *list = cli_comma_list(words), *documents = json_array(), *word;
    size_t i;

    json_array_foreach(list, i, word)
    {
        const char *text = json_string_value(word), *colon = strchr(text, ':');
        size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);
        char *end = NULL;
        json_t *doc = json_pack("{s:s#}", "id", text, (int)len);

        if (colon != NULL) {
            long steps = strtol(colon + 1, &end, 10);

            json_object_set_new(doc, "steps",
                                *end == '\0' && end != colon + 1
                                    ? json_integer(steps)
                                    : json_string(colon + 1));
        }
        json_array_append_new(documents, doc);
    }
    json_decref(list);
    return documents;
}

static int peer_want(struct cli *cli)
{
    bool bad = false;
    const char *schemas = cli_option(cli, "--schema", &bad);
    const char *groups = cli_option(cli, "--group", &bad);
    const char *documents = cli_option(cli, "--doc", &bad);
    bool all = cli_flag(cli, "--all");
    const char *key = cli_word(cli);
    int code = cli_end(cli, bad);
    json_t *request;

    if (code == CLI_OK && key == NULL) {
        code =
            cli_fail(CLI_USAGE, "this needs the peer's key; `cove peer list` "
                                "shows them");
    }
    if (code != CLI_OK) {
        return code;
    }
    request = json_pack("{s:s s:s s:b}", "do", "peer.want", "key", key, "all",
                        (int)all);
    if (schemas != NULL) {
        json_object_set_new(request, "schemas", cli_comma_list(schemas));
    }
    if (groups != NULL) {
        json_object_set_new(request, "groups", cli_comma_list(groups));
    }
    if (documents != NULL) {
        json_object_set_new(request, "documents", want_documents(documents));
    }
    return cli_answer(cli, request, human_none);
}

/* The peers as the store has them, with what the daemon knows of their clocks,
 * and whom it refuses for a while. */
static int peer_list(struct cli *cli)
{
    bool refused = cli_flag(cli, "--refused");
    int code = cli_end(cli, false);
    json_t *reply = NULL, *state;

    if (code != CLI_OK || refused) {
        return code != CLI_OK ? code : cli_peer_refused(cli);
    }
    code = cli_call(cli, json_pack("{s:s}", "do", "peer.list"), &reply);
    if (code == CLI_OK) {
        state = cli_ask_daemon(cli, "state");
        cli_add_clocks(reply, state);
        if (json_array_size(json_object_get(state, "bans")) > 0) {
            json_object_set(reply, "bans", json_object_get(state, "bans"));
        }
        json_decref(state);
        cli_say(cli, reply, human_peer_list);
    }
    json_decref(reply);
    return code;
}

static void human_network(const json_t *reply)
{
    const char *key = cli_text(reply, "key");
    const char *network = cli_text(reply, "network");

    if (key[0] != '\0') {
        printf("%s\n", key);
        fprintf(stderr,
                "this is the secret of network %s, and is not shown "
                "again: each of its devices needs it\n",
                network);
    } else if (network[0] != '\0') {
        printf("network %s\n", network);
    } else {
        printf("no network key: any device may ask\n");
    }
}

static int peer_network(struct cli *cli)
{
    bool bad = false;
    const char *key = cli_option(cli, "--key", &bad);
    bool make = cli_flag(cli, "--new"), none = cli_flag(cli, "--none");
    int code = cli_end(cli, bad);
    json_t *request;

    if (code != CLI_OK) {
        return code;
    }
    request = json_pack("{s:s s:b s:b}", "do", "peer.network", "new", (int)make,
                        "none", (int)none);
    if (key != NULL) {
        json_object_set_new(request, "key", json_string(key));
    }
    code = cli_answer(cli, request, human_network);
    if (code == CLI_OK && (make || none || key != NULL)) {
        json_t *state = cli_ask_daemon(cli, "state");

        if (state != NULL) {
            fprintf(stderr,
                    "the daemon that runs takes it at its next start\n");
        }
        json_decref(state);
    }
    return code;
}

int cli_peer(struct cli *cli)
{
    const char *word = cli_word(cli);

    if (word != NULL && strcmp(word, "add") == 0) {
        return peer_change(cli, "peer.add");
    }
    if (word != NULL && strcmp(word, "invite") == 0) {
        return cli_peer_invite(cli);
    }
    if (word != NULL && strcmp(word, "join") == 0) {
        return cli_peer_join(cli);
    }
    if (word != NULL && strcmp(word, "want") == 0) {
        return peer_want(cli);
    }
    if (word != NULL && strcmp(word, "network") == 0) {
        return peer_network(cli);
    }
    if (word != NULL && strcmp(word, "rm") == 0) {
        return peer_change(cli, "peer.remove");
    }
    if (word != NULL && strcmp(word, "trust") == 0) {
        return cli_peer_trust(cli);
    }
    if (word != NULL && strcmp(word, "list") == 0) {
        return peer_list(cli);
    }
    if (word != NULL && strcmp(word, "dial") == 0) {
        return peer_dial(cli);
    }
    return cli_fail(
        CLI_USAGE,
        "peer add KEY [HOST:PORT], peer invite, peer join INVITE, "
        "peer rm KEY, peer dial, peer list, peer trust KEY, peer want KEY, "
        "or peer network");
}

/* --------------------------------------------------------------- sync, wait */

static int wait_option(struct cli *cli, const char **peer, int *timeout_ms)
{
    bool bad = false;
    const char *timeout = cli_option(cli, "--timeout", &bad);
    char *end = NULL;
    double seconds = timeout != NULL ? strtod(timeout, &end) : 30;

    *peer = cli_option(cli, "--peer", &bad);
    if (timeout != NULL && (*end != '\0' || !(seconds >= 0) || seconds > 1e6)) {
        return cli_fail(CLI_USAGE, "--timeout %s: seconds are wanted", timeout);
    }
    *timeout_ms = (int)(seconds * 1000);
    return cli_end(cli, bad);
}

/* Where everything arrived: how the peers stand, as JSON where asked. */
static int wait_done(struct cli *cli)
{
    return cli_answer(cli, json_pack("{s:s}", "do", "peer.list"), human_none);
}

int cli_wait(struct cli *cli)
{
    const char *peer = NULL;
    int timeout_ms = 0;
    int code = wait_option(cli, &peer, &timeout_ms);

    if (code == CLI_OK) {
        int err = cove_wait(cli->store, peer, timeout_ms);

        code = err == 0 ? wait_done(cli) : cli_failed(cli, err);
    }
    return code;
}

/* Is one of them (or the one that is meant) not connected? */
static bool sync_unreachable(struct cli *cli, const char *peer)
{
    json_t *reply = NULL, *p;
    bool away = false;
    size_t i;

    if (cli_call(cli, json_pack("{s:s}", "do", "peer.list"), &reply) !=
        CLI_OK) {
        return false;
    }
    json_array_foreach(json_object_get(reply, "peers"), i, p)
    {
        const char *state = cli_text(p, "state");

        bool meant = peer == NULL ? !json_is_true(json_object_get(p, "open"))
                                  : strcmp(cli_text(p, "key"), peer) == 0;

        if (meant && strcmp(state, "idle") != 0 && strcmp(state, "busy") != 0) {
            away = true;
        }
    }
    json_decref(reply);
    return away;
}

int cli_sync(struct cli *cli)
{
    const char *peer = NULL;
    int timeout_ms = 0;
    int code = wait_option(cli, &peer, &timeout_ms);

    if (code != CLI_OK) {
        return code;
    }
    signal(SIGPIPE, SIG_IGN);
    int err = cove_thread_start(cli->store);

    if (err != 0) {
        return cli_failed(cli, err);
    }
    err = cove_wait(cli->store, peer, timeout_ms);
    if (err == 0) {
        code = wait_done(cli);
    } else {
        code = cli_failed(cli, err);
        if (err == COVE_ETIMEOUT && sync_unreachable(cli, peer)) {
            code = CLI_UNREACHABLE;
        }
    }
    cove_thread_stop(cli->store);
    return code;
}

/* -------------------------------------------------------------------- status
 */

/* What this device wrote and nobody had seen who removed it. */
static void human_unseen(const json_t *removed)
{
    json_t *one;
    size_t i;

    if (cli_int(removed, "unseenCount") > 0) {
        printf("removed    %" JSON_INTEGER_FORMAT
               " documents, with writes of this device that the one who "
               "removed them had not seen\n",
               cli_int(removed, "unseenCount"));
    }
    json_array_foreach(json_object_get(removed, "unseen"), i, one)
    {
        printf("  %s  ", cli_text(one, "id"));
        cli_print_time(cli_int(one, "time"));
        printf("  by %.16s, %" JSON_INTEGER_FORMAT " writes\n",
               cli_text(one, "author"), cli_int(one, "transactions"));
    }
}

static void human_damage(const json_t *damage)
{
    const json_t *checked = json_object_get(damage, "checked");
    json_int_t found = cli_int(checked, "lost") + cli_int(checked, "derived");
    json_t *aside;
    size_t i;

    if (cli_int(damage, "unreadable") > 0) {
        printf("damaged    %" JSON_INTEGER_FORMAT
               " documents cannot be read, and are in no count here\n",
               cli_int(damage, "unreadable"));
    }
    if (found > cli_int(checked, "fixed")) {
        printf("damaged    %" JSON_INTEGER_FORMAT " findings of the check of ",
               found - cli_int(checked, "fixed"));
        cli_print_time(cli_int(checked, "time"));
        putchar('\n');
    }
    if (cli_int(damage, "asideCount") > 0) {
        printf("put aside  %" JSON_INTEGER_FORMAT
               " pieces, until a peer sends them again\n",
               cli_int(damage, "asideCount"));
    }
    json_array_foreach(json_object_get(damage, "aside"), i, aside)
    {
        printf("  %s", cli_text(aside, "id"));
        if (json_object_get(aside, "session") != NULL) {
            printf(" session %.16s, transactions %" JSON_INTEGER_FORMAT
                   " to %" JSON_INTEGER_FORMAT,
                   cli_text(aside, "session"), cli_int(aside, "from"),
                   cli_int(aside, "to") - 1);
        }
        putchar('\n');
    }
    if (json_object_get(damage, "advice") != NULL) {
        fputs("           ", stdout);
        cli_print_text(cli_text(damage, "advice"));
        putchar('\n');
    }
}

static void human_status(const json_t *reply)
{
    const json_t *waiting = json_object_get(reply, "waiting");
    const char *key;
    json_t *value;

    printf("documents  %" JSON_INTEGER_FORMAT "\n",
           cli_int(reply, "documents"));
    json_object_foreach(json_object_get(reply, "states"), key, value)
    {
        if (json_integer_value(value) > 0) {
            printf("  %-12s %" JSON_INTEGER_FORMAT "\n", key,
                   json_integer_value(value));
        }
    }
    if (cli_int(reply, "invalid") > 0) {
        printf("invalid    %" JSON_INTEGER_FORMAT
               " documents break a rule of their schema; `cove find --invalid` "
               "lists them\n",
               cli_int(reply, "invalid"));
    }
    if (cli_int(reply, "local") > 0) {
        printf("local      %" JSON_INTEGER_FORMAT "\n",
               cli_int(reply, "local"));
    }
    human_unseen(json_object_get(reply, "removed"));
    human_damage(json_object_get(reply, "damage"));
    printf("copies     %" JSON_INTEGER_FORMAT
           "\ndigest     %.16s\nbytes      %" JSON_INTEGER_FORMAT "\n",
           cli_int(reply, "copies"), cli_text(reply, "digest"),
           cli_int(reply, "bytes"));
    if (cli_int(waiting, "ops") > 0) {
        printf("waiting    %" JSON_INTEGER_FORMAT
               " edits in %" JSON_INTEGER_FORMAT
               " documents, for what they hang on\n",
               cli_int(waiting, "ops"), cli_int(waiting, "documents"));
    }
    if (json_array_size(json_object_get(reply, "peers")) > 0) {
        puts("peers");
        human_peers(reply);
    }
    cli_human_daemon(reply);
}

int cli_status(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "status");
    bool scan = cli_flag(cli, "--scan");
    const char *schema = cli_word(cli);
    int code = cli_end(cli, false);

    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    if (schema != NULL) {
        cli_schema_word(schema, request);
    }
    if (scan) {
        json_object_set_new(request, "scan", json_true());
    }
    json_t *reply = NULL;

    code = cli_call(cli, request, &reply);
    if (code == CLI_OK) {
        cli_add_daemon(cli, reply);
        cli_say(cli, reply, human_status);
    }
    json_decref(reply);
    return code;
}
