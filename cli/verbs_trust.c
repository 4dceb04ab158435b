/* verbs_trust.c: peer list --refused, peer trust: the devices that called the
 * daemon, proved their keys and are no peers here; and those that it refuses
 * for a while. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#define TRUST_DIGITS 8 /* of a key, at least */

/* Is the device a peer that somebody named? */
static bool trust_known(const json_t *peers, const char *key)
{
    json_t *peer;
    size_t i;

    json_array_foreach(peers, i, peer)
    {
        if (strcmp(cli_text(peer, "key"), key) == 0) {
            return !json_is_true(json_object_get(peer, "open"));
        }
    }
    return false;
}

/* Those that are still no peers. Ownership: the caller's. */
static int trust_strangers(struct cli *cli, json_t **out)
{
    json_t *state = cli_ask_daemon(cli, "state"), *reply = NULL, *one;
    int code = CLI_OK;
    size_t i;

    if (state == NULL) {
        return cli_fail(CLI_CONDITION,
                        "no daemon on this store answers; who called is "
                        "remembered by `cove serve` while it runs");
    }
    code = cli_call(cli, json_pack("{s:s}", "do", "peer.list"), &reply);
    *out = json_array();
    json_array_foreach(json_object_get(state, "strangers"), i, one)
    {
        if (code == CLI_OK && !trust_known(json_object_get(reply, "peers"),
                                           cli_text(one, "key"))) {
            json_array_append(*out, one);
        }
    }
    json_decref(reply);
    json_decref(state);
    return code;
}

static void human_strangers(const json_t *reply)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(reply, "refused"), i, one)
    {
        printf("%s  from %-21s %" JSON_INTEGER_FORMAT " calls, last ",
               cli_text(one, "key"), cli_text(one, "address"),
               cli_int(one, "calls"));
        cli_print_time(cli_int(one, "time"));
        putchar('\n');
    }
}

int cli_peer_refused(struct cli *cli)
{
    json_t *list = NULL;
    int code = trust_strangers(cli, &list);

    if (code == CLI_OK) {
        json_t *reply = json_pack("{s:O}", "refused", list);

        cli_say(cli, reply, human_strangers);
        json_decref(reply);
    }
    json_decref(list);
    return code;
}

/* The one whose key begins so. */
static int trust_find(const json_t *list, const char *word, const char **key)
{
    json_t *one;
    size_t i, found = 0;

    json_array_foreach(list, i, one)
    {
        if (strncmp(cli_text(one, "key"), word, strlen(word)) == 0) {
            *key = cli_text(one, "key");
            found++;
        }
    }
    if (found == 1) {
        return CLI_OK;
    }
    return found > 1 ? cli_fail(CLI_USAGE,
                                "%zu devices that called have keys that begin "
                                "with %s; say more of it",
                                found, word)
                     : cli_fail(CLI_NOT_FOUND,
                                "no device with this key called lately and was "
                                "refused; `cove peer list --refused` shows "
                                "those, `cove peer add KEY` takes any");
}

/* Whom the daemon refuses for a while, and this word may mean; NULL where there
 * is nobody, or more than one. */
static const json_t *trust_banned(const json_t *state, const char *word)
{
    const json_t *found = NULL;
    json_t *ban;
    size_t i, count = 0;

    json_array_foreach(json_object_get(state, "bans"), i, ban)
    {
        const char *key = cli_text(ban, "key");

        if (strcmp(cli_text(ban, "address"), word) == 0 ||
            (strlen(word) >= TRUST_DIGITS &&
             strncmp(key, word, strlen(word)) == 0)) {
            found = ban;
            count++;
        }
    }
    return count == 1 ? found : NULL;
}

static void human_forgiven(const json_t *reply)
{
    printf("%s is taken in again\n", cli_text(reply, "forgiven"));
}

/* Take it in again, where it is refused for a while; *done says so. */
static int trust_forgive(struct cli *cli, const char *word, bool *done)
{
    json_t *state = cli_ask_daemon(cli, "state"), *reply = NULL, *said;
    const json_t *ban = trust_banned(state, word);
    const char *who = "";
    int code = CLI_OK;

    *done = ban != NULL;
    if (ban != NULL) {
        who = cli_text(ban, "key")[0] != '\0' ? cli_text(ban, "key")
                                              : cli_text(ban, "address");
        reply = cli_tell_daemon(cli, "forgive", who);
        code = reply != NULL ? CLI_OK
                             : cli_fail(CLI_CONDITION,
                                        "the daemon does not answer; try once "
                                        "more");
    }
    if (ban != NULL && code == CLI_OK) {
        said = json_pack("{s:s}", "forgiven", who);
        cli_say(cli, said, human_forgiven);
        json_decref(said);
    }
    json_decref(reply);
    json_decref(state);
    return code;
}

static void human_trusted(const json_t *reply)
{
    printf("%s is a peer from here on\n", cli_text(reply, "key"));
}

int cli_peer_trust(struct cli *cli)
{
    bool bad = false;
    const char *name = cli_option(cli, "--name", &bad), *key = NULL;
    const char *word = cli_word(cli);
    int code = cli_end(cli, bad);
    json_t *list = NULL, *request;
    bool done = false;

    if (code == CLI_OK && word != NULL) {
        code = trust_forgive(cli, word, &done);
    }
    if (done) {
        return code;
    }
    if (code == CLI_OK && (word == NULL || strlen(word) < TRUST_DIGITS)) {
        code = cli_fail(CLI_USAGE,
                        "this needs the key of a device that called, or at "
                        "least its first %d digits; `cove peer list --refused` "
                        "shows them",
                        TRUST_DIGITS);
    }
    code = code != CLI_OK ? code : trust_strangers(cli, &list);
    if (code == CLI_OK && word != NULL) {
        code = trust_find(list, word, &key);
    }
    if (code == CLI_OK) {
        request = json_pack("{s:s s:s}", "do", "peer.add", "key", key);
        if (name != NULL) {
            json_object_set_new(request, "name", json_string(name));
        }
        code = cli_answer(cli, request, human_trusted);
    }
    if (code == CLI_OK) {
        json_decref(cli_ask_daemon(cli, "redial"));
    }
    json_decref(list);
    return code;
}
