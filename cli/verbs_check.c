/* verbs_check.c: check, recover, stats: is the store whole, and if not, what
 * is? How much is in it? */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_log(void *ctx, const char *text)
{
    static const char word[] = "progress ", of[] = " of ";
    struct cli_progress *p = ctx;
    char *end;

    if (strncmp(text, word, sizeof(word) - 1) != 0) {
        return;
    }

    long long done = strtoll(text + sizeof(word) - 1, &end, 10);

    if (strncmp(end, of, sizeof(of) - 1) == 0) {
        p->total = strtoll(end + sizeof(of) - 1, NULL, 10);
        cli_progress_step(p, done);
    }
}

static void human_finding(const json_t *f)
{
    bool fixed = json_is_true(json_object_get(f, "fixed"));

    printf("%-8s %-15s ",
           json_is_true(json_object_get(f, "derived")) ? "derived" : "LOST",
           cli_text(f, "kind"));
    if (json_object_get(f, "id") != NULL) {
        printf("%s  ", cli_text(f, "id"));
    }
    cli_print_text(cli_text(f, "why"));
    if (json_object_get(f, "from") != NULL) {
        printf(": session %.16s, transactions %" JSON_INTEGER_FORMAT
               " to %" JSON_INTEGER_FORMAT,
               cli_text(f, "session"), cli_int(f, "from"),
               cli_int(f, "to") - 1);
    }
    printf("\n         %s", fixed ? "repaired; " : "");
    cli_print_text(cli_text(f, "advice"));
    putchar('\n');
}

static void human_check(const json_t *reply)
{
    const json_t *pages = json_object_get(reply, "pages");
    json_t *f;
    size_t i;

    json_array_foreach(json_object_get(reply, "damaged"), i, f)
    {
        human_finding(f);
    }
    if (cli_int(reply, "lost") + cli_int(reply, "derived") >
        cli_int(reply, "shown")) {
        printf("… and more; these are the first %" JSON_INTEGER_FORMAT "\n",
               cli_int(reply, "shown"));
    }
    printf("%" JSON_INTEGER_FORMAT " documents, %" JSON_INTEGER_FORMAT
           " sessions, %" JSON_INTEGER_FORMAT
           " transactions, %" JSON_INTEGER_FORMAT " damaged",
           cli_int(reply, "documents"), cli_int(reply, "sessions"),
           cli_int(reply, "transactions"),
           cli_int(reply, "lost") + cli_int(reply, "derived"));
    if (cli_int(reply, "fixed") > 0) {
        printf(", %" JSON_INTEGER_FORMAT " of it repaired",
               cli_int(reply, "fixed"));
    }
    putchar('\n');
    if (pages != NULL) {
        printf("%" JSON_INTEGER_FORMAT " pages in use, %" JSON_INTEGER_FORMAT
               " free\n",
               cli_int(pages, "used"), cli_int(pages, "free"));
    }
}

/* Damage that was made good is none any more. */
static bool check_is_well(const json_t *reply)
{
    return cli_int(reply, "lost") == 0 &&
           cli_int(reply, "derived") <= cli_int(reply, "fixed");
}

int cli_check(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "check");
    struct cli_progress progress;
    json_t *reply = NULL;

    if (cli_flag(cli, "--deep")) {
        json_object_set_new(request, "deep", json_true());
    }
    if (cli_flag(cli, "--repair")) {
        json_object_set_new(request, "repair", json_true());
    }
    int code = cli_end(cli, false);

    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    cli_progress_begin(&progress, cli, "checked", 0);
    cove_set_log(cli->store, check_log, &progress);
    code = cli_call(cli, request, &reply);
    cove_set_log(cli->store, NULL, NULL);
    cli_progress_end(&progress);
    if (code == CLI_OK) {
        cli_say(cli, reply, human_check);
        code = check_is_well(reply) ? CLI_OK : CLI_INVALID;
    }
    json_decref(reply);
    return code;
}

/* ----------------------------------------------------------------- recover */

static void human_reissued(const json_t *reissued)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(reissued, "left"), i, one)
    {
        printf("stays %s, written ", cli_text(one, "id"));
        cli_print_time(cli_int(one, "time"));
        fputs(": ", stdout);
        cli_print_text(cli_text(one, "why"));
        putchar('\n');
    }
    if (reissued != NULL) {
        printf("%" JSON_INTEGER_FORMAT " fields of %" JSON_INTEGER_FORMAT
               " documents written again, %" JSON_INTEGER_FORMAT
               " documents with something that waits for its time\n",
               cli_int(reissued, "fields"), cli_int(reissued, "documents"),
               cli_int(reissued, "leftCount"));
    }
}

static void human_recover(const json_t *reply)
{
    json_t *d;
    size_t i;

    json_array_foreach(json_object_get(reply, "damaged"), i, d)
    {
        printf("%-5s %s: ", cli_text(d, "what"),
               json_object_get(d, "id") != NULL ? cli_text(d, "id")
                                                : "a document");
        cli_print_text(cli_text(d, "why"));
        printf("; %" JSON_INTEGER_FORMAT
               " transactions saved, %" JSON_INTEGER_FORMAT " lost\n",
               cli_int(d, "saved"), cli_int(d, "lost"));
    }
    if (cli_int(reply, "part") + cli_int(reply, "lost") >
        cli_int(reply, "shown")) {
        printf("… and more; these are the first %" JSON_INTEGER_FORMAT "\n",
               cli_int(reply, "shown"));
    }
    printf("%" JSON_INTEGER_FORMAT " documents whole, %" JSON_INTEGER_FORMAT
           " in part, %" JSON_INTEGER_FORMAT " lost; %" JSON_INTEGER_FORMAT
           " transactions saved, %" JSON_INTEGER_FORMAT " lost\n",
           cli_int(reply, "whole"), cli_int(reply, "part"),
           cli_int(reply, "lost"), cli_int(reply, "transactions"),
           cli_int(reply, "transactionsLost"));
    human_reissued(json_object_get(reply, "reissued"));
    if (!json_is_true(json_object_get(reply, "complete"))) {
        puts("the list of documents was damaged: there may have been others");
    }
    fputs("`cove -d ", stdout);
    cli_print_text(cli_text(reply, "path"));
    puts(" sync` takes what is missing from peers that have it");
}

/* It needs no store but those that it names: one in memory stands for it. */
int cli_recover(struct cli *cli)
{
    bool reissue = cli_flag(cli, "--reissue");
    const char *from = cli_word(cli);
    const char *to = cli_word(cli);
    struct cli_progress progress;
    json_t *reply = NULL;
    int code = cli_end(cli, false);

    if (code == CLI_OK && to == NULL) {
        code =
            cli_fail(CLI_USAGE, "recover needs the damaged store's directory "
                                "and a new one");
    }
    code = code != CLI_OK ? code : cli_open(cli, COVE_OPEN_MEMORY);
    if (code != CLI_OK) {
        return code;
    }
    cli_progress_begin(&progress, cli, "entries", 0);
    cove_set_log(cli->store, check_log, &progress);
    code = cli_call(cli,
                    json_pack("{s:s s:s s:s s:b}", "do", "recover", "from",
                              from, "to", to, "reissue", (int)reissue),
                    &reply);
    cove_set_log(cli->store, NULL, NULL);
    cli_progress_end(&progress);
    if (code == CLI_OK) {
        cli_say(cli, reply, human_recover);
        code = cli_int(reply, "part") + cli_int(reply, "lost") > 0 ? CLI_INVALID
                                                                   : CLI_OK;
    }
    json_decref(reply);
    return code;
}

/* ------------------------------------------------------------------- stats */

static void human_stats(const json_t *reply)
{
    static const char *const lines[] = {"used", "free",   "file",   "map",
                                        "held", "chunks", "groups", "cuts"};
    const json_t *bytes = json_object_get(reply, "bytes");
    const char *key;
    json_t *value;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)bytes, key, value)
    {
        printf("%-14s %12" JSON_INTEGER_FORMAT " bytes\n", key,
               json_integer_value(value));
    }
    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        printf("%-14s %12" JSON_INTEGER_FORMAT "\n", lines[i],
               cli_int(reply, lines[i]));
    }
    printf("%-14s %12" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT "\n",
           "readers", cli_int(reply, "readers"), cli_int(reply, "readersMax"));
    if (cli_int(reply, "readers") > 0) {
        printf("%-14s %12" JSON_INTEGER_FORMAT " of other processes, "
               "%" JSON_INTEGER_FORMAT " of dead ones, the oldest "
               "%" JSON_INTEGER_FORMAT " commits behind\n",
               "", cli_int(reply, "readersOthers"),
               cli_int(reply, "readersStale"), cli_int(reply, "readersBehind"));
    }
    value = json_object_get(reply, "transactions");
    printf("%-14s %12" JSON_INTEGER_FORMAT
           " open in this process, the oldest for %" JSON_INTEGER_FORMAT
           " ms\n",
           "transactions", cli_int(value, "open"), cli_int(value, "oldestMs"));
    value = json_object_get(reply, "sessions");
    printf("%-14s %12" JSON_INTEGER_FORMAT " ours, %" JSON_INTEGER_FORMAT
           " of them ended, and %" JSON_INTEGER_FORMAT " of others\n",
           "sessions", cli_int(value, "ours"), cli_int(value, "ended"),
           cli_int(value, "others"));
    json_array_foreach(json_object_get(reply, "schemas"), i, value)
    {
        cli_print_padded(cli_text(value, "schema"), 14);
        printf(" %12" JSON_INTEGER_FORMAT " documents\n",
               cli_int(value, "documents"));
    }
    printf("store format %" JSON_INTEGER_FORMAT ", LMDB %s, cove %s\n",
           cli_int(reply, "format"), cli_text(reply, "lmdb"),
           cli_text(reply, "cove"));
    cli_human_daemon(reply);
}

int cli_stats(struct cli *cli)
{
    json_t *reply = NULL, *peers = NULL;
    int code = cli_end(cli, false);

    if (code == CLI_OK) {
        code = cli_call(cli, json_pack("{s:s}", "do", "stats"), &reply);
    }
    if (code == CLI_OK) {
        code = cli_call(cli, json_pack("{s:s}", "do", "peer.list"), &peers);
    }
    if (code == CLI_OK) {
        json_object_update(reply, peers);
        cli_add_daemon(cli, reply);
        cli_say(cli, reply, human_stats);
    }
    json_decref(peers);
    json_decref(reply);
    return code;
}
