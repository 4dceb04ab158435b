/* verbs_counter.c: counter: show, add. */
#include "cli/covalue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The value; one beyond 64 bits is shown as far as it goes, exit 9. */
static int counter_print(const struct cli *cli, const struct cli_target *t,
                         int err, int64_t value)
{
    if (cli->json || cli->lines) {
        cli_target_done(cli, t, json_pack("{s:I}", "value", (json_int_t)value));
    } else if (!cli->quiet || !t->write) {
        printf("%lld\n", (long long)value);
    }
    return err == 0 ? CLI_OK
                    : cli_fail(CLI_INVALID,
                               "%s: additions took the sum out of 64 bits; the "
                               "nearest that fits is shown",
                               t->word);
}

/* Add, where that is not 0, and read. */
static int counter_do(struct cli *cli, struct cli_target *t, int64_t amount,
                      bool write)
{
    int64_t value = 0;
    int code = cli_end(cli, false), err = 0;

    code = code == CLI_OK ? cli_target_begin(cli, t, write) : code;
    if (code != CLI_OK) {
        return code;
    }
    if (write) {
        err = cove_counter_add(t->txn, &t->id, amount);
        code = err == 0 ? CLI_OK : cli_failed(cli, err);
    }
    if (code == CLI_OK) {
        err = cove_counter_get(t->txn, &t->id, &value);
        code = err == 0 || err == COVE_ELIMIT ? CLI_OK : cli_failed(cli, err);
    }
    code = cli_target_end(cli, t, code);
    return code == CLI_OK ? counter_print(cli, t, err, value) : code;
}

static int counter_number(const char *word, int64_t *out)
{
    char *end;

    errno = 0;

    long long number = strtoll(word, &end, 10);

    if (errno == ERANGE) {
        return cli_fail(CLI_INVALID, "%s: a counter has 64 bits", word);
    }
    if (errno != 0 || end == word || *end != '\0') {
        return cli_fail(CLI_USAGE, "%s: a whole number is wanted", word);
    }
    *out = number;
    return CLI_OK;
}

/* A number below zero looks like an option: the words are taken as they come.
 */
static const char *counter_word(struct cli *cli)
{
    const char *word = cli_word(cli);

    if (word == NULL && cli->args.count > 0 && cli->args.words[0][1] >= '0' &&
        cli->args.words[0][1] <= '9') {
        word = cli->args.words[0];
        cli->args.words++;
        cli->args.count--;
    }
    return word;
}

static int counter_add(struct cli *cli, struct cli_target *t)
{
    const char *word = counter_word(cli);
    int64_t amount = 1;
    int code = word != NULL ? counter_number(word, &amount) : CLI_OK;

    return code == CLI_OK ? counter_do(cli, t, amount, true) : code;
}

int cli_counter_verb(struct cli *cli)
{
    struct cli_target t;
    bool bad = false;
    int code = cli_target_take(cli, &t, COVE_COCOUNTER, &bad);

    if (code != CLI_OK || bad) {
        return code != CLI_OK ? code : CLI_USAGE;
    }
    const char *word = cli_word(cli);

    if (word == NULL || strcmp(word, "show") == 0) {
        return counter_do(cli, &t, 0, false);
    }
    if (strcmp(word, "add") == 0) {
        return counter_add(cli, &t);
    }
    return cli_fail(CLI_USAGE, "counter ID takes show or add, not \"%s\"",
                    word);
}
