/* verbs_text.c: text: show, insert, delete, replace, update, length. */
#include "cli/covalue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int text_unit(struct cli *cli, enum cove_unit *out, const char **word,
                     bool *bad)
{
    static const char *const words[] = {[COVE_BYTES] = "bytes",
                                        [COVE_CODEPOINTS] = "codepoints",
                                        [COVE_GRAPHEMES] = "graphemes"};

    *word = cli_option(cli, "--unit", bad);
    *out = COVE_CODEPOINTS;
    if (*word == NULL) {
        *word = words[*out];
        return CLI_OK;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i], *word) == 0) {
            *out = (enum cove_unit)i;
            return CLI_OK;
        }
    }
    return cli_fail(CLI_USAGE,
                    "--unit %s; there are bytes, codepoints and graphemes",
                    *word);
}

/* As it is, so that a file made of it gives it back; only on a terminal with
 * nothing that steers it. */
static void text_print(const char *text, size_t len)
{
    if (!isatty(STDOUT_FILENO)) {
        fwrite(text, 1, len, stdout);
        return;
    }
    cli_print_lines(text);
}

static int text_show(struct cli *cli, struct cli_target *t)
{
    const char *text;
    size_t len;
    int code = cli_end(cli, false);

    code = code == CLI_OK ? cli_target_begin(cli, t, false) : code;
    if (code != CLI_OK) {
        return code;
    }
    int err = cove_text_get(t->txn, &t->id, &text, &len);

    if (err != 0) {
        code = cli_failed(cli, err);
    } else if (cli->json || cli->lines) {
        cli_target_done(cli, t,
                        json_pack("{s:o}", "text", json_stringn(text, len)));
    } else {
        text_print(text, len);
    }
    return cli_target_end(cli, t, code);
}

static int text_length(struct cli *cli, struct cli_target *t,
                       enum cove_unit unit, const char *word)
{
    size_t length;
    int code = cli_end(cli, false);

    code = code == CLI_OK ? cli_target_begin(cli, t, false) : code;
    if (code != CLI_OK) {
        return code;
    }
    int err = cove_text_length(t->txn, &t->id, unit, &length);

    if (err != 0) {
        code = cli_failed(cli, err);
    } else if (cli->json || cli->lines) {
        cli_target_done(
            cli, t,
            json_pack("{s:I s:s}", "length", (json_int_t)length, "unit", word));
    } else {
        printf("%zu\n", length);
    }
    return cli_target_end(cli, t, code);
}

/* ------------------------------------------------------------------- edits */

struct text_edit {
    enum cove_unit unit;
    size_t at, remove;
    const char *text;
    bool whole; /* it is all of the text */
};

static int text_apply(struct cli_target *t, void *ctx)
{
    struct text_edit *e = ctx;
    size_t length = 0;
    int err = 0;

    if (e->whole) {
        return cove_text_update(t->txn, &t->id, e->text, strlen(e->text));
    }
    if (e->at == SIZE_MAX || e->remove == SIZE_MAX) {
        err = cove_text_length(t->txn, &t->id, e->unit, &length);
        e->at = e->at == SIZE_MAX ? length : e->at;
        if (e->remove == SIZE_MAX) {
            e->remove = e->at < length ? length - e->at : 0;
        }
    }
    return err != 0 ? err
                    : cove_text_splice(t->txn, &t->id, e->unit, e->at,
                                       e->remove, e->text, strlen(e->text));
}

static int text_write(struct cli *cli, struct cli_target *t,
                      struct text_edit *edit)
{
    int code = cli_end(cli, false);

    code = code == CLI_OK ? cli_target_write(cli, t, text_apply, edit) : code;
    if (code == CLI_OK) {
        cli_target_done(cli, t, NULL);
    }
    return code;
}

static int text_splice(struct cli *cli, struct cli_target *t,
                       struct text_edit *e, bool removes, bool inserts)
{
    const char *at = cli_need(cli, "the place");
    const char *count = NULL;
    int code = at != NULL ? cli_place(at, "the place", &e->at) : CLI_USAGE;

    if (code == CLI_OK && removes) {
        count = cli_need(cli, "how many");
        code = count != NULL ? cli_place(count, "how many", &e->remove)
                             : CLI_USAGE;
    }
    e->text = "";
    if (code == CLI_OK && inserts) {
        e->text = cli_need(cli, "the text");
        code = e->text != NULL ? CLI_OK : CLI_USAGE;
    }
    return code == CLI_OK ? text_write(cli, t, e) : code;
}

static int text_update(struct cli *cli, struct cli_target *t,
                       struct text_edit *e)
{
    const char *word = cli_word(cli);
    char *read = NULL;
    int code = cli_end(cli, false);

    if (code == CLI_OK && (word == NULL || strcmp(word, "-") == 0)) {
        code = cli_read_file("-", &read);
        word = read;
    }
    e->whole = true;
    e->text = word;
    code = code == CLI_OK ? text_write(cli, t, e) : code;
    free(read);
    return code;
}

int cli_text_verb(struct cli *cli)
{
    struct text_edit edit = {.at = 0};
    struct cli_target t;
    const char *unit;
    bool bad = false;
    int code = text_unit(cli, &edit.unit, &unit, &bad);

    code = code == CLI_OK ? cli_target_take(cli, &t, COVE_COTEXT, &bad) : code;
    if (code != CLI_OK || bad) {
        return code != CLI_OK ? code : CLI_USAGE;
    }
    const char *word = cli_word(cli);

    if (word == NULL || strcmp(word, "show") == 0) {
        return text_show(cli, &t);
    }
    if (strcmp(word, "length") == 0) {
        return text_length(cli, &t, edit.unit, unit);
    }
    if (strcmp(word, "update") == 0) {
        return text_update(cli, &t, &edit);
    }
    bool insert = strcmp(word, "insert") == 0;
    bool replace = strcmp(word, "replace") == 0;

    if (insert || replace || strcmp(word, "delete") == 0) {
        return text_splice(cli, &t, &edit, !insert, insert || replace);
    }
    return cli_fail(CLI_USAGE,
                    "text ID takes show, insert, delete, replace, update or "
                    "length, not \"%s\"",
                    word);
}
