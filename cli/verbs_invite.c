/* verbs_invite.c: peer invite, peer join. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "7d", "12h", "30m", "90s" as seconds; -1 where it is none. */
static json_int_t invite_seconds(const char *text)
{
    static const struct {
        char unit;
        json_int_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char *end = NULL;
    long number = text[0] >= '0' && text[0] <= '9' ? strtol(text, &end, 10) : 0;

    if (number < 1 || number > 1000000 || end[0] == '\0' || end[1] != '\0') {
        return -1;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (end[0] == units[i].unit) {
            return number * units[i].seconds;
        }
    }
    return -1;
}

static bool invite_has(const char *address, const char *const *fronts)
{
    for (; *fronts != NULL; fronts++) {
        if (strncmp(address, *fronts, strlen(*fronts)) == 0) {
            return true;
        }
    }
    return false;
}

static bool invite_is_local(const char *address)
{
    static const char *const fronts[] = {"127.", "[::1]:", "localhost:", NULL};

    return invite_has(address, fronts);
}

/* Of the addresses that the daemon listens on the one that most others reach:
 * neither "any" nor this machine's own, where there is such a one. */
static void invite_daemon(struct cli *cli, json_t *request)
{
    static const char *const any[] = {"0.0.0.0:", "[::]:", ":", NULL};
    json_t *state = cli_ask_daemon(cli, "state"), *one;
    const char *best = NULL;
    int best_is = -1;
    size_t i;

    json_array_foreach(json_object_get(state, "listening"), i, one)
    {
        const char *address = json_string_value(one);
        int is = invite_has(address, any)   ? 0
                 : invite_is_local(address) ? 1
                                            : 2;

        if (is > best_is) {
            best = address;
            best_is = is;
        }
    }
    if (best != NULL) {
        json_object_set_new(request, "address", json_string(best));
    }
    json_decref(state);
}

static void human_invite(const json_t *reply)
{
    puts(cli_text(reply, "token"));
    if (invite_is_local(cli_text(reply, "address"))) {
        fprintf(stderr,
                "cove: only this machine reaches %s; --address HOST:PORT says "
                "another address\n",
                cli_text(reply, "address"));
    }
}

static int invite_make(struct cli *cli)
{
    bool bad = false;
    json_int_t uses = 1;
    const char *expires = cli_option(cli, "--expires", &bad);
    const char *name = cli_option(cli, "--name", &bad);
    const char *address = cli_option(cli, "--address", &bad);
    json_int_t seconds = invite_seconds(expires != NULL ? expires : "7d");
    json_t *request;

    (void)cli_option_number(cli, "--uses", &bad, &uses);

    int code = cli_end(cli, bad);

    if (code == CLI_OK && seconds < 0) {
        code = cli_fail(CLI_USAGE,
                        "--expires %s: a number and s, m, h or d is wanted, as "
                        "7d",
                        expires);
    }
    if (code != CLI_OK) {
        return code;
    }
    request = json_pack("{s:s s:I s:I}", "do", "peer.invite", "expires",
                        seconds, "uses", uses);
    if (name != NULL) {
        json_object_set_new(request, "name", json_string(name));
    }
    if (address != NULL) {
        json_object_set_new(request, "address", json_string(address));
    } else {
        invite_daemon(cli, request);
    }
    return cli_answer(cli, request, human_invite);
}

static void human_invites(const json_t *reply)
{
    json_t *invite, *device;
    size_t i, k;

    json_array_foreach(json_object_get(reply, "invites"), i, invite)
    {
        json_t *devices = json_object_get(invite, "devices");

        printf("%3" JSON_INTEGER_FORMAT "  ", cli_int(invite, "number"));
        cli_print_padded(cli_text(invite, "name"), 12);
        printf(" %-8s used %zu of %" JSON_INTEGER_FORMAT "  expires ",
               cli_text(invite, "state"), json_array_size(devices),
               cli_int(invite, "uses"));
        cli_print_time(cli_int(invite, "expires"));
        putchar('\n');
        json_array_foreach(devices, k, device)
        {
            printf("     by %.16s\n", json_string_value(device));
        }
    }
}

static void human_nothing(const json_t *reply)
{
    (void)reply;
}

int cli_peer_invite(struct cli *cli)
{
    bool bad = false, list = cli_flag(cli, "--list");
    json_int_t number = 0;
    bool revoke = cli_option_number(cli, "--revoke", &bad, &number);
    int code;

    if (!list && !revoke && !bad) {
        return invite_make(cli);
    }
    code = cli_end(cli, bad);
    if (code == CLI_OK && list && revoke) {
        code = cli_fail(CLI_USAGE, "either --list or --revoke N");
    }
    if (code != CLI_OK) {
        return code;
    }
    return revoke
               ? cli_answer(cli,
                            json_pack("{s:s s:I}", "do", "peer.invite.revoke",
                                      "number", number),
                            human_nothing)
               : cli_answer(cli, json_pack("{s:s}", "do", "peer.invites"),
                            human_invites);
}

static void human_joined(const json_t *reply)
{
    printf("peer %.16s at %s is called; `cove peer list` shows how that goes\n",
           cli_text(reply, "key"), cli_text(reply, "address"));
}

int cli_peer_join_by(struct cli *cli, const char *token, const char *name)
{
    json_t *request = json_pack("{s:s}", "do", "peer.join");
    int code;

    json_object_set_new(request, "token", json_string(token));
    if (name != NULL) {
        json_object_set_new(request, "name", json_string(name));
    }
    code = cli_answer(cli, request, human_joined);
    if (code == CLI_OK) { /* a daemon need not wait for its next look */
        json_decref(cli_ask_daemon(cli, "redial"));
    }
    return code;
}

int cli_peer_join(struct cli *cli)
{
    bool bad = false;
    const char *name = cli_option(cli, "--name", &bad);
    const char *word = cli_word(cli);
    char *read = NULL;
    int code = cli_end(cli, bad);

    if (code == CLI_OK && word == NULL) {
        code = cli_fail(CLI_USAGE, "this needs an invite, as `cove peer "
                                   "invite` prints it there; - reads it from "
                                   "standard input");
    }
    if (word != NULL && code == CLI_OK && strcmp(word, "-") == 0) {
        code = cli_read_file("-", &read);
        word = read;
    }
    if (code != CLI_OK) {
        return code;
    }
    code = cli_peer_join_by(cli, word, name);
    free(read);
    return code;
}
