/* verbs_cut.c: cut: the beginning of histories goes, for good. What would go is
 * looked at first, then said and asked. */
#include "cli/covalue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct cut {
    struct cli *cli;
    struct cli_progress progress;
    json_t *rule;   /* the request, without what it is about */
    json_t *scopes; /* [{}], [{schema}], or [{id}, …] */
    json_t *sums;   /* the replies, added up */
};

/* ------------------------------------------------------------------ adding */

static void cut_add_int(json_t *sums, const json_t *reply, const char *key)
{
    json_object_set_new(sums, key,
                        json_integer(cli_int(sums, key) + cli_int(reply, key)));
}

/* The peers that something was left for, each once. */
static void cut_add_behind(json_t *sums, const json_t *reply)
{
    json_t *list = json_object_get(sums, "behind"), *one, *was;
    size_t i, k;

    json_array_foreach(json_object_get(reply, "behind"), i, one)
    {
        bool found = false;

        json_array_foreach(list, k, was)
        {
            if (strcmp(cli_text(was, "key"), cli_text(one, "key")) == 0) {
                cut_add_int(was, one, "documents");
                found = true;
            }
        }
        if (!found) {
            json_array_append(list, one);
        }
    }
}

static void cut_add(json_t *sums, const json_t *reply)
{
    static const char *const keys[] = {"looked", "documents", "transactions",
                                       "bytes"};
    json_t *left = json_object_get(sums, "left"), *count;
    const char *key;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        cut_add_int(sums, reply, keys[i]);
    }
    if (cli_int(reply, "until") > cli_int(sums, "until")) {
        json_object_set(sums, "until", json_object_get(reply, "until"));
    }
    json_object_foreach(json_object_get(reply, "left"), key, count)
    {
        cut_add_int(left, json_object_get(reply, "left"), key);
    }
    cut_add_behind(sums, reply);
    json_object_set(sums, "dry", json_object_get(reply, "dry"));
}

/* ------------------------------------------------------------------- asking */

/* Slice after slice of one scope. */
static int cut_scope(struct cut *c, json_t *scope, const char *how)
{
    json_int_t after = 0;
    bool more = true;
    int code = CLI_OK;

    while (more && code == CLI_OK) {
        json_t *request = json_deep_copy(c->rule);
        json_t *reply = NULL;

        json_object_update(request, scope);
        json_object_set_new(request, how, json_true());
        json_object_set_new(request, "after", json_integer(after));
        json_object_set_new(request, "slice", json_integer(250));
        code = cli_call(c->cli, request, &reply);
        if (code == CLI_OK) {
            more = json_object_get(reply, "next") != NULL;
            after = cli_int(reply, "next");
            cut_add(c->sums, reply);
            cli_progress_step(&c->progress, cli_int(c->sums, "looked"));
        }
        json_decref(reply);
    }
    return code;
}

/* All of it: only looked at ("dry"), or done ("yes"). */
static int cut_all(struct cut *c, const char *how)
{
    json_t *scope;
    size_t i;
    int code = CLI_OK;

    json_decref(c->sums);
    c->sums = json_pack("{s:i s:i s:i s:i s:{} s:[] s:b}", "looked", 0,
                        "documents", 0, "transactions", 0, "bytes", 0, "left",
                        "behind", "dry", strcmp(how, "dry") == 0);
    cli_progress_begin(&c->progress, c->cli,
                       strcmp(how, "dry") == 0 ? "documents looked at"
                                               : "documents cut or left",
                       0);
    json_array_foreach(c->scopes, i, scope)
    {
        if (code == CLI_OK) {
            code = cut_scope(c, scope, how);
        }
    }
    cli_progress_end(&c->progress);
    return code;
}

/* ------------------------------------------------------------------- saying */

static void cut_print_left(const json_t *sums)
{
    static const char *const words[][2] = {
        {"less", "less than 4,096 bytes of their history would go"},
        {"peers", "a peer that was here lately lacks a part"},
        {"right", "this device is no admin of their owner"},
        {"type", "streams, blobs and the like keep their history"},
        {"state", "there are branches, or something that is not shown yet"},
        {"long", "what the history came to is too long to stand for it"},
        {"damaged", "damaged: `cove check` says more"}};
    const json_t *left = json_object_get(sums, "left");
    json_t *peer;
    size_t i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (cli_int(left, words[i][0]) > 0) {
            printf("left     %" JSON_INTEGER_FORMAT ": %s\n",
                   cli_int(left, words[i][0]), words[i][1]);
        }
    }
    json_array_foreach(json_object_get(sums, "behind"), i, peer)
    {
        printf("waiting  for ");
        cli_print_text(cli_text(peer, "name")[0] != '\0'
                           ? cli_text(peer, "name")
                           : cli_text(peer, "key"));
        printf(", of %" JSON_INTEGER_FORMAT " document%s\n",
               cli_int(peer, "documents"),
               cli_int(peer, "documents") == 1 ? "" : "s");
    }
}

static void cut_print(const json_t *sums)
{
    bool dry = json_is_true(json_object_get(sums, "dry"));

    printf("%s  %" JSON_INTEGER_FORMAT " transactions, %" JSON_INTEGER_FORMAT
           " bytes, of %" JSON_INTEGER_FORMAT " document%s",
           dry ? "would go" : "cut off", cli_int(sums, "transactions"),
           cli_int(sums, "bytes"), cli_int(sums, "documents"),
           cli_int(sums, "documents") == 1 ? "" : "s");
    if (json_object_get(sums, "until") != NULL) {
        fputs(", up to ", stdout);
        cli_print_time(cli_int(sums, "until"));
    }
    putchar('\n');
    cut_print_left(sums);
}

/* [y/N] on a terminal; elsewhere -y has to be said. */
static int cut_ask(const struct cut *c)
{
    char line[16] = "";

    if (!isatty(STDIN_FILENO) || c->cli->strict) {
        return cli_fail(CLI_DESTRUCTIVE,
                        "this would cut off %" JSON_INTEGER_FORMAT
                        " transactions of %" JSON_INTEGER_FORMAT
                        " document%s for good; -y does it",
                        cli_int(c->sums, "transactions"),
                        cli_int(c->sums, "documents"),
                        cli_int(c->sums, "documents") == 1 ? "" : "s");
    }
    cut_print(c->sums);
    fflush(stdout);
    fputs("Cut it off, for good? [y/N] ", stderr);
    return fgets(line, sizeof(line), stdin) != NULL &&
                   (line[0] == 'y' || line[0] == 'Y')
               ? CLI_OK
               : cli_fail(CLI_DESTRUCTIVE, "nothing was cut off");
}

/* ------------------------------------------------------------------ options */

/* "200000", "64K", "2M", "1G". */
static bool cut_bytes(const char *text, json_int_t *out)
{
    static const char units[] = "KMG";
    char *end;
    int shift = 0;

    errno = 0;

    long long number = strtoll(text, &end, 10);
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;

    if (unit != NULL) {
        shift = 10 * (int)(unit - units + 1);
        end++;
    }
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' ||
        number > (INT64_MAX >> shift)) {
        return false;
    }
    *out = (json_int_t)number << shift;
    return true;
}

static void cut_keep(struct cut *c, bool *bad)
{
    const char *keep = cli_option(c->cli, "--keep", bad);
    json_int_t bytes;

    if (keep == NULL) {
        return;
    }
    if (cut_bytes(keep, &bytes)) {
        json_object_set_new(c->rule, "keep", json_integer(bytes));
    } else {
        cli_fail(CLI_USAGE,
                 "--keep %s: bytes are wanted, as 200000, 64K, 2M or 1G", keep);
        *bad = true;
    }
}

/* An ID, or ID.FIELD of what a field refers to. */
static int cut_id(struct cut *c, const char *word)
{
    struct cli_target t = {.word = word, .type = CLI_ANY_TYPE};
    int code = CLI_OK;

    if (strchr(word, '.') != NULL) {
        code = cli_target_begin(c->cli, &t, false);
        code = code == CLI_OK ? cli_target_end(c->cli, &t, code) : code;
        word = t.text;
    }
    if (code == CLI_OK) {
        json_array_append_new(c->scopes, json_pack("{s:s}", "id", word));
    }
    return code;
}

static int cut_options(struct cut *c)
{
    bool bad = false;
    const char *before = cli_option(c->cli, "--before", &bad);
    const char *schema = cli_option(c->cli, "--schema", &bad);
    const char *word;
    json_int_t days;
    int code = CLI_OK;

    c->rule = json_pack("{s:s}", "do", "history.cut");
    c->scopes = json_array();
    if (cli_option_number(c->cli, "--days", &bad, &days)) {
        json_object_set_new(c->rule, "days", json_integer(days));
    }
    if (before != NULL) {
        json_object_set_new(c->rule, "before", json_string(before));
    }
    cut_keep(c, &bad);
    if (cli_flag(c->cli, "--force")) {
        json_object_set_new(c->rule, "force", json_true());
    }
    if (cli_flag(c->cli, "--no-backup")) {
        json_object_set_new(c->rule, "noBackup", json_true());
    }
    while ((word = cli_word(c->cli)) != NULL) {
        code = code == CLI_OK ? cut_id(c, word) : code;
    }
    if (code != CLI_OK) {
        return code;
    }
    if (schema != NULL && json_array_size(c->scopes) > 0) {
        return cli_fail(CLI_USAGE, "cut takes IDs or --schema NAME, not both");
    }
    if (json_array_size(c->scopes) == 0) {
        json_array_append_new(
            c->scopes, schema != NULL ? json_pack("{s:s}", "schema", schema)
                                      : json_object());
    }
    return cli_end(c->cli, bad);
}

int cli_cut(struct cli *cli)
{
    struct cut c = {.cli = cli};
    bool dry = cli_flag(cli, "--dry-run");
    int code = cut_options(&c);

    if (code == CLI_OK && (dry || !cli->yes || json_array_size(c.scopes) > 1)) {
        code = cut_all(&c, "dry"); /* one that is refused: nothing is done */
    }
    if (code == CLI_OK && !dry && !cli->yes &&
        cli_int(c.sums, "documents") > 0) {
        code = cut_ask(&c);
    }
    if (code == CLI_OK && !dry &&
        (cli->yes || cli_int(c.sums, "documents") > 0)) {
        code = cut_all(&c, "yes");
    }
    if (code == CLI_OK) {
        cli_say(cli, c.sums, cut_print);
    }
    json_decref(c.rule);
    json_decref(c.scopes);
    json_decref(c.sums);
    return code;
}
